/* SPDX-License-Identifier: Apache-2.0
 * Time-based one-time passwords (RFC 6238) by liboath.
 */
#include "identity.h"
#include <apr_strings.h>
#include <liboath/oath.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

void forge_core_totp_secret(unsigned char secret[FORGE_TOTP_SECRET_BYTES])
{
    forge_util_random(secret, FORGE_TOTP_SECRET_BYTES);
}

const char *forge_core_base32(apr_pool_t *p, const void *data, apr_size_t len)
{
    char *text = NULL;
    size_t n = 0;
    if (oath_base32_encode(data, len, &text, &n) != OATH_OK)
        return NULL;
    while (n > 0 && text[n - 1] == '=')
        n--;
    const char *kept = apr_pstrmemdup(p, text, n);
    OPENSSL_cleanse(text, n);
    free(text);
    return kept;
}

/* Stops the process when it cannot: a code left unset would compare equal to another one left unset. */
void forge_core_totp_code(const unsigned char *secret, apr_size_t len, apr_int64_t step, char code[FORGE_TOTP_DIGITS + 1])
{
    if (oath_hotp_generate((const char *)secret, len, (uint64_t)step, FORGE_TOTP_DIGITS, false, OATH_HOTP_DYNAMIC_TRUNCATION, code) !=
        OATH_OK)
        abort();
}

apr_int64_t forge_core_totp_match(const unsigned char *secret, apr_size_t len, apr_time_t now, const char *code)
{
    apr_int64_t present = apr_time_sec(now) / FORGE_TOTP_PERIOD, matched = -1;
    char expected[FORGE_TOTP_DIGITS + 1];
    if (strlen(code) != FORGE_TOTP_DIGITS)
        return -1;
    for (apr_int64_t step = present - FORGE_TOTP_WINDOW; step <= present + FORGE_TOTP_WINDOW; step++) {
        forge_core_totp_code(secret, len, step, expected);
        if (forge_util_equal(expected, code, FORGE_TOTP_DIGITS))
            matched = step;
    }
    OPENSSL_cleanse(expected, sizeof(expected));
    return matched;
}

const char *forge_core_totp_uri(apr_pool_t *p, const char *issuer, const char *account, const char *secret)
{
    const char *site = forge_util_urlencode(p, issuer);
    return apr_psprintf(p, "otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=%d&period=%d", site,
                        forge_util_urlencode(p, account), secret, site, FORGE_TOTP_DIGITS, FORGE_TOTP_PERIOD);
}
