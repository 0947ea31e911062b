/* SPDX-License-Identifier: Apache-2.0
 * Several signing keys: HS256, RS256, ES256, rotation, and the public ones as JWKS (RFC 7517).
 */
#ifndef FORGE_CORE_KEYRING_H
#define FORGE_CORE_KEYRING_H

#include "core/core.h"

/* --- keys.c: a ring is a forge_keys_t with more than one key --- */

typedef enum forge_alg_t { FORGE_ALG_HS256, FORGE_ALG_RS256, FORGE_ALG_ES256, FORGE_ALGS } forge_alg_t;
const char *forge_core_alg_name(forge_alg_t alg); /* "RS256" (RFC 7518 §3.1) */
/* What tokens may be signed with, each algorithm once, the one of new tokens first; NULL past the end. */
const char *forge_core_keys_alg(const forge_keys_t *keys, int i);
/* 1–64 of [A-Za-z0-9._-]. */
bool forge_core_kid_valid(const char *kid);

/* One key file: a PEM private key signs and verifies, a PEM public key only verifies. */
typedef struct forge_key_spec_t {
    const char *kid;
    forge_alg_t alg; /* RS256 (RSA, 2048 to 8192 bits) or ES256 (P-256) */
    const char *pem;
    apr_size_t len;
} forge_key_spec_t;

typedef struct forge_keyring_spec_t {
    const char *secret; /* everything that is no signature of a key file follows from it */
    apr_size_t secret_len;
    const char *other; /* a second secret, which verifies and opens but never signs or seals; NULL: none */
    apr_size_t other_len;
    const forge_key_spec_t *files;
    int n_files;
} forge_keyring_spec_t;

/* The first key file with a private key signs; when there is none, the secret does (HS256). Every key verifies, each
 * under its own kid and algorithm. NULL, and *why in lower case, when a file holds no fitting key, two keys have one
 * name, or both secrets are the same. */
forge_keys_t *forge_core_keyring_make(apr_pool_t *p, const forge_keyring_spec_t *spec, const char **why);
/* Whether a token signed with a key of one would be good at the other, if issuer and audience were the same. */
bool forge_core_keys_shared(const forge_keys_t *a, const forge_keys_t *b);

/* --- jwk.c --- */

/* NULL when the file holds a key that fits, else what is wrong with it, in lower case. */
const char *forge_core_key_problem(apr_pool_t *p, const forge_key_spec_t *spec);
/* The public halves of the key files as a JWK Set (RFC 7517 §5) in JSON, in the order of the files; the secrets are
 * never in it. */
const char *forge_core_jwks(const forge_keys_t *keys);

/* --- digest.c --- */

/* Is it forge_core_mac() of these bytes, or the first mac_len bytes of that, under the secret or under the second one?
 * In constant time. */
bool forge_core_mac_matches(const forge_keys_t *keys, const char *purpose, const void *data, apr_size_t len,
                            const unsigned char *mac, apr_size_t mac_len);

#endif
