/* SPDX-License-Identifier: Apache-2.0
 * Tests of mail.
 */
#include "harness.h"

Suite *suite_mail(void)
{
    return suite_create("mail");
}
