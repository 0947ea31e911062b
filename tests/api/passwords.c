/* SPDX-License-Identifier: Apache-2.0
 * Tests of passwords.
 */
#include "harness.h"

Suite *suite_passwords(void)
{
    return suite_create("passwords");
}
