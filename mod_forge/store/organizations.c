/* SPDX-License-Identifier: Apache-2.0
 * Organisations and their members.
 */
#include "store_private.h"
