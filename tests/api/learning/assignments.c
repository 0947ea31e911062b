/* SPDX-License-Identifier: Apache-2.0
 * Assignments, what is handed in for them, and grades (SPEC 6).
 */
#include "harness.h"

#include <string.h>

/* A course of a teacher, an account that takes it, and one that does not. */
static person_t teacher, student, other;
static json_int_t course;

static void begin(void)
{
    teacher = person("instructor");
    student = person("student");
    other = person("student");
    course = course_of(teacher, "Trees");
    expect_status(CALL("POST", F("/api/v1/courses/%lld/enrollment", (long long)course), .token = student.access), 201);
}

static char *path_of(const char *rest)
{
    return F("/api/v1/courses/%lld/assignments%s", (long long)course, rest);
}

/* The path of a new assignment of the course. */
static char *assignment_of(const char *body)
{
    reply_t *made = CALL("POST", path_of(""), .token = teacher.access, .json = body);
    expect_status(made, 201);
    return F("%s", header(made, "Location"));
}

static reply_t *hand_in(const char *assignment, person_t who, const char *content)
{
    return CALL("POST", F("%s/submissions", assignment), .token = who.access,
                .json = F("{\"content\":\"%s\"}", content));
}

START_TEST(created_read_changed_deleted)
{
    begin();
    reply_t *made = CALL("POST", path_of(""), .token = teacher.access,
                         .json = "{\"title\":\"Essay\",\"description\":\"On trees\",\"due_at\":\"2030-01-31T23:59:59+"
                                 "01:00\",\"max_points\":20}");
    expect_status(made, 201);
    char *path = path_of(F("/%lld", (long long)int_at(made->json, "/id")));
    ck_assert_str_eq(header(made, "Location"), path);
    ck_assert_str_eq(text_at(made->json, "/due_at"), "2030-01-31T22:59:59Z");
    ck_assert_int_eq(int_at(made->json, "/course_id"), course);
    ck_assert_int_eq(int_at(made->json, "/max_points"), 20);
    reply_t *read = CALL("GET", path, .token = student.access);
    expect_status(read, 200);
    ck_assert(json_equal(read->json, made->json));
    ck_assert_str_eq(header(read, "ETag"), header(made, "ETag"));
    char *tag = F("If-Match: %s", header(read, "ETag"));
    reply_t *patched =
        CALL("PATCH", path, .token = teacher.access, .json = "{\"title\":\"Long essay\"}", .headers = {tag});
    expect_status(patched, 200);
    ck_assert_str_eq(text_at(patched->json, "/due_at"), text_at(made->json, "/due_at"));
    ck_assert_str_eq(text_at(patched->json, "/description"), "On trees");
    ck_assert_int_eq(int_at(patched->json, "/version"), 2);
    expect_problem(CALL("PATCH", path, .token = teacher.access, .json = "{\"title\":\"x\"}", .headers = {tag}),
                   "precondition_failed");
    expect_problem(CALL("DELETE", path, .token = teacher.access, .headers = {tag}), "precondition_failed");
    patched = CALL("PATCH", path, .token = teacher.access,
                   .json = "{\"due_at\":null,\"description\":null,\"max_points\":null}");
    expect_status(patched, 200);
    ck_assert(json_is_null(at(patched->json, "/due_at")));
    ck_assert(json_is_null(at(patched->json, "/due_local")));
    ck_assert_str_eq(text_at(patched->json, "/description"), "");
    ck_assert_int_eq(int_at(patched->json, "/max_points"), 100);
    expect_status(CALL("DELETE", path, .token = teacher.access), 204);
    expect_problem(CALL("GET", path, .token = teacher.access), "not_found");
}
END_TEST

/* A due date without an offset is what the clocks of the course show, on both sides of a change of them. */
START_TEST(due_by_the_clocks_of_the_course)
{
    begin();
    sql("UPDATE forge.courses SET timezone = 'Europe/Vienna' WHERE id = %lld", (long long)course);
    static const struct {
        const char *sent, *due_at, *due_local;
    } tries[] = {
        {"2030-01-31T23:59:59", "2030-01-31T22:59:59Z", "2030-01-31T23:59:59"},
        {"2030-07-31T23:59:59", "2030-07-31T21:59:59Z", "2030-07-31T23:59:59"},
        {"2030-07-31", "2030-07-31T21:59:59Z", "2030-07-31T23:59:59"},
        {"2030-07-31T12:00:00Z", "2030-07-31T12:00:00Z", "2030-07-31T14:00:00"},
        {"2030-07-31T12:00:00-07:00", "2030-07-31T19:00:00Z", "2030-07-31T21:00:00"},
        {"2030-03-31T02:30:00", "2030-03-31T01:30:00Z", "2030-03-31T03:30:00"}, /* is skipped */
        {"2030-10-27T02:30:00", "2030-10-27T01:30:00Z", "2030-10-27T02:30:00"}, /* comes twice */
    };
    char *path = assignment_of("{\"title\":\"Essay\"}");
    for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
        char *body = F("{\"title\":\"T\",\"due_at\":\"%s\"}", tries[i].sent);
        reply_t *replies[] = {CALL("POST", path_of(""), .token = teacher.access, .json = body),
                              CALL("PATCH", path, .token = teacher.access, .json = body)};
        for (int r = 0; r < 2; r++) {
            ck_assert_int_eq(replies[r]->status, r ? 200 : 201);
            ck_assert_str_eq(text_at(replies[r]->json, "/due_at"), tries[i].due_at);
            ck_assert_str_eq(text_at(replies[r]->json, "/due_local"), tries[i].due_local);
            ck_assert_str_eq(text_at(replies[r]->json, "/timezone"), "Europe/Vienna");
        }
    }
    sql("SET session_replication_role = replica");
    sql("UPDATE forge.courses SET timezone = 'Middle/Earth' WHERE id = %lld", (long long)course);
    sql("SET session_replication_role = origin");
    reply_t *unzoned = CALL("PATCH", path, .token = teacher.access, .json = "{\"due_at\":\"2030-01-31T12:00:00\"}");
    expect_status(unzoned, 200); /* a zone that the server has lost counts as UTC */
    ck_assert_str_eq(text_at(unzoned->json, "/due_at"), "2030-01-31T12:00:00Z");
}
END_TEST

START_TEST(wrong_members_are_all_told)
{
    begin();
    reply_t *reply =
        CALL("POST", path_of(""), .token = teacher.access, .json = "{\"due_at\":\"tomorrow\",\"max_points\":-1}");
    expect_problem(reply, "validation_failed");
    expect_fault(reply, "/title", "required");
    expect_fault(reply, "/due_at", "format");
    expect_fault(reply, "/max_points", "out_of_range");
    static const char *const bad[] = {"2030-02-30",           "2030-01-31 12:00:00", "2030-01-31T25:00:00",
                                      "2030-01-31T12:00:00X", "20300131T1",          "2030-01-31T12:00"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        expect_fault(CALL("POST", path_of(""), .token = teacher.access,
                          .json = F("{\"title\":\"T\",\"due_at\":\"%s\"}", bad[i])),
                     "/due_at", "format");
    static const char *const far[] = {"1969-12-31T23:59:59Z", "9999-01-01", "0001-01-01T00:00:00"};
    for (size_t i = 0; i < sizeof(far) / sizeof(*far); i++)
        expect_fault(CALL("POST", path_of(""), .token = teacher.access,
                          .json = F("{\"title\":\"T\",\"due_at\":\"%s\"}", far[i])),
                     "/due_at", "out_of_range");
    expect_fault(CALL("PATCH", assignment_of("{\"title\":\"T\"}"), .token = teacher.access, .json = "{\"title\":null}"),
                 "/title", NULL);
}
END_TEST

START_TEST(listed_in_pages)
{
    begin();
    assignment_of("{\"title\":\"Never\"}");
    assignment_of("{\"title\":\"Late\",\"due_at\":\"2031-01-01T00:00:00Z\"}");
    assignment_of("{\"title\":\"Soon\",\"due_at\":\"2030-01-01T00:00:00Z\"}");
    assignment_of("{\"title\":\"Never too\"}");
    static const char *const wanted[] = {"Soon", "Late", "Never", "Never too"};
    char *path = path_of("?sort=due_at&limit=1&count=true");
    for (int i = 0; i < 4; i++) {
        reply_t *page = CALL("GET", path, .token = student.access);
        expect_status(page, 200);
        ck_assert_uint_eq(json_array_size(page->json), 1);
        ck_assert_str_eq(text_at(page->json, "/0/title"), wanted[i]);
        ck_assert_str_eq(header(page, "X-Total-Count"), "4");
        const char *next = strstr(header(page, "Link"), ", <");
        ck_assert_msg((next != NULL) == (i < 3), "page %d: %s", i, header(page, "Link"));
        if (next)
            path = F("%.*s", (int)strcspn(next + 3, ">"), next + 3);
    }
    reply_t *all = CALL("GET", path_of(""), .token = teacher.access);
    ck_assert_uint_eq(json_array_size(all->json), 4);
    ck_assert_str_eq(text_at(all->json, "/0/title"), "Never");
}
END_TEST

START_TEST(handed_in_late_and_again)
{
    begin();
    char *path = assignment_of("{\"title\":\"Essay\",\"due_at\":\"2030-01-01\"}"), *list = F("%s/submissions", path);
    reply_t *first = hand_in(path, student, "draft");
    expect_status(first, 201);
    ck_assert(!json_is_true(at(first->json, "/late")));
    ck_assert_int_eq(int_at(first->json, "/user_id"), student.id);
    ck_assert_str_eq(text_at(first->json, "/username"), student.username);
    ck_assert_int_eq(int_at(first->json, "/version"), 1);
    ck_assert(json_is_null(at(first->json, "/points")));
    reply_t *read = CALL("GET", header(first, "Location"), .token = student.access);
    expect_status(read, 200);
    ck_assert(json_equal(read->json, first->json));
    expect_status(CALL("PATCH", path, .token = teacher.access, .json = "{\"due_at\":\"2020-01-01\"}"), 200);
    reply_t *second = hand_in(path, student, "final");
    expect_status(second, 201); /* after the due date it is taken, and marked */
    ck_assert(json_is_true(at(second->json, "/late")));
    reply_t *own = CALL("GET", list, .token = student.access);
    ck_assert_uint_eq(json_array_size(own->json), 2);
    ck_assert_str_eq(text_at(own->json, "/0/content"), "draft");
    ck_assert_str_eq(text_at(CALL("GET", F("%s?sort=-id", list), .token = student.access)->json, "/0/content"),
                     "final");
    expect_fault(CALL("POST", list, .token = student.access, .json = "{}"), "/content", "required");
    expect_fault(CALL("POST", list, .token = student.access, .json = "{\"content\":\"\"}"), "/content", "too_short");
    expect_status(hand_in(path, student, F("%0*d", 200000, 1)), 201);
    expect_fault(hand_in(path, student, F("%0*d", 200001, 1)), "/content", "too_long");
    ck_assert_str_eq(sql("SELECT last_active_at > now() - interval '1 minute' FROM forge.learners"), "t");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.learning_days WHERE user_id = %lld", (long long)student.id), "1");
}
END_TEST

START_TEST(own_for_students_all_for_the_owner)
{
    begin();
    char *path = assignment_of("{\"title\":\"Essay\"}"), *list = F("%s/submissions", path);
    expect_problem(hand_in(path, other, "x"), "not_enrolled");
    expect_problem(hand_in(path, teacher, "x"), "not_enrolled");
    expect_status(CALL("POST", F("/api/v1/courses/%lld/enrollment", (long long)course), .token = other.access), 201);
    reply_t *mine = hand_in(path, student, "mine"), *yours = hand_in(path, other, "yours");
    expect_status(mine, 201);
    expect_status(yours, 201);
    ck_assert_uint_eq(json_array_size(CALL("GET", list, .token = teacher.access)->json), 2);
    reply_t *own = CALL("GET", list, .token = student.access);
    ck_assert_uint_eq(json_array_size(own->json), 1);
    expect_silent(own, "yours");
    ck_assert_uint_eq(
        json_array_size(CALL("GET", F("%s?user_id=%lld", list, (long long)other.id), .token = student.access)->json),
        0);
    reply_t *chosen =
        CALL("GET", F("%s?user_id=%lld&graded=false", list, (long long)other.id), .token = teacher.access);
    ck_assert_uint_eq(json_array_size(chosen->json), 1);
    ck_assert_str_eq(text_at(chosen->json, "/0/content"), "yours");
    reply_t *foreign = CALL("GET", header(yours, "Location"), .token = student.access),
            *unknown = CALL("GET", F("%s/999999", list), .token = student.access);
    expect_problem(foreign, "not_found");
    expect_problem(unknown, "not_found");
    ck_assert_str_eq(text_at(foreign->json, "/detail"), text_at(unknown->json, "/detail"));
    expect_problem(
        CALL("PUT", F("%s/grade", header(mine, "Location")), .token = student.access, .json = "{\"points\":100}"),
        "not_owner");
    /* Of another course: neither its assignment nor its submissions. */
    json_int_t second = course_of(other, "Mine");
    char *elsewhere = F("/api/v1/courses/%lld%s", (long long)second, strstr(path, "/assignments"));
    expect_problem(CALL("GET", elsewhere, .token = other.access), "not_found");
    expect_problem(CALL("PATCH", elsewhere, .token = other.access, .json = "{\"title\":\"x\"}"), "not_found");
    expect_problem(CALL("DELETE", elsewhere, .token = other.access), "not_found");
    expect_problem(CALL("GET", F("%s/submissions", elsewhere), .token = other.access), "not_found");
    expect_problem(CALL("PUT", F("%s/submissions/%lld/grade", elsewhere, (long long)int_at(mine->json, "/id")),
                        .token = other.access, .json = "{\"points\":1}"),
                   "not_found");
    /* Whoever has left reads nothing of it any more. */
    expect_status(CALL("DELETE", F("/api/v1/courses/%lld/enrollment", (long long)course), .token = student.access),
                  204);
    expect_problem(CALL("GET", header(mine, "Location"), .token = student.access), "not_enrolled");
    expect_problem(CALL("GET", list, .token = student.access), "not_enrolled");
}
END_TEST

START_TEST(graded_and_audited)
{
    begin();
    char *path = assignment_of("{\"title\":\"Essay\",\"max_points\":20}"), *grade, *one;
    reply_t *made = hand_in(path, student, "text");
    one = F("%s", header(made, "Location"));
    grade = F("%s/grade", one);
    char *unread = F("If-Match: %s", header(made, "ETag"));
    reply_t *given = CALL("PUT", grade, .token = teacher.access, .json = "{\"points\":17,\"feedback\":\"Good\"}",
                          .headers = {unread});
    expect_status(given, 200);
    ck_assert_int_eq(int_at(given->json, "/points"), 17);
    ck_assert_str_eq(text_at(given->json, "/feedback"), "Good");
    ck_assert_int_eq(int_at(given->json, "/graded_by"), teacher.id);
    ck_assert_int_eq(int_at(given->json, "/version"), 2);
    expect_problem(CALL("PUT", grade, .token = teacher.access, .json = "{\"points\":1}", .headers = {unread}),
                   "precondition_failed");
    reply_t *seen = CALL("GET", one, .token = student.access);
    ck_assert(json_equal(seen->json, given->json));
    ck_assert_str_eq(header(seen, "ETag"), header(given, "ETag"));
    ck_assert_uint_eq(
        json_array_size(CALL("GET", F("%s/submissions?graded=true", path), .token = teacher.access)->json), 1);
    given = CALL("PUT", grade, .token = teacher.access, .json = "{\"points\":20}",
                 .headers = {F("If-Match: %s", header(seen, "ETag"))});
    expect_status(given, 200);
    ck_assert_str_eq(text_at(given->json, "/feedback"), ""); /* a PUT replaces */
    ck_assert_int_eq(int_at(given->json, "/version"), 3);
    expect_fault(CALL("PUT", grade, .token = teacher.access, .json = "{\"points\":21}"), "/points", "out_of_range");
    expect_fault(CALL("PUT", grade, .token = teacher.access, .json = "{\"points\":-1}"), "/points", "out_of_range");
    expect_fault(CALL("PUT", grade, .token = teacher.access, .json = "{\"points\":1.5}"), "/points", NULL);
    expect_fault(CALL("PUT", grade, .token = teacher.access, .json = "{}"), "/points", "required");
    expect_fault(CALL("PATCH", path, .token = teacher.access, .json = "{\"max_points\":19}"), "/max_points",
                 "out_of_range");
    expect_status(CALL("PATCH", path, .token = teacher.access, .json = "{\"max_points\":30}"), 200);
    ck_assert_str_eq(
        sql("SELECT string_agg(concat_ws(' ', event, actor_id = %lld, subject_id = %lld, detail ->> 'from', detail ->> "
            "'points'), ', ' ORDER BY id) FROM forge.audit_events WHERE event LIKE 'grade.%%'",
            (long long)teacher.id, (long long)student.id),
        "grade.given t t 17, grade.changed t t 17 20");
}
END_TEST

START_TEST(repeated_by_key)
{
    begin();
    char *key = "Idempotency-Key: once";
    const char *body = "{\"title\":\"Essay\"}";
    reply_t *first = CALL("POST", path_of(""), .token = teacher.access, .json = body, .headers = {key}),
            *again = CALL("POST", path_of(""), .token = teacher.access, .json = body, .headers = {key});
    expect_status(first, 201);
    expect_status(again, 201);
    ck_assert_str_eq(header(again, "Idempotent-Replayed"), "true");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.assignments"), "1");
    char *path = F("%s/submissions", header(first, "Location"));
    for (int i = 0; i < 2; i++)
        expect_status(CALL("POST", path, .token = student.access, .json = "{\"content\":\"mine\"}", .headers = {key}),
                      201);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.assignment_submissions"), "1");
    sql("DELETE FROM forge.enrollments");
    expect_problem(CALL("POST", path, .token = student.access, .json = "{\"content\":\"mine\"}", .headers = {key}),
                   "not_enrolled");
    sql("UPDATE forge.courses SET instructor_id = %lld", (long long)other.id);
    expect_problem(CALL("POST", path_of(""), .token = teacher.access, .json = body, .headers = {key}), "not_owner");
}
END_TEST

typedef struct rush_t {
    const char *path, *token, *tag;
    int given;
} rush_t;

static void grade_one(int i, void *baton)
{
    rush_t *rush = baton;
    reply_t *reply =
        CALL("PUT", rush->path, .token = rush->token, .json = F("{\"points\":%d}", i), .headers = {rush->tag});
    if (reply->status == 200)
        __atomic_add_fetch(&rush->given, 1, __ATOMIC_RELAXED);
    else if (reply->status != 412 && reply->status != 503)
        fail_later("grading at once: %d %s", reply->status, reply->body);
}

/* Of many who grade the same submission as they have read it, one succeeds: the first grade, and a change of it. */
START_TEST(graded_at_once)
{
    begin();
    reply_t *made = hand_in(assignment_of("{\"title\":\"Essay\"}"), student, "text");
    for (int round = 1; round <= 2; round++) {
        reply_t *read = CALL("GET", header(made, "Location"), .token = teacher.access);
        rush_t rush = {.path = F("%s/grade", header(made, "Location")),
                       .token = teacher.access,
                       .tag = F("If-Match: %s", header(read, "ETag"))};
        parallel(12, grade_one, &rush);
        ck_assert_int_eq(rush.given, 1);
        ck_assert_str_eq(sql("SELECT version FROM forge.grades"), F("%d", round));
    }
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event LIKE 'grade.%%'"), "2");
}
END_TEST

/* Courses of an organisation are its members' alone, and so is all that belongs to them. */
START_TEST(hidden_with_the_course)
{
    begin();
    person_t admin = person("admin");
    char *path = assignment_of("{\"title\":\"Essay\"}");
    reply_t *made = hand_in(path, student, "text");
    member_of(teacher, "org", "owner");
    sql("UPDATE forge.courses SET organization_id = (SELECT id FROM forge.organizations WHERE slug = 'org')");
    expect_problem(CALL("GET", path, .token = student.access), "not_found"); /* enrolled, but no member */
    expect_problem(CALL("GET", path_of(""), .token = student.access), "not_found");
    expect_problem(CALL("GET", header(made, "Location"), .token = student.access), "not_found");
    expect_problem(hand_in(path, student, "text"), "not_found");
    member_of(student, "org", "member");
    expect_status(CALL("GET", path, .token = student.access), 200);
    expect_status(CALL("GET", path, .token = admin.access), 200);
    expect_problem(CALL("GET", path, .token = other.access), "not_found");
    sql("UPDATE forge.courses SET status = 'draft'");
    expect_problem(CALL("GET", path, .token = student.access), "not_found");
    expect_status(CALL("GET", path, .token = teacher.access), 200);
    expect_problem(CALL("GET", path), "unauthenticated");
}
END_TEST

Suite *suite_assignments(void)
{
    Suite *suite = suite_create("assignments");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, created_read_changed_deleted);
    tcase_add_test(all, due_by_the_clocks_of_the_course);
    tcase_add_test(all, wrong_members_are_all_told);
    tcase_add_test(all, listed_in_pages);
    TCase *work = case_make(suite, "work");
    tcase_add_test(work, handed_in_late_and_again);
    tcase_add_test(work, own_for_students_all_for_the_owner);
    tcase_add_test(work, graded_and_audited);
    tcase_add_test(work, repeated_by_key);
    tcase_add_test(work, graded_at_once);
    tcase_add_test(work, hidden_with_the_course);
    return suite;
}
