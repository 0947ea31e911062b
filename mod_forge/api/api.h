/* SPDX-License-Identifier: Apache-2.0
 * Door of api/: one file per resource, each with its fields, handlers and route table. Nothing here but the list of the tables.
 */
#ifndef FORGE_API_H
#define FORGE_API_H

#include "../forge.h"

/* All route tables, in the order OpenAPI shows them. *count says how many. */
const forge_routes_t *forge_api_tables(int *count);

/* One line per resource file. */
extern const forge_routes_t forge_api_auth;
extern const forge_routes_t forge_api_users;
extern const forge_routes_t forge_api_courses;
extern const forge_routes_t forge_api_achievements;
extern const forge_routes_t forge_api_health;
extern const forge_routes_t forge_api_monitor;
extern const forge_routes_t forge_api_docs;

#endif
