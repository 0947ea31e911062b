/* SPDX-License-Identifier: Apache-2.0
 * The students of a course: who they are, how far they have come, and many enrolled in one statement.
 */
#include "learning_private.h"

/* clang-format off */

static const forge_list_filter_t filters[] = {{NULL, NULL}};
static const forge_list_order_t orders[] = {
    {"id", "e.user_id", "e.user_id > $%d::bigint", NULL}, {NULL, NULL, NULL, NULL}};

/* $1 caller, $2 administrator, $3 course. */
#define ENROLLED(whose) \
    " FROM forge.courses c JOIN forge.enrollments e ON e.course_id = c.id WHERE c.id = $3::bigint AND " \
    FORGE_COURSE_VISIBLE("$1", "$2") " AND " whose
#define OWNERS FORGE_COURSE_OWNED("$1", "$2")
#define OWN    "e.user_id = $1::bigint"

const forge_list_t forge_store_students_list = {
    "student_list",
    "SELECT e.user_id, u.username, u.full_name, e.enrolled_at, e.user_id AS _id FROM forge.courses c"
    " JOIN forge.enrollments e ON e.course_id = c.id JOIN forge.users u ON u.id = e.user_id"
    " WHERE c.id = $3::bigint AND " FORGE_COURSE_VISIBLE("$1", "$2") " AND " OWNERS,
    "SELECT count(*)" ENROLLED(OWNERS), 3, filters, orders};

/* What is to be completed is counted once; for each student the index of their progress in the course is read. */
#define PROGRESS(whose) \
    "SELECT e.user_id, u.username, e.enrolled_at, done.n AS completed, whole.n AS total," \
    " CASE WHEN whole.n > 0 THEN done.n * 100 / whole.n ELSE 0 END AS percent, g.score, g.last_active_at," \
    " d.completed_at, e.user_id AS _id" \
    " FROM forge.courses c JOIN forge.enrollments e ON e.course_id = c.id JOIN forge.users u ON u.id = e.user_id" \
    " LEFT JOIN forge.learners g ON g.course_id = e.course_id AND g.user_id = e.user_id" \
    " LEFT JOIN forge.course_completions d ON d.course_id = e.course_id AND d.user_id = e.user_id" \
    " CROSS JOIN LATERAL (SELECT (" FORGE_LESSONS_OPEN("count(*)", "$3::bigint") ") + (" \
    FORGE_EXERCISES_OPEN("count(*)", "$3::bigint") ") AS n) whole" \
    " CROSS JOIN LATERAL (SELECT count(*) AS n FROM forge.progress p WHERE p.course_id = e.course_id" \
    "  AND p.user_id = e.user_id AND p.status = 'completed' AND (p.lesson_id IN (" \
    FORGE_LESSONS_OPEN("l.id", "$3::bigint") ") OR p.exercise_id IN (" FORGE_EXERCISES_OPEN("x.id", "$3::bigint") \
    "))) done" \
    " WHERE c.id = $3::bigint AND " FORGE_COURSE_VISIBLE("$1", "$2") " AND " whose

const forge_list_t forge_store_course_progress_list = {
    "course_progress", PROGRESS(OWNERS), "SELECT count(*)" ENROLLED(OWNERS), 3, filters, orders};
const forge_list_t forge_store_course_progress_own = {
    "course_progress_own", PROGRESS(OWN), "SELECT count(*)" ENROLLED(OWN), 3, filters, orders};

/* An address names an account only once it is proven, and where the course is another organisation's it names nobody:
 * then the answer is the one for an address that nobody has. Of the same account twice the first counts.
 * $1 caller, $2 administrator, $3 course, $4 accounts, $5 ip, $6 request id. */
static const forge_stmt_t students_enroll = {
    "students_enroll",
    "WITH " FORGE_COURSE_SEEN ", "
    "given AS MATERIALIZED (SELECT g.* FROM jsonb_to_recordset($4::jsonb) AS g(ord integer, user_id bigint, email text,"
    " email_key text)), "
    "target AS ("
    " SELECT g.ord, g.user_id AS asked, g.email, u.id, u.id IS NOT NULL AND (k.organization_id IS NULL OR u.role ="
    " 'admin'"
    "   OR EXISTS (SELECT FROM forge.memberships m WHERE m.organization_id = k.organization_id AND m.user_id = u.id))"
    "   AS may, row_number() OVER (PARTITION BY u.id ORDER BY g.ord) AS nth"
    " FROM course k CROSS JOIN given g"
    " LEFT JOIN forge.users b ON b.email_key = g.email_key AND b.email_verified"
    " LEFT JOIN forge.users u ON u.id = coalesce(g.user_id, b.id) AND u.is_active AND u.role <> 'guest'), "
    "made AS ("
    " INSERT INTO forge.enrollments AS e (course_id, user_id) SELECT k.id, t.id FROM course k CROSS JOIN target t"
    " WHERE k.owned AND t.may AND t.nth = 1 ORDER BY t.id ON CONFLICT DO NOTHING RETURNING e.course_id, e.user_id), "
    FORGE_AUDIT("SELECT 'enrollment.created', $1::bigint, user_id, $5::inet, $6,"
                " jsonb_build_object('course_id', course_id) FROM made")
    " SELECT CASE WHEN k.owned THEN 'ok' ELSE 'not_owner' END AS _outcome,"
    " (SELECT coalesce(json_agg(json_strip_nulls(json_build_object('user_id', CASE WHEN t.may THEN t.id ELSE"
    " t.asked END,"
    "   'email', t.email, 'status', CASE WHEN NOT t.may AND (t.id IS NULL OR t.email IS NOT NULL) THEN 'not_found'"
    "   WHEN NOT t.may THEN 'failed' WHEN t.nth = 1 AND t.id IN (SELECT user_id FROM made) THEN 'ok' ELSE"
    " 'unchanged' END,"
    "   'code', CASE WHEN NOT t.may AND t.id IS NOT NULL AND t.email IS NULL THEN 'not_member' END)) ORDER BY t.ord),"
    "  '[]') FROM target t) AS results, " FORGE_AUDITED " FROM course k"};

/* clang-format on */

forge_status_t forge_store_students_enroll(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                           const char *accounts, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by),
                                         forge_util_itoa(p, id), accounts, forge_store_ip(p, by->ip), by->request_id);
    FORGE_TRY(forge_store_run(db, p, &students_enroll, args, rows));
    return forge_store_course_judged(*rows);
}
