/* SPDX-License-Identifier: Apache-2.0
 * The bytes of files: so many requests that move them at a time, their turn at the few connections that are for them,
 * and the answer with a file's content. Between a client and the database there is always a file without a name
 * (spool.c), so that neither waits for the other.
 */
#include "http_private.h"
#include "core/wire/wire.h"

#include <httpd.h>
#include <apr_atomic.h>
#include <apr_strings.h>
#include <string.h>

#define UNDER_WAY_MAX 128                   /* files on their way through one child … */
#define ACCOUNT_MAX   16                    /* … and of those who share a counter */
#define COUNTERS      4096                  /* of accounts; some may share one */
#define PIECE_MAX     (512 * 1024)          /* bytes of one piece */
#define FAREWELL      apr_time_from_sec(10) /* a child that is to stop goes on serving those who wait for so long */
#define BUSY_RETRY    5                     /* seconds in Retry-After */

/* --- how many at a time --- */

static apr_uint32_t under_way, of_account[COUNTERS];

static apr_uint32_t *counter_of(const forge_req_t *q)
{
    const apr_uint64_t start = (apr_uint64_t)(apr_uintptr_t)of_account; /* differs from start to start */
    return &of_account[forge_util_hash(start, forge_util_itoa(q->pool, q->who.user_id)) % COUNTERS];
}

static apr_status_t leave(void *counter)
{
    apr_atomic_dec32(counter);
    apr_atomic_dec32(&under_way);
    return APR_SUCCESS;
}

forge_status_t forge_http_files_enter(forge_req_t *q)
{
    apr_uint32_t *counter = counter_of(q);
    apr_uint32_t all = apr_atomic_inc32(&under_way), own = apr_atomic_inc32(counter);
    apr_pool_cleanup_register(q->pool, counter, leave, apr_pool_cleanup_null);
    if (all < UNDER_WAY_MAX && own < ACCOUNT_MAX)
        return FORGE_OK;
    apr_pool_cleanup_run(q->pool, counter, leave);
    forge_http_retry_after(q, BUSY_RETRY);
    return forge_fail_detail(q, FORGE_E_UNAVAILABLE,
                             "as many files are on their way as this server allows at a time; try again shortly");
}

/* --- whose turn it is --- */

typedef struct turn_t {
    forge_req_t *q;
    forge_served_fn serve;
} turn_t;

/* On the pump's thread. */
static bool my_turn(void *baton)
{
    return forge_http_db_share(((turn_t *)baton)->q, 0);
}

static int go(forge_req_t *q, forge_wake_t why, void *baton)
{
    const turn_t *turn = baton;
    if (why == FORGE_WAKE_GONE) {
        forge_http_db_done(q); /* the turn may have come at the same time */
        return OK;
    }
    return turn->serve(q, q->shared ? FORGE_OK : FORGE_E_POOL_EXHAUSTED);
}

/* Where nothing can be suspended forge_http_db waits on the thread, as long as for any connection. */
int forge_http_files_admit(forge_req_t *q, forge_served_fn serve)
{
    if (!forge_http_pump_can(q) || forge_http_db_share(q, 0))
        return serve(q, FORGE_OK);
    turn_t *turn = apr_palloc(q->pool, sizeof(*turn));
    *turn = (turn_t){q, serve};
    const forge_wait_t wait = {.ready = my_turn,
                               .go = go,
                               .baton = turn,
                               .patience = forge_config_queue(q->config)->patience,
                               .farewell = FAREWELL};
    return forge_http_pump_suspend(q, &wait);
}

/* --- the content of a file --- */

/* A range that the client wants only if it has these very bytes already; a date is none of them (RFC 9110 §13.1.5). */
static const char *range_header(forge_req_t *q, const forge_content_t *content)
{
    const char *condition = forge_http_header(q, "If-Range");
    if (q->r->header_only || (condition && strcmp(condition, content->etag) != 0))
        return NULL;
    return forge_http_header(q, "Range");
}

/* Piece by piece into a file without a name. */
static forge_status_t read_span(forge_req_t *q, const forge_content_t *content, apr_int64_t from, apr_int64_t length)
{
    apr_pool_t *turn;
    forge_status_t status = forge_http_spool_make(q, &q->reply->spool);
    apr_pool_create(&turn, q->pool);
    for (apr_int64_t at = from, end = from + length; status == FORGE_OK && at < end;) {
        forge_buf_t *b = forge_util_buf_make(turn, PIECE_MAX, PIECE_MAX);
        status = content->read(q, turn, content->baton, at, end - at, b);
        if (status == FORGE_OK && (b->failed || b->len == 0))
            status = FORGE_E_INTERNAL;
        if (status == FORGE_OK)
            status = forge_http_spool_add(q->reply->spool, b->data, b->len);
        at += (apr_int64_t)b->len;
        apr_pool_clear(turn);
    }
    apr_pool_destroy(turn);
    return status == FORGE_OK ? forge_http_spool_end(q->reply->spool) : status;
}

static void describe(forge_req_t *q, const forge_content_t *content)
{
    forge_reply_t *reply = q->reply;
    reply->set = true;
    reply->http = HTTP_OK;
    reply->media = content->media;
    reply->etag = content->etag;
    reply->packed = true; /* the tag is that of these bytes; no filter is to change them */
    forge_reply_header(q, "Accept-Ranges", "bytes");
    forge_reply_header(q, "Content-Disposition", forge_core_disposition(q->pool, content->name));
    /* Whatever else these bytes may be read as: nothing in them runs. */
    forge_reply_header(q, "Content-Security-Policy", "default-src 'none'; sandbox");
    forge_reply_header(q, "Cross-Origin-Resource-Policy", "same-origin");
}

static forge_status_t beyond(forge_req_t *q, const forge_content_t *content)
{
    apr_table_setn(q->r->err_headers_out, "Content-Range",
                   apr_psprintf(q->pool, "bytes */%" APR_INT64_T_FMT, content->size));
    return FORGE_E_RANGE;
}

/* One range is answered here and costs no more than its bytes. Several are httpd's business, which takes them out of
 * the whole. */
forge_status_t forge_reply_content(forge_req_t *q, const forge_content_t *content)
{
    apr_int64_t from = 0, length = content->size;
    const char *known = forge_http_header(q, "If-None-Match");
    if (!forge_http_named(q, content->etag))
        return FORGE_E_PRECONDITION_FAILED;
    describe(q, content);
    if (known && forge_core_etag_match(known, content->etag, true))
        return FORGE_OK; /* becomes a 304 */
    forge_ranges_t ranges = forge_core_ranges(range_header(q, content), content->size, &from, &length);
    if (ranges == FORGE_RANGES_BEYOND)
        return beyond(q, content);
    if (ranges != FORGE_RANGES_ONE) {
        from = 0;
        length = content->size;
    }
    if (ranges == FORGE_RANGES_NONE) /* httpd's own filter is not to see more in it */
        apr_table_unset(q->r->headers_in, "Range");
    q->reply->spooled = true;
    q->reply->length = length;
    if (ranges == FORGE_RANGES_ONE) {
        q->reply->http = HTTP_PARTIAL_CONTENT;
        forge_reply_header(q, "Content-Range",
                           apr_psprintf(q->pool, "bytes %" APR_INT64_T_FMT "-%" APR_INT64_T_FMT "/%" APR_INT64_T_FMT,
                                        from, from + length - 1, content->size));
    }
    if (q->r->header_only)
        return FORGE_OK;
    FORGE_TRY(forge_http_files_enter(q));
    return read_span(q, content, from, length);
}
