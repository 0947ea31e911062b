/* SPDX-License-Identifier: Apache-2.0
 * /auth/api-keys: personal keys for programs.
 */
#include "api.h"
#include "shared.h"

const forge_routes_t forge_api_api_keys = {NULL, 0};
