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

#define API  "/api/v1/" /* a back end here answers in the API's name, with its errors */
#define MARK "forge:"   /* what r->filename of a claimed request begins with, before the path */

const char *forge_server_location_handler(request_rec *r)
{
    const char *error = NULL;
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    if (!core || !core->expr_handler)
        return core && core->handler ? core->handler : "";
    const char *name = ap_expr_str_exec(r, core->expr_handler, &error);
    return name && !error ? name : "";
}

/* The same when httpd refuses a request before it looks for the location: an encoded slash, a bad escape. */
static const char *handler_of(request_rec *r)
{
    if (r->per_dir_config == r->server->lookup_defaults && r->uri && *r->uri == '/')
        ap_location_walk(r);
    return forge_server_location_handler(r);
}

/* Each request carries its own mark, sub-requests too: a page that includes an answer of the API does not become the
 * API's, nor does what it includes next. */
static bool is_claimed(const request_rec *r)
{
    return r->filename && strncmp(r->filename, MARK "/", sizeof(MARK "/") - 1) == 0;
}

/* What mod_proxy has taken is a back end's, wherever its path lies. The mark spares most of the questions, of which a
 * request has at least four. Before the claim (in an early error of Apache) the answer may still change. */
bool forge_server_ours(request_rec *r)
{
    return is_claimed(r) || (!r->proxyreq && strcmp(handler_of(r), "forge") == 0);
}

bool forge_server_beneath(request_rec *r)
{
    if (is_claimed(r))
        return true;
    const char *handler = handler_of(r);
    return strcmp(handler, "forge") == 0 ||
           (strncmp(handler, "proxy:", 6) == 0 && r->uri && strncmp(r->uri, API, sizeof(API) - 1) == 0);
}

int forge_server_claim_translate(request_rec *r)
{
    if (!forge_server_ours(r))
        return DECLINED;
    forge_note_t *note = forge_server_note(r);
    const forge_server_t *server = forge_server_of(r->server);
    if (server && !note->claimed && !r->main && !forge_server_inner(r)) { /* what a page includes is not counted */
        forge_live_request_begin(server->live);
        note->claimed = true;
    }
    /* Later hooks and modules expect a file name; it is never opened. */
    r->filename = apr_pstrcat(r->pool, MARK, r->uri, NULL);
    return OK;
}

/* OK also keeps the TRACE echo of httpd's core away from our paths. */
int forge_server_claim_map(request_rec *r)
{
    return is_claimed(r) ? OK : DECLINED;
}

int forge_server_claim_type(request_rec *r)
{
    if (!forge_server_ours(r))
        return DECLINED;
    r->handler = "forge";
    return OK;
}
