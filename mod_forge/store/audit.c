/* SPDX-License-Identifier: Apache-2.0
 * Reading the audit log.
 */
#include "store_private.h"
