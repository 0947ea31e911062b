/* SPDX-License-Identifier: Apache-2.0
 * API keys: opaque credentials that the database knows.
 */
#include "http.h"

forge_status_t forge_http_api_key(forge_req_t *q, const char *key, forge_who_t *who)
{
    (void)q;
    (void)key;
    (void)who;
    return FORGE_E_INVALID_TOKEN;
}
