/* SPDX-License-Identifier: Apache-2.0
 * Compresses what is sent again and again, once (RFC 1952, by zlib).
 */
#include "util.h"
#include <limits.h>
#include <string.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* the largest window, and a header of gzip instead of zlib's */
#define MEMORY      8         /* zlib's default */

forge_buf_t *forge_util_gzip(apr_pool_t *p, const char *data, apr_size_t len)
{
    z_stream z;
    memset(&z, 0, sizeof(z));
    if (len > UINT_MAX / 2 ||
        deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    uLong most = deflateBound(&z, (uLong)len);
    char *out = apr_palloc(p, most);
    z.next_in = (Bytef *)data;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)most;
    bool whole = deflate(&z, Z_FINISH) == Z_STREAM_END;
    apr_size_t packed = z.total_out;
    deflateEnd(&z);
    forge_buf_t *b = forge_util_buf_make(p, packed, packed);
    forge_util_buf_add(b, out, packed);
    return whole && !b->failed ? b : NULL;
}
