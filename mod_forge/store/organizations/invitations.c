/* SPDX-License-Identifier: Apache-2.0
 * Invitations: made together with their mail, accepted once, by the address they were sent to. Only the digest of a
 * token is kept.
 */
#include "membership.h"
#include "organizations.h"
#include <apr_strings.h>

/* clang-format off */

/* A pending one whose time is over is expired, whether or not somebody has written that down. The table is called i. */
#define OVERDUE "(i.state = 'pending' AND i.expires_at <= now())"
#define INVITATION \
    "i.id, i.email, i.role, CASE WHEN " OVERDUE " THEN 'expired' ELSE i.state END AS state, i.expires_at," \
    " i.created_at, i.invited_by"

static const forge_list_filter_t filters[] = {{NULL, NULL}};
static const forge_list_order_t orders[] = {{"id", "i.id", "i.id > $%d::bigint", NULL}, {NULL, NULL, NULL, NULL}};

#define IN_ORGANIZATION \
    "i.organization_id = $3::bigint AND ($2::boolean OR EXISTS (" \
    "SELECT FROM forge.memberships m WHERE m.organization_id = $3::bigint AND m.user_id = $1::bigint AND m.role IN" \
    " ('owner', 'admin')))"

const forge_list_t forge_store_invitations_list = {
    "invitation_list",
    "SELECT " INVITATION " FROM forge.invitations i WHERE " IN_ORGANIZATION,
    "SELECT count(*) FROM forge.invitations i WHERE " IN_ORGANIZATION,
    3, filters, orders};

/* The lock on the organisation lets one invitation through at a time; behind it the partial unique index holds. An
 * account without a proven address could be anybody and sends no mail to others. A platform administrator is known.
 * $1 caller, $2 administrator, $3 organisation, $4 address, $5 its key, $6 role, $7 token's sha256, $8 payload, $9 ip,
 * $10 request id, $11 most sent in a day, $12 most received in a day, $13 sender. */
static const forge_stmt_t invitation_create = {
    "invitation_create",
    "WITH " CALLER ", "
    "overdue AS ("
    " UPDATE forge.invitations i SET state = 'expired', closed_at = now() FROM caller c"
    " WHERE c.power >= 2 AND i.organization_id = c.id AND i.email_key = $5 AND " OVERDUE " RETURNING i.id), "
    "verdict AS ("
    " SELECT c.id, CASE"
    "  WHEN c.power < 2 OR " RANK("$6::text") " > c.power THEN 'forbidden'"
    "  WHEN NOT $2::boolean AND NOT EXISTS ("
    "   SELECT FROM forge.users u WHERE u.id = $1::bigint AND u.email_verified) THEN 'unproven'"
    "  WHEN EXISTS (SELECT FROM forge.memberships m JOIN forge.users u ON u.id = m.user_id"
    "   WHERE m.organization_id = c.id AND u.email_key = $5 AND u.email_verified) THEN 'already_member'"
    "  WHEN EXISTS (SELECT FROM forge.invitations i WHERE i.organization_id = c.id AND i.email_key = $5 AND i.state ="
    " 'pending'"
    "   AND i.expires_at > now()) THEN 'pending'"
    "  WHEN (SELECT count(*) FROM forge.invitations i WHERE i.invited_by = $1::bigint AND i.created_at > now() -"
    " interval '1 day')"
    "   >= $11::bigint OR (SELECT count(*) FROM forge.invitations i WHERE i.email_key = $5 AND i.created_at > now() -"
    " interval '1 day')"
    "   >= $12::bigint THEN 'too_many'"
    "  ELSE 'ok' END AS outcome FROM caller c), "
    "made AS ("
    " INSERT INTO forge.invitations AS i (organization_id, email, email_key, role, sha256, invited_by)"
    " SELECT id, $4, $5, $6, decode($7, 'hex'), $1::bigint FROM verdict WHERE outcome = 'ok' AND (SELECT count(*) FROM"
    " overdue) >= 0"
    " ON CONFLICT (organization_id, email_key) WHERE state = 'pending' DO NOTHING RETURNING i.*), "
    FORGE_MAIL("SELECT 'invitation', $13::text, email, NULL::bigint, $8 FROM made WHERE $13::text IS NOT NULL") ", "
    FORGE_AUDIT("SELECT 'invitation.created', $1::bigint, NULL::bigint, $9::inet, $10, jsonb_build_object("
                "'organization_id', organization_id, 'invitation_id', id, 'email', email, 'role', role) FROM made")
    " SELECT " INVITATION ", CASE WHEN v.outcome = 'ok' AND i.id IS NULL THEN 'pending' ELSE v.outcome END AS"
    " _outcome, " FORGE_AUDITED
    " FROM verdict v LEFT JOIN made i ON true"};

/* $1 caller, $2 administrator, $3 organisation, $4 invitation, $5 ip, $6 request id. */
static const forge_stmt_t invitation_revoke = {
    "invitation_revoke",
    "WITH " CALLER ", "
    "found AS ("
    " SELECT i.* FROM caller c JOIN forge.invitations i ON i.organization_id = c.id WHERE i.id = $4::bigint FOR UPDATE"
    " OF i), "
    "verdict AS ("
    " SELECT i.id, CASE"
    "  WHEN c.power < 2 THEN 'forbidden'"
    "  WHEN i.id IS NULL THEN 'not_found'"
    "  WHEN " RANK("i.role") " > c.power THEN 'forbidden'"
    "  WHEN i.state <> 'pending' OR " OVERDUE " THEN 'gone'"
    "  ELSE 'ok' END AS outcome FROM caller c LEFT JOIN found i ON true), "
    "changed AS ("
    " UPDATE forge.invitations i SET state = 'revoked', closed_at = now() FROM verdict v WHERE i.id = v.id AND"
    " v.outcome = 'ok'"
    " RETURNING i.*), "
    FORGE_AUDIT("SELECT 'invitation.revoked', $1::bigint, NULL::bigint, $5::inet, $6, jsonb_build_object("
                "'organization_id', organization_id, 'invitation_id', id, 'email', email) FROM changed")
    " SELECT outcome AS _outcome, " FORGE_AUDITED " FROM verdict"};

/* All is locked before it is judged, in the order of everybody else: account, organisation, invitation. Of many
 * requests at once one succeeds, and the others find the invitation used. Nobody who has gone still invites.
 * $1 caller, $2 token's sha256, $3 ip, $4 request id. */
static const forge_stmt_t invitation_accept = {
    "invitation_accept",
    "WITH " TARGET("u.id = $1::bigint") ", "
    "org AS ("
    " SELECT o.id FROM forge.organizations o WHERE o.id = ("
    "  SELECT i.organization_id FROM forge.invitations i WHERE i.sha256 = decode($2, 'hex'))"
    " AND (SELECT count(*) FROM target) >= 0 FOR NO KEY UPDATE), "
    "found AS ("
    " SELECT i.* FROM org JOIN forge.invitations i ON i.organization_id = org.id WHERE i.sha256 = decode($2, 'hex')"
    " FOR UPDATE OF i), "
    "verdict AS ("
    " SELECT i.id, i.organization_id, i.role, CASE"
    "  WHEN u.email_key <> i.email_key THEN 'foreign'"
    "  WHEN i.state <> 'pending' OR " OVERDUE " THEN 'gone'"
    "  WHEN EXISTS (SELECT FROM forge.users b WHERE b.id = i.invited_by AND NOT b.is_active) THEN 'gone'"
    "  WHEN EXISTS (SELECT FROM forge.memberships m WHERE m.organization_id = i.organization_id AND m.user_id = u.id)"
    " THEN 'already_member'"
    "  ELSE 'ok' END AS outcome FROM found i CROSS JOIN target u"
    " UNION ALL SELECT NULL, NULL, NULL, 'nobody' WHERE NOT EXISTS (SELECT FROM target)), "
    "used AS ("
    " UPDATE forge.invitations i SET state = 'accepted', accepted_by = $1::bigint, closed_at = now() FROM verdict v"
    " WHERE i.id = v.id AND v.outcome = 'ok' RETURNING i.*), "
    "joined AS ("
    " INSERT INTO forge.memberships AS m (organization_id, user_id, role) SELECT organization_id, $1::bigint, role"
    " FROM used"
    " ON CONFLICT DO NOTHING RETURNING m.organization_id, m.role), "
    FORGE_AUDIT("SELECT 'invitation.accepted', $1::bigint, $1::bigint, $3::inet, $4, jsonb_build_object("
                "'organization_id', organization_id, 'invitation_id', id, 'role', role, 'invited_by', invited_by) FROM"
                " used")
    " SELECT " ORGANIZATION ", CASE WHEN v.outcome = 'ok' AND m.role IS NULL THEN 'already_member' ELSE v.outcome END"
    " AS _outcome, "
    FORGE_AUDITED
    " FROM verdict v LEFT JOIN joined m ON true LEFT JOIN forge.organizations o ON o.id = m.organization_id"};

static const forge_stmt_t invitation_accepted = {
    "invitation_accepted",
    "SELECT " ORGANIZATION " FROM forge.invitations i JOIN forge.organizations o ON o.id = i.organization_id"
    " JOIN forge.memberships m ON m.organization_id = o.id AND m.user_id = $1::bigint"
    " WHERE i.sha256 = decode($2, 'hex') AND i.accepted_by = $1::bigint"};

/* clang-format on */

forge_status_t forge_store_invitation_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                             const forge_new_invitation_t *in, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(
        forge_util_itoa(p, by->id), by->admin ? "t" : "f", forge_util_itoa(p, id), in->email, in->email_key, in->role,
        in->sha256_hex, in->mail.payload, forge_store_ip(p, by->ip), by->request_id,
        APR_STRINGIFY(FORGE_INVITATIONS_SENT_MAX), APR_STRINGIFY(FORGE_INVITATIONS_RECEIVED_MAX), in->mail.sender);
    return forge_store_membership_run(db, p, &invitation_create, args, rows);
}

forge_status_t forge_store_invitation_revoke(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                             apr_int64_t invitation_id)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f", forge_util_itoa(p, id),
                                         forge_util_itoa(p, invitation_id), forge_store_ip(p, by->ip), by->request_id);
    return forge_store_membership_run(db, p, &invitation_revoke, args, NULL);
}

forge_status_t forge_store_invitation_accept(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                             const char *sha256_hex, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), sha256_hex, forge_store_ip(p, by->ip), by->request_id);
    forge_status_t status = forge_store_membership_run(db, p, &invitation_accept, args, rows);
    return status == FORGE_E_NOT_FOUND ? FORGE_E_TOKEN_INVALID : status;
}

forge_status_t forge_store_invitation_accepted(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                               const char *sha256_hex, forge_rows_t **rows)
{
    FORGE_TRY(forge_store_run(db, p, &invitation_accepted, FORGE_ARGS(forge_util_itoa(p, by->id), sha256_hex), rows));
    return forge_store_rows_count(*rows) > 0 ? FORGE_OK : FORGE_E_INVITATION_GONE;
}
