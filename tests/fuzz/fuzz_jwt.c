/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: an access token, before a secret alone and before a ring of keys of every kind. The bytes go in as a whole token; and, cut
 * at the first newline into header and claims, once more under a right signature, so that the checks behind it are reached.
 */
#include "core/identity/identity.h"
#include "unit/core/rfc_keys.h"
#include "fuzz.h"
#include <apr_strings.h>
#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#define SECRET "Zq8vN2xT7mB4cL9wK1sD6fH3jP5rY0aE"

static apr_pool_t *root;
static forge_keys_t *alone, *ring;
static EVP_PKEY *rsa, *ec;

static EVP_PKEY *pkey_of(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return pkey;
}

static void stop(void)
{
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    apr_terminate(); /* gives the keys back: leak checkers do not look into pools */
}

static void start(void)
{
    static const forge_key_spec_t files[] = {{"es", FORGE_ALG_ES256, RFC_EC, sizeof(RFC_EC) - 1},
                                             {"rs", FORGE_ALG_RS256, RFC_RSA, sizeof(RFC_RSA) - 1}};
    static const forge_keyring_spec_t spec = {
        .secret = "Lr3pW8sXc5kD1nQz7tVg2hJm9yBf4uEa", .secret_len = 32, .other = SECRET, .other_len = 32, .files = files, .n_files = 2};
    const char *why;
    apr_initialize();
    forge_util_json_init();
    apr_pool_create(&root, NULL);
    alone = forge_core_keys_make(root, SECRET, strlen(SECRET));
    ring = forge_core_keyring_make(root, &spec, &why);
    rsa = pkey_of(RFC_RSA);
    ec = pkey_of(RFC_EC);
    FORGE_PROMISE(ring && rsa && ec);
    atexit(stop);
}

/* Whatever the bytes are: one of two outcomes, and nobody without a reason or a full identity. */
static void try_ring(apr_pool_t *p, const forge_keys_t *keys, const char *token)
{
    static const forge_token_rules_t rules = {"https://forge.example", "forge", 900 * APR_USEC_PER_SEC};
    forge_who_t who = {0};
    const char *why = NULL;
    forge_status_t status =
        forge_core_token_verify(p, keys, &rules, &(forge_shown_t){token, apr_time_from_sec(1800000000), 0}, &who, &why);
    if (status == FORGE_OK
            ? why != NULL || who.user_id <= 0 || who.session_id <= 0 || who.role == FORGE_ROLE_NONE || who.jti == NULL || who.amr == NULL
            : status != FORGE_E_INVALID_TOKEN || why == NULL || who.user_id != 0)
        abort();
}

static void try_token(apr_pool_t *p, const char *token)
{
    try_ring(p, alone, token);
    try_ring(p, ring, token);
}

static const char *joined(apr_pool_t *p, const char *input, const void *signature, size_t len)
{
    return apr_pstrcat(p, input, ".", forge_util_b64url(p, signature, len), NULL);
}

static const char *with_signature(apr_pool_t *p, const char *input, EVP_PKEY *pkey)
{
    unsigned char sig[256], raw[64];
    const unsigned char *der = sig;
    size_t len = sizeof(sig);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    FORGE_PROMISE(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1);
    FORGE_PROMISE(EVP_DigestSign(ctx, sig, &len, (const unsigned char *)input, strlen(input)) == 1);
    EVP_MD_CTX_free(ctx);
    if (pkey == rsa)
        return joined(p, input, sig, len);
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
    FORGE_PROMISE(pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32) == 32 && BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32) == 32);
    ECDSA_SIG_free(pair);
    return joined(p, input, raw, sizeof(raw));
}

/* Header and claims under every signature that the header may stand for; those of key files take long and are made on demand. */
static void try_parts(apr_pool_t *p, const char *head, size_t head_len, const char *claims, size_t claims_len)
{
    const char *text = apr_pstrmemdup(p, head, head_len);
    const char *input = apr_pstrcat(p, forge_util_b64url(p, head, head_len), ".", forge_util_b64url(p, claims, claims_len), NULL);
    unsigned char mac[32];
    HMAC(EVP_sha256(), SECRET, sizeof(SECRET) - 1, (const unsigned char *)input, strlen(input), mac, NULL);
    try_token(p, joined(p, input, mac, sizeof(mac)));
    if (strstr(text, "ES256"))
        try_token(p, with_signature(p, input, ec));
    if (strstr(text, "RS256"))
        try_token(p, with_signature(p, input, rsa));
}

int forge_fuzz_jwt(const uint8_t *data, size_t size)
{
    const uint8_t *newline = memchr(data, '\n', size);
    apr_pool_t *p;

    if (root == NULL)
        start();
    apr_pool_create(&p, root);
    try_token(p, apr_pstrmemdup(p, (const char *)data, size));
    if (newline != NULL) {
        size_t head = (size_t)(newline - data);
        try_parts(p, (const char *)data, head, (const char *)newline + 1, size - head - 1);
    }
    apr_pool_destroy(p);
    return 0;
}
