/* SPDX-License-Identifier: Apache-2.0
 * What ended, for the shared memory of every node: the events, and the reload.
 */
#include "store_private.h"
