/* SPDX-License-Identifier: Apache-2.0
 * The request as the handlers see it, and what httpd is told before it looks for its location.
 */
#include "http_private.h"

#include <httpd.h>
#include <http_config.h>
#include <apr_strings.h>
#include <string.h>

#define USER_AGENT_MAX 512

int forge_http_begin(request_rec *r)
{
    if (r->main || !forge_config_enabled(forge_config_of_server(r->server)))
        return DECLINED;
    forge_server_identify(r)->located = true;
    if (forge_server_beneath(r))
        forge_http_die_prepare(r);
    return DECLINED;
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
    const forge_note_t *note = forge_server_note(r);
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
    q->spans = note->spans;
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

const char *forge_http_address(const forge_req_t *q)
{
    return forge_server_limit_address(q->r);
}
