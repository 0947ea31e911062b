/* SPDX-License-Identifier: Apache-2.0
 * The Forge part of mod_status' page, for people and with ?auto for programs.
 */
#include "http.h"

void forge_http_status_register(apr_pool_t *p)
{
    (void)p;
}
