/* SPDX-License-Identifier: Apache-2.0
 * What git says of the commits that were fetched.
 */
#include "survey.h"
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAX (4 << 20)
#define COMMITS    20000
#define SECONDS    20

typedef struct history_t {
    int64_t commits, first, last; /* seconds since 1970 */
    uint64_t authors[1024];       /* hashes of their addresses */
    size_t authors_count;
} history_t;

/* FNV-1a: only to tell authors apart. */
static uint64_t hash_of(forge_survey_span_t text)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)forge_survey_lower(text.at[i])) * 0x100000001b3;
    return hash;
}

static void count_author(history_t *history, forge_survey_span_t address)
{
    const uint64_t hash = hash_of(address);
    for (size_t i = 0; i < history->authors_count; i++)
        if (history->authors[i] == hash)
            return;
    if (history->authors_count < sizeof(history->authors) / sizeof(history->authors[0]))
        history->authors[history->authors_count++] = hash;
}

/* "1700000000 someone@example.org" */
static void count(history_t *history, forge_survey_span_t line)
{
    int64_t at = 0;
    size_t n = 0;
    for (; n < line.len && n < 12 && line.at[n] >= '0' && line.at[n] <= '9'; n++)
        at = at * 10 + line.at[n] - '0';
    if (!n)
        return;
    history->first = !history->commits || at < history->first ? at : history->first;
    history->last = !history->commits || at > history->last ? at : history->last;
    history->commits++;
    count_author(history, (forge_survey_span_t){line.at + n, line.len - n});
}

static void instant(const char *key, int64_t at)
{
    char text[32];
    struct tm tm;
    const time_t seconds = (time_t)at;
    if (gmtime_r(&seconds, &tm) && tm.tm_year < 8100 && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
        forge_survey_name(key, text);
}

/* No configuration of the repository's own is to run a program: there is no pager, signature check, monitor or hook. */
void forge_survey_history(forge_survey_t *survey)
{
    static const char *const log[] = {"/usr/bin/git",
                                      "--no-pager",
                                      "--no-optional-locks",
                                      "-c",
                                      "safe.directory=*",
                                      "-c",
                                      "core.hooksPath=/dev/null",
                                      "-c",
                                      "core.fsmonitor=false",
                                      "-c",
                                      "log.showSignature=false",
                                      "log",
                                      "--max-count=20000",
                                      "--format=%ct %ae",
                                      NULL};
    struct stat is;
    size_t len = 0;
    if (fstatat(survey->folder, ".git", &is, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(is.st_mode))
        return;
    const char *text = forge_survey_child(survey, log, (forge_survey_span_t){NULL, 0}, OUTPUT_MAX, SECONDS, &len);
    if (!text)
        return;
    history_t *history = forge_survey_keep(sizeof(*history));
    forge_survey_span_t rest = {text, len}, line;
    while (forge_survey_line(&rest, &line, true))
        count(history, line);
    forge_survey_open("history", '{');
    forge_survey_number("commits", history->commits);
    forge_survey_number("authors", (int64_t)history->authors_count);
    if (history->commits) {
        instant("first_at", history->first);
        instant("last_at", history->last);
    }
    forge_survey_bool("cut", history->commits == COMMITS || fstatat(survey->folder, ".git/shallow", &is, 0) == 0);
    forge_survey_close('}');
}
