/* SPDX-License-Identifier: Apache-2.0
 * /auth/stream-ticket: one-use credentials for what cannot send headers (EventSource).
 */
#include "api/api.h"
#include "api/shared.h"

static const forge_field_t ticket_fields[] = {
    {.name = "ticket", .type = FORGE_T_TEXT, .example = "\"Zk1x…\"", .help = "for ?ticket= of one request"},
    {.name = "expires_in", .type = FORGE_T_INT, .min = 1, .example = "60", .help = "seconds until it is void"},
    {.name = NULL},
};

static forge_status_t ticket_create(forge_req_t *q)
{
    const char *sha256, *ticket = forge_core_refresh_make(q->pool, &sha256); /* 256 bits and their digest, as for a refresh token */
    forge_db_t *db;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_ticket_create(db, q->pool, &q->who, sha256));
    forge_json_t *answer = forge_util_json_object(q->pool);
    forge_util_json_put_text(answer, "ticket", ticket);
    forge_util_json_put_int(answer, "expires_in", FORGE_TICKET_SECONDS);
    q->reply->location = "/api/v1/auth/stream-ticket";
    return forge_reply_json(q, answer);
}

static const forge_route_t routes[] = {
    {.method = FORGE_POST,
     .path = "/auth/stream-ticket",
     .role = FORGE_ROLE_GUEST,
     .flags = FORGE_R_TOKENS | FORGE_R_SESSION,
     .limit = FORGE_LIMIT_DEFAULT,
     .success = 201,
     .reply = ticket_fields,
     .schema = "Ticket",
     .handle = ticket_create,
     .operation = "auth_stream_ticket",
     .tag = "auth",
     .summary = "A ticket for one stream",
     .description =
         "A credential for the query of one GET that cannot send headers; it is void after 60 seconds, after its use, and when the "
         "session ends. What it opens ends with the access token. Open to every account and to guests."},
};
const forge_routes_t forge_api_tickets = FORGE_API_ROUTES(routes);
