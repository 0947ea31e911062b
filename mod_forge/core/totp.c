/* SPDX-License-Identifier: Apache-2.0
 * Time-based one-time passwords (RFC 6238), by liboath.
 */
#include "core.h"
