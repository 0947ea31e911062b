/* SPDX-License-Identifier: Apache-2.0
 * What the fuzz targets share: a pool for each input, and the end of the process when a promise is broken.
 */
#ifndef FORGE_FUZZ_H
#define FORGE_FUZZ_H

#include <apr_general.h>
#include <apr_pools.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A target: takes any bytes, breaks no promise, returns 0. */
typedef int (*forge_fuzz_fn)(const uint8_t *data, size_t size);

#define FUZZ_TARGET(name) int forge_fuzz_##name(const uint8_t *data, size_t size);
#include "targets.def"
#undef FUZZ_TARGET

forge_fuzz_fn forge_fuzz_find(const char *name); /* ends the program when there is none */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A pool of its own for one input; the caller destroys it. */
static inline apr_pool_t *forge_fuzz_pool(void)
{
    static apr_pool_t *root;
    apr_pool_t *p;
    if (!root) {
        apr_initialize();
        apr_pool_create(&root, NULL);
    }
    apr_pool_create(&p, root);
    return p;
}

#define FORGE_PROMISE(condition) \
    do { \
        if (!(condition)) \
            abort(); \
    } while (0)

#endif
