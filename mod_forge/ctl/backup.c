/* SPDX-License-Identifier: Apache-2.0
 * forgectl backup: one file from which forgectl restore makes the database again. pg_dump writes it, in the very view
 * of the data in which the rows are counted.
 */
#include "ctl.h"
#include "store/operations/operations.h"
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { VERSION_PARTS = 10000 };

/* What a restore needs besides, and no file of ours holds. */
static const char *const elsewhere[] = {
    "the files that ForgeSecret and ForgeJWTKey name: without them all sessions end and second factors are lost",
    "httpd's configuration, and the other files in it: pgpass, passwords of mail and of others, certificates",
    "the roles of PostgreSQL and their passwords: pg_dumpall --roles-only",
    "logs, and the directory of ForgeMail file:, if they are to be kept",
};

/* Everything a run needs. */
typedef struct backup_t {
    forge_ctl_t *ctl;
    const char *file, *part, *program, *conninfo, *snapshot;
    forge_db_t *db; /* its transaction keeps the snapshot */
    forge_ctl_archive_t archive;
    apr_int64_t rows;
} backup_t;

static bool exists(backup_t *b, const char *path)
{
    apr_finfo_t info;
    return apr_stat(&info, path, APR_FINFO_TYPE, b->ctl->pool) == APR_SUCCESS;
}

/* pg_dump reads no server that is newer than itself. */
static bool program_fits(backup_t *b)
{
    forge_rows_t *server;
    int major;
    b->program = forge_ctl_program(b->ctl, "pg_dump", &major);
    if (!b->program ||
        !forge_ctl_done(forge_store_inspect_server(b->db, b->ctl->pool, &server), NULL, "ask the server"))
        return false;
    b->archive.server_version = forge_store_rows_text(server, 0, "server_version");
    const int there = (int)forge_store_rows_int(server, 0, "server_number", 0) / VERSION_PARTS;
    if (major >= there)
        return true;
    forge_ctl_error("pg_dump is of PostgreSQL %d and the server of %d: install the client of that version (Debian: "
                    "postgresql-client-%d), or name its directory with --bin",
                    major, there, there);
    return false;
}

/* Opens the view of the data, and counts in it. */
static bool view_open(backup_t *b)
{
    int ignored;
    forge_rows_t *rows;
    apr_pool_t *p = b->ctl->pool;
    if (!forge_ctl_done(forge_store_schema_check(b->db, p, &b->archive.schema, &ignored), NULL, "look at the schema"))
        return false;
    if (b->archive.schema == 0) {
        forge_ctl_error("there is no schema forge in this database: nothing to back up");
        return false;
    }
    if (!forge_ctl_done(forge_store_backup_begin(b->db, p, &rows), NULL, "take a snapshot"))
        return false;
    b->snapshot = forge_store_rows_text(rows, 0, "snapshot");
    b->archive.objects = forge_store_rows_int(rows, 0, "objects", 0);
    b->archive.tables = forge_ctl_archive_tables(b->ctl, b->db, &b->rows);
    if (!forge_ctl_done(forge_store_backup_extensions(b->db, p, &rows), NULL, "look at the extensions"))
        return false;
    forge_json_t *extensions = forge_util_json_array(p);
    for (int i = 0; i < forge_store_rows_count(rows); i++)
        forge_util_json_add_text(extensions, forge_store_rows_text(rows, i, "name"));
    b->archive.extensions = extensions;
    b->archive.made_at = forge_util_time(p, apr_time_now(), 0);
    return b->archive.tables != NULL;
}

/* The new file, for its owner alone from the first byte on. */
static bool part_make(backup_t *b)
{
    char reason[120];
    apr_file_t *file;
    apr_status_t rv = apr_file_open(&file, b->part, APR_WRITE | APR_CREATE | APR_TRUNCATE,
                                    APR_FPROT_UREAD | APR_FPROT_UWRITE, b->ctl->pool);
    if (rv == APR_SUCCESS) /* one that an earlier run has left keeps its mode */
        rv = apr_file_perms_set(b->part, APR_FPROT_UREAD | APR_FPROT_UWRITE);
    if (rv == APR_SUCCESS)
        rv = apr_file_close(file);
    if (rv != APR_SUCCESS)
        forge_ctl_error("could not write \"%s\": %s", b->part, apr_strerror(rv, reason, sizeof(reason)));
    return rv == APR_SUCCESS;
}

/* Custom format: compressed, and pg_restore can pick from it. Large objects are the files of accounts; with a schema
 * named pg_dump leaves them out unless it is told. */
static bool dump(backup_t *b)
{
    apr_pool_t *p = b->ctl->pool;
    const char *const argv[] = {b->program,
                                "--format=custom",
                                "--schema=forge",
                                "--blobs",
                                "--no-password",
                                apr_pstrcat(p, "--snapshot=", b->snapshot, NULL),
                                apr_pstrcat(p, "--file=", b->part, NULL),
                                apr_pstrcat(p, "--dbname=", b->conninfo, NULL),
                                NULL};
    if (!part_make(b))
        return false;
    const int code = forge_ctl_child(b->ctl, argv, NULL);
    if (code == 0)
        return true;
    forge_ctl_error("%s; \"%s\" was not written", forge_ctl_child_end(b->ctl, "pg_dump", code), b->file);
    return false;
}

/* A name is on the disk when its folder is. */
static void folder_sync(const backup_t *b)
{
    const char *slash = strrchr(b->file, '/');
    const char *folder = slash ? apr_pstrndup(b->ctl->pool, b->file, (apr_size_t)(slash - b->file) + 1) : ".";
    const int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return;
    fsync(dir);
    close(dir);
}

/* The name appears when the file is whole and on the disk; what is known of it comes first. */
static bool finish(backup_t *b)
{
    char reason[120];
    if (!forge_ctl_archive_measure(b->ctl, b->part, &b->archive) ||
        !forge_ctl_archive_write(b->ctl, b->file, &b->archive))
        return false;
    const apr_status_t rv = apr_file_rename(b->part, b->file, b->ctl->pool);
    if (rv != APR_SUCCESS) {
        forge_ctl_error("could not write \"%s\": %s", b->file, apr_strerror(rv, reason, sizeof(reason)));
        return false;
    }
    folder_sync(b);
    return true;
}

static int tell(backup_t *b)
{
    if (forge_ctl_json(b->ctl)) {
        forge_json_t *result = forge_ctl_archive_json(b->ctl, &b->archive);
        forge_util_json_put_text(result, "file", b->file);
        forge_json_t *list = forge_util_json_put_array(result, "not_in_it");
        for (size_t i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++)
            forge_util_json_add_text(list, elsewhere[i]);
        return forge_ctl_json_print(b->ctl, result);
    }
    printf("%s: schema %d, %" APR_INT64_T_FMT " rows, %" APR_INT64_T_FMT " files of accounts, %" APR_INT64_T_FMT
           " bytes\n%s.json: what a restore compares\n\nnot in it, keep it elsewhere:\n",
           b->file, b->archive.schema, b->rows, b->archive.objects, b->archive.bytes, b->file);
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++)
        printf("  %s\n", elsewhere[i]);
    return FORGE_CTL_OK;
}

static int backup(forge_ctl_t *ctl)
{
    backup_t b = {.ctl = ctl, .file = ctl->args[0]};
    b.part = apr_pstrcat(ctl->pool, b.file, ".part", NULL);
    if (!*b.file || exists(&b, b.file)) {
        forge_ctl_error("\"%s\" is there already; a backup is never overwritten", b.file);
        return FORGE_CTL_FAILED;
    }
    b.conninfo = forge_ctl_child_conninfo(ctl);
    b.db = b.conninfo ? forge_ctl_connect(ctl) : NULL;
    if (!b.db || !program_fits(&b) || !view_open(&b))
        return FORGE_CTL_FAILED;
    const bool good = dump(&b) && finish(&b);
    if (!good)
        apr_file_remove(b.part, ctl->pool);
    return good ? tell(&b) : FORGE_CTL_FAILED;
}

static const forge_ctl_option_t options[] = {
    {"bin", "DIR", "directory of pg_dump (default: PATH)"},
    {NULL, NULL, NULL},
};

const forge_ctl_verb_t forge_ctl_backup[] = {
    {NULL, "FILE", 1, FORGE_CTL_DATABASE, options, "write the whole database into a new file, while the server goes on",
     backup},
    {NULL, NULL, 0, FORGE_CTL_APART, NULL, NULL, NULL},
};
