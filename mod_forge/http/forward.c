/* SPDX-License-Identifier: Apache-2.0
 * X-Forge-*: never from outside, always for what is proxied.
 */
#include "http.h"
