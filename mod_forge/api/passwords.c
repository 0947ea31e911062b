/* SPDX-License-Identifier: Apache-2.0
 * /auth/password: change, forgot, reset.
 */
#include "api.h"
#include "shared.h"

const forge_routes_t forge_api_passwords = {NULL, 0};
