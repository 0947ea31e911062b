/* SPDX-License-Identifier: Apache-2.0
 * Accounts and their sessions: each function is one statement that checks, changes and writes its audit event together.
 */
#include "store.h"
#include <apr_strings.h>
#include <string.h>

/* clang-format off */

/* The members of an account as the public API shows it to itself; the table is called u in every statement here. */
#define BARE_USER                                                                                                    \
    "u.id, u.email, u.username, u.full_name, u.bio, u.avatar_url, u.role, u.is_active, u.email_verified, u.locale, " \
    "u.timezone, u.created_at, u.updated_at"

/* A session and its first refresh token for the account in the CTE `who`; nothing when there is no token (`hash` NULL). A session lives
 * 720 h at most, whatever the token's own life (SECURITY 36; CHECK sessions_absolute_life). */
#define OPEN_SESSION(hash, expires, device, agent, ip, amr)                                                       \
    "opened AS ("                                                                                                 \
    " INSERT INTO forge.sessions (user_id, device_name, user_agent, ip, amr, expires_at)"                         \
    " SELECT id, " device ", " agent ", " ip "::inet, string_to_array(coalesce(" amr ", 'pwd'), ' '),"            \
    "  least(" expires "::timestamptz, now() + interval '720 hours')"                                             \
    " FROM who WHERE " hash "::text IS NOT NULL RETURNING id, expires_at), "                                      \
    "token AS ("                                                                                                  \
    " INSERT INTO forge.refresh_tokens (session_id, sha256, expires_at)"                                          \
    " SELECT id, decode(" hash ", 'hex'), expires_at FROM opened)"

/* ON CONFLICT instead of an error: a caller's transaction stays alive, and the database's log quiet. */
static const forge_stmt_t user_create = {
    "user_create",
    "WITH who AS ("
    " INSERT INTO forge.users (email, email_key, username, full_name, role, password_hash, terms_accepted_at, privacy_accepted_at,"
    "  last_login_at, last_login_ip)"
    " VALUES ($1, $2, $3, $4, coalesce($5, 'student'), $6, $7::timestamptz, $8::timestamptz,"
    "  CASE WHEN $9::text IS NOT NULL THEN now() END, CASE WHEN $9::text IS NOT NULL THEN $13::inet END)"
    " ON CONFLICT DO NOTHING RETURNING *), "
    OPEN_SESSION("$9", "$10", "$11", "$12", "$13", "$14") ", "
    "verify AS ("
    " INSERT INTO forge.one_time_tokens (user_id, kind, sha256, email, email_key, expires_at)"
    " SELECT id, 'verify', decode($17, 'hex'), email, email_key, now() + interval '24 hours' FROM who WHERE $17::text IS NOT NULL), "
    FORGE_MAIL("SELECT 'verify', $18, email, id, $19 FROM who WHERE $17::text IS NOT NULL") ", "
    "audit AS ("
    " INSERT INTO forge.audit_events (event, actor_id, subject_id, ip, request_id, detail)"
    " SELECT $16::text, CASE WHEN $16 = 'user.registered' THEN id END, id, $13::inet, $15, jsonb_build_object('role', role) FROM who) "
    "SELECT " BARE_USER ", o.id AS _session_id, u.epoch AS _epoch, u.version AS _version,"
    " CASE WHEN u.id IS NOT NULL THEN 'ok'"
    "  WHEN EXISTS (SELECT FROM forge.users x WHERE x.email_key = $2) THEN 'email_taken'"
    "  WHEN EXISTS (SELECT FROM forge.users x WHERE lower(x.username COLLATE \"C\") = lower($3 COLLATE \"C\")) THEN 'username_taken'"
    "  ELSE 'raced' END AS _outcome "
    "FROM (VALUES (1)) AS one LEFT JOIN who u ON true LEFT JOIN opened o ON true",
    19};

static const forge_stmt_t login_by_email = {
    "login_by_email",
    "SELECT " BARE_USER ", u.password_hash AS _password_hash, u.epoch AS _epoch, u.version AS _version FROM forge.users u WHERE u.email_key = $1",
    1};

static const forge_stmt_t login_by_username = {
    "login_by_username",
    "SELECT " BARE_USER ", u.password_hash AS _password_hash, u.epoch AS _epoch, u.version AS _version FROM forge.users u "
    "WHERE lower(u.username COLLATE \"C\") = lower($1 COLLATE \"C\")",
    1};

static const forge_stmt_t login_good = {
    "login",
    "WITH who AS ("
    " UPDATE forge.users SET last_login_at = now(), last_login_ip = $7::inet, password_hash = coalesce($2, password_hash)"
    " WHERE id = $1::bigint AND is_active AND epoch = $10::bigint RETURNING *), "
    OPEN_SESSION("$3", "$4", "$5", "$6", "$7", "$8") ", "
    "audit AS ("
    " INSERT INTO forge.audit_events (event, actor_id, subject_id, ip, request_id, detail)"
    " SELECT 'user.login', id, id, $7::inet, $9,"
    "  jsonb_build_object('amr', coalesce($8, 'pwd'), 'session_id', (SELECT id FROM opened)) FROM who) "
    "SELECT " BARE_USER ", o.id AS _session_id, u.epoch AS _epoch, u.version AS _version FROM who u LEFT JOIN opened o ON true",
    10};

static const forge_stmt_t login_bad = {
    "login_failed",
    "INSERT INTO forge.audit_events (event, subject_id, ip, request_id, detail) "
    "VALUES ('user.login_failed', nullif($1::bigint, 0), $3::inet, $4, jsonb_build_object('identifier', left($2, 254)))",
    4};

/* profile_completion: of e-mail and username (always there), the five free members and a verified address. */
static const forge_stmt_t user_me = {
    "user_me",
    "SELECT " BARE_USER ", json_build_object("
    "  'active', (SELECT count(*) FROM forge.sessions s WHERE s.user_id = u.id AND s.revoked_at IS NULL AND s.expires_at > now()),"
    "  'last_login_at', to_char(u.last_login_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
    "  'last_login_ip', host(u.last_login_ip)) AS sessions,"
    " EXISTS (SELECT FROM forge.mfa_factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL) AS mfa_enabled,"
    " 100 * (2 + num_nonnulls(nullif(u.full_name, ''), nullif(u.bio, ''), nullif(u.avatar_url, ''), nullif(u.locale, ''),"
    "  nullif(u.timezone, ''), nullif(u.email_verified, false))) / 8 AS profile_completion,"
    " u.password_changed_at, u.version AS _version "
    "FROM forge.users u WHERE u.id = $1::bigint AND u.is_active AND EXISTS ("
    " SELECT FROM forge.sessions s WHERE s.id = $2::bigint AND s.user_id = u.id AND s.revoked_at IS NULL AND s.expires_at > now())",
    2};

static const forge_stmt_t user_set_role = {
    "user_set_role",
    "WITH old AS (SELECT id, role FROM forge.users WHERE email_key = $1 FOR NO KEY UPDATE), "
    "changed AS (UPDATE forge.users x SET role = $2 FROM old WHERE x.id = old.id RETURNING x.*), "
    "audit AS ("
    " INSERT INTO forge.audit_events (event, subject_id, detail)"
    " SELECT 'user.role_changed', id, jsonb_build_object('from', role, 'to', $2, 'by', 'forgectl') FROM old) "
    "SELECT " BARE_USER ", old.role AS _old_role, u.version AS _version FROM changed u JOIN old ON old.id = u.id",
    2};

/* A reset from outside ends every session: whoever knew the old password is out (SECURITY 34). */
static const forge_stmt_t user_set_password = {
    "user_set_password",
    "WITH changed AS ("
    " UPDATE forge.users SET password_hash = $2, password_changed_at = now(), epoch = epoch + 1 WHERE email_key = $1 RETURNING *), "
    "ended AS ("
    " UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = 'password_reset' FROM changed c"
    " WHERE s.user_id = c.id AND s.revoked_at IS NULL RETURNING s.id), "
    "audit AS ("
    " INSERT INTO forge.audit_events (event, subject_id, detail)"
    " SELECT 'admin.password_reset', id, jsonb_build_object('by', 'forgectl', 'sessions', (SELECT count(*) FROM ended)) FROM changed) "
    "SELECT " BARE_USER ", (SELECT count(*) FROM ended) AS _ended, u.version AS _version FROM changed u",
    2};

static const forge_stmt_t user_list = {
    "user_list",
    "SELECT " BARE_USER ", u.last_login_at FROM forge.users u WHERE u.id > $1::bigint ORDER BY u.id LIMIT $2::bigint",
    2};

/* clang-format on */

/* An address as inet takes it: without the zone that link-local ones may carry ("fe80::1%eth0"). */
static const char *ip_text(apr_pool_t *p, const char *ip)
{
    const char *zone = ip ? strchr(ip, '%') : NULL;
    return zone ? apr_pstrmemdup(p, ip, (apr_size_t)(zone - ip)) : ip;
}

/* The one way an account comes to be; `event` names who wanted it. */
static forge_status_t create(forge_db_t *db, apr_pool_t *p, const forge_new_user_t *user, const forge_new_session_t *session,
                             const char *event, forge_rows_t **rows)
{
    static const forge_new_session_t none;
    const forge_new_session_t *s = session ? session : &none;
    const char *args[] = {user->email,       user->email_key,  user->username,    user->full_name, user->role,          user->password_hash,
                          user->terms_at,    user->privacy_at, s->refresh_sha256, s->expires_at,   s->device_name,      s->user_agent,
                          ip_text(p, s->ip), s->amr,           s->request_id,     event,           user->verify_sha256, user->mail_sender,
                          user->mail_payload};
    /* "raced": the twin that won was committed after our snapshot; the next one sees it. */
    for (int tries = 0; tries < 3; tries++) {
        FORGE_TRY(forge_store_run(db, p, &user_create, args, rows));
        const char *outcome = forge_store_rows_text(*rows, 0, "_outcome");
        if (strcmp(outcome, "ok") == 0)
            return FORGE_OK;
        if (strcmp(outcome, "email_taken") == 0)
            return FORGE_E_EMAIL_TAKEN;
        if (strcmp(outcome, "username_taken") == 0)
            return FORGE_E_USERNAME_TAKEN;
    }
    return FORGE_E_CONFLICT;
}

forge_status_t forge_store_user_create(forge_db_t *db, apr_pool_t *p, const forge_new_user_t *user, const forge_new_session_t *session,
                                       forge_rows_t **rows)
{
    forge_rows_t *ignored;
    return create(db, p, user, session, session ? "user.registered" : "admin.user_created", rows ? rows : &ignored);
}

forge_status_t forge_store_user_for_login(forge_db_t *db, apr_pool_t *p, const char *email_key, const char *username, forge_rows_t **rows)
{
    const char *args[] = {email_key ? email_key : username};
    return forge_store_run(db, p, email_key ? &login_by_email : &login_by_username, args, rows);
}

forge_status_t forge_store_login(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, apr_int64_t epoch, const char *new_hash,
                                 const forge_new_session_t *session, forge_rows_t **rows)
{
    const char *args[] = {forge_util_itoa(p, user_id), new_hash,
                          session->refresh_sha256,     session->expires_at,
                          session->device_name,        session->user_agent,
                          ip_text(p, session->ip),     session->amr,
                          session->request_id,         forge_util_itoa(p, epoch)};
    return forge_store_run(db, p, &login_good, args, rows);
}

forge_status_t forge_store_login_failed(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, const char *identifier, const char *ip,
                                        const char *request_id)
{
    const char *args[] = {forge_util_itoa(p, user_id), identifier, ip_text(p, ip), request_id};
    return forge_store_run(db, p, &login_bad, args, NULL);
}

forge_status_t forge_store_user_me(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, apr_int64_t session_id, forge_rows_t **rows)
{
    const char *args[] = {forge_util_itoa(p, user_id), forge_util_itoa(p, session_id)};
    return forge_store_run(db, p, &user_me, args, rows);
}

forge_status_t forge_store_first_superuser(forge_db_t *db, apr_pool_t *p, const forge_new_user_t *user, bool *created)
{
    forge_rows_t *rows;
    forge_status_t status = create(db, p, user, NULL, "admin.first_superuser", &rows);
    *created = status == FORGE_OK;
    return status == FORGE_E_EMAIL_TAKEN ? FORGE_OK : status;
}

forge_status_t forge_store_user_set_role(forge_db_t *db, apr_pool_t *p, const char *email_key, const char *role, forge_rows_t **rows)
{
    const char *args[] = {email_key, role};
    return forge_store_run(db, p, &user_set_role, args, rows);
}

forge_status_t forge_store_user_set_password(forge_db_t *db, apr_pool_t *p, const char *email_key, const char *hash, forge_rows_t **rows)
{
    const char *args[] = {email_key, hash};
    return forge_store_run(db, p, &user_set_password, args, rows);
}

forge_status_t forge_store_user_list(forge_db_t *db, apr_pool_t *p, apr_int64_t after_id, int limit, forge_rows_t **rows)
{
    const char *args[] = {forge_util_itoa(p, after_id), forge_util_itoa(p, limit)};
    return forge_store_run(db, p, &user_list, args, rows);
}
