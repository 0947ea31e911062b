/* SPDX-License-Identifier: Apache-2.0
 * ForgeAPI: hands the paths of the API to the module in the host where it stands, and closes figures and monitor to
 * strangers. It does so by sections that httpd reads as if they stood there, so that a site's own later ones override
 * them as they override any. A host that has a line of its own has the sections of no other line.
 */
#include "kinds.h"
#include "surface.h"
#include "core/wire/wire.h"

#include <apr_cstr.h>
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <string.h>

extern module AP_MODULE_DECLARE_DATA forge_module;

#define BIT(part) (1 << (part))
#define ALL       (BIT(FORGE_PARTS) - 1)
#define SECTION   "<LocationMatch \"^/(%s)(/|$)\">\n"
#define CLOSED    "api/v1/performance|api/v1/monitor(?!/health(/|$))"

/* The words that leave a part out; the API itself cannot be. */
static const char *const words[FORGE_PARTS] = {
    [FORGE_PART_HEALTH] = "health", [FORGE_PART_METRICS] = "metrics", [FORGE_PART_DOCS] = "docs",
    [FORGE_PART_ERRORS] = "errors", [FORGE_PART_JWKS] = "jwks",
};
static const char *paths[FORGE_PARTS]; /* alternatives of a regular expression; made anew before each reading */

static const char *join(apr_pool_t *p, const char *list, const char *one)
{
    return *list ? apr_pstrcat(p, list, "|", one, NULL) : one;
}

/* A root as a regular expression, without its first slash. */
static const char *expression(apr_pool_t *p, const char *root)
{
    char *made = apr_palloc(p, 2 * strlen(root) + 1), *to = made;
    for (const char *at = root + 1; *at; at++) {
        if (*at == '.')
            *to++ = '\\';
        *to++ = *at;
    }
    *to = '\0';
    return made;
}

void forge_config_surface(apr_pool_t *p, const forge_routes_t *tables, int count)
{
    for (int part = 0; part < FORGE_PARTS; part++) {
        const apr_array_header_t *roots = forge_core_roots(p, tables, count, (forge_api_part_t)part);
        paths[part] = "";
        for (int i = 0; i < roots->nelts; i++)
            paths[part] = join(p, paths[part], expression(p, APR_ARRAY_IDX(roots, i, const char *)));
    }
}

/* The bit of "-name", or 0. */
static int left_out(const char *word)
{
    for (int part = 0; part < FORGE_PARTS; part++)
        if (words[part] && *word == '-' && apr_cstr_casecmp(word + 1, words[part]) == 0)
            return BIT(part);
    return 0;
}

/* The bits of the parts that are on. */
const char *forge_config_read_api(const forge_setting_t *s)
{
    const bool on = apr_cstr_casecmp(s->words[0], "on") == 0;
    int bits = on ? ALL : 0;
    const bool off = apr_cstr_casecmp(s->words[0], "off") == 0;
    if (!on && (!off || s->n > 1))
        return forge_config_refuse(s, s->words[off], FORGE_API_FORM);
    for (int i = 1; i < s->n; i++) {
        int bit = left_out(s->words[i]);
        if (!bit)
            return forge_config_refuse(s, s->words[i], FORGE_API_FORM);
        bits &= ~bit;
    }
    *(apr_int64_t *)s->member = bits;
    return NULL;
}

static const char *sections(apr_pool_t *p, int bits)
{
    const char *handed = "", *closed = CLOSED;
    for (int part = 0; part < FORGE_PARTS; part++)
        if (bits & BIT(part))
            handed = join(p, handed, paths[part]);
    if (bits & BIT(FORGE_PART_METRICS))
        closed = join(p, paths[FORGE_PART_METRICS], closed);
    return apr_psprintf(p,
                        SECTION "SetHandler forge\n</LocationMatch>\n" SECTION
                                "AuthType Forge\n<RequireAny>\nRequire local\nRequire forge-role admin\n</RequireAny>\n"
                                "</LocationMatch>\n",
                        handed, closed);
}

static apr_status_t next_char(char *ch, void *text)
{
    const char **at = text;
    if (!**at)
        return APR_EOF;
    *ch = *(*at)++;
    return APR_SUCCESS;
}

static bool among(const apr_array_header_t *list, const void *section)
{
    for (int i = 0; i < list->nelts; i++)
        if (APR_ARRAY_IDX(list, i, const void *) == section)
            return true;
    return false;
}

/* Takes sections out of the <Location> list of a host. Merged lists may share their memory: the list is made anew. */
static void take_out(apr_pool_t *p, const server_rec *s, const apr_array_header_t *out)
{
    core_server_config *core = ap_get_core_module_config(s->module_config);
    apr_array_header_t *left = apr_array_make(p, core->sec_url->nelts + 1, sizeof(ap_conf_vector_t *));
    for (int i = 0; i < core->sec_url->nelts; i++) {
        ap_conf_vector_t *section = APR_ARRAY_IDX(core->sec_url, i, ap_conf_vector_t *);
        if (!among(out, section))
            APR_ARRAY_PUSH(left, ap_conf_vector_t *) = section;
    }
    core->sec_url = left;
}

/* Reads the lines, and notes which sections of the host they have made. */
static const char *open_sections(cmd_parms *cmd, const char *text, apr_array_header_t *made)
{
    core_server_config *core = ap_get_core_module_config(cmd->server->module_config);
    const int before = core->sec_url->nelts;
    const char *place = apr_psprintf(cmd->pool, "the sections of ForgeAPI (line %d of %s)", cmd->directive->line_num,
                                     cmd->directive->filename);
    ap_directive_t *tree = NULL;
    cmd_parms inner = *cmd;
    inner.config_file = ap_pcfg_open_custom(cmd->pool, place, &text, next_char, NULL, NULL);
    const char *problem = ap_build_config(&inner, cmd->pool, cmd->temp_pool, &tree);
    if (!problem)
        problem = ap_walk_config(tree, &inner, cmd->server->lookup_defaults);
    for (int i = before; i < core->sec_url->nelts; i++)
        APR_ARRAY_PUSH(made, void *) = APR_ARRAY_IDX(core->sec_url, i, void *);
    return problem;
}

/* The sections need modules that the operator may not have loaded, and httpd's own words would be of lines that stand
 * in no file. NULL: all are there. */
static const char *module_missing(apr_pool_t *p)
{
    static const char *const needed[] = {"authn_core", "authz_core", "authz_host"};
    for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
        if (!ap_find_linked_module(apr_psprintf(p, "mod_%s.c", needed[i])))
            return apr_psprintf(p,
                                "ForgeAPI needs mod_%s, which closes figures and monitor to strangers and is not "
                                "loaded; load it (a2enmod %s)",
                                needed[i], needed[i]);
    return NULL;
}

/* A host without a directive of the core has no configuration of it yet, and would share that of the main server, whose
 * sections are not to be taken out. */
const char *forge_config_api_open(cmd_parms *cmd, forge_config_t *c)
{
    ap_set_config_vectors(cmd->server, cmd->server->lookup_defaults, cmd->path, &core_module, cmd->pool);
    if (c->api_sections) /* of an earlier line here */
        take_out(cmd->pool, cmd->server, c->api_sections);
    c->api_sections = apr_array_make(cmd->pool, 2, sizeof(void *));
    const char *missing = c->api ? module_missing(cmd->pool) : NULL;
    if (missing)
        return missing;
    return c->api ? open_sections(cmd, sections(cmd->pool, (int)c->api), c->api_sections) : NULL;
}

static const apr_array_header_t *sections_of(const server_rec *s)
{
    const forge_config_t *c = ap_get_module_config(s->module_config, &forge_module);
    return c->api_sections;
}

void forge_config_api_settle(apr_pool_t *p, server_rec *main_server)
{
    const apr_array_header_t *outer = sections_of(main_server);
    for (server_rec *s = main_server->next; s && outer; s = s->next)
        if (sections_of(s) != outer)
            take_out(p, s, outer);
}
