/* SPDX-License-Identifier: Apache-2.0
 * Several GETs as one (SPEC 11). Each path is a request of its own (inner.c): its location's guard and authorization,
 * its own count in its quota, its own status.
 *
 * First all of them pass httpd's phases up to their handlers, in order. Then what is not ours (back ends, programs,
 * files) goes to helpers, which run it side by side, while our own routes are served here, one after the other: each
 * takes a connection to the database for a moment and gives it back, so that an aggregate never holds two. What is late
 * is answered 504 in its place. A helper that still waits for its back end then is waited for after the answer has been
 * sent, because its request uses what the client's connection knows.
 */
#include "http_private.h"

#include <httpd.h>
#include <apr_strings.h>
#include <http_protocol.h>
#include <string.h>

#define BASE "/api/v1"
#define ANSWER_MAX \
    (6 * FORGE_AGGREGATE_BYTES + 65536) /* a text may grow in JSON: six bytes for a control character \
                                         */

typedef struct part_t {
    const char *path;
    forge_inner_t *inner; /* NULL: it was not begun, or is gone */
    forge_errand_t errand;
    bool handed; /* to a helper */
    bool done;   /* its answer is there */
    bool runs;   /* a helper is still at it */
} part_t;

struct forge_aggregate_t {
    forge_req_t *q;
    forge_room_t room;
    forge_errands_t errands;
    apr_int64_t until; /* forge_util_monotonic */
    int count;
    part_t part[FORGE_AGGREGATE_MAX];
    bool complete, late;
};

static bool in_time(const forge_aggregate_t *a)
{
    return forge_util_monotonic() < a->until;
}

static void run(void *inner)
{
    forge_http_inner_run(inner);
}

/* Up to its handler; what is refused on the way is done. */
static void begin(forge_aggregate_t *a, part_t *part)
{
    if (!in_time(a))
        return;
    part->inner = forge_http_inner_make(a->q, apr_pstrcat(a->q->pool, BASE, part->path, NULL), &a->room);
    part->done = part->inner && !forge_http_inner_begin(part->inner);
    if (!part->inner || part->done || forge_http_inner_local(part->inner) || !forge_http_helpers_are())
        return;
    part->errand = (forge_errand_t){.run = run, .baton = part->inner};
    part->handed = true;
    forge_http_errand_add(&a->errands, &part->errand);
}

/* On this thread; whoever is begun is not interrupted, and has bounds of its own. */
static void serve_here(forge_aggregate_t *a)
{
    for (int i = 0; i < a->count; i++) {
        part_t *part = &a->part[i];
        if (!part->inner || part->done || part->handed || !in_time(a))
            continue;
        forge_http_inner_run(part->inner);
        part->done = true;
    }
}

static void settle(forge_aggregate_t *a)
{
    forge_http_errands_wait(&a->errands, a->until);
    for (int i = 0; i < a->count; i++)
        if (a->part[i].handed) {
            const forge_errand_state_t state = forge_http_errand_settle(&a->part[i].errand);
            a->part[i].done = state == FORGE_ERRAND_DONE;
            a->part[i].runs = state == FORGE_ERRAND_RUNS;
            a->late = a->late || a->part[i].runs;
        }
    __atomic_store_n(&a->room.over, true, __ATOMIC_RELAXED);
}

/* --- the answer --- */

static void write_problem(forge_aggregate_t *a, const part_t *part, forge_status_t status, forge_buf_t *b)
{
    const int http = forge_util_error(status)->http;
    const char *instance =
        apr_pstrcat(a->q->pool, BASE, apr_pstrndup(a->q->pool, part->path, strcspn(part->path, "?")), NULL);
    const forge_problem_t problem = {
        .r = a->q->r, .status = status, .http = http, .request_id = a->q->request_id, .instance = instance};
    forge_util_buf_printf(b, "\"status\":%d,\"body\":", http);
    forge_http_problem_write(b, &problem);
}

/* What the server owes and did not give: an answer that may be another one later, or when asked for alone. */
static bool is_missing(int http)
{
    return http >= HTTP_INTERNAL_SERVER_ERROR || http == HTTP_TOO_MANY_REQUESTS || http == HTTP_NOT_ACCEPTABLE;
}

static void write_part(forge_aggregate_t *a, part_t *part, forge_buf_t *b)
{
    int http = HTTP_OK;
    forge_status_t problem = part->done ? forge_http_inner_write(part->inner, b, &http) : FORGE_E_TIMEOUT;
    if (part->done)
        forge_http_inner_tell(part->inner, a->q);
    if (problem != FORGE_OK) {
        http = forge_util_error(problem)->http;
        write_problem(a, part, problem, b);
    }
    a->complete = a->complete && !is_missing(http);
    if (part->inner && !part->runs) {
        forge_http_inner_drop(part->inner);
        part->inner = NULL;
    }
}

static forge_buf_t *write_all(forge_aggregate_t *a)
{
    forge_buf_t *b = forge_util_buf_make(a->q->pool, 4096, ANSWER_MAX);
    forge_util_buf_puts(b, "{\"results\":[");
    for (int i = 0; i < a->count; i++) {
        forge_util_buf_puts(b, i ? ",{\"path\":" : "{\"path\":");
        forge_util_buf_json(b, a->part[i].path, strlen(a->part[i].path));
        forge_util_buf_puts(b, ",");
        write_part(a, &a->part[i], b);
        forge_util_buf_puts(b, "}");
    }
    forge_util_buf_printf(b, "],\"complete\":%s}", a->complete ? "true" : "false");
    return b;
}

forge_status_t forge_reply_aggregate(forge_req_t *q, const forge_paths_t *paths)
{
    forge_aggregate_t *a = apr_pcalloc(q->pool, sizeof(*a));
    if (forge_server_inner(q->r))
        return FORGE_E_NOT_IN_AGGREGATE;
    forge_http_db_done(q); /* else each path would wait for a second connection */
    *a = (forge_aggregate_t){.q = q,
                             .room = {.left = FORGE_AGGREGATE_BYTES},
                             .until = forge_util_monotonic() + forge_config_aggregate_timeout(q->config),
                             .count = paths->count,
                             .complete = true};
    q->aggregate = a;
    forge_http_errands_begin(&a->errands);
    for (int i = 0; i < a->count; i++)
        a->part[i].path = paths->path[i];
    for (int i = 0; i < a->count; i++)
        begin(a, &a->part[i]);
    serve_here(a);
    settle(a);
    forge_reply_header(q, "Cache-Control", "no-store");
    if (a->late) /* this connection has to wait for who is late */
        q->r->connection->keepalive = AP_CONN_CLOSE;
    return forge_reply_buf(q, write_all(a), NULL);
}

/* What was sent may still be in httpd's filters. */
static void flush(request_rec *r)
{
    conn_rec *c = r->connection;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, c->bucket_alloc);
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_flush_create(c->bucket_alloc));
    ap_pass_brigade(c->output_filters, bb);
}

void forge_http_aggregate_end(forge_req_t *q)
{
    forge_aggregate_t *a = q->aggregate;
    if (!a)
        return;
    if (a->late)
        flush(q->r);
    forge_http_errands_end(&a->errands);
    for (int i = 0; i < a->count; i++)
        if (a->part[i].inner)
            forge_http_inner_drop(a->part[i].inner);
}
