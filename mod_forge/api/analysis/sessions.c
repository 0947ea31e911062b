/* SPDX-License-Identifier: Apache-2.0
 * /analysis/sessions: what an account has had analysed, and how far it is (SPEC 10).
 */
#include "analysis.h"
#include "api/api.h"
#include "store/analysis/analysis.h"

#define SHARE_RETRY 30 /* seconds after which one of twenty analyses may well have ended */
#define STATUSES    "enum:queued|running|done|failed|cancelled"

/* clang-format off */
static const forge_field_t error_fields[] = {
    {"code", FORGE_T_TEXT, .example = "pdf_encrypted", .help = "stable; what went wrong"},
    {"detail", FORGE_T_TEXT, .example = "the file is protected by a password", .help = "a sentence for a person"},
    {.name = NULL},
};

const forge_field_t forge_api_analysis_fields[] = {
    {"id", FORGE_T_INT, .min = 1, .example = "5", .help = "number of the analysis"},
    {"kind", FORGE_T_TEXT, .format = "enum:pdf|github", .named = "AnalysisKind", .example = "pdf", .help = "of what"},
    {"file_id", FORGE_T_INT, FORGE_F_NULLABLE, .min = 1, .example = "12", .help = "the file; null for a repository"},
    {"url", FORGE_T_TEXT, FORGE_F_NULLABLE, .help = "the repository; null for a file"},
    {"ref", FORGE_T_TEXT, FORGE_F_NULLABLE, .help = "branch or tag of the repository; null: its default"},
    {"status", FORGE_T_TEXT, .format = STATUSES, .named = "WorkStatus", .example = "queued", .help = "of the work"},
    {"progress", FORGE_T_INT, .max = 100, .example = "0", .help = "per cent"},
    {"stage", FORGE_T_TEXT, .example = "", .help = "what is being done; empty at first"},
    {"error", FORGE_T_OBJECT, FORGE_F_NULLABLE, .fields = error_fields, .named = "AnalysisError", .example = "null",
     .help = "why it failed; else null"},
    {"created_at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when it was asked for"},
    {"finished_at", FORGE_T_TIME, FORGE_F_NULLABLE, .help = "when it ended, however; null: it has not"},
    {"result", FORGE_T_OBJECT, FORGE_F_NULLABLE | FORGE_F_OPTIONAL, .example = "null",
     .help = "what was found; null until it is done. Not in lists"},
    {.name = NULL},
};
const forge_shape_t forge_api_analysis = {"Analysis", forge_api_analysis_fields};
const forge_next_t forge_api_analysis_next[] = {
    {"analysis_get", "id", "id", "how far it is, and what was found"},
    {"analysis_delete", "id", "id", "deletes it"},
    {.operation = NULL},
};

static const forge_field_t list_query_fields[] = {
    {"kind", FORGE_T_TEXT, .format = "enum:pdf|github", .named = "AnalysisKind", .example = "pdf",
     .help = "only of this kind"},
    {"status", FORGE_T_TEXT, .format = STATUSES, .named = "WorkStatus", .example = "done",
     .help = "only in this state"},
    {.name = NULL},
};
static const forge_shape_t list_query = {.fields = list_query_fields};
/* clang-format on */

static forge_status_t analysis_list(forge_req_t *q)
{
    return forge_api_list(q, FORGE_ARGS(forge_util_itoa(q->pool, q->who.user_id)));
}

apr_int64_t forge_api_analysis_whose(const forge_req_t *q)
{
    return q->who.role == FORGE_ROLE_ADMIN ? 0 : q->who.user_id;
}

static forge_status_t analysis_get(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_analysis_get(db, q->pool, forge_api_analysis_whose(q), q->ids[0], &rows));
    FORGE_TRY(forge_reply_row(q, rows));
    return forge_reply_etag_bytes(q, NULL);
}

forge_status_t forge_api_analysis_begun(forge_req_t *q, forge_status_t status, const forge_rows_t *rows)
{
    if (status == FORGE_E_ANALYSIS_SHARE)
        forge_http_retry_after(q, SHARE_RETRY);
    FORGE_TRY(status);
    return forge_reply_created(q, rows, "/api/v1/analysis/sessions");
}

static forge_status_t analysis_delete(forge_req_t *q)
{
    forge_db_t *db;
    FORGE_TRY(forge_http_if_match(q, analysis_get));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_analysis_delete(db, q->pool, forge_api_analysis_whose(q), q->ids[0]));
    return forge_reply_none(q);
}

/* Whose it is is asked once: an analysis does not change hands, and a session that ends closes its streams. */
static forge_status_t analysis_events(forge_req_t *q)
{
    static const forge_follow_kind_t kind = {forge_store_analyses_state};
    forge_db_t *db;
    forge_rows_t *rows;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_analysis_state(db, q->pool, forge_api_analysis_whose(q), q->ids[0], &rows));
    return forge_reply_follow(q, &kind, q->ids[0], rows);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/analysis/sessions", FORGE_ROLE_GUEST, .flags = FORGE_R_LIST, .list = &forge_store_analyses_list,
     .query = &list_query, .reply = &forge_api_analysis, .handle = analysis_list,
     .operation = "analysis_list", .summary = "List my analyses",
     .description = "The latest first, without their results. Open to every account; only the caller's own are shown."},
    {FORGE_GET, "/analysis/sessions/{id}", FORGE_ROLE_GUEST, .flags = FORGE_R_ETAG, .reply = &forge_api_analysis,
     .handle = analysis_get,
     .operation = "analysis_get", .summary = "Get an analysis",
     .description = "How far it is, and its result once it is done. Whoever waits for it uses its events instead of "
         "asking again and again. Open to the account that asked for it and to administrators."},
    {FORGE_DELETE, "/analysis/sessions/{id}", FORGE_ROLE_GUEST, .flags = FORGE_R_ETAG, .success = 204,
     .handle = analysis_delete,
     .operation = "analysis_delete", .summary = "Delete an analysis",
     .description = "Deletes its result, its passages and its conversation, and stops the work if it goes on. The file "
         "stays. Open to the account that asked for it and to administrators."},
    {FORGE_GET, "/analysis/sessions/{id}/events", FORGE_ROLE_GUEST,
     .flags = FORGE_R_RAW | FORGE_R_FOLLOW | FORGE_R_TICKET, .media = "text/event-stream",
     .sample = "id: 5d41402abc4b2a76\nevent: progress\n"
         "data: {\"id\" : 5, \"status\" : \"running\", \"progress\" : 40, \"stage\" : \"text\", \"error\" : null}\n\n",
     .handle = analysis_events,
     .operation = "analysis_events", .summary = "Follow an analysis",
     .description = "A stream of events (Server-Sent Events): its state now, and again when it has changed: `progress` "
         "while it waits or is worked on, then `done`, `failed` or `cancelled`, or `deleted`, and the stream ends. Its "
         "data is a JSON object {id, status, progress, stage, error}; comments in between tell both sides that the "
         "other is there. A browser's EventSource uses a one-use ticket (POST /auth/stream-ticket). The stream ends "
         "when the credential does. Only so many may be open at once. Open to the account that asked "
         "for it and to administrators."},
};
/* clang-format on */

const forge_routes_t forge_api_analyses = FORGE_API_ROUTES(routes, &forge_api_tag_analysis);
