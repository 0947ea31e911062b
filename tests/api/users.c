/* SPDX-License-Identifier: Apache-2.0
 * Tests of users.
 */
#include "harness.h"

Suite *suite_users(void)
{
    return suite_create("users");
}
