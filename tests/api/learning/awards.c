/* SPDX-License-Identifier: Apache-2.0
 * Rules of achievements, awards by hand, and what an account has (SPEC 8).
 */
#include "harness.h"

static const char base[] = "/api/v1/achievements";

static reply_t *make(person_t who, const char *name, const char *rule)
{
    return CALL("POST", base, .token = who.access, .json = F("{\"name\":\"%s\",\"points\":5,\"rule\":%s}", name, rule));
}

static char *path_of(const reply_t *made, const char *more)
{
    return F("%s/%lld%s", base, (long long)int_at(made->json, "/id"), more);
}

static reply_t *has(person_t who)
{
    return CALL("GET", F("/api/v1/users/%lld/achievements", (long long)who.id));
}

START_TEST(rules_are_kept_and_changed)
{
    person_t teacher = person("instructor");
    json_int_t course = course_of(teacher, "Course");
    reply_t *made = make(teacher, "Ten", "{\"event\":\"exercise_completed\",\"count\":10.0,\"more\":1}");
    expect_status(made, 201);
    ck_assert_str_eq(text_at(made->json, "/rule/event"), "exercise_completed");
    ck_assert_int_eq(int_at(made->json, "/rule/count"), 10);
    ck_assert(json_is_null(at(made->json, "/rule/course_id")));
    const char *path = path_of(made, "");
    reply_t *put = CALL("PUT", path, .token = teacher.access,
                        .json = F("{\"name\":\"Ten\",\"rule\":{\"event\":\"points\",\"count\":3,\"course_id\":%lld}}",
                                  (long long)course));
    expect_status(put, 200);
    ck_assert_int_eq(int_at(put->json, "/rule/course_id"), course);
    ck_assert(json_equal(CALL("GET", path)->json, put->json));
    put = CALL("PUT", path, .token = teacher.access, .json = "{\"name\":\"Ten\"}");
    ck_assert(json_is_null(at(put->json, "/rule")));
}
END_TEST

START_TEST(rules_that_cannot_be_met_are_refused)
{
    person_t teacher = person("instructor"), other = person("instructor");
    json_int_t course = course_of(teacher, "Course"), draft = course_of(other, "Draft");
    sql("UPDATE forge.courses SET status = 'draft' WHERE id = %lld", (long long)draft);
    const struct {
        const char *rule, *pointer, *code;
    } bad[] = {
        {"7", "/rule", "type"},
        {"{}", "/rule/event", "required"},
        {"{\"event\":\"luck\",\"count\":1}", "/rule/event", "enum"},
        {"{\"event\":\"points\"}", "/rule/count", "required"},
        {"{\"event\":\"points\",\"count\":0}", "/rule/count", "out_of_range"},
        {"{\"event\":\"points\",\"count\":1,\"course_id\":\"x\"}", "/rule/course_id", "type"},
        {"{\"event\":\"points\",\"count\":1,\"course_id\":999999}", "/rule/course_id", "unknown"},
        {F("{\"event\":\"points\",\"count\":1,\"course_id\":%lld}", (long long)draft), "/rule/course_id", "unknown"},
        {F("{\"event\":\"streak\",\"count\":3,\"course_id\":%lld}", (long long)course), "/rule/course_id", "conflict"},
        {F("{\"event\":\"course_completed\",\"count\":2,\"course_id\":%lld}", (long long)course), "/rule/count",
         "out_of_range"},
    };
    reply_t *plain = make(teacher, "Plain", "null");
    expect_status(plain, 201);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        expect_fault(make(teacher, "Bad", bad[i].rule), bad[i].pointer, bad[i].code);
        expect_fault(CALL("PUT", path_of(plain, ""), .token = teacher.access,
                          .json = F("{\"name\":\"Bad\",\"rule\":%s}", bad[i].rule)),
                     bad[i].pointer, bad[i].code);
    }
    ck_assert_uint_eq(json_array_size(CALL("GET", base)->json), 1);
    expect_problem(make(teacher, "Plain", "{\"event\":\"streak\",\"count\":3}"), "name_taken");
}
END_TEST

START_TEST(awarded_by_hand)
{
    person_t teacher = person("instructor"), student = person("student"), admin = person("admin");
    reply_t *made = make(teacher, "Gift", "null");
    const char *path = path_of(made, "/award"), *body = F("{\"user_id\":%lld}", (long long)student.id);
    reply_t *first = CALL("POST", path, .token = teacher.access, .json = body);
    expect_status(first, 201);
    ck_assert_str_eq(header(first, "Location"), F("/api/v1/users/%lld/achievements", (long long)student.id));
    reply_t *again = CALL("POST", path, .token = admin.access, .json = body);
    expect_status(again, 200);
    ck_assert(json_equal(again->json, first->json));
    ck_assert_int_eq(int_at(again->json, "/awarded_by"), teacher.id);
    ck_assert_str_eq(text_at(has(student)->json, "/0/name"), "Gift");
    ck_assert_str_eq(audited("achievement.awarded"), "1");
    expect_problem(CALL("POST", path, .token = student.access, .json = body), "insufficient_scope");
    expect_fault(CALL("POST", path, .token = teacher.access, .json = "{\"user_id\":999999999}"), "/user_id", "unknown");
    expect_fault(CALL("POST", path, .token = teacher.access, .json = "{}"), "/user_id", "required");
    expect_problem(CALL("POST", F("%s/999999/award", base), .token = teacher.access, .json = body), "not_found");
    ck_assert_int_eq(int_at(CALL("GET", "/api/v1/progress/summary", .token = student.access)->json, "/points"), 5);
    expect_status(CALL("DELETE", path_of(made, ""), .token = teacher.access), 204);
    ck_assert_uint_eq(json_array_size(has(student)->json), 0);
}
END_TEST

/* Two exercises, of which the second earns the first award, whose points earn the next. */
START_TEST(awarded_by_themselves)
{
    person_t teacher = person("instructor"), student = person("student");
    expect_status(make(teacher, "Two", "{\"event\":\"exercise_completed\",\"count\":2}"), 201);
    expect_status(make(teacher, "Five", "{\"event\":\"points\",\"count\":5}"), 201);
    for (int i = 0; i < 2; i++) {
        reply_t *exercise = CALL("POST", "/api/v1/exercises", .token = teacher.access, .json = "{\"title\":\"E\"}");
        expect_status(exercise, 201);
        ck_assert_uint_eq(json_array_size(has(student)->json), 0);
        expect_status(CALL("POST", "/api/v1/progress", .token = student.access,
                           .json = F("{\"exercise_id\":%lld,\"status\":\"completed\"}",
                                     (long long)int_at(exercise->json, "/id"))),
                      200);
    }
    reply_t *won = has(student);
    ck_assert_uint_eq(json_array_size(won->json), 2);
    ck_assert(json_is_null(at(won->json, "/0/awarded_by")));
    ck_assert_str_eq(text_at(won->json, "/1/name"), "Five");
    ck_assert_uint_eq(
        json_array_size(CALL("GET", F("/api/v1/users/%lld/achievements?limit=1", (long long)student.id))->json), 1);
}
END_TEST

START_TEST(closed_accounts_show_nothing)
{
    person_t teacher = person("instructor"), student = person("student"), admin = person("admin");
    const char *path = F("/api/v1/users/%lld/achievements", (long long)student.id);
    CALL("POST", path_of(make(teacher, "Gift", "null"), "/award"), .token = teacher.access,
         .json = F("{\"user_id\":%lld}", (long long)student.id));
    expect_status(CALL("GET", path), 200);
    sql("UPDATE forge.users SET is_active = false WHERE id = %lld", (long long)student.id);
    expect_problem(CALL("GET", path), "not_found");
    ck_assert_uint_eq(json_array_size(CALL("GET", path, .token = admin.access)->json), 1);
    expect_problem(CALL("GET", "/api/v1/users/999999999/achievements", .token = admin.access), "not_found");
}
END_TEST

Suite *suite_awards(void)
{
    Suite *suite = suite_create("awards");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, rules_are_kept_and_changed);
    tcase_add_test(all, rules_that_cannot_be_met_are_refused);
    tcase_add_test(all, awarded_by_hand);
    tcase_add_test(all, awarded_by_themselves);
    tcase_add_test(all, closed_accounts_show_nothing);
    return suite;
}
