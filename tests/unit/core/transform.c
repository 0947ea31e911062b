/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/wire/transform.c: rules, and what they make of an answer.
 */
#include "core/wire/wire.h"
#include "unit.h"

#include <apr_strings.h>

static bool add_rule(apr_array_header_t *rules, const char *line)
{
    char **words;
    int n = 0;
    apr_tokenize_to_argv(line, &words, forge_test_pool);
    while (words[n])
        n++;
    forge_transform_rule_t rule;
    if (forge_core_transform_read(forge_test_pool, n, words, &rule))
        return false;
    APR_ARRAY_PUSH(rules, forge_transform_rule_t) = rule;
    return true;
}

/* The rules are parted by ';'. NULL: it cannot be changed. */
static const char *changed(const char *lines, const char *text)
{
    apr_array_header_t *rules = apr_array_make(forge_test_pool, 4, sizeof(forge_transform_rule_t));
    char *state, *copy = apr_pstrdup(forge_test_pool, lines);
    for (char *line = apr_strtok(copy, ";", &state); line; line = apr_strtok(NULL, ";", &state))
        ck_assert_msg(add_rule(rules, line), "%s", line);
    const forge_buf_t *b = forge_core_transform(forge_test_pool, rules, text, strlen(text));
    return b ? apr_pstrmemdup(forge_test_pool, b->data, b->len) : NULL;
}

START_TEST(what_rules_do)
{
    static const struct {
        const char *rules, *from, *to;
    } rows[] = {
        {"rename a b", "{\"a\":1.50}", "{\"b\":1.50}"},
        {"rename a b", "{\"b\":1,\"a\":2,\"c\":3}", "{\"b\":2,\"c\":3}"},
        {"rename a b", "{\"b\":1}", "{\"b\":1}"},
        {"rename a.b c", "{\"a\":{\"b\":1},\"b\":2}", "{\"a\":{\"c\":1},\"b\":2}"},
        {"rename a b", "[{\"a\":1},{\"a\":2},3]", "[{\"b\":1},{\"b\":2},3]"},
        {"rename a.b c", "[{\"a\":[{\"b\":1},{\"b\":2}]}]", "[{\"a\":[{\"c\":1},{\"c\":2}]}]"},
        {"drop a", "{\"a\":1}", "{}"},
        {"drop a", " { \"a\" : 1 , \"b\" : [ 1 , 2 ] } ", "{\"b\":[ 1 , 2 ]}"},
        {"drop a", "{\"\\u0061\":1,\"a\":2,\"b\":3}", "{\"b\":3}"},
        {"drop a.b", "{\"a\":7}", "{\"a\":7}"},
        {"drop a", "[[{\"a\":1}]]", "[[{\"a\":1}]]"},
        {"wrap items", "[1,2]", "{\"items\":[1,2]}"},
        {"wrap items", "7", "{\"items\":7}"},
        {"wrap a b", "[{\"a\":1}]", "[{\"a\":{\"b\":1}}]"},
        {"unwrap data", "{\"data\":[1],\"n\":1}", "[1]"},
        {"unwrap data", "{\"n\":1}", "{\"n\":1}"},
        {"unwrap data", "[{\"data\":1},{\"n\":2}]", "[1,{\"n\":2}]"},
        {"unwrap user.data", "{\"user\":{\"data\":{\"x\":1}}}", "{\"user\":{\"x\":1}}"},
        {"unwrap data;drop x;wrap items", "{\"data\":[{\"x\":1,\"y\":12345678901234567890}]}",
         "{\"items\":[{\"y\":12345678901234567890}]}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *is = changed(rows[i].rules, rows[i].from);
        ck_assert_msg(is && strcmp(is, rows[i].to) == 0, "%s: %s", rows[i].rules, is ? is : "refused");
    }
}
END_TEST

START_TEST(what_is_no_json_is_not_changed)
{
    ck_assert_ptr_null(changed("drop a", "{\"a\":1,}"));
    ck_assert_ptr_null(changed("drop a", ""));
    ck_assert_ptr_null(changed("drop a", "<html>"));
}
END_TEST

START_TEST(what_is_too_large_is_not_changed)
{
    char *text = calloc(1, FORGE_TRANSFORM_BYTES + 2);
    memset(text, ' ', FORGE_TRANSFORM_BYTES + 1);
    text[0] = '1';
    ck_assert_ptr_null(changed("drop a", text));
    memset(text, '1', FORGE_TRANSFORM_BYTES);
    text[FORGE_TRANSFORM_BYTES] = '\0';
    ck_assert_ptr_nonnull(changed("drop a", text));
    ck_assert_ptr_null(changed("wrap a", text));
    free(text);
}
END_TEST

START_TEST(what_is_a_rule)
{
    static const char *const good[] = {
        "rename a b", "RENAME a.b.c d",       "drop a",           "wrap a",  "wrap a.b c",
        "unwrap a",   "drop a.b.c.d.e.f.g.h", "drop caf\xc3\xa9", "drop $id"};
    static const char *const bad[] = {
        "rename a",   "rename a b c", "drop",    "drop a b", "unwrap",    "unwrap a b",   "wrap",
        "wrap a b c", "hide a",       "drop .a", "drop a.",  "drop a..b", "rename a b.c", "drop a.b.c.d.e.f.g.h.i",
        "wrap a.b"};
    apr_array_header_t *rules = apr_array_make(forge_test_pool, 4, sizeof(forge_transform_rule_t));
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        ck_assert_msg(add_rule(rules, good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(!add_rule(rules, bad[i]), "%s", bad[i]);
}
END_TEST

Suite *forge_test_core_transform(void)
{
    Suite *suite = suite_create("core_transform");
    TCase *all = tcase_create("rules");
    tcase_add_checked_fixture(all, forge_test_begin, forge_test_end);
    tcase_add_test(all, what_rules_do);
    tcase_add_test(all, what_is_no_json_is_not_changed);
    tcase_add_test(all, what_is_too_large_is_not_changed);
    tcase_add_test(all, what_is_a_rule);
    suite_add_tcase(suite, all);
    return suite;
}
