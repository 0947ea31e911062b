/* SPDX-License-Identifier: Apache-2.0
 * Tests of live/jobs.c: places are bounded and outlive no process, and one caller at a time looks into the queue.
 */
#include "live/live_private.h"
#include "unit.h"
#include <sys/wait.h>
#include <unistd.h>

#define REALM 7

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
    ck_assert_int_eq(forge_live_job_place(live, 0), -1);
    ck_assert_int_eq(forge_live_job_place(live, 2), 0);
    ck_assert_int_eq(forge_live_job_place(live, 2), 1);
    ck_assert_int_eq(forge_live_job_place(live, 2), -1);
    forge_live_job_leave(live, 0);
    ck_assert_int_eq(forge_live_job_place(live, 2), 0);
    for (int i = 2; i < FORGE_LIVE_JOBS_MAX; i++)
        ck_assert_int_eq(forge_live_job_place(live, 100), i);
    ck_assert_int_eq(forge_live_job_place(live, 100), -1);
}
END_TEST

START_TEST(places_of_the_dead_are_free)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(forge_live_job_place(live, 1));
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert_int_eq(forge_live_job_place(live, 1), 0);
}
END_TEST

/* Who rings is heard at once, however short ago the last look was; one caller of several looks. */
START_TEST(one_looks_when_it_rings)
{
    forge_live_realm_t *at = forge_live_realm(live, REALM, true);
    ck_assert(forge_live_jobs_due(live, REALM));
    forge_live_store(&at->jobs_asked, (uint64_t)forge_util_monotonic() + APR_USEC_PER_SEC * 60); /* no second passes */
    for (int i = 0; i < 3; i++) {
        forge_live_jobs_ring(live, REALM);
        forge_live_jobs_ring(live, REALM);
        ck_assert(forge_live_jobs_due(live, REALM));
        forge_live_store(&at->jobs_asked, (uint64_t)forge_util_monotonic() + APR_USEC_PER_SEC * 60);
        ck_assert(!forge_live_jobs_due(live, REALM));
    }
    forge_live_jobs_ring(live, REALM + 1);
    ck_assert(!forge_live_jobs_due(live, REALM));
    ck_assert(forge_live_jobs_due(live, REALM + 1));
    forge_live_store(&at->jobs_asked, (uint64_t)forge_util_monotonic() - APR_USEC_PER_SEC);
    ck_assert(forge_live_jobs_due(live, REALM));
}
END_TEST

START_TEST(figures_of_all_databases)
{
    apr_int64_t figures[FORGE_GAUGES];
    forge_live_jobs_set(live, REALM, (const apr_int64_t[3]){3, 1, 40});
    forge_live_jobs_set(live, REALM + 1, (const apr_int64_t[3]){4, 2, 20});
    forge_live_gauges(live, figures);
    ck_assert_int_eq(figures[FORGE_G_JOB_QUEUED], 7);
    ck_assert_int_eq(figures[FORGE_G_JOB_RUNNING], 3);
    ck_assert_int_eq(figures[FORGE_G_JOB_OLDEST], 40);
    ck_assert_uint_eq(forge_live_jobs_changes(live, REALM), 0);
    forge_live_jobs_changed(live, REALM);
    ck_assert_uint_eq(forge_live_jobs_changes(live, REALM), 1);
}
END_TEST

Suite *forge_test_live_jobs(void)
{
    Suite *s = suite_create("live_jobs");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, live_begin, forge_test_end);
    tcase_add_test(tc, places_are_bounded);
    tcase_add_test(tc, places_of_the_dead_are_free);
    tcase_add_test(tc, one_looks_when_it_rings);
    tcase_add_test(tc, figures_of_all_databases);
    suite_add_tcase(s, tc);
    return s;
}
