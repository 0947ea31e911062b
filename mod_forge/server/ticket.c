/* SPDX-License-Identifier: Apache-2.0
 * Tickets: one-time credentials in the query, for clients that cannot send headers.
 */
#include "server_private.h"
#include "core/identity/identity.h"
#include "store/identity/identity.h"

#include <httpd.h>
#include <apr_strings.h>
#include <string.h>

#define TICKET_LEN 43 /* 256 bits in base64url */

const char *forge_server_in_query(request_rec *r, const char *name, apr_size_t *len)
{
    apr_size_t n = strlen(name);
    for (const char *p = r->args; p && *p; p = strchr(p, '&') ? strchr(p, '&') + 1 : NULL)
        if (strncmp(p, name, n) == 0 && p[n] == '=') {
            *len = strcspn(p + n + 1, "&");
            return p + n + 1;
        }
    return NULL;
}

/* One that is too long is no ticket, and neither is its beginning. */
const char *forge_server_ticket_sent(request_rec *r)
{
    apr_size_t len;
    const char *at = forge_server_in_query(r, "ticket", &len);
    return at ? apr_pstrmemdup(r->pool, at, len <= TICKET_LEN ? len : TICKET_LEN + 1) : NULL;
}

forge_status_t forge_server_ticket(request_rec *r, const forge_server_t *server, const char *ticket, bool counted,
                                   forge_who_t *who)
{
    forge_lease_t *lease;
    forge_db_t *db;
    forge_rows_t *rows;
    apr_size_t ignored;
    forge_note_t *note = forge_server_note(r);
    if (note->ticket) { /* spent by this request already, before a Require */
        *who = *note->ticket;
        return FORGE_OK;
    }
    if (strnlen(ticket, TICKET_LEN + 1) != TICKET_LEN ||
        !forge_util_b64url_decode(r->pool, ticket, TICKET_LEN, &ignored))
        return FORGE_E_INVALID_TOKEN;
    FORGE_TRY(forge_server_limit_peek(r, server, counted));
    FORGE_TRY(forge_server_lease_traced(r, forge_server_activity(r), &lease, &db));
    forge_status_t status =
        forge_store_ticket_spend(db, r->pool, forge_core_sha256_hex(r->pool, ticket, TICKET_LEN), &rows);
    forge_server_lease_return(lease);
    FORGE_TRY(status);
    if (forge_store_rows_count(rows) == 0)
        return forge_server_limit_miss(r, server, counted);
    *who = (forge_who_t){
        .user_id = forge_store_rows_int(rows, 0, "user_id", 0),
        .session_id = forge_store_rows_int(rows, 0, "session_id", 0),
        .epoch = forge_store_rows_int(rows, 0, "epoch", 0),
        .scopes = FORGE_SCOPE_READ,
        .role = forge_core_role_parse(forge_store_rows_text(rows, 0, "role")),
        .expires = forge_store_rows_time(rows, 0, "valid_until"), /* a stream ends with its token at the latest */
        .amr = forge_store_rows_text(rows, 0, "amr"),
    };
    note->ticket = apr_pmemdup(r->pool, who, sizeof(*who));
    return FORGE_OK;
}
