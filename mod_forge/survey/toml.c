/* SPDX-License-Identifier: Apache-2.0
 * A walk over the part of TOML that manifests use: sections, keys, texts, arrays of texts, inline tables.
 */
#include "survey.h"
#include <string.h>

typedef struct walk_t {
    const char *at, *end;
    char section[FORGE_SURVEY_VALUE + 1], key[FORGE_SURVEY_VALUE + 1], inner[FORGE_SURVEY_VALUE + 1];
    unsigned index;
    forge_survey_visit_t visit;
    void *baton;
} walk_t;

static void keep(char *to, forge_survey_span_t from)
{
    const size_t len = from.len < FORGE_SURVEY_VALUE ? from.len : FORGE_SURVEY_VALUE;
    memcpy(to, from.at, len);
    to[len] = '\0';
}

static forge_survey_span_t without_quotes(forge_survey_span_t span)
{
    span = forge_survey_trim(span);
    if (span.len >= 2 && (*span.at == '"' || *span.at == '\'') && span.at[span.len - 1] == *span.at)
        return (forge_survey_span_t){span.at + 1, span.len - 2};
    return span;
}

static void skip_line(walk_t *walk)
{
    const char *end = memchr(walk->at, '\n', (size_t)(walk->end - walk->at));
    walk->at = end ? end + 1 : walk->end;
}

static void tell(walk_t *walk, forge_survey_span_t value, bool inner)
{
    const forge_survey_at_t at = {
        .depth = inner ? 3 : 2, .keys = {walk->section, walk->key, walk->inner}, .index = {0, walk->index, 0}};
    walk->visit(walk->baton, &at, value);
}

/* A text of any of the four kinds, or a word up to a mark that ends it. */
static forge_survey_span_t value(walk_t *walk)
{
    const char quote = *walk->at, *start = walk->at;
    if (quote != '"' && quote != '\'') {
        while (walk->at < walk->end && !strchr(",]}\n#", *walk->at))
            walk->at++;
        return forge_survey_trim((forge_survey_span_t){start, (size_t)(walk->at - start)});
    }
    const bool three = walk->end - walk->at >= 3 && walk->at[1] == quote && walk->at[2] == quote;
    const char marks[3] = {quote, quote, quote};
    walk->at += three ? 3 : 1;
    start = walk->at;
    if (three) {
        const char *close = memmem(start, (size_t)(walk->end - start), marks, 3);
        walk->at = close ? close + 3 : walk->end;
        return (forge_survey_span_t){start, (size_t)((close ? close : walk->end) - start)};
    }
    while (walk->at < walk->end && *walk->at != quote && *walk->at != '\n')
        walk->at += *walk->at == '\\' && quote == '"' && walk->at + 1 < walk->end ? 2 : 1;
    const forge_survey_span_t text = {start, (size_t)(walk->at - start)};
    walk->at += walk->at < walk->end && *walk->at == quote;
    return text;
}

/* "name = " at the walk's place, within `end` marks; {NULL, 0} when there is none. */
static forge_survey_span_t key_of(walk_t *walk)
{
    const char *start = walk->at;
    while (walk->at < walk->end && *walk->at != '=' && *walk->at != '\n' && *walk->at != '}')
        walk->at++;
    if (walk->at == walk->end || *walk->at != '=')
        return (forge_survey_span_t){NULL, 0};
    const forge_survey_span_t key = without_quotes((forge_survey_span_t){start, (size_t)(walk->at - start)});
    walk->at++;
    return key;
}

/* Of tables within an array, texts alone are told; each turn takes at least one byte. */
static void array(walk_t *walk, bool inner)
{
    unsigned depth = 1;
    for (walk->at++; walk->at < walk->end && depth;) {
        const char c = *walk->at;
        if (c == '#')
            skip_line(walk);
        else if (c == '"' || c == '\'')
            tell(walk, value(walk), inner);
        else
            walk->at++;
        if (c == '[' || c == '{')
            depth++;
        else if (c == ']' || c == '}')
            depth--;
    }
}

/* { version = "1", optional = true }; of an array or a table in it the texts belong to its key. */
static void table(walk_t *walk)
{
    for (walk->at++; walk->at < walk->end && *walk->at != '}' && *walk->at != '\n';) {
        const forge_survey_span_t key = key_of(walk);
        if (!key.at)
            break;
        keep(walk->inner, key);
        while (walk->at < walk->end && (*walk->at == ' ' || *walk->at == '\t'))
            walk->at++;
        if (walk->at < walk->end && (*walk->at == '[' || *walk->at == '{'))
            array(walk, true);
        else if (walk->at < walk->end)
            tell(walk, value(walk), true);
        while (walk->at < walk->end && (*walk->at == ' ' || *walk->at == ',' || *walk->at == '\t'))
            walk->at++;
    }
}

static void member(walk_t *walk)
{
    const forge_survey_span_t key = key_of(walk);
    if (!key.at) {
        if (walk->at < walk->end)
            walk->at++;
        return;
    }
    keep(walk->key, key);
    while (walk->at < walk->end && (*walk->at == ' ' || *walk->at == '\t'))
        walk->at++;
    if (walk->at < walk->end && *walk->at == '[')
        array(walk, false);
    else if (walk->at < walk->end && *walk->at == '{')
        table(walk);
    else if (walk->at < walk->end)
        tell(walk, value(walk), false);
    walk->index++;
}

/* "[a.b]" and "[[a.b]]". */
static void section(walk_t *walk)
{
    const char *line = walk->at;
    skip_line(walk);
    forge_survey_span_t name = {line, (size_t)(walk->at - line)};
    const char *close = memchr(name.at, ']', name.len);
    name.len = close ? (size_t)(close - name.at) : name.len;
    while (name.len && *name.at == '[') {
        name.at++;
        name.len--;
    }
    keep(walk->section, forge_survey_trim(name));
}

void forge_survey_toml(const char *text, size_t len, forge_survey_visit_t visit, void *baton)
{
    walk_t walk = {.at = text, .end = text + len, .visit = visit, .baton = baton};
    while (walk.at < walk.end) {
        if (forge_survey_is_blank(*walk.at))
            walk.at++;
        else if (*walk.at == '#')
            skip_line(&walk);
        else if (*walk.at == '[')
            section(&walk);
        else
            member(&walk);
    }
}
