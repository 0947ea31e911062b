/* SPDX-License-Identifier: Apache-2.0
 * Faults under load: PostgreSQL restarted, the pool exhausted, httpd restarted gracefully, a child killed (SECURITY 1).
 * Rounds shrink with FORGE_TEST_QUICK.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define CLIENTS 4

/* Clients that send requests until told to stop. */
typedef struct load_t {
    pthread_t threads[CLIENTS];
    volatile bool stop;
    pthread_mutex_t lock;
    const char *path, *token;
    bool write;         /* POST a course with a title of its own, instead of GET */
    bool fresh;         /* a new connection for each request */
    int by_status[600]; /* [0]: no answer */
    int sent;
    char titles[4096][24]; /* acknowledged writes */
    int acknowledged;
    char first_bad[400];
} load_t;

/* What an answer during a fault may be; everything else is kept as the first bad one. */
static void load_note(load_t *load, const reply_t *reply, const char *title)
{
    pthread_mutex_lock(&load->lock);
    load->by_status[reply->status]++;
    bool good = reply->status == 200 || reply->status == 201 || (reply->status == 503 && header(reply, "Retry-After"));
    if (reply->status == 201 && load->acknowledged < 4096)
        strcpy(load->titles[load->acknowledged++], title);
    if (!good && !*load->first_bad)
        snprintf(load->first_bad, sizeof(load->first_bad), "%d: %.300s", reply->status, reply->body);
    pthread_mutex_unlock(&load->lock);
}

static void *load_main(void *baton)
{
    load_t *load = baton;
    char title[24];
    while (!load->stop) {
        pthread_mutex_lock(&load->lock);
        snprintf(title, sizeof(title), "load %d", load->sent++);
        pthread_mutex_unlock(&load->lock);
        call_t options = {
            .token = load->token, .lenient = true, .json = load->write ? F("{\"title\":\"%s\"}", title) : NULL};
        if (load->fresh)
            options.headers[0] = "Connection: close";
        load_note(load, call_with(load->write ? "POST" : "GET", load->path, &options), title);
        pause_ms(15);
    }
    return NULL;
}

static void load_start(load_t *load)
{
    pthread_mutex_init(&load->lock, NULL);
    for (int i = 0; i < CLIENTS; i++)
        pthread_create(&load->threads[i], NULL, load_main, load);
}

static void load_stop(load_t *load)
{
    load->stop = true;
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(load->threads[i], NULL);
}

static load_t *load_make(const char *path, const char *token, bool write)
{
    load_t *load = keep(calloc(1, sizeof(*load)));
    load->path = path, load->token = token, load->write = write;
    return load;
}

static int rounds(int many)
{
    return env.quick ? many / 5 + 1 : many;
}

/* Ten immediate restarts: only 503 in the gaps, no acknowledged write lost, right again soon after. */
START_TEST(postgresql_restarts)
{
    watchdog(150);
    expect_outage();
    person_t me = person("instructor");
    load_t *reads = load_make("/api/v1/auth/me", me.access, false),
           *writes = load_make("/api/v1/courses", me.access, true);
    load_start(reads);
    load_start(writes);
    for (int i = 0; i < rounds(10); i++) {
        pause_ms(300);
        env_postgres_stop(true);
        pause_ms(100);
        env_postgres_start();
        ck_assert_msg(env_wait_ready(5), "ready within 5 s of restart %d", i + 1);
    }
    pause_ms(300);
    load_stop(reads);
    load_stop(writes);
    ck_assert_msg(!*reads->first_bad, "a read got %s", reads->first_bad);
    ck_assert_msg(!*writes->first_bad, "a write got %s", writes->first_bad);
    ck_assert_int_gt(reads->by_status[200], 0);
    ck_assert_int_gt(writes->acknowledged, 0);
    for (int i = 0; i < writes->acknowledged; i++)
        ck_assert_msg(strcmp(sql("SELECT count(*) FROM forge.courses WHERE title = '%s'", writes->titles[i]), "1") == 0,
                      "acknowledged write %s is lost or doubled", writes->titles[i]);
    expect_served("/api/v1/auth/me", me.access);
}
END_TEST

/* A back end killed in the middle: its request is answered, the next ones as well. */
START_TEST(back_ends_killed)
{
    expect_outage();
    person_t me = person("instructor");
    for (int i = 0; i < rounds(10); i++) {
        sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'forge_app'");
        reply_t *reply = CALL("GET", "/api/v1/auth/me", .token = me.access);
        ck_assert_msg(reply->status == 200 || reply->status == 503, "%d", reply->status);
    }
    expect_served("/api/v1/auth/me", me.access);
    ck_assert_str_eq(sql("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%'"), "0");
}
END_TEST

typedef struct crowd_t {
    int statuses[40];
    double seconds[40];
} crowd_t;

static void slow_one(int i, void *baton)
{
    crowd_t *crowd = baton;
    reply_t *reply = CALL("GET", "/api/v1/courses?q=slow", .port = PORT_POOL);
    crowd->statuses[i] = reply->status;
    crowd->seconds[i] = reply->seconds;
}

/* A table locked by someone else: a few requests wait for it, the others are told at once; afterwards nothing is left
 * behind. */
START_TEST(pool_exhausted)
{
    expect_log("FG");
    crowd_t crowd = {0};
    int busy = 0, late = 0;
    struct pg_conn *session = sql_session();
    sql_on(session, "BEGIN; LOCK TABLE forge.courses IN ACCESS EXCLUSIVE MODE");
    parallel(24, slow_one, &crowd);
    expect_status(CALL("GET", "/health/live", .port = PORT_POOL), 200);
    sql_on(session, "ROLLBACK");
    for (int i = 0; i < 24; i++) {
        busy += crowd.statuses[i] == 503;
        late += crowd.statuses[i] == 504;
        ck_assert_msg(crowd.statuses[i] == 503 || crowd.statuses[i] == 504, "%d", crowd.statuses[i]);
    }
    if (strcmp(env.mpm, "prefork"))
        ck_assert_int_gt(busy, 0);
    ck_assert_int_gt(late, 0);
    expect_status(CALL("GET", "/api/v1/courses?q=slow", .port = PORT_POOL), 200);
    ck_assert_str_eq(sql("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%'"), "0");
}
END_TEST

/* Every error path gives its connection back: many failures in a row, then all connections still serve. */
START_TEST(error_paths_leak_no_connection)
{
    watchdog(120);
    person_t me = person("student");
    for (int i = 0; i < (env.quick ? 40 : 250); i++) {
        CALL("GET", "/api/v1/courses/987654", .token = me.access);
        CALL("POST", "/api/v1/courses", .token = me.access, .json = "{\"title\":\"\"}");
        CALL("PATCH", "/api/v1/courses/987654", .token = me.access, .json = "{\"title\":\"T\"}");
        CALL("POST", "/api/v1/courses", .token = me.access, .json = "{\"title\":\"T\",\"organization_id\":77}",
             .headers = {F("Idempotency-Key: leak-%d", i)});
        CALL("POST", "/api/v1/auth/login", .json = "{\"username\":\"nobody\",\"password\":\"x\"}");
    }
    ck_assert_str_eq(sql("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%'"), "0");
    ck_assert_int_le(atoi(sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'forge_app'")), 80);
    expect_status(CALL("GET", "/api/v1/courses"), 200);
}
END_TEST

/* Twenty graceful restarts under load: nobody notices. */
START_TEST(graceful_restarts)
{
    watchdog(150);
    expect_log("AH00"); /* httpd's own notices about generations that still finish */
    person_t me = person("instructor");
    load_t *load = load_make("/api/v1/auth/me", me.access, false);
    load->fresh = true;
    load_start(load);
    for (int i = 0; i < rounds(20); i++) {
        env_httpd_graceful();
        pause_ms(700);
        while (__atomic_load_n(&load->by_status[200], __ATOMIC_RELAXED) < i + 2)
            pause_ms(50); /* no restart without load, also on a busy machine */
    }
    load_stop(load);
    ck_assert_int_gt(load->by_status[200], rounds(20));
    ck_assert_msg(load->by_status[200] == load->sent, "%d of %d requests failed, the first: %s",
                  load->sent - load->by_status[200], load->sent, load->first_bad);
    ck_assert(env_wait_ready(10));
    expect_status(CALL("GET", "/api/v1/auth/me", .token = me.access), 200);
}
END_TEST

/* A connection on which the first part of a request has been sent. */
static int half_sent(port_t port, const char *text)
{
    int fd = raw_open(port);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    return fd;
}

/* Sends the rest, and wants that status. */
static void finish_sent(int fd, const char *rest, const char *status)
{
    char answer[64] = "";
    ck_assert_int_eq(send(fd, rest, strlen(rest), MSG_NOSIGNAL), (ssize_t)strlen(rest));
    ck_assert_int_gt(recv(fd, answer, sizeof(answer) - 1, 0), 0);
    ck_assert_msg(strstr(answer, status), "%s", answer);
    close(fd);
}

/* Children that a slow client keeps finish beside those that replace them. */
START_TEST(slow_clients_outlive_graceful_restarts)
{
    enum { ROUNDS = 3, EACH = 4 }; /* no more of one address may wait in a child */
    if (strcmp(env.mpm, "prefork") == 0)
        return; /* a child for each connection: nothing is shared */
    watchdog(100);
    expect_log("AH00");
    person_t me = person("instructor");
    int fds[EACH];
    const char *request = F("POST /api/v1/courses HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                            "Authorization: Bearer %s\r\nConnection: close\r\nContent-Length: 13\r\n\r\n{\"title\"",
                            me.access);
    int round = 0;
    for (int tries = 0; round < ROUNDS && tries < 4 * ROUNDS; tries++) {
        time_t begun = time(NULL);
        for (int i = 0; i < EACH; i++)
            fds[i] = half_sent(PORT_DOORS, request);
        pause_ms(100);
        env_httpd_graceful();
        expect_served("/api/v1/auth/me", me.access);
        expect_status(CALL("GET", "/health/live"), 200);
        bool late = time(NULL) - begun >= 9; /* Timeout 10: on a busy machine its time may be over */
        for (int i = 0; i < EACH; i++)
            if (late)
                close(fds[i]);
            else
                finish_sent(fds[i], ":\"T\"}", " 201 ");
        round += !late;
    }
    ck_assert_int_eq(round, ROUNDS);
    expect_served("/api/v1/auth/me", me.access);
}
END_TEST

/* A child killed: only its own requests fail; counters and limits live on. */
START_TEST(children_killed)
{
    watchdog(100);
    expect_log("exit signal Killed");
    expect_log("AH10392"); /* that they are */
    expect_log("AH00");
    expect_log("FG");
    person_t me = person("instructor");
    for (int i = 0; i < 5; i++)
        CALL("GET", "/api/v1/courses", .port = PORT_LIMITS, .from = "127.0.9.1");
    load_t *load = load_make("/api/v1/auth/me", me.access, false);
    load_start(load);
    for (int i = 0; i < rounds(10); i++) {
        int pids[64], n = env_children(pids, 64);
        if (n > 0)
            process_kill(pids[i % n], SIGKILL);
        pause_ms(400);
    }
    load_stop(load);
    int failed = load->sent - load->by_status[200];
    ck_assert_msg(failed <= rounds(10) * CLIENTS, "%d of %d failed", failed, load->sent);
    ck_assert_msg(load->by_status[500] + load->by_status[401] + load->by_status[404] == 0, "the first bad answer: %s",
                  load->first_bad);
    ck_assert(env_wait_ready(15));
    expect_problem(CALL("GET", "/api/v1/courses", .port = PORT_LIMITS, .from = "127.0.9.1"), "rate_limited");
    expect_status(CALL("POST", "/api/v1/auth/login",
                       .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", me.username, me.password)),
                  200);
}
END_TEST

/* A hanging PostgreSQL: requests that need it end as 503 or 504 in bounded time, the others do not care; all is well
 * when it wakes. */
START_TEST(postgresql_hangs)
{
    watchdog(100);
    expect_outage();
    person_t me = person("student");
    char *pids = sql("SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE usename = 'forge_app'"), *state;
    int stopped[100], n = 0;
    for (char *pid = strtok_r(pids, " ", &state); pid && n < 100; pid = strtok_r(NULL, " ", &state))
        process_kill(stopped[n++] = atoi(pid), SIGSTOP);
    reply_t *reply = CALL("GET", "/api/v1/auth/me", .token = me.access, .lenient = true);
    reply_t *live = CALL("GET", "/health/live", .lenient = true);
    for (int i = 0; i < n; i++)
        process_kill(stopped[i], SIGCONT);
    ck_assert_msg(reply->status == 503 || reply->status == 504 || reply->status == 200, "%d %s", reply->status,
                  reply->body);
    ck_assert_msg(reply->seconds < 6, "after %.1f s", reply->seconds);
    expect_status(live, 200);
    expect_served("/api/v1/auth/me", me.access);
}
END_TEST

/* How many processes said that they exit, each with one thread. */
static int exits_with_one_thread(char *said)
{
    int n = 0, pid, threads;
    char *state;
    for (char *line = strtok_r(said, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
        char *at = strstr(line, "process ");
        if (!at || sscanf(at, "process %d exits with %d threads", &pid, &threads) != 2)
            continue;
        ck_assert_msg(threads == 1, "%s", at);
        n++;
    }
    return n;
}

/* What libraries tear down in exit(), a thread that goes on may still use. A child that is alone has all background
 * work; of several, those that wait for their turn have none of it. */
START_TEST(no_thread_outlives_its_child)
{
    int children[8];
    if (getenv("FORGE_TEST_VALGRIND")) /* has threads of its own */
        return;
    const bool prefork = strcmp(env.mpm, "prefork") == 0;
    const char *set = getenv("FORGE_TEST_PRELOAD");
    char *preload = strdup(env_preload()), *before = set ? strdup(set) : NULL, *libraries = strdup(env.module);
    *strrchr(libraries, '/') = 0;
    setenv("FORGE_TEST_PRELOAD", F("%s %s/last_threads.so", preload, libraries), 1);
    env_second_launch(F("ServerLimit 1\nStartServers 1\nMaxRequestWorkers %d\n", prefork ? 1 : 16));
    if (before)
        setenv("FORGE_TEST_PRELOAD", before, 1);
    else
        unsetenv("FORGE_TEST_PRELOAD");
    free(before);
    free(preload);
    free(libraries);
    ck_assert(env_second_ready(20));
    ck_assert_int_ge(env_second_children(children, 8), 1);
    env_second_stop();
    ck_assert_int_ge(exits_with_one_thread(log_since("error.log")), 2); /* and their parent */
}
END_TEST

Suite *suite_faults(void)
{
    Suite *suite = suite_create("faults");
    TCase *database = case_make(suite, "database");
    tcase_add_test(database, postgresql_restarts);
    tcase_add_test(database, back_ends_killed);
    tcase_add_test(database, pool_exhausted);
    tcase_add_test(database, error_paths_leak_no_connection);
    tcase_add_test(database, postgresql_hangs);
    TCase *server = case_make(suite, "server");
    tcase_add_test(server, graceful_restarts);
    tcase_add_test(server, slow_clients_outlive_graceful_restarts);
    tcase_add_test(server, children_killed);
    tcase_add_test(server, no_thread_outlives_its_child);
    return suite;
}
