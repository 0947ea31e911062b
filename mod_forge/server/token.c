/* SPDX-License-Identifier: Apache-2.0
 * Checks that an access token is authentic, unexpired and not revoked. Asks the database only if shared memory is not
 * sure.
 */
#include "server_private.h"
#include "core/identity/identity.h"
#include "store/identity/identity.h"

#include <httpd.h>
#include <http_log.h>
#include <string.h>

APLOG_USE_MODULE(forge);

/* What shared memory knows about an authentic token. It can answer only for tokens with at most the current lifetime,
 * because revocations are kept no longer than that. */
static forge_verdict_t verdict_on(const forge_server_t *server, const forge_who_t *who)
{
    forge_verdict_t verdict = forge_live_revoked(server->live, server->realm, who, forge_live_steady(server->live));
    bool long_lived = who->expires - who->issued > server->longest;
    return verdict == FORGE_VERDICT_VALID && long_lived ? FORGE_VERDICT_UNKNOWN : verdict;
}

/* In p, not in the request's pool: a stream asks for as long as it is open. */
static forge_activity_t activity_of(request_rec *r, apr_pool_t *p)
{
    return forge_server_activity_as(r, p, "forge ");
}

static forge_status_t ask_database(request_rec *r, const forge_server_t *server, apr_pool_t *p, const forge_who_t *who)
{
    forge_lease_t *lease;
    forge_db_t *db;
    forge_live_count(server->live, FORGE_C_TOKEN_ASKED);
    FORGE_TRY(forge_server_lease_take(p, server, activity_of(r, p), &lease, &db));
    forge_status_t status = forge_store_token_active(db, p, who);
    forge_server_lease_return(lease);
    return status;
}

/* Clears *who and logs the reason for the operator; the client gets only the code. */
static forge_status_t refuse(request_rec *r, forge_who_t *who, forge_status_t status, const char *why)
{
    memset(who, 0, sizeof(*who));
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "FG0401: token refused: %s [request %s]", why,
                  forge_server_note(r)->request_id);
    return status;
}

forge_status_t forge_server_token_check(request_rec *r, const forge_server_t *server, apr_pool_t *p, const char *token,
                                        apr_time_t now, forge_who_t *who)
{
    const char *why = "";
    forge_status_t status = forge_core_token_verify(p, server->keys, forge_config_token_rules(server->config),
                                                    &(forge_shown_t){token, now, 0}, who, &why);
    if (status != FORGE_OK)
        return refuse(r, who, status, why);
    forge_verdict_t verdict = verdict_on(server, who);
    if (verdict == FORGE_VERDICT_REVOKED)
        return refuse(r, who, FORGE_E_INVALID_TOKEN, "its session has ended or its account has changed");
    if (verdict == FORGE_VERDICT_UNKNOWN && (status = ask_database(r, server, p, who)) != FORGE_OK)
        return refuse(r, who, status, "the database does not confirm it");
    return FORGE_OK;
}

/* Of an API key only the database knows whether it is still there. */
static forge_status_t ask_for_key(request_rec *r, const forge_server_t *server, apr_pool_t *p, const forge_who_t *who)
{
    forge_lease_t *lease;
    forge_db_t *db;
    FORGE_TRY(forge_server_lease_take(p, server, activity_of(r, p), &lease, &db));
    forge_status_t status = forge_store_api_key_active(db, p, who);
    forge_server_lease_return(lease);
    return status;
}

/* A session that ends is heard of while it is in shared memory, which is for longer than a caller looks away. */
forge_status_t forge_server_still_good(request_rec *r, const forge_server_t *server, apr_pool_t *p,
                                       const forge_who_t *who, bool may_ask)
{
    if (who->user_id == 0)
        return FORGE_OK;
    if (who->expires && who->expires <= apr_time_now())
        return FORGE_E_INVALID_TOKEN;
    forge_verdict_t verdict = forge_live_revoked(server->live, server->realm, who, forge_live_steady(server->live));
    if (verdict == FORGE_VERDICT_REVOKED)
        return FORGE_E_INVALID_TOKEN;
    if (!may_ask || (verdict == FORGE_VERDICT_VALID && who->key_id == 0))
        return FORGE_OK;
    return who->key_id ? ask_for_key(r, server, p, who) : ask_database(r, server, p, who);
}

forge_status_t forge_server_credential(request_rec *r, const forge_server_t *server, const char *text, bool counted,
                                       forge_who_t *who)
{
    if (strncmp(text, FORGE_API_KEY_PREFIX, strlen(FORGE_API_KEY_PREFIX)) == 0)
        return forge_server_api_key(r, server, text, counted, who);
    /* not when the request began: a client that sends its headers slowly must not outlive what voids its token */
    return forge_server_token_check(r, server, r->pool, text, apr_time_now(), who);
}
