/* SPDX-License-Identifier: Apache-2.0
 * /organizations/{id}/invitations: who is asked to join by mail. The token is in the mail alone; nobody inside learns
 * it.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "store/organizations/organizations.h"
#include "api/shared.h"
#include "organizations.h"

#include <apr_strings.h>
#include <string.h>

#define RETRY_LATER 3600 /* seconds, when a mailbox or a sender has had its share of the day */

/* clang-format off */
static const forge_field_t invitation_fields[] = {
    {"id", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "5", .help = "number of the invitation"},
    {"email", FORGE_T_TEXT, FORGE_F_REQUIRED, .max = FORGE_API_EMAIL_MAX, .format = "email",
     .example = "grace@example.org", .help = "the invited address; only the account with this address can accept"},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_member_role_field},
    {"state", FORGE_T_TEXT, FORGE_F_READONLY, .format = "enum:pending|accepted|expired|revoked",
     .named = "InvitationState", .example = "pending",
     .help = "only a pending invitation can be accepted"},
    {"expires_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME,
     .help = "when the invitation expires: after seven days"},
    {"created_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was sent"},
    {"invited_by", FORGE_T_INT, FORGE_F_READONLY | FORGE_F_NULLABLE, .min = 1, .example = "2",
     .help = "account that sent the invitation; null if it is gone"},
    {.name = NULL},
};
static const forge_shape_t invitation = {"Invitation", invitation_fields};

static const forge_field_t accept_body_fields[] = {
    {"token", FORGE_T_TEXT, FORGE_F_REQUIRED | FORGE_F_WRITEONLY, 1, 200,
     .example = "Zk3vVfQ0w2w4m1bqkqOQ0x3v8m5m0pX2nJtqk0aYb7c", .help = "token from the mail"},
    {.name = NULL},
};
static const forge_shape_t accept_body = {.fields = accept_body_fields};
/* clang-format on */

static const forge_status_t create_errors[] = {FORGE_E_EMAIL_UNPROVEN, FORGE_E_ALREADY_MEMBER,
                                               FORGE_E_INVITATION_PENDING, FORGE_E_RATE_LIMITED, FORGE_OK};
static const forge_status_t revoke_errors[] = {FORGE_E_INVITATION_GONE, FORGE_OK};
static const forge_status_t accept_errors[] = {FORGE_E_INVITATION_FOREIGN, FORGE_E_ALREADY_MEMBER,
                                               FORGE_E_INVITATION_GONE, FORGE_E_TOKEN_INVALID, FORGE_OK};

static forge_status_t invitation_list(forge_req_t *q)
{
    return forge_api_organization_list(q, true);
}

/* What the mail says. */
static forge_new_mail_t mail_make(forge_req_t *q, const forge_rows_t *organization, const char *role, const char *token)
{
    forge_json_t *facts = forge_api_mail_facts(q, "token", token);
    forge_util_json_put_text(facts, "organization", forge_store_rows_text(organization, 0, "name"));
    forge_util_json_put_text(facts, "inviter", forge_store_rows_text(organization, 0, "_username"));
    forge_util_json_put_text(facts, "role", role);
    return forge_api_mail(q, facts);
}

static forge_status_t invitation_create(forge_req_t *q)
{
    const char *why, *token, *email = forge_core_input_text(q->body, "email");
    forge_new_invitation_t in = {.role = forge_core_input_text(q->body, "role")};
    forge_db_t *db;
    forge_rows_t *rows, *organization;
    const forge_actor_t by = forge_api_actor(q);
    if (!forge_core_email_normalize(q->pool, email, strlen(email), &in.email, &in.email_key, &why))
        return FORGE_E_INTERNAL; /* the field table has accepted it */
    token = forge_core_secret_make(q->pool, &in.sha256_hex);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_organization_get(db, q->pool, &by, q->ids[0], &organization));
    in.mail = mail_make(q, organization, in.role, token);
    forge_status_t status = forge_store_invitation_create(db, q->pool, &by, q->ids[0], &in, &rows);
    if (status == FORGE_E_RATE_LIMITED) {
        forge_http_retry_after(q, RETRY_LATER);
        return forge_fail_detail(q, status, "the daily limit of invitations to this address, or by you, is reached");
    }
    FORGE_TRY(status);
    const char *id = forge_util_itoa(q->pool, q->ids[0]);
    return forge_reply_created(q, rows, apr_pstrcat(q->pool, "/api/v1/organizations/", id, "/invitations", NULL));
}

static forge_status_t invitation_revoke(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_invitation_revoke(db, q->pool, &by, q->ids[0], q->ids[1]));
    return forge_reply_none(q);
}

typedef forge_status_t (*by_token_fn)(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const char *sha256,
                                      forge_rows_t **rows);

static forge_status_t by_token(forge_req_t *q, by_token_fn ask)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const char *token = forge_core_input_text(q->body, "token");
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(ask(db, q->pool, &by, forge_core_sha256_hex(q->pool, token, strlen(token)), &rows));
    return forge_reply_row(q, rows);
}

static forge_status_t invitation_accept(forge_req_t *q)
{
    return by_token(q, forge_store_invitation_accept);
}

/* The organisation as it is now, for who is still in it: the invitation itself is used up. */
static forge_status_t accept_again(forge_req_t *q)
{
    return by_token(q, forge_store_invitation_accepted);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/organizations/{id}/invitations", FORGE_ROLE_STUDENT, .flags = FORGE_R_LIST,
     .list = &forge_store_invitations_list, .reply = &invitation, .handle = invitation_list,
     .operation = "invitation_list", .summary = "List the invitations",
     .description = "For owners and admins of the organisation. Includes invitations that are no longer pending."},
    {FORGE_POST, "/organizations/{id}/invitations", FORGE_ROLE_STUDENT,
     .flags = FORGE_R_IDEMPOTENT | FORGE_R_LANGUAGE, .success = 201,
     .body = &invitation, .reply = &invitation, .errors = create_errors, .handle = invitation_create,
     .again = forge_api_organization_grants,
     .operation = "invitation_create", .summary = "Invite somebody by mail",
     .description = "For owners and admins of the organisation who have verified their own e-mail address; only "
         "owners may invite owners. Sends a mail with a token. Only the account with that address can use the token, "
         "once, within seven days. An address can have one pending invitation at a time."},
    {FORGE_DELETE, "/organizations/{id}/invitations/{inv}", FORGE_ROLE_STUDENT, .success = 204,
     .errors = revoke_errors, .handle = invitation_revoke,
     .operation = "invitation_revoke", .summary = "Revoke an invitation",
     .description = "For owners. Admins may revoke any invitation whose role is not owner. The token becomes void."},
    {FORGE_POST, "/organizations/invitations/accept", FORGE_ROLE_STUDENT, .flags = FORGE_R_IDEMPOTENT,
     .body = &accept_body, .reply = &forge_api_organization, .errors = accept_errors, .handle = invitation_accept,
     .again = accept_again,
     .operation = "invitation_accept", .summary = "Accept an invitation",
     .description = "For the account with the invited e-mail address. The account becomes a member; the answer is "
         "the organisation. A call from another account does not use up the token."},
};
/* clang-format on */

const forge_routes_t forge_api_invitations = FORGE_API_ROUTES(routes, &forge_api_tag_organizations);
