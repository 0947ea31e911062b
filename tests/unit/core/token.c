/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/token.c: every way in which a token can be wrong (RFC 7515, 7519, 8725, 9068), and the one in which it is right.
 */
#include "core/identity/keys.h"
#include "core/identity/identity.h"
#include "token.h"
#include "rfc_keys.h"
#include "unit.h"
#include <apr_strings.h>
#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#define SECRET "Zq8vN2xT7mB4cL9wK1sD6fH3jP5rY0aE"
static const forge_token_rules_t rules = {"https://forge.example", "forge", 900 * APR_USEC_PER_SEC};
static forge_alg_t alg; /* every test case runs once for each */
static forge_keys_t *keys;
static forge_who_t who;
static const char *why;

static const forge_key_spec_t rsa_file = {"main", FORGE_ALG_RS256, RFC_RSA, sizeof(RFC_RSA) - 1};
static const forge_key_spec_t ec_file = {"main", FORGE_ALG_ES256, RFC_EC, sizeof(RFC_EC) - 1};

static forge_keys_t *ring(const forge_key_spec_t *files, int n)
{
    const forge_keyring_spec_t spec = {.secret = SECRET, .secret_len = strlen(SECRET), .files = files, .n_files = n};
    forge_keys_t *made = forge_core_keyring_make(forge_test_pool, &spec, &why);
    ck_assert_msg(made != NULL, "%s", why);
    return made;
}

static void begin(void)
{
    forge_test_begin();
    alg = FORGE_ALG_HS256;
    keys = forge_core_keys_make(forge_test_pool, SECRET, strlen(SECRET));
}

static void begin_rs256(void)
{
    forge_test_begin();
    alg = FORGE_ALG_RS256;
    keys = ring(&rsa_file, 1);
}

static void begin_es256(void)
{
    forge_test_begin();
    alg = FORGE_ALG_ES256;
    keys = ring(&ec_file, 1);
}

static const char *b64(const char *text)
{
    return forge_util_b64url(forge_test_pool, text, strlen(text));
}

/* Appends the right MAC of whatever stands before it. */
static const char *with_mac(const char *input, const char *secret, const EVP_MD *digest)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len;
    HMAC(digest, secret, (int)strlen(secret), (const unsigned char *)input, strlen(input), mac, &len);
    return apr_pstrcat(forge_test_pool, input, ".", forge_util_b64url(forge_test_pool, mac, len), NULL);
}

/* The two numbers of a DER signature one behind the other, as JWS has them. */
static size_t raw_of(const unsigned char *der, size_t len, unsigned char raw[64])
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
    ECDSA_SIG_free(sig);
    return 64;
}

/* Appends a signature made by OpenSSL alone. */
static const char *with_signature(const char *input, const char *pem, const EVP_MD *digest)
{
    unsigned char sig[512], raw[64];
    size_t len = sizeof(sig);
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, digest, NULL, pkey), 1);
    ck_assert_int_eq(EVP_DigestSign(ctx, sig, &len, (const unsigned char *)input, strlen(input)), 1);
    if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC)
        len = raw_of(memcpy(apr_palloc(forge_test_pool, len), sig, len), len, raw);
    const char *text = forge_util_b64url(forge_test_pool, EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC ? raw : sig, len);
    EVP_MD_CTX_free(ctx), EVP_PKEY_free(pkey), BIO_free(bio);
    return apr_pstrcat(forge_test_pool, input, ".", text, NULL);
}

/* Appends the right signature under the algorithm of this case. */
static const char *as_signed(const char *input)
{
    if (alg == FORGE_ALG_HS256)
        return with_mac(input, SECRET, EVP_sha256());
    return with_signature(input, alg == FORGE_ALG_RS256 ? RFC_RSA : RFC_EC, EVP_sha256());
}

/* The headers here are written for HS256: with another algorithm the two change places, and the key is named, for there are two. */
static const char *header_for(const char *header)
{
    char *text = apr_pstrdup(forge_test_pool, header);
    const char *name = forge_core_alg_name(alg);
    for (char *at = strstr(text, "S256\""); at != NULL && alg != FORGE_ALG_HS256; at = strstr(at + 1, "S256\""))
        if (at[-1] == 'H' || at[-1] == name[0])
            at[-1] = at[-1] == 'H' ? name[0] : 'H';
    char *brace = strchr(text, '{');
    if (alg == FORGE_ALG_HS256 || brace == NULL || strstr(text, "\"kid\"") != NULL || strlen(text) < 10)
        return text;
    return apr_psprintf(forge_test_pool, "%.*s\"kid\":\"main\",%s", (int)(brace + 1 - text), text, brace + 1);
}

static const char *make(const char *header, const char *claims)
{
    return as_signed(apr_pstrcat(forge_test_pool, b64(header_for(header)), ".", b64(claims), NULL));
}

static forge_status_t verify_at(const char *token, double seconds)
{
    memset(&who, 0, sizeof(who));
    why = "unset";
    return forge_core_token_verify(forge_test_pool, keys, &rules,
                                   &(forge_shown_t){token, (apr_time_t)(seconds * APR_USEC_PER_SEC), 0}, &who, &why);
}

static void good(const char *token)
{
    ck_assert_msg(verify_at(token, NOW) == FORGE_OK, "%s", why);
    ck_assert_ptr_null(why);
}

static void bad(const char *token)
{
    ck_assert_msg(verify_at(token, NOW) == FORGE_E_INVALID_TOKEN, "accepted: %s", token);
    ck_assert(why != NULL && strlen(why) > 5);
    ck_assert_int_eq(who.user_id, 0);
    ck_assert_int_eq(who.role, FORGE_ROLE_NONE);
}

static const forge_who_t ada = {.user_id = 42, .session_id = 4711, .role = FORGE_ROLE_INSTRUCTOR, .amr = "pwd otp"};

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
    ck_assert_msg(strncmp(token, keys->signer->header, strlen(keys->signer->header)) == 0 && token[strlen(keys->signer->header)] == '.',
                  "the quick way for our own header is not taken");
}
END_TEST

START_TEST(signed_text)
{
    const char *token = forge_core_token_sign(forge_test_pool, keys, &rules, &ada, apr_time_from_sec(NOW)), *dot = strchr(token, '.');
    apr_size_t len;
    char *header = (char *)forge_util_b64url_decode(forge_test_pool, token, (apr_size_t)(dot - token), &len);
    ck_assert_str_eq(
        apr_pstrmemdup(forge_test_pool, header, len),
        apr_psprintf(forge_test_pool, "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", forge_core_alg_name(alg), keys->signer->kid));
    char *claims = (char *)forge_util_b64url_decode(forge_test_pool, dot + 1, (apr_size_t)(strchr(dot + 1, '.') - dot - 1), &len);
    claims = apr_pstrmemdup(forge_test_pool, claims, len);
    ck_assert_ptr_nonnull(strstr(
        claims, "\"iss\":\"https://"
                "forge.example\",\"aud\":\"forge\",\"sub\":\"42\",\"sid\":\"4711\",\"role\":\"instructor\",\"amr\":[\"pwd\",\"otp\"],"
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
    ck_assert_ptr_null(forge_core_token_sign(forge_test_pool, keys, &rules, &given, apr_time_from_sec(NOW))); /* never more than fits */
}
END_TEST

/* The epoch travels in front of jti's first dot; what is no number there is the first epoch. */
START_TEST(epoch_in_jti)
{
    static const struct {
        const char *jti;
        apr_int64_t epoch;
    } rows[] = {{"7.x", 7}, {"7.8.x", 7}, {"7", 0}, {".x", 0}, {"-7.x", 0}, {"a7.x", 0}, {"7a.x", 0}, {"99999999999999999999.x", 0}};
    forge_who_t risen = ada;
    risen.epoch = 2147483647;
    good(forge_core_token_sign(forge_test_pool, keys, &rules, &risen, apr_time_from_sec(NOW)));
    ck_assert_int_eq(who.epoch, 2147483647);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        risen.jti = rows[i].jti;
        good(forge_core_token_sign(forge_test_pool, keys, &rules, &risen, apr_time_from_sec(NOW)));
        ck_assert_msg(who.epoch == rows[i].epoch, "%s: %" APR_INT64_T_FMT, rows[i].jti, who.epoch);
    }
}
END_TEST

/* RFC 7515 A.1: a published HS256 signature verifies, and then fails for its header (typ JWT) and claims only. */
START_TEST(rfc_7515_a1)
{
    static const char token[] = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
                                "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
                                "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    static const char secret[] = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
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
    good(make(apr_pstrcat(forge_test_pool, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"", keys->signer->kid, "\"}", NULL), CLAIMS));
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
    static const char *const shapes[] = {"", ".", "..", "...", "a", "a.b", "a.b.c", "a.b.c.d", ".a.b", "a..b", "a.b.", "....."};
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
    bad(make(HEADER, apr_pstrcat(forge_test_pool, "{" ISS AUD SUB SID ROLE IAT NBF EXP JTI ",\"x\":\"", long_text, "\"}", NULL)));
    long_text[5000] = '\0';
    good(make(HEADER, apr_pstrcat(forge_test_pool, "{" ISS AUD SUB SID ROLE IAT NBF EXP JTI ",\"x\":\"", long_text, "\"}", NULL)));
    long_text[200] = '\0';
    bad(make(HEADER, apr_pstrcat(forge_test_pool, "{" ISS AUD SUB SID ROLE IAT NBF EXP ",\"jti\":\"", long_text, "\"}", NULL)));
    long_text[128] = '\0';
    good(make(HEADER, apr_pstrcat(forge_test_pool, "{" ISS AUD SUB SID ROLE IAT NBF EXP ",\"jti\":\"", long_text, "\"}", NULL)));
}
END_TEST

START_TEST(deep_json)
{
    char open[2001], close[2001];
    memset(open, '[', 2000), memset(close, ']', 2000);
    open[2000] = close[2000] = '\0';
    bad(make(apr_pstrcat(forge_test_pool, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"x\":", open, close, "}", NULL), CLAIMS));
    bad(make(HEADER, apr_pstrcat(forge_test_pool, "{" ISS AUD SUB SID ROLE IAT NBF EXP JTI ",\"x\":", open, close, "}", NULL)));
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
    const char *hash, *next, *same, *after, *foreign, *ignored, *token = forge_core_secret_make(forge_test_pool, &ignored);
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

/* What everybody knows, the public key, is no secret: a MAC keyed with it, in any spelling, is refused (RFC 8725 §2.1). */
START_TEST(public_key_as_secret)
{
    static const char *const spellings[] = {RFC_RSA_PUBLIC, RFC_EC_PUBLIC, RFC_RSA, RFC_EC, "main", ""};
    const char *hs256 = keys->list[1].kid;
    const char *headers[] = {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"main\"}",
                             apr_psprintf(forge_test_pool, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", hs256)};
    for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++)
        for (size_t j = 0; j < 3; j++) {
            const char *input = apr_pstrcat(forge_test_pool, b64(headers[j]), ".", b64(CLAIMS), NULL);
            bad(with_mac(input, spellings[i], EVP_sha256()));
            bad(with_mac(input, apr_pstrndup(forge_test_pool, spellings[i], strlen(spellings[i]) - (*spellings[i] != '\0')), EVP_sha256()));
        }
    good(with_mac(apr_pstrcat(forge_test_pool, b64(headers[2]), ".", b64(CLAIMS), NULL), SECRET, EVP_sha256())); /* the secret itself is */
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
                const char *header =
                    apr_psprintf(forge_test_pool, "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", algs[name], kids[kid]);
                alg = maker == 0 ? FORGE_ALG_ES256 : maker == 1 ? FORGE_ALG_RS256 : FORGE_ALG_HS256;
                const char *token = as_signed(apr_pstrcat(forge_test_pool, b64(header), ".", b64(CLAIMS), NULL));
                if (kid == name && name == maker)
                    good(token);
                else
                    bad(token);
            }
    const char *input = apr_pstrcat(forge_test_pool, b64("{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"rs\"}"), ".", b64(CLAIMS), NULL);
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

/* What must hold whatever the algorithm. */
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
    Suite *s = suite_create("core/token");
    TCase *tc = case_of(s, "HS256", begin);
    tcase_add_test(tc, signed_with_given_jti);
    tcase_add_test(tc, rfc_7515_a1);
    tcase_add_test(tc, other_keys);
    tcase_add_test(tc, names_and_algorithms);
    tcase_add_test(tc, rotation);
    tcase_add_test(tc, rotation_of_the_secret);
    tcase_add_test(tc, refresh_tokens);
    tcase_add_test(tc, refresh_successors);
    tcase_add_test(tc, role_names);
    tc = case_of(s, "RS256", begin_rs256);
    tcase_add_test(tc, rfc_7515_a2_a3);
    tcase_add_test(tc, public_key_as_secret);
    tc = case_of(s, "ES256", begin_es256);
    tcase_add_test(tc, rfc_7515_a2_a3);
    tcase_add_test(tc, public_key_as_secret);
    return s;
}
