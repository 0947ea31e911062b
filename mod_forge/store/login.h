/* SPDX-License-Identifier: Apache-2.0
 * Lockout, second factors and backup codes (SPEC 3).
 */
#ifndef FORGE_STORE_LOGIN_H
#define FORGE_STORE_LOGIN_H

forge_status_t forge_store_wip_hash(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, forge_rows_t **rows);
forge_status_t forge_store_unlock(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, apr_int64_t actor_id, const char *ip,
                                  const char *request_id, forge_rows_t **rows);
forge_status_t forge_store_mfa_reset(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, apr_int64_t actor_id, const char *ip,
                                     const char *request_id, forge_rows_t **rows);

#endif
