/* SPDX-License-Identifier: Apache-2.0
 * Several GETs in one round trip (SPEC 11): each path as if it were asked alone, bounded together.
 */
#include "harness.h"

#include <string.h>

#define GET(paths, ...)   CALL("GET", F("/api/v1/aggregate?paths=%s", paths), .port = PORT_DOORS, __VA_ARGS__)
#define PLAIN(paths, ...) CALL("GET", F("/api/v1/aggregate?paths=%s", paths), __VA_ARGS__)

static int status_of(const reply_t *reply, int i)
{
    return (int)int_at(reply->json, F("/results/%d/status", i));
}

static bool complete(const reply_t *reply)
{
    return json_is_true(at(reply->json, "/complete"));
}

static const char *code_of(const reply_t *reply, int i)
{
    return text_at(reply->json, F("/results/%d/body/code", i));
}

#define expect_part(reply, i, wanted) \
    ck_assert_msg(status_of(reply, i) == (wanted), "%d: %d %s", i, status_of(reply, i), (reply)->body)

/* --- each as if alone --- */

START_TEST(each_path_has_its_own_answer)
{
    person_t ada = person("student");
    json_int_t course = course_of(ada, "Graphs");
    reply_t *reply =
        PLAIN(F("/users/me,/courses/%lld,/courses/424242,/users,/nothing,/progress/summary/", (long long)course),
              .token = ada.access);
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/results/0/path"), "/users/me");
    ck_assert_int_eq(int_at(reply->json, "/results/0/body/id"), ada.id);
    ck_assert_str_eq(text_at(reply->json, "/results/1/body/title"), "Graphs");
    ck_assert_str_eq(code_of(reply, 2), "not_found");
    ck_assert_str_eq(text_at(reply->json, "/results/2/body/instance"), "/api/v1/courses/424242");
    ck_assert_str_eq(code_of(reply, 3), "insufficient_scope");
    ck_assert_str_eq(code_of(reply, 4), "not_found");
    expect_part(reply, 0, 200);
    expect_part(reply, 3, 403);
    expect_part(reply, 4, 404);
    expect_part(reply, 5, 200);
    ck_assert(complete(reply));
    ck_assert_str_eq(header(reply, "Cache-Control"), "no-store");
}
END_TEST

START_TEST(bodies_are_those_of_direct_requests)
{
    person_t ada = person("student");
    static const char *const paths[] = {"/users/me", "/courses", "/health", "/openapi.json", "/achievements"};
    for (int i = 0; i < 5; i++) {
        reply_t *alone = CALL("GET", F("/api/v1%s", paths[i]), .token = ada.access);
        reply_t *reply = PLAIN(paths[i], .token = ada.access);
        expect_part(reply, 0, alone->status);
        if (i != 2)
            ck_assert_msg(json_equal(at(reply->json, "/results/0/body"), alone->json), "%s", paths[i]);
    }
}
END_TEST

START_TEST(anonymous_paths_are_anonymous)
{
    reply_t *reply = PLAIN("/users/me,/courses");
    expect_part(reply, 0, 401);
    ck_assert_str_eq(code_of(reply, 0), "unauthenticated");
    expect_part(reply, 1, 200);
    expect_problem(PLAIN("/courses", .token = "x"), "invalid_token");
}
END_TEST

START_TEST(a_path_may_carry_a_query)
{
    person_t ada = person("student");
    for (int i = 0; i < 3; i++)
        course_of(ada, F("Course, %d", i));
    reply_t *reply =
        PLAIN("/courses%3Flimit%3D2%26sort%3Dtitle,/courses%3Fq%3D%2522Course%252C%25201%2522,/courses%3Flimit%3D0");
    ck_assert_int_eq(json_array_size(at(reply->json, "/results/0/body")), 2);
    expect_part(reply, 1, 200);
    expect_part(reply, 2, 422);
    ck_assert_str_eq(code_of(reply, 2), "validation_failed");
    ck_assert_str_eq(text_at(reply->json, "/results/0/path"), "/courses?limit=2&sort=title");
}
END_TEST

/* Public answers come out of memory within an aggregate too, and a write is seen at once. */
START_TEST(the_cache_answers_within_and_is_never_stale)
{
    person_t ada = person("student");
    for (int i = 0; i < 5; i++) {
        course_of(ada, F("Course %d", i));
        reply_t *reply = CALL("GET", "/api/v1/aggregate?paths=/courses,/courses", .port = PORT_DOORS);
        ck_assert_int_eq(json_array_size(at(reply->json, "/results/0/body")), i + 1);
        ck_assert_int_eq(json_array_size(at(reply->json, "/results/1/body")), i + 1);
    }
}
END_TEST

START_TEST(headers_of_the_outer_request_stay_outside)
{
    person_t ada = person("student");
    static const char *const leaked[] = {"If-",    "Range",        "Idempotency", "Accept-Encoding",
                                         "X-Evil", "secret-token", "Upgrade",     "evil.example",
                                         "Origin", "Expect",       "192.0.2.66"};
    reply_t *reply = GET("/parts/echo,/courses", .token = ada.access,
                         .headers = {"If-None-Match: *", "Range: lines=0-1", "Idempotency-Key: k",
                                     "Accept: application/x-ndjson, application/json", "X-Evil: 1",
                                     "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT", "X-Forwarded-For: 192.0.2.66",
                                     "Cookie: other=1", "X-Request-ID: outer-1", "Origin: https://evil.example"});
    expect_part(reply, 0, 200);
    expect_part(reply, 1, 200);
    const char *head = text_at(reply->json, "/results/0/body");
    for (size_t i = 0; i < sizeof(leaked) / sizeof(*leaked); i++)
        ck_assert_msg(!strcasestr(head, leaked[i]), "%s: %s", leaked[i], head);
    ck_assert(strstr(head, "GET /echo HTTP/1.1\n") != NULL);
    ck_assert(strstr(head, "Cookie: other=1\n") != NULL);
    ck_assert(strstr(head, "X-Request-ID: outer-1\n") != NULL);
    ck_assert(strstr(head, "X-Forwarded-For: 127.0.0.1\n") != NULL);
    const char *trace = strstr(head, "traceparent: 00-");
    ck_assert(trace && strncmp(trace + 16, header(reply, "traceparent") + 3, 32) == 0);
}
END_TEST

/* --- what may be asked --- */

START_TEST(what_is_no_list_of_paths_is_422)
{
    static const char *const bad[] = {"",
                                      ",",
                                      "/courses,",
                                      ",/courses",
                                      "courses",
                                      "//courses",
                                      "/courses//1",
                                      "/../metrics",
                                      "/a/../users",
                                      "/./users",
                                      "/..",
                                      "https://evil.example/",
                                      "/users%252e%252e/x",
                                      "/%252e%252e/metrics",
                                      "/users%2523x",
                                      "/users%5Cme",
                                      "/users;x",
                                      "/users%20me",
                                      "/courses%3Fq%3D%25",
                                      "/courses%3Fq%3D%25zz",
                                      "/courses%3Fq%3D%23",
                                      "/courses%3Fq%3D%22",
                                      "/aggregate",
                                      "/aggregate/",
                                      "/aggregate%3Fpaths%3D/courses",
                                      "/a%0D%0AX-Evil:1",
                                      "/caf%C3%A9",
                                      "/%20",
                                      "/a,/a,/a,/a,/a,/a,/a,/a,/a"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        expect_problem(PLAIN(bad[i]), "validation_failed");
    expect_problem(CALL("GET", "/api/v1/aggregate"), "validation_failed");
    expect_problem(CALL("GET", "/api/v1/aggregate?paths=/a&paths=/b"), "validation_failed");
    expect_status(PLAIN("/a,/a,/a,/a,/a,/a,/a,/a"), 200);
    expect_status(CALL("POST", "/api/v1/aggregate?paths=/courses", .json = "{}"), 405);
    ck_assert_str_eq(CALL("HEAD", "/api/v1/aggregate?paths=/courses")->body, "");
}
END_TEST

START_TEST(neither_streams_nor_downloads_nor_bytes)
{
    person_t ada = person("student");
    reply_t *reply = GET("/parts/binary,/parts/events,/parts/download,/parts/packed,/parts/latin,/files/1/content,/"
                         "analysis/sessions/1/events",
                         .token = ada.access);
    for (int i = 0; i < 5; i++) {
        expect_part(reply, i, 406);
        ck_assert_str_eq(code_of(reply, i), "not_in_aggregate");
    }
    ck_assert_int_ne(status_of(reply, 5), 200);
    ck_assert_int_ne(status_of(reply, 6), 200);
    ck_assert(!complete(reply));
}
END_TEST

START_TEST(access_is_that_of_a_direct_request)
{
    person_t ada = person("student"), root = person("admin"), teacher = person("instructor");
    static const char paths[] = "/monitor/database/pool,/performance,/guarded/json,/audit";
    reply_t *reply = GET(paths);
    for (int i = 0; i < 4; i++)
        expect_part(reply, i, 401);
    reply = GET(paths, .token = ada.access);
    for (int i = 0; i < 4; i++)
        expect_part(reply, i, 403);
    reply = GET("/guarded/json,/audit", .token = teacher.access);
    expect_part(reply, 0, 200);
    expect_part(reply, 1, 403);
    reply = GET(paths, .token = root.access);
    for (int i = 0; i < 4; i++)
        expect_part(reply, i, 200);
    reply = GET("/performance,/monitor/database/pool", .from = "127.0.3.1");
    expect_part(reply, 0, 200);
    expect_log("AH01631");
}
END_TEST

START_TEST(identity_goes_to_back_ends_and_credentials_do_not)
{
    person_t teacher = person("instructor");
    reply_t *reply = GET("/guarded/echo,/parts/echo", .token = teacher.access, .headers = {"X-Forge-Role: admin"});
    const char *head = text_at(reply->json, "/results/0/body");
    ck_assert(strstr(head, F("X-Forge-User: %lld\n", (long long)teacher.id)) != NULL);
    ck_assert(strstr(head, "X-Forge-Role: instructor\n") != NULL);
    ck_assert(!strstr(head, teacher.access));
    ck_assert(!strstr(text_at(reply->json, "/results/1/body"), "X-Forge-Role"));
}
END_TEST

/* --- back ends --- */

START_TEST(what_back_ends_send_is_kept_as_it_is)
{
    reply_t *reply = GET("/parts/json,/parts/text,/parts/nothing,/parts/moved,/parts/failed,/parts/problem,/parts/"
                         "cookie,/parts/untyped");
    ck_assert(strstr(reply->body, "{\"a\": 1.50, \"b\":[1234567890123456789]}") != NULL);
    ck_assert_str_eq(text_at(reply->json, "/results/1/body"), "one\n\"two\"\n");
    expect_part(reply, 2, 204);
    ck_assert(json_is_null(at(reply->json, "/results/2/body")));
    expect_part(reply, 3, 302);
    expect_part(reply, 4, 422);
    expect_part(reply, 5, 409);
    ck_assert(complete(reply));
    ck_assert(!header(reply, "Set-Cookie") && !header(reply, "Location"));
    ck_assert_str_eq(text_at(reply->json, "/results/7/body"), "plain");
}
END_TEST

START_TEST(broken_back_ends_are_502_in_their_place)
{
    expect_log("AH0");
    reply_t *reply = GET("/gone/x,/parts/garbage,/courses,/parts/deep,/parts/short,/parts/nosuch");
    ck_assert_msg(status_of(reply, 0) == 502 || status_of(reply, 0) == 503, "%s", reply->body);
    expect_part(reply, 1, 502);
    expect_part(reply, 2, 200);
    expect_part(reply, 3, 502);
    expect_part(reply, 4, 502);
    expect_part(reply, 5, 502);
    ck_assert_str_eq(code_of(reply, 1), "bad_gateway");
    ck_assert(!complete(reply));
}
END_TEST

START_TEST(what_does_not_fit_is_507_in_its_place)
{
    reply_t *reply = GET("/parts/big,/parts/big,/courses");
    int full = (status_of(reply, 0) == 507) + (status_of(reply, 1) == 507);
    ck_assert_msg(full >= 1, "%d %d", status_of(reply, 0), status_of(reply, 1));
    ck_assert(!complete(reply));
    reply = GET("/parts/big");
    expect_part(reply, 0, 200);
    ck_assert(complete(reply));
    reply = GET("/parts/number", .lenient = true); /* no number is too long to be passed on */
    expect_says(reply, "\"status\":200,\"body\":1111");
    expect_says(reply, "1}],\"complete\":true}");
}
END_TEST

/* The back end answers after five seconds, the aggregate after two: it would be in vain to measure which, so the order
 * of the answers tells. Where requests have no helpers, the one that has begun is waited for. */
START_TEST(what_is_late_is_504_in_its_place)
{
    expect_log("AH0");
    reply_t *reply = GET("/courses,/parts/hang,/parts/json");
    for (int i = 0; i < 4 && strcmp(env.mpm, "prefork") != 0 && status_of(reply, 2) != 200; i++) {
        pause_ms(6000); /* all helpers of that child wait for back ends of cases before */
        reply = GET("/courses,/parts/hang,/parts/json");
    }
    expect_status(reply, 200);
    expect_part(reply, 0, 200);
    ck_assert(!complete(reply));
    if (strcmp(env.mpm, "prefork") == 0) {
        expect_part(reply, 1, 502);
        expect_part(reply, 2, 504);
        return;
    }
    expect_part(reply, 1, 504);
    ck_assert_str_eq(code_of(reply, 1), "timeout");
    expect_part(reply, 2, 200);
    for (int i = 0; i < 150 && !strstr(log_since("error.log"), "AH00898"); i++)
        pause_ms(100); /* the helper that is late: httpd says AH01102, and then this */
    ck_assert_ptr_nonnull(strstr(log_since("error.log"), "AH00898"));
}
END_TEST

static void many(int i, void *baton)
{
    (void)baton;
    reply_t *reply = GET(i % 2 ? "/courses,/parts/slow,/users/me,/parts/json" : "/parts/slow,/parts/slow,/parts/slow");
    if (reply->status != 200)
        fail_later("%d %s", reply->status, reply->body);
}

START_TEST(many_at_once_are_all_answered)
{
    expect_log("AH01102"); /* of helpers of the case before that were late, of which httpd says two lines each */
    expect_log("AH00898");
    for (int round = 0; round < 3; round++)
        parallel(16, many, NULL);
    expect_served("/api/v1/courses", NULL);
}
END_TEST

/* A child's first aggregate has called one helper, who is idle by now: two paths need another one. */
START_TEST(paths_wait_for_no_other_path)
{
    if (strcmp(env.mpm, "prefork") == 0)
        return; /* there they do */
    for (int i = 0; i < 3; i++) {
        env_httpd_restart();
        reply_t *reply = GET("/parts/json");
        expect_part(reply, 0, 200);
        reply = GET("/parts/meet,/parts/meet");
        expect_part(reply, 0, 200);
        expect_part(reply, 1, 200);
    }
}
END_TEST

/* --- bounds --- */

START_TEST(each_path_counts_in_its_quota)
{
    person_t teacher = person("instructor");
    reply_t *reply = GET("/guarded/json,/guarded/json,/guarded/json,/guarded/json,/courses", .token = teacher.access);
    for (int i = 0; i < 3; i++)
        expect_part(reply, i, 200);
    expect_part(reply, 3, 429);
    expect_part(reply, 4, 200);
    ck_assert(!complete(reply));
    ck_assert_str_eq(code_of(reply, 3), "rate_limited");
    reply = CALL("GET", "/api/v1/aggregate?paths=/courses,/courses,/courses,/courses,/courses,/courses",
                 .port = PORT_LIMITS, .headers = {"X-Client: 192.0.2.90"}, .from = "127.0.3.250");
    expect_status(reply, 200); /* 1 of 5 */
    for (int i = 0; i < 4; i++)
        expect_part(reply, i, 200);
    expect_part(reply, 4, 429);
    expect_part(reply, 5, 429);
    ck_assert_str_eq(header(reply, "X-RateLimit-Remaining"), "0");
    expect_problem(
        CALL("GET", "/api/v1/courses", .port = PORT_LIMITS, .headers = {"X-Client: 192.0.2.90"}, .from = "127.0.3.250"),
        "rate_limited");
}
END_TEST

/* Two connections a child, and aggregates of eight reads: none waits for a connection while it has one. */
static void reads(int i, void *baton)
{
    (void)i, (void)baton;
    reply_t *reply = CALL("GET", "/api/v1/aggregate?paths=/exercises,/courses,/exercises,/courses,/exercises,/courses",
                          .port = PORT_POOL);
    if (reply->status != 200)
        fail_later("%d %s", reply->status, reply->body);
}

START_TEST(one_connection_at_a_time)
{
    parallel(6, reads, NULL);
    reply_t *reply = CALL("GET", "/api/v1/aggregate?paths=/exercises,/courses,/exercises,/courses", .port = PORT_POOL);
    ck_assert(complete(reply));
}
END_TEST

START_TEST(over_http2_and_with_a_cookie)
{
    person_t ada = person("student");
    static const char paths[] = "/api/v1/aggregate?paths=/users/me,/parts/json,/parts/echo,/health";
    reply_t *reply = CALL("GET", paths, .port = PORT_COOKIE, .token = ada.access);
    for (int i = 0; i < 4; i++)
        expect_part(reply, i, 200);
    if (strcmp(env.mpm, "prefork") != 0) {
        reply = CALL("GET", paths, .port = PORT_COOKIE, .token = ada.access, .http2 = true);
        for (int i = 0; i < 4; i++)
            expect_part(reply, i, 200);
    }
    reply_t *login = CALL("POST", "/api/v1/auth/login", .port = PORT_COOKIE,
                          .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", ada.username, ada.password));
    const char *set = header(login, "Set-Cookie");
    ck_assert_ptr_nonnull(set);
    char *cookie = F("Cookie: %.*s", (int)strcspn(set, ";"), set);
    reply = CALL("GET", paths, .port = PORT_COOKIE, .headers = {cookie});
    expect_part(reply, 0, 200);
    ck_assert_int_eq(int_at(reply->json, "/results/0/body/id"), ada.id);
    ck_assert(!strstr(text_at(reply->json, "/results/2/body"), "__Host-forge"));
}
END_TEST

START_TEST(it_is_counted_as_one_request)
{
    long before = metric("forge_http_requests_in_flight");
    char *lines = log_since("access.json");
    size_t offset = strlen(lines);
    expect_status(PLAIN("/courses,/courses,/nothing", .headers = {"X-Request-ID: counted-once"}), 200);
    expect_status(PLAIN("/courses"), 200);
    const char *found = strstr(log_since("access.json") + offset, "counted-once");
    ck_assert_ptr_nonnull(found);
    ck_assert_ptr_null(strstr(found + 1, "counted-once"));
    ck_assert_int_eq(metric("forge_http_requests_in_flight"), before);
}
END_TEST

Suite *suite_aggregate(void)
{
    Suite *suite = suite_create("aggregate");
    TCase *alone = case_make(suite, "each as if alone");
    tcase_add_test(alone, each_path_has_its_own_answer);
    tcase_add_test(alone, bodies_are_those_of_direct_requests);
    tcase_add_test(alone, anonymous_paths_are_anonymous);
    tcase_add_test(alone, a_path_may_carry_a_query);
    tcase_add_test(alone, the_cache_answers_within_and_is_never_stale);
    tcase_add_test(alone, headers_of_the_outer_request_stay_outside);
    TCase *asked = case_make(suite, "what may be asked");
    tcase_add_test(asked, what_is_no_list_of_paths_is_422);
    tcase_add_test(asked, neither_streams_nor_downloads_nor_bytes);
    tcase_add_test(asked, access_is_that_of_a_direct_request);
    tcase_add_test(asked, identity_goes_to_back_ends_and_credentials_do_not);
    TCase *behind = case_make(suite, "back ends");
    tcase_add_test(behind, what_back_ends_send_is_kept_as_it_is);
    tcase_add_test(behind, broken_back_ends_are_502_in_their_place);
    tcase_add_test(behind, what_does_not_fit_is_507_in_its_place);
    tcase_add_test(behind, what_is_late_is_504_in_its_place);
    tcase_add_test(behind, many_at_once_are_all_answered);
    tcase_add_test(behind, paths_wait_for_no_other_path);
    TCase *bounds = case_make(suite, "bounds");
    tcase_add_test(bounds, each_path_counts_in_its_quota);
    tcase_add_test(bounds, one_connection_at_a_time);
    tcase_add_test(bounds, over_http2_and_with_a_cookie);
    tcase_add_test(bounds, it_is_counted_as_one_request);
    return suite;
}
