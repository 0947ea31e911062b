/* SPDX-License-Identifier: Apache-2.0
 * Figures of a course in one statement. Triggers keep what it reads (forge.learners, forge.exercise_stats): no progress
 * and no submission is looked at.
 */
#include "learning_private.h"

#define HARDEST 10 /* exercises that are named */

/* clang-format off */

/* `tally` reads each learner once and has a row for each score, of which there are 101 at most and one for none: all
 * the rest is counted from these few. The median lies between the middle two; `upto` says how many have that score or a
 * lower one. */
static const forge_stmt_t analytics = {
    "course_analytics",
    "WITH tally AS MATERIALIZED ("
    " SELECT l.score, count(*) AS n, count(*) FILTER (WHERE l.last_active_at >= now() - interval '7 days') AS week,"
    "  count(*) FILTER (WHERE l.last_active_at >= now() - interval '30 days') AS month"
    " FROM forge.learners l WHERE l.course_id = $1::bigint GROUP BY l.score), "
    "ranked AS (SELECT score, sum(n) OVER (ORDER BY score) AS upto, sum(n) OVER () AS n FROM tally"
    " WHERE score IS NOT NULL), "
    "median AS (SELECT (min(score) FILTER (WHERE upto >= (n + 1) / 2) + min(score) FILTER (WHERE upto >= n / 2 + 1))"
    " / 2.0 AS score FROM (SELECT score, upto::bigint AS upto, n::bigint AS n FROM ranked) r), "
    "done AS (SELECT count(*) AS n FROM forge.course_completions d"
    " JOIN forge.enrollments e ON e.course_id = d.course_id AND e.user_id = d.user_id WHERE d.course_id = $1::bigint), "
    "hard AS ("
    " SELECT x.id, x.title, round(t.passed::numeric / t.attempts, 4) AS pass_rate, t.attempts"
    " FROM forge.exercises x JOIN forge.exercise_stats t ON t.exercise_id = x.id"
    " WHERE x.course_id = $1::bigint AND x.published AND t.attempts > 0"
    " ORDER BY t.passed::numeric / t.attempts, t.attempts DESC, x.id LIMIT " APR_STRINGIFY(HARDEST) ") "
    "SELECT s.enrolled, s.active_7d, s.active_30d,"
    " coalesce(round(d.n::numeric / nullif(s.enrolled, 0), 4), 0) AS completion_rate,"
    " round(m.score, 1) AS median_score,"
    " (SELECT coalesce(json_agg(h), '[]') FROM hard h) AS hardest_exercises"
    " FROM (SELECT coalesce(sum(n), 0)::bigint AS enrolled, coalesce(sum(week), 0)::bigint AS active_7d,"
    "  coalesce(sum(month), 0)::bigint AS active_30d FROM tally) s CROSS JOIN median m CROSS JOIN done d"};

/* clang-format on */

forge_status_t forge_store_analytics(forge_db_t *db, apr_pool_t *p, apr_int64_t course_id, forge_rows_t **rows)
{
    return forge_store_run(db, p, &analytics, FORGE_ARGS(forge_util_itoa(p, course_id)), rows);
}
