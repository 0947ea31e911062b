/* SPDX-License-Identifier: Apache-2.0
 * /organizations/…/invitations: invitations.
 */
#include "api.h"
#include "shared.h"

const forge_routes_t forge_api_invitations = {NULL, 0};
