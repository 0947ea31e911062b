/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: what poppler's programs say of a document. Whatever they quote, texts are clean UTF-8 of bounded length,
 * and passages hold what the page holds.
 */
#include "core/analysis/analysis.h"
#include "fuzz.h"
#include <string.h>

static bool clean(const char *text, apr_size_t len)
{
    return forge_util_utf8(text, len, NULL) && forge_util_printable(text, len) && !memchr(text, '\r', len);
}

static void check_passages(apr_pool_t *p, const forge_text_page_t *page)
{
    apr_size_t points = 0;
    apr_array_header_t *passages = apr_array_make(p, 4, sizeof(forge_passage_t));
    forge_core_passages(p, 1, page, passages);
    FORGE_PROMISE((passages->nelts > 0) == (page->len > 0));
    for (int i = 0; i < passages->nelts; i++) {
        const char *body = APR_ARRAY_IDX(passages, i, forge_passage_t).body;
        FORGE_PROMISE(*body && forge_util_utf8(body, strlen(body), &points) && points <= FORGE_PASSAGE_CHARACTERS);
    }
}

static void check_terms(apr_pool_t *p, const apr_array_header_t *pages)
{
    const char *word;
    forge_terms_t *terms = forge_core_terms(p, pages);
    for (int i = 0; (word = forge_core_terms_word(terms, i)); i++)
        forge_core_terms_stem(terms, i, i % 7 ? word : NULL);
    const apr_array_header_t *best = forge_core_terms_best(p, terms);
    FORGE_PROMISE(best->nelts <= FORGE_TERMS_MAX);
    for (int i = 0; i < best->nelts; i++) {
        const forge_term_t *term = &APR_ARRAY_IDX(best, i, forge_term_t);
        FORGE_PROMISE(term->page >= 1 && term->page <= pages->nelts && clean(term->text, strlen(term->text)));
    }
}

static void check_quoted(apr_pool_t *p, const char *said, size_t size)
{
    const forge_pdf_info_t info = forge_core_pdf_info(p, said, size);
    const apr_array_header_t *outline = forge_core_pdf_outline(p, said, size);
    FORGE_PROMISE(!info.title || (clean(info.title, strlen(info.title)) && forge_util_line(info.title)));
    FORGE_PROMISE(outline->nelts <= FORGE_OUTLINE_MAX);
    for (int i = 0; i < outline->nelts; i++) {
        const forge_outline_t *entry = &APR_ARRAY_IDX(outline, i, forge_outline_t);
        FORGE_PROMISE(entry->level > 0 && entry->page >= 0 && forge_util_line(entry->title));
    }
    forge_core_png_blank(said, size);
}

int forge_fuzz_document(const uint8_t *data, size_t size)
{
    apr_pool_t *p = forge_fuzz_pool();
    const char *said = (const char *)data;
    const apr_array_header_t *pages = forge_core_text_pages(p, said, size);
    for (int i = 0; i < pages->nelts; i++) {
        const forge_text_page_t *page = &APR_ARRAY_IDX(pages, i, forge_text_page_t);
        FORGE_PROMISE(clean(page->text, page->len) && page->words <= page->characters);
        check_passages(p, page);
    }
    check_terms(p, pages);
    check_quoted(p, said, size);
    apr_pool_destroy(p);
    return 0;
}
