/* SPDX-License-Identifier: Apache-2.0
 * Answers on their way: a budget for the bytes that wait for clients to read them, and an end for clients that do not.
 *
 * httpd keeps what a client has not read yet in memory, and its time-out begins anew with every byte that is taken. So
 * a large answer is noted here from the moment it is made until httpd has written it (then it destroys the request).
 * What exceeds the budget is answered 503; a client past its deadline is cut off.
 */
#include "http_private.h"

#include <httpd.h>
#include <http_core.h>
#include <ap_mpm.h>
#include <apr_portable.h>
#include <apr_ring.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUDGET        (24 * 1024 * 1024)    /* bytes under way, of all children together … */
#define BUDGET_MIN    (4 * 1024 * 1024)     /* … but in each of them at least */
#define TIME_FIXED    apr_time_from_sec(10) /* to read any answer … */
#define RATE          (40 * 1024)           /* … and a second for each so many bytes of it */
#define REMEMBERED    256                   /* large answers that found no room, and for how long each is remembered */
#define MEMORY        apr_time_from_sec(30)
#define RETRY_CROWDED 5 /* seconds in Retry-After */

typedef struct flight_t {
    APR_RING_ENTRY(flight_t) link;
    apr_size_t bytes;
    apr_int64_t until; /* forge_util_monotonic */
    int fd;            /* our own descriptor of the client's socket: its number is nobody else's; -1: none */
    const conn_rec *c; /* the client's; for a stream of HTTP/2 the one that carries it */
} flight_t;

/* A large answer that found no room, by what was asked. */
typedef struct refused_t {
    apr_uint64_t question;
    apr_size_t bytes;
    apr_int64_t until;
} refused_t;

/* One in each child. */
static struct {
    pthread_mutex_t lock;
    refused_t refused[REMEMBERED];
    APR_RING_HEAD(flights_t, flight_t) flights;
    apr_size_t bytes;
    int count;
} air = {.lock = PTHREAD_MUTEX_INITIALIZER};

static apr_size_t budget(void)
{
    int children = 1;
    ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children);
    apr_size_t share = BUDGET / (apr_size_t)(children > 0 ? children : 1);
    return share > BUDGET_MIN ? share : BUDGET_MIN;
}

/* When httpd closes the socket, what the kernel still has for the client goes with it. Otherwise the kernel would keep
 * that for minutes. */
static void drop_unsent(int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

/* Under the lock. The socket is only shut: httpd then finds that it cannot write, and tidies up by itself. */
static void cut_late(apr_int64_t now)
{
    flight_t *f;
    APR_RING_FOREACH(f, &air.flights, flight_t, link)
    if (f->fd >= 0 && now >= f->until) {
        drop_unsent(f->fd);
        shutdown(f->fd, SHUT_RDWR);
        close(f->fd);
        f->fd = -1;
    }
}

bool forge_http_flight_watch(void)
{
    pthread_mutex_lock(&air.lock);
    bool any = air.count > 0;
    if (any)
        cut_late(forge_util_monotonic());
    pthread_mutex_unlock(&air.lock);
    return any;
}

/* Where httpd's own time-out was faster, it has given the connection up. */
static apr_status_t land(void *flight)
{
    flight_t *f = flight;
    pthread_mutex_lock(&air.lock); /* whoever cuts off closes the descriptor, whose number may then be another's */
    APR_RING_REMOVE(f, link);
    air.bytes -= f->bytes;
    air.count--;
    const int fd = f->fd;
    f->fd = -1;
    pthread_mutex_unlock(&air.lock);
    if (fd >= 0 && f->c->aborted)
        drop_unsent(fd);
    if (fd >= 0)
        close(fd);
    return APR_SUCCESS;
}

/* Under the lock. */
static bool take_off(flight_t *f)
{
    if (air.count == 0)
        APR_RING_INIT(&air.flights, flight_t, link);
    cut_late(forge_util_monotonic());
    if (f->bytes > 0 && air.count > 0 && air.bytes + f->bytes > budget())
        return false;
    APR_RING_INSERT_TAIL(&air.flights, f, flight_t, link);
    air.bytes += f->bytes;
    air.count++;
    return true;
}

/* All that an answer depends on, as a number. */
static apr_uint64_t question_of(forge_req_t *q)
{
    static const char *const names[] = {"Authorization", "Cookie", "Accept"};
    apr_uint64_t hash = forge_util_hash(FORGE_HASH_START ^ (apr_uintptr_t)q->server, q->r->unparsed_uri);
    for (int i = 0; i < 3; i++) {
        const char *text = forge_http_header(q, names[i]);
        hash = forge_util_hash(forge_util_hash(hash, "\n"), text ? text : "");
    }
    return hash;
}

/* Under the lock. */
static void remember(apr_uint64_t question, apr_size_t bytes)
{
    air.refused[question % REMEMBERED] =
        (refused_t){.question = question, .bytes = bytes, .until = forge_util_monotonic() + MEMORY};
}

static bool half_full(void)
{
    pthread_mutex_lock(&air.lock);
    bool full = air.bytes > budget() / 2;
    pthread_mutex_unlock(&air.lock);
    return full;
}

/* To make a large answer and then throw it away would take the database from others, again and again. */
bool forge_http_flight_hopeless(forge_req_t *q)
{
    if (!q->route || q->route->method != FORGE_GET || q->r->header_only || !half_full() ||
        forge_http_header(q, "If-None-Match"))
        return false;
    apr_uint64_t question = question_of(q);
    const refused_t *refused = &air.refused[question % REMEMBERED];
    pthread_mutex_lock(&air.lock);
    bool hopeless = refused->question == question && forge_util_monotonic() < refused->until && air.count > 0 &&
                    air.bytes + refused->bytes > budget();
    pthread_mutex_unlock(&air.lock);
    return hopeless;
}

static int socket_of(const conn_rec *c)
{
    int fd = -1;
    apr_socket_t *socket = ap_get_conn_socket((conn_rec *)c);
    if (!socket || apr_os_sock_get(&fd, socket) != APR_SUCCESS || fd < 0)
        return -1;
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* What large answers took goes back to the system when they have been sent, instead of staying in the heap of a thread:
 * glibc would raise this bound by itself after the first of them. */
void forge_http_flight_child(void)
{
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, FORGE_FLIGHT_SMALL);
    mallopt(M_TRIM_THRESHOLD, 4 * FORGE_FLIGHT_SMALL);
#endif
}

bool forge_http_flight_begin(forge_req_t *q, apr_size_t size, bool in_memory)
{
    if (size <= FORGE_FLIGHT_SMALL || q->r->header_only)
        return true;
    flight_t *f = apr_pcalloc(q->pool, sizeof(*f));
    APR_RING_ELEM_INIT(f, link);
    f->bytes = in_memory ? size : 0;
    f->until = forge_util_monotonic() + TIME_FIXED + (apr_int64_t)size * APR_USEC_PER_SEC / RATE;
    f->c = q->r->connection->master ? q->r->connection->master : q->r->connection;
    f->fd = socket_of(f->c);
    pthread_mutex_lock(&air.lock);
    bool free = take_off(f);
    if (!free)
        remember(question_of(q), f->bytes);
    pthread_mutex_unlock(&air.lock);
    if (free)
        apr_pool_cleanup_register(q->pool, f, land, apr_pool_cleanup_null);
    else if (f->fd >= 0)
        close(f->fd);
    return free;
}

forge_status_t forge_http_crowded(forge_req_t *q)
{
    forge_http_retry_after(q, RETRY_CROWDED);
    return forge_fail_detail(
        q, FORGE_E_UNAVAILABLE,
        "too many large answers wait for their clients to read them; try again shortly, or ask for less");
}
