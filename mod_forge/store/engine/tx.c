/* SPDX-License-Identifier: Apache-2.0
 * Transactions: only a COMMIT that the server has acknowledged as COMMIT is a success, every other way out rolls back.
 */
#include "store_private.h"
#include "store/store.h"
#include <string.h>

#define ABANDON_WAIT apr_time_from_sec(1)

/* BEGIN waits for the first statement and travels with it, so that it costs no round trip of its own. */
forge_status_t forge_store_begin(forge_db_t *db, apr_pool_t *p)
{
    if (!db || !db->conn || PQstatus(db->conn) != CONNECTION_OK)
        return FORGE_E_DATABASE_DOWN;
    if (db->depth >= FORGE_STORE_SAVEPOINTS_MAX)
        return FORGE_E_INTERNAL;
    if (db->depth == 0)
        db->begin_due = true;
    else /* one name for all levels: PostgreSQL takes the innermost */
        FORGE_TRY(forge_store_simple(db, p, "SAVEPOINT forge", NULL, NULL));
    db->depth++;
    forge_store_effects_mark(db);
    db->again = false;
    db->failed = FORGE_OK;
    return FORGE_OK;
}

/* Ends the outermost level. Whatever the answer, no transaction is open afterwards. */
static forge_status_t commit_outermost(forge_db_t *db, apr_pool_t *p)
{
    char tag[32] = "";
    forge_status_t status = FORGE_OK;
    if (!db->begin_due) {
        status = forge_store_simple(db, p, "COMMIT", tag, NULL);
        /* COMMIT of a transaction that failed before is no error: the server says ROLLBACK and means it. */
        if (status == FORGE_OK && strcmp(tag, "COMMIT") != 0) {
            forge_store_say(db, true, "FG0208",
                            "a transaction with a failed statement was committed and so rolled back");
            status = db->failed ? db->failed : FORGE_E_INTERNAL;
        }
    }
    db->begin_due = false;
    if (status != FORGE_OK)
        forge_store_effects_undo(db);
    db->depth = 0;
    return status;
}

forge_status_t forge_store_commit(forge_db_t *db, apr_pool_t *p)
{
    if (!db || !db->conn || db->depth == 0)
        return FORGE_E_DATABASE_DOWN;
    if (db->depth == 1)
        return commit_outermost(db, p);
    FORGE_TRY(forge_store_simple(db, p, "RELEASE SAVEPOINT forge", NULL, NULL));
    db->depth--;
    return FORGE_OK;
}

/* Undoes one level. A connection that does not obey is of no more use. */
static void undo(forge_db_t *db, const char *sql, PGTransactionStatusType expected)
{
    if (PQtransactionStatus(db->conn) != PQTRANS_ACTIVE && forge_store_simple(db, NULL, sql, NULL, NULL) == FORGE_OK &&
        PQtransactionStatus(db->conn) == expected)
        return;
    if (PQstatus(db->conn) == CONNECTION_OK)
        forge_store_say(db, true, "FG0209", "could not roll back a transaction, the database connection is dropped");
    forge_store_break(db);
}

void forge_store_rollback(forge_db_t *db)
{
    if (!db || !db->conn)
        return;
    if (db->begin_due || PQstatus(db->conn) != CONNECTION_OK) {
        db->begin_due = false;
    } else if (db->depth > 1) {
        undo(db, "ROLLBACK TO SAVEPOINT forge; RELEASE SAVEPOINT forge", PQTRANS_INTRANS);
    } else if (PQtransactionStatus(db->conn) != PQTRANS_IDLE) {
        undo(db, "ROLLBACK", PQTRANS_IDLE);
        db->activity_due =
            *db->activity != '\0'; /* application_name may have been set inside, and is then what it was before */
        db->link->named_at = 0;
    }
    if (db->depth > 0) {
        forge_store_effects_undo(db);
        db->depth--;
    }
    db->failed = FORGE_OK;
}

void forge_store_abandon(forge_db_t *db)
{
    if (!db || !db->conn || db->depth == 0)
        return;
    if (db->settings.answer_timeout > ABANDON_WAIT)
        db->settings.answer_timeout = ABANDON_WAIT;
    for (; db->depth > 1; db->depth--)
        forge_store_effects_undo(db);
    forge_store_rollback(db);
}

bool forge_store_again(forge_db_t *db, int tries)
{
    if (!db || !db->again || db->depth == 0 || tries >= FORGE_STORE_RETRIES)
        return false;
    while (db->depth > 0 && PQstatus(db->conn) == CONNECTION_OK)
        forge_store_rollback(db);
    db->again = false;
    if (PQstatus(db->conn) != CONNECTION_OK)
        return false;
    forge_store_pause(tries + 1);
    return true;
}

forge_status_t forge_store_tx(forge_db_t *db, apr_pool_t *p,
                              forge_status_t (*fn)(forge_db_t *db, apr_pool_t *p, void *baton), void *baton)
{
    for (int tries = 0;;) {
        FORGE_TRY(forge_store_begin(db, p));
        int level = db->depth;
        forge_status_t status = fn(db, p, baton);
        while (db->depth > level) /* a level fn has left open is no success of it */
            forge_store_rollback(db);
        if (status == FORGE_OK && (status = forge_store_commit(db, p)) == FORGE_OK)
            return FORGE_OK;
        bool again = db->again;
        if (db->depth >= level)
            forge_store_rollback(db);
        if (!again || tries == FORGE_STORE_RETRIES || PQstatus(db->conn) != CONNECTION_OK)
            return status;
        forge_store_pause(++tries);
    }
}
