/* SPDX-License-Identifier: Apache-2.0
 * Tests of jwks.
 */
#include "harness.h"

Suite *suite_jwks(void)
{
    return suite_create("jwks");
}
