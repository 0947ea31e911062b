/* SPDX-License-Identifier: Apache-2.0
 * Revocations: this node's own ones enter shared memory at commit, those of other nodes arrive through LISTEN/NOTIFY.
 *
 * Every child has a watchdog thread for each database, and live/ decides which of them listens (mod_watchdog's own
 * singletons would pause for ten seconds when another child takes over). The listener has its own connection outside
 * mod_dbd's pool, because requests need that pool: a prefork child has only one connection (DBDMax 1). While nobody
 * listens, the guard asks the database about each token.
 */
#include "work_private.h"
#include "store/identity/identity.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_strings.h>
#include <string.h>

APLOG_USE_MODULE(forge);

#define TICK       apr_time_from_msec(100) /* how often a thread checks whether it should listen */
#define LISTEN_FOR apr_time_from_msec(200) /* between two round trips; together well below FORGE_LIVE_HEARD_MAX */
#define PLACE_EVERY \
    apr_time_from_msec(10)            /* where replicas serve: how often it looks whether something was written \
                                       */
#define PAUSE apr_time_from_msec(500) /* after a failure */
#define TELL_AFTER \
    apr_time_from_sec(3) /* a shorter outage is not reported here: requests that need the database report it */
#define TELL_EVERY apr_time_from_sec(60)

/* --- the listener --- */

/* One database as one child sees it. */
typedef struct events_t {
    const forge_server_t *server; /* the first of its realm */
    const char *conninfo;
    bool replica; /* of this database serve public reads */
    forge_listener_hooks_t hooks;
    apr_pool_t *pool; /* of the connection; NULL: not connected */
    forge_listener_t *listener;
    apr_int64_t failed_since, retry_at, told_at; /* by forge_util_monotonic */
} events_t;

static void heard(void *baton, const char *words)
{
    const events_t *e = baton;
    forge_server_revoked_apply(e->server, words);
}

/* Whether to keep waiting: an ending child waits for this thread. */
static bool patient(void *baton)
{
    const events_t *e = baton;
    return !forge_work_background_stopping() && forge_live_events_lead(e->server->live, e->server->realm);
}

static void disconnect(events_t *e)
{
    if (e->pool)
        apr_pool_destroy(e->pool);
    e->pool = NULL;
    e->listener = NULL;
}

static void give_up(events_t *e, const char *why)
{
    apr_int64_t now = forge_util_monotonic();
    if (forge_work_background_stopping()) { /* the child ends: this is not a failure */
        disconnect(e);
        return;
    }
    forge_live_events_lost(e->server->live, e->server->realm);
    if (!e->failed_since)
        e->failed_since = now;
    e->retry_at = now + PAUSE;
    e->hooks.turn++;
    if (now - e->failed_since > TELL_AFTER && (!e->told_at || now - e->told_at > TELL_EVERY)) {
        e->told_at = now;
        ap_log_error(
            APLOG_MARK, APLOG_WARNING, 0, e->server->s,
            "FG0443: could not listen for ended sessions: %s; meanwhile the database is asked about each token", why);
    }
    disconnect(e);
}

/* Tells which database the listener hears, and whether it is the one of all nodes, as its last ping found it. */
static void tell_system(const events_t *e)
{
    forge_live_events_system(e->server->live, e->server->realm, forge_store_listener_system(e->listener),
                             (apr_uint64_t)forge_store_listener_written(e->listener));
    forge_live_events_one(e->server->live, e->server->realm, forge_store_listener_one(e->listener));
}

/* Replicas must have all writes that lie before the end of the log which the last ping found. The counts were read
 * before that ping. */
static void tell_end(const events_t *e, const forge_writes_t *writes)
{
    forge_live_placed(e->server->live, e->server->realm, writes, forge_store_listener_end(e->listener));
}

static bool ping(const events_t *e, const char **why)
{
    const forge_writes_t writes = forge_live_writes(e->server->live, e->server->realm);
    if (!forge_store_listener_ping(e->listener, why))
        return false;
    tell_end(e, &writes);
    return true;
}

/* Connects and loads all revocations. The pool has no parent, because only this thread may use it. What is vouched for
 * ends before the connection was seen to lead to the primary: a fail-over after that look is found by the next one. */
static void begin(events_t *e)
{
    const char *why = "out of memory";
    const apr_int64_t asked = forge_util_uptime();
    if (forge_util_monotonic() < e->retry_at)
        return;
    if (apr_pool_create_unmanaged(&e->pool) != APR_SUCCESS) {
        e->pool = NULL;
        return;
    }
    e->listener = forge_store_listen(e->pool, e->conninfo, &e->hooks, &why);
    if (e->listener)
        tell_system(e);
    if (!e->listener ||
        !forge_store_listener_load(e->listener, e->server->longest + FORGE_REVOKED_LEEWAY + FORGE_REVOKED_STEP, &why)) {
        give_up(e, why);
        return;
    }
    forge_live_changed(e->server->live, e->server->realm, ~0U); /* whatever was written while nobody listened */
    forge_live_events_heard(e->server->live, e->server->realm, asked);
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, e->server->s, "FG0444: listening for ended sessions");
    e->failed_since = 0;
    e->hooks.turn = 0;
}

/* Where replicas serve, a write that is heard of has the end of the log asked for at once, so that they serve again as
 * soon as they have it. Not more often than every few milliseconds, whatever is written. */
static bool stay(const events_t *e, const char **why)
{
    apr_int64_t until = forge_util_monotonic() + LISTEN_FOR, left;
    while ((left = until - forge_util_monotonic()) > 0) {
        if (!forge_store_listener_wait(e->listener, e->replica && left > PLACE_EVERY ? PLACE_EVERY : left, why))
            return false;
        if (e->replica && forge_live_unplaced(e->server->live, e->server->realm) && !ping(e, why))
            return false;
    }
    return true;
}

static void go_on(events_t *e)
{
    const char *why = "";
    const apr_int64_t asked = forge_util_uptime();
    if (!ping(e, &why)) {
        give_up(e, why);
        return;
    }
    if (!forge_live_events_heard(e->server->live, e->server->realm, asked)) {
        disconnect(e);
        return;
    }
    tell_system(e);
    if (!stay(e, &why))
        give_up(e, why);
}

static void step(void *data, apr_pool_t *p)
{
    events_t *e = data;
    (void)p;
    if (!forge_live_events_lead(e->server->live, e->server->realm))
        disconnect(e);
    else if (!e->listener)
        begin(e);
    else
        go_on(e);
}

static void end(void *data)
{
    events_t *e = data;
    disconnect(e);
    forge_live_events_resign(e->server->live, e->server->realm);
}

/* --- registration --- */

static bool has_replica(server_rec *main_server, const forge_server_t *server)
{
    for (server_rec *s = main_server; s; s = s->next) {
        const forge_server_t *other = forge_server_of(s);
        if (other && other->realm == server->realm && forge_config_replica(other->config))
            return true;
    }
    return false;
}

int forge_work_events_register(apr_pool_t *pconf, server_rec *main_server)
{
    for (server_rec *s = main_server; s; s = s->next) {
        const forge_server_t *server = forge_server_of(s);
        const char *conninfo = forge_server_pool_database(pconf, s);
        if (!server || !*conninfo || !forge_work_first_of_database(main_server, server))
            continue;
        events_t *e = apr_pcalloc(pconf, sizeof(*e));
        e->server = server;
        e->conninfo = conninfo;
        e->replica = has_replica(main_server, server);
        e->hooks = (forge_listener_hooks_t){heard, patient, e, 0, true};
        const forge_background_t job = {
            .thread = apr_psprintf(pconf, "_forge_events_%" APR_UINT64_T_HEX_FMT "_", server->realm),
            .every = TICK,
            .step = step,
            .end = end,
            .data = e};
        if (forge_work_background_register(pconf, s, &job) != OK)
            return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}
