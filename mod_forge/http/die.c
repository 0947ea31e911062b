/* SPDX-License-Identifier: Apache-2.0
 * Apache's own errors as problem documents (DESIGN 10).
 *
 * ap_die() drops the content filters, runs insert_error_filter, clears headers_out, keeps err_headers_out
 * (WWW-Authenticate, Retry-After) and writes its HTML. The filter inserted there holds that HTML back and puts the
 * document in its place, so that Content-Length, HEAD and Allow follow httpd's own course. ErrorDocument comes earlier:
 * a path or URL makes ap_die() redirect before any filter is asked. It looks first for what ap_custom_response() has
 * set for the request, so an empty text there for each status with an ErrorDocument keeps such a request here. What
 * httpd refuses before it knows the location (a bad request line or header) is ours as well, but then an ErrorDocument
 * of the server wins: no hook runs before that decision.
 */
#include "http_private.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <stdlib.h>
#include <string.h>
#include <util_filter.h>

#define PROBLEM_MAX   (64 * 1024)
#define RETRY_DEFAULT "1" /* seconds in Retry-After when nothing better is known */

static ap_filter_rec_t *filter_handle;
static int status_of[RESPONSE_CODES]; /* by httpd's index of a status; 0 below 400 */

/* Without an authentication of Apache's own there is only ours to ask for. */
static void add_failure_headers(request_rec *r)
{
    apr_table_t *h = r->err_headers_out;
    if (r->status == HTTP_UNAUTHORIZED && !apr_table_get(h, "WWW-Authenticate"))
        apr_table_setn(h, "WWW-Authenticate", forge_server_challenge(r, FORGE_E_UNAUTHENTICATED));
    if ((r->status == HTTP_SERVICE_UNAVAILABLE || r->status == HTTP_TOO_MANY_REQUESTS) &&
        !apr_table_get(h, "Retry-After"))
        apr_table_setn(h, "Retry-After", RETRY_DEFAULT);
    if (!apr_table_get(h, "Cache-Control"))
        apr_table_setn(h, "Cache-Control", "no-store");
}

/* The headers that every answer of ours carries; without a running server (at start) there are none. */
static void add_general_headers(request_rec *r)
{
    const forge_server_t *server = forge_server_of(r->server);
    if (!server)
        return;
    forge_server_headers_set(r, server);
    forge_http_cors_set(r, server->config);
}

/* What a check of ours said, if its status is the one of the answer; else the general code. */
static forge_status_t reason(request_rec *r)
{
    forge_status_t said = forge_server_note(r)->reason;
    return said != FORGE_OK && forge_util_error(said)->http == r->status ? said : forge_util_error_for_http(r->status);
}

/* The document, or nothing for a redirect: Location says it all. httpd may have put the two header tables together
 * already; apart they would be sent one after the other, so that a header set again here came twice. */
static void compose(request_rec *r, apr_bucket_brigade *bb)
{
    apr_size_t len = 0;
    char *data = NULL;
    r->err_headers_out = apr_table_overlay(r->pool, r->err_headers_out, r->headers_out);
    apr_table_clear(r->headers_out);
    if (r->status >= HTTP_BAD_REQUEST) {
        forge_buf_t *b = forge_util_buf_make(r->pool, 512, PROBLEM_MAX);
        ap_set_content_type(r, "application/problem+json; charset=utf-8");
        add_failure_headers(r);
        add_general_headers(r);
        forge_server_note(r)->problem = reason(r);
        const forge_problem_t problem = {.r = r,
                                         .status = reason(r),
                                         .http = r->status,
                                         .request_id = forge_server_note(r)->request_id,
                                         .instance = r->unparsed_uri ? forge_server_raw_path(r) : NULL};
        forge_http_problem_languages(r->err_headers_out, forge_http_problem_write(b, &problem));
        data = forge_util_buf_release(b, &len);
    } else {
        r->content_type = NULL;
        add_general_headers(r);
    }
    ap_set_content_length(r, (apr_off_t)len);
    if (data)
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_heap_create(data, len, free, r->connection->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(r->connection->bucket_alloc));
}

/* Swallows httpd's page and sends ours when its end comes. An error bucket (the body could not be read away) or an
 * end of connection is for the filters behind. */
static apr_status_t replace(ap_filter_t *f, apr_bucket_brigade *bb)
{
    bool ended = false;
    for (apr_bucket *b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb); b = APR_BUCKET_NEXT(b)) {
        if (AP_BUCKET_IS_ERROR(b) || AP_BUCKET_IS_EOC(b)) {
            ap_remove_output_filter(f);
            return ap_pass_brigade(f->next, bb);
        }
        ended = ended || APR_BUCKET_IS_EOS(b);
    }
    apr_brigade_cleanup(bb);
    if (!ended)
        return APR_SUCCESS;
    compose(f->r, bb);
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

/* Was the path, as it was sent, under our locations, even when it leads elsewhere (/api/v1/%2e%2e/)? */
static bool sent_to_us(request_rec *r)
{
    char *uri = r->uri;
    ap_conf_vector_t *config = r->per_dir_config;
    if (!r->unparsed_uri || !uri)
        return false;
    r->uri = apr_pstrdup(r->pool, forge_server_raw_path(r));
    r->per_dir_config = r->server->lookup_defaults;
    ap_location_walk(r);
    bool ours = forge_server_beneath(r);
    r->uri = uri;
    r->per_dir_config = config;
    return ours;
}

/* Behind the gateway, outside the API, people visit too: who says that it reads HTML gets the site's own pages. */
static bool is_script_behind(request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");
    return forge_server_gateway(r) && !(accept && strstr(accept, "text/html"));
}

/* Under our locations, and what was refused before a location was looked for on a server that is ours. */
static bool concerns(request_rec *r)
{
    if (r->main)
        return false;
    return forge_server_beneath(r) || is_script_behind(r) || sent_to_us(r) ||
           (forge_config_enabled(forge_config_of_server(r->server)) && !forge_server_note(r)->located);
}

/* An error met while the body was read may come when the header tables were put together, of which ap_die() clears the
 * one in use. */
static void rescue_headers(request_rec *r)
{
    static const char *const names[] = {"RateLimit-Policy",      "RateLimit",         "X-RateLimit-Limit",
                                        "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After",
                                        "WWW-Authenticate"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = apr_table_get(r->headers_out, names[i]);
        if (value && !apr_table_get(r->err_headers_out, names[i]))
            apr_table_setn(r->err_headers_out, names[i], value);
    }
}

/* httpd answers headers beyond LimitRequestFieldSize and LimitRequestFields with 400 and says so in a note; their own
 * status is 431 (RFC 6585 §5). */
static void name_large_headers(request_rec *r)
{
    const char *notes = apr_table_get(r->notes, "error-notes");
    if (r->status != HTTP_BAD_REQUEST || !notes || !strstr(notes, "request header field") || !strstr(notes, "exceed"))
        return;
    r->status = HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    r->status_line = NULL;
}

void forge_http_die_insert(request_rec *r)
{
    if (r->assbackwards || !concerns(r))
        return;
    name_large_headers(r);
    rescue_headers(r);
    if (AP_STATUS_IS_HEADER_ONLY(r->status))
        add_general_headers(r);
    else
        ap_add_output_filter_handle(filter_handle, NULL, r, r->connection);
}

void forge_http_die_prepare(request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    if (!core->response_code_exprs)
        return;
    for (apr_hash_index_t *i = apr_hash_first(r->pool, core->response_code_exprs); i; i = apr_hash_next(i)) {
        const int *index = apr_hash_this_key(i);
        if (*index >= 0 && *index < RESPONSE_CODES && status_of[*index])
            ap_custom_response(r, status_of[*index], "");
    }
}

void forge_http_die_register(void)
{
    for (int status = HTTP_BAD_REQUEST; status < 600; status++)
        if (atoi(ap_get_status_line(status)) == status)
            status_of[ap_index_of_response(status)] = status;
    filter_handle = ap_register_output_filter("FORGE_PROBLEM", replace, NULL, AP_FTYPE_RESOURCE);
}
