/* SPDX-License-Identifier: Apache-2.0
 * Tests of lockout.
 */
#include "harness.h"

Suite *suite_lockout(void)
{
    return suite_create("lockout");
}
