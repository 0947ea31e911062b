/* SPDX-License-Identifier: Apache-2.0
 * /auth: registration, login, one's own account, and live feedback on a password.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "api/shared.h"
#include "identity.h"

#include <string.h>

/* clang-format off */
static const forge_field_t strength_body_fields[] = {
    {"password", FORGE_T_TEXT, FORGE_F_REQUIRED | FORGE_F_WRITEONLY, .max = 1024, .format = "password",
     .example = "correct-Horse7-battery", .help = "the password to check"},
    {"email", FORGE_T_TEXT, FORGE_F_NULLABLE, .max = 254, .example = "ada@example.org",
     .help = "the password must not contain it"},
    {"username", FORGE_T_TEXT, FORGE_F_NULLABLE, .max = 254, .example = "ada",
     .help = "the password must not contain it"},
    {.name = NULL},
};
static const forge_shape_t strength_body = {.fields = strength_body_fields};

static const forge_field_t strength_fields[] = {
    {"score", FORGE_T_INT, .max = 4, .example = "4", .help = "0: guessed at once; 4: hard to guess"},
    {"acceptable", FORGE_T_BOOL, .example = "true", .help = "registration would accept the password"},
    {"problems", FORGE_T_ARRAY, .format = "text", .example = "[]",
     .help = "codes of the rules that the password breaks"},
    {"suggestions", FORGE_T_ARRAY, .format = "text", .example = "[]", .help = "one sentence for each problem"},
    {.name = NULL},
};
static const forge_shape_t strength = {"PasswordStrength", strength_fields};
/* clang-format on */

/* A name as registration takes it. */
static const char *name_typed(forge_req_t *q, const char *member)
{
    const char *name = forge_core_input_text(q->body, member);
    return name ? forge_core_trimmed(q->pool, name, strlen(name)) : NULL;
}

static forge_status_t password_strength(forge_req_t *q)
{
    const char *password = forge_core_input_text(q->body, "password");
    forge_faults_t *faults = forge_core_faults_make(q->pool);
    const forge_password_t wanted = {password, strlen(password), name_typed(q, "email"), name_typed(q, "username")};
    int score =
        forge_core_password_check(q->pool, forge_config_password_rules(q->config), &wanted, "/password", faults);
    int broken = forge_core_faults_count(faults);
    forge_json_t *answer = forge_util_json_object(q->pool);
    forge_util_json_put_int(answer, "score", score);
    forge_util_json_put_bool(answer, "acceptable", broken == 0);
    forge_json_t *problems = forge_util_json_put_array(answer, "problems");
    forge_json_t *suggestions = forge_util_json_put_array(answer, "suggestions");
    for (int i = 0; i < broken; i++) {
        forge_util_json_add_text(problems, forge_core_faults_at(faults, i)->code);
        forge_util_json_add_text(suggestions, forge_reply_sentence(q, forge_core_faults_at(faults, i)->detail));
    }
    return forge_reply_json(q, answer);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_POST, "/auth/register", FORGE_ROLE_NONE,
     .flags = FORGE_R_TOKENS | FORGE_R_CHECKS | FORGE_R_HASHES | FORGE_R_LANGUAGE,
     .limit = FORGE_LIMIT_AUTH, .success = 201, .body = &forge_api_register_body, .reply = &forge_api_tokens_reply,
     .next = forge_api_token_next,
     .errors = forge_api_register_errors, .prepare = forge_api_account_prepare, .handle = forge_api_account_register,
     .operation = "auth_register", .summary = "Register and log in",
     .description = "Creates an account and its first session. Open to anyone. The role must be one that the site "
         "allows at registration. With a guest's token, the guest becomes the account and keeps what it did; the "
         "guest's tokens end. If no username is sent, one is made from the e-mail address."},
    {FORGE_POST, "/auth/login", FORGE_ROLE_NONE,
     .flags = FORGE_R_OPEN | FORGE_R_TOKENS | FORGE_R_FORM | FORGE_R_CHECKS | FORGE_R_WAY_IN | FORGE_R_HASHES,
     .limit = FORGE_LIMIT_AUTH, .body = &forge_api_login_body, .reply = &forge_api_login_reply,
     .samples = forge_api_login_samples, .next = forge_api_login_next,
     .errors = forge_api_login_errors,
     .handle = forge_api_account_login, .operation = "auth_login", .summary = "Log in",
     .description = "Starts a session with a password and an e-mail address or username, sent as JSON or as a form. "
         "An unknown account, a wrong password and an inactive account get the same answer. If the account has a "
         "second factor, the answer is an mfa_token for /auth/mfa/verify instead of tokens. Too many failures lock "
         "the account, first for the client's network, then for everyone."},
    {FORGE_POST, "/auth/password/strength", FORGE_ROLE_NONE,
     .flags = FORGE_R_OPEN | FORGE_R_WORDED, .body = &strength_body, .reply = &strength,
     .handle = password_strength, .operation = "auth_password_strength", .summary = "Check a password",
     .description = "Reports how strong a password is and which rules of registration it breaks. Nothing is stored."},
    {FORGE_GET, "/auth/me", FORGE_ROLE_GUEST, .flags = FORGE_R_ETAG, .reply = &forge_api_me,
     .handle = forge_api_account_me, .operation = "auth_me", .summary = "Read my account",
     .description = "The account of the access token, with its sessions. Open to every account and to guests."},
};
/* clang-format on */

const forge_routes_t forge_api_auth = FORGE_API_ROUTES(routes, &forge_api_tag_auth);
