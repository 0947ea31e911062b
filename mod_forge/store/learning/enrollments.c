/* SPDX-License-Identifier: Apache-2.0
 * Who takes a course: people enrol themselves, in courses that they can see.
 */
#include "learning_private.h"

/* clang-format off */

/* Courses that the caller has still to complete: a prerequisite that they do not see, that is their own, or that has
 * nothing to complete, holds nobody up. */
#define UNMET \
    "SELECT c.id FROM forge.prerequisites r JOIN forge.courses c ON c.id = r.prerequisite_id" \
    " WHERE r.course_id = $3::bigint AND " FORGE_COURSE_KNOWN("$1") " AND c.instructor_id <> $1::bigint" \
    "  AND (EXISTS (" FORGE_LESSONS_OPEN("", "c.id") ") OR EXISTS (" FORGE_EXERCISES_OPEN("", "c.id") "))" \
    "  AND NOT EXISTS (SELECT FROM forge.course_completions d WHERE d.course_id = c.id AND d.user_id = $1::bigint)"

/* $1 caller, $2 administrator, $3 course, $4 ip, $5 request id. */
static const forge_stmt_t enroll = {
    "enroll",
    "WITH " FORGE_COURSE_SEEN ", "
    "unmet AS (SELECT n.id FROM (" UNMET ") n WHERE NOT (SELECT k.owned FROM course k)), "
    "made AS ("
    " INSERT INTO forge.enrollments AS e (course_id, user_id) SELECT k.id, $1::bigint FROM course k"
    " WHERE NOT EXISTS (SELECT FROM unmet) ON CONFLICT DO NOTHING RETURNING e.*), "
    FORGE_AUDIT("SELECT 'enrollment.created', $1::bigint, $1::bigint, $4::inet, $5,"
                " jsonb_build_object('course_id', course_id) FROM made")
    " SELECT k.id AS course_id, $1::bigint AS user_id, coalesce(m.enrolled_at, e.enrolled_at) AS enrolled_at,"
    " 'enrollment' AS _id, m.user_id IS NULL AS _already,"
    " CASE WHEN e.user_id IS NULL THEN (SELECT string_agg(n.id::text, ', ' ORDER BY n.id) FROM unmet n) END AS _unmet, "
    FORGE_AUDITED
    " FROM course k LEFT JOIN made m ON true LEFT JOIN forge.enrollments e ON e.course_id = k.id AND e.user_id ="
    " $1::bigint"};

static const forge_stmt_t enrollment_get = {
    "enrollment_get",
    "WITH " FORGE_COURSE_SEEN " SELECT e.course_id, e.user_id, e.enrolled_at FROM course k"
    " JOIN forge.enrollments e ON e.course_id = k.id AND e.user_id = $1::bigint"};

/* Somebody who is enrolled can leave, even if the course was closed to them meanwhile. */
static const forge_stmt_t unenroll = {
    "unenroll",
    "WITH gone AS (DELETE FROM forge.enrollments e WHERE e.course_id = $3::bigint AND e.user_id = $1::bigint RETURNING"
    " e.*), "
    FORGE_AUDIT("SELECT 'enrollment.deleted', $1::bigint, $1::bigint, $4::inet, $5,"
                " jsonb_build_object('course_id', course_id) FROM gone")
    " SELECT " FORGE_AUDITED " FROM forge.courses c"
    " WHERE c.id = $3::bigint AND (EXISTS (SELECT FROM gone) OR " FORGE_COURSE_VISIBLE("$1", "$2") ")"};

static const forge_stmt_t enrolled = {
    "enrolled",
    "SELECT c.instructor_id = u.id OR u.role = 'admin' OR EXISTS ("
    " SELECT FROM forge.enrollments e WHERE e.course_id = c.id AND e.user_id = u.id) AS enrolled "
    "FROM forge.users u CROSS JOIN forge.courses c WHERE u.id = $1::bigint AND u.is_active AND c.id = $2::bigint AND "
    FORGE_COURSE_VISIBLE("$1", "(u.role = 'admin')")};

/* clang-format on */

forge_status_t forge_store_enroll(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t course_id,
                                  bool *already, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f",
                                         forge_util_itoa(p, course_id), forge_store_ip(p, by->ip), by->request_id);
    /* No time: a twin was committed after our snapshot; the next one sees it. */
    for (int tries = 0; tries < 3; tries++) {
        forge_status_t status = forge_store_run(db, p, &enroll, args, rows);
        if (status == FORGE_E_BAD_REFERENCE) /* the course or the account went away meanwhile */
            return FORGE_E_NOT_FOUND;
        FORGE_TRY(status);
        if (forge_store_rows_count(*rows) == 0)
            return FORGE_E_NOT_FOUND;
        if (forge_store_rows_text(*rows, 0, "_unmet"))
            return FORGE_E_PREREQUISITES_UNMET;
        *already = forge_store_rows_bool(*rows, 0, "_already");
        if (forge_store_rows_text(*rows, 0, "enrolled_at"))
            return FORGE_OK;
    }
    return FORGE_E_CONFLICT;
}

forge_status_t forge_store_enrollment_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t course_id,
                                          forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f", forge_util_itoa(p, course_id));
    FORGE_TRY(forge_store_run(db, p, &enrollment_get, args, rows));
    return forge_store_rows_count(*rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_unenroll(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t course_id)
{
    forge_rows_t *rows;
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f",
                                         forge_util_itoa(p, course_id), forge_store_ip(p, by->ip), by->request_id);
    FORGE_TRY(forge_store_run(db, p, &unenroll, args, &rows));
    return forge_store_rows_count(rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_enrolled(forge_db_t *db, apr_pool_t *p, const forge_who_t *by, apr_int64_t course_id,
                                    bool *is)
{
    forge_rows_t *rows;
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->user_id), forge_util_itoa(p, course_id));
    FORGE_TRY(forge_store_run(db, p, &enrolled, args, &rows));
    *is = forge_store_rows_count(rows) > 0 && forge_store_rows_bool(rows, 0, "enrolled");
    return FORGE_OK;
}
