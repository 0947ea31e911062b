/* SPDX-License-Identifier: Apache-2.0
 * API keys: made, listed, deleted and looked up, each in one statement.
 */
#include "identity_private.h"

/* clang-format off */

#define KEY "k.id, k.name, k.prefix, to_json(k.scopes) AS scopes, k.created_at, k.last_used_at, k.expires_at"

/* "id" is the name of the order of a list without sort (http/input.c). */
static const forge_list_order_t newest_first[] = {{"-id", "k.id DESC", "k.id <"
" $%d::bigint", NULL}, {NULL, NULL, NULL, NULL}};

const forge_list_t forge_store_api_keys_list = {
    "api_key_list",
    "SELECT " KEY " FROM forge.api_keys k WHERE k.user_id = $1::bigint",
    "SELECT count(*) FROM forge.api_keys k WHERE k.user_id = $1::bigint",
    1, NULL, newest_first};

/* $1 caller, $2 name, $3 prefix, $4 sha256, $5 scopes, $6 days (NULL: for ever), $7 ip, $8 request id,
 * $9 sender, $10 payload. */
static const forge_stmt_t api_key_create = {
    "api_key_create",
    "WITH k AS ("
    " INSERT INTO forge.api_keys (user_id, name, prefix, sha256, scopes, expires_at)"
    " SELECT u.id, $2, $3, decode($4, 'hex'), $5::text[], now() + $6::integer * interval '1 day'"
    " FROM forge.users u WHERE u.id = $1::bigint AND u.is_active AND u.role <> 'guest' RETURNING *), "
    FORGE_MAIL("SELECT 'api_key_notice', $9, u.email, u.id, $10 FROM k JOIN forge.users u ON u.id = k.user_id WHERE "
               FORGE_NOTICE_DUE("$9", "api_key.created")) ", "
    FORGE_AUDIT("SELECT 'api_key.created', user_id, user_id, $7::inet, $8, jsonb_build_object('key_id', id, 'name',"
    " name, 'prefix', prefix,"
                " 'scopes', scopes, 'expires_at', forge.instant(expires_at)) FROM k") " "
    "SELECT " KEY ", " FORGE_AUDITED " FROM k"};

static const forge_stmt_t api_key_delete = {
    "api_key_delete",
    "WITH k AS (DELETE FROM forge.api_keys WHERE id = $2::bigint AND user_id = $1::bigint RETURNING *), "
    FORGE_AUDIT("SELECT 'api_key.deleted', user_id, user_id, $3::inet, $4, jsonb_build_object('key_id', id, 'name',"
    " name, 'prefix', prefix)"
                " FROM k") " "
    "SELECT k.id, " FORGE_AUDITED " FROM k"};

static const forge_stmt_t api_key_exists = {
    "api_key_exists",
    "SELECT 1 FROM forge.api_keys k JOIN forge.users u ON u.id = k.user_id"
    " WHERE k.id = $2::bigint AND k.user_id = $1::bigint AND u.is_active AND u.role <> 'guest'"};

static const forge_stmt_t api_key_active = {
    "api_key_active",
    "SELECT 1 FROM forge.api_keys k JOIN forge.users u ON u.id = k.user_id WHERE k.id = $1::bigint"
    " AND u.id = $2::bigint AND (k.expires_at IS NULL OR k.expires_at > now()) AND u.is_active"
    " AND u.epoch <= $3::bigint"};

/* A use that finds the row locked by another use of the same key leaves last_used_at to that one. */
static const forge_stmt_t api_key_find = {
    "api_key_find",
    "WITH found AS ("
    " SELECT k.id AS key_id, u.id AS user_id, u.role, u.epoch, array_to_string(k.scopes, ' ') AS scopes, k.expires_at"
    " FROM forge.api_keys k JOIN forge.users u ON u.id = k.user_id"
    " WHERE k.sha256 = decode($1, 'hex') AND (k.expires_at IS NULL OR k.expires_at > now()) AND u.is_active), "
    "due AS ("
    " SELECT id FROM forge.api_keys WHERE id = (SELECT key_id FROM found)"
    " AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute') FOR NO KEY UPDATE SKIP LOCKED), "
    "noted AS (UPDATE forge.api_keys k SET last_used_at = now() FROM due WHERE k.id = due.id) "
    "SELECT * FROM found"};

/* clang-format on */

forge_status_t forge_store_api_key_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                          const forge_new_key_t *key, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), key->name, key->prefix, key->sha256, key->scopes, key->expires_days,
                   forge_store_ip(p, by->ip), by->request_id, key->mail.sender, key->mail.payload);
    forge_status_t status = forge_store_run(db, p, &api_key_create, args, rows);
    if (status == FORGE_E_VALIDATION && strcmp(forge_store_constraint(db), "api_keys_limit") == 0)
        return FORGE_E_LIMIT_REACHED;
    FORGE_TRY(status);
    return forge_store_rows_count(*rows) > 0 ? FORGE_OK : FORGE_E_FORBIDDEN;
}

forge_status_t forge_store_api_key_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id)
{
    forge_rows_t *rows;
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), forge_util_itoa(p, id), forge_store_ip(p, by->ip), by->request_id);
    FORGE_TRY(forge_store_run(db, p, &api_key_delete, args, &rows));
    return forge_store_rows_count(rows) > 0 ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_api_key_exists(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id)
{
    forge_rows_t *rows;
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), forge_util_itoa(p, id));
    FORGE_TRY(forge_store_run(db, p, &api_key_exists, args, &rows));
    return forge_store_rows_count(rows) > 0 ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_api_key_find(forge_db_t *db, apr_pool_t *p, const char *sha256, forge_rows_t **rows)
{
    return forge_store_run(db, p, &api_key_find, FORGE_ARGS(sha256), rows);
}

forge_status_t forge_store_api_key_active(forge_db_t *db, apr_pool_t *p, const forge_who_t *by)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->key_id), forge_util_itoa(p, by->user_id), forge_util_itoa(p, by->epoch));
    forge_rows_t *rows;
    FORGE_TRY(forge_store_run(db, p, &api_key_active, args, &rows));
    return forge_store_rows_count(rows) > 0 ? FORGE_OK : FORGE_E_INVALID_TOKEN;
}
