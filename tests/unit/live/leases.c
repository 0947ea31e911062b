/* SPDX-License-Identifier: Apache-2.0
 * Tests of live/leases.c: what is out is seen with who has it, and the dead hold nothing.
 */
#include "live/live_private.h"
#include "unit.h"
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND  apr_time_from_sec(1)
#define NOW     (1000 * SECOND)
#define ANOTHER (UINT64_C(1) << 24) /* added to a holder: one of the same pid that was born at another time */

static forge_live_t *live;
static int slot;

static void live_begin(void)
{
    const char *why = NULL;
    static const forge_live_label_t label = {"GET", "/api/v1/courses"};
    forge_test_begin();
    live = forge_live_open_private(forge_test_pool, &why);
    ck_assert_msg(live != NULL, "%s", why ? why : "");
    slot = forge_live_metrics_routes(live, forge_test_pool, &label, 1)[0];
}

static int place_of_its_own(void)
{
    return forge_live_lease_place(live, &(forge_lease_search_t){0});
}

START_TEST(whoever_has_it_for_longer_than_30_seconds_is_named)
{
    forge_held_t list[4];
    int place = place_of_its_own();
    ck_assert_int_ge(place, 0);
    ck_assert_int_eq(forge_live_leases_long_at(live, list, 4, NOW), 0);
    forge_live_lease_begin_at(live, place, slot, "forge abc", NOW);
    ck_assert_int_eq(forge_live_leases_long_at(live, list, 4, NOW + 30 * SECOND), 0);
    ck_assert_int_eq(forge_live_leases_long_at(live, list, 4, NOW + 30 * SECOND + 1), 1);
    ck_assert_int_eq(list[0].pid, getpid());
    ck_assert(list[0].request);
    ck_assert_str_eq(list[0].method, "GET");
    ck_assert_str_eq(list[0].route, "/api/v1/courses");
    ck_assert_str_eq(list[0].activity, "forge abc");
    ck_assert_int_eq(list[0].took, 30 * SECOND + 1);
    forge_live_lease_end(live, place);
    ck_assert_int_eq(forge_live_leases_long_at(live, list, 4, NOW + 31 * SECOND), 0);
}
END_TEST

START_TEST(background_work_has_no_route)
{
    forge_held_t held;
    int place = place_of_its_own();
    forge_live_lease_begin_at(live, place, -1, "forge jobs", NOW);
    ck_assert(forge_live_lease_look_at(live, place, &held, NOW + SECOND));
    ck_assert(!held.request);
    ck_assert_ptr_null(held.route);
    ck_assert_str_eq(held.activity, "forge jobs");
    forge_live_lease_begin_at(live, place, FORGE_LIVE_SLOT_OTHER, "forge door x", NOW);
    ck_assert(forge_live_lease_look_at(live, place, &held, NOW + SECOND));
    ck_assert(held.request);
    ck_assert_ptr_null(held.route);
}
END_TEST

START_TEST(long_texts_are_cut_and_short_ones_are_whole_again)
{
    char text[300];
    forge_held_t held;
    int place = place_of_its_own();
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    forge_live_lease_begin_at(live, place, -1, text, NOW);
    ck_assert(forge_live_lease_look_at(live, place, &held, NOW));
    ck_assert_uint_eq(strlen(held.activity), FORGE_LIVE_ACTIVITY_MAX - 1);
    for (size_t len = 0; len < 40; len++) {
        text[len] = '\0';
        forge_live_lease_begin_at(live, place, -1, text, NOW);
        ck_assert(forge_live_lease_look_at(live, place, &held, NOW));
        ck_assert_str_eq(held.activity, text);
        text[len] = 'a';
    }
    forge_live_lease_begin_at(live, place, -1, NULL, NOW);
    ck_assert(forge_live_lease_look_at(live, place, &held, NOW));
    ck_assert_str_eq(held.activity, "");
}
END_TEST

START_TEST(the_longest_come_first_and_all_are_counted)
{
    static const int minutes[] = {3, 1, 5, 2, 4};
    forge_held_t list[3];
    for (int i = 0; i < 5; i++)
        forge_live_lease_begin_at(live, place_of_its_own(), -1, "forge", NOW - minutes[i] * 60 * SECOND);
    ck_assert_int_eq(forge_live_leases_long_at(live, list, 3, NOW), 5);
    ck_assert_int_eq(list[0].took, 300 * SECOND);
    ck_assert_int_eq(list[1].took, 240 * SECOND);
    ck_assert_int_eq(list[2].took, 180 * SECOND);
    ck_assert_int_eq(forge_live_leases_long_at(live, NULL, 0, NOW), 5);
}
END_TEST

START_TEST(a_child_that_died_holds_nothing_and_its_places_are_free)
{
    forge_held_t list[4];
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < FORGE_LIVE_LEASES; i++)
            forge_live_lease_begin_at(live, place_of_its_own(), -1, "forge", NOW);
        _exit(place_of_its_own() == -1 ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert_int_eq(forge_live_leases_long_at(live, list, 4, NOW + 60 * SECOND), 0);
    int place = place_of_its_own();
    ck_assert_int_ge(place, 0);
    ck_assert(!forge_live_lease_look_at(live, place, list, NOW)); /* what the last owner left is over */
    forge_live_lease_leave(live, place);
    ck_assert_int_eq(place_of_its_own(), place);
}
END_TEST

/* However many connections a pool may have: it goes through the places once, and once more after its one sweep. */
START_TEST(one_search_sweeps_once)
{
    forge_lease_search_t search = {0};
    forge_live_leases_t *leases = &live->segment->leases;
    for (int i = 0; i < FORGE_LIVE_LEASES; i++)
        ck_assert_int_eq(forge_live_lease_place(live, &search), i);
    ck_assert(!search.swept);
    ck_assert_int_eq(forge_live_lease_place(live, &search), -1);
    ck_assert(search.swept);
    const uint64_t dead = leases->places[0].holder + ANOTHER;
    ck_assert(!forge_live_process_alive(dead));
    leases->places[7].holder = dead;
    ck_assert_int_eq(forge_live_lease_place(live, &search), -1);
    ck_assert_uint_eq(leases->places[7].holder, dead); /* it did not look again */
    forge_live_lease_leave(live, 9);
    ck_assert_int_eq(forge_live_lease_place(live, &search), -1);
    search = (forge_lease_search_t){0};
    ck_assert_int_eq(forge_live_lease_place(live, &search), 9);
    ck_assert_int_eq(forge_live_lease_place(live, &search), 7);
    ck_assert_int_eq(forge_live_lease_place(live, &search), -1);
}
END_TEST

/* Places of the dead between places of the living, all found by one sweep. */
START_TEST(a_sweep_frees_what_belongs_to_the_dead_alone)
{
    forge_lease_search_t search = {0};
    forge_live_leases_t *leases = &live->segment->leases;
    for (int i = 0; i < FORGE_LIVE_LEASES; i++)
        forge_live_lease_place(live, &search);
    const uint64_t self = leases->places[0].holder;
    for (int i = 1; i < 12; i += 1 + i % 3)
        leases->places[i].holder = self + ANOTHER;
    search = (forge_lease_search_t){0};
    for (int i = 1; i < 12; i += 1 + i % 3)
        ck_assert_int_eq(forge_live_lease_place(live, &search), i);
    ck_assert_int_eq(forge_live_lease_place(live, &search), -1);
    for (int i = 0; i < FORGE_LIVE_LEASES; i++)
        ck_assert_uint_eq(leases->places[i].holder, self);
}
END_TEST

START_TEST(without_a_place_nothing_is_noted)
{
    forge_held_t held;
    forge_live_lease_begin(live, -1, -1, "forge");
    forge_live_lease_end(live, -1);
    forge_live_lease_leave(live, -1);
    ck_assert(!forge_live_lease_look(live, -1, &held));
    ck_assert_int_eq(forge_live_leases_long(live, NULL, 0), 0);
}
END_TEST

static void *lend_again_and_again(void *stop)
{
    int place = place_of_its_own();
    for (int i = 0; !__atomic_load_n((int *)stop, __ATOMIC_ACQUIRE); i++) {
        forge_live_lease_begin_at(live, place, -1, i & 1 ? "aaaaaaaaaaaaaaaaaaaaaaaa" : "bbbbbbbbbbbbbbbbbbbbbbbb",
                                  NOW + i);
        if (i % 16 < 2)
            sched_yield(); /* so that it is seen on one processor too */
        forge_live_lease_end(live, place);
    }
    return NULL;
}

/* Of two leases one after the other no mixture is ever seen. */
START_TEST(what_is_seen_is_one_lease)
{
    pthread_t thread;
    int stop = 0;
    ck_assert_int_eq(pthread_create(&thread, NULL, lend_again_and_again, &stop), 0);
    for (int seen = 0; seen < 2000;) {
        forge_held_t held;
        if (!forge_live_lease_look_at(live, 0, &held, NOW)) {
            sched_yield();
            continue;
        }
        seen++;
        ck_assert_uint_eq(strlen(held.activity), 24);
        for (int n = 1; n < 24; n++)
            ck_assert_int_eq(held.activity[n], held.activity[0]);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(pools_are_told_by_process)
{
    forge_live_pool_t list[4];
    int ready[2], end[2];
    char byte;
    ck_assert_int_eq(pipe(ready) | pipe(end), 0);
    ck_assert_int_eq(forge_live_pools(live, list, 4), 0);
    forge_live_pool_add(live, 5, 2, 1);
    forge_live_pool_add(live, 3, 1, 0); /* another pool of this process */
    pid_t pid = fork();
    if (pid == 0) {
        close(end[1]);
        forge_live_pool_add(live, 7, 0, 4);
        _exit(write(ready[1], "x", 1) == 1 && read(end[0], &byte, 1) == 0 ? 0 : 1);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(forge_live_pools(live, list, 4), 2);
    ck_assert_int_eq(list[0].pid, getpid());
    ck_assert_int_eq(list[0].size, 8);
    ck_assert_int_eq(list[0].busy, 3);
    ck_assert_int_eq(list[0].waiting, 1);
    ck_assert_int_eq(list[1].pid, pid);
    ck_assert_int_eq(list[1].size, 7);
    ck_assert_int_eq(list[1].busy, 0);
    ck_assert_int_eq(list[1].waiting, 4);
    ck_assert_int_eq(forge_live_pools(live, list, 1), 1);
    close(end[1]);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert_int_eq(forge_live_pools(live, list, 4), 1);
    close(ready[0]);
    close(ready[1]);
    close(end[0]);
}
END_TEST

Suite *forge_test_live_leases(void)
{
    Suite *suite = suite_create("live_leases");
    TCase *leases = tcase_create("leases");
    tcase_add_checked_fixture(leases, live_begin, forge_test_end);
    tcase_add_test(leases, whoever_has_it_for_longer_than_30_seconds_is_named);
    tcase_add_test(leases, background_work_has_no_route);
    tcase_add_test(leases, long_texts_are_cut_and_short_ones_are_whole_again);
    tcase_add_test(leases, the_longest_come_first_and_all_are_counted);
    tcase_add_test(leases, a_child_that_died_holds_nothing_and_its_places_are_free);
    tcase_add_test(leases, one_search_sweeps_once);
    tcase_add_test(leases, a_sweep_frees_what_belongs_to_the_dead_alone);
    tcase_add_test(leases, without_a_place_nothing_is_noted);
    tcase_add_test(leases, what_is_seen_is_one_lease);
    tcase_add_test(leases, pools_are_told_by_process);
    suite_add_tcase(suite, leases);
    return suite;
}
