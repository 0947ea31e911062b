/* SPDX-License-Identifier: Apache-2.0
 * Small forms of text: numbers, hex, base64url, UTF-8, form encoding.
 */
#include "util.h"
#include <apr_strings.h>
#include <string.h>

#define B64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

apr_uint64_t forge_util_hash(apr_uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * APR_UINT64_C(0x100000001b3);
    return hash;
}

const char *forge_util_itoa(apr_pool_t *p, apr_int64_t n)
{
    return apr_psprintf(p, "%" APR_INT64_T_FMT, n);
}

/* Counts down from zero, because the smallest number has no positive counterpart. */
bool forge_util_atoi(const char *text, apr_size_t len, apr_int64_t *n)
{
    bool negative = len && *text == '-';
    apr_size_t i = negative;
    apr_int64_t value = 0;
    if (i == len)
        return false;
    for (; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, text[i] - '0', &value))
            return false;
    }
    if (!negative && value == APR_INT64_MIN)
        return false;
    *n = negative ? value : -value;
    return true;
}

const char *forge_util_b64url(apr_pool_t *p, const void *data, apr_size_t len)
{
    static const char alphabet[] = B64URL;
    const unsigned char *in = data;
    char *text = apr_palloc(p, len / 3 * 4 + 5), *at = text;
    for (; len >= 3; len -= 3, in += 3) {
        *at++ = alphabet[in[0] >> 2];
        *at++ = alphabet[(in[0] & 3) << 4 | in[1] >> 4];
        *at++ = alphabet[(in[1] & 15) << 2 | in[2] >> 6];
        *at++ = alphabet[in[2] & 63];
    }
    if (len) {
        unsigned second = len > 1 ? in[1] : 0;
        *at++ = alphabet[in[0] >> 2];
        *at++ = alphabet[(in[0] & 3) << 4 | second >> 4];
        if (len > 1)
            *at++ = alphabet[(second & 15) << 2];
    }
    *at = '\0';
    return text;
}

static int b64url_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Unused bits at the end must be zero, so that each value has only one encoding. */
unsigned char *forge_util_b64url_decode(apr_pool_t *p, const char *text, apr_size_t len, apr_size_t *out_len)
{
    unsigned char *data, *at;
    unsigned bits = 0, held = 0;
    if (len % 4 == 1)
        return NULL;
    data = at = apr_palloc(p, len / 4 * 3 + 3);
    for (apr_size_t i = 0; i < len; i++) {
        int value = b64url_value(text[i]);
        if (value < 0)
            return NULL;
        held = held << 6 | (unsigned)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *at++ = (unsigned char)(held >> bits);
            held &= (1u << bits) - 1;
        }
    }
    if (held)
        return NULL;
    *at = '\0';
    *out_len = (apr_size_t)(at - data);
    return data;
}

const char *forge_util_hex(apr_pool_t *p, const void *data, apr_size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *in = data;
    char *text = apr_palloc(p, len * 2 + 1), *at = text;
    for (apr_size_t i = 0; i < len; i++) {
        *at++ = digits[in[i] >> 4];
        *at++ = digits[in[i] & 15];
    }
    *at = '\0';
    return text;
}

bool forge_util_line(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            return false;
    return true;
}

/* U+0080 to U+009F are C2 80 to C2 9F; no other sequence has C2 in it. */
bool forge_util_printable(const char *text, apr_size_t len)
{
    const unsigned char *c = (const unsigned char *)text;
    for (apr_size_t i = 0; i < len; i++) {
        if ((c[i] < 0x20 && c[i] != '\t' && c[i] != '\n' && c[i] != '\r') || c[i] == 0x7f)
            return false;
        if (c[i] == 0xc2 && i + 1 < len && c[i + 1] < 0xa0)
            return false;
    }
    return true;
}

/* The allowed range of the second byte depends on the first; all later bytes are 80..BF (RFC 3629 §4). */
apr_size_t forge_util_utf8_next(const char *text, apr_size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    unsigned low = 0x80, high = 0xbf;
    apr_size_t n;
    if (!len)
        return 0;
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (len < n)
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0;
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xed)
        high = 0x9f;
    else if (s[0] == 0xf4)
        high = 0x8f;
    if (s[1] < low || s[1] > high)
        return 0;
    for (apr_size_t i = 2; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

bool forge_util_utf8(const char *text, apr_size_t len, apr_size_t *points)
{
    apr_size_t count = 0;
    for (apr_size_t i = 0; i < len; count++) {
        apr_size_t n = forge_util_utf8_next(text + i, len - i);
        if (!n)
            return false;
        i += n;
    }
    if (points)
        *points = count;
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes one name or value; NULL and *why if that is impossible. */
static char *form_decode(apr_pool_t *p, const char *text, apr_size_t len, const char **why)
{
    char *out = apr_palloc(p, len + 1), *at = out;
    for (apr_size_t i = 0; i < len; i++) {
        char c = text[i] == '+' ? ' ' : text[i];
        if (c == '%') {
            int high = len - i > 2 ? hex_value(text[i + 1]) : -1;
            int low = len - i > 2 ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                *why = "a per cent sign is not followed by two hexadecimal digits";
                return NULL;
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (!c) {
            *why = "the character U+0000 is not accepted";
            return NULL;
        }
        *at++ = c;
    }
    *at = '\0';
    if (!forge_util_utf8(out, (apr_size_t)(at - out), NULL)) {
        *why = "the text is not UTF-8";
        return NULL;
    }
    return out;
}

static bool form_pair(apr_pool_t *p, apr_table_t *pairs, const char *text, apr_size_t len, const char **why)
{
    const char *equals = memchr(text, '=', len);
    apr_size_t name_len = equals ? (apr_size_t)(equals - text) : len;
    const char *name = form_decode(p, text, name_len, why);
    const char *value = equals ? form_decode(p, equals + 1, len - name_len - 1, why) : "";
    if (!name || !value)
        return false;
    apr_table_addn(pairs, name, value);
    return true;
}

bool forge_util_form(apr_pool_t *p, const char *text, apr_size_t len, int max, apr_table_t **pairs, const char **why)
{
    const char *end = text + len;
    *pairs = apr_table_make(p, 8);
    for (int count = 0; text < end;) {
        const char *amp = memchr(text, '&', (apr_size_t)(end - text));
        const char *stop = amp ? amp : end;
        if (stop > text) {
            if (count++ == max) {
                *why = "there are too many parameters";
                return false;
            }
            if (!form_pair(p, *pairs, text, (apr_size_t)(stop - text), why))
                return false;
        }
        text = amp ? amp + 1 : end;
    }
    return true;
}

const char *forge_util_urlencode(apr_pool_t *p, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = apr_palloc(p, strlen(text) * 3 + 1), *at = out;
    for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
        if (forge_util_is_alnum((char)*s) || strchr("-._~", *s)) {
            *at++ = (char)*s;
            continue;
        }
        *at++ = '%';
        *at++ = digits[*s >> 4];
        *at++ = digits[*s & 15];
    }
    *at = '\0';
    return out;
}

/* The volatile reads keep the compiler from ending the loop early, so that the time does not depend on the contents. */
bool forge_util_equal(const void *a, const void *b, apr_size_t len)
{
    const volatile unsigned char *x = a, *y = b;
    unsigned char differ = 0;
    for (apr_size_t i = 0; i < len; i++)
        differ |= x[i] ^ y[i];
    return differ == 0;
}
