/* SPDX-License-Identifier: Apache-2.0
 * Tests of what the schema of learning carries by itself, whoever writes: order, prerequisites, grades, progress and
 * the counts beside them.
 */
#include "schema.h"

static void begin(void)
{
    schema_begin("store_learning");
}

/* Accounts 1 to 3, courses 1 to 4, module 1 with lessons 1 to 3 in course 1, exercise 1 of course 1. */
static void setup(void)
{
    schema_setup();
    sql("INSERT INTO forge.users (email, username, password_hash) SELECT n || '@example.org', 'user_' || n, "
        "'" FORGE_TEST_HASH "' FROM generate_series(1, 3) n;"
        "INSERT INTO forge.courses (title, instructor_id) SELECT 'C', 1 FROM generate_series(1, 4);"
        "INSERT INTO forge.modules (course_id, title) VALUES (1, 'M');"
        "INSERT INTO forge.lessons (course_id, module_id, title) SELECT 1, 1, 'L' FROM generate_series(1, 3);"
        "INSERT INTO forge.exercises (course_id, author_id, title) VALUES (1, 1, 'E')");
}

/* The constraint that a statement of the application breaks; "" when it works. */
static const char *broken(const char *text)
{
    PGconn *conn =
        forge_test_pg_connect(forge_test_pool, apr_pstrcat(forge_test_pool, forge_test_dsn, " user=forge_app", NULL));
    PGresult *result = PQexec(conn, text);
    const char *name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    name = apr_pstrdup(forge_test_pool, name ? name : state ? state : "");
    PQclear(result);
    return name;
}
#define BREAKS(constraint, text) ck_assert_str_eq(broken(text), constraint)
#define WORKS(text)              ck_assert_str_eq(broken(text), "")

/* "1 2 3": lessons of a module in their order; checks that positions have neither gaps nor clashes. */
static const char *lessons(int module)
{
    ck_assert_str_eq(
        ask(apr_psprintf(forge_test_pool,
                         "SELECT coalesce(array_agg(position ORDER BY position) = array_agg(n::integer ORDER BY n),"
                         " true) FROM (SELECT position, row_number() OVER (ORDER BY position, id) AS n "
                         "FROM forge.lessons WHERE module_id = %d) l",
                         module)),
        "true");
    const char *order = ask(apr_psprintf(
        forge_test_pool, "SELECT string_agg(id::text, ' ' ORDER BY position) FROM forge.lessons WHERE module_id = %d",
        module));
    return order ? order : "";
}

START_TEST(rows_have_an_order_without_gaps)
{
    ck_assert_str_eq(lessons(1), "1 2 3");
    WORKS("INSERT INTO forge.lessons (course_id, module_id, title, position) VALUES (1, 1, 'L', 1)");
    ck_assert_str_eq(lessons(1), "4 1 2 3");
    WORKS("INSERT INTO forge.lessons (course_id, module_id, title, position) VALUES (1, 1, 'L', 99)");
    ck_assert_str_eq(lessons(1), "4 1 2 3 5");
    WORKS("UPDATE forge.lessons SET position = 4 WHERE id = 4");
    ck_assert_str_eq(lessons(1), "1 2 3 4 5");
    WORKS("UPDATE forge.lessons SET position = -7 WHERE id = 3");
    ck_assert_str_eq(lessons(1), "3 1 2 4 5");
    WORKS("UPDATE forge.lessons SET position = NULL WHERE id = 3");
    ck_assert_str_eq(lessons(1), "1 2 4 5 3");
    WORKS("UPDATE forge.lessons SET position = 3, title = 'same' WHERE id = 4");
    ck_assert_str_eq(lessons(1), "1 2 4 5 3");
    WORKS("DELETE FROM forge.lessons WHERE id IN (1, 4)");
    ck_assert_str_eq(lessons(1), "2 5 3");
    WORKS("INSERT INTO forge.lessons (course_id, module_id, title, position) SELECT 1, 1, 'L', 2 FROM "
          "generate_series(1, 3)");
    ck_assert_str_eq(lessons(1), "2 8 7 6 5 3");
}
END_TEST

START_TEST(a_lesson_moves_between_modules_of_its_course)
{
    WORKS("INSERT INTO forge.modules (course_id, title) VALUES (1, 'N'), (2, 'other')");
    WORKS("UPDATE forge.lessons SET module_id = 2 WHERE id = 2");
    ck_assert_str_eq(lessons(1), "1 3");
    ck_assert_str_eq(lessons(2), "2");
    WORKS("UPDATE forge.lessons SET module_id = 2, position = 1 WHERE id = 3");
    ck_assert_str_eq(lessons(1), "1");
    ck_assert_str_eq(lessons(2), "3 2");
    BREAKS("lessons_module_of_course", "UPDATE forge.lessons SET module_id = 3 WHERE id = 3");
    BREAKS("lessons_course_fixed", "UPDATE forge.lessons SET module_id = 3, course_id = 2 WHERE id = 3");
    BREAKS("modules_course_fixed", "UPDATE forge.modules SET course_id = 2 WHERE id = 1");
    BREAKS("exercises_course_fixed", "UPDATE forge.exercises SET course_id = NULL");
    WORKS("DELETE FROM forge.modules WHERE id = 1");
    ck_assert_str_eq(lessons(1), "");
    ck_assert_str_eq(ask("SELECT string_agg(id || ':' || position, ' ' ORDER BY id) FROM forge.modules"), "2:1 3:1");
    WORKS("DELETE FROM forge.courses WHERE id = 1");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.lessons"), "0");
}
END_TEST

/* One of many writers: inserts in front, moves and deletes. */
static forge_status_t writer(int i)
{
    char text[400];
    forge_db_t *mine = schema_attach();
    for (int n = 0; n < 5; n++) {
        snprintf(text, sizeof(text),
                 "BEGIN; SELECT FROM forge.modules WHERE id = 1 FOR NO KEY UPDATE;"
                 "INSERT INTO forge.lessons (course_id, module_id, title, position) VALUES (1, 1, 'L', %d);"
                 "UPDATE forge.lessons SET position = %d WHERE id = (SELECT max(id) FROM forge.lessons); COMMIT",
                 1 + i % 3, 1 + n);
        forge_test_pg_do(mine, forge_test_pool, text);
        snprintf(text, sizeof(text),
                 "BEGIN; SELECT FROM forge.modules WHERE id = 1 FOR NO KEY UPDATE;"
                 "DELETE FROM forge.lessons WHERE id = (SELECT id FROM forge.lessons ORDER BY md5(id || '%d') LIMIT 1);"
                 "COMMIT",
                 i);
        if (n % 2)
            forge_test_pg_do(mine, forge_test_pool, text);
    }
    return FORGE_OK;
}

START_TEST(the_order_holds_under_parallel_writers)
{
    ck_assert_int_eq(at_once(8, writer, FORGE_OK), 8);
    lessons(1);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.lessons"), "27"); /* 3 + 8 × (5 − 2) */
}
END_TEST

START_TEST(prerequisites_form_no_circle)
{
    WORKS("INSERT INTO forge.prerequisites VALUES (1, 2), (2, 3)");
    BREAKS("prerequisites_acyclic", "INSERT INTO forge.prerequisites VALUES (1, 1)");
    BREAKS("prerequisites_acyclic", "INSERT INTO forge.prerequisites VALUES (3, 1)");
    BREAKS("prerequisites_acyclic", "INSERT INTO forge.prerequisites VALUES (3, 4), (4, 1)");
    WORKS("INSERT INTO forge.prerequisites VALUES (1, 3), (4, 1)");
    BREAKS("25000", "BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO forge.prerequisites VALUES (4, 2)");
}
END_TEST

/* Each of four closes a quarter of a circle. */
static forge_status_t quarter(int i)
{
    static const char *const edges[] = {"(1, 2)", "(2, 3)", "(3, 4)", "(4, 1)"};
    return strcmp(broken(apr_pstrcat(forge_test_pool, "INSERT INTO forge.prerequisites VALUES ", edges[i], NULL)),
                  "prerequisites_acyclic") == 0
               ? FORGE_E_CONFLICT
               : FORGE_OK;
}

START_TEST(one_of_parallel_writers_does_not_close_the_circle)
{
    for (int round = 0; round < 5; round++) {
        sql("DELETE FROM forge.prerequisites");
        ck_assert_int_eq(at_once(4, quarter, FORGE_E_CONFLICT), 1);
        ck_assert_str_eq(ask("SELECT count(*) FROM forge.prerequisites"), "3");
    }
}
END_TEST

START_TEST(grades_stay_within_the_points)
{
    WORKS("INSERT INTO forge.assignments (course_id, title, max_points) VALUES (1, 'A', 10)");
    WORKS("INSERT INTO forge.assignment_submissions (assignment_id, user_id, content) VALUES (1, 2, 'x')");
    BREAKS("grades_points_range", "INSERT INTO forge.grades (submission_id, points) VALUES (1, 11)");
    BREAKS("grades_points_range", "INSERT INTO forge.grades (submission_id, points) VALUES (1, -1)");
    WORKS("INSERT INTO forge.grades (submission_id, points, graded_by) VALUES (1, 9, 1)");
    BREAKS("grades_pkey", "INSERT INTO forge.grades (submission_id, points) VALUES (1, 1)");
    BREAKS("grades_points_range", "UPDATE forge.grades SET points = 11");
    BREAKS("assignments_max_points_given", "UPDATE forge.assignments SET max_points = 8");
    WORKS("UPDATE forge.assignments SET max_points = 9");
    BREAKS("42501", "UPDATE forge.assignment_submissions SET content = 'y'");
    BREAKS("assignment_submissions_content_length",
           "INSERT INTO forge.assignment_submissions (assignment_id, user_id, content) VALUES (1, 2, '')");
}
END_TEST

#define TEST "{\"name\":\"a\",\"stdin\":\"\",\"expected_stdout\":\"1\",\"hidden\":true,\"points\":5}"

START_TEST(tests_and_limits_have_their_form)
{
    static const char *const bad[] = {
        "{}",
        "[1]",
        "[{}]",
        "[{\"name\":\"a\"}]",
        "[" TEST "," TEST "]", /* a name twice */
        "[{\"name\":\"\",\"stdin\":\"\",\"expected_stdout\":\"\",\"hidden\":false,\"points\":1}]",
        "[{\"name\":\"a\",\"stdin\":\"\",\"expected_stdout\":\"\",\"hidden\":\"no\",\"points\":1}]",
        "[{\"name\":\"a\",\"stdin\":\"\",\"expected_stdout\":\"\",\"hidden\":false,\"points\":-1}]",
        "[{\"name\":\"a\",\"stdin\":\"\",\"expected_stdout\":\"\",\"hidden\":false,\"points\":1.5}]",
        "[{\"name\":\"a\",\"stdin\":null,\"expected_stdout\":\"\",\"hidden\":false,\"points\":1}]",
        "[{\"name\":\"a\",\"stdin\":\"\",\"expected_stdout\":\"\",\"hidden\":false,\"points\":1,\"more\":1}]"};
    static const char *const odd[] = {"[]", "{\"wall_ms\":0}", "{\"wall_ms\":\"1\"}", "{\"cores\":1}",
                                      "{\"cpu_ms\":1.5}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        BREAKS("exercises_tests_form",
               apr_pstrcat(forge_test_pool, "UPDATE forge.exercises SET tests = '", bad[i], "'", NULL));
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
        BREAKS("exercises_limits_form",
               apr_pstrcat(forge_test_pool, "UPDATE forge.exercises SET limits = '", odd[i], "'", NULL));
    WORKS("UPDATE forge.exercises SET tests = '[" TEST "]', limits = '{\"wall_ms\":1000,\"processes\":1}'");
    BREAKS("exercises_tests_form", "UPDATE forge.exercises SET tests = (SELECT jsonb_agg(tests -> 0 || "
                                   "jsonb_build_object('name', 'n' || n)) FROM generate_series(1, 101) n)");
    BREAKS("exercises_language_form", "UPDATE forge.exercises SET language = 'Python'");
}
END_TEST

#define PROGRESS "INSERT INTO forge.progress (user_id, lesson_id, exercise_id, status, score) VALUES "

START_TEST(progress_never_falls_back)
{
    WORKS(PROGRESS "(2, 1, NULL, 'completed', 80)");
    ck_assert_str_eq(ask("SELECT course_id || ' ' || (completed_at IS NOT NULL) FROM forge.progress"), "1 true");
    WORKS("UPDATE forge.progress SET status = 'not_started', score = 70, completed_at = NULL, course_id = 3");
    WORKS("UPDATE forge.progress SET score = NULL");
    ck_assert_str_eq(ask("SELECT course_id || ' ' || status || ' ' || score || ' ' || (completed_at IS NOT NULL)"
                         " FROM forge.progress"),
                     "1 completed 80 true");
    WORKS("UPDATE forge.progress SET score = 90");
    ck_assert_str_eq(ask("SELECT score || ' ' || version FROM forge.progress"), "90 4");
    BREAKS("progress_lesson", PROGRESS "(2, 1, NULL, 'completed', 80)");
    BREAKS("progress_of_one", PROGRESS "(2, 1, 1, 'completed', 80)");
    BREAKS("progress_of_one", PROGRESS "(2, NULL, NULL, 'completed', 80)");
    BREAKS("progress_score_range", PROGRESS "(2, 2, NULL, 'completed', 101)");
    BREAKS("progress_status_known", PROGRESS "(2, 2, NULL, 'done', 1)");
    BREAKS("progress_owner_fixed", "UPDATE forge.progress SET user_id = 3");
    BREAKS("progress_owner_fixed", "UPDATE forge.progress SET lesson_id = 2");
    BREAKS("42501", "DELETE FROM forge.progress");
    BREAKS("progress_data_length", "UPDATE forge.progress SET data = to_jsonb(repeat('x', 16384))");
    BREAKS("42501", "DELETE FROM forge.course_completions");
}
END_TEST

/* Midnight and the change to summer time are the account's, not the server's. */
START_TEST(days_are_those_of_the_account)
{
    ck_assert_str_eq(ask("SELECT forge.local_day('2026-03-28T23:30Z', 'Europe/Vienna')"), "2026-03-29");
    ck_assert_str_eq(ask("SELECT forge.local_day('2026-03-29T21:59Z', 'Europe/Vienna')"), "2026-03-29");
    ck_assert_str_eq(ask("SELECT forge.local_day('2026-03-29T22:00Z', 'Europe/Vienna')"), "2026-03-30");
    ck_assert_str_eq(ask("SELECT forge.local_day('2026-03-29T10:00Z', 'Pacific/Kiritimati')"), "2026-03-30");
    ck_assert_str_eq(ask("SELECT forge.local_day('2026-03-29T10:00Z', NULL)"), "2026-03-29");
    ck_assert_str_eq(ask("SELECT forge.local_day('2026-03-29T10:00Z', 'Middle/Earth')"), "2026-03-29");
    ck_assert_str_eq(ask("SELECT forge.local_time('2026-07-01T10:00Z', 'Europe/Vienna')"), "2026-07-01 12:00:00");
    ck_assert_str_eq(ask("SELECT forge.local_time('2026-07-01T10:00Z', 'Middle/Earth')"), "2026-07-01 10:00:00");
    ck_assert_str_eq(ask("SELECT forge.local_instant('2026-07-01T10:00', 'Europe/Vienna') AT TIME ZONE 'UTC'"),
                     "2026-07-01 08:00:00");
    ck_assert_str_eq(ask("SELECT forge.local_instant('2026-07-01T10:00', 'Middle/Earth') AT TIME ZONE 'UTC'"),
                     "2026-07-01 10:00:00");
    sql("UPDATE forge.users SET timezone = 'Pacific/Kiritimati' WHERE id = 2");
    WORKS(PROGRESS "(2, 1, NULL, 'in_progress', NULL), (2, 2, NULL, 'completed', NULL), (3, 1, NULL, 'not_started', "
                   "NULL)");
    ck_assert_str_eq(ask("SELECT count(*) || ' ' || bool_and(user_id = 2 AND day = forge.local_day(now(), "
                         "'Pacific/Kiritimati')) FROM forge.learning_days"),
                     "1 true");
    BREAKS("courses_timezone_known", "UPDATE forge.courses SET timezone = 'Middle/Earth'");
    BREAKS("courses_timezone_form", "UPDATE forge.courses SET timezone = '<+03>-3'"); /* which PostgreSQL would take */
    WORKS("UPDATE forge.courses SET timezone = 'Asia/Kathmandu'");
}
END_TEST

START_TEST(learners_have_figures)
{
    sql("INSERT INTO forge.exercises (course_id, author_id, title) VALUES (1, 1, 'F')");
    WORKS("INSERT INTO forge.enrollments (course_id, user_id) VALUES (1, 2)");
    ck_assert_ptr_null(ask("SELECT coalesce(score::text, last_active_at::text) FROM forge.learners"));
    WORKS(PROGRESS "(2, NULL, 1, 'in_progress', 40), (2, 1, NULL, 'completed', 100), (3, NULL, 1, 'completed', 70)");
    ck_assert_str_eq(ask("SELECT score || ' ' || (last_active_at IS NOT NULL) FROM forge.learners"), "40 true");
    WORKS(PROGRESS "(2, NULL, 2, 'completed', 91)");
    ck_assert_str_eq(ask("SELECT score FROM forge.learners"), "66");           /* 65.5 */
    WORKS("INSERT INTO forge.enrollments (course_id, user_id) VALUES (1, 3)"); /* who learned before */
    ck_assert_str_eq(ask("SELECT score || ' ' || (last_active_at IS NOT NULL) FROM forge.learners WHERE user_id = "
                         "3"),
                     "70 true");
    WORKS("DELETE FROM forge.enrollments WHERE user_id = 3");
    ck_assert_str_eq(ask("SELECT string_agg(user_id::text, ' ') FROM forge.learners"), "2");
}
END_TEST

/* What is deleted counts no more; with the last exercise there is no score. */
START_TEST(scores_follow_exercises_that_go)
{
    static const char scores[] =
        "SELECT string_agg(user_id || ':' || coalesce(score::text, '-'), ' ' ORDER BY user_id) FROM forge.learners";
    sql("INSERT INTO forge.exercises (course_id, author_id, title) VALUES (1, 1, 'F'), (1, 1, 'G')");
    WORKS("INSERT INTO forge.enrollments (course_id, user_id) VALUES (1, 2), (1, 3)");
    WORKS(PROGRESS "(2, NULL, 1, 'in_progress', 0), (2, NULL, 2, 'completed', 100), (3, NULL, 1, 'completed', 70),"
                   "(3, NULL, 3, 'in_progress', NULL)");
    ck_assert_str_eq(ask(scores), "2:50 3:70");
    WORKS("DELETE FROM forge.exercises WHERE id = 1");
    ck_assert_str_eq(ask(scores), "2:100 3:-");
    WORKS("DELETE FROM forge.exercises");
    ck_assert_str_eq(ask(scores), "2:- 3:-");
    WORKS("DELETE FROM forge.courses WHERE id = 1");
    ck_assert_ptr_null(ask(scores));
}
END_TEST

#define SUBMIT \
    "INSERT INTO forge.exercise_submissions (exercise_id, user_id, code, status, passed, score, results, " \
    "judged_at) VALUES "

START_TEST(judged_submissions_are_counted)
{
    WORKS(SUBMIT "(1, 2, 'x', 'done', false, 50, '[]', now()), (1, 2, 'x', 'done', true, 100, '[]', now()),"
                 "(1, 3, 'x', 'queued', NULL, NULL, NULL, NULL)");
    ck_assert_str_eq(ask("SELECT attempts || ' ' || passed FROM forge.exercise_stats"), "2 1");
    WORKS("UPDATE forge.exercise_submissions SET status = 'done', passed = true, score = 100, results = '[]', "
          "judged_at = now() WHERE status = 'queued'");
    ck_assert_str_eq(ask("SELECT attempts || ' ' || passed FROM forge.exercise_stats"), "3 2");
    WORKS("UPDATE forge.exercise_submissions SET status = 'queued' WHERE id = 2"); /* to be judged again */
    ck_assert_str_eq(ask("SELECT attempts || ' ' || passed FROM forge.exercise_stats"), "3 2");
    WORKS("UPDATE forge.exercise_submissions SET status = 'done', passed = false, score = 0 WHERE id = 2");
    ck_assert_str_eq(ask("SELECT attempts || ' ' || passed FROM forge.exercise_stats"), "3 1");
    BREAKS("exercise_submissions_passed_agrees", SUBMIT "(1, 2, 'x', 'done', true, 99, '[]', now())");
    BREAKS("exercise_submissions_done_judged", SUBMIT "(1, 2, 'x', 'done', NULL, NULL, NULL, NULL)");
    BREAKS("exercise_submissions_judged_whole", SUBMIT "(1, 2, 'x', 'queued', true, NULL, NULL, NULL)");
    WORKS("DELETE FROM forge.exercise_submissions WHERE user_id = 2");
    ck_assert_str_eq(ask("SELECT attempts || ' ' || passed FROM forge.exercise_stats"), "1 1");
    WORKS("DELETE FROM forge.exercises");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.exercise_stats"), "0");
}
END_TEST

START_TEST(a_rule_goes_with_its_course)
{
    WORKS("INSERT INTO forge.achievements (name, rule_event, rule_count, rule_course_id) VALUES"
          " ('A', 'course_completed', 1, 3), ('B', 'streak', 7, NULL)");
    BREAKS("achievements_rule_whole", "INSERT INTO forge.achievements (name, rule_event) VALUES ('C', 'points')");
    BREAKS("achievements_rule_event_known", "UPDATE forge.achievements SET rule_event = 'luck' WHERE name = 'B'");
    BREAKS("achievements_rule_course_apt", "UPDATE forge.achievements SET rule_course_id = 2 WHERE name = 'B'");
    BREAKS("achievements_rule_count_range", "UPDATE forge.achievements SET rule_count = 0");
    WORKS("DELETE FROM forge.courses WHERE id = 3");
    ck_assert_str_eq(ask("SELECT string_agg(name || coalesce(rule_event, '-'), ' ' ORDER BY id) FROM "
                         "forge.achievements"),
                     "A- Bstreak");
}
END_TEST

/* What instructors make counts by row, what learners hand in by its bytes alone. */
START_TEST(what_is_stored_counts)
{
    sql("DELETE FROM forge.usage");
    WORKS("INSERT INTO forge.modules (course_id, title, created_by) VALUES (1, 'four', 1)");
    WORKS(
        "INSERT INTO forge.lessons (course_id, module_id, title, content, created_by) VALUES (1, 1, 'ab', 'cdef', 1)");
    WORKS("INSERT INTO forge.assignments (course_id, title, created_by) VALUES (1, 'ten bytes.', 1)");
    WORKS("INSERT INTO forge.exercise_submissions (exercise_id, user_id, code) VALUES (1, 2, '12345')");
    ck_assert_str_eq(ask("SELECT string_agg(user_id || ':' || rows || ':' || bytes, ' ' ORDER BY user_id) FROM "
                         "forge.usage"),
                     "1:3:20 2:0:5");
    WORKS("DELETE FROM forge.lessons WHERE created_by = 1; DELETE FROM forge.exercise_submissions");
    ck_assert_str_eq(ask("SELECT string_agg(user_id || ':' || rows || ':' || bytes, ' ' ORDER BY user_id) FROM "
                         "forge.usage"),
                     "1:2:14 2:0:0");
}
END_TEST

/* Work goes, figures stay, and erasing is no learning. */
START_TEST(erasure_leaves_figures)
{
    WORKS("INSERT INTO forge.enrollments (course_id, user_id) VALUES (1, 2)");
    WORKS("INSERT INTO forge.progress (user_id, lesson_id, status, data) VALUES (2, 1, 'completed', '{\"a\":1}')");
    WORKS("INSERT INTO forge.course_completions VALUES (1, 2)");
    WORKS(SUBMIT "(1, 2, 'secret', 'done', true, 100, '[]', now())");
    sql("UPDATE forge.learners SET last_active_at = '2026-01-01'; SELECT forge.erase_accounts('{2}')");
    ck_assert_str_eq(ask("SELECT status || coalesce(data::text, '-') FROM forge.progress"), "completed-");
    ck_assert_str_eq(ask("SELECT (SELECT count(*) FROM forge.exercise_submissions) || ' ' || (SELECT count(*) FROM "
                         "forge.learning_days) || ' ' || (SELECT count(*) FROM forge.course_completions)"),
                     "0 0 1");
    ck_assert_str_eq(ask("SELECT last_active_at < '2026-01-02' FROM forge.learners"), "true");
}
END_TEST

Suite *forge_test_store_learning(void)
{
    Suite *s = suite_create("store_learning");
    TCase *tc = tcase_create("learning");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, rows_have_an_order_without_gaps);
    tcase_add_test(tc, a_lesson_moves_between_modules_of_its_course);
    tcase_add_test(tc, the_order_holds_under_parallel_writers);
    tcase_add_test(tc, prerequisites_form_no_circle);
    tcase_add_test(tc, one_of_parallel_writers_does_not_close_the_circle);
    tcase_add_test(tc, grades_stay_within_the_points);
    tcase_add_test(tc, tests_and_limits_have_their_form);
    tcase_add_test(tc, progress_never_falls_back);
    tcase_add_test(tc, days_are_those_of_the_account);
    tcase_add_test(tc, learners_have_figures);
    tcase_add_test(tc, scores_follow_exercises_that_go);
    tcase_add_test(tc, judged_submissions_are_counted);
    tcase_add_test(tc, a_rule_goes_with_its_course);
    tcase_add_test(tc, what_is_stored_counts);
    tcase_add_test(tc, erasure_leaves_figures);
    suite_add_tcase(s, tc);
    return s;
}
