/* SPDX-License-Identifier: Apache-2.0
 * Many accounts at once, one statement per action; and the import.
 */
#include "store_private.h"
