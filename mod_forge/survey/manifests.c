/* SPDX-License-Identifier: Apache-2.0
 * Which files say what a project needs, and who reads them.
 */
#include "survey.h"
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name; /* of the file; with a leading '*' the end of it */
    const char *ecosystem;
    forge_survey_reader_t read;
    const char *lock; /* beside it, with the licences of what is installed */
    forge_survey_reader_t read_lock;
} readers[] = {
    {"package.json", "npm", forge_survey_npm, "package-lock.json", forge_survey_npm_lock},
    {"composer.json", "composer", forge_survey_composer, "composer.lock", forge_survey_composer_lock},
    {"pyproject.toml", "python", forge_survey_pyproject, NULL, NULL},
    {"Pipfile", "python", forge_survey_pipfile, NULL, NULL},
    {"Cargo.toml", "cargo", forge_survey_cargo, NULL, NULL},
    {"go.mod", "go", forge_survey_go, NULL, NULL},
    {"pom.xml", "maven", forge_survey_maven, NULL, NULL},
    {"build.gradle", "gradle", forge_survey_gradle, NULL, NULL},
    {"build.gradle.kts", "gradle", forge_survey_gradle, NULL, NULL},
    {"Gemfile", "gem", forge_survey_gem, NULL, NULL},
    {"*.gemspec", "gem", forge_survey_gem, NULL, NULL},
    {"*requirements.txt", "pip", forge_survey_requirements, NULL, NULL},
    {"requirements*.txt", "pip", forge_survey_requirements, NULL, NULL},
};
#define READERS (sizeof(readers) / sizeof(readers[0]))

static bool matches(const char *pattern, const char *name)
{
    const char *star = strchr(pattern, '*');
    if (!star)
        return strcmp(pattern, name) == 0;
    return strncmp(pattern, name, (size_t)(star - pattern)) == 0 && forge_survey_ends(name, star + 1);
}

bool forge_survey_is_manifest(const char *path)
{
    for (size_t i = 0; i < READERS; i++)
        if (matches(readers[i].name, forge_survey_base(path)))
            return true;
    return false;
}

/* The lock file of the same folder, when it is there. */
static void read_lock(forge_survey_t *survey, forge_survey_manifest_t *manifest, size_t row)
{
    const size_t folder = (size_t)(forge_survey_base(manifest->path) - manifest->path),
                 name = strlen(readers[row].lock);
    char path[FORGE_SURVEY_PATH_MAX + 32];
    size_t len = 0;
    memcpy(path, manifest->path, folder);
    memcpy(path + folder, readers[row].lock, name + 1);
    const char *text = forge_survey_read(survey, path, FORGE_SURVEY_LOCK_MAX, &len);
    if (text)
        readers[row].read_lock(manifest, text, len);
}

bool forge_survey_manifest(forge_survey_t *survey, const char *path, forge_survey_manifest_t *manifest)
{
    size_t len = 0, row = 0;
    while (row < READERS && !matches(readers[row].name, forge_survey_base(path)))
        row++;
    const char *text = row < READERS ? forge_survey_read(survey, path, FORGE_SURVEY_FILE_MAX, &len) : NULL;
    if (!text)
        return false;
    *manifest = (forge_survey_manifest_t){.path = path, .ecosystem = readers[row].ecosystem};
    readers[row].read(manifest, text, len);
    if (readers[row].lock)
        read_lock(survey, manifest, row);
    return true;
}

forge_survey_reader_t forge_survey_reader_at(size_t i)
{
    return i < READERS ? readers[i].read : i < 2 * READERS ? readers[i - READERS].read_lock : NULL;
}
