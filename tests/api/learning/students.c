/* SPDX-License-Identifier: Apache-2.0
 * Students in bulk, how far they have come, prerequisites and the way to a course (SPEC 6).
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static char *path_of(json_int_t course, const char *name)
{
    return F("/api/v1/courses/%lld/%s", (long long)course, name);
}

static char *events(const char *event)
{
    return sql("SELECT count(*) FROM forge.audit_events WHERE event = '%s'", event);
}

START_TEST(many_are_enrolled_in_one_call)
{
    person_t teacher = person("instructor"), a = person("student"), proven = person_proven("student"),
             unproven = person("student"), gone = person("student");
    json_int_t course = course_of(teacher, "Graphs");
    sql("UPDATE forge.users SET is_active = false WHERE id = %lld", (long long)gone.id);
    char *guest = sql("INSERT INTO forge.users (username, role) VALUES ('guest_9', 'guest') RETURNING id");
    reply_t *reply =
        CALL("POST", path_of(course, "students"), .token = teacher.access,
             .json = F("{\"user_ids\":[%lld,%lld,999999999,%s,%lld],\"emails\":[\"%s\",\"%s\","
                       "\"nobody@example.org\"]}",
                       (long long)a.id, (long long)a.id, guest, (long long)gone.id, proven.email, unproven.email));
    expect_status(reply, 200);
    static const char *const wanted[] = {"ok",        "unchanged", "not_found", "not_found",
                                         "not_found", "ok",        "not_found", "not_found"};
    for (int i = 0; i < 8; i++)
        ck_assert_str_eq(text_at(reply->json, F("/results/%d/status", i)), wanted[i]);
    ck_assert_uint_eq(json_array_size(at(reply->json, "/results")), 8);
    ck_assert_int_eq(int_at(reply->json, "/results/5/user_id"), proven.id);
    ck_assert_str_eq(text_at(reply->json, "/results/6/email"), unproven.email);
    ck_assert_ptr_null(maybe_at(reply->json, "/results/6/user_id"));
    ck_assert_str_eq(events("enrollment.created"), "2");
    ck_assert_str_eq(
        sql("SELECT bool_and(actor_id = %lld AND subject_id IN (%lld, %lld)) FROM forge.audit_events WHERE "
            "event = 'enrollment.created'",
            (long long)teacher.id, (long long)a.id, (long long)proven.id),
        "t");
    reply_t *list = CALL("GET", path_of(course, "students"), .token = teacher.access);
    ck_assert_uint_eq(json_array_size(list->json), 2);
    ck_assert_str_eq(text_at(list->json, "/0/username"), a.username);
    expect_silent(list, "example.org"); /* no address is shown */
    expect_problem(CALL("GET", path_of(course, "students"), .token = a.access), "not_owner");
    expect_problem(CALL("POST", path_of(course, "students"), .token = a.access, .json = "{\"user_ids\":[1]}"),
                   "not_owner");
    ck_assert_uint_eq(
        json_array_size(
            at(CALL("POST", path_of(course, "students"), .token = teacher.access, .json = "{}")->json, "/results")),
        0);
}
END_TEST

START_TEST(a_thousand_at_most)
{
    person_t teacher = person("instructor");
    json_int_t course = course_of(teacher, "Graphs");
    sql("INSERT INTO forge.users (email, username, password_hash) SELECT 's' || n || '@example.org', 's_' || n, "
        "'{sha256}$2y$12$' || repeat('a', 53) FROM generate_series(1, 1000) n");
    char *ids = sql("SELECT string_agg(id::text, ',') FROM forge.users WHERE username LIKE 's\\_%%'");
    reply_t *reply =
        CALL("POST", path_of(course, "students"), .token = teacher.access, .json = F("{\"user_ids\":[%s]}", ids));
    expect_status(reply, 200);
    ck_assert_uint_eq(json_array_size(at(reply->json, "/results")), 1000);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.enrollments"), "1000");
    reply = CALL("POST", path_of(course, "students"), .token = teacher.access,
                 .json = F("{\"user_ids\":[%s],\"emails\":[\"a@example.org\"]}", ids));
    expect_fault(reply, "/emails", "too_long");
    reply = CALL("POST", path_of(course, "students"), .token = teacher.access,
                 .json = "{\"user_ids\":[0],\"emails\":[\"no address\"]}");
    expect_fault(reply, "/user_ids/0", "out_of_range");
    expect_fault(reply, "/emails/0", "format");
    reply = CALL("GET", F("%s?count=true", path_of(course, "students")), .token = teacher.access);
    ck_assert_str_eq(header(reply, "X-Total-Count"), "1000");
    ck_assert_ptr_nonnull(strstr(header(reply, "Link"), "rel=\"next\""));
}
END_TEST

START_TEST(students_of_an_organisation_are_its_members)
{
    person_t teacher = person("instructor"), inside = person_proven("student"), outside = person_proven("student");
    json_int_t course = course_of(teacher, "Inside");
    member_of(teacher, "org", "owner");
    member_of(inside, "org", "member");
    sql("UPDATE forge.courses SET organization_id = (SELECT id FROM forge.organizations)");
    reply_t *reply = CALL("POST", path_of(course, "students"), .token = teacher.access,
                          .json = F("{\"user_ids\":[%lld,%lld],\"emails\":[\"%s\"]}", (long long)inside.id,
                                    (long long)outside.id, outside.email));
    ck_assert_str_eq(text_at(reply->json, "/results/0/status"), "ok");
    ck_assert_str_eq(text_at(reply->json, "/results/1/status"), "failed");
    ck_assert_str_eq(text_at(reply->json, "/results/1/code"), "not_member");
    ck_assert_str_eq(text_at(reply->json, "/results/2/status"), "not_found");
    ck_assert_ptr_null(maybe_at(reply->json, "/results/2/user_id"));
    static const char *const hidden[] = {"modules", "students", "progress", "prerequisites", "path"};
    for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++)
        expect_problem(CALL("GET", path_of(course, hidden[i]), .token = outside.access), "not_found");
}
END_TEST

/* A module with `lessons` lessons in a course, and the number of the first. */
static json_int_t content(json_int_t course, int lessons)
{
    sql("INSERT INTO forge.modules (course_id, title) VALUES (%lld, 'M')", (long long)course);
    for (int i = 0; i < lessons; i++)
        sql("INSERT INTO forge.lessons (course_id, module_id, title) SELECT course_id, id, 'L' FROM forge.modules "
            "WHERE "
            "course_id = %lld",
            (long long)course);
    return atoll(sql("SELECT min(id) FROM forge.lessons WHERE course_id = %lld", (long long)course));
}

START_TEST(progress_is_shown_to_whom_it_concerns)
{
    person_t teacher = person("instructor"), a = person("student"), b = person("student"), other = person("student");
    json_int_t course = course_of(teacher, "Graphs"), lesson = content(course, 3);
    sql("INSERT INTO forge.exercises (course_id, author_id, title) VALUES (%lld, %lld, 'E')", (long long)course,
        (long long)teacher.id);
    sql("INSERT INTO forge.enrollments (course_id, user_id) VALUES (%1$lld, %2$lld), (%1$lld, %3$lld)",
        (long long)course, (long long)a.id, (long long)b.id);
    sql("INSERT INTO forge.progress (user_id, lesson_id, status) VALUES (%1$lld, %2$lld, 'completed'), (%1$lld, "
        "%3$lld, "
        "'in_progress')",
        (long long)a.id, (long long)lesson, (long long)lesson + 1);
    sql("INSERT INTO forge.progress (user_id, exercise_id, status, score) SELECT %lld, id, 'completed', 80 FROM "
        "forge.exercises",
        (long long)a.id);
    reply_t *all = CALL("GET", path_of(course, "progress"), .token = teacher.access),
            *own = CALL("GET", path_of(course, "progress"), .token = a.access);
    ck_assert_uint_eq(json_array_size(all->json), 2);
    ck_assert_uint_eq(json_array_size(own->json), 1);
    ck_assert(json_equal(at(own->json, "/0"), at(all->json, "/0")));
    ck_assert_int_eq(int_at(own->json, "/0/completed"), 2);
    ck_assert_int_eq(int_at(own->json, "/0/total"), 4);
    ck_assert_int_eq(int_at(own->json, "/0/percent"), 50);
    ck_assert_int_eq(int_at(own->json, "/0/score"), 80);
    ck_assert(json_is_null(at(all->json, "/1/last_active_at")));
    sql("UPDATE forge.lessons SET published = false WHERE id = %lld", (long long)lesson);
    own = CALL("GET", path_of(course, "progress"), .token = a.access);
    ck_assert_int_eq(int_at(own->json, "/0/completed"), 1);
    ck_assert_int_eq(int_at(own->json, "/0/percent"), 33);
    ck_assert_uint_eq(json_array_size(CALL("GET", path_of(course, "progress"), .token = other.access)->json), 0);
    expect_problem(CALL("GET", path_of(course, "progress")), "unauthenticated");
}
END_TEST

static int put(person_t who, json_int_t course, const char *ids)
{
    return CALL("PUT", path_of(course, "prerequisites"), .token = who.access, .json = F("{\"course_ids\":[%s]}", ids))
        ->status;
}

/* "3 1 2": the numbers in a list of courses, less `first`. */
static char *numbers(const json_t *list, json_int_t first)
{
    char *text = F("%s", "");
    for (size_t i = 0; i < json_array_size(list); i++)
        text = F("%s%s%lld", text, i ? " " : "", (long long)(int_at(json_array_get(list, i), "/id") - first));
    return text;
}

START_TEST(the_way_to_a_course_has_an_order_that_works)
{
    person_t teacher = person("instructor");
    json_int_t c[6];
    for (int i = 0; i < 6; i++)
        c[i] = course_of(teacher, F("C%d", i));
    /* 0 needs 1 and 2; 1 needs 3; 2 needs 1 and 4; 3 needs 4 */
    ck_assert_int_eq(put(teacher, c[0], F("%lld,%lld,%lld", (long long)c[1], (long long)c[2], (long long)c[1])), 200);
    ck_assert_int_eq(put(teacher, c[1], F("%lld", (long long)c[3])), 200);
    ck_assert_int_eq(put(teacher, c[2], F("%lld,%lld", (long long)c[1], (long long)c[4])), 200);
    ck_assert_int_eq(put(teacher, c[3], F("%lld", (long long)c[4])), 200);
    ck_assert_str_eq(numbers(CALL("GET", path_of(c[0], "path"))->json, c[0]), "4 3 1 2");
    ck_assert_str_eq(numbers(CALL("GET", path_of(c[4], "path"))->json, c[0]), "");
    reply_t *page = CALL("GET", F("%s?limit=3", path_of(c[0], "path")));
    char *next = strstr(header(page, "Link"), "rel=\"next\"");
    while (*next != '<')
        next--;
    ck_assert_str_eq(numbers(CALL("GET", F("%.*s", (int)strcspn(next + 1, ">"), next + 1))->json, c[0]), "2");
    reply_t *closed = CALL("PUT", path_of(c[4], "prerequisites"), .token = teacher.access,
                           .json = F("{\"course_ids\":[%lld,%lld]}", (long long)c[5], (long long)c[0]));
    expect_problem(closed, "prerequisite_cycle");
    ck_assert_uint_eq(json_array_size(at(CALL("GET", path_of(c[4], "prerequisites"))->json, "/course_ids")), 0);
    expect_problem(CALL("PUT", path_of(c[5], "prerequisites"), .token = teacher.access,
                        .json = F("{\"course_ids\":[%lld]}", (long long)c[5])),
                   "prerequisite_cycle");
    sql("UPDATE forge.courses SET status = 'draft' WHERE id = %lld", (long long)c[3]);
    ck_assert_str_eq(numbers(CALL("GET", path_of(c[0], "path"))->json, c[0]), "4 1 2"); /* a draft is not shown … */
    ck_assert_uint_eq(json_array_size(at(CALL("GET", path_of(c[1], "prerequisites"))->json, "/course_ids")), 0);
    ck_assert_str_eq(numbers(CALL("GET", path_of(c[0], "path"), .token = teacher.access)->json, c[0]), "4 3 1 2");
}
END_TEST

START_TEST(prerequisites_are_the_owners)
{
    person_t teacher = person("instructor"), other = person("instructor");
    json_int_t course = course_of(teacher, "C"), first = course_of(other, "F"), hidden = course_of(other, "H");
    sql("UPDATE forge.courses SET status = 'draft' WHERE id = %lld", (long long)hidden);
    ck_assert_int_eq(put(other, course, ""), 403);
    reply_t *unknown = CALL("PUT", path_of(course, "prerequisites"), .token = teacher.access,
                            .json = F("{\"course_ids\":[%lld]}", (long long)hidden));
    expect_problem(unknown, "bad_reference");
    expect_fault(unknown, "/course_ids", "unknown");
    expect_fault(
        CALL("PUT", path_of(course, "prerequisites"), .token = teacher.access, .json = "{\"course_ids\":[-1]}"),
        "/course_ids/0", "out_of_range");
    expect_fault(CALL("PUT", path_of(course, "prerequisites"), .token = teacher.access, .json = "{}"), "/course_ids",
                 "required");
    char *tag =
        F("If-Match: %s", header(CALL("GET", path_of(course, "prerequisites"), .token = teacher.access), "ETag"));
    reply_t *reply = CALL("PUT", path_of(course, "prerequisites"), .token = teacher.access, .headers = {tag},
                          .json = F("{\"course_ids\":[%lld]}", (long long)first));
    expect_status(reply, 200);
    ck_assert_int_eq(int_at(reply->json, "/course_ids/0"), first);
    expect_problem(CALL("PUT", path_of(course, "prerequisites"), .token = teacher.access, .headers = {tag},
                        .json = "{\"course_ids\":[]}"),
                   "precondition_failed");
    reply_t *read = CALL("GET", path_of(course, "prerequisites"), .token = teacher.access);
    ck_assert_str_eq(header(read, "ETag"), header(reply, "ETag"));
    expect_status(CALL("GET", path_of(course, "prerequisites"), .token = teacher.access,
                       .headers = {F("If-None-Match: %s", header(read, "ETag"))}),
                  304);
    ck_assert_int_eq(put(teacher, course, ""), 200);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.prerequisites"), "0");
}
END_TEST

typedef struct circle_t {
    person_t who;
    json_int_t course[4];
    int closed;
} circle_t;

static void put_one(int i, void *baton)
{
    circle_t *circle = baton;
    reply_t *reply = CALL("PUT", path_of(circle->course[i % 4], "prerequisites"), .token = circle->who.access,
                          .json = F("{\"course_ids\":[%lld]}", (long long)circle->course[(i + 1) % 4]));
    if (reply->status == 409)
        __atomic_add_fetch(&circle->closed, 1, __ATOMIC_RELAXED);
    else if (reply->status != 200)
        fail_later("a quarter of a circle: %d %s", reply->status, reply->body);
}

START_TEST(one_of_those_who_close_a_circle_fails)
{
    circle_t circle = {.who = person("instructor")};
    for (int i = 0; i < 4; i++)
        circle.course[i] = course_of(circle.who, "C");
    for (int round = 0; round < 5; round++) {
        circle.closed = 0;
        sql("DELETE FROM forge.prerequisites");
        parallel(4, put_one, &circle);
        ck_assert_int_eq(circle.closed, 1);
        ck_assert_str_eq(sql("SELECT count(*) FROM forge.prerequisites"), "3");
    }
}
END_TEST

START_TEST(what_comes_before_is_completed_before)
{
    person_t teacher = person("instructor"), other = person("instructor"), student = person("student");
    json_int_t course = course_of(teacher, "C"), first = course_of(other, "F"), empty = course_of(other, "E"),
               hidden = course_of(other, "H");
    content(first, 1);
    content(hidden, 1);
    ck_assert_int_eq(put(teacher, course, F("%lld,%lld,%lld", (long long)first, (long long)empty, (long long)hidden)),
                     200);
    sql("UPDATE forge.courses SET status = 'draft' WHERE id = %lld", (long long)hidden);
    reply_t *refused = CALL("POST", path_of(course, "enrollment"), .token = student.access);
    expect_problem(refused, "prerequisites_unmet");
    ck_assert_str_eq(text_at(refused->json, "/detail"),
                     F("courses to complete before this one: %lld", (long long)first));
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.enrollments"), "0");
    expect_status(CALL("POST", path_of(course, "enrollment"), .token = teacher.access), 201); /* its owner */
    expect_status(CALL("POST", path_of(course, "enrollment"), .token = other.access), 201); /* who teaches the first */
    sql("INSERT INTO forge.course_completions (course_id, user_id) VALUES (%lld, %lld)", (long long)first,
        (long long)student.id);
    expect_status(CALL("POST", path_of(course, "enrollment"), .token = student.access), 201);
    person_t late = person("student");
    expect_status(CALL("POST", path_of(course, "students"), .token = teacher.access,
                       .json = F("{\"user_ids\":[%lld]}", (long long)late.id)),
                  200);
    expect_status(CALL("POST", path_of(course, "enrollment"), .token = late.access), 200); /* is enrolled already */
}
END_TEST

Suite *suite_students(void)
{
    Suite *suite = suite_create("students");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, many_are_enrolled_in_one_call);
    tcase_add_test(all, a_thousand_at_most);
    tcase_add_test(all, students_of_an_organisation_are_its_members);
    tcase_add_test(all, progress_is_shown_to_whom_it_concerns);
    tcase_add_test(all, the_way_to_a_course_has_an_order_that_works);
    tcase_add_test(all, prerequisites_are_the_owners);
    tcase_add_test(all, one_of_those_who_close_a_circle_fails);
    tcase_add_test(all, what_comes_before_is_completed_before);
    return suite;
}
