/* SPDX-License-Identifier: Apache-2.0
 * Which submissions of an exercise a job has still to judge again. What was judged since the job was asked for, by the
 * exercise as it is now, is none of them: so whoever begins anew goes on where the last one stopped.
 */
#include "learning_private.h"

/* clang-format off */

/* $1 exercise, $2 job, $3 only the latest of each account. */
#define IN_SCOPE \
    " FROM forge.exercise_submissions s WHERE s.exercise_id = $1::bigint AND (NOT $3::boolean OR NOT EXISTS (" \
    "SELECT FROM forge.exercise_submissions l WHERE l.exercise_id = s.exercise_id AND l.user_id = s.user_id" \
    " AND l.id > s.id))"
#define LEFT(version) \
    "(s.judged_at IS NULL OR s.exercise_version IS DISTINCT FROM " version \
    " OR s.judged_at < (SELECT created_at FROM forge.jobs WHERE id = $2::bigint))"

static const forge_stmt_t rejudge_state = {
    "rejudge_state",
    "SELECT e.language, e.tests, e.limits, e.version, n.all, n.left FROM forge.exercises e CROSS JOIN LATERAL ("
    " SELECT count(*) AS all, count(*) FILTER (WHERE " LEFT("e.version") ") AS left" IN_SCOPE ") n"
    " WHERE e.id = $1::bigint"};

/* $1 exercise, $2 job, $3 only the latest of each account, $4 version of the exercise, $5 after this submission,
 * $6 how many. */
static const forge_stmt_t rejudge_next = {
    "rejudge_next",
    "SELECT s.id, s.code" IN_SCOPE " AND " LEFT("$4::bigint") " AND s.id > $5::bigint"
    " AND EXISTS (SELECT FROM forge.exercises e WHERE e.id = $1::bigint AND e.version = $4::bigint)"
    " ORDER BY s.id LIMIT $6::integer"};

/* clang-format on */

forge_status_t forge_store_rejudge_state(forge_db_t *db, apr_pool_t *p, const forge_rejudge_t *in, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, in->exercise), forge_util_itoa(p, in->job), in->latest ? "t" : "f");
    FORGE_TRY(forge_store_run(db, p, &rejudge_state, args, rows));
    return forge_store_rows_count(*rows) > 0 ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_rejudge_next(forge_db_t *db, apr_pool_t *p, const forge_rejudge_t *in, apr_int64_t after,
                                        forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, in->exercise), forge_util_itoa(p, in->job), in->latest ? "t" : "f",
                   forge_util_itoa(p, in->version), forge_util_itoa(p, after), forge_util_itoa(p, in->limit));
    return forge_store_run(db, p, &rejudge_next, args, rows);
}
