/* SPDX-License-Identifier: Apache-2.0
 * A request within a request: what /api/v1/aggregate asks for one of its paths.
 *
 * It is no subrequest of httpd's. Those share pool, note and authentication with the request around them, are served by
 * its thread alone, and skip what httpd does for whole requests only. This one is a whole request on a connection that
 * nobody else has, as mod_http2 makes them for its streams: with pools and an allocator of its own, so that any one
 * thread may run it, and with the client's connection as its master, so that TLS and the client's address are those of
 * the client. All hooks and filters of its location run, so it gets what it would get if it came alone. In place of the
 * network a filter takes the answer into memory.
 *
 * Of the headers of the outer request it has those that say who asks, and no others: none that makes an answer
 * conditional, partial, compressed or another type, and none that a path could be steered by.
 */
#include "http_private.h"

#include <ap_mpm.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <string.h>
#include <util_filter.h>

APLOG_USE_MODULE(forge);

#define FIRST_BYTES 4096 /* of a body's buffer */

/* What became of the answer besides its status. */
typedef enum fault_t { FAULT_NONE, FAULT_REFUSED, FAULT_FULL, FAULT_BROKEN } fault_t;

struct forge_inner_t {
    apr_pool_t *pool; /* ends with it; nothing of the outer request's lives here */
    conn_rec *c;
    request_rec *r; /* NULL: it is over */
    bool text;      /* the body is no JSON, and becomes a JSON string */
    bool foreign;   /* the body is not of our making */
    bool seen;      /* the head of the answer */
    bool kept;      /* its handler has kept the request: the pool stays */
    fault_t fault;
    int status;
    forge_buf_t *body;
    apr_table_t *limits; /* rate-limit headers of the answer; NULL: none */
    apr_size_t taken;    /* of *room */
    forge_room_t *room;
};

static ap_filter_rec_t *capture_handle, *sink_handle, *dry_handle;
static apr_socket_t *no_socket; /* what modules find that set time-outs on the client's; nothing goes through it */

/* --- the answer --- */

static bool has_media(const char *type, const char *media)
{
    const apr_size_t len = strlen(media);
    return apr_cstr_casecmpn(type, media, len) == 0 && (!type[len] || strchr("; \t", type[len]));
}

static bool is_json(const char *type)
{
    const apr_size_t len = strcspn(type, "; \t");
    return has_media(type, "application/json") || (len > 5 && apr_cstr_casecmpn(type + len - 5, "+json", 5) == 0);
}

static bool is_text(const char *type)
{
    const apr_size_t len = strcspn(type, "; \t");
    return (apr_cstr_casecmpn(type, "text/", 5) == 0 && !has_media(type, FORGE_EVENTS)) ||
           has_media(type, "application/xml") || (len > 4 && apr_cstr_casecmpn(type + len - 4, "+xml", 4) == 0);
}

static const char *header_of(const request_rec *r, const char *name)
{
    const char *value = apr_table_get(r->headers_out, name);
    return value ? value : apr_table_get(r->err_headers_out, name);
}

/* Streams and downloads are for clients that take them alone; compressed bytes are no text. */
static bool is_refused(const request_rec *r)
{
    const char *type = r->content_type ? r->content_type : header_of(r, "Content-Type");
    const char *kind = header_of(r, "Content-Disposition"), *coding = header_of(r, "Content-Encoding");
    if ((kind && apr_cstr_casecmpn(kind, "inline", 6) != 0) || r->content_encoding ||
        (coding && apr_cstr_casecmp(coding, "identity") != 0))
        return true;
    return type && !is_json(type) && !is_text(type);
}

static const char *const limit_names[] = {"RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining",
                                          "X-RateLimit-Reset"};
#define LIMIT_NAMES (sizeof(limit_names) / sizeof(*limit_names))

static void look_at_head(forge_inner_t *inner, request_rec *r)
{
    const char *type = r->content_type ? r->content_type : header_of(r, "Content-Type");
    inner->seen = true;
    inner->status = r->status;
    inner->text = !type || !is_json(type);
    inner->foreign = !forge_server_ours(r);
    if (is_refused(r))
        inner->fault = FAULT_REFUSED;
    if (!header_of(r, "X-RateLimit-Remaining"))
        return;
    inner->limits = apr_table_make(inner->pool, LIMIT_NAMES);
    for (size_t i = 0; i < LIMIT_NAMES; i++)
        if (header_of(r, limit_names[i]))
            apr_table_set(inner->limits, limit_names[i], header_of(r, limit_names[i]));
}

/* The room is shared by all paths of an aggregate, which threads of their own may fill. */
static void keep(forge_inner_t *inner, const char *data, apr_size_t len)
{
    if (inner->fault != FAULT_NONE)
        return;
    inner->taken += len;
    if (__atomic_sub_fetch(&inner->room->left, (apr_int64_t)len, __ATOMIC_RELAXED) < 0) {
        inner->fault = FAULT_FULL;
        return;
    }
    forge_util_buf_add(inner->body, data, len);
}

static void take_bucket(forge_inner_t *inner, apr_bucket *b)
{
    const char *data;
    apr_size_t len;
    if (AP_BUCKET_IS_ERROR(b) || AP_BUCKET_IS_EOC(b))
        inner->fault = FAULT_BROKEN; /* the answer ends here, and is not whole */
    if (APR_BUCKET_IS_METADATA(b))
        return;
    if (apr_bucket_read(b, &data, &len, APR_BLOCK_READ) == APR_SUCCESS)
        keep(inner, data, len);
    else
        inner->fault = FAULT_BROKEN;
}

/* Stands where the answer would become bytes of HTTP. A connection that counts as aborted stops whoever makes an answer
 * that nobody waits for. */
static apr_status_t capture(ap_filter_t *f, apr_bucket_brigade *bb)
{
    forge_inner_t *inner = f->ctx;
    if (inner->kept) { /* the outer request may be over, and the room with it */
        apr_brigade_cleanup(bb);
        return APR_ECONNABORTED;
    }
    while (!APR_BRIGADE_EMPTY(bb)) {
        apr_bucket *b = APR_BRIGADE_FIRST(bb);
        if (!inner->seen && (!APR_BUCKET_IS_METADATA(b) || APR_BUCKET_IS_EOS(b) || AP_BUCKET_IS_ERROR(b)))
            look_at_head(inner, f->r);
        take_bucket(inner, b);
        apr_bucket_delete(b);
    }
    if (inner->fault == FAULT_NONE && !__atomic_load_n(&inner->room->over, __ATOMIC_RELAXED))
        return APR_SUCCESS;
    inner->c->aborted = 1;
    return APR_ECONNABORTED;
}

/* What a module writes past the request, such as 103 Early Hints, goes nowhere. */
static apr_status_t sink(ap_filter_t *f, apr_bucket_brigade *bb)
{
    (void)f;
    apr_brigade_cleanup(bb);
    return APR_SUCCESS;
}

/* No client sends anything here: a body ends before it begins. */
static apr_status_t dry(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode, apr_read_type_e block,
                        apr_off_t bytes)
{
    (void)block, (void)bytes;
    if (mode != AP_MODE_READBYTES)
        return APR_EOF;
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(f->c->bucket_alloc));
    return APR_SUCCESS;
}

/* --- the request --- */

/* Deep copies: whoever looks a name up writes it into the address. */
static void copy_addresses(conn_rec *c, const request_rec *outer)
{
    apr_sockaddr_info_copy(&c->client_addr, outer->useragent_addr, c->pool);
    apr_sockaddr_info_copy(&c->local_addr, outer->connection->local_addr, c->pool);
    c->client_ip = apr_pstrdup(c->pool, outer->useragent_ip);
    c->remote_host = NULL;
}

/* The event MPM notes at each request which server's keep-alive applies to its connection, and expects its own record.
 * It writes what the outer request has written, on that one's thread. */
static void lend_mpm(conn_rec *c, const conn_rec *client)
{
    module *mpm = ap_find_linked_module("event.c");
    if (mpm)
        ap_set_module_config(c->conn_config, mpm, ap_get_module_config(client->conn_config, mpm));
}

static conn_rec *connection_make(forge_inner_t *inner, const request_rec *outer)
{
    const conn_rec *client = outer->connection;
    conn_rec *c = apr_pmemdup(inner->pool, client, sizeof(*c));
    c->pool = inner->pool;
    c->bucket_alloc = apr_bucket_alloc_create(inner->pool);
    c->master = client->master ? client->master : (conn_rec *)client;
    c->conn_config = ap_create_conn_config(inner->pool);
    ap_set_module_config(c->conn_config, &core_module, no_socket);
    lend_mpm(c, client);
    c->notes = apr_table_make(inner->pool, 4);
    apr_table_setn(c->notes, FORGE_INNER_MARK, "1");
    c->input_filters = NULL;
    c->output_filters = NULL;
    c->sbh = NULL;
    c->cs = apr_pcalloc(inner->pool, sizeof(*c->cs));
    c->cs->state = CONN_STATE_HANDLER;
    c->data_in_input_filters = c->data_in_output_filters = 0;
    c->clogging_input_filters = 1;
    c->keepalive = AP_CONN_CLOSE;
    c->keepalives = 0;
    c->aborted = 0;
    copy_addresses(c, outer);
    ap_add_output_filter_handle(sink_handle, NULL, NULL, c);
    ap_add_input_filter_handle(dry_handle, NULL, NULL, c);
    return c;
}

/* Who asks, and in which words; and that both are one request and one trace. */
static apr_table_t *headers_make(apr_pool_t *p, forge_req_t *q)
{
    static const char *const names[] = {"Host", "User-Agent", "Accept-Language"};
    const char *cookie = forge_server_cookie_as_sent(q->r), *shown = forge_server_authorization_as_sent(q->r);
    apr_table_t *h = apr_table_make(p, 12);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (forge_http_header(q, names[i]))
            apr_table_set(h, names[i], forge_http_header(q, names[i]));
    if (shown)
        apr_table_set(h, "Authorization", shown);
    if (cookie)
        apr_table_set(h, "Cookie", cookie);
    apr_table_setn(h, "Accept", "application/json, text/*;q=0.5");
    apr_table_set(h, "X-Request-ID", q->request_id);
    apr_table_setn(h, "traceparent", forge_core_trace_header(p, &q->trace));
    return h;
}

static request_rec *request_make(forge_inner_t *inner, forge_req_t *q, const char *target)
{
    request_rec *r = ap_create_request(inner->c);
    r->server = q->r->server;
    r->per_dir_config = r->server->lookup_defaults;
    r->hostname = q->r->hostname ? apr_pstrdup(r->pool, q->r->hostname) : NULL;
    r->the_request = apr_pstrcat(r->pool, "GET ", target, " HTTP/1.1", NULL);
    r->method = "GET";
    r->method_number = M_GET;
    r->protocol = "HTTP/1.1";
    r->proto_num = HTTP_VERSION(1, 1);
    r->request_time = apr_time_now();
    r->headers_in = headers_make(r->pool, q);
    ap_parse_uri(r, target);
    ap_remove_output_filter_byhandle(r->output_filters, "HTTP_HEADER");
    ap_remove_output_filter_byhandle(r->output_filters, "HTTP_OUTERROR");
    ap_add_output_filter_handle(capture_handle, inner, r, inner->c);
    apr_thread_mutex_create(&r->invoke_mtx, APR_THREAD_MUTEX_DEFAULT, r->pool);
    return r;
}

forge_inner_t *forge_http_inner_make(forge_req_t *q, const char *target, forge_room_t *room)
{
    apr_allocator_t *allocator;
    apr_pool_t *p;
    if (apr_allocator_create(&allocator) != APR_SUCCESS)
        return NULL;
    if (apr_pool_create_unmanaged_ex(&p, apr_pool_abort_get(q->pool), allocator) != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return NULL;
    }
    apr_allocator_owner_set(allocator, p);
    apr_pool_tag(p, "forge_inner");
    forge_inner_t *inner = apr_pcalloc(p, sizeof(*inner));
    inner->pool = p;
    inner->room = room;
    inner->body = forge_util_buf_make(p, FIRST_BYTES, FORGE_AGGREGATE_BYTES);
    inner->c = connection_make(inner, q->r);
    inner->r = request_make(inner, q, target);
    return inner;
}

/* --- its way through httpd --- */

/* The same as httpd does at the end of a request, without a client: no line in access logs and no place in the counters
 * of requests, which both are of what clients sent. Its trace and its error are its own. */
static void end(forge_inner_t *inner)
{
    request_rec *r = inner->r;
    const forge_server_t *server = forge_server_of(r->server);
    forge_server_trace_write(r);
    forge_server_report_write(r);
    for (request_rec *at = r; server && at; at = at->next)
        forge_live_flight_end(server->live, forge_server_note(at)->flight - 1);
    inner->r = NULL;
    apr_pool_destroy(r->pool);
}

/* A handler that says it will come back to its request has kept it: then the pools must stay, whatever it does. */
static void abandon(forge_inner_t *inner)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, inner->r,
                  "FG0690: %s cannot be answered within an aggregate: its handler suspends it", inner->r->uri);
    inner->fault = FAULT_REFUSED;
    inner->kept = true;
    inner->r = NULL;
}

static void conclude(forge_inner_t *inner, int status)
{
    request_rec *r = inner->r;
    if (status == SUSPENDED) {
        abandon(inner);
        return;
    }
    if (status != OK && status != DONE)
        r->status = HTTP_OK; /* else httpd takes it for an error within an error */
    ap_die(status, r);
    end(inner);
}

bool forge_http_inner_begin(forge_inner_t *inner)
{
    request_rec *r = inner->r;
    apr_thread_mutex_lock(r->invoke_mtx);
    int status = ap_post_read_request(r);
    bool over = status != OK;
    if (!over) {
        status = ap_run_quick_handler(r, 0);
        over = status != DECLINED;
    }
    if (!over) {
        status = ap_process_request_internal(r);
        over = status != OK;
    }
    apr_thread_mutex_unlock(r->invoke_mtx);
    if (over)
        conclude(inner, status);
    return !over;
}

bool forge_http_inner_local(const forge_inner_t *inner)
{
    return forge_server_ours(inner->r);
}

void forge_http_inner_run(forge_inner_t *inner)
{
    request_rec *r = inner->r;
    apr_thread_mutex_lock(r->invoke_mtx);
    const int status = ap_invoke_handler(r);
    apr_thread_mutex_unlock(r->invoke_mtx);
    conclude(inner, status);
}

void forge_http_inner_drop(forge_inner_t *inner)
{
    if (inner->r)
        end(inner);
    if (!inner->kept) /* else its memory is lost, once for each such request; the log says whose fault that is */
        apr_pool_destroy(inner->pool);
}

/* --- what came of it --- */

/* What must be said in its place, or FORGE_OK. */
static forge_status_t problem_of(const forge_inner_t *inner)
{
    if (inner->fault == FAULT_REFUSED)
        return FORGE_E_NOT_IN_AGGREGATE;
    if (inner->fault == FAULT_FULL || inner->body->failed)
        return FORGE_E_AGGREGATE_FULL;
    if (inner->fault == FAULT_BROKEN || !inner->seen)
        return FORGE_E_BAD_GATEWAY;
    if (inner->body->len == 0)
        return FORGE_OK;
    if (inner->text)
        return forge_util_utf8(inner->body->data, inner->body->len, NULL) ? FORGE_OK : FORGE_E_NOT_IN_AGGREGATE;
    return !inner->foreign || forge_util_json_valid(inner->body->data, inner->body->len) ? FORGE_OK
                                                                                         : FORGE_E_BAD_GATEWAY;
}

forge_status_t forge_http_inner_write(forge_inner_t *inner, forge_buf_t *b, int *http)
{
    const forge_status_t problem = problem_of(inner);
    if (problem != FORGE_OK)
        return problem;
    *http = inner->status;
    forge_util_buf_printf(b, "\"status\":%d,\"body\":", inner->status);
    if (inner->body->len == 0)
        forge_util_buf_puts(b, "null");
    else if (inner->text)
        forge_util_buf_json(b, inner->body->data, inner->body->len);
    else
        forge_util_buf_add(b, inner->body->data, inner->body->len);
    return FORGE_OK;
}

/* Of all quotas that were touched the client is told the one with the least left. */
void forge_http_inner_tell(const forge_inner_t *inner, forge_req_t *q)
{
    apr_table_t *h = q->r->err_headers_out;
    const char *told = apr_table_get(h, "X-RateLimit-Remaining");
    if (!inner->limits)
        return;
    if (told && apr_atoi64(told) <= apr_atoi64(apr_table_get(inner->limits, "X-RateLimit-Remaining")))
        return;
    for (size_t i = 0; i < LIMIT_NAMES; i++)
        if (apr_table_get(inner->limits, limit_names[i]))
            apr_table_setn(h, limit_names[i], apr_pstrdup(q->pool, apr_table_get(inner->limits, limit_names[i])));
}

void forge_http_inner_child(apr_pool_t *pchild)
{
    if (apr_socket_create(&no_socket, APR_INET, SOCK_STREAM, APR_PROTO_TCP, pchild) != APR_SUCCESS)
        no_socket = NULL;
}

void forge_http_inner_register(void)
{
    capture_handle = ap_register_output_filter("FORGE_INNER", capture, NULL, AP_FTYPE_PROTOCOL);
    sink_handle = ap_register_output_filter("FORGE_INNER_OUT", sink, NULL, AP_FTYPE_NETWORK);
    dry_handle = ap_register_input_filter("FORGE_INNER_IN", dry, NULL, AP_FTYPE_NETWORK);
}
