/* SPDX-License-Identifier: Apache-2.0
 * /auth/mfa: the second factor.
 */
#include "api.h"
#include "shared.h"

const forge_routes_t forge_api_mfa = {NULL, 0};
