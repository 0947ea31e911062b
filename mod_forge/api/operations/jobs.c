/* SPDX-License-Identifier: Apache-2.0
 * Jobs as whoever asked for them sees them: how far they are, and their end.
 */
#include "api/api.h"
#include "api/shared.h"
#include "store/operations/operations.h"

#include <apr_strings.h>

/* clang-format off */
static const forge_field_t error_fields[] = {
    {"code", FORGE_T_TEXT, .example = "sandbox_unavailable", .help = "stable name of the reason"},
    {"detail", FORGE_T_TEXT, .example = "programs cannot be run here at the moment", .help = "a sentence for a person"},
    {.name = NULL},
};
static const forge_field_t job_fields[] = {
    {"id", FORGE_T_INT, .min = 1, .example = "12", .help = "number of the job"},
    {"kind", FORGE_T_TEXT, .example = "rejudge", .help = "what it does"},
    {"user_id", FORGE_T_INT, FORGE_F_NULLABLE, .min = 1, .example = "7", .help = "who asked for it; null: the site"},
    {"status", FORGE_T_TEXT, .format = "enum:queued|running|done|failed|cancelled", .named = "WorkStatus",
     .example = "queued",
     .help = "queued: it waits for its turn, or for another attempt"},
    {"progress", FORGE_T_INT, .max = 100, .example = "0", .help = "per cent"},
    {"stage", FORGE_T_TEXT, .example = "", .help = "what it is about to do"},
    {"error", FORGE_T_OBJECT, FORGE_F_NULLABLE, .fields = error_fields, .named = "WorkError", .example = "null",
     .help = "why it failed"},
    {"attempts", FORGE_T_INT, .example = "0", .help = "times that it was begun"},
    {"created_at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when it was asked for"},
    {"started_at", FORGE_T_TIME, FORGE_F_NULLABLE, .help = "when it was last begun"},
    {"finished_at", FORGE_T_TIME, FORGE_F_NULLABLE, .help = "when it ended"},
    {.name = NULL},
};
const forge_shape_t forge_api_job = {"Job", job_fields};
const forge_next_t forge_api_job_next[] = {
    {"job_get", "id", "id", "how far it is"},
    {"job_cancel", "id", "id", "takes it back"},
    {.operation = NULL},
};
/* clang-format on */

forge_status_t forge_api_job_accepted(forge_req_t *q, forge_db_t *db, apr_int64_t id)
{
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_store_job_get(db, q->pool, &by, id, &rows));
    forge_reply_location(q, apr_psprintf(q->pool, "/api/v1/jobs/%" APR_INT64_T_FMT, id));
    return forge_reply_row(q, rows);
}

typedef forge_status_t (*job_fn)(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                 forge_rows_t **rows);

static forge_status_t reply_after(forge_req_t *q, job_fn call)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(call(db, q->pool, &by, q->ids[0], &rows));
    return forge_reply_row(q, rows);
}

static forge_status_t job_get(forge_req_t *q)
{
    return reply_after(q, forge_store_job_get);
}

static forge_status_t job_cancel(forge_req_t *q)
{
    return reply_after(q, forge_store_job_cancel);
}

/* clang-format off */
static const forge_status_t cancel_errors[] = {FORGE_E_CONFLICT, FORGE_OK};
static const forge_route_t routes[] = {
    {FORGE_GET, "/jobs/{id}", FORGE_ROLE_GUEST, .flags = FORGE_R_ETAG, .reply = &forge_api_job, .handle = job_get,
     .operation = "job_get", .summary = "Read a job",
     .description = "For whoever asked for it, and administrators. Ask again every second or so while status is queued "
         "or running. A job that has ended is kept for a week."},
    {FORGE_POST, "/jobs/{id}/cancel", FORGE_ROLE_GUEST, .reply = &forge_api_job, .errors = cancel_errors,
     .handle = job_cancel, .operation = "job_cancel", .summary = "Cancel a job",
     .description = "For whoever asked for it, and administrators. What it has done stays; a running one stops within "
         "moments. One that has ended is answered 409."},
};
/* clang-format on */

static const forge_tag_t tag = {"jobs", "Work that goes on after the answer."};
const forge_routes_t forge_api_jobs = FORGE_API_ROUTES(routes, &tag);
