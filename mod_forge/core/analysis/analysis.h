/* SPDX-License-Identifier: Apache-2.0
 * Interface of core/analysis: what can be said of a text or of a repository, without SQL and without httpd.
 */
#ifndef FORGE_CORE_ANALYSIS_H
#define FORGE_CORE_ANALYSIS_H

#include "core/core.h"

/* --- pages.c: the text that pdftotext gives, page by page --- */

typedef struct forge_text_page_t {
    const char *text; /* clean UTF-8: no controls but line feeds; paragraphs are parted by empty lines */
    apr_size_t len;
    apr_int64_t characters, words;
} forge_text_page_t;
/* The pages of a text, one behind each form feed (the last form feed ends the last page). What
 * is not UTF-8 becomes U+FFFD, controls and soft hyphens go, ligatures are written as letters. The texts live as long
 * as p. */
apr_array_header_t *forge_core_text_pages(apr_pool_t *p, const char *text, apr_size_t len);
/* One page out of such a text, whatever form feeds it has (OCR gives one at its end). */
forge_text_page_t forge_core_text_page(apr_pool_t *p, const char *text, apr_size_t len);

/* --- words.c: words by the rules of Unicode (UAX 29), of which each ideograph is one --- */

typedef struct forge_words_t forge_words_t;
typedef struct forge_word_t {
    const char *text; /* within the text, not ended by NUL */
    apr_size_t len;
    bool follows; /* only blanks stand between it and the word before */
} forge_word_t;
forge_words_t *forge_core_words(apr_pool_t *p, const char *text, apr_size_t len);
/* The next one that has a letter or a digit; false at the end. */
bool forge_core_words_next(forge_words_t *words, forge_word_t *word);
/* Whole minutes that reading so many words takes, at least 1 for one word: 238 words a minute, the mean for silent
 * reading of non-fiction (Brysbaert 2019). */
int forge_core_reading_minutes(apr_int64_t words);

/* --- language.c --- */

/* ISO 639-1 code of the language that the text is most likely in ("en"), found by its n-grams; NULL: it cannot be told
 * (too short, hardly any letters, none that is known). A part of a long text is enough for it. */
const char *forge_core_language(apr_pool_t *p, const apr_array_header_t *pages);
/* The name of PostgreSQL's text search configuration for it, "simple" where it has none. */
const char *forge_core_language_search(const char *code);

/* --- terms.c: what a text is about --- */

#define FORGE_TERMS_MAX       20   /* key terms of a text */
#define FORGE_TERMS_WORDS_MAX 3000 /* words of a text that its terms are made of */
typedef struct forge_terms_t forge_terms_t;
typedef struct forge_term_t {
    const char *text;
    apr_int64_t count; /* how often it stands in the text, in whatever inflection */
    int page;          /* where first */
} forge_term_t;
/* Counts the words of all pages. */
forge_terms_t *forge_core_terms(apr_pool_t *p, const apr_array_header_t *pages);
/* Its words in small letters, the most frequent ones first; NULL after the last (at most FORGE_TERMS_WORDS_MAX). Who
 * knows the language says of each what forge_core_terms_stem takes. */
const char *forge_core_terms_word(const forge_terms_t *terms, int i);
/* The stem of the i-th word; NULL: it says nothing by itself (a stop word). Words that nobody speaks of are their own
 * stem. */
void forge_core_terms_stem(forge_terms_t *terms, int i, const char *stem);
/* The terms of one to three words, best first, at most FORGE_TERMS_MAX (of forge_term_t), by C-value (Frantzi,
 * Ananiadou, Mima 2000): frequent terms, less what longer terms explain, longer ones before shorter ones. The same text
 * gives the same terms. */
apr_array_header_t *forge_core_terms_best(apr_pool_t *p, forge_terms_t *terms);

/* --- passages.c: pieces of a text that can be found --- */

#define FORGE_PASSAGE_CHARACTERS 1500 /* of one passage at most */
typedef struct forge_passage_t {
    int page;
    const char *body; /* whole paragraphs where they fit, one a line; else cut behind a sentence, or behind a word */
} forge_passage_t;
/* Adds the passages of a page to `passages` (of forge_passage_t). */
void forge_core_passages(apr_pool_t *p, int page, const forge_text_page_t *text, apr_array_header_t *passages);

/* --- pdf.c: what poppler's programs say --- */

typedef struct forge_pdf_info_t {
    const char *title, *author; /* NULL: none; a line of at most 300 characters */
    apr_int64_t pages;          /* -1: not said */
} forge_pdf_info_t;
/* Reads what pdfinfo says. */
forge_pdf_info_t forge_core_pdf_info(apr_pool_t *p, const char *said, apr_size_t len);

#define FORGE_OUTLINE_MAX 500 /* entries of an outline that are kept */
typedef struct forge_outline_t {
    int level, page; /* level from 1; page 0: it leads to none */
    const char *title;
} forge_outline_t;
/* The bookmarks of a document, in order, out of what pdftohtml -xml says (of forge_outline_t); empty when there are
 * none. */
apr_array_header_t *forge_core_pdf_outline(apr_pool_t *p, const char *said, apr_size_t len);
/* Whether a picture (PNG) is so small for its size that it can show one colour only: an empty page. */
bool forge_core_png_blank(const char *png, apr_size_t len);
/* Whether the bytes are a PNG at all. */
bool forge_core_png(const char *png, apr_size_t len);

/* --- repository_url.c: which repositories may be asked for --- */

#define FORGE_REPOSITORY_URL_MAX 500
#define FORGE_REPOSITORY_REF_MAX 200

typedef struct forge_git_host_t {
    const char *name; /* in small letters */
    int port;
    bool own; /* its address need not be a public one */
} forge_git_host_t;
/* Reads a word of ForgeGitHosts: "github.com", "git.example.org:8443", and with "private:" in front a host whose
 * address may be one of our own network. Names only, no addresses. */
bool forge_core_git_host(apr_pool_t *p, const char *word, forge_git_host_t *host);

typedef struct forge_repository_t {
    const forge_git_host_t *host;
    const char *path; /* owner/name */
    const char *url;  /* as it is shown and asked for: one spelling for each repository */
} forge_repository_t;
/* Reads the address of a repository: https, a host of the list (of forge_git_host_t) at its port, owner and name, and
 * nothing else. NULL, or a sentence that says what is wrong ("must …"). */
const char *forge_core_repository_url(apr_pool_t *p, const char *url, const apr_array_header_t *hosts,
                                      forge_repository_t *out);
/* Whether this may be the name of a branch or a tag. */
bool forge_core_repository_ref(const char *ref);

/* --- pieces.c: passages of a file of a repository --- */

/* The next piece of a text whose lines are kept, of at most FORGE_PASSAGE_CHARACTERS bytes, cut behind an empty line
 * where there is one in its second half, else behind a line, else behind a character. Text and length move on; NULL at
 * the end. Pieces without a letter or a digit are left out. */
const char *forge_core_piece(apr_pool_t *p, const char **text, apr_size_t *len);

#endif
