/* SPDX-License-Identifier: Apache-2.0
 * Tests of refresh.
 */
#include "harness.h"

Suite *suite_refresh(void)
{
    return suite_create("refresh");
}
