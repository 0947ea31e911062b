/* SPDX-License-Identifier: Apache-2.0
 * ForgeTraces: what a receiver of OpenTelemetry gets, what it never gets, and that no request waits for it. The second
 * node sends to a receiver of the test.
 */
#include "receiver.h"

#include <stdlib.h>
#include <string.h>

#define TRACE    "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT   "00f067aa0ba902b7"
#define CONTEXT  "traceparent: 00-" TRACE "-" PARENT "-01"
#define LINES    "ForgeTraces http://%s\n"
#define EXECUTOR LINES "ForgeExecutorURL http://%s/run\nForgeExecLimits wall=100ms\n"
#define SENT     "forge_trace_spans_total{outcome=\"sent\"}"
#define DROPPED  "forge_trace_spans_total{outcome=\"dropped\"}"
#define FAILED   "forge_trace_spans_total{outcome=\"failed\"}"

/* --- reading what came --- */

/* The value of an attribute: of a string its text, of a number its digits. NULL: it has none. */
static const char *mark(const json_t *owner, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(owner, "attributes"), i, one)
    {
        const json_t *value = json_object_get(one, "value");
        if (strcmp(json_string_value(json_object_get(one, "key")), name) != 0)
            continue;
        const json_t *text = json_object_get(value, "stringValue");
        return json_string_value(text ? text : json_object_get(value, "intValue"));
    }
    return NULL;
}

/* All spans; each post is a document as the protocol wants it. */
static json_t *spans(void)
{
    size_t i, j;
    json_t *post, *span, *all = keep_json(json_array());
    json_array_foreach(receiver_posts(), i, post)
    {
        if (strcmp(text_at(post, "/path"), "/v1/traces") != 0)
            continue;
        ck_assert_str_eq(text_at(post, "/headers/content-type"), "application/json");
        json_t *document = keep_json(json_loads(text_at(post, "/body"), JSON_REJECT_DUPLICATES, NULL));
        ck_assert_msg(document != NULL, "no JSON: %.2000s", text_at(post, "/body"));
        const json_t *resource = at(document, "/resourceSpans/0/resource");
        ck_assert_str_eq(mark(resource, "service.name"), "mod_forge");
        ck_assert_str_eq(mark(resource, "deployment.environment.name"), "test");
        ck_assert(mark(resource, "service.version") && strchr(mark(resource, "service.instance.id"), ':'));
        ck_assert_str_eq(text_at(document, "/resourceSpans/0/scopeSpans/0/scope/name"), "mod_forge");
        json_array_foreach(at(document, "/resourceSpans/0/scopeSpans/0/spans"), j, span) json_array_append(all, span);
    }
    return all;
}

static json_t *root_now(const char *request_id)
{
    size_t i;
    json_t *span;
    json_array_foreach(spans(), i, span)
    {
        const char *id = mark(span, "forge.request_id");
        if (id && strcmp(id, request_id) == 0)
            return span;
    }
    return NULL;
}

/* The span of a request, once it came. */
static json_t *root(const char *request_id)
{
    json_t *span = NULL;
    for (int i = 0; i < 300 && !(span = root_now(request_id)); i++)
        pause_ms(100);
    ck_assert_msg(span != NULL, "no span of %s", request_id);
    return span;
}

/* A span within another, by its name; NULL: there is none. */
static json_t *within(const json_t *parent, const char *name)
{
    size_t i;
    json_t *span;
    json_array_foreach(spans(), i, span)
    {
        const json_t *of = json_object_get(span, "parentSpanId");
        if (of && strcmp(json_string_value(of), text_at(parent, "/spanId")) == 0 &&
            strcmp(text_at(span, "/name"), name) == 0)
            return span;
    }
    return NULL;
}

static void expect_mark(const json_t *span, const char *name, const char *value)
{
    const char *is = mark(span, name);
    ck_assert_msg(is && strcmp(is, value) == 0, "%s is %s, not %s", name, is ? is : "missing", value);
}

/* Ids in hex, times of nanoseconds as text, and it lies within its parent, as far as the clocks that are read in turn
 * can tell. */
static void expect_span(const json_t *span, const json_t *parent)
{
    ck_assert_int_eq((int)strspn(text_at(span, "/traceId"), "0123456789abcdef"), 32);
    ck_assert_int_eq((int)strspn(text_at(span, "/spanId"), "0123456789abcdef"), 16);
    ck_assert_int_eq((int)strlen(text_at(span, "/spanId")), 16);
    const char *begun = text_at(span, "/startTimeUnixNano"), *ended = text_at(span, "/endTimeUnixNano");
    ck_assert_msg(strlen(begun) == 19 && strspn(begun, "0123456789") == 19, "%s", begun);
    ck_assert_msg(strcmp(begun, ended) <= 0, "%s %s", begun, ended);
    if (parent) {
        ck_assert_str_eq(text_at(span, "/traceId"), text_at(parent, "/traceId"));
        ck_assert_msg(strcmp(text_at(parent, "/startTimeUnixNano"), begun) <= 0, "%s", begun);
    }
}

/* --- what is sent --- */

START_TEST(a_request_is_a_trace)
{
    receiver_start("good", LINES);
    person_t me = person("student");
    expect_status(
        ON_SECOND("GET", "/api/v1/auth/me?token=1", .token = me.access, .headers = {"X-Request-ID: trace-1", CONTEXT}),
        200);
    json_t *span = root("trace-1");
    expect_span(span, NULL);
    ck_assert_str_eq(text_at(span, "/traceId"), TRACE);
    ck_assert_str_eq(text_at(span, "/parentSpanId"), PARENT);
    ck_assert_str_eq(text_at(span, "/name"), "GET /api/v1/auth/me");
    ck_assert_int_eq(int_at(span, "/kind"), 2);
    expect_mark(span, "http.request.method", "GET");
    expect_mark(span, "http.route", "/api/v1/auth/me");
    expect_mark(span, "url.path", "/api/v1/auth/me");
    expect_mark(span, "url.scheme", "http");
    expect_mark(span, "http.response.status_code", "200");
    ck_assert_ptr_null(maybe_at(span, "/status/code"));
    json_t *wait = within(span, "pool wait"), *statement = within(span, "user_me");
    ck_assert_msg(wait && statement, "%s", receiver_text());
    expect_span(wait, span);
    ck_assert_int_eq(int_at(wait, "/kind"), 1);
    expect_span(statement, span);
    ck_assert_int_eq(int_at(statement, "/kind"), 3);
    expect_mark(statement, "db.system.name", "postgresql");
    expect_mark(statement, "db.query.summary", "user_me");
    receiver_metric_wait(SENT, 3);
}
END_TEST

START_TEST(a_login_shows_its_password_hash)
{
    receiver_start("good", LINES "ForgeBcryptConcurrency 1\n");
    person_t me = person("student");
    expect_status(ON_SECOND("POST", "/api/v1/auth/login",
                            .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", me.username, me.password),
                            .headers = {"X-Request-ID: trace-2"}),
                  200);
    json_t *span = root("trace-2"), *hash = within(span, "password hash");
    ck_assert_ptr_nonnull(hash);
    expect_span(hash, span);
    ck_assert_ptr_null(maybe_at(span, "/parentSpanId"));
}
END_TEST

/* Somebody else computes; that call is a span whose id the executor is told as its parent. */
START_TEST(a_call_names_its_span_as_parent)
{
    receiver_start("good", EXECUTOR);
    person_t me = person("student");
    expect_status(ON_SECOND("POST", "/api/v1/execute", .token = me.access,
                            .json = "{\"language\":\"python\",\"code\":\"print(1)\"}",
                            .headers = {"X-Request-ID: trace-3", CONTEXT}),
                  200);
    json_t *span = root("trace-3"), *call = within(span, "POST");
    ck_assert_ptr_nonnull(call);
    expect_span(call, span);
    ck_assert_int_eq(int_at(call, "/kind"), 3);
    expect_mark(call, "http.request.method", "POST");
    expect_mark(call, "http.response.status_code", "200");
    size_t i;
    json_t *post;
    const char *told = NULL;
    json_array_foreach(receiver_posts(), i, post) if (strcmp(text_at(post, "/path"), "/run") == 0) told =
        text_at(post, "/headers/traceparent");
    ck_assert_ptr_nonnull(told);
    ck_assert_str_eq(told, F("00-" TRACE "-%s-01", text_at(call, "/spanId")));
}
END_TEST

START_TEST(a_failure_is_marked)
{
    int nobody = port_free();
    receiver_start("good", F("ForgeTraces http://%%s\nForgeExecutorURL http://127.0.0.1:%d/run\n", nobody));
    person_t me = person("student");
    expect_log("FG0570");
    reply_t *reply =
        ON_SECOND("POST", "/api/v1/execute", .token = me.access,
                  .json = "{\"language\":\"python\",\"code\":\"print(1)\"}", .headers = {"X-Request-ID: trace-4"});
    ck_assert_int_ge(reply->status, 500);
    json_t *span = root("trace-4"), *call = within(span, "POST");
    ck_assert_int_eq(int_at(span, "/status/code"), 2);
    expect_mark(span, "http.response.status_code", F("%d", reply->status));
    ck_assert_ptr_nonnull(call);
    ck_assert_int_eq(int_at(call, "/status/code"), 2);
    expect_mark(call, "error.type", "no_connection");
}
END_TEST

START_TEST(the_sender_of_a_trace_decides_and_the_ratio_for_others)
{
    receiver_start("good", "ForgeTraces http://%s/v1/traces 0\n");
    for (int i = 0; i < 20; i++)
        ON_SECOND("GET", "/api/v1/courses", .headers = {F("X-Request-ID: own-%d", i)});
    ON_SECOND("GET", "/api/v1/courses",
              .headers = {"X-Request-ID: unwanted", "traceparent: 00-" TRACE "-" PARENT "-00"});
    ON_SECOND("GET", "/api/v1/courses", .headers = {"X-Request-ID: broken", "traceparent: 00-" TRACE "-0-01"});
    reply_t *reply = ON_SECOND("GET", "/api/v1/courses", .headers = {"X-Request-ID: wanted", CONTEXT});
    root("wanted");
    const char *flags = header(reply, "traceparent");
    ck_assert_msg(strcmp(flags + strlen(flags) - 3, "-01") == 0, "%s", flags);
    flags = header(ON_SECOND("GET", "/health/live"), "traceparent");
    ck_assert_msg(strcmp(flags + strlen(flags) - 3, "-00") == 0, "%s", flags);
    ck_assert_msg(!strstr(receiver_text(), "own-") && !strstr(receiver_text(), "unwanted") &&
                      !strstr(receiver_text(), "broken"),
                  "%.3000s", receiver_text());
}
END_TEST

/* Either node may do a job; so many are queued that this one does one of them. */
START_TEST(a_job_is_a_trace_of_its_own)
{
    receiver_start("good", LINES);
    json_t *found = NULL;
    for (int i = 0; i < 300 && !found; i++, pause_ms(100)) {
        size_t k;
        json_t *span;
        sql("INSERT INTO forge.jobs (kind, payload) VALUES ('rejudge', '{}')");
        json_array_foreach(spans(), k, span) if (strcmp(text_at(span, "/name"), "job rejudge") == 0) found = span;
    }
    ck_assert_msg(found != NULL, "%.3000s", receiver_text());
    expect_span(found, NULL);
    ck_assert_int_eq(int_at(found, "/kind"), 5);
    ck_assert_ptr_null(maybe_at(found, "/parentSpanId"));
    expect_mark(found, "forge.job.kind", "rejudge");
    ck_assert(mark(found, "forge.job.id") && mark(found, "forge.job.attempt") && mark(found, "forge.job.outcome"));
}
END_TEST

/* --- what is never sent --- */

START_TEST(no_secret_and_no_text_of_anybody_is_in_a_span)
{
    receiver_start("good", EXECUTOR);
    person_t me = person("student");
    static const char *const canary = "canary-5f2a";
    ON_SECOND("POST", "/api/v1/auth/login",
              .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", me.username, me.password));
    ON_SECOND("POST", "/api/v1/auth/login", .json = "{\"username\":\"canary-5f2a\",\"password\":\"canary-5f2a\"}");
    ON_SECOND("GET", "/api/v1/courses?q=canary-5f2a", .token = me.access,
              .headers = {"User-Agent: canary-5f2a", "Cookie: a=canary-5f2a", "Referer: http://canary-5f2a/",
                          "tracestate: a=canary-5f2a"});
    ON_SECOND("GET", "/api/v1/auth/me", .token = "canary-5f2a");
    ON_SECOND("PATCH", "/api/v1/users/me", .token = me.access, .json = "{\"full_name\":\"canary-5f2a\"}",
              .lenient = true);
    ON_SECOND("POST", "/api/v1/execute", .token = me.access,
              .json = "{\"language\":\"python\",\"code\":\"print('canary-5f2a')\",\"stdin\":\"canary-5f2a\"}");
    ON_SECOND("GET", "/api/v1/courses", .headers = {"X-Request-ID: trace-last"});
    root("trace-last");
    size_t i;
    json_t *post;
    json_array_foreach(receiver_posts(), i, post)
    {
        if (strcmp(text_at(post, "/path"), "/v1/traces") != 0)
            continue;
        const char *body = text_at(post, "/body");
        const char *secrets[] = {canary, me.password, me.email, me.username, me.access, me.refresh, env.secret};
        for (size_t k = 0; k < sizeof(secrets) / sizeof(*secrets); k++)
            ck_assert_msg(!strstr(body, secrets[k]), "%s is in %.3000s", secrets[k], body);
    }
}
END_TEST

/* --- a receiver that is no help --- */

static void ask_many(int i, void *baton)
{
    const person_t *me = baton;
    (void)i;
    for (int n = 0; n < 40; n++) {
        int status = ON_SECOND("GET", "/api/v1/auth/me", .token = me->access, .lenient = true)->status;
        if (status != 200)
            fail_later("GET /auth/me answered %d", status);
    }
}

/* Requests are answered as ever, whatever the receiver does, and what could not be sent is counted. */
START_TEST(a_receiver_that_fails_holds_up_nobody)
{
    static const char *const modes[] = {"slow", "refuse", "sick", "stall"};
    receiver_start("good", LINES);
    person_t me = person("student");
    expect_log("FG0650");
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        receiver_mode(modes[i]);
        for (int n = 0; n < 200 && !strstr(receiver_text(), F("\"mode\": \"%s\"", modes[i])); n++) {
            parallel(4, ask_many, &me);
            fail_now();
            pause_ms(200);
        }
        ck_assert_msg(strstr(receiver_text(), F("\"mode\": \"%s\"", modes[i])), "it was never asked: %s", modes[i]);
    }
    receiver_metric_wait(FAILED, 1); /* what was refused */
}
END_TEST

START_TEST(what_a_receiver_rejects_counts_as_failed)
{
    receiver_start("partial", LINES);
    person_t me = person("student");
    parallel(1, ask_many, &me);
    receiver_metric_wait(FAILED, 2);
    receiver_metric_wait(SENT, 1);
}
END_TEST

/* While it is away the queue fills up to its bound and no further. */
START_TEST(the_queue_is_bounded)
{
    watchdog(180);
    receiver_start("busy", LINES);
    person_t me = person("student");
    expect_log("FG0650");
    for (int i = 0; i < 60 && receiver_metric(DROPPED) < 1; i++)
        parallel(8, ask_many, &me);
    fail_now();
    receiver_metric_wait(DROPPED, 1);
    ck_assert(json_array_size(receiver_posts()) <= 16); /* Retry-After holds: a child asks once, or again at its end */
}
END_TEST

START_TEST(a_receiver_that_comes_back_gets_what_waited)
{
    receiver_start("sick", LINES);
    expect_log("FG0650");
    expect_status(ON_SECOND("GET", "/api/v1/courses", .headers = {"X-Request-ID: trace-9"}), 200);
    for (int i = 0; i < 200 && !json_array_size(receiver_posts()); i++)
        pause_ms(50);
    receiver_mode("good");
    receiver_metric_wait(SENT, 1);
    root("trace-9");
}
END_TEST

START_TEST(a_child_that_ends_sends_what_it_has)
{
    receiver_start("good", LINES);
    expect_status(ON_SECOND("GET", "/api/v1/courses", .headers = {"X-Request-ID: trace-10"}), 200);
    pause_ms(200); /* a request is over when it was logged, a moment after its answer */
    env_second_stop();
    root("trace-10");
}
END_TEST

/* httpd would say that a child did not end (AH00045), which no case may leave in the log. */
START_TEST(a_child_ends_whatever_the_receiver_does)
{
    receiver_start("stall", LINES);
    expect_status(ON_SECOND("GET", "/api/v1/courses"), 200);
    env_second_stop();
    ck_assert_ptr_null(strstr(log_since("error.log"), "AH00045"));
}
END_TEST

static void end(void)
{
    env_second_stop();
    receiver_stop();
}

Suite *suite_traces(void)
{
    Suite *suite = suite_create("traces");
    TCase *sent = case_make(suite, "sent");
    tcase_add_checked_fixture(sent, NULL, end);
    tcase_add_test(sent, a_request_is_a_trace);
    tcase_add_test(sent, a_login_shows_its_password_hash);
    tcase_add_test(sent, a_call_names_its_span_as_parent);
    tcase_add_test(sent, a_failure_is_marked);
    tcase_add_test(sent, the_sender_of_a_trace_decides_and_the_ratio_for_others);
    tcase_add_test(sent, a_job_is_a_trace_of_its_own);
    tcase_add_test(sent, no_secret_and_no_text_of_anybody_is_in_a_span);
    TCase *held = case_make(suite, "held");
    tcase_add_checked_fixture(held, NULL, end);
    tcase_add_test(held, a_receiver_that_fails_holds_up_nobody);
    tcase_add_test(held, what_a_receiver_rejects_counts_as_failed);
    tcase_add_test(held, the_queue_is_bounded);
    tcase_add_test(held, a_receiver_that_comes_back_gets_what_waited);
    tcase_add_test(held, a_child_that_ends_sends_what_it_has);
    tcase_add_test(held, a_child_ends_whatever_the_receiver_does);
    return suite;
}
