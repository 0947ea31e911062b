/* SPDX-License-Identifier: Apache-2.0
 * Tests of profile.
 */
#include "harness.h"

Suite *suite_profile(void)
{
    return suite_create("profile");
}
