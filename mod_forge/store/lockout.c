/* SPDX-License-Identifier: Apache-2.0
 * Failed attempts, counted before the password is looked at.
 */
#include "store_private.h"
