/* SPDX-License-Identifier: Apache-2.0
 * What is said of each file after reading it.
 */
#include "survey.h"
#include <string.h>

#define BINARY_LOOK   8000 /* bytes in which a NUL means: no text (git's own rule) */
#define SUBMODULE_MAX 200

static void count_lines(forge_survey_entry_t *entry, const char *text, size_t len)
{
    forge_survey_span_t rest = {text, len}, line;
    while (forge_survey_line(&rest, &line, true)) {
        entry->lines++;
        entry->blank += !line.len;
    }
}

/* What stands in place of a file that Git LFS keeps elsewhere. */
static bool is_lfs(const char *text, size_t len)
{
    return len < 1024 &&
           forge_survey_starts((forge_survey_span_t){text, len}, "version https://git-lfs.github.com/spec/v");
}

static void look_at(forge_survey_t *survey, forge_survey_entry_t *entry)
{
    size_t len = 0;
    const char *text = forge_survey_read(survey, entry->path, FORGE_SURVEY_FILE_MAX, &len);
    entry->language = forge_survey_language(entry->path, text, len);
    if (!text)
        return;
    entry->binary = len && memchr(text, '\0', len < BINARY_LOOK ? len : BINARY_LOOK);
    entry->lfs = is_lfs(text, len);
    entry->read = !entry->binary && !entry->lfs;
    if (!entry->read)
        return;
    count_lines(entry, text, len);
    if (entry->language && strcmp(entry->language->type, "programming") == 0)
        entry->complexity = forge_survey_complexity(entry->language->name, text, len);
}

/* path = libs/other, of .gitmodules. The folder is there, and empty: what it names was not fetched. */
static void submodules(forge_survey_t *survey)
{
    size_t len = 0, count = 0;
    const char *text = forge_survey_read(survey, ".gitmodules", FORGE_SURVEY_FILE_MAX, &len);
    forge_survey_span_t rest = {text, text ? len : 0}, line;
    const char **paths = forge_survey_keep(SUBMODULE_MAX * sizeof(*paths));
    while (count < SUBMODULE_MAX && forge_survey_line(&rest, &line, true)) {
        const char *equals = line.len ? memchr(line.at, '=', line.len) : NULL;
        if (!equals ||
            !forge_survey_is(forge_survey_trim((forge_survey_span_t){line.at, (size_t)(equals - line.at)}), "path"))
            continue;
        const forge_survey_span_t path = {equals + 1, (size_t)(line.at + line.len - equals - 1)};
        const char *kept = forge_survey_keep_span(forge_survey_trim(path));
        if (kept)
            paths[count++] = kept;
    }
    survey->submodules = paths;
    survey->submodules_count = count;
    for (size_t i = 0; i < survey->count; i++)
        for (size_t k = 0; k < count; k++)
            if (survey->entries[i].kind == FORGE_SURVEY_FOLDER && strcmp(survey->entries[i].path, paths[k]) == 0)
                survey->entries[i].kind = FORGE_SURVEY_SUBMODULE;
}

void forge_survey_look(forge_survey_t *survey)
{
    for (size_t i = 0; i < survey->count; i++)
        if (survey->entries[i].kind == FORGE_SURVEY_FILE && !survey->entries[i].foreign)
            look_at(survey, &survey->entries[i]);
    submodules(survey);
}
