/* SPDX-License-Identifier: Apache-2.0
 * The database under the eyes of an operator: GET /monitor/database/health and /monitor/database/performance. Both ask
 * the database in one transaction, and each child keeps the answer for a few seconds.
 */
#include "api/api.h"
#include "api/shared.h"
#include "store/operations/operations.h"

#include <apr_strings.h>
#include <string.h>

#define KEPT         apr_time_from_sec(5)
#define REPORT_MAX   (1 << 20)
#define SLOW_MAX     20  /* statements */
#define ADVICE_MAX   100 /* recommendations */
#define RETRY_AFTER  5   /* seconds */
#define UNKNOWN_TEXT "The database could not be asked."

/* clang-format off */
#define RIGHTS_TEXT \
    "The server's configuration says who may read this. Each process asks the database once in five seconds at most."

static const forge_field_t connections_fields[] = {
    {"used", FORGE_T_INT, .example = "12", .help = "sessions of all databases"},
    {"active", FORGE_T_INT, .example = "1", .help = "running a statement, as far as this role may see"},
    {"idle_in_transaction", FORGE_T_INT, .example = "0", .help = "idle in an open transaction, likewise"},
    {"max", FORGE_T_INT, .example = "100", .help = "max_connections"},
    {"reserved", FORGE_T_INT, .example = "3", .help = "of these kept for administrators"},
    {.name = NULL},
};
static const forge_field_t transaction_fields[] = {
    {"age", FORGE_T_INT, .example = "1204500", .help = "transactions since the oldest number that is not frozen"},
    {"percent", FORGE_T_NUMBER, .example = "0.06", .help = "per cent of the numbers there are"},
    {.name = NULL},
};
static const forge_field_t lag_fields[] = {
    {"replicas", FORGE_T_INT, .example = "1", .help = "servers that replicate this one"},
    {"lag_seconds", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "0.02",
     .help = "how far the slowest is behind, or this one if it is a standby"},
    {"lag_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = "0", .help = "the same in bytes of the log"},
    {.name = NULL},
};
static const forge_field_t check_fields[] = {
    {"name", FORGE_T_TEXT, .example = "connections",
     .help = "reached, connections, transaction_id, oldest_transaction or replication"},
    {"status", FORGE_T_TEXT, .format = "enum:pass|warn|fail", .named = "HealthVerdict", .example = "pass",
     .help = "verdict"},
    {"text", FORGE_T_TEXT, .example = "12 of 97 connections are used; 3 more are kept for administrators.",
     .help = "a sentence"},
    {.name = NULL},
};
static const forge_field_t health_fields[] = {
    {"status", FORGE_T_TEXT, .format = "enum:pass|warn|fail", .named = "HealthVerdict", .example = "pass",
     .help = "the worst of the checks"},
    {"timestamp", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when the database was asked"},
    {"server_version", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "15.18", .help = "of PostgreSQL"},
    {"started_at", FORGE_T_TIME, FORGE_F_NULLABLE, .example = FORGE_API_TIME, .help = "when the server was started"},
    {"uptime_seconds", FORGE_T_INT, FORGE_F_NULLABLE, .example = "86400", .help = "seconds since then"},
    {"in_recovery", FORGE_T_BOOL, FORGE_F_NULLABLE, .example = "false", .help = "it is a standby"},
    {"database_size_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = "52428800",
     .help = "of this database; beyond 3000 relations as the last vacuum saw it"},
    {"connections", FORGE_T_OBJECT, FORGE_F_NULLABLE, .fields = connections_fields, .named = "DatabaseConnections",
     .help = "sessions"},
    {"transaction_id", FORGE_T_OBJECT, FORGE_F_NULLABLE, .fields = transaction_fields, .named = "TransactionId",
     .help = "numbers of transactions, which vacuum must free in time"},
    {"oldest_transaction_seconds", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "0.4",
     .help = "age of the oldest open transaction; null without one"},
    {"replication", FORGE_T_OBJECT, FORGE_F_NULLABLE, .fields = lag_fields, .named = "ReplicationLag",
     .help = "copies of this server"},
    {"all_activity", FORGE_T_BOOL, FORGE_F_NULLABLE, .example = "true",
     .help = "this role may see what the sessions of others do (pg_monitor)"},
    {"checks", FORGE_T_ARRAY, .fields = check_fields, .named = "DatabaseCheck", .help = "verdicts"},
    {.name = NULL},
};
static const forge_shape_t health_shape = {"DatabaseHealth", health_fields};

static const forge_field_t available_fields[] = {
    {"pg_stat_statements", FORGE_T_BOOL, .example = "true",
     .help = "slow_statements are those of the whole database; else those of this node, by their names"},
    {"pg_stat_statements_reason", FORGE_T_TEXT, FORGE_F_NULLABLE, .help = "why not, and what helps"},
    {"activity", FORGE_T_BOOL, .example = "true", .help = "the sessions of other roles are seen"},
    {"activity_reason", FORGE_T_TEXT, FORGE_F_NULLABLE, .help = "why not, and what helps"},
    {"sequences", FORGE_T_BOOL, .example = "true", .help = "all sequences that can end were read"},
    {"sequences_reason", FORGE_T_TEXT, FORGE_F_NULLABLE, .help = "why not, and what helps"},
    {.name = NULL},
};
static const forge_field_t slow_fields[] = {
    {"query", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "SELECT version(), $1",
     .help = "at most 500 characters, $n for values; the name where no text is known; null: this role may not see it"},
    {"statement", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "course_get", .help = "name, of this module's statements"},
    {"calls", FORGE_T_INT, .example = "1200", .help = "how often it ran"},
    {"total_seconds", FORGE_T_NUMBER, .example = "3.2", .help = "seconds altogether"},
    {"mean_seconds", FORGE_T_NUMBER, .example = "0.0027", .help = "seconds each time"},
    {"rows", FORGE_T_INT, FORGE_F_NULLABLE, .example = "1200", .help = "rows altogether"},
    {"share", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "0.31", .help = "of the time of all statements, 0 to 1"},
    {.name = NULL},
};
#define RELATION_FIELDS \
    {"schema", FORGE_T_TEXT, .example = "forge", .help = "schema"}, \
    {"name", FORGE_T_TEXT, .example = "courses", .help = "name"}
static const forge_field_t table_fields[] = {
    RELATION_FIELDS,
    {"size_bytes", FORGE_T_INT, .example = "81920", .help = "with its indexes and long values"},
    {"rows", FORGE_T_INT, .example = "1200", .help = "estimate"},
    {"dead_rows", FORGE_T_INT, .example = "3", .help = "that vacuum has not cleared away"},
    {"dead_ratio", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "0.0025", .help = "their part, 0 to 1"},
    {"bloat_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = "0",
     .help = "estimate of its empty space; null below a megabyte and where its statistics cannot be read"},
    {"vacuumed_at", FORGE_T_TIME, FORGE_F_NULLABLE, .example = FORGE_API_TIME, .help = "last vacuum, by whomever"},
    {"analyzed_at", FORGE_T_TIME, FORGE_F_NULLABLE, .example = FORGE_API_TIME, .help = "last analyze, by whomever"},
    {"seq_scans", FORGE_T_INT, .example = "12", .help = "how often it was read from end to end"},
    {"index_scans", FORGE_T_INT, FORGE_F_NULLABLE, .example = "5000", .help = "how often one of its indexes was used"},
    {"cache_hit_ratio", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "0.99", .help = "found in the cache, 0 to 1"},
    {.name = NULL},
};
#define INDEX_FIELDS \
    {"schema", FORGE_T_TEXT, .example = "forge", .help = "schema"}, \
    {"table", FORGE_T_TEXT, .example = "courses", .help = "table"}, \
    {"name", FORGE_T_TEXT, .example = "courses_title", .help = "index"}
static const forge_field_t unused_fields[] = {
    INDEX_FIELDS,
    {"size_bytes", FORGE_T_INT, .example = "8388608", .help = "as the last vacuum saw it"},
    {"table_scans", FORGE_T_INT, .example = "5000", .help = "scans of its table, none of which used it"},
    {.name = NULL},
};
static const forge_field_t missing_fields[] = {
    {"schema", FORGE_T_TEXT, .example = "public", .help = "schema"},
    {"table", FORGE_T_TEXT, .example = "notes", .help = "table"},
    {"constraint", FORGE_T_TEXT, .example = "notes_author_fkey", .help = "foreign key"},
    {"columns", FORGE_T_TEXT, .example = "author", .help = "its columns"},
    {"rows", FORGE_T_INT, .example = "50000", .help = "estimate of the table's rows"},
    {.name = NULL},
};
static const forge_field_t duplicate_fields[] = {
    INDEX_FIELDS,
    {"size_bytes", FORGE_T_INT, .example = "8388608", .help = "as the last vacuum saw it"},
    {"kept", FORGE_T_TEXT, .example = "forge.courses_title_id", .help = "index that does its work"},
    {"kind", FORGE_T_TEXT, .format = "enum:same|prefix", .named = "DuplicateKind", .example = "same",
     .help = "the same, or the beginning of it"},
    {.name = NULL},
};
static const forge_field_t invalid_fields[] = {INDEX_FIELDS, {.name = NULL}};
static const forge_field_t indexes_fields[] = {
    {"unused", FORGE_T_ARRAY, .fields = unused_fields, .named = "UnusedIndex", .help = "large ones that nothing used"},
    {"missing", FORGE_T_ARRAY, .fields = missing_fields, .named = "MissingIndex",
     .help = "foreign keys without an index"},
    {"duplicate", FORGE_T_ARRAY, .fields = duplicate_fields, .named = "DuplicateIndex",
     .help = "those whose work another one does"},
    {"invalid", FORGE_T_ARRAY, .fields = invalid_fields, .named = "InvalidIndex",
     .help = "those that could not be built"},
    {.name = NULL},
};
#define SESSION_FIELDS \
    {"pid", FORGE_T_INT, .example = "4711", .help = "process of PostgreSQL"}, \
    {"role", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "forge_app", .help = "role"}, \
    {"application_name", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "forge 4f1c2d", \
     .help = "of this module: forge and the request id"}, \
    {"statement", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "course_get", \
     .help = "name of the statement, of this module; texts of others are not shown"}
static const forge_field_t lock_fields[] = {
    SESSION_FIELDS,
    {"wait_seconds", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "2.5", .help = "seconds that it has waited"},
    {"mode", FORGE_T_TEXT, .example = "AccessShareLock", .help = "lock that it wants"},
    {"type", FORGE_T_TEXT, .example = "relation", .help = "what is locked"},
    {"relation", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "forge.courses", .help = "table or index, if it is one"},
    {"blocked_by", FORGE_T_ARRAY, .format = "int", .example = "[4712]", .help = "processes that it waits for"},
    {"blocker", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "psql", .help = "application_name of the first of them"},
    {.name = NULL},
};
static const forge_field_t long_fields[] = {
    SESSION_FIELDS,
    {"state", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "idle in transaction", .help = "as pg_stat_activity has it"},
    {"transaction_seconds", FORGE_T_NUMBER, .example = "75.1", .help = "age of its transaction"},
    {"state_seconds", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "70.0", .help = "seconds in this state"},
    {.name = NULL},
};
static const forge_field_t replica_fields[] = {
    {"name", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "standby1", .help = "application_name of the replica"},
    {"state", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "streaming", .help = "state"},
    {"sync_state", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "async", .help = "whether commits wait for it"},
    {"lag_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = "0", .help = "bytes of the log that it has not replayed"},
    {"lag_seconds", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "0.02", .help = "the same in seconds"},
    {.name = NULL},
};
static const forge_field_t slot_fields[] = {
    {"name", FORGE_T_TEXT, .example = "standby1", .help = "replication slot"},
    {"active", FORGE_T_BOOL, .example = "true", .help = "somebody reads it"},
    {"kept_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = "0", .help = "bytes of the log that are kept for it"},
    {.name = NULL},
};
static const forge_field_t sequence_fields[] = {
    RELATION_FIELDS,
    {"table", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "notes", .help = "table whose column it numbers"},
    {"column", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "id", .help = "this column"},
    {"last_value", FORGE_T_INT, .example = "1900000000", .help = "last number given"},
    {"max_value", FORGE_T_INT, .example = "2147483647", .help = "last number that sequence and column can hold"},
    {"used", FORGE_T_NUMBER, .example = "0.88", .help = "part of them that is used, 0 to 1"},
    {.name = NULL},
};
static const forge_field_t advice_fields[] = {
    {"code", FORGE_T_TEXT, .example = "needs_vacuum", .help = "what was found"},
    {"severity", FORGE_T_TEXT, .format = "enum:critical|warn|info", .named = "Severity", .example = "warn",
     .help = "how much it matters"},
    {"text", FORGE_T_TEXT, .example = "Table forge.progress has 40000 dead rows beside 90000 living ones.",
     .help = "a sentence"},
    {"sql", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "VACUUM (ANALYZE) forge.progress;",
     .help = "what would mend it, for the owner of the database; null where no statement does"},
    {.name = NULL},
};
static const forge_field_t performance_fields[] = {
    {"timestamp", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when the database was asked"},
    {"available", FORGE_T_OBJECT, .fields = available_fields, .named = "DatabaseAvailable",
     .help = "what could be looked at"},
    {"statistics_since", FORGE_T_TIME, FORGE_F_NULLABLE, .example = FORGE_API_TIME,
     .help = "when the counters of this database were last put back to zero; null: never"},
    {"cache_hit_ratio", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "0.995",
     .help = "pages of this database found in the cache, 0 to 1"},
    {"tables", FORGE_T_ARRAY, .fields = table_fields, .named = "DatabaseTable",
     .help = "the largest and those with a finding, at most 50"},
    {"tables_cache_hit_ratio", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "0.99", .help = "the same of tables"},
    {"indexes", FORGE_T_OBJECT, .fields = indexes_fields, .named = "DatabaseIndexes",
     .help = "findings, at most 50 of each kind"},
    {"indexes_cache_hit_ratio", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "0.999", .help = "the same of indexes"},
    {"locks", FORGE_T_ARRAY, .fields = lock_fields, .named = "DatabaseLock",
     .help = "who waits for whom, the longest first"},
    {"long_transactions", FORGE_T_ARRAY, .fields = long_fields, .named = "LongTransaction",
     .help = "open for a minute or longer"},
    {"replication", FORGE_T_ARRAY, .fields = replica_fields, .named = "Replica",
     .help = "servers that replicate this one"},
    {"replication_slots", FORGE_T_ARRAY, .fields = slot_fields, .named = "ReplicationSlot",
     .help = "for which the log is kept"},
    {"sequences", FORGE_T_ARRAY, .fields = sequence_fields, .named = "DatabaseSequence",
     .help = "those that have used 75 % of their numbers"},
    {"slow_statements", FORGE_T_ARRAY, .fields = slow_fields, .named = "SlowStatement",
     .help = "that took most time altogether, at most 20"},
    {"recommendations", FORGE_T_ARRAY, .fields = advice_fields, .named = "Recommendation",
     .help = "the gravest first, at most 100"},
    {.name = NULL},
};
static const forge_shape_t performance_shape = {"DatabasePerformance", performance_fields};
/* clang-format on */

/* --- health --- */

static forge_status_t health_ask(forge_db_t *db, apr_pool_t *p, void *rows)
{
    return forge_store_monitor_health(db, p, &forge_store_health_usual, rows);
}

static forge_status_t health_make(forge_req_t *q, forge_buf_t *b)
{
    forge_rows_t *rows;
    FORGE_TRY(forge_http_db_lend(q, q->pool, health_ask, &rows));
    forge_store_render_row(b, rows, 0);
    return FORGE_OK;
}

/* The same members, when nothing is known but that the database cannot be reached. */
static forge_status_t health_unknown(forge_req_t *q, forge_status_t why)
{
    forge_json_t *answer = forge_util_json_object(q->pool);
    for (const forge_field_t *field = health_fields; field->name; field++)
        forge_util_json_put_null(answer, field->name);
    forge_util_json_put_text(answer, "status", "fail");
    forge_util_json_put_text(answer, "timestamp", forge_util_time(q->pool, apr_time_now(), 6));
    forge_json_t *check = forge_util_json_add_object(forge_util_json_put_array(answer, "checks"));
    forge_util_json_put_text(check, "name", "reached");
    forge_util_json_put_text(check, "status", "fail");
    forge_util_json_put_text(check, "text",
                             apr_pstrcat(q->pool, UNKNOWN_TEXT, " (", forge_util_error(why)->code, ")", NULL));
    forge_http_retry_after(q, RETRY_AFTER);
    return forge_reply_json_status(q, 503, answer);
}

static forge_status_t health_get(forge_req_t *q)
{
    forge_buf_t *b = forge_util_buf_make(q->pool, 4096, REPORT_MAX);
    forge_reply_header(q, "Cache-Control", "no-store");
    forge_status_t status = forge_http_kept(q, health_make, KEPT, b);
    return status == FORGE_OK ? forge_reply_buf(q, b, NULL) : health_unknown(q, status);
}

/* --- performance --- */

typedef struct report_t {
    forge_req_t *q;
    forge_buf_t *b;
    const char *activity_reason, *sequences_reason, *statements_reason; /* NULL: all can be seen */
    const char *schema;                                                 /* of pg_stat_statements */
    const forge_json_t *advice[ADVICE_MAX];
    int advised;
} report_t;

/* Puts the members of a row, without the braces around them, each with a comma behind. */
static void put_members(report_t *report, const forge_rows_t *rows)
{
    forge_buf_t *row = forge_util_buf_make(report->q->pool, 4096, REPORT_MAX);
    forge_store_render_row(row, rows, 0);
    if (row->len > 2 && !row->failed) {
        forge_util_buf_add(report->b, row->data + 1, row->len - 2);
        forge_util_buf_puts(report->b, ",");
    }
    report->b->failed = report->b->failed || row->failed;
}

static void note_advice(report_t *report, const forge_rows_t *rows)
{
    const char *why, *text = forge_store_rows_text(rows, 0, "_advice");
    const forge_json_t *list = text ? forge_util_json_parse(report->q->pool, text, strlen(text), &why) : NULL;
    for (apr_size_t i = 0; i < forge_util_json_size(list) && report->advised < ADVICE_MAX; i++)
        report->advice[report->advised++] = forge_util_json_at(list, i);
}

static void take(report_t *report, const forge_rows_t *rows)
{
    put_members(report, rows);
    note_advice(report, rows);
}

static bool has_severity(const forge_json_t *advice, const char *severity)
{
    const char *text = forge_util_json_text(forge_util_json_get(advice, "severity"), NULL);
    return text && strcmp(text, severity) == 0;
}

static void put_advice(report_t *report)
{
    static const char *const order[] = {"critical", "warn", "info"};
    const char *comma = "";
    forge_util_buf_puts(report->b, "\"recommendations\":[");
    for (size_t level = 0; level < sizeof(order) / sizeof(*order); level++)
        for (int i = 0; i < report->advised; i++) {
            if (!has_severity(report->advice[i], order[level]))
                continue;
            forge_util_buf_puts(report->b, comma);
            forge_util_json_write(report->b, report->advice[i]);
            comma = ",";
        }
    forge_util_buf_puts(report->b, "]");
}

static void put_reason(forge_json_t *available, report_t *report, const char *name, const char *reason)
{
    forge_util_json_put_bool(available, name, !reason);
    forge_util_json_put_text(available, apr_pstrcat(report->q->pool, name, "_reason", NULL), reason);
}

static void put_available(report_t *report)
{
    forge_json_t *available = forge_util_json_object(report->q->pool);
    put_reason(available, report, "pg_stat_statements", report->statements_reason);
    put_reason(available, report, "activity", report->activity_reason);
    put_reason(available, report, "sequences", report->sequences_reason);
    forge_util_buf_puts(report->b, "\"available\":");
    forge_util_json_write(report->b, available);
    forge_util_buf_puts(report->b, ",");
}

/* What this node has measured itself, where the extension does not tell. */
static void put_own_statements(report_t *report)
{
    forge_live_taken_t taken[SLOW_MAX];
    apr_interval_time_t all;
    int count = forge_live_queries(report->q->live, taken, SLOW_MAX, &all);
    forge_json_t *list = forge_util_json_array(report->q->pool);
    for (int i = 0; i < count; i++) {
        forge_json_t *one = forge_util_json_add_object(list);
        double seconds = (double)taken[i].took / APR_USEC_PER_SEC;
        forge_util_json_put_text(one, "query", taken[i].name);
        forge_util_json_put_text(one, "statement", taken[i].name);
        forge_util_json_put_int(one, "calls", taken[i].calls);
        forge_util_json_put_number(one, "total_seconds", seconds);
        forge_util_json_put_number(one, "mean_seconds", taken[i].calls ? seconds / (double)taken[i].calls : 0);
        forge_util_json_put_null(one, "rows");
        forge_util_json_put_number(one, "share", all > 0 ? (double)taken[i].took / (double)all : 0);
    }
    forge_util_json_write(report->b, list);
}

static forge_status_t ask_slow(forge_db_t *db, apr_pool_t *p, void *baton)
{
    report_t *report = baton;
    forge_rows_t *rows;
    FORGE_TRY(forge_store_monitor_slow(db, p, report->schema, &rows));
    forge_store_render_list(report->b, rows, SLOW_MAX, REPORT_MAX);
    return FORGE_OK;
}

/* In a transaction inside the transaction: should the extension fail in spite of all, the rest of the report stands. */
static void put_slow(report_t *report, forge_db_t *db, apr_pool_t *p)
{
    forge_util_buf_puts(report->b, "\"slow_statements\":");
    if (!report->statements_reason && forge_store_tx(db, p, ask_slow, report) != FORGE_OK)
        report->statements_reason = "The extension could not be read.";
    if (report->statements_reason)
        put_own_statements(report);
    forge_util_buf_puts(report->b, ",");
}

/* What the first row says outlives it. */
static void note_access(report_t *report, apr_pool_t *p, const forge_rows_t *rows)
{
    report->activity_reason = apr_pstrdup(p, forge_store_rows_text(rows, 0, "activity_reason"));
    report->statements_reason = apr_pstrdup(p, forge_store_rows_text(rows, 0, "statements_reason"));
    report->schema = apr_pstrdup(p, forge_store_rows_text(rows, 0, "statements_schema"));
}

static forge_status_t ask_relations(report_t *report, forge_db_t *db, apr_pool_t *p)
{
    forge_rows_t *rows;
    FORGE_TRY(forge_store_monitor_tables(db, p, &forge_store_monitor_usual, &rows));
    take(report, rows);
    FORGE_TRY(forge_store_monitor_indexes(db, p, &forge_store_monitor_usual, &rows));
    take(report, rows);
    FORGE_TRY(forge_store_monitor_sequences(db, p, &rows));
    take(report, rows);
    report->sequences_reason = forge_store_rows_text(rows, 0, "_reason");
    return FORGE_OK;
}

/* May run again from the start (forge_store_tx). */
static forge_status_t ask_all(forge_db_t *db, apr_pool_t *p, void *baton)
{
    report_t *report = baton;
    forge_rows_t *rows;
    report->b->len = 0;
    report->advised = 0;
    FORGE_TRY(forge_store_monitor_access(db, p, &rows));
    note_access(report, p, rows);
    forge_util_buf_puts(report->b, "{\"timestamp\":");
    const char *now = forge_util_time(p, apr_time_now(), 6);
    forge_util_buf_json(report->b, now, strlen(now));
    forge_util_buf_puts(report->b, ",");
    FORGE_TRY(forge_store_monitor_settings(db, p, &forge_store_monitor_usual, &rows));
    take(report, rows);
    FORGE_TRY(forge_store_monitor_activity(db, p, &forge_store_monitor_usual, &rows));
    take(report, rows);
    FORGE_TRY(ask_relations(report, db, p));
    put_slow(report, db, p);
    put_available(report);
    put_advice(report);
    forge_util_buf_puts(report->b, "}");
    return FORGE_OK;
}

static forge_status_t ask_in_transaction(forge_db_t *db, apr_pool_t *p, void *report)
{
    return forge_store_tx(db, p, ask_all, report);
}

static forge_status_t performance_make(forge_req_t *q, forge_buf_t *b)
{
    report_t report = {.q = q, .b = b};
    return forge_http_db_lend(q, q->pool, ask_in_transaction, &report);
}

static forge_status_t performance_get(forge_req_t *q)
{
    forge_buf_t *b = forge_util_buf_make(q->pool, 16384, REPORT_MAX);
    FORGE_TRY(forge_http_kept(q, performance_make, KEPT, b));
    forge_reply_header(q, "Cache-Control", "no-store");
    return forge_reply_buf(q, b, NULL);
}

static const forge_status_t errors[] = {FORGE_E_FORBIDDEN, FORGE_OK};

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/monitor/database/health", FORGE_ROLE_NONE, .flags = FORGE_R_STATUS, .reply = &health_shape,
     .errors = errors, .handle = health_get, .operation = "monitor_database_health",
     .summary = "Health of the database",
     .description = "Connections, numbers of transactions, the oldest transaction and replication, with a verdict on "
         "each. Answers 503 with the same body when the database cannot be asked. " RIGHTS_TEXT},
    {FORGE_GET, "/monitor/database/performance", FORGE_ROLE_NONE, .reply = &performance_shape, .errors = errors,
     .handle = performance_get, .operation = "monitor_database_performance",
     .summary = "What the database spends its time on",
     .description = "Slow statements, tables, indexes, locks, long transactions, replication and sequences, and what "
         "would mend what was found. What the role of the module may not see is named in available. Texts of other "
         "applications are not shown, values never are. " RIGHTS_TEXT},
};
/* clang-format on */

const forge_routes_t forge_api_database_report = FORGE_API_ROUTES(routes, &forge_api_tag_monitoring);
