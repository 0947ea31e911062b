/* SPDX-License-Identifier: Apache-2.0
 * What a handler answers: rows, composed JSON, bytes or files are put into q->reply; send.c sends it.
 */
#include "http_private.h"
#include "core/wire/wire.h"
#include "store/store.h"

#include <httpd.h>
#include <apr_strings.h>
#include <string.h>

#define ANSWER_MAX (16 * 1024 * 1024) /* ceiling of one rendered answer */
#define PAGE_BYTES (1024 * 1024)      /* a page of a list ends once it holds so many (SPEC 1) */

static forge_buf_t *start(forge_req_t *q, int http, apr_size_t hint)
{
    q->reply->set = true;
    q->reply->http = http;
    q->reply->media = "application/json";
    q->reply->body = forge_util_buf_make(q->pool, hint, ANSWER_MAX);
    return q->reply->body;
}

/* Members may come from another row, from the caller or from the clock, and change without a new version: the tag
 * speaks of the bytes too, and of them alone where there is no version. */
forge_status_t forge_reply_row(forge_req_t *q, const forge_rows_t *rows)
{
    if (forge_store_rows_count(rows) == 0)
        return FORGE_E_NOT_FOUND;
    forge_store_render_row(start(q, forge_core_success(q->route), 1024), rows, 0);
    if (q->route->flags & FORGE_R_ETAG || q->reply->http == HTTP_CREATED) {
        const char *version = forge_store_rows_text(rows, 0, "_version");
        if (!version)
            version = forge_store_rows_text(rows, 0, "version");
        if (version || q->route->flags & FORGE_R_ETAG)
            return forge_reply_etag_bytes(q, version);
    }
    return FORGE_OK;
}

forge_reply_t forge_http_reply_copy(const forge_req_t *q)
{
    forge_reply_t copy = *q->reply;
    copy.headers = copy.headers ? apr_table_copy(q->pool, copy.headers) : NULL;
    return copy;
}

/* What a row is called in addresses and cursors: column id, or _id where the answer has no such member. */
static const char *id_of(const forge_rows_t *rows, int i)
{
    const char *id = forge_store_rows_text(rows, i, "id");
    return id ? id : forge_store_rows_text(rows, i, "_id");
}

forge_status_t forge_reply_again(forge_req_t *q, const forge_rows_t *rows)
{
    FORGE_TRY(forge_reply_row(q, rows));
    q->reply->http = HTTP_OK;
    return FORGE_OK;
}

forge_status_t forge_reply_created(forge_req_t *q, const forge_rows_t *rows, const char *collection)
{
    FORGE_TRY(forge_reply_row(q, rows));
    q->reply->location = apr_pstrcat(q->pool, collection, "/", id_of(rows, 0), NULL);
    return FORGE_OK;
}

/* The query of this request without the parameters that a page link sets anew. */
static const char *other_params(forge_req_t *q)
{
    static const char *const own[] = {"skip", "limit", "after", NULL};
    const char *kept = "";
    char *state, *args = apr_pstrdup(q->pool, q->r->args ? q->r->args : "");
    for (char *pair = apr_strtok(args, "&", &state); pair; pair = apr_strtok(NULL, "&", &state)) {
        apr_size_t len = strcspn(pair, "=");
        bool drop = false;
        for (int i = 0; own[i]; i++)
            drop |= strlen(own[i]) == len && strncmp(own[i], pair, len) == 0;
        if (!drop && !strpbrk(pair, "<>\"\\ "))
            kept = apr_pstrcat(q->pool, kept, pair, "&", NULL);
    }
    return kept;
}

static const char *link_to(forge_req_t *q, const char *params, const char *rel)
{
    return apr_psprintf(q->pool, "<%s?%s%s>; rel=\"%s\"", forge_server_raw_path(q->r), other_params(q), params, rel);
}

static const char *link_by_skip(forge_req_t *q, apr_int64_t skip, const char *rel)
{
    return link_to(q, apr_psprintf(q->pool, "skip=%" APR_INT64_T_FMT "&limit=%d", skip, q->page.limit), rel);
}

/* rel="next" by cursor, built from the last row shown. */
static const char *link_by_cursor(forge_req_t *q, const forge_list_t *list, const forge_rows_t *rows, int last)
{
    const forge_list_order_t *order = forge_store_list_order(list, q->page.sort);
    const char *key = order->key ? forge_store_rows_text(rows, last, order->key) : NULL;
    const char *cursor = forge_core_cursor_make(q->pool, q->keys, q->page.scope, key, id_of(rows, last));
    return link_to(q, apr_psprintf(q->pool, "after=%s&limit=%d", cursor, q->page.limit), "next");
}

/* `next` is a link to the rows after those shown; NULL: there are none. */
static void add_links(forge_req_t *q, const char *next)
{
    const forge_page_t *page = &q->page;
    const char *links = link_to(q, apr_psprintf(q->pool, "limit=%d", page->limit), "first");
    if (next)
        links = apr_pstrcat(q->pool, links, ", ", next, NULL);
    if (page->by_skip && page->skip > 0)
        links = apr_pstrcat(q->pool, links, ", ",
                            link_by_skip(q, page->skip > page->limit ? page->skip - page->limit : 0, "prev"), NULL);
    forge_reply_header(q, "Link", links);
}

/* A page ends with its rows or its bytes, whichever comes first; the link goes on behind the last row shown. What the
 * database sent is freed at once: a client that reads slowly keeps the request alive for long. */
forge_status_t forge_reply_list(forge_req_t *q, const forge_list_t *list, forge_rows_t *rows, apr_int64_t total)
{
    int n = forge_store_rows_count(rows);
    forge_buf_t *body = start(q, forge_core_success(q->route), 64 + (apr_size_t)n * 320);
    int shown = forge_store_render_list(body, rows, n > q->page.limit ? q->page.limit : n, PAGE_BYTES);
    const char *next = NULL;
    if (shown < n)
        next =
            q->page.by_skip ? link_by_skip(q, q->page.skip + shown, "next") : link_by_cursor(q, list, rows, shown - 1);
    add_links(q, next);
    forge_store_rows_release(rows);
    if (q->page.count && total >= 0)
        forge_reply_header(q, "X-Total-Count", forge_util_itoa(q->pool, total));
    return forge_reply_etag_bytes(q, NULL);
}

forge_status_t forge_reply_json(forge_req_t *q, const forge_json_t *body)
{
    return forge_reply_json_status(q, forge_core_success(q->route), body);
}

forge_status_t forge_reply_json_status(forge_req_t *q, int http, const forge_json_t *body)
{
    forge_util_json_write(start(q, http, 512), body);
    return FORGE_OK;
}

forge_status_t forge_reply_health(forge_req_t *q, int http, const forge_json_t *body)
{
    FORGE_TRY(forge_reply_json_status(q, http, body));
    if (q->health)
        q->reply->media = FORGE_HEALTH;
    return FORGE_OK;
}

forge_status_t forge_reply_buf(forge_req_t *q, forge_buf_t *body, const char *media)
{
    q->reply->set = true;
    q->reply->http = forge_core_success(q->route);
    q->reply->media = media ? media : "application/json";
    q->reply->body = body;
    return FORGE_OK;
}

bool forge_reply_packs(forge_req_t *q)
{
    forge_reply_header(q, "Vary", "Accept-Encoding");
    q->reply->packed = forge_core_accepts_coding(forge_http_header(q, "Accept-Encoding"), "gzip");
    if (q->reply->packed)
        forge_reply_header(q, "Content-Encoding", "gzip");
    return q->reply->packed;
}

static bool is_file(forge_req_t *q, const char *path, apr_finfo_t *info)
{
    return apr_stat(info, path, APR_FINFO_SIZE | APR_FINFO_MTIME | APR_FINFO_TYPE, q->pool) == APR_SUCCESS &&
           info->filetype == APR_REG;
}

forge_status_t forge_reply_file(forge_req_t *q, const char *path, const char *media)
{
    apr_finfo_t info;
    const char *packed = apr_pstrcat(q->pool, path, ".gz", NULL);
    if (is_file(q, packed, &info) && forge_reply_packs(q))
        path = packed;
    else if (!is_file(q, path, &info))
        return FORGE_E_NOT_FOUND;
    q->reply->set = true;
    q->reply->http = HTTP_OK;
    q->reply->media = media;
    q->reply->file = path;
    q->reply->etag = apr_psprintf(q->pool, "\"f%" APR_UINT64_T_HEX_FMT "-%" APR_UINT64_T_HEX_FMT "%s\"",
                                  (apr_uint64_t)info.mtime, (apr_uint64_t)info.size, q->reply->packed ? "-gzip" : "");
    return FORGE_OK;
}

forge_status_t forge_reply_none(forge_req_t *q)
{
    q->reply->set = true;
    q->reply->http = HTTP_NO_CONTENT;
    q->reply->body = NULL;
    return FORGE_OK;
}

void forge_reply_cookie(forge_req_t *q, const forge_who_t *who)
{
    forge_server_cookie_set(q->r, q->server, who);
}

void forge_reply_cookie_clear(forge_req_t *q)
{
    forge_server_cookie_clear(q->r, q->server);
}

void forge_reply_header(forge_req_t *q, const char *name, const char *value)
{
    if (!forge_util_line(value))
        return;
    if (!q->reply->headers)
        q->reply->headers = apr_table_make(q->pool, 4);
    apr_table_set(q->reply->headers, name, value);
}

void forge_reply_location(forge_req_t *q, const char *address)
{
    q->reply->location = address;
}

void forge_reply_etag(forge_req_t *q, const char *etag)
{
    q->reply->etag = etag;
}

forge_status_t forge_reply_etag_bytes(forge_req_t *q, const char *version)
{
    const forge_buf_t *body = q->reply->body;
    q->reply->etag = version ? forge_core_etag_both(q->pool, version, body->data, body->len)
                             : forge_core_etag_bytes(q->pool, body->data, body->len);
    return FORGE_OK;
}
