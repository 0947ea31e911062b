/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/migrate.c: up, down, changed files, two nodes at once.
 */
#include "pg.h"
#include "store/store.h"
#include "unit.h"
#include <apr_file_io.h>
#include <apr_strings.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static char dir[64];
static const char *where;
static forge_db_t *db;
static char said[1024], states[256];

static void write_file(const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void remove_file(const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    ck_assert_int_eq(remove(path), 0);
}

static void setup(void)
{
    const char *why = "";
    forge_test_begin();
    where = forge_test_pg_database(forge_test_pool, "store_migrate", false);
    db = forge_store_db_connect(forge_test_pool, where, &why);
    ck_assert_msg(db != NULL, "%s", why);
    strcpy(dir, "/tmp/forge-sql-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    write_file("0001_one.up.sql", "CREATE TABLE forge.one (a int); INSERT INTO forge.one VALUES (1);");
    write_file("0001_one.down.sql", "DROP TABLE forge.one;");
    write_file("0002_two.up.sql", "CREATE TABLE two (b int); -- lands in forge by the search path");
    write_file("0002_two.down.sql", "DROP TABLE forge.two;");
    write_file("README", "not a migration");
    said[0] = states[0] = '\0';
}

static void teardown(void)
{
    apr_dir_t *handle;
    apr_finfo_t entry;
    apr_dir_open(&handle, dir, forge_test_pool);
    while (apr_dir_read(&entry, APR_FINFO_NAME, handle) == APR_SUCCESS)
        if (entry.name[0] != '.')
            remove_file(entry.name);
    apr_dir_close(handle);
    rmdir(dir);
    forge_test_end();
}

static apr_array_header_t *files(void)
{
    const char *why = NULL;
    apr_array_header_t *read = forge_store_migrations_read(forge_test_pool, dir, &why);
    ck_assert_msg(read != NULL, "%s", why);
    return read;
}

/* The directory is refused with a sentence that has this in it. */
static void refused(const char *part)
{
    const char *why = NULL;
    ck_assert_ptr_null(forge_store_migrations_read(forge_test_pool, dir, &why));
    ck_assert_msg(strstr(why, part) != NULL, "%s", why);
}

static void say(const char *line)
{
    strcat(strcat(said, line), "\n");
}

static void on_state(void *baton, int number, const char *name, forge_migration_state_t state, const char *applied_at)
{
    ck_assert_ptr_eq(baton, states);
    ck_assert((applied_at != NULL) == (state != FORGE_MIGRATION_PENDING));
    snprintf(states + strlen(states), sizeof states - strlen(states), "%d %s %c, ", number, name, "APCU"[state]);
}

static const char *status(void)
{
    const char *why = NULL;
    states[0] = '\0';
    ck_assert_int_eq(forge_store_migrations_status(db, forge_test_pool, files(), on_state, states, &why), FORGE_OK);
    return states;
}

static forge_status_t apply(int target, const char **why)
{
    said[0] = '\0';
    return forge_store_migrations_apply(db, forge_test_pool, &(forge_migrate_t){files(), target, NULL, say}, why);
}

START_TEST(reads_a_directory)
{
    apr_array_header_t *read = files();
    ck_assert_int_eq(read->nelts, 2);
    ck_assert_str_eq(APR_ARRAY_IDX(read, 1, forge_migration_t).name, "two");
    ck_assert_str_eq(APR_ARRAY_IDX(read, 1, forge_migration_t).down, "DROP TABLE forge.two;");
    write_file("0004_four.up.sql", "");
    write_file("0004_four.down.sql", "");
    refused("0003 is missing");
    write_file("0003_three.up.sql", "");
    refused("0003_three.down.sql");
    write_file("0003_three.down.sql", "");
    ck_assert_int_eq(files()->nelts, 4);
    write_file("0003_again.up.sql", "");
    refused("used twice");
    strcat(dir, "x");
    refused("could not read");
    dir[strlen(dir) - 1] = '\0';
}
END_TEST

START_TEST(up_and_down)
{
    const char *why = NULL;
    int found, max;
    ck_assert_str_eq(status(), "1 one P, 2 two P, ");
    ck_assert_int_eq(apply(1, &why), FORGE_OK);
    ck_assert_str_eq(said, "0001_one applied\n");
    ck_assert_str_eq(status(), "1 one A, 2 two P, ");
    ck_assert_int_eq(apply(0, &why), FORGE_OK);
    ck_assert_str_eq(said, "0002_two applied\n");
    ck_assert_int_eq(apply(0, &why), FORGE_OK);
    ck_assert_str_eq(said, "");
    ck_assert_int_eq(forge_store_schema_check(db, forge_test_pool, &found, &max), FORGE_OK);
    ck_assert_int_eq(found, 2);
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT to_regclass('forge.two') IS NOT NULL"), "true");
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT sha256 FROM forge.migrations WHERE number = 2"),
                     forge_test_pg_ask(db, forge_test_pool,
                                       "SELECT encode(sha256('CREATE TABLE two (b int); -- lands in forge by the search path'), 'hex')"));
    said[0] = '\0';
    ck_assert_int_eq(forge_store_migrations_rollback(db, forge_test_pool, files(), 1, say, &why), FORGE_OK);
    ck_assert_str_eq(said, "0002_two rolled back\n");
    ck_assert_str_eq(status(), "1 one A, 2 two P, ");
    ck_assert_int_eq(forge_store_migrations_rollback(db, forge_test_pool, files(), 9, say, &why), FORGE_OK);
    ck_assert_str_eq(status(), "1 one P, 2 two P, ");
}
END_TEST

START_TEST(the_first_may_take_the_schema_away)
{
    const char *why = NULL;
    write_file("0001_one.down.sql", "DROP SCHEMA forge CASCADE");
    ck_assert_int_eq(apply(0, &why), FORGE_OK);
    ck_assert_int_eq(forge_store_migrations_rollback(db, forge_test_pool, files(), 2, say, &why), FORGE_OK);
    ck_assert_str_eq(status(), "1 one P, 2 two P, ");
    ck_assert_int_eq(apply(0, &why), FORGE_OK);
}
END_TEST

START_TEST(a_changed_file_stops_everything)
{
    const char *why = NULL;
    ck_assert_int_eq(apply(1, &why), FORGE_OK);
    write_file("0001_one.up.sql", "SELECT 1");
    ck_assert_str_eq(status(), "1 one C, 2 two P, ");
    ck_assert_int_eq(apply(0, &why), FORGE_E_CONFLICT);
    ck_assert_msg(strstr(why, "0001_one was changed") != NULL, "%s", why);
    ck_assert_str_eq(status(), "1 one C, 2 two P, ");
}
END_TEST

START_TEST(files_of_a_newer_build_are_missing)
{
    const char *why = NULL;
    ck_assert_int_eq(apply(0, &why), FORGE_OK);
    remove_file("0002_two.up.sql");
    ck_assert_str_eq(status(), "1 one A, 2 two U, ");
    ck_assert_int_eq(apply(0, &why), FORGE_OK);
    ck_assert_int_eq(forge_store_migrations_rollback(db, forge_test_pool, files(), 1, say, &why), FORGE_E_NOT_FOUND);
    ck_assert_msg(strstr(why, "0002_two") != NULL, "%s", why);
}
END_TEST

START_TEST(a_gap_in_the_database)
{
    const char *why = NULL;
    ck_assert_int_eq(apply(0, &why), FORGE_OK);
    forge_test_pg_do(db, forge_test_pool, "DELETE FROM forge.migrations WHERE number = 1");
    ck_assert_int_eq(apply(0, &why), FORGE_E_CONFLICT);
    ck_assert_msg(strstr(why, "0001_one is not applied although 0002_two is") != NULL, "%s", why);
}
END_TEST

START_TEST(a_failing_one_leaves_nothing)
{
    const char *why = NULL;
    write_file("0002_two.up.sql", "CREATE TABLE forge.two (b int); SELECT 1/0");
    ck_assert_int_ne(apply(0, &why), FORGE_OK);
    ck_assert_str_eq(why, "could not apply 0002_two: division by zero");
    ck_assert_str_eq(status(), "1 one A, 2 two P, ");
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT to_regclass('forge.two') IS NULL"), "true");
    write_file("0002_two.up.sql", "CREATE TABLE forge.two (b int); COMMIT; SELECT 1");
    ck_assert_int_ne(apply(0, &why), FORGE_OK);
    ck_assert_msg(strstr(why, "ends the transaction") != NULL, "%s", why);
    ck_assert_str_eq(status(), "1 one A, 2 two P, ");
    /* the lock is free again */
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "0");
}
END_TEST

START_TEST(no_statement_timeout)
{
    const char *why = NULL;
    forge_test_pg_do(db, forge_test_pool, "SET statement_timeout = 50");
    write_file("0002_two.up.sql", "SELECT pg_sleep(0.3)");
    ck_assert_int_eq(apply(0, &why), FORGE_OK);
}
END_TEST

START_TEST(rights_are_granted)
{
    const char *why = NULL;
    write_file(
        "0002_two.up.sql",
        "CREATE FUNCTION forge.grant_app(app text) RETURNS void LANGUAGE plpgsql AS"
        " $$ BEGIN IF app = 'nobody' THEN RAISE EXCEPTION 'role \"%\" does not exist', app; END IF; UPDATE forge.one SET a = 77; END $$");
    ck_assert_int_eq(
        forge_store_migrations_apply(db, forge_test_pool, &(forge_migrate_t){files(), 1, "app", say}, &why), FORGE_OK);
    ck_assert_int_eq(
        forge_store_migrations_apply(db, forge_test_pool, &(forge_migrate_t){files(), 0, "app", say}, &why), FORGE_OK);
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT a FROM forge.one"), "77");
    ck_assert_int_ne(
        forge_store_migrations_apply(db, forge_test_pool, &(forge_migrate_t){files(), 0, "nobody", say}, &why),
        FORGE_OK);
    ck_assert_str_eq(why, "could not grant the role \"nobody\" its rights: role \"nobody\" does not exist");
}
END_TEST

/* One of two nodes; each thread has its own pool and connection. */
static void *node(void *baton)
{
    apr_pool_t *p;
    const char *why = NULL;
    forge_status_t *result = baton;
    apr_pool_create(&p, NULL);
    forge_db_t *mine = forge_store_db_connect(p, where, &why);
    apr_array_header_t *read = forge_store_migrations_read(p, dir, &why);
    *result = mine && read ? forge_store_migrations_apply(mine, p, &(forge_migrate_t){read, 0, NULL, NULL}, &why)
                           : FORGE_E_INTERNAL;
    apr_pool_destroy(p);
    return NULL;
}

START_TEST(two_nodes_at_once)
{
    pthread_t threads[4];
    forge_status_t results[4];
    write_file("0001_one.up.sql", "SELECT pg_sleep(0.2); CREATE TABLE forge.one (a int)");
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, node, &results[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(results[i], FORGE_OK);
    ck_assert_str_eq(status(), "1 one A, 2 two A, ");
}
END_TEST

Suite *forge_test_store_migrate(void)
{
    Suite *s = suite_create("store_migrate");
    TCase *tc = tcase_create("migrations");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, forge_test_pg_start, NULL);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, reads_a_directory);
    tcase_add_test(tc, up_and_down);
    tcase_add_test(tc, the_first_may_take_the_schema_away);
    tcase_add_test(tc, a_changed_file_stops_everything);
    tcase_add_test(tc, files_of_a_newer_build_are_missing);
    tcase_add_test(tc, a_gap_in_the_database);
    tcase_add_test(tc, a_failing_one_leaves_nothing);
    tcase_add_test(tc, no_statement_timeout);
    tcase_add_test(tc, rights_are_granted);
    tcase_add_test(tc, two_nodes_at_once);
    suite_add_tcase(s, tc);
    return s;
}
