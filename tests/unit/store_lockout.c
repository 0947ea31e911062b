/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/lockout.
 */
#include "unit.h"

Suite *forge_test_store_lockout(void)
{
    return suite_create("store_lockout");
}
