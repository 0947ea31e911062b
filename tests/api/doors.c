/* SPDX-License-Identifier: Apache-2.0
 * The doors of Apache (SPEC 17): AuthType Forge and its Require lines before files, CGI and a proxied back end, and what these hear.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Content of the site (site.c), which keeps none of the API's rules. */
#define ASK(method, path, ...) CALL(method, path, .port = PORT_DOORS, .lenient = true, __VA_ARGS__)
#define GET(path, ...)         ASK("GET", path, __VA_ARGS__)

static const char denied[] = "AH01631"; /* mod_authz_core's line for each user that is refused */

static bool says(const reply_t *reply, const char *text)
{
    return strstr(reply->body, text) != NULL;
}

#define expect_says(reply, text)   ck_assert_msg(says(reply, text), "%s is missing: %d %.3000s", text, (reply)->status, (reply)->body)
#define expect_silent(reply, text) ck_assert_msg(!strcasestr((reply)->body, text), "%s is there: %.3000s", text, (reply)->body)

static void expect_challenge(const reply_t *reply, int status, const char *part)
{
    const char *challenge = header(reply, "WWW-Authenticate");
    expect_status(reply, status);
    ck_assert_msg(challenge && !strncmp(challenge, "Bearer realm=", 13) && strstr(challenge, part), "%s",
                  challenge ? challenge : "no challenge");
    ck_assert_int_eq(header_count(reply, "WWW-Authenticate"), 1);
}

static void member_of(person_t who, const char *slug, const char *role)
{
    sql("INSERT INTO forge.organizations (name, slug) VALUES ('%s', '%s') ON CONFLICT DO NOTHING", slug, slug);
    sql("INSERT INTO forge.memberships (organization_id, user_id, role) SELECT id, %lld, '%s' FROM forge.organizations WHERE slug = '%s'",
        (long long)who.id, role, slug);
}

/* --- who is let in --- */

START_TEST(files_need_a_token)
{
    person_t ada = person("student");
    reply_t *open = GET("/open/page.txt");
    expect_status(open, 200);
    ck_assert_ptr_null(header(open, "Cache-Control"));
    reply_t *none = GET("/closed/page.txt");
    expect_challenge(none, 401, "forge");
    ck_assert_ptr_null(strstr(header(none, "WWW-Authenticate"), "error="));
    ck_assert_str_eq(header(none, "Cache-Control"), "no-store");
    expect_silent(none, "this is closed");
    reply_t *good = GET("/closed/page.txt", .token = ada.access);
    expect_status(good, 200);
    expect_says(good, "this is closed");
    ck_assert_str_eq(header(good, "Cache-Control"), "private");
    ck_assert_ptr_nonnull(strstr(header(good, "Vary"), "Authorization"));
    ck_assert_ptr_nonnull(strstr(header(good, "Vary"), "Cookie"));
    expect_status(ASK("HEAD", "/closed/page.txt", .token = ada.access), 200);
    expect_status(GET("/closed/nothing", .token = ada.access), 404);
    expect_status(GET("/closed/nothing"), 401);
}
END_TEST

START_TEST(bad_tokens_are_refused)
{
    person_t ada = person("student");
    const char *broken = F("%.*sx", (int)strlen(ada.access) - 1, ada.access);
    const char *const bad[] = {"x",
                               broken,
                               jwt_with(ada, "exp", "1000"),
                               jwt_with(ada, "aud", "\"other\""),
                               jwt_with_header(ada, "alg", "\"none\""),
                               ada.refresh,
                               "fk_1234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_challenge(GET("/closed/page.txt", .token = bad[i]), 401, "error=\"invalid_token\"");
    expect_status(GET(F("/closed/page.txt?access_token=%s", ada.access)), 401);
    expect_status(GET("/closed/page.txt", .headers = {"Authorization: Basic YWRhOnNlY3JldA=="}), 401);
    expect_status(GET("/closed/page.txt", .headers = {"Authorization: Bearer"}), 401);
    expect_status(GET("/closed/page.txt", .token = ada.access, .headers = {F("Authorization: Bearer %s", ada.access)}), 400);
    expect_status(GET("/closed/page.txt", .headers = {F("Cookie: __Host-forge_session=%s", ada.access)}), 401);
}
END_TEST

START_TEST(no_spelling_goes_round_the_door)
{
    static const char *const spellings[] = {"/open/../closed/page.txt",
                                            "/open/%2e%2e/closed/page.txt",
                                            "/open/%2E./closed/page.txt",
                                            "/open/..%2fclosed/page.txt",
                                            "//closed/page.txt",
                                            "///closed//page.txt",
                                            "/./closed/page.txt",
                                            "/closed/./page.txt",
                                            "/%63losed/page.txt",
                                            "/%2563losed/page.txt",
                                            "/CLOSED/page.txt",
                                            "/closed%2fpage.txt",
                                            "/closed%5cpage.txt",
                                            "/closed;x/page.txt",
                                            "/closed/page.txt;x",
                                            "/closed/page.txt/",
                                            "/closed/page.txt%00",
                                            "/closed/page.txt%00.html",
                                            "/closed/page%2etxt",
                                            "/open/%2e%2e%2fclosed%2fpage.txt",
                                            "/closed/sub/../page.txt",
                                            "/rewritten",
                                            "/%72ewritten",
                                            "/closed/",
                                            "/closed"};
    static const char *const methods[] = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PROPFIND", "FOO", "TRACE"};
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        reply_t *reply = GET(spellings[i]);
        ck_assert_msg(reply->status >= 400, "%s: %d %.200s", spellings[i], reply->status, reply->body);
        expect_silent(reply, "of closed");
        expect_silent(reply, "is closed");
    }
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        reply_t *reply = ASK(methods[i], "/closed/page.txt");
        ck_assert_msg(reply->status == 401 || reply->status == 405 || reply->status == 501, "%s: %d", methods[i], reply->status);
    }
    reply_t *absolute =
        raw_text(PORT_DOORS, "GET http://localhost/closed/page.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    expect_status(absolute, 401);
    expect_log("AH00026"); /* the %2f that is not a slash */
}
END_TEST

START_TEST(conditional_and_partial_requests_pass_the_door_first)
{
    person_t ada = person("student");
    reply_t *whole = GET("/closed/page.txt", .token = ada.access);
    const char *tag = header(whole, "ETag");
    ck_assert_ptr_nonnull(tag);
    expect_status(GET("/closed/page.txt", .headers = {F("If-None-Match: %s", tag)}), 401);
    expect_status(GET("/closed/page.txt", .headers = {"If-None-Match: *"}), 401);
    expect_status(GET("/closed/page.txt", .headers = {"Range: bytes=0-3"}), 401);
    expect_status(GET("/closed/page.txt", .token = ada.access, .headers = {F("If-None-Match: %s", tag)}), 304);
    reply_t *part = GET("/closed/page.txt", .token = ada.access, .headers = {"Range: bytes=0-3"});
    expect_status(part, 206);
    ck_assert_str_eq(part->body, "this");
    ck_assert_str_eq(header(part, "Cache-Control"), "private");
}
END_TEST

START_TEST(ended_sessions_are_refused_at_once)
{
    person_t ada = person("student"), ben = person("student");
    expect_status(GET("/closed/page.txt", .token = ada.access), 200);
    sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'logout' WHERE user_id = %lld", (long long)ada.id);
    expect_challenge(GET("/closed/page.txt", .token = ada.access), 401, "invalid_token");
    expect_status(GET("/closed/page.txt", .token = ben.access), 200);
    sql("UPDATE forge.users SET is_active = false WHERE id = %lld", (long long)ben.id);
    expect_challenge(GET("/closed/page.txt", .token = ben.access), 401, "invalid_token");
}
END_TEST

/* --- Require --- */

START_TEST(at_least_that_role)
{
    static const char *const roles[] = {"student", "instructor", "admin"};
    static const int wanted[] = {403, 200, 200};
    expect_log(denied);
    expect_status(GET("/staff/page.txt"), 401);
    for (int i = 0; i < 3; i++) {
        reply_t *reply = GET("/staff/page.txt", .token = person(roles[i]).access);
        expect_status(reply, wanted[i]);
        if (wanted[i] == 403)
            expect_challenge(reply, 403, "insufficient_scope");
    }
    reply_t *guest = CALL("POST", "/api/v1/auth/guest", .json = "{}", .lenient = true);
    if (guest->status == 201)
        expect_status(GET("/staff/page.txt", .token = text_at(guest->json, "/access_token")), 403);
}
END_TEST

/* The role that counts is the one of this moment. */
START_TEST(a_new_role_counts_at_once)
{
    person_t ada = person("student");
    expect_log(denied);
    expect_status(GET("/staff/page.txt", .token = ada.access), 403);
    sql("UPDATE forge.users SET role = 'instructor', epoch = epoch WHERE id = %lld", (long long)ada.id);
    reply_t *again = CALL("POST", "/api/v1/auth/login", .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", ada.email, ada.password));
    expect_status(GET("/staff/page.txt", .token = text_at(again->json, "/access_token")), 200);
    sql("UPDATE forge.users SET role = 'student' WHERE id = %lld", (long long)ada.id);
    reply_t *lost = GET("/staff/page.txt", .token = text_at(again->json, "/access_token"));
    ck_assert_msg(lost->status == 401 || lost->status == 403, "%d", lost->status);
}
END_TEST

START_TEST(organizations)
{
    person_t none = person("student"), member = person("student"), head = person("student"), beta = person("student"),
             admin = person("admin");
    member_of(member, "acme", "member");
    member_of(head, "acme", "admin");
    member_of(beta, "beta", "admin");
    member_of(beta, "acme-2", "owner");
    expect_log(denied);
    const struct {
        const char *path, *token;
        int wanted;
    } tries[] = {{"/org/page.txt", NULL, 401},
                 {"/org/page.txt", none.access, 403},
                 {"/org/page.txt", member.access, 200},
                 {"/org/page.txt", head.access, 200},
                 {"/org/page.txt", beta.access, 403},
                 {"/org/page.txt", admin.access, 200},
                 {"/orgadmin/page.txt", member.access, 403},
                 {"/orgadmin/page.txt", head.access, 200},
                 {"/orgadmin/page.txt", beta.access, 403},
                 {"/orgadmin/page.txt", admin.access, 200},
                 {"/orgs/acme/page.txt", NULL, 401},
                 {"/orgs/acme/page.txt", none.access, 403},
                 {"/orgs/acme/page.txt", member.access, 200},
                 {"/orgs/acme/page.txt", beta.access, 403},
                 {"/orgs/beta/page.txt", beta.access, 404},
                 {"/orgs/beta/page.txt", member.access, 403},
                 {"/orgs/x%20acme/page.txt", beta.access, 403},
                 {"/orgs/acme%3Aowner/page.txt", member.access, 403},
                 {"/orgs/beta/../acme/page.txt", beta.access, 403}};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        reply_t *reply = GET(tries[i].path, .token = tries[i].token);
        ck_assert_msg(reply->status == tries[i].wanted, "%zu %s: %d, wanted %d", i, tries[i].path, reply->status, tries[i].wanted);
    }
    sql("UPDATE forge.memberships SET role = 'owner' WHERE user_id = %lld AND role = 'admin'", (long long)beta.id);
    expect_status(GET("/orgadmin/page.txt", .token = beta.access), 200);
    sql("DELETE FROM forge.memberships WHERE user_id = %lld", (long long)member.id);
    expect_status(GET("/org/page.txt", .token = member.access), 403);
}
END_TEST

START_TEST(enrolled_in_a_course)
{
    person_t teacher = person("instructor"), pupil = person("student"), other = person("student"), admin = person("admin");
    json_int_t id = course_of(teacher, "Closed course");
    sql("UPDATE forge.courses SET status = 'published' WHERE id = %lld", (long long)id);
    if (!*sql("SELECT to_regclass('forge.enrollments')::text")) {
        sql("CREATE TABLE forge.enrollments (course_id bigint, user_id bigint)");
        sql("GRANT SELECT ON forge.enrollments TO forge_app");
    }
    sql("INSERT INTO forge.enrollments (course_id, user_id) VALUES (%lld, %lld)", (long long)id, (long long)pupil.id);
    const char *path = F("/course/%lld/page.txt", (long long)id);
    expect_log(denied);
    expect_status(GET(path), 401);
    expect_status(GET(path, .token = other.access), 403);
    expect_status(GET(path, .token = pupil.access), 404); /* let in; there is no such file */
    expect_status(GET(path, .token = teacher.access), 404);
    expect_status(GET(path, .token = admin.access), 404);
    expect_status(GET("/course/page.txt", .token = pupil.access), 403);
    expect_status(GET("/course/99999999999999999999", .token = pupil.access), 403);
    sql("DELETE FROM forge.enrollments WHERE user_id = %lld", (long long)pupil.id);
    expect_status(GET(path, .token = pupil.access), 403);
}
END_TEST

START_TEST(second_factor)
{
    person_t ada = person("student");
    expect_log(denied);
    expect_status(GET("/mfa/page.txt"), 401);
    expect_challenge(GET("/mfa/page.txt", .token = ada.access), 401, "error=\"insufficient_user_authentication\"");
    expect_challenge(GET("/mfa/page.txt", .token = jwt_with(ada, "amr", "[\"notp\",\"otpx\"]")), 401, "insufficient_user");
    expect_status(GET("/mfa/page.txt", .token = jwt_with(ada, "amr", "[\"pwd\",\"otp\"]")), 200);
}
END_TEST

START_TEST(combinations)
{
    person_t student = person("student"), teacher = person("instructor"), owner = person("student"), both = person("instructor"),
             admin = person("admin");
    member_of(owner, "acme", "owner");
    member_of(both, "acme", "member");
    expect_log(denied);
    expect_log("AH01629"); /* an expression with REMOTE_USER */
    const struct {
        const char *path, *token;
        int wanted;
    } tries[] = {{"/any/page.txt", NULL, 401},          {"/any/page.txt", student.access, 403}, {"/any/page.txt", owner.access, 200},
                 {"/any/page.txt", admin.access, 200},  {"/all/page.txt", NULL, 401},           {"/all/page.txt", teacher.access, 403},
                 {"/all/page.txt", owner.access, 403},  {"/all/page.txt", both.access, 200},    {"/none/page.txt", NULL, 401},
                 {"/none/page.txt", admin.access, 403}, {"/none/page.txt", student.access, 200}};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        reply_t *reply = GET(tries[i].path, .token = tries[i].token);
        ck_assert_msg(reply->status == tries[i].wanted, "%s: %d, wanted %d", tries[i].path, reply->status, tries[i].wanted);
    }
    expect_status(GET("/any/page.txt", .from = "127.0.3.1", .headers = {"Connection: close"}), 200);
    expect_status(GET("/in/page.txt"), 401);
    expect_status(GET("/in/page.txt", .token = student.access), 403);
    expect_status(GET("/in/page.txt", .token = teacher.access), 200);
}
END_TEST

/* The shipped lines for figures: one's own address, or an administrator (SECURITY 58). */
START_TEST(figures_for_addresses_and_administrators)
{
    person_t student = person("student"), admin = person("admin");
    expect_log(denied);
    expect_status(CALL("GET", "/metrics", .port = PORT_DOORS, .from = "127.0.3.1", .headers = {"Connection: close"}), 200);
    expect_problem(CALL("GET", "/metrics", .port = PORT_DOORS), "unauthenticated");
    expect_problem(CALL("GET", "/metrics", .port = PORT_DOORS, .token = student.access), "insufficient_scope");
    expect_status(CALL("GET", "/metrics", .port = PORT_DOORS, .token = admin.access), 200);
    expect_problem(CALL("GET", "/metrics", .port = PORT_DOORS, .token = "x"), "invalid_token");
    expect_status(CALL("GET", "/api/v1/performance", .port = PORT_DOORS, .token = admin.access), 200);
}
END_TEST

/* AuthType Forge before our own paths adds its lines; the API's rules and documents stay. */
START_TEST(the_api_behind_a_door)
{
    person_t student = person("student"), teacher = person("instructor");
    expect_log(denied);
    expect_problem(CALL("GET", "/api/v1/achievements", .port = PORT_DOORS), "unauthenticated");
    expect_problem(GET("/api/v1/achievements", .token = student.access), "insufficient_scope"); /* no status of the route itself */
    expect_status(CALL("GET", "/api/v1/achievements", .port = PORT_DOORS, .token = teacher.access), 200);
    expect_status(CALL("GET", "/api/v1/achievements"), 200);
}
END_TEST

/* --- what content hears --- */

START_TEST(cgi_knows_who_asks)
{
    person_t ada = person("instructor");
    member_of(ada, "beta", "owner");
    member_of(ada, "acme", "member");
    reply_t *reply = GET("/cgi/env", .token = ada.access);
    expect_status(reply, 200);
    expect_says(reply, F("\nREMOTE_USER=%s\n", ada.username));
    expect_says(reply, "\nAUTH_TYPE=Forge\n");
    expect_says(reply, F("\nFORGE_USER_ID=%lld\n", (long long)ada.id));
    expect_says(reply, F("\nFORGE_USERNAME=%s\n", ada.username));
    expect_says(reply, F("\nFORGE_EMAIL=%s\n", ada.email));
    expect_says(reply, "\nFORGE_ROLE=instructor\n");
    expect_says(reply, F("\nFORGE_SESSION=%s\n", sql("SELECT id FROM forge.sessions WHERE user_id = %lld", (long long)ada.id)));
    expect_says(reply, "\nFORGE_ORGS=acme:member beta:owner\n");
    expect_says(reply, "\nFORGE_AMR=pwd\n");
    expect_says(reply, F("\nHTTP_X_FORGE_USER=%lld\n", (long long)ada.id));
    expect_silent(reply, ada.access);
    ck_assert_ptr_nonnull(strstr(header(reply, "Cache-Control"), "private"));
}
END_TEST

START_TEST(open_content_may_greet)
{
    person_t ada = person("student");
    reply_t *stranger = GET("/greet/env"), *known = GET("/greet/env", .token = ada.access), *bad = GET("/greet/env", .token = "x");
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
    ck_assert_str_eq(header(GET("/if/page.txt", .token = teacher.access), "X-If"), "staff");
    ck_assert_ptr_null(header(GET("/if/page.txt", .token = student.access), "X-If"));
    ck_assert_ptr_null(header(GET("/if/page.txt"), "X-If"));
    ck_assert_ptr_null(header(GET("/if/page.txt", .token = "x"), "X-If"));
}
END_TEST

/* DirectoryIndex, mod_rewrite and ErrorDocument make new requests inside httpd: the same person asks, and is asked for once. */
START_TEST(requests_inside_the_server_keep_the_identity)
{
    person_t ada = person("student");
    static const char *const paths[] = {"/closed/", "/rewritten", "/closed/inner", "/missing/x"};
    static const char *const marks[] = {"index of closed", "this is closed", "FORGE_USERNAME", "FORGE_USERNAME"};
    for (int i = 0; i < 4; i++) {
        reply_t *reply = GET(paths[i], .token = ada.access);
        ck_assert_msg(says(reply, marks[i]), "%s: %d %.2000s", paths[i], reply->status, reply->body);
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
    static const char *const spoofs[] = {"X-Forge-User: 1",     "X_Forge_User: 1",     "X-FORGE-user: 1",       "x-forge_role: admin",
                                         "X_FORGE-Role: admin", "X-Forge-Session: 77", "X-Forge-Other: 1",      "X.Forge.User: 1",
                                         "X-Forge-: 1",         "X-Forge-User;",       "X_Forge_Username: root"};
    static const char *const paths[] = {"/proxy/x", "/openproxy/x", "/cgi/env", "/greet/env", "/opencgi/env"};
    for (size_t i = 0; i < sizeof spoofs / sizeof *spoofs; i++)
        for (size_t j = 0; j < sizeof paths / sizeof *paths; j++) {
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
            .headers = {"Connection: X-Forge-User, x_forge_role, X-Forge-Session, X-Request-ID, traceparent, X-Mine", "X-Mine: 1"});
    expect_says(gone, F("\r\nX-Forge-User: %lld\r\n", (long long)ada.id));
    expect_says(gone, "\r\nX-Forge-Role: student\r\n");
    expect_says(gone, "\r\nX-Forge-Session: ");
    expect_says(gone, "\r\nX-Request-ID: ");
    expect_silent(gone, "X-Mine");
    reply_t *trailer =
        raw_text(PORT_DOORS, F("POST /proxy/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n"
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
        reply_t *known = CALL("GET", "/proxy/x", .port = PORT_COOKIE, .http2 = true, .lenient = true, .token = ada.access,
                              .headers = {spoofs[i]}),
                *open = CALL("GET", "/openproxy/x", .port = PORT_COOKIE, .http2 = true, .lenient = true, .headers = {spoofs[i]});
        ck_assert_msg(!strcmp(env.mpm, "prefork") || !strncmp(known->head, "HTTP/2", 6), "%s", known->head);
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

/* --- browsers and trouble --- */

START_TEST(browsers_are_sent_to_the_login_page)
{
    static const char html[] = "Accept: text/html,*/*;q=0.8";
    reply_t *reply = GET("/pages/page.txt?a=b&c=%20", .headers = {html});
    expect_status(reply, 302);
    ck_assert_str_eq(header(reply, "Location"), "/open/page.txt?next=%2Fpages%2Fpage.txt%3Fa%3Db%26c%3D%2520");
    ck_assert_str_eq(header(reply, "Cache-Control"), "no-store");
    reply = GET("//pages//page.txt", .headers = {html});
    expect_status(reply, 302);
    ck_assert_msg(!strncmp(header(reply, "Location"), "/open/page.txt?next=%2Fpages%2F", 30), "%s", header(reply, "Location"));
    expect_status(GET("/pages/page.txt"), 401);
    expect_status(GET("/pages/page.txt", .headers = {html, "Sec-Fetch-Mode: cors"}), 401);
    expect_status(GET("/pages/page.txt", .headers = {html}, .token = "x"), 401);
    expect_status(ASK("POST", "/pages/page.txt", .json = "{}", .headers = {html}), 401);
    expect_status(GET("/closed/page.txt", .headers = {html}), 401);
}
END_TEST

START_TEST(a_location_may_have_a_quota)
{
    person_t ada = person("student"), ben = person("student");
    for (int i = 0; i < 3; i++)
        expect_status(GET("/closed/sub/page.txt", .token = ada.access), 200);
    reply_t *over = GET("/closed/sub/page.txt", .token = ada.access);
    expect_status(over, 429);
    ck_assert_msg(header(over, "Retry-After") && atoi(header(over, "Retry-After")) > 1, "%s", over->head);
    ck_assert_ptr_nonnull(header(over, "RateLimit"));
    expect_status(GET("/closed/sub/page.txt", .token = ben.access), 200);
    expect_status(GET("/closed/page.txt", .token = ada.access), 200);
    expect_status(GET("/closed/sub/page.txt"), 401);
}
END_TEST

/* mod_status shows how the module is. */
START_TEST(server_status_has_a_part_of_ours)
{
    person("student");
    reply_t *page = GET("/server-status"), *list = GET("/server-status?auto");
    expect_status(page, 200);
    expect_says(page, "<h2>Forge</h2>");
    expect_says(page, "<dt>Requests being served: ");
    expect_says(page, "<dt>Database connections in use: 0</dt>");
    expect_status(list, 200);
    expect_silent(list, "<h2>");
    const char *requests = strstr(list->body, "\nForgeRequests: ");
    ck_assert_msg(requests && atoi(requests + 16) >= 1, "%s", list->body);
    expect_says(list, "\nForgePoolSize: ");
    expect_says(list, "\nForgeRateLimited: ");
}
END_TEST

/* The database away: 503, never 401 and never the content; what needs nobody is served. */
START_TEST(no_database_is_no_entrance)
{
    watchdog(120);
    person_t ada = person("student");
    expect_status(GET("/closed/page.txt", .token = ada.access), 200);
    expect_log("FG0");
    expect_log("AH00632"); /* mod_dbd */
    expect_log("AH00633");
    expect_log("dbd");
    expect_log("AH02816");
    env_postgres_stop(true);
    reply_t *reply = GET("/closed/page.txt", .token = ada.access);
    expect_status(reply, 503);
    ck_assert_ptr_nonnull(header(reply, "Retry-After"));
    expect_silent(reply, "this is closed");
    expect_status(GET("/closed/page.txt"), 401);
    expect_status(GET("/closed/page.txt", .token = "x"), 401);
    expect_status(GET("/open/page.txt", .token = ada.access), 200);
    expect_status(GET("/greet/env", .token = ada.access), 200);
    expect_problem(CALL("GET", "/metrics", .port = PORT_DOORS, .token = ada.access), "database_unavailable");
    env_postgres_start();
    ck_assert(env_wait_ready(20));
    int good = 0;
    for (int i = 0; i < 200 && good < 30; i++, pause_ms(20))
        good = GET("/closed/page.txt", .token = ada.access, .headers = {"Connection: close"})->status == 200 ? good + 1 : 0;
    ck_assert_int_eq(good, 30);
}
END_TEST

Suite *suite_doors(void)
{
    Suite *suite = suite_create("doors");
    TCase *entrance = case_make(suite, "entrance");
    tcase_add_test(entrance, files_need_a_token);
    tcase_add_test(entrance, bad_tokens_are_refused);
    tcase_add_test(entrance, no_spelling_goes_round_the_door);
    tcase_add_test(entrance, conditional_and_partial_requests_pass_the_door_first);
    tcase_add_test(entrance, ended_sessions_are_refused_at_once);
    TCase *require = case_make(suite, "require");
    tcase_add_test(require, at_least_that_role);
    tcase_add_test(require, a_new_role_counts_at_once);
    tcase_add_test(require, organizations);
    tcase_add_test(require, enrolled_in_a_course);
    tcase_add_test(require, second_factor);
    tcase_add_test(require, combinations);
    tcase_add_test(require, figures_for_addresses_and_administrators);
    tcase_add_test(require, the_api_behind_a_door);
    TCase *content = case_make(suite, "content");
    tcase_add_test(content, cgi_knows_who_asks);
    tcase_add_test(content, open_content_may_greet);
    tcase_add_test(content, expressions_and_setenvif);
    tcase_add_test(content, requests_inside_the_server_keep_the_identity);
    tcase_add_test(content, back_ends_hear_who_asks);
    tcase_add_test(content, spoofed_identities_do_not_pass);
    tcase_add_test(content, spoofed_identities_do_not_pass_in_http2);
    tcase_add_test(content, included_pages_have_their_own_doors);
    TCase *trouble = case_make(suite, "trouble");
    tcase_add_test(trouble, browsers_are_sent_to_the_login_page);
    tcase_add_test(trouble, a_location_may_have_a_quota);
    tcase_add_test(trouble, server_status_has_a_part_of_ours);
    tcase_add_test(trouble, no_database_is_no_entrance);
    return suite;
}
