/* SPDX-License-Identifier: Apache-2.0
 * Tests of enrollments.
 */
#include "harness.h"

Suite *suite_enrollments(void)
{
    return suite_create("enrollments");
}
