/* SPDX-License-Identifier: Apache-2.0
 * /courses/{id}/prerequisites and /courses/{id}/path: which courses come before a course, and in which order.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "learning.h"

#include <apr_strings.h>

#define PREREQUISITES_MAX 100

/* clang-format off */
static const forge_field_t prerequisites_fields[] = {
    {"course_ids", FORGE_T_ARRAY, FORGE_F_REQUIRED, 0, PREREQUISITES_MAX, .format = "int", .example = "[3, 4]",
     .help = "courses to complete before this one"},
    {.name = NULL},
};
static const forge_shape_t prerequisites = {"Prerequisites", prerequisites_fields};
/* clang-format on */

static const forge_status_t change_errors[] = {FORGE_E_NOT_OWNER, FORGE_E_BAD_REFERENCE, FORGE_E_PREREQUISITE_CYCLE,
                                               FORGE_OK};

static forge_status_t prerequisites_get(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_prerequisites_get(db, q->pool, &by, q->ids[0], &rows));
    return forge_reply_row(q, rows);
}

/* As PostgreSQL takes an array; a fault for what is no id. */
static const char *read_ids(forge_req_t *q)
{
    const forge_json_t *list = forge_core_input_json_value(q->body, "course_ids");
    const char *text = "{";
    for (apr_size_t i = 0; i < forge_util_json_size(list); i++) {
        apr_int64_t id = 0;
        forge_util_json_int(forge_util_json_at(list, i), &id);
        if (id < 1)
            forge_core_fault(q->faults, apr_psprintf(q->pool, "/course_ids/%" APR_SIZE_T_FMT, i), "out_of_range",
                             "must be 1 or more");
        text = apr_pstrcat(q->pool, text, i ? "," : "", forge_util_itoa(q->pool, id), NULL);
    }
    return apr_pstrcat(q->pool, text, "}", NULL);
}

static forge_status_t prerequisites_put(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const forge_prerequisites_in_t in = {read_ids(q), q->if_version};
    if (forge_core_faults_count(q->faults) > 0)
        return forge_fail_faults(q, FORGE_E_VALIDATION, q->faults);
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_prerequisites_put(db, q->pool, &by, q->ids[0], &in, &rows);
    if (status == FORGE_E_BAD_REFERENCE)
        return forge_fail_field(q, status, "/course_ids", "unknown", "one of these courses does not exist");
    FORGE_TRY(status);
    return forge_reply_row(q, rows);
}

static forge_status_t path_list(forge_req_t *q)
{
    return forge_api_course_list(q, q->route->list);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/courses/{id}/prerequisites", FORGE_ROLE_NONE, .flags = FORGE_R_ETAG | FORGE_R_PUBLIC,
     .reads = FORGE_READS_COURSES | FORGE_READS_CONTENT,
     .reply = &prerequisites, .handle = prerequisites_get,
     .operation = "prerequisites_get", .summary = "Read the prerequisites of a course",
     .description = "Open to anyone who may see the course. Courses that the caller may not see are left out."},
    {FORGE_PUT, "/courses/{id}/prerequisites", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG | FORGE_R_CHECKS,
     .body = &prerequisites, .reply = &prerequisites, .errors = change_errors, .handle = prerequisites_put,
     .operation = "prerequisites_replace", .summary = "Replace the prerequisites of a course",
     .description = "For its owner and administrators, with courses that they may see. Raises the version of the"
     " course. "
         "Refused with prerequisite_cycle when a course would come before itself, over any number of steps."},
    {FORGE_GET, "/courses/{id}/path", FORGE_ROLE_NONE, .flags = FORGE_R_LIST | FORGE_R_PUBLIC,
     .reads = FORGE_READS_COURSES | FORGE_READS_CONTENT,
     .list = &forge_store_path_list, .reply = &forge_api_course, .handle = path_list,
     .operation = "course_path", .summary = "Read the way to a course",
     .description = "All courses to complete before this one, at most 500 of them (the nearest ones), each behind its "
         "own prerequisites; the course itself is not among them. Open to anyone who may see the course. Courses that "
         "the caller may not see are left out."},
};
/* clang-format on */

const forge_routes_t forge_api_prerequisites = FORGE_API_ROUTES(routes, &forge_api_tag_courses);
