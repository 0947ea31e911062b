/* SPDX-License-Identifier: Apache-2.0
 * An estimate of the cyclomatic number: one, and one more for each word or sign that branches. Languages are in groups
 * that spell comments, texts and branches alike.
 */
#include "survey.h"
#include <string.h>

typedef struct group_t {
    const char *line, *line_too; /* begins a comment up to the end of the line */
    const char *open, *close;    /* a comment over lines */
    const char *quotes;          /* around texts */
    const char *words;           /* that branch, blank between and around */
    const char *signs;           /* that branch, blank between and around */
} group_t;

static const group_t groups[] = {
    {"//", NULL, "/*", "*/", "\"'`", " if for while case catch foreach when until guard select ", " && || ?? "},
    {"#", NULL, NULL, NULL, "\"'", " if elif for while except and or case ", " "},
    {"#", NULL, "=begin", "=end", "\"'", " if elsif unless for while until when rescue and or ", " && || "},
    {"#", NULL, NULL, NULL, "\"'", " if elif for while until case ", " && || "},
    {"#", "//", "/*", "*/", "\"'", " if elseif for foreach while case catch and or ", " && || ?? "},
    {"--", NULL, "--[[", "]]", "\"'", " if elseif for while until and or ", " "},
    {"--", NULL, "/*", "*/", "'\"", " when if elsif case loop while and or ", " "},
    {"--", NULL, "{-", "-}", "\"", " if case otherwise ", " && || "},
    {"#", NULL, NULL, NULL, "\"'", " if for while repeat switch ifelse ", " && || "},
    {"#", NULL, NULL, NULL, "\"'", " if unless cond case when rescue and or for with ", " && || "},
};

static const struct {
    const char *language;
    int group;
} languages[] = {
    {"C", 0},      {"C++", 0},        {"C#", 0},         {"Objective-C", 0}, {"Objective-C++", 0},
    {"Java", 0},   {"JavaScript", 0}, {"TypeScript", 0}, {"TSX", 0},         {"Go", 0},
    {"Rust", 0},   {"Kotlin", 0},     {"Swift", 0},      {"Scala", 0},       {"Dart", 0},
    {"Groovy", 0}, {"D", 0},          {"Zig", 0},        {"Vue", 0},         {"Svelte", 0},
    {"CUDA", 0},   {"Cuda", 0},       {"GLSL", 0},       {"Solidity", 0},    {"Yacc", 0},
    {"Lex", 0},    {"Vala", 0},       {"Python", 1},     {"Cython", 1},      {"GDScript", 1},
    {"Ruby", 2},   {"Crystal", 2},    {"Perl", 2},       {"Shell", 3},       {"PowerShell", 4},
    {"PHP", 4},    {"Lua", 5},        {"SQL", 6},        {"PLpgSQL", 6},     {"PLSQL", 6},
    {"Ada", 6},    {"Haskell", 7},    {"Elm", 7},        {"R", 8},           {"Julia", 1},
    {"Elixir", 9}, {"Nim", 1},        {"Awk", 8},
};

static const group_t *group_of(const char *language)
{
    for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++)
        if (strcmp(languages[i].language, language) == 0)
            return &groups[languages[i].group];
    return NULL;
}

/* Whether a list of words has the one at `at`. */
static bool listed(const char *list, const char *at, size_t len)
{
    for (size_t n; *list; list += n) {
        list += strspn(list, " ");
        n = strcspn(list, " ");
        if (n == len && memcmp(list, at, len) == 0)
            return n > 0;
    }
    return false;
}

static bool begins(const char *at, const char *end, const char *with)
{
    const size_t len = with ? strlen(with) : 0;
    return len && (size_t)(end - at) >= len && memcmp(at, with, len) == 0;
}

/* What was read of a text so far: no quote of that kind closes before `open_until`. */
typedef struct reader_t {
    const group_t *group;
    const char *end;
    const char *open_until[3];
} reader_t;

/* After the text that a quote begins; the next character when it begins none: an apostrophe that does not end with its
 * line is a lifetime of Rust or stands in prose. What did not close is not looked through twice. */
static const char *skip_text(reader_t *reader, const char *at)
{
    const char **open_until = &reader->open_until[*at == '"' ? 0 : *at == '`' ? 1 : 2], *close = at + 1;
    if (at < *open_until)
        return at + 1;
    for (; close < reader->end && (*at == '`' || *close != '\n'); close++)
        if (*close == '\\')
            close++;
        else if (*close == *at)
            return close + 1;
    *open_until = close;
    return at + 1;
}

/* After a comment or a text that begins at `at`; `at` itself when none does. */
static const char *skip(reader_t *reader, const char *at)
{
    const group_t *group = reader->group;
    const size_t left = (size_t)(reader->end - at);
    if (begins(at, reader->end, group->open)) {
        const char *close = memmem(at, left, group->close, strlen(group->close));
        return close ? close + strlen(group->close) : reader->end;
    }
    if (begins(at, reader->end, group->line) || begins(at, reader->end, group->line_too)) {
        const char *close = memchr(at, '\n', left);
        return close ? close : reader->end;
    }
    return *at && strchr(group->quotes, *at) ? skip_text(reader, at) : at;
}

unsigned forge_survey_complexity(const char *language, const char *text, size_t len)
{
    const group_t *group = group_of(language);
    reader_t reader = {group, text + len, {text, text, text}};
    const char *end = text + len, *next;
    unsigned branches = 1;
    if (!group)
        return 0;
    for (const char *at = text; at < end; at = next) {
        next = skip(&reader, at);
        if (next != at)
            continue;
        while (next < end && forge_survey_is_word(*next))
            next++;
        if (next != at) {
            branches += listed(group->words, at, (size_t)(next - at));
        } else if (end - at >= 2 && listed(group->signs, at, 2)) {
            branches++;
            next = at + 2;
        } else {
            next = at + 1;
        }
    }
    return branches;
}
