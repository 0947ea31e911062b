/* SPDX-License-Identifier: Apache-2.0
 * Query, preconditions and body, validated by the route's tables. All failing members are told at once.
 */
#include "http_private.h"
#include "core/wire/wire.h"

#include <httpd.h>
#include <apr_strings.h>
#include <string.h>

#define PAIRS_MAX 64 /* parameters of one query or form */

static const char json_types[] = "application/json";
static const char patch_types[] = "application/merge-patch+json, application/json";
static const char form_types[] = "application/json, application/x-www-form-urlencoded";

static const char csv_types[] = "application/json, text/csv";

typedef enum { MEDIA_JSON, MEDIA_FORM, MEDIA_CSV, MEDIA_OTHER } media_t;

/* Names UTF-8, quoted or not; "utf8" is what many clients write. */
static bool is_utf8(const char *charset)
{
    apr_size_t quoted = *charset == '"';
    const char *name = charset + quoted;
    apr_size_t len = strcspn(name, quoted ? "\"" : " \t");
    bool named =
        (len == 5 && apr_cstr_casecmpn(name, "utf-8", 5) == 0) || (len == 4 && apr_cstr_casecmpn(name, "utf8", 4) == 0);
    return named && (!quoted || name[len] == '"');
}

/* The parameter charset, when there is one, must be UTF-8 (RFC 8259 §8.1). */
static bool charset_is_utf8(apr_pool_t *p, const char *params)
{
    char *state, *copy = apr_pstrdup(p, params);
    for (char *param = apr_strtok(copy, ";", &state); param; param = apr_strtok(NULL, ";", &state)) {
        while (*param == ' ' || *param == '\t')
            param++;
        if (apr_cstr_casecmpn(param, "charset=", 8) == 0 && !is_utf8(param + 8))
            return false;
    }
    return true;
}

/* What the body is, as far as the route takes it. A coding is refused here, because nothing unpacks it. */
static media_t media_of(forge_req_t *q)
{
    const char *type = forge_http_header(q, "Content-Type");
    const char *coding = forge_http_header(q, "Content-Encoding");
    if (!type || (coding && apr_cstr_casecmp(coding, "identity") != 0))
        return MEDIA_OTHER;
    apr_size_t len = strcspn(type, "; \t");
    const char *name = apr_pstrndup(q->pool, type, len);
    if (!charset_is_utf8(q->pool, type + len))
        return MEDIA_OTHER;
    if (apr_cstr_casecmp(name, "application/json") == 0)
        return MEDIA_JSON;
    if (q->route->method == FORGE_PATCH && apr_cstr_casecmp(name, "application/merge-patch+json") == 0)
        return MEDIA_JSON;
    if (q->route->flags & FORGE_R_FORM && apr_cstr_casecmp(name, "application/x-www-form-urlencoded") == 0)
        return MEDIA_FORM;
    if (q->route->flags & FORGE_R_CSV && apr_cstr_casecmp(name, "text/csv") == 0)
        return MEDIA_CSV;
    return MEDIA_OTHER;
}

static forge_status_t unsupported(forge_req_t *q)
{
    q->reply->accept = q->route->method == FORGE_PATCH  ? patch_types
                       : q->route->flags & FORGE_R_FORM ? form_types
                       : q->route->flags & FORGE_R_CSV  ? csv_types
                                                        : json_types;
    return forge_fail_detail(q, FORGE_E_UNSUPPORTED_MEDIA,
                             apr_pstrcat(q->pool, "send the body uncompressed, in UTF-8, as ", q->reply->accept, NULL));
}

static forge_status_t read_json(forge_req_t *q, const char *data, apr_size_t len, forge_faults_t *faults)
{
    const char *why = NULL;
    forge_json_t *json = forge_util_json_parse(q->pool, data, len, &why);
    if (!json)
        return forge_fail_detail(q, FORGE_E_BAD_JSON, why);
    if (forge_util_json_type(json) != FORGE_JSON_OBJECT)
        return forge_fail_field(q, FORGE_E_VALIDATION, "", "type", "the body must be a JSON object");
    if (q->route->body)
        q->body = forge_core_input_json(q->pool, q->route->body->fields,
                                        q->route->method == FORGE_PATCH ? FORGE_INPUT_PATCH : FORGE_INPUT_CREATE, json,
                                        faults);
    return FORGE_OK;
}

static forge_status_t read_form(forge_req_t *q, const char *data, apr_size_t len, forge_faults_t *faults)
{
    apr_table_t *pairs;
    const char *why = NULL;
    if (!forge_util_form(q->pool, data, len, PAIRS_MAX, &pairs, &why))
        return forge_fail_detail(q, FORGE_E_BAD_REQUEST, why);
    q->body = forge_core_input_pairs(q->pool, q->route->body->fields, FORGE_INPUT_CREATE, pairs, faults);
    return FORGE_OK;
}

/* A POST of which no member is required may come without any body. */
static bool body_optional(const forge_req_t *q)
{
    if (!q->route->body)
        return true;
    forge_walk_t walk = forge_core_walk_shape(q->route->body);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk));)
        if (f->flags & FORGE_F_REQUIRED)
            return false;
    return q->route->method == FORGE_POST;
}

/* Nothing announces a body. Over HTTP/2 one may come unannounced, so only reading tells for sure. */
static bool none_announced(forge_req_t *q)
{
    const char *length = forge_http_header(q, "Content-Length");
    return length ? strcmp(length, "0") == 0 : !forge_http_header(q, "Transfer-Encoding");
}

/* The handler reads the rows; no member of the table was sent. */
static forge_status_t read_csv(forge_req_t *q, const char *data, apr_size_t len, forge_faults_t *faults)
{
    if (memchr(data, 0, len) || !forge_util_utf8(data, len, NULL))
        return forge_fail_detail(q, FORGE_E_BAD_REQUEST, "the text is not UTF-8");
    q->csv = apr_pstrmemdup(q->pool, data, len);
    q->body =
        forge_core_input_pairs(q->pool, q->route->body->fields, FORGE_INPUT_PATCH, apr_table_make(q->pool, 1), faults);
    return FORGE_OK;
}

static forge_status_t read_as(forge_req_t *q, media_t media, const char *data, apr_size_t len, forge_faults_t *faults)
{
    switch (media) {
    case MEDIA_JSON:
        return read_json(q, data, len, faults);
    case MEDIA_FORM:
        return read_form(q, data, len, faults);
    case MEDIA_CSV:
        return read_csv(q, data, len, faults);
    case MEDIA_OTHER:
        break;
    }
    return unsupported(q);
}

/* A POST that takes no members judges the form of a body all the same.
 * Where the body may be left out an empty one is none, whatever Content-Type says: many clients send that always. */
static forge_status_t read_body(forge_req_t *q, forge_faults_t *faults)
{
    const char *data = "";
    apr_size_t len = 0;
    if (q->route->upload) /* upload.c receives it */
        return FORGE_OK;
    if (forge_core_reads_body(q->route)) {
        media_t media = media_of(q);
        bool optional = body_optional(q);
        if (media == MEDIA_OTHER && !(optional && none_announced(q)))
            return unsupported(q);
        FORGE_TRY(forge_http_body_read(q, &data, &len));
        FORGE_TRY(optional && len == 0 ? read_json(q, "{}", 2, faults) : read_as(q, media, data, len, faults));
    }
    return q->route->flags & FORGE_R_IDEMPOTENT ? forge_http_idempotency_begin(q, data, len) : FORGE_OK;
}

/* What cursors are bound to: the operation, the ids in the path, the filters and the order. Values are escaped, so that
 * no two lists have one scope. */
static const char *scope_of(forge_req_t *q, const char *sort)
{
    const char *scope = q->route->operation;
    for (int i = 0; i < FORGE_PATH_IDS_MAX && q->ids[i]; i++)
        scope = apr_pstrcat(q->pool, scope, "/", forge_util_itoa(q->pool, q->ids[i]), NULL);
    forge_walk_t walk = forge_core_walk_shape(q->query ? q->route->query : NULL);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk));) {
        const char *value = forge_core_input_text(q->query, f->name);
        if (value)
            scope = apr_pstrcat(q->pool, scope, "&", f->name, "=", ap_escape_urlencoded(q->pool, value), NULL);
    }
    return sort ? apr_pstrcat(q->pool, scope, " ", sort, NULL) : scope;
}

/* The order, and where the page begins. The cursors of this page will be bound to the same scope (reply.c). */
static void read_page(forge_req_t *q, const apr_table_t *pairs, forge_faults_t *faults)
{
    const forge_field_t *sorts = forge_core_router_sort(q->router, q->route_index);
    const char *sort = NULL;
    if (sorts)
        sort = forge_core_input_text(forge_core_input_pairs(q->pool, sorts, FORGE_INPUT_QUERY, pairs, faults),
                                     sorts->name);
    forge_input_t *page = forge_core_input_pairs(q->pool, forge_core_page_fields, FORGE_INPUT_QUERY, pairs, faults);
    q->page = forge_core_page_read(q->pool, q->keys, scope_of(q, sort), page, sort, faults);
}

/* A parameter that no table lists is ignored, like an unknown member of a body; what is malformed is refused. */
static forge_status_t read_query(forge_req_t *q, forge_faults_t *faults)
{
    apr_table_t *pairs;
    const char *why = NULL, *args = q->r->args ? q->r->args : "";
    if (!*args && !q->route->query && !(q->route->flags & FORGE_R_LIST))
        return FORGE_OK;
    if (!forge_util_form(q->pool, args, strlen(args), PAIRS_MAX, &pairs, &why))
        return forge_fail_detail(q, FORGE_E_BAD_REQUEST, why);
    if (q->route->query)
        q->query = forge_core_input_pairs(q->pool, q->route->query->fields, FORGE_INPUT_QUERY, pairs, faults);
    if (q->route->flags & FORGE_R_LIST)
        read_page(q, pairs, faults);
    return FORGE_OK;
}

/* The version a tag of ours names: "v3", "v3.0b1c", or "v3-gzip" and "v3-br" as compression has renamed it. False: a
 * tag of somebody else's. */
static bool tag_version(const char *tag, apr_int64_t *version)
{
    if (strncmp(tag, "\"v", 2) != 0)
        return false;
    apr_size_t digits = strspn(tag + 2, "0123456789");
    const char *end = tag + 2 + digits;
    if (*end == '.') /* the tag of an answer that changes more often than its version */
        end += 1 + strspn(end + 1, "0123456789abcdef");
    return (strcmp(end, "\"") == 0 || strcmp(end, "-gzip\"") == 0 || strcmp(end, "-br\"") == 0) &&
           forge_util_atoi(tag + 2, digits, version);
}

/* If-Match becomes the set of versions it names; a tag that is none of ours matches nothing (RFC 9110 §13.1.1). What
 * has no version matches "*" alone. */
static forge_status_t read_preconditions(forge_req_t *q)
{
    const char *header = forge_http_header(q, "If-Match");
    const bool tagged = q->route->flags & FORGE_R_ETAG;
    if (!header || q->route->method == FORGE_GET || (q->route->method == FORGE_POST && !tagged))
        return FORGE_OK;
    const char *versions = "";
    char *state, *copy = apr_pstrdup(q->pool, header);
    for (char *tag = apr_strtok(copy, ", \t", &state); tag; tag = apr_strtok(NULL, ", \t", &state)) {
        apr_int64_t version;
        if (strcmp(tag, "*") == 0)
            return FORGE_OK;
        if (tag_version(tag, &version))
            versions = apr_pstrcat(q->pool, versions, *versions ? "," : "", forge_util_itoa(q->pool, version), NULL);
    }
    q->if_version = apr_pstrcat(q->pool, "{", versions, "}", NULL);
    return tagged ? FORGE_OK : FORGE_E_PRECONDITION_FAILED;
}

bool forge_http_named(forge_req_t *q, const char *etag)
{
    const char *header = forge_http_header(q, "If-Match");
    return !header || forge_core_etag_match(header, etag, false);
}

/* Whether q->if_version, "{3,4}", has the version in this tag. */
static bool version_named(forge_req_t *q, const char *etag)
{
    apr_int64_t version;
    if (!tag_version(etag, &version))
        return false;
    const char *digits = forge_util_itoa(q->pool, version);
    for (const char *at = q->if_version; (at = strstr(at, digits)); at++)
        if (!forge_util_is_digit(at[-1]) && !forge_util_is_digit(at[strlen(digits)]))
            return true;
    return false;
}

forge_status_t forge_http_if_match(forge_req_t *q, forge_handler_fn get)
{
    if (!q->if_version)
        return FORGE_OK;
    const forge_reply_t before = forge_http_reply_copy(q);
    FORGE_TRY(get(q));
    const char *etag = q->reply->etag;
    *q->reply = before;
    return etag && (forge_http_named(q, etag) || version_named(q, etag)) ? FORGE_OK : FORGE_E_PRECONDITION_FAILED;
}

/* Another form than JSON is for those who would rather have it, or ask for it by its name. */
static bool asked_for(forge_req_t *q, const char *accept, unsigned flag, const char *media)
{
    if (!(q->route->flags & flag))
        return false;
    forge_reply_header(q, "Vary", "Accept");
    return accept && forge_core_prefers(accept, media, "application/json");
}

static forge_status_t negotiate(forge_req_t *q)
{
    const char *accept = forge_http_header(q, "Accept");
    q->ndjson = asked_for(q, accept, FORGE_R_NDJSON, FORGE_NDJSON);
    q->table = asked_for(q, accept, FORGE_R_TABLE, FORGE_CSV);
    q->events = asked_for(q, accept, FORGE_R_EVENTS, FORGE_EVENTS);
    q->health = asked_for(q, accept, FORGE_R_STATUS, FORGE_HEALTH);
    if (forge_core_success(q->route) == HTTP_NO_CONTENT) /* nothing to choose from: clients ask for problems alone */
        return FORGE_OK;
    if (q->route->flags & FORGE_R_RAW || q->ndjson || q->table || q->events || q->health ||
        forge_core_accepts(accept, "application/json"))
        return FORGE_OK;
    return FORGE_E_NOT_ACCEPTABLE;
}

forge_status_t forge_http_input(forge_req_t *q)
{
    forge_faults_t *faults = q->faults = forge_core_faults_make(q->pool);
    FORGE_TRY(negotiate(q));
    FORGE_TRY(read_preconditions(q));
    FORGE_TRY(read_query(q, faults));
    FORGE_TRY(read_body(q, faults));
    if (q->route->flags & FORGE_R_CHECKS)
        return FORGE_OK; /* the handler adds what it finds and fails with all of them */
    return forge_core_faults_count(faults) > 0 ? forge_fail_faults(q, FORGE_E_VALIDATION, faults) : FORGE_OK;
}
