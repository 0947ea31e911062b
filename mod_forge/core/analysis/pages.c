/* SPDX-License-Identifier: Apache-2.0
 * The text of a document, page by page, as it is shown and searched.
 */
#include "analysis.h"

#include <apr_strings.h>
#include <string.h>

#define SOFT_HYPHEN "\xc2\xad"
#define REPLACEMENT "\xef\xbf\xbd"

/* Ligatures that fonts draw and nobody types: U+FB00 to U+FB06. NULL: something else. */
static const char *unligated(const char *at, apr_size_t size)
{
    static const char *const letters[] = {"ff", "fi", "fl", "ffi", "ffl", "st", "st"};
    if (size != 3 || memcmp(at, "\xef\xac", 2) != 0)
        return NULL;
    const unsigned i = (unsigned char)at[2] - 0x80U;
    return i < sizeof(letters) / sizeof(*letters) ? letters[i] : NULL;
}

/* A control character of C0 or C1, or one of no use in a text: a byte order mark, a soft hyphen. */
static bool is_noise(const char *at, apr_size_t size)
{
    const unsigned char first = (unsigned char)at[0];
    if (size == 1)
        return first < 0x20 || first == 0x7f;
    return (size == 2 && first == 0xc2 && ((unsigned char)at[1] < 0xa0 || memcmp(at, SOFT_HYPHEN, 2) == 0)) ||
           (size == 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0);
}

/* One character of the text; blanks are blanks of ASCII, and never at the end of a line. Returns its bytes. */
static apr_size_t clean_one(forge_buf_t *b, const char *at, apr_size_t left)
{
    const apr_size_t size = forge_util_utf8_next(at, left);
    const char *letters = size ? unligated(at, size) : NULL;
    if (size == 0) {
        forge_util_buf_puts(b, REPLACEMENT);
        return 1;
    }
    if (*at == '\n')
        while (b->len > 0 && !b->failed && b->data[b->len - 1] == ' ')
            b->len--;
    if (letters)
        forge_util_buf_puts(b, letters);
    else if (*at == '\t' || (size == 2 && memcmp(at, "\xc2\xa0", 2) == 0))
        forge_util_buf_add(b, " ", 1);
    else if (*at == '\n' || !is_noise(at, size))
        forge_util_buf_add(b, at, size);
    return size;
}

static void count(apr_pool_t *p, forge_text_page_t *page)
{
    apr_pool_t *brief;
    apr_size_t points = 0;
    forge_word_t word;
    apr_pool_create(&brief, p);
    forge_words_t *words = forge_core_words(brief, page->text, page->len);
    forge_util_utf8(page->text, page->len, &points);
    page->characters = (apr_int64_t)points;
    while (forge_core_words_next(words, &word))
        page->words++;
    apr_pool_destroy(brief);
}

/* Blanks and empty lines around a page say nothing. */
static forge_text_page_t trimmed(const char *text, apr_size_t len)
{
    while (len > 0 && (*text == ' ' || *text == '\n')) {
        text++;
        len--;
    }
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\n'))
        len--;
    return (forge_text_page_t){.text = text, .len = len};
}

/* Cleans a text into a buffer of its own. U+FFFD is three times as long as the byte it stands for. */
static forge_buf_t *cleaned(apr_pool_t *p, const char *text, apr_size_t len)
{
    forge_buf_t *b = forge_util_buf_make(p, len + 1, 3 * len + 1);
    for (apr_size_t at = 0; at < len;)
        at += clean_one(b, text + at, len - at);
    return b;
}

forge_text_page_t forge_core_text_page(apr_pool_t *p, const char *text, apr_size_t len)
{
    const forge_buf_t *b = cleaned(p, text, len);
    forge_text_page_t page = trimmed(b->failed || b->len == 0 ? "" : b->data, b->failed ? 0 : b->len);
    count(p, &page);
    return page;
}

apr_array_header_t *forge_core_text_pages(apr_pool_t *p, const char *text, apr_size_t len)
{
    apr_array_header_t *pages = apr_array_make(p, 64, sizeof(forge_text_page_t));
    for (apr_size_t at = 0; at < len;) {
        const char *feed = memchr(text + at, '\f', len - at);
        const apr_size_t size = feed ? (apr_size_t)(feed - text) - at : len - at;
        APR_ARRAY_PUSH(pages, forge_text_page_t) = forge_core_text_page(p, text + at, size);
        at += size + 1;
    }
    return pages;
}
