/* SPDX-License-Identifier: Apache-2.0
 * The OpenAPI document, and the pages that show it: Swagger UI and ReDoc with assets of our own, without inline script.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "api/shared.h"

#include <apr_strings.h>
#include <pthread.h>
#include <string.h>

#define DOCUMENT_MAX (8 * 1024 * 1024)

/* The policy allows what the pages need and no more: our scripts, their style elements, ReDoc's search worker, pictures
 * inside the style sheets. */
#define PAGE_POLICY \
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; " \
    "connect-src 'self'; " \
    "worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/* clang-format off */
static const forge_field_t document_query_fields[] = {
    {"version", FORGE_T_TEXT, .format = "enum:3.1|3.0", .named = "OpenApiVersion", .preset = "3.1", .example = "3.1",
     .help = "OpenAPI version"},
    {.name = NULL},
};
static const forge_shape_t document_query = {.fields = document_query_fields};
/* clang-format on */

/* --- the document: the tables never change while a process lives, so each dialect is written and packed once --- */

typedef struct form_t {
    const char *data; /* NULL: not written yet */
    apr_size_t len;
    const char *etag;
} form_t;

typedef struct document_t {
    form_t plain, packed;
} document_t;

/* Keeps the bytes for the life of the process. */
static void keep(form_t *form, forge_buf_t *b, const char *etag)
{
    char *tag = strdup(etag);
    form->data = b && tag ? forge_util_buf_release(b, &form->len) : NULL;
    form->etag = tag;
}

static void document_write(forge_req_t *q, document_t *doc, bool dialect_3_0)
{
    forge_buf_t *b = forge_util_buf_make(q->pool, 256 * 1024, DOCUMENT_MAX);
    forge_core_openapi_write(b, q->pool, q->router, FORGE_VERSION, dialect_3_0);
    if (b->failed)
        return;
    const char *etag = forge_core_etag_bytes(q->pool, b->data, b->len);
    keep(&doc->packed, forge_util_gzip(q->pool, b->data, b->len),
         apr_pstrcat(q->pool, apr_pstrmemdup(q->pool, etag, strlen(etag) - 1), "-gzip\"", NULL));
    keep(&doc->plain, b, etag);
}

static forge_status_t openapi(forge_req_t *q)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static document_t documents[2];
    if (!forge_config_docs(q->config))
        return FORGE_E_NOT_FOUND;
    bool dialect_3_0 = strcmp(forge_core_input_text(q->query, "version"), "3.0") == 0;
    document_t *doc = &documents[dialect_3_0];
    pthread_mutex_lock(&lock);
    if (!doc->plain.data)
        document_write(q, doc, dialect_3_0);
    pthread_mutex_unlock(&lock);
    if (!doc->plain.data)
        return FORGE_E_INTERNAL;
    const form_t *form = doc->packed.data && forge_reply_packs(q) ? &doc->packed : &doc->plain;
    forge_buf_t *b = forge_util_buf_make(q->pool, form->len + 1, form->len + 1);
    forge_util_buf_add(b, form->data, form->len);
    forge_reply_etag(q, form->etag);
    return forge_reply_buf(q, b, NULL);
}

/* --- pages and assets --- */

static forge_status_t send_file(forge_req_t *q, const char *name, const char *media)
{
    const char *dir = forge_config_docs_assets(q->config);
    if (!forge_config_docs(q->config) || !dir)
        return FORGE_E_NOT_FOUND;
    if (forge_config_csp(q->config) != FORGE_CSP_DISABLED)
        forge_reply_header(q, "Content-Security-Policy", PAGE_POLICY);
    return forge_reply_file(q, apr_pstrcat(q->pool, dir, "/", name, NULL), media);
}

static forge_status_t swagger(forge_req_t *q)
{
    return send_file(q, "swagger.html", "text/html");
}

static forge_status_t redoc(forge_req_t *q)
{
    return send_file(q, "redoc.html", "text/html");
}

static forge_status_t asset(forge_req_t *q)
{
    const forge_page_file_t *file = forge_core_page_file(q->tail);
    return file && strcmp(file->media, "text/html") != 0 ? send_file(q, file->name, file->media) : FORGE_E_NOT_FOUND;
}

#define DOCUMENT_TEXT   "OpenAPI 3.1, made from the server's route tables; 3.0 with version=3.0. Open to anyone."
#define DOCUMENT_SAMPLE "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"mod_forge\",\"version\":\"1.0.0\"},\"paths\":{}}"
#define PAGE_TEXT       "A page for people. Open to anyone."
#define DOCUMENT        (FORGE_R_OPEN | FORGE_R_RAW | FORGE_R_PUBLIC | FORGE_R_ETAG)
#define PAGE            (FORGE_R_OPEN | FORGE_R_RAW | FORGE_R_ROOT | FORGE_R_HIDDEN | FORGE_R_PUBLIC)

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/openapi.json", FORGE_ROLE_NONE, .flags = DOCUMENT | FORGE_R_ROOT, .part = FORGE_PART_DOCS,
     .query = &document_query, .handle = openapi, .media = "application/json",
     .sample = DOCUMENT_SAMPLE, .operation = "openapi", .summary = "This document", .description = DOCUMENT_TEXT},
    {FORGE_GET, "/openapi.json", FORGE_ROLE_NONE, .flags = DOCUMENT,
     .query = &document_query, .handle = openapi, .media = "application/json",
     .sample = DOCUMENT_SAMPLE, .operation = "openapi_api", .summary = "This document", .description = DOCUMENT_TEXT},
    {FORGE_GET, "/docs", FORGE_ROLE_NONE, .flags = PAGE, .part = FORGE_PART_DOCS, .handle = swagger,
     .media = "text/html", .operation = "docs_swagger", .summary = "Swagger UI", .description = PAGE_TEXT},
    {FORGE_GET, "/api/docs", FORGE_ROLE_NONE, .flags = PAGE, .part = FORGE_PART_DOCS, .handle = swagger,
     .media = "text/html", .operation = "docs_swagger_api", .summary = "Swagger UI", .description = PAGE_TEXT},
    {FORGE_GET, "/redoc", FORGE_ROLE_NONE, .flags = PAGE, .part = FORGE_PART_DOCS, .handle = redoc,
     .media = "text/html", .operation = "docs_redoc", .summary = "ReDoc", .description = PAGE_TEXT},
    {FORGE_GET, "/api/redoc", FORGE_ROLE_NONE, .flags = PAGE, .part = FORGE_PART_DOCS, .handle = redoc,
     .media = "text/html", .operation = "docs_redoc_api", .summary = "ReDoc", .description = PAGE_TEXT},
    {FORGE_GET, "/docs/assets/{name}", FORGE_ROLE_NONE, .flags = PAGE | FORGE_R_TAIL, .part = FORGE_PART_DOCS,
     .handle = asset, .media = "application/octet-stream", .operation = "docs_asset", .summary = "A file of the pages",
     .description = "Scripts and style sheets of the pages. Open to anyone."},
};
/* clang-format on */

static const forge_tag_t tag = {"documentation", "This OpenAPI document."};
const forge_routes_t forge_api_docs = FORGE_API_ROUTES(routes, &tag);
