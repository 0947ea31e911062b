/* SPDX-License-Identifier: Apache-2.0
 * Services that a request asks and waits for: one call after the other, and between two of them a step on a worker. The
 * request is suspended meanwhile, and holds neither a thread nor a connection to the database; where that cannot be a
 * bounded number of threads waits. One thread of each child makes all calls (net/client.c); a breaker for each host,
 * shared by all children, leaves a sick one alone.
 *
 * A step is told how its call ended, whatever that was, and decides what becomes of the request.
 */
#include "http_private.h"

#include <httpd.h>

#define SENDS       3 /* of one call that cannot reach its host: nothing of it has left this machine */
#define FIRST_PAUSE apr_time_from_msec(100)
#define SLACK       apr_time_from_sec(5) /* beyond a call's own time, which the client keeps */
#define FAREWELL    apr_time_from_sec(10)

struct forge_calls_t {
    forge_req_t *q;
    forge_served_fn serve;
    forge_ask_t ask;
    forge_call_t *call; /* NULL: none under way */
    bool asked;         /* there is one to be made, or under way */
    bool counted;       /* as a request that waits */
    int breaker, sends, fd;
    apr_int64_t again_at, until; /* times of forge_util_monotonic; 0: none */
};

/* --- one call --- */

static apr_status_t drop(void *data)
{
    forge_calls_t *calls = data;
    if (calls->call) {
        forge_net_call_drop(calls->call);
        forge_live_breaker_given_up(calls->q->live, calls->breaker);
    }
    calls->call = NULL;
    if (calls->counted)
        forge_live_call_waits(calls->q->live, -1);
    calls->counted = false;
    return APR_SUCCESS;
}

void forge_http_call(forge_req_t *q, const forge_ask_t *ask)
{
    if (!q->calls) {
        q->calls = apr_pcalloc(q->pool, sizeof(*q->calls));
        q->calls->q = q;
        apr_pool_cleanup_register(q->pool, q->calls, drop, apr_pool_cleanup_null);
    }
    q->calls->ask = *ask;
    q->calls->asked = true;
    q->calls->sends = 0;
    q->calls->again_at = 0;
}

/* Whether the host does what it should, by the status alone: a request that it refuses is no fault of its. */
static bool sound_of(const forge_call_result_t *result)
{
    return result->outcome == FORGE_CALL_ANSWERED && result->status < HTTP_INTERNAL_SERVER_ERROR &&
           result->status != HTTP_TOO_MANY_REQUESTS;
}

/* Tells the step, which may ask for the next call. */
static forge_status_t told(forge_calls_t *calls, const forge_call_result_t *result, bool made)
{
    const forge_ask_t ask = calls->ask;
    forge_call_t *call = calls->call;
    bool sound = sound_of(result);
    calls->asked = false;
    calls->call = NULL;
    forge_status_t status = ask.then(calls->q, result, &sound);
    if (made)
        forge_live_breaker_told(calls->q->live, calls->breaker, sound);
    if (call)
        forge_net_call_drop(call);
    return status;
}

static forge_status_t failed(forge_calls_t *calls, forge_call_outcome_t outcome, const char *why)
{
    return told(calls, &(forge_call_result_t){.outcome = outcome, .body = "", .why = why}, false);
}

static forge_status_t begin(forge_calls_t *calls)
{
    forge_live_t *live = calls->q->live;
    calls->breaker = forge_live_breaker(live, calls->ask.host);
    if (!forge_live_breaker_allows(live, calls->breaker))
        return failed(calls, FORGE_CALL_UNSENT, "it is left alone, because most calls have failed");
    calls->call = forge_net_call(&calls->ask.spec);
    calls->until = forge_util_monotonic() + calls->ask.spec.connect + calls->ask.spec.total + SLACK;
    if (calls->call)
        return FORGE_OK;
    forge_live_breaker_given_up(live, calls->breaker);
    return failed(calls, FORGE_CALL_UNSENT, "too many calls are under way");
}

/* A while that doubles and is another for each. */
static void resend(forge_calls_t *calls)
{
    apr_uint16_t chance;
    apr_interval_time_t pause = FIRST_PAUSE << (calls->sends - 1);
    forge_util_random(&chance, sizeof(chance));
    forge_net_call_drop(calls->call);
    forge_live_breaker_told(calls->q->live, calls->breaker, false);
    calls->call = NULL;
    calls->again_at = forge_util_monotonic() + pause / 2 + pause * chance / 65536;
}

static forge_status_t look(forge_calls_t *calls)
{
    forge_call_result_t result;
    if (!forge_net_call_ended(calls->call, &result))
        return FORGE_OK;
    if (result.outcome == FORGE_CALL_UNSENT && ++calls->sends < SENDS) {
        resend(calls);
        return FORGE_OK;
    }
    return told(calls, &result, true);
}

/* Takes in what has come and goes on with what is to be asked next. */
static forge_status_t advance(forge_calls_t *calls)
{
    if (calls->call)
        FORGE_TRY(look(calls));
    while (calls->asked && !calls->call && calls->again_at <= forge_util_monotonic()) {
        calls->again_at = 0;
        FORGE_TRY(begin(calls));
    }
    return FORGE_OK;
}

static int serve(forge_calls_t *calls, forge_status_t status)
{
    drop(calls);
    return calls->serve(calls->q, status);
}

/* The child stops, or nothing has told of an end: as if it had not answered. No further call is made. */
static forge_status_t give_up(forge_calls_t *calls, const char *why)
{
    forge_call_t *call = calls->call;
    calls->call = NULL;
    if (call) {
        forge_net_call_drop(call);
        forge_live_breaker_given_up(calls->q->live, calls->breaker);
    }
    FORGE_TRY(failed(calls, FORGE_CALL_LATE, why));
    return calls->asked ? failed(calls, FORGE_CALL_LATE, why) : FORGE_OK;
}

/* --- without a thread --- */

static int go(forge_req_t *q, forge_wake_t why, void *baton);

/* On the pump's thread. */
static bool time_again(void *baton)
{
    const forge_calls_t *calls = baton;
    return calls->again_at && forge_util_monotonic() >= calls->again_at;
}

static int proceed(forge_calls_t *calls, forge_status_t status)
{
    if (status != FORGE_OK || !calls->asked)
        return serve(calls, status);
    forge_http_db_done(calls->q);
    calls->fd = calls->call ? forge_net_call_fd(calls->call) : -1;
    const forge_wait_t wait = {.ready = time_again,
                               .go = go,
                               .baton = calls,
                               .fds = &calls->fd,
                               .count = calls->call != NULL,
                               .patience = calls->until - forge_util_monotonic(),
                               .farewell = FAREWELL};
    return forge_http_pump_suspend(calls->q, &wait);
}

static int go(forge_req_t *q, forge_wake_t why, void *baton)
{
    forge_calls_t *calls = baton;
    switch (why) {
    case FORGE_WAKE_GONE:
        drop(calls);
        forge_http_idempotency_release(q);
        forge_http_db_done(q);
        return OK;
    case FORGE_WAKE_LATE:
        return serve(calls, give_up(calls, "it did not answer in time"));
    case FORGE_WAKE_STOP:
        return serve(calls, give_up(calls, "this server is being stopped"));
    default:
        return proceed(calls, advance(calls));
    }
}

/* --- with one --- */

static forge_status_t block(forge_calls_t *calls)
{
    forge_status_t status = advance(calls);
    while (status == FORGE_OK && calls->asked) {
        int fd = calls->call ? forge_net_call_fd(calls->call) : -1;
        forge_http_db_done(calls->q);
        if (!forge_http_block_nap(calls->q, &fd, calls->call != NULL)) {
            calls->q->r->connection->aborted = 1;
            return FORGE_E_UNAVAILABLE; /* nobody hears it */
        }
        apr_int64_t now = forge_util_monotonic();
        if (now >= calls->until)
            return give_up(calls, "it did not answer in time");
        if (forge_http_stopping() && calls->until > now + FAREWELL)
            calls->until = now + FAREWELL;
        status = advance(calls);
    }
    return status;
}

int forge_http_calls_wait(forge_req_t *q, forge_served_fn then)
{
    static apr_uint32_t blocked;
    forge_calls_t *calls = q->calls;
    calls->serve = then;
    forge_http_db_done(q);
    forge_live_call_waits(q->live, 1);
    calls->counted = true;
    if (forge_http_pump_can(q))
        return proceed(calls, advance(calls));
    bool may = forge_http_block_begin(q, &blocked, forge_live_calls_waiting);
    forge_status_t status = may ? block(calls) : give_up(calls, "too many requests wait already");
    forge_http_block_end(&blocked);
    return serve(calls, status);
}

/* --- an answer that is heard while it comes --- */

struct forge_hearing_t {
    forge_req_t *q;
    forge_ask_t ask;
    forge_call_t *call; /* NULL: it is over */
    int breaker;
};

void forge_http_hear_end(forge_hearing_t *hearing)
{
    if (hearing->call) {
        forge_net_call_drop(hearing->call);
        forge_live_breaker_given_up(hearing->q->live, hearing->breaker);
        forge_live_call_waits(hearing->q->live, -1);
    }
    hearing->call = NULL;
}

static apr_status_t end_with_pool(void *data)
{
    forge_http_hear_end(data);
    return APR_SUCCESS;
}

forge_hearing_t *forge_http_hear(forge_req_t *q, const forge_ask_t *ask, const char **why)
{
    forge_hearing_t *hearing = apr_pcalloc(q->pool, sizeof(*hearing));
    *hearing = (forge_hearing_t){.q = q, .ask = *ask, .breaker = forge_live_breaker(q->live, ask->host)};
    *why = "it is left alone, because most calls have failed";
    if (!forge_live_breaker_allows(q->live, hearing->breaker))
        return NULL;
    hearing->call = forge_net_call(&ask->spec);
    *why = "too many calls are under way";
    if (!hearing->call) {
        forge_live_breaker_given_up(q->live, hearing->breaker);
        return NULL;
    }
    forge_live_call_waits(q->live, 1);
    apr_pool_cleanup_register(q->pool, hearing, end_with_pool, apr_pool_cleanup_null);
    return hearing;
}

int forge_http_hear_fd(const forge_hearing_t *hearing)
{
    return forge_net_call_fd(hearing->call);
}

/* Pieces of an answer that is no success are not passed on. What came before the end is heard before it. */
bool forge_http_hear_on(forge_hearing_t *hearing)
{
    apr_pool_t *p;
    forge_call_result_t result;
    forge_req_t *q = hearing->q;
    bool ended = forge_net_call_ended(hearing->call, &result);
    apr_pool_create(&p, q->pool);
    forge_buf_t *b = forge_util_buf_make(p, 4096, hearing->ask.spec.ceiling + 1);
    int status = forge_net_call_more(hearing->call, b);
    if (b->len && !b->failed && status == HTTP_OK)
        hearing->ask.heard(q, b->data, b->len);
    apr_pool_destroy(p);
    if (!ended)
        return true;
    bool sound = sound_of(&result);
    hearing->ask.then(q, &result, &sound);
    forge_live_breaker_told(q->live, hearing->breaker, sound);
    forge_live_call_waits(q->live, -1);
    forge_net_call_drop(hearing->call);
    hearing->call = NULL;
    return false;
}
