/* SPDX-License-Identifier: Apache-2.0
 * The lines Require forge-… (SPEC 17): roles, organisations, courses, the second factor, and what they combine to.
 */
#include "doors.h"

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

Suite *suite_require(void)
{
    Suite *suite = suite_create("require");
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
    return suite;
}
