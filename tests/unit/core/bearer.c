/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/bearer.c: one token, none, a broken one, or two.
 */
#include "core/identity/identity.h"
#include "unit.h"

typedef struct row_t {
    const char *header;
    forge_status_t status;
    const char *token;
} row_t;

static const row_t rows[] = {
    /* no bearer token */
    {NULL, FORGE_OK, NULL},
    {"", FORGE_OK, NULL},
    {"   ", FORGE_OK, NULL},
    {"Basic dXNlcjpwYXNz", FORGE_OK, NULL},
    {"Basic dXNlcjpwYXNzdw==", FORGE_OK, NULL},
    {"Bearers abc", FORGE_OK, NULL},
    {"Bearerabc", FORGE_OK, NULL},
    {"X-Bearer abc", FORGE_OK, NULL},
    {"Digest username=\"a, Bearer b\", realm=\"x\"", FORGE_OK, NULL},
    {"Digest username=\"a\\\", Bearer b\"", FORGE_OK, NULL},
    {"Digest username=\"never closed, Bearer abc", FORGE_OK, NULL},
    {"Basic abc, Basic def", FORGE_OK, NULL},
    {"Negotiate", FORGE_OK, NULL},
    {",,,", FORGE_OK, NULL},
    /* one */
    {"Bearer abc", FORGE_OK, "abc"},
    {"bearer abc", FORGE_OK, "abc"},
    {"BEARER abc", FORGE_OK, "abc"},
    {"Bearer   abc", FORGE_OK, "abc"},
    {"  Bearer abc \t", FORGE_OK, "abc"},
    {"Bearer aA0-._~+/z==", FORGE_OK, "aA0-._~+/z=="},
    {"Bearer eyJh.eyJp.c2ln", FORGE_OK, "eyJh.eyJp.c2ln"},
    /* no b64token (RFC 6750 §2.1) */
    {"Bearer", FORGE_E_INVALID_TOKEN, NULL},
    {"Bearer ", FORGE_E_INVALID_TOKEN, NULL},
    {"Bearer =", FORGE_E_INVALID_TOKEN, NULL},
    {"Bearer a=b", FORGE_E_INVALID_TOKEN, NULL},
    {"Bearer abc def", FORGE_E_INVALID_TOKEN, NULL},
    {"Bearer\tabc", FORGE_E_INVALID_TOKEN, NULL},
    {"Bearer=abc", FORGE_E_INVALID_TOKEN, NULL},
    {"Bearer:abc", FORGE_E_INVALID_TOKEN, NULL},
    {"Bearer \"abc\"", FORGE_E_INVALID_TOKEN, NULL},
    {"Bearer <script>", FORGE_E_INVALID_TOKEN, NULL},
    {"Bearer \xc3\xa4", FORGE_E_INVALID_TOKEN, NULL},
    {"Bearer abc,", FORGE_E_INVALID_TOKEN, NULL},
    {", Bearer abc", FORGE_E_INVALID_TOKEN, NULL},
    {"Bearer abc,def", FORGE_E_INVALID_TOKEN, NULL},
    {"Bearer abc, realm=\"x\"", FORGE_E_INVALID_TOKEN, NULL},
    {"Bearer \"a, Bearer b\"", FORGE_E_INVALID_TOKEN, NULL},
    /* two credentials */
    {"Bearer abc, Bearer def", FORGE_E_DUPLICATE_TOKEN, NULL},
    {"Bearer abc, Bearer abc", FORGE_E_DUPLICATE_TOKEN, NULL},
    {"Bearer abc,bearer def", FORGE_E_DUPLICATE_TOKEN, NULL},
    {"Bearer abc, Bearer", FORGE_E_DUPLICATE_TOKEN, NULL},
    {"Bearer, Bearer", FORGE_E_DUPLICATE_TOKEN, NULL},
    {"Bearer !, Bearer def", FORGE_E_DUPLICATE_TOKEN, NULL},
    {"Basic dXNlcjpwYXNz, Bearer def", FORGE_E_DUPLICATE_TOKEN, NULL},
    {"Bearer def, Basic dXNlcjpwYXNz", FORGE_E_DUPLICATE_TOKEN, NULL},
    {"Digest a=\"x, y\", b = c, Bearer def", FORGE_E_DUPLICATE_TOKEN, NULL},
};

START_TEST(header_rows)
{
    const char *token = "unset";
    forge_status_t status = forge_core_bearer(forge_test_pool, rows[_i].header, &token);
    ck_assert_msg(status == rows[_i].status, "%s: %d", rows[_i].header, (int)status);
    if (rows[_i].token == NULL)
        ck_assert_msg(token == NULL, "%s", rows[_i].header);
    else
        ck_assert_str_eq(token, rows[_i].token);
}
END_TEST

Suite *forge_test_core_bearer(void)
{
    Suite *s = suite_create("core_bearer");
    TCase *tc = tcase_create("bearer");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_loop_test(tc, header_rows, 0, sizeof(rows) / sizeof(*rows));
    suite_add_tcase(s, tc);
    return s;
}
