/* SPDX-License-Identifier: Apache-2.0
 * /users: search and administration, and the profile that anyone may read.
 */
#include "api/api.h"
#include "store/identity/identity.h"
#include "store/users/users.h"
#include "api/shared.h"
#include "api/identity/identity.h"

#include <apr_strings.h>
#include <string.h>

#define ROLES "enum:student|instructor|admin"

/* clang-format off */
static const forge_field_t upkeep_fields[] = {
    {"mfa_enabled", FORGE_T_BOOL, .example = "false", .help = "login asks for a second factor"},
    {"last_login_at", FORGE_T_TIME, FORGE_F_NULLABLE, .example = FORGE_API_TIME, .help = "last login"},
    {"deactivated_at", FORGE_T_TIME, FORGE_F_NULLABLE, .help = "when the account was closed"},
    {.name = NULL},
};

static const forge_field_t account_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = forge_api_profile_fields},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_email_field},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_private_fields},
    {.type = FORGE_T_INCLUDE, .fields = upkeep_fields},
    {.name = NULL},
};
static const forge_shape_t account = {"Account", account_fields};

/* What everybody sees; the rest is for the owner and administrators. */
static const forge_field_t profile_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = forge_api_profile_fields},
    {.type = FORGE_T_INCLUDE, .flags = FORGE_F_OPTIONAL, .fields = forge_api_email_field},
    {.type = FORGE_T_INCLUDE, .flags = FORGE_F_OPTIONAL, .fields = forge_api_private_fields},
    {.type = FORGE_T_INCLUDE, .flags = FORGE_F_OPTIONAL, .fields = upkeep_fields},
    {.name = NULL},
};
static const forge_shape_t profile = {"Profile", profile_fields};

static const forge_field_t account_query_fields[] = {
    {"q", FORGE_T_TEXT, 0, 1, 200, .format = "search", .example = "lovelace",
     .help = "part of username, name or e-mail address, without regard to case"},
    {"role", FORGE_T_TEXT, .format = "enum:guest|student|instructor|admin", .named = "AccountRole",
     .example = "student",
     .help = "only accounts with this role"},
    {"is_active", FORGE_T_BOOL, .example = "true",
     .help = "true: only accounts that can log in; false: only those that cannot"},
    {"locked", FORGE_T_TEXT, .format = "enum:true", .example = "true",
     .help = "true: only accounts that are locked after failed logins, from one network or from anywhere"},
    {.name = NULL},
};
static const forge_shape_t account_query = {.fields = account_query_fields};

static const forge_field_t account_body_fields[] = {
    {"role", FORGE_T_TEXT, .format = ROLES, .named = "AssignableRole", .example = "instructor",
     .help = "role on this platform"},
    {"is_active", FORGE_T_BOOL, .example = "true", .help = "false: ends all sessions and prevents login"},
    {"email_verified", FORGE_T_BOOL, .example = "true", .help = "true: the e-mail address counts as verified"},
    {.name = NULL},
};
static const forge_shape_t account_body = {.fields = account_body_fields};
/* clang-format on */

static const forge_status_t update_errors[] = {FORGE_E_CONFLICT, FORGE_E_LAST_ADMIN, FORGE_E_GONE, FORGE_OK};
static const forge_status_t delete_errors[] = {FORGE_E_LAST_ADMIN, FORGE_E_LAST_OWNER, FORGE_OK};

static const forge_status_t reset_errors[] = {FORGE_E_SESSION_REQUIRED, FORGE_OK};

static forge_status_t account_list(forge_req_t *q)
{
    return forge_api_list(q, FORGE_NO_ARGS);
}

/* Two views of one version are two representations. The tag of the smaller one is made from its bytes, so that neither
 * is taken for the other; the tag of the whole account is good for If-Match. */
static forge_status_t account_get(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    FORGE_TRY(forge_http_db(q, &db));
    if (q->who.role == FORGE_ROLE_ADMIN || q->who.user_id == q->ids[0]) {
        FORGE_TRY(forge_store_account_get(db, q->pool, q->ids[0], &rows));
        return forge_reply_row(q, rows);
    }
    FORGE_TRY(forge_store_account_profile(db, q->pool, q->ids[0], &rows));
    FORGE_TRY(forge_reply_row(q, rows));
    return forge_reply_etag_bytes(q, NULL);
}

static forge_status_t account_update(forge_req_t *q)
{
    static const char *const names[] = {"role", "is_active", "email_verified", NULL};
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const forge_patch_t patch = forge_api_patch(q, names);
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_account_update(db, q->pool, &by, q->ids[0], &patch, &rows);
    if (status == FORGE_E_CONFLICT)
        return forge_fail_detail(q, status, "a guest can get another role only by registering");
    FORGE_TRY(status);
    return forge_reply_row(q, rows);
}

static forge_status_t account_delete(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_account_delete(db, q->pool, &by, q->ids[0], q->if_version));
    return forge_reply_none(q);
}

static forge_status_t account_end_sessions(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_account_end_sessions(db, q->pool, &by, q->ids[0]));
    return forge_reply_none(q);
}

/* unlock and reset-mfa: no row is an account that is not there. */
static forge_status_t done(forge_req_t *q, const forge_rows_t *rows)
{
    return forge_store_rows_count(rows) ? forge_reply_none(q) : FORGE_E_NOT_FOUND;
}

static forge_status_t account_unlock(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_unlock(db, q->pool, &by, q->ids[0], &rows));
    return done(q, rows);
}

/* Resetting one's own factor needs a proof first. It is what proves an administrator's identity, and a stolen token
 * must not take it away. */
static forge_status_t account_reset_mfa(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    if (by.id == q->ids[0] && !by.session_id)
        return FORGE_E_SESSION_REQUIRED;
    if (by.id == q->ids[0])
        FORGE_TRY(forge_api_proof(q, NULL));
    forge_json_t *facts = forge_api_mail_notice(q);
    forge_util_json_put_text(facts, "language", "en"); /* not the administrator's */
    const forge_new_mail_t notice = forge_api_mail(q, facts);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_mfa_reset(db, q->pool, &by, q->ids[0], &notice, &rows));
    return done(q, rows);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/users", FORGE_ROLE_ADMIN, .flags = FORGE_R_LIST, .list = &forge_store_accounts_list,
     .query = &account_query, .reply = &account, .handle = account_list,
     .operation = "account_list", .summary = "List accounts", .description = "For administrators."},
    {FORGE_GET, "/users/{id}", FORGE_ROLE_NONE, .flags = FORGE_R_ETAG, .reply = &profile, .handle = account_get,
     .operation = "account_get", .summary = "Read a profile",
     .description = "Open to anyone: id, username, full_name, bio, avatar_url, role and created_at. The account's "
         "owner and administrators get the other members too. Only they can read guests and closed accounts."},
    {FORGE_PATCH, "/users/{id}", FORGE_ROLE_ADMIN, .flags = FORGE_R_ETAG | FORGE_R_STEP_UP, .body = &account_body,
     .reply = &account, .errors = update_errors, .handle = account_update,
     .operation = "account_update", .summary = "Change an account",
     .description = "For administrators. A change of role or is_active voids the account's access tokens at once; "
         "deactivation also ends its sessions. If the account's owner has left, activating it cancels the removal of "
         "their data."},
    {FORGE_DELETE, "/users/{id}", FORGE_ROLE_ADMIN, .flags = FORGE_R_ETAG | FORGE_R_STEP_UP, .success = 204,
     .errors = delete_errors, .handle = account_delete, .operation = "account_delete", .summary = "Delete an account",
     .description = "For administrators. Closes the account and removes everything personal from it at once: "
         "address, names, profile, password, sessions, second factors, keys, memberships. What others refer to stays "
         "under the name deleted_ and its number: courses, awards, audit events. If the account was the last owner "
         "of an organisation, it stays the owner until an administrator transfers the organisation. This cannot be "
         "undone."},
    {FORGE_POST, "/users/{id}/revoke-sessions", FORGE_ROLE_ADMIN, .flags = FORGE_R_STEP_UP, .success = 204,
     .handle = account_end_sessions, .operation = "account_revoke_sessions", .summary = "Log an account out everywhere",
     .description = "For administrators. Ends all sessions of the account and voids all its access tokens at once."},
    {FORGE_POST, "/users/{id}/unlock", FORGE_ROLE_ADMIN, .flags = FORGE_R_STEP_UP, .success = 204,
     .handle = account_unlock, .operation = "account_unlock", .summary = "Unlock an account",
     .description = "For administrators. Clears the failed logins of the account, so that it can log in again from "
         "anywhere."},
    {FORGE_POST, "/users/{id}/reset-mfa", FORGE_ROLE_ADMIN, .flags = FORGE_R_STEP_UP, .success = 204,
     .errors = reset_errors, .handle = account_reset_mfa, .operation = "account_reset_mfa",
     .summary = "Remove the second factor",
     .description = "For administrators, when somebody has lost their second factor. Backup codes become void too, "
         "and the account is logged out everywhere. On the own account a login of the last few minutes is needed "
         "(ForgeFreshLogin): else 401 with max_age (RFC 9470)."},
};
/* clang-format on */

const forge_routes_t forge_api_accounts = FORGE_API_ROUTES(routes, &forge_api_tag_users);
