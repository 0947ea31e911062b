/* SPDX-License-Identifier: Apache-2.0
 * /auth/email: verification and change of the address.
 */
#include "api.h"
#include "shared.h"

const forge_routes_t forge_api_emails = {NULL, 0};
