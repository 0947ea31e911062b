/* SPDX-License-Identifier: Apache-2.0
 * The OpenAPI document, made from the rows that dispatch and validate: it cannot say anything else than they do.
 */
#include "openapi.h"
#include "wire.h"
#include "samples.h"

/* --- operations --- */

/* An empty list: whoever asks gets the same. A list that begins with {}: a token may be sent, and changes the answer.
 */
static void put_security(forge_json_t *operation, const forge_route_t *route)
{
    forge_json_t *list = forge_util_json_put_array(operation, "security");
    if (route->flags & FORGE_R_OPEN)
        return;
    if (route->role == FORGE_ROLE_NONE)
        forge_util_json_add_object(list);
    forge_util_json_put_array(forge_util_json_add_object(list), FORGE_OPENAPI_BEARER);
    forge_util_json_put_array(forge_util_json_add_object(list), FORGE_OPENAPI_LOGIN);
    if (route->flags & FORGE_R_TICKET)
        forge_util_json_put_array(forge_util_json_add_object(list), FORGE_OPENAPI_TICKET);
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
    forge_core_openapi_input(d, operation, router, index);
    forge_core_openapi_answers(d, operation, router, index);
}

/* --- the document around them --- */

static void put_info(forge_json_t *root, const char *version)
{
    forge_util_json_put_text(root, "openapi", "3.1.0");
    forge_json_t *info = forge_util_json_put_object(root, "info");
    forge_util_json_put_text(info, "title", "mod_forge");
    forge_util_json_put_text(
        info, "description",
        "The back end of a learning platform. Times are RFC 3339 in UTC, ids are integers, lists are bare arrays "
        "with paging in the Link header, and every failure is a problem document (RFC 9457) with a stable code. "
        "Every operation takes Accept-Language for the sentences in problems, and answers them with Content-Language; "
        "it is a parameter where more than that depends on it.");
    forge_util_json_put_text(info, "version", version);
    forge_json_t *contact = forge_util_json_put_object(info, "contact");
    forge_util_json_put_text(contact, "name", "The maintainers of mod_forge");
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
    forge_json_t *bearer = forge_util_json_put_object(schemes, FORGE_OPENAPI_BEARER);
    forge_util_json_put_text(bearer, "type", "http");
    forge_util_json_put_text(bearer, "scheme", "bearer");
    forge_util_json_put_text(bearer, "bearerFormat", "JWT");
    forge_util_json_put_text(bearer, "description",
                             "An access token from one of the login calls, or an API key (fk_…).");
    forge_json_t *login = forge_util_json_put_object(schemes, FORGE_OPENAPI_LOGIN);
    forge_util_json_put_text(login, "type", "oauth2");
    forge_util_json_put_text(login, "description", "Logs in with username (or e-mail address) and password.");
    forge_json_t *flow = forge_util_json_put_object(forge_util_json_put_object(login, "flows"), "password");
    forge_util_json_put_text(flow, "tokenUrl", "/api/v1/auth/login");
    forge_util_json_put_object(flow, "scopes");
    forge_core_openapi_ticket(d, schemes);
}

void forge_core_openapi_write(forge_buf_t *b, apr_pool_t *p, const forge_router_t *router, const char *version,
                              bool dialect_3_0)
{
    doc_t d = {.pool = p, .schemas = forge_util_json_object(p)};
    forge_json_t *root = forge_util_json_object(p);
    put_info(root, version);
    put_tags(&d, root, router);
    forge_json_t *paths = forge_util_json_put_object(root, "paths");
    for (int i = 0; i < forge_core_router_count(router); i++)
        if (!(forge_core_router_at(router, i)->flags & FORGE_R_HIDDEN))
            put_operation(&d, paths, router, i);
    forge_json_t *components = forge_util_json_put_object(root, "components");
    put_schemes(&d, components);
    forge_core_openapi_shared_parameters(&d, components);
    forge_core_openapi_shared_responses(&d, components);
    forge_core_openapi_shared_headers(&d, components);
    forge_util_json_put_copy(d.schemas, "Problem",
                             forge_core_describe(p, d.schemas, forge_core_problem_fields, false, false));
    forge_util_json_put_copy(components, "schemas", d.schemas);
    forge_util_json_write(b, dialect_3_0 ? forge_core_describe_3_0(p, root) : root);
}
