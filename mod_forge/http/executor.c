/* SPDX-License-Identifier: Apache-2.0
 * Programs that an external executor runs (ForgeExecutorURL). It speaks as POST /api/v1/execute does: the same members
 * go there, and the same come back. A breaker leaves it alone while it is sick.
 */
#include "http_private.h"

#include <apr_strings.h>
#include <string.h>

#define CONNECT    apr_time_from_sec(2)
#define BESIDES    apr_time_from_sec(10) /* of a call, beyond the program's own time */
#define ESCAPED    6                     /* bytes of JSON that one byte of output may take */
#define SMALL      (64 << 10)            /* all else in an answer */
#define ORDER_MAX  (64 << 20)
#define GOOD_REPLY 200

struct forge_order_t {
    forge_req_t *q;
    forge_dial_t dial;
};

/* --- what goes there --- */

static void put_text(forge_buf_t *b, const char *name, forge_run_bytes_t bytes)
{
    forge_util_buf_printf(b, "\"%s\":", name);
    forge_util_buf_json(b, bytes.len ? bytes.data : "", bytes.len);
    forge_util_buf_add(b, ",", 1);
}

static void put_args(forge_buf_t *b, forge_run_bytes_t args)
{
    forge_util_buf_puts(b, "\"args\":[");
    for (const char *at = args.data, *end = at ? at + args.len : at; at < end; at += strlen(at) + 1) {
        forge_util_buf_puts(b, at == args.data ? "" : ",");
        forge_util_buf_json(b, at, strlen(at));
    }
    forge_util_buf_puts(b, "],");
}

static void put_limits(forge_buf_t *b, const forge_run_limits_t *limits)
{
    forge_util_buf_printf(b,
                          "\"limits\":{\"wall_ms\":%" APR_INT64_T_FMT ",\"cpu_ms\":%" APR_INT64_T_FMT
                          ",\"memory_kb\":%" APR_INT64_T_FMT ",\"processes\":%" APR_INT64_T_FMT
                          ",\"output_bytes\":%" APR_INT64_T_FMT ",\"file_bytes\":%" APR_INT64_T_FMT "}}",
                          (apr_int64_t)limits->wall_ms, (apr_int64_t)limits->cpu_ms, (apr_int64_t)limits->memory_kb,
                          (apr_int64_t)limits->processes, (apr_int64_t)limits->output_bytes,
                          (apr_int64_t)limits->file_bytes);
}

static forge_buf_t *order_text(apr_pool_t *p, const forge_run_job_t *job)
{
    forge_buf_t *b = forge_util_buf_make(p, 1024 + job->code.len + job->input.len, ORDER_MAX);
    forge_util_buf_puts(b, "{");
    put_text(b, "language", job->language);
    put_text(b, "code", job->code);
    put_text(b, "stdin", job->input);
    put_args(b, job->args);
    put_limits(b, &job->limits);
    return b;
}

int forge_http_executor_breaker(const forge_req_t *q)
{
    return forge_live_breaker(q->live, forge_net_address_host(q->pool, forge_config_executor_url(q->config)));
}

static apr_status_t drop(void *data)
{
    forge_order_t *order = data;
    forge_http_dial_drop(&order->dial);
    return APR_SUCCESS;
}

forge_status_t forge_http_order(forge_req_t *q, const forge_run_job_t *job, forge_order_t **order)
{
    const char *url = forge_config_executor_url(q->config);
    const forge_buf_t *text = order_text(q->pool, job);
    if (text->failed)
        return FORGE_E_EXECUTION_QUEUE_FULL;
    const forge_call_spec_t spec = {.url = url,
                                    .body = text->data,
                                    .len = text->len,
                                    .connect = CONNECT,
                                    .total = apr_time_from_msec(job->limits.wall_ms) + BESIDES,
                                    .ceiling = (apr_size_t)job->limits.output_bytes * 2 * ESCAPED + SMALL};
    *order = apr_pcalloc(q->pool, sizeof(**order));
    (*order)->q = q;
    const forge_dialled_t how = forge_http_dial(&(*order)->dial, q, forge_net_address_host(q->pool, url), &spec);
    if (how != FORGE_DIAL_BEGUN)
        return how == FORGE_DIAL_LEFT_ALONE ? FORGE_E_SANDBOX_UNAVAILABLE : FORGE_E_EXECUTION_QUEUE_FULL;
    apr_pool_cleanup_register(q->pool, *order, drop, apr_pool_cleanup_null);
    return FORGE_OK;
}

int forge_http_order_fd(const forge_order_t *order)
{
    return forge_net_call_fd(order->dial.call);
}

void forge_http_order_cancel(forge_order_t *order)
{
    drop(order);
}

/* --- what comes back --- */

static int64_t number_of(const forge_json_t *answer, const char *name, int64_t otherwise)
{
    apr_int64_t n = 0;
    return forge_util_json_int(forge_util_json_get(answer, name), &n) ? n : otherwise;
}

static forge_run_bytes_t text_of(const forge_json_t *answer, const char *name)
{
    apr_size_t len = 0;
    const char *text = forge_util_json_text(forge_util_json_get(answer, name), &len);
    return (forge_run_bytes_t){text, len};
}

/* -1 for a word that says nothing of a program that was run. */
static int status_of(const forge_json_t *answer)
{
    const char *word = forge_util_json_text(forge_util_json_get(answer, "status"), NULL);
    for (int i = FORGE_RUN_OK; word && i <= FORGE_RUN_SANDBOX_ERROR; i++)
        if (strcmp(word, forge_run_status_name(i)) == 0)
            return i;
    return -1;
}

/* No more is passed on than was asked for. */
static void shorten(forge_run_bytes_t *bytes, int64_t most, forge_run_result_t *result)
{
    if ((int64_t)bytes->len <= most)
        return;
    bytes->len = (size_t)most;
    result->truncated = 1;
}

static bool read_answer(apr_pool_t *p, const forge_call_result_t *said, int64_t most, forge_run_result_t *result)
{
    const char *why;
    const forge_json_t *answer =
        said->status == GOOD_REPLY ? forge_util_json_parse(p, said->body, said->len, &why) : NULL;
    bool truncated = false;
    *result = (forge_run_result_t){.status = answer ? status_of(answer) : -1};
    if (result->status < 0)
        return false;
    result->output = text_of(answer, "stdout");
    result->errors = text_of(answer, "stderr");
    result->exit_code = number_of(answer, "exit_code", -1);
    result->signal = number_of(answer, "signal", 0);
    result->duration_ms = number_of(answer, "duration_ms", 0);
    result->cpu_ms = number_of(answer, "cpu_ms", 0);
    result->memory_kb = number_of(answer, "memory_kb", 0);
    forge_util_json_bool(forge_util_json_get(answer, "truncated"), &truncated);
    result->truncated = truncated;
    shorten(&result->output, most, result);
    shorten(&result->errors, most, result);
    return true;
}

forge_delivery_of_order_t forge_http_order_take(forge_order_t *order, int64_t most, forge_run_result_t *result)
{
    forge_call_result_t said;
    forge_req_t *q = order->q;
    if (!forge_net_call_ended(order->dial.call, &said))
        return FORGE_ORDER_WAITS;
    bool good = said.outcome == FORGE_CALL_ANSWERED && read_answer(q->pool, &said, most, result);
    forge_delivery_of_order_t delivery = good                                ? FORGE_ORDER_DONE
                                         : said.outcome == FORGE_CALL_LATE   ? FORGE_ORDER_LATE
                                         : said.outcome == FORGE_CALL_UNSENT ? FORGE_ORDER_UNSENT
                                                                             : FORGE_ORDER_BROKEN;
    if (!good)
        forge_http_warn(q, "FG0570", "the external executor failed: %s",
                        said.outcome == FORGE_CALL_ANSWERED ? "its answer is none" : said.why);
    forge_http_dial_end(&order->dial, &said, good);
    return delivery;
}

static apr_status_t end(void *unused)
{
    (void)unused;
    forge_net_calls_end();
    return APR_SUCCESS;
}

void forge_http_executor_child(apr_pool_t *pchild)
{
    apr_pool_pre_cleanup_register(pchild, NULL, end);
}
