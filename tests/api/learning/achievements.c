/* SPDX-License-Identifier: Apache-2.0
 * Achievements without rules and awards (SPEC 8).
 */
#include "harness.h"

#include <string.h>

static const char base[] = "/api/v1/achievements";

START_TEST(life_of_an_achievement)
{
    person_t teacher = person("instructor");
    reply_t *made = CALL(
        "POST", base, .token = teacher.access,
        .json = "{\"name\":\"First steps\",\"description\":\"One lesson\",\"points\":5,\"icon\":\"\xf0\x9f\x8f\x86\"}");
    expect_status(made, 201);
    char *path = F("%s/%lld", base, (long long)int_at(made->json, "/id"));
    ck_assert_str_eq(header(made, "Location"), path);
    ck_assert_str_eq(text_at(made->json, "/icon"), "\xf0\x9f\x8f\x86");
    ck_assert_int_eq(int_at(made->json, "/points"), 5);
    reply_t *read = CALL("GET", path);
    expect_status(read, 200);
    ck_assert(json_equal(read->json, made->json));
    reply_t *put = CALL("PUT", path, .token = teacher.access, .json = "{\"name\":\"Second steps\"}");
    expect_status(put, 200);
    ck_assert_str_eq(text_at(put->json, "/name"), "Second steps");
    ck_assert_int_eq(int_at(put->json, "/points"), 0);
    ck_assert_str_ne(header(put, "ETag"), header(made, "ETag"));
    ck_assert_uint_eq(json_array_size(CALL("GET", base)->json), 1);
    expect_status(CALL("DELETE", path, .token = teacher.access), 204);
    expect_problem(CALL("GET", path), "not_found");
    expect_problem(CALL("DELETE", path, .token = teacher.access), "not_found");
}
END_TEST

START_TEST(who_may)
{
    person_t student = person("student"), teacher = person("instructor"), admin = person("admin");
    expect_problem(CALL("POST", base, .json = "{\"name\":\"N\"}"), "unauthenticated");
    expect_problem(CALL("POST", base, .token = student.access, .json = "{\"name\":\"N\"}"), "insufficient_scope");
    reply_t *made = CALL("POST", base, .token = admin.access, .json = "{\"name\":\"N\"}");
    expect_status(made, 201);
    const char *path = header(made, "Location");
    expect_problem(CALL("PUT", path, .token = student.access, .json = "{\"name\":\"M\"}"), "insufficient_scope");
    expect_problem(CALL("DELETE", path, .token = student.access), "insufficient_scope");
    expect_problem(CALL("DELETE", path), "unauthenticated");
    expect_problem(CALL("PUT", path, .token = teacher.access, .json = "{\"name\":\"M\"}"), "not_owner");
    expect_status(CALL("DELETE", path, .token = admin.access), 204);
}
END_TEST

START_TEST(only_the_maker_or_an_administrator_changes_one)
{
    person_t maker = person("instructor"), other = person("instructor"), admin = person("admin");
    reply_t *made = CALL("POST", base, .token = maker.access, .json = "{\"name\":\"Mine\"}");
    expect_status(made, 201);
    const char *path = header(made, "Location");
    expect_problem(CALL("PUT", path, .token = other.access, .json = "{\"name\":\"Theirs\"}"), "not_owner");
    expect_problem(CALL("DELETE", path, .token = other.access), "not_owner");
    expect_problem(CALL("DELETE", path, .token = other.access, .headers = {"If-Match: \"1\""}), "not_owner");
    expect_status(CALL("PUT", path, .token = maker.access, .json = "{\"name\":\"Still mine\"}"), 200);
    expect_status(CALL("PUT", path, .token = admin.access, .json = "{\"name\":\"Mended\"}"), 200);
    sql("UPDATE forge.achievements SET created_by = NULL"); /* as those are that were there before */
    expect_problem(CALL("PUT", path, .token = maker.access, .json = "{\"name\":\"Mine again\"}"), "not_owner");
    expect_status(CALL("DELETE", path, .token = admin.access), 204);
}
END_TEST

START_TEST(names_are_unique_and_members_bounded)
{
    person_t teacher = person("instructor");
    expect_status(CALL("POST", base, .token = teacher.access, .json = "{\"name\":\"Unique\"}"), 201);
    expect_problem(CALL("POST", base, .token = teacher.access, .json = "{\"name\":\"Unique\"}"), "name_taken");
    reply_t *other = CALL("POST", base, .token = teacher.access, .json = "{\"name\":\"Other\"}");
    expect_problem(CALL("PUT", header(other, "Location"), .token = teacher.access, .json = "{\"name\":\"Unique\"}"),
                   "name_taken");
    expect_fault(CALL("POST", base, .token = teacher.access, .json = "{\"points\":1}"), "/name", "required");
    expect_fault(CALL("POST", base, .token = teacher.access, .json = "{\"name\":\"\"}"), "/name", "too_short");
    expect_fault(CALL("POST", base, .token = teacher.access, .json = "{\"name\":\"N\",\"points\":-1}"), "/points",
                 "out_of_range");
    expect_fault(CALL("POST", base, .token = teacher.access, .json = "{\"name\":\"N\",\"points\":2147483648}"),
                 "/points", "out_of_range");
    expect_fault(CALL("POST", base, .token = teacher.access, .json = "{\"name\":\"N\",\"points\":\"5\"}"), "/points",
                 "type");
    char icon[400] = "";
    for (int i = 0; i < 64; i++)
        strcat(icon, "\xf0\x9f\x98\x80");
    expect_status(
        CALL("POST", base, .token = teacher.access, .json = F("{\"name\":\"Sixty-four\",\"icon\":\"%s\"}", icon)), 201);
    expect_fault(
        CALL("POST", base, .token = teacher.access, .json = F("{\"name\":\"Sixty-five\",\"icon\":\"%sx\"}", icon)),
        "/icon", "too_long");
}
END_TEST

typedef struct race_t {
    const char *token;
    int statuses[16];
} race_t;

static void create_one(int i, void *baton)
{
    race_t *race = baton;
    race->statuses[i] = CALL("POST", base, .token = race->token, .json = "{\"name\":\"Raced\"}")->status;
}

START_TEST(parallel_creation_makes_one)
{
    person_t teacher = person("instructor");
    race_t race = {.token = teacher.access};
    int made = 0;
    parallel(16, create_one, &race);
    for (int i = 0; i < 16; i++)
        made += race.statuses[i] == 201;
    ck_assert_int_eq(made, 1);
}
END_TEST

Suite *suite_achievements(void)
{
    Suite *suite = suite_create("achievements");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, life_of_an_achievement);
    tcase_add_test(all, who_may);
    tcase_add_test(all, only_the_maker_or_an_administrator_changes_one);
    tcase_add_test(all, names_are_unique_and_members_bounded);
    tcase_add_test(all, parallel_creation_makes_one);
    return suite;
}
