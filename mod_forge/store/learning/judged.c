/* SPDX-License-Identifier: Apache-2.0
 * Judged submissions: each function has one statement that writes the submission and its progress. What that earns,
 * completed courses and achievements, the triggers of forge.progress write with it (migration 0020).
 */
#include "learning_private.h"
#include <string.h>

/* clang-format off */

/* The trigger monotone keeps what is better than this. */
#define PROGRESS \
    "reached AS (" \
    " INSERT INTO forge.progress AS p (user_id, exercise_id, status, score)" \
    " SELECT s.user_id, s.exercise_id, CASE WHEN s.passed THEN 'completed' ELSE 'in_progress' END, s.score" \
    " FROM judged s" \
    " ON CONFLICT (user_id, exercise_id) WHERE exercise_id IS NOT NULL" \
    " DO UPDATE SET status = excluded.status, score = excluded.score RETURNING p.completed_at)"
/* Solved for the first time, and the time of the transaction. */
#define REACHED "(SELECT r.completed_at = now() FROM reached r) AS _first, now() AS _at"

/* $1 caller, $2 exercise, $3 code, $4 passed, $5 score, $6 results, $7 version of the exercise. */
static const forge_stmt_t submission_judged = {
    "submission_judged",
    "WITH judged AS ("
    " INSERT INTO forge.exercise_submissions (user_id, exercise_id, code, status, passed, score, results,"
    "  exercise_version, judged_at)"
    " VALUES ($1::bigint, $2::bigint, $3, 'done', $4::boolean, $5::integer, $6::jsonb, $7::bigint, now())"
    " RETURNING *), " PROGRESS
    " SELECT " FORGE_SUBMISSION ", " REACHED " FROM judged s"};

/* Before a submission is judged anew: everything above it is locked from above, as whoever deletes a course, an
 * exercise or an account does it (migration 0027). And nobody is asked to have room for what others have judged. */
static const forge_stmt_t submission_held = {
    "submission_held",
    "WITH what AS MATERIALIZED (SELECT s.user_id, s.exercise_id, e.course_id FROM forge.exercise_submissions s"
    " JOIN forge.exercises e ON e.id = s.exercise_id WHERE s.id = $1::bigint), "
    "course AS MATERIALIZED (SELECT c.id FROM forge.courses c WHERE c.id = (SELECT w.course_id FROM what w)"
    " FOR KEY SHARE), "
    "exercise AS MATERIALIZED (SELECT e.id FROM forge.exercises e WHERE e.id = (SELECT w.exercise_id FROM what w)"
    " AND (SELECT count(*) FROM course) >= 0 FOR KEY SHARE), "
    "account AS MATERIALIZED (SELECT u.id FROM forge.users u WHERE u.id = (SELECT w.user_id FROM what w)"
    " AND (SELECT count(*) FROM exercise) >= 0 FOR NO KEY UPDATE) "
    "SELECT count(*), set_config('forge.user_quota', '', true) FROM account"};

/* $1 submission, $2 passed, $3 score, $4 results, $5 version of the exercise. */
static const forge_stmt_t submission_rejudged = {
    "submission_rejudged",
    "WITH judged AS ("
    " UPDATE forge.exercise_submissions SET status = 'done', passed = $2::boolean, score = $3::integer,"
    "  results = $4::jsonb, exercise_version = $5::bigint, judged_at = now()"
    " WHERE id = $1::bigint RETURNING *), " PROGRESS
    " SELECT " FORGE_SUBMISSION ", " REACHED " FROM judged s"};

/* clang-format on */

/* A solution is news once; whatever else was tried is detail. */
static forge_status_t happened(forge_db_t *db, apr_pool_t *p, const forge_rows_t *rows)
{
    apr_int64_t user = forge_store_rows_int(rows, 0, "user_id", 0);
    forge_store_event(
        db,
        &(forge_event_t){.name = forge_store_rows_bool(rows, 0, "_first") ? "exercise.solved" : "exercise.attempted",
                         .user_id = user,
                         .detail = {{.name = "exercise_id", .number = forge_store_rows_int(rows, 0, "exercise_id", 0)},
                                    {.name = "submission_id", .number = forge_store_rows_int(rows, 0, "id", 0)},
                                    {.name = "score", .number = forge_store_rows_int(rows, 0, "score", 0)}}});
    return forge_store_earned(db, p, user, rows);
}

forge_status_t forge_store_submission_judged(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                             apr_int64_t exercise_id, const forge_judged_t *judged, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), forge_util_itoa(p, exercise_id), judged->code,
                                         judged->passed ? "t" : "f", forge_util_itoa(p, judged->score), judged->results,
                                         forge_util_itoa(p, judged->version));
    forge_status_t status = forge_store_run(db, p, &submission_judged, args, rows);
    /* The exercise or the account went away while the program ran. */
    if (status == FORGE_E_BAD_REFERENCE)
        return strstr(forge_store_constraint(db), "user_id") ? FORGE_E_INVALID_TOKEN : FORGE_E_NOT_FOUND;
    FORGE_TRY(status);
    return happened(db, p, *rows);
}

forge_status_t forge_store_submission_rejudged(forge_db_t *db, apr_pool_t *p, apr_int64_t id,
                                               const forge_judged_t *judged, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, id), judged->passed ? "t" : "f", forge_util_itoa(p, judged->score),
                   judged->results, forge_util_itoa(p, judged->version));
    FORGE_TRY(forge_store_in_turn(db, p, &submission_held, &submission_rejudged, args, rows));
    return forge_store_rows_count(*rows) ? happened(db, p, *rows) : FORGE_E_NOT_FOUND;
}
