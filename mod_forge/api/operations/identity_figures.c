/* SPDX-License-Identifier: Apache-2.0
 * /monitor/identity: who is here, in figures and without names. The Require lines of httpd decide who may read them.
 */
#include "api/api.h"
#include "api/shared.h"
#include "store/identity/identity.h"

/* clang-format off */
static const forge_field_t session_fields[] = {
    {"active", FORGE_T_INT, .example = "412", .help = "sessions that have neither ended nor expired"},
    {"seen_5m", FORGE_T_INT, .example = "38", .help = "of these, with a login or a refresh in the last 5 minutes"},
    {"seen_1h", FORGE_T_INT, .example = "121", .help = "the same in the last hour"},
    {.name = NULL},
};
static const forge_field_t account_fields[] = {
    {"total", FORGE_T_INT, .example = "1830", .help = "accounts, without guests and erased ones"},
    {"active", FORGE_T_INT, .example = "1795", .help = "of these, the ones that can log in"},
    {"locked", FORGE_T_INT, .example = "2",
     .help = "accounts that are locked after failed logins, from one network or from anywhere"},
    {.name = NULL},
};
static const forge_field_t login_fields[] = {
    {"ok_1h", FORGE_T_INT, .example = "64", .help = "logins in the last hour"},
    {"failed_1h", FORGE_T_INT, .example = "5", .help = "wrong passwords in the last hour"},
    {.name = NULL},
};
static const forge_field_t figures_fields[] = {
    {"sessions", FORGE_T_OBJECT, .fields = session_fields, .named = "SessionFigures",
     .help = "sessions of accounts and guests"},
    {"guests_active", FORGE_T_INT, .example = "9", .help = "guests whose session is active"},
    {"accounts", FORGE_T_OBJECT, .fields = account_fields, .named = "AccountFigures", .help = "accounts"},
    {"logins", FORGE_T_OBJECT, .fields = login_fields, .named = "LoginFigures", .help = "logins"},
    {"estimated", FORGE_T_BOOL, .example = "false",
     .help = "true: there are more than 10000 sessions or accounts; active, total and guests_active then come from "
         "PostgreSQL's statistics, and no other figure is larger than 10000"},
    {.name = NULL},
};
static const forge_shape_t figures = {"IdentityFigures", figures_fields};
/* clang-format on */

static forge_status_t identity_figures(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_identity_figures(db, q->pool, &rows));
    forge_reply_header(q, "Cache-Control", "no-store"); /* true at this moment only */
    return forge_reply_row(q, rows);
}

/* clang-format off */
static const forge_status_t errors[] = {FORGE_E_FORBIDDEN, FORGE_OK};
static const forge_route_t routes[] = {
    {FORGE_GET, "/monitor/identity", FORGE_ROLE_NONE, .reply = &figures, .errors = errors, .handle = identity_figures,
     .operation = "monitor_identity", .summary = "Sessions, accounts and logins in figures",
     .description = "Names nobody: administrators read who is locked with GET /users?locked=true. The server's "
         "configuration says who may read the figures."},
};
/* clang-format on */

const forge_routes_t forge_api_identity_figures = FORGE_API_ROUTES(routes, &forge_api_tag_monitoring);
