/* SPDX-License-Identifier: Apache-2.0
 * Tests of util/error.c: the rows of errors.def.
 */
#include "util/util.h"
#include "unit.h"

START_TEST(row_of_a_status)
{
    const forge_error_t *e = forge_util_error(FORGE_E_EMAIL_TAKEN);
    ck_assert_int_eq(e->http, 409);
    ck_assert_str_eq(e->code, "email_taken");
    ck_assert_ptr_nonnull(e->detail);
}
END_TEST

START_TEST(anything_else_is_internal)
{
    const forge_error_t *internal = forge_util_error(FORGE_E_INTERNAL);
    ck_assert_ptr_eq(forge_util_error(FORGE_OK), internal);
    ck_assert_ptr_eq(forge_util_error(FORGE_E_COUNT), internal);
    ck_assert_ptr_eq(forge_util_error(FORGE_ANSWERED), internal);
    ck_assert_ptr_eq(forge_util_error((forge_status_t)-7), internal);
}
END_TEST

START_TEST(codes_are_unique_and_whole)
{
    for (int i = FORGE_OK + 1; i < FORGE_E_COUNT; i++) {
        const forge_error_t *a = forge_util_error((forge_status_t)i);
        ck_assert(a->http >= 400 && a->http <= 599);
        ck_assert(a->code[0] && a->detail[0]);
        ck_assert_uint_eq(strspn(a->code, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(a->code));
        for (int j = i + 1; j < FORGE_E_COUNT; j++)
            ck_assert_str_ne(a->code, forge_util_error((forge_status_t)j)->code);
    }
}
END_TEST

START_TEST(statuses_in_words)
{
    for (int i = FORGE_OK + 1; i < FORGE_E_COUNT; i++)
        ck_assert_msg(forge_util_reason(forge_util_error((forge_status_t)i)->http) != NULL, "no words for %d",
                      forge_util_error((forge_status_t)i)->http);
    ck_assert_str_eq(forge_util_reason(507), "Insufficient Storage");
    ck_assert_ptr_null(forge_util_reason(418));
}
END_TEST

START_TEST(most_general_row_of_an_http_status)
{
    ck_assert_int_eq(forge_util_error_for_http(400), FORGE_E_BAD_REQUEST);
    ck_assert_int_eq(forge_util_error_for_http(401), FORGE_E_UNAUTHENTICATED);
    ck_assert_int_eq(forge_util_error_for_http(403), FORGE_E_FORBIDDEN);
    ck_assert_int_eq(forge_util_error_for_http(404), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(forge_util_error_for_http(405), FORGE_E_METHOD_NOT_ALLOWED);
    ck_assert_int_eq(forge_util_error_for_http(408), FORGE_E_REQUEST_TIMEOUT);
    ck_assert_int_eq(forge_util_error_for_http(409), FORGE_E_CONFLICT);
    ck_assert_int_eq(forge_util_error_for_http(413), FORGE_E_BODY_TOO_LARGE);
    ck_assert_int_eq(forge_util_error_for_http(422), FORGE_E_VALIDATION);
    ck_assert_int_eq(forge_util_error_for_http(503), FORGE_E_UNAVAILABLE);
    ck_assert_int_eq(forge_util_error_for_http(418), FORGE_E_BAD_REQUEST);
    ck_assert_int_eq(forge_util_error_for_http(500), FORGE_E_INTERNAL);
    ck_assert_int_eq(forge_util_error_for_http(599), FORGE_E_INTERNAL);
    ck_assert_int_eq(forge_util_error_for_http(200), FORGE_E_INTERNAL);
    ck_assert_int_eq(forge_util_error_for_http(0), FORGE_E_INTERNAL);
}
END_TEST

Suite *forge_test_util_error(void)
{
    Suite *s = suite_create("util_error");
    TCase *tc = tcase_create("rows");
    tcase_add_test(tc, row_of_a_status);
    tcase_add_test(tc, anything_else_is_internal);
    tcase_add_test(tc, codes_are_unique_and_whole);
    tcase_add_test(tc, statuses_in_words);
    tcase_add_test(tc, most_general_row_of_an_http_status);
    suite_add_tcase(s, tc);
    return s;
}
