/* SPDX-License-Identifier: Apache-2.0
 * What the tests of progress share: two courses, and who learns in them.
 */
#ifndef FORGE_UNIT_STORE_LEARNERS_H
#define FORGE_UNIT_STORE_LEARNERS_H

#include "schema.h"
#include "store/learning/learning.h"
#include "store/operations/operations.h"

static forge_rows_t *rows;

/* The instructor of all courses, two learners, an administrator. */
enum { TEACHER = 1, LEARNER, OTHER, ROOT };

/* Course 1: module 1 with lessons 1 and 2, exercise 1 of 3 points. Course 2: module 2 with lesson 3. Exercise 2 is of
 * no course and gives 10 points. */
__attribute__((unused)) static void learners_setup(void)
{
    schema_setup();
    sql("INSERT INTO forge.users (email, username, role, password_hash)"
        " SELECT n || '@example.org', n, r, '" FORGE_TEST_HASH "' FROM (VALUES ('teacher', 'instructor'),"
        " ('learner', 'student'), ('other', 'student'), ('root', 'admin')) v(n, r);"
        "INSERT INTO forge.courses (title, instructor_id) VALUES ('One', 1), ('Two', 1);"
        "INSERT INTO forge.modules (course_id, title) VALUES (1, 'M'), (2, 'N');"
        "INSERT INTO forge.lessons (course_id, module_id, title) VALUES (1, 1, 'A'), (1, 1, 'B'), (2, 2, 'C');"
        "INSERT INTO forge.exercises (course_id, author_id, title, tests) SELECT c, 1, 'E', jsonb_build_array("
        " jsonb_build_object('name', 't', 'stdin', '', 'expected_stdout', '', 'hidden', false, 'points', p))"
        " FROM (VALUES (1, 3), (NULL, 10)) v(c, p)");
}

__attribute__((unused)) static const forge_actor_t *by(int id)
{
    static forge_actor_t actors[ROOT + 1];
    actors[id] = (forge_actor_t){.id = id, .admin = id == ROOT, .ip = "127.0.0.1", .request_id = "r1"};
    return &actors[id];
}

__attribute__((unused)) static const char *column(const char *name)
{
    return forge_store_rows_text(rows, 0, name);
}

__attribute__((unused)) static forge_status_t put_on(forge_db_t *on, int who, forge_progress_in_t in)
{
    return forge_store_progress_put(on, forge_test_pool, by(who), &in, &rows);
}
#define PUT(who, ...)  put_on(db, who, (forge_progress_in_t){__VA_ARGS__})
#define MUST(who, ...) ck_assert_int_eq(PUT(who, __VA_ARGS__), FORGE_OK)
#define DONE           .status = "completed"

__attribute__((unused)) static forge_status_t submit(int who, int exercise, int score)
{
    const forge_judged_t judged = {
        .code = "print(1)", .passed = score == 100, .score = score, .results = "[]", .version = 1};
    return forge_store_submission_judged(db, forge_test_pool, by(who), exercise, &judged, &rows);
}

#endif
