/* SPDX-License-Identifier: Apache-2.0
 * Statements: BEGIN, application_name, Parse, Bind and Execute leave together and are answered in one round trip.
 */
#include "store_private.h"
#include "store/store.h"
#include <apr_strings.h>
#include <string.h>

static const forge_stmt_t activity_stmt = {"forge_activity", "SELECT set_config('application_name', $1, false)"};

enum { STEP_BEGIN, STEP_ACTIVITY_LEARN, STEP_ACTIVITY, STEP_LEARN, STEP_RUN, STEPS };

/* What goes out together. */
typedef struct batch_t {
    forge_db_t *db;
    const forge_stmt_t *stmt;
    forge_args_t args;
    bool named;    /* prepared under its name; otherwise as the unnamed statement */
    bool learns;   /* Parse is in the batch */
    bool activity; /* application_name is in the batch */
    int count;
    unsigned char steps[STEPS];
    int failed;       /* step of the first error, -1: none */
    bool synced;      /* the answer to Sync came: only then is what ran outside a transaction committed */
    PGresult *answer; /* of STEP_RUN, or the first error */
} batch_t;

/* What to do after a failure. */
typedef enum verdict_t { FINAL, LEARN_AGAIN, RUN_AGAIN } verdict_t;

/* --- sending --- */

/* Whether application_name goes along. Setting it costs a third of a read by primary key. So a plain read leaves it out
 * if a name was set a moment ago, which is so on a connection in constant use. Whatever writes, or holds locks in a
 * transaction, always sets its own. */
static bool activity_wanted(const forge_db_t *db, const forge_stmt_t *stmt)
{
    bool read = strncmp(stmt->sql, "SELECT", 6) == 0 && db->depth == 0;
    return db->activity_due && (!read || forge_util_monotonic() - db->link->named_at >= FORGE_STORE_ACTIVITY_GAP);
}

/* Notes a step that libpq has taken. */
static bool took(batch_t *b, int step, int sent)
{
    if (sent)
        b->steps[b->count++] = (unsigned char)step;
    return sent;
}

static bool activity_send(batch_t *b)
{
    forge_db_t *db = b->db;
    const char *args[] = {db->activity};
    if (!forge_store_link_has(db->link, activity_stmt.name) &&
        !took(b, STEP_ACTIVITY_LEARN, PQsendPrepare(db->conn, activity_stmt.name, activity_stmt.sql, 0, NULL)))
        return false;
    return took(b, STEP_ACTIVITY, PQsendQueryPrepared(db->conn, activity_stmt.name, 1, args, NULL, NULL, 0));
}

/* How libpq is told that the last value is bytes: a length and a format for each of them. */
typedef struct forms_t {
    int lengths[FORGE_STORE_BYTES_ARGS_MAX], formats[FORGE_STORE_BYTES_ARGS_MAX];
    bool any;
} forms_t;

static forms_t forms_of(const forge_args_t *args)
{
    forms_t forms = {.any = args->bytes > 0 && args->count <= FORGE_STORE_BYTES_ARGS_MAX};
    if (forms.any) {
        forms.lengths[args->count - 1] = (int)args->bytes;
        forms.formats[args->count - 1] = 1;
    }
    return forms;
}

/* The statement with its name before it, by which the server's views and logs can be read (pg_stat_statements). */
static forge_stmt_t labelled(const batch_t *b)
{
    const char *sql = apr_pstrcat(b->db->pool, "/* forge:", b->stmt->name, " */ ", b->stmt->sql, NULL);
    return (forge_stmt_t){b->stmt->name, sql};
}

static bool statement_learn(batch_t *b)
{
    const forge_stmt_t s = labelled(b);
    return took(b, STEP_LEARN, PQsendPrepare(b->db->conn, s.name, s.sql, 0, NULL));
}

static bool statement_send(batch_t *b)
{
    PGconn *conn = b->db->conn;
    const forge_stmt_t *s = b->stmt;
    const forge_args_t *args = &b->args;
    const forms_t forms = forms_of(args);
    const int *lengths = forms.any ? forms.lengths : NULL, *formats = forms.any ? forms.formats : NULL;
    if (!b->named)
        return took(b, STEP_RUN,
                    PQsendQueryParams(conn, s->sql, args->count, NULL, args->values, lengths, formats, args->binary));
    b->learns = !forge_store_link_has(b->db->link, s->name);
    if (b->learns && !statement_learn(b))
        return false;
    return took(b, STEP_RUN,
                PQsendQueryPrepared(conn, s->name, args->count, args->values, lengths, formats, args->binary));
}

/* Puts BEGIN, application_name and the statement into one batch, each only when it is due. */
static bool batch_send(batch_t *b)
{
    forge_db_t *db = b->db;
    return PQenterPipelineMode(db->conn) &&
           (!db->begin_due ||
            took(b, STEP_BEGIN, PQsendQueryParams(db->conn, "BEGIN", 0, NULL, NULL, NULL, NULL, 0))) &&
           (!b->activity || activity_send(b)) && statement_send(b) && PQpipelineSync(db->conn);
}

/* --- receiving --- */

/* What a step that went well has changed; the server keeps a prepared statement even when a later step fails. */
static void step_done(batch_t *b, int step)
{
    forge_db_t *db = b->db;
    if (step == STEP_BEGIN) {
        db->begin_due = false;
    } else if (step == STEP_ACTIVITY_LEARN) {
        forge_store_link_add(db->link, activity_stmt.name);
    } else if (step == STEP_LEARN) {
        forge_store_link_add(db->link, b->stmt->name);
    } else if (step == STEP_RUN && b->activity) { /* a batch that fails takes the name back with it */
        db->activity_due = false;
        db->link->named_at = forge_util_monotonic();
    }
}

/* COPY would go on for ever, and no statement of ours is one: the connection is dropped. */
static bool copy_refused(forge_db_t *db, const PGresult *result)
{
    ExecStatusType s = PQresultStatus(result);
    if (s != PGRES_COPY_IN && s != PGRES_COPY_OUT && s != PGRES_COPY_BOTH)
        return false;
    forge_store_break(db);
    return true;
}

static void step_take(batch_t *b, int step, PGresult *result)
{
    ExecStatusType s = PQresultStatus(result);
    copy_refused(b->db, result);
    if (b->failed < 0 && (s == PGRES_TUPLES_OK || s == PGRES_COMMAND_OK)) {
        step_done(b, step);
        if (step == STEP_RUN) {
            b->answer = result;
            return;
        }
    } else if (b->failed < 0) {
        b->failed = step;
        b->answer = result;
        return;
    }
    PQclear(result);
}

/* The answer to Sync. A back end that is shut down at once still flushes the rows of a statement that it has not
 * committed, and a deferred constraint fails only here: before the sync has come nothing is certain. */
static void sync_receive(batch_t *b, apr_int64_t deadline)
{
    for (int i = 0; i < 4 && !b->synced && PQstatus(b->db->conn) == CONNECTION_OK; i++) {
        PGresult *result = forge_store_next(b->db, deadline);
        b->synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        if (PQresultStatus(result) == PGRES_FATAL_ERROR && b->failed < 0) {
            PQclear(b->answer);
            b->answer = result;
            b->failed = STEP_RUN;
        } else {
            PQclear(result);
        }
    }
}

/* Reads to the end of the batch, so that the connection is free for the next one. */
static void batch_receive(batch_t *b)
{
    forge_db_t *db = b->db;
    apr_int64_t deadline = forge_store_deadline(db);
    for (int i = 0; i < b->count && PQstatus(db->conn) == CONNECTION_OK;) {
        PGresult *result = forge_store_next(db, deadline);
        if (result)
            step_take(b, b->steps[i], result);
        else
            i++; /* NULL ends a step */
    }
    sync_receive(b, deadline);
    if (!PQexitPipelineMode(db->conn))
        forge_store_break(db);
}

/* --- judging --- */

/* Remembers and reports a failure, and translates it. */
static forge_status_t failure(forge_db_t *db, const char *name, const PGresult *result)
{
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const forge_sqlstate_t *row = forge_store_sqlstate(code);
    forge_status_t status = PQstatus(db->conn) == CONNECTION_OK ? row->status : FORGE_E_DATABASE_DOWN;
    if (code && strcmp(code, "25P02") == 0 && db->failed) /* the transaction is lost already: say what lost it */
        return db->failed;
    apr_cpystrn(db->constraint, constraint ? constraint : "", sizeof(db->constraint));
    apr_cpystrn(db->message, message ? message : PQerrorMessage(db->conn), sizeof(db->message));
    db->denied = code && strcmp(code, FORGE_STORE_DENIED) == 0;
    db->again = row->again;
    if (status == FORGE_E_SCHEMA_OUTDATED)
        db->link->ready = false;
    if (code && strcmp(code, "25006") == 0 && db->link->replica)
        forge_store_say(db, true, FORGE_STORE_TAG_WRITES, "statement %s writes, and was sent to a replica", name);
    else if (code && strcmp(code, "25006") == 0 && db->link->pooled)
        forge_store_unwritable(db);
    if (status == FORGE_E_INTERNAL)
        forge_store_say(db, true, FORGE_STORE_TAG_FAULT, "statement %s failed: %s (%s)", name,
                        message ? message : "unexpected result", code ? code : "-");
    else if (status >= FORGE_E_UNAVAILABLE && !row->again)
        forge_store_say(db, true, "FG0207", "statement %s could not run: %s (%s)", name,
                        message ? message : PQerrorMessage(db->conn), code ? code : "-");
    if (db->depth > 0 && !db->failed)
        db->failed = status;
    return status;
}

/* Whether the failure is about the prepared statement and not about the work: then nothing has run. */
static bool statement_lost(const batch_t *b)
{
    const char *code = PQresultErrorField(b->answer, PG_DIAG_SQLSTATE);
    if (!code || PQstatus(b->db->conn) != CONNECTION_OK)
        return false;
    if (strcmp(code, "42P05") == 0)
        return b->failed == STEP_LEARN || b->failed == STEP_ACTIVITY_LEARN;
    if (strcmp(code, "26000") == 0) /* invalid_sql_statement_name */
        return b->failed == STEP_RUN || b->failed == STEP_ACTIVITY;
    /* feature_not_supported of a statement prepared earlier: "cached plan must not change result type" after a
     * migration */
    return strcmp(code, "0A000") == 0 && b->failed == STEP_RUN && b->named && !b->learns;
}

/* The status of a finished batch, and whether it may be sent again. */
static forge_status_t batch_judge(batch_t *b, bool inside, verdict_t *verdict)
{
    forge_db_t *db = b->db;
    *verdict = FINAL;
    if (b->failed < 0 && b->answer && b->synced)
        return forge_store_writable(db) ? FORGE_OK : FORGE_E_DATABASE_DOWN;
    if (b->failed < 0 && PQstatus(db->conn) == CONNECTION_OK)
        forge_store_break(db); /* a half answer: whether it was committed nobody knows */
    if (statement_lost(b)) {
        db->link->suspect = true;
        db->again = true;
        if (!inside)
            *verdict = LEARN_AGAIN;
        return FORGE_E_DATABASE_DOWN;
    }
    forge_status_t status = failure(db, b->stmt->name, b->answer);
    if (db->again && db->depth == 0)
        *verdict = RUN_AGAIN;
    return status;
}

/* Brings the back end's set of statements and ours together again. */
static forge_status_t relearn(forge_db_t *db, apr_pool_t *p)
{
    FORGE_TRY(forge_store_simple(db, p, "DEALLOCATE ALL", NULL, NULL));
    forge_store_link_forget(db->link);
    return FORGE_OK;
}

/* One round trip; *answer is to be cleared by the caller when FORGE_OK. */
static forge_status_t exchange(forge_db_t *db, const forge_stmt_t *stmt, forge_args_t args, PGresult **answer,
                               verdict_t *verdict)
{
    batch_t b = {.db = db, .stmt = stmt, .args = args, .activity = activity_wanted(db, stmt), .failed = -1};
    bool inside = PQtransactionStatus(db->conn) != PQTRANS_IDLE;
    /* Only lists have a colon in their names: they make room for the others early. */
    int room = strchr(stmt->name, ':') ? FORGE_STORE_PREPARED_LISTS_MAX : FORGE_STORE_PREPARED_MAX;
    b.named = stmt->name[0] && (forge_store_link_has(db->link, stmt->name) || db->link->count < room);
    if (!batch_send(&b))
        forge_store_break(db);
    batch_receive(&b);
    forge_status_t status = batch_judge(&b, inside, verdict);
    if (status == FORGE_OK)
        *answer = b.answer;
    else
        PQclear(b.answer);
    /* BEGIN went with the batch that is sent again: it must go again too. */
    if (*verdict == LEARN_AGAIN && db->depth > 0) {
        forge_store_simple(db, NULL, "ROLLBACK", NULL, NULL);
        db->begin_due = true;
    }
    return status;
}

/* Counts the time under the statement's name; the many forms of one list ("courses:3:1:0") count together. */
static void time_count(const forge_db_t *db, const char *name, apr_interval_time_t took, forge_status_t status)
{
    char label[FORGE_STORE_NAME_MAX + 1];
    if (!name[0] || (!db->settings.live && !db->timed))
        return;
    apr_size_t len = strcspn(name, ":");
    apr_cpystrn(label, name, len < sizeof(label) ? len + 1 : sizeof(label));
    if (db->settings.live)
        forge_live_query(db->settings.live, label, took);
    if (db->timed)
        db->timed(db->timed_baton, label, took, status);
}

forge_status_t forge_store_run(forge_db_t *db, apr_pool_t *p, const forge_stmt_t *stmt, forge_args_t args,
                               forge_rows_t **rows)
{
    if (!db || !db->conn || PQstatus(db->conn) != CONNECTION_OK)
        return FORGE_E_DATABASE_DOWN;
    bool learned = false;
    for (int tries = 0;;) {
        PGresult *answer = NULL;
        verdict_t verdict = FINAL;
        if (db->link->suspect && PQtransactionStatus(db->conn) != PQTRANS_INERROR)
            FORGE_TRY(relearn(db, p));
        apr_int64_t begun = forge_util_monotonic();
        forge_status_t status = exchange(db, stmt, args, &answer, &verdict);
        time_count(db, stmt->name, forge_util_monotonic() - begun, status);
        if (status == FORGE_OK) {
            forge_rows_t *answered = forge_store_rows_wrap(p, answer, db->link->utf8);
            forge_store_effects_note(db, answered);
            if (rows)
                *rows = answered;
            return FORGE_OK;
        }
        if (verdict == FINAL || (verdict == LEARN_AGAIN && learned) ||
            (verdict == RUN_AGAIN && tries == FORGE_STORE_RETRIES) || PQstatus(db->conn) != CONNECTION_OK)
            return status;
        learned = learned || verdict == LEARN_AGAIN;
        if (verdict == RUN_AGAIN)
            forge_store_pause(++tries);
    }
}

void forge_store_pause(int tries)
{
    unsigned char dice;
    forge_util_random(&dice, sizeof(dice));
    apr_sleep(tries * (1000 + dice * 40)); /* 1 to 11 ms, twice and three times that later */
}

const char *forge_store_constraint(const forge_db_t *db)
{
    return db->constraint;
}

forge_status_t forge_store_simple(forge_db_t *db, apr_pool_t *p, const char *sql, char *tag, const char **why)
{
    PGresult *last = NULL, *result;
    if (!db || !db->conn || PQstatus(db->conn) != CONNECTION_OK)
        return FORGE_E_DATABASE_DOWN;
    if (db->begin_due) {
        db->begin_due = false;
        FORGE_TRY(forge_store_simple(db, p, "BEGIN", NULL, why));
    }
    if (!PQsendQuery(db->conn, sql))
        forge_store_break(db);
    apr_int64_t deadline = forge_store_deadline(db);
    while ((result = forge_store_next(db, deadline))) {
        PQclear(last);
        last = result;
        if (copy_refused(db, result))
            break;
    }
    ExecStatusType s = PQresultStatus(last);
    bool ok = s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK || s == PGRES_EMPTY_QUERY;
    if (tag)
        apr_cpystrn(tag, ok ? PQcmdStatus(last) : "", 32);
    forge_status_t status = ok ? FORGE_OK : failure(db, "script", last);
    if (!ok && why && p)
        *why = apr_pstrdup(p, db->message);
    PQclear(last);
    return status;
}

forge_status_t forge_store_script(forge_db_t *db, apr_pool_t *p, const char *sql, const char **why)
{
    return forge_store_simple(db, p, sql, NULL, why);
}
