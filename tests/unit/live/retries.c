/* SPDX-License-Identifier: Apache-2.0
 * live/retries.c: retries keep within their budget, in whatever order they come, and of several processes at once; a
 * member is put out after failures in a row. live/discovery.c: the last members stay.
 */
#include "live/live_private.h"
#include "unit.h"

#include <apr_strings.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND APR_USEC_PER_SEC

static forge_live_t *live;
static const forge_retry_rule_t rule = {.percent = 20, .least = 3};

static void setup(void)
{
    const char *why;
    forge_test_begin();
    live = forge_live_open_private(forge_test_pool, &why);
    ck_assert_ptr_nonnull(live);
}

/* How many of n may be sent again at one moment. */
static int takes(int n, apr_int64_t now)
{
    int took = 0;
    for (int i = 0; i < n; i++)
        took += forge_live_retry_take_at(live, "labs", rule, now);
    return took;
}

START_TEST(a_budget_begins_with_ten_seconds_of_its_minimum)
{
    ck_assert_int_eq(takes(100, SECOND), 30);
    ck_assert_int_eq(takes(100, SECOND), 0);
    ck_assert(forge_live_retry_take_at(live, "other", rule, SECOND));
}
END_TEST

START_TEST(requests_add_their_share)
{
    ck_assert_int_eq(takes(100, SECOND), 30);
    for (int i = 0; i < 100; i++)
        forge_live_retry_request_at(live, "labs", rule, SECOND);
    ck_assert_int_eq(takes(100, SECOND), 20);
}
END_TEST

START_TEST(the_minimum_comes_back_and_no_more_than_it)
{
    ck_assert_int_eq(takes(100, SECOND), 30);
    ck_assert_int_eq(takes(100, 2 * SECOND), 3);
    ck_assert_int_eq(takes(100, 3600 * SECOND), 30);
}
END_TEST

/* Of two threads the one that looked at the clock first may come second. That is no time gone by. */
START_TEST(an_earlier_look_at_the_clock_adds_nothing)
{
    ck_assert_int_eq(takes(100, 100 * SECOND), 30);
    ck_assert_int_eq(takes(100, 100 * SECOND - 5000), 0);
    ck_assert_int_eq(takes(100, 41 * SECOND), 0);
    ck_assert_int_eq(takes(100, 101 * SECOND), 3);
    ck_assert_int_eq(takes(100, 30 * 86400 * SECOND), 30);
}
END_TEST

/* A busy hour is no provision for an outage after it. */
START_TEST(what_is_not_used_is_forgotten)
{
    for (int i = 0; i < 10000; i++)
        forge_live_retry_request_at(live, "labs", rule, SECOND);
    ck_assert_int_eq(takes(100, 20 * SECOND), 30);
}
END_TEST

/* Whatever fails at whatever rate: never more than the reserve, the minimum of the time and the share. */
START_TEST(an_outage_of_any_rate_keeps_within_the_bound)
{
    static const int rates[] = {1, 7, 100, 3000};
    for (int k = 0; k < 4; k++) {
        int requests = 0, retries = 0;
        apr_int64_t step = SECOND / rates[k], end = 20 * SECOND;
        const char *name = apr_psprintf(forge_test_pool, "rate %d", rates[k]);
        for (apr_int64_t now = SECOND; now < SECOND + end; now += step) {
            requests++;
            forge_live_retry_request_at(live, name, rule, now);
            for (int i = 0; i < 4; i++)
                retries += forge_live_retry_take_at(live, name, rule, now);
        }
        ck_assert_msg(retries <= 30 + 3 * 20 + requests / 5 + 1, "%d retries of %d requests", retries, requests);
        ck_assert_msg(retries >= requests / 5, "only %d retries of %d requests", retries, requests);
    }
}
END_TEST

START_TEST(processes_share_one_budget)
{
    int taken = 0;
    pid_t pids[4];
    for (int i = 0; i < 4; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(takes(50, SECOND));
    }
    for (int i = 0; i < 4; i++) {
        int status;
        waitpid(pids[i], &status, 0);
        taken += WEXITSTATUS(status);
    }
    ck_assert_int_eq(taken, 30);
}
END_TEST

START_TEST(a_member_is_out_after_three_failures_in_a_row)
{
    const char *member = "http://192.0.2.1:8080";
    for (int i = 0; i < 2; i++) {
        ck_assert(!forge_live_member_told(live, member, false));
        ck_assert(!forge_live_member_told(live, member, false));
        ck_assert(!forge_live_member_told(live, member, true));
    }
    ck_assert(!forge_live_member_told(live, member, false));
    ck_assert(!forge_live_member_told(live, "http://192.0.2.2:8080", false));
    ck_assert(!forge_live_member_told(live, member, false));
    ck_assert(forge_live_member_told(live, member, false));
    ck_assert(forge_live_member_told(live, member, false)); /* a trial after its time: at once again */
}
END_TEST

/* More members than there are entries: those without one are never put out. */
START_TEST(a_full_table_puts_nobody_out)
{
    for (int i = 0; i < FORGE_LIVE_MEMBERS; i++)
        forge_live_member_told(live, apr_psprintf(forge_test_pool, "member %d", i), true);
    for (int i = 0; i < 5; i++)
        ck_assert(!forge_live_member_told(live, "one too many", false));
    for (int i = 0; i < 2 * FORGE_LIVE_BUDGETS; i++)
        forge_live_retry_request_at(live, apr_psprintf(forge_test_pool, "balancer %d", i), rule, SECOND);
}
END_TEST

START_TEST(the_last_members_of_a_service_stay)
{
    forge_members_t members = {.count = 1, .of = {{.host = "192.0.2.1", .port = 80, .weight = 1}}}, last;
    forge_live_discovery_begin(live);
    ck_assert(!forge_live_discovery_used(live));
    int which = forge_live_discovery(live, "labs dns:labs");
    ck_assert_int_eq(forge_live_discovery(live, "labs dns:labs"), which);
    ck_assert(!forge_live_discovery_last(live, which, &last));
    forge_live_discovery_told(live, which, FORGE_FOUND, &members);
    forge_live_discovery_told(live, which, FORGE_FOUND_FAILURE, NULL);
    ck_assert_ptr_nonnull(forge_live_discovery_trouble(live));
    ck_assert(forge_live_discovery_last(live, which, &last));
    ck_assert_str_eq(last.of[0].host, "192.0.2.1");
    forge_live_discovery_told(live, which, FORGE_FOUND, &members);
    ck_assert_ptr_null(forge_live_discovery_trouble(live));
    forge_live_discovery_room(live, which, false);
    ck_assert_ptr_nonnull(forge_live_discovery_trouble(live));
    forge_live_discovery_begin(live); /* the next configuration has it no more */
    ck_assert(!forge_live_discovery_used(live));
    ck_assert_ptr_null(forge_live_discovery_trouble(live));
}
END_TEST

START_TEST(places_of_services_that_are_gone_are_used_again)
{
    for (int i = 0; i < FORGE_LIVE_SERVICES; i++)
        ck_assert_int_ge(forge_live_discovery(live, apr_psprintf(forge_test_pool, "service %d", i)), 0);
    ck_assert_int_eq(forge_live_discovery(live, "one too many"), -1);
    forge_live_discovery_begin(live);
    ck_assert_int_ge(forge_live_discovery(live, "a new one"), 0);
}
END_TEST

Suite *forge_test_live_retries(void)
{
    Suite *suite = suite_create("live_retries");
    TCase *tests = tcase_create("retries");
    tcase_add_checked_fixture(tests, setup, forge_test_end);
    tcase_add_test(tests, a_budget_begins_with_ten_seconds_of_its_minimum);
    tcase_add_test(tests, requests_add_their_share);
    tcase_add_test(tests, the_minimum_comes_back_and_no_more_than_it);
    tcase_add_test(tests, an_earlier_look_at_the_clock_adds_nothing);
    tcase_add_test(tests, what_is_not_used_is_forgotten);
    tcase_add_test(tests, an_outage_of_any_rate_keeps_within_the_bound);
    tcase_add_test(tests, processes_share_one_budget);
    tcase_add_test(tests, a_member_is_out_after_three_failures_in_a_row);
    tcase_add_test(tests, a_full_table_puts_nobody_out);
    tcase_add_test(tests, the_last_members_of_a_service_stay);
    tcase_add_test(tests, places_of_services_that_are_gone_are_used_again);
    suite_add_tcase(suite, tests);
    return suite;
}
