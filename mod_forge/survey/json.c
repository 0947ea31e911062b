/* SPDX-License-Identifier: Apache-2.0
 * A walk over a JSON text. It tells of values as they come and builds nothing; it goes as deep as a text likes without
 * recursion, and passes over what is deeper than FORGE_SURVEY_LEVELS.
 */
#include "survey.h"
#include <string.h>

#define DEEP 512 /* a text that is deeper ends the walk */

typedef struct walk_t {
    const char *at, *end;
    unsigned depth;      /* of brackets that are open */
    bool array[DEEP];    /* which kind each is */
    unsigned seen[DEEP]; /* values in each before this one */
    char keys[FORGE_SURVEY_LEVELS][FORGE_SURVEY_VALUE + 1];
    char value[FORGE_SURVEY_VALUE + 4];
    forge_survey_visit_t visit;
    void *baton;
} walk_t;

static void skip_blanks(walk_t *walk)
{
    while (walk->at < walk->end && forge_survey_is_blank(*walk->at))
        walk->at++;
}

static int digit(char c)
{
    c = forge_survey_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "\uXXXX" as UTF-8; a half of a pair alone or a NUL is a question mark, for names have neither. */
static size_t unicode(walk_t *walk, char *to)
{
    unsigned code = 0;
    for (int i = 0; i < 4 && walk->at + 1 < walk->end && digit(walk->at[1]) >= 0; i++)
        code = code * 16 + (unsigned)digit(*++walk->at);
    if (!code || (code >= 0xd800 && code < 0xe000))
        code = '?';
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    to[0] = (char)(0xe0 | code >> 12);
    to[1] = (char)(0x80 | (code >> 6 & 0x3f));
    to[2] = (char)(0x80 | (code & 0x3f));
    return 3;
}

/* Reads the text that a quote begins, at most FORGE_SURVEY_VALUE bytes of it. */
static forge_survey_span_t string(walk_t *walk)
{
    static const char from[] = "ntrbf", into[] = "\n\t\r\b\f";
    size_t len = 0;
    for (walk->at++; walk->at < walk->end && *walk->at != '"'; walk->at++) {
        char bytes[3] = {*walk->at};
        size_t n = 1;
        if (*walk->at == '\\' && walk->at + 1 < walk->end) {
            walk->at++;
            const char *escaped = *walk->at ? strchr(from, *walk->at) : NULL;
            bytes[0] = escaped ? into[escaped - from] : *walk->at;
            if (*walk->at == 'u')
                n = unicode(walk, bytes);
        }
        if (len + n <= FORGE_SURVEY_VALUE) {
            memcpy(walk->value + len, bytes, n);
            len += n;
        }
    }
    walk->at += walk->at < walk->end;
    return (forge_survey_span_t){walk->value, len};
}

/* A number, true, false or null; at least one byte, so that the walk goes on. */
static forge_survey_span_t word(walk_t *walk)
{
    const char *start = walk->at++;
    while (walk->at < walk->end && !strchr(" \t\r\n,:]}[{\"", *walk->at))
        walk->at++;
    return (forge_survey_span_t){start, (size_t)(walk->at - start)};
}

static void tell(walk_t *walk, forge_survey_span_t value)
{
    forge_survey_at_t at = {.depth = walk->depth};
    if (!walk->depth || walk->depth > FORGE_SURVEY_LEVELS)
        return;
    for (unsigned i = 0; i < walk->depth; i++) {
        at.keys[i] = walk->array[i] ? "" : walk->keys[i];
        at.index[i] = walk->seen[i];
    }
    walk->visit(walk->baton, &at, value);
}

/* Whether this text is the key of the member that follows: then it is kept. */
static bool is_key(walk_t *walk, forge_survey_span_t text)
{
    skip_blanks(walk);
    if (!walk->depth || walk->array[walk->depth - 1] || walk->at == walk->end || *walk->at != ':')
        return false;
    walk->at++;
    if (walk->depth <= FORGE_SURVEY_LEVELS) {
        memcpy(walk->keys[walk->depth - 1], text.at, text.len);
        walk->keys[walk->depth - 1][text.len] = '\0';
    }
    return true;
}

static void open_bracket(walk_t *walk)
{
    walk->array[walk->depth] = *walk->at++ == '[';
    walk->seen[walk->depth] = 0;
    if (walk->depth < FORGE_SURVEY_LEVELS)
        walk->keys[walk->depth][0] = '\0';
    walk->depth++;
}

static void step(walk_t *walk)
{
    const char c = *walk->at;
    if (c == '{' || c == '[') {
        open_bracket(walk);
    } else if (c == '}' || c == ']') {
        walk->at++;
        walk->depth -= walk->depth > 0;
    } else if (c == ',' || c == ':') {
        walk->at++;
        if (c == ',' && walk->depth)
            walk->seen[walk->depth - 1]++;
    } else if (c == '"') {
        forge_survey_span_t text = string(walk);
        if (!is_key(walk, text))
            tell(walk, text);
    } else {
        tell(walk, word(walk));
    }
}

void forge_survey_json(const char *text, size_t len, forge_survey_visit_t visit, void *baton)
{
    static walk_t walk;
    memset(&walk, 0, sizeof(walk));
    walk.at = text;
    walk.end = text + len;
    walk.visit = visit;
    walk.baton = baton;
    for (skip_blanks(&walk); walk.at < walk.end && walk.depth < DEEP - 1; skip_blanks(&walk))
        step(&walk);
}
