/* SPDX-License-Identifier: Apache-2.0
 * Connections: taken over from the pool, greeted once, and given back clean.
 */
#include "store_private.h"
#include "store/store.h"
#include "schema_version.h"
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the first words on a connection --- */

/* pg_temp last: without it a temporary table would be found before the real one. */
static const char settings_sql[] =
    "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $6, false),"
    " set_config('idle_in_transaction_session_timeout', $2, false), set_config('application_name', $3, false),"
    " set_config('client_encoding', 'UTF8', false), set_config('client_min_messages', 'notice', false), "
    "set_config('timezone', 'UTC', false), set_config('datestyle', "
    "'ISO, YMD', false),"
    " set_config('intervalstyle', 'iso_8601', false), set_config('bytea_output', 'hex', false),"
    " set_config('default_transaction_isolation', 'read committed', false), set_config('search_path', 'forge, "
    "pg_temp', false), set_config('forge.session', $4, false), set_config('forge.user_quota', $5, "
    "false), " FORGE_SERVER_UNWRITABLE " AS unwritable, pg_is_in_recovery() AS standby, " FORGE_SERVER_SYSTEM
    " AS system, pg_backend_pid() AS pid";
static const char schema_sql[] = FORGE_SCHEMA_SQL;

/* The answer to one statement that is followed by a sync of its own. */
static PGresult *answer_of(forge_db_t *db, apr_int64_t deadline)
{
    PGresult *answer = forge_store_next(db, deadline);
    while (PQstatus(db->conn) == CONNECTION_OK) {
        PGresult *more = forge_store_next(db, deadline);
        bool end = PQresultStatus(more) == PGRES_PIPELINE_SYNC;
        PQclear(more);
        if (end)
            break;
    }
    return answer;
}

/* Sends settings and, when asked, the question for the schema, each in a transaction of its own but both in one round
 * trip. */
static bool greeting_send(forge_db_t *db, bool schema)
{
    char statement[24], lock[24], idle[24], quota[48] = "";
    const char *args[] = {statement, idle, *db->activity ? db->activity : "mod_forge", db->link->session, quota, lock};
    const apr_interval_time_t lock_timeout =
        db->settings.lock_timeout ? db->settings.lock_timeout : db->settings.statement_timeout;
    if (db->settings.quota_rows > 0)
        snprintf(quota, sizeof(quota), "%" APR_INT64_T_FMT " %" APR_INT64_T_FMT, db->settings.quota_rows,
                 db->settings.quota_bytes);
    snprintf(statement, sizeof(statement), "%" APR_INT64_T_FMT, db->settings.statement_timeout / 1000);
    snprintf(lock, sizeof(lock), "%" APR_INT64_T_FMT, lock_timeout / 1000);
    snprintf(idle, sizeof(idle), "%" APR_INT64_T_FMT, db->settings.idle_timeout / 1000);
    return PQenterPipelineMode(db->conn) && PQsendQueryParams(db->conn, settings_sql, 6, NULL, args, NULL, NULL, 0) &&
           PQpipelineSync(db->conn) &&
           (!schema ||
            (PQsendQueryParams(db->conn, schema_sql, 0, NULL, NULL, NULL, NULL, 0) && PQpipelineSync(db->conn)));
}

/* A name for the session that no other session has. */
static void session_name(forge_link_t *link)
{
    unsigned char dice[(FORGE_STORE_SESSION_MAX - 1) / 2];
    forge_util_random(dice, sizeof(dice));
    for (size_t i = 0; i < sizeof(dice); i++)
        snprintf(link->session + 2 * i, 3, "%02x", dice[i]);
}

static const char *column(const PGresult *answer, const char *name)
{
    return PQgetvalue(answer, 0, PQfnumber(answer, name));
}

/* Whether the settings took, and whether the server is the right kind; says why not. */
static forge_status_t settings_judge(forge_db_t *db, const PGresult *answer)
{
    if (PQresultStatus(answer) == PGRES_TUPLES_OK) {
        apr_cpystrn(db->link->system, column(answer, "system"), sizeof(db->link->system));
        db->link->pooler = atoi(column(answer, "pid")) != PQbackendPID(db->conn);
        if (!db->link->pooled ||
            forge_store_right_kind(db->link->replica, column(answer, "unwritable"), column(answer, "standby")))
            return FORGE_OK;
        forge_store_unwritable(db);
        return FORGE_E_DATABASE_DOWN;
    }
    const char *message = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
    forge_store_say(db, true, "FG0202", "could not set up a database connection: %s",
                    message ? message : PQerrorMessage(db->conn));
    return FORGE_E_DATABASE_DOWN;
}

/* What the question for the schema says; without an answer there is none, or it may not be read. */
static forge_status_t schema_judge(const forge_db_t *db, const PGresult *answer)
{
    const char *state = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
    if (PQresultStatus(answer) == PGRES_TUPLES_OK)
        return forge_store_schema_judge(db, atoi(column(answer, "number")), atoi(column(answer, "breaking")));
    if (PQstatus(db->conn) != CONNECTION_OK || (state && forge_store_sqlstate(state)->status == FORGE_E_DATABASE_DOWN))
        return FORGE_E_DATABASE_DOWN;
    if (!state || strcmp(state, FORGE_STORE_DENIED) != 0)
        return forge_store_schema_judge(db, 0, 0);
    forge_store_say(db, true, "FG0203",
                    "the database role \"%s\" may not read forge.migrations; run forgectl migrate apply --app-role "
                    "%s, as the owner of the schema",
                    forge_store_role(db), forge_store_role(db));
    return FORGE_E_SCHEMA_OUTDATED;
}

/* The first use of a connection: settings and a look at the schema in one round trip. */
static forge_status_t greet(forge_db_t *db, bool schema)
{
    apr_int64_t deadline = forge_store_deadline(db);
    PGresult *settings = NULL, *version = NULL;
    session_name(db->link);
    db->link->replica = db->settings.replica;
    forge_status_t status = FORGE_E_DATABASE_DOWN;
    if (!greeting_send(db, schema)) {
        forge_store_say(db, true, "FG0205", "could not write to the database: %s", PQerrorMessage(db->conn));
        forge_store_break(db);
        return status;
    }
    settings = answer_of(db, deadline);
    if (schema && PQstatus(db->conn) == CONNECTION_OK)
        version = answer_of(db, deadline);
    db->link->pooled |= schema;
    status = settings_judge(db, settings);
    if (status == FORGE_OK && schema)
        status = schema_judge(db, version);
    PQclear(settings);
    PQclear(version);
    if (!PQexitPipelineMode(db->conn))
        forge_store_break(db);
    const char *encoding = PQparameterStatus(db->conn, "server_encoding");
    db->link->utf8 = encoding && strcmp(encoding, "SQL_ASCII") != 0;
    db->link->statement_timeout = db->settings.statement_timeout;
    db->link->ready = status == FORGE_OK;
    db->link->quota_rows = db->settings.quota_rows;
    db->link->quota_bytes = db->settings.quota_bytes;
    return status;
}

/* --- attach and detach --- */

/* Virtual hosts with other time-outs or quotas may share a pool. */
static bool same_settings(const forge_db_t *db)
{
    return db->link->statement_timeout == db->settings.statement_timeout &&
           db->link->quota_rows == db->settings.quota_rows && db->link->quota_bytes == db->settings.quota_bytes;
}

static apr_status_t detach_cleanup(void *db)
{
    forge_store_db_detach(db);
    return APR_SUCCESS;
}

forge_status_t forge_store_db_attach(apr_pool_t *p, void *native, const forge_db_settings_t *settings,
                                     const forge_db_use_t *use, forge_db_t **out)
{
    forge_db_t *db = apr_pcalloc(p, sizeof(*db));
    *out = NULL;
    db->conn = native;
    db->pool = p;
    db->settings = *settings;
    db->log = use->log;
    db->baton = use->baton;
    /* A connection that died while it lay in the pool is found here, before anything is sent: the caller may reset it
     * and attach again. */
    if (!db->conn || !forge_store_alive(db->conn) || !(db->link = forge_store_link_of(db->conn)))
        return FORGE_E_DATABASE_DOWN;
    if (use->activity)
        apr_cpystrn(db->activity, use->activity, sizeof(db->activity));
    if (PQtransactionStatus(db->conn) != PQTRANS_IDLE) {
        forge_store_rollback(db);
        if (PQstatus(db->conn) != CONNECTION_OK)
            return FORGE_E_DATABASE_DOWN;
    }
    if (!db->link->ready)
        FORGE_TRY(greet(db, true));
    else if (!same_settings(db))
        FORGE_TRY(greet(db, false));
    else
        db->activity_due = *db->activity != '\0';
    apr_pool_cleanup_register(p, db, detach_cleanup, apr_pool_cleanup_null);
    *out = db;
    return FORGE_OK;
}

forge_status_t forge_store_db_unjudged(forge_db_t *db)
{
    if (!db || !db->conn)
        return FORGE_E_DATABASE_DOWN;
    db->settings.quota_rows = db->settings.quota_bytes = 0;
    return same_settings(db) ? FORGE_OK : greet(db, false);
}

forge_status_t forge_store_db_patient(forge_db_t *db, apr_interval_time_t patience)
{
    if (!db || !db->conn)
        return FORGE_E_DATABASE_DOWN;
    const apr_interval_time_t more = patience - db->settings.statement_timeout;
    if (more <= 0)
        return FORGE_OK;
    db->settings.lock_timeout = db->settings.statement_timeout;
    db->settings.statement_timeout = patience;
    FORGE_TRY(greet(db, false));
    if (db->settings.answer_timeout > 0)
        db->settings.answer_timeout += more;
    return FORGE_OK;
}

void forge_store_db_timed(forge_db_t *db, forge_store_timed_fn timed, void *baton)
{
    db->timed = timed;
    db->timed_baton = baton;
}

void forge_store_db_detach(forge_db_t *db)
{
    if (!db || !db->conn)
        return;
    db->begin_due = false;
    if (PQstatus(db->conn) == CONNECTION_OK && PQtransactionStatus(db->conn) != PQTRANS_IDLE) {
        db->depth = 1;
        forge_store_rollback(db);
    }
    db->conn = NULL; /* from here on another thread may have it */
    db->link = NULL;
}

static apr_status_t finish_cleanup(void *conn)
{
    PQfinish(conn);
    return APR_SUCCESS;
}

/* libpq's last message without its line end. */
static const char *message_of(apr_pool_t *p, const PGconn *conn)
{
    char *message = apr_pstrdup(p, conn ? PQerrorMessage(conn) : "out of memory");
    apr_size_t len = strlen(message);
    while (len && (message[len - 1] == '\n' || message[len - 1] == ' '))
        message[--len] = '\0';
    return message;
}

forge_db_t *forge_store_db_connect(apr_pool_t *p, const char *conninfo, const char **why)
{
    static const char *const names[] = {"connect_timeout", "fallback_application_name", "dbname", NULL};
    const char *const values[] = {"10", "forgectl", conninfo, NULL}; /* what conninfo says itself comes last and wins */
    PGconn *conn = PQconnectdbParams(names, values, 1);
    forge_db_t *db = apr_pcalloc(p, sizeof(*db));
    if (conn)
        apr_pool_cleanup_register(p, conn, finish_cleanup, apr_pool_cleanup_null);
    if (PQstatus(conn) != CONNECTION_OK || !(db->link = forge_store_link_of(conn))) {
        *why = message_of(p, conn);
        return NULL;
    }
    db->conn = conn;
    db->pool = p;
    const char *name = PQparameterStatus(conn, "application_name");
    apr_cpystrn(db->activity, name ? name : "forgectl", sizeof(db->activity));
    if (greet(db, false) != FORGE_OK) {
        *why = message_of(p, conn);
        return NULL;
    }
    return db;
}
