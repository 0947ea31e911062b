/* SPDX-License-Identifier: Apache-2.0
 * Links of the OpenAPI document: which operation can be called next, and with what of an answer. People read them, and
 * tools that try sessions of several calls follow them.
 */
#include "openapi.h"
#include <apr_strings.h>
#include <string.h>

static forge_json_t *put_link(forge_json_t *response, const char *operation, const char *help)
{
    forge_json_t *links = forge_util_json_get(response, "links");
    if (!links)
        links = forge_util_json_put_object(response, "links");
    forge_json_t *link = forge_util_json_put_object(links, operation);
    forge_util_json_put_text(link, "operationId", operation);
    if (help)
        forge_util_json_put_text(link, "description", help);
    return link;
}

/* The links that a row lists. */
static void put_listed(const doc_t *d, forge_json_t *response, const forge_route_t *route)
{
    for (const forge_next_t *l = route->next; l && l->operation; l++) {
        forge_json_t *link = put_link(response, l->operation, l->help);
        if (!l->member)
            continue;
        const char *value = apr_pstrcat(d->pool, "$response.body#/", l->member, NULL);
        forge_util_json_put_text(forge_util_json_put_object(link, l->parameter ? "parameters" : "requestBody"),
                                 l->parameter ? l->parameter : l->member, value);
    }
}

/* The name between the braces at the end when `path` is `base` and one parameter more; NULL when it is not. */
static const char *own_parameter(apr_pool_t *p, const char *base, const char *path)
{
    apr_size_t length = strlen(base);
    if (strncmp(path, base, length) != 0 || strncmp(path + length, "/{", 2) != 0)
        return NULL;
    const char *name = path + length + 2;
    apr_size_t end = strcspn(name, "}");
    return name[end] == '}' && !name[end + 1] ? apr_pstrmemdup(p, name, end) : NULL;
}

/* The parameters that both paths have. */
static void put_carried(const doc_t *d, forge_json_t *parameters, const char *base)
{
    for (const char *at = strchr(base, '{'); at; at = strchr(at + 1, '{')) {
        const char *name = apr_pstrmemdup(d->pool, at + 1, strcspn(at + 1, "}"));
        forge_util_json_put_text(parameters, name, apr_pstrcat(d->pool, "$request.path.", name, NULL));
    }
}

/* What POST has made is at the path of the collection and its id. */
static void put_made(const doc_t *d, forge_json_t *response, const forge_router_t *router, int index)
{
    const forge_route_t *route = forge_core_router_at(router, index);
    const char *base = forge_core_router_template(router, index), *name;
    if (route->method != FORGE_POST || !route->reply || forge_core_walk_find(route->reply->fields, "id", NULL) < 0)
        return;
    for (int i = 0; i < forge_core_router_count(router); i++) {
        const forge_route_t *other = forge_core_router_at(router, i);
        if (other->flags & (FORGE_R_HIDDEN | FORGE_R_TAIL) ||
            !(name = own_parameter(d->pool, base, forge_core_router_template(router, i))))
            continue;
        forge_json_t *parameters = forge_util_json_put_object(put_link(response, other->operation, NULL), "parameters");
        put_carried(d, parameters, base);
        forge_util_json_put_text(parameters, name, "$response.body#/id");
    }
}

void forge_core_openapi_links(const doc_t *d, forge_json_t *response, const forge_router_t *router, int index)
{
    put_listed(d, response, forge_core_router_at(router, index));
    put_made(d, response, router, index);
}
