/* SPDX-License-Identifier: Apache-2.0
 * The command line of a run. A language's program gets the arguments of a job behind its command. A tool's command has
 * places for them, "%1n" for the first: each takes words of one kind only, none of which can be an option, a path or a
 * second word.
 */
#include "runner.h"
#include <stdlib.h>
#include <string.h>

#define NUMBER_DIGITS    5
#define LANGUAGES_CHARS  31
#define HOST_CHARS       253
#define REPOSITORY_CHARS 255
#define REFERENCE_CHARS  200

typedef struct line_t {
    char *to;
    size_t len; /* FULL: it did not fit */
} line_t;

#define FULL ((size_t)-1)

static void put(line_t *line, const char *bytes, size_t n)
{
    if (line->len == FULL || n > INIT_WORDS_MAX - line->len) {
        line->len = FULL;
        return;
    }
    if (n)
        memcpy(line->to + line->len, bytes, n);
    line->len += n;
}

const char *forge_runner_argument(forge_run_bytes_t args, int i)
{
    const char *at = args.data, *end = at + args.len;
    while (i > 1 && at < end) {
        at += strlen(at) + 1;
        i--;
    }
    return args.len && at < end ? at : NULL;
}

/* From 1, so that no "-1" and no "0x" comes through. */
static bool is_number(const char *text)
{
    size_t len = strspn(text, "0123456789");
    return len && len <= NUMBER_DIGITS && !text[len] && *text != '0';
}

static bool is_languages(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz_+");
    return len && len <= LANGUAGES_CHARS && !text[len] && *text != '_' && *text != '+';
}

static bool is_port(const char *text)
{
    return is_number(text) && atoi(text) <= UINT16_MAX;
}

static bool alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Only letters, digits and `others`, with a letter or a digit in front; no "..". */
static bool is_plain(const char *text, const char *others, size_t max)
{
    size_t len = 0;
    while (text[len] && (alphanumeric(text[len]) || strchr(others, text[len])))
        len++;
    return len && len <= max && !text[len] && alphanumeric(*text) && !strstr(text, "..");
}

/* "owner/name" or more: no part is empty, "." or like an option. */
static bool is_repository(const char *text)
{
    return is_plain(text, "._-/", REPOSITORY_CHARS) && !strstr(text, "//") && !strstr(text, "/./") &&
           !strstr(text, "/-") && text[strlen(text) - 1] != '/';
}

/* A branch or a tag; empty: that of the repository. */
static bool is_reference(const char *text)
{
    return !*text || (is_plain(text, "._-/+", REFERENCE_CHARS) && !strstr(text, "//"));
}

static bool fits(char kind, const char *text)
{
    switch (kind) {
    case 'n':
        return is_number(text);
    case 'l':
        return is_languages(text);
    case 'h':
        return is_plain(text, ".-", HOST_CHARS);
    case 'p':
        return is_port(text);
    case 'r':
        return is_repository(text);
    default:
        return kind == 'b' && is_reference(text);
    }
}

/* A word of a tool's command with its places filled. False: an argument is missing or of another kind. */
static bool fill(line_t *line, const char *word, forge_run_bytes_t args, int *used)
{
    for (; *word; word++)
        if (*word != '%')
            put(line, word, 1);
        else {
            const int which = word[1] - '0';
            const char *text = forge_runner_argument(args, which);
            if (!text || !fits(word[2], text))
                return false;
            put(line, text, strlen(text));
            *used = which > *used ? which : *used;
            word += 2;
        }
    put(line, "", 1);
    return true;
}

size_t forge_runner_words(const forge_runner_profile_t *profile, forge_run_bytes_t args, char to[INIT_WORDS_MAX])
{
    line_t line = {to, 0};
    int used = 0;
    const char *end = profile->words.bytes + profile->words.len;
    for (const char *word = profile->words.bytes; profile->tool && word < end; word += strlen(word) + 1)
        if (!fill(&line, word, args, &used))
            return 0;
    if (profile->tool && forge_runner_argument(args, used + 1))
        return 0;
    if (!profile->tool) {
        put(&line, profile->words.bytes, profile->words.len);
        put(&line, args.data, args.len);
    }
    return line.len == FULL ? 0 : line.len;
}
