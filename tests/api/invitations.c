/* SPDX-License-Identifier: Apache-2.0
 * Tests of invitations.
 */
#include "harness.h"

Suite *suite_invitations(void)
{
    return suite_create("invitations");
}
