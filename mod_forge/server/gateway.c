/* SPDX-License-Identifier: Apache-2.0
 * Requests that mod_proxy answers behind us: below the API, or under AuthType Forge. They are counted, traced and
 * logged as ours are, by the path of their location.
 */
#include "server_private.h"

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <apr_strings.h>
#include <apr_cstr.h>
#include <string.h>

static bool proxied(request_rec *r)
{
    return r->proxyreq == PROXYREQ_REVERSE || (r->handler && strncmp(r->handler, "proxy:", 6) == 0);
}

bool forge_server_gateway(request_rec *r)
{
    if (!proxied(r) || !forge_server_of(r->server))
        return false;
    const char *type = ap_auth_type(r);
    return (type && apr_cstr_casecmp(type, "Forge") == 0) || forge_server_beneath(r);
}

bool forge_server_watched(request_rec *r)
{
    return forge_server_beneath(r) || forge_server_gateway(r);
}

/* The path or expression of the last <Location> that applies: there are as many as the configuration has. The
 * expression that gives the API its paths says nothing of a back end among them. */
static const char *location_of(request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    const bool api = strcmp(forge_server_location_handler(r), "forge") == 0;
    return core && core->d && (*core->d == '/' || (*core->d == '^' && !api)) ? core->d : "proxy";
}

void forge_server_gateway_label(request_rec *r)
{
    forge_note_t *note = forge_server_note(r);
    if (note->route || !forge_server_gateway(r))
        return;
    const forge_live_label_t label = {forge_server_method(r), location_of(r)};
    note->route = label.route;
    note->slot = forge_live_metrics_gateway(forge_server_of(r->server)->live, &label);
    apr_table_setn(r->notes, "forge-route", note->route);
}
