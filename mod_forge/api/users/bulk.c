/* SPDX-License-Identifier: Apache-2.0
 * /users/bulk: one action on many accounts.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "store/users/users.h"
#include "api/shared.h"

#include <apr_strings.h>
#include <string.h>

#define IDS_MAX 1000

/* clang-format off */
static const forge_field_t bulk_body_fields[] = {
    {"action", FORGE_T_TEXT, FORGE_F_REQUIRED, .format = "enum:activate|deactivate|delete|set_role|revoke_sessions",
     .named = "BulkAction",
     .example = "deactivate", .help = "what to do with each account"},
    {"ids", FORGE_T_ARRAY, FORGE_F_REQUIRED, 1, IDS_MAX, .format = "int", .example = "[7, 8]",
     .help = "numbers of the accounts, without duplicates"},
    {"role", FORGE_T_TEXT, .format = "enum:student|instructor|admin", .named = "AssignableRole", .example = "student",
     .help = "required for set_role"},
    {"dry_run", FORGE_T_BOOL, .preset = "false", .example = "true",
     .help = "true: reports what would happen to each account, and changes nothing"},
    {.name = NULL},
};
static const forge_shape_t bulk_body = {.fields = bulk_body_fields};

static const forge_field_t result_fields[] = {
    {"id", FORGE_T_INT, .example = "7", .help = "number of the account"},
    {"status", FORGE_T_TEXT, .format = "enum:ok|unchanged|not_found|failed", .named = "BulkStatus", .example = "ok",
     .help = "result for this account"},
    {"code", FORGE_T_TEXT, FORGE_F_OPTIONAL | FORGE_F_APART, .max = 64, .example = "last_admin",
     .help = "with failed: last_admin, or conflict when the account is a guest and cannot get the role"},
    {.name = NULL},
};

static const forge_field_t bulk_results_fields[] = {
    {"results", FORGE_T_ARRAY, .max = IDS_MAX, .fields = result_fields, .named = "BulkResult",
     .help = "one result for each id, in the same order"},
    {.name = NULL},
};
static const forge_shape_t bulk_results = {"BulkResults", bulk_results_fields};
/* clang-format on */

/* The ids as PostgreSQL takes an array; faults for what is no id or comes twice. */
static const char *read_ids(forge_req_t *q)
{
    const forge_json_t *list = forge_core_input_json_value(q->body, "ids");
    apr_size_t n = forge_util_json_size(list);
    apr_int64_t *ids = apr_pcalloc(q->pool, sizeof(*ids) * (n + 1));
    forge_buf_t *b = forge_util_buf_make(q->pool, 32 + n * 8, 64 * 1024);
    for (apr_size_t i = 0; i < n; i++) {
        const char *pointer = apr_psprintf(q->pool, "/ids/%" APR_SIZE_T_FMT, i);
        forge_util_json_int(forge_util_json_at(list, i), &ids[i]);
        if (ids[i] < 1)
            forge_core_fault(q->faults, pointer, "out_of_range", "must be 1 or more");
        for (apr_size_t other = 0; other < i; other++)
            if (ids[other] == ids[i]) {
                forge_core_fault(q->faults, pointer, "duplicate", "is already in the list");
                break;
            }
        forge_util_buf_puts(b, i ? "," : "{");
        forge_util_buf_int(b, ids[i]);
    }
    forge_util_buf_puts(b, "}");
    return apr_pstrmemdup(q->pool, b->data, b->len);
}

static forge_bulk_action_t read_action(forge_req_t *q)
{
    static const char *const names[] = {
        [FORGE_BULK_ACTIVATE] = "activate",
        [FORGE_BULK_DEACTIVATE] = "deactivate",
        [FORGE_BULK_DELETE] = "delete",
        [FORGE_BULK_SET_ROLE] = "set_role",
        [FORGE_BULK_REVOKE_SESSIONS] = "revoke_sessions",
    };
    const char *action = forge_core_input_text(q->body, "action");
    for (int i = 0; action && i < (int)(sizeof(names) / sizeof(names[0])); i++)
        if (strcmp(names[i], action) == 0)
            return (forge_bulk_action_t)i;
    return FORGE_BULK_ACTIVATE; /* the field table has faulted it */
}

static forge_status_t users_bulk(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    forge_bulk_t bulk = {.action = read_action(q), .role = forge_core_input_text(q->body, "role")};
    const forge_actor_t by = forge_api_actor(q);
    bulk.ids = read_ids(q);
    if (bulk.action == FORGE_BULK_SET_ROLE && !forge_core_input_has(q->body, "role") &&
        !forge_core_faulted(q->faults, "/role"))
        forge_core_fault(q->faults, "/role", "required", "set_role needs a role");
    if (forge_core_faults_count(q->faults) > 0)
        return forge_fail_faults(q, FORGE_E_VALIDATION, q->faults);
    bulk.dry_run = forge_core_input_bool(q->body, "dry_run", false);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_accounts_bulk(db, q->pool, &by, &bulk, &rows));
    return forge_reply_row(q, rows);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_POST, "/users/bulk", FORGE_ROLE_ADMIN, .flags = FORGE_R_IDEMPOTENT | FORGE_R_STEP_UP | FORGE_R_CHECKS |
     FORGE_R_PATIENT, .body = &bulk_body, .reply = &bulk_results, .handle = users_bulk, .again = forge_reply_kept,
     .operation = "users_bulk", .summary = "Change many accounts at once",
     .description = "For administrators. All changes are made in one transaction, as if one account came after the "
         "other. The last active administrator fails with last_admin and stays; the others are changed. delete does "
         "the same as DELETE /users/{id}."},
};
/* clang-format on */

const forge_routes_t forge_api_bulk = FORGE_API_ROUTES(routes, &forge_api_tag_users);
