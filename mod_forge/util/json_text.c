/* SPDX-License-Identifier: Apache-2.0
 * JSON as text (RFC 8259): walked over without a tree, so that what is passed on keeps its bytes. Numbers of any length
 * and order stay what they were.
 */
#include "util.h"

#include <string.h>

const char *forge_util_json_blank(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at;
}

/* Behind an escape that begins at the backslash; NULL when it is none. */
static const char *skip_escape(const char *at, const char *end)
{
    if (end - at < 2)
        return NULL;
    if (at[1] != 'u')
        return at[1] && strchr("\"\\/bfnrt", at[1]) ? at + 2 : NULL;
    if (end - at < 6)
        return NULL;
    for (int i = 2; i < 6; i++)
        if (!forge_util_is_xdigit(at[i]))
            return NULL;
    return at + 6;
}

static const char *skip_text(const char *at, const char *end)
{
    for (at++; at && at < end && *at != '"';) {
        const apr_size_t len = forge_util_utf8_next(at, (apr_size_t)(end - at));
        if (*at == '\\')
            at = skip_escape(at, end);
        else if (len == 0 || (unsigned char)*at < 0x20)
            return NULL;
        else
            at += len;
    }
    return at && at < end ? at + 1 : NULL;
}

static const char *skip_digits(const char *at, const char *end)
{
    const char *first = at;
    while (at < end && forge_util_is_digit(*at))
        at++;
    return at > first ? at : NULL;
}

static const char *skip_number(const char *at, const char *end)
{
    at += at < end && *at == '-';
    const bool zero = at < end && *at == '0';
    at = zero ? at + 1 : skip_digits(at, end);
    if (at && at < end && *at == '.')
        at = skip_digits(at + 1, end);
    if (!at || at == end || (*at != 'e' && *at != 'E'))
        return at;
    at++;
    at += at < end && (*at == '+' || *at == '-');
    return skip_digits(at, end);
}

static const char *skip_word(const char *at, const char *end)
{
    static const char *const words[] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        const apr_size_t len = strlen(words[i]);
        if ((apr_size_t)(end - at) >= len && memcmp(at, words[i], len) == 0)
            return at + len;
    }
    return NULL;
}

static const char *skip(const char *at, const char *end, int depth);

/* A member's name with its colon. */
static const char *skip_name(const char *at, const char *end)
{
    if (at == end || *at != '"' || !(at = skip_text(at, end)))
        return NULL;
    at = forge_util_json_blank(at, end);
    return at < end && *at == ':' ? forge_util_json_blank(at + 1, end) : NULL;
}

static const char *skip_many(const char *at, const char *end, int depth)
{
    const char close = *at == '{' ? '}' : ']';
    const bool named = *at == '{';
    at = forge_util_json_blank(at + 1, end);
    if (at < end && *at == close)
        return at + 1;
    while (at) {
        if (named && !(at = skip_name(at, end)))
            return NULL;
        at = skip(at, end, depth - 1);
        at = at ? forge_util_json_blank(at, end) : NULL;
        if (!at || at == end || (*at != ',' && *at != close))
            return NULL;
        if (*at == close)
            return at + 1;
        at = forge_util_json_blank(at + 1, end);
    }
    return NULL;
}

static const char *skip(const char *at, const char *end, int depth)
{
    if (at == end || depth == 0)
        return NULL;
    if (*at == '{' || *at == '[')
        return skip_many(at, end, depth);
    if (*at == '"')
        return skip_text(at, end);
    return *at == '-' || forge_util_is_digit(*at) ? skip_number(at, end) : skip_word(at, end);
}

const char *forge_util_json_skip(const char *at, const char *end)
{
    return skip(at, end, FORGE_JSON_TEXT_DEPTH);
}

bool forge_util_json_valid(const char *text, apr_size_t len)
{
    const char *end = text + len, *at = forge_util_json_skip(forge_util_json_blank(text, end), end);
    return at && forge_util_json_blank(at, end) == end;
}

/* The code unit of "\u00e9", whose digits were looked at before. */
static unsigned unit_of(const char *at)
{
    unsigned unit = 0;
    for (int i = 2; i < 6; i++) {
        const char c = forge_util_lower(at[i]);
        unit = unit * 16 + (unsigned)(forge_util_is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    return unit;
}

/* One code point as UTF-8; returns its bytes. */
static apr_size_t utf8_put(char *to, unsigned point)
{
    if (point < 0x80) {
        to[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        to[0] = (char)(0xC0 | point >> 6);
        to[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        to[0] = (char)(0xE0 | point >> 12);
        to[1] = (char)(0x80 | (point >> 6 & 0x3F));
        to[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | point >> 18);
    to[1] = (char)(0x80 | (point >> 12 & 0x3F));
    to[2] = (char)(0x80 | (point >> 6 & 0x3F));
    to[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}

/* What an escape stands for, and where the text goes on. Two surrogates are one code point. */
static const char *decode_escape(const char *at, const char *end, char *to, apr_size_t *len)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (at[1] != 'u') {
        to[0] = meant[strchr(letters, at[1]) - letters];
        *len = 1;
        return at + 2;
    }
    unsigned point = unit_of(at);
    at += 6;
    if (point >= 0xD800 && point < 0xDC00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' && unit_of(at) >= 0xDC00 &&
        unit_of(at) < 0xE000) {
        point = 0x10000 + ((point - 0xD800) << 10) + (unit_of(at) - 0xDC00);
        at += 6;
    }
    *len = utf8_put(to, point);
    return at;
}

bool forge_util_json_is(const char *at, const char *end, const char *name)
{
    end--; /* the closing quote */
    for (at++; at < end;) {
        char one[4] = {*at};
        apr_size_t len = 1;
        at = *at == '\\' ? decode_escape(at, end, one, &len) : at + 1;
        if (strncmp(name, one, len) != 0 || memchr(one, '\0', len))
            return false;
        name += len;
    }
    return !*name;
}
