/* SPDX-License-Identifier: Apache-2.0
 * Key terms of a text: C-value (Frantzi, Ananiadou, Mima, 2000) over runs of words that are no stop words. Which words
 * those are, and what inflections have in common, whoever knows the language says (PostgreSQL's dictionaries).
 */
#include "analysis.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#define LONGEST     3       /* words of a term */
#define VOCABULARY  50000   /* different words that are counted */
#define PHRASES     50000   /* different runs of words that are counted */
#define TOKENS      4000000 /* words of a text that are looked at */
#define LETTERS_MIN 3       /* of a word that may say something */
#define LETTERS_MAX 40
#define ENOUGH      5 /* fewer terms than these: words that stand there once count too */

typedef struct entry_t {
    const char *word;  /* in small letters */
    const char *shown; /* as it stands in the text: in small letters where it does so anywhere */
    apr_int64_t count;
    int number; /* of the entry: in the order of the text */
    int stem;   /* number; -1: it says nothing */
} entry_t;

struct forge_terms_t {
    apr_pool_t *p;
    apr_hash_t *known;            /* of entry_t by word */
    apr_array_header_t *entries;  /* of entry_t *, as they come */
    apr_array_header_t *frequent; /* the same, the most frequent ones first */
    forge_buf_t *tokens;          /* of int: entries; -1: a run of words ends */
    apr_array_header_t *starts;   /* of int: the first token of each page */
    apr_hash_t *stems;            /* of int, by stem */
};

static int token_count(const forge_terms_t *t)
{
    return t->tokens->failed ? 0 : (int)(t->tokens->len / sizeof(int));
}

static int token(const forge_terms_t *t, int i)
{
    int value;
    memcpy(&value, t->tokens->data + (apr_size_t)i * sizeof(int), sizeof(value));
    return value;
}

static void add_token(forge_terms_t *t, int value)
{
    if (token_count(t) < TOKENS)
        forge_util_buf_add(t->tokens, (const char *)&value, sizeof(value));
}

/* --- counting --- */

/* In small letters, composed; NULL: out of memory. Most words are ASCII, and quick. */
static const char *lowered(apr_pool_t *p, const char *text, apr_size_t len)
{
    apr_size_t n;
    for (n = 0; n < len && (unsigned char)text[n] < 0x80; n++)
        ;
    if (n == len) {
        char *lower = apr_pstrmemdup(p, text, len);
        forge_util_lower_all(lower);
        return lower;
    }
    uint8_t *made = u8_tolower((const uint8_t *)text, len, NULL, UNINORM_NFC, NULL, &n);
    const char *lower = made ? apr_pstrmemdup(p, (const char *)made, n) : NULL;
    free(made);
    return lower;
}

/* Words of a few letters say little, numbers nothing, and what is endless is no word. */
static bool may_say_something(const forge_word_t *word)
{
    int characters = 0;
    bool letters = false;
    for (apr_size_t at = 0; at < word->len; characters++) {
        ucs4_t c;
        at += (apr_size_t)u8_mbtouc(&c, (const uint8_t *)word->text + at, word->len - at);
        letters = letters || uc_is_alpha(c);
    }
    return letters && characters >= LETTERS_MIN && characters <= LETTERS_MAX;
}

/* The number of a word's entry; -1 when too many different ones came before. */
static int entry_of(forge_terms_t *t, apr_pool_t *brief, const forge_word_t *word)
{
    const char *lower = lowered(brief, word->text, word->len);
    if (!lower)
        return -1;
    entry_t *entry = apr_hash_get(t->known, lower, APR_HASH_KEY_STRING);
    const bool small = strlen(lower) == word->len && memcmp(lower, word->text, word->len) == 0;
    if (!entry) {
        if (t->entries->nelts >= VOCABULARY)
            return -1;
        entry = apr_pcalloc(t->p, sizeof(*entry));
        *entry =
            (entry_t){apr_pstrdup(t->p, lower), apr_pstrmemdup(t->p, word->text, word->len), 0, t->entries->nelts, -1};
        apr_hash_set(t->known, entry->word, APR_HASH_KEY_STRING, entry);
        APR_ARRAY_PUSH(t->entries, entry_t *) = entry;
    }
    if (small)
        entry->shown = entry->word;
    entry->count++;
    return entry->number;
}

static void count_page(forge_terms_t *t, const forge_text_page_t *page)
{
    apr_pool_t *brief, *turn;
    forge_word_t word;
    apr_pool_create(&brief, t->p);
    apr_pool_create(&turn, brief);
    forge_words_t *words = forge_core_words(brief, page->text, page->len);
    APR_ARRAY_PUSH(t->starts, int) = token_count(t);
    for (int n = 1; forge_core_words_next(words, &word); n++) {
        const int entry = may_say_something(&word) ? entry_of(t, turn, &word) : -1;
        if (!word.follows || entry < 0)
            add_token(t, -1);
        if (entry >= 0)
            add_token(t, entry);
        if (n % 1024 == 0)
            apr_pool_clear(turn);
    }
    add_token(t, -1);
    apr_pool_destroy(brief);
}

/* Entries that are equally frequent stand in the order of the text. */
static int by_count(const void *a, const void *b)
{
    const entry_t *x = *(entry_t *const *)a, *y = *(entry_t *const *)b;
    return x->count != y->count ? (x->count < y->count ? 1 : -1) : x->number - y->number;
}

forge_terms_t *forge_core_terms(apr_pool_t *p, const apr_array_header_t *pages)
{
    forge_terms_t *t = apr_pcalloc(p, sizeof(*t));
    t->p = p;
    t->known = apr_hash_make(p);
    t->stems = apr_hash_make(p);
    t->entries = apr_array_make(p, 1024, sizeof(entry_t *));
    t->starts = apr_array_make(p, pages->nelts, sizeof(int));
    t->tokens = forge_util_buf_make(p, 65536, (apr_size_t)TOKENS * sizeof(int) + 65536);
    for (int i = 0; i < pages->nelts; i++)
        count_page(t, &APR_ARRAY_IDX(pages, i, forge_text_page_t));
    t->frequent = apr_array_copy(p, t->entries);
    qsort(t->frequent->elts, (size_t)t->frequent->nelts, sizeof(entry_t *), by_count);
    return t;
}

const char *forge_core_terms_word(const forge_terms_t *t, int i)
{
    return i < t->frequent->nelts && i < FORGE_TERMS_WORDS_MAX ? APR_ARRAY_IDX(t->frequent, i, entry_t *)->word : NULL;
}

/* The number of a stem, from 1. */
static int stem_number(forge_terms_t *t, const char *stem)
{
    int *number = apr_hash_get(t->stems, stem, APR_HASH_KEY_STRING);
    if (!number) {
        number = apr_palloc(t->p, sizeof(*number));
        *number = (int)apr_hash_count(t->stems) + 1;
        apr_hash_set(t->stems, apr_pstrdup(t->p, stem), APR_HASH_KEY_STRING, number);
    }
    return *number;
}

void forge_core_terms_stem(forge_terms_t *t, int i, const char *stem)
{
    APR_ARRAY_IDX(t->frequent, i, entry_t *)->stem = stem ? stem_number(t, stem) : -1;
}

/* --- terms --- */

typedef struct phrase_t {
    int stems[LONGEST]; /* unused ones are 0 */
    int words;
    int first; /* token */
    apr_int64_t count;
    apr_int64_t within, longer; /* occurrences within longer phrases, and how many such phrases there are */
} phrase_t;

typedef struct phrases_t {
    apr_hash_t *known;       /* of phrase_t by stems */
    apr_array_header_t *all; /* of phrase_t *, as they come */
} phrases_t;

static int stem_at(const forge_terms_t *t, int i)
{
    const int entry = token(t, i);
    return entry < 0 ? -1 : APR_ARRAY_IDX(t->entries, entry, entry_t *)->stem;
}

/* Counts one occurrence. Single words are always counted, there are few. */
static void count_phrase(apr_pool_t *p, phrases_t *phrases, const phrase_t *found)
{
    phrase_t *phrase = apr_hash_get(phrases->known, found->stems, sizeof(found->stems));
    if (!phrase && found->words > 1 && phrases->all->nelts >= PHRASES)
        return;
    if (!phrase) {
        phrase = apr_pmemdup(p, found, sizeof(*found));
        apr_hash_set(phrases->known, phrase->stems, sizeof(phrase->stems), phrase);
        APR_ARRAY_PUSH(phrases->all, phrase_t *) = phrase;
    }
    phrase->count++;
}

static void count_phrases(apr_pool_t *p, const forge_terms_t *t, phrases_t *phrases)
{
    const int n = token_count(t);
    for (int i = 0; i < n; i++) {
        phrase_t phrase = {.first = i};
        for (int k = 0; k < LONGEST && i + k < n; k++) {
            phrase.stems[k] = stem_at(t, i + k);
            if (phrase.stems[k] < 0)
                break;
            phrase.words = k + 1;
            count_phrase(p, phrases, &phrase);
        }
    }
}

/* Tells the parts of a phrase that they stand in it. */
static void explain_parts(const phrases_t *phrases, const phrase_t *phrase)
{
    for (int words = 1; words < phrase->words; words++)
        for (int at = 0; at + words <= phrase->words; at++) {
            int stems[LONGEST] = {0};
            memcpy(stems, phrase->stems + at, (size_t)words * sizeof(int));
            phrase_t *part = apr_hash_get(phrases->known, stems, sizeof(stems));
            if (part) {
                part->within += phrase->count;
                part->longer++;
            }
        }
}

static double value_of(const phrase_t *phrase)
{
    const double explained = phrase->longer ? (double)phrase->within / (double)phrase->longer : 0;
    return log2(phrase->words + 1) * ((double)phrase->count - explained);
}

static int by_value(const void *a, const void *b)
{
    const phrase_t *x = *(phrase_t *const *)a, *y = *(phrase_t *const *)b;
    const double vx = value_of(x), vy = value_of(y);
    return vx < vy ? 1 : vx > vy ? -1 : x->first != y->first ? x->first - y->first : x->words - y->words;
}

/* The page that a token stands on. */
static int page_of(const forge_terms_t *t, int first)
{
    int page = 0;
    while (page < t->starts->nelts && APR_ARRAY_IDX(t->starts, page, int) <= first)
        page++;
    return page;
}

static forge_term_t term_of(apr_pool_t *p, const forge_terms_t *t, const phrase_t *phrase)
{
    const char *text = "";
    for (int i = 0; i < phrase->words; i++)
        text = apr_pstrcat(p, text, i ? " " : "",
                           APR_ARRAY_IDX(t->entries, token(t, phrase->first + i), entry_t *)->shown, NULL);
    return (forge_term_t){text, phrase->count, page_of(t, phrase->first)};
}

/* Adds those that stand there so often, until there are enough. */
static void take(apr_pool_t *p, const forge_terms_t *t, const phrases_t *phrases, bool once, apr_array_header_t *best)
{
    for (int i = 0; i < phrases->all->nelts && best->nelts < FORGE_TERMS_MAX; i++) {
        const phrase_t *phrase = APR_ARRAY_IDX(phrases->all, i, phrase_t *);
        if (once ? phrase->count == 1 && phrase->words == 1 : phrase->count > 1 && value_of(phrase) > 0)
            APR_ARRAY_PUSH(best, forge_term_t) = term_of(p, t, phrase);
    }
}

apr_array_header_t *forge_core_terms_best(apr_pool_t *p, forge_terms_t *t)
{
    apr_pool_t *brief;
    apr_array_header_t *best = apr_array_make(p, FORGE_TERMS_MAX, sizeof(forge_term_t));
    apr_pool_create(&brief, p);
    phrases_t phrases = {apr_hash_make(brief), apr_array_make(brief, 1024, sizeof(phrase_t *))};
    count_phrases(brief, t, &phrases);
    for (int i = 0; i < phrases.all->nelts; i++)
        if (APR_ARRAY_IDX(phrases.all, i, phrase_t *)->count > 1)
            explain_parts(&phrases, APR_ARRAY_IDX(phrases.all, i, phrase_t *));
    qsort(phrases.all->elts, (size_t)phrases.all->nelts, sizeof(phrase_t *), by_value);
    take(p, t, &phrases, false, best);
    if (best->nelts < ENOUGH)
        take(p, t, &phrases, true, best);
    apr_pool_destroy(brief);
    return best;
}
