/* SPDX-License-Identifier: Apache-2.0
 * Where a page of a list begins: by skip and limit, or after the row that a signed cursor names.
 */
#include "wire.h"
#include "core/identity/identity.h"
#include <apr_strings.h>
#include <string.h>

#define MAC_BYTES         16 /* of the 32 that HMAC-SHA-256 gives: half of them may be left out (RFC 2104 §5) */
#define CURSOR_CHARACTERS 4096

/* clang-format off */
const forge_field_t forge_core_page_fields[] = {
    {"skip", FORGE_T_INT, .example = "0",
     .help = "Number of rows to skip, 0 by default; not together with after."},
    {"limit", FORGE_T_INT, 0, 1, FORGE_PAGE_LIMIT, .preset = APR_STRINGIFY(FORGE_PAGE_LIMIT), .example = "20",
     .help = "Maximum number of rows in the answer."},
    {"after", FORGE_T_TEXT, 0, 1, CURSOR_CHARACTERS,
     .help = "The cursor from the Link header of the previous page; every page costs the same."},
    {"count", FORGE_T_BOOL, .preset = "false", .example = "true",
     .help = "true: count all rows, for X-Total-Count."},
    {.name = NULL},
};
/* clang-format on */

/* What the MAC is of. The parts are ended by NUL, which none of them can contain, so that no two lists sign the same
 * bytes. */
static unsigned char *signed_bytes(apr_pool_t *p, const char *scope, const unsigned char *row, apr_size_t *len)
{
    apr_size_t scope_len = strlen(scope) + 1;
    unsigned char *bytes = apr_palloc(p, scope_len + *len);
    memcpy(bytes, scope, scope_len);
    memcpy(bytes + scope_len, row, *len);
    *len += scope_len;
    return bytes;
}

/* base64url(MAC ‖ id ‖ NUL ‖ 'k' key or 'n' ‖ NUL): a key of NULL is another one than "". */
const char *forge_core_cursor_make(apr_pool_t *p, const forge_keys_t *keys, const char *scope, const char *key,
                                   const char *id)
{
    apr_size_t id_len = strlen(id) + 1, key_len = key ? strlen(key) + 2 : 2, len = id_len + key_len;
    unsigned char mac[32], *bytes = apr_palloc(p, MAC_BYTES + id_len + key_len);
    unsigned char *row = bytes + MAC_BYTES;
    memcpy(row, id, id_len);
    row[id_len] = key ? 'k' : 'n';
    memcpy(row + id_len + 1, key ? key : "", key_len - 1);
    const unsigned char *text = signed_bytes(p, scope, row, &len);
    forge_core_mac(keys, "cursor", text, len, mac);
    memcpy(bytes, mac, MAC_BYTES);
    return forge_util_b64url(p, bytes, MAC_BYTES + id_len + key_len);
}

/* Whatever the MAC vouches for was written by the function above, so it is not checked again. */
static bool cursor_read(apr_pool_t *p, const forge_keys_t *keys, const char *scope, const char *cursor,
                        forge_page_t *page)
{
    apr_size_t len;
    unsigned char *bytes = forge_util_b64url_decode(p, cursor, strlen(cursor), &len);
    if (!bytes || len < MAC_BYTES + 3)
        return false;
    len -= MAC_BYTES;
    const unsigned char *text = signed_bytes(p, scope, bytes + MAC_BYTES, &len);
    if (!forge_core_mac_matches(keys, "cursor", text, len, bytes, MAC_BYTES))
        return false;
    const char *id = (const char *)bytes + MAC_BYTES;
    const char *key = id + strlen(id) + 1;
    page->after_id = id;
    page->after_key = *key == 'k' ? key + 1 : NULL;
    return true;
}

forge_page_t forge_core_page_read(apr_pool_t *p, const forge_keys_t *keys, const char *scope, const forge_input_t *in,
                                  const char *sort, forge_faults_t *faults)
{
    forge_page_t page = {.sort = sort, .scope = scope};
    const char *after = forge_core_input_text(in, "after");
    page.limit = (int)forge_core_input_int(in, "limit", FORGE_PAGE_LIMIT);
    page.by_skip = forge_core_input_has(in, "skip");
    page.skip = forge_core_input_int(in, "skip", 0);
    page.count = forge_core_input_bool(in, "count", false);
    if (after && page.by_skip)
        forge_core_fault(faults, "?after", "conflict", "give either after or skip, not both");
    else if (after && !cursor_read(p, keys, scope, after, &page))
        forge_core_fault(faults, "?after", "format", "must be a cursor from the Link header of this list");
    return page;
}
