/* SPDX-License-Identifier: Apache-2.0
 * Tests of live/crashes.c: who ended without a word is known with what it was serving, and each note is taken once.
 */
#include "live/live_private.h"
#include "unit.h"
#include <apr_strings.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static forge_live_t *live;
static const int *slots;

static void live_begin(void)
{
    static const forge_live_label_t labels[] = {{"GET", "/a"}, {"POST", "/b/{id}"}};
    const char *why = NULL;
    forge_test_begin();
    live = forge_live_open_private(forge_test_pool, &why);
    ck_assert_msg(live != NULL, "%s", why ? why : "");
    slots = forge_live_metrics_routes(live, forge_test_pool, labels, 2);
}

static void nothing(void)
{
}

/* A process that does what `step` says and ends. */
static pid_t process(void (*step)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        forge_live_child_begins(live);
        step();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return pid;
}

static void serve(void)
{
    int done = forge_live_flight_begin(live, slots[0]);
    forge_live_flight_begin(live, slots[1]);
    forge_live_flight_begin(live, slots[1]);
    forge_live_flight_end(live, done);
}

static void serve_and_leave(void)
{
    serve();
    forge_live_child_ends(live);
}

static void serve_many(void)
{
    for (int i = 0; i < 3 * FORGE_LIVE_FLIGHTS; i++)
        if ((forge_live_flight_begin(live, slots[0]) >= 0) != (i < FORGE_LIVE_FLIGHTS))
            _exit(1);
    forge_live_flight_end(live, -1);
}

START_TEST(what_a_lost_process_was_serving)
{
    forge_crash_t crash = {.pid = 1};
    pid_t pid = process(serve);
    ck_assert(forge_live_child_lost(live, pid, &crash));
    ck_assert_int_eq(crash.in_flight, 2);
    ck_assert_int_eq(crash.routes, 1);
    ck_assert_str_eq(crash.route[0], "POST /b/{id}");
    ck_assert(!forge_live_child_lost(live, pid, &crash)); /* asked once */
}
END_TEST

START_TEST(who_says_farewell_is_not_lost)
{
    forge_crash_t crash = {.pid = 1};
    ck_assert(!forge_live_child_lost(live, process(serve_and_leave), &crash));
    ck_assert(!forge_live_child_lost(live, getpid(), &crash));
    ck_assert_int_eq(crash.in_flight, 0);
}
END_TEST

/* The next process in the same row inherits nothing. */
START_TEST(a_row_begins_empty)
{
    forge_crash_t crash = {.pid = 1};
    process(serve);
    forge_live_process_t sum;
    forge_live_process_sum(live, &sum); /* frees the row */
    pid_t pid = process(nothing);
    ck_assert(forge_live_child_lost(live, pid, &crash));
    ck_assert_int_eq(crash.in_flight, 0);
}
END_TEST

START_TEST(more_than_there_is_room_for)
{
    forge_crash_t crash = {.pid = 1};
    ck_assert(forge_live_child_lost(live, process(serve_many), &crash));
    ck_assert_int_eq(crash.in_flight, FORGE_LIVE_FLIGHTS);
    ck_assert_str_eq(crash.route[0], "GET /a");
}
END_TEST

START_TEST(each_note_is_taken_once)
{
    forge_crash_t crash = {.pid = 1};
    ck_assert(!forge_live_crash_take(live, &crash));
    for (int i = 0; i < 2 * FORGE_LIVE_CRASHES; i++) {
        crash.pid = 100 + i;
        forge_live_crash_put(live, &crash);
    }
    for (int i = 0; i < FORGE_LIVE_CRASHES; i++) { /* those that found no room are not kept */
        ck_assert(forge_live_crash_take(live, &crash));
        ck_assert_int_eq(crash.pid, 100 + i);
    }
    ck_assert(!forge_live_crash_take(live, &crash));
    crash.pid = 7;
    forge_live_crash_put(live, &crash);
    crash.pid = 0;
    ck_assert(forge_live_crash_take(live, &crash));
    ck_assert_int_eq(crash.pid, 7);
}
END_TEST

Suite *forge_test_live_crashes(void)
{
    Suite *suite = suite_create("live_crashes");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, live_begin, forge_test_end);
    tcase_add_test(tc, what_a_lost_process_was_serving);
    tcase_add_test(tc, who_says_farewell_is_not_lost);
    tcase_add_test(tc, a_row_begins_empty);
    tcase_add_test(tc, more_than_there_is_room_for);
    tcase_add_test(tc, each_note_is_taken_once);
    suite_add_tcase(suite, tc);
    return suite;
}
