/* SPDX-License-Identifier: Apache-2.0
 * The container engine, asked by one request for all: that one holds its thread for a few seconds at most, and what it
 * hears lies in shared memory for whoever asks next. Those who come meanwhile are suspended; where that cannot be a
 * bounded number of threads waits, and the others are content with what was said before.
 */
#include "http_private.h"

#include <httpd.h>
#include <http_log.h>

APLOG_USE_MODULE(forge);

#define FAREWELL apr_time_from_sec(10)
#define PATIENCE (FORGE_ENGINE_PATIENCE + apr_time_from_sec(5)) /* who asks may die, and another one begin */
#define TEXT_MAX (16 << 20)                                     /* of what is written; shared memory takes less */

typedef struct wait_t {
    forge_req_t *q;
    forge_served_fn serve;
    const char *name;
    bool counted; /* as a request that waits for a service */
} wait_t;

static apr_status_t uncount(void *data)
{
    wait_t *w = data;
    if (w->counted)
        forge_live_call_waits(w->q->live, -1);
    w->counted = false;
    return APR_SUCCESS;
}

static int serve(wait_t *w, forge_status_t status)
{
    uncount(w);
    return w->serve(w->q, status);
}

void forge_http_containers(forge_req_t *q, forge_containers_fn write)
{
    q->containers = write;
}

/* --- who asks --- */

static forge_engine_said_t said_of(const forge_docker_said_t *said, const forge_buf_t *b)
{
    return (forge_engine_said_t){.outcome = b->failed ? FORGE_E_UNAVAILABLE : FORGE_OK,
                                 .at = apr_time_now(),
                                 .total = said->total,
                                 .running = said->running,
                                 .unhealthy = said->unhealthy,
                                 .text = b->failed ? NULL : b->data,
                                 .len = b->failed ? 0 : b->len};
}

/* What fails is told as well, so that an engine that hangs is asked once in a while and not once a request. Why it
 * failed is for the log, and only when it begins to. */
static void ask(wait_t *w)
{
    apr_pool_t *p;
    const char *why = "";
    forge_req_t *q = w->q;
    forge_docker_said_t said;
    apr_pool_create(&p, q->pool);
    const forge_docker_ask_t asked = {forge_config_docker(q->config), FORGE_ENGINE_PATIENCE, forge_http_stopping};
    forge_docker_end_t end = forge_net_docker_ask(p, &asked, &said, &why);
    forge_buf_t *b = forge_util_buf_make(p, 65536, TEXT_MAX);
    forge_engine_said_t told = {.outcome = end == FORGE_DOCKER_LATE ? FORGE_E_TIMEOUT : FORGE_E_BAD_GATEWAY,
                                .at = apr_time_now()};
    if (end == FORGE_DOCKER_OK) {
        q->containers(b, &said);
        told = said_of(&said, b);
    }
    if (forge_live_engine_told(q->live, w->name, &told) && end != FORGE_DOCKER_OK)
        forge_http_warn(q, "FG0590", "the container engine %s could not be asked: %s", w->name, why);
    apr_pool_destroy(p);
    forge_http_pump_wake();
}

/* --- who waits --- */

static bool is_told(void *baton)
{
    const wait_t *w = baton;
    return forge_live_engine_look(w->q->live, w->name) != FORGE_ENGINE_WAIT;
}

static int go(forge_req_t *q, forge_wake_t why, void *baton);

static int proceed(wait_t *w)
{
    const forge_wait_t wait = {
        .ready = is_told, .go = go, .baton = w, .patience = PATIENCE, .farewell = FAREWELL, .calm = true};
    forge_engine_turn_t turn = forge_live_engine_turn(w->q->live, w->name);
    if (turn == FORGE_ENGINE_WAIT)
        return forge_http_pump_suspend(w->q, &wait);
    if (turn == FORGE_ENGINE_ASK)
        ask(w);
    return serve(w, FORGE_OK);
}

static int go(forge_req_t *q, forge_wake_t why, void *baton)
{
    wait_t *w = baton;
    if (why == FORGE_WAKE_READY)
        return proceed(w);
    if (why != FORGE_WAKE_GONE)
        return serve(w, why == FORGE_WAKE_LATE ? FORGE_E_TIMEOUT : FORGE_E_UNAVAILABLE);
    uncount(w);
    forge_http_db_done(q);
    return OK;
}

static forge_status_t block(wait_t *w)
{
    const apr_int64_t until = forge_util_monotonic() + PATIENCE;
    for (;;) {
        forge_engine_turn_t turn = forge_live_engine_turn(w->q->live, w->name);
        if (turn == FORGE_ENGINE_ASK)
            ask(w);
        if (turn != FORGE_ENGINE_WAIT)
            return FORGE_OK;
        if (forge_util_monotonic() >= until)
            return FORGE_E_TIMEOUT;
        if (!forge_http_block_nap(w->q, NULL, 0)) {
            w->q->r->connection->aborted = 1;
            return FORGE_E_UNAVAILABLE; /* nobody hears it */
        }
    }
}

int forge_http_containers_wait(forge_req_t *q, forge_served_fn then)
{
    static apr_uint32_t blocked;
    wait_t *w = apr_pcalloc(q->pool, sizeof(*w));
    *w = (wait_t){.q = q, .serve = then, .name = forge_config_docker(q->config)->name};
    if (!w->name || forge_live_engine_look(q->live, w->name) <= FORGE_ENGINE_KNOWN)
        return serve(w, FORGE_OK);
    forge_http_db_done(q);
    forge_live_call_waits(q->live, 1);
    w->counted = true;
    apr_pool_cleanup_register(q->pool, w, uncount, apr_pool_cleanup_null);
    if (forge_http_pump_can(q))
        return proceed(w);
    bool may = forge_http_block_begin(q, &blocked, forge_live_calls_waiting);
    forge_status_t status = may ? block(w) : FORGE_OK;
    forge_http_block_end(&blocked);
    return serve(w, status);
}
