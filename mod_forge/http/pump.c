/* SPDX-License-Identifier: Apache-2.0
 * Requests that wait and hold no thread (DESIGN 5): a handler suspends its request, one thread in each child watches
 * all that sleep, and what was waited for runs on a worker again. For the event MPM; elsewhere forge_http_pump_can says
 * no.
 *
 * httpd lets a handler return SUSPENDED but has no way back into its own care, which makes three traps:
 *   - Its listener does not wake for a timer in the future. So the pump keeps the time, and registers a timer that has
 * already passed, which a worker runs at once.
 *   - A suspended connection is nobody's. After the answer it is closed here, by hand, and its pool with it; it cannot
 * be kept alive.
 *   - The thread that suspended it goes on for a few instructions after the last hook. Nothing tells when these are
 * over, so a connection is torn down a second after that hook at the earliest.
 *
 * A child that stops gracefully lives on until its last connection has ended, so that each request may still be
 * answered.
 */
#include "http_private.h"

#include <httpd.h>
#include <http_config.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <ap_mpm.h>
#include <apr_portable.h>
#include <apr_ring.h>
#include <apr_thread_mutex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

APLOG_USE_MODULE(forge);
extern module AP_MODULE_DECLARE_DATA forge_module;

#define TICK        100      /* milliseconds between two questions whether it is time, when nothing happens */
#define PASSED      (-20000) /* microseconds: a timer that httpd takes for due, whatever it rounds */
#define LINGER      apr_time_from_sec(2)          /* for the client to take the last bytes of the answer */
#define LET_GO      apr_time_from_sec(1)          /* after the last hook of the thread that suspended it */
#define CALM        apr_time_from_msec(TICK - 10) /* between two looks at those who are calm */
#define EVENTS      64
#define BATCH       16  /* of those who are calm that a worker takes at a time */
#define STATUS_GONE 499 /* in logs and metrics: the client left, there was no answer */

typedef enum stage_t {
    PARKED,  /* its handler has not returned yet */
    WAITING, /* in the ring, for what it waits for */
    RUNNING, /* on a worker, or on the way there */
    CLOSING  /* in the ring, until the client has read all */
} stage_t;

/* What epoll hands back: whose it is, and which of the two. */
typedef struct sleeper_t sleeper_t;
typedef struct ear_t {
    sleeper_t *sleeper;
    bool client; /* its connection; else a descriptor that it waits for */
} ear_t;

struct sleeper_t {
    APR_RING_ENTRY(sleeper_t) link;
    forge_req_t *q;
    request_rec *r;
    conn_rec *c;
    int fd;          /* -1: there is nothing to watch any more */
    unsigned events; /* that epoll watches it for; 0: none */
    forge_wait_t wait;
    stage_t stage;
    forge_wake_t why;
    bool gone;         /* the client has closed its side */
    bool rang;         /* one of its own descriptors is readable */
    apr_int64_t since; /* when httpd let go of it */
    apr_int64_t until; /* times of forge_util_monotonic */
    ear_t client, own;
};

typedef APR_RING_HEAD(sleepers_t, sleeper_t) sleepers_t;

/* One in each child. */
static struct {
    apr_thread_t *thread; /* NULL: nothing can be suspended here */
    apr_thread_mutex_t *lock;
    sleepers_t sleepers; /* WAITING and CLOSING */
    sleepers_t calm;     /* WAITING, and looked at only so often */
    apr_int64_t calm_at; /* when they were last looked at */
    int hurry;           /* they are to be looked at now */
    int epoll, bell;     /* the bell is an eventfd */
    sleepers_t turns;    /* calm ones whose turn has come, until a worker takes them */
    int workers;         /* threads of httpd */
    int processors;      /* that there are for them */
    int runners;         /* workers that take turns off the ring */
    unsigned taken;      /* batches of turns so far … */
    unsigned seen;       /* … at the last look */
    bool dozes;          /* the thread sleeps until the bell rings: there was nobody to look at */
    apr_int64_t stops;   /* since when the child stops; 0: it does not */
    bool ended;          /* the thread is to end, whatever sleeps */
} pump;

static char rung, watched; /* what epoll says of descriptors that are no client's */

/* --- in and out of the ring; all of it under the lock --- */

static void watch_client(sleeper_t *s, unsigned events)
{
    struct epoll_event event = {.events = events, .data.ptr = &s->client};
    if (s->events != events)
        epoll_ctl(pump.epoll, s->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, s->fd, &event);
    s->events = events;
}

static void unwatch_client(sleeper_t *s)
{
    if (s->events)
        epoll_ctl(pump.epoll, EPOLL_CTL_DEL, s->fd, NULL);
    s->events = 0;
}

static void watch_own(sleeper_t *s)
{
    for (int i = 0; i < s->wait.count; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = &s->own};
        epoll_ctl(pump.epoll, EPOLL_CTL_ADD, s->wait.fds[i], &event);
    }
}

static void enter(sleeper_t *s, stage_t stage, apr_interval_time_t patience)
{
    s->stage = stage;
    s->rang = false;
    s->gone &= stage == WAITING; /* while it waits it may have been noted during its turn */
    s->until = forge_util_monotonic() + patience;
    sleepers_t *ring = stage == WAITING && s->wait.calm ? &pump.calm : &pump.sleepers;
    APR_RING_INSERT_TAIL(ring, s, sleeper_t, link);
    if (!s->gone)
        watch_client(s, stage == WAITING && !s->wait.reads ? EPOLLRDHUP : EPOLLIN | EPOLLRDHUP);
    if (stage == WAITING)
        watch_own(s);
}

/* The client of a calm one is watched through its turn as well: it has thousands of them. */
static void leave(sleeper_t *s)
{
    if (s->stage != WAITING || !s->wait.calm || s->wait.reads)
        unwatch_client(s);
    for (int i = 0; s->stage == WAITING && i < s->wait.count; i++)
        epoll_ctl(pump.epoll, EPOLL_CTL_DEL, s->wait.fds[i], NULL);
    APR_RING_REMOVE(s, link);
}

void forge_http_pump_wake(void)
{
    const apr_uint64_t one = 1;
    if (pump.thread && write(pump.bell, &one, sizeof(one)) < 0)
        return; /* it rings already */
}

void forge_http_pump_hurry(void)
{
    __atomic_store_n(&pump.hurry, 1, __ATOMIC_RELEASE);
    forge_http_pump_wake();
}

/* --- on a worker --- */

/* Thousands of calm ones that begin to wait one after another must not wake the thread each time: it looks at them soon
 * anyway. What they wait for may have come while they ran, though. */
static void begin_wait(sleeper_t *s)
{
    apr_thread_mutex_lock(pump.lock);
    enter(s, WAITING, s->wait.patience);
    bool wakes = !s->wait.calm || pump.dozes;
    bool missed = s->wait.calm && s->wait.ready && s->wait.ready(s->wait.baton);
    apr_thread_mutex_unlock(pump.lock);
    if (missed)
        forge_http_pump_hurry();
    else if (wakes)
        forge_http_pump_wake();
}

/* What httpd does after a handler, and then the end of the connection. Its state says suspended until the last moment:
 * that is what httpd counted it as. */
static void finish(sleeper_t *s, int result)
{
    conn_rec *c = s->c;
    apr_thread_mutex_lock(pump.lock);
    unwatch_client(s); /* before its socket may be closed */
    apr_thread_mutex_unlock(pump.lock);
    if (!c->aborted)
        ap_die(result, s->r); /* with OK it only ends the answer */
    ap_process_request_after_handler(s->r);
    s->r = NULL;
    s->q = NULL;
    bool open = ap_start_lingering_close(c) == 0;
    if (!open)
        s->fd = -1;
    c->cs->state = CONN_STATE_SUSPENDED;
    apr_thread_mutex_lock(pump.lock);
    enter(s, CLOSING, open ? LINGER : 0);
    apr_thread_mutex_unlock(pump.lock);
    forge_http_pump_wake();
}

static void run(sleeper_t *s)
{
    apr_thread_mutex_lock(s->r->invoke_mtx); /* what its first thread wrote is seen here */
    apr_thread_mutex_unlock(s->r->invoke_mtx);
    s->c->keepalive = AP_CONN_CLOSE;
    if (s->why == FORGE_WAKE_GONE) {
        s->c->aborted = 1;
        s->r->status = STATUS_GONE;
    }
    int result = s->wait.go(s->q, s->why, s->wait.baton);
    if (result == SUSPENDED)
        begin_wait(s);
    else
        finish(s, result);
}

static void run_one(void *baton)
{
    run(baton);
}

/* Takes some of those whose turn has come. 0: there is nobody left, and this worker is done. */
static int take_turns(sleeper_t **batch)
{
    int n = 0;
    apr_thread_mutex_lock(pump.lock);
    for (; n < BATCH && !APR_RING_EMPTY(&pump.turns, sleeper_t, link); n++) {
        batch[n] = APR_RING_FIRST(&pump.turns);
        APR_RING_REMOVE(batch[n], link);
    }
    if (n)
        pump.taken++;
    else
        pump.runners--;
    apr_thread_mutex_unlock(pump.lock);
    return n;
}

static void run_turns(void *unused)
{
    sleeper_t *batch[BATCH];
    int n;
    (void)unused;
    while ((n = take_turns(batch)) > 0)
        for (int i = 0; i < n; i++)
            run(batch[i]);
}

/* --- on the pump's thread --- */

/* Reads away what a client still sends, so that the end of the connection does not take the answer with it. */
static void read_away(sleeper_t *s)
{
    char bytes[16 * 1024];
    if (recv(s->fd, bytes, sizeof(bytes), MSG_DONTWAIT) == 0)
        s->gone = true;
}

/* Notes one event of epoll: the bell, a descriptor of others, or the client of a sleeping request. */
static void take_note(const struct epoll_event *event)
{
    apr_uint64_t count;
    ear_t *ear = event->data.ptr;
    if (event->data.ptr == &rung) {
        if (read(pump.bell, &count, sizeof(count)) < 0)
            return;
    } else if (event->data.ptr != &watched && !ear->client) {
        ear->sleeper->rang = true;
    } else if (event->data.ptr != &watched) {
        sleeper_t *s = ear->sleeper;
        if (s->stage == CLOSING && event->events & EPOLLIN)
            read_away(s);
        if (s->stage == WAITING && s->wait.reads) /* an end of what it sends is read like the rest */
            s->rang = true;
        else
            s->gone |= (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        if (s->gone || s->rang) /* no more events: epoll would repeat this one until it is its turn */
            unwatch_client(s);
    }
}

/* Why it should go now; false: it sleeps on. */
static bool awake(sleeper_t *s, apr_int64_t now)
{
    if (s->gone)
        s->why = FORGE_WAKE_GONE;
    else if (s->rang || (s->wait.ready && s->wait.ready(s->wait.baton)))
        s->why = FORGE_WAKE_READY;
    else if (pump.stops && now - pump.stops >= s->wait.farewell)
        s->why = FORGE_WAKE_STOP;
    else if (now >= s->until)
        s->why = FORGE_WAKE_LATE;
    else
        return false;
    return true;
}

/* Sorts out those of a ring whose time has come: calm ones for pump.turns, the others for `going`. */
static void sort_ring(sleepers_t *ring, apr_int64_t now, sleepers_t *going, sleepers_t *closed)
{
    sleeper_t *next;
    for (sleeper_t *s = APR_RING_FIRST(ring); s != APR_RING_SENTINEL(ring, sleeper_t, link); s = next) {
        next = APR_RING_NEXT(s, link);
        bool go = s->stage == WAITING && awake(s, now);
        bool end = s->stage == CLOSING && (s->gone || now >= s->until) && now - s->since >= LET_GO;
        if (!go && !end)
            continue;
        leave(s);
        s->stage = RUNNING;
        APR_RING_INSERT_TAIL(end ? closed : s->wait.calm ? &pump.turns : going, s, sleeper_t, link);
    }
}

/* Sorts out those whose time has come, and says how long the others sleep, in milliseconds. Thousands may be calm:
 * what rings for one of the others must not cost a look at all of them. */
static int sort_out(sleepers_t *going, sleepers_t *closed)
{
    apr_int64_t now = forge_util_monotonic();
    sort_ring(&pump.sleepers, now, going, closed);
    if (__atomic_exchange_n(&pump.hurry, 0, __ATOMIC_ACQ_REL) || pump.stops || now - pump.calm_at >= CALM) {
        pump.calm_at = now;
        sort_ring(&pump.calm, now, going, closed);
    }
    pump.dozes = APR_RING_EMPTY(&pump.sleepers, sleeper_t, link) && APR_RING_EMPTY(&pump.calm, sleeper_t, link) &&
                 APR_RING_EMPTY(&pump.turns, sleeper_t, link);
    return pump.dozes ? -1 : TICK;
}

/* How many workers are to begin with turns. As many as there are processors get thousands of turns done soonest, and
 * leave the others to other requests. Where they stand still (a turn may ask the database, which may be slow), one more
 * comes each time. Under the lock. */
static int runners_wanted(void)
{
    int most = pump.processors, begin = 0;
    if (APR_RING_EMPTY(&pump.turns, sleeper_t, link))
        return 0;
    if (pump.runners >= most && pump.taken == pump.seen && pump.runners < pump.workers)
        most = pump.runners + 1;
    pump.seen = pump.taken;
    for (sleeper_t *s = APR_RING_FIRST(&pump.turns);
         pump.runners + begin < most && s != APR_RING_SENTINEL(&pump.turns, sleeper_t, link);
         s = APR_RING_NEXT(s, link))
        begin++;
    pump.runners += begin;
    return begin;
}

static void hand_over(void (*what)(void *baton), void *baton)
{
    if (ap_mpm_register_timed_callback(PASSED, what, baton) != APR_SUCCESS)
        what(baton); /* holds up the others, but loses nothing */
}

/* Hands them to workers and tears down what has ended. */
static void dispatch(sleepers_t *going, sleepers_t *closed, int runners)
{
    while (!APR_RING_EMPTY(going, sleeper_t, link)) {
        sleeper_t *s = APR_RING_FIRST(going);
        APR_RING_REMOVE(s, link);
        hand_over(run_one, s);
    }
    while (runners-- > 0)
        hand_over(run_turns, NULL);
    while (!APR_RING_EMPTY(closed, sleeper_t, link)) {
        sleeper_t *s = APR_RING_FIRST(closed);
        APR_RING_REMOVE(s, link);
        apr_pool_destroy(s->c->pool); /* s lies in it */
    }
}

static void *APR_THREAD_FUNC watch_all(apr_thread_t *self, void *unused)
{
    struct epoll_event events[EVENTS];
    sleepers_t going, closed;
    int sleep = -1, runners = 0;
    (void)self;
    (void)unused;
    APR_RING_INIT(&going, sleeper_t, link);
    APR_RING_INIT(&closed, sleeper_t, link);
    for (bool ended = false; !ended;) {
        int n = epoll_wait(pump.epoll, events, EVENTS, sleep);
        apr_thread_mutex_lock(pump.lock);
        for (int i = 0; i < n; i++)
            take_note(&events[i]);
        ended = pump.ended;
        if (!ended) {
            sleep = sort_out(&going, &closed);
            runners = runners_wanted();
        }
        apr_thread_mutex_unlock(pump.lock);
        if (forge_http_flight_watch())
            sleep = TICK;
        dispatch(&going, &closed, ended ? 0 : runners);
    }
    return NULL;
}

/* --- suspending --- */

bool forge_http_pump_can(const forge_req_t *q)
{
    const request_rec *r = q->r;
    const conn_rec *c = r->connection;
    return pump.thread && !r->main && !r->prev && !c->master && c->cs && !c->clogging_input_filters;
}

int forge_http_pump_suspend(forge_req_t *q, const forge_wait_t *wait)
{
    conn_rec *c = q->r->connection;
    sleeper_t *s = ap_get_module_config(c->conn_config, &forge_module);
    if (!s) {
        s = apr_pcalloc(c->pool, sizeof(*s));
        APR_RING_ELEM_INIT(s, link);
        s->q = q;
        s->r = q->r;
        s->c = c;
        s->client = (ear_t){.sleeper = s, .client = true};
        s->own = (ear_t){.sleeper = s};
        apr_os_sock_get(&s->fd, ap_get_conn_socket(c));
        ap_set_module_config(c->conn_config, &forge_module, s);
    }
    s->wait = *wait;
    return SUSPENDED;
}

/* httpd says this for every connection that leaves its thread, at the end of a request that was kept alive too. */
void forge_http_pump_suspended(conn_rec *c, request_rec *r)
{
    sleeper_t *s = ap_get_module_config(c->conn_config, &forge_module);
    (void)r;
    if (!s || s->stage != PARKED)
        return;
    s->since = forge_util_monotonic();
    begin_wait(s);
}

/* --- life of a child --- */

void forge_http_pump_stopping(apr_pool_t *pchild, int graceful)
{
    (void)pchild;
    if (!pump.thread)
        return;
    apr_thread_mutex_lock(pump.lock);
    pump.stops = forge_util_monotonic();
    pump.ended |= !graceful; /* the workers end as well */
    apr_thread_mutex_unlock(pump.lock);
    forge_http_pump_wake();
}

/* Before the pools go of which it knows. */
static apr_status_t end(void *unused)
{
    apr_status_t rv;
    (void)unused;
    apr_thread_mutex_lock(pump.lock);
    pump.ended = true;
    apr_thread_mutex_unlock(pump.lock);
    forge_http_pump_wake();
    apr_thread_join(&rv, pump.thread);
    pump.thread = NULL;
    close(pump.epoll);
    close(pump.bell);
    return APR_SUCCESS;
}

void forge_http_pump_watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &watched};
    if (pump.thread && fd >= 0)
        epoll_ctl(pump.epoll, EPOLL_CTL_ADD, fd, &event);
}

void forge_http_pump_child(apr_pool_t *pchild, server_rec *s)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &rung};
    int async = 0;
    if (ap_mpm_query(AP_MPMQ_IS_ASYNC, &async) != APR_SUCCESS || !async)
        return;
    APR_RING_INIT(&pump.sleepers, sleeper_t, link);
    APR_RING_INIT(&pump.calm, sleeper_t, link);
    APR_RING_INIT(&pump.turns, sleeper_t, link);
    pump.dozes = true;
    if (ap_mpm_query(AP_MPMQ_MAX_THREADS, &pump.workers) != APR_SUCCESS)
        pump.workers = 1;
    pump.processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (pump.processors < 2)
        pump.processors = 2;
    pump.epoll = epoll_create1(EPOLL_CLOEXEC);
    pump.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pump.epoll < 0 || pump.bell < 0 || epoll_ctl(pump.epoll, EPOLL_CTL_ADD, pump.bell, &event) != 0 ||
        apr_thread_mutex_create(&pump.lock, APR_THREAD_MUTEX_DEFAULT, pchild) != APR_SUCCESS ||
        apr_thread_create(&pump.thread, NULL, watch_all, NULL, pchild) != APR_SUCCESS) {
        pump.thread = NULL;
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "FG0492: could not start the thread that wakes waiting requests; they hold a thread each");
        return;
    }
    apr_pool_pre_cleanup_register(pchild, NULL, end);
}
