/* SPDX-License-Identifier: Apache-2.0
 * ForgeSentryDSN: which errors a receiver gets, what it never gets, that its limits are obeyed, and that ends of
 * processes are reported. The second node sends to a receiver of the test.
 */
#include "receiver.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define ENVELOPES "/api/42/envelope/"
#define LINES     "ForgeSentryDSN http://publickey@%s/42\nForgeExecutorURL http://127.0.0.1:1/run\n"
#define SENT      "forge_error_reports_total{outcome=\"sent\"}"
#define DROPPED   "forge_error_reports_total{outcome=\"dropped\"}"
#define FAILED    "forge_error_reports_total{outcome=\"failed\"}"

/* --- reading what came --- */

/* All events; each post is an envelope as the protocol wants it. */
static json_t *events(void)
{
    size_t i;
    json_t *post, *all = keep_json(json_array());
    json_array_foreach(receiver_posts(), i, post)
    {
        if (strcmp(text_at(post, "/path"), ENVELOPES) != 0)
            continue;
        ck_assert_str_eq(text_at(post, "/headers/content-type"), "application/x-sentry-envelope");
        ck_assert_msg(strstr(text_at(post, "/headers/x-sentry-auth"), "sentry_key=publickey"), "%s",
                      text_at(post, "/headers/x-sentry-auth"));
        const char *first = text_at(post, "/body"), *second = strchr(first, '\n') + 1,
                   *third = strchr(second, '\n') + 1;
        json_t *head = keep_json(json_loadb(first, (size_t)(second - first), 0, NULL));
        json_t *item = keep_json(json_loadb(second, (size_t)(third - second), 0, NULL));
        json_t *event = json_loadb(third, strlen(third), JSON_REJECT_DUPLICATES, NULL);
        ck_assert_msg(head && item && event, "%s", first);
        json_array_append_new(all, event);
        ck_assert_str_eq(text_at(item, "/type"), "event");
        ck_assert_int_eq(int_at(item, "/length"), (json_int_t)strcspn(third, "\n"));
        ck_assert_str_eq(text_at(head, "/event_id"), text_at(event, "/event_id"));
        ck_assert_str_eq(text_at(event, "/environment"), "test");
        ck_assert(strncmp(text_at(event, "/release"), "mod_forge@", 10) == 0);
        ck_assert(text_at(event, "/server_name") && text_at(event, "/timestamp"));
    }
    return all;
}

/* The event with such a tag, once it came; NULL: it did not. */
static json_t *event_with(const char *tag, const char *value, int tries)
{
    for (int n = 0; n < tries; n++, pause_ms(100)) {
        size_t i;
        json_t *event;
        json_array_foreach(events(), i, event)
        {
            const json_t *is = json_object_get(json_object_get(event, "tags"), tag);
            if (is && strcmp(json_string_value(is), value) == 0)
                return event;
        }
    }
    return NULL;
}

static json_t *event_of(const char *tag, const char *value)
{
    json_t *event = event_with(tag, value, 300);
    ck_assert_msg(event != NULL, "no event with %s %s: %.3000s", tag, value, receiver_text());
    return event;
}

/* A request that cannot be answered: nobody runs its program. */
static reply_t *in_vain(person_t me, const char *request_id)
{
    reply_t *reply = ON_SECOND("POST", "/api/v1/execute", .token = me.access,
                               .json = "{\"language\":\"python\",\"code\":\"print('canary-5f2a')\"}",
                               .headers = {F("X-Request-ID: %s", request_id)});
    ck_assert_int_ge(reply->status, 500);
    return reply;
}

/* --- answers --- */

START_TEST(a_5xx_is_an_event)
{
    receiver_start("good", LINES);
    expect_log("FG0570");
    person_t me = person("student");
    reply_t *reply = in_vain(me, "error-1");
    json_t *event = event_of("request_id", "error-1");
    ck_assert_str_eq(text_at(event, "/level"), "error");
    ck_assert_str_eq(text_at(event, "/transaction"), "POST /api/v1/execute");
    ck_assert_str_eq(text_at(event, "/tags/kind"), "answer");
    ck_assert_str_eq(text_at(event, "/tags/route"), "/api/v1/execute");
    ck_assert_str_eq(text_at(event, "/tags/method"), "POST");
    ck_assert_str_eq(text_at(event, "/tags/status"), F("%d", reply->status));
    ck_assert_str_eq(text_at(event, "/tags/code"), text_at(reply->json, "/code"));
    ck_assert_str_eq(text_at(event, "/contexts/trace/trace_id"), F("%.32s", header(reply, "traceparent") + 3));
    receiver_metric_wait(SENT, 1);
}
END_TEST

START_TEST(the_same_failures_are_one_issue)
{
    receiver_start("good", LINES);
    expect_log("FG0570");
    person_t me = person("student");
    for (int i = 0; i < 3; i++) /* until the breaker leaves the executor alone, which is another code */
        in_vain(me, "error-before");
    in_vain(me, "error-2");
    in_vain(me, "error-3");
    const json_t *one = event_of("request_id", "error-2"), *two = event_of("request_id", "error-3");
    ck_assert(json_equal(at(one, "/fingerprint"), at(two, "/fingerprint")));
    ck_assert_str_ne(text_at(one, "/event_id"), text_at(two, "/event_id"));
}
END_TEST

START_TEST(what_clients_do_wrong_is_no_event)
{
    receiver_start("good", LINES);
    expect_log("FG0570");
    person_t me = person("student");
    ON_SECOND("GET", "/api/v1/nothing");
    ON_SECOND("GET", "/api/v1/auth/me", .token = "bad");
    ON_SECOND("POST", "/api/v1/auth/login", .json = "{");
    ON_SECOND("POST", "/api/v1/courses", .token = me.access, .json = "{}");
    ON_SECOND("GET", "/api/v1/auth/me", .token = me.access);
    in_vain(me, "error-4");
    event_of("request_id", "error-4");
    ck_assert_msg(json_array_size(events()) == 1, "%.3000s", receiver_text());
}
END_TEST

START_TEST(a_ratio_of_none_sends_none)
{
    receiver_start("good", "ForgeSentryDSN http://publickey@%s/42 0\nForgeExecutorURL http://127.0.0.1:1/run\n");
    expect_log("FG0570");
    in_vain(person("student"), "error-5");
    env_second_stop(); /* what waits is sent then */
    ck_assert_str_eq(receiver_text(), "");
}
END_TEST

START_TEST(no_secret_and_no_text_of_anybody_is_in_an_event)
{
    receiver_start("good", LINES);
    expect_log("FG0570");
    person_t me = person("student");
    ON_SECOND("POST", "/api/v1/execute?token=canary-5f2a", .token = me.access,
              .json = "{\"language\":\"python\",\"code\":\"canary-5f2a\",\"stdin\":\"canary-5f2a\"}",
              .headers = {"X-Request-ID: error-6", "User-Agent: canary-5f2a", "Cookie: a=canary-5f2a",
                          "Referer: http://canary-5f2a/"});
    event_of("request_id", "error-6");
    const char *secrets[] = {"canary-5f2a", me.password, me.email, me.username, me.access, me.refresh, env.secret};
    for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++)
        ck_assert_msg(!strstr(receiver_text(), secrets[i]), "%s is in %.3000s", secrets[i], receiver_text());
}
END_TEST

/* --- a receiver that is no help --- */

static void fail_many(int i, void *baton)
{
    const person_t *me = baton;
    for (int n = 0; n < 20; n++) {
        int status = ON_SECOND("POST", "/api/v1/execute", .token = me->access, .lenient = true,
                               .json = "{\"language\":\"python\",\"code\":\"1\"}",
                               .headers = {F("X-Request-ID: many-%d-%d", i, n)})
                         ->status;
        if (status < 500)
            fail_later("POST /execute answered %d", status);
    }
}

START_TEST(a_receiver_that_fails_holds_up_nobody)
{
    static const char *const modes[] = {"slow", "refuse", "sick", "stall"};
    receiver_start("good", LINES);
    person_t me = person("student");
    expect_log("FG0650");
    expect_log("FG0570");
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        receiver_mode(modes[i]);
        for (int n = 0; n < 200 && !strstr(receiver_text(), F("\"mode\": \"%s\"", modes[i])); n++) {
            parallel(4, fail_many, &me);
            fail_now();
            pause_ms(200);
        }
        ck_assert_msg(strstr(receiver_text(), F("\"mode\": \"%s\"", modes[i])), "it was never asked: %s", modes[i]);
    }
    receiver_metric_wait(FAILED, 1);
}
END_TEST

START_TEST(the_queue_is_bounded)
{
    receiver_start("stall", LINES);
    person_t me = person("student");
    expect_log("FG0650");
    expect_log("FG0570");
    for (int i = 0; i < 60 && receiver_metric(DROPPED) < 1; i++)
        parallel(8, fail_many, &me);
    fail_now();
    receiver_metric_wait(DROPPED, 1);
}
END_TEST

/* After it said that it has enough nothing comes any more; what it says of other things does not matter. */
START_TEST(its_limits_are_obeyed)
{
    static const char *const modes[] = {"limits", "busy"};
    person_t me = person("student");
    expect_log("FG0570");
    expect_log("FG0650");
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        int children[64];
        receiver_start(modes[i], LINES);
        int most = env_second_children(children, 64);
        double dropped = 0;
        for (int n = 0; n < 100 && dropped < 20; n++) {
            in_vain(me, F("limit-%d", n));
            pause_ms(50);
            dropped = receiver_metric(DROPPED);
        }
        ck_assert_msg(dropped >= 20, "%g", dropped);
        most += env_second_children(children, 64); /* each child learns it by one event of its own */
        ck_assert_msg((int)json_array_size(events()) <= most, "%d events", (int)json_array_size(events()));
    }
    receiver_start("others", LINES);
    in_vain(me, "other-1");
    event_of("request_id", "other-1");
    in_vain(me, "other-2");
    event_of("request_id", "other-2");
}
END_TEST

/* --- processes --- */

static void hang(int i, void *baton)
{
    const person_t *me = baton;
    if (i == 0) {
        ON_SECOND("POST", "/api/v1/execute", .token = me->access, .lenient = true,
                  .json = "{\"language\":\"python\",\"code\":\"1\"}");
        return;
    }
    for (int n = 0; n < 200 && !strstr(receiver_text(), "\"/hang\""); n++)
        pause_ms(50);
    int children[64], count = env_second_children(children, 64);
    for (int n = 0; n < count; n++)
        process_kill(children[n], SIGSEGV);
}

START_TEST(a_crash_is_reported_with_what_was_in_flight)
{
    receiver_start("good", "ForgeSentryDSN http://publickey@%s/42\nForgeExecutorURL http://%s/hang\n"
                           "ForgeExecLimits wall=60s\n");
    person_t me = person("student");
    expect_log("exit signal Segmentation fault");
    parallel(2, hang, &me);
    json_t *event = event_of("in_flight", "1");
    ck_assert_str_eq(text_at(event, "/level"), "fatal");
    ck_assert_str_eq(text_at(event, "/transaction"), "POST /api/v1/execute");
    ck_assert_str_eq(text_at(event, "/tags/kind"), "crash");
    ck_assert_str_eq(text_at(event, "/tags/process"), "httpd");
    ck_assert_str_eq(text_at(event, "/tags/signal"), "11");
    ck_assert_msg(strstr(text_at(event, "/logentry/formatted"), "signal 11") &&
                      strstr(text_at(event, "/logentry/formatted"), "in flight: POST /api/v1/execute"),
                  "%s", text_at(event, "/logentry/formatted"));
}
END_TEST

/* httpd itself says nothing of SIGKILL. A request whose answer has just been read may still be in flight: the child
 * notes its end only afterwards. */
START_TEST(a_child_that_was_killed_is_reported)
{
    int children[64];
    receiver_start("good", LINES);
    ck_assert_int_gt(env_second_children(children, 64), 0);
    process_kill(children[0], SIGKILL);
    json_t *event = event_of("pid", F("%d", children[0]));
    ck_assert_ptr_null(maybe_at(event, "/tags/signal"));
    bool alone = strcmp(text_at(event, "/tags/in_flight"), "0") == 0;
    const char *said = text_at(event, "/logentry/formatted");
    ck_assert_str_eq(said, alone ? "a child of httpd was killed"
                                 : "a child of httpd was killed; in flight: GET /health/ready");
}
END_TEST

/* The forge-runner of the second node; 0: there is none. */
static int runner_of(int parent)
{
    char *state, *list = file_read(F("/proc/%d/task/%d/children", parent, parent), 0);
    for (char *pid = strtok_r(list, " \n", &state); pid; pid = strtok_r(NULL, " \n", &state))
        if (strncmp(file_read(F("/proc/%s/comm", pid), 0), "forge-runner", 12) == 0)
            return atoi(pid);
    return 0;
}

START_TEST(a_forge_runner_that_ended_is_reported)
{
    receiver_start("good", "ForgeSentryDSN http://publickey@%s/42\n");
    int pid = 0;
    for (int i = 0; i < 100 && !(pid = runner_of(env_second_pid())); i++) /* it becomes forge-runner by exec */
        pause_ms(100);
    ck_assert_int_gt(pid, 0);
    expect_log("FG0566");
    process_kill(pid, SIGKILL);
    json_t *event = event_of("process", "forge-runner");
    ck_assert_str_eq(text_at(event, "/tags/pid"), F("%d", pid));
    ck_assert_str_eq(text_at(event, "/level"), "fatal");
    ck_assert_str_eq(text_at(event, "/logentry/formatted"), "forge-runner ended with exit code or signal 9");
}
END_TEST

START_TEST(children_that_end_as_they_should_are_not)
{
    int children[64];
    receiver_start("good", "ForgeSentryDSN http://publickey@%s/42\n");
    int count = env_second_children(children, 64);
    process_kill(env_second_pid(), SIGUSR1);
    for (int i = 0; i < count; i++)
        for (int n = 0; n < 300 && process_kill(children[i], 0) == 0; n++)
            pause_ms(100);
    ck_assert(env_second_ready(20));
    env_second_stop();
    ck_assert_str_eq(receiver_text(), "");
}
END_TEST

/* The end of a job's last process is told once, by the node that finds it: this one, or the other one. */
START_TEST(jobs_whose_process_ended_are_reported)
{
    receiver_start("good", "ForgeSentryDSN http://publickey@%s/42\n");
    json_t *event = NULL;
    for (int i = 0; i < 600 && !event; i++) {
        sql("INSERT INTO forge.jobs (kind, status, lease_until, attempts, attempts_max, started_at)"
            " VALUES ('nobodys', 'running', now() - interval '1 hour', 3, 3, now())");
        event = event_with("code", "worker_lost", 1);
    }
    ck_assert_msg(event != NULL, "%.3000s", receiver_text());
    ck_assert_str_eq(text_at(event, "/tags/kind"), "job");
}
END_TEST

static void end(void)
{
    env_second_stop();
    receiver_stop();
}

Suite *suite_errors(void)
{
    Suite *suite = suite_create("errors");
    TCase *answers = case_make(suite, "answers");
    tcase_add_checked_fixture(answers, NULL, end);
    tcase_add_test(answers, a_5xx_is_an_event);
    tcase_add_test(answers, the_same_failures_are_one_issue);
    tcase_add_test(answers, what_clients_do_wrong_is_no_event);
    tcase_add_test(answers, a_ratio_of_none_sends_none);
    tcase_add_test(answers, no_secret_and_no_text_of_anybody_is_in_an_event);
    TCase *held = case_make(suite, "held");
    tcase_add_checked_fixture(held, NULL, end);
    tcase_add_test(held, a_receiver_that_fails_holds_up_nobody);
    tcase_add_test(held, the_queue_is_bounded);
    tcase_add_test(held, its_limits_are_obeyed);
    TCase *processes = case_make(suite, "processes");
    tcase_add_checked_fixture(processes, NULL, end);
    tcase_add_test(processes, a_crash_is_reported_with_what_was_in_flight);
    tcase_add_test(processes, a_child_that_was_killed_is_reported);
    tcase_add_test(processes, a_forge_runner_that_ended_is_reported);
    tcase_add_test(processes, children_that_end_as_they_should_are_not);
    tcase_add_test(processes, jobs_whose_process_ended_are_reported);
    return suite;
}
