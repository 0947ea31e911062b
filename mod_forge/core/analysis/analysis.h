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

/* --- answer.c: an answer made of the passages' own sentences --- */

/* A passage as a search found it. */
typedef struct forge_found_t {
    apr_int64_t id, page; /* page 0: none */
    const char *path;     /* of a repository's file; NULL: none */
    const char *body;     /* UTF-8 */
    const char *excerpt;  /* for a source */
    double score;
} forge_found_t;
/* Passages in an order, the best first. */
typedef struct forge_ranking_t {
    forge_found_t *passages;
    int n;
} forge_ranking_t;
/* A word of the question as the search has it, and what it weighs. */
typedef struct forge_asked_t {
    const char *lexeme;
    double weight;
} forge_asked_t;
typedef struct forge_question_t {
    const char *text;
    const forge_asked_t *terms;
    int n_terms;
} forge_question_t;

/* A sentence counts by the weight of the question's words in it, as a share of all of them (0 to 1), and half as much
 * by those that only the sentences beside it have. With less than this nothing is answered; tests/bench/README.md has
 * the figures behind it. */
#define FORGE_ANSWER_LEAST     0.58
#define FORGE_ANSWER_SENTENCES 3
typedef struct forge_quote_t {
    int passage; /* its index */
    double score;
} forge_quote_t;
typedef struct forge_extract_t {
    const char *text; /* whole sentences, in the order of the ranking; NULL: too little to answer from */
    double score;     /* of the best sentence, also of one that is too little */
    forge_quote_t quotes[FORGE_ANSWER_SENTENCES]; /* where they stand; each passage once */
    int n_quotes;
} forge_extract_t;
void forge_core_answer(apr_pool_t *p, const forge_question_t *question, const forge_ranking_t *found,
                       forge_extract_t *extract);
/* Whether a word of a text is a form of the lexeme: in small letters it is the lexeme with an ending. */
bool forge_core_word_is(const char *word, apr_size_t len, const char *lexeme);

/* --- sentences.c --- */

/* The sentence that begins at *at, without the blanks around it; *at moves behind it. False: the text is at its end. */
bool forge_core_sentence(const char **at, const char **sentence, apr_size_t *len);
/* The word that begins at or after *at: letters, digits and everything beyond ASCII; *at moves behind it. */
bool forge_core_word(const char **at, const char *end, const char **word, apr_size_t *len);

/* --- fusion.c: one order out of several --- */

/* Reciprocal-rank fusion: a passage counts 1/(60 + rank) in each ranking that has it. The best first, at most `most`;
 * the score is the share of what a passage would have that is first in all. */
forge_ranking_t forge_core_fuse(apr_pool_t *p, const forge_ranking_t *rankings, int n, int most);
/* Gives a vector length one, so that products are cosines. False: it has no direction, or is not finite. */
bool forge_core_vector_unit(double *numbers, int n);
/* As PostgreSQL reads it: "{0.6,-0.8}". */
const char *forge_core_vector_text(apr_pool_t *p, const double *numbers, int n);

/* --- prompt.c: what a language model is told --- */

#define FORGE_PROMPT_NONE   "NO_ANSWER" /* what it says when the passages do not hold the answer */
#define FORGE_PROMPT_QUOTED 3000        /* bytes of a passage that it is shown */
typedef struct forge_prompt_t {
    const char *system, *user;
} forge_prompt_t;
/* What was asked and answered before. */
typedef struct forge_exchange_t {
    const char *question, *answer;
} forge_exchange_t;
typedef struct forge_exchanges_t {
    const forge_exchange_t *of; /* the oldest first */
    int n;
} forge_exchanges_t;
/* A mark that no document can know: each prompt has one of its own. Lines of it part data from the rest. */
const char *forge_core_prompt_mark(apr_pool_t *p);
forge_prompt_t forge_core_prompt_question(apr_pool_t *p, const char *mark, const char *question,
                                          const forge_ranking_t *given, const forge_exchanges_t *before);
/* A summary of a document, or a review of a repository of which `text` tells. */
typedef enum forge_digest_kind_t { FORGE_DIGEST_SUMMARY, FORGE_DIGEST_REVIEW } forge_digest_kind_t;
forge_prompt_t forge_core_prompt_digest(apr_pool_t *p, const char *mark, forge_digest_kind_t kind, const char *text);

/* --- grounding.c: what a language model has said --- */

#define FORGE_ANSWER_MAX 20000 /* characters that are kept of an answer */
typedef enum forge_grounded_t {
    FORGE_GROUNDED,
    FORGE_GROUNDED_NONE,   /* it says that the passages do not hold the answer */
    FORGE_GROUNDED_REFUSED /* no citation holds, or it repeats what was for the model alone: not to be shown */
} forge_grounded_t;
/* Checks each citation ([2], [1, 3]): the passage was given, and shares a word of four letters or more with the text
 * before it. Others are taken out. *text is what is left, used[i] whether passage i is cited. */
forge_grounded_t forge_core_ground(apr_pool_t *p, const char *mark, const forge_ranking_t *given, const char **text,
                                   bool *used);
/* Whether a text, or a part of one, repeats what was for the model alone. */
bool forge_core_ground_secret(const char *mark, const char *text, apr_size_t len);
/* The same text with other numbers: place[i] instead of i + 1. */
const char *forge_core_ground_renumber(apr_pool_t *p, const char *text, const int *place, int n);

#endif
