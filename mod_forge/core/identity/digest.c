/* SPDX-License-Identifier: Apache-2.0
 * Digests, MACs and sealing: the plain cryptography that other parts are built of, all of it OpenSSL's.
 */
#include "keys.h"
#include "identity.h"
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define SEAL_NONCE 12 /* bytes; random, so one key is good for 2^32 seals (NIST SP 800-38D §8.3) */
#define SEAL_TAG   16
#define SEAL_MAX   (64 * 1024) /* what is sealed is small: a TOTP secret, a cursor */

void forge_core_sha256(const void *data, apr_size_t len, unsigned char out[32])
{
    if (EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) != 1)
        abort(); /* out of memory: a digest left unset would compare equal to another one left unset */
}

static apr_status_t digest_free(void *ctx)
{
    EVP_MD_CTX_free(ctx);
    return APR_SUCCESS;
}

forge_digest_t *forge_core_sha256_begin(apr_pool_t *p)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
        abort(); /* as above */
    apr_pool_cleanup_register(p, ctx, digest_free, apr_pool_cleanup_null);
    return (forge_digest_t *)ctx;
}

void forge_core_sha256_add(forge_digest_t *digest, const void *data, apr_size_t len)
{
    if (EVP_DigestUpdate((EVP_MD_CTX *)digest, data, len) != 1)
        abort();
}

void forge_core_sha256_end(forge_digest_t *digest, unsigned char out[32])
{
    if (EVP_DigestFinal_ex((EVP_MD_CTX *)digest, out, NULL) != 1)
        abort();
}

const char *forge_core_sha256_hex(apr_pool_t *p, const void *data, apr_size_t len)
{
    unsigned char digest[32];
    forge_core_sha256(data, len, digest);
    return forge_util_hex(p, digest, sizeof(digest));
}

void forge_core_mac_from(const forge_keys_t *keys, int secret, const char *purpose, const void *data, apr_size_t len,
                         unsigned char out[32])
{
    unsigned char key[FORGE_KEY_BYTES];
    forge_core_keys_derive_from(keys, secret, purpose, key);
    if (!HMAC(EVP_sha256(), key, sizeof(key), data, len, out, NULL))
        abort(); /* as above */
    OPENSSL_cleanse(key, sizeof(key));
}

void forge_core_mac(const forge_keys_t *keys, const char *purpose, const void *data, apr_size_t len,
                    unsigned char out[32])
{
    forge_core_mac_from(keys, 0, purpose, data, len, out);
}

bool forge_core_mac_matches(const forge_keys_t *keys, const char *purpose, const void *data, apr_size_t len,
                            const unsigned char *mac, apr_size_t mac_len)
{
    unsigned char own[32];
    bool found = false;
    for (int i = 0; i < keys->secrets; i++) {
        forge_core_mac_from(keys, i, purpose, data, len, own);
        found |= forge_util_equal(own, mac, mac_len);
    }
    return found;
}

static void cipher_free(EVP_CIPHER_CTX **ctx)
{
    EVP_CIPHER_CTX_free(*ctx);
}

/* Encrypts into nonce ‖ ciphertext ‖ tag; the nonce is there already. */
static bool seal_into(unsigned char *sealed, const unsigned char *key, const char *context, const void *data, int len)
{
    __attribute__((cleanup(cipher_free))) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char *text = sealed + SEAL_NONCE;
    int n;
    return ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, sealed) == 1 &&
           EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)context, (int)strlen(context)) == 1 &&
           EVP_EncryptUpdate(ctx, text, &n, data, len) == 1 && EVP_EncryptFinal_ex(ctx, text + len, &n) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG, text + len) == 1;
}

const char *forge_core_seal(apr_pool_t *p, const forge_keys_t *keys, const char *context, const void *data,
                            apr_size_t len)
{
    unsigned char key[FORGE_KEY_BYTES], *sealed;
    bool done;

    if (len > SEAL_MAX || strlen(context) > SEAL_MAX)
        return NULL;
    sealed = apr_palloc(p, SEAL_NONCE + len + SEAL_TAG);
    forge_util_random(sealed, SEAL_NONCE);
    forge_core_keys_derive(keys, "seal", key);
    done = seal_into(sealed, key, context, data, (int)len);
    OPENSSL_cleanse(key, sizeof(key));
    return done ? forge_util_b64url(p, sealed, SEAL_NONCE + len + SEAL_TAG) : NULL;
}

/* The reverse: false when key, context, nonce, text or tag is not the one it was sealed with. */
static bool unseal_into(unsigned char *text, const unsigned char *key, const char *context, unsigned char *sealed,
                        int len)
{
    __attribute__((cleanup(cipher_free))) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;
    return ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, sealed) == 1 &&
           EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)context, (int)strlen(context)) == 1 &&
           EVP_DecryptUpdate(ctx, text, &n, sealed + SEAL_NONCE, len) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG, sealed + SEAL_NONCE + len) == 1 &&
           EVP_DecryptFinal_ex(ctx, text + len, &n) == 1;
}

/* Opens what was sealed under a key from one secret. False if it was sealed under another, or is not ours. GCM decrypts
 * before it knows whether the text is authentic, so what it has written by then is wiped. */
static bool unseal_from(const forge_keys_t *keys, int secret, const char *context, unsigned char *sealed,
                        unsigned char *text, int len)
{
    unsigned char key[FORGE_KEY_BYTES];
    bool done;
    forge_core_keys_derive_from(keys, secret, "seal", key);
    done = unseal_into(text, key, context, sealed, len);
    OPENSSL_cleanse(key, sizeof(key));
    if (!done)
        OPENSSL_cleanse(text, (size_t)len);
    return done;
}

char *forge_core_unseal(apr_pool_t *p, const forge_keys_t *keys, const char *context, const char *sealed,
                        apr_size_t *len)
{
    unsigned char *bytes, *text;
    apr_size_t size = strlen(sealed), n;
    bool done = false;

    if (size > (SEAL_NONCE + SEAL_MAX + SEAL_TAG) * 4 / 3 + 4 || strlen(context) > SEAL_MAX)
        return NULL;
    bytes = forge_util_b64url_decode(p, sealed, size, &n);
    if (!bytes || n < SEAL_NONCE + SEAL_TAG)
        return NULL;
    n -= SEAL_NONCE + SEAL_TAG;
    text = apr_palloc(p, n + 1);
    for (int i = 0; i < keys->secrets && !done; i++)
        done = unseal_from(keys, i, context, bytes, text, (int)n);
    if (!done)
        return NULL;
    text[n] = '\0';
    *len = n;
    return (char *)text;
}
