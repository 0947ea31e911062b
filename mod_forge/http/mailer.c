/* SPDX-License-Identifier: Apache-2.0
 * Sends what waits in the outbox, in one child at a time.
 */
#include "http.h"

#include <httpd.h>

int forge_http_mailer_register(apr_pool_t *pconf, server_rec *s)
{
    (void)pconf;
    (void)s;
    return OK;
}
