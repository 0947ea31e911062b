/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/mail.
 */
#include "unit.h"

Suite *forge_test_store_mail(void)
{
    return suite_create("store_mail");
}
