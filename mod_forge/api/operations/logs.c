/* SPDX-License-Identifier: Apache-2.0
 * /monitor/logs: the log files of ForgeLogSource. The Require lines of httpd decide who may read them.
 */
#include "api/api.h"
#include "api/shared.h"

#include <apr_strings.h>
#include <string.h>

/* clang-format off */
static const forge_field_t line_fields[] = {
    {"id", FORGE_T_TEXT, .example = "1f40_9c0e3b21",
     .help = "where it ends; a stream with it as Last-Event-ID goes on behind it"},
    {"ts", FORGE_T_TIME, FORGE_F_NULLABLE, .example = FORGE_API_TIME, .help = "null: the line says no time"},
    {"level", FORGE_T_TEXT, .format = "enum:" FORGE_LOG_LEVELS, .named = "LogLevel", .example = "info",
     .help = "info where the line says none"},
    {"service", FORGE_T_TEXT, .format = "enum:" FORGE_CONFIG_SERVICES, .named = "LogService", .example = "backend",
     .help = "whose line it is"},
    {"msg", FORGE_T_TEXT, .example = "GET /api/v1/courses/{id} 200",
     .help = "what it says, at most 8 KiB; controls are written out and what could be a secret is ***"},
    {"request_id", FORGE_T_TEXT, FORGE_F_OPTIONAL, .example = "01JDTR8Z6W", .help = "of the request that it is about"},
    {"trace_id", FORGE_T_TEXT, FORGE_F_OPTIONAL, .example = "4bf92f3577b34da6a3ce929d0e0e4736", .help = "of its trace"},
    {"user_id", FORGE_T_INT, FORGE_F_OPTIONAL, .example = "7", .help = "number of the account"},
    {"route", FORGE_T_TEXT, FORGE_F_OPTIONAL, .example = "/api/v1/courses/{id}", .help = "template of its path"},
    {"status", FORGE_T_INT, FORGE_F_OPTIONAL, .example = "200", .help = "status of the answer"},
    {"duration_ms", FORGE_T_NUMBER, FORGE_F_OPTIONAL, .example = "3.25", .help = "how long it took, in milliseconds"},
    {.name = NULL},
};
static const forge_shape_t line = {"LogLine", line_fields};

static const forge_field_t filter_fields[] = {
    {"level", FORGE_T_TEXT, .format = "enum:" FORGE_LOG_LEVELS, .named = "LogLevel", .preset = "debug",
     .example = "warn",
     .help = "only lines of at least this level"},
    {"q", FORGE_T_TEXT, .min = 1, .max = 200, .format = "line", .example = "time-out",
     .help = "only lines with this text, in any case of letters, in message, request_id, trace_id or route"},
    {.name = NULL},
};
static const forge_field_t history_fields[] = {
    {"lines", FORGE_T_INT, .min = 1, .max = FORGE_LOG_LINES_MAX, .preset = "100", .example = "50",
     .help = "how many at most"},
    {"since", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "only lines from this time on"},
    {.type = FORGE_T_INCLUDE, .fields = filter_fields},
    {.name = NULL},
};
static const forge_shape_t history = {.fields = history_fields};
static const forge_shape_t filter = {.fields = filter_fields};
/* clang-format on */

static forge_log_level_t level_of(forge_req_t *q)
{
    forge_log_level_t level = FORGE_LOG_DEBUG;
    const char *name = forge_core_input_text(q->query, "level");
    if (name)
        forge_core_log_level(name, strlen(name), &level);
    return level;
}

/* In lower case, as it is compared. */
static const char *text_of(forge_req_t *q)
{
    const char *text = forge_core_input_text(q->query, "q");
    char *lower = text ? apr_pstrdup(q->pool, text) : NULL;
    if (lower)
        forge_util_lower_all(lower);
    return lower;
}

static forge_status_t log_history(forge_req_t *q)
{
    forge_log_query_t query = {
        .lines = (int)forge_core_input_int(q->query, "lines", 100), .level = level_of(q), .text = text_of(q)};
    const char *since = forge_core_input_text(q->query, "since");
    if (since)
        forge_util_time_parse(since, strlen(since), &query.since);
    return forge_reply_log_history(q, q->tail, &query);
}

static forge_status_t log_stream(forge_req_t *q)
{
    const forge_log_query_t query = {.level = level_of(q), .text = text_of(q)};
    return forge_reply_log_stream(q, q->tail, &query);
}

static const forge_status_t errors[] = {FORGE_E_FORBIDDEN, FORGE_E_NOT_FOUND, FORGE_E_LOG_UNREADABLE, FORGE_OK};

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/monitor/logs/{service}", FORGE_ROLE_NONE, .flags = FORGE_R_TAIL | FORGE_R_ARRAY, .query = &history,
     .reply = &line, .errors = errors, .handle = log_history,
     .operation = "log_history", .summary = "Read the last lines of logs",
     .description = "Of backend, frontend, postgres, or all of them by time; the oldest first. Lines are read from the "
         "end of each file; messages of several lines are one, and a last line without an end is not there yet. At "
         "most 16 MiB are searched: when there may be more lines, X-Truncated: true says so. The file of before the "
         "last rotation (.1) is read too where needed, compressed ones are not. The server's configuration says who "
         "may read them."},
    {FORGE_GET, "/monitor/logs/stream/{service}", FORGE_ROLE_NONE,
     .flags = FORGE_R_TAIL | FORGE_R_RAW | FORGE_R_FOLLOW | FORGE_R_TICKET, .media = "text/event-stream",
     .query = &filter, .errors = errors, .handle = log_stream,
     .sample = "id: 1f40_9c0e3b21\nevent: log\n"
         "data: {\"id\":\"1f40_9c0e3b21\",\"ts\":\"2026-01-31T12:00:00.000000Z\",\"level\":\"error\","
         "\"service\":\"backend\",\"msg\":\"it broke\"}\n\n",
     .operation = "log_stream", .summary = "Follow logs",
     .description = "A stream of events (Server-Sent Events) named `log`, one for each line that is written to the "
         "logs of the service; its data is an object as GET /monitor/logs/{service} answers it. Rotations are "
         "followed. With Last-Event-ID it goes on where that was, as long as the file is there, also as the .1 of a "
         "rotation, and at most 16 MiB back; without, or with one that is of no file here, from now on. A browser's "
         "EventSource uses a one-use ticket (POST /auth/stream-ticket). The stream ends when the credential does. Only "
         "so many may be open at once. The server's configuration says who may read them."},
};
/* clang-format on */

const forge_routes_t forge_api_logs = FORGE_API_ROUTES(routes, &forge_api_tag_monitoring);
