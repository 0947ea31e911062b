/* SPDX-License-Identifier: Apache-2.0
 * Tests of util/random.c: that all bytes are filled, and anew each time.
 */
#include "util/util.h"
#include "unit.h"

START_TEST(fills_anew)
{
    unsigned char a[64] = {0}, b[64] = {0};
    forge_util_random(a, sizeof(a));
    forge_util_random(b, sizeof(b));
    ck_assert_mem_ne(a, b, sizeof(a));
    ck_assert_mem_ne(a, a + 32, 32);
}
END_TEST

START_TEST(fills_all_and_no_more)
{
    static unsigned char large[100000], seen[256];
    unsigned char small[3] = {7, 7, 7};
    forge_util_random(large, sizeof(large));
    for (size_t i = sizeof(large) - 10000; i < sizeof(large); i++)
        seen[large[i]] = 1;
    for (int i = 0; i < 256; i++)
        ck_assert_int_eq(seen[i], 1);
    forge_util_random(small, 0);
    ck_assert_int_eq(small[0], 7);
    forge_util_random(small + 1, 1);
    ck_assert(small[0] == 7 && small[2] == 7);
}
END_TEST

Suite *forge_test_util_random(void)
{
    Suite *s = suite_create("util_random");
    TCase *tc = tcase_create("getrandom");
    tcase_add_test(tc, fills_anew);
    tcase_add_test(tc, fills_all_and_no_more);
    suite_add_tcase(s, tc);
    return s;
}
