/* SPDX-License-Identifier: Apache-2.0
 * Tests of live/gate.c: places and seats are bounded, and come back from holders and waiters that died.
 */
#include "live/live_private.h"
#include "unit.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define MSEC(n) apr_time_from_msec(n)

static forge_live_t *live;

static void live_begin(void)
{
    const char *why = NULL;
    forge_test_begin();
    live = forge_live_open_private(forge_test_pool, &why);
    ck_assert_msg(live != NULL, "%s", why ? why : "");
}

START_TEST(places_are_bounded)
{
    int a = forge_live_gate_enter(live, 2, 0), b = forge_live_gate_enter(live, 2, 0);
    ck_assert_int_ge(a, 0);
    ck_assert_int_ge(b, 0);
    ck_assert_int_ne(a, b);
    ck_assert_int_eq(forge_live_gate_held(live), 2);
    ck_assert_int_eq(forge_live_gate_enter(live, 2, 0), -1);
    ck_assert_int_eq(forge_live_gate_enter(live, 2, MSEC(5)), -1);
    ck_assert_int_eq(forge_live_gate_enter(live, 2, -1), -1);
    forge_live_gate_leave(live, a);
    ck_assert_int_eq(forge_live_gate_held(live), 1);
    ck_assert_int_ge(forge_live_gate_enter(live, 2, 0), 0);
    forge_live_gate_leave(live, -1);
    ck_assert_int_eq(forge_live_gate_held(live), 2);
    ck_assert_int_eq(forge_live_gate_waiting(live), 0);
}
END_TEST

START_TEST(left_twice_frees_nobody_else)
{
    int a = forge_live_gate_enter(live, 1, 0);
    forge_live_gate_leave(live, a);
    int b = forge_live_gate_enter(live, 1, 0);
    ck_assert_int_ge(b, 0);
    forge_live_gate_leave(live, a);
    ck_assert_int_eq(forge_live_gate_held(live), 1);
    forge_live_gate_leave(live, b);
    ck_assert_int_eq(forge_live_gate_held(live), 0);
}
END_TEST

START_TEST(number_of_places_is_cut)
{
    for (int i = 0; i < FORGE_LIVE_PLACES; i++)
        ck_assert_int_ge(forge_live_gate_enter(live, 1000, 0), 0);
    ck_assert_int_eq(forge_live_gate_enter(live, 1000, 0), -1);
    ck_assert_int_eq(forge_live_gate_enter(live, 0, 0), -1);
}
END_TEST

START_TEST(place_expires)
{
    int a = forge_live_gate_enter(live, 1, 0);
    ck_assert_int_eq(forge_live_gate_enter(live, 1, 0), -1);
    live->segment->gate.places[0] -= (uint64_t)FORGE_LIVE_PLACE_SECONDS << 16; /* as if it had been taken a minute earlier */
    ck_assert_int_eq(forge_live_gate_held(live), 0);
    int b = forge_live_gate_enter(live, 1, 0);
    ck_assert_int_ge(b, 0);
    forge_live_gate_leave(live, a); /* too late: it is another's now */
    ck_assert_int_eq(forge_live_gate_held(live), 1);
}
END_TEST

/* A child that enters or waits, says so, and does no more. */
static pid_t child_enters(int slots, apr_interval_time_t patience, bool waits)
{
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (waits && write(ready[1], "x", 1) != 1)
            _exit(1);
        if (forge_live_gate_enter(live, slots, patience) < 0)
            _exit(2);
        if (!waits && write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void slay(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

START_TEST(place_of_a_killed_holder_is_free)
{
    pid_t pid = child_enters(1, 0, false);
    ck_assert_int_eq(forge_live_gate_enter(live, 1, 0), -1);
    slay(pid);
    ck_assert_int_eq(forge_live_gate_held(live), 0);
    ck_assert_int_ge(forge_live_gate_enter(live, 1, 0), 0);
}
END_TEST

START_TEST(waiter_takes_over_from_a_killed_holder)
{
    pid_t pid = child_enters(1, 0, false);
    pid_t killer = fork();
    if (killer == 0) {
        usleep(30000);
        kill(pid, SIGKILL);
        _exit(0);
    }
    waitpid(killer, NULL, 0);
    waitpid(pid, NULL, 0);
    ck_assert_int_ge(forge_live_gate_enter(live, 1, apr_time_from_sec(20)), 0);
}
END_TEST

START_TEST(queue_is_bounded_and_outlives_the_killed)
{
    pid_t waiters[FORGE_LIVE_QUEUE];
    int place = forge_live_gate_enter(live, 1, 0);
    for (int i = 0; i < FORGE_LIVE_QUEUE; i++)
        waiters[i] = child_enters(1, apr_time_from_sec(30), true);
    while (forge_live_gate_waiting(live) < FORGE_LIVE_QUEUE)
        usleep(1000);
    apr_time_t before = apr_time_now();
    ck_assert_int_eq(forge_live_gate_enter(live, 1, apr_time_from_sec(30)), -1); /* at once, though it would wait */
    ck_assert(apr_time_now() - before < apr_time_from_sec(10));
    for (int i = 0; i < FORGE_LIVE_QUEUE; i++)
        slay(waiters[i]);
    ck_assert_int_eq(forge_live_gate_waiting(live), 0);
    ck_assert_int_eq(forge_live_gate_enter(live, 1, MSEC(10)), -1); /* takes a dead one's seat, and waits */
    forge_live_gate_leave(live, place);
    ck_assert_int_ge(forge_live_gate_enter(live, 1, apr_time_from_sec(20)), 0);
}
END_TEST

enum { THREADS = 8, ROUNDS = 50, SLOTS = 2 };
static int inside, most, passed;

static void *hammer(void *unused)
{
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        int place = forge_live_gate_enter(live, SLOTS, apr_time_from_sec(30));
        if (place < 0)
            continue;
        int now = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        if (now > __atomic_load_n(&most, __ATOMIC_SEQ_CST))
            __atomic_store_n(&most, now, __ATOMIC_SEQ_CST);
        usleep(100);
        __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&passed, 1, __ATOMIC_SEQ_CST);
        forge_live_gate_leave(live, place);
    }
    return NULL;
}

START_TEST(threads_pass_few_at_a_time)
{
    pthread_t threads[THREADS];
    inside = most = passed = 0;
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(passed, THREADS * ROUNDS); /* 8 seats for 6 waiters: nobody is turned away */
    ck_assert_int_le(most, SLOTS);
    ck_assert_int_eq(forge_live_gate_held(live), 0);
    ck_assert_int_eq(forge_live_gate_waiting(live), 0);
}
END_TEST

Suite *forge_test_live_gate(void)
{
    Suite *s = suite_create("live_gate");
    TCase *tc = tcase_create("gate");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, live_begin, forge_test_end);
    tcase_add_test(tc, places_are_bounded);
    tcase_add_test(tc, left_twice_frees_nobody_else);
    tcase_add_test(tc, number_of_places_is_cut);
    tcase_add_test(tc, place_expires);
    tcase_add_test(tc, place_of_a_killed_holder_is_free);
    tcase_add_test(tc, waiter_takes_over_from_a_killed_holder);
    tcase_add_test(tc, queue_is_bounded_and_outlives_the_killed);
    tcase_add_test(tc, threads_pass_few_at_a_time);
    suite_add_tcase(s, tc);
    return s;
}
