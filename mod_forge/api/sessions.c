/* SPDX-License-Identifier: Apache-2.0
 * /auth: refresh, logout, the list of sessions, what a token is worth.
 */
#include "api.h"
#include "shared.h"

const forge_routes_t forge_api_sessions = {NULL, 0};
