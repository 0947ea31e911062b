/* SPDX-License-Identifier: Apache-2.0
 * API keys: opaque credentials that are looked up in the database by their digest.
 */
#include "server_private.h"
#include "core/identity/identity.h"
#include "store/identity/identity.h"

#include <httpd.h>
#include <string.h>

#define PREFIX_LEN (sizeof(FORGE_API_KEY_PREFIX) - 1)
#define BITS_LEN   43 /* 256 bits in base64url */

/* Whether the text has the form of a key. Other texts cost no database query. */
static bool shaped(apr_pool_t *p, const char *key)
{
    apr_size_t ignored;
    return strnlen(key, PREFIX_LEN + BITS_LEN + 1) == PREFIX_LEN + BITS_LEN &&
           strncmp(key, FORGE_API_KEY_PREFIX, PREFIX_LEN) == 0 &&
           forge_util_b64url_decode(p, key + PREFIX_LEN, BITS_LEN, &ignored);
}

forge_status_t forge_server_api_key(request_rec *r, const forge_server_t *server, const char *key, bool counted,
                                    forge_who_t *who)
{
    forge_lease_t *lease;
    forge_db_t *db;
    forge_rows_t *rows;
    if (!shaped(r->pool, key))
        return FORGE_E_INVALID_TOKEN;
    FORGE_TRY(forge_server_limit_peek(r, server, counted));
    FORGE_TRY(forge_server_lease_traced(r, forge_server_activity(r), &lease, &db));
    forge_status_t status =
        forge_store_api_key_find(db, r->pool, forge_core_sha256_hex(r->pool, key, strlen(key)), &rows);
    forge_server_lease_return(lease);
    FORGE_TRY(status);
    if (forge_store_rows_count(rows) == 0)
        return forge_server_limit_miss(r, server, counted);
    const char *scopes = forge_store_rows_text(rows, 0, "scopes");
    *who = (forge_who_t){
        .user_id = forge_store_rows_int(rows, 0, "user_id", 0),
        .epoch = forge_store_rows_int(rows, 0, "epoch", 0),
        .key_id = forge_store_rows_int(rows, 0, "key_id", 0),
        .scopes = (strstr(scopes, "read") ? FORGE_SCOPE_READ : 0) | (strstr(scopes, "write") ? FORGE_SCOPE_WRITE : 0),
        .role = forge_core_role_parse(forge_store_rows_text(rows, 0, "role")),
        .expires = forge_store_rows_time(rows, 0, "expires_at"),
        .amr = "key",
    };
    return FORGE_OK;
}
