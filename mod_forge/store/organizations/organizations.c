/* SPDX-License-Identifier: Apache-2.0
 * Organisations: each statement finds what the caller may know of, judges, changes and writes its audit event in one
 * round trip.
 */
#include "membership.h"
#include "organizations.h"
#include <string.h>

/* clang-format off */

static const forge_list_filter_t filters[] = {{NULL, NULL}};
static const forge_list_order_t orders[] = {{"id", "o.id", "o.id > $%d::bigint", NULL}, {NULL, NULL, NULL, NULL}};

const forge_list_t forge_store_organizations_mine = {
    "organization_list",
    "SELECT " ORGANIZATION " FROM forge.memberships m JOIN forge.organizations o ON o.id = m.organization_id WHERE"
    " m.user_id = $1::bigint",
    "SELECT count(*) FROM forge.memberships m WHERE m.user_id = $1::bigint",
    1, filters, orders};

const forge_list_t forge_store_organizations_all = {
    "organization_list_all",
    "SELECT " ORGANIZATION " FROM forge.organizations o " OWN_MEMBERSHIP " WHERE true",
    "SELECT count(*) FROM forge.organizations o WHERE $1::bigint IS NOT NULL",
    1, filters, orders};

#define RELEASE_ROUNDS 5 /* of a deletion while courses come in */

/* A slug of the name: letters without their marks, digits, and one hyphen for whatever stands between. With room for
 * a suffix. */
#define SLUG_OF(name) \
    "coalesce(nullif(trim(BOTH '-' FROM left(trim(BOTH '-' FROM regexp_replace(forge.fold(regexp_replace(" \
    "normalize(" name ", NFKD), '[\\u0300-\\u036f]', '', 'g')), '[^a-z0-9]+', '-', 'g')), 54)), ''), 'organization')"

/* No row: the caller's account is closed. No id: the slug is taken. ON CONFLICT keeps a caller's transaction alive.
 * $1 caller, $2 name, $3 slug (NULL: made from the name), $4 suffix where that is taken, $5 ip, $6 request id. */
static const forge_stmt_t organization_create = {
    "organization_create",
    "WITH " TARGET("u.id = $1::bigint") ", "
    "base AS (SELECT " SLUG_OF("$2::text") " AS slug WHERE $3::text IS NULL), "
    "wanted AS ("
    " SELECT coalesce($3::text, (SELECT CASE WHEN EXISTS (SELECT FROM forge.organizations x WHERE x.slug = b.slug)"
    "  OR " FORGE_SLUG_WAS("b.slug", "NULL::bigint")
    "  THEN b.slug || '-' || $4::text ELSE b.slug END FROM base b)) AS slug), "
    "made AS (INSERT INTO forge.organizations (name, slug, created_by) SELECT $2, slug, t.id FROM wanted w CROSS JOIN"
    " target t WHERE NOT " FORGE_SLUG_WAS("w.slug", "NULL::bigint") " ON CONFLICT (slug) DO NOTHING"
    " RETURNING *), "
    "joined AS ("
    " INSERT INTO forge.memberships (organization_id, user_id, role) SELECT id, $1::bigint, 'owner' FROM made"
    " RETURNING role), "
    FORGE_AUDIT("SELECT 'organization.created', $1::bigint, $1::bigint, $5::inet, $6,"
                " jsonb_build_object('organization_id', id, 'name', name, 'slug', slug) FROM made")
    " SELECT " ORGANIZATION ", " FORGE_AUDITED " FROM target t LEFT JOIN (made o CROSS JOIN joined m) ON true"};

static const forge_stmt_t organization_get = {
    "organization_get",
    "SELECT " ORGANIZATION ", (SELECT u.username FROM forge.users u WHERE u.id = $1::bigint) AS _username "
    "FROM forge.organizations o " OWN_MEMBERSHIP " WHERE o.id = $3::bigint AND (m.role IS NOT NULL OR $2::boolean)"};

/* Another organisation has it, or had it a while ago. */
#define TAKEN(slug, id) \
    "(EXISTS (SELECT FROM forge.organizations x WHERE x.slug = " slug " AND x.id <> " id ") OR " \
    FORGE_SLUG_WAS(slug, id) ")"

/* A patch whose slug is null has it made from the name, as it is then.
 * $1 caller, $2 administrator, $3 organisation, $4 versions, $5 patch, $6 ip, $7 request id. */
static const forge_stmt_t organization_update = {
    "organization_update",
    "WITH found AS ("
    " SELECT o, m.role FROM forge.organizations o " OWN_MEMBERSHIP
    " WHERE o.id = $3::bigint AND (m.role IS NOT NULL OR $2::boolean) FOR NO KEY UPDATE OF o), "
    "merged AS (SELECT f.o AS was, f.role, w.* FROM found f, " FORGE_PATCHED("f.o", "$5") " w), "
    "wanted AS ("
    " SELECT m.*, coalesce(m.slug, CASE WHEN " TAKEN("b.made", "m.id") " THEN b.made || '-' || right(m.id::text, 8)"
    "  ELSE b.made END) AS short FROM merged m, LATERAL (SELECT " SLUG_OF("m.name") " AS made) b), "
    "verdict AS ("
    " SELECT m.*, CASE"
    "  WHEN NOT ($2::boolean OR role IN ('owner', 'admin')) THEN 'forbidden'"
    "  WHEN NOT ($4::text IS NULL OR (m.was).version = ANY ($4::bigint[])) THEN 'stale'"
    "  WHEN " TAKEN("m.short", "m.id") " THEN 'slug_taken'"
    "  ELSE 'ok' END AS outcome FROM wanted m), "
    "changed AS ("
    " UPDATE forge.organizations o SET name = v.name, slug = v.short"
    " FROM verdict v WHERE o.id = v.id AND v.outcome = 'ok' RETURNING o.*), "
    FORGE_AUDIT("SELECT 'organization.updated', $1::bigint, NULL::bigint, $6::inet, $7, jsonb_build_object("
                "'organization_id', o.id, 'from', jsonb_build_object('name', (v.was).name, 'slug', (v.was).slug),"
                " 'to', jsonb_build_object('name', o.name, 'slug', o.slug)) FROM changed o JOIN verdict v ON v.id ="
                " o.id")
    " SELECT " ORGANIZATION ", m.outcome AS _outcome, " FORGE_AUDITED
    " FROM verdict m LEFT JOIN changed o ON o.id = m.id"};

/* Courses that are given back become drafts: what was for members only is open to nobody else by that.
 * $1 caller, $2 administrator, $3 organisation, $4 versions, $5 ip, $6 request id, $7 give its courses back. */
static const forge_stmt_t organization_delete = {
    "organization_delete",
    "WITH found AS ("
    " SELECT o.*, m.role FROM forge.organizations o " OWN_MEMBERSHIP
    " WHERE o.id = $3::bigint AND (m.role IS NOT NULL OR $2::boolean) FOR UPDATE OF o), "
    "verdict AS ("
    " SELECT f.*, CASE"
    "  WHEN NOT ($2::boolean OR role = 'owner') THEN 'forbidden'"
    "  WHEN NOT ($4::text IS NULL OR version = ANY ($4::bigint[])) THEN 'stale'"
    "  WHEN NOT $7::boolean AND EXISTS (SELECT FROM forge.courses c WHERE c.organization_id = f.id) THEN 'in_use'"
    "  ELSE 'ok' END AS outcome FROM found f), "
    "released AS ("
    " UPDATE forge.courses c SET organization_id = NULL, status = 'draft' FROM verdict v"
    " WHERE c.organization_id = v.id AND v.outcome = 'ok' RETURNING c.id), "
    "gone AS (DELETE FROM forge.organizations o USING verdict v WHERE o.id = v.id AND v.outcome = 'ok' RETURNING o.*), "
    FORGE_AUDIT("SELECT 'organization.deleted', $1::bigint, NULL::bigint, $5::inet, $6, jsonb_build_object("
                "'organization_id', g.id, 'name', g.name, 'slug', g.slug, 'members',"
                " (SELECT count(*) FROM forge.memberships x WHERE x.organization_id = g.id), 'released',"
                " (SELECT count(*) FROM released)) FROM gone g")
    " SELECT outcome AS _outcome, " FORGE_AUDITED " FROM verdict"};

/* The owner who hands over becomes an admin. A platform administrator who owns nothing here replaces all owners.
 * $1 caller, $2 administrator, $3 organisation, $4 new owner, $5 ip, $6 request id. */
static const forge_stmt_t organization_transfer = {
    "organization_transfer",
    "WITH " CALLER ", "
    "target AS ("
    " SELECT m.user_id FROM caller c JOIN forge.memberships m ON m.organization_id = c.id JOIN forge.users u ON u.id ="
    " m.user_id"
    " WHERE m.user_id = $4::bigint AND u.is_active FOR UPDATE OF m), "
    "verdict AS ("
    " SELECT c.id, c.role, t.user_id, CASE WHEN c.power < 3 THEN 'forbidden' WHEN t.user_id IS NULL THEN"
    " 'bad_reference' ELSE 'ok' END"
    "  AS outcome FROM caller c LEFT JOIN target t ON true), "
    "before AS ("
    " SELECT m.user_id FROM verdict v JOIN forge.memberships m ON m.organization_id = v.id"
    " WHERE v.outcome = 'ok' AND m.role = 'owner' AND m.user_id <> v.user_id"
    "  AND (v.role IS DISTINCT FROM 'owner' OR m.user_id = $1::bigint) FOR UPDATE OF m), "
    "changed AS ("
    " UPDATE forge.memberships m SET role = CASE WHEN m.user_id = v.user_id THEN 'owner' ELSE 'admin' END FROM verdict"
    " v"
    " WHERE m.organization_id = v.id AND v.outcome = 'ok' AND (m.user_id = v.user_id OR m.user_id IN (SELECT user_id"
    " FROM before))"
    " RETURNING m.user_id, m.role), "
    "ended AS ("
    " UPDATE forge.invitations i SET state = 'revoked', closed_at = now() FROM before b"
    " WHERE i.organization_id = $3::bigint AND i.invited_by = b.user_id AND i.state = 'pending' AND i.role = 'owner'), "
    FORGE_AUDIT("SELECT 'organization.transferred', $1::bigint, v.user_id, $5::inet, $6, jsonb_build_object("
                "'organization_id', v.id, 'from', (SELECT coalesce(jsonb_agg(b.user_id), '[]') FROM before b))"
                " FROM verdict v WHERE v.outcome = 'ok'")
    " SELECT o.id, o.name, o.slug, coalesce((SELECT x.role FROM changed x WHERE x.user_id = $1::bigint), v.role) AS"
    " role,"
    "  o.version, o.created_at, o.updated_at, v.outcome AS _outcome, " FORGE_AUDITED
    " FROM verdict v LEFT JOIN forge.organizations o ON o.id = v.id"};

/* clang-format on */

/* What the statement decided, as a status. */
static forge_status_t judged(const forge_rows_t *rows)
{
    static const forge_outcome_t outcomes[] = {
        {"ok", FORGE_OK},
        {"forbidden", FORGE_E_FORBIDDEN},
        {"stale", FORGE_E_PRECONDITION_FAILED},
        {"slug_taken", FORGE_E_SLUG_TAKEN},
        {"in_use", FORGE_E_CONFLICT},
        {"not_found", FORGE_E_NOT_FOUND},
        {"bad_reference", FORGE_E_BAD_REFERENCE},
        {"invite_instead", FORGE_E_INVITE_INSTEAD},
        {"unproven", FORGE_E_EMAIL_UNPROVEN},
        {"last_owner", FORGE_E_LAST_OWNER},
        {"already_member", FORGE_E_ALREADY_MEMBER},
        {"pending", FORGE_E_INVITATION_PENDING},
        {"too_many", FORGE_E_RATE_LIMITED},
        {"foreign", FORGE_E_INVITATION_FOREIGN},
        {"gone", FORGE_E_INVITATION_GONE},
        {"nobody", FORGE_E_INVALID_TOKEN}, /* the account behind a token that is still good is closed or erased */
        {NULL, FORGE_OK},
    };
    return forge_store_rows_judge(rows, outcomes, FORGE_E_NOT_FOUND);
}

static bool broke(const forge_db_t *db, const char *constraint)
{
    return strcmp(forge_store_constraint(db), constraint) == 0;
}

forge_status_t forge_store_membership_run(forge_db_t *db, apr_pool_t *p, const forge_stmt_t *stmt, forge_args_t args,
                                          forge_rows_t **rows)
{
    forge_rows_t *own = NULL;
    forge_rows_t **answer = rows ? rows : &own;
    forge_status_t status = forge_store_run(db, p, stmt, args, answer);
    if (status == FORGE_E_VALIDATION && broke(db, "memberships_last_owner"))
        return FORGE_E_LAST_OWNER;
    FORGE_TRY(status);
    return judged(*answer);
}

forge_status_t forge_store_organization_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const char *name,
                                               const char *slug, forge_rows_t **rows)
{
    /* A slug of ours may be taken by a twin whose commit our snapshot does not see: another suffix, and the next one
     * does. */
    for (int tries = 0; tries < 3; tries++) {
        unsigned char dice[4];
        forge_util_random(dice, sizeof(dice));
        const forge_args_t args =
            FORGE_ARGS(forge_util_itoa(p, by->id), name, slug, forge_util_hex(p, dice, sizeof(dice)),
                       forge_store_ip(p, by->ip), by->request_id);
        forge_status_t status = forge_store_run(db, p, &organization_create, args, rows);
        if (status == FORGE_E_CONFLICT && broke(db, "organizations_slug_unique"))
            return FORGE_E_SLUG_TAKEN; /* another organisation gave it up a moment ago */
        FORGE_TRY(status);
        if (forge_store_rows_count(*rows) == 0)
            return FORGE_E_INVALID_TOKEN; /* the account behind a token that is still good is closed or erased */
        if (forge_store_rows_text(*rows, 0, "id"))
            return FORGE_OK;
        if (slug)
            break;
    }
    return FORGE_E_SLUG_TAKEN;
}

forge_status_t forge_store_organization_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                            forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f", forge_util_itoa(p, id));
    FORGE_TRY(forge_store_run(db, p, &organization_get, args, rows));
    return forge_store_rows_count(*rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_organization_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                               const forge_patch_t *patch, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f", forge_util_itoa(p, id),
                                         patch->if_version, patch->members, forge_store_ip(p, by->ip), by->request_id);
    forge_status_t status = forge_store_membership_run(db, p, &organization_update, args, rows);
    if (status == FORGE_E_VALIDATION && broke(db, "organizations_renames_limit"))
        return FORGE_E_LIMIT_REACHED;
    /* a twin was quicker */
    return status == FORGE_E_CONFLICT && broke(db, "organizations_slug_unique") ? FORGE_E_SLUG_TAKEN : status;
}

forge_status_t forge_store_organization_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                               const char *if_version, bool release)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f", forge_util_itoa(p, id),
                                         if_version, forge_store_ip(p, by->ip), by->request_id, release ? "t" : "f");
    forge_status_t status = FORGE_E_BAD_REFERENCE; /* a course came in meanwhile */
    for (int round = 0; status == FORGE_E_BAD_REFERENCE && round < (release ? RELEASE_ROUNDS : 1); round++)
        status = forge_store_membership_run(db, p, &organization_delete, args, NULL);
    return status == FORGE_E_BAD_REFERENCE ? FORGE_E_CONFLICT : status;
}

forge_status_t forge_store_organization_transfer(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                                 apr_int64_t user_id, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f", forge_util_itoa(p, id),
                                         forge_util_itoa(p, user_id), forge_store_ip(p, by->ip), by->request_id);
    return forge_store_membership_run(db, p, &organization_transfer, args, rows);
}
