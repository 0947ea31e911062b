/* SPDX-License-Identifier: Apache-2.0
 * ForgeAccessLog: one line per request.
 */
#include "server_private.h"

#include <httpd.h>
#include <apr_strings.h>

#define PATH_MAX_BYTES 500 /* of the path; each byte may take six when escaped */
#define TEXT_MAX_BYTES 64  /* of a method or an address */

/* Our errors are errors; what a client did wrong is not. */
static forge_line_level_t level_of(int status)
{
    return status >= HTTP_INTERNAL_SERVER_ERROR ? FORGE_LINE_ERROR : FORGE_LINE_INFO;
}

/* "GET /api/v1/courses/{id} 200": the route, not the path, so that lines of one kind read alike and hold nothing of the
 * client's but the method. */
static const char *sentence(apr_pool_t *p, const request_rec *first, const forge_note_t *note, int status)
{
    return apr_psprintf(p, "%.*s %s %d", TEXT_MAX_BYTES, first->method ? first->method : "-",
                        note->route ? note->route : "-", status);
}

/* `first` is the request as received, `last` the one that answered it after internal redirects. The query is left out,
 * because it may hold secrets. */
static forge_line_t *compose(request_rec *first, request_rec *last, const forge_note_t *note,
                             const forge_server_t *server)
{
    forge_line_t *line = forge_core_line_make(first->pool, "forge.access", forge_config_environment(server->config));
    forge_core_line_number(line, FORGE_LINE_TS, first->request_time);
    forge_core_line_level(line, level_of(last->status));
    forge_core_line_text(line, FORGE_LINE_MSG, sentence(first->pool, first, note, last->status), PATH_MAX_BYTES);
    forge_server_line_note(line, note);
    forge_core_line_text(line, FORGE_LINE_METHOD, first->method, TEXT_MAX_BYTES);
    forge_core_line_text(line, FORGE_LINE_PATH, first->unparsed_uri ? forge_server_raw_path(first) : NULL,
                         PATH_MAX_BYTES);
    forge_core_line_number(line, FORGE_LINE_STATUS, last->status);
    forge_core_line_number(line, FORGE_LINE_DURATION, apr_time_now() - first->request_time);
    forge_core_line_number(line, FORGE_LINE_BYTES, last->bytes_sent);
    forge_core_line_text(line, FORGE_LINE_CLIENT, first->useragent_ip, TEXT_MAX_BYTES);
    return line;
}

/* Whether the request gets a line: it is ours, or httpd refused it before it was known whose it is. */
static bool concerns(request_rec *r, const forge_note_t *note)
{
    return forge_server_watched(r) || note->claimed || (note->request_id && !note->located);
}

int forge_server_access_write(request_rec *r)
{
    const forge_server_t *server = forge_server_of(r->server);
    request_rec *last = r;
    if (!server || !server->access)
        return DECLINED;
    while (last->next)
        last = last->next;
    const forge_note_t *note = forge_server_note(last);
    if (!concerns(last, note))
        return DECLINED;
    forge_server_log_line(server->access, server, r->pool, compose(r, last, note, server));
    return DECLINED;
}
