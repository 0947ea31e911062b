/* SPDX-License-Identifier: Apache-2.0
 * Manifests in TOML: pyproject.toml (PEP 621 and poetry), Pipfile, Cargo.toml.
 */
#include "survey.h"
#include <string.h>

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static forge_survey_span_t span(const char *text)
{
    return (forge_survey_span_t){text, strlen(text)};
}

static void keep_once(const char **to, forge_survey_span_t value)
{
    if (!*to)
        *to = forge_survey_keep_span(value);
}

static void about_itself(forge_survey_manifest_t *manifest, const forge_survey_at_t *at, forge_survey_span_t value)
{
    const char *key = at->keys[1];
    if (at->depth == 2 && is(key, "name"))
        keep_once(&manifest->name, value);
    else if (at->depth == 2 && is(key, "version"))
        keep_once(&manifest->version, value);
    else if (is(key, "license") && (at->depth == 2 || is(at->keys[2], "text")))
        keep_once(&manifest->license, value);
}

/* name = "^1.2" or name = { version = "^1.2", optional = true }: the members of a table come one by one, and a package
 * that was told of just now is the same. */
static void named(forge_survey_manifest_t *manifest, const forge_survey_at_t *at, forge_survey_span_t value,
                  const char *scope)
{
    const bool version = at->depth == 2 || is(at->keys[2], "version");
    forge_survey_need_t *last = manifest->count ? &manifest->needs[manifest->count - 1] : NULL;
    const forge_survey_span_t none = {NULL, 0};
    if (!last || !last->name || !is(last->name, at->keys[1]) || last->scope != scope)
        forge_survey_need(manifest, span(at->keys[1]), version ? value : none, scope);
    else if (version)
        keep_once(&last->version, value);
}

/* "tool.poetry.group.docs.dependencies" and the old "tool.poetry.dev-dependencies". */
static const char *poetry_scope(const char *section)
{
    if (is(section, "tool.poetry.dependencies"))
        return "runtime";
    if (is(section, "tool.poetry.dev-dependencies"))
        return "dev";
    const bool group = strncmp(section, "tool.poetry.group.", 18) == 0 && forge_survey_ends(section, ".dependencies");
    return group ? strncmp(section + 18, "test", 4) == 0 ? "test" : "dev" : NULL;
}

static void pyproject(void *baton, const forge_survey_at_t *at, forge_survey_span_t value)
{
    const char *section = at->keys[0], *scope = poetry_scope(section);
    if (scope && !is(at->keys[1], "python"))
        named(baton, at, value, scope);
    else if (is(section, "project") && is(at->keys[1], "dependencies"))
        forge_survey_pep508(baton, value, "runtime");
    else if (is(section, "project.optional-dependencies"))
        forge_survey_pep508(baton, value, "optional");
    else if (is(section, "dependency-groups"))
        forge_survey_pep508(baton, value, "dev");
    else if (is(section, "build-system") && is(at->keys[1], "requires"))
        forge_survey_pep508(baton, value, "build");
    else if (is(section, "project") || is(section, "tool.poetry"))
        about_itself(baton, at, value);
}

void forge_survey_pyproject(forge_survey_manifest_t *manifest, const char *text, size_t len)
{
    forge_survey_toml(text, len, pyproject, manifest);
}

static void pipfile(void *baton, const forge_survey_at_t *at, forge_survey_span_t value)
{
    if (is(at->keys[0], "packages"))
        named(baton, at, value, "runtime");
    else if (is(at->keys[0], "dev-packages"))
        named(baton, at, value, "dev");
}

void forge_survey_pipfile(forge_survey_manifest_t *manifest, const char *text, size_t len)
{
    forge_survey_toml(text, len, pipfile, manifest);
}

/* "dependencies", "target.'cfg(unix)'.dev-dependencies"; *name is that of "dependencies.serde". */
static const char *cargo_scope(const char *section, const char **name)
{
    static const struct {
        const char *section, *scope;
    } kinds[] = {{"dev-dependencies", "dev"}, {"build-dependencies", "build"}, {"dependencies", "runtime"}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const char *at = strstr(section, kinds[i].section);
        if (!at || (at != section && at[-1] != '.'))
            continue;
        const char *rest = at + strlen(kinds[i].section);
        *name = *rest == '.' ? rest + 1 : NULL;
        return *rest && *rest != '.' ? NULL : kinds[i].scope;
    }
    return NULL;
}

static void cargo(void *baton, const forge_survey_at_t *at, forge_survey_span_t value)
{
    const char *name = NULL, *scope = cargo_scope(at->keys[0], &name);
    if (scope && name) {
        const forge_survey_at_t inner = {.depth = 3, .keys = {at->keys[0], name, at->keys[1]}};
        named(baton, &inner, value, scope);
    } else if (scope) {
        named(baton, at, value, scope);
    } else if (is(at->keys[0], "package")) {
        about_itself(baton, at, value);
    }
}

void forge_survey_cargo(forge_survey_manifest_t *manifest, const char *text, size_t len)
{
    forge_survey_toml(text, len, cargo, manifest);
}
