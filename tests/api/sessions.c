/* SPDX-License-Identifier: Apache-2.0
 * Tests of sessions.
 */
#include "harness.h"

Suite *suite_sessions(void)
{
    return suite_create("sessions");
}
