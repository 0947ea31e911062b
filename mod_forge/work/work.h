/* SPDX-License-Identifier: Apache-2.0
 * Interface of work/: background work on mod_watchdog's threads, which ends before a child's pools are destroyed. No
 * request waits for it.
 */
#ifndef FORGE_WORK_H
#define FORGE_WORK_H

#include <apr_pools.h>

struct server_rec;

struct forge_config_t;
/* check_config: what is wrong with ForgeDiscover of a server; NULL: nothing. */
const char *forge_work_discover_problem(apr_pool_t *p, struct server_rec *s, const struct forge_config_t *config);
/* Registers all background work in post_config. Not OK: the log says why. */
int forge_work_register(apr_pool_t *pconf, struct server_rec *main_server);
/* child_init, after the next two: a child that ends as it should says so. */
void forge_work_crash_child(apr_pool_t *pchild);
void forge_work_crash_hooks(void); /* how httpd's parent hears that a child has ended */
/* Now and then, in the parent: where there could be no process for forge-runner, it is tried again. monitor */
int forge_work_runner_look(apr_pool_t *p, struct server_rec *s);
/* child_init: what is to be sent is sent once more when all else has ended. Called before the next one. */
void forge_work_ship_child(apr_pool_t *pchild);
/* child_init */
void forge_work_background_child(apr_pool_t *pchild);

#endif
