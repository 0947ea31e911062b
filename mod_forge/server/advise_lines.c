/* SPDX-License-Identifier: Apache-2.0
 * Lines of the configuration, and how a warning of one is written: with its place and its host.
 */
#include "server_private.h"

#include <apr_cstr.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <string.h>

APLOG_USE_MODULE(forge);

bool forge_server_line_named(const ap_directive_t *d, const char *name)
{
    return apr_cstr_casecmp(d->directive, name) == 0;
}

const char *forge_server_line_word(apr_pool_t *p, const ap_directive_t *d)
{
    const char *args = d && d->args ? d->args : "";
    return ap_getword_conf(p, &args);
}

server_rec *forge_server_line_host(server_rec *main_server, const ap_directive_t *line)
{
    for (const ap_directive_t *d = line; d; d = d->parent)
        for (server_rec *s = main_server->next; s && forge_server_line_named(d, "<VirtualHost"); s = s->next)
            if (s->defn_name && strcmp(s->defn_name, d->filename) == 0 && d->line_num == (int)s->defn_line_number)
                return s;
    return main_server;
}

void forge_server_tell(const forge_told_t *told, server_rec *s, const ap_directive_t *line, const char *sentence)
{
    const char *place = line ? apr_psprintf(told->p, "line %d of %s; ", line->line_num, line->filename) : "";
    const char *key = apr_pstrcat(told->p, place, sentence, NULL);
    if (apr_table_get(told->sentences, key))
        return;
    apr_table_set(told->sentences, key, "");
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, s, "FG0425: %s (%s%s)", sentence, place,
                 forge_config_host_said(told->p, s));
}
