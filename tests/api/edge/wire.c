/* SPDX-License-Identifier: Apache-2.0
 * The rules of the wire (SPEC 1) and hostile HTTP (SECURITY 1–10).
 */
#include "harness.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* --- methods and paths --- */

START_TEST(slash_at_the_end_is_the_same)
{
    static const char *const paths[] = {"/health",        "/health/live",         "/health/ready",
                                        "/api/v1/health", "/api/v1/courses",      "/api/v1/achievements",
                                        "/openapi.json",  "/api/v1/openapi.json", NULL};
    for (const char *const *path = paths; *path; path++) {
        expect_status(CALL("GET", *path), 200);
        expect_status(CALL("GET", F("%s/", *path)), 200);
    }
    person_t me = person("student");
    expect_status(CALL("GET", "/api/v1/auth/me/", .token = me.access), 200);
    expect_status(CALL("GET", "/api/v1/users/me/", .token = me.access), 200);
}
END_TEST

START_TEST(head_is_get_without_body)
{
    json_int_t id = course_of(person("instructor"), "Heads");
    const char *paths[] = {"/health", "/api/v1/courses", F("/api/v1/courses/%lld", (long long)id), "/openapi.json",
                           NULL};
    for (const char **path = paths; *path; path++) {
        reply_t *get = CALL("GET", *path), *head = CALL("HEAD", *path);
        expect_status(head, get->status);
        ck_assert_str_eq(header(head, "Content-Type"), header(get, "Content-Type"));
        ck_assert_uint_eq(head->length, 0);
    }
    reply_t *courses = CALL("HEAD", "/api/v1/courses");
    ck_assert_ptr_nonnull(header(courses, "ETag"));
    expect_status(CALL("HEAD", "/api/v1/courses/999999"), 404);
}
END_TEST

/* Does an Allow list have this method? */
static bool allows(const reply_t *reply, const char *method)
{
    const char *allow = header(reply, "Allow"), *found = allow ? strstr(allow, method) : NULL;
    return found && (found == allow || found[-1] == ' ' || found[-1] == ',') &&
           (!found[strlen(method)] || found[strlen(method)] == ',');
}

START_TEST(options_and_wrong_methods_say_allow)
{
    reply_t *options = CALL("OPTIONS", "/api/v1/courses");
    ck_assert_msg(options->status == 204 || options->status == 200, "status %d", options->status);
    ck_assert(allows(options, "GET") && allows(options, "HEAD") && allows(options, "POST") &&
              allows(options, "OPTIONS") && !allows(options, "DELETE"));
    reply_t *one = CALL("OPTIONS", "/api/v1/courses/1");
    ck_assert(allows(one, "GET") && allows(one, "PUT") && allows(one, "PATCH") && allows(one, "DELETE") &&
              !allows(one, "POST"));
    reply_t *wrong = CALL("DELETE", "/api/v1/courses");
    expect_problem(wrong, "method_not_allowed");
    ck_assert(allows(wrong, "GET") && allows(wrong, "POST"));
    expect_problem(CALL("PUT", "/health", .json = "{}"), "method_not_allowed");
    expect_problem(CALL("POST", "/api/v1/auth/me", .json = "{}"), "method_not_allowed");
    expect_problem(CALL("GET", "/api/v1/auth/login"), "method_not_allowed");
}
END_TEST

/* SECURITY 1 */
START_TEST(trace_and_unknown_methods)
{
    static const char *const methods[] = {"TRACE", "FOO", "CONNECT", "PROPFIND", "get", NULL};
    for (const char *const *method = methods; *method; method++) {
        reply_t *reply = raw_text(
            PORT_MAIN, F("%s /api/v1/courses HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", *method));
        ck_assert_msg(reply->status == 405 || reply->status == 400, "%s: %d", *method, reply->status);
        if (reply->status == 405)
            ck_assert_ptr_nonnull(header(reply, "Allow"));
    }
    reply_t *foo = raw_text(PORT_MAIN, "FOO /api/v1/courses HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    expect_problem(foo, "method_not_allowed");
    ck_assert(allows(foo, "GET") && allows(foo, "POST"));
    expect_problem(raw_text(PORT_MAIN, "FOO /api/v1/nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
                   "not_found");
    reply_t *trace =
        raw_text(PORT_MAIN, "TRACE /api/v1/courses HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    expect_problem(trace, "method_not_allowed");
}
END_TEST

/* SECURITY 2: no other spelling reaches a handler */
START_TEST(odd_paths_reach_nothing)
{
    person_t me = person("student");
    expect_log("AH10244"); /* httpd's own words for a path that cannot be decoded */
    static const char *const paths[] = {"/api/v1/%2e%2e/",
                                        "/api/v1/../v1/auth/me",
                                        "/API/V1/AUTH/ME",
                                        "/api/v1/auth/me;x",
                                        "/api/v1/auth/me%00",
                                        "/api/v1/auth//me",
                                        "/api/v1/auth/./me",
                                        "/api/v1/auth/%6de",
                                        "/api/v1/courses/1%2f2",
                                        "/api/v1/courses/%31",
                                        "/api/v1/courses/0",
                                        "/api/v1/courses/-1",
                                        "/api/v1/courses/+1",
                                        "/api/v1/courses/01",
                                        "/api/v1/courses/1.0",
                                        "/api/v1/courses/1e3",
                                        "/api/v1/courses/0x1",
                                        "/api/v1/courses/9223372036854775808",
                                        "/api/v1/courses/99999999999999999999999",
                                        "/api/v1/courses/abc",
                                        "/api/v1/courses/1/2/3/4/5",
                                        "/api/v1/",
                                        "/api/v1",
                                        "/api/v1/nothing",
                                        "/api/v1/auth",
                                        "/api/v1/courses/%",
                                        "/api/v1/courses/%zz",
                                        "/api/v1/courses/1'--",
                                        "/api/v1/auth/me//",
                                        "/api/v1\\auth\\me",
                                        NULL};
    for (const char *const *path = paths; *path; path++) {
        bool ours = strncmp(*path, "/api/v1", 7) == 0 && (!(*path)[7] || (*path)[7] == '/') &&
                    !strstr(*path, "%2e"); /* decoded, that is /api/ */
        reply_t *reply = CALL("GET", *path, .token = me.access, .lenient = !ours);
        ck_assert_msg(reply->status == 404 || reply->status == 400, "%s: %d %.200s", *path, reply->status, reply->body);
    }
    reply_t *slashes = CALL("GET", "//api/v1/auth/me", .token = me.access, .lenient = true);
    ck_assert_msg(slashes->status == 404 || slashes->status == 400 || slashes->status == 403, "%d", slashes->status);
    expect_problem(CALL("GET", "/api/v1/courses/9223372036854775807"), "not_found");
}
END_TEST

/* SECURITY 3 and Apache's own errors: problem+json, never HTML */
START_TEST(smuggling_is_refused)
{
    static const char *const requests[] = {
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        "4\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        "2\r\nContent-Length: "
        "3\r\n\r\n{} ",
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: "
        "xchunked\r\n\r\n0\r\n\r\n",
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        "-1\r\n\r\n",
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        "99999999999999999999\r\n\r\n{}",
        "GET /api/v1/courses HTTP/1.1\r\nHost : localhost\r\n\r\n",
        "GET /api/v1/courses HTTP/1.1\r\n\r\n",
        "GET  /api/v1/courses  HTTP/1.1\r\nHost: localhost\r\n\r\n",
        NULL};
    for (const char *const *request = requests; *request; request++) {
        reply_t *reply = raw_text(PORT_MAIN, *request);
        ck_assert_msg(reply->status == 400 || reply->status == 501 || reply->status == 505 || reply->status == 413 ||
                          reply->status == 0,
                      "%d for %.160s", reply->status, *request);
        ck_assert_msg(!strstr(reply->body, "<html"), "HTML: %.200s", reply->body);
    }
}
END_TEST

/* HTTP/0.9: its answer would have neither a status nor headers. */
START_TEST(a_request_without_a_version_is_refused)
{
    reply_t *reply = raw_text(PORT_MAIN, "GET /api/v1/courses\r\n\r\n");
    expect_status(reply, 400);
    ck_assert_ptr_nonnull(header(reply, "X-Content-Type-Options"));
}
END_TEST

START_TEST(apache_errors_are_problems)
{
    char *line = malloc(12000);
    memset(line, 'a', 11999);
    line[11999] = 0;
    keep(line);
    reply_t *uri = raw_text(
        PORT_MAIN, F("GET /api/v1/courses?q=%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", line));
    expect_problem(uri, "uri_too_long");
    reply_t *head =
        raw_text(PORT_MAIN,
                 F("GET /api/v1/courses HTTP/1.1\r\nHost: localhost\r\nX-Long: %s\r\nConnection: close\r\n\r\n", line));
    ck_assert_msg(head->status == 431 || head->status == 400, "%d", head->status);
    ck_assert_msg(strstr(head->head, "application/problem+json") != NULL, "%s", head->head);
    reply_t *expect = raw_text(PORT_MAIN, "POST /api/v1/courses HTTP/1.1\r\nHost: localhost\r\nExpect: "
                                          "the-worst\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    ck_assert_msg(expect->status == 417 || expect->status == 401, "%d", expect->status);
    ck_assert_msg(strstr(expect->head, "application/problem+json") != NULL, "%s", expect->head);
}
END_TEST

/* A body that never comes ends as 408 (RequestReadTimeout body=4 in this server). */
START_TEST(slow_body_is_408)
{
    expect_log("AH01382");
    reply_t *reply = raw_text(PORT_MAIN, "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                                         "application/json\r\nContent-Length: 50\r\n\r\n{\"user");
    ck_assert_msg(reply->status == 408 || reply->status == 400, "%d %s", reply->status, reply->head);
    ck_assert_msg(strstr(reply->head, "application/problem+json") != NULL, "%s", reply->head);
}
END_TEST

/* --- bodies --- */

/* SECURITY 4 and 5 */
START_TEST(media_types)
{
    static const char *const types[] = {"text/plain",
                                        "application/xml",
                                        "application/json; charset=utf-16",
                                        "application/json; charset=latin1",
                                        "application/json; charset=utf-8859",
                                        "multipart/form-data; boundary=x",
                                        "application/merge-patch+json",
                                        "application/jsonx",
                                        "json",
                                        "",
                                        "application/x-www-form-urlencoded",
                                        NULL};
    person_t me = person("instructor");
    for (const char *const *type = types; *type; type++) {
        reply_t *reply =
            CALL("POST", "/api/v1/courses", .token = me.access, .type = *type, .json = "{\"title\":\"T\"}");
        ck_assert_msg(reply->status == 415, "%s: %d", *type, reply->status);
        ck_assert_msg(strstr(header(reply, "Accept"), "application/json") != NULL, "Accept: %s",
                      header(reply, "Accept"));
    }
    static const char *const good[] = {"application/json",
                                       "application/json; charset=utf-8",
                                       "application/json;charset=UTF-8",
                                       "APPLICATION/JSON",
                                       "application/json; charset=\"utf-8\"",
                                       "application/json; charset=utf8",
                                       NULL};
    for (const char *const *type = good; *type; type++)
        expect_status(CALL("POST", "/api/v1/courses", .token = me.access, .type = *type, .json = "{\"title\":\"T\"}"),
                      201);
    static const char *const encodings[] = {"Content-Encoding: gzip", "Content-Encoding: br",
                                            "Content-Encoding: x-unknown", NULL};
    for (const char *const *encoding = encodings; *encoding; encoding++) {
        reply_t *reply =
            CALL("POST", "/api/v1/courses", .token = me.access, .json = "{\"title\":\"T\"}", .headers = {*encoding});
        ck_assert_msg(reply->status == 415 || reply->status == 400, "%s: %d", *encoding, reply->status);
    }
}
END_TEST

/* None of its members is read, and its form is judged all the same. */
START_TEST(a_body_that_nobody_asked_for)
{
    static const struct {
        const char *type, *body;
        int status;
    } rows[] = {{"text/plain", "x=1", 415},
                {"application/x-www-form-urlencoded", "x=1", 415},
                {"", "{}", 415},
                {"application/json", "[", 400},
                {"application/json", "{\"a\":1,\"a\":2}", 400},
                {"application/json", "5", 422},
                {"application/json", "{\"a\":1}", 200},
                {"application/json", "", 200},
                {"text/plain", "", 200}};
    person_t me = person("student");
    const char *path = F("/api/v1/courses/%lld/enrollment", (long long)course_of(person("instructor"), "Open"));
    expect_status(CALL("POST", path, .token = me.access), 201);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        reply_t *reply = CALL("POST", path, .token = me.access, .type = rows[i].type, .json = rows[i].body);
        ck_assert_msg(reply->status == rows[i].status, "%s %s: %d", rows[i].type, rows[i].body, reply->status);
    }
    expect_problem(CALL("POST", path, .token = me.access, .json = F("{\"a\":\"%01100000d\"}", 0)), "body_too_large");
}
END_TEST

/* A JSON object with one member of n letters. */
static char *big_json(size_t n)
{
    char *text = malloc(n + 40);
    strcpy(text, "{\"title\":\"T\",\"description\":\"");
    size_t at = strlen(text);
    memset(text + at, 'x', n);
    strcpy(text + at + n, "\"}");
    return keep(text);
}

/* SECURITY 6: ForgeMaxBody is 1M, by length and chunked; the strict host takes 2K */
START_TEST(bodies_over_the_limit)
{
    person_t me = person("instructor");
    expect_problem(CALL("POST", "/api/v1/courses", .token = me.access, .json = big_json(1100000)), "body_too_large");
    expect_problem(CALL("POST", "/api/v1/courses", .token = me.access, .json = big_json(1100000), .chunked = true),
                   "body_too_large");
    expect_problem(CALL("POST", "/api/v1/courses", .port = PORT_STRICT, .token = me.access, .json = big_json(2100)),
                   "body_too_large");
    expect_problem(CALL("POST", "/api/v1/courses", .token = me.access, .json = big_json(900000)), "validation_failed");
    expect_status(CALL("POST", "/api/v1/courses", .token = me.access, .json = big_json(19000)), 201);
    expect_status(CALL("POST", "/api/v1/courses", .token = me.access, .json = big_json(19000), .chunked = true), 201);
    reply_t *early = raw_text(PORT_MAIN, "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                                         "application/json\r\nContent-Length: 2000000\r\nConnection: close\r\n\r\n{");
    ck_assert_msg(early->status == 413, "a body announced as too large is refused before it is read: %d",
                  early->status);
}
END_TEST

/* The rest of a refused body is discarded: the next request on the connection is answered as itself. */
START_TEST(keep_alive_survives_errors)
{
    const char *two = "POST /api/v1/courses HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: "
                      "30\r\n\r\nGET /evil "
                      "HTTP/1.1\r\nHost: x\r\n\r\n"
                      "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    reply_t *reply = raw_text(PORT_MAIN, two);
    ck_assert_msg(reply->status == 401 || reply->status == 415, "%d", reply->status);
    char *second = strstr(reply->body, "HTTP/1.1 ");
    ck_assert_msg(second && strncmp(second, "HTTP/1.1 200", 12) == 0, "second answer: %.300s", reply->body);
    ck_assert_msg(!strstr(second + 9, "HTTP/1.1 "), "there is a third answer");
    const char *posts = "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                        "application/json\r\nContent-Length: 2\r\n\r\n[]"
                        "GET /api/v1/nothing HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health/live HTTP/1.1\r\nHost: "
                        "localhost\r\nConnection: close\r\n\r\n";
    reply = raw_text(PORT_MAIN, posts);
    ck_assert_int_eq(reply->status, 422); /* httpd itself closes after 400, 413 and 503 */
    ck_assert_msg(strstr(reply->body, "HTTP/1.1 404") && strstr(reply->body, "HTTP/1.1 200"),
                  "three answers on one connection: %s %s", reply->head, reply->body);
}
END_TEST

START_TEST(accept_is_heard)
{
    expect_status(CALL("GET", "/api/v1/courses", .headers = {"Accept: application/json"}), 200);
    expect_status(CALL("GET", "/api/v1/courses", .headers = {"Accept: text/html, application/json;q=0.1"}), 200);
    expect_status(CALL("GET", "/api/v1/courses", .headers = {"Accept: text/html,*/*;q=0.8"}), 200);
    expect_status(CALL("GET", "/api/v1/courses", .headers = {"Accept: application/*"}), 200);
    expect_problem(CALL("GET", "/api/v1/courses", .headers = {"Accept: image/png"}), "not_acceptable");
    expect_problem(CALL("GET", "/api/v1/courses", .headers = {"Accept: application/json;q=0"}), "not_acceptable");
    /* where the answer has no content, generated clients accept what failures are, and nothing else */
    expect_status(CALL("POST", "/api/v1/auth/logout", .token = person("student").access,
                       .headers = {"Accept: application/problem+json"}),
                  204);
}
END_TEST

START_TEST(no_body_is_none_whatever_its_type)
{
    person_t me = person("instructor");
    static const char *const types[] = {"application/json", "text/plain", "application/octet-stream", NULL};
    for (const char *const *type = types; *type; type++) {
        reply_t *reply =
            raw_text(PORT_MAIN, F("POST /api/v1/auth/mfa/setup HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s"
                                  "\r\nContent-Length: 0\r\nAuthorization: Bearer %s\r\nConnection: "
                                  "close\r\n\r\n",
                                  *type, me.access));
        ck_assert_msg(reply->status != 415 && reply->status != 400, "%s: %d", *type, reply->status);
    }
    expect_problem(CALL("POST", "/api/v1/courses", .token = me.access, .type = "application/json", .json = ""),
                   "bad_json");
}
END_TEST

/* What is open to anyone does not ask who comes, so an ended token cannot shut it. */
START_TEST(open_paths_do_not_look_at_tokens)
{
    person_t me = person("student");
    expect_status(CALL("POST", "/api/v1/auth/logout", .token = me.access), 204);
    static const char *const paths[] = {"/health",
                                        "/health/live",
                                        "/health/ready",
                                        "/api/v1/health",
                                        "/openapi.json",
                                        "/api/v1/openapi.json",
                                        "/errors/not_found",
                                        "/api/v1/auth/health",
                                        "/.well-known/jwks.json",
                                        "/docs",
                                        "/redoc",
                                        NULL};
    static const char *const tokens[] = {"x", "fk_nothing", NULL};
    for (const char *const *path = paths; *path; path++) {
        int status = CALL("GET", *path)->status;
        expect_status(CALL("GET", *path, .token = me.access), status);
        for (const char *const *token = tokens; *token; token++)
            expect_status(CALL("GET", *path, .token = *token), status);
    }
    expect_status(CALL("POST", "/api/v1/auth/password/strength", .token = me.access, .json = "{\"password\":\"x\"}"),
                  200);
    expect_problem(CALL("GET", "/api/v1/courses", .token = me.access), "invalid_token");
}
END_TEST

/* The type of a problem leads to a page that explains it, for people and for programs. */
START_TEST(problem_types_lead_to_a_page)
{
    reply_t *problem = CALL("GET", "/api/v1/courses/999999");
    reply_t *page = CALL("GET", text_at(problem->json, "/type"));
    expect_status(page, 200);
    ck_assert(strncmp(header(page, "Content-Type"), "text/html", 9) == 0);
    ck_assert(strstr(page->body, "not_found") && strstr(page->body, "What to do"));
    reply_t *json = CALL("GET", "/errors/email_taken", .headers = {"Accept: application/json"});
    expect_status(json, 200);
    ck_assert_int_eq(int_at(json->json, "/status"), 409);
    ck_assert_str_eq(text_at(json->json, "/code"), "email_taken");
    expect_problem(CALL("GET", "/errors/no_such_code"), "not_found");
    expect_problem(CALL("GET", "/errors/not_found", .headers = {"Accept: image/png"}), "not_acceptable");
}
END_TEST

/* Requests that come before the answer to the one before them: each is answered, in order, whether the thread lingers
 * on the connection or not. */
START_TEST(requests_in_advance_are_answered_in_order)
{
    static const char *const paths[] = {"/health/live", "/api/v1/courses", "/api/v1/nothing", "/health/live"};
    for (int round = 0; round < 20; round++) {
        char *text = F("%s", "");
        for (int i = 0; i < 4; i++)
            text = F("%sGET %s HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: turn-%d\r\n%s\r\n", text, paths[i], i,
                     i == 3 ? "Connection: close\r\n" : "");
        reply_t *reply = raw_text(PORT_MAIN, text);
        const char *all = F("%s\r\n%s", reply->head, reply->body), *at = all;
        for (int i = 0; i < 4; i++) {
            at = strstr(at, F("X-Request-ID: turn-%d\r\n", i));
            ck_assert_msg(at != NULL, "answer %d is missing: %s", i, all);
        }
        ck_assert_ptr_nonnull(strstr(all, "HTTP/1.1 404"));
    }
}
END_TEST

/* Reads until the text has come so often; false when the server closed or was silent. */
static bool seen(int fd, const char *text, int times)
{
    static char tail[65536];
    size_t held = 0;
    for (int n = 0; n < times;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ssize_t got = poll(&wait, 1, 10000) > 0 ? recv(fd, tail + held, sizeof(tail) - 1 - held, 0) : 0;
        if (got <= 0)
            return false;
        tail[held += (size_t)got] = 0;
        n = 0;
        for (const char *at = tail; (at = strstr(at, text)); at++)
            n++;
    }
    return true;
}

/* RFC 9110, 10.1.1: who waits for "100 Continue" gets it before a byte of the body is sent; or the answer at once,
 * where the headers tell it. */
START_TEST(who_waits_for_100_continue_gets_it)
{
    const char *body = "{\"password\":\"Quokka-Lantern-58\"}";
    const char *head = "POST /api/v1/auth/password/strength HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                       "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n";
    char *text = F(head, "application/json", strlen(body));
    int fd = raw_open(PORT_MAIN);
    for (int i = 0; i < 2; i++) { /* and again on the same connection */
        send(fd, text, strlen(text), MSG_NOSIGNAL);
        ck_assert(seen(fd, "HTTP/1.1 100 Continue\r\n\r\n", 1));
        send(fd, body, strlen(body), MSG_NOSIGNAL);
        ck_assert(seen(fd, "\"acceptable\":true", 1));
    }
    close(fd);
    fd = raw_open(PORT_MAIN);
    text = F(head, "text/plain", strlen(body));
    send(fd, text, strlen(text), MSG_NOSIGNAL);
    ck_assert(seen(fd, "HTTP/1.1 415 ", 1));
    close(fd);
    /* A body that is there already needs no invitation, and may get one. */
    reply_t *reply = raw_text(PORT_MAIN, F("POST /api/v1/auth/password/strength HTTP/1.1\r\nHost: localhost\r\nExpect:"
                                           " 100-continue\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                                           "Connection: close\r\n\r\n%s",
                                           strlen(body), body));
    ck_assert(strstr(reply->body, "\"acceptable\":true") != NULL);
}
END_TEST

/* httpd keeps the end of an answer of this size back until the request is over. A request that comes just then is
 * answered as well, whoever finds it first. */
START_TEST(a_request_at_the_end_of_an_answer_is_answered)
{
    person_t owner = person("instructor");
    char long_text[2921];
    memset(long_text, 'x', 2920);
    long_text[2920] = 0;
    const char *path = F("/api/v1/courses/%lld", (long long)course_of(owner, "Ends"));
    expect_status(CALL("PATCH", path, .token = owner.access, .json = F("{\"description\":\"%s END\"}", long_text)),
                  200);
    size_t length = CALL("GET", path, .port = PORT_DOORS)->length;
    ck_assert_msg(length > 3072 && length < 3300, "%zu bytes", length);
    char *request = F("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    int fd = raw_open(PORT_DOORS);
    for (int round = 0; round < 3000; round++) {
        send(fd, request, strlen(request), MSG_NOSIGNAL);
        struct timespec pause = {.tv_nsec = round % 300 * 1000};
        nanosleep(&pause, NULL);
        send(fd, request, strlen(request), MSG_NOSIGNAL);
        ck_assert_msg(seen(fd, "x END", 2), "round %d: no answer", round);
    }
    close(fd);
}
END_TEST

Suite *suite_wire(void)
{
    Suite *suite = suite_create("wire");
    TCase *paths = case_make(suite, "paths");
    tcase_add_test(paths, slash_at_the_end_is_the_same);
    tcase_add_test(paths, head_is_get_without_body);
    tcase_add_test(paths, options_and_wrong_methods_say_allow);
    tcase_add_test(paths, trace_and_unknown_methods);
    tcase_add_test(paths, odd_paths_reach_nothing);
    TCase *http = case_make(suite, "http");
    tcase_add_test(http, smuggling_is_refused);
    tcase_add_test(http, a_request_without_a_version_is_refused);
    tcase_add_test(http, apache_errors_are_problems);
    tcase_add_test(http, slow_body_is_408);
    tcase_add_test(http, who_waits_for_100_continue_gets_it);
    tcase_add_test(http, media_types);
    tcase_add_test(http, a_body_that_nobody_asked_for);
    tcase_add_test(http, bodies_over_the_limit);
    tcase_add_test(http, keep_alive_survives_errors);
    tcase_add_test(http, accept_is_heard);
    tcase_add_test(http, no_body_is_none_whatever_its_type);
    tcase_add_test(http, open_paths_do_not_look_at_tokens);
    tcase_add_test(http, problem_types_lead_to_a_page);
    tcase_add_test(http, requests_in_advance_are_answered_in_order);
    tcase_add_test(http, a_request_at_the_end_of_an_answer_is_answered);
    return suite;
}
