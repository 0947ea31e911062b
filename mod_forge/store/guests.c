/* SPDX-License-Identifier: Apache-2.0
 * Guest accounts, and how they turn into real ones.
 */
#include "store_private.h"
