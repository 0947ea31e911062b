/* SPDX-License-Identifier: Apache-2.0
 * Answers that are made while they are sent, in constant memory. A database connection is held for one piece at a time
 * and never while a client reads; a client that stops reading, or reads too slowly to come to an end, is cut off.
 */
#include "http_private.h"
#include "core/wire/wire.h"
#include "store/store.h"

#include <httpd.h>
#include <http_log.h>
#include <http_connection.h>
#include <http_protocol.h>
#include <apr_atomic.h>

APLOG_USE_MODULE(forge);

#define UNDER_WAY_MAX 2                       /* streams in one process: each holds a worker thread until it ends */
#define PIECE_MAX     (32 * 1024 * 1024)      /* bytes of one piece */
#define CHUNK         (16 * 1024)             /* bytes between two looks at the client */
#define LONGEST       apr_time_from_sec(1800) /* of one stream */
#define PATIENCE      apr_time_from_sec(5)    /* with a database that has no connection for the next piece */
#define SLOW_AFTER    30                      /* seconds after which a client must have read … */
#define SLOW_RATE     4096                    /* … so many bytes a second */
#define BUSY_RETRY    5                       /* seconds in Retry-After */

typedef struct forge_stream_t {
    forge_stream_fn next;
    void *baton;
    apr_pool_t *turn; /* of the present piece */
    forge_buf_t *piece;
    bool more;
    apr_int64_t begun; /* forge_util_monotonic */
    apr_off_t sent;
} forge_stream_t;

static apr_uint32_t under_way;

static apr_status_t leave(void *unused)
{
    (void)unused;
    apr_atomic_dec32(&under_way);
    return APR_SUCCESS;
}

/* Makes the next piece with a connection of its own. */
static forge_status_t make_piece(forge_req_t *q, forge_stream_t *stream)
{
    forge_lease_t *lease;
    forge_db_t *db;
    const forge_activity_t activity = forge_server_activity_as(q->r, stream->turn, "forge ");
    FORGE_TRY(forge_server_lease_take(stream->turn, q->server, activity, &lease, &db));
    forge_buf_t *b = forge_util_buf_make(stream->turn, 64 * 1024, PIECE_MAX);
    forge_status_t status = stream->next(q, db, stream->turn, stream->baton, b, &stream->more);
    forge_server_lease_return(lease);
    stream->piece = b;
    return status == FORGE_OK && b->failed ? FORGE_E_INTERNAL : status;
}

forge_status_t forge_reply_stream(forge_req_t *q, const char *media, forge_stream_fn next, void *baton)
{
    forge_stream_t *stream = apr_pcalloc(q->pool, sizeof(*stream));
    forge_http_db_done(q);
    apr_uint32_t before = apr_atomic_inc32(&under_way);
    apr_pool_cleanup_register(q->pool, NULL, leave, apr_pool_cleanup_null);
    if (before >= UNDER_WAY_MAX) {
        forge_http_retry_after(q, BUSY_RETRY);
        return forge_fail_detail(q, FORGE_E_UNAVAILABLE,
                                 "as many long downloads are under way as this server allows; try again shortly");
    }
    stream->next = next;
    stream->baton = baton;
    apr_pool_create(&stream->turn, q->pool);
    FORGE_TRY(make_piece(q, stream));
    q->reply->set = true;
    q->reply->http = forge_core_success(q->route);
    q->reply->media = media;
    q->reply->stream = stream;
    return FORGE_OK;
}

/* False: the client is gone, or as good as gone. */
static bool client_there(const forge_req_t *q, const forge_stream_t *stream)
{
    apr_interval_time_t took = forge_util_monotonic() - stream->begun;
    if (q->r->connection->aborted || took > LONGEST)
        return false;
    return apr_time_sec(took) < SLOW_AFTER || stream->sent >= apr_time_sec(took) * SLOW_RATE;
}

/* The present piece, flushed chunk by chunk: nothing is kept for a client that does not read. */
static bool send_piece(forge_req_t *q, forge_stream_t *stream, apr_bucket_brigade *bb)
{
    apr_bucket_alloc_t *alloc = q->r->connection->bucket_alloc;
    for (apr_size_t from = 0; from < stream->piece->len; from += CHUNK) {
        apr_size_t len = stream->piece->len - from < CHUNK ? stream->piece->len - from : CHUNK;
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_transient_create(stream->piece->data + from, len, alloc));
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_flush_create(alloc));
        apr_status_t rv = ap_pass_brigade(q->r->output_filters, bb);
        apr_brigade_cleanup(bb);
        stream->sent += (apr_off_t)len;
        if (rv != APR_SUCCESS || !client_there(q, stream))
            return false;
    }
    return true;
}

/* A moment without a free connection is waited for; the answer has begun and cannot become a 503 any more. */
static forge_status_t next_piece(forge_req_t *q, forge_stream_t *stream)
{
    apr_int64_t until = forge_util_monotonic() + PATIENCE;
    for (;;) {
        apr_pool_clear(stream->turn);
        forge_status_t status = make_piece(q, stream);
        if (forge_util_error(status)->http != HTTP_SERVICE_UNAVAILABLE || status == FORGE_OK ||
            forge_util_monotonic() > until)
            return status;
        apr_sleep(apr_time_from_msec(100));
    }
}

/* Sends no last chunk, so that the client sees that the answer was cut off (RFC 9112 §8). */
static void break_off(forge_req_t *q, apr_bucket_brigade *bb)
{
    conn_rec *c = q->r->connection;
    APR_BRIGADE_INSERT_TAIL(bb, ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, q->r->pool, c->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(bb, ap_bucket_eoc_create(c->bucket_alloc));
    c->keepalive = AP_CONN_CLOSE;
}

void forge_http_stream_send(forge_req_t *q)
{
    forge_stream_t *stream = q->reply->stream;
    request_rec *r = q->r;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    forge_status_t status = FORGE_OK;
    bool good = true;
    stream->begun = forge_util_monotonic();
    while (good && !r->header_only) {
        good = send_piece(q, stream, bb);
        if (!good || !stream->more)
            break;
        status = next_piece(q, stream);
        good = status == FORGE_OK;
    }
    if (status != FORGE_OK)
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "FG0490: %s ends after %" APR_OFF_T_FMT " bytes: %s [request %s]", q->route->operation,
                      stream->sent, forge_util_error(status)->code, q->request_id);
    if (!good)
        break_off(q, bb);
    apr_pool_destroy(stream->turn);
    apr_pool_cleanup_run(q->pool, NULL, leave);
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(r->connection->bucket_alloc));
    if (ap_pass_brigade(r->output_filters, bb) != APR_SUCCESS)
        r->connection->keepalive = AP_CONN_CLOSE;
}
