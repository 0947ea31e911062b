/* SPDX-License-Identifier: Apache-2.0
 * /courses/{id}/assignments/{assignment_id}/submissions: what students hand in, and how it is graded.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "learning.h"

#include <apr_strings.h>
#include <string.h>

/* clang-format off */
static const forge_field_t content_field[] = {
    {"content", FORGE_T_TEXT, FORGE_F_REQUIRED, 1, 200000, .example = "An AVL tree keeps …",
     .help = "what is handed in"},
    {.name = NULL},
};
static const forge_shape_t content_body = {.fields = content_field};

static const forge_field_t submission_fields[] = {
    {"id", FORGE_T_INT, .min = 1, .example = "77", .help = "number of the submission"},
    {"assignment_id", FORGE_T_INT, .min = 1, .example = "9", .help = "assignment that it answers"},
    {"user_id", FORGE_T_INT, .min = 1, .example = "7", .help = "account that handed it in"},
    {"username", FORGE_T_TEXT, .example = "ada", .help = "name of the account"},
    {.type = FORGE_T_INCLUDE, .fields = content_field},
    {"late", FORGE_T_BOOL, .example = "false", .help = "whether it came after the due date, as that is now"},
    {"points", FORGE_T_INT, FORGE_F_NULLABLE, .help = "grade; null: none yet"},
    {"feedback", FORGE_T_TEXT, FORGE_F_NULLABLE, .max = 20000, .help = "words to the grade"},
    {"graded_by", FORGE_T_INT, FORGE_F_NULLABLE, .help = "account that gave the grade"},
    {"graded_at", FORGE_T_TIME, FORGE_F_NULLABLE, .help = "when the grade was last changed"},
    {"version", FORGE_T_INT, .min = 1, .example = "1",
     .help = "1 without a grade; grows with each change of the grade; the ETag is made from it"},
    {"created_at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when it was handed in"},
    {.name = NULL},
};
static const forge_shape_t submission = {"AssignmentSubmission", submission_fields};

static const forge_field_t query_fields[] = {
    {"user_id", FORGE_T_INT, .min = 1, .example = "7", .help = "only those of this account"},
    {"graded", FORGE_T_BOOL, .example = "false", .help = "only those with or without a grade"},
    {.name = NULL},
};
static const forge_shape_t submission_query = {.fields = query_fields};

static const forge_field_t grade_fields[] = {
    {"points", FORGE_T_INT, FORGE_F_REQUIRED, .max = 1000000, .example = "17",
     .help = "from 0 to max_points of the assignment"},
    {"feedback", FORGE_T_TEXT, .max = 20000, .preset = "", .example = "Well argued.", .help = "words to the grade"},
    {.name = NULL},
};
static const forge_shape_t grade_body = {.fields = grade_fields};
/* clang-format on */

static const forge_status_t enrolled_errors[] = {FORGE_E_NOT_ENROLLED, FORGE_OK};
static const forge_status_t owner_errors[] = {FORGE_E_NOT_OWNER, FORGE_OK};

/* The owner sees all. Two statements, because one for both kinds of caller would read all to find a student's own. */
static forge_status_t submission_list(forge_req_t *q)
{
    forge_db_t *db;
    bool owned;
    const forge_actor_t by = forge_api_actor(q);
    const char *assignment = forge_util_itoa(q->pool, q->ids[1]);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_course_may(db, q->pool, &by, q->ids, false, &owned));
    if (owned)
        return forge_api_list(q, FORGE_ARGS(assignment));
    return forge_api_list_other(q, &forge_store_submissions_own,
                                FORGE_ARGS(assignment, forge_util_itoa(q->pool, by.id)));
}

/* /api/v1/courses/{id}/assignments/{assignment_id}/submissions of this request. */
static const char *collection(forge_req_t *q)
{
    return apr_pstrcat(q->pool, forge_api_course_path(q, "assignments"), "/", forge_util_itoa(q->pool, q->ids[1]),
                       "/submissions", NULL);
}

static forge_status_t submission_create(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(
        forge_store_submission_create(db, q->pool, &by, q->ids, forge_core_input_text(q->body, "content"), &rows));
    return forge_reply_created(q, rows, collection(q));
}

static forge_status_t submission_read_one(forge_req_t *q, apr_int64_t id)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const apr_int64_t ids[3] = {q->ids[0], q->ids[1], id};
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_submission_get(db, q->pool, &by, ids, &rows));
    return forge_reply_row(q, rows);
}

static forge_status_t submission_get(forge_req_t *q)
{
    return submission_read_one(q, q->ids[2]);
}

static forge_status_t submission_again(forge_req_t *q)
{
    return submission_read_one(q, q->made);
}

static forge_status_t grade_put(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const forge_grade_in_t in = {forge_core_input_text(q->body, "points"), forge_core_input_text(q->body, "feedback"),
                                 q->if_version};
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_grade_put(db, q->pool, &by, q->ids, &in, &rows);
    if (status == FORGE_E_VALIDATION && strcmp(forge_http_db_constraint(q), "grades_points_range") == 0)
        return forge_fail_field(q, status, "/points", "out_of_range", "the assignment gives fewer points");
    FORGE_TRY(status);
    return forge_reply_row(q, rows);
}

#define SUBMISSIONS "/courses/{id}/assignments/{assignment_id}/submissions"

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, SUBMISSIONS, FORGE_ROLE_STUDENT, .flags = FORGE_R_LIST, .list = &forge_store_submissions_list,
     .query = &submission_query, .reply = &submission, .errors = enrolled_errors, .handle = submission_list,
     .operation = "assignment_submission_list", .summary = "List what was handed in",
     .description = "All of it for the owner of the course and administrators; those who are enrolled get their own."},
    {FORGE_POST, SUBMISSIONS, FORGE_ROLE_STUDENT, .flags = FORGE_R_IDEMPOTENT, .success = 201, .body = &content_body,
     .reply = &submission, .errors = enrolled_errors, .handle = submission_create, .again = submission_again,
     .operation = "assignment_submission_create", .summary = "Hand in",
     .description = "For those who are enrolled in the course, also its owner only then. After the due date it is "
         "taken too and marked late. A submission is never changed: hand in again, and the later one is graded; all "
         "stay readable."},
    {FORGE_GET, SUBMISSIONS "/{submission_id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .reply = &submission,
     .errors = enrolled_errors, .handle = submission_get,
     .operation = "assignment_submission_get", .summary = "Read one submission with its grade",
     .description = "For whoever handed it in, while enrolled, and for the owner of the course and administrators."},
    {FORGE_PUT, SUBMISSIONS "/{submission_id}/grade", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .body = &grade_body,
     .reply = &submission, .errors = owner_errors, .handle = grade_put,
     .operation = "grade_put", .summary = "Grade a submission",
     .description = "For the owner of the course and administrators. A second grade replaces the first. If-Match takes "
         "the ETag of the submission, so that two who grade do not overwrite each other. Each grade is in the audit "
         "log."},
};
/* clang-format on */

const forge_routes_t forge_api_submissions = FORGE_API_ROUTES(routes, &forge_api_tag_courses);
