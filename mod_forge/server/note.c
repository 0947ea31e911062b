/* SPDX-License-Identifier: Apache-2.0
 * The note of a request: its id and trace, its path, and its credentials as received.
 */
#include "server_private.h"
#include "core/wire/wire.h"

#include <httpd.h>
#include <http_config.h>
#include <apr_strings.h>
#include <string.h>

extern module AP_MODULE_DECLARE_DATA forge_module;

forge_note_t *forge_server_note(request_rec *r)
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

bool forge_server_inner(const request_rec *r)
{
    return r->connection->master && apr_table_get(r->connection->notes, FORGE_INNER_MARK);
}

/* A request made by an internal redirect keeps the id and trace of the first one. */
forge_note_t *forge_server_identify(request_rec *r)
{
    forge_note_t *note = forge_server_note(r);
    if (note->request_id)
        return note;
    if (r->prev && forge_server_note(r->prev)->request_id) {
        note->request_id = forge_server_note(r->prev)->request_id;
        note->trace = forge_server_note(r->prev)->trace;
        note->spans = forge_server_note(r->prev)->spans;
        note->begun = forge_server_note(r->prev)->begun;
    } else {
        note->request_id = forge_core_request_id(r->pool, apr_table_get(r->headers_in, "X-Request-ID"));
        forge_core_trace_start(&note->trace, apr_table_get(r->headers_in, "traceparent"));
        forge_server_trace_begin(r, note);
    }
    apr_table_setn(r->notes, "forge-request-id", note->request_id); /* for LogFormat: %{forge-request-id}n */
    return note;
}

const char *forge_server_raw_path(request_rec *r)
{
    const char *target = r->unparsed_uri ? r->unparsed_uri : "/";
    if (*target != '/') { /* absolute form: scheme "://" authority path (RFC 9112 §3.2.2) */
        const char *authority = strstr(target, "://");
        const char *path = authority ? authority + 3 + strcspn(authority + 3, "/?#") : "";
        target = *path == '/' ? path : "/"; /* a slash in the query is not part of the path */
    }
    return apr_pstrndup(r->pool, target, strcspn(target, "?#"));
}

const char *forge_server_method(const request_rec *r)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"};
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(r->method, known[i]) == 0)
            return known[i];
    return "_OTHER";
}

/* The value stored with this request, or with one that led here by an internal redirect. */
static const char *kept(request_rec *r, apr_size_t member, const char *name)
{
    for (request_rec *at = r; at; at = at->prev) {
        const char *value = *(const char *const *)((const char *)forge_server_note(at) + member);
        if (value)
            return value;
        while (at->main)
            at = at->main;
    }
    return apr_table_get(r->headers_in, name);
}

const char *forge_server_cookie_as_sent(request_rec *r)
{
    return kept(r, offsetof(forge_note_t, cookie), "Cookie");
}

const char *forge_server_authorization_as_sent(request_rec *r)
{
    return kept(r, offsetof(forge_note_t, authorization), "Authorization");
}

forge_activity_t forge_server_activity(request_rec *r)
{
    return forge_server_activity_as(r, r->pool, "forge ");
}

forge_activity_t forge_server_activity_as(request_rec *r, apr_pool_t *p, const char *words)
{
    const forge_note_t *note = forge_server_identify(r);
    return (forge_activity_t){apr_pstrcat(p, words, note->request_id, NULL), note->slot};
}
