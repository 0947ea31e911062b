/* SPDX-License-Identifier: Apache-2.0
 * Has samples taken (live/sampler.c): each child looks twice a second whether one is due, and whichever comes first
 * takes it. So nothing is handed over when a child ends. File systems have a thread of their own, because one that
 * hangs keeps whoever asks it.
 */
#include "work_private.h"

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <apr_file_info.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK apr_time_from_msec(500)

static pid_t parent; /* httpd's, of this generation */

static void sample(void *data, apr_pool_t *p)
{
    const forge_server_t *server = data;
    (void)p;
    forge_live_sample(server->live, parent);
}

static void sample_disks(void *data, apr_pool_t *p)
{
    const forge_server_t *server = data;
    (void)p;
    forge_live_sample_disks(server->live);
}

/* Where the error log is written; NULL if that is no file. */
static const char *log_directory(apr_pool_t *p, const server_rec *s)
{
    const char *file = s->error_fname;
    if (!file || *file == '|' || strncmp(file, "syslog", 6) == 0)
        return NULL;
    return ap_make_dirstr_parent(p, ap_server_root_relative(p, file));
}

/* The root, where logs are written, and where uploads lie on their way (http/spool.c). */
static void name_disks(apr_pool_t *p, const server_rec *s, forge_live_t *live)
{
    const char *paths[FORGE_DISKS_MAX] = {"/"}, *logs = log_directory(p, s), *own = getenv("TMPDIR");
    int n = 1;
    if (logs)
        paths[n++] = apr_pstrndup(p, logs, strlen(logs) > 1 ? strlen(logs) - 1 : 1);
    paths[n++] = own && *own ? own : "/var/tmp";
    forge_live_sample_disks_are(live, paths, n);
}

static int add(apr_pool_t *pconf, server_rec *s, const char *thread, void (*step)(void *data, apr_pool_t *p))
{
    const forge_background_t task = {.thread = thread, .every = LOOK, .step = step, .data = forge_server_of(s)};
    return forge_work_background_register(pconf, s, &task);
}

int forge_work_sampler_register(apr_pool_t *pconf, server_rec *main_server)
{
    server_rec *s = main_server;
    while (s && !forge_server_of(s))
        s = s->next;
    if (!s)
        return OK;
    parent = getpid();
    name_disks(pconf, main_server, forge_server_of(s)->live);
    forge_live_sample_disks(forge_server_of(s)->live);
    sample(forge_server_of(s), pconf); /* so that the first request finds figures */
    if (add(pconf, s, "_forge_sampler_", sample) != OK)
        return HTTP_INTERNAL_SERVER_ERROR;
    return add(pconf, s, "_forge_disks_", sample_disks);
}
