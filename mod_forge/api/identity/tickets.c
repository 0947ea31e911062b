/* SPDX-License-Identifier: Apache-2.0
 * /auth/stream-ticket: one-use credentials for what cannot send headers (EventSource).
 */
#include "api/api.h"
#include "core/identity/identity.h"
#include "store/identity/identity.h"
#include "api/shared.h"

/* clang-format off */
static const forge_field_t new_ticket_fields[] = {
    {"ticket", FORGE_T_TEXT, .example = "Zk1x…", .help = "send it as ?ticket= in one request"},
    {"expires_in", FORGE_T_INT, .min = 1, .example = "60", .help = "seconds until the ticket becomes void"},
    {.name = NULL},
};
static const forge_shape_t new_ticket = {"Ticket", new_ticket_fields};
/* clang-format on */

static forge_status_t ticket_create(forge_req_t *q)
{
    const char *sha256,
        *ticket = forge_core_secret_make(q->pool, &sha256); /* 256 bits and their digest, as for a refresh token */
    forge_db_t *db;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_ticket_create(db, q->pool, &q->who, sha256));
    forge_json_t *answer = forge_util_json_object(q->pool);
    forge_util_json_put_text(answer, "ticket", ticket);
    forge_util_json_put_int(answer, "expires_in", FORGE_TICKET_SECONDS);
    forge_reply_location(q, "/api/v1/auth/stream-ticket");
    return forge_reply_json(q, answer);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_POST, "/auth/stream-ticket", FORGE_ROLE_GUEST, .flags = FORGE_R_TOKENS | FORGE_R_SESSION, .success = 201,
     .reply = &new_ticket, .handle = ticket_create,
     .operation = "auth_stream_ticket", .summary = "Get a ticket for one stream",
     .description = "A ticket is a credential in the query of one GET request, for clients that cannot send headers. "
         "It becomes void after 60 seconds, after its use, and when the session ends. What it opens ends with the "
         "access token. Open to every account and to guests."},
};
/* clang-format on */

const forge_routes_t forge_api_tickets = FORGE_API_ROUTES(routes, &forge_api_tag_auth);
