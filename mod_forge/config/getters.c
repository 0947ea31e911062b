/* SPDX-License-Identifier: Apache-2.0
 * What the rest of the module can read from the configuration: one getter per value, which returns the default if
 * nothing was configured.
 */
#include "parse.h"
#include "places.h"
#include "table.h"
#include "core/identity/identity.h"

#include <string.h>
#include <unistd.h>

#define CONCURRENCY_MAX 64

/* The member as configured, else its default. */
#define NUMBER(c, member)  ((c)->member != FORGE_UNSET ? (c)->member : (c)->otherwise->member)
#define POINTER(c, member) ((c)->member ? (c)->member : (c)->otherwise->member)

bool forge_config_enabled(const forge_config_t *c)
{
    return c->secret != NULL;
}

forge_keys_t *forge_config_keys(const forge_config_t *c)
{
    return c->keys;
}

apr_uint64_t forge_config_tenant(const forge_config_t *c)
{
    return c->tenant;
}

const forge_token_rules_t *forge_config_token_rules(const forge_config_t *c)
{
    return &c->token_rules;
}

apr_interval_time_t forge_config_refresh_ttl(const forge_config_t *c)
{
    return NUMBER(c, refresh_ttl);
}

apr_interval_time_t forge_config_fresh_login(const forge_config_t *c)
{
    return NUMBER(c, fresh_login);
}

apr_interval_time_t forge_config_refresh_window(const forge_config_t *c)
{
    return NUMBER(c, refresh_window);
}

bool forge_config_guests(const forge_config_t *c)
{
    return NUMBER(c, guests) != 0;
}

int forge_config_bcrypt_cost(const forge_config_t *c)
{
    return (int)NUMBER(c, bcrypt_cost);
}

int forge_config_bcrypt_concurrency(const forge_config_t *c)
{
    long processors;
    if (c->bcrypt_concurrency != FORGE_UNSET)
        return (int)c->bcrypt_concurrency;
    processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 1 ? 1 : processors > CONCURRENCY_MAX ? CONCURRENCY_MAX : (int)processors;
}

const forge_quota_t *forge_config_user_quota(const forge_config_t *c)
{
    return POINTER(c, user_quota);
}

const forge_queue_t *forge_config_queue(const forge_config_t *c)
{
    return POINTER(c, queue);
}

const forge_password_rules_t *forge_config_password_rules(const forge_config_t *c)
{
    return POINTER(c, policy);
}

const forge_lockout_t *forge_config_lockout(const forge_config_t *c)
{
    return POINTER(c, lockout);
}

const char *forge_config_mfa_issuer(const forge_config_t *c)
{
    return POINTER(c, mfa_issuer);
}

bool forge_config_self_role(const forge_config_t *c, forge_role_t role)
{
    return role == FORGE_ROLE_STUDENT || (NUMBER(c, self_roles) & (apr_int64_t)1 << role) != 0;
}

bool forge_config_terms_required(const forge_config_t *c)
{
    return NUMBER(c, terms_required) != 0;
}

const char *forge_config_superuser_email(const forge_config_t *c)
{
    return c->superuser ? c->superuser->email : NULL;
}

const char *forge_config_superuser_password(const forge_config_t *c)
{
    return c->superuser_password;
}

bool forge_config_any_creates_courses(const forge_config_t *c)
{
    return NUMBER(c, course_creators) == 0;
}

const char *forge_config_environment(const forge_config_t *c)
{
    return POINTER(c, environment);
}

apr_off_t forge_config_max_body(const forge_config_t *c)
{
    return (apr_off_t)NUMBER(c, max_body);
}

apr_off_t forge_config_max_bundle(const forge_config_t *c)
{
    return (apr_off_t)NUMBER(c, max_bundle);
}

apr_size_t forge_config_cache(const forge_config_t *c)
{
    return (apr_size_t)NUMBER(c, cache);
}

apr_off_t forge_config_max_upload(const forge_config_t *c)
{
    return (apr_off_t)NUMBER(c, max_upload);
}

bool forge_config_origin_allowed(const forge_config_t *c, const char *origin)
{
    for (int i = 0; c->origins && i < c->origins->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(c->origins, i, const char *), origin) == 0)
            return true;
    return false;
}

bool forge_config_has_origins(const forge_config_t *c)
{
    return c->origins && c->origins->nelts > 0;
}

forge_csp_t forge_config_csp(const forge_config_t *c)
{
    return (forge_csp_t)NUMBER(c, csp);
}

bool forge_config_security_headers(const forge_config_t *c)
{
    return NUMBER(c, security_headers) != 0;
}

forge_limit_t forge_config_limit(const forge_config_t *c, const forge_dir_t *d, forge_limit_class_t class,
                                 bool *by_account)
{
    const forge_limits_t *from = c->otherwise->limits;
    if (c->limits && c->limits->of[class].set)
        from = c->limits;
    if (d && d->limits && d->limits->of[class].set)
        from = d->limits;
    *by_account = from->of[class].by_account;
    return from->of[class].rate;
}

const forge_alert_t *forge_config_alert(const forge_config_t *c, int which)
{
    return c->alerts && c->alerts->set[which] ? &c->alerts->of[which] : &c->otherwise->alerts->of[which];
}

const char *forge_config_limit_place(const forge_dir_t *d, forge_limit_class_t class)
{
    return d && d->limits && d->limits->of[class].set ? d->limits->of[class].place : NULL;
}

const char *forge_config_limit_name(forge_limit_class_t class)
{
    return class >= 0 && class < FORGE_LIMIT_CLASSES ? forge_config_classes[class].name : "none";
}

const forge_redis_t *forge_config_redis(const forge_config_t *c)
{
    return c->redis_whole;
}

forge_on_error_t forge_config_limit_on_error(const forge_config_t *c)
{
    return (forge_on_error_t)NUMBER(c, limit_on_error);
}

bool forge_config_api(const forge_config_t *c)
{
    return NUMBER(c, api) > 0;
}

bool forge_config_docs(const forge_config_t *c)
{
    return NUMBER(c, docs) != 0;
}

const char *forge_config_docs_assets(const forge_config_t *c)
{
    return c->docs_assets ? c->docs_assets : FORGE_DOCS_DIR;
}

bool forge_config_cookie(const forge_config_t *c, const forge_dir_t *d)
{
    return (d && d->cookie != FORGE_UNSET ? d->cookie : NUMBER(c, cookie)) != 0;
}

apr_interval_time_t forge_config_upstream_header_timeout(const forge_config_t *c, const forge_dir_t *d)
{
    return d && d->upstream_header_timeout != FORGE_UNSET ? d->upstream_header_timeout
                                                          : NUMBER(c, upstream_header_timeout);
}

apr_interval_time_t forge_config_upstream_timeout(const forge_config_t *c, const forge_dir_t *d)
{
    return d && d->upstream_timeout != FORGE_UNSET ? d->upstream_timeout : NUMBER(c, upstream_timeout);
}

const char *forge_config_login_page(const forge_config_t *c, const forge_dir_t *d)
{
    const char *page = d && d->login_page ? d->login_page : c->login_page;
    return page && *page ? page : NULL;
}

const forge_transform_t *forge_config_transform(const forge_config_t *c, const forge_dir_t *d)
{
    return d && d->transform ? d->transform : c->transform;
}

const char *forge_config_public_url(const forge_config_t *c)
{
    return c->public_url;
}

const char *forge_config_site_name(const forge_config_t *c)
{
    return c->site_name;
}

const forge_letters_t *forge_config_mail_templates(const forge_config_t *c)
{
    return c->mail_templates;
}

const forge_mail_t *forge_config_mail(const forge_config_t *c)
{
    return c->mailer;
}

const forge_docker_t *forge_config_docker(const forge_config_t *c)
{
    return POINTER(c, docker);
}

const forge_llm_t *forge_config_llm(const forge_config_t *c)
{
    return c->llm_whole;
}

const forge_traces_t *forge_config_traces(const forge_config_t *c)
{
    return c->traces && c->traces->url ? c->traces : NULL;
}

const forge_sentry_t *forge_config_sentry(const forge_config_t *c)
{
    return c->sentry_whole;
}

const forge_replica_t *forge_config_replica(const forge_config_t *c)
{
    const forge_replica_t *replica = POINTER(c, read_dbd);
    return replica && replica->conninfo ? replica : NULL;
}

const char *forge_config_executor_url(const forge_config_t *c)
{
    return c->executor_url;
}

const char *forge_config_sandbox(const forge_config_t *c)
{
    const char *path = POINTER(c, sandbox);
    if (!*path || c->executor_url)
        return NULL;
    return strcmp(path, FORGE_SANDBOX_ON) == 0 ? FORGE_LIBEXECDIR "/forge-runner" : path;
}

bool forge_config_language(const forge_config_t *c, const char *language)
{
    int which = forge_config_parse_choice(language, FORGE_CONFIG_LANGUAGES);
    return which >= 0 && (NUMBER(c, languages) & (apr_int64_t)1 << which) != 0;
}

const forge_exec_limits_t *forge_config_exec_limits(const forge_config_t *c)
{
    return POINTER(c, exec_limits);
}

const char *forge_config_ocr(const forge_config_t *c)
{
    const char *languages = POINTER(c, ocr);
    return *languages ? languages : NULL;
}

const apr_array_header_t *forge_config_git_hosts(const forge_config_t *c)
{
    return POINTER(c, git_hosts);
}

const char *forge_config_git_authorities(const forge_config_t *c)
{
    return c->git_authorities;
}

int forge_config_job_workers(const forge_config_t *c)
{
    return (int)NUMBER(c, job_workers);
}

const forge_exec_places_t *forge_config_exec_places(const forge_config_t *c)
{
    return POINTER(c, exec_places);
}

const char *forge_config_drain_file(const forge_config_t *c)
{
    return c->drain_file;
}

apr_interval_time_t forge_config_aggregate_timeout(const forge_config_t *c)
{
    return NUMBER(c, aggregate_timeout);
}

apr_interval_time_t forge_config_statement_timeout(const forge_config_t *c)
{
    return NUMBER(c, statement_timeout);
}

apr_interval_time_t forge_config_pool_wait(const forge_config_t *c)
{
    return NUMBER(c, pool_wait);
}

const apr_array_header_t *forge_config_services(const forge_config_t *c)
{
    return c->services;
}

const forge_retry_t *forge_config_retry(const forge_config_t *c, const forge_dir_t *d)
{
    return d && d->retry ? d->retry : POINTER(c, retry);
}

const char *forge_config_access_log(const forge_config_t *c)
{
    return c->access_log && *c->access_log ? c->access_log : NULL;
}

const char *forge_config_audit_log(const forge_config_t *c)
{
    return c->audit_log && *c->audit_log ? c->audit_log : NULL;
}

const char *forge_config_event_log(const forge_config_t *c)
{
    return c->event_log && *c->event_log ? c->event_log : NULL;
}

forge_line_format_t forge_config_log_format(const forge_config_t *c)
{
    return (forge_line_format_t)NUMBER(c, log_format);
}

const apr_array_header_t *forge_config_log_sources(const forge_config_t *c)
{
    return c->log_sources;
}
