/* SPDX-License-Identifier: Apache-2.0
 * /achievements: what can be earned. Anyone reads the list; instructors and administrators keep it.
 */
#include "api/shared.h"

static const forge_field_t achievement_fields[] = {
    {.name = "id", .type = FORGE_T_INT, .flags = FORGE_F_READONLY, .min = 1, .example = "4", .help = "number of the achievement"},
    {.name = "name",
     .type = FORGE_T_TEXT,
     .flags = FORGE_F_REQUIRED,
     .min = 1,
     .max = 100,
     .example = "\"First steps\"",
     .help = "unique name"},
    {.name = "description",
     .type = FORGE_T_TEXT,
     .max = 2000,
     .preset = "",
     .example = "\"Finished a first exercise.\"",
     .help = "how it is earned"},
    {.name = "points", .type = FORGE_T_INT, .min = 0, .max = 1000000, .preset = "0", .example = "10", .help = "what it is worth"},
    {.name = "icon",
     .type = FORGE_T_TEXT,
     .flags = FORGE_F_NULLABLE,
     .max = 64,
     .example = "\"🏅\"",
     .help = "any Unicode text, an emoji for instance"},
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

static const forge_status_t name_errors[] = {FORGE_E_NAME_TAKEN, FORGE_OK};

static forge_achievement_in_t achievement_read(const forge_input_t *in)
{
    return (forge_achievement_in_t){
        .name = forge_core_input_text(in, "name"),
        .description = forge_core_input_text(in, "description"),
        .points = forge_core_input_text(in, "points"),
        .icon = forge_core_input_text(in, "icon"),
    };
}

static forge_status_t achievement_list(forge_req_t *q)
{
    return forge_api_list(q, &forge_store_achievements_list, NULL);
}

static forge_status_t achievement_create(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    forge_achievement_in_t in = achievement_read(q->body);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_achievement_create(db, q->pool, &in, &rows));
    return forge_reply_created(q, rows, "/api/v1/achievements");
}

static forge_status_t achievement_get(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_achievement_get(db, q->pool, q->ids[0], &rows));
    return forge_reply_row(q, rows);
}

static forge_status_t achievement_replace(forge_req_t *q)
{
    static const char *const members[] = {"name", "description", "points", "icon", NULL};
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_patch_t patch = forge_api_patch(q, members);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_achievement_update(db, q->pool, q->ids[0], &patch, &rows));
    return forge_reply_row(q, rows);
}

static forge_status_t achievement_delete(forge_req_t *q)
{
    forge_db_t *db;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_achievement_delete(db, q->pool, q->ids[0], q->if_version));
    return forge_reply_none(q);
}

static const forge_route_t routes[] = {
    {.method = FORGE_GET,
     .path = "/achievements",
     .flags = FORGE_R_LIST | FORGE_R_PUBLIC,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 200,
     .reply = achievement_fields,
     .schema = "Achievement",
     .handle = achievement_list,
     .operation = "achievement_list",
     .tag = "achievements",
     .summary = "List achievements",
     .description = "Open to anyone."},
    {.method = FORGE_POST,
     .path = "/achievements",
     .role = FORGE_ROLE_INSTRUCTOR,
     .flags = FORGE_R_IDEMPOTENT,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 201,
     .body = achievement_fields,
     .reply = achievement_fields,
     .schema = "Achievement",
     .handle = achievement_create,
     .operation = "achievement_create",
     .tag = "achievements",
     .summary = "Create an achievement",
     .description = "For instructors and administrators.",
     .errors = name_errors},
    {.method = FORGE_GET,
     .path = "/achievements/{id}",
     .flags = FORGE_R_ETAG | FORGE_R_PUBLIC,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 200,
     .reply = achievement_fields,
     .schema = "Achievement",
     .handle = achievement_get,
     .operation = "achievement_get",
     .tag = "achievements",
     .summary = "Read one achievement",
     .description = "Open to anyone."},
    {.method = FORGE_PUT,
     .path = "/achievements/{id}",
     .role = FORGE_ROLE_INSTRUCTOR,
     .flags = FORGE_R_ETAG,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 200,
     .body = achievement_fields,
     .reply = achievement_fields,
     .schema = "Achievement",
     .handle = achievement_replace,
     .operation = "achievement_replace",
     .tag = "achievements",
     .summary = "Replace an achievement",
     .description = "For instructors and administrators. Members that are not sent get their defaults.",
     .errors = name_errors},
    {.method = FORGE_DELETE,
     .path = "/achievements/{id}",
     .role = FORGE_ROLE_INSTRUCTOR,
     .flags = FORGE_R_ETAG,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 204,
     .handle = achievement_delete,
     .operation = "achievement_delete",
     .tag = "achievements",
     .summary = "Delete an achievement",
     .description = "For instructors and administrators. Awards of it go with it; it cannot be undone."},
};
const forge_routes_t forge_api_achievements = FORGE_API_ROUTES(routes);
