/* SPDX-License-Identifier: Apache-2.0
 * PostgreSQL keeps the plans of what is read most: callers of all kinds share a connection, and none of them makes it
 * plan anew for the others.
 */
#include "schema.h"
#include "store/identity/identity.h"
#include "store/identity/users.h"
#include "store/learning/learning.h"
#include "store/organizations/organizations.h"
#include <stdlib.h>

enum { ROUNDS = 60, ORG = 1 };

static forge_rows_t *rows;

static const forge_actor_t anyone = {.id = 0}, member = {.id = 2, .session_id = 2}, admin = {.id = 1, .admin = true};

static void begin(void)
{
    schema_begin("store_plans");
}

/* So many of everything that an index is worth its cost; account 1 is an administrator, account 2 a member of ORG. */
static void setup(void)
{
    schema_setup();
    sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements;"
        "INSERT INTO forge.users (email, email_key, username, role, password_hash)"
        " SELECT 'user' || n || '@example.org', 'user' || n || '@example.org', 'user' || n,"
        " CASE n WHEN 1 THEN 'admin' ELSE 'student' END, '" FORGE_TEST_HASH "' FROM generate_series(1, 600) n;"
        "INSERT INTO forge.sessions (user_id, expires_at) SELECT n % 600 + 1, now() + interval '1 day'"
        " FROM generate_series(0, 2999) n;"
        "INSERT INTO forge.organizations (name, slug) SELECT 'O' || n, 'o' || n FROM generate_series(1, 50) n;"
        "INSERT INTO forge.memberships (organization_id, user_id, role)"
        " SELECT (u + k) % 50 + 1, u, 'owner' FROM generate_series(1, 600) u, generate_series(48, 50) k;"
        "INSERT INTO forge.courses (title, instructor_id, organization_id)"
        " SELECT 'T' || n, n % 600 + 1, CASE WHEN n % 10 = 0 THEN n % 50 + 1 END FROM generate_series(1, 3000) n;"
        "INSERT INTO forge.exercises (author_id, course_id, title) SELECT n % 600 + 1, CASE WHEN n % 3 = 0 THEN n END, "
        "'E'"
        " FROM generate_series(1, 2000) n;"
        "ANALYZE forge.exercises, forge.users, forge.sessions, forge.organizations, forge.memberships, forge.courses");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.memberships WHERE organization_id = 1 AND user_id = 2"), "1");
}

/* --- the reads --- */

static void read_course(const forge_actor_t *by)
{
    ck_assert_int_eq(forge_store_course_get(db, forge_test_pool, by, 1, &rows), FORGE_OK);
}

static void list_courses(const forge_actor_t *by)
{
    const char *const none[FORGE_LIST_FILTERS_MAX] = {NULL};
    const forge_list_t *list = forge_store_courses_seen(by);
    const forge_args_t base = list->base_args ? FORGE_ARGS(forge_util_itoa(forge_test_pool, by->id)) : FORGE_NO_ARGS;
    const forge_list_query_t query = {.base = base, .values = none, .limit = FORGE_PAGE_LIMIT};
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, list, &query, &rows, NULL), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), FORGE_PAGE_LIMIT + 1);
}

static void read_exercise(const forge_actor_t *by)
{
    ck_assert_int_eq(forge_store_exercise_get(db, forge_test_pool, by, 1, &rows), FORGE_OK);
}

static void list_exercises(const forge_actor_t *by)
{
    const char *const none[FORGE_LIST_FILTERS_MAX] = {NULL};
    const forge_list_t *list = forge_store_exercises_seen(by);
    const forge_args_t base = list->base_args ? FORGE_ARGS(forge_util_itoa(forge_test_pool, by->id)) : FORGE_NO_ARGS;
    const forge_list_query_t query = {.base = base, .values = none, .limit = FORGE_PAGE_LIMIT};
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, list, &query, &rows, NULL), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), FORGE_PAGE_LIMIT + 1);
}

static void read_own_account(const forge_actor_t *by)
{
    ck_assert_int_eq(forge_store_user_me(db, forge_test_pool, by, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
}

static void pass_door(const forge_actor_t *by)
{
    const forge_who_t who = {.user_id = by->id, .session_id = by->session_id};
    ck_assert_int_eq(forge_store_visitor(db, forge_test_pool, &who, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
}

static void read_organization(const forge_actor_t *by)
{
    ck_assert_int_eq(forge_store_organization_get(db, forge_test_pool, by, ORG, &rows), FORGE_OK);
}

static void list_members(const forge_actor_t *by)
{
    const char *const none[FORGE_LIST_FILTERS_MAX] = {NULL};
    const forge_list_query_t query = {
        .base = FORGE_ARGS(forge_util_itoa(forge_test_pool, by->id), by->admin ? "t" : "f", "1"),
        .values = none,
        .limit = FORGE_PAGE_LIMIT};
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &forge_store_members_list, &query, &rows, NULL), FORGE_OK);
    ck_assert_int_gt(forge_store_rows_count(rows), 0);
}

/* Callers whose plan costs least come first: PostgreSQL compares what follows with them. */
static void read_all(void)
{
    static const forge_actor_t key = {.id = 2};
    const forge_actor_t *const kinds[] = {&anyone, &admin, &member};
    for (int i = 0; i < ROUNDS; i++)
        for (size_t k = 0; k < 3; k++) {
            read_course(kinds[k]);
            list_courses(kinds[k]);
            read_exercise(kinds[k]);
            list_exercises(kinds[k]);
        }
    for (int i = 0; i < ROUNDS; i++) {
        read_organization(&admin);
        list_members(&admin);
        read_own_account(&key);
        pass_door(&key);
    }
    for (int i = 0; i < ROUNDS; i++) {
        read_organization(&member);
        list_members(&member);
        read_own_account(&member);
        pass_door(&member);
    }
}

START_TEST(plans_are_kept)
{
    sql("SELECT pg_stat_statements_reset()");
    read_all();
    ck_assert_int_ge(atoi(ask("SELECT count(*) FROM pg_stat_statements WHERE calls >= 60")), 18);
    /* five that PostgreSQL tries, and the one that it keeps */
    const char *again = ask("SELECT string_agg(plans || ' plans in ' || calls || ' calls: ' || query, E'\\n')"
                            " FROM pg_stat_statements WHERE calls >= 60 AND plans > 6");
    ck_assert_msg(!again, "planned again and again:\n%s", again);
}
END_TEST

/* --- what the kept plans cost --- */

static double cost(const char *statement)
{
    const forge_stmt_t explain = {"", apr_pstrcat(forge_test_pool, "EXPLAIN (FORMAT JSON) ", statement, NULL)};
    ck_assert_int_eq(forge_store_run(db, forge_test_pool, &explain, FORGE_NO_ARGS, &rows), FORGE_OK);
    const char *total = strstr(forge_store_rows_text(rows, 0, "QUERY PLAN"), "\"Total Cost\": ");
    ck_assert_ptr_nonnull(total);
    return strtod(total + strlen("\"Total Cost\": "), NULL);
}

/* An account's read looks up its organisations besides, and only for a course of one. */
START_TEST(one_course_costs_what_its_key_costs)
{
    read_all();
    forge_test_pg_do(db, forge_test_pool, "SET plan_cache_mode = force_generic_plan");
    double plain = cost("SELECT * FROM forge.courses WHERE id = 1");
    double memberships = cost("SELECT organization_id FROM forge.memberships WHERE user_id = 2");
    ck_assert_double_le(cost("EXECUTE course_get_open (1)"), 1.3 * plain);
    ck_assert_double_le(cost("EXECUTE course_get_all (1)"), 1.3 * plain);
    ck_assert_double_le(cost("EXECUTE course_get (1, 2)"), 1.3 * (plain + memberships));
}
END_TEST

/* The history of one account among many: what it reads does not grow with what others have submitted. */
START_TEST(own_submissions_cost_what_their_key_costs)
{
    const char *const none[FORGE_LIST_FILTERS_MAX] = {NULL};
    const forge_list_query_t query = {
        .base = FORGE_ARGS("1", "2"), .values = none, .limit = FORGE_PAGE_LIMIT, .count = true};
    apr_int64_t total;
    bool every = true;
    sql("INSERT INTO forge.exercise_submissions (exercise_id, user_id, code)"
        " SELECT 1, CASE WHEN n % 1000 = 0 THEN 2 ELSE n % 500 + 3 END, repeat('x', 500)"
        " FROM generate_series(1, 5000) n; ANALYZE forge.exercise_submissions;"
        "UPDATE forge.exercises SET course_id = NULL, author_id = 600, published = true WHERE id = 1;"
        "SELECT pg_stat_statements_reset()");
    for (int i = 0; i < ROUNDS; i++) {
        ck_assert_int_eq(forge_store_exercise_submissions_whose(db, forge_test_pool, &member, 1, &every), FORGE_OK);
        ck_assert(!every);
        ck_assert_int_eq(
            forge_store_list(db, forge_test_pool, &forge_store_exercise_submissions_own, &query, &rows, &total),
            FORGE_OK);
        ck_assert_int_eq(forge_store_rows_count(rows), 5);
        ck_assert_int_eq(total, 5);
    }
    const char *most = ask("SELECT max((shared_blks_hit + shared_blks_read) / calls) FROM pg_stat_statements"
                           " WHERE calls >= 60 AND query LIKE '%forge.exercise_submissions s%'");
    ck_assert_ptr_nonnull(most);
    ck_assert_int_le(atoi(most), 20); /* blocks of one call; the table has some hundreds */
    ck_assert_int_gt(atoi(ask("SELECT pg_relation_size('forge.exercise_submissions') / 8192")), 300);
}
END_TEST

Suite *forge_test_store_plans(void)
{
    Suite *s = suite_create("store_plans");
    TCase *tc = tcase_create("plans");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, plans_are_kept);
    tcase_add_test(tc, one_course_costs_what_its_key_costs);
    tcase_add_test(tc, own_submissions_cost_what_their_key_costs);
    suite_add_tcase(s, tc);
    return s;
}
