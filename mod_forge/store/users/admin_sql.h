/* SPDX-License-Identifier: Apache-2.0
 * Pieces of SQL and small helpers that the statements of administration share.
 */
#ifndef FORGE_STORE_ADMIN_SQL_H
#define FORGE_STORE_ADMIN_SQL_H

#include "store/engine/store_private.h"
#include "store/store.h"

/* clang-format off */

/* The words of column _revoked for the accounts of a CTE with id and epoch: all their tokens are void. */
#define FORGE_REVOKED_USERS(cte) "(SELECT string_agg('u' || r.id || ':' || r.epoch, ' ') FROM " cte " r) AS _revoked"

/* Takes everything personal from the accounts whose ids are in the CTE `from`, as forge.personal says; gives CTE
 * erased(id, epoch). */
#define FORGE_ERASE(from) \
    "erased AS MATERIALIZED (SELECT e.id, e.epoch FROM forge.erase_accounts(ARRAY(SELECT id FROM " from ")) e)"

/* clang-format on */

/* The status that column _outcome of row 0 names; no rows: `none`. */
forge_status_t forge_store_account_judge(const forge_rows_t *rows, forge_status_t none);

#endif
