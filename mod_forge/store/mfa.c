/* SPDX-License-Identifier: Apache-2.0
 * Second factors, backup codes, and the second step of a login.
 */
#include "store_private.h"
