/* SPDX-License-Identifier: Apache-2.0
 * Logs with one JSON line per event, each written in one call. The parent opens them as root, the children inherit
 * them.
 */
#include "server_private.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>

APLOG_USE_MODULE(forge);

#define COMPLAIN_EVERY apr_time_from_sec(60)

typedef struct forge_log_t {
    const char *name;
    apr_file_t *file;
} forge_log_t;

/* Opens a file, or starts a program behind "|", as httpd does for its own logs. */
static forge_log_t *open_log(apr_pool_t *p, server_rec *s, const char *directive, const char *name)
{
    forge_log_t *log = apr_pcalloc(p, sizeof(*log));
    log->name = name;
    if (*name == '|') {
        piped_log *pipe = ap_open_piped_log(p, name + 1);
        log->file = pipe ? ap_piped_log_write_fd(pipe) : NULL;
        if (!log->file)
            ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, 0, s, "FG0440: %s: could not start '%s'", directive,
                         name + 1);
    } else {
        apr_status_t rv =
            apr_file_open(&log->file, name, APR_WRITE | APR_APPEND | APR_CREATE | APR_LARGEFILE | APR_BINARY,
                          APR_UREAD | APR_UWRITE | APR_GREAD, p);
        if (rv != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, rv, s, "FG0441: %s: could not open '%s'", directive,
                         name);
            return NULL;
        }
    }
    return log->file ? log : NULL;
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

void forge_server_log_write(const forge_log_t *log, server_rec *s, const forge_buf_t *line)
{
    apr_size_t len = line->len;
    if (line->failed)
        return;
    apr_status_t rv = apr_file_write(log->file, line->data, &len);
    if (rv != APR_SUCCESS || len != line->len)
        complain(s, log, rv);
}

int forge_server_logs_open(apr_pool_t *p, forge_server_t *server)
{
    const char *access = forge_config_access_log(server->config), *audit = forge_config_audit_log(server->config);
    if (access && !(server->access = forge_server_log_open(p, server->s, "ForgeAccessLog", access)))
        return HTTP_INTERNAL_SERVER_ERROR;
    if (audit && !(server->audit = forge_server_log_open(p, server->s, "ForgeAuditLog", audit)))
        return HTTP_INTERNAL_SERVER_ERROR;
    return OK;
}
