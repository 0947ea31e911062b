/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/wire/paths.c: the paths that are asked together.
 */
#include "core/wire/wire.h"
#include "unit.h"

START_TEST(lists)
{
    static const struct {
        const char *text;
        int count; /* 0: refused */
    } rows[] = {{"/users/me", 1},
                {"/users/me/,/courses?limit=5&q=a%2Cb", 2},
                {"/a,/a,/a,/a,/a,/a,/a,/a", 8},
                {"/a,/a,/a,/a,/a,/a,/a,/a,/a", 0},
                {"/.well/...", 1},
                {"/a:b@c+d~e_f-g.h", 1},
                {"/aggregates", 1},
                {"/aggregate", 0},
                {"/aggregate/", 0},
                {"/aggregate?x", 0},
                {"", 0},
                {"/", 0},
                {"/?a", 0},
                {"a", 0},
                {"/a,", 0},
                {",/a", 0},
                {"//a", 0},
                {"/a//b", 0},
                {"/a//", 0},
                {"/.", 0},
                {"/a/..", 0},
                {"/a/../b", 0},
                {"/a/./b", 0},
                {"/a%2e", 0},
                {"/a;b", 0},
                {"/a b", 0},
                {"/a#b", 0},
                {"/a\\b", 0},
                {"/a?b#c", 0},
                {"/a?%4", 0},
                {"/a?%zz", 0},
                {"/a?\"", 0},
                {"/a\r\nX: y", 0},
                {"/caf\xc3\xa9", 0},
                {"http://a/b", 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        forge_paths_t paths;
        const char *why = NULL;
        bool good = forge_core_paths_read(forge_test_pool, rows[i].text, &paths, &why);
        ck_assert_msg(good == (rows[i].count > 0), "%s: %s", rows[i].text, why ? why : "accepted");
        ck_assert_msg(!good || paths.count == rows[i].count, "%s: %d", rows[i].text, paths.count);
        ck_assert(good == (why == NULL));
    }
}
END_TEST

START_TEST(a_path_is_bounded)
{
    char text[FORGE_AGGREGATE_PATH + 2];
    forge_paths_t paths;
    const char *why;
    memset(text, 'a', sizeof(text));
    text[0] = '/';
    text[FORGE_AGGREGATE_PATH + 1] = '\0';
    ck_assert(!forge_core_paths_read(forge_test_pool, text, &paths, &why));
    text[FORGE_AGGREGATE_PATH] = '\0';
    ck_assert(forge_core_paths_read(forge_test_pool, text, &paths, &why));
}
END_TEST

Suite *forge_test_core_paths(void)
{
    Suite *suite = suite_create("core_paths");
    TCase *all = tcase_create("paths");
    tcase_add_checked_fixture(all, forge_test_begin, forge_test_end);
    tcase_add_test(all, lists);
    tcase_add_test(all, a_path_is_bounded);
    suite_add_tcase(suite, all);
    return suite;
}
