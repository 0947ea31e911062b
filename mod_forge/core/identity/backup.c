/* SPDX-License-Identifier: Apache-2.0
 * Backup codes: letters and digits without look-alikes (Crockford's base32), stored only as a MAC.
 */
#include "identity.h"
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <string.h>

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* 32: five bits each */

const char *forge_core_backup_make(apr_pool_t *p)
{
    unsigned char random[FORGE_BACKUP_CHARS];
    char *shown = apr_palloc(p, FORGE_BACKUP_CHARS + 2), *c = shown;
    forge_util_random(random, sizeof(random));
    for (int i = 0; i < FORGE_BACKUP_CHARS; i++) {
        if (i == FORGE_BACKUP_CHARS / 2)
            *c++ = '-';
        *c++ = alphabet[random[i] & 31];
    }
    *c = '\0';
    OPENSSL_cleanse(random, sizeof(random));
    return shown;
}

/* A character as it is meant; 0 when no code has it. */
static char meant(char typed)
{
    char c = forge_util_lower(typed);
    c = c == 'o' ? '0' : c == 'i' || c == 'l' ? '1' : c;
    return c && strchr(alphabet, c) ? c : 0;
}

forge_code_kind_t forge_core_code_read(const char *typed, char code[FORGE_BACKUP_CHARS + 1])
{
    int n = 0;
    bool digits = true;
    for (; *typed; typed++) {
        if (*typed == ' ' || *typed == '-')
            continue;
        digits = digits && *typed >= '0' && *typed <= '9';
        code[n] = meant(*typed);
        if (code[n++] == 0 || (n == FORGE_BACKUP_CHARS && typed[1 + strspn(typed + 1, " -")]))
            return FORGE_CODE_NONE;
    }
    code[n] = '\0';
    return n == FORGE_TOTP_DIGITS && digits ? FORGE_CODE_TOTP
           : n == FORGE_BACKUP_CHARS        ? FORGE_CODE_BACKUP
                                            : FORGE_CODE_NONE;
}

const char *forge_core_backup_mac(apr_pool_t *p, const forge_keys_t *keys, apr_int64_t user_id, const char *code)
{
    unsigned char mac[32];
    const char *text = apr_psprintf(p, "%" APR_INT64_T_FMT ":%s", user_id, code);
    forge_core_mac(keys, "backup", text, strlen(text), mac);
    return forge_util_hex(p, mac, sizeof(mac));
}
