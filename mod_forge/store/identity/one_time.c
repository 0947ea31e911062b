/* SPDX-License-Identifier: Apache-2.0
 * One-use tokens by mail: made, replaced, spent.
 */
#include "identity_private.h"
#include <string.h>

/* clang-format off */

/* The token of an account in the CTE `who` (id, email, email_key): a new one takes the older one's place. No row
 * when the account got five mails of this kind within an hour. */
#define TOKEN(kind, life, sha256, address) \
    "token AS (" \
    " INSERT INTO forge.one_time_tokens AS t (user_id, kind, sha256, email, email_key, expires_at)" \
    " SELECT who.id, " kind ", decode(" sha256 ", 'hex'), " address ", now() + " life " FROM who"                   \
    " ON CONFLICT (user_id, kind) DO UPDATE SET sha256 = excluded.sha256, email = excluded.email," \
    "  email_key = excluded.email_key, created_at = now(), expires_at = excluded.expires_at, used_at = NULL," \
    "  mails = CASE WHEN t.mails_since < now() - interval '1 hour' THEN 1 ELSE t.mails + 1 END," \
    "  mails_since = CASE WHEN t.mails_since < now() - interval '1 hour' THEN now() ELSE t.mails_since END" \
    "  WHERE t.mails < " APR_STRINGIFY(FORGE_MAILS_AN_HOUR) " OR t.mails_since < now() - interval '1 hour'" \
    " RETURNING user_id)"
/* A mail that still waits with the token that was just replaced. */
#define STALE(kind, but) \
    "stale AS (DELETE FROM forge.mail_outbox m USING token WHERE m.user_id = token.user_id AND m.kind = " kind but ")"

/* The same work whether there is such an account or not (SECURITY 28). */
static const forge_stmt_t reset_ask = {
    "reset_ask",
    "INSERT INTO forge.mail_outbox (kind, sender, recipient, payload) VALUES ('reset', $1, $2, $3)"};

/* $1 mail, $2 email key, $3 token's sha256, $4 payload, $5 ip, $6 request id. */
static const forge_stmt_t reset_resolve = {
    "reset_resolve",
    "WITH who AS (SELECT id, email, email_key, username, locale FROM forge.users WHERE email_key = $2 AND is_active AND"
    " role"
    " <> 'guest'), "
    TOKEN("'reset'", FORGE_INTERVAL(FORGE_RESET_HOURS, "hours"), "$3", "email, email_key") ", "
    STALE("'reset'", " AND m.id <> $1::bigint") ", "
    "ready AS ("
    " UPDATE forge.mail_outbox m SET user_id = who.id, recipient = who.email, payload = $4 FROM who, token"
    " WHERE m.id = $1::bigint AND token.user_id = who.id RETURNING m.recipient), "
    "gone AS (DELETE FROM forge.mail_outbox m WHERE m.id = $1::bigint AND NOT EXISTS (SELECT FROM token)), "
    FORGE_AUDIT("SELECT 'password.reset_requested', NULL::bigint, (SELECT id FROM who), $5::inet, $6,"
                " jsonb_build_object('identifier', left($2, 254), 'sent', EXISTS (SELECT FROM token))") " "
    "SELECT (SELECT recipient FROM ready) AS recipient, (SELECT username FROM who) AS username,"
    " (SELECT locale FROM who) AS locale, " FORGE_AUDITED};

static const forge_stmt_t peek = {
    "one_time_peek",
    "SELECT t.user_id AS _user_id, t.kind AS _kind, u.email AS _email, u.username, t.email AS _new_email "
    "FROM forge.one_time_tokens t JOIN forge.users u ON u.id = t.user_id "
    "WHERE t.sha256 = decode($1, 'hex') AND t.used_at IS NULL AND t.expires_at > now() AND u.is_active AND u.role <>"
    " 'guest'"};

static const forge_stmt_t verify_resend = {
    "verify_resend",
    "WITH who AS ("
    " SELECT id, email, email_key FROM forge.users WHERE id = $1::bigint AND is_active AND role <> 'guest' AND NOT"
    " email_verified), "
    TOKEN("'verify'", FORGE_PROOF_LIFE, "$2", "email, email_key") ", "
    STALE("'verify'", "") ", "
    FORGE_MAIL("SELECT 'verify', $3, who.email, who.id, $4 FROM who JOIN token ON token.user_id = who.id") " "
    "SELECT count(*) AS n FROM mail"};

/* The caller's account, while the session is alive and the password is still the one that was checked. */
#define MINE(session, set_at) \
    "mine AS (SELECT u.id, u.email, u.email_key FROM forge.users u" \
    " WHERE u.id = $1::bigint AND u.is_active AND u.role <> 'guest'" \
    " AND (" set_at "::text IS NULL OR u.password_changed_at = " set_at "::timestamptz)" \
    " AND (" session "::bigint = 0 OR EXISTS (SELECT FROM forge.sessions s WHERE s.id = " session "::bigint" \
    " AND s.user_id = u.id AND s.revoked_at IS NULL AND s.expires_at > now())))"

#define TAKEN(key) \
    "taken AS (SELECT WHERE EXISTS (SELECT FROM forge.users x WHERE x.email_key = " key " AND x.id <> $1::bigint)" \
    " OR " FORGE_EMAIL_KEPT(key, "$1::bigint") ")"

/* $1 account, $2 token's sha256, $3 address, $4 its key, $5 sender, $6 payload, $7 ip, $8 request id, $9 session,
 * $10 when the password had been set. */
static const forge_stmt_t email_change_request = {
    "email_change_request",
    "WITH " MINE("$9", "$10") ", "
    TAKEN("$4") ", "
    "who AS (SELECT id FROM mine WHERE email_key <> $4 AND NOT EXISTS (SELECT FROM taken)), "
    TOKEN("'email_change'", FORGE_PROOF_LIFE, "$2", "$3, $4") ", "
    STALE("'email_change'", "") ", "
    FORGE_MAIL("SELECT 'email_change', $5, $3, token.user_id, $6 FROM token") ", "
    FORGE_AUDIT("SELECT 'email.change_requested', user_id, user_id, $7::inet, $8,"
                " jsonb_build_object('to', $3::text) FROM token") " "
    "SELECT CASE WHEN NOT EXISTS (SELECT FROM mine) THEN 'gone' WHEN EXISTS (SELECT FROM taken) THEN 'taken'"
    " WHEN EXISTS (SELECT FROM who) AND NOT EXISTS (SELECT FROM token) THEN 'limited' ELSE 'ok' END AS"
    " outcome, " FORGE_AUDITED};

/* For a site that sends no mail: nothing can be proven there. Tokens that were sent to the old address are void all the
 * same.
 * $1 account, $2 address, $3 its key, $4 ip, $5 request id, $6 session, $7 when the password had been set. */
static const forge_stmt_t email_change_unproven = {
    "email_change_unproven",
    "WITH " MINE("$6", "$7") ", "
    TAKEN("$3") ", "
    "changed AS ("
    " UPDATE forge.users u SET email = $2, email_key = $3, email_verified = false FROM mine"
    " WHERE u.id = mine.id AND mine.email_key <> $3 AND NOT EXISTS (SELECT FROM taken) RETURNING u.id, mine.email AS"
    " was), "
    "void AS (UPDATE forge.one_time_tokens t SET used_at = now() FROM changed c WHERE t.user_id = c.id AND t.used_at"
    " IS NULL), "
    FORGE_AUDIT("SELECT 'email.changed', id, id, $4::inet, $5,"
                " jsonb_build_object('from', was, 'to', $2::text, 'verified', false) FROM changed") " "
    "SELECT CASE WHEN NOT EXISTS (SELECT FROM mine) THEN 'gone' WHEN EXISTS (SELECT FROM taken) THEN 'taken' ELSE 'ok'"
    " END AS outcome, "
    FORGE_AUDITED};

/* A verify token is good only for the address it was sent to. `was` is the account as it was before this statement. The
 * token that goes to the old address can undo a change.
 * $1 token's sha256, $2 sender, $3 payload, $4 ip, $5 request id, $6 sha256 of the token that undoes it. */
static const forge_stmt_t email_verify = {
    "email_verify",
    "WITH spent AS ("
    " UPDATE forge.one_time_tokens SET used_at = now() WHERE sha256 = decode($1, 'hex') AND kind IN ('verify',"
    " 'email_change')"
    " AND used_at IS NULL AND expires_at > now() RETURNING user_id, kind, email, email_key), "
    "was AS (SELECT u.id, u.email, u.email_key FROM forge.users u JOIN spent ON spent.user_id = u.id), "
    "changed AS ("
    " UPDATE forge.users u SET email = s.email, email_key = s.email_key, email_verified = true FROM spent s"
    " WHERE u.id = s.user_id AND u.is_active AND (s.kind = 'email_change' OR u.email_key = s.email_key)"
    " RETURNING u.id, u.email, s.kind), "
    "void AS ("
    " UPDATE forge.one_time_tokens t SET used_at = now() FROM changed c"
    " WHERE t.user_id = c.id AND c.kind = 'email_change' AND t.kind <> c.kind AND t.used_at IS NULL), "
    "undo AS ("
    " INSERT INTO forge.email_undos (user_id, sha256, email, email_key, expires_at)"
    " SELECT was.id, decode($6, 'hex'), was.email, was.email_key, now() + " FORGE_INTERVAL(FORGE_UNDO_HOURS, "hours")
    " FROM changed c JOIN was ON was.id = c.id WHERE c.kind = 'email_change' AND $6::text IS NOT NULL), "
    FORGE_MAIL("SELECT 'email_changed_notice', $2, was.email, was.id, $3 FROM changed c JOIN was ON was.id = c.id"
               " WHERE c.kind = 'email_change' AND $2::text IS NOT NULL") ", "
    FORGE_AUDIT("SELECT CASE c.kind WHEN 'verify' THEN 'email.verified' ELSE 'email.changed' END, c.id, c.id, $4::inet,"
                " $5, CASE c.kind WHEN 'verify' THEN '{}' ELSE jsonb_build_object('from', was.email, 'to', c.email,"
                " 'verified', true) END"
                " FROM changed c JOIN was ON was.id = c.id") " "
    "SELECT c.id AS _user_id, " FORGE_AUDITED " FROM changed c"};

/* clang-format on */

forge_status_t forge_store_reset_ask(forge_db_t *db, apr_pool_t *p, const forge_one_time_t *in)
{
    const forge_args_t args = FORGE_ARGS(in->mail.sender, in->email, in->mail.payload);
    return in->mail.sender ? forge_store_run(db, p, &reset_ask, args, NULL) : FORGE_OK;
}

forge_status_t forge_store_reset_resolve(forge_db_t *db, apr_pool_t *p, apr_int64_t mail_id, const forge_one_time_t *in,
                                         forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, mail_id), in->email_key, in->sha256, in->mail.payload,
                                         forge_store_ip(p, in->ip), in->request_id);
    return forge_store_run(db, p, &reset_resolve, args, rows);
}

forge_status_t forge_store_one_time_peek(forge_db_t *db, apr_pool_t *p, const char *sha256, forge_rows_t **rows)
{
    return forge_store_run(db, p, &peek, FORGE_ARGS(sha256), rows);
}

forge_status_t forge_store_verify_resend(forge_db_t *db, apr_pool_t *p, const forge_one_time_t *in)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, in->user_id), in->sha256, in->mail.sender, in->mail.payload);
    return in->mail.sender ? forge_store_run(db, p, &verify_resend, args, NULL) : FORGE_OK;
}

/* Another account may take the address between our look and our write; the constraint decides. */
static forge_status_t taken(const forge_db_t *db, forge_status_t status)
{
    return status == FORGE_E_CONFLICT && strcmp(forge_store_constraint(db), "users_email_key_unique") == 0
               ? FORGE_E_EMAIL_TAKEN
               : status;
}

forge_status_t forge_store_email_change_request(forge_db_t *db, apr_pool_t *p, const forge_one_time_t *in)
{
    const char *id = forge_util_itoa(p, in->user_id), *session = forge_util_itoa(p, in->session_id);
    const forge_args_t proven = FORGE_ARGS(id, in->sha256, in->email, in->email_key, in->mail.sender, in->mail.payload,
                                           forge_store_ip(p, in->ip), in->request_id, session, in->set_at);
    const forge_args_t unproven =
        FORGE_ARGS(id, in->email, in->email_key, forge_store_ip(p, in->ip), in->request_id, session, in->set_at);
    forge_rows_t *rows;
    forge_status_t status = in->mail.sender ? forge_store_run(db, p, &email_change_request, proven, &rows)
                                            : forge_store_run(db, p, &email_change_unproven, unproven, &rows);
    if (status != FORGE_OK)
        return taken(db, status);
    const char *outcome = forge_store_rows_text(rows, 0, "outcome");
    if (strcmp(outcome, "gone") == 0)
        return FORGE_E_NOT_FOUND;
    if (strcmp(outcome, "taken") == 0)
        return FORGE_E_EMAIL_TAKEN;
    return strcmp(outcome, "limited") == 0 ? FORGE_E_RATE_LIMITED : FORGE_OK;
}

forge_status_t forge_store_email_verify(forge_db_t *db, apr_pool_t *p, const forge_one_time_t *in)
{
    const forge_args_t args = FORGE_ARGS(in->sha256, in->mail.sender, in->mail.payload, forge_store_ip(p, in->ip),
                                         in->request_id, in->mail.sender ? in->undo_sha256 : NULL);
    forge_rows_t *rows;
    FORGE_TRY(taken(db, forge_store_run(db, p, &email_verify, args, &rows)));
    return forge_store_rows_count(rows) > 0 ? FORGE_OK : FORGE_E_TOKEN_INVALID;
}
