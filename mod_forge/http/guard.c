/* SPDX-License-Identifier: Apache-2.0
 * Who is calling, and whether the route lets them in. Access tokens need no database while shared memory is sure of
 * what was revoked.
 */
#include "http_private.h"
#include "core/identity/identity.h"
#include "store/identity/identity.h"

#include <httpd.h>
#include <apr_strings.h>
#include <string.h>

/* --- the credential of a request --- */

/* The ticket of a route that takes one; NULL without. */
static const char *ticket_of(forge_req_t *q)
{
    return q->route && q->route->flags & FORGE_R_TICKET ? forge_server_ticket_sent(q->r) : NULL;
}

/* Is this request going to be counted in the quota that a look into the database asks about? */
static bool counted_later(const forge_req_t *q)
{
    return !q->route || q->route->limit == FORGE_LIMIT_DEFAULT;
}

/* What came in the Authorization header is an API key or an access token; neither may come twice. */
static forge_status_t by_header(forge_req_t *q, const char *token, const char *ticket)
{
    apr_size_t len;
    if (ticket || forge_server_in_query(q->r, "access_token",
                                        &len)) /* never accepted (RFC 6750 §2.3), and beside a header an error */
        return FORGE_E_DUPLICATE_TOKEN;
    return forge_server_credential(q->r, q->server, token, counted_later(q), &q->who);
}

/* A ticket was put there on purpose and goes before the cookie, which a browser sends with everything. */
static forge_status_t find_caller(forge_req_t *q)
{
    const char *token = NULL, *ticket = ticket_of(q);
    FORGE_TRY(forge_core_bearer(q->pool, forge_http_header(q, "Authorization"), &token));
    if (token)
        return by_header(q, token, ticket);
    if (ticket)
        return forge_server_ticket(q->r, q->server, ticket, counted_later(q), &q->who);
    FORGE_TRY(forge_server_cookie_token(q->r, q->server, q->route, &token));
    q->by_cookie = token != NULL;
    return token ? forge_server_token_check(q->r, q->server, q->pool, token, apr_time_now(), &q->who) : FORGE_OK;
}

/* Identifies the caller. Clients send what they have with everything, so on a way in an old token must not keep them
 * from getting a new one. */
static forge_status_t identify(forge_req_t *q)
{
    bool open = q->route && q->route->flags & FORGE_R_OPEN;
    forge_status_t status = open && q->route->method == FORGE_GET ? FORGE_OK : find_caller(q);
    if (status != FORGE_OK)
        memset(&q->who, 0, sizeof(q->who));
    q->stale = status == FORGE_E_INVALID_TOKEN && q->route && q->route->flags & (FORGE_R_WAY_IN | FORGE_R_OPEN);
    if (q->stale)
        return FORGE_OK;
    if (status != FORGE_OK || q->who.user_id == 0)
        return status;
    forge_server_note(q->r)->user_id = q->who.user_id;
    apr_table_setn(q->r->notes, "forge-user", apr_psprintf(q->pool, "%" APR_INT64_T_FMT, q->who.user_id));
    return FORGE_OK;
}

/* --- what the route asks of the caller --- */

/* An API key does what its scopes say, and nothing that is for a person who logged in. Where anyone may come, a key
 * without the scope is anyone. */
static forge_status_t check_key(forge_req_t *q)
{
    unsigned needed = q->route->method == FORGE_GET ? FORGE_SCOPE_READ : FORGE_SCOPE_WRITE;
    if (q->who.key_id == 0)
        return FORGE_OK;
    if (q->route->flags & FORGE_R_SESSION)
        return FORGE_E_SESSION_REQUIRED;
    if (q->who.scopes & needed)
        return FORGE_OK;
    memset(&q->who, 0, sizeof(q->who));
    if (q->route->role == FORGE_ROLE_NONE)
        return FORGE_OK;
    return forge_fail_detail(q, FORGE_E_FORBIDDEN,
                             needed == FORGE_SCOPE_READ ? "this API key may not read" : "this API key may only read");
}

/* A second factor that is active must have been used in this session (RFC 9470). */
static forge_status_t check_step_up(forge_req_t *q)
{
    forge_lease_t *lease;
    forge_db_t *db;
    bool has;
    if (!(q->route->flags & FORGE_R_STEP_UP) || forge_core_factor_used(&q->who))
        return FORGE_OK;
    FORGE_TRY(forge_server_lease_traced(q->r, forge_server_activity(q->r), &lease, &db));
    forge_status_t status = forge_store_second_factor(db, q->pool, q->who.user_id, &has);
    forge_server_lease_return(lease);
    return status != FORGE_OK ? status : has ? FORGE_E_STEP_UP : FORGE_OK;
}

forge_status_t forge_http_guard(forge_req_t *q)
{
    FORGE_TRY(identify(q));
    if (!q->route)
        return FORGE_OK;
    if (q->route->role != FORGE_ROLE_NONE && q->who.role == FORGE_ROLE_NONE)
        return FORGE_E_UNAUTHENTICATED;
    FORGE_TRY(check_key(q));
    if (q->who.role < q->route->role)
        return FORGE_E_FORBIDDEN;
    return q->who.user_id ? check_step_up(q) : FORGE_OK;
}
