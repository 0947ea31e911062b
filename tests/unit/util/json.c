/* SPDX-License-Identifier: Apache-2.0
 * Tests of util/json.c: what the reader refuses, what it keeps, and the builders and writer.
 */
#include "util/util.h"
#include "unit.h"
#include <apr_strings.h>
#include <math.h>

static forge_json_t *parse_bytes(const char *text, apr_size_t len, const char **why)
{
    *why = NULL;
    return forge_util_json_parse(forge_test_pool, text, len, why);
}

static forge_json_t *parse(const char *text)
{
    const char *why;
    forge_json_t *v = parse_bytes(text, strlen(text), &why);
    ck_assert_msg(v != NULL, "%s: %s", text, why);
    return v;
}

static const char *refuse(const char *text)
{
    const char *why;
    ck_assert_msg(!parse_bytes(text, strlen(text), &why), "accepted: %s", text);
    ck_assert_ptr_nonnull(why);
    return why;
}

static const char *written(const forge_json_t *v)
{
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 0, 1 << 20);
    forge_util_json_write(b, v);
    ck_assert(!b->failed);
    return apr_pstrmemdup(forge_test_pool, b->data, b->len);
}

/* Texts that no reader of RFC 8259 may accept, by kind. */
static const char *const not_json[] = {
    /* arrays */
    "[1 true]",
    "[a\xe5]",
    "[\"\": 1]",
    "[\"\"],",
    "[,1]",
    "[1,,2]",
    "[\"x\",,]",
    "[\"x\"]]",
    "[\"\",]",
    "[\"x\"",
    "[x",
    "[3[4]]",
    "[\xff]",
    "[1:2]",
    "[,]",
    "[-]",
    "[   , \"\"]",
    "[\"a\",\n4\n,1,",
    "[1,]",
    "[1,,]",
    "[\"\va\"\\f]",
    "[*]",
    "[\"\"",
    "[1,",
    "[1,\n1\n,1",
    "[{}",
    "[",
    /* words */
    "[fals]",
    "[nul]",
    "[tru]",
    "True",
    "nulL",
    "[True]",
    "undefined",
    "NaN",
    "Infinity",
    "-Infinity",
    "[-NaN]",
    "<null>",
    "nul",
    "aé",
    /* numbers */
    "[++1234]",
    "[+1]",
    "[+Inf]",
    "[-01]",
    "[-1.0.]",
    "[-2.]",
    "[.-1]",
    "[.2e-3]",
    "[0.1.2]",
    "[0.3e+]",
    "[0.3e]",
    "[0.e1]",
    "[0E+]",
    "[0E]",
    "[0e+]",
    "[0e]",
    "[1.0e+]",
    "[1.0e-]",
    "[1.0e]",
    "[1 000.0]",
    "[1eE2]",
    "[2.e+3]",
    "[2.e-3]",
    "[2.e3]",
    "[9.e+]",
    "[Inf]",
    "[1+2]",
    "[0x1]",
    "[0x42]",
    "[- 1]",
    "[-012]",
    "[-.123]",
    "[-1x]",
    "[1ea]",
    "[1a]",
    "[.123]",
    "[1.]",
    "[1.2a-3]",
    "[1.8011670033376514H-308]",
    "[012]",
    "[-foo]",
    "[1e1\xe5]",
    "[123\xe5]",
    "[0\xe5]",
    "[\xef\xbc\x91]",
    /* objects */
    "[\"x\", truth]",
    "{[: \"x\"}\n",
    "{\"x\", null}",
    "{\"x\"::\"b\"}",
    "{\xf0\x9f\x87\xa8\xf0\x9f\x87\xad}",
    "{\"a\":\"a\" 123}",
    "{key: 'value'}",
    "{\"\xb9\":\"0\",}",
    "{\"a\" b}",
    "{:\"b\"}",
    "{\"a\" \"b\"}",
    "{\"a\":",
    "{\"a\"",
    "{1:1}",
    "{9999E9999:1}",
    "{null:null,null:null}",
    "{\"id\":0,,,,,}",
    "{'a':0}",
    "{\"id\":0,}",
    "{\"a\":\"b\"}/**/",
    "{\"a\":\"b\"}/**//",
    "{\"a\":\"b\"}//",
    "{\"a\":\"b\"}/",
    "{\"a\":\"b\",,\"c\":\"d\"}",
    "{a: \"b\"}",
    "{\"a\":\"a",
    "{ \"foo\" : \"bar\", \"a\" }",
    "{\"a\":\"b\"}#",
    "{",
    "{,",
    "{\"asd\":\"asd\"",
    "{}}",
    "{\"\":",
    /* strings */
    "[\"\\uD800\\\"]",
    "[\"\\uD800\\u\"]",
    "[\"\\uD800\\u1\"]",
    "[\"\\uD800\\u1x\"]",
    "[\xc3\xa9]",
    "[\"\\x00\"]",
    "[\"\\\\\\\"]",
    "[\"\\\t\"]",
    "[\"\\\xf0\x9f\x8c\x80\"]",
    "[\"\\\"]",
    "[\"\\u00A\"]",
    "[\"\\uD834\\uDd\"]",
    "[\"\\uD800\\uD800\\x\"]",
    "[\"\\u\xe5\"]",
    "[\"\\a\"]",
    "[\"\\uqqqq\"]",
    "[\"\\\xe5\"]",
    "[\\u0020\"asd\"]",
    "[\\n]",
    "\"",
    "['single quote']",
    "abc",
    "[\"\\",
    "[\"new\nline\"]",
    "[\"\t\"]",
    "\"\\UA66D\"",
    "\"\"x",
    "[\"\x1f\"]",
    "[\"asd]",
    "[\"\\u12\"]",
    /* structure */
    "",
    " ",
    "<.>",
    "[<null>]",
    "[1]x",
    "[1]]",
    "[\"asd]",
    "[True]",
    "1]",
    "{\"x\": true,",
    "[][]",
    "]",
    "\xef\xbb\xbf{",
    "\xef\xbb\xbf",
    "\xe5",
    "[",
    "{}}",
    "{\"\":",
    "[{\"\":[{\"\":",
    "{\"a\": true} \"x\"",
    "['",
    "[,",
    "{]",
    "{[",
    "{\"a",
    "{'a'",
    "[\"\\{[\"\\{[\"\\{[\"\\{",
    "*",
    "{\"a\":\"b\"}#{}",
    "[\\u000A\"\"]",
    "[1",
    "[ false, nul",
    "[ true, fals",
    "[ false, tru",
    "{\"asd\":\"asd\"",
    "\xc3\xa5",
    "[\xe2\x81\xa0]",
    "\xef\xbb\xbf{}",
    "[\f]",
    "[\v1]",
    "[\xc2\xa0]",
    "2@",
    "1 1",
};

START_TEST(refuses_what_is_not_json)
{
    for (size_t i = 0; i < sizeof(not_json) / sizeof(not_json[0]); i++)
        refuse(not_json[i]);
}
END_TEST

START_TEST(refuses_nul_bytes_in_the_text)
{
    const char *why;
    ck_assert_ptr_null(parse_bytes("123\0", 4, &why));
    ck_assert_ptr_null(parse_bytes("[\"a\0a\"]", 7, &why));
    ck_assert_ptr_null(parse_bytes("[\0]", 3, &why));
    ck_assert_ptr_null(parse_bytes("\0", 1, &why));
    ck_assert_ptr_null(parse_bytes("{}\0{}", 5, &why));
    ck_assert_ptr_null(parse_bytes(NULL, 0, &why));
}
END_TEST

/* Texts that every reader of RFC 8259 must accept. */
static const char *const is_json[] = {
    "[[]   ]",
    "[\"\"]",
    "[]",
    "[\"a\"]",
    "[false]",
    "[null, 1, \"1\", {}]",
    "[null]",
    "[1\n]",
    " [1]",
    "[1,null,null,null,2]",
    "[2] ",
    "[123e65]",
    "[0e+1]",
    "[0e1]",
    "[ 4]",
    "[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]",
    "[20e1]",
    "[-0]",
    "[-123]",
    "[-1]",
    "[1E22]",
    "[1E-2]",
    "[1E+2]",
    "[123e45]",
    "[123.456e78]",
    "[1e-2]",
    "[123.456789]",
    "{\"asd\":\"sdf\", \"dfg\":\"fgh\"}",
    "{\"asd\":\"sdf\"}",
    "{}",
    "{\"\":0}",
    "{ \"min\": -1.0e+28, \"max\": 1.0e+28 }",
    "{\"a\":[]}",
    "{\n\"a\": \"b\"\n}",
    "[\"\\u0060\\u012a\\u12AB\"]",
    "[\"\\uD801\\udc37\"]",
    "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
    "[\"\\\\u0000\"]",
    "[\"a/*b*/c/*d//e\"]",
    "[\"\\\\a\"]",
    "[\"\\u0012\"]",
    "[\"\\uFFFF\"]",
    "[\"asd \"]",
    "[\"\xf4\x8f\xbf\xbf\"]",
    "[\"new\\u000Aline\"]",
    "[\"\x7f\"]",
    "[\"\\u0000\"]",
    "\" \"",
    "[\"\\uD834\\uDd1e\"]",
    "[\"\xe2\x80\xa8\"]",
    "false",
    "42",
    "-0.1",
    "null",
    "\"asd\"",
    "true",
    "\"\"",
    "[\"a\"]\n",
    " [] ",
    "[\"{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[\"]",
    "[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]",
    "[1,2,[3,{\"a\":{\"b\":[{}]}}]]",
};

START_TEST(accepts_what_is_json)
{
    for (size_t i = 0; i < sizeof(is_json) / sizeof(is_json[0]); i++)
        parse(is_json[i]);
}
END_TEST

START_TEST(refuses_duplicates)
{
    ck_assert_ptr_nonnull(strstr(refuse("{\"role\":\"student\",\"role\":\"owner\"}"), "twice"));
    refuse("{\"role\":\"student\",\"\\u0072ole\":\"owner\"}");
    refuse("{\"a\":{\"b\":1,\"b\":1}}");
    refuse("[{\"\":1,\"\":2}]");
    parse("{\"a\":{\"a\":1},\"b\":{\"a\":1}}");
}
END_TEST

START_TEST(refuses_nul_in_a_name_but_keeps_it_in_text)
{
    apr_size_t len;
    refuse("{\"a\\u0000b\":1}");
    refuse("{\"\\u0000\":1}");
    const char *text = forge_util_json_text(forge_util_json_get(parse("{\"a\":\"x\\u0000y\"}"), "a"), &len);
    ck_assert_uint_eq(len, 3);
    ck_assert_mem_eq(text, "x\0y", 4);
}
END_TEST

static const char *nested(int depth, const char *open, const char *close)
{
    const char *text = "1";
    for (int i = 0; i < depth; i++)
        text = apr_pstrcat(forge_test_pool, open, text, close, NULL);
    return text;
}

START_TEST(depth_has_a_ceiling)
{
    parse(nested(FORGE_JSON_DEPTH_MAX, "[", "]"));
    parse(nested(FORGE_JSON_DEPTH_MAX, "{\"a\":", "}"));
    ck_assert_ptr_nonnull(strstr(refuse(nested(FORGE_JSON_DEPTH_MAX + 1, "[", "]")), "deep"));
    refuse(nested(FORGE_JSON_DEPTH_MAX + 1, "{\"a\":", "}"));
    refuse(nested(3000, "[", ""));
}
END_TEST

static const char *members(int n)
{
    char *text = apr_palloc(forge_test_pool, (apr_size_t)n * 16 + 3), *at = text;
    *at++ = '{';
    for (int i = 0; i < n; i++)
        at += apr_snprintf(at, 16, "%s\"m%d\":%d", i ? "," : "", i, i);
    *at++ = '}';
    *at = '\0';
    return text;
}

START_TEST(members_have_a_ceiling)
{
    ck_assert_uint_eq(forge_util_json_size(parse(members(FORGE_JSON_MEMBERS_MAX))), FORGE_JSON_MEMBERS_MAX);
    ck_assert_ptr_nonnull(strstr(refuse(members(FORGE_JSON_MEMBERS_MAX + 1)), "members"));
    char *array = apr_palloc(forge_test_pool, 4004);
    memset(array, 0, 4004);
    array[0] = '[';
    for (int i = 0; i < 2000; i++)
        memcpy(array + 1 + i * 2, i == 1999 ? "1]" : "1,", 2);
    ck_assert_uint_eq(forge_util_json_size(parse(array)), 2000);
}
END_TEST

START_TEST(numbers_have_a_range)
{
    apr_int64_t n;
    double d;
    ck_assert(forge_util_json_int(parse("9223372036854775807"), &n) && n == APR_INT64_MAX);
    ck_assert(forge_util_json_int(parse("-9223372036854775808"), &n) && n == APR_INT64_MIN);
    ck_assert_ptr_nonnull(strstr(refuse("9223372036854775808"), "range"));
    refuse("-9223372036854775809");
    refuse("[1e400]");
    refuse("[-1e400]");
    ck_assert(forge_util_json_number(parse("1e-400"), &d) && d == 0);
    ck_assert(forge_util_json_int(parse("1.0"), &n) && n == 1);
    ck_assert(forge_util_json_int(parse("-1e2"), &n) && n == -100);
    ck_assert(!forge_util_json_int(parse("1.5"), &n));
    ck_assert(!forge_util_json_int(parse("1e300"), &n));
    ck_assert(forge_util_json_number(parse("3"), &d) && d == 3);
    char *digits = apr_palloc(forge_test_pool, 1000001);
    memset(digits, '0', 1000000);
    digits[1000000] = '\0';
    digits[1] = '.';
    refuse(digits);
}
END_TEST

START_TEST(unicode_is_checked)
{
    static const char *const bad[] = {"[\"\\uD800\"]",        "[\"\\uDC00\"]",          "[\"\\uDFAA\"]",
                                      "[\"\\uD888\\u1234\"]", "[\"\\uDd1e\\uD834\"]",   "[\"\\uD800\\n\"]",
                                      "[\"\xff\"]",           "[\"\xed\xa0\x80\"]",     "[\"\xc0\xaf\"]",
                                      "[\"\xe0\xff\"]",       "[\"\xf4\xbf\xbf\xbf\"]", "[\"\x81\"]",
                                      "{\"\xed\xa0\x80\":1}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refuse(bad[i]);
    ck_assert_str_eq(forge_util_json_text(parse("\"\\uD83C\\uDF93\""), NULL), "\xf0\x9f\x8e\x93");
}
END_TEST

START_TEST(reasons_say_where_and_quote_nothing)
{
    const char *why = refuse("{\n  \"name\": canary\n}");
    ck_assert_ptr_nonnull(strstr(why, "line 2"));
    ck_assert_ptr_null(strstr(why, "canary"));
    ck_assert_ptr_null(strstr(refuse("{\"canary\":1,\"canary\":2}"), "canary"));
    ck_assert_str_eq(refuse("{\"a\":\n[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1"), "nested too deep, at line 2, column 32");
}
END_TEST

static bool collect(void *baton, const char *name, forge_json_t *value)
{
    char *names = baton;
    strcat(names, name);
    return forge_util_json_type(value) != FORGE_JSON_NULL;
}

START_TEST(reading)
{
    forge_json_t *v = parse("{\"z\":true,\"a\":[1,2.5,\"x\"],\"m\":null,\"b\":{}}");
    char names[16] = "";
    bool b = false;
    ck_assert_int_eq(forge_util_json_type(v), FORGE_JSON_OBJECT);
    ck_assert_uint_eq(forge_util_json_size(v), 4);
    ck_assert(forge_util_json_bool(forge_util_json_get(v, "z"), &b) && b);
    ck_assert(!forge_util_json_bool(forge_util_json_get(v, "a"), &b));
    ck_assert_int_eq(forge_util_json_type(forge_util_json_get(v, "m")), FORGE_JSON_NULL);
    ck_assert_ptr_null(forge_util_json_get(v, "none"));
    forge_json_t *a = forge_util_json_get(v, "a");
    ck_assert_uint_eq(forge_util_json_size(a), 3);
    ck_assert_int_eq(forge_util_json_type(forge_util_json_at(a, 0)), FORGE_JSON_INT);
    ck_assert_int_eq(forge_util_json_type(forge_util_json_at(a, 1)), FORGE_JSON_NUMBER);
    ck_assert_int_eq(forge_util_json_type(forge_util_json_at(a, 2)), FORGE_JSON_TEXT);
    ck_assert_ptr_null(forge_util_json_at(a, 3));
    ck_assert_ptr_null(forge_util_json_get(a, "x"));
    ck_assert_ptr_null(forge_util_json_text(a, NULL));
    ck_assert_uint_eq(forge_util_json_size(forge_util_json_get(v, "z")), 0);
    forge_util_json_each(v, collect, names);
    ck_assert_str_eq(names, "zam");
}
END_TEST

START_TEST(building_and_writing)
{
    forge_json_t *o = forge_util_json_object(forge_test_pool);
    forge_util_json_put_text(o, "t", "a\"\xe2\x80\xa8");
    forge_util_json_put_text(o, "none", NULL);
    forge_util_json_put_int(o, "i", -5);
    forge_util_json_put_number(o, "n", 0.1);
    forge_util_json_put_number(o, "whole", 2);
    forge_util_json_put_number(o, "nan", NAN);
    forge_util_json_put_bool(o, "b", true);
    forge_util_json_put_null(o, "null");
    forge_json_t *a = forge_util_json_put_array(o, "a");
    forge_util_json_add_text(a, "x");
    forge_util_json_put_bool(forge_util_json_add_object(a), "in", false);
    forge_util_json_add_copy(a, a);
    forge_json_t *inner = forge_util_json_put_object(o, "o");
    forge_util_json_put_literal(inner, "lit", "{\"k\":[1]}");
    forge_util_json_put_literal(inner, "bare", "no json");
    forge_util_json_put_copy(inner, "copy", forge_util_json_get(o, "i"));
    ck_assert_str_eq(
        written(o),
        "{\"t\":\"a\\\"\\u2028\",\"none\":null,\"i\":-5,\"n\":0.1,\"whole\":2.0,\"nan\":null,\"b\":true,\"null\":null,"
        "\"a\":[\"x\",{\"in\":false},[\"x\",{\"in\":false}]],\"o\":{\"lit\":{\"k\":[1]},\"bare\":\"no "
        "json\",\"copy\":-5}}");
}
END_TEST

START_TEST(broken_text_is_written_well_formed)
{
    forge_json_t *a = forge_util_json_array(forge_test_pool);
    forge_util_json_add_text(a, "a\xff");
    ck_assert_str_eq(written(a), "[\"a\xef\xbf\xbd\"]");
    ck_assert_str_eq(written(parse("[\"x\\u0000y\",1e300,0.30000000000000004,1e-7,-0.0]")),
                     "[\"x\\u0000y\",1e+300,0.30000000000000004,1e-07,-0.0]");
}
END_TEST

START_TEST(nothing_happens_to_a_missing_parent)
{
    forge_util_json_put_text(NULL, "a", "b");
    ck_assert_ptr_null(forge_util_json_put_object(NULL, "a"));
    ck_assert_ptr_null(forge_util_json_put_array(forge_util_json_array(forge_test_pool), "a"));
    ck_assert_ptr_null(forge_util_json_add_object(NULL));
    ck_assert_str_eq(written(NULL), "null");
}
END_TEST

static void add_reader_tests(TCase *tc)
{
    tcase_add_test(tc, refuses_what_is_not_json);
    tcase_add_test(tc, refuses_nul_bytes_in_the_text);
    tcase_add_test(tc, accepts_what_is_json);
    tcase_add_test(tc, refuses_duplicates);
    tcase_add_test(tc, refuses_nul_in_a_name_but_keeps_it_in_text);
    tcase_add_test(tc, depth_has_a_ceiling);
    tcase_add_test(tc, members_have_a_ceiling);
    tcase_add_test(tc, numbers_have_a_range);
    tcase_add_test(tc, unicode_is_checked);
    tcase_add_test(tc, reasons_say_where_and_quote_nothing);
}

Suite *forge_test_util_json(void)
{
    Suite *s = suite_create("util_json");
    TCase *tc = tcase_create("reader and writer");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_unchecked_fixture(tc, forge_util_json_init, NULL);
    add_reader_tests(tc);
    tcase_add_test(tc, reading);
    tcase_add_test(tc, building_and_writing);
    tcase_add_test(tc, broken_text_is_written_well_formed);
    tcase_add_test(tc, nothing_happens_to_a_missing_parent);
    suite_add_tcase(s, tc);
    return s;
}
