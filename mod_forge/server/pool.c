/* SPDX-License-Identifier: Apache-2.0
 * The database connections of a child: a list of its own above mod_dbd's pool.
 *
 * mod_dbd connects while it holds the lock of its pool, and giving a connection back takes the same lock. So a server
 * that hangs would make every request wait. Here only one thread of the child, the connector, ever calls mod_dbd. It
 * opens what requests wait for, checks what lies idle or came back in disorder, and closes what nobody needs. Requests
 * take from the list and give back to it; they wait for nothing but the list, and never past their own deadline.
 *
 * While the database is away every request is told so at once. The connector tries again and again, and ends the
 * outage when it has a good connection, so that no request is the one that tries.
 */
#include "server_private.h"
#include "store/identity/identity.h"
#include "store/store.h"

#include <httpd.h>
#include <http_log.h>
#include <ap_mpm.h>
#include <apr_dbd.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <mod_dbd.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

APLOG_USE_MODULE(forge);

#define PING_TIME    apr_time_from_sec(1)    /* for each answer to the connector */
#define CHECK_EVERY  apr_time_from_sec(2)    /* how old the last look at a connection may be */
#define TICK         apr_time_from_sec(1)    /* the connector looks at the list at least so often */
#define PAUSE_FIRST  apr_time_from_msec(250) /* between two tries while the database is away */
#define PAUSE_LATER  apr_time_from_sec(3)    /* the same after an outage of a minute, because mod_dbd logs each try */
#define OUTAGE_LONG  apr_time_from_sec(60)
#define SAY_EVERY    apr_time_from_sec(60)
#define STALLED      apr_time_from_msec(250) /* no connection has come free for so long: waiting has little hope */
#define BEHIND_FOR   apr_time_from_msec(20)  /* a replica that had not replayed enough is asked again */
#define END_PATIENCE 500                     /* times 10 ms that an ending child waits for the connector */

struct forge_conn_t {
    forge_conn_t *next;
    ap_dbd_t *rec; /* NULL: the place is not used */
    void *native;
    apr_int64_t checked, freed; /* when the connector last looked at it; when it was last given back */
    bool over;                  /* nobody needs it any more */
    int place;                  /* of its leases in live/ */
    bool said;                  /* that it is out for too long */
};

typedef struct told_t {
    int size, busy, waiting, away;
} told_t;

struct forge_pool_t {
    const forge_server_t *server; /* the first of those that share the pool: its mod_dbd pool is used */
    pthread_mutex_t lock;
    pthread_cond_t freed; /* for requests: a connection is idle, or the database is away */
    pthread_cond_t work;  /* for the connector */
    apr_thread_t *thread;
    const char *conninfo;
    bool replica;            /* of connections of our own to ForgeReadDBD; no request waits for one */
    int wished, turn;        /* requests that found none, since one came free; tries in vain */
    apr_int64_t behind_till; /* the replica had not replayed what somebody wanted */
    forge_dbd_t dbd;
    int total, busy, waiting, idle_count; /* total: what mod_dbd has given us */
    int roomy;         /* threads of the child that may need this pool at the same time while it stands still */
    told_t told;       /* the gauges, as they were last published */
    forge_conn_t *all; /* dbd.max of them */
    forge_conn_t *idle, *check, *unused; /* check: first to be looked at by the connector */
    bool away, proven;                   /* proven: a pooler, where there is one, pools by session */
    forge_status_t reason;               /* of the outage */
    apr_int64_t since, retry_at, said;   /* since: when the outage began */
    apr_int64_t moved;                   /* when a connection last came free, or somebody began to wait */
    apr_int64_t distrusted;              /* connections checked before are checked again */
    char system[FORGE_STORE_SYSTEM_MAX]; /* which database the last good connection led to */
    int stopping, ended, closed;         /* the child ends; the connector has ended; everything is given back */
};

static APR_OPTIONAL_FN_TYPE(ap_dbd_open) * dbd_open;
static APR_OPTIONAL_FN_TYPE(ap_dbd_close) * dbd_close;

/* --- small steps; the caller holds the lock --- */

/* Publishes what has changed since the last time. The gauges are those of the child, which may have several pools. */
static void tell(forge_pool_t *pool)
{
    const told_t now = {pool->dbd.max, pool->busy, pool->waiting, pool->away};
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

static void push(forge_conn_t **list, forge_conn_t *conn)
{
    conn->next = *list;
    *list = conn;
}

static forge_conn_t *pop(forge_conn_t **list)
{
    forge_conn_t *conn = *list;
    *list = conn ? conn->next : NULL;
    return conn;
}

/* Waits on a condition, by the monotonic clock. */
static void wait_until(forge_pool_t *pool, pthread_cond_t *cond, apr_int64_t until)
{
    struct timespec t = {.tv_sec = (time_t)(until / APR_USEC_PER_SEC),
                         .tv_nsec = (long)(until % APR_USEC_PER_SEC) * 1000};
    pthread_cond_timedwait(cond, &pool->lock, &t);
}

/* From now on no connection is lent that was not checked since. */
static void distrust(forge_pool_t *pool)
{
    pool->distrusted = forge_util_monotonic();
    for (forge_conn_t *conn; (conn = pop(&pool->idle));)
        push(&pool->check, conn);
    pool->idle_count = 0;
    pthread_cond_signal(&pool->work);
}

/* The database is away. Everyone who waits is told. True if that should be logged: at most once a minute. */
static bool outage(forge_pool_t *pool, forge_status_t reason)
{
    apr_int64_t now = forge_util_monotonic();
    if (!pool->away)
        pool->since = now;
    pool->away = true;
    pool->proven = false;
    pool->reason = reason;
    pool->retry_at = now + (now - pool->since > OUTAGE_LONG ? PAUSE_LATER : PAUSE_FIRST);
    tell(pool);
    distrust(pool);
    pthread_cond_broadcast(&pool->freed);
    bool say = !pool->said || now - pool->said > SAY_EVERY;
    if (say)
        pool->said = now;
    return say;
}

/* What a connection that broke tells of the others; one that just died tells nothing. True as above. */
static bool learn(forge_pool_t *pool, forge_native_t state)
{
    if (state.unwritable)
        distrust(pool);
    return (state.unanswered || state.mixed_up) && !pool->away && outage(pool, FORGE_E_DATABASE_DOWN);
}

static void outage_say(const forge_pool_t *pool, forge_status_t reason)
{
    if (pool->replica) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, pool->server->s,
                     "FG0416: the replica (ForgeReadDBD) cannot be used; the primary is asked until that changes");
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, pool->server->s, "FG0411: %s; answering 503 until that changes",
                 !dbd_open                           ? "mod_dbd is not loaded"
                 : reason == FORGE_E_SCHEMA_OUTDATED ? "the schema of the database is older than this module needs: "
                                                       "run forgectl migrate apply"
                 : reason == FORGE_E_SCHEMA_AHEAD    ? "the database has a breaking migration that is newer than this "
                                                       "module: install the version that belongs to the database"
                                                     : "the database cannot be used");
}

/* --- the connector: the only thread that calls mod_dbd --- */

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

static void conn_close(const forge_pool_t *pool, forge_conn_t *conn)
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
    conn_close(pool, conn);
    pthread_mutex_lock(&pool->lock);
    push(&pool->unused, conn);
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
        distrust(pool);
    apr_cpystrn(pool->system, system, sizeof(pool->system));
    conn->checked = forge_util_monotonic();
    push(&pool->idle, conn);
    pool->idle_count++;
    pool->away = false;
    pool->proven = true;
    pool->wished = 0;
    pool->moved = conn->checked;
    tell(pool);
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
    forge_status_t status = forge_store_db_ping(db, p);
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
    forge_native_t state = forge_store_native_state(conn->native);
    release(pool, conn);
    pthread_mutex_lock(&pool->lock);
    bool say = learn(pool, state);
    pthread_mutex_unlock(&pool->lock);
    if (state.unanswered)
        drop_unchecked(pool);
    if (say)
        outage_say(pool, FORGE_E_DATABASE_DOWN);
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
        conn_close(pool, conn);
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
    push(&pool->unused, conn);
    pool->total--;
    bool say = outage(pool, status) && !pool->stopping;
    pthread_mutex_unlock(&pool->lock);
    if (say)
        outage_say(pool, status);
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
    forge_conn_t *conn = found ? pop(found) : NULL;
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
    forge_conn_t *conn = pop(&pool->check);
    if (!conn && (opens = wanted(pool, now))) {
        conn = pop(&pool->unused);
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

static void *APR_THREAD_FUNC connector(apr_thread_t *self, void *baton)
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
            wait_until(pool, &pool->work, pool->away && pool->retry_at < until ? pool->retry_at : until);
        }
        pthread_mutex_unlock(&pool->lock);
        apr_pool_destroy(p);
    }
    __atomic_store_n(&pool->ended, 1, __ATOMIC_RELEASE);
    return NULL;
}

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
        tell(pool);
        pthread_cond_signal(&pool->work);
        wait_until(pool, &pool->freed, until);
        pool->waiting--;
    }
    *conn = pop(&pool->idle);
    if (*conn) {
        status = FORGE_OK;
        pool->idle_count--;
        pool->busy++;
    }
    tell(pool);
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
    bool say = learn(pool, state), closed = pool->closed;
    if (state.clean && !pool->away && conn->checked > pool->distrusted) {
        push(&pool->idle, conn);
        pool->idle_count++;
        if (pool->waiting)
            pthread_cond_signal(&pool->freed);
    } else if (!closed) {
        push(&pool->check, conn);
        pthread_cond_signal(&pool->work);
    }
    tell(pool);
    pthread_mutex_unlock(&pool->lock);
    if (closed)
        conn_close(pool, conn);
    if (say)
        outage_say(pool, FORGE_E_DATABASE_DOWN);
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
    forge_conn_t *conn = pop(&pool->idle);
    *away = pool->away || pool->stopping || pool->total == 0;
    if (conn) {
        pool->idle_count--;
        pool->busy++;
        tell(pool);
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
    for (forge_conn_t *conn; (conn = pop(list));)
        conn_close(pool, conn);
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
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    pool->roomy = threads - threads / 8 - 2;
    pool->moved = forge_util_monotonic();
    pool->all = apr_pcalloc(p, sizeof(*pool->all) * (apr_size_t)pool->dbd.max);
    for (int i = 0; i < pool->dbd.max; i++) {
        pool->all[i].place = forge_live_lease_place(server->live);
        push(&pool->unused, &pool->all[i]);
    }
    locks_make(pool);
    tell(pool);
    if (apr_thread_create(&pool->thread, NULL, connector, pool, p) != APR_SUCCESS) {
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
    dbd_open = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
    dbd_close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);
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
