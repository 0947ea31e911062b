/* SPDX-License-Identifier: Apache-2.0
 * forgectl migrate: updates the schema, rolls it back, and shows its state.
 */
#include "ctl.h"
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

/* The files of --dir; NULL with a message. */
static apr_array_header_t *files_read(forge_ctl_t *ctl)
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

static int outcome(forge_status_t status, const char *why)
{
    if (status == FORGE_OK)
        return FORGE_CTL_OK;
    forge_ctl_error("%s", why ? why : forge_ctl_status(status));
    return FORGE_CTL_FAILED;
}

/* --- status and check --- */

typedef struct tally_t {
    int count[4];
    bool quiet;
} tally_t;

static void tally(void *baton, int number, const char *name, forge_migration_state_t state, const char *applied_at)
{
    static const char *const words[] = {"applied", "pending", "CHANGED after it was applied",
                                        "UNKNOWN: applied, but there is no such file"};
    tally_t *t = baton;
    t->count[state]++;
    if (!t->quiet || state != FORGE_MIGRATION_APPLIED)
        printf("%04d  %-24s  %-20s  %s\n", number, name, applied_at ? applied_at : "-", words[state]);
}

static int look(forge_ctl_t *ctl, tally_t *t)
{
    const char *why = NULL;
    apr_array_header_t *files = files_read(ctl);
    forge_db_t *db = files ? forge_ctl_connect(ctl) : NULL;
    if (!db)
        return FORGE_CTL_FAILED;
    forge_status_t status = forge_store_migrations_status(db, ctl->pool, files, tally, t, &why);
    return outcome(status, why);
}

static int migrate_status(forge_ctl_t *ctl)
{
    tally_t t = {{0}, false};
    int status = look(ctl, &t);
    if (status == FORGE_CTL_OK)
        printf("%d applied, %d pending, %d changed, %d unknown\n", t.count[FORGE_MIGRATION_APPLIED],
               t.count[FORGE_MIGRATION_PENDING], t.count[FORGE_MIGRATION_CHANGED], t.count[FORGE_MIGRATION_UNKNOWN]);
    return status;
}

static int migrate_check(forge_ctl_t *ctl)
{
    tally_t t = {{0}, true};
    int status = look(ctl, &t);
    if (status != FORGE_CTL_OK)
        return status;
    bool good =
        !t.count[FORGE_MIGRATION_PENDING] && !t.count[FORGE_MIGRATION_CHANGED] && !t.count[FORGE_MIGRATION_UNKNOWN];
    puts(good ? "the schema is up to date" : "the schema is not what these files define");
    return good ? FORGE_CTL_OK : FORGE_CTL_FAILED;
}

/* --- apply and rollback --- */

static int migrate_apply(forge_ctl_t *ctl)
{
    const char *why = NULL, *role = forge_ctl_option(ctl, "app-role");
    int target;
    if (!forge_ctl_number(ctl, "to", 1, 9999, 0, &target))
        return FORGE_CTL_USAGE;
    apr_array_header_t *files = files_read(ctl);
    forge_db_t *db = files ? forge_ctl_connect(ctl) : NULL;
    if (!db)
        return FORGE_CTL_FAILED;
    forge_status_t status = forge_store_migrations_apply(
        db, ctl->pool, &(forge_migrate_t){files, target, role ? role : "forge_app", say}, &why);
    if (status == FORGE_OK)
        puts("done");
    return outcome(status, why);
}

static int migrate_rollback(forge_ctl_t *ctl)
{
    const char *why = NULL;
    int steps;
    if (!forge_ctl_number(ctl, "steps", 1, 9999, 1, &steps))
        return FORGE_CTL_USAGE;
    apr_array_header_t *files = files_read(ctl);
    forge_db_t *db = files ? forge_ctl_connect(ctl) : NULL;
    if (!db)
        return FORGE_CTL_FAILED;
    forge_status_t status = forge_store_migrations_rollback(db, ctl->pool, files, steps, say, &why);
    if (status == FORGE_OK)
        puts("done");
    return outcome(status, why);
}

/* --- files only --- */

static int migrate_list(forge_ctl_t *ctl)
{
    apr_array_header_t *files = files_read(ctl);
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
    else
        puts(path);
    return rv == APR_SUCCESS;
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
    return file_make(ctl, apr_pstrcat(ctl->pool, stem, ".up.sql", NULL),
                     "What this creates, and why. It runs in a transaction.") &&
                   file_make(ctl, apr_pstrcat(ctl->pool, stem, ".down.sql", NULL),
                             "Removes what the up migration has created.")
               ? FORGE_CTL_OK
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
    {"status", "", 0, true, dir_options, "show each migration and whether it is applied", migrate_status},
    {"apply", "", 0, true, apply_options, "apply pending migrations, then grant the application role its rights",
     migrate_apply},
    {"rollback", "", 0, true, rollback_options, "undo the newest migration; the data in its tables is lost",
     migrate_rollback},
    {"check", "", 0, true, dir_options, "exit 0 if the schema is exactly what the files define", migrate_check},
    {"new", "NAME", 1, false, dir_options, "create the two files of a new migration", migrate_new},
    {"list", "", 0, false, dir_options, "list the files; needs no database", migrate_list},
    {NULL, NULL, 0, false, NULL, NULL, NULL},
};
