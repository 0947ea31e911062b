/* SPDX-License-Identifier: Apache-2.0
 * live/breakers.c: when a host is left alone, when one call tries it, and that all processes see the same.
 */
#include "live/live_private.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND APR_USEC_PER_SEC

static forge_live_t *live;
static int host;

static void setup(void)
{
    const char *why;
    forge_test_begin();
    live = forge_live_open_private(forge_test_pool, &why);
    ck_assert_ptr_nonnull(live);
    host = forge_live_breaker(live, "runner.example.org:443");
}

/* So many calls of which so many fail, at one moment. */
static void calls(int n, int failures, apr_int64_t now)
{
    for (int i = 0; i < n; i++) {
        ck_assert(forge_live_breaker_allows_at(live, host, now));
        forge_live_breaker_told_at(live, host, i >= failures, now);
    }
}

static void opened_at(apr_int64_t now)
{
    calls(5, 5, now);
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_OPEN);
}

START_TEST(few_failures_say_nothing)
{
    calls(4, 4, SECOND);
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_CLOSED);
    calls(9, 0, SECOND);
    calls(4, 4, SECOND); /* 8 of 17 */
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_CLOSED);
    forge_live_breaker_told_at(live, host, false, SECOND);
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_OPEN);
}
END_TEST

START_TEST(old_failures_are_forgotten)
{
    calls(4, 4, SECOND);
    calls(4, 4, 12 * SECOND);
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_CLOSED);
}
END_TEST

START_TEST(one_call_tries_and_decides)
{
    opened_at(SECOND);
    ck_assert(!forge_live_breaker_allows_at(live, host, SECOND));
    ck_assert(!forge_live_breaker_allows_at(live, host, 11 * SECOND - 1));
    ck_assert(forge_live_breaker_allows_at(live, host, 11 * SECOND));
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_HALF_OPEN);
    ck_assert(!forge_live_breaker_allows_at(live, host, 12 * SECOND));
    forge_live_breaker_told_at(live, host, false, 12 * SECOND);
    ck_assert(!forge_live_breaker_allows_at(live, host, 21 * SECOND));
    ck_assert(forge_live_breaker_allows_at(live, host, 22 * SECOND));
    forge_live_breaker_told_at(live, host, true, 22 * SECOND);
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_CLOSED);
    calls(4, 4, 22 * SECOND); /* counted from the beginning */
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_CLOSED);
}
END_TEST

/* Whoever tried has left, or died with its process: then another one may. */
START_TEST(a_trial_without_outcome_ends)
{
    opened_at(SECOND);
    ck_assert(forge_live_breaker_allows_at(live, host, 11 * SECOND));
    forge_live_breaker_given_up(live, host);
    ck_assert(forge_live_breaker_allows_at(live, host, 11 * SECOND));
    ck_assert(!forge_live_breaker_allows_at(live, host, 70 * SECOND));
    ck_assert(forge_live_breaker_allows_at(live, host, 71 * SECOND));
    forge_live_breaker_told_at(live, host, true, 71 * SECOND);
    forge_live_breaker_given_up(live, host);
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_CLOSED);
}
END_TEST

START_TEST(hosts_are_apart_and_processes_together)
{
    char name[16], *longest = apr_palloc(forge_test_pool, FORGE_LIVE_HOST_BYTES + 1);
    int other = forge_live_breaker(live, "other.example.org");
    ck_assert_int_ne(other, host);
    ck_assert_int_eq(forge_live_breaker(live, "runner.example.org:443"), host);
    pid_t child = fork();
    if (child == 0) {
        opened_at(SECOND);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_OPEN);
    ck_assert_int_eq(forge_live_breaker_state(live, other), FORGE_BREAKER_CLOSED);
    memset(longest, 'x', FORGE_LIVE_HOST_BYTES);
    longest[FORGE_LIVE_HOST_BYTES] = 0;
    ck_assert_int_eq(forge_live_breaker(live, longest), -1);
    for (int i = 0; i < FORGE_LIVE_BREAKERS; i++) {
        snprintf(name, sizeof(name), "h%d", i);
        host = forge_live_breaker(live, name);
    }
    ck_assert_int_eq(host, -1);
    calls(20, 20, SECOND); /* without a place nothing is ever left alone */
}
END_TEST

/* --- of those that are tried beside calls --- */

static bool trip(apr_int64_t now)
{
    return forge_live_breaker_trip_at(live, host, now);
}

static bool due(apr_int64_t now)
{
    return forge_live_breaker_try_at(live, host, now);
}

START_TEST(one_failure_opens_and_one_at_a_time_tries)
{
    ck_assert(!due(SECOND));
    ck_assert(trip(SECOND));
    ck_assert(!trip(SECOND)); /* said once */
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_OPEN);
    ck_assert(due(SECOND));
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_HALF_OPEN);
    ck_assert(!due(SECOND));
    ck_assert(!trip(SECOND)); /* the try failed */
    ck_assert(!due(SECOND + SECOND / 2 - 1));
    ck_assert(due(SECOND + SECOND / 2));
    ck_assert(forge_live_breaker_mend_at(live, host, 2 * SECOND));
    ck_assert(!forge_live_breaker_mend_at(live, host, 2 * SECOND));
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_CLOSED);
    ck_assert_uint_eq(forge_live_breaker_trips(live, host), 1);
}
END_TEST

/* What opens again soon after it was closed is not tried at once: the log would have no end. */
START_TEST(what_is_not_steady_is_tried_later)
{
    trip(SECOND);
    forge_live_breaker_mend_at(live, host, 2 * SECOND);
    ck_assert(trip(3 * SECOND));
    ck_assert(!due(4 * SECOND - 1));
    ck_assert(due(4 * SECOND));
    forge_live_breaker_mend_at(live, host, 5 * SECOND);
    ck_assert(trip(10 * SECOND));
    ck_assert(due(10 * SECOND));
    ck_assert_uint_eq(forge_live_breaker_trips(live, host), 3);
}
END_TEST

START_TEST(a_lost_try_is_made_by_another)
{
    trip(SECOND);
    ck_assert(due(SECOND));
    ck_assert(!due(6 * SECOND - 1));
    ck_assert(due(6 * SECOND));
}
END_TEST

Suite *forge_test_live_breakers(void)
{
    Suite *s = suite_create("live_breakers");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, few_failures_say_nothing);
    tcase_add_test(tc, old_failures_are_forgotten);
    tcase_add_test(tc, one_call_tries_and_decides);
    tcase_add_test(tc, a_trial_without_outcome_ends);
    tcase_add_test(tc, hosts_are_apart_and_processes_together);
    tcase_add_test(tc, one_failure_opens_and_one_at_a_time_tries);
    tcase_add_test(tc, what_is_not_steady_is_tried_later);
    tcase_add_test(tc, a_lost_try_is_made_by_another);
    suite_add_tcase(s, tc);
    return s;
}
