/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/sessions.
 */
#include "unit.h"

Suite *forge_test_store_sessions(void)
{
    return suite_create("store_sessions");
}
