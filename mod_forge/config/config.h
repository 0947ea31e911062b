/* SPDX-License-Identifier: Apache-2.0
 * Interface of config/: the values of the directives, merged per server and per location. The types are opaque; use
 * these getters. The directives themselves are rows of directives.def.
 */
#ifndef FORGE_CONFIG_H
#define FORGE_CONFIG_H

#include "core/identity/identity.h"
#include "core/mail/mail.h"
#include "core/wire/wire.h"
#include "live/live.h"
#include "net/net.h"

typedef struct forge_config_t
    forge_config_t;                     /* of one server; unset members answer with their defaults after the merge */
typedef struct forge_dir_t forge_dir_t; /* of one <Location> */
struct server_rec;
struct request_rec;

/* --- config.c: life cycle, for the module record --- */

void *forge_config_server_make(apr_pool_t *p, struct server_rec *s);
void *forge_config_server_merge(apr_pool_t *p, void *base, void *add);
void *forge_config_dir_make(apr_pool_t *p, char *path);
void *forge_config_dir_merge(apr_pool_t *p, void *base, void *add);
/* The directives themselves are in commands.h, which only the module record needs. */
forge_config_t *forge_config_of_server(struct server_rec *s);
forge_dir_t *forge_config_of_request(struct request_rec *r);
/* Finishes a configuration after all of it was read: reads file: and env: secrets and makes the checks that need
 * several directives (a secret where the module is used, ForgeDocs with assets that exist …). NULL, or the message
 * for the log; then the server must not start. */
const char *forge_config_finish(apr_pool_t *p, struct server_rec *s, forge_config_t *c);

/* --- getters: identity --- */

bool forge_config_enabled(const forge_config_t *c);       /* this server has a ForgeSecret */
forge_keys_t *forge_config_keys(const forge_config_t *c); /* ForgeSecret and ForgeJWTKey; NULL when not enabled */
apr_uint64_t
forge_config_tenant(const forge_config_t *c); /* the same for virtual hosts with the same secret, and only for them */
const forge_token_rules_t *forge_config_token_rules(
    const forge_config_t *c); /* ForgeIssuer "mod_forge", ForgeAudience "forge", ForgeAccessTokenTTL 15m */
apr_interval_time_t forge_config_refresh_ttl(const forge_config_t *c);    /* ForgeRefreshTokenTTL 7d */
apr_interval_time_t forge_config_refresh_window(const forge_config_t *c); /* ForgeRefreshReuseWindow 10s */
apr_interval_time_t forge_config_fresh_login(const forge_config_t *c);    /* ForgeFreshLogin 5m; 0: never fresh */
bool forge_config_guests(const forge_config_t *c);                        /* ForgeGuests On */
int forge_config_bcrypt_cost(const forge_config_t *c);                    /* ForgeBcryptCost 12 */
int forge_config_bcrypt_concurrency(
    const forge_config_t *c); /* ForgeBcryptConcurrency: places over all children; default the processors, at least 1 */
typedef struct forge_queue_t {
    apr_interval_time_t patience;
    int most; /* who may wait over all children; 0: nobody waits */
} forge_queue_t;
typedef struct forge_quota_t {
    apr_int64_t bytes, rows; /* of one account */
} forge_quota_t;
const forge_quota_t *forge_config_user_quota(const forge_config_t *c);              /* ForgeUserQuota 100M 10000 */
const forge_queue_t *forge_config_queue(const forge_config_t *c);                   /* ForgeQueue 60s 1000 */
const forge_password_rules_t *forge_config_password_rules(const forge_config_t *c); /* ForgePasswordPolicy */
typedef struct forge_lockout_t {
    int failures; /* 0: off */
    apr_interval_time_t duration;
} forge_lockout_t;
const forge_lockout_t *forge_config_lockout(const forge_config_t *c);    /* ForgeLockout 5 30m */
const char *forge_config_mfa_issuer(const forge_config_t *c);            /* ForgeMFAIssuer "mod_forge" */
bool forge_config_self_role(const forge_config_t *c, forge_role_t role); /* ForgeSelfRoles student instructor */
bool forge_config_terms_required(const forge_config_t *c);
const char *forge_config_superuser_email(const forge_config_t *c); /* NULL when not configured */
const char *forge_config_superuser_password(const forge_config_t *c);
bool forge_config_any_creates_courses(const forge_config_t *c); /* ForgeCourseCreators any|instructors */

/* --- getters: the wire --- */

const char *forge_config_environment(const forge_config_t *c); /* ForgeEnvironment, "production" */
apr_off_t forge_config_max_body(const forge_config_t *c);      /* ForgeMaxBody 1M, bytes */
apr_off_t forge_config_max_bundle(const forge_config_t *c);    /* ForgeMaxBundle 8M, bytes */
apr_size_t forge_config_cache(const forge_config_t *c);        /* ForgeCache 32M, bytes; 0: off */
apr_off_t forge_config_max_upload(const forge_config_t *c);    /* ForgeMaxUpload 10M, bytes */
bool forge_config_origin_allowed(const forge_config_t *c,
                                 const char *origin); /* exact match with ForgeAllowedOrigins */
bool forge_config_has_origins(const forge_config_t *c);
typedef enum forge_csp_t { FORGE_CSP_RELAXED, FORGE_CSP_STRICT, FORGE_CSP_DISABLED } forge_csp_t;
forge_csp_t forge_config_csp(const forge_config_t *c);
bool forge_config_security_headers(const forge_config_t *c); /* ForgeSecurityHeaders On */
/* The limit of a class here: the location's, else the server's, else the default of SPEC 14. *by_account: count by
 * account, or by address without an account. */
forge_limit_t forge_config_limit(const forge_config_t *c, const forge_dir_t *d, forge_limit_class_t class,
                                 bool *by_account);
/* The <Location> that sets this limit and so has its own quota; NULL if it is the server's. */
const char *forge_config_limit_place(const forge_dir_t *d, forge_limit_class_t class);
const char *forge_config_limit_name(forge_limit_class_t class); /* "default" */
/* ForgeRateLimitStore, with its secrets; NULL: shm. */
const forge_redis_t *forge_config_redis(const forge_config_t *c);
/* ForgeRateLimitOnError: requests are counted in this node, not at all, or are refused. */
typedef enum forge_on_error_t { FORGE_ON_ERROR_LOCAL, FORGE_ON_ERROR_OPEN, FORGE_ON_ERROR_CLOSED } forge_on_error_t;
forge_on_error_t forge_config_limit_on_error(const forge_config_t *c);
bool forge_config_api(const forge_config_t *c);                          /* ForgeAPI On */
bool forge_config_docs(const forge_config_t *c);                         /* ForgeDocs On */
const char *forge_config_docs_assets(const forge_config_t *c);           /* directory */
bool forge_config_cookie(const forge_config_t *c, const forge_dir_t *d); /* ForgeCookie Off */
const forge_transform_t *forge_config_transform(const forge_config_t *c,
                                                const forge_dir_t *d);              /* ForgeTransform; NULL: none */
const char *forge_config_login_page(const forge_config_t *c, const forge_dir_t *d); /* ForgeLoginPage; NULL: none */
apr_interval_time_t forge_config_upstream_header_timeout(const forge_config_t *c,
                                                         const forge_dir_t *d); /* ForgeUpstreamHeaderTimeout 60s */
apr_interval_time_t forge_config_upstream_timeout(const forge_config_t *c,
                                                  const forge_dir_t *d); /* ForgeUpstreamTimeout; 0: no bound */
const char *forge_config_public_url(const forge_config_t *c);            /* NULL when not configured */

const char *forge_config_site_name(const forge_config_t *c); /* NULL when not configured */
/* Texts of mails that replace ours; NULL: none. */
const forge_letters_t *forge_config_mail_templates(const forge_config_t *c);
/* NULL if ForgeMail is off; otherwise its sender and ForgePublicURL are set. */
const forge_mail_t *forge_config_mail(const forge_config_t *c);

/* --- getters: execution --- */

/* ForgeSandbox On: the path of forge-runner; NULL: nothing is run here, or by an external executor. */
const char *forge_config_sandbox(const forge_config_t *c);
/* ForgeExecutorURL, by which programs are run instead; NULL: none. */
const char *forge_config_executor_url(const forge_config_t *c);
const forge_docker_t *forge_config_docker(const forge_config_t *c); /* ForgeDockerSocket; without a name: off */
/* ForgeLLM, with its key; NULL: off. */
const forge_llm_t *forge_config_llm(const forge_config_t *c);
/* ForgeLanguages python: whether programs of this language are run. */
bool forge_config_language(const forge_config_t *c, const char *language);
/* What one run may use: milliseconds, bytes and counts (SPEC 7). */
typedef struct forge_exec_limits_t {
    apr_int64_t wall_ms, cpu_ms, memory, processes, output, files;
} forge_exec_limits_t;
#define FORGE_CONFIG_EXEC_FORM \
    "wall=100ms..5m, cpu=100ms..5m, memory=16M..8G, processes=1..1024, output=1K..1M per stream, files=64K..1G"
const forge_exec_limits_t *forge_config_exec_limits(
    const forge_config_t *c); /* ForgeExecLimits wall=10s cpu=5s memory=128M processes=64 output=64K files=10M */
typedef struct forge_exec_places_t {
    int runs;    /* at the same time; 0: as many as forge-runner finds right */
    int queue;   /* that wait; 0: none */
    int account; /* of one account, running and waiting */
} forge_exec_places_t;
const forge_exec_places_t *forge_config_exec_places(const forge_config_t *c); /* ForgeExecConcurrency auto 1000 10 */

const char *forge_config_ocr(const forge_config_t *c); /* ForgeOCR: "deu+eng"; NULL when Off */
/* ForgeGitHosts github.com: where repositories may be fetched, of forge_git_host_t; empty: nowhere. */
const apr_array_header_t *forge_config_git_hosts(const forge_config_t *c);
/* ForgeGitAuthorities: certificates in PEM that those of Git hosts are checked by; NULL: those of the system. */
const char *forge_config_git_authorities(const forge_config_t *c);
int forge_config_job_workers(const forge_config_t *c); /* ForgeJobWorkers 2 (0..16) */

/* --- getters: watching --- */

const forge_traces_t *forge_config_traces(const forge_config_t *c); /* ForgeTraces; NULL: off */
const forge_sentry_t *forge_config_sentry(const forge_config_t *c); /* ForgeSentryDSN, taken apart; NULL: off */

/* --- getters: services behind the gateway --- */

const apr_array_header_t *
forge_config_services(const forge_config_t *c); /* ForgeDiscover: forge_service_t; NULL: none */
/* ForgeRetry. */
typedef struct forge_retry_t {
    bool on;
    bool idempotent; /* PUT and DELETE too, where they have no body */
    int attempts;    /* members that one request is sent to, at most */
    forge_retry_rule_t rule;
} forge_retry_t;
const forge_retry_t *forge_config_retry(const forge_config_t *c, const forge_dir_t *d);

/* --- getters: database and logs --- */

/* A replica of the database. */
typedef struct forge_replica_t {
    const char *conninfo;
    int max;                 /* connections of one child; 0: as many as DBDMax */
    apr_interval_time_t lag; /* /health warns when it is further behind */
} forge_replica_t;
const forge_replica_t *forge_config_replica(const forge_config_t *c); /* ForgeReadDBD; NULL: off */

/* ForgeAlert, for the whole server: its rule, and who is told when it changes. */
typedef struct forge_alert_t {
    forge_alert_rule_t rule;
    const char *mailto;  /* NULL: no mail */
    const char *webhook; /* NULL: none */
    const char *host;    /* of the webhook: what its breaker is called */
} forge_alert_t;
const forge_alert_t *forge_config_alert(const forge_config_t *c, int which);

const char *forge_config_drain_file(const forge_config_t *c); /* ForgeDrainFile; NULL: none */
apr_interval_time_t
forge_config_aggregate_timeout(const forge_config_t *c); /* ForgeAggregateTimeout 10s (100ms..60s) */
apr_interval_time_t forge_config_statement_timeout(const forge_config_t *c); /* ForgeStatementTimeout 2s (100ms..60s) */
apr_interval_time_t forge_config_pool_wait(const forge_config_t *c);         /* ForgePoolWait 1500ms (10ms..30s) */
const char *forge_config_access_log(const forge_config_t *c);                /* file, "|program", or NULL when off */
const char *forge_config_audit_log(const forge_config_t *c);                 /* ForgeAuditLog: the same */
const char *forge_config_event_log(const forge_config_t *c);                 /* ForgeEventLog: the same */
forge_line_format_t forge_config_log_format(const forge_config_t *c);        /* ForgeLogFormat json */
/* ForgeLogSource: of forge_log_source_t, whose path is "" where a service is off; NULL: none. */
const apr_array_header_t *forge_config_log_sources(const forge_config_t *c);
#define FORGE_CONFIG_SERVICES "backend|frontend|postgres"

/* --- surface.c: ForgeAPI --- */

/* Before the lines are read: which paths a part of the API has. The tables must outlive the configuration. */
void forge_config_surface(apr_pool_t *p, const forge_routes_t *tables, int count);
/* After they were merged: a host with a ForgeAPI of its own loses the sections of the main server's, with their
 * Require. */
void forge_config_api_settle(apr_pool_t *p, struct server_rec *main_server);

/* --- where.c: where a directive stands, by Apache's tree of the configuration; only at the start --- */

struct ap_directive_t;
/* The lines of the <VirtualHost> block that made this host; NULL: the main server, or an empty block. */
const struct ap_directive_t *forge_config_host_block(const struct server_rec *s);
/* The line of that name that counts for the host: the last one of its block, else of the server; NULL: none. */
const struct ap_directive_t *forge_config_line_of(const struct server_rec *s, const char *name);
/* "virtual host learn.example.org of /etc/…/learn.conf:1", or "main server …". */
const char *forge_config_host_said(apr_pool_t *p, const struct server_rec *s);
/* A sentence that begins with the name of a directive, followed by file, line and host. */
const char *forge_config_place_said(apr_pool_t *p, const struct server_rec *s, const char *problem);

#endif
