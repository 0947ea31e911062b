/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/learning/bundle.c: pieces of a course in the order of its document, and the mark that says whether
 * they are of one course as it was at one time.
 */
#include "schema.h"
#include "store/learning/learning.h"

static forge_rows_t *rows;
static const forge_actor_t teacher = {.id = 1, .ip = "127.0.0.1", .request_id = "r1"};

static void begin(void)
{
    schema_begin("store_bundle");
}

/* Course 1 of account 1: 2 modules with 20 lessons each, 5 exercises, 1 assignment. Course 2 is account 2's. */
static void setup(void)
{
    schema_setup();
    sql("INSERT INTO forge.users (email, username, password_hash) SELECT n || '@example.org', 'user_' || n, "
        "'" FORGE_TEST_HASH "' FROM generate_series(1, 2) n;"
        "INSERT INTO forge.courses (title, instructor_id) VALUES ('C', 1), ('D', 2);"
        "INSERT INTO forge.modules (course_id, title) VALUES (1, 'M'), (1, 'N'), (2, 'O');"
        "INSERT INTO forge.lessons (course_id, module_id, title) SELECT 1, m, 'L' FROM generate_series(1, 2) m,"
        " generate_series(1, 20);"
        "INSERT INTO forge.exercises (course_id, author_id, title) SELECT 1, 1, 'E' FROM generate_series(1, 5);"
        "INSERT INTO forge.assignments (course_id, title) VALUES (1, 'A')");
}

static forge_bundle_at_t place_of(int i)
{
    return (forge_bundle_at_t){forge_store_rows_int(rows, i, "section", 0), forge_store_rows_int(rows, i, "a", 0),
                               forge_store_rows_int(rows, i, "b", 0)};
}

static bool before(forge_bundle_at_t x, forge_bundle_at_t y)
{
    return x.section != y.section ? x.section < y.section : x.a != y.a ? x.a < y.a : x.b < y.b;
}

static const char *mark(void)
{
    const forge_bundle_at_t start = {-1, 0, 0};
    ck_assert_int_eq(forge_store_bundle_read(db, forge_test_pool, &teacher, 1, &start, &rows), FORGE_OK);
    return forge_store_rows_text(rows, 0, "mark");
}

START_TEST(pieces_go_on_where_the_last_one_ended)
{
    forge_bundle_at_t at = {-1, 0, 0};
    int seen = 0, pieces = 0;
    for (bool more = true; more; pieces++) {
        ck_assert_int_eq(forge_store_bundle_read(db, forge_test_pool, &teacher, 1, &at, &rows), FORGE_OK);
        const int n = forge_store_rows_count(rows);
        more = forge_store_rows_int(rows, 0, "remaining", 0) > n;
        for (int i = 0; i < n; i++, seen++) {
            ck_assert(before(at, place_of(i)));
            at = place_of(i);
        }
    }
    ck_assert_int_eq(seen, 1 + 2 + 40 + 5 + 1);
    ck_assert_int_gt(pieces, 1);
    ck_assert_int_eq(at.section, 3);
}
END_TEST

/* Whatever changes in between, the next piece says so; other courses and learners change nothing. */
START_TEST(a_change_shows_in_the_mark)
{
    static const char *const changes[] = {
        "UPDATE forge.courses SET title = 'X' WHERE id = 1",
        "UPDATE forge.modules SET title = 'X' WHERE id = 2",
        "UPDATE forge.lessons SET content = 'X' WHERE id = 40",
        "UPDATE forge.lessons SET position = 1 WHERE id = 20",
        "INSERT INTO forge.lessons (course_id, module_id, title) VALUES (1, 2, 'L')",
        "DELETE FROM forge.lessons WHERE id = 40",
        "UPDATE forge.exercises SET solution = 'X' WHERE id = 5",
        "DELETE FROM forge.assignments WHERE id = 1",
    };
    const char *was = mark();
    sql("UPDATE forge.courses SET title = 'X' WHERE id = 2; UPDATE forge.modules SET title = 'X' WHERE id = 3;"
        "INSERT INTO forge.enrollments (course_id, user_id) VALUES (1, 2)");
    ck_assert_str_eq(mark(), was);
    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        sql(changes[i]);
        ck_assert_msg(strcmp(mark(), was) != 0, "%s", changes[i]);
        was = mark();
    }
}
END_TEST

START_TEST(pieces_are_for_owners_each_time)
{
    const forge_bundle_at_t start = {-1, 0, 0}, later = {1, 1, 5};
    const forge_actor_t root = {.id = 2, .admin = true};
    ck_assert_int_eq(forge_store_bundle_read(db, forge_test_pool, &teacher, 2, &start, &rows), FORGE_E_NOT_OWNER);
    ck_assert_int_eq(forge_store_bundle_read(db, forge_test_pool, &teacher, 9, &start, &rows), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(forge_store_bundle_read(db, forge_test_pool, &root, 1, &later, &rows), FORGE_OK);
    sql("UPDATE forge.courses SET instructor_id = 2 WHERE id = 1");
    ck_assert_int_eq(forge_store_bundle_read(db, forge_test_pool, &teacher, 1, &later, &rows), FORGE_E_NOT_OWNER);
}
END_TEST

Suite *forge_test_store_bundle(void)
{
    Suite *s = suite_create("store_bundle");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, pieces_go_on_where_the_last_one_ended);
    tcase_add_test(tc, a_change_shows_in_the_mark);
    tcase_add_test(tc, pieces_are_for_owners_each_time);
    suite_add_tcase(s, tc);
    return s;
}
