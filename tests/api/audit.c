/* SPDX-License-Identifier: Apache-2.0
 * Tests of audit.
 */
#include "harness.h"

Suite *suite_audit(void)
{
    return suite_create("audit");
}
