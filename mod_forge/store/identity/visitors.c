/* SPDX-License-Identifier: Apache-2.0
 * Names and memberships of the one who is let in.
 */
#include "identity_private.h"

#define VISITOR \
    "SELECT u.username, coalesce(u.email, '') AS email, u.email_verified, u.role, " \
    "coalesce((SELECT string_agg(o.slug || ':' || m.role, ' ' ORDER BY o.slug) FROM forge.memberships m " \
    "JOIN forge.organizations o ON o.id = m.organization_id WHERE m.user_id = u.id), '') AS orgs, " \
    "coalesce((SELECT string_agg('#' || m.organization_id || ':' || m.role, ' ' ORDER BY m.organization_id) " \
    "FROM forge.memberships m WHERE m.user_id = u.id), '') AS org_ids " \
    "FROM forge.users u WHERE u.id = $1::bigint AND u.is_active"

/* One statement for sessions and one for API keys: a single one would be planned anew at each execution. */
static const forge_stmt_t door = {"door", VISITOR " AND EXISTS (SELECT FROM forge.sessions s WHERE s.id = $2::bigint"
                                                  " AND s.user_id = u.id AND s.revoked_at IS NULL)"};
static const forge_stmt_t door_by_key = {"door_by_key", VISITOR};

/* Many requests of one page may arrive with a token that has just ended: only the first one writes. */
static const forge_stmt_t renew = {
    "door_renew",
    "WITH alive AS (SELECT s.id, s.amr, u.role, u.epoch FROM forge.sessions s JOIN forge.users u ON u.id = s.user_id "
    "WHERE s.id = $2::bigint AND s.user_id = $1::bigint AND s.revoked_at IS NULL AND s.expires_at > now() AND "
    "u.is_active), "
    "touched AS (UPDATE forge.sessions s SET last_seen_at = now(), "
    "expires_at = greatest(s.expires_at, least($3::timestamptz, s.created_at + " FORGE_SESSION_LIFE ")) FROM alive a "
    "WHERE s.id = a.id AND s.revoked_at IS NULL AND s.last_seen_at < now() - interval '10 seconds') "
    "SELECT role, epoch AS _epoch, array_to_string(amr, ' ') AS _amr FROM alive"};

forge_status_t forge_store_visitor(forge_db_t *db, apr_pool_t *p, const forge_who_t *by, forge_rows_t **rows)
{
    const char *id = forge_util_itoa(p, by->user_id);
    if (!by->session_id)
        return forge_store_run(db, p, &door_by_key, FORGE_ARGS(id), rows);
    return forge_store_run(db, p, &door, FORGE_ARGS(id, forge_util_itoa(p, by->session_id)), rows);
}

forge_status_t forge_store_visitor_renew(forge_db_t *db, apr_pool_t *p, const forge_who_t *by, const char *expires_at,
                                         forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->user_id), forge_util_itoa(p, by->session_id), expires_at);
    return forge_store_run(db, p, &renew, args, rows);
}
