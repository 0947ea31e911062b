/* SPDX-License-Identifier: Apache-2.0
 * Tests of live/revocations.
 */
#include "unit.h"

Suite *forge_test_live_revocations(void)
{
    return suite_create("live_revocations");
}
