/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/identity/keys.c under tokens: which key a token means, and the days on which keys change (RFC 8725).
 */
#include "token_kit.h"

/* What everybody knows, the public key, is no secret: a MAC keyed with it, in any spelling, is refused (RFC 8725,
 * section 2.1). */
START_TEST(public_key_as_secret)
{
    static const char *const spellings[] = {RFC_RSA_PUBLIC, RFC_EC_PUBLIC, RFC_RSA, RFC_EC, "main", ""};
    const char *hs256 = keys->list[1].kid;
    const char *headers[] = {
        "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"main\"}",
        apr_psprintf(forge_test_pool, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", hs256)};
    for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++)
        for (size_t j = 0; j < 3; j++) {
            const char *input = apr_pstrcat(forge_test_pool, b64(headers[j]), ".", b64(CLAIMS), NULL);
            bad(with_mac(input, spellings[i], EVP_sha256()));
            bad(with_mac(input,
                         apr_pstrndup(forge_test_pool, spellings[i], strlen(spellings[i]) - (*spellings[i] != '\0')),
                         EVP_sha256()));
        }
    good(with_mac(apr_pstrcat(forge_test_pool, b64(headers[2]), ".", b64(CLAIMS), NULL), SECRET,
                  EVP_sha256())); /* the secret itself is */
    bad(with_mac(apr_pstrcat(forge_test_pool, b64(headers[1]), ".", b64(CLAIMS), NULL), SECRET, EVP_sha256()));
    bad(with_mac(apr_pstrcat(forge_test_pool, b64(headers[0]), ".", b64(CLAIMS), NULL), SECRET, EVP_sha256()));
    ck_assert_str_eq(why, "kid names no key of ours"); /* there are two: who means one names it */
}
END_TEST

/* A name chooses the key and the key the algorithm, in every combination. */
START_TEST(names_and_algorithms)
{
    static const forge_key_spec_t both[] = {{"es", FORGE_ALG_ES256, RFC_EC, sizeof(RFC_EC) - 1},
                                            {"rs", FORGE_ALG_RS256, RFC_RSA, sizeof(RFC_RSA) - 1}};
    keys = ring(both, 2);
    const char *kids[] = {"es", "rs", keys->list[2].kid}, *algs[] = {"ES256", "RS256", "HS256"};
    for (int kid = 0; kid < 3; kid++)
        for (int name = 0; name < 3; name++)
            for (int maker = 0; maker < 3; maker++) {
                const char *header = apr_psprintf(forge_test_pool, "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
                                                  algs[name], kids[kid]);
                alg = maker == 0 ? FORGE_ALG_ES256 : maker == 1 ? FORGE_ALG_RS256 : FORGE_ALG_HS256;
                const char *token = as_signed(apr_pstrcat(forge_test_pool, b64(header), ".", b64(CLAIMS), NULL));
                if (kid == name && name == maker)
                    good(token);
                else
                    bad(token);
            }
    const char *input = apr_pstrcat(forge_test_pool, b64("{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"rs\"}"), ".",
                                    b64(CLAIMS), NULL);
    good(with_signature(input, RFC_RSA, EVP_sha256()));
    bad(with_signature(input, RFC_RSA, EVP_sha512()));
    bad(with_signature(input, RFC_RSA, EVP_sha1()));
}
END_TEST

/* The day a key changes: what the old one signed is good until it ends, and the new one signs. */
START_TEST(rotation)
{
    static const forge_key_spec_t old_file = {"2026", FORGE_ALG_RS256, RFC_RSA, sizeof(RFC_RSA) - 1};
    static const forge_key_spec_t files[] = {{"2027", FORGE_ALG_ES256, RFC_EC, sizeof(RFC_EC) - 1},
                                             {"2026", FORGE_ALG_RS256, RFC_RSA_PUBLIC, sizeof(RFC_RSA_PUBLIC) - 1}};
    apr_time_t now = apr_time_from_sec(NOW);
    const char *first = forge_core_token_sign(forge_test_pool, keys, &rules, &ada, now); /* ForgeSecret alone */
    keys = ring(&old_file, 1);
    const char *second = forge_core_token_sign(forge_test_pool, keys, &rules, &ada, now);
    good(first), good(second);
    keys = ring(files, 2);
    const char *third = forge_core_token_sign(forge_test_pool, keys, &rules, &ada, now);
    good(first), good(second), good(third);
    ck_assert_str_eq(keys->signer->kid, "2027");
    keys = ring(files, 1); /* the old one is taken away */
    bad(second);
    good(third);
    keys = ring(files + 1, 1); /* a public key alone does not sign: the secret does */
    ck_assert_int_eq(keys->signer->alg, FORGE_ALG_HS256);
    good(forge_core_token_sign(forge_test_pool, keys, &rules, &ada, now));
    good(second);
    bad(third);
}
END_TEST

START_TEST(rotation_of_the_secret)
{
    static const char fresh[] = "Lr3pW8sXc5kD1nQz7tVg2hJm9yBf4uEa";
    forge_keyring_spec_t spec = {.secret = fresh, .secret_len = 32, .other = SECRET, .other_len = 32};
    const char *before = forge_core_token_sign(forge_test_pool, keys, &rules, &ada, apr_time_from_sec(NOW));
    keys = forge_core_keyring_make(forge_test_pool, &spec, &why);
    const char *after = forge_core_token_sign(forge_test_pool, keys, &rules, &ada, apr_time_from_sec(NOW));
    good(before), good(after);
    bad(make(HEADER, CLAIMS)); /* two keys: one without a name is no longer enough */
    spec.other = NULL;
    keys = forge_core_keyring_make(forge_test_pool, &spec, &why);
    bad(before);
    good(after);
}
END_TEST

static TCase *case_of(Suite *s, const char *name, SFun set_up)
{
    TCase *tc = tcase_create(name);
    tcase_add_checked_fixture(tc, set_up, forge_test_end);
    suite_add_tcase(s, tc);
    return tc;
}

Suite *forge_test_core_keyring(void)
{
    Suite *s = suite_create("core_keyring");
    TCase *tc = case_of(s, "HS256", begin);
    tcase_add_test(tc, names_and_algorithms);
    tcase_add_test(tc, rotation);
    tcase_add_test(tc, rotation_of_the_secret);
    tcase_add_test(case_of(s, "RS256", begin_rs256), public_key_as_secret);
    tcase_add_test(case_of(s, "ES256", begin_es256), public_key_as_secret);
    return s;
}
