/* SPDX-License-Identifier: Apache-2.0
 * ForgeAuditLog: one JSON line for each committed security event. The table forge.audit_events is the authoritative
 * record; this log is for programs that watch many servers.
 */
#include "server_private.h"
#include "store/store.h"

#include <httpd.h>
#include <string.h>

#define EVENTS_MAX (1024 * 1024) /* bytes of a line before its length is checked */

static void add(forge_buf_t *b, const char *name, const forge_json_t *value)
{
    forge_util_buf_printf(b, ",\"%s\":", name);
    if (value)
        forge_util_json_write(b, value);
    else
        forge_util_buf_puts(b, "null");
}

/* The database's time of an event, in the format of our logs. */
static const char *time_of(apr_pool_t *p, const forge_json_t *event)
{
    apr_size_t len;
    apr_time_t t;
    const char *at = forge_util_json_text(forge_util_json_get(event, "at"), &len);
    return forge_util_time(p, at && forge_util_time_parse(at, len, &t) ? t : apr_time_now(), 3);
}

static void compose(forge_buf_t *b, apr_pool_t *p, const forge_server_t *server, const forge_json_t *event,
                    bool with_detail)
{
    static const char *const members[] = {"event", "actor_id", "subject_id", "ip", "request_id", NULL};
    const char *host = server->s->server_hostname ? server->s->server_hostname : "";
    forge_util_buf_printf(b, "{\"ts\":\"%s\",\"level\":\"audit\"", time_of(p, event));
    for (const char *const *name = members; *name; name++)
        add(b, *name, forge_util_json_get(event, *name));
    if (with_detail)
        add(b, "detail", forge_util_json_get(event, "detail"));
    else
        forge_util_buf_puts(b, ",\"detail\":{\"truncated\":true}");
    forge_util_buf_puts(b, ",\"server\":");
    forge_util_buf_json(b, host, strlen(host));
    forge_util_buf_puts(b, "}\n");
}

/* Leaves out a detail that is too long, because a line must reach a pipe in one piece. The table has the whole detail.
 */
static void write_event(apr_pool_t *p, const forge_server_t *server, const forge_json_t *event)
{
    forge_buf_t *b = forge_util_buf_make(p, 512, EVENTS_MAX);
    compose(b, p, server, event, true);
    if (b->failed || b->len > FORGE_LOG_LINE_MAX) {
        b = forge_util_buf_make(p, 512, FORGE_LOG_LINE_MAX);
        compose(b, p, server, event, false);
    }
    forge_server_log_write(server->audit, server->s, b);
}

void forge_server_audit_write(const forge_server_t *server, const forge_effects_t *effects)
{
    apr_pool_t *p;
    const char *why;
    if (!server->audit || effects->audit->nelts == 0)
        return;
    apr_pool_create(&p, effects->audit->pool);
    for (int i = 0; i < effects->audit->nelts; i++) {
        const char *text = APR_ARRAY_IDX(effects->audit, i, const char *);
        const forge_json_t *events = forge_util_json_parse(p, text, strlen(text), &why);
        for (apr_size_t n = 0; n < forge_util_json_size(events); n++)
            write_event(p, server, forge_util_json_at(events, n));
    }
    apr_pool_destroy(p);
}
