/* SPDX-License-Identifier: Apache-2.0
 * Parameters: how a value must be spelled for PostgreSQL to read it.
 */
#include "store_private.h"
#include <apr_strings.h>
#include <string.h>

const char *forge_store_ip(apr_pool_t *p, const char *ip)
{
    const char *zone = ip ? strchr(ip, '%') : NULL;
    return zone ? apr_pstrmemdup(p, ip, (apr_size_t)(zone - ip)) : ip;
}
