/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: the Authorization header.
 */
#include "core/identity/identity.h"
#include "fuzz.h"
#include <apr_strings.h>

int forge_fuzz_bearer(const uint8_t *data, size_t size)
{
    const char *token = NULL;
    forge_status_t status;
    apr_pool_t *p = forge_fuzz_pool();

    status = forge_core_bearer(p, apr_pstrmemdup(p, (const char *)data, size), &token);
    if (status != FORGE_OK && (token != NULL || (status != FORGE_E_INVALID_TOKEN && status != FORGE_E_DUPLICATE_TOKEN)))
        abort();
    if (token != NULL && (*token == '\0' || strpbrk(token, " \t\r\n,\"") != NULL))
        abort();
    apr_pool_destroy(p);
    return 0;
}
