/* SPDX-License-Identifier: Apache-2.0
 * forge-runner as httpd's parent starts it: one, with the rights it should have, kept over graceful restarts, ended
 * with httpd; and what is said without one. On the second node, so that the first keeps its own.
 */
#include "programs.h"

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *student; /* the access token of who asks, from launch() to the end of the case */

static void launch(const char *lines)
{
    env_second_launch(lines);
    ck_assert(env_second_ready(20));
    student = person("student").access;
}

static reply_t *run(const char *code)
{
    return CALL("POST", "/api/v1/execute", .port = PORT_SECOND, .token = student,
                .json = F("{\"code\":%s}", quoted(code)));
}

static int runner_wait(int unlike)
{
    int pid = 0;
    for (int i = 0; i < 200; i++) {
        pid = runner_pid(env_second_pid());
        if (pid && pid != unlike)
            return pid;
        pause_ms(50);
    }
    ck_abort_msg("no forge-runner but %d", pid);
    return 0;
}

static const char *sandbox_of(const char **missing)
{
    reply_t *health = CALL("GET", "/health", .port = PORT_SECOND);
    expect_status(health, 200);
    const json_t *text = maybe_at(health->json, "/checks/sandbox/missing");
    *missing = text ? json_string_value(text) : "";
    return text_at(health->json, "/checks/sandbox/status");
}

/* --- without one --- */

START_TEST(without_a_sandbox_nothing_is_run)
{
    const char *missing;
    expect_log("FG0566");
    launch(F("ForgeSandbox %s/nothing\n", env.dir));
    reply_t *reply = run("print(1)");
    expect_problem(reply, "sandbox_unavailable");
    ck_assert(header(reply, "Retry-After") != NULL);
    ck_assert_str_eq(sandbox_of(&missing), "fail");
    ck_assert_str_eq(missing, "forge-runner does not answer");
    ck_assert_msg(strstr(log_since("error.log"), "cannot be executed") != NULL, "%.2000s", log_since("error.log"));
    expect_status(CALL("GET", "/health/ready", .port = PORT_SECOND), 200);
    env_second_stop(); /* it would go on saying so */
}
END_TEST

START_TEST(off_is_said_so)
{
    const char *missing;
    launch("ForgeSandbox Off\n");
    expect_problem(run("print(1)"), "sandbox_unavailable");
    ck_assert_str_eq(sandbox_of(&missing), "off");
    ck_assert_int_eq(runner_pid(env_second_pid()), 0);
}
END_TEST

/* --- with one --- */

START_TEST(its_socket_is_for_the_children_alone)
{
    struct stat info;
    const char *missing;
    launch("");
    runner_wait(0);
    for (int i = 0; i < 200 && strcmp(sandbox_of(&missing), "pass") != 0; i++)
        pause_ms(50); /* it changes its account before it answers */
    ck_assert_int_eq(stat(F("%s/run-second/forge-second.pid", env.dir), &info), 0);
    ck_assert_int_eq(info.st_mode & 07777, 0700);
    const struct passwd *children = env.root ? getpwnam("www-data") : NULL;
    ck_assert_msg(!children || info.st_uid == children->pw_uid, "%u", (unsigned)info.st_uid);
    char *status = file_read(F("/proc/%d/status", runner_pid(env_second_pid())), 0);
    ck_assert_msg(!env.root || !strstr(status, "\nUid:\t0\t"), "%s", status);
    ck_assert_msg(!children || !strstr(status, F("\nUid:\t%u\t", (unsigned)children->pw_uid)), "%s", status);
    ck_assert_str_eq(file_read(F("/proc/%d/environ", runner_pid(env_second_pid())), 0), "");
}
END_TEST

/* A new runner tries itself first. On a busy machine what is asked meanwhile may be told to come again. */
static reply_t *run_in_time(const char *code)
{
    reply_t *reply = run(code);
    for (int i = 0; i < 10 && reply->status == 503; i++) {
        pause_ms(1000);
        reply = run(code);
    }
    return reply;
}

START_TEST(a_graceful_restart_keeps_it_unless_its_directives_change)
{
    launch("ForgeExecConcurrency 1 10 5\n");
    int first = runner_wait(0);
    expect_status(run_in_time("print(1)"), 200);
    env_second_change("ForgeExecConcurrency 1 10 5\nForgeExecLimits wall=2s\n");
    reply_t *reply = NULL;
    for (int i = 0; i < 100 && (!reply || reply->status != 422); i++) {
        pause_ms(50);
        reply = CALL("POST", "/api/v1/execute", .port = PORT_SECOND, .token = student,
                     .json = "{\"code\":\"print(1)\",\"limits\":{\"wall_ms\":3000}}");
    }
    expect_fault(reply, "/limits/wall_ms", "out_of_range");
    ck_assert_int_eq(runner_pid(env_second_pid()), first);
    env_second_change("ForgeExecConcurrency 1 11 5\n");
    int second = runner_wait(first);
    ck_assert(env_second_ready(20));
    expect_status(run_in_time("print(1)"), 200);
    env_second_change("ForgeSandbox Off\n");
    for (int i = 0; i < 200 && runner_pid(env_second_pid()); i++)
        pause_ms(50);
    ck_assert(!process_alive(second));
}
END_TEST

static bool gone(int pid)
{
    return process_kill(pid, 0) != 0 || strstr(file_read(F("/proc/%d/stat", pid), 0), ") Z") != NULL;
}

/* Also when the parent has no time for it. Its children outlive that, and would keep the port. */
START_TEST(it_ends_with_httpd)
{
    static const int signals[] = {SIGTERM, SIGKILL};
    expect_log("AH00045"); /* httpd asks a second time where the machine is busy; to kill would be AH00046 */
    for (int i = 0; i < 2; i++) {
        int children[64];
        launch("");
        int runner = runner_wait(0), n = children_of(env_second_pid(), "", children, 64);
        process_kill(env_second_pid(), signals[i]);
        for (int j = 0; j < 200 && !gone(runner); j++)
            pause_ms(50);
        ck_assert_msg(gone(runner), "%d lives", runner);
        for (int j = 0; j < n && signals[i] == SIGKILL; j++)
            process_kill(children[j], SIGKILL);
        env_second_stop();
        remove(F("%s/second.pid", env.dir));
    }
}
END_TEST

/* Whoever is killed again and again is started more and more slowly, but started. */
START_TEST(it_is_started_again_with_a_pause)
{
    expect_log("FG0566");
    launch("");
    int runner = runner_wait(0);
    for (int i = 0; i < 2; i++) {
        process_kill(runner, SIGKILL);
        runner = runner_wait(runner);
    }
    ck_assert_msg(strstr(log_since("error.log"), "in 1 s") && strstr(log_since("error.log"), "in 2 s"), "%.3000s",
                  log_since("error.log"));
    expect_status(run("print(1)"), 200);
}
END_TEST

static void second_gone(void)
{
    env_second_stop();
}

Suite *suite_runner(void)
{
    Suite *suite = suite_create("runner");
    TCase *tc = case_make(suite, "without");
    tcase_add_unchecked_fixture(tc, NULL, second_gone);
    tcase_add_test(tc, without_a_sandbox_nothing_is_run);
    tcase_add_test(tc, off_is_said_so);
    tc = case_make(suite, "with");
    tcase_add_unchecked_fixture(tc, NULL, second_gone);
    tcase_add_test(tc, its_socket_is_for_the_children_alone);
    tcase_add_test(tc, a_graceful_restart_keeps_it_unless_its_directives_change);
    tcase_add_test(tc, it_ends_with_httpd);
    tcase_add_test(tc, it_is_started_again_with_a_pause);
    return suite;
}
