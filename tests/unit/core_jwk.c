/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/jwk.
 */
#include "unit.h"

Suite *forge_test_core_jwk(void)
{
    return suite_create("core_jwk");
}
