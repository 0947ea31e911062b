/* SPDX-License-Identifier: Apache-2.0
 * /auth/stream-ticket: one-use tickets.
 */
#include "api.h"
#include "shared.h"

const forge_routes_t forge_api_tickets = {NULL, 0};
