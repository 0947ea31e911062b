/* SPDX-License-Identifier: Apache-2.0
 * Bounds for what a back end behind the gateway answers, and what its failures are called (SPEC 11, SECURITY 1).
 *
 * mod_proxy's time-outs begin anew with each byte, it takes any first line for an answer, and it takes what it has when
 * headers stop in the middle. So a filter on its connections to back ends reads for it while a request of the gateway
 * waits: no longer than ForgeUpstreamHeaderTimeout for the headers and ForgeUpstreamTimeout for all, no more headers
 * than are good, and nothing that is no HTTP. What it knows of the request stands with the thread, which works on one
 * at a time; connections to back ends know nothing of requests.
 *
 * A failed read is told to mod_proxy as a time-out: for other failures it ends the connection of the client without any
 * answer, unless it is the first request there.
 */
#include "http_private.h"

#include <httpd.h>
#include <http_core.h>
#include <http_request.h>
#include <apr_lib.h>
#include <apr_optional_hooks.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <mod_proxy.h>
#include <poll.h>
#include <string.h>
#include <util_filter.h>

#define HEADERS_MAX (64 * 1024) /* bytes, those of interim answers too */

/* What became of the answer. */
typedef enum failure_t { WELL, LATE, BROKEN } failure_t;

/* The request of the gateway that this thread works on; all zero: none. */
static __thread struct {
    bool on, headers; /* headers: they are not complete */
    failure_t failure;
    bool safe;         /* its method is */
    apr_int64_t until; /* of the monotonic clock; 0: for ever, or nothing was read yet */
    apr_int64_t last;  /* when all is to be over; 0: never */
    apr_interval_time_t header_timeout;
    apr_size_t got; /* bytes of headers */
} now;

static ap_filter_rec_t *reader, *answerer;

/* --- reading from a back end --- */

/* The time for headers begins when mod_proxy has sent the request and waits: a client may be slow with its body. */
static void clock_start(void)
{
    if (!now.headers || now.until)
        return;
    now.until = forge_util_monotonic() + now.header_timeout;
    if (now.last && now.until > now.last)
        now.until = now.last;
}

/* How long one more wait may be, in microseconds; -1: for ever; 0: the time is up. */
static apr_interval_time_t patience(apr_socket_t *socket)
{
    apr_interval_time_t usual = -1;
    apr_socket_timeout_get(socket, &usual);
    apr_int64_t left = now.until ? now.until - forge_util_monotonic() : -1;
    if (now.until && left <= 0)
        return 0;
    return left >= 0 && (usual < 0 || left < usual) ? left : usual;
}

/* False: nothing came in time. */
static bool await(apr_socket_t *socket)
{
    apr_os_sock_t fd;
    apr_interval_time_t wait = patience(socket);
    if (wait == 0 || apr_os_sock_get(&fd, socket) != APR_SUCCESS)
        return false;
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, wait < 0 ? -1 : (int)((wait + 999) / 1000)) != 0; /* a signal is no reason to give up */
}

/* Reads what is there, and waits for it if need be: never longer than allowed, however often a single byte comes. */
static apr_status_t take(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode, apr_off_t bytes)
{
    apr_socket_t *socket = ap_get_conn_socket(f->c);
    clock_start();
    for (;;) {
        apr_status_t status = ap_get_brigade(f->next, bb, mode, APR_NONBLOCK_READ, bytes);
        bool nothing = APR_STATUS_IS_EAGAIN(status) || (status == APR_SUCCESS && APR_BRIGADE_EMPTY(bb));
        if (!nothing && (status != APR_SUCCESS || patience(socket) != 0))
            return status;
        if (!await(socket))
            return APR_TIMEUP;
    }
}

/* Whether these bytes, which follow `now.got` others, can be the beginning of an answer. */
static bool is_http(const char *data, apr_size_t len)
{
    static const char word[] = "HTTP/";
    for (apr_size_t i = 0; i < len && now.got + i < sizeof(word) - 1; i++)
        if (data[i] != word[now.got + i])
            return false;
    return true;
}

/* Counts a piece of the headers; false: it is none, or they are too many. */
static bool headers_good(apr_bucket_brigade *bb)
{
    char first[8];
    apr_size_t len = sizeof(first);
    apr_off_t all = 0;
    if (apr_brigade_flatten(bb, first, &len) != APR_SUCCESS || !is_http(first, len))
        return false;
    apr_brigade_length(bb, 0, &all);
    now.got += (apr_size_t)(all > 0 ? all : 0);
    return now.got <= HEADERS_MAX;
}

static apr_status_t fail(apr_bucket_brigade *bb, failure_t how)
{
    apr_brigade_cleanup(bb);
    now.failure = how;
    return APR_TIMEUP;
}

/* A kept connection that ends before the first byte was closed by a back end that did not know of this request: who
 * sent a safe one does so again. */
static bool is_race(const ap_filter_t *f)
{
    return now.safe && f->c->keepalives > 0 && now.got == 0;
}

static apr_status_t read_bounded(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode, apr_read_type_e block,
                                 apr_off_t bytes)
{
    if (!now.on || mode == AP_MODE_INIT)
        return ap_get_brigade(f->next, bb, mode, block, bytes);
    if (now.failure != WELL)
        return fail(bb, now.failure);
    if (block != APR_BLOCK_READ)
        return ap_get_brigade(f->next, bb, mode, block, bytes);
    apr_status_t status = take(f, bb, mode, bytes);
    if (APR_STATUS_IS_TIMEUP(status))
        return fail(bb, LATE);
    if (!now.headers || mode != AP_MODE_GETLINE)
        return status;
    if (status != APR_SUCCESS)
        return is_race(f) ? status : fail(bb, BROKEN);
    return headers_good(bb) ? APR_SUCCESS : fail(bb, BROKEN);
}

int forge_http_upstream_connection(conn_rec *c, void *socket)
{
    (void)socket;
    if (c->outgoing)
        ap_add_input_filter_handle(reader, NULL, NULL, c);
    return DECLINED;
}

/* --- the answer --- */

static int status_of(failure_t failure)
{
    return failure == LATE ? HTTP_GATEWAY_TIME_OUT : HTTP_BAD_GATEWAY;
}

static void name(request_rec *r, int status)
{
    if (status == HTTP_BAD_GATEWAY)
        forge_server_note(r)->reason = FORGE_E_UPSTREAM_FAILED;
    else if (status == HTTP_SERVICE_UNAVAILABLE)
        forge_server_note(r)->reason = FORGE_E_UPSTREAM_UNAVAILABLE;
    else if (status == HTTP_GATEWAY_TIME_OUT)
        forge_server_note(r)->reason = FORGE_E_UPSTREAM_TIMEOUT;
}

static int keep_cookie(void *baton, const char *name, const char *value)
{
    static const char ours[] = "__Host-forge_";
    const char *at = value + strspn(value, " \t");
    (void)name;
    if (strncmp(at, ours, sizeof(ours) - 1) != 0)
        apr_table_addn(baton, "Set-Cookie", value);
    return 1;
}

/* No back end logs anybody in or out here. */
static void drop_our_cookies(request_rec *r)
{
    apr_table_t *others = apr_table_make(r->pool, 2);
    apr_table_do(keep_cookie, others, r->headers_out, "Set-Cookie", NULL);
    apr_table_unset(r->headers_out, "Set-Cookie");
    r->headers_out = apr_table_overlay(r->pool, others, r->headers_out);
}

/* The headers are complete, unless mod_proxy took for that what was none. */
static apr_status_t answer(ap_filter_t *f, apr_bucket_brigade *bb)
{
    ap_remove_output_filter(f);
    if (!now.on || !now.headers)
        return ap_pass_brigade(f->next, bb);
    now.headers = false;
    now.until = now.last;
    if (now.failure == WELL) {
        drop_our_cookies(f->r);
        apr_table_setn(f->r->headers_out, "X-Request-ID", forge_server_identify(f->r)->request_id);
        return ap_pass_brigade(f->next, bb);
    }
    name(f->r, status_of(now.failure));
    apr_brigade_cleanup(bb);
    APR_BRIGADE_INSERT_TAIL(
        bb, ap_bucket_error_create(status_of(now.failure), NULL, f->r->pool, f->r->connection->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(f->r->connection->bucket_alloc));
    return ap_pass_brigade(f->next, bb);
}

/* What mod_proxy answers by itself. 502: a back end was asked and failed; 504: it was late; 503: none was asked,
 * because all are left alone for a while. */
static int told(int *status, request_rec *r)
{
    if (!now.on)
        return OK;
    if (*status >= HTTP_INTERNAL_SERVER_ERROR && now.failure != WELL)
        *status = status_of(now.failure);
    else if (*status == HTTP_SERVICE_UNAVAILABLE && forge_server_upstream_tried(r))
        *status = HTTP_BAD_GATEWAY;
    name(r, *status);
    memset(&now, 0, sizeof(now));
    return OK;
}

/* --- the request --- */

/* A location's own quota for everybody holds for those who come without an account. */
static forge_status_t limit(request_rec *r, const forge_server_t *server)
{
    if (r->main || r->prev || forge_server_note(r)->user_id ||
        !forge_config_limit_place(forge_config_of_request(r), FORGE_LIMIT_DEFAULT))
        return FORGE_OK;
    return forge_server_limit(r, server, FORGE_LIMIT_DEFAULT, 0);
}

static int refuse(request_rec *r, forge_status_t status)
{
    forge_note_t *note = forge_server_note(r);
    note->reason = status;
    apr_table_setn(r->err_headers_out, "Retry-After", apr_itoa(r->pool, note->retry_after ? note->retry_after : 1));
    return forge_util_error(status)->http;
}

static void begin(request_rec *r, const forge_server_t *server)
{
    const forge_dir_t *dir = forge_config_of_request(r);
    apr_interval_time_t total = forge_config_upstream_timeout(server->config, dir);
    now.on = now.headers = true;
    now.safe = r->method_number == M_GET || r->method_number == M_OPTIONS;
    now.header_timeout = forge_config_upstream_header_timeout(server->config, dir);
    now.last = total ? forge_util_monotonic() + total : 0;
    ap_add_output_filter_handle(answerer, NULL, r, r->connection);
    forge_server_socket_await(r);
}

int forge_http_upstream(request_rec *r)
{
    memset(&now, 0, sizeof(now));
    if (!forge_server_gateway(r))
        return DECLINED;
    const forge_server_t *server = forge_server_of(r->server);
    forge_note_t *note = forge_server_note(r);
    forge_server_gateway_label(r);
    if (!r->main && !forge_server_inner(r) && !note->claimed) {
        forge_live_request_begin(server->live);
        note->claimed = true;
        note->flight = 1 + forge_live_flight_begin(server->live, note->slot);
    }
    forge_status_t status = limit(r, server);
    if (status != FORGE_OK)
        return refuse(r, status);
    begin(r, server);
    return DECLINED;
}

void forge_http_upstream_register(void)
{
    reader = ap_register_input_filter("FORGE_UPSTREAM", read_bounded, NULL, AP_FTYPE_CONNECTION);
    answerer = ap_register_output_filter("FORGE_ANSWER", answer, NULL, AP_FTYPE_RESOURCE);
    APR_OPTIONAL_HOOK(proxy, request_status, told, NULL, NULL, APR_HOOK_MIDDLE);
}
