/* SPDX-License-Identifier: Apache-2.0
 * /users/bulk and /users/import: many accounts at once.
 */
#include "api.h"
#include "shared.h"

const forge_routes_t forge_api_bulk = {NULL, 0};
