/* SPDX-License-Identifier: Apache-2.0
 * The state of the database at a glance: figures are judged by limits, and each is told in a sentence.
 */
#include "schema.h"
#include "store/operations/operations.h"
#include "util/util.h"
#include <string.h>

static void begin(void)
{
    schema_begin("store_monitor_health");
}

static void setup(void)
{
    forge_test_begin();
    owner = forge_test_pg_attach_owner(forge_test_pool, forge_test_pg_connect(forge_test_pool, forge_test_dsn));
    db = schema_attach();
}

static const char *member(const forge_json_t *check, const char *name)
{
    return forge_util_json_text(forge_util_json_get(check, name), NULL);
}

static forge_rows_t *health(forge_db_t *conn, const forge_health_limits_t *limits)
{
    forge_rows_t *rows;
    ck_assert_int_eq(forge_store_monitor_health(conn, forge_test_pool, limits, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    return rows;
}

/* The verdict of a check. */
static const char *verdict(const forge_rows_t *rows, const char *name)
{
    const char *why = "", *text = forge_store_rows_text(rows, 0, "checks");
    const forge_json_t *list = forge_util_json_parse(forge_test_pool, text, strlen(text), &why);
    for (apr_size_t i = 0; i < forge_util_json_size(list); i++)
        if (strcmp(member(forge_util_json_at(list, i), "name"), name) == 0)
            return member(forge_util_json_at(list, i), "status");
    ck_abort_msg("no check %s in %s", name, text);
}

START_TEST(health_is_judged_by_limits)
{
    static const char *const names[] = {"connections", "transaction_id", "oldest_transaction", "replication"};
    const forge_rows_t *rows = health(db, &forge_store_health_usual);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "status"), "pass");
    for (size_t i = 0; i < 4; i++)
        ck_assert_str_eq(verdict(rows, names[i]), "pass");
    ck_assert_ptr_nonnull(strstr(forge_store_rows_text(rows, 0, "checks"), "No transaction is open."));
    ck_assert(!forge_store_rows_bool(rows, 0, "in_recovery"));
    ck_assert(!forge_store_rows_bool(rows, 0, "all_activity"));
    ck_assert_int_gt(forge_store_rows_int(rows, 0, "database_size_bytes", 0), 1 << 20);
    ck_assert_ptr_nonnull(strstr(forge_store_rows_text(rows, 0, "connections"), "\"max\" : 40, \"reserved\" : 3"));
    forge_db_t *idler = schema_attach();
    forge_test_pg_do(idler, forge_test_pool, "BEGIN");
    forge_health_limits_t strict = {.connections_warn = 1,
                                    .connections_fail = 100,
                                    .numbers_warn = 100,
                                    .numbers_fail = 100,
                                    .transaction_seconds = 0,
                                    .lag_seconds = 0,
                                    .lag_bytes = 0};
    rows = health(owner, &strict);
    ck_assert_str_eq(verdict(rows, "connections"), "warn");
    ck_assert_str_eq(verdict(rows, "transaction_id"), "pass");
    ck_assert_str_eq(verdict(rows, "oldest_transaction"), "warn");
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "status"), "warn");
    strict.connections_fail = 2;
    strict.numbers_fail = 0;
    rows = health(owner, &strict);
    ck_assert_str_eq(verdict(rows, "connections"), "fail");
    ck_assert_str_eq(verdict(rows, "transaction_id"), "fail");
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "status"), "fail");
}
END_TEST

Suite *forge_test_store_monitor_health(void)
{
    Suite *suite = suite_create("store_monitor_health");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_unchecked_fixture(all, begin, NULL);
    tcase_add_checked_fixture(all, setup, forge_test_end);
    tcase_add_test(all, health_is_judged_by_limits);
    suite_add_tcase(suite, all);
    return suite;
}
