/* SPDX-License-Identifier: Apache-2.0
 * Many accounts at once: one statement an action, however many accounts there are, that judges each, changes and writes
 * the audit log.
 */
#include "admin_sql.h"
#include "users.h"

/* clang-format off */

/* Every action: $1 ids, $2 dry run, $3 actor, $4 ip, $5 request id; set_role has $6, the role. `others` are accounts
 * that are locked besides those asked for. Locks are taken in the order of the ids, so that two of these wait for
 * each other instead of blocking each other. */
#define ASKED(others) \
    "WITH asked AS (SELECT a.id, a.ord FROM unnest($1::bigint[]) WITH ORDINALITY AS a(id, ord)), " \
    "locked AS MATERIALIZED (" \
    " SELECT u.id, u.role, u.is_active, u.anonymized_at FROM forge.users u WHERE u.id = ANY ($1::bigint[]) " others \
    " ORDER BY u.id FOR NO KEY UPDATE), "
#define ADMINS_TOO "OR (u.role = 'admin' AND u.is_active)"

/* As if the accounts came one after the other: if no other active administrator would be left, the last of those asked
 * for stays. */
#define SPARED(applies) \
    "spared AS (" \
    " SELECT a.id FROM asked a JOIN locked l ON l.id = a.id WHERE l.role = 'admin' AND l.is_active AND " applies \
    "  AND NOT EXISTS (SELECT FROM locked o WHERE o.role = 'admin' AND o.is_active AND o.id NOT IN (SELECT id FROM" \
    " asked))" \
    " ORDER BY a.ord DESC LIMIT 1), "

/* The outcome of each: `unchanged` is a condition on l, `failed` gives a code or NULL. */
#define JUDGED(unchanged, failed) \
    "judged AS (" \
    " SELECT a.id, a.ord, f.code, l.role, CASE WHEN l.id IS NULL OR l.anonymized_at IS NOT NULL THEN 'not_found'" \
    "  WHEN " unchanged " THEN 'unchanged' WHEN f.code IS NOT NULL THEN 'failed' ELSE 'ok' END AS status" \
    " FROM asked a LEFT JOIN locked l ON l.id = a.id LEFT JOIN LATERAL (SELECT " failed " AS code) f ON true), " \
    "chosen AS (SELECT j.id, j.role FROM judged j WHERE j.status = 'ok' AND NOT $2::boolean), "
#define IF_SPARED "CASE WHEN a.id IN (SELECT id FROM spared) THEN 'last_admin' END"

/* One event for each account that changed, and one for the whole; `events` is a select of event, id, detail. */
#define RECORDED(action, events) \
    FORGE_AUDIT("SELECT e.event, $3::bigint, e.id, $4::inet, $5::text, e.detail FROM (" events                      \
                " UNION ALL SELECT 'admin.bulk', NULL::bigint, jsonb_build_object('action', '" action "'," \
                "  'asked', (SELECT count(*) FROM asked), 'changed', (SELECT count(*) FROM chosen)) WHERE NOT" \
                " $2::boolean" \
                ") AS e(event, id, detail)")
#define RESULTS(revoked) \
    " SELECT (SELECT json_agg(CASE j.status" \
    "  WHEN 'failed' THEN json_build_object('id', j.id, 'status', j.status, 'code', j.code)" \
    "  ELSE json_build_object('id', j.id, 'status', j.status) END ORDER BY j.ord) FROM judged j) AS results, " \
    FORGE_AUDITED ", " revoked " AS _revoked"
#define VOIDED(cte) "(SELECT string_agg('u' || r.id || ':' || r.epoch, ' ') FROM " cte " r)"
#define END_SESSIONS(reason) \
    "ended AS (UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = " reason " FROM chosen c" \
    " WHERE s.user_id = c.id AND s.revoked_at IS NULL), " \
    FORGE_CHANGE_VOID("chosen") ", "

static const forge_stmt_t bulk_activate = {
    "bulk_activate",
    ASKED("")
    JUDGED("l.is_active", "NULL::text")
    "changed AS (UPDATE forge.users u SET is_active = true FROM chosen c WHERE u.id = c.id RETURNING u.id, u.epoch), "
    RECORDED("activate", "SELECT 'admin.user_updated'::text, c.id, jsonb_build_object('to',"
    " jsonb_build_object('is_active', true)) FROM changed c")
    RESULTS(VOIDED("changed"))};

static const forge_stmt_t bulk_deactivate = {
    "bulk_deactivate",
    ASKED(ADMINS_TOO)
    SPARED("true")
    JUDGED("NOT l.is_active", IF_SPARED)
    "changed AS (UPDATE forge.users u SET is_active = false FROM chosen c WHERE u.id = c.id RETURNING u.id, u.epoch), "
    END_SESSIONS("'deactivated'")
    FORGE_STAYS_CLOSED("(SELECT j.id FROM judged j WHERE j.status IN ('ok', 'unchanged') AND NOT $2::boolean)")
    RECORDED("deactivate", "SELECT 'user.deactivated'::text, c.id, jsonb_build_object('by', 'admin') FROM changed c")
    RESULTS(VOIDED("changed"))};

/* $1 ids, $2 dry run, $3 caller, $4 ip, $5 request id, $6 role. */
static const forge_stmt_t bulk_set_role = {
    "bulk_set_role",
    ASKED(ADMINS_TOO)
    SPARED("$6::text <> 'admin'")
    JUDGED("l.role = $6::text", "CASE WHEN l.role = 'guest' THEN 'conflict' WHEN a.id IN (SELECT id FROM spared) THEN"
    " 'last_admin' END")
    "changed AS (UPDATE forge.users u SET role = $6::text FROM chosen c WHERE u.id = c.id RETURNING u.id, u.epoch), "
    RECORDED("set_role", "SELECT 'user.role_changed'::text, c.id, jsonb_build_object('from', o.role, 'to', $6::text)"
    " FROM changed c"
                         " JOIN chosen o ON o.id = c.id")
    RESULTS(VOIDED("changed"))};

static const forge_stmt_t bulk_delete = {
    "bulk_delete",
    ASKED(ADMINS_TOO)
    SPARED("true")
    JUDGED("false", IF_SPARED)
    FORGE_ERASE("chosen") ", "
    RECORDED("delete", "SELECT n.event, c.id, '{}'::jsonb FROM erased c, (VALUES ('admin.user_deleted'),"
    " ('user.anonymized')) AS n(event)")
    RESULTS(VOIDED("erased"))};

static const forge_stmt_t bulk_revoke_sessions = {
    "bulk_revoke_sessions",
    ASKED("")
    JUDGED("false", "NULL::text")
    "changed AS (UPDATE forge.users u SET epoch = u.epoch + 1 FROM chosen c WHERE u.id = c.id RETURNING u.id,"
    " u.epoch), "
    END_SESSIONS("'admin'")
    RECORDED("revoke_sessions", "SELECT 'admin.sessions_revoked'::text, c.id, '{}'::jsonb FROM changed c")
    RESULTS(VOIDED("changed"))};

/* ON CONFLICT DO NOTHING also where two of the rows are in each other's way: the first one wins. Rows that were made
 * are found again by address and name, of which there is one each; x and y are at most one row for the same reason.
 * IN looks into a hash: the planner takes a list of unknown length for a short one, and would compare each with each
 * in a join. The audit events stand in the first row only: a thousand of them in each of a thousand rows are 200 MB.
 * $1 rows, $2 first, $3 actor, $4 ip, $5 request id. */
static const forge_stmt_t accounts_import = {
    "accounts_import",
    "WITH given AS MATERIALIZED ("
    " SELECT g.*, lower(g.username COLLATE \"C\") AS name_key FROM jsonb_to_recordset($1::jsonb) AS g(\"row\" integer,"
    " email text, email_key text, username text, full_name text, role text,"
    "  password_hash text)), "
    "made AS ("
    " INSERT INTO forge.users (email, email_key, username, full_name, role, password_hash)"
    " SELECT email, email_key, username, full_name, role, password_hash FROM given g"
    " WHERE NOT " FORGE_EMAIL_KEPT("g.email_key", "0") " AND NOT " FORGE_USERNAME_WAS("g.username", "NULL::bigint")
    " ORDER BY \"row\""
    " ON CONFLICT DO NOTHING RETURNING id, email_key, username, role), "
    "matched AS ("
    " SELECT DISTINCT ON (m.id) m.id, m.role, g.email_key, g.name_key, g.\"row\" FROM made m"
    " JOIN given g ON g.email_key = m.email_key AND g.username = m.username ORDER BY m.id, g.\"row\"), "
    FORGE_AUDIT("SELECT e.event, $3::bigint, e.id, $4::inet, $5::text, e.detail FROM ("
                " SELECT 'admin.user_created'::text, m.id, jsonb_build_object('role', m.role, 'by', 'import') FROM"
                " matched m"
                " UNION ALL SELECT 'admin.import', NULL::bigint, jsonb_build_object('rows', (SELECT count(*) FROM"
                " given),"
                "  'created', (SELECT count(*) FROM made)) WHERE $2::boolean) AS e(event, id, detail)")
    " SELECT g.\"row\", m.id, CASE WHEN m.id IS NOT NULL THEN NULL"
    "  WHEN x.id IS NOT NULL OR g.email_key IN (SELECT email_key FROM matched) OR "
    FORGE_EMAIL_KEPT("g.email_key", "0") " THEN 'email_taken'"
    "  WHEN y.id IS NOT NULL OR g.name_key IN (SELECT name_key FROM matched)"
    "   OR " FORGE_USERNAME_WAS("g.username", "NULL::bigint") " THEN 'username_taken'"
    "  ELSE 'conflict' END AS code,"
    " CASE WHEN g.\"row\" = (SELECT min(\"row\") FROM given) THEN " FORGE_AUDIT_JSON " END AS _audit"
    " FROM given g LEFT JOIN matched m ON m.\"row\" = g.\"row\""
    " LEFT JOIN forge.users x ON x.email_key = g.email_key"
    " LEFT JOIN forge.users y ON lower(y.username COLLATE \"C\") = g.name_key"
    " ORDER BY g.\"row\""};

/* clang-format on */

forge_status_t forge_store_accounts_bulk(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const forge_bulk_t *bulk, forge_rows_t **rows)
{
    static const forge_stmt_t *const statements[] = {
        [FORGE_BULK_ACTIVATE] = &bulk_activate,
        [FORGE_BULK_DEACTIVATE] = &bulk_deactivate,
        [FORGE_BULK_SET_ROLE] = &bulk_set_role,
        [FORGE_BULK_REVOKE_SESSIONS] = &bulk_revoke_sessions,
    };
    forge_args_t args = FORGE_ARGS(bulk->ids, bulk->dry_run ? "t" : "f", forge_util_itoa(p, by->id),
                                   forge_store_ip(p, by->ip), by->request_id, bulk->role);
    if (bulk->action != FORGE_BULK_SET_ROLE)
        args.count--; /* the other actions have no role */
    if (bulk->action == FORGE_BULK_DELETE)
        return forge_store_in_turn(db, p, &forge_store_hold_deleted, &bulk_delete, args, rows);
    return forge_store_run(db, p, statements[bulk->action], args, rows);
}

forge_status_t forge_store_accounts_import(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const char *accounts,
                                           bool first, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(accounts, first ? "t" : "f", forge_util_itoa(p, by->id), forge_store_ip(p, by->ip), by->request_id);
    return forge_store_run(db, p, &accounts_import, args, rows);
}
