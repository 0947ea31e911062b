/* SPDX-License-Identifier: Apache-2.0
 * A flat buffer that grows up to a ceiling; answers are rendered into it and sent from it in one piece.
 */
#include "util.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 256 /* the least that is ever allocated */

static apr_status_t buf_free(void *data)
{
    forge_buf_t *b = data;
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
    return APR_SUCCESS;
}

/* Moves the contents to a block of `cap` bytes; on failure the old block stays for the pool to free. */
static bool resize(forge_buf_t *b, apr_size_t cap)
{
    char *data = realloc(b->data, cap);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

forge_buf_t *forge_util_buf_make(apr_pool_t *p, apr_size_t hint, apr_size_t ceiling)
{
    forge_buf_t *b = apr_pcalloc(p, sizeof(*b));
    b->ceiling = ceiling;
    apr_pool_cleanup_register(p, b, buf_free, apr_pool_cleanup_null);
    if (hint > ceiling)
        hint = ceiling;
    if (hint)
        resize(b, hint);
    return b;
}

/* Makes room for `more` bytes by at least doubling the size. Past the ceiling the buffer fails: false. */
static bool room(forge_buf_t *b, apr_size_t more)
{
    if (b->failed)
        return false;
    if (more <= b->cap - b->len)
        return true;
    if (more > b->ceiling - b->len) {
        b->failed = true;
        return false;
    }
    apr_size_t cap = b->cap > b->ceiling / 2 ? b->ceiling : b->cap * 2;
    if (cap < FIRST_BYTES)
        cap = FIRST_BYTES < b->ceiling ? FIRST_BYTES : b->ceiling;
    if (cap < b->len + more)
        cap = b->len + more;
    return resize(b, cap);
}

void forge_util_buf_add(forge_buf_t *b, const char *data, apr_size_t len)
{
    if (!len || !room(b, len))
        return;
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

void forge_util_buf_puts(forge_buf_t *b, const char *text)
{
    forge_util_buf_add(b, text, strlen(text));
}

/* Formats short texts on the stack, because vsnprintf needs a byte for its NUL, which is not part of the contents and
 * could be past the ceiling. */
void forge_util_buf_printf(forge_buf_t *b, const char *format, ...)
{
    char small[512];
    va_list ap;
    va_start(ap, format);
    int len = vsnprintf(small, sizeof(small), format, ap);
    va_end(ap);
    if (len < 0) {
        b->failed = true;
        return;
    }
    if ((apr_size_t)len < sizeof(small)) {
        forge_util_buf_add(b, small, (apr_size_t)len);
        return;
    }
    if ((apr_size_t)len > b->ceiling - b->len) {
        b->failed = true;
        return;
    }
    char *large = malloc((apr_size_t)len + 1);
    if (!large) {
        b->failed = true;
        return;
    }
    va_start(ap, format);
    vsnprintf(large, (apr_size_t)len + 1, format, ap);
    va_end(ap);
    forge_util_buf_add(b, large, (apr_size_t)len);
    free(large);
}

void forge_util_buf_int(forge_buf_t *b, apr_int64_t n)
{
    char digits[20];
    char *at = digits + sizeof(digits);
    apr_uint64_t rest = n < 0 ? 0 - (apr_uint64_t)n : (apr_uint64_t)n;
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (n < 0)
        *--at = '-';
    forge_util_buf_add(b, at, (apr_size_t)(digits + sizeof(digits) - at));
}

/* How each byte is written: 0: copied unchanged, 'u': \u00xx, 'x': start of a longer UTF-8 sequence or not UTF-8,
 * otherwise the letter after the backslash. */
static const char escapes[256] = {
    [0x00 ... 0x07] = 'u', ['\b'] = 'b',          ['\t'] = 't', ['\n'] = 'n',  [0x0b] = 'u', ['\f'] = 'f',
    ['\r'] = 'r',          [0x0e ... 0x1f] = 'u', ['"'] = '"',  ['\\'] = '\\', [0x7f] = 'u', [0x80 ... 0xff] = 'x',
};

static void add_escape(forge_buf_t *b, unsigned char c, char escape)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', escape, '0', '0', hex[c >> 4], hex[c & 15]};
    forge_util_buf_add(b, text, escape == 'u' ? 6 : 2);
}

/* The length of the sequence at `text`, which starts with a high byte. *instead is the text to write for it; NULL: copy
 * it. */
static apr_size_t high_sequence(const char *text, apr_size_t len, const char **instead)
{
    apr_size_t n = forge_util_utf8_next(text, len);
    *instead = NULL;
    if (n == 0) {
        *instead = "\xef\xbf\xbd";
        return 1;
    }
    if (n == 3 && memcmp(text, "\xe2\x80", 2) == 0 && ((unsigned char)text[2] & 0xfe) == 0xa8)
        *instead = text[2] & 1 ? "\\u2029" : "\\u2028";
    return n;
}

/* Copies runs without escapes in one call, for speed. */
void forge_util_buf_json(forge_buf_t *b, const char *text, apr_size_t len)
{
    apr_size_t run = 0, i = 0;
    if (!room(b, len + 2))
        return;
    forge_util_buf_add(b, "\"", 1);
    while (i < len) {
        unsigned char c = (unsigned char)text[i];
        char escape = escapes[c];
        if (!escape) {
            i++;
            continue;
        }
        const char *instead = NULL;
        apr_size_t n = escape == 'x' ? high_sequence(text + i, len - i, &instead) : 1;
        if (escape != 'x' || instead) {
            forge_util_buf_add(b, text + run, i - run);
            if (instead)
                forge_util_buf_puts(b, instead);
            else
                add_escape(b, c, escape);
            run = i + n;
        }
        i += n;
    }
    forge_util_buf_add(b, text + run, len - run);
    forge_util_buf_add(b, "\"", 1);
}

char *forge_util_buf_release(forge_buf_t *b, apr_size_t *len)
{
    if (b->failed || !b->len) {
        *len = 0;
        return NULL;
    }
    char *data = b->data;
    *len = b->len;
    b->data = NULL;
    b->len = b->cap = 0;
    return data;
}
