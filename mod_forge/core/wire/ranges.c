/* SPDX-License-Identifier: Apache-2.0
 * What a Range header asks for (RFC 9110 §14.1.2, §14.2).
 */
#include "files.h"
#include <apr_cstr.h>
#include <string.h>

#define BLANKS " \t"

/* A number without a sign; one that is too large is as large as can be. False: there is none. */
static bool number(const char **at, apr_int64_t *n)
{
    apr_size_t len = strspn(*at, "0123456789");
    const char *text = *at;
    *at += len;
    if (len > 0 && !forge_util_atoi(text, len, n))
        *n = APR_INT64_MAX;
    return len > 0;
}

/* One of "a-b", "a-", "-n": 1 with what it covers, 0 when it lies beyond, -1 when it is none. */
static int one(const char **at, apr_int64_t size, apr_int64_t *from, apr_int64_t *length)
{
    apr_int64_t first = 0, last = 0;
    bool has_first = number(at, &first);
    if (*(*at)++ != '-')
        return -1;
    bool has_last = number(at, &last);
    if ((!has_first && !has_last) || (has_first && has_last && last < first))
        return -1;
    if (!has_first) {
        first = last < size ? size - last : 0;
        if (last == 0)
            return 0;
    }
    if (!has_first || !has_last || last >= size)
        last = size - 1;
    *from = first;
    *length = last - first + 1;
    return first < size ? 1 : 0;
}

forge_ranges_t forge_core_ranges(const char *header, apr_int64_t size, apr_int64_t *from, apr_int64_t *length)
{
    static const char unit[] = "bytes=";
    int satisfied = 0, seen = 0;
    if (!header || apr_cstr_casecmpn(header, unit, sizeof(unit) - 1) != 0)
        return FORGE_RANGES_NONE;
    for (const char *at = header + sizeof(unit) - 1;;) {
        apr_int64_t first, n;
        at += strspn(at, BLANKS);
        int covers = one(&at, size, &first, &n);
        at += covers < 0 ? 0 : strspn(at, BLANKS);
        if (covers < 0 || (*at && *at != ',') || ++seen > FORGE_RANGES_MAX)
            return FORGE_RANGES_NONE;
        if (covers > 0 && satisfied++ == 0) {
            *from = first;
            *length = n;
        }
        if (!*at)
            break;
        at++;
    }
    return satisfied > 1 ? FORGE_RANGES_SEVERAL : satisfied ? FORGE_RANGES_ONE : FORGE_RANGES_BEYOND;
}
