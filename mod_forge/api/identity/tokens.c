/* SPDX-License-Identifier: Apache-2.0
 * Tokens: the session that begins, and the answer that carries its tokens.
 */
#include "api/shared.h"
#include "identity.h"
#include "core/wire/wire.h"
#include "store/identity/identity.h"

#include <string.h>

#define TOKENS_MAX 262144 /* bytes of an answer with account and tokens */

/* The name a client gave its device; not every body has that member. */
static const char *device_name(forge_req_t *q)
{
    bool has = q->body && forge_core_walk_find(q->route->body->fields, "device_name", NULL) >= 0;
    return has ? forge_core_input_text(q->body, "device_name") : NULL;
}

/* A session that begins now; only the digest of its refresh token goes to the database. */
forge_new_session_t forge_api_session_begin(forge_req_t *q, const char *amr, const char **refresh)
{
    forge_new_session_t session = {
        .expires_at = forge_util_time(q->pool, q->now + forge_config_refresh_ttl(q->config), 6),
        .device_name = device_name(q),
        .user_agent = q->user_agent,
        .ip = q->client_ip,
        .amr = amr,
        .request_id = q->request_id,
    };
    *refresh = forge_core_secret_make(q->pool, &session.refresh_sha256);
    return session;
}

/* Account and tokens; `rows` has the bare account and _session_id. */
forge_status_t forge_api_tokens(forge_req_t *q, const forge_rows_t *rows, const char *refresh, const char *amr)
{
    const forge_token_rules_t *rules = forge_config_token_rules(q->config);
    const forge_who_t who = {
        .user_id = forge_store_rows_int(rows, 0, "id", 0),
        .session_id = forge_store_rows_int(rows, 0, "_session_id", 0),
        .epoch = forge_store_rows_int(rows, 0, "_epoch", 0),
        .role = forge_core_role_parse(forge_store_rows_text(rows, 0, "role")),
        .expires = q->now + rules->access_ttl,
        .scopes = FORGE_SCOPE_READ | FORGE_SCOPE_WRITE,
        .amr = amr,
    };
    const char *access = forge_core_token_sign(q->pool, q->keys, rules, &who, q->now);
    if (!access)
        return FORGE_E_INTERNAL;
    forge_reply_cookie(q, &who);
    forge_buf_t *b = forge_util_buf_make(q->pool, 2048, TOKENS_MAX);
    forge_util_buf_puts(b, "{\"user\":");
    forge_store_render_row(b, rows, 0);
    forge_util_buf_puts(b, ",\"access_token\":");
    forge_util_buf_json(b, access, strlen(access));
    forge_util_buf_puts(b, ",\"refresh_token\":");
    forge_util_buf_json(b, refresh, strlen(refresh));
    forge_util_buf_puts(b, ",\"token_type\":\"bearer\",\"expires_in\":");
    forge_util_buf_int(b, apr_time_sec(rules->access_ttl));
    forge_util_buf_puts(b, "}");
    return forge_reply_buf(q, b, NULL);
}
