/* SPDX-License-Identifier: Apache-2.0
 * Who is calling, and whether the route lets them in. No database is asked.
 */
#include "http.h"

#include <httpd.h>
#include <http_log.h>
#include <apr_strings.h>
#include <string.h>

APLOG_USE_MODULE(forge);

/* Is there an access_token parameter in the query (RFC 6750 §2.3)? It is never accepted, and beside a header it is an error. */
static bool token_in_query(const char *args)
{
    for (const char *p = args; p && *p; p = strchr(p, '&') ? strchr(p, '&') + 1 : NULL)
        if (strncmp(p, "access_token=", 13) == 0)
            return true;
    return false;
}

forge_status_t forge_http_token_check(request_rec *r, const forge_server_t *server, apr_pool_t *p, const char *token, apr_time_t now,
                                      forge_who_t *who)
{
    const char *why = "";
    forge_status_t status = forge_core_token_verify(p, server->keys, forge_config_token_rules(server->config), token, now, who, &why);
    if (status != FORGE_OK) {
        memset(who, 0, sizeof(*who));
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "FG0401: token refused: %s [request %s]", why, forge_http_note(r)->request_id);
    }
    return status;
}

static forge_status_t identify(forge_req_t *q)
{
    const char *token = NULL;
    FORGE_TRY(forge_core_bearer(q->pool, forge_http_header(q, "Authorization"), &token));
    if (!token)
        FORGE_TRY(forge_http_cookie_token(q, &token));
    if (!token)
        return FORGE_OK;
    if (!q->by_cookie && token_in_query(q->r->args))
        return FORGE_E_DUPLICATE_TOKEN;
    FORGE_TRY(forge_http_token_check(q->r, q->server, q->pool, token, q->now, &q->who));
    forge_http_note(q->r)->user_id = q->who.user_id;
    apr_table_setn(q->r->notes, "forge-user", apr_psprintf(q->pool, "%" APR_INT64_T_FMT, q->who.user_id));
    return FORGE_OK;
}

forge_status_t forge_http_guard(forge_req_t *q)
{
    FORGE_TRY(identify(q));
    if (!q->route || q->route->role == FORGE_ROLE_NONE)
        return FORGE_OK;
    if (q->who.role == FORGE_ROLE_NONE)
        return FORGE_E_UNAUTHENTICATED;
    return q->who.role >= q->route->role ? FORGE_OK : FORGE_E_FORBIDDEN;
}
