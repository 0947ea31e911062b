/* SPDX-License-Identifier: Apache-2.0
 * Enrolment: one takes the courses one sees, once (SPEC 6, SECURITY 44).
 */
#include "harness.h"

#include <string.h>

static char *path_of(json_int_t course)
{
    return F("/api/v1/courses/%lld/enrollment", (long long)course);
}

START_TEST(enrolled_once)
{
    person_t teacher = person("instructor"), student = person("student");
    json_int_t course = course_of(teacher, "Open");
    reply_t *first = CALL("POST", path_of(course), .token = student.access);
    expect_status(first, 201);
    ck_assert_str_eq(header(first, "Location"), path_of(course));
    ck_assert_int_eq(int_at(first->json, "/course_id"), course);
    ck_assert_int_eq(int_at(first->json, "/user_id"), student.id);
    ck_assert_uint_eq(json_object_size(first->json), 3);
    reply_t *again = CALL("POST", path_of(course), .token = student.access);
    expect_status(again, 200);
    ck_assert_ptr_null(header(again, "Location"));
    ck_assert(json_equal(again->json, first->json));
    expect_status(CALL("DELETE", path_of(course), .token = student.access), 204);
    expect_status(CALL("DELETE", path_of(course), .token = student.access), 204);
    expect_status(CALL("POST", path_of(course), .token = student.access), 201);
    ck_assert_str_eq(
        sql("SELECT string_agg(event || ':' || subject_id, ' ' ORDER BY id) FROM forge.audit_events WHERE event LIKE "
            "'enrollment.%%'"),
        F("enrollment.created:%1$lld enrollment.deleted:%1$lld enrollment.created:%1$lld", (long long)student.id));
    expect_status(CALL("DELETE", F("/api/v1/courses/%lld", (long long)course), .token = teacher.access), 204);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.enrollments"), "0");
}
END_TEST

START_TEST(repeated_by_key)
{
    person_t student = person("student");
    json_int_t course = course_of(student, "Open");
    reply_t *first = CALL("POST", path_of(course), .token = student.access, .headers = {"Idempotency-Key: k"});
    reply_t *again = CALL("POST", path_of(course), .token = student.access, .headers = {"Idempotency-Key: k"});
    expect_status(first, 201);
    expect_status(again, 201);
    ck_assert_str_eq(header(again, "Idempotent-Replayed"), "true");
}
END_TEST

START_TEST(only_what_one_sees)
{
    person_t teacher = person("instructor"), member = person("student"), stranger = person("student"),
             admin = person("admin");
    char *org = sql("INSERT INTO forge.organizations (name, slug) VALUES ('Org', 'org') RETURNING id");
    sql("INSERT INTO forge.memberships VALUES (%s, %lld, 'owner'), (%s, %lld, 'member')", org, (long long)teacher.id,
        org, (long long)member.id);
    json_int_t inside = course_of(teacher, "Inside"), draft = course_of(teacher, "Draft");
    sql("UPDATE forge.courses SET organization_id = %s WHERE id = %lld", org, (long long)inside);
    sql("UPDATE forge.courses SET status = 'draft' WHERE id = %lld", (long long)draft);
    static const char *const methods[] = {"POST", "DELETE"};
    for (int i = 0; i < 2; i++) {
        reply_t *foreign = CALL(methods[i], path_of(inside), .token = stranger.access),
                *unknown = CALL(methods[i], path_of(inside + 1000), .token = stranger.access);
        expect_problem(foreign, "not_found");
        expect_problem(unknown, "not_found");
        ck_assert_str_eq(text_at(foreign->json, "/detail"), text_at(unknown->json, "/detail"));
        expect_problem(CALL(methods[i], path_of(draft), .token = stranger.access), "not_found");
        expect_problem(CALL(methods[i], path_of(inside)), "unauthenticated");
    }
    expect_status(CALL("POST", path_of(inside), .token = member.access), 201);
    expect_status(CALL("POST", path_of(draft), .token = teacher.access), 201);
    expect_status(CALL("POST", path_of(inside), .token = admin.access), 201);
    sql("DELETE FROM forge.memberships WHERE user_id = %lld", (long long)member.id);
    expect_problem(CALL("POST", path_of(inside), .token = member.access), "not_found");
    expect_status(CALL("DELETE", path_of(inside), .token = member.access), 204); /* out of it all the same */
    expect_problem(CALL("DELETE", path_of(inside), .token = member.access), "not_found");
}
END_TEST

/* What Location says can be read: one's own, as long as one is enrolled and sees the course. */
START_TEST(read_where_it_was_made)
{
    person_t teacher = person("instructor"), student = person("student"), other = person("student");
    json_int_t course = course_of(teacher, "Open");
    expect_problem(CALL("GET", path_of(course), .token = student.access), "not_found");
    reply_t *made = CALL("POST", path_of(course), .token = student.access);
    expect_status(made, 201);
    reply_t *read = CALL("GET", header(made, "Location"), .token = student.access);
    expect_status(read, 200);
    ck_assert(json_equal(read->json, made->json));
    expect_problem(CALL("GET", path_of(course), .token = other.access), "not_found");
    expect_problem(CALL("GET", path_of(course), .token = teacher.access), "not_found");
    expect_problem(CALL("GET", path_of(course + 1000), .token = student.access), "not_found");
    expect_problem(CALL("GET", path_of(course)), "unauthenticated");
    sql("UPDATE forge.courses SET status = 'draft'");
    expect_problem(CALL("GET", path_of(course), .token = student.access), "not_found");
    sql("UPDATE forge.courses SET status = 'published'");
    expect_status(CALL("DELETE", path_of(course), .token = student.access), 204);
    expect_problem(CALL("GET", path_of(course), .token = student.access), "not_found");
}
END_TEST

typedef struct rush_t {
    const char *path, *token;
    int made;
} rush_t;

static void enroll_one(int i, void *baton)
{
    (void)i;
    rush_t *rush = baton;
    reply_t *reply = CALL("POST", rush->path, .token = rush->token);
    if (reply->status == 201)
        __atomic_add_fetch(&rush->made, 1, __ATOMIC_RELAXED);
    else if (reply->status != 200 && reply->status != 503)
        fail_later("enrolling at once: %d %s", reply->status, reply->body);
}

START_TEST(enrolled_at_once)
{
    person_t student = person("student");
    rush_t rush = {.path = path_of(course_of(student, "Popular")), .token = student.access};
    parallel(30, enroll_one, &rush);
    ck_assert_int_eq(rush.made, 1);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.enrollments"), "1");
}
END_TEST

Suite *suite_enrollments(void)
{
    Suite *suite = suite_create("enrollments");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, enrolled_once);
    tcase_add_test(all, repeated_by_key);
    tcase_add_test(all, only_what_one_sees);
    tcase_add_test(all, read_where_it_was_made);
    tcase_add_test(all, enrolled_at_once);
    return suite;
}
