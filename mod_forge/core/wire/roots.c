/* SPDX-License-Identifier: Apache-2.0
 * What the route tables claim of a site's paths: the path of a route, and the roots below which a part of the API lies.
 */
#include "wire.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <string.h>

#define BASE "/api/v1"

const char *forge_core_route_path(apr_pool_t *p, const forge_route_t *route)
{
    return route->flags & FORGE_R_ROOT ? route->path : apr_pstrcat(p, BASE, route->path, NULL);
}

/* What all paths of a template begin with. */
static const char *root_of(apr_pool_t *p, const forge_route_t *route)
{
    apr_size_t len = strcspn(route->path, "{");
    while (len > 1 && route->path[len - 1] == '/')
        len--;
    return route->flags & FORGE_R_ROOT ? apr_pstrmemdup(p, route->path, len) : BASE;
}

static bool lies_below(const char *path, const char *root)
{
    const apr_size_t len = strlen(root);
    return strncmp(path, root, len) == 0 && (!path[len] || path[len] == '/');
}

/* Keeps the roots that lie below no other. */
static void root_add(apr_array_header_t *roots, const char *root)
{
    int kept = 0;
    for (int i = 0; i < roots->nelts; i++) {
        const char *known = APR_ARRAY_IDX(roots, i, const char *);
        if (lies_below(root, known))
            return;
        if (!lies_below(known, root))
            APR_ARRAY_IDX(roots, kept++, const char *) = known;
    }
    roots->nelts = kept;
    APR_ARRAY_PUSH(roots, const char *) = root;
}

apr_array_header_t *forge_core_roots(apr_pool_t *p, const forge_routes_t *tables, int n_tables, forge_api_part_t part)
{
    apr_array_header_t *roots = apr_array_make(p, 4, sizeof(const char *));
    for (int i = 0; i < n_tables; i++)
        for (int j = 0; j < tables[i].count; j++)
            if (tables[i].rows[j].part == part)
                root_add(roots, root_of(p, &tables[i].rows[j]));
    return roots;
}
