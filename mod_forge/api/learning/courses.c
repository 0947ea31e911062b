/* SPDX-License-Identifier: Apache-2.0
 * /courses: the catalogue. Anyone reads what is published; its owner or an administrator changes it.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "store/learning/learning.h"
#include "api/shared.h"
#include "learning.h"

#include <string.h>

#define DIFFICULTIES "enum:beginner|intermediate|advanced"

/* clang-format off */
const forge_field_t forge_api_course_texts[] = {
    {"title", FORGE_T_TEXT, FORGE_F_REQUIRED, 1, 200, .format = "line", .example = "Graphs and trees", .help = "title"},
    {"description", FORGE_T_TEXT, .max = 20000, .preset = "", .example = "From paths to spanning trees.",
     .help = "what it is about"},
    {"difficulty", FORGE_T_TEXT, .format = DIFFICULTIES, .named = "Difficulty", .preset = "beginner",
     .example = "intermediate",
     .help = "level"},
    {"status", FORGE_T_TEXT, .format = "enum:published|draft", .named = "CourseStatus", .preset = "published",
     .example = "published",
     .help = "only its owner sees a draft"},
    {"timezone", FORGE_T_TEXT, 0, 1, 64, .format = "line", .preset = "UTC", .example = "Europe/Vienna",
     .help = "IANA time zone of its dates"},
    {.name = NULL},
};

static const forge_field_t course_fields[] = {
    {"id", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "12", .help = "number of the course"},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_course_texts},
    {"instructor_id", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "2", .help = "account that owns it"},
    {"organization_id", FORGE_T_INT, FORGE_F_NULLABLE, .min = 1, .example = "null",
     .help = "only members of this organisation see the course; null: everybody sees it"},
    {"version", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "1",
     .help = "grows with each change; the ETag is made from it"},
    {"created_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was created"},
    {"updated_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was last changed"},
    {.name = NULL},
};
const forge_shape_t forge_api_course = {"Course", course_fields};

static const forge_field_t course_query_fields[] = {
    {"q", FORGE_T_TEXT, 0, 1, 200, .format = "search", .example = "graphs", .help = "words in title or description"},
    {"difficulty", FORGE_T_TEXT, .format = DIFFICULTIES, .named = "Difficulty", .example = "beginner",
     .help = "only this level"},
    {"instructor_id", FORGE_T_INT, .min = 1, .example = "2", .help = "only courses of this account"},
    {"organization_id", FORGE_T_INT, .min = 1, .example = "3", .help = "only courses of this organisation"},
    {.name = NULL},
};
static const forge_shape_t course_query = {.fields = course_query_fields};
/* clang-format on */

static const forge_status_t create_errors[] = {FORGE_E_FORBIDDEN, FORGE_E_BAD_REFERENCE, FORGE_OK};
static const forge_status_t change_errors[] = {FORGE_E_NOT_OWNER, FORGE_E_BAD_REFERENCE, FORGE_OK};
static const forge_status_t delete_errors[] = {FORGE_E_NOT_OWNER, FORGE_OK};

static forge_course_in_t course_read(const forge_input_t *in)
{
    return (forge_course_in_t){
        .title = forge_core_input_text(in, "title"),
        .description = forge_core_input_text(in, "description"),
        .difficulty = forge_core_input_text(in, "difficulty"),
        .status = forge_core_input_text(in, "status"),
        .organization_id = forge_core_input_text(in, "organization_id"),
        .timezone = forge_core_input_text(in, "timezone"),
    };
}

static forge_status_t course_list(forge_req_t *q)
{
    const forge_actor_t by = forge_api_actor(q);
    const forge_list_t *list = forge_store_courses_seen(&by);
    const forge_args_t caller = FORGE_ARGS(forge_util_itoa(q->pool, by.id));
    return forge_api_list_other(q, list, list->base_args ? caller : FORGE_NO_ARGS);
}

forge_status_t forge_api_course_may_create(forge_req_t *q)
{
    if (q->who.role < FORGE_ROLE_INSTRUCTOR && !forge_config_any_creates_courses(q->config))
        return forge_fail_detail(q, FORGE_E_FORBIDDEN, "only instructors may create courses on this site");
    return FORGE_OK;
}

/* What the field table cannot say. */
static forge_status_t check_zone(forge_req_t *q)
{
    FORGE_TRY(forge_api_zone_check(q, "/timezone", forge_core_input_text(q->body, "timezone")));
    return forge_core_faults_count(q->faults) > 0 ? forge_fail_faults(q, FORGE_E_VALIDATION, q->faults) : FORGE_OK;
}

/* Whoever is no member learns nothing of an organisation, not even that it exists. */
static forge_status_t blamed(forge_req_t *q, forge_status_t status)
{
    return status == FORGE_E_BAD_REFERENCE ? forge_fail_field(q, status, "/organization_id", "unknown",
                                                              "must be an organisation that you are a member of")
                                           : status;
}

static forge_status_t course_create(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    forge_course_in_t in = course_read(q->body);
    FORGE_TRY(forge_api_course_may_create(q));
    FORGE_TRY(check_zone(q));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(blamed(q, forge_store_course_create(db, q->pool, &by, &in, &rows)));
    return forge_reply_created(q, rows, "/api/v1/courses");
}

static forge_status_t course_read_one(forge_req_t *q, apr_int64_t id)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_course_get(db, q->pool, &by, id, &rows));
    return forge_reply_row(q, rows);
}

static forge_status_t course_get(forge_req_t *q)
{
    return course_read_one(q, q->ids[0]);
}

/* Who is out of the organisation meanwhile does not see its course any more. */
static forge_status_t course_again(forge_req_t *q)
{
    FORGE_TRY(forge_api_course_may_create(q));
    return course_read_one(q, q->made);
}

/* PUT replaces the course, but a client that knows nothing of organisations takes none out of its own; PATCH changes
 * the members that were sent (RFC 7396). */
static forge_status_t course_update(forge_req_t *q)
{
    /* The first is the one that may be left out. */
    static const char *const members[] = {"organization_id", "title",    "description", "difficulty",
                                          "status",          "timezone", NULL};
    const bool stays = q->route->method == FORGE_PUT && !forge_core_input_has(q->body, "organization_id");
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const forge_patch_t patch = forge_api_patch(q, members + stays);
    FORGE_TRY(check_zone(q));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(blamed(q, forge_store_course_update(db, q->pool, &by, q->ids[0], &patch, &rows)));
    return forge_reply_row(q, rows);
}

static forge_status_t course_delete(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_course_delete(db, q->pool, &by, q->ids[0], q->if_version));
    return forge_reply_none(q);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/courses", FORGE_ROLE_NONE, .flags = FORGE_R_LIST | FORGE_R_PUBLIC,
     .reads = FORGE_READS_COURSES, .list = &forge_store_courses_list,
     .query = &course_query, .reply = &forge_api_course, .handle = course_list,
     .operation = "course_list", .summary = "List courses",
     .description = "Open to anyone. Lists published courses and the caller's own drafts. Courses of an organisation "
         "are listed only for its members."},
    {FORGE_POST, "/courses", FORGE_ROLE_STUDENT, .flags = FORGE_R_IDEMPOTENT, .success = 201, .body = &forge_api_course,
     .reply = &forge_api_course, .errors = create_errors, .handle = course_create, .again = course_again,
     .operation = "course_create", .summary = "Create a course",
     .description = "Open to every account except guests; the site may restrict it to instructors. The creator "
         "becomes the course's instructor."},
    {FORGE_GET, "/courses/{id}", FORGE_ROLE_NONE, .flags = FORGE_R_ETAG | FORGE_R_PUBLIC,
     .reads = FORGE_READS_COURSES, .reply = &forge_api_course,
     .handle = course_get, .operation = "course_get", .summary = "Read one course",
     .description = "Open to anyone who may see the course. Other courses are answered as not found."},
    {FORGE_PUT, "/courses/{id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .body = &forge_api_course,
     .reply = &forge_api_course, .errors = change_errors, .handle = course_update,
     .operation = "course_replace", .summary = "Replace a course",
     .description = "For its owner and administrators. Members that are not sent get their defaults; only a course of "
         "an organisation stays there unless organization_id is sent."},
    {FORGE_PATCH, "/courses/{id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .body = &forge_api_course,
     .reply = &forge_api_course, .errors = change_errors, .handle = course_update,
     .operation = "course_update", .summary = "Change a course",
     .description = "For its owner and administrators. Only the members that are sent change."},
    {FORGE_DELETE, "/courses/{id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .success = 204, .errors = delete_errors,
     .handle = course_delete, .operation = "course_delete", .summary = "Delete a course",
     .description = "For its owner and administrators. This cannot be undone."},
};
/* clang-format on */

const forge_routes_t forge_api_courses = FORGE_API_ROUTES(routes, &forge_api_tag_courses);
