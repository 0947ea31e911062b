/* SPDX-License-Identifier: Apache-2.0
 * Deletes what has served its time, in batches small enough that nobody waits for their locks.
 */
#include "store/engine/store_private.h"

enum { BATCH = 1000, BATCHES_MAX = 100 }; /* rows in one statement, statements for one table and run */

/* A guest stays 30 days after its last session has ended; sessions themselves stay as long, so that one is found while it matters.
 * Rows that another node is deleting are skipped. ARRAY(…) runs once; a semi-join might run its LIMIT again and again. A session's expiry
 * stands still once it is revoked, so the index on it serves both ends of a session's life. A spent token is kept until it would have
 * expired: its reuse must be noticed. */
static const forge_stmt_t sweeps[] = {
    {"sweep_idempotency",
     "WITH gone AS (DELETE FROM forge.idempotency_keys WHERE ctid = ANY (ARRAY(SELECT ctid FROM forge.idempotency_keys"
     " WHERE created_at < now() - interval '24 hours' LIMIT 1000 FOR UPDATE SKIP LOCKED)) RETURNING 1) SELECT count(*) AS n FROM gone",
     0},
    {"sweep_refresh_tokens",
     "WITH gone AS (DELETE FROM forge.refresh_tokens WHERE id = ANY (ARRAY(SELECT id FROM forge.refresh_tokens"
     " WHERE used_at IS NOT NULL AND expires_at < now() LIMIT 1000 FOR UPDATE SKIP LOCKED)) RETURNING 1) SELECT count(*) AS n FROM gone",
     0},
    {"sweep_sessions",
     "WITH gone AS (DELETE FROM forge.sessions WHERE id = ANY (ARRAY(SELECT id FROM forge.sessions"
     " WHERE expires_at < now() - interval '30 days' LIMIT 1000 FOR UPDATE SKIP LOCKED)) RETURNING 1) SELECT count(*) AS n FROM gone",
     0},
    {"sweep_revocations",
     "WITH gone AS (DELETE FROM forge.revocations WHERE id = ANY (ARRAY(SELECT id FROM forge.revocations"
     " WHERE at < now() - interval '25 hours' ORDER BY at LIMIT 1000)) RETURNING 1) SELECT count(*) AS n FROM gone",
     0},
    {"sweep_stream_tickets",
     "WITH gone AS (DELETE FROM forge.stream_tickets WHERE sha256 = ANY (ARRAY(SELECT sha256 FROM forge.stream_tickets"
     " WHERE expires_at < now() LIMIT 1000 FOR UPDATE SKIP LOCKED)) RETURNING 1) SELECT count(*) AS n FROM gone",
     0},
    {"sweep_api_keys",
     "WITH gone AS (DELETE FROM forge.api_keys WHERE id = ANY (ARRAY(SELECT id FROM forge.api_keys"
     " WHERE expires_at < now() - interval '30 days' LIMIT 1000 FOR UPDATE SKIP LOCKED)) RETURNING 1) SELECT count(*) AS n FROM gone",
     0},
    {"sweep_guests",
     "WITH gone AS (DELETE FROM forge.users WHERE id = ANY (ARRAY(SELECT u.id FROM forge.users u"
     " WHERE u.role = 'guest' AND u.email IS NULL AND u.created_at < now() - interval '30 days' AND NOT EXISTS ("
     "  SELECT FROM forge.sessions s WHERE s.user_id = u.id AND least(s.revoked_at, s.expires_at) > now() - interval '30 days')"
     " LIMIT 1000 FOR UPDATE SKIP LOCKED)) RETURNING 1) SELECT count(*) AS n FROM gone",
     0},
    {"sweep_one_time_tokens",
     "WITH gone AS (DELETE FROM forge.one_time_tokens WHERE ctid = ANY (ARRAY(SELECT ctid FROM forge.one_time_tokens"
     " WHERE expires_at < now() - interval '1 day' LIMIT 1000 FOR UPDATE SKIP LOCKED)) RETURNING 1) SELECT count(*) AS n FROM gone",
     0},
    /* Mails that nobody sends any more: their server is no longer configured. */
    {"sweep_mail_outbox",
     "WITH gone AS (DELETE FROM forge.mail_outbox WHERE id = ANY (ARRAY(SELECT id FROM forge.mail_outbox"
     " WHERE created_at < now() - interval '2 days' AND next_try_at < now() - interval '1 hour' LIMIT 1000 FOR UPDATE SKIP LOCKED))"
     " RETURNING 1) SELECT count(*) AS n FROM gone",
     0},
    /* No lock is longer than a day, and no guess in flight is that old. */
    {"sweep_login_failures",
     "WITH gone AS (DELETE FROM forge.login_failures WHERE ctid = ANY (ARRAY(SELECT ctid FROM forge.login_failures"
     " WHERE last_at < now() - interval '1 day' AND coalesce(locked_until < now(), true) AND pending_until < now()"
     " LIMIT 1000 FOR UPDATE SKIP LOCKED)) RETURNING 1) SELECT count(*) AS n FROM gone",
     0},
    {"sweep_login_challenges",
     "WITH gone AS (DELETE FROM forge.login_challenges WHERE id = ANY (ARRAY(SELECT id FROM forge.login_challenges"
     " WHERE expires_at < now() LIMIT 1000 FOR UPDATE SKIP LOCKED)) RETURNING 1) SELECT count(*) AS n FROM gone",
     0},
};

forge_status_t forge_store_housekeeping(forge_db_t *db, apr_pool_t *p)
{
    forge_status_t first = FORGE_OK;
    apr_pool_t *turn;
    apr_pool_create(&turn, p);
    for (size_t i = 0; i < sizeof sweeps / sizeof *sweeps; i++) {
        apr_int64_t gone = BATCH;
        for (int n = 0; gone == BATCH && n < BATCHES_MAX; n++) {
            forge_rows_t *rows;
            forge_status_t status = forge_store_run(db, turn, &sweeps[i], NULL, &rows);
            gone = status == FORGE_OK ? forge_store_rows_int(rows, 0, "n", 0) : 0;
            if (status != FORGE_OK && first == FORGE_OK)
                first = status;
            apr_pool_clear(turn);
        }
    }
    apr_pool_destroy(turn);
    return first;
}
