/* SPDX-License-Identifier: Apache-2.0
 * Server-Sent Events (WHATWG HTML 9.2): answers that stay open and say what is new. An open stream holds no thread, no
 * connection to the database and no buffer: it lies in the pump's ring until its source has something, or until it is
 * time for a heartbeat.
 *
 * A turn of a stream runs on a worker: the credential is looked at again, the source is asked, and what it said is
 * written as far as the client's socket takes it without waiting. While bytes are left the source is not asked, so that
 * a slow reader costs one buffer of a bounded size, and only for a while: then it is cut off.
 *
 * Where nothing can be suspended (HTTP/2, other MPMs) the same turns are taken by a thread that waits in between. Their
 * number is bounded.
 */
#include "http_private.h"
#include "core/wire/wire.h"

#include <httpd.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <apr_strings.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <util_filter.h>

APLOG_USE_MODULE(forge);

#define BEAT         apr_time_from_sec(14) /* between two signs of life; a tick of the pump may be added */
#define ASK_AGAIN    apr_time_from_sec(60) /* between two questions to the database about a credential */
#define BEHIND_MAX   apr_time_from_sec(20) /* to read what was written, before a slow reader is cut off */
#define VANISHED     25000                 /* milliseconds after which the kernel gives up a client that says nothing */
#define RETRY        3000                  /* milliseconds after which a client comes again */
#define RETRY_SPREAD 2000                  /* … and so many more at most, when all are sent away at once */
#define KERNEL_MAX   (16 * 1024)           /* bytes that the kernel may hold for a client; it doubles this */
#define CHUNK        4096                  /* bytes that a socket takes which says that it can be written to */
#define BUSY_RETRY   5                     /* seconds in Retry-After */
#define TURNS        32                    /* pools of turns that are kept for later ones */
#define TURN_FREE    (16 * 1024)           /* bytes that such a pool keeps beside its first block */

struct forge_events_t {
    forge_req_t *q;
    forge_events_source_t *source;
    apr_bucket_brigade *bb;
    apr_pool_t *turn; /* of what was said and is not written yet; NULL: all is written */
    forge_buf_t *out;
    apr_size_t sent;       /* of out */
    apr_int64_t beat_at;   /* times of forge_util_monotonic */
    apr_int64_t asked_at;  /* when the database was last asked about the credential */
    apr_int64_t behind_at; /* since when out is not written; 0: it is */
    int place;             /* among the open streams; -1: none */
    int fd;                /* -1: it is not ours to look at */
    bool more;             /* the source had more to say than there was room for */
    bool over;             /* the last event is in out */
    bool blocked;          /* a thread is counted that waits */
    bool ended;
};

static apr_uint32_t blocked;

/* --- pools of turns --- */

/* A turn has memory of its own, which does not stay with the stream: what the request's pool has taken once it keeps.
 * Most turns are over at once. Their pools are used again, since to map and unmap memory ten thousand times is what
 * telling ten thousand streams would cost most. */
static struct {
    pthread_mutex_t lock;
    apr_pool_t *pools[TURNS];
    int count;
} turns = {.lock = PTHREAD_MUTEX_INITIALIZER};

static apr_pool_t *turn_pool(void)
{
    apr_pool_t *p = NULL;
    pthread_mutex_lock(&turns.lock);
    if (turns.count > 0)
        p = turns.pools[--turns.count];
    pthread_mutex_unlock(&turns.lock);
    if (p || apr_pool_create_unmanaged(&p) != APR_SUCCESS)
        return p;
    apr_allocator_max_free_set(apr_pool_allocator_get(p), TURN_FREE);
    return p;
}

static void turn_pool_done(apr_pool_t *p)
{
    apr_pool_clear(p);
    pthread_mutex_lock(&turns.lock);
    bool kept = turns.count < TURNS;
    if (kept)
        turns.pools[turns.count++] = p;
    pthread_mutex_unlock(&turns.lock);
    if (!kept)
        apr_pool_destroy(p);
}

/* --- what a source says --- */

/* Lines end at LF, CR or both; each one is a line of data, and an empty text has one. */
static void put_data(forge_buf_t *b, const char *data, apr_size_t len)
{
    const char *end = data + len;
    for (;;) {
        const char *at = data;
        while (at < end && *at != '\n' && *at != '\r')
            at++;
        forge_util_buf_puts(b, "data: ");
        forge_util_buf_add(b, data, (apr_size_t)(at - data));
        forge_util_buf_add(b, "\n", 1);
        if (at == end)
            return;
        data = at + (*at == '\r' && at + 1 < end && at[1] == '\n' ? 2 : 1);
    }
}

bool forge_events_put(forge_events_t *e, const char *id, const char *event, const char *data, apr_size_t len)
{
    forge_buf_t *b = e->out;
    apr_size_t before = b->len;
    if (id)
        forge_util_buf_printf(b, "id: %s\n", id);
    if (event)
        forge_util_buf_printf(b, "event: %s\n", event);
    put_data(b, data, len);
    forge_util_buf_add(b, "\n", 1);
    if (!b->failed)
        return true;
    b->len = before;
    b->failed = false;
    e->more = true;
    e->over |= before == 0; /* it will never fit */
    return false;
}

void forge_events_mark(forge_events_t *e, const char *id)
{
    forge_util_buf_printf(e->out, "id: %s\n\n", id);
}

void forge_events_end(forge_events_t *e)
{
    e->over = true;
}

const char *forge_events_last_id(forge_req_t *q)
{
    const char *id = forge_http_header(q, "Last-Event-ID");
    apr_size_t len = id ? strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") : 0;
    return id && len > 0 && len <= FORGE_EVENT_ID_MAX && !id[len] ? id : NULL;
}

/* --- beginning and end --- */

/* Gives back what a stream holds. Called at its end, and by the pool at the latest. */
static void release(forge_events_t *e)
{
    if (e->ended)
        return;
    e->ended = true;
    if (e->source->end)
        e->source->end(e->source->baton);
    if (e->turn)
        turn_pool_done(e->turn);
    e->turn = NULL;
    forge_live_stream_close(e->q->live, e->place);
    if (e->blocked)
        forge_http_block_end(&blocked);
}

static apr_status_t release_with_pool(void *data)
{
    release(data);
    return APR_SUCCESS;
}

/* A place among the open streams, and where it is needed a thread that may wait. */
static forge_status_t admit(forge_events_t *e)
{
    forge_req_t *q = e->q;
    FORGE_TRY(forge_server_stream_open(q->r, q->server, forge_server_limit_account(&q->who), &e->place));
    if (forge_http_pump_can(q))
        return FORGE_OK;
    e->blocked = true;
    if (forge_http_block_begin(q, &blocked, forge_live_streams_open))
        return FORGE_OK;
    forge_http_retry_after(q, BUSY_RETRY);
    return forge_fail_detail(q, FORGE_E_UNAVAILABLE,
                             "as many streams are open as can hold a thread here; over HTTP/1.1 there may be room");
}

forge_status_t forge_reply_events(forge_req_t *q, forge_events_source_t *source)
{
    forge_events_t *e = apr_pcalloc(q->pool, sizeof(*e));
    *e = (forge_events_t){.q = q, .source = source, .place = -1, .fd = forge_http_socket(q)};
    apr_pool_cleanup_register(q->pool, e, release_with_pool, apr_pool_cleanup_null);
    if (!q->r->header_only)
        FORGE_TRY(admit(e));
    q->reply->set = true;
    q->reply->http = HTTP_OK;
    q->reply->media = "text/event-stream";
    q->reply->events = e;
    forge_reply_header(q, "Cache-Control", "no-store");
    forge_reply_header(q, "X-Accel-Buffering", "no"); /* nginx in front would keep events back */
    return FORGE_OK;
}

/* --- writing --- */

/* The kernel gives up a client that has vanished, and keeps little for each, where the connection ends with the
 * stream. */
static void tune(const forge_events_t *e, bool ends)
{
    int bytes = KERNEL_MAX;
    unsigned patience = VANISHED;
    if (e->fd < 0)
        return;
    if (ends)
        setsockopt(e->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    setsockopt(e->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof(patience));
}

/* Whether a chunk can be written without waiting: the kernel says so once a third of the buffer is free. Over HTTP/2
 * there is nobody to ask, and the thread may wait as long as httpd's Timeout. */
static bool writable(const forge_events_t *e)
{
    struct pollfd client = {.fd = e->fd, .events = POLLOUT};
    return e->fd < 0 || (poll(&client, 1, 0) > 0 && client.revents & POLLOUT);
}

static bool write_chunk(forge_events_t *e)
{
    request_rec *r = e->q->r;
    apr_size_t left = e->out->len - e->sent, len = left < CHUNK ? left : CHUNK;
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    APR_BRIGADE_INSERT_TAIL(e->bb, apr_bucket_transient_create(e->out->data + e->sent, len, alloc));
    APR_BRIGADE_INSERT_TAIL(e->bb, apr_bucket_flush_create(alloc));
    apr_status_t rv = ap_pass_brigade(r->output_filters, e->bb);
    apr_brigade_cleanup(e->bb);
    e->sent += len;
    return rv == APR_SUCCESS && !r->connection->aborted;
}

/* Writes what there is, as far as the client takes it. False: the client is gone. */
static bool write_out(forge_events_t *e)
{
    bool good = true;
    while (good && e->sent < e->out->len && writable(e)) {
        good = write_chunk(e);
        e->beat_at = forge_util_monotonic() + BEAT;
    }
    if (e->sent < e->out->len) {
        if (!e->behind_at)
            e->behind_at = forge_util_monotonic();
        return good;
    }
    turn_pool_done(e->turn);
    e->turn = NULL;
    e->behind_at = 0;
    return good;
}

/* The client loses what it has not read: its connection ends at once, and nothing waits for it. */
static void cut(forge_events_t *e)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (e->fd >= 0) {
        setsockopt(e->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        shutdown(e->fd, SHUT_RDWR);
    }
    e->q->r->connection->aborted = 1;
}

/* --- one turn --- */

static bool begin_turn(forge_events_t *e)
{
    e->turn = turn_pool();
    if (!e->turn)
        return false;
    e->out = forge_util_buf_make(e->turn, 0, FORGE_EVENTS_MAX);
    e->sent = 0;
    return true;
}

/* SECURITY 55. A failure to find out ends the stream too: its client comes again and is told why. */
static bool still_good(const forge_events_t *e, bool ask)
{
    forge_req_t *q = e->q;
    return forge_server_still_good(q->r, q->server, e->turn, &q->who, ask) == FORGE_OK;
}

/* Whether the turn may begin. The database is asked now and then, memory each time. */
static bool may_ask(forge_events_t *e, apr_int64_t now)
{
    bool ask = now - e->asked_at >= ASK_AGAIN;
    if (ask)
        e->asked_at = now;
    return still_good(e, ask);
}

/* Asks the source, and puts a comment where it has nothing to say for long. A source may take its time: what it says
 * is only for a session that has not ended meanwhile. */
static void ask(forge_events_t *e)
{
    apr_int64_t now = forge_util_monotonic();
    const apr_size_t before = e->out->len;
    e->more = false;
    if (!may_ask(e, now)) {
        e->over = true;
        return;
    }
    forge_status_t status = e->source->ask(e->q, e->turn, e, e->source->baton);
    forge_http_db_done(e->q);
    if (status != FORGE_OK) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, e->q->r, "FG0494: %s ends its stream: %s [request %s]",
                      e->q->route->operation, forge_util_error(status)->code, e->q->request_id);
        e->over = true;
    }
    if (e->out->len > before && !still_good(e, false)) {
        e->out->len = before;
        e->over = true;
    }
    if (e->out->len == 0 && now >= e->beat_at)
        forge_util_buf_puts(e->out, ":\n\n");
}

/* Goes on with a stream. False: it is over, and all is said and written, or the client is gone. */
static bool turn(forge_events_t *e)
{
    if (!e->turn) {
        if (!begin_turn(e))
            return false;
        ask(e);
    }
    if (!write_out(e))
        return false;
    if (e->behind_at && forge_util_monotonic() - e->behind_at >= BEHIND_MAX) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, e->q->r, "FG0495: a client that does not read is cut off [request %s]",
                      e->q->request_id);
        cut(e);
        return false;
    }
    return e->turn || !e->over;
}

/* The child stops: clients come again after a while, not all of them at once. */
static void say_goodbye(forge_events_t *e)
{
    apr_uint16_t chance;
    forge_util_random(&chance, sizeof(chance));
    if (e->turn || !begin_turn(e)) /* it is behind: what it has not read it asks for again */
        return;
    forge_util_buf_printf(e->out, "retry: %d\n\n", RETRY / 3 + chance * RETRY_SPREAD / 65536);
    write_out(e);
}

/* Leaves nothing behind that the end of the answer would have to wait for. */
static int end(forge_events_t *e)
{
    if (e->turn || !writable(e))
        cut(e);
    release(e);
    return OK;
}

/* --- between two turns --- */

/* On the pump's thread, or on the thread that waits. */
static bool ready(void *baton)
{
    const forge_events_t *e = baton;
    if (e->turn)
        return writable(e);
    return e->more || (e->source->ready && e->source->ready(e->source->baton));
}

static apr_int64_t earlier(apr_int64_t a, apr_int64_t b)
{
    return a < b ? a : b;
}

/* When the next turn is due whatever happens. */
static apr_interval_time_t patience_of(const forge_events_t *e)
{
    apr_int64_t now = forge_util_monotonic(), at = e->beat_at;
    if (e->turn)
        at = e->behind_at + BEHIND_MAX;
    else if (e->source->every)
        at = earlier(at, now + e->source->every);
    apr_interval_time_t patience = at - now;
    if (e->q->who.expires)
        patience = earlier(patience, e->q->who.expires - apr_time_now());
    return patience > 0 ? patience : 0;
}

static int suspend(forge_events_t *e);

static int go(forge_req_t *q, forge_wake_t why, void *baton)
{
    forge_events_t *e = baton;
    if (why == FORGE_WAKE_GONE) {
        q->r->status = HTTP_OK; /* which is how most streams end */
        release(e);
        return OK;
    }
    if (why == FORGE_WAKE_STOP) {
        say_goodbye(e);
        return end(e);
    }
    return turn(e) ? suspend(e) : end(e);
}

static int suspend(forge_events_t *e)
{
    const forge_wait_t wait = {.ready = ready,
                               .go = go,
                               .baton = e,
                               .fds = e->turn ? NULL : e->source->fds,
                               .count = e->turn ? 0 : e->source->count,
                               .patience = patience_of(e),
                               .calm = !e->source->prompt || e->turn};
    return forge_http_pump_suspend(e->q, &wait);
}

/* Until it is time for a turn. False: the client has left, or the child stops. */
static bool sit_out(const forge_events_t *e)
{
    apr_int64_t until = forge_util_monotonic() + patience_of(e);
    for (;;) {
        if (ready((void *)e) || forge_util_monotonic() >= until)
            return true;
        int count = e->turn ? 0 : e->source->count;
        struct pollfd fds[FORGE_BLOCK_FDS];
        for (int i = 0; i < count; i++)
            fds[i] = (struct pollfd){.fd = e->source->fds[i], .events = POLLIN};
        if (!forge_http_block_nap(e->q, e->source->fds, count)) {
            e->q->r->connection->aborted = 1;
            return false;
        }
        if (forge_http_stopping())
            return false;
        if (count && poll(fds, (nfds_t)count, 0) > 0)
            return true;
    }
}

static int block(forge_events_t *e)
{
    bool on = true, open = true;
    while (on && open) {
        on = turn(e);
        open = on && sit_out(e);
    }
    if (on && !e->q->r->connection->aborted)
        say_goodbye(e);
    return end(e);
}

/* --- the first turn; the headers are set --- */

int forge_http_events_send(forge_req_t *q)
{
    forge_events_t *e = q->reply->events;
    request_rec *r = q->r;
    apr_table_setn(r->subprocess_env, "no-gzip", "1"); /* what is compressed is kept back */
    apr_table_setn(r->subprocess_env, "no-brotli", "1");
    if (r->header_only || !begin_turn(e))
        return OK;
    bool suspends = forge_http_pump_can(q);
    if (suspends) /* said by a header: a connection that is marked to be closed has no chunks, whose last says the end
                   */
        apr_table_setn(r->headers_out, "Connection", "close");
    tune(e, suspends);
    e->bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    e->beat_at = forge_util_monotonic() + BEAT;
    e->asked_at = forge_util_monotonic();
    forge_util_buf_printf(e->out, "retry: %d\n\n", RETRY);
    ask(e);
    if (!suspends)
        return block(e);
    return turn(e) ? suspend(e) : end(e);
}
