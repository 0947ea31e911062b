/* SPDX-License-Identifier: Apache-2.0
 * What the tests of store/engine/db.c and run.c share: a connection to a database of their own, and two statements.
 */
#ifndef FORGE_UNIT_STORE_DB_H
#define FORGE_UNIT_STORE_DB_H

#include "pg.h"
#include "store/store.h"
#include "unit.h"
#include <apr_strings.h>

static const forge_stmt_t add_stmt = {"test_add", "SELECT $1::int + $2::int AS sum, pg_backend_pid() AS pid"};
__attribute__((unused)) static const forge_stmt_t slow_stmt = {"test_slow", "SELECT pg_sleep($1::float8)"};
#define ONE_TWO FORGE_ARGS("1", "2")

static PGconn *conn;
static forge_db_t *db;

__attribute__((unused)) static void db_setup(const char *name)
{
    forge_test_begin();
    conn = forge_test_pg_connect(forge_test_pool, forge_test_pg_database(forge_test_pool, name, true));
    db = forge_test_pg_attach(forge_test_pool, conn);
}

__attribute__((unused)) static void add_works(void)
{
    forge_rows_t *rows;
    ck_assert_int_eq(forge_store_run(db, forge_test_pool, &add_stmt, ONE_TWO, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "sum", 0), 3);
}

__attribute__((unused)) static int prepared(const char *name)
{
    return atoi(forge_test_pg_ask(
        db, forge_test_pool,
        apr_psprintf(forge_test_pool, "SELECT count(*) FROM pg_prepared_statements WHERE name = '%s'", name)));
}

__attribute__((unused)) static forge_status_t sql(const char *text)
{
    const forge_stmt_t stmt = {"", text};
    return forge_store_run(db, forge_test_pool, &stmt, FORGE_NO_ARGS, NULL);
}

#endif
