/* SPDX-License-Identifier: Apache-2.0
 * ForgeTransform: answers in JSON get the shape that older clients expect, our own and those of back ends.
 *
 * The answer is taken whole before its first byte leaves, so that its length is known and a failure can still be said.
 * What is too large or no JSON is answered 502: a rule that drops a member is there so that nobody sees it. The changed
 * answer has a tag of its own, made of the one that it was made from and of the rules; what clients send in
 * If-None-Match and If-Match is translated back on the way in. Compression comes after this filter; so on the way in
 * nobody hears what codings the client takes, and here it is put back.
 */
#include "http_private.h"

#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_connection.h>
#include <http_log.h>
#include <http_protocol.h>
#include <string.h>
#include <util_filter.h>

APLOG_USE_MODULE(forge);

#define FIRST_BYTES 8192
#define PROBLEM_MAX 8192
#define NOTE        "forge-coding" /* Accept-Encoding as it came */

typedef struct state_t {
    const forge_transform_t *rules;
    forge_buf_t *body; /* NULL: not begun */
    bool over;         /* a problem was answered; what still comes is of no use */
} state_t;

static ap_filter_rec_t *handle;

static const forge_transform_t *rules_of(request_rec *r)
{
    const forge_transform_t *t = forge_config_transform(forge_config_of_server(r->server), forge_config_of_request(r));
    return t && t->rules->nelts > 0 ? t : NULL;
}

/* --- on the way in --- */

/* One tag of a list without our mark; NULL: it has none. What compression adds stands behind the mark and goes too. */
static const char *unmarked(apr_pool_t *p, const char *tag, apr_size_t len, const char *mark)
{
    const apr_size_t mark_len = strlen(mark);
    for (apr_size_t i = 0; i + mark_len < len; i++)
        if (strncmp(tag + i, mark, mark_len) == 0 && (tag[i + mark_len] == '"' || tag[i + mark_len] == '-'))
            return apr_pstrcat(p, apr_pstrmemdup(p, tag, i), "\"", NULL);
    return NULL;
}

/* Where the tag at `at` ends; tags may have commas inside. */
static apr_size_t tag_length(const char *at)
{
    const char *open = strncmp(at, "W/", 2) == 0 ? at + 2 : at;
    const char *close = *open == '"' ? strchr(open + 1, '"') : NULL;
    return close ? (apr_size_t)(close + 1 - at) : strcspn(at, ",");
}

/* Whoever has an answer in another shape has not got this one: such a tag must not make a 304. For a change it counts
 * all the same, because it names the same version. */
static void translate(request_rec *r, const char *name, const char *mark, bool strict)
{
    const char *sent = apr_table_get(r->headers_in, name), *list = NULL;
    if (!sent || strcmp(sent, "*") == 0)
        return;
    for (const char *at = sent + strspn(sent, ", \t"); *at; at += strspn(at, ", \t")) {
        const apr_size_t len = tag_length(at);
        const char *tag = unmarked(r->pool, at, len, mark);
        if (!tag && !strict)
            tag = apr_pstrmemdup(r->pool, at, len);
        if (tag)
            list = list ? apr_pstrcat(r->pool, list, ", ", tag, NULL) : tag;
        at += len;
    }
    if (list)
        apr_table_setn(r->headers_in, name, list);
    else
        apr_table_unset(r->headers_in, name);
}

int forge_http_transform_fixups(request_rec *r)
{
    const forge_transform_t *t = rules_of(r);
    if (!t || r->main || r->prev)
        return DECLINED;
    const char *coding = apr_table_get(r->headers_in, "Accept-Encoding");
    translate(r, "If-None-Match", t->mark, true);
    translate(r, "If-Match", t->mark, false);
    apr_table_unset(r->headers_in, "If-Modified-Since"); /* the rules may have changed since */
    apr_table_unset(r->headers_in, "Range");             /* of what is never sent */
    apr_table_unset(r->headers_in, "If-Range");
    if (coding) {
        apr_table_setn(r->notes, NOTE, coding);
        apr_table_unset(r->headers_in, "Accept-Encoding");
    }
    return DECLINED;
}

static void restore_coding(request_rec *r)
{
    const char *coding = apr_table_get(r->notes, NOTE);
    if (coding)
        apr_table_setn(r->headers_in, "Accept-Encoding", coding);
}

/* --- on the way out --- */

static const char *type_of(const request_rec *r)
{
    return r->content_type ? r->content_type : apr_table_get(r->headers_out, "Content-Type");
}

static bool concerns(const request_rec *r, const forge_transform_t *t)
{
    const char *type = type_of(r);
    const apr_size_t len = type ? strcspn(type, "; \t") : 0;
    if (len == strlen("application/problem+json") && apr_cstr_casecmpn(type, "application/problem+json", len) == 0)
        return t->problems;
    return (len == strlen("application/json") && apr_cstr_casecmpn(type, "application/json", len) == 0) ||
           (len > 5 && apr_cstr_casecmpn(type + len - 5, "+json", 5) == 0);
}

static void mark_tag(request_rec *r, apr_table_t *h, const char *mark)
{
    const char *tag = apr_table_get(h, "ETag");
    const apr_size_t len = tag ? strlen(tag) : 0;
    if (len >= 2 && tag[len - 1] == '"')
        apr_table_setn(h, "ETag", apr_pstrcat(r->pool, apr_pstrmemdup(r->pool, tag, len - 1), mark, "\"", NULL));
}

/* What was said of the bytes that came is not true of those that leave. */
static void rewrite_headers(request_rec *r, const char *mark)
{
    static const char *const gone[] = {"Last-Modified",  "Content-MD5", "Digest",
                                       "Content-Digest", "Repr-Digest", "Accept-Ranges"};
    mark_tag(r, r->headers_out, mark);
    mark_tag(r, r->err_headers_out, mark);
    for (size_t i = 0; i < sizeof(gone) / sizeof(*gone); i++) {
        apr_table_unset(r->headers_out, gone[i]);
        apr_table_unset(r->err_headers_out, gone[i]);
    }
}

static apr_status_t send_body(ap_filter_t *f, const forge_buf_t *b)
{
    conn_rec *c = f->c;
    apr_bucket_brigade *bb = apr_brigade_create(f->r->pool, c->bucket_alloc);
    ap_set_content_length(f->r, (apr_off_t)b->len);
    if (b->len > 0) /* the buffer ends with the request, after its last byte was written */
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_pool_create(b->data, b->len, f->r->pool, c->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(c->bucket_alloc));
    return ap_pass_brigade(f->next, bb);
}

/* The problem document in place of an answer that cannot be changed. */
static apr_status_t fail(ap_filter_t *f, state_t *s, const char *why)
{
    request_rec *r = f->r;
    const forge_server_t *server = forge_server_of(r->server);
    forge_note_t *note = forge_server_identify(r);
    forge_buf_t *b = forge_util_buf_make(r->pool, 512, PROBLEM_MAX);
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                  "FG0692: ForgeTransform cannot change an answer, which is %s [request %s]", why, note->request_id);
    s->over = true;
    apr_table_clear(r->headers_out);
    r->status = HTTP_BAD_GATEWAY;
    r->status_line = NULL;
    r->content_encoding = NULL;
    ap_set_content_type(r, "application/problem+json; charset=utf-8");
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    if (server)
        forge_server_headers_set(r, server);
    note->problem = FORGE_E_BAD_GATEWAY;
    const forge_problem_t problem = {.r = r,
                                     .status = FORGE_E_BAD_GATEWAY,
                                     .http = r->status,
                                     .request_id = note->request_id,
                                     .instance = forge_server_raw_path(r)};
    forge_http_problem_languages(r->headers_out, forge_http_problem_write(b, &problem));
    return send_body(f, b);
}

/* HEAD of a back end has no body: how long the changed one would be is not known. */
static apr_status_t finish_bare(ap_filter_t *f, const state_t *s, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    if (r->header_only) {
        rewrite_headers(r, s->rules->mark);
        apr_table_unset(r->headers_out, "Content-Length");
        r->clength = 0;
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

static apr_status_t finish(ap_filter_t *f, state_t *s, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    if (s->body->len == 0)
        return finish_bare(f, s, bb);
    apr_brigade_cleanup(bb);
    forge_buf_t *changed = forge_core_transform(r->pool, s->rules->rules, s->body->data, s->body->len);
    if (!changed)
        return fail(f, s, "no JSON, or becomes too large");
    rewrite_headers(r, s->rules->mark);
    s->over = true;
    return send_body(f, changed);
}

/* Why an answer that should be changed cannot be; NULL: it can. */
static const char *obstacle(const request_rec *r)
{
    const char *coding = apr_table_get(r->headers_out, "Content-Encoding");
    if (r->status == HTTP_PARTIAL_CONTENT)
        return "a part of one";
    return r->content_encoding || (coding && apr_cstr_casecmp(coding, "identity") != 0) ? "compressed" : NULL;
}

/* The first bytes: whether this answer is to be changed. That of a 304 was, when it was sent. */
static bool begin(ap_filter_t *f, state_t *s)
{
    request_rec *r = f->r;
    restore_coding(r);
    if (r->status == HTTP_NOT_MODIFIED)
        rewrite_headers(r, s->rules->mark);
    if (r->status == HTTP_NOT_MODIFIED || r->status == HTTP_NO_CONTENT || r->status < HTTP_OK || !concerns(r, s->rules))
        return false;
    s->body = forge_util_buf_make(r->pool, FIRST_BYTES, FORGE_TRANSFORM_BYTES);
    return true;
}

/* Whether it is known by now what the answer is: a flush alone may come before its type is set. */
static bool is_told(const request_rec *r, const apr_bucket_brigade *bb)
{
    if (type_of(r))
        return !APR_BRIGADE_EMPTY(bb);
    for (const apr_bucket *b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb); b = APR_BUCKET_NEXT(b))
        if (!APR_BUCKET_IS_METADATA(b) || !APR_BUCKET_IS_FLUSH(b))
            return true;
    return false;
}

/* Takes what has come. 1: the end was there, -1: the answer breaks off, 0: more is to come. */
static int collect(state_t *s, apr_bucket_brigade *bb)
{
    while (!APR_BRIGADE_EMPTY(bb)) {
        apr_bucket *b = APR_BRIGADE_FIRST(bb);
        const char *data;
        apr_size_t len;
        if (APR_BUCKET_IS_EOS(b))
            return 1;
        if (AP_BUCKET_IS_ERROR(b) || AP_BUCKET_IS_EOC(b))
            return -1;
        if (!APR_BUCKET_IS_METADATA(b)) {
            if (apr_bucket_read(b, &data, &len, APR_BLOCK_READ) != APR_SUCCESS)
                return -1;
            forge_util_buf_add(s->body, data, len);
        }
        apr_bucket_delete(b);
    }
    return 0;
}

static apr_status_t reshape(ap_filter_t *f, apr_bucket_brigade *bb)
{
    state_t *s = f->ctx;
    if (s->over) {
        apr_brigade_cleanup(bb);
        return APR_ECONNABORTED;
    }
    if (!s->body && !is_told(f->r, bb)) {
        apr_brigade_cleanup(bb);
        return APR_SUCCESS;
    }
    if (!s->body && !begin(f, s)) {
        ap_remove_output_filter(f);
        return ap_pass_brigade(f->next, bb);
    }
    const int end = collect(s, bb);
    const char *why = s->body->failed ? "larger than 2 MiB" : s->body->len > 0 ? obstacle(f->r) : NULL;
    if (why) {
        apr_brigade_cleanup(bb);
        return fail(f, s, why);
    }
    if (end < 0) {
        ap_remove_output_filter(f);
        return ap_pass_brigade(f->next, bb);
    }
    return end > 0 ? finish(f, s, bb) : APR_SUCCESS;
}

static void insert(request_rec *r, bool errors)
{
    const forge_transform_t *t = r->main ? NULL : rules_of(r);
    if (!t || (errors && !t->problems))
        return;
    state_t *s = apr_pcalloc(r->pool, sizeof(*s));
    s->rules = t;
    ap_add_output_filter_handle(handle, s, r, r->connection);
}

void forge_http_transform_insert(request_rec *r)
{
    insert(r, false);
}

void forge_http_transform_insert_error(request_rec *r)
{
    insert(r, true);
}

/* Behind all that makes an answer, the problem documents of die.c too; before what compresses and caches it. */
void forge_http_transform_register(void)
{
    handle = ap_register_output_filter("FORGE_TRANSFORM", reshape, NULL, AP_FTYPE_RESOURCE + 1);
}
