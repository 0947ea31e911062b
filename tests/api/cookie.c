/* SPDX-License-Identifier: Apache-2.0
 * Tests of cookie.
 */
#include "harness.h"

Suite *suite_cookie(void)
{
    return suite_create("cookie");
}
