/* SPDX-License-Identifier: Apache-2.0
 * Tests of util/yield.c: work is done whole, and it gives way when others wait.
 */
#include "util/util.h"
#include "unit.h"
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPINNERS 8
#define LONG     100000 /* µs of processor time: a hundred looks at those who wait */

typedef struct sum_t {
    uint64_t result;
    clock_t processor; /* that the work has used on its thread */
} sum_t;

static clock_t used(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

static void work(void *baton)
{
    sum_t *sum = baton;
    clock_t begun = used();
    for (uint64_t i = 1; i <= 1000; i++)
        sum->result += i;
    while (used() - begun < LONG)
        ;
    sum->processor = used() - begun;
}

static void expect_whole(const sum_t *sum)
{
    ck_assert_uint_eq(sum->result, 500500);
    ck_assert_int_ge(sum->processor, LONG);
}

/* Others are processes: under valgrind the threads of one take turns. They end with this one. */
START_TEST(gives_way_when_others_wait)
{
    pid_t others[SPINNERS];
    sum_t sum = {0};
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    n = n < SPINNERS ? n : SPINNERS;
    for (long i = 0; i < n; i++) {
        others[i] = fork();
        if (others[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (volatile bool on = true; on;)
                ;
        }
    }
    int naps = forge_util_yielding(work, &sum);
    for (long i = 0; i < n; i++) {
        kill(others[i], SIGKILL);
        waitpid(others[i], NULL, 0);
    }
    expect_whole(&sum);
    ck_assert_int_gt(naps, 0);
}
END_TEST

static void *yielding(void *baton)
{
    forge_util_yielding(work, baton);
    return NULL;
}

START_TEST(many_at_once)
{
    pthread_t threads[SPINNERS];
    sum_t sums[SPINNERS] = {{0}};
    for (int i = 0; i < SPINNERS; i++)
        pthread_create(&threads[i], NULL, yielding, &sums[i]);
    for (int i = 0; i < SPINNERS; i++) {
        pthread_join(threads[i], NULL);
        expect_whole(&sums[i]);
    }
}
END_TEST

/* As workers of httpd do: they block every signal. */
START_TEST(from_a_thread_without_signals)
{
    sigset_t all, before;
    sum_t sum = {0};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    forge_util_yielding(work, &sum);
    pthread_sigmask(SIG_SETMASK, NULL, &all);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    expect_whole(&sum);
    for (int i = SIGRTMIN; i <= SIGRTMAX; i++)
        ck_assert_int_eq(sigismember(&all, i), 1);
}
END_TEST

Suite *forge_test_util_yield(void)
{
    Suite *s = suite_create("util_yield");
    TCase *tc = tcase_create("yield");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, gives_way_when_others_wait);
    tcase_add_test(tc, many_at_once);
    tcase_add_test(tc, from_a_thread_without_signals);
    suite_add_tcase(s, tc);
    return s;
}
