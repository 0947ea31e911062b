/* SPDX-License-Identifier: Apache-2.0
 * Submissions to exercises, read: one's own, and all of them for whoever owns the exercise (SPEC 7). judged.c writes
 * them.
 */
#include "learning_private.h"

/* clang-format off */

/* Whether the caller sees the submissions of all. $1 caller, $2 administrator, $3 exercise. */
static const forge_stmt_t whose = {
    "exercise_submission_whose",
    "SELECT " FORGE_EXERCISE_OWN("$1") " OR $2::boolean AS every FROM forge.exercises e"
    " LEFT JOIN forge.courses c ON c.id = e.course_id WHERE e.id = $3::bigint AND "
    FORGE_EXERCISE_VISIBLE("$1", "$2")};

/* And $4 submission. */
static const forge_stmt_t get = {
    "exercise_submission_get",
    "SELECT " FORGE_SUBMISSION ", s.code FROM forge.exercise_submissions s JOIN forge.exercises e ON e.id ="
    " s.exercise_id LEFT JOIN forge.courses c ON c.id = e.course_id"
    " WHERE s.exercise_id = $3::bigint AND " FORGE_EXERCISE_VISIBLE("$1", "$2")
    " AND (s.user_id = $1::bigint OR $2::boolean OR " FORGE_EXERCISE_OWN("$1") ") AND s.id = $4::bigint"};

static const forge_list_filter_t filters[] = {
    {"user_id", "s.user_id = $%d::bigint"},
    {"passed", "s.passed = $%d::boolean"},
    {NULL, NULL}};
static const forge_list_order_t orders[] = {
    {"-id", "s.id DESC", "s.id < $%d::bigint", NULL},
    {"id", "s.id", "s.id > $%d::bigint", NULL},
    {NULL, NULL, NULL, NULL}};

/* Two lists, because one for both kinds of caller would read all to find a student's own. */
#define SUBMITTED " FROM forge.exercise_submissions s WHERE s.exercise_id = $1::bigint"
#define OWN       " AND s.user_id = $2::bigint"
const forge_list_t forge_store_exercise_submissions_list = {
    "exercise_submission_list", "SELECT " FORGE_SUBMISSION SUBMITTED, "SELECT count(*)" SUBMITTED, 1, filters, orders};
const forge_list_t forge_store_exercise_submissions_own = {
    "exercise_submission_list_own", "SELECT " FORGE_SUBMISSION SUBMITTED OWN, "SELECT count(*)" SUBMITTED OWN, 2,
    filters, orders};

/* clang-format on */

forge_status_t forge_store_exercise_submission_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                                   apr_int64_t exercise, apr_int64_t id, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by),
                                         forge_util_itoa(p, exercise), forge_util_itoa(p, id));
    FORGE_TRY(forge_store_run(db, p, &get, args, rows));
    return forge_store_rows_count(*rows) > 0 ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_exercise_submissions_whose(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                                      apr_int64_t exercise, bool *every)
{
    forge_rows_t *rows;
    const forge_args_t args =
        FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by), forge_util_itoa(p, exercise));
    FORGE_TRY(forge_store_run(db, p, &whose, args, &rows));
    if (forge_store_rows_count(rows) == 0)
        return FORGE_E_NOT_FOUND;
    *every = forge_store_rows_bool(rows, 0, "every");
    return FORGE_OK;
}
