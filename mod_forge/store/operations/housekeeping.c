/* SPDX-License-Identifier: Apache-2.0
 * Deletes what has served its time, in batches small enough that nobody waits for their locks.
 */
#include "operations_private.h"

enum { BATCH = 1000 }; /* rows in one statement at most */

/* clang-format off */

/* Deletes one batch of the rows where `which` holds, found by `key`, and says how many; $1 is how many it may be.
 * ARRAY(…) runs once; a semi-join might run its LIMIT again and again. */
#define SWEEP(table, key, which)                                                                               \
    "WITH gone AS (DELETE FROM forge." table " WHERE " key " = ANY (ARRAY(SELECT " key " FROM forge." table    \
    " WHERE " which ")) RETURNING 1) SELECT count(*) AS n FROM gone"
/* Rows that another node is deleting are skipped. */
#define FREE " LIMIT $1::integer FOR UPDATE SKIP LOCKED"

/* What is deleted, and when. A guest stays for 30 days after its last session has ended. Sessions stay as long, so that
 * the last one is found while it matters. The expiry of a session no longer moves once it is revoked, so one index
 * serves both ways of ending. A spent token is kept until it would have expired, because its reuse must be noticed.
 * Nothing updates a revocation, so its rows are not locked. A mail that is two days old is one that nobody sends any
 * more: its server is no longer configured. No lock is longer than FORGE_LOCKOUT_HOURS_MAX, and no guess in flight is
 * that old. */
static const forge_stmt_t sweeps[] = {
    {"sweep_idempotency", SWEEP("idempotency_keys", "ctid", "created_at < now() - " FORGE_IDEMPOTENCY_LIFE FREE)},
    {"sweep_refresh_tokens", SWEEP("refresh_tokens", "id", "used_at IS NOT NULL AND expires_at < now()" FREE)},
    {"sweep_sessions", SWEEP("sessions", "id", "expires_at < now() - interval '30 days'" FREE)},
    {"sweep_revocations", SWEEP("revocations", "id",
        "at < now() - " FORGE_INTERVAL(FORGE_ACCESS_HOURS_MAX, "hours") " - interval '1 hour'"
        " ORDER BY at LIMIT $1::integer")},
    {"sweep_stream_tickets", SWEEP("stream_tickets", "sha256", "expires_at < now()" FREE)},
    {"sweep_api_keys", SWEEP("api_keys", "id", "expires_at < now() - interval '30 days'" FREE)},
    {"sweep_guests", SWEEP("users", "id",
        "role = 'guest' AND email IS NULL AND created_at < now() - interval '30 days' AND NOT EXISTS ("
        "SELECT FROM forge.sessions s"
        " WHERE s.user_id = users.id AND least(s.revoked_at, s.expires_at) > now() - interval '30 days')" FREE)},
    {"sweep_one_time_tokens", SWEEP("one_time_tokens", "ctid", "expires_at < now() - interval '1 day'" FREE)},
    {"sweep_email_undos", SWEEP("email_undos", "id", "expires_at < now() - interval '1 day'" FREE)},
    {"sweep_invitations", SWEEP("invitations", "id",
        "coalesce(closed_at, expires_at) < now() - interval '90 days'" FREE)},
    {"sweep_mail_outbox", SWEEP("mail_outbox", "id",
        "created_at < now() - interval '2 days' AND next_try_at < now() - interval '1 hour'" FREE)},
    {"sweep_login_failures", SWEEP("login_failures", "ctid",
        "last_at < now() - " FORGE_INTERVAL(FORGE_LOCKOUT_HOURS_MAX, "hours")
        " AND coalesce(locked_until < now(), true) AND pending_until < now()" FREE)},
    {"sweep_login_challenges", SWEEP("login_challenges", "id", "expires_at < now()" FREE)},
    /* What a session of analysis shows of its job goes with the session. Turns of sending mail are many. */
    {"sweep_jobs", SWEEP("jobs", "id", "finished_at < now() - interval '7 days'"
        " AND NOT EXISTS (SELECT FROM forge.analysis_sessions s WHERE s.job_id = jobs.id)" FREE)},
    {"sweep_site_jobs", SWEEP("jobs", "id",
        "finished_at < now() - interval '1 hour' AND status = 'done' AND user_id IS NULL" FREE)},
    /* Nothing goes here: who has done all that is left of a course has completed it (migration 0020). */
    {"settle_courses", "SELECT forge.settle_courses($1::integer) AS n"},
};

/* clang-format on */

forge_status_t forge_store_housekeeping(forge_db_t *db, apr_pool_t *p)
{
    forge_status_t first = FORGE_OK;
    for (size_t i = 0; i < sizeof(sweeps) / sizeof(*sweeps); i++) {
        forge_status_t status = forge_store_in_batches(db, p, &sweeps[i], BATCH);
        if (first == FORGE_OK)
            first = status;
    }
    return first;
}
