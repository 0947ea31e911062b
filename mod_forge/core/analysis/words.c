/* SPDX-License-Identifier: Apache-2.0
 * Words of a text, by the rules of Unicode for where words end.
 */
#include "analysis.h"

#include <unictype.h>
#include <unistr.h>
#include <uniwbrk.h>

#define SLICE 65536 /* bytes that are looked at together, whatever a text has */

struct forge_words_t {
    const char *text;
    apr_size_t len, at;  /* of the text; where the next word is looked for */
    apr_size_t from, to; /* the slice */
    char *breaks;        /* of the slice: 1 where a word may begin */
};

forge_words_t *forge_core_words(apr_pool_t *p, const char *text, apr_size_t len)
{
    forge_words_t *words = apr_pcalloc(p, sizeof(*words));
    words->text = text;
    words->len = len;
    words->breaks = apr_palloc(p, len < SLICE ? len + 1 : SLICE);
    return words;
}

/* Where a slice ends: behind a blank, so that no word is cut; within something endless, behind a character. */
static apr_size_t slice_end(const forge_words_t *w)
{
    apr_size_t end = w->from + SLICE;
    if (w->len - w->from <= SLICE)
        return w->len;
    for (apr_size_t at = end; at > w->from + SLICE / 2; at--)
        if (w->text[at - 1] == ' ' || w->text[at - 1] == '\n')
            return at;
    while (end > w->from && ((unsigned char)w->text[end] & 0xc0) == 0x80)
        end--;
    return end;
}

static void next_slice(forge_words_t *w)
{
    w->from = w->to;
    w->to = slice_end(w);
    u8_wordbreaks((const uint8_t *)w->text + w->from, w->to - w->from, w->breaks);
}

/* Where the piece at w->at ends. */
static apr_size_t piece_end(const forge_words_t *w)
{
    apr_size_t end = w->at + 1;
    while (end < w->to && !w->breaks[end - w->from])
        end++;
    return end;
}

/* What a piece has: a letter or digit makes it a word; anything but blanks parts the words around it. */
static void look_at(const char *text, apr_size_t len, bool *word, bool *blank)
{
    ucs4_t c;
    *word = false;
    *blank = true;
    for (apr_size_t i = 0; i < len; i += (apr_size_t)u8_mbtouc(&c, (const uint8_t *)text + i, len - i)) {
        u8_mbtouc(&c, (const uint8_t *)text + i, len - i);
        *word = *word || uc_is_alnum(c);
        *blank = *blank && uc_is_space(c);
    }
}

bool forge_core_words_next(forge_words_t *w, forge_word_t *word)
{
    bool follows = true;
    while (w->at < w->len) {
        bool is_word, is_blank;
        if (w->at == w->to)
            next_slice(w);
        const apr_size_t end = piece_end(w);
        *word = (forge_word_t){w->text + w->at, end - w->at, follows};
        look_at(word->text, word->len, &is_word, &is_blank);
        w->at = end;
        if (is_word)
            return true;
        follows = follows && is_blank;
    }
    return false;
}

int forge_core_reading_minutes(apr_int64_t words)
{
    return (int)((words + 237) / 238);
}
