/* SPDX-License-Identifier: Apache-2.0
 * Answers kept under their Idempotency-Key: the claim, the work and the answer share one transaction, so that none is
 * there without the others.
 */
#include "operations_private.h"
#include <apr_strings.h>
#include <string.h>

/* One statement takes the lock and the row. A key past its time is taken over, and so is one whose request ended
 * without an answer worth keeping. */
static const forge_stmt_t claim_stmt = {
    "idempotency_claim",
    "WITH attempt AS MATERIALIZED ("
    " SELECT pg_try_advisory_xact_lock(hashtextextended($1::text || chr(31) || $2::text, 0)) AS free"
    "), mine AS ("
    " INSERT INTO forge.idempotency_keys AS k (scope, key, fingerprint) SELECT $1, $2, $3 FROM attempt WHERE free"
    " ON CONFLICT (scope, key) DO UPDATE"
    "  SET fingerprint = excluded.fingerprint, status = NULL, headers = NULL, body = NULL, created_at = now()"
    "  WHERE k.status IS NULL AND (k.headers->>'until' IS NULL OR (k.headers->>'until')::timestamptz < now()"
    "   OR k.headers->>'owner' = $4::text) OR k.created_at < now() - " FORGE_IDEMPOTENCY_LIFE " RETURNING 1"
    ") SELECT attempt.free, EXISTS (SELECT FROM mine) AS mine, old.fingerprint, old.status, old.headers,"
    " encode(old.body, 'hex') AS body"
    " FROM attempt LEFT JOIN forge.idempotency_keys old ON old.scope = $1 AND old.key = $2"};
/* Seen by others because it is committed, while its request holds no connection. */
static const forge_stmt_t mark_stmt = {
    "idempotency_mark", "UPDATE forge.idempotency_keys SET headers = jsonb_build_object('owner', $3::text, 'until',"
                        " now() + $4::bigint * interval '1 microsecond') WHERE scope = $1 AND key = $2"};
static const forge_stmt_t unmark_stmt = {
    "idempotency_unmark", "UPDATE forge.idempotency_keys SET headers = NULL WHERE scope = $1 AND key = $2"
                          " AND status IS NULL AND headers->>'owner' = $3::text"};
static const forge_stmt_t keep_stmt = {"idempotency_keep",
                                       "UPDATE forge.idempotency_keys SET status = $3, headers = $4, body = decode($5, "
                                       "'hex') WHERE scope = $1 AND key = $2"};

/* The bytes that lower-case hex stands for, and a NUL behind them. */
static const char *unhex(apr_pool_t *p, const char *hex, apr_size_t *len)
{
    *len = strlen(hex) / 2;
    char *out = apr_palloc(p, *len + 1);
    for (apr_size_t i = 0; i < *len; i++) {
        unsigned char high = (unsigned char)hex[2 * i], low = (unsigned char)hex[2 * i + 1];
        out[i] =
            (char)(((high <= '9' ? high - '0' : high - 'a' + 10) << 4) | (low <= '9' ? low - '0' : low - 'a' + 10));
    }
    out[*len] = '\0';
    return out;
}

static void answer_read(apr_pool_t *p, const forge_rows_t *rows, forge_stored_answer_t *answer)
{
    const char *headers = forge_store_rows_text(rows, 0, "headers"), *body = forge_store_rows_text(rows, 0, "body");
    memset(answer, 0, sizeof(*answer));
    answer->status = (int)forge_store_rows_int(rows, 0, "status", 0);
    answer->headers_json = headers ? apr_pstrdup(p, headers) : NULL;
    answer->body = body ? unhex(p, body, &answer->body_len) : NULL;
}

forge_status_t forge_store_idempotency_claim(forge_db_t *db, apr_pool_t *p, const forge_idempotency_key_t *key,
                                             bool *found, forge_stored_answer_t *answer)
{
    const forge_args_t args = FORGE_ARGS(key->scope, key->key, key->fingerprint, key->owner);
    *found = false;
    /* An answer committed after our snapshot but before our lock is not ours and not seen: the next snapshot has it. */
    for (int tries = 0; tries < 3; tries++) {
        forge_rows_t *rows;
        FORGE_TRY(forge_store_run(db, p, &claim_stmt, args, &rows));
        if (!forge_store_rows_bool(rows, 0, "free"))
            return FORGE_E_IDEMPOTENCY_RUNNING;
        if (forge_store_rows_bool(rows, 0, "mine"))
            return FORGE_OK;
        const char *old = forge_store_rows_text(rows, 0, "fingerprint");
        if (!old || (!forge_store_rows_text(rows, 0, "status") && !forge_store_rows_text(rows, 0, "headers")))
            continue;
        if (strcmp(old, key->fingerprint) != 0)
            return FORGE_E_IDEMPOTENCY_MISMATCH;
        if (!forge_store_rows_text(rows, 0, "status"))
            return FORGE_E_IDEMPOTENCY_RUNNING;
        answer_read(p, rows, answer);
        *found = true;
        return FORGE_OK;
    }
    return FORGE_E_IDEMPOTENCY_RUNNING;
}

forge_status_t forge_store_idempotency_mark(forge_db_t *db, apr_pool_t *p, const forge_idempotency_key_t *key,
                                            apr_interval_time_t life)
{
    const forge_args_t args = FORGE_ARGS(key->scope, key->key, key->owner, forge_util_itoa(p, life));
    return forge_store_run(db, p, &mark_stmt, args, NULL);
}

forge_status_t forge_store_idempotency_unmark(forge_db_t *db, apr_pool_t *p, const forge_idempotency_key_t *key)
{
    const forge_args_t args = FORGE_ARGS(key->scope, key->key, key->owner);
    return forge_store_run(db, p, &unmark_stmt, args, NULL);
}

forge_status_t forge_store_idempotency_keep(forge_db_t *db, apr_pool_t *p, const forge_idempotency_key_t *key,
                                            const forge_stored_answer_t *answer)
{
    const char *body = answer->body ? forge_util_hex(p, answer->body, answer->body_len) : NULL;
    const forge_args_t args =
        FORGE_ARGS(key->scope, key->key, forge_util_itoa(p, answer->status), answer->headers_json, body);
    return forge_store_run(db, p, &keep_stmt, args, NULL);
}
