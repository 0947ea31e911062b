/* SPDX-License-Identifier: Apache-2.0
 * /monitor/docker: off until it is enabled, asked by one for all, and what an engine that fails means. The second node
 * asks an engine of the test.
 */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define DATA   "/api/v1/monitor/docker/temp-data"
#define ENABLE "/api/v1/monitor/docker/enable-temp"

static int engine;

static char *engine_file(const char *name)
{
    return F("%s/docker/%s", env.dir, name);
}

static void engine_mode(const char *mode)
{
    file_write(engine_file("mode.part"), mode);
    rename(engine_file("mode.part"), engine_file("mode"));
}

static void engine_stop(void)
{
    if (engine > 0) {
        process_kill(engine, SIGKILL);
        process_wait(engine, 5);
    }
    engine = 0;
}

static void node(const char *socket)
{
    env_second_launch(F("ForgeDockerSocket %s\n", socket));
    ck_assert(env_second_ready(20));
}

static void begin(const char *mode)
{
    process_run(NULL, (const char *[]){"rm", "-rf", F("%s/docker", env.dir), NULL}, NULL);
    mkdir(F("%s/docker", env.dir), 0755);
    engine_mode(mode);
    engine = process_start(NULL,
                           (const char *[]){"python3", F("%s/tests/docker_server.py", env.source),
                                            F("unix:%s", engine_file("engine.sock")), F("%s/docker", env.dir), NULL},
                           engine_file("log"));
    for (int i = 0; i < 400 && !strstr(file_read(engine_file("log"), 0), "unix:"); i++)
        pause_ms(50);
    node(F("unix:%s", engine_file("engine.sock")));
}

static void end(void)
{
    engine_stop();
    env_second_stop();
}

static reply_t *data(void)
{
    return CALL("GET", DATA, .port = PORT_SECOND);
}

static reply_t *enable(const char *minutes)
{
    return CALL("POST", ENABLE, .port = PORT_SECOND, .json = F("{\"minutes\":%s}", minutes));
}

static int lists(void)
{
    int n = 0;
    for (char *at = file_read(engine_file("requests"), 0); (at = strstr(at, "/containers/json")); at++)
        n++;
    return n;
}

static json_t *container(const json_t *answer, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach(at(answer, "/containers"), i, item) if (strcmp(text_at(item, "/name"), name) == 0) return item;
    ck_abort_msg("there is no container %s", name);
}

static void is_off(const reply_t *reply)
{
    expect_status(reply, 200);
    ck_assert(json_is_false(at(reply->json, "/enabled")));
    ck_assert(json_is_null(at(reply->json, "/enabled_until")));
    ck_assert(json_is_null(at(reply->json, "/taken_at")));
    ck_assert_uint_eq(json_array_size(at(reply->json, "/containers")), 0);
}

START_TEST(nothing_is_asked_until_it_is_enabled)
{
    begin("good");
    is_off(data());
    ck_assert_int_eq(lists(), 0);
    reply_t *enabled = enable("10");
    expect_status(enabled, 200);
    ck_assert_int_eq(lists(), 0);
    reply_t *reply = data();
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/enabled_until"), text_at(enabled->json, "/enabled_until"));
    ck_assert_int_eq(int_at(reply->json, "/total"), 4);
    json_t *web = container(reply->json, "web"), *done = container(reply->json, "done");
    ck_assert_str_eq(text_at(web, "/state"), "running");
    ck_assert_str_eq(text_at(web, "/health"), "healthy");
    ck_assert_double_eq_tol(json_number_value(at(web, "/cpu_percent")), 50, 0.01);
    ck_assert_int_eq(int_at(web, "/memory_bytes"), 500000000);
    ck_assert_int_eq(int_at(web, "/memory_limit_bytes"), 1 << 30);
    ck_assert_int_eq(int_at(web, "/network/rx_bytes"), 1001);
    ck_assert_int_eq(int_at(web, "/block/write_bytes"), 8192);
    ck_assert_uint_eq(json_array_size(at(web, "/logs")), 50);
    ck_assert_str_eq(text_at(web, "/logs/49"), "last without end");
    ck_assert(json_is_null(at(web, "/error")));
    ck_assert(json_is_null(at(done, "/cpu_percent")));
    ck_assert(json_is_null(at(done, "/health")));
}
END_TEST

/* Whichever child answers. */
START_TEST(it_is_true_for_all_processes_and_kept_for_seconds)
{
    begin("good");
    expect_status(enable("1"), 200);
    const time_t since = time(NULL);
    for (int i = 0; i < 20; i++)
        ck_assert(json_is_true(at(data()->json, "/enabled")));
    ck_assert_int_le(lists(), 2 + (int)(time(NULL) - since) / 5);
    json_t *monitor = CALL("GET", "/api/v1/monitor", .port = PORT_SECOND)->json;
    ck_assert(json_is_true(at(monitor, "/containers/enabled")));
    ck_assert_int_eq(int_at(monitor, "/containers/total"), 4);
    ck_assert_int_eq(int_at(monitor, "/containers/running"), 3);
    ck_assert_int_eq(int_at(monitor, "/containers/unhealthy"), 1);
    ck_assert(json_is_false(at(CALL("GET", "/api/v1/monitor")->json, "/containers/enabled"))); /* another node */
}
END_TEST

static void ask_one(int i, void *baton)
{
    (void)i;
    (void)baton;
    reply_t *reply = data();
    bool no_thread = strcmp(env.mpm, "event") != 0 && reply->status == 503; /* so many may wait on a thread, no more */
    if (reply->status != 200 && !no_thread)
        fail_later("%d: %s", reply->status, reply->body);
}

START_TEST(one_request_asks_for_all)
{
    begin("slow");
    expect_status(enable("10"), 200);
    parallel(20, ask_one, NULL);
    ck_assert_int_eq(lists(), 1);
}
END_TEST

START_TEST(an_engine_that_fails_is_told_and_asked_again_later)
{
    expect_log("FG0590");
    begin("hang");
    expect_status(enable("10"), 200);
    expect_problem(data(), "timeout");
    engine_mode("html");
    pause_ms(5100);
    reply_t *broken = data();
    expect_problem(broken, "bad_gateway");
    ck_assert_ptr_null(strstr(broken->body, "engine.sock"));
    ck_assert(json_is_null(at(CALL("GET", "/api/v1/monitor", .port = PORT_SECOND)->json, "/containers/total")));
    engine_mode("error-stats");
    pause_ms(5100);
    reply_t *partly = data();
    expect_status(partly, 200);
    ck_assert_str_eq(text_at(container(partly->json, "web"), "/error"), "figures: the engine answered with status 500");
    ck_assert_ptr_null(strstr(partly->body, "canary"));
    engine_stop();
    pause_ms(5100);
    expect_problem(data(), "bad_gateway");
    ck_assert_ptr_nonnull(strstr(log_since("error.log"), "FG0590"));
}
END_TEST

START_TEST(minutes_are_one_to_sixty)
{
    static const char *const bad[] = {"0", "61", "-1", "1.5", "null", "\"5\"", "[]"};
    begin("good");
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        expect_problem(enable(bad[i]), "validation_failed");
    expect_problem(CALL("POST", ENABLE, .port = PORT_SECOND, .json = "{}"), "validation_failed");
    is_off(data());
    expect_status(enable("60"), 200);
}
END_TEST

START_TEST(off_is_off)
{
    node("off");
    expect_problem(enable("10"), "containers_disabled");
    is_off(data());
    ck_assert(json_is_false(at(CALL("GET", "/api/v1/monitor", .port = PORT_SECOND)->json, "/containers/enabled")));
}
END_TEST

/* Who asks when the restart comes gives up at once. */
static void ask_or_turn_off(int i, void *baton)
{
    const int *asked = baton;
    if (i == 0) {
        reply_t *reply = data();
        if (reply->status != 504)
            fail_later("%d: %s", reply->status, reply->body);
    } else {
        for (int looks = 0; lists() == *asked && looks < 500; looks++)
            pause_ms(20);
        env_second_change("ForgeDockerSocket off\n");
    }
}

static bool among(const int *pids, int n, int pid)
{
    for (int i = 0; i < n; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

/* Until the children of before are gone. */
static void ended(const int *before, int n)
{
    int pids[64], left = n;
    for (int looks = 0; left && looks < 1200; looks++, pause_ms(50)) {
        int now = env_second_children(pids, 64);
        left = 0;
        for (int i = 0; i < n; i++)
            left += among(pids, now, before[i]);
    }
    ck_assert_int_eq(left, 0);
}

START_TEST(a_graceful_restart_turns_it_off)
{
    int before[64];
    expect_log("FG0590");
    begin("good");
    expect_status(enable("10"), 200);
    expect_status(data(), 200); /* a child has connections to the engine */
    engine_mode("hang");
    pause_ms(5100);
    int n = env_second_children(before, 64), asked = lists();
    parallel(2, ask_or_turn_off, &asked);
    ended(before, n);
    is_off(data());
    expect_problem(enable("10"), "containers_disabled");
}
END_TEST

START_TEST(who_may_look)
{
    expect_log("AH0163"); /* httpd says whom it refused */
    person_t someone = person("instructor"), admin = person("admin");
    expect_status(CALL("GET", DATA, .port = PORT_STRICT), 403);
    expect_status(CALL("POST", ENABLE, .port = PORT_STRICT, .json = "{\"minutes\":1}"), 403);
    expect_status(CALL("POST", ENABLE, .port = PORT_DOORS, .token = someone.access, .json = "{\"minutes\":1}"), 403);
    is_off(CALL("GET", DATA, .port = PORT_DOORS, .token = admin.access));
}
END_TEST

Suite *suite_containers(void)
{
    Suite *suite = suite_create("containers");
    TCase *all = case_make(suite, "all");
    tcase_add_checked_fixture(all, NULL, end);
    tcase_add_test(all, nothing_is_asked_until_it_is_enabled);
    tcase_add_test(all, it_is_true_for_all_processes_and_kept_for_seconds);
    tcase_add_test(all, one_request_asks_for_all);
    tcase_add_test(all, an_engine_that_fails_is_told_and_asked_again_later);
    tcase_add_test(all, minutes_are_one_to_sixty);
    tcase_add_test(all, off_is_off);
    tcase_add_test(all, a_graceful_restart_turns_it_off);
    tcase_add_test(all, who_may_look);
    return suite;
}
