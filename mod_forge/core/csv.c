/* SPDX-License-Identifier: Apache-2.0
 * Comma-separated values (RFC 4180).
 */
#include "core.h"
