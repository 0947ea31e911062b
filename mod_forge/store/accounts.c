/* SPDX-License-Identifier: Apache-2.0
 * Accounts as administrators see and change them.
 */
#include "store_private.h"
