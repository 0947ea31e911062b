/* SPDX-License-Identifier: Apache-2.0
 * /organizations/{id}/members: who belongs to an organisation, and as what.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "store/organizations/organizations.h"
#include "api/shared.h"
#include "organizations.h"

#include <apr_strings.h>
#include <string.h>

/* clang-format off */
static const forge_field_t member_fields[] = {
    {"user_id", FORGE_T_INT, .min = 1, .example = "7", .help = "number of the account"},
    {"username", FORGE_T_TEXT, .example = "ada", .help = "name of the account"},
    {"role", FORGE_T_TEXT, .format = FORGE_API_MEMBER_ROLES, .named = "MemberRole", .example = "member",
     .help = "role in the organisation"},
    {"joined_at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when the account joined"},
    {.name = NULL},
};
static const forge_shape_t member = {"Member", member_fields};

static const forge_field_t add_body_fields[] = {
    {"user_id", FORGE_T_INT, .min = 1, .example = "7", .help = "number of the account; send this, username or email"},
    {"username", FORGE_T_TEXT, 0, 3, 30, .format = "username", .example = "ada",
     .help = "name of the account; send this, user_id or email"},
    {"email", FORGE_T_TEXT, .max = FORGE_API_EMAIL_MAX, .format = "email", .example = "ada@example.org",
     .help = "e-mail address that the account has verified; send this, user_id or username"},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_member_role_field},
    {.name = NULL},
};
static const forge_shape_t add_body = {.fields = add_body_fields};

static const forge_field_t change_body_fields[] = {
    {"role", FORGE_T_TEXT, FORGE_F_REQUIRED, .format = FORGE_API_MEMBER_ROLES, .named = "MemberRole",
     .example = "admin",
     .help = "role in the organisation"},
    {.name = NULL},
};
static const forge_shape_t change_body = {.fields = change_body_fields};
/* clang-format on */

static const forge_status_t add_errors[] = {FORGE_E_ALREADY_MEMBER, FORGE_E_BAD_REFERENCE, FORGE_E_INVITE_INSTEAD,
                                            FORGE_OK};
static const forge_status_t change_errors[] = {FORGE_E_LAST_OWNER, FORGE_OK};

static forge_status_t member_list(forge_req_t *q)
{
    return forge_api_organization_list(q, false);
}

/* How the body names the account. */
static const char *const names[] = {"user_id", "username", "email"};
#define NAMES (sizeof(names) / sizeof(*names))

/* Who is meant: exactly one of the three names. The first that is too many is at fault; without any, the number is. */
static forge_status_t target_read(forge_req_t *q, forge_new_member_t *in)
{
    const char *shown, *why, *email = forge_core_input_text(q->body, "email");
    size_t sent = 0;
    in->user_id = forge_core_input_text(q->body, "user_id");
    in->username = forge_core_input_text(q->body, "username");
    for (size_t i = 0; i < NAMES; i++)
        if (forge_core_input_has(q->body, names[i]) && ++sent == 2)
            forge_core_fault(q->faults, apr_pstrcat(q->pool, "/", names[i], NULL), "conflict",
                             "send exactly one of user_id, username and email");
    if (forge_core_faults_count(q->faults) == 0 && !in->user_id && !in->username && !email)
        forge_core_fault(q->faults, "/user_id", "required", "send exactly one of user_id, username and email");
    if (forge_core_faults_count(q->faults) > 0)
        return forge_fail_faults(q, FORGE_E_VALIDATION, q->faults);
    if (email && !forge_core_email_normalize(q->pool, email, strlen(email), &shown, &in->email_key, &why))
        return FORGE_E_INTERNAL; /* the field table has accepted it */
    return FORGE_OK;
}

static forge_status_t member_add(forge_req_t *q)
{
    forge_new_member_t in = {.role = forge_core_input_text(q->body, "role")};
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(target_read(q, &in));
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_member_add(db, q->pool, &by, q->ids[0], &in, &rows);
    if (status == FORGE_E_BAD_REFERENCE)
        return forge_fail_field(q, status, in.user_id ? "/user_id" : "/username", "unknown",
                                "there is no such account, or it is not active");
    if (status == FORGE_E_INVITE_INSTEAD)
        return forge_fail_field(q, status, "/email", "invite_instead",
                                "no account is known to belong to this address; invite it");
    FORGE_TRY(status);
    return forge_reply_created(
        q, rows, apr_pstrcat(q->pool, "/api/v1/organizations/", forge_util_itoa(q->pool, q->ids[0]), "/members", NULL));
}

static forge_status_t member_update(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const forge_member_in_t in = {q->ids[1], forge_core_input_text(q->body, "role")};
    if (!in.role)
        return forge_fail_field(q, FORGE_E_VALIDATION, "/role", "required", "this member is needed");
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_member_update(db, q->pool, &by, q->ids[0], &in, &rows));
    return forge_reply_row(q, rows);
}

static forge_status_t member_remove(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_member_remove(db, q->pool, &by, q->ids[0], q->ids[1]));
    return forge_reply_none(q);
}

static forge_status_t member_leave(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_member_leave(db, q->pool, &by, q->ids[0]));
    return forge_reply_none(q);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/organizations/{id}/members", FORGE_ROLE_STUDENT, .flags = FORGE_R_LIST,
     .list = &forge_store_members_list, .reply = &member, .handle = member_list,
     .operation = "member_list", .summary = "List the members", .description = "For members of the organisation."},
    {FORGE_POST, "/organizations/{id}/members", FORGE_ROLE_STUDENT, .flags = FORGE_R_IDEMPOTENT | FORGE_R_CHECKS,
     .success = 201, .body = &add_body, .reply = &member, .errors = add_errors, .handle = member_add,
     .again = forge_api_organization_grants,
     .operation = "member_add", .summary = "Add a member",
     .description = "For owners and admins of the organisation; only owners may add an owner. The account must exist "
         "and be active. An e-mail address names an account only once the account has verified it; for all other "
         "addresses the answer is invite_instead."},
    {FORGE_PATCH, "/organizations/{id}/members/{user_id}", FORGE_ROLE_STUDENT, .body = &change_body, .reply = &member,
     .errors = change_errors, .handle = member_update,
     .operation = "member_update", .summary = "Change a member's role",
     .description = "For owners. Admins may change a role if neither the old nor the new role is owner. The last "
         "active owner cannot be demoted. Pending invitations that the new role could not send are revoked."},
    {FORGE_DELETE, "/organizations/{id}/members/{user_id}", FORGE_ROLE_STUDENT, .success = 204,
     .errors = change_errors, .handle = member_remove, .operation = "member_remove", .summary = "Remove a member",
     .description = "For owners. Admins may remove members who are not owners. The last active owner cannot be "
         "removed. Pending invitations by and to the member are revoked."},
    {FORGE_POST, "/organizations/{id}/leave", FORGE_ROLE_STUDENT, .success = 204, .errors = change_errors,
     .handle = member_leave, .operation = "member_leave", .summary = "Leave an organisation",
     .description = "For members. The last active owner cannot leave. Pending invitations by and to the caller are "
         "revoked. The caller no longer sees the courses of the organisation, even those they created."},
};
/* clang-format on */

const forge_routes_t forge_api_members = FORGE_API_ROUTES(routes, &forge_api_tag_organizations);
