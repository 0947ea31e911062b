/* SPDX-License-Identifier: Apache-2.0
 * Which language a file is written in, by the table languages.def.
 */
#include "survey.h"
#include <stdlib.h>
#include <string.h>

typedef struct row_t {
    const char *key, *value;
} row_t;

static const forge_survey_language_t languages[] = {
#define FORGE_LANGUAGE(name, type) {name, type},
#include "survey/languages.def"
#undef FORGE_LANGUAGE
};
static const row_t extensions[] = {
#define FORGE_EXTENSION(extension, language) {extension, language},
#include "survey/languages.def"
#undef FORGE_EXTENSION
};
static const row_t filenames[] = {
#define FORGE_FILENAME(name, language) {name, language},
#include "survey/languages.def"
#undef FORGE_FILENAME
};
static const row_t interpreters[] = {
#define FORGE_INTERPRETER(name, language) {name, language},
#include "survey/languages.def"
#undef FORGE_INTERPRETER
};
#define COUNT(table) (sizeof(table) / sizeof(table[0]))

/* Both kinds of row begin with the name that they are sorted by. */
static int compare(const void *key, const void *row)
{
    return strcmp(key, ((const row_t *)row)->key);
}

static int compare_language(const void *key, const void *row)
{
    return strcmp(key, ((const forge_survey_language_t *)row)->name);
}

static const forge_survey_language_t *find(const char *key, const row_t *table, size_t count)
{
    const row_t *row = bsearch(key, table, count, sizeof(*table), compare);
    return row ? bsearch(row->value, languages, COUNT(languages), sizeof(languages[0]), compare_language) : NULL;
}

/* The longest extension that the table knows: of "page.html.erb" it is ".html.erb", not ".erb". */
static const forge_survey_language_t *by_extension(const char *name)
{
    char lower[256];
    const size_t len = strlen(name);
    if (len >= sizeof(lower))
        return NULL;
    for (size_t i = 0; i <= len; i++)
        lower[i] = forge_survey_lower(name[i]);
    for (const char *dot = strchr(lower, '.'); dot; dot = strchr(dot + 1, '.')) {
        const forge_survey_language_t *language = find(dot, extensions, COUNT(extensions));
        if (language)
            return language;
    }
    return NULL;
}

/* "#!/usr/bin/env -S python3 -u" names python3. */
static const forge_survey_language_t *by_interpreter(const char *text, size_t len)
{
    char name[64];
    forge_survey_span_t rest = {text, len}, line;
    if (len < 3 || memcmp(text, "#!", 2) != 0 || !forge_survey_line(&rest, &line, true))
        return NULL;
    for (size_t i = 2; i < line.len;) {
        size_t start, n = 0;
        for (; i < line.len && forge_survey_is_blank(line.at[i]); i++)
            ;
        for (start = i; i < line.len && !forge_survey_is_blank(line.at[i]); i++)
            if (line.at[i] == '/')
                start = i + 1;
        n = i - start;
        if (!n || n >= sizeof(name) || line.at[start] == '-' || (n == 3 && memcmp(line.at + start, "env", 3) == 0))
            continue;
        memcpy(name, line.at + start, n);
        name[n] = '\0';
        return find(name, interpreters, COUNT(interpreters));
    }
    return NULL;
}

const forge_survey_language_t *forge_survey_language(const char *path, const char *text, size_t len)
{
    const char *name = forge_survey_base(path);
    const forge_survey_language_t *language = find(name, filenames, COUNT(filenames));
    if (!language)
        language = by_extension(name);
    return language || !text ? language : by_interpreter(text, len);
}

const forge_survey_language_t *forge_survey_language_at(size_t i)
{
    return i < COUNT(languages) ? &languages[i] : NULL;
}

size_t forge_survey_language_index(const forge_survey_language_t *language)
{
    return (size_t)(language - languages);
}
