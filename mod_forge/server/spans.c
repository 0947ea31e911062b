/* SPDX-License-Identifier: Apache-2.0
 * The spans of a request that is traced (ForgeTraces), kept in its pool until it has ended. They say how long what
 * took, and nothing that anybody has typed: no header, no parameter of a statement, no account.
 */
#include "server_private.h"

#include <httpd.h>
#include <apr_strings.h>
#include <string.h>

#define SPANS_MAX 64 /* of one request, besides its own */

/* The decision of whoever began the trace holds, where one came along; else that of the ratio. The flag is passed on.
 */
void forge_server_trace_begin(request_rec *r, forge_note_t *note)
{
    const forge_traces_t *traces = forge_config_traces(forge_config_of_server(r->server));
    if (!traces)
        return;
    if (!*note->trace.parent_id)
        note->trace.sampled = forge_net_traces_sampled(traces, note->trace.trace_id);
    if (!note->trace.sampled)
        return;
    note->spans = apr_pcalloc(r->pool, sizeof(*note->spans));
    *note->spans = (forge_spans_t){.p = r->pool,
                                   .note = note,
                                   .wall = apr_time_now(),
                                   .clock = forge_util_monotonic(),
                                   .end = &note->spans->first};
}

forge_span_t *forge_server_span_add(forge_spans_t *spans, const char *name, forge_span_kind_t kind, apr_int64_t begun)
{
    unsigned char id[8];
    if (!spans)
        return NULL;
    if (spans->count == SPANS_MAX) {
        spans->dropped++;
        return NULL;
    }
    forge_util_random(id, sizeof(id));
    id[0] |= !id[0];
    forge_span_t *span = apr_pcalloc(spans->p, sizeof(*span));
    span->name = name;
    span->parent = spans->note->trace.span_id;
    span->kind = kind;
    apr_cpystrn(span->id, forge_util_hex(spans->p, id, sizeof(id)), sizeof(span->id));
    span->begun = spans->wall + begun - spans->clock;
    span->ended = spans->wall + forge_util_monotonic() - spans->clock;
    *spans->end = span;
    spans->end = &span->next;
    spans->count++;
    return span;
}

void forge_server_span_end(const forge_spans_t *spans, forge_span_t *span)
{
    if (span)
        span->ended = spans->wall + forge_util_monotonic() - spans->clock;
}

void forge_server_span_text(forge_span_t *span, const char *name, const char *text)
{
    if (!span || !text || span->count == FORGE_SPAN_MARKS)
        return;
    span->marks[span->count].name = name;
    span->marks[span->count++].text = text;
}

void forge_server_span_number(forge_span_t *span, const char *name, apr_int64_t number)
{
    if (!span || span->count == FORGE_SPAN_MARKS)
        return;
    span->marks[span->count].name = name;
    span->marks[span->count++].number = number;
}

void forge_server_span_failed(forge_span_t *span, const char *type)
{
    if (!span)
        return;
    span->failed = true;
    forge_server_span_text(span, "error.type", type);
}

/* --- the database --- */

/* The wait for a connection is over; which one it became is known by then. */
void forge_server_span_waited(forge_spans_t *spans, apr_int64_t since, forge_status_t status)
{
    forge_span_t *span = forge_server_span_add(spans, "pool wait", FORGE_SPAN_INTERNAL, since);
    if (status != FORGE_OK)
        forge_server_span_failed(span, forge_util_error(status)->code);
}

void forge_server_span_statement(void *baton, const char *name, apr_interval_time_t took, forge_status_t status)
{
    forge_spans_t *spans = baton;
    const char *kept = apr_pstrdup(spans->p, name);
    forge_span_t *span = forge_server_span_add(spans, kept, FORGE_SPAN_CLIENT, forge_util_monotonic() - took);
    forge_server_span_text(span, "db.system.name", "postgresql");
    forge_server_span_text(span, "db.query.summary", kept);
    if (status != FORGE_OK)
        forge_server_span_failed(span, forge_util_error(status)->code);
}
