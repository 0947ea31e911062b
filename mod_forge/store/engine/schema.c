/* SPDX-License-Identifier: Apache-2.0
 * The version of the schema: what this build needs and what the database has.
 */
#include "store_private.h"
#include "store/store.h"
#include "schema_version.h"
#include <stdlib.h>

static const forge_stmt_t server_stmt = {"schema_server",
                                         "SELECT to_regclass('forge.migrations') IS NOT NULL AS present, "
                                         "current_setting('max_connections') AS max_connections"};
static const forge_stmt_t newest_stmt = {"schema_newest", FORGE_SCHEMA_SQL};

int forge_store_schema_wanted(void)
{
    return FORGE_SCHEMA_VERSION;
}

forge_status_t forge_store_schema_judge(const forge_db_t *db, int found, int breaking)
{
    if (breaking > FORGE_SCHEMA_VERSION) {
        forge_store_say(
            db, true, "FG0216",
            "migration %d of the database is a breaking one, and this module is made for schema %d; install "
            "the version of mod_forge that belongs to the database",
            breaking, FORGE_SCHEMA_VERSION);
        return FORGE_E_SCHEMA_AHEAD;
    }
    if (found >= FORGE_SCHEMA_VERSION)
        return FORGE_OK;
    forge_store_say(db, true, "FG0204",
                    "the database schema is at migration %d, %d is needed; run forgectl migrate apply", found,
                    FORGE_SCHEMA_VERSION);
    return FORGE_E_SCHEMA_OUTDATED;
}

forge_status_t forge_store_schema_check(forge_db_t *db, apr_pool_t *p, int *found, int *max_connections)
{
    forge_rows_t *rows;
    *found = *max_connections = 0;
    FORGE_TRY(forge_store_run(db, p, &server_stmt, FORGE_NO_ARGS, &rows));
    *max_connections = (int)forge_store_rows_int(rows, 0, "max_connections", 0);
    if (!forge_store_rows_bool(rows, 0, "present"))
        return FORGE_OK;
    FORGE_TRY(forge_store_run(db, p, &newest_stmt, FORGE_NO_ARGS, &rows));
    *found = (int)forge_store_rows_int(rows, 0, "number", 0);
    return forge_store_rows_int(rows, 0, "breaking", 0) > FORGE_SCHEMA_VERSION ? FORGE_E_SCHEMA_AHEAD : FORGE_OK;
}
