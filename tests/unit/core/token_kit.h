/* SPDX-License-Identifier: Apache-2.0
 * What the tests of tokens share: rings of keys, and tokens made by hand under each algorithm, right or wrong.
 */
#ifndef FORGE_UNIT_CORE_TOKEN_KIT_H
#define FORGE_UNIT_CORE_TOKEN_KIT_H

#include "core/identity/keys.h"
#include "core/identity/identity.h"
#include "rfc_keys.h"
#include "unit.h"
#include <apr_strings.h>
#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#define NOW    1800000000 /* seconds; the clock of these tests */
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}"
/* The claims of a good token, one macro each, so that a test leaves one out or twists it. */
#define ISS    "\"iss\":\"https://forge.example\""
#define AUD    ",\"aud\":\"forge\""
#define SUB    ",\"sub\":\"42\""
#define SID    ",\"sid\":\"4711\""
#define ROLE   ",\"role\":\"student\""
#define AMR    ",\"amr\":[\"pwd\",\"otp\"]"
#define IAT    ",\"iat\":1800000000"
#define NBF    ",\"nbf\":1800000000"
#define EXP    ",\"exp\":1800000900"
#define JTI    ",\"jti\":\"j-1\""
#define CLAIMS "{" ISS AUD SUB SID ROLE AMR IAT NBF EXP JTI "}"

#define SECRET "Zq8vN2xT7mB4cL9wK1sD6fH3jP5rY0aE"
static const forge_token_rules_t rules = {"https://forge.example", "forge", 900 * APR_USEC_PER_SEC};
static forge_alg_t alg; /* every test case runs once for each */
static forge_keys_t *keys;
static forge_who_t who;
static const char *why;

__attribute__((unused)) static const forge_key_spec_t rsa_file = {"main", FORGE_ALG_RS256, RFC_RSA,
                                                                  sizeof(RFC_RSA) - 1};
__attribute__((unused)) static const forge_key_spec_t ec_file = {"main", FORGE_ALG_ES256, RFC_EC, sizeof(RFC_EC) - 1};

__attribute__((unused)) static forge_keys_t *ring(const forge_key_spec_t *files, int n)
{
    const forge_keyring_spec_t spec = {.secret = SECRET, .secret_len = strlen(SECRET), .files = files, .n_files = n};
    forge_keys_t *made = forge_core_keyring_make(forge_test_pool, &spec, &why);
    ck_assert_msg(made != NULL, "%s", why);
    return made;
}

__attribute__((unused)) static void begin(void)
{
    forge_test_begin();
    alg = FORGE_ALG_HS256;
    keys = forge_core_keys_make(forge_test_pool, SECRET, strlen(SECRET));
}

__attribute__((unused)) static void begin_rs256(void)
{
    forge_test_begin();
    alg = FORGE_ALG_RS256;
    keys = ring(&rsa_file, 1);
}

__attribute__((unused)) static void begin_es256(void)
{
    forge_test_begin();
    alg = FORGE_ALG_ES256;
    keys = ring(&ec_file, 1);
}

__attribute__((unused)) static const char *b64(const char *text)
{
    return forge_util_b64url(forge_test_pool, text, strlen(text));
}

/* Appends the right MAC of whatever stands before it. */
__attribute__((unused)) static const char *with_mac(const char *input, const char *secret, const EVP_MD *digest)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len;
    HMAC(digest, secret, (int)strlen(secret), (const unsigned char *)input, strlen(input), mac, &len);
    return apr_pstrcat(forge_test_pool, input, ".", forge_util_b64url(forge_test_pool, mac, len), NULL);
}

/* The two numbers of a DER signature one behind the other, as JWS has them. */
__attribute__((unused)) static size_t raw_of(const unsigned char *der, size_t len, unsigned char raw[64])
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
    ECDSA_SIG_free(sig);
    return 64;
}

/* Appends a signature made by OpenSSL alone. */
__attribute__((unused)) static const char *with_signature(const char *input, const char *pem, const EVP_MD *digest)
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
__attribute__((unused)) static const char *as_signed(const char *input)
{
    if (alg == FORGE_ALG_HS256)
        return with_mac(input, SECRET, EVP_sha256());
    return with_signature(input, alg == FORGE_ALG_RS256 ? RFC_RSA : RFC_EC, EVP_sha256());
}

/* The headers here are written for HS256: with another algorithm the two change places, and the key is named, for there
 * are two. */
__attribute__((unused)) static const char *header_for(const char *header)
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

__attribute__((unused)) static const char *make(const char *header, const char *claims)
{
    return as_signed(apr_pstrcat(forge_test_pool, b64(header_for(header)), ".", b64(claims), NULL));
}

__attribute__((unused)) static forge_status_t verify_at(const char *token, double seconds)
{
    memset(&who, 0, sizeof(who));
    why = "unset";
    return forge_core_token_verify(forge_test_pool, keys, &rules,
                                   &(forge_shown_t){token, (apr_time_t)(seconds * APR_USEC_PER_SEC), 0}, &who, &why);
}

__attribute__((unused)) static void good(const char *token)
{
    ck_assert_msg(verify_at(token, NOW) == FORGE_OK, "%s", why);
    ck_assert_ptr_null(why);
}

__attribute__((unused)) static void bad(const char *token)
{
    ck_assert_msg(verify_at(token, NOW) == FORGE_E_INVALID_TOKEN, "accepted: %s", token);
    ck_assert(why != NULL && strlen(why) > 5);
    ck_assert_int_eq(who.user_id, 0);
    ck_assert_int_eq(who.role, FORGE_ROLE_NONE);
}

static const forge_who_t ada = {.user_id = 42, .session_id = 4711, .role = FORGE_ROLE_INSTRUCTOR, .amr = "pwd otp"};

#endif
