/* SPDX-License-Identifier: Apache-2.0
 * A line as the API says it, and whether a reader asked for it.
 */
#include "logs.h"

#include <string.h>

/* `text` is in lower case; letters beyond ASCII are as they are. */
static bool holds(const char *within, const char *text)
{
    apr_size_t n = strlen(text);
    for (; within && *within; within++)
        if (forge_util_lower(*within) == *text && apr_cstr_casecmpn(within, text, n) == 0)
            return true;
    return false;
}

bool forge_core_log_matches(const forge_log_query_t *query, const forge_log_entry_t *entry)
{
    if (entry->level < query->level || (query->since && entry->at && entry->at < query->since))
        return false;
    return !query->text || holds(entry->msg, query->text) || holds(entry->request_id, query->text) ||
           holds(entry->trace_id, query->text) || holds(entry->route, query->text);
}

static void put_text(forge_buf_t *b, const char *name, const char *text)
{
    if (!text)
        return;
    forge_util_buf_printf(b, ",\"%s\":", name);
    forge_util_buf_json(b, text, strlen(text));
}

static void put_number(forge_buf_t *b, const char *name, apr_int64_t n)
{
    if (n)
        forge_util_buf_printf(b, ",\"%s\":%" APR_INT64_T_FMT, name, n);
}

void forge_core_log_write(forge_buf_t *b, apr_pool_t *p, const char *service, const forge_log_entry_t *entry)
{
    if (entry->at)
        forge_util_buf_printf(b, "\"ts\":\"%s\"", forge_util_time(p, entry->at, 6));
    else
        forge_util_buf_puts(b, "\"ts\":null");
    put_text(b, "level", forge_core_log_levels[entry->level]);
    put_text(b, "service", service);
    put_text(b, "msg", entry->msg);
    put_text(b, "request_id", entry->request_id);
    put_text(b, "trace_id", entry->trace_id);
    put_number(b, "user_id", entry->user_id);
    put_text(b, "route", entry->route);
    put_number(b, "status", entry->status);
    if (entry->duration_ms >= 0 && entry->duration_ms < 1e12) {
        apr_int64_t micros = (apr_int64_t)(entry->duration_ms * 1000 + 0.5); /* no comma of another locale's */
        forge_util_buf_printf(b, ",\"duration_ms\":%" APR_INT64_T_FMT ".%03d", micros / 1000, (int)(micros % 1000));
    }
    forge_util_buf_puts(b, "}");
}
