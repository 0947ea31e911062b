/* SPDX-License-Identifier: Apache-2.0
 * One call of a service under the breaker of its host, which all children share: what may be called, and what the end
 * of a call tells of its host.
 */
#include "http_private.h"

#include <apr_strings.h>
#include <string.h>

#define FIRST_PAUSE apr_time_from_msec(200)
#define BAD_STATUS  400

/* The service is told of the trace. Its parent there is the span of this call, or that of the request where none is
 * kept. */
static const char *trace_header(forge_req_t *q, const forge_span_t *span)
{
    forge_trace_t trace = q->trace;
    if (span)
        memcpy(trace.span_id, span->id, sizeof(trace.span_id));
    return apr_pstrcat(q->pool, "traceparent: ", forge_core_trace_header(q->pool, &trace), NULL);
}

static forge_span_t *span_of(forge_req_t *q, const char *host, const forge_call_spec_t *spec)
{
    if (!q->spans)
        return NULL;
    forge_span_t *span = forge_server_span_add(q->spans, "POST", FORGE_SPAN_CLIENT, forge_util_monotonic());
    forge_server_span_text(span, "http.request.method", "POST");
    forge_server_span_text(span, "server.address", apr_pstrdup(q->pool, host));
    forge_server_span_text(span, "url.full", apr_pstrdup(q->pool, spec->url));
    return span;
}

forge_dialled_t forge_http_dial(forge_dial_t *dial, forge_req_t *q, const char *host, const forge_call_spec_t *spec)
{
    forge_call_spec_t traced = *spec;
    *dial = (forge_dial_t){.q = q};
    if (!forge_live_breaker_allows(q->live, forge_live_breaker(q->live, host), &dial->pass))
        return FORGE_DIAL_LEFT_ALONE;
    dial->span = span_of(q, host, spec);
    traced.trace = trace_header(q, dial->span);
    dial->call = forge_net_call(&traced);
    if (dial->call)
        return FORGE_DIAL_BEGUN;
    forge_server_span_failed(dial->span, "too_many_calls");
    forge_live_breaker_given_up(q->live, &dial->pass);
    return FORGE_DIAL_TOO_MANY;
}

static void span_end(const forge_dial_t *dial, const forge_call_result_t *result)
{
    static const char *const broken[] = {[FORGE_CALL_BROKEN] = "broken_answer",
                                         [FORGE_CALL_ANSWERED] = NULL,
                                         [FORGE_CALL_LATE] = "timeout",
                                         [FORGE_CALL_UNSENT] = "no_connection"};
    if (!dial->span)
        return;
    forge_server_span_end(dial->q->spans, dial->span);
    if (result->status)
        forge_server_span_number(dial->span, "http.response.status_code", result->status);
    if (result->outcome != FORGE_CALL_ANSWERED)
        forge_server_span_failed(dial->span, broken[result->outcome]);
    else if (result->status >= BAD_STATUS)
        forge_server_span_failed(dial->span, forge_util_itoa(dial->q->pool, result->status));
}

const char *forge_http_dial_why(forge_dialled_t how)
{
    return how == FORGE_DIAL_LEFT_ALONE ? "it is left alone, because most calls have failed"
                                        : "too many calls are under way";
}

void forge_http_dial_end(forge_dial_t *dial, const forge_call_result_t *result, bool sound)
{
    span_end(dial, result);
    forge_live_breaker_told(dial->q->live, &dial->pass, sound);
    forge_net_call_drop(dial->call);
    dial->call = NULL;
}

void forge_http_dial_drop(forge_dial_t *dial)
{
    if (!dial->call)
        return;
    forge_net_call_drop(dial->call);
    forge_live_breaker_given_up(dial->q->live, &dial->pass);
    if (dial->span)
        forge_server_span_end(dial->q->spans, dial->span);
    forge_server_span_failed(dial->span, "cancelled");
    dial->call = NULL;
}

/* Anywhere in a time that doubles: those who failed together come back apart (full jitter). */
apr_int64_t forge_http_dial_again_at(int sends)
{
    apr_uint16_t chance;
    apr_interval_time_t pause = FIRST_PAUSE << (sends - 1);
    forge_util_random(&chance, sizeof(chance));
    return forge_util_monotonic() + pause * chance / 65536;
}
