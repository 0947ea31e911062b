/* SPDX-License-Identifier: Apache-2.0
 * The composed form (NFC) of a password: keyboards differ in how they send an accented letter, one character or two.
 */
#include "identity.h"
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <uninorm.h>

/* Whether there may be two forms: plain ASCII, as almost every password is, has one, and what is no UTF-8 must not get
 * another (libunistring would put U+FFFD for each odd byte, and different passwords would become the same). */
static bool has_forms(const char *text, apr_size_t len)
{
    apr_size_t points;
    return forge_util_utf8(text, len, &points) && points < len;
}

const char *forge_core_password_composed(apr_pool_t *p, const char *text, apr_size_t len, apr_size_t *composed_len)
{
    size_t n = 0;
    *composed_len = len;
    uint8_t *composed = has_forms(text, len) ? u8_normalize(UNINORM_NFC, (const uint8_t *)text, len, NULL, &n) : NULL;
    if (!composed)
        return text;
    bool same = n == len && memcmp(composed, text, len) == 0;
    const char *kept = same ? text : apr_pstrmemdup(p, (const char *)composed, n);
    OPENSSL_cleanse(composed, n);
    free(composed);
    *composed_len = n;
    return kept;
}
