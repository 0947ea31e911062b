/* SPDX-License-Identifier: Apache-2.0
 * Submissions to exercises: what is needed to judge one, and the statement that keeps the verdict together with the
 * progress that it is (SPEC 7).
 */
#include "learning_private.h"

/* clang-format off */

/* Exercises (called x) that a known account sees: published ones of no course or of a course that it sees, and its own.
 * Who made one, or teaches its course, is its author here. */
#define AUTHORS(caller) \
    "(x.author_id = " caller "::bigint OR EXISTS (SELECT FROM forge.courses c WHERE c.id = x.course_id" \
    " AND c.instructor_id = " caller "::bigint AND " FORGE_COURSE_KNOWN(caller) "))"
#define SEEN(caller, admin) \
    "(" admin "::boolean OR x.author_id = " caller "::bigint OR (x.course_id IS NULL AND x.published) OR EXISTS (" \
    "SELECT FROM forge.courses c WHERE c.id = x.course_id AND " FORGE_COURSE_KNOWN(caller) \
    " AND (x.published OR c.instructor_id = " caller "::bigint)))"

#define SUBMISSION \
    "s.id, s.exercise_id, s.user_id, s.status, s.passed, s.score, s.results, s.created_at, s.judged_at"

/* $1 caller, $2 administrator, $3 exercise. */
static const forge_stmt_t to_judge = {
    "exercise_to_judge",
    "SELECT x.id, x.language, x.tests::text AS tests, x.limits::text AS limits, x.version FROM forge.exercises x"
    " WHERE x.id = $3::bigint AND " SEEN("$1", "$2")};

/* The exercise must still be there. $1 caller, $2 administrator, $3 exercise, $4 code, $5 passed, $6 score, $7 results,
 * $8 version of the exercise. */
static const forge_stmt_t create = {
    "submission_create",
    "WITH made AS ("
    " INSERT INTO forge.exercise_submissions AS s"
    "  (exercise_id, user_id, code, status, passed, score, results, exercise_version, judged_at)"
    " SELECT x.id, $1::bigint, $4, 'done', $5::boolean, $6::integer, $7::jsonb, $8::bigint, now()"
    " FROM forge.exercises x WHERE x.id = $3::bigint AND " SEEN("$1", "$2") " RETURNING s.*), "
    "reached AS ("
    " INSERT INTO forge.progress (user_id, exercise_id, status, score)"
    " SELECT m.user_id, m.exercise_id, CASE WHEN m.passed THEN 'completed' ELSE 'in_progress' END, m.score FROM made m"
    " ON CONFLICT (user_id, exercise_id) WHERE exercise_id IS NOT NULL"
    " DO UPDATE SET status = excluded.status, score = excluded.score) "
    "SELECT " SUBMISSION " FROM made s"};

/* $1 caller, $2 administrator, $3 exercise, $4 submission. */
static const forge_stmt_t get = {
    "submission_get",
    "SELECT " SUBMISSION ", s.code FROM forge.exercise_submissions s JOIN forge.exercises x ON x.id = s.exercise_id"
    " WHERE s.id = $4::bigint AND x.id = $3::bigint AND " SEEN("$1", "$2")
    " AND (s.user_id = $1::bigint OR $2::boolean OR " AUTHORS("$1") ")"};

#define FROM_LISTED \
    " FROM forge.exercise_submissions s JOIN forge.exercises x ON x.id = s.exercise_id" \
    " WHERE s.exercise_id = $3::bigint AND " SEEN("$1", "$2") \
    " AND (s.user_id = $1::bigint OR $2::boolean OR " AUTHORS("$1") ")"

static const forge_list_filter_t filters[] = {
    {"user_id", "s.user_id = $%d::bigint"},
    {"passed", "s.passed = $%d::boolean"},
    {NULL, NULL}};
static const forge_list_order_t orders[] = {
    {"-id", "s.id DESC", "s.id < $%d::bigint", NULL},
    {"id", "s.id", "s.id > $%d::bigint", NULL},
    {NULL, NULL, NULL, NULL}};
const forge_list_t forge_store_submissions_list = {
    "submission_list", "SELECT " SUBMISSION FROM_LISTED, "SELECT count(*)" FROM_LISTED, 3, filters, orders};

/* clang-format on */

static const char *flag(bool b)
{
    return b ? "true" : "false";
}

static forge_status_t one(forge_status_t status, forge_rows_t *const *rows)
{
    FORGE_TRY(status);
    return forge_store_rows_count(*rows) > 0 ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_exercise_to_judge(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                             apr_int64_t exercise, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), flag(by->admin), forge_util_itoa(p, exercise));
    return one(forge_store_run(db, p, &to_judge, args, rows), rows);
}

forge_status_t forge_store_submission_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                             apr_int64_t exercise, const forge_submission_in_t *in, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), flag(by->admin), forge_util_itoa(p, exercise), in->code,
                   flag(in->passed), forge_util_itoa(p, in->score), in->results, in->version);
    return one(forge_store_run(db, p, &create, args, rows), rows);
}

forge_status_t forge_store_submission_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t exercise,
                                          apr_int64_t id, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), flag(by->admin), forge_util_itoa(p, exercise), forge_util_itoa(p, id));
    return one(forge_store_run(db, p, &get, args, rows), rows);
}
