/* SPDX-License-Identifier: Apache-2.0
 * What a file is for, by its name, and the texts that questions can be answered from.
 */
#include "survey.h"
#include <string.h>

static bool has_name(const char *path, const char *name)
{
    forge_survey_span_t rest = {path, strlen(path)};
    while (rest.len) {
        const char *slash = memchr(rest.at, '/', rest.len);
        const size_t len = slash ? (size_t)(slash - rest.at) : rest.len;
        if (slash && forge_survey_is((forge_survey_span_t){rest.at, len}, name))
            return true;
        rest.at += len + (slash ? 1 : 0);
        rest.len -= len + (slash ? 1 : 0);
    }
    return false;
}

/* "test_x.py", "x_test.go", "x.spec.ts", "XTest.java": what stands right before the extension, or at the start. */
static bool named_as_test(const char *name)
{
    static const char *const ends[] = {"_test", "_tests", "_spec", ".test", ".spec", "Test", "Tests", "Spec", "-test"};
    const char *dot = strrchr(name, '.');
    const size_t stem = dot && dot != name ? (size_t)(dot - name) : strlen(name);
    if (strncmp(name, "test_", 5) == 0)
        return true;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        const size_t len = strlen(ends[i]);
        if (stem > len && memcmp(name + stem - len, ends[i], len) == 0)
            return true;
    }
    return false;
}

bool forge_survey_is_test(const char *path)
{
    static const char *const folders[] = {"test", "tests", "spec", "specs", "__tests__", "testing", "t"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        if (has_name(path, folders[i]))
            return true;
    return named_as_test(forge_survey_base(path));
}

bool forge_survey_is_readme(const forge_survey_entry_t *entry)
{
    static const char name[] = "readme";
    const char *at = forge_survey_base(entry->path);
    for (size_t i = 0; i < sizeof(name) - 1; i++)
        if (forge_survey_lower(at[i]) != name[i])
            return false;
    return entry->read && !entry->foreign && (at[sizeof(name) - 1] == '.' || !at[sizeof(name) - 1]);
}

/* In which turn a file's text is taken: README files, other documents, sources, tests; -1 for never. */
static int turn_of(const forge_survey_entry_t *entry)
{
    if (!entry->read || entry->foreign || !entry->lines)
        return -1;
    if (forge_survey_is_readme(entry))
        return 0;
    if (!entry->language)
        return -1;
    if (strcmp(entry->language->type, "prose") == 0)
        return 1;
    return strcmp(entry->language->type, "programming") != 0 ? -1 : forge_survey_is_test(entry->path) ? 3 : 2;
}

static size_t text(forge_survey_t *survey, const forge_survey_entry_t *entry)
{
    size_t len = 0;
    const char *bytes = forge_survey_read(survey, entry->path, FORGE_SURVEY_FILE_MAX, &len);
    if (!bytes)
        return 0;
    forge_survey_open(NULL, '{');
    forge_survey_text("path", entry->path, strlen(entry->path), FORGE_SURVEY_PATH_MAX);
    forge_survey_text("text", bytes, len, FORGE_SURVEY_TEXT_MAX);
    forge_survey_close('}');
    return len < FORGE_SURVEY_TEXT_MAX ? len : FORGE_SURVEY_TEXT_MAX;
}

void forge_survey_texts(forge_survey_t *survey)
{
    size_t count = 0, bytes = 0;
    forge_survey_open("texts", '[');
    for (int turn = 0; turn <= 3; turn++)
        for (size_t i = 0; i < survey->count && count < FORGE_SURVEY_TEXTS && bytes < FORGE_SURVEY_TEXTS_MAX; i++)
            if (turn_of(&survey->entries[i]) == turn) {
                bytes += text(survey, &survey->entries[i]);
                count++;
            }
    forge_survey_close(']');
}
