/* SPDX-License-Identifier: Apache-2.0
 * ForgeEventLog: one line for each committed business event, from the level of LogLevel forge on. What the audit log
 * also has comes from there (column _audit), the rest is noted by store/ (forge_store_event).
 */
#include "server_private.h"
#include "store/store.h"

#include <httpd.h>
#include <http_log.h>
#include <apr_strings.h>
#include <string.h>

APLOG_USE_MODULE(forge);

#define MSG_MAX  200 /* bytes of a sentence */
#define HOST_MAX 255 /* of ServerName */

typedef struct event_t {
    const char *name;
    forge_line_level_t level;
    const char *sentence;
} event_t;

/* Every event, by the family of its name. An audit event that is not here is none of business. */
static const event_t known[] = {
    /* clang-format off */
    {"user.registered",      FORGE_LINE_INFO,  "an account was registered"},
    {"admin.user_created",   FORGE_LINE_INFO,  "an administrator made an account"},
    {"guest.created",        FORGE_LINE_DEBUG, "a guest came"},
    {"guest.converted",      FORGE_LINE_INFO,  "a guest became an account"},
    {"user.deactivated",     FORGE_LINE_INFO,  "an account was closed"},
    {"organization.created", FORGE_LINE_INFO,  "an organisation was made"},
    {"organization.deleted", FORGE_LINE_INFO,  "an organisation was deleted"},
    {"member.added",         FORGE_LINE_INFO,  "an organisation got a member"},
    {"member.left",          FORGE_LINE_INFO,  "a member left an organisation"},
    {"invitation.created",   FORGE_LINE_DEBUG, "an organisation invited somebody"},
    {"invitation.accepted",  FORGE_LINE_INFO,  "an invitation was accepted"},
    {"course.created",       FORGE_LINE_INFO,  "a course was made"},
    {"course.published",     FORGE_LINE_INFO,  "a course was published"},
    {"course.deleted",       FORGE_LINE_INFO,  "a course was deleted"},
    {"course.completed",     FORGE_LINE_INFO,  "somebody completed a course"},
    {"enrollment.created",   FORGE_LINE_INFO,  "somebody was enrolled in a course"},
    {"enrollment.deleted",   FORGE_LINE_INFO,  "somebody left a course"},
    {"lesson.completed",     FORGE_LINE_DEBUG, "somebody completed a lesson"},
    {"exercise.created",     FORGE_LINE_INFO,  "an exercise was made"},
    {"exercise.solved",      FORGE_LINE_INFO,  "somebody solved an exercise"},
    {"exercise.attempted",   FORGE_LINE_DEBUG, "somebody tried an exercise"},
    {"exercise.completed",   FORGE_LINE_DEBUG, "somebody ticked off an exercise"},
    {"assignment.submitted", FORGE_LINE_INFO,  "somebody handed in an assignment"},
    {"grade.given",          FORGE_LINE_INFO,  "a submission was graded"},
    {"grade.changed",        FORGE_LINE_INFO,  "a grade was changed"},
    {"achievement.awarded",  FORGE_LINE_INFO,  "somebody was awarded an achievement"},
    {"file.uploaded",        FORGE_LINE_INFO,  "a file was uploaded"},
    {"analysis.requested",   FORGE_LINE_DEBUG, "an analysis was asked for"},
    {"analysis.finished",    FORGE_LINE_INFO,  "an analysis is done"},
    {"analysis.failed",      FORGE_LINE_WARN,  "an analysis failed"},
    {"question.answered",    FORGE_LINE_DEBUG, "a question about an analysis was answered"},
    {"question.unanswered",  FORGE_LINE_DEBUG, "a question about an analysis found no answer"},
    /* clang-format on */
};

static bool wanted(const forge_server_t *server, forge_line_level_t level)
{
    return level == FORGE_LINE_DEBUG  ? APLOGdebug(server->s)
           : level == FORGE_LINE_INFO ? APLOGinfo(server->s)
                                      : APLOG_IS_LEVEL(server->s, APLOG_WARNING);
}

/* The row of a name, if events of its level are wanted here. */
static const event_t *row_of(const forge_server_t *server, const char *name)
{
    for (size_t i = 0; name && i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(known[i].name, name) == 0)
            return wanted(server, known[i].level) ? &known[i] : NULL;
    return NULL;
}

static forge_line_t *begin(apr_pool_t *p, const forge_server_t *server, const event_t *row, const forge_note_t *note)
{
    const char *host = server->s->server_hostname ? server->s->server_hostname : "";
    forge_line_t *line = forge_core_line_make(p, "forge.event", forge_config_environment(server->config));
    if (note)
        forge_server_line_note(line, note);
    forge_core_line_number(line, FORGE_LINE_TS, apr_time_now());
    forge_core_line_level(line, row->level);
    forge_core_line_text(line, FORGE_LINE_MSG, row->sentence, MSG_MAX);
    forge_core_line_text(line, FORGE_LINE_EVENT, row->name, MSG_MAX);
    forge_core_line_text(line, FORGE_LINE_SERVER, host, HOST_MAX);
    return line;
}

/* Numbers and roles. Names and addresses of people are for the audit log. */
static bool keep_number(void *kept, const char *name, forge_json_t *value)
{
    apr_int64_t number;
    if (forge_util_json_int(value, &number))
        forge_util_json_put_int(kept, name, number);
    else if (strcmp(name, "role") == 0)
        forge_util_json_put_text(kept, name, forge_util_json_text(value, NULL));
    return true;
}

static void write_audited(apr_pool_t *p, const forge_server_t *server, const forge_json_t *event,
                          const forge_note_t *note)
{
    const event_t *row = row_of(server, forge_util_json_text(forge_util_json_get(event, "event"), NULL));
    if (!row)
        return;
    forge_line_t *line = begin(p, server, row, note);
    forge_core_line_tree(line, FORGE_LINE_USER, forge_util_json_get(event, "actor_id"));
    forge_core_line_tree(line, FORGE_LINE_SUBJECT, forge_util_json_get(event, "subject_id"));
    forge_json_t *detail = forge_util_json_object(p);
    forge_util_json_each(forge_util_json_get(event, "detail"), keep_number, detail);
    forge_core_line_tree(line, FORGE_LINE_DETAIL, detail);
    forge_server_log_line(server->events, server, p, line);
}

static void write_event(apr_pool_t *p, const forge_server_t *server, const forge_event_t *event,
                        const forge_note_t *note)
{
    const event_t *row = row_of(server, event->name);
    if (!row)
        return;
    forge_line_t *line = begin(p, server, row, note);
    forge_json_t *detail = forge_util_json_object(p);
    for (size_t i = 0; i < sizeof(event->detail) / sizeof(*event->detail) && event->detail[i].name; i++)
        if (event->detail[i].text)
            forge_util_json_put_text(detail, event->detail[i].name, event->detail[i].text);
        else
            forge_util_json_put_int(detail, event->detail[i].name, event->detail[i].number);
    if (event->user_id)
        forge_core_line_number(line, FORGE_LINE_USER, event->user_id);
    forge_core_line_tree(line, FORGE_LINE_DETAIL, detail);
    forge_server_log_line(server->events, server, p, line);
}

void forge_server_events_write(const forge_server_t *server, const forge_effects_t *effects, const forge_note_t *note)
{
    apr_pool_t *p;
    const char *why;
    if (!server->events || effects->audit->nelts + effects->events->nelts == 0)
        return;
    apr_pool_create(&p, effects->events->pool);
    for (int i = 0; i < effects->audit->nelts; i++) {
        const char *text = APR_ARRAY_IDX(effects->audit, i, const char *);
        const forge_json_t *list = forge_util_json_parse(p, text, strlen(text), &why);
        for (apr_size_t n = 0; n < forge_util_json_size(list); n++)
            write_audited(p, server, forge_util_json_at(list, n), note);
    }
    for (int i = 0; i < effects->events->nelts; i++)
        write_event(p, server, &APR_ARRAY_IDX(effects->events, i, forge_event_t), note);
    apr_pool_destroy(p);
}
