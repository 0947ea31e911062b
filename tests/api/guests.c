/* SPDX-License-Identifier: Apache-2.0
 * Tests of guests.
 */
#include "harness.h"

Suite *suite_guests(void)
{
    return suite_create("guests");
}
