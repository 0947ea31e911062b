/* SPDX-License-Identifier: Apache-2.0
 * Tests of api keys.
 */
#include "harness.h"

Suite *suite_api_keys(void)
{
    return suite_create("api_keys");
}
