/* SPDX-License-Identifier: Apache-2.0
 * What a start checks and creates: hooks for mod_forge.c only.
 */
#ifndef FORGE_START_H
#define FORGE_START_H

#include "forge.h"

struct server_rec;

void forge_start_variables(void); /* register_hooks: sets ${FORGE_DB_CONNECTIONS} for the configuration */
void forge_start_tables(const forge_routes_t *tables, int count); /* told once by mod_forge.c, before post_config */
int forge_start_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                             struct server_rec *s); /* configtest too */
int forge_start_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, struct server_rec *s);
void forge_start_child_init(apr_pool_t *p, struct server_rec *s);
void forge_start_test_config(apr_pool_t *pconf,
                             struct server_rec *s); /* httpd -t -D FORGE_OPENAPI prints the OpenAPI document */

#endif
