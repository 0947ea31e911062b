/* SPDX-License-Identifier: Apache-2.0
 * The doors of Apache (SPEC 17): AuthType Forge and its Require lines before files, CGI and a proxied back end, and
 * what these hear.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Content of the site (site.c), which keeps none of the API's rules. */
#define ASK(method, path, ...) CALL(method, path, .port = PORT_DOORS, .lenient = true, __VA_ARGS__)
#define GET(path, ...)         ASK("GET", path, __VA_ARGS__)

static const char denied[] = "AH01631"; /* mod_authz_core's line for each user that is refused */

static void expect_challenge(const reply_t *reply, int status, const char *part)
{
    const char *challenge = header(reply, "WWW-Authenticate");
    expect_status(reply, status);
    ck_assert_msg(challenge && strncmp(challenge, "Bearer realm=", 13) == 0 && strstr(challenge, part), "%s",
                  challenge ? challenge : "no challenge");
    ck_assert_int_eq(header_count(reply, "WWW-Authenticate"), 1);
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
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        expect_challenge(GET("/closed/page.txt", .token = bad[i]), 401, "error=\"invalid_token\"");
    expect_status(GET(F("/closed/page.txt?access_token=%s", ada.access)), 401);
    expect_status(GET("/closed/page.txt", .headers = {"Authorization: Basic YWRhOnNlY3JldA=="}), 401);
    expect_status(GET("/closed/page.txt", .headers = {"Authorization: Bearer"}), 401);
    expect_status(GET("/closed/page.txt", .token = ada.access, .headers = {F("Authorization: Bearer %s", ada.access)}),
                  400);
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
    static const char *const methods[] = {"GET",    "HEAD",     "POST", "OPTIONS", "PUT",
                                          "DELETE", "PROPFIND", "FOO",  "TRACE"};
    for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++) {
        reply_t *reply = GET(spellings[i]);
        ck_assert_msg(reply->status >= 400, "%s: %d %.200s", spellings[i], reply->status, reply->body);
        expect_silent(reply, "of closed");
        expect_silent(reply, "is closed");
    }
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        reply_t *reply = ASK(methods[i], "/closed/page.txt");
        ck_assert_msg(reply->status == 401 || reply->status == 405 || reply->status == 501, "%s: %d", methods[i],
                      reply->status);
    }
    reply_t *absolute = raw_text(
        PORT_DOORS, "GET http://localhost/closed/page.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
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
    sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'logout' WHERE user_id = %lld",
        (long long)ada.id);
    expect_challenge(GET("/closed/page.txt", .token = ada.access), 401, "invalid_token");
    expect_status(GET("/closed/page.txt", .token = ben.access), 200);
    sql("UPDATE forge.users SET is_active = false WHERE id = %lld", (long long)ben.id);
    expect_challenge(GET("/closed/page.txt", .token = ben.access), 401, "invalid_token");
}
END_TEST

/* One that only reads cannot write, and none has a session to tell of. */
START_TEST(api_keys_open_doors)
{
    person_t ada = person("student");
    const char *paths[] = {"/closed/page.txt", "/cgi/env"};
    reply_t *made = ASK("POST", "/api/v1/auth/api-keys", .token = ada.access,
                        .json = "{\"name\":\"reader\",\"scopes\":[\"read\"]}");
    expect_status(made, 201);
    const char *key = text_at(made->json, "/key");
    expect_status(GET(paths[0], .token = key), 200);
    reply_t *reply = GET(paths[1], .token = key);
    expect_says(reply, F("\nREMOTE_USER=%s\n", ada.username));
    expect_says(reply, "\nFORGE_SESSION=\n");
    expect_says(reply, "\nFORGE_AMR=key\n");
    expect_silent(reply, key);
    expect_silent(reply, "X_FORGE_SESSION");
    expect_challenge(ASK("POST", paths[1], .token = key, .json = "{}"), 403, "insufficient_scope");
    made = ASK("POST", "/api/v1/auth/api-keys", .token = ada.access,
               .json = "{\"name\":\"both\",\"scopes\":[\"read\",\"write\"]}");
    expect_status(ASK("POST", paths[1], .token = text_at(made->json, "/key"), .json = "{}"), 200);
    sql("DELETE FROM forge.api_keys");
    expect_challenge(GET(paths[0], .token = key), 401, "invalid_token");
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
    reply_t *again = CALL("POST", "/api/v1/auth/login",
                          .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", ada.email, ada.password));
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
                 {"/orgs/acme%20beta/page.txt", beta.access, 403}, /* one word, whatever a path holds */
                 {"/orgs/acme%20beta%22/page.txt", beta.access, 403},
                 {"/orgs/acme%3Aowner/page.txt", member.access, 403},
                 {"/orgs/beta/../acme/page.txt", beta.access, 403}};
    for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
        reply_t *reply = GET(tries[i].path, .token = tries[i].token);
        ck_assert_msg(reply->status == tries[i].wanted, "%zu %s: %d, wanted %d", i, tries[i].path, reply->status,
                      tries[i].wanted);
    }
    sql("UPDATE forge.memberships SET role = 'owner' WHERE user_id = %lld AND role = 'admin'", (long long)beta.id);
    expect_status(GET("/orgadmin/page.txt", .token = beta.access), 200);
    sql("DELETE FROM forge.memberships WHERE user_id = %lld", (long long)member.id);
    expect_status(GET("/org/page.txt", .token = member.access), 403);
}
END_TEST

/* By number, whatever an organisation or an account is called today; and the number is read whole. */
START_TEST(by_number)
{
    person_t head = person("student"), member = person("student"), admin = person("admin");
    member_of(head, "acme", "admin");
    member_of(member, "acme", "member");
    const char *id = sql("SELECT id FROM forge.organizations WHERE slug = 'acme'");
    sql("UPDATE forge.organizations SET slug = 'another'");
    sql("UPDATE forge.users SET username = 'another' WHERE id = %lld", (long long)head.id);
    expect_log(denied);
    const struct {
        const char *path, *token;
        int wanted;
    } tries[] = {{F("/orgid/%s/page.txt", id), NULL, 401},
                 {F("/orgid/%s/page.txt", id), head.access, 404},
                 {F("/orgid/%s/page.txt", id), member.access, 403},
                 {F("/orgid/%s/page.txt", id), admin.access, 404},
                 {F("/orgid/0%s/page.txt", id), head.access, 403},
                 {F("/orgid/%s%%20/page.txt", id), head.access, 403},
                 {F("/orgid/%s0/page.txt", id), head.access, 403},
                 {F("/orgid/%s%%3Amember/page.txt", id), member.access, 403},
                 {"/orgid/another/page.txt", head.access, 403},
                 {F("/userid/%lld/page.txt", (long long)head.id), NULL, 401},
                 {F("/userid/%lld/page.txt", (long long)head.id), head.access, 404},
                 {F("/userid/%lld/page.txt", (long long)head.id), member.access, 403},
                 {F("/userid/%lld/page.txt", (long long)head.id), admin.access, 403}, /* nobody else, whatever role */
                 {F("/userid/%lld0/page.txt", (long long)head.id), head.access, 403},
                 {F("/userid/0%lld/page.txt", (long long)head.id), head.access, 403},
                 {"/userid/another/page.txt", head.access, 403}};
    for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
        reply_t *reply = GET(tries[i].path, .token = tries[i].token);
        ck_assert_msg(reply->status == tries[i].wanted, "%zu %s: %d, wanted %d", i, tries[i].path, reply->status,
                      tries[i].wanted);
    }
}
END_TEST

/* A stranger who registers a name that was somebody's, or founds an organisation by its name, passes no door of theirs.
 */
START_TEST(former_names_open_no_doors)
{
    person_t head = person("student"), stranger = person("student");
    member_of(head, "acme", "owner");
    const char *id = sql("SELECT id FROM forge.organizations WHERE slug = 'acme'");
    expect_status(
        CALL("PATCH", F("/api/v1/organizations/%s", id), .token = head.access, .json = "{\"slug\":\"acme-two\"}"), 200);
    expect_status(CALL("PATCH", "/api/v1/users/me", .token = head.access, .json = "{\"username\":\"renamed_head\"}"),
                  200);
    expect_problem(CALL("POST", "/api/v1/organizations", .token = stranger.access,
                        .json = "{\"name\":\"Acme\",\"slug\":\"acme\"}"),
                   "slug_taken");
    reply_t *made = CALL("POST", "/api/v1/organizations", .token = stranger.access, .json = "{\"name\":\"Acme\"}");
    expect_status(made, 201);
    ck_assert_str_ne(text_at(made->json, "/slug"), "acme");
    expect_problem(
        CALL("PATCH", "/api/v1/users/me", .token = stranger.access, .json = F("{\"username\":\"%s\"}", head.username)),
        "username_taken");
    expect_problem(CALL("POST", "/api/v1/auth/register",
                        .json = F("{\"email\":\"new@example.org\",\"username\":\"%s\",\"password\":\"%s\"}",
                                  head.username, head.password)),
                   "username_taken");
    expect_log(denied);
    expect_status(GET("/org/page.txt", .token = stranger.access), 403);
    sql("DELETE FROM forge.organizations WHERE slug = 'acme-two'");
    expect_problem(CALL("POST", "/api/v1/organizations", .token = stranger.access,
                        .json = "{\"name\":\"Acme\",\"slug\":\"acme-two\"}"),
                   "slug_taken");
}
END_TEST

START_TEST(enrolled_in_a_course)
{
    person_t teacher = person("instructor"), pupil = person("student"), other = person("student"),
             admin = person("admin");
    json_int_t id = course_of(teacher, "Closed course");
    sql("UPDATE forge.courses SET status = 'published' WHERE id = %lld", (long long)id);
    sql("INSERT INTO forge.enrollments (course_id, user_id) VALUES (%lld, %lld)", (long long)id, (long long)pupil.id);
    const char *path = F("/course/%lld/page.txt", (long long)id);
    expect_log(denied);
    expect_status(GET(path), 401);
    expect_status(GET(path, .token = other.access), 403);
    expect_status(GET(path, .token = pupil.access), 404); /* let in; there is no such file */
    expect_status(GET(path, .token = teacher.access), 404);
    expect_status(GET(path, .token = admin.access), 404);
    expect_status(GET("/course/page.txt", .token = pupil.access), 403);
    expect_status(GET(F("/course/1%%20%lld/page.txt", (long long)id), .token = pupil.access),
                  403); /* a back end may read "1 7" as 1 */
    expect_status(GET("/course/99999999999999999999", .token = pupil.access), 403);
    sql("UPDATE forge.courses SET status = 'draft' WHERE id = %lld",
        (long long)id); /* closed to all but its instructor */
    expect_status(GET(path, .token = pupil.access), 403);
    expect_status(GET(path, .token = teacher.access), 404);
    sql("UPDATE forge.courses SET status = 'published' WHERE id = %lld", (long long)id);
    member_of(other, "walled", "member");
    sql("UPDATE forge.courses SET organization_id = (SELECT id FROM forge.organizations WHERE slug = 'walled') WHERE "
        "id = %lld",
        (long long)id);
    expect_status(GET(path, .token = pupil.access), 403);
    sql("UPDATE forge.courses SET organization_id = NULL WHERE id = %lld", (long long)id);
    expect_status(GET(path, .token = pupil.access), 404);
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
    expect_challenge(GET("/mfa/page.txt", .token = ada.access), 401, "acr_values=\"mfa\"");
    expect_challenge(GET("/mfa/page.txt", .token = jwt_with(ada, "amr", "[\"notp\",\"otpx\"]")), 401,
                     "insufficient_user");
    expect_status(GET("/mfa/page.txt", .token = jwt_with(ada, "amr", "[\"pwd\",\"otp\"]")), 200);
}
END_TEST

START_TEST(combinations)
{
    person_t student = person("student"), teacher = person("instructor"), owner = person("student"),
             both = person("instructor"), admin = person("admin");
    member_of(owner, "acme", "owner");
    member_of(both, "acme", "member");
    expect_log(denied);
    expect_log("AH01629"); /* an expression with REMOTE_USER */
    const struct {
        const char *path, *token;
        int wanted;
    } tries[] = {{"/any/page.txt", NULL, 401},           {"/any/page.txt", student.access, 403},
                 {"/any/page.txt", owner.access, 200},   {"/any/page.txt", admin.access, 200},
                 {"/all/page.txt", NULL, 401},           {"/all/page.txt", teacher.access, 403},
                 {"/all/page.txt", owner.access, 403},   {"/all/page.txt", both.access, 200},
                 {"/none/page.txt", NULL, 401},          {"/none/page.txt", admin.access, 403},
                 {"/none/page.txt", student.access, 200}};
    for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
        reply_t *reply = GET(tries[i].path, .token = tries[i].token);
        ck_assert_msg(reply->status == tries[i].wanted, "%s: %d, wanted %d", tries[i].path, reply->status,
                      tries[i].wanted);
    }
    expect_status(GET("/any/page.txt", .from = "127.0.3.1", .headers = {"Connection: close"}), 200);
    expect_status(GET("/in/page.txt"), 401);
    expect_status(GET("/in/page.txt", .token = student.access), 403);
    expect_status(GET("/in/page.txt", .token = teacher.access), 200);
}
END_TEST

START_TEST(htaccess_may_close_a_folder)
{
    person_t teacher = person("instructor"), student = person("student");
    expect_log(denied);
    expect_status(GET("/ht/page.txt"), 401);
    expect_status(GET("/ht/page.txt", .token = student.access), 403);
    reply_t *reply = GET("/ht/page.txt", .token = teacher.access);
    expect_status(reply, 200);
    ck_assert_str_eq(header(reply, "X-Staff"), "yes");
}
END_TEST

/* The shipped lines for figures: one's own address, or an administrator (SECURITY 58). */
START_TEST(figures_for_addresses_and_administrators)
{
    person_t student = person("student"), admin = person("admin");
    expect_log(denied);
    expect_status(CALL("GET", "/metrics", .port = PORT_DOORS, .from = "127.0.3.1", .headers = {"Connection: close"}),
                  200);
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
    expect_problem(GET("/api/v1/achievements", .token = student.access),
                   "insufficient_scope"); /* no status of the route itself */
    expect_status(CALL("GET", "/api/v1/achievements", .port = PORT_DOORS, .token = teacher.access), 200);
    expect_status(CALL("GET", "/api/v1/achievements"), 200);
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
    ck_assert_msg(strncmp(header(reply, "Location"), "/open/page.txt?next=%2Fpages%2F", 30) == 0, "%s",
                  header(reply, "Location"));
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

/* An unknown key costs a look into the database, here as at the API: an address may do so as often as it may ask the
 * API.
 */
START_TEST(unknown_keys_are_looked_up_within_the_quota)
{
    person_t ada = person("student");
    static const char unknown[] = "fk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", bad[] = "127.0.3.30",
                      good[] = "127.0.3.31", *const path = "/closed/few/one";
    const char *key = text_at(
        ASK("POST", "/api/v1/auth/api-keys", .token = ada.access, .json = "{\"name\":\"reader\"}")->json, "/key");
    for (int i = 0; i < 3; i++)
        expect_challenge(GET(path, .token = unknown, .from = bad), 401, "error=\"invalid_token\"");
    for (int i = 0; i < 3; i++) {
        reply_t *over = GET(i == 1 ? "/closed/few/two" : path, .token = i == 2 ? key : unknown, .from = bad);
        expect_status(over, 429);
        ck_assert_msg(header(over, "Retry-After") && atoi(header(over, "Retry-After")) > 1, "%s", over->head);
        ck_assert_int_eq(header_count(over, "Retry-After"), 1);
    }
    expect_status(GET(path, .token = ada.access, .from = bad), 200); /* a token is not looked up */
    for (int i = 0; i < 6; i++) {
        expect_status(GET(path, .token = key, .from = good), 200); /* what is good costs nothing */
        expect_challenge(GET(path, .token = "rubbish", .from = good), 401, "invalid_token");
        expect_status(GET(path, .from = good), 401);
    }
    expect_challenge(GET(path, .token = unknown, .from = good), 401, "invalid_token");
}
END_TEST

/* The quota by account is for accounts; guests are made as often as somebody likes. */
START_TEST(guests_share_the_quota_of_a_location)
{
    int served = 0;
    for (int i = 0; i < 8; i++) {
        reply_t *guest = CALL("POST", "/api/v1/auth/guest", .json = "{}", .lenient = true);
        served +=
            GET("/closed/sub/page.txt", .from = "127.0.3.32", .token = text_at(guest->json, "/access_token"))->status ==
            200;
    }
    ck_assert_int_eq(served, 3);
}
END_TEST

/* mod_status shows how the module is. */
START_TEST(server_status_has_a_part_of_ours)
{
    person("student");
    reply_t *page = GET("/server-status"), *list = GET("/server-status?auto");
    /* what works beside requests (mail, revocations) has a connection now and then, and gives it back */
    for (int i = 0; i < 100 && !strstr(page->body, "connections in use: 0<"); i++, pause_ms(50))
        page = GET("/server-status");
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
        good = GET("/closed/page.txt", .token = ada.access, .headers = {"Connection: close"})->status == 200 ? good + 1
                                                                                                             : 0;
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
    tcase_add_test(entrance, api_keys_open_doors);
    TCase *require = case_make(suite, "require");
    tcase_add_test(require, at_least_that_role);
    tcase_add_test(require, a_new_role_counts_at_once);
    tcase_add_test(require, organizations);
    tcase_add_test(require, by_number);
    tcase_add_test(require, former_names_open_no_doors);
    tcase_add_test(require, enrolled_in_a_course);
    tcase_add_test(require, second_factor);
    tcase_add_test(require, combinations);
    tcase_add_test(require, htaccess_may_close_a_folder);
    tcase_add_test(require, figures_for_addresses_and_administrators);
    tcase_add_test(require, the_api_behind_a_door);
    TCase *trouble = case_make(suite, "trouble");
    tcase_add_test(trouble, browsers_are_sent_to_the_login_page);
    tcase_add_test(trouble, a_location_may_have_a_quota);
    tcase_add_test(trouble, unknown_keys_are_looked_up_within_the_quota);
    tcase_add_test(trouble, guests_share_the_quota_of_a_location);
    tcase_add_test(trouble, server_status_has_a_part_of_ours);
    tcase_add_test(trouble, no_database_is_no_entrance);
    return suite;
}
