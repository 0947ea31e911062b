/* SPDX-License-Identifier: Apache-2.0
 * Stand-ins for what other parts bring: to be dropped with them.
 */
#include "store_private.h"

static const forge_stmt_t wip_hash = {"wip_hash", "SELECT password_hash AS _password_hash FROM forge.users WHERE id = $1::bigint", 1};
static const forge_stmt_t wip_user = {"wip_user", "SELECT id FROM forge.users WHERE id = $1::bigint", 1};

forge_status_t forge_store_wip_hash(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, forge_rows_t **rows)
{
    const char *args[] = {forge_util_itoa(p, user_id)};
    return forge_store_run(db, p, &wip_hash, args, rows);
}

forge_status_t forge_store_unlock(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, apr_int64_t actor_id, const char *ip,
                                  const char *request_id, forge_rows_t **rows)
{
    const char *args[] = {forge_util_itoa(p, user_id)};
    (void)actor_id, (void)ip, (void)request_id;
    return forge_store_run(db, p, &wip_user, args, rows);
}

forge_status_t forge_store_mfa_reset(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, apr_int64_t actor_id, const char *ip,
                                     const char *request_id, forge_rows_t **rows)
{
    return forge_store_unlock(db, p, user_id, actor_id, ip, request_id, rows);
}
