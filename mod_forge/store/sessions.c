/* SPDX-License-Identifier: Apache-2.0
 * Sessions and refresh tokens.
 */
#include "store_private.h"
