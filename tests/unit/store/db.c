/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/engine/db.c, wire.c and pooled.c: which database it is, and connections that die, hang or are left in
 * disorder.
 */
#include "db.h"
#include <signal.h>
#include <stdio.h>

static void setup(void)
{
    db_setup("store_db");
}

#define SAME(a, b) forge_store_same_database(forge_test_pool, a, b)

START_TEST(same_database)
{
    ck_assert(SAME("dbname=a user=x", "user=y dbname=a connect_timeout=2"));
    ck_assert(SAME("postgresql://u@h:5433/a", "host=h port=5433 dbname=a"));
    ck_assert(!SAME("dbname=a", "dbname=b"));
    ck_assert(!SAME("dbname=a host=h", "dbname=a"));
    ck_assert(!SAME("host=a port=5 dbname=d", "host=a5 dbname=d"));
    ck_assert(SAME("host=a port=5 dbname=d", "dbname=d user=x host=a port=5 password=y"));
    ck_assert(SAME("host=a port=5 dbname=d", "postgresql://z@a:5/d"));
    ck_assert(!SAME("host=a port=5 dbname=d", "host=a port=5 dbname=e"));
    ck_assert_str_eq(forge_store_database_name(forge_test_pool, "nonsense"), "nonsense");
    ck_assert(SAME("=", "="));
    ck_assert(!SAME("=", "dbname=a"));
    ck_assert(!SAME("", "="));
}
END_TEST

/* What is left out is what libpq takes then. */
START_TEST(same_database_by_default)
{
    ck_assert(SAME("host=h dbname=a", "host=h port=5432 dbname=a"));
    ck_assert(SAME("host=h dbname=a", "host=h port='' dbname=a"));
    ck_assert(!SAME("host=h user=a", "host=h user=b"));
    ck_assert(SAME("host=h user=a", "host=h user=b dbname=a"));
    ck_assert(SAME("host=h user=a dbname=''", "host=h user=a"));
    ck_assert(SAME("host=h", "host=h"));
    ck_assert(!SAME("host=h", "host=h user=root")); /* as whom the server connects is not known here */
    ck_assert(SAME("host=n hostaddr=10.0.0.1 dbname=a", "hostaddr=10.0.0.1 dbname=a"));
}
END_TEST

START_TEST(same_database_of_lists)
{
    ck_assert(SAME("host=a,b dbname=d", "host=a,b port=5432 dbname=d"));
    ck_assert(SAME("host=a,b port=1 dbname=d", "postgresql://a:1,b:1/d"));
    ck_assert(SAME("host=a,b port=,2 dbname=d", "host=a,b port=5432,2 dbname=d"));
    ck_assert(!SAME("host=a,b port=1,2 dbname=d", "host=a,b port=2,1 dbname=d"));
    ck_assert(!SAME("host=a,b dbname=d", "host=a dbname=d"));
    ck_assert(SAME("host=a,b hostaddr=10.0.0.1, dbname=d", "host=x,b hostaddr=10.0.0.1, dbname=d"));
}
END_TEST

/* What other programs get on their command lines has no password; their libpq reads the rest as it was meant. */
START_TEST(conninfo_without_its_password)
{
    const char *password, *why, *open;
#define OPEN(text) (open = forge_store_conninfo_public(forge_test_pool, text, &password, &why))
    ck_assert_ptr_nonnull(OPEN("password='a b' dbname=a host=h"));
    ck_assert(SAME(open, "dbname=a host=h") && !strstr(open, "a b"));
    ck_assert_str_eq(password, "a b");
    ck_assert_ptr_nonnull(OPEN("postgresql://u:se%20cret@h:5433/a"));
    ck_assert(SAME(open, "host=h port=5433 dbname=a") && !strstr(open, "cret"));
    ck_assert_str_eq(password, "se cret");
    ck_assert_ptr_nonnull(OPEN("dbname='a\\'b\\\\c'"));
    ck_assert_str_eq(open, "dbname='a\\'b\\\\c'");
    ck_assert_ptr_null(password);
    ck_assert_ptr_null(OPEN("nonsense"));
    ck_assert(strstr(why, "nonsense"));
#undef OPEN
}
END_TEST

START_TEST(same_database_of_environment)
{
    setenv("PGHOST", "h", 1);
    setenv("PGPORT", "7", 1);
    setenv("PGUSER", "u", 1);
    ck_assert(SAME("", "host=h port=7 dbname=u"));
    ck_assert(SAME("", "host=h port=7 user=u"));
    ck_assert(!SAME("host='' dbname=a", "dbname=a"));
    setenv("PGDATABASE", "d", 1);
    ck_assert(SAME("user=a", "user=b"));
    ck_assert(SAME("", "dbname=d"));
    ck_assert(!SAME("user=a dbname=''", "user=b dbname=''"));
    ck_assert(!SAME("service=s user=a", "service=s user=b")); /* its file need not name a database */
    ck_assert(!SAME("service=s", "service=t"));
    ck_assert(!SAME("service=s", ""));
    unsetenv("PGDATABASE");
    unsetenv("PGUSER");
    unsetenv("PGPORT");
    unsetenv("PGHOST");
}
END_TEST

START_TEST(settings_are_made)
{
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT current_setting('statement_timeout')"), "20s");
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT current_setting('lock_timeout')"), "20s");
    ck_assert_str_eq(
        forge_test_pg_ask(db, forge_test_pool, "SELECT current_setting('idle_in_transaction_session_timeout')"), "30s");
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT current_setting('timezone')"), "UTC");
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT current_setting('search_path')"), "forge, pg_temp");
}
END_TEST

START_TEST(survives_a_killed_back_end)
{
    apr_pool_t *other;
    forge_db_t *dead;
    forge_db_settings_t settings = {
        .statement_timeout = APR_USEC_PER_SEC, .answer_timeout = APR_USEC_PER_SEC, .idle_timeout = APR_USEC_PER_SEC};
    add_works();
    forge_store_db_detach(db);
    apr_pool_create(&other, forge_test_pool);
    forge_db_t *killer =
        forge_test_pg_attach(other, forge_test_pg_connect(other, forge_test_pg_database(other, "store_killer", true)));
    const char *pid = apr_itoa(other, PQbackendPID(conn));
    forge_test_pg_ask(killer, other, apr_psprintf(other, "SELECT pg_terminate_backend(%s, 5000)", pid));
    /* found dead before anything is sent; then the pool resets it */
    ck_assert_int_eq(forge_store_db_attach(other, conn, &settings, &(forge_db_use_t){NULL, NULL, NULL}, &dead),
                     FORGE_E_DATABASE_DOWN);
    ck_assert_ptr_null(dead);
    ck_assert_int_eq(PQstatus(conn), CONNECTION_BAD);
    PQreset(conn);
    db = forge_test_pg_attach(forge_test_pool, conn);
    ck_assert_int_eq(prepared("test_add"), 0);
    add_works();
    ck_assert_str_eq(forge_test_pg_ask(db, other, "SELECT current_setting('statement_timeout')"), "20s");
}
END_TEST

START_TEST(killed_while_in_use)
{
    add_works();
    ck_assert_int_eq(sql("SELECT pg_terminate_backend(pg_backend_pid())"), FORGE_E_DATABASE_DOWN);
    ck_assert_int_eq(sql("SELECT 1"), FORGE_E_DATABASE_DOWN);
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_E_DATABASE_DOWN);
    forge_store_db_detach(db);
    ck_assert_int_eq(PQstatus(conn), CONNECTION_BAD);
}
END_TEST

START_TEST(statement_timeout)
{
    const forge_args_t args = FORGE_ARGS("30");
    forge_test_pg_do(db, forge_test_pool, "SET statement_timeout = 50");
    ck_assert_int_eq(forge_store_run(db, forge_test_pool, &slow_stmt, args, NULL), FORGE_E_TIMEOUT);
    add_works();
}
END_TEST

/* Attaches anew with a short answer timeout. */
static void hurry(apr_interval_time_t answer)
{
    forge_db_settings_t settings = {
        .statement_timeout = 10 * APR_USEC_PER_SEC, .answer_timeout = answer, .idle_timeout = 10 * APR_USEC_PER_SEC};
    forge_store_db_detach(db);
    ck_assert_int_eq(forge_store_db_attach(forge_test_pool, conn, &settings, &(forge_db_use_t){NULL, NULL, NULL}, &db),
                     FORGE_OK);
}

START_TEST(a_server_that_hangs)
{
    pid_t pid = PQbackendPID(conn);
    add_works();
    hurry(300000);
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    apr_time_t before = apr_time_now();
    forge_status_t status = forge_store_run(db, forge_test_pool, &add_stmt, ONE_TWO, NULL);
    bool bounded = apr_time_now() - before < 3 * APR_USEC_PER_SEC;
    forge_store_db_detach(db);
    kill(pid, SIGCONT);
    ck_assert_int_eq(status, FORGE_E_DATABASE_DOWN);
    ck_assert(bounded);
    ck_assert_int_eq(PQstatus(conn), CONNECTION_BAD);
    PQreset(conn);
    db = forge_test_pg_attach(forge_test_pool, conn);
    add_works();
}
END_TEST

START_TEST(a_server_that_does_not_read)
{
    static const forge_stmt_t length = {"test_length", "SELECT length($1::text) AS n"};
    pid_t pid = PQbackendPID(conn);
    char *large = apr_palloc(forge_test_pool, 8 * 1024 * 1024 + 1);
    memset(large, 'x', 8 * 1024 * 1024);
    large[8 * 1024 * 1024] = '\0';
    const forge_args_t args = FORGE_ARGS(large);
    forge_rows_t *rows;
    ck_assert_int_eq(forge_store_run(db, forge_test_pool, &length, args, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "n", 0), 8 * 1024 * 1024);
    hurry(300000);
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    forge_status_t status = forge_store_run(db, forge_test_pool, &length, args, NULL);
    kill(pid, SIGCONT);
    ck_assert_int_eq(status, FORGE_E_DATABASE_DOWN);
    ck_assert_int_eq(PQstatus(conn), CONNECTION_BAD);
}
END_TEST

START_TEST(stopped_at_the_first_word)
{
    forge_db_settings_t settings = {
        .statement_timeout = APR_USEC_PER_SEC, .answer_timeout = 300000, .idle_timeout = APR_USEC_PER_SEC};
    forge_db_t *other;
    PGconn *fresh =
        forge_test_pg_connect(forge_test_pool, forge_test_pg_database(forge_test_pool, "store_fresh", true));
    pid_t pid = PQbackendPID(fresh);
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    forge_status_t status =
        forge_store_db_attach(forge_test_pool, fresh, &settings, &(forge_db_use_t){"x", NULL, NULL}, &other);
    kill(pid, SIGCONT);
    ck_assert_int_eq(status, FORGE_E_DATABASE_DOWN);
    ck_assert_int_eq(PQstatus(fresh), CONNECTION_BAD);
}
END_TEST

START_TEST(outdated_schema_recovers)
{
    forge_db_settings_t settings = {.statement_timeout = APR_USEC_PER_SEC,
                                    .answer_timeout = 4 * APR_USEC_PER_SEC,
                                    .idle_timeout = APR_USEC_PER_SEC};
    forge_db_t *mine;
    int found, max;
    const char *where = forge_test_pg_database(forge_test_pool, "store_empty", false), *why;
    PGconn *fresh = forge_test_pg_connect(forge_test_pool, where);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(
            forge_store_db_attach(forge_test_pool, fresh, &settings, &(forge_db_use_t){NULL, NULL, NULL}, &mine),
            FORGE_E_SCHEMA_OUTDATED);
    forge_db_t *admin = forge_store_db_connect(forge_test_pool, where, &why);
    ck_assert_ptr_nonnull(admin);
    ck_assert_int_eq(forge_store_schema_check(admin, forge_test_pool, &found, &max), FORGE_OK);
    ck_assert_int_eq(found, 0);
    ck_assert_int_eq(max, 40);
    forge_test_pg_do(admin, forge_test_pool,
                     "CREATE SCHEMA forge; CREATE TABLE forge.migrations (number int, name text)");
    ck_assert_int_eq(
        forge_store_db_attach(forge_test_pool, fresh, &settings, &(forge_db_use_t){NULL, NULL, NULL}, &mine),
        FORGE_E_SCHEMA_OUTDATED);
    forge_test_pg_do(admin, forge_test_pool,
                     "INSERT INTO forge.migrations VALUES (1000000, 'breakingnews'), (1, 'old_breaking')");
    ck_assert_int_eq(
        forge_store_db_attach(forge_test_pool, fresh, &settings, &(forge_db_use_t){NULL, NULL, NULL}, &mine), FORGE_OK);
    ck_assert_int_eq(forge_store_schema_check(mine, forge_test_pool, &found, &max), FORGE_OK);
    ck_assert_int_eq(found, 1000000);
    ck_assert_int_ge(found, forge_store_schema_wanted());
    /* with a newer migration that says so, this build cannot live */
    PGconn *late = forge_test_pg_connect(forge_test_pool, where);
    forge_db_t *other;
    forge_test_pg_do(admin, forge_test_pool, "INSERT INTO forge.migrations VALUES (1000001, 'drop_it_breaking')");
    ck_assert_int_eq(
        forge_store_db_attach(forge_test_pool, late, &settings, &(forge_db_use_t){NULL, NULL, NULL}, &other),
        FORGE_E_SCHEMA_AHEAD);
    ck_assert_int_eq(forge_store_schema_check(mine, forge_test_pool, &found, &max), FORGE_E_SCHEMA_AHEAD);
    ck_assert_int_eq(forge_store_db_check(mine, forge_test_pool), FORGE_E_SCHEMA_AHEAD);
    ck_assert_int_eq(forge_store_db_ping(mine, forge_test_pool), FORGE_OK);
    ck_assert_int_eq(found, 1000001);
    forge_test_pg_do(admin, forge_test_pool, "DELETE FROM forge.migrations WHERE number = 1000001");
    ck_assert_int_eq(
        forge_store_db_attach(forge_test_pool, late, &settings, &(forge_db_use_t){NULL, NULL, NULL}, &other), FORGE_OK);
    forge_store_db_detach(other);
    /* a table that vanishes later makes the next attach look again */
    forge_test_pg_do(admin, forge_test_pool, "DROP TABLE forge.migrations");
    static const forge_stmt_t gone = {"test_gone", "SELECT 1 FROM forge.nowhere"};
    ck_assert_int_eq(forge_store_run(mine, forge_test_pool, &gone, FORGE_NO_ARGS, NULL), FORGE_E_SCHEMA_OUTDATED);
    forge_store_db_detach(mine);
    ck_assert_int_eq(
        forge_store_db_attach(forge_test_pool, fresh, &settings, &(forge_db_use_t){NULL, NULL, NULL}, &mine),
        FORGE_E_SCHEMA_OUTDATED);
}
END_TEST

static void last_words(void *baton, bool is_error, const char *tag, const char *message)
{
    (void)is_error;
    *(const char **)baton = apr_pstrcat(forge_test_pool, tag, " ", message, NULL);
}

/* The log leads to the command that gives this very role its rights. */
START_TEST(role_without_rights)
{
    forge_db_settings_t settings = {.statement_timeout = APR_USEC_PER_SEC,
                                    .answer_timeout = 4 * APR_USEC_PER_SEC,
                                    .idle_timeout = APR_USEC_PER_SEC};
    forge_db_t *other;
    const char *said = "", *where = forge_test_pg_database(forge_test_pool, "store_denied", true);
    forge_db_t *admin = forge_test_pg_attach(forge_test_pool, forge_test_pg_connect(forge_test_pool, where));
    forge_test_pg_do(admin, forge_test_pool,
                     "DO $$ BEGIN IF to_regrole('store_web') IS NULL THEN CREATE ROLE store_web LOGIN; END IF; END $$");
    PGconn *web = forge_test_pg_connect(forge_test_pool, apr_pstrcat(forge_test_pool, where, " user=store_web", NULL));
    ck_assert_int_eq(
        forge_store_db_attach(forge_test_pool, web, &settings, &(forge_db_use_t){NULL, last_words, &said}, &other),
        FORGE_E_SCHEMA_OUTDATED);
    ck_assert_str_eq(said, "FG0203 the database role \"store_web\" may not read forge.migrations; run forgectl migrate "
                           "apply --app-role store_web, as the owner of the schema");
    const char *why;
    int found, max;
    forge_db_t *shell =
        forge_store_db_connect(forge_test_pool, apr_pstrcat(forge_test_pool, where, " user=store_web", NULL), &why);
    ck_assert_int_eq(forge_store_schema_check(shell, forge_test_pool, &found, &max), FORGE_E_INTERNAL);
    ck_assert(forge_store_denied(shell));
    ck_assert_str_eq(forge_store_role(shell), "store_web");
    ck_assert_ptr_nonnull(strstr(forge_store_message(shell), "permission denied"));
}
END_TEST

/* A new request on the same connection. */
static void request(const char *id)
{
    static const forge_db_settings_t settings = {.statement_timeout = APR_USEC_PER_SEC,
                                                 .answer_timeout = 4 * APR_USEC_PER_SEC,
                                                 .idle_timeout = APR_USEC_PER_SEC};
    forge_store_db_detach(db);
    ck_assert_int_eq(forge_store_db_attach(forge_test_pool, conn, &settings, &(forge_db_use_t){id, NULL, NULL}, &db),
                     FORGE_OK);
}

static const char *activity(void)
{
    return forge_test_pg_ask(db, forge_test_pool,
                             "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()");
}

START_TEST(activity_is_seen)
{
    static const char *const ids[] = {"req-1", "req-2", "a\"b'c\\;--"};
    for (int i = 0; i < 3; i++) {
        apr_sleep(20000); /* a connection in constant use is not renamed for every read */
        request(ids[i]);
        ck_assert_str_eq(activity(), ids[i]);
    }
    /* a failing statement takes the name back: it comes again with the next */
    apr_sleep(20000);
    request("req-4");
    ck_assert_int_eq(sql("SELECT 'x'::int"), FORGE_E_VALIDATION);
    ck_assert_str_eq(activity(), "req-4");
}
END_TEST

START_TEST(activity_of_what_writes)
{
    char id[16];
    forge_test_pg_do(db, forge_test_pool, "CREATE TABLE kept (a text)");
    for (int i = 0; i < 50; i++) {
        request(apr_psprintf(forge_test_pool, "req-%d", i));
        snprintf(id, sizeof(id), "req-%d", i);
        if (i % 2)
            ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
        ck_assert_int_eq(sql("INSERT INTO kept SELECT current_setting('application_name')"), FORGE_OK);
        if (i % 2)
            ck_assert_int_eq(forge_store_commit(db, forge_test_pool), FORGE_OK);
        ck_assert_str_eq(activity(), id);
    }
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT count(DISTINCT a) FROM kept WHERE a LIKE 'req-%'"),
                     "50");
    /* a transaction that was rolled back had the name inside: it is set again */
    request("req-a");
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    ck_assert_str_eq(activity(), "req-a");
    forge_store_rollback(db);
    ck_assert_int_eq(sql("INSERT INTO kept SELECT current_setting('application_name')"), FORGE_OK);
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT count(*) FROM kept WHERE a = 'req-a'"), "1");
}
END_TEST

START_TEST(detach_rolls_back)
{
    forge_test_pg_do(db, forge_test_pool, "CREATE TABLE kept (a int)");
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    forge_test_pg_do(db, forge_test_pool, "INSERT INTO kept VALUES (1)");
    forge_store_db_detach(db);
    forge_store_db_detach(db);
    ck_assert_int_eq(PQtransactionStatus(conn), PQTRANS_IDLE);
    ck_assert_int_eq(sql("SELECT 1"), FORGE_E_DATABASE_DOWN);
    /* somebody else's leavings end at the next attach */
    PQclear(PQexec(conn, "BEGIN"));
    db = forge_test_pg_attach(forge_test_pool, conn);
    ck_assert_int_eq(PQtransactionStatus(conn), PQTRANS_IDLE);
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT count(*) FROM kept"), "0");
}
END_TEST

/* Giving a connection back says nothing to the server; the next user finds it clean all the same. */
START_TEST(leaving_says_nothing)
{
    forge_test_pg_do(db, forge_test_pool, "CREATE TABLE kept (a int)");
    ck_assert(forge_store_native_state(conn).clean);
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    forge_test_pg_do(db, forge_test_pool, "INSERT INTO kept VALUES (1)");
    forge_store_db_leave(db);
    forge_store_db_leave(db);
    ck_assert_int_eq(PQtransactionStatus(conn), PQTRANS_INTRANS);
    ck_assert(!forge_store_native_state(conn).clean);
    db = forge_test_pg_attach(forge_test_pool, conn);
    ck_assert(forge_store_native_state(conn).clean);
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT count(*) FROM kept"), "0");
    forge_store_native_break(conn);
    forge_store_native_break(conn);
    ck_assert(!forge_store_native_state(conn).clean);
}
END_TEST

static const char *statement_timeout_of(apr_interval_time_t statement)
{
    const forge_db_settings_t settings = {
        .statement_timeout = statement, .answer_timeout = 4 * APR_USEC_PER_SEC, .idle_timeout = 10 * APR_USEC_PER_SEC};
    forge_store_db_leave(db);
    ck_assert_int_eq(forge_store_db_attach(forge_test_pool, conn, &settings, &(forge_db_use_t){NULL, NULL, NULL}, &db),
                     FORGE_OK);
    return forge_test_pg_ask(db, forge_test_pool, "SELECT current_setting('statement_timeout')");
}

/* Hosts that share connections may differ in ForgeStatementTimeout. */
START_TEST(timeout_is_that_of_each_use)
{
    ck_assert_str_eq(statement_timeout_of(APR_USEC_PER_SEC), "1s");
    ck_assert_str_eq(statement_timeout_of(3 * APR_USEC_PER_SEC), "3s");
    ck_assert_str_eq(statement_timeout_of(APR_USEC_PER_SEC), "1s");
}
END_TEST

/* What is deleted may take very long; what it waits for may not. */
START_TEST(patience_is_for_one_use)
{
    static const char both[] = "SELECT current_setting('statement_timeout') || ' ' || current_setting('lock_timeout')";
    statement_timeout_of(APR_USEC_PER_SEC);
    ck_assert_int_eq(forge_store_db_patient(db, APR_USEC_PER_SEC / 2), FORGE_OK); /* less than it has */
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, both), "1s 1s");
    ck_assert_int_eq(forge_store_db_patient(db, 60 * APR_USEC_PER_SEC), FORGE_OK);
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, both), "1min 1s");
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT 1 FROM pg_sleep(4.5)"), "1"); /* it waits as well */
    statement_timeout_of(APR_USEC_PER_SEC);
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, both), "1s 1s");
}
END_TEST

/* That a connection lives does not say that it leads to the right server. */
START_TEST(a_ping_asks_who_answers)
{
    ck_assert_int_eq(forge_store_db_ping(db, forge_test_pool), FORGE_OK);
    ck_assert_int_gt(strlen(forge_store_db_system(db)), 30);
    PQclear(PQexec(conn, "SELECT set_config('forge.session', 'that of another', false)"));
    ck_assert_int_eq(forge_store_db_ping(db, forge_test_pool), FORGE_E_DATABASE_DOWN);
    ck_assert_int_eq(PQstatus(conn), CONNECTION_BAD);
    ck_assert(!forge_store_native_state(conn).unwritable);
}
END_TEST

/* PostgreSQL 14 and later tell when the server becomes read-only; an answer that says so is not believed. */
START_TEST(an_answer_of_a_read_only_server_is_none)
{
    ck_assert_int_eq(sql("SELECT 1"), FORGE_OK);
    PQclear(PQexec(conn, "SET default_transaction_read_only = on"));
    ck_assert_int_eq(sql("SELECT 1"), FORGE_E_DATABASE_DOWN);
    ck_assert_int_eq(PQstatus(conn), CONNECTION_BAD);
    ck_assert(forge_store_native_state(conn).unwritable);
}
END_TEST

START_TEST(a_refused_write_drops_the_connection)
{
    forge_test_pg_do(db, forge_test_pool, "CREATE TABLE kept (a int)");
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    ck_assert_int_eq(sql("SELECT set_config('transaction_read_only', 'on', true)"), FORGE_OK);
    ck_assert_int_eq(sql("INSERT INTO kept VALUES (1)"), FORGE_E_DATABASE_DOWN);
    ck_assert_int_eq(PQstatus(conn), CONNECTION_BAD);
    ck_assert(forge_store_native_state(conn).unwritable);
    PQreset(conn);
    PQclear(PQexec(conn, "SET default_transaction_read_only = on"));
    const forge_db_settings_t settings = {
        .statement_timeout = APR_USEC_PER_SEC, .answer_timeout = APR_USEC_PER_SEC, .idle_timeout = APR_USEC_PER_SEC};
    ck_assert_int_eq(forge_store_db_attach(forge_test_pool, conn, &settings, &(forge_db_use_t){NULL, NULL, NULL}, &db),
                     FORGE_E_DATABASE_DOWN);
    ck_assert_int_eq(PQstatus(conn), CONNECTION_BAD);
}
END_TEST

START_TEST(connect_says_why)
{
    const char *why = NULL;
    ck_assert_ptr_null(forge_store_db_connect(forge_test_pool, "host=/nowhere/at/all dbname=x user=y", &why));
    ck_assert_ptr_nonnull(why);
    ck_assert_ptr_null(forge_store_db_connect(forge_test_pool, "no=such=thing", &why));
    ck_assert(strlen(why) > 0 && why[strlen(why) - 1] != '\n');
}
END_TEST

Suite *forge_test_store_db(void)
{
    Suite *s = suite_create("store_db");
    TCase *tc = tcase_create("connections");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, forge_test_pg_start, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, same_database);
    tcase_add_test(tc, same_database_by_default);
    tcase_add_test(tc, same_database_of_lists);
    tcase_add_test(tc, same_database_of_environment);
    tcase_add_test(tc, conninfo_without_its_password);
    tcase_add_test(tc, settings_are_made);
    tcase_add_test(tc, survives_a_killed_back_end);
    tcase_add_test(tc, killed_while_in_use);
    tcase_add_test(tc, statement_timeout);
    tcase_add_test(tc, a_server_that_hangs);
    tcase_add_test(tc, a_server_that_does_not_read);
    tcase_add_test(tc, stopped_at_the_first_word);
    tcase_add_test(tc, outdated_schema_recovers);
    tcase_add_test(tc, role_without_rights);
    tcase_add_test(tc, activity_is_seen);
    tcase_add_test(tc, activity_of_what_writes);
    tcase_add_test(tc, detach_rolls_back);
    tcase_add_test(tc, leaving_says_nothing);
    tcase_add_test(tc, timeout_is_that_of_each_use);
    tcase_add_test(tc, patience_is_for_one_use);
    tcase_add_test(tc, a_ping_asks_who_answers);
    tcase_add_test(tc, an_answer_of_a_read_only_server_is_none);
    tcase_add_test(tc, a_refused_write_drops_the_connection);
    tcase_add_test(tc, connect_says_why);
    suite_add_tcase(s, tc);
    return s;
}
