/* SPDX-License-Identifier: Apache-2.0
 * Invitations to organisations.
 */
#include "store_private.h"
