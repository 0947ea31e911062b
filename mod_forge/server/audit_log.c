/* SPDX-License-Identifier: Apache-2.0
 * ForgeAuditLog: one line for each committed security event. The table forge.audit_events is the authoritative
 * record; this log is for programs that watch many servers.
 */
#include "server_private.h"
#include "store/store.h"

#include <httpd.h>
#include <apr_strings.h>
#include <string.h>

#define MSG_MAX  200 /* bytes of a sentence */
#define HOST_MAX 255 /* of ServerName */

/* The database's time of an event. */
static apr_time_t time_of(const forge_json_t *event)
{
    apr_size_t len;
    apr_time_t t;
    const char *at = forge_util_json_text(forge_util_json_get(event, "at"), &len);
    return at && forge_util_time_parse(at, len, &t) ? t : apr_time_now();
}

/* "user.role_changed of account 7 by account 1" */
static const char *sentence(apr_pool_t *p, const forge_json_t *event)
{
    apr_int64_t id;
    const char *text = forge_util_json_text(forge_util_json_get(event, "event"), NULL);
    if (forge_util_json_int(forge_util_json_get(event, "subject_id"), &id))
        text = apr_psprintf(p, "%s of account %" APR_INT64_T_FMT, text, id);
    if (forge_util_json_int(forge_util_json_get(event, "actor_id"), &id))
        text = apr_psprintf(p, "%s by account %" APR_INT64_T_FMT, text, id);
    return text;
}

/* The actor is the user, except where nobody is known to act: what was tried at an account is not its owner's doing. */
static void write_event(apr_pool_t *p, const forge_server_t *server, const forge_json_t *event,
                        const forge_note_t *note)
{
    static const struct {
        const char *name;
        forge_line_member_t member;
    } members[] = {{"event", FORGE_LINE_EVENT},   {"actor_id", FORGE_LINE_ACTOR},
                   {"actor_id", FORGE_LINE_USER}, {"subject_id", FORGE_LINE_SUBJECT},
                   {"ip", FORGE_LINE_IP},         {"request_id", FORGE_LINE_REQUEST},
                   {"detail", FORGE_LINE_DETAIL}};
    const char *host = server->s->server_hostname ? server->s->server_hostname : "";
    forge_line_t *line = forge_core_line_make(p, "forge.audit", forge_config_environment(server->config));
    if (note)
        forge_server_line_note(line, note);
    forge_core_line_number(line, FORGE_LINE_TS, time_of(event));
    forge_core_line_level(line, FORGE_LINE_AUDIT);
    forge_core_line_text(line, FORGE_LINE_MSG, sentence(p, event), MSG_MAX);
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
        forge_core_line_tree(line, members[i].member, forge_util_json_get(event, members[i].name));
    forge_core_line_text(line, FORGE_LINE_SERVER, host, HOST_MAX);
    forge_server_log_line(server->audit, server, p, line);
}

void forge_server_audit_write(const forge_server_t *server, const forge_effects_t *effects, const forge_note_t *note)
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
            write_event(p, server, forge_util_json_at(events, n), note);
    }
    apr_pool_destroy(p);
}
