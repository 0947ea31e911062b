/* SPDX-License-Identifier: Apache-2.0
 * Courses: create, read, list, change, delete, and who may (SPEC 6).
 */
#include "harness.h"

#include <string.h>

static char *path_of(json_int_t id)
{
    return F("/api/v1/courses/%lld", (long long)id);
}

START_TEST(create_and_read)
{
    person_t teacher = person("instructor");
    reply_t *made = CALL("POST", "/api/v1/courses", .token = teacher.access,
                         .json = "{\"title\":\"Algebra\",\"description\":\"Rings\",\"difficulty\":\"advanced\"}");
    expect_status(made, 201);
    json_int_t id = int_at(made->json, "/id");
    ck_assert_str_eq(header(made, "Location"), path_of(id));
    ck_assert_int_eq(int_at(made->json, "/instructor_id"), teacher.id);
    ck_assert_str_eq(text_at(made->json, "/status"), "published");
    ck_assert_int_eq(int_at(made->json, "/version"), 1);
    ck_assert(json_is_null(at(made->json, "/organization_id")));
    static const char *const members[] = {
        "/id",     "/title",   "/description", "/difficulty", "/instructor_id", "/organization_id",
        "/status", "/version", "/created_at",  "/updated_at", "/timezone",      NULL};
    reply_t *read = CALL("GET", path_of(id));
    expect_status(read, 200);
    for (const char *const *member = members; *member; member++)
        ck_assert(json_equal(at(read->json, *member), at(made->json, *member)));
    ck_assert_uint_eq(json_object_size(read->json), 11);
    ck_assert_ptr_nonnull(header(made, "ETag"));
    ck_assert_str_eq(header(read, "ETag"), header(made, "ETag"));
}
END_TEST

START_TEST(presets_and_bounds)
{
    person_t teacher = person("instructor");
    reply_t *made = CALL("POST", "/api/v1/courses", .token = teacher.access, .json = "{\"title\":\"T\"}");
    expect_status(made, 201);
    ck_assert_str_eq(text_at(made->json, "/difficulty"), "beginner");
    ck_assert_str_eq(text_at(made->json, "/description"), "");
    char title[900] = "";
    for (int i = 0; i < 200; i++)
        strcat(title, "\xc3\xa4");
    expect_status(CALL("POST", "/api/v1/courses", .token = teacher.access, .json = F("{\"title\":\"%s\"}", title)),
                  201);
    reply_t *reply = CALL("POST", "/api/v1/courses", .token = teacher.access, .json = F("{\"title\":\"%sx\"}", title));
    expect_problem(reply, "validation_failed");
    expect_fault(reply, "/title", "too_long");
    reply = CALL("POST", "/api/v1/courses", .token = teacher.access, .json = "{\"description\":\"no title\"}");
    expect_fault(reply, "/title", "required");
    char *description = F("%*s", 20001, "x");
    reply = CALL("POST", "/api/v1/courses", .token = teacher.access,
                 .json = F("{\"title\":\"T\",\"description\":\"%s\"}", description));
    expect_fault(reply, "/description", "too_long");
    expect_status(CALL("POST", "/api/v1/courses", .token = teacher.access,
                       .json = F("{\"title\":\"T\",\"description\":\"%s\"}", description + 1)),
                  201);
    reply =
        CALL("POST", "/api/v1/courses", .token = teacher.access, .json = "{\"title\":\"T\",\"organization_id\":12345}");
    ck_assert_msg(reply->status == 422 || reply->status == 404, "%d", reply->status);
}
END_TEST

START_TEST(a_course_has_a_time_zone)
{
    person_t teacher = person("instructor");
    reply_t *made = CALL("POST", "/api/v1/courses", .token = teacher.access,
                         .json = "{\"title\":\"T\",\"timezone\":\"Europe/Vienna\"}");
    expect_status(made, 201);
    ck_assert_str_eq(text_at(made->json, "/timezone"), "Europe/Vienna");
    char *path = path_of(int_at(made->json, "/id"));
    /* PostgreSQL calculates with most of them; /users/me refuses them too. */
    static const char *const bad[] = {"Middle/Earth", "<+03>-3",   "UTC+2",     "Foo+3",          "IST",      "+02",
                                      "posixrules",   "posix/GMT", "localtime", "Europe/Vienna5", "CET-1CEST"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char *json = F("{\"title\":\"T\",\"timezone\":\"%s\"}", bad[i]);
        expect_fault(CALL("POST", "/api/v1/courses", .token = teacher.access, .json = json), "/timezone", "format");
        expect_fault(CALL("PATCH", path, .token = teacher.access, .json = json), "/timezone", "format");
        expect_fault(CALL("PUT", path, .token = teacher.access, .json = json), "/timezone", "format");
        expect_fault(CALL("PATCH", "/api/v1/users/me", .token = teacher.access, .json = json), "/timezone", "format");
    }
    static const char *const good[] = {"Europe/Berlin", "UTC", "Etc/GMT+2", "GMT", "America/Argentina/Buenos_Aires"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        char *json = F("{\"title\":\"T\",\"timezone\":\"%s\"}", good[i]);
        reply_t *taken = CALL("POST", "/api/v1/courses", .token = teacher.access, .json = json);
        expect_status(taken, 201);
        ck_assert_str_eq(text_at(taken->json, "/timezone"), good[i]);
        expect_status(CALL("PUT", path, .token = teacher.access, .json = json), 200);
        expect_status(CALL("PATCH", path, .token = teacher.access, .json = json), 200);
    }
    expect_status(CALL("PATCH", path, .token = teacher.access, .json = "{\"timezone\":\"Asia/Kathmandu\"}"), 200);
    reply_t *put = CALL("PUT", path, .token = teacher.access, .json = "{\"title\":\"T\"}");
    ck_assert_str_eq(text_at(put->json, "/timezone"), "UTC");
    /* One from before the names were checked stays until it is changed. */
    sql("UPDATE forge.courses SET timezone = 'Foo+3' WHERE id = %lld", (long long)int_at(made->json, "/id"));
    reply_t *kept = CALL("PATCH", path, .token = teacher.access, .json = "{\"title\":\"Kept\"}");
    expect_status(kept, 200);
    ck_assert_str_eq(text_at(kept->json, "/timezone"), "Foo+3");
    expect_status(CALL("PATCH", path, .token = teacher.access, .json = "{\"timezone\":null}"), 200);
    ck_assert_str_eq(text_at(CALL("GET", path)->json, "/timezone"), "UTC");
}
END_TEST

START_TEST(any_account_creates)
{
    person_t student = person("student"), teacher = person("instructor");
    expect_status(CALL("POST", "/api/v1/courses", .token = student.access, .json = "{\"title\":\"By a student\"}"),
                  201);
    expect_problem(CALL("POST", "/api/v1/courses", .json = "{\"title\":\"By nobody\"}"), "unauthenticated");
    expect_problem(
        CALL("POST", "/api/v1/courses", .port = PORT_STRICT, .token = student.access, .json = "{\"title\":\"T\"}"),
        "insufficient_scope");
    expect_status(
        CALL("POST", "/api/v1/courses", .port = PORT_STRICT, .token = teacher.access, .json = "{\"title\":\"T\"}"),
        201);
}
END_TEST

START_TEST(only_owner_and_admin_change)
{
    person_t owner = person("instructor"), other = person("instructor"), student = person("student"),
             admin = person("admin");
    json_int_t id = course_of(owner, "Mine");
    person_t strangers[] = {other, student};
    for (int i = 0; i < 2; i++) {
        expect_problem(CALL("PUT", path_of(id), .token = strangers[i].access, .json = "{\"title\":\"Yours\"}"),
                       "not_owner");
        expect_problem(CALL("PATCH", path_of(id), .token = strangers[i].access, .json = "{\"title\":\"Yours\"}"),
                       "not_owner");
        expect_problem(CALL("DELETE", path_of(id), .token = strangers[i].access), "not_owner");
    }
    expect_problem(CALL("PUT", path_of(id), .json = "{\"title\":\"Yours\"}"), "unauthenticated");
    expect_problem(CALL("DELETE", path_of(id)), "unauthenticated");
    expect_status(CALL("PATCH", path_of(id), .token = owner.access, .json = "{\"title\":\"Still mine\"}"), 200);
    expect_status(CALL("PATCH", path_of(id), .token = admin.access, .json = "{\"title\":\"Corrected\"}"), 200);
    ck_assert_str_eq(text_at(CALL("GET", path_of(id))->json, "/title"), "Corrected");
    ck_assert_int_eq(int_at(CALL("GET", path_of(id))->json, "/instructor_id"), owner.id);
    expect_status(CALL("DELETE", path_of(id), .token = admin.access), 204);
    expect_problem(CALL("GET", path_of(id)), "not_found");
    expect_problem(CALL("DELETE", path_of(id), .token = owner.access), "not_found");
}
END_TEST

START_TEST(put_replaces_patch_merges)
{
    person_t owner = person("instructor");
    reply_t *made =
        CALL("POST", "/api/v1/courses", .token = owner.access,
             .json = "{\"title\":\"A\",\"description\":\"old\",\"difficulty\":\"advanced\",\"status\":\"draft\"}");
    json_int_t id = int_at(made->json, "/id");
    reply_t *patched = CALL("PATCH", path_of(id), .token = owner.access, .json = "{\"description\":\"new\"}",
                            .type = "application/merge-patch+json");
    expect_status(patched, 200);
    ck_assert_str_eq(text_at(patched->json, "/title"), "A");
    ck_assert_str_eq(text_at(patched->json, "/description"), "new");
    ck_assert_str_eq(text_at(patched->json, "/difficulty"), "advanced");
    ck_assert_int_eq(int_at(patched->json, "/version"), 2);
    reply_t *put = CALL("PUT", path_of(id), .token = owner.access, .json = "{\"title\":\"B\"}");
    expect_status(put, 200);
    ck_assert_str_eq(text_at(put->json, "/title"), "B");
    ck_assert_str_eq(text_at(put->json, "/description"), "");
    ck_assert_str_eq(text_at(put->json, "/difficulty"), "beginner");
    ck_assert_str_eq(text_at(put->json, "/status"), "published");
    ck_assert_int_eq(int_at(put->json, "/version"), 3);
    ck_assert_str_eq(text_at(put->json, "/created_at"), text_at(made->json, "/created_at"));
    reply_t *missing = CALL("PUT", path_of(id), .token = owner.access, .json = "{\"description\":\"x\"}");
    expect_fault(missing, "/title", "required");
    expect_status(CALL("PATCH", path_of(id), .token = owner.access, .json = "{}"), 200);
    expect_fault(CALL("PATCH", path_of(id), .token = owner.access, .json = "{\"title\":null}"), "/title", NULL);
    expect_status(CALL("PATCH", path_of(id), .token = owner.access,
                       .json = "{\"difficulty\":\"advanced\",\"description\":\"D\"}"),
                  200);
    patched = CALL("PATCH", path_of(id), .token = owner.access,
                   .json = "{\"difficulty\":null,\"description\":null,\"status\":null,\"organization_id\":null}");
    expect_status(patched, 200); /* members with a default go back to it */
    ck_assert_str_eq(text_at(patched->json, "/difficulty"), "beginner");
    ck_assert_str_eq(text_at(patched->json, "/description"), "");
    ck_assert_str_eq(text_at(patched->json, "/status"), "published");
    ck_assert(json_is_null(at(patched->json, "/organization_id")));
    expect_fault(CALL("PATCH", path_of(id), .token = owner.access, .json = "{\"difficulty\":\"hard\"}"), "/difficulty",
                 "enum");
}
END_TEST

START_TEST(drafts_are_the_owners)
{
    person_t owner = person("instructor"), other = person("instructor"), admin = person("admin");
    reply_t *made = CALL("POST", "/api/v1/courses", .token = owner.access,
                         .json = "{\"title\":\"Secret plan\",\"status\":\"draft\"}");
    json_int_t id = int_at(made->json, "/id");
    expect_problem(CALL("GET", path_of(id)), "not_found");
    expect_problem(CALL("GET", path_of(id), .token = other.access), "not_found");
    expect_problem(CALL("PATCH", path_of(id), .token = other.access, .json = "{\"title\":\"x\"}"), "not_found");
    expect_problem(CALL("DELETE", path_of(id), .token = other.access), "not_found");
    expect_status(CALL("GET", path_of(id), .token = owner.access), 200);
    expect_status(CALL("GET", path_of(id), .token = admin.access), 200);
    ck_assert_uint_eq(json_array_size(CALL("GET", "/api/v1/courses")->json), 0);
    ck_assert_uint_eq(json_array_size(CALL("GET", "/api/v1/courses", .token = other.access)->json), 0);
    ck_assert_uint_eq(json_array_size(CALL("GET", "/api/v1/courses", .token = owner.access)->json), 1);
    ck_assert_uint_eq(json_array_size(CALL("GET", "/api/v1/courses", .token = admin.access)->json), 1);
    expect_status(CALL("PATCH", path_of(id), .token = owner.access, .json = "{\"status\":\"published\"}"), 200);
    expect_status(CALL("GET", path_of(id)), 200);
}
END_TEST

/* Courses of an organisation are its members' (SPEC 5). */
START_TEST(organization_courses_are_its_members)
{
    person_t owner = person("instructor"), member = person("student"), stranger = person("student"),
             admin = person("admin");
    char *org = sql("INSERT INTO forge.organizations (name, slug) VALUES ('Org', 'org') RETURNING id");
    sql("INSERT INTO forge.memberships (organization_id, user_id, role) VALUES (%s, %lld, 'owner'), (%s, %lld, "
        "'member')",
        org, (long long)owner.id, org, (long long)member.id);
    reply_t *made = CALL("POST", "/api/v1/courses", .token = owner.access,
                         .json = F("{\"title\":\"Inside\",\"organization_id\":%s}", org));
    expect_status(made, 201);
    json_int_t id = int_at(made->json, "/id");
    expect_problem(CALL("GET", path_of(id)), "not_found");
    expect_problem(CALL("GET", path_of(id), .token = stranger.access), "not_found");
    expect_status(CALL("GET", path_of(id), .token = member.access), 200);
    expect_status(CALL("GET", path_of(id), .token = admin.access), 200);
    ck_assert_uint_eq(json_array_size(CALL("GET", "/api/v1/courses")->json), 0);
    ck_assert_uint_eq(json_array_size(CALL("GET", "/api/v1/courses", .token = stranger.access)->json), 0);
    ck_assert_uint_eq(
        json_array_size(CALL("GET", F("/api/v1/courses?organization_id=%s", org), .token = member.access)->json), 1);
    expect_problem(CALL("PATCH", path_of(id), .token = member.access, .json = "{\"title\":\"x\"}"), "not_owner");
    expect_problem(CALL("PATCH", path_of(id), .token = stranger.access, .json = "{\"title\":\"x\"}"), "not_found");
    reply_t *foreign = CALL("POST", "/api/v1/courses", .token = stranger.access,
                            .json = F("{\"title\":\"Intruder\",\"organization_id\":%s}", org));
    reply_t *unknown = CALL("POST", "/api/v1/courses", .token = stranger.access,
                            .json = "{\"title\":\"Intruder\",\"organization_id\":999999}");
    ck_assert_msg(foreign->status >= 400 && foreign->status == unknown->status, "%d %d", foreign->status,
                  unknown->status);
    reply_t *gone = CALL("GET", F("/api/v1/courses/%lld", (long long)id + 1000), .token = stranger.access),
            *hidden = CALL("GET", path_of(id), .token = stranger.access);
    ck_assert_str_eq(text_at(gone->json, "/detail"), text_at(hidden->json, "/detail"));
}
END_TEST

START_TEST(filters_and_orders)
{
    person_t a = person("instructor"), b = person("instructor");
    static const char *const rows[] = {
        "{\"title\":\"Delta waves\",\"difficulty\":\"beginner\"}",
        "{\"title\":\"alpha particles\",\"difficulty\":\"advanced\",\"description\":\"about waves\"}",
        "{\"title\":\"Charlie\",\"difficulty\":\"advanced\"}"};
    for (int i = 0; i < 3; i++)
        expect_status(CALL("POST", "/api/v1/courses", .token = i == 2 ? b.access : a.access, .json = rows[i]), 201);
    const struct {
        const char *query;
        size_t size;
        const char *first;
    } tries[] = {{"", 3, "Delta waves"},
                 {"?difficulty=advanced", 2, "alpha particles"},
                 {F("?instructor_id=%lld", (long long)b.id), 1, "Charlie"},
                 {"?q=waves", 2, NULL},
                 {"?q=particles", 1, "alpha particles"},
                 {"?q=nothing", 0, NULL},
                 {"?sort=id", 3, "Delta waves"},
                 {"?sort=-created_at", 3, "Charlie"},
                 {"?difficulty=advanced&q=waves", 1, "alpha particles"},
                 {"?instructor_id=9223372036854775807", 0, NULL},
                 {"?q=%25", 0, NULL},
                 {"?q=%27", 0, NULL}};
    for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
        reply_t *reply = CALL("GET", F("/api/v1/courses%s", tries[i].query));
        expect_status(reply, 200);
        if (tries[i].size || strstr(tries[i].query, "nothing") || strstr(tries[i].query, "instructor"))
            ck_assert_msg(json_array_size(reply->json) == tries[i].size, "%s: %zu", tries[i].query,
                          json_array_size(reply->json));
        if (tries[i].first)
            ck_assert_msg(strcmp(text_at(reply->json, "/0/title"), tries[i].first) == 0, "%s: %s", tries[i].query,
                          reply->body);
    }
    reply_t *titles = CALL("GET", "/api/v1/courses?sort=title");
    expect_status(titles, 200);
    ck_assert_uint_eq(json_array_size(titles->json), 3);
    expect_fault(CALL("GET", "/api/v1/courses?difficulty=hard"), "?difficulty", "enum");
    expect_fault(CALL("GET", "/api/v1/courses?sort=version"), "?sort", "enum");
    expect_fault(CALL("GET", "/api/v1/courses?instructor_id=x"), "?instructor_id", NULL);
}
END_TEST

static void patch_one(int i, void *baton)
{
    const char **arguments = baton;
    reply_t *reply = CALL("PATCH", arguments[0], .token = arguments[1], .json = F("{\"description\":\"by %d\"}", i));
    if (reply->status != 200 && reply->status != 503)
        fail_later("parallel PATCH: %d %s", reply->status, reply->body);
}

START_TEST(parallel_changes_all_count)
{
    person_t owner = person("instructor");
    const char *arguments[] = {path_of(course_of(owner, "Busy")), owner.access};
    parallel(12, patch_one, arguments);
    ck_assert_int_eq(int_at(CALL("GET", arguments[0])->json, "/version"), 13);
}
END_TEST

Suite *suite_courses(void)
{
    Suite *suite = suite_create("courses");
    TCase *one = case_make(suite, "one");
    tcase_add_test(one, create_and_read);
    tcase_add_test(one, presets_and_bounds);
    tcase_add_test(one, put_replaces_patch_merges);
    tcase_add_test(one, parallel_changes_all_count);
    TCase *rights = case_make(suite, "rights");
    tcase_add_test(rights, a_course_has_a_time_zone);
    tcase_add_test(rights, any_account_creates);
    tcase_add_test(rights, only_owner_and_admin_change);
    tcase_add_test(rights, drafts_are_the_owners);
    tcase_add_test(rights, organization_courses_are_its_members);
    TCase *list = case_make(suite, "list");
    tcase_add_test(list, filters_and_orders);
    return suite;
}
