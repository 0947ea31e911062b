/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/tx.c: what commits, what does not, and what is left behind.
 */
#include "pg.h"
#include "store/store.h"
#include "unit.h"

static PGconn *conn;
static forge_db_t *db;

static void setup(void)
{
    forge_test_begin();
    conn = forge_test_pg_connect(forge_test_pool, forge_test_pg_database(forge_test_pool, "store_tx", true));
    db = forge_test_pg_attach(forge_test_pool, conn);
    forge_test_pg_do(db, forge_test_pool,
                     "CREATE TABLE kept (a int CONSTRAINT kept_key UNIQUE);"
                     "CREATE TABLE late (a int CONSTRAINT late_kept REFERENCES kept (a) DEFERRABLE INITIALLY DEFERRED);"
                     "CREATE SEQUENCE tries");
}

static forge_status_t put(forge_db_t *d, apr_pool_t *p, const char *a)
{
    static const forge_stmt_t stmt = {"test_put", "INSERT INTO kept VALUES ($1::int)"};
    return forge_store_run(d, p, &stmt, FORGE_ARGS(a), NULL);
}

static const char *kept(void)
{
    return forge_test_pg_ask(db, forge_test_pool, "SELECT coalesce(string_agg(a::text, ',' ORDER BY a), '') FROM kept");
}

/* What one test's transaction does. */
typedef struct job_t {
    const char *first, *second;
    forge_status_t status; /* when everything went well */
    bool swallow;          /* failures are not passed on */
    int runs;
} job_t;

static forge_status_t job_run(forge_db_t *d, apr_pool_t *p, void *baton)
{
    job_t *job = baton;
    job->runs++;
    forge_status_t one = job->first ? put(d, p, job->first) : FORGE_OK, two = job->second ? put(d, p, job->second) : FORGE_OK;
    if (!job->swallow && (one || two))
        return one ? one : two;
    return job->status;
}

static forge_status_t tx(job_t *job)
{
    forge_status_t status = forge_store_tx(db, forge_test_pool, job_run, job);
    ck_assert_int_eq(PQtransactionStatus(conn), PQTRANS_IDLE);
    return status;
}

START_TEST(commits)
{
    ck_assert_int_eq(tx(&(job_t){.first = "1", .second = "2"}), FORGE_OK);
    ck_assert_str_eq(kept(), "1,2");
    ck_assert_int_eq(tx(&(job_t){0}), FORGE_OK); /* nothing to do: nothing is sent */
    ck_assert_str_eq(forge_test_pg_logged(), "");
}
END_TEST

START_TEST(rolls_back)
{
    ck_assert_int_eq(tx(&(job_t){.first = "1", .second = "1"}), FORGE_E_CONFLICT);
    ck_assert_str_eq(forge_store_constraint(db), "kept_key");
    ck_assert_str_eq(kept(), "");
    ck_assert_int_eq(tx(&(job_t){.first = "1", .status = FORGE_E_NOT_OWNER}), FORGE_E_NOT_OWNER);
    ck_assert_int_eq(tx(&(job_t){.status = FORGE_E_GONE}), FORGE_E_GONE);
    ck_assert_int_eq(tx(&(job_t){.first = "1", .status = FORGE_ANSWERED}), FORGE_ANSWERED);
    ck_assert_str_eq(kept(), "");
}
END_TEST

START_TEST(commit_of_a_failed_transaction)
{
    ck_assert_int_eq(tx(&(job_t){.first = "1", .second = "1", .swallow = true}), FORGE_E_CONFLICT);
    ck_assert_str_eq(kept(), "");
    ck_assert_str_eq(forge_test_pg_logged(), "FG0208 ");
}
END_TEST

static forge_status_t owe(forge_db_t *d, apr_pool_t *p, void *baton)
{
    (void)baton;
    FORGE_TRY(put(d, p, "1"));
    return forge_store_script(d, p, "INSERT INTO late VALUES (9)", NULL);
}

START_TEST(commit_that_fails)
{
    ck_assert_int_eq(forge_store_tx(db, forge_test_pool, owe, NULL), FORGE_E_BAD_REFERENCE);
    ck_assert_str_eq(forge_store_constraint(db), "late_kept");
    ck_assert_str_eq(kept(), "");
}
END_TEST

static forge_status_t stumble(forge_db_t *d, apr_pool_t *p, void *baton)
{
    const char *const *sql = baton;
    FORGE_TRY(put(d, p, "1"));
    return forge_store_script(d, p, *sql, NULL);
}

/* Without a transaction of ours the commit is part of the statement: its failure, which comes after the row, is the statement's. */
START_TEST(statement_whose_commit_fails)
{
    static const forge_stmt_t stmt = {"test_late", "INSERT INTO late VALUES (77) RETURNING a"};
    forge_rows_t *rows = NULL;
    ck_assert_int_eq(forge_store_run(db, forge_test_pool, &stmt, FORGE_NO_ARGS, &rows), FORGE_E_BAD_REFERENCE);
    ck_assert_str_eq(forge_store_constraint(db), "late_kept");
    ck_assert_int_eq(PQtransactionStatus(conn), PQTRANS_IDLE);
    ck_assert_int_eq(tx(&(job_t){.first = "1"}), FORGE_OK);
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT count(*) FROM late"), "0");
}
END_TEST

START_TEST(serialisation_failures_run_again)
{
    const char *twice = "DO $$ BEGIN IF nextval('tries') < 3 THEN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END IF; END $$";
    const char *never = "DO $$ BEGIN PERFORM nextval('tries'); RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$";
    ck_assert_int_eq(forge_store_tx(db, forge_test_pool, stumble, &twice), FORGE_OK);
    ck_assert_str_eq(kept(), "1");
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT last_value FROM tries"), "3");
    forge_test_pg_do(db, forge_test_pool, "DELETE FROM kept");
    ck_assert_int_eq(forge_store_tx(db, forge_test_pool, stumble, &never), FORGE_E_DATABASE_DOWN);
    ck_assert_str_eq(kept(), "");
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT last_value FROM tries"), "7");
}
END_TEST

START_TEST(lost_in_the_middle)
{
    const char *die = "SELECT pg_terminate_backend(pg_backend_pid())";
    ck_assert_int_eq(forge_store_tx(db, forge_test_pool, stumble, &die), FORGE_E_DATABASE_DOWN);
    forge_store_db_detach(db);
    PQreset(conn);
    db = forge_test_pg_attach(forge_test_pool, conn);
    ck_assert_str_eq(kept(), "");
}
END_TEST

START_TEST(savepoints)
{
    job_t inner = {.first = "2"}, clash = {.first = "3", .second = "3"};
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    ck_assert_int_eq(put(db, forge_test_pool, "1"), FORGE_OK);
    ck_assert_int_eq(forge_store_tx(db, forge_test_pool, job_run, &inner), FORGE_OK);
    ck_assert_int_eq(forge_store_tx(db, forge_test_pool, job_run, &clash), FORGE_E_CONFLICT);
    clash.swallow = true;
    ck_assert_int_eq(forge_store_tx(db, forge_test_pool, job_run, &clash), FORGE_E_CONFLICT);
    ck_assert_int_eq(PQtransactionStatus(conn), PQTRANS_INTRANS);
    ck_assert_int_eq(put(db, forge_test_pool, "4"), FORGE_OK);
    ck_assert_int_eq(forge_store_commit(db, forge_test_pool), FORGE_OK);
    ck_assert_str_eq(kept(), "1,2,4");
    /* a savepoint before anything else was sent */
    inner.first = "5";
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    ck_assert_int_eq(forge_store_tx(db, forge_test_pool, job_run, &inner), FORGE_OK);
    forge_store_rollback(db);
    forge_store_rollback(db);
    ck_assert_str_eq(kept(), "1,2,4");
}
END_TEST

static forge_status_t leave_open(forge_db_t *d, apr_pool_t *p, void *baton)
{
    (void)baton;
    FORGE_TRY(put(d, p, "1"));
    FORGE_TRY(forge_store_begin(d, p));
    return put(d, p, "2");
}

START_TEST(levels_left_open)
{
    ck_assert_int_eq(forge_store_tx(db, forge_test_pool, leave_open, NULL), FORGE_OK);
    ck_assert_str_eq(kept(), "1");
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_E_INTERNAL);
    forge_store_db_detach(db);
    ck_assert_int_eq(PQtransactionStatus(conn), PQTRANS_IDLE);
    ck_assert_int_eq(PQstatus(conn), CONNECTION_OK);
}
END_TEST

START_TEST(ends_without_a_beginning)
{
    ck_assert_int_ne(forge_store_commit(db, forge_test_pool), FORGE_OK);
    forge_store_rollback(db);
    ck_assert_int_eq(put(db, forge_test_pool, "1"), FORGE_OK);
    ck_assert_str_eq(kept(), "1");
}
END_TEST

START_TEST(rollback_that_cannot_be)
{
    pid_t pid = PQbackendPID(conn);
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    ck_assert_int_eq(put(db, forge_test_pool, "1"), FORGE_OK);
    forge_db_t *other = forge_test_pg_attach(
        forge_test_pool, forge_test_pg_connect(forge_test_pool, forge_test_pg_database(forge_test_pool, "store_tx_2", true)));
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)", (int)pid);
    forge_test_pg_ask(other, forge_test_pool, sql);
    forge_store_db_detach(db);
    ck_assert_int_eq(PQstatus(conn), CONNECTION_BAD);
}
END_TEST

Suite *forge_test_store_tx(void)
{
    Suite *s = suite_create("store_tx");
    TCase *tc = tcase_create("transactions");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, forge_test_pg_start, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, commits);
    tcase_add_test(tc, rolls_back);
    tcase_add_test(tc, commit_of_a_failed_transaction);
    tcase_add_test(tc, commit_that_fails);
    tcase_add_test(tc, statement_whose_commit_fails);
    tcase_add_test(tc, serialisation_failures_run_again);
    tcase_add_test(tc, lost_in_the_middle);
    tcase_add_test(tc, savepoints);
    tcase_add_test(tc, levels_left_open);
    tcase_add_test(tc, ends_without_a_beginning);
    tcase_add_test(tc, rollback_that_cannot_be);
    suite_add_tcase(s, tc);
    return s;
}
