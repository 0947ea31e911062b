/* SPDX-License-Identifier: Apache-2.0
 * A page cut into passages: what questions are answered from and sources name.
 */
#include "analysis.h"

#include <apr_strings.h>
#include <string.h>
#include <unistr.h>

/* A passage that is being filled. */
typedef struct filling_t {
    apr_pool_t *p;
    apr_array_header_t *passages;
    int page;
    forge_buf_t *body;
    apr_size_t characters;
} filling_t;

static void flush(filling_t *f)
{
    if (f->body->len > 0)
        APR_ARRAY_PUSH(f->passages, forge_passage_t) =
            (forge_passage_t){f->page, apr_pstrmemdup(f->p, f->body->data, f->body->len)};
    f->body->len = 0;
    f->characters = 0;
}

static void add(filling_t *f, const char *text, apr_size_t len)
{
    apr_size_t characters = 0;
    forge_util_utf8(text, len, &characters);
    if (len == 0)
        return;
    if (f->characters + 1 + characters > FORGE_PASSAGE_CHARACTERS)
        flush(f);
    if (f->body->len > 0)
        forge_util_buf_add(f->body, "\n", 1);
    forge_util_buf_add(f->body, text, len);
    f->characters += characters + 1;
}

/* Scripts without blanks between words: their lines are joined without one. */
static bool is_wide(ucs4_t c)
{
    return c >= 0x2e80 && c < 0xffe0 && !(c >= 0xac00 && c < 0xd7b0);
}

/* A paragraph as one line. */
static void join_lines(forge_buf_t *line, const char *text, apr_size_t len)
{
    ucs4_t before = 0, after = 0;
    line->len = 0;
    for (apr_size_t at = 0; at < len;) {
        if (text[at] != '\n') {
            const apr_size_t size = (apr_size_t)u8_mbtouc(&before, (const uint8_t *)text + at, len - at);
            forge_util_buf_add(line, text + at, size);
            at += size;
            continue;
        }
        at++;
        if (at < len)
            u8_mbtouc(&after, (const uint8_t *)text + at, len - at);
        if (!is_wide(before) || !is_wide(after))
            forge_util_buf_add(line, " ", 1);
    }
}

/* Whether a sentence ends before this blank, or with this character. */
static bool ends_sentence(const char *text, apr_size_t at, ucs4_t c)
{
    return c == 0x3002 || c == 0xff01 || c == 0xff1f || (c == ' ' && at > 0 && strchr(".!?:;", text[at - 1]));
}

/* How many bytes of a paragraph go into one passage: as far as a sentence ends, if that is not too early; else a word;
 * else a character. */
static apr_size_t cut(const char *text, apr_size_t len)
{
    apr_size_t sentence = 0, word = 0, at = 0;
    for (int n = 0; at < len && n < FORGE_PASSAGE_CHARACTERS; n++) {
        ucs4_t c;
        const apr_size_t size = (apr_size_t)u8_mbtouc(&c, (const uint8_t *)text + at, len - at);
        if (n > FORGE_PASSAGE_CHARACTERS / 3 && ends_sentence(text, at, c))
            sentence = at + size;
        if (n > 0 && c == ' ')
            word = at;
        at += size;
    }
    return at == len ? len : sentence ? sentence : word ? word : at;
}

static void add_paragraph(filling_t *f, const char *text, apr_size_t len)
{
    while (len > 0) {
        apr_size_t size = cut(text, len), used = size;
        while (size > 0 && text[size - 1] == ' ')
            size--;
        add(f, text, size);
        while (used < len && text[used] == ' ')
            used++;
        text += used;
        len -= used;
    }
}

void forge_core_passages(apr_pool_t *p, int page, const forge_text_page_t *text, apr_array_header_t *passages)
{
    apr_pool_t *brief;
    apr_pool_create(&brief, p);
    filling_t f = {p, passages, page, forge_util_buf_make(brief, 4096, 8 * FORGE_PASSAGE_CHARACTERS), 0};
    forge_buf_t *line = forge_util_buf_make(brief, 4096, 2 * text->len + 16);
    for (const char *at = text->text, *end = at + text->len; at < end;) {
        const char *gap = memmem(at, (apr_size_t)(end - at), "\n\n", 2);
        join_lines(line, at, (apr_size_t)((gap ? gap : end) - at));
        add_paragraph(&f, line->data, line->failed ? 0 : line->len);
        for (at = gap ? gap : end; at < end && *at == '\n';)
            at++;
    }
    flush(&f);
    apr_pool_destroy(brief);
}
