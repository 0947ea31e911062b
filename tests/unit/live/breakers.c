/* SPDX-License-Identifier: Apache-2.0
 * live/breakers.c: when a host is left alone, when one call tries it, and that all processes see the same.
 */
#include "live/live_private.h"
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND APR_USEC_PER_SEC

enum { MANY = 12 };

static forge_live_t *live;
static int host;
static forge_pass_t pass; /* of the last call that was allowed */

static bool allows(apr_int64_t now)
{
    forge_pass_t next;
    bool may = forge_live_breaker_allows_at(live, host, &next, now);
    if (may)
        pass = next;
    return may;
}

static void told(bool good, apr_int64_t now)
{
    forge_live_breaker_told_at(live, &pass, good, now);
}

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
        ck_assert(allows(now));
        told(i >= failures, now);
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
    told(false, SECOND);
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
    ck_assert(!allows(SECOND));
    ck_assert(!allows(11 * SECOND - 1));
    ck_assert(allows(11 * SECOND));
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_HALF_OPEN);
    ck_assert(!allows(12 * SECOND));
    told(false, 12 * SECOND);
    ck_assert(!allows(21 * SECOND));
    ck_assert(allows(22 * SECOND));
    told(true, 22 * SECOND);
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_CLOSED);
    calls(4, 4, 22 * SECOND); /* counted from the beginning */
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_CLOSED);
}
END_TEST

/* Whoever tried has left, or died with its process: then another one may. */
START_TEST(a_trial_without_outcome_ends)
{
    opened_at(SECOND);
    ck_assert(allows(11 * SECOND));
    forge_live_breaker_given_up(live, &pass);
    ck_assert(allows(11 * SECOND));
    ck_assert(!allows(670 * SECOND)); /* longer than any call takes */
    ck_assert(allows(671 * SECOND));
    told(true, 671 * SECOND);
    forge_live_breaker_given_up(live, &pass);
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_CLOSED);
}
END_TEST

/* Calls that began before it opened, or whose trial was taken over, neither close it nor let another one try. */
START_TEST(only_the_trial_decides)
{
    ck_assert(allows(SECOND));
    const forge_pass_t early = pass;
    opened_at(SECOND);
    forge_live_breaker_told_at(live, &early, true, 2 * SECOND);
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_OPEN);
    ck_assert(allows(11 * SECOND));
    const forge_pass_t trial = pass;
    forge_live_breaker_given_up(live, &early);
    forge_live_breaker_told_at(live, &early, false, 11 * SECOND);
    forge_live_breaker_told_at(live, &early, true, 11 * SECOND);
    ck_assert(!allows(12 * SECOND));
    forge_live_breaker_given_up(live, &trial);
    ck_assert(allows(12 * SECOND));
    forge_live_breaker_told_at(live, &trial, true, 12 * SECOND);
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_HALF_OPEN);
    told(true, 12 * SECOND);
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_CLOSED);
}
END_TEST

/* Many processes ask at once, again and again: how many of them were allowed. They end, the holder too, when told. */
static int allowed_of_many(apr_int64_t now, pid_t *holder, pid_t children[MANY])
{
    int allowed = 0, said[2], go[2];
    struct {
        pid_t pid;
        int allowed;
    } word;
    ck_assert_int_eq(pipe(said), 0);
    ck_assert_int_eq(pipe(go), 0);
    for (int i = 0; i < MANY; i++)
        if ((children[i] = fork()) == 0) {
            word.pid = getpid();
            word.allowed = 0;
            if (read(go[0], &word.allowed, 1) < 0)
                _exit(1);
            word.allowed = 0;
            for (int round = 0; round < 100; round++)
                word.allowed += allows(now);
            if (write(said[1], &word, sizeof(word)) < 0)
                _exit(1);
            for (;;)
                pause();
        }
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(write(go[1], "g", 1), 1);
    for (int i = 0; i < MANY; i++) {
        ck_assert_int_eq(read(said[0], &word, sizeof(word)), sizeof(word));
        allowed += word.allowed;
        if (word.allowed)
            *holder = word.pid;
    }
    return allowed;
}

static void end_all(const pid_t children[MANY])
{
    for (int i = 0; i < MANY; i++)
        if (children[i]) {
            kill(children[i], SIGKILL);
            waitpid(children[i], NULL, 0);
        }
}

START_TEST(of_many_processes_one_tries)
{
    pid_t children[MANY], others[MANY], holder = 0, next = 0;
    opened_at(SECOND);
    ck_assert_int_eq(allowed_of_many(2 * SECOND, &holder, children), 0);
    end_all(children);
    ck_assert_int_eq(allowed_of_many(11 * SECOND, &holder, children), 1);
    ck_assert_int_eq(allowed_of_many(12 * SECOND, &next, others), 0);
    end_all(others);
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    for (int i = 0; i < MANY; i++)
        if (children[i] == holder)
            children[i] = 0;
    ck_assert_int_eq(allowed_of_many(12 * SECOND, &next, others), 1);
    end_all(others);
    end_all(children);
}
END_TEST

/* A process that is stopped, or killed, inside the lock stops nobody. */
START_TEST(a_stopped_process_holds_up_nobody)
{
    opened_at(SECOND);
    pid_t child = fork();
    if (child == 0) {
        pthread_mutex_lock(&live->segment->breaking);
        raise(SIGSTOP);
        _exit(0);
    }
    waitpid(child, NULL, WUNTRACED);
    ck_assert(allows(2 * SECOND));
    told(true, 2 * SECOND);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ck_assert(!allows(2 * SECOND));
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

#define LONG (700 * SECOND)

/* Hosts of configurations of before make room; one that is in use keeps its place. */
START_TEST(a_host_that_nobody_asks_for_makes_room)
{
    char name[16];
    opened_at(SECOND);
    for (int i = 1; i < FORGE_LIVE_BREAKERS; i++) {
        snprintf(name, sizeof(name), "h%d", i);
        ck_assert_int_ge(forge_live_breaker_at(live, name, 2 * SECOND), 0);
    }
    ck_assert_int_eq(forge_live_breaker_at(live, "new", LONG / 2), -1);
    ck_assert_int_eq(forge_live_breaker_at(live, "runner.example.org:443", LONG), host);
    const int other = forge_live_breaker_at(live, "new", LONG);
    ck_assert_int_ge(other, 0);
    ck_assert_int_ne(other, host);
    ck_assert_int_eq(forge_live_breaker_at(live, "new", LONG), other);
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_OPEN);
    ck_assert_int_eq(forge_live_breaker_state(live, other), FORGE_BREAKER_CLOSED);
}
END_TEST

START_TEST(what_was_open_is_closed_for_who_comes_next)
{
    char name[16];
    forge_live_breaker_at(live, "runner.example.org:443", SECOND);
    opened_at(SECOND);
    for (int i = 1; i < FORGE_LIVE_BREAKERS; i++) {
        snprintf(name, sizeof(name), "h%d", i);
        forge_live_breaker_at(live, name, LONG / 2);
    }
    ck_assert_int_eq(forge_live_breaker_at(live, "new", LONG), host);
    ck_assert_int_eq(forge_live_breaker_state(live, host), FORGE_BREAKER_CLOSED);
    ck_assert(allows(LONG));
}
END_TEST

/* Whoever tries one beside its calls has asked for it once, at the start. */
START_TEST(who_tries_keeps_the_place)
{
    char name[16];
    forge_live_breaker_at(live, "runner.example.org:443", SECOND);
    for (int i = 1; i < FORGE_LIVE_BREAKERS; i++) {
        snprintf(name, sizeof(name), "h%d", i);
        forge_live_breaker_at(live, name, 2 * SECOND);
    }
    ck_assert(!forge_live_breaker_try_at(live, host, LONG));
    ck_assert_int_ne(forge_live_breaker_at(live, "new", LONG), host);
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
    tcase_add_test(tc, only_the_trial_decides);
    tcase_add_test(tc, of_many_processes_one_tries);
    tcase_add_test(tc, a_stopped_process_holds_up_nobody);
    tcase_add_test(tc, hosts_are_apart_and_processes_together);
    tcase_add_test(tc, a_host_that_nobody_asks_for_makes_room);
    tcase_add_test(tc, what_was_open_is_closed_for_who_comes_next);
    tcase_add_test(tc, who_tries_keeps_the_place);
    tcase_add_test(tc, one_failure_opens_and_one_at_a_time_tries);
    tcase_add_test(tc, what_is_not_steady_is_tried_later);
    tcase_add_test(tc, a_lost_try_is_made_by_another);
    suite_add_tcase(s, tc);
    return s;
}
