/* SPDX-License-Identifier: Apache-2.0
 * Names of files: those that come are made harmless, those that go out are said in every way that clients read.
 */
#include "files.h"
#include <apr_strings.h>
#include <string.h>

#define ENDING_MAX 16 /* characters of an ending that stays when a name is shortened */

/* The number of a well-formed sequence. */
static unsigned point_of(const char *at, apr_size_t len)
{
    const unsigned char *b = (const unsigned char *)at;
    switch (len) {
    case 1:
        return b[0];
    case 2:
        return (b[0] & 0x1Fu) << 6 | (b[1] & 0x3Fu);
    case 3:
        return (b[0] & 0x0Fu) << 12 | (b[1] & 0x3Fu) << 6 | (b[2] & 0x3Fu);
    default:
        return (b[0] & 0x07u) << 18 | (b[1] & 0x3Fu) << 12 | (b[2] & 0x3Fu) << 6 | (b[3] & 0x3Fu);
    }
}

/* Controls, what ends lines or is not seen, and what turns the direction of writing, so that "gpj.exe" reads as
 * "exe.jpg". */
static bool harmful(unsigned point)
{
    static const struct {
        unsigned low, high;
    } ranges[] = {
        {0x00, 0x1F},     {0x7F, 0x9F},     {0xAD, 0xAD},     {0x061C, 0x061C}, {0x180E, 0x180E}, {0x200B, 0x200F},
        {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFE00, 0xFE00}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFF}, {0xE0000, 0xE007F},
    };
    for (apr_size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
        if (point >= ranges[i].low && point <= ranges[i].high)
            return true;
    return false;
}

/* Copies what may be shown. Bytes that are no UTF-8 become an underscore each. */
static char *harmless(apr_pool_t *p, const char *text)
{
    apr_size_t left = strlen(text);
    char *out = apr_palloc(p, left + 1), *to = out;
    for (apr_size_t len; left > 0; text += len, left -= len) {
        len = forge_util_utf8_next(text, left);
        if (len == 0) {
            *to++ = '_';
            len = 1;
        } else if (!harmful(point_of(text, len))) {
            memcpy(to, text, len);
            to += len;
        }
    }
    *to = '\0';
    return out;
}

static apr_size_t points_of(const char *text)
{
    apr_size_t points = 0;
    forge_util_utf8(text, strlen(text), &points);
    return points;
}

/* The first n characters. */
static const char *first_points(apr_pool_t *p, const char *text, apr_size_t n)
{
    apr_size_t len = 0;
    for (; n > 0 && text[len]; n--)
        len += forge_util_utf8_next(text + len, strlen(text + len));
    return apr_pstrmemdup(p, text, len);
}

static const char *shortened(apr_pool_t *p, const char *name)
{
    apr_size_t points = points_of(name);
    if (points <= FORGE_FILE_NAME_MAX)
        return name;
    const char *ending = strrchr(name, '.');
    apr_size_t kept = ending ? points_of(ending) : 0;
    if (kept > ENDING_MAX)
        ending = NULL;
    return apr_pstrcat(p, first_points(p, name, FORGE_FILE_NAME_MAX - (ending ? kept : 0)), ending ? ending : "", NULL);
}

const char *forge_core_file_name(apr_pool_t *p, const char *sent)
{
    for (const char *cut; (cut = strpbrk(sent, "/\\"));)
        sent = cut + 1;
    char *name = harmless(p, sent);
    name += strspn(name, " .");
    for (apr_size_t len = strlen(name); len > 0 && strchr(" .", name[len - 1]); len--)
        name[len - 1] = '\0';
    return shortened(p, name);
}

/* Characters of a quoted name that all clients read alike: no quote, no backslash, no percent sign (some undo escapes).
 */
static bool plain(char c)
{
    return c >= 0x20 && c < 0x7f && !strchr("\"\\%", c);
}

const char *forge_core_disposition(apr_pool_t *p, const char *name)
{
    bool exact = true;
    char *copy = apr_pstrdup(p, name), *to = copy;
    for (const char *c = name; *c; c++) {
        if (plain(*c))
            *to++ = *c;
        else if ((*c & 0xC0) != 0x80) /* one for each character, not for each byte */
            *to++ = '_';
        exact &= plain(*c);
    }
    *to = '\0';
    return apr_pstrcat(p, "attachment; filename=\"", copy, exact ? "\"" : "\"; filename*=UTF-8''",
                       exact ? "" : forge_util_urlencode(p, name), NULL);
}
