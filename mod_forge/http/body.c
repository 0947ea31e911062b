/* SPDX-License-Identifier: Apache-2.0
 * Request bodies as bytes: read with a ceiling and a deadline, or read away so that the connection can go on.
 * A body that is already there costs no wait. Whoever sends slowly holds a thread, so waiting is bounded three times:
 * for the whole body, for all who wait in this child, and for each address.
 */
#include "http_private.h"

#include <httpd.h>
#include <http_core.h>
#include <http_protocol.h>
#include <ap_mpm.h>
#include <apr_atomic.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <poll.h>
#include <string.h>

#define DRAIN_MAX    (256 * 1024)            /* bytes read away after an error before the connection is rather closed */
#define H2_DRAIN_MAX (32 * 1024 * 1024)      /* the same for a stream, which has no connection of its own to close */
#define AUTH_MAX     (16 * 1024)             /* bytes of a body with credentials: they are open to anyone */
#define TIME_FIXED   apr_time_from_sec(10)   /* for any body … */
#define RATE         (16 * 1024)             /* … and a second for each so many bytes of it */
#define GRACE        apr_time_from_msec(100) /* a wait so short counts in no share */
#define LOOK_EVERY   apr_time_from_msec(1000) /* while waiting, other filters may have a time-out of their own */
#define H2_NAP       apr_time_from_msec(5)    /* a stream of HTTP/2 has no socket to wait on */
#define H2_DRAIN     apr_time_from_msec(300)  /* for more of the body of a stream that was answered early … */
#define H2_LONGEST   apr_time_from_sec(5)     /* … and for all of it */
#define H2_WORKERS   256                      /* H2MaxWorkers of conf/examples/mpm.conf */
#define DRAINS       32                       /* streams of a child that may wait for longer than H2_DRAIN … */
#define DRAINS_OWN   4                        /* … and of one address */
#define SHARES       4096                     /* counters of waiting readers; addresses may share one */
#define BUSY_RETRY   2                        /* seconds in Retry-After */

static forge_status_t read_error(apr_status_t rv)
{
    switch (ap_map_http_request_error(rv, HTTP_BAD_REQUEST)) {
    case HTTP_REQUEST_ENTITY_TOO_LARGE:
        return FORGE_E_BODY_TOO_LARGE;
    case HTTP_REQUEST_TIME_OUT:
        return FORGE_E_REQUEST_TIMEOUT;
    default:
        return FORGE_E_BAD_REQUEST;
    }
}

/* Hands the data of a brigade on; true at the end of the body, or when nobody wants more of it. */
static bool take(forge_reader_t *reader, apr_bucket_brigade *bb, apr_status_t *rv)
{
    bool end = false;
    for (apr_bucket *b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb) && !end; b = APR_BUCKET_NEXT(b)) {
        const char *data;
        apr_size_t len;
        if (APR_BUCKET_IS_EOS(b)) {
            end = true;
        } else if (!APR_BUCKET_IS_METADATA(b)) {
            *rv = apr_bucket_read(b, &data, &len, APR_BLOCK_READ);
            if (*rv != APR_SUCCESS)
                return true;
            reader->got += (apr_off_t)len;
            end = !reader->sink(reader->baton, data, len);
        }
    }
    apr_brigade_cleanup(bb);
    return end;
}

/* --- waiting for more of a body --- */

/* Requests of this child that wait: all, and by address. */
typedef struct waiting_t {
    apr_uint32_t all, of[SHARES];
} waiting_t;

static waiting_t reading, draining;

static apr_uint32_t *share_of(waiting_t *waiting, const char *address)
{
    const apr_uint64_t start = (apr_uint64_t)(apr_uintptr_t)waiting; /* differs from start to start */
    return &waiting->of[forge_util_hash(start, address) % SHARES]; /* the low bits: the last character counts in them */
}

void forge_http_reader_leave(forge_reader_t *reader)
{
    if (!reader->share)
        return;
    apr_atomic_dec32(reader->share);
    apr_atomic_dec32(reader->all);
    reader->share = NULL;
}

/* False, and not counted: as many wait as may, or as many of this address. */
static bool enter(forge_req_t *q, forge_reader_t *reader, waiting_t *waiting, apr_uint32_t most, apr_uint32_t most_own)
{
    reader->all = &waiting->all;
    reader->share = share_of(waiting, forge_http_address(q));
    apr_uint32_t all = apr_atomic_inc32(reader->all), own = apr_atomic_inc32(reader->share);
    if (all < most && own < most_own)
        return true;
    forge_http_reader_leave(reader);
    return false;
}

/* Three threads of four may wait for bodies, and one of four for those of one address; the others answer those who have
 * none, health checks first of all. Streams of HTTP/2 have workers of their own, whose number httpd does not tell. */
static bool enter_reading(forge_req_t *q, forge_reader_t *reader)
{
    int threads = 0;
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    if (reader->c->master && threads > H2_WORKERS)
        threads = H2_WORKERS;
    if (threads < 4)
        return enter(q, reader, &reading, APR_UINT32_MAX, APR_UINT32_MAX);
    return enter(q, reader, &reading, (apr_uint32_t)threads * 3 / 4, (apr_uint32_t)threads / 4);
}

/* Sleeps until there may be more, for so long at most. */
static void sleep_on(forge_reader_t *reader, apr_interval_time_t most)
{
    struct pollfd watch = {.events = POLLIN};
    apr_int64_t since = forge_util_monotonic();
    if (reader->c->master)
        apr_sleep(most < H2_NAP ? most : H2_NAP);
    else if (apr_os_sock_get(&watch.fd, ap_get_conn_socket(reader->c)) == APR_SUCCESS)
        poll(&watch, 1, (int)(most / 1000) + 1);
    reader->wait += forge_util_monotonic() - since;
}

/* A body whose size is believed has one deadline, which a client that sends a little now and then does not move. The
 * others must keep up with the rate all the time. */
apr_interval_time_t forge_http_reader_left(const forge_reader_t *reader)
{
    apr_off_t size = reader->size > reader->got ? reader->size : reader->got;
    return reader->begun + TIME_FIXED + size * APR_USEC_PER_SEC / RATE - forge_util_monotonic();
}

bool forge_http_reader_patient(const forge_reader_t *reader)
{
    return reader->wait < GRACE;
}

forge_status_t forge_http_reader_wait(forge_req_t *q, forge_reader_t *reader)
{
    apr_interval_time_t left = forge_http_reader_left(reader);
    if (left <= 0)
        return FORGE_E_REQUEST_TIMEOUT;
    if (!reader->share && reader->wait >= GRACE && !enter_reading(q, reader)) {
        forge_http_retry_after(q, BUSY_RETRY);
        return forge_fail_detail(q, FORGE_E_UNAVAILABLE,
                                 "too many bodies are on their way to this server; send it again, in one go");
    }
    apr_interval_time_t most = reader->share ? LOOK_EVERY : GRACE;
    sleep_on(reader, most < left ? most : left);
    return FORGE_OK;
}

/* --- reading --- */

/* Says that the body may come to a client that waits for that: nothing in the headers speaks against it (RFC 9110,
 * 10.1.1). httpd says it by itself only where a read may wait. */
static void invite(request_rec *r)
{
    const int status = r->status;
    if (!r->expecting_100)
        return;
    r->status = HTTP_CONTINUE;
    ap_send_interim_response(r, 0);
    r->status = status;
    r->expecting_100 = 0;
}

forge_status_t forge_http_reader_take(forge_req_t *q, forge_reader_t *reader)
{
    apr_bucket_brigade *bb = reader->bb;
    apr_status_t rv = ap_get_brigade(q->r->input_filters, bb, AP_MODE_READBYTES, APR_NONBLOCK_READ, HUGE_STRING_LEN);
    reader->dry = APR_STATUS_IS_EAGAIN(rv) || (rv == APR_SUCCESS && APR_BRIGADE_EMPTY(bb));
    if (reader->dry) {
        invite(q->r);
        return FORGE_OK;
    }
    if (rv == APR_SUCCESS)
        reader->end = take(reader, bb, &rv);
    return rv == APR_SUCCESS ? FORGE_OK : read_error(rv);
}

forge_reader_t forge_http_reader_make(forge_req_t *q, apr_off_t size, forge_bytes_fn sink, void *baton)
{
    conn_rec *c = q->r->connection;
    return (forge_reader_t){.c = c,
                            .bb = apr_brigade_create(q->pool, c->bucket_alloc),
                            .sink = sink,
                            .baton = baton,
                            .size = size,
                            .begun = forge_util_monotonic()};
}

/* --- whole bodies --- */

static apr_off_t most_bytes(const forge_req_t *q)
{
    apr_off_t max =
        q->route->flags & FORGE_R_BUNDLE ? forge_config_max_bundle(q->config) : forge_config_max_body(q->config);
    return q->route->limit == FORGE_LIMIT_AUTH && max > AUTH_MAX ? AUTH_MAX : max;
}

static bool keep(void *buf, const char *data, apr_size_t len)
{
    forge_util_buf_add(buf, data, len);
    return !((forge_buf_t *)buf)->failed;
}

static forge_status_t body_read(forge_req_t *q, forge_reader_t *reader, const forge_buf_t *buf)
{
    apr_off_t max = most_bytes(q);
    forge_status_t status = FORGE_OK;
    while (!reader->end && status == FORGE_OK) {
        status = forge_http_reader_take(q, reader);
        if (status == FORGE_OK && reader->dry)
            status = forge_http_reader_wait(q, reader);
        if (status == FORGE_OK && (buf->failed || (apr_off_t)buf->len > max))
            status = FORGE_E_BODY_TOO_LARGE;
    }
    if (status != FORGE_OK)
        reader->c->keepalive = AP_CONN_CLOSE; /* the answer does not wait for the rest */
    return status;
}

forge_status_t forge_http_body_announced(forge_req_t *q, apr_off_t max, apr_off_t *said)
{
    const char *length = forge_http_header(q, "Content-Length");
    *said = 0;
    return length && (!ap_parse_strict_length(said, length) || *said > max) ? FORGE_E_BODY_TOO_LARGE : FORGE_OK;
}

forge_status_t forge_http_body_read(forge_req_t *q, const char **data, apr_size_t *len)
{
    apr_off_t max = most_bytes(q), said;
    FORGE_TRY(forge_http_body_announced(q, max, &said));
    forge_buf_t *buf =
        forge_util_buf_make(q->pool, said > 0 && said < 65536 ? (apr_size_t)said + 1 : 4096, (apr_size_t)max + 1);
    forge_reader_t reader = forge_http_reader_make(q, said, keep, buf);
    forge_status_t status = body_read(q, &reader, buf);
    forge_http_reader_leave(&reader);
    *data = buf->data ? buf->data : "";
    *len = buf->len;
    return status;
}

/* --- reading away --- */

/* HTTP/2 resets a stream that is answered before its body has come, and clients take that for a failure. While more of
 * it comes it is waited for; whoever takes long has few places, since any request may be refused. */
static bool drain_wait(forge_req_t *q, forge_reader_t *reader, apr_interval_time_t *idle)
{
    if (!reader->c->master || *idle >= H2_DRAIN || reader->wait >= H2_LONGEST)
        return false;
    if (!reader->share && reader->wait >= H2_DRAIN && !enter(q, reader, &draining, DRAINS, DRAINS_OWN))
        return false;
    *idle -= reader->wait;
    sleep_on(reader, H2_NAP);
    *idle += reader->wait;
    return true;
}

/* Whether something is left to read away. HTTP/2 announces nothing, and what its streams say of keeping them alive
 * means nothing. */
static bool may_have_body(request_rec *r)
{
    if (r->connection->master)
        return r->method_number != M_GET;
    return r->connection->keepalive != AP_CONN_CLOSE &&
           (apr_table_get(r->headers_in, "Content-Length") || apr_table_get(r->headers_in, "Transfer-Encoding"));
}

/* Reads what is there, or comes in time, and so many bytes at most. True: the body is at its end. */
static bool read_away(forge_req_t *q, forge_reader_t *reader, apr_off_t most)
{
    request_rec *r = q->r;
    apr_interval_time_t idle = 0;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    for (apr_off_t left = most, got = 0; left > 0; left -= got) {
        apr_status_t rv = ap_get_brigade(r->input_filters, bb, AP_MODE_READBYTES, APR_NONBLOCK_READ, HUGE_STRING_LEN);
        got = 0;
        if (APR_STATUS_IS_EAGAIN(rv) && drain_wait(q, reader, &idle))
            continue;
        if (rv != APR_SUCCESS)
            return false; /* what is not there yet is not waited for: the answer is ready, and a slow sender must not
                             hold a thread */
        if (APR_BRIGADE_EMPTY(bb) ||
            APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(bb))) /* an empty brigade: the body had been read before */
            return true;
        apr_brigade_length(bb, 1, &got);
        apr_brigade_cleanup(bb);
        idle = 0;
    }
    return false;
}

void forge_http_body_drain(forge_req_t *q)
{
    request_rec *r = q->r;
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    const apr_off_t most = r->connection->master ? H2_DRAIN_MAX : DRAIN_MAX;
    forge_reader_t reader = {.c = r->connection};
    if (r->main || !may_have_body(r))
        return;
    bool small = !length || (ap_parse_strict_length(&reader.size, length) && reader.size <= most);
    if (r->expecting_100 || !small || !read_away(q, &reader, most))
        r->connection->keepalive = AP_CONN_CLOSE;
    forge_http_reader_leave(&reader);
}
