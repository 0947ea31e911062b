/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/etag.c: tags and their comparison.
 */
#include "core/wire/wire.h"
#include "unit.h"

START_TEST(tags)
{
    const char *both = forge_core_etag_both(forge_test_pool, "3", "abc", 3);
    ck_assert_str_eq(both, "\"v3.ba7816bf8f01cfea414140de5dae2223\"");
    ck_assert_str_ne(both, forge_core_etag_both(forge_test_pool, "3", "abd", 3));
    const char *a = forge_core_etag_bytes(forge_test_pool, "abc", 3),
               *b = forge_core_etag_bytes(forge_test_pool, "abd", 3);
    ck_assert_str_ne(a, b);
    ck_assert_str_eq(a, forge_core_etag_bytes(forge_test_pool, "abc", 3));
    ck_assert_uint_eq(strlen(a), 24);
    ck_assert(a[0] == '"' && a[23] == '"');
    ck_assert(forge_core_etag_match(a, a, false));
}
END_TEST

START_TEST(comparison)
{
    static const struct {
        const char *header, *etag;
        bool weak, strong;
    } rows[] = {
        {"\"v3\"", "\"v3\"", true, true},
        {"\"v4\"", "\"v3\"", false, false},
        {"W/\"v3\"", "\"v3\"", true, false},
        {"\"v3\"", "W/\"v3\"", true, false},
        {"*", "\"v3\"", true, true},
        {" * ", "\"v3\"", true, true},
        {"*, \"v4\"", "\"v3\"", false, false},
        {"\"v1\", \"v2\",\"v3\"", "\"v3\"", true, true},
        {"\"v1\" , W/\"v3\"", "\"v3\"", true, false},
        {",, \"v3\" ,", "\"v3\"", true, true},
        {"\"v3-gzip\"", "\"v3\"", true, true},
        {"\"v3-br\"", "\"v3\"", true, true},
        {"\"v3-gzi\"", "\"v3\"", false, false},
        {"\"v3-gzip-br\"", "\"v3\"", false, false},
        {"\"v30\"", "\"v3\"", false, false},
        {"\"v\"", "\"v3\"", false, false},
        {"\"\"", "\"v3\"", false, false},
        {"", "\"v3\"", false, false},
        {" ", "\"v3\"", false, false},
        {"v3", "\"v3\"", false, false},
        {"\"v3", "\"v3\"", false, false},
        {"w/\"v3\"", "\"v3\"", false, false},
        {"W/v3", "\"v3\"", false, false},
        {"W/", "\"v3\"", false, false},
        {"\"a,b\", \"v3\"", "\"v3\"", true, true},
        {"\"a\" \"v3\"", "\"v3\"", false, false},
        {"\"a b\", \"v3\"", "\"v3\"", false, false},
        {"\"v3\"x", "\"v3\"", true, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(forge_core_etag_match(rows[i].header, rows[i].etag, true) == rows[i].weak, "weak %s",
                      rows[i].header);
        ck_assert_msg(forge_core_etag_match(rows[i].header, rows[i].etag, false) == rows[i].strong, "strong %s",
                      rows[i].header);
    }
}
END_TEST

Suite *forge_test_core_etag(void)
{
    Suite *s = suite_create("core_etag");
    TCase *tc = tcase_create("tags");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, tags);
    tcase_add_test(tc, comparison);
    suite_add_tcase(s, tc);
    return s;
}
