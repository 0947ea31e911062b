/* SPDX-License-Identifier: Apache-2.0
 * The history of log files: their last lines that match, of one service or of all. Which files these are is
 * configuration; a client names services.
 */
#include "http_private.h"

#include <httpd.h>
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MAX (24 * 1024 * 1024) /* a thousand lines at their longest, escaped */

static apr_status_t close_fd(void *fd)
{
    close((int)(apr_uintptr_t)fd);
    return APR_SUCCESS;
}

int forge_http_log_open(const forge_log_source_t *source)
{
    int fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && (errno == EACCES || errno == EPERM) && source->fd >= 0)
        fd = fcntl(source->fd, F_DUPFD_CLOEXEC, 0); /* as the parent has it: it is read at given places only */
    return fd;
}

bool forge_http_log_serves(const forge_log_source_t *source, const char *service)
{
    return strcmp(service, "all") == 0 || strcmp(source->service, service) == 0;
}

static int keep(apr_pool_t *p, int fd)
{
    if (fd >= 0)
        apr_pool_cleanup_register(p, (void *)(apr_uintptr_t)fd, close_fd, apr_pool_cleanup_null);
    return fd;
}

/* The file as it is now, and where that is not enough the one that it was until the last rotation. */
static bool read_source(forge_req_t *q, int number, forge_log_history_t *history)
{
    const forge_log_source_t *source = &APR_ARRAY_IDX(q->server->sources, number, forge_log_source_t);
    int fd = keep(q->pool, forge_http_log_open(source));
    history->earliest = 0;
    if (fd < 0)
        return false;
    if (forge_core_log_history(q->pool, source, number, fd, history))
        return true;
    fd = keep(q->pool,
              open(apr_pstrcat(q->pool, source->path, ".1", NULL), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (fd >= 0)
        forge_core_log_history(q->pool, source, number, fd, history);
    return true;
}

static forge_status_t read_all(forge_req_t *q, const char *service, forge_log_history_t *history)
{
    const apr_array_header_t *sources = q->server->sources;
    int left = 0, read = 0;
    for (int i = 0; i < sources->nelts; i++)
        left += forge_http_log_serves(&APR_ARRAY_IDX(sources, i, forge_log_source_t), service);
    if (!left)
        return forge_fail_detail(q, FORGE_E_NOT_FOUND, "no such service, or it has no log file (ForgeLogSource)");
    for (int i = 0; i < sources->nelts; i++) {
        if (!forge_http_log_serves(&APR_ARRAY_IDX(sources, i, forge_log_source_t), service))
            continue;
        forge_core_log_history_turn(history, left--);
        read += read_source(q, i, history);
    }
    return read ? FORGE_OK : FORGE_E_LOG_UNREADABLE;
}

/* Where a stream goes on that comes after this line: behind it in its own file, and in the others behind what was
 * before it. `places` has one for each file of the service. */
static const char *id_of(apr_pool_t *p, char places[][FORGE_LOG_PLACE_MAX], const apr_array_header_t *sources,
                         const char *service)
{
    const char *id = "";
    for (int i = 0; i < sources->nelts; i++)
        if (forge_http_log_serves(&APR_ARRAY_IDX(sources, i, forge_log_source_t), service))
            id = apr_pstrcat(p, id, *id ? "-" : "", places[i], NULL);
    return id;
}

/* Before the first line of a file that is answered, a reader was at its beginning; in a file of which nothing is, at
 * its end. */
static void begin_places(forge_req_t *q, const char *service, const forge_log_history_t *history,
                         char places[][FORGE_LOG_PLACE_MAX])
{
    const apr_array_header_t *sources = q->server->sources;
    for (int i = 0; i < sources->nelts; i++) {
        const forge_log_source_t *source = &APR_ARRAY_IDX(sources, i, forge_log_source_t);
        if (!forge_http_log_serves(source, service))
            continue;
        int fd = forge_http_log_open(source);
        forge_core_log_place_write(places[i], fd, forge_core_log_end(fd));
        if (fd >= 0)
            close(fd);
    }
    for (int i = history->found->nelts; i-- > 0;) {
        const forge_log_found_t *found = &APR_ARRAY_IDX(history->found, i, forge_log_found_t);
        forge_core_log_place_write(places[found->source], found->fd, found->start);
    }
}

static void put_entry(forge_req_t *q, forge_buf_t *b, const forge_log_found_t *found, const char *id)
{
    const forge_log_source_t *source = &APR_ARRAY_IDX(q->server->sources, found->source, forge_log_source_t);
    forge_util_buf_puts(b, b->len > 1 ? ",{\"id\":\"" : "{\"id\":\"");
    forge_util_buf_puts(b, id);
    forge_util_buf_puts(b, "\",");
    forge_core_log_write(b, q->pool, source->service, &found->entry);
}

forge_status_t forge_reply_log_history(forge_req_t *q, const char *service, const forge_log_query_t *query)
{
    char places[FORGE_LOG_FILES_MAX][FORGE_LOG_PLACE_MAX];
    apr_pool_t *p;
    forge_log_history_t history = {.query = *query,
                                   .bytes = FORGE_LOG_SCANNED_MAX,
                                   .ends = forge_util_monotonic() + FORGE_LOG_TAKES,
                                   .found = apr_array_make(q->pool, query->lines, sizeof(forge_log_found_t))};
    FORGE_TRY(read_all(q, service, &history));
    forge_core_log_history_sort(&history);
    begin_places(q, service, &history, places);
    forge_buf_t *b = forge_util_buf_make(q->pool, 16384, ANSWER_MAX);
    forge_util_buf_add(b, "[", 1);
    apr_pool_create(&p, q->pool);
    for (int i = 0; i < history.found->nelts; i++) {
        const forge_log_found_t *found = &APR_ARRAY_IDX(history.found, i, forge_log_found_t);
        forge_core_log_place_write(places[found->source], found->fd, found->end);
        put_entry(q, b, found, id_of(p, places, q->server->sources, service));
        apr_pool_clear(p);
    }
    forge_util_buf_add(b, "]", 1);
    forge_reply_header(q, "Cache-Control", "no-store");
    if (history.truncated)
        forge_reply_header(q, "X-Truncated", "true");
    return forge_reply_buf(q, b, NULL);
}
