/* SPDX-License-Identifier: Apache-2.0
 * What a person may ask about their account as a whole: a copy of everything, to leave, and to be forgotten.
 */
#include "admin_sql.h"
#include "users.h"
#include <apr_strings.h>
#include <string.h>

enum { BATCH = 100 }; /* accounts in one statement at most */

/* clang-format off */

/* The members of the export, one row each, in the order of the document: the account itself, and what is only counted.
 * A member without content has rows of its own, which the two statements below read: those of forge.personal and the
 * audit log. The log shows the ten thousand newest events of that moment, downwards from _newest. The address of
 * another person who did something is that person's and is left out. */
static const forge_stmt_t account_export = {
    "account_export",
    "WITH who AS (SELECT * FROM forge.users WHERE id = $1::bigint AND is_active), "
    "newest AS (SELECT coalesce(max(a.id), 0) AS id FROM forge.audit_events a), "
    FORGE_AUDIT("SELECT 'user.exported', w.id, w.id, $2::inet, $3::text, '{}'::jsonb FROM who w")
    " SELECT m.member, m.content, (SELECT n.id FROM newest n) AS _newest,"
    "  CASE WHEN m.part = 0 THEN " FORGE_AUDIT_JSON " END AS _audit FROM ("
    "SELECT 0 AS part, 0 AS number, 'account' AS member, json_build_object("
    "  'id', u.id, 'email', u.email, 'username', u.username, 'full_name', u.full_name, 'bio', u.bio,"
    "  'avatar_url', u.avatar_url, 'locale', u.locale, 'timezone', u.timezone, 'role', u.role,"
    "  'email_verified', u.email_verified, 'password_changed_at', forge.instant(u.password_changed_at),"
    "  'terms_accepted_at', forge.instant(u.terms_accepted_at),"
    "  'privacy_accepted_at', forge.instant(u.privacy_accepted_at), 'last_login_at', forge.instant(u.last_login_at),"
    "  'last_login_ip', host(u.last_login_ip), 'created_at', forge.instant(u.created_at),"
    "  'updated_at', forge.instant(u.updated_at)) AS content FROM who u"
    " UNION ALL SELECT 1, e.number, e.export_as, NULL FROM forge.personal e WHERE e.export_select IS NOT NULL"
    " UNION ALL SELECT 2, 0, 'backup_codes_left', to_json(count(*)) FROM who u, forge.mfa_backup_codes b"
    "  WHERE b.user_id = u.id AND b.used_at IS NULL"
    " UNION ALL SELECT 3, 0, 'audit_event_count', to_json(count(*)) FROM who u, forge.audit_events a"
    "  WHERE a.actor_id = u.id OR a.subject_id = u.id"
    " UNION ALL SELECT 4, 0, 'audit_events', NULL"
    " UNION ALL SELECT 5, 0, 'exported_at', to_json(forge.instant(clock_timestamp())) FROM who u"
    ") m WHERE EXISTS (SELECT FROM who) ORDER BY m.part, m.number"};

/* The rows behind a key, and one of NULLs where they are the last. $1 caller, $2 member, $3 key. */
static const forge_stmt_t export_rows = {
    "export_rows",
    "SELECT content, key FROM forge.export_piece($1::bigint, $2::name, $3::bigint, " APR_STRINGIFY(FORGE_EXPORT_BYTES)
    ")"};

/* $1 caller, $2 newest event, $3 rows to skip. */
static const forge_stmt_t export_events = {
    "export_events",
    "SELECT row_to_json(x) AS content FROM ("
    "  SELECT a.id, forge.instant(a.at) AS at, a.event, a.actor_id, a.subject_id,"
    "   CASE WHEN coalesce(a.actor_id, $1::bigint) = $1::bigint THEN host(a.ip) END AS ip, a.request_id, a.detail"
    "  FROM forge.audit_events a WHERE (a.actor_id = $1::bigint OR a.subject_id = $1::bigint) AND a.id <= $2::bigint"
    "  ORDER BY a.id DESC LIMIT 10000) x OFFSET $3::bigint LIMIT " APR_STRINGIFY(FORGE_EXPORT_EVENTS)};

/* $1 caller, $2 ip, $3 request id. */
static const forge_stmt_t account_leave = {
    "account_leave",
    "WITH locked AS MATERIALIZED ("
    " SELECT u.id, u.role, u.is_active FROM forge.users u WHERE (u.id = $1::bigint OR u.role = 'admin') AND u.is_active"
    " ORDER BY u.id FOR NO KEY UPDATE), "
    "verdict AS ("
    " SELECT l.id, CASE WHEN l.role = 'admin' AND NOT EXISTS (SELECT FROM locked o WHERE o.id <> l.id AND o.role ="
    " 'admin')"
    "  THEN 'last_admin' ELSE 'ok' END AS outcome FROM locked l WHERE l.id = $1::bigint), "
    "changed AS ("
    " UPDATE forge.users u SET is_active = false, erase_at = now() + " FORGE_INTERVAL(FORGE_ERASE_DAYS, "days")
    " FROM verdict v WHERE u.id = v.id AND v.outcome = 'ok' RETURNING u.id, u.epoch, u.erase_at), "
    "ended AS ("
    " UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = 'deactivated' FROM changed c"
    " WHERE s.user_id = c.id AND s.revoked_at IS NULL), "
    FORGE_AUDIT("SELECT 'user.deactivated', c.id, c.id, $2::inet, $3::text,"
                " jsonb_build_object('by', 'owner', 'erase_at', forge.instant(c.erase_at)) FROM changed c")
    " SELECT v.outcome AS _outcome, " FORGE_AUDITED ", " FORGE_REVOKED_USERS("changed") " FROM verdict v"};

const forge_stmt_t forge_store_hold_deleted = {
    "deleted_hold",
    "SELECT u.id FROM forge.users u WHERE u.id = ANY ($1::bigint[]) OR (u.role = 'admin' AND u.is_active)"
    " ORDER BY u.id FOR NO KEY UPDATE"};

/* $1 account (an array), $2 caller, $3 versions, $4 ip, $5 request id. */
static const forge_stmt_t account_delete = {
    "account_delete",
    "WITH locked AS MATERIALIZED ("
    " SELECT u.id, u.role, u.is_active, u.version FROM forge.users u"
    " WHERE (u.id = ANY ($1::bigint[]) AND u.anonymized_at IS NULL) OR (u.role = 'admin' AND u.is_active)"
    " ORDER BY u.id FOR NO KEY UPDATE), "
    "verdict AS ("
    " SELECT l.id, CASE"
    "  WHEN NOT ($3::text IS NULL OR l.version = ANY ($3::bigint[])) THEN 'stale'"
    "  WHEN l.role = 'admin' AND l.is_active AND NOT EXISTS ("
    "   SELECT FROM locked o WHERE o.id <> l.id AND o.role = 'admin' AND o.is_active) THEN 'last_admin'"
    "  ELSE 'ok' END AS outcome FROM locked l WHERE l.id = ANY ($1::bigint[])), "
    "chosen AS (SELECT id FROM verdict WHERE outcome = 'ok'), "
    FORGE_ERASE("chosen") ", "
    FORGE_AUDIT("SELECT e.event, $2::bigint, c.id, $4::inet, $5::text, '{}'::jsonb"
                " FROM erased c, (VALUES ('admin.user_deleted'), ('user.anonymized')) AS e(event)")
    " SELECT v.outcome AS _outcome, " FORGE_AUDITED ", " FORGE_REVOKED_USERS("erased") " FROM verdict v"};

/* Skips rows that another node is working on. */
#define ERASE_DUE(order, most) \
    "WITH due AS MATERIALIZED (" \
    " SELECT id FROM forge.users WHERE erase_at < now() ORDER BY " order " LIMIT " most \
    " FOR NO KEY UPDATE SKIP LOCKED), " \
    FORGE_ERASE("due") ", " \
    FORGE_AUDIT("SELECT 'user.anonymized', NULL::bigint, c.id, NULL::inet, NULL::text, '{}'::jsonb FROM erased c") \
    " SELECT (SELECT count(*) FROM erased) AS n, " FORGE_AUDITED ", " FORGE_REVOKED_USERS("erased")
/* $1 how many. */
static const forge_stmt_t accounts_erase = {"accounts_erase", ERASE_DUE("erase_at", "$1::bigint")};
static const forge_stmt_t accounts_erase_any = {"accounts_erase_any", ERASE_DUE("random()", "1")};

/* clang-format on */

forge_status_t forge_store_account_export(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), forge_store_ip(p, by->ip), by->request_id);
    FORGE_TRY(forge_store_run(db, p, &account_export, args, rows));
    return forge_store_rows_count(*rows) ? FORGE_OK : FORGE_E_INVALID_TOKEN;
}

/* The triggers decide about owners in the end, because they see what others have just committed. */
static forge_status_t owner_judge(const forge_db_t *db, forge_status_t status)
{
    bool owner = status == FORGE_E_VALIDATION && strcmp(forge_store_constraint(db), "memberships_last_owner") == 0;
    return owner ? FORGE_E_LAST_OWNER : status;
}

forge_status_t forge_store_account_export_rows(forge_db_t *db, apr_pool_t *p, apr_int64_t id,
                                               forge_export_piece_t *piece, forge_rows_t **rows)
{
    bool events = strcmp(piece->member, "audit_events") == 0;
    const char *what = events ? forge_util_itoa(p, piece->newest) : piece->member;
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, id), what, forge_util_itoa(p, piece->after));
    FORGE_TRY(forge_store_run(db, p, events ? &export_events : &export_rows, args, rows));
    const int count = forge_store_rows_count(*rows);
    piece->over = events ? count < FORGE_EXPORT_EVENTS : !count || !forge_store_rows_text(*rows, count - 1, "content");
    piece->count = events || !piece->over ? count : count - 1;
    if (events)
        piece->after += count;
    else if (piece->count)
        piece->after = forge_store_rows_int(*rows, piece->count - 1, "key", 0);
    return FORGE_OK;
}

forge_status_t forge_store_account_leave(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by)
{
    forge_rows_t *rows;
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), forge_store_ip(p, by->ip), by->request_id);
    FORGE_TRY(owner_judge(db, forge_store_run(db, p, &account_leave, args, &rows)));
    return forge_store_account_judge(rows, FORGE_E_INVALID_TOKEN);
}

forge_status_t forge_store_account_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                          const char *if_version)
{
    forge_rows_t *rows;
    const forge_args_t args = FORGE_ARGS(apr_psprintf(p, "{%" APR_INT64_T_FMT "}", id), forge_util_itoa(p, by->id),
                                         if_version, forge_store_ip(p, by->ip), by->request_id);
    FORGE_TRY(forge_store_in_turn(db, p, &forge_store_hold_deleted, &account_delete, args, &rows));
    return forge_store_account_judge(rows, FORGE_E_NOT_FOUND);
}

forge_status_t forge_store_accounts_erase(forge_db_t *db, apr_pool_t *p)
{
    return forge_store_in_batches(db, p, &accounts_erase, BATCH);
}

forge_status_t forge_store_accounts_erase_any(forge_db_t *db, apr_pool_t *p)
{
    forge_rows_t *rows;
    return forge_store_run(db, p, &accounts_erase_any, FORGE_NO_ARGS, &rows);
}
