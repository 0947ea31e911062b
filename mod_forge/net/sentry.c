/* SPDX-License-Identifier: Apache-2.0
 * Errors as Sentry takes them, and GlitchTip like it: an envelope with one event.
 * https://develop.sentry.dev/sdk/data-model/envelopes/
 */
#include "net.h"

#include <apr_strings.h>
#include <string.h>

#define CLIENT    "mod_forge"
#define KEY_MAX   128
#define WORD      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
#define EVENT_MAX (64 << 10)
#define ID_BYTES  16
#define DEFAULT   60 /* seconds of silence after a 429 that says nothing of it */

/* --- ForgeSentryDSN --- */

const forge_sentry_t *forge_net_sentry_parse(apr_pool_t *p, int n, const char *const *words, const char **why)
{
    forge_sentry_t *sentry = apr_pcalloc(p, sizeof(*sentry));
    sentry->ratio = 1;
    if (n == 1 && apr_cstr_casecmp(words[0], "off") == 0)
        return sentry;
    *why = n > 1 ? apr_psprintf(p, "'%s' is no ratio", words[1]) : "";
    if (n > 1 && !forge_net_ratio_read(words[1], &sentry->ratio))
        return NULL;
    sentry->dsn = words[0];
    return sentry;
}

/* The public key before '@'; older DSNs have a second one behind a colon, which nobody needs any more. */
static const char *key_of(apr_pool_t *p, const char *from, const char *to)
{
    apr_size_t len = strspn(from, WORD);
    bool good = len >= 1 && len <= KEY_MAX && from + len <= to;
    if (good && from + len < to)
        good = from[len] == ':' && from + len + 1 + strspn(from + len + 1, WORD) == to;
    return good ? apr_pstrmemdup(p, from, len) : NULL;
}

/* scheme://key@host[:port][/path]/project. No message repeats it. */
bool forge_net_sentry_open(apr_pool_t *p, forge_sentry_t *sentry, const char *dsn, const char **why)
{
    const char *scheme = strstr(dsn, "://"), *at = scheme ? strchr(scheme, '@') : NULL;
    const char *project = at ? strrchr(at, '/') : NULL;
    const char *key = at ? key_of(p, scheme + 3, at) : NULL;
    *why = "it has not the form http(s)://key@host/project";
    if (!key || !project || !project[1] || project[1 + strspn(project + 1, WORD)])
        return false;
    const char *base = apr_pstrcat(p, apr_pstrmemdup(p, dsn, (apr_size_t)(scheme + 3 - dsn)),
                                   apr_pstrmemdup(p, at + 1, (apr_size_t)(project - at - 1)), NULL);
    if (!forge_net_address_good(base))
        return false;
    sentry->url = apr_pstrcat(p, base, "/api/", project + 1, "/envelope/", NULL);
    sentry->host = forge_net_address_host(p, base);
    sentry->authorization =
        apr_pstrcat(p, "X-Sentry-Auth: Sentry sentry_version=7, sentry_client=" CLIENT "/1.0, sentry_key=", key, NULL);
    return true;
}

/* --- events --- */

static void put(forge_buf_t *b, const char *name, const char *text)
{
    if (!text)
        return;
    forge_util_buf_printf(b, ",\"%s\":", name);
    forge_util_buf_json(b, text, strlen(text));
}

static void put_tags(forge_buf_t *b, const forge_sentry_event_t *event)
{
    forge_util_buf_puts(b, ",\"tags\":{");
    for (int i = 0; i < event->count; i++) {
        forge_util_buf_printf(b, "%s\"%s\":", i ? "," : "", event->tags[i].name);
        forge_util_buf_json(b, event->tags[i].text, strlen(event->tags[i].text));
    }
    forge_util_buf_puts(b, "}");
}

static void put_event(forge_buf_t *b, apr_pool_t *p, const char *id, const forge_sentry_event_t *event)
{
    const forge_origin_t *origin = event->origin;
    forge_util_buf_printf(b, "{\"event_id\":\"%s\",\"timestamp\":\"%s\",\"platform\":\"c\",\"logger\":\"mod_forge\"",
                          id, forge_util_time(p, event->when, 6));
    put(b, "level", event->level);
    put(b, "transaction", event->transaction);
    put(b, "server_name", origin->host);
    put(b, "release", apr_pstrcat(p, CLIENT "@", origin->version, NULL));
    put(b, "environment", origin->environment);
    forge_util_buf_puts(b, ",\"logentry\":{\"formatted\":");
    forge_util_buf_json(b, event->message, strlen(event->message));
    forge_util_buf_puts(b, "},\"fingerprint\":[");
    forge_util_buf_json(b, event->group, strlen(event->group));
    forge_util_buf_puts(b, "]");
    put_tags(b, event);
    if (event->trace_id)
        forge_util_buf_printf(b,
                              ",\"contexts\":{\"trace\":{\"type\":\"trace\",\"trace_id\":\"%s\",\"span_id\":\"%s\"}}",
                              event->trace_id, event->span_id);
    forge_util_buf_puts(b, "}");
}

void forge_net_sentry_tag(forge_sentry_event_t *event, const char *name, const char *text)
{
    if (!text || event->count == FORGE_SENTRY_TAGS)
        return;
    event->tags[event->count].name = name;
    event->tags[event->count++].text = text;
}

void forge_net_sentry_write(forge_buf_t *b, apr_pool_t *p, const forge_sentry_event_t *event)
{
    unsigned char bytes[ID_BYTES];
    forge_util_random(bytes, sizeof(bytes));
    const char *id = forge_util_hex(p, bytes, sizeof(bytes));
    forge_buf_t *inner = forge_util_buf_make(p, 1024, EVENT_MAX);
    put_event(inner, p, id, event);
    b->failed = b->failed || inner->failed;
    forge_util_buf_printf(b, "{\"event_id\":\"%s\"}\n{\"type\":\"event\",\"length\":%" APR_SIZE_T_FMT "}\n", id,
                          inner->len);
    forge_util_buf_add(b, inner->data, inner->len);
    forge_util_buf_puts(b, "\n");
}

/* --- how much it takes --- */

/* Whether a list "default;error" of what is limited has errors in it; an empty one has all. */
static bool has_errors(const char *from, apr_size_t len)
{
    static const char name[] = "error";
    if (len == 0)
        return true;
    for (const char *at = from, *end = from + len; at < end;) {
        apr_size_t word = strcspn(at, ";:,");
        if (word == strlen(name) && strncmp(at, name, word) == 0)
            return true;
        at += word + 1;
    }
    return false;
}

/* "60:default;error:organization:reason, 2700::key": seconds, what is limited, and more that does not matter here. */
static apr_int64_t limits_read(const char *text)
{
    apr_int64_t longest = 0, seconds;
    for (const char *at = text; *at;) {
        at += strspn(at, " \t,");
        apr_size_t digits = strspn(at, "0123456789");
        const char *list = at + digits;
        if (*list == ':' && forge_util_atoi(at, digits, &seconds) && has_errors(list + 1, strcspn(list + 1, ":,")) &&
            seconds > longest)
            longest = seconds;
        at += strcspn(at, ",");
    }
    return longest;
}

apr_int64_t forge_net_sentry_silence(const forge_call_result_t *result)
{
    if (result->outcome != FORGE_CALL_ANSWERED)
        return 0;
    if (result->limits)
        return limits_read(result->limits);
    if (result->status != 429)
        return 0;
    return result->retry_after ? result->retry_after : DEFAULT;
}
