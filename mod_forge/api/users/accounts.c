/* SPDX-License-Identifier: Apache-2.0
 * /users: search and administration, and the profile that anyone may read.
 */
#include "api/api.h"
#include "api/shared.h"

#include <apr_strings.h>
#include <string.h>

#define ROLES "enum:student|instructor|admin"
/* What everybody sees; the rest is for the owner and administrators. */
#define ID \
    { \
        .name = "id", .type = FORGE_T_INT, .min = 1, .example = "7", .help = "number of the account" \
    }
#define USERNAME \
    { \
        .name = "username", .type = FORGE_T_TEXT, .min = 3, .max = 30, .format = "username", .example = "\"ada\"", .help = "login name" \
    }
#define FULL_NAME \
    { \
        .name = "full_name", .type = FORGE_T_TEXT, .flags = FORGE_F_NULLABLE, .max = 200, .example = "\"Ada Lovelace\"", .help = "name" \
    }
#define BIO \
    { \
        .name = "bio", .type = FORGE_T_TEXT, .flags = FORGE_F_NULLABLE, .max = 5000, .example = "null", \
        .help = "a few words about oneself" \
    }
#define AVATAR \
    { \
        .name = "avatar_url", .type = FORGE_T_TEXT, .flags = FORGE_F_NULLABLE, .max = 2048, .example = "null", .help = "a picture" \
    }
#define ROLE \
    { \
        .name = "role", .type = FORGE_T_TEXT, .format = "enum:guest|student|instructor|admin", .example = "\"student\"", \
        .help = "role here" \
    }
#define CREATED \
    { \
        .name = "created_at", .type = FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when it was made" \
    }
#define PRIVATE_FIELDS(absent) \
    {.name = "email", \
     .type = FORGE_T_TEXT, \
     .flags = FORGE_F_NULLABLE | (absent), \
     .max = 254, \
     .example = "\"ada@example.org\"", \
     .help = "address as typed; guests have none"}, \
        {.name = "is_active", .type = FORGE_T_BOOL, .flags = (absent), .example = "true", .help = "false: the account cannot log in"}, \
        {.name = "email_verified", .type = FORGE_T_BOOL, .flags = (absent), .example = "true", .help = "the address was proven"}, \
        {.name = "locale", \
         .type = FORGE_T_TEXT, \
         .flags = FORGE_F_NULLABLE | (absent), \
         .max = 35, \
         .example = "null", \
         .help = "language tag (BCP 47)"}, \
        {.name = "timezone", \
         .type = FORGE_T_TEXT, \
         .flags = FORGE_F_NULLABLE | (absent), \
         .max = 64, \
         .example = "null", \
         .help = "IANA time zone"}, \
        {.name = "mfa_enabled", \
         .type = FORGE_T_BOOL, \
         .flags = (absent), \
         .example = "false", \
         .help = "a second factor is asked for at login"}, \
        {.name = "last_login_at", \
         .type = FORGE_T_TIME, \
         .flags = FORGE_F_NULLABLE | (absent), \
         .example = FORGE_API_TIME, \
         .help = "last login"}, \
        {.name = "deactivated_at", \
         .type = FORGE_T_TIME, \
         .flags = FORGE_F_NULLABLE | (absent), \
         .example = "null", \
         .help = "when it was closed"}, \
    { \
        .name = "updated_at", .type = FORGE_T_TIME, .flags = (absent), .example = FORGE_API_TIME, .help = "when it was last changed" \
    }

static const forge_field_t account_fields[] = {ID, USERNAME, FULL_NAME, BIO, AVATAR, ROLE, CREATED, PRIVATE_FIELDS(0), {.name = NULL}};
static const forge_field_t profile_fields[] = {
    ID, USERNAME, FULL_NAME, BIO, AVATAR, ROLE, CREATED, PRIVATE_FIELDS(FORGE_F_OPTIONAL), {.name = NULL}};

static const forge_field_t account_query[] = {
    {.name = "q",
     .type = FORGE_T_TEXT,
     .min = 1,
     .max = 200,
     .example = "\"lovelace\"",
     .help = "part of username, name or e-mail address, without regard to case"},
    {.name = "role",
     .type = FORGE_T_TEXT,
     .format = "enum:guest|student|instructor|admin",
     .example = "\"student\"",
     .help = "only this role"},
    {.name = "is_active", .type = FORGE_T_BOOL, .example = "true", .help = "only those that can log in, or only those that cannot"},
    {.name = "sort",
     .type = FORGE_T_TEXT,
     .format = "enum:id|-created_at|username",
     .preset = "id",
     .example = "\"username\"",
     .help = "order"},
    {.name = NULL},
};

static const forge_field_t admin_fields[] = {
    {.name = "role", .type = FORGE_T_TEXT, .format = ROLES, .example = "\"instructor\"", .help = "role here"},
    {.name = "is_active", .type = FORGE_T_BOOL, .example = "true", .help = "false: logged out everywhere, and cannot log in"},
    {.name = "email_verified", .type = FORGE_T_BOOL, .example = "true", .help = "the address counts as proven"},
    {.name = NULL},
};

static const forge_status_t update_errors[] = {FORGE_E_CONFLICT, FORGE_E_LAST_ADMIN, FORGE_E_GONE, FORGE_OK};
static const forge_status_t delete_errors[] = {FORGE_E_LAST_ADMIN, FORGE_E_LAST_OWNER, FORGE_OK};

static forge_status_t account_list(forge_req_t *q)
{
    return forge_api_list(q, &forge_store_accounts_list, NULL);
}

/* Two views of one version are two representations: the tag of the smaller one is made from its bytes, so that neither is taken for the
 * other; that of the whole account is good for If-Match. */
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
    q->reply->etag = forge_core_etag_bytes(q->pool, q->reply->body->data, q->reply->body->len);
    return FORGE_OK;
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
        return forge_fail_detail(q, status, "a guest gets another role by registering");
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
    return forge_store_rows_count(rows) ? forge_reply_none(q) : forge_fail(q, FORGE_E_NOT_FOUND);
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

static forge_status_t account_reset_mfa(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_mfa_reset(db, q->pool, &by, q->ids[0], &rows));
    return done(q, rows);
}

static const forge_route_t routes[] = {
    {.method = FORGE_GET,
     .path = "/users",
     .role = FORGE_ROLE_ADMIN,
     .flags = FORGE_R_LIST,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 200,
     .query = account_query,
     .reply = account_fields,
     .schema = "Account",
     .handle = account_list,
     .operation = "account_list",
     .tag = "users",
     .summary = "List accounts",
     .description = "For administrators."},
    {.method = FORGE_GET,
     .path = "/users/{id}",
     .flags = FORGE_R_ETAG,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 200,
     .reply = profile_fields,
     .schema = "Profile",
     .handle = account_get,
     .operation = "account_get",
     .tag = "users",
     .summary = "Read a profile",
     .description = "Open to anyone: id, username, full_name, bio, avatar_url, role and created_at; its owner and administrators get the "
                    "other members too. Guests and closed accounts are there for these two alone."},
    {.method = FORGE_PATCH,
     .path = "/users/{id}",
     .role = FORGE_ROLE_ADMIN,
     .flags = FORGE_R_ETAG | FORGE_R_STEP_UP,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 200,
     .body = admin_fields,
     .reply = account_fields,
     .schema = "Account",
     .handle = account_update,
     .operation = "account_update",
     .tag = "users",
     .summary = "Change an account",
     .description =
         "For administrators. A change of role or activity voids the account's access tokens at once, a deactivation its sessions "
         "too. Activating an account whose owner has left calls the removal of their data off.",
     .errors = update_errors},
    {.method = FORGE_DELETE,
     .path = "/users/{id}",
     .role = FORGE_ROLE_ADMIN,
     .flags = FORGE_R_ETAG | FORGE_R_STEP_UP,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 204,
     .handle = account_delete,
     .operation = "account_delete",
     .tag = "users",
     .summary = "Delete an account",
     .description =
         "For administrators. Closes the account and removes everything personal from it at once: address, names, profile, "
         "password, sessions, second factors, keys, memberships. What others refer to stays, under the name deleted_ and its number: "
         "courses, awards, audit events. An organisation whose last owner it was keeps it as such until an administrator transfers it. "
         "It cannot be undone.",
     .errors = delete_errors},
    {.method = FORGE_POST,
     .path = "/users/{id}/revoke-sessions",
     .role = FORGE_ROLE_ADMIN,
     .flags = FORGE_R_STEP_UP,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 204,
     .handle = account_end_sessions,
     .operation = "account_revoke_sessions",
     .tag = "users",
     .summary = "Log an account out everywhere",
     .description = "For administrators. All its sessions end and all its access tokens are void at once."},
    {.method = FORGE_POST,
     .path = "/users/{id}/unlock",
     .role = FORGE_ROLE_ADMIN,
     .flags = FORGE_R_STEP_UP,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 204,
     .handle = account_unlock,
     .operation = "account_unlock",
     .tag = "users",
     .summary = "Unlock an account",
     .description = "For administrators. Forgets the failed logins of the account, so that it can log in again from everywhere."},
    {.method = FORGE_POST,
     .path = "/users/{id}/reset-mfa",
     .role = FORGE_ROLE_ADMIN,
     .flags = FORGE_R_STEP_UP,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 204,
     .handle = account_reset_mfa,
     .operation = "account_reset_mfa",
     .tag = "users",
     .summary = "Take the second factor away",
     .description =
         "For administrators, when somebody has lost theirs. Backup codes are void too, and the account is logged out everywhere."},
};
const forge_routes_t forge_api_accounts = FORGE_API_ROUTES(routes);
