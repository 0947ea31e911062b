/* SPDX-License-Identifier: Apache-2.0
 * The queue before password hashes (DESIGN 4): so many requests at a time over all children, the others in the order of
 * their arrival. Who waits holds no thread where the MPM allows it; elsewhere a bounded number of threads waits.
 */
#include "http_private.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <ap_mpm.h>
#include <apr_atomic.h>
#include <stdlib.h>
#include <string.h>

APLOG_USE_MODULE(forge);

#define RETRY_SECONDS 2
#define FAREWELL      apr_time_from_sec(10) /* a child that is to stop goes on serving those who wait for so long */

/* One request's way through the queue. */
typedef struct forge_turn_t {
    forge_req_t *q;
    forge_served_fn serve;
    apr_uint64_t ticket; /* 0: none */
    apr_int64_t since;   /* when it came (forge_util_monotonic) */
    apr_int64_t waited;  /* until when it has waited and is not in the trace yet; 0: it has not */
    int place;           /* -1: none */
} forge_turn_t;

/* Gives back the place or the seat, whichever it is. */
static void end(forge_turn_t *t)
{
    if (t->ticket)
        forge_live_gate_quit(t->q->live, t->ticket);
    forge_live_gate_leave(t->q->live, t->place);
    t->ticket = 0;
    t->place = FORGE_GATE_WAIT;
}

static apr_status_t end_with_pool(void *turn)
{
    end(turn);
    return APR_SUCCESS;
}

static forge_turn_t *turn_of(forge_req_t *q)
{
    if (!q->turn) {
        q->turn = apr_pcalloc(q->pool, sizeof(*q->turn));
        q->turn->q = q;
        q->turn->place = FORGE_GATE_WAIT;
        apr_pool_cleanup_register(q->pool, q->turn, end_with_pool, apr_pool_cleanup_null);
    }
    return q->turn;
}

static forge_status_t refuse(forge_turn_t *t)
{
    end(t);
    forge_live_count(t->q->live, FORGE_C_HASH_REFUSED);
    forge_http_queue_trace(t->q);
    forge_http_retry_after(t->q, RETRY_SECONDS);
    return FORGE_E_BUSY;
}

/* Takes a place when one is free, else a seat. */
static bool arrive(forge_turn_t *t, int most)
{
    const forge_queue_t *rule = forge_config_queue(t->q->config);
    t->since = forge_util_monotonic();
    t->place = forge_live_gate_arrive(t->q->live, t->q->server->places, most < rule->most ? most : rule->most,
                                      rule->patience, &t->ticket);
    return t->place >= 0;
}

/* The end of waiting, with a place or without. */
static void took_turn(forge_turn_t *t, int place)
{
    t->place = place;
    t->ticket = 0;
    t->waited = forge_util_monotonic();
    if (place >= 0)
        forge_live_waited(t->q->live, t->waited - t->since);
}

/* Takes a place, and waits for it on this thread where it must. Half of a child's threads may wait so; the others go on
 * answering. With one thread a child half of the children may. */
static forge_status_t arrive_or_block(forge_turn_t *t)
{
    static apr_uint32_t blocked;
    const forge_queue_t *rule = forge_config_queue(t->q->config);
    int threads = 1, children = 1;
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children);
    bool may = apr_atomic_inc32(&blocked) < (apr_uint32_t)(threads > 1 ? threads / 2 : 1);
    if (!arrive(t, !may ? 0 : threads > 1 ? rule->most : children / 2) && t->ticket) {
        took_turn(t, forge_live_gate_wait(t->q->live, t->ticket, rule->patience));
    }
    apr_atomic_dec32(&blocked);
    return t->place >= 0 ? FORGE_OK : refuse(t);
}

/* On the pump's thread. */
static bool my_turn(void *turn)
{
    forge_turn_t *t = turn;
    int place = forge_live_gate_turn(t->q->live, t->ticket);
    if (place != FORGE_GATE_WAIT)
        took_turn(t, place);
    return place != FORGE_GATE_WAIT;
}

static int go(forge_req_t *q, forge_wake_t why, void *turn)
{
    forge_turn_t *t = turn;
    if (why == FORGE_WAKE_GONE) {
        end(t);
        return OK;
    }
    return t->serve(q, t->place >= 0 ? FORGE_OK : refuse(t));
}

int forge_http_queue_admit(forge_req_t *q, forge_served_fn serve)
{
    forge_turn_t *t = turn_of(q);
    const forge_queue_t *rule = forge_config_queue(q->config);
    const forge_wait_t wait = {
        .ready = my_turn, .go = go, .baton = t, .patience = rule->patience, .farewell = FAREWELL};
    t->serve = serve;
    if (!forge_http_pump_can(q))
        return serve(q, arrive_or_block(t));
    if (arrive(t, rule->most))
        return serve(q, FORGE_OK);
    return t->ticket ? forge_http_pump_suspend(q, &wait) : serve(q, refuse(t));
}

forge_status_t forge_http_queue_hold(forge_req_t *q)
{
    forge_turn_t *t = turn_of(q);
    if (t->place < 0)
        return arrive_or_block(t);
    forge_live_gate_renew(q->live, t->place);
    return FORGE_OK;
}

void forge_http_queue_trace(forge_req_t *q)
{
    forge_turn_t *t = q->turn;
    if (!t || !t->waited || !q->spans)
        return;
    forge_span_t *span = forge_server_span_add(q->spans, "password queue", FORGE_SPAN_INTERNAL, t->since);
    if (span)
        span->ended = span->begun + (t->waited - t->since);
    t->waited = 0;
}

/* A directive of httpd's as a number; `otherwise` when it is not said. */
static double said(const char *name, double otherwise)
{
    for (const ap_directive_t *d = ap_conftree; d; d = d->next)
        if (apr_cstr_casecmp(d->directive, name) == 0)
            otherwise = atof(d->args);
    return otherwise;
}

/* How many connections the children take together. */
static double connections(void)
{
    int children = 1, threads = 1;
    ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children);
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    return children * threads * (1 + said("AsyncRequestWorkerFactor", 2));
}

void forge_http_queue_advise(server_rec *s)
{
    int async = 0;
    ap_mpm_query(AP_MPMQ_IS_ASYNC, &async);
    for (; async && s; s = s->next) {
        const forge_config_t *c = forge_config_of_server(s);
        int most = forge_config_queue(c)->most;
        if (!forge_config_enabled(c) || most <= connections())
            continue;
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "FG0493: ForgeQueue lets %d requests wait, but the children take %.0f connections together; raise "
                     "AsyncRequestWorkerFactor (now %g)",
                     most, connections(), said("AsyncRequestWorkerFactor", 2));
        return;
    }
}

void forge_http_queue_leave(forge_req_t *q)
{
    if (q->turn)
        end(q->turn);
}
