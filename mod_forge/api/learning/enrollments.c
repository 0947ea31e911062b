/* SPDX-License-Identifier: Apache-2.0
 * /courses/{id}/enrollment: who takes a course.
 */
#include "api/api.h"
#include "store/learning/learning.h"
#include "api/shared.h"

#include <apr_strings.h>

/* clang-format off */
static const forge_field_t enrollment_fields[] = {
    {"course_id", FORGE_T_INT, .min = 1, .example = "12", .help = "number of the course"},
    {"user_id", FORGE_T_INT, .min = 1, .example = "7", .help = "number of the account"},
    {"enrolled_at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when the account enrolled"},
    {.name = NULL},
};
static const forge_shape_t enrollment = {"Enrollment", enrollment_fields};
/* clang-format on */

static forge_status_t enrollment_create(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    bool already;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_enroll(db, q->pool, &by, q->ids[0], &already, &rows);
    if (status == FORGE_E_PREREQUISITES_UNMET)
        return forge_fail_detail(q, status,
                                 apr_pstrcat(q->pool, "courses to complete before this one: ",
                                             forge_store_rows_text(rows, 0, "_unmet"), NULL));
    FORGE_TRY(status);
    return already ? forge_reply_again(q, rows)
                   : forge_reply_created(
                         q, rows, apr_pstrcat(q->pool, "/api/v1/courses/", forge_util_itoa(q->pool, q->ids[0]), NULL));
}

static const forge_status_t create_errors[] = {FORGE_E_PREREQUISITES_UNMET, FORGE_OK};

/* The course must still be there for the caller's eyes. */
static forge_status_t enrollment_again(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    return forge_store_course_get(db, q->pool, &by, q->ids[0], &rows);
}

static forge_status_t enrollment_get(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_enrollment_get(db, q->pool, &by, q->ids[0], &rows));
    return forge_reply_row(q, rows);
}

static forge_status_t enrollment_delete(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_unenroll(db, q->pool, &by, q->ids[0]));
    return forge_reply_none(q);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/courses/{id}/enrollment", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .reply = &enrollment,
     .handle = enrollment_get,
     .operation = "enrollment_get", .summary = "Read one's own enrolment",
     .description = "The caller's own enrolment in the course. Not found when the caller is not enrolled or cannot see "
         "the course."},
    {FORGE_POST, "/courses/{id}/enrollment", FORGE_ROLE_STUDENT, .flags = FORGE_R_IDEMPOTENT | FORGE_R_AGAIN,
     .success = 201, .reply = &enrollment, .errors = create_errors, .handle = enrollment_create,
     .again = enrollment_again,
     .operation = "enrollment_create", .summary = "Enrol in a course",
     .description = "Enrols the caller. Open to every account, except guests, that can see the course. Repeating the "
         "call changes nothing. Its prerequisites must be completed before: those that the caller may see, that have "
         "something published to complete and are not the caller's own. The owner of the course and administrators are "
         "not asked for them."},
    {FORGE_DELETE, "/courses/{id}/enrollment", FORGE_ROLE_STUDENT, .success = 204, .handle = enrollment_delete,
     .operation = "enrollment_delete", .summary = "Leave a course",
     .description = "Ends the caller's own enrolment. A caller who is not enrolled gets the same answer, if they can "
         "see the course."},
};
/* clang-format on */

const forge_routes_t forge_api_enrollments = FORGE_API_ROUTES(routes, &forge_api_tag_courses);
