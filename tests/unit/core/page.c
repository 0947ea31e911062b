/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/page.c: paging parameters and signed cursors.
 */
#include "core/identity/identity.h"
#include "core/wire/wire.h"
#include "unit.h"
#include <apr_strings.h>

#define SECRET "0123456789abcdef0123456789abcdeF-and-more"
#define SCOPE  "course_list id"

static forge_keys_t *keys;
static forge_faults_t *faults;

static void begin(void)
{
    forge_test_begin();
    keys = forge_core_keys_make(forge_test_pool, SECRET, strlen(SECRET));
}

static forge_page_t page(const char *scope, const char *query)
{
    apr_table_t *pairs;
    const char *why;
    ck_assert(forge_util_form(forge_test_pool, query, strlen(query), 10, &pairs, &why));
    faults = forge_core_faults_make(forge_test_pool);
    forge_input_t *in =
        forge_core_input_pairs(forge_test_pool, forge_core_page_fields, FORGE_INPUT_QUERY, pairs, faults);
    return forge_core_page_read(forge_test_pool, keys, scope, in, "id", faults);
}

static const char *after(const char *cursor)
{
    return apr_pstrcat(forge_test_pool, "after=", cursor, NULL);
}

static void refused(const char *scope, const char *query, const char *pointer, const char *code)
{
    page(scope, query);
    ck_assert_msg(forge_core_faults_count(faults) == 1, "%s", query);
    ck_assert_str_eq(forge_core_faults_at(faults, 0)->pointer, pointer);
    ck_assert_str_eq(forge_core_faults_at(faults, 0)->code, code);
}

START_TEST(without_parameters)
{
    forge_page_t got = page(SCOPE, "");
    ck_assert_int_eq(forge_core_faults_count(faults), 0);
    ck_assert_int_eq(got.limit, FORGE_PAGE_LIMIT);
    ck_assert_int_eq(got.skip, 0);
    ck_assert(!got.by_skip && !got.count);
    ck_assert_str_eq(got.sort, "id");
    ck_assert_ptr_null(got.after_key);
    ck_assert_ptr_null(got.after_id);
}
END_TEST

START_TEST(with_parameters)
{
    forge_page_t got = page(SCOPE, "skip=20&limit=10&count=true");
    ck_assert_int_eq(got.skip, 20);
    ck_assert_int_eq(got.limit, 10);
    ck_assert(got.by_skip && got.count);
    ck_assert(page(SCOPE, "skip=0").by_skip);
}
END_TEST

START_TEST(out_of_range)
{
    refused(SCOPE, "limit=0", "?limit", "out_of_range");
    refused(SCOPE, "limit=101", "?limit", "out_of_range");
    refused(SCOPE, "limit=-1", "?limit", "out_of_range");
    refused(SCOPE, "limit=1e9", "?limit", "out_of_range");
    refused(SCOPE, "limit=abc", "?limit", "type");
    refused(SCOPE, "limit=1&limit=2", "?limit", "duplicate");
    refused(SCOPE, "skip=-1", "?skip", "out_of_range");
    refused(SCOPE, "count=yes", "?count", "type");
    ck_assert_ptr_null(page(SCOPE, "after=").after_id);
    ck_assert_int_eq(forge_core_faults_count(faults), 0);
}
END_TEST

static void round_trip(const char *key, const char *id)
{
    forge_page_t got = page(SCOPE, after(forge_core_cursor_make(forge_test_pool, keys, SCOPE, key, id)));
    ck_assert_int_eq(forge_core_faults_count(faults), 0);
    ck_assert_str_eq(got.after_id, id);
    ck_assert_pstr_eq(got.after_key, key);
}

START_TEST(cursors_come_back)
{
    round_trip("42", "42");
    round_trip("2026-01-31 12:00:00.123456+00", "9223372036854775807");
    round_trip("Graphs & \xf0\x9f\x8e\x93", "7");
    round_trip("", "7");
    round_trip(NULL, "7");
    ck_assert_str_ne(forge_core_cursor_make(forge_test_pool, keys, SCOPE, "", "7"),
                     forge_core_cursor_make(forge_test_pool, keys, SCOPE, NULL, "7"));
}
END_TEST

START_TEST(cursors_of_elsewhere)
{
    const char *cursor = forge_core_cursor_make(forge_test_pool, keys, SCOPE, "k", "7");
    refused("course_list title", after(cursor), "?after", "format");
    refused("user_list id", after(cursor), "?after", "format");
    refused("course_list i", after(forge_core_cursor_make(forge_test_pool, keys, SCOPE, "k", "d7")), "?after",
            "format");
    keys = forge_core_keys_make(forge_test_pool, "another secret of more than 32 bytes", 36);
    refused(SCOPE, after(cursor), "?after", "format");
}
END_TEST

START_TEST(cursors_tampered_with)
{
    const char *cursor = forge_core_cursor_make(forge_test_pool, keys, SCOPE, "key", "7");
    for (size_t i = 0; cursor[i]; i++) {
        char *changed = apr_pstrdup(forge_test_pool, cursor);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        refused(SCOPE, after(changed), "?after", "format");
        refused(SCOPE, after(i ? apr_pstrmemdup(forge_test_pool, cursor, i) : "A"), "?after", "format");
    }
    refused(SCOPE, after(apr_pstrcat(forge_test_pool, cursor, "A", NULL)), "?after", "format");
    refused(SCOPE, "after=%2B%2F%3D", "?after", "format");
}
END_TEST

START_TEST(after_and_skip_exclude_each_other)
{
    const char *cursor = forge_core_cursor_make(forge_test_pool, keys, SCOPE, "key", "7");
    refused(SCOPE, apr_pstrcat(forge_test_pool, after(cursor), "&skip=0", NULL), "?after", "conflict");
}
END_TEST

Suite *forge_test_core_page(void)
{
    Suite *s = suite_create("core_page");
    TCase *tc = tcase_create("pages");
    tcase_add_checked_fixture(tc, begin, forge_test_end);
    tcase_add_test(tc, without_parameters);
    tcase_add_test(tc, with_parameters);
    tcase_add_test(tc, out_of_range);
    tcase_add_test(tc, cursors_come_back);
    tcase_add_test(tc, cursors_of_elsewhere);
    tcase_add_test(tc, cursors_tampered_with);
    tcase_add_test(tc, after_and_skip_exclude_each_other);
    suite_add_tcase(s, tc);
    return s;
}
