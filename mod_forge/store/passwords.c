/* SPDX-License-Identifier: Apache-2.0
 * Changes of password and e-mail address.
 */
#include "store_private.h"
