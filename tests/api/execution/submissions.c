/* SPDX-License-Identifier: Apache-2.0
 * Submissions to exercises: judged by all tests, hidden ones told as passed or not, kept with their progress (SPEC 7).
 */
#include "programs.h"

#include <stdlib.h>
#include <string.h>

#define ADDS "print(sum(map(int, input().split())))"

/* Two visible tests and a hidden one, of 1, 2 and 3 points. */
static json_int_t exercise_of(person_t author, const char *more)
{
    const char *tests =
        "[{\"name\":\"small\",\"stdin\":\"1 2\",\"expected_stdout\":\"3\",\"hidden\":false,\"points\":1},"
        "{\"name\":\"negative\",\"stdin\":\"-4 4\",\"expected_stdout\":\"0\\n\",\"hidden\":false,\"points\":2},"
        "{\"name\":\"large\",\"stdin\":\"1000000 1\",\"expected_stdout\":\"1000001\",\"hidden\":true,\"points\":3}]";
    return atoll(
        sql("INSERT INTO forge.exercises (author_id, title, tests %s) VALUES (%lld, 'Add', '%s' %s) RETURNING id",
            *more ? ", limits" : "", (long long)author.id, tests, more));
}

static char *path_of(json_int_t exercise)
{
    return F("/api/v1/exercises/%lld/submissions", (long long)exercise);
}

static reply_t *submit(person_t who, json_int_t exercise, const char *code)
{
    return CALL("POST", path_of(exercise), .token = who.access, .json = F("{\"code\":%s}", quoted(code)));
}

static const char *progress(person_t who, json_int_t exercise)
{
    return sql("SELECT status || ' ' || score FROM forge.progress WHERE user_id = %lld AND exercise_id = %lld",
               (long long)who.id, (long long)exercise);
}

START_TEST(all_passed_completes_the_exercise)
{
    person_t me = person("student");
    json_int_t exercise = exercise_of(person("instructor"), "");
    reply_t *reply = submit(me, exercise, ADDS);
    expect_status(reply, 201);
    ck_assert(json_is_true(at(reply->json, "/passed")));
    ck_assert_int_eq(int_at(reply->json, "/score"), 100);
    ck_assert_uint_eq(json_array_size(at(reply->json, "/results")), 3);
    ck_assert_str_eq(text_at(reply->json, "/results/0/name"), "small");
    ck_assert_str_eq(text_at(reply->json, "/results/0/stdout"), "3\n");
    ck_assert_str_eq(text_at(reply->json, "/results/1/expected"), "0\n");
    ck_assert_str_eq(header(reply, "Location"), F("%s/%lld", path_of(exercise), (long long)int_at(reply->json, "/id")));
    ck_assert_str_eq(progress(me, exercise), "completed 100");
    reply_t *whole = CALL("GET", header(reply, "Location"), .token = me.access);
    expect_status(whole, 200);
    ck_assert_str_eq(text_at(whole->json, "/code"), ADDS);
    expect_status(CALL("GET", header(reply, "Location"), .token = me.access,
                       .headers = {F("If-None-Match: %s", header(whole, "ETag"))}),
                  304);
}
END_TEST

START_TEST(hidden_tests_tell_nothing_but_passed)
{
    person_t me = person("student");
    json_int_t exercise = exercise_of(person("instructor"), "");
    reply_t *reply = submit(me, exercise, "a = input()\nprint(a)\nraise SystemExit(a.startswith('1000'))");
    expect_status(reply, 201);
    ck_assert_int_eq(int_at(reply->json, "/score"), 0);
    ck_assert(json_is_true(at(reply->json, "/results/2/hidden")));
    ck_assert(json_is_false(at(reply->json, "/results/2/passed")));
    static const char *const secret[] = {"stdout", "expected", "stderr", "status", "duration_ms", NULL};
    for (const char *const *name = secret; *name; name++) {
        ck_assert_msg(!maybe_at(reply->json, F("/results/2/%s", *name)), "%s is told: %s", *name, reply->body);
        at(reply->json, F("/results/1/%s", *name));
    }
    expect_silent(reply, "1000001");
    expect_silent(CALL("GET", header(reply, "Location"), .token = me.access), "1000001");
    expect_silent(CALL("GET", path_of(exercise), .token = me.access), "1000001");
}
END_TEST

START_TEST(the_score_is_per_cent_of_the_points)
{
    person_t me = person("student");
    json_int_t exercise = exercise_of(person("instructor"), "");
    ck_assert_int_eq(int_at(submit(me, exercise, "print(3)")->json, "/score"), 16);
    ck_assert_str_eq(progress(me, exercise), "in_progress 16");
    ck_assert_int_eq(
        int_at(submit(me, exercise, "a, b = map(int, input().split())\nprint(a + b if a < 99 else 0)")->json, "/score"),
        50);
    ck_assert_str_eq(progress(me, exercise), "in_progress 50");
    reply_t *reply = submit(me, exercise, ADDS);
    ck_assert_int_eq(int_at(reply->json, "/score"), 100);
    submit(me, exercise, "print(3)"); /* completed never falls back, and the best score stays */
    ck_assert_str_eq(progress(me, exercise), "completed 100");
    ck_assert_str_eq(
        sql("SELECT attempts || ' ' || passed FROM forge.exercise_stats WHERE exercise_id = %lld", (long long)exercise),
        "4 1");
}
END_TEST

/* Blanks at the ends of lines and empty lines at the end do not count; all else does, and so does the exit code. */
START_TEST(what_counts_as_the_same_output)
{
    static const struct {
        const char *code;
        bool passes;
    } programs[] = {{"print('a b \\r\\n\\nc')", true},
                    {"print('a b\\n\\nc\\n\\n\\n')", true},
                    {"print('a b\\n\\nc', end='')", true},
                    {"print('a b\\nc')", false},
                    {"print('a  b\\n\\nc')", false},
                    {"print(' a b\\n\\nc')", false},
                    {"print('a b\\n\\nc\\x00')", false},
                    {"print('a b\\n\\nC')", false},
                    {"print('a b\\n\\nc')\nexit(1)", false},
                    {"print('a b\\n\\n' + ' ' * 60000 + 'c')", false},
                    {"pass", false},
                    {"print('a b\\n\\ncc')", false}};
    person_t me = person("student");
    json_int_t exercise = atoll(sql(
        "INSERT INTO forge.exercises (author_id, title, tests) VALUES (%lld, 'Say', '[{\"name\":\"t\",\"stdin\":\"\","
        "\"expected_stdout\":\"a b\\n\\nc\\n\",\"hidden\":false,\"points\":0}]') RETURNING id",
        (long long)person("instructor").id));
    for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
        reply_t *reply = submit(me, exercise, programs[i].code);
        expect_status(reply, 201);
        ck_assert_msg(json_is_true(at(reply->json, "/passed")) == programs[i].passes, "%s: %s", programs[i].code,
                      reply->body);
        ck_assert_int_eq(int_at(reply->json, "/score"), programs[i].passes ? 100 : 0);
    }
    /* U+0000 is shown as U+FFFD, and what follows it too */
    reply_t *reply = submit(me, exercise, "print('a\\x00wrong')");
    ck_assert_str_eq(text_at(reply->json, "/results/0/stdout"), "a\xef\xbf\xbdwrong\n");
    reply = submit(me, exercise, "print('\\x00' * 5000)");
    ck_assert_uint_eq(strlen(text_at(reply->json, "/results/0/stdout")), 4095); /* no character is cut in two */
}
END_TEST

START_TEST(an_exercise_has_limits_of_its_own)
{
    json_int_t exercise = exercise_of(person("instructor"), ", '{\"wall_ms\":300,\"memory_kb\":99999999}'");
    reply_t *reply = submit(person("student"), exercise, "import time\ntime.sleep(5)");
    expect_status(reply, 201);
    ck_assert_str_eq(text_at(reply->json, "/results/0/status"), "timeout");
}
END_TEST

START_TEST(who_sees_what)
{
    person_t author = person("instructor"), me = person("student"), other = person("student"), root = person("admin");
    json_int_t exercise = exercise_of(author, ""), unpublished = exercise_of(author, "");
    sql("UPDATE forge.exercises SET published = false WHERE id = %lld", (long long)unpublished);
    reply_t *mine = submit(me, exercise, ADDS), *theirs = submit(other, exercise, "print(3)");
    expect_status(theirs, 201);
    ck_assert_uint_eq(json_array_size(CALL("GET", path_of(exercise), .token = me.access)->json), 1);
    ck_assert_uint_eq(json_array_size(CALL("GET", path_of(exercise), .token = author.access)->json), 2);
    ck_assert_uint_eq(json_array_size(CALL("GET", path_of(exercise), .token = root.access)->json), 2);
    reply_t *passed = CALL("GET", F("%s?passed=true", path_of(exercise)), .token = author.access);
    ck_assert_uint_eq(json_array_size(passed->json), 1);
    ck_assert_int_eq(int_at(passed->json, "/0/user_id"), me.id);
    passed = CALL("GET", F("%s?user_id=%lld", path_of(exercise), (long long)other.id), .token = author.access);
    ck_assert_uint_eq(json_array_size(passed->json), 1);
    ck_assert_uint_eq(json_array_size(CALL("GET", path_of(exercise), .token = person("student").access)->json), 0);
    expect_problem(CALL("GET", header(theirs, "Location"), .token = me.access), "not_found");
    expect_status(CALL("GET", header(mine, "Location"), .token = author.access), 200);
    expect_problem(submit(me, unpublished, ADDS), "not_found");
    expect_problem(CALL("GET", path_of(unpublished), .token = me.access), "not_found");
    expect_status(submit(author, unpublished, ADDS), 201);
    expect_problem(submit(me, 999999, ADDS), "not_found");
    expect_problem(CALL("POST", path_of(exercise), .json = "{\"code\":\"1\"}"), "unauthenticated");
    expect_status(submit(guest_person(), exercise, ADDS), 201);
}
END_TEST

/* Members only, where the course belongs to an organisation. */
START_TEST(courses_of_others_have_no_exercises)
{
    person_t owner = person("instructor"), member = person("student"), stranger = person("student");
    json_int_t exercise = exercise_of(owner, "");
    member_of(member, "acme", "member");
    member_of(owner, "acme", "owner");
    sql("SET session_replication_role = replica");
    sql("UPDATE forge.exercises SET course_id = %lld WHERE id = %lld", (long long)course_of(owner, "Inside"),
        (long long)exercise);
    sql("SET session_replication_role = origin");
    sql("UPDATE forge.courses SET organization_id = (SELECT id FROM forge.organizations WHERE slug = 'acme')");
    expect_status(submit(member, exercise, ADDS), 201);
    expect_problem(submit(stranger, exercise, ADDS), "not_found");
    sql("UPDATE forge.courses SET status = 'draft'");
    expect_problem(submit(member, exercise, ADDS), "not_found");
    expect_status(submit(owner, exercise, ADDS), 201);
}
END_TEST

START_TEST(a_repeated_submission_is_one)
{
    person_t me = person("student");
    json_int_t exercise = exercise_of(person("instructor"), "");
    call_t once = {.token = me.access, .json = F("{\"code\":%s}", quoted(ADDS)), .headers = {"Idempotency-Key: s"}};
    reply_t *first = call_with("POST", path_of(exercise), &once), *again = call_with("POST", path_of(exercise), &once);
    expect_status(first, 201);
    expect_status(again, 201);
    ck_assert_int_eq(int_at(again->json, "/id"), int_at(first->json, "/id"));
    ck_assert_str_eq(header(again, "Idempotent-Replayed"), "true");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.exercise_submissions"), "1");
}
END_TEST

START_TEST(what_cannot_be_judged_is_said)
{
    person_t me = person("student"), author = person("instructor");
    json_int_t exercise = exercise_of(author, ""), foreign = exercise_of(author, "");
    sql("UPDATE forge.exercises SET tests = '[]' WHERE id = %lld", (long long)exercise);
    sql("UPDATE forge.exercises SET language = 'cobol' WHERE id = %lld", (long long)foreign);
    expect_problem(submit(me, exercise, ADDS), "conflict");
    expect_problem(submit(me, foreign, ADDS), "sandbox_unavailable");
    reply_t *reply = CALL("POST", path_of(exercise), .token = me.access, .json = "{}");
    expect_fault(reply, "/code", "required");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.exercise_submissions"), "0");
}
END_TEST

/* More tests than run at once, results in their order; what is long is cut where a character ends. */
START_TEST(many_tests_keep_their_order)
{
    json_int_t exercise = atoll(
        sql("INSERT INTO forge.exercises (author_id, title, tests) SELECT %lld, 'Many', jsonb_agg(jsonb_build_object("
            "'name', 't' || i, 'stdin', i::text, 'expected_stdout', i::text, 'hidden', false, 'points', 1) ORDER BY i)"
            " FROM generate_series(1, 12) i RETURNING id",
            (long long)person("instructor").id));
    reply_t *reply = submit(person("student"), exercise, "n = input()\nprint(n if n != '7' else 'ä' * 3000)");
    expect_status(reply, 201);
    ck_assert_int_eq(int_at(reply->json, "/score"), 91);
    for (int i = 0; i < 12; i++)
        ck_assert_str_eq(text_at(reply->json, F("/results/%d/stdout", i)),
                         i == 6 ? text_at(reply->json, "/results/6/stdout") : F("%d\n", i + 1));
    ck_assert_uint_eq(strlen(text_at(reply->json, "/results/6/stdout")), 4096);
}
END_TEST

Suite *suite_exercise_submissions(void)
{
    Suite *suite = suite_create("exercise_submissions");
    TCase *tc = case_make(suite, "judged");
    tcase_add_test(tc, all_passed_completes_the_exercise);
    tcase_add_test(tc, hidden_tests_tell_nothing_but_passed);
    tcase_add_test(tc, the_score_is_per_cent_of_the_points);
    tcase_add_test(tc, what_counts_as_the_same_output);
    tcase_add_test(tc, an_exercise_has_limits_of_its_own);
    tcase_add_test(tc, many_tests_keep_their_order);
    tc = case_make(suite, "rights");
    tcase_add_test(tc, who_sees_what);
    tcase_add_test(tc, courses_of_others_have_no_exercises);
    tc = case_make(suite, "requests");
    tcase_add_test(tc, a_repeated_submission_is_one);
    tcase_add_test(tc, what_cannot_be_judged_is_said);
    return suite;
}
