/* SPDX-License-Identifier: Apache-2.0
 * Makes PDF files for tests: good ones out of texts, and hostile ones.
 */
#ifndef FORGE_TEST_PDF_KIT_H
#define FORGE_TEST_PDF_KIT_H

#include "util/util.h"

typedef struct pdf_bookmark_t {
    const char *title;
    int page;
} pdf_bookmark_t;

/* A document of pages of text in Helvetica. Texts are of ASCII and of letters of Latin-1 in UTF-8; a line feed begins a
 * new line. */
typedef struct pdf_text_t {
    const char *const *pages;
    int n;
    const char *title, *author;      /* without parentheses; NULL: none */
    const pdf_bookmark_t *bookmarks; /* ended by title NULL; NULL: none */
    bool encrypted;                  /* with a password that nobody has */
} pdf_text_t;
forge_buf_t *pdf_text(apr_pool_t *p, const pdf_text_t *text);
/* One page that says this. */
forge_buf_t *pdf_page(apr_pool_t *p, const char *text);
/* `n` pages of forty lines each, which say their number. */
forge_buf_t *pdf_many(apr_pool_t *p, int n);
/* One page that is a picture: a PNG as pdftoppm makes it. */
forge_buf_t *pdf_scan(apr_pool_t *p, const char *png, apr_size_t len);

/* What a reader must survive. */
forge_buf_t *pdf_bomb(apr_pool_t *p);    /* some kilobytes that say gigabytes of text */
forge_buf_t *pdf_nested(apr_pool_t *p);  /* arrays within arrays, a hundred thousand deep, in the way of every page */
forge_buf_t *pdf_endless(apr_pool_t *p); /* a page that draws itself */
forge_buf_t *pdf_boasts(apr_pool_t *p);  /* says that it has a hundred million pages */
forge_buf_t *pdf_no_pages(apr_pool_t *p);

#endif
