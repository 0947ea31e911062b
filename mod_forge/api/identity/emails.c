/* SPDX-License-Identifier: Apache-2.0
 * /auth/email: verification and change of the address.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "store/identity/identity.h"
#include "api/shared.h"

#include <string.h>

/* clang-format off */
static const forge_field_t verify_body_fields[] = {
    {"token", FORGE_T_TEXT, FORGE_F_REQUIRED | FORGE_F_WRITEONLY, 1, 128,
     .example = "q0ZkJ3vXh1cY5uTtR2wPz8mN4bLsG6dKfA9eHiVoxQ7", .help = "token from the mail"},
    {.name = NULL},
};
static const forge_shape_t verify_body = {.fields = verify_body_fields};
/* clang-format on */

static const forge_status_t verify_errors[] = {FORGE_E_TOKEN_INVALID, FORGE_E_EMAIL_TAKEN, FORGE_OK};

/* The old address is told of a change. So the new address must be known before the statement that spends the token. */
static forge_status_t email_verify(forge_req_t *q)
{
    const char *token = forge_core_input_text(q->body, "token");
    forge_one_time_t in = {.ip = q->client_ip, .request_id = q->request_id};
    forge_rows_t *rows;
    forge_db_t *db;
    in.sha256 = forge_core_sha256_hex(q->pool, token, strlen(token));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_one_time_peek(db, q->pool, in.sha256, &rows));
    if (forge_store_rows_count(rows) == 0)
        return FORGE_E_TOKEN_INVALID;
    forge_json_t *facts = forge_api_mail_notice(q);
    forge_util_json_put_text(facts, "email", forge_store_rows_text(rows, 0, "_new_email"));
    forge_util_json_put_text(facts, "token", forge_core_secret_make(q->pool, &in.undo_sha256));
    in.mail = forge_api_mail(q, facts);
    FORGE_TRY(forge_store_email_verify(db, q->pool, &in));
    return forge_reply_none(q);
}

/* Undoes a change of address. It needs no session: its caller reads the mails of the old address, while whoever changed
 * it holds the sessions. */
static forge_status_t email_undo(forge_req_t *q)
{
    const char *token = forge_core_input_text(q->body, "token");
    forge_one_time_t in = {.ip = q->client_ip, .request_id = q->request_id};
    forge_db_t *db;
    in.sha256 = forge_core_sha256_hex(q->pool, token, strlen(token));
    in.mail = forge_api_mail(q, forge_api_mail_notice(q));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_email_undo(db, q->pool, &in));
    return forge_reply_none(q);
}

static forge_status_t email_resend(forge_req_t *q)
{
    forge_one_time_t in = {.user_id = q->who.user_id};
    const char *token = forge_core_secret_make(q->pool, &in.sha256);
    forge_db_t *db;
    in.mail = forge_api_mail(q, forge_api_mail_facts(q, "token", token));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_verify_resend(db, q->pool, &in));
    return forge_api_accepted(q);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_POST, "/auth/email/verify", FORGE_ROLE_NONE,
     .flags = FORGE_R_OPEN | FORGE_R_WAY_IN, .limit = FORGE_LIMIT_AUTH,
     .success = 204, .body = &verify_body, .errors = verify_errors, .handle = email_verify,
     .operation = "auth_email_verify", .summary = "Confirm an e-mail address",
     .description = "Open to anyone who has the token from the mail. The token is valid once, for 24 hours. It "
         "confirms the address of a new account or completes a change of address. A change also voids the account's "
         "other tokens and sends a notice to the old address, with a token that undoes it. 409 if another account "
         "has taken the address in the meantime."},
    {FORGE_POST, "/auth/email/undo", FORGE_ROLE_NONE, .flags = FORGE_R_OPEN, .limit = FORGE_LIMIT_AUTH,
     .success = 204, .body = &verify_body, .errors = verify_errors, .handle = email_undo,
     .operation = "auth_email_undo", .summary = "Undo a change of e-mail address",
     .description = "Open to anyone who has the token from the notice to the old address. The token is valid once, for "
         "72 hours after the change; meanwhile no other account can take the old address. Brings that address back, "
         "verified, and ends all sessions of the account. Deletes its API keys and the second factor that was verified "
         "since the change, and voids its one-use tokens and the tokens that undo later changes. The password is "
         "void, since whoever changed the address knew it: reset it afterwards."},
    {FORGE_POST, "/auth/email/resend", FORGE_ROLE_STUDENT, .flags = FORGE_R_SESSION, .limit = FORGE_LIMIT_AUTH,
     .success = 202, .reply = &forge_api_accepted_reply, .handle = email_resend,
     .operation = "auth_email_resend", .summary = "Send the verification mail again",
     .description = "Open to every account. The token of an earlier mail becomes void. No mail is sent if the "
         "address is already confirmed, or if five mails were sent within an hour; the answer is the same."},
};
/* clang-format on */

const forge_routes_t forge_api_emails = FORGE_API_ROUTES(routes, &forge_api_tag_auth);
