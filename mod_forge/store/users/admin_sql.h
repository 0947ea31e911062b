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
 * erased(id, epoch). Their organisations are locked first, in order, like everybody who changes members does it: the
 * erasure then judges owners as the change before left them, and nobody gives the last owner away meanwhile. */
#define FORGE_ERASE(from) \
    "rooms AS MATERIALIZED (" \
    " SELECT o.id FROM forge.organizations o WHERE o.id IN (SELECT m.organization_id FROM forge.memberships m" \
    "  WHERE m.user_id IN (SELECT id FROM " from ")) ORDER BY o.id FOR NO KEY UPDATE), " \
    "erased AS MATERIALIZED (SELECT e.id, e.epoch FROM forge.erase_accounts(" \
    "CASE WHEN (SELECT count(*) FROM rooms) >= 0 THEN ARRAY(SELECT id FROM " from ") END) e)"

/* What an administrator closed stays closed, also where its holder had closed it before: the accounts of `from`. */
#define FORGE_STAYS_CLOSED(from) \
    "stays AS (UPDATE forge.email_undos k SET reopens = false FROM " from " c" \
    " WHERE k.user_id = c.id AND k.used_at IS NULL AND k.reopens), "

/* clang-format on */

/* Before a deletion, in a statement of its own: the accounts $1 (an array) and the active administrators. Nobody adds
 * these accounts to an organisation any more, so that the statement behind it sees all their memberships. */
extern const forge_stmt_t forge_store_hold_deleted;

/* The status that column _outcome of row 0 names; no rows: `none`. */
forge_status_t forge_store_account_judge(const forge_rows_t *rows, forge_status_t none);

#endif
