/* SPDX-License-Identifier: Apache-2.0
 * Programs that a request has run in the sandbox. It may be several: so many at a time, their results in the order in
 * which they were asked for. The request is suspended meanwhile, and holds neither a thread nor a connection to the
 * database; where that cannot be a bounded number of threads waits.
 *
 * forge-runner shares out its places; here is only a client that comes back. Where one program of a request had its
 * place, the others are offered again when the queue is full: half of an answer helps nobody. A program whose
 * forge-runner died is offered to the next one.
 */
#include "http_private.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_strings.h>

APLOG_USE_MODULE(forge);

#define PARALLEL      2  /* programs of one request at the same time */
#define TRIES         10 /* offers of one program to a forge-runner that died or has just started */
#define AGAIN         apr_time_from_msec(300)
#define SLACK         apr_time_from_sec(5)  /* for the building of sandboxes */
#define FAREWELL      apr_time_from_sec(20) /* in a child that is to stop: a program of the usual 10 s, and its turn */
#define RETRY_SECONDS 2
#define RETRY_SANDBOX 30

typedef struct program_t {
    forge_run_job_t job;
    apr_pool_t *pool;     /* of the run; the bytes of the result are in it */
    forge_run_t *run;     /* NULL: not under way */
    forge_order_t *order; /* instead of run, with an external executor */
    forge_run_result_t result;
    bool done;
    int tries;
    apr_int64_t since; /* when it was last offered (forge_util_monotonic) */
} program_t;

struct forge_runs_t {
    forge_req_t *q;
    forge_served_fn serve;
    apr_array_header_t *programs; /* of program_t */
    int left, under_way;
    int fds[PARALLEL];           /* of those under way */
    bool served;                 /* one of them had its place */
    bool counted;                /* as a request that waits */
    apr_int64_t until, again_at; /* times of forge_util_monotonic; 0: none */
};

static program_t *program_at(const forge_runs_t *runs, int i)
{
    return &APR_ARRAY_IDX(runs->programs, i, program_t);
}

/* --- what the handlers see --- */

/* Whose share of the places it takes: an account's, or that of a network for guests, of whom anybody gets as many as
 * they like. Databases number their accounts alike, so the number is one of the realm's. */
static apr_int64_t account_of(const forge_req_t *q)
{
    apr_int64_t user = forge_server_limit_account(&q->who);
    const char *name = user ? forge_util_itoa(q->pool, user) : forge_http_address(q);
    return (apr_int64_t)(forge_util_hash(q->server->realm, name) >> 1);
}

static apr_status_t end_with_pool(void *data)
{
    forge_runs_t *runs = data;
    if (runs->counted)
        forge_live_run_waits(runs->q->live, -1);
    runs->counted = false;
    return APR_SUCCESS;
}

void forge_http_runs_add(forge_req_t *q, const forge_run_job_t *job)
{
    if (!q->runs) {
        q->runs = apr_pcalloc(q->pool, sizeof(*q->runs));
        q->runs->q = q;
        q->runs->programs = apr_array_make(q->pool, 1, sizeof(program_t));
        apr_pool_cleanup_register(q->pool, q->runs, end_with_pool, apr_pool_cleanup_null);
    }
    program_t *program = apr_array_push(q->runs->programs);
    *program = (program_t){.job = *job};
    program->job.account = account_of(q);
    q->runs->left++;
}

int forge_http_runs_count(const forge_req_t *q)
{
    return q->runs ? q->runs->programs->nelts : 0;
}

const forge_run_result_t *forge_http_runs_result(const forge_req_t *q, int i)
{
    return &program_at(q->runs, i)->result;
}

/* --- one program --- */

static bool under_way(const program_t *program)
{
    return program->run || program->order;
}

static void forget(forge_runs_t *runs, program_t *program)
{
    program->run = NULL;
    program->order = NULL;
    runs->under_way--;
}

static void drop(forge_runs_t *runs, program_t *program)
{
    if (program->run)
        forge_run_cancel(program->run);
    if (program->order)
        forge_http_order_cancel(program->order);
    if (under_way(program))
        forget(runs, program);
}

static void drop_all(forge_runs_t *runs)
{
    for (int i = 0; i < runs->programs->nelts; i++)
        drop(runs, program_at(runs, i));
}

/* There is no forge-runner, or not any more: after a while there is the next one, but not for ever. */
static forge_status_t missing(forge_runs_t *runs, program_t *program, const char *why)
{
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, runs->q->r, "FG0560: forge-runner could not take a program: %s", why);
    if (++program->tries >= TRIES)
        return FORGE_E_SANDBOX_UNAVAILABLE;
    runs->again_at = forge_util_monotonic() + AGAIN;
    return FORGE_OK;
}

/* Nothing of it was sent, so that it may be sent again: after a while that doubles and is another for each. */
static forge_status_t resend(forge_runs_t *runs, program_t *program)
{
    if (++program->tries >= FORGE_DIAL_SENDS)
        return FORGE_E_BAD_GATEWAY;
    runs->again_at = forge_http_dial_again_at(program->tries);
    return FORGE_OK;
}

static forge_status_t offer(forge_runs_t *runs, program_t *program)
{
    const char *why = "";
    program->since = forge_util_monotonic();
    if (forge_config_executor_url(runs->q->config)) {
        FORGE_TRY(forge_http_order(runs->q, &program->job, &program->order));
        runs->under_way++;
        return FORGE_OK;
    }
    if (program->pool)
        apr_pool_destroy(program->pool);
    apr_pool_create(&program->pool, runs->q->pool);
    program->run = forge_run_submit(program->pool, runs->q->server->runner, &program->job, &why);
    if (!program->run)
        return missing(runs, program, why);
    runs->under_way++;
    return FORGE_OK;
}

/* Refused at the door. */
static forge_status_t refused(forge_runs_t *runs, forge_status_t status)
{
    if (!runs->served)
        return status;
    runs->again_at = forge_util_monotonic() + AGAIN;
    return FORGE_OK;
}

/* A call of an external executor has a span of its own (dial.c). */
static void trace(const forge_runs_t *runs, const program_t *program)
{
    forge_req_t *q = runs->q;
    if (!q->spans || forge_config_executor_url(q->config))
        return;
    const forge_run_result_t *result = &program->result;
    forge_span_t *span = forge_server_span_add(q->spans, "sandbox run", FORGE_SPAN_INTERNAL, program->since);
    forge_server_span_text(span, "forge.run.status", forge_run_status_name((int)result->status));
    forge_server_span_number(span, "forge.run.duration_ms", result->duration_ms);
    forge_server_span_number(span, "forge.run.queue_ms", result->waited_ms);
    if (result->status == FORGE_RUN_SANDBOX_ERROR)
        forge_server_span_failed(span, "sandbox_error");
}

static void ended(forge_runs_t *runs, program_t *program)
{
    const forge_run_result_t *result = &program->result;
    trace(runs, program);
    program->done = true;
    runs->left--;
    runs->served = true;
    forge_live_run_ended(runs->q->live, (forge_counter_t)(FORGE_C_RUN_OK + (int)result->status),
                         result->duration_ms * 1000, result->waited_ms * 1000);
    if (result->status == FORGE_RUN_SANDBOX_ERROR && result->why.len)
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, runs->q->r, "FG0561: the sandbox failed: %.*s",
                      (int)result->why.len, result->why.data);
}

/* The same of an external executor. */
static forge_status_t look_outside(forge_runs_t *runs, program_t *program)
{
    forge_delivery_of_order_t delivery =
        forge_http_order_take(program->order, program->job.limits.output_bytes, &program->result);
    if (delivery == FORGE_ORDER_WAITS)
        return FORGE_OK;
    forget(runs, program);
    if (delivery == FORGE_ORDER_UNSENT)
        return resend(runs, program);
    if (delivery != FORGE_ORDER_DONE)
        return delivery == FORGE_ORDER_LATE ? FORGE_E_TIMEOUT : FORGE_E_BAD_GATEWAY;
    ended(runs, program);
    return FORGE_OK;
}

/* Takes in what has come. */
static forge_status_t look(forge_runs_t *runs, program_t *program)
{
    if (program->order)
        return look_outside(runs, program);
    forge_run_progress_t progress = forge_run_collect(program->run, &program->result);
    if (progress == FORGE_RUN_WAITING)
        return FORGE_OK;
    forget(runs, program);
    if (progress == FORGE_RUN_GONE)
        return missing(runs, program, "it ended with the program");
    switch (program->result.status) {
    case FORGE_RUN_QUEUE_FULL:
        return refused(runs, FORGE_E_EXECUTION_QUEUE_FULL);
    case FORGE_RUN_SHARE_USED_UP:
        return refused(runs, FORGE_E_EXECUTION_SHARE);
    case FORGE_RUN_UNAVAILABLE:
        return FORGE_E_SANDBOX_UNAVAILABLE;
    default:
        ended(runs, program);
        return FORGE_OK;
    }
}

/* --- all of them --- */

/* Takes in what has come, and offers as many as may be under way. A failure is one of the whole request. What is taken
 * in may ask for a pause: only one of before can be over. */
static forge_status_t advance(forge_runs_t *runs)
{
    int n = runs->programs->nelts;
    if (runs->again_at <= forge_util_monotonic())
        runs->again_at = 0;
    for (int i = 0; i < n; i++)
        if (under_way(program_at(runs, i)))
            FORGE_TRY(look(runs, program_at(runs, i)));
    for (int i = 0; i < n && runs->under_way < PARALLEL && !runs->again_at; i++)
        if (!under_way(program_at(runs, i)) && !program_at(runs, i)->done)
            FORGE_TRY(offer(runs, program_at(runs, i)));
    return FORGE_OK;
}

static int descriptors(forge_runs_t *runs)
{
    int count = 0;
    for (int i = 0; i < runs->programs->nelts && count < PARALLEL; i++) {
        const program_t *program = program_at(runs, i);
        if (under_way(program))
            runs->fds[count++] = program->run ? forge_run_fd(program->run) : forge_http_order_fd(program->order);
    }
    return count;
}

/* The time of all of them, one after the other as far as they are not at once, and of the wait for the first place. */
static apr_interval_time_t patience_of(const forge_runs_t *runs)
{
    apr_interval_time_t sum = 0;
    for (int i = 0; i < runs->programs->nelts; i++)
        sum += apr_time_from_msec(program_at(runs, i)->job.limits.wall_ms) + SLACK;
    return forge_config_queue(runs->q->config)->patience + sum;
}

static forge_status_t refuse(forge_runs_t *runs, forge_status_t status)
{
    drop_all(runs);
    if (forge_util_error(status)->http == HTTP_SERVICE_UNAVAILABLE || status == FORGE_E_EXECUTION_SHARE)
        forge_http_retry_after(runs->q, status == FORGE_E_SANDBOX_UNAVAILABLE ? RETRY_SANDBOX : RETRY_SECONDS);
    if (status == FORGE_E_EXECUTION_QUEUE_FULL || status == FORGE_E_EXECUTION_SHARE)
        forge_live_count(runs->q->live, status == FORGE_E_EXECUTION_SHARE ? FORGE_C_RUN_SHARE : FORGE_C_RUN_FULL);
    return status;
}

static int serve(forge_runs_t *runs, forge_status_t status)
{
    end_with_pool(runs);
    return runs->serve(runs->q, status == FORGE_OK ? FORGE_OK : refuse(runs, status));
}

/* --- without a thread --- */

static int go(forge_req_t *q, forge_wake_t why, void *baton);

/* On the pump's thread. */
static bool time_again(void *baton)
{
    const forge_runs_t *runs = baton;
    return runs->again_at && forge_util_monotonic() >= runs->again_at;
}

/* Goes on, or waits for the next event. */
static int proceed(forge_runs_t *runs, forge_status_t status)
{
    if (status != FORGE_OK || runs->left == 0)
        return serve(runs, status);
    const forge_wait_t wait = {.ready = time_again,
                               .go = go,
                               .baton = runs,
                               .fds = runs->fds,
                               .count = descriptors(runs),
                               .patience = runs->until - forge_util_monotonic(),
                               .farewell = FAREWELL};
    return forge_http_pump_suspend(runs->q, &wait);
}

static int go(forge_req_t *q, forge_wake_t why, void *baton)
{
    forge_runs_t *runs = baton;
    switch (why) {
    case FORGE_WAKE_GONE:
        drop_all(runs);
        end_with_pool(runs);
        forge_http_idempotency_release(q);
        forge_http_db_done(q);
        return OK;
    case FORGE_WAKE_LATE:
        return serve(runs, FORGE_E_EXECUTION_QUEUE_FULL);
    case FORGE_WAKE_STOP:
        return serve(runs, FORGE_E_UNAVAILABLE);
    default:
        return proceed(runs, advance(runs));
    }
}

/* --- with one --- */

/* Over HTTP/2 as well a client that leaves ends its runs, within one nap. */
static bool nap(forge_runs_t *runs)
{
    return forge_http_block_nap(runs->q, runs->fds, descriptors(runs));
}

static forge_status_t block(forge_runs_t *runs)
{
    forge_status_t status = advance(runs);
    while (status == FORGE_OK && runs->left > 0) {
        if (!nap(runs)) {
            runs->q->r->connection->aborted = 1;
            return FORGE_E_UNAVAILABLE; /* nobody hears it */
        }
        if (forge_util_monotonic() >= runs->until)
            return FORGE_E_EXECUTION_QUEUE_FULL;
        if (forge_http_stopping() && runs->until > forge_util_monotonic() + FAREWELL)
            runs->until = forge_util_monotonic() + FAREWELL;
        status = advance(runs);
    }
    return status;
}

int forge_http_runs_wait(forge_req_t *q, forge_served_fn then)
{
    static apr_uint32_t blocked;
    forge_runs_t *runs = q->runs;
    runs->serve = then;
    if (!q->server->runner && !forge_config_executor_url(q->config))
        return serve(runs, FORGE_E_SANDBOX_UNAVAILABLE);
    forge_http_db_done(q);
    runs->until = forge_util_monotonic() + patience_of(runs);
    forge_live_run_waits(q->live, 1);
    runs->counted = true;
    if (forge_http_pump_can(q))
        return proceed(runs, advance(runs));
    bool may = forge_http_block_begin(q, &blocked, forge_live_runs_waiting);
    forge_status_t status = may ? block(runs) : FORGE_E_EXECUTION_QUEUE_FULL;
    forge_http_block_end(&blocked);
    return serve(runs, status);
}
