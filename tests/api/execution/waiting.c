/* SPDX-License-Identifier: Apache-2.0
 * Requests that wait for their programs: they hold no thread where the MPM allows that, the turns go round the
 * accounts, who leaves is cancelled, and nobody is forgotten when httpd or forge-runner goes.
 *
 * A program that sleeps holds the places; the others wait until its client lets go.
 */
#include "programs.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CROWD = 200, STAY = 20, FEW = 3 }; /* where threads wait, FEW and one more may all meet in one child */

#define SLEEPS   "import time\ntime.sleep(9)"
#define REQUESTS "forge_sandbox_requests"
#define IN_USE   "forge_sandbox_in_use"
#define QUEUE    "forge_sandbox_queue"

#define ENDED_WELL "forge_sandbox_runs_total{status=\"ok\"}"

static bool suspends(void)
{
    return strcmp(env.mpm, "event") == 0;
}

/* One place; a queue and a share as the case wants them. */
static void second_with(const char *places)
{
    env_second_launch(F("ForgeExecConcurrency %s\n", places));
    ck_assert(env_second_ready(20));
    metric_wait(PORT_SECOND, IN_USE, 0);
}

static int sleeper(port_t port, person_t who)
{
    int fd = program_sent(port, who.access, SLEEPS);
    metric_wait(port, IN_USE, 1);
    return fd;
}

static void expect_ok(int fd)
{
    char *answer = answer_read(fd, PROGRAM_SECONDS);
    ck_assert_msg(answer_status(answer) == 200 && strstr(answer, "\"status\":\"ok\""), "%.900s", answer);
}

static void expect_told(const char *answer, int status, const char *code)
{
    ck_assert_msg(answer_status(answer) == status && strstr(answer, F("\"%s\"", code)), "%.900s", answer);
    ck_assert_msg(strcasestr(answer, "\r\nRetry-After:") != NULL, "%.900s", answer);
}

/* Several times as many as there are threads. Some of them stay to the end. */
START_TEST(reads_go_on_while_two_hundred_wait)
{
    int fds[CROWD], n = suspends() ? CROWD : FEW;
    person_t me = person("student"), reader = person("student");
    watchdog(180);
    int fd = sleeper(PORT_MAIN, me);
    for (int i = 0; i < n; i++)
        fds[i] = program_sent(PORT_MAIN, me.access, F("print(%d)", i));
    metric_wait(PORT_MAIN, REQUESTS, n + 1);
    metric_wait(PORT_MAIN, QUEUE, n);
    metric_wait(PORT_MAIN, "forge_db_pool_connections{state=\"busy\"}", 0);
    expect_served("/api/v1/auth/me", reader.access);
    ck_assert_int_eq(metric(REQUESTS), n + 1);
    for (int i = STAY; i < n; i++)
        close(fds[i]);
    metric_wait(PORT_MAIN, QUEUE, n < STAY ? n : STAY);
    close(fd);
    for (int i = 0; i < n && i < STAY; i++) {
        char *answer = answer_read(fds[i], PROGRAM_SECONDS);
        ck_assert_msg(strstr(answer, F("\"stdout\":\"%d\\n\"", i)) != NULL, "%d: %.900s", i, answer);
    }
    metric_wait(PORT_MAIN, REQUESTS, 0);
    metric_wait(PORT_MAIN, IN_USE, 0);
}
END_TEST

/* More than may hold a thread are told to come again. */
START_TEST(where_nothing_is_suspended_few_wait)
{
    enum { MANY = 24 };
    int fds[MANY], refused = 0;
    person_t me = person("student");
    if (suspends())
        return;
    int fd = sleeper(PORT_MAIN, me);
    for (int i = 0; i < MANY; i++)
        fds[i] = program_sent(PORT_MAIN, me.access, "print(1)");
    pause_ms(500);
    expect_served("/api/v1/auth/me", me.access);
    close(fd);
    for (int i = 0; i < MANY; i++) {
        char *answer = answer_read(fds[i], PROGRAM_SECONDS);
        if (answer_status(answer) == 200)
            continue;
        expect_told(answer, 503, "execution_queue_full");
        refused++;
    }
    ck_assert_int_ge(refused, 4);
    ck_assert_int_lt(refused, MANY);
}
END_TEST

START_TEST(who_leaves_is_cancelled)
{
    person_t me = person("student");
    int fds[FEW], fd = sleeper(PORT_MAIN, me);
    for (int i = 0; i < FEW; i++)
        fds[i] = program_sent(PORT_MAIN, me.access, SLEEPS);
    metric_wait(PORT_MAIN, REQUESTS, FEW + 1);
    for (int i = 0; i < FEW; i++)
        close(fds[i]);
    metric_wait(PORT_MAIN, REQUESTS, 1);
    metric_wait(PORT_MAIN, QUEUE, 0);
    close(fd);
    metric_wait(PORT_MAIN, IN_USE, 0);
    expect_ok(program_sent(PORT_MAIN, me.access, "print(1)"));
    int left = 0;
    for (const char *at = log_since("access.json"); suspends() && (at = strstr(at, "\"status\":499")); at++)
        left++;
    ck_assert_int_eq(left, suspends() ? FEW + 1 : 0);
}
END_TEST

/* The key of a request that nobody waits for any more is free. */
START_TEST(who_leaves_gives_up_the_key)
{
    person_t me = person("student");
    call_t once = {.token = me.access,
                   .json = F("{\"code\":%s}", quoted(SLEEPS)),
                   .headers = {"Idempotency-Key: k"},
                   .patience = 1500,
                   .lenient = true};
    ck_assert_int_eq(call_with("POST", "/api/v1/execute", &once)->status, 0);
    metric_wait(PORT_MAIN, REQUESTS, 0);
    for (int i = 0; i < 100 && strcmp(sql("SELECT headers IS NULL FROM forge.idempotency_keys"), "t") != 0; i++)
        pause_ms(50);
    once.json = "{\"code\":\"print(1)\"}";
    once.patience = 0;
    expect_status(call_with("POST", "/api/v1/execute", &once), 200);
}
END_TEST

START_TEST(a_full_queue_and_a_used_up_share_are_told)
{
    person_t me = person("student"), other = person("student"), third = person("student");
    if (!suspends())
        return; /* the threads are fewer */
    second_with("1 3 2");
    int first = sleeper(PORT_SECOND, me), second = program_sent(PORT_SECOND, me.access, "print(1)");
    metric_wait(PORT_SECOND, QUEUE, 1);
    expect_told(answer_read(program_sent(PORT_SECOND, me.access, "print(1)"), PROGRAM_SECONDS), 429, "execution_share");
    int more[2] = {program_sent(PORT_SECOND, other.access, "print(1)"),
                   program_sent(PORT_SECOND, other.access, "print(1)")};
    metric_wait(PORT_SECOND, QUEUE, 3);
    expect_told(answer_read(program_sent(PORT_SECOND, third.access, "print(1)"), PROGRAM_SECONDS), 503,
                "execution_queue_full");
    ck_assert_int_eq(metric_of(PORT_SECOND, "forge_sandbox_refused_total{reason=\"share\"}"), 1);
    ck_assert_int_eq(metric_of(PORT_SECOND, "forge_sandbox_refused_total{reason=\"queue_full\"}"), 1);
    close(first);
    expect_ok(second);
    expect_ok(more[0]);
    expect_ok(more[1]);
    expect_ok(program_sent(PORT_SECOND, third.access, "print(1)"));
}
END_TEST

/* Who asks for one gets it before the last of those who ask for many. */
START_TEST(the_turns_go_round_the_accounts)
{
    enum { MANY = 12 };
    int fds[MANY];
    person_t many = person("student"), one = person("student");
    if (!suspends())
        return;
    second_with("1 100 50");
    int fd = sleeper(PORT_SECOND, many);
    for (int i = 0; i < MANY; i++)
        fds[i] = program_sent(PORT_SECOND, many.access, "import time\ntime.sleep(0.3)");
    metric_wait(PORT_SECOND, QUEUE, MANY);
    int mine = program_sent(PORT_SECOND, one.access, "print(1)");
    metric_wait(PORT_SECOND, QUEUE, MANY + 1);
    close(fd);
    expect_ok(mine);
    ck_assert_int_ge(metric_of(PORT_SECOND, REQUESTS), MANY / 2);
    for (int i = 0; i < MANY; i++)
        expect_ok(fds[i]);
}
END_TEST

/* Guests of one address have one share, however many they are. */
START_TEST(guests_share_a_share)
{
    if (!suspends())
        return;
    second_with("1 10 2");
    person_t guests[3] = {guest_person(), guest_person(), guest_person()};
    int fd = sleeper(PORT_SECOND, guests[0]), next = program_sent(PORT_SECOND, guests[1].access, "print(1)");
    metric_wait(PORT_SECOND, QUEUE, 1);
    expect_told(answer_read(program_sent(PORT_SECOND, guests[2].access, "print(1)"), PROGRAM_SECONDS), 429,
                "execution_share");
    close(fd);
    expect_ok(next);
}
END_TEST

/* --- restarts and deaths --- */

START_TEST(a_graceful_restart_answers_those_who_wait)
{
    int fds[FEW];
    person_t me = person("student");
    int runner = runner_pid(env_httpd_pid());
    int fd = program_sent(PORT_MAIN, me.access, "import time\ntime.sleep(6)\nprint('slept')");
    metric_wait(PORT_MAIN, IN_USE, 1);
    for (int i = 0; i < FEW; i++)
        fds[i] = program_sent(PORT_MAIN, me.access, "print(1)");
    metric_wait(PORT_MAIN, REQUESTS, FEW + 1);
    env_httpd_graceful();
    expect_ok(fd);
    for (int i = 0; i < FEW; i++)
        expect_ok(fds[i]);
    ck_assert(env_wait_ready(20));
    ck_assert_int_eq(runner_pid(env_httpd_pid()), runner);
    expect_ok(program_sent(PORT_MAIN, me.access, "print(1)"));
}
END_TEST

/* Those that ran and those that waited are offered to the next one. */
START_TEST(a_killed_runner_is_started_again)
{
    int fds[FEW];
    person_t me = person("student");
    expect_log("FG0566");
    pause_ms(suspends() ? 0 : 100);
    int runner = runner_pid(env_httpd_pid()), next = 0;
    ck_assert_int_gt(runner, 0);
    int fd = program_sent(PORT_MAIN, me.access, "import time\ntime.sleep(3)");
    metric_wait(PORT_MAIN, IN_USE, 1);
    for (int i = 0; i < FEW; i++)
        fds[i] = program_sent(PORT_MAIN, me.access, "print(1)");
    metric_wait(PORT_MAIN, REQUESTS, FEW + 1);
    process_kill(runner, SIGKILL);
    expect_ok(fd);
    for (int i = 0; i < FEW; i++)
        expect_ok(fds[i]);
    for (int i = 0; i < 200 && (next == 0 || next == runner); i++) {
        next = runner_pid(env_httpd_pid());
        pause_ms(50);
    }
    ck_assert_msg(next > 0 && next != runner, "%d after %d", next, runner);
    metric_wait(PORT_MAIN, IN_USE, 0);
}
END_TEST

/* Its sockets close with it, and that ends its programs. */
START_TEST(a_killed_child_leaves_no_program)
{
    int children[64], fds[FEW];
    person_t me = person("student");
    expect_log("AH00052");
    for (int i = 0; i < FEW; i++)
        fds[i] = program_sent(PORT_MAIN, me.access, SLEEPS);
    metric_wait(PORT_MAIN, REQUESTS, FEW);
    int n = env_children(children, 64);
    for (int i = 0; i < n; i++)
        process_kill(children[i], SIGKILL);
    ck_assert(env_wait_ready(30));
    metric_wait(PORT_MAIN, REQUESTS, 0);
    metric_wait(PORT_MAIN, IN_USE, 0);
    metric_wait(PORT_MAIN, QUEUE, 0);
    for (int i = 0; i < FEW; i++)
        close(fds[i]);
    expect_ok(program_sent(PORT_MAIN, me.access, "print(1)"));
}
END_TEST

/* --- HTTP/2 --- */

/* A client that leaves ends its program there too: the program does not come to its end. */
START_TEST(over_http2_a_bounded_number_waits)
{
    person_t me = person("student");
    if (strcmp(env.mpm, "prefork") == 0)
        return;
    reply_t *reply = CALL("POST", "/api/v1/execute", .port = PORT_COOKIE, .token = me.access, .http2 = true,
                          .json = "{\"code\":\"print(2)\"}");
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/stdout"), "2\n");
    call_t once = {.port = PORT_COOKIE,
                   .token = me.access,
                   .http2 = true,
                   .patience = 1000,
                   .lenient = true,
                   .json = F("{\"code\":%s}", quoted(SLEEPS))};
    long well = metric_of(PORT_MAIN, ENDED_WELL);
    ck_assert_int_eq(call_with("POST", "/api/v1/execute", &once)->status, 0);
    metric_wait(PORT_MAIN, REQUESTS, 0);
    metric_wait(PORT_MAIN, IN_USE, 0);
    ck_assert_int_eq(metric_of(PORT_MAIN, ENDED_WELL), well);
}
END_TEST

static void second_gone(void)
{
    env_second_stop();
}

Suite *suite_waiting(void)
{
    Suite *suite = suite_create("waiting");
    TCase *tc = case_make(suite, "crowd");
    tcase_add_test(tc, reads_go_on_while_two_hundred_wait);
    tcase_add_test(tc, where_nothing_is_suspended_few_wait);
    tcase_add_test(tc, who_leaves_is_cancelled);
    tcase_add_test(tc, who_leaves_gives_up_the_key);
    tcase_add_test(tc, over_http2_a_bounded_number_waits);
    tc = case_make(suite, "turns");
    tcase_add_unchecked_fixture(tc, NULL, second_gone);
    tcase_add_test(tc, a_full_queue_and_a_used_up_share_are_told);
    tcase_add_test(tc, the_turns_go_round_the_accounts);
    tcase_add_test(tc, guests_share_a_share);
    tc = case_make(suite, "deaths");
    tcase_add_test(tc, a_graceful_restart_answers_those_who_wait);
    tcase_add_test(tc, a_killed_runner_is_started_again);
    tcase_add_test(tc, a_killed_child_leaves_no_program);
    return suite;
}
