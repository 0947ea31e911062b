/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/learning/bundle.c: what field tables cannot say of the exercises in a bundle.
 */
#include "core/learning/learning.h"
#include "unit.h"
#include <apr_strings.h>
#include <string.h>

/* The faults of these exercises, "pointer code, …". */
static const char *faults_of(const char *json)
{
    const char *why, *text = "";
    forge_faults_t *faults = forge_core_faults_make(forge_test_pool);
    const forge_json_t *exercises = forge_util_json_parse(forge_test_pool, json, strlen(json), &why);
    ck_assert_msg(exercises, "%s", why);
    forge_core_bundle_check(forge_test_pool, exercises, faults);
    for (int i = 0; i < forge_core_faults_count(faults); i++) {
        const forge_fault_t *fault = forge_core_faults_at(faults, i);
        text = apr_pstrcat(forge_test_pool, text, i ? ", " : "", fault->pointer, " ", fault->code, NULL);
    }
    return text;
}

START_TEST(good_exercises_have_no_faults)
{
    ck_assert_str_eq(faults_of("[]"), "");
    ck_assert_str_eq(faults_of("[{},{\"tests\":[]},{\"language\":\"c++\",\"solution\":null}]"), "");
    ck_assert_str_eq(faults_of("[{\"tests\":[{\"name\":\"a\"},{\"name\":\"b\"}]},{\"tests\":[{\"name\":\"a\"}]}]"), "");
}
END_TEST

START_TEST(names_of_tests_and_languages)
{
    ck_assert_str_eq(
        faults_of("[{},{\"tests\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"a\"},{\"name\":\"a\"}]}]"),
        "/exercises/1/tests/2/name duplicate, /exercises/1/tests/3/name duplicate");
    ck_assert_str_eq(faults_of("[{\"language\":\"Python\"},{\"language\":\"1c\"},{\"language\":\"a b\"},"
                               "{\"language\":\"c\"}]"),
                     "/exercises/0/language format, /exercises/1/language format, /exercises/2/language format");
}
END_TEST

/* Characters of two bytes count twice. */
START_TEST(bytes_of_programs_and_texts)
{
    static const char *const members[] = {"starter_code", "solution"}, *const texts[] = {"stdin", "expected_stdout"};
    char *most = apr_pcalloc(forge_test_pool, FORGE_PROGRAM_BYTES + 1);
    for (int i = 0; i < FORGE_PROGRAM_BYTES; i += 2)
        memcpy(most + i, "\xc3\xa4", 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_str_eq(faults_of(apr_psprintf(forge_test_pool, "[{\"%s\":\"%s\"}]", members[i], most)), "");
        ck_assert_str_eq(faults_of(apr_psprintf(forge_test_pool, "[{\"%s\":\"%s.\"}]", members[i], most)),
                         apr_psprintf(forge_test_pool, "/exercises/0/%s too_long", members[i]));
        ck_assert_str_eq(faults_of(apr_psprintf(forge_test_pool, "[{\"tests\":[{\"%s\":\"%s.\"}]}]", texts[i], most)),
                         apr_psprintf(forge_test_pool, "/exercises/0/tests/0/%s too_long", texts[i]));
    }
}
END_TEST

Suite *forge_test_core_bundle(void)
{
    Suite *s = suite_create("core_bundle");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, good_exercises_have_no_faults);
    tcase_add_test(tc, names_of_tests_and_languages);
    tcase_add_test(tc, bytes_of_programs_and_texts);
    suite_add_tcase(s, tc);
    return s;
}
