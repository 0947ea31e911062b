/* SPDX-License-Identifier: Apache-2.0
 * What students hand in for an assignment, and its grades. A submission is never changed; a later one stands beside it.
 * Its version is that of its grade, so that If-Match guards the grade.
 */
#include "learning_private.h"
#include <string.h>

/* clang-format off */

/* Assignment a, submission s, its account u and its grade g. */
#define SUBMISSION \
    "s.id, s.assignment_id, s.user_id, u.username, s.content, coalesce(s.created_at > a.due_at, false) AS late," \
    " g.points, g.feedback, g.graded_by, g.updated_at AS graded_at, coalesce(g.version, 0) + 1 AS version, s.created_at"

static const forge_list_filter_t filters[] = {
    {"user_id", "s.user_id = $%d::bigint"},
    {"graded", "(g.submission_id IS NOT NULL) = $%d::boolean"},
    {NULL, NULL}};
static const forge_list_order_t orders[] = {
    {"id", "s.id", "s.id > $%d::bigint", NULL},
    {"-id", "s.id DESC", "s.id < $%d::bigint", NULL},
    {NULL, NULL, NULL, NULL}};

#define HANDED_IN \
    " FROM forge.assignment_submissions s JOIN forge.assignments a ON a.id = s.assignment_id" \
    " JOIN forge.users u ON u.id = s.user_id LEFT JOIN forge.grades g ON g.submission_id = s.id" \
    " WHERE s.assignment_id = $1::bigint"
#define OWN " AND s.user_id = $2::bigint"

const forge_list_t forge_store_submissions_list = {
    "submission_list", "SELECT " SUBMISSION HANDED_IN, "SELECT count(*)" HANDED_IN, 1, filters, orders};
const forge_list_t forge_store_submissions_own = {
    "submission_list_own", "SELECT " SUBMISSION HANDED_IN OWN, "SELECT count(*)" HANDED_IN OWN, 2, filters, orders};

/* $1 caller, $2 administrator, $3 course, $4 assignment, $5 submission. */
static const forge_stmt_t submission_get = {
    "submission_get",
    "WITH " FORGE_COURSE_TAKEN
    " SELECT " SUBMISSION ", CASE WHEN NOT (k.owned OR k.enrolled) THEN 'not_enrolled'"
    " WHEN s.id IS NULL THEN 'not_found' ELSE 'ok' END AS _outcome FROM course k"
    " LEFT JOIN forge.assignments a ON a.course_id = k.id AND a.id = $4::bigint"
    " LEFT JOIN forge.assignment_submissions s ON s.assignment_id = a.id AND s.id = $5::bigint"
    "  AND (k.owned OR s.user_id = $1::bigint)"
    " LEFT JOIN forge.users u ON u.id = s.user_id LEFT JOIN forge.grades g ON g.submission_id = s.id"};

/* $1 caller, $2 administrator, $3 course, $4 assignment, $5 content. A new submission has no grade. */
static const forge_stmt_t submission_create = {
    "submission_create",
    "WITH " FORGE_COURSE_TAKEN ", "
    "found AS (SELECT a.id, a.due_at FROM course k JOIN forge.assignments a ON a.course_id = k.id"
    " WHERE k.enrolled AND a.id = $4::bigint), "
    "made AS (INSERT INTO forge.assignment_submissions AS s (assignment_id, user_id, content)"
    " SELECT id, $1::bigint, $5 FROM found RETURNING s.*)"
    " SELECT " SUBMISSION ", CASE WHEN NOT k.enrolled THEN 'not_enrolled' WHEN a.id IS NULL THEN 'not_found'"
    " ELSE 'ok' END AS _outcome, now() AS _at"
    " FROM course k LEFT JOIN found a ON true LEFT JOIN made s ON true"
    " LEFT JOIN forge.users u ON u.id = s.user_id LEFT JOIN forge.grades g ON g.submission_id = s.id"};

/* $8 versions. */
#define FITS(version) "($8::text IS NULL OR " version " + 1 = ANY ($8::bigint[]))"

/* The grade that is there is locked before it is judged; one that another gives meanwhile is met by ON CONFLICT and
 * judged there. $1 caller, $2 administrator, $3 course, $4 assignment, $5 submission, $6 points, $7 feedback,
 * $8 versions, $9 ip, $10 request id. */
static const forge_stmt_t grade_put = {
    "grade_put",
    "WITH " FORGE_COURSE_TAKEN ", "
    "found AS (SELECT s.* FROM course k JOIN forge.assignments a ON a.course_id = k.id AND a.id = $4::bigint"
    " JOIN forge.assignment_submissions s ON s.assignment_id = a.id AND s.id = $5::bigint WHERE k.owned), "
    "was AS (SELECT g.points, g.version FROM found f JOIN forge.grades g ON g.submission_id = f.id"
    " FOR NO KEY UPDATE OF g), "
    "made AS ("
    " INSERT INTO forge.grades AS g (submission_id, points, feedback, graded_by)"
    " SELECT f.id, $6::integer, coalesce($7, ''), $1::bigint FROM found f LEFT JOIN was w ON true"
    " WHERE " FITS("coalesce(w.version, 0)")
    " ON CONFLICT (submission_id) DO UPDATE SET points = excluded.points, feedback = excluded.feedback,"
    "  graded_by = excluded.graded_by WHERE " FITS("g.version") " RETURNING g.*), "
    FORGE_AUDIT("SELECT CASE WHEN w.points IS NULL THEN 'grade.given' ELSE 'grade.changed' END, $1::bigint, f.user_id,"
                " $9::inet, $10, jsonb_strip_nulls(jsonb_build_object('course_id', $3::bigint, 'assignment_id',"
                " f.assignment_id, 'submission_id', f.id, 'from', w.points, 'points', m.points))"
                " FROM made m JOIN found f ON f.id = m.submission_id LEFT JOIN was w ON true")
    " SELECT " SUBMISSION ", CASE WHEN NOT k.owned THEN 'not_owner' WHEN s.id IS NULL THEN 'not_found'"
    " WHEN g.submission_id IS NULL THEN 'stale' ELSE 'ok' END AS _outcome, " FORGE_AUDITED
    " FROM course k LEFT JOIN found s ON true LEFT JOIN forge.assignments a ON a.id = s.assignment_id"
    " LEFT JOIN forge.users u ON u.id = s.user_id LEFT JOIN made g ON true"};

/* clang-format on */

forge_status_t forge_store_submission_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                          const apr_int64_t ids[3], forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by), forge_util_itoa(p, ids[0]),
                   forge_util_itoa(p, ids[1]), forge_util_itoa(p, ids[2]));
    FORGE_TRY(forge_store_run(db, p, &submission_get, args, rows));
    return forge_store_course_judged(*rows);
}

forge_status_t forge_store_submission_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                             const apr_int64_t ids[2], const char *content, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by),
                                         forge_util_itoa(p, ids[0]), forge_util_itoa(p, ids[1]), content);
    forge_status_t status = forge_store_run(db, p, &submission_create, args, rows);
    if (status == FORGE_E_BAD_REFERENCE) /* the assignment or the account went away meanwhile */
        return FORGE_E_NOT_FOUND;
    FORGE_TRY(status);
    FORGE_TRY(forge_store_course_judged(*rows));
    forge_store_event(
        db, &(forge_event_t){.name = "assignment.submitted",
                             .user_id = by->id,
                             .detail = {{.name = "course_id", .number = ids[0]},
                                        {.name = "assignment_id", .number = ids[1]},
                                        {.name = "submission_id", .number = forge_store_rows_int(*rows, 0, "id", 0)}}});
    return forge_store_earned(db, p, by->id, *rows); /* the day may have made a streak whole */
}

forge_status_t forge_store_grade_put(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const apr_int64_t ids[3],
                                     const forge_grade_in_t *in, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by), forge_util_itoa(p, ids[0]),
                   forge_util_itoa(p, ids[1]), forge_util_itoa(p, ids[2]), in->points, in->feedback, in->if_version,
                   forge_store_ip(p, by->ip), by->request_id);
    forge_status_t status = forge_store_run(db, p, &grade_put, args, rows);
    if (status == FORGE_E_BAD_REFERENCE)
        return strcmp(forge_store_constraint(db), "grades_graded_by_fkey") == 0 ? FORGE_E_INVALID_TOKEN
                                                                                : FORGE_E_NOT_FOUND;
    FORGE_TRY(status);
    return forge_store_course_judged(*rows);
}
