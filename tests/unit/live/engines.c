/* SPDX-License-Identifier: Apache-2.0
 * live/engines.c: enabled for a while, asked by one, told to all, and what becomes of it when processes die.
 */
#include "live/live_private.h"
#include "unit.h"

#include <sys/wait.h>
#include <unistd.h>

#define SECOND APR_USEC_PER_SEC
#define MINUTE (60 * SECOND)
#define NAME   "unix:/var/run/docker.sock"

static forge_live_t *live;

static void setup(void)
{
    const char *why;
    forge_test_begin();
    live = forge_live_open_private(forge_test_pool, &why);
    ck_assert_ptr_nonnull(live);
}

static forge_engine_said_t three = {
    .outcome = FORGE_OK, .total = 3, .running = 2, .unhealthy = 1, .text = "[1,2,3]", .len = 7};

START_TEST(it_is_off_and_ends_by_itself)
{
    ck_assert_int_eq(forge_live_engine_turn_at(live, NAME, SECOND), FORGE_ENGINE_OFF);
    ck_assert_int_eq(forge_live_engine_enabled_at(live, NAME, SECOND), 0);
    ck_assert(forge_live_engine_enable_at(live, NAME, MINUTE, SECOND));
    ck_assert_int_gt(forge_live_engine_enabled_at(live, NAME, 60 * SECOND), 0);
    ck_assert_int_eq(forge_live_engine_enabled_at(live, NAME, 61 * SECOND), 0);
    ck_assert_int_eq(forge_live_engine_turn_at(live, NAME, 61 * SECOND), FORGE_ENGINE_OFF);
    ck_assert(!forge_live_containers_at(live, NAME, 61 * SECOND).enabled);
    ck_assert(!forge_live_containers_at(live, NULL, SECOND).enabled);
}
END_TEST

START_TEST(a_later_call_sets_the_time_anew)
{
    ck_assert(forge_live_engine_enable_at(live, NAME, 60 * MINUTE, SECOND));
    ck_assert(forge_live_engine_enable_at(live, NAME, MINUTE, SECOND));
    ck_assert_int_eq(forge_live_engine_turn_at(live, NAME, 62 * SECOND), FORGE_ENGINE_OFF);
}
END_TEST

START_TEST(one_asks_and_all_know_for_five_seconds)
{
    forge_engine_said_t said;
    ck_assert(forge_live_engine_enable_at(live, NAME, MINUTE, SECOND));
    ck_assert_int_eq(forge_live_engine_turn_at(live, NAME, SECOND), FORGE_ENGINE_ASK);
    ck_assert_int_eq(forge_live_engine_turn_at(live, NAME, 2 * SECOND), FORGE_ENGINE_WAIT);
    ck_assert(!forge_live_engine_said_at(live, NAME, forge_test_pool, &said, 2 * SECOND));
    ck_assert(forge_live_engine_told_at(live, NAME, &three, 3 * SECOND));
    ck_assert_int_eq(forge_live_engine_turn_at(live, NAME, 7 * SECOND), FORGE_ENGINE_KNOWN);
    ck_assert(forge_live_engine_said_at(live, NAME, forge_test_pool, &said, 7 * SECOND));
    ck_assert_str_eq(said.text, "[1,2,3]");
    ck_assert_int_eq(said.total, 3);
    ck_assert_int_eq(forge_live_engine_turn_at(live, NAME, 8 * SECOND), FORGE_ENGINE_ASK);
    ck_assert(!forge_live_engine_told_at(live, NAME, &three, 8 * SECOND)); /* no news */
    ck_assert(!forge_live_engine_said_at(live, NAME, forge_test_pool, &said, 61 * SECOND));
}
END_TEST

START_TEST(failures_are_kept_as_long)
{
    forge_engine_said_t said;
    const forge_engine_said_t late = {.outcome = FORGE_E_TIMEOUT};
    ck_assert(forge_live_engine_enable_at(live, NAME, MINUTE, SECOND));
    forge_live_engine_told_at(live, NAME, &three, SECOND);
    ck_assert(forge_live_engine_told_at(live, NAME, &late, 6 * SECOND));
    ck_assert_int_eq(forge_live_engine_turn_at(live, NAME, 10 * SECOND), FORGE_ENGINE_KNOWN);
    ck_assert(forge_live_engine_said_at(live, NAME, forge_test_pool, &said, 10 * SECOND));
    ck_assert_int_eq(said.outcome, FORGE_E_TIMEOUT);
    ck_assert_int_eq(forge_live_containers_at(live, NAME, 10 * SECOND).total, -1);
}
END_TEST

START_TEST(figures_are_shown_for_a_minute)
{
    ck_assert(forge_live_engine_enable_at(live, NAME, 10 * MINUTE, SECOND));
    ck_assert_int_eq(forge_live_containers_at(live, NAME, SECOND).total, -1);
    forge_live_engine_told_at(live, NAME, &three, SECOND);
    forge_containers_t figures = forge_live_containers_at(live, NAME, 60 * SECOND);
    ck_assert(figures.enabled);
    ck_assert_int_eq(figures.total, 3);
    ck_assert_int_eq(figures.running, 2);
    ck_assert_int_eq(figures.unhealthy, 1);
    ck_assert_int_eq(forge_live_containers_at(live, NAME, 61 * SECOND).total, -1);
    ck_assert(forge_live_containers_at(live, NAME, 61 * SECOND).enabled);
}
END_TEST

/* What a child does, and then it is gone. */
static void in_child(void (*act)(void))
{
    pid_t child = fork();
    if (!child) {
        act();
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static void take_the_turn(void)
{
    if (forge_live_engine_turn_at(live, NAME, SECOND) != FORGE_ENGINE_ASK)
        _exit(1);
}

START_TEST(who_dies_while_asking_is_followed_by_another)
{
    ck_assert(forge_live_engine_enable_at(live, NAME, MINUTE, SECOND));
    in_child(take_the_turn);
    ck_assert_int_eq(forge_live_engine_look_at(live, NAME, SECOND), FORGE_ENGINE_ASK);
    ck_assert_int_eq(forge_live_engine_turn_at(live, NAME, SECOND), FORGE_ENGINE_ASK);
    ck_assert_int_eq(forge_live_engine_look_at(live, NAME, 8 * SECOND), FORGE_ENGINE_WAIT);
    ck_assert_int_eq(forge_live_engine_look_at(live, NAME, 9 * SECOND), FORGE_ENGINE_ASK); /* nobody takes so long */
}
END_TEST

static void die_inside(void)
{
    pthread_mutex_lock(&live->segment->engines.mutex);
}

static void tell(void)
{
    forge_live_engine_told_at(live, NAME, &three, SECOND);
}

START_TEST(a_process_that_dies_inside_locks_nobody_out_and_all_read_what_one_wrote)
{
    forge_engine_said_t said;
    ck_assert(forge_live_engine_enable_at(live, NAME, MINUTE, SECOND));
    in_child(die_inside);
    in_child(tell);
    ck_assert(forge_live_engine_said_at(live, NAME, forge_test_pool, &said, SECOND));
    ck_assert_str_eq(said.text, "[1,2,3]");
}
END_TEST

START_TEST(each_has_a_place_and_ended_ones_make_room)
{
    static const char *const names[] = {"unix:/a", "unix:/b", "unix:/c", "unix:/d"};
    forge_engine_said_t said, other = {.text = "[4]", .len = 3};
    for (int i = 0; i < FORGE_LIVE_ENGINES; i++)
        ck_assert(forge_live_engine_enable_at(live, names[i], MINUTE, SECOND));
    ck_assert(!forge_live_engine_enable_at(live, NAME, MINUTE, SECOND));
    forge_live_engine_told_at(live, names[1], &three, SECOND);
    forge_live_engine_told_at(live, names[2], &other, SECOND);
    ck_assert(forge_live_engine_said_at(live, names[1], forge_test_pool, &said, SECOND));
    ck_assert_str_eq(said.text, "[1,2,3]");
    ck_assert(forge_live_engine_enable_at(live, NAME, MINUTE, 61 * SECOND));
    ck_assert(!forge_live_engine_said_at(live, NAME, forge_test_pool, &said, 61 * SECOND));
}
END_TEST

START_TEST(what_is_too_long_is_not_half_kept)
{
    forge_engine_said_t said, large = {.len = FORGE_ENGINE_BYTES + 1};
    large.text = apr_pcalloc(forge_test_pool, large.len);
    ck_assert(forge_live_engine_enable_at(live, NAME, MINUTE, SECOND));
    forge_live_engine_told_at(live, NAME, &large, SECOND);
    ck_assert(forge_live_engine_said_at(live, NAME, forge_test_pool, &said, SECOND));
    ck_assert_int_eq(said.outcome, FORGE_E_UNAVAILABLE);
    large.len--;
    forge_live_engine_told_at(live, NAME, &large, 2 * SECOND);
    ck_assert(forge_live_engine_said_at(live, NAME, forge_test_pool, &said, 2 * SECOND));
    ck_assert_uint_eq(said.len, FORGE_ENGINE_BYTES);
}
END_TEST

Suite *forge_test_live_engines(void)
{
    Suite *s = suite_create("live_engines");
    TCase *tc = tcase_create("engines");
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, it_is_off_and_ends_by_itself);
    tcase_add_test(tc, a_later_call_sets_the_time_anew);
    tcase_add_test(tc, one_asks_and_all_know_for_five_seconds);
    tcase_add_test(tc, failures_are_kept_as_long);
    tcase_add_test(tc, figures_are_shown_for_a_minute);
    tcase_add_test(tc, who_dies_while_asking_is_followed_by_another);
    tcase_add_test(tc, a_process_that_dies_inside_locks_nobody_out_and_all_read_what_one_wrote);
    tcase_add_test(tc, each_has_a_place_and_ended_ones_make_room);
    tcase_add_test(tc, what_is_too_long_is_not_half_kept);
    suite_add_tcase(s, tc);
    return s;
}
