/* SPDX-License-Identifier: Apache-2.0
 * /analysis/pdf: has a PDF analysed, and shows what a session has besides its result: pages and a picture.
 */
#include "analysis.h"
#include "api/api.h"
#include "store/analysis/analysis.h"

#include <apr_strings.h>
#include <string.h>

/* clang-format off */
static const forge_field_t document_fields[] = {
    {"file_id", FORGE_T_INT, FORGE_F_REQUIRED, .min = 1, .max = APR_INT64_MAX, .example = "12",
     .help = "one of the caller's files"},
    {.name = NULL},
};
static const forge_shape_t document = {"DocumentToAnalyse", document_fields};

static const forge_field_t page_fields[] = {
    {"page", FORGE_T_INT, .min = 1, .example = "3", .help = "number of the page, from 1"},
    {"text", FORGE_T_TEXT, .example = "Every node has at most two children.",
     .help = "its text: a line for each paragraph, long paragraphs in several"},
    {.name = NULL},
};
static const forge_shape_t page = {"DocumentPage", page_fields};
/* clang-format on */

static forge_status_t document_analyse(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows = NULL;
    const forge_actor_t by = forge_api_actor(q);
    const apr_int64_t file = forge_core_input_int(q->body, "file_id", 0);
    FORGE_TRY(forge_http_db(q, &db));
    const forge_status_t status = forge_store_document_ask(db, q->pool, &by, file, &rows);
    return forge_api_analysis_begun(q, status, rows);
}

/* An empty list would say that there is nothing to read; of somebody else's nothing is said. */
static forge_status_t document_pages(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const apr_int64_t whose = forge_api_analysis_whose(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_analysis_state(db, q->pool, whose, q->ids[0], &rows));
    return forge_api_list(q, FORGE_ARGS(forge_util_itoa(q->pool, q->ids[0]), forge_util_itoa(q->pool, whose)));
}

static forge_status_t document_thumbnail(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    apr_size_t len;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_document_thumbnail(db, q->pool, forge_api_analysis_whose(q), q->ids[0], &rows));
    const char *text = forge_store_rows_text(rows, 0, "png");
    const unsigned char *png = forge_util_b64url_decode(q->pool, text, strlen(text), &len);
    if (!png)
        return FORGE_E_INTERNAL;
    forge_buf_t *body = forge_util_buf_make(q->pool, len, len + 1);
    forge_util_buf_add(body, (const char *)png, len);
    forge_reply_etag(q, apr_pstrcat(q->pool, "\"", forge_store_rows_text(rows, 0, "tag"), "\"", NULL));
    return forge_reply_buf(q, body, "image/png");
}

static const forge_status_t analyse_errors[] = {FORGE_E_NOT_FOUND, FORGE_E_QUOTA_EXCEEDED, FORGE_E_ANALYSIS_SHARE,
                                                FORGE_OK};

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_POST, "/analysis/pdf", FORGE_ROLE_STUDENT, .flags = FORGE_R_IDEMPOTENT, .limit = FORGE_LIMIT_ANALYSIS,
     .success = 202, .body = &document, .reply = &forge_api_analysis, .next = forge_api_analysis_next,
     .errors = analyse_errors,
     .handle = document_analyse, .again = forge_reply_kept,
     .operation = "analysis_pdf", .summary = "Analyse a PDF",
     .description = "For every account but guests, of its own files; each may have 20 unfinished analyses. "
         "The answer is the analysis as it begins; GET "
         "/analysis/sessions/{id} has its `result` once it is done: `title`, `author`, `language` (ISO 639-1), "
         "`page_count`, `word_count`, `character_count`, `reading_minutes`, `key_terms` ({term, count, page}), "
         "`outline` ({level, title, page}), `pages` ({page, words, characters, text}; without text, and "
         "`text_complete` false, when all texts are more than 256 KiB: GET /analysis/sessions/{id}/pages has "
         "them), `pages_without_text`, `pages_recognised` (by OCR), `passage_count`, `thumbnail` (whether "
         "there is one), `summary` (by the language model; null without one) and `recipe`. It may fail with "
         "pdf_encrypted, pdf_broken, pdf_empty (no pages, or nothing on them), pdf_scanned (pictures without "
         "text), too_complex (more time, memory, text or pages than are allowed), quota_exceeded or "
         "sandbox_unavailable. A file that was analysed before gets a session of its own with the same result, "
         "at once."},
    {FORGE_GET, "/analysis/sessions/{id}/pages", FORGE_ROLE_GUEST, .flags = FORGE_R_LIST,
     .list = &forge_store_document_pages_list, .reply = &page, .handle = document_pages,
     .operation = "analysis_pages", .summary = "Read an analysed document",
     .description = "The text of its pages, those without text left out; empty while it is being analysed, and for a "
         "repository. Open to the account that asked for the analysis and to administrators."},
    {FORGE_GET, "/analysis/sessions/{id}/thumbnail", FORGE_ROLE_GUEST, .flags = FORGE_R_RAW | FORGE_R_ETAG,
     .media = "image/png", .sample = "\xe2\x80\xa6", .handle = document_thumbnail,
     .operation = "analysis_thumbnail", .summary = "Get the picture of a document",
     .description = "Its first page as PNG, at most 400 pixels high or wide. 404 when there is none. Open to the "
         "account that asked for the analysis and to administrators."},
};
/* clang-format on */

const forge_routes_t forge_api_documents = FORGE_API_ROUTES(routes, &forge_api_tag_analysis);
