/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/identity/figures.c: who is here, exactly for few and by statistics for many, at a cost that stays.
 */
#include "schema.h"
#include "store/identity/identity.h"
#include "store/users/users.h"
#include <stdlib.h>

static forge_rows_t *rows;

static void begin(void)
{
    schema_begin("store_figures");
}

static void setup(void)
{
    schema_setup();
    sql("DELETE FROM forge.login_failures");
}

/* The row as one text: sessions, guests, accounts, logins, estimated. */
static const char *figures(void)
{
    ck_assert_int_eq(forge_store_identity_figures(db, forge_test_pool, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    return apr_pstrcat(forge_test_pool, forge_store_rows_text(rows, 0, "sessions"), " ",
                       forge_store_rows_text(rows, 0, "guests_active"), " ", forge_store_rows_text(rows, 0, "accounts"),
                       " ", forge_store_rows_text(rows, 0, "logins"), " ", forge_store_rows_text(rows, 0, "estimated"),
                       NULL);
}

/* Accounts with the numbers from..to, every tenth inactive, with a session each. No trigger runs: it would take long.
 */
static void crowd(int from, int to)
{
    sql("SET session_replication_role = replica; SET statement_timeout = 0");
    sql(apr_psprintf(forge_test_pool,
                     "INSERT INTO forge.users (email, email_key, username, is_active, deactivated_at, password_hash)"
                     " SELECT 'u' || n || '@x.org', 'u' || n || '@x.org', 'user_' || n, n %% 10 <> 0,"
                     "  CASE WHEN n %% 10 = 0 THEN now() END, '" FORGE_TEST_HASH "' FROM generate_series(%d, %d) n",
                     from, to));
    sql(apr_psprintf(forge_test_pool,
                     "INSERT INTO forge.sessions (user_id, expires_at) SELECT u.id, now() + interval '1 day'"
                     " FROM forge.users u JOIN generate_series(%d, %d) n ON u.username = 'user_' || n",
                     from, to));
    sql("RESET session_replication_role");
    sql("VACUUM ANALYZE forge.users");
    sql("VACUUM ANALYZE forge.sessions");
}

START_TEST(few_are_counted)
{
    ck_assert_str_eq(figures(), "{\"active\": 0, \"seen_1h\": 0, \"seen_5m\": 0} 0 "
                                "{\"total\": 0, \"active\": 0, \"locked\": 0} {\"ok_1h\": 0, \"failed_1h\": 0} f");
    crowd(1, 20);
    sql("INSERT INTO forge.users (username, role) VALUES ('guest_1', 'guest'), ('guest_2', 'guest');"
        "INSERT INTO forge.sessions (user_id, amr, expires_at, last_seen_at)"
        " SELECT id, '{guest}', now() + CASE username WHEN 'guest_1' THEN interval '1 h' ELSE interval '-1 s' END,"
        "  now() - interval '2 hours' FROM forge.users WHERE role = 'guest';"
        "UPDATE forge.sessions SET last_seen_at = now() - interval '10 minutes' WHERE id IN (1, 2, 3);"
        "UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'logout' WHERE id = 4;"
        "INSERT INTO forge.audit_events (event, at) VALUES ('user.login', now() - interval '61 minutes');"
        "INSERT INTO forge.audit_events (event) VALUES ('user.login'), ('user.login'), ('user.login_failed'), "
        "('user.logout')");
    ck_assert_str_eq(figures(), "{\"active\": 20, \"seen_1h\": 19, \"seen_5m\": 16} 1 "
                                "{\"total\": 20, \"active\": 18, \"locked\": 0} {\"ok_1h\": 2, \"failed_1h\": 1} f");
}
END_TEST

/* An account counts once, whatever of its counters is locked; names that nobody has do not count. */
START_TEST(locks_are_of_accounts)
{
    crowd(1, 9);
    sql("INSERT INTO forge.login_failures (subject, address, failures, locked_until) VALUES"
        " ('user:1', '', 5, now() + interval '1 minute'), ('user:1:email', '192.0.2.0', 5, now() + interval '1 hour'),"
        " ('user:2:name', '192.0.2.0', 5, now() + interval '1 minute'),"
        " ('user:3', '', 5, now() - interval '1 second'), ('user:4', '', 4, NULL),"
        " ('name:' || repeat('a', 64), '', 5, now() + interval '1 minute')");
    ck_assert_ptr_nonnull(strstr(figures(), "\"locked\": 2}"));
}
END_TEST

/* The blocks that a prepared statement reads. */
static long blocks(const char *call)
{
    const forge_stmt_t explain = {
        "", apr_pstrcat(forge_test_pool, "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE ", call, NULL)};
    ck_assert_int_eq(forge_store_run(db, forge_test_pool, &explain, FORGE_NO_ARGS, &rows), FORGE_OK);
    const char *hit = strstr(forge_store_rows_text(rows, 0, "QUERY PLAN"), "\"Shared Hit Blocks\": ");
    ck_assert_ptr_nonnull(hit);
    return strtol(hit + strlen("\"Shared Hit Blocks\": "), NULL, 10);
}

static void near(const char *path, int wanted)
{
    const char *query = apr_psprintf(forge_test_pool, "SELECT (%s)::int", path);
    int found = atoi(ask(query));
    ck_assert_msg(abs(found - wanted) <= wanted / 20, "%s: %d instead of %d", path, found, wanted);
}

START_TEST(many_are_estimated_at_the_same_cost)
{
    crowd(1, FORGE_FIGURES_MOST + 1000);
    figures(); /* prepares it */
    long before = blocks("identity_figures");
    crowd(FORGE_FIGURES_MOST + 1001, 3 * FORGE_FIGURES_MOST);
    long after = blocks("identity_figures");
    ck_assert_msg(after <= before + before / 4, "%ld blocks, then %ld", before, after);
    figures();
    const char *sessions = forge_store_rows_text(rows, 0, "sessions"),
               *accounts = forge_store_rows_text(rows, 0, "accounts");
    ck_assert(forge_store_rows_bool(rows, 0, "estimated"));
    near(apr_psprintf(forge_test_pool, "'%s'::jsonb->'active'", sessions), 3 * FORGE_FIGURES_MOST);
    near(apr_psprintf(forge_test_pool, "'%s'::jsonb->'seen_5m'", sessions), FORGE_FIGURES_MOST);
    near(apr_psprintf(forge_test_pool, "'%s'::jsonb->'total'", accounts), 3 * FORGE_FIGURES_MOST);
    near(apr_psprintf(forge_test_pool, "'%s'::jsonb->'active'", accounts), 3 * FORGE_FIGURES_MOST / 10 * 9);
}
END_TEST

/* The list of locked accounts asks the locks, not each account. */
START_TEST(locked_accounts_are_found_by_their_locks)
{
    crowd(1, FORGE_FIGURES_MOST);
    sql("INSERT INTO forge.login_failures (subject, address, failures, locked_until)"
        " VALUES ('user:9000:name', '', 5, now() + interval '1 hour')");
    const char *values[FORGE_LIST_FILTERS_MAX] = {NULL};
    ck_assert_str_eq(forge_store_list_filter_name(&forge_store_accounts_list, 3), "locked");
    values[3] = "true";
    const forge_list_query_t query = {.base = FORGE_NO_ARGS, .values = values, .limit = FORGE_PAGE_LIMIT};
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &forge_store_accounts_list, &query, &rows, NULL), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "username"), "user_9000");
    long read = blocks("\"account_list:8:0:4\" ('true')");
    ck_assert_msg(read < 100, "%ld blocks", read);
}
END_TEST

Suite *forge_test_store_figures(void)
{
    Suite *s = suite_create("store_figures");
    TCase *tc = tcase_create("figures");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, few_are_counted);
    tcase_add_test(tc, locks_are_of_accounts);
    tcase_add_test(tc, many_are_estimated_at_the_same_cost);
    tcase_add_test(tc, locked_accounts_are_found_by_their_locks);
    suite_add_tcase(s, tc);
    return s;
}
