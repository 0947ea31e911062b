/* SPDX-License-Identifier: Apache-2.0
 * Tests of util/gzip.c: what is packed comes back whole.
 */
#include "util/util.h"
#include "unit.h"
#include <zlib.h>

static void there_and_back(const char *text, apr_size_t len)
{
    forge_buf_t *packed = forge_util_gzip(forge_test_pool, text, len);
    ck_assert_ptr_nonnull(packed);
    ck_assert(packed->len > 2 && memcmp(packed->data, "\x1f\x8b", 2) == 0);
    unsigned char *out = apr_palloc(forge_test_pool, len + 1);
    z_stream z = {.next_in = (Bytef *)packed->data, .avail_in = (uInt)packed->len};
    z.next_out = out;
    z.avail_out = (uInt)len + 1;
    ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
    ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
    ck_assert_uint_eq(z.total_out, len);
    ck_assert_uint_eq(z.avail_in, 0);
    inflateEnd(&z);
    ck_assert_int_eq(memcmp(out, text, len), 0);
}

START_TEST(comes_back_whole)
{
    char *text = apr_palloc(forge_test_pool, 300000);
    memset(text, 'a', 300000);
    there_and_back(text, 300000);
    ck_assert_uint_lt(forge_util_gzip(forge_test_pool, text, 300000)->len, 2000);
    forge_util_random(text, 300000);
    there_and_back(text, 300000);
    there_and_back("", 0);
    there_and_back("x", 1);
}
END_TEST

Suite *forge_test_util_gzip(void)
{
    Suite *s = suite_create("util_gzip");
    TCase *tc = tcase_create("gzip");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, comes_back_whole);
    suite_add_tcase(s, tc);
    return s;
}
