/* SPDX-License-Identifier: Apache-2.0
 * Names and memberships of the one who is let in.
 */
#include "store_private.h"
