/* SPDX-License-Identifier: Apache-2.0
 * net/redis*.c: addresses, what is taken for an answer, and that Redis counts as live/limits.c does.
 */
#include "net/redis_private.h"
#include "live/live.h"
#include "unit.h"
#include <apr_strings.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define P forge_test_pool

static const char *why;

/* --- addresses --- */

static forge_redis_t *opened(const char *url)
{
    forge_redis_t *redis = apr_pcalloc(P, sizeof(*redis));
    return forge_net_redis_open(P, redis, url, NULL, &why) ? redis : NULL;
}

START_TEST(an_address_is_taken_apart)
{
    const forge_redis_t *r = opened("redis://redis.example.org");
    ck_assert_str_eq(r->host, "redis.example.org");
    ck_assert(r->port == 6379 && r->db == 0 && !r->tls && !r->user && !r->password);
    ck_assert_str_eq(r->name, "redis.example.org:6379");
    r = opened("redis://:a%2Fb%40c%3Ad%25@10.0.0.1:6380/15");
    ck_assert_str_eq(r->password, "a/b@c:d%");
    ck_assert(r->port == 6380 && r->db == 15 && !r->user);
    r = opened("REDISS://forge:word@[2001:db8::1]:7000/");
    ck_assert_str_eq(r->user, "forge");
    ck_assert_str_eq(r->host, "2001:db8::1");
    ck_assert(r->tls && r->trust && r->port == 7000);
    r = opened("redis+unix://:word@/run/redis/redis.sock?db=3");
    ck_assert_str_eq(r->path, "/run/redis/redis.sock");
    ck_assert(r->db == 3 && !r->host);
    ck_assert_str_eq(r->password, "word");
}
END_TEST

START_TEST(wrong_addresses_are_refused_without_the_password)
{
    static const char *const wrong[] = {
        "",
        "redis",
        "redis:/h",
        "http://h",
        "redis://",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:",
        "redis://h:x",
        "redis://h/16x",
        "redis://h/-1",
        "redis://h/65536",
        "redis://h/0/1",
        "redis://h?db=1",
        "redis://h/0?db=1",
        "redis://h/0#x",
        "redis://-h",
        "redis://a b",
        "redis://canary@h",
        "redis://:@h",
        "redis://u:@h",
        "redis://:canary%@h",
        "redis://:canary%0@h",
        "redis://:canary%zz@h",
        "redis://:canary%00@h",
        "redis://:canary%0a@h",
        "redis://:can/ary@h",
        "redis+unix://",
        "redis+unix://run/x",
        "redis+unix:///run/x?db=x",
        "redis+unix:///run/x?name=1",
        "redis+unix:///"
        "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
        "890123456789",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        ck_assert_msg(!opened(wrong[i]), "%s", wrong[i]);
        ck_assert_msg(why && *why && !strstr(why, "canary"), "%s: %s", wrong[i], why ? why : "-");
    }
}
END_TEST

static const forge_redis_t *parsed(int n, const char *const *words)
{
    return forge_net_redis_parse(P, n, words, &why);
}

START_TEST(a_round_trip_has_50_ms_unless_it_is_said)
{
    ck_assert_int_eq(parsed(1, (const char *[]){"redis://h"})->patience, apr_time_from_msec(50));
    ck_assert_int_eq(parsed(2, (const char *[]){"redis://h", "timeout=7ms"})->patience, apr_time_from_msec(7));
    ck_assert_ptr_null(parsed(1, (const char *[]){"shm"})->url);
    static const char *const wrong[] = {"timeout=0ms", "timeout=1001ms", "timeout=50", "timeout=1s", "timeout=",
                                        "password=",   "ca=relative",    "ca=/x",      "speed=1",    "word"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        ck_assert_msg(!parsed(2, (const char *[]){"redis://h", wrong[i]}), "%s", wrong[i]);
    ck_assert_ptr_null(parsed(2, (const char *[]){"redis://:canary@h", "password=canary"}));
    ck_assert(!strstr(why, "canary"));
}
END_TEST

/* --- answers --- */

static forge_redis_reply_t answered(const char *bytes)
{
    forge_redis_reply_t reply;
    void *reader = forge_net_redis_reader();
    for (const char *at = bytes;; at++) { /* one byte at a time */
        forge_net_redis_take(reader, &reply);
        if (reply.kind != FORGE_REDIS_MORE || !*at)
            break;
        forge_net_redis_feed(reader, at, 1);
    }
    forge_net_redis_reader_free(reader);
    return reply;
}

START_TEST(only_texts_and_errors_are_answers)
{
    ck_assert_int_eq(answered("$4\r\n1 20\r\n").kind, FORGE_REDIS_TEXT_REPLY);
    ck_assert_str_eq(answered("$4\r\n1 20\r\n").text, "1 20");
    ck_assert_str_eq(answered("+OK\r\n").text, "OK");
    ck_assert_str_eq(answered("-OOM no \033[2J memory\r\n").text, "OOM no ?[2J memory");
    ck_assert_int_eq(answered("-OOM\r\n").kind, FORGE_REDIS_ERROR);
    ck_assert_int_eq(answered("$4\r\n1 2").kind, FORGE_REDIS_MORE);
    static const char *const garbage[] = {
        "HTTP/1.1 400\r\n\r\n", "*1\r\n$1\r\nx\r\n", "*1000000000\r\n", ":1\r\n", "$-1\r\n", "%1\r\n", "\r\n"};
    for (size_t i = 0; i < sizeof(garbage) / sizeof(*garbage); i++)
        ck_assert_msg(answered(garbage[i]).kind == FORGE_REDIS_GARBAGE, "%s", garbage[i]);
}
END_TEST

START_TEST(what_the_script_cannot_have_said_is_refused)
{
    forge_redis_run_t run = {.interval = 10, .span = 100};
    ck_assert(forge_net_redis_answer("1 100", &run) && run.allowed && run.reset == 100);
    ck_assert(forge_net_redis_answer("0 0", &run) && !run.allowed && run.reset == 0);
    static const char *const wrong[] = {"",      "1",   "1 ",   "2 5", "1 -1",
                                        "1 101", "1 x", "11 5", "OK",  "1 99999999999999999999"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        ck_assert_msg(!forge_net_redis_answer(wrong[i], &run), "%s", wrong[i]);
}
END_TEST

/* --- against a real one --- */

static char folder[64];
static forge_redis_t *server;
static forge_redis_client_t *client;
static forge_live_t *live;
static int is_away;
static pid_t pid;

static bool hook_away(void *baton)
{
    (void)baton;
    return __atomic_load_n(&is_away, __ATOMIC_ACQUIRE);
}

static apr_uint32_t hook_era(void *baton)
{
    (void)baton;
    return 0;
}

static bool hook_try(void *baton)
{
    return hook_away(baton);
}

static void hook_good(void *baton)
{
    (void)baton;
    __atomic_store_n(&is_away, 0, __ATOMIC_RELEASE);
}

static void hook_bad(void *baton, const char *words)
{
    (void)baton, (void)words;
    __atomic_store_n(&is_away, 1, __ATOMIC_RELEASE);
}

static void hook_stuck(void *baton)
{
    (void)baton;
    abort();
}

static void begin_server(void)
{
    forge_test_begin();
    snprintf(folder, sizeof(folder), "/tmp/forge-redis-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    const char *path = apr_pstrcat(P, folder, "/redis.sock", NULL);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (!freopen("/dev/null", "w", stdout))
            _exit(1);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder,
               (char *)NULL);
        _exit(127);
    }
    server = apr_pmemdup(P, parsed(2, (const char *[]){"redis+unix:///x", "timeout=1000ms"}), sizeof(*server));
    ck_assert(forge_net_redis_open(P, server, apr_pstrcat(P, "redis+unix://", path, NULL), NULL, &why));
    for (int i = 0; i < 400 && !forge_net_redis_probe(P, server, &why); i++)
        usleep(50000);
    ck_assert_msg(forge_net_redis_probe(P, server, &why), "%s", why);
    is_away = 0;
    const forge_redis_spec_t spec = {
        .redis = server, .most = 2, .hooks = {hook_away, hook_era, hook_try, hook_good, hook_bad, hook_stuck, NULL}};
    client = forge_net_redis_client(P, &spec);
    ck_assert_ptr_nonnull(client);
    live = forge_live_open_private(P, &why);
    ck_assert_ptr_nonnull(live);
}

static void end_server(void)
{
    forge_test_end();
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    char path[96];
    snprintf(path, sizeof(path), "%s/redis.sock", folder);
    unlink(path);
    rmdir(folder);
}

static forge_redis_run_t count(const char *key, forge_limit_t limit, bool take)
{
    const forge_limit_plan_t plan = forge_live_limit_plan(limit);
    forge_redis_run_t run = {.key = key, .interval = plan.interval, .span = plan.span, .take = take};
    forge_redis_end_t end = FORGE_REDIS_AWAY;
    for (int i = 0; i < 100 && end != FORGE_REDIS_OK; i++) { /* on a busy machine the first connection may be late */
        end = forge_net_redis_run(client, P, &run, 1);
        if (end != FORGE_REDIS_OK)
            usleep(50000);
    }
    ck_assert_int_eq(end, FORGE_REDIS_OK);
    return run;
}

/* Hours between two requests: what passes meanwhile changes no figure. */
START_TEST(it_counts_as_shared_memory_does)
{
    const forge_limit_t limits[] = {
        {5, apr_time_from_sec(36000)}, {1, apr_time_from_sec(604800)}, {7, apr_time_from_sec(100000)}};
    for (int l = 0; l < 3; l++) {
        const forge_limit_plan_t plan = forge_live_limit_plan(limits[l]);
        const char *key = apr_psprintf(P, FORGE_REDIS_KEYS "%d", l);
        for (int i = 0; i < 9; i++) {
            bool seen = count(key, limits[l], false).allowed;
            forge_redis_run_t there = count(key, limits[l], true);
            forge_limit_answer_t here = forge_live_limit_take(live, l, "k", 1, limits[l], 0),
                                 made = forge_live_limit_answer(plan, there.allowed, there.reset);
            ck_assert(seen == here.allowed);
            ck_assert(made.allowed == here.allowed && made.remaining == here.remaining);
            ck_assert_msg(llabs(made.reset - here.reset) < plan.interval && made.reset <= plan.span, "%lld, %lld",
                          (long long)made.reset, (long long)here.reset);
            ck_assert(made.allowed == (i < limits[l].limit));
        }
    }
}
END_TEST

/* A look stores nothing; a shorter window than before blocks nobody for longer than itself. */
START_TEST(a_changed_limit_counts_at_once)
{
    const forge_limit_t wide = {2, apr_time_from_sec(86400)}, narrow = {2, apr_time_from_sec(7200)};
    ck_assert_int_eq(count(FORGE_REDIS_KEYS "w", wide, false).reset, 0);
    ck_assert(count(FORGE_REDIS_KEYS "w", wide, true).allowed);
    ck_assert(count(FORGE_REDIS_KEYS "w", wide, true).allowed);
    ck_assert(!count(FORGE_REDIS_KEYS "w", wide, true).allowed);
    forge_redis_run_t run = count(FORGE_REDIS_KEYS "w", narrow, true);
    ck_assert(!run.allowed);
    ck_assert_int_eq(run.reset, apr_time_from_sec(7200));
}
END_TEST

Suite *forge_test_net_redis(void)
{
    Suite *s = suite_create("net_redis");
    TCase *tc = tcase_create("words"), *real = tcase_create("server");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, an_address_is_taken_apart);
    tcase_add_test(tc, wrong_addresses_are_refused_without_the_password);
    tcase_add_test(tc, a_round_trip_has_50_ms_unless_it_is_said);
    tcase_add_test(tc, only_texts_and_errors_are_answers);
    tcase_add_test(tc, what_the_script_cannot_have_said_is_refused);
    suite_add_tcase(s, tc);
    tcase_add_checked_fixture(real, begin_server, end_server);
    tcase_set_timeout(real, 60);
    tcase_add_test(real, it_counts_as_shared_memory_does);
    tcase_add_test(real, a_changed_limit_counts_at_once);
    suite_add_tcase(s, real);
    return s;
}
