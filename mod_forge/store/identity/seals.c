/* SPDX-License-Identifier: Apache-2.0
 * What is stored sealed for as long as an account lives, for forgectl reseal.
 */
#include "identity_private.h"

/* clang-format off */

static const forge_stmt_t seals_list = {
    "seals_list",
    "SELECT id, user_id, secret FROM forge.mfa_factors WHERE id > $1 ORDER BY id LIMIT $2"};

/* Changes nothing if the factor was set up anew meanwhile. */
static const forge_stmt_t seals_replace = {
    "seals_replace",
    "UPDATE forge.mfa_factors SET secret = $3 WHERE id = $1 AND secret = $2 RETURNING id"};

/* clang-format on */

forge_status_t forge_store_seals_list(forge_db_t *db, apr_pool_t *p, apr_int64_t after, int limit, forge_rows_t **rows)
{
    return forge_store_run(db, p, &seals_list, FORGE_ARGS(forge_util_itoa(p, after), forge_util_itoa(p, limit)), rows);
}

forge_status_t forge_store_seals_replace(forge_db_t *db, apr_pool_t *p, const char *id, const char *old,
                                         const char *sealed, forge_rows_t **rows)
{
    return forge_store_run(db, p, &seals_replace, FORGE_ARGS(id, old, sealed), rows);
}
