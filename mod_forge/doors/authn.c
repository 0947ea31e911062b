/* SPDX-License-Identifier: Apache-2.0
 * AuthType Forge: identifies the visitor of protected content. The token is verified as in the API. Then one statement
 * reads the current name, role and memberships. No database connection is held while the content is made.
 */
#include "doors_private.h"
#include "core/identity/identity.h"
#include "store/identity/identity.h"

#include <httpd.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <apr_strings.h>
#include <string.h>

APLOG_USE_MODULE(forge);

#define NEXT_MAX    2048 /* bytes of the path to which the login page returns */
#define RETRY_AFTER "1"  /* seconds in Retry-After if the database cannot be reached */

bool forge_doors_guarded(request_rec *r)
{
    const char *type = ap_auth_type(r);
    return type && apr_cstr_casecmp(type, "Forge") == 0;
}

/* --- who it is --- */

static forge_status_t by_header(request_rec *r, const forge_server_t *server, const char *header, forge_who_t *who)
{
    const char *token = NULL;
    FORGE_TRY(forge_core_bearer(r->pool, header, &token));
    if (!token)
        return FORGE_E_UNAUTHENTICATED;
    FORGE_TRY(forge_server_credential(r, server, token, false, who));
    bool may = who->scopes & (forge_server_writes(r) ? FORGE_SCOPE_WRITE : FORGE_SCOPE_READ);
    return may ? FORGE_OK : FORGE_E_FORBIDDEN; /* an API key does what its scopes say; an access token has both */
}

/* Before a route of ours that takes tickets a Require takes them too; elsewhere the word is the content's own. */
static const char *ticket_of(request_rec *r, const forge_server_t *server)
{
    forge_match_t match;
    if (!forge_server_ours(r) || r->method_number != M_GET)
        return NULL;
    forge_core_router_find(server->router, r->pool, FORGE_GET, forge_server_raw_path(r), &match);
    return match.route && match.route->flags & FORGE_R_TICKET ? forge_server_ticket_sent(r) : NULL;
}

/* Reads the current state of the account from the database. A closed account or an ended session is refused. */
static forge_status_t describe(request_rec *r, forge_visitor_t *visitor)
{
    forge_lease_t *lease;
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_activity_t activity = forge_server_activity_as(r, r->pool, "forge door ");
    FORGE_TRY(forge_server_lease_traced(r, activity, &lease, &db));
    forge_status_t status = forge_store_visitor(db, r->pool, &visitor->who, &rows);
    forge_server_lease_return(lease);
    FORGE_TRY(status);
    if (forge_store_rows_count(rows) == 0)
        return FORGE_E_INVALID_TOKEN;
    visitor->username = forge_store_rows_text(rows, 0, "username");
    visitor->email = forge_store_rows_text(rows, 0, "email");
    visitor->email_proven = forge_store_rows_bool(rows, 0, "email_verified");
    visitor->orgs = forge_store_rows_text(rows, 0, "orgs");
    visitor->org_ids = forge_store_rows_text(rows, 0, "org_ids");
    visitor->who.role = forge_core_role_parse(forge_store_rows_text(rows, 0, "role"));
    return FORGE_OK;
}

/* The database knows that the session of a cookie has ended, this node has not heard of it yet. The same as later. */
static forge_status_t ended_meanwhile(request_rec *r, const forge_server_t *server)
{
    forge_server_cookie_clear(r, server);
    FORGE_TRY(forge_server_limit(r, server, FORGE_LIMIT_DEFAULT, 0));
    return FORGE_E_INVALID_TOKEN;
}

static forge_status_t identify(request_rec *r, forge_visitor_t *visitor)
{
    const forge_server_t *server = forge_server_of(r->server);
    const char *header = forge_server_authorization_as_sent(r);
    if (!server)
        return FORGE_E_UNAVAILABLE;
    const char *ticket = header ? NULL : ticket_of(r, server);
    if (header)
        FORGE_TRY(by_header(r, server, header, &visitor->who));
    else if (ticket)
        FORGE_TRY(forge_server_ticket(r, server, ticket, false, &visitor->who));
    else
        FORGE_TRY(forge_server_cookie_who(r, server, &visitor->who));
    forge_status_t status = describe(r, visitor);
    return status == FORGE_E_INVALID_TOKEN && !header && !ticket ? ended_meanwhile(r, server) : status;
}

/* The visitor as already identified for this request, or for the one that led here by an internal redirect; else NULL.
 */
static forge_visitor_t *known(request_rec *r)
{
    for (; r; r = r->prev) {
        forge_note_t *note = forge_server_note(r);
        if (note->visitor)
            return note->visitor;
        while (r->main)
            r = r->main;
    }
    return NULL;
}

forge_visitor_t *forge_doors_visitor(request_rec *r)
{
    forge_visitor_t *visitor = known(r);
    if (visitor)
        return visitor;
    while (r->main)
        r = r->main;
    visitor = apr_pcalloc(r->pool, sizeof(*visitor));
    visitor->status = identify(r, visitor);
    if (visitor->status == FORGE_E_UNAUTHENTICATED) /* not stored: another location may accept the cookie */
        return visitor;
    if (visitor->status != FORGE_OK)
        memset(&visitor->who, 0, sizeof(visitor->who));
    forge_note_t *note = forge_server_note(r);
    note->visitor = visitor;
    if (visitor->status == FORGE_OK) {
        note->user_id = visitor->who.user_id;
        note->who = &visitor->who;
        apr_table_setn(r->notes, "forge-user", forge_util_itoa(r->pool, visitor->who.user_id));
    }
    return visitor;
}

/* --- answers to visitors who are refused --- */

/* Whether a person visits a page, as opposed to a script's call, an image or a form. */
static bool is_visit(request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept"), *mode = apr_table_get(r->headers_in, "Sec-Fetch-Mode");
    return r->method_number == M_GET && !forge_server_authorization_as_sent(r) && accept &&
           strstr(accept, "text/html") && (!mode || strcmp(mode, "navigate") == 0);
}

/* The requested path and query as one value. It never begins with "//host", which would lead a careless login page to
 * another host. */
static const char *next_of(request_rec *r)
{
    while (r->prev)
        r = r->prev;
    const char *path = forge_server_raw_path(r);
    path += strspn(path, "/\\") - 1; /* a raw path begins with a slash */
    const char *next = apr_pstrcat(r->pool, "/", path + 1, r->args ? "?" : NULL, r->args, NULL);
    return strlen(next) <= NEXT_MAX ? forge_util_urlencode(r->pool, next) : "%2F";
}

/* The page to which a visitor is redirected; NULL: none. A login page that is itself protected is not redirected to
 * itself. */
static const char *login_page(request_rec *r, forge_status_t status)
{
    const char *page = forge_config_login_page(forge_config_of_server(r->server), forge_config_of_request(r));
    apr_size_t len = page ? strcspn(page, "?") : 0;
    if (!page || forge_server_beneath(r) || r->main || !is_visit(r) ||
        (strncmp(page, r->uri, len) == 0 && !r->uri[len]))
        return NULL;
    return apr_pstrcat(r->pool, page, strchr(page, '?') ? "&" : "?", "next=", next_of(r),
                       status == FORGE_E_STEP_UP ? "&reason=mfa" : NULL, NULL);
}

/* Prepares the refusal and returns the status for httpd; under our own paths die.c writes the document. */
static int refuse(request_rec *r, forge_status_t status)
{
    int http = forge_util_error(status)->http;
    apr_table_t *h = r->err_headers_out;
    forge_server_note(r)->reason = status;
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "FG0511: %s refused: %s [request %s]", r->user ? r->user : "-",
                  forge_util_error(status)->code, forge_server_identify(r)->request_id);
    apr_table_setn(h, "Cache-Control", "no-store");
    const char *page = http == HTTP_UNAUTHORIZED ? login_page(r, status) : NULL;
    if (page) {
        apr_table_setn(r->headers_out, "Location", page);
        return HTTP_MOVED_TEMPORARILY;
    }
    const char *challenge = forge_server_challenge(r, status);
    if (challenge)
        apr_table_setn(h, "WWW-Authenticate", challenge);
    if (http == HTTP_TOO_MANY_REQUESTS && forge_server_note(r)->retry_after)
        apr_table_setn(h, "Retry-After", apr_itoa(r->pool, forge_server_note(r)->retry_after));
    else if (http == HTTP_SERVICE_UNAVAILABLE || http == HTTP_TOO_MANY_REQUESTS)
        apr_table_setn(h, "Retry-After", RETRY_AFTER);
    return http;
}

/* Applies the quota of a location that sets its own (ForgeRateLimit user). Images do not use up the API's general
 * quota. */
static forge_status_t limit(request_rec *r, const forge_visitor_t *visitor)
{
    if (r->main || r->prev || forge_server_ours(r) ||
        !forge_config_limit_place(forge_config_of_request(r), FORGE_LIMIT_USER))
        return FORGE_OK;
    return forge_server_limit(r, forge_server_of(r->server), FORGE_LIMIT_USER,
                              forge_server_limit_account(&visitor->who));
}

/* --- hooks --- */

int forge_doors_authn(request_rec *r)
{
    if (!forge_doors_guarded(r))
        return DECLINED;
    if (!forge_server_of(r->server)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "FG0510: AuthType Forge needs a ForgeSecret, but this virtual host has none; set one");
        return HTTP_SERVICE_UNAVAILABLE;
    }
    const forge_visitor_t *visitor = forge_doors_visitor(r);
    forge_status_t status = visitor->status == FORGE_OK ? limit(r, visitor) : visitor->status;
    if (status != FORGE_OK)
        return refuse(r, status);
    r->user = apr_pstrdup(r->pool, visitor->username);
    r->ap_auth_type = apr_pstrdup(r->pool, "Forge");
    return OK;
}

/* Answers 403 to a logged-in user whose rights are not enough, or 401 with a challenge that says what to do.
 * mod_authz_core would answer 401 ("try again as somebody else") unless AuthzSendForbiddenOnFailure is On, but nobody
 * types a token again. */
int forge_doors_authz(request_rec *r)
{
    forge_visitor_t *visitor = forge_doors_guarded(r) ? known(r) : NULL;
    if (!visitor || visitor->deciding || visitor->status != FORGE_OK)
        return DECLINED;
    visitor->lacks_factor = false;
    visitor->trouble = FORGE_OK;
    visitor->deciding = true;
    int answer = ap_run_auth_checker(r);
    visitor->deciding = false;
    if (answer == OK || answer == DECLINED)
        return answer;
    if (visitor->trouble != FORGE_OK)
        return refuse(r, visitor->trouble);
    if (answer != HTTP_UNAUTHORIZED)
        return answer;
    return refuse(r, visitor->lacks_factor ? FORGE_E_STEP_UP : FORGE_E_FORBIDDEN);
}

int forge_doors_challenge(request_rec *r, const char *type)
{
    if (!type || apr_cstr_casecmp(type, "Forge") != 0)
        return DECLINED;
    apr_table_setn(r->err_headers_out, "WWW-Authenticate", forge_server_challenge(r, FORGE_E_UNAUTHENTICATED));
    return OK;
}
