/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: an access token. The bytes go in as a whole token; and, cut at the first newline into header and claims, once more
 * under a right MAC, so that the checks behind it are reached.
 */
#include "../../mod_forge/core/core.h"
#include "fuzz.h"
#include <apr_strings.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define SECRET "Zq8vN2xT7mB4cL9wK1sD6fH3jP5rY0aE"

static apr_pool_t *root;
static forge_keys_t *keys;

static void start(void)
{
    apr_initialize();
    forge_util_json_init();
    apr_pool_create(&root, NULL);
    keys = forge_core_keys_make(root, SECRET, strlen(SECRET));
    atexit(apr_terminate); /* gives the keys back: leak checkers do not look into pools */
}

/* Whatever the bytes are: one of two outcomes, and nobody without a reason or a full identity. */
static void try_token(apr_pool_t *p, const char *token)
{
    static const forge_token_rules_t rules = {"https://forge.example", "forge", 900 * APR_USEC_PER_SEC};
    forge_who_t who = {0};
    const char *why = NULL;
    forge_status_t status = forge_core_token_verify(p, keys, &rules, token, apr_time_from_sec(1800000000), &who, &why);
    if (status == FORGE_OK
            ? why != NULL || who.user_id <= 0 || who.session_id <= 0 || who.role == FORGE_ROLE_NONE || who.jti == NULL || who.amr == NULL
            : status != FORGE_E_INVALID_TOKEN || why == NULL || who.user_id != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = memchr(data, '\n', size);
    unsigned char mac[32];
    const char *input;
    apr_pool_t *p;

    if (root == NULL)
        start();
    apr_pool_create(&p, root);
    try_token(p, apr_pstrmemdup(p, (const char *)data, size));
    if (newline != NULL) {
        size_t head = (size_t)(newline - data);
        input = apr_pstrcat(p, forge_util_b64url(p, data, head), ".", forge_util_b64url(p, newline + 1, size - head - 1), NULL);
        HMAC(EVP_sha256(), SECRET, sizeof(SECRET) - 1, (const unsigned char *)input, strlen(input), mac, NULL);
        try_token(p, apr_pstrcat(p, input, ".", forge_util_b64url(p, mac, sizeof(mac)), NULL));
    }
    apr_pool_destroy(p);
    return 0;
}
