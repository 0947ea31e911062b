/* SPDX-License-Identifier: Apache-2.0
 * What a line of a log says, by its format. A format that was guessed is guessed anew for each line: an error log also
 * holds what programs wrote to their standard error.
 */
#include "logs.h"

#include <apr_strings.h>
#include <string.h>

#define HEAD_MAX 512 /* bytes at the beginning of a line in which its format shows */

/* What PostgreSQL says beside a message, with the prefix of a line. */
static const char *const beside[] = {"DETAIL", "HINT", "QUERY", "CONTEXT", "LOCATION", "STATEMENT", "BACKTRACE"};

/* --- which format a line has --- */

/* The "[28/Nov/2026:…" of httpd's access log, behind three words. */
static const char *access_stamp(const char *line)
{
    const char *at = strstr(line, " [");
    apr_time_t t;
    return at && forge_core_log_time_access(at + 2, &t) ? at + 2 : NULL;
}

static forge_log_format_t format_of(const char *head)
{
    apr_time_t t;
    if (*head == '{')
        return FORGE_LOG_JSON;
    if (*head == '[' && forge_core_log_time_apache(head + 1, &t))
        return FORGE_LOG_APACHE;
    if (forge_core_log_time_postgres(head, &t))
        return FORGE_LOG_POSTGRES;
    return access_stamp(head) ? FORGE_LOG_APACHE : FORGE_LOG_PLAIN;
}

static const char *head_of(char head[HEAD_MAX], const char *line, apr_size_t len)
{
    return apr_cpystrn(head, line, len + 1 < HEAD_MAX ? len + 1 : HEAD_MAX) ? head : "";
}

/* --- PostgreSQL --- */

/* "WORD:  " behind a blank, the first one. Returns where the word begins; NULL without. */
static const char *tag_of(const char *line, apr_size_t *len)
{
    for (const char *at = line; (at = strstr(at, ":  ")); at++) {
        const char *begin = at;
        while (begin > line && (forge_util_is_upper(begin[-1]) || forge_util_is_digit(begin[-1])))
            begin--;
        *len = (apr_size_t)(at - begin);
        if (*len >= 3 && begin > line && begin[-1] == ' ')
            return begin;
    }
    return NULL;
}

static bool is_beside(const char *tag, apr_size_t len)
{
    for (apr_size_t i = 0; i < sizeof(beside) / sizeof(*beside); i++)
        if (strlen(beside[i]) == len && strncmp(beside[i], tag, len) == 0)
            return true;
    return false;
}

bool forge_core_log_continues(forge_log_format_t format, const char *line, apr_size_t len)
{
    char head[HEAD_MAX];
    apr_size_t tag_len = 0;
    apr_time_t t;
    if (format == FORGE_LOG_JSON || len == 0)
        return false;
    if (*line == '\t' || *line == ' ')
        return true;
    head_of(head, line, len);
    if ((format != FORGE_LOG_GUESS && format != FORGE_LOG_POSTGRES) || !forge_core_log_time_postgres(head, &t))
        return false;
    const char *tag = tag_of(head, &tag_len);
    return tag && is_beside(tag, tag_len);
}

/* The prefix of the line is left out: it says time, process and names, and the message what happened. */
static void parse_postgres(const char *line, forge_log_entry_t *entry)
{
    apr_size_t len = 0;
    const char *tag = tag_of(line, &len);
    forge_core_log_time_postgres(line, &entry->at);
    if (tag && forge_core_log_level(tag, len, &entry->level))
        entry->msg = tag + len + 3;
}

/* --- httpd --- */

/* The id that our own lines end with: "… [request 01JD…]". */
static void take_request(apr_pool_t *p, forge_log_entry_t *entry)
{
    static const char mark[] = " [request ";
    const char *found = NULL;
    for (const char *at = entry->msg; (at = strstr(at, mark)); at++)
        found = at + strlen(mark);
    apr_size_t len = found ? strcspn(found, "] ") : 0;
    if (len > 0 && len <= FORGE_REQUEST_ID_MAX && found[len] == ']')
        entry->request_id = apr_pstrmemdup(p, found, len);
}

/* "[Sat Nov 28 17:50:21.123456 2026] [forge:info] [pid 7:tid 9] [client …] message". */
static void parse_error_log(apr_pool_t *p, const char *line, forge_log_entry_t *entry)
{
    forge_core_log_time_apache(line + 1, &entry->at);
    const char *at = strstr(line, "] ");
    for (int i = 0; at && at[2] == '[' && i < 2; i++) {
        const char *colon = strchr(at + 3, ':'), *end = strchr(at + 3, ']');
        const char *name = colon && end && colon < end ? colon + 1 : at + 3;
        if (!end || end[1] != ' ')
            break;
        if (i == 0)
            forge_core_log_level(name, (apr_size_t)(end - name), &entry->level);
        at = end;
    }
    entry->msg = at ? at + 2 : line;
    take_request(p, entry);
}

/* host ident user [time] "request" status bytes … */
static void parse_access_log(apr_pool_t *p, const char *line, const char *stamp, forge_log_entry_t *entry)
{
    forge_core_log_time_access(stamp, &entry->at);
    const char *end = strchr(stamp, ']'), *quote = end ? strstr(end, "\" ") : NULL;
    apr_int64_t status = 0;
    if (quote && forge_util_atoi(quote + 2, strspn(quote + 2, "0123456789"), &status) && status >= 100 && status < 600)
        entry->status = status;
    if (entry->status >= 400)
        entry->level = entry->status >= 500 ? FORGE_LOG_ERROR : FORGE_LOG_WARN;
    if (end)
        entry->msg =
            apr_pstrcat(p, apr_pstrmemdup(p, line, (apr_size_t)(stamp - 1 - line)), end + strspn(end, "] "), NULL);
}

/* --- any line --- */

static void parse_text(apr_pool_t *p, forge_log_format_t format, const char *text, forge_log_entry_t *entry)
{
    char head[HEAD_MAX];
    forge_log_format_t shown = format_of(head_of(head, text, strlen(text)));
    const char *stamp = shown == FORGE_LOG_APACHE && *text != '[' ? access_stamp(text) : NULL;
    entry->msg = text;
    if (format != FORGE_LOG_GUESS && format != shown)
        return; /* it is not what it should be: shown as it is */
    if (shown == FORGE_LOG_POSTGRES)
        parse_postgres(text, entry);
    else if (shown == FORGE_LOG_APACHE && stamp)
        parse_access_log(p, text, stamp, entry);
    else if (shown == FORGE_LOG_APACHE)
        parse_error_log(p, text, entry);
}

static void add_more(apr_pool_t *p, const char *more, forge_log_entry_t *entry)
{
    const char *whole = apr_pstrcat(p, entry->msg, "\n", forge_core_log_clean(p, more, strlen(more)), NULL);
    apr_size_t len = strlen(whole);
    entry->msg = len > FORGE_LOG_CUT ? forge_core_log_clean(p, whole, len) : whole;
}

/* The part of a line that goes on which is of the message: without the tab, and without PostgreSQL's prefix. */
static const char *more_of(apr_pool_t *p, const char *more)
{
    char *state, *all = apr_pstrdup(p, more);
    const char *kept = NULL;
    for (char *line = apr_strtok(all, "\n", &state); line; line = apr_strtok(NULL, "\n", &state)) {
        apr_size_t len = 0;
        apr_time_t t;
        const char *tag = forge_core_log_time_postgres(line, &t) ? tag_of(line, &len) : NULL;
        const char *part = tag && is_beside(tag, len) ? tag : *line == '\t' ? line + 1 : line;
        kept = kept ? apr_pstrcat(p, kept, "\n", part, NULL) : part;
    }
    return kept;
}

void forge_core_log_parse(apr_pool_t *p, forge_log_format_t format, const char *line, apr_size_t len, const char *more,
                          forge_log_entry_t *entry)
{
    *entry = (forge_log_entry_t){.level = FORGE_LOG_INFO, .msg = "", .duration_ms = -1};
    bool json = (format == FORGE_LOG_GUESS || format == FORGE_LOG_JSON) && len > 0 && *line == '{';
    if (!json || !forge_core_log_json(p, line, len, entry))
        parse_text(p, format == FORGE_LOG_JSON ? FORGE_LOG_PLAIN : format, forge_core_log_clean(p, line, len), entry);
    if (more && *more && (more = more_of(p, more)))
        add_more(p, more, entry);
}
