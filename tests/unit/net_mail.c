/* SPDX-License-Identifier: Apache-2.0
 * Tests of net/mail.
 */
#include "unit.h"

Suite *forge_test_net_mail(void)
{
    return suite_create("net_mail");
}
