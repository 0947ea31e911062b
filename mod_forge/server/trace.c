/* SPDX-License-Identifier: Apache-2.0
 * The trace of a request that has ended, or of a job: put into the queue for the receiver of ForgeTraces. Of what
 * anybody has typed it holds the path alone, without the query.
 */
#include "server_private.h"

#include <httpd.h>
#include <http_core.h>
#include <apr_strings.h>
#include <string.h>

#define PATH_BYTES 500
#define SPAN_BYTES 1024 /* a usual one */
#define ALL_BYTES  (256 << 10)

static const char *path_of(request_rec *r)
{
    const char *path = r->unparsed_uri ? forge_server_raw_path(r) : "/";
    return apr_pstrmemdup(r->pool, path, strnlen(path, PATH_BYTES));
}

static forge_span_t *root_of(request_rec *first, const request_rec *last, const forge_note_t *note)
{
    const char *method = forge_server_method(first);
    forge_span_t *root = apr_pcalloc(first->pool, sizeof(*root));
    root->name = strcmp(method, "_OTHER") == 0 ? "HTTP" : method;
    if (note->route)
        root->name = apr_pstrcat(first->pool, root->name, " ", note->route, NULL);
    root->kind = FORGE_SPAN_SERVER;
    root->parent = note->trace.parent_id;
    memcpy(root->id, note->trace.span_id, sizeof(root->id));
    root->begun = note->begun;
    root->ended = apr_time_now();
    forge_server_span_text(root, "http.request.method", method);
    forge_server_span_text(root, "http.route", note->route);
    forge_server_span_text(root, "url.path", path_of(first));
    forge_server_span_text(root, "url.scheme", forge_server_secure(first) ? "https" : "http");
    forge_server_span_text(root, "server.address", first->server->server_hostname);
    forge_server_span_number(root, "http.response.status_code", last->status);
    forge_server_span_text(root, "forge.request_id", note->request_id);
    if (last->status >= HTTP_INTERNAL_SERVER_ERROR)
        forge_server_span_failed(root, forge_util_itoa(first->pool, last->status));
    if (note->spans->dropped)
        forge_server_span_number(root, "forge.spans_dropped", note->spans->dropped);
    return root;
}

static void put(const forge_server_t *server, request_rec *r, const forge_spans_t *spans, forge_span_t *root)
{
    int count = 0;
    forge_buf_t *b = forge_util_buf_make(r->pool, SPAN_BYTES * (apr_size_t)(spans->count + 1), ALL_BYTES);
    root->next = spans->first;
    for (const forge_span_t *span = root; span; span = span->next, count++) {
        forge_util_buf_puts(b, count ? "," : "");
        forge_net_span_write(b, spans->note->trace.trace_id, span);
    }
    bool taken = !b->failed && forge_server_outgoing_put(server->traces, b->data, b->len, count);
    forge_live_count_more(server->live, FORGE_C_SPAN_DROPPED, spans->dropped + (taken ? 0 : count));
}

/* Files of the site are not traced; what a back end answered is, because it was told of the trace. */
static bool concerns(request_rec *r, const forge_note_t *note)
{
    return note->claimed || r->proxyreq || note->visitor || forge_server_beneath(r);
}

int forge_server_trace_write(request_rec *r)
{
    const forge_server_t *server = forge_server_of(r->server);
    request_rec *last = r;
    while (last->next)
        last = last->next;
    if (!server || !server->traces)
        return DECLINED;
    const forge_note_t *note = forge_server_note(last);
    forge_spans_t *spans = note->spans;
    if (!spans || spans->sent || !concerns(last, note))
        return DECLINED;
    spans->sent = true;
    put(server, r, spans, root_of(r, last, note));
    return DECLINED;
}

/* --- work that is no request --- */

void forge_server_trace_job(const forge_server_t *server, apr_pool_t *p, const forge_traced_job_t *job)
{
    forge_trace_t trace;
    if (!server->traces)
        return;
    forge_core_trace_start(&trace, NULL);
    if (!forge_net_traces_sampled(forge_config_traces(server->config), trace.trace_id))
        return;
    forge_span_t span = {.name = apr_pstrcat(p, "job ", job->kind, NULL),
                         .kind = FORGE_SPAN_CONSUMER,
                         .parent = "",
                         .begun = job->begun,
                         .ended = apr_time_now()};
    memcpy(span.id, trace.span_id, sizeof(span.id));
    forge_server_span_number(&span, "forge.job.id", job->id);
    forge_server_span_text(&span, "forge.job.kind", job->kind);
    forge_server_span_text(&span, "forge.job.outcome", job->outcome);
    forge_server_span_number(&span, "forge.job.attempt", job->attempt);
    if (job->fault)
        forge_server_span_failed(&span, job->fault);
    forge_buf_t *b = forge_util_buf_make(p, SPAN_BYTES, ALL_BYTES);
    forge_net_span_write(b, trace.trace_id, &span);
    if (b->failed || !forge_server_outgoing_put(server->traces, b->data, b->len, 1))
        forge_live_count(server->live, FORGE_C_SPAN_DROPPED);
}
