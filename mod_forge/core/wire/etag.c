/* SPDX-License-Identifier: Apache-2.0
 * Entity tags and the comparisons of conditional requests (RFC 9110 §8.8.3, §13.1).
 */
#include "wire.h"
#include "core/identity/identity.h"
#include <apr_strings.h>
#include <string.h>

#define TAG_BYTES 16 /* of the SHA-256 of the content */

const char *forge_core_etag_bytes(apr_pool_t *p, const char *data, apr_size_t len)
{
    unsigned char digest[32];
    forge_core_sha256(data, len, digest);
    return apr_pstrcat(p, "\"", forge_util_b64url(p, digest, TAG_BYTES), "\"", NULL);
}

const char *forge_core_etag_both(apr_pool_t *p, const char *version, const char *data, apr_size_t len)
{
    unsigned char digest[32];
    forge_core_sha256(data, len, digest);
    return apr_pstrcat(p, "\"v", version, ".", forge_util_hex(p, digest, TAG_BYTES), "\"", NULL);
}

/* Compares what stands between the quotes; the suffix that compression adds to our own tag does not count. */
static bool same(const char *text, apr_size_t len, const char *etag, apr_size_t etag_len)
{
    if (len < etag_len || memcmp(text, etag, etag_len) != 0)
        return false;
    text += etag_len;
    len -= etag_len;
    return !len || (len == 5 && memcmp(text, "-gzip", 5) == 0) || (len == 3 && memcmp(text, "-br", 3) == 0);
}

/* etagc = %x21 / %x23-7E / obs-text: commas are among them, so a list cannot be cut at its commas. */
static apr_size_t tag_length(const char *text)
{
    apr_size_t n = 0;
    while (text[n] && text[n] != '"' && (unsigned char)text[n] > 0x20 && text[n] != 0x7f)
        n++;
    return n;
}

/* Reads up to the first thing that is no entity tag: what follows there matches nothing. */
bool forge_core_etag_match(const char *header, const char *etag, bool weak)
{
    bool ours_weak = strncmp(etag, "W/", 2) == 0;
    const char *ours = etag + (ours_weak ? 3 : 1);
    apr_size_t ours_len = strlen(ours);
    header += strspn(header, " \t");
    if (*header == '*')
        return header[1 + strspn(header + 1, " \t")] == '\0';
    ours_len -= ours_len > 0;
    for (;;) {
        header += strspn(header, " \t,");
        bool is_weak = strncmp(header, "W/", 2) == 0;
        header += is_weak ? 2 : 0;
        if (*header++ != '"')
            return false;
        apr_size_t len = tag_length(header);
        if (header[len] != '"')
            return false;
        if ((weak || (!is_weak && !ours_weak)) && same(header, len, ours, ours_len))
            return true;
        header += len + 1;
        header += strspn(header, " \t");
        if (*header && *header != ',')
            return false;
    }
}
