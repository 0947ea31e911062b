/* SPDX-License-Identifier: Apache-2.0
 * /users: search and administration.
 */
#include "api.h"
#include "shared.h"

const forge_routes_t forge_api_accounts = {NULL, 0};
