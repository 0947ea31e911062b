/* SPDX-License-Identifier: Apache-2.0
 * New passwords: by a reset token and by someone who is logged in. Each is one statement that also ends sessions
 * (SECURITY 33, 34).
 */
#include "identity_private.h"

/* clang-format off */

static const forge_stmt_t owner = {
    "password_owner",
    "SELECT email AS _email, email_key AS _email_key, username, password_changed_at AS _set_at FROM forge.users"
    " WHERE id = $1::bigint AND is_active AND role <> 'guest'"};

/* As forge_store_hold_account, by a token. */
static const forge_stmt_t hold_by_token = {
    "password_hold_by_token",
    "SELECT u.id FROM forge.one_time_tokens t JOIN forge.users u ON u.id = t.user_id WHERE t.sha256 = decode($1, 'hex')"
    " FOR NO KEY UPDATE OF u"};

/* Whoever knew the old password is out: sessions end, API keys are deleted, and the new epoch voids every access token.
 * Whoever has the mailbox may log in at once, even if guesses of others have locked the account.
 * $1 token's sha256, $2 password hash, $3 sender, $4 payload, $5 ip, $6 request id. */
static const forge_stmt_t reset = {
    "password_reset",
    "WITH spent AS ("
    " UPDATE forge.one_time_tokens SET used_at = now() WHERE sha256 = decode($1, 'hex') AND kind = 'reset'"
    " AND used_at IS NULL AND expires_at > now() RETURNING user_id), "
    "changed AS ("
    " UPDATE forge.users u SET password_hash = $2, password_changed_at = clock_timestamp(), epoch = u.epoch + 1 FROM"
    " spent"
    " WHERE u.id = spent.user_id AND u.is_active AND u.role <> 'guest' RETURNING u.id, u.email, u.epoch), "
    "void AS ("
    " UPDATE forge.one_time_tokens t SET used_at = now() FROM changed c"
    " WHERE t.user_id = c.id AND t.kind <> 'reset' AND t.used_at IS NULL), "
    "keys AS (DELETE FROM forge.api_keys k USING changed c WHERE k.user_id = c.id RETURNING k.id), "
    FORGE_FACTORS_DROPPED("changed", "false") ", "
    "unlocked AS (DELETE FROM forge.login_failures f USING changed c WHERE f.subject IN "
    FORGE_GUESS_SUBJECTS("c.id") "), "
    "ended AS ("
    " UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = 'password_reset' FROM changed c"
    " WHERE s.user_id = c.id AND s.revoked_at IS NULL RETURNING s.id), "
    FORGE_MAIL("SELECT 'password_changed_notice', $3, email, id, $4 FROM changed WHERE $3::text IS NOT NULL") ", "
    FORGE_AUDIT("SELECT 'password.reset', id, id, $5::inet, $6,"
                " jsonb_build_object('sessions', (SELECT count(*) FROM ended), 'api_keys', (SELECT count(*) FROM"
                " keys), 'factors', (SELECT count(*) FROM dropped)) FROM changed") " "
    "SELECT c.id AS _user_id, concat_ws(' ', (SELECT string_agg('s' || id, ' ') FROM ended), 'u' || c.id || ':' ||"
    " c.epoch) AS _revoked, "
    FORGE_AUDITED " FROM changed c"};

/* The epoch stays, so that this session keeps its access token. The tokens of the other sessions end with them.
 * $1 account, $2 session, $3 password hash, $4 sender, $5 payload, $6 ip, $7 request id, $8 when the old password had
 * been set. */
static const forge_stmt_t change = {
    "password_change",
    "WITH changed AS ("
    " UPDATE forge.users u SET password_hash = $3, password_changed_at = clock_timestamp() FROM forge.sessions mine"
    " WHERE u.id = $1::bigint AND u.is_active AND mine.id = $2::bigint AND mine.user_id = u.id AND mine.revoked_at IS"
    " NULL"
    " AND mine.expires_at > now() AND ($8::text IS NULL OR u.password_changed_at = $8::timestamptz) RETURNING u.id,"
    " u.email), "
    "void AS (UPDATE forge.one_time_tokens t SET used_at = now() FROM changed c WHERE t.user_id = c.id AND t.used_at"
    " IS NULL), "
    "pending AS (DELETE FROM forge.login_challenges l USING changed c WHERE l.user_id = c.id), "
    "ended AS ("
    " UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = 'password_change' FROM changed c"
    " WHERE s.user_id = c.id AND s.id <> $2::bigint AND s.revoked_at IS NULL RETURNING s.id), "
    FORGE_MAIL("SELECT 'password_changed_notice', $4, email, id, $5 FROM changed WHERE $4::text IS NOT NULL") ", "
    FORGE_AUDIT("SELECT 'password.changed', id, id, $6::inet, $7,"
                " jsonb_build_object('sessions', (SELECT count(*) FROM ended)) FROM changed") " "
    "SELECT c.id AS _user_id, (SELECT string_agg('s' || id, ' ') FROM ended) AS _revoked, " FORGE_AUDITED " FROM"
    " changed c"};

/* clang-format on */

forge_status_t forge_store_password_owner(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, forge_rows_t **rows)
{
    return forge_store_run(db, p, &owner, FORGE_ARGS(forge_util_itoa(p, user_id)), rows);
}

forge_status_t forge_store_password_reset(forge_db_t *db, apr_pool_t *p, const forge_one_time_t *in)
{
    const forge_args_t args = FORGE_ARGS(in->sha256, in->password_hash, in->mail.sender, in->mail.payload,
                                         forge_store_ip(p, in->ip), in->request_id);
    forge_rows_t *rows;
    FORGE_TRY(forge_store_in_turn(db, p, &hold_by_token, &reset, args, &rows));
    return forge_store_rows_count(rows) > 0 ? FORGE_OK : FORGE_E_TOKEN_INVALID;
}

forge_status_t forge_store_password_change(forge_db_t *db, apr_pool_t *p, const forge_one_time_t *in)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, in->user_id), forge_util_itoa(p, in->session_id), in->password_hash,
                   in->mail.sender, in->mail.payload, forge_store_ip(p, in->ip), in->request_id, in->set_at);
    forge_rows_t *rows;
    FORGE_TRY(forge_store_in_turn(db, p, &forge_store_hold_account, &change, args, &rows));
    return forge_store_rows_count(rows) > 0 ? FORGE_OK : FORGE_E_INVALID_TOKEN;
}
