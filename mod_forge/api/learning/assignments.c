/* SPDX-License-Identifier: Apache-2.0
 * /courses/{id}/assignments: what students are to hand in, and when.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "learning.h"

#include <apr_strings.h>
#include <string.h>

#define YEAR_9999   APR_INT64_C(253370764800) /* its first second */
#define DATE_LENGTH 10                        /* 2026-01-31 */

/* clang-format off */
const forge_field_t forge_api_assignment_points[] = {
    {"max_points", FORGE_T_INT, .max = 1000000, .preset = "100", .example = "20",
     .help = "points that a grade has at most"},
    {.name = NULL},
};

const forge_field_t forge_api_assignment_texts[] = {
    {"title", FORGE_T_TEXT, FORGE_F_REQUIRED, 1, 200, .format = "line", .example = "Essay on trees", .help = "title"},
    {"description", FORGE_T_TEXT, .max = 20000, .preset = "", .example = "Compare two kinds of balanced trees.",
     .help = "what is to be done"},
    {.name = NULL},
};

static const forge_field_t assignment_fields[] = {
    {"id", FORGE_T_INT, .min = 1, .example = "9", .help = "number of the assignment"},
    {"course_id", FORGE_T_INT, .min = 1, .example = "12", .help = "course that it belongs to"},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_assignment_texts},
    {"due_at", FORGE_T_TIME, FORGE_F_NULLABLE, .example = "2026-01-31T22:59:59Z",
     .help = "until when it is to be handed in; null: at any time"},
    {"due_local", FORGE_T_TEXT, FORGE_F_NULLABLE, .max = 32, .example = "2026-01-31T23:59:59",
     .help = "the same as clocks in the course's time zone show it"},
    {"timezone", FORGE_T_TEXT, .max = 64, .example = "Europe/Vienna", .help = "time zone of the course"},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_assignment_points},
    {"version", FORGE_T_INT, .min = 1, .example = "1", .help = "grows with each change; the ETag is made from it"},
    {"created_at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when it was created"},
    {"updated_at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when it was last changed"},
    {.name = NULL},
};
static const forge_shape_t assignment = {"Assignment", assignment_fields};

static const forge_field_t body_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = forge_api_assignment_texts},
    {"due_at", FORGE_T_TEXT, FORGE_F_NULLABLE, 1, 64, .format = "line", .example = "2026-01-31T23:59:59+01:00",
     .help = "a time with its offset (RFC 3339); or without one, then by the clocks of the course's time zone; or a "
         "date alone, which means its last second there; null: at any time"},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_assignment_points},
    {.name = NULL},
};
static const forge_shape_t assignment_body = {.fields = body_fields};
/* clang-format on */

static const forge_status_t read_errors[] = {FORGE_E_NOT_ENROLLED, FORGE_OK};
static const forge_status_t change_errors[] = {FORGE_E_NOT_OWNER, FORGE_OK};

/* A time with an offset is a moment. One without counts by the course's clocks, which only the database knows: here it
 * is checked as if they were UTC's. */
static void due_parse(forge_req_t *q, const char *text, forge_due_t *due)
{
    apr_time_t t;
    if (strlen(text) == DATE_LENGTH)
        text = apr_pstrcat(q->pool, text, "T23:59:59", NULL);
    const char *zoned = apr_pstrcat(q->pool, text, "Z", NULL);
    const bool local = forge_util_time_parse(zoned, strlen(zoned), &t);
    if (!local && !forge_util_time_parse(text, strlen(text), &t)) {
        forge_core_fault(q->faults, "/due_at", "format",
                         "must be a time such as 2026-01-31T23:59:59+01:00 or 2026-01-31T23:59:59, or a date");
        return;
    }
    if (t < 0 || apr_time_sec(t) >= YEAR_9999) {
        forge_core_fault(q->faults, "/due_at", "out_of_range", "must be a time in the years 1970 to 9998");
        return;
    }
    const char *normal = forge_util_time(q->pool, t, 6);
    if (local)
        due->local = apr_pstrmemdup(q->pool, normal, strlen(normal) - 1);
    else
        due->at = normal;
}

/* When it is due; fails with all that is wrong with the body. */
static forge_status_t due_read(forge_req_t *q, forge_due_t *due)
{
    const char *text = forge_core_input_text(q->body, "due_at");
    due->sent = forge_core_input_has(q->body, "due_at");
    if (text)
        due_parse(q, text, due);
    return forge_core_faults_count(q->faults) > 0 ? forge_fail_faults(q, FORGE_E_VALIDATION, q->faults) : FORGE_OK;
}

static forge_status_t assignment_list(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_course_may(db, q->pool, &by, q->ids, false, NULL));
    return forge_api_list(q, FORGE_ARGS(forge_util_itoa(q->pool, q->ids[0])));
}

static forge_status_t assignment_create(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    forge_assignment_in_t in = {.title = forge_core_input_text(q->body, "title"),
                                .description = forge_core_input_text(q->body, "description"),
                                .max_points = forge_core_input_text(q->body, "max_points")};
    FORGE_TRY(due_read(q, &in.due));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_assignment_create(db, q->pool, &by, q->ids[0], &in, &rows));
    return forge_reply_created(q, rows, forge_api_course_path(q, "assignments"));
}

static forge_status_t assignment_read_one(forge_req_t *q, apr_int64_t id)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const apr_int64_t ids[2] = {q->ids[0], id};
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_assignment_get(db, q->pool, &by, ids, &rows));
    return forge_reply_row(q, rows);
}

static forge_status_t assignment_get(forge_req_t *q)
{
    return assignment_read_one(q, q->ids[1]);
}

/* Whoever has handed the course on meanwhile may not have the answer again. */
static forge_status_t assignment_again(forge_req_t *q)
{
    FORGE_TRY(forge_api_course_owned(q));
    return assignment_read_one(q, q->made);
}

static forge_status_t assignment_update(forge_req_t *q)
{
    static const char *const members[] = {"title", "description", "max_points", NULL};
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    forge_assignment_patch_t change = {.patch = forge_api_patch(q, members)};
    FORGE_TRY(due_read(q, &change.due));
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_assignment_update(db, q->pool, &by, q->ids, &change, &rows);
    if (status == FORGE_E_VALIDATION && strcmp(forge_http_db_constraint(q), "assignments_max_points_given") == 0)
        return forge_fail_field(q, status, "/max_points", "out_of_range", "a grade has more points");
    FORGE_TRY(status);
    return forge_reply_row(q, rows);
}

static forge_status_t assignment_delete(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_assignment_delete(db, q->pool, &by, q->ids, q->if_version));
    return forge_reply_none(q);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/courses/{id}/assignments", FORGE_ROLE_STUDENT, .flags = FORGE_R_LIST,
     .list = &forge_store_assignments_list, .reply = &assignment, .errors = read_errors, .handle = assignment_list,
     .operation = "assignment_list", .summary = "List the assignments of a course",
     .description = "For those who are enrolled in the course, its owner and administrators. With sort=due_at the next "
         "one comes first, and what is never due last."},
    {FORGE_POST, "/courses/{id}/assignments", FORGE_ROLE_STUDENT, .flags = FORGE_R_IDEMPOTENT | FORGE_R_CHECKS,
     .success = 201, .body = &assignment_body, .reply = &assignment, .errors = change_errors,
     .handle = assignment_create, .again = assignment_again,
     .operation = "assignment_create", .summary = "Create an assignment",
     .description = "For the owner of the course and administrators. A due date without an offset counts by the clocks "
         "of the course's time zone: a time that they skip in spring is an hour later, of one that they show twice in "
         "autumn the second is meant. It stays that moment when the time zone of the course changes."},
    {FORGE_GET, "/courses/{id}/assignments/{assignment_id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG,
     .reply = &assignment, .errors = read_errors, .handle = assignment_get,
     .operation = "assignment_get", .summary = "Read one assignment",
     .description = "For those who are enrolled in the course, its owner and administrators."},
    {FORGE_PATCH, "/courses/{id}/assignments/{assignment_id}", FORGE_ROLE_STUDENT,
     .flags = FORGE_R_ETAG | FORGE_R_CHECKS, .body = &assignment_body, .reply = &assignment, .errors = change_errors,
     .handle = assignment_update, .operation = "assignment_update", .summary = "Change an assignment",
     .description = "For the owner of the course and administrators. Only the members that are sent change. With a "
         "later due date what was late may be in time; max_points cannot fall below a grade that was given."},
    {FORGE_DELETE, "/courses/{id}/assignments/{assignment_id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG,
     .success = 204, .errors = change_errors, .handle = assignment_delete,
     .operation = "assignment_delete", .summary = "Delete an assignment",
     .description = "For the owner of the course and administrators. Deletes all that was handed in for it and the "
         "grades too. This cannot be undone."},
};
/* clang-format on */

const forge_routes_t forge_api_assignments = FORGE_API_ROUTES(routes, &forge_api_tag_courses);
