/* SPDX-License-Identifier: Apache-2.0
 * What the files of work/ share among themselves.
 */
#ifndef FORGE_WORK_PRIVATE_H
#define FORGE_WORK_PRIVATE_H

#include "server/server.h"
#include "work.h"

/* --- background.c: the framework --- */

typedef struct forge_background_t {
    const char *thread; /* jobs with the same name share a thread */
    bool one_child;     /* runs in one child at a time; another child takes over ten seconds after its end */
    apr_interval_time_t every;
    void (*step)(void *data, apr_pool_t *p); /* p ends with the call */
    void (*end)(void *data); /* called once before the child's pools end, never during a step; may be NULL */
    void *data;
} forge_background_t;
int forge_work_background_register(apr_pool_t *pconf, struct server_rec *s, const forge_background_t *what);
/* Whether the child stops. A step that waits must check this several times a second, and return if it is true. */
bool forge_work_background_stopping(void);
/* Whether this is the first server with its database; what is done once for a database is done as it is configured. */
bool forge_work_first_of_database(struct server_rec *main_server, const forge_server_t *server);

/* --- tasks.c: first administrator and housekeeping, in one child at a time --- */

int forge_work_tasks_register(apr_pool_t *pconf, struct server_rec *s);

/* --- revoke.c: learns of sessions that end on other nodes. One thread per database, active in one child at a time:
 * LISTEN forge_events, and a reload after a start or an interruption --- */

int forge_work_events_register(apr_pool_t *pconf, struct server_rec *s);

/* --- jobs.c: works off the queue of jobs --- */

int forge_work_jobs_register(apr_pool_t *pconf, struct server_rec *s);
/* What the jobs of this server may use. */
struct forge_job_with_t forge_work_job_with(forge_server_t *server);
/* Takes back jobs whose process has died, counts them, and tells the log. */
forge_status_t forge_work_jobs_take_back(forge_db_t *db, apr_pool_t *p, const forge_server_t *server);
#define FORGE_WORKER_NAME 64 /* bytes */
/* The name by which workers of this process are known: "host:pid". */
const char *forge_work_job_name(char *name, apr_size_t size);

/* --- mailer.c: sends the mails in the outbox, on its own thread, because a mail server may be slow. If the child ends
 * while a mail is being sent, the mail is interrupted and sent again --- */

int forge_work_mailer_register(apr_pool_t *pconf, struct server_rec *s);

/* --- census.c: figures of /metrics that only the database knows --- */

int forge_work_census_register(apr_pool_t *pconf, struct server_rec *s);

/* --- sampler.c: has the figures of the machine and of the service sampled --- */

int forge_work_sampler_register(apr_pool_t *pconf, struct server_rec *s);

/* --- discover.c: looks up who is behind the balancers of ForgeDiscover --- */

int forge_work_discover_register(apr_pool_t *pconf, struct server_rec *main_server);

/* --- discovered.c: balancers of mod_proxy_balancer whose members change --- */

typedef struct forge_balancer_t forge_balancer_t;
/* What makes the balancer of ForgeDiscover impossible on this server; NULL: nothing. */
const char *forge_work_balancer_problem(apr_pool_t *p, struct server_rec *s, const char *name);
forge_balancer_t *forge_work_balancer(apr_pool_t *pconf, struct server_rec *s, const char *name); /* NULL: none */
/* Adds those that are missing, enables those that are back, drains those that are gone. False: some have no room. */
bool forge_work_balancer_apply(forge_balancer_t *at, apr_pool_t *p, const forge_service_t *service,
                               const forge_members_t *members);
/* Disables what was drained for so long. */
void forge_work_balancer_age(forge_balancer_t *at, apr_interval_time_t drained_for);

/* --- members.c: tells of members of balancers that change their state --- */

int forge_work_members_register(apr_pool_t *pconf, struct server_rec *s);

/* --- alerts.c: tells of figures over their thresholds --- */

int forge_work_alerts_register(apr_pool_t *pconf, struct server_rec *s);
/* The rules of ForgeAlert; FORGE_ALERTS of them. */
void forge_work_alert_rules(struct server_rec *main_server, forge_alert_rule_t *rules);
/* --- ship.c: sends traces and errors to their receivers --- */

int forge_work_ship_register(apr_pool_t *pconf, struct server_rec *s);

/* --- crash.c: processes that end without a word --- */

int forge_work_crash_register(apr_pool_t *pconf, struct server_rec *s);
/* In the parent: forge-runner has ended. */
void forge_work_crash_of_runner(int pid, int status);
/* In a child: reports what the parent has noted. */
void forge_work_crash_report(const forge_server_t *server, apr_pool_t *p);

/* --- runner.c: starts forge-runner, one for all servers, and watches it from httpd's parent. Sets server->runner ---
 */

int forge_work_runner_register(apr_pool_t *pconf, struct server_rec *s);

#endif
