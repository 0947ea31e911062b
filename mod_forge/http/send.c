/* SPDX-License-Identifier: Apache-2.0
 * The only place that writes an answer: problem documents, conditional answers, caching rules, one heap bucket with a
 * Content-Length.
 */
#include "http_private.h"
#include "core/wire/wire.h"

#include <httpd.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <util_filter.h>

APLOG_USE_MODULE(forge);

#define PROBLEM_MAX    (256 * 1024)
#define COMPRESS_FROM  1024 /* bytes; smaller answers are not worth it (SPEC 1) */
#define PUBLIC_MAX_AGE "30" /* seconds that anyone may keep a public list or resource */
#define RETRY_DEFAULT  1    /* seconds in Retry-After when nothing better is known */

static ap_filter_rec_t *bare_handle;

/* Replaces whatever a handler left by the problem document. */
static void compose_problem(forge_req_t *q, forge_status_t status)
{
    forge_reply_t *reply = q->reply;
    int http = forge_util_error(status)->http;
    reply->http = http;
    forge_server_note(q->r)->problem = status;
    reply->media = "application/problem+json";
    reply->file = NULL;
    reply->stream = NULL;
    reply->spooled = false;
    reply->events = NULL;
    reply->etag = reply->location = NULL;
    reply->headers = NULL;
    reply->body = forge_util_buf_make(q->pool, 512, PROBLEM_MAX);
    const forge_problem_t problem = {.r = q->r,
                                     .status = status,
                                     .http = http,
                                     .request_id = q->request_id,
                                     .instance = forge_server_raw_path(q->r),
                                     .detail = reply->detail,
                                     .faults = reply->faults};
    reply->languages = forge_http_problem_write(reply->body, &problem);
    const char *challenge = forge_server_challenge(q->r, status);
    if (challenge)
        apr_table_setn(q->r->err_headers_out, "WWW-Authenticate", challenge);
    if (http == HTTP_SERVICE_UNAVAILABLE && !forge_server_note(q->r)->retry_after)
        forge_http_retry_after(q, RETRY_DEFAULT);
    if (http == HTTP_INTERNAL_SERVER_ERROR)
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, q->r, "FG0402: answering 500 [request %s]", q->request_id);
}

/* SPEC 1: tokens are never kept, personal data is asked for again, public lists may be kept for a moment. */
static const char *cache_control(forge_req_t *q)
{
    if (!q->route || q->reply->http >= 400 || q->route->flags & FORGE_R_TOKENS || q->route->method != FORGE_GET ||
        forge_server_cookie_sets(q->r))
        return "no-store";
    if (q->route->flags & FORGE_R_PUBLIC && q->who.user_id == 0)
        return "public, max-age=" PUBLIC_MAX_AGE;
    return "private, no-cache";
}

/* What the handler has set wins over the general headers. */
static void set_headers(forge_req_t *q)
{
    forge_reply_t *reply = q->reply;
    apr_table_t *h = q->r->headers_out;
    forge_server_headers_set(q->r, q->server);
    forge_http_cors_set(q->r, q->config);
    if (reply->headers)
        q->r->headers_out = h = apr_table_overlay(q->pool, reply->headers, h);
    if (reply->headers &&
        apr_table_get(reply->headers, "Content-Security-Policy")) /* a page's own policy replaces the general one */
        apr_table_unset(q->r->err_headers_out, "Content-Security-Policy");
    if (!apr_table_get(h, "Cache-Control"))
        apr_table_setn(h, "Cache-Control", cache_control(q));
    if (q->route && q->route->role == FORGE_ROLE_NONE && q->route->flags & FORGE_R_PUBLIC)
        apr_table_mergen(h, "Vary", forge_config_cookie(q->config, q->dir) ? "Authorization, Cookie" : "Authorization");
    if (reply->languages)
        forge_http_problem_languages(h, reply->languages);
    if (reply->etag)
        apr_table_setn(h, "ETag", reply->etag);
    if (reply->location)
        apr_table_setn(h, "Location", reply->location);
    if (reply->allow)
        apr_table_setn(h, "Allow", reply->allow);
    if (reply->accept)
        apr_table_setn(h, "Accept", reply->accept);
    if (forge_server_note(q->r)->retry_after)
        apr_table_setn(q->r->err_headers_out, "Retry-After", apr_itoa(q->pool, forge_server_note(q->r)->retry_after));
}

static bool not_modified(forge_req_t *q)
{
    const char *tags = forge_http_header(q, "If-None-Match");
    return tags && q->reply->etag && q->route && q->route->method == FORGE_GET && q->reply->http == HTTP_OK &&
           forge_core_etag_match(tags, q->reply->etag, true);
}

/* mod_deflate and mod_brotli leave an answer alone that carries no-gzip. */
static void rule_compression(forge_req_t *q, apr_size_t len)
{
    if (q->reply->packed || len <= COMPRESS_FROM || (q->route && q->route->flags & FORGE_R_TOKENS)) {
        apr_table_setn(q->r->subprocess_env, "no-gzip", "1");
        apr_table_setn(q->r->subprocess_env, "no-brotli", "1");
    }
}

/* Runs after the filters that compress: leaves in a 304 only the headers that RFC 9110 §15.4.5 wants. */
static apr_status_t make_bare(ap_filter_t *f, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    apr_table_unset(r->headers_out, "Content-Length");
    apr_table_unset(r->headers_out, "Content-Encoding");
    r->content_type = r->content_encoding = NULL;
    r->clength = 0;
    apr_brigade_cleanup(bb);
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(f->c->bucket_alloc));
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

/* A 304 describes the 200 that it stands for. The filters that would compress that one see its type and body here, and
 * write their ETag and Vary. mod_filter ignores everything but a 200 unless it is told otherwise. */
static void show_filters(request_rec *r)
{
    if (r->status != HTTP_NOT_MODIFIED)
        return;
    apr_table_setn(r->subprocess_env, "filter-errordocs", "1");
    ap_add_output_filter_handle(bare_handle, NULL, r, r->connection);
}

/* The body as one bucket: a file for sendfile, or the buffer itself without a copy. *size is known before anything
 * is sent. */
static apr_status_t pass_body(forge_req_t *q, apr_bucket_brigade *bb, apr_size_t *size)
{
    forge_reply_t *reply = q->reply;
    request_rec *r = q->r;
    apr_size_t len = 0;
    if (reply->file) {
        apr_file_t *file;
        apr_finfo_t info;
        apr_status_t rv =
            apr_file_open(&file, reply->file, APR_READ | APR_BINARY | APR_SENDFILE_ENABLED, APR_OS_DEFAULT, r->pool);
        if (rv != APR_SUCCESS || (rv = apr_file_info_get(&info, APR_FINFO_SIZE, file)) != APR_SUCCESS)
            return rv;
        len = (apr_size_t)info.size;
        forge_http_flight_begin(q, len, false);
        apr_brigade_insert_file(bb, file, 0, info.size, r->pool);
    } else if (reply->spooled) {
        len = (apr_size_t)reply->length;
        forge_http_flight_begin(q, len, false);
        if (reply->spool)
            apr_brigade_insert_file(bb, forge_http_spool_file(reply->spool), 0, reply->length, r->pool);
    } else if (reply->body) {
        char *data = forge_util_buf_release(reply->body, &len);
        if (data)
            APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_heap_create(data, len, free, r->connection->bucket_alloc));
    }
    rule_compression(q, len);
    ap_set_content_length(r, (apr_off_t)len);
    *size = len;
    return APR_SUCCESS;
}

/* A large answer for which there is no room becomes a 503. */
static void bound_memory(forge_req_t *q)
{
    const forge_reply_t *reply = q->reply;
    if (!reply->body || reply->stream || reply->file || reply->http == HTTP_NOT_MODIFIED ||
        reply->body->len <= FORGE_FLIGHT_SMALL)
        return;
    if (forge_http_flight_begin(q, reply->body->len, true)) {
        forge_http_pump_wake(); /* it watches what is on its way */
        return;
    }
    q->reply->faults = NULL;
    compose_problem(q, forge_http_crowded(q));
}

/* Parts are of files (http/files.c). httpd would cut any answer, and a part of JSON is of use to nobody. */
static void send_whole(forge_req_t *q)
{
    if (q->reply->file || (q->route && q->route->flags & FORGE_R_FILE))
        return;
    apr_table_unset(q->r->headers_in, "Range");
    apr_table_unset(q->r->headers_in, "If-Range");
}

int forge_http_send(forge_req_t *q, forge_status_t status)
{
    request_rec *r = q->r;
    if (r->eos_sent) /* the body broke a rule of httpd's while we read it, and httpd has answered that by itself (die.c)
                      */
        return OK;
    if (status != FORGE_OK && status != FORGE_ANSWERED)
        compose_problem(q, status);
    else if (!q->reply->set || (q->reply->body && q->reply->body->failed)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "FG0403: %s left no usable answer",
                      q->route ? q->route->operation : "-");
        compose_problem(q, FORGE_E_INTERNAL);
    }
    if (not_modified(q))
        q->reply->http = HTTP_NOT_MODIFIED;
    bound_memory(q);
    forge_http_body_drain(q);
    if (r->eos_sent) /* as above, but found out while the rest was read away */
        return OK;
    set_headers(q);
    send_whole(q);
    r->status = q->reply->http;
    r->no_local_copy = 1;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    apr_size_t len = 0;
    if (r->status != HTTP_NO_CONTENT) {
        bool whole = strchr(q->reply->media, ';') || q->reply->spooled || strncmp(q->reply->media, "image/", 6) == 0;
        ap_set_content_type(r,
                            whole ? q->reply->media : apr_pstrcat(q->pool, q->reply->media, "; charset=utf-8", NULL));
        if (!q->reply->stream && !q->reply->events && pass_body(q, bb, &len) != APR_SUCCESS)
            return HTTP_NOT_FOUND; /* the file went away meanwhile: die.c answers */
    }
    show_filters(r);
    forge_server_override_offer(r);
    if (r->status == HTTP_OK && q->reply->events)
        return forge_http_events_send(q);
    if (r->status == HTTP_OK && q->reply->stream) {
        forge_http_stream_send(q);
        return OK;
    }
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(r->connection->bucket_alloc));
    if (ap_pass_brigade(r->output_filters, bb) != APR_SUCCESS)
        r->connection->keepalive = AP_CONN_CLOSE;
    forge_http_linger_send(r, len);
    return OK;
}

void forge_http_send_register(void)
{
    bare_handle = ap_register_output_filter("FORGE_BARE", make_bare, NULL, AP_FTYPE_CONTENT_SET);
}
