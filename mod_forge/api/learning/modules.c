/* SPDX-License-Identifier: Apache-2.0
 * /courses/{id}/modules: the parts of a course. Whoever sees the course sees those that are published; the owner or an
 * administrator changes them.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "learning.h"

#include <apr_strings.h>

/* clang-format off */
const forge_field_t forge_api_module_texts[] = {
    {"title", FORGE_T_TEXT, FORGE_F_REQUIRED, 1, 200, .format = "line", .example = "Shortest paths", .help = "title"},
    {"published", FORGE_T_BOOL, .preset = "true", .example = "true",
     .help = "false: only the owner of the course sees it and its lessons"},
    {.name = NULL},
};

static const forge_field_t module_fields[] = {
    {"id", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "5", .help = "number of the module"},
    {"course_id", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "12", .help = "course that it belongs to"},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_module_texts},
    {"position", FORGE_T_INT, FORGE_F_RESETS, .min = 1, .max = 1000000, .example = "1",
     .help = "place in the course, from 1 without gaps; the others make room. Left out or too large: the end"},
    {"version", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "1",
     .help = "grows with each change; the ETag is made from it"},
    {"created_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was created"},
    {"updated_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was last changed"},
    {.name = NULL},
};
static const forge_shape_t module = {"Module", module_fields};
/* clang-format on */

static const forge_status_t change_errors[] = {FORGE_E_NOT_OWNER, FORGE_OK};

const char *forge_api_course_path(forge_req_t *q, const char *name)
{
    return apr_pstrcat(q->pool, "/api/v1/courses/", forge_util_itoa(q->pool, q->ids[0]), "/", name, NULL);
}

/* Why a page is empty: because there is nothing, or nothing for the caller. */
static forge_status_t why_empty(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    return q->ids[1] ? forge_store_module_get(db, q->pool, &by, q->ids, &rows)
                     : forge_store_course_get(db, q->pool, &by, q->ids[0], &rows);
}

forge_status_t forge_api_course_list(forge_req_t *q, const forge_list_t *list)
{
    forge_rows_t *rows;
    apr_int64_t total;
    forge_args_t base =
        FORGE_ARGS(forge_util_itoa(q->pool, q->who.user_id), q->who.role == FORGE_ROLE_ADMIN ? "t" : "f",
                   forge_util_itoa(q->pool, q->ids[0]), forge_util_itoa(q->pool, q->ids[1]));
    if (!q->ids[1])
        base.count--;
    FORGE_TRY(forge_api_list_rows(q, list, base, &rows, &total));
    if (forge_store_rows_count(rows) == 0)
        FORGE_TRY(why_empty(q));
    return forge_reply_list(q, list, rows, total);
}

forge_status_t forge_api_course_owned(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_course_get(db, q->pool, &by, q->ids[0], &rows));
    return by.admin || forge_store_rows_int(rows, 0, "instructor_id", 0) == by.id ? FORGE_OK : FORGE_E_NOT_OWNER;
}

static forge_status_t module_list(forge_req_t *q)
{
    return forge_api_course_list(q, q->route->list);
}

static forge_status_t module_create(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const forge_module_in_t in = {forge_core_input_text(q->body, "title"), forge_core_input_text(q->body, "position"),
                                  forge_core_input_text(q->body, "published")};
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_module_create(db, q->pool, &by, q->ids[0], &in, &rows));
    return forge_reply_created(q, rows, forge_api_course_path(q, "modules"));
}

static forge_status_t module_read_one(forge_req_t *q, apr_int64_t id)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const apr_int64_t ids[2] = {q->ids[0], id};
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_module_get(db, q->pool, &by, ids, &rows));
    return forge_reply_row(q, rows);
}

static forge_status_t module_get(forge_req_t *q)
{
    return module_read_one(q, q->ids[1]);
}

static forge_status_t module_again(forge_req_t *q)
{
    FORGE_TRY(forge_api_course_owned(q));
    return module_read_one(q, q->made);
}

static forge_status_t module_update(forge_req_t *q)
{
    static const char *const members[] = {"title", "position", "published", NULL};
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const forge_patch_t patch = forge_api_patch(q, members);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_module_update(db, q->pool, &by, q->ids, &patch, &rows));
    return forge_reply_row(q, rows);
}

static forge_status_t module_delete(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_module_delete(db, q->pool, &by, q->ids, q->if_version));
    return forge_reply_none(q);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/courses/{id}/modules", FORGE_ROLE_NONE, .flags = FORGE_R_LIST | FORGE_R_PUBLIC,
     .reads = FORGE_READS_COURSES | FORGE_READS_CONTENT,
     .list = &forge_store_modules_list, .reply = &module, .handle = module_list,
     .operation = "module_list", .summary = "List the modules of a course",
     .description = "In their order. Open to anyone who may see the course; modules that are not published are listed "
         "only for its owner and administrators."},
    {FORGE_POST, "/courses/{id}/modules", FORGE_ROLE_STUDENT, .flags = FORGE_R_IDEMPOTENT, .success = 201,
     .body = &module, .reply = &module, .errors = change_errors, .handle = module_create, .again = module_again,
     .operation = "module_create", .summary = "Create a module",
     .description = "For the owner of the course and administrators."},
    {FORGE_GET, "/courses/{id}/modules/{module_id}", FORGE_ROLE_NONE, .flags = FORGE_R_ETAG | FORGE_R_PUBLIC,
     .reads = FORGE_READS_COURSES | FORGE_READS_CONTENT,
     .reply = &module, .handle = module_get, .operation = "module_get", .summary = "Read one module",
     .description = "Open to anyone who may see the course, once the module is published."},
    {FORGE_PATCH, "/courses/{id}/modules/{module_id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .body = &module,
     .reply = &module, .errors = change_errors, .handle = module_update,
     .operation = "module_update", .summary = "Change or move a module",
     .description = "For the owner of the course and administrators. Only the members that are sent change; with a new "
         "position the modules between its old and its new place move by one."},
    {FORGE_DELETE, "/courses/{id}/modules/{module_id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .success = 204,
     .errors = change_errors, .handle = module_delete, .operation = "module_delete", .summary = "Delete a module",
     .description = "For the owner of the course and administrators. Deletes its lessons and the progress in them too. "
         "This cannot be undone."},
};
/* clang-format on */

const forge_routes_t forge_api_modules = FORGE_API_ROUTES(routes, &forge_api_tag_courses);
