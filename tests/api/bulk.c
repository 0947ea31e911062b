/* SPDX-License-Identifier: Apache-2.0
 * Tests of bulk.
 */
#include "harness.h"

Suite *suite_bulk(void)
{
    return suite_create("bulk");
}
