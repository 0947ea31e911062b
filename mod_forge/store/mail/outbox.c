/* SPDX-License-Identifier: Apache-2.0
 * Mails that wait to be sent: claimed for a while, then deleted or put off. No transaction is open while a mail is on
 * its way.
 */
#include "store/engine/store_private.h"
#include "mail.h"

/* clang-format off */

/* Claims mails by moving next_try_at. If a sender dies in the middle, another one claims them when that time has
 * come. */
static const forge_stmt_t claim = {
    "mail_claim",
    "WITH due AS ("
    " SELECT id FROM forge.mail_outbox WHERE sender = $1 AND next_try_at <= now() ORDER BY next_try_at, id"
    " LIMIT " APR_STRINGIFY(FORGE_MAILS_AT_ONCE) " FOR UPDATE SKIP LOCKED) "
    "UPDATE forge.mail_outbox m SET next_try_at = now() + $2::bigint * interval '1 microsecond', tries = m.tries + 1"
    " FROM due "
    "WHERE m.id = due.id "
    "RETURNING m.id, m.kind, m.recipient, m.user_id, m.payload, m.message_id, m.created_at, m.tries,"
    " (SELECT username FROM forge.users u WHERE u.id = m.user_id) AS username,"
    " (SELECT locale FROM forge.users u WHERE u.id = m.user_id) AS locale,"
    " m.user_id IS NOT NULL AND m.kind IN ('verify', 'reset', 'email_change') AND NOT EXISTS ("
    "  SELECT FROM forge.one_time_tokens t WHERE t.user_id = m.user_id AND t.kind = m.kind AND t.used_at IS NULL AND"
    " t.expires_at > now())"
    "  AS _void,"
    " m.created_at < now() - " FORGE_INTERVAL(FORGE_MAIL_HOURS, "hours") " AS _old"};

static const forge_stmt_t hold = {
    "mail_hold",
    "UPDATE forge.mail_outbox SET next_try_at = now() + $2::bigint * interval '1 microsecond'"
    " WHERE id = ANY ($1::bigint[])"};

static const forge_stmt_t done = {"mail_done", "DELETE FROM forge.mail_outbox WHERE id = $1::bigint"};

static const forge_stmt_t later = {
    "mail_later",
    "UPDATE forge.mail_outbox SET next_try_at = now() + $2::bigint * interval '1 microsecond', last_error = left($3,"
    " 500)"
    " WHERE id = $1::bigint"};

/* The outbox stays what it is: a mail is there when what it tells was committed, sealed, with tries and times of its
 * own. A job is a turn of sending for one sender, and is made only when a mail is due, by whoever can send it: requests
 * that write mails need not meet at the row of a job, and no mail depends on a job that was missed. */
static const forge_stmt_t turn = {
    "mail_job",
    "WITH due AS MATERIALIZED (SELECT EXISTS ("
    "  SELECT FROM forge.mail_outbox WHERE sender = $1 AND next_try_at <= now()) AS due),"
    " made AS (INSERT INTO forge.jobs (kind, key)"
    "  SELECT 'mail', left($1, " APR_STRINGIFY(FORGE_MAIL_KEY_MAX) ") FROM due WHERE due"
    "  ON CONFLICT (kind, key) WHERE key IS NOT NULL AND finished_at IS NULL DO NOTHING)"
    " SELECT due FROM due"};

static const forge_stmt_t state = {
    "mail_state",
    "SELECT count(*) AS waiting, coalesce(bool_or((last_error IS NOT NULL AND created_at < now() - interval '1 minute')"
    " OR created_at < now() - interval '5 minutes'), false) AS late"
    " FROM (SELECT created_at, last_error FROM forge.mail_outbox WHERE sender = $1 ORDER BY next_try_at LIMIT 1000) AS"
    " eldest"};

/* clang-format on */

forge_status_t forge_store_mail_claim(forge_db_t *db, apr_pool_t *p, const char *sender,
                                      apr_interval_time_t claimed_for, forge_rows_t **rows)
{
    return forge_store_run(db, p, &claim, FORGE_ARGS(sender, forge_util_itoa(p, claimed_for)), rows);
}

forge_status_t forge_store_mail_hold(forge_db_t *db, apr_pool_t *p, const char *ids, apr_interval_time_t claimed_for)
{
    return forge_store_run(db, p, &hold, FORGE_ARGS(ids, forge_util_itoa(p, claimed_for)), NULL);
}

forge_status_t forge_store_mail_done(forge_db_t *db, apr_pool_t *p, apr_int64_t id)
{
    return forge_store_run(db, p, &done, FORGE_ARGS(forge_util_itoa(p, id)), NULL);
}

forge_status_t forge_store_mail_later(forge_db_t *db, apr_pool_t *p, apr_int64_t id, apr_interval_time_t delay,
                                      const char *error)
{
    return forge_store_run(db, p, &later, FORGE_ARGS(forge_util_itoa(p, id), forge_util_itoa(p, delay), error), NULL);
}

forge_status_t forge_store_mail_state(forge_db_t *db, apr_pool_t *p, const char *sender, forge_rows_t **rows)
{
    return forge_store_run(db, p, &state, FORGE_ARGS(sender), rows);
}

forge_status_t forge_store_mail_job(forge_db_t *db, apr_pool_t *p, const char *sender, bool *due)
{
    forge_rows_t *rows;
    FORGE_TRY(forge_store_run(db, p, &turn, FORGE_ARGS(sender), &rows));
    *due = forge_store_rows_bool(rows, 0, "due");
    return FORGE_OK;
}
