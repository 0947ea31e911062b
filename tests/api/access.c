/* SPDX-License-Identifier: Apache-2.0
 * Tests of access.
 */
#include "harness.h"

Suite *suite_access(void)
{
    return suite_create("access");
}
