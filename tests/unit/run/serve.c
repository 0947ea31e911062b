/* SPDX-License-Identifier: Apache-2.0
 * Tests of forge-runner's loop by its socket: frames that are none, clients that are slow or go away, a full queue,
 * turns, and the answers when a layer of the sandbox is missing.
 */
#include "runner.h"
#include <apr_strings.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SLEEPS "import time\nprint('up', flush=True)\ntime.sleep(50)\n"

static int connection(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = ""};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    apr_cpystrn(at.sun_path, forge_test_runner_socket(), sizeof(at.sun_path));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

/* Everything that comes until the other side closes. */
static size_t hear(int fd, char *to, size_t room)
{
    size_t have = 0;
    for (struct pollfd on = {fd, POLLIN, 0}; have < room && poll(&on, 1, 60000) > 0;) {
        ssize_t n = read(fd, to + have, room - have);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    return have;
}

static char *frame_of(const forge_run_job_t *job, size_t *size)
{
    *size = forge_run_frame_size(FORGE_RUN_JOB, job);
    char *frame = apr_palloc(forge_test_pool, *size);
    forge_run_frame_write(FORGE_RUN_JOB, job, frame);
    return frame;
}

static forge_run_result_t answer(int fd)
{
    forge_run_result_t result = {.status = -1};
    char *bytes = apr_palloc(forge_test_pool, 65536);
    size_t len, have = hear(fd, bytes, 65536);
    ck_assert_int_gt((int)have, FORGE_RUN_HEAD);
    ck_assert_int_eq(forge_run_frame_head(bytes, &len), FORGE_RUN_RESULT);
    ck_assert(forge_run_frame_read(FORGE_RUN_RESULT, bytes + FORGE_RUN_HEAD, have - FORGE_RUN_HEAD, &result));
    return result;
}

static forge_run_job_t job_for(int64_t account, const char *code)
{
    forge_run_job_t job = forge_test_job(code);
    job.account = account;
    job.limits.wall_ms = 60000;
    return job;
}

static void set_up(void)
{
    static const char *const few[] = {"--queue", "4", "--share", "3", "--runs", "1", NULL};
    forge_test_runner_start(few);
}

/* --- frames --- */

START_TEST(garbage_ends_its_own_connection_only)
{
    size_t size;
    char heard[64];
    forge_run_job_t job = forge_test_job("print(1)");
    char *frame = frame_of(&job, &size);
    const struct {
        const char *bytes;
        size_t len;
    } garbage[] = {{"GET / HTTP/1.1\r\n\r\n", 18},         {"FRG1\0\0\0\1\xff\xff\xff\xff", 12},
                   {"FRG1\0\0\0\1\0\0\0\0", 12},           {"FRG1\0\0\0\2\0\0\0\1x", 13},
                   {"FRG1\0\0\0\3\0\0\0\1x", 13},          {"FRG1\0\0\0\1\0\0\0\5\1\0\0\0\0", 17},
                   {"FRG1\0\0\0\1\0\0\0\5\7\0\0\0\0", 17}, {frame, 5}};
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        int fd = connection();
        ck_assert_int_eq((int)write(fd, garbage[i].bytes, garbage[i].len), (int)garbage[i].len);
        shutdown(fd, SHUT_WR);
        ck_assert_msg(hear(fd, heard, sizeof(heard)) == 0, "%d", (int)i);
        close(fd);
    }
    ck_assert_int_eq(forge_test_run(forge_test_pool, &job).status, FORGE_RUN_OK);
}
END_TEST

START_TEST(a_slow_writer_is_served_and_holds_nobody_up)
{
    size_t size;
    forge_run_job_t job = forge_test_job("print('slow')"), other = job_for(2, "print('quick')");
    char *frame = frame_of(&job, &size);
    int fd = connection();
    for (size_t i = 0; i < size; i++) {
        ck_assert_int_eq((int)write(fd, frame + i, 1), 1);
        if (i == size / 2)
            ck_assert(forge_test_has(forge_test_run(forge_test_pool, &other).output, "quick"));
    }
    ck_assert(forge_test_has(answer(fd).output, "slow"));
    close(fd);
}
END_TEST

START_TEST(arguments_are_counted)
{
    char args[2 * (FORGE_RUN_ARGS_COUNT + 1)], heard[64];
    size_t size;
    forge_run_job_t job = forge_test_job("import sys\nprint(len(sys.argv))");
    for (size_t i = 0; i < sizeof(args); i += 2)
        memcpy(args + i, "x", 2);
    job.args = (forge_run_bytes_t){args, sizeof(args) - 2};
    ck_assert(forge_test_has(forge_test_run(forge_test_pool, &job).output, "65\n"));
    job.args.len = sizeof(args);
    for (int i = 0; i < 2; i++, job.args.len = 1) { /* too many; one without its end */
        char *frame = frame_of(&job, &size);
        int fd = connection();
        ck_assert_int_eq((int)write(fd, frame, size), (int)size);
        ck_assert_int_eq((int)hear(fd, heard, sizeof(heard)), 0);
        close(fd);
    }
}
END_TEST

/* Lengths that are promised count before a byte of them is here. */
START_TEST(memory_for_jobs_is_bounded)
{
    static const char head[] = "FRG1\0\0\0\1\1\x7f\xff\xff"; /* just below the longest frame */
    int fds[24], full = 0;
    for (int i = 0; i < 24; i++) {
        fds[i] = connection();
        ck_assert_int_eq((int)write(fds[i], head, 12), 12);
    }
    ck_assert_int_eq(answer(fds[23]).status, FORGE_RUN_QUEUE_FULL);
    for (int i = 0; i < 24; i++) {
        struct pollfd on = {fds[i], POLLIN, 0};
        full += poll(&on, 1, 0) > 0;
        close(fds[i]);
    }
    ck_assert_int_lt(full, 20);
    forge_run_job_t job = forge_test_job("print(1)");
    ck_assert_int_eq(forge_test_run(forge_test_pool, &job).status, FORGE_RUN_OK);
}
END_TEST

START_TEST(languages_that_are_not_there_are_unavailable)
{
    forge_run_job_t job = forge_test_job("print(1)");
    job.language = (forge_run_bytes_t){"cobol", 5};
    forge_run_result_t r = forge_test_run(forge_test_pool, &job);
    ck_assert_int_eq(r.status, FORGE_RUN_UNAVAILABLE);
    ck_assert(forge_test_has(r.why, "language"));
    job = forge_test_job("print(1)");
    job.limits.memory_kb = FORGE_RUN_LIMIT_MAX_memory_kb;
    job.limits.file_bytes = FORGE_RUN_LIMIT_MAX_file_bytes;
    if (forge_test_state(forge_test_pool).memory_max_kb < job.limits.memory_kb)
        ck_assert_int_eq(forge_test_run(forge_test_pool, &job).status, FORGE_RUN_UNAVAILABLE);
}
END_TEST

/* --- the queue --- */

START_TEST(too_many_are_told_so_at_once)
{
    forge_run_t *runs[5];
    forge_run_job_t sleeps = job_for(1, SLEEPS), other = job_for(2, SLEEPS), third = job_for(3, SLEEPS);
    forge_test_idle(forge_test_pool);
    for (int i = 0; i < 3; i++)
        runs[i] = forge_test_submit(forge_test_pool, &sleeps);
    ck_assert_int_eq(forge_test_run(forge_test_pool, &sleeps).status, FORGE_RUN_SHARE_USED_UP);
    runs[3] = forge_test_submit(forge_test_pool, &other);
    runs[4] = forge_test_submit(forge_test_pool, &other);
    ck_assert_int_eq(forge_test_run(forge_test_pool, &third).status, FORGE_RUN_QUEUE_FULL);
    forge_run_state_t state = forge_test_state(forge_test_pool);
    ck_assert_int_eq((int)state.running, 1);
    ck_assert_int_eq((int)state.waiting, 4);
    ck_assert_int_ge((int)state.refused, 2);
    ck_assert_int_gt((int)state.memory_kb, FORGE_RUN_MEMORY_KB);
    for (int i = 0; i < 5; i++)
        forge_run_cancel(runs[i]);
    forge_test_idle(forge_test_pool);
}
END_TEST

START_TEST(accounts_have_their_turns)
{
    forge_run_t *runs[4];
    forge_run_job_t first = job_for(1, "import time\ntime.sleep(.3)"), one = job_for(1, "print(1)"),
                    two = job_for(2, "print(2)");
    forge_test_idle(forge_test_pool);
    runs[0] = forge_test_submit(forge_test_pool, &first);
    runs[1] = forge_test_submit(forge_test_pool, &one);
    runs[2] = forge_test_submit(forge_test_pool, &one);
    runs[3] = forge_test_submit(forge_test_pool, &two);
    ck_assert_int_eq(forge_test_collect(runs[0]).status, FORGE_RUN_OK);
    int64_t of_two = forge_test_collect(runs[3]).waited_ms, of_last = forge_test_collect(runs[2]).waited_ms;
    ck_assert_int_eq(forge_test_collect(runs[1]).status, FORGE_RUN_OK);
    ck_assert_int_lt((int)of_two, (int)of_last);
}
END_TEST

/* Whatever was asked for there is one place less than processors, and each program has one of them for itself. */
START_TEST(the_last_processor_is_left_to_the_others)
{
    static const char *const many[] = {"--queue", "64", "--share", "64", "--runs", "256", NULL};
    forge_run_job_t tells = job_for(1, "import os, time\nprint(sorted(os.sched_getaffinity(0)))\ntime.sleep(.2)");
    cpu_set_t mine;
    int last = CPU_SETSIZE - 1;
    CPU_ZERO(&mine);
    ck_assert_int_eq(sched_getaffinity(0, sizeof(mine), &mine), 0);
    while (!CPU_ISSET((size_t)last, &mine))
        last--;
    const int places = CPU_COUNT(&mine) > 1 ? CPU_COUNT(&mine) - 1 : 1;
    forge_test_runner_start(many);
    ck_assert_int_eq((int)forge_test_state(forge_test_pool).runs_max, places);
    forge_run_t *runs[16];
    const int n = places + 1 < 16 ? places + 1 : 16; /* as many as there are places, and one more */
    for (int i = 0; i < n; i++)
        runs[i] = forge_test_submit(forge_test_pool, &tells);
    for (int i = 0; i < n; i++) {
        const forge_run_result_t told = forge_test_collect(runs[i]);
        ck_assert_int_eq(told.status, FORGE_RUN_OK);
        ck_assert_msg(CPU_COUNT(&mine) == 1 || !memchr(told.output.data, ',', told.output.len),
                      "on several processors");
        ck_assert(CPU_COUNT(&mine) == 1 || !forge_test_has(told.output, apr_psprintf(forge_test_pool, "[%d]", last)));
    }
    forge_test_runner_stop();
}
END_TEST

START_TEST(who_goes_away_ends_the_run)
{
    forge_run_job_t sleeps = job_for(1, SLEEPS), next = job_for(2, "print('my turn')");
    forge_test_idle(forge_test_pool);
    forge_run_t *runs = forge_test_submit(forge_test_pool, &sleeps),
                *waits = forge_test_submit(forge_test_pool, &sleeps);
    usleep(100000); /* at whatever stage it is by then */
    forge_run_cancel(waits);
    forge_run_cancel(runs);
    forge_run_result_t r = forge_test_run(forge_test_pool, &next);
    ck_assert(forge_test_has(r.output, "my turn"));
    ck_assert_int_lt((int)r.waited_ms, 40000); /* the sleeper would have held the place longer */
    forge_test_idle(forge_test_pool);
}
END_TEST

START_TEST(destroying_the_pool_ends_the_run)
{
    apr_pool_t *p;
    forge_run_job_t sleeps = job_for(1, SLEEPS);
    apr_pool_create(&p, forge_test_pool);
    forge_test_submit(p, &sleeps);
    apr_pool_destroy(p);
    forge_test_idle(forge_test_pool);
}
END_TEST

/* --- the client --- */

START_TEST(no_runner_is_said_at_once)
{
    const char *why = NULL;
    char far[256];
    forge_run_state_t state;
    forge_run_job_t job = forge_test_job("print(1)");
    memset(far, 'x', sizeof(far) - 1);
    far[sizeof(far) - 1] = '\0';
    ck_assert_ptr_null(forge_run_submit(forge_test_pool, "/nowhere/socket", &job, &why));
    ck_assert_str_eq(why, "forge-runner does not run");
    ck_assert_ptr_null(forge_run_submit(forge_test_pool, far, &job, &why));
    ck_assert_str_eq(why, "the path of the socket is too long");
    ck_assert(!forge_run_probe(forge_test_pool, "/nowhere/socket", &state, &why));
    job.limits.wall_ms = 0;
    ck_assert_ptr_null(forge_run_submit(forge_test_pool, forge_test_runner_socket(), &job, &why));
    ck_assert_str_eq(why, "a member of the job is out of its range");
}
END_TEST

/* Somebody listens who says what is no result, or says nothing at all. */
START_TEST(a_wrong_runner_is_gone)
{
    static const char *const says[] = {"", "FRG1\0\0\0\1\0\0\0\0", "nonsense, and enough of it"};
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = ""};
    const char *path = apr_pstrdup(forge_test_pool, forge_test_runner_file("wrong")), *why;
    forge_run_job_t job = forge_test_job("print(1)");
    forge_run_result_t result;
    apr_cpystrn(at.sun_path, path, sizeof(at.sun_path));
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listening, (struct sockaddr *)&at, sizeof(at)), 0);
    ck_assert_int_eq(listen(listening, 8), 0);
    for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
        forge_run_t *run = forge_run_submit(forge_test_pool, path, &job, &why);
        ck_assert_ptr_nonnull(run);
        ck_assert_int_eq(forge_run_collect(run, &result), FORGE_RUN_WAITING);
        int fd = accept(listening, NULL, NULL);
        ck_assert_int_ge((int)write(fd, says[i], i == 1 ? 12 : strlen(says[i])), 0);
        close(fd);
        ck_assert_int_eq(forge_run_collect(run, &result), FORGE_RUN_GONE);
        ck_assert_int_eq(result.status, FORGE_RUN_SANDBOX_ERROR);
        ck_assert(forge_test_has(result.why, "without a result"));
        ck_assert_int_eq(forge_run_fd(run), -1);
    }
    forge_run_state_t state;
    ck_assert(!forge_run_probe(forge_test_pool, path, &state, &why)); /* nobody accepts */
    ck_assert_str_eq(why, "forge-runner does not answer");
    close(listening);
}
END_TEST

/* --- layers --- */

static void expect_unavailable(const char *const *args, const char *layer)
{
    forge_run_state_t state;
    const char *why = "";
    forge_run_job_t job = forge_test_job("print(1)");
    forge_test_runner_start(args);
    ck_assert(!forge_run_probe(forge_test_pool, forge_test_runner_socket(), &state, &why));
    ck_assert_msg(strstr(why, layer), "%s: %s", layer, why);
    ck_assert_int_eq((int)state.available, 0);
    forge_run_result_t r = forge_test_run(forge_test_pool, &job);
    ck_assert_int_eq(r.status, FORGE_RUN_UNAVAILABLE);
    ck_assert(forge_test_has(r.why, layer));
    ck_assert_ptr_nonnull(strstr(forge_test_runner_log(), layer));
    forge_test_runner_stop();
}

static const char *script(const char *text)
{
    const char *path = apr_psprintf(forge_test_pool, "/tmp/forge-bwrap-%d", (int)getpid());
    FILE *file = fopen(path, "w");
    fprintf(file, "#!/bin/sh\n%s\n", text);
    fclose(file);
    chmod(path, 0755);
    return path;
}

START_TEST(a_missing_layer_stops_everything)
{
    expect_unavailable((const char *const[]){"--bwrap", "/nowhere/bwrap", NULL}, "bubblewrap");
    expect_unavailable((const char *const[]){"--init", "/nowhere/init", NULL}, "forge-init");
    expect_unavailable((const char *const[]){"--languages", "none", NULL}, "python");
    expect_unavailable((const char *const[]){"--bwrap", "/bin/true", NULL}, "control program");
    expect_unavailable((const char *const[]){"--bwrap", "/bin/false", NULL}, "control program");
}
END_TEST

/* A bubblewrap that works but gives the program more than it should have. */
START_TEST(a_leaking_layer_stops_everything)
{
    const char *path = script("exec /usr/bin/bwrap --args 5 --setenv MORE x -- /i");
    expect_unavailable((const char *const[]){"--bwrap", path, NULL}, "hostile program");
    unlink(path);
}
END_TEST

Suite *forge_test_run_serve(void)
{
    Suite *s = suite_create("run_serve");
    TCase *tc = tcase_create("clients");
    tcase_add_unchecked_fixture(tc, set_up, forge_test_runner_stop);
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, garbage_ends_its_own_connection_only);
    tcase_add_test(tc, a_slow_writer_is_served_and_holds_nobody_up);
    tcase_add_test(tc, arguments_are_counted);
    tcase_add_test(tc, memory_for_jobs_is_bounded);
    tcase_add_test(tc, languages_that_are_not_there_are_unavailable);
    tcase_add_test(tc, too_many_are_told_so_at_once);
    tcase_add_test(tc, accounts_have_their_turns);
    tcase_add_test(tc, who_goes_away_ends_the_run);
    tcase_add_test(tc, destroying_the_pool_ends_the_run);
    tcase_add_test(tc, no_runner_is_said_at_once);
    tcase_add_test(tc, a_wrong_runner_is_gone);
    suite_add_tcase(s, tc);
    tc = tcase_create("places");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, the_last_processor_is_left_to_the_others);
    suite_add_tcase(s, tc);
    tc = tcase_create("layers");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_missing_layer_stops_everything);
    tcase_add_test(tc, a_leaking_layer_stops_everything);
    suite_add_tcase(s, tc);
    return s;
}
