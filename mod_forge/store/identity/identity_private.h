/* SPDX-License-Identifier: Apache-2.0
 * Text that the statements about accounts and sessions have in common.
 */
#ifndef FORGE_STORE_IDENTITY_PRIVATE_H
#define FORGE_STORE_IDENTITY_PRIVATE_H

#include "identity.h"
#include "store/engine/store_private.h"
#include <apr_strings.h>
#include <string.h>

#define FORGE_SESSION_LIFE FORGE_INTERVAL(FORGE_SESSION_HOURS, "hours")
#define FORGE_PROOF_LIFE   FORGE_INTERVAL(FORGE_PROOF_HOURS, "hours")
_Static_assert(FORGE_SESSION_HOURS > 0 && FORGE_PROOF_HOURS > 0, "numbers, not names, get into the SQL");

/* clang-format off */

/* A session and its first refresh token for the account in the CTE `who`; nothing when there is no token (`hash`
 * NULL). A session lives FORGE_SESSION_HOURS at most, whatever the token's own life (SECURITY 36; CHECK
 * sessions_absolute_life). */
#define OPEN_SESSION(hash, expires, device, agent, ip, amr)                                                       \
    "opened AS ("                                                                                                 \
    " INSERT INTO forge.sessions (user_id, device_name, user_agent, ip, amr, expires_at)"                         \
    " SELECT id, " device ", " agent ", " ip "::inet, string_to_array(coalesce(" amr ", 'pwd'), ' '),"            \
    "  least(" expires "::timestamptz, now() + " FORGE_SESSION_LIFE ")"                                           \
    " FROM who WHERE " hash "::text IS NOT NULL RETURNING id, expires_at), "                                      \
    "token AS ("                                                                                                  \
    " INSERT INTO forge.refresh_tokens (session_id, sha256, expires_at)"                                          \
    " SELECT id, decode(" hash ", 'hex'), expires_at FROM opened)"

/* --- lockout.c --- */

/* All counters of an account: its own, and those of its two names. */
#define FORGE_GUESS_SUBJECTS(id) "('user:' || " id ", 'user:' || " id " || ':email', 'user:' || " id " || ':name')"

/* CTEs that settle a charged guess for the row of `from`, its own counter before the one of all networks; nothing if
 * `subject` is NULL. A right guess at the account itself also clears the failures at its two names. */
#define FORGE_GUESS_SETTLE(subject, address, good, from) \
    "own AS (UPDATE forge.login_failures f SET pending = greatest(f.pending - 1, 0)," \
    "  failures = CASE WHEN " good " THEN 0 ELSE f.failures END, locked_until = CASE WHEN " good " THEN NULL ELSE" \
    " f.locked_until END" \
    " FROM " from " WHERE f.subject = " subject " AND f.address = " address " RETURNING f.subject), " \
    "names AS (UPDATE forge.login_failures f SET failures = 0, locked_until = NULL FROM own WHERE " good \
    "  AND f.address = " address " AND f.subject IN (own.subject || ':email', own.subject || ':name')), " \
    "every AS (UPDATE forge.login_failures f SET pending = greatest(f.pending - 1, 0) FROM own" \
    " WHERE f.subject = own.subject AND f.address = '' RETURNING 1)"

/* --- mfa.c --- */

/* CTEs that spend a code of the account: the time step must be newer than every one before, a backup code unused.
 * `spent` has one row (how) when it was good. */
#define FORGE_CODE_SPENT(user_id, factor_id, step, mac) \
    "totp AS (UPDATE forge.mfa_factors SET last_step = " step " WHERE id = " factor_id " AND user_id = " user_id \
    "  AND confirmed_at IS NOT NULL AND last_step < " step " RETURNING id), " \
    "backup AS (UPDATE forge.mfa_backup_codes SET used_at = now() WHERE user_id = " user_id " AND mac =" \
    " decode(" mac ", 'hex')" \
    "  AND used_at IS NULL AND EXISTS (SELECT FROM forge.mfa_factors WHERE id = " factor_id ") RETURNING id), " \
    "spent AS (SELECT 'totp' AS how FROM totp UNION ALL SELECT 'backup' FROM backup)"

/* CTEs that take from the accounts of `from` what may be a stranger's factor: one that was enrolled while the address
 * was not proven, one that was never verified, and those that `too` names. Backup codes go with the active one. */
#define FORGE_FACTORS_DROPPED(from, too) \
    "dropped AS (DELETE FROM forge.mfa_factors f USING " from " w WHERE f.user_id = w.id" \
    "  AND (NOT f.email_proven OR f.confirmed_at IS NULL OR " too ") RETURNING f.confirmed_at), " \
    "dropped_codes AS (DELETE FROM forge.mfa_backup_codes b USING " from " w WHERE b.user_id = w.id" \
    "  AND EXISTS (SELECT FROM dropped WHERE confirmed_at IS NOT NULL))"

/* A notice to the account u about an event of it, or of the session it came from: at most so many an hour, for its
 * address may be a stranger's. Condition of FORGE_MAIL; only the newest events are looked at. */
#define FORGE_NOTICE_DUE(sender, event) \
    sender "::text IS NOT NULL AND (SELECT count(*) FROM (SELECT a.event, a.at FROM forge.audit_events a" \
    " WHERE a.subject_id = u.id ORDER BY a.id DESC LIMIT 200) n WHERE n.event = '" event "'" \
    " AND n.at > now() - interval '1 hour') < " APR_STRINGIFY(FORGE_MAILS_AN_HOUR)

/* clang-format on */

#endif
