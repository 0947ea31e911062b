/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/engine/run.c and sqlstate.c: statements that are prepared, forgotten and refused, and what they say.
 */
#include "db.h"

static void setup(void)
{
    db_setup("store_run");
}

START_TEST(prepares_once)
{
    ck_assert_int_eq(prepared("test_add"), 0);
    add_works();
    add_works();
    ck_assert_int_eq(prepared("test_add"), 1);
    ck_assert_str_eq(forge_test_pg_logged(), "");
}
END_TEST

START_TEST(learns_again_after_deallocate)
{
    add_works();
    forge_test_pg_do(db, forge_test_pool, "DEALLOCATE ALL");
    add_works();
    forge_test_pg_do(db, forge_test_pool, "DEALLOCATE test_add");
    add_works();
    ck_assert_int_eq(prepared("test_add"), 1);
    /* the other way round: the server knows a name that we do not */
    forge_store_db_detach(db);
    PQclear(PQexec(conn, "DEALLOCATE ALL"));
    db = forge_test_pg_attach(forge_test_pool, conn);
    PQclear(PQprepare(conn, "test_slow", "SELECT 1 WHERE $1::float8 > 0", 0, NULL));
    const forge_args_t args = FORGE_ARGS("0.001");
    ck_assert_int_eq(forge_store_run(db, forge_test_pool, &slow_stmt, args, NULL), FORGE_OK);
    ck_assert_str_eq(forge_test_pg_logged(), "");
}
END_TEST

static forge_status_t add_in_tx(forge_db_t *d, apr_pool_t *p, void *baton)
{
    ++*(int *)baton;
    FORGE_TRY(forge_store_script(d, p, "INSERT INTO kept VALUES (1)", NULL));
    return forge_store_run(d, p, &add_stmt, ONE_TWO, NULL);
}

START_TEST(learns_again_in_a_transaction)
{
    int runs = 0;
    forge_test_pg_do(db, forge_test_pool, "CREATE TABLE kept (a int)");
    add_works();
    forge_test_pg_do(db, forge_test_pool, "DEALLOCATE ALL");
    ck_assert_int_eq(forge_store_tx(db, forge_test_pool, add_in_tx, &runs), FORGE_OK);
    ck_assert_int_eq(runs, 2);
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT count(*) FROM kept"), "1");
    /* and when BEGIN travels with the statement that is unknown */
    forge_test_pg_do(db, forge_test_pool, "DEALLOCATE ALL");
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    add_works();
    ck_assert_int_eq(PQtransactionStatus(conn), PQTRANS_INTRANS);
    ck_assert_int_eq(forge_store_commit(db, forge_test_pool), FORGE_OK);
}
END_TEST

START_TEST(result_type_may_change)
{
    static const forge_stmt_t all = {"test_all", "SELECT * FROM grows"};
    forge_rows_t *rows;
    forge_test_pg_do(db, forge_test_pool, "CREATE TABLE grows (a int); INSERT INTO grows VALUES (1)");
    ck_assert_int_eq(forge_store_run(db, forge_test_pool, &all, FORGE_NO_ARGS, NULL), FORGE_OK);
    forge_test_pg_do(db, forge_test_pool, "ALTER TABLE grows ADD b int DEFAULT 7");
    ck_assert_int_eq(forge_store_run(db, forge_test_pool, &all, FORGE_NO_ARGS, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "b", 0), 7);
    ck_assert_ptr_null(forge_store_rows_text(rows, 0, "c"));
    ck_assert_ptr_null(forge_store_rows_text(rows, 1, "a"));
}
END_TEST

START_TEST(states_have_meanings)
{
    static const struct {
        const char *code;
        forge_status_t status;
    } rows[] = {
        {"23505", FORGE_E_CONFLICT},        {"23503", FORGE_E_BAD_REFERENCE},   {"23514", FORGE_E_VALIDATION},
        {"22P02", FORGE_E_VALIDATION},      {"22003", FORGE_E_VALIDATION},      {"22001", FORGE_E_VALIDATION},
        {"57014", FORGE_E_TIMEOUT},         {"55P03", FORGE_E_TIMEOUT},         {"53300", FORGE_E_DATABASE_DOWN},
        {"08006", FORGE_E_DATABASE_DOWN},   {"57P03", FORGE_E_DATABASE_DOWN},   {"53100", FORGE_E_STORAGE_FULL},
        {"42P01", FORGE_E_SCHEMA_OUTDATED}, {"42703", FORGE_E_SCHEMA_OUTDATED}, {"3F000", FORGE_E_SCHEMA_OUTDATED},
        {"40001", FORGE_E_DATABASE_DOWN},   {"40P01", FORGE_E_DATABASE_DOWN},   {"XX000", FORGE_E_INTERNAL},
        {"P0001", FORGE_E_INTERNAL},        {"22012", FORGE_E_INTERNAL},        {"25006", FORGE_E_DATABASE_DOWN},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *text = apr_psprintf(
            forge_test_pool, "DO $$ BEGIN RAISE EXCEPTION 'made' USING ERRCODE = '%s'; END $$", rows[i].code);
        ck_assert_msg(sql(text) == rows[i].status, "%s", rows[i].code);
    }
}
END_TEST

START_TEST(constraints_have_names)
{
    forge_test_pg_do(db, forge_test_pool,
                     "CREATE TABLE a (id int CONSTRAINT a_key PRIMARY KEY, n int CONSTRAINT a_positive CHECK (n > 0),"
                     " up int CONSTRAINT a_up REFERENCES a); INSERT INTO a VALUES (1, 1)");
    ck_assert_str_eq(forge_store_constraint(db), "");
    ck_assert_int_eq(sql("INSERT INTO a VALUES (1, 1)"), FORGE_E_CONFLICT);
    ck_assert_str_eq(forge_store_constraint(db), "a_key");
    ck_assert_int_eq(sql("INSERT INTO a VALUES (2, 0)"), FORGE_E_VALIDATION);
    ck_assert_str_eq(forge_store_constraint(db), "a_positive");
    ck_assert_int_eq(sql("INSERT INTO a VALUES (2, 1, 9)"), FORGE_E_BAD_REFERENCE);
    ck_assert_str_eq(forge_store_constraint(db), "a_up");
    ck_assert_str_eq(forge_test_pg_logged(), "");
    ck_assert_int_eq(sql("SELECT 1/0"), FORGE_E_INTERNAL);
    ck_assert_str_eq(forge_test_pg_logged(), "FG0206 ");
}
END_TEST

/* The server counts; a wrong number is a fault of ours, and the connection goes on. */
START_TEST(parameters_are_counted)
{
    static const forge_stmt_t unnamed = {"", "SELECT $1::int + $2::int AS sum"},
                              hole = {"test_hole", "SELECT $2::int AS n"};
    const forge_stmt_t *const statements[] = {&add_stmt, &unnamed};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(forge_store_run(db, forge_test_pool, statements[i], FORGE_ARGS("1"), NULL), FORGE_E_INTERNAL);
        ck_assert_int_eq(forge_store_run(db, forge_test_pool, statements[i], FORGE_ARGS("1", "2", "3"), NULL),
                         FORGE_E_INTERNAL);
        ck_assert_int_eq(forge_store_run(db, forge_test_pool, statements[i], FORGE_NO_ARGS, NULL), FORGE_E_INTERNAL);
        ck_assert_int_eq(forge_store_run(db, forge_test_pool, statements[i], ONE_TWO, NULL), FORGE_OK);
    }
    ck_assert_int_eq(forge_store_run(db, forge_test_pool, &hole, ONE_TWO, NULL), FORGE_E_INTERNAL);
    ck_assert_str_eq(forge_test_pg_logged(), "FG0206 FG0206 FG0206 FG0206 FG0206 FG0206 FG0206 ");
}
END_TEST

START_TEST(passing_trouble_is_tried_again)
{
    forge_test_pg_do(
        db, forge_test_pool,
        "CREATE SEQUENCE tries; CREATE FUNCTION twice() RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
        " IF nextval('tries') < 3 THEN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END IF; RETURN 1; END $$;"
        "CREATE FUNCTION never() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('tries');"
        " RAISE EXCEPTION 'again' USING ERRCODE = '40P01'; END $$");
    ck_assert_int_eq(sql("SELECT twice()"), FORGE_OK);
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT last_value FROM tries"), "3");
    ck_assert_int_eq(sql("SELECT never()"), FORGE_E_DATABASE_DOWN);
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT last_value FROM tries"), "7");
}
END_TEST

START_TEST(prepared_statements_have_a_ceiling)
{
    for (int i = 0; i < 800; i++) {
        const forge_stmt_t stmt = {apr_psprintf(forge_test_pool, "test_%d", i), "SELECT 1"};
        ck_assert_int_eq(forge_store_run(db, forge_test_pool, &stmt, FORGE_NO_ARGS, NULL), FORGE_OK);
    }
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT count(*) FROM pg_prepared_statements"), "768");
}
END_TEST

START_TEST(values_go_by_parameter)
{
    static const forge_stmt_t echo = {"test_echo", "SELECT $1::text AS a, $2::text AS b"};
    const forge_args_t args = FORGE_ARGS("'; DROP TABLE x; -- \\ \" \xf0\x9f\x8e\x93", NULL);
    forge_rows_t *rows;
    ck_assert_int_eq(forge_store_run(db, forge_test_pool, &echo, args, &rows), FORGE_OK);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "a"), args.values[0]);
    ck_assert_ptr_null(forge_store_rows_text(rows, 0, "b"));
    const forge_args_t bad = FORGE_ARGS("\xff\xfe", NULL);
    ck_assert_int_eq(forge_store_run(db, forge_test_pool, &echo, bad, NULL), FORGE_E_VALIDATION);
}
END_TEST

START_TEST(copy_is_refused)
{
    const char *why = NULL;
    ck_assert_int_eq(sql("COPY (SELECT 1) TO STDOUT"), FORGE_E_DATABASE_DOWN);
    forge_store_db_detach(db);
    PQreset(conn);
    db = forge_test_pg_attach(forge_test_pool, conn);
    ck_assert_int_eq(forge_store_script(db, forge_test_pool, "SELECT 1; COPY (SELECT 1) TO STDOUT", &why),
                     FORGE_E_DATABASE_DOWN);
    ck_assert_ptr_nonnull(why);
}
END_TEST

Suite *forge_test_store_run(void)
{
    Suite *s = suite_create("store_run");
    TCase *tc = tcase_create("statements");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, forge_test_pg_start, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, prepares_once);
    tcase_add_test(tc, learns_again_after_deallocate);
    tcase_add_test(tc, learns_again_in_a_transaction);
    tcase_add_test(tc, result_type_may_change);
    tcase_add_test(tc, states_have_meanings);
    tcase_add_test(tc, constraints_have_names);
    tcase_add_test(tc, parameters_are_counted);
    tcase_add_test(tc, passing_trouble_is_tried_again);
    tcase_add_test(tc, prepared_statements_have_a_ceiling);
    tcase_add_test(tc, values_go_by_parameter);
    tcase_add_test(tc, copy_is_refused);
    suite_add_tcase(s, tc);
    return s;
}
