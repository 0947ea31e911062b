/* SPDX-License-Identifier: Apache-2.0
 * /auth/guest: sessions without an account. How a guest registers is in account.c.
 */
#include "api/api.h"
#include "store/identity/identity.h"
#include "api/shared.h"
#include "identity.h"

#include <apr_strings.h>

#define USERNAME_TRIES 5

static const forge_status_t guest_errors[] = {FORGE_E_GUESTS_OFF, FORGE_OK};

static forge_status_t guest_create(forge_req_t *q)
{
    const char *refresh;
    forge_rows_t *rows = NULL;
    forge_db_t *db;
    if (!forge_config_guests(q->config))
        return FORGE_E_GUESTS_OFF;
    forge_new_session_t session = forge_api_session_begin(q, "guest", &refresh);
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = FORGE_E_USERNAME_TAKEN;
    for (int i = 0; i < USERNAME_TRIES && status == FORGE_E_USERNAME_TAKEN; i++) {
        unsigned char random[4];
        forge_util_random(random, sizeof(random));
        const char *name = apr_pstrcat(q->pool, "guest_", forge_util_hex(q->pool, random, sizeof(random)), NULL);
        status = forge_store_guest_create(db, q->pool, name, &session, &rows);
    }
    FORGE_TRY(status);
    forge_reply_location(q, "/api/v1/auth/me");
    return forge_api_tokens(q, rows, refresh, "guest");
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_POST, "/auth/guest", FORGE_ROLE_NONE, .flags = FORGE_R_TOKENS | FORGE_R_WAY_IN,
     .limit = FORGE_LIMIT_AUTH, .success = 201, .reply = &forge_api_tokens_reply,
     .next = forge_api_token_next, .errors = guest_errors,
     .handle = guest_create, .operation = "auth_guest", .summary = "Start a guest session",
     .description = "Starts a session with the role guest and without an account. Open to anyone if the site allows "
         "guests. POST /auth/register with the guest's token turns the guest into an account. The request body is "
         "ignored."},
};
/* clang-format on */

const forge_routes_t forge_api_guests = FORGE_API_ROUTES(routes, &forge_api_tag_auth);
