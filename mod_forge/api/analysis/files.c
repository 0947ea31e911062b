/* SPDX-License-Identifier: Apache-2.0
 * /files: the PDF files of an account. They are its owner's alone; administrators may read and delete them.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "store/analysis/analysis.h"
#include "api/shared.h"

#include <apr_strings.h>
#include <string.h>

/* clang-format off */
static const forge_field_t file_fields[] = {
    {"id", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "9", .help = "number of the file"},
    {"filename", FORGE_T_TEXT, FORGE_F_READONLY, 1, FORGE_FILE_NAME_MAX, .format = "line", .example = "graphs.pdf",
     .help = "as it was sent, without what could do harm"},
    {"size", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "48213", .help = "bytes"},
    {"sha256", FORGE_T_TEXT, FORGE_F_READONLY, 64, 64,
     .example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", .help = "digest of the bytes"},
    {"content_type", FORGE_T_TEXT, FORGE_F_READONLY, .example = "application/pdf", .help = "media type"},
    {"pages", FORGE_T_INT, FORGE_F_READONLY | FORGE_F_NULLABLE, .example = "12",
     .help = "how many pages it has; null until it was analysed"},
    {"created_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was uploaded"},
    {.name = NULL},
};
static const forge_shape_t file = {"File", file_fields};

static const forge_field_t upload_fields[] = {
    {"file", FORGE_T_TEXT, FORGE_F_REQUIRED, .format = "binary", .help = "the file, with its name and media type"},
    {.name = NULL},
};
static const forge_shape_t upload = {"FileUpload", upload_fields};
/* clang-format on */

static const forge_upload_rule_t pdf = {"application/pdf", ".pdf", "%PDF-", "document.pdf"};

static const forge_status_t upload_errors[] = {FORGE_E_QUOTA_EXCEEDED, FORGE_E_CONFLICT, FORGE_OK};

static forge_status_t file_list(forge_req_t *q)
{
    return forge_api_list(q, FORGE_ARGS(forge_util_itoa(q->pool, q->who.user_id)));
}

static forge_status_t file_row(forge_req_t *q, apr_int64_t id, forge_rows_t **rows)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    return forge_store_file_get(db, q->pool, &by, id, rows);
}

static forge_status_t file_get(forge_req_t *q)
{
    forge_rows_t *rows;
    FORGE_TRY(file_row(q, q->ids[0], &rows));
    return forge_reply_row(q, rows);
}

static forge_status_t upload_again(forge_req_t *q)
{
    forge_rows_t *rows;
    FORGE_TRY(file_row(q, q->made, &rows));
    return forge_reply_row(q, rows);
}

/* Location is said of a file that was there already as well: the client does not know its number. */
static forge_status_t file_upload(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    bool made;
    const forge_actor_t by = forge_api_actor(q);
    forge_file_new_t in = {.filename = q->upload->filename,
                           .content_type = q->upload->media,
                           .size = q->upload->size,
                           .read = forge_http_upload_read,
                           .baton = q->upload};
    memcpy(in.sha256, q->upload->sha256, sizeof(in.sha256));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_file_add(db, q->pool, &by, &in, &made, &rows));
    FORGE_TRY(forge_reply_created(q, rows, "/api/v1/files"));
    return made ? FORGE_OK : forge_reply_again(q, rows);
}

static forge_status_t read_content(forge_req_t *q, apr_pool_t *p, void *baton, apr_int64_t at, apr_int64_t most,
                                   forge_buf_t *b)
{
    forge_db_t *db;
    forge_file_bytes_t bytes;
    const forge_file_span_t span = {at, most};
    (void)baton;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_file_piece(db, p, q->ids[0], span, &bytes));
    forge_util_buf_add(b, bytes.data, bytes.len);
    return FORGE_OK;
}

static forge_status_t file_content(forge_req_t *q)
{
    forge_rows_t *rows;
    FORGE_TRY(file_row(q, q->ids[0], &rows));
    const forge_content_t content = {
        .media = forge_store_rows_text(rows, 0, "content_type"),
        .name = forge_store_rows_text(rows, 0, "filename"),
        .etag = apr_pstrcat(q->pool, "\"", forge_store_rows_text(rows, 0, "sha256"), "\"", NULL),
        .size = forge_store_rows_int(rows, 0, "size", 0),
        .read = read_content,
    };
    return forge_reply_content(q, &content);
}

static forge_status_t file_delete(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_file_delete(db, q->pool, &by, q->ids[0], q->if_version));
    return forge_reply_none(q);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/files", FORGE_ROLE_GUEST, .flags = FORGE_R_LIST, .list = &forge_store_files_list, .reply = &file,
     .handle = file_list, .operation = "file_list", .summary = "List my files",
     .description = "The caller's own, whatever its role."},
    {FORGE_POST, "/files/upload", FORGE_ROLE_STUDENT, .flags = FORGE_R_IDEMPOTENT | FORGE_R_AGAIN | FORGE_R_FILE,
     .limit = FORGE_LIMIT_UPLOAD, .success = 201, .body = &upload, .upload = &pdf, .reply = &file,
     .errors = upload_errors, .handle = file_upload, .again = upload_again,
     .operation = "file_upload", .summary = "Upload a PDF file",
     .description = "Open to any account that is not a guest. The declared type, the name and the signature of the "
         "content must agree, and the file may be as large as ForgeMaxUpload says. It counts in the quota of the "
         "account. The same bytes are one file: then the first one is answered with 200."},
    {FORGE_GET, "/files/{id}", FORGE_ROLE_GUEST, .flags = FORGE_R_ETAG, .reply = &file, .handle = file_get,
     .operation = "file_get", .summary = "Read what is known of a file",
     .description = "For its owner and administrators; for others it does not exist."},
    {FORGE_GET, "/files/{id}/content", FORGE_ROLE_GUEST, .flags = FORGE_R_RAW | FORGE_R_ETAG | FORGE_R_FILE,
     .media = "application/pdf", .sample = "%PDF-1.7", .handle = file_content,
     .operation = "file_content", .summary = "Download a file",
     .description = "For its owner and administrators. The ETag is made of the digest of the bytes. Ranges are "
         "answered, so that an interrupted download can go on."},
    {FORGE_DELETE, "/files/{id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .success = 204, .handle = file_delete,
     .operation = "file_delete", .summary = "Delete a file",
     .description = "For its owner and administrators. Deletes its bytes and its analyses too. This cannot be undone."},
};
/* clang-format on */

static const forge_tag_t tag = {"files", "Files that an account has uploaded: PDFs, to be analysed and asked about."};
const forge_routes_t forge_api_files = FORGE_API_ROUTES(routes, &tag);
