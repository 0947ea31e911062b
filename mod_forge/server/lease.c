/* SPDX-License-Identifier: Apache-2.0
 * Database connections from mod_dbd's pool for store/, with a bounded wait and a pause after failures (DESIGN 1).
 * DBDMax is per child, and mod_dbd would wait for ever when all are busy. So a gate of the same size is in front of the
 * pool.
 */
#include "server_private.h"
#include "store/store.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_dbd.h>
#include <mod_dbd.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <stdlib.h>
#include <string.h>

APLOG_USE_MODULE(forge);

#define ANSWER_SLACK        apr_time_from_msec(300) /* how long after its own time-out a hanging server is given up */
#define IDLE_IN_TRANSACTION apr_time_from_sec(10)
#define STALE_FOUND_WITHIN  apr_time_from_msec(100)
#define PAUSE_FIRST \
    apr_time_from_msec(250) /* after a failure, how long nobody asks the database; then one request tries */
#define PAUSE_LATER apr_time_from_sec(3) /* the same after an outage of a minute, because mod_dbd logs each try */
#define OUTAGE_LONG apr_time_from_sec(60)

typedef struct forge_pool_t {
    apr_thread_mutex_t *lock;
    apr_thread_cond_t *freed;
    int size, busy, waiting;
    bool failing, trying;
    apr_time_t retry_at, since; /* since: when the outage began */
    forge_status_t reason;      /* what the last failure was */
    apr_time_t logged;
} forge_pool_t;

struct forge_lease_t {
    apr_pool_t *p;
    server_rec *s;
    const forge_server_t *server;
    ap_dbd_t *rec;
    forge_db_t *db;
};

static APR_OPTIONAL_FN_TYPE(ap_dbd_open) * dbd_open;
static APR_OPTIONAL_FN_TYPE(ap_dbd_close) * dbd_close;

forge_pool_t *forge_server_pool_make(apr_pool_t *p, server_rec *s, int size)
{
    forge_pool_t *pool = apr_pcalloc(p, sizeof(*pool));
    dbd_open = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
    dbd_close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);
    pool->size = size;
    if (apr_thread_mutex_create(&pool->lock, APR_THREAD_MUTEX_DEFAULT, p) != APR_SUCCESS ||
        apr_thread_cond_create(&pool->freed, p) != APR_SUCCESS)
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "FG0410: could not make the lock of the connection gate");
    return pool;
}

/* The arguments of a mod_dbd directive for this server: from its <VirtualHost> block, else from server level, else
 * NULL. */
static const char *dbd_directive(server_rec *s, const char *name)
{
    const char *said = NULL, *own = NULL;
    for (ap_directive_t *d = ap_conftree; d; d = d->next) {
        bool own_host = strcasecmp(d->directive, "<VirtualHost") == 0 && s->defn_name &&
                        strcmp(d->filename, s->defn_name) == 0 && d->line_num == (int)s->defn_line_number;
        if (strcasecmp(d->directive, name) == 0)
            said = d->args;
        for (ap_directive_t *in = own_host ? d->first_child : NULL; in; in = in->next)
            if (strcasecmp(in->directive, name) == 0)
                own = in->args;
    }
    return own ? own : said;
}

int forge_server_pool_dbd_max(server_rec *s)
{
    const char *max = dbd_directive(s, "DBDMax");
    return max ? atoi(max) : 10; /* mod_dbd's default */
}

const char *forge_server_pool_database(apr_pool_t *p, server_rec *s)
{
    const char *params = dbd_directive(s, "DBDParams");
    return params ? ap_getword_conf(p, &params) : ""; /* the tree keeps the quotes */
}

const char *forge_server_pool_identity(apr_pool_t *p, server_rec *s)
{
    const char *driver = dbd_directive(s, "DBDriver"), *params = dbd_directive(s, "DBDParams");
    return apr_psprintf(p, "%s %d %s", driver ? driver : "", forge_server_pool_dbd_max(s), params ? params : "");
}

/* Publishes the gauges. The caller holds the lock, so that the last value written is the current one. */
static void tell(const forge_pool_t *pool, const forge_server_t *server)
{
    forge_live_pool_set(server->live, pool->size, pool->busy, pool->waiting);
}

/* Whether a caller has to wait: for a place, or for the one who finds out whether an outage has ended. As many wait for
 * the latter as there are places; the rest is told at once that the database is away. */
static bool must_wait(const forge_pool_t *pool)
{
    if (pool->failing)
        return pool->trying && apr_time_now() >= pool->retry_at && pool->waiting < pool->size;
    return pool->busy >= pool->size;
}

/* Takes a place at the gate, or returns why there is none. After a failure there is a pause; then one request tries. */
static forge_status_t enter(forge_pool_t *pool, const forge_server_t *server)
{
    apr_time_t until = apr_time_now() + forge_config_pool_wait(server->config);
    forge_status_t status = FORGE_OK;
    apr_thread_mutex_lock(pool->lock);
    while (status == FORGE_OK && must_wait(pool)) {
        apr_interval_time_t left = until - apr_time_now();
        if (left <= 0)
            status = pool->failing ? pool->reason : FORGE_E_POOL_EXHAUSTED;
        else {
            pool->waiting++;
            apr_thread_cond_timedwait(pool->freed, pool->lock, left);
            pool->waiting--;
        }
    }
    if (status == FORGE_OK && pool->failing &&
        (pool->trying || pool->busy >= pool->size || apr_time_now() < pool->retry_at))
        status = pool->reason;
    if (status == FORGE_OK) {
        pool->busy++;
        pool->trying |= pool->failing;
    }
    tell(pool, server);
    apr_thread_mutex_unlock(pool->lock);
    return status;
}

static void leave(forge_pool_t *pool, const forge_server_t *server)
{
    apr_thread_mutex_lock(pool->lock);
    pool->busy--;
    if (pool->waiting)
        apr_thread_cond_signal(pool->freed);
    tell(pool, server);
    apr_thread_mutex_unlock(pool->lock);
}

/* Records whether the database works. True if this failure should be logged: at most once a minute. */
static bool remember(forge_pool_t *pool, forge_status_t status)
{
    bool say = false;
    bool down = status == FORGE_E_DATABASE_DOWN || status == FORGE_E_SCHEMA_OUTDATED;
    if (!down && !__atomic_load_n(&pool->failing, __ATOMIC_RELAXED)) /* the usual case takes no lock */
        return false;
    apr_thread_mutex_lock(pool->lock);
    apr_time_t now = apr_time_now();
    if (down) {
        if (!pool->failing)
            pool->since = now;
        pool->retry_at = now + (now - pool->since > OUTAGE_LONG ? PAUSE_LATER : PAUSE_FIRST);
        pool->reason = status;
        say = now - pool->logged > apr_time_from_sec(60);
        if (say)
            pool->logged = now;
        apr_thread_cond_broadcast(pool->freed);
    }
    pool->failing = down;
    pool->trying = false;
    if (!down)
        apr_thread_cond_broadcast(pool->freed);
    apr_thread_mutex_unlock(pool->lock);
    return say;
}

static void note_failure(forge_lease_t *lease, forge_status_t status)
{
    if (status == FORGE_E_DATABASE_DOWN)
        forge_live_count(lease->server->live, FORGE_C_DB_DOWN);
    if (remember(lease->server->db_pool, status))
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, lease->s, "FG0411: %s; answering 503 until that changes",
                     status == FORGE_E_SCHEMA_OUTDATED
                         ? "the schema of the database is older than this module needs: run forgectl migrate apply"
                         : "the database cannot be reached");
}

/* True once a minute for each tag in each child, so that a database outage does not fill the disk. A statement that
 * fails by our own fault is always logged. */
static bool worth_telling(const char *tag)
{
    static apr_time_t told[100];
    apr_time_t now = apr_time_now(), *last = &told[atoi(tag + 4) % 100];
    apr_time_t before = __atomic_load_n(last, __ATOMIC_RELAXED);
    if (strcmp(tag, FORGE_STORE_TAG_FAULT) == 0)
        return true;
    return (now - before > apr_time_from_sec(60) || now < before) &&
           __atomic_compare_exchange_n(last, &before, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static void store_says(void *baton, bool is_error, const char *tag, const char *message)
{
    forge_lease_t *lease = baton;
    if (!worth_telling(tag))
        return;
    ap_log_error(APLOG_MARK, is_error ? APLOG_ERR : APLOG_INFO, 0, lease->s, "%s: %s", tag, message);
}

void forge_server_lease_return(forge_lease_t *lease)
{
    if (!lease->rec)
        return;
    if (lease->db) {
        forge_store_db_detach(lease->db); /* rolls back an open transaction together with its effects */
        forge_effects_t effects = forge_store_effects_take(lease->db, lease->p);
        forge_server_effects_apply(lease->server, &effects);
    }
    dbd_close(lease->s, lease->rec);
    lease->rec = NULL;
    lease->db = NULL;
    leave(lease->server->db_pool, lease->server);
}

static apr_status_t return_with_pool(void *lease)
{
    forge_server_lease_return(lease);
    return APR_SUCCESS;
}

/* Takes one connection out of mod_dbd's pool and attaches it to store/. */
static forge_status_t open_once(apr_pool_t *p, forge_lease_t *lease, const forge_db_settings_t *settings,
                                const char *activity)
{
    lease->rec = dbd_open ? dbd_open(p, lease->s) : NULL;
    if (!lease->rec)
        return FORGE_E_DATABASE_DOWN;
    void *native = apr_dbd_native_handle(lease->rec->driver, lease->rec->handle);
    return forge_store_db_attach(p, native, settings, &(forge_db_use_t){activity, store_says, lease}, &lease->db);
}

/* Opens a connection with our settings after the gate. A connection may have died in the pool: attach notices that at
 * once, and mod_dbd reconnects it when it is given back and taken again. The loop is needed because another thread may
 * have put the next dead one there meanwhile. A server that hangs is not asked twice. */
static forge_status_t open_connection(apr_pool_t *p, forge_lease_t *lease, const char *activity)
{
    forge_db_settings_t *settings = apr_pcalloc(p, sizeof(*settings));
    settings->statement_timeout = forge_config_statement_timeout(lease->server->config);
    settings->answer_timeout = settings->statement_timeout + ANSWER_SLACK;
    settings->idle_timeout = IDLE_IN_TRANSACTION;
    settings->live = lease->server->live;
    apr_time_t begun = apr_time_now();
    forge_status_t status = open_once(p, lease, settings, activity);
    for (int i = 0; i <= lease->server->db_pool->size && status == FORGE_E_DATABASE_DOWN && lease->rec; i++) {
        if (apr_time_now() - begun > STALE_FOUND_WITHIN)
            break;
        dbd_close(lease->s, lease->rec);
        status = open_once(p, lease, settings, activity);
    }
    return status;
}

forge_status_t forge_server_lease_take(apr_pool_t *p, const forge_server_t *server, const char *activity,
                                       forge_lease_t **out, forge_db_t **db)
{
    forge_status_t status = enter(server->db_pool, server);
    if (status != FORGE_OK) {
        if (status == FORGE_E_POOL_EXHAUSTED)
            forge_live_count(server->live, FORGE_C_DB_WAIT_TIMEOUT);
        return status;
    }
    forge_lease_t *lease = apr_pcalloc(p, sizeof(*lease));
    lease->p = p;
    lease->s = server->s;
    lease->server = server;
    status = open_connection(p, lease, activity);
    if (status == FORGE_OK) {
        remember(server->db_pool, FORGE_OK);
        apr_pool_cleanup_register(p, lease, return_with_pool, apr_pool_cleanup_null);
        *out = lease;
        *db = lease->db;
        return FORGE_OK;
    }
    note_failure(lease, status);
    if (lease->rec)
        forge_server_lease_return(lease);
    else
        leave(server->db_pool, server);
    return status;
}

forge_db_t *forge_server_lease_db(const forge_lease_t *lease)
{
    return lease && lease->rec ? lease->db : NULL;
}

forge_status_t forge_server_lease_lend(apr_pool_t *p, const forge_server_t *server, const char *activity,
                                       forge_db_fn use, void *data)
{
    forge_lease_t *lease;
    forge_db_t *db;
    FORGE_TRY(forge_server_lease_take(p, server, activity, &lease, &db));
    forge_status_t status = use(db, p, data);
    forge_server_lease_return(lease);
    return status;
}
