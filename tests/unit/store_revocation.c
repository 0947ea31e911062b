/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/revocation.
 */
#include "unit.h"

Suite *forge_test_store_revocation(void)
{
    return suite_create("store_revocation");
}
