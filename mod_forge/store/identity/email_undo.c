/* SPDX-License-Identifier: Apache-2.0
 * The way back from a change of address: its old address returns, and whoever changed it is out.
 */
#include "identity_private.h"
#include <string.h>

/* clang-format off */

/* As forge_store_hold_account, by a token. */
static const forge_stmt_t hold = {
    "email_undo_hold",
    "SELECT u.id FROM forge.email_undos k JOIN forge.users u ON u.id = k.user_id WHERE k.sha256 = decode($1, 'hex')"
    " FOR NO KEY UPDATE OF u"};

/* Whoever has the token has the old mailbox, which it thereby proves. Changes that came later are undone with this one,
 * so their tokens are void; those of earlier changes stay. API keys and factors since the change are not the owner's.
 * Nor is the password, which a change of address takes: it is nobody's until it is reset by mail. An account that was
 * closed by its holder meanwhile is open again, unless an administrator closed it as well.
 * $1 token's sha256, $2 sender, $3 payload, $4 ip, $5 request id. */
static const forge_stmt_t undo = {
    "email_undo",
    "WITH spent AS ("
    " UPDATE forge.email_undos SET used_at = now() WHERE sha256 = decode($1, 'hex') AND used_at IS NULL"
    " AND expires_at > now() RETURNING id, user_id, email, email_key, created_at, reopens), "
    "was AS (SELECT u.id, u.email FROM forge.users u JOIN spent ON spent.user_id = u.id), "
    "changed AS ("
    " UPDATE forge.users u SET email = s.email, email_key = s.email_key, email_verified = true, epoch = u.epoch + 1,"
    "  password_hash = CASE WHEN u.password_hash IS NOT NULL"
    "   THEN '{sha256}$' || '2y$' || '12$' || repeat('.', 53) END,"
    "  is_active = u.is_active OR (s.reopens AND u.erase_at IS NOT NULL AND u.deactivated_at > s.created_at)"
    " FROM spent s WHERE u.id = s.user_id AND u.anonymized_at IS NULL RETURNING u.id, u.email, u.epoch), "
    "later AS ("
    " UPDATE forge.email_undos k SET used_at = now() FROM spent s"
    " WHERE k.user_id = s.user_id AND k.id > s.id AND k.used_at IS NULL), "
    "void AS (UPDATE forge.one_time_tokens t SET used_at = now() FROM changed c WHERE t.user_id = c.id AND t.used_at"
    " IS NULL), "
    "pending AS (DELETE FROM forge.login_challenges l USING changed c WHERE l.user_id = c.id), "
    "keys AS (DELETE FROM forge.api_keys k USING changed c WHERE k.user_id = c.id RETURNING k.id), "
    FORGE_FACTORS_DROPPED("changed", "f.confirmed_at >= (SELECT created_at FROM spent)") ", "
    "ended AS ("
    " UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = 'email_undone' FROM changed c"
    " WHERE s.user_id = c.id AND s.revoked_at IS NULL RETURNING s.id), "
    FORGE_MAIL("SELECT 'email_restored_notice', $2, email, id, $3 FROM changed WHERE $2::text IS NOT NULL") ", "
    FORGE_AUDIT("SELECT 'email.change_undone', c.id, c.id, $4::inet, $5, jsonb_build_object('from', was.email, 'to',"
                " c.email, 'sessions', (SELECT count(*) FROM ended), 'api_keys', (SELECT count(*) FROM keys),"
                " 'factors', (SELECT count(*) FROM dropped)) FROM changed c JOIN was ON was.id = c.id") " "
    "SELECT c.id AS _user_id, concat_ws(' ', (SELECT string_agg('s' || id, ' ') FROM ended), 'u' || c.id || ':' ||"
    " c.epoch) AS _revoked, " FORGE_AUDITED " FROM changed c"};

/* clang-format on */

forge_status_t forge_store_email_undo(forge_db_t *db, apr_pool_t *p, const forge_one_time_t *in)
{
    const forge_args_t args =
        FORGE_ARGS(in->sha256, in->mail.sender, in->mail.payload, forge_store_ip(p, in->ip), in->request_id);
    forge_rows_t *rows;
    forge_status_t status = forge_store_in_turn(db, p, &hold, &undo, args, &rows);
    if (status == FORGE_E_CONFLICT && strcmp(forge_store_constraint(db), "users_email_key_unique") == 0)
        return FORGE_E_EMAIL_TAKEN;
    FORGE_TRY(status);
    return forge_store_rows_count(rows) > 0 ? FORGE_OK : FORGE_E_TOKEN_INVALID;
}
