/* SPDX-License-Identifier: Apache-2.0
 * What is known of a backup: FILE.json beside FILE. A restore compares it with what it finds.
 */
#include "core/identity/identity.h"
#include "ctl.h"
#include "store/operations/operations.h"
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <string.h>

#ifndef FORGE_VERSION
#define FORGE_VERSION "unversioned"
#endif

#define FORMAT "forge-backup"

enum { PIECE = 64 * 1024, DIGEST = 32 };

static const char *beside(forge_ctl_t *ctl, const char *file, const char *end)
{
    return apr_pstrcat(ctl->pool, file, end, NULL);
}

bool forge_ctl_archive_measure(forge_ctl_t *ctl, const char *path, forge_ctl_archive_t *archive)
{
    apr_file_t *file;
    char reason[120], *piece = apr_palloc(ctl->pool, PIECE);
    unsigned char digest[DIGEST];
    forge_digest_t *whole = forge_core_sha256_begin(ctl->pool);
    apr_size_t len = PIECE;
    apr_status_t rv = apr_file_open(&file, path, APR_READ | APR_BINARY, APR_OS_DEFAULT, ctl->pool);
    archive->bytes = 0;
    while (rv == APR_SUCCESS && (rv = apr_file_read(file, piece, &len)) == APR_SUCCESS) {
        forge_core_sha256_add(whole, piece, len);
        archive->bytes += (apr_int64_t)len;
        len = PIECE;
    }
    forge_core_sha256_end(whole, digest);
    archive->sha256 = forge_util_hex(ctl->pool, digest, DIGEST);
    if (APR_STATUS_IS_EOF(rv))
        return apr_file_close(file) == APR_SUCCESS;
    forge_ctl_error("could not read \"%s\": %s", path, apr_strerror(rv, reason, sizeof(reason)));
    return false;
}

forge_json_t *forge_ctl_archive_json(forge_ctl_t *ctl, const forge_ctl_archive_t *archive)
{
    forge_json_t *o = forge_util_json_object(ctl->pool);
    forge_util_json_put_text(o, "format", FORMAT);
    forge_util_json_put_text(o, "made_at", archive->made_at);
    forge_util_json_put_text(o, "forgectl", FORGE_VERSION);
    forge_util_json_put_int(o, "schema", archive->schema);
    forge_util_json_put_text(o, "server_version", archive->server_version);
    forge_util_json_put_int(o, "bytes", archive->bytes);
    forge_util_json_put_text(o, "sha256", archive->sha256);
    forge_util_json_put_int(o, "large_objects", archive->objects);
    forge_util_json_put_copy(o, "extensions", archive->extensions);
    forge_util_json_put_copy(o, "tables", archive->tables);
    return o;
}

bool forge_ctl_archive_write(forge_ctl_t *ctl, const char *file, const forge_ctl_archive_t *archive)
{
    const char *path = beside(ctl, file, ".json"), *part = beside(ctl, path, ".part");
    char reason[120];
    apr_file_t *out;
    forge_buf_t *b = forge_ctl_json_buf(ctl->pool);
    forge_util_json_write(b, forge_ctl_archive_json(ctl, archive));
    forge_util_buf_puts(b, "\n");
    apr_status_t rv =
        apr_file_open(&out, part, APR_WRITE | APR_CREATE | APR_TRUNCATE, APR_FPROT_UREAD | APR_FPROT_UWRITE, ctl->pool);
    if (rv == APR_SUCCESS) {
        rv = apr_file_write_full(out, b->data, b->len, NULL);
        if (rv == APR_SUCCESS)
            rv = apr_file_sync(out);
        const apr_status_t closed = apr_file_close(out);
        rv = rv == APR_SUCCESS ? closed : rv;
    }
    if (rv == APR_SUCCESS)
        rv = apr_file_rename(part, path, ctl->pool);
    if (rv == APR_SUCCESS)
        return true;
    apr_file_remove(part, ctl->pool);
    forge_ctl_error("could not write \"%s\": %s", path, apr_strerror(rv, reason, sizeof(reason)));
    return false;
}

/* The members of a document; false for one that is none of ours. */
static bool members_read(const forge_json_t *o, forge_ctl_archive_t *archive)
{
    apr_int64_t schema = 0;
    const char *format = forge_util_json_text(forge_util_json_get(o, "format"), NULL);
    archive->sha256 = forge_util_json_text(forge_util_json_get(o, "sha256"), NULL);
    archive->made_at = forge_util_json_text(forge_util_json_get(o, "made_at"), NULL);
    archive->server_version = forge_util_json_text(forge_util_json_get(o, "server_version"), NULL);
    archive->tables = forge_util_json_get(o, "tables");
    archive->extensions = forge_util_json_get(o, "extensions");
    if (!format || strcmp(format, FORMAT) != 0 || !archive->sha256 || !archive->tables || !archive->extensions ||
        !archive->made_at || !archive->server_version ||
        !forge_util_json_int(forge_util_json_get(o, "schema"), &schema) ||
        !forge_util_json_int(forge_util_json_get(o, "large_objects"), &archive->objects) ||
        !forge_util_json_int(forge_util_json_get(o, "bytes"), &archive->bytes))
        return false;
    archive->schema = (int)schema;
    return true;
}

bool forge_ctl_archive_read(forge_ctl_t *ctl, const char *file, forge_ctl_archive_t *archive, bool *absent)
{
    apr_finfo_t info;
    apr_size_t len;
    forge_ctl_archive_t found = {0};
    const char *why, *path = beside(ctl, file, ".json");
    if (!forge_ctl_archive_measure(ctl, file, &found))
        return false;
    *absent = APR_STATUS_IS_ENOENT(apr_stat(&info, path, APR_FINFO_TYPE, ctl->pool));
    if (*absent)
        return true;
    const char *text = forge_ctl_file_read(ctl->pool, path, &len, &why);
    const forge_json_t *o = text ? forge_util_json_parse(ctl->pool, text, len, &why) : NULL;
    if (!o || !members_read(o, archive)) {
        forge_ctl_error("\"%s\" says nothing of a backup: %s", path, o ? "members are missing" : why);
        return false;
    }
    if (found.bytes != archive->bytes || strcmp(found.sha256, archive->sha256) != 0) {
        forge_ctl_error("\"%s\" is not the file that was written: it has %" APR_INT64_T_FMT
                        " bytes of %" APR_INT64_T_FMT ", and another digest than \"%s\" says",
                        file, found.bytes, archive->bytes, path);
        return false;
    }
    return true;
}

forge_json_t *forge_ctl_archive_tables(forge_ctl_t *ctl, forge_db_t *db, apr_int64_t *total)
{
    forge_rows_t *rows;
    const forge_status_t status = forge_store_backup_tables(db, ctl->pool, &rows);
    if (status != FORGE_OK) {
        forge_ctl_error("could not count the rows: %s", forge_ctl_status(status));
        return NULL;
    }
    forge_json_t *tables = forge_util_json_object(ctl->pool);
    *total = 0;
    for (int i = 0; i < forge_store_rows_count(rows); i++) {
        const apr_int64_t n = forge_store_rows_int(rows, i, "n", 0);
        forge_util_json_put_int(tables, forge_store_rows_text(rows, i, "name"), n);
        *total += n;
    }
    return tables;
}
