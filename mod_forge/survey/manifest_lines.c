/* SPDX-License-Identifier: Apache-2.0
 * Manifests that are read line by line: requirements.txt, go.mod, build.gradle, Gemfile and gemspec.
 */
#include "survey.h"
#include <string.h>

static forge_survey_span_t from(forge_survey_span_t span, size_t at)
{
    return (forge_survey_span_t){span.at + at, span.len - at};
}

/* How many bytes at the start are none of `stop`. */
static size_t until(forge_survey_span_t span, const char *stop)
{
    size_t n = 0;
    while (n < span.len && (!span.at[n] || !strchr(stop, span.at[n])))
        n++;
    return n;
}

/* The line without what a mark of comment begins, trimmed. */
static forge_survey_span_t without_comment(forge_survey_span_t line, const char *mark)
{
    const char *comment = line.len ? memmem(line.at, line.len, mark, strlen(mark)) : NULL;
    if (comment)
        line.len = (size_t)(comment - line.at);
    return forge_survey_trim(line);
}

static void keep_once(const char **to, forge_survey_span_t value)
{
    if (!*to)
        *to = forge_survey_keep_span(value);
}

/* Names are of letters, digits, '.', '-', '_'; a line that begins otherwise (an option, a path) is passed over, and so
 * is the address after '@'. */
void forge_survey_pep508(forge_survey_manifest_t *manifest, forge_survey_span_t line, const char *scope)
{
    const forge_survey_span_t all = forge_survey_trim(line);
    size_t n = 0;
    while (n < all.len && (forge_survey_is_word(all.at[n]) || (n && (all.at[n] == '.' || all.at[n] == '-'))))
        n++;
    forge_survey_span_t rest = forge_survey_trim(from(all, n));
    if (rest.len && (*rest.at == '/' || *rest.at == ':' || *rest.at == '\\'))
        return;
    if (rest.len && *rest.at == '[') {
        const size_t extras = until(rest, "]");
        rest = from(rest, extras < rest.len ? extras + 1 : extras);
    }
    rest.len = until(rest, ";@");
    rest = forge_survey_trim(rest);
    if (rest.len >= 2 && *rest.at == '(' && rest.at[rest.len - 1] == ')')
        rest = (forge_survey_span_t){rest.at + 1, rest.len - 2};
    forge_survey_need(manifest, (forge_survey_span_t){all.at, n}, rest, scope);
}

void forge_survey_requirements(forge_survey_manifest_t *manifest, const char *text, size_t len)
{
    forge_survey_span_t rest = {text, len}, line;
    while (forge_survey_line(&rest, &line, true)) {
        if (line.len && (*line.at == '#' || *line.at == '-'))
            continue;
        line = without_comment(line, " #");
        line.len = until(line, "\\");
        const char *option = line.len ? memmem(line.at, line.len, " --", 3) : NULL;
        line.len = option ? (size_t)(option - line.at) : line.len;
        forge_survey_pep508(manifest, line, "runtime");
    }
}

/* "module/path v1.2.3 // indirect" */
static void go_need(forge_survey_manifest_t *manifest, forge_survey_span_t line)
{
    const bool indirect = line.len && memmem(line.at, line.len, "// indirect", 11);
    line = without_comment(line, "//");
    const size_t n = until(line, " \t");
    forge_survey_need(manifest, (forge_survey_span_t){line.at, n}, from(line, n), indirect ? "indirect" : "runtime");
}

void forge_survey_go(forge_survey_manifest_t *manifest, const char *text, size_t len)
{
    forge_survey_span_t rest = {text, len}, line;
    bool block = false;
    while (forge_survey_line(&rest, &line, true)) {
        if (forge_survey_starts(line, "module "))
            keep_once(&manifest->name, without_comment(from(line, 7), "//"));
        else if (forge_survey_starts(line, "go "))
            keep_once(&manifest->version, without_comment(from(line, 3), "//"));
        else if (forge_survey_starts(line, "require ("))
            block = true;
        else if (forge_survey_starts(line, "require "))
            go_need(manifest, forge_survey_trim(from(line, 8)));
        else if (forge_survey_starts(line, ")"))
            block = false;
        else if (block && !forge_survey_starts(line, "//"))
            go_need(manifest, line);
    }
}

static const char *gradle_scope(forge_survey_span_t word)
{
    static const char *const scopes[][2] = {{"implementation", "runtime"},
                                            {"api", "runtime"},
                                            {"compile", "runtime"},
                                            {"runtimeOnly", "runtime"},
                                            {"compileOnly", "build"},
                                            {"annotationProcessor", "build"},
                                            {"kapt", "build"},
                                            {"ksp", "build"},
                                            {"classpath", "build"},
                                            {"testImplementation", "test"},
                                            {"testRuntimeOnly", "test"},
                                            {"testCompileOnly", "test"},
                                            {"testCompile", "test"},
                                            {"androidTestImplementation", "test"},
                                            {"debugImplementation", "dev"}};
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
        if (forge_survey_is(word, scopes[i][0]))
            return scopes[i][1];
    return NULL;
}

/* implementation 'group:name:version', with or without parentheses, platform(…) around it or not. */
void forge_survey_gradle(forge_survey_manifest_t *manifest, const char *text, size_t len)
{
    forge_survey_span_t rest = {text, len}, line, after;
    while (forge_survey_line(&rest, &line, true)) {
        const size_t n = until(line, " \t('\"");
        const char *scope = gradle_scope((forge_survey_span_t){line.at, n});
        const forge_survey_span_t what =
            scope ? forge_survey_quoted(from(line, n), &after) : (forge_survey_span_t){NULL, 0};
        const char *colon = what.len ? memchr(what.at, ':', what.len) : NULL;
        if (!colon)
            continue;
        const size_t group = (size_t)(colon - what.at) + 1, name = until(from(what, group), ":");
        const forge_survey_span_t version = from(what, group + name < what.len ? group + name + 1 : what.len);
        forge_survey_need(manifest, (forge_survey_span_t){what.at, group + name}, version, scope);
    }
}

/* gem "rails", "~> 7.1" */
static void gem_need(forge_survey_manifest_t *manifest, forge_survey_span_t line, const char *scope)
{
    forge_survey_span_t rest;
    const forge_survey_span_t name = forge_survey_quoted(line, &rest);
    rest = forge_survey_trim(rest);
    forge_survey_span_t version = {NULL, 0}, none;
    if (rest.len && *rest.at == ',') {
        rest = forge_survey_trim(from(rest, 1));
        if (rest.len && (*rest.at == '"' || *rest.at == '\''))
            version = forge_survey_quoted(rest, &none);
    }
    forge_survey_need(manifest, name, version, scope);
}

/* The member of a gemspec that a line sets ("spec.license = 'MIT'"), or the method it calls. */
static void gemspec(forge_survey_manifest_t *manifest, forge_survey_span_t line)
{
    forge_survey_span_t rest;
    const size_t dot = until(line, ". \t") + 1;
    if (dot >= line.len || line.at[dot - 1] != '.')
        return;
    line = from(line, dot);
    const forge_survey_span_t word = {line.at, until(line, " \t=(")};
    const forge_survey_span_t value = forge_survey_quoted(line, &rest);
    if (forge_survey_is(word, "add_dependency") || forge_survey_is(word, "add_runtime_dependency"))
        gem_need(manifest, line, "runtime");
    else if (forge_survey_is(word, "add_development_dependency"))
        gem_need(manifest, line, "dev");
    else if (forge_survey_is(word, "name"))
        keep_once(&manifest->name, value);
    else if (forge_survey_is(word, "version"))
        keep_once(&manifest->version, value);
    else if (forge_survey_is(word, "license") || forge_survey_is(word, "licenses"))
        keep_once(&manifest->license, value);
}

void forge_survey_gem(forge_survey_manifest_t *manifest, const char *text, size_t len)
{
    forge_survey_span_t rest = {text, len}, line;
    const char *scope = "runtime";
    while (forge_survey_line(&rest, &line, true)) {
        const bool group = forge_survey_starts(line, "group ");
        if (group)
            scope = memmem(line.at, line.len, ":test", 5) ? "test" : "dev";
        else if (forge_survey_is(line, "end"))
            scope = "runtime";
        else if (forge_survey_starts(line, "gem ") || forge_survey_starts(line, "gem("))
            gem_need(manifest, from(line, 4), scope);
        else if (!forge_survey_starts(line, "#"))
            gemspec(manifest, line);
    }
}
