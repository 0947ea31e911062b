/* SPDX-License-Identifier: Apache-2.0
 * Sessions, refresh tokens and tickets: each function is one statement that decides, changes and writes its audit event
 * together.
 */
#include "identity_private.h"

/* clang-format off */

/* Locks first (FOR UPDATE): of parallel uses of one token the later ones wait, and then see what the first has made of
 * it; their snapshots alone would show an unused token. It reads clock_timestamp(), because the transaction of one that
 * waited began before the token was used. Unique indexes allow one live token for a session and one successor for a
 * token as well, so a chain cannot fork.
 * $1 token's sha256, $2 its successor's, $3 microseconds that both live, $4 microseconds of the window, $5 ip, $6
 * request id. */
static const forge_stmt_t session_refresh = {
    "session_refresh",
    "WITH found AS MATERIALIZED ("
    " SELECT t.id, t.session_id, t.used_at, t.expires_at AS token_end, s.user_id, s.amr, s.revoked_at, s.expires_at AS"
    " session_end"
    " FROM forge.refresh_tokens t JOIN forge.sessions s ON s.id = t.session_id"
    " WHERE t.sha256 = decode($1, 'hex') FOR NO KEY UPDATE OF t, s), "
    "judged AS MATERIALIZED ("
    " SELECT f.*, CASE"
    "  WHEN f.revoked_at IS NOT NULL OR f.session_end <= clock_timestamp() OR NOT u.is_active THEN 'ended'"
    "  WHEN f.used_at IS NULL AND f.token_end <= clock_timestamp() THEN 'ended'"
    "  WHEN f.used_at IS NULL THEN 'fresh'"
    "  WHEN clock_timestamp() < f.used_at + $4::bigint * interval '1 microsecond' THEN 'again'"
    "  ELSE 'reused' END AS verdict"
    " FROM found f JOIN forge.users u ON u.id = f.user_id), "
    "spent AS ("
    " UPDATE forge.refresh_tokens t SET used_at = clock_timestamp() FROM judged j"
    " WHERE t.id = j.id AND t.used_at IS NULL AND j.verdict = 'fresh' RETURNING t.id, t.session_id), "
    "touched AS ("
    " UPDATE forge.sessions s SET last_seen_at = now(),"
    "  expires_at = least(now() + $3::bigint * interval '1 microsecond', s.created_at + " FORGE_SESSION_LIFE ")"
    " FROM spent t WHERE s.id = t.session_id RETURNING s.id, s.expires_at, t.id AS spent_id), "
    "successor AS ("
    " INSERT INTO forge.refresh_tokens (session_id, predecessor_id, sha256, expires_at)"
    " SELECT id, spent_id, decode($2, 'hex'), expires_at FROM touched), "
    "ended AS ("
    " UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = 'refresh_reused' FROM judged j"
    " WHERE s.id = j.session_id AND j.verdict = 'reused' RETURNING s.id, s.user_id), "
    FORGE_AUDIT("SELECT 'session.refresh_reused', user_id, user_id, $5::inet, $6, jsonb_build_object('session_id', id)"
    " FROM ended") " "
    "SELECT " BARE_USER ", j.session_id AS _session_id, u.epoch AS _epoch, array_to_string(j.amr, ' ') AS _amr,"
    " coalesce(j.verdict, 'unknown') AS _verdict, " FORGE_AUDITED ", (SELECT 's' || id FROM ended) AS _revoked "
    "FROM (VALUES (1)) AS one LEFT JOIN judged j ON true LEFT JOIN forge.users u ON u.id = j.user_id"};

static const forge_list_order_t newest_first[] = {{"-id", "s.id DESC", "s.id <"
" $%d::bigint", NULL}, {NULL, NULL, NULL, NULL}};

#define LIVE_OF(account) "s.user_id = " account "::bigint AND s.revoked_at IS NULL AND s.expires_at > now()"

const forge_list_t forge_store_sessions_list = {
    "session_list",
    "SELECT s.id, s.device_name, s.user_agent, host(s.ip) AS ip, s.created_at, s.last_seen_at, s.id = $2::bigint AS"
    " current"
    " FROM forge.sessions s WHERE " LIVE_OF("$1"),
    "SELECT count(*) FROM forge.sessions s WHERE $2::bigint IS NOT NULL AND " LIVE_OF("$1"),
    2, NULL, newest_first};

/* The login is when the session was created. Strictly less: with 0 no login is fresh. */
static const forge_stmt_t session_fresh = {
    "session_fresh",
    "SELECT now() - s.created_at < $3::bigint * interval '1 microsecond' AS fresh"
    " FROM forge.sessions s WHERE s.id = $2::bigint AND " LIVE_OF("$1")};

static const forge_stmt_t session_logout = {
    "session_logout",
    "WITH ended AS ("
    " UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = 'logout'"
    " WHERE s.id = $2::bigint AND s.user_id = $1::bigint AND s.revoked_at IS NULL RETURNING s.id, s.user_id), "
    FORGE_AUDIT("SELECT 'user.logout', user_id, user_id, $3::inet, $4, jsonb_build_object('session_id', id) FROM"
    " ended") " "
    "SELECT " FORGE_AUDITED ", (SELECT 's' || id FROM ended) AS _revoked"};

/* The audit event is written even if no session was left, because somebody asked for it. */
static const forge_stmt_t session_logout_all = {
    "session_logout_all",
    "WITH ended AS ("
    " UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = 'logout_all' WHERE " LIVE_OF("$1") " RETURNING"
    " s.id), "
    FORGE_CHANGE_VOID("(SELECT $1::bigint AS id)") ", "
    FORGE_AUDIT("SELECT 'user.logout_all', $1::bigint, $1::bigint, $2::inet, $3,"
                " jsonb_build_object('sessions', (SELECT count(*) FROM ended))") " "
    "SELECT " FORGE_AUDITED ", (SELECT string_agg('s' || id, ' ') FROM ended) AS _revoked"};

static const forge_stmt_t session_revoke = {
    "session_revoke",
    "WITH ended AS ("
    " UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = 'revoked'"
    " WHERE s.id = $2::bigint AND " LIVE_OF("$1") " RETURNING s.id, s.user_id), "
    FORGE_AUDIT("SELECT 'session.revoked', user_id, user_id, $3::inet, $4, jsonb_build_object('session_id', id) FROM"
    " ended") " "
    "SELECT (SELECT id FROM ended) AS id, " FORGE_AUDITED ", (SELECT 's' || id FROM ended) AS _revoked"};

static const forge_stmt_t ticket_create = {
    "ticket_create",
    "INSERT INTO forge.stream_tickets (sha256, session_id, expires_at, valid_until)"
    " SELECT decode($3, 'hex'), s.id, now() + " FORGE_INTERVAL(FORGE_TICKET_SECONDS, "seconds") ", $4::timestamptz"
    " FROM forge.sessions s WHERE s.id = $2::bigint AND " LIVE_OF("$1")
    " RETURNING session_id"};

/* The role is the current one: a ticket gives no more rights than its owner has now. */
static const forge_stmt_t ticket_spend = {
    "ticket_spend",
    "WITH spent AS (DELETE FROM forge.stream_tickets WHERE sha256 = decode($1, 'hex') RETURNING session_id,"
    " expires_at, valid_until) "
    "SELECT u.id AS user_id, s.id AS session_id, u.role, u.epoch, array_to_string(s.amr, ' ') AS amr, t.valid_until"
    " FROM spent t JOIN forge.sessions s ON s.id = t.session_id JOIN forge.users u ON u.id = s.user_id"
    " WHERE t.expires_at > now() AND t.valid_until > now() AND s.revoked_at IS NULL AND s.expires_at > now() AND"
    " u.is_active"};

/* clang-format on */

/* --- refresh --- */

static forge_status_t verdict_status(const char *verdict)
{
    if (strcmp(verdict, "fresh") == 0 || strcmp(verdict, "again") == 0)
        return FORGE_OK;
    return strcmp(verdict, "reused") == 0 ? FORGE_E_REFRESH_REUSED : FORGE_E_INVALID_REFRESH;
}

forge_status_t forge_store_session_refresh(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                           const forge_refresh_t *refresh, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(refresh->sha256, refresh->next_sha256, forge_util_itoa(p, refresh->ttl),
                   forge_util_itoa(p, refresh->window), forge_store_ip(p, by->ip), by->request_id);
    FORGE_TRY(forge_store_run(db, p, &session_refresh, args, rows));
    return verdict_status(forge_store_rows_text(*rows, 0, "_verdict"));
}

/* --- its login --- */

forge_status_t forge_store_session_fresh(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         apr_interval_time_t most)
{
    forge_rows_t *rows;
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), forge_util_itoa(p, by->session_id), forge_util_itoa(p, most));
    FORGE_TRY(forge_store_run(db, p, &session_fresh, args, &rows));
    if (forge_store_rows_count(rows) == 0)
        return FORGE_E_INVALID_TOKEN;
    return forge_store_rows_bool(rows, 0, "fresh") ? FORGE_OK : FORGE_E_STEP_UP;
}

/* --- ends --- */

forge_status_t forge_store_session_logout(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), forge_util_itoa(p, by->session_id),
                                         forge_store_ip(p, by->ip), by->request_id);
    return forge_store_run(db, p, &session_logout, args, NULL);
}

forge_status_t forge_store_session_logout_all(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), forge_store_ip(p, by->ip), by->request_id);
    return forge_store_run(db, p, &session_logout_all, args, NULL);
}

forge_status_t forge_store_session_revoke(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id)
{
    forge_rows_t *rows;
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), forge_util_itoa(p, id), forge_store_ip(p, by->ip), by->request_id);
    FORGE_TRY(forge_store_run(db, p, &session_revoke, args, &rows));
    return forge_store_rows_text(rows, 0, "id") ? FORGE_OK : FORGE_E_NOT_FOUND;
}

/* --- tickets --- */

forge_status_t forge_store_ticket_create(forge_db_t *db, apr_pool_t *p, const forge_who_t *by, const char *sha256)
{
    forge_rows_t *rows;
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->user_id), forge_util_itoa(p, by->session_id), sha256,
                                         forge_util_time(p, by->expires, 6));
    FORGE_TRY(forge_store_run(db, p, &ticket_create, args, &rows));
    return forge_store_rows_count(rows) > 0 ? FORGE_OK : FORGE_E_INVALID_TOKEN;
}

forge_status_t forge_store_ticket_spend(forge_db_t *db, apr_pool_t *p, const char *sha256, forge_rows_t **rows)
{
    return forge_store_run(db, p, &ticket_spend, FORGE_ARGS(sha256), rows);
}
