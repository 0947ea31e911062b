/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: codes of a second factor as people type them, and the base32, URI and picture of a secret of any bytes.
 */
#include "core/identity/identity.h"
#include "fuzz.h"
#include <apr_strings.h>

#define SECRET_MAX 64

int forge_fuzz_code(const uint8_t *data, size_t size)
{
    char code[FORGE_BACKUP_CHARS + 1];
    apr_pool_t *p = forge_fuzz_pool();
    const char *typed = apr_pstrmemdup(p, (const char *)data, size);
    forge_code_kind_t kind = forge_core_code_read(typed, code);
    if (kind == FORGE_CODE_TOTP) {
        FORGE_PROMISE(strlen(code) == FORGE_TOTP_DIGITS && strspn(code, "0123456789") == FORGE_TOTP_DIGITS);
        forge_core_totp_match(data, size < SECRET_MAX ? size : SECRET_MAX, apr_time_from_sec(1700000000), code);
    }
    if (kind == FORGE_CODE_BACKUP)
        FORGE_PROMISE(strlen(code) == FORGE_BACKUP_CHARS && strspn(code, "0123456789abcdefghjkmnpqrstvwxyz") == FORGE_BACKUP_CHARS);
    if (size > 0 && size <= SECRET_MAX) {
        const char *text = forge_core_base32(p, data, size);
        FORGE_PROMISE(text && strlen(text) == (size * 8 + 4) / 5 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == strlen(text));
        const char *uri = forge_core_totp_uri(p, "mod_forge", typed, text);
        FORGE_PROMISE(strspn(uri, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?&=%") == strlen(uri));
        FORGE_PROMISE(forge_core_qr_svg(p, uri));
    }
    apr_pool_destroy(p);
    return 0;
}
