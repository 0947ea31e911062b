/* SPDX-License-Identifier: Apache-2.0
 * The input of operations in the OpenAPI document: parameters of path, query and headers, and bodies.
 */
#include "openapi.h"
#include "wire.h"
#include "samples.h"
#include <apr_strings.h>
#include <string.h>

enum { P_NONE_MATCH, P_MATCH, P_IDEMPOTENCY, P_RANGE, P_IF_RANGE, P_LAST_EVENT, P_LANGUAGE };

/* clang-format off */
/* Parameters in headers; those of lists are forge_core_page_fields. */
static const forge_field_t header_fields[] = {
    [P_NONE_MATCH] = {"If-None-Match", FORGE_T_TEXT, 0, 1, 1000, .example = "\"v3.5d41402abc4b2a76b9719d911017c592\"",
                      .help = "Entity tags of the client's copies; 304 if one of them is still current."},
    [P_MATCH] = {"If-Match", FORGE_T_TEXT, 0, 1, 1000, .example = "\"v3.5d41402abc4b2a76b9719d911017c592\"",
                 .help = "Entity tags of the version to change; 412 if none of them is current."},
    [P_IDEMPOTENCY] = {
        "Idempotency-Key", FORGE_T_TEXT, 0, 1, FORGE_IDEMPOTENCY_KEY_MAX,
        .example = "8e03978e-40d5-43dd-bc93-6894a57f9324",
        .help = "A repeat with the same key and body within 24 hours gets the stored answer and has no second effect."},
    [P_RANGE] = {"Range", FORGE_T_TEXT, 0, 1, 1000, .example = "bytes=0-1023",
                 .help = "Parts of the content (RFC 9110); 416 if it has none of them."},
    [P_IF_RANGE] = {"If-Range", FORGE_T_TEXT, 0, 1, 1000, .example = "\"v3\"",
                    .help = "The entity tag of what the client has a part of; if it is not current, all is answered."},
    [P_LAST_EVENT] = {"Last-Event-ID", FORGE_T_TEXT, 0, 1, 64, .example = "5d41402abc4b2a76",
                      .help = "Id of the last event that came; what it said is not sent again. Others are ignored."},
    [P_LANGUAGE] = {"Accept-Language", FORGE_T_TEXT, 0, 1, 1000, .example = "de-AT,de;q=0.9,en;q=0.8",
                    .help = "Languages for people, of which en, de, fr, es and tr are known (RFC 9110): of sentences "
                            "in the answer, of a new account, and of a mail to somebody whose language is not known."},
    {.name = NULL},
};
/* clang-format on */

#define PAGE_BIT   16 /* in doc_t.parameters: the paging fields are used */
#define TICKET_BIT 17 /* … a route takes a ticket */

/* clang-format off */
static const forge_field_t ticket_field = {
    "ticket", FORGE_T_TEXT, 0, 1, 512, .example = "Zk2mQ0c5m1nq7Yv3sT8uWx4bR6eLh9jPaVdKgNfEoCi",
    .help = "A one-use ticket instead of the Authorization header."};
/* clang-format on */

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
    forge_core_describe_field(d->pool, d->schemas, forge_util_json_put_object(parameter, "schema"), &bare);
}

/* Shared parameters are components: first those in headers, then the paging of lists. */
static void refer_parameter(doc_t *d, forge_json_t *list, int header)
{
    d->parameters |= 1u << header;
    forge_core_openapi_ref(forge_util_json_add_object(list), d->pool, "parameters", header_fields[header].name);
}

/* Parameters in the order of a request: path, query and paging, headers. */
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
        walk = forge_core_walk(forge_core_page_fields);
        for (const forge_field_t *f; (f = forge_core_walk_next(&walk));)
            forge_core_openapi_ref(forge_util_json_add_object(list), d->pool, "parameters", f->name);
    }
    if (route->flags & FORGE_R_TICKET) {
        d->parameters |= 1u << TICKET_BIT;
        put_parameter(d, forge_util_json_add_object(list), &ticket_field, "query");
    }
    if (forge_core_openapi_none_match(route))
        refer_parameter(d, list, P_NONE_MATCH);
    if (forge_core_openapi_match(route))
        refer_parameter(d, list, P_MATCH);
    if (route->flags & FORGE_R_IDEMPOTENT)
        refer_parameter(d, list, P_IDEMPOTENCY);
    if (forge_core_openapi_ranges(route)) {
        refer_parameter(d, list, P_RANGE);
        refer_parameter(d, list, P_IF_RANGE);
    }
    if (route->flags & FORGE_R_FOLLOW)
        refer_parameter(d, list, P_LAST_EVENT);
    if (route->flags & (FORGE_R_LANGUAGE | FORGE_R_WORDED))
        refer_parameter(d, list, P_LANGUAGE);
}

/* --- bodies --- */

/* "course_create" → "CourseCreateRequest". */
static const char *request_name(apr_pool_t *p, const char *operation)
{
    char *name = apr_palloc(p, strlen(operation) + 8), *at = name;
    bool start = true;
    for (; *operation; operation++) {
        if (forge_util_is_alnum(*operation))
            *at++ = start ? forge_util_upper(*operation) : *operation;
        start = !forge_util_is_alnum(*operation);
    }
    memcpy(at, "Request", 8);
    return name;
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

/* A file as a part of its own, with the type that it must declare. */
static void put_upload(doc_t *d, forge_json_t *content, const forge_route_t *route, const char *name)
{
    forge_core_openapi_content(d, content, FORGE_MULTIPART_MEDIA, name, NULL);
    forge_json_t *encoding =
        forge_util_json_put_object(forge_util_json_get(content, FORGE_MULTIPART_MEDIA), "encoding");
    forge_util_json_put_text(forge_util_json_put_object(encoding, route->body->fields[0].name), "contentType",
                             route->upload->media);
}

static void put_request(doc_t *d, forge_json_t *operation, const forge_route_t *route)
{
    const char *name = request_name(d->pool, route->operation);
    const forge_json_t *example = forge_core_describe_example(d->pool, route->body->fields, true);
    forge_json_t *request = forge_util_json_put_object(operation, "requestBody");
    forge_util_json_put_bool(request, "required", body_needed(route));
    forge_json_t *content = forge_util_json_put_object(request, "content");
    if (route->upload)
        put_upload(d, content, route, name);
    else
        forge_core_openapi_content(d, content, FORGE_JSON_MEDIA, name, example);
    if (route->method == FORGE_PATCH)
        forge_core_openapi_content(d, content, "application/merge-patch+json", name, example);
    if (route->flags & FORGE_R_FORM)
        forge_core_openapi_content(d, content, "application/x-www-form-urlencoded", name, example);
    if (route->flags & FORGE_R_CSV)
        forge_core_openapi_text(content, "text/csv", forge_core_csv_example(d->pool, route->body->fields));
    forge_util_json_put_copy(
        d->schemas, name,
        forge_core_describe(d->pool, d->schemas, route->body->fields, true, route->method == FORGE_PATCH));
}

void forge_core_openapi_input(doc_t *d, forge_json_t *operation, const forge_router_t *router, int index)
{
    const forge_route_t *route = forge_core_router_at(router, index);
    put_parameters(d, operation, router, index);
    if (route->body)
        put_request(d, operation, route);
}

/* --- components --- */

void forge_core_openapi_shared_parameters(doc_t *d, forge_json_t *components)
{
    forge_json_t *into = forge_util_json_put_object(components, "parameters");
    forge_walk_t walk = forge_core_walk(d->parameters & 1u << PAGE_BIT ? forge_core_page_fields : NULL);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk));)
        put_parameter(d, forge_util_json_put_object(into, f->name), f, "query");
    for (int i = 0; header_fields[i].name; i++)
        if (d->parameters & 1u << i)
            put_parameter(d, forge_util_json_put_object(into, header_fields[i].name), &header_fields[i], "header");
}

void forge_core_openapi_ticket(const doc_t *d, forge_json_t *schemes)
{
    if (!(d->parameters & 1u << TICKET_BIT))
        return;
    forge_json_t *ticket = forge_util_json_put_object(schemes, FORGE_OPENAPI_TICKET);
    forge_util_json_put_text(ticket, "type", "apiKey");
    forge_util_json_put_text(ticket, "in", "query");
    forge_util_json_put_text(ticket, "name", ticket_field.name);
    forge_util_json_put_text(ticket, "description", "A one-use ticket, for clients that cannot send headers.");
}
