/* SPDX-License-Identifier: Apache-2.0
 * The list of all background work.
 */
#include "work_private.h"

#include <httpd.h>

int forge_work_register(apr_pool_t *pconf, server_rec *main_server)
{
    if (forge_work_events_register(pconf, main_server) != OK || forge_work_mailer_register(pconf, main_server) != OK)
        return HTTP_INTERNAL_SERVER_ERROR;
    if (forge_work_runner_register(pconf, main_server) != OK || forge_work_jobs_register(pconf, main_server) != OK)
        return HTTP_INTERNAL_SERVER_ERROR;
    if (forge_work_sampler_register(pconf, main_server) != OK || forge_work_census_register(pconf, main_server) != OK ||
        forge_work_alerts_register(pconf, main_server) != OK || forge_work_members_register(pconf, main_server) != OK)
        return HTTP_INTERNAL_SERVER_ERROR;
    if (forge_work_ship_register(pconf, main_server) != OK || forge_work_crash_register(pconf, main_server) != OK)
        return HTTP_INTERNAL_SERVER_ERROR;
    if (forge_work_discover_register(pconf, main_server) != OK)
        return HTTP_INTERNAL_SERVER_ERROR;
    return forge_work_tasks_register(pconf, main_server);
}
