/* SPDX-License-Identifier: Apache-2.0
 * /courses/{id}/export and /courses/import: a whole course as one document, to keep it, to give it to another site, or
 * to write it with other tools.
 */
#include "api/api.h"
#include "core/learning/learning.h"
#include "core/wire/wire.h"
#include "learning.h"

#include <apr_strings.h>
#include <string.h>

#define KNOWN     1 /* of the format; a server reads this one alone */
#define HEAD      "{\"format\":\"forge-course\",\"version\":1,\n\"course\":"
#define PIECE     (256 * 1024)       /* bytes of an export after which a piece ends … */
#define PIECE_MAX (32 * 1024 * 1024) /* … and that it has at most */

/* clang-format off */
static const forge_field_t lesson_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = forge_api_lesson_texts},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_lesson_content},
    {.name = NULL},
};

static const forge_field_t module_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = forge_api_module_texts},
    {"lessons", FORGE_T_ARRAY, .max = 1000, .preset = "[]", .fields = lesson_fields, .named = "BundledLesson",
     .help = "its lessons, in their order"},
    {.name = NULL},
};

static const forge_field_t exercise_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = forge_api_exercise_texts},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_exercise_parts},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_exercise_solution},
    {.name = NULL},
};

static const forge_field_t assignment_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = forge_api_assignment_texts},
    {"due_at", FORGE_T_TIME, FORGE_F_NULLABLE, .example = "2026-01-31T22:59:59.000000Z",
     .help = "until when it is to be handed in; null: at any time"},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_assignment_points},
    {.name = NULL},
};

static const forge_field_t bundle_fields[] = {
    {"format", FORGE_T_TEXT, FORGE_F_REQUIRED, .format = "enum:forge-course", .example = "forge-course",
     .help = "what this document is"},
    {"version", FORGE_T_INT, FORGE_F_REQUIRED, .example = "1", .help = "version of the format; only 1 is known"},
    {"course", FORGE_T_OBJECT, FORGE_F_REQUIRED, .fields = forge_api_course_texts, .named = "BundledCourse",
     .help = "the course itself"},
    {"modules", FORGE_T_ARRAY, .max = 1000, .preset = "[]", .fields = module_fields, .named = "BundledModule",
     .help = "its modules with their lessons, in their order"},
    {"exercises", FORGE_T_ARRAY, .max = 1000, .preset = "[]", .fields = exercise_fields, .named = "BundledExercise",
     .help = "its exercises, with solutions and all tests"},
    {"assignments", FORGE_T_ARRAY, .max = 1000, .preset = "[]", .fields = assignment_fields,
     .named = "BundledAssignment",
     .help = "its assignments"},
    {.name = NULL},
};
static const forge_shape_t bundle = {"CourseBundle", bundle_fields};

static const forge_field_t import_fields[] = {
    {"organization_id", FORGE_T_INT, .min = 1, .example = "3",
     .help = "put the course into this organisation; left out: into none"},
    {.name = NULL},
};
static const forge_shape_t import_query = {.fields = import_fields};
/* clang-format on */

static const forge_status_t export_errors[] = {FORGE_E_NOT_OWNER, FORGE_E_CONFLICT, FORGE_E_UNAVAILABLE, FORGE_OK};
static const forge_status_t import_errors[] = {FORGE_E_FORBIDDEN, FORGE_E_BAD_REFERENCE, FORGE_E_QUOTA_EXCEEDED,
                                               FORGE_OK};

/* --- export --- */

enum { COURSE, MODULES, EXERCISES, ASSIGNMENTS, SECTIONS };

/* Where an export is. */
typedef struct export_t {
    forge_bundle_at_t at; /* the last row that is written */
    apr_int64_t section;  /* the one that is open */
    bool module;          /* a module is open */
    bool follows;         /* another one follows a row of the same array */
    const char *mark;     /* of the course when the export began; NULL: not begun */
    forge_buf_t *first;   /* the first piece, made before it was known that there are more; NULL: written */
} export_t;

static void close_module(export_t *e, forge_buf_t *b)
{
    if (e->module)
        forge_util_buf_puts(b, "]}");
    e->module = false;
}

/* Closes sections until this one is open: every document has all of them, empty or not. */
static void open_section(export_t *e, forge_buf_t *b, apr_int64_t section)
{
    static const char *const between[SECTIONS] = {",\n\"modules\":[", "],\n\"exercises\":[", "],\n\"assignments\":[",
                                                  "]}\n"};
    for (; e->section < section; e->section++) {
        close_module(e, b);
        forge_util_buf_puts(b, between[e->section]);
        e->follows = false;
    }
}

/* A module is left open for its lessons: they are the next rows. */
static void put_row(export_t *e, forge_buf_t *b, const char *content)
{
    const bool module = e->at.section == MODULES && e->at.b == 0;
    open_section(e, b, e->at.section);
    if (module) {
        e->follows = e->follows || e->module;
        close_module(e, b);
    }
    forge_util_buf_puts(b, e->at.section == COURSE ? HEAD : e->follows ? ",\n" : "\n");
    forge_util_buf_add(b, content, strlen(content) - (module ? 1 : 0));
    if (module)
        forge_util_buf_puts(b, ",\"lessons\":[");
    e->module = e->module || module;
    e->follows = !module;
}

/* A document that holds one part as it was and another as it is now would be no course that ever was. */
static forge_status_t same_course(forge_req_t *q, export_t *e, const forge_rows_t *rows)
{
    const char *mark = forge_store_rows_text(rows, 0, "mark");
    if (!e->mark)
        e->mark = apr_pstrdup(q->pool, mark);
    return strcmp(e->mark, mark) == 0
               ? FORGE_OK
               : forge_fail_detail(q, FORGE_E_CONFLICT, "the course was changed while it was exported; ask again");
}

/* The next rows. */
static forge_status_t export_rows(forge_req_t *q, forge_db_t *db, apr_pool_t *p, export_t *e, forge_buf_t *b)
{
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_store_bundle_read(db, p, &by, q->ids[0], &e->at, &rows));
    FORGE_TRY(same_course(q, e, rows));
    const int n = forge_store_rows_count(rows);
    for (int i = 0; i < n; i++) {
        e->at = (forge_bundle_at_t){forge_store_rows_int(rows, i, "section", 0), forge_store_rows_int(rows, i, "a", 0),
                                    forge_store_rows_int(rows, i, "b", 0)};
        put_row(e, b, forge_store_rows_text(rows, i, "content"));
    }
    if (forge_store_rows_int(rows, 0, "remaining", 0) == n)
        open_section(e, b, SECTIONS);
    return FORGE_OK;
}

/* The document from where it is up to a size that is enough for one piece. */
static forge_status_t export_piece(forge_req_t *q, forge_db_t *db, apr_pool_t *p, void *baton, forge_buf_t *b,
                                   bool *more)
{
    export_t *e = baton;
    if (e->first) {
        forge_util_buf_add(b, e->first->data, e->first->len);
        e->first = NULL;
        *more = true;
        return FORGE_OK;
    }
    while (e->section < SECTIONS && b->len < PIECE)
        FORGE_TRY(export_rows(q, db, p, e, b));
    *more = e->section < SECTIONS;
    return FORGE_OK;
}

/* Most fit into one piece and are an answer like others; the rest is made while it is sent. */
static forge_status_t course_export(forge_req_t *q)
{
    forge_db_t *db;
    bool more;
    export_t *e = apr_pcalloc(q->pool, sizeof(*e));
    forge_buf_t *b = forge_util_buf_make(q->pool, 16384, PIECE_MAX);
    e->at.section = -1;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(export_piece(q, db, q->pool, e, b, &more));
    forge_reply_header(
        q, "Content-Disposition",
        apr_pstrcat(q->pool, "attachment; filename=\"course-", forge_util_itoa(q->pool, q->ids[0]), ".json\"", NULL));
    if (!more)
        return forge_reply_buf(q, b, NULL);
    e->first = b;
    return forge_reply_stream(q, "application/json", export_piece, e);
}

/* --- import --- */

static const char *course_text(const forge_req_t *q, const char *name)
{
    return forge_util_json_text(forge_util_json_get(forge_core_input_json_value(q->body, "course"), name), NULL);
}

/* Another version may have other members, so that nothing else is said about it. */
static forge_status_t check_bundle(forge_req_t *q)
{
    if (forge_core_input_int(q->body, "version", KNOWN) != KNOWN)
        return forge_fail_field(q, FORGE_E_VALIDATION, "/version", "unknown_version",
                                "this server knows version 1 of the format and no other");
    if (forge_core_faults_count(q->faults) == 0) {
        forge_core_bundle_check(q->pool, forge_core_input_json_value(q->body, "exercises"), q->faults);
        FORGE_TRY(forge_api_zone_check(q, "/course/timezone", course_text(q, "timezone")));
    }
    return forge_core_faults_count(q->faults) == 0 ? FORGE_OK : forge_fail_faults(q, FORGE_E_VALIDATION, q->faults);
}

/* A section as a JSON text. */
static const char *section(forge_req_t *q, const char *name)
{
    const forge_json_t *items = forge_core_input_json_value(q->body, name);
    forge_buf_t *b = forge_util_buf_make(q->pool, 4096, 2 * (apr_size_t)forge_config_max_bundle(q->config) + 4096);
    if (!items)
        return "[]";
    forge_util_json_write(b, items);
    forge_util_buf_add(b, "", 1);
    return b->failed ? NULL : b->data;
}

static forge_bundle_in_t bundle_of(forge_req_t *q)
{
    return (forge_bundle_in_t){
        .course = {.title = course_text(q, "title"),
                   .description = course_text(q, "description"),
                   .difficulty = course_text(q, "difficulty"),
                   .status = course_text(q, "status"),
                   .organization_id = forge_core_input_text(q->query, "organization_id"),
                   .timezone = course_text(q, "timezone")},
        .modules = section(q, "modules"),
        .exercises = section(q, "exercises"),
        .assignments = section(q, "assignments"),
    };
}

/* What only the database knows, as the member that is to blame. */
static forge_status_t blamed(forge_req_t *q, forge_status_t status)
{
    if (status == FORGE_E_BAD_REFERENCE)
        return forge_fail_field(q, status, "?organization_id", "unknown", "you are in no such organisation");
    return status;
}

static forge_status_t course_import(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_api_course_may_create(q));
    FORGE_TRY(check_bundle(q));
    const forge_bundle_in_t in = bundle_of(q);
    if (!in.modules || !in.exercises || !in.assignments)
        return FORGE_E_INTERNAL;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(blamed(q, forge_store_bundle_import(db, q->pool, &by, &in, &rows)));
    return forge_reply_created(q, rows, "/api/v1/courses");
}

static forge_status_t import_again(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_api_course_may_create(q));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_course_get(db, q->pool, &by, q->made, &rows));
    return forge_reply_row(q, rows);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/courses/{id}/export", FORGE_ROLE_STUDENT, .reply = &bundle, .errors = export_errors,
     .handle = course_export, .operation = "course_export", .summary = "Export a course",
     .description = "For its owner and administrators. A bundle of everything that authors wrote: modules, lessons, "
         "exercises with solutions and hidden tests, assignments. No numbers, no people and no progress are in it, nor "
         "prerequisites, which name courses of this site. Large ones are sent while they are read; when the course "
         "changes meanwhile, the answer breaks off."},
    {FORGE_POST, "/courses/import", FORGE_ROLE_STUDENT,
     .flags = FORGE_R_IDEMPOTENT | FORGE_R_CHECKS | FORGE_R_BUNDLE, .limit = FORGE_LIMIT_UPLOAD, .success = 201,
     .query = &import_query, .body = &bundle, .reply = &forge_api_course, .errors = import_errors,
     .handle = course_import, .again = import_again, .operation = "course_import", .summary = "Import a course",
     .description = "Open to those who may create courses. Makes a new course out of a bundle, all of it or nothing; "
         "the caller becomes its instructor and the author of its exercises. The body may be as large as "
         "ForgeMaxBundle says. An export of the new course has the same bytes as the one it was made from."},
};
/* clang-format on */

const forge_routes_t forge_api_bundles = FORGE_API_ROUTES(routes, &forge_api_tag_courses);
