/* SPDX-License-Identifier: Apache-2.0
 * The gradebook of a course as JSON and as a table, and its figures (SPEC 6).
 */
#include "harness.h"

#include <string.h>

static person_t teacher;
static json_int_t course;

static char *path_of(const char *rest)
{
    return F("/api/v1/courses/%lld/%s", (long long)course, rest);
}

/* A course with so many students, whose numbers follow one another. */
static json_int_t course_with(int students)
{
    teacher = person("instructor");
    course = course_of(teacher, "Trees");
    sql("INSERT INTO forge.users (email, username, password_hash) SELECT n || '@example.org', 'student_' || n,"
        " (SELECT password_hash FROM forge.users LIMIT 1) FROM generate_series(1, %d) n",
        students);
    sql("INSERT INTO forge.enrollments (course_id, user_id) SELECT %lld, id FROM forge.users WHERE username LIKE "
        "'student\\_%%'",
        (long long)course);
    return (json_int_t)json_integer_value(keep_json(
        json_loads(sql("SELECT min(id) FROM forge.users WHERE username LIKE 'student\\_%%'"), JSON_DECODE_ANY, NULL)));
}

static char *assignment_of(const char *title, const char *due, int points)
{
    return sql("INSERT INTO forge.assignments (course_id, title, due_at, max_points) VALUES (%lld, '%s', %s, %d)"
               " RETURNING id",
               (long long)course, title, due, points);
}

/* What a student handed in; with a grade unless points is negative. */
static void handed_in(const char *assignment, json_int_t who, int points)
{
    char *id = sql("INSERT INTO forge.assignment_submissions (assignment_id, user_id, content) VALUES (%s, %lld, 'x')"
                   " RETURNING id",
                   assignment, (long long)who);
    if (points >= 0)
        sql("INSERT INTO forge.grades (submission_id, points) VALUES (%s, %d)", id, points);
}

START_TEST(a_cell_for_each_assignment)
{
    json_int_t first = course_with(3);
    char *essay = assignment_of("Essay", "'2020-01-01'", 20), *test = assignment_of("Test", "'2040-01-01'", 10);
    handed_in(essay, first, 15);
    handed_in(essay, first, -1); /* came after the grade and awaits its own */
    handed_in(test, first, 4);
    handed_in(test, first, 7);
    handed_in(test, first + 1, -1);
    sql("UPDATE forge.learners SET score = 88 WHERE user_id = %lld", (long long)first);
    reply_t *book = CALL("GET", path_of("gradebook"), .token = teacher.access);
    expect_status(book, 200);
    ck_assert_uint_eq(json_array_size(book->json), 3);
    static const struct {
        const char *pointer, *value;
    } wanted[] = {{"/0/username", "\"student_1\""},
                  {"/0/exercise_score", "88"},
                  {"/0/points", "22"},
                  {"/0/max_points", "30"},
                  {"/0/percent", "73"},
                  {"/0/grades/0/title", "\"Essay\""},
                  {"/0/grades/0/state", "\"submitted\""},
                  {"/0/grades/0/points", "15"},
                  {"/0/grades/0/late", "true"},
                  {"/0/grades/1/state", "\"graded\""},
                  {"/0/grades/1/points", "7"},
                  {"/0/grades/1/late", "false"},
                  {"/1/grades/0/state", "\"missing\""},
                  {"/1/grades/1/state", "\"submitted\""},
                  {"/1/grades/1/points", "null"},
                  {"/1/points", "0"},
                  {"/1/percent", "null"},
                  {"/2/grades/1/state", "\"open\""},
                  {"/2/grades/1/submission_id", "null"}};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
        char *value = keep(json_dumps(at(book->json, wanted[i].pointer), JSON_ENCODE_ANY));
        ck_assert_msg(strcmp(value, wanted[i].value) == 0, "%s: %s", wanted[i].pointer, value);
    }
    const char *submitted = text_at(book->json, "/0/grades/0/submitted_at");
    ck_assert_msg(strchr(submitted, 'T') && submitted[strlen(submitted) - 1] == 'Z', "%s", submitted);
    ck_assert(json_is_null(at(book->json, "/2/grades/1/submitted_at")));
    reply_t *one = CALL("GET", path_of(F("gradebook?user_id=%lld", (long long)first + 1)), .token = teacher.access);
    ck_assert_uint_eq(json_array_size(one->json), 1);
    reply_t *page = CALL("GET", path_of("gradebook?limit=2&count=true"), .token = teacher.access);
    ck_assert_uint_eq(json_array_size(page->json), 2);
    ck_assert_str_eq(header(page, "X-Total-Count"), "3");
    const char *next = strstr(header(page, "Link"), ", <");
    ck_assert_ptr_nonnull(next);
    page = CALL("GET", F("%.*s", (int)strcspn(next + 3, ">"), next + 3), .token = teacher.access);
    ck_assert_uint_eq(json_array_size(page->json), 1);
    ck_assert_str_eq(text_at(page->json, "/0/username"), "student_3");
}
END_TEST

START_TEST(students_see_their_own_line)
{
    course_with(2);
    person_t student = person("student"), stranger = person("student");
    expect_status(CALL("POST", path_of("enrollment"), .token = student.access), 201);
    reply_t *own = CALL("GET", path_of("gradebook"), .token = student.access);
    ck_assert_uint_eq(json_array_size(own->json), 1);
    ck_assert_int_eq(int_at(own->json, "/0/user_id"), student.id);
    char *another = path_of(F("gradebook?user_id=%lld", (long long)teacher.id));
    ck_assert_uint_eq(json_array_size(CALL("GET", another, .token = student.access)->json), 0);
    const char *const header_only = "\"user_id\",\"username\",\"full_name\",\"exercise_score\",\"points\","
                                    "\"max_points\",\"percent\"\r\n";
    reply_t *table = CALL("GET", path_of("gradebook"), .token = student.access, .headers = {"Accept: text/csv"});
    expect_status(table, 200);
    ck_assert_str_eq(table->body, F("%s\"%lld\",\"%s\",\"\",\"\",\"0\",\"0\",\"\"\r\n", header_only,
                                    (long long)student.id, student.username));
    table = CALL("GET", another, .token = student.access, .headers = {"Accept: text/csv"});
    ck_assert_str_eq(table->body, header_only);
    expect_problem(CALL("GET", path_of("gradebook"), .token = stranger.access, .headers = {"Accept: text/csv"}),
                   "not_enrolled");
    expect_problem(CALL("GET", path_of("gradebook"), .token = student.access, .headers = {"Accept: text/html"}),
                   "not_acceptable");
    expect_problem(CALL("GET", path_of("analytics"), .token = student.access), "not_owner");
    expect_problem(CALL("GET", path_of("analytics"), .token = stranger.access), "not_owner");
}
END_TEST

/* Names and titles that a spreadsheet would run are text in the table. */
START_TEST(no_cell_is_a_formula)
{
    json_int_t first = course_with(1);
    static const char *const names[][2] = {
        {"=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""},
        {"+1", "\"'+1\""},
        {"-1+cmd|x", "\"'-1+cmd|x\""},
        {"@SUM(A1)", "\"'@SUM(A1)\""},
        {"  =1", "\"  '=1\""},
        {"Smith;=1+1", "\"Smith;'=1+1\""},
        {"\xef\xbc\x9d"
         "1",
         "\"'\xef\xbc\x9d"
         "1\""},
        {"O-Brien, a=b", "\"O-Brien, a=b\""},
        {"two \"\" quotes", "\"two \"\"\"\" quotes\""},
    };
    char *essay = assignment_of("=1+1", "NULL", 20);
    handed_in(essay, first, 3);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        sql("UPDATE forge.users SET full_name = '%s' WHERE id = %lld", names[i][0], (long long)first);
        reply_t *table = CALL("GET", path_of("gradebook"), .token = teacher.access, .headers = {"Accept: text/csv"});
        expect_status(table, 200);
        ck_assert_str_eq(table->body,
                         F("\"user_id\",\"username\",\"full_name\",\"'=1+1 #%s\",\"exercise_score\",\"points\","
                           "\"max_points\",\"percent\"\r\n\"%lld\",\"student_1\",%s,\"3\",\"\",\"3\",\"20\",\"15\"\r\n",
                           essay, (long long)first, names[i][1]));
        ck_assert_str_eq(header(table, "Content-Type"), "text/csv; charset=utf-8");
        ck_assert_ptr_nonnull(strstr(header(table, "Content-Disposition"), ".csv\""));
    }
}
END_TEST

/* More students than one part of the table has; each is there once, with a cell for each assignment. */
START_TEST(a_table_of_many)
{
    json_int_t first = course_with(1203);
    char *essay = assignment_of("A", "NULL", 10);
    assignment_of("B", "NULL", 10);
    handed_in(essay, first + 1202, 9);
    reply_t *table =
        CALL("GET", path_of("gradebook?limit=1"), .token = teacher.access, .headers = {"Accept: text/csv"});
    expect_status(table, 200);
    int lines = 0, commas = 0;
    for (const char *c = table->body; *c; c++) {
        lines += *c == '\n';
        commas += *c == ',';
    }
    ck_assert_int_eq(lines, 1204);
    ck_assert_int_eq(commas, 1204 * 8);
    for (int i = 0; i < 1203; i++)
        expect_says(table, F("\r\n\"%lld\",\"student_%d\",", (long long)first + i, i + 1));
    expect_says(table, "\"student_1203\",\"\",\"9\",\"\",\"\",\"9\",\"10\",\"90\"\r\n");
}
END_TEST

START_TEST(figures_of_a_course)
{
    json_int_t first = course_with(0);
    (void)first;
    reply_t *none = CALL("GET", path_of("analytics"), .token = teacher.access);
    expect_status(none, 200);
    ck_assert_int_eq(int_at(none->json, "/enrolled"), 0);
    ck_assert_double_eq(json_number_value(at(none->json, "/completion_rate")), 0);
    ck_assert(json_is_null(at(none->json, "/median_score")));
    ck_assert_uint_eq(json_array_size(at(none->json, "/hardest_exercises")), 0);
    first = course_with(8);
    sql("UPDATE forge.learners SET last_active_at = now() - (user_id - %lld) * interval '5 days 1 hour', score = CASE"
        " WHEN user_id - %lld < 4 THEN 60 + 11 * (user_id - %lld) END WHERE course_id = %lld",
        (long long)first, (long long)first, (long long)first, (long long)course);
    sql("INSERT INTO forge.course_completions (course_id, user_id) VALUES (%1$lld, %2$lld), (%1$lld, %3$lld), (%1$lld,"
        " %4$lld)",
        (long long)course, (long long)first, (long long)first + 1, (long long)teacher.id); /* one is not enrolled */
    for (int i = 0; i < 12; i++)
        sql("INSERT INTO forge.exercises (course_id, author_id, title, published) VALUES (%lld, %lld, 'E%d', %s)",
            (long long)course, (long long)teacher.id, i, i == 1 ? "false" : "true");
    sql("INSERT INTO forge.exercise_submissions (exercise_id, user_id, code, status, passed, score, results, judged_at)"
        " SELECT x.id, %lld, 'x', 'done', t <= i.n, CASE WHEN t <= i.n THEN 100 ELSE 0 END, '[]', now()"
        " FROM forge.exercises x CROSS JOIN LATERAL (SELECT substr(x.title, 2)::integer AS n) i"
        " CROSS JOIN generate_series(1, 12) t WHERE i.n <> 2",
        (long long)first);
    reply_t *figures = CALL("GET", path_of("analytics"), .token = teacher.access);
    expect_status(figures, 200);
    ck_assert_int_eq(int_at(figures->json, "/enrolled"), 8);
    ck_assert_int_eq(int_at(figures->json, "/active_7d"), 2);
    ck_assert_int_eq(int_at(figures->json, "/active_30d"), 6);
    ck_assert_double_eq_tol(json_number_value(at(figures->json, "/completion_rate")), 0.25, 1e-9);
    ck_assert_double_eq_tol(json_number_value(at(figures->json, "/median_score")), 76.5, 1e-9);
    ck_assert_uint_eq(json_array_size(at(figures->json, "/hardest_exercises")), 10);
    ck_assert_str_eq(text_at(figures->json, "/hardest_exercises/0/title"), "E0");
    ck_assert_str_eq(text_at(figures->json, "/hardest_exercises/1/title"), "E3"); /* E1 hidden, E2 never tried */
    ck_assert_double_eq_tol(json_number_value(at(figures->json, "/hardest_exercises/1/pass_rate")), 0.25, 1e-9);
    ck_assert_int_eq(int_at(figures->json, "/hardest_exercises/1/attempts"), 12);
    sql("UPDATE forge.learners SET score = NULL WHERE user_id = %lld", (long long)first);
    figures = CALL("GET", path_of("analytics"), .token = teacher.access);
    ck_assert_double_eq_tol(json_number_value(at(figures->json, "/median_score")), 82, 1e-9); /* of 71 82 93 */
}
END_TEST

Suite *suite_gradebook(void)
{
    Suite *suite = suite_create("gradebook");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, a_cell_for_each_assignment);
    tcase_add_test(all, students_see_their_own_line);
    tcase_add_test(all, no_cell_is_a_formula);
    tcase_add_test(all, a_table_of_many);
    tcase_add_test(all, figures_of_a_course);
    return suite;
}
