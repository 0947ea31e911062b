/* SPDX-License-Identifier: Apache-2.0
 * ForgeAPI: hands the paths of the API to the module in the host where it stands, and closes figures and monitor to
 * strangers. It does so by sections that httpd reads as if they stood there, so that a site's own later ones override
 * them as they override any.
 */
#include "kinds.h"
#include "surface.h"

#include <apr_cstr.h>
#include <httpd.h>
#include <http_config.h>
#include <string.h>

#define API (1 << 0)

/* The parts by name. A path of the router that is in none of them would be unreachable (tested). */
static const struct part_t {
    const char *name, *paths; /* of a regular expression */
} parts[] = {
    {"api", "api/v1"},      {"health", "health"},
    {"metrics", "metrics"}, {"docs", "docs|redoc|openapi\\.json|api/docs|api/redoc"},
    {"errors", "errors"},   {"jwks", "\\.well-known/jwks\\.json"},
};
enum { PARTS = sizeof(parts) / sizeof(*parts), ALL = (1 << PARTS) - 1 };

/* The bit of "-name", or 0. The API itself cannot be left out. */
static int left_out(const char *word)
{
    for (int i = 1; i < PARTS; i++)
        if (*word == '-' && apr_cstr_casecmp(word + 1, parts[i].name) == 0)
            return 1 << i;
    return 0;
}

/* The bits of the parts that are on. */
const char *forge_config_read_api(const forge_setting_t *s)
{
    const bool on = apr_cstr_casecmp(s->words[0], "on") == 0;
    int bits = on ? ALL : 0;
    if (!on && (apr_cstr_casecmp(s->words[0], "off") != 0 || s->n > 1))
        return forge_config_refuse(s, s->words[s->n > 1 ? 1 : 0], FORGE_API_FORM);
    for (int i = 1; i < s->n; i++) {
        int bit = left_out(s->words[i]);
        if (!bit)
            return forge_config_refuse(s, s->words[i], FORGE_API_FORM);
        bits &= ~bit;
    }
    *(apr_int64_t *)s->member = bits;
    return NULL;
}

static const char *paths_of(apr_pool_t *p, int bits)
{
    const char *paths = "";
    for (int i = 0; i < PARTS; i++)
        if (bits & 1 << i)
            paths = apr_pstrcat(p, paths, *paths ? "|" : "", parts[i].paths, NULL);
    return paths;
}

#define SECTION "<LocationMatch \"^/(%s)(/|$)\">\n"

static const char *sections_on(apr_pool_t *p, int bits)
{
    const char *closed = "api/v1/performance|api/v1/monitor(?!/health(/|$))";
    for (int i = 0; i < PARTS; i++)
        if (bits & 1 << i && strcmp(parts[i].name, "metrics") == 0)
            closed = apr_pstrcat(p, parts[i].paths, "|", closed, NULL);
    return apr_psprintf(p,
                        SECTION "SetHandler forge\n</LocationMatch>\n" SECTION
                                "AuthType Forge\n<RequireAny>\nRequire local\nRequire forge-role admin\n</RequireAny>\n"
                                "</LocationMatch>\n",
                        paths_of(p, bits), closed);
}

/* What an outer ForgeAPI On has handed over. */
static const char *sections_off(apr_pool_t *p)
{
    return apr_psprintf(p, SECTION "SetHandler None\n</LocationMatch>\n", paths_of(p, ALL));
}

static apr_status_t next_char(char *ch, void *text)
{
    const char **at = text;
    if (!**at)
        return APR_EOF;
    *ch = *(*at)++;
    return APR_SUCCESS;
}

const char *forge_config_api_open(cmd_parms *cmd, apr_int64_t bits)
{
    const char *text = bits & API ? sections_on(cmd->pool, (int)bits) : sections_off(cmd->pool);
    const char *place = apr_psprintf(cmd->pool, "the sections of ForgeAPI (line %d of %s)", cmd->directive->line_num,
                                     cmd->directive->filename);
    ap_directive_t *tree = NULL;
    cmd_parms inner = *cmd;
    inner.config_file = ap_pcfg_open_custom(cmd->pool, place, &text, next_char, NULL, NULL);
    const char *problem = ap_build_config(&inner, cmd->pool, cmd->temp_pool, &tree);
    return problem ? problem : ap_walk_config(tree, &inner, cmd->server->lookup_defaults);
}
