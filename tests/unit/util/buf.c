/* SPDX-License-Identifier: Apache-2.0
 * Tests of util/buf.c: growth, the ceiling, JSON escapes and giving the block away.
 */
#include "util/util.h"
#include "unit.h"

static void holds(const forge_buf_t *b, const char *text)
{
    ck_assert(!b->failed);
    ck_assert_uint_eq(b->len, strlen(text));
    ck_assert_mem_eq(b->data, text, b->len);
}

static void escapes_to(const char *text, apr_size_t len, const char *expected)
{
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 0, 10000);
    forge_util_buf_json(b, text, len);
    holds(b, expected);
}

START_TEST(grows_as_needed)
{
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 4, 1 << 20);
    for (int i = 0; i < 10000; i++)
        forge_util_buf_add(b, "0123456789", 10);
    ck_assert(!b->failed);
    ck_assert_uint_eq(b->len, 100000);
    ck_assert_uint_ge(b->cap, b->len);
    ck_assert_mem_eq(b->data + 99990, "0123456789", 10);
}
END_TEST

START_TEST(stops_at_the_ceiling)
{
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 1000, 10);
    forge_util_buf_add(b, "0123456789", 10);
    holds(b, "0123456789");
    ck_assert_uint_le(b->cap, 10);
    forge_util_buf_add(b, "x", 1);
    ck_assert(b->failed);
    forge_util_buf_add(b, "", 0);
    apr_size_t len = 1;
    ck_assert_ptr_null(forge_util_buf_release(b, &len));
    ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(numbers_and_formats)
{
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 0, 100);
    forge_util_buf_int(b, 0);
    forge_util_buf_puts(b, " ");
    forge_util_buf_int(b, APR_INT64_MIN);
    forge_util_buf_puts(b, " ");
    forge_util_buf_int(b, APR_INT64_MAX);
    forge_util_buf_printf(b, " %s:%d", "a", 42);
    holds(b, "0 -9223372036854775808 9223372036854775807 a:42");
}
END_TEST

START_TEST(long_formats_and_their_ceiling)
{
    char *text = apr_palloc(forge_test_pool, 2001);
    memset(text, 'x', 2000);
    text[2000] = '\0';
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 0, 2000);
    forge_util_buf_printf(b, "%s", text);
    holds(b, text);
    forge_buf_t *small = forge_util_buf_make(forge_test_pool, 0, 1999);
    forge_util_buf_printf(small, "%s", text);
    ck_assert(small->failed);
    small = forge_util_buf_make(forge_test_pool, 0, 2);
    forge_util_buf_printf(small, "%s", "abc");
    ck_assert(small->failed);
}
END_TEST

START_TEST(json_strings)
{
    escapes_to("", 0, "\"\"");
    escapes_to("plain", 5, "\"plain\"");
    escapes_to("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"");
    escapes_to("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
    escapes_to("\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\\u007f\"");
    escapes_to("\x1b[31m", 5, "\"\\u001b[31m\"");
    escapes_to("Zo\xc3\xab \xf0\x9f\x8e\x93", 9, "\"Zo\xc3\xab \xf0\x9f\x8e\x93\"");
    escapes_to("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", 12, "\"\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xaa\"");
}
END_TEST

START_TEST(json_strings_of_broken_utf8)
{
    escapes_to("a\377b", 3, "\"a\357\277\275b\"");
    escapes_to("\xc3", 1, "\"\xef\xbf\xbd\"");
    escapes_to("\xe2\x80", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    escapes_to("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    escapes_to("\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    escapes_to("\xc3\"", 2, "\"\xef\xbf\xbd\\\"\"");
}
END_TEST

START_TEST(json_string_past_the_ceiling)
{
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 0, 6);
    forge_util_buf_json(b, "\n\n\n", 3);
    ck_assert(b->failed);
}
END_TEST

START_TEST(release_gives_the_block_away)
{
    apr_pool_t *p;
    apr_size_t len;
    apr_pool_create(&p, forge_test_pool);
    forge_buf_t *b = forge_util_buf_make(p, 10, 100);
    ck_assert_ptr_null(forge_util_buf_release(b, &len));
    forge_util_buf_puts(b, "mine");
    char *block = forge_util_buf_release(b, &len);
    ck_assert_uint_eq(len, 4);
    ck_assert_uint_eq(b->len, 0);
    forge_util_buf_puts(b, "again");
    holds(b, "again");
    apr_pool_destroy(p);
    ck_assert_mem_eq(block, "mine", 4);
    free(block);
}
END_TEST

Suite *forge_test_util_buf(void)
{
    Suite *s = suite_create("util_buf");
    TCase *tc = tcase_create("buffer");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, grows_as_needed);
    tcase_add_test(tc, stops_at_the_ceiling);
    tcase_add_test(tc, numbers_and_formats);
    tcase_add_test(tc, long_formats_and_their_ceiling);
    tcase_add_test(tc, json_strings);
    tcase_add_test(tc, json_strings_of_broken_utf8);
    tcase_add_test(tc, json_string_past_the_ceiling);
    tcase_add_test(tc, release_gives_the_block_away);
    suite_add_tcase(s, tc);
    return s;
}
