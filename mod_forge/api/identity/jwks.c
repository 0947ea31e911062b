/* SPDX-License-Identifier: Apache-2.0
 * /.well-known/jwks.json: the public keys.
 */
#include "api/api.h"
#include "core/identity/identity.h"
#include "api/shared.h"

#include <string.h>

/* clang-format off */
static const forge_field_t key_fields[] = {
    {"kty", FORGE_T_TEXT, .format = "enum:EC|RSA", .named = "KeyType", .example = "EC", .help = "kind of key"},
    {"kid", FORGE_T_TEXT, 0, 1, 64, .example = "2027", .help = "key id, as in the header of tokens"},
    {"use", FORGE_T_TEXT, .format = "enum:sig", .example = "sig", .help = "the key verifies signatures"},
    {"alg", FORGE_T_TEXT, .format = "enum:ES256|RS256", .named = "KeyAlgorithm", .example = "ES256",
     .help = "the only algorithm of this key"},
    {"crv", FORGE_T_TEXT, FORGE_F_OPTIONAL, .format = "enum:P-256", .example = "P-256", .help = "EC: the curve"},
    {"x", FORGE_T_TEXT, FORGE_F_OPTIONAL, .example = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
     .help = "EC: 32 bytes in base64url"},
    {"y", FORGE_T_TEXT, FORGE_F_OPTIONAL, .example = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
     .help = "EC: 32 bytes in base64url"},
    {"n", FORGE_T_TEXT, FORGE_F_OPTIONAL | FORGE_F_APART, .example = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wW…",
     .help = "RSA: modulus in base64url"},
    {"e", FORGE_T_TEXT, FORGE_F_OPTIONAL | FORGE_F_APART, .example = "AQAB", .help = "RSA: exponent in base64url"},
    {.name = NULL},
};
static const forge_field_t key_set_fields[] = {
    {"keys", FORGE_T_ARRAY, .fields = key_fields, .named = "Jwk",
     .help = "in the order of the configuration; empty if tokens are signed with a secret only"},
    {.name = NULL},
};
static const forge_shape_t key_set = {"JwkSet", key_set_fields};
/* clang-format on */

/* Written once, at start. */
static forge_status_t jwks(forge_req_t *q)
{
    const char *set = forge_core_jwks(q->keys);
    apr_size_t len = strlen(set);
    forge_buf_t *b = forge_util_buf_make(q->pool, len + 1, len + 1);
    forge_util_buf_add(b, set, len);
    FORGE_TRY(forge_reply_buf(q, b, NULL));
    return forge_reply_etag_bytes(q, NULL);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/.well-known/jwks.json", FORGE_ROLE_NONE,
     .flags = FORGE_R_OPEN | FORGE_R_ROOT | FORGE_R_PUBLIC | FORGE_R_ETAG, .part = FORGE_PART_JWKS,
     .reply = &key_set, .handle = jwks, .operation = "jwks", .summary = "Public keys that verify access tokens",
     .description = "A JWK Set (RFC 7517) for services that check access tokens themselves. Choose the key by the "
         "kid in the token's header, require the key's alg, then check iss, aud and exp. Anyone may read it. It does "
         "not show that a session was revoked: ask /auth/validate where that matters."},
};
/* clang-format on */

const forge_routes_t forge_api_jwks = FORGE_API_ROUTES(routes, &forge_api_tag_auth);
