/* SPDX-License-Identifier: Apache-2.0
 * Backup codes: made, normalised, hashed.
 */
#include "core.h"
