/* SPDX-License-Identifier: Apache-2.0
 * Whether a host can answer anything at all, by the lines that hand paths over and by its database. A ForgeSecret at
 * server level is often there for the virtual hosts alone.
 */
#include "server_private.h"

#include <apr_cstr.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <string.h>

bool forge_server_line_hands_over(apr_pool_t *p, const ap_directive_t *d)
{
    const char *args = d->args ? d->args : "";
    if (forge_server_line_named(d, "SetHandler") || forge_server_line_named(d, "AddHandler"))
        return strstr(args, "expr=") || apr_cstr_casecmp(forge_server_line_word(p, d), "forge") == 0;
    if (forge_server_line_named(d, "ForgeAPI"))
        return apr_cstr_casecmp(forge_server_line_word(p, d), "off") != 0;
    if (forge_server_line_named(d, "AuthType"))
        return apr_cstr_casecmp(forge_server_line_word(p, d), "Forge") == 0;
    return forge_server_line_named(d, "RewriteRule") && strstr(args, "forge");
}

/* Files that are read with each request may hold such a line. */
static bool lets_files_speak(apr_pool_t *p, const ap_directive_t *d)
{
    return forge_server_line_named(d, "AllowOverrideList") ||
           (forge_server_line_named(d, "AllowOverride") && apr_cstr_casecmp(forge_server_line_word(p, d), "none") != 0);
}

/* Lines in a <VirtualHost> are of that host only. */
static bool handed(apr_pool_t *p, const ap_directive_t *d)
{
    for (; d; d = d->next)
        if (!forge_server_line_named(d, "<VirtualHost") &&
            (forge_server_line_hands_over(p, d) || lets_files_speak(p, d) || handed(p, d->first_child)))
            return true;
    return false;
}

bool forge_server_handed(apr_pool_t *p, const server_rec *s)
{
    return handed(p, ap_conftree) || handed(p, forge_config_host_block(s));
}

bool forge_server_serves(apr_pool_t *p, server_rec *s)
{
    return forge_server_has_dbd(p, s) && (*forge_server_pool_database(p, s) || forge_server_handed(p, s));
}
