/* SPDX-License-Identifier: Apache-2.0
 * Accounts on their way out: export, deactivation, anonymisation.
 */
#include "store_private.h"
