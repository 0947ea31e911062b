/* SPDX-License-Identifier: Apache-2.0
 * The ring of all keys that verify: key files in their order, then the secrets.
 */
#include "keys.h"
#include "identity.h"
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define KID_CHARS_MAX 64

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
    forge_hkdf_t in = {
        .ikm = secret, .ikm_len = len, .salt = salt, .salt_len = sizeof(salt) - 1, .info = "root", .info_len = 4};
    forge_key_t *key = &keys->list[keys->count++];
    unsigned char mac[FORGE_KEY_BYTES];

    key->alg = FORGE_ALG_HS256;
    key->signs = keys->secrets == 0;
    key->signature_len = FORGE_HS256_BYTES;
    key->jwk = cjose_jwk_create_oct_spec((const uint8_t *)secret, len, NULL);
    if (!key->jwk || !forge_core_hkdf(&in, keys->roots[keys->secrets], FORGE_KEY_BYTES))
        abort(); /* at start only; there is nothing to serve without keys */
    forge_core_sha256(secret, len, key->digest);
    forge_core_mac_from(keys, keys->secrets, "kid", "", 0, mac);
    keys->secrets++;
    key->kid = apr_pstrmemdup(p, forge_util_hex(p, mac, FORGE_KEY_ID_CHARS / 2), FORGE_KEY_ID_CHARS);
}

/* Refuses two keys with one name, because a token only names its key; and one key under two names, because it would
 * live on when one of them is taken away. */
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

/* The first key that can sign. Secrets come last, and the first of them always can. */
static const forge_key_t *signer_of(apr_pool_t *p, forge_keys_t *keys)
{
    const forge_key_t *signer = NULL;
    for (int i = 0; i < keys->count; i++) {
        forge_key_t *key = &keys->list[i];
        const char *header = apr_psprintf(p, "{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\"}",
                                          forge_core_alg_name(key->alg), FORGE_TOKEN_TYP, key->kid);
        key->header = forge_util_b64url(p, header, strlen(header));
        if (!signer && key->signs)
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
        if (problem) {
            *why = apr_psprintf(p, "%s: %s", spec->files[i].kid, problem);
            return NULL;
        }
        keys->count++;
    }
    secret_add(p, keys, spec->secret, spec->secret_len);
    if (spec->other)
        secret_add(p, keys, spec->other, spec->other_len);
    *why = twins_problem(p, keys);
    keys->signer = signer_of(p, keys);
    keys->jwks = forge_core_jwks_make(p, keys);
    keys->verified = forge_core_verified_make(p);
    return !*why ? keys : NULL;
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
