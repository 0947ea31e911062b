/* SPDX-License-Identifier: Apache-2.0
 * /users: the paths that older clients use for registration, login and one's own account.
 */
#include "api/api.h"
#include "api/shared.h"
#include "api/identity/identity.h"

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_POST, "/users/register", FORGE_ROLE_NONE,
     .flags = FORGE_R_IDEMPOTENT | FORGE_R_CHECKS | FORGE_R_HASHES | FORGE_R_LANGUAGE,
     .limit = FORGE_LIMIT_AUTH, .success = 201, .body = &forge_api_user_new_body, .reply = &forge_api_user,
     .errors = forge_api_register_errors, .prepare = forge_api_account_prepare, .handle = forge_api_account_create,
     .again = forge_reply_kept,
     .operation = "user_register", .summary = "Register",
     .description = "Creates an account without logging in, by the rules of /auth/register. Open to anyone."},
    {FORGE_POST, "/users/login", FORGE_ROLE_NONE,
     .flags = FORGE_R_OPEN | FORGE_R_TOKENS | FORGE_R_FORM | FORGE_R_CHECKS | FORGE_R_WAY_IN | FORGE_R_HASHES,
     .limit = FORGE_LIMIT_AUTH, .body = &forge_api_login_body, .reply = &forge_api_login_reply,
     .samples = forge_api_login_samples, .next = forge_api_login_next,
     .errors = forge_api_login_errors,
     .handle = forge_api_account_login, .operation = "user_login", .summary = "Log in",
     .description = "The same as /auth/login."},
    {FORGE_GET, "/users/me", FORGE_ROLE_GUEST, .flags = FORGE_R_ETAG, .reply = &forge_api_me,
     .handle = forge_api_account_me, .operation = "user_me", .summary = "Read my account",
     .description = "The same as /auth/me."},
};
/* clang-format on */

const forge_routes_t forge_api_users = FORGE_API_ROUTES(routes, &forge_api_tag_users);
