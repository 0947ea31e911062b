/* SPDX-License-Identifier: Apache-2.0
 * ETag, If-None-Match, If-Match and merge-patch (SPEC 1; RFC 9110 §13, RFC 7396).
 */
#include "harness.h"

#include <string.h>

typedef struct fixture_t {
    person_t owner;
    char *path;
    const char *etag;
} fixture_t;

static fixture_t fixture(void)
{
    fixture_t f = {.owner = person("instructor")};
    f.path = F("/api/v1/courses/%lld", (long long)course_of(f.owner, "Conditional"));
    f.etag = header(CALL("GET", f.path), "ETag");
    ck_assert_msg(f.etag && f.etag[0] == '"', "a strong ETag: %s", f.etag ? f.etag : "-");
    return f;
}

START_TEST(if_none_match)
{
    fixture_t f = fixture();
    const char *matching[] = {f.etag, F("W/%s", f.etag), F("\"other\", %s", f.etag), "*", F("%s,\"x\"", f.etag), NULL};
    for (const char **value = matching; *value; value++) {
        reply_t *reply = CALL("GET", f.path, .headers = {F("If-None-Match: %s", *value)});
        ck_assert_msg(reply->status == 304, "%s: %d", *value, reply->status);
        ck_assert_str_eq(header(reply, "ETag"), f.etag);
        ck_assert_ptr_nonnull(header(reply, "Cache-Control"));
    }
    static const char *const others[] = {"\"other\"", "\"\"", "rubbish", "W/\"other\"", NULL};
    for (const char *const *value = others; *value; value++)
        expect_status(CALL("GET", f.path, .headers = {F("If-None-Match: %s", *value)}), 200);
    expect_status(CALL("HEAD", f.path, .headers = {F("If-None-Match: %s", f.etag)}), 304);
    expect_status(CALL("PATCH", f.path, .token = f.owner.access, .json = "{\"title\":\"New\"}"), 200);
    expect_status(CALL("GET", f.path, .headers = {F("If-None-Match: %s", f.etag)}), 200);
}
END_TEST

START_TEST(if_match_on_each_method)
{
    static const char *const methods[] = {"PATCH", "PUT", "DELETE"};
    fixture_t f = fixture();
    for (int i = 0; i < 3; i++) {
        const char *body = i == 2 ? NULL : "{\"title\":\"Changed\"}";
        static const char *const stale[] = {"\"v999\"", "\"other\"", "\"\"", "rubbish", NULL};
        for (const char *const *value = stale; *value; value++) {
            reply_t *reply =
                CALL(methods[i], f.path, .token = f.owner.access, .json = body, .headers = {F("If-Match: %s", *value)});
            expect_problem(reply, "precondition_failed");
        }
        expect_problem(
            CALL(methods[i], f.path, .token = f.owner.access, .json = body, .headers = {F("If-Match: W/%s", f.etag)}),
            "precondition_failed");
        reply_t *good = CALL(methods[i], f.path, .token = f.owner.access, .json = body,
                             .headers = {F("If-Match: \"x\", %s", f.etag)});
        expect_status(good, i == 2 ? 204 : 200);
        if (i < 2)
            expect_problem(
                CALL(methods[i], f.path, .token = f.owner.access, .json = body, .headers = {F("If-Match: %s", f.etag)}),
                "precondition_failed");
        f.etag = i < 2 ? header(good, "ETag") : NULL;
    }
    fixture_t g = fixture();
    expect_status(
        CALL("PATCH", g.path, .token = g.owner.access, .json = "{\"title\":\"Any\"}", .headers = {"If-Match: *"}), 200);
    expect_problem(CALL("PATCH", "/api/v1/courses/424242", .token = g.owner.access, .json = "{\"title\":\"Any\"}",
                        .headers = {"If-Match: *"}),
                   "not_found");
}
END_TEST

/* Rights come before preconditions: a stranger learns nothing from a 412. */
START_TEST(rights_before_preconditions)
{
    fixture_t f = fixture();
    person_t other = person("instructor");
    expect_problem(
        CALL("PATCH", f.path, .token = other.access, .json = "{\"title\":\"x\"}", .headers = {"If-Match: \"v999\""}),
        "not_owner");
}
END_TEST

START_TEST(achievements_too)
{
    person_t teacher = person("instructor");
    reply_t *made = CALL("POST", "/api/v1/achievements", .token = teacher.access, .json = "{\"name\":\"Conditional\"}");
    const char *path = header(made, "Location"), *etag = header(CALL("GET", path), "ETag");
    expect_status(CALL("GET", path, .headers = {F("If-None-Match: %s", etag)}), 304);
    expect_problem(
        CALL("PUT", path, .token = teacher.access, .json = "{\"name\":\"N\"}", .headers = {"If-Match: \"v77\""}),
        "precondition_failed");
    expect_status(
        CALL("PUT", path, .token = teacher.access, .json = "{\"name\":\"N\"}", .headers = {F("If-Match: %s", etag)}),
        200);
    expect_problem(CALL("DELETE", path, .token = teacher.access, .headers = {F("If-Match: %s", etag)}),
                   "precondition_failed");
    expect_status(CALL("DELETE", path, .token = teacher.access), 204);
}
END_TEST

START_TEST(lists_and_me)
{
    fixture_t f = fixture();
    reply_t *list = CALL("GET", "/api/v1/courses");
    expect_status(CALL("GET", "/api/v1/courses", .headers = {F("If-None-Match: %s", header(list, "ETag"))}), 304);
    expect_status(CALL("PATCH", f.path, .token = f.owner.access, .json = "{\"title\":\"Other\"}"), 200);
    expect_status(CALL("GET", "/api/v1/courses", .headers = {F("If-None-Match: %s", header(list, "ETag"))}), 200);
    reply_t *me = CALL("GET", "/api/v1/auth/me", .token = f.owner.access);
    ck_assert_ptr_nonnull(header(me, "ETag"));
    expect_status(CALL("GET", "/api/v1/auth/me", .token = f.owner.access,
                       .headers = {F("If-None-Match: %s", header(me, "ETag"))}),
                  304);
}
END_TEST

/* Whoever names a state of what has none, or another one than there is. */
START_TEST(no_other_state)
{
    fixture_t f = fixture();
    const char *const stale[] = {"If-Match: \"v99\"", "If-Match: \"other\""};
    for (int i = 0; i < 2; i++) {
        expect_problem(CALL("DELETE", "/api/v1/auth/sessions/1", .token = f.owner.access, .headers = {stale[i]}),
                       "precondition_failed");
        expect_problem(CALL("DELETE", "/api/v1/users/me", .token = f.owner.access, .headers = {stale[i]},
                            .json = F("{\"password\":\"%s\"}", f.owner.password)),
                       "precondition_failed");
    }
    const char *me = header(CALL("GET", "/api/v1/users/me", .token = f.owner.access), "ETag");
    expect_problem(
        CALL("DELETE", "/api/v1/auth/sessions/1", .token = person("student").access, .headers = {"If-Match: *"}),
        "not_found");
    expect_status(CALL("DELETE", "/api/v1/users/me", .token = f.owner.access, .headers = {F("If-Match: %s", me)},
                       .json = F("{\"password\":\"%s\"}", f.owner.password)),
                  204);
}
END_TEST

/* The lost update: of many who change the same version, one wins. */
typedef struct race_t {
    fixture_t f;
    int statuses[10];
} race_t;

static void change_one(int i, void *baton)
{
    race_t *race = baton;
    race->statuses[i] = CALL("PATCH", race->f.path, .token = race->f.owner.access,
                             .json = F("{\"title\":\"By %d\"}", i), .headers = {F("If-Match: %s", race->f.etag)})
                            ->status;
}

START_TEST(no_lost_update)
{
    race_t race = {.f = fixture()};
    int won = 0;
    parallel(10, change_one, &race);
    for (int i = 0; i < 10; i++) {
        won += race.statuses[i] == 200;
        ck_assert_msg(race.statuses[i] == 200 || race.statuses[i] == 412 || race.statuses[i] == 503, "%d",
                      race.statuses[i]);
    }
    ck_assert_int_eq(won, 1);
}
END_TEST

START_TEST(merge_patch)
{
    fixture_t f = fixture();
    static const char type[] = "application/merge-patch+json";
    expect_status(CALL("PATCH", f.path, .token = f.owner.access, .json = "{\"title\":\"M\"}", .type = type), 200);
    expect_status(CALL("PATCH", f.path, .token = f.owner.access, .json = "{\"organization_id\":null}", .type = type),
                  200);
    expect_problem(CALL("PATCH", f.path, .token = f.owner.access, .json = "[]", .type = type), "validation_failed");
    expect_problem(CALL("PATCH", f.path, .token = f.owner.access, .json = "[{\"op\":\"remove\",\"path\":\"/title\"}]",
                        .type = "application/json-patch+json"),
                   "unsupported_media_type");
    expect_problem(CALL("PUT", f.path, .token = f.owner.access, .json = "{\"title\":\"M\"}", .type = type),
                   "unsupported_media_type");
}
END_TEST

Suite *suite_conditional(void)
{
    Suite *suite = suite_create("conditional");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, if_none_match);
    tcase_add_test(all, if_match_on_each_method);
    tcase_add_test(all, rights_before_preconditions);
    tcase_add_test(all, achievements_too);
    tcase_add_test(all, lists_and_me);
    tcase_add_test(all, no_other_state);
    tcase_add_test(all, no_lost_update);
    tcase_add_test(all, merge_patch);
    return suite;
}
