/* SPDX-License-Identifier: Apache-2.0
 * Inside core/ only: what a forge_keys_t holds, and the derivation that fills it.
 */
#ifndef FORGE_CORE_KEYS_H
#define FORGE_CORE_KEYS_H

#include "core.h"
#include <cjose/cjose.h>

#define FORGE_KEY_BYTES    32
#define FORGE_KEY_ID_CHARS 8
#define FORGE_TOKEN_ALG    "HS256"
#define FORGE_TOKEN_TYP    "at+jwt"

struct forge_keys_t {
    cjose_jwk_t *jwt;                    /* the secret itself, as an "oct" key; never retained or released between start and end */
    char kid[FORGE_KEY_ID_CHARS + 1];    /* stable public name of that key */
    const char *header;                  /* encoded header of every token signed with it; one that begins so needs no second look */
    unsigned char root[FORGE_KEY_BYTES]; /* HKDF's pseudorandom key, from which every purpose is expanded */
};

/* HKDF-SHA-256 (RFC 5869). A NULL salt stands for 32 zero bytes; with `prk` the first step is skipped and `ikm` is the pseudorandom key. */
typedef struct forge_hkdf_t {
    const void *ikm, *salt, *info;
    apr_size_t ikm_len, salt_len, info_len;
    bool prk;
} forge_hkdf_t;
bool forge_core_hkdf(const forge_hkdf_t *in, unsigned char *out, apr_size_t out_len);

/* The key for one purpose; the caller wipes it. */
void forge_core_keys_derive(const forge_keys_t *keys, const char *purpose, unsigned char key[FORGE_KEY_BYTES]);

#endif
