/* SPDX-License-Identifier: Apache-2.0
 * Claims our requests before httpd looks for a file: no stat, no directory walk (DESIGN 11).
 */
#include "server_private.h"

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_request.h>
#include <apr_strings.h>
#include <string.h>

/* The handler that SetHandler sets for this location; httpd copies it to r->handler only in a late phase. */
static const char *location_handler(request_rec *r)
{
    const char *error = NULL;
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    if (!core || !core->expr_handler)
        return core && core->handler ? core->handler : "";
    const char *name = ap_expr_str_exec(r, core->expr_handler, &error);
    return name && !error ? name : "";
}

/* Keeps the answer, because it is needed at least four times per request. Before the claim (in an early error of
 * Apache) the answer may still change. */
bool forge_server_ours(request_rec *r)
{
    const forge_note_t *note = forge_server_note(r);
    if (note->claimed)
        return true;
    if (r->per_dir_config == r->server->lookup_defaults && r->uri && *r->uri == '/')
        ap_location_walk(r); /* httpd refused the request before this step: an encoded slash, a bad escape */
    return strcmp(location_handler(r), "forge") == 0;
}

int forge_server_claim_translate(request_rec *r)
{
    if (!forge_server_ours(r))
        return DECLINED;
    forge_note_t *note = forge_server_note(r);
    const forge_server_t *server = forge_server_of(r->server);
    if (server && !note->claimed)
        forge_live_request_begin(server->live);
    note->claimed = server != NULL;
    /* Later hooks and modules expect a file name; it is never opened. */
    r->filename = apr_pstrcat(r->pool, "forge:", r->uri, NULL);
    return OK;
}

/* OK also keeps the TRACE echo of httpd's core away from our paths. */
int forge_server_claim_map(request_rec *r)
{
    return r->filename && strncmp(r->filename, "forge:/", 7) == 0 ? OK : DECLINED;
}

int forge_server_claim_type(request_rec *r)
{
    if (!forge_server_ours(r))
        return DECLINED;
    r->handler = "forge";
    return OK;
}
