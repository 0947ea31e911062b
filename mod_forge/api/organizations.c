/* SPDX-License-Identifier: Apache-2.0
 * /organizations: organisations.
 */
#include "api.h"
#include "shared.h"

const forge_routes_t forge_api_organizations = {NULL, 0};
