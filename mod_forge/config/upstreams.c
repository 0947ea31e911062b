/* SPDX-License-Identifier: Apache-2.0
 * Readers of the directives for services behind the gateway: ForgeDiscover and ForgeRetry.
 */
#include "kinds.h"
#include "parse.h"

#include <apr_strings.h>
#include <string.h>

#define BALANCER        "balancer://"
#define INTERVAL_MIN    FORGE_SECONDS(1)
#define INTERVAL_PRESET FORGE_SECONDS(30)
#define DRAIN_PRESET    FORGE_SECONDS(60)
#define DAY             FORGE_SECONDS(86400)
#define PERCENT_PRESET  20
#define LEAST_PRESET    3
#define LEAST_MAX       1000
#define ATTEMPTS_PRESET 2
#define ATTEMPTS_MAX    5
#define SERVICES_MAX    32

/* What follows "name=" in a word; NULL: the word is something else. */
static const char *value_of(const char *word, const char *name)
{
    apr_size_t len = strlen(name);
    return strncmp(word, name, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

static bool duration_within(const char *text, apr_int64_t low, apr_interval_time_t *t)
{
    apr_int64_t read;
    if (!forge_config_parse_duration(text, &read) || read < low || read > DAY)
        return false;
    *t = read;
    return true;
}

static bool service_word(const char *word, forge_service_t *service)
{
    const char *value;
    if (strcmp(word, "loopback") == 0)
        return service->loopback = true;
    if ((value = value_of(word, "interval")))
        return duration_within(value, INTERVAL_MIN, &service->interval);
    if ((value = value_of(word, "drain")))
        return duration_within(value, 0, &service->drain);
    if ((value = value_of(word, "scheme")))
        return (service->scheme = forge_config_parse_choice(value, "http|https") < 0 ? NULL : value) != NULL;
    if ((value = value_of(word, "resolver")))
        return forge_net_resolver_good(service->resolver = value);
    return false;
}

static bool balancer_good(const char *word)
{
    const char *name = word + strlen(BALANCER);
    return strncmp(word, BALANCER, strlen(BALANCER)) == 0 && *name && strlen(word) < 96 &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_")] == '\0';
}

/* Repeated lines add up, each for a balancer of its own. */
const char *forge_config_read_discover(const forge_setting_t *s)
{
    apr_array_header_t **services = s->member;
    forge_service_t service = {
        .balancer = s->words[0], .interval = INTERVAL_PRESET, .drain = DRAIN_PRESET, .scheme = "http"};
    if (!balancer_good(s->words[0]))
        return forge_config_refuse(s, s->words[0], "balancer:// and a name in lower case, then " FORGE_SERVICE_FORM);
    const char *problem = forge_net_service_read(s->p, s->words[1], &service);
    if (problem)
        return forge_config_refuse(s, s->words[1], problem);
    for (int i = 2; i < s->n; i++)
        if (!service_word(s->words[i], &service))
            return forge_config_refuse(s, s->words[i], FORGE_DISCOVER_FORM);
    if (!*services)
        *services = apr_array_make(s->p, 2, sizeof(forge_service_t));
    for (int i = 0; i < (*services)->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(*services, i, forge_service_t).balancer, service.balancer) == 0)
            return forge_config_refuse(s, s->words[0], "a balancer once");
    if ((*services)->nelts == SERVICES_MAX)
        return forge_config_refuse(s, s->words[0], "at most " APR_STRINGIFY(SERVICES_MAX) " balancers");
    APR_ARRAY_PUSH(*services, forge_service_t) = service;
    return NULL;
}

/* A number of a range, with what has to follow it. */
static bool number_within(const char *text, const char *unit, int low, int high, int *n)
{
    apr_int64_t read = -1;
    char digits[16];
    apr_size_t len = strspn(text, "0123456789");
    if (!len || len >= sizeof(digits) || strcmp(text + len, unit) != 0)
        return false;
    apr_cpystrn(digits, text, len + 1);
    if (!forge_config_parse_count(digits, &read) || read < low || read > high)
        return false;
    *n = (int)read;
    return true;
}

static bool retry_word(const char *word, forge_retry_t *retry)
{
    const char *value;
    if (strcmp(word, "idempotent") == 0)
        return retry->idempotent = true;
    if ((value = value_of(word, "budget")))
        return number_within(value, "%", 0, 100, &retry->rule.percent);
    if ((value = value_of(word, "min")))
        return number_within(value, "/s", 0, LEAST_MAX, &retry->rule.least);
    if ((value = value_of(word, "attempts")))
        return number_within(value, "", 2, ATTEMPTS_MAX, &retry->attempts);
    return false;
}

const char *forge_config_read_retry(const forge_setting_t *s)
{
    int on = forge_config_parse_choice(s->words[0], "off|on");
    forge_retry_t retry = {
        .on = on == 1, .attempts = ATTEMPTS_PRESET, .rule = {.percent = PERCENT_PRESET, .least = LEAST_PRESET}};
    if (on < 0 || (on == 0 && s->n > 1))
        return forge_config_refuse(s, s->words[on < 0 ? 0 : 1], FORGE_RETRY_FORM);
    for (int i = 1; i < s->n; i++)
        if (!retry_word(s->words[i], &retry))
            return forge_config_refuse(s, s->words[i], FORGE_RETRY_FORM);
    *(void **)s->member = apr_pmemdup(s->p, &retry, sizeof(retry));
    return NULL;
}
