/* SPDX-License-Identifier: Apache-2.0
 * The directives: rows of directives.def become httpd's command table; the reader of a row's kind (kinds.c) fills its
 * member.
 */
#include "kinds.h"

#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include "commands.h"
#include "surface.h"
#include <string.h>

extern module AP_MODULE_DECLARE_DATA forge_module;

/* --- the rows --- */

#define PLACE_SERVER(member)   FORGE_NOWHERE
#define PLACE_WHOLE(member)    FORGE_NOWHERE
#define WHOLE_SERVER           false
#define WHOLE_WHOLE            true
#define WHOLE_LOCATION         false
#define PLACE_LOCATION(member) offsetof(forge_dir_t, member)

const forge_directive_t forge_config_rows[] = {
#define FORGE_DIRECTIVE(name, scope, kind, member, low, high, preset, help) \
    {#name, \
     FORGE_KIND_##kind, \
     offsetof(forge_config_t, member), \
     PLACE_##scope(member), \
     WHOLE_##scope, \
     low, \
     high, \
     preset, \
     help},
#include "directives.def"
#undef FORGE_DIRECTIVE
};
/* One reader fills both members of a LOCATION row, so they must have the same type. */
#define SAME_SERVER(member) true
#define SAME_WHOLE(member)  true
#define SAME_LOCATION(member) \
    __builtin_types_compatible_p(__typeof__(((forge_config_t *)0)->member), __typeof__(((forge_dir_t *)0)->member))
#define FORGE_DIRECTIVE(name, scope, kind, member, low, high, preset, help) \
    _Static_assert(SAME_##scope(member), #name ": its member has another type in forge_dir_t");
#include "directives.def"
#undef FORGE_DIRECTIVE

const int forge_config_rows_count = sizeof(forge_config_rows) / sizeof(forge_config_rows[0]);

enum {
#define FORGE_DIRECTIVE(name, scope, kind, member, low, high, preset, help) ROW_##name,
#include "directives.def"
#undef FORGE_DIRECTIVE
};

/* What is wrong with the number of words; NULL: nothing. httpd passes over an empty word at the end of a line. */
static const char *miscounted(const forge_setting_t *s, const forge_value_kind_t *kind)
{
    if (s->n == 0)
        return "it has no value, or an empty one";
    if (s->n < kind->least)
        return apr_psprintf(s->p, "a value is missing or empty: %d of at least %d are there", s->n, kind->least);
    if (kind->most && s->n > kind->most)
        return apr_psprintf(s->p, "%d values are too many: it takes at most %d", s->n, kind->most);
    return NULL;
}

/* Checks the number of words, then reads them. */
static const char *set(const forge_setting_t *s)
{
    const forge_value_kind_t *kind = &forge_config_kinds[s->row->kind];
    const char *problem = miscounted(s, kind);
    if (problem)
        return apr_psprintf(s->p, "%s: %s; accepted: %s", s->row->name, problem,
                            kind->form ? kind->form : kind->range(s));
    return kind->read(s);
}

/* The row's member in a forge_config_t, or in a forge_dir_t if `place`; NULL: it has none there. */
static void *member_of(const forge_directive_t *row, void *of, bool place)
{
    apr_size_t at = place ? row->place : row->offset;
    return at == FORGE_NOWHERE ? NULL : (char *)of + at;
}

static void unset(void *of, bool place)
{
    for (int i = 0; i < forge_config_rows_count; i++) {
        void *member = member_of(&forge_config_rows[i], of, place);
        if (member && forge_config_kinds[forge_config_rows[i].kind].number)
            *(apr_int64_t *)member = FORGE_UNSET;
    }
}

forge_config_t *forge_config_blank(apr_pool_t *p)
{
    forge_config_t *c = apr_pcalloc(p, sizeof(*c));
    unset(c, false);
    return c;
}

forge_dir_t *forge_config_place_blank(apr_pool_t *p)
{
    forge_dir_t *d = apr_pcalloc(p, sizeof(*d));
    unset(d, true);
    return d;
}

void forge_config_members_merge(void *base, const void *add, bool places)
{
    for (int i = 0; i < forge_config_rows_count; i++) {
        void *under = member_of(&forge_config_rows[i], base, places);
        const void *over = member_of(&forge_config_rows[i], (void *)add, places);
        if (!under)
            continue;
        if (!forge_config_kinds[forge_config_rows[i].kind].number && *(void *const *)over)
            *(void **)under = *(void *const *)over;
        else if (forge_config_kinds[forge_config_rows[i].kind].number && *(const apr_int64_t *)over != FORGE_UNSET)
            *(apr_int64_t *)under = *(const apr_int64_t *)over;
    }
}

forge_config_t *forge_config_defaults(apr_pool_t *p)
{
    forge_config_t *c = forge_config_blank(p);
    for (int i = 0; i < forge_config_rows_count; i++) {
        forge_setting_t s = {
            .p = p, .row = &forge_config_rows[i], .member = member_of(&forge_config_rows[i], c, false)};
        char *lines = apr_pstrdup(p, s.row->preset ? s.row->preset : ""), *last, **words;
        for (const char *line = apr_strtok(lines, ";", &last); line; line = apr_strtok(NULL, ";", &last)) {
            ap_assert(apr_tokenize_to_argv(line, &words, p) == APR_SUCCESS);
            for (s.n = 0, s.words = words; words[s.n];)
                s.n++;
            ap_assert(!set(&s)); /* a default that its own reader refuses is a bug in the table */
        }
    }
    return c;
}

/* Hides a literal secret in the configuration tree, because DUMP_CONFIG and mod_info show that tree after the start. */
static void conceal(cmd_parms *cmd, const forge_directive_t *row, int n, char *const *words)
{
    const forge_value_kind_t *kind = &forge_config_kinds[row->kind];
    const char *shown = "";
    bool concealed = false;
    for (int i = 0; i < n && kind->secret_in; i++) {
        const char *secret = kind->secret_in(i, words[i]), *word = words[i];
        if (secret && !forge_core_secret_elsewhere(secret)) {
            word = apr_pstrcat(cmd->pool, apr_pstrmemdup(cmd->pool, word, (apr_size_t)(secret - word)), "(not shown)",
                               NULL);
            concealed = true;
        }
        shown = apr_pstrcat(cmd->pool, shown, i ? " " : "", word, NULL);
    }
    if (concealed)
        ((ap_directive_t *)cmd->directive)->args = shown;
}

/* httpd calls this for every directive. */
static const char *take(cmd_parms *cmd, void *dir, int n, char *const words[])
{
    const forge_directive_t *row = cmd->info;
    forge_config_t *c = ap_get_module_config(cmd->server->module_config, &forge_module);
    void *member = cmd->path ? member_of(row, dir, true) : member_of(row, c, false);
    forge_setting_t s = {.p = cmd->pool, .row = row, .member = member, .place = cmd->path, .n = n};
    const char *problem =
        ap_check_cmd_context(cmd, NOT_IN_DIRECTORY | NOT_IN_FILES | NOT_IN_LIMIT | NOT_IN_PROXY | NOT_IN_HTACCESS);
    char **kept = apr_pcalloc(cmd->pool, sizeof(*kept) * (apr_size_t)(n + 1));
    if (!problem && row->whole)
        problem = ap_check_cmd_context(cmd, NOT_IN_VIRTUALHOST);
    if (problem)
        return problem;
    if (!member) /* httpd has looked at its scope already */
        return apr_psprintf(cmd->pool, "%s: not allowed in <Location>", row->name);
    for (int i = 0; i < n; i++)
        kept[i] = apr_pstrdup(cmd->pool, words[i]);
    s.words = kept;
    conceal(cmd, row, n, words);
    problem = set(&s); /* httpd says file and line */
    if (!problem && row->kind == FORGE_KIND_API)
        problem = forge_config_api_open(cmd, c);
    return problem && cmd->server->is_virtual
               ? apr_psprintf(cmd->pool, "%s (%s)", problem, forge_config_host_said(cmd->pool, cmd->server))
               : problem;
}

#define SCOPE_SERVER   RSRC_CONF
#define SCOPE_WHOLE    RSRC_CONF
#define SCOPE_LOCATION (RSRC_CONF | ACCESS_CONF)

const command_rec forge_config_commands[] = {
#define FORGE_DIRECTIVE(name, scope, kind, member, low, high, preset, help) \
    AP_INIT_TAKE_ARGV(#name, take, (void *)&forge_config_rows[ROW_##name], SCOPE_##scope, help),
#include "directives.def"
#undef FORGE_DIRECTIVE
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL},
};
