/* SPDX-License-Identifier: Apache-2.0
 * Private to core/wire: what the router asks of the lists of its rows.
 */
#ifndef FORGE_CORE_LISTS_H
#define FORGE_CORE_LISTS_H

#include "wire.h"

/* Why a start must refuse this row for its list; NULL when it is good, and for rows without one. */
const char *forge_core_list_problem(apr_pool_t *p, const forge_list_names_t *lists, const forge_route_t *route);
/* The parameter sort by the names of the list's orders, the first is the default; NULL when there is but one. */
const forge_field_t *forge_core_list_sort(apr_pool_t *p, const forge_list_names_t *lists, const forge_route_t *route);

#endif
