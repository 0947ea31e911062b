/* SPDX-License-Identifier: Apache-2.0
 * /users/me: one's own profile, export and departure.
 */
#include "api.h"
#include "shared.h"

const forge_routes_t forge_api_profile = {NULL, 0};
