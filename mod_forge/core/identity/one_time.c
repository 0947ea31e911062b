/* SPDX-License-Identifier: Apache-2.0
 * Secrets that open something once: refresh tokens, tickets, tokens of mails and of second factors. Only their digest is stored.
 */
#include "identity.h"
#include <string.h>

const char *forge_core_secret_make(apr_pool_t *p, const char **sha256_hex)
{
    unsigned char bits[32];
    const char *token;
    forge_util_random(bits, sizeof(bits));
    token = forge_util_b64url(p, bits, sizeof(bits));
    *sha256_hex = forge_core_sha256_hex(p, token, strlen(token));
    return token;
}

const char *forge_core_refresh_next(apr_pool_t *p, const forge_keys_t *keys, const char *token, const char **sha256_hex)
{
    unsigned char mac[32];
    const char *next;
    forge_core_mac(keys, "refresh", token, strlen(token), mac);
    next = forge_util_b64url(p, mac, sizeof(mac));
    *sha256_hex = forge_core_sha256_hex(p, next, strlen(next));
    return next;
}
