/* SPDX-License-Identifier: Apache-2.0
 * Tests of doors.
 */
#include "harness.h"

Suite *suite_doors(void)
{
    return suite_create("doors");
}
