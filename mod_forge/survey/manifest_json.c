/* SPDX-License-Identifier: Apache-2.0
 * Manifests in JSON: npm's and composer's, and their lock files, which say the licences of what is installed.
 */
#include "survey.h"
#include <string.h>

/* "scope" of the members of a manifest that list what it needs. */
typedef struct lists_t {
    const char *key, *scope;
} lists_t;

static const lists_t npm_lists[] = {{"dependencies", "runtime"},
                                    {"devDependencies", "dev"},
                                    {"peerDependencies", "peer"},
                                    {"optionalDependencies", "optional"},
                                    {NULL, NULL}};
static const lists_t composer_lists[] = {{"require", "runtime"}, {"require-dev", "dev"}, {NULL, NULL}};

typedef struct reading_t {
    forge_survey_manifest_t *manifest;
    const lists_t *lists;
    const char *package; /* of composer.lock: whose members come now */
    unsigned index;
} reading_t;

static const char *scope_of(const lists_t *lists, const char *key)
{
    for (; lists->key; lists++)
        if (strcmp(lists->key, key) == 0)
            return lists->scope;
    return NULL;
}

static void keep_once(const char **to, forge_survey_span_t value)
{
    if (!*to)
        *to = forge_survey_keep_span(value);
}

/* What both say of themselves: name, version, license as a text, {"type": …} or a list of either. */
static void about_itself(forge_survey_manifest_t *manifest, const forge_survey_at_t *at, forge_survey_span_t value)
{
    const char *key = at->keys[0];
    if (at->depth == 1 && strcmp(key, "name") == 0)
        keep_once(&manifest->name, value);
    else if (at->depth == 1 && strcmp(key, "version") == 0)
        keep_once(&manifest->version, value);
    else if (strcmp(key, "license") == 0 && (at->depth == 1 || !at->keys[1][0] || strcmp(at->keys[1], "type") == 0))
        keep_once(&manifest->license, value);
    else if (strcmp(key, "licenses") == 0 && at->depth == 3 && strcmp(at->keys[2], "type") == 0)
        keep_once(&manifest->license, value);
}

static void member(void *baton, const forge_survey_at_t *at, forge_survey_span_t value)
{
    const reading_t *reading = baton;
    const char *scope = at->depth == 2 ? scope_of(reading->lists, at->keys[0]) : NULL;
    if (scope)
        forge_survey_need(reading->manifest, (forge_survey_span_t){at->keys[1], strlen(at->keys[1])}, value, scope);
    else
        about_itself(reading->manifest, at, value);
}

void forge_survey_npm(forge_survey_manifest_t *manifest, const char *text, size_t len)
{
    reading_t reading = {.manifest = manifest, .lists = npm_lists};
    forge_survey_json(text, len, member, &reading);
}

void forge_survey_composer(forge_survey_manifest_t *manifest, const char *text, size_t len)
{
    reading_t reading = {.manifest = manifest, .lists = composer_lists};
    forge_survey_json(text, len, member, &reading);
}

/* "packages": {"node_modules/left-pad": {"license": "MIT"}}; what lies below another package is that one's matter. */
static void locked(void *baton, const forge_survey_at_t *at, forge_survey_span_t value)
{
    static const char folder[] = "node_modules/";
    const reading_t *reading = baton;
    if (at->depth != 3 || strcmp(at->keys[0], "packages") != 0 || strcmp(at->keys[2], "license") != 0 ||
        strncmp(at->keys[1], folder, sizeof(folder) - 1) != 0)
        return;
    const char *name = at->keys[1] + sizeof(folder) - 1;
    if (!strstr(name, folder))
        forge_survey_need_license(reading->manifest, (forge_survey_span_t){name, strlen(name)},
                                  forge_survey_keep_span(value));
}

void forge_survey_npm_lock(forge_survey_manifest_t *manifest, const char *text, size_t len)
{
    reading_t reading = {.manifest = manifest};
    forge_survey_json(text, len, locked, &reading);
}

/* "packages": [{"name": "monolog/monolog", "license": ["MIT"]}]: the name comes first. */
static void composer_locked(void *baton, const forge_survey_at_t *at, forge_survey_span_t value)
{
    reading_t *reading = baton;
    if (at->depth < 3 || strncmp(at->keys[0], "packages", 8) != 0)
        return;
    if (at->depth == 3 && strcmp(at->keys[2], "name") == 0) {
        reading->package = forge_survey_keep_span(value);
        reading->index = at->index[1];
    } else if (at->depth == 4 && strcmp(at->keys[2], "license") == 0 && reading->package &&
               reading->index == at->index[1]) {
        const forge_survey_span_t name = {reading->package, strlen(reading->package)};
        forge_survey_need_license(reading->manifest, name, forge_survey_keep_span(value));
    }
}

void forge_survey_composer_lock(forge_survey_manifest_t *manifest, const char *text, size_t len)
{
    reading_t reading = {.manifest = manifest};
    forge_survey_json(text, len, composer_locked, &reading);
}
