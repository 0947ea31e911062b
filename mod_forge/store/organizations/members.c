/* SPDX-License-Identifier: Apache-2.0
 * Members of an organisation: who may add, promote and remove whom is decided in the statement that does it.
 */
#include "membership.h"
#include "organizations.h"

/* clang-format off */

#define MEMBER "m.user_id, u.username, m.role, m.joined_at, m.user_id AS _id"

static const forge_list_filter_t filters[] = {{NULL, NULL}};
static const forge_list_order_t orders[] = {{"id", "m.user_id", "m.user_id >"
" $%d::bigint", NULL}, {NULL, NULL, NULL, NULL}};

/* CTE `found`: the membership of account $4 in the caller's organisation, locked. */
#define FOUND \
    "found AS (" \
    " SELECT m.user_id, m.role FROM caller c JOIN forge.memberships m ON m.organization_id = c.id" \
    " WHERE m.user_id = $4::bigint FOR UPDATE OF m), "

#define IN_ORGANIZATION \
    "m.organization_id = $3::bigint AND ($2::boolean OR EXISTS (" \
    "SELECT FROM forge.memberships x WHERE x.organization_id = $3::bigint AND x.user_id = $1::bigint))"

const forge_list_t forge_store_members_list = {
    "member_list",
    "SELECT " MEMBER " FROM forge.memberships m JOIN forge.users u ON u.id = m.user_id WHERE " IN_ORGANIZATION,
    "SELECT count(*) FROM forge.memberships m WHERE " IN_ORGANIZATION,
    3, filters, orders};

/* An address names an account only once it is proven. Before that its owner may be a stranger, so the answer is the one
 * for an address that nobody has.
 * $1 caller, $2 administrator, $3 organisation, $4 account, $5 or its email key, $6 role, $7 ip, $8 request id, $9 or
 * its username. */
static const forge_stmt_t member_add = {
    "member_add",
    "WITH " TARGET("(u.id = $4::bigint OR (u.email_key = $5 AND u.email_verified)"
    " OR lower(u.username COLLATE \"C\") = lower($9 COLLATE \"C\")) AND u.role <> 'guest'") ", "
    CALLER_BEHIND("target") ", "
    "verdict AS ("
    " SELECT c.id, t.id AS user_id, t.username, CASE"
    "  WHEN c.power < 2 OR " RANK("$6::text") " > c.power THEN 'forbidden'"
    "  WHEN t.id IS NULL AND $5 IS NOT NULL THEN 'invite_instead'"
    "  WHEN t.id IS NULL THEN 'bad_reference'"
    "  ELSE 'ok' END AS outcome FROM caller c LEFT JOIN target t ON true), "
    "made AS ("
    " INSERT INTO forge.memberships AS m (organization_id, user_id, role) SELECT id, user_id, $6 FROM verdict WHERE"
    " outcome = 'ok'"
    " ON CONFLICT DO NOTHING RETURNING m.*), "
    FORGE_AUDIT("SELECT 'member.added', $1::bigint, user_id, $7::inet, $8,"
                " jsonb_build_object('organization_id', organization_id, 'role', role) FROM made")
    " SELECT " MEMBER ", CASE WHEN u.outcome = 'ok' AND m.user_id IS NULL THEN 'already_member' ELSE u.outcome END AS"
    " _outcome, "
    FORGE_AUDITED
    " FROM verdict u LEFT JOIN made m ON true"};

/* Pending invitations of the member that the new role could not send end.
 * $1 caller, $2 administrator, $3 organisation, $4 member, $5 role, $6 ip, $7 request id. */
static const forge_stmt_t member_update = {
    "member_update",
    "WITH " CALLER ", "
    FOUND
    "verdict AS ("
    " SELECT c.id, f.user_id, f.role, CASE"
    "  WHEN c.power < 2 OR " RANK("$5::text") " > c.power THEN 'forbidden'"
    "  WHEN f.user_id IS NULL THEN 'not_found'"
    "  WHEN " RANK("f.role") " > c.power THEN 'forbidden'"
    "  WHEN f.role = 'owner' AND $5 <> 'owner' AND NOT " OTHER_OWNER("c.id", "f.user_id") " THEN 'last_owner'"
    "  ELSE 'ok' END AS outcome FROM caller c LEFT JOIN found f ON true), "
    "changed AS ("
    " UPDATE forge.memberships m SET role = $5 FROM verdict v"
    " WHERE m.organization_id = v.id AND m.user_id = v.user_id AND v.outcome = 'ok' RETURNING m.*), "
    "ended AS ("
    " UPDATE forge.invitations i SET state = 'revoked', closed_at = now() FROM changed x"
    " WHERE i.organization_id = x.organization_id AND i.invited_by = x.user_id AND i.state = 'pending'"
    "  AND (x.role = 'member' OR " RANK("i.role") " > " RANK("x.role") ")), "
    FORGE_AUDIT("SELECT 'member.role_changed', $1::bigint, x.user_id, $6::inet, $7, jsonb_build_object("
                "'organization_id', x.organization_id, 'from', v.role, 'to', x.role) FROM changed x CROSS JOIN verdict"
                " v"
                " WHERE v.role <> x.role")
    " SELECT " MEMBER ", v.outcome AS _outcome, " FORGE_AUDITED
    " FROM verdict v LEFT JOIN changed m ON true LEFT JOIN forge.users u ON u.id = m.user_id"};

/* $5 says that the caller leaves, for which no rank is needed. A removed member cannot come back by an invitation sent
 * before, and neither can those whom they invited.
 * $1 caller, $2 administrator, $3 organisation, $4 member, $5 whether the caller leaves, $6 ip, $7 request id. */
static const forge_stmt_t member_remove = {
    "member_remove",
    "WITH " CALLER ", "
    FOUND
    "verdict AS ("
    " SELECT c.id, f.user_id, f.role, CASE"
    "  WHEN c.power < 2 AND NOT $5::boolean THEN 'forbidden'"
    "  WHEN f.user_id IS NULL THEN 'not_found'"
    "  WHEN " RANK("f.role") " > c.power THEN 'forbidden'"
    "  WHEN f.role = 'owner' AND NOT " OTHER_OWNER("c.id", "f.user_id") " THEN 'last_owner'"
    "  ELSE 'ok' END AS outcome FROM caller c LEFT JOIN found f ON true), "
    "gone AS ("
    " DELETE FROM forge.memberships m USING verdict v WHERE m.organization_id = v.id AND m.user_id = v.user_id AND"
    " v.outcome = 'ok'"
    " RETURNING m.*), "
    "ended AS ("
    " UPDATE forge.invitations i SET state = 'revoked', closed_at = now() FROM gone g JOIN forge.users u ON u.id ="
    " g.user_id"
    " WHERE i.organization_id = g.organization_id AND i.state = 'pending' AND (i.invited_by = g.user_id OR i.email_key"
    " = u.email_key)), "
    FORGE_AUDIT("SELECT CASE WHEN $5::boolean THEN 'member.left' ELSE 'member.removed' END, $1::bigint, g.user_id,"
                " $6::inet, $7, jsonb_build_object('organization_id', g.organization_id, 'role', g.role) FROM gone g")
    " SELECT outcome AS _outcome, " FORGE_AUDITED " FROM verdict"};

/* clang-format on */

forge_status_t forge_store_member_add(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                      const forge_new_member_t *in, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f", forge_util_itoa(p, id), in->user_id,
                   in->email_key, in->role, forge_store_ip(p, by->ip), by->request_id, in->username);
    return forge_store_membership_run(db, p, &member_add, args, rows);
}

forge_status_t forge_store_member_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                         const forge_member_in_t *in, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f", forge_util_itoa(p, id),
                   forge_util_itoa(p, in->user_id), in->role, forge_store_ip(p, by->ip), by->request_id);
    return forge_store_membership_run(db, p, &member_update, args, rows);
}

static forge_status_t remove_member(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                    apr_int64_t user_id, bool leaves)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f", forge_util_itoa(p, id),
                   forge_util_itoa(p, user_id), leaves ? "t" : "f", forge_store_ip(p, by->ip), by->request_id);
    return forge_store_membership_run(db, p, &member_remove, args, NULL);
}

forge_status_t forge_store_member_remove(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                         apr_int64_t user_id)
{
    return remove_member(db, p, by, id, user_id, false);
}

forge_status_t forge_store_member_leave(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id)
{
    return remove_member(db, p, by, id, by->id, true);
}
