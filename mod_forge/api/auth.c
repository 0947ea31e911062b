/* SPDX-License-Identifier: Apache-2.0
 * /auth: registration, login, one's own account, and live feedback on a password.
 */
#include "shared.h"

#include <string.h>

static const forge_field_t strength_body[] = {
    {.name = "password",
     .type = FORGE_T_TEXT,
     .flags = FORGE_F_REQUIRED | FORGE_F_WRITEONLY,
     .max = 1024,
     .format = "password",
     .example = "\"correct-Horse7-battery\"",
     .help = "the password to judge"},
    {.name = "email",
     .type = FORGE_T_TEXT,
     .flags = FORGE_F_NULLABLE,
     .max = 254,
     .example = "\"ada@example.org\"",
     .help = "must not be part of it"},
    {.name = "username",
     .type = FORGE_T_TEXT,
     .flags = FORGE_F_NULLABLE,
     .max = 254,
     .example = "\"ada\"",
     .help = "must not be part of it"},
    {.name = NULL},
};

static const forge_field_t strength_fields[] = {
    {.name = "score", .type = FORGE_T_INT, .min = 0, .max = 4, .example = "4", .help = "0 is guessed at once, 4 is hard to guess"},
    {.name = "acceptable", .type = FORGE_T_BOOL, .example = "true", .help = "registration would take it"},
    {.name = "problems", .type = FORGE_T_ARRAY, .format = "text", .example = "[]", .help = "codes of the rules it breaks"},
    {.name = "suggestions", .type = FORGE_T_ARRAY, .format = "text", .example = "[]", .help = "a sentence for each of them"},
    {.name = NULL},
};

static forge_status_t password_strength(forge_req_t *q)
{
    const char *password = forge_core_input_text(q->body, "password");
    forge_faults_t *faults = forge_core_faults_make(q->pool);
    int score =
        forge_core_password_check(q->pool, forge_config_password_rules(q->config), password, strlen(password),
                                  forge_core_input_text(q->body, "email"), forge_core_input_text(q->body, "username"), "/password", faults);
    int broken = forge_core_faults_count(faults);
    forge_json_t *answer = forge_util_json_object(q->pool);
    forge_util_json_put_int(answer, "score", score);
    forge_util_json_put_bool(answer, "acceptable", broken == 0);
    forge_json_t *problems = forge_util_json_put_array(answer, "problems");
    forge_json_t *suggestions = forge_util_json_put_array(answer, "suggestions");
    for (int i = 0; i < broken; i++) {
        forge_util_json_add_text(problems, forge_core_faults_at(faults, i)->code);
        forge_util_json_add_text(suggestions, forge_core_faults_at(faults, i)->detail);
    }
    return forge_reply_json(q, answer);
}

static const forge_route_t routes[] = {
    {.method = FORGE_POST,
     .path = "/auth/register",
     .flags = FORGE_R_TOKENS | FORGE_R_IDEMPOTENT | FORGE_R_CHECKS | FORGE_R_HASHES,
     .limit = FORGE_LIMIT_AUTH,
     .success = 201,
     .body = forge_api_register_fields,
     .reply = forge_api_tokens_fields,
     .schema = "Tokens",
     .prepare = forge_api_account_prepare,
     .handle = forge_api_account_register,
     .operation = "auth_register",
     .tag = "auth",
     .summary = "Register and log in",
     .description = "Creates an account and its first session. "
                    "Open to anyone; only roles that the site lets people choose may be asked for. "
                    "With a guest's token the guest becomes the account and keeps what it did; its own tokens end. "
                    "Without a username one is made from the e-mail address.",
     .errors = forge_api_register_errors},
    {.method = FORGE_POST,
     .path = "/auth/login",
     .flags = FORGE_R_TOKENS | FORGE_R_FORM | FORGE_R_CHECKS | FORGE_R_WAY_IN | FORGE_R_HASHES,
     .limit = FORGE_LIMIT_AUTH,
     .success = 200,
     .body = forge_api_login_fields,
     .reply = forge_api_login_reply,
     .schema = "Login",
     .handle = forge_api_account_login,
     .operation = "auth_login",
     .tag = "auth",
     .summary = "Log in",
     .description = "Begins a session by e-mail address or username and password, as JSON or as a form. "
                    "An unknown account, a wrong password and an inactive account get the same answer. "
                    "With a second factor the answer is an mfa_token for /auth/mfa/verify instead of tokens. "
                    "Too many failures lock the account for the client's network, then for all.",
     .errors = forge_api_login_errors},
    {.method = FORGE_POST,
     .path = "/auth/password/strength",
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 200,
     .body = strength_body,
     .reply = strength_fields,
     .schema = "PasswordStrength",
     .handle = password_strength,
     .operation = "auth_password_strength",
     .tag = "auth",
     .summary = "Judge a password",
     .description = "Says how strong a password is and which rules it breaks, by the rules of registration. Nothing is stored."},
    {.method = FORGE_GET,
     .path = "/auth/me",
     .role = FORGE_ROLE_GUEST,
     .flags = FORGE_R_ETAG,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 200,
     .reply = forge_api_me_fields,
     .schema = "Me",
     .handle = forge_api_account_me,
     .operation = "auth_me",
     .tag = "auth",
     .summary = "Read my account",
     .description = "The account of the access token, with its sessions. Open to every account and to guests."},
};
const forge_routes_t forge_api_auth = FORGE_API_ROUTES(routes);
