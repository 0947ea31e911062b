/* SPDX-License-Identifier: Apache-2.0
 * /.well-known/jwks.json: the public keys.
 */
#include "api.h"
#include "shared.h"

const forge_routes_t forge_api_jwks = {NULL, 0};
