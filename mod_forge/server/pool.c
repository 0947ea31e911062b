/* SPDX-License-Identifier: Apache-2.0
 * The database connections of a child: a list of its own above mod_dbd's pool.
 *
 * mod_dbd connects while it holds the lock of its pool, and giving a connection back takes the same lock. So a server
 * that hangs would make every request wait. Here only one thread of the child ever calls mod_dbd (connector.c).
 * Requests take from the list and give back to it; they wait for nothing but the list, and never past their own
 * deadline. While the database is away every request is told so at once, and none is the one that tries.
 */
#include "pool_private.h"

#include <httpd.h>
#include <http_log.h>
#include <ap_mpm.h>
#include <unistd.h>

APLOG_USE_MODULE(forge);

#define STALLED      apr_time_from_msec(250) /* no connection has come free for so long: waiting has little hope */
#define BEHIND_FOR   apr_time_from_msec(20)  /* a replica that had not replayed enough is asked again */
#define END_PATIENCE 500                     /* times 10 ms that an ending child waits for the connector */

/* --- requests --- */

/* Why a request should not wait (any longer), or FORGE_OK. The caller holds the lock. */
static forge_status_t hopeless(const forge_pool_t *pool, apr_int64_t until)
{
    apr_int64_t now = forge_util_monotonic();
    if (pool->stopping || !pool->thread)
        return FORGE_E_DATABASE_DOWN;
    if (pool->away)
        return pool->reason;
    if (now >= until) /* where connections are left to open, the database did not give one in time */
        return pool->busy < pool->dbd.max ? FORGE_E_DATABASE_DOWN : FORGE_E_POOL_EXHAUSTED;
    /* Nobody may take the last threads of the child for waiting: what needs no database is still answered. */
    if (pool->busy + pool->waiting >= pool->roomy && pool->waiting > 0 && now - pool->moved > STALLED)
        return FORGE_E_POOL_EXHAUSTED;
    return FORGE_OK;
}

forge_status_t forge_server_pool_take(forge_pool_t *pool, apr_interval_time_t patience, forge_conn_t **conn)
{
    apr_int64_t until = forge_util_monotonic() + patience;
    forge_status_t status = FORGE_OK;
    pthread_mutex_lock(&pool->lock);
    while (!pool->idle && (status = hopeless(pool, until)) == FORGE_OK) {
        if (!pool->waiting++)
            pool->moved = forge_util_monotonic();
        forge_server_pool_tell(pool);
        pthread_cond_signal(&pool->work);
        forge_server_pool_wait(pool, &pool->freed, until);
        pool->waiting--;
    }
    *conn = forge_server_pool_pop(&pool->idle);
    if (*conn) {
        status = FORGE_OK;
        pool->idle_count--;
        pool->busy++;
    }
    forge_server_pool_tell(pool);
    pthread_mutex_unlock(&pool->lock);
    return status;
}

void forge_server_pool_give(forge_pool_t *pool, forge_conn_t *conn)
{
    forge_native_t state = forge_store_native_state(conn->native);
    pthread_mutex_lock(&pool->lock);
    pool->busy--;
    conn->said = false;
    forge_live_lease_end(pool->server->live, conn->place);
    conn->freed = pool->moved = forge_util_monotonic();
    bool say = forge_server_pool_learn(pool, state), closed = pool->closed;
    if (state.clean && !pool->away && conn->checked > pool->distrusted) {
        forge_server_pool_push(&pool->idle, conn);
        pool->idle_count++;
        if (pool->waiting)
            pthread_cond_signal(&pool->freed);
    } else if (!closed) {
        forge_server_pool_push(&pool->check, conn);
        pthread_cond_signal(&pool->work);
    }
    forge_server_pool_tell(pool);
    pthread_mutex_unlock(&pool->lock);
    if (closed)
        forge_server_pool_close(pool, conn);
    if (say)
        forge_server_pool_outage_say(pool, FORGE_E_DATABASE_DOWN);
}

void *forge_server_pool_native(const forge_conn_t *conn)
{
    return conn->native;
}

int forge_server_pool_place(const forge_conn_t *conn)
{
    return conn->place;
}

/* --- the replica --- */

forge_conn_t *forge_server_pool_try(forge_pool_t *pool, bool *away)
{
    pthread_mutex_lock(&pool->lock);
    forge_conn_t *conn = forge_server_pool_pop(&pool->idle);
    *away = pool->away || pool->stopping || pool->total == 0;
    if (conn) {
        pool->idle_count--;
        pool->busy++;
        forge_server_pool_tell(pool);
    } else if (!*away) {
        pool->wished++;
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    return conn;
}

void forge_server_pool_behind(forge_pool_t *pool)
{
    __atomic_store_n(&pool->behind_till, forge_util_monotonic() + BEHIND_FOR, __ATOMIC_RELAXED);
}

bool forge_server_pool_lags(const forge_pool_t *pool)
{
    return forge_util_monotonic() < __atomic_load_n(&pool->behind_till, __ATOMIC_RELAXED);
}

/* --- begin and end of a child --- */

static void give_all_back(forge_pool_t *pool, forge_conn_t **list)
{
    for (forge_conn_t *conn; (conn = forge_server_pool_pop(list));)
        forge_server_pool_close(pool, conn);
}

/* Whether a connection is out that nobody will give back in time: a background task may sit in a long statement. In a
 * prefork child it is the request that the signal interrupted on this thread, and that one gives back with its pool. */
static bool lent(forge_pool_t *pool)
{
    int threads = 1;
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    pthread_mutex_lock(&pool->lock);
    bool any = threads > 1 && pool->busy > 0;
    pthread_mutex_unlock(&pool->lock);
    return any;
}

static void leave_at_once(const forge_pool_t *pool, const char *why)
{
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, pool->server->s, "FG0413: the child ends although %s", why);
    _exit(0);
}

/* Before mod_dbd's pool goes, which aborts the child when connections are missing. libpq bounds each try to connect,
 * but a name server may be slower. A child that has answered all its requests must not stay for that: it ends here. */
static apr_status_t end(void *baton)
{
    forge_pool_t *pool = baton;
    apr_status_t rv;
    __atomic_store_n(&pool->stopping, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < END_PATIENCE && !__atomic_load_n(&pool->ended, __ATOMIC_ACQUIRE); i++) {
        pthread_cond_broadcast(&pool->work);
        pthread_cond_broadcast(&pool->freed);
        apr_sleep(apr_time_from_msec(10));
    }
    if (!__atomic_load_n(&pool->ended, __ATOMIC_ACQUIRE))
        leave_at_once(pool, "a try to connect to the database still waits");
    if (lent(pool))
        leave_at_once(pool, "a background task still uses a connection to the database");
    apr_thread_join(&rv, pool->thread);
    pthread_mutex_lock(&pool->lock);
    pool->thread = NULL;
    pool->closed = 1;
    give_all_back(pool, &pool->idle);
    give_all_back(pool, &pool->check);
    pool->idle_count = 0;
    for (int i = 0; i < pool->dbd.max; i++)
        forge_live_lease_leave(pool->server->live, pool->all[i].place);
    pthread_mutex_unlock(&pool->lock);
    return APR_SUCCESS;
}

static void locks_make(forge_pool_t *pool)
{
    pthread_condattr_t steady; /* steps of the wall clock lengthen no wait */
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->freed, &steady);
    pthread_cond_init(&pool->work, &steady);
    pthread_condattr_destroy(&steady);
}

/* Begins with its settings and the string that it connects by. */
static forge_pool_t *pool_start(apr_pool_t *p, forge_pool_t *pool)
{
    const forge_server_t *server = pool->server;
    int threads = 1;
    forge_lease_search_t search = {0};
    const bool watched = forge_server_serves(p, server->s); /* else it never has a connection */
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    pool->roomy = threads - threads / 8 - 2;
    pool->moved = forge_util_monotonic();
    pool->all = apr_pcalloc(p, sizeof(*pool->all) * (apr_size_t)pool->dbd.max);
    for (int i = 0; i < pool->dbd.max; i++) {
        pool->all[i].place = watched ? forge_live_lease_place(server->live, &search) : -1;
        forge_server_pool_push(&pool->unused, &pool->all[i]);
    }
    locks_make(pool);
    forge_server_pool_tell(pool);
    if (apr_thread_create(&pool->thread, NULL, forge_server_connector, pool, p) != APR_SUCCESS) {
        pool->thread = NULL;
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, server->s,
                     "FG0410: could not start the thread that connects to the database");
        return pool;
    }
    apr_pool_pre_cleanup_register(p, pool, end);
    return pool;
}

forge_pool_t *forge_server_pool_make(apr_pool_t *p, const forge_server_t *server)
{
    forge_pool_t *pool = apr_pcalloc(p, sizeof(*pool));
    pool->unloaded = !forge_server_connector_begin();
    pool->server = server;
    pool->conninfo = forge_server_pool_database(p, server->s);
    pool->dbd = forge_server_dbd(server->s);
    return pool_start(p, pool);
}

forge_pool_t *forge_server_pool_make_replica(apr_pool_t *p, const forge_server_t *server)
{
    forge_pool_t *pool = apr_pcalloc(p, sizeof(*pool));
    const forge_replica_t *replica = forge_config_replica(server->config);
    pool->server = server;
    pool->conninfo = replica->conninfo;
    pool->replica = true;
    pool->dbd = forge_server_dbd(server->s);
    pool->dbd.max = replica->max ? replica->max : pool->dbd.max;
    pool->dbd.keep = pool->dbd.keep > 1 ? pool->dbd.keep : 1;
    return pool_start(p, pool);
}
