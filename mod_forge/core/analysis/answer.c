/* SPDX-License-Identifier: Apache-2.0
 * The extractive answer: the sentences of the found passages that say most about the question, or nothing where even
 * the best one says too little. Nothing is ever put into other words.
 */
#include "analysis.h"

#include <apr_strings.h>
#include <string.h>

#define TERMS_MAX   32
#define BESIDE      0.5  /* what a word counts that only a sentence beside has */
#define FITS        0.06 /* a sentence with the kind of thing that is asked for: a number, a name */
#define ALMOST      0.85 /* of the best score: further sentences that are told too */
#define HEADING_MAX 100  /* bytes of a line without an end mark that is told with the sentence after it */

/* One sentence of a passage. `has` is the set of the question's words in it. */
typedef struct sentence_t {
    const char *text;
    apr_size_t len;
    int passage, order;
    unsigned has;
    double score;
} sentence_t;

/* --- words --- */

/* Folds ASCII and the capitals of Latin-1, Greek and Cyrillic that UTF-8 keeps in two bytes. */
static apr_size_t fold(const char *word, apr_size_t len, char *folded, apr_size_t room)
{
    apr_size_t n = 0;
    for (; n < len && n < room; n++)
        folded[n] = forge_util_lower(word[n]);
    for (apr_size_t i = 0; i + 1 < n; i++) {
        unsigned char lead = (unsigned char)folded[i], next = (unsigned char)folded[i + 1];
        if (lead == 0xc3 && next >= 0x80 && next <= 0x9e && next != 0x97)
            folded[i + 1] = (char)(next + 0x20);
        else if (lead == 0xd0 && next >= 0x90 && next <= 0x9f)
            folded[i + 1] = (char)(next + 0x20);
        else if (lead == 0xd0 && next >= 0xa0 && next <= 0xaf) {
            folded[i] = (char)0xd1;
            folded[i + 1] = (char)(next - 0x20);
        }
    }
    return n;
}

/* Dictionaries of PostgreSQL write a final y as i ("studi"): that letter may be either. An ending has at most as many
 * letters as the lexeme can bear, so that "cat" is not found in "category". */
bool forge_core_word_is(const char *word, apr_size_t len, const char *lexeme)
{
    char folded[64];
    apr_size_t stem = strlen(lexeme), n = fold(word, len, folded, sizeof(folded));
    if (n == stem && memcmp(folded, lexeme, n) == 0)
        return true;
    if (stem > 3 && lexeme[stem - 1] == 'i')
        stem--;
    apr_size_t ending = stem >= 6 ? 5 : stem >= 4 ? 3 : stem == 3 ? 1 : 0;
    return n >= stem && n - stem <= ending && stem > 0 && memcmp(folded, lexeme, stem) == 0;
}

static unsigned terms_in(const forge_question_t *question, const char *text, apr_size_t len)
{
    unsigned has = 0;
    const char *word, *at = text;
    apr_size_t n;
    while (forge_core_word(&at, text + len, &word, &n))
        for (int i = 0; i < question->n_terms && i < TERMS_MAX; i++)
            if (forge_core_word_is(word, n, question->terms[i].lexeme))
                has |= 1u << i;
    return has;
}

/* --- what kind of thing is asked for --- */

static bool begins(const char *text, const char *with)
{
    return apr_cstr_casecmpn(text, with, strlen(with)) == 0;
}

/* Whether "how" and this word stand together in the question. */
static bool how(const char *question, const char *word)
{
    for (const char *at = question; *at; at++)
        if (begins(at, "how ") && begins(at + 4, word) && !forge_util_is_alnum(at[4 + strlen(word)]))
            return true;
    return false;
}

/* English words that make a question without being its subject, and that are no stop words elsewhere. */
static bool frames(const char *question, const char *lexeme)
{
    static const char *const always[] = {"may",  "might",  "must", "shall", "would",    "could",
                                         "need", "happen", "say",  "tell",  "somebodi", "someon"};
    static const char *const after_how[] = {"many", "much", "often", "long", "old",
                                            "far",  "high", "tall",  "big",  "deep"};
    for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
        if (strcmp(lexeme, always[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof(after_how) / sizeof(*after_how); i++)
        if (strcmp(lexeme, after_how[i]) == 0)
            return how(question, lexeme);
    return false;
}

static double weight_of(const forge_question_t *question, unsigned has)
{
    double sum = 0;
    for (int i = 0; i < question->n_terms && i < TERMS_MAX; i++)
        if (has & 1u << i && !frames(question->text, question->terms[i].lexeme))
            sum += question->terms[i].weight;
    return sum;
}

static bool has_number(const char *text, apr_size_t len)
{
    for (apr_size_t i = 0; i < len; i++)
        if (forge_util_is_digit(text[i]))
            return true;
    return false;
}

/* A capital inside a sentence. */
static bool has_name(const char *text, apr_size_t len)
{
    for (apr_size_t i = 2; i + 1 < len; i++)
        if (text[i - 1] == ' ' && forge_util_is_upper(text[i]) && text[i + 1] != ' ')
            return true;
    return false;
}

static bool fits(const char *question, const sentence_t *s)
{
    static const char *const numbers[] = {"when",      "how many",     "how much",     "how long",
                                          "how far",   "how old",      "how high",     "how tall",
                                          "what year", "in what year", "in which year"};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        if (begins(question, numbers[i]))
            return has_number(s->text, s->len);
    return (begins(question, "who") || begins(question, "where")) && has_name(s->text, s->len);
}

/* --- sentences --- */

static void collect(apr_array_header_t *all, const forge_question_t *question, const forge_ranking_t *found)
{
    for (int i = 0; i < found->n; i++) {
        const char *at = found->passages[i].body;
        sentence_t s = {.passage = i};
        for (; forge_core_sentence(&at, &s.text, &s.len); s.order++) {
            s.has = terms_in(question, s.text, s.len);
            APR_ARRAY_PUSH(all, sentence_t) = s;
        }
    }
}

static void score_all(apr_array_header_t *all, const forge_question_t *question)
{
    double whole = weight_of(question, ~0u);
    sentence_t *of = (sentence_t *)all->elts;
    for (int i = 0; i < all->nelts && whole > 0; i++) {
        unsigned beside = 0;
        if (i > 0 && of[i - 1].passage == of[i].passage)
            beside |= of[i - 1].has;
        if (i + 1 < all->nelts && of[i + 1].passage == of[i].passage)
            beside |= of[i + 1].has;
        double own = weight_of(question, of[i].has), near = weight_of(question, beside & ~of[i].has);
        of[i].score = own > 0 ? (own + BESIDE * near) / whole : 0;
        if (own > 0 && fits(question->text, &of[i]))
            of[i].score += FITS;
        if (of[i].score > 1)
            of[i].score = 1;
    }
}

static bool same_text(const sentence_t *a, const sentence_t *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* The best ones, the first of equals. Further ones must come near to the first, and say something else. */
static int choose(const apr_array_header_t *all, const sentence_t **chosen)
{
    const sentence_t *of = (const sentence_t *)all->elts;
    int n = 0;
    while (n < FORGE_ANSWER_SENTENCES) {
        const sentence_t *best = NULL;
        for (int i = 0; i < all->nelts; i++) {
            bool taken = false;
            for (int j = 0; j < n; j++)
                taken |= same_text(chosen[j], &of[i]);
            if (!taken && (!best || of[i].score > best->score))
                best = &of[i];
        }
        if (!best || best->score < (n ? chosen[0]->score * ALMOST : FORGE_ANSWER_LEAST))
            break;
        chosen[n++] = best;
    }
    return n;
}

/* --- the answer --- */

static void sort_by_place(const sentence_t **chosen, int n)
{
    for (int i = 1; i < n; i++)
        for (int j = i;
             j > 0 && (chosen[j]->passage < chosen[j - 1]->passage ||
                       (chosen[j]->passage == chosen[j - 1]->passage && chosen[j]->order < chosen[j - 1]->order));
             j--) {
            const sentence_t *earlier = chosen[j];
            chosen[j] = chosen[j - 1];
            chosen[j - 1] = earlier;
        }
}

/* A sentence in one line. */
static void put_line(forge_buf_t *b, const char *text, apr_size_t len)
{
    bool blank = false;
    if (b->len)
        forge_util_buf_add(b, " ", 1);
    for (apr_size_t i = 0; i < len; i++) {
        bool space = forge_util_is_space(text[i]) || (unsigned char)text[i] < 0x20;
        if (space && !blank)
            forge_util_buf_add(b, " ", 1);
        if (!space)
            forge_util_buf_add(b, text + i, 1);
        blank = space;
    }
}

/* A heading answers nothing by itself: the sentence after it is told too, unless that is told anyway (`next`). */
static void put_sentence(forge_buf_t *b, const apr_array_header_t *all, const sentence_t *s, const sentence_t *next)
{
    const sentence_t *end = (const sentence_t *)all->elts + all->nelts;
    bool heading = s->len < HEADING_MAX && !strchr(".!?\"')", s->text[s->len - 1]);
    put_line(b, s->text, s->len);
    if (heading && s + 1 < end && s + 1 != next && s[1].passage == s->passage)
        put_line(b, s[1].text, s[1].len);
}

static void quote(forge_extract_t *extract, const sentence_t *s)
{
    for (int i = 0; i < extract->n_quotes; i++)
        if (extract->quotes[i].passage == s->passage) {
            if (s->score > extract->quotes[i].score)
                extract->quotes[i].score = s->score;
            return;
        }
    extract->quotes[extract->n_quotes++] = (forge_quote_t){s->passage, s->score};
}

void forge_core_answer(apr_pool_t *p, const forge_question_t *question, const forge_ranking_t *found,
                       forge_extract_t *extract)
{
    const sentence_t *chosen[FORGE_ANSWER_SENTENCES];
    apr_array_header_t *all = apr_array_make(p, 64, sizeof(sentence_t));
    forge_buf_t *b = forge_util_buf_make(p, 1024, FORGE_ANSWER_MAX);
    memset(extract, 0, sizeof(*extract));
    collect(all, question, found);
    score_all(all, question);
    for (int i = 0; i < all->nelts; i++)
        if (APR_ARRAY_IDX(all, i, sentence_t).score > extract->score)
            extract->score = APR_ARRAY_IDX(all, i, sentence_t).score;
    int n = choose(all, chosen);
    sort_by_place(chosen, n);
    for (int i = 0; i < n; i++) {
        put_sentence(b, all, chosen[i], i + 1 < n ? chosen[i + 1] : NULL);
        quote(extract, chosen[i]);
    }
    if (n && !b->failed)
        extract->text = apr_pstrmemdup(p, b->data, b->len);
}
