/* SPDX-License-Identifier: Apache-2.0
 * Rate limits in Redis (SPEC 21): two nodes share each of them exactly, with the headers and the numbers of shared
 * memory. The time-out of these nodes is long, because a busy machine is not what is tested; the faults are in
 * redis_faults.c.
 */
#include "redis.h"

#include <stdlib.h>
#include <string.h>

enum { QUOTA = 20, AT_ONCE = 4 * QUOTA };

static const char ok[] = "forge_redis_round_trips_total{result=\"ok\"}",
                  local[] = "forge_redis_fallbacks_total{decision=\"local\"}";

static char *lines(const char *limits)
{
    return F("ForgeRateLimitStore redis://127.0.0.1:%d/3 timeout=1000ms\n%s\n", redis_port, limits);
}

static void both_nodes(const char *limits)
{
    watchdog(180);
    redis_start(NULL);
    redis_node(PORT_SECOND, lines(limits));
    redis_node(PORT_THIRD, lines(limits));
    redis_health(PORT_SECOND, "pass");
    redis_health(PORT_THIRD, "pass");
}

static reply_t *get(port_t port, const char *from)
{
    return CALL("GET", "/api/v1/courses", .port = port, .from = from);
}

typedef struct race_t {
    const char *from, *token;
    int statuses[AT_ONCE];
} race_t;

static void get_one(int i, void *baton)
{
    race_t *race = baton;
    port_t port = i % 2 ? PORT_SECOND : PORT_THIRD;
    race->statuses[i] = race->token ? CALL("GET", "/api/v1/auth/me", .port = port, .token = race->token)->status
                                    : get(port, race->from)->status;
}

static int served(const race_t *race)
{
    int n = 0;
    for (int i = 0; i < AT_ONCE; i++) {
        n += race->statuses[i] == 200;
        ck_assert_msg(race->statuses[i] == 200 || race->statuses[i] == 429, "%d", race->statuses[i]);
    }
    return n;
}

START_TEST(two_nodes_share_one_limit_exactly)
{
    both_nodes(F("ForgeRateLimit default %d/1h ip\nForgeRateLimit user %d/1h user", QUOTA, QUOTA));
    for (int round = 0; round < (env.quick ? 2 : 4); round++) {
        race_t race = {.from = F("127.0.5.%d", round + 1)};
        parallel(AT_ONCE, get_one, &race);
        ck_assert_int_eq(served(&race), QUOTA);
        expect_problem(get(PORT_SECOND, race.from), "rate_limited");
        expect_problem(get(PORT_THIRD, race.from), "rate_limited");
    }
    race_t account = {.token = person("student").access};
    parallel(AT_ONCE, get_one, &account);
    ck_assert_int_eq(served(&account), QUOTA);
    ck_assert_int_eq(redis_metric(PORT_SECOND, local) + redis_metric(PORT_THIRD, local), 0);
}
END_TEST

/* What the same limit says in shared memory. */
static void same(const reply_t *a, const reply_t *b, const char *name)
{
    const char *one = header(a, name), *other = header(b, name);
    ck_assert_msg(one && other && strcmp(one, other) == 0, "%s: %s, %s", name, one ? one : "-", other ? other : "-");
}

static long after(const char *text, const char *name)
{
    const char *at = text ? strstr(text, name) : NULL;
    ck_assert_msg(at, "no %s in %s", name, text ? text : "-");
    return strtol(at + strlen(name), NULL, 10);
}

START_TEST(headers_and_numbers_are_those_of_shared_memory)
{
    static const char limits[] = "ForgeRateLimit default 5/1h ip";
    watchdog(180);
    redis_start(NULL);
    redis_node(PORT_SECOND, lines(limits));
    redis_node(PORT_THIRD, limits);
    redis_health(PORT_SECOND, "pass");
    redis_health(PORT_THIRD, "off");
    for (int i = 1; i <= 7; i++) {
        reply_t *redis = get(PORT_SECOND, "127.0.5.20"), *here = get(PORT_THIRD, "127.0.5.20");
        ck_assert_int_eq(redis->status, here->status);
        ck_assert_int_eq(redis->status, i <= 5 ? 200 : 429);
        same(redis, here, "RateLimit-Policy");
        same(redis, here, "X-RateLimit-Limit");
        same(redis, here, "X-RateLimit-Remaining");
        ck_assert_int_eq(after(header(redis, "RateLimit"), "r="), i < 5 ? 5 - i : 0);
        long least = 720 * ((i < 5 ? i : 5) - 1), most = 720 * (i < 5 ? i : 5); /* a request comes back in 720 s */
        long reset = after(header(redis, "RateLimit"), "t=");
        ck_assert_msg(reset > least && reset <= most, "%ld", reset);
        if (i > 5)
            ck_assert_int_le(atoi(header(redis, "Retry-After")), 720);
    }
}
END_TEST

/* Class auth and the wrong guesses of a network are asked for together; a wrong guess is counted later. */
START_TEST(one_round_trip_a_request)
{
    watchdog(180);
    redis_start(NULL);
    redis_node(PORT_SECOND, lines("ForgeRateLimit default 1000/1h ip"));
    redis_health(PORT_SECOND, "pass");
    long before = redis_metric(PORT_SECOND, ok);
    for (int i = 0; i < 10; i++)
        expect_status(get(PORT_SECOND, "127.0.5.30"), 200);
    ck_assert_int_eq(redis_metric(PORT_SECOND, ok) - before, 10);
    person_t me = person("student");
    const char *good = F("{\"email\":\"%s\",\"password\":\"%s\"}", me.email, me.password);
    before = redis_metric(PORT_SECOND, ok);
    expect_status(CALL("POST", "/api/v1/auth/login", .port = PORT_SECOND, .json = good), 200);
    ck_assert_int_eq(redis_metric(PORT_SECOND, ok) - before, 1);
    expect_problem(
        CALL("POST", "/api/v1/auth/login", .port = PORT_SECOND, .json = "{\"username\":\"nobody\",\"password\":\"x\"}"),
        "bad_credentials");
    ck_assert_int_eq(redis_metric(PORT_SECOND, ok) - before, 3);
    expect_status(CALL("GET", "/health/live", .port = PORT_SECOND), 200);
    ck_assert_int_eq(redis_metric(PORT_SECOND, ok) - before, 3);
}
END_TEST

/* Nobody who reads Redis learns who has called. */
START_TEST(keys_are_digests_that_end)
{
    person_t me = person("student");
    watchdog(180);
    redis_start(NULL);
    redis_node(PORT_SECOND, lines("ForgeRateLimit default 5/1m ip\nForgeRateLimit user 5/1m user"));
    redis_health(PORT_SECOND, "pass");
    expect_status(get(PORT_SECOND, "127.0.5.40"), 200);
    expect_status(CALL("GET", "/api/v1/auth/me", .port = PORT_SECOND, .token = me.access), 200);
    char *keys = REDIS("-n", "3", "KEYS", "*"), *rest;
    int n = 0;
    for (char *key = strtok_r(keys, "\n", &rest); key; key = strtok_r(NULL, "\n", &rest)) {
        ck_assert_msg(strncmp(key, "forge:limit:", 12) == 0, "%s", key);
        if (strcmp(key, "forge:limit:trial") == 0)
            continue;
        ck_assert_uint_eq(strlen(key), 12 + 22);
        ck_assert_ptr_null(strstr(key, "127"));
        long left = atol(REDIS("-n", "3", "PTTL", key));
        ck_assert_msg(left > 0 && left <= 60000, "%s: %ld", key, left);
        n++;
    }
    ck_assert_int_eq(n, 2);
    ck_assert_str_eq(REDIS("-n", "0", "DBSIZE"), "0\n");
}
END_TEST

/* What a window of the limit says is the same before and after; nobody is refused meanwhile. */
START_TEST(a_graceful_restart_forgets_nothing)
{
    static const char limits[] = "ForgeRateLimit default 50/1h ip";
    both_nodes(limits);
    for (int i = 1; i <= 10; i++)
        ck_assert_int_eq(atoi(header(get(PORT_SECOND, "127.0.5.50"), "X-RateLimit-Remaining")), 50 - i);
    env_second_change(lines(limits));
    for (int i = 11; i <= 40; i++) {
        reply_t *reply = get(PORT_SECOND, "127.0.5.50");
        expect_status(reply, 200);
        ck_assert_int_eq(atoi(header(reply, "X-RateLimit-Remaining")), 50 - i);
        pause_ms(50);
    }
    ck_assert_int_eq(atoi(header(get(PORT_THIRD, "127.0.5.50"), "X-RateLimit-Remaining")), 9);
    ck_assert_int_eq(redis_metric(PORT_SECOND, local), 0);
    ck_assert_int_eq(log_count("FG1080"), 0);
}
END_TEST

/* An unknown key costs a look into the database only while there is quota, whichever node has seen it used up. */
START_TEST(unknown_keys_are_looked_up_within_the_quota)
{
    static const char unknown[] = "fk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    both_nodes("ForgeRateLimit default 5/1h ip");
    for (int i = 0; i < 8; i++) {
        port_t port = i % 2 ? PORT_SECOND : PORT_THIRD;
        reply_t *reply = CALL("GET", "/metrics", .port = port, .from = "127.0.5.60", .token = unknown);
        expect_problem(reply, i < 5 ? "invalid_token" : "rate_limited");
    }
}
END_TEST

Suite *suite_redis_limits(void)
{
    Suite *suite = suite_create("redis_limits");
    TCase *all = case_make(suite, "all");
    tcase_add_checked_fixture(all, NULL, redis_tidy);
    tcase_add_test(all, two_nodes_share_one_limit_exactly);
    tcase_add_test(all, headers_and_numbers_are_those_of_shared_memory);
    tcase_add_test(all, one_round_trip_a_request);
    tcase_add_test(all, keys_are_digests_that_end);
    tcase_add_test(all, a_graceful_restart_forgets_nothing);
    tcase_add_test(all, unknown_keys_are_looked_up_within_the_quota);
    return suite;
}
