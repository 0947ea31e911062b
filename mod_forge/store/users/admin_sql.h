/* SPDX-License-Identifier: Apache-2.0
 * Pieces of SQL and small helpers that the statements of administration share.
 */
#ifndef FORGE_STORE_ADMIN_SQL_H
#define FORGE_STORE_ADMIN_SQL_H

#include "store/engine/store_private.h"
#include "store/store.h"

/* clang-format off */

/* The words of column _revoked for the accounts of a CTE with id and epoch: all their tokens are void. */
#define FORGE_REVOKED_USERS(cte) "(SELECT string_agg('u' || r.id || ':' || r.epoch, ' ') FROM " cte " r) AS _revoked"

/* Takes everything personal from the accounts whose ids are in the CTE `from`; gives CTE erased(id, epoch). What others refer to stays:
 * courses, enrolments, achievements, and the audit log, which is append-only. A membership stays where the organisation has no other owner
 * who can act, so that it is not lost to a platform administrator who transfers it. A hash of zeros is no password's. The statement still
 * sees the address that the account had. */
#define FORGE_ERASE(from)                                                                                                       \
    "erased AS ("                                                                                                               \
    " UPDATE forge.users u SET email = 'deleted-' || u.id || '@invalid', email_key = 'deleted-' || u.id || '@invalid',"         \
    "  username = 'deleted_' || u.id, full_name = NULL, bio = NULL, avatar_url = NULL, locale = NULL, timezone = NULL,"         \
    "  password_hash = '{sha256}$2y$12$' || repeat('.', 53), email_verified = false, last_login_at = NULL, last_login_ip = NULL," \
    "  is_active = false, erase_at = NULL, anonymized_at = now(), epoch = u.epoch + 1"                                          \
    " FROM " from " f WHERE u.id = f.id RETURNING u.id, u.epoch), "                                                             \
    "sessions_gone AS (DELETE FROM forge.sessions s USING " from " f WHERE s.user_id = f.id), "                                 \
    "factors_gone AS (DELETE FROM forge.mfa_factors m USING " from " f WHERE m.user_id = f.id), "                               \
    "codes_gone AS (DELETE FROM forge.mfa_backup_codes m USING " from " f WHERE m.user_id = f.id), "                            \
    "challenges_gone AS (DELETE FROM forge.login_challenges c USING " from " f WHERE c.user_id = f.id), "                       \
    "failures_gone AS (DELETE FROM forge.login_failures l USING " from " f WHERE l.subject = 'user:' || f.id), "                \
    "keys_gone AS (DELETE FROM forge.api_keys k USING " from " f WHERE k.user_id = f.id), "                                     \
    "links_gone AS (DELETE FROM forge.one_time_tokens t USING " from " f WHERE t.user_id = f.id), "                             \
    "mails_gone AS (DELETE FROM forge.mail_outbox m USING " from " f WHERE m.user_id = f.id), "                                 \
    "unaddressed_gone AS ("                                                                                                     \
    " DELETE FROM forge.mail_outbox m USING " from " f JOIN forge.users o ON o.id = f.id"                                       \
    " WHERE m.user_id IS NULL AND lower(m.recipient) = lower(o.email)), "                                                       \
    "answers_gone AS (DELETE FROM forge.idempotency_keys k USING " from " f WHERE k.scope = 'user:' || f.id), "                 \
    "invitations_gone AS ("                                                                                                     \
    " DELETE FROM forge.invitations i USING " from " f JOIN forge.users o ON o.id = f.id WHERE i.email_key = o.email_key), "    \
    "invitations_ended AS ("                                                                                                    \
    " UPDATE forge.invitations i SET state = 'revoked', closed_at = now() FROM " from " f JOIN forge.users o ON o.id = f.id"    \
    " WHERE i.invited_by = f.id AND i.state = 'pending' AND i.email_key <> o.email_key), "                                      \
    "memberships_gone AS ("                                                                                                     \
    " DELETE FROM forge.memberships m USING " from " f WHERE m.user_id = f.id AND (m.role <> 'owner' OR EXISTS ("               \
    "  SELECT FROM forge.memberships o JOIN forge.users ou ON ou.id = o.user_id WHERE o.organization_id = m.organization_id"    \
    "  AND o.role = 'owner' AND ou.is_active AND o.user_id NOT IN (SELECT id FROM " from "))))"

/* clang-format on */

/* The status that column _outcome of row 0 names; no rows: `none`. */
forge_status_t forge_store_account_judge(const forge_rows_t *rows, forge_status_t none);

#endif
