/* SPDX-License-Identifier: Apache-2.0
 * Tests of mfa.
 */
#include "harness.h"

Suite *suite_mfa(void)
{
    return suite_create("mfa");
}
