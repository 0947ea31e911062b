/* SPDX-License-Identifier: Apache-2.0
 * The rows of errors.def: HTTP status, public code and sentence of every failure.
 */
#include "util.h"

static const forge_error_t rows[FORGE_E_COUNT] = {
#define FORGE_ERROR(name, http, code, detail) [FORGE_E_##name] = {http, code, detail},
#include "errors.def"
#undef FORGE_ERROR
};

const forge_error_t *forge_util_error(forge_status_t status)
{
    if (status <= FORGE_OK || status >= FORGE_E_COUNT)
        return &rows[FORGE_E_INTERNAL];
    return &rows[status];
}

/* The first row of a status in errors.def is its most general one. */
forge_status_t forge_util_error_for_http(int http)
{
    for (int i = FORGE_OK + 1; i < FORGE_E_COUNT; i++)
        if (rows[i].http == http)
            return (forge_status_t)i;
    return http >= 400 && http < 500 ? FORGE_E_BAD_REQUEST : FORGE_E_INTERNAL;
}
