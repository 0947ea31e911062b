/* SPDX-License-Identifier: Apache-2.0
 * ForgeCookie: the session of a browser. The first cookie is an access token and is checked like one. Scripts can read
 * the second cookie; a request that changes something must repeat its value in X-CSRF-Token.
 */
#include "server_private.h"
#include "core/identity/identity.h"
#include "store/identity/identity.h"

#include <httpd.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <apr_strings.h>
#include <string.h>

APLOG_USE_MODULE(forge);

/* Only this host itself can set a __Host- cookie, over TLS and for all its paths; a neighbouring host cannot
 * (RFC 6265bis §4.1.3.2). */
#define SESSION_COOKIE "__Host-forge_session"
#define CSRF_COOKIE    "__Host-forge_csrf"
#define CSRF_HEADER    "X-CSRF-Token"
#define ATTRIBUTES     "; Path=/; Secure; SameSite=Lax"
#define MARK           ".cookie." /* in jti, after the epoch: it is signed, and no other token has it */

/* --- reading --- */

/* The value of a cookie; NULL if there is none. NULL too if there are two, because it is unknown which one this host
 * has set. */
static const char *cookie_value(request_rec *r, const char *name)
{
    const char *header = forge_server_cookie_as_sent(r), *found = NULL;
    apr_size_t len = strlen(name);
    for (const char *at = header; at && *at; at += *at == ';') {
        at += strspn(at, " \t");
        apr_size_t whole = strcspn(at, ";");
        if (whole > len && at[len] == '=' && strncmp(at, name, len) == 0) {
            if (found)
                return NULL;
            found = apr_pstrmemdup(r->pool, at + len + 1, whole - len - 1);
        }
        at += whole;
    }
    return found && *found ? found : NULL;
}

/* --- where a request comes from --- */

/* The origin of this server, "https://host[:port]", as a browser would send it in Origin. */
static const char *own_origin(request_rec *r)
{
    const char *scheme = forge_server_secure(r) ? "https" : "http", *host = apr_table_get(r->headers_in, "Host");
    const char *usual = forge_server_secure(r) ? ":443" : ":80";
    char *lower = apr_pstrdup(r->pool, host ? host : r->hostname ? r->hostname : "");
    apr_size_t len = strlen(lower), cut = strlen(usual);
    if (len > cut && strcmp(lower + len - cut, usual) == 0)
        lower[len - cut] = '\0';
    forge_util_lower_all(lower);
    return apr_pstrcat(r->pool, scheme, "://", lower, NULL);
}

/* Whether the request comes from a page of this server; `otherwise` if the browser does not say. */
static bool same_origin(request_rec *r, bool otherwise)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site"), *origin = apr_table_get(r->headers_in, "Origin");
    if (site)
        return strcmp(site, "same-origin") == 0;
    return origin ? strcmp(origin, own_origin(r)) == 0 : otherwise;
}

bool forge_server_writes(request_rec *r)
{
    const char *upgrade = apr_table_get(r->headers_in, "Upgrade");
    if (upgrade && ap_find_token(r->pool, upgrade, "websocket"))
        return true;
    return r->method_number != M_GET && r->method_number != M_OPTIONS; /* HEAD is M_GET with a flag */
}

/* The CSRF token is computed from session and account. So it is useless to others and needs no storage. */
static const char *csrf_token(apr_pool_t *p, const forge_server_t *server, const forge_who_t *who)
{
    unsigned char mac[32];
    const char *text = apr_psprintf(p, "%s %" APR_INT64_T_FMT " %" APR_INT64_T_FMT,
                                    forge_config_token_rules(server->config)->issuer, who->user_id, who->session_id);
    forge_core_mac(server->keys, "csrf", text, strlen(text), mac);
    return forge_util_b64url(p, mac, sizeof(mac));
}

static bool has_csrf_token(request_rec *r, const forge_server_t *server, const forge_who_t *who)
{
    const char *sent = apr_table_get(r->headers_in, CSRF_HEADER), *wanted = csrf_token(r->pool, server, who);
    return sent && strlen(sent) == strlen(wanted) && forge_util_equal(sent, wanted, strlen(wanted));
}

/* --- setting --- */

static void add_cookie(request_rec *r, const char *name, const char *value, bool scripts, apr_interval_time_t life)
{
    apr_table_addn(r->err_headers_out, "Set-Cookie",
                   apr_psprintf(r->pool, "%s=%s" ATTRIBUTES "%s; Max-Age=%" APR_TIME_T_FMT, name, value,
                                scripts ? "" : "; HttpOnly", apr_time_sec(life)));
}

/* Cookies need TLS: over plain HTTP a browser refuses Secure cookies, and anybody could read other cookies. */
static bool can_set(request_rec *r, const forge_server_t *server)
{
    return forge_config_cookie(server->config, forge_config_of_request(r)) && forge_server_secure(r);
}

/* Marks the token as one for a cookie. A cookie is renewed while its session lasts; somebody who finds an expired
 * access token must not be able to renew it by sending it as a cookie. */
static const char *sign(apr_pool_t *p, const forge_server_t *server, const forge_who_t *who, apr_time_t now)
{
    forge_who_t marked = *who;
    unsigned char bits[16];
    forge_util_random(bits, sizeof(bits));
    marked.jti = apr_pstrcat(p, forge_util_itoa(p, who->epoch), MARK, forge_util_b64url(p, bits, sizeof(bits)), NULL);
    return forge_core_token_sign(p, server->keys, forge_config_token_rules(server->config), &marked, now);
}

static bool is_marked(const forge_who_t *who)
{
    return strncmp(who->jti + strcspn(who->jti, "."), MARK, strlen(MARK)) == 0;
}

static void set_cookies(request_rec *r, const forge_server_t *server, const forge_who_t *who, const char *token)
{
    apr_interval_time_t life = forge_config_refresh_ttl(server->config);
    if (!can_set(r, server) || !token)
        return;
    apr_table_unset(r->err_headers_out, "Set-Cookie"); /* those of the session before this one */
    add_cookie(r, SESSION_COOKIE, token, false, life);
    add_cookie(r, CSRF_COOKIE, csrf_token(r->pool, server, who), true, life);
}

static void clear_cookies(request_rec *r, const forge_server_t *server)
{
    if (!can_set(r, server))
        return;
    apr_table_unset(r->err_headers_out, "Set-Cookie");
    add_cookie(r, SESSION_COOKIE, "", false, 0);
    add_cookie(r, CSRF_COOKIE, "", true, 0);
}

void forge_server_cookie_set(request_rec *r, const forge_server_t *server, const forge_who_t *who)
{
    if (can_set(r, server))
        set_cookies(r, server, who, sign(r->pool, server, who, forge_server_note(r)->begun));
}

bool forge_server_cookie_sets(request_rec *r)
{
    const char *cookie = apr_table_get(r->err_headers_out, "Set-Cookie");
    return cookie && strncmp(cookie, SESSION_COOKIE, sizeof(SESSION_COOKIE) - 1) == 0;
}

void forge_server_cookie_clear(request_rec *r, const forge_server_t *server)
{
    clear_cookies(r, server);
}

/* --- checking --- */

/* Replaces an authentic token that has expired, or that a change of role has revoked. The session must be active; if it
 * is not, the cookies are cleared, otherwise the browser would keep sending them. `counted` as in server.h. */
static forge_status_t renew(request_rec *r, const forge_server_t *server, bool counted, forge_who_t *who,
                            const char **token)
{
    forge_lease_t *lease;
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_activity_t activity = forge_server_activity_as(r, r->pool, "forge cookie ");
    const char *until = forge_util_time(r->pool, r->request_time + forge_config_refresh_ttl(server->config), 6);
    if (!is_marked(who))
        return FORGE_E_INVALID_TOKEN;
    FORGE_TRY(forge_server_limit_peek(r, server, counted));
    FORGE_TRY(forge_server_lease_take(r->pool, server, activity, &lease, &db));
    forge_status_t status = forge_store_visitor_renew(db, r->pool, who, until, &rows);
    forge_server_lease_return(lease);
    FORGE_TRY(status);
    if (forge_store_rows_count(rows) == 0) {
        clear_cookies(r, server);
        return forge_server_limit_miss(r, server, counted);
    }
    who->role = forge_core_role_parse(forge_store_rows_text(rows, 0, "role"));
    who->epoch = forge_store_rows_int(rows, 0, "_epoch", 0);
    who->amr = forge_store_rows_text(rows, 0, "_amr");
    *token = sign(r->pool, server, who, apr_time_now());
    if (!*token)
        return FORGE_E_INTERNAL;
    set_cookies(r, server, who, *token);
    return FORGE_OK;
}

/* Sets *who to the account of the session cookie, and *token to its token. */
static forge_status_t believe(request_rec *r, const forge_server_t *server, bool counted, const char **token,
                              forge_who_t *who)
{
    const forge_token_rules_t *rules = forge_config_token_rules(server->config);
    apr_time_t now =
        apr_time_now(); /* not when the request began: slow headers must not outlive what voids their token */
    forge_who_t checked;
    const char *why = "";
    *token = can_set(r, server) ? cookie_value(r, SESSION_COOKIE) : NULL;
    if (!*token)
        return FORGE_E_UNAUTHENTICATED;
    const forge_shown_t shown = {*token, now, forge_config_refresh_ttl(server->config)};
    if (forge_core_token_verify_late(r->pool, server->keys, rules, &shown, who, &why) != FORGE_OK) {
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "FG0513: session cookie refused: %s [request %s]", why,
                      forge_server_identify(r)->request_id);
        return FORGE_E_INVALID_TOKEN;
    }
    if (who->expires <= now)
        return renew(r, server, counted, who, token);
    forge_status_t status = forge_server_token_check(r, server, r->pool, *token, now, &checked);
    if (status == FORGE_E_INVALID_TOKEN)
        return renew(r, server, counted, who, token);
    if (status == FORGE_OK)
        *who = checked;
    return status;
}

forge_status_t forge_server_cookie_who(request_rec *r, const forge_server_t *server, forge_who_t *who)
{
    const char *token;
    FORGE_TRY(believe(r, server, false, &token, who));
    return !forge_server_writes(r) || has_csrf_token(r, server, who) || same_origin(r, false) ? FORGE_OK : FORGE_E_CSRF;
}

/* Refuses a login form from another site, which could log a user in to somebody else's account. Any site can send a
 * form or an empty body without our consent; JSON needs a preflight. */
static bool is_foreign_login(request_rec *r, const forge_config_t *config, const forge_route_t *route)
{
    const char *type = apr_table_get(r->headers_in, "Content-Type"), *origin = apr_table_get(r->headers_in, "Origin");
    if (!route || !(route->flags & (FORGE_R_FORM | FORGE_R_TOKENS)) || route->method == FORGE_GET)
        return false;
    if ((type && apr_cstr_casecmpn(type, "application/json", 16) == 0) ||
        (origin && forge_config_origin_allowed(config, origin)))
        return false;
    return !same_origin(r, true);
}

forge_status_t forge_server_cookie_token(request_rec *r, const forge_server_t *server, const forge_route_t *route,
                                         const char **token)
{
    forge_who_t who;
    *token = NULL;
    if (!forge_config_cookie(server->config, forge_config_of_request(r)) ||
        apr_table_get(r->headers_in, "Authorization"))
        return FORGE_OK;
    if (is_foreign_login(r, server->config, route))
        return FORGE_E_CSRF;
    bool counted = !route || route->limit == FORGE_LIMIT_DEFAULT;
    forge_status_t status = believe(r, server, counted, token, &who);
    if (status == FORGE_OK && forge_server_writes(r) && !has_csrf_token(r, server, &who))
        status = FORGE_E_CSRF;
    if (status == FORGE_OK)
        return FORGE_OK;
    *token = NULL;
    if (status == FORGE_E_INVALID_TOKEN) /* otherwise the browser would keep sending it */
        clear_cookies(r, server);
    return status == FORGE_E_UNAUTHENTICATED || !route || route->role == FORGE_ROLE_NONE ? FORGE_OK : status;
}
