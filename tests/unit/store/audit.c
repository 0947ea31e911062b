/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/users/audit.c: a long log is read to its end.
 */
#include "accounts.h"

static void begin(void)
{
    schema_begin("store_audit");
}

START_TEST(audit_is_read_to_its_end)
{
    const forge_audit_filter_t
        all = {{NULL}},
        rare = {{[FORGE_AUDIT_EVENT] = "rare.event"}},
        some = {
            {[FORGE_AUDIT_PREFIX] = "user.", [FORGE_AUDIT_ACTOR] = "3", [FORGE_AUDIT_SINCE] = "2020-01-01T00:00:00Z"}};
    apr_int64_t newest, oldest, before;
    sql("SET statement_timeout = 0");
    sql("INSERT INTO forge.audit_events (event, actor_id) SELECT CASE WHEN i = 7 THEN 'rare.event' ELSE 'user.e' END, "
        "i % 10 FROM "
        "generate_series(1, 45000) i");
    const struct {
        const forge_audit_filter_t *filter;
        int n;
    } cases[] = {{&all, 45000}, {&rare, 1}, {&some, 4500}};
    for (int i = 0; i < 3; i++) {
        int n = 0, turns = 0;
        apr_int64_t last = APR_INT64_MAX;
        ck_assert_int_eq(forge_store_audit_bounds(db, forge_test_pool, &newest, &oldest), FORGE_OK);
        for (before = newest + 1; before > oldest; turns++) {
            ck_assert_int_eq(forge_store_audit_batch(db, forge_test_pool, cases[i].filter, &before, &rows), FORGE_OK);
            for (int r = 0; r < forge_store_rows_count(rows); r++, n++) {
                ck_assert_int_lt(forge_store_rows_int(rows, r, "id", 0), last);
                last = forge_store_rows_int(rows, r, "id", 0);
            }
            ck_assert_int_lt(turns, 200);
        }
        ck_assert_int_eq(n, cases[i].n);
    }
}
END_TEST

Suite *forge_test_store_audit(void)
{
    Suite *s = suite_create("store_audit");
    TCase *tc = tcase_create("audit");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, accounts_setup, forge_test_end);
    tcase_add_test(tc, audit_is_read_to_its_end);
    suite_add_tcase(s, tc);
    return s;
}
