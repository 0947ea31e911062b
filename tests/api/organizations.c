/* SPDX-License-Identifier: Apache-2.0
 * Tests of organizations.
 */
#include "harness.h"

Suite *suite_organizations(void)
{
    return suite_create("organizations");
}
