/* SPDX-License-Identifier: Apache-2.0
 * Connections to a replica, which serves public reads: opened within a bound, and asked how far it is.
 */
#include "store_private.h"
#include "store/store.h"
#include <apr_strings.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIME (2 * APR_USEC_PER_SEC)
#define SLICE        100 /* milliseconds between two questions whether to go on */

/* --- opening --- */

/* 1 ready, 0 time is up or patience at an end, -1 broken. */
static int wait_sliced(PGconn *conn, const forge_replica_try_t *how, short events, apr_int64_t deadline)
{
    struct pollfd watch = {.fd = PQsocket(conn), .events = events};
    for (;;) {
        apr_int64_t left = deadline - forge_util_monotonic();
        if (left <= 0 || !how->patient(how->baton))
            return 0;
        int ready = poll(&watch, 1, left < SLICE * 1000 ? (int)(left / 1000) + 1 : SLICE);
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return ready;
    }
}

static bool connect_sliced(PGconn *conn, const forge_replica_try_t *how)
{
    apr_int64_t deadline = forge_util_monotonic() + CONNECT_TIME;
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;
    while (PQstatus(conn) != CONNECTION_BAD && want != PGRES_POLLING_OK && want != PGRES_POLLING_FAILED) {
        if (wait_sliced(conn, how, want == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline) == 0)
            return false;
        want = PQconnectPoll(conn);
    }
    return PQstatus(conn) == CONNECTION_OK && want == PGRES_POLLING_OK;
}

/* Of several servers the first one that is a standby, unless the string wants another kind. */
void *forge_store_replica_open(apr_pool_t *p, const forge_replica_try_t *how, const char **why)
{
    const char *names[] = {
        "fallback_application_name", "target_session_attrs", "dbname", "host", "hostaddr", "port", NULL};
    forge_store_server_t one = {"", "", ""};
    if (!forge_store_server_choose(p, how->conninfo, how->turn, &one))
        names[3] = NULL;
    const char *const values[] = {"mod_forge", "standby", how->conninfo, one.host, one.address, one.port, NULL};
    PGconn *conn = PQconnectStartParams(names, values, 1);
    if (conn && connect_sliced(conn, how))
        return conn;
    const char *message = conn && *PQerrorMessage(conn) ? PQerrorMessage(conn) : "it does not answer";
    *why = apr_pstrmemdup(p, message, strcspn(message, "\n"));
    PQfinish(conn);
    return NULL;
}

void forge_store_replica_close(void *native)
{
    PQfinish(native);
}

/* --- how far it is --- */

apr_uint64_t forge_store_replica_replayed(const forge_db_t *db)
{
    return db->link ? db->link->replayed : 0;
}

static bool has(const forge_link_t *link, const forge_position_t *needed)
{
    return link->kin == needed->kin && link->replayed >= needed->wal;
}

/* What a session was told once stays true: a standby only goes forward. */
forge_status_t forge_store_replica_has(forge_db_t *db, apr_pool_t *p, const forge_position_t *needed)
{
    if (has(db->link, needed))
        return FORGE_OK;
    FORGE_TRY(forge_store_db_ping(db, p));
    db->activity_due = *db->activity != '\0'; /* a ping leaves the last user's name */
    return has(db->link, needed) ? FORGE_OK : FORGE_E_PRECONDITION_FAILED;
}

static const forge_stmt_t whereabouts = {
    "replica_whereabouts",
    "SELECT pg_is_in_recovery() AS standby, " FORGE_SERVER_SYSTEM " AS system, coalesce(" FORGE_SERVER_REPLAYED
    ", pg_wal_lsn_diff(CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn() END, '0/0')::bigint) AS reached"};

bool forge_store_replica_follows(forge_db_t *replica, forge_db_t *primary, apr_pool_t *p, const char **says)
{
    forge_rows_t *theirs, *ours;
    *says = "the two servers could not be asked how far they are";
    if (forge_store_run(primary, p, &whereabouts, FORGE_NO_ARGS, &ours) != FORGE_OK ||
        forge_store_run(replica, p, &whereabouts, FORGE_NO_ARGS, &theirs) != FORGE_OK)
        return false;
    bool standby = forge_store_rows_bool(theirs, 0, "standby");
    bool kin = forge_store_kin(forge_store_rows_text(theirs, 0, "system")) ==
               forge_store_kin(forge_store_rows_text(ours, 0, "system"));
    apr_int64_t lacks = forge_store_rows_int(ours, 0, "reached", 0) - forge_store_rows_int(theirs, 0, "reached", 0);
    *says = !standby ? "ForgeReadDBD leads to a server that is no standby"
            : !kin   ? "it follows another server than DBDParams names, or has not come to its timeline yet"
                     : apr_psprintf(p, "follows the primary, %" APR_INT64_T_FMT " bytes behind", lacks > 0 ? lacks : 0);
    return standby && kin;
}

/* --- what the two strings tell --- */

/* The value of one option; "" where the string does not say it. */
static const char *said(apr_pool_t *p, const PQconninfoOption *all, const char *name)
{
    for (; all && all->keyword; all++)
        if (strcmp(all->keyword, name) == 0 && all->val)
            return apr_pstrdup(p, all->val);
    return "";
}

static const char *compare(apr_pool_t *p, const PQconninfoOption *primary, const PQconninfoOption *replica)
{
    const char *wants = said(p, replica, "target_session_attrs"), *name = said(p, replica, "dbname"),
               *other = said(p, primary, "dbname");
    if (*name && *other && strcmp(name, other) != 0)
        return apr_psprintf(p, "ForgeReadDBD names database \"%s\", but DBDParams names \"%s\"; a replica has the same",
                            name, other);
    if (strcmp(wants, "read-write") == 0 || strcmp(wants, "primary") == 0)
        return apr_psprintf(p, "ForgeReadDBD with target_session_attrs=%s would never lead to a replica", wants);
    return NULL;
}

/* One list of servers may be in both where each asks for its kind. */
static bool same_server(apr_pool_t *p, const char *primary, const char *replica, const PQconninfoOption *options)
{
    bool several = strchr(said(p, options, "host"), ',') || strchr(said(p, options, "hostaddr"), ',') ||
                   strchr(said(p, options, "port"), ',');
    return !several && forge_store_same_database(p, primary, replica);
}

const char *forge_store_replica_problem(apr_pool_t *p, const char *primary, const char *replica)
{
    const char *wrong = forge_store_conninfo_problem(p, replica);
    if (wrong)
        return apr_psprintf(p, "ForgeReadDBD: %s", wrong);
    PQconninfoOption *theirs = PQconninfoParse(replica, NULL), *ours = PQconninfoParse(primary, NULL);
    const char *problem = theirs && ours ? compare(p, ours, theirs) : NULL;
    if (!problem && same_server(p, primary, replica, theirs))
        problem = "ForgeReadDBD and DBDParams lead to the same server; name a replica, or leave ForgeReadDBD out";
    PQconninfoFree(theirs);
    PQconninfoFree(ours);
    return problem;
}
