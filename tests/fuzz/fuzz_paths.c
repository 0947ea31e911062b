/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: the list of paths that are asked together. What is accepted leads below the base path, and means one
 * thing.
 */
#include "core/wire/wire.h"
#include "fuzz.h"

#include <apr_strings.h>

int forge_fuzz_paths(const uint8_t *data, size_t size)
{
    apr_pool_t *p = forge_fuzz_pool();
    forge_paths_t paths;
    const char *why = NULL;
    const bool good = forge_core_paths_read(p, apr_pstrmemdup(p, (const char *)data, size), &paths, &why);
    FORGE_PROMISE(good == (why == NULL));
    FORGE_PROMISE(!good || (paths.count >= 1 && paths.count <= FORGE_AGGREGATE_MAX));
    for (int i = 0; good && i < paths.count; i++) {
        const char *path = paths.path[i];
        const char *route = apr_pstrndup(p, path, strcspn(path, "?"));
        FORGE_PROMISE(strlen(path) <= FORGE_AGGREGATE_PATH && path[0] == '/' && path[1] && path[1] != '/');
        FORGE_PROMISE(!strpbrk(path, " #\\\"<>\r\n\t\x7f") && !strpbrk(route, "%;,&="));
        FORGE_PROMISE(!strstr(route, "//") && !strstr(route, "/./") && !strstr(route, "/../"));
        FORGE_PROMISE(strcmp(route, FORGE_AGGREGATE_ROUTE) != 0);
        for (const char *at = path; *at; at++)
            FORGE_PROMISE((unsigned char)*at < 0x80);
    }
    apr_pool_destroy(p);
    return 0;
}
