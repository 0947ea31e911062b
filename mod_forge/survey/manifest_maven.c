/* SPDX-License-Identifier: Apache-2.0
 * pom.xml.
 */
#include "survey.h"
#include <string.h>

typedef struct reading_t {
    forge_survey_manifest_t *manifest;
    unsigned index; /* of the dependency whose members come now */
    bool open;
    char group[FORGE_SURVEY_VALUE + 1], name[FORGE_SURVEY_VALUE + 1];
    char version[FORGE_SURVEY_VALUE + 1], scope[FORGE_SURVEY_VALUE + 1];
} reading_t;

static void set(char *to, forge_survey_span_t value)
{
    memcpy(to, value.at, value.len);
    to[value.len] = '\0';
}

/* Maven's scopes by our names; a version that is a ${property} stays as it is written. */
static const char *scope_of(const char *scope)
{
    return strcmp(scope, "test") == 0 ? "test" : strcmp(scope, "provided") == 0 ? "build" : "runtime";
}

static void close_dependency(reading_t *reading)
{
    char whole[2 * FORGE_SURVEY_VALUE + 2];
    if (reading->open && reading->name[0]) {
        const size_t group = strlen(reading->group), name = strlen(reading->name);
        memcpy(whole, reading->group, group);
        whole[group] = ':';
        memcpy(whole + group + 1, reading->name, name);
        forge_survey_need(reading->manifest,
                          group ? (forge_survey_span_t){whole, group + 1 + name}
                                : (forge_survey_span_t){whole + 1, name},
                          (forge_survey_span_t){reading->version, strlen(reading->version)}, scope_of(reading->scope));
    }
    reading->open = false;
    reading->group[0] = reading->name[0] = reading->version[0] = reading->scope[0] = '\0';
}

static void of_dependency(reading_t *reading, const forge_survey_at_t *at, forge_survey_span_t value)
{
    const char *key = at->keys[3];
    if (!reading->open || reading->index != at->index[2])
        close_dependency(reading);
    reading->open = true;
    reading->index = at->index[2];
    char *to = strcmp(key, "groupId") == 0      ? reading->group
               : strcmp(key, "artifactId") == 0 ? reading->name
               : strcmp(key, "version") == 0    ? reading->version
               : strcmp(key, "scope") == 0      ? reading->scope
                                                : NULL;
    if (to)
        set(to, value);
}

static void element(void *baton, const forge_survey_at_t *at, forge_survey_span_t value)
{
    reading_t *reading = baton;
    forge_survey_manifest_t *manifest = reading->manifest;
    if (at->depth < 2 || strcmp(at->keys[0], "project") != 0)
        return;
    if (at->depth == 4 && strcmp(at->keys[1], "dependencies") == 0 && strcmp(at->keys[2], "dependency") == 0)
        of_dependency(reading, at, value);
    else if (at->depth == 2 && strcmp(at->keys[1], "artifactId") == 0)
        manifest->name = forge_survey_keep_span(value);
    else if (at->depth == 2 && strcmp(at->keys[1], "version") == 0)
        manifest->version = forge_survey_keep_span(value);
    else if (at->depth == 4 && strcmp(at->keys[1], "licenses") == 0 && strcmp(at->keys[3], "name") == 0 &&
             !manifest->license)
        manifest->license = forge_survey_keep_span(value);
}

void forge_survey_maven(forge_survey_manifest_t *manifest, const char *text, size_t len)
{
    reading_t reading = {.manifest = manifest};
    forge_survey_xml(text, len, element, &reading);
    close_dependency(&reading);
}
