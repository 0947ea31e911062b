/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/effects.c: what is told to the world is what was committed, once, and nothing that was undone.
 */
#include "pg.h"
#include "store/store.h"
#include "unit.h"

#include <apr_strings.h>

static forge_db_t *db;

static void setup(void)
{
    forge_test_begin();
    db = forge_test_pg_attach(forge_test_pool,
                              forge_test_pg_connect(forge_test_pool, forge_test_pg_database(forge_test_pool, "store_effects", true)));
    forge_test_pg_do(db, forge_test_pool, "CREATE TABLE kept (a int CONSTRAINT kept_key UNIQUE DEFERRABLE INITIALLY DEFERRED)");
}

/* A statement with both columns, as those of the aggregates have them. */
static forge_status_t act(const char *audit, const char *revoked)
{
    static const forge_stmt_t stmt = {"test_act", "SELECT $1::text AS _audit, $2::text AS _revoked"};
    return forge_store_run(db, forge_test_pool, &stmt, FORGE_ARGS(audit, revoked), NULL);
}

static const char *joined(const apr_array_header_t *notes)
{
    return apr_array_pstrcat(forge_test_pool, notes, ' ');
}

/* Everything noted so far: "audit|revoked". */
static const char *taken(void)
{
    forge_effects_t effects = forge_store_effects_take(db, forge_test_pool);
    return apr_pstrcat(forge_test_pool, joined(effects.audit), "|", joined(effects.revoked), NULL);
}

START_TEST(are_collected_in_order_and_given_once)
{
    ck_assert_str_eq(taken(), "|");
    ck_assert_int_eq(act("[1]", "s1"), FORGE_OK);
    ck_assert_int_eq(act("[2]", NULL), FORGE_OK);
    ck_assert_int_eq(act("", "u3:4"), FORGE_OK);
    ck_assert_str_eq(taken(), "[1] [2]|s1 u3:4");
    ck_assert_str_eq(taken(), "|");
}
END_TEST

START_TEST(outlive_the_result)
{
    static const forge_stmt_t stmt = {"test_short", "SELECT 's' || $1::text AS _revoked"};
    apr_pool_t *brief;
    apr_pool_create(&brief, forge_test_pool);
    ck_assert_int_eq(forge_store_run(db, brief, &stmt, FORGE_ARGS("77"), NULL), FORGE_OK);
    apr_pool_destroy(brief);
    ck_assert_str_eq(taken(), "|s77");
}
END_TEST

START_TEST(no_rows_no_effects)
{
    static const forge_stmt_t stmt = {"test_none", "SELECT 's1' AS _revoked WHERE false"};
    ck_assert_int_eq(forge_store_run(db, forge_test_pool, &stmt, FORGE_NO_ARGS, NULL), FORGE_OK);
    ck_assert_str_eq(taken(), "|");
}
END_TEST

START_TEST(a_commit_keeps_them)
{
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    act("[1]", "s1");
    ck_assert_int_eq(forge_store_commit(db, forge_test_pool), FORGE_OK);
    ck_assert_str_eq(taken(), "[1]|s1");
}
END_TEST

START_TEST(a_rollback_drops_its_own_only)
{
    act("[0]", "s0");
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    act("[1]", "s1");
    forge_store_rollback(db);
    ck_assert_str_eq(taken(), "[0]|s0");
}
END_TEST

START_TEST(a_savepoint_drops_its_own_only)
{
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    act("[1]", "s1");
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    act("[2]", "s2");
    forge_store_rollback(db);
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    act("[3]", "s3");
    ck_assert_int_eq(forge_store_commit(db, forge_test_pool), FORGE_OK);
    ck_assert_int_eq(forge_store_commit(db, forge_test_pool), FORGE_OK);
    ck_assert_str_eq(taken(), "[1] [3]|s1 s3");
}
END_TEST

START_TEST(an_outer_rollback_drops_what_inner_levels_kept)
{
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    act("[1]", "s1");
    ck_assert_int_eq(forge_store_commit(db, forge_test_pool), FORGE_OK);
    forge_store_rollback(db);
    ck_assert_str_eq(taken(), "|");
}
END_TEST

/* The statement went well, the COMMIT does not: a deferred constraint. */
START_TEST(a_refused_commit_drops_them)
{
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    static const forge_stmt_t twice = {"test_twice", "INSERT INTO kept VALUES (1), (1) RETURNING 's1' AS _revoked"};
    ck_assert_int_eq(forge_store_run(db, forge_test_pool, &twice, FORGE_NO_ARGS, NULL), FORGE_OK);
    ck_assert_int_eq(forge_store_commit(db, forge_test_pool), FORGE_E_CONFLICT);
    ck_assert_str_eq(taken(), "|");
}
END_TEST

START_TEST(detaching_in_the_middle_drops_them)
{
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    act("[1]", "s1");
    forge_store_db_detach(db);
    ck_assert_str_eq(taken(), "|");
}
END_TEST

Suite *forge_test_store_effects(void)
{
    Suite *suite = suite_create("store_effects");
    TCase *tc = tcase_create("all");
    tcase_add_unchecked_fixture(tc, forge_test_pg_start, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, are_collected_in_order_and_given_once);
    tcase_add_test(tc, outlive_the_result);
    tcase_add_test(tc, no_rows_no_effects);
    tcase_add_test(tc, a_commit_keeps_them);
    tcase_add_test(tc, a_rollback_drops_its_own_only);
    tcase_add_test(tc, a_savepoint_drops_its_own_only);
    tcase_add_test(tc, an_outer_rollback_drops_what_inner_levels_kept);
    tcase_add_test(tc, a_refused_commit_drops_them);
    tcase_add_test(tc, detaching_in_the_middle_drops_them);
    suite_add_tcase(suite, tc);
    return suite;
}
