/* SPDX-License-Identifier: Apache-2.0
 * /audit: the audit log.
 */
#include "api.h"
#include "shared.h"

const forge_routes_t forge_api_audit = {NULL, 0};
