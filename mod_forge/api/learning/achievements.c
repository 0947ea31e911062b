/* SPDX-License-Identifier: Apache-2.0
 * /achievements: what can be earned. Anyone reads the list. Instructors make achievements, and only the maker or an
 * administrator changes one.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "store/learning/learning.h"
#include "api/shared.h"

#include <apr_strings.h>
#include <string.h>

/* clang-format off */
static const forge_field_t rule_fields[] = {
    {"event", FORGE_T_TEXT, FORGE_F_REQUIRED, .format = "enum:course_completed|exercise_completed|points|streak",
     .named = "AchievementEvent",
     .example = "exercise_completed", .help = "what is counted: courses, exercises, points, or days in a row"},
    {"count", FORGE_T_INT, FORGE_F_REQUIRED, 1, 1000000000, .example = "10", .help = "how many earn it"},
    {"course_id", FORGE_T_INT, FORGE_F_NULLABLE, .min = 1, .example = "null",
     .help = "only in this course; null: in all together. Not with streak"},
    {.name = NULL},
};

static const forge_field_t achievement_fields[] = {
    {"id", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "4", .help = "number of the achievement"},
    {"name", FORGE_T_TEXT, FORGE_F_REQUIRED, 1, 100, .format = "line", .example = "First steps", .help = "unique name"},
    {"description", FORGE_T_TEXT, .max = 2000, .preset = "", .example = "Finished a first exercise.",
     .help = "how it is earned"},
    {"points", FORGE_T_INT, .max = 1000000, .preset = "0", .example = "10", .help = "points that it is worth"},
    {"icon", FORGE_T_TEXT, FORGE_F_NULLABLE, .max = 64, .format = "line", .example = "🏅",
     .help = "any Unicode text, an emoji for instance"},
    {"rule", FORGE_T_OBJECT, FORGE_F_NULLABLE, .fields = rule_fields, .named = "AchievementRule",
     .help = "when it is awarded by itself; null: only by hand. Who has met a new rule already gets it with the next "
         "progress"},
    {"version", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "1",
     .help = "grows with each change; the ETag is made from it"},
    {"created_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was created"},
    {"updated_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was last changed"},
    {.name = NULL},
};
static const forge_shape_t achievement = {"Achievement", achievement_fields};
/* clang-format on */

static const forge_status_t create_errors[] = {FORGE_E_NAME_TAKEN, FORGE_E_BAD_REFERENCE, FORGE_OK};
static const forge_status_t change_errors[] = {FORGE_E_NOT_OWNER, FORGE_E_NAME_TAKEN, FORGE_E_BAD_REFERENCE, FORGE_OK};
static const forge_status_t delete_errors[] = {FORGE_E_NOT_OWNER, FORGE_OK};

/* The rule as the text of JSON, or NULL. */
static const char *rule_text(apr_pool_t *p, const forge_json_t *rule)
{
    if (!rule)
        return NULL;
    forge_buf_t *b = forge_util_buf_make(p, 128, 64 * 1024);
    forge_util_json_write(b, rule);
    return apr_pstrmemdup(p, b->data, b->len);
}

/* A streak is nobody's course's, and a course is completed once: other rules could never be met. */
static forge_status_t rule_check(forge_req_t *q)
{
    apr_size_t len;
    apr_int64_t course, count = 0;
    const forge_json_t *rule = forge_core_input_json_value(q->body, "rule");
    const char *event = rule ? forge_util_json_text(forge_util_json_get(rule, "event"), &len) : NULL;
    if (!event || !forge_util_json_int(forge_util_json_get(rule, "course_id"), &course))
        return FORGE_OK;
    forge_util_json_int(forge_util_json_get(rule, "count"), &count);
    if (strcmp(event, "streak") == 0)
        return forge_fail_field(q, FORGE_E_VALIDATION, "/rule/course_id", "conflict", "a streak is of all courses");
    if (strcmp(event, "course_completed") == 0 && count != 1)
        return forge_fail_field(q, FORGE_E_VALIDATION, "/rule/count", "out_of_range", "a course is completed once");
    return FORGE_OK;
}

/* Whether the course of the rule is one that the caller sees. */
static forge_status_t blamed(forge_req_t *q, forge_status_t status)
{
    return status == FORGE_E_BAD_REFERENCE
               ? forge_fail_field(q, status, "/rule/course_id", "unknown", "there is no such course")
               : status;
}

static forge_achievement_in_t achievement_read(apr_pool_t *p, const forge_input_t *in)
{
    return (forge_achievement_in_t){
        .name = forge_core_input_text(in, "name"),
        .description = forge_core_input_text(in, "description"),
        .points = forge_core_input_text(in, "points"),
        .icon = forge_core_input_text(in, "icon"),
        .rule = rule_text(p, forge_core_input_json_value(in, "rule")),
    };
}

static forge_status_t achievement_list(forge_req_t *q)
{
    return forge_api_list(q, FORGE_NO_ARGS);
}

static forge_status_t achievement_create(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    forge_achievement_in_t in = achievement_read(q->pool, q->body);
    FORGE_TRY(rule_check(q));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(blamed(q, forge_store_achievement_create(db, q->pool, &by, &in, &rows)));
    return forge_reply_created(q, rows, "/api/v1/achievements");
}

static forge_status_t achievement_read_one(forge_req_t *q, apr_int64_t id)
{
    forge_db_t *db;
    forge_rows_t *rows;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_achievement_get(db, q->pool, id, &rows));
    return forge_reply_row(q, rows);
}

static forge_status_t achievement_get(forge_req_t *q)
{
    return achievement_read_one(q, q->ids[0]);
}

static forge_status_t achievement_again(forge_req_t *q)
{
    return achievement_read_one(q, q->made);
}

static forge_status_t achievement_replace(forge_req_t *q)
{
    static const char *const members[] = {"name", "description", "points", "icon", "rule", NULL};
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const forge_patch_t patch = forge_api_patch(q, members);
    FORGE_TRY(rule_check(q));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(blamed(q, forge_store_achievement_update(db, q->pool, &by, q->ids[0], &patch, &rows)));
    return forge_reply_row(q, rows);
}

static forge_status_t achievement_delete(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_achievement_delete(db, q->pool, &by, q->ids[0], q->if_version));
    return forge_reply_none(q);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/achievements", FORGE_ROLE_NONE, .flags = FORGE_R_LIST | FORGE_R_PUBLIC,
     .reads = FORGE_READS_ACHIEVEMENTS,
     .list = &forge_store_achievements_list, .reply = &achievement, .handle = achievement_list,
     .operation = "achievement_list", .summary = "List achievements", .description = "Open to anyone."},
    {FORGE_POST, "/achievements", FORGE_ROLE_INSTRUCTOR, .flags = FORGE_R_IDEMPOTENT, .success = 201,
     .body = &achievement, .reply = &achievement, .errors = create_errors, .handle = achievement_create,
     .again = achievement_again,
     .operation = "achievement_create", .summary = "Create an achievement",
     .description = "For instructors and administrators."},
    {FORGE_GET, "/achievements/{id}", FORGE_ROLE_NONE, .flags = FORGE_R_ETAG | FORGE_R_PUBLIC,
     .reads = FORGE_READS_ACHIEVEMENTS, .reply = &achievement,
     .handle = achievement_get, .operation = "achievement_get", .summary = "Read one achievement",
     .description = "Open to anyone."},
    {FORGE_PUT, "/achievements/{id}", FORGE_ROLE_INSTRUCTOR, .flags = FORGE_R_ETAG, .body = &achievement,
     .reply = &achievement, .errors = change_errors, .handle = achievement_replace,
     .operation = "achievement_replace", .summary = "Replace an achievement",
     .description = "For the instructor who made it, and administrators. Members that are not sent get their "
         "defaults."},
    {FORGE_DELETE, "/achievements/{id}", FORGE_ROLE_INSTRUCTOR, .flags = FORGE_R_ETAG, .success = 204,
     .errors = delete_errors, .handle = achievement_delete,
     .operation = "achievement_delete", .summary = "Delete an achievement",
     .description = "For the instructor who made it, and administrators. Deletes its awards too. This cannot be "
         "undone."},
};
/* clang-format on */

const forge_routes_t forge_api_achievements = FORGE_API_ROUTES(routes, &forge_api_tag_achievements);
