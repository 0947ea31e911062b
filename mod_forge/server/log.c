/* SPDX-License-Identifier: Apache-2.0
 * Logs with one line per event, each written in one call. The parent opens them as root, the children inherit them. A
 * log that cannot be written to loses lines; a request neither fails for it nor waits for it.
 */
#include "server_private.h"

#include <apr_file_io.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <errno.h>
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <poll.h>
#include <unistd.h>

APLOG_USE_MODULE(forge);

#define COMPLAIN_EVERY apr_time_from_sec(60)
#define ROUTE_MAX      500                     /* bytes of a template */
#define PATIENCE       apr_time_from_msec(100) /* how long a line waits for a program that does not read */
#define GIVEN_UP       apr_time_from_sec(1)    /* how long the lines after it do not wait at all */

typedef struct forge_log_t {
    const char *name;
    int fd;
    bool pipe;
    apr_int64_t given_up; /* by forge_util_monotonic: until then nobody waits */
} forge_log_t;

/* A pipe does not block: the program behind it may hang. Its lines are of at most PIPE_BUF bytes, which are written
 * whole or not at all. */
static bool open_pipe(server_rec *s, const char *directive, forge_log_t *log)
{
    log->pipe = true;
    log->fd = forge_server_log_pipe(log->name);
    if (log->fd < 0)
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, errno, s, "FG0440: %s: could not start '%s'", directive,
                     log->name + 1);
    return log->fd >= 0;
}

/* A file that cannot be opened again goes on as the one that was open before. */
static bool open_file(server_rec *s, const char *directive, forge_log_t *log)
{
    int why;
    log->fd = forge_server_log_file(log->name, &why);
    log->pipe = log->fd >= 0 && forge_server_log_file_pipes(log->fd);
    if (log->fd >= 0 && !why)
        return true;
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, why, s, "FG0441: %s: could not open '%s'%s", directive,
                 log->name, log->fd >= 0 ? "; lines go on into the file that was open before" : "");
    return log->fd >= 0;
}

/* Opens a file, or the pipe to a program behind "|". Only a start ends where that fails: after a restart the lines are
 * lost, and counted so. */
static forge_log_t *open_log(apr_pool_t *p, server_rec *s, const char *directive, const char *name)
{
    forge_log_t *log = apr_pcalloc(p, sizeof(*log));
    log->name = name;
    bool opened = *name == '|' ? open_pipe(s, directive, log) : open_file(s, directive, log);
    return opened || forge_server_log_files_again() ? log : NULL;
}

forge_log_t *forge_server_log_open(apr_pool_t *p, server_rec *s, const char *directive, const char *name)
{
    const char *key = apr_pstrcat(p, "forge-log:", name, NULL);
    void *known = NULL;
    apr_pool_userdata_get(&known, key, p);
    forge_log_t *log = known ? known : open_log(p, s, directive, name);
    if (log)
        apr_pool_userdata_set(log, key, NULL, p);
    return log;
}

/* Reports a full disk once a minute in each child, not for every line. */
static void complain(server_rec *s, const forge_log_t *log, apr_status_t rv)
{
    static apr_time_t told;
    apr_time_t now = apr_time_now(), last = __atomic_load_n(&told, __ATOMIC_RELAXED);
    if (now - last >= COMPLAIN_EVERY &&
        __atomic_compare_exchange_n(&told, &last, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s, "FG0442: could not write to the log '%s'", log->name);
}

/* Whether the program behind a pipe made room in time. The first line that waits in vain makes the others give up at
 * once, for a moment, so that a program that hangs costs a thread next to nothing. */
static bool room(forge_log_t *log, apr_int64_t until)
{
    struct pollfd one = {.fd = log->fd, .events = POLLOUT, .revents = 0};
    apr_int64_t now = forge_util_monotonic();
    if (now < __atomic_load_n(&log->given_up, __ATOMIC_RELAXED))
        return false;
    while (now < until) {
        int ready = poll(&one, 1, (int)apr_time_as_msec(until - now) + 1);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
        now = forge_util_monotonic();
    }
    __atomic_store_n(&log->given_up, now + GIVEN_UP, __ATOMIC_RELAXED);
    return false;
}

/* A disk that is full may take a part of a line; the rest is not tried again, because others write in between. */
static apr_status_t write_whole(forge_log_t *log, const forge_buf_t *line)
{
    const apr_int64_t until = forge_util_monotonic() + PATIENCE;
    for (;;) {
        ssize_t n = write(log->fd, line->data, line->len);
        if (n >= 0)
            return (apr_size_t)n == line->len ? APR_SUCCESS : ENOSPC;
        const int why = errno;
        if (why != EINTR && !(why == EAGAIN && log->pipe && room(log, until)))
            return why;
    }
}

static forge_buf_t *compose(apr_pool_t *p, const forge_line_t *line, forge_line_format_t format)
{
    forge_buf_t *b = forge_util_buf_make(p, 512, FORGE_LOG_LINE_MAX);
    forge_core_line_write(b, p, line, format);
    return b;
}

/* Says instead of a long value that there was one. */
static void shorten(apr_pool_t *p, forge_line_t *line, forge_line_member_t member)
{
    forge_json_t *instead = forge_util_json_object(p);
    forge_util_json_put_bool(instead, "truncated", true);
    if (line->values[member].kind != FORGE_LINE_ABSENT)
        forge_core_line_tree(line, member, instead);
}

void forge_server_log_line(forge_log_t *log, const forge_server_t *server, apr_pool_t *p, forge_line_t *line)
{
    static const forge_line_member_t long_ones[] = {FORGE_LINE_DETAIL, FORGE_LINE_PATH};
    const forge_line_format_t format = forge_config_log_format(server->config);
    forge_buf_t *b = compose(p, line, format);
    for (size_t i = 0; b->failed && i < sizeof(long_ones) / sizeof(*long_ones); i++) {
        shorten(p, line, long_ones[i]);
        b = compose(p, line, format);
    }
    const apr_status_t failure = b->failed ? APR_ENOMEM : write_whole(log, b);
    if (failure == APR_SUCCESS)
        return;
    forge_live_count(server->live, FORGE_C_LOG_LOST);
    complain(server->s, log, failure);
}

void forge_server_line_note(forge_line_t *line, const forge_note_t *note)
{
    forge_core_line_text(line, FORGE_LINE_REQUEST, note->request_id, FORGE_REQUEST_ID_MAX);
    forge_core_line_text(line, FORGE_LINE_TRACE, note->request_id ? note->trace.trace_id : NULL,
                         sizeof(note->trace.trace_id));
    forge_core_line_text(line, FORGE_LINE_SPAN, note->request_id ? note->trace.span_id : NULL,
                         sizeof(note->trace.span_id));
    forge_core_line_text(line, FORGE_LINE_ROUTE, note->route, ROUTE_MAX);
    if (note->user_id)
        forge_core_line_number(line, FORGE_LINE_USER, note->user_id);
    else
        forge_core_line_null(line, FORGE_LINE_USER);
}

/* At such levels httpd itself writes what clients send, credentials too: headers, and the bytes within TLS. */
static void warn_of_levels(server_rec *s)
{
    static const struct {
        const char *file, *name;
        int level;
    } tellers[] = {{"http_core.c", "http", APLOG_TRACE4}, {"mod_ssl.c", "ssl", APLOG_TRACE7}};
    for (size_t i = 0; i < sizeof(tellers) / sizeof(*tellers); i++) {
        const module *teller = ap_find_linked_module(tellers[i].file);
        if (teller && ap_get_server_module_loglevel(s, teller->module_index) >= tellers[i].level)
            ap_log_error(
                APLOG_MARK, APLOG_WARNING, 0, s,
                "FG0447: LogLevel %s:trace%d and above write passwords and tokens of clients into the error log",
                tellers[i].name, tellers[i].level - APLOG_DEBUG);
    }
}

/* NULL stays NULL: no such log is configured. */
static bool open_one(apr_pool_t *p, forge_server_t *server, const char *directive, const char *name, forge_log_t **log)
{
    *log = name ? forge_server_log_open(p, server->s, directive, name) : NULL;
    return !name || *log;
}

int forge_server_logs_open(apr_pool_t *p, forge_server_t *server)
{
    const forge_config_t *c = server->config;
    if (!open_one(p, server, "ForgeAccessLog", forge_config_access_log(c), &server->access) ||
        !open_one(p, server, "ForgeAuditLog", forge_config_audit_log(c), &server->audit) ||
        !open_one(p, server, "ForgeEventLog", forge_config_event_log(c), &server->events))
        return HTTP_INTERNAL_SERVER_ERROR;
    warn_of_levels(server->s);
    if (server->events && !APLOGinfo(server->s))
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, server->s,
                     "FG0448: ForgeEventLog gets what failed only: LogLevel forge:info lets business events through");
    return OK;
}
