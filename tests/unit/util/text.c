/* SPDX-License-Identifier: Apache-2.0
 * Tests of util/text.c: numbers, base64url, hex, UTF-8, forms, comparison.
 */
#include "util/util.h"
#include "unit.h"

START_TEST(whole_numbers)
{
    static const struct {
        const char *text;
        bool good;
        apr_int64_t n;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"7", true, 7},
        {"007", true, 7},
        {"-12", true, -12},
        {"9223372036854775807", true, APR_INT64_MAX},
        {"-9223372036854775808", true, APR_INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1e3", false, 0},
        {"0x10", false, 0},
        {"1.0", false, 0},
        {"--1", false, 0},
        {"10 OR 1=1", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        apr_int64_t n = 0;
        ck_assert_msg(forge_util_atoi(rows[i].text, strlen(rows[i].text), &n) == rows[i].good, "%s", rows[i].text);
        ck_assert_int_eq(n, rows[i].n);
    }
    ck_assert_str_eq(forge_util_itoa(forge_test_pool, APR_INT64_MIN), "-9223372036854775808");
}
END_TEST

START_TEST(base64url_both_ways)
{
    static const char *const rows[][2] = {{"", ""},        {"f", "Zg"},        {"fo", "Zm8"},
                                          {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"\xff\xfe\xfd", "__79"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        apr_size_t len = 99;
        ck_assert_str_eq(forge_util_b64url(forge_test_pool, rows[i][0], strlen(rows[i][0])), rows[i][1]);
        unsigned char *data = forge_util_b64url_decode(forge_test_pool, rows[i][1], strlen(rows[i][1]), &len);
        ck_assert_ptr_nonnull(data);
        ck_assert_uint_eq(len, strlen(rows[i][0]));
        ck_assert_mem_eq(data, rows[i][0], len);
    }
}
END_TEST

START_TEST(base64url_is_strict)
{
    static const char *const bad[] = {"Z",    "Zg=",  "Zg==", "Zh",     "Zm9",   "Zm9vY",
                                      "Zm+v", "Zm/v", "Zm 9", "Zm9v\n", "Zm9v.", "\xc3\xa9Zg"};
    apr_size_t len;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!forge_util_b64url_decode(forge_test_pool, bad[i], strlen(bad[i]), &len), "%s", bad[i]);
    ck_assert_ptr_null(forge_util_b64url_decode(forge_test_pool, "Z\0g", 3, &len));
}
END_TEST

START_TEST(hexadecimal)
{
    ck_assert_str_eq(forge_util_hex(forge_test_pool, "\x00\xab\xff", 3), "00abff");
    ck_assert_str_eq(forge_util_hex(forge_test_pool, "", 0), "");
}
END_TEST

START_TEST(utf8_forms)
{
    static const struct {
        const char *text;
        bool good;
        apr_size_t points;
    } rows[] = {
        {"", true, 0},
        {"abc", true, 3},
        {"\xc3\xa9", true, 1},
        {"\xe2\x82\xac", true, 1},
        {"\xf0\x9f\x98\x80x", true, 2},
        {"\xed\x9f\xbf", true, 1},
        {"\xee\x80\x80", true, 1},
        {"\xf4\x8f\xbf\xbf", true, 1},
        {"\xe0\xa0\x80", true, 1},
        {"\xf0\x90\x80\x80", true, 1},
        {"\x80", false, 0},
        {"\xc0\x80", false, 0},
        {"\xc1\xbf", false, 0},
        {"\xe0\x9f\xbf", false, 0},
        {"\xf0\x8f\xbf\xbf", false, 0},
        {"\xed\xa0\x80", false, 0},
        {"\xed\xbf\xbf", false, 0},
        {"\xf4\x90\x80\x80", false, 0},
        {"\xf5\x80\x80\x80", false, 0},
        {"\xff", false, 0},
        {"\xc3", false, 0},
        {"\xe2\x82", false, 0},
        {"\xf0\x9f\x98", false, 0},
        {"\xe2\x82x", false, 0},
        {"\xc3(", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        apr_size_t points = 0;
        ck_assert_msg(forge_util_utf8(rows[i].text, strlen(rows[i].text), &points) == rows[i].good, "row %zu", i);
        ck_assert_uint_eq(points, rows[i].points);
    }
    ck_assert(forge_util_utf8("a\0b", 3, NULL));
    ck_assert_uint_eq(forge_util_utf8_next("", 0), 0);
}
END_TEST

static apr_table_t *form(const char *text, int max, bool good)
{
    apr_table_t *pairs = NULL;
    const char *why = NULL;
    ck_assert_msg(forge_util_form(forge_test_pool, text, strlen(text), max, &pairs, &why) == good, "%s", text);
    ck_assert((why == NULL) == good);
    return pairs;
}

START_TEST(forms_decode)
{
    apr_table_t *t = form("a=1&b=x+y%20z&c&d=&&%C3%A9=%e2%82%ac&e=1=2", 10, true);
    ck_assert_int_eq(apr_table_elts(t)->nelts, 6);
    ck_assert_str_eq(apr_table_get(t, "a"), "1");
    ck_assert_str_eq(apr_table_get(t, "b"), "x y z");
    ck_assert_str_eq(apr_table_get(t, "c"), "");
    ck_assert_str_eq(apr_table_get(t, "d"), "");
    ck_assert_str_eq(apr_table_get(t, "\xc3\xa9"), "\xe2\x82\xac");
    ck_assert_str_eq(apr_table_get(t, "e"), "1=2");
    ck_assert_int_eq(apr_table_elts(form("", 10, true))->nelts, 0);
    ck_assert_int_eq(apr_table_elts(form("&&&", 1, true))->nelts, 0);
    ck_assert_int_eq(apr_table_elts(form("a=1&A=2", 2, true))->nelts, 2);
}
END_TEST

START_TEST(forms_refuse)
{
    static const char *const bad[] = {"a=%",   "a=%2",  "a=%zz",       "a=%%41", "a=%00",
                                      "%00=a", "a=%ff", "a=%ed%a0%80", "a=\xff", "a=1&b=2&c=3&d=4"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        form(bad[i], 3, false);
    form("a=1&b=2&c=3", 3, true);
    ck_assert_int_eq(apr_table_elts(form("a=1&%61=2", 3, true))->nelts, 2);
}
END_TEST

START_TEST(urls_encode)
{
    ck_assert_str_eq(forge_util_urlencode(forge_test_pool, "aZ09-._~"), "aZ09-._~");
    ck_assert_str_eq(forge_util_urlencode(forge_test_pool, "a b/\xc3\xa9&=%\r\n"), "a%20b%2F%C3%A9%26%3D%25%0D%0A");
}
END_TEST

START_TEST(blocks_compare)
{
    ck_assert(forge_util_equal("abc", "abc", 3));
    ck_assert(!forge_util_equal("abc", "abd", 3));
    ck_assert(!forge_util_equal("xbc", "abc", 3));
    ck_assert(forge_util_equal("a", "b", 0));
}
END_TEST

/* Vectors of its authors. */
START_TEST(hashes_as_others_do)
{
    ck_assert_uint_eq(forge_util_hash(FORGE_HASH_START, ""), APR_UINT64_C(0xcbf29ce484222325));
    ck_assert_uint_eq(forge_util_hash(FORGE_HASH_START, "a"), APR_UINT64_C(0xaf63dc4c8601ec8c));
    ck_assert_uint_eq(forge_util_hash(FORGE_HASH_START, "foobar"), APR_UINT64_C(0x85944171f73967e8));
    ck_assert_uint_eq(forge_util_hash(forge_util_hash(FORGE_HASH_START, "foo"), "bar"),
                      APR_UINT64_C(0x85944171f73967e8));
}
END_TEST

Suite *forge_test_util_text(void)
{
    Suite *s = suite_create("util_text");
    TCase *tc = tcase_create("forms");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, whole_numbers);
    tcase_add_test(tc, base64url_both_ways);
    tcase_add_test(tc, base64url_is_strict);
    tcase_add_test(tc, hexadecimal);
    tcase_add_test(tc, utf8_forms);
    tcase_add_test(tc, forms_decode);
    tcase_add_test(tc, forms_refuse);
    tcase_add_test(tc, urls_encode);
    tcase_add_test(tc, blocks_compare);
    tcase_add_test(tc, hashes_as_others_do);
    suite_add_tcase(s, tc);
    return s;
}
