/* SPDX-License-Identifier: Apache-2.0
 * GET /monitor/identity: who is here, in figures (SPEC 12).
 */
#include "harness.h"

static json_int_t figure(const char *path)
{
    return int_at(CALL("GET", "/api/v1/monitor/identity")->json, path);
}

START_TEST(logins_locks_and_unlocks_show)
{
    person_t admin = person("admin"), me = person("student");
    reply_t *reply = CALL("GET", "/api/v1/monitor/identity");
    expect_status(reply, 200);
    ck_assert_str_eq(header(reply, "Cache-Control"), "no-store");
    ck_assert_int_eq(int_at(reply->json, "/accounts/total"), 2);
    ck_assert_int_eq(int_at(reply->json, "/accounts/active"), 2);
    ck_assert_int_eq(int_at(reply->json, "/guests_active"), 0);
    json_int_t sessions = figure("/sessions/active"), ok = figure("/logins/ok_1h");
    static const char login[] = "{\"username\":\"%s\",\"password\":\"%s\"}";
    expect_status(CALL("POST", "/api/v1/auth/login", .json = F(login, me.username, me.password)), 200);
    expect_status(CALL("POST", "/api/v1/auth/guest"), 201);
    ck_assert_int_eq(figure("/sessions/active"), sessions + 2);
    ck_assert_int_eq(figure("/sessions/seen_5m"), sessions + 2);
    ck_assert_int_eq(figure("/logins/ok_1h"), ok + 1);
    ck_assert_int_eq(figure("/guests_active"), 1);
    for (int i = 0; i < 5; i++)
        CALL("POST", "/api/v1/auth/login", .json = F(login, me.username, "Wrong7-Walrus!Q"));
    ck_assert_int_eq(figure("/logins/failed_1h"), 5);
    ck_assert_int_eq(figure("/accounts/locked"), 1);
    reply = CALL("GET", "/api/v1/users?locked=true", .token = admin.access);
    ck_assert_uint_eq(json_array_size(reply->json), 1);
    ck_assert_str_eq(text_at(reply->json, "/0/username"), me.username);
    expect_status(CALL("POST", F("/api/v1/users/%lld/unlock", (long long)me.id), .token = admin.access), 204);
    ck_assert_int_eq(figure("/accounts/locked"), 0);
    ck_assert_uint_eq(json_array_size(CALL("GET", "/api/v1/users?locked=true", .token = admin.access)->json), 0);
}
END_TEST

/* Whoever may see the figures learns no name by them. */
START_TEST(figures_name_nobody)
{
    person_t me = person("student");
    reply_t *reply = CALL("GET", "/api/v1/monitor/identity");
    ck_assert_ptr_null(strstr(reply->body, me.username));
    expect_problem(CALL("GET", "/api/v1/users?locked=true"), "unauthenticated");
    expect_problem(CALL("GET", "/api/v1/users?locked=true", .token = me.access), "insufficient_scope");
}
END_TEST

Suite *suite_identity_figures(void)
{
    Suite *suite = suite_create("identity_figures");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, logins_locks_and_unlocks_show);
    tcase_add_test(all, figures_name_nobody);
    return suite;
}
