/* SPDX-License-Identifier: Apache-2.0
 * /audit: what happened, in pages, or all of it as lines.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "store/users/users.h"
#include "api/shared.h"

#include <apr_strings.h>
#include <string.h>

/* clang-format off */
static const forge_field_t event_fields[] = {
    {"id", FORGE_T_INT, .min = 1, .example = "1201", .help = "number of the event"},
    {"at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when it happened"},
    {"event", FORGE_T_TEXT, .max = 64, .example = "user.login", .help = "what happened"},
    {"actor_id", FORGE_T_INT, FORGE_F_NULLABLE, .example = "7",
     .help = "account that did it; null: an unknown caller, or the server"},
    {"subject_id", FORGE_T_INT, FORGE_F_NULLABLE, .example = "7", .help = "account that it was done to"},
    {"ip", FORGE_T_TEXT, FORGE_F_NULLABLE, .max = 64, .example = "192.0.2.7", .help = "IP address of the request"},
    {"request_id", FORGE_T_TEXT, FORGE_F_NULLABLE, .max = 128, .example = "6f1c0a9d7e3b45c2a8d4f0e1b2c3d4e5",
     .help = "id of the request"},
    {"detail", FORGE_T_OBJECT, .help = "details of the event"},
    {.name = NULL},
};
static const forge_shape_t audit_event = {"AuditEvent", event_fields};

static const forge_field_t event_query_fields[] = {
    {"actor", FORGE_T_INT, .min = 1, .example = "7", .help = "only what this account did"},
    {"subject", FORGE_T_INT, .min = 1, .example = "8", .help = "only what was done to this account"},
    {"event", FORGE_T_TEXT, 0, 1, 64, .example = "user.",
     .help = "only this event; a name that ends with a dot selects all events that begin with it"},
    {"since", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "only events at or after this time"},
    {"until", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "only events before this time"},
    {.name = NULL},
};
static const forge_shape_t event_query = {.fields = event_query_fields};
/* clang-format on */

/* Where a stream is. */
typedef struct walk_t {
    forge_audit_filter_t filter;
    bool begun;
    apr_int64_t before, oldest;
} walk_t;

static forge_audit_filter_t read_filter(forge_req_t *q)
{
    const char *event = forge_core_input_text(q->query, "event");
    bool prefix = event && event[strlen(event) - 1] == '.';
    return (forge_audit_filter_t){{
        [FORGE_AUDIT_ACTOR] = forge_core_input_text(q->query, "actor"),
        [FORGE_AUDIT_SUBJECT] = forge_core_input_text(q->query, "subject"),
        [FORGE_AUDIT_EVENT] = prefix ? NULL : event,
        [FORGE_AUDIT_PREFIX] = prefix ? event : NULL,
        [FORGE_AUDIT_SINCE] = forge_core_input_text(q->query, "since"),
        [FORGE_AUDIT_UNTIL] = forge_core_input_text(q->query, "until"),
    }};
}

static forge_status_t audit_page(forge_req_t *q, const forge_audit_filter_t *f)
{
    const forge_list_query_t query = {
        .values = f->values,
        .after_id = q->page.after_id,
        .skip = q->page.skip,
        .limit = q->page.limit,
        .count = q->page.count,
    };
    forge_db_t *db;
    forge_rows_t *rows;
    apr_int64_t total = -1;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_list(db, q->pool, &forge_store_audit_list, &query, &rows, &total));
    return forge_reply_list(q, &forge_store_audit_list, rows, total);
}

/* Some of the events, from the newest that there was at the beginning down to the oldest. */
static forge_status_t next_lines(forge_req_t *q, forge_db_t *db, apr_pool_t *p, void *baton, forge_buf_t *b, bool *more)
{
    walk_t *walk = baton;
    forge_rows_t *rows;
    apr_int64_t newest, before;
    (void)q;
    if (!walk->begun) {
        FORGE_TRY(forge_store_audit_bounds(db, p, &newest, &walk->oldest));
        walk->before = newest + 1;
        walk->begun = true;
    }
    before = walk->before;
    FORGE_TRY(forge_store_audit_batch(db, p, &walk->filter, &before, &rows));
    for (int i = 0; i < forge_store_rows_count(rows); i++) {
        forge_store_render_row(b, rows, i);
        forge_util_buf_puts(b, "\n");
    }
    walk->before = before;
    *more = before > walk->oldest;
    return FORGE_OK;
}

static forge_status_t audit_list(forge_req_t *q)
{
    const forge_audit_filter_t filter = read_filter(q);
    if (!q->ndjson)
        return audit_page(q, &filter);
    walk_t *walk = apr_pcalloc(q->pool, sizeof(*walk));
    walk->filter = filter;
    return forge_reply_stream(q, FORGE_NDJSON, next_lines, walk);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/audit", FORGE_ROLE_ADMIN, .flags = FORGE_R_LIST | FORGE_R_NDJSON | FORGE_R_TICKET,
     .list = &forge_store_audit_list, .query = &event_query, .reply = &audit_event, .handle = audit_list,
     .operation = "audit_list", .summary = "Read the audit log",
     .description = "For administrators, newest first. Events are added and never changed, not even when an account "
         "is removed. With Accept: application/x-ndjson, one answer has all matching events, one per line. If it "
         "fails midway, the connection closes without the last chunk."},
};
/* clang-format on */

static const forge_tag_t tag = {"audit",
                                "What happened, by whom, to whom and from where. Only administrators can read it."};
const forge_routes_t forge_api_audit = FORGE_API_ROUTES(routes, &tag);
