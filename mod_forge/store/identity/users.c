/* SPDX-License-Identifier: Apache-2.0
 * Accounts and their sessions: each function is one statement that checks, changes and writes its audit event together.
 */
#include "identity_private.h"

/* clang-format off */

/* ON CONFLICT instead of an error keeps a caller's transaction alive and the database's log quiet. With a guest ($17,
 * in session $18) no row is made: the guest's row becomes the account. The trigger state then voids its tokens and ends
 * its sessions.
 * $1 email, $2 email key, $3 username, $4 full name, $5 role, $6 password hash, $7 when terms were accepted, $8 when
 * privacy was, $9 refresh token's sha256, $10 its end, $11 device, $12 user agent, $13 ip, $14 amr, $15 request id, $16
 * event, $17 guest, $18 session of the guest, $19 verify token's sha256, $20 sender, $21 payload, $22 locale. */
static const forge_stmt_t user_create = {
    "user_create",
    "WITH made AS ("
    " INSERT INTO forge.users (email, email_key, username, full_name, role, password_hash, terms_accepted_at,"
    " privacy_accepted_at,"
    "  last_login_at, last_login_ip, locale)"
    " SELECT $1, $2, $3, $4, coalesce($5, 'student'), $6, $7::timestamptz, $8::timestamptz,"
    "  CASE WHEN $9::text IS NOT NULL THEN now() END, CASE WHEN $9::text IS NOT NULL THEN $13::inet END, $22 WHERE"
    " $17::bigint IS NULL AND NOT " FORGE_EMAIL_KEPT("$2", "0") " AND NOT " FORGE_USERNAME_WAS("$3", "NULL::bigint")
    " ON CONFLICT DO NOTHING RETURNING *), "
    "turned AS ("
    " UPDATE forge.users g SET email = $1, email_key = $2, username = $3, full_name = $4, role = coalesce($5,"
    " 'student'), password_hash = $6,"
    "  locale = coalesce($22, g.locale), password_changed_at = now(), terms_accepted_at = $7::timestamptz,"
    "  privacy_accepted_at = $8::timestamptz,"
    "  last_login_at = CASE WHEN $9::text IS NOT NULL THEN now() ELSE g.last_login_at END,"
    "  last_login_ip = CASE WHEN $9::text IS NOT NULL THEN $13::inet ELSE g.last_login_ip END"
    " WHERE g.id = $17::bigint AND g.role = 'guest' AND g.is_active"
    "  AND EXISTS (SELECT FROM forge.sessions s WHERE s.id = $18::bigint AND s.user_id = g.id AND s.revoked_at IS NULL"
    " AND s.expires_at > now())"
    "  AND NOT EXISTS (SELECT FROM forge.users x WHERE x.email_key = $2) AND NOT " FORGE_EMAIL_KEPT("$2", "g.id")
    "  AND NOT EXISTS (SELECT FROM forge.users x WHERE lower(x.username COLLATE \"C\") = lower($3 COLLATE \"C\") AND"
    " x.id <> g.id) AND NOT " FORGE_USERNAME_WAS("$3", "g.id")
    " RETURNING *), "
    "ended AS ("
    " UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = 'guest_converted' FROM turned t"
    " WHERE s.user_id = t.id AND s.revoked_at IS NULL RETURNING s.id), "
    "who AS (SELECT * FROM made UNION ALL SELECT * FROM turned), "
    OPEN_SESSION("$9", "$10", "$11", "$12", "$13", "$14") ", "
    "verify AS ("
    " INSERT INTO forge.one_time_tokens (user_id, kind, sha256, email, email_key, expires_at)"
    " SELECT id, 'verify', decode($19, 'hex'), email, email_key, now() + " FORGE_PROOF_LIFE ""
    " FROM who WHERE $19::text IS NOT NULL), "
    FORGE_MAIL("SELECT 'verify', $20, email, id, $21 FROM who WHERE $19::text IS NOT NULL") ", "
    FORGE_AUDIT("SELECT 'guest.converted', id, id, $13::inet, $15, jsonb_build_object('sessions', (SELECT count(*)"
    " FROM ended)) FROM turned"
    " UNION ALL SELECT $16::text, CASE WHEN $16 = 'user.registered' THEN id END, id, $13::inet, $15,"
    " jsonb_build_object('role', role) FROM who") " "
    "SELECT " BARE_USER ", o.id AS _session_id, u.epoch AS _epoch, u.version AS _version, " FORGE_AUDITED ","
    " (SELECT concat_ws(' ', 'u' || t.id || ':' || t.epoch, (SELECT string_agg('s' || e.id, ' ') FROM ended e)) FROM"
    " turned t) AS _revoked,"
    " CASE WHEN u.id IS NOT NULL THEN 'ok'"
    "  WHEN $17::bigint IS NOT NULL AND NOT EXISTS (SELECT FROM forge.users g WHERE g.id = $17::bigint AND g.role ="
    " 'guest') THEN 'no_guest'"
    "  WHEN EXISTS (SELECT FROM forge.users x WHERE x.email_key = $2) OR "
    FORGE_EMAIL_KEPT("$2", "coalesce($17::bigint, 0)") " THEN 'email_taken'"
    "  WHEN EXISTS (SELECT FROM forge.users x WHERE lower(x.username COLLATE \"C\") = lower($3 COLLATE \"C\"))"
    "   OR " FORGE_USERNAME_WAS("$3", "$17::bigint") " THEN 'username_taken'"
    "  WHEN $17::bigint IS NOT NULL THEN 'no_guest'"
    "  ELSE 'raced' END AS _outcome "
    "FROM (VALUES (1)) AS one LEFT JOIN who u ON true LEFT JOIN opened o ON true"};

#define LOGIN_SECRETS \
    "u.password_hash AS _password_hash, u.password_changed_at AS _password_set_at, u.epoch AS _epoch, u.version AS" \
    " _version," \
    " EXISTS (SELECT FROM forge.mfa_factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL) AS _mfa"

static const forge_stmt_t login_by_email = {
    "login_by_email",
    "SELECT " BARE_USER ", " LOGIN_SECRETS " FROM forge.users u WHERE u.email_key = $1"};

static const forge_stmt_t login_by_username = {
    "login_by_username",
    "SELECT " BARE_USER ", " LOGIN_SECRETS " FROM forge.users u "
    "WHERE lower(u.username COLLATE \"C\") = lower($1 COLLATE \"C\")"};

/* A password is not enough if a second factor became active since the account was looked up. One that was changed since
 * counts for nothing: the login would also write its old hash back.
 * $1 account, $2 new hash, $3 refresh token's sha256, $4 its end, $5 device, $6 user agent, $7 ip, $8 amr, $9 request
 * id, $10 epoch, $11 subject of the guess, $12 its address, $13 when the password had been set. */
static const forge_stmt_t login_good = {
    "login",
    "WITH who AS ("
    " UPDATE forge.users u SET last_login_at = now(), last_login_ip = $7::inet, password_hash = coalesce($2,"
    " password_hash)"
    " WHERE id = $1::bigint AND is_active AND epoch = $10::bigint AND ($13::text IS NULL OR password_changed_at ="
    " $13::timestamptz)"
    "  AND NOT EXISTS (SELECT FROM forge.mfa_factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL)"
    " RETURNING *), "
    OPEN_SESSION("$3", "$4", "$5", "$6", "$7", "$8") ", "
    FORGE_GUESS_SETTLE("$11", "$12", "true", "who") ", "
    FORGE_AUDIT("SELECT 'user.login', id, id, $7::inet, $9,"
        " jsonb_build_object('amr', coalesce($8, 'pwd'), 'session_id', (SELECT id FROM opened)) FROM who") " "
    "SELECT " BARE_USER ", o.id AS _session_id, u.epoch AS _epoch, u.version AS _version, " FORGE_AUDITED
    " FROM who u LEFT JOIN opened o ON true"};

/* No code is asked for if the second factor went since the account was looked up.
 * $1 account, $2 epoch, $3 new hash, $4 mfa_token's sha256, $5 device, $6 subject of the guess, $7 its address,
 * $8 when the password had been set. */
static const forge_stmt_t challenge_make = {
    "challenge_make",
    "WITH who AS ("
    " SELECT u.id, u.epoch FROM forge.users u WHERE u.id = $1::bigint AND u.is_active AND u.epoch = $2::bigint"
    "  AND ($8::text IS NULL OR u.password_changed_at = $8::timestamptz)"
    "  AND EXISTS (SELECT FROM forge.mfa_factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL)"
    " FOR NO KEY UPDATE OF u), "
    "renewed AS (UPDATE forge.users u SET password_hash = $3 FROM who WHERE u.id = who.id AND $3::text IS NOT NULL), "
    "made AS ("
    " INSERT INTO forge.login_challenges (sha256, user_id, epoch, device_name, expires_at)"
    " SELECT decode($4, 'hex'), id, epoch, $5, now() + " FORGE_INTERVAL(FORGE_CHALLENGE_SECONDS, "seconds")
    " FROM who RETURNING id), "
    FORGE_GUESS_SETTLE("$6", "$7", "false", "who") " "
    "SELECT id FROM made"};

static const forge_stmt_t challenge_try = {
    "challenge_try",
    "WITH tried AS ("
    " UPDATE forge.login_challenges SET tries = tries + 1"
    " WHERE sha256 = decode($1, 'hex') AND used_at IS NULL AND expires_at > now()"
    "  AND tries < " APR_STRINGIFY(FORGE_CHALLENGE_TRIES) " RETURNING id, user_id, epoch) "
    "SELECT u.id, t.id AS _challenge, f.id AS _factor, f.secret AS _secret, f.last_step AS _last_step FROM tried t "
    "JOIN forge.users u ON u.id = t.user_id AND u.is_active AND u.epoch = t.epoch "
    "JOIN forge.mfa_factors f ON f.user_id = u.id AND f.confirmed_at IS NOT NULL"};

/* $1 account, $2 factor, $3 time step, $4 MAC of a backup code, $5 challenge, $6 refresh token's sha256, $7 its end,
 * $8 user agent, $9 ip, $10 amr, $11 request id, $12 subject of the guess, $13 its address. */
static const forge_stmt_t login_second = {
    "login_second",
    "WITH " FORGE_CODE_SPENT("$1::bigint", "$2::bigint", "$3::bigint", "$4::text") ", "
    "challenge AS ("
    " UPDATE forge.login_challenges c SET used_at = now() FROM spent"
    " WHERE c.id = $5::bigint AND c.user_id = $1::bigint AND c.used_at IS NULL RETURNING c.epoch, c.device_name), "
    "who AS ("
    " UPDATE forge.users u SET last_login_at = now(), last_login_ip = $9::inet FROM challenge"
    " WHERE u.id = $1::bigint AND u.is_active AND u.epoch = challenge.epoch RETURNING u.*), "
    OPEN_SESSION("$6", "$7", "(SELECT device_name FROM challenge)", "$8", "$9", "$10") ", "
    FORGE_GUESS_SETTLE("$12", "$13", "true", "who") ", "
    FORGE_AUDIT("SELECT 'user.login', id, id, $9::inet, $11,"
        " jsonb_build_object('amr', coalesce($10, 'pwd'), 'session_id', (SELECT id FROM opened)) FROM who"
        " UNION ALL SELECT 'mfa.backup_used', $1::bigint, $1::bigint, $9::inet, $11, '{}' FROM spent WHERE how ="
        " 'backup'") " "
    "SELECT " BARE_USER ", o.id AS _session_id, u.epoch AS _epoch, u.version AS _version,"
    " EXISTS (SELECT FROM spent) AS _spent, " FORGE_AUDITED
    " FROM (VALUES (1)) AS one LEFT JOIN who u ON true LEFT JOIN opened o ON true"};

/* profile_completion: of e-mail and username, the five free members and a verified address. */
#define ME \
    "SELECT " BARE_USER ", json_build_object(" \
    "  'active', (SELECT count(*) FROM forge.sessions s WHERE s.user_id = u.id AND s.revoked_at IS NULL AND" \
    " s.expires_at > now())," \
    "  'last_login_at', to_char(u.last_login_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')," \
    "  'last_login_ip', host(u.last_login_ip)) AS sessions," \
    " EXISTS (SELECT FROM forge.mfa_factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL) AS mfa_enabled," \
    " 100 * num_nonnulls(u.email, u.username, nullif(u.full_name, ''), nullif(u.bio, ''), nullif(u.avatar_url, '')," \
    " nullif(u.locale, '')," \
    "  nullif(u.timezone, ''), nullif(u.email_verified, false)) / 8 AS profile_completion," \
    " CASE WHEN u.password_hash IS NOT NULL THEN u.password_changed_at END AS password_changed_at, u.version AS" \
    " _version " \
    "FROM forge.users u WHERE u.id = $1::bigint AND u.is_active"

/* A statement for sessions and one for API keys, which have none: PostgreSQL keeps a plan for each, where one for both
 * would be planned anew at each execution. */
static const forge_stmt_t user_me = {
    "user_me", ME " AND EXISTS (SELECT FROM forge.sessions s WHERE s.id = $2::bigint AND s.user_id = u.id"
                  " AND s.revoked_at IS NULL AND s.expires_at > now())"};
static const forge_stmt_t user_me_by_key = {"user_me_by_key", ME};

static const forge_stmt_t user_set_role = {
    "user_set_role",
    "WITH old AS (SELECT id, role FROM forge.users WHERE email_key = $1 FOR NO KEY UPDATE), "
    "changed AS (UPDATE forge.users x SET role = $2 FROM old WHERE x.id = old.id RETURNING x.*), "
    FORGE_AUDIT("SELECT 'user.role_changed', NULL::bigint, id, NULL::inet, NULL,"
        " jsonb_build_object('from', role, 'to', $2, 'by', 'forgectl') FROM old") " "
    "SELECT " BARE_USER ", old.role AS _old_role, u.version AS _version, 'u' || u.id || ':' || u.epoch AS"
    " _revoked, " FORGE_AUDITED
    " FROM changed u JOIN old ON old.id = u.id"};

/* A reset from outside ends every session, key and link: whoever knew the old password is out (SECURITY 34). */
static const forge_stmt_t user_set_password = {
    "user_set_password",
    "WITH changed AS ("
    " UPDATE forge.users SET password_hash = $2, password_changed_at = clock_timestamp(), epoch = epoch + 1 WHERE"
    " email_key = $1 RETURNING *), "
    "void AS (UPDATE forge.one_time_tokens t SET used_at = now() FROM changed c WHERE t.user_id = c.id AND t.used_at"
    " IS NULL), "
    "keys AS (DELETE FROM forge.api_keys k USING changed c WHERE k.user_id = c.id), "
    "ended AS ("
    " UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = 'password_reset' FROM changed c"
    " WHERE s.user_id = c.id AND s.revoked_at IS NULL RETURNING s.id), "
    FORGE_AUDIT("SELECT 'admin.password_reset', NULL::bigint, id, NULL::inet, NULL,"
        " jsonb_build_object('by', 'forgectl', 'sessions', (SELECT count(*) FROM ended)) FROM changed") " "
    "SELECT " BARE_USER ", (SELECT count(*) FROM ended) AS _ended, u.version AS _version,"
    " concat_ws(' ', 'u' || u.id || ':' || u.epoch, (SELECT string_agg('s' || id, ' ') FROM ended)) AS"
    " _revoked, " FORGE_AUDITED
    " FROM changed u"};

static const forge_stmt_t user_list = {
    "user_list",
    "SELECT " BARE_USER ", u.last_login_at FROM forge.users u WHERE u.id > $1::bigint ORDER BY u.id LIMIT $2::bigint"};

/* clang-format on */

/* Which name was taken, when a guest's registration met another one of the same moment. */
static forge_status_t taken(const forge_db_t *db, forge_status_t status)
{
    if (status != FORGE_E_CONFLICT)
        return status;
    return strcmp(forge_store_constraint(db), "users_email_key_unique") == 0 ? FORGE_E_EMAIL_TAKEN
                                                                             : FORGE_E_USERNAME_TAKEN;
}

/* Every account is created here; `event` says on whose behalf. */
static forge_status_t create(forge_db_t *db, apr_pool_t *p, const forge_new_user_t *user,
                             const forge_new_session_t *session, const char *event, forge_rows_t **rows)
{
    static const forge_new_session_t none;
    const forge_new_session_t *s = session ? session : &none;
    const forge_args_t args =
        FORGE_ARGS(user->email, user->email_key, user->username, user->full_name, user->role, user->password_hash,
                   user->terms_at, user->privacy_at, s->refresh_sha256, s->expires_at, s->device_name, s->user_agent,
                   forge_store_ip(p, s->ip), s->amr, s->request_id, event, user->guest_id, user->guest_session,
                   user->verify_sha256, user->mail_sender, user->mail_payload, user->locale);
    /* "raced": the twin that won was committed after our snapshot; the next one sees it. */
    for (int tries = 0; tries < 3; tries++) {
        FORGE_TRY(taken(db, forge_store_run(db, p, &user_create, args, rows)));
        const char *outcome = forge_store_rows_text(*rows, 0, "_outcome");
        if (strcmp(outcome, "ok") == 0)
            return FORGE_OK;
        if (strcmp(outcome, "email_taken") == 0)
            return FORGE_E_EMAIL_TAKEN;
        if (strcmp(outcome, "username_taken") == 0)
            return FORGE_E_USERNAME_TAKEN;
        if (strcmp(outcome, "no_guest") == 0) /* registered by a twin, or logged out meanwhile */
            return FORGE_E_INVALID_TOKEN;
    }
    return FORGE_E_CONFLICT;
}

forge_status_t forge_store_user_create(forge_db_t *db, apr_pool_t *p, const forge_new_user_t *user,
                                       const forge_new_session_t *session, forge_rows_t **rows)
{
    forge_rows_t *ignored;
    return create(db, p, user, session, session ? "user.registered" : "admin.user_created", rows ? rows : &ignored);
}

forge_status_t forge_store_user_for_login(forge_db_t *db, apr_pool_t *p, const char *email_key, const char *username,
                                          forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(email_key ? email_key : username);
    return forge_store_run(db, p, email_key ? &login_by_email : &login_by_username, args, rows);
}

forge_status_t forge_store_login(forge_db_t *db, apr_pool_t *p, const forge_login_t *in, forge_rows_t **rows)
{
    static const forge_guess_t none;
    const forge_new_session_t *s = &in->session;
    const forge_guess_t *g = s->guess ? s->guess : &none;
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, in->user_id), in->new_hash, s->refresh_sha256, s->expires_at, s->device_name,
                   s->user_agent, forge_store_ip(p, s->ip), s->amr, s->request_id, forge_util_itoa(p, in->epoch),
                   g->subject, g->address, g->set_at);
    /* a second factor may become active just now, or go */
    return forge_store_in_turn(db, p, &forge_store_hold_account, &login_good, args, rows);
}

forge_status_t forge_store_challenge_make(forge_db_t *db, apr_pool_t *p, const forge_challenge_t *challenge,
                                          const forge_guess_t *g, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, g->user_id), forge_util_itoa(p, challenge->epoch), challenge->new_hash,
                   challenge->sha256, challenge->device_name, g->subject, g->address, g->set_at);
    return forge_store_in_turn(db, p, &forge_store_hold_account, &challenge_make, args, rows);
}

forge_status_t forge_store_challenge_try(forge_db_t *db, apr_pool_t *p, const char *sha256, forge_rows_t **rows)
{
    return forge_store_run(db, p, &challenge_try, FORGE_ARGS(sha256), rows);
}

forge_status_t forge_store_login_second(forge_db_t *db, apr_pool_t *p, const forge_second_t *second,
                                        forge_rows_t **rows)
{
    const forge_new_session_t *s = &second->session;
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, second->session.guess->user_id), second->code.factor_id,
                                         second->code.step, second->code.mac, second->challenge_id, s->refresh_sha256,
                                         s->expires_at, s->user_agent, forge_store_ip(p, s->ip), s->amr, s->request_id,
                                         second->session.guess->subject, second->session.guess->address);
    return forge_store_run(db, p, &login_second, args, rows);
}

forge_status_t forge_store_user_me(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, forge_rows_t **rows)
{
    const char *id = forge_util_itoa(p, by->id);
    if (!by->session_id)
        return forge_store_run(db, p, &user_me_by_key, FORGE_ARGS(id), rows);
    return forge_store_run(db, p, &user_me, FORGE_ARGS(id, forge_util_itoa(p, by->session_id)), rows);
}

forge_status_t forge_store_first_superuser(forge_db_t *db, apr_pool_t *p, const forge_new_user_t *user, bool *created)
{
    forge_rows_t *rows;
    forge_status_t status = create(db, p, user, NULL, "admin.first_superuser", &rows);
    *created = status == FORGE_OK;
    return status == FORGE_E_EMAIL_TAKEN ? FORGE_OK : status;
}

forge_status_t forge_store_user_set_role(forge_db_t *db, apr_pool_t *p, const char *email_key, const char *role,
                                         forge_rows_t **rows)
{
    return forge_store_run(db, p, &user_set_role, FORGE_ARGS(email_key, role), rows);
}

forge_status_t forge_store_user_set_password(forge_db_t *db, apr_pool_t *p, const char *email_key, const char *hash,
                                             forge_rows_t **rows)
{
    return forge_store_run(db, p, &user_set_password, FORGE_ARGS(email_key, hash), rows);
}

forge_status_t forge_store_user_list(forge_db_t *db, apr_pool_t *p, apr_int64_t after_id, int limit,
                                     forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, after_id), forge_util_itoa(p, limit));
    return forge_store_run(db, p, &user_list, args, rows);
}
