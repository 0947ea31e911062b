/* SPDX-License-Identifier: Apache-2.0
 * What has ended, for the shared memory of every node: a listener for the events, and the first load.
 */
#include "identity_private.h"
#include <apr_strings.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#define SLICE        100 /* milliseconds between two questions whether to go on */
#define CONNECT_TIME (2 * APR_USEC_PER_SEC)
#define PING_TIME    APR_USEC_PER_SEC
#define LOAD_TIME    (5 * APR_USEC_PER_SEC)
#define CHANNEL      "forge_events"

/* --- questions --- */

static const forge_stmt_t token_active = {
    "token_active",
    "SELECT 1 FROM forge.sessions s JOIN forge.users u ON u.id = s.user_id "
    "WHERE s.id = $1::bigint AND u.id = $2::bigint AND s.revoked_at IS NULL AND s.expires_at > now() AND u.is_active"
    " AND u.epoch <= $3::bigint"};

static const forge_stmt_t second_factor = {
    "second_factor", "SELECT 1 FROM forge.mfa_factors WHERE user_id = $1::bigint AND confirmed_at IS NOT NULL LIMIT 1"};

forge_status_t forge_store_token_active(forge_db_t *db, apr_pool_t *p, const forge_who_t *by)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->session_id), forge_util_itoa(p, by->user_id), forge_util_itoa(p, by->epoch));
    forge_rows_t *rows;
    FORGE_TRY(forge_store_run(db, p, &token_active, args, &rows));
    return forge_store_rows_count(rows) > 0 ? FORGE_OK : FORGE_E_INVALID_TOKEN;
}

forge_status_t forge_store_second_factor(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, bool *has)
{
    forge_rows_t *rows;
    *has = true;
    FORGE_TRY(forge_store_run(db, p, &second_factor, FORGE_ARGS(forge_util_itoa(p, user_id)), &rows));
    *has = forge_store_rows_count(rows) > 0;
    return FORGE_OK;
}

/* --- the connection that listens --- */

struct forge_listener_t {
    PGconn *conn;
    apr_pool_t *p;
    const forge_listener_hooks_t *hooks;
    char echo[40]; /* what we say to ourselves: no other listener says it */
    bool echoed;   /* it came back */
    const char *system;
    apr_int64_t written; /* how far the database's log is on its disk */
    apr_int64_t end;     /* and in its memory */
    bool one;            /* this session holds the lock of which there is one for all nodes */
};

static apr_status_t close_listener(void *conn)
{
    PQfinish(conn);
    return APR_SUCCESS;
}

static void drop_notice(void *baton, const char *message)
{
    (void)baton;
    (void)message;
}

static const char *last_words(const forge_listener_t *l)
{
    const char *message = PQerrorMessage(l->conn);
    return *message ? apr_pstrmemdup(l->p, message, strcspn(message, "\n")) : "the connection was closed";
}

/* Waits for the socket in slices: 1 ready, 0 time is up or patience at an end, -1 broken. */
static int wait_sliced(const forge_listener_t *l, short events, apr_int64_t deadline)
{
    struct pollfd watch = {.fd = PQsocket(l->conn), .events = events};
    for (;;) {
        apr_int64_t left = deadline - forge_util_monotonic();
        if (left <= 0 || !l->hooks->patient(l->hooks->baton))
            return 0;
        int ready = poll(&watch, 1, left < SLICE * 1000 ? (int)(left / 1000) + 1 : SLICE);
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return ready;
    }
}

static void hear(forge_listener_t *l)
{
    PGnotify *n;
    while ((n = PQnotifies(l->conn))) {
        if (strcmp(n->extra, l->echo) == 0) /* a pooler makes up PQbackendPID: only the word tells */
            l->echoed = true;
        else
            l->hooks->heard(l->hooks->baton, n->extra);
        PQfreemem(n);
    }
}

/* The next result before the deadline; NULL with *over at the end of the statement, NULL without when it went wrong. */
static PGresult *next_result(forge_listener_t *l, apr_int64_t deadline, bool *over, const char **why)
{
    *over = false;
    while (PQisBusy(l->conn)) {
        int unsent = PQflush(l->conn);
        int ready = unsent < 0 ? -1 : wait_sliced(l, (short)(unsent ? POLLIN | POLLOUT : POLLIN), deadline);
        if (ready == 0) {
            *why = "the database does not answer";
            return NULL;
        }
        if (!PQconsumeInput(l->conn) || ready < 0) {
            *why = last_words(l);
            return NULL;
        }
    }
    PGresult *result = PQgetResult(l->conn);
    *over = !result;
    return result;
}

/* What is done with the first column of each row; false: *why says what is wrong with it. */
typedef bool (*column_fn)(forge_listener_t *l, const char *value, const char **why);

static bool aloud(forge_listener_t *l, const char *value, const char **why)
{
    (void)why;
    l->hooks->heard(l->hooks->baton, value);
    return true;
}

static bool silent(forge_listener_t *l, const char *value, const char **why)
{
    (void)l, (void)value, (void)why;
    return true;
}

/* "system written end one": the same database as before, and its log has not become shorter. Says what is wrong. */
static const char *replaced(forge_listener_t *l, const char *value)
{
    apr_size_t len = strcspn(value, " "), digits = value[len] ? strcspn(value + len + 1, " ") : 0;
    const char *after = value + len + (value[len] != '\0'), *end = after + digits + (after[digits] != '\0');
    apr_int64_t written = 0;
    if (!forge_util_atoi(after, digits, &written) || !forge_util_atoi(end, strcspn(end, " "), &l->end))
        return "the database does not say how far its log is";
    if (l->system && (strlen(l->system) != len || memcmp(l->system, value, len) != 0))
        return "the database was replaced by another one";
    if (written < l->written)
        return "the database went back to an earlier state of itself";
    if (!l->system)
        l->system = apr_pstrmemdup(l->p, value, len);
    l->written = written;
    l->one = strcmp(end + strcspn(end, " "), " t") == 0;
    return NULL;
}

/* The session that listens, on a server that takes writes, and the same database as before. */
static bool in_order(forge_listener_t *l, const char *value, const char **why)
{
    *why = strcmp(value, "unwritable") == 0 ? "the server is a standby or read-only"
           : strcmp(value, "deaf") == 0     ? "this connection is not the one that listens; a pooler between here and "
                                              "the database must pool by session"
                                            : replaced(l, value);
    return !*why;
}

/* Takes the results of what was sent. */
static bool take(forge_listener_t *l, bool sent, apr_interval_time_t time, column_fn each, const char **why)
{
    apr_int64_t deadline = forge_util_monotonic() + time;
    bool good = true, over = false;
    PGresult *result;
    if (!sent) {
        *why = last_words(l);
        return false;
    }
    while ((result = next_result(l, deadline, &over, why))) {
        ExecStatusType s = PQresultStatus(result);
        if (s != PGRES_TUPLES_OK && s != PGRES_COMMAND_OK && s != PGRES_SINGLE_TUPLE) {
            *why = last_words(l);
            good = false;
        }
        for (int i = 0; good && i < PQntuples(result); i++)
            good = each(l, PQgetvalue(result, i, 0), why);
        PQclear(result);
    }
    hear(l);
    return good && over;
}

/* Connects within a deadline; PQconnectdb would wait for as long as it likes. */
static bool connect_sliced(forge_listener_t *l, const char **why)
{
    apr_int64_t deadline = forge_util_monotonic() + CONNECT_TIME;
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;
    while (PQstatus(l->conn) != CONNECTION_BAD && want != PGRES_POLLING_OK && want != PGRES_POLLING_FAILED) {
        if (wait_sliced(l, want == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline) == 0) {
            *why = "the database does not answer";
            return false;
        }
        want = PQconnectPoll(l->conn);
    }
    *why = last_words(l);
    return PQstatus(l->conn) == CONNECTION_OK && want == PGRES_POLLING_OK;
}

/* Without keep-alives the server would learn only after hours that a node has been cut off: meanwhile its session would
 * hold the lock, and keep the queue of notifications from being emptied. */
static const char greeting_sql[] =
    "SELECT set_config('forge.session', $1, false), set_config('tcp_keepalives_idle', '2', false),"
    " set_config('tcp_keepalives_interval', '1', false), set_config('tcp_keepalives_count', '3', false),"
    " set_config('tcp_user_timeout', '5000', false)";

/* Checks that our own notification comes back: behind a pooler that gives every statement another back end we would
 * hear nothing. */
static bool listen_echoed(forge_listener_t *l, const char **why)
{
    unsigned char dice[16];
    const char *args[] = {l->echo};
    forge_util_random(dice, sizeof(dice));
    apr_snprintf(l->echo, sizeof(l->echo), "echo-%s", forge_util_hex(l->p, dice, sizeof(dice)));
    if (!take(l, PQsendQueryParams(l->conn, greeting_sql, 1, NULL, args, NULL, NULL, 0), PING_TIME, silent, why))
        return false;
    if (!take(l, PQsendQuery(l->conn, "LISTEN " CHANNEL), PING_TIME, silent, why))
        return false;
    if (!take(l, PQsendQueryParams(l->conn, "SELECT pg_notify('" CHANNEL "', $1)", 1, NULL, args, NULL, NULL, 0),
              PING_TIME, silent, why))
        return false;
    if (!l->echoed && !forge_store_listener_wait(l, PING_TIME, why))
        return false;
    *why = "notifications do not arrive; a pooler between here and the database must pool by session";
    return l->echoed;
}

forge_listener_t *forge_store_listen(apr_pool_t *p, const char *conninfo, const forge_listener_hooks_t *hooks,
                                     const char **why)
{
    /* conninfo replaces our name, and is replaced by the server that was chosen: later parameters win */
    const char *names[] = {"fallback_application_name", "dbname", "host", "hostaddr", "port", NULL};
    forge_store_server_t one = {"", "", ""};
    if (!forge_store_server_choose(p, conninfo, hooks->turn, &one))
        names[2] = NULL;
    const char *const values[] = {"forge events", conninfo, one.host, one.address, one.port, NULL};
    forge_listener_t *l = apr_pcalloc(p, sizeof(*l));
    l->p = p;
    l->hooks = hooks;
    l->conn = PQconnectStartParams(names, values, 1);
    if (!l->conn) {
        *why = "out of memory";
        return NULL;
    }
    apr_pool_cleanup_register(p, l->conn, close_listener, apr_pool_cleanup_null);
    PQsetNoticeProcessor(l->conn, drop_notice, NULL);
    if (!connect_sliced(l, why) || PQsetnonblocking(l->conn, 1) != 0 || !listen_echoed(l, why) ||
        !forge_store_listener_ping(l, why))
        return NULL;
    return l;
}

static const char load_sql[] =
    "SELECT coalesce('s' || session_id, 'u' || user_id || ':' || epoch) FROM forge.revocations"
    " WHERE at > clock_timestamp() - make_interval(secs => $1::bigint)";

bool forge_store_listener_load(forge_listener_t *l, apr_interval_time_t longest, const char **why)
{
    const char *args[] = {forge_util_itoa(l->p, apr_time_sec(longest) + 1)};
    int sent = PQsendQueryParams(l->conn, load_sql, 1, NULL, args, NULL, NULL, 0);
    if (sent)
        PQsetSingleRowMode(l->conn);
    return take(l, sent, LOAD_TIME, aloud, why);
}

/* A lock that the session has already would be counted twice, so it is not asked for again. */
static const char ping_sql[] =
    "SELECT CASE WHEN " FORGE_SERVER_UNWRITABLE " THEN 'unwritable'"
    " WHEN '" CHANNEL "' NOT IN (SELECT pg_listening_channels()) OR"
    " current_setting('forge.session', true) IS DISTINCT FROM $1 THEN 'deaf'"
    " ELSE (" FORGE_SERVER_SYSTEM ") || ' ' || pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint"
    " || ' ' || pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
    " || CASE WHEN $2 = 'holds' THEN ' t' WHEN $2 = 'elects' AND"
    " pg_try_advisory_lock(hashtextextended('forge.one_node', 0)) THEN ' t' ELSE ' f' END END";

bool forge_store_listener_ping(forge_listener_t *l, const char **why)
{
    const char *args[] = {l->echo, l->one ? "holds" : l->hooks->elects ? "elects" : ""};
    return take(l, PQsendQueryParams(l->conn, ping_sql, 2, NULL, args, NULL, NULL, 0), PING_TIME, in_order, why);
}

const char *forge_store_listener_system(const forge_listener_t *l)
{
    return l->system;
}

apr_int64_t forge_store_listener_written(const forge_listener_t *l)
{
    return l->written;
}

forge_position_t forge_store_listener_end(const forge_listener_t *l)
{
    return (forge_position_t){.wal = (apr_uint64_t)l->end, .kin = forge_store_kin(l->system)};
}

bool forge_store_listener_one(const forge_listener_t *l)
{
    return l->one;
}

bool forge_store_listener_wait(forge_listener_t *l, apr_interval_time_t time, const char **why)
{
    apr_int64_t deadline = forge_util_monotonic() + time;
    int ready;
    while ((ready = wait_sliced(l, POLLIN, deadline)) > 0) {
        bool alive = PQconsumeInput(l->conn);
        hear(l);
        if (!alive || PQstatus(l->conn) != CONNECTION_OK) {
            *why = last_words(l);
            return false;
        }
    }
    *why = ready < 0 ? last_words(l) : NULL;
    return ready == 0;
}
