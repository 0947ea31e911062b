/* SPDX-License-Identifier: Apache-2.0
 * Tests of live/gate.c: places are bounded, turns come in the order of arrival, and the dead leave nothing shut.
 */
#include "live/live_private.h"
#include "unit.h"
#include <poll.h>
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

enum { MANY = 1000 };

/* A place without waiting. */
static int enter(int slots)
{
    return forge_live_gate_enter(live, slots, 0, 0);
}

static apr_uint64_t arrive(int slots, int most)
{
    apr_uint64_t ticket;
    ck_assert_int_eq(forge_live_gate_arrive(live, slots, most, apr_time_from_sec(60), &ticket), FORGE_GATE_WAIT);
    return ticket;
}

START_TEST(places_are_bounded)
{
    int a = enter(2), b = enter(2);
    ck_assert_int_ge(a, 0);
    ck_assert_int_ge(b, 0);
    ck_assert_int_ne(a, b);
    ck_assert_int_eq(forge_live_gate_held(live), 2);
    ck_assert_int_eq(enter(2), FORGE_GATE_LOST);
    ck_assert_int_eq(forge_live_gate_enter(live, 2, MANY, MSEC(5)), FORGE_GATE_LOST);
    ck_assert_int_eq(forge_live_gate_enter(live, 2, MANY, -1), FORGE_GATE_LOST);
    ck_assert_int_eq(forge_live_gate_enter(live, 2, -1, MSEC(5)), FORGE_GATE_LOST);
    forge_live_gate_leave(live, a);
    ck_assert_int_eq(forge_live_gate_held(live), 1);
    ck_assert_int_ge(enter(2), 0);
    forge_live_gate_leave(live, -1);
    ck_assert_int_eq(forge_live_gate_held(live), 2);
    ck_assert_int_eq(forge_live_gate_waiting(live), 0);
}
END_TEST

START_TEST(left_twice_frees_nobody_else)
{
    int a = enter(1);
    forge_live_gate_leave(live, a);
    int b = enter(1);
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
        ck_assert_int_ge(enter(1000), 0);
    ck_assert_int_eq(enter(1000), FORGE_GATE_LOST);
    ck_assert_int_eq(enter(0), FORGE_GATE_LOST);
}
END_TEST

START_TEST(place_expires)
{
    int a = enter(1);
    ck_assert_int_eq(enter(1), FORGE_GATE_LOST);
    live->segment->gate.places[0].until -=
        FORGE_LIVE_PLACE_SECONDS * 1000000; /* as if it had been taken a minute earlier */
    ck_assert_int_eq(forge_live_gate_held(live), 0);
    int b = enter(1);
    ck_assert_int_ge(b, 0);
    forge_live_gate_leave(live, a); /* too late: it is another's now */
    forge_live_gate_renew(live, a);
    ck_assert_int_eq(forge_live_gate_held(live), 1);
}
END_TEST

START_TEST(place_is_renewed)
{
    int a = enter(1);
    live->segment->gate.places[0].until -= (FORGE_LIVE_PLACE_SECONDS - 1) * 1000000;
    int64_t before = live->segment->gate.places[0].until;
    forge_live_gate_renew(live, a);
    forge_live_gate_renew(live, -1);
    ck_assert_int_ge(live->segment->gate.places[0].until - before, 50 * 1000000);
}
END_TEST

/* --- the queue --- */

START_TEST(turns_come_in_the_order_of_arrival)
{
    apr_uint64_t tickets[5];
    int place = enter(1);
    for (int i = 0; i < 5; i++)
        tickets[i] = arrive(1, MANY);
    ck_assert_int_eq(forge_live_gate_waiting(live), 5);
    for (int i = 0; i < 5; i++) {
        for (int j = i; j < 5; j++)
            ck_assert_int_eq(forge_live_gate_turn(live, tickets[j]), FORGE_GATE_WAIT);
        forge_live_gate_leave(live, place);
        for (int j = i + 1; j < 5; j++)
            ck_assert_int_eq(forge_live_gate_turn(live, tickets[j]), FORGE_GATE_WAIT);
        ck_assert_int_eq(enter(1), FORGE_GATE_LOST); /* who comes now passes nobody, though the place is free */
        place = forge_live_gate_turn(live, tickets[i]);
        ck_assert_int_ge(place, 0);
        ck_assert_int_eq(forge_live_gate_turn(live, tickets[i]), FORGE_GATE_LOST);
    }
    forge_live_gate_leave(live, place);
    ck_assert_int_ge(enter(1), 0);
}
END_TEST

START_TEST(several_may_go_at_once)
{
    int a = enter(2), b = enter(2);
    apr_uint64_t first = arrive(2, MANY), second = arrive(2, MANY), third = arrive(2, MANY);
    forge_live_gate_leave(live, a);
    forge_live_gate_leave(live, b);
    ck_assert_int_eq(forge_live_gate_turn(live, third), FORGE_GATE_WAIT);
    ck_assert_int_ge(forge_live_gate_turn(live, second), 0); /* there is a place for both */
    ck_assert_int_ge(forge_live_gate_turn(live, first), 0);
    ck_assert_int_eq(forge_live_gate_turn(live, third), FORGE_GATE_WAIT);
}
END_TEST

/* A server with fewer places waits until so few are held; nobody passes it meanwhile. */
START_TEST(fewer_places_wait_longer)
{
    int a = enter(2), b = enter(2);
    apr_uint64_t narrow = arrive(1, MANY), wide = arrive(2, MANY);
    forge_live_gate_leave(live, a);
    ck_assert_int_eq(forge_live_gate_turn(live, narrow), FORGE_GATE_WAIT);
    ck_assert_int_eq(forge_live_gate_turn(live, wide), FORGE_GATE_WAIT);
    forge_live_gate_leave(live, b);
    ck_assert_int_ge(forge_live_gate_turn(live, narrow), 0);
    ck_assert_int_ge(forge_live_gate_turn(live, wide), 0);
}
END_TEST

START_TEST(who_quits_is_passed)
{
    int place = enter(1);
    apr_uint64_t first = arrive(1, MANY), second = arrive(1, MANY), third = arrive(1, MANY);
    forge_live_gate_quit(live, second);
    forge_live_gate_quit(live, second);
    forge_live_gate_quit(live, first);
    ck_assert_int_eq(forge_live_gate_waiting(live), 1);
    ck_assert_int_eq(forge_live_gate_turn(live, first), FORGE_GATE_LOST);
    forge_live_gate_leave(live, place);
    ck_assert_int_ge(forge_live_gate_turn(live, third), 0);
    ck_assert_int_eq(forge_live_gate_waiting(live), 0);
}
END_TEST

START_TEST(queue_is_bounded)
{
    apr_uint64_t ticket;
    enter(1);
    for (int i = 0; i < 3; i++)
        ck_assert(arrive(1, 3) != 0);
    ck_assert_int_eq(forge_live_gate_arrive(live, 1, 3, MSEC(5), &ticket), FORGE_GATE_WAIT);
    ck_assert(ticket == 0);
    ck_assert(arrive(1, 4) != 0);
}
END_TEST

/* A seat whose owner neither asks nor quits is free when its time is over. */
START_TEST(seat_expires)
{
    int place = enter(1);
    apr_uint64_t forgotten = arrive(1, MANY), next = arrive(1, MANY);
    live->segment->gate.seats[forgotten % FORGE_LIVE_SEATS].until -= 63 * 1000000;
    ck_assert_int_eq(forge_live_gate_waiting(live), 1);
    forge_live_gate_leave(live, place);
    ck_assert_int_eq(forge_live_gate_turn(live, forgotten), FORGE_GATE_LOST);
    ck_assert_int_ge(forge_live_gate_turn(live, next), 0);
}
END_TEST

/* Tickets go round the seats; the one at the head keeps its own. */
START_TEST(seats_are_used_again)
{
    int place = enter(1);
    apr_uint64_t head = arrive(1, MANY);
    for (int i = 0; i < FORGE_LIVE_SEATS - 1; i++)
        forge_live_gate_quit(live, arrive(1, MANY));
    apr_uint64_t ticket;
    ck_assert_int_eq(forge_live_gate_arrive(live, 1, MANY, MSEC(5), &ticket), FORGE_GATE_WAIT);
    ck_assert(ticket == 0);
    forge_live_gate_leave(live, place);
    place = forge_live_gate_turn(live, head);
    ck_assert_int_ge(place, 0);
    ck_assert(arrive(1, MANY) != 0);
}
END_TEST

/* --- the dead --- */

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
        if (forge_live_gate_enter(live, slots, MANY, patience) < 0)
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
    ck_assert_int_eq(enter(1), FORGE_GATE_LOST);
    slay(pid);
    ck_assert_int_eq(forge_live_gate_held(live), 0);
    ck_assert_int_ge(enter(1), 0);
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
    ck_assert_int_ge(forge_live_gate_enter(live, 1, MANY, apr_time_from_sec(20)), 0);
}
END_TEST

START_TEST(killed_waiters_are_passed)
{
    enum { WAITERS = 4 };
    pid_t waiters[WAITERS];
    int place = enter(1);
    for (int i = 0; i < WAITERS; i++)
        waiters[i] = child_enters(1, apr_time_from_sec(30), true);
    while (forge_live_gate_waiting(live) < WAITERS)
        usleep(1000);
    apr_uint64_t mine = arrive(1, MANY);
    for (int i = 0; i < WAITERS; i++)
        slay(waiters[i]);
    ck_assert_int_eq(forge_live_gate_waiting(live), 1);
    forge_live_gate_leave(live, place);
    ck_assert_int_ge(forge_live_gate_turn(live, mine), 0);
}
END_TEST

/* Whoever dies with the lock in hand leaves counts that are wrong, and seats that are right. */
START_TEST(lock_of_a_killed_holder_is_taken_over)
{
    int place = enter(1);
    apr_uint64_t mine = arrive(1, MANY);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_mutex_lock(&live->segment->gate.mutex);
        live->segment->gate.waiting = 77;
        live->segment->gate.held = 77;
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    ck_assert_int_eq(forge_live_gate_waiting(live), 1);
    ck_assert_int_eq(forge_live_gate_held(live), 1);
    forge_live_gate_leave(live, place);
    ck_assert_int_ge(forge_live_gate_turn(live, mine), 0);
}
END_TEST

/* The descriptor tells another process, too. */
START_TEST(turn_of_another_rings)
{
    struct pollfd bell = {.fd = forge_live_gate_fd(live), .events = POLLIN};
    ck_assert_int_ge(bell.fd, 0);
    int place = enter(1);
    ck_assert_int_eq(poll(&bell, 1, 0), 0); /* nobody waits */
    pid_t pid = child_enters(1, apr_time_from_sec(30), true);
    while (forge_live_gate_waiting(live) < 1)
        usleep(1000);
    forge_live_gate_leave(live, place);
    ck_assert_int_eq(poll(&bell, 1, 10000), 1);
    slay(pid);
}
END_TEST

enum { THREADS = 8, ROUNDS = 50, SLOTS = 2 };
static int inside, most, passed;

static void *hammer(void *unused)
{
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        int place = forge_live_gate_enter(live, SLOTS, MANY, apr_time_from_sec(30));
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
    ck_assert_int_eq(passed, THREADS * ROUNDS); /* nobody is turned away */
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
    tcase_add_test(tc, place_is_renewed);
    tcase_add_test(tc, turns_come_in_the_order_of_arrival);
    tcase_add_test(tc, several_may_go_at_once);
    tcase_add_test(tc, fewer_places_wait_longer);
    tcase_add_test(tc, who_quits_is_passed);
    tcase_add_test(tc, queue_is_bounded);
    tcase_add_test(tc, seat_expires);
    tcase_add_test(tc, seats_are_used_again);
    tcase_add_test(tc, place_of_a_killed_holder_is_free);
    tcase_add_test(tc, waiter_takes_over_from_a_killed_holder);
    tcase_add_test(tc, killed_waiters_are_passed);
    tcase_add_test(tc, lock_of_a_killed_holder_is_taken_over);
    tcase_add_test(tc, turn_of_another_rings);
    tcase_add_test(tc, threads_pass_few_at_a_time);
    suite_add_tcase(s, tc);
    return s;
}
