/* SPDX-License-Identifier: Apache-2.0
 * Interface of doors/: content outside the API. AuthType Forge, Require forge-…, the headers for back ends, the page
 * of mod_status (SPEC 17).
 */
#ifndef FORGE_DOORS_H
#define FORGE_DOORS_H

#include <apr_pools.h>

/* Adds the hooks of this room; doors.c lists them by phase. */
void forge_doors_register(apr_pool_t *p);

/* pre_config: hooks of mod_proxy, if it is loaded. */
void forge_doors_proxy_hooks(apr_pool_t *pconf);

#endif
