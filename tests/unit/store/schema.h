/* SPDX-License-Identifier: Apache-2.0
 * For the tests of store/'s aggregates: a database with the real schema, used through the application role and its
 * rights.
 */
#ifndef FORGE_UNIT_STORE_SCHEMA_H
#define FORGE_UNIT_STORE_SCHEMA_H

#include "pg.h"
#include "store/store.h"
#include "unit.h"
#include <apr_strings.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORGE_TEST_HASH "{sha256}$2y$12$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static char forge_test_dsn[256]; /* as the owner of everything; set once a suite */
static forge_db_t *db, *owner;   /* the application role; the owner */

/* Unchecked fixture body: the database of a suite. Nothing stays open for the forked tests to inherit. */
__attribute__((unused)) static void schema_begin(const char *name)
{
    apr_pool_t *p;
    forge_test_pg_start();
    apr_initialize();
    apr_pool_create(&p, NULL);
    apr_cpystrn(forge_test_dsn, forge_test_pg_migrated(p, name), sizeof(forge_test_dsn));
    apr_pool_destroy(p);
    apr_terminate();
}

/* A further connection of the application role. */
__attribute__((unused)) static forge_db_t *schema_attach(void)
{
    return forge_test_pg_attach(
        forge_test_pool,
        forge_test_pg_connect(forge_test_pool, apr_pstrcat(forge_test_pool, forge_test_dsn, " user=forge_app", NULL)));
}

/* Checked fixture: empty tables, both connections. */
__attribute__((unused)) static void schema_setup(void)
{
    forge_test_begin();
    owner = forge_test_pg_attach_owner(forge_test_pool, forge_test_pg_connect(forge_test_pool, forge_test_dsn));
    forge_test_pg_do(owner, forge_test_pool,
                     "SET client_min_messages = warning; SET forge.retention = 'on';"
                     "TRUNCATE forge.users, forge.organizations, forge.courses, forge.achievements, "
                     "forge.audit_events, forge.idempotency_keys"
                     " RESTART IDENTITY CASCADE; RESET forge.retention");
    db = schema_attach();
}

/* One value as the owner sees it. */
__attribute__((unused)) static const char *ask(const char *sql)
{
    return forge_test_pg_ask(owner, forge_test_pool, sql);
}

__attribute__((unused)) static void sql(const char *text)
{
    forge_test_pg_do(owner, forge_test_pool, text);
}

/* Runs fn(i) in n processes at once and counts how many returned `wanted`; each makes its own connection. */
__attribute__((unused)) static int at_once(int n, forge_status_t (*fn)(int i), forge_status_t wanted)
{
    pid_t pids[64];
    int status, hits = 0;
    for (int i = 0; i < n; i++)
        if ((pids[i] = fork()) == 0)
            _exit(fn(i));
    for (int i = 0; i < n; i++)
        if (waitpid(pids[i], &status, 0) == pids[i] && WIFEXITED(status) && WEXITSTATUS(status) == (int)wanted)
            hits++;
    return hits;
}

#endif
