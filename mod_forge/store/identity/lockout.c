/* SPDX-License-Identifier: Apache-2.0
 * Lockout: guesses are charged before they are checked and settled afterwards, each by one statement (SECURITY 30).
 */
#include "identity_private.h"

#include <apr_strings.h>

/* clang-format off */

/* The value of a counter f now. A lock that has run out wipes it, as does a silence of the same length. Guesses whose
 * process died are given up. */
#define FAILURES \
    "CASE WHEN f.locked_until <= now() OR f.last_at <= now() - make_interval(secs => $4::int)" \
    " THEN 0 ELSE f.failures END"
#define PENDING  "CASE WHEN f.pending_until > now() THEN f.pending ELSE 0 END"

#define GUESS_LIFE "interval '15 seconds'" /* a guess takes no longer */
#define FOR_ALL(limit) limit " * " APR_STRINGIFY(FORGE_LOCKOUT_EVERYWHERE)

/* One counter takes one more guess, if it can. A counter at its limit that is not locked (the limit was lowered)
 * takes one at a time. The WHERE of DO UPDATE sees the newest row, under its lock: that makes it exact. */
#define CHARGE(name, address, limit, from) \
    name " AS (" \
    " INSERT INTO forge.login_failures AS f (subject, address, pending, pending_until)" \
    " SELECT $1, " address ", 1, now() + " GUESS_LIFE " FROM " from                                              \
    " ON CONFLICT (subject, address) DO UPDATE SET" \
    "  failures = " FAILURES ", pending = " PENDING " + 1, pending_until = now() + " GUESS_LIFE ","              \
    "  locked_until = CASE WHEN f.locked_until > now() THEN f.locked_until END" \
    " WHERE coalesce(f.locked_until <= now(), true) AND (" FAILURES " + " PENDING " < " limit " OR " PENDING " = 0)" \
    " RETURNING 1)"

/* A counter that cannot take one more. */
#define FULL(limit) "(" FAILURES " + " PENDING " >= " limit " AND " PENDING " > 0)"

/* `shut`: locks and full counters that the snapshot knows. A guess that they refuse leaves nothing behind. A lock that
 * came a moment later only answers "busy", and the next try sees it. The counter of all networks is charged only if the
 * one of this network was; `half` tells the caller to take that one back.
 * $1 subject, $2 address, $3 limit, $4 seconds, $5 the account itself. */
static const forge_stmt_t guess_charge = {
    "guess_charge",
    "WITH shut AS ("
    " SELECT max(f.locked_until) FILTER (WHERE f.locked_until > now()) AS until,"
    "  bool_or(f.subject = $1 AND CASE f.address WHEN '' THEN " FULL(FOR_ALL("$3::int")) " ELSE " FULL("$3::int")
    " END) AS is_full"
    " FROM forge.login_failures f WHERE f.subject IN ($1, $5) AND f.address IN ($2, '')), "
    CHARGE("own", "$2", "$3::int", "shut WHERE until IS NULL AND is_full IS NOT TRUE") ", "
    CHARGE("every", "''", FOR_ALL("$3::int"), "own") " "
    "SELECT EXISTS (SELECT FROM every) AS allowed, EXISTS (SELECT FROM own) AS half,"
    " ceil(extract(epoch FROM until - now()))::int AS seconds FROM shut"};

#define FAIL(name, address, limit, from) \
    name " AS (" \
    " INSERT INTO forge.login_failures AS f (subject, address, failures)" \
    " SELECT $1, " address ", 1 FROM " from \
    " ON CONFLICT (subject, address) DO UPDATE SET" \
    "  failures = " FAILURES " + 1, pending = greatest(f.pending - 1, 0), last_at = now()," \
    "  locked_until = CASE WHEN " FAILURES " + 1 >= " limit " THEN now() + make_interval(secs => $4::int) END" \
    " RETURNING failures, locked_until)"

/* $1 subject, $2 address, $3 limit, $4 seconds, $5 event, $6 account (0: unknown), $7 caller (0: nobody), $8 ip,
 * $9 request id, $10 where. */
static const forge_stmt_t guess_failed = {
    "guess_failed",
    "WITH one AS (SELECT WHERE $1::text IS NOT NULL), "
    FAIL("own", "$2", "$3::int", "one") ", "
    FAIL("every", "''", FOR_ALL("$3::int"), "own") ", "
    "locked AS ("
    " SELECT 'network' AS scope, failures FROM own WHERE locked_until > now()"
    " UNION ALL SELECT 'everywhere', failures FROM every WHERE locked_until > now()), "
    FORGE_AUDIT(
        "SELECT $5::text, nullif($7::bigint, 0), nullif($6::bigint, 0), $8::inet, $9,"
        " jsonb_strip_nulls(jsonb_build_object('at', $10::text, 'unknown', CASE WHEN $6::bigint = 0 THEN substr($1, 6,"
        " 16) END)) "
        "UNION ALL SELECT 'user.locked', nullif($7::bigint, 0), nullif($6::bigint, 0), $8::inet, $9,"
        " jsonb_build_object('scope', scope, 'failures', failures, 'seconds', $4::int) FROM locked") " "
    "SELECT " FORGE_AUDITED};

static const forge_stmt_t guess_settle = {
    "guess_settle",
    "WITH one AS (SELECT), " FORGE_GUESS_SETTLE("$1", "$2", "$3::boolean", "one") " SELECT EXISTS (SELECT FROM own) AS"
    " own"};

/* Half a charge: only the counter of this network. */
static const forge_stmt_t guess_unwind = {
    "guess_unwind",
    "UPDATE forge.login_failures SET pending = greatest(pending - 1, 0) WHERE subject = $1 AND address = $2"};

/* The counters of networks first, the one of all networks last: the order in which guesses lock them. */
static const forge_stmt_t user_unlock = {
    "user_unlock",
    "WITH who AS (SELECT id FROM forge.users WHERE id = $1::bigint), "
    "own AS (DELETE FROM forge.login_failures f USING who WHERE f.subject IN " FORGE_GUESS_SUBJECTS("who.id")
    " AND f.address <> ''"
    " RETURNING 1), "
    "every AS ("
    " DELETE FROM forge.login_failures f USING who WHERE f.subject IN " FORGE_GUESS_SUBJECTS("who.id")
    " AND f.address = '' AND (SELECT"
    " count(*) FROM own) >= 0"
    " RETURNING 1), "
    FORGE_AUDIT(
        "SELECT 'user.unlocked', nullif($2::bigint, 0), id, $3::inet, $4,"
        " jsonb_build_object('counters', (SELECT count(*) FROM own) + (SELECT count(*) FROM every)) FROM who") " "
    "SELECT id, " FORGE_AUDITED " FROM who"};

/* clang-format on */

const char *forge_store_guess_subject(apr_pool_t *p, apr_int64_t user_id, forge_guess_at_t at)
{
    static const char *const ends[] = {"", ":email", ":name"};
    return apr_psprintf(p, "user:%" APR_INT64_T_FMT "%s", user_id, ends[at]);
}

forge_status_t forge_store_guess_charge(forge_db_t *db, apr_pool_t *p, const forge_guess_t *g,
                                        forge_guess_verdict_t *verdict, int *seconds)
{
    const forge_args_t args =
        FORGE_ARGS(g->subject, g->address, forge_util_itoa(p, g->limit), forge_util_itoa(p, g->seconds), g->account);
    forge_rows_t *rows;
    FORGE_TRY(forge_store_run(db, p, &guess_charge, args, &rows));
    *seconds = (int)forge_store_rows_int(rows, 0, "seconds", 0);
    *verdict = FORGE_GUESS_ALLOWED;
    if (forge_store_rows_bool(rows, 0, "allowed"))
        return FORGE_OK;
    *verdict = *seconds > 0 ? FORGE_GUESS_LOCKED : FORGE_GUESS_BUSY;
    return forge_store_rows_bool(rows, 0, "half")
               ? forge_store_run(db, p, &guess_unwind, FORGE_ARGS(g->subject, g->address), NULL)
               : FORGE_OK;
}

forge_status_t forge_store_guess_failed(forge_db_t *db, apr_pool_t *p, const forge_guess_t *g, const char *event,
                                        const char *at)
{
    const forge_args_t args = FORGE_ARGS(g->subject, g->address, forge_util_itoa(p, g->limit),
                                         forge_util_itoa(p, g->seconds), event, forge_util_itoa(p, g->user_id),
                                         forge_util_itoa(p, g->actor_id), forge_store_ip(p, g->ip), g->request_id, at);
    return forge_store_run(db, p, &guess_failed, args, NULL);
}

forge_status_t forge_store_guess_settle(forge_db_t *db, apr_pool_t *p, const forge_guess_t *g, bool good)
{
    const forge_args_t args = FORGE_ARGS(g->subject, g->address, good ? "t" : "f");
    return g->subject ? forge_store_run(db, p, &guess_settle, args, NULL) : FORGE_OK;
}

forge_status_t forge_store_unlock(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t user_id,
                                  forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, user_id), forge_util_itoa(p, by->id), forge_store_ip(p, by->ip), by->request_id);
    return forge_store_run(db, p, &user_unlock, args, rows);
}
