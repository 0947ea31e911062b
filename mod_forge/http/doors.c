/* SPDX-License-Identifier: Apache-2.0
 * The doors of Apache: hooks that protect any content of the server (SPEC 17).
 */
#include "http.h"

#include <httpd.h>

void forge_http_doors_register(apr_pool_t *p)
{
    (void)p;
}
