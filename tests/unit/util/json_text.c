/* SPDX-License-Identifier: Apache-2.0
 * Tests of util/json_text.c: what is JSON, and what its strings say.
 */
#include "unit.h"
#include "util/util.h"

START_TEST(what_is_json)
{
    static const char *const good[] = {"{}",
                                       "[]",
                                       " null ",
                                       "-0",
                                       "1.50",
                                       "1e400",
                                       "-1E+2",
                                       "123456789012345678901234567890",
                                       "\"\"",
                                       "true",
                                       "[1,[2]]",
                                       "\"\\ud83d\"",
                                       "{\"a\":{\"b\":[]}}",
                                       "\"\xc3\xa9\"",
                                       "{\"a\":1,\"a\":2}"};
    static const char *const bad[] = {"",          "{",       "[1,]",      "{\"a\":1,}", "{a:1}",    "01",
                                      "1.",        "+1",      ".5",        "1e",         "-",        "nul",
                                      "\"",        "\"\\x\"", "\"\\u12\"", "\"\t\"",     "\"\xff\"", "[1 2]",
                                      "{\"a\" 1}", "1 1",     "[1}",       "NaN",        "{\"a\"}",  "\"\\"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        ck_assert_msg(forge_util_json_valid(good[i], strlen(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(!forge_util_json_valid(bad[i], strlen(bad[i])), "%s", bad[i]);
}
END_TEST

START_TEST(how_deep)
{
    char text[2 * (FORGE_JSON_TEXT_DEPTH + 1)];
    for (int depth = FORGE_JSON_TEXT_DEPTH; depth <= FORGE_JSON_TEXT_DEPTH + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        ck_assert_int_eq(forge_util_json_valid(text, 2 * (size_t)depth), depth == FORGE_JSON_TEXT_DEPTH);
    }
}
END_TEST

START_TEST(what_strings_say)
{
    static const struct {
        const char *text, *name;
        bool same;
    } rows[] = {{"\"name\"", "name", true},
                {"\"n\\u0061me\"", "name", true},
                {"\"nam\"", "name", false},
                {"\"names\"", "name", false},
                {"\"\"", "", true},
                {"\"a\\u0000\"", "a", false},
                {"\"\\u00E9\"", "\xc3\xa9", true},
                {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", true},
                {"\"\\/\"", "/", true},
                {"\"\\ud83d\"", "\xf0\x9f\x98\x80", false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        ck_assert_msg(forge_util_json_is(rows[i].text, rows[i].text + strlen(rows[i].text), rows[i].name) ==
                          rows[i].same,
                      "%s", rows[i].text);
}
END_TEST

Suite *forge_test_util_json_text(void)
{
    Suite *suite = suite_create("util_json_text");
    TCase *all = tcase_create("text");
    tcase_add_checked_fixture(all, forge_test_begin, forge_test_end);
    tcase_add_test(all, what_is_json);
    tcase_add_test(all, how_deep);
    tcase_add_test(all, what_strings_say);
    suite_add_tcase(suite, all);
    return suite;
}
