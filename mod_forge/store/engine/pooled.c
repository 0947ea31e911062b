/* SPDX-License-Identifier: Apache-2.0
 * What a pool asks of a connection that nobody uses: is it in order, does it lead to the right server, and is the
 * schema still one that this build can live with. That a connection lives does not say so: after a fail-over the old
 * server still answers (SECURITY 69).
 */
#include "store_private.h"
#include "store/store.h"
#include <string.h>

#define WHO_SQL \
    "SELECT " FORGE_SERVER_UNWRITABLE " AS unwritable, pg_is_in_recovery() AS standby, " FORGE_SERVER_SYSTEM \
    " AS system, " FORGE_SERVER_REPLAYED " AS replayed, current_setting('forge.session', true) AS session"

static const forge_stmt_t pool_ping = {"pool_ping", WHO_SQL};
static const forge_stmt_t pool_check = {"pool_check", WHO_SQL ", s.number, s.breaking FROM (" FORGE_SCHEMA_SQL ") s"};

void forge_store_db_leave(forge_db_t *db)
{
    if (!db || !db->conn)
        return;
    for (; db->depth > 0; db->depth--)
        forge_store_effects_undo(db);
    db->begin_due = false;
    db->effects.changed = db->link->changed;
    db->link->changed = 0;
    db->conn = NULL; /* from here on another thread may have it */
    db->link = NULL;
}

/* Whether the answer to a ping is that of the session which was greeted; says why not. */
static bool same_session(const forge_db_t *db, const forge_rows_t *rows)
{
    const char *session = forge_store_rows_text(rows, 0, "session"), *system = forge_store_rows_text(rows, 0, "system");
    if (!session || strcmp(session, db->link->session) != 0) {
        db->link->mixed_up = true;
        forge_store_say(db, true, "FG0211",
                        "this connection has become another session; a pooler between here and the database must pool "
                        "by session");
        return false;
    }
    /* A replica that follows its primary to another timeline is still the same. */
    return db->link->replica || (system && strcmp(system, db->link->system) == 0);
}

/* Keeps how far a standby said that it is. */
static void replica_note(forge_db_t *db, const forge_rows_t *rows)
{
    const char *system = forge_store_rows_text(rows, 0, "system");
    if (!db->link->replica || !system)
        return;
    db->link->kin = forge_store_kin(system);
    db->link->replayed = (apr_uint64_t)forge_store_rows_int(rows, 0, "replayed", 0);
}

/* Who answers, by a statement that begins with WHO_SQL. */
static forge_status_t ask(forge_db_t *db, apr_pool_t *p, const forge_stmt_t *stmt, forge_rows_t **rows)
{
    db->activity_due = false; /* the last user's name tells more than ours */
    FORGE_TRY(forge_store_run(db, p, stmt, FORGE_NO_ARGS, rows));
    if (!forge_store_right_kind(db->link->replica, forge_store_rows_text(*rows, 0, "unwritable"),
                                forge_store_rows_text(*rows, 0, "standby")))
        forge_store_unwritable(db);
    else if (same_session(db, *rows)) {
        replica_note(db, *rows);
        return FORGE_OK;
    }
    forge_store_break(db);
    return FORGE_E_DATABASE_DOWN;
}

forge_status_t forge_store_db_ping(forge_db_t *db, apr_pool_t *p)
{
    forge_rows_t *rows;
    return ask(db, p, &pool_ping, &rows);
}

forge_status_t forge_store_db_check(forge_db_t *db, apr_pool_t *p)
{
    forge_rows_t *rows;
    FORGE_TRY(ask(db, p, &pool_check, &rows));
    return forge_store_schema_judge(db, (int)forge_store_rows_int(rows, 0, "number", 0),
                                    (int)forge_store_rows_int(rows, 0, "breaking", 0));
}

const char *forge_store_db_system(const forge_db_t *db)
{
    return db->link ? db->link->system : "";
}

forge_native_t forge_store_native_state(void *native)
{
    const forge_link_t *link = forge_store_link_kept(native);
    return (forge_native_t){.clean = link && link->ready && PQstatus(native) == CONNECTION_OK &&
                                     PQtransactionStatus(native) == PQTRANS_IDLE,
                            .unanswered = link && link->unanswered,
                            .unwritable = link && link->unwritable,
                            .mixed_up = link && link->mixed_up,
                            .pooler = link && link->pooler};
}
