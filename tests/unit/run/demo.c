/* SPDX-License-Identifier: Apache-2.0
 * The exercises of the demo's courses, in a real forge-runner: each solution passes each of its tests, and no program
 * that learners begin with passes them all.
 */
#include "runner.h"
#include "test_places.h"
#include "util/util.h"
#include <apr_strings.h>
#include <stdio.h>
#include <string.h>

static const char *const courses[] = {"first-steps-in-python", "algorithms-and-data-structures",
                                      "text-and-data-with-python"};
enum { COURSES = sizeof(courses) / sizeof(*courses), EXERCISES = 10 };

static void set_up(void)
{
    forge_test_runner_start(NULL);
}

static const forge_json_t *exercises_of(const char *course)
{
    static char text[1 << 20];
    const char *why, *path = apr_psprintf(forge_test_pool, "%s/sql/demo/%s.json", FORGE_SRCDIR, course);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file, "%s", path);
    size_t len = fread(text, 1, sizeof(text), file);
    fclose(file);
    const forge_json_t *bundle = forge_util_json_parse(forge_test_pool, text, len, &why);
    ck_assert_msg(bundle, "%s: %s", path, why);
    return forge_util_json_get(bundle, "exercises");
}

static const char *member(const forge_json_t *object, const char *name)
{
    const char *text = forge_util_json_text(forge_util_json_get(object, name), NULL);
    ck_assert_msg(text, "no %s", name);
    return text;
}

/* Whether the program gives exactly what the test expects. Time is what the exercise says of the processor; a busy
 * machine may take longer. */
static bool passes(apr_pool_t *p, const forge_json_t *exercise, const char *program, const forge_json_t *test)
{
    const char *input = member(test, "stdin"), *wanted = member(test, "expected_stdout");
    forge_run_job_t job = forge_test_job(program);
    job.input = (forge_run_bytes_t){input, strlen(input)};
    job.limits.wall_ms = 60000;
    forge_util_json_int(forge_util_json_get(forge_util_json_get(exercise, "limits"), "cpu_ms"), &job.limits.cpu_ms);
    forge_run_result_t result = forge_test_run(p, &job);
    return result.status == FORGE_RUN_OK && result.output.len == strlen(wanted) &&
           memcmp(result.output.data, wanted, result.output.len) == 0;
}

static void try_exercise(apr_pool_t *p, const forge_json_t *exercise)
{
    const forge_json_t *tests = forge_util_json_get(exercise, "tests");
    const char *title = member(exercise, "title"), *starter = member(exercise, "starter_code");
    bool begun = true, shown = false, hidden = false;
    for (apr_size_t i = 0; i < forge_util_json_size(tests); i++) {
        const forge_json_t *test = forge_util_json_at(tests, i);
        bool secret = false;
        ck_assert_msg(passes(p, exercise, member(exercise, "solution"), test), "%s: %s", title, member(test, "name"));
        begun = begun && passes(p, exercise, starter, test);
        ck_assert(forge_util_json_bool(forge_util_json_get(test, "hidden"), &secret));
        hidden = hidden || secret;
        shown = shown || !secret;
    }
    ck_assert_msg(!begun, "%s: it is solved before anybody begins", title);
    ck_assert_msg(shown && hidden, "%s: some tests are to be seen, and some hidden", title);
}

START_TEST(solutions_pass_and_starters_do_not)
{
    const forge_json_t *exercises = exercises_of(courses[_i]);
    apr_pool_t *turn;
    ck_assert_uint_eq(forge_util_json_size(exercises), EXERCISES);
    apr_pool_create(&turn, forge_test_pool);
    for (apr_size_t i = 0; i < EXERCISES; i++) {
        try_exercise(turn, forge_util_json_at(exercises, i));
        apr_pool_clear(turn);
    }
}
END_TEST

Suite *forge_test_run_demo(void)
{
    Suite *s = suite_create("run_demo");
    TCase *tc = tcase_create("all");
    tcase_add_unchecked_fixture(tc, set_up, forge_test_runner_stop);
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, solutions_pass_and_starters_do_not, 0, COURSES);
    suite_add_tcase(s, tc);
    return s;
}
