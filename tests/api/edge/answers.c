/* SPDX-License-Identifier: Apache-2.0
 * What every answer carries: request id, trace, CORS, caching, compression, and nothing that a client put in (SPEC 1,
 * SECURITY 7–10).
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static const char preflight[] = "Access-Control-Request-Method: POST";

/* --- identity of a request --- */

/* SECURITY 7 and 8 */
START_TEST(request_ids)
{
    reply_t *mine = CALL("GET", "/health", .headers = {"X-Request-ID: abc.DEF_123-xyz"});
    ck_assert_str_eq(header(mine, "X-Request-ID"), "abc.DEF_123-xyz");
    char longest[160];
    memset(longest, 'r', sizeof(longest));
    longest[128] = 0;
    ck_assert_str_eq(header(CALL("GET", "/health", .headers = {F("X-Request-ID: %s", longest)}), "X-Request-ID"),
                     longest);
    longest[128] = 'r', longest[129] = 0;
    ck_assert_str_ne(header(CALL("GET", "/health", .headers = {F("X-Request-ID: %s", longest)}), "X-Request-ID"),
                     longest);
    static const char *const bad[] = {"a b", "a\tb", "a/b", "<script>", "\xc3\xa4", "a%0d%0aX: y", "a,b", NULL};
    for (const char *const *id = bad; *id; id++)
        ck_assert_str_ne(header(CALL("GET", "/health", .headers = {F("X-Request-ID: %s", *id)}), "X-Request-ID"), *id);
    const char *one = header(CALL("GET", "/health"), "X-Request-ID"),
               *two = header(CALL("GET", "/health"), "X-Request-ID");
    ck_assert_str_ne(one, two);
    reply_t *problem = CALL("GET", "/api/v1/nothing", .headers = {"X-Request-ID: known-1"});
    ck_assert_str_eq(text_at(problem->json, "/request_id"), "known-1");
    ck_assert_str_eq(text_at(problem->json, "/instance"), "/api/v1/nothing");
}
END_TEST

START_TEST(traceparent_is_continued)
{
    static const char given[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    CALL("GET", "/api/v1/courses", .headers = {F("traceparent: %s", given), "X-Request-ID: traced-1"});
    pause_ms(100);
    char *line = strstr(log_since("access.json"), "\"traced-1\"");
    ck_assert_msg(line && strstr(log_since("access.json"), "4bf92f3577b34da6a3ce929d0e0e4736"),
                  "the access line has the trace id");
    static const char *const bad[] = {"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                                      "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                                      "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                      "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                                      "00-short-00f067aa0ba902b7-01",
                                      "rubbish",
                                      "",
                                      NULL};
    for (const char *const *value = bad; *value; value++)
        expect_status(CALL("GET", "/api/v1/courses", .headers = {F("traceparent: %s", *value)}), 200);
}
END_TEST

/* --- CORS: SECURITY 9 --- */

START_TEST(cors_known_origin)
{
    reply_t *reply = CALL("GET", "/api/v1/courses", .headers = {"Origin: https://app.example.org"});
    ck_assert_str_eq(header(reply, "Access-Control-Allow-Origin"), "https://app.example.org");
    ck_assert_ptr_nonnull(strcasestr(header(reply, "Vary"), "Origin"));
    const char *exposed = header(reply, "Access-Control-Expose-Headers");
    ck_assert_ptr_nonnull(exposed);
    static const char *const names[] = {"Link", "ETag", "Location", "RateLimit", "X-Request-ID", NULL};
    for (const char *const *name = names; *name; name++)
        ck_assert_msg(strcasestr(exposed, *name) != NULL, "%s is not exposed: %s", *name, exposed);
    reply_t *asked = CALL("OPTIONS", "/api/v1/courses",
                          .headers = {"Origin: https://app.example.org", preflight,
                                      "Access-Control-Request-Headers: authorization, content-type"});
    expect_status(asked, 204);
    ck_assert_str_eq(header(asked, "Access-Control-Allow-Origin"), "https://app.example.org");
    ck_assert_ptr_nonnull(strstr(header(asked, "Access-Control-Allow-Methods"), "POST"));
    ck_assert_ptr_nonnull(strcasestr(header(asked, "Access-Control-Allow-Headers"), "authorization"));
    ck_assert_ptr_nonnull(strcasestr(header(asked, "Access-Control-Allow-Headers"), "X-CSRF-Token"));
    ck_assert_int_gt(atoi(header(asked, "Access-Control-Max-Age")), 0);
    reply_t *problem = CALL("GET", "/api/v1/nothing", .headers = {"Origin: https://other.example.org"});
    ck_assert_str_eq(header(problem, "Access-Control-Allow-Origin"), "https://other.example.org");
}
END_TEST

START_TEST(cors_other_origins)
{
    static const char *const origins[] = {"https://evil.example",
                                          "null",
                                          "https://app.example.evil.example",
                                          "http://app.example.org",
                                          "https://app.example.org:444",
                                          "https://app.example.org.evil.example",
                                          "https://APP.example.org/",
                                          "https://app.example.orgx",
                                          "*",
                                          NULL};
    for (const char *const *origin = origins; *origin; origin++) {
        reply_t *reply = CALL("GET", "/api/v1/courses", .headers = {F("Origin: %s", *origin)});
        ck_assert_msg(!header(reply, "Access-Control-Allow-Origin"), "%s is let in", *origin);
        ck_assert_msg(header(reply, "Vary") && strcasestr(header(reply, "Vary"), "Origin"),
                      "Vary: Origin is missing for %s", *origin);
        reply_t *asked = CALL("OPTIONS", "/api/v1/courses", .headers = {F("Origin: %s", *origin), preflight});
        ck_assert_ptr_null(header(asked, "Access-Control-Allow-Origin"));
        ck_assert_ptr_null(header(asked, "Access-Control-Allow-Methods"));
    }
    reply_t *method = CALL("OPTIONS", "/api/v1/courses",
                           .headers = {"Origin: https://app.example.org", "Access-Control-Request-Method: PROPFIND"});
    ck_assert_ptr_null(header(method, "Access-Control-Allow-Methods"));
}
END_TEST

/* --- headers --- */

START_TEST(csp_is_configurable)
{
    const char *strict = header(CALL("GET", "/api/v1/courses", .port = PORT_STRICT), "Content-Security-Policy");
    ck_assert_str_eq(strict, "default-src 'none'; frame-ancestors 'none'");
    ck_assert_str_eq(header(CALL("GET", "/api/v1/courses"), "Content-Security-Policy"), "default-src 'self'");
}
END_TEST

START_TEST(transport_security_over_tls)
{
    reply_t *reply = CALL("GET", "/api/v1/courses", .port = PORT_TLS);
    expect_status(reply, 200);
    ck_assert_str_eq(header(reply, "Strict-Transport-Security"), "max-age=31536000; includeSubDomains");
    ck_assert_ptr_null(header(CALL("GET", "/api/v1/courses"), "Strict-Transport-Security"));
    expect_problem(CALL("GET", "/api/v1/auth/me", .port = PORT_TLS), "unauthenticated");
}
END_TEST

/* SECURITY 10 */
START_TEST(caching_and_media_types)
{
    person_t me = person("student");
    reply_t *tokens =
        CALL("POST", "/api/v1/auth/login", .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", me.email, me.password));
    ck_assert_ptr_nonnull(strstr(header(tokens, "Cache-Control"), "no-store"));
    const char *personal = header(CALL("GET", "/api/v1/auth/me", .token = me.access), "Cache-Control");
    ck_assert_msg(personal && strstr(personal, "private") && strstr(personal, "no-cache"), "Cache-Control: %s",
                  personal ? personal : "-");
    reply_t *list = CALL("GET", "/api/v1/courses");
    const char *open = header(list, "Cache-Control");
    ck_assert_msg(open && strstr(open, "public") && strstr(open, "max-age="), "Cache-Control: %s", open ? open : "-");
    ck_assert_ptr_nonnull(header(list, "ETag"));
    const char *type = header(list, "Content-Type");
    ck_assert_msg(strncmp(type, "application/json", 16) == 0, "%s", type);
    const char *signed_in = header(CALL("GET", "/api/v1/courses", .token = me.access), "Cache-Control");
    ck_assert_msg(signed_in && !strstr(signed_in, "public"), "an answer to an account is not public: %s",
                  signed_in ? signed_in : "-");
}
END_TEST

/* Parts are of files. */
START_TEST(ranges_of_json_are_not_taken)
{
    person_t me = person("student");
    const char *const paths[] = {"/api/v1/courses", "/api/v1/courses", "/api/v1/auth/me", "/openapi.json",
                                 "/api/v1/courses/999999"};
    const char *const ranges[] = {"bytes=0-1", "bytes=0-0,2-3,5-6", "bytes=9999999-"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        for (size_t k = 0; k < sizeof(ranges) / sizeof(ranges[0]); k++) {
            reply_t *whole = CALL("GET", paths[i], .token = i ? me.access : NULL),
                    *asked =
                        CALL("GET", paths[i], .token = i ? me.access : NULL, .headers = {F("Range: %s", ranges[k])});
            ck_assert_int_eq(asked->status, whole->status);
            ck_assert_str_eq(header(asked, "Content-Length"), header(whole, "Content-Length"));
            ck_assert_ptr_null(header(asked, "Content-Range"));
        }
}
END_TEST

START_TEST(compression)
{
    person_t teacher = person("instructor");
    for (int i = 0; i < 12; i++)
        course_of(teacher, F("A course about compression, number %d of a dozen", i));
    reply_t *list = CALL("GET", "/api/v1/courses", .headers = {"Accept-Encoding: gzip"});
    ck_assert_msg(header(list, "Content-Encoding") && strcmp(header(list, "Content-Encoding"), "gzip") == 0,
                  "a list above 1 KB is compressed: %s", list->head);
    ck_assert_ptr_nonnull(strcasestr(header(list, "Vary"), "Accept-Encoding"));
    reply_t *small = CALL("GET", "/health/live", .headers = {"Accept-Encoding: gzip"});
    ck_assert_msg(!header(small, "Content-Encoding"), "small answers are not compressed");
    reply_t *tokens = CALL("POST", "/api/v1/auth/login",
                           .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", teacher.username, teacher.password),
                           .headers = {"Accept-Encoding: gzip"});
    ck_assert_msg(!header(tokens, "Content-Encoding"), "tokens are not compressed");
    const char *etag = header(list, "ETag");
    expect_status(CALL("GET", "/api/v1/courses", .headers = {"Accept-Encoding: gzip", F("If-None-Match: %s", etag)}),
                  304);
}
END_TEST

/* Nothing a client sends becomes a header of the answer (SECURITY 7). */
START_TEST(no_header_injection)
{
    person_t me = person("instructor");
    reply_t *reply = CALL("POST", "/api/v1/courses", .token = me.access, .json = "{\"title\":\"a\\r\\nX-Evil: 1\"}",
                          .headers = {"X-Request-ID: a\\r\\nX-Evil: 1"});
    ck_assert_ptr_null(header(reply, "X-Evil"));
    reply = CALL("GET", "/api/v1/courses?q=%0d%0aX-Evil:%201", .token = me.access);
    ck_assert_ptr_null(header(reply, "X-Evil"));
    reply = CALL("GET", "/api/v1/courses/%0d%0aX-Evil:%201");
    ck_assert_ptr_null(header(reply, "X-Evil"));
}
END_TEST

Suite *suite_answers(void)
{
    Suite *suite = suite_create("answers");
    TCase *headers = case_make(suite, "headers");
    tcase_add_test(headers, request_ids);
    tcase_add_test(headers, traceparent_is_continued);
    tcase_add_test(headers, cors_known_origin);
    tcase_add_test(headers, cors_other_origins);
    tcase_add_test(headers, csp_is_configurable);
    tcase_add_test(headers, transport_security_over_tls);
    tcase_add_test(headers, caching_and_media_types);
    tcase_add_test(headers, ranges_of_json_are_not_taken);
    tcase_add_test(headers, compression);
    tcase_add_test(headers, no_header_injection);
    return suite;
}
