/* SPDX-License-Identifier: Apache-2.0
 * Private to store/: what the statements on organisations, members and invitations share. Parameters $1 to $3 are
 * always the caller's id, whether they are a platform administrator, and the organisation.
 */
#ifndef FORGE_STORE_MEMBERSHIP_H
#define FORGE_STORE_MEMBERSHIP_H

#include "organizations.h"
#include "store/engine/store_private.h"
#include "store/store.h"

/* clang-format off */

/* Roles as numbers: nobody grants or changes one above their own. */
#define RANK(role) "CASE " role " WHEN 'owner' THEN 3 WHEN 'admin' THEN 2 WHEN 'member' THEN 1 END"

/* The members of an organisation as the caller sees it: o is the organisation, m the caller's own membership. */
#define ORGANIZATION "o.id, o.name, o.slug, m.role, o.version, o.created_at, o.updated_at"
#define OWN_MEMBERSHIP "LEFT JOIN forge.memberships m ON m.organization_id = o.id AND m.user_id = $1::bigint"

/* CTE `caller`: the organisation's id, the caller's role in it, and power, the role as a number. No row for somebody
 * who may not know of it. The organisation is locked first, so that all changes of its members wait for each other, and
 * roles are read as the change before left them. CALLER_BEHIND locks it behind the rows of another CTE: whoever locks
 * an account too does that before, for an erasure holds the account when it comes to the organisations. */
#define CALLER_IF(ready) \
    "org AS (" \
    " SELECT o.id FROM forge.organizations o WHERE o.id = $3::bigint AND ($2::boolean OR EXISTS (" \
    "  SELECT FROM forge.memberships m WHERE m.organization_id = o.id AND m.user_id = $1::bigint)) AND " ready \
    " FOR NO KEY UPDATE), " \
    "me AS (" \
    " SELECT m.role FROM org JOIN forge.memberships m ON m.organization_id = org.id WHERE m.user_id = $1::bigint FOR" \
    " SHARE OF m), " \
    "caller AS (" \
    " SELECT org.id, me.role, CASE WHEN $2::boolean THEN 3 ELSE " RANK("me.role") " END AS power" \
    " FROM org LEFT JOIN me ON true WHERE $2::boolean OR me.role IS NOT NULL)"
#define CALLER             CALLER_IF("true")
#define CALLER_BEHIND(cte) CALLER_IF("(SELECT count(*) FROM " cte ") >= 0")

/* CTE `target`: the account that becomes a member, if it can. The lock is the one that an erasure waits for, and that
 * waits for an erasure: a foreign key's would do neither. */
#define TARGET(which) \
    "target AS MATERIALIZED (" \
    " SELECT u.id, u.username, u.email_key FROM forge.users u WHERE (" which ") AND u.is_active FOR SHARE)"

/* Another owner who can act. The trigger last_owner decides in the end, because it sees what others have just
 * committed. */
#define OTHER_OWNER(organization, user) \
    "EXISTS (SELECT FROM forge.memberships o JOIN forge.users ou ON ou.id = o.user_id WHERE o.organization_id" \
    " = " organization \
    " AND o.role = 'owner' AND ou.is_active AND o.user_id <> " user ")"

/* clang-format on */

/* Runs a statement whose column _outcome is its verdict; no row is FORGE_E_NOT_FOUND, the refusal of the trigger
 * last_owner is FORGE_E_LAST_OWNER. rows may be NULL. */
forge_status_t forge_store_membership_run(forge_db_t *db, apr_pool_t *p, const forge_stmt_t *stmt, forge_args_t args,
                                          forge_rows_t **rows);

#endif
