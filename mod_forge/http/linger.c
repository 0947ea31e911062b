/* SPDX-License-Identifier: Apache-2.0
 * The moment after an answer, under the event MPM: its bytes leave at once, and its thread waits a moment for the
 * client's next request.
 *
 * httpd keeps a small answer back until the request is over, and then gives the connection to its listener, which gives
 * the next request to another thread. These two wake-ups cost as much as a small request itself. A client that asks
 * again at once is served by the thread that it has.
 *
 * What keeps that harmless:
 *   - A flush waits for a client that does not read. So only a small answer is flushed, and only when the client has
 *     taken all that was sent before: then the socket has room for it. What is larger httpd writes by itself, as far as
 *     the socket takes it.
 *   - A thread lingers for a millisecond at most, after the request was counted and logged, and only while half of its
 *     child's threads are idle. So no request ever waits for one that lingers.
 *   - A thread whose clients do not ask again at once stops lingering, and tries again now and then.
 *   - Nothing of this happens for HTTP/2, whose connections have threads of their own, or under another MPM, where the
 *     thread stays with its connection anyway.
 */
#include "http_private.h"

#include <httpd.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_protocol.h>
#include <util_filter.h>
#include <ap_mpm.h>
#include <apr_portable.h>
#include <linux/sockios.h>
#include <poll.h>
#include <scoreboard.h>
#include <sys/ioctl.h>

#define SMALL     3072 /* bytes of a body that fits, with its headers, into any socket's buffer */
#define LINGER_MS 1    /* longest wait for the next request */
#define HOPE_MAX  8    /* how long good experience lasts: half as many disappointments */
#define RARELY    32   /* requests of a thread without hope until it tries again */

/* The request that this thread has just answered: one that is logged elsewhere, because its client took the answer late
 * or not at all, is none to linger for. */
static __thread const request_rec *answered;

/* What this thread has learned of its clients. */
static __thread int hope = HOPE_MAX, skipped;

static int threads_limit; /* places for threads in the scoreboard of a child; 0: this is not the event MPM */
static int threads;       /* in use */

void forge_http_linger_child(void)
{
    int async = 0;
    if (ap_mpm_query(AP_MPMQ_IS_ASYNC, &async) != APR_SUCCESS || !async ||
        ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) != APR_SUCCESS ||
        ap_mpm_query(AP_MPMQ_HARD_LIMIT_THREADS, &threads_limit) != APR_SUCCESS)
        threads_limit = 0;
}

static int socket_of(const request_rec *r)
{
    apr_os_sock_t fd = -1;
    apr_socket_t *socket = ap_get_conn_socket(r->connection);
    return socket && apr_os_sock_get(&fd, socket) == APR_SUCCESS ? fd : -1;
}

/* Whether the client has taken every byte that was sent to it. */
static bool caught_up(int fd)
{
    int left = 0;
    return ioctl(fd, SIOCOUTQ, &left) == 0 && left == 0;
}

/* Half of the threads of this child wait for work. */
static bool many_idle(const conn_rec *c)
{
    const int child = (int)(c->id / threads_limit);
    int idle = 0;
    for (int i = 0; i < threads && idle * 2 < threads; i++) {
        const worker_score *score = ap_get_scoreboard_worker_from_indexes(child, i);
        idle += score && score->status == SERVER_READY;
    }
    return idle * 2 >= threads;
}

void forge_http_linger_send(request_rec *r, apr_size_t len)
{
    conn_rec *c = r->connection;
    if (!threads_limit || c->master || r->main || r->prev || c->aborted)
        return;
    answered = r;
    if (len > SMALL || !caught_up(socket_of(r)))
        return;
    /* As httpd does at the end of a request: its own filters are through with it. */
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, c->bucket_alloc);
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_flush_create(c->bucket_alloc));
    if (ap_pass_brigade(c->output_filters, bb) != APR_SUCCESS)
        c->keepalive = AP_CONN_CLOSE;
}

/* Whether a filter holds the next request already, as it does for a client that sends several at once. To look is to
 * take it out of the socket, where httpd would wait for it: httpd has looked before when the end of this answer was
 * written only after the request, so it is told. */
static bool has_next(request_rec *r)
{
    conn_rec *c = r->connection;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, c->bucket_alloc);
    apr_status_t rv = ap_get_brigade(c->input_filters, bb, AP_MODE_SPECULATIVE, APR_NONBLOCK_READ, 1);
    bool has = !APR_STATUS_IS_EAGAIN(rv) && (rv != APR_SUCCESS || !APR_BRIGADE_EMPTY(bb));
    apr_brigade_cleanup(bb);
    if (has)
        c->data_in_input_filters = 1;
    return has;
}

/* Whether lingering has paid off on this thread of late. Where clients take their time, or the processors are too busy
 * for them to answer at once, it only costs: then one request in RARELY tries whether that has changed. */
static bool worth_it(void)
{
    return hope > 0 || ++skipped % RARELY == 0;
}

static void learn(bool came)
{
    if (came && hope < HOPE_MAX)
        hope++;
    else if (!came && hope > 0)
        hope -= 2;
}

int forge_http_linger(request_rec *r)
{
    const conn_rec *c = r->connection;
    if (answered != r)
        return DECLINED;
    answered = NULL;
    if (c->keepalive != AP_CONN_KEEPALIVE || c->aborted || !worth_it() || !many_idle(c))
        return DECLINED;
    if (has_next(r)) {
        learn(true);
        return DECLINED;
    }
    struct pollfd client = {.fd = socket_of(r), .events = POLLIN};
    learn(poll(&client, 1, LINGER_MS) > 0);
    return DECLINED;
}
