/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/jwk.c: which key files are taken, and that what is published verifies what was signed, judged by
 * OpenSSL alone.
 */
#include "core/identity/keys.h"
#include "core/identity/identity.h"
#include "rfc_keys.h"
#include "unit.h"
#include <apr_strings.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#define SECRET "Zq8vN2xT7mB4cL9wK1sD6fH3jP5rY0aE"

typedef enum form_t { PRIVATE, TRADITIONAL, PUBLIC, ENCRYPTED } form_t;

static char *pem_of(EVP_PKEY *pkey, form_t form)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    ck_assert_ptr_nonnull(pkey);
    if (form == PUBLIC)
        ck_assert(PEM_write_bio_PUBKEY(bio, pkey));
    else if (form == TRADITIONAL)
        ck_assert(PEM_write_bio_PrivateKey_traditional(bio, pkey, NULL, NULL, 0, NULL, NULL));
    else
        ck_assert(PEM_write_bio_PrivateKey(bio, pkey, form == ENCRYPTED ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
                                           (void *)"passphrase"));
    long len = BIO_get_mem_data(bio, &data);
    char *pem = apr_pstrmemdup(forge_test_pool, data, (apr_size_t)len);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    return pem;
}

static const char *problem(forge_alg_t alg, const char *pem)
{
    const forge_key_spec_t spec = {"k", alg, pem, strlen(pem)};
    return forge_core_key_problem(forge_test_pool, &spec);
}

static void taken(forge_alg_t alg, const char *pem)
{
    ck_assert_msg(problem(alg, pem) == NULL, "%s", problem(alg, pem));
}

static void refused(forge_alg_t alg, const char *pem, const char *because)
{
    const char *why = problem(alg, pem);
    ck_assert_msg(why != NULL && strstr(why, because) != NULL, "%s instead of %s", why ? why : "taken", because);
}

START_TEST(files_taken)
{
    taken(FORGE_ALG_RS256, RFC_RSA);
    taken(FORGE_ALG_RS256, RFC_RSA_PUBLIC);
    taken(FORGE_ALG_ES256, RFC_EC);
    taken(FORGE_ALG_ES256, RFC_EC_PUBLIC);
    taken(FORGE_ALG_ES256,
          pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), TRADITIONAL)); /* BEGIN EC PRIVATE KEY */
    taken(FORGE_ALG_RS256, pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), TRADITIONAL));
    taken(FORGE_ALG_ES256, "comment before it\n" RFC_EC "and after it\n");
    taken(
        FORGE_ALG_ES256,
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" RFC_EC); /* openssl ecparam */
}
END_TEST

START_TEST(files_refused)
{
    char cut[] = RFC_EC;
    refused(FORGE_ALG_RS256, RFC_EC, "no RSA key");
    refused(FORGE_ALG_ES256, RFC_RSA, "P-256");
    refused(FORGE_ALG_ES256, pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), PRIVATE), "P-256");
    refused(FORGE_ALG_ES256, pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1"), PRIVATE), "P-256");
    refused(FORGE_ALG_ES256, pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), PRIVATE), "P-256");
    refused(FORGE_ALG_RS256, pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), PRIVATE), "1024 bits");
    refused(FORGE_ALG_RS256, pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2040), PUBLIC), "2040 bits");
    refused(FORGE_ALG_RS256, pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), ENCRYPTED), "without passphrase");
    refused(FORGE_ALG_RS256, "", "no key");
    refused(FORGE_ALG_RS256, "no PEM", "no key");
    refused(FORGE_ALG_RS256, "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", "no key");
    refused(FORGE_ALG_RS256, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no key");
    cut[strlen(cut) / 2] = '\0';
    refused(FORGE_ALG_ES256, cut, "no key");
    /* a broken private key is not taken for the public one beside it */
    refused(FORGE_ALG_ES256, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" RFC_EC_PUBLIC, "no key");
}
END_TEST

static EVP_PKEY *pkey_of(const char *type, OSSL_PARAM_BLD *build, int selection)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    ck_assert_int_eq(EVP_PKEY_fromdata_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_fromdata(ctx, &pkey, selection, params), 1);
    EVP_PKEY_CTX_free(ctx), OSSL_PARAM_free(params), OSSL_PARAM_BLD_free(build);
    return pkey;
}

static EVP_PKEY *pkey_read(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return pkey;
}

/* The public half of one key with the private half of another. */
START_TEST(halves_apart)
{
    static const char *const private_half[] = {OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
                                               OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
                                               OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
    EVP_PKEY *one = pkey_read(RFC_RSA), *other = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n[8] = {NULL};
    EVP_PKEY_get_bn_param(other, OSSL_PKEY_PARAM_RSA_N, &n[6]),
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n[6]);
    EVP_PKEY_get_bn_param(other, OSSL_PKEY_PARAM_RSA_E, &n[7]),
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, n[7]);
    for (int i = 0; i < 6; i++)
        EVP_PKEY_get_bn_param(one, private_half[i], &n[i]), OSSL_PARAM_BLD_push_BN(build, private_half[i], n[i]);
    EVP_PKEY *twisted = pkey_of("RSA", build, EVP_PKEY_KEYPAIR);
    for (int i = 0; i < 8; i++)
        BN_free(n[i]);
    EVP_PKEY_free(one), EVP_PKEY_free(other);
    refused(FORGE_ALG_RS256, pem_of(twisted, PRIVATE), "do not belong together");
}
END_TEST

START_TEST(modulus_that_is_none)
{
    BIGNUM *n = BN_new(), *e = BN_new();
    BN_one(n), BN_lshift(n, n, 2047), BN_set_word(e, 65537); /* 2^2047: even */
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n), OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
    EVP_PKEY *twisted = pkey_of("RSA", build, EVP_PKEY_PUBLIC_KEY);
    BN_free(n), BN_free(e);
    refused(FORGE_ALG_RS256, pem_of(twisted, PUBLIC), "not valid");
}
END_TEST

/* --- the set --- */

static const forge_json_t *jwks_of(const forge_keys_t *keys)
{
    const char *why, *text = forge_core_jwks(keys);
    const forge_json_t *set = forge_util_json_parse(forge_test_pool, text, strlen(text), &why);
    ck_assert_msg(set != NULL, "%s", why);
    ck_assert_uint_eq(forge_util_json_size(set), 1);
    return forge_util_json_get(set, "keys");
}

static const char *member(const forge_json_t *key, const char *name)
{
    const char *text = forge_util_json_text(forge_util_json_get(key, name), NULL);
    ck_assert_msg(text != NULL, "no %s", name);
    return text;
}

static forge_keys_t *ring(const forge_key_spec_t *files, int n)
{
    const char *why;
    const forge_keyring_spec_t spec = {.secret = SECRET, .secret_len = 32, .files = files, .n_files = n};
    forge_keys_t *keys = forge_core_keyring_make(forge_test_pool, &spec, &why);
    ck_assert_msg(keys != NULL, "%s", why);
    return keys;
}

START_TEST(empty_set)
{
    forge_keys_t *keys = forge_core_keys_make(forge_test_pool, SECRET, 32);
    ck_assert_str_eq(forge_core_jwks(keys), "{\"keys\":[]}");
}
END_TEST

/* RFC 7515 A.2 and A.3 say how these keys look as JWK. */
START_TEST(published_members)
{
    static const forge_key_spec_t files[] = {{"es-1", FORGE_ALG_ES256, RFC_EC, sizeof(RFC_EC) - 1},
                                             {"rs.1", FORGE_ALG_RS256, RFC_RSA_PUBLIC, sizeof(RFC_RSA_PUBLIC) - 1}};
    const forge_json_t *set = jwks_of(ring(files, 2)), *es = forge_util_json_at(set, 0),
                       *rs = forge_util_json_at(set, 1);
    ck_assert_uint_eq(forge_util_json_size(set), 2); /* the secret is not among them */
    ck_assert_str_eq(member(es, "kty"), "EC");
    ck_assert_str_eq(member(es, "kid"), "es-1");
    ck_assert_str_eq(member(es, "use"), "sig");
    ck_assert_str_eq(member(es, "alg"), "ES256");
    ck_assert_str_eq(member(es, "crv"), "P-256");
    ck_assert_str_eq(member(es, "x"), "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
    ck_assert_str_eq(member(es, "y"), "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    ck_assert_uint_eq(forge_util_json_size(es), 7); /* and nothing private */
    ck_assert_str_eq(member(rs, "kty"), "RSA");
    ck_assert_str_eq(member(rs, "kid"), "rs.1");
    ck_assert_str_eq(member(rs, "use"), "sig");
    ck_assert_str_eq(member(rs, "alg"), "RS256");
    ck_assert_str_eq(member(rs, "e"), "AQAB");
    ck_assert_int_eq(strncmp(member(rs, "n"), "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddx", 58), 0);
    ck_assert_uint_eq(forge_util_json_size(rs), 6);
}
END_TEST

static BIGNUM *number(const forge_json_t *key, const char *name, apr_size_t *len)
{
    const char *text = member(key, name);
    unsigned char *bytes = forge_util_b64url_decode(forge_test_pool, text, strlen(text), len);
    ck_assert_ptr_nonnull(bytes);
    return BN_bin2bn(bytes, (int)*len, NULL);
}

/* A key made of nothing but what the set says. */
static EVP_PKEY *published_key(const forge_json_t *key)
{
    apr_size_t len;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (strcmp(member(key, "kty"), "EC") == 0) {
        unsigned char point[65] = {4};
        BIGNUM *x = number(key, "x", &len), *y;
        ck_assert_uint_eq(len, 32); /* RFC 7518 §6.2.1.2: never shorter */
        y = number(key, "y", &len);
        ck_assert_uint_eq(len, 32);
        BN_bn2binpad(x, point + 1, 32), BN_bn2binpad(y, point + 33, 32), BN_free(x), BN_free(y);
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
        return pkey_of("EC", build, EVP_PKEY_PUBLIC_KEY);
    }
    BIGNUM *n = number(key, "n", &len), *e = number(key, "e", &len);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n), OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
    EVP_PKEY *pkey = pkey_of("RSA", build, EVP_PKEY_PUBLIC_KEY);
    BN_free(n), BN_free(e);
    return pkey;
}

static bool verifies(EVP_PKEY *pkey, const char *token)
{
    const char *dot = strrchr(token, '.');
    apr_size_t len;
    unsigned char *sig = forge_util_b64url_decode(forge_test_pool, dot + 1, strlen(dot + 1), &len), *der = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC) {
        ECDSA_SIG *pair = ECDSA_SIG_new();
        ck_assert_uint_eq(len, 64);
        ECDSA_SIG_set0(pair, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL));
        len = (apr_size_t)i2d_ECDSA_SIG(pair, &der);
        ECDSA_SIG_free(pair);
        sig = der;
    }
    ck_assert_int_eq(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey), 1);
    bool good = EVP_DigestVerify(ctx, sig, len, (const unsigned char *)token, (size_t)(dot - token)) == 1;
    EVP_MD_CTX_free(ctx), OPENSSL_free(der);
    return good;
}

/* Fifty fresh keys: coordinates and signatures whose first byte is zero are among some hundreds of them. */
static void signed_is_verified(const char *pem, forge_alg_t alg, int tokens)
{
    static const forge_token_rules_t rules = {"https://forge.example", "forge", 900 * APR_USEC_PER_SEC};
    const forge_who_t who = {.user_id = 1, .session_id = 2, .role = FORGE_ROLE_STUDENT};
    const forge_key_spec_t file = {"k", alg, pem, strlen(pem)};
    forge_keys_t *keys = ring(&file, 1);
    EVP_PKEY *pkey = published_key(forge_util_json_at(jwks_of(keys), 0));
    for (int i = 0; i < tokens; i++) {
        char *token =
            apr_pstrdup(forge_test_pool, forge_core_token_sign(forge_test_pool, keys, &rules, &who, apr_time_now()));
        ck_assert(verifies(pkey, token));
        strrchr(token, '.')[-3] ^= 1; /* in the claims */
        ck_assert(!verifies(pkey, token));
    }
    EVP_PKEY_free(pkey);
}

START_TEST(what_is_published_verifies)
{
    signed_is_verified(RFC_RSA, FORGE_ALG_RS256, 3);
    signed_is_verified(RFC_EC, FORGE_ALG_ES256, 300);
    signed_is_verified(pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)3072), PRIVATE), FORGE_ALG_RS256, 2);
    for (int i = 0; i < 300; i++)
        signed_is_verified(pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), PRIVATE), FORGE_ALG_ES256, 1);
}
END_TEST

/* --- rings that cannot be --- */

static void no_ring(const forge_key_spec_t *files, int n, const char *other, const char *because)
{
    const char *why = NULL;
    const forge_keyring_spec_t spec = {.secret = SECRET,
                                       .secret_len = 32,
                                       .other = other,
                                       .other_len = other ? strlen(other) : 0,
                                       .files = files,
                                       .n_files = n};
    ck_assert_ptr_null(forge_core_keyring_make(forge_test_pool, &spec, &why));
    ck_assert_msg(why != NULL && strstr(why, because) != NULL, "%s instead of %s", why ? why : "-", because);
}

START_TEST(rings_refused)
{
    forge_key_spec_t files[] = {{"a", FORGE_ALG_ES256, RFC_EC, sizeof(RFC_EC) - 1},
                                {"a", FORGE_ALG_RS256, RFC_RSA, sizeof(RFC_RSA) - 1}};
    no_ring(files, 2, NULL, "two keys are called a");
    files[1] = (forge_key_spec_t){"b", FORGE_ALG_ES256, RFC_EC_PUBLIC, sizeof(RFC_EC_PUBLIC) - 1};
    no_ring(files, 2, NULL, "the same key");
    files[1] = (forge_key_spec_t){"b", FORGE_ALG_RS256, RFC_EC, sizeof(RFC_EC) - 1};
    no_ring(files, 2, NULL, "no RSA key");
    no_ring(NULL, 0, SECRET, "the two secrets are the same");
    files[0].kid = forge_core_keys_make(forge_test_pool, SECRET, 32)->signer->kid; /* the name that the secret has */
    no_ring(files, 1, NULL, "two keys are called");
}
END_TEST

START_TEST(names)
{
    char name[70];
    memset(name, 'a', sizeof(name));
    name[65] = '\0';
    ck_assert(!forge_core_kid_valid(name));
    name[64] = '\0';
    ck_assert(forge_core_kid_valid(name));
    ck_assert(forge_core_kid_valid("A.z_0-9"));
    ck_assert(!forge_core_kid_valid(""));
    ck_assert(!forge_core_kid_valid("a b"));
    ck_assert(!forge_core_kid_valid("a/b"));
    ck_assert(!forge_core_kid_valid("\xc3\xa4"));
}
END_TEST

/* Rings of two tenants: a key in common, whatever it is called, lets tokens of one in at the other. */
START_TEST(shared_keys)
{
    static const char mine[] = "Lr3pW8sXc5kD1nQz7tVg2hJm9yBf4uEa", theirs[] = "Hy6tR2bNq8wVx4mZc9pKs1dGf7jLu3eT";
    const forge_key_spec_t file = {"a", FORGE_ALG_ES256, RFC_EC, sizeof(RFC_EC) - 1},
                           named = {"b", FORGE_ALG_ES256, RFC_EC_PUBLIC, sizeof(RFC_EC_PUBLIC) - 1};
    const char *why;
    forge_keyring_spec_t spec = {.secret = mine, .secret_len = 32, .files = &file, .n_files = 1};
    forge_keys_t *a = forge_core_keyring_make(forge_test_pool, &spec, &why);
    spec = (forge_keyring_spec_t){.secret = theirs, .secret_len = 32, .files = &named, .n_files = 1};
    forge_keys_t *b = forge_core_keyring_make(forge_test_pool, &spec, &why);
    spec.n_files = 0;
    forge_keys_t *c = forge_core_keyring_make(forge_test_pool, &spec, &why);
    spec = (forge_keyring_spec_t){.secret = SECRET, .secret_len = 32, .other = theirs, .other_len = 32};
    forge_keys_t *d = forge_core_keyring_make(forge_test_pool, &spec, &why);
    ck_assert(forge_core_keys_shared(a, b) && forge_core_keys_shared(b, a));
    ck_assert(!forge_core_keys_shared(a, c) && !forge_core_keys_shared(a, d));
    ck_assert(forge_core_keys_shared(b, c) && forge_core_keys_shared(c, d));
}
END_TEST

Suite *forge_test_core_jwk(void)
{
    Suite *s = suite_create("core_jwk");
    TCase *tc = tcase_create("jwk");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, files_taken);
    tcase_add_test(tc, files_refused);
    tcase_add_test(tc, halves_apart);
    tcase_add_test(tc, modulus_that_is_none);
    tcase_add_test(tc, empty_set);
    tcase_add_test(tc, published_members);
    tcase_add_test(tc, what_is_published_verifies);
    tcase_add_test(tc, rings_refused);
    tcase_add_test(tc, names);
    tcase_add_test(tc, shared_keys);
    suite_add_tcase(s, tc);
    return s;
}
