/* SPDX-License-Identifier: Apache-2.0
 * Directives that name something outside: mail, Git hosts, containers, a language model, receivers, Redis, a replica.
 */
#include "kinds.h"
#include "core/analysis/analysis.h"
#include "core/mail/mail.h"
#include "parse.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <httpd.h>
#include <http_config.h>
#include <string.h>

#define REPLICA_LAG     FORGE_SECONDS(10)
#define REPLICA_LAG_MIN FORGE_SECONDS(5) /* a pool looks every two seconds */
#define REPLICA_LAG_MAX FORGE_SECONDS(3600)

#define CERTIFICATES_MAX (1 << 20) /* bytes of a file of certificates */

#define refuse forge_config_refuse

/* The password is checked after the whole configuration was read, like other secrets. */
const char *forge_config_read_mail(const forge_setting_t *s)
{
    const char *why;
    const forge_mail_t *mail =
        forge_net_mail_parse(s->p, s->n, (const char *const *)s->words, forge_core_mail_address, &why);
    if (!mail)
        return apr_psprintf(s->p, "%s: %s; accepted: " FORGE_MAIL_FORM, s->row->name, why);
    if (mail->directory) {
        forge_mail_t *absolute = apr_pmemdup(s->p, mail, sizeof(*mail));
        absolute->directory = ap_server_root_relative(s->p, mail->directory);
        mail = absolute;
    }
    *(const void **)s->member = mail;
    return NULL;
}

/* Texts are read with the configuration, so that a mistake stops configtest, and what is sent changes at a graceful
 * restart alone. */
const char *forge_config_read_mail_templates(const forge_setting_t *s)
{
    const char *why = NULL, *directory = *s->words[0] ? ap_server_root_relative(s->p, s->words[0]) : NULL;
    if (!directory)
        return refuse(s, s->words[0], "a directory that exists");
    const forge_letters_t *letters = forge_core_letters_read(s->p, directory, &why);
    if (!letters)
        return apr_psprintf(s->p, "%s: %s", s->row->name, why);
    *(const void **)s->member = letters;
    return NULL;
}

/* A line stands for itself: hosts of another line, or of the server, do not stay allowed behind the back of this one.
 */
const char *forge_config_read_git_hosts(const forge_setting_t *s)
{
    apr_array_header_t *hosts = apr_array_make(s->p, s->n, sizeof(forge_git_host_t));
    const bool none = s->n == 1 && forge_config_parse_choice(s->words[0], "none") == 0;
    for (int i = 0; i < s->n && !none; i++)
        if (forge_config_parse_choice(s->words[i], "none") == 0 ||
            !forge_core_git_host(s->p, s->words[i], apr_array_push(hosts)))
            return refuse(s, s->words[i], FORGE_GIT_HOSTS_FORM);
    *(apr_array_header_t **)s->member = hosts;
    return NULL;
}

const char *forge_config_certificates(apr_pool_t *p, const char *path)
{
    char *text = NULL;
    apr_finfo_t is;
    apr_file_t *file;
    if (path && apr_stat(&is, path, APR_FINFO_TYPE | APR_FINFO_SIZE, p) == APR_SUCCESS && is.filetype == APR_REG &&
        is.size <= CERTIFICATES_MAX &&
        apr_file_open(&file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, p) == APR_SUCCESS) {
        text = apr_pcalloc(p, (apr_size_t)is.size + 1);
        apr_file_read_full(file, text, (apr_size_t)is.size, NULL);
        apr_file_close(file);
    }
    return text && strstr(text, "-----BEGIN CERTIFICATE-----") ? text : NULL;
}

/* Read once, at the start: who serves requests may not be able to. */
const char *forge_config_read_certificates(const forge_setting_t *s)
{
    const char *text = forge_config_certificates(s->p, ap_server_root_relative(s->p, s->words[0]));
    if (!text)
        return refuse(s, s->words[0], FORGE_CERTIFICATES_FORM);
    forge_config_put_text(s, text);
    return NULL;
}

const char *forge_config_read_docker(const forge_setting_t *s)
{
    const char *why = NULL;
    const forge_docker_t *docker = forge_net_docker_parse(s->p, s->words[0], &why);
    if (!docker)
        return apr_psprintf(s->p, "%s: %s; accepted: " FORGE_DOCKER_FORM, s->row->name, why);
    *(const void **)s->member = docker;
    return NULL;
}

/* The key is read after the whole configuration was read, like other secrets. No message repeats it. */
const char *forge_config_read_llm(const forge_setting_t *s)
{
    const char *why;
    const forge_llm_t *llm = forge_net_llm_parse(s->p, s->n, (const char *const *)s->words, &why);
    if (!llm)
        return apr_psprintf(s->p, "%s: %s; accepted: " FORGE_LLM_FORM, s->row->name, why);
    *(const void **)s->member = llm;
    return NULL;
}

/* The DSN is taken apart after the whole configuration was read, like other secrets. No message repeats it. */
const char *forge_config_read_sentry(const forge_setting_t *s)
{
    const char *why;
    const forge_sentry_t *sentry = forge_net_sentry_parse(s->p, s->n, (const char *const *)s->words, &why);
    if (!sentry)
        return apr_psprintf(s->p, "%s: %s; accepted: " FORGE_SENTRY_FORM, s->row->name, why);
    *(const void **)s->member = sentry;
    return NULL;
}

/* Passwords are read after the whole configuration was read, like other secrets. No message repeats one. */
const char *forge_config_read_limit_store(const forge_setting_t *s)
{
    const char *why;
    const forge_redis_t *redis = forge_net_redis_parse(s->p, s->n, (const char *const *)s->words, &why);
    if (!redis)
        return apr_psprintf(s->p, "%s: %s; accepted: " FORGE_REDIS_FORM, s->row->name, why);
    *(const void **)s->member = redis;
    return NULL;
}

const char *forge_config_read_traces(const forge_setting_t *s)
{
    const char *why;
    const forge_traces_t *traces = forge_net_traces_parse(s->p, s->n, (const char *const *)s->words, &why);
    if (!traces)
        return apr_psprintf(s->p, "%s: %s; accepted: " FORGE_TRACES_FORM, s->row->name, why);
    *(const void **)s->member = traces;
    return NULL;
}

/* One word behind the connection string. */
static bool replica_option(const forge_setting_t *s, const char *word, forge_replica_t *replica)
{
    apr_int64_t n = 0;
    if (strncmp(word, "max=", 4) == 0 && forge_config_parse_count(word + 4, &n) && n >= s->row->low &&
        n <= s->row->high) {
        replica->max = (int)n;
        return true;
    }
    if (strncmp(word, "lag=", 4) == 0 && forge_config_parse_duration(word + 4, &n) && n >= REPLICA_LAG_MIN &&
        n <= REPLICA_LAG_MAX) {
        replica->lag = n;
        return true;
    }
    return false;
}

/* The connection string itself is judged once DBDParams is known (start.c). It may hold a password: no message repeats
 * it. */
const char *forge_config_read_replica(const forge_setting_t *s)
{
    bool off = apr_cstr_casecmp(s->words[0], "off") == 0;
    forge_replica_t replica = {.conninfo = off ? NULL : s->words[0], .lag = REPLICA_LAG};
    for (int i = 1; i < s->n; i++)
        if (off || !replica_option(s, s->words[i], &replica))
            return refuse(s, s->words[i], FORGE_REPLICA_FORM);
    *(void **)s->member = apr_pmemdup(s->p, &replica, sizeof(replica));
    return NULL;
}
