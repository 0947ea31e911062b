/* SPDX-License-Identifier: Apache-2.0
 * Tests of the sandbox: every program of tests/sandbox/ against a real forge-runner, and what it must report of them.
 */
#include "runner.h"
#include "test_places.h"
#include <apr_file_io.h>
#include <apr_strings.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ON(status) (1u << FORGE_RUN_##status)
/* Room for a machine that is busy with other tests, where the limit is not what is tried; and small limits where it is.
 */
#define FULL \
    { \
        60000, 30000, FORGE_RUN_MEMORY_KB, 64, FORGE_RUN_OUTPUT_BYTES, FORGE_RUN_FILE_BYTES \
    }
#define BUSY \
    { \
        60000, 300, FORGE_RUN_MEMORY_KB, 64, FORGE_RUN_OUTPUT_BYTES, FORGE_RUN_FILE_BYTES \
    }
#define SHORT \
    { \
        700, 30000, FORGE_RUN_MEMORY_KB, 64, FORGE_RUN_OUTPUT_BYTES, FORGE_RUN_FILE_BYTES \
    }

static const struct {
    const char *name;
    forge_run_limits_t limits;
    unsigned statuses;
    const char *says;
} programs[] = {
#define PROGRAM(name, limits, statuses, says) {#name, limits, statuses, says},
#include "../../sandbox/programs.def"
#undef PROGRAM
};
/* forge-runner; a launcher, bubblewrap, forge-init and an interpreter that waits; and the same without one */
#define AHEAD_ONE 8
#define PROGRAMS  (int)(sizeof(programs) / sizeof(programs[0]))

/* What the host would hear if a program reached it. */
static int tcp = -1, udp = -1, local = -1, abstract = -1, port;

static const char *text_of(const char *name)
{
    static char text[65536];
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/sandbox/%s.py", FORGE_SRCDIR, name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file, "%s", path);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return apr_pstrdup(forge_test_pool, text);
}

static int listen_at(struct sockaddr *at, socklen_t len, int kind)
{
    int fd = socket(at->sa_family, kind | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, at, len), 0);
    if (kind == SOCK_STREAM)
        ck_assert_int_eq(listen(fd, 8), 0);
    return fd;
}

static int listen_local(const char *name, bool in_files)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = ""};
    apr_cpystrn(at.sun_path + !in_files, name, sizeof(at.sun_path) - 1);
    return listen_at((struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1),
                     SOCK_STREAM);
}

static void listen_everywhere(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = 0};
    socklen_t len = sizeof(at);
    tcp = listen_at((struct sockaddr *)&at, sizeof(at), SOCK_STREAM);
    ck_assert_int_eq(getsockname(tcp, (struct sockaddr *)&at, &len), 0);
    port = ntohs(at.sin_port);
    udp = listen_at((struct sockaddr *)&at, sizeof(at), SOCK_DGRAM);
    local = listen_local(forge_test_runner_file("canary"), true);
    abstract = listen_local("forge-canary", false);
}

static void set_up(void)
{
    forge_test_runner_start((const char *const[]){"--warm", "0", NULL});
    listen_everywhere();
}

static void set_up_ahead(void)
{
    forge_test_runner_start((const char *const[]){"--runs", "1", "--warm", "1", NULL});
    listen_everywhere();
}

static void tear_down(void)
{
    close(tcp);
    close(udp);
    close(local);
    close(abstract);
    forge_test_runner_stop();
}

static bool heard_nothing(void)
{
    struct pollfd on[] = {{tcp, POLLIN, 0}, {udp, POLLIN, 0}, {local, POLLIN, 0}, {abstract, POLLIN, 0}};
    return poll(on, 4, 0) == 0;
}

/* The job of a program of the folder, with what it may look for as its arguments. */
static forge_run_job_t job_of(const char *name, const char *input)
{
    const char *code = apr_pstrcat(forge_test_pool, text_of("prelude"), text_of(name), NULL);
    const char *args[] = {apr_itoa(forge_test_pool, port), forge_test_runner_file("canary"), "forge-canary"};
    forge_run_job_t job = forge_test_job(code);
    job.args = forge_run_args(forge_test_pool, 3, args);
    job.input = (forge_run_bytes_t){input, strlen(input)};
    job.limits = (forge_run_limits_t)FULL;
    return job;
}

/* The same without arguments, for an interpreter that was started before them: it finds what it looks for all the same.
 */
static forge_run_job_t job_ahead_of(const char *name)
{
    forge_run_job_t job = forge_test_job(
        apr_pstrcat(forge_test_pool, "import sys\nsys.argv[1:] = ['", apr_itoa(forge_test_pool, port), "', '",
                    forge_test_runner_file("canary"), "', 'forge-canary']\n", text_of("prelude"), text_of(name), NULL));
    return job;
}

/* Has an interpreter started for jobs of these limits. */
static void start_ahead(const forge_run_limits_t *limits)
{
    forge_run_job_t first = forge_test_job("");
    first.limits = *limits;
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(forge_test_run(forge_test_pool, &first).status, FORGE_RUN_OK);
    forge_test_idle(forge_test_pool);
    ck_assert_int_eq(forge_test_runner_settle(forge_test_runner_pid(), AHEAD_ONE), AHEAD_ONE);
}

static void expect_held(forge_run_job_t job, int _i)
{
    job.limits = programs[_i].limits;
    forge_run_result_t r = forge_test_run(forge_test_pool, &job);
    ck_assert_msg(1u << r.status & programs[_i].statuses, "%s: %s\n%.*s\n%.*s\n%.*s", programs[_i].name,
                  forge_run_status_name(r.status), (int)r.output.len, r.output.data, (int)r.errors.len, r.errors.data,
                  (int)r.why.len, r.why.data);
    ck_assert_msg(forge_test_has(r.output, programs[_i].says), "%s says %.*s\n%.*s", programs[_i].name,
                  (int)r.output.len, r.output.data, (int)r.errors.len, r.errors.data);
    ck_assert_msg(!forge_test_has(r.output, "ESCAPED") && !forge_test_has(r.errors, "ESCAPED"), "%s: %.*s",
                  programs[_i].name, (int)r.output.len, r.output.data);
    ck_assert(heard_nothing());
    ck_assert_int_eq((int)r.why.len, 0);
    ck_assert_ptr_null(strstr(forge_test_runner_log(), "FG1001"));
}

START_TEST(holds)
{
    expect_held(job_of(programs[_i].name, ""), _i);
}
END_TEST

START_TEST(holds_where_the_interpreter_waited)
{
    start_ahead(&programs[_i].limits);
    expect_held(job_ahead_of(programs[_i].name), _i);
}
END_TEST

/* Its program is a file to whoever opens it, and of the same words, tracebacks and encodings. */
START_TEST(an_interpreter_that_waited_is_like_any_other)
{
    char *large = memset(apr_palloc(forge_test_pool, 90001), '#', 90001);
    memcpy(large, "print('large') ", 15);
    large[90000] = '\0';
    const struct {
        const char *code, *output, *errors;
    } cases[] = {
        {"", "", ""},
        {large, "large\n", ""},
        {"import os, stat, sys\nprint(sys.argv, __file__, __name__, sys.flags.isolated, os.listdir('/p'), "
         "stat.filemode(os.stat('/p/main.py').st_mode), open(__file__).read(9))",
         "['/p/main.py'] /p/main.py __main__ 1 ['main.py'] -r--r--r-- import os\n", ""},
        {"import os, sys\nprint(os.getpid(), os.getcwd(), os.listdir('.'), sys.stdin.read())", "2 /w [] in\n", ""},
        {"def f():\n    return 1 / 0  # here\nf()\n", "", "    return 1 / 0  # here\n"},
        {"print('before')\nexit('why')\n", "before\n", "why\n"},
        {"x = (\n", "", "SyntaxError: '(' was never closed"},
        {"# -*- coding: latin-1 -*-\nprint(len('\xe4\xf6'))", "2\n", ""},
        {"#!/usr/bin/python3\r\n# vim: set fileencoding=latin-1 :\r\nprint(len('\xe4'))", "1\n", ""},
        {"\xef\xbb\xbfprint('mark')\r\nprint(2)\r\n", "mark\n2\n", ""},
        {"# -*- coding: utf-8 -*-\nprint(ascii('\xc3\xa4'))", "'\\xe4'\n", ""},
        {"print('\xff')", "", "SyntaxError"},
        {"import random\nprint(random.random() != random.Random(0).random())", "True\n", ""},
    };
    const forge_run_limits_t usual = FORGE_RUN_DEFAULTS;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        forge_run_job_t job = forge_test_job(cases[i].code);
        job.input = (forge_run_bytes_t){"in", 2};
        start_ahead(&usual);
        forge_run_result_t r = forge_test_run(forge_test_pool, &job);
        ck_assert_msg(r.status == (*cases[i].errors ? FORGE_RUN_RUNTIME_ERROR : FORGE_RUN_OK) &&
                          forge_test_has(r.output, cases[i].output) && forge_test_has(r.errors, cases[i].errors),
                      "%d: %s\n%.*s\n%.*s", (int)i, forge_run_status_name(r.status), (int)r.output.len, r.output.data,
                      (int)r.errors.len, r.errors.data);
    }
}
END_TEST

/* No two have the same seed, and none has time that it waited counted. */
START_TEST(an_interpreter_that_waited_starts_anew)
{
    const forge_run_limits_t usual = FORGE_RUN_DEFAULTS;
    forge_run_job_t job = forge_test_job("print(hash('forge'))");
    char *seen[3];
    for (int i = 0; i < 3; i++) {
        start_ahead(&usual);
        usleep(300000);
        const apr_time_t sent = apr_time_now();
        forge_run_result_t r = forge_test_run(forge_test_pool, &job);
        ck_assert_int_eq(r.status, FORGE_RUN_OK);
        ck_assert_int_le(r.duration_ms, apr_time_as_msec(apr_time_now() - sent) + 1);
        seen[i] = apr_pstrmemdup(forge_test_pool, r.output.data, r.output.len);
        for (int k = 0; k < i; k++)
            ck_assert_str_ne(seen[i], seen[k]);
    }
}
END_TEST

START_TEST(reports_how_it_ended)
{
    forge_run_job_t job = job_of("control", "from outside");
    forge_run_result_t r = forge_test_run(forge_test_pool, &job);
    ck_assert_int_eq(r.status, FORGE_RUN_RUNTIME_ERROR);
    ck_assert_int_eq(r.exit_code, 3);
    ck_assert_int_eq(r.signal, 0);
    ck_assert(forge_test_has(r.output, "forge-canary'] from outside\n"));
    ck_assert(forge_test_has(r.errors, "to the other side\n"));
    ck_assert_int_eq(r.truncated, 0);
    ck_assert_int_ge(r.cpu_ms, 1);
    ck_assert_int_ge(r.duration_ms, 1);
    ck_assert_int_ge(r.memory_kb, 1000);
    job = job_of("core_dump", "");
    r = forge_test_run(forge_test_pool, &job);
    ck_assert_int_eq(r.exit_code, -1);
    ck_assert_int_eq(r.signal, SIGSEGV);
    job = job_of("other_numbers", "");
    ck_assert_int_eq(forge_test_run(forge_test_pool, &job).signal, SIGSYS);
}
END_TEST

START_TEST(keeps_what_was_written_until_the_limit)
{
    forge_run_job_t job = job_of("flood_both", "");
    job.limits.output_bytes = 1000;
    forge_run_result_t r = forge_test_run(forge_test_pool, &job);
    ck_assert_int_eq(r.status, FORGE_RUN_OUTPUT_LIMIT);
    ck_assert_int_eq(r.truncated, 1);
    ck_assert_int_le((int)r.output.len, 1000);
    ck_assert_int_le((int)r.errors.len, 1000);
    ck_assert(r.output.len == 1000 || r.errors.len == 1000);
    job = forge_test_job("print('x' * 999)");
    job.limits.output_bytes = 1000;
    r = forge_test_run(forge_test_pool, &job);
    ck_assert_int_eq(r.status, FORGE_RUN_OK);
    ck_assert_int_eq((int)r.output.len, 1000);
    ck_assert_int_eq(r.truncated, 0);
}
END_TEST

START_TEST(holds_the_limits_of_the_job)
{
    forge_run_job_t job = job_of("memory_bytes", "");
    job.limits.memory_kb = 32 << 10;
    forge_run_result_t r = forge_test_run(forge_test_pool, &job);
    ck_assert_int_eq(r.status, FORGE_RUN_MEMORY_LIMIT);
    ck_assert_int_le(r.memory_kb, 48 << 10);
    job = job_of("spinner", "");
    job.limits.cpu_ms = 100;
    r = forge_test_run(forge_test_pool, &job);
    ck_assert_int_eq(r.status, FORGE_RUN_TIMEOUT);
    ck_assert_int_ge(r.cpu_ms, 100);
    ck_assert_int_lt(r.cpu_ms, 1000);
    job = job_of("disk_fill", "");
    job.limits.file_bytes = 1 << 20;
    r = forge_test_run(forge_test_pool, &job);
    ck_assert(forge_test_has(r.output, "held disk"));
    job = job_of("thread_bomb", "");
    job.limits.processes = 9;
    r = forge_test_run(forge_test_pool, &job);
    ck_assert(forge_test_has(r.output, "held threads 8\n"));
}
END_TEST

START_TEST(hands_over_large_inputs_whole)
{
    apr_size_t len = FORGE_RUN_STDIN_MAX;
    char *input = apr_palloc(forge_test_pool, len);
    memset(input, 'x', len);
    forge_run_job_t job = job_of("reads_stdin", "");
    job.input = (forge_run_bytes_t){input, len};
    forge_run_result_t r = forge_test_run(forge_test_pool, &job);
    ck_assert(forge_test_has(r.output, apr_psprintf(forge_test_pool, "%" APR_SIZE_T_FMT " ", len)));
    job.code = (forge_run_bytes_t){"print('not read')", 17};
    r = forge_test_run(forge_test_pool, &job);
    ck_assert_int_eq(r.status, FORGE_RUN_OK);
    ck_assert(forge_test_has(r.output, "not read"));
}
END_TEST

/* Two programs, one after the other, and what both may have left on the host. */
START_TEST(leaves_nothing_for_the_next)
{
    forge_run_job_t leaves = job_of("leaves_state", ""), finds = job_of("finds_state", "");
    forge_test_run(forge_test_pool, &leaves);
    ck_assert(forge_test_has(forge_test_run(forge_test_pool, &finds).output, "held state"));
    ck_assert_int_ne(access("/tmp/state", F_OK), 0);
    ck_assert_int_ne(access("/dev/shm/state", F_OK), 0);
}
END_TEST

START_TEST(answers_with_empty_and_broken_programs)
{
    forge_run_job_t job = forge_test_job("");
    ck_assert_int_eq(forge_test_run(forge_test_pool, &job).status, FORGE_RUN_OK);
    job = forge_test_job("def");
    forge_run_result_t r = forge_test_run(forge_test_pool, &job);
    ck_assert_int_eq(r.status, FORGE_RUN_RUNTIME_ERROR);
    ck_assert(forge_test_has(r.errors, "SyntaxError"));
    job = forge_test_job("print('\xff\xfe')");
    ck_assert_int_eq(forge_test_run(forge_test_pool, &job).status, FORGE_RUN_RUNTIME_ERROR);
}
END_TEST

/* --- other languages --- */

static void set_up_languages(void)
{
    forge_test_runner_start((const char *const[]){"--languages", "python,c,javascript", NULL});
}

static forge_run_job_t job_in(const char *language, const char *code)
{
    forge_run_job_t job = forge_test_job(code);
    job.language = (forge_run_bytes_t){language, strlen(language)};
    job.limits = (forge_run_limits_t)FULL;
    return job;
}

/* A language that this machine has is one that forge-runner offers. */
static bool offered(const char *language, const char *program)
{
    bool there = access(program, X_OK) == 0;
    ck_assert_int_eq(forge_test_has(forge_test_state(forge_test_pool).languages, language), there);
    return there;
}

START_TEST(compiles_and_runs_c)
{
    const char *args[] = {"a b"};
    ck_assert(offered("c", "/usr/bin/gcc"));
    forge_run_job_t job =
        job_in("c", "#include <stdio.h>\nint main(int n, char **v) { int c = getchar(); printf(\"%d %s "
                    "%c\\n\", n, v[1], c); return 4; }");
    job.args = forge_run_args(forge_test_pool, 1, args);
    job.input = (forge_run_bytes_t){"x", 1};
    forge_run_result_t r = forge_test_run(forge_test_pool, &job);
    ck_assert_msg(r.status == FORGE_RUN_RUNTIME_ERROR && r.exit_code == 4, "%.*s", (int)r.errors.len, r.errors.data);
    ck_assert(forge_test_has(r.output, "2 a b x\n"));
    job = job_in("c", "int main(void) { return x; }");
    r = forge_test_run(forge_test_pool, &job);
    ck_assert_int_eq(r.status, FORGE_RUN_RUNTIME_ERROR);
    ck_assert(forge_test_has(r.errors, "undeclared"));
}
END_TEST

/* Where processes may be started, their sum is what counts. */
START_TEST(holds_processes_of_c)
{
    forge_run_job_t job =
        job_in("c", "#include <string.h>\n#include <stdlib.h>\n#include <unistd.h>\nint main(void) { for "
                    "(int i = 0; i < 40; i++) if (!fork()) { memset(malloc(60 << 20), 1, 60 << 20); "
                    "sleep(50); } sleep(50); }");
    ck_assert_int_eq(forge_test_run(forge_test_pool, &job).status, FORGE_RUN_MEMORY_LIMIT);
    job = job_in("c", "#include <unistd.h>\nint main(void) { for (;;) fork(); }");
    job.limits.cpu_ms = 300;
    ck_assert_int_eq(forge_test_run(forge_test_pool, &job).status, FORGE_RUN_TIMEOUT);
    job = job_in("c",
                 "#include <stdio.h>\n#include <sched.h>\n#include <signal.h>\n#include <sys/socket.h>\n"
                 "#include <unistd.h>\nint main(void) { printf(\"%d %d %d %d %d\\n\", setsid(), unshare(0x10000000), "
                 "socket(2, 1, 0), kill(1, 9), access(\"/etc/passwd\", 0)); if (!fork()) { daemon(0, 0); sleep(50); "
                 "} }");
    job.limits.wall_ms = 45000; /* less than who stays behind sleeps */
    forge_run_result_t r = forge_test_run(forge_test_pool, &job);
    ck_assert_int_eq(r.status, FORGE_RUN_OK);
    ck_assert_msg(forge_test_has(r.output, "-1 -1 -1 "), "%.*s", (int)r.output.len, r.output.data);
    ck_assert(forge_test_has(r.output, " -1\n"));
}
END_TEST

START_TEST(runs_javascript)
{
    if (!offered("javascript", "/usr/bin/node"))
        return;
    forge_run_job_t job = job_in("javascript", "console.log(process.argv[2], require('fs').readFileSync(0, 'utf8'))");
    const char *args[] = {"a b"};
    job.args = forge_run_args(forge_test_pool, 1, args);
    job.input = (forge_run_bytes_t){"in", 2};
    forge_run_result_t r = forge_test_run(forge_test_pool, &job);
    ck_assert_msg(r.status == FORGE_RUN_OK, "%.*s", (int)r.errors.len, r.errors.data);
    ck_assert(forge_test_has(r.output, "a b in\n"));
    job = job_in("javascript", "const kept = []; for (;;) kept.push(Buffer.alloc(1 << 20, 1))");
    ck_assert_int_eq(forge_test_run(forge_test_pool, &job).status, FORGE_RUN_MEMORY_LIMIT);
    job = job_in("javascript", "require('net').connect(80, '127.0.0.1').on('error', e => console.log('held', e.code))");
    ck_assert(forge_test_has(forge_test_run(forge_test_pool, &job).output, "held E"));
}
END_TEST

Suite *forge_test_run_sandbox(void)
{
    Suite *s = suite_create("run_sandbox");
    TCase *tc = tcase_create("programs");
    tcase_add_unchecked_fixture(tc, set_up, tear_down);
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, holds, 0, PROGRAMS);
    suite_add_tcase(s, tc);
    tc = tcase_create("ahead");
    tcase_add_unchecked_fixture(tc, set_up_ahead, tear_down);
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, holds_where_the_interpreter_waited, 0, PROGRAMS);
    tcase_add_test(tc, an_interpreter_that_waited_is_like_any_other);
    tcase_add_test(tc, an_interpreter_that_waited_starts_anew);
    suite_add_tcase(s, tc);
    tc = tcase_create("reports");
    tcase_add_unchecked_fixture(tc, set_up, tear_down);
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, reports_how_it_ended);
    tcase_add_test(tc, keeps_what_was_written_until_the_limit);
    tcase_add_test(tc, holds_the_limits_of_the_job);
    tcase_add_test(tc, hands_over_large_inputs_whole);
    tcase_add_test(tc, leaves_nothing_for_the_next);
    tcase_add_test(tc, answers_with_empty_and_broken_programs);
    suite_add_tcase(s, tc);
    tc = tcase_create("languages");
    tcase_add_unchecked_fixture(tc, set_up_languages, forge_test_runner_stop);
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_set_timeout(tc, 240);
    tcase_add_test(tc, compiles_and_runs_c);
    tcase_add_test(tc, holds_processes_of_c);
    tcase_add_test(tc, runs_javascript);
    suite_add_tcase(s, tc);
    return s;
}
