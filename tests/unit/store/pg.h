/* SPDX-License-Identifier: Apache-2.0
 * A private PostgreSQL for the tests of store/: a Unix socket in a folder of its own, gone when the test program ends.
 */
#ifndef FORGE_UNIT_STORE_PG_H
#define FORGE_UNIT_STORE_PG_H

#include "store/store.h"
#include <libpq-fe.h>

/* Unchecked fixture: starts the server once a program, in the parent of all forked tests. */
void forge_test_pg_start(void);
/* A new empty database of that name; returns its connection string. With schema: forge.migrations says that the schema
 * is new enough. */
const char *forge_test_pg_database(apr_pool_t *p, const char *name, bool schema);
/* A new database of that name with the schema of sql/migrations, a copy of one that is migrated once; the role
 * forge_app. */
const char *forge_test_pg_migrated(apr_pool_t *p, const char *name);
/* The same in a Turkish locale, of ICU or of libc. */
const char *forge_test_pg_turkish(apr_pool_t *p, const char *name, bool icu);
/* A connection as the pool would hand it out, closed with p. */
PGconn *forge_test_pg_connect(apr_pool_t *p, const char *conninfo);
/* Attaches with short time-outs (2 s, 4 s); the test fails when it does not work. */
forge_db_t *forge_test_pg_attach(apr_pool_t *p, PGconn *conn);
/* The same for who makes the rows of a case: how long that takes on a busy machine says nothing. */
forge_db_t *forge_test_pg_attach_owner(apr_pool_t *p, PGconn *conn);
/* One statement without parameters by a fresh unnamed statement; the first column of the first row, NULL when there is
 * none. */
const char *forge_test_pg_ask(forge_db_t *db, apr_pool_t *p, const char *sql);
/* Literal SQL that must work. */
void forge_test_pg_do(forge_db_t *db, apr_pool_t *p, const char *sql);
/* Tags of everything the store has logged in this test, "FG0201 FG0202 ". */
const char *forge_test_pg_logged(void);

#endif
