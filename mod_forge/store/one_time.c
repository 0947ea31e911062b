/* SPDX-License-Identifier: Apache-2.0
 * One-use tokens by mail: made, spent.
 */
#include "store_private.h"
