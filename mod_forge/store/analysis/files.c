/* SPDX-License-Identifier: Apache-2.0
 * Files of accounts (SPEC 9): a row, and a large object with the bytes, made and unlinked in one transaction.
 * The bytes come and go in pieces, so that no more than one of them is in memory.
 */
#include "store/engine/store_private.h"
#include "analysis.h"
#include <string.h>

#define PIECE (256 * 1024) /* bytes of one statement */

/* clang-format off */

/* The members of SPEC 9; the table is called f in every statement here. A file changes once, when its pages are known.
 */
#define FILE_SHOWN \
    "f.id, f.filename, f.size, encode(f.sha256, 'hex') AS sha256, f.content_type, f.pages, f.created_at"
#define FILE_VERSION "CASE WHEN f.pages IS NULL THEN 1 ELSE 2 END"

/* $1 caller, $2 administrator */
#define FILE_SEEN "(f.user_id = $1::bigint OR $2::boolean)"

static const forge_list_filter_t filters[] = {{NULL, NULL}};
static const forge_list_order_t orders[] = {
    {"id", "f.id", "f.id > $%d::bigint", NULL},
    {"-id", "f.id DESC", "f.id < $%d::bigint", NULL},
    {NULL, NULL, NULL, NULL},
};

const forge_list_t forge_store_files_list = {
    "file_list",
    "SELECT " FILE_SHOWN " FROM forge.files f WHERE f.user_id = $1::bigint",
    "SELECT count(*) FROM forge.files f WHERE f.user_id = $1::bigint",
    1, filters, orders};

static const forge_stmt_t file_get = {
    "file_get",
    "SELECT " FILE_SHOWN ", " FILE_VERSION " AS _version FROM forge.files f"
    " WHERE f.id = $3::bigint AND " FILE_SEEN};

/* Asked before any byte is written: the file that is there already, and whether there is room. What others of the same
 * account do meanwhile is the business of the trigger. $1 account, $2 digest, $3 size. */
static const forge_stmt_t file_same = {
    "file_same",
    "SELECT " FILE_SHOWN ", " FILE_VERSION " AS _version, CASE WHEN f.id IS NOT NULL THEN 'ok'"
    " WHEN u.id IS NULL THEN 'no_account'"
    " WHEN u.role <> 'admin' AND coalesce(g.bytes, 0) + $3::bigint"
    "  > nullif(split_part(coalesce(current_setting('forge.user_quota', true), ''), ' ', 2), '')::bigint THEN 'full'"
    " ELSE 'new' END AS _outcome"
    " FROM (SELECT $1::bigint AS id) a LEFT JOIN forge.users u ON u.id = a.id"
    " LEFT JOIN forge.usage g ON g.user_id = a.id"
    " LEFT JOIN forge.files f ON f.user_id = a.id AND f.sha256 = decode($2, 'hex')"};

static const forge_stmt_t file_object = {"file_object", "SELECT forge.file_object() AS object"};

/* $1 object, $2 offset, $3 bytes */
static const forge_stmt_t file_put = {"file_put", "SELECT lo_put($1::oid, $2::bigint, $3::bytea)"};

/* ON CONFLICT waits for another upload of the same bytes and leaves the row to it.
 * $1 account, $2 name, $3 type, $4 size, $5 digest, $6 object. */
static const forge_stmt_t file_create = {
    "file_create",
    "INSERT INTO forge.files AS f (user_id, filename, content_type, size, sha256, object)"
    " VALUES ($1::bigint, $2, $3, $4::bigint, decode($5, 'hex'), $6::oid)"
    " ON CONFLICT (user_id, sha256) DO NOTHING RETURNING " FILE_SHOWN ", " FILE_VERSION " AS _version"};

/* $1 file, $2 offset, $3 length */
static const forge_stmt_t file_piece = {
    "file_piece", "SELECT forge.file_bytes($1::bigint, $2::bigint, $3::integer) AS bytes"};

/* The trigger of the table unlinks the object. $1 caller, $2 administrator, $3 file, $4 versions. */
static const forge_stmt_t file_delete = {
    "file_delete",
    "WITH verdict AS (SELECT f.id, CASE WHEN $4::text IS NULL OR " FILE_VERSION " = ANY ($4::bigint[]) THEN 'ok'"
    "  ELSE 'stale' END AS outcome FROM forge.files f WHERE f.id = $3::bigint AND " FILE_SEEN " FOR UPDATE), "
    "gone AS (DELETE FROM forge.files f USING verdict v WHERE f.id = v.id AND v.outcome = 'ok') "
    "SELECT outcome AS _outcome FROM verdict"};

/* clang-format on */

forge_status_t forge_store_file_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                    forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f", forge_util_itoa(p, id));
    FORGE_TRY(forge_store_run(db, p, &file_get, args, rows));
    return forge_store_rows_count(*rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_file_piece(forge_db_t *db, apr_pool_t *p, apr_int64_t id, forge_file_span_t span,
                                      forge_file_bytes_t *bytes)
{
    forge_rows_t *rows;
    apr_size_t most = span.length < PIECE ? (apr_size_t)span.length : PIECE;
    forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, id), forge_util_itoa(p, span.from), forge_util_itoa(p, (apr_int64_t)most));
    args.binary = true;
    FORGE_TRY(forge_store_run(db, p, &file_piece, args, &rows));
    bytes->data = forge_store_rows_bytes(rows, 0, "bytes", &bytes->len);
    return !bytes->data ? FORGE_E_NOT_FOUND : bytes->len == most ? FORGE_OK : FORGE_E_INTERNAL;
}

forge_status_t forge_store_file_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                       const char *if_version)
{
    static const forge_outcome_t outcomes[] = {
        {"ok", FORGE_OK}, {"stale", FORGE_E_PRECONDITION_FAILED}, {NULL, FORGE_OK}};
    forge_rows_t *rows;
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f", forge_util_itoa(p, id), if_version);
    FORGE_TRY(forge_store_run(db, p, &file_delete, args, &rows));
    return forge_store_rows_judge(rows, outcomes, FORGE_E_NOT_FOUND);
}

/* --- a new one --- */

typedef struct upload_t {
    const char *account, *sha256;
    const forge_file_new_t *file;
    forge_rows_t *rows;
} upload_t;

/* FORGE_OK: it is there already. FORGE_E_NOT_FOUND: it is not, and there is room. */
static forge_status_t same(forge_db_t *db, apr_pool_t *p, upload_t *upload)
{
    static const forge_outcome_t outcomes[] = {{"ok", FORGE_OK},
                                               {"new", FORGE_E_NOT_FOUND},
                                               {"full", FORGE_E_QUOTA_EXCEEDED},
                                               {"no_account", FORGE_E_INVALID_TOKEN},
                                               {NULL, FORGE_OK}};
    const forge_args_t args = FORGE_ARGS(upload->account, upload->sha256, forge_util_itoa(p, upload->file->size));
    FORGE_TRY(forge_store_run(db, p, &file_same, args, &upload->rows));
    return forge_store_rows_judge(upload->rows, outcomes, FORGE_E_INTERNAL);
}

/* Each piece is freed before the next one is read. */
static forge_status_t write_bytes(forge_db_t *db, apr_pool_t *p, const forge_file_new_t *file, const char *object)
{
    apr_pool_t *turn;
    forge_status_t status = FORGE_OK;
    char *bytes = apr_palloc(p, PIECE);
    apr_pool_create(&turn, p);
    for (apr_int64_t at = 0; at < file->size && status == FORGE_OK; at += PIECE) {
        apr_size_t len = file->size - at < PIECE ? (apr_size_t)(file->size - at) : PIECE;
        forge_args_t args = FORGE_ARGS(object, forge_util_itoa(turn, at), bytes);
        args.bytes = len;
        status = file->read(file->baton, at, bytes, len) ? forge_store_run(db, turn, &file_put, args, NULL)
                                                         : FORGE_E_INTERNAL;
        apr_pool_clear(turn);
    }
    apr_pool_destroy(turn);
    return status;
}

/* FORGE_E_CONFLICT: another upload of the same bytes was quicker. The rollback takes our object with it. The row comes
 * last, because with it the account's quota is held until the end. */
static forge_status_t create(forge_db_t *db, apr_pool_t *p, void *baton)
{
    upload_t *upload = baton;
    const forge_file_new_t *file = upload->file;
    FORGE_TRY(forge_store_run(db, p, &file_object, FORGE_NO_ARGS, &upload->rows));
    const char *object = forge_store_rows_text(upload->rows, 0, "object");
    FORGE_TRY(write_bytes(db, p, file, object));
    const forge_args_t args = FORGE_ARGS(upload->account, file->filename, file->content_type,
                                         forge_util_itoa(p, file->size), upload->sha256, object);
    forge_status_t status = forge_store_run(db, p, &file_create, args, &upload->rows);
    /* The account behind a token that is still good was deleted. */
    if (status == FORGE_E_BAD_REFERENCE && strcmp(forge_store_constraint(db), "files_user_id_fkey") == 0)
        return FORGE_E_INVALID_TOKEN;
    FORGE_TRY(status);
    return forge_store_rows_count(upload->rows) ? FORGE_OK : FORGE_E_CONFLICT;
}

forge_status_t forge_store_file_add(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                    const forge_file_new_t *file, bool *made, forge_rows_t **rows)
{
    upload_t upload = {.account = forge_util_itoa(p, by->id),
                       .sha256 = forge_util_hex(p, file->sha256, sizeof(file->sha256)),
                       .file = file};
    forge_status_t status = same(db, p, &upload);
    *made = status == FORGE_E_NOT_FOUND;
    if (*made)
        status = forge_store_tx(db, p, create, &upload);
    if (status == FORGE_E_CONFLICT) {
        *made = false;
        status = same(db, p, &upload);
    }
    *rows = upload.rows;
    if (status == FORGE_OK && *made)
        forge_store_event(db, &(forge_event_t){.name = "file.uploaded",
                                               .user_id = by->id,
                                               .detail = {{.name = "file_id",
                                                           .number = forge_store_rows_int(upload.rows, 0, "id", 0)},
                                                          {.name = "size", .number = file->size}}});
    return status == FORGE_E_NOT_FOUND ? FORGE_E_CONFLICT : status; /* it came and went meanwhile */
}
