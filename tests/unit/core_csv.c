/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/csv.
 */
#include "unit.h"

Suite *forge_test_core_csv(void)
{
    return suite_create("core_csv");
}
