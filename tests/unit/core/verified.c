/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/verified.c: the second look at a token says what the first one said, and no more.
 */
#include "token_kit.h"
#include <pthread.h>

START_TEST(seen_before)
{
    static const forge_token_rules_t others = {"https://other.example", "forge", 900 * APR_USEC_PER_SEC};
    const char *token = forge_core_token_sign(forge_test_pool, keys, &rules, &ada, apr_time_from_sec(NOW));
    good(token);
    const char *jti = who.jti;
    good(token);
    ck_assert_str_eq(who.jti, jti);
    ck_assert_ptr_ne(who.jti, jti);
    ck_assert_str_eq(who.amr, "pwd otp");
    ck_assert_int_eq(who.user_id, 42);
    ck_assert_int_eq(who.session_id, 4711);
    ck_assert_int_eq(who.role, FORGE_ROLE_INSTRUCTOR);
    ck_assert_uint_eq(who.scopes, FORGE_SCOPE_READ | FORGE_SCOPE_WRITE);
    ck_assert_int_eq(verify_at(token, NOW + 899.9), FORGE_OK);
    ck_assert_int_eq(verify_at(token, NOW + 900), FORGE_E_INVALID_TOKEN); /* it ends on time all the same */
    ck_assert_str_eq(why, "it has expired");
    ck_assert_int_eq(verify_at(token, NOW - 61), FORGE_E_INVALID_TOKEN); /* the clock was set back */
    ck_assert_str_eq(why, "it is not valid yet");
    ck_assert_int_eq(forge_core_token_verify(forge_test_pool, keys, &others,
                                             &(forge_shown_t){token, apr_time_from_sec(NOW), 0}, &who, &why),
                     FORGE_E_INVALID_TOKEN); /* nor is it good elsewhere */
    bad(apr_pstrcat(forge_test_pool, token, "A", NULL));
    bad(apr_pstrndup(forge_test_pool, token, strlen(token) - 1));
    keys = forge_core_keys_make(forge_test_pool, "Lr3pW8sXc5kD1nQz7tVg2hJm9yBf4uEa", 32);
    bad(token);
}
END_TEST

/* What is too long to be kept is verified each time. */
START_TEST(seen_before_but_long)
{
    char jti[129];
    memset(jti, 'j', 128), jti[128] = '\0';
    const forge_who_t long_jti = {.user_id = 42, .session_id = 1, .role = FORGE_ROLE_STUDENT, .jti = jti, .amr = "pwd"},
                      long_amr = {.user_id = 42,
                                  .session_id = 1,
                                  .role = FORGE_ROLE_STUDENT,
                                  .amr = "one-of-thirty-characters-00000 two-of-thirty-characters-00000"};
    for (int i = 0; i < 3; i++) {
        good(forge_core_token_sign(forge_test_pool, keys, &rules, &long_jti, apr_time_from_sec(NOW)));
        ck_assert_str_eq(who.jti, jti);
        good(forge_core_token_sign(forge_test_pool, keys, &rules, &long_amr, apr_time_from_sec(NOW)));
        ck_assert_str_eq(who.amr, long_amr.amr);
    }
}
END_TEST

#define CROWD 3000 /* tokens, more than there are places */
static const char *crowd[CROWD];

static void *verify_crowd(void *seed)
{
    apr_pool_t *p;
    apr_pool_create(&p, NULL); /* pools are not for two threads */
    for (unsigned i = 0, at = (unsigned)(size_t)seed; i < 4 * CROWD; i++, at = (at * 31 + 7) % CROWD) {
        forge_who_t someone = {0};
        const char *problem;
        if (forge_core_token_verify(p, keys, &rules, &(forge_shown_t){crowd[at], apr_time_from_sec(NOW), 0}, &someone,
                                    &problem) != FORGE_OK ||
            someone.user_id != (apr_int64_t)at + 1 || someone.session_id != (apr_int64_t)at + 7)
            return crowd[at] == NULL ? NULL : (void *)crowd[at];
        apr_pool_clear(p);
    }
    apr_pool_destroy(p);
    return NULL;
}

/* Nobody is ever taken for somebody else, however many there are and whoever asks at the same time. */
START_TEST(seen_before_by_many)
{
    pthread_t threads[8];
    void *wrong;
    for (int i = 0; i < CROWD; i++) {
        const forge_who_t someone = {.user_id = i + 1, .session_id = i + 7, .role = FORGE_ROLE_STUDENT};
        crowd[i] = forge_core_token_sign(forge_test_pool, keys, &rules, &someone, apr_time_from_sec(NOW));
    }
    for (size_t i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, verify_crowd, (void *)(i * 331)), 0);
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &wrong), 0);
        ck_assert_msg(wrong == NULL, "taken for another: %s", (const char *)wrong);
    }
}
END_TEST

Suite *forge_test_core_verified(void)
{
    Suite *s = suite_create("core_verified");
    TCase *tc = tcase_create("verified");
    tcase_add_checked_fixture(tc, begin, forge_test_end);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, seen_before);
    tcase_add_test(tc, seen_before_but_long);
    tcase_add_test(tc, seen_before_by_many);
    suite_add_tcase(s, tc);
    return s;
}
