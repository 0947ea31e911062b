/* SPDX-License-Identifier: Apache-2.0
 * Who a request is (id, trace), what is noted with it, and how the handlers see it.
 */
#include "http/http.h"

#include <httpd.h>
#include <http_config.h>
#include <apr_strings.h>
#include <string.h>

extern module AP_MODULE_DECLARE_DATA forge_module;

#define USER_AGENT_MAX 512

forge_note_t *forge_http_note(request_rec *r)
{
    while (r->main)
        r = r->main;
    forge_note_t *note = ap_get_module_config(r->request_config, &forge_module);
    if (!note) {
        note = apr_pcalloc(r->pool, sizeof(*note));
        note->begun = r->request_time;
        ap_set_module_config(r->request_config, &forge_module, note);
    }
    return note;
}

/* A request made by an internal redirect goes on under those of the first. */
forge_note_t *forge_http_identify(request_rec *r)
{
    forge_note_t *note = forge_http_note(r);
    if (note->request_id)
        return note;
    if (r->prev && forge_http_note(r->prev)->request_id) {
        note->request_id = forge_http_note(r->prev)->request_id;
        note->trace = forge_http_note(r->prev)->trace;
        note->begun = forge_http_note(r->prev)->begun;
    } else {
        note->request_id = forge_core_request_id(r->pool, apr_table_get(r->headers_in, "X-Request-ID"));
        forge_core_trace_start(&note->trace, apr_table_get(r->headers_in, "traceparent"));
    }
    apr_table_setn(r->notes, "forge-request-id", note->request_id); /* for LogFormat: %{forge-request-id}n */
    return note;
}

int forge_http_begin(request_rec *r)
{
    if (r->main || !forge_config_enabled(forge_config_of_server(r->server)))
        return DECLINED;
    forge_http_identify(r)->located = true;
    if (forge_http_ours(r))
        forge_http_die_prepare(r);
    return DECLINED;
}

const char *forge_http_raw_path(request_rec *r)
{
    const char *target = r->unparsed_uri ? r->unparsed_uri : "/";
    if (*target != '/') { /* absolute form: scheme "://" authority path (RFC 9112 §3.2.2) */
        const char *authority = strstr(target, "://");
        const char *path = authority ? authority + 3 + strcspn(authority + 3, "/?#") : "";
        target = *path == '/' ? path : "/"; /* a slash in the query is none of the path */
    }
    return apr_pstrndup(r->pool, target, strcspn(target, "?#"));
}

/* The User-Agent, cut to a bound and only when it is text. */
static const char *user_agent(request_rec *r)
{
    const char *agent = apr_table_get(r->headers_in, "User-Agent");
    if (!agent)
        return NULL;
    apr_size_t len = strlen(agent);
    while (len > USER_AGENT_MAX || (len > 0 && (agent[len] & 0xC0) == 0x80))
        len--;
    return forge_util_utf8(agent, len, NULL) ? apr_pstrndup(r->pool, agent, len) : NULL;
}

forge_req_t *forge_http_request_make(request_rec *r, const forge_server_t *server)
{
    const forge_note_t *note = forge_http_note(r);
    forge_req_t *q = apr_pcalloc(r->pool, sizeof(*q));
    q->pool = r->pool;
    q->server = server;
    q->config = server->config;
    q->dir = forge_config_of_request(r);
    q->keys = server->keys;
    q->live = server->live;
    q->router = server->router;
    q->request_id = note->request_id;
    q->trace = note->trace;
    q->client_ip = r->useragent_ip;
    q->user_agent = user_agent(r);
    q->now = note->begun;
    q->r = r;
    q->reply = apr_pcalloc(r->pool, sizeof(*q->reply));
    return q;
}

const char *forge_http_header(forge_req_t *q, const char *name)
{
    return apr_table_get(q->r->headers_in, name);
}
