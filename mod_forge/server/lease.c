/* SPDX-License-Identifier: Apache-2.0
 * Borrows a database connection from the child's pool (pool.c) for store/, and gives it back (DESIGN 1).
 */
#include "server_private.h"
#include "store/store.h"

#include <httpd.h>

#define IDLE_IN_TRANSACTION apr_time_from_sec(10) /* longest silence inside a transaction */
#define PROBE_WAIT          apr_time_from_sec(1)
#define PROBE_ANSWER        apr_time_from_sec(3)
#define ANSWER_SLACK        apr_time_from_msec(300) /* how long after its own time-out a hanging server is given up */

struct forge_lease_t {
    apr_pool_t *p;
    const forge_server_t *server;
    forge_pool_t *pool; /* of the primary, or of the replica */
    forge_conn_t *conn; /* NULL once given back */
    forge_db_t *db;
    const forge_note_t *note; /* of the request for which it was taken; NULL: not said, or for none */
};

/* Sends nothing and waits for nothing: the pool puts in order what was left in disorder. */
void forge_server_lease_return(forge_lease_t *lease)
{
    if (!lease->conn)
        return;
    forge_conn_t *conn = lease->conn;
    forge_store_db_leave(lease->db); /* an open transaction ends together with its effects */
    forge_effects_t effects = forge_store_effects_take(lease->db, lease->p);
    lease->conn = NULL;
    lease->db = NULL;
    forge_server_pool_give(lease->pool, conn);
    forge_server_effects_apply(lease->server, &effects, lease->note);
}

void forge_server_lease_for(forge_lease_t *lease, const forge_note_t *note)
{
    lease->note = note;
}

static apr_status_t return_with_pool(void *lease)
{
    forge_server_lease_return(lease);
    return APR_SUCCESS;
}

/* How long a connection is waited for, and each answer on it. */
typedef struct bounds_t {
    apr_interval_time_t wait, answer;
} bounds_t;

static bounds_t usual(const forge_server_t *server)
{
    return (bounds_t){forge_config_pool_wait(server->config),
                      forge_config_statement_timeout(server->config) + ANSWER_SLACK};
}

/* Takes a connection that lives. One that died in the pool is found before anything is sent, and the next one is taken
 * as long as there is time. */
static forge_status_t take(apr_pool_t *p, forge_lease_t *lease, forge_activity_t activity, bounds_t bounds)
{
    const forge_server_t *server = lease->server;
    const forge_db_settings_t settings = forge_server_db_settings(server, bounds.answer);
    const forge_db_use_t use = {activity.text, forge_server_store_says, server->s};
    apr_int64_t until = forge_util_monotonic() + bounds.wait;
    for (;;) {
        FORGE_TRY(forge_server_pool_take(server->db_pool, until - forge_util_monotonic(), &lease->conn));
        void *native = forge_server_pool_native(lease->conn);
        forge_live_lease_begin(server->live, forge_server_pool_place(lease->conn), activity.slot, activity.text);
        forge_status_t status = forge_store_db_attach(p, native, &settings, &use, &lease->db);
        if (status == FORGE_OK)
            return FORGE_OK;
        forge_native_t state = forge_store_native_state(native);
        forge_server_pool_give(server->db_pool, lease->conn);
        lease->conn = NULL;
        if (state.unanswered || status != FORGE_E_DATABASE_DOWN)
            return status;
    }
}

static forge_status_t take_within(apr_pool_t *p, const forge_server_t *server, forge_activity_t activity,
                                  bounds_t bounds, forge_lease_t **out)
{
    forge_lease_t *lease = apr_pcalloc(p, sizeof(*lease));
    lease->p = p;
    lease->server = server;
    lease->pool = server->db_pool;
    forge_status_t status = take(p, lease, activity, bounds);
    if (status == FORGE_E_POOL_EXHAUSTED)
        forge_live_count(server->live, FORGE_C_DB_WAIT_TIMEOUT);
    if (status != FORGE_OK)
        return status;
    apr_pool_cleanup_register(p, lease, return_with_pool, apr_pool_cleanup_null);
    if (server->events)
        forge_store_events_want(lease->db);
    *out = lease;
    return FORGE_OK;
}

forge_status_t forge_server_lease_take(apr_pool_t *p, const forge_server_t *server, forge_activity_t activity,
                                       forge_lease_t **lease, forge_db_t **db)
{
    FORGE_TRY(take_within(p, server, activity, usual(server), lease));
    *db = (*lease)->db;
    return FORGE_OK;
}

forge_status_t forge_server_lease_probe(apr_pool_t *p, const forge_server_t *server, forge_activity_t activity,
                                        forge_db_fn use, void *data)
{
    bounds_t bounds = usual(server);
    forge_lease_t *lease;
    bounds.wait = bounds.wait < PROBE_WAIT ? bounds.wait : PROBE_WAIT;
    bounds.answer = bounds.answer < PROBE_ANSWER ? bounds.answer : PROBE_ANSWER;
    FORGE_TRY(take_within(p, server, activity, bounds, &lease));
    forge_status_t status = use(lease->db, p, data);
    forge_server_lease_return(lease);
    return status;
}

forge_status_t forge_server_lease_traced(request_rec *r, forge_activity_t activity, forge_lease_t **lease,
                                         forge_db_t **db)
{
    forge_spans_t *spans = forge_server_note(r)->spans;
    apr_int64_t since = spans ? forge_util_monotonic() : 0;
    forge_status_t status = forge_server_lease_take(r->pool, forge_server_of(r->server), activity, lease, db);
    if (spans)
        forge_server_span_waited(spans, since, status);
    if (spans && status == FORGE_OK)
        forge_store_db_timed(*db, forge_server_span_statement, spans);
    return status;
}

/* --- the replica --- */

/* Attaches the connection, and asks the replica how far it is unless that is known to be enough. */
static forge_status_t attach_replica(apr_pool_t *p, forge_lease_t *lease, forge_activity_t activity,
                                     const forge_position_t *needed)
{
    const forge_server_t *server = lease->server;
    const forge_db_settings_t settings = forge_server_replica_settings(server);
    const forge_db_use_t use = {activity.text, forge_server_replica_says, server->s};
    forge_live_lease_begin(server->live, forge_server_pool_place(lease->conn), activity.slot, activity.text);
    FORGE_TRY(forge_store_db_attach(p, forge_server_pool_native(lease->conn), &settings, &use, &lease->db));
    return forge_store_replica_has(lease->db, p, needed);
}

/* Why the primary is to be asked, or FORGE_C_READ_REPLICA. */
static forge_counter_t take_replica(apr_pool_t *p, forge_lease_t *lease, forge_activity_t activity, unsigned topics)
{
    forge_position_t needed;
    bool away = false;
    if (!forge_live_position(lease->server->live, lease->server->realm, topics, &needed))
        return FORGE_C_READ_UNSURE;
    if (forge_server_pool_lags(lease->pool))
        return FORGE_C_READ_BEHIND;
    lease->conn = forge_server_pool_try(lease->pool, &away);
    if (!lease->conn)
        return away ? FORGE_C_READ_AWAY : FORGE_C_READ_BUSY;
    forge_status_t status = attach_replica(p, lease, activity, &needed);
    if (status == FORGE_OK)
        return FORGE_C_READ_REPLICA;
    if (lease->db)
        forge_store_db_leave(lease->db);
    forge_server_pool_give(lease->pool, lease->conn);
    lease->conn = NULL;
    lease->db = NULL;
    if (status != FORGE_E_PRECONDITION_FAILED)
        return FORGE_C_READ_FAILED;
    forge_server_pool_behind(lease->pool);
    return FORGE_C_READ_BEHIND;
}

bool forge_server_lease_replica(request_rec *r, forge_activity_t activity, unsigned topics, forge_lease_t **out,
                                forge_db_t **db)
{
    const forge_server_t *server = forge_server_of(r->server);
    forge_spans_t *spans = forge_server_note(r)->spans;
    forge_lease_t *lease = apr_pcalloc(r->pool, sizeof(*lease));
    lease->p = r->pool;
    lease->server = server;
    lease->pool = server->replica;
    forge_counter_t outcome = take_replica(r->pool, lease, activity, topics);
    if (outcome != FORGE_C_READ_REPLICA) {
        forge_live_count(server->live, outcome);
        return false;
    }
    apr_pool_cleanup_register(r->pool, lease, return_with_pool, apr_pool_cleanup_null);
    if (spans)
        forge_store_db_timed(lease->db, forge_server_span_statement, spans);
    *out = lease;
    *db = lease->db;
    return true;
}

bool forge_server_lease_of_replica(const forge_lease_t *lease)
{
    return lease && lease->pool == lease->server->replica;
}

forge_db_t *forge_server_lease_db(const forge_lease_t *lease)
{
    return lease && lease->conn ? lease->db : NULL;
}

forge_status_t forge_server_lease_lend(apr_pool_t *p, const forge_server_t *server, forge_activity_t activity,
                                       forge_db_fn use, void *data)
{
    forge_lease_t *lease;
    forge_db_t *db;
    FORGE_TRY(forge_server_lease_take(p, server, activity, &lease, &db));
    forge_status_t status = use(db, p, data);
    forge_server_lease_return(lease);
    return status;
}
