/* SPDX-License-Identifier: Apache-2.0
 * Migrations: numbered files with a way up and a way down, each run in a transaction of its own, one node at a time,
 * and checked against the SHA-256 they had when they were applied. PostgreSQL computes the checksums.
 */
#include "store_private.h"
#include "store/store.h"
#include <apr_file_io.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 4 * 1024 * 1024, FILES_MAX = 9999 };

/* A file and what the database knows of it; one of the two may be missing. */
typedef struct step_t {
    int number;
    const char *name;
    const forge_migration_t *file;
    const char *applied_at; /* NULL: not applied */
    forge_migration_state_t state;
} step_t;

static const forge_stmt_t present_stmt = {"", "SELECT to_regclass('forge.migrations') IS NOT NULL AS present"};
static const forge_stmt_t applied_stmt = {"", "SELECT number, name, sha256, to_char(applied_at AT TIME ZONE 'UTC', "
                                              "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS applied_at"
                                              " FROM forge.migrations ORDER BY number"};
static const forge_stmt_t checksum_stmt = {"", "SELECT encode(sha256(convert_to($1::text, 'UTF8')), 'hex') AS sha256"};
static const forge_stmt_t insert_stmt = {
    "", "INSERT INTO forge.migrations (number, name, sha256, applied_at)"
        " VALUES ($1, $2, encode(sha256(convert_to($3::text, 'UTF8')), 'hex'), clock_timestamp())"};
static const forge_stmt_t delete_stmt = {"", "DELETE FROM forge.migrations WHERE number = $1"};
static const forge_stmt_t granter_stmt = {"", "SELECT to_regproc('forge.grant_app') IS NOT NULL AS present"};
static const forge_stmt_t grant_stmt = {"", "SELECT forge.grant_app($1)"};

/* --- files --- */

/* The whole text of a file; NULL and *why if it cannot be read. */
static const char *file_text(apr_pool_t *p, const char *path, const char **why)
{
    apr_file_t *file;
    apr_finfo_t info;
    char *text = NULL, reason[128];
    apr_status_t rv = apr_file_open(&file, path, APR_READ | APR_BINARY, APR_OS_DEFAULT, p);
    if (rv == APR_SUCCESS && (rv = apr_file_info_get(&info, APR_FINFO_SIZE, file)) == APR_SUCCESS) {
        if (info.size > FILE_BYTES_MAX) {
            *why = apr_psprintf(p, "\"%s\" is larger than %d bytes", path, FILE_BYTES_MAX);
            return NULL;
        }
        text = apr_palloc(p, (apr_size_t)info.size + 1);
        rv = apr_file_read_full(file, text, (apr_size_t)info.size, NULL);
        text[info.size] = '\0';
        apr_file_close(file);
        if (rv == APR_SUCCESS && strlen(text) == (apr_size_t)info.size)
            return text;
    }
    *why = rv == APR_SUCCESS
               ? apr_psprintf(p, "\"%s\" is no text", path)
               : apr_psprintf(p, "could not read \"%s\": %s", path, apr_strerror(rv, reason, sizeof(reason)));
    return NULL;
}

/* Number and name of "NNNN_name.up.sql"; 0 when the file is no way up. */
static int up_number(apr_pool_t *p, const char *file, const char **name)
{
    static const char ending[] = ".up.sql";
    apr_size_t len = strlen(file);
    if (len < 5 + sizeof(ending) || strspn(file, "0123456789") != 4 || file[4] != '_' ||
        strcmp(file + len - (sizeof(ending) - 1), ending) != 0)
        return 0;
    *name = apr_pstrndup(p, file + 5, len - 5 - (sizeof(ending) - 1));
    return atoi(file);
}

static int by_number(const void *a, const void *b)
{
    return ((const forge_migration_t *)a)->number - ((const forge_migration_t *)b)->number;
}

/* Numbers run from 1 without a gap or a double, and every migration has both its texts. */
static bool files_complete(apr_pool_t *p, apr_array_header_t *files, const char **why)
{
    qsort(files->elts, (size_t)files->nelts, sizeof(forge_migration_t), by_number);
    for (int i = 0; i < files->nelts; i++) {
        forge_migration_t *m = &APR_ARRAY_IDX(files, i, forge_migration_t);
        if (m->number <= i) {
            *why = apr_psprintf(p, "number %04d is used twice, by \"%s\" and \"%s\"", m->number, (m - 1)->up_path,
                                m->up_path);
            return false;
        }
        if (m->number > i + 1) {
            *why = apr_psprintf(p, "migration %04d is missing before \"%s\"", i + 1, m->up_path);
            return false;
        }
        if (!(m->up = file_text(p, m->up_path, why)) || !(m->down = file_text(p, m->down_path, why)))
            return false;
    }
    return true;
}

apr_array_header_t *forge_store_migrations_read(apr_pool_t *p, const char *dir, const char **why)
{
    apr_dir_t *handle;
    apr_finfo_t entry;
    char reason[128];
    apr_status_t rv = apr_dir_open(&handle, dir, p);
    if (rv != APR_SUCCESS) {
        *why = apr_psprintf(p, "could not read \"%s\": %s", dir, apr_strerror(rv, reason, sizeof(reason)));
        return NULL;
    }
    apr_array_header_t *files = apr_array_make(p, 32, sizeof(forge_migration_t));
    while (files->nelts < FILES_MAX && apr_dir_read(&entry, APR_FINFO_NAME, handle) == APR_SUCCESS) {
        const char *name;
        int number = up_number(p, entry.name, &name);
        if (!number)
            continue;
        forge_migration_t *m = apr_array_push(files);
        m->number = number;
        m->name = name;
        m->up_path = apr_pstrcat(p, dir, "/", entry.name, NULL);
        m->down_path = apr_psprintf(p, "%s/%04d_%s.down.sql", dir, number, name);
    }
    apr_dir_close(handle);
    return files_complete(p, files, why) ? files : NULL;
}

/* --- what is applied --- */

/* Reports what could not be done, with the server's reason unless *why has a better one. */
static forge_status_t failed(const forge_db_t *db, apr_pool_t *p, forge_status_t status, const char *what,
                             const char **why)
{
    const char *reason = *why ? *why : *db->message ? db->message : forge_util_error(status)->detail;
    *why = apr_psprintf(p, "could not %s: %s", what, reason);
    return status;
}

static forge_status_t checksum(forge_db_t *db, apr_pool_t *p, const char *text, const char **sha256)
{
    forge_rows_t *rows;
    FORGE_TRY(forge_store_run(db, p, &checksum_stmt, FORGE_ARGS(text), &rows));
    *sha256 = forge_store_rows_text(rows, 0, "sha256");
    return *sha256 ? FORGE_OK : FORGE_E_INTERNAL;
}

/* Rows of forge.migrations; NULL rows when there is no such table. */
static forge_status_t applied_read(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows)
{
    FORGE_TRY(forge_store_run(db, p, &present_stmt, FORGE_NO_ARGS, rows));
    if (forge_store_rows_bool(*rows, 0, "present"))
        return forge_store_run(db, p, &applied_stmt, FORGE_NO_ARGS, rows);
    *rows = NULL;
    return FORGE_OK;
}

/* Compares a file with its row: pending, applied, changed since, or applied by a version that has more files. */
static forge_status_t step_add(forge_db_t *db, apr_pool_t *p, apr_array_header_t *steps, const forge_migration_t *file,
                               const forge_rows_t *rows, int row)
{
    step_t *s = apr_array_push(steps);
    s->file = file;
    s->number = file ? file->number : (int)forge_store_rows_int(rows, row, "number", 0);
    s->name = file ? file->name : forge_store_rows_text(rows, row, "name");
    s->applied_at = row >= 0 ? forge_store_rows_text(rows, row, "applied_at") : NULL;
    s->state = row < 0 ? FORGE_MIGRATION_PENDING : file ? FORGE_MIGRATION_APPLIED : FORGE_MIGRATION_UNKNOWN;
    if (s->state == FORGE_MIGRATION_APPLIED) {
        const char *now, *then = forge_store_rows_text(rows, row, "sha256");
        FORGE_TRY(checksum(db, p, file->up, &now));
        if (!then || strcmp(now, then) != 0)
            s->state = FORGE_MIGRATION_CHANGED;
    }
    return FORGE_OK;
}

/* Files and rows side by side, by number. */
static forge_status_t steps_read(forge_db_t *db, apr_pool_t *p, const apr_array_header_t *files,
                                 apr_array_header_t **steps, const char **why)
{
    forge_rows_t *rows;
    forge_status_t status = applied_read(db, p, &rows);
    int n = status == FORGE_OK && rows ? forge_store_rows_count(rows) : 0;
    *steps = apr_array_make(p, files->nelts + 1, sizeof(step_t));
    for (int f = 0, r = 0; status == FORGE_OK && (f < files->nelts || r < n);) {
        const forge_migration_t *file = f < files->nelts ? &APR_ARRAY_IDX(files, f, forge_migration_t) : NULL;
        int number = r < n ? (int)forge_store_rows_int(rows, r, "number", 0) : 0;
        bool has_file = file && (r >= n || file->number <= number),
             has_row = r < n && (!file || number <= file->number);
        status = step_add(db, p, *steps, has_file ? file : NULL, rows, has_row ? r : -1);
        f += has_file;
        r += has_row;
    }
    return status == FORGE_OK ? FORGE_OK : failed(db, p, status, "read which migrations are applied", why);
}

forge_status_t forge_store_migrations_status(forge_db_t *db, apr_pool_t *p, const apr_array_header_t *files,
                                             forge_migration_fn fn, void *baton, const char **why)
{
    apr_array_header_t *steps;
    *why = NULL;
    FORGE_TRY(steps_read(db, p, files, &steps, why));
    for (int i = 0; i < steps->nelts; i++) {
        const step_t *s = &APR_ARRAY_IDX(steps, i, step_t);
        fn(baton, s->number, s->name, s->state, s->applied_at);
    }
    return FORGE_OK;
}

/* --- the lock --- */

/* Takes the lock that all nodes share. It ends with unlock() or with the connection. Migrations have no statement
 * timeout. */
static forge_status_t lock(forge_db_t *db, apr_pool_t *p, const char **why)
{
    db->settings.answer_timeout = 0;
    forge_status_t status =
        forge_store_script(db, p,
                           "SET statement_timeout = 0; SET lock_timeout = '60s'; SET search_path = forge, pg_temp;"
                           " SELECT pg_advisory_lock(hashtextextended('forge.migrations', 0))",
                           why);
    if (status == FORGE_E_TIMEOUT) {
        *why = "another node has been migrating for 60 seconds; try again when it is done";
        return status;
    }
    return status == FORGE_OK ? FORGE_OK : failed(db, p, status, "take the migration lock", why);
}

static void unlock(forge_db_t *db, apr_pool_t *p)
{
    forge_store_script(db, p, "SELECT pg_advisory_unlock(hashtextextended('forge.migrations', 0))", NULL);
}

/* --- up --- */

/* Nothing is applied while anything is out of order. */
static forge_status_t steps_check(apr_pool_t *p, const apr_array_header_t *steps, const char **why)
{
    const step_t *pending = NULL;
    for (int i = 0; i < steps->nelts; i++) {
        const step_t *s = &APR_ARRAY_IDX(steps, i, step_t);
        if (s->state == FORGE_MIGRATION_CHANGED) {
            *why = apr_psprintf(
                p, "migration %04d_%s was changed after it was applied; restore the file and add a new migration",
                s->number, s->name);
            return FORGE_E_CONFLICT;
        }
        if (s->state == FORGE_MIGRATION_PENDING) {
            pending = pending ? pending : s;
        } else if (pending) {
            *why = apr_psprintf(p, "migration %04d_%s is not applied although %04d_%s is; apply cannot go back",
                                pending->number, pending->name, s->number, s->name);
            return FORGE_E_CONFLICT;
        }
    }
    return FORGE_OK;
}

static void tell(apr_pool_t *p, void (*say)(const char *line), const step_t *s, const char *what)
{
    if (say)
        say(apr_psprintf(p, "%04d_%s %s", s->number, s->name, what));
}

/* Runs one text with its row's change in one transaction. */
static forge_status_t step_run(forge_db_t *db, apr_pool_t *p, const step_t *s, bool up, const char **why)
{
    const char *number = forge_util_itoa(p, s->number);
    forge_rows_t *rows = NULL;
    forge_status_t status = forge_store_begin(db, p);
    if (status == FORGE_OK)
        status = forge_store_script(db, p, up ? s->file->up : s->file->down, why);
    if (status == FORGE_OK && PQtransactionStatus(db->conn) != PQTRANS_INTRANS) {
        *why = "it ends the transaction it runs in; leave BEGIN, COMMIT and ROLLBACK out";
        status = FORGE_E_VALIDATION;
    }
    if (status == FORGE_OK && up)
        status = forge_store_run(db, p, &insert_stmt, FORGE_ARGS(number, s->name, s->file->up), NULL);
    if (status == FORGE_OK && !up) { /* the first one may take the whole schema away */
        status = forge_store_run(db, p, &present_stmt, FORGE_NO_ARGS, &rows);
        if (status == FORGE_OK && forge_store_rows_bool(rows, 0, "present"))
            status = forge_store_run(db, p, &delete_stmt, FORGE_ARGS(number), NULL);
    }
    if (status == FORGE_OK)
        status = forge_store_commit(db, p);
    if (status == FORGE_OK)
        return FORGE_OK;
    forge_store_rollback(db);
    return failed(db, p, status, apr_psprintf(p, "%s %04d_%s", up ? "apply" : "roll back", s->number, s->name), why);
}

/* The application role's rights, once the schema knows how to grant them. */
static forge_status_t grant(forge_db_t *db, apr_pool_t *p, const char *app_role, void (*say)(const char *line),
                            const char **why)
{
    forge_rows_t *rows;
    FORGE_TRY(forge_store_run(db, p, &granter_stmt, FORGE_NO_ARGS, &rows));
    if (!forge_store_rows_bool(rows, 0, "present"))
        return FORGE_OK;
    forge_status_t status = forge_store_run(db, p, &grant_stmt, FORGE_ARGS(app_role), NULL);
    if (status == FORGE_OK && say)
        say(apr_psprintf(p, "role %s has its rights", app_role));
    return status == FORGE_OK
               ? FORGE_OK
               : failed(db, p, status, apr_psprintf(p, "grant the role \"%s\" its rights", app_role), why);
}

static forge_status_t apply_locked(forge_db_t *db, apr_pool_t *p, const forge_migrate_t *job, const char **why)
{
    apr_array_header_t *steps;
    forge_status_t status = forge_store_script(
        db, p,
        "CREATE SCHEMA IF NOT EXISTS forge; CREATE TABLE IF NOT EXISTS forge.migrations"
        " (number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL)",
        why);
    if (status != FORGE_OK)
        return failed(db, p, status, "make the table of migrations", why);
    FORGE_TRY(steps_read(db, p, job->files, &steps, why));
    FORGE_TRY(steps_check(p, steps, why));
    for (int i = 0; i < steps->nelts; i++) {
        const step_t *s = &APR_ARRAY_IDX(steps, i, step_t);
        if (s->state != FORGE_MIGRATION_PENDING || (job->target && s->number > job->target))
            continue;
        FORGE_TRY(step_run(db, p, s, true, why));
        tell(p, job->say, s, "applied");
    }
    return FORGE_OK;
}

forge_status_t forge_store_migrations_apply(forge_db_t *db, apr_pool_t *p, const forge_migrate_t *job, const char **why)
{
    *why = NULL;
    FORGE_TRY(lock(db, p, why));
    forge_status_t status = apply_locked(db, p, job, why);
    if (status == FORGE_OK && job->app_role)
        status = grant(db, p, job->app_role, job->say, why);
    unlock(db, p);
    return status;
}

/* --- down --- */

static forge_status_t rollback_locked(forge_db_t *db, apr_pool_t *p, const apr_array_header_t *files, int count,
                                      void (*say)(const char *line), const char **why)
{
    apr_array_header_t *steps;
    FORGE_TRY(steps_read(db, p, files, &steps, why));
    for (int i = steps->nelts - 1; i >= 0 && count > 0; i--) {
        const step_t *s = &APR_ARRAY_IDX(steps, i, step_t);
        if (s->state == FORGE_MIGRATION_PENDING)
            continue;
        if (!s->file) {
            *why = apr_psprintf(p, "migration %04d_%s is applied, but its files are not here", s->number, s->name);
            return FORGE_E_NOT_FOUND;
        }
        FORGE_TRY(step_run(db, p, s, false, why));
        tell(p, say, s, "rolled back");
        count--;
    }
    return FORGE_OK;
}

forge_status_t forge_store_migrations_rollback(forge_db_t *db, apr_pool_t *p, const apr_array_header_t *files,
                                               int steps, void (*say)(const char *line), const char **why)
{
    *why = NULL;
    FORGE_TRY(lock(db, p, why));
    forge_status_t status = rollback_locked(db, p, files, steps, say, why);
    unlock(db, p);
    return status;
}
