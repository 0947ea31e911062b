/* SPDX-License-Identifier: Apache-2.0
 * The queue of jobs (migration 0022). A claim hides its row from other workers by FOR UPDATE SKIP LOCKED, then by its
 * status; whoever holds a job shows it by a word of its own, which each later statement names, so that one who lost his
 * lease changes nothing.
 */
#include "operations_private.h"
#include <apr_strings.h>
#include <string.h>

#define LOST_MAX 100 /* leases that one call takes back */

/* clang-format off */

/* $1 kind, $2 account, $3 key, $4 payload, $5 priority, $6 delay in microseconds. */
static const forge_stmt_t add = {
    "job_add",
    "INSERT INTO forge.jobs AS j (kind, user_id, key, payload, priority, due_at)"
    " VALUES ($1, $2::bigint, $3, coalesce($4, '{}')::jsonb, $5::smallint,"
    " now() + $6::bigint * interval '1 microsecond')"
    " ON CONFLICT (kind, key) WHERE key IS NOT NULL AND finished_at IS NULL DO UPDATE"
    "  SET again = j.status = 'running'"
    " RETURNING id"};

/* The lock comes in a statement of its own: the next one sees what those before it have committed. */
static const forge_stmt_t account_held = {
    "job_account_held", "SELECT u.id FROM forge.users u WHERE u.id = $1::bigint FOR NO KEY UPDATE"};
static const forge_stmt_t unfinished = {
    "job_unfinished",
    "SELECT count(*) AS n FROM forge.jobs j WHERE j.user_id = $1::bigint AND j.status IN ('queued', 'running')"
    " AND j.kind = ANY ($2::text[])"};

/* One of the jobs of an account in the order of the index jobs_due. */
#define HEAD "SELECT j.kind, -j.priority AS rank, coalesce(j.user_id, 0) AS account, j.due_at FROM forge.jobs j" \
    " WHERE j.status = 'queued' AND j.kind = "
#define ORDERED " ORDER BY -j.priority, coalesce(j.user_id, 0), j.due_at, j.id LIMIT 1"

/* `heads` steps over the index: of each kind, priority and account that has something queued the one that is due first.
 * Among those of the highest priority it is the turn of the account of which the fewest run now, then of the one that
 * was served longest ago: however many jobs an account has queued, another one waits for one of them at most.
 * $1 kinds, $2 their priorities, $3 their attempts, $4 their leases in microseconds, $5 key or NULL, $6 worker. */
static const forge_stmt_t claim = {
    "job_claim",
    "WITH RECURSIVE kinds AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::integer[], $3::integer[], $4::bigint[])"
    " AS k (kind, priority, attempts, lease)),"
    " heads AS ("
    " SELECT h.* FROM kinds k CROSS JOIN LATERAL (" HEAD "k.kind" ORDERED ") h"
    " UNION ALL"
    " SELECT n.* FROM heads h CROSS JOIN LATERAL (" HEAD "h.kind"
    "  AND (-j.priority, coalesce(j.user_id, 0)) > (h.rank, h.account)" ORDERED ") n),"
    " turns AS MATERIALIZED ("
    " SELECT h.kind, h.rank, h.account FROM heads h JOIN kinds k ON k.kind = h.kind WHERE h.due_at <= now()"
    " ORDER BY k.priority - h.rank DESC,"
    "  (SELECT count(*) FROM forge.jobs r WHERE r.status = 'running' AND coalesce(r.user_id, 0) = h.account),"
    "  (SELECT max(r.started_at) FROM forge.jobs r WHERE coalesce(r.user_id, 0) = h.account"
    "   AND r.started_at IS NOT NULL) NULLS FIRST, h.due_at),"
    " mine AS MATERIALIZED ("
    " SELECT m.id FROM turns t CROSS JOIN LATERAL ("
    "  SELECT j.id FROM forge.jobs j WHERE j.status = 'queued' AND j.kind = t.kind AND -j.priority = t.rank"
    "  AND coalesce(j.user_id, 0) = t.account AND j.due_at <= now() AND ($5::text IS NULL OR j.key = $5)"
    "  ORDER BY j.due_at, j.id LIMIT 1 FOR UPDATE SKIP LOCKED) m LIMIT 1)"
    "UPDATE forge.jobs j SET status = 'running', again = false,"
    " attempts = j.attempts + 1, attempts_max = k.attempts, worker = $6,"
    " lease_until = clock_timestamp() + k.lease * interval '1 microsecond', started_at = clock_timestamp()"
    " FROM mine, kinds k WHERE j.id = mine.id AND k.kind = j.kind"
    " RETURNING j.id, j.kind, j.user_id, j.key, j.payload, j.attempts, j.attempts_max, j.progress, j.stage"};

/* Progress renews the lease. $1 job, $2 worker, $3 per cent, $4 stage, $5 lease in microseconds. */
static const forge_stmt_t progress = {
    "job_progress",
    "UPDATE forge.jobs SET progress = $3::smallint, stage = left($4, 100),"
    " lease_until = clock_timestamp() + $5::bigint * interval '1 microsecond'"
    " WHERE id = $1::bigint AND status = 'running' AND worker = $2 RETURNING 1"};

/* The analysis that a job is of; NULL for others. */
#define ANALYSIS \
    ", user_id AS _user, (SELECT s.id FROM forge.analysis_sessions s WHERE s.job_id = forge.jobs.id) AS _analysis"

/* Who asked for it while it ran may have changed what it had looked at already: then it is due once more. */
static const forge_stmt_t done = {
    "job_done",
    "UPDATE forge.jobs SET status = CASE WHEN again THEN 'queued' ELSE 'done' END, progress = 100, lease_until = NULL,"
    " finished_at = CASE WHEN again THEN NULL ELSE now() END, due_at = now(),"
    " attempts = CASE WHEN again THEN 0 ELSE attempts END, error_code = NULL, error_detail = NULL"
    " WHERE id = $1::bigint AND status = 'running' AND worker = $2 RETURNING status" ANALYSIS};

/* What an analysis has written is of no use once its job has failed or was cancelled, and would fill the quota of its
 * account. `jobs` is called j. */
#define LEFT_OVER(jobs) \
    "DELETE FROM forge.passages p USING forge.analysis_sessions s, " jobs " j" \
    " WHERE s.job_id = j.id AND j.status IN ('failed', 'cancelled') AND p.session_id = s.id"
static const forge_stmt_t left_over = {"job_left_over", LEFT_OVER("forge.jobs") " AND j.id = $1::bigint"};

/* A job without attempts left is put aside with its last reason. $1 job, $2 worker, $3 code, $4 detail, $5 whether
 * another try makes sense, $6 delay in microseconds. */
static const forge_stmt_t failed = {
    "job_failed",
    "WITH held AS MATERIALIZED (SELECT id AS number, $5::boolean AND attempts < attempts_max AS more FROM forge.jobs"
    "  WHERE id = $1::bigint AND status = 'running' AND worker = $2 FOR UPDATE),"
    " ended AS (UPDATE forge.jobs SET status = CASE WHEN more THEN 'queued' ELSE 'failed' END,"
    " finished_at = CASE WHEN more THEN NULL ELSE now() END, lease_until = NULL,"
    " due_at = now() + $6::bigint * interval '1 microsecond', error_code = left($3, 64), error_detail = left($4, 1000)"
    " FROM held WHERE id = number RETURNING id, status" ANALYSIS "),"
    " cleared AS (" LEFT_OVER("ended") ") SELECT * FROM ended"};

/* Whoever gives a job back has not tried it. */
static const forge_stmt_t back = {
    "job_back",
    "UPDATE forge.jobs SET status = 'queued', attempts = greatest(attempts - 1, 0), lease_until = NULL, worker = NULL,"
    " due_at = now() WHERE id = $1::bigint AND status = 'running' AND worker = $2 RETURNING status"};

/* The attempt of a worker that died is spent: a job that kills whoever runs it comes to an end as well. What many of
 * them leave over does not go in this statement, which must never take too long. */
static const forge_stmt_t lost = {
    "job_lost",
    "WITH gone AS MATERIALIZED (SELECT id, attempts < attempts_max AS more FROM forge.jobs"
    " WHERE status = 'running' AND lease_until < clock_timestamp() ORDER BY lease_until"
    " LIMIT " APR_STRINGIFY(LOST_MAX) " FOR UPDATE SKIP LOCKED),"
    " changed AS (UPDATE forge.jobs j SET status = CASE WHEN more THEN 'queued' ELSE 'failed' END,"
    " finished_at = CASE WHEN more THEN NULL ELSE now() END, lease_until = NULL, due_at = now(),"
    " error_code = 'worker_lost', error_detail = 'the process that ran it ended without a word'"
    " FROM gone WHERE j.id = gone.id RETURNING j.id, j.status)"
    " SELECT id, status FROM changed"};

#define JOB \
    "j.id, j.kind, j.user_id, j.status, j.progress, j.stage, CASE WHEN j.status = 'failed' THEN" \
    " jsonb_build_object('code', j.error_code, 'detail', coalesce(j.error_detail, '')) END AS error, j.attempts," \
    " j.created_at, j.started_at, j.finished_at"

/* $1 caller, $2 administrator, $3 job. */
#define THEIRS " FROM forge.jobs j WHERE j.id = $3::bigint AND ($2::boolean OR j.user_id = $1::bigint)"
static const forge_stmt_t get = {"job_get", "SELECT " JOB THEIRS};

/* $1 caller, $2 administrator, $3 job. */
static const forge_stmt_t cancel = {
    "job_cancel",
    "WITH ended AS (UPDATE forge.jobs j SET status = 'cancelled', finished_at = now(), lease_until = NULL"
    " WHERE j.id = $3::bigint AND ($2::boolean OR j.user_id = $1::bigint) AND j.status IN ('queued', 'running')"
    " RETURNING " JOB "), cleared AS (" LEFT_OVER("ended") ") SELECT * FROM ended"};

static const forge_stmt_t retry = {
    "job_retry",
    "UPDATE forge.jobs j SET status = 'queued', finished_at = NULL, attempts = 0, progress = 0, stage = '',"
    " due_at = now(), error_code = NULL, error_detail = NULL, worker = NULL"
    " WHERE j.id = $1::bigint AND j.status IN ('failed', 'cancelled') RETURNING " JOB};

static const forge_stmt_t exists = {"job_exists", "SELECT status FROM forge.jobs WHERE id = $1::bigint"};

/* $1 status or NULL, $2 kind or NULL, $3 below this number, $4 how many. */
static const forge_stmt_t list = {
    "job_list",
    "SELECT " JOB ", j.error_code, j.error_detail, j.priority, j.attempts_max, j.due_at, j.lease_until, j.worker, j.key"
    " FROM forge.jobs j"
    " WHERE ($1::text IS NULL OR j.status = $1) AND ($2::text IS NULL OR j.kind = $2) AND j.id < $3::bigint"
    " ORDER BY j.id DESC LIMIT $4::integer"};

static const forge_stmt_t state = {
    "job_state",
    "SELECT count(*) FILTER (WHERE status = 'queued') AS queued, count(*) FILTER (WHERE status = 'running') AS running,"
    " greatest(coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE status = 'queued')), 0), 0)::bigint AS"
    " oldest FROM forge.jobs WHERE status IN ('queued', 'running')"};

/* clang-format on */

forge_status_t forge_store_job_add(forge_db_t *db, apr_pool_t *p, const forge_job_new_t *in, apr_int64_t *id)
{
    const forge_args_t args = FORGE_ARGS(in->kind, in->account ? forge_util_itoa(p, in->account) : NULL, in->key,
                                         in->payload, forge_util_itoa(p, in->priority), forge_util_itoa(p, in->delay));
    forge_rows_t *rows;
    FORGE_TRY(forge_store_run(db, p, &add, args, &rows));
    if (id)
        *id = forge_store_rows_int(rows, 0, "id", 0);
    return FORGE_OK;
}

forge_status_t forge_store_job_room(forge_db_t *db, apr_pool_t *p, apr_int64_t account, const char *kinds, int most,
                                    bool *room)
{
    forge_rows_t *rows;
    const char *who = forge_util_itoa(p, account);
    FORGE_TRY(forge_store_run(db, p, &account_held, FORGE_ARGS(who), &rows));
    FORGE_TRY(forge_store_run(db, p, &unfinished, FORGE_ARGS(who, kinds), &rows));
    *room = forge_store_rows_int(rows, 0, "n", 0) < most;
    return FORGE_OK;
}

/* What a claim says of the kinds that its worker can do, as PostgreSQL's arrays. */
typedef struct arrays_t {
    const char *names, *priorities, *attempts, *leases;
} arrays_t;

static void append(apr_pool_t *p, const char **array, const char *value)
{
    *array = *array ? apr_pstrcat(p, *array, ",", value, NULL) : apr_pstrcat(p, "{", value, NULL);
}

static arrays_t arrays_of(apr_pool_t *p, const forge_job_claim_t *in)
{
    arrays_t arrays = {NULL, NULL, NULL, NULL};
    for (int i = 0; i < in->n_kinds; i++) {
        append(p, &arrays.names, in->kinds[i].name);
        append(p, &arrays.priorities, forge_util_itoa(p, in->kinds[i].priority));
        append(p, &arrays.attempts, forge_util_itoa(p, in->kinds[i].attempts));
        append(p, &arrays.leases, forge_util_itoa(p, in->kinds[i].lease));
    }
    return arrays;
}

forge_status_t forge_store_job_claim(forge_db_t *db, apr_pool_t *p, const forge_job_claim_t *in, forge_rows_t **rows)
{
    const arrays_t a = arrays_of(p, in);
    const forge_args_t args =
        FORGE_ARGS(apr_pstrcat(p, a.names, "}", NULL), apr_pstrcat(p, a.priorities, "}", NULL),
                   apr_pstrcat(p, a.attempts, "}", NULL), apr_pstrcat(p, a.leases, "}", NULL), in->key, in->worker);
    return forge_store_run(db, p, &claim, args, rows);
}

/* Whether a statement about a held job found it still held. */
static forge_status_t held(forge_db_t *db, apr_pool_t *p, const forge_stmt_t *stmt, forge_args_t args, bool *ours)
{
    forge_rows_t *rows;
    FORGE_TRY(forge_store_run(db, p, stmt, args, &rows));
    *ours = forge_store_rows_count(rows) > 0;
    return FORGE_OK;
}

forge_status_t forge_store_job_progress(forge_db_t *db, apr_pool_t *p, const forge_job_held_t *job,
                                        const forge_job_progress_t *in, bool *ours)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, job->id), job->worker, forge_util_itoa(p, in->percent),
                                         in->stage, forge_util_itoa(p, in->lease));
    return held(db, p, &progress, args, ours);
}

/* For a worker that does not hold its job any more: it may have been cancelled, and the worker has written behind that.
 */
static forge_status_t cleared(forge_db_t *db, apr_pool_t *p, apr_int64_t id)
{
    return forge_store_run(db, p, &left_over, FORGE_ARGS(forge_util_itoa(p, id)), NULL);
}

static void analysis_ended(forge_db_t *db, const char *event, const forge_rows_t *rows, const char *code)
{
    apr_int64_t id = forge_store_rows_int(rows, 0, "_analysis", 0);
    if (id > 0)
        forge_store_event(db, &(forge_event_t){.name = event,
                                               .user_id = forge_store_rows_int(rows, 0, "_user", 0),
                                               .detail = {{.name = "analysis_id", .number = id},
                                                          {.name = code ? "code" : NULL, .text = code}}});
}

forge_status_t forge_store_job_done(forge_db_t *db, apr_pool_t *p, const forge_job_held_t *job, bool *ours)
{
    forge_rows_t *rows;
    FORGE_TRY(forge_store_run(db, p, &done, FORGE_ARGS(forge_util_itoa(p, job->id), job->worker), &rows));
    *ours = forge_store_rows_count(rows) > 0;
    if (!*ours)
        return cleared(db, p, job->id);
    if (strcmp(forge_store_rows_text(rows, 0, "status"), "done") == 0)
        analysis_ended(db, "analysis.finished", rows, NULL);
    return FORGE_OK;
}

forge_status_t forge_store_job_failed(forge_db_t *db, apr_pool_t *p, const forge_job_held_t *job,
                                      const forge_job_failure_t *in, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, job->id), job->worker, in->code, in->detail,
                                         in->again ? "t" : "f", forge_util_itoa(p, in->delay));
    FORGE_TRY(forge_store_run(db, p, &failed, args, rows));
    if (forge_store_rows_count(*rows) == 0)
        return cleared(db, p, job->id);
    if (strcmp(forge_store_rows_text(*rows, 0, "status"), "failed") == 0)
        analysis_ended(db, "analysis.failed", *rows, in->code);
    return FORGE_OK;
}

forge_status_t forge_store_job_back(forge_db_t *db, apr_pool_t *p, const forge_job_held_t *job, bool *ours)
{
    FORGE_TRY(held(db, p, &back, FORGE_ARGS(forge_util_itoa(p, job->id), job->worker), ours));
    return *ours ? FORGE_OK : cleared(db, p, job->id);
}

forge_status_t forge_store_jobs_lost(forge_db_t *db, apr_pool_t *p, int *number, int *given_up)
{
    forge_rows_t *rows;
    FORGE_TRY(forge_store_run(db, p, &lost, FORGE_NO_ARGS, &rows));
    *number = forge_store_rows_count(rows);
    *given_up = 0;
    for (int i = 0; i < *number; i++) {
        if (strcmp(forge_store_rows_text(rows, i, "status"), "failed") != 0)
            continue;
        ++*given_up;
        cleared(db, p, forge_store_rows_int(rows, i, "id", 0)); /* that they are told of does not depend on it */
    }
    return FORGE_OK;
}

static forge_args_t by_caller(apr_pool_t *p, const forge_actor_t *by, apr_int64_t id)
{
    const char **values = apr_palloc(p, 3 * sizeof(*values));
    values[0] = forge_util_itoa(p, by->id);
    values[1] = by->admin ? "t" : "f";
    values[2] = forge_util_itoa(p, id);
    return (forge_args_t){values, 3, 0, false};
}

forge_status_t forge_store_job_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                   forge_rows_t **rows)
{
    FORGE_TRY(forge_store_run(db, p, &get, by_caller(p, by, id), rows));
    return forge_store_rows_count(*rows) > 0 ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_job_cancel(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                      forge_rows_t **rows)
{
    forge_rows_t *seen;
    FORGE_TRY(forge_store_run(db, p, &cancel, by_caller(p, by, id), rows));
    if (forge_store_rows_count(*rows) > 0)
        return FORGE_OK;
    FORGE_TRY(forge_store_job_get(db, p, by, id, &seen));
    return FORGE_E_CONFLICT;
}

forge_status_t forge_store_job_retry(forge_db_t *db, apr_pool_t *p, apr_int64_t id, forge_rows_t **rows)
{
    forge_rows_t *seen;
    const char *number = forge_util_itoa(p, id);
    FORGE_TRY(forge_store_run(db, p, &retry, FORGE_ARGS(number), rows));
    if (forge_store_rows_count(*rows) > 0)
        return FORGE_OK;
    FORGE_TRY(forge_store_run(db, p, &exists, FORGE_ARGS(number), &seen));
    return forge_store_rows_count(seen) > 0 ? FORGE_E_CONFLICT : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_job_list(forge_db_t *db, apr_pool_t *p, const forge_job_filter_t *in, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(in->status, in->kind, forge_util_itoa(p, in->before), forge_util_itoa(p, in->limit));
    return forge_store_run(db, p, &list, args, rows);
}

forge_status_t forge_store_jobs_state(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows)
{
    return forge_store_run(db, p, &state, FORGE_NO_ARGS, rows);
}
