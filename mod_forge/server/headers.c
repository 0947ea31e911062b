/* SPDX-License-Identifier: Apache-2.0
 * The headers of all our answers, including Apache's own errors.
 */
#include "server_private.h"
#include "core/wire/wire.h"

#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_ssl.h>
#include <string.h>

#define HSTS        "max-age=31536000; includeSubDomains"
#define CSP_RELAXED "default-src 'self'"
#define CSP_STRICT  "default-src 'none'; frame-ancestors 'none'"

/* Whether the client uses TLS: here, or at a proxy in front if the server's name says so ("ServerName https://…"). */
bool forge_server_secure(request_rec *r)
{
    return ap_ssl_conn_is_ssl(r->connection) || strcmp(ap_http_scheme(r), "https") == 0;
}

/* The strict policy is only for data, because pages must load their own assets. */
static const char *csp(request_rec *r, forge_csp_t policy)
{
    if (policy == FORGE_CSP_DISABLED)
        return NULL;
    return policy == FORGE_CSP_STRICT && (!r->content_type || strstr(r->content_type, "json")) ? CSP_STRICT
                                                                                               : CSP_RELAXED;
}

/* Keeps a header that a handler or the site has set. Both tables must be checked, because httpd sends both. */
static void set_unless_set(request_rec *r, const char *name, const char *value)
{
    if (value && !apr_table_get(r->headers_out, name) && !apr_table_get(r->err_headers_out, name))
        apr_table_setn(r->err_headers_out, name, value);
}

void forge_server_headers_set(request_rec *r, const forge_server_t *server)
{
    const forge_note_t *note = forge_server_identify(r);
    apr_table_setn(r->err_headers_out, "X-Request-ID", note->request_id);
    apr_table_setn(r->err_headers_out, "traceparent", forge_core_trace_header(r->pool, &note->trace));
    if (!forge_config_security_headers(server->config))
        return;
    set_unless_set(r, "X-Content-Type-Options", "nosniff");
    set_unless_set(r, "X-Frame-Options", "DENY");
    set_unless_set(r, "X-XSS-Protection", "1; mode=block");
    set_unless_set(r, "Referrer-Policy", "strict-origin-when-cross-origin");
    set_unless_set(r, "Content-Security-Policy", csp(r, forge_config_csp(server->config)));
    if (forge_server_secure(r))
        set_unless_set(r, "Strict-Transport-Security", HSTS);
}
