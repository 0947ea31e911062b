/* SPDX-License-Identifier: Apache-2.0
 * API keys and tickets.
 */
#include "store_private.h"
