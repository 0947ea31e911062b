/* SPDX-License-Identifier: Apache-2.0
 * A mail: headers, text and HTML parts (RFC 5322, RFC 2045–2047).
 */
#include "core.h"
