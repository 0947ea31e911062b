/* SPDX-License-Identifier: Apache-2.0
 * Lines of JSON: ours in each of their formats, those of PostgreSQL's jsonlog, and what most other programs call the
 * same things. Only what is known is taken: the rest of a line is its program's own business.
 */
#include "logs.h"

#include <apr_strings.h>
#include <string.h>

#define NAMES 7

/* Each as one name, or as a path into objects where such a member is not there. */
static const char *const at_names[NAMES] = {"ts", "@timestamp", "Timestamp", "timestamp", "time", "timeUnixNano"};
static const char *const level_names[NAMES] = {"level",        "log.level", "SeverityText",
                                               "severityText", "severity",  "error_severity"};
static const char *const msg_names[NAMES] = {"msg", "message", "Body", "body.stringValue", "body", "event"};
static const char *const request_names[NAMES] = {
    "request_id", "http.request.id", "Attributes/http.request.id", "attributes/http.request.id", "requestId", "req_id"};
static const char *const trace_names[NAMES] = {"trace_id", "trace.id", "TraceId", "traceId"};
static const char *const route_names[NAMES] = {"route", "labels.route", "http.route", "Attributes/http.route",
                                               "attributes/http.route"};
static const char *const user_names[NAMES] = {"user_id", "user.id", "Attributes/user.id", "attributes/user.id",
                                              "actor_id"};
static const char *const status_names[NAMES] = {"status", "http.response.status_code",
                                                "Attributes/http.response.status_code",
                                                "attributes/http.response.status_code"};

/* "a/b" is the member b of the object a; "a.b" is the member a.b, or else b of the object a. */
static const forge_json_t *find(const forge_json_t *object, const char *name)
{
    char part[64];
    const char *slash = strchr(name, '/');
    const forge_json_t *found = slash ? NULL : forge_util_json_get(object, name);
    const char *cut = slash ? slash : strchr(name, '.');
    if (found || !cut)
        return found;
    apr_cpystrn(part, name, (apr_size_t)(cut - name) + 1 < sizeof(part) ? (apr_size_t)(cut - name) + 1 : sizeof(part));
    const forge_json_t *inner = forge_util_json_get(object, part);
    return inner && forge_util_json_type(inner) == FORGE_JSON_OBJECT ? find(inner, cut + 1) : NULL;
}

static const forge_json_t *first_of(const forge_json_t *object, const char *const names[NAMES])
{
    for (int i = 0; i < NAMES && names[i]; i++) {
        const forge_json_t *found = find(object, names[i]);
        if (found && forge_util_json_type(found) != FORGE_JSON_NULL)
            return found;
    }
    return NULL;
}

static const char *text_of(apr_pool_t *p, const forge_json_t *object, const char *const names[NAMES])
{
    apr_size_t len;
    const forge_json_t *v = first_of(object, names);
    const char *text = v ? forge_util_json_text(v, &len) : NULL;
    return text ? forge_core_log_clean(p, text, len) : NULL;
}

/* A number, or its digits in a text, as keywords are written. */
static apr_int64_t number_of(const forge_json_t *object, const char *const names[NAMES])
{
    apr_size_t len;
    apr_int64_t n = 0;
    const forge_json_t *v = first_of(object, names);
    const char *text = v ? forge_util_json_text(v, &len) : NULL;
    if (text ? forge_util_atoi(text, len, &n) : v && forge_util_json_int(v, &n))
        return n > 0 ? n : 0;
    return 0;
}

/* Seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by their size. */
static apr_time_t epoch(double n)
{
    return (apr_time_t)(n > 1e17 ? n / 1e3 : n > 1e14 ? n : n > 1e11 ? n * 1e3 : n > 0 ? n * 1e6 : 0);
}

static apr_time_t time_of(const forge_json_t *object)
{
    apr_size_t len;
    apr_time_t t = 0;
    apr_int64_t whole;
    double n;
    const forge_json_t *v = first_of(object, at_names);
    const char *text = v ? forge_util_json_text(v, &len) : NULL;
    if (!text)
        return v && forge_util_json_number(v, &n) ? epoch(n) : 0;
    if (forge_util_atoi(text, len, &whole))
        return whole > APR_INT64_C(100000000000000000) ? whole / 1000 : epoch((double)whole);
    return forge_util_time_parse(text, len, &t) || forge_core_log_time_postgres(text, &t) ? t : 0;
}

/* Its unit is part of each convention. */
static double duration_of(const forge_json_t *object)
{
    static const struct {
        const char *name;
        double in_ms;
    } names[] = {{"duration_ms", 1},
                 {"event.duration", 1e-6},
                 {"Attributes/http.server.request.duration", 1e3},
                 {"attributes/http.server.request.duration", 1e3}};
    double n;
    for (apr_size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const forge_json_t *v = find(object, names[i].name);
        if (v && forge_util_json_number(v, &n) && n >= 0)
            return n * names[i].in_ms;
    }
    return -1;
}

/* A line without a level says by its status what it is. pino writes a number. */
static forge_log_level_t level_of(const forge_json_t *object, apr_int64_t status)
{
    apr_size_t len;
    apr_int64_t n;
    forge_log_level_t level = status >= 500 ? FORGE_LOG_ERROR : FORGE_LOG_INFO;
    const forge_json_t *v = first_of(object, level_names);
    const char *text = v ? forge_util_json_text(v, &len) : NULL;
    if (text)
        forge_core_log_level(text, len, &level);
    else if (v && forge_util_json_int(v, &n))
        level = n < 30   ? FORGE_LOG_DEBUG
                : n < 40 ? FORGE_LOG_INFO
                : n < 50 ? FORGE_LOG_WARN
                : n < 60 ? FORGE_LOG_ERROR
                         : FORGE_LOG_CRIT;
    return level;
}

/* A line without a sentence is one of a request, or shown as it is. */
static const char *sentence(apr_pool_t *p, const forge_json_t *object, const char *line, apr_size_t len)
{
    static const char *const methods[NAMES] = {"method", "http.request.method", "Attributes/http.request.method"},
                             *const paths[NAMES] = {"path", "url.path", "Attributes/url.path"};
    const char *msg = text_of(p, object, msg_names);
    const char *method = msg ? NULL : text_of(p, object, methods), *path = method ? text_of(p, object, paths) : NULL;
    if (msg)
        return msg;
    return path ? apr_pstrcat(p, method, " ", path, NULL) : forge_core_log_clean(p, line, len);
}

bool forge_core_log_json(apr_pool_t *p, const char *line, apr_size_t len, forge_log_entry_t *entry)
{
    const char *why;
    const forge_json_t *object = forge_util_json_parse(p, line, len, &why);
    if (!object || forge_util_json_type(object) != FORGE_JSON_OBJECT)
        return false;
    entry->at = time_of(object);
    entry->status = number_of(object, status_names);
    entry->level = level_of(object, entry->status);
    entry->msg = sentence(p, object, line, len);
    entry->request_id = text_of(p, object, request_names);
    entry->trace_id = text_of(p, object, trace_names);
    entry->route = text_of(p, object, route_names);
    entry->user_id = number_of(object, user_names);
    entry->duration_ms = duration_of(object);
    return true;
}
