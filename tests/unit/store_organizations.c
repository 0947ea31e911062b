/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/organizations.
 */
#include "unit.h"

Suite *forge_test_store_organizations(void)
{
    return suite_create("store_organizations");
}
