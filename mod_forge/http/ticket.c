/* SPDX-License-Identifier: Apache-2.0
 * Tickets: one-use credentials in the query, for what cannot send headers.
 */
#include "http.h"

forge_status_t forge_http_ticket(forge_req_t *q, const char *ticket, forge_who_t *who)
{
    (void)q;
    (void)ticket;
    (void)who;
    return FORGE_E_INVALID_TOKEN;
}
