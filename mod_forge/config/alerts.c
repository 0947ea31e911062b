/* SPDX-License-Identifier: Apache-2.0
 * ForgeAlert.
 */
#include "kinds.h"
#include "core/mail/mail.h"
#include "parse.h"

#include <string.h>

#define WEBHOOK_MAX 2048 /* characters */
#define refuse      forge_config_refuse

#define ALERT_LASTING_MAX FORGE_SECONDS(86400)

/* A threshold in the unit of its alert: 70 or 70%, 0.01 or 1%, 200ms, 12. */
static bool read_threshold(const char *word, forge_unit_t unit, double *threshold)
{
    apr_int64_t t;
    apr_size_t len = strlen(word);
    bool percent = len > 0 && word[len - 1] == '%';
    if (unit == FORGE_UNIT_SECONDS) {
        if (!forge_config_parse_duration(word, &t))
            return false;
        *threshold = (double)t / APR_USEC_PER_SEC;
        return true;
    }
    if (!forge_config_parse_decimal(word, len - percent, threshold) || (percent && unit == FORGE_UNIT_NUMBER))
        return false;
    if (unit == FORGE_UNIT_RATIO && percent)
        *threshold /= 100;
    return unit == FORGE_UNIT_NUMBER || *threshold <= (unit == FORGE_UNIT_RATIO ? 1 : 100);
}

/* A webhook's address is as good as a key, so that it must not travel unencrypted, unless to this machine. */
static bool read_webhook(apr_pool_t *p, const char *word, forge_alert_t *alert)
{
    static const char *const near[] = {"http://127.", "http://localhost:", "http://localhost/", "http://[::1]", NULL};
    bool good = apr_cstr_casecmpn(word, "https://", 8) == 0;
    for (int i = 0; near[i] && !good; i++)
        good = strncmp(word, near[i], strlen(near[i])) == 0;
    if (!good || alert->webhook || strlen(word) > WEBHOOK_MAX)
        return false;
    const char *host = strstr(word, "://") + 3;
    for (const char *c = word; *c; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    alert->webhook = word;
    alert->host = apr_pstrmemdup(p, host, strcspn(host, "/?#"));
    return *alert->host != '\0' && !strchr(alert->host, '@');
}

static bool read_target(const forge_setting_t *s, const char *word, forge_alert_t *alert)
{
    const char *why;
    if (strncmp(word, "mailto:", 7) != 0)
        return read_webhook(s->p, word, alert);
    if (alert->mailto || !(alert->mailto = forge_core_mail_address(s->p, word + 7, &why)))
        return false;
    return true;
}

/* Repeated lines add up; a later one of the same name takes the place of an earlier one. */
const char *forge_config_read_alert(const forge_setting_t *s)
{
    forge_alerts_t **alerts = s->member;
    forge_alert_t alert = {.rule = {.on = strcmp(s->words[1], "off") != 0}};
    int which = 0, at = 2;
    while (which < FORGE_ALERTS && strcmp(forge_live_alert_row(which)->name, s->words[0]) != 0)
        which++;
    if (which == FORGE_ALERTS)
        return refuse(s, s->words[0], FORGE_ALERT_FORM);
    if (alert.rule.on && !read_threshold(s->words[1], forge_live_alert_row(which)->unit, &alert.rule.threshold))
        return refuse(s, s->words[1],
                      "off; per cent of 0 to 100 for cpu, memory, disk and pool; 0 to 1 or per cent for error_rate; a "
                      "duration (200ms) for p95, database_p95, jobs_late and mail_late; else a number");
    if (s->n > at && strcmp(s->words[at], "for") == 0) {
        if (s->n == at + 1 || !forge_config_parse_duration(s->words[at + 1], &alert.rule.lasting) ||
            alert.rule.lasting > ALERT_LASTING_MAX)
            return refuse(s, s->n == at + 1 ? "for" : s->words[at + 1], "for and a duration of 0s to 1d");
        at += 2;
    }
    for (; at < s->n; at++)
        if (!alert.rule.on || !read_target(s, s->words[at], &alert))
            return refuse(s, s->words[at],
                          "mailto: and an e-mail address, and https:// (or http:// to this machine), each once");
    if (!*alerts)
        *alerts = apr_pcalloc(s->p, sizeof(**alerts));
    (*alerts)->set[which] = true;
    (*alerts)->of[which] = alert;
    return NULL;
}

/* The path of a webhook often is its key. */
const char *forge_config_secret_webhook(int i, const char *word)
{
    const char *host = i > 1 && strncmp(word, "http", 4) == 0 ? strstr(word, "://") : NULL;
    const char *path = host ? host + 3 + strcspn(host + 3, "/?#") : "";
    return *path && path[1] ? path : NULL; /* from its slash on */
}
