/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/totp.
 */
#include "unit.h"

Suite *forge_test_core_totp(void)
{
    return suite_create("core_totp");
}
