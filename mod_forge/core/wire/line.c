/* SPDX-License-Identifier: Apache-2.0
 * Writes a line of a log. A format is a column of the table of names and a row of the table of ways; adding a member is
 * a row, adding a format is a column.
 */
#include "line.h"

#include <string.h>

#define SERVICE "mod_forge"
#define SCHEMA  "8.17.0" /* version of the Elastic Common Schema that the names are of */

enum { JSON, ECS, OTEL, COLUMNS };

/* "Attributes/user.id" is the member user.id of the object Attributes. NULL: the format has no such member. */
static const char *const names[FORGE_LINE_MEMBERS][COLUMNS] = {
    /* clang-format off */
    [FORGE_LINE_TS]          = {"ts",          "@timestamp",                "Timestamp"},
    [FORGE_LINE_LEVEL]       = {"level",       "log.level",                 "SeverityText"},
    [FORGE_LINE_SEVERITY]    = {NULL,          NULL,                        "SeverityNumber"},
    [FORGE_LINE_MSG]         = {"msg",         "message",                   "Body"},
    [FORGE_LINE_EVENT]       = {"event",       "event.action",              "EventName"},
    [FORGE_LINE_TRACE]       = {"trace_id",    "trace.id",                  "TraceId"},
    [FORGE_LINE_SPAN]        = {NULL,          "span.id",                   "SpanId"},
    [FORGE_LINE_LOG]         = {"log",         "event.dataset",             "Attributes/log.name"},
    [FORGE_LINE_REQUEST]     = {"request_id",  "http.request.id",           "Attributes/http.request.id"},
    [FORGE_LINE_USER]        = {"user_id",     "user.id",                   "Attributes/user.id"},
    [FORGE_LINE_ROUTE]       = {"route",       "labels.route",              "Attributes/http.route"},
    [FORGE_LINE_METHOD]      = {"method",      "http.request.method",       "Attributes/http.request.method"},
    [FORGE_LINE_PATH]        = {"path",        "url.path",                  "Attributes/url.path"},
    [FORGE_LINE_STATUS]      = {"status",      "http.response.status_code", "Attributes/http.response.status_code"},
    [FORGE_LINE_DURATION]    = {"duration_ms", "event.duration",            "Attributes/http.server.request.duration"},
    [FORGE_LINE_BYTES]       = {"bytes",       "http.response.body.bytes",  "Attributes/http.response.body.size"},
    [FORGE_LINE_CLIENT]      = {"client",      "client.ip",                 "Attributes/client.address"},
    [FORGE_LINE_ACTOR]       = {"actor_id",    NULL,                        NULL}, /* user_id says the same */
    [FORGE_LINE_SUBJECT]     = {"subject_id",  "user.target.id",            "Attributes/user.target.id"},
    [FORGE_LINE_IP]          = {"ip",          "client.ip",                 "Attributes/client.address"},
    [FORGE_LINE_DETAIL]      = {"detail",      "forge.detail",              "Attributes/forge.detail"},
    [FORGE_LINE_SERVER]      = {"server",      "server.address",            "Attributes/server.address"},
    [FORGE_LINE_SERVICE]     = {NULL,          "service.name",              "Resource/service.name"},
    [FORGE_LINE_ENVIRONMENT] = {NULL,          "service.environment",       "Resource/deployment.environment.name"},
    [FORGE_LINE_SCHEMA]      = {NULL,          "ecs.version",               NULL},
    /* clang-format on */
};

/* Accounts are numbers here and keywords in both conventions. */
static const bool keyword[FORGE_LINE_MEMBERS] = {[FORGE_LINE_USER] = true, [FORGE_LINE_SUBJECT] = true};

static const struct {
    int column;
    bool plain;    /* name=value */
    bool nulls;    /* null is a value */
    bool keywords; /* what is a keyword is a text */
    bool epoch;    /* times are nanoseconds since the epoch, in a text because JSON's numbers are too coarse */
    bool nanos;    /* durations are whole nanoseconds */
    int per;       /* otherwise microseconds in a unit of theirs */
    int fraction;  /* and its digits */
} ways[] = {
    [FORGE_LINE_JSON] = {JSON, false, true, false, false, false, 1000, 3},
    [FORGE_LINE_ECS] = {ECS, false, false, true, false, true, 1, 0},
    [FORGE_LINE_OTEL] = {OTEL, false, false, true, true, false, 1000000, 6},
    [FORGE_LINE_PLAIN] = {JSON, true, false, false, false, false, 1000, 3},
};

static const struct {
    const char *name;
    int number; /* SeverityNumber; an audit line is as severe as INFO */
} levels[] = {
    [FORGE_LINE_DEBUG] = {"debug", 5},  [FORGE_LINE_INFO] = {"info", 9},   [FORGE_LINE_WARN] = {"warn", 13},
    [FORGE_LINE_ERROR] = {"error", 17}, [FORGE_LINE_AUDIT] = {"audit", 9},
};

/* --- filling --- */

void forge_core_line_text(forge_line_t *line, forge_line_member_t member, const char *text, apr_size_t max)
{
    line->values[member] = text ? (forge_line_value_t){FORGE_LINE_TEXT, text, strnlen(text, max), 0, NULL}
                                : (forge_line_value_t){FORGE_LINE_NULL, NULL, 0, 0, NULL};
}

void forge_core_line_number(forge_line_t *line, forge_line_member_t member, apr_int64_t number)
{
    line->values[member] = (forge_line_value_t){FORGE_LINE_NUMBER, NULL, 0, number, NULL};
}

void forge_core_line_null(forge_line_t *line, forge_line_member_t member)
{
    forge_core_line_text(line, member, NULL, 0);
}

void forge_core_line_tree(forge_line_t *line, forge_line_member_t member, const forge_json_t *tree)
{
    if (!tree || forge_util_json_type(tree) == FORGE_JSON_NULL)
        forge_core_line_null(line, member);
    else
        line->values[member] = (forge_line_value_t){FORGE_LINE_TREE, NULL, 0, 0, tree};
}

void forge_core_line_level(forge_line_t *line, forge_line_level_t level)
{
    forge_core_line_text(line, FORGE_LINE_LEVEL, levels[level].name, strlen(levels[level].name));
    forge_core_line_number(line, FORGE_LINE_SEVERITY, levels[level].number);
}

forge_line_t *forge_core_line_make(apr_pool_t *p, const char *log, const char *environment)
{
    forge_line_t *line = apr_pcalloc(p, sizeof(*line));
    forge_core_line_text(line, FORGE_LINE_LOG, log, strlen(log));
    forge_core_line_text(line, FORGE_LINE_SERVICE, SERVICE, strlen(SERVICE));
    forge_core_line_text(line, FORGE_LINE_SCHEMA, SCHEMA, strlen(SCHEMA));
    forge_core_line_text(line, FORGE_LINE_ENVIRONMENT, environment, strlen(environment));
    return line;
}

/* --- writing --- */

/* A time has three digits of a second: more would pretend what a request's clock does not know. */
static void write_time(forge_buf_t *b, apr_pool_t *p, apr_int64_t t, forge_line_format_t format)
{
    if (ways[format].epoch)
        forge_util_buf_printf(b, "\"%" APR_INT64_T_FMT "000\"", t);
    else
        forge_util_buf_printf(b, ways[format].plain ? "%s" : "\"%s\"", forge_util_time(p, t, 3));
}

static void write_duration(forge_buf_t *b, apr_int64_t t, forge_line_format_t format)
{
    if (t < 0) /* the clock was set back */
        t = 0;
    if (ways[format].nanos)
        forge_util_buf_int(b, t * 1000);
    else
        forge_util_buf_printf(b, "%" APR_INT64_T_FMT ".%0*d", t / ways[format].per, ways[format].fraction,
                              (int)(t % ways[format].per));
}

/* In a plain line, what is one word stands as it is; anything else in quotes, escaped as in JSON. The sentence may have
 * blanks. */
static void write_text(forge_buf_t *b, const forge_line_value_t *v, bool bare, bool sentence)
{
    static const char word[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;%{}";
    apr_size_t at = 0;
    while (bare && at < v->len && (strchr(word, v->text[at]) || (sentence && v->text[at] == ' ')) && v->text[at])
        at++;
    if (bare && at == v->len && at > 0)
        forge_util_buf_add(b, v->text, v->len);
    else
        forge_util_buf_json(b, v->text, v->len);
}

static void write_value(forge_buf_t *b, apr_pool_t *p, const forge_line_t *line, forge_line_member_t m,
                        forge_line_format_t format)
{
    const forge_line_value_t *v = &line->values[m];
    const char *quote = keyword[m] && ways[format].keywords ? "\"" : "";
    if (v->kind == FORGE_LINE_NULL)
        forge_util_buf_puts(b, "null");
    else if (v->kind == FORGE_LINE_TREE)
        forge_util_json_write(b, v->tree);
    else if (v->kind == FORGE_LINE_TEXT)
        write_text(b, v, ways[format].plain, m == FORGE_LINE_MSG);
    else if (m == FORGE_LINE_TS)
        write_time(b, p, v->number, format);
    else if (m == FORGE_LINE_DURATION)
        write_duration(b, v->number, format);
    else
        forge_util_buf_printf(b, "%s%" APR_INT64_T_FMT "%s", quote, v->number, quote);
}

/* Ends the object of the member before and begins that of this one, where they differ. Returns the name within it. */
static const char *enter(forge_buf_t *b, const char *name, const char **within)
{
    const char *slash = strchr(name, '/'), *before = *within;
    apr_size_t len = slash ? (apr_size_t)(slash - name) : 0;
    bool same = slash && before && strncmp(before, name, len + 1) == 0;
    if (!same && before)
        forge_util_buf_puts(b, "}");
    if (b->len > 0 && b->data[b->len - 1] != '{')
        forge_util_buf_puts(b, ",");
    if (!same && slash) {
        forge_util_buf_json(b, name, len);
        forge_util_buf_puts(b, ":{");
    }
    *within = slash ? name : NULL;
    return slash ? slash + 1 : name;
}

static bool shown(const forge_line_value_t *v, const char *name, forge_line_format_t format)
{
    return name && v->kind != FORGE_LINE_ABSENT && (v->kind != FORGE_LINE_NULL || ways[format].nulls);
}

static void write_json(forge_buf_t *b, apr_pool_t *p, const forge_line_t *line, forge_line_format_t format)
{
    const char *within = NULL;
    forge_util_buf_puts(b, "{");
    for (int m = 0; m < FORGE_LINE_MEMBERS && !b->failed; m++) {
        const char *name = names[m][ways[format].column];
        if (!shown(&line->values[m], name, format))
            continue;
        name = enter(b, name, &within);
        forge_util_buf_json(b, name, strlen(name));
        forge_util_buf_puts(b, ":");
        write_value(b, p, line, (forge_line_member_t)m, format);
    }
    forge_util_buf_puts(b, within ? "}}\n" : "}\n");
}

static void write_plain(forge_buf_t *b, apr_pool_t *p, const forge_line_t *line, forge_line_format_t format)
{
    for (int m = 0; m < FORGE_LINE_MEMBERS; m++) {
        const char *name = names[m][ways[format].column];
        if (!shown(&line->values[m], name, format))
            continue;
        if (m > 0)
            forge_util_buf_puts(b, " ");
        if (m > FORGE_LINE_MSG)
            forge_util_buf_printf(b, "%s=", name);
        write_value(b, p, line, (forge_line_member_t)m, format);
    }
    forge_util_buf_puts(b, "\n");
}

void forge_core_line_write(forge_buf_t *b, apr_pool_t *p, const forge_line_t *line, forge_line_format_t format)
{
    if (ways[format].plain)
        write_plain(b, p, line, format);
    else
        write_json(b, p, line, format);
}
