/* SPDX-License-Identifier: Apache-2.0
 * ForgeLogSource: the files that can be read through the API. Logs belong to root, and children are somebody else.
 *
 * The parent opens each file while it is root, and children inherit the descriptor: so they can read a file that they
 * could not open, as long as it is the same file. That is enough for httpd's own logs, whose rotation restarts httpd,
 * and for logs that are copied and cut off (Debian's PostgreSQL). Where a rotation makes a new file, the children must
 * be able to open it: configtest says who cannot.
 */
#include "server_private.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <http_main.h>
#include <unixd.h>
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

APLOG_USE_MODULE(forge);

#define BACKEND "backend"

static apr_status_t close_fd(void *fd)
{
    close((int)(apr_uintptr_t)fd);
    return APR_SUCCESS;
}

static int open_file(apr_pool_t *p, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        return -1;
    }
    if (fd >= 0)
        apr_pool_cleanup_register(p, (void *)(apr_uintptr_t)fd, close_fd, apr_pool_cleanup_null);
    return fd;
}

static void add(apr_pool_t *p, forge_server_t *server, const char *service, const char *path, forge_log_format_t format)
{
    if (!path || !*path || *path == '|' || server->sources->nelts == FORGE_LOG_FILES_MAX)
        return;
    for (int i = 0; i < server->sources->nelts; i++) { /* access and event log may be one */
        const forge_log_source_t *known = &APR_ARRAY_IDX(server->sources, i, forge_log_source_t);
        if (strcmp(known->service, service) == 0 && strcmp(known->path, path) == 0)
            return;
    }
    APR_ARRAY_PUSH(server->sources, forge_log_source_t) =
        (forge_log_source_t){.service = service, .path = path, .format = format, .fd = open_file(p, path)};
}

/* httpd's own log of errors, where it is a file. */
static const char *error_log(apr_pool_t *p, const server_rec *s)
{
    const char *name = s->error_fname ? s->error_fname : ap_server_conf->error_fname;
    bool file = name && *name != '|' && strncmp(name, "syslog", 6) != 0;
    return file ? ap_server_root_relative(p, name) : NULL;
}

void forge_server_sources_open(apr_pool_t *p, forge_server_t *server)
{
    const apr_array_header_t *configured = forge_config_log_sources(server->config);
    bool backend = false;
    server->sources = apr_array_make(p, 4, sizeof(forge_log_source_t));
    for (int i = 0; configured && i < configured->nelts; i++) {
        const forge_log_source_t *source = &APR_ARRAY_IDX(configured, i, forge_log_source_t);
        backend |= strcmp(source->service, BACKEND) == 0;
        add(p, server, source->service, source->path, source->format);
    }
    if (backend)
        return;
    add(p, server, BACKEND, error_log(p, server->s), FORGE_LOG_GUESS);
    add(p, server, BACKEND, forge_config_access_log(server->config), FORGE_LOG_GUESS);
    add(p, server, BACKEND, forge_config_event_log(server->config), FORGE_LOG_GUESS);
}

/* --- what configtest says --- */

static void advise(server_rec *s, const forge_log_source_t *source)
{
    struct stat st;
    if (!*source->path)
        return;
    if (stat(source->path, &st) != 0) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, errno, s,
                     "FG0610: ForgeLogSource %s: '%s' is not there; it is read once it is, if %s may open it",
                     source->service, source->path, ap_unixd_config.user_name);
        return;
    }
    int error = S_ISREG(st.st_mode) ? forge_server_as_child(source->path, R_OK) : EISDIR;
    if (error && S_ISREG(st.st_mode))
        ap_log_error(
            APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, error, s,
            "FG0611: ForgeLogSource %s: '%s' cannot be read by %s; it is read until a rotation makes a new "
            "file, then not until the next restart. 'setfacl -m u:%s:r' on the file and an ACL on its folder, or "
            "'adduser %s adm', helps",
            source->service, source->path, ap_unixd_config.user_name, ap_unixd_config.user_name,
            ap_unixd_config.user_name);
    else if (error)
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, s,
                     "FG0612: ForgeLogSource %s: '%s' is no file and is not read", source->service, source->path);
}

void forge_server_sources_advise(apr_pool_t *p, server_rec *s)
{
    apr_array_header_t *told = apr_array_make(p, 4, sizeof(const void *));
    for (; s; s = s->next) {
        const forge_config_t *c = forge_config_of_server(s);
        const apr_array_header_t *sources = forge_config_enabled(c) ? forge_config_log_sources(c) : NULL;
        bool again = false;
        for (int i = 0; i < told->nelts; i++)
            again |= APR_ARRAY_IDX(told, i, const void *) == sources;
        if (!sources || again) /* virtual hosts have those of the server */
            continue;
        APR_ARRAY_PUSH(told, const void *) = sources;
        for (int i = 0; i < sources->nelts; i++)
            advise(s, &APR_ARRAY_IDX(sources, i, forge_log_source_t));
    }
}
