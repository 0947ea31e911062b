/* SPDX-License-Identifier: Apache-2.0
 * Analyses of repositories: asked for, worked on.
 */
#include "analysis.h"
#include "store/engine/store_private.h"
#include "store/operations/operations.h"

#include <apr_strings.h>

/* clang-format off */

/* $1 account, $2 address, $3 branch or tag, $4 job. */
static const forge_stmt_t repository_add = {
    "repository_add",
    "INSERT INTO forge.analysis_sessions (user_id, kind, url, ref, job_id)"
    " VALUES ($1::bigint, 'github', $2, $3, $4::bigint) RETURNING id"};

/* What an earlier attempt has left goes. */
static const forge_stmt_t repository_of_job = {
    "repository_of_job",
    "WITH left_over AS (DELETE FROM forge.passages p USING forge.analysis_sessions s"
    " WHERE s.job_id = $1::bigint AND p.session_id = s.id)"
    " SELECT s.id, s.url, s.ref FROM forge.analysis_sessions s WHERE s.job_id = $1::bigint"};

static const forge_stmt_t repository_finish = {
    "repository_finish",
    "UPDATE forge.analysis_sessions SET result = $2::jsonb WHERE id = $1::bigint RETURNING id"};

/* clang-format on */

typedef struct asked_t {
    const forge_actor_t *by;
    const forge_repository_new_t *in;
    forge_rows_t **rows;
} asked_t;

static forge_status_t ask(forge_db_t *db, apr_pool_t *p, void *baton)
{
    const asked_t *asked = baton;
    const forge_job_new_t job = {.kind = FORGE_JOB_REPOSITORY, .account = asked->by->id};
    apr_int64_t id;
    FORGE_TRY(forge_store_job_add(db, p, &job, &id));
    FORGE_TRY(forge_store_run(
        db, p, &repository_add,
        FORGE_ARGS(forge_util_itoa(p, asked->by->id), asked->in->url, asked->in->ref, forge_util_itoa(p, id)),
        asked->rows));
    id = forge_store_rows_int(*asked->rows, 0, "id", 0);
    forge_store_event(
        db, &(forge_event_t){.name = "analysis.requested",
                             .user_id = asked->by->id,
                             .detail = {{.name = "analysis_id", .number = id}, {.name = "kind", .text = "github"}}});
    return forge_store_analysis_get(db, p, asked->by->id, id, asked->rows);
}

forge_status_t forge_store_repository_ask(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                          const forge_repository_new_t *in, forge_rows_t **rows)
{
    asked_t asked = {by, in, rows};
    return forge_store_tx(db, p, ask, &asked);
}

forge_status_t forge_store_repository_of_job(forge_db_t *db, apr_pool_t *p, apr_int64_t job, forge_rows_t **rows)
{
    FORGE_TRY(forge_store_run(db, p, &repository_of_job, FORGE_ARGS(forge_util_itoa(p, job)), rows));
    return forge_store_rows_count(*rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_repository_finish(forge_db_t *db, apr_pool_t *p, apr_int64_t session, const char *result)
{
    forge_rows_t *rows;
    FORGE_TRY(forge_store_run(db, p, &repository_finish, FORGE_ARGS(forge_util_itoa(p, session), result), &rows));
    return forge_store_rows_count(rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}
