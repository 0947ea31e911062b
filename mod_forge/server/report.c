/* SPDX-License-Identifier: Apache-2.0
 * What is reported to ForgeSentryDSN: requests that were answered with a problem of 5xx, and whatever else calls here.
 * An event says which route, which code and which request; it holds no body, no header, no query, no address, no
 * account and no text of anybody.
 */
#include "server_private.h"

#include <httpd.h>
#include <apr_strings.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_BYTES 64
#define EVENT_BYTES    2048 /* a usual one */
#define EVENT_MAX      (128 << 10)

forge_origin_t forge_server_origin(const forge_server_t *server, apr_pool_t *p)
{
    char name[NAME_MAX_BYTES];
    if (gethostname(name, sizeof(name)) != 0)
        apr_cpystrn(name, "?", sizeof(name));
    name[sizeof(name) - 1] = '\0';
    const char *host = apr_pstrdup(p, name);
    return (forge_origin_t){.version = FORGE_VERSION,
                            .environment = forge_config_environment(server->config),
                            .host = host,
                            .instance = apr_psprintf(p, "%s:%d", host, (int)getpid())};
}

static bool sampled(const forge_sentry_t *sentry)
{
    apr_uint32_t chance;
    forge_util_random(&chance, sizeof(chance));
    return (double)chance < sentry->ratio * 4294967296.0;
}

void forge_server_report(const forge_server_t *server, apr_pool_t *p, forge_sentry_event_t *event)
{
    if (!server->errors || !sampled(forge_config_sentry(server->config)))
        return;
    const forge_origin_t origin = forge_server_origin(server, p);
    forge_buf_t *b = forge_util_buf_make(p, EVENT_BYTES, EVENT_MAX);
    event->origin = &origin;
    event->when = event->when ? event->when : apr_time_now();
    forge_net_sentry_write(b, p, event);
    if (b->failed || !forge_server_outgoing_put(server->errors, b->data, b->len, 1))
        forge_live_count(server->live, FORGE_C_ERROR_DROPPED);
}

static void report(request_rec *r, const forge_server_t *server, const forge_note_t *note, int http)
{
    const char *code = forge_util_error(note->problem)->code;
    const char *method = forge_server_method(r), *route = note->route ? note->route : "no route";
    const char *status = forge_util_itoa(r->pool, http);
    forge_sentry_event_t event = {.level = "error",
                                  .message = apr_pstrcat(r->pool, status, " ", code, ": ", method, " ", route, NULL),
                                  .group = apr_pstrcat(r->pool, method, " ", route, " ", code, NULL),
                                  .transaction = apr_pstrcat(r->pool, method, " ", route, NULL),
                                  .trace_id = note->trace.trace_id,
                                  .span_id = note->trace.span_id};
    forge_net_sentry_tag(&event, "kind", "answer");
    forge_net_sentry_tag(&event, "code", code);
    forge_net_sentry_tag(&event, "status", status);
    forge_net_sentry_tag(&event, "method", method);
    forge_net_sentry_tag(&event, "route", route);
    forge_net_sentry_tag(&event, "request_id", note->request_id);
    forge_net_sentry_tag(&event, "trace_id", note->trace.trace_id);
    forge_net_sentry_tag(&event, "server", server->s->server_hostname);
    forge_server_report(server, r->pool, &event);
}

/* A 503 of /health is its answer and no problem. */
int forge_server_report_write(request_rec *r)
{
    const forge_server_t *server = forge_server_of(r->server);
    request_rec *last = r;
    if (!server || !server->errors)
        return DECLINED;
    while (last->next)
        last = last->next;
    const forge_note_t *note = forge_server_note(last);
    if (last->status >= HTTP_INTERNAL_SERVER_ERROR && note->problem != FORGE_OK && note->request_id)
        report(r, server, note, last->status);
    return DECLINED;
}
