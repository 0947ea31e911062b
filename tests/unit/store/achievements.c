/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/achievements.c.
 */
#include "schema.h"
#include "store/learning/learning.h"

static forge_rows_t *rows;

static void begin(void)
{
    schema_begin("store_achievements");
}

/* Who made them all, another instructor, and an administrator. */
enum { MAKER = 1, OTHER, ROOT };

static void setup(void)
{
    schema_setup();
    sql("INSERT INTO forge.users (email, username, role, password_hash)"
        " SELECT n || '@example.org', n, r, '" FORGE_TEST_HASH "' FROM (VALUES ('maker', 'instructor'),"
        " ('other', 'instructor'), ('root', 'admin')) v(n, r)");
}

static const forge_actor_t *by(int id)
{
    static forge_actor_t actor;
    actor = (forge_actor_t){.id = id, .admin = id == ROOT};
    return &actor;
}

static const char *column(const char *name)
{
    return forge_store_rows_text(rows, 0, name);
}

static forge_status_t create(const char *name, const char *points)
{
    const forge_achievement_in_t in = {.name = name, .points = points};
    return forge_store_achievement_create(db, forge_test_pool, by(MAKER), &in, &rows);
}

static forge_status_t update(apr_int64_t id, const char *members, const char *if_version)
{
    return forge_store_achievement_update(db, forge_test_pool, by(MAKER), id,
                                          &(forge_patch_t){.members = members, .if_version = if_version}, &rows);
}

START_TEST(created_and_read)
{
    const forge_achievement_in_t in = {"Rocket", "Fly.", "250", "🚀🇺🇳", NULL};
    ck_assert_int_eq(forge_store_achievement_create(db, forge_test_pool, by(MAKER), &in, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_achievement_get(db, forge_test_pool, 1, &rows), FORGE_OK);
    ck_assert_str_eq(column("name"), "Rocket");
    ck_assert_str_eq(column("points"), "250");
    ck_assert_str_eq(column("icon"), "🚀🇺🇳");
    ck_assert_str_eq(column("version"), "1");
    ck_assert_int_eq(create("Plain", NULL), FORGE_OK);
    ck_assert_str_eq(column("points"), "0");
    ck_assert_str_eq(column("description"), "");
    ck_assert_ptr_null(column("icon"));
    ck_assert_int_eq(forge_store_achievement_get(db, forge_test_pool, APR_INT64_MAX, &rows), FORGE_E_NOT_FOUND);
}
END_TEST

START_TEST(names_are_unique)
{
    ck_assert_int_eq(create("One", NULL), FORGE_OK);
    ck_assert_int_eq(create("One", NULL), FORGE_E_NAME_TAKEN);
    ck_assert_int_eq(create("Two", NULL), FORGE_OK);
    apr_int64_t two = forge_store_rows_int(rows, 0, "id", 0);
    ck_assert_int_eq(update(two, "{\"name\":\"One\"}", NULL), FORGE_E_NAME_TAKEN);
}
END_TEST

START_TEST(bounds)
{
    ck_assert_int_eq(create("A", "-1"), FORGE_E_VALIDATION);
    ck_assert_str_eq(forge_store_constraint(db), "achievements_points_range");
    ck_assert_int_eq(create("A", "2147483648"), FORGE_E_VALIDATION);
    ck_assert_int_eq(create("A", "many"), FORGE_E_VALIDATION);
    ck_assert_int_eq(create("", NULL), FORGE_E_VALIDATION);
    const forge_achievement_in_t icon = {"A", NULL, NULL, apr_psprintf(forge_test_pool, "%065d", 0), NULL};
    ck_assert_int_eq(forge_store_achievement_create(db, forge_test_pool, by(MAKER), &icon, &rows), FORGE_E_VALIDATION);
    ck_assert_str_eq(forge_store_constraint(db), "achievements_icon_form");
}
END_TEST

START_TEST(replaced)
{
    ck_assert_int_eq(create("Old", "5"), FORGE_OK);
    const char *in = "{\"name\":\"New\",\"description\":null,\"points\":null,\"icon\":\"★\"}";
    ck_assert_int_eq(update(1, in, "{1}"), FORGE_OK);
    ck_assert_str_eq(column("name"), "New");
    ck_assert_str_eq(column("points"), "0");
    ck_assert_str_eq(column("version"), "2");
    ck_assert_int_eq(update(1, in, "{1}"), FORGE_E_PRECONDITION_FAILED);
    ck_assert_int_eq(update(1, in, "{}"), FORGE_E_PRECONDITION_FAILED);
    ck_assert_int_eq(update(1, in, "{9,2}"), FORGE_OK);
    ck_assert_int_eq(update(2, in, NULL), FORGE_E_NOT_FOUND);
}
END_TEST

START_TEST(deleted)
{
    ck_assert_int_eq(create("A", NULL), FORGE_OK);
    ck_assert_int_eq(forge_store_achievement_delete(db, forge_test_pool, by(MAKER), 1, "{2}"),
                     FORGE_E_PRECONDITION_FAILED);
    ck_assert_int_eq(forge_store_achievement_delete(db, forge_test_pool, by(MAKER), 1, "{1}"), FORGE_OK);
    ck_assert_int_eq(forge_store_achievement_delete(db, forge_test_pool, by(MAKER), 1, NULL), FORGE_E_NOT_FOUND);
}
END_TEST

START_TEST(changed_by_the_maker_or_an_administrator)
{
    const forge_patch_t patch = {.members = "{\"name\":\"B\",\"created_by\":2}"};
    ck_assert_int_eq(create("A", NULL), FORGE_OK);
    ck_assert_int_eq(forge_store_achievement_update(db, forge_test_pool, by(OTHER), 1, &patch, &rows),
                     FORGE_E_NOT_OWNER);
    ck_assert_int_eq(forge_store_achievement_delete(db, forge_test_pool, by(OTHER), 1, NULL), FORGE_E_NOT_OWNER);
    ck_assert_int_eq(forge_store_achievement_delete(db, forge_test_pool, by(OTHER), 1, "{9}"), FORGE_E_NOT_OWNER);
    ck_assert_int_eq(forge_store_achievement_update(db, forge_test_pool, by(ROOT), 1, &patch, &rows), FORGE_OK);
    ck_assert_str_eq(ask("SELECT created_by FROM forge.achievements"), "1");
    sql("UPDATE forge.achievements SET created_by = NULL");
    ck_assert_int_eq(forge_store_achievement_update(db, forge_test_pool, by(MAKER), 1, &patch, &rows),
                     FORGE_E_NOT_OWNER);
    ck_assert_int_eq(forge_store_achievement_delete(db, forge_test_pool, by(ROOT), 1, NULL), FORGE_OK);
    const forge_achievement_in_t in = {"Nobody's", NULL, NULL, NULL, NULL};
    ck_assert_int_eq(forge_store_achievement_create(db, forge_test_pool, by(99), &in, &rows), FORGE_E_INVALID_TOKEN);
}
END_TEST

START_TEST(listed)
{
    const char *const none[1] = {NULL};
    apr_int64_t total = 0;
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(create(apr_psprintf(forge_test_pool, "A%d", i), NULL), FORGE_OK);
    forge_list_query_t query = {.values = none, .limit = 2, .count = true};
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &forge_store_achievements_list, &query, &rows, &total),
                     FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 3);
    ck_assert_int_eq(total, 5);
    query.after_id = "2";
    query.limit = 100;
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &forge_store_achievements_list, &query, &rows, &total),
                     FORGE_OK);
    ck_assert_str_eq(column("name"), "A2");
    ck_assert_int_eq(forge_store_rows_count(rows), 3);
}
END_TEST

Suite *forge_test_store_achievements(void)
{
    Suite *s = suite_create("store_achievements");
    TCase *tc = tcase_create("achievements");
    tcase_set_timeout(tc, 30);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, created_and_read);
    tcase_add_test(tc, names_are_unique);
    tcase_add_test(tc, bounds);
    tcase_add_test(tc, replaced);
    tcase_add_test(tc, deleted);
    tcase_add_test(tc, changed_by_the_maker_or_an_administrator);
    tcase_add_test(tc, listed);
    suite_add_tcase(s, tc);
    return s;
}
