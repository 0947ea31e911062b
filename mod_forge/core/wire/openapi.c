/* SPDX-License-Identifier: Apache-2.0
 * The OpenAPI document, made from the rows that dispatch and validate: it cannot say anything else than they do.
 */
#include "samples.h"
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#define PROBLEM_MEDIA "application/problem+json"
#define JSON_MEDIA    "application/json"

/* What a whole document is made with; components are listed only when something refers to them. */
typedef struct doc_t {
    apr_pool_t *pool;
    forge_json_t *schemas, *problems; /* problems: responses that are alike, by their codes */
    unsigned headers, parameters;     /* bits of the rows used */
} doc_t;

/* --- rows of the document's fixed parts --- */

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
    H_X_RESET
};

static const struct {
    const char *name, *type, *text;
} headers[] = {
    [H_REQUEST_ID] = {"X-Request-ID", "string", "The client's own id of the request, or a new one; it is in every log line."},
    [H_ETAG] = {"ETag", "string", "Strong validator of the answer (RFC 9110)."},
    [H_LOCATION] = {"Location", "string", "Where the new resource is."},
    [H_LINK] = {"Link", "string", "Other pages of the list, rel=\"next\" among them (RFC 8288)."},
    [H_TOTAL] = {"X-Total-Count", "integer", "All rows of the list, when count=true was asked."},
    [H_REPLAYED] = {"Idempotent-Replayed", "string",
                    "true when this is the stored answer of an earlier request with the same Idempotency-Key."},
    [H_RETRY] = {"Retry-After", "integer", "Seconds to wait."},
    [H_AUTHENTICATE] = {"WWW-Authenticate", "string", "The challenge (RFC 6750, RFC 9470)."},
    [H_POLICY] = {"RateLimit-Policy", "string", "The limits that apply."},
    [H_RATE] = {"RateLimit", "string", "What is left of them."},
    [H_X_LIMIT] = {"X-RateLimit-Limit", "integer", "Requests in one window."},
    [H_X_REMAINING] = {"X-RateLimit-Remaining", "integer", "Requests left in this window."},
    [H_X_RESET] = {"X-RateLimit-Reset", "integer", "When the window ends."},
};

enum { P_NONE_MATCH, P_MATCH, P_IDEMPOTENCY };

/* clang-format off */
/* Parameters in headers; those of lists are forge_core_page_fields. */
static const forge_field_t header_fields[] = {
    [P_NONE_MATCH] = {"If-None-Match", FORGE_T_TEXT, 0, 1, 1000, .example = "\"v3\"",
                      .help = "Entity tags the client has: 304 when one of them is still current."},
    [P_MATCH] = {"If-Match", FORGE_T_TEXT, 0, 1, 1000, .example = "\"v3\"",
                 .help = "Entity tags the change is meant for: 412 when none of them is current."},
    [P_IDEMPOTENCY] = {"Idempotency-Key", FORGE_T_TEXT, 0, 1, FORGE_IDEMPOTENCY_KEY_MAX,
                       .example = "8e03978e-40d5-43dd-bc93-6894a57f9324",
                       .help = "The same key and body within 24 hours get the stored answer instead of a second effect."},
    {.name = NULL},
};
/* clang-format on */

/* When a route may fail in a way that needs no row of its own. */
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
    W_CHANGE = 1 << 12
};

static const struct {
    unsigned when;
    forge_status_t status;
} general[] = {
    {W_ALWAYS, FORGE_E_BAD_REQUEST},   {W_ALWAYS, FORGE_E_DUPLICATE_TOKEN},   {W_ALWAYS, FORGE_E_INVALID_TOKEN},
    {W_ROLE, FORGE_E_UNAUTHENTICATED}, {W_ROLE, FORGE_E_FORBIDDEN},           {W_PATH, FORGE_E_NOT_FOUND},
    {W_JSON, FORGE_E_NOT_ACCEPTABLE},  {W_KEY, FORGE_E_IDEMPOTENCY_RUNNING},  {W_MATCH, FORGE_E_PRECONDITION_FAILED},
    {W_BODY, FORGE_E_BAD_JSON},        {W_BODY, FORGE_E_BODY_TOO_LARGE},      {W_BODY, FORGE_E_UNSUPPORTED_MEDIA},
    {W_INPUT, FORGE_E_VALIDATION},     {W_KEY, FORGE_E_IDEMPOTENCY_MISMATCH}, {W_LIMIT, FORGE_E_RATE_LIMITED},
    {W_ALWAYS, FORGE_E_INTERNAL},      {W_ALWAYS, FORGE_E_UNAVAILABLE},       {W_DATA, FORGE_E_DATABASE_DOWN},
    {W_DATA, FORGE_E_SCHEMA_OUTDATED}, {W_DATA, FORGE_E_POOL_EXHAUSTED},      {W_DATA, FORGE_E_TIMEOUT},
    {W_CHANGE, FORGE_E_CSRF},          {W_SESSION, FORGE_E_SESSION_REQUIRED}, {W_STEP_UP, FORGE_E_STEP_UP},
};

/* --- names and references --- */

static void put_ref(forge_json_t *object, apr_pool_t *p, const char *kind, const char *name)
{
    forge_util_json_put_text(object, "$ref", apr_pstrcat(p, "#/components/", kind, "/", name, NULL));
}

static void refer_header(doc_t *d, forge_json_t *into, int header)
{
    d->headers |= 1u << header;
    put_ref(forge_util_json_put_object(into, headers[header].name), d->pool, "headers", headers[header].name);
}

/* "course_create" → "CourseCreateRequest". */
static const char *request_name(apr_pool_t *p, const char *operation)
{
    char *name = apr_palloc(p, strlen(operation) + 8), *at = name;
    bool start = true;
    for (; *operation; operation++) {
        if (apr_isalnum(*operation))
            *at++ = start ? (char)apr_toupper(*operation) : *operation;
        start = !apr_isalnum(*operation);
    }
    memcpy(at, "Request", 8);
    return name;
}

/* --- parameters --- */

static const char *path_text(apr_pool_t *p, const char *name, bool tail)
{
    if (tail)
        return "A name.";
    return strcmp(name, "id") ? apr_pstrcat(p, "Id of the ", name, ".", NULL) : "Id of the resource.";
}

/* Everything between the braces of a template is a parameter. */
static void put_path_parameters(doc_t *d, forge_json_t *list, const char *path, const forge_route_t *route)
{
    for (const char *at = strchr(path, '{'); at; at = strchr(at + 1, '{')) {
        apr_size_t len = strcspn(at + 1, "}");
        bool tail = route->flags & FORGE_R_TAIL && !at[len + 2];
        const char *name = apr_pstrmemdup(d->pool, at + 1, len);
        forge_json_t *parameter = forge_util_json_add_object(list);
        forge_util_json_put_text(parameter, "name", name);
        forge_util_json_put_text(parameter, "in", "path");
        forge_util_json_put_bool(parameter, "required", true);
        forge_util_json_put_text(parameter, "description", path_text(d->pool, name, tail));
        forge_json_t *schema = forge_util_json_put_object(parameter, "schema");
        forge_util_json_put_text(schema, "type", tail ? "string" : "integer");
        forge_util_json_put_text(schema, tail ? "pattern" : "format", tail ? "^[A-Za-z0-9._-]{1,64}$" : "int64");
        if (!tail)
            forge_util_json_put_int(schema, "minimum", 1);
    }
}

static void put_parameter(doc_t *d, forge_json_t *parameter, const forge_field_t *f, const char *in)
{
    forge_util_json_put_text(parameter, "name", f->name);
    forge_util_json_put_text(parameter, "in", in);
    if (f->flags & FORGE_F_REQUIRED)
        forge_util_json_put_bool(parameter, "required", true);
    if (f->help)
        forge_util_json_put_text(parameter, "description", f->help);
    forge_field_t bare = *f;
    bare.help = NULL;
    forge_core_describe_field(d->pool, forge_util_json_put_object(parameter, "schema"), &bare, true, true);
}

/* Shared parameters are components: first those in headers, then the paging of lists. */
static void refer_parameter(doc_t *d, forge_json_t *list, int header)
{
    d->parameters |= 1u << header;
    put_ref(forge_util_json_add_object(list), d->pool, "parameters", header_fields[header].name);
}

static bool answers_etag(const forge_route_t *route)
{
    return route->flags & (FORGE_R_ETAG | FORGE_R_LIST) && route->method != FORGE_DELETE;
}

static bool takes_match(const forge_route_t *route)
{
    return route->flags & FORGE_R_ETAG && (route->method == FORGE_PUT || route->method == FORGE_PATCH || route->method == FORGE_DELETE);
}

static bool takes_none_match(const forge_route_t *route)
{
    return answers_etag(route) && route->method == FORGE_GET;
}

#define PAGE_BIT   16 /* in doc_t.parameters: the paging fields are used */
#define TICKET_BIT 17 /* … a route takes a ticket */

/* clang-format off */
static const forge_field_t ticket_field = {
    "ticket", FORGE_T_TEXT, 0, 1, 512, .example = "Zk2mQ0c5m1nq7Yv3sT8uWx4bR6eLh9jPaVdKgNfEoCi",
    .help = "A one-use ticket instead of the Authorization header."};
/* clang-format on */

static void put_parameters(doc_t *d, forge_json_t *operation, const forge_router_t *router, int index)
{
    const forge_route_t *route = forge_core_router_at(router, index);
    const forge_field_t *sort = forge_core_router_sort(router, index);
    forge_walk_t walk = forge_core_walk_shape(route->query);
    forge_json_t *list = forge_util_json_put_array(operation, "parameters");
    put_path_parameters(d, list, forge_core_router_template(router, index), route);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk));)
        put_parameter(d, forge_util_json_add_object(list), f, "query");
    if (sort)
        put_parameter(d, forge_util_json_add_object(list), sort, "query");
    if (route->flags & FORGE_R_LIST) {
        d->parameters |= 1u << PAGE_BIT;
        for (const forge_field_t *f = forge_core_page_fields; f->name; f++)
            put_ref(forge_util_json_add_object(list), d->pool, "parameters", f->name);
    }
    if (route->flags & FORGE_R_TICKET) {
        d->parameters |= 1u << TICKET_BIT;
        put_parameter(d, forge_util_json_add_object(list), &ticket_field, "query");
    }
    if (takes_none_match(route))
        refer_parameter(d, list, P_NONE_MATCH);
    if (takes_match(route))
        refer_parameter(d, list, P_MATCH);
    if (route->flags & FORGE_R_IDEMPOTENT)
        refer_parameter(d, list, P_IDEMPOTENCY);
}

/* --- bodies --- */

static void put_content(doc_t *d, forge_json_t *content, const char *media, const char *schema, const forge_json_t *example)
{
    forge_json_t *body = forge_util_json_put_object(content, media);
    put_ref(forge_util_json_put_object(body, "schema"), d->pool, "schemas", schema);
    if (example)
        forge_util_json_put_copy(body, "example", example);
}

static forge_json_t *put_text_content(forge_json_t *content, const char *media, const char *example)
{
    forge_json_t *body = forge_util_json_put_object(content, media);
    forge_json_t *schema = forge_util_json_put_object(body, "schema");
    forge_util_json_put_text(schema, "type", "string");
    if (example)
        forge_util_json_put_text(body, "example", example);
    return schema;
}

/* A POST of which no member is required may come without a body. */
static bool body_needed(const forge_route_t *route)
{
    bool needed = route->method != FORGE_POST;
    forge_walk_t walk = forge_core_walk_shape(route->body);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk));)
        needed |= (f->flags & FORGE_F_REQUIRED) != 0;
    return needed;
}

static void put_request(doc_t *d, forge_json_t *operation, const forge_route_t *route)
{
    const char *name = request_name(d->pool, route->operation);
    const forge_json_t *example = forge_core_describe_example(d->pool, route->body->fields, true);
    forge_json_t *request = forge_util_json_put_object(operation, "requestBody");
    forge_util_json_put_bool(request, "required", body_needed(route));
    forge_json_t *content = forge_util_json_put_object(request, "content");
    put_content(d, content, JSON_MEDIA, name, example);
    if (route->method == FORGE_PATCH)
        put_content(d, content, "application/merge-patch+json", name, example);
    if (route->flags & FORGE_R_FORM)
        put_content(d, content, "application/x-www-form-urlencoded", name, example);
    if (route->flags & FORGE_R_CSV)
        put_text_content(content, "text/csv", forge_core_csv_example(d->pool, route->body->fields));
    forge_util_json_put_copy(d->schemas, name, forge_core_describe(d->pool, route->body->fields, true, route->method == FORGE_PATCH));
}

/* --- answers --- */

static forge_json_t *put_response(doc_t *d, forge_json_t *responses, int http, const char *text)
{
    forge_json_t *response = forge_util_json_put_object(responses, forge_util_itoa(d->pool, http));
    forge_util_json_put_text(response, "description", text);
    return response;
}

static forge_json_t *put_headers(doc_t *d, forge_json_t *response, const forge_route_t *route)
{
    forge_json_t *into = forge_util_json_put_object(response, "headers");
    refer_header(d, into, H_REQUEST_ID);
    for (int h = H_POLICY; h <= H_X_RESET && route->limit != FORGE_LIMIT_NONE; h++)
        refer_header(d, into, h);
    return into;
}

static void put_success_headers(doc_t *d, forge_json_t *response, const forge_route_t *route)
{
    forge_json_t *into = put_headers(d, response, route);
    if (answers_etag(route))
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
}

/* Answers that no field table describes, in each of their media types. */
static void put_raw(doc_t *d, forge_json_t *content, const forge_route_t *route)
{
    char *state, *all = apr_pstrdup(d->pool, route->media);
    for (char *media = apr_strtok(all, "|", &state); media; media = apr_strtok(NULL, "|", &state)) {
        if (strncmp(media, JSON_MEDIA, strlen(JSON_MEDIA))) {
            put_text_content(content, media, route->sample);
            continue;
        }
        forge_json_t *body = forge_util_json_put_object(content, media), *example;
        const char *why;
        forge_util_json_put_text(forge_util_json_put_object(body, "schema"), "type", "object");
        if (route->sample && (example = forge_util_json_parse(d->pool, route->sample, strlen(route->sample), &why)))
            forge_util_json_put_copy(body, "example", example);
    }
}

/* The body of a route's own answer: one of its schema, a page of them, or another media type. */
static void put_reply(doc_t *d, forge_json_t *content, const forge_route_t *route)
{
    if (route->flags & FORGE_R_RAW) {
        put_raw(d, content, route);
        return;
    }
    if (!route->reply) {
        forge_util_json_put_text(forge_util_json_put_object(forge_util_json_put_object(content, JSON_MEDIA), "schema"), "type", "object");
        return;
    }
    const char *name = route->reply->name;
    const forge_json_t *example = forge_core_describe_example(d->pool, route->reply->fields, false);
    if (!forge_util_json_get(d->schemas, name))
        forge_util_json_put_copy(d->schemas, name, forge_core_describe(d->pool, route->reply->fields, false, false));
    if (!(route->flags & FORGE_R_LIST)) {
        put_content(d, content, JSON_MEDIA, name, example);
        return;
    }
    forge_json_t *body = forge_util_json_put_object(content, JSON_MEDIA);
    forge_json_t *schema = forge_util_json_put_object(body, "schema");
    forge_util_json_put_text(schema, "type", "array");
    forge_util_json_put_int(schema, "maxItems", FORGE_PAGE_LIMIT);
    put_ref(forge_util_json_put_object(schema, "items"), d->pool, "schemas", name);
    forge_util_json_add_copy(forge_util_json_put_array(body, "example"), example);
    if (route->flags & FORGE_R_NDJSON) {
        schema = put_text_content(content, FORGE_NDJSON, forge_core_line_example(d->pool, example));
        forge_util_json_put_text(schema, "description",
                                 apr_pstrcat(d->pool, "The whole list, one ", name, " a line, whatever the paging says.", NULL));
    }
}

static const char *success_text(int http)
{
    switch (http) {
    case 201:
        return "Created.";
    case 202:
        return "Accepted; the work goes on.";
    case 204:
        return "Done.";
    default:
        return "The answer.";
    }
}

static void put_success(doc_t *d, forge_json_t *responses, const forge_route_t *route)
{
    int http = forge_core_success(route);
    forge_json_t *response = put_response(d, responses, http, success_text(http));
    put_success_headers(d, response, route);
    if (http != 204)
        put_reply(d, forge_util_json_put_object(response, "content"), route);
    if (route->flags & FORGE_R_AGAIN) {
        response = put_response(d, responses, 200, "It was so already.");
        put_headers(d, response, route);
        put_reply(d, forge_util_json_put_object(response, "content"), route);
    }
    if (takes_none_match(route)) {
        response = put_response(d, responses, 304, "What the client has is still current.");
        refer_header(d, put_headers(d, response, route), H_ETAG);
    }
}

static unsigned conditions(const forge_route_t *route)
{
    unsigned when = W_ALWAYS;
    when |= route->flags & FORGE_R_RAW ? 0 : W_JSON;
    when |= route->role > FORGE_ROLE_NONE ? W_ROLE : 0;
    when |= route->body ? W_BODY | W_INPUT : 0;
    when |= route->query || route->flags & FORGE_R_LIST ? W_INPUT : 0;
    when |= strchr(route->path, '{') ? W_PATH : 0;
    when |= route->limit != FORGE_LIMIT_NONE ? W_LIMIT | W_DATA : 0;
    when |= takes_match(route) ? W_MATCH : 0;
    when |= route->flags & FORGE_R_IDEMPOTENT ? W_KEY | W_INPUT : 0;
    when |= route->flags & FORGE_R_SESSION ? W_SESSION : 0;
    when |= route->flags & FORGE_R_STEP_UP ? W_STEP_UP : 0;
    when |= route->method != FORGE_GET ? W_CHANGE : 0;
    return when;
}

static void put_problem(doc_t *d, forge_json_t *responses, const char *name, const forge_route_t *route, const forge_error_t *first,
                        const char *text)
{
    int http = first->http;
    forge_json_t *response = forge_util_json_put_object(responses, name);
    forge_util_json_put_text(response, "description", text);
    forge_json_t *into = put_headers(d, response, route);
    if (http == 401)
        refer_header(d, into, H_AUTHENTICATE);
    if (http == 429 || http == 503)
        refer_header(d, into, H_RETRY);
    forge_json_t *content = forge_util_json_put_object(response, "content");
    if (http == 503 && route->flags & FORGE_R_STATUS)
        put_reply(d, content, route);
    put_content(d, content, PROBLEM_MEDIA, "Problem", forge_core_problem_example(d->pool, first));
}

/* The codes of one status are what tells its responses apart, but for the headers of limited routes and the bodies of health. */
static void put_failure(doc_t *d, forge_json_t *responses, const forge_route_t *route, int http, const bool *can)
{
    const char *text = "", *name = apr_psprintf(d->pool, "%d%s", http, route->limit == FORGE_LIMIT_NONE ? "" : "-limited");
    const char *status = forge_util_itoa(d->pool, http);
    const forge_error_t *first = NULL;
    for (int i = FORGE_OK + 1; i < FORGE_E_COUNT; i++) {
        const forge_error_t *error = forge_util_error((forge_status_t)i);
        if (!can[i] || error->http != http)
            continue;
        first = first ? first : error;
        text = apr_pstrcat(d->pool, text, *text ? "\n" : "", "- `", error->code, "`: ", error->detail, NULL);
        name = apr_pstrcat(d->pool, name, ".", error->code, NULL);
    }
    if (!first)
        return;
    if (http == 503 && route->flags & FORGE_R_STATUS) {
        put_problem(d, responses, status, route, first, text);
        return;
    }
    if (!forge_util_json_get(d->problems, name))
        put_problem(d, d->problems, name, route, first, text);
    put_ref(forge_util_json_put_object(responses, status), d->pool, "responses", name);
}

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

/* --- operations --- */

static void put_security(forge_json_t *operation, const forge_route_t *route)
{
    forge_json_t *list = forge_util_json_put_array(operation, "security");
    if (route->role == FORGE_ROLE_NONE)
        forge_util_json_add_object(list);
    forge_util_json_put_array(forge_util_json_add_object(list), "bearer");
    forge_util_json_put_array(forge_util_json_add_object(list), "login");
    if (route->flags & FORGE_R_TICKET)
        forge_util_json_put_array(forge_util_json_add_object(list), "ticket");
}

static void put_operation(doc_t *d, forge_json_t *paths, const forge_router_t *router, int index)
{
    static const char *const methods[FORGE_METHODS] = {"get", "post", "put", "patch", "delete"};
    const forge_route_t *route = forge_core_router_at(router, index);
    const char *path = forge_core_router_template(router, index);
    forge_json_t *item = forge_util_json_get(paths, path);
    if (!item)
        item = forge_util_json_put_object(paths, path);
    forge_json_t *operation = forge_util_json_put_object(item, methods[route->method]);
    forge_util_json_add_text(forge_util_json_put_array(operation, "tags"), forge_core_router_tag(router, index)->name);
    forge_util_json_put_text(operation, "summary", route->summary);
    forge_util_json_put_text(operation, "description", route->description ? route->description : route->summary);
    forge_util_json_put_text(operation, "operationId", route->operation);
    put_security(operation, route);
    put_parameters(d, operation, router, index);
    if (route->body)
        put_request(d, operation, route);
    forge_json_t *responses = forge_util_json_put_object(operation, "responses");
    put_success(d, responses, route);
    put_failures(d, responses, route);
}

/* --- the document around them --- */

static void put_info(forge_json_t *root, const char *version)
{
    forge_util_json_put_text(root, "openapi", "3.1.0");
    forge_json_t *info = forge_util_json_put_object(root, "info");
    forge_util_json_put_text(info, "title", "mod_forge");
    forge_util_json_put_text(info, "description",
                             "The back end of a learning platform. Times are RFC 3339 in UTC, ids are integers, lists are bare arrays "
                             "with paging in the Link header, and every failure is a problem document (RFC 9457) with a stable code.");
    forge_util_json_put_text(info, "version", version);
    forge_json_t *license = forge_util_json_put_object(info, "license");
    forge_util_json_put_text(license, "name", "Apache License 2.0");
    forge_util_json_put_text(license, "identifier", "Apache-2.0");
    forge_json_t *server = forge_util_json_add_object(forge_util_json_put_array(root, "servers"));
    forge_util_json_put_text(server, "url", "/");
    forge_util_json_put_text(server, "description", "This server");
}

static void put_tags(doc_t *d, forge_json_t *root, const forge_router_t *router)
{
    forge_json_t *list = forge_util_json_put_array(root, "tags"), *seen = forge_util_json_object(d->pool);
    for (int i = 0; i < forge_core_router_count(router); i++) {
        const forge_tag_t *tag = forge_core_router_tag(router, i);
        if (forge_core_router_at(router, i)->flags & FORGE_R_HIDDEN || forge_util_json_get(seen, tag->name))
            continue;
        forge_util_json_put_null(seen, tag->name);
        forge_json_t *group = forge_util_json_add_object(list);
        forge_util_json_put_text(group, "name", tag->name);
        forge_util_json_put_text(group, "description", tag->text);
    }
}

static void put_schemes(const doc_t *d, forge_json_t *components)
{
    forge_json_t *schemes = forge_util_json_put_object(components, "securitySchemes");
    forge_json_t *bearer = forge_util_json_put_object(schemes, "bearer");
    forge_util_json_put_text(bearer, "type", "http");
    forge_util_json_put_text(bearer, "scheme", "bearer");
    forge_util_json_put_text(bearer, "bearerFormat", "JWT");
    forge_util_json_put_text(bearer, "description", "An access token from one of the login calls, or an API key (fk_…).");
    forge_json_t *login = forge_util_json_put_object(schemes, "login");
    forge_util_json_put_text(login, "type", "oauth2");
    forge_util_json_put_text(login, "description", "Logs in with username (or e-mail address) and password.");
    forge_json_t *flow = forge_util_json_put_object(forge_util_json_put_object(login, "flows"), "password");
    forge_util_json_put_text(flow, "tokenUrl", "/api/v1/auth/login");
    forge_util_json_put_object(flow, "scopes");
    if (!(d->parameters & 1u << TICKET_BIT))
        return;
    forge_json_t *ticket = forge_util_json_put_object(schemes, "ticket");
    forge_util_json_put_text(ticket, "type", "apiKey");
    forge_util_json_put_text(ticket, "in", "query");
    forge_util_json_put_text(ticket, "name", ticket_field.name);
    forge_util_json_put_text(ticket, "description", "A one-use ticket, for what cannot send headers.");
}

static void put_shared_headers(const doc_t *d, forge_json_t *components)
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

static void put_shared_parameters(doc_t *d, forge_json_t *components)
{
    forge_json_t *into = forge_util_json_put_object(components, "parameters");
    for (const forge_field_t *f = forge_core_page_fields; f->name && d->parameters & 1u << PAGE_BIT; f++)
        put_parameter(d, forge_util_json_put_object(into, f->name), f, "query");
    for (int i = 0; header_fields[i].name; i++)
        if (d->parameters & 1u << i)
            put_parameter(d, forge_util_json_put_object(into, header_fields[i].name), &header_fields[i], "header");
}

void forge_core_openapi_write(forge_buf_t *b, apr_pool_t *p, const forge_router_t *router, const char *version, bool dialect_3_0)
{
    doc_t d = {.pool = p, .schemas = forge_util_json_object(p), .problems = forge_util_json_object(p)};
    forge_json_t *root = forge_util_json_object(p);
    put_info(root, version);
    put_tags(&d, root, router);
    forge_json_t *paths = forge_util_json_put_object(root, "paths");
    for (int i = 0; i < forge_core_router_count(router); i++)
        if (!(forge_core_router_at(router, i)->flags & FORGE_R_HIDDEN))
            put_operation(&d, paths, router, i);
    forge_json_t *components = forge_util_json_put_object(root, "components");
    put_schemes(&d, components);
    put_shared_headers(&d, components);
    put_shared_parameters(&d, components);
    forge_util_json_put_copy(components, "responses", d.problems);
    forge_util_json_put_copy(d.schemas, "Problem", forge_core_describe(p, forge_core_problem_fields, false, false));
    forge_util_json_put_copy(components, "schemas", d.schemas);
    forge_util_json_write(b, dialect_3_0 ? forge_core_describe_3_0(p, root) : root);
}
