/* SPDX-License-Identifier: Apache-2.0
 * Key files (PEM) as cjose keys, and the public half as JWKS.
 */
#include "keys.h"
#include "identity.h"
#include <apr_strings.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#define NUMBER_BYTES_MAX (FORGE_RSA_BITS_MAX / 8)
#define JWKS_BYTES_MAX   (1024 * 1024)

static void pkey_free(EVP_PKEY **pkey)
{
    EVP_PKEY_free(*pkey);
}

static void jws_free(cjose_jws_t **jws)
{
    cjose_jws_release(*jws);
}

static void header_free(cjose_header_t **header)
{
    if (*header)
        cjose_header_release(*header);
}

/* OpenSSL would ask the terminal for a passphrase, while a server starts. */
static int no_passphrase(char *text, int size, int writing, void *unused)
{
    (void)text, (void)size, (void)writing, (void)unused;
    return -1;
}

/* Reads the private half where the file has one. Such a file never counts as a public key alone, because whoever names
 * it means to sign. */
static EVP_PKEY *pem_read(const char *pem, apr_size_t len, bool *private_half)
{
    BIO *bio = len > INT_MAX ? NULL : BIO_new_mem_buf(pem, (int)len);
    EVP_PKEY *pkey = NULL;
    *private_half = strstr(pem, "PRIVATE KEY-----") != NULL;
    if (bio)
        pkey = *private_half ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)
                             : PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return pkey;
}

/* Is it the kind of key that the algorithm takes? NULL, or what is wrong. */
static const char *kind_problem(apr_pool_t *p, EVP_PKEY *pkey, forge_alg_t alg)
{
    char group[64] = "";
    if (alg == FORGE_ALG_RS256) {
        if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
            return "it is no RSA key, which RS256 needs";
        if (EVP_PKEY_get_bits(pkey) < FORGE_RSA_BITS_MIN || EVP_PKEY_get_bits(pkey) > FORGE_RSA_BITS_MAX)
            return apr_psprintf(p, "it has %d bits; an RSA key has 2048 to 8192", EVP_PKEY_get_bits(pkey));
        return NULL;
    }
    if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_EC || EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1 ||
        strcmp(group, SN_X9_62_prime256v1) != 0)
        return "it is no key on the curve P-256, which ES256 needs";
    return NULL;
}

/* Is the public half a key at all (a point on the curve, a modulus without small factors)? */
static bool public_half_good(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    bool good = ctx && EVP_PKEY_public_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

typedef struct number_t { /* of a key, big-endian, as cjose takes it */
    uint8_t bytes[NUMBER_BYTES_MAX];
    size_t len;
} number_t;

/* len stays 0 when the key has no such number. */
static void number_get(EVP_PKEY *pkey, const char *name, number_t *number)
{
    BIGNUM *n = NULL;
    if (EVP_PKEY_get_bn_param(pkey, name, &n) == 1 && BN_num_bytes(n) <= NUMBER_BYTES_MAX)
        number->len = (size_t)BN_bn2bin(n, number->bytes);
    BN_clear_free(n);
    ERR_clear_error();
}

static cjose_jwk_t *rsa_make(EVP_PKEY *pkey)
{
    static const char *const names[] = {OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
                                        OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
                                        OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
                                        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
    enum { N, E, D, P, Q, DP, DQ, QI, NUMBERS };
    number_t n[NUMBERS] = {{{0}, 0}};
    for (int i = 0; i < NUMBERS; i++)
        number_get(pkey, names[i], &n[i]);
    const cjose_jwk_rsa_keyspec spec = {.n = n[N].bytes,
                                        .nlen = n[N].len,
                                        .e = n[E].bytes,
                                        .elen = n[E].len,
                                        .d = n[D].bytes,
                                        .dlen = n[D].len,
                                        .p = n[P].bytes,
                                        .plen = n[P].len,
                                        .q = n[Q].bytes,
                                        .qlen = n[Q].len,
                                        .dp = n[DP].bytes,
                                        .dplen = n[DP].len,
                                        .dq = n[DQ].bytes,
                                        .dqlen = n[DQ].len,
                                        .qi = n[QI].bytes,
                                        .qilen = n[QI].len};
    cjose_jwk_t *jwk = cjose_jwk_create_RSA_spec(&spec, NULL);
    OPENSSL_cleanse(n, sizeof(n));
    return jwk;
}

static cjose_jwk_t *ec_make(EVP_PKEY *pkey)
{
    number_t d = {{0}, 0}, x = {{0}, 0}, y = {{0}, 0};
    number_get(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d);
    number_get(pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x);
    number_get(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y);
    const cjose_jwk_ec_keyspec spec = {.crv = CJOSE_JWK_EC_P_256,
                                       .d = d.bytes,
                                       .dlen = d.len,
                                       .x = x.bytes,
                                       .xlen = x.len,
                                       .y = y.bytes,
                                       .ylen = y.len};
    cjose_jwk_t *jwk = cjose_jwk_create_EC_spec(&spec, NULL);
    OPENSSL_cleanse(&d, sizeof(d));
    return jwk;
}

/* Does what the private half signs verify? A file whose halves do not belong together must not start a server. */
static bool halves_fit(const forge_key_t *key)
{
    static const uint8_t probe[] = "probe";
    __attribute__((cleanup(header_free))) cjose_header_t *header = cjose_header_new(NULL);
    __attribute__((cleanup(jws_free))) cjose_jws_t *jws = NULL;
    if (!header || !cjose_header_set(header, CJOSE_HDR_ALG, forge_core_alg_name(key->alg), NULL))
        return false;
    jws = cjose_jws_sign(key->jwk, header, probe, sizeof(probe), NULL);
    return jws && cjose_jws_verify(jws, key->jwk, NULL);
}

/* The public half as cjose writes it. */
static forge_json_t *public_json(apr_pool_t *p, const cjose_jwk_t *jwk)
{
    const char *ignored;
    char *text = cjose_jwk_to_json(jwk, false, NULL);
    forge_json_t *json = !text ? NULL : forge_util_json_parse(p, text, strlen(text), &ignored);
    cjose_get_dealloc()(text);
    return json;
}

static bool digest_take(apr_pool_t *p, forge_key_t *key)
{
    forge_buf_t *text = forge_util_buf_make(p, 1024, JWKS_BYTES_MAX);
    forge_json_t *json = public_json(p, key->jwk);
    if (!json)
        return false;
    forge_util_json_write(text, json);
    forge_core_sha256(text->data, text->len, key->digest);
    return true;
}

const char *forge_core_key_read(apr_pool_t *p, const forge_key_spec_t *spec, forge_key_t *key)
{
    bool private_half;
    __attribute__((cleanup(pkey_free))) EVP_PKEY *pkey = pem_read(spec->pem, spec->len, &private_half);
    const char *problem =
        !pkey ? "it holds no key that can be read (PEM without passphrase)" : kind_problem(p, pkey, spec->alg);
    if (!problem && !public_half_good(pkey))
        problem = "the key in it is not valid";
    if (problem)
        return problem;
    key->alg = spec->alg;
    key->kid = apr_pstrdup(p, spec->kid);
    key->signs = private_half;
    key->signature_len = spec->alg == FORGE_ALG_RS256 ? (apr_size_t)EVP_PKEY_get_size(pkey) : FORGE_ECDSA_BYTES;
    key->jwk = spec->alg == FORGE_ALG_RS256 ? rsa_make(pkey) : ec_make(pkey);
    if (!key->jwk || !digest_take(p, key) || (private_half && !halves_fit(key)))
        problem = "the two halves of the key in it do not belong together";
    else
        return NULL;
    cjose_jwk_release(key->jwk);
    return problem;
}

const char *forge_core_key_problem(apr_pool_t *p, const forge_key_spec_t *spec)
{
    forge_key_t key = {0};
    const char *problem = forge_core_key_read(p, spec, &key);
    if (!problem)
        cjose_jwk_release(key.jwk);
    return problem;
}

const char *forge_core_jwks_make(apr_pool_t *p, const forge_keys_t *keys)
{
    forge_json_t *set = forge_util_json_object(p), *list = forge_util_json_put_array(set, "keys");
    forge_buf_t *text = forge_util_buf_make(p, 1024, JWKS_BYTES_MAX);
    for (int i = 0; i < keys->count; i++) {
        const forge_key_t *key = &keys->list[i];
        forge_json_t *json =
            key->alg == FORGE_ALG_HS256 ? NULL : public_json(p, key->jwk); /* a secret has no public half */
        if (!json)
            continue;
        forge_util_json_put_text(json, "kid", key->kid);
        forge_util_json_put_text(json, "use", "sig");
        forge_util_json_put_text(json, "alg", forge_core_alg_name(key->alg));
        forge_util_json_add_copy(list, json);
    }
    forge_util_json_write(text, set);
    return apr_pstrmemdup(p, text->data, text->len);
}

const char *forge_core_jwks(const forge_keys_t *keys)
{
    return keys->jwks;
}

const char *forge_core_alg_name(forge_alg_t alg)
{
    static const char *const names[FORGE_ALGS] = {"HS256", "RS256", "ES256"};
    return names[alg];
}
