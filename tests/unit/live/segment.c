/* SPDX-License-Identifier: Apache-2.0
 * Tests of live/segment.c and live/system.c: one segment per process pool, shared by forked children; the table of
 * children; the hash.
 */
#include "live/live_private.h"
#include "unit.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static forge_live_t *live_make(void)
{
    const char *why = NULL;
    forge_live_t *live = forge_live_open_private(forge_test_pool, &why);
    ck_assert_msg(live != NULL, "%s", why ? why : "");
    return live;
}

static void ended_well(pid_t pid)
{
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

START_TEST(opened_twice_is_one)
{
    const char *why;
    forge_live_t *a = forge_live_open(forge_test_pool, &why);
    forge_live_t *b = forge_live_open(forge_test_pool, &why);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_eq(a->segment, b->segment);
    ck_assert_uint_eq((uintptr_t)a->segment % FORGE_LIVE_LINE, 0);
    ck_assert_uint_eq(a->segment->bytes, sizeof(forge_live_segment_t));
    ck_assert_uint_lt(a->segment->bytes, 16u << 20);
    ck_assert(a->segment->started <= apr_time_now());
    ck_assert(a->segment->started > apr_time_now() - apr_time_from_sec(60));
}
END_TEST

START_TEST(other_layout_is_left_alone)
{
    const char *why;
    forge_live_t *old = forge_live_open(forge_test_pool, &why);
    old->segment->layout = FORGE_LIVE_LAYOUT + 1;
    forge_live_t *fresh = forge_live_open(forge_test_pool, &why);
    ck_assert_ptr_nonnull(fresh);
    ck_assert_ptr_ne(old->segment, fresh->segment);
    ck_assert_ptr_eq(forge_live_open(forge_test_pool, &why)->segment, fresh->segment);
    forge_live_count(old, FORGE_C_HASH_TOTAL); /* an old child goes on */
    ck_assert_uint_eq(old->segment->counters[FORGE_C_HASH_TOTAL], 1);
    ck_assert_uint_eq(fresh->segment->counters[FORGE_C_HASH_TOTAL], 0);
}
END_TEST

START_TEST(children_share_it)
{
    forge_live_t *live = live_make();
    for (int i = 0; i < 4; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (int n = 0; n < 1000; n++)
                forge_live_count(live, FORGE_C_LOGIN_OK);
            _exit(0);
        }
        ended_well(pid);
    }
    ck_assert_uint_eq(live->segment->counters[FORGE_C_LOGIN_OK], 4000);
}
END_TEST

/* Starts a child that has one request in flight and a pool of 5, and waits to be killed. */
static pid_t busy_child(forge_live_t *live)
{
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        forge_live_request_begin(live);
        forge_live_pool_add(live, 5, 2, 1);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

START_TEST(killed_child_takes_its_share_along)
{
    forge_live_t *live = live_make();
    forge_live_process_t sum;
    forge_live_request_begin(live);
    pid_t a = busy_child(live), b = busy_child(live);
    forge_live_process_sum(live, &sum);
    ck_assert_uint_eq(sum.in_flight, 3);
    ck_assert_uint_eq(sum.pool_size, 10);
    ck_assert_uint_eq(sum.pool_busy, 4);
    ck_assert_uint_eq(sum.pool_waiting, 2);
    kill(a, SIGKILL);
    siginfo_t info;
    ck_assert_int_eq(waitid(P_PID, (id_t)a, &info, WEXITED | WNOWAIT),
                     0); /* dead, but nobody has fetched it: a zombie counts as gone */
    forge_live_process_sum(live, &sum);
    ck_assert_uint_eq(sum.in_flight, 2);
    ck_assert_uint_eq(sum.pool_size, 5);
    waitpid(a, NULL, 0);
    kill(b, SIGKILL);
    waitpid(b, NULL, 0);
    forge_live_process_sum(live, &sum);
    ck_assert_uint_eq(sum.in_flight, 1);
    ck_assert_uint_eq(sum.pool_size, 0);
    forge_live_request_end(live, 0, 200, 0);
    forge_live_process_sum(live, &sum);
    ck_assert_uint_eq(sum.in_flight, 0);
}
END_TEST

START_TEST(another_process_with_the_same_pid_is_another)
{
    forge_live_t *live = live_make();
    forge_live_process_t sum, *self = forge_live_process(live);
    forge_live_request_begin(live);
    self->key += 1u << 24; /* as if this pid had been born later */
    forge_live_process_sum(live, &sum);
    ck_assert_uint_eq(sum.in_flight, 0);
}
END_TEST

START_TEST(full_table_is_swept_and_shared)
{
    forge_live_t *live = live_make();
    forge_live_process_t sum, *processes = live->segment->processes;
    for (int i = 0; i < FORGE_LIVE_PROCESSES; i++) {
        processes[i].key = (uint64_t)getppid(); /* alive, birth unknown */
        processes[i].in_flight = 1;
    }
    forge_live_request_begin(live);
    ck_assert_ptr_eq(forge_live_process(live), &processes[FORGE_LIVE_PROCESSES]);
    forge_live_pool_add(live, 1, 1, 1);
    forge_live_process_sum(live, &sum);
    ck_assert_uint_eq(sum.in_flight, FORGE_LIVE_PROCESSES + 1);
    ck_assert_uint_eq(sum.pool_size, 0);
    pid_t gone = fork();
    if (gone == 0)
        _exit(0);
    ended_well(gone);
    processes[7].key = (uint64_t)gone;
    pid_t pid = fork();
    if (pid == 0)
        _exit(forge_live_process(live) != &processes[7] || forge_live_load(&processes[7].in_flight) != 0);
    ended_well(pid);
}
END_TEST

START_TEST(hash_is_siphash)
{
    /* Vectors of the reference implementation, confirmed by OpenSSL: key 00 … 0f, messages of 0, 1 and 15 counting
     * bytes. */
    static const struct {
        apr_size_t len;
        uint64_t hash[2];
    } vectors[] = {
        {0, {0xe6a825ba047f81a3, 0x930255c71472f66d}},
        {1, {0x44af996bd8c187da, 0x45fc229b11597634}},
        {15, {0x11a8b03399e99354, 0xd9c3cf970fec087e}},
    };
    const uint64_t secret[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    unsigned char message[16];
    for (unsigned char i = 0; i < 16; i++)
        message[i] = i;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
        uint64_t hash[2];
        forge_live_hash(secret, 0, message, vectors[i].len, hash);
        ck_assert_uint_eq(hash[0], vectors[i].hash[0]);
        ck_assert_uint_eq(hash[1], vectors[i].hash[1]);
    }
    uint64_t a[2], b[2];
    forge_live_hash(secret, 1, message, 8, a);
    forge_live_hash(secret, 2, message, 8, b);
    ck_assert_uint_ne(a[0], b[0]);
}
END_TEST

START_TEST(births_of_processes_are_known)
{
    bool known;
    ck_assert_uint_gt(forge_live_system_born(getpid(), &known), 0);
    ck_assert(known);
    ck_assert_uint_le(forge_live_system_born(getppid(), &known), forge_live_system_born(getpid(), &known));
    ck_assert_uint_eq(forge_live_system_born(0x7ffffffe, &known), 0);
    ck_assert(!known);
}
END_TEST

Suite *forge_test_live_segment(void)
{
    Suite *s = suite_create("live_segment");
    TCase *tc = tcase_create("segment");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, opened_twice_is_one);
    tcase_add_test(tc, other_layout_is_left_alone);
    tcase_add_test(tc, children_share_it);
    tcase_add_test(tc, killed_child_takes_its_share_along);
    tcase_add_test(tc, another_process_with_the_same_pid_is_another);
    tcase_add_test(tc, full_table_is_swept_and_shared);
    tcase_add_test(tc, hash_is_siphash);
    tcase_add_test(tc, births_of_processes_are_known);
    suite_add_tcase(s, tc);
    return s;
}
