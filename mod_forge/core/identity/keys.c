/* SPDX-License-Identifier: Apache-2.0
 * Keys: which secrets are refused, how one secret becomes a key for each purpose (HKDF, RFC 5869), and the ring of all that verify.
 */
#include "keys.h"
#include <apr_strings.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_BYTES_MIN    32 /* RFC 7518 §3.2: not shorter than the hash */
#define SECRET_BYTES_MAX    4096
#define KID_CHARS_MAX       64
#define SECRET_DISTINCT_MIN 8 /* 32 random hex digits have fewer than this once in 10^8 */

/* A secret whose letters are nothing but these words, whatever digits and marks stand between them, is a placeholder. */
static const char *const placeholder_words[] = {
    "a",        "access",      "admin",     "an",          "and",      "api",       "app",         "application", "at",         "auth",
    "backend",  "be",          "before",    "bit",         "bits",     "byte",      "bytes",       "cat",         "change",     "changed",
    "changeit", "changeme",    "character", "characters",  "chars",    "default",   "demo",        "deploying",   "deployment", "dev",
    "develop",  "development", "django",    "do",          "dummy",    "env",       "environment", "example",     "express",    "fake",
    "fastapi",  "fixme",       "flask",     "foobar",      "for",      "forge",     "generate",    "here",        "hmac",       "httpd",
    "in",       "insecure",    "insert",    "is",          "it",       "jwt",       "key",         "keyboard",    "keys",       "learning",
    "least",    "length",      "local",     "long",        "me",       "min",       "minimum",     "mod",         "must",       "my",
    "mykey",    "mysecret",    "never",     "node",        "not",      "of",        "one",         "only",        "or",         "our",
    "pass",     "passphrase",  "password",  "placeholder", "platform", "please",    "private",     "prod",        "production", "random",
    "real",     "refresh",     "replace",   "replaceme",   "safe",     "sample",    "secret",      "secretkey",   "secrets",    "secure",
    "security", "server",      "session",   "sha",         "should",   "sign",      "signing",     "some",        "something",  "staging",
    "string",   "strong",      "super",     "supersecret", "temp",     "temporary", "test",        "testing",     "than",       "that",
    "the",      "this",        "to",        "todo",        "token",    "tokens",    "top",         "topsecret",   "unsafe",     "use",
    "value",    "very",        "with",      "you",         "your",
};

/* Values that tutorials and standards have published; random enough to pass every other rule. */
static const char *const published_secrets[] = {
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970",
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    "abcdefghijklmnopqrstuvwxyz123456",
    "abcdefghijklmnopqrstuvwxyz012345",
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "0123456789abcdef0123456789abcdef",
    "0123456789abcdefghijklmnopqrstuv",
    "00112233445566778899aabbccddeeff",
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
};

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The letters of a secret in lower case, and how many there are; runs of three or more of one letter are padding and left out. */
static apr_size_t letters_of(const char *secret, apr_size_t len, char *letters)
{
    apr_size_t n = 0;
    for (apr_size_t i = 0; i < len;) {
        apr_size_t run = 1;
        while (i + run < len && secret[i + run] == secret[i])
            run++;
        for (apr_size_t j = 0; run < 3 && j < run && is_letter((unsigned char)secret[i]); j++)
            letters[n++] = (char)(secret[i] | 0x20);
        i += run;
    }
    return n;
}

/* Does a sequence of placeholder words spell the letters out, from the first to the last? */
static bool is_placeholder(const char *letters, apr_size_t n)
{
    bool reached[SECRET_BYTES_MAX + 1] = {true};
    for (apr_size_t i = 0; i < n; i++) {
        for (apr_size_t w = 0; reached[i] && w < sizeof(placeholder_words) / sizeof(*placeholder_words); w++) {
            apr_size_t len = strlen(placeholder_words[w]);
            if (len <= n - i && memcmp(letters + i, placeholder_words[w], len) == 0)
                reached[i + len] = true;
        }
    }
    return n > 0 && reached[n];
}

/* Is the secret a published value, alone or repeated or cut at its end? */
static bool is_published(const char *secret, apr_size_t len)
{
    for (apr_size_t i = 0; i < sizeof(published_secrets) / sizeof(*published_secrets); i++) {
        apr_size_t known = strlen(published_secrets[i]), same = 0;
        while (same < len && secret[same] == published_secrets[i][same % known])
            same++;
        if (same == len)
            return true;
    }
    return false;
}

static int distinct_bytes(const char *secret, apr_size_t len)
{
    bool seen[256] = {false};
    int n = 0;
    for (apr_size_t i = 0; i < len; i++) {
        n += !seen[(unsigned char)secret[i]];
        seen[(unsigned char)secret[i]] = true;
    }
    return n;
}

const char *forge_core_secret_problem(const char *secret, apr_size_t len)
{
    char letters[SECRET_BYTES_MAX];
    const char *problem = NULL;

    if (secret == NULL || len < SECRET_BYTES_MIN)
        return "the secret is shorter than 32 bytes";
    if (len > SECRET_BYTES_MAX)
        return "the secret is longer than 4096 bytes";
    if (distinct_bytes(secret, len) < SECRET_DISTINCT_MIN)
        problem = "the secret repeats a few characters; use random ones";
    else if (is_published(secret, len) || (len > 16 && memcmp(secret, "django-insecure-", 16) == 0))
        problem = "the secret is well known";
    else if (is_placeholder(letters, letters_of(secret, len, letters)))
        problem = "the secret is a well-known placeholder or made of such words; use random bytes";
    OPENSSL_cleanse(letters, sizeof(letters));
    return problem;
}

/* One run of an initialised derivation. */
static bool hkdf_run(EVP_KDF_CTX *ctx, const forge_hkdf_t *in, unsigned char *out, apr_size_t out_len)
{
    int mode = in->prk ? EVP_KDF_HKDF_MODE_EXPAND_ONLY : EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND;
    OSSL_PARAM params[6], *p = params;
    *p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    *p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
    *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)in->ikm, in->ikm_len);
    if (in->salt != NULL && !in->prk)
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)in->salt, in->salt_len);
    if (in->info != NULL)
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)in->info, in->info_len);
    *p = OSSL_PARAM_construct_end();
    return EVP_KDF_derive(ctx, out, out_len, params) == 1;
}

bool forge_core_hkdf(const forge_hkdf_t *in, unsigned char *out, apr_size_t out_len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    bool done = ctx != NULL && hkdf_run(ctx, in, out, out_len);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return done;
}

/* Stops the process when OpenSSL cannot derive: a key that is not there must never be taken for one of zeros. */
void forge_core_keys_derive_from(const forge_keys_t *keys, int secret, const char *purpose, unsigned char key[FORGE_KEY_BYTES])
{
    forge_hkdf_t in = {.ikm = keys->roots[secret], .ikm_len = FORGE_KEY_BYTES, .info = purpose, .info_len = strlen(purpose), .prk = true};
    if (!forge_core_hkdf(&in, key, FORGE_KEY_BYTES))
        abort();
}

void forge_core_keys_derive(const forge_keys_t *keys, const char *purpose, unsigned char key[FORGE_KEY_BYTES])
{
    forge_core_keys_derive_from(keys, 0, purpose, key);
}

/* --- the ring --- */

static bool has_alg(const forge_keys_t *keys, forge_alg_t alg)
{
    for (int i = 0; i < keys->count; i++)
        if (keys->list[i].alg == alg)
            return true;
    return false;
}

const char *forge_core_keys_alg(const forge_keys_t *keys, int i)
{
    if (i == 0)
        return forge_core_alg_name(keys->signer->alg);
    for (forge_alg_t alg = 0; alg < FORGE_ALGS; alg++)
        if (alg != keys->signer->alg && has_alg(keys, alg) && --i == 0)
            return forge_core_alg_name(alg);
    return NULL;
}

const char *forge_core_alg_name(forge_alg_t alg)
{
    static const char *const names[FORGE_ALGS] = {"HS256", "RS256", "ES256"};
    return names[alg];
}

bool forge_core_kid_valid(const char *kid)
{
    apr_size_t len = strspn(kid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return len >= 1 && len <= KID_CHARS_MAX && kid[len] == '\0';
}

static apr_status_t keys_wipe(void *data)
{
    forge_keys_t *keys = data;
    for (int i = 0; i < keys->count; i++)
        cjose_jwk_release(keys->list[i].jwk); /* wipes its copy of the secret or the private key */
    OPENSSL_cleanse(keys->list, sizeof(*keys->list) * (apr_size_t)keys->count);
    OPENSSL_cleanse(keys, sizeof(*keys));
    return APR_SUCCESS;
}

/* The key of HS256 is the secret itself; its name follows from it. */
static void secret_add(apr_pool_t *p, forge_keys_t *keys, const char *secret, apr_size_t len)
{
    static const char salt[] = "mod_forge keys 1";
    forge_hkdf_t in = {.ikm = secret, .ikm_len = len, .salt = salt, .salt_len = sizeof(salt) - 1, .info = "root", .info_len = 4};
    forge_key_t *key = &keys->list[keys->count++];
    unsigned char mac[FORGE_KEY_BYTES];

    key->alg = FORGE_ALG_HS256;
    key->signs = keys->secrets == 0;
    key->signature_len = FORGE_HS256_BYTES;
    key->jwk = cjose_jwk_create_oct_spec((const uint8_t *)secret, len, NULL);
    if (key->jwk == NULL || !forge_core_hkdf(&in, keys->roots[keys->secrets], FORGE_KEY_BYTES))
        abort(); /* at start only; there is nothing to serve without keys */
    forge_core_sha256(secret, len, key->digest);
    forge_core_mac_from(keys, keys->secrets, "kid", "", 0, mac);
    keys->secrets++;
    key->kid = apr_pstrmemdup(p, forge_util_hex(p, mac, FORGE_KEY_ID_CHARS / 2), FORGE_KEY_ID_CHARS);
}

/* Names must tell keys apart, for a token says no more than a name; and a key under two names would live on when one is taken away. */
static const char *twins_problem(apr_pool_t *p, const forge_keys_t *keys)
{
    for (int i = 0; i < keys->count; i++)
        for (int j = 0; j < i; j++) {
            const forge_key_t *a = &keys->list[j], *b = &keys->list[i];
            if (memcmp(a->digest, b->digest, sizeof(a->digest)) == 0)
                return a->alg == FORGE_ALG_HS256 ? "the two secrets are the same"
                                                 : apr_psprintf(p, "%s and %s are the same key", a->kid, b->kid);
            if (strcmp(a->kid, b->kid) == 0)
                return apr_psprintf(p, "two keys are called %s", a->kid);
        }
    return NULL;
}

/* The first that can; secrets come last and the first of them always can. */
static const forge_key_t *signer_of(apr_pool_t *p, forge_keys_t *keys)
{
    const forge_key_t *signer = NULL;
    for (int i = 0; i < keys->count; i++) {
        forge_key_t *key = &keys->list[i];
        const char *header =
            apr_psprintf(p, "{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\"}", forge_core_alg_name(key->alg), FORGE_TOKEN_TYP, key->kid);
        key->header = forge_util_b64url(p, header, strlen(header));
        if (signer == NULL && key->signs)
            signer = key;
    }
    return signer;
}

forge_keys_t *forge_core_keyring_make(apr_pool_t *p, const forge_keyring_spec_t *spec, const char **why)
{
    forge_keys_t *keys = apr_pcalloc(p, sizeof(*keys));
    *why = NULL;
    keys->list = apr_pcalloc(p, sizeof(*keys->list) * (apr_size_t)(spec->n_files + FORGE_SECRETS_MAX));
    apr_pool_cleanup_register(p, keys, keys_wipe, apr_pool_cleanup_null);
    for (int i = 0; i < spec->n_files; i++) {
        const char *problem = forge_core_key_read(p, &spec->files[i], &keys->list[i]);
        if (problem != NULL) {
            *why = apr_psprintf(p, "%s: %s", spec->files[i].kid, problem);
            return NULL;
        }
        keys->count++;
    }
    secret_add(p, keys, spec->secret, spec->secret_len);
    if (spec->other != NULL)
        secret_add(p, keys, spec->other, spec->other_len);
    *why = twins_problem(p, keys);
    keys->signer = signer_of(p, keys);
    keys->jwks = forge_core_jwks_make(p, keys);
    keys->verified = forge_core_verified_make(p);
    return *why == NULL ? keys : NULL;
}

forge_keys_t *forge_core_keys_make(apr_pool_t *p, const char *secret, apr_size_t len)
{
    const forge_keyring_spec_t spec = {.secret = secret, .secret_len = len};
    const char *why;
    return forge_core_keyring_make(p, &spec, &why);
}

bool forge_core_keys_shared(const forge_keys_t *a, const forge_keys_t *b)
{
    for (int i = 0; i < a->count; i++)
        for (int j = 0; j < b->count; j++)
            if (memcmp(a->list[i].digest, b->list[j].digest, sizeof(a->list[i].digest)) == 0)
                return true;
    return false;
}
