/* SPDX-License-Identifier: Apache-2.0
 * Tests of what is left behind: after many runs, after a launcher or forge-runner itself was killed at any moment, and
 * after its parent has ended. FORGE_TEST_RUNS says how many runs (make soak-runner: 1000).
 */
#include "runner.h"
#include <apr_strings.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPINS  "while True: pass\n"
#define HUNGRY "bytearray(100 << 20)"
#define KILLS  20

static int lines(const char *path)
{
    int n = 0;
    FILE *file = fopen(path, "r");
    for (int c; file && (c = fgetc(file)) != EOF;)
        n += c == '\n';
    if (file)
        fclose(file);
    return n;
}

static int entries(const char *path)
{
    int n = 0;
    DIR *dir = opendir(path);
    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n;
}

/* Entries of a folder once there are no more than that: who asked last may not have been let go yet. */
static int entries_settle(const char *path, int wanted)
{
    int n = entries(path);
    for (int ms = 0; ms < FORGE_TEST_SETTLE_MS && n > wanted; ms += 10, n = entries(path))
        usleep(10000);
    return n;
}

static long resident_pages(pid_t pid)
{
    long size = 0, resident = 0;
    FILE *file = fopen(apr_psprintf(forge_test_pool, "/proc/%d/statm", (int)pid), "r");
    if (file && fscanf(file, "%ld %ld", &size, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return resident;
}

/* Nothing is built ahead, so that every process that is left would be too much. */
static const char *const cold[] = {"--warm", "0", NULL};

static void set_up(void)
{
    forge_test_runner_start(cold);
}

static forge_run_job_t job(const char *code)
{
    forge_run_job_t made = forge_test_job(code);
    made.limits.wall_ms = made.limits.cpu_ms = 60000;
    return made;
}

START_TEST(many_runs_leave_nothing)
{
    const char *wanted = getenv("FORGE_TEST_RUNS");
    const pid_t pid = forge_test_runner_pid();
    const char *fds = apr_psprintf(forge_test_pool, "/proc/%d/fd", (int)pid);
    forge_run_job_t writes = job("open('x', 'w').write('x' * 1000000)\nprint(len(open('x').read()))");
    int before[3] = {0};
    long pages = 0;
    for (int i = 0, n = wanted ? atoi(wanted) : 100; i < n; i++) {
        apr_pool_t *p;
        apr_pool_create(&p, forge_test_pool);
        forge_run_result_t r = forge_test_run(p, &writes);
        ck_assert_int_eq(r.status, FORGE_RUN_OK);
        ck_assert(forge_test_has(r.output, "1000000\n"));
        apr_pool_destroy(p);
        if (i == 9) {
            forge_test_idle(forge_test_pool);
            ck_assert_int_eq(forge_test_runner_settle(pid, 1), 1);
            pages = resident_pages(pid);
            before[0] = lines("/proc/self/mounts");
            before[1] = entries(fds);
            before[2] = entries(forge_test_runner_file(""));
        }
    }
    forge_test_idle(forge_test_pool);
    ck_assert_int_eq(forge_test_runner_settle(pid, 1), 1);
    ck_assert_int_eq(lines("/proc/self/mounts"), before[0]);
    ck_assert_int_le(entries_settle(fds, before[1]), before[1]);
    ck_assert_int_eq(entries(forge_test_runner_file("")), before[2]);
    ck_assert_int_le(resident_pages(pid), pages + 64);
}
END_TEST

/* Whatever the launcher was doing, the client hears that its run is gone, and nothing of it lives on. */
START_TEST(a_killed_launcher_takes_its_run_with_it)
{
    const pid_t pid = forge_test_runner_pid();
    for (int i = 0; i < KILLS; i++) {
        pid_t launcher = 0;
        forge_run_job_t spins = job(SPINS), next = job("print('next')");
        forge_test_idle(forge_test_pool); /* the launcher of the run before has gone too */
        forge_run_t *run = forge_test_submit(forge_test_pool, &spins);
        for (int ms = 0; ms < FORGE_TEST_SETTLE_MS && (forge_test_runner_alive(pid, &launcher), !launcher); ms++)
            usleep(1000);
        ck_assert_int_gt(launcher, 0);
        usleep((unsigned)(i * 3000));
        ck_assert_int_eq(kill(launcher, SIGKILL), 0);
        forge_run_result_t r = forge_test_collect(run);
        ck_assert_int_eq(r.status, FORGE_RUN_SANDBOX_ERROR);
        ck_assert_int_eq(forge_test_runner_settle(pid, 1), 1);
        ck_assert(forge_test_has(forge_test_run(forge_test_pool, &next).output, "next"));
    }
}
END_TEST

START_TEST(a_killed_runner_takes_all_runs_with_it)
{
    for (int i = 0; i < KILLS / 2; i++) {
        forge_run_job_t spins = job(SPINS);
        forge_test_runner_start(i % 2 ? cold : NULL);
        const pid_t pid = forge_test_runner_pid();
        forge_run_t *run = forge_test_submit(forge_test_pool, &spins);
        usleep((unsigned)(i * 6000));
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        ck_assert_int_eq(forge_test_runner_settle(pid, 0), 0);
        ck_assert_int_eq(forge_test_collect(run).status, FORGE_RUN_SANDBOX_ERROR);
    }
    forge_test_runner_stop();
}
END_TEST

/* Nobody stays who waits for a program of the self-test. */
START_TEST(a_runner_that_ends_in_its_self_test_leaves_nothing)
{
    for (int i = 0; i < 2 * KILLS; i++) {
        forge_test_runner_begin(NULL);
        const pid_t pid = forge_test_runner_pid();
        usleep((unsigned)(20000 + i * 10000));
        ck_assert_int_eq(kill(pid, i % 2 ? SIGKILL : SIGTERM), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        ck_assert_int_eq(forge_test_runner_settle(pid, 0), 0);
    }
    forge_test_runner_stop();
}
END_TEST

/* A process in between starts forge-runner and ends, as httpd's parent may. */
START_TEST(it_ends_with_its_parent)
{
    int told[2];
    pid_t pid = 0;
    ck_assert_int_eq(pipe(told), 0);
    pid_t between = fork();
    if (!between) {
        forge_run_job_t spins = job(SPINS);
        forge_test_runner_start(NULL);
        forge_test_submit(forge_test_pool, &spins);
        usleep(50000);
        pid = forge_test_runner_pid();
        ck_assert_int_eq((int)write(told[1], &pid, sizeof(pid)), (int)sizeof(pid));
        _exit(0);
    }
    ck_assert_int_eq((int)read(told[0], &pid, sizeof(pid)), (int)sizeof(pid));
    ck_assert_int_eq(waitpid(between, NULL, 0), between);
    ck_assert_int_eq(forge_test_runner_settle(pid, 0), 0);
}
END_TEST

/* --- sandboxes that are built ahead --- */

#define AHEAD 2
/* forge-runner; of each a launcher, bubblewrap, forge-init and the interpreter; and one more without an interpreter */
#define AHEAD_MANY (1 + 4 * AHEAD + 3)

static void set_up_ahead(void)
{
    forge_test_runner_start((const char *const[]){"--warm", "2", NULL});
}

START_TEST(what_is_built_ahead_is_used_once)
{
    const pid_t pid = forge_test_runner_pid();
    const char *fds = apr_psprintf(forge_test_pool, "/proc/%d/fd", (int)pid);
    forge_run_job_t leaves =
        forge_test_job("import os\nprint(os.listdir('/w'))\nopen('x', 'w').write('x')\n"
                       "open('/dev/null').close()\nprint(os.getpid(), open('/p/main.py').read(6))");
    ck_assert_int_eq(forge_test_runner_settle(pid, AHEAD_MANY), AHEAD_MANY);
    const int before = entries(fds);
    for (int i = 0; i < 20; i++) {
        forge_run_result_t r = forge_test_run(forge_test_pool, &leaves);
        ck_assert_int_eq(r.status, FORGE_RUN_OK);
        ck_assert_msg(forge_test_has(r.output, "[]\n2 import\n"), "%.*s", (int)r.output.len, r.output.data);
    }
    forge_test_idle(forge_test_pool);
    ck_assert_int_eq(forge_test_runner_settle(pid, AHEAD_MANY), AHEAD_MANY);
    ck_assert_int_le(entries_settle(fds, before), before);
}
END_TEST

/* Other limits and larger jobs than it was built for do not get it; and it gives way. */
START_TEST(what_is_built_ahead_has_its_own_limits)
{
    const pid_t pid = forge_test_runner_pid();
    static const char fills[] = "n = 0\ntry:\n    f = open('x', 'wb', 0)\n    while True: n += f.write(b'x' * 4096)\n"
                                "except OSError: print(n)\n";
    forge_run_job_t small = forge_test_job(fills), large = forge_test_job("import sys\nprint(len(sys.stdin.read()))"),
                    hungry = forge_test_job(HUNGRY);
    char *input = memset(apr_palloc(forge_test_pool, 300000), 'x', 300000);
    small.limits.file_bytes = 1 << 20;
    hungry.limits.memory_kb = 64 << 10;
    large.input = (forge_run_bytes_t){input, 300000};
    for (int i = 0; i < 12; i++) { /* of four alike in a row two have one built for them */
        ck_assert_int_eq(forge_test_runner_settle(pid, AHEAD_MANY), AHEAD_MANY);
        if (i / 4 != 1)
            ck_assert(forge_test_has(forge_test_run(forge_test_pool, &small).output, "1048576\n"));
        else
            ck_assert_int_eq(forge_test_run(forge_test_pool, &hungry).status, FORGE_RUN_MEMORY_LIMIT);
        forge_test_idle(forge_test_pool);
    }
    for (int i = 0; i < 4; i++) {
        ck_assert(forge_test_has(forge_test_run(forge_test_pool, &small).output, "1048576\n"));
        ck_assert(forge_test_has(forge_test_run(forge_test_pool, &large).output, "300000\n"));
        ck_assert_int_eq(forge_test_run(forge_test_pool, &hungry).status, FORGE_RUN_MEMORY_LIMIT);
    }
}
END_TEST

enum { LAUNCHER, BUBBLEWRAP, INIT, INTERPRETER, OF_ONE };

/* The i-th child of a process; 0: there is none. */
static pid_t child_of(pid_t pid, int i)
{
    int child = 0;
    FILE *file = fopen(apr_psprintf(forge_test_pool, "/proc/%d/task/%d/children", (int)pid, (int)pid), "r");
    for (bool more = file; more && i >= 0; i--)
        more = fscanf(file, "%d", &child) == 1;
    if (file)
        fclose(file);
    return i < 0 ? child : 0;
}

/* A process of the sandbox of a launcher; 0: it has none such. */
static pid_t process_of(pid_t launcher, int which)
{
    pid_t pid = launcher;
    for (int i = LAUNCHER; i < which && pid; i++)
        pid = child_of(pid, 0);
    return pid;
}

/* One of the processes of a sandbox that waits, with an interpreter or without. */
static pid_t one_that_waits(pid_t session, int which, bool interpreter)
{
    pid_t launcher;
    for (int i = 0; (launcher = child_of(session, i)); i++)
        if (!!process_of(launcher, INTERPRETER) == interpreter)
            return process_of(launcher, which);
    ck_abort_msg("no sandbox waits %s an interpreter", interpreter ? "with" : "without");
}

static bool runs_still(pid_t pid)
{
    char state = 'X';
    FILE *file = fopen(apr_psprintf(forge_test_pool, "/proc/%d/stat", (int)pid), "r");
    if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 'X';
    if (file)
        fclose(file);
    return state != 'Z' && state != 'X';
}

/* On a busy machine a process that was killed runs on for a while. */
static void kill_now(pid_t pid)
{
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    for (int ms = 0; ms < FORGE_TEST_SETTLE_MS && runs_still(pid); ms++)
        usleep(1000);
}

/* Whichever process of one that waits ends, the next job is run all the same. Only a launcher that is given a job while
 * it dies cannot pass it on. */
START_TEST(what_is_built_ahead_may_break)
{
    const pid_t pid = forge_test_runner_pid();
    const int delays[] = {0, 1000, 5000, 20000};
    for (int which = LAUNCHER; which < OF_ONE; which++)
        for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
            forge_run_job_t next = forge_test_job("print('next')");
            ck_assert_int_eq(forge_test_runner_settle(pid, AHEAD_MANY), AHEAD_MANY);
            kill_now(one_that_waits(pid, which, true));
            if (which == LAUNCHER)
                ck_assert_int_le(forge_test_runner_settle(pid, AHEAD_MANY - OF_ONE), AHEAD_MANY - OF_ONE);
            else
                usleep((useconds_t)delays[i]);
            forge_run_result_t r = forge_test_run(forge_test_pool, &next);
            ck_assert_msg(r.status == FORGE_RUN_OK && forge_test_has(r.output, "next"), "%d, %d us: %s %.*s", which,
                          delays[i], forge_run_status_name(r.status), (int)r.why.len, r.why.data);
        }
    ck_assert_int_eq(forge_test_runner_settle(pid, AHEAD_MANY), AHEAD_MANY);
    forge_test_runner_stop();
    ck_assert_int_eq(forge_test_runner_settle(pid, 0), 0);
}
END_TEST

/* The youngest child of a process. */
static pid_t last_child_of(pid_t pid)
{
    pid_t child, last = 0;
    for (int i = 0; (child = child_of(pid, i)); i++)
        last = child;
    return last;
}

/* One that breaks while it is built may have been given a job already. */
START_TEST(a_job_for_one_that_breaks_is_not_lost)
{
    const pid_t pid = forge_test_runner_pid();
    forge_run_job_t next = forge_test_job("print('next')");
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(forge_test_runner_settle(pid, AHEAD_MANY), AHEAD_MANY);
        const pid_t before = last_child_of(pid);
        forge_test_run(forge_test_pool, &next); /* the next but one is for the sandbox that is built now */
        pid_t launcher = last_child_of(pid);
        for (int ms = 0; ms < FORGE_TEST_SETTLE_MS && launcher == before; ms++, launcher = last_child_of(pid))
            usleep(1000);
        ck_assert_int_eq(kill(launcher, SIGSTOP), 0);
        const pid_t inside = child_of(launcher, 0);
        if (inside)
            kill(inside, SIGKILL);
        forge_test_run(forge_test_pool, &next);
        forge_run_t *run = forge_test_submit(forge_test_pool, &next);
        usleep(50000);
        ck_assert_int_eq(kill(launcher, SIGCONT), 0);
        forge_run_result_t r = forge_test_collect(run);
        ck_assert_msg(r.status == FORGE_RUN_OK && forge_test_has(r.output, "next"), "%d: %s %.*s", i,
                      forge_run_status_name(r.status), (int)r.why.len, r.why.data);
        forge_test_idle(forge_test_pool);
    }
}
END_TEST

/* The sandbox without an interpreter is for other limits, which hold in it; and it may break. */
START_TEST(other_limits_have_one_built_ahead_as_well)
{
    const pid_t pid = forge_test_runner_pid();
    forge_run_job_t spins = job(SPINS), says = forge_test_job("print('x' * 999)"), hungry = forge_test_job(HUNGRY),
                    long_one = forge_test_job("print('x' * 99999)");
    spins.limits.wall_ms = 500;
    says.limits.output_bytes = 10;
    long_one.limits.output_bytes = 100000;
    hungry.limits.memory_kb = 64 << 10;
    ck_assert_int_eq(forge_test_runner_settle(pid, AHEAD_MANY), AHEAD_MANY);
    const pid_t launcher = one_that_waits(pid, LAUNCHER, false);
    forge_run_t *run = forge_test_submit(forge_test_pool, &spins);
    for (int ms = 0; ms < 500 && !process_of(launcher, INTERPRETER); ms++)
        usleep(1000);
    ck_assert_int_gt(process_of(launcher, INTERPRETER), 0);
    ck_assert_int_eq(forge_test_collect(run).status, FORGE_RUN_TIMEOUT);
    const struct {
        const forge_run_job_t *job;
        forge_run_status_t status;
        size_t len;
    } rows[] = {
        {&says, FORGE_RUN_OUTPUT_LIMIT, 10}, {&long_one, FORGE_RUN_OK, 100000}, {&hungry, FORGE_RUN_MEMORY_LIMIT, 0}};
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_int_eq(forge_test_runner_settle(pid, AHEAD_MANY), AHEAD_MANY);
        if (i >= sizeof(rows) / sizeof(rows[0]))
            kill_now(one_that_waits(pid, i % 2 ? INIT : BUBBLEWRAP, false));
        forge_run_result_t r = forge_test_run(forge_test_pool, rows[i % 3].job);
        ck_assert_int_eq(r.status, rows[i % 3].status);
        ck_assert_uint_eq(r.output.len, rows[i % 3].len);
        forge_test_idle(forge_test_pool);
    }
}
END_TEST

/* Who asks for something else each time has it built, and costs nobody what is there. */
START_TEST(what_is_built_ahead_stays_where_no_two_are_alike)
{
    const pid_t pid = forge_test_runner_pid();
    ck_assert_int_eq(forge_test_runner_settle(pid, AHEAD_MANY), AHEAD_MANY);
    const pid_t kept = one_that_waits(pid, INTERPRETER, true);
    for (int i = 0; i < 6; i++) {
        forge_run_job_t other = forge_test_job("print('other')");
        other.limits.wall_ms -= i + 1;
        ck_assert_int_eq(forge_test_run(forge_test_pool, &other).status, FORGE_RUN_OK);
    }
    forge_test_idle(forge_test_pool);
    ck_assert_int_eq(forge_test_runner_settle(pid, AHEAD_MANY), AHEAD_MANY);
    ck_assert_int_eq(kill(kept, 0), 0);
}
END_TEST

Suite *forge_test_run_lifetime(void)
{
    Suite *s = suite_create("run_lifetime");
    TCase *tc = tcase_create("runs");
    tcase_add_unchecked_fixture(tc, set_up, forge_test_runner_stop);
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, many_runs_leave_nothing);
    tcase_add_test(tc, a_killed_launcher_takes_its_run_with_it);
    suite_add_tcase(s, tc);
    tc = tcase_create("ahead");
    tcase_add_unchecked_fixture(tc, set_up_ahead, forge_test_runner_stop);
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, what_is_built_ahead_is_used_once);
    tcase_add_test(tc, what_is_built_ahead_has_its_own_limits);
    suite_add_tcase(s, tc);
    tc = tcase_create("breaks");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_checked_fixture(tc, set_up_ahead, forge_test_runner_stop);
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, what_is_built_ahead_may_break);
    tcase_add_test(tc, a_job_for_one_that_breaks_is_not_lost);
    tcase_add_test(tc, other_limits_have_one_built_ahead_as_well);
    tcase_add_test(tc, what_is_built_ahead_stays_where_no_two_are_alike);
    suite_add_tcase(s, tc);
    tc = tcase_create("ends");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, a_killed_runner_takes_all_runs_with_it);
    tcase_add_test(tc, a_runner_that_ends_in_its_self_test_leaves_nothing);
    tcase_add_test(tc, it_ends_with_its_parent);
    suite_add_tcase(s, tc);
    return s;
}
