/* SPDX-License-Identifier: Apache-2.0
 * The list of all route tables. A new resource is one file with its table and one line here.
 */
#include "api.h"

const forge_routes_t *forge_api_tables(int *count)
{
    static forge_routes_t tables[7]; /* filled by the first call, at start and before any thread */
    const forge_routes_t *const all[] = {
        &forge_api_auth,   &forge_api_users,   &forge_api_courses, &forge_api_achievements,
        &forge_api_health, &forge_api_monitor, &forge_api_docs,
    };
    _Static_assert(sizeof(all) / sizeof(*all) == sizeof(tables) / sizeof(*tables), "a table was forgotten");
    *count = (int)(sizeof(all) / sizeof(*all));
    for (int i = 0; i < *count; i++)
        tables[i] = *all[i];
    return tables;
}
