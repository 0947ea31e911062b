/* SPDX-License-Identifier: Apache-2.0
 * The access log: one line of JSON per request, written at once. Opened in the parent as root, inherited by the children.
 */
#include "http.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <string.h>

APLOG_USE_MODULE(forge);

#define LINE_MAX_BYTES 4096 /* PIPE_BUF on Linux: longer writes to a pipe may be mixed with those of others */
#define PATH_MAX_BYTES 500  /* of the path; each byte may take six when escaped */
#define TEXT_MAX_BYTES 64   /* of a method or an address */
#define COMPLAIN_EVERY apr_time_from_sec(60)

typedef struct forge_log_t {
    const char *name;
    apr_file_t *file;
} forge_log_t;

static forge_log_t *open_log(apr_pool_t *p, server_rec *s, const char *name)
{
    forge_log_t *log = apr_pcalloc(p, sizeof(*log));
    log->name = name;
    if (*name == '|') {
        piped_log *pipe = ap_open_piped_log(p, name + 1);
        log->file = pipe ? ap_piped_log_write_fd(pipe) : NULL;
        if (!log->file)
            ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, 0, s, "FG0440: ForgeAccessLog: could not start '%s'", name + 1);
    } else {
        apr_status_t rv = apr_file_open(&log->file, name, APR_WRITE | APR_APPEND | APR_CREATE | APR_LARGEFILE | APR_BINARY,
                                        APR_UREAD | APR_UWRITE | APR_GREAD, p);
        if (rv != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, rv, s, "FG0441: ForgeAccessLog: could not open '%s'", name);
            return NULL;
        }
    }
    return log->file ? log : NULL;
}

int forge_http_access_open(apr_pool_t *p, server_rec *s, forge_server_t *server)
{
    const char *name = forge_config_access_log(server->config), *key;
    void *known = NULL;
    if (!name)
        return OK;
    key = apr_pstrcat(p, "forge-access-log:", name, NULL);
    apr_pool_userdata_get(&known, key, p); /* virtual hosts with the same log share one descriptor or program */
    server->access = known ? known : open_log(p, s, name);
    if (!server->access)
        return HTTP_INTERNAL_SERVER_ERROR;
    apr_pool_userdata_setn(server->access, key, NULL, p);
    return OK;
}

static void add_text(forge_buf_t *b, const char *name, const char *text, apr_size_t max)
{
    forge_util_buf_printf(b, ",\"%s\":", name);
    if (text)
        forge_util_buf_json(b, text, strnlen(text, max));
    else
        forge_util_buf_puts(b, "null");
}

/* `first` is the request as it came, `last` the one that answered it after internal redirects. The query stays out: it may hold secrets. */
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
    add_text(b, "path", first->unparsed_uri ? forge_http_raw_path(first) : NULL, PATH_MAX_BYTES);
    if (took < 0) /* the clock was set back */
        took = 0;
    forge_util_buf_printf(b, ",\"status\":%d,\"duration_ms\":%" APR_INT64_T_FMT ".%03d", last->status, took / 1000, (int)(took % 1000));
    forge_util_buf_printf(b, ",\"bytes\":%" APR_OFF_T_FMT, last->bytes_sent);
    add_text(b, "client", first->useragent_ip, TEXT_MAX_BYTES);
    forge_util_buf_puts(b, "}\n");
}

/* A full disk is told once a minute and child, not with every request. */
static void complain(request_rec *r, const forge_log_t *log, apr_status_t rv)
{
    static apr_time_t told;
    apr_time_t now = apr_time_now(), last = __atomic_load_n(&told, __ATOMIC_RELAXED);
    if (now - last >= COMPLAIN_EVERY && __atomic_compare_exchange_n(&told, &last, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, r, "FG0442: could not write to the access log '%s'", log->name);
}

/* Ours, or refused before httpd knew whose it was. */
static bool concerns(request_rec *r, const forge_note_t *note)
{
    return forge_http_ours(r) || note->claimed || (note->request_id && !note->located);
}

int forge_http_access_write(request_rec *r)
{
    const forge_server_t *server = forge_http_server(r->server);
    request_rec *last = r;
    if (!server || !server->access)
        return DECLINED;
    while (last->next)
        last = last->next;
    const forge_note_t *note = forge_http_note(last);
    if (!concerns(last, note))
        return DECLINED;
    forge_buf_t *b = forge_util_buf_make(r->pool, 512, LINE_MAX_BYTES);
    compose(b, r, last, note);
    if (b->failed)
        return DECLINED;
    apr_size_t len = b->len;
    apr_status_t rv = apr_file_write(server->access->file, b->data, &len);
    if (rv != APR_SUCCESS || len != b->len)
        complain(r, server->access, rv);
    return DECLINED;
}
