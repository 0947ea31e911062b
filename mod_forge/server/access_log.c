/* SPDX-License-Identifier: Apache-2.0
 * ForgeAccessLog: one line of JSON per request.
 */
#include "server_private.h"

#include <httpd.h>
#include <string.h>

#define PATH_MAX_BYTES 500 /* of the path; each byte may take six when escaped */
#define TEXT_MAX_BYTES 64  /* of a method or an address */

static void add_text(forge_buf_t *b, const char *name, const char *text, apr_size_t max)
{
    forge_util_buf_printf(b, ",\"%s\":", name);
    if (text)
        forge_util_buf_json(b, text, strnlen(text, max));
    else
        forge_util_buf_puts(b, "null");
}

/* `first` is the request as received, `last` the one that answered it after internal redirects. The query is left out,
 * because it may hold secrets. */
static void compose(forge_buf_t *b, request_rec *first, request_rec *last, const forge_note_t *note)
{
    apr_interval_time_t took = apr_time_now() - first->request_time;
    forge_util_buf_printf(b, "{\"ts\":\"%s\"", forge_util_time(first->pool, first->request_time, 3));
    add_text(b, "request_id", note->request_id, FORGE_REQUEST_ID_MAX);
    add_text(b, "trace_id", note->trace.trace_id, sizeof(note->trace.trace_id));
    if (note->user_id)
        forge_util_buf_printf(b, ",\"user_id\":%" APR_INT64_T_FMT, note->user_id);
    else
        forge_util_buf_puts(b, ",\"user_id\":null");
    add_text(b, "route", note->route, PATH_MAX_BYTES);
    add_text(b, "method", first->method, TEXT_MAX_BYTES);
    add_text(b, "path", first->unparsed_uri ? forge_server_raw_path(first) : NULL, PATH_MAX_BYTES);
    if (took < 0) /* the clock was set back */
        took = 0;
    forge_util_buf_printf(b, ",\"status\":%d,\"duration_ms\":%" APR_INT64_T_FMT ".%03d", last->status, took / 1000,
                          (int)(took % 1000));
    forge_util_buf_printf(b, ",\"bytes\":%" APR_OFF_T_FMT, last->bytes_sent);
    add_text(b, "client", first->useragent_ip, TEXT_MAX_BYTES);
    forge_util_buf_puts(b, "}\n");
}

/* Whether the request gets a line: it is ours, or httpd refused it before it was known whose it is. */
static bool concerns(request_rec *r, const forge_note_t *note)
{
    return forge_server_beneath(r) || note->claimed || (note->request_id && !note->located);
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
    forge_buf_t *b = forge_util_buf_make(r->pool, 512, FORGE_LOG_LINE_MAX);
    compose(b, r, last, note);
    forge_server_log_write(server->access, r->server, b);
    return DECLINED;
}
