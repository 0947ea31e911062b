/* SPDX-License-Identifier: Apache-2.0
 * Tests of races.
 */
#include "harness.h"

Suite *suite_races(void)
{
    return suite_create("races");
}
