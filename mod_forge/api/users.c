/* SPDX-License-Identifier: Apache-2.0
 * /users: the paths that older clients use for registration, login and one's own account.
 */
#include "shared.h"

static const forge_route_t routes[] = {
    {.method = FORGE_POST, .path = "/users/register", .flags = FORGE_R_IDEMPOTENT | FORGE_R_CHECKS, .limit = FORGE_LIMIT_AUTH,
     .success = 201, .body = forge_api_user_new_fields, .reply = forge_api_user_fields, .schema = "User",
     .handle = forge_api_account_create, .operation = "user_register", .tag = "users", .summary = "Register",
     .description = "Creates an account without logging in, by the rules of /auth/register. Open to anyone.",
     .errors = forge_api_register_errors},
    {.method = FORGE_POST, .path = "/users/login", .flags = FORGE_R_TOKENS | FORGE_R_FORM | FORGE_R_CHECKS, .limit = FORGE_LIMIT_AUTH,
     .success = 200, .body = forge_api_login_fields, .reply = forge_api_tokens_fields, .schema = "Tokens",
     .handle = forge_api_account_login, .operation = "user_login", .tag = "users", .summary = "Log in",
     .description = "The same as /auth/login.", .errors = forge_api_login_errors},
    {.method = FORGE_GET, .path = "/users/me", .role = FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .limit = FORGE_LIMIT_DEFAULT,
     .success = 200, .reply = forge_api_me_fields, .schema = "Me",
     .handle = forge_api_account_me, .operation = "user_me", .tag = "users", .summary = "Read my account",
     .description = "The same as /auth/me."},
};
const forge_routes_t forge_api_users = FORGE_API_ROUTES(routes);
