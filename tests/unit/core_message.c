/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/message.
 */
#include "unit.h"

Suite *forge_test_core_message(void)
{
    return suite_create("core_message");
}
