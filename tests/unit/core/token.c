/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/token.c: every way in which a token can be wrong (RFC 7515, 7519, 8725, 9068), and the one in which it
 * is right.
 */
#include "token.h"

START_TEST(signed_and_verified)
{
    const char *token = forge_core_token_sign(forge_test_pool, keys, &rules, &ada, apr_time_from_sec(NOW) + 999999);
    good(token);
    ck_assert_int_eq(who.user_id, 42);
    ck_assert_int_eq(who.session_id, 4711);
    ck_assert_int_eq(who.role, FORGE_ROLE_INSTRUCTOR);
    ck_assert_str_eq(who.amr, "pwd otp");
    ck_assert_uint_eq(strlen(who.jti), 24);
    ck_assert_msg(strncmp(who.jti, "0.", 2) == 0, "%s", who.jti);
    ck_assert_int_eq(who.epoch, 0);
    ck_assert_int_eq(who.issued, apr_time_from_sec(NOW));
    ck_assert_int_eq(who.expires, apr_time_from_sec(NOW + 900));
    ck_assert_msg(strncmp(token, keys->signer->header, strlen(keys->signer->header)) == 0 &&
                      token[strlen(keys->signer->header)] == '.',
                  "the quick way for our own header is not taken");
}
END_TEST

START_TEST(signed_text)
{
    const char *token = forge_core_token_sign(forge_test_pool, keys, &rules, &ada, apr_time_from_sec(NOW)),
               *dot = strchr(token, '.');
    apr_size_t len;
    char *header = (char *)forge_util_b64url_decode(forge_test_pool, token, (apr_size_t)(dot - token), &len);
    ck_assert_str_eq(apr_pstrmemdup(forge_test_pool, header, len),
                     apr_psprintf(forge_test_pool, "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
                                  forge_core_alg_name(alg), keys->signer->kid));
    char *claims =
        (char *)forge_util_b64url_decode(forge_test_pool, dot + 1, (apr_size_t)(strchr(dot + 1, '.') - dot - 1), &len);
    claims = apr_pstrmemdup(forge_test_pool, claims, len);
    ck_assert_ptr_nonnull(strstr(claims, "\"iss\":\"https://"
                                         "forge.example\",\"aud\":\"forge\",\"sub\":\"42\",\"sid\":\"4711\",\"role\":"
                                         "\"instructor\",\"amr\":[\"pwd\",\"otp\"],"
                                         "\"iat\":1800000000,\"nbf\":1800000000,\"exp\":1800000900,\"jti\":\""));
    /* the signature is what OpenSSL says it should be; that of ES256 has a random part */
    const char *input = apr_pstrmemdup(forge_test_pool, token, (apr_size_t)(strrchr(token, '.') - token));
    if (alg != FORGE_ALG_ES256)
        ck_assert_str_eq(token, as_signed(input));
}
END_TEST

START_TEST(signed_with_given_jti)
{
    forge_who_t given = ada;
    given.jti = "chosen";
    given.amr = NULL;
    good(forge_core_token_sign(forge_test_pool, keys, &rules, &given, apr_time_from_sec(NOW)));
    ck_assert_str_eq(who.jti, "chosen");
    ck_assert_str_eq(who.amr, "");
    given.jti = NULL;
    const char *one = forge_core_token_sign(forge_test_pool, keys, &rules, &given, apr_time_from_sec(NOW));
    ck_assert_str_ne(one, forge_core_token_sign(forge_test_pool, keys, &rules, &given, apr_time_from_sec(NOW)));
    given.jti = apr_pstrcat(forge_test_pool, apr_psprintf(forge_test_pool, "%05000d", 0), NULL);
    ck_assert_ptr_null(forge_core_token_sign(forge_test_pool, keys, &rules, &given,
                                             apr_time_from_sec(NOW))); /* never more than fits */
}
END_TEST

/* The epoch travels in front of jti's first dot; what is no number there is the first epoch. */
START_TEST(epoch_in_jti)
{
    static const struct {
        const char *jti;
        apr_int64_t epoch;
    } rows[] = {{"7.x", 7},  {"7.8.x", 7}, {"7", 0},    {".x", 0},
                {"-7.x", 0}, {"a7.x", 0},  {"7a.x", 0}, {"99999999999999999999.x", 0}};
    forge_who_t risen = ada;
    risen.epoch = 2147483647;
    good(forge_core_token_sign(forge_test_pool, keys, &rules, &risen, apr_time_from_sec(NOW)));
    ck_assert_int_eq(who.epoch, 2147483647);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        risen.jti = rows[i].jti;
        good(forge_core_token_sign(forge_test_pool, keys, &rules, &risen, apr_time_from_sec(NOW)));
        ck_assert_msg(who.epoch == rows[i].epoch, "%s: %" APR_INT64_T_FMT, rows[i].jti, who.epoch);
    }
}
END_TEST

/* RFC 7515 A.1: a published HS256 signature verifies, and then fails for its header (typ JWT) and claims only. */
START_TEST(rfc_7515_a1)
{
    static const char token[] =
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    static const char secret[] =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    apr_size_t len;
    char *key = (char *)forge_util_b64url_decode(forge_test_pool, secret, strlen(secret), &len);
    keys = forge_core_keys_make(forge_test_pool, key, len);
    cjose_jws_t *jws = cjose_jws_import(token, strlen(token), NULL);
    ck_assert(cjose_jws_verify(jws, keys->signer->jwk, NULL));
    cjose_jws_release(jws);
    bad(token);
    ck_assert_str_eq(why, "typ is not at+jwt");
}
END_TEST

/* RFC 7515 A.2 and A.3: published signatures of RS256 and ES256 verify under keys read from PEM. */
static void published(const char *token)
{
    cjose_jws_t *jws = cjose_jws_import(token, strlen(token), NULL);
    ck_assert_ptr_nonnull(jws);
    ck_assert(cjose_jws_verify(jws, keys->list[0].jwk, NULL));
    cjose_jws_release(jws);
    bad(token);
    ck_assert_str_eq(why, "kid names no key of ours");
}

START_TEST(rfc_7515_a2_a3)
{
    published(alg == FORGE_ALG_RS256 ? RFC_RSA_TOKEN : RFC_EC_TOKEN);
}
END_TEST

START_TEST(good_variants)
{
    good(make(HEADER, CLAIMS));
    ck_assert_int_eq(who.user_id, 42);
    ck_assert_str_eq(who.jti, "j-1");
    ck_assert_str_eq(who.amr, "pwd otp");
    good(make("{\"typ\":\"application/at+jwt\",\"alg\":\"HS256\"}", CLAIMS));
    good(make(" { \"typ\" : \"AT+JWT\", \"alg\" : \"HS256\", \"cty\":\"x\", \"x\":[1,{}] } ", CLAIMS));
    good(make(apr_pstrcat(forge_test_pool, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"", keys->signer->kid, "\"}",
                          NULL),
              CLAIMS));
    good(make(HEADER, "{" ISS ",\"aud\":[\"other\",\"forge\"]" SUB SID ROLE IAT NBF EXP JTI "}"));
    ck_assert_str_eq(who.amr, "");
    good(make(HEADER, "{" ISS AUD SUB SID ROLE IAT NBF ",\"exp\":1800000000.5" JTI ",\"extra\":{\"a\":[null]}}"));
    ck_assert_int_eq(who.expires, apr_time_from_sec(NOW) + 500000);
    good(make(HEADER, "{" ISS AUD ",\"sub\":\"9223372036854775807\"" SID ROLE IAT NBF EXP JTI "}"));
    ck_assert_int_eq(who.user_id, APR_INT64_MAX);
}
END_TEST

START_TEST(header_refused)
{
    bad(make(bad_headers[_i], CLAIMS)); /* with a right MAC */
}
END_TEST

START_TEST(claims_refused)
{
    bad(make(HEADER, bad_claims[_i]));
}
END_TEST

START_TEST(clock_edges)
{
    const char *token = make(HEADER, CLAIMS); /* iat = nbf = NOW, exp = NOW + 900 */
    ck_assert_int_eq(verify_at(token, NOW + 899.9), FORGE_OK);
    ck_assert_int_eq(verify_at(token, NOW + 900), FORGE_E_INVALID_TOKEN);
    ck_assert_str_eq(why, "it has expired");
    ck_assert_int_eq(verify_at(token, NOW - 60), FORGE_OK);
    ck_assert_int_eq(verify_at(token, NOW - 61), FORGE_E_INVALID_TOKEN);
    ck_assert_str_eq(why, "it is not valid yet");
    ck_assert_int_eq(verify_at(token, 0), FORGE_E_INVALID_TOKEN);
    ck_assert_int_eq(verify_at(token, 4e9), FORGE_E_INVALID_TOKEN);
}
END_TEST

START_TEST(other_keys)
{
    const char *input = apr_pstrcat(forge_test_pool, b64(HEADER), ".", b64(CLAIMS), NULL);
    bad(with_mac(input, "Zq8vN2xT7mB4cL9wK1sD6fH3jP5rY0aF", EVP_sha256()));
    bad(with_mac(input, "", EVP_sha256()));
    bad(with_mac(input, "secret", EVP_sha256()));
    bad(with_mac(input, SECRET, EVP_sha384()));
    bad(with_mac(input, SECRET, EVP_sha512()));
    bad(with_mac(input, SECRET, EVP_sha1()));
    forge_keys_t *others = forge_core_keys_make(forge_test_pool, "Zq8vN2xT7mB4cL9wK1sD6fH3jP5rY0aF", 32);
    bad(forge_core_token_sign(forge_test_pool, others, &rules, &ada, apr_time_from_sec(NOW)));
    ck_assert_str_eq(why, "kid names no key of ours");
}
END_TEST

/* Our own header in front of foreign claims: the quick way must not skip the MAC. */
START_TEST(own_header_needs_a_signature)
{
    const char *input = apr_pstrcat(forge_test_pool, keys->signer->header, ".", b64(CLAIMS), NULL);
    good(as_signed(input));
    bad(with_mac(input, "Zq8vN2xT7mB4cL9wK1sD6fH3jP5rY0aF", EVP_sha256()));
    bad(apr_pstrcat(forge_test_pool, input, ".", NULL));
    for (apr_size_t n = 0; n <= 300; n++) { /* zeros, of every length that is and is not right */
        void *zeros = apr_pcalloc(forge_test_pool, n + 1);
        bad(apr_pstrcat(forge_test_pool, input, ".", forge_util_b64url(forge_test_pool, zeros, n), NULL));
    }
}
END_TEST

/* Every character of a token matters, also those whose last bits base64 does not need. */
START_TEST(each_character_tampered)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *token = forge_core_token_sign(forge_test_pool, keys, &rules, &ada, apr_time_from_sec(NOW));
    for (size_t i = 0; i < strlen(token); i++) {
        char *twisted = apr_pstrdup(forge_test_pool, token);
        const char *at = strchr(alphabet, token[i]);
        twisted[i] = at == NULL ? 'A' : alphabet[(at - alphabet) ^ 1]; /* only the lowest bit */
        bad(twisted);
        bad(apr_pstrndup(forge_test_pool, token, i));
        twisted[i] = "=+/ \n%"[i % 6];
        bad(twisted);
    }
    good(token);
}
END_TEST

START_TEST(shapes_refused)
{
    const char *token = make(HEADER, CLAIMS), *h = b64(header_for(HEADER)), *c = b64(CLAIMS);
    static const char *const shapes[] = {"",      ".",       "..",   "...",  "a",    "a.b",
                                         "a.b.c", "a.b.c.d", ".a.b", "a..b", "a.b.", "....."};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
        bad(shapes[i]);
    bad(apr_pstrcat(forge_test_pool, token, ".", NULL));
    bad(apr_pstrcat(forge_test_pool, token, ".", c, NULL));
    bad(apr_pstrcat(forge_test_pool, token, ".a.b", NULL)); /* five parts, as a JWE has */
    bad(apr_pstrcat(forge_test_pool, token, "=", NULL));
    bad(apr_pstrcat(forge_test_pool, token, "A", NULL));
    bad(apr_pstrcat(forge_test_pool, " ", token, NULL));
    bad(apr_pstrcat(forge_test_pool, token, " ", NULL));
    bad(apr_pstrcat(forge_test_pool, token, "\n", NULL));
    bad(apr_pstrcat(forge_test_pool, h, ".", c, ".", NULL));
    bad(apr_pstrcat(forge_test_pool, b64("{\"alg\":\"none\",\"typ\":\"at+jwt\"}"), ".", c, ".", NULL));
    bad(as_signed(apr_pstrcat(forge_test_pool, h, "==.", c, NULL)));
    bad(as_signed(apr_pstrcat(forge_test_pool, h, ".", c, "=", NULL)));
    bad(as_signed(apr_pstrcat(forge_test_pool, h, ".", NULL)));
    bad(as_signed(apr_pstrcat(forge_test_pool, ".", c, NULL)));
}
END_TEST

START_TEST(sizes)
{
    char *long_text = apr_palloc(forge_test_pool, 20001);
    memset(long_text, 'A', 20000);
    long_text[20000] = '\0';
    bad(long_text);
    ck_assert_str_eq(why, "it is longer than 8192 bytes");
    bad(make(HEADER, apr_pstrcat(forge_test_pool, "{" ISS AUD SUB SID ROLE IAT NBF EXP JTI ",\"x\":\"", long_text,
                                 "\"}", NULL)));
    long_text[5000] = '\0';
    good(make(HEADER, apr_pstrcat(forge_test_pool, "{" ISS AUD SUB SID ROLE IAT NBF EXP JTI ",\"x\":\"", long_text,
                                  "\"}", NULL)));
    long_text[200] = '\0';
    bad(make(HEADER,
             apr_pstrcat(forge_test_pool, "{" ISS AUD SUB SID ROLE IAT NBF EXP ",\"jti\":\"", long_text, "\"}", NULL)));
    long_text[128] = '\0';
    good(make(HEADER, apr_pstrcat(forge_test_pool, "{" ISS AUD SUB SID ROLE IAT NBF EXP ",\"jti\":\"", long_text, "\"}",
                                  NULL)));
}
END_TEST

START_TEST(deep_json)
{
    char open[2001], close[2001];
    memset(open, '[', 2000), memset(close, ']', 2000);
    open[2000] = close[2000] = '\0';
    bad(make(apr_pstrcat(forge_test_pool, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"x\":", open, close, "}", NULL),
             CLAIMS));
    bad(make(HEADER,
             apr_pstrcat(forge_test_pool, "{" ISS AUD SUB SID ROLE IAT NBF EXP JTI ",\"x\":", open, close, "}", NULL)));
    good(make(HEADER, "{" ISS AUD SUB SID ROLE IAT NBF EXP JTI ",\"x\":[[[[[[[[[[]]]]]]]]]]}"));
}
END_TEST

START_TEST(refresh_tokens)
{
    const char *hash, *other_hash, *token = forge_core_secret_make(forge_test_pool, &hash),
                                   *other = forge_core_secret_make(forge_test_pool, &other_hash);
    ck_assert_uint_eq(strlen(token), 43);
    ck_assert_str_eq(hash, forge_core_sha256_hex(forge_test_pool, token, 43));
    ck_assert_str_ne(token, other);
    ck_assert_str_ne(hash, other_hash);
    bad(token); /* never good as an access token */
}
END_TEST

/* Always the same one of a token, and another under another secret. */
START_TEST(refresh_successors)
{
    const char *hash, *next, *same, *after, *foreign, *ignored,
        *token = forge_core_secret_make(forge_test_pool, &ignored);
    forge_keys_t *others = forge_core_keys_make(forge_test_pool, "Zq8vN2xT7mB4cL9wK1sD6fH3jP5rY0aF", 32);
    next = forge_core_refresh_next(forge_test_pool, keys, token, &hash);
    same = forge_core_refresh_next(forge_test_pool, keys, token, &ignored);
    after = forge_core_refresh_next(forge_test_pool, keys, next, &ignored);
    foreign = forge_core_refresh_next(forge_test_pool, others, token, &ignored);
    ck_assert_uint_eq(strlen(next), 43);
    ck_assert_str_eq(hash, forge_core_sha256_hex(forge_test_pool, next, 43));
    ck_assert_str_eq(next, same);
    ck_assert_str_ne(next, token);
    ck_assert_str_ne(after, next);
    ck_assert_str_ne(foreign, next);
}
END_TEST

START_TEST(role_names)
{
    for (int role = FORGE_ROLE_GUEST; role <= FORGE_ROLE_ADMIN; role++)
        ck_assert_int_eq(forge_core_role_parse(forge_core_role_name((forge_role_t)role)), role);
    ck_assert_str_eq(forge_core_role_name(FORGE_ROLE_STUDENT), "student");
    ck_assert_ptr_null(forge_core_role_name(FORGE_ROLE_NONE));
    ck_assert_ptr_null(forge_core_role_name((forge_role_t)99));
    ck_assert_int_eq(forge_core_role_parse(NULL), FORGE_ROLE_NONE);
    ck_assert_int_eq(forge_core_role_parse(""), FORGE_ROLE_NONE);
    ck_assert_int_eq(forge_core_role_parse("ADMIN"), FORGE_ROLE_NONE);
    ck_assert_int_eq(forge_core_role_parse("superuser"), FORGE_ROLE_NONE);
}
END_TEST

static void add_common(TCase *tc)
{
    tcase_add_test(tc, signed_and_verified);
    tcase_add_test(tc, signed_text);
    tcase_add_test(tc, epoch_in_jti);
    tcase_add_test(tc, good_variants);
    tcase_add_loop_test(tc, header_refused, 0, sizeof(bad_headers) / sizeof(*bad_headers));
    tcase_add_loop_test(tc, claims_refused, 0, sizeof(bad_claims) / sizeof(*bad_claims));
    tcase_add_test(tc, clock_edges);
    tcase_add_test(tc, own_header_needs_a_signature);
    tcase_add_test(tc, each_character_tampered);
    tcase_add_test(tc, shapes_refused);
    tcase_add_test(tc, sizes);
    tcase_add_test(tc, deep_json);
}

static TCase *case_of(Suite *s, const char *name, SFun set_up)
{
    TCase *tc = tcase_create(name);
    tcase_add_checked_fixture(tc, set_up, forge_test_end);
    add_common(tc);
    suite_add_tcase(s, tc);
    return tc;
}

Suite *forge_test_core_token(void)
{
    Suite *s = suite_create("core_token");
    TCase *tc = case_of(s, "HS256", begin);
    tcase_add_test(tc, signed_with_given_jti);
    tcase_add_test(tc, rfc_7515_a1);
    tcase_add_test(tc, other_keys);
    tcase_add_test(tc, refresh_tokens);
    tcase_add_test(tc, refresh_successors);
    tcase_add_test(tc, role_names);
    tc = case_of(s, "RS256", begin_rs256);
    tcase_add_test(tc, rfc_7515_a2_a3);
    tc = case_of(s, "ES256", begin_es256);
    tcase_add_test(tc, rfc_7515_a2_a3);
    return s;
}
