/* SPDX-License-Identifier: Apache-2.0
 * Files that logs are written to. They stay open over a restart until the next configuration has opened its own, so
 * that a directory that has vanished ends neither the log nor, as httpd's own logs would, the server.
 */
#include "server_private.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <errno.h>
#include <fcntl.h>
#include <httpd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT_AS "forge-log-files 1" /* in the process pool; another number when file_t changes */
#define MODE    (S_IRUSR | S_IWUSR | S_IRGRP)

typedef struct file_t {
    const char *name;
    int fd;    /* -1: the configuration names it no more */
    bool used; /* by this generation */
} file_t;

static apr_pool_t *process;
static apr_array_header_t *kept; /* of file_t * */
static bool again;

bool forge_server_log_files_known(apr_pool_t *process_pool)
{
    void *known = NULL;
    apr_pool_userdata_get(&known, KEPT_AS, process_pool);
    return known != NULL;
}

void forge_server_log_files_begin(apr_pool_t *process_pool)
{
    process = process_pool;
    apr_pool_userdata_get((void **)&kept, KEPT_AS, process);
    again = kept != NULL;
    if (!kept) {
        kept = apr_array_make(process, 4, sizeof(file_t *));
        apr_pool_userdata_set(kept, KEPT_AS, apr_pool_cleanup_null, process); /* copies the key */
    }
    for (int i = 0; i < kept->nelts; i++)
        APR_ARRAY_IDX(kept, i, file_t *)->used = false;
}

bool forge_server_log_files_again(void)
{
    return again;
}

static file_t *of_name(const char *name)
{
    for (int i = 0; i < kept->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(kept, i, file_t *)->name, name) == 0)
            return APR_ARRAY_IDX(kept, i, file_t *);
    file_t *file = apr_palloc(process, sizeof(*file));
    *file = (file_t){apr_pstrdup(process, name), -1, false};
    APR_ARRAY_PUSH(kept, file_t *) = file;
    return file;
}

bool forge_server_log_file_pipes(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Each write goes to the end of the file, wherever that is by then: logrotate may have cut it (copytruncate). Nobody
 * waits for who might read a FIFO, neither here nor in a write; any other device may take its time. */
static int open_now(const char *name)
{
    const int fd = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, MODE);
    const int flags = fd >= 0 && !forge_server_log_file_pipes(fd) ? fcntl(fd, F_GETFL) : -1;
    if (flags >= 0)
        fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    return fd;
}

int forge_server_log_file(const char *name, int *why)
{
    file_t *file = of_name(name);
    const int fd = open_now(name);
    *why = fd < 0 ? errno : 0;
    file->used = true;
    if (fd >= 0) {
        if (file->fd >= 0)
            close(file->fd);
        file->fd = fd;
    }
    return file->fd;
}

void forge_server_log_files_end(void)
{
    for (int i = 0; i < kept->nelts; i++) {
        file_t *file = APR_ARRAY_IDX(kept, i, file_t *);
        if (!file->used && file->fd >= 0) {
            close(file->fd);
            file->fd = -1;
        }
    }
}
