/* SPDX-License-Identifier: Apache-2.0
 * Analyses (SPEC 10): the list, one of them, its end, and how far it is. Status, progress, stage and error are those of
 * the job.
 */
#include "analysis.h"
#include "store/engine/store_private.h"
#include "store/operations/operations.h"

/* clang-format off */

/* The analysis is called s in every statement here, its job j. What a job that is to be tried again failed with is
 * nobody's business. */
#define FAILURE \
    "CASE WHEN j.status = 'failed' THEN jsonb_build_object('code', coalesce(j.error_code, 'failed')," \
    " 'detail', coalesce(j.error_detail, '')) END"
#define STATE \
    "s.id, s.kind, s.file_id, s.url, s.ref, j.status, j.progress, j.stage, " FAILURE " AS error, s.created_at," \
    " j.finished_at"
#define FROM " FROM forge.analysis_sessions s JOIN forge.jobs j ON j.id = s.job_id"
#define OWN  FROM " WHERE s.user_id = $1::bigint"
/* $1 account, 0 for all of them; $2 analysis. */
#define MINE "s.id = $2::bigint AND (s.user_id = $1::bigint OR $1::bigint = 0)"

static const forge_list_filter_t filters[] = {{"kind", "s.kind = $%d"}, {"status", "j.status = $%d"}, {NULL, NULL}};
static const forge_list_order_t orders[] = {{"-id", "s.id DESC", "s.id < $%d::bigint", NULL}, {NULL, NULL, NULL, NULL}};

const forge_list_t forge_store_analyses_list = {
    "analysis_list",
    "SELECT " STATE OWN,
    "SELECT count(*)" OWN,
    1, filters, orders};

static const forge_stmt_t get = {"analysis_get", "SELECT " STATE ", s.result" FROM " WHERE " MINE};

/* The job's row is locked first, as those do who work on it: it stays, cancelled, for housekeeping. */
static const forge_stmt_t delete = {
    "analysis_delete",
    "WITH mine AS (SELECT s.id, s.job_id FROM forge.analysis_sessions s WHERE " MINE "), "
    "stopped AS (UPDATE forge.jobs j SET status = 'cancelled', finished_at = now(), lease_until = NULL FROM mine m"
    " WHERE j.id = m.job_id AND j.status IN ('queued', 'running')) "
    "DELETE FROM forge.analysis_sessions s USING mine m WHERE s.id = m.id RETURNING s.id"};

#define TOLD \
    "SELECT s.id, CASE WHEN j.status IN ('queued', 'running') THEN 'progress' ELSE j.status END AS event," \
    " json_build_object('id', s.id, 'status', j.status, 'progress', j.progress, 'stage', j.stage," \
    " 'error', " FAILURE ")::text AS data, j.finished_at IS NOT NULL AS over"

static const forge_stmt_t states = {"analyses_state", TOLD FROM " WHERE s.id = ANY ($1::bigint[])"};
static const forge_stmt_t state = {"analysis_state", TOLD FROM " WHERE " MINE};

/* clang-format on */

/* Runs what speaks of one analysis of an account. */
static forge_status_t run_own(forge_db_t *db, apr_pool_t *p, const forge_stmt_t *stmt, const forge_args_t *own,
                              forge_rows_t **rows)
{
    FORGE_TRY(forge_store_run(db, p, stmt, *own, rows));
    return forge_store_rows_count(*rows) > 0 ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_analysis_room(forge_db_t *db, apr_pool_t *p, apr_int64_t account)
{
    bool room;
    FORGE_TRY(forge_store_job_room(db, p, account, "{" FORGE_JOB_PDF "," FORGE_JOB_REPOSITORY "}",
                                   FORGE_ANALYSES_UNFINISHED, &room));
    return room ? FORGE_OK : FORGE_E_ANALYSIS_SHARE;
}

forge_status_t forge_store_analysis_get(forge_db_t *db, apr_pool_t *p, apr_int64_t user, apr_int64_t id,
                                        forge_rows_t **rows)
{
    const forge_args_t own = FORGE_ARGS(forge_util_itoa(p, user), forge_util_itoa(p, id));
    return run_own(db, p, &get, &own, rows);
}

forge_status_t forge_store_analysis_delete(forge_db_t *db, apr_pool_t *p, apr_int64_t user, apr_int64_t id)
{
    const forge_args_t own = FORGE_ARGS(forge_util_itoa(p, user), forge_util_itoa(p, id));
    forge_rows_t *rows;
    return run_own(db, p, &delete, &own, &rows);
}

forge_status_t forge_store_analysis_state(forge_db_t *db, apr_pool_t *p, apr_int64_t user, apr_int64_t id,
                                          forge_rows_t **rows)
{
    const forge_args_t own = FORGE_ARGS(forge_util_itoa(p, user), forge_util_itoa(p, id));
    return run_own(db, p, &state, &own, rows);
}

forge_status_t forge_store_analyses_state(forge_db_t *db, apr_pool_t *p, const char *ids, forge_rows_t **rows)
{
    return forge_store_run(db, p, &states, FORGE_ARGS(ids), rows);
}
