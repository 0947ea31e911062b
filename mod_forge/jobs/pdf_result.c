/* SPDX-License-Identifier: Apache-2.0
 * The result of a document's analysis as JSON. It is bounded whatever the document: a short text is in it, page by
 * page; of a long one only figures are, and the pages are read by a call of their own.
 */
#include "pdf.h"

#include <apr_strings.h>
#include <string.h>

#define RECIPE     "1"           /* changes with what is found in a document, or with how */
#define TEXT_MAX   (256 * 1024)  /* bytes of all pages in a result */
#define RESULT_MAX (2048 * 1024) /* bytes of a result, as the table has it */

const char *forge_pdf_recipe(apr_pool_t *p, const char *ocr)
{
    return ocr ? apr_pstrcat(p, RECIPE "+", ocr, NULL) : RECIPE;
}

static void put_terms(forge_json_t *result, const apr_array_header_t *terms)
{
    forge_json_t *all = forge_util_json_put_array(result, "key_terms");
    for (int i = 0; i < terms->nelts; i++) {
        const forge_term_t *term = &APR_ARRAY_IDX(terms, i, forge_term_t);
        forge_json_t *one = forge_util_json_add_object(all);
        forge_util_json_put_text(one, "term", term->text);
        forge_util_json_put_int(one, "count", term->count);
        forge_util_json_put_int(one, "page", term->page);
    }
}

static void put_outline(forge_json_t *result, const apr_array_header_t *outline)
{
    forge_json_t *all = forge_util_json_put_array(result, "outline");
    for (int i = 0; i < outline->nelts; i++) {
        const forge_outline_t *entry = &APR_ARRAY_IDX(outline, i, forge_outline_t);
        forge_json_t *one = forge_util_json_add_object(all);
        forge_util_json_put_int(one, "level", entry->level);
        forge_util_json_put_text(one, "title", entry->title);
        if (entry->page)
            forge_util_json_put_int(one, "page", entry->page);
        else
            forge_util_json_put_null(one, "page");
    }
}

typedef struct totals_t {
    apr_int64_t characters, bytes, without_text;
} totals_t;

static totals_t totals_of(const forge_pdf_t *d)
{
    totals_t t = {0, 0, 0};
    for (int i = 0; i < d->pages->nelts; i++) {
        const forge_text_page_t *page = &APR_ARRAY_IDX(d->pages, i, forge_text_page_t);
        t.characters += page->characters;
        t.bytes += (apr_int64_t)page->len;
        t.without_text += page->words == 0;
    }
    return t;
}

static void put_pages(forge_json_t *result, const forge_pdf_t *d, bool texts)
{
    forge_json_t *all = forge_util_json_put_array(result, "pages");
    for (int i = 0; i < d->pages->nelts; i++) {
        const forge_text_page_t *page = &APR_ARRAY_IDX(d->pages, i, forge_text_page_t);
        forge_json_t *one = forge_util_json_add_object(all);
        forge_util_json_put_int(one, "page", i + 1);
        forge_util_json_put_int(one, "words", page->words);
        forge_util_json_put_int(one, "characters", page->characters);
        if (texts)
            forge_util_json_put_text(one, "text", apr_pstrmemdup(d->p, page->text, page->len));
    }
}

const char *forge_pdf_result(const forge_pdf_t *d, const forge_pdf_said_t *said)
{
    forge_json_t *result = forge_util_json_object(d->p);
    forge_buf_t *b = forge_util_buf_make(d->p, 65536, RESULT_MAX);
    const totals_t totals = totals_of(d);
    forge_util_json_put_text(result, "recipe", forge_pdf_recipe(d->p, d->ocr));
    forge_util_json_put_text(result, "title", d->info.title);
    forge_util_json_put_text(result, "author", d->info.author);
    forge_util_json_put_text(result, "language", said->language);
    forge_util_json_put_int(result, "page_count", d->pages->nelts);
    forge_util_json_put_int(result, "word_count", d->words);
    forge_util_json_put_int(result, "character_count", totals.characters);
    forge_util_json_put_int(result, "reading_minutes", forge_core_reading_minutes(d->words));
    forge_util_json_put_int(result, "pages_without_text", totals.without_text);
    forge_util_json_put_int(result, "pages_recognised", d->recognised);
    forge_util_json_put_int(result, "passage_count", said->passages);
    forge_util_json_put_bool(result, "thumbnail", d->png != NULL);
    forge_util_json_put_text(result, "summary", said->summary);
    put_terms(result, said->terms);
    put_outline(result, d->outline);
    forge_util_json_put_bool(result, "text_complete", totals.bytes <= TEXT_MAX);
    put_pages(result, d, totals.bytes <= TEXT_MAX);
    forge_util_json_write(b, result);
    forge_util_buf_add(b, "", 1);
    return b->failed ? NULL : b->data;
}
