/* SPDX-License-Identifier: Apache-2.0
 * The last suite: every route of the document was called by the others, with success (SPEC 13).
 */
#include "harness.h"

#include <stdlib.h>

START_TEST(no_route_was_forgotten)
{
    if (getenv("CK_RUN_SUITE") || getenv("CK_RUN_CASE"))
        return;
    char *never = schema_never_called();
    ck_assert_msg(!*never, "never called: %s", never);
}
END_TEST

Suite *suite_coverage(void)
{
    Suite *suite = suite_create("coverage");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, no_route_was_forgotten);
    return suite;
}
