/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/accounts.
 */
#include "unit.h"

Suite *forge_test_store_accounts(void)
{
    return suite_create("store_accounts");
}
