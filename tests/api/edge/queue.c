/* SPDX-License-Identifier: Apache-2.0
 * The queue before password hashes: who waits holds no thread under the event MPM, is served in the order of arrival,
 * and is never dropped.
 *
 * The place of PORT_QUEUE is kept busy by the login of an account whose row another session has locked: the others wait
 * until it lets go.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CROWD = 60, FEW = 6, PATIENCE = 30 }; /* the last in seconds */

static bool suspends(void)
{
    return strcmp(env.mpm, "event") == 0;
}

/* --- clients that send a login and read the answer later --- */

static int login_sent(port_t port, person_t who)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)env.ports[port]), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    char *body = F("{\"username\":\"%s\",\"password\":\"%s\"}", who.username, who.password);
    char *text = F("POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                   "application/json\r\nContent-Length: %d\r\n\r\n%s",
                   (int)strlen(body), body);
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    return fd;
}

static void expect_told(const char *answer)
{
    ck_assert_msg(answer_status(answer) == 503, "%.300s", answer);
    ck_assert_msg(strcasestr(answer, "\r\nRetry-After:") && strstr(answer, "\"busy\""), "%.900s", answer);
}

/* --- the place is taken --- */

typedef struct busy_t {
    person_t who;
    int fd;
    struct pg_conn *lock;
} busy_t;

static long waiting(void)
{
    return metric("forge_password_hash_waiting");
}

static void wait_for(const char *name, long wanted)
{
    long now = -1;
    for (int i = 0; i < 400 && now != wanted; i++) {
        now = metric(name);
        if (now != wanted)
            pause_ms(25);
    }
    ck_assert_msg(now == wanted, "%s is %ld, not %ld", name, now, wanted);
}

static busy_t place_taken(port_t port)
{
    busy_t busy = {.who = person("student"), .lock = sql_session()};
    sql_on(busy.lock, F("BEGIN; SELECT FROM forge.users WHERE id = %lld FOR UPDATE", (long long)busy.who.id));
    busy.fd = login_sent(port, busy.who);
    wait_for("forge_password_hash_in_use", 1);
    return busy;
}

static void place_let_go(busy_t *busy)
{
    sql_on(busy->lock, "ROLLBACK");
    ck_assert_int_eq(answer_status(answer_read(busy->fd, PATIENCE)), 200);
}

static void people_make(person_t *people, int n)
{
    for (int i = 0; i < n; i++)
        people[i] = person("student");
}

/* One after the other, so that the order of their arrival is known. */
static void all_wait(port_t port, const person_t *people, int *fds, int n)
{
    for (int i = 0; i < n; i++) {
        fds[i] = login_sent(port, people[i]);
        wait_for("forge_password_hash_waiting", i + 1);
    }
}

/* Sessions that began after `from`, in their order, as "id id id". */
static char *order_since(const char *from)
{
    return sql("SELECT coalesce(string_agg(user_id::text, ' ' ORDER BY id), '') FROM forge.sessions WHERE id > %s",
               from);
}

static char *last_session(void)
{
    return sql("SELECT coalesce(max(id), 0) FROM forge.sessions");
}

/* --- what is promised --- */

/* More of them than there are threads; reads go on as if nobody waited. */
START_TEST(served_in_order_while_reads_go_on)
{
    person_t people[CROWD], reader = person("student");
    int fds[CROWD], n = suspends() ? CROWD : FEW;
    people_make(people, n);
    busy_t busy = place_taken(PORT_QUEUE);
    char *from = last_session(), *wanted = F("%lld", (long long)busy.who.id);
    all_wait(PORT_QUEUE, people, fds, n);
    wait_for("forge_db_pool_connections{state=\"busy\"}", 1); /* that of the login which holds the place */
    expect_served("/api/v1/auth/me", reader.access);
    place_let_go(&busy);
    for (int i = 0; i < n; i++) {
        char *answer = answer_read(fds[i], PATIENCE);
        ck_assert_msg(answer_status(answer) == 200, "%d: %.500s", i, answer);
        wanted = F("%s %lld", wanted, (long long)people[i].id);
    }
    ck_assert_str_eq(order_since(from), wanted);
    ck_assert_int_eq(waiting(), 0);
    wait_for("forge_password_hash_in_use", 0);
}
END_TEST

/* Seats of those who left are nobody's, and the log says why there was no answer. */
START_TEST(who_leaves_gives_up_the_seat)
{
    person_t people[FEW];
    int fds[FEW];
    if (!suspends())
        return; /* a thread that waits does not look at its client */
    people_make(people, FEW);
    busy_t busy = place_taken(PORT_QUEUE);
    char *from = last_session(), *wanted = F("%lld", (long long)busy.who.id);
    all_wait(PORT_QUEUE, people, fds, FEW);
    for (int i = 1; i < FEW; i += 2)
        close(fds[i]);
    wait_for("forge_password_hash_waiting", FEW / 2);
    place_let_go(&busy);
    for (int i = 0; i < FEW; i += 2) {
        ck_assert_int_eq(answer_status(answer_read(fds[i], PATIENCE)), 200);
        wanted = F("%s %lld", wanted, (long long)people[i].id);
    }
    ck_assert_str_eq(order_since(from), wanted);
    int left = 0;
    for (const char *at = log_since("access.json"); (at = strstr(at, "\"status\":499")); at++)
        left++;
    ck_assert_int_eq(left, FEW / 2);
}
END_TEST

START_TEST(full_and_late_are_told)
{
    person_t people[4];
    int fds[4], n = 3;
    people_make(people, 4);
    busy_t busy = place_taken(PORT_BRIEF);
    all_wait(PORT_BRIEF, people, fds, n);
    long refused = metric("forge_password_hash_refused_total");
    fds[3] = login_sent(PORT_BRIEF, people[3]);
    expect_told(answer_read(fds[3], PATIENCE));
    ck_assert_int_eq(metric("forge_password_hash_refused_total"), refused + 1);
    for (int i = 0; i < n; i++)
        expect_told(answer_read(fds[i], PATIENCE));
    ck_assert_int_eq(waiting(), 0);
    place_let_go(&busy);
    expect_status(CALL("POST", "/api/v1/auth/login", .port = PORT_BRIEF,
                       .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", people[0].username, people[0].password)),
                  200);
}
END_TEST

/* --- over TLS, and by HTTP/2 --- */

/* Never on the stack of a case: one that fails leaves its threads behind, and they still write. */
typedef struct caller_t {
    person_t who;
    pthread_t thread;
    reply_t *reply;
    bool http2;
    long patience;
} caller_t;

static void *caller_main(void *baton)
{
    caller_t *caller = baton;
    caller->reply =
        CALL("POST", "/api/v1/auth/login", .port = PORT_QUEUE_TLS, .http2 = caller->http2, .patience = caller->patience,
             .lenient = caller->patience > 0,
             .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", caller->who.username, caller->who.password));
    return NULL;
}

static void callers_make(caller_t *callers, int n)
{
    for (int i = 0; i < n; i++)
        callers[i].who = person("student");
}

/* Each waits before the next one comes. */
static void callers_wait(caller_t *callers, int n)
{
    for (int i = 0; i < n; i++) {
        pthread_create(&callers[i].thread, NULL, caller_main, &callers[i]);
        wait_for("forge_password_hash_waiting", i + 1);
    }
}

static void callers_join(caller_t *callers, int n)
{
    for (int i = 0; i < n; i++)
        pthread_join(callers[i].thread, NULL);
    fail_now();
}

/* The last one gives up; the others are answered. */
START_TEST(tls_waits_alike)
{
    static caller_t callers[FEW];
    callers_make(callers, FEW);
    busy_t busy = place_taken(PORT_QUEUE);
    callers[FEW - 1].patience = 3000;
    callers_wait(callers, FEW);
    if (suspends())
        wait_for("forge_password_hash_waiting", FEW - 1);
    place_let_go(&busy);
    callers_join(callers, FEW);
    for (int i = 0; i < FEW - 1; i++)
        expect_status(callers[i].reply, 200);
    if (suspends())
        ck_assert_int_eq(callers[FEW - 1].reply->status, 0);
    wait_for("forge_password_hash_waiting", 0);
}
END_TEST

/* A thread of mod_http2's waits. */
START_TEST(http2_waits_on_its_own_workers)
{
    static caller_t callers[4];
    person_t reader = person("student");
    callers_make(callers, 4);
    for (int i = 0; i < 4; i++)
        callers[i].http2 = strcmp(env.mpm, "prefork") != 0;
    busy_t busy = place_taken(PORT_QUEUE);
    callers_wait(callers, 4);
    expect_status(CALL("GET", "/api/v1/auth/me", .token = reader.access), 200);
    place_let_go(&busy);
    callers_join(callers, 4);
    for (int i = 0; i < 4; i++)
        expect_status(callers[i].reply, 200);
}
END_TEST

/* --- children that end --- */

START_TEST(graceful_restart_drops_nobody)
{
    person_t people[FEW];
    int fds[FEW];
    people_make(people, FEW);
    busy_t busy = place_taken(PORT_QUEUE);
    all_wait(PORT_QUEUE, people, fds, FEW);
    env_httpd_graceful();
    pause_ms(1000);
    place_let_go(&busy);
    for (int i = 0; i < FEW; i++) {
        char *answer = answer_read(fds[i], PATIENCE);
        if (answer_status(answer) != 200)
            expect_told(answer);
    }
    wait_for("forge_password_hash_waiting", 0);
    ck_assert(env_wait_ready(15));
}
END_TEST

/* An old child does not wait for ever. */
START_TEST(graceful_restart_comes_to_an_end)
{
    person_t people[FEW];
    int fds[FEW];
    if (!suspends())
        return; /* a thread that waits has its time, and is not told */
    people_make(people, FEW);
    busy_t busy = place_taken(PORT_QUEUE);
    all_wait(PORT_QUEUE, people, fds, FEW);
    env_httpd_graceful();
    for (int i = 0; i < FEW; i++)
        expect_told(answer_read(fds[i], PATIENCE));
    place_let_go(&busy);
    ck_assert(env_wait_ready(15));
}
END_TEST

/* With a child its place and its seats are gone, and those of others go on. */
START_TEST(killed_child_takes_nothing_with_it)
{
    person_t people[3 * FEW];
    int fds[3 * FEW], pids[64], served = 0, lost = 0;
    expect_log("exit signal Killed");
    expect_log("AH00");
    people_make(people, 3 * FEW);
    busy_t busy = place_taken(PORT_QUEUE);
    int n = suspends() ? 3 * FEW : FEW;
    all_wait(PORT_QUEUE, people, fds, n);
    ck_assert_int_gt(env_children(pids, 64), 0);
    process_kill(pids[0], SIGKILL);
    pause_ms(300);
    sql_on(busy.lock, "ROLLBACK");
    answer_read(busy.fd, PATIENCE);
    for (int i = 0; i < n; i++) {
        int status = answer_status(answer_read(fds[i], PATIENCE));
        ck_assert_msg(status == 200 || status == 0, "%d", status);
        served += status == 200;
        lost += status == 0;
    }
    ck_assert_int_eq(served + lost, n);
    ck_assert(env_wait_ready(15));
    wait_for("forge_password_hash_waiting", 0);
    wait_for("forge_password_hash_in_use", 0);
    person_again(people[0], PORT_QUEUE);
}
END_TEST

/* --- many at once --- */

enum { RUSH = 300 };

/* All of them at the first try, whatever else is asked meanwhile. */
START_TEST(rush_succeeds_at_the_first_try)
{
    static int fds[RUSH];
    person_t people[10], reader = person("student");
    int n = !suspends() ? FEW : env.quick ? RUSH / 5 : RUSH;
    watchdog(100);
    people_make(people, 10);
    for (int i = 0; i < n; i++) {
        fds[i] = login_sent(PORT_MAIN, people[i % 10]);
        if (i % 10 == 0)
            expect_status(CALL("GET", "/api/v1/auth/me", .token = reader.access), 200);
    }
    for (int i = 0; i < n; i++) {
        char *answer = answer_read(fds[i], PATIENCE);
        ck_assert_msg(answer_status(answer) == 200, "%d: %.500s", i, answer);
    }
    ck_assert_int_eq(waiting(), 0);
}
END_TEST

Suite *suite_queue(void)
{
    Suite *suite = suite_create("queue");
    TCase *turn = case_make(suite, "turn");
    tcase_add_test(turn, served_in_order_while_reads_go_on);
    tcase_add_test(turn, who_leaves_gives_up_the_seat);
    tcase_add_test(turn, full_and_late_are_told);
    TCase *wire = case_make(suite, "wire");
    tcase_add_test(wire, tls_waits_alike);
    tcase_add_test(wire, http2_waits_on_its_own_workers);
    TCase *ends = case_make(suite, "ends");
    tcase_add_test(ends, graceful_restart_drops_nobody);
    tcase_add_test(ends, graceful_restart_comes_to_an_end);
    tcase_add_test(ends, killed_child_takes_nothing_with_it);
    TCase *rush = case_make(suite, "rush");
    tcase_add_test(rush, rush_succeeds_at_the_first_try);
    return suite;
}
