/* SPDX-License-Identifier: Apache-2.0
 * The document: a section a function.
 */
#include "survey.h"
#include <stdlib.h>
#include <string.h>

#define LANGUAGES_MAX 40

typedef struct share_t {
    const forge_survey_language_t *language;
    uint64_t bytes, files, lines, blank;
} share_t;

/* What a project is written in; data and prose are told of after it, without a share. */
static bool is_code(const share_t *of)
{
    return of->language &&
           (strcmp(of->language->type, "programming") == 0 || strcmp(of->language->type, "markup") == 0);
}

static int by_size(const void *a, const void *b)
{
    const share_t *one = a, *two = b;
    if (is_code(one) != is_code(two))
        return is_code(one) ? -1 : 1;
    return one->bytes != two->bytes ? (one->bytes < two->bytes ? 1 : -1)
           : one->language          ? strcmp(one->language->name, two->language->name)
                                    : 0;
}

static void share(const share_t *of, uint64_t all)
{
    forge_survey_open(NULL, '{');
    forge_survey_name("name", of->language->name);
    forge_survey_name("type", of->language->type);
    forge_survey_number("files", (int64_t)of->files);
    forge_survey_number("bytes", (int64_t)of->bytes);
    forge_survey_number("lines", (int64_t)of->lines);
    forge_survey_number("blank_lines", (int64_t)of->blank);
    if (is_code(of) && all)
        forge_survey_number("percent", (int64_t)((of->bytes * 100 + all / 2) / all));
    forge_survey_close('}');
}

static void languages(const forge_survey_t *survey)
{
    size_t count = 0;
    uint64_t all = 0;
    while (forge_survey_language_at(count))
        count++;
    share_t *shares = forge_survey_keep(count * sizeof(*shares));
    for (size_t i = 0; i < survey->count; i++) {
        const forge_survey_entry_t *entry = &survey->entries[i];
        if (!entry->language || !entry->read)
            continue;
        share_t *of = &shares[forge_survey_language_index(entry->language)];
        of->language = entry->language;
        of->bytes += entry->bytes;
        of->lines += entry->lines;
        of->blank += entry->blank;
        of->files++;
        all += is_code(of) ? entry->bytes : 0;
    }
    qsort(shares, count, sizeof(*shares), by_size);
    forge_survey_open("languages", '[');
    for (size_t i = 0; i < count && i < LANGUAGES_MAX; i++)
        if (shares[i].language)
            share(&shares[i], all);
    forge_survey_close(']');
}

static void totals(const forge_survey_t *survey)
{
    uint64_t files = 0, folders = 0, links = 0, special = 0, bytes = 0, lines = 0, binary = 0, lfs = 0, large = 0;
    for (size_t i = 0; i < survey->count; i++) {
        const forge_survey_entry_t *entry = &survey->entries[i];
        files += entry->kind == FORGE_SURVEY_FILE;
        folders += entry->kind == FORGE_SURVEY_FOLDER;
        links += entry->kind == FORGE_SURVEY_LINK;
        special += entry->kind == FORGE_SURVEY_SPECIAL;
        large += entry->kind == FORGE_SURVEY_FILE && entry->bytes > FORGE_SURVEY_FILE_MAX;
        binary += entry->binary;
        lfs += entry->lfs;
        bytes += entry->bytes;
        lines += entry->lines;
    }
    forge_survey_number("files", (int64_t)files);
    forge_survey_number("folders", (int64_t)folders);
    forge_survey_number("links", (int64_t)links);
    forge_survey_number("special_files", (int64_t)special);
    forge_survey_number("binary_files", (int64_t)binary);
    forge_survey_number("large_files", (int64_t)large);
    forge_survey_number("lfs_files", (int64_t)lfs);
    forge_survey_number("bytes", (int64_t)bytes);
    forge_survey_number("lines", (int64_t)lines);
    forge_survey_bool("cut", survey->cut);
}

static void tree(const forge_survey_t *survey)
{
    static const char *const kinds[] = {"file", "folder", "link", "special", "submodule"};
    forge_survey_open("tree", '[');
    for (size_t i = 0, n = 0; i < survey->count && n < FORGE_SURVEY_TREE_MAX; i++) {
        const forge_survey_entry_t *entry = &survey->entries[i];
        if (entry->vendored && entry->kind != FORGE_SURVEY_FOLDER)
            continue;
        forge_survey_open(NULL, '{');
        forge_survey_name("path", entry->path);
        forge_survey_name("kind", kinds[entry->kind]);
        if (entry->kind == FORGE_SURVEY_FILE)
            forge_survey_number("bytes", (int64_t)entry->bytes);
        forge_survey_close('}');
        n++;
    }
    forge_survey_close(']');
}

static void readme(forge_survey_t *survey)
{
    size_t len = 0, i = 0;
    while (i < survey->count && !(survey->entries[i].depth <= 1 && forge_survey_is_readme(&survey->entries[i])))
        i++;
    const char *path = i < survey->count ? survey->entries[i].path : NULL;
    const char *text = path ? forge_survey_read(survey, path, FORGE_SURVEY_FILE_MAX, &len) : NULL;
    if (text)
        forge_survey_readme(path, text, len);
}

static bool is_license(const forge_survey_entry_t *entry)
{
    static const char *const names[] = {"license", "licence", "copying", "unlicense", "copyright"};
    const char *base = forge_survey_base(entry->path);
    if (!entry->read || entry->depth > 1)
        return false;
    if (strncmp(entry->path, "LICENSES/", 9) == 0)
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !entry->depth; i++) {
        size_t k = 0;
        while (names[i][k] && forge_survey_lower(base[k]) == names[i][k])
            k++;
        if (!names[i][k])
            return true;
    }
    return false;
}

static void licenses(forge_survey_t *survey)
{
    size_t count = 0;
    forge_survey_open("licenses", '[');
    for (size_t i = 0; i < survey->count && count < FORGE_SURVEY_PATHS; i++) {
        size_t len = 0;
        const char *path = survey->entries[i].path;
        const char *text =
            is_license(&survey->entries[i]) ? forge_survey_read(survey, path, FORGE_SURVEY_FILE_MAX, &len) : NULL;
        if (!text)
            continue;
        const char *spdx = forge_survey_license(text, len);
        forge_survey_open(NULL, '{');
        forge_survey_name("path", path);
        forge_survey_name("spdx", spdx ? spdx : "NOASSERTION");
        forge_survey_close('}');
        count++;
    }
    forge_survey_close(']');
}

static void needs(const forge_survey_manifest_t *manifest, size_t *left)
{
    forge_survey_open("dependencies", '[');
    for (size_t i = 0; i < manifest->count && *left; i++, (*left)--) {
        const forge_survey_need_t *need = &manifest->needs[i];
        forge_survey_open(NULL, '{');
        forge_survey_name("name", need->name);
        forge_survey_name("version", need->version);
        forge_survey_name("scope", need->scope);
        forge_survey_name("license", need->license);
        forge_survey_close('}');
    }
    forge_survey_close(']');
}

static void manifests(forge_survey_t *survey)
{
    size_t count = 0, left = FORGE_SURVEY_NEEDS;
    forge_survey_open("manifests", '[');
    for (size_t i = 0; i < survey->count && count < FORGE_SURVEY_MANIFESTS; i++) {
        const forge_survey_entry_t *entry = &survey->entries[i];
        forge_survey_manifest_t manifest;
        if (!entry->read || entry->vendored || !forge_survey_is_manifest(entry->path) ||
            !forge_survey_manifest(survey, entry->path, &manifest))
            continue;
        forge_survey_open(NULL, '{');
        forge_survey_name("path", manifest.path);
        forge_survey_name("ecosystem", manifest.ecosystem);
        forge_survey_name("name", manifest.name);
        forge_survey_name("version", manifest.version);
        forge_survey_name("license", manifest.license);
        const bool cut = manifest.cut || manifest.count > left;
        needs(&manifest, &left);
        forge_survey_bool("cut", cut);
        forge_survey_close('}');
        count++;
    }
    forge_survey_close(']');
}

static uint64_t size_of(const forge_survey_entry_t *entry)
{
    return entry->kind == FORGE_SURVEY_FILE && !entry->vendored ? entry->bytes : 0;
}

static uint64_t complexity_of(const forge_survey_entry_t *entry)
{
    return entry->complexity;
}

/* The entries for which `of` says most, the first of equals first. */
static size_t top(const forge_survey_t *survey, uint64_t (*of)(const forge_survey_entry_t *),
                  const forge_survey_entry_t *most[FORGE_SURVEY_TOP])
{
    size_t count = 0;
    for (size_t i = 0; i < survey->count; i++) {
        const forge_survey_entry_t *entry = &survey->entries[i];
        size_t at = count;
        if (!of(entry))
            continue;
        while (at && of(most[at - 1]) < of(entry))
            at--;
        if (at == FORGE_SURVEY_TOP)
            continue;
        count += count < FORGE_SURVEY_TOP;
        memmove(most + at + 1, most + at, (count - at - 1) * sizeof(*most));
        most[at] = entry;
    }
    return count;
}

static void file(const forge_survey_entry_t *entry)
{
    forge_survey_open(NULL, '{');
    forge_survey_name("path", entry->path);
    if (entry->language)
        forge_survey_name("language", entry->language->name);
    forge_survey_number("bytes", (int64_t)entry->bytes);
    if (entry->read)
        forge_survey_number("lines", entry->lines);
    if (entry->complexity)
        forge_survey_number("complexity", entry->complexity);
    if (entry->worst_name) {
        forge_survey_number("functions", entry->functions);
        forge_survey_name("most_complex_function", entry->worst_name);
        forge_survey_number("its_complexity", entry->worst);
    }
    forge_survey_close('}');
}

static void ranks(const forge_survey_t *survey)
{
    const forge_survey_entry_t *most[FORGE_SURVEY_TOP];
    size_t count = top(survey, size_of, most);
    forge_survey_open("largest_files", '[');
    for (size_t i = 0; i < count; i++)
        file(most[i]);
    forge_survey_close(']');
    count = top(survey, complexity_of, most);
    forge_survey_open("most_complex_files", '[');
    for (size_t i = 0; i < count; i++)
        file(most[i]);
    forge_survey_close(']');
}

static void tests(const forge_survey_t *survey)
{
    size_t count = 0;
    forge_survey_open("tests", '{');
    forge_survey_open("paths", '[');
    for (size_t i = 0; i < survey->count; i++) {
        const forge_survey_entry_t *entry = &survey->entries[i];
        if (!entry->read || entry->foreign || !entry->language || !forge_survey_is_test(entry->path) ||
            strcmp(entry->language->type, "programming") != 0)
            continue;
        if (count++ < FORGE_SURVEY_PATHS)
            forge_survey_name(NULL, entry->path);
    }
    forge_survey_close(']');
    forge_survey_number("files", (int64_t)count);
    forge_survey_bool("present", count);
    forge_survey_close('}');
}

static const char *ci_system(const char *path)
{
    static const char *const systems[][2] = {{".github/workflows/", "GitHub Actions"},
                                             {".gitlab-ci.yml", "GitLab CI"},
                                             {".travis.yml", "Travis CI"},
                                             {"Jenkinsfile", "Jenkins"},
                                             {".circleci/config.yml", "CircleCI"},
                                             {"azure-pipelines.yml", "Azure Pipelines"},
                                             {"appveyor.yml", "AppVeyor"},
                                             {".appveyor.yml", "AppVeyor"},
                                             {".drone.yml", "Drone"},
                                             {"bitbucket-pipelines.yml", "Bitbucket Pipelines"},
                                             {".woodpecker.yml", "Woodpecker"},
                                             {".woodpecker/", "Woodpecker"},
                                             {".buildkite/", "Buildkite"},
                                             {".cirrus.yml", "Cirrus CI"},
                                             {".forgejo/workflows/", "Forgejo Actions"},
                                             {".gitea/workflows/", "Gitea Actions"},
                                             {".semaphore/", "Semaphore"},
                                             {".builds/", "SourceHut"},
                                             {".build.yml", "SourceHut"},
                                             {".ci/", "own scripts"}};
    for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++) {
        const size_t len = strlen(systems[i][0]);
        if (strncmp(path, systems[i][0], len) == 0 && (systems[i][0][len - 1] == '/' || !path[len]))
            return systems[i][1];
    }
    return NULL;
}

static void ci(const forge_survey_t *survey)
{
    size_t count = 0;
    forge_survey_open("ci", '[');
    for (size_t i = 0; i < survey->count && count < FORGE_SURVEY_PATHS; i++) {
        const char *system = survey->entries[i].read ? ci_system(survey->entries[i].path) : NULL;
        if (!system)
            continue;
        forge_survey_open(NULL, '{');
        forge_survey_name("system", system);
        forge_survey_name("path", survey->entries[i].path);
        forge_survey_close('}');
        count++;
    }
    forge_survey_close(']');
}

static void submodules(const forge_survey_t *survey)
{
    forge_survey_open("submodules", '[');
    for (size_t i = 0; i < survey->submodules_count && i < FORGE_SURVEY_PATHS; i++)
        forge_survey_name(NULL, survey->submodules[i]);
    forge_survey_close(']');
}

void forge_survey_report(forge_survey_t *survey)
{
    forge_survey_open(NULL, '{');
    totals(survey);
    languages(survey);
    readme(survey);
    licenses(survey);
    manifests(survey);
    ranks(survey);
    tests(survey);
    ci(survey);
    submodules(survey);
    forge_survey_history(survey);
    tree(survey);
    forge_survey_texts(survey);
    forge_survey_close('}');
}
