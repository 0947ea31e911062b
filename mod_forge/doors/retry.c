/* SPDX-License-Identifier: Apache-2.0
 * Sends a request that one member of a balancer has failed to another one, before the client has a byte of an answer
 * (ForgeRetry).
 *
 * mod_proxy itself goes on to the next member where one refuses the connection. This is for what it gives up on: a
 * member that resets, is late, sends what is no HTTP, or answers 502, 503 or 504. Our handler stands before that of
 * mod_proxy and runs it, once an attempt; a filter at the head of the answer's way holds back what must not go out.
 * Every method is watched, so that members which fail are left alone; only safe ones without a body are sent again.
 */
#include "doors_private.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <http_protocol.h>
#include <util_filter.h>
#include <apr_strings.h>
#include <string.h>

APLOG_USE_MODULE(forge);

#define BALANCER "proxy:balancer://"

/* What is put back before the next attempt. */
typedef struct before_t {
    char *filename;
    int proxyreq, no_cache;
    apr_table_t *headers_out, *err_headers_out;
    const char *forwards; /* Max-Forwards: mod_proxy takes one off */
} before_t;

typedef struct retrying_t {
    const forge_retry_t *retry;
    forge_live_t *live;
    forge_attempts_t *at;
    const char *balancer;
    int attempt; /* 1 is the first */
    bool seen;   /* something of an answer came */
    bool failed; /* it was no answer, or one that another member may better */
    bool held;   /* it did not go out */
    bool again;  /* there will be another attempt */
} retrying_t;

static ap_filter_rec_t *hold_filter;

static bool is_gateway_error(int status)
{
    return status == HTTP_BAD_GATEWAY || status == HTTP_SERVICE_UNAVAILABLE || status == HTTP_GATEWAY_TIME_OUT;
}

/* --- whether once more --- */

static bool has_body(const request_rec *r)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    return apr_table_get(r->headers_in, "Transfer-Encoding") || (length && strcmp(length, "0") != 0);
}

/* RFC 9110 §9.2.1 and §9.2.2. A body is gone once it was sent. */
static bool may_repeat(const request_rec *r, const forge_retry_t *retry)
{
    bool safe = r->method_number == M_GET || r->method_number == M_OPTIONS;
    bool idempotent = r->method_number == M_PUT || r->method_number == M_DELETE;
    return (safe || (idempotent && retry->idempotent)) && !has_body(r);
}

/* Takes a retry out of the budget, last of all: what cannot be used is not spent. */
static bool once_more(request_rec *r, const retrying_t *t)
{
    forge_counter_t outcome = FORGE_C_RETRY_MADE;
    if (!may_repeat(r, t->retry))
        return false;
    if (t->attempt >= t->retry->attempts || !forge_doors_attempts_more(t->at))
        outcome = FORGE_C_RETRY_NO_MEMBER;
    else if (!forge_live_retry_take(t->live, t->balancer, t->retry->rule))
        outcome = FORGE_C_RETRY_NO_BUDGET;
    forge_live_count(t->live, outcome);
    return outcome == FORGE_C_RETRY_MADE;
}

/* --- the answer's first piece --- */

/* Where a client's connection is an old one and a member breaks off before its answer, mod_proxy says so in order to
 * break off, too: the client shall send the request once more. In an outage that would double all requests, and some
 * clients do it with requests that change something. So it is told 502, as on a new connection. */
static bool is_broken(apr_bucket_brigade *bb)
{
    for (apr_bucket *e = APR_BRIGADE_FIRST(bb); e != APR_BRIGADE_SENTINEL(bb); e = APR_BUCKET_NEXT(e))
        if (AP_BUCKET_IS_ERROR(e))
            return true;
    return false;
}

/* mod_proxy_http takes what does not begin like HTTP for an answer of HTTP/0.9, with the status 200 and no note of one.
 * No back end of today means that. */
static bool is_garbage(const request_rec *r)
{
    return r->filename && strncmp(r->filename, "proxy:http", 10) == 0 && !apr_table_get(r->notes, "proxy-status");
}

/* Only the first piece is judged: after it the client has a part of the answer. Returning an error makes mod_proxy
 * close its connection instead of reading an answer that nobody wants. */
static apr_status_t hold(ap_filter_t *f, apr_bucket_brigade *bb)
{
    retrying_t *t = f->ctx;
    request_rec *r = f->r;
    if (!t->seen) {
        bool broken = is_broken(bb), garbage = !broken && is_garbage(r);
        t->seen = true;
        t->failed = broken || garbage || is_gateway_error(r->status);
        t->again = t->failed && once_more(r, t);
        t->held = t->again || garbage || broken;
    }
    if (t->held) {
        apr_brigade_cleanup(bb);
        return APR_ECONNABORTED;
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

/* --- attempts --- */

static before_t before_of(request_rec *r)
{
    return (before_t){.filename = r->filename,
                      .proxyreq = r->proxyreq,
                      .no_cache = r->no_cache,
                      .headers_out = apr_table_copy(r->pool, r->headers_out),
                      .err_headers_out = apr_table_copy(r->pool, r->err_headers_out),
                      .forwards = apr_table_get(r->headers_in, "Max-Forwards")};
}

static void put_back(request_rec *r, const before_t *before)
{
    static const char *const notes[] = {"proxy-status",
                                        "proxy_timedout",
                                        "proxy-error-override",
                                        "error-notes",
                                        "verbose-error-to",
                                        "proxy-source-port",
                                        NULL};
    for (const char *const *name = notes; *name; name++)
        apr_table_unset(r->notes, *name);
    r->filename = before->filename;
    r->proxyreq = before->proxyreq;
    r->no_cache = before->no_cache;
    r->headers_out = apr_table_copy(r->pool, before->headers_out);
    r->err_headers_out = apr_table_copy(r->pool, before->err_headers_out);
    r->status = HTTP_OK;
    r->status_line = NULL;
    r->content_type = r->content_encoding = NULL;
    r->sent_bodyct = 0;
    if (before->forwards)
        apr_table_setn(r->headers_in, "Max-Forwards", before->forwards);
    else
        apr_table_unset(r->headers_in, "Max-Forwards");
}

static void remove_hold(request_rec *r, const retrying_t *t)
{
    for (ap_filter_t *f = r->output_filters; f; f = f->next)
        if (f->frec == hold_filter && f->ctx == t) {
            ap_remove_output_filter(f);
            return;
        }
}

/* Tells what a member did. Several failures in a row, of whatever requests, put it out for its retry time. */
static void tell(request_rec *r, const retrying_t *t)
{
    const char *member = forge_doors_attempts_member(t->at);
    if (!member || !forge_live_member_told(t->live, member, !t->failed))
        return;
    forge_doors_attempts_eject(t->at);
    forge_live_count(t->live, FORGE_C_UPSTREAM_EJECTED);
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "FG1160: %s failed several requests in a row and is left alone",
                  member);
}

/* What mod_proxy returns without an answer: a gateway error, or 500 where it could not even look up a member's name.
 * With ProxyErrorOverride it returns the status of an answer, too. */
static bool is_failure(const request_rec *r, int status)
{
    bool own = !apr_table_get(r->notes, "proxy-error-override");
    return is_gateway_error(status) || (status == HTTP_INTERNAL_SERVER_ERROR && own);
}

static int attempt(request_rec *r, retrying_t *t)
{
    t->attempt++;
    t->seen = t->failed = t->held = t->again = false;
    forge_doors_attempts_begin(t->at, t->attempt > 1);
    ap_add_output_filter_handle(hold_filter, t, r, r->connection);
    int status = ap_run_handler(r);
    remove_hold(r, t);
    if (!t->seen) {
        t->failed = is_failure(r, status);
        t->again = t->failed && once_more(r, t);
    }
    tell(r, t);
    return status;
}

/* What did not go out although no other answer follows was none: the client is told so. */
static int end(request_rec *r, const retrying_t *t, const before_t *before, int status)
{
    if (!t->held)
        return status;
    put_back(r, before);
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "FG1161: a member of %s sent no answer of HTTP", t->balancer);
    return HTTP_BAD_GATEWAY;
}

static const char *balancer_of(request_rec *r)
{
    const char *address = r->proxyreq == PROXYREQ_REVERSE ? r->filename : !r->proxyreq ? r->handler : NULL;
    if (!address || strncmp(address, BALANCER, strlen(BALANCER)) != 0)
        return NULL;
    const char *name = address + strlen(BALANCER);
    return apr_pstrmemdup(r->pool, name, strcspn(name, "/?"));
}

int forge_doors_retry(request_rec *r)
{
    const forge_server_t *server = forge_server_of(r->server);
    const forge_retry_t *retry = server ? forge_config_retry(server->config, forge_config_of_request(r)) : NULL;
    const char *balancer = retry && retry->on ? balancer_of(r) : NULL;
    if (!balancer || forge_doors_attempts(r))
        return DECLINED;
    retrying_t *t = apr_pcalloc(r->pool, sizeof(*t));
    *t = (retrying_t){.retry = retry, .live = server->live, .at = forge_doors_attempts_make(r), .balancer = balancer};
    const before_t before = before_of(r);
    forge_live_retry_request(t->live, balancer, retry->rule);
    int status = attempt(r, t);
    while (t->again) {
        put_back(r, &before);
        status = attempt(r, t);
    }
    return end(r, t, &before, status);
}

void forge_doors_retry_register(void)
{
    ap_hook_handler(forge_doors_retry, NULL, NULL, APR_HOOK_REALLY_FIRST);
    hold_filter = ap_register_output_filter("FORGE_HOLD", hold, NULL, AP_FTYPE_RESOURCE - 1);
}
