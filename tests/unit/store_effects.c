/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/effects.
 */
#include "unit.h"

Suite *forge_test_store_effects(void)
{
    return suite_create("store_effects");
}
