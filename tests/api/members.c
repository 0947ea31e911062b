/* SPDX-License-Identifier: Apache-2.0
 * Tests of members.
 */
#include "harness.h"

Suite *suite_members(void)
{
    return suite_create("members");
}
