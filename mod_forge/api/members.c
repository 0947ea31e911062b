/* SPDX-License-Identifier: Apache-2.0
 * /organizations/{id}/members: who belongs to an organisation.
 */
#include "api.h"
#include "shared.h"

const forge_routes_t forge_api_members = {NULL, 0};
