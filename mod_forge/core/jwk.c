/* SPDX-License-Identifier: Apache-2.0
 * Key files (PEM) as cjose keys, and the public half as JWKS.
 */
#include "keys.h"
