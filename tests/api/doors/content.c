/* SPDX-License-Identifier: Apache-2.0
 * What content hears of the one who asks: CGI, pages with expressions, requests inside httpd, and back ends; and what
 * nobody can forge.
 */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#define ASK(method, path, ...) CALL(method, path, .port = PORT_DOORS, .lenient = true, __VA_ARGS__)
#define GET(path, ...)         ASK("GET", path, __VA_ARGS__)

START_TEST(cgi_knows_who_asks)
{
    person_t ada = person_proven("instructor");
    member_of(ada, "beta", "owner");
    member_of(ada, "acme", "member");
    reply_t *reply = GET("/cgi/env", .token = ada.access);
    expect_status(reply, 200);
    expect_says(reply, F("\nREMOTE_USER=%s\n", ada.username));
    expect_says(reply, "\nAUTH_TYPE=Forge\n");
    expect_says(reply, F("\nFORGE_USER_ID=%lld\n", (long long)ada.id));
    expect_says(reply, F("\nFORGE_USERNAME=%s\n", ada.username));
    expect_says(reply, F("\nFORGE_EMAIL=%s\n", ada.email));
    expect_says(reply, "\nFORGE_EMAIL_UNVERIFIED=\n");
    expect_says(reply, "\nFORGE_ROLE=instructor\n");
    expect_says(
        reply, F("\nFORGE_SESSION=%s\n", sql("SELECT id FROM forge.sessions WHERE user_id = %lld", (long long)ada.id)));
    expect_says(reply, "\nFORGE_ORGS=acme:member beta:owner\n");
    expect_says(reply, "\nFORGE_AMR=pwd\n");
    expect_says(reply, F("\nHTTP_X_FORGE_USER=%lld\n", (long long)ada.id));
    expect_silent(reply, ada.access);
    ck_assert_ptr_nonnull(strstr(header(reply, "Cache-Control"), "private"));
}
END_TEST

/* Anybody can register the address of somebody else. */
START_TEST(an_address_stands_for_a_person_once_proven)
{
    person_t ada = person("student");
    reply_t *reply = GET("/cgi/env", .token = ada.access);
    expect_says(reply, "\nFORGE_EMAIL=\n");
    expect_says(reply, F("\nFORGE_EMAIL_UNVERIFIED=%s\n", ada.email));
    expect_log("AH01630: client denied");
    expect_status(GET("/by-email/none", .token = ada.access), 403);
    sql("UPDATE forge.users SET email_verified = true WHERE id = %lld", (long long)ada.id);
    expect_status(GET("/by-email/none", .token = ada.access), 404); /* let in */
}
END_TEST

START_TEST(open_content_may_greet)
{
    person_t ada = person("student");
    reply_t *stranger = GET("/greet/env"), *known = GET("/greet/env", .token = ada.access),
            *bad = GET("/greet/env", .token = "x");
    expect_status(stranger, 200);
    expect_silent(stranger, "FORGE_");
    expect_status(known, 200);
    expect_says(known, F("\nFORGE_USERNAME=%s\n", ada.username));
    ck_assert_str_eq(header(known, "Cache-Control"), "private");
    expect_status(bad, 200);
    expect_silent(bad, "FORGE_");
}
END_TEST

START_TEST(expressions_and_setenvif)
{
    person_t teacher = person("instructor"), student = person("student");
    member_of(teacher, "acme", "member");
    member_of(student, "acme", "member");
    reply_t *reply = GET("/setenvif/env", .token = teacher.access);
    expect_says(reply, "\nBY_SETENVIF=yes\n");
    expect_says(reply, "\nBY_EXPR=yes\n");
    reply = GET("/setenvif/env", .token = student.access);
    expect_status(reply, 200);
    expect_silent(reply, "\nBY_");
    reply_t *told = GET("/if/page.txt", .token = teacher.access), *stranger = GET("/if/page.txt");
    ck_assert_str_eq(header(told, "X-If"), "staff");
    ck_assert_msg(header(told, "Cache-Control") && strstr(header(told, "Cache-Control"), "private"), "%s",
                  told->head); /* no cache may give it to others */
    ck_assert_msg(header(stranger, "Vary") && strstr(header(stranger, "Vary"), "Cookie"), "%s", stranger->head);
    ck_assert_ptr_null(header(stranger, "Cache-Control"));
    ck_assert_ptr_null(header(GET("/if/page.txt", .token = student.access), "X-If"));
    ck_assert_ptr_null(header(GET("/if/page.txt"), "X-If"));
    ck_assert_ptr_null(header(GET("/if/page.txt", .token = "x"), "X-If"));
}
END_TEST

/* DirectoryIndex, mod_rewrite and ErrorDocument make new requests inside httpd: the same person asks, and is asked for
 * once. */
START_TEST(requests_inside_the_server_keep_the_identity)
{
    person_t ada = person("student");
    static const char *const paths[] = {"/closed/", "/rewritten", "/closed/inner", "/missing/x"};
    static const char *const marks[] = {"index of closed", "this is closed", "FORGE_USERNAME", "FORGE_USERNAME"};
    for (int i = 0; i < 4; i++) {
        reply_t *reply = GET(paths[i], .token = ada.access);
        ck_assert_msg(strstr(reply->body, marks[i]), "%s: %d %.2000s", paths[i], reply->status, reply->body);
        if (i >= 2)
            expect_says(reply, F("\nREMOTE_USER=%s\n", ada.username));
        expect_silent(reply, ada.access);
        reply_t *stranger = GET(paths[i]);
        ck_assert_msg(stranger->status == 401 || stranger->status == 404, "%s: %d", paths[i], stranger->status);
        expect_silent(stranger, "FORGE_");
    }
}
END_TEST

START_TEST(back_ends_hear_who_asks)
{
    person_t ada = person("instructor");
    reply_t *reply = GET("/proxy/x", .token = ada.access,
                         .headers = {"X-Request-ID: my-id-7", "Cookie: theme=dark; __Host-forge_session=x; a=b",
                                     "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"});
    expect_status(reply, 200);
    expect_says(reply, F("\r\nX-Forge-User: %lld\r\n", (long long)ada.id));
    expect_says(reply, F("\r\nX-Forge-Username: %s\r\n", ada.username));
    expect_says(reply, "\r\nX-Forge-Role: instructor\r\n");
    expect_says(reply, "\r\nX-Forge-Session: ");
    expect_says(reply, "\r\nX-Request-ID: my-id-7\r\n");
    expect_says(reply, "\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-");
    expect_silent(reply, "b7ad6b7169203331");
    expect_says(reply, "\r\nCookie: theme=dark; a=b\r\n");
    expect_silent(reply, "Authorization");
    expect_silent(reply, ada.access);
    ck_assert_str_eq(header(reply, "Cache-Control"), "private");
    expect_status(GET("/proxy/x"), 401);
    ck_assert_str_eq(header(GET("/proxy/shared", .token = ada.access), "Cache-Control"), "public, max-age=60");
    reply_t *open = GET("/openproxy/x", .headers = {"Cookie: __Host-forge_session=x", "Authorization: Basic YTpi"});
    expect_says(open, "\r\nX-Request-ID: ");
    expect_says(open, "Authorization: Basic YTpi");
    expect_silent(open, "Cookie");
    expect_silent(open, "X-Forge-");
    reply_t *post = ASK("POST", "/proxy/x", .token = ada.access, .json = "{}");
    expect_status(post, 200);
}
END_TEST

/* Nobody outside says who they are, in whatever spelling, and nobody makes the truth disappear on its way. */
START_TEST(spoofed_identities_do_not_pass)
{
    person_t ada = person("student");
    static const char *const spoofs[] = {"X-Forge-User: 1",     "X_Forge_User: 1",       "X-FORGE-user: 1",
                                         "x-forge_role: admin", "X_FORGE-Role: admin",   "X-Forge-Session: 77",
                                         "X-Forge-Other: 1",    "X.Forge.User: 1",       "X-Forge-: 1",
                                         "X-Forge-User;",       "X_Forge_Username: root"};
    static const char *const paths[] = {"/proxy/x", "/openproxy/x", "/cgi/env", "/greet/env", "/opencgi/env"};
    for (size_t i = 0; i < sizeof(spoofs) / sizeof(*spoofs); i++)
        for (size_t j = 0; j < sizeof(paths) / sizeof(*paths); j++) {
            bool known = j == 0 || j == 2;
            reply_t *reply = GET(paths[j], .token = known ? ada.access : NULL, .headers = {spoofs[i]});
            expect_status(reply, 200);
            char *body = reply->body;
            for (char *c = body; *c; c++)
                *c = *c == '-' || *c == '.' ? '_' : *c;
            char *first = strcasestr(body, "x_forge_user"), *other = strcasestr(body, "x_forge_other"),
                 *role = strcasestr(body, "x_forge_role");
            ck_assert_msg(!other && (known ? first && role : !first && !role), "%s %s: %s", paths[j], spoofs[i], body);
            expect_silent(reply, "role: admin");
            expect_silent(reply, "role=admin");
            expect_silent(reply, "username: root");
            expect_silent(reply, "username=root");
        }
    reply_t *gone =
        GET("/proxy/x", .token = ada.access,
            .headers = {"Connection: X-Forge-User, x_forge_role, X-Forge-Session, X-Request-ID, traceparent, X-Mine",
                        "X-Mine: 1"});
    expect_says(gone, F("\r\nX-Forge-User: %lld\r\n", (long long)ada.id));
    expect_says(gone, "\r\nX-Forge-Role: student\r\n");
    expect_says(gone, "\r\nX-Forge-Session: ");
    expect_says(gone, "\r\nX-Request-ID: ");
    expect_silent(gone, "X-Mine");
    reply_t *trailer = raw_text(
        PORT_DOORS,
        F("POST /proxy/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n"
          "Trailer: X-Forge-User\r\nConnection: close\r\n\r\n2\r\nab\r\n0\r\nX-Forge-Role: admin\r\n\r\n",
          ada.access));
    expect_status(trailer, 200);
    expect_silent(trailer, "role: admin");
}
END_TEST

/* Over HTTP/2 as over HTTP/1.1. */
START_TEST(spoofed_identities_do_not_pass_in_http2)
{
    person_t ada = person("student");
    static const char *const spoofs[] = {"X-Forge-User: 1", "x_forge_user: 1", "x-forge-role: admin"};
    for (int i = 0; i < 3; i++) {
        reply_t *known = CALL("GET", "/proxy/x", .port = PORT_COOKIE, .http2 = true, .lenient = true,
                              .token = ada.access, .headers = {spoofs[i]}),
                *open = CALL("GET", "/openproxy/x", .port = PORT_COOKIE, .http2 = true, .lenient = true,
                             .headers = {spoofs[i]});
        ck_assert_msg(strcmp(env.mpm, "prefork") == 0 || strncmp(known->head, "HTTP/2", 6) == 0, "%s", known->head);
        expect_status(known, 200);
        expect_says(known, F("\r\nX-Forge-User: %lld\r\n", (long long)ada.id));
        expect_says(known, "\r\nX-Forge-Role: student\r\n");
        expect_silent(known, "x_forge");
        expect_status(open, 200);
        expect_silent(open, "forge-user");
        expect_silent(open, "x_forge");
    }
}
END_TEST

/* A page that includes others: each is let in or not by its own door. */
START_TEST(included_pages_have_their_own_doors)
{
    person_t ada = person("instructor"), ben = person("student");
    reply_t *whole = GET("/open/all.shtml", .token = ada.access), *half = GET("/open/all.shtml", .token = ben.access),
            *none = GET("/open/all.shtml"), *inside = GET("/closed/all.shtml", .token = ben.access);
    expect_log("AH01631");
    expect_log("unable to include");
    expect_says(whole, "this is closed");
    expect_says(whole, "this is staff");
    expect_says(whole, F("\nFORGE_USERNAME=%s\n", ada.username));
    expect_says(half, "this is closed");
    expect_silent(half, "this is staff");
    expect_status(none, 200);
    expect_silent(none, "this is");
    expect_silent(none, "FORGE_");
    expect_says(inside, F("user=%s", ben.username));
    expect_says(inside, "role=student");
    expect_says(inside, "this is closed");
    expect_silent(inside, "this is staff");
}
END_TEST

/* A page may include answers of the API; it stays what it is, and so does everything that it includes after them. */
START_TEST(an_included_answer_of_the_api_changes_nothing_else)
{
    person_t ada = person("student");
    course_of(person("instructor"), "Included course");
    sql("UPDATE forge.courses SET status = 'published'");
    expect_log("AH01631");
    expect_log("unable to include");
    long before = metric("forge_http_requests_in_flight");
    for (int i = 0; i < 2; i++) {
        reply_t *page = GET("/open/api.shtml", .token = i ? ada.access : NULL);
        const char *second, *first = strstr(page->body, "this is open");
        expect_status(page, 200);
        expect_says(page, "Included course");
        expect_says(page, "\"code\":\"not_found\"");
        second = first ? strstr(first + 1, "this is open") : NULL;
        ck_assert_msg(first && second && first < strstr(page->body, "not_found"), "%s", page->body);
        ck_assert_msg((strstr(page->body, "this is closed") != NULL) == (i == 1), "%s", page->body);
        ck_assert_msg((strstr(page->body, "FORGE_USERNAME") != NULL) == (i == 1), "%s", page->body);
        expect_silent(page, "this is staff");
        ck_assert_ptr_null(header(page, "X-Frame-Options"));
        ck_assert_ptr_null(header(page, "RateLimit"));
    }
    ck_assert_int_eq(metric("forge_http_requests_in_flight"), before);
}
END_TEST

Suite *suite_content(void)
{
    Suite *suite = suite_create("content");
    TCase *content = case_make(suite, "content");
    tcase_add_test(content, cgi_knows_who_asks);
    tcase_add_test(content, an_address_stands_for_a_person_once_proven);
    tcase_add_test(content, open_content_may_greet);
    tcase_add_test(content, expressions_and_setenvif);
    tcase_add_test(content, requests_inside_the_server_keep_the_identity);
    tcase_add_test(content, back_ends_hear_who_asks);
    tcase_add_test(content, spoofed_identities_do_not_pass);
    tcase_add_test(content, spoofed_identities_do_not_pass_in_http2);
    tcase_add_test(content, included_pages_have_their_own_doors);
    tcase_add_test(content, an_included_answer_of_the_api_changes_nothing_else);
    return suite;
}
