/* SPDX-License-Identifier: Apache-2.0
 * The workers for jobs of kind mail (jobs/mail.c), in one child at a time. Each ForgePublicURL of each database has its
 * own watchdog thread, so that a slow mail server delays only its own mails, and no other job.
 */
#include "work_private.h"
#include "store/mail/mail.h"
#include "jobs/jobs.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_strings.h>
#include <string.h>

APLOG_USE_MODULE(forge);

#define STEP       apr_time_from_sec(1) /* how often the outbox is checked */
#define TELL_EVERY apr_time_from_sec(600)

typedef struct turn_t {
    const forge_server_t *server;
    const char *sender;
    bool due;
} turn_t;

typedef struct mailer_t {
    server_rec *s;
    apr_time_t told; /* when the error log was last told that no mail can be sent */
} mailer_t;

static bool stopped(const void *unused)
{
    (void)unused;
    return forge_work_background_stopping();
}

static forge_status_t lend(void *baton, apr_pool_t *p, forge_db_fn use, void *data)
{
    return forge_server_lease_lend(p, baton, FORGE_ACTIVITY("forge mail"), use, data);
}

static void tell(void *baton, forge_mail_event_t event, const char *text)
{
    mailer_t *mailer = baton;
    apr_time_t now = apr_time_now();
    if (event == FORGE_MAIL_SENT) {
        mailer->told = 0;
    } else if (event == FORGE_MAIL_GIVEN_UP) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, mailer->s, "FG0470: %s", text);
    } else if (now - mailer->told > TELL_EVERY || now < mailer->told) {
        mailer->told = now;
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, mailer->s,
                     "FG0471: mail cannot be sent at the moment and waits in the outbox: %s", text);
    }
}

/* Whether a mail is due; then there is a job for it, which is not held by a process that died. */
static forge_status_t prepare(forge_db_t *db, apr_pool_t *p, void *data)
{
    turn_t *turn = data;
    FORGE_TRY(forge_store_mail_job(db, p, turn->sender, &turn->due));
    return turn->due ? forge_work_jobs_take_back(db, p, turn->server) : FORGE_OK;
}

static void step(void *data, apr_pool_t *p)
{
    mailer_t *mailer = data;
    forge_server_t *server = forge_server_of(mailer->s);
    bool ran;
    if (!server || !server->db_pool || stopped(NULL))
        return;
    turn_t turn = {.server = server, .sender = forge_config_public_url(server->config)};
    if (forge_server_lease_lend(p, server, FORGE_ACTIVITY("forge mail"), prepare, &turn) != FORGE_OK || !turn.due)
        return;
    const forge_mail_job_t mail = {.db = {lend, server},
                                   .keys = server->keys,
                                   .public_url = turn.sender,
                                   .letters = forge_config_mail_templates(server->config),
                                   .site = forge_config_site_name(server->config),
                                   .mail = forge_config_mail(server->config),
                                   .stop = stopped,
                                   .tell = tell,
                                   .baton = mailer};
    forge_job_with_t with = forge_work_job_with(server);
    with.mail = &mail;
    char name[FORGE_WORKER_NAME];
    const forge_job_worker_t worker = {.name = forge_work_job_name(name, sizeof(name)),
                                       .kind = FORGE_JOB_KIND_MAIL,
                                       .key = apr_psprintf(p, "%." APR_STRINGIFY(FORGE_MAIL_KEY_MAX) "s", turn.sender),
                                       .kinds = forge_job_kinds};
    forge_job_next(p, &with, &worker, &ran); /* what cannot be done now is due again in a second */
}

/* --- start --- */

static bool sends(apr_pool_t *p, server_rec *s)
{
    return forge_server_of(s) && forge_config_mail(forge_config_of_server(s)) && forge_server_serves(p, s);
}

/* The first server with this ForgePublicURL on this database sends for all of them. */
static bool is_first(apr_pool_t *p, server_rec *main_server, server_rec *s)
{
    const char *url = forge_config_public_url(forge_config_of_server(s)), *database = forge_server_pool_database(p, s);
    for (server_rec *other = main_server; other != s; other = other->next)
        if (sends(p, other) && strcmp(forge_config_public_url(forge_config_of_server(other)), url) == 0 &&
            forge_store_same_database(p, forge_server_pool_database(p, other), database))
            return false;
    return true;
}

int forge_work_mailer_register(apr_pool_t *pconf, server_rec *main_server)
{
    int n = 0;
    for (server_rec *s = main_server; s; s = s->next) {
        if (!sends(pconf, s) || !is_first(pconf, main_server, s))
            continue;
        mailer_t *mailer = apr_pcalloc(pconf, sizeof(*mailer));
        mailer->s = s;
        const forge_background_t job = {.thread = apr_psprintf(pconf, "_forge_mail_%d_", n++),
                                        .one_child = true,
                                        .every = STEP,
                                        .step = step,
                                        .data = mailer};
        if (forge_work_background_register(pconf, s, &job) != OK)
            return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}
