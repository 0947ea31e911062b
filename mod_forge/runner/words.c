/* SPDX-License-Identifier: Apache-2.0
 * The command line of a run. A language's program gets the arguments of a job behind its command. A tool's command has
 * places for them, "%1n" for the first: each takes words of one kind only, none of which can be an option, a path or a
 * second word.
 */
#include "runner.h"
#include <string.h>

#define NUMBER_DIGITS   5
#define LANGUAGES_CHARS 31

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

/* The i-th argument, counted from 1, as a text; NULL when there are fewer. */
static const char *argument(forge_run_bytes_t args, int i)
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

static bool fits(char kind, const char *text)
{
    return kind == 'n' ? is_number(text) : kind == 'l' && is_languages(text);
}

/* A word of a tool's command with its places filled. False: an argument is missing or of another kind. */
static bool fill(line_t *line, const char *word, forge_run_bytes_t args, int *used)
{
    for (; *word; word++)
        if (*word != '%')
            put(line, word, 1);
        else {
            const int which = word[1] - '0';
            const char *text = argument(args, which);
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
    if (profile->tool && argument(args, used + 1))
        return 0;
    if (!profile->tool) {
        put(&line, profile->words.bytes, profile->words.len);
        put(&line, args.data, args.len);
    }
    return line.len == FULL ? 0 : line.len;
}
