/* SPDX-License-Identifier: Apache-2.0
 * Spans as an OpenTelemetry collector takes them: OTLP/HTTP, in the JSON of its protocol buffers (ids in hex, times as
 * strings of nanoseconds, enumerations as numbers). https://opentelemetry.io/docs/specs/otlp/
 */
#include "net.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#define PATH        "/v1/traces"
#define SERVICE     "mod_forge"
#define ERROR       2  /* STATUS_CODE_ERROR */
#define ID_DIGITS   14 /* the last 56 bits of a trace id are random (W3C Trace Context level 2) */
#define ALL_IDS     ((double)(APR_INT64_C(1) << 56))
#define RATIO_BYTES 20
#define OK_ANSWER   200

/* --- ForgeTraces --- */

bool forge_net_ratio_read(const char *text, double *ratio)
{
    apr_size_t whole = strspn(text, "0123456789");
    apr_size_t part = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
    if (whole < 1 || strlen(text) > RATIO_BYTES || text[whole + (text[whole] == '.' ? part + 1 : 0)] ||
        (text[whole] == '.' && part < 1))
        return false;
    *ratio = 0;
    double unit = 1;
    for (const char *at = text; *at; at++) {
        if (*at == '.')
            continue;
        *ratio = *ratio * 10 + (*at - '0');
        unit *= at > text + whole ? 10 : 1;
    }
    *ratio /= unit;
    return *ratio <= 1;
}

/* The address of the receiver: one without a path is that of a collector, which has the usual one. */
static const char *whole_url(apr_pool_t *p, const char *url)
{
    const char *path = strchr(strstr(url, "://") + 3, '/');
    if (path && path[1])
        return apr_pstrdup(p, url);
    return apr_pstrcat(p, apr_pstrmemdup(p, url, path ? (apr_size_t)(path - url) : strlen(url)), PATH, NULL);
}

const forge_traces_t *forge_net_traces_parse(apr_pool_t *p, int n, const char *const *words, const char **why)
{
    forge_traces_t *traces = apr_pcalloc(p, sizeof(*traces));
    traces->ratio = 1;
    if (n == 1 && apr_cstr_casecmp(words[0], "off") == 0)
        return traces;
    *why = apr_psprintf(p, "'%s' is no address", words[0]);
    if (!forge_net_address_good(words[0]))
        return NULL;
    *why = n > 1 ? apr_psprintf(p, "'%s' is no ratio", words[1]) : "";
    if (n > 1 && !forge_net_ratio_read(words[1], &traces->ratio))
        return NULL;
    traces->url = whole_url(p, words[0]);
    traces->host = forge_net_address_host(p, traces->url);
    return traces;
}

bool forge_net_traces_sampled(const forge_traces_t *traces, const char *trace_id)
{
    apr_size_t len = strlen(trace_id);
    const char *last = trace_id + (len > ID_DIGITS ? len - ID_DIGITS : 0);
    return strtoull(last, NULL, 16) < (apr_uint64_t)(traces->ratio * ALL_IDS);
}

/* --- spans --- */

static void put_text(forge_buf_t *b, const char *name, const char *text)
{
    forge_util_buf_printf(b, "{\"key\":\"%s\",\"value\":{\"stringValue\":", name);
    forge_util_buf_json(b, text, strlen(text));
    forge_util_buf_puts(b, "}}");
}

/* 64-bit integers are strings in this JSON. */
static void put_mark(forge_buf_t *b, const forge_span_t *span, int i)
{
    forge_util_buf_puts(b, i ? "," : "");
    if (span->marks[i].text)
        put_text(b, span->marks[i].name, span->marks[i].text);
    else
        forge_util_buf_printf(b, "{\"key\":\"%s\",\"value\":{\"intValue\":\"%" APR_INT64_T_FMT "\"}}",
                              span->marks[i].name, span->marks[i].number);
}

void forge_net_span_write(forge_buf_t *b, const char *trace_id, const forge_span_t *span)
{
    forge_util_buf_printf(b, "{\"traceId\":\"%s\",\"spanId\":\"%s\",", trace_id, span->id);
    if (*span->parent)
        forge_util_buf_printf(b, "\"parentSpanId\":\"%s\",", span->parent);
    forge_util_buf_puts(b, "\"name\":");
    forge_util_buf_json(b, span->name, strlen(span->name));
    forge_util_buf_printf(b,
                          ",\"kind\":%d,\"startTimeUnixNano\":\"%" APR_TIME_T_FMT
                          "000\",\"endTimeUnixNano\":\"%" APR_TIME_T_FMT "000\",\"attributes\":[",
                          (int)span->kind, span->begun, span->ended < span->begun ? span->begun : span->ended);
    for (int i = 0; i < span->count; i++)
        put_mark(b, span, i);
    forge_util_buf_puts(b, "],\"status\":");
    forge_util_buf_puts(b, span->failed ? "{\"code\":" APR_STRINGIFY(ERROR) "}}" : "{}}");
}

void forge_net_spans_open(forge_buf_t *b, const forge_origin_t *origin)
{
    forge_util_buf_puts(b, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
    put_text(b, "service.name", SERVICE);
    forge_util_buf_puts(b, ",");
    put_text(b, "service.version", origin->version);
    forge_util_buf_puts(b, ",");
    put_text(b, "service.instance.id", origin->instance);
    forge_util_buf_puts(b, ",");
    put_text(b, "host.name", origin->host);
    forge_util_buf_puts(b, ",");
    put_text(b, "deployment.environment.name", origin->environment);
    forge_util_buf_puts(b, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"" SERVICE "\",\"version\":");
    forge_util_buf_json(b, origin->version, strlen(origin->version));
    forge_util_buf_puts(b, "},\"spans\":[");
}

void forge_net_spans_close(forge_buf_t *b)
{
    forge_util_buf_puts(b, "]}]}]}");
}

/* The number comes as a string or as a number. */
apr_int64_t forge_net_spans_rejected(apr_pool_t *p, const forge_call_result_t *result)
{
    const char *why;
    apr_size_t len = 0;
    apr_int64_t n = 0;
    if (result->status != OK_ANSWER || result->len == 0)
        return 0;
    const forge_json_t *answer = forge_util_json_parse(p, result->body, result->len, &why);
    const forge_json_t *said = forge_util_json_get(forge_util_json_get(answer, "partialSuccess"), "rejectedSpans");
    const char *text = forge_util_json_text(said, &len);
    bool known = text ? forge_util_atoi(text, len, &n) : forge_util_json_int(said, &n);
    return known && n > 0 ? n : 0;
}
