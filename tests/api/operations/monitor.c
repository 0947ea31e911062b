/* SPDX-License-Identifier: Apache-2.0
 * The monitor: figures that agree with the kernel's, an hour of history, who may read it, and that it outlives any
 * child.
 */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static json_t *monitor(void)
{
    reply_t *reply = CALL("GET", "/api/v1/monitor");
    expect_status(reply, 200);
    return reply->json;
}

static double number_at(const json_t *json, const char *pointer)
{
    const json_t *value = at(json, pointer);
    ck_assert_msg(json_is_number(value), "%s is no number", pointer);
    return json_number_value(value);
}

/* A figure of a file of /proc, after a name. */
static double proc(const char *path, const char *name)
{
    char *text = file_read(path, 0), *found = strstr(text, name);
    ck_assert_msg(found != NULL, "%s has no %s", path, name);
    return atof(found + strlen(name));
}

/* Whether a figure is known within 20 s. */
static bool sampled(const char *pointer)
{
    for (int i = 0; i < 100; i++, pause_ms(200))
        if (json_is_number(at(monitor(), pointer)))
            return true;
    return false;
}

START_TEST(figures_agree_with_the_kernel)
{
    ck_assert(sampled("/cpu/percent"));
    json_t *m = monitor();
    for (int i = 0; i < 100 && number_at(m, "/processes/httpd") < 2; i++) { /* of samples before there were children */
        pause_ms(200);
        m = monitor();
    }
    ck_assert_str_ne(text_at(m, "/status"), "fail");
    ck_assert_str_eq(text_at(m, "/environment"), "test");
    ck_assert_str_eq(text_at(m, "/database/status"), "connected");
    double total = number_at(m, "/memory/total_bytes"), machine = proc("/proc/meminfo", "MemTotal:") * 1024;
    if (json_is_null(at(m, "/memory/limit_bytes")))
        ck_assert_double_eq(total, machine);
    else
        ck_assert_double_lt(total, machine);
    ck_assert_double_eq_tol(number_at(m, "/memory/used_bytes") + number_at(m, "/memory/available_bytes"), total, 2);
    ck_assert_double_eq_tol(number_at(m, "/memory/percent"), 100 * number_at(m, "/memory/used_bytes") / total, 0.01);
    ck_assert_double_ge(number_at(m, "/cpu/cores"), 1);
    double up = atof(file_read("/proc/uptime", 0));
    ck_assert_double_le(number_at(m, "/uptime/machine_seconds"), up);
    ck_assert_double_ge(number_at(m, "/uptime/machine_seconds"), up - 60);
    ck_assert_double_ge(number_at(m, "/processes/httpd"), 2);
    ck_assert_double_ge(number_at(m, "/processes/total"), number_at(m, "/processes/httpd"));
    ck_assert_double_gt(number_at(m, "/processes/httpd_rss_bytes"), 1e6);
    ck_assert_double_ge(number_at(m, "/load/one"), 0);
    ck_assert_uint_ge(json_array_size(at(m, "/disk")), 1);
    ck_assert_double_le(number_at(m, "/disk/0/percent"), 100);
    ck_assert_str_eq(text_at(m, "/disk/0/path"), "/");
}
END_TEST

/* Rates are known from the second sample on. */
START_TEST(requests_are_in_the_figures)
{
    ck_assert(sampled("/cpu/percent"));
    json_t *m = monitor();
    double cpu = number_at(m, "/cpu/percent");
    ck_assert_double_ge(cpu, 0);
    ck_assert_double_le(cpu, 100);
    ck_assert_double_ge(number_at(m, "/requests/per_second"), 0);
    ck_assert_double_le(number_at(m, "/requests/error_rate"), 1);
    ck_assert(sampled("/requests/p95")); /* those of this test */
}
END_TEST

START_TEST(history_is_arrays_of_one_length)
{
    static const int minutes[] = {1, 5, 60};
    ck_assert(sampled("/cpu/percent"));
    for (int i = 0; i < 3; i++) {
        reply_t *reply = CALL("GET", F("/api/v1/monitor/history?minutes=%d", minutes[i]));
        expect_status(reply, 200);
        const json_t *names = at(reply->json, "/names"), *series = at(reply->json, "/series");
        ck_assert_uint_eq(json_array_size(names), json_object_size(series));
        ck_assert_int_eq(int_at(reply->json, "/interval_seconds"), 5);
        for (size_t n = 0; n < json_array_size(names); n++)
            ck_assert_uint_eq(json_array_size(json_object_get(series, json_string_value(json_array_get(names, n)))),
                              (size_t)minutes[i] * 12);
        ck_assert(json_is_number(json_array_get(at(reply->json, "/series/memory"), (size_t)minutes[i] * 12 - 1)));
    }
    ck_assert_uint_eq(json_array_size(at(CALL("GET", "/api/v1/monitor/history")->json, "/series/cpu")), 720);
    expect_problem(CALL("GET", "/api/v1/monitor/history?minutes=0"), "validation_failed");
    expect_problem(CALL("GET", "/api/v1/monitor/history?minutes=61"), "validation_failed");
}
END_TEST

/* How many of the last minute's samples are there. */
static int samples(void)
{
    int n = 0;
    const json_t *series = at(CALL("GET", "/api/v1/monitor/history?minutes=1")->json, "/series/memory");
    for (size_t i = 0; i < json_array_size(series); i++)
        n += json_is_number(json_array_get(series, i));
    return n;
}

/* Whoever took the last sample is among the dead. */
START_TEST(samples_go_on_when_every_child_is_killed)
{
    int pids[64], n = env_children(pids, 64);
    expect_log("AH00052"); /* a child ended by a signal */
    ck_assert_int_gt(n, 0);
    for (int i = 0; i < n; i++)
        process_kill(pids[i], SIGKILL);
    ck_assert(env_wait_ready(20));
    char *time = F("%s", text_at(CALL("GET", "/api/v1/monitor/history?minutes=1")->json, "/until"));
    bool newer = false;
    for (int i = 0; i < 100 && !newer; i++, pause_ms(200)) {
        json_t *history = CALL("GET", "/api/v1/monitor/history?minutes=1")->json;
        newer = strcmp(text_at(history, "/until"), time) > 0 && json_is_number(at(history, "/series/memory/11"));
    }
    ck_assert(newer);
    ck_assert_int_ge(samples(), 2); /* and those of before are not lost */
    ck_assert(sampled("/cpu/percent"));
}
END_TEST

/* The health of /monitor is for everybody, all else for whom the configuration names. */
START_TEST(who_may_read_it)
{
    expect_log("AH0163"); /* httpd says whom it refused */
    static const char *const closed[] = {"/api/v1/monitor",          "/api/v1/monitor/",  "/api/v1/monitor/history",
                                         "/api/v1//monitor/history", "/api/v1/%6donitor", NULL};
    for (const char *const *path = closed; *path; path++) {
        reply_t *reply = CALL("GET", *path, .port = PORT_STRICT, .lenient = true);
        ck_assert_msg(reply->status == 403 || reply->status == 404, "%s: %d", *path, reply->status);
        ck_assert_ptr_null(strstr(reply->body, "memory"));
    }
    expect_status(CALL("GET", "/api/v1/monitor", .port = PORT_STRICT), 403);
    expect_status(CALL("GET", "/api/v1/monitor/health", .port = PORT_STRICT), 200);
    person_t someone = person("instructor"), admin = person("admin");
    expect_status(CALL("GET", "/api/v1/monitor", .port = PORT_DOORS, .token = someone.access), 403);
    expect_status(CALL("GET", "/api/v1/monitor", .port = PORT_DOORS, .token = admin.access), 200);
    expect_status(CALL("GET", "/api/v1/monitor/history", .port = PORT_DOORS, .token = admin.access), 200);
}
END_TEST

Suite *suite_monitor(void)
{
    Suite *suite = suite_create("monitor");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, figures_agree_with_the_kernel);
    tcase_add_test(all, requests_are_in_the_figures);
    tcase_add_test(all, history_is_arrays_of_one_length);
    tcase_add_test(all, samples_go_on_when_every_child_is_killed);
    tcase_add_test(all, who_may_read_it);
    return suite;
}
