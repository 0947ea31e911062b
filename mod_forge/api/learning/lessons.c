/* SPDX-License-Identifier: Apache-2.0
 * Lessons: /courses/{id}/modules/{module_id}/lessons lists them, /courses/{id}/lessons/{lesson_id} is one. Whoever sees
 * the course sees the titles of what is published; the content is for those who take it.
 */
#include "api/api.h"
#include "core/learning/learning.h"
#include "core/wire/wire.h"
#include "learning.h"

#include <string.h>

#define ANSWER_MAX (32 * 1024 * 1024) /* HTML of less than 5 MiB, a byte of it six in JSON at most */

/* clang-format off */
const forge_field_t forge_api_lesson_texts[] = {
    {"title", FORGE_T_TEXT, FORGE_F_REQUIRED, 1, 200, .format = "line", .example = "Dijkstra's algorithm",
     .help = "title"},
    {"published", FORGE_T_BOOL, .preset = "true", .example = "true",
     .help = "false: only the owner of the course sees it"},
    {.name = NULL},
};

static const forge_field_t title_fields[] = {
    {"id", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "31", .help = "number of the lesson"},
    {"course_id", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "12", .help = "course that it belongs to"},
    {"module_id", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "5", .help = "module that it belongs to"},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_lesson_texts},
    {"position", FORGE_T_INT, FORGE_F_RESETS, .min = 1, .max = 1000000, .example = "1",
     .help = "place in the module, from 1 without gaps; the others make room. Left out or too large: the end"},
    {"version", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "1",
     .help = "grows with each change; the ETag is made from it"},
    {"created_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was created"},
    {"updated_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was last changed"},
    {.name = NULL},
};
static const forge_shape_t lesson_title = {"LessonTitle", title_fields};

const forge_field_t forge_api_lesson_content[] = {
    {"content", FORGE_T_TEXT, .max = 200000, .preset = "", .example = "# Shortest paths\n\nTake *n* nodes …",
     .help = "CommonMark; raw HTML is kept, but left out of what is rendered"},
    {.name = NULL},
};

static const forge_field_t content_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = forge_api_lesson_content},
    {"content_type", FORGE_T_TEXT, FORGE_F_READONLY, .format = "enum:text/markdown|text/html", .named = "LessonType",
     .example = "text/markdown", .help = "of content; text/html with render=html"},
    {.name = NULL},
};

static const forge_field_t lesson_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = title_fields},
    {.type = FORGE_T_INCLUDE, .fields = content_fields},
    {.name = NULL},
};
static const forge_shape_t lesson = {"Lesson", lesson_fields};

/* A lesson may move to another module of its course. */
static const forge_field_t change_fields[] = {
    {"module_id", FORGE_T_INT, FORGE_F_REQUIRED, .min = 1, .example = "6", .help = "another module of the same course"},
    {"title", FORGE_T_TEXT, FORGE_F_REQUIRED, 1, 200, .format = "line", .example = "Dijkstra's algorithm",
     .help = "title"},
    {"position", FORGE_T_INT, FORGE_F_RESETS, .min = 1, .max = 1000000, .example = "1",
     .help = "place in the module; left out when the module changes: the end"},
    {"published", FORGE_T_BOOL, .preset = "true", .example = "true", .help = "false: only the owner of the course"
    " sees it"},
    {.type = FORGE_T_INCLUDE, .fields = content_fields},
    {.name = NULL},
};
static const forge_shape_t lesson_change = {.fields = change_fields};

static const forge_field_t query_fields[] = {
    {"render", FORGE_T_TEXT, .format = "enum:html|markdown", .named = "RenderForm", .example = "html",
     .help = "html: content is HTML that is safe to put into a page, without scripts and without the author's own"
     " HTML"},
    {.name = NULL},
};
static const forge_shape_t lesson_query = {.fields = query_fields};
/* clang-format on */

static const forge_status_t read_errors[] = {FORGE_E_NOT_ENROLLED, FORGE_OK};
static const forge_status_t create_errors[] = {FORGE_E_NOT_OWNER, FORGE_OK};
static const forge_status_t change_errors[] = {FORGE_E_NOT_OWNER, FORGE_E_BAD_REFERENCE, FORGE_OK};

static forge_status_t lesson_list(forge_req_t *q)
{
    return forge_api_course_list(q, q->route->list);
}

static forge_status_t lesson_create(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const forge_lesson_in_t in = {forge_core_input_text(q->body, "title"), forge_core_input_text(q->body, "content"),
                                  forge_core_input_text(q->body, "position"),
                                  forge_core_input_text(q->body, "published")};
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_lesson_create(db, q->pool, &by, q->ids, &in, &rows));
    return forge_reply_created(q, rows, forge_api_course_path(q, "lessons"));
}

/* The same members with the content as HTML. Its ETag has the version, for If-Match, and the bytes, because another
 * release of the renderer may answer others. No connection is held while it is rendered. */
static forge_status_t lesson_html(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_lesson_source(db, q->pool, &by, q->ids, &rows));
    forge_http_db_done(q);
    const char *html = forge_core_markdown_html(q->pool, forge_store_rows_text(rows, 0, "_content"));
    forge_buf_t *body = forge_util_buf_make(q->pool, strlen(html) + 1024, ANSWER_MAX);
    forge_store_render_row(body, rows, 0);
    body->len--; /* its closing brace */
    forge_util_buf_puts(body, ",\"content\":");
    forge_util_buf_json(body, html, strlen(html));
    forge_util_buf_puts(body, ",\"content_type\":\"text/html\"}");
    FORGE_TRY(forge_reply_buf(q, body, NULL));
    return forge_reply_etag_bytes(q, forge_store_rows_text(rows, 0, "version"));
}

static forge_status_t lesson_read_one(forge_req_t *q, apr_int64_t id)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const apr_int64_t ids[2] = {q->ids[0], id};
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_lesson_get(db, q->pool, &by, ids, &rows));
    return forge_reply_row(q, rows);
}

static forge_status_t lesson_get(forge_req_t *q)
{
    const char *render = forge_core_input_text(q->query, "render");
    return render && strcmp(render, "html") == 0 ? lesson_html(q) : lesson_read_one(q, q->ids[1]);
}

static forge_status_t lesson_again(forge_req_t *q)
{
    FORGE_TRY(forge_api_course_owned(q));
    return lesson_read_one(q, q->made);
}

static forge_status_t lesson_update(forge_req_t *q)
{
    static const char *const members[] = {"module_id", "title", "content", "position", "published", NULL};
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const forge_patch_t patch = forge_api_patch(q, members);
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_lesson_update(db, q->pool, &by, q->ids, &patch, &rows);
    if (status == FORGE_E_BAD_REFERENCE)
        return forge_fail_field(q, status, "/module_id", "unknown", "the course has no such module");
    FORGE_TRY(status);
    return forge_reply_row(q, rows);
}

static forge_status_t lesson_delete(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_lesson_delete(db, q->pool, &by, q->ids, q->if_version));
    return forge_reply_none(q);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/courses/{id}/modules/{module_id}/lessons", FORGE_ROLE_NONE, .flags = FORGE_R_LIST | FORGE_R_PUBLIC,
     .reads = FORGE_READS_COURSES | FORGE_READS_CONTENT,
     .list = &forge_store_lessons_list, .reply = &lesson_title, .handle = lesson_list,
     .operation = "lesson_list", .summary = "List the lessons of a module",
     .description = "In their order, without their content. Open to anyone who may see the course; lessons that"
     " are not "
         "published are listed only for its owner and administrators."},
    {FORGE_POST, "/courses/{id}/modules/{module_id}/lessons", FORGE_ROLE_STUDENT, .flags = FORGE_R_IDEMPOTENT,
     .success = 201, .body = &lesson, .reply = &lesson, .errors = create_errors, .handle = lesson_create,
     .again = lesson_again, .operation = "lesson_create", .summary = "Create a lesson",
     .description = "For the owner of the course and administrators."},
    {FORGE_GET, "/courses/{id}/lessons/{lesson_id}", FORGE_ROLE_GUEST, .flags = FORGE_R_ETAG, .query = &lesson_query,
     .reply = &lesson, .errors = read_errors, .handle = lesson_get, .operation = "lesson_get",
     .summary = "Read one lesson",
     .description = "For those who are enrolled in the course, once the lesson, its module and the course are"
     " published; "
         "its owner and administrators also read drafts. With render=html the content is safe HTML."},
    {FORGE_PATCH, "/courses/{id}/lessons/{lesson_id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG,
     .body = &lesson_change, .reply = &lesson, .errors = change_errors, .handle = lesson_update,
     .operation = "lesson_update", .summary = "Change or move a lesson",
     .description = "For the owner of the course and administrators. Only the members that are sent change; a lesson "
         "that moves to another module comes last there, unless position says where."},
    {FORGE_DELETE, "/courses/{id}/lessons/{lesson_id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .success = 204,
     .errors = create_errors, .handle = lesson_delete, .operation = "lesson_delete", .summary = "Delete a lesson",
     .description = "For the owner of the course and administrators. Deletes the progress in it too. This cannot be "
         "undone."},
};
/* clang-format on */

const forge_routes_t forge_api_lessons = FORGE_API_ROUTES(routes, &forge_api_tag_courses);
