/* SPDX-License-Identifier: Apache-2.0
 * ForgeExecutorURL: programs that somebody else runs. A sick executor costs its time-out and no more, and is then left
 * alone. The second node asks a server of the test.
 */
#include "programs.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef enum manner_t { GOOD, RIGHT, SLOW, GARBAGE, REFUSES, RESETS, HANGS, DRIPS, ENDLESS } manner_t;

static manner_t manner;
static int listening = -1, port, served;
static char asked[65536]; /* the last request */

static const char good[] = "{\"status\":\"runtime_error\",\"stdout\":\"out\\n\",\"stderr\":\"err\",\"exit_code\":7,"
                           "\"signal\":null,\"duration_ms\":5,\"cpu_ms\":4,\"memory_kb\":3,\"truncated\":false}";

static const char right[] = "{\"status\":\"ok\",\"stdout\":\"3\\n\",\"stderr\":\"\",\"exit_code\":0,\"signal\":null,"
                            "\"duration_ms\":5,\"cpu_ms\":4,\"memory_kb\":3,\"truncated\":false}";

static void say(int fd, const char *body)
{
    char text[8192];
    int n = snprintf(text, sizeof(text),
                     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                     "Content-Length: %d\r\n\r\n%s",
                     (int)strlen(body), body);
    __atomic_add_fetch(&served, 1, __ATOMIC_RELAXED); /* before anybody can have heard it */
    if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n)
        __atomic_sub_fetch(&served, 1, __ATOMIC_RELAXED);
}

static void trickle(int fd, size_t length, int pause)
{
    static char bytes[65536];
    memset(bytes, ' ', sizeof(bytes));
    send(fd, "HTTP/1.1 200 OK\r\n\r\n", 19, MSG_NOSIGNAL);
    while (send(fd, bytes, length, MSG_NOSIGNAL) > 0)
        usleep((useconds_t)pause);
}

static void hear(int fd)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    char text[sizeof(asked)] = "";
    size_t have = 0;
    ssize_t n;
    while (have < sizeof(text) - 1 && (n = recv(fd, text + have, sizeof(text) - 1 - have, 0)) > 0) {
        text[have += (size_t)n] = 0;
        if (strstr(text, "\"file_bytes\":") && text[have - 1] == '}')
            break;
    }
    pthread_mutex_lock(&one_at_a_time);
    memcpy(asked, text, have + 1);
    pthread_mutex_unlock(&one_at_a_time);
}

static void *answer(void *baton)
{
    char rest;
    int fd = (int)(intptr_t)baton;
    static const struct linger at_once = {1, 0};
    if (manner != SLOW && manner != RESETS)
        hear(fd);
    if (manner == RESETS)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    if (manner == SLOW)
        sleep(2);
    if (manner == GOOD || manner == SLOW)
        say(fd, good);
    if (manner == RIGHT)
        say(fd, right);
    if (manner == GARBAGE)
        say(fd, "{\"status\":\"fine\"}");
    if (manner == HANGS)
        while (recv(fd, &rest, 1, 0) > 0)
            ;
    if (manner == DRIPS || manner == ENDLESS)
        trickle(fd, manner == DRIPS ? 1 : 65536, manner == DRIPS ? 1000000 : 0);
    close(fd);
    return NULL;
}

static void *serve(void *unused)
{
    (void)unused;
    for (int fd; (fd = accept(listening, NULL, NULL)) >= 0;) {
        pthread_t thread;
        pthread_create(&thread, NULL, answer, (void *)(intptr_t)fd);
        pthread_detach(thread);
    }
    return NULL;
}

static pthread_t server;

static void open_up(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    ck_assert_int_eq(bind(listening, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(listening, 128), 0);
    pthread_create(&server, NULL, serve, NULL);
}

static void shut_down(void)
{
    if (listening < 0)
        return;
    shutdown(listening, SHUT_RDWR);
    pthread_join(server, NULL);
    close(listening);
    listening = -1;
}

/* A node of its own for each, so that each breaker is new. */
static person_t with_executor(manner_t how)
{
    manner = how;
    port = port_free();
    if (how != REFUSES)
        open_up();
    env_second_launch(F("ForgeExecutorURL http://127.0.0.1:%d/run\nForgeExecLimits wall=100ms\n", port));
    ck_assert(env_second_ready(20));
    return person("student");
}

static reply_t *run(person_t who)
{
    return CALL("POST", "/api/v1/execute", .port = PORT_SECOND, .token = who.access,
                .json = "{\"code\":\"print(1)\",\"stdin\":\"in\",\"args\":[\"a\",\"b c\"]}");
}

static void gone(void)
{
    shut_down();
    env_second_stop();
}

START_TEST(a_program_goes_there_and_its_end_comes_back)
{
    person_t me = with_executor(GOOD);
    reply_t *reply = run(me);
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/status"), "runtime_error");
    ck_assert_str_eq(text_at(reply->json, "/stdout"), "out\n");
    ck_assert_int_eq(int_at(reply->json, "/exit_code"), 7);
    ck_assert(json_is_null(at(reply->json, "/signal")));
    ck_assert_msg(strncmp(asked, "POST /run HTTP/1.1\r\n", 20) == 0, "%s", asked);
    ck_assert_msg(strstr(asked,
                         "{\"language\":\"python\",\"code\":\"print(1)\",\"stdin\":\"in\",\"args\":[\"a\",\"b c\"],"
                         "\"limits\":{\"wall_ms\":100,") != NULL,
                  "%s", asked);
    ck_assert_msg(!strstr(asked, me.access) && !strstr(asked, "Authorization"), "%s", asked);
    ck_assert_int_eq(runner_pid(env_second_pid()), 0);
    reply_t *health = CALL("GET", "/health", .port = PORT_SECOND);
    ck_assert_str_eq(text_at(health->json, "/checks/sandbox/status"), "off");
    ck_assert_str_eq(text_at(health->json, "/checks/upstreams/status"), "pass");
    ck_assert_int_eq(metric_of(PORT_SECOND, F("forge_breaker_state{host=\"127.0.0.1:%d\"}", port)), 0);
}
END_TEST

static reply_t *submit(person_t who, json_int_t exercise)
{
    return CALL("POST", F("/api/v1/exercises/%lld/submissions", (long long)exercise), .port = PORT_SECOND,
                .token = who.access, .json = "{\"code\":\"print(3)\"}");
}

static int kept(json_int_t exercise)
{
    return atoi(sql("SELECT count(*) FROM forge.exercise_submissions WHERE exercise_id = %lld", (long long)exercise));
}

/* Each test of the exercise is a program there; one that cannot be run leaves nothing. */
START_TEST(a_submission_is_judged_by_its_answers)
{
    person_t me = with_executor(RIGHT);
    json_int_t exercise =
        atoll(sql("INSERT INTO forge.exercises (author_id, title, tests) VALUES (%lld, 'Add',"
                  " '[{\"name\":\"small\",\"stdin\":\"1 2\",\"expected_stdout\":\"3\",\"hidden\":false,\"points\":1},"
                  "{\"name\":\"large\",\"stdin\":\"1000 1\",\"expected_stdout\":\"1001\",\"points\":3,"
                  "\"hidden\":true}]') RETURNING id",
                  (long long)person("instructor").id));
    reply_t *reply = submit(me, exercise);
    expect_status(reply, 201);
    ck_assert_int_eq(int_at(reply->json, "/score"), 25);
    ck_assert(json_is_true(at(reply->json, "/results/0/passed")));
    ck_assert_str_eq(text_at(reply->json, "/results/0/stdout"), "3\n");
    ck_assert(json_is_false(at(reply->json, "/results/1/passed")));
    ck_assert_int_eq(__atomic_load_n(&served, __ATOMIC_RELAXED), 2);
    ck_assert_msg(strstr(asked, "\"code\":\"print(3)\",\"stdin\":\"1") != NULL, "%s", asked);
    ck_assert_int_eq(kept(exercise), 1);
    expect_log("FG0570");
    manner = GARBAGE;
    expect_problem(submit(me, exercise), "bad_gateway");
    ck_assert_int_eq(kept(exercise), 1);
}
END_TEST

/* More than there are threads. */
START_TEST(waiting_for_it_holds_no_thread)
{
    enum { MANY = 60 };
    int fds[MANY], n = strcmp(env.mpm, "event") == 0 ? MANY : 4;
    person_t me = with_executor(SLOW);
    for (int i = 0; i < n; i++)
        fds[i] = program_sent(PORT_SECOND, me.access, "print(1)");
    metric_wait(PORT_SECOND, "forge_sandbox_requests", n);
    expect_status(CALL("GET", "/api/v1/auth/me", .port = PORT_SECOND, .token = me.access), 200);
    for (int i = 0; i < n; i++) {
        char *answer = answer_read(fds[i], PROGRAM_SECONDS);
        ck_assert_msg(answer_status(answer) == 200, "%.500s", answer);
    }
}
END_TEST

START_TEST(a_wrong_or_cut_answer_is_told)
{
    static const manner_t manners[] = {GARBAGE, RESETS, ENDLESS};
    expect_log("FG0570");
    for (int i = 0; i < 3; i++) {
        person_t me = with_executor(manners[i]);
        expect_problem(run(me), "bad_gateway");
        gone();
    }
}
END_TEST

START_TEST(a_late_one_is_told)
{
    static const manner_t manners[] = {HANGS, DRIPS};
    expect_log("FG0570");
    for (int i = 0; i < 2; i++) {
        person_t me = with_executor(manners[i]);
        expect_problem(run(me), "timeout");
        gone();
    }
}
END_TEST

/* Refused calls are made three times; then the executor is left alone, until one call finds that it is well. */
START_TEST(a_sick_executor_is_left_alone)
{
    expect_log("FG0570");
    person_t me = with_executor(REFUSES);
    const char *state = F("forge_breaker_state{host=\"127.0.0.1:%d\"}", port);
    expect_problem(run(me), "bad_gateway");
    ck_assert_int_eq(metric_of(PORT_SECOND, state), 0);
    expect_problem(run(me), "sandbox_unavailable");
    ck_assert_int_eq(metric_of(PORT_SECOND, state), 2);
    reply_t *reply = run(me), *health = CALL("GET", "/health", .port = PORT_SECOND);
    expect_problem(reply, "sandbox_unavailable");
    ck_assert(header(reply, "Retry-After") != NULL);
    ck_assert_str_eq(text_at(health->json, "/checks/upstreams/status"), "warn");
    manner = GOOD;
    open_up();
    for (int i = 0; i < 150 && run(me)->status != 200; i++)
        pause_ms(100);
    ck_assert_int_eq(metric_of(PORT_SECOND, state), 0);
    ck_assert_int_eq(served, 1);
    expect_status(run(me), 200);
}
END_TEST

/* Nobody is told of a program whose client has left, and the next ones go on. */
START_TEST(who_leaves_breaks_off_the_call)
{
    person_t me = with_executor(HANGS);
    int fd = program_sent(PORT_SECOND, me.access, "print(1)");
    metric_wait(PORT_SECOND, "forge_sandbox_requests", 1);
    close(fd);
    metric_wait(PORT_SECOND, "forge_sandbox_requests", 0);
    manner = GOOD;
    expect_status(run(me), 200);
}
END_TEST

static void none_served(void)
{
    served = 0;
}

Suite *suite_executor(void)
{
    Suite *suite = suite_create("executor");
    TCase *tc = case_make(suite, "all");
    tcase_add_checked_fixture(tc, none_served, gone);
    tcase_add_test(tc, a_program_goes_there_and_its_end_comes_back);
    tcase_add_test(tc, a_submission_is_judged_by_its_answers);
    tcase_add_test(tc, waiting_for_it_holds_no_thread);
    tcase_add_test(tc, a_wrong_or_cut_answer_is_told);
    tcase_add_test(tc, a_late_one_is_told);
    tcase_add_test(tc, a_sick_executor_is_left_alone);
    tcase_add_test(tc, who_leaves_breaks_off_the_call);
    return suite;
}
