/* SPDX-License-Identifier: Apache-2.0
 * Progress over the API: the upsert and its rules, the summary, guests who become accounts (SPEC 7).
 */
#include "harness.h"

#include <string.h>

static const char base[] = "/api/v1/progress";

/* A course with two lessons and one exercise; their numbers. */
typedef struct material_t {
    json_int_t course, lessons[2], exercise;
} material_t;

static long long number(char *text)
{
    long long n = 0;
    for (; *text; text++)
        n = n * 10 + *text - '0';
    return n;
}

static material_t material_make(person_t teacher)
{
    material_t m = {.course = course_of(teacher, "Course")};
    char *module =
        sql("INSERT INTO forge.modules (course_id, title) VALUES (%lld, 'M') RETURNING id", (long long)m.course);
    for (int i = 0; i < 2; i++)
        m.lessons[i] = number(sql("INSERT INTO forge.lessons (course_id, module_id, title) VALUES (%lld, %s, 'L') "
                                  "RETURNING id",
                                  (long long)m.course, module));
    reply_t *made = CALL("POST", "/api/v1/exercises", .token = teacher.access,
                         .json = F("{\"title\":\"E\",\"course_id\":%lld,\"tests\":[{\"name\":\"t\",\"points\":10}]}",
                                   (long long)m.course));
    expect_status(made, 201);
    m.exercise = int_at(made->json, "/id");
    return m;
}

static reply_t *put(person_t who, const char *what, json_int_t id, const char *rest)
{
    return CALL("POST", base, .token = who.access, .json = F("{\"%s_id\":%lld%s}", what, (long long)id, rest));
}

static reply_t *summary(person_t who)
{
    reply_t *reply = CALL("GET", F("%s/summary", base), .token = who.access);
    expect_status(reply, 200);
    return reply;
}

START_TEST(saved_again_and_again)
{
    person_t student = person("student");
    material_t m = material_make(person("instructor"));
    reply_t *first = put(student, "lesson", m.lessons[0], ",\"status\":\"completed\",\"score\":70,\"data\":{\"p\":1}");
    expect_status(first, 200);
    ck_assert_int_eq(int_at(first->json, "/course_id"), m.course);
    ck_assert(json_is_null(at(first->json, "/exercise_id")));
    reply_t *later = put(student, "lesson", m.lessons[0], ",\"status\":\"in_progress\",\"score\":50");
    expect_status(later, 200);
    ck_assert_str_eq(text_at(later->json, "/status"), "completed");
    ck_assert_int_eq(int_at(later->json, "/score"), 70);
    ck_assert_int_eq(int_at(later->json, "/data/p"), 1);
    ck_assert_int_eq(int_at(later->json, "/id"), int_at(first->json, "/id"));
    ck_assert_str_eq(text_at(later->json, "/completed_at"), text_at(first->json, "/completed_at"));
    expect_status(put(student, "exercise", m.exercise, ""), 200);
    reply_t *all = CALL("GET", base, .token = student.access);
    ck_assert_uint_eq(json_array_size(all->json), 2);
    ck_assert_uint_eq(json_array_size(CALL("GET", F("%s?limit=1", base), .token = student.access)->json), 1);
    ck_assert_uint_eq(
        json_array_size(
            CALL("GET", F("%s?course_id=%lld", base, (long long)m.course + 1), .token = student.access)->json),
        0);
    ck_assert_uint_eq(json_array_size(CALL("GET", base, .token = person("student").access)->json), 0);
    expect_problem(CALL("GET", base), "unauthenticated");
}
END_TEST

START_TEST(what_is_refused)
{
    person_t student = person("student");
    material_t m = material_make(person("instructor"));
    expect_fault(CALL("POST", base, .token = student.access, .json = "{\"status\":\"completed\"}"), "/lesson_id",
                 "required");
    expect_fault(put(student, "lesson", m.lessons[0], F(",\"exercise_id\":%lld", (long long)m.exercise)),
                 "/exercise_id", "conflict");
    expect_fault(put(student, "lesson", m.lessons[0], ",\"status\":\"done\""), "/status", "enum");
    expect_fault(put(student, "lesson", m.lessons[0], ",\"score\":101"), "/score", "out_of_range");
    expect_fault(put(student, "lesson", m.lessons[0], ",\"data\":[]"), "/data", "type");
    expect_fault(put(student, "lesson", m.lessons[0], F(",\"data\":{\"x\":\"%016400d\"}", 0)), "/data", "too_long");
    expect_fault(put(student, "lesson", 999999, ""), "/lesson_id", "unknown");
    expect_fault(put(student, "exercise", 999999, ""), "/exercise_id", "unknown");
    sql("UPDATE forge.lessons SET published = false");
    expect_fault(put(student, "lesson", m.lessons[0], ""), "/lesson_id", "unknown");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.progress"), "0");
}
END_TEST

START_TEST(repeated_by_key)
{
    person_t student = person("student");
    material_t m = material_make(person("instructor"));
    for (int i = 0; i < 2; i++) {
        reply_t *reply =
            CALL("POST", base, .token = student.access, .json = F("{\"lesson_id\":%lld}", (long long)m.lessons[0]),
                 .headers = {"Idempotency-Key: k"});
        expect_status(reply, 200);
        ck_assert_int_eq(int_at(reply->json, "/version"), 1);
    }
}
END_TEST

START_TEST(summed_up)
{
    person_t student = person("student");
    material_t m = material_make(person("instructor"));
    ck_assert_uint_eq(json_array_size(at(summary(student)->json, "/courses")), 0);
    expect_status(put(student, "lesson", m.lessons[0], ",\"status\":\"completed\""), 200);
    expect_status(put(student, "exercise", m.exercise, ",\"status\":\"completed\",\"score\":90"), 200);
    reply_t *most = summary(student);
    ck_assert_int_eq(int_at(most->json, "/courses/0/course_id"), m.course);
    ck_assert_int_eq(int_at(most->json, "/courses/0/completed"), 2);
    ck_assert_int_eq(int_at(most->json, "/courses/0/total"), 3);
    ck_assert_int_eq(int_at(most->json, "/courses/0/percent"), 66);
    ck_assert(json_is_null(at(most->json, "/courses/0/completed_at")));
    ck_assert_int_eq(int_at(most->json, "/completed_exercises"), 1);
    ck_assert_int_eq(int_at(most->json, "/points"), 9);
    ck_assert_int_eq(int_at(most->json, "/streak_days"), 1);
    expect_status(put(student, "lesson", m.lessons[1], ",\"status\":\"completed\""), 200);
    const char *when = text_at(summary(student)->json, "/courses/0/completed_at");
    sql("INSERT INTO forge.lessons (course_id, module_id, title) SELECT course_id, module_id, 'later' FROM "
        "forge.lessons WHERE id = %lld",
        (long long)m.lessons[0]);
    reply_t *later = summary(student);
    ck_assert_int_eq(int_at(later->json, "/courses/0/percent"), 75);
    ck_assert_str_eq(text_at(later->json, "/courses/0/completed_at"), when); /* what was completed stays completed */
}
END_TEST

typedef struct rush_t {
    const char *token, *bodies[3];
} rush_t;

static void save_one(int i, void *baton)
{
    rush_t *rush = baton;
    reply_t *reply = CALL("POST", base, .token = rush->token, .json = rush->bodies[i % 3]);
    if (reply->status != 200 && reply->status != 503)
        fail_later("saving at once: %d %s", reply->status, reply->body);
}

/* Three lessons and exercises of a course, each saved ten times at once: completed, and awarded once. */
START_TEST(saved_at_once)
{
    person_t teacher = person("instructor"), student = person("student");
    material_t m = material_make(teacher);
    rush_t rush = {.token = student.access};
    for (int i = 0; i < 3; i++)
        rush.bodies[i] = F("{\"%s_id\":%lld,\"status\":\"completed\"}", i < 2 ? "lesson" : "exercise",
                           (long long)(i < 2 ? m.lessons[i] : m.exercise));
    expect_status(CALL("POST", "/api/v1/achievements", .token = teacher.access,
                       .json = F("{\"name\":\"Whole\",\"rule\":{\"event\":\"course_completed\",\"count\":1,"
                                 "\"course_id\":%lld}}",
                                 (long long)m.course)),
                  201);
    parallel(30, save_one, &rush);
    for (int i = 0; i < 3; i++)
        save_one(i, &rush); /* whatever was refused for want of a connection */
    ck_assert_str_eq(sql("SELECT (SELECT count(*) FROM forge.progress WHERE status = 'completed') || ' ' || (SELECT "
                         "count(*) FROM forge.course_completions) || ' ' || (SELECT count(*) FROM "
                         "forge.user_achievements)"),
                     "3 1 1");
}
END_TEST

START_TEST(guests_keep_it_when_they_register)
{
    material_t m = material_make(person("instructor"));
    reply_t *begun = CALL("POST", "/api/v1/auth/guest");
    person_t guest = {.id = int_at(begun->json, "/user/id"), .access = text_at(begun->json, "/access_token")};
    sql("INSERT INTO forge.achievements (name, rule_event, rule_count) VALUES ('First', 'exercise_completed', 1)");
    expect_status(put(guest, "lesson", m.lessons[0], ",\"status\":\"completed\",\"data\":{\"p\":7}"), 200);
    expect_status(put(guest, "exercise", m.exercise, ",\"status\":\"completed\",\"score\":100"), 200);
    reply_t *before = summary(guest);
    expect_problem(CALL("GET", F("/api/v1/users/%lld/achievements", (long long)guest.id)), "not_found");
    reply_t *registered = CALL("POST", "/api/v1/auth/register", .token = guest.access,
                               .json = "{\"email\":\"was.guest@example.org\",\"password\":\"Brisk9-Otter?Lamp\"}");
    expect_status(registered, 201);
    person_t who = {.id = int_at(registered->json, "/user/id"), .access = text_at(registered->json, "/access_token")};
    ck_assert_int_eq(who.id, guest.id);
    ck_assert(json_equal(summary(who)->json, before->json));
    ck_assert_int_eq(int_at(CALL("GET", base, .token = who.access)->json, "/0/data/p"), 7);
    reply_t *has = CALL("GET", F("/api/v1/users/%lld/achievements", (long long)who.id));
    ck_assert_str_eq(text_at(has->json, "/0/name"), "First");
    ck_assert(json_is_null(at(has->json, "/0/awarded_by")));
}
END_TEST

Suite *suite_progress(void)
{
    Suite *suite = suite_create("progress");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, saved_again_and_again);
    tcase_add_test(all, what_is_refused);
    tcase_add_test(all, repeated_by_key);
    tcase_add_test(all, summed_up);
    tcase_add_test(all, saved_at_once);
    tcase_add_test(all, guests_keep_it_when_they_register);
    return suite;
}
