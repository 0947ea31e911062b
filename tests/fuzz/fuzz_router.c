/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: the router. The first byte is the method, the rest the path; what matches is plain, and its ids are
 * positive.
 */
#include "core/wire/wire.h"
#include "fuzz.h"
#include <apr_strings.h>

static forge_status_t handle(forge_req_t *q)
{
    (void)q;
    return FORGE_OK;
}

#define ROW(m, p, op, f) \
    { \
        .method = m, .path = p, .flags = f, .part = (f)&FORGE_R_ROOT ? FORGE_PART_DOCS : FORGE_PART_API, \
        .handle = handle, .operation = op, .summary = "s" \
    }

static const forge_route_t rows[] = {
    ROW(FORGE_GET, "/a", "a", 0),
    ROW(FORGE_POST, "/a", "a_post", 0),
    ROW(FORGE_GET, "/a/{id}", "a_get", 0),
    ROW(FORGE_PUT, "/a/{id}/b/{m}", "a_b", 0),
    ROW(FORGE_GET, "/a/me", "a_me", 0),
    ROW(FORGE_GET, "/a/me/x", "a_me_x", 0),
    ROW(FORGE_GET, "/{id}/x", "x", 0),
    ROW(FORGE_GET, "/h", "h", FORGE_R_ROOT),
    ROW(FORGE_GET, "/d/{file}", "d", FORGE_R_ROOT | FORGE_R_TAIL),
    ROW(FORGE_GET, "/", "root", FORGE_R_ROOT),
};

static const forge_router_t *router_get(void)
{
    static const forge_router_t *router;
    static const forge_tag_t tag = {"t", "a group"};
    const forge_routes_t table = {rows, sizeof(rows) / sizeof(rows[0]), &tag};
    const char *why;
    if (!router)
        router = forge_core_router_make(forge_fuzz_pool(), &table, 1, NULL, &why);
    return router;
}

int forge_fuzz_router(const uint8_t *data, size_t size)
{
    const forge_router_t *router = router_get();
    apr_pool_t *p = forge_fuzz_pool();
    forge_match_t match;
    if (size) {
        const char *path = apr_pstrmemdup(p, (const char *)data + 1, size - 1);
        forge_core_router_find(router, p, (forge_method_t)(data[0] % (FORGE_METHODS + 1)), path, &match);
        FORGE_PROMISE((match.route != NULL) == (match.index >= 0));
        FORGE_PROMISE(!match.route || match.allowed & 1u << match.route->method);
        FORGE_PROMISE(!match.allowed ||
                      (*path == '/' && !strpbrk(path, "%;?#\\ ") && !strstr(path, "//") && !strstr(path, "/../")));
        for (int i = 0; match.allowed && i < match.n_ids; i++)
            FORGE_PROMISE(match.ids[i] > 0);
        FORGE_PROMISE(!match.tail || (strlen(match.tail) <= 64 && !strchr(match.tail, '/')));
    }
    apr_pool_destroy(p);
    return 0;
}
