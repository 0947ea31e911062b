/* SPDX-License-Identifier: Apache-2.0
 * POST /exercises/{id}/rejudge: queues a job that judges its submissions anew (jobs/rejudge.c).
 */
#include "api/api.h"
#include "execution.h"
#include "store/learning/learning.h"
#include "store/operations/operations.h"

#include <apr_strings.h>
#include <string.h>

/* clang-format off */
static const forge_field_t body_fields[] = {
    {"scope", FORGE_T_TEXT, .format = "enum:all|latest", .named = "RejudgeScope", .preset = "all", .example = "latest",
     .help = "all submissions, or the latest one of each account"},
    {.name = NULL},
};
static const forge_shape_t body = {"Rejudge", body_fields};
/* clang-format on */

/* The exercise is the caller's own, has tests, and its programs are run here. */
static forge_status_t allowed(forge_req_t *q, forge_db_t *db)
{
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_store_exercise_to_run(db, q->pool, &by, q->ids[0], &rows));
    const char *language = forge_store_rows_text(rows, 0, "language"), *tests = forge_store_rows_text(rows, 0, "tests");
    if (!forge_store_rows_bool(rows, 0, "_own"))
        return FORGE_E_NOT_OWNER;
    if (!forge_run_language_known(language) || !forge_config_language(q->config, language))
        return forge_fail_detail(q, FORGE_E_SANDBOX_UNAVAILABLE, "programs in this language are not run here");
    if (!q->server->runner)
        return FORGE_E_SANDBOX_UNAVAILABLE;
    if (strcmp(tests, "[]") == 0)
        return forge_fail_detail(q, FORGE_E_CONFLICT, "this exercise has no tests yet");
    return FORGE_OK;
}

static forge_status_t rejudge(forge_req_t *q)
{
    forge_db_t *db;
    apr_int64_t id;
    const char *scope = forge_core_input_text(q->body, "scope"), *exercise = forge_util_itoa(q->pool, q->ids[0]);
    const forge_job_new_t job = {
        .kind = "rejudge",
        .account = q->who.user_id,
        .key = apr_psprintf(q->pool, "%s/%s/%" APR_INT64_T_FMT, exercise, scope, q->who.user_id),
        .payload = apr_psprintf(q->pool, "{\"exercise_id\":%s,\"scope\":\"%s\"}", exercise, scope)};
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(allowed(q, db));
    FORGE_TRY(forge_store_job_add(db, q->pool, &job, &id));
    return forge_api_job_accepted(q, db, id);
}

/* The state as of now, for whoever still owns the exercise. */
static forge_status_t rejudge_again(forge_req_t *q)
{
    forge_db_t *db;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(allowed(q, db));
    return forge_api_job_accepted(q, db, q->made);
}

/* clang-format off */
static const forge_status_t errors[] = {FORGE_E_CONFLICT, FORGE_E_NOT_OWNER, FORGE_E_SANDBOX_UNAVAILABLE, FORGE_OK};

static const forge_route_t routes[] = {
    {FORGE_POST, "/exercises/{id}/rejudge", FORGE_ROLE_STUDENT, .flags = FORGE_R_IDEMPOTENT,
     .limit = FORGE_LIMIT_EXECUTE, .success = 202, .body = &body, .reply = &forge_api_job, .next = forge_api_job_next,
     .errors = errors,
     .handle = rejudge, .again = rejudge_again, .operation = "exercise_rejudge",
     .summary = "Judge the submissions to an exercise again",
     .description = "For its author, the instructor of its course, and administrators, after its tests have changed. A "
         "job runs the tests of today for all submissions, or for the latest one of each account, and writes down what "
         "comes of it; progress never falls back. Asked for again while it waits or runs, it is the same job."},
};
/* clang-format on */

const forge_routes_t forge_api_rejudge = FORGE_API_ROUTES(routes, &forge_api_tag_exercises);
