/* SPDX-License-Identifier: Apache-2.0
 * /courses: the catalogue. Anyone reads what is published; the owner or an administrator changes it.
 */
#include "api/shared.h"

#define DIFFICULTIES "enum:beginner|intermediate|advanced"

static const forge_field_t course_fields[] = {
    {.name = "id", .type = FORGE_T_INT, .flags = FORGE_F_READONLY, .min = 1, .example = "12", .help = "number of the course"},
    {.name = "title",
     .type = FORGE_T_TEXT,
     .flags = FORGE_F_REQUIRED,
     .min = 1,
     .max = 200,
     .example = "\"Graphs and trees\"",
     .help = "title"},
    {.name = "description",
     .type = FORGE_T_TEXT,
     .max = 20000,
     .preset = "",
     .example = "\"From paths to spanning trees.\"",
     .help = "what it is about"},
    {.name = "difficulty",
     .type = FORGE_T_TEXT,
     .format = DIFFICULTIES,
     .preset = "beginner",
     .example = "\"intermediate\"",
     .help = "level"},
    {.name = "instructor_id", .type = FORGE_T_INT, .flags = FORGE_F_READONLY, .min = 1, .example = "2", .help = "account that owns it"},
    {.name = "organization_id",
     .type = FORGE_T_INT,
     .flags = FORGE_F_NULLABLE,
     .min = 1,
     .example = "null",
     .help = "organisation whose members alone see it; null: everybody"},
    {.name = "status",
     .type = FORGE_T_TEXT,
     .format = "enum:published|draft",
     .preset = "published",
     .example = "\"published\"",
     .help = "a draft is seen by its owner only"},
    {.name = "version",
     .type = FORGE_T_INT,
     .flags = FORGE_F_READONLY,
     .min = 1,
     .example = "1",
     .help = "grows with each change; the ETag is made from it"},
    {.name = "created_at", .type = FORGE_T_TIME, .flags = FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was made"},
    {.name = "updated_at", .type = FORGE_T_TIME, .flags = FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was last changed"},
    {.name = NULL},
};

static const forge_field_t course_query[] = {
    {.name = "q", .type = FORGE_T_TEXT, .min = 1, .max = 200, .example = "\"graphs\"", .help = "words in title or description"},
    {.name = "difficulty", .type = FORGE_T_TEXT, .format = DIFFICULTIES, .example = "\"beginner\"", .help = "only this level"},
    {.name = "instructor_id", .type = FORGE_T_INT, .min = 1, .example = "2", .help = "only courses of this account"},
    {.name = "organization_id", .type = FORGE_T_INT, .min = 1, .example = "3", .help = "only courses of this organisation"},
    {.name = "sort", .type = FORGE_T_TEXT, .format = "enum:id|-created_at|title", .preset = "id", .example = "\"title\"", .help = "order"},
    {.name = NULL},
};

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
    };
}

static forge_status_t course_list(forge_req_t *q)
{
    const char *base[] = {q->who.user_id ? forge_util_itoa(q->pool, q->who.user_id) : NULL, q->who.role == FORGE_ROLE_ADMIN ? "t" : "f"};
    return forge_api_list(q, &forge_store_courses_list, base);
}

static forge_status_t course_create(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    forge_course_in_t in = course_read(q->body);
    if (q->who.role < FORGE_ROLE_INSTRUCTOR && !forge_config_any_creates_courses(q->config))
        return forge_fail_detail(q, FORGE_E_FORBIDDEN, "only instructors create courses here");
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_course_create(db, q->pool, &by, &in, &rows));
    return forge_reply_created(q, rows, "/api/v1/courses");
}

static forge_status_t course_get(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_course_get(db, q->pool, &by, q->ids[0], &rows));
    return forge_reply_row(q, rows);
}

/* PUT replaces the course; PATCH changes the members that were sent (RFC 7396). */
static forge_status_t course_update(forge_req_t *q)
{
    static const char *const members[] = {"title", "description", "difficulty", "status", "organization_id", NULL};
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const forge_patch_t patch = forge_api_patch(q, members);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_course_update(db, q->pool, &by, q->ids[0], &patch, &rows));
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

static const forge_route_t routes[] = {
    {.method = FORGE_GET,
     .path = "/courses",
     .flags = FORGE_R_LIST | FORGE_R_PUBLIC,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 200,
     .query = course_query,
     .reply = course_fields,
     .schema = "Course",
     .handle = course_list,
     .operation = "course_list",
     .tag = "courses",
     .summary = "List courses",
     .description = "Open to anyone. Shows published courses, one's own drafts, and courses of organisations only to their members."},
    {.method = FORGE_POST,
     .path = "/courses",
     .role = FORGE_ROLE_STUDENT,
     .flags = FORGE_R_IDEMPOTENT,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 201,
     .body = course_fields,
     .reply = course_fields,
     .schema = "Course",
     .handle = course_create,
     .operation = "course_create",
     .tag = "courses",
     .summary = "Create a course",
     .description = "Open to every account that is not a guest, or to instructors only where the site says so. "
                    "The creator becomes its instructor.",
     .errors = create_errors},
    {.method = FORGE_GET,
     .path = "/courses/{id}",
     .flags = FORGE_R_ETAG | FORGE_R_PUBLIC,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 200,
     .reply = course_fields,
     .schema = "Course",
     .handle = course_get,
     .operation = "course_get",
     .tag = "courses",
     .summary = "Read one course",
     .description = "Open to anyone who may see it; other courses do not exist for the caller."},
    {.method = FORGE_PUT,
     .path = "/courses/{id}",
     .role = FORGE_ROLE_STUDENT,
     .flags = FORGE_R_ETAG,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 200,
     .body = course_fields,
     .reply = course_fields,
     .schema = "Course",
     .handle = course_update,
     .operation = "course_replace",
     .tag = "courses",
     .summary = "Replace a course",
     .description = "For its owner and administrators. Members that are not sent get their defaults.",
     .errors = change_errors},
    {.method = FORGE_PATCH,
     .path = "/courses/{id}",
     .role = FORGE_ROLE_STUDENT,
     .flags = FORGE_R_ETAG,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 200,
     .body = course_fields,
     .reply = course_fields,
     .schema = "Course",
     .handle = course_update,
     .operation = "course_update",
     .tag = "courses",
     .summary = "Change a course",
     .description = "For its owner and administrators. Only the members that are sent change.",
     .errors = change_errors},
    {.method = FORGE_DELETE,
     .path = "/courses/{id}",
     .role = FORGE_ROLE_STUDENT,
     .flags = FORGE_R_ETAG,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 204,
     .handle = course_delete,
     .operation = "course_delete",
     .tag = "courses",
     .summary = "Delete a course",
     .description = "For its owner and administrators. It cannot be undone.",
     .errors = delete_errors},
};
const forge_routes_t forge_api_courses = FORGE_API_ROUTES(routes);
