/* SPDX-License-Identifier: Apache-2.0
 * AuthType Forge: who asks for protected content. The token is verified as for the API; one statement then tells name, role and memberships
 * as they are now. Nothing of the database is held while the content is made.
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

#define NEXT_MAX    2048  /* bytes of the path that a login page is told to come back to */
#define RETRY_AFTER "1"   /* seconds in Retry-After when the database is away */

bool forge_doors_guarded(request_rec *r)
{
    const char *type = ap_auth_type(r);
    return type && strcasecmp(type, "Forge") == 0;
}

/* --- who it is --- */

static forge_status_t by_header(request_rec *r, const forge_server_t *server, const char *header, forge_who_t *who)
{
    const char *token = NULL;
    FORGE_TRY(forge_core_bearer(r->pool, header, &token));
    if (!token)
        return FORGE_E_UNAUTHENTICATED;
    FORGE_TRY(forge_server_credential(r, server, token, true, who));
    bool may = who->scopes & (forge_server_writes(r) ? FORGE_SCOPE_WRITE : FORGE_SCOPE_READ);
    return may ? FORGE_OK : FORGE_E_FORBIDDEN; /* an API key does what its scopes say; an access token has both */
}

/* What the database says of them now: an account that was closed, or a session that has ended, is nobody. */
static forge_status_t describe(request_rec *r, const forge_server_t *server, forge_visitor_t *door)
{
    forge_lease_t *lease;
    forge_db_t *db;
    forge_rows_t *rows;
    const char *activity = apr_pstrcat(r->pool, "forge door ", forge_server_identify(r)->request_id, NULL);
    FORGE_TRY(forge_server_lease_take(r->pool, server, activity, &lease, &db));
    forge_status_t status = forge_store_door(db, r->pool, &door->who, &rows);
    forge_server_lease_return(lease);
    FORGE_TRY(status);
    if (forge_store_rows_count(rows) == 0)
        return FORGE_E_INVALID_TOKEN;
    door->username = forge_store_rows_text(rows, 0, "username");
    door->email = forge_store_rows_text(rows, 0, "email");
    door->orgs = forge_store_rows_text(rows, 0, "orgs");
    door->who.role = forge_core_role_parse(forge_store_rows_text(rows, 0, "role"));
    return FORGE_OK;
}

static forge_status_t identify(request_rec *r, forge_visitor_t *door)
{
    const forge_server_t *server = forge_server_of(r->server);
    const char *header = forge_server_authorization_as_sent(r);
    if (!server)
        return FORGE_E_UNAVAILABLE;
    if (header)
        FORGE_TRY(by_header(r, server, header, &door->who));
    else
        FORGE_TRY(forge_server_cookie_who(r, server, &door->who));
    door->by_cookie = header == NULL;
    return describe(r, server, door);
}

/* What was found out for this request, or for the one that led here by an internal redirect. */
static forge_visitor_t *known(request_rec *r)
{
    for (; r; r = r->prev) {
        forge_note_t *note = forge_server_note(r);
        if (note->door)
            return note->door;
        while (r->main)
            r = r->main;
    }
    return NULL;
}

forge_visitor_t *forge_doors_visitor(request_rec *r)
{
    forge_visitor_t *door = known(r);
    if (door)
        return door;
    while (r->main)
        r = r->main;
    door = apr_pcalloc(r->pool, sizeof(*door));
    door->status = identify(r, door);
    if (door->status == FORGE_E_UNAUTHENTICATED) /* costs nothing to see again, where another location may take the cookie */
        return door;
    if (door->status != FORGE_OK)
        memset(&door->who, 0, sizeof(door->who));
    forge_note_t *note = forge_server_note(r);
    note->door = door;
    if (door->status == FORGE_OK) {
        note->user_id = door->who.user_id;
        apr_table_setn(r->notes, "forge-user", forge_util_itoa(r->pool, door->who.user_id));
    }
    return door;
}

/* --- what the ones who are not let in hear --- */

/* A page that a person is looking for, not a script's call, an image or a form. */
static bool is_visit(request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept"), *mode = apr_table_get(r->headers_in, "Sec-Fetch-Mode");
    return r->method_number == M_GET && !forge_server_authorization_as_sent(r) && accept && strstr(accept, "text/html") &&
           (!mode || strcmp(mode, "navigate") == 0);
}

/* Path and query as they were asked for, as one value; "//host" would lead a careless login page elsewhere. */
static const char *next_of(request_rec *r)
{
    while (r->prev)
        r = r->prev;
    const char *path = forge_server_raw_path(r);
    path += strspn(path, "/\\") - 1; /* a raw path begins with a slash */
    const char *next = apr_pstrcat(r->pool, "/", path + 1, r->args ? "?" : NULL, r->args, NULL);
    return strlen(next) <= NEXT_MAX ? forge_util_urlencode(r->pool, next) : "%2F";
}

/* Where such a visitor is sent instead; NULL: nowhere. A login page that lies behind its own door gets no circle. */
static const char *login_page(request_rec *r, forge_status_t status)
{
    const char *page = forge_config_login_page(forge_config_of_server(r->server), forge_config_of_request(r));
    apr_size_t len = page ? strcspn(page, "?") : 0;
    if (!page || forge_server_ours(r) || r->main || !is_visit(r) || (strncmp(page, r->uri, len) == 0 && !r->uri[len]))
        return NULL;
    return apr_pstrcat(r->pool, page, strchr(page, '?') ? "&" : "?", "next=", next_of(r), status == FORGE_E_STEP_UP ? "&reason=mfa" : NULL,
                       NULL);
}

/* The status that httpd is to answer; under our own paths die.c writes the document. */
static int refuse(request_rec *r, forge_status_t status)
{
    int http = forge_util_error(status)->http;
    apr_table_t *h = r->err_headers_out;
    forge_server_note(r)->reason = status;
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "FG0511: %s not let in: %s [request %s]", r->user ? r->user : "-",
                  forge_util_error(status)->code, forge_server_identify(r)->request_id);
    apr_table_setn(h, "Cache-Control", "no-store");
    const char *page = http == HTTP_UNAUTHORIZED ? login_page(r, status) : NULL;
    if (page) {
        apr_table_setn(r->headers_out, "Location", page);
        return HTTP_MOVED_TEMPORARILY;
    }
    if (forge_server_challenge(status))
        apr_table_setn(h, "WWW-Authenticate", forge_server_challenge(status));
    if ((http == HTTP_SERVICE_UNAVAILABLE || http == HTTP_TOO_MANY_REQUESTS) && !apr_table_get(h, "Retry-After"))
        apr_table_setn(h, "Retry-After", RETRY_AFTER);
    return http;
}

/* A location with a quota of its own (ForgeRateLimit user) keeps it here too; the API's general one is not spent on images. */
static forge_status_t limit(request_rec *r, const forge_visitor_t *door)
{
    if (r->main || r->prev || forge_server_ours(r) || !forge_config_limit_place(forge_config_of_request(r), FORGE_LIMIT_USER))
        return FORGE_OK;
    forge_status_t status = forge_server_limit(r, forge_server_of(r->server), FORGE_LIMIT_USER, door->who.user_id);
    if (forge_server_note(r)->retry_after)
        apr_table_setn(r->err_headers_out, "Retry-After", apr_itoa(r->pool, forge_server_note(r)->retry_after));
    return status;
}

/* --- hooks --- */

int forge_doors_authn(request_rec *r)
{
    if (!forge_doors_guarded(r))
        return DECLINED;
    if (!forge_server_of(r->server)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "FG0510: AuthType Forge, but this virtual host has no ForgeSecret; set one");
        return HTTP_SERVICE_UNAVAILABLE;
    }
    const forge_visitor_t *door = forge_doors_visitor(r);
    forge_status_t status = door->status == FORGE_OK ? limit(r, door) : door->status;
    if (status != FORGE_OK)
        return refuse(r, status);
    r->user = apr_pstrdup(r->pool, door->username);
    r->ap_auth_type = apr_pstrdup(r->pool, "Forge");
    return OK;
}

/* mod_authz_core answers 401 when a known user lacks what a Require line asks for ("try again as somebody else"), unless
 * AuthzSendForbiddenOnFailure is On. A token is not typed anew, so here it is 403; or 401 with the challenge that says what to do. */
int forge_doors_authz(request_rec *r)
{
    forge_visitor_t *door = forge_doors_guarded(r) ? known(r) : NULL;
    if (!door || door->deciding || door->status != FORGE_OK)
        return DECLINED;
    door->lacks_factor = false;
    door->trouble = FORGE_OK;
    door->deciding = true;
    int answer = ap_run_auth_checker(r);
    door->deciding = false;
    if (answer == OK || answer == DECLINED)
        return answer;
    if (door->trouble != FORGE_OK)
        return refuse(r, door->trouble);
    if (answer != HTTP_UNAUTHORIZED)
        return answer;
    return refuse(r, door->lacks_factor ? FORGE_E_STEP_UP : FORGE_E_FORBIDDEN);
}

int forge_doors_challenge(request_rec *r, const char *type)
{
    if (!type || strcasecmp(type, "Forge") != 0)
        return DECLINED;
    apr_table_setn(r->err_headers_out, "WWW-Authenticate", forge_server_challenge(FORGE_E_UNAUTHENTICATED));
    return OK;
}
