/* SPDX-License-Identifier: Apache-2.0
 * What the statements of operations share.
 */
#ifndef FORGE_STORE_OPERATIONS_PRIVATE_H
#define FORGE_STORE_OPERATIONS_PRIVATE_H

#include "operations.h"
#include "store/engine/store_private.h"

#define FORGE_IDEMPOTENCY_LIFE FORGE_INTERVAL(FORGE_IDEMPOTENCY_HOURS, "hours")
_Static_assert(FORGE_IDEMPOTENCY_HOURS > 0, "a number, not a name, gets into the SQL");

#endif
