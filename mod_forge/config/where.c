/* SPDX-License-Identifier: Apache-2.0
 * Where a directive stands: file, line and virtual host, for messages about a configuration that was read whole.
 */
#include "config.h"

#include <apr_cstr.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <string.h>

/* The last line of that name in a block, however deep; NULL: none. */
static const ap_directive_t *last_within(const ap_directive_t *d, const char *name)
{
    const ap_directive_t *found = NULL;
    for (; d; d = d->next) {
        const ap_directive_t *inner = apr_cstr_casecmp(d->directive, "<VirtualHost") == 0
                                          ? NULL /* it speaks for itself only */
                                          : last_within(d->first_child, name);
        if (inner || apr_cstr_casecmp(d->directive, name) == 0)
            found = inner ? inner : d;
    }
    return found;
}

const ap_directive_t *forge_config_host_block(const server_rec *s)
{
    for (const ap_directive_t *d = ap_conftree; d; d = d->next)
        if (apr_cstr_casecmp(d->directive, "<VirtualHost") == 0 && s->is_virtual && s->defn_name &&
            strcmp(d->filename, s->defn_name) == 0 && d->line_num == (int)s->defn_line_number)
            return d->first_child;
    return NULL;
}

const ap_directive_t *forge_config_line_of(const server_rec *s, const char *name)
{
    const ap_directive_t *own = last_within(forge_config_host_block(s), name);
    return own ? own : last_within(ap_conftree, name);
}

const char *forge_config_host_said(apr_pool_t *p, const server_rec *s)
{
    const char *name = s->server_hostname ? s->server_hostname : "without a name";
    return s->is_virtual && s->defn_name
               ? apr_psprintf(p, "virtual host %s of %s:%u", name, s->defn_name, s->defn_line_number)
               : apr_psprintf(p, "main server %s", name);
}

const char *forge_config_place_said(apr_pool_t *p, const server_rec *s, const char *problem)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *name = apr_pstrmemdup(p, problem, strspn(problem, letters));
    const ap_directive_t *line = forge_config_line_of(s, name);
    const char *host = forge_config_host_said(p, s);
    return line ? apr_psprintf(p, "%s (line %d of %s; %s)", problem, line->line_num, line->filename, host)
                : apr_psprintf(p, "%s (%s)", problem, host);
}
