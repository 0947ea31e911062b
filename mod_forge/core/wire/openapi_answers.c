/* SPDX-License-Identifier: Apache-2.0
 * The answers of operations in the OpenAPI document: success, every failure the row can have, and their headers.
 */
#include "openapi.h"
#include "wire.h"
#include "samples.h"
#include <apr_strings.h>
#include <string.h>

#define PROBLEM_MEDIA "application/problem+json"

enum {
    H_REQUEST_ID,
    H_ETAG,
    H_LOCATION,
    H_LINK,
    H_TOTAL,
    H_REPLAYED,
    H_RETRY,
    H_AUTHENTICATE,
    H_POLICY,
    H_RATE,
    H_X_LIMIT,
    H_X_REMAINING,
    H_X_RESET,
    H_CONTENT_RANGE,
    H_LANGUAGE,
    H_VARY
};

static const struct {
    const char *name, *type, *text;
} headers[] = {
    [H_REQUEST_ID] = {"X-Request-ID", "string",
                      "The request id that the client sent, or a new one; it is in every log line."},
    [H_ETAG] = {"ETag", "string", "Strong validator of the answer (RFC 9110)."},
    [H_LOCATION] = {"Location", "string", "Where the new resource is."},
    [H_LINK] = {"Link", "string", "Links to other pages of the list, such as rel=\"next\" (RFC 8288)."},
    [H_TOTAL] = {"X-Total-Count", "integer", "Number of all rows of the list, if count=true was sent."},
    [H_REPLAYED] = {"Idempotent-Replayed", "string",
                    "true when this is the stored answer of an earlier request with the same Idempotency-Key."},
    [H_RETRY] = {"Retry-After", "integer", "Seconds to wait."},
    [H_AUTHENTICATE] = {"WWW-Authenticate", "string", "The challenge (RFC 6750, RFC 9470)."},
    [H_POLICY] = {"RateLimit-Policy", "string", "The limits that apply."},
    [H_RATE] = {"RateLimit", "string", "What is left of these limits."},
    [H_X_LIMIT] = {"X-RateLimit-Limit", "integer", "Requests in one window."},
    [H_X_REMAINING] = {"X-RateLimit-Remaining", "integer", "Requests left in this window."},
    [H_X_RESET] = {"X-RateLimit-Reset", "integer", "When the window ends."},
    [H_CONTENT_RANGE] = {"Content-Range", "string", "Which bytes of how many these are, if it is one part."},
    [H_LANGUAGE] = {"Content-Language", "string",
                    "Language of the sentences for people, as the request's Accept-Language prefers: en (also without "
                    "that header), de, fr, es or tr; two of them where a sentence is not translated. Codes are the "
                    "same in all."},
    [H_VARY] = {"Vary", "string", "Headers of the request that the answer depends on."},
};

/* Properties of a route by which it can fail in a way that its row does not list. */
enum {
    W_ALWAYS = 1 << 0,
    W_ROLE = 1 << 1,
    W_BODY = 1 << 2,
    W_INPUT = 1 << 3,
    W_PATH = 1 << 4,
    W_LIMIT = 1 << 5,
    W_MATCH = 1 << 6,
    W_KEY = 1 << 7,
    W_DATA = 1 << 8,
    W_JSON = 1 << 9,
    W_SESSION = 1 << 10,
    W_STEP_UP = 1 << 11,
    W_CHANGE = 1 << 12,
    W_TOKEN = 1 << 13,
    W_UPLOAD = 1 << 14,
    W_RANGE = 1 << 15,
    W_FILE = 1 << 16
};

static const struct {
    unsigned when;
    forge_status_t status;
} general[] = {
    {W_ALWAYS, FORGE_E_BAD_REQUEST},
    {W_ALWAYS, FORGE_E_URI_TOO_LONG},
    {W_TOKEN, FORGE_E_DUPLICATE_TOKEN},
    {W_TOKEN, FORGE_E_INVALID_TOKEN},
    {W_ROLE, FORGE_E_UNAUTHENTICATED},
    {W_ROLE, FORGE_E_FORBIDDEN},
    {W_PATH | W_KEY, FORGE_E_NOT_FOUND},
    {W_JSON, FORGE_E_NOT_ACCEPTABLE},
    {W_KEY, FORGE_E_IDEMPOTENCY_RUNNING},
    {W_MATCH, FORGE_E_PRECONDITION_FAILED},
    {W_BODY, FORGE_E_BAD_JSON},
    {W_BODY | W_UPLOAD, FORGE_E_BODY_TOO_LARGE},
    {W_BODY | W_UPLOAD, FORGE_E_UNSUPPORTED_MEDIA},
    {W_UPLOAD, FORGE_E_REQUEST_TIMEOUT},
    {W_RANGE, FORGE_E_RANGE},
    {W_FILE, FORGE_E_STORAGE_FULL},
    {W_INPUT, FORGE_E_VALIDATION},
    {W_KEY, FORGE_E_IDEMPOTENCY_MISMATCH},
    {W_LIMIT, FORGE_E_RATE_LIMITED},
    {W_ALWAYS, FORGE_E_INTERNAL},
    {W_ALWAYS, FORGE_E_UNAVAILABLE},
    {W_DATA, FORGE_E_DATABASE_DOWN},
    {W_DATA, FORGE_E_SCHEMA_OUTDATED},
    {W_DATA, FORGE_E_SCHEMA_AHEAD},
    {W_DATA, FORGE_E_POOL_EXHAUSTED},
    {W_DATA, FORGE_E_TIMEOUT},
    {W_CHANGE, FORGE_E_QUOTA_EXCEEDED},
    {W_CHANGE, FORGE_E_CSRF},
    {W_SESSION, FORGE_E_SESSION_REQUIRED},
    {W_STEP_UP, FORGE_E_STEP_UP},
};

static void refer_header(doc_t *d, forge_json_t *into, int header)
{
    d->headers |= 1u << header;
    forge_core_openapi_ref(forge_util_json_put_object(into, headers[header].name), d->pool, "headers",
                           headers[header].name);
}

static forge_json_t *put_response(doc_t *d, forge_json_t *responses, int http, const char *text)
{
    forge_json_t *response = forge_util_json_put_object(responses, forge_util_itoa(d->pool, http));
    forge_util_json_put_text(response, "description", text);
    return response;
}

/* What is left of a limit is told where it was counted: with a success, and where there is nothing left. */
static forge_json_t *put_headers(doc_t *d, forge_json_t *response, bool limited)
{
    forge_json_t *into = forge_util_json_put_object(response, "headers");
    refer_header(d, into, H_REQUEST_ID);
    for (int h = H_POLICY; h <= H_X_RESET && limited; h++)
        refer_header(d, into, h);
    return into;
}

static bool is_limited(const forge_route_t *route)
{
    return route->limit != FORGE_LIMIT_NONE;
}

/* The headers that only a success has. */
static void put_success_headers(doc_t *d, forge_json_t *response, const forge_route_t *route)
{
    forge_json_t *into = put_headers(d, response, is_limited(route));
    if (forge_core_openapi_etag(route))
        refer_header(d, into, H_ETAG);
    int http = forge_core_success(route);
    if (http == 201 || http == 202)
        refer_header(d, into, H_LOCATION);
    if (route->flags & FORGE_R_LIST) {
        refer_header(d, into, H_LINK);
        refer_header(d, into, H_TOTAL);
    }
    if (route->flags & FORGE_R_IDEMPOTENT)
        refer_header(d, into, H_REPLAYED);
    if (route->flags & FORGE_R_WORDED) {
        refer_header(d, into, H_LANGUAGE);
        refer_header(d, into, H_VARY);
    }
}

/* An object with whatever members. */
static forge_json_t *put_any_object(forge_json_t *content, const char *media)
{
    forge_json_t *body = forge_util_json_put_object(content, media),
                 *schema = forge_util_json_put_object(body, "schema");
    forge_util_json_put_text(schema, "type", "object");
    forge_util_json_put_bool(schema, "additionalProperties", true);
    return body;
}

/* An answer that no field table describes, in each of its media types. */
static void put_raw(doc_t *d, forge_json_t *content, const forge_route_t *route)
{
    char *state, *all = apr_pstrdup(d->pool, route->media);
    for (char *media = apr_strtok(all, "|", &state); media; media = apr_strtok(NULL, "|", &state)) {
        if (strncmp(media, FORGE_JSON_MEDIA, strlen(FORGE_JSON_MEDIA))) {
            forge_core_openapi_text(content, media, route->sample);
            continue;
        }
        forge_json_t *body = put_any_object(content, media), *example;
        const char *why;
        if (route->sample && (example = forge_util_json_parse(d->pool, route->sample, strlen(route->sample), &why)))
            forge_util_json_put_copy(body, "example", example);
    }
}

/* A schema of an answer, which is described once; returns its name. */
static const char *describe_shape(doc_t *d, const forge_shape_t *shape)
{
    if (!forge_util_json_get(d->schemas, shape->name))
        forge_util_json_put_copy(d->schemas, shape->name,
                                 forge_core_describe(d->pool, d->schemas, shape->fields, false, false));
    return shape->name;
}

/* A body of a schema by its name; samples may be NULL. */
static void put_shape(doc_t *d, forge_json_t *content, const char *media, const forge_shape_t *shape,
                      const forge_named_sample_t *samples)
{
    const char *name = describe_shape(d, shape);
    forge_core_openapi_content(d, content, media, name,
                               samples ? NULL : forge_core_describe_example(d->pool, shape->fields, false));
    if (samples)
        forge_core_describe_samples(d->pool,
                                    forge_util_json_put_object(forge_util_json_get(content, media), "examples"),
                                    shape->fields, samples);
}

/* The body of a route's own answer: one of its schema, a page of them, or another media type. */
static void put_reply(doc_t *d, forge_json_t *content, const forge_route_t *route)
{
    if (route->flags & FORGE_R_RAW) {
        put_raw(d, content, route);
        return;
    }
    if (!route->reply) {
        put_any_object(content, FORGE_JSON_MEDIA);
        return;
    }
    if (!(route->flags & (FORGE_R_LIST | FORGE_R_ARRAY))) {
        put_shape(d, content, FORGE_JSON_MEDIA, route->reply, route->samples);
        if (route->draft)
            put_shape(d, content, FORGE_HEALTH, route->draft, NULL);
        if (route->flags & FORGE_R_EVENTS)
            forge_util_json_put_text(forge_core_openapi_text(content, FORGE_EVENTS, route->sample), "description",
                                     "The same as events, while it is made.");
        return;
    }
    const char *name = describe_shape(d, route->reply);
    const forge_json_t *example = forge_core_describe_example(d->pool, route->reply->fields, false);
    forge_json_t *body = forge_util_json_put_object(content, FORGE_JSON_MEDIA);
    forge_json_t *schema = forge_util_json_put_object(body, "schema");
    forge_util_json_put_text(schema, "type", "array");
    if (route->flags & FORGE_R_LIST)
        forge_util_json_put_int(schema, "maxItems", FORGE_PAGE_LIMIT);
    forge_core_openapi_ref(forge_util_json_put_object(schema, "items"), d->pool, "schemas", name);
    forge_util_json_add_copy(forge_util_json_put_array(body, "example"), example);
    if (route->flags & FORGE_R_NDJSON) {
        schema = forge_core_openapi_text(content, FORGE_NDJSON, forge_core_line_example(d->pool, example));
        forge_util_json_put_text(
            schema, "description",
            apr_pstrcat(d->pool, "The whole list, one ", name, " per line; paging has no effect.", NULL));
    }
    if (route->flags & FORGE_R_TABLE) {
        schema = forge_core_openapi_text(content, FORGE_CSV, route->sample);
        forge_util_json_put_text(schema, "description",
                                 "The whole list as a table (RFC 4180) with a header line; paging has no effect. An "
                                 "apostrophe stands before what a spreadsheet would take for a formula.");
    }
}

static const char *success_text(int http)
{
    switch (http) {
    case 201:
        return "Created.";
    case 202:
        return "Accepted; the work continues.";
    case 204:
        return "Done.";
    default:
        return "The answer.";
    }
}

static void put_success(doc_t *d, forge_json_t *responses, const forge_router_t *router, int index)
{
    const forge_route_t *route = forge_core_router_at(router, index);
    int http = forge_core_success(route);
    forge_json_t *response = put_response(d, responses, http, success_text(http)), *into;
    bool limited = is_limited(route);
    put_success_headers(d, response, route);
    if (http != 204)
        put_reply(d, forge_util_json_put_object(response, "content"), route);
    forge_core_openapi_links(d, response, router, index);
    if (route->flags & FORGE_R_AGAIN) {
        response = put_response(d, responses, 200, "Already done; nothing changed.");
        put_headers(d, response, limited);
        put_reply(d, forge_util_json_put_object(response, "content"), route);
    }
    if (forge_core_openapi_ranges(route)) {
        response = put_response(d, responses, 206, "The parts that were asked for.");
        into = put_headers(d, response, limited);
        refer_header(d, into, H_ETAG);
        refer_header(d, into, H_CONTENT_RANGE);
        forge_json_t *content = forge_util_json_put_object(response, "content");
        put_reply(d, content, route);
        forge_core_openapi_text(content, "multipart/byteranges", NULL);
    }
    if (route->flags & FORGE_R_FOLLOW)
        put_headers(d, put_response(d, responses, 204, "Nothing more will come; do not ask again."), limited);
    if (forge_core_openapi_none_match(route)) {
        response = put_response(d, responses, 304, "The client's copy is still current.");
        refer_header(d, put_headers(d, response, false), H_ETAG);
    }
}

/* By which of these properties the route can fail. */
static unsigned conditions(const forge_route_t *route)
{
    unsigned when = W_ALWAYS;
    when |= route->flags & FORGE_R_RAW || forge_core_success(route) == 204 ? 0 : W_JSON;
    when |= route->flags & FORGE_R_OPEN ? 0 : W_TOKEN;
    when |= route->role > FORGE_ROLE_NONE ? W_ROLE : 0;
    when |= forge_core_reads_body(route) ? W_INPUT : 0;
    when |= route->upload ? W_UPLOAD : forge_core_reads_body(route) ? W_BODY : 0;
    when |= forge_core_openapi_ranges(route) ? W_RANGE : 0;
    when |= route->flags & FORGE_R_FILE ? W_FILE : 0;
    when |= route->query || route->flags & FORGE_R_LIST ? W_INPUT : 0;
    when |= strchr(route->path, '{') ? W_PATH : 0;
    when |= route->limit != FORGE_LIMIT_NONE ? W_LIMIT | W_DATA : 0;
    when |= forge_core_openapi_match(route) || route->flags & FORGE_R_FILE || route->method == FORGE_PUT ||
                    route->method == FORGE_PATCH || route->method == FORGE_DELETE
                ? W_MATCH
                : 0;
    when |= route->flags & FORGE_R_IDEMPOTENT ? W_KEY | W_INPUT : 0;
    when |= route->flags & FORGE_R_SESSION ? W_SESSION : 0;
    when |= route->flags & FORGE_R_STEP_UP ? W_STEP_UP : 0;
    when |= route->method != FORGE_GET ? W_CHANGE : 0;
    return when;
}

/* A failure with all that its status has. Returns its content. */
static forge_json_t *put_problem(doc_t *d, forge_json_t *response, const forge_error_t *first, const char *text)
{
    int http = first->http;
    forge_util_json_put_text(response, "description", text);
    forge_json_t *into = put_headers(d, response, http == 429);
    refer_header(d, into, H_LANGUAGE);
    if (http == 401)
        refer_header(d, into, H_AUTHENTICATE);
    if (http == 429 || http == 503)
        refer_header(d, into, H_RETRY);
    forge_json_t *content = forge_util_json_put_object(response, "content");
    forge_core_openapi_content(d, content, PROBLEM_MEDIA, "Problem", forge_core_problem_example(d->pool, first));
    return content;
}

/* The codes of one status as a list; *first is the first of them, or NULL where there is none. */
static const char *codes_text(const doc_t *d, int http, const bool *can, const forge_error_t **first)
{
    const char *text = "";
    *first = NULL;
    for (int i = FORGE_OK + 1; i < FORGE_E_COUNT; i++) {
        const forge_error_t *error = forge_util_error((forge_status_t)i);
        if (!can[i] || error->http != http)
            continue;
        *first = *first ? *first : error;
        text = apr_pstrcat(d->pool, text, *text ? "\n" : "", "- `", error->code, "`: ", error->detail, NULL);
    }
    return text;
}

/* "Content Too Large" → "ContentTooLarge". */
static const char *response_name(apr_pool_t *p, int http)
{
    char *name = apr_pstrdup(p, forge_util_reason(http)), *to = name;
    for (const char *from = name; *from; from++)
        if (forge_util_is_alnum(*from))
            *to++ = *from;
    *to = 0;
    return name;
}

/* All responses of one status are one component; beside the reference stand the codes that this operation has. Only
 * health may have something else than a problem. */
static void put_failure(doc_t *d, forge_json_t *responses, const forge_route_t *route, int http, const bool *can)
{
    const forge_error_t *first;
    const char *text = codes_text(d, http, can, &first);
    if (!first)
        return;
    forge_json_t *response = forge_util_json_put_object(responses, forge_util_itoa(d->pool, http));
    if (http == 503 && route->flags & FORGE_R_STATUS) {
        put_reply(d, put_problem(d, response, first, text), route);
        return;
    }
    for (int i = FORGE_OK + 1; i < FORGE_E_COUNT; i++)
        d->failed[i] |= can[i] && forge_util_error((forge_status_t)i)->http == http;
    forge_core_openapi_ref(response, d->pool, "responses", response_name(d->pool, http));
    forge_util_json_put_text(response, "description", text);
}

void forge_core_openapi_shared_responses(doc_t *d, forge_json_t *components)
{
    forge_json_t *into = forge_util_json_put_object(components, "responses");
    for (int http = 400; http < 600; http++) {
        const forge_error_t *first;
        const char *text = codes_text(d, http, d->failed, &first);
        if (first)
            put_problem(d, forge_util_json_put_object(into, response_name(d->pool, http)), first, text);
    }
}

/* Every failure of the route: those of its properties and those that its row lists, one response for each status. */
static void put_failures(doc_t *d, forge_json_t *responses, const forge_route_t *route)
{
    bool can[FORGE_E_COUNT] = {false};
    unsigned when = conditions(route);
    for (apr_size_t i = 0; i < sizeof(general) / sizeof(general[0]); i++)
        can[general[i].status] = can[general[i].status] || general[i].when & when;
    for (const forge_status_t *e = route->errors; e && *e != FORGE_OK; e++)
        if (*e < FORGE_E_COUNT)
            can[*e] = true;
    for (int http = 400; http < 600; http++)
        put_failure(d, responses, route, http, can);
}

void forge_core_openapi_answers(doc_t *d, forge_json_t *operation, const forge_router_t *router, int index)
{
    forge_json_t *responses = forge_util_json_put_object(operation, "responses");
    put_success(d, responses, router, index);
    put_failures(d, responses, forge_core_router_at(router, index));
}

void forge_core_openapi_shared_headers(const doc_t *d, forge_json_t *components)
{
    forge_json_t *into = forge_util_json_put_object(components, "headers");
    for (int i = 0; i < (int)(sizeof(headers) / sizeof(headers[0])); i++) {
        if (!(d->headers & 1u << i))
            continue;
        forge_json_t *header = forge_util_json_put_object(into, headers[i].name);
        forge_util_json_put_text(header, "description", headers[i].text);
        forge_util_json_put_text(forge_util_json_put_object(header, "schema"), "type", headers[i].type);
    }
}
