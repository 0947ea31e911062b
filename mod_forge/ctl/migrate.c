/* SPDX-License-Identifier: Apache-2.0
 * forgectl migrate: updates the schema, rolls it back, and shows its state.
 */
#include "ctl.h"
#include "places.h"
#include "store/store.h"
#include <apr_file_io.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define DIR_OPTION {"dir", "DIR", "where the migrations are (FORGE_MIGRATIONS, else " FORGE_PKGDATADIR "/migrations)"}
/* clang-format on */

static const char *migrations_dir(const forge_ctl_t *ctl)
{
    const char *dir = forge_ctl_option(ctl, "dir");
    if (!dir)
        dir = getenv("FORGE_MIGRATIONS");
    return dir && *dir ? dir : FORGE_PKGDATADIR "/migrations";
}

apr_array_header_t *forge_ctl_migrations(forge_ctl_t *ctl)
{
    const char *why = "unknown reason";
    apr_array_header_t *files = forge_store_migrations_read(ctl->pool, migrations_dir(ctl), &why);
    if (!files)
        forge_ctl_error("%s", why);
    else if (files->nelts == 0) {
        forge_ctl_error("no migrations in \"%s\"", migrations_dir(ctl));
        return NULL;
    }
    return files;
}

static void say(const char *line)
{
    puts(line);
    fflush(stdout); /* show progress at once */
}

/* With --json, standard output is for the result alone. */
static void say_aside(const char *line)
{
    fprintf(stderr, "%s\n", line);
}

static int outcome(forge_status_t status, const char *why)
{
    if (status == FORGE_OK)
        return FORGE_CTL_OK;
    forge_ctl_error("%s", why ? why : forge_ctl_status(status));
    return FORGE_CTL_FAILED;
}

/* The newest migration of the database; 0 before the first one, and when it cannot be known. */
static int schema_of(forge_ctl_t *ctl, forge_db_t *db)
{
    int schema = 0, ignored;
    forge_store_schema_check(db, ctl->pool, &schema, &ignored);
    return schema;
}

/* What apply and rollback leave, which found the database at the migration `before`. */
static int done(forge_ctl_t *ctl, forge_db_t *db, int before)
{
    int schema, ignored;
    const forge_status_t status = forge_store_schema_check(db, ctl->pool, &schema, &ignored);
    if (status != FORGE_OK && status != FORGE_E_SCHEMA_AHEAD)
        return outcome(status, NULL);
    if (!forge_ctl_json(ctl)) {
        printf(schema == before ? "nothing to do: the schema is at migration %d\n"
                                : "done: the schema is at migration %d\n",
               schema);
        return FORGE_CTL_OK;
    }
    forge_json_t *result = forge_util_json_object(ctl->pool);
    forge_util_json_put_int(result, "schema", schema);
    return forge_ctl_json_print(ctl, result);
}

/* --- status and check --- */

typedef struct tally_t {
    int count[4];
    bool quiet;           /* applied migrations are not shown */
    forge_json_t *result; /* NULL: for a person */
    forge_json_t *list;   /* of the result */
} tally_t;

static void tally_json(const tally_t *t, int number, const char *name, forge_migration_state_t state,
                       const char *applied_at)
{
    static const char *const words[] = {"applied", "pending", "changed", "unknown"};
    forge_json_t *entry = forge_util_json_add_object(t->list);
    forge_util_json_put_int(entry, "number", number);
    forge_util_json_put_text(entry, "name", name);
    forge_util_json_put_text(entry, "state", words[state]);
    forge_util_json_put_text(entry, "applied_at", applied_at);
}

static void tally(void *baton, int number, const char *name, forge_migration_state_t state, const char *applied_at)
{
    static const char *const words[] = {"applied", "pending", "CHANGED after it was applied",
                                        "UNKNOWN: applied, but there is no such file"};
    tally_t *t = baton;
    t->count[state]++;
    if (t->quiet && state == FORGE_MIGRATION_APPLIED)
        return;
    if (t->result)
        tally_json(t, number, name, state, applied_at);
    else
        printf("%04d  %-24s  %-20s  %s\n", number, name, applied_at ? applied_at : "-", words[state]);
}

static int look(forge_ctl_t *ctl, tally_t *t)
{
    const char *why = NULL;
    apr_array_header_t *files = forge_ctl_migrations(ctl);
    forge_db_t *db = files ? forge_ctl_connect(ctl) : NULL;
    if (!db)
        return FORGE_CTL_FAILED;
    if (forge_ctl_json(ctl)) {
        t->result = forge_util_json_object(ctl->pool);
        t->list = forge_util_json_put_array(t->result, "migrations");
    }
    forge_status_t status = forge_store_migrations_status(db, ctl->pool, files, tally, t, &why);
    return outcome(status, why);
}

/* Whether the schema is exactly what the files define. */
static bool current(const tally_t *t)
{
    return !t->count[FORGE_MIGRATION_PENDING] && !t->count[FORGE_MIGRATION_CHANGED] &&
           !t->count[FORGE_MIGRATION_UNKNOWN];
}

static int tally_print(forge_ctl_t *ctl, const tally_t *t)
{
    forge_util_json_put_int(t->result, "applied", t->count[FORGE_MIGRATION_APPLIED]);
    forge_util_json_put_int(t->result, "pending", t->count[FORGE_MIGRATION_PENDING]);
    forge_util_json_put_int(t->result, "changed", t->count[FORGE_MIGRATION_CHANGED]);
    forge_util_json_put_int(t->result, "unknown", t->count[FORGE_MIGRATION_UNKNOWN]);
    forge_util_json_put_bool(t->result, "current", current(t));
    return forge_ctl_json_print(ctl, t->result);
}

static int migrate_status(forge_ctl_t *ctl)
{
    tally_t t = {.quiet = false};
    int status = look(ctl, &t);
    if (status == FORGE_CTL_OK && t.result)
        return tally_print(ctl, &t);
    if (status == FORGE_CTL_OK)
        printf("%d applied, %d pending, %d changed, %d unknown\n", t.count[FORGE_MIGRATION_APPLIED],
               t.count[FORGE_MIGRATION_PENDING], t.count[FORGE_MIGRATION_CHANGED], t.count[FORGE_MIGRATION_UNKNOWN]);
    return status;
}

static int migrate_check(forge_ctl_t *ctl)
{
    tally_t t = {.quiet = true};
    int status = look(ctl, &t);
    if (status != FORGE_CTL_OK)
        return status;
    const bool good = current(&t);
    if (t.result)
        status = tally_print(ctl, &t);
    else
        puts(good ? "the schema is up to date" : "the schema is not what these files define");
    return good ? status : FORGE_CTL_FAILED;
}

/* --- apply and rollback --- */

static int migrate_apply(forge_ctl_t *ctl)
{
    const char *why = NULL, *role = forge_ctl_option(ctl, "app-role");
    int target;
    if (!forge_ctl_number(ctl, "to", 1, 9999, 0, &target))
        return FORGE_CTL_USAGE;
    apr_array_header_t *files = forge_ctl_migrations(ctl);
    if (files && target > files->nelts) {
        forge_ctl_error("--to %d: there is no such migration; the newest is %d", target, files->nelts);
        return FORGE_CTL_USAGE;
    }
    forge_db_t *db = files ? forge_ctl_connect(ctl) : NULL;
    if (!db)
        return FORGE_CTL_FAILED;
    const int before = schema_of(ctl, db);
    if (target && target < before)
        fprintf(stderr, "note: --to %d is behind the schema; apply does not go back, forgectl migrate rollback does\n",
                target);
    forge_status_t status = forge_store_migrations_apply(
        db, ctl->pool,
        &(forge_migrate_t){files, target, role ? role : "forge_app", forge_ctl_json(ctl) ? say_aside : say}, &why);
    return status == FORGE_OK ? done(ctl, db, before) : outcome(status, why);
}

static int migrate_rollback(forge_ctl_t *ctl)
{
    const char *why = NULL;
    int steps;
    if (!forge_ctl_number(ctl, "steps", 1, 9999, 1, &steps))
        return FORGE_CTL_USAGE;
    apr_array_header_t *files = forge_ctl_migrations(ctl);
    forge_db_t *db = files ? forge_ctl_connect(ctl) : NULL;
    if (!db)
        return FORGE_CTL_FAILED;
    const int before = schema_of(ctl, db);
    forge_status_t status =
        forge_store_migrations_rollback(db, ctl->pool, files, steps, forge_ctl_json(ctl) ? say_aside : say, &why);
    return status == FORGE_OK ? done(ctl, db, before) : outcome(status, why);
}

/* --- files only --- */

static int list_json(forge_ctl_t *ctl, const apr_array_header_t *files)
{
    forge_json_t *list = forge_util_json_array(ctl->pool);
    for (int i = 0; i < files->nelts; i++) {
        const forge_migration_t *m = &APR_ARRAY_IDX(files, i, forge_migration_t);
        forge_json_t *entry = forge_util_json_add_object(list);
        forge_util_json_put_int(entry, "number", m->number);
        forge_util_json_put_text(entry, "name", m->name);
        forge_util_json_put_text(entry, "file", m->up_path);
    }
    return forge_ctl_json_print(ctl, list);
}

static int migrate_list(forge_ctl_t *ctl)
{
    apr_array_header_t *files = forge_ctl_migrations(ctl);
    if (files && forge_ctl_json(ctl))
        return list_json(ctl, files);
    for (int i = 0; files && i < files->nelts; i++) {
        const forge_migration_t *m = &APR_ARRAY_IDX(files, i, forge_migration_t);
        printf("%04d  %-24s  %s\n", m->number, m->name, m->up_path);
    }
    return files ? FORGE_CTL_OK : FORGE_CTL_FAILED;
}

static bool file_make(forge_ctl_t *ctl, const char *path, const char *purpose)
{
    apr_file_t *file;
    char reason[120];
    const char *text = apr_psprintf(ctl->pool, "-- SPDX-License-Identifier: Apache-2.0\n-- %s\n\n", purpose);
    apr_status_t rv = apr_file_open(&file, path, APR_WRITE | APR_CREATE | APR_EXCL, APR_OS_DEFAULT, ctl->pool);
    if (rv == APR_SUCCESS && (rv = apr_file_write_full(file, text, strlen(text), NULL)) == APR_SUCCESS)
        rv = apr_file_close(file);
    if (rv != APR_SUCCESS)
        forge_ctl_error("could not write \"%s\": %s", path, apr_strerror(rv, reason, sizeof(reason)));
    return rv == APR_SUCCESS;
}

/* The two files of a new migration, named to the caller. */
static int files_made(forge_ctl_t *ctl, const char *up, const char *down)
{
    if (!forge_ctl_json(ctl)) {
        printf("%s\n%s\n", up, down);
        return FORGE_CTL_OK;
    }
    forge_json_t *list = forge_util_json_array(ctl->pool);
    forge_util_json_add_text(list, up);
    forge_util_json_add_text(list, down);
    return forge_ctl_json_print(ctl, list);
}

static int migrate_new(forge_ctl_t *ctl)
{
    const char *name = ctl->args[0], *dir = migrations_dir(ctl), *why = "unknown reason";
    if (!*name || strlen(name) > 60 || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")]) {
        forge_ctl_error("the name \"%s\" is not 1 to 60 of a-z, 0-9 and _", name);
        return FORGE_CTL_USAGE;
    }
    apr_array_header_t *files = forge_store_migrations_read(ctl->pool, dir, &why);
    if (!files) {
        forge_ctl_error("%s", why);
        return FORGE_CTL_FAILED;
    }
    const char *stem = apr_psprintf(ctl->pool, "%s/%04d_%s", dir, files->nelts + 1, name);
    const char *up = apr_pstrcat(ctl->pool, stem, ".up.sql", NULL);
    const char *down = apr_pstrcat(ctl->pool, stem, ".down.sql", NULL);
    return file_make(ctl, up, "What this creates, and why. It runs in a transaction.") &&
                   file_make(ctl, down, "Removes what the up migration has created.")
               ? files_made(ctl, up, down)
               : FORGE_CTL_FAILED;
}

static const forge_ctl_option_t dir_options[] = {DIR_OPTION, {NULL, NULL, NULL}};
static const forge_ctl_option_t apply_options[] = {
    DIR_OPTION,
    {"to", "N", "stop after migration N"},
    {"app-role", "ROLE", "role of the application, which is granted its rights (forge_app)"},
    {NULL, NULL, NULL},
};
static const forge_ctl_option_t rollback_options[] = {
    DIR_OPTION, {"steps", "N", "how many to roll back (1)"}, {NULL, NULL, NULL}};

const forge_ctl_verb_t forge_ctl_migrate[] = {
    {"status", "", 0, FORGE_CTL_DATABASE, dir_options, "show each migration and whether it is applied", migrate_status},
    {"apply", "", 0, FORGE_CTL_DATABASE, apply_options,
     "apply pending migrations, then grant the application role its rights", migrate_apply},
    {"rollback", "", 0, FORGE_CTL_DATABASE, rollback_options,
     "undo the newest migration; the data in its tables is lost", migrate_rollback},
    {"check", "", 0, FORGE_CTL_DATABASE, dir_options, "exit 0 if the schema is exactly what the files define",
     migrate_check},
    {"new", "NAME", 1, FORGE_CTL_APART, dir_options, "create the two files of a new migration", migrate_new},
    {"list", "", 0, FORGE_CTL_APART, dir_options, "list the files; needs no database", migrate_list},
    {NULL, NULL, 0, FORGE_CTL_APART, NULL, NULL, NULL},
};
