/* SPDX-License-Identifier: Apache-2.0
 * Inside core/ only: what a forge_keys_t holds, and the derivation that fills it.
 */
#ifndef FORGE_CORE_KEYS_H
#define FORGE_CORE_KEYS_H

#include "identity.h"
#include <cjose/cjose.h>

#define FORGE_KEY_BYTES    32
#define FORGE_KEY_ID_CHARS 8 /* of the name that a secret gets; a key file's name is chosen */
#define FORGE_TOKEN_TYP    "at+jwt"
#define FORGE_SECRETS_MAX  2
#define FORGE_RSA_BITS_MIN 2048 /* RFC 7518 §3.3 */
#define FORGE_RSA_BITS_MAX 8192 /* a signature of more would leave no room for claims in a token */
#define FORGE_ECDSA_BYTES  64   /* r ‖ s (RFC 7518 §3.4) */
#define FORGE_HS256_BYTES  32

/* One key that verifies. Its kid names it in the header of a token; its algorithm is its own, whatever a header says (RFC 8725 §3.1). */
typedef struct forge_key_t {
    forge_alg_t alg;
    const char *kid;
    cjose_jwk_t *jwk;         /* never retained or released between start and end */
    bool signs;               /* the private half is there */
    apr_size_t signature_len; /* bytes of every signature made with it */
    const char *header;       /* encoded header of every token signed with it; one that begins so needs no second look */
    unsigned char digest[32]; /* of the secret or the public key: tells two keys apart whatever they are called */
} forge_key_t;

typedef struct forge_verified_t forge_verified_t;

struct forge_keys_t {
    forge_key_t *list; /* key files in their order, then the secrets */
    int count;
    const forge_key_t *signer;
    unsigned char roots[FORGE_SECRETS_MAX][FORGE_KEY_BYTES]; /* HKDF's pseudorandom keys, from which every purpose is expanded */
    int secrets;
    const char *jwks;
    forge_verified_t *verified;
};

/* HKDF-SHA-256 (RFC 5869). A NULL salt stands for 32 zero bytes; with `prk` the first step is skipped and `ikm` is the pseudorandom key. */
typedef struct forge_hkdf_t {
    const void *ikm, *salt, *info;
    apr_size_t ikm_len, salt_len, info_len;
    bool prk;
} forge_hkdf_t;
bool forge_core_hkdf(const forge_hkdf_t *in, unsigned char *out, apr_size_t out_len);

/* The key for one purpose from the secret (0) or the second secret (1); the caller wipes it. */
void forge_core_keys_derive_from(const forge_keys_t *keys, int secret, const char *purpose, unsigned char key[FORGE_KEY_BYTES]);
/* From the secret. */
void forge_core_keys_derive(const forge_keys_t *keys, const char *purpose, unsigned char key[FORGE_KEY_BYTES]);

/* digest.c: forge_core_mac() under a key from that secret. */
void forge_core_mac_from(const forge_keys_t *keys, int secret, const char *purpose, const void *data, apr_size_t len,
                         unsigned char out[32]);

/* jwk.c: fills jwk, signs, signature_len and digest from a key file. NULL, or what is wrong with it, in lower case. */
const char *forge_core_key_read(apr_pool_t *p, const forge_key_spec_t *spec, forge_key_t *key);
/* jwk.c: the set of all keys that have a public half. */
const char *forge_core_jwks_make(apr_pool_t *p, const forge_keys_t *keys);

/* --- verified.c: safe for threads; `digest` is the SHA-256 of the whole token --- */

forge_verified_t *forge_core_verified_make(apr_pool_t *p);
/* True, and *who, when this very token passed every check under these very rules and has not ended since. */
bool forge_core_verified_find(apr_pool_t *p, forge_verified_t *table, const forge_token_rules_t *rules, const unsigned char digest[32],
                              apr_time_t now, forge_who_t *who);
void forge_core_verified_keep(forge_verified_t *table, const forge_token_rules_t *rules, const unsigned char digest[32], apr_time_t now,
                              const forge_who_t *who);

#endif
