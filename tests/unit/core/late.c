/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/late.c: a token that has ended is authentic for a while, and nothing but its end is forgiven.
 */
#include "core/identity/identity.h"
#include "unit.h"
#include <apr_strings.h>

#define MINUTE apr_time_from_sec(60)
#define NOW    apr_time_from_sec(1800000000)

static const forge_token_rules_t rules = {"https://forge.example", "forge", 15 * MINUTE};
static forge_keys_t *keys;
static forge_who_t who;

static void begin(void)
{
    static const char secret[] = "Zq8vN2xT7mB4cL9wK1sD6fH3jP5rY0aE";
    forge_test_begin();
    keys = forge_core_keys_make(forge_test_pool, secret, strlen(secret));
}

static const char *token_of(apr_time_t at)
{
    const forge_who_t owner = {.user_id = 42, .session_id = 7, .role = FORGE_ROLE_STUDENT, .amr = "pwd otp"};
    return forge_core_token_sign(forge_test_pool, keys, &rules, &owner, at);
}

static forge_status_t verify(const char *token, apr_time_t now, apr_interval_time_t grace)
{
    const char *why = "";
    memset(&who, 0, sizeof(who));
    return forge_core_token_verify_late(forge_test_pool, keys, &rules, &(forge_shown_t){token, now, grace}, &who, &why);
}

START_TEST(a_token_that_lives_is_as_ever)
{
    ck_assert_int_eq(verify(token_of(NOW), NOW, 0), FORGE_OK);
    ck_assert_int_eq(verify(token_of(NOW), NOW + 15 * MINUTE - 1, 0), FORGE_OK);
    ck_assert_int_eq(who.user_id, 42);
    ck_assert_int_eq(who.session_id, 7);
    ck_assert_str_eq(who.amr, "pwd otp");
    ck_assert_int_eq(verify(token_of(NOW + 5 * MINUTE), NOW, 100 * MINUTE), FORGE_E_INVALID_TOKEN); /* from the future */
}
END_TEST

START_TEST(an_ended_one_is_good_for_the_grace)
{
    const char *token = token_of(NOW);
    apr_time_t end = NOW + 15 * MINUTE;
    ck_assert_int_eq(verify(token, end, 0), FORGE_OK);
    ck_assert_int_eq(verify(token, end + 1, 0), FORGE_E_INVALID_TOKEN);
    ck_assert_int_eq(verify(token, end + 10 * MINUTE, 10 * MINUTE), FORGE_OK);
    ck_assert(who.expires == end && who.user_id == 42 && who.role == FORGE_ROLE_STUDENT);
    ck_assert_int_eq(verify(token, end + 10 * MINUTE + 1, 10 * MINUTE), FORGE_E_INVALID_TOKEN);
    ck_assert_int_eq(who.user_id, 0);
}
END_TEST

START_TEST(nothing_else_is_forgiven)
{
    const char *token = token_of(NOW), *later = token_of(NOW + MINUTE);
    const char *first = strchr(token, '.') + 1, *second = strrchr(later, '.');
    const char *grafted = apr_pstrcat(forge_test_pool, apr_pstrmemdup(forge_test_pool, token, (apr_size_t)(strrchr(token, '.') - token)),
                                      second, NULL); /* the claims of one, the signature of another */
    const char *huge = apr_psprintf(forge_test_pool, "%09000d", 0);
    const char *const bad[] = {"",
                               "x",
                               ".",
                               "..",
                               "a.b.c",
                               first,
                               grafted,
                               huge,
                               apr_pstrcat(forge_test_pool, token, "x", NULL),
                               "e30.e30.e30",
                               "e30.eyJleHAiOi0xfQ.e30",
                               "e30.eyJleHAiOjFlMzB9.e30",
                               "e30.eyJleHAiOiIxIn0.e30"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(verify(bad[i], NOW + 20 * MINUTE, 1000 * MINUTE) == FORGE_E_INVALID_TOKEN, "%zu %s", i, bad[i]);
    forge_token_rules_t other = rules;
    const char *why = "";
    other.audience = "elsewhere";
    ck_assert_int_eq(forge_core_token_verify_late(forge_test_pool, keys, &other,
                                                  &(forge_shown_t){token, NOW + 20 * MINUTE, 1000 * MINUTE}, &who,
                                                  &why),
                     FORGE_E_INVALID_TOKEN);
}
END_TEST

Suite *forge_test_core_late(void)
{
    Suite *suite = suite_create("core_late");
    TCase *one = tcase_create("late");
    tcase_add_checked_fixture(one, begin, forge_test_end);
    tcase_add_test(one, a_token_that_lives_is_as_ever);
    tcase_add_test(one, an_ended_one_is_good_for_the_grace);
    tcase_add_test(one, nothing_else_is_forgiven);
    suite_add_tcase(suite, one);
    return suite;
}
