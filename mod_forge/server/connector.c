/* SPDX-License-Identifier: Apache-2.0
 * The connector: the only thread of a child that calls mod_dbd. It opens what requests wait for, checks what lies idle
 * or came back in disorder, and closes what nobody needs. While the database is away it tries again and again, and ends
 * the outage when it has a good connection.
 */
#include "pool_private.h"
#include "store/identity/identity.h"

#include <httpd.h>
#include <http_log.h>
#include <apr_strings.h>
#include <signal.h>
#include <string.h>

APLOG_USE_MODULE(forge);

#define PING_TIME   apr_time_from_sec(1) /* for each answer to the connector */
#define CHECK_EVERY apr_time_from_sec(2) /* how old the last look at a connection may be */
#define TICK        apr_time_from_sec(1) /* the connector looks at the list at least so often */

static APR_OPTIONAL_FN_TYPE(ap_dbd_open) * dbd_open;
static APR_OPTIONAL_FN_TYPE(ap_dbd_close) * dbd_close;

bool forge_server_connector_begin(void)
{
    dbd_open = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
    dbd_close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);
    return dbd_open;
}

static void ignore(void *baton, const char *words)
{
    (void)baton, (void)words;
}

static bool patient(void *baton)
{
    const forge_pool_t *pool = baton;
    return !__atomic_load_n(&pool->stopping, __ATOMIC_ACQUIRE);
}

/* From mod_dbd, or our own where it leads to a replica. */
static bool conn_open(forge_pool_t *pool, forge_conn_t *conn, apr_pool_t *p)
{
    const forge_replica_try_t how = {pool->conninfo, pool->turn, patient, pool};
    const char *why;
    if (pool->replica) {
        conn->native = forge_store_replica_open(p, &how, &why);
        pool->turn = conn->native ? 0 : pool->turn + 1;
        return conn->native;
    }
    conn->rec = dbd_open ? dbd_open(p, pool->server->s) : NULL;
    conn->native = conn->rec ? apr_dbd_native_handle(conn->rec->driver, conn->rec->handle) : NULL;
    return conn->rec;
}

void forge_server_pool_close(const forge_pool_t *pool, forge_conn_t *conn)
{
    if (pool->replica)
        forge_store_replica_close(conn->native);
    else
        dbd_close(pool->server->s, conn->rec);
    conn->rec = NULL;
    conn->native = NULL;
}

/* Gives a connection back to mod_dbd, which resets one that is broken before it lends it again. */
static void release(forge_pool_t *pool, forge_conn_t *conn)
{
    forge_store_native_break(conn->native);
    forge_server_pool_close(pool, conn);
    pthread_mutex_lock(&pool->lock);
    forge_server_pool_push(&pool->unused, conn);
    pool->total--;
    pthread_mutex_unlock(&pool->lock);
}

/* A connection is good: it can be lent, and there is no outage. Another system than the last one: the database was
 * replaced, and no other connection is trusted until it was asked. */
static void accept_connection(forge_pool_t *pool, forge_conn_t *conn, const char *system)
{
    pthread_mutex_lock(&pool->lock);
    bool replaced = !pool->replica && *pool->system && strcmp(pool->system, system) != 0;
    if (replaced)
        forge_server_pool_distrust(pool);
    apr_cpystrn(pool->system, system, sizeof(pool->system));
    conn->checked = forge_util_monotonic();
    forge_server_pool_push(&pool->idle, conn);
    pool->idle_count++;
    pool->away = false;
    pool->proven = true;
    pool->wished = 0;
    pool->moved = conn->checked;
    forge_server_pool_tell(pool);
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
    if (replaced)
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, pool->server->s,
                     "FG0414: the database server is another one than before, or was started again");
}

/* A pooler is between here and the database. One that pools by transaction would mix our sessions up, and that shows as
 * soon as another connection speaks in between. */
static forge_status_t prove(forge_pool_t *pool, forge_db_t *db, apr_pool_t *p)
{
    const forge_listener_hooks_t hooks = {ignore, patient, pool, 0, false};
    const char *why;
    apr_pool_t *other;
    if (apr_pool_create(&other, p) != APR_SUCCESS)
        return FORGE_E_DATABASE_DOWN;
    forge_store_listen(other, pool->conninfo, &hooks, &why); /* where it fails it has spoken all the same */
    forge_status_t status = forge_store_db_ping(db, p);
    apr_pool_destroy(other);
    return status;
}

/* Greets a connection if it is new, rolls back what was left open, and asks whether it leads to the right server. */
static forge_status_t ask(forge_pool_t *pool, forge_conn_t *conn, apr_pool_t *p, const char **system)
{
    const forge_server_t *server = pool->server;
    forge_db_settings_t settings =
        pool->replica ? forge_server_replica_settings(server) : forge_server_db_settings(server, PING_TIME);
    const forge_db_use_t use = {NULL, pool->replica ? forge_server_replica_says : forge_server_store_says, server->s};
    forge_db_t *db;
    settings.answer_timeout = PING_TIME;
    FORGE_TRY(forge_store_db_attach(p, conn->native, &settings, &use, &db));
    forge_status_t status = forge_store_db_check(db, p);
    if (status == FORGE_OK && !pool->replica && !pool->proven && forge_store_native_state(conn->native).pooler)
        status = prove(pool, db, p);
    if (status == FORGE_OK && pool->replica)
        forge_live_replica_said(server->live, server->replica_id, server->realm, forge_store_replica_replayed(db));
    *system = apr_pstrdup(p, forge_store_db_system(db));
    forge_store_db_leave(db);
    return status;
}

/* After a server that kept silent nothing is asked of the other connections: they would wait as long, one by one. */
static void drop_unchecked(forge_pool_t *pool)
{
    pthread_mutex_lock(&pool->lock);
    for (forge_conn_t *conn = pool->check; conn; conn = conn->next)
        conn->over = true;
    pthread_mutex_unlock(&pool->lock);
}

static void check(forge_pool_t *pool, forge_conn_t *conn, apr_pool_t *p)
{
    const char *system = "";
    forge_status_t status = conn->over ? FORGE_E_DATABASE_DOWN : ask(pool, conn, p, &system);
    if (status == FORGE_OK) {
        accept_connection(pool, conn, system);
        return;
    }
    /* A schema that is wrong is so for all of them. */
    bool schema = status == FORGE_E_SCHEMA_OUTDATED || status == FORGE_E_SCHEMA_AHEAD;
    forge_native_t state = forge_store_native_state(conn->native);
    release(pool, conn);
    pthread_mutex_lock(&pool->lock);
    bool say = schema ? forge_server_pool_outage(pool, status) : forge_server_pool_learn(pool, state);
    pthread_mutex_unlock(&pool->lock);
    if (state.unanswered || schema)
        drop_unchecked(pool);
    if (say)
        forge_server_pool_outage_say(pool, schema ? status : FORGE_E_DATABASE_DOWN);
}

/* Opens a connection. One that lay in mod_dbd's pool may have died there, or lead to a server that has become a
 * standby: it is broken and given back, mod_dbd resets it, and only the second failure tells of an outage. */
static forge_status_t connect_once(forge_pool_t *pool, forge_conn_t *conn, apr_pool_t *p, const char **system)
{
    conn->over = false;
    if (!conn_open(pool, conn, p))
        return FORGE_E_DATABASE_DOWN;
    forge_status_t status = ask(pool, conn, p, system);
    if (status != FORGE_OK) {
        forge_store_native_break(conn->native);
        forge_server_pool_close(pool, conn);
    }
    return status;
}

static void open_one(forge_pool_t *pool, forge_conn_t *conn, apr_pool_t *p)
{
    const char *system = "";
    apr_int64_t begun = forge_util_monotonic();
    forge_status_t status = connect_once(pool, conn, p, &system);
    if (status == FORGE_E_DATABASE_DOWN && dbd_open && !pool->replica && forge_util_monotonic() - begun < PING_TIME)
        status = connect_once(pool, conn, p, &system);
    if (status == FORGE_OK) {
        accept_connection(pool, conn, system);
        return;
    }
    if (status == FORGE_E_DATABASE_DOWN && !pool->replica)
        forge_live_count(pool->server->live, FORGE_C_DB_DOWN);
    pthread_mutex_lock(&pool->lock);
    forge_server_pool_push(&pool->unused, conn);
    pool->total--;
    bool say = forge_server_pool_outage(pool, status) && !pool->stopping;
    pthread_mutex_unlock(&pool->lock);
    if (say)
        forge_server_pool_outage_say(pool, status);
}

/* Takes an idle connection off the list whose last check is too old, or that was idle for too long where more than
 * DBDKeep are; NULL without one. The oldest lie at the end. The caller holds the lock. */
static forge_conn_t *oldest(forge_pool_t *pool, apr_int64_t now)
{
    forge_conn_t **found = NULL;
    for (forge_conn_t **at = &pool->idle; *at; at = &(*at)->next) {
        bool over = pool->idle_count > pool->dbd.keep && now - (*at)->freed > pool->dbd.expire;
        if (over || now - (*at)->checked > CHECK_EVERY)
            found = at;
        (*at)->over = over;
    }
    forge_conn_t *conn = found ? forge_server_pool_pop(found) : NULL;
    pool->idle_count -= conn != NULL;
    return conn;
}

/* Whether to open another connection: for those who wait, or to see whether the outage is over. */
static bool wanted(const forge_pool_t *pool, apr_int64_t now)
{
    if (pool->total >= pool->dbd.max)
        return false;
    if (pool->replica && !pool->away) /* one at least, by which the replica is watched */
        return pool->total == 0 || (pool->wished > 0 && pool->idle_count == 0);
    return pool->away ? now >= pool->retry_at : pool->waiting > pool->idle_count;
}

/* Does the next piece of work. False: there is none. Called with the lock held, which is let go meanwhile. */
static bool work_once(forge_pool_t *pool, apr_pool_t *p)
{
    apr_int64_t now = forge_util_monotonic();
    bool opens = false;
    forge_conn_t *conn = forge_server_pool_pop(&pool->check);
    if (!conn && (opens = wanted(pool, now))) {
        conn = forge_server_pool_pop(&pool->unused);
        pool->total++;
    }
    if (!conn)
        conn = oldest(pool, now);
    if (!conn)
        return false;
    pthread_mutex_unlock(&pool->lock);
    if (opens)
        open_one(pool, conn, p);
    else
        check(pool, conn, p);
    apr_pool_clear(p);
    pthread_mutex_lock(&pool->lock);
    return true;
}

/* Says of each connection once that it was lent long ago: whoever has it has forgotten it, or waits in the database.
 * Called with the lock held, which is let go meanwhile. */
static void long_held_say(forge_pool_t *pool)
{
    for (int i = 0; i < pool->dbd.max && pool->busy > 0; i++) {
        forge_conn_t *conn = &pool->all[i];
        forge_held_t held;
        if (conn->said || !forge_live_lease_look(pool->server->live, conn->place, &held) ||
            held.took <= FORGE_LIVE_HELD_LONG)
            continue;
        conn->said = true;
        pthread_mutex_unlock(&pool->lock);
        ap_log_error(
            APLOG_MARK, APLOG_WARNING, 0, pool->server->s,
            "FG1070: a connection to the database has been out for more than %d s: \"%s\" has it, route %s%s%s",
            (int)apr_time_sec(FORGE_LIVE_HELD_LONG), held.activity, held.method ? held.method : "",
            held.method ? " " : "", held.route ? held.route : "-");
        pthread_mutex_lock(&pool->lock);
    }
}

void *APR_THREAD_FUNC forge_server_connector(apr_thread_t *self, void *baton)
{
    forge_pool_t *pool = baton;
    apr_pool_t *p;
    sigset_t all;
    (void)self;
    sigfillset(&all); /* a signal that ends a prefork child must meet its main thread */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    if (apr_pool_create_unmanaged(&p) == APR_SUCCESS) {
        pthread_mutex_lock(&pool->lock);
        while (!__atomic_load_n(&pool->stopping, __ATOMIC_ACQUIRE)) {
            if (work_once(pool, p))
                continue;
            long_held_say(pool);
            apr_int64_t now = forge_util_monotonic(), until = now + TICK;
            forge_server_pool_wait(pool, &pool->work, pool->away && pool->retry_at < until ? pool->retry_at : until);
        }
        pthread_mutex_unlock(&pool->lock);
        apr_pool_destroy(p);
    }
    __atomic_store_n(&pool->ended, 1, __ATOMIC_RELEASE);
    return NULL;
}
