/* SPDX-License-Identifier: Apache-2.0
 * Which language a text is in, by libexttextcat (n-grams of some 140 languages), and what PostgreSQL calls it.
 */
#include "analysis.h"

#include <apr_strings.h>
#include <string.h>
#include <textcat.h>
#include <unictype.h>
#include <unistr.h>

#define SAMPLE  16384 /* bytes that are looked at: more say nothing more */
#define LETTERS 60    /* that a sample has at least */

static const struct {
    const char *code, *search;
} languages[] = {
    {"ar", "arabic"},    {"ca", "catalan"},    {"da", "danish"},     {"de", "german"},   {"el", "greek"},
    {"en", "english"},   {"es", "spanish"},    {"eu", "basque"},     {"fi", "finnish"},  {"fr", "french"},
    {"ga", "irish"},     {"hi", "hindi"},      {"hu", "hungarian"},  {"hy", "armenian"}, {"id", "indonesian"},
    {"it", "italian"},   {"lt", "lithuanian"}, {"nb", "norwegian"},  {"ne", "nepali"},   {"nl", "dutch"},
    {"nn", "norwegian"}, {"no", "norwegian"},  {"pt", "portuguese"}, {"ro", "romanian"}, {"ru", "russian"},
    {"sr", "serbian"},   {"sv", "swedish"},    {"ta", "tamil"},      {"tr", "turkish"},  {"yi", "yiddish"},
};

const char *forge_core_language_search(const char *code)
{
    for (apr_size_t i = 0; code && i < sizeof(languages) / sizeof(*languages); i++)
        if (strcmp(languages[i].code, code) == 0)
            return languages[i].search;
    return "simple";
}

/* Adds the letters of a page and one blank for all that stands between them. Digits, formulas and dots would only look
 * like some language. */
static void add_letters(forge_buf_t *b, const forge_text_page_t *page, apr_int64_t *letters)
{
    int size;
    for (apr_size_t at = 0; at < page->len && b->len < SAMPLE; at += (apr_size_t)size) {
        ucs4_t c;
        size = u8_mbtouc(&c, (const uint8_t *)page->text + at, page->len - at);
        if (uc_is_alpha(c) || c == '\'' || c == 0x2019) {
            forge_util_buf_add(b, page->text + at, (apr_size_t)size);
            ++*letters;
        } else if (b->len > 0 && b->data[b->len - 1] != ' ')
            forge_util_buf_add(b, " ", 1);
    }
}

/* The code in one of the answers, as "[sco--utf8][en--utf8]" or "[zh-CN-utf8]": all of them are nearly equally likely.
 * One whose dictionaries PostgreSQL has is worth most: Scots is read as English. NULL when none has two letters. */
static const char *code_of(apr_pool_t *p, const char *said)
{
    const char *first = NULL;
    for (const char *at = said; at && (at = strchr(at, '[')); at++) {
        const char *dash = strchr(at, '-');
        if (!dash || dash - at != 3)
            continue;
        const char *code = apr_pstrmemdup(p, at + 1, 2);
        if (strcmp(forge_core_language_search(code), "simple") != 0)
            return code;
        first = first ? first : code;
    }
    return first;
}

/* Pages from the middle on come first: what stands at the start is titles and names. */
const char *forge_core_language(apr_pool_t *p, const apr_array_header_t *pages)
{
    apr_int64_t letters = 0;
    forge_buf_t *b = forge_util_buf_make(p, SAMPLE + 16, SAMPLE + 16);
    for (int i = 0; i < pages->nelts && b->len < SAMPLE; i++)
        add_letters(b, &APR_ARRAY_IDX(pages, (i + pages->nelts / 2) % pages->nelts, forge_text_page_t), &letters);
    if (b->failed || letters < LETTERS)
        return NULL;
    void *known = special_textcat_Init(FORGE_TEXTCAT "/fpdb.conf", FORGE_TEXTCAT "/");
    if (!known)
        return NULL;
    const char *code = code_of(p, textcat_Classify(known, b->data, b->len));
    textcat_Done(known);
    return code;
}
