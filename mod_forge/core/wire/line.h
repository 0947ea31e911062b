/* SPDX-License-Identifier: Apache-2.0
 * One line of a log: members with values, written under the names of a format (ForgeLogFormat). Whoever fills a line
 * knows no format; all that the formats differ in stands in two tables of line.c.
 */
#ifndef FORGE_CORE_LINE_H
#define FORGE_CORE_LINE_H

#include "forge.h"
#include "util/util.h"

typedef enum forge_line_format_t {
    FORGE_LINE_JSON,
    FORGE_LINE_ECS,  /* names of the Elastic Common Schema */
    FORGE_LINE_OTEL, /* fields of OpenTelemetry's log data model */
    FORGE_LINE_PLAIN /* for people: time, level, sentence, then name=value */
} forge_line_format_t;

typedef enum forge_line_level_t {
    FORGE_LINE_DEBUG,
    FORGE_LINE_INFO,
    FORGE_LINE_WARN,
    FORGE_LINE_ERROR,
    FORGE_LINE_AUDIT
} forge_line_level_t;

/* In the order in which they are written. Those that belong together in a format stand together. */
typedef enum forge_line_member_t {
    FORGE_LINE_TS,
    FORGE_LINE_LEVEL,
    FORGE_LINE_SEVERITY, /* the level as a number */
    FORGE_LINE_MSG,
    FORGE_LINE_EVENT,
    FORGE_LINE_TRACE,
    FORGE_LINE_SPAN,
    FORGE_LINE_LOG, /* which log the line is of */
    FORGE_LINE_REQUEST,
    FORGE_LINE_USER,
    FORGE_LINE_ROUTE,
    FORGE_LINE_METHOD,
    FORGE_LINE_PATH,
    FORGE_LINE_STATUS,
    FORGE_LINE_DURATION,
    FORGE_LINE_BYTES,
    FORGE_LINE_CLIENT,
    FORGE_LINE_ACTOR,
    FORGE_LINE_SUBJECT,
    FORGE_LINE_IP,
    FORGE_LINE_DETAIL,
    FORGE_LINE_SERVER,
    FORGE_LINE_SERVICE,
    FORGE_LINE_ENVIRONMENT,
    FORGE_LINE_SCHEMA,
    FORGE_LINE_MEMBERS
} forge_line_member_t;

typedef struct forge_line_value_t {
    enum { FORGE_LINE_ABSENT, FORGE_LINE_NULL, FORGE_LINE_TEXT, FORGE_LINE_NUMBER, FORGE_LINE_TREE } kind;
    const char *text;
    apr_size_t len;
    apr_int64_t number; /* also microseconds, of TS since the epoch */
    const forge_json_t *tree;
} forge_line_value_t;

typedef struct forge_line_t {
    forge_line_value_t values[FORGE_LINE_MEMBERS];
} forge_line_t;

/* A new line of a log ("forge.access"), which says where it comes from and nothing else. */
forge_line_t *forge_core_line_make(apr_pool_t *p, const char *log, const char *environment);
void forge_core_line_level(forge_line_t *line, forge_line_level_t level);
/* At most `max` bytes of the text, which may be any bytes; NULL is the value null. The text must stay. */
void forge_core_line_text(forge_line_t *line, forge_line_member_t member, const char *text, apr_size_t max);
void forge_core_line_number(forge_line_t *line, forge_line_member_t member, apr_int64_t number);
void forge_core_line_null(forge_line_t *line, forge_line_member_t member);
/* NULL is null, too. The tree must stay. */
void forge_core_line_tree(forge_line_t *line, forge_line_member_t member, const forge_json_t *tree);
/* Appends the line with its end. Members without a value are left out; null is written by JSON only. */
void forge_core_line_write(forge_buf_t *b, apr_pool_t *p, const forge_line_t *line, forge_line_format_t format);

#endif
