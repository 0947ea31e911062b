/* SPDX-License-Identifier: Apache-2.0
 * /auth/guest: sessions without an account.
 */
#include "api.h"
#include "shared.h"

const forge_routes_t forge_api_guests = {NULL, 0};
