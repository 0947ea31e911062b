/* SPDX-License-Identifier: Apache-2.0
 * The audit log as administrators read it: in pages, and as a whole in batches that hold no connection between them.
 */
#include "store/engine/store_private.h"
#include "users.h"

#define ROWS   500   /* events in one batch */
#define WINDOW 20000 /* ids that one batch looks at, which bounds its work */

/* clang-format off */

#define EVENT "a.id, a.at, a.event, a.actor_id, a.subject_id, host(a.ip) AS ip, a.request_id, a.detail"

static const forge_list_filter_t filters[] = {
    [FORGE_AUDIT_ACTOR] = {"actor", "a.actor_id = $%d::bigint"},
    [FORGE_AUDIT_SUBJECT] = {"subject", "a.subject_id = $%d::bigint"},
    [FORGE_AUDIT_EVENT] = {"event", "a.event = $%d"},
    [FORGE_AUDIT_PREFIX] = {"_prefix", "starts_with(a.event, $%d)"},
    [FORGE_AUDIT_SINCE] = {"since", "a.at >= $%d::timestamptz"},
    [FORGE_AUDIT_UNTIL] = {"until", "a.at < $%d::timestamptz"},
    [FORGE_AUDIT_FILTERS] = {NULL, NULL}};

static const forge_list_order_t orders[] = {
    {"-id", "a.id DESC", "a.id < $%d::bigint", NULL},
    {NULL, NULL, NULL, NULL}};

const forge_list_t forge_store_audit_list = {
    "audit_list",
    "SELECT " EVENT " FROM forge.audit_events a WHERE true",
    "SELECT count(*) FROM forge.audit_events a WHERE true",
    0, filters, orders};

static const forge_stmt_t audit_bounds = {
    "audit_bounds",
    "SELECT coalesce((SELECT max(id) FROM forge.audit_events), 0) AS newest, coalesce((SELECT min(id) FROM forge.audit_events), 0) AS oldest"};

/* $1 id to stay below, $2 actor, $3 subject, $4 event, $5 prefix of events, $6 since, $7 until. */
static const forge_stmt_t audit_batch = {
    "audit_batch",
    "SELECT " EVENT " FROM forge.audit_events a WHERE a.id < $1::bigint AND a.id >= $1::bigint - " APR_STRINGIFY(WINDOW)
    " AND ($2::bigint IS NULL OR a.actor_id = $2::bigint) AND ($3::bigint IS NULL OR a.subject_id = $3::bigint)"
    " AND ($4::text IS NULL OR a.event = $4::text) AND ($5::text IS NULL OR starts_with(a.event, $5::text))"
    " AND ($6::timestamptz IS NULL OR a.at >= $6::timestamptz) AND ($7::timestamptz IS NULL OR a.at < $7::timestamptz)"
    " ORDER BY a.id DESC LIMIT " APR_STRINGIFY(ROWS)};

/* clang-format on */

forge_status_t forge_store_audit_bounds(forge_db_t *db, apr_pool_t *p, apr_int64_t *newest, apr_int64_t *oldest)
{
    forge_rows_t *rows;
    FORGE_TRY(forge_store_run(db, p, &audit_bounds, FORGE_NO_ARGS, &rows));
    *newest = forge_store_rows_int(rows, 0, "newest", 0);
    *oldest = forge_store_rows_int(rows, 0, "oldest", 0);
    return FORGE_OK;
}

forge_status_t forge_store_audit_batch(forge_db_t *db, apr_pool_t *p, const forge_audit_filter_t *filter, apr_int64_t *before,
                                       forge_rows_t **rows)
{
    const char *const *v = filter->values;
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, *before), v[FORGE_AUDIT_ACTOR], v[FORGE_AUDIT_SUBJECT],
                                         v[FORGE_AUDIT_EVENT], v[FORGE_AUDIT_PREFIX], v[FORGE_AUDIT_SINCE], v[FORGE_AUDIT_UNTIL]);
    FORGE_TRY(forge_store_run(db, p, &audit_batch, args, rows));
    int n = forge_store_rows_count(*rows);
    *before = n == ROWS ? forge_store_rows_int(*rows, n - 1, "id", 0) : *before - WINDOW;
    return FORGE_OK;
}
