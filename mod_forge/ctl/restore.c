/* SPDX-License-Identifier: Apache-2.0
 * forgectl restore: makes the database again from a file of forgectl backup, brings it to the schema of this build, and
 * compares it with what the backup counted.
 */
#include "ctl.h"
#include "places.h"
#include "store/operations/operations.h"
#include <apr_strings.h>
#include <stdio.h>
#include <string.h>

typedef struct restore_t {
    forge_ctl_t *ctl;
    const char *file, *program, *conninfo;
    forge_db_t *db;
    const apr_array_header_t *migrations;
    forge_ctl_archive_t archive;
    bool unknown; /* there is no FILE.json */
    bool cleared; /* what was there is deleted */
    int from;     /* the schema of the backup */
    apr_int64_t rows, ended;
} restore_t;

/* Progress: with --json standard output is for the result. */
static void say(const restore_t *r, const char *line)
{
    fprintf(forge_ctl_json(r->ctl) ? stderr : stdout, "%s\n", line);
    fflush(stdout);
}

/* All that can be known before anything is changed. */
static bool file_good(restore_t *r)
{
    int major;
    const int wanted = forge_store_schema_wanted();
    if (!forge_ctl_archive_read(r->ctl, r->file, &r->archive, &r->unknown) ||
        !(r->program = forge_ctl_program(r->ctl, "pg_restore", &major)))
        return false;
    if (!r->unknown && r->archive.schema > wanted) {
        forge_ctl_error(
            "the backup is at migration %d and this forgectl knows %d: restore it with the version that has "
            "written it",
            r->archive.schema, wanted);
        return false;
    }
    if (r->unknown)
        say(r, apr_psprintf(r->ctl->pool, "there is no \"%s.json\": rows cannot be compared", r->file));
    const char *ignored;
    const int code = forge_ctl_child(r->ctl, (const char *const[]){r->program, "--list", r->file, NULL}, &ignored);
    if (code < 0)
        forge_ctl_error("%s; the database was not changed", forge_ctl_child_end(r->ctl, "pg_restore", code));
    else if (code > 0)
        forge_ctl_error("\"%s\" is no backup that this pg_restore (PostgreSQL %d) can read", r->file, major);
    return code == 0;
}

/* Nothing of another life of the platform may be in the way. */
static bool target_empty(restore_t *r)
{
    forge_rows_t *rows;
    const char *why = NULL;
    if (!forge_ctl_done(forge_store_restore_target(r->db, r->ctl->pool, &rows), NULL, "look at the database"))
        return false;
    const bool there = forge_store_rows_bool(rows, 0, "present") || forge_store_rows_int(rows, 0, "objects", 0) > 0;
    if (!there)
        return true;
    if (!forge_ctl_flag(r->ctl, "replace")) {
        forge_ctl_error(
            "the database is not empty: it has the schema forge, or files of accounts; use an empty one, or "
            "--replace, which deletes what is there");
        return false;
    }
    say(r, "deleting what is there");
    r->cleared = forge_ctl_done(forge_store_restore_clear(r->db, r->ctl->pool, &why), &why, "delete what is there");
    return r->cleared;
}

/* Some need a superuser; those that are there already need nobody. */
static bool extensions_make(restore_t *r)
{
    const char *why = NULL;
    for (apr_size_t i = 0; !r->unknown && i < forge_util_json_size(r->archive.extensions); i++) {
        const char *name = forge_util_json_text(forge_util_json_at(r->archive.extensions, i), NULL);
        if (forge_store_restore_extension(r->db, r->ctl->pool, name ? name : "", &why) == FORGE_OK)
            continue;
        forge_ctl_error(
            "the backup uses the extension \"%s\" of PostgreSQL, which could not be made here%s%s; a superuser "
            "makes it with CREATE EXTENSION",
            name ? name : "", why ? ": " : "", why ? why : "");
        return false;
    }
    return true;
}

/* Owners and rights are those of the role that restores: the roles of another server need not be here. */
static bool load(restore_t *r)
{
    const char *const argv[] = {r->program,      "--exit-on-error",
                                "--no-owner",    "--no-privileges",
                                "--no-password", apr_pstrcat(r->ctl->pool, "--dbname=", r->conninfo, NULL),
                                r->file,         NULL};
    say(r, "restoring");
    const int code = forge_ctl_child(r->ctl, argv, NULL);
    if (code < 0)
        forge_ctl_error("%s; the database holds a part of the backup: restore again, with --replace",
                        forge_ctl_child_end(r->ctl, "pg_restore", code));
    else if (code > 0)
        forge_ctl_error("pg_restore did not finish; the database holds a part of the backup: mend what it says above, "
                        "then restore with --replace");
    return code == 0;
}

typedef struct comparison_t {
    const forge_json_t *now;
    const char *differs; /* NULL: nothing so far */
} comparison_t;

static bool compare_table(void *baton, const char *name, forge_json_t *value)
{
    comparison_t *c = baton;
    apr_int64_t was = -1, is = -2;
    forge_util_json_int(value, &was);
    forge_util_json_int(forge_util_json_get(c->now, name), &is);
    if (was != is)
        c->differs = name;
    return was == is;
}

/* Before migrations add rows of their own. */
static bool compare(restore_t *r)
{
    forge_rows_t *rows;
    int ignored;
    comparison_t c = {.now = forge_ctl_archive_tables(r->ctl, r->db, &r->rows)};
    if (!c.now ||
        !forge_ctl_done(forge_store_schema_check(r->db, r->ctl->pool, &r->from, &ignored), NULL,
                        "look at the schema") ||
        !forge_ctl_done(forge_store_restore_target(r->db, r->ctl->pool, &rows), NULL, "count the files of accounts"))
        return false;
    if (r->unknown)
        return true;
    forge_util_json_each(r->archive.tables, compare_table, &c);
    if (!c.differs && forge_store_rows_int(rows, 0, "objects", 0) != r->archive.objects)
        c.differs = "pg_largeobject";
    if (c.differs)
        forge_ctl_error("the table %s has not the rows that the backup counted", c.differs);
    return !c.differs;
}

static void say_aside(const char *line)
{
    fprintf(stderr, "%s\n", line);
}

/* The schema of this build, the rights of the application, statistics, and if wanted the end of all sessions. */
static bool complete(restore_t *r)
{
    const char *why = NULL, *role = forge_ctl_option(r->ctl, "app-role");
    forge_rows_t *rows;
    apr_pool_t *p = r->ctl->pool;
    const forge_migrate_t job = {r->migrations, 0, role ? role : "forge_app", say_aside};
    if (!forge_ctl_done(forge_store_restore_settle(r->db, p, &why), &why,
                        "close the functions and gather statistics") ||
        !forge_ctl_done(forge_store_migrations_apply(r->db, p, &job, &why), &why, "bring the schema up to date"))
        return false;
    if (!forge_ctl_flag(r->ctl, "end-sessions"))
        return true;
    if (!forge_ctl_done(forge_store_restore_end_sessions(r->db, p, &rows), NULL, "end the sessions"))
        return false;
    r->ended = forge_store_rows_int(rows, 0, "ended", 0);
    return true;
}

static int tell(restore_t *r)
{
    if (!forge_ctl_json(r->ctl)) {
        printf("restored %" APR_INT64_T_FMT " rows of schema %d%s; %s\n", r->rows, r->from,
               r->from < forge_store_schema_wanted() ? ", which was brought up to date" : "",
               r->unknown ? "they were not compared" : "as many as were backed up");
        if (r->ended >= 0)
            printf("%" APR_INT64_T_FMT " sessions ended\n", r->ended);
        return forge_ctl_check_database(r->ctl, NULL) ? FORGE_CTL_OK : FORGE_CTL_FAILED;
    }
    forge_json_t *result = forge_util_json_object(r->ctl->pool);
    forge_util_json_put_text(result, "file", r->file);
    forge_util_json_put_int(result, "rows", r->rows);
    forge_util_json_put_int(result, "schema_of_backup", r->from);
    forge_util_json_put_bool(result, "compared", !r->unknown);
    if (r->ended >= 0)
        forge_util_json_put_int(result, "sessions_ended", r->ended);
    else
        forge_util_json_put_null(result, "sessions_ended");
    const bool good = forge_ctl_check_database(r->ctl, forge_util_json_put_array(result, "checks"));
    forge_util_json_put_bool(result, "good", good);
    return forge_ctl_json_print(r->ctl, result) == FORGE_CTL_OK && good ? FORGE_CTL_OK : FORGE_CTL_FAILED;
}

/* A signal that came while no child ran; `state` says what the database is then. */
static bool goes_on(const char *state)
{
    if (forge_ctl_interrupted())
        forge_ctl_error("the restore was interrupted; %s", state);
    return !forge_ctl_interrupted();
}

/* From the database as it is to one that can serve. */
static bool make(restore_t *r)
{
    static const char loaded[] = "the database holds the rows of the backup, but they were not compared, or the schema "
                                 "and the rights of the application are not complete: restore again, with --replace";
    return goes_on("the database was not changed") && target_empty(r) && extensions_make(r) &&
           goes_on(r->cleared ? "what was there is deleted, and nothing of the backup is in the database"
                              : "nothing of the backup is in the database") &&
           load(r) && goes_on(loaded) && compare(r) && goes_on(loaded) && complete(r);
}

static int restore(forge_ctl_t *ctl)
{
    restore_t r = {.ctl = ctl, .file = ctl->args[0], .ended = -1};
    if (!(r.migrations = forge_ctl_migrations(ctl)) || !(r.conninfo = forge_ctl_child_conninfo(ctl)) || !file_good(&r))
        return FORGE_CTL_FAILED;
    r.db = forge_ctl_connect(ctl);
    return r.db && make(&r) ? tell(&r) : FORGE_CTL_FAILED;
}

static const forge_ctl_option_t options[] = {
    {"replace", NULL, "delete the schema and the files that are there"},
    {"end-sessions", NULL, "end all sessions and void all tokens, also those of after the backup"},
    {"app-role", "ROLE", "role of the application, which is granted its rights (forge_app)"},
    {"bin", "DIR", "directory of pg_restore (default: PATH)"},
    {"dir", "DIR", "where the migrations are (FORGE_MIGRATIONS, else " FORGE_PKGDATADIR "/migrations)"},
    {NULL, NULL, NULL},
};

const forge_ctl_verb_t forge_ctl_restore[] = {
    {NULL, "FILE", 1, FORGE_CTL_DATABASE, options, "restore a backup into an empty database, and check it", restore},
    {NULL, NULL, 0, FORGE_CTL_APART, NULL, NULL, NULL},
};
