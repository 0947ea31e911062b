/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/mfa.
 */
#include "unit.h"

Suite *forge_test_store_mfa(void)
{
    return suite_create("store_mfa");
}
