/* SPDX-License-Identifier: Apache-2.0
 * Tests of runner/queue.c: turns between accounts, shares, the bound of the queue, and memory.
 */
#include "runner/runner.h"
#include "unit.h"

#define ROOM 64

static forge_runner_entry_t entries[ROOM];
static forge_runner_queue_t queue;

static void set_up(void)
{
    queue =
        (forge_runner_queue_t){.entries = entries, .count = 0, .queue_max = 20, .share_max = 10, .memory_max_kb = 1000};
}

static forge_run_status_t arrive(int64_t account, int64_t cost)
{
    forge_runner_entry_t *entry = &entries[queue.count++];
    *entry = (forge_runner_entry_t){.stage = FORGE_RUNNER_READING, .account = account, .cost_kb = cost};
    forge_run_status_t status = forge_runner_queue_arrive(&queue, entry);
    if (status != FORGE_RUN_OK)
        queue.count--;
    return status;
}

/* The entry at an index has ended. */
static void leave(int i)
{
    entries[i] = entries[--queue.count];
}

/* Starts and ends one after the other; the accounts in that order, as digits. */
static const char *turns(void)
{
    static char order[ROOM + 1];
    size_t n = 0;
    for (int next; (next = forge_runner_queue_next(&queue)) >= 0; leave(next))
        order[n++] = (char)('0' + entries[next].account);
    order[n] = '\0';
    return order;
}

START_TEST(accounts_take_turns)
{
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(arrive(1, 1), FORGE_RUN_OK);
    arrive(2, 1);
    arrive(2, 1);
    arrive(3, 1);
    ck_assert_str_eq(turns(), "12312111");
}
END_TEST

START_TEST(who_comes_later_does_not_wait_for_all_of_another)
{
    for (int i = 0; i < 8; i++)
        arrive(1, 1);
    for (int i = 0; i < 3; i++)
        leave(forge_runner_queue_next(&queue));
    arrive(2, 1);
    ck_assert_str_eq(turns(), "211111");
}
END_TEST

/* An account whose run has just ended is behind others that wait in the same round. */
START_TEST(nobody_gains_by_asking_again)
{
    arrive(1, 1);
    arrive(2, 1);
    leave(forge_runner_queue_next(&queue));
    arrive(1, 1);
    ck_assert_str_eq(turns(), "21");
}
END_TEST

START_TEST(runs_count_into_the_share)
{
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(arrive(1, 1), FORGE_RUN_OK);
    ck_assert_int_eq(arrive(1, 1), FORGE_RUN_SHARE_USED_UP);
    int next = forge_runner_queue_next(&queue);
    ck_assert_int_eq(arrive(1, 1), FORGE_RUN_SHARE_USED_UP);
    leave(next);
    ck_assert_int_eq(arrive(1, 1), FORGE_RUN_OK);
    ck_assert_int_eq(arrive(2, 1), FORGE_RUN_OK);
}
END_TEST

START_TEST(the_queue_is_bounded)
{
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(arrive(i, 1), FORGE_RUN_OK);
    ck_assert_int_eq(arrive(50, 1), FORGE_RUN_QUEUE_FULL);
    forge_runner_queue_next(&queue);
    ck_assert_int_eq(arrive(50, 1), FORGE_RUN_OK);
    ck_assert_int_eq(arrive(51, 1), FORGE_RUN_QUEUE_FULL);
}
END_TEST

START_TEST(memory_is_promised_once)
{
    int64_t kb;
    arrive(1, 600);
    arrive(2, 600);
    arrive(3, 10);
    int first = forge_runner_queue_next(&queue);
    ck_assert_int_eq(entries[first].account, 1);
    ck_assert_int_eq(forge_runner_queue_next(&queue), -1); /* 3 does not overtake 2 */
    ck_assert_int_eq(forge_runner_queue_count(&queue, FORGE_RUNNER_RUNNING, &kb), 1);
    ck_assert_int_eq(kb, 600);
    leave(first);
    ck_assert_int_eq(entries[forge_runner_queue_next(&queue)].account, 2);
    ck_assert_int_eq(entries[forge_runner_queue_next(&queue)].account, 3);
    ck_assert_int_eq(arrive(4, 1001), FORGE_RUN_UNAVAILABLE);
}
END_TEST

Suite *forge_test_run_queue(void)
{
    Suite *s = suite_create("run_queue");
    TCase *tc = tcase_create("turns");
    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_add_test(tc, accounts_take_turns);
    tcase_add_test(tc, who_comes_later_does_not_wait_for_all_of_another);
    tcase_add_test(tc, nobody_gains_by_asking_again);
    tcase_add_test(tc, runs_count_into_the_share);
    tcase_add_test(tc, the_queue_is_bounded);
    tcase_add_test(tc, memory_is_promised_once);
    suite_add_tcase(s, tc);
    return s;
}
