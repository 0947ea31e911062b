/* SPDX-License-Identifier: Apache-2.0
 * What pool.c and connector.c do with the list of connections alike: pushing and popping, and what an outage is.
 */
#include "pool_private.h"

#include <httpd.h>
#include <http_log.h>
#include <time.h>

APLOG_USE_MODULE(forge);

#define PAUSE_FIRST apr_time_from_msec(250) /* between two tries while the database is away */
#define PAUSE_LATER apr_time_from_sec(3)    /* the same after an outage of a minute, because mod_dbd logs each try */
#define OUTAGE_LONG apr_time_from_sec(60)
#define SAY_EVERY   apr_time_from_sec(60)

void forge_server_pool_tell(forge_pool_t *pool)
{
    const forge_pool_told_t now = {pool->dbd.max, pool->busy, pool->waiting, pool->away};
    if (pool->replica) {
        forge_live_replica_add(pool->server->live, now.size - pool->told.size, now.busy - pool->told.busy);
        if (now.away)
            forge_live_replica_lost(pool->server->live, pool->server->replica_id);
        pool->told = now;
        return;
    }
    forge_live_pool_add(pool->server->live, now.size - pool->told.size, now.busy - pool->told.busy,
                        now.waiting - pool->told.waiting);
    if (now.away != pool->told.away)
        forge_live_pool_away(pool->server->live, now.away - pool->told.away);
    pool->told = now;
}

void forge_server_pool_push(forge_conn_t **list, forge_conn_t *conn)
{
    conn->next = *list;
    *list = conn;
}

forge_conn_t *forge_server_pool_pop(forge_conn_t **list)
{
    forge_conn_t *conn = *list;
    *list = conn ? conn->next : NULL;
    return conn;
}

void forge_server_pool_wait(forge_pool_t *pool, pthread_cond_t *cond, apr_int64_t until)
{
    struct timespec t = {.tv_sec = (time_t)(until / APR_USEC_PER_SEC),
                         .tv_nsec = (long)(until % APR_USEC_PER_SEC) * 1000};
    pthread_cond_timedwait(cond, &pool->lock, &t);
}

void forge_server_pool_distrust(forge_pool_t *pool)
{
    pool->distrusted = forge_util_monotonic();
    for (forge_conn_t *conn; (conn = forge_server_pool_pop(&pool->idle));)
        forge_server_pool_push(&pool->check, conn);
    pool->idle_count = 0;
    pthread_cond_signal(&pool->work);
}

bool forge_server_pool_outage(forge_pool_t *pool, forge_status_t reason)
{
    apr_int64_t now = forge_util_monotonic();
    if (!pool->away)
        pool->since = now;
    pool->away = true;
    pool->proven = false;
    pool->reason = reason;
    pool->retry_at = now + (now - pool->since > OUTAGE_LONG ? PAUSE_LATER : PAUSE_FIRST);
    forge_server_pool_tell(pool);
    forge_server_pool_distrust(pool);
    pthread_cond_broadcast(&pool->freed);
    bool say = !pool->said || now - pool->said > SAY_EVERY;
    if (say)
        pool->said = now;
    return say;
}

bool forge_server_pool_learn(forge_pool_t *pool, forge_native_t state)
{
    if (state.unwritable)
        forge_server_pool_distrust(pool);
    return (state.unanswered || state.mixed_up) && !pool->away && forge_server_pool_outage(pool, FORGE_E_DATABASE_DOWN);
}

void forge_server_pool_outage_say(const forge_pool_t *pool, forge_status_t reason)
{
    if (pool->replica) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, pool->server->s,
                     "FG0416: the replica (ForgeReadDBD) cannot be used; the primary is asked until that changes");
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, pool->server->s, "FG0411: %s; answering 503 until that changes",
                 pool->unloaded                      ? "mod_dbd is not loaded"
                 : reason == FORGE_E_SCHEMA_OUTDATED ? "the schema of the database is older than this module needs: "
                                                       "run forgectl migrate apply"
                                                     : "the database cannot be used");
}
