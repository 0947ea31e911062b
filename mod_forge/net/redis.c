/* SPDX-License-Identifier: Apache-2.0
 * Counts requests in Redis (redis_script.c), by connections that stay.
 *
 * A request takes an idle connection, writes all that it asks, reads all answers, and gives it back; it waits for
 * nothing past its deadline. Connections are made by one thread of the process, the keeper: names are looked up, TLS
 * and logins are done there. While Redis is away no request asks it. The keepers of all processes try it in turn, with
 * the script itself, because a server that accepts a login may still refuse to write.
 */
#include "redis_private.h"
#include <apr_strings.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ANSWERS_MAX  (16 << 10) /* bytes of all answers of a round trip */
#define COMMANDS_MAX (64 << 10)
#define PIECE        2048
#define RUNS_MAX     8
#define SHA_LENGTH   40
#define MAKE_TIME    apr_time_from_sec(1)    /* for a new connection to be made and greeted */
#define TICK         apr_time_from_sec(1)    /* the keeper looks at the connections at least so often */
#define AWAY_TICK    apr_time_from_msec(100) /* the same while Redis is away */
#define CHECK_AFTER  apr_time_from_sec(5)    /* an idle connection is tried, so that requests meet no outage */
#define IDLE_FOR     apr_time_from_sec(60)   /* all but one are closed after it */
#define END_PATIENCE 200                     /* times 10 ms that an ending process waits for the keeper */

typedef struct conn_t {
    struct conn_t *next;
    forge_redis_socket_t socket;
    void *reader;
    apr_uint32_t era;
    apr_int64_t used;
} conn_t;

struct forge_redis_client_t {
    forge_redis_spec_t spec;
    pthread_mutex_t lock;
    pthread_cond_t freed, work; /* for requests: a connection is idle, or Redis is away; for the keeper */
    pthread_t keeper;
    conn_t *idle;
    int total, making, waiting; /* total: idle, in use and being made */
    char sha[SHA_LENGTH + 1];   /* of the script, as the server says */
    int stopping, ended;
};

/* What tells whether all is well. */
static const forge_redis_run_t trial_run = {
    .key = FORGE_REDIS_KEYS "trial", .interval = 1000, .span = 1000000, .take = true};

/* --- one connection --- */

static void conn_free(conn_t *conn)
{
    forge_net_redis_close_socket(&conn->socket);
    forge_net_redis_reader_free(conn->reader);
    free(conn);
}

static forge_redis_end_t broken(const char *words, const char **why)
{
    *why = words;
    return FORGE_REDIS_BROKEN;
}

/* Reads n whole answers. A server that says more than fits, or nothing that makes sense, is none. */
static forge_redis_end_t replies_read(conn_t *conn, forge_redis_reply_t *replies, int n, apr_int64_t deadline,
                                      const char **why)
{
    char piece[PIECE];
    apr_size_t all = 0;
    for (int i = 0; i < n;) {
        forge_net_redis_take(conn->reader, &replies[i]);
        if (replies[i].kind == FORGE_REDIS_GARBAGE || all > ANSWERS_MAX)
            return broken("it does not speak Redis's protocol", why);
        if (replies[i].kind != FORGE_REDIS_MORE) {
            i++;
            continue;
        }
        apr_size_t len = sizeof(piece);
        forge_redis_end_t end = forge_net_redis_receive(&conn->socket, piece, &len, deadline, why);
        if (end != FORGE_REDIS_OK)
            return end;
        forge_net_redis_feed(conn->reader, piece, len);
        all += len;
    }
    return FORGE_REDIS_OK;
}

/* One round trip: what is in `b`, and n answers. */
static forge_redis_end_t exchange(conn_t *conn, const forge_buf_t *b, forge_redis_reply_t *replies, int n,
                                  apr_int64_t deadline, const char **why)
{
    if (b->failed)
        return broken("out of memory", why);
    forge_redis_end_t end = forge_net_redis_send(&conn->socket, b->data, b->len, deadline, why);
    return end == FORGE_REDIS_OK ? replies_read(conn, replies, n, deadline, why) : end;
}

static forge_buf_t *commands(apr_pool_t *p)
{
    return forge_util_buf_make(p, PIECE, COMMANDS_MAX);
}

/* The first word of an error is its code. Its other words may repeat what was sent, and so are kept to us where that
 * was a password. */
static const char *code_of(apr_pool_t *p, const forge_redis_reply_t *reply)
{
    return apr_pstrmemdup(p, reply->text, strcspn(reply->text, " "));
}

/* A failure of one of the answers to a greeting; NULL: none. */
static const char *greeting_problem(apr_pool_t *p, const forge_redis_t *redis, const forge_redis_reply_t *replies,
                                    int n)
{
    for (int i = 0; i < n; i++) {
        if (replies[i].kind != FORGE_REDIS_ERROR)
            continue;
        if (redis->password && i == 0)
            return apr_psprintf(p, "it refuses user or password (%s)", code_of(p, &replies[i]));
        if (strncmp(replies[i].text, "NOAUTH", 6) == 0)
            return "it wants a password (NOAUTH)";
        return apr_psprintf(p, "it answers \"%s\"", replies[i].text);
    }
    return NULL;
}

/* Logs in, chooses the database, and leaves the script there, in one round trip. The last answer names the script. */
static forge_redis_end_t greet(conn_t *conn, apr_pool_t *p, const forge_redis_spec_t *spec, apr_int64_t deadline,
                               char *sha, const char **why)
{
    const forge_redis_t *redis = spec->redis;
    forge_redis_reply_t replies[3];
    forge_buf_t *b = commands(p);
    int n = 0;
    if (redis->password && redis->user)
        forge_net_redis_command(b, 3, (const char *[]){"AUTH", redis->user, redis->password}), n++;
    else if (redis->password)
        forge_net_redis_command(b, 2, (const char *[]){"AUTH", redis->password}), n++;
    if (redis->db)
        forge_net_redis_command(b, 2, (const char *[]){"SELECT", forge_util_itoa(p, redis->db)}), n++;
    forge_net_redis_command(b, 3, (const char *[]){"SCRIPT", "LOAD", forge_net_redis_script}), n++;
    forge_redis_end_t end = exchange(conn, b, replies, n, deadline, why);
    if (end != FORGE_REDIS_OK)
        return end;
    if ((*why = greeting_problem(p, redis, replies, n)))
        return FORGE_REDIS_REFUSED;
    if (strlen(replies[n - 1].text) != SHA_LENGTH)
        return broken("it does not speak Redis's protocol", why);
    memcpy(sha, replies[n - 1].text, SHA_LENGTH + 1);
    return FORGE_REDIS_OK;
}

/* NULL: *end and *why. */
static conn_t *conn_make(apr_pool_t *p, const forge_redis_spec_t *spec, char *sha, forge_redis_end_t *end,
                         const char **why)
{
    const apr_int64_t deadline = forge_util_monotonic() + MAKE_TIME;
    conn_t *conn = calloc(1, sizeof(*conn));
    *end = broken("out of memory", why);
    if (!conn)
        return NULL;
    conn->era = spec->hooks.era ? spec->hooks.era(spec->hooks.baton) : 0;
    conn->reader = forge_net_redis_reader();
    if (conn->reader)
        *end = forge_net_redis_open_socket(spec->redis, deadline, &conn->socket, why);
    if (*end == FORGE_REDIS_OK)
        *end = greet(conn, p, spec, deadline, sha, why);
    conn->used = forge_util_monotonic();
    if (*end == FORGE_REDIS_OK)
        return conn;
    conn_free(conn);
    return NULL;
}

/* --- runs of the script on it --- */

/* What is asked in one round trip. */
typedef struct batch_t {
    apr_pool_t *p;
    forge_redis_run_t *runs;
    int n;
    apr_int64_t deadline;
} batch_t;

static void run_add(forge_buf_t *b, const forge_redis_run_t *run, const char *command, const char *script)
{
    char interval[24], span[24];
    apr_snprintf(interval, sizeof(interval), "%" APR_INT64_T_FMT, run->interval);
    apr_snprintf(span, sizeof(span), "%" APR_INT64_T_FMT, run->span);
    forge_net_redis_command(
        b, 7, (const char *[]){command, script, "1", run->key, interval, span, run->take ? "take" : "look"});
}

/* Whether the server has forgotten the script: nothing was run, and it may be sent whole. */
static bool forgotten(const forge_redis_reply_t *replies, int n)
{
    for (int i = 0; i < n; i++)
        if (replies[i].kind != FORGE_REDIS_ERROR || strncmp(replies[i].text, "NOSCRIPT", 8) != 0)
            return false;
    return true;
}

static forge_redis_end_t answers_take(const batch_t *batch, const forge_redis_reply_t *replies, const char **why)
{
    for (int i = 0; i < batch->n; i++) {
        if (replies[i].kind == FORGE_REDIS_ERROR && strncmp(replies[i].text, "MOVED", 5) == 0) {
            *why = "it is a node of a Redis Cluster (MOVED), which is not spoken here";
            return FORGE_REDIS_REFUSED;
        }
        if (replies[i].kind == FORGE_REDIS_ERROR) {
            *why = apr_psprintf(batch->p, "it answers \"%s\"", replies[i].text);
            return FORGE_REDIS_REFUSED;
        }
        if (!forge_net_redis_answer(replies[i].text, &batch->runs[i]))
            return broken("it does not count as it was told to", why);
    }
    return FORGE_REDIS_OK;
}

/* By the name of the script, and once more by its text if the server has forgotten it. */
static forge_redis_end_t run_on(conn_t *conn, const forge_redis_client_t *client, const batch_t *batch,
                                const char **why)
{
    forge_redis_reply_t replies[RUNS_MAX];
    forge_redis_end_t end = FORGE_REDIS_OK;
    for (int whole = 0; whole < 2; whole++) {
        forge_buf_t *b = commands(batch->p);
        for (int i = 0; i < batch->n; i++)
            run_add(b, &batch->runs[i], whole ? "EVAL" : "EVALSHA", whole ? forge_net_redis_script : client->sha);
        end = exchange(conn, b, replies, batch->n, batch->deadline, why);
        if (end != FORGE_REDIS_OK || !forgotten(replies, batch->n))
            break;
    }
    conn->used = forge_util_monotonic();
    return end == FORGE_REDIS_OK ? answers_take(batch, replies, why) : end;
}

/* --- the list; the caller holds the lock --- */

static void wait_until(forge_redis_client_t *client, pthread_cond_t *cond, apr_int64_t until)
{
    const struct timespec t = {.tv_sec = (time_t)(until / APR_USEC_PER_SEC),
                               .tv_nsec = (long)(until % APR_USEC_PER_SEC) * 1000};
    pthread_cond_timedwait(cond, &client->lock, &t);
}

static bool stops(const forge_redis_client_t *client)
{
    return __atomic_load_n(&client->stopping, __ATOMIC_ACQUIRE);
}

static bool away(const forge_redis_client_t *client)
{
    return client->spec.hooks.away(client->spec.hooks.baton);
}

/* A connection that was made before Redis went away, or that the other end has closed. */
static bool stale(const forge_redis_client_t *client, const conn_t *conn)
{
    return conn->era != client->spec.hooks.era(client->spec.hooks.baton) || forge_net_redis_gone(&conn->socket);
}

/* Takes one off the list, and closes it. */
static void idle_drop(forge_redis_client_t *client, conn_t **at)
{
    conn_t *conn = *at;
    *at = conn->next;
    client->total--;
    conn_free(conn);
}

/* An idle connection that may be used; those that may not are closed. NULL: there is none. */
static conn_t *idle_take(forge_redis_client_t *client)
{
    while (client->idle && stale(client, client->idle))
        idle_drop(client, &client->idle);
    conn_t *conn = client->idle;
    if (conn)
        client->idle = conn->next;
    return conn;
}

static void idle_tidy(forge_redis_client_t *client)
{
    for (conn_t **at = &client->idle; *at;)
        if (stale(client, *at))
            idle_drop(client, at);
        else
            at = &(*at)->next;
}

static void idle_put(forge_redis_client_t *client, conn_t *conn)
{
    conn->next = client->idle;
    client->idle = conn;
    if (client->waiting)
        pthread_cond_signal(&client->freed);
}

/* --- requests --- */

static conn_t *conn_take(forge_redis_client_t *client, apr_int64_t deadline, forge_redis_end_t *end)
{
    conn_t *conn = NULL;
    pthread_mutex_lock(&client->lock);
    for (;;) {
        *end = stops(client) || away(client) ? FORGE_REDIS_AWAY : FORGE_REDIS_BUSY;
        if (*end == FORGE_REDIS_AWAY || (conn = idle_take(client)) || forge_util_monotonic() >= deadline)
            break;
        client->waiting++;
        pthread_cond_signal(&client->work);
        wait_until(client, &client->freed, deadline);
        client->waiting--;
    }
    if (!conn && *end == FORGE_REDIS_BUSY && client->total == client->making)
        *end = FORGE_REDIS_LATE; /* there is none that others could have */
    pthread_mutex_unlock(&client->lock);
    return conn;
}

/* A connection that has failed is of no more use: its answer may still come. */
static void conn_give(forge_redis_client_t *client, conn_t *conn, bool good)
{
    pthread_mutex_lock(&client->lock);
    good = good && !stops(client);
    if (good)
        idle_put(client, conn);
    else
        client->total--;
    pthread_mutex_unlock(&client->lock);
    if (!good)
        conn_free(conn);
}

static void tell_bad(forge_redis_client_t *client, const char *why)
{
    client->spec.hooks.bad(client->spec.hooks.baton, why);
    pthread_mutex_lock(&client->lock);
    pthread_cond_signal(&client->work);
    pthread_cond_broadcast(&client->freed);
    pthread_mutex_unlock(&client->lock);
}

forge_redis_end_t forge_net_redis_run(forge_redis_client_t *client, apr_pool_t *p, forge_redis_run_t *runs, int n)
{
    const batch_t batch = {p, runs, n < RUNS_MAX ? n : RUNS_MAX, forge_util_monotonic() + client->spec.redis->patience};
    const char *why = "no connection could be made in time";
    forge_redis_end_t end;
    if (away(client))
        return FORGE_REDIS_AWAY;
    conn_t *conn = conn_take(client, batch.deadline, &end);
    if (conn) {
        end = run_on(conn, client, &batch, &why);
        conn_give(client, conn, end == FORGE_REDIS_OK);
    }
    if (end != FORGE_REDIS_OK && end != FORGE_REDIS_BUSY && end != FORGE_REDIS_AWAY)
        tell_bad(client, why);
    return end;
}

/* --- the keeper --- */

/* Runs the trial within the time that a request has. */
static forge_redis_end_t trial(conn_t *conn, apr_pool_t *p, forge_redis_client_t *client, const char **why)
{
    forge_redis_run_t run = trial_run;
    const batch_t batch = {p, &run, 1, forge_util_monotonic() + client->spec.redis->patience};
    return run_on(conn, client, &batch, why);
}

/* Makes one more connection; where Redis was away, one on which the trial went well ends that. False: none was made. */
static bool make_one(forge_redis_client_t *client, apr_pool_t *p, bool tries)
{
    char sha[SHA_LENGTH + 1];
    const char *why = "";
    forge_redis_end_t end;
    conn_t *conn = conn_make(p, &client->spec, sha, &end, &why);
    if (conn && !*client->sha) {
        pthread_mutex_lock(&client->lock);
        memcpy(client->sha, sha, sizeof(client->sha));
        pthread_mutex_unlock(&client->lock);
    }
    if (conn && (end = trial(conn, p, client, &why)) != FORGE_REDIS_OK) {
        conn_free(conn);
        conn = NULL;
    }
    if (conn && tries)
        client->spec.hooks.good(client->spec.hooks.baton);
    pthread_mutex_lock(&client->lock);
    client->making--;
    if (conn)
        idle_put(client, conn);
    else
        client->total--;
    pthread_mutex_unlock(&client->lock);
    if (!conn && !stops(client))
        tell_bad(client, why);
    return conn != NULL;
}

/* Tries one that has been idle for long. */
static void check(forge_redis_client_t *client, conn_t *conn, apr_pool_t *p)
{
    const char *why = "";
    bool good = trial(conn, p, client, &why) == FORGE_REDIS_OK;
    conn_give(client, conn, good);
    if (!good && !stops(client))
        tell_bad(client, why);
}

/* The last of the list has been idle longest. One that is too many is closed, one that is too old is returned. */
static conn_t *oldest(forge_redis_client_t *client, apr_int64_t now)
{
    conn_t **last = &client->idle;
    while (*last && (*last)->next)
        last = &(*last)->next;
    conn_t *conn = *last;
    if (!conn || now - conn->used < (last == &client->idle ? CHECK_AFTER : IDLE_FOR))
        return NULL;
    *last = NULL;
    if (last == &client->idle)
        return conn;
    client->total--;
    conn_free(conn);
    return NULL;
}

/* One that is always there, and one for each request that waits. */
static bool wanted(const forge_redis_client_t *client)
{
    return client->total == 0 || (client->waiting && !client->idle && client->total < client->spec.most);
}

/* Does the next piece of work. False: there is none, or it went wrong. Called with the lock held, which is let go
 * meanwhile. */
static bool work_once(forge_redis_client_t *client, apr_pool_t *p)
{
    bool goes_on = true;
    const forge_redis_hooks_t *hooks = &client->spec.hooks;
    idle_tidy(client);
    const bool tries = hooks->may_try(hooks->baton);
    const bool makes = tries || (!away(client) && wanted(client));
    conn_t *conn = makes || away(client) ? NULL : oldest(client, forge_util_monotonic());
    if (!makes && !conn)
        return false;
    client->total += makes;
    client->making += makes;
    pthread_mutex_unlock(&client->lock);
    if (makes)
        goes_on = make_one(client, p, tries);
    else
        check(client, conn, p);
    apr_pool_clear(p);
    pthread_mutex_lock(&client->lock);
    return goes_on;
}

/* Where a connection is wanted and none was made, it is soon tried again, whether or not Redis counts as away. */
static apr_interval_time_t pause_of(const forge_redis_client_t *client)
{
    return away(client) || wanted(client) ? AWAY_TICK : TICK;
}

static void *keep(void *baton)
{
    forge_redis_client_t *client = baton;
    apr_pool_t *p;
    sigset_t all;
    sigfillset(&all); /* a signal that ends a prefork child must meet its main thread */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    if (apr_pool_create_unmanaged(&p) == APR_SUCCESS) {
        pthread_mutex_lock(&client->lock);
        while (!stops(client))
            if (!work_once(client, p))
                wait_until(client, &client->work, forge_util_monotonic() + pause_of(client));
        pthread_mutex_unlock(&client->lock);
        apr_pool_destroy(p);
    }
    __atomic_store_n(&client->ended, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* --- begin and end --- */

/* A look-up of a name may take long, and must not go on while the pools under it go. */
static apr_status_t finish(void *baton)
{
    forge_redis_client_t *client = baton;
    __atomic_store_n(&client->stopping, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < END_PATIENCE && !__atomic_load_n(&client->ended, __ATOMIC_ACQUIRE); i++) {
        pthread_cond_broadcast(&client->work);
        pthread_cond_broadcast(&client->freed);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    if (!__atomic_load_n(&client->ended, __ATOMIC_ACQUIRE))
        client->spec.hooks.stuck(client->spec.hooks.baton);
    pthread_join(client->keeper, NULL);
    for (conn_t *conn; (conn = client->idle);) {
        client->idle = conn->next;
        conn_free(conn);
    }
    return APR_SUCCESS;
}

forge_redis_client_t *forge_net_redis_client(apr_pool_t *p, const forge_redis_spec_t *spec)
{
    forge_redis_client_t *client = apr_pcalloc(p, sizeof(*client));
    pthread_condattr_t steady; /* steps of the wall clock lengthen no wait */
    client->spec = *spec;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_mutex_init(&client->lock, NULL);
    pthread_cond_init(&client->freed, &steady);
    pthread_cond_init(&client->work, &steady);
    pthread_condattr_destroy(&steady);
    if (pthread_create(&client->keeper, NULL, keep, client) != 0)
        return NULL;
    apr_pool_pre_cleanup_register(p, client, finish);
    return client;
}

bool forge_net_redis_probe(apr_pool_t *p, const forge_redis_t *redis, const char **why)
{
    forge_redis_client_t once = {.spec = {.redis = redis}};
    forge_redis_run_t run = trial_run;
    forge_redis_end_t how;
    conn_t *conn = conn_make(p, &once.spec, once.sha, &how, why);
    if (!conn)
        return false;
    const batch_t batch = {p, &run, 1, forge_util_monotonic() + MAKE_TIME};
    how = run_on(conn, &once, &batch, why);
    conn_free(conn);
    return how == FORGE_REDIS_OK;
}
