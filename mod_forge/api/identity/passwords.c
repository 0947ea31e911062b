/* SPDX-License-Identifier: Apache-2.0
 * /auth/password: change, forgot, reset.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "store/identity/identity.h"
#include "api/shared.h"
#include "identity.h"

#include <string.h>

#define TOKEN_MAX 128 /* characters of a token as sent; ours have 43 */

/* --- fields --- */

/* clang-format off */
static const forge_field_t new_password_field[] = {
    {"new_password", FORGE_T_TEXT, FORGE_F_REQUIRED | FORGE_F_WRITEONLY, .max = 1024, .format = "password",
     .example = "correct-Horse7-battery", .help = "must meet the password rules of registration"},
    {.name = NULL},
};
static const forge_field_t forgot_body_fields[] = {
    {"email", FORGE_T_TEXT, FORGE_F_REQUIRED, .max = FORGE_API_EMAIL_MAX, .format = "email",
     .example = "ada@example.org", .help = "address of the account"},
    {.name = NULL},
};
static const forge_shape_t forgot_body = {.fields = forgot_body_fields};

static const forge_field_t reset_body_fields[] = {
    {"token", FORGE_T_TEXT, FORGE_F_REQUIRED | FORGE_F_WRITEONLY, 1, TOKEN_MAX,
     .example = "q0ZkJ3vXh1cY5uTtR2wPz8mN4bLsG6dKfA9eHiVoxQ7", .help = "token from the mail"},
    {.type = FORGE_T_INCLUDE, .fields = new_password_field},
    {.name = NULL},
};
static const forge_shape_t reset_body = {.fields = reset_body_fields};

static const forge_field_t change_body_fields[] = {
    {"current_password", FORGE_T_TEXT, FORGE_F_REQUIRED | FORGE_F_WRITEONLY, .max = 1024, .format = "password",
     .example = "older-Horse7-battery", .help = "the current password"},
    {.type = FORGE_T_INCLUDE, .fields = new_password_field},
    {.name = NULL},
};
static const forge_shape_t change_body = {.fields = change_body_fields};
/* clang-format on */

static const forge_status_t reset_errors[] = {FORGE_E_TOKEN_INVALID, FORGE_E_BUSY, FORGE_OK};
static const forge_status_t change_errors[] = {FORGE_E_BAD_CREDENTIALS, FORGE_E_ACCOUNT_LOCKED, FORGE_E_BUSY, FORGE_OK};

/* --- what they share --- */

/* The same password, whether it was typed composed or decomposed. */
static bool same_password(forge_req_t *q, const char *one, const char *other)
{
    apr_size_t len, other_len;
    const char *composed = forge_core_password_composed(q->pool, one, strlen(one), &len);
    other = forge_core_password_composed(q->pool, other, strlen(other), &other_len);
    return len == other_len && memcmp(composed, other, len) == 0;
}

/* Every rule that the new password breaks. */
static void judge(forge_req_t *q, const char *password, const forge_rows_t *account)
{
    const forge_password_t wanted = {password, strlen(password), forge_store_rows_text(account, 0, "_email"),
                                     forge_store_rows_text(account, 0, "username")};
    forge_core_password_check(q->pool, forge_config_password_rules(q->config), &wanted, "/new_password", q->faults);
}

/* --- forgot --- */

/* The same work whatever the address is: the mailer looks for the account, when nobody waits (SECURITY 28). */
static forge_status_t password_forgot(forge_req_t *q)
{
    const char *typed = forge_core_input_text(q->body, "email"), *why;
    forge_one_time_t in = {0};
    forge_db_t *db;
    if (!forge_core_email_normalize(q->pool, typed, strlen(typed), &in.email, &in.email_key, &why))
        return forge_fail_field(q, FORGE_E_VALIDATION, "/email", "format", why);
    forge_json_t *facts = forge_api_mail_facts(q, "email_key", in.email_key);
    forge_util_json_put_text(facts, "ip", q->client_ip);
    forge_util_json_put_text(facts, "request_id", q->request_id);
    in.mail = forge_api_mail(q, facts);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_reset_ask(db, q->pool, &in));
    return forge_api_accepted(q);
}

/* --- reset --- */

/* The rules need the account, so the token is looked at first. It is spent only when the password is good and
 * hashed. */
static forge_status_t password_reset(forge_req_t *q)
{
    const char *token = forge_core_input_text(q->body, "token"),
               *password = forge_core_input_text(q->body, "new_password");
    forge_one_time_t in = {.ip = q->client_ip, .request_id = q->request_id};
    forge_rows_t *account;
    forge_db_t *db;
    in.sha256 = forge_core_sha256_hex(q->pool, token, strlen(token));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_one_time_peek(db, q->pool, in.sha256, &account));
    forge_http_db_done(q);
    if (forge_store_rows_count(account) == 0 || strcmp(forge_store_rows_text(account, 0, "_kind"), "reset") != 0)
        return FORGE_E_TOKEN_INVALID;
    judge(q, password, account);
    if (forge_core_faults_count(q->faults) > 0)
        return forge_fail_faults(q, FORGE_E_VALIDATION, q->faults);
    FORGE_TRY(forge_http_password_hash(q, password, &in.password_hash));
    in.mail = forge_api_mail(q, forge_api_mail_notice(q));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_password_reset(db, q->pool, &in));
    return forge_reply_none(q);
}

/* --- change --- */

static forge_status_t password_change(forge_req_t *q)
{
    const char *current = forge_core_input_text(q->body, "current_password"),
               *password = forge_core_input_text(q->body, "new_password");
    forge_one_time_t in = {
        .user_id = q->who.user_id, .session_id = q->who.session_id, .ip = q->client_ip, .request_id = q->request_id};
    forge_rows_t *account;
    forge_db_t *db;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_password_owner(db, q->pool, in.user_id, &account));
    forge_http_db_done(q);
    if (forge_store_rows_count(account) == 0)
        return FORGE_E_INVALID_TOKEN;
    in.set_at = forge_store_rows_text(account, 0, "_set_at");
    judge(q, password, account);
    if (same_password(q, current, password))
        forge_core_fault(q->faults, "/new_password", "same_as_current", "must differ from the current password");
    if (forge_core_faults_count(q->faults) > 0)
        return forge_fail_faults(q, FORGE_E_VALIDATION, q->faults);
    FORGE_TRY(forge_api_password_confirm(q, current));
    FORGE_TRY(forge_http_password_hash(q, password, &in.password_hash));
    in.mail = forge_api_mail(q, forge_api_mail_notice(q));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_password_change(db, q->pool, &in));
    return forge_reply_none(q);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_POST, "/auth/password/forgot", FORGE_ROLE_NONE, .flags = FORGE_R_OPEN | FORGE_R_WAY_IN | FORGE_R_LANGUAGE,
     .limit = FORGE_LIMIT_AUTH, .success = 202, .body = &forgot_body, .reply = &forge_api_accepted_reply,
     .handle = password_forgot,
     .operation = "auth_password_forgot", .summary = "Ask for a password reset",
     .description = "Open to anyone. If an active account has the address, a mail with a token goes to it, at most "
         "five an hour. The token is valid for one hour; a newer token voids the older one. The answer is the same, "
         "after the same time, for any address."},
    {FORGE_POST, "/auth/password/reset", FORGE_ROLE_NONE, .flags = FORGE_R_OPEN | FORGE_R_WAY_IN | FORGE_R_HASHES,
     .limit = FORGE_LIMIT_AUTH, .success = 204, .body = &reset_body, .errors = reset_errors, .handle = password_reset,
     .operation = "auth_password_reset", .summary = "Set a new password with a token",
     .description = "Open to anyone who has the token from the mail. The token is valid for one change; a refused "
         "password does not use it up. The reset ends all sessions of the account, deletes its API keys and a "
         "second factor that was enrolled while the address was not verified, lifts a "
         "lockout and voids its other tokens. A notice goes to the account's address."},
    {FORGE_POST, "/auth/password/change", FORGE_ROLE_STUDENT, .flags = FORGE_R_SESSION | FORGE_R_HASHES,
     .limit = FORGE_LIMIT_AUTH, .success = 204, .body = &change_body, .errors = change_errors,
     .handle = password_change,
     .operation = "auth_password_change", .summary = "Change my password",
     .description = "Open to every account, with its current password. All other sessions end at once; this session "
         "and API keys stay. One-use tokens become void. A notice goes to the account's address."},
};
/* clang-format on */

const forge_routes_t forge_api_passwords = FORGE_API_ROUTES(routes, &forge_api_tag_auth);
