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

#define SLACK    apr_time_from_sec(5) /* beyond a call's own time, which the client keeps */
#define FAREWELL apr_time_from_sec(10)

struct forge_calls_t {
    forge_req_t *q;
    forge_served_fn serve;
    forge_ask_t ask;
    forge_dial_t dial;
    bool asked;   /* there is one to be made, or under way */
    bool counted; /* as a request that waits */
    int sends, fd;
    apr_int64_t again_at, until; /* times of forge_util_monotonic; 0: none */
};

/* --- one call --- */

static apr_status_t drop(void *data)
{
    forge_calls_t *calls = data;
    forge_http_dial_drop(&calls->dial);
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
static forge_status_t told(forge_calls_t *calls, const forge_call_result_t *result)
{
    const forge_ask_t ask = calls->ask;
    forge_dial_t dial = calls->dial;
    bool sound = sound_of(result);
    calls->asked = false;
    calls->dial.call = NULL;
    forge_status_t status = ask.then(calls->q, result, &sound);
    if (dial.call)
        forge_http_dial_end(&dial, result, sound);
    return status;
}

/* The same of a call that is not, or no longer, under way. */
static forge_status_t failed(forge_calls_t *calls, forge_call_outcome_t outcome, const char *why)
{
    return told(calls, &(forge_call_result_t){.outcome = outcome, .body = "", .why = why});
}

static forge_status_t begin(forge_calls_t *calls)
{
    const forge_dialled_t how = forge_http_dial(&calls->dial, calls->q, calls->ask.host, &calls->ask.spec);
    calls->until = forge_util_monotonic() + calls->ask.spec.connect + calls->ask.spec.total + SLACK;
    return how == FORGE_DIAL_BEGUN ? FORGE_OK : failed(calls, FORGE_CALL_UNSENT, forge_http_dial_why(how));
}

static forge_status_t look(forge_calls_t *calls)
{
    forge_call_result_t result;
    if (!forge_net_call_ended(calls->dial.call, &result))
        return FORGE_OK;
    if (result.outcome == FORGE_CALL_UNSENT && ++calls->sends < FORGE_DIAL_SENDS) {
        forge_http_dial_end(&calls->dial, &result, false);
        calls->again_at = forge_http_dial_again_at(calls->sends);
        return FORGE_OK;
    }
    return told(calls, &result);
}

/* Takes in what has come and goes on with what is to be asked next. */
static forge_status_t advance(forge_calls_t *calls)
{
    if (calls->dial.call)
        FORGE_TRY(look(calls));
    while (calls->asked && !calls->dial.call && calls->again_at <= forge_util_monotonic()) {
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
    forge_http_dial_drop(&calls->dial);
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
    calls->fd = calls->dial.call ? forge_net_call_fd(calls->dial.call) : -1;
    const forge_wait_t wait = {.ready = time_again,
                               .go = go,
                               .baton = calls,
                               .fds = &calls->fd,
                               .count = calls->dial.call != NULL,
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
        int fd = calls->dial.call ? forge_net_call_fd(calls->dial.call) : -1;
        forge_http_db_done(calls->q);
        if (!forge_http_block_nap(calls->q, &fd, calls->dial.call != NULL)) {
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
    forge_dial_t dial; /* without a call: it is over */
};

void forge_http_hear_end(forge_hearing_t *hearing)
{
    if (hearing->dial.call)
        forge_live_call_waits(hearing->q->live, -1);
    forge_http_dial_drop(&hearing->dial);
}

static apr_status_t end_with_pool(void *data)
{
    forge_http_hear_end(data);
    return APR_SUCCESS;
}

forge_hearing_t *forge_http_hear(forge_req_t *q, const forge_ask_t *ask, const char **why)
{
    forge_hearing_t *hearing = apr_pcalloc(q->pool, sizeof(*hearing));
    *hearing = (forge_hearing_t){.q = q, .ask = *ask};
    const forge_dialled_t how = forge_http_dial(&hearing->dial, q, ask->host, &ask->spec);
    *why = how == FORGE_DIAL_BEGUN ? "" : forge_http_dial_why(how);
    if (how != FORGE_DIAL_BEGUN)
        return NULL;
    forge_live_call_waits(q->live, 1);
    apr_pool_cleanup_register(q->pool, hearing, end_with_pool, apr_pool_cleanup_null);
    return hearing;
}

int forge_http_hear_fd(const forge_hearing_t *hearing)
{
    return forge_net_call_fd(hearing->dial.call);
}

/* Pieces of an answer that is no success are not passed on. What came before the end is heard before it. */
bool forge_http_hear_on(forge_hearing_t *hearing)
{
    apr_pool_t *p;
    forge_call_result_t result;
    forge_req_t *q = hearing->q;
    bool ended = forge_net_call_ended(hearing->dial.call, &result);
    apr_pool_create(&p, q->pool);
    forge_buf_t *b = forge_util_buf_make(p, 4096, hearing->ask.spec.ceiling + 1);
    int status = forge_net_call_more(hearing->dial.call, b);
    if (b->len && !b->failed && status == HTTP_OK)
        hearing->ask.heard(q, b->data, b->len);
    apr_pool_destroy(p);
    if (!ended)
        return true;
    bool sound = sound_of(&result);
    hearing->ask.then(q, &result, &sound);
    forge_live_call_waits(q->live, -1);
    forge_http_dial_end(&hearing->dial, &result, sound);
    return false;
}
