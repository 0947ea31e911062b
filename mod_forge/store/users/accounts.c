/* SPDX-License-Identifier: Apache-2.0
 * Accounts as administrators see and change them, and as their owners keep them: each function is one statement.
 */
#include "admin_sql.h"
#include "users.h"
#include <apr_strings.h>
#include <string.h>

/* clang-format off */

/* The table is called u in every statement here. */
#define WHOLE \
    ACCOUNT ", EXISTS (SELECT FROM forge.mfa_factors m WHERE m.user_id = u.id AND m.confirmed_at IS NOT NULL) AS" \
    " mfa_enabled, " \
    "u.last_login_at, u.deactivated_at, u.created_at, u.updated_at"

/* The text is searched for literally: its own % and _ are no wildcards. Locks are few and have an index: accounts are
 * looked up by them, and not asked one after the other. */
static const forge_list_filter_t filters[] = {
    {"q", "u.search LIKE"
          " '%' || replace(replace(replace(forge.fold($%d), '\\', '\\\\'), '%', '\\%'), '_', '\\_') || '%'"},
    {"role", "u.role = $%d"},
    {"is_active", "u.is_active = $%d::boolean"},
    {"locked", "$%d = 'true' AND u.id = ANY (ARRAY(SELECT split_part(f.subject, ':', 2)::bigint"
               " FROM forge.login_failures f WHERE f.locked_until > now() AND f.subject LIKE 'user:%'"
               " LIMIT " APR_STRINGIFY(FORGE_LOCKED_MOST) "))"},
    {NULL, NULL}};

static const forge_list_order_t orders[] = {
    {"id", "u.id", "u.id > $%d::bigint", NULL},
    {"-created_at", "u.created_at DESC, u.id DESC", "(u.created_at, u.id) < ($%d::timestamptz,"
    " $%d::bigint)", "created_at"},
    {"username", "u.username, u.id", "(u.username, u.id) > ($%d::text, $%d::bigint)", "username"},
    {NULL, NULL, NULL, NULL}};

const forge_list_t forge_store_accounts_list = {
    "account_list",
    "SELECT " WHOLE " FROM forge.users u WHERE true",
    "SELECT count(*) FROM forge.users u WHERE true",
    0, filters, orders};

/* The server's own list decides, because no pattern knows which names are real. Files beside the zones are none: other
 * spellings of all zones (posix/, right/), the zone of the machine, and rules and tables of the database of zones. */
static const forge_stmt_t timezone_known = {
    "timezone_known",
    "SELECT 1 FROM pg_catalog.pg_timezone_names WHERE name = $1::text AND name !~ '^(posix|right)/'"
    " AND name NOT IN ('posixrules', 'localtime', 'Factory', 'leapseconds', 'tzdata.zi')"};

static const forge_stmt_t account_get = {
    "account_get",
    "SELECT " WHOLE ", u.version AS _version FROM forge.users u WHERE u.id = $1::bigint"};

static const forge_stmt_t account_profile = {
    "account_profile",
    "SELECT u.id, u.username, u.full_name, u.bio, u.avatar_url, u.role, u.created_at, u.version AS _version FROM"
    " forge.users u "
    "WHERE u.id = $1::bigint AND u.is_active AND u.role <> 'guest'"};

/* A patch that changes nothing writes nothing, so that version and ETag stay.
 * $1 account, $2 versions, $3 patch, $4 ip, $5 request id. */
static const forge_stmt_t profile_update = {
    "profile_update",
    "WITH found AS (SELECT u FROM forge.users u WHERE u.id = $1::bigint AND u.is_active FOR NO KEY UPDATE), "
    "merged AS (SELECT f.u AS was, w.* FROM found f, " FORGE_PATCHED("f.u", "$3") " w), "
    "verdict AS ("
    " SELECT m.id, CASE"
    "  WHEN NOT ($2::text IS NULL OR (m.was).version = ANY ($2::bigint[])) THEN 'stale'"
    "  WHEN EXISTS (SELECT FROM forge.users x WHERE lower(x.username COLLATE \"C\") = lower(m.username COLLATE \"C\")"
    " AND x.id <> m.id) OR " FORGE_USERNAME_WAS("m.username", "m.id")
    "   THEN 'username_taken'"
    "  WHEN (m.username, m.full_name, m.bio, m.avatar_url, m.locale, m.timezone) IS NOT DISTINCT FROM"
    "   ((m.was).username, (m.was).full_name, (m.was).bio, (m.was).avatar_url, (m.was).locale, (m.was).timezone) THEN"
    " 'unchanged'"
    "  ELSE 'ok' END AS outcome FROM merged m), "
    "changed AS ("
    " UPDATE forge.users u SET username = m.username, full_name = m.full_name, bio = m.bio, avatar_url = m.avatar_url,"
    "  locale = m.locale, timezone = m.timezone"
    " FROM merged m JOIN verdict v ON v.id = m.id WHERE u.id = m.id AND v.outcome = 'ok' RETURNING u.*), "
    FORGE_AUDIT("SELECT 'user.updated', c.id, c.id, $4::inet, $5::text,"
                " jsonb_build_object('members', (SELECT jsonb_agg(k) FROM jsonb_object_keys($3::jsonb) k)) FROM"
                " changed c") ", "
    "present AS (SELECT * FROM changed UNION ALL SELECT (f.u).* FROM found f, verdict v WHERE v.outcome = 'unchanged') "
    "SELECT " BARE_USER ", u.version AS _version, u.email_key AS _email_key, v.outcome AS _outcome, " FORGE_AUDITED
    " FROM verdict v LEFT JOIN present u ON true"};

/* A patch that may take away an administrator locks the other active ones too. $1 caller, $2 account, $3 versions, $4
 * patch, $5 ip, $6 request id. */
static const forge_stmt_t account_update = {
    "account_update",
    "WITH locked AS MATERIALIZED ("
    " SELECT u FROM forge.users u WHERE u.id = $2::bigint OR (u.role = 'admin' AND u.is_active"
    "  AND ($4::jsonb ->> 'role' <> 'admin' OR $4::jsonb ->> 'is_active' = 'false')) ORDER BY u.id FOR NO KEY UPDATE), "
    "merged AS (SELECT l.u AS was, w.* FROM locked l, " FORGE_PATCHED("l.u", "$4") " w"
    " WHERE (l.u).id = $2::bigint), "
    "verdict AS ("
    " SELECT m.id, CASE"
    "  WHEN NOT ($3::text IS NULL OR (m.was).version = ANY ($3::bigint[])) THEN 'stale'"
    "  WHEN (m.was).anonymized_at IS NOT NULL THEN 'gone'"
    "  WHEN (m.was).role = 'guest' AND m.role <> 'guest' THEN 'guest'"
    "  WHEN (m.was).role = 'admin' AND (m.was).is_active AND NOT (m.role = 'admin' AND m.is_active) AND NOT EXISTS ("
    "   SELECT FROM locked o WHERE (o.u).id <> m.id AND (o.u).role = 'admin' AND (o.u).is_active) THEN 'last_admin'"
    "  WHEN (m.role, m.is_active, m.email_verified) = ((m.was).role, (m.was).is_active, (m.was).email_verified) THEN"
    " 'unchanged'"
    "  ELSE 'ok' END AS outcome FROM merged m), "
    "changed AS ("
    " UPDATE forge.users u SET role = m.role, is_active = m.is_active, email_verified = m.email_verified"
    " FROM merged m JOIN verdict v ON v.id = m.id WHERE u.id = m.id AND v.outcome = 'ok' RETURNING u.*), "
    "ended AS ("
    " UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = 'deactivated' FROM changed c"
    " WHERE s.user_id = c.id AND NOT c.is_active AND s.revoked_at IS NULL), "
    FORGE_STAYS_CLOSED("(SELECT v.id FROM verdict v WHERE v.outcome IN ('ok', 'unchanged') AND"
                       " $4::jsonb ->> 'is_active' = 'false')")
    "voided AS (SELECT c.id, c.epoch FROM changed c, merged m WHERE c.epoch <> (m.was).epoch), "
    FORGE_AUDIT("SELECT e.event, $1::bigint, c.id, $5::inet, $6::text, e.detail"
                " FROM changed c, merged m, LATERAL (VALUES"
                " ('admin.user_updated', true, jsonb_build_object("
                "  'from', jsonb_build_object('role', (m.was).role, 'is_active', (m.was).is_active, 'email_verified',"
                " (m.was).email_verified),"
                "  'to', jsonb_build_object('role', c.role, 'is_active', c.is_active, 'email_verified',"
                " c.email_verified))),"
                " ('user.role_changed', c.role <> (m.was).role, jsonb_build_object('from', (m.was).role, 'to',"
                " c.role)),"
                " ('user.deactivated', (m.was).is_active AND NOT c.is_active, jsonb_build_object('by', 'admin'))"
                ") AS e(event, applies, detail) WHERE e.applies") ", "
    "present AS (SELECT * FROM changed UNION ALL SELECT (l.u).* FROM locked l, verdict v WHERE (l.u).id = v.id AND"
    " v.outcome = 'unchanged') "
    "SELECT " WHOLE ", u.version AS _version, v.outcome AS _outcome, " FORGE_AUDITED ", " FORGE_REVOKED_USERS("voided")
    " FROM verdict v LEFT JOIN present u ON true"};

/* The new epoch ends the access tokens, whatever session or key they came from. */
static const forge_stmt_t account_end_sessions = {
    "account_end_sessions",
    "WITH changed AS ("
    " UPDATE forge.users SET epoch = epoch + 1 WHERE id = $2::bigint AND anonymized_at IS NULL RETURNING id, epoch), "
    "ended AS ("
    " UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = 'admin' FROM changed c"
    " WHERE s.user_id = c.id AND s.revoked_at IS NULL RETURNING s.id), "
    FORGE_CHANGE_VOID("changed") ", "
    FORGE_AUDIT("SELECT 'admin.sessions_revoked', $1::bigint, c.id, $3::inet, $4::text,"
                " jsonb_build_object('sessions', (SELECT count(*) FROM ended)) FROM changed c")
    " SELECT c.id, 'ok' AS _outcome, " FORGE_AUDITED ", " FORGE_REVOKED_USERS("changed") " FROM changed c"};

/* clang-format on */

forge_status_t forge_store_account_judge(const forge_rows_t *rows, forge_status_t none)
{
    static const forge_outcome_t outcomes[] = {
        {"ok", FORGE_OK},
        {"unchanged", FORGE_OK},
        {"stale", FORGE_E_PRECONDITION_FAILED},
        {"username_taken", FORGE_E_USERNAME_TAKEN},
        {"last_admin", FORGE_E_LAST_ADMIN},
        {"gone", FORGE_E_GONE},
        {"guest", FORGE_E_CONFLICT},
        {NULL, FORGE_OK},
    };
    return forge_store_rows_judge(rows, outcomes, none);
}

forge_status_t forge_store_account_get(forge_db_t *db, apr_pool_t *p, apr_int64_t id, forge_rows_t **rows)
{
    FORGE_TRY(forge_store_run(db, p, &account_get, FORGE_ARGS(forge_util_itoa(p, id)), rows));
    return forge_store_rows_count(*rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_account_profile(forge_db_t *db, apr_pool_t *p, apr_int64_t id, forge_rows_t **rows)
{
    FORGE_TRY(forge_store_run(db, p, &account_profile, FORGE_ARGS(forge_util_itoa(p, id)), rows));
    return forge_store_rows_count(*rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_timezone_known(forge_db_t *db, apr_pool_t *p, const char *name, bool *known)
{
    forge_rows_t *rows;
    FORGE_TRY(forge_store_run(db, p, &timezone_known, FORGE_ARGS(name), &rows));
    *known = forge_store_rows_count(rows) > 0;
    return FORGE_OK;
}

forge_status_t forge_store_profile_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                          const forge_patch_t *patch, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), patch->if_version, patch->members,
                                         forge_store_ip(p, by->ip), by->request_id);
    forge_status_t status = forge_store_run(db, p, &profile_update, args, rows);
    /* The twin that won the name was committed after our snapshot. */
    if (status == FORGE_E_CONFLICT && strcmp(forge_store_constraint(db), "users_username_unique") == 0)
        return FORGE_E_USERNAME_TAKEN;
    if (status == FORGE_E_VALIDATION && strcmp(forge_store_constraint(db), "users_renames_limit") == 0)
        return FORGE_E_LIMIT_REACHED;
    FORGE_TRY(status);
    return forge_store_account_judge(*rows, FORGE_E_INVALID_TOKEN);
}

forge_status_t forge_store_account_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                          const forge_patch_t *patch, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), forge_util_itoa(p, id), patch->if_version,
                                         patch->members, forge_store_ip(p, by->ip), by->request_id);
    FORGE_TRY(forge_store_run(db, p, &account_update, args, rows));
    return forge_store_account_judge(*rows, FORGE_E_NOT_FOUND);
}

forge_status_t forge_store_account_end_sessions(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id)
{
    forge_rows_t *rows;
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), forge_util_itoa(p, id), forge_store_ip(p, by->ip), by->request_id);
    FORGE_TRY(forge_store_run(db, p, &account_end_sessions, args, &rows));
    return forge_store_account_judge(rows, FORGE_E_NOT_FOUND);
}
