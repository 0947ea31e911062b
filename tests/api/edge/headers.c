/* SPDX-License-Identifier: Apache-2.0
 * Headers that others have a say in: the Header lines of a site, which win over ours, and compression, of which a 304
 * tells the same as its 200 (SPEC 1; RFC 9110 §15.4.5).
 */
#include "harness.h"

#include <string.h>

/* --- Header lines (env.c has those of PORT_TLS) --- */

/* The answer with the lines of this case in force; some break rules of ours, as the site wants. */
static reply_t *with(const char *path, const char *lines)
{
    return CALL("GET", path, .port = PORT_TLS, .lenient = true,
                .headers = {F("X-Case: %s", lines), "Origin: https://app.example.org"});
}

/* The header is there once, with this value; NULL: it is not there. */
static void expect_one(const reply_t *reply, const char *name, const char *value, const char *lines)
{
    const char *sent = header(reply, name);
    ck_assert_msg(header_count(reply, name) == (value ? 1 : 0) && (!value || strcmp(sent, value) == 0),
                  "%s: %s, wanted %s\n%s", lines, name, value ? value : "none", reply->head);
}

START_TEST(a_sites_header_lines_win)
{
    static const struct {
        const char *lines, *wanted;
    } cases[] = {{"none", "DENY"},
                 {"set", "SAMEORIGIN"},
                 {"always", "SAMEORIGIN"},
                 {"append", "DENY, ALLOW"},
                 {"always-append", "DENY, ALLOW"},
                 {"merge", "DENY, ALLOW"},
                 {"add", "SAMEORIGIN"},
                 {"unset", NULL},
                 {"always-unset", NULL},
                 {"edit", "SAMEORIGIN"},
                 {"always-edit", "SAMEORIGIN"},
                 {"setifempty", "DENY"},
                 {"both", "SAMEORIGIN"},
                 {"instead", "SAMEORIGIN"}};
    static const char *const paths[] = {"/health/live", "/api/v1/courses", "/api/v1/courses/424242", "/api/v1/auth/me"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (size_t j = 0; j < sizeof(paths) / sizeof(*paths); j++)
            expect_one(with(paths[j], cases[i].lines), "X-Frame-Options", cases[i].wanted, cases[i].lines);
}
END_TEST

/* Whatever table of httpd's we put a header into: a line replaces it or takes it away. */
START_TEST(every_header_of_ours_can_be_replaced)
{
    reply_t *plain = with("/api/v1/courses", "none");
    expect_status(plain, 200);
    for (const char *const *name = env_own_headers; *name; name++) {
        ck_assert_msg(header_count(plain, *name) == 1, "%s\n%s", *name, plain->head);
        expect_one(with("/api/v1/courses", F("%s set", *name)), *name, "site", "set");
        expect_one(with("/api/v1/courses", F("%s always", *name)), *name, "site", "always");
        expect_one(with("/api/v1/courses", F("%s unset", *name)), *name, NULL, "unset");
        expect_one(with("/api/v1/courses", F("%s always-unset", *name)), *name, NULL, "always-unset");
    }
}
END_TEST

/* Errors that Apache itself raises keep only "always" lines, as everywhere in httpd. */
START_TEST(apaches_own_errors_have_each_header_once)
{
    static const char *const wanted[] = {"DENY", "SAMEORIGIN", NULL};
    static const char *const lines[] = {"set", "always", "always-unset"};
    for (int i = 0; i < 3; i++) {
        reply_t *reply = with("/api/v1/courses/%2f", lines[i]);
        expect_status(reply, 404);
        expect_one(reply, "X-Frame-Options", wanted[i], lines[i]);
    }
    expect_log("AH00026");
}
END_TEST

/* --- compression --- */

static bool same_header(const reply_t *one, const reply_t *other, const char *name)
{
    const char *a = header(one, name), *b = header(other, name);
    return a && b ? strcmp(a, b) == 0 && header_count(one, name) == header_count(other, name) : a == b;
}

/* What a cache keeps of the 304 replaces what it has of the 200. */
static void expect_same_tags(port_t port, const char *path, const char *encoding, const char *token)
{
    const char *accept = F("Accept-Encoding: %s", encoding);
    reply_t *whole = CALL("GET", path, .port = port, .token = token, .headers = {accept});
    expect_status(whole, 200);
    reply_t *again = CALL("GET", path, .port = port, .token = token,
                          .headers = {accept, F("If-None-Match: %s", header(whole, "ETag"))});
    expect_status(again, 304);
    static const char *const names[] = {"ETag", "Vary", "Cache-Control", "Expires", "Content-Location"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        ck_assert_msg(same_header(whole, again, names[i]), "%s %s: %s differs\n%s\n%s", path, encoding, names[i],
                      whole->head, again->head);
    ck_assert_int_eq((int)again->length, 0);
    ck_assert_ptr_null(header(again, "Content-Length"));
    ck_assert_ptr_null(header(again, "Content-Encoding"));
}

static const char *many_courses(person_t teacher)
{
    for (int i = 0; i < 12; i++)
        course_of(teacher, F("A course that makes the list longer than what is worth compressing: %d", i));
    return F("/api/v1/courses/%lld", (long long)course_of(teacher, "One"));
}

static void expect_same_everywhere(port_t port, const char *encoding, const char *one, const char *token)
{
    expect_same_tags(port, "/api/v1/courses", encoding, NULL);
    expect_same_tags(port, "/api/v1/courses", encoding, token);
    expect_same_tags(port, "/openapi.json", encoding, NULL);
    expect_same_tags(port, one, encoding, NULL);
    expect_same_tags(port, "/api/v1/auth/me", encoding, token);
}

START_TEST(a_304_tells_the_same_as_its_200)
{
    person_t teacher = person("instructor");
    const char *one = many_courses(teacher);
    static const char *const encodings[] = {"gzip", "identity", "gzip;q=0", "br, gzip"};
    for (size_t i = 0; i < sizeof(encodings) / sizeof(*encodings); i++)
        expect_same_everywhere(PORT_MAIN, encodings[i], one, teacher.access);
    reply_t *zipped = CALL("GET", "/api/v1/courses", .headers = {"Accept-Encoding: gzip"});
    ck_assert_msg(strstr(header(zipped, "ETag"), "-gzip\""), "%s", zipped->head);
    ck_assert_msg(strcasestr(header(zipped, "Vary"), "Accept-Encoding"), "%s", zipped->head);
}
END_TEST

/* mod_brotli beside mod_deflate: both name their answers in the ETag. */
START_TEST(a_304_tells_the_same_where_brotli_compresses)
{
    person_t teacher = person("instructor");
    const char *one = many_courses(teacher), *token = person_again(teacher, PORT_KEYS).access;
    static const char *const encodings[] = {"br", "gzip", "gzip, deflate, br", "br;q=0, gzip", "identity"};
    for (size_t i = 0; i < sizeof(encodings) / sizeof(*encodings); i++)
        expect_same_everywhere(PORT_KEYS, encodings[i], one, token);
    reply_t *packed = CALL("GET", "/api/v1/courses", .port = PORT_KEYS, .headers = {"Accept-Encoding: br"});
    ck_assert_str_eq(header(packed, "Content-Encoding"), "br");
    ck_assert_msg(strstr(header(packed, "ETag"), "-br\""), "%s", packed->head);
    ck_assert_msg(strcasestr(header(packed, "Vary"), "Accept-Encoding"), "%s", packed->head);
    const char *long_one = F("{\"description\":\"%02000d\"}", 1), *tag;
    expect_status(CALL("PATCH", one, .port = PORT_KEYS, .token = token, .json = long_one), 200);
    tag = header(CALL("GET", one, .port = PORT_KEYS, .token = token, .headers = {"Accept-Encoding: br"}), "ETag");
    ck_assert_msg(strstr(tag, "-br\""), "%s", tag);
    expect_status(CALL("PATCH", one, .port = PORT_KEYS, .token = token, .json = "{\"title\":\"Two\"}",
                       .headers = {F("If-Match: %s", tag)}),
                  200);
    expect_problem(CALL("PATCH", one, .port = PORT_KEYS, .token = token, .json = "{\"title\":\"Three\"}",
                        .headers = {F("If-Match: %s", tag)}),
                   "precondition_failed");
    reply_t *login = CALL("POST", "/api/v1/auth/login", .port = PORT_KEYS, .headers = {"Accept-Encoding: br"},
                          .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", teacher.username, teacher.password));
    expect_status(login, 200);
    ck_assert_ptr_null(header(login, "Content-Encoding"));
}
END_TEST

/* The connection goes on behind a 304 as if it had never had a body. */
START_TEST(a_304_has_no_body_on_the_wire)
{
    const char *tag = header(CALL("GET", "/openapi.json", .headers = {"Accept-Encoding: gzip"}), "ETag");
    const char *ask =
        F("GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nIf-None-Match: %s\r\n", tag);
    reply_t *two = raw_text(PORT_MAIN, F("%s\r\n%sConnection: close\r\n\r\n", ask, ask));
    const char *second = strstr(two->body, "HTTP/1.1 304");
    ck_assert_int_eq(two->status, 304);
    ck_assert_msg(second == two->body, "%s%s", two->head, two->body);
    reply_t *streamed = CALL("GET", "/openapi.json", .port = PORT_COOKIE, .http2 = true,
                             .headers = {"Accept-Encoding: gzip", F("If-None-Match: %s", tag)});
    expect_status(streamed, 304);
    ck_assert_str_eq(header(streamed, "ETag"), tag);
    ck_assert_int_eq((int)streamed->length, 0);
    ck_assert_ptr_null(header(streamed, "Content-Length"));
    reply_t *head = CALL("HEAD", "/openapi.json", .headers = {"Accept-Encoding: gzip", F("If-None-Match: %s", tag)});
    expect_status(head, 304);
    ck_assert_str_eq(header(head, "ETag"), tag);
}
END_TEST

Suite *suite_headers(void)
{
    Suite *suite = suite_create("headers");
    TCase *lines = case_make(suite, "lines");
    tcase_add_test(lines, a_sites_header_lines_win);
    tcase_add_test(lines, every_header_of_ours_can_be_replaced);
    tcase_add_test(lines, apaches_own_errors_have_each_header_once);
    TCase *compression = case_make(suite, "compression");
    tcase_add_test(compression, a_304_tells_the_same_as_its_200);
    tcase_add_test(compression, a_304_tells_the_same_where_brotli_compresses);
    tcase_add_test(compression, a_304_has_no_body_on_the_wire);
    return suite;
}
