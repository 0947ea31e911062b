/* SPDX-License-Identifier: Apache-2.0
 * Private to config/: the kinds of directive values, with one reader each.
 */
#ifndef FORGE_CONFIG_KINDS_H
#define FORGE_CONFIG_KINDS_H

#include "table.h"

#include <apr_strings.h>

/* One use of a directive. */
typedef struct forge_setting_t {
    apr_pool_t *p;
    const forge_directive_t *row;
    void *member;      /* apr_int64_t * or a pointer to a pointer, depending on the kind */
    const char *place; /* the <Location> around it; NULL: none */
    int n;
    char *const *words;
} forge_setting_t;

typedef struct forge_value_kind_t {
    const char *(*read)(const forge_setting_t *s); /* NULL, or the message that stops the start */
    bool number;
    int least, most;  /* words; most 0: any number */
    const char *form; /* what is accepted, for messages; NULL: what range says */
    /* Where a secret begins in word i; NULL: that word has none. The function is NULL for kinds without secrets. */
    const char *(*secret_in)(int i, const char *word);
    const char *(*range)(const forge_setting_t *s); /* what is accepted by the row */
} forge_value_kind_t;

/* Every refusal has the same form and names what is accepted, so that nobody has to look it up. */
static inline const char *forge_config_refuse(const forge_setting_t *s, const char *word, const char *accepted)
{
    return apr_psprintf(s->p, "%s: '%s' is refused; accepted: %s", s->row->name, word, accepted);
}

static inline void forge_config_put_text(const forge_setting_t *s, const char *text)
{
    *(const char **)s->member = text;
}

/* --- alerts.c --- */

#define FORGE_ALERT_FORM \
    "name threshold|off [for duration] [mailto:ADDRESS] [https://webhook], with a name of cpu memory disk load " \
    "error_rate " \
    "p95 database_p95 pool queue jobs_late mail_late containers_unhealthy"
const char *forge_config_read_alert(const forge_setting_t *s);
const char *forge_config_secret_webhook(int i, const char *word);

/* --- execution.c --- */

#define FORGE_SANDBOX_FORM     "On, Off, or the absolute path of forge-runner"
#define FORGE_OCR_FORM         "On, Off, or languages of tesseract such as deu+eng"
#define FORGE_EXEC_PLACES_FORM "1 to 256 runs or auto, a queue of 1 to 10000, and 1 to 10000 of one account"
const char *forge_config_read_sandbox(const forge_setting_t *s);
const char *forge_config_read_ocr(const forge_setting_t *s);
const char *forge_config_read_languages(const forge_setting_t *s);
const char *forge_config_read_exec_limits(const forge_setting_t *s);
const char *forge_config_read_exec_places(const forge_setting_t *s);

/* --- services.c --- */

#define FORGE_GIT_HOSTS_FORM "host, host:port, private:host[:port]; names only, no address, no '*'; or none alone"
#define FORGE_REPLICA_FORM   "off|connection string of libpq [max=1..10000] [lag=5s..1h]"
const char *forge_config_read_mail(const forge_setting_t *s);
const char *forge_config_read_mail_templates(const forge_setting_t *s);
const char *forge_config_read_git_hosts(const forge_setting_t *s);
const char *forge_config_read_certificates(const forge_setting_t *s);
const char *forge_config_read_docker(const forge_setting_t *s);
const char *forge_config_read_llm(const forge_setting_t *s);
const char *forge_config_read_sentry(const forge_setting_t *s);
const char *forge_config_read_limit_store(const forge_setting_t *s);
const char *forge_config_read_traces(const forge_setting_t *s);
const char *forge_config_read_replica(const forge_setting_t *s);

/* --- surface.c --- */

#define FORGE_API_FORM "On [-health] [-metrics] [-docs] [-errors] [-jwks], or Off"
const char *forge_config_read_api(const forge_setting_t *s);

/* --- upstreams.c --- */

#define FORGE_DISCOVER_FORM \
    "balancer://name " FORGE_SERVICE_FORM \
    " [interval=1s..1d] [drain=0s..1d] [scheme=http|https] [resolver=address[:port]] [loopback]"
#define FORGE_RETRY_FORM "off, or on [budget=0%..100%] [min=0/s..1000/s] [attempts=2..5] [idempotent]"
const char *forge_config_read_discover(const forge_setting_t *s);
const char *forge_config_read_retry(const forge_setting_t *s);

extern const forge_value_kind_t forge_config_kinds[FORGE_KINDS];

#endif
