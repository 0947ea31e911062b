/* SPDX-License-Identifier: Apache-2.0
 * Tests of revocation.
 */
#include "harness.h"

Suite *suite_revocation(void)
{
    return suite_create("revocation");
}
