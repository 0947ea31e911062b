/* SPDX-License-Identifier: Apache-2.0
 * What an operator is told of the database: each finding is made in a real one, found, mended by the SQL that is
 * advised, and found no more. A fresh schema has none.
 */
#include "schema.h"
#include "store/learning/learning.h"
#include "store/operations/operations.h"
#include "util/util.h"
#include <string.h>

#define ODD      "\"Odd \"\"schema\"" /* a name that only quoting gets right */
#define ODD_TEXT ODD ".t"

typedef forge_status_t (*look_fn)(forge_db_t *db, apr_pool_t *p, const forge_monitor_limits_t *limits,
                                  forge_rows_t **rows);

typedef struct ask_t {
    look_fn look;
    const forge_monitor_limits_t *limits;
    forge_rows_t *access, *rows;
} ask_t;

/* Everything counts from the first one on. */
static const forge_monitor_limits_t small = {
    .dead_rows = 50, .large_rows = 100, .scans = 3, .bloat_bytes = 1 << 20, .index_pages = 1, .cache_pages = 1000};

static forge_status_t sequences(forge_db_t *conn, apr_pool_t *p, const forge_monitor_limits_t *limits,
                                forge_rows_t **rows)
{
    (void)limits;
    return forge_store_monitor_sequences(conn, p, rows);
}

static const look_fn looks[] = {forge_store_monitor_settings, forge_store_monitor_activity, forge_store_monitor_tables,
                                forge_store_monitor_indexes, sequences};

static forge_status_t in_transaction(forge_db_t *conn, apr_pool_t *p, void *baton)
{
    ask_t *ask = baton;
    FORGE_TRY(forge_store_monitor_access(conn, p, &ask->access));
    return ask->look(conn, p, ask->limits, &ask->rows);
}

static forge_rows_t *seen(forge_db_t *conn, look_fn look, const forge_monitor_limits_t *limits)
{
    ask_t ask = {look, limits, NULL, NULL};
    ck_assert_int_eq(forge_store_tx(conn, forge_test_pool, in_transaction, &ask), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(ask.rows), 1);
    return ask.rows;
}

static const forge_json_t *advice_of(const forge_rows_t *rows)
{
    const char *why = "", *text = forge_store_rows_text(rows, 0, "_advice");
    const forge_json_t *list = text ? forge_util_json_parse(forge_test_pool, text, strlen(text), &why) : NULL;
    ck_assert_msg(!text || list, "%s: %s", why, text);
    return list;
}

static const char *member(const forge_json_t *advice, const char *name)
{
    return forge_util_json_text(forge_util_json_get(advice, name), NULL);
}

/* The first advice with this code; NULL without one. */
static const forge_json_t *found(const forge_rows_t *rows, const char *code)
{
    const forge_json_t *list = advice_of(rows);
    for (apr_size_t i = 0; i < forge_util_json_size(list); i++)
        if (strcmp(member(forge_util_json_at(list, i), "code"), code) == 0)
            return forge_util_json_at(list, i);
    return NULL;
}

/* The owner sees it; says with which severity. */
static const forge_json_t *expect(look_fn look, const char *code, const char *severity)
{
    const forge_rows_t *rows = seen(owner, look, &small);
    const forge_json_t *advice = found(rows, code);
    ck_assert_msg(advice != NULL, "%s was not found: %s", code, forge_store_rows_text(rows, 0, "_advice"));
    ck_assert_str_eq(member(advice, "severity"), severity);
    ck_assert_int_gt(strlen(member(advice, "text")), 20);
    return advice;
}

static void expect_none(look_fn look, const char *code)
{
    const forge_rows_t *rows = seen(owner, look, &small);
    ck_assert_msg(!found(rows, code), "%s: %s", code, forge_store_rows_text(rows, 0, "_advice"));
}

/* What is advised mends it. */
static void mend(look_fn look, const char *code, const char *severity, const char *wanted)
{
    const forge_json_t *advice = expect(look, code, severity);
    ck_assert_str_eq(member(advice, "sql"), wanted);
    sql(wanted);
    for (int i = 0; i < 200 && found(seen(owner, look, &small), code); i++)
        usleep(50000); /* a session that is told to end does so in its own time */
    expect_none(look, code);
}

/* The figures of what the owner did are shared at once. */
static void flush(void)
{
    sql("SELECT pg_stat_force_next_flush()");
}

static void begin(void)
{
    schema_begin("store_monitor");
}

static void setup(void)
{
    forge_test_begin();
    owner = forge_test_pg_attach_owner(forge_test_pool, forge_test_pg_connect(forge_test_pool, forge_test_dsn));
    db = schema_attach();
    sql("SET client_min_messages = warning; DROP SCHEMA IF EXISTS " ODD " CASCADE; CREATE SCHEMA " ODD);
    sql("SELECT pg_stat_reset()");
}

static PGconn *other(const char *how)
{
    return forge_test_pg_connect(forge_test_pool, apr_pstrcat(forge_test_pool, forge_test_dsn, how, NULL));
}

static void on(PGconn *conn, const char *text)
{
    PGresult *result = PQexec(conn, text);
    ck_assert_msg(PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK, "%s",
                  PQerrorMessage(conn));
    PQclear(result);
}

/* Until a question of the owner's is answered with this. */
static void wait_until(const char *question, const char *answer)
{
    for (int i = 0; i < 200; i++) {
        const char *is = ask(question);
        if (is && strcmp(is, answer) == 0)
            return;
        usleep(50000);
    }
    ck_abort_msg("%s is not %s", question, answer);
}

/* --- a fresh schema --- */

START_TEST(a_fresh_schema_has_nothing_to_mend)
{
    forge_db_t *who[] = {owner, db};
    for (size_t n = 0; n < 2; n++)
        for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++) {
            const forge_rows_t *rows = seen(who[n], looks[i], &forge_store_monitor_usual);
            const forge_json_t *list = advice_of(rows);
            for (apr_size_t k = 0; k < forge_util_json_size(list); k++) /* this cluster's settings are unsafe */
                ck_assert_msg(strncmp(member(forge_util_json_at(list, k), "code"), "setting_", 8) == 0, "%s",
                              forge_store_rows_text(rows, 0, "_advice"));
        }
    ck_assert_str_eq(
        forge_store_rows_text(seen(db, forge_store_monitor_indexes, &forge_store_monitor_usual), 0, "indexes"),
        "{\"unused\" : [], \"missing\" : [], \"duplicate\" : [], \"invalid\" : []}");
    ck_assert_str_eq(forge_store_rows_text(seen(db, sequences, &forge_store_monitor_usual), 0, "sequences"), "[]");
}
END_TEST

/* --- tables --- */

#define TABLE ODD ".\"T 1\""

START_TEST(dead_rows_need_vacuum)
{
    sql("CREATE TABLE " TABLE " AS SELECT n FROM generate_series(1, 200) n; ANALYZE " TABLE);
    flush();
    expect_none(forge_store_monitor_tables, "needs_vacuum");
    sql("DELETE FROM " TABLE " WHERE n <= 100");
    flush();
    mend(forge_store_monitor_tables, "needs_vacuum", "warn", "VACUUM (ANALYZE) " TABLE ";");
}
END_TEST

START_TEST(changed_rows_need_analyze)
{
    sql("CREATE TABLE " TABLE " AS SELECT n FROM generate_series(1, 200) n");
    flush();
    mend(forge_store_monitor_tables, "needs_analyze", "info", "ANALYZE " TABLE ";");
}
END_TEST

/* What one deletes stays in the table's file; vacuum does not give it back. */
START_TEST(empty_space_is_bloat)
{
    sql("CREATE TABLE " TABLE " AS SELECT n, repeat('x', 90) AS t FROM generate_series(1, 20000) n; ANALYZE " TABLE);
    flush();
    expect_none(forge_store_monitor_tables, "bloat");
    sql("DELETE FROM " TABLE " WHERE n % 10 > 0");
    flush();
    sql("VACUUM (ANALYZE) " TABLE);
    flush();
    ck_assert_ptr_nonnull(strstr(forge_store_rows_text(seen(db, forge_store_monitor_tables, &small), 0, "tables"),
                                 "\"bloat_bytes\" : null")); /* whose statistics this role may not read */
    mend(forge_store_monitor_tables, "bloat", "info", "VACUUM (FULL, ANALYZE) " TABLE ";");
}
END_TEST

START_TEST(large_tables_read_from_end_to_end_are_named)
{
    sql("CREATE TABLE " TABLE " AS SELECT n FROM generate_series(1, 200) n");
    for (int i = 0; i < 2; i++)
        ask("SELECT count(*) FROM " TABLE);
    flush();
    expect_none(forge_store_monitor_tables, "sequential_scans");
    for (int i = 0; i < 3; i++)
        ask("SELECT count(*) FROM " TABLE);
    flush();
    ck_assert_ptr_null(member(expect(forge_store_monitor_tables, "sequential_scans", "info"), "sql"));
}
END_TEST

/* Also when the locked one is an index, or somebody only waits for the lock. */
START_TEST(a_locked_table_holds_up_nothing)
{
    static const char *const locks[] = {"LOCK TABLE " TABLE " IN ACCESS EXCLUSIVE MODE", "REINDEX INDEX " ODD ".i"};
    sql("CREATE TABLE " TABLE " AS SELECT n FROM generate_series(1, 200) n; CREATE INDEX i ON " TABLE " (n);"
        " ANALYZE " TABLE);
    PGconn *holder = other("");
    for (size_t i = 0; i < 2; i++) {
        on(holder, "BEGIN");
        on(holder, locks[i]);
        const char *tables = forge_store_rows_text(seen(db, forge_store_monitor_tables, &small), 0, "tables");
        ck_assert_ptr_nonnull(strstr(tables, "\"T 1\", \"size_bytes\" : 8192,"));
        seen(db, forge_store_monitor_indexes, &small);
        on(holder, "ROLLBACK");
    }
    const char *tables = forge_store_rows_text(seen(db, forge_store_monitor_tables, &small), 0, "tables");
    ck_assert_ptr_null(strstr(tables, "\"T 1\", \"size_bytes\" : 8192,")); /* with its index it is larger */
}
END_TEST

/* --- indexes --- */

START_TEST(foreign_keys_without_an_index_are_named)
{
    sql("CREATE TABLE " ODD ".a (id bigint PRIMARY KEY);"
        "CREATE TABLE " TABLE " (\"R f\" bigint REFERENCES " ODD ".a, two bigint REFERENCES " ODD ".a);"
        "CREATE INDEX ON " TABLE " (two) WHERE two IS NOT NULL");
    mend(forge_store_monitor_indexes, "index_missing", "info", "CREATE INDEX CONCURRENTLY ON " TABLE " (\"R f\");");
    sql("DROP INDEX " ODD ".\"T 1_R f_idx\"; CREATE INDEX ON " TABLE " (\"R f\") WHERE two IS NULL");
    sql("INSERT INTO " ODD ".a VALUES (1); INSERT INTO " TABLE " SELECT 1 FROM generate_series(1, 150)");
    flush();
    expect(forge_store_monitor_indexes, "index_missing", "warn"); /* such an index does not help, and the table grew */
}
END_TEST

START_TEST(the_same_index_twice_is_found)
{
    sql("CREATE TABLE " TABLE " (a int, b int, c text);"
        "CREATE INDEX one ON " TABLE " (a, b); CREATE INDEX \"T wo\" ON " TABLE " (a, b);"
        "CREATE INDEX ON " TABLE " (a, b DESC); CREATE INDEX ON " TABLE " (a, b) WHERE c IS NULL;"
        "CREATE INDEX ON " TABLE " USING hash (a); CREATE INDEX ON " TABLE " (c text_pattern_ops);"
        "CREATE INDEX ON " TABLE " (c); CREATE INDEX ON " TABLE " (lower(c)); CREATE INDEX ON " TABLE " (upper(c))");
    mend(forge_store_monitor_indexes, "index_duplicate", "warn", "DROP INDEX CONCURRENTLY " ODD ".\"T wo\";");
    sql("CREATE INDEX again ON " TABLE " (lower(c))");
    mend(forge_store_monitor_indexes, "index_duplicate", "warn", "DROP INDEX CONCURRENTLY " ODD ".again;");
    sql("CREATE INDEX again ON " TABLE " (a, b)  WHERE   c IS NULL");
    mend(forge_store_monitor_indexes, "index_duplicate", "warn", "DROP INDEX CONCURRENTLY " ODD ".again;");
}
END_TEST

/* A rule is never a duplicate; the plain one beside it is. */
START_TEST(unique_indexes_stay)
{
    sql("CREATE TABLE " TABLE " (a int PRIMARY KEY, b int UNIQUE); CREATE UNIQUE INDEX ON " TABLE " (a)");
    expect_none(forge_store_monitor_indexes, "index_duplicate");
    sql("CREATE INDEX plain ON " TABLE " (b)");
    mend(forge_store_monitor_indexes, "index_duplicate", "warn", "DROP INDEX CONCURRENTLY " ODD ".plain;");
}
END_TEST

START_TEST(the_beginning_of_another_index_is_redundant)
{
    sql("CREATE TABLE " TABLE " AS SELECT n AS a, n AS b FROM generate_series(1, 200) n;"
        "CREATE INDEX first ON " TABLE " (a); CREATE INDEX pair ON " TABLE " (a, b);"
        "CREATE UNIQUE INDEX rule ON " TABLE " (b); CREATE INDEX more ON " TABLE " (b, a)");
    mend(forge_store_monitor_indexes, "index_redundant", "info", "DROP INDEX CONCURRENTLY " ODD ".first;");
}
END_TEST

START_TEST(indexes_that_nothing_uses_are_named)
{
    sql("CREATE TABLE " ODD ".a (id bigint PRIMARY KEY);"
        "CREATE TABLE " TABLE " (n bigint, m bigint REFERENCES " ODD ".a);"
        "INSERT INTO " TABLE " SELECT n FROM generate_series(1, 200) n;"
        "CREATE INDEX idle ON " TABLE " (n); CREATE INDEX ON " TABLE " (m)");
    flush();
    expect_none(forge_store_monitor_indexes, "index_unused"); /* nor was the table */
    for (int i = 0; i < 4; i++)
        ask("SELECT count(*) FROM " TABLE);
    flush();
    mend(forge_store_monitor_indexes, "index_unused", "info", "DROP INDEX CONCURRENTLY " ODD ".idle;");
}
END_TEST

START_TEST(indexes_that_failed_are_named)
{
    const char *why = "";
    sql("CREATE TABLE " TABLE " AS SELECT 1 AS n FROM generate_series(1, 2)");
    expect_none(forge_store_monitor_indexes, "index_invalid");
    ck_assert_int_ne(
        forge_store_script(owner, forge_test_pool, "CREATE UNIQUE INDEX CONCURRENTLY bad ON " TABLE " (n)", &why),
        FORGE_OK);
    PGconn *builder = other("");
    on(builder, "BEGIN; LOCK TABLE " TABLE " IN SHARE UPDATE EXCLUSIVE MODE");
    expect_none(forge_store_monitor_indexes, "index_invalid"); /* somebody may just be at it */
    on(builder, "ROLLBACK");
    expect(forge_store_monitor_indexes, "index_invalid", "warn");
    sql("DELETE FROM " TABLE " WHERE ctid = '(0,1)'");
    mend(forge_store_monitor_indexes, "index_invalid", "warn", "REINDEX INDEX CONCURRENTLY " ODD ".bad;");
}
END_TEST

/* --- sessions --- */

static const char *terminates(PGconn *conn)
{
    return apr_psprintf(forge_test_pool, "SELECT pg_terminate_backend(%d);", PQbackendPID(conn));
}

START_TEST(open_transactions_are_seen_by_who_may)
{
    PGconn *idler = other(" application_name=idler");
    on(idler, "BEGIN; SELECT 1");
    ask_t apart = {forge_store_monitor_activity, &small, NULL, NULL};
    ck_assert_int_eq(forge_store_tx(db, forge_test_pool, in_transaction, &apart), FORGE_OK);
    ck_assert_ptr_null(advice_of(apart.rows)); /* the application's role sees of others only that they are there */
    ck_assert_str_eq(forge_store_rows_text(apart.access, 0, "activity_reason"),
                     "The sessions of other roles show little: GRANT pg_monitor TO forge_app;");
    sql("GRANT pg_monitor TO forge_app");
    ck_assert_int_eq(forge_store_tx(db, forge_test_pool, in_transaction, &apart), FORGE_OK);
    sql("REVOKE pg_monitor FROM forge_app");
    ck_assert_ptr_null(forge_store_rows_text(apart.access, 0, "activity_reason"));
    ck_assert_ptr_nonnull(found(apart.rows, "idle_in_transaction"));
    ck_assert_ptr_nonnull(strstr(forge_store_rows_text(apart.rows, 0, "long_transactions"), "\"idler\""));
    mend(forge_store_monitor_activity, "idle_in_transaction", "warn", terminates(idler));
}
END_TEST

START_TEST(long_transactions_are_named)
{
    PGconn *worker = other(" application_name=worker");
    on(worker, "BEGIN");
    ck_assert_int_eq(PQsendQuery(worker, "SELECT 'a secret', pg_sleep(100)"), 1);
    wait_until("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'worker' AND state = 'active' AND"
               " xact_start < clock_timestamp()",
               "1");
    const forge_json_t *advice = expect(forge_store_monitor_activity, "long_transaction", "warn");
    const forge_rows_t *rows = seen(owner, forge_store_monitor_activity, &small);
    ck_assert_ptr_null(strstr(forge_store_rows_text(rows, 0, "long_transactions"), "secret"));
    ck_assert_str_eq(member(advice, "sql"),
                     apr_psprintf(forge_test_pool, "SELECT pg_cancel_backend(%d);", PQbackendPID(worker)));
    ck_assert_ptr_null(advice_of(seen(owner, forge_store_monitor_activity, &forge_store_monitor_usual)));
    sql(member(advice, "sql"));
}
END_TEST

START_TEST(who_waits_for_whom_is_told)
{
    sql("CREATE TABLE " TABLE " (n int)");
    PGconn *holder = other(" application_name=holder"), *waiter = other(" application_name=waiter");
    on(holder, "BEGIN; LOCK TABLE " TABLE);
    ck_assert_int_eq(PQsendQuery(waiter, "SELECT 'a secret' FROM " TABLE), 1);
    wait_until("SELECT count(*) FROM pg_locks WHERE NOT granted AND waitstart IS NOT NULL", "1");
    const forge_rows_t *rows = seen(db, forge_store_monitor_activity, &small); /* without any right */
    const char *locks = forge_store_rows_text(rows, 0, "locks");
    ck_assert_ptr_nonnull(strstr(locks, apr_psprintf(forge_test_pool, "\"blocked_by\" : [%d]", PQbackendPID(holder))));
    ck_assert_ptr_nonnull(strstr(locks, "\"application_name\" : \"waiter\""));
    ck_assert_ptr_nonnull(strstr(locks, "\"blocker\" : \"holder\""));
    ck_assert_ptr_nonnull(strstr(locks, "\"mode\" : \"AccessShareLock\""));
    ck_assert_ptr_nonnull(strstr(locks, "\"relation\" : \"\\\"Odd \\\"\\\"schema\\\".\\\"T 1\\\"\""));
    ck_assert_ptr_null(strstr(locks, "secret"));
    mend(forge_store_monitor_activity, "lock_wait", "warn", terminates(holder));
}
END_TEST

START_TEST(slots_that_nobody_reads_are_named)
{
    sql("SELECT pg_create_physical_replication_slot('odd', true)");
    mend(forge_store_monitor_activity, "slot_inactive", "warn", "SELECT pg_drop_replication_slot('odd');");
}
END_TEST

/* --- sequences --- */

/* `value` of the sequence of the table's column. */
static void count_to(const char *column, const char *value)
{
    ask(apr_psprintf(forge_test_pool, "SELECT setval(pg_get_serial_sequence('" ODD_TEXT "', '%s'), %s)", column,
                     value));
}

START_TEST(sequences_near_their_end_are_named)
{
    sql("CREATE TABLE " ODD ".t (id int GENERATED BY DEFAULT AS IDENTITY, \"S er\" serial,"
        " big bigint GENERATED BY DEFAULT AS IDENTITY); CREATE SEQUENCE " ODD ".alone MAXVALUE 100");
    count_to("id", "1600000000");
    count_to("big", "9000000000000000000");
    expect_none(sequences, "sequence_end");
    count_to("id", "1700000000");
    mend(sequences, "sequence_end", "warn",
         "ALTER TABLE " ODD ".t ALTER COLUMN id TYPE bigint; ALTER SEQUENCE " ODD
         ".t_id_seq AS bigint MAXVALUE 9223372036854775807;");
    count_to("S er", "2000000000");
    mend(sequences, "sequence_end", "critical",
         "ALTER TABLE " ODD ".t ALTER COLUMN \"S er\" TYPE bigint; ALTER SEQUENCE " ODD
         ".\"t_S er_seq\" AS bigint MAXVALUE 9223372036854775807;");
    ask("SELECT setval('" ODD ".alone', 80)");
    mend(sequences, "sequence_end", "warn", "ALTER SEQUENCE " ODD ".alone AS bigint MAXVALUE 9223372036854775807;");
}
END_TEST

/* A column may hold less than its sequence gives: that is what ends. */
START_TEST(the_column_may_end_before_its_sequence)
{
    sql("CREATE SEQUENCE " ODD ".s; CREATE TABLE " ODD ".t (id int DEFAULT nextval('" ODD ".s'));"
        "ALTER SEQUENCE " ODD ".s OWNED BY " ODD ".t.id");
    ask("SELECT setval('" ODD ".s', 2000000000)");
    mend(sequences, "sequence_end", "critical",
         "ALTER TABLE " ODD ".t ALTER COLUMN id TYPE bigint; ALTER SEQUENCE " ODD
         ".s AS bigint MAXVALUE 9223372036854775807;");
}
END_TEST

START_TEST(sequences_that_cannot_be_read_are_said_so)
{
    sql("CREATE SEQUENCE " ODD ".s MAXVALUE 100");
    ask("SELECT setval('" ODD ".s', 95)");
    const forge_rows_t *rows = seen(db, sequences, &small);
    ck_assert_ptr_null(advice_of(rows));
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "_reason"),
                     "2 sequences cannot be read: GRANT SELECT ON ALL SEQUENCES IN SCHEMA " ODD " TO forge_app;");
    sql("GRANT SELECT ON ALL SEQUENCES IN SCHEMA " ODD " TO forge_app");
    rows = seen(db, sequences, &small);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "_reason"), /* one that only migrations use is left */
                     "1 sequences cannot be read: GRANT SELECT ON ALL SEQUENCES IN SCHEMA forge TO forge_app;");
    ck_assert_ptr_nonnull(found(rows, "sequence_end"));
}
END_TEST

/* --- settings --- */

static void setting(const char *name, const char *value)
{
    sql(apr_pstrcat(forge_test_pool, "ALTER SYSTEM SET ", name, " = ", value, NULL));
    sql("SELECT pg_reload_conf()");
    wait_until(apr_psprintf(forge_test_pool, "SELECT current_setting('%s')", name), value);
}

START_TEST(dangerous_settings_are_named)
{
    static const char *const rows[][2] = {
        {"fsync", "critical"}, {"full_page_writes", "critical"}, {"autovacuum", "warn"}, {"track_counts", "warn"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *code = apr_pstrcat(forge_test_pool, "setting_", rows[i][0], NULL);
        setting(rows[i][0], "on");
        expect_none(forge_store_monitor_settings, code);
        setting(rows[i][0], "off");
        expect(forge_store_monitor_settings, code, rows[i][1]);
    }
    sql("ALTER SYSTEM RESET ALL");
    sql("SELECT pg_reload_conf()");
    wait_until("SELECT current_setting('track_counts')", "on");
}
END_TEST

START_TEST(a_cache_that_is_too_small_is_named)
{
    sql("CREATE TABLE " TABLE " AS SELECT n, repeat('x', 990) AS t FROM generate_series(1, 24000) n");
    flush();
    sql("SELECT pg_stat_reset()");
    expect_none(forge_store_monitor_settings, "cache_hit_low");
    for (int i = 0; i < 3; i++)
        ask("SELECT count(*) FROM " TABLE);
    flush();
    const forge_json_t *advice = expect(forge_store_monitor_settings, "cache_hit_low", "info");
    ck_assert_str_eq(member(advice, "sql"), "ALTER SYSTEM SET shared_buffers = '32MB'; -- then start the server again");
}
END_TEST

/* --- pg_stat_statements --- */

static forge_status_t slow(forge_db_t *conn, apr_pool_t *p, const forge_monitor_limits_t *limits, forge_rows_t **rows)
{
    (void)limits;
    return forge_store_monitor_slow(conn, p, ODD, rows);
}

static const char *statements_reason(void)
{
    ask_t asked = {forge_store_monitor_settings, &small, NULL, NULL};
    ck_assert_int_eq(forge_store_tx(db, forge_test_pool, in_transaction, &asked), FORGE_OK);
    return forge_store_rows_text(asked.access, 0, "statements_reason");
}

/* The row whose query begins so; -1: there is none. */
static int row_of(const forge_rows_t *rows, const char *column, const char *start)
{
    for (int i = 0; i < forge_store_rows_count(rows); i++) {
        const char *text = forge_store_rows_text(rows, i, column);
        if (text && strncmp(text, start, strlen(start)) == 0)
            return i;
    }
    return -1;
}

START_TEST(slow_statements_come_from_the_extension)
{
    forge_rows_t *rows;
    const forge_actor_t anyone = {.id = 0};
    ck_assert_str_eq(statements_reason(), "The extension is not there: CREATE EXTENSION pg_stat_statements;");
    sql("CREATE EXTENSION pg_stat_statements SCHEMA " ODD);
    ck_assert_ptr_nonnull(strstr(statements_reason(), "GRANT USAGE ON SCHEMA " ODD " TO forge_app;"));
    sql("GRANT USAGE ON SCHEMA " ODD " TO forge_app");
    ck_assert_ptr_null(statements_reason());
    sql("SELECT " ODD ".pg_stat_statements_reset()");
    forge_store_course_get(db, forge_test_pool, &anyone, 1, &rows);
    sql("/* of another */ SELECT 'a secret', pg_sleep(0.01)");
    sql("SET my.word = 'a secret'");
    ask_t asked = {slow, &small, NULL, NULL};
    ck_assert_int_eq(forge_store_tx(db, forge_test_pool, in_transaction, &asked), FORGE_OK);
    int ours = row_of(asked.rows, "statement", "course_get");
    ck_assert_int_ge(ours, 0);
    ck_assert_int_eq(strncmp(forge_store_rows_text(asked.rows, ours, "query"), "SELECT ", 7), 0);
    ck_assert_str_eq(forge_store_rows_text(asked.rows, ours, "calls"), "1");
    ck_assert_int_lt(row_of(asked.rows, "query", "SELECT $1, pg_sleep"),
                     0); /* of another role: without the right, no text */
    sql("GRANT pg_monitor TO forge_app");
    ck_assert_int_eq(forge_store_tx(db, forge_test_pool, in_transaction, &asked), FORGE_OK);
    sql("REVOKE pg_monitor FROM forge_app");
    int theirs = row_of(asked.rows, "query", "SELECT $1, pg_sleep");
    ck_assert_int_eq(theirs, 0); /* the longest comes first */
    ck_assert_ptr_null(forge_store_rows_text(asked.rows, theirs, "statement"));
    ck_assert_int_ge(row_of(asked.rows, "query", "SET ..."), 0); /* what is no query may hold a password */
    for (int i = 0; i < forge_store_rows_count(asked.rows); i++) {
        const char *text = forge_store_rows_text(asked.rows, i, "query");
        ck_assert_msg(!text || !strstr(text, "secret"), "%s", text);
    }
}
END_TEST

Suite *forge_test_store_monitor(void)
{
    Suite *suite = suite_create("store_monitor");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_unchecked_fixture(all, begin, NULL);
    tcase_add_checked_fixture(all, setup, forge_test_end);
    tcase_add_test(all, a_fresh_schema_has_nothing_to_mend);
    tcase_add_test(all, dead_rows_need_vacuum);
    tcase_add_test(all, changed_rows_need_analyze);
    tcase_add_test(all, empty_space_is_bloat);
    tcase_add_test(all, large_tables_read_from_end_to_end_are_named);
    tcase_add_test(all, a_locked_table_holds_up_nothing);
    tcase_add_test(all, foreign_keys_without_an_index_are_named);
    tcase_add_test(all, the_same_index_twice_is_found);
    tcase_add_test(all, unique_indexes_stay);
    tcase_add_test(all, the_beginning_of_another_index_is_redundant);
    tcase_add_test(all, indexes_that_nothing_uses_are_named);
    tcase_add_test(all, indexes_that_failed_are_named);
    tcase_add_test(all, open_transactions_are_seen_by_who_may);
    tcase_add_test(all, long_transactions_are_named);
    tcase_add_test(all, who_waits_for_whom_is_told);
    tcase_add_test(all, slots_that_nobody_reads_are_named);
    tcase_add_test(all, sequences_near_their_end_are_named);
    tcase_add_test(all, the_column_may_end_before_its_sequence);
    tcase_add_test(all, sequences_that_cannot_be_read_are_said_so);
    tcase_add_test(all, dangerous_settings_are_named);
    tcase_add_test(all, a_cache_that_is_too_small_is_named);
    tcase_add_test(all, slow_statements_come_from_the_extension);
    suite_add_tcase(suite, all);
    return suite;
}
