/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/wire/walk.c: tables that include others are walked, bound and described as if all their rows stood in
 * one place.
 */
#include "core/wire/wire.h"
#include "unit.h"
#include <apr_strings.h>

static const forge_field_t inner[] = {
    {.name = "c", .type = FORGE_T_INT, .flags = FORGE_F_READONLY},
    {.name = "d", .type = FORGE_T_TEXT, .max = 3},
    {.name = NULL},
};
static const forge_field_t middle[] = {
    {.name = "b", .type = FORGE_T_BOOL},
    {.type = FORGE_T_INCLUDE, .flags = FORGE_F_NULLABLE, .fields = inner},
    {.name = NULL},
};
static const forge_field_t empty[] = {{.name = NULL}};
static const forge_field_t outer[] = {
    {.type = FORGE_T_INCLUDE, .fields = empty},
    {.name = "a", .type = FORGE_T_INT},
    {.type = FORGE_T_INCLUDE, .flags = FORGE_F_REQUIRED, .fields = middle},
    {.name = "e", .type = FORGE_T_TEXT},
    {.name = NULL},
};

START_TEST(rows_come_in_their_order_with_added_flags)
{
    static const struct {
        const char *name;
        unsigned flags;
    } expected[] = {
        {"a", 0},
        {"b", FORGE_F_REQUIRED},
        {"c", FORGE_F_REQUIRED | FORGE_F_NULLABLE | FORGE_F_READONLY},
        {"d", FORGE_F_REQUIRED | FORGE_F_NULLABLE},
        {"e", 0},
    };
    forge_walk_t walk = forge_core_walk(outer);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        const forge_field_t *f = forge_core_walk_next(&walk);
        ck_assert_ptr_nonnull(f);
        ck_assert_str_eq(f->name, expected[i].name);
        ck_assert_uint_eq(f->flags, expected[i].flags);
    }
    ck_assert_ptr_null(forge_core_walk_next(&walk));
    ck_assert_ptr_null(forge_core_walk_next(&walk));
    ck_assert_uint_eq(inner[1].flags, 0);
}
END_TEST

START_TEST(nothing_has_no_rows)
{
    forge_walk_t walk = forge_core_walk(NULL);
    ck_assert_ptr_null(forge_core_walk_next(&walk));
    walk = forge_core_walk_shape(NULL);
    ck_assert_ptr_null(forge_core_walk_next(&walk));
    ck_assert_int_eq(forge_core_walk_count(NULL), 0);
    ck_assert_int_eq(forge_core_walk_count(empty), 0);
}
END_TEST

START_TEST(rows_are_found_by_name)
{
    forge_field_t row;
    ck_assert_int_eq(forge_core_walk_count(outer), 5);
    ck_assert_int_eq(forge_core_walk_find(outer, "e", &row), 4);
    ck_assert_str_eq(row.name, "e");
    ck_assert_int_eq(forge_core_walk_find(outer, "d", &row), 3);
    ck_assert_int_eq(row.max, 3);
    ck_assert_uint_eq(row.flags, FORGE_F_REQUIRED | FORGE_F_NULLABLE);
    ck_assert_int_eq(forge_core_walk_find(outer, "b", NULL), 1);
    ck_assert_int_eq(forge_core_walk_find(outer, "x", NULL), -1);
}
END_TEST

static forge_input_t *take(const char *json, forge_faults_t **faults)
{
    const char *why;
    forge_json_t *body = forge_util_json_parse(forge_test_pool, json, strlen(json), &why);
    *faults = forge_core_faults_make(forge_test_pool);
    return forge_core_input_json(forge_test_pool, outer, FORGE_INPUT_CREATE, body, *faults);
}

START_TEST(included_members_are_bound)
{
    forge_faults_t *faults;
    forge_input_t *in = take("{\"a\":1,\"b\":true,\"c\":7,\"d\":null,\"e\":\"last\"}", &faults);
    ck_assert_int_eq(forge_core_faults_count(faults), 0);
    ck_assert_int_eq(forge_core_input_int(in, "a", 0), 1);
    ck_assert(forge_core_input_bool(in, "b", false));
    ck_assert(!forge_core_input_has(in, "c")); /* READONLY */
    ck_assert(forge_core_input_null(in, "d"));
    ck_assert_str_eq(forge_core_input_text(in, "e"), "last");
    take("{\"a\":1,\"d\":\"long\"}", &faults);
    ck_assert_int_eq(forge_core_faults_count(faults), 2);
    ck_assert_str_eq(forge_core_faults_at(faults, 0)->pointer, "/b");
    ck_assert_str_eq(forge_core_faults_at(faults, 0)->code, "required");
    ck_assert_str_eq(forge_core_faults_at(faults, 1)->pointer, "/d");
    ck_assert_str_eq(forge_core_faults_at(faults, 1)->code, "too_long");
}
END_TEST

START_TEST(included_members_are_described)
{
    const forge_json_t *schema = forge_core_describe(forge_test_pool, NULL, outer, true, false);
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 0, 4096);
    forge_util_json_write(b, forge_util_json_get(schema, "required"));
    ck_assert_str_eq(apr_pstrmemdup(forge_test_pool, b->data, b->len), "[\"b\",\"d\"]");
    const forge_json_t *properties = forge_util_json_get(schema, "properties");
    ck_assert_ptr_nonnull(forge_util_json_get(properties, "d"));
    ck_assert_ptr_null(forge_util_json_get(properties, "c"));
    const forge_json_t *example = forge_core_describe_example(forge_test_pool, outer, false);
    ck_assert_ptr_nonnull(forge_util_json_get(example, "c"));
    ck_assert_ptr_nonnull(forge_util_json_get(example, "e"));
}
END_TEST

Suite *forge_test_core_walk(void)
{
    Suite *s = suite_create("core_walk");
    TCase *tc = tcase_create("tables");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, rows_come_in_their_order_with_added_flags);
    tcase_add_test(tc, nothing_has_no_rows);
    tcase_add_test(tc, rows_are_found_by_name);
    tcase_add_test(tc, included_members_are_bound);
    tcase_add_test(tc, included_members_are_described);
    suite_add_tcase(s, tc);
    return s;
}
