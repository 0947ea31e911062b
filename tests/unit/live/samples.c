/* SPDX-License-Identifier: Apache-2.0
 * Tests of live/samples.c and live/sampler.c: rates, limits, history with its holes, and a writer that dies at any
 * word.
 */
#include "live/live_private.h"
#include "unit.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static forge_live_t *live;
static char root[64];

#define SECOND APR_USEC_PER_SEC

static void file(const char *path, const char *text)
{
    char name[512];
    snprintf(name, sizeof(name), "%s%s", root, path);
    for (char *at = strchr(name + strlen(root) + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(name, 0700);
        *at = '/';
    }
    FILE *f = fopen(name, "w");
    ck_assert_msg(f != NULL, "%s", name);
    fputs(text, f);
    fclose(f);
}

static void live_begin(void)
{
    const char *why = NULL;
    forge_test_begin();
    live = forge_live_open_private(forge_test_pool, &why);
    ck_assert_msg(live != NULL, "%s", why ? why : "");
    strcpy(root, "/tmp/forge-samples-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    file("/proc/stat", "cpu  0 0 0 0 0 0 0 0\ncpu0 1\ncpu1 1\ncpu2 1\ncpu3 1\n");
    file("/proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 600 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
    file("/proc/net/dev", "  eth0: 1000 1 0 0 0 0 0 0 2000 1 0 0 0 0 0 0\n");
}

static void live_end(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
    forge_test_end();
}

/* The sample of a moment, which nobody else has taken. */
static forge_sample_t sample_at(apr_int64_t now)
{
    forge_sample_t sample;
    ck_assert(forge_live_sample_at(live, root, 1, now));
    forge_live_sample_last_at(live, now, &sample);
    return sample;
}

START_TEST(the_first_sample_has_levels_and_no_rates)
{
    forge_sample_t s = sample_at(1000 * SECOND);
    ck_assert_double_eq_tol(s.of[FORGE_S_MEMORY], 40, 1e-9);
    ck_assert_double_eq_tol(s.of[FORGE_S_MEMORY_TOTAL], 1024000, 1e-9);
    ck_assert_double_eq_tol(s.of[FORGE_S_MEMORY_USED] + s.of[FORGE_S_MEMORY_AVAILABLE], 1024000, 1e-9);
    ck_assert(isnan(s.of[FORGE_S_MEMORY_LIMIT]) && isnan(s.of[FORGE_S_CPU_LIMIT]));
    ck_assert(isnan(s.of[FORGE_S_CPU]) && isnan(s.of[FORGE_S_RX]) && isnan(s.of[FORGE_S_REQUESTS]));
    ck_assert(isnan(s.of[FORGE_S_DISK_READ]));
}
END_TEST

START_TEST(rates_are_differences)
{
    sample_at(1000 * SECOND);
    file("/proc/stat", "cpu  100 0 50 800 50 0 0 0\ncpu0 1\n");
    file("/proc/net/dev", "  eth0: 6000 1 0 0 0 0 0 0 2500 1 0 0 0 0 0 0\n");
    for (int i = 0; i < 95; i++)
        forge_live_request_end(live, 0, 200, 900);
    for (int i = 0; i < 5; i++)
        forge_live_request_end(live, 0, 500, 300000);
    forge_live_query(live, "course_get", 4000);
    forge_sample_t s = sample_at(1005 * SECOND);
    ck_assert_double_eq_tol(s.of[FORGE_S_CPU], 15, 1e-9);
    ck_assert_double_eq_tol(s.of[FORGE_S_RX], 1000, 1e-9);
    ck_assert_double_eq_tol(s.of[FORGE_S_TX], 100, 1e-9);
    ck_assert_double_eq_tol(s.of[FORGE_S_REQUESTS], 20, 1e-9);
    ck_assert_double_eq_tol(s.of[FORGE_S_ERROR_RATE], 0.05, 1e-9);
    ck_assert_double_le(s.of[FORGE_S_P50], 0.001);
    ck_assert(s.of[FORGE_S_P99] > 0.25 && s.of[FORGE_S_P99] <= 0.5);
    ck_assert(s.of[FORGE_S_DATABASE_P95] > 0.0025 && s.of[FORGE_S_DATABASE_P95] <= 0.005);
    s = sample_at(1010 * SECOND); /* only what came since then counts */
    ck_assert_double_eq(s.of[FORGE_S_REQUESTS], 0);
    ck_assert_double_eq(s.of[FORGE_S_ERROR_RATE], 0);
    ck_assert(isnan(s.of[FORGE_S_P95]) && isnan(s.of[FORGE_S_DATABASE_P95]));
    ck_assert_double_eq(s.of[FORGE_S_RX], 0);
    file("/proc/net/dev", "  eth0: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n"); /* the interface is a new one */
    ck_assert(isnan(sample_at(1015 * SECOND).of[FORGE_S_RX]));
}
END_TEST

START_TEST(figures_are_shares_of_the_containers_limits)
{
    file("/proc/self/cgroup", "0::/\n");
    file("/sys/fs/cgroup/memory.max", "409600\n");
    file("/sys/fs/cgroup/memory.current", "204800\n");
    file("/sys/fs/cgroup/cpu.max", "200000 100000\n");
    file("/sys/fs/cgroup/cpu.stat", "usage_usec 1000000\n");
    sample_at(1000 * SECOND);
    file("/sys/fs/cgroup/cpu.stat", "usage_usec 3500000\n");
    forge_sample_t s = sample_at(1005 * SECOND);
    ck_assert_double_eq_tol(s.of[FORGE_S_CPU], 25, 1e-9); /* 2.5 s of 2 processors for 5 s */
    ck_assert_double_eq_tol(s.of[FORGE_S_CPU_LIMIT], 2, 1e-9);
    ck_assert_double_eq_tol(s.of[FORGE_S_CORES], 4, 1e-9);
    ck_assert_double_eq_tol(s.of[FORGE_S_MEMORY], 50, 1e-9);
    ck_assert_double_eq_tol(s.of[FORGE_S_MEMORY_TOTAL], 409600, 1e-9);
    ck_assert_double_eq_tol(s.of[FORGE_S_MEMORY_LIMIT], 409600, 1e-9);
    file("/sys/fs/cgroup/memory.max", "99999999999\n"); /* more than there is: no limit */
    file("/sys/fs/cgroup/cpu.max", "400000 100000\n");
    s = sample_at(1010 * SECOND);
    ck_assert_double_eq_tol(s.of[FORGE_S_MEMORY], 40, 1e-9);
    ck_assert(isnan(s.of[FORGE_S_MEMORY_LIMIT]) && isnan(s.of[FORGE_S_CPU_LIMIT]));
}
END_TEST

START_TEST(each_five_seconds_are_sampled_once)
{
    int taken = 0, status;
    for (int i = 0; i < 8; i++)
        if (fork() == 0)
            _exit(forge_live_sample_at(live, root, 1, 1001 * SECOND));
    for (int i = 0; i < 8; i++) {
        ck_assert_int_gt(wait(&status), 0);
        taken += WEXITSTATUS(status);
    }
    ck_assert_int_eq(taken, 1);
    ck_assert(!forge_live_sample_at(live, root, 1, 1004 * SECOND));
    ck_assert(!forge_live_sample_at(live, root, 1, 999 * SECOND)); /* somebody who slept */
    ck_assert(forge_live_sample_at(live, root, 1, 1005 * SECOND));
}
END_TEST

/* The next one is anybody's, and its rates are those since the last that was whole. */
START_TEST(a_sampler_that_died_leaves_a_hole)
{
    forge_sample_t s;
    sample_at(1000 * SECOND);
    live->segment->samples.claimed = 1005 / 5; /* claimed, and never written */
    ck_assert(!forge_live_sample_at(live, root, 1, 1007 * SECOND));
    forge_live_sample_last_at(live, 1007 * SECOND, &s);
    ck_assert_double_eq_tol(s.of[FORGE_S_MEMORY], 40, 1e-9);
    file("/proc/net/dev", "  eth0: 2000 1 0 0 0 0 0 0 2500 1 0 0 0 0 0 0\n");
    ck_assert_double_eq_tol(sample_at(1010 * SECOND).of[FORGE_S_RX], 100, 1e-9);
    forge_live_sample_last_at(live, 1029 * SECOND, &s);
    ck_assert_double_eq_tol(s.of[FORGE_S_MEMORY], 40, 1e-9);
    forge_live_sample_last_at(live, 1030 * SECOND, &s); /* too old to be told as now */
    ck_assert(isnan(s.of[FORGE_S_MEMORY]));
}
END_TEST

START_TEST(history_is_as_long_as_asked_and_has_its_holes)
{
    static forge_sample_t samples[FORGE_SAMPLES];
    apr_time_t until;
    const apr_int64_t now = forge_util_monotonic();
    sample_at(now);
    const int n = 12;
    forge_live_sample_history(live, n, samples, &until);
    ck_assert_double_eq_tol(samples[n - 1].of[FORGE_S_MEMORY], 40, 1e-9);
    for (int i = 0; i < n - 1; i++)
        ck_assert(isnan(samples[i].of[FORGE_S_MEMORY]));
    ck_assert(until <= apr_time_now() && until > apr_time_now() - 2 * FORGE_SAMPLE_EVERY);
    forge_live_sample_history(live, FORGE_SAMPLES, samples, &until);
    ck_assert_double_eq_tol(samples[FORGE_SAMPLES - 1].of[FORGE_S_MEMORY], 40, 1e-9);
    ck_assert(isnan(samples[0].of[FORGE_S_MEMORY]));
}
END_TEST

/* Not the sample of an hour ago that lies in the same place. */
START_TEST(a_place_of_the_ring_is_used_again)
{
    forge_sample_t s;
    sample_at(1000 * SECOND);
    forge_live_sample_last_at(live, (1000 + 3600) * SECOND, &s);
    ck_assert(isnan(s.of[FORGE_S_MEMORY]));
    file("/proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 500 kB\n");
    ck_assert_double_eq_tol(sample_at((1000 + 3600) * SECOND).of[FORGE_S_MEMORY], 50, 1e-9);
}
END_TEST

/* Writers that are killed at any moment: a reader sees one whole set of words or none. */
START_TEST(no_half_is_ever_seen)
{
    enum { WORDS = 64, KILLS = 60 };
    struct {
        uint64_t mark, words[WORDS];
    } *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    uint64_t words[WORDS], whole = 0;
    for (int kill_at = 0; kill_at < KILLS; kill_at++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (uint64_t n = 1;; n++) {
                for (int i = 0; i < WORDS; i++)
                    words[i] = n;
                forge_live_words_put(&shared->mark, shared->words, WORDS, n, words);
                if (n % 16 == 0)
                    usleep(20); /* so that a reader finds them whole now and then */
            }
        }
        for (int reads = 0; reads < 2000 || !whole; reads++) {
            uint64_t mark = forge_live_words_get(&shared->mark, shared->words, WORDS, words);
            for (int i = 0; mark && i < WORDS; i++)
                ck_assert_uint_eq(words[i], mark);
            whole += mark != 0;
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        uint64_t mark = forge_live_words_get(&shared->mark, shared->words, WORDS, words);
        for (int i = 0; mark && i < WORDS; i++)
            ck_assert_uint_eq(words[i], mark);
    }
    ck_assert_uint_gt(whole, 0);
    munmap(shared, sizeof(*shared));
}
END_TEST

START_TEST(file_systems_are_told_once_and_hangs_are_unknown)
{
    forge_disk_t disks[FORGE_DISKS_MAX];
    const char *paths[] = {"/", root, "/proc", "/no/such/path"};
    forge_live_sample_disks_are(live, paths, 4);
    ck_assert_int_eq(forge_live_disks(live, disks), 0);
    forge_live_sample_disks(live);
    int n = forge_live_disks(live, disks);
    ck_assert_int_ge(n, 1);
    ck_assert_int_le(n, 2);
    ck_assert_str_eq(disks[0].path, "/");
    ck_assert_double_eq_tol(disks[0].total, disks[0].used + disks[0].free, 1);
    ck_assert(disks[0].percent >= 0 && disks[0].percent <= 100);
    ck_assert(!isnan(sample_at(1000 * SECOND).of[FORGE_S_DISK]));
    live->segment->samples.disks[0].mark -= 31 * SECOND; /* it has not answered for so long */
    live->segment->samples.disks[0].holder = forge_live_process_self(live);
    forge_live_sample_disks(live); /* and whoever asked it still waits */
    n = forge_live_disks(live, disks);
    for (int i = 0; i < n; i++)
        ck_assert_str_ne(disks[i].path, "/");
    pid_t gone = fork();
    if (gone == 0)
        _exit(0);
    waitpid(gone, NULL, 0);
    live->segment->samples.disks[0].holder = (uint64_t)gone | (uint64_t)1 << 24; /* that one was killed */
    forge_live_sample_disks(live);
    ck_assert_int_ge(forge_live_disks(live, disks), 1);
    ck_assert_str_eq(disks[0].path, "/");
}
END_TEST

Suite *forge_test_live_samples(void)
{
    Suite *s = suite_create("live_samples");
    TCase *tc = tcase_create("samples");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, live_begin, live_end);
    tcase_add_test(tc, the_first_sample_has_levels_and_no_rates);
    tcase_add_test(tc, rates_are_differences);
    tcase_add_test(tc, figures_are_shares_of_the_containers_limits);
    tcase_add_test(tc, each_five_seconds_are_sampled_once);
    tcase_add_test(tc, a_sampler_that_died_leaves_a_hole);
    tcase_add_test(tc, history_is_as_long_as_asked_and_has_its_holes);
    tcase_add_test(tc, a_place_of_the_ring_is_used_again);
    tcase_add_test(tc, no_half_is_ever_seen);
    tcase_add_test(tc, file_systems_are_told_once_and_hangs_are_unknown);
    suite_add_tcase(s, tc);
    return s;
}
