/* SPDX-License-Identifier: Apache-2.0
 * A place in a file that grows, is renamed, copied and cut off. Its number alone would name any file; together with a
 * digest of the bytes before it, it is found in whichever file has them now.
 */
#include "logs.h"

#include <apr_strings.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BEFORE 96 /* bytes before the place that are digested: more than a time of its own */

static apr_size_t read_at(int fd, void *to, apr_size_t len, apr_off_t at)
{
    apr_size_t got = 0;
    while (got < len) {
        ssize_t n = pread(fd, (char *)to + got, len - got, at + (apr_off_t)got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        got += (apr_size_t)n;
    }
    return got;
}

/* FNV-1a over the bytes before the place, folded to 32 bits. False: the file has no such place behind a line. */
static bool digest_of(int fd, apr_off_t at, apr_uint32_t *digest)
{
    unsigned char bytes[BEFORE];
    apr_size_t len = at < BEFORE ? (apr_size_t)at : BEFORE;
    apr_uint64_t hash = FORGE_HASH_START;
    if (read_at(fd, bytes, len, at - (apr_off_t)len) != len || (len > 0 && bytes[len - 1] != '\n'))
        return false;
    for (apr_size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * APR_UINT64_C(0x100000001b3);
    *digest = (apr_uint32_t)(hash ^ hash >> 32);
    return true;
}

void forge_core_log_place_write(char place[FORGE_LOG_PLACE_MAX], int fd, apr_off_t at)
{
    apr_uint32_t digest = 0;
    if (fd < 0 || at < 0 || !digest_of(fd, at, &digest))
        at = 0;
    if (at == 0)
        apr_cpystrn(place, "0", FORGE_LOG_PLACE_MAX);
    else
        apr_snprintf(place, FORGE_LOG_PLACE_MAX, "%" APR_UINT64_T_HEX_FMT "_%x", (apr_uint64_t)at, digest);
}

/* Hexadecimal digits, at most so many; -1: something else. */
static apr_int64_t number(const char *text, apr_size_t len, apr_size_t most)
{
    apr_int64_t n = 0;
    if (len == 0 || len > most)
        return -1;
    for (apr_size_t i = 0; i < len; i++) {
        char c = forge_util_lower(text[i]);
        if (!forge_util_is_xdigit(c))
            return -1;
        n = n * 16 + (forge_util_is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    return n;
}

apr_off_t forge_core_log_place_find(const char *place, apr_size_t len, int fd)
{
    const char *mark = memchr(place, '_', len);
    apr_size_t first = mark ? (apr_size_t)(mark - place) : len;
    apr_int64_t at = number(place, first, 10), wanted = mark ? number(mark + 1, len - first - 1, 8) : 0;
    apr_uint32_t digest;
    if (at < 0 || wanted < 0 || (at == 0) != !mark)
        return -1;
    if (at == 0)
        return 0;
    return digest_of(fd, at, &digest) && digest == (apr_uint32_t)wanted ? at : -1;
}
