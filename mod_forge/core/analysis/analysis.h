/* SPDX-License-Identifier: Apache-2.0
 * Interface of core/analysis: what can be said of a text or of a repository, without SQL and without httpd.
 */
#ifndef FORGE_CORE_ANALYSIS_H
#define FORGE_CORE_ANALYSIS_H

#include "core/core.h"

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
