/* SPDX-License-Identifier: Apache-2.0
 * Second factors and backup codes: each change is one statement, and a code is spent by the statement that needs it
 * (SECURITY 38–40).
 */
#include "identity_private.h"

/* clang-format off */

static const forge_stmt_t credentials = {
    "credentials",
    "SELECT u.id, u.username, u.email, u.password_hash AS _password_hash, u.epoch AS _epoch, f.id AS _factor, f.secret"
    " AS _secret,"
    " f.last_step AS _last_step, n.id AS _pending, n.secret AS _pending_secret "
    "FROM forge.users u "
    "LEFT JOIN forge.mfa_factors f ON f.user_id = u.id AND f.confirmed_at IS NOT NULL "
    "LEFT JOIN LATERAL ("
    " SELECT x.id, x.secret FROM forge.mfa_factors x WHERE x.user_id = u.id AND x.confirmed_at IS NULL AND ($2::bigint"
    " = 0 OR x.id = $2::bigint)"
    " ORDER BY x.id DESC LIMIT 1) n ON true "
    "WHERE u.id = $1::bigint AND u.is_active"};

static const forge_stmt_t mfa_setup = {
    "mfa_setup",
    "WITH who AS (SELECT id, email_verified FROM forge.users WHERE id = $1::bigint AND is_active FOR NO KEY UPDATE), "
    "free AS (SELECT * FROM who WHERE NOT EXISTS ("
    " SELECT FROM forge.mfa_factors f WHERE f.user_id = who.id AND f.confirmed_at IS NOT NULL)), "
    "gone AS (DELETE FROM forge.mfa_factors f USING free WHERE f.user_id = free.id AND f.confirmed_at IS NULL), "
    "made AS (INSERT INTO forge.mfa_factors (user_id, secret, email_proven) SELECT id, $2, email_verified FROM free"
    " RETURNING id), "
    FORGE_AUDIT("SELECT 'mfa.setup', $1::bigint, $1::bigint, $3::inet, $4, jsonb_build_object('factor_id', id) FROM"
    " made") " "
    "SELECT (SELECT id FROM made) AS factor_id, " FORGE_AUDITED " FROM who"};

/* The sessions of the account but for this one. */
#define END_OTHERS(reason, from)                                                                                   \
    "ended AS ("                                                                                                   \
    " UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = '" reason "' FROM " from " w"                \
    " WHERE s.user_id = w.user_id AND s.id <> $2::bigint AND s.revoked_at IS NULL RETURNING s.id)"
#define ENDED "(SELECT string_agg('s' || id, ' ') FROM ended) AS _revoked"

/* Deletes what was there before: the codes of an earlier factor, and factors that were never verified.
 * $1 caller, $2 session, $3 factor, $4 time step, $5 MACs of backup codes, $6 ip, $7 request id, $8 sender, $9
 * payload. */
static const forge_stmt_t mfa_enable = {
    "mfa_enable",
    "WITH made AS ("
    " UPDATE forge.mfa_factors f SET confirmed_at = now(), last_step = $4::bigint,"
    "  email_proven = f.email_proven AND u.email_verified"
    " FROM forge.users u WHERE f.id = $3::bigint AND f.user_id = $1::bigint AND f.confirmed_at IS NULL"
    "  AND u.id = f.user_id AND u.is_active"
    " RETURNING f.id, f.user_id), "
    "unused AS (DELETE FROM forge.mfa_factors f USING made WHERE f.user_id = made.user_id AND f.id <> made.id AND"
    " f.confirmed_at IS NULL), "
    "gone AS (DELETE FROM forge.mfa_backup_codes c USING made WHERE c.user_id = made.user_id), "
    "codes AS ("
    " INSERT INTO forge.mfa_backup_codes (user_id, mac) SELECT made.user_id, decode(m, 'hex') FROM made,"
    " unnest($5::text[]) m), "
    "mine AS ("
    " UPDATE forge.sessions s SET amr = array_remove(s.amr, 'otp') || ARRAY['otp'] FROM made"
    " WHERE s.id = $2::bigint AND s.user_id = made.user_id AND s.revoked_at IS NULL RETURNING s.amr), "
    END_OTHERS("mfa_enabled", "made") ", "
    FORGE_MAIL("SELECT 'mfa_enabled_notice', $8, u.email, u.id, $9 FROM made JOIN forge.users u ON u.id = made.user_id"
               " WHERE " FORGE_NOTICE_DUE("$8", "mfa.enabled")) ", "
    FORGE_AUDIT(
        "SELECT 'mfa.enabled', user_id, user_id, $6::inet, $7, jsonb_build_object('factor_id', id, 'sessions', (SELECT"
        " count(*) FROM ended))"
        " FROM made") " "
    "SELECT id, array_to_string((SELECT amr FROM mine), ' ') AS amr, " ENDED ", " FORGE_AUDITED " FROM made"};

/* $1 caller, $2 session, $3 factor, $4 time step, $5 MAC of a backup code, $6 subject of the guess, $7 its address,
 * $8 ip, $9 request id. */
static const forge_stmt_t mfa_use = {
    "mfa_use",
    "WITH " FORGE_CODE_SPENT("$1::bigint", "$3::bigint", "$4::bigint", "$5::text") ", "
    FORGE_GUESS_SETTLE("$6", "$7", "true", "spent") ", "
    "mine AS ("
    " UPDATE forge.sessions s SET amr = array_remove(s.amr, 'otp') || ARRAY['otp'] FROM spent"
    " WHERE s.id = $2::bigint AND s.user_id = $1::bigint AND s.revoked_at IS NULL RETURNING s.amr), "
    FORGE_AUDIT("SELECT 'mfa.backup_used', $1::bigint, $1::bigint, $8::inet, $9, '{}' FROM spent WHERE how ="
    " 'backup'") " "
    "SELECT how, array_to_string((SELECT amr FROM mine), ' ') AS amr, " FORGE_AUDITED " FROM spent"};

/* $1 caller, $2 session, $3 ip, $4 request id, $5 sender, $6 payload. */
static const forge_stmt_t mfa_disable = {
    "mfa_disable",
    "WITH gone AS (DELETE FROM forge.mfa_factors WHERE user_id = $1::bigint AND EXISTS (SELECT FROM"
    " forge.mfa_factors f WHERE f.user_id = $1::bigint AND f.confirmed_at IS NOT NULL) RETURNING user_id,"
    " confirmed_at), "
    "who AS (SELECT user_id FROM gone WHERE confirmed_at IS NOT NULL), "
    "codes AS (DELETE FROM forge.mfa_backup_codes c USING who WHERE c.user_id = who.user_id), "
    "pending AS (DELETE FROM forge.login_challenges c USING who WHERE c.user_id = who.user_id), "
    "mine AS ("
    " UPDATE forge.sessions s SET amr = array_remove(s.amr, 'otp') FROM who"
    " WHERE s.id = $2::bigint AND s.user_id = who.user_id AND s.amr <> '{otp}'), "
    END_OTHERS("mfa_disabled", "who") ", "
    FORGE_MAIL("SELECT 'mfa_disabled_notice', $5, u.email, u.id, $6 FROM who JOIN forge.users u ON u.id = who.user_id"
               " WHERE " FORGE_NOTICE_DUE("$5", "mfa.disabled")) ", "
    FORGE_AUDIT("SELECT 'mfa.disabled', user_id, user_id, $3::inet, $4, jsonb_build_object('sessions', (SELECT"
    " count(*) FROM ended)) FROM who") " "
    "SELECT user_id AS id, " ENDED ", " FORGE_AUDITED " FROM who"};

/* $1 caller, $2 MACs, $3 ip, $4 request id, $5 sender, $6 payload. */
static const forge_stmt_t mfa_codes = {
    "mfa_codes",
    "WITH who AS (SELECT user_id FROM forge.mfa_factors WHERE user_id = $1::bigint AND confirmed_at IS NOT NULL FOR"
    " UPDATE), "
    "gone AS (DELETE FROM forge.mfa_backup_codes c USING who WHERE c.user_id = who.user_id), "
    "codes AS ("
    " INSERT INTO forge.mfa_backup_codes (user_id, mac) SELECT who.user_id, decode(m, 'hex') FROM who,"
    " unnest($2::text[]) m), "
    FORGE_MAIL("SELECT 'backup_codes_notice', $5, u.email, u.id, $6 FROM who JOIN forge.users u ON u.id = who.user_id"
               " WHERE " FORGE_NOTICE_DUE("$5", "mfa.backup_codes")) ", "
    FORGE_AUDIT("SELECT 'mfa.backup_codes', user_id, user_id, $3::inet, $4, '{}' FROM who") " "
    "SELECT user_id AS id, " FORGE_AUDITED " FROM who"};

/* The epoch voids all tokens given before, and the sessions end.
 * $1 account, $2 administrator, $3 ip, $4 request id, $5 sender, $6 payload. */
static const forge_stmt_t mfa_reset = {
    "mfa_reset",
    "WITH who AS (UPDATE forge.users SET epoch = epoch + 1 WHERE id = $1::bigint RETURNING id, epoch, email), "
    "gone AS (DELETE FROM forge.mfa_factors f USING who WHERE f.user_id = who.id RETURNING f.confirmed_at), "
    "codes AS (DELETE FROM forge.mfa_backup_codes c USING who WHERE c.user_id = who.id), "
    "pending AS (DELETE FROM forge.login_challenges c USING who WHERE c.user_id = who.id), "
    "ended AS ("
    " UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = 'mfa_reset' FROM who"
    " WHERE s.user_id = who.id AND s.revoked_at IS NULL RETURNING s.id), "
    FORGE_MAIL("SELECT 'mfa_reset_notice', $5, u.email, u.id, $6 FROM who u WHERE u.email IS NOT NULL AND EXISTS ("
               "SELECT FROM gone WHERE confirmed_at IS NOT NULL) AND " FORGE_NOTICE_DUE("$5", "mfa.reset")) ", "
    FORGE_AUDIT(
        "SELECT 'mfa.reset', nullif($2::bigint, 0), id, $3::inet, $4, jsonb_build_object('sessions', (SELECT count(*)"
        " FROM ended)) FROM who") " "
    "SELECT id, EXISTS (SELECT FROM gone WHERE confirmed_at IS NOT NULL) AS had,"
    " concat_ws(' ', 'u' || id || ':' || epoch, (SELECT string_agg('s' || id, ' ') FROM ended)) AS"
    " _revoked, " FORGE_AUDITED " FROM who"};

/* clang-format on */

forge_status_t forge_store_credentials(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, apr_int64_t pending_id,
                                       forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, user_id), forge_util_itoa(p, pending_id));
    return forge_store_run(db, p, &credentials, args, rows);
}

forge_status_t forge_store_mfa_setup(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const char *sealed,
                                     forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), sealed, forge_store_ip(p, by->ip), by->request_id);
    return forge_store_run(db, p, &mfa_setup, args, rows);
}

forge_status_t forge_store_mfa_enable(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                      const forge_enable_t *enable, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), forge_util_itoa(p, by->session_id), enable->factor_id, enable->step,
                   enable->macs, forge_store_ip(p, by->ip), by->request_id, enable->mail.sender, enable->mail.payload);
    forge_status_t status = forge_store_in_turn(db, p, &forge_store_hold_account, &mfa_enable, args, rows);
    return status == FORGE_E_CONFLICT ? FORGE_E_MFA_ENABLED
                                      : status; /* another factor became active at the same time */
}

forge_status_t forge_store_mfa_use(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const forge_guess_t *g,
                                   const forge_code_t *code, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), forge_util_itoa(p, by->session_id), code->factor_id, code->step,
                   code->mac, g->subject, g->address, forge_store_ip(p, by->ip), by->request_id);
    return forge_store_run(db, p, &mfa_use, args, rows);
}

forge_status_t forge_store_mfa_disable(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                       const forge_new_mail_t *mail, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), forge_util_itoa(p, by->session_id),
                                         forge_store_ip(p, by->ip), by->request_id, mail->sender, mail->payload);
    return forge_store_run(db, p, &mfa_disable, args, rows);
}

forge_status_t forge_store_mfa_codes(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const char *macs,
                                     const forge_new_mail_t *mail, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), macs, forge_store_ip(p, by->ip), by->request_id,
                                         mail->sender, mail->payload);
    return forge_store_run(db, p, &mfa_codes, args, rows);
}

forge_status_t forge_store_mfa_reset(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t user_id,
                                     const forge_new_mail_t *mail, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, user_id), forge_util_itoa(p, by->id),
                                         forge_store_ip(p, by->ip), by->request_id, mail->sender, mail->payload);
    return forge_store_run(db, p, &mfa_reset, args, rows);
}
