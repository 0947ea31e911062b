/* SPDX-License-Identifier: Apache-2.0
 * Tells operators of alerts that fire and end, by mail or webhook (live/alerts.c says when they do). Whichever child
 * comes first tells, and another one when that child dies. Each node speaks for itself. Mail does not go by the outbox:
 * what there is to tell may be that the database is away.
 */
#include "work_private.h"
#include "core/mail/mail.h"
#include "jobs/jobs.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <http_main.h>
#include <apr_strings.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

APLOG_USE_MODULE(forge);

#define STEP        apr_time_from_sec(1)
#define CONNECT     apr_time_from_sec(3)
#define TOTAL       apr_time_from_sec(10)
#define ANSWER_MAX  (64 * 1024)
#define LOOK        100 /* milliseconds */
#define RETRY_FIRST apr_time_from_sec(5)
#define RETRY_MOST  apr_time_from_sec(300)
#define TRIES_MAX   8 /* over about ten minutes */
#define BODY_MAX    4096
#define NODE_BYTES  64
#define HOW_WEBHOOK 1u /* bits of forge_alert_change_t.told */
#define HOW_MAIL    2u

void forge_work_alert_rules(server_rec *main_server, forge_alert_rule_t *rules)
{
    const forge_config_t *config = forge_config_of_server(main_server);
    for (int i = 0; i < FORGE_ALERTS; i++)
        rules[i] = forge_config_alert(config, i)->rule;
}

static bool stopped(const void *unused)
{
    (void)unused;
    return forge_work_background_stopping();
}

/* --- what is told --- */

static const char *const units[] = {"percent", "ratio", "seconds", "count"}; /* order of forge_unit_t */

static double rounded(double figure)
{
    return round(figure * 1e6) / 1e6;
}

static const char *state_word(const forge_alert_change_t *change)
{
    return change->firing ? "firing" : "resolved";
}

/* A figure for people: "91.5 percent". */
static const char *figure_text(apr_pool_t *p, double figure, forge_unit_t unit)
{
    forge_json_t *array = forge_util_json_array(p);
    forge_buf_t *b = forge_util_buf_make(p, 64, 64);
    if (isnan(figure))
        return "unknown";
    forge_util_json_add_number(array, rounded(figure)); /* whatever setlocale was told, with a point */
    forge_util_json_write(b, array);
    const char *unit_text = unit == FORGE_UNIT_NUMBER || unit == FORGE_UNIT_RATIO ? "" : units[unit];
    return apr_pstrcat(p, apr_pstrmemdup(p, b->data + 1, b->len - 2), *unit_text ? " " : "", unit_text, NULL);
}

/* "%s" of a computer's name that may come from anywhere: only what names have. */
static const char *node_name(apr_pool_t *p)
{
    char name[NODE_BYTES];
    if (gethostname(name, sizeof(name)) != 0)
        return "unknown";
    name[sizeof(name) - 1] = '\0';
    for (char *c = name; *c; c++)
        if (!forge_util_is_alnum(*c) && !strchr(".-_", *c))
            *c = '_';
    return apr_pstrdup(p, name);
}

typedef struct news_t {
    server_rec *s;
    const forge_config_t *config;
    const forge_alert_t *alert;
    const forge_alert_row_t *row;
    forge_alert_change_t change;
    const char *node, *at, *value, *threshold;
} news_t;

static news_t news_of(apr_pool_t *p, server_rec *s, const forge_alert_change_t *change)
{
    news_t news = {.s = s, .config = forge_config_of_server(s), .change = *change};
    news.alert = forge_config_alert(news.config, change->alert);
    news.row = forge_live_alert_row(change->alert);
    news.node = node_name(p);
    news.at = forge_util_time(p, change->at, 0);
    news.value = figure_text(p, change->value, news.row->unit);
    news.threshold = figure_text(p, change->threshold, news.row->unit);
    return news;
}

/* `text` is what chat services show of a webhook. */
static const char *body_of(apr_pool_t *p, const news_t *news, apr_size_t *len)
{
    forge_json_t *body = forge_util_json_object(p);
    forge_buf_t *b = forge_util_buf_make(p, 512, BODY_MAX);
    forge_util_json_put_text(body, "name", news->row->name);
    forge_util_json_put_text(body, "state", state_word(&news->change));
    forge_util_json_put_number(body, "value", rounded(news->change.value));
    forge_util_json_put_number(body, "threshold", rounded(news->change.threshold));
    forge_util_json_put_text(body, "unit", units[news->row->unit]);
    forge_util_json_put_text(body, "at", news->at);
    forge_util_json_put_text(body, "environment", forge_config_environment(news->config));
    forge_util_json_put_text(body, "node", news->node);
    forge_util_json_put_text(body, "text",
                             apr_psprintf(p, "Alert %s is %s on %s (%s): %s, threshold %s", news->row->name,
                                          state_word(&news->change), news->node, forge_config_environment(news->config),
                                          news->value, news->threshold));
    forge_util_json_write(b, body);
    *len = b->len;
    return b->data;
}

/* --- how it is told: NULL, or why that was not possible --- */

/* Waits for the end of a call, or of the child. */
static const char *await(apr_pool_t *p, forge_call_t *call, bool *given_up)
{
    forge_call_result_t result;
    const apr_int64_t until = forge_util_monotonic() + CONNECT + TOTAL;
    struct pollfd fd = {.fd = forge_net_call_fd(call), .events = POLLIN};
    while (!forge_net_call_ended(call, &result)) {
        *given_up = stopped(NULL);
        if (*given_up || forge_util_monotonic() > until)
            return "there was no answer in time";
        poll(&fd, 1, LOOK);
    }
    if (result.outcome != FORGE_CALL_ANSWERED)
        return apr_pstrdup(p, result.why);
    return result.status / 100 == 2 ? NULL : apr_psprintf(p, "the answer was %d", result.status);
}

static const char *by_webhook(apr_pool_t *p, forge_live_t *live, const news_t *news)
{
    forge_call_spec_t spec = {.url = news->alert->webhook, .connect = CONNECT, .total = TOTAL, .ceiling = ANSWER_MAX};
    forge_pass_t pass;
    bool given_up = false;
    spec.body = body_of(p, news, &spec.len);
    if (!forge_live_breaker_allows(live, forge_live_breaker(live, news->alert->host), &pass))
        return "its host is left alone for a while";
    forge_call_t *call = forge_net_call(&spec);
    const char *why = call ? await(p, call, &given_up) : "too many calls are under way";
    if (call && !given_up)
        forge_live_breaker_told(live, &pass, !why);
    else
        forge_live_breaker_given_up(live, &pass);
    if (call)
        forge_net_call_drop(call);
    return why;
}

static const char *by_mail(apr_pool_t *p, const news_t *news)
{
    const forge_mail_t *mail = forge_config_mail(news->config);
    forge_json_t *facts = forge_util_json_object(p);
    forge_smtp_t *smtp = NULL;
    const char *why = "";
    const forge_wording_t wording = {.letters = forge_config_mail_templates(news->config),
                                     .site = forge_config_site_name(news->config),
                                     .public_url = forge_config_public_url(news->config)};
    const forge_mail_one_t one = {.mail = mail,
                                  .wording = &wording,
                                  .kind = "alert",
                                  .recipient = news->alert->mailto,
                                  .id = apr_psprintf(p, "alert-%s-%" APR_TIME_T_FMT "-%s", news->row->name,
                                                     news->change.at, news->change.firing ? "f" : "r"),
                                  .created = news->change.at,
                                  .facts = facts,
                                  .stop = stopped};
    forge_util_json_put_text(facts, "name", news->row->name);
    forge_util_json_put_text(facts, "state", state_word(&news->change));
    forge_util_json_put_text(facts, "value", news->value);
    forge_util_json_put_text(facts, "threshold", news->threshold);
    forge_util_json_put_text(facts, "at", news->at);
    forge_util_json_put_text(facts, "node", news->node);
    forge_util_json_put_text(facts, "environment", forge_config_environment(news->config));
    if (mail->host && !(smtp = forge_net_smtp_open(p, mail)))
        return "out of memory";
    return forge_job_mail_send(p, smtp, &one, &why) == FORGE_DELIVERED ? NULL : why;
}

/* --- one change --- */

/* Once by each way; what has failed is tried again, by that way alone. */
static const char *tell_all(apr_pool_t *p, forge_live_t *live, news_t *news)
{
    const char *why = NULL, *failed = NULL;
    if (news->alert->webhook && !(news->change.told & HOW_WEBHOOK)) {
        if ((why = by_webhook(p, live, news)))
            failed = apr_pstrcat(p, "webhook: ", why, NULL);
        else
            news->change.told |= HOW_WEBHOOK;
    }
    if (news->alert->mailto && forge_config_mail(news->config) && !(news->change.told & HOW_MAIL)) {
        if ((why = by_mail(p, news)))
            failed = apr_pstrcat(p, "mail: ", why, NULL);
        else
            news->change.told |= HOW_MAIL;
    }
    return failed;
}

static void tell(apr_pool_t *p, server_rec *s, forge_live_t *live, const forge_alert_change_t *change)
{
    news_t news = news_of(p, s, change);
    apr_interval_time_t again = 0;
    if (change->tries == 0)
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "FG0742: alert %s is %s: %s, threshold %s", news.row->name,
                     state_word(change), news.value, news.threshold);
    const char *failed = tell_all(p, live, &news);
    if (failed && stopped(NULL))
        news.change.tries--; /* it was not given its time */
    if (failed && change->tries + 1 < TRIES_MAX)
        again = forge_job_delay(RETRY_FIRST, RETRY_MOST, change->tries + 1);
    if (failed && !again)
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "FG0743: nobody could be told that alert %s is %s, after %d tries: %s", news.row->name,
                     state_word(change), TRIES_MAX, failed);
    forge_live_alert_told(live, &news.change, again);
}

static void step(void *data, apr_pool_t *p)
{
    const forge_server_t *server = data;
    forge_alert_change_t change;
    while (!stopped(NULL) && forge_live_alert_change(server->live, &change))
        tell(p, ap_server_conf, server->live, &change);
}

int forge_work_alerts_register(apr_pool_t *pconf, server_rec *main_server)
{
    server_rec *s = main_server;
    while (s && !forge_server_of(s))
        s = s->next;
    if (!s)
        return OK;
    const forge_background_t task = {
        .thread = "_forge_alerts_", .every = STEP, .step = step, .data = forge_server_of(s)};
    return forge_work_background_register(pconf, s, &task);
}
