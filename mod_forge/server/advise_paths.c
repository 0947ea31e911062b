/* SPDX-License-Identifier: Apache-2.0
 * Warnings of SetHandler forge that was written by hand: where it takes pages of the site too, and where it leaves out
 * a part of the API. ForgeAPI does neither.
 */
#include "server_private.h"
#include "core/wire/wire.h"

#include <apr_cstr.h>
#include <apr_fnmatch.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <string.h>

#define PAGE "/index.html" /* no path of the API */

/* --- too wide --- */

static bool is_ours(apr_pool_t *p, const ap_directive_t *d)
{
    return forge_server_line_named(d, "SetHandler") && strcmp(forge_server_line_word(p, d), "forge") == 0 &&
           !strpbrk(d->args, "=%");
}

/* Whether a path begins with the words of another, as <Location> has it. */
static bool beneath(const char *path, const char *outer)
{
    const apr_size_t len = strlen(outer);
    return strncmp(path, outer, len) == 0 && (!path[len] || path[len] == '/' || (len && outer[len - 1] == '/'));
}

/* The paths of a <Location> or <LocationMatch> line. */
typedef struct paths_t {
    const char *word;
    const ap_regex_t *regex; /* NULL: word is a path, or a pattern of a shell */
    bool ours;               /* they are handed over */
} paths_t;

static paths_t paths_of(apr_pool_t *p, const ap_directive_t *section)
{
    const char *args = section->args ? section->args : "", *word = ap_getword_conf(p, &args);
    bool regex = forge_server_line_named(section, "<LocationMatch");
    if (!regex && strcmp(word, "~") == 0) {
        regex = true;
        word = ap_getword_conf(p, &args);
    }
    const apr_size_t len = strlen(word);
    if (len && word[len - 1] == '>')
        word = apr_pstrmemdup(p, word, len - 1);
    return (paths_t){.word = word, .regex = regex ? ap_pregcomp(p, word, AP_REG_EXTENDED) : NULL};
}

static bool takes(const paths_t *paths, const char *path)
{
    if (paths->regex)
        return ap_regexec(paths->regex, path, 0, NULL, 0) == 0;
    return apr_fnmatch_test(paths->word) ? apr_fnmatch(paths->word, path, APR_FNM_PATHNAME) == APR_SUCCESS
                                         : beneath(path, paths->word);
}

static bool is_location(const ap_directive_t *d)
{
    return apr_cstr_casecmpn(d->directive, "<Location", 9) == 0;
}

/* Where a line takes pages of the site; NULL: it does not, or a condition decides. */
static const char *wide_place(apr_pool_t *p, const ap_directive_t *line)
{
    const ap_directive_t *section = line->parent;
    if (!section || forge_server_line_named(section, "<VirtualHost"))
        return "stands outside of <Location>";
    if (apr_cstr_casecmpn(section->directive, "<Directory", 10) == 0 ||
        apr_cstr_casecmpn(section->directive, "<Files", 6) == 0)
        return apr_psprintf(p, "stands in %s>", section->directive);
    const paths_t paths = is_location(section) ? paths_of(p, section) : (paths_t){.word = ""};
    return is_location(section) && takes(&paths, PAGE)
               ? apr_psprintf(p, "stands in a %s> that takes every path", section->directive)
               : NULL;
}

static void wide(const forge_told_t *told, server_rec *main_server, const ap_directive_t *d)
{
    for (; d; d = d->next) {
        const char *place = is_ours(told->p, d) ? wide_place(told->p, d) : NULL;
        if (place)
            forge_server_tell(told, forge_server_line_host(main_server, d), d,
                              apr_psprintf(told->p,
                                           "SetHandler forge %s, so that the module takes pages of the site too and "
                                           "answers them 404; write ForgeAPI On in the host instead, which takes the "
                                           "paths of the API alone",
                                           place));
        wide(told, main_server, d->first_child);
    }
}

void forge_server_wide_advise(const forge_told_t *told, server_rec *main_server)
{
    wide(told, main_server, ap_conftree);
}

/* --- too narrow --- */

/* Whether something that only a request knows may hand it over. */
static bool undecided(apr_pool_t *p, const ap_directive_t *d)
{
    for (; d; d = d->next)
        if ((forge_server_line_named(d, "SetHandler") && d->args && strpbrk(d->args, "=%")) ||
            (forge_server_line_named(d, "RewriteRule") && d->args && strstr(d->args, "forge")) ||
            undecided(p, d->first_child))
            return true;
    return false;
}

/* Adds to list what SetHandler decides in a block, in the order in which httpd goes through it. */
static void decisions(apr_pool_t *p, apr_array_header_t *list, const ap_directive_t *block)
{
    for (const ap_directive_t *d = block; d; d = d->next) {
        paths_t paths = is_location(d) ? paths_of(p, d) : (paths_t){.word = ""};
        bool decided = forge_server_line_named(d, "SetHandler");
        paths.ours = decided && is_ours(p, d);
        for (const ap_directive_t *in = is_location(d) ? d->first_child : NULL; in; in = in->next) {
            if (!forge_server_line_named(in, "SetHandler"))
                continue;
            decided = true;
            paths.ours = is_ours(p, in);
        }
        if (decided)
            APR_ARRAY_PUSH(list, paths_t) = paths;
    }
}

static bool handed_over(const apr_array_header_t *list, const char *path)
{
    for (int i = list->nelts - 1; i >= 0; i--)
        if (takes(&APR_ARRAY_IDX(list, i, paths_t), path))
            return APR_ARRAY_IDX(list, i, paths_t).ours;
    return false;
}

/* A path of the route, with 1 for what is in braces. */
static const char *sample(apr_pool_t *p, const forge_route_t *route)
{
    char *path = apr_pstrdup(p, forge_core_route_path(p, route)), *to = path;
    for (const char *at = path; *at; at++) {
        if (*at != '{') {
            *to++ = *at;
            continue;
        }
        *to++ = '1';
        at += strcspn(at, "}");
    }
    *to = '\0';
    return path;
}

/* Pages and figures are a matter of taste; the rest is what clients and balancers count on. */
static bool counts(const forge_route_t *route)
{
    return route->part != FORGE_PART_DOCS && route->part != FORGE_PART_METRICS;
}

static const ap_directive_t *last_of_ours(apr_pool_t *p, const ap_directive_t *d)
{
    const ap_directive_t *found = NULL;
    for (; d; d = d->next) {
        const ap_directive_t *in = forge_server_line_named(d, "<VirtualHost") ? NULL : last_of_ours(p, d->first_child);
        found = in ? in : is_ours(p, d) ? d : found;
    }
    return found;
}

void forge_server_narrow_advise(const forge_told_t *told, server_rec *s, const forge_routes_t *tables, int n_tables)
{
    const ap_directive_t *line = last_of_ours(told->p, forge_config_host_block(s));
    const char *missing = NULL;
    apr_array_header_t *list = apr_array_make(told->p, 8, sizeof(paths_t));
    int all = 0, handed = 0;
    line = line ? line : last_of_ours(told->p, ap_conftree);
    if (!line || forge_config_api(forge_config_of_server(s)) || undecided(told->p, ap_conftree))
        return;
    decisions(told->p, list, ap_conftree);
    decisions(told->p, list, forge_config_host_block(s));
    for (int i = 0; i < n_tables; i++) {
        for (int j = 0; j < tables[i].count; j++) {
            const forge_route_t *route = &tables[i].rows[j];
            const bool ours = counts(route) && handed_over(list, sample(told->p, route));
            all += counts(route);
            handed += ours;
            if (counts(route) && !ours && !missing)
                missing = forge_core_route_path(told->p, route);
        }
    }
    if (handed && missing)
        forge_server_tell(told, s, line,
                          apr_psprintf(told->p,
                                       "SetHandler forge hands over %d of %d operations of the API; the others, such "
                                       "as %s, are looked for among the files of the site; write ForgeAPI On instead, "
                                       "with -health and the like for what the site is to keep",
                                       handed, all, missing));
}
