/* SPDX-License-Identifier: Apache-2.0
 * A Redis for rate limits that is away, wrong or sick: no request fails or waits for it, the log says so once, and it
 * is used again when it is well.
 */
#include "redis.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char sick[] = "FG1080", back[] = "FG1081";
static const char late[] = "forge_redis_round_trips_total{result=\"late\"}";

static reply_t *get(const char *from)
{
    return CALL("GET", "/api/v1/courses", .port = PORT_SECOND, .from = from);
}

/* With a long time-out, unless the store says one: a busy machine is no fault of Redis. */
static void node(const char *store, const char *more)
{
    watchdog(180);
    redis_node(PORT_SECOND, F("ForgeRateLimitStore %s%s\nForgeRateLimit default 5/1h ip\n%s\n", store,
                              strstr(store, "timeout=") ? "" : " timeout=1000ms", more));
}

static char *address(void)
{
    return F("redis://127.0.0.1:%d", redis_port);
}

/* Counted in the node: as many as the quota, then no more. */
static void counted_here(const char *from)
{
    for (int i = 1; i <= 5; i++) {
        reply_t *reply = get(from);
        expect_status(reply, 200);
        ck_assert_int_eq(atoi(header(reply, "X-RateLimit-Remaining")), 5 - i);
    }
    expect_problem(get(from), "rate_limited");
}

/* --- passwords --- */

static const char password[] = "p:w%rd/of@the-redis+7";

static void logged_in(const char *store)
{
    node(store, "");
    redis_health(PORT_SECOND, "pass");
    ck_assert_int_eq(log_count(sick), 0);
    env_second_stop();
}

START_TEST(a_right_password_is_taken_from_each_place)
{
    canary(password);
    redis_start((const char *[]){"--requirepass", password, NULL});
    REDIS("-a", password, "ACL", "SETUSER", "forge", "on", F(">%s", password), "~forge:limit:*", "+auth", "+select",
          "+eval", "+evalsha", "+script|load", "+get", "+set", "+time");
    char *file = F("%s/redis-password", env.dir), *url = F("%s/redis-url", env.dir);
    file_write(file, password);
    file_write(url, F("redis://:p%%3Aw%%25rd%%2Fof%%40the-redis+7@127.0.0.1:%d\n", redis_port));
    process_run(NULL, (const char *[]){"chmod", "600", file, url, NULL}, NULL);
    logged_in(F("redis://:p:w%%25rd%%2Fof%%40the-redis+7@127.0.0.1:%d", redis_port));
    logged_in(F("redis://127.0.0.1:%d password=file:%s", redis_port, file));
    logged_in(F("redis://forge@127.0.0.1:%d password=file:%s", redis_port, file));
    logged_in(F("file:%s", url));
}
END_TEST

START_TEST(a_wrong_or_missing_password_is_said_once)
{
    canary(password);
    expect_log(sick);
    redis_start((const char *[]){"--requirepass", "another", NULL});
    node(F("%s \"password=%s\"", address(), password), "");
    ck_assert(log_waits("it refuses user or password (WRONGPASS)"));
    redis_health(PORT_SECOND, "warn");
    counted_here("127.0.6.1");
    ck_assert_int_eq(log_count(sick), 1);
    node(address(), "");
    ck_assert(log_waits("it wants a password (NOAUTH)"));
    counted_here("127.0.6.2");
    ck_assert_int_eq(log_count(sick), 2);
}
END_TEST

/* Two virtual hosts with another account each: the one that is let in is not left alone with the other. */
START_TEST(a_host_that_is_refused_takes_nothing_from_another)
{
    expect_log(sick);
    redis_start(NULL);
    REDIS("ACL", "SETUSER", "good", "on", ">word", "~forge:limit:*", "+@all");
    node(F("redis://good:word@127.0.0.1:%d", redis_port),
         F("Listen 127.0.0.1:%d\n<VirtualHost 127.0.0.1:%d>\nForgeRateLimitStore redis://bad:word@127.0.0.1:%d\n"
           "</VirtualHost>\n",
           env.ports[PORT_THIRD], env.ports[PORT_THIRD], redis_port));
    redis_health(PORT_SECOND, "pass");
    redis_health(PORT_THIRD, "warn");
    for (int i = 1; i <= 5; i++) {
        ck_assert_int_eq(atoi(header(get("127.0.6.5"), "X-RateLimit-Remaining")), 5 - i);
        pause_ms(300);
    }
    redis_health(PORT_SECOND, "pass");
    ck_assert_int_eq(log_count(sick), 1);
}
END_TEST

/* --- away --- */

START_TEST(away_at_the_start_it_is_used_when_it_comes)
{
    expect_log(sick);
    redis_port = port_free();
    node(address(), "");
    redis_health(PORT_SECOND, "warn");
    ck_assert(log_waits("no connection could be made"));
    counted_here("127.0.6.10");
    ck_assert_int_ne(redis_metric(PORT_SECOND, F("forge_breaker_state{host=\"127.0.0.1:%d\"}", redis_port)), 0);
    ck_assert_int_ge(redis_metric(PORT_SECOND, "forge_redis_fallbacks_total{decision=\"local\"}"), 6);
    redis_start(NULL);
    redis_health(PORT_SECOND, "pass");
    ck_assert(log_waits(back));
    ck_assert_int_eq(redis_metric(PORT_SECOND, F("forge_breaker_state{host=\"127.0.0.1:%d\"}", redis_port)), 0);
    expect_status(get("127.0.6.11"), 200);
    ck_assert(strstr(REDIS("KEYS", "*"), "forge:limit:"));
    ck_assert_int_eq(log_count(sick), 1);
}
END_TEST

static void get_many(int i, void *baton)
{
    (void)baton;
    if (i == 0) {
        pause_ms(200);
        redis_stop(SIGKILL);
        return;
    }
    for (int n = 0; n < 40; n++) {
        int status = get(F("127.0.7.%d", i))->status;
        if (status != 200 && status != 429)
            fail_later("%d", status);
        pause_ms(20);
    }
}

START_TEST(killed_under_load_no_request_fails)
{
    expect_log(sick);
    redis_start(NULL);
    node(F("%s timeout=50ms", address()), "");
    redis_health(PORT_SECOND, "pass");
    parallel(8, get_many, NULL);
    redis_health(PORT_SECOND, "warn");
    counted_here("127.0.6.20");
    redis_start(NULL);
    redis_health(PORT_SECOND, "pass");
    expect_status(get("127.0.6.21"), 200);
    ck_assert(log_waits(back));
}
END_TEST

/* --- slow --- */

/* Of requests one after the other only the first few may have waited: then nobody asks any more. */
static long late_ones(long before)
{
    return redis_metric(PORT_SECOND, late) - before;
}

static void slow_node(const char *mode)
{
    expect_log(sick);
    redis_start(NULL);
    node(address(), F("ForgeRateLimitOnError %s", mode));
    redis_health(PORT_SECOND, "pass");
}

START_TEST(slow_it_is_left_alone_and_limits_are_local)
{
    slow_node("local");
    expect_status(get("127.0.6.30"), 200);
    long before = redis_metric(PORT_SECOND, late);
    redis_freeze(true);
    for (int i = 2; i <= 5; i++) { /* counting goes on where it was */
        reply_t *reply = get("127.0.6.30");
        expect_status(reply, 200);
        ck_assert_int_le(atoi(header(reply, "X-RateLimit-Remaining")), 5 - i);
    }
    for (int i = 0; i < 30; i++)
        expect_problem(get("127.0.6.30"), "rate_limited");
    ck_assert_msg(late_ones(before) <= 3, "%ld of 34 requests waited", late_ones(before));
    redis_health(PORT_SECOND, "warn");
    redis_freeze(false);
    redis_health(PORT_SECOND, "pass");
}
END_TEST

START_TEST(slow_and_open_nobody_is_limited)
{
    slow_node("open");
    for (int i = 1; i <= 5; i++)
        expect_status(get("127.0.6.40"), 200);
    expect_problem(get("127.0.6.40"), "rate_limited");
    redis_freeze(true);
    int limited = 0;
    for (int i = 0; i < 20; i++) {
        reply_t *reply = get("127.0.6.40");
        expect_status(reply, 200);
        limited += header(reply, "RateLimit") != NULL;
    }
    ck_assert_int_eq(limited, 0);
    expect_problem(CALL("GET", "/api/v1/auth/me", .port = PORT_SECOND, .from = "127.0.6.40",
                        .token = "fk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
                   "invalid_token");
    redis_freeze(false);
    redis_health(PORT_SECOND, "pass");
    expect_problem(get("127.0.6.40"), "rate_limited");
}
END_TEST

START_TEST(slow_and_closed_limited_requests_are_refused)
{
    slow_node("closed");
    expect_status(get("127.0.6.50"), 200);
    redis_freeze(true);
    for (int i = 0; i < 20; i++) {
        reply_t *reply = get("127.0.6.50");
        expect_problem(reply, "unavailable");
        ck_assert_str_eq(header(reply, "Retry-After"), "1");
    }
    expect_status(CALL("GET", "/health/live", .port = PORT_SECOND), 200);
    redis_freeze(false);
    redis_health(PORT_SECOND, "pass");
    expect_status(get("127.0.6.50"), 200);
}
END_TEST

/* --- wrong --- */

static const char *garbage;

static void *talk(void *baton)
{
    int listener = *(int *)baton, fd;
    char bytes[4096];
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        if (recv(fd, bytes, sizeof(bytes), 0) > 0)
            (void)!send(fd, garbage, strlen(garbage), MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        while (recv(fd, bytes, sizeof(bytes), 0) > 0)
            ;
        close(fd);
    }
    return NULL;
}

START_TEST(what_speaks_another_protocol_is_not_believed)
{
    static const char *const kinds[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", "*1000000000\r\n", "$99999999999999\r\n",
                                        "+OK\r\n"};
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    pthread_t thread;
    expect_log(sick);
    redis_port = port_free();
    any.sin_port = htons((uint16_t)redis_port);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&any, sizeof(any)) | listen(listener, 16), 0);
    garbage = kinds[0];
    pthread_create(&thread, NULL, talk, &listener);
    for (int i = 0; i < (env.quick ? 1 : 4); i++) {
        garbage = kinds[i];
        node(address(), "");
        redis_health(PORT_SECOND, "warn");
        counted_here(F("127.0.6.%d", 60 + i));
        ck_assert_int_eq(log_count(sick), i + 1);
    }
    ck_assert(log_waits("it does not speak Redis's protocol"));
    env_second_stop();
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(listener);
}
END_TEST

/* Makes it refuse to write, sees that it is left alone, and that it is used again. */
static void refuses(const char *says, const char *const *wrong, const char *const *right, const char *from)
{
    expect_log(sick);
    redis_start(NULL);
    node(address(), "");
    redis_health(PORT_SECOND, "pass");
    expect_status(get(from), 200);
    redis_ask(wrong);
    expect_status(get(from), 200);
    redis_health(PORT_SECOND, "warn");
    ck_assert_msg(log_waits(says), "the log does not say %s", says);
    for (int i = 0; i < 3; i++)
        expect_status(get(from), 200);
    expect_problem(get(from), "rate_limited");
    redis_ask(right);
    redis_health(PORT_SECOND, "pass");
    ck_assert(log_waits(back));
}

START_TEST(without_memory_it_is_left_alone)
{
    refuses("OOM", (const char *[]){"CONFIG", "SET", "maxmemory", "1", NULL},
            (const char *[]){"CONFIG", "SET", "maxmemory", "0", NULL}, "127.0.6.70");
}
END_TEST

START_TEST(a_replica_is_left_alone)
{
    refuses("READONLY", (const char *[]){"REPLICAOF", "127.0.0.1", "1", NULL},
            (const char *[]){"REPLICAOF", "NO", "ONE", NULL}, "127.0.6.80");
}
END_TEST

START_TEST(a_forgotten_script_is_sent_again)
{
    redis_start(NULL);
    node(address(), "");
    redis_health(PORT_SECOND, "pass");
    for (int i = 1; i <= 5; i++) {
        reply_t *reply = get("127.0.6.90");
        expect_status(reply, 200);
        ck_assert_int_eq(atoi(header(reply, "X-RateLimit-Remaining")), 5 - i);
        REDIS("SCRIPT", "FLUSH");
    }
    expect_problem(get("127.0.6.90"), "rate_limited");
    ck_assert_int_eq(redis_metric(PORT_SECOND, "forge_redis_fallbacks_total{decision=\"local\"}"), 0);
}
END_TEST

/* --- TLS, and a Unix socket --- */

START_TEST(certificates_are_checked)
{
    expect_log(sick);
    redis_port = port_free();
    redis_start((const char *[]){"--tls-port", F("%d", redis_port), "--tls-cert-file", F("%s/git.pem", env.dir),
                                 "--tls-key-file", F("%s/git.key", env.dir), "--tls-auth-clients", "no",
                                 "--tls-ca-cert-file", F("%s/git-authority.pem", env.dir), NULL});
    node(F("rediss://localhost:%d ca=%s/git-authority.pem", redis_port, env.dir), "");
    redis_health(PORT_SECOND, "pass");
    for (int i = 1; i <= 3; i++)
        ck_assert_int_eq(atoi(header(get("127.0.6.100"), "X-RateLimit-Remaining")), 5 - i);
    ck_assert_int_eq(redis_metric(PORT_SECOND, "forge_redis_round_trips_total{result=\"ok\"}"), 3);
    node(F("rediss://127.0.0.1:%d ca=%s/git-authority.pem", redis_port, env.dir), "");
    redis_health(PORT_SECOND, "warn");
    ck_assert(log_waits("IP address mismatch"));
    node(F("rediss://localhost:%d", redis_port), "");
    redis_health(PORT_SECOND, "warn");
    ck_assert(log_waits("certificate"));
    counted_here("127.0.6.101");
}
END_TEST

START_TEST(a_unix_socket_will_do)
{
    char *path = F("%s/redis.sock", env.dir);
    redis_start((const char *[]){"--unixsocket", path, "--unixsocketperm", "777", NULL});
    node(F("redis+unix://%s?db=2", path), "");
    redis_health(PORT_SECOND, "pass");
    expect_status(get("127.0.6.110"), 200);
    ck_assert(strstr(REDIS("-n", "2", "KEYS", "*"), "forge:limit:"));
}
END_TEST

Suite *suite_redis_faults(void)
{
    Suite *suite = suite_create("redis_faults");
    TCase *login = case_make(suite, "login"), *away = case_make(suite, "away"), *slow = case_make(suite, "slow"),
          *wrong = case_make(suite, "wrong"), *ways = case_make(suite, "ways");
    TCase *const all[] = {login, away, slow, wrong, ways};
    for (int i = 0; i < 5; i++)
        tcase_add_checked_fixture(all[i], NULL, redis_tidy);
    tcase_add_test(login, a_right_password_is_taken_from_each_place);
    tcase_add_test(login, a_wrong_or_missing_password_is_said_once);
    tcase_add_test(login, a_host_that_is_refused_takes_nothing_from_another);
    tcase_add_test(away, away_at_the_start_it_is_used_when_it_comes);
    tcase_add_test(away, killed_under_load_no_request_fails);
    tcase_add_test(slow, slow_it_is_left_alone_and_limits_are_local);
    tcase_add_test(slow, slow_and_open_nobody_is_limited);
    tcase_add_test(slow, slow_and_closed_limited_requests_are_refused);
    tcase_add_test(wrong, what_speaks_another_protocol_is_not_believed);
    tcase_add_test(wrong, without_memory_it_is_left_alone);
    tcase_add_test(wrong, a_replica_is_left_alone);
    tcase_add_test(wrong, a_forgotten_script_is_sent_again);
    tcase_add_test(ways, certificates_are_checked);
    tcase_add_test(ways, a_unix_socket_will_do);
    return suite;
}
