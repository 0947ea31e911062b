/* SPDX-License-Identifier: Apache-2.0
 * The database connection of a request: taken when it is first needed, given back before the answer is sent.
 */
#include "http_private.h"
#include "store/store.h"

/* The part of the connections that requests of this kind may hold; NULL: any. */
static forge_share_t *share_of(const forge_req_t *q)
{
    if (!q->route)
        return NULL;
    return q->route->limit == FORGE_LIMIT_AUTH ? q->server->share
           : q->route->flags & FORGE_R_FILE    ? q->server->files
                                               : NULL;
}

/* Those who wait for their turn without a thread look again when something rings. */
static void share_leave(forge_req_t *q)
{
    if (!q->shared)
        return;
    q->shared = false;
    forge_server_share_leave(share_of(q));
    if (q->route->flags & FORGE_R_FILE)
        forge_http_pump_wake();
}

static apr_status_t leave_with_pool(void *request)
{
    share_leave(request);
    return APR_SUCCESS;
}

bool forge_http_db_share(forge_req_t *q, apr_interval_time_t patience)
{
    if (q->shared || !share_of(q))
        return true;
    q->shared = forge_server_share_take(share_of(q), patience);
    return q->shared;
}

/* Logins and files have shares of the connections. They wait for those before they wait for the pool, so that they do
 * not fill the pool's queue. */
static forge_status_t share_take(forge_req_t *q)
{
    if (!share_of(q))
        return FORGE_OK;
    if (!forge_http_db_share(q, forge_config_pool_wait(q->config)))
        return FORGE_E_POOL_EXHAUSTED;
    apr_pool_cleanup_kill(q->pool, q, leave_with_pool);
    apr_pool_cleanup_register(q->pool, q, leave_with_pool, apr_pool_cleanup_null);
    return FORGE_OK;
}

/* One to the replica, where that may serve this request (replica.c). False: the primary is to be asked. */
static bool take_replica(forge_req_t *q, forge_db_t **db)
{
    if (!forge_server_lease_replica(q->r, forge_server_activity(q->r), q->route->reads, &q->lease, db))
        return false;
    forge_server_lease_for(q->lease, forge_server_note(q->r));
    return true;
}

static forge_status_t take(forge_req_t *q, forge_db_t **db)
{
    if (q->replica && take_replica(q, db))
        return FORGE_OK;
    FORGE_TRY(share_take(q));
    forge_status_t status = forge_server_lease_traced(q->r, forge_server_activity(q->r), &q->lease, db);
    if (status != FORGE_OK) {
        share_leave(q);
        return status;
    }
    forge_server_lease_for(q->lease, forge_server_note(q->r));
    return FORGE_OK;
}

/* What is deleted may take a million rows with it, and would otherwise stay for ever. A request is not cut off by httpd
 * meanwhile, and nothing is deleted if it is: all is one transaction. */
static bool deletes(const forge_req_t *q)
{
    return q->route && (q->route->method == FORGE_DELETE || q->route->flags & FORGE_R_PATIENT);
}

/* Asked before the wait for a connection, and after it: an answer that would find no room is not made. */
static forge_status_t expect_room(forge_req_t *q)
{
    if (!forge_http_flight_hopeless(q))
        return FORGE_OK;
    forge_http_db_done(q);
    return forge_http_crowded(q);
}

/* Administrators have no quota, and what they change is not judged by that of whose it is. */
static bool unjudged(const forge_req_t *q)
{
    return q->who.role == FORGE_ROLE_ADMIN && q->route && q->route->method != FORGE_GET;
}

forge_status_t forge_http_db(forge_req_t *q, forge_db_t **db)
{
    if (!forge_server_lease_db(q->lease)) {
        if (q->claimed) /* a fault of the handler: it gave the transaction away in the middle of its work */
            return FORGE_E_INTERNAL;
        FORGE_TRY(expect_room(q));
        FORGE_TRY(take(q, db));
        FORGE_TRY(expect_room(q));
        if (unjudged(q))
            FORGE_TRY(forge_store_db_unjudged(*db));
        if (deletes(q))
            FORGE_TRY(forge_store_db_patient(*db, FORGE_PATIENCE));
    }
    *db = forge_server_lease_db(q->lease);
    if (q->cached)
        forge_http_cache_source(q, forge_store_db_system(*db));
    return FORGE_OK;
}

void forge_http_db_done(forge_req_t *q)
{
    forge_store_abandon(forge_server_lease_db(q->lease));
    if (q->lease)
        forge_server_lease_return(q->lease);
    share_leave(q);
}

const char *forge_http_db_constraint(const forge_req_t *q)
{
    forge_db_t *db = forge_server_lease_db(q->lease);
    return db ? forge_store_constraint(db) : "";
}

forge_status_t forge_http_db_lend(forge_req_t *q, apr_pool_t *p, forge_db_fn use, void *data)
{
    forge_lease_t *lease;
    forge_db_t *db;
    FORGE_TRY(forge_server_lease_take(p, q->server, forge_server_activity_as(q->r, p, "forge "), &lease, &db));
    forge_server_lease_for(lease, forge_server_note(q->r));
    forge_status_t status = use(db, p, data);
    forge_server_lease_return(lease);
    return status;
}
