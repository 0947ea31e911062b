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

static forge_status_t identify(forge_req_t *q)
{
    const char *token = NULL, *why = "";
    FORGE_TRY(forge_core_bearer(q->pool, forge_http_header(q, "Authorization"), &token));
    if (!token)
        return FORGE_OK;
    if (token_in_query(q->r->args))
        return FORGE_E_DUPLICATE_TOKEN;
    forge_status_t status = forge_core_token_verify(q->pool, q->keys, forge_config_token_rules(q->config), token, q->now, &q->who, &why);
    if (status != FORGE_OK) {
        memset(&q->who, 0, sizeof(q->who));
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, q->r, "FG0401: token refused: %s [request %s]", why, q->request_id);
        return status;
    }
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
