/* SPDX-License-Identifier: Apache-2.0
 * The workers of the queue of jobs: in each child ForgeJobWorkers threads for each database, of which as many as that
 * work at once on this node, whichever child they are in (live/jobs.c). What they do is in jobs/.
 */
#include "work_private.h"
#include "jobs/jobs.h"
#include "store/mail/mail.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_strings.h>
#include <unistd.h>

APLOG_USE_MODULE(forge);

#define TICK        apr_time_from_msec(100) /* how soon a notification is answered */
#define COUNT_EVERY apr_time_from_sec(5)

typedef struct desk_t {
    const forge_server_t *server; /* the first of its database: jobs are done as it is configured */
    char name[FORGE_WORKER_NAME];
} desk_t;

static bool stopped(const void *unused)
{
    (void)unused;
    return forge_work_background_stopping();
}

static forge_status_t lend(void *baton, apr_pool_t *p, forge_db_fn use, void *data)
{
    return forge_server_lease_lend(p, baton, FORGE_ACTIVITY("forge job"), use, data);
}

/* A job was claimed: there may be more, for another worker. */
static void claimed(void *baton)
{
    const forge_server_t *server = baton;
    forge_live_jobs_ring(server->live, server->realm);
}

static void said(void *baton, bool warning, const char *text)
{
    const forge_server_t *server = baton;
    ap_log_error(APLOG_MARK, warning ? APLOG_WARNING : APLOG_INFO, 0, server->s, "FG0580: %s", text);
}

/* What a caller did wrong is no error of ours. */
static void ended(void *baton, apr_pool_t *p, const forge_job_said_t *said)
{
    const forge_server_t *server = baton;
    const forge_job_t *job = said->job;
    const forge_traced_job_t traced = {.kind = job->kind,
                                       .outcome = said->outcome,
                                       .fault = said->code,
                                       .id = job->id,
                                       .attempt = job->attempt,
                                       .begun = said->begun};
    forge_server_trace_job(server, p, &traced);
    if (!said->fault)
        return;
    forge_sentry_event_t event = {.level = "error",
                                  .message = apr_pstrcat(p, "job ", job->kind, " failed: ", said->code, NULL),
                                  .group = apr_pstrcat(p, "job ", job->kind, " ", said->code, NULL),
                                  .transaction = apr_pstrcat(p, "job ", job->kind, NULL)};
    forge_net_sentry_tag(&event, "kind", "job");
    forge_net_sentry_tag(&event, "job.kind", job->kind);
    forge_net_sentry_tag(&event, "job.id", forge_util_itoa(p, job->id));
    forge_net_sentry_tag(&event, "job.attempt", forge_util_itoa(p, job->attempt));
    forge_net_sentry_tag(&event, "code", said->code);
    forge_server_report(server, p, &event);
}

/* Jobs whose last attempt ended with its process. */
static void report_lost(const forge_server_t *server, apr_pool_t *p, int given_up)
{
    forge_sentry_event_t event = {.level = "error",
                                  .message = apr_psprintf(p, "%d jobs failed: their processes ended", given_up),
                                  .group = "job worker_lost"};
    forge_net_sentry_tag(&event, "kind", "job");
    forge_net_sentry_tag(&event, "code", "worker_lost");
    if (given_up > 0)
        forge_server_report(server, p, &event);
}

forge_job_with_t forge_work_job_with(forge_server_t *server)
{
    const forge_exec_limits_t *most = forge_config_exec_limits(server->config);
    return (forge_job_with_t){.db = {lend, server},
                              .stop = stopped,
                              .live = server->live,
                              .runner = server->runner,
                              .limits = {.wall_ms = most->wall_ms,
                                         .cpu_ms = most->cpu_ms,
                                         .memory_kb = most->memory >> 10,
                                         .processes = most->processes,
                                         .output_bytes = most->output,
                                         .file_bytes = most->files},
                              .ocr = forge_config_ocr(server->config),
                              .git_hosts = forge_config_git_hosts(server->config),
                              .git_authorities = forge_config_git_authorities(server->config),
                              .llm = forge_config_llm(server->config),
                              .claimed = claimed,
                              .log = said,
                              .ended = ended,
                              .baton = server};
}

const char *forge_work_job_name(char *name, apr_size_t size)
{
    char host[FORGE_WORKER_NAME];
    if (gethostname(host, sizeof(host)) != 0)
        apr_cpystrn(host, "?", sizeof(host));
    host[sizeof(host) - 1] = '\0';
    apr_snprintf(name, size, "%.40s:%d", host, (int)getpid());
    return name;
}

/* --- one worker --- */

forge_status_t forge_work_jobs_take_back(forge_db_t *db, apr_pool_t *p, const forge_server_t *server)
{
    int lost = 0, given_up = 0;
    FORGE_TRY(forge_store_jobs_lost(db, p, &lost, &given_up));
    report_lost(server, p, given_up);
    for (int i = 0; i < lost; i++)
        forge_live_count(server->live, FORGE_C_JOB_LOST);
    if (lost > 0)
        ap_log_error(
            APLOG_MARK, APLOG_NOTICE, 0, server->s,
            "FG0581: %d jobs were left by processes that ended without a word; %d of them have no attempt left", lost,
            given_up);
    return FORGE_OK;
}

static forge_status_t take_back(forge_db_t *db, apr_pool_t *p, void *data)
{
    return forge_work_jobs_take_back(db, p, data);
}

/* Works until nothing is due. A database that is away is met again at the next look. */
static void work(const desk_t *desk, forge_server_t *server, apr_pool_t *p)
{
    const forge_job_with_t with = forge_work_job_with(server);
    const forge_job_worker_t worker = {.name = desk->name, .kinds = forge_job_kinds};
    apr_pool_t *turn;
    bool ran = true;
    apr_pool_create(&turn, p);
    if (forge_server_lease_lend(turn, server, FORGE_ACTIVITY("forge jobs"), take_back, server) != FORGE_OK)
        ran = false;
    while (ran && !stopped(NULL)) {
        if (forge_job_next(turn, &with, &worker, &ran) != FORGE_OK)
            ran = false;
        apr_pool_clear(turn);
    }
    apr_pool_destroy(turn);
}

static void step(void *data, apr_pool_t *p)
{
    desk_t *desk = data;
    forge_server_t *server = forge_server_of(desk->server->s);
    if (!server || !server->db_pool || stopped(NULL) || !forge_live_jobs_due(server->live, server->realm))
        return;
    int place = forge_live_job_place(server->live, forge_config_job_workers(server->config));
    if (place < 0)
        return;
    if (!*desk->name)
        forge_work_job_name(desk->name, sizeof(desk->name));
    work(desk, server, p);
    forge_live_job_leave(server->live, place);
}

/* --- the figures --- */

static forge_status_t count(forge_db_t *db, apr_pool_t *p, void *data)
{
    const forge_server_t *server = data;
    forge_rows_t *rows;
    FORGE_TRY(forge_store_jobs_state(db, p, &rows));
    const apr_int64_t figures[3] = {forge_store_rows_int(rows, 0, "queued", 0),
                                    forge_store_rows_int(rows, 0, "running", 0),
                                    forge_store_rows_int(rows, 0, "oldest", 0)};
    forge_live_jobs_set(server->live, server->realm, figures);
    return FORGE_OK;
}

static void count_step(void *data, apr_pool_t *p)
{
    const desk_t *desk = data;
    forge_server_t *server = forge_server_of(desk->server->s);
    if (server && server->db_pool)
        forge_server_lease_lend(p, server, FORGE_ACTIVITY("forge jobs"), count, server);
}

/* --- registration --- */

static int add(apr_pool_t *pconf, server_rec *s, const char *thread, const forge_background_t *how)
{
    forge_background_t task = *how;
    desk_t *desk = apr_pcalloc(pconf, sizeof(*desk));
    desk->server = forge_server_of(s);
    task.thread = thread;
    task.data = desk;
    return forge_work_background_register(pconf, s, &task);
}

int forge_work_jobs_register(apr_pool_t *pconf, server_rec *main_server)
{
    static const forge_background_t worker = {.every = TICK, .step = step};
    static const forge_background_t counter = {.one_child = true, .every = COUNT_EVERY, .step = count_step};
    for (server_rec *s = main_server; s; s = s->next) {
        const forge_server_t *server = forge_server_of(s);
        if (!server || !*forge_server_pool_database(pconf, s) || !forge_work_first_of_database(main_server, server))
            continue;
        for (int i = 0; i < forge_config_job_workers(server->config); i++) {
            const char *thread = apr_psprintf(pconf, "_forge_jobs_%" APR_UINT64_T_HEX_FMT "_%d_", server->realm, i);
            if (add(pconf, s, thread, &worker) != OK)
                return HTTP_INTERNAL_SERVER_ERROR;
        }
        if (add(pconf, s, "_forge_", &counter) != OK)
            return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}
