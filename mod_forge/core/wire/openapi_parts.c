/* SPDX-License-Identifier: Apache-2.0
 * What the files of the OpenAPI document have in common: references, bodies, and what follows from a row's flags.
 */
#include "openapi.h"
#include <apr_strings.h>

void forge_core_openapi_ref(forge_json_t *object, apr_pool_t *p, const char *kind, const char *name)
{
    forge_util_json_put_text(object, "$ref", apr_pstrcat(p, "#/components/", kind, "/", name, NULL));
}

void forge_core_openapi_content(const doc_t *d, forge_json_t *content, const char *media, const char *schema,
                                const forge_json_t *example)
{
    forge_json_t *body = forge_util_json_put_object(content, media);
    forge_core_openapi_ref(forge_util_json_put_object(body, "schema"), d->pool, "schemas", schema);
    if (example)
        forge_util_json_put_copy(body, "example", example);
}

forge_json_t *forge_core_openapi_text(forge_json_t *content, const char *media, const char *example)
{
    forge_json_t *body = forge_util_json_put_object(content, media);
    forge_json_t *schema = forge_util_json_put_object(body, "schema");
    forge_util_json_put_text(schema, "type", "string");
    if (example)
        forge_util_json_put_text(body, "example", example);
    return schema;
}

bool forge_core_openapi_etag(const forge_route_t *route)
{
    return route->flags & (FORGE_R_ETAG | FORGE_R_LIST) && route->method != FORGE_DELETE;
}

bool forge_core_openapi_match(const forge_route_t *route)
{
    return route->flags & FORGE_R_ETAG &&
           (route->method == FORGE_PUT || route->method == FORGE_PATCH || route->method == FORGE_DELETE);
}

bool forge_core_openapi_ranges(const forge_route_t *route)
{
    return route->flags & FORGE_R_FILE && route->method == FORGE_GET;
}

bool forge_core_openapi_none_match(const forge_route_t *route)
{
    return forge_core_openapi_etag(route) && route->method == FORGE_GET;
}
