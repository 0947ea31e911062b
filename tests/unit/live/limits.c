/* SPDX-License-Identifier: Apache-2.0
 * Tests of live/limits.c: exact over processes, figures of an answer, eviction, clocks that are set, holders that are
 * killed.
 */
#include "live/live_private.h"
#include "unit.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define START  APR_TIME_C(1700000000000000)
#define SECOND apr_time_from_sec(1)

static forge_live_t *live;

static void live_begin(void)
{
    const char *why = NULL;
    forge_test_begin();
    live = forge_live_open_private(forge_test_pool, &why);
    ck_assert_msg(live != NULL, "%s", why ? why : "");
}

static forge_limit_answer_t take(const char *key, forge_limit_t limit, apr_time_t now)
{
    return forge_live_limit_take(live, FORGE_LIMIT_AUTH, key, strlen(key), limit, now);
}

/* How many of `tries` are let in at one moment. */
static int burst(const char *key, forge_limit_t limit, apr_time_t now, int tries)
{
    int allowed = 0;
    for (int i = 0; i < tries; i++)
        allowed += take(key, limit, now).allowed;
    return allowed;
}

START_TEST(off_allows_all)
{
    ck_assert_int_eq(burst("k", (forge_limit_t){0, SECOND}, START, 1000), 1000);
    ck_assert_int_eq(burst("k", (forge_limit_t){-1, SECOND}, START, 1000), 1000);
    ck_assert_uint_eq(forge_live_limit_keys(live), 0);
}
END_TEST

/* Looking takes nothing, remembers nobody, and sees what taking would. */
START_TEST(peek_takes_nothing)
{
    forge_limit_t limit = {3, 3600 * SECOND};
    ck_assert(forge_live_limit_peek(live, FORGE_LIMIT_AUTH, "k", 1, (forge_limit_t){0, SECOND}));
    for (int i = 0; i < 10; i++)
        ck_assert(forge_live_limit_peek(live, FORGE_LIMIT_AUTH, "k", 1, limit));
    ck_assert_uint_eq(forge_live_limit_keys(live), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert(forge_live_limit_peek(live, FORGE_LIMIT_AUTH, "k", 1, limit));
        ck_assert(take("k", limit, 0).allowed);
    }
    ck_assert(!forge_live_limit_peek(live, FORGE_LIMIT_AUTH, "k", 1, limit));
    ck_assert(forge_live_limit_peek(live, FORGE_LIMIT_AUTH, "other", 5, limit));
    ck_assert(forge_live_limit_peek(live, FORGE_LIMIT_DEFAULT, "k", 1, limit));
    ck_assert(!take("k", limit, 0).allowed);
}
END_TEST

START_TEST(exactly_the_limit_fits_a_fresh_window)
{
    static const struct {
        apr_int64_t limit;
        apr_interval_time_t window;
    } rows[] = {
        {1, 1},
        {1, 60 * SECOND},
        {3, 10},
        {6, 10},
        {7, SECOND},
        {20, 60 * SECOND},
        {600, 7},
        {999, SECOND},
        {1000, 900 * SECOND},
        {5000, 900 * SECOND},
        {5, 0},
        {30, 365 * 86400 * SECOND},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        forge_limit_t limit = {rows[i].limit, rows[i].window};
        char key[3] = {'k', (char)('a' + i), 0};
        ck_assert_int_eq(burst(key, limit, START, (int)rows[i].limit + 50), rows[i].limit);
    }
}
END_TEST

START_TEST(answers_have_right_figures)
{
    forge_limit_t limit = {3, 30 * SECOND}; /* one more every 10 s */
    for (int i = 0; i < 3; i++) {
        forge_limit_answer_t a = take("k", limit, START);
        ck_assert(a.allowed);
        ck_assert_int_eq(a.remaining, 2 - i);
        ck_assert_int_eq(a.reset, 10 * SECOND * (i + 1));
        ck_assert_int_eq(a.retry, 0);
    }
    forge_limit_answer_t a = take("k", limit, START + 4 * SECOND);
    ck_assert(!a.allowed);
    ck_assert_int_eq(a.remaining, 0);
    ck_assert_int_eq(a.reset, 26 * SECOND);
    ck_assert_int_eq(a.retry, 6 * SECOND);
    a = take("k", limit, START + 10 * SECOND - 1);
    ck_assert(!a.allowed);
    ck_assert_int_eq(a.retry, 1);
    ck_assert(take("k", limit, START + 10 * SECOND).allowed);
    ck_assert(!take("k", limit, START + 10 * SECOND).allowed);
    a = take("k", limit, START + 35 * SECOND);
    ck_assert(a.allowed);
    ck_assert_int_eq(a.remaining, 1);
}
END_TEST

START_TEST(no_double_burst_at_the_edge)
{
    forge_limit_t limit = {100, 100 * SECOND};
    ck_assert_int_eq(burst("k", limit, START + 99 * SECOND, 200), 100);
    ck_assert_int_eq(burst("k", limit, START + 101 * SECOND, 200), 2);
    int allowed = 0; /* whoever asks all the time gets the rate */
    for (int s = 0; s < 1000; s++)
        allowed += burst("other", limit, START + 200 * SECOND + s * SECOND, 3);
    ck_assert_int_eq(allowed, 100 + 999);
}
END_TEST

START_TEST(keys_and_classes_are_apart)
{
    forge_limit_t limit = {2, 60 * SECOND};
    ck_assert_int_eq(burst("a", limit, START, 5), 2);
    ck_assert_int_eq(burst("b", limit, START, 5), 2);
    ck_assert(forge_live_limit_take(live, FORGE_LIMIT_UPLOAD, "a", 1, limit, START).allowed);
    ck_assert(forge_live_limit_take(live, FORGE_LIMIT_AUTH, "a\0b", 3, limit, START).allowed);
    ck_assert(forge_live_limit_take(live, FORGE_LIMIT_AUTH, "", 0, limit, START).allowed);
    ck_assert_uint_eq(forge_live_limit_keys(live), 5);
}
END_TEST

START_TEST(clock_set_back_neither_blocks_nor_opens)
{
    forge_limit_t limit = {4, 40 * SECOND};
    apr_time_t back = START - apr_time_from_sec(3600);
    ck_assert_int_eq(burst("spent", limit, START, 10), 4);
    ck_assert_int_eq(burst("half", limit, START, 2), 2);
    ck_assert_int_eq(burst("spent", limit, back, 10), 0);
    ck_assert_int_eq(burst("half", limit, back, 10), 2);
    ck_assert_int_eq(burst("spent", limit, back + 10 * SECOND, 10), 1);
    ck_assert_int_eq(burst("half", limit, back + 20 * SECOND, 10), 2);
    ck_assert_int_eq(burst("spent", limit, back + 50 * SECOND, 10), 4);
}
END_TEST

START_TEST(clock_set_forward_and_back_does_not_stick)
{
    forge_limit_t limit = {4, 40 * SECOND};
    apr_time_t ahead = START + apr_time_from_sec(3600);
    ck_assert_int_eq(burst("k", limit, START, 10), 4);
    ck_assert_int_eq(burst("k", limit, ahead, 10), 4);
    ck_assert_int_eq(burst("k", limit, START, 10), 0);
    ck_assert_int_eq(burst("k", limit, START + 10 * SECOND, 10), 1);
    ck_assert_int_eq(burst("k", limit, START + 60 * SECOND, 10), 4);
}
END_TEST

START_TEST(late_request_does_not_move_the_clock)
{
    forge_limit_t limit = {10, 10 * SECOND};
    int allowed = burst("k", limit, START, 20);
    for (int i = 1; i <= 100; i++) { /* two at a time, one of them began 5 s ago */
        allowed += burst("k", limit, START - 5 * SECOND, 1);
        allowed += burst("k", limit, START + i, 1);
    }
    ck_assert_int_eq(allowed, 10);
}
END_TEST

START_TEST(present_is_taken_by_itself)
{
    forge_limit_t limit = {5, 3600 * SECOND};
    ck_assert_int_eq(burst("k", limit, 0, 20), 5);
    forge_limit_answer_t a = take("k", limit, 0);
    ck_assert(!a.allowed);
    ck_assert(a.retry > 0 && a.retry <= 720 * SECOND);
}
END_TEST

START_TEST(shorter_window_after_a_new_configuration)
{
    forge_limit_t before = {1, 86400 * SECOND}, after = {2, 20 * SECOND};
    ck_assert_int_eq(burst("k", before, START, 3), 1);
    ck_assert_int_eq(burst("k", after, START, 3), 0);
    ck_assert_int_eq(burst("k", after, START + 10 * SECOND, 3), 1);
}
END_TEST

START_TEST(exact_over_processes)
{
    enum { PROCESSES = 6, TRIES = 2000, LIMIT = 1234 };
    forge_limit_t limit = {LIMIT, 3600 * SECOND};
    int total = 0, pipes[PROCESSES][2];
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        ck_assert_int_eq(pipe(pipes[i]), 0);
        children[i] = fork();
        if (children[i] == 0) {
            int allowed = burst("k", limit, START, TRIES);
            _exit(write(pipes[i][1], &allowed, sizeof(allowed)) != sizeof(allowed));
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int allowed;
        ck_assert_int_eq(read(pipes[i][0], &allowed, sizeof(allowed)), sizeof(allowed));
        total += allowed;
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
    for (int i = 0; i < PROCESSES; i++)
        ck_assert_int_eq(waitpid(children[i], NULL, 0), children[i]);
    ck_assert_int_eq(total, LIMIT);
}
END_TEST

/* Takes once for key number n; false when refused. */
static bool take_number(uint64_t n, forge_limit_t limit, apr_time_t now)
{
    return forge_live_limit_take(live, FORGE_LIMIT_DEFAULT, &n, sizeof(n), limit, now).allowed;
}

static void all_sound(void)
{
    for (int i = 0; i < FORGE_LIVE_STRIPES; i++) {
        ck_assert(forge_live_limit_lock(&live->segment->stripes[i]));
        ck_assert(forge_live_limit_sound(&live->segment->stripes[i]));
        pthread_mutex_unlock(&live->segment->stripes[i].mutex);
    }
}

START_TEST(hundred_thousand_keys_stay)
{
    forge_limit_t limit = {1, 3600 * SECOND};
    for (uint64_t n = 0; n < 100000; n++)
        ck_assert(take_number(n, limit, START));
    ck_assert_uint_eq(forge_live_limit_keys(live), 100000);
    ck_assert_uint_eq(live->segment->counters[FORGE_C_LIMIT_EVICTED], 0);
    for (uint64_t n = 0; n < 100000; n++)
        ck_assert(!take_number(n, limit, START + SECOND));
    all_sound();
}
END_TEST

/* The first `n` numbers whose keys fall into one stripe. */
static forge_live_stripe_t *same_stripe(uint64_t *numbers, int n)
{
    uint64_t hash[2], first = 0;
    forge_live_stripe_t *stripe = forge_live_limit_stripe(live, FORGE_LIMIT_DEFAULT, &first, sizeof(first), hash);
    for (uint64_t number = 0; n > 0; number++) {
        if (forge_live_limit_stripe(live, FORGE_LIMIT_DEFAULT, &number, sizeof(number), hash) == stripe) {
            *numbers++ = number;
            n--;
        }
    }
    return stripe;
}

START_TEST(full_stripe_gives_up_the_least_recent)
{
    static uint64_t numbers[FORGE_LIVE_STRIPE_KEYS + 3];
    forge_limit_t limit = {1, 3600 * SECOND};
    forge_live_stripe_t *stripe = same_stripe(numbers, FORGE_LIVE_STRIPE_KEYS + 3);
    for (int i = 0; i < FORGE_LIVE_STRIPE_KEYS; i++)
        ck_assert(take_number(numbers[i], limit, START));
    ck_assert(!take_number(numbers[0], limit, START)); /* used again: now 1 and 2 are the oldest */
    for (int i = 0; i < 2; i++)
        ck_assert(take_number(numbers[FORGE_LIVE_STRIPE_KEYS + i], limit, START));
    ck_assert_uint_eq(stripe->used, FORGE_LIVE_STRIPE_KEYS);
    ck_assert_uint_eq(live->segment->counters[FORGE_C_LIMIT_EVICTED], 2);
    ck_assert(!take_number(numbers[0], limit, START));
    ck_assert(!take_number(numbers[3], limit, START));
    ck_assert(take_number(numbers[1], limit, START)); /* forgotten, and in for 4 */
    ck_assert_uint_eq(live->segment->counters[FORGE_C_LIMIT_EVICTED], 3);
    ck_assert(forge_live_limit_sound(stripe));
    ck_assert(
        take_number(numbers[FORGE_LIVE_STRIPE_KEYS + 2], limit, START + 3600 * SECOND)); /* the oldest have expired */
    ck_assert_uint_eq(live->segment->counters[FORGE_C_LIMIT_EVICTED], 3);
    ck_assert_uint_eq(stripe->used, FORGE_LIVE_STRIPE_KEYS - FORGE_LIVE_REAP + 1);
    ck_assert(forge_live_limit_sound(stripe));
}
END_TEST

START_TEST(expired_keys_make_room_unasked)
{
    uint64_t numbers[2];
    forge_limit_t limit = {1, SECOND};
    forge_live_stripe_t *stripe = same_stripe(numbers, 2);
    ck_assert(take_number(numbers[0], limit, START));
    ck_assert(take_number(numbers[1], limit, START + SECOND)); /* the only key goes, and its place is used again */
    ck_assert_uint_eq(stripe->used, 1);
    ck_assert_int_eq(stripe->fresh, 1);
    ck_assert(!take_number(numbers[1], limit, START + SECOND));
    ck_assert(forge_live_limit_sound(stripe));
}
END_TEST

/* Dies by SIGKILL with the lock held, after it has torn up the stripe's links as an unfinished change would. */
static void die_holding(forge_live_stripe_t *stripe)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (!forge_live_limit_lock(stripe))
            _exit(1);
        memset(stripe->heads, 0x55, sizeof(stripe->heads));
        stripe->newest = stripe->oldest = 77;
        stripe->free = 3;
        stripe->used = 5;
        for (int i = 0; i < FORGE_LIVE_STRIPE_KEYS; i++)
            stripe->keys[i].next = stripe->keys[i].newer = stripe->keys[i].older = 1;
        kill(getpid(), SIGKILL);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

START_TEST(holder_killed_others_go_on)
{
    static uint64_t numbers[FORGE_LIVE_STRIPE_KEYS + 1];
    forge_limit_t limit = {1, 3600 * SECOND};
    forge_live_stripe_t *stripe = same_stripe(numbers, FORGE_LIVE_STRIPE_KEYS + 1);
    for (int i = 0; i < 500; i++)
        ck_assert(take_number(numbers[i], limit, START));
    for (uint32_t round = 1; round <= 3; round++) {
        die_holding(stripe);
        ck_assert(!take_number(numbers[(500 + round) % 500], limit, START));
        ck_assert_uint_eq(stripe->rebuilt, round);
        ck_assert(forge_live_limit_sound(stripe));
        ck_assert_uint_eq(stripe->used, 500);
    }
    for (int i = 4; i < 500; i++)
        ck_assert(!take_number(numbers[i], limit, START));
    for (int i = 500; i <= FORGE_LIVE_STRIPE_KEYS;
         i++) /* the order of use has survived too: number 0 is the oldest, and goes */
        ck_assert(take_number(numbers[i], limit, START));
    ck_assert_uint_eq(live->segment->counters[FORGE_C_LIMIT_EVICTED], 1);
    ck_assert(!take_number(numbers[1], limit, START));
    ck_assert(take_number(numbers[0], limit, START));
    ck_assert(forge_live_limit_sound(stripe));
}
END_TEST

/* Children hammer a few keys and new ones until they are killed in the middle of it, wherever that is. */
START_TEST(killed_at_random_moments)
{
    forge_limit_t limit = {1000000, 3600 * SECOND};
    for (int round = 0; round < 40; round++) {
        pid_t pids[2];
        for (int i = 0; i < 2; i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                for (uint64_t n = 0;; n++)
                    take_number(n & 1 ? n & 15 : (uint64_t)round << 40 | (uint64_t)i << 32 | n, limit,
                                START + (apr_time_t)n);
            }
        }
        usleep(1000 + (useconds_t)(round * 137 % 3000));
        kill(pids[0], SIGKILL);
        kill(pids[1], SIGKILL);
        waitpid(pids[0], NULL, 0);
        waitpid(pids[1], NULL, 0);
        ck_assert(take_number(1, limit, 0));
    }
    all_sound();
}
END_TEST

/* What was counted elsewhere goes on here, and an answer that is made of it says the same as one from here. */
START_TEST(what_was_counted_elsewhere_is_kept)
{
    const forge_limit_t limit = {5, apr_time_from_sec(3600)};
    const forge_limit_plan_t plan = forge_live_limit_plan(limit);
    ck_assert_int_eq(plan.interval, apr_time_from_sec(720));
    ck_assert_int_eq(plan.span, apr_time_from_sec(3600));
    for (int i = 1; i <= 6; i++) {
        forge_limit_answer_t here = take("here", limit, 0);
        forge_limit_answer_t made = forge_live_limit_answer(plan, here.allowed, here.reset);
        ck_assert(made.allowed == here.allowed && made.remaining == here.remaining && made.retry == here.retry);
    }
    forge_live_limit_note(live, FORGE_LIMIT_AUTH, "there", 5, 4 * plan.interval);
    ck_assert(forge_live_limit_peek(live, FORGE_LIMIT_AUTH, "there", 5, limit));
    ck_assert(take("there", limit, 0).allowed);
    ck_assert(!take("there", limit, 0).allowed);
    forge_live_limit_note(live, FORGE_LIMIT_AUTH, "there", 5, 0);
    ck_assert_int_eq(take("there", limit, 0).remaining, 4);
}
END_TEST

Suite *forge_test_live_limits(void)
{
    Suite *s = suite_create("live_limits");
    TCase *tc = tcase_create("limits");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, live_begin, forge_test_end);
    tcase_add_test(tc, off_allows_all);
    tcase_add_test(tc, peek_takes_nothing);
    tcase_add_test(tc, exactly_the_limit_fits_a_fresh_window);
    tcase_add_test(tc, answers_have_right_figures);
    tcase_add_test(tc, no_double_burst_at_the_edge);
    tcase_add_test(tc, keys_and_classes_are_apart);
    tcase_add_test(tc, clock_set_back_neither_blocks_nor_opens);
    tcase_add_test(tc, clock_set_forward_and_back_does_not_stick);
    tcase_add_test(tc, late_request_does_not_move_the_clock);
    tcase_add_test(tc, present_is_taken_by_itself);
    tcase_add_test(tc, shorter_window_after_a_new_configuration);
    tcase_add_test(tc, exact_over_processes);
    tcase_add_test(tc, hundred_thousand_keys_stay);
    tcase_add_test(tc, full_stripe_gives_up_the_least_recent);
    tcase_add_test(tc, expired_keys_make_room_unasked);
    tcase_add_test(tc, holder_killed_others_go_on);
    tcase_add_test(tc, killed_at_random_moments);
    tcase_add_test(tc, what_was_counted_elsewhere_is_kept);
    suite_add_tcase(s, tc);
    return s;
}
