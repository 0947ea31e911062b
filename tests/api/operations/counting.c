/* SPDX-License-Identifier: Apache-2.0
 * Requests are counted exactly: what h2load has seen answered is what /metrics says, over all children and protocols,
 * across graceful restarts, and when children are killed (SECURITY 1).
 */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS 8
#define ROUTE   "/api/v1/courses"

typedef struct load_t {
    long started, classes[6]; /* answers by class of status */
} load_t;

static long all_of(const load_t *load)
{
    long sum = 0;
    for (int class = 1; class < 6; class ++)
        sum += load->classes[class];
    return sum;
}

/* What h2load has said, over all its runs. */
static load_t load_read(const char *text)
{
    load_t load = {0};
    for (const char *at = text; (at = strstr(at, "\nrequests: ")); at++) {
        long total, started;
        ck_assert_int_eq(sscanf(at, "\nrequests: %ld total, %ld started", &total, &started), 2);
        load.started += started;
    }
    for (const char *at = text; (at = strstr(at, "\nstatus codes: ")); at++) {
        long n[6];
        ck_assert_int_eq(sscanf(at, "\nstatus codes: %ld 2xx, %ld 3xx, %ld 4xx, %ld 5xx", &n[2], &n[3], &n[4], &n[5]),
                         4);
        for (int class = 2; class < 6; class ++)
            load.classes[class] += n[class];
    }
    return load;
}

/* What /metrics says of the route. */
static load_t load_counted(void)
{
    static const char begin[] = "\nforge_http_requests_total{method=\"GET\",route=\"" ROUTE "\",status=\"";
    load_t load = {0};
    const char *text = CALL("GET", "/metrics")->body;
    for (const char *at = text; (at = strstr(at, begin)); at++) {
        int class = at[strlen(begin)] - '0';
        ck_assert_int_ge(class, 1);
        ck_assert_int_le(class, 5);
        load.classes[class] += strtol(strchr(at, '}') + 1, NULL, 10);
    }
    return load;
}

static load_t load_since(const load_t *before)
{
    load_t now = load_counted();
    for (int class = 1; class < 6; class ++)
        now.classes[class] -= before->classes[class];
    return now;
}

static load_t h2load(const char *options, port_t port, int requests)
{
    char *out;
    const char *url = F("%s://127.0.0.1:%d" ROUTE, port_is_tls(port) ? "https" : "http", env.ports[port]);
    const char *command = F("h2load %s -t 1 -c %d -n %d %s", options, CLIENTS, requests, url);
    int code = process_run(NULL, (const char *[]){"sh", "-c", command, NULL}, &out);
    ck_assert_msg(code == 0, "%s: %d %s", command, code, out);
    return load_read(F("\n%s", out));
}

static void expect_same(const load_t *seen, const load_t *counted)
{
    for (int class = 1; class < 6; class ++)
        ck_assert_msg(seen->classes[class] == counted->classes[class], "%dxx: h2load saw %ld, %ld were counted", class,
                      seen->classes[class], counted->classes[class]);
}

static void expect_exact(const char *options, port_t port)
{
    load_t before = load_counted(), seen = h2load(options, port, 2000), counted = load_since(&before);
    ck_assert_int_eq(seen.started, 2000);
    ck_assert_int_eq(all_of(&seen), 2000);
    expect_same(&seen, &counted);
}

START_TEST(every_answer_is_counted)
{
    expect_exact("--h1", PORT_MAIN);
    expect_exact("--h1", PORT_TLS);
    expect_exact("--h1 -H 'If-None-Match: *'", PORT_MAIN);
    expect_exact("--h1 -m 1 -H 'Authorization: Bearer no.token.of.ours'", PORT_MAIN);
    if (strcmp(env.mpm, "prefork") != 0) /* which has no HTTP/2 */
        expect_exact("-m 4", PORT_COOKIE);
}
END_TEST

/* Load that goes on until it is stopped: runs of h2load, one after the other. A connection that ends takes the rest of
 * its run with it. */
static int load_start(void)
{
    const char *loop = F("while [ ! -e %s/stop ]; do h2load --h1 -t 1 -c %d -n 400 http://127.0.0.1:%d" ROUTE "; done",
                         env.dir, CLIENTS, env.ports[PORT_MAIN]);
    process_run(NULL, (const char *[]){"rm", "-f", F("%s/stop", env.dir), F("%s/h2load", env.dir), NULL}, NULL);
    return process_start(NULL, (const char *[]){"sh", "-c", loop, NULL}, F("%s/h2load", env.dir));
}

static load_t load_stop(int pid)
{
    file_write(F("%s/stop", env.dir), "");
    ck_assert(process_wait(pid, 60));
    return load_read(F("\n%s", file_read(F("%s/h2load", env.dir), 0)));
}

START_TEST(graceful_restarts_lose_no_count)
{
    watchdog(120);
    expect_log("AH00");   /* httpd's own notices about generations that still finish */
    expect_log("[cgid:"); /* its daemon of the last generation, whose socket the next one has taken */
    load_t before = load_counted();
    int pid = load_start();
    for (int i = 0; i < 5; i++) {
        pause_ms(400);
        env_httpd_graceful();
    }
    pause_ms(400);
    load_t seen = load_stop(pid), counted = load_since(&before);
    ck_assert_int_gt(seen.classes[2], 100);
    expect_same(&seen, &counted);
}
END_TEST

/* A request is counted before its answer leaves. So none that h2load saw answered is missing; what was counted and not
 * seen was on its way out of a killed child, one for each of its connections at most. */
START_TEST(killed_children_lose_no_count)
{
    enum { KILLS = 6 };
    watchdog(120);
    expect_log("exit signal Killed");
    expect_log("AH10392"); /* that they are */
    expect_log("AH00");
    expect_log("FG");
    load_t before = load_counted();
    int pid = load_start(), killed = 0;
    for (int tries = 0; killed < KILLS && tries < 10 * KILLS; tries++) {
        pause_ms(400);
        int pids[64], n = env_children(pids, 64);
        killed += n > 0 && process_kill(pids[killed % n], SIGKILL) == 0;
    }
    pause_ms(400);
    load_t seen = load_stop(pid);
    ck_assert(env_wait_ready(15));
    load_t counted = load_since(&before);
    ck_assert_int_eq(killed, KILLS);
    ck_assert_int_gt(seen.classes[2], 100);
    ck_assert_int_lt(all_of(&seen), seen.started); /* some were cut off */
    for (int class = 1; class < 6; class ++)
        ck_assert_msg(counted.classes[class] >= seen.classes[class], "%dxx: h2load saw %ld, %ld were counted", class,
                      seen.classes[class], counted.classes[class]);
    ck_assert_int_le(all_of(&counted) - all_of(&seen), KILLS * CLIENTS);
    ck_assert_int_le(all_of(&counted), seen.started);
}
END_TEST

/* What Apache refuses by itself is counted in the same way: before its answer is seen. */
START_TEST(refusals_of_apache_are_counted)
{
    static const char *const requests[] = {
        "GET /api/v1/courses HTTP/1.1\r\nConnection: close\r\n\r\n", /* no Host */
        "GET /api/v1/courses HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nBad Header: 1\r\n\r\n",
        "GET /api/v1/courses%2f7 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /api/v1/courses HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: a-miracle\r\n\r\n"};
    static const char other[] = "\nforge_http_requests_total{method=\"other\",route=\"other\",status=\"%d\"} ";
    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        const char *before = CALL("GET", "/metrics")->body;
        reply_t *reply = raw_text(PORT_MAIN, requests[i]);
        const char *after = CALL("GET", "/metrics")->body, *line = F(other, reply->status);
        const char *was = strstr(before, line), *is = strstr(after, line);
        ck_assert_msg(is != NULL, "%s: no line%s", requests[i], line);
        long counted = strtol(is + strlen(line), NULL, 10) - (was ? strtol(was + strlen(line), NULL, 10) : 0);
        ck_assert_msg(counted == 1, "%s: answered %d, counted %ld times", requests[i], reply->status, counted);
    }
}
END_TEST

Suite *suite_counting(void)
{
    Suite *suite = suite_create("counting");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, every_answer_is_counted);
    tcase_add_test(all, graceful_restarts_lose_no_count);
    tcase_add_test(all, killed_children_lose_no_count);
    tcase_add_test(all, refusals_of_apache_are_counted);
    return suite;
}
