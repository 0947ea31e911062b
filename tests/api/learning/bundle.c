/* SPDX-License-Identifier: Apache-2.0
 * Courses as bundles: what goes out comes in again, byte for byte; all of it or nothing (SPEC 6).
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static const char import_path[] = "/api/v1/courses/import";

#define HEAD "{\"format\":\"forge-course\",\"version\":1,\"course\":{\"title\":\"C\"}"

static char *path_of(json_int_t course, const char *name)
{
    return F("/api/v1/courses/%lld/%s", (long long)course, name);
}

static json_int_t made(person_t who, const char *path, const char *json)
{
    reply_t *reply = CALL("POST", path, .token = who.access, .json = json);
    expect_status(reply, 201);
    return int_at(reply->json, "/id");
}

static reply_t *import_with(person_t who, const char *bundle)
{
    return CALL("POST", import_path, .token = who.access, .json = bundle, .patience = 60000);
}

static json_int_t imported(person_t who, const char *bundle)
{
    reply_t *reply = import_with(who, bundle);
    expect_status(reply, 201);
    ck_assert_str_eq(header(reply, "Location"), F("/api/v1/courses/%lld", (long long)int_at(reply->json, "/id")));
    return int_at(reply->json, "/id");
}

static reply_t *exported(person_t who, json_int_t course)
{
    reply_t *reply = CALL("GET", path_of(course, "export"), .token = who.access, .patience = 60000);
    expect_status(reply, 200);
    return reply;
}

/* Another account imports the bundle; its export has the same bytes. The new course. */
static json_int_t round_trip(person_t other, const char *bundle)
{
    json_int_t course = imported(other, bundle);
    ck_assert_str_eq(exported(other, course)->body, bundle);
    return course;
}

/* By the single calls: a module that moved, one without lessons, drafts, hidden tests, texts with odd characters. */
static json_int_t course_by_calls(person_t teacher)
{
    json_int_t course = made(teacher, "/api/v1/courses",
                             "{\"title\":\"Trees\",\"description\":\"\\\"Roots\\\" \\\\ \xe2\x80\xa8 \\t\\n end\","
                             "\"difficulty\":\"advanced\",\"status\":\"draft\",\"timezone\":\"Europe/Vienna\"}");
    json_int_t last = made(teacher, path_of(course, "modules"), "{\"title\":\"Last\",\"published\":false}");
    made(teacher, path_of(course, "modules"), "{\"title\":\"Empty\"}");
    json_int_t first = made(teacher, path_of(course, "modules"), "{\"title\":\"First\",\"position\":1}");
    char *lessons = path_of(course, F("modules/%lld/lessons", (long long)first));
    made(teacher, lessons, "{\"title\":\"B\",\"content\":\"# B\\n\\n<b>&amp;</b> \xf0\x9f\x8c\xb3\"}");
    made(teacher, lessons, "{\"title\":\"A\",\"position\":1,\"published\":false}");
    made(teacher, path_of(course, F("modules/%lld/lessons", (long long)last)), "{\"title\":\"Only one\"}");
    made(
        teacher, "/api/v1/exercises",
        F("{\"course_id\":%lld,\"title\":\"Sum\",\"solution\":\"print(1)\",\"published\":false,"
          "\"limits\":{\"wall_ms\":1000.0,\"cpu_ms\":500,\"memory_kb\":65536,\"output_bytes\":4096,\"file_bytes\":512},"
          "\"tests\":[{\"name\":\"z\",\"stdin\":\"1\\n\"},"
          "{\"name\":\"a\",\"expected_stdout\":\"secret\",\"hidden\":true,\"points\":3.0}]}",
          (long long)course));
    made(teacher, "/api/v1/exercises", F("{\"course_id\":%lld,\"title\":\"Bare\"}", (long long)course));
    sql("INSERT INTO forge.assignments (course_id, title, due_at, max_points) VALUES"
        " (%lld, 'Essay', '2026-03-29 01:59:59.5+01', 7), (%lld, 'Any time', NULL, 100)",
        (long long)course, (long long)course);
    return course;
}

START_TEST(a_course_goes_out_and_comes_in_byte_for_byte)
{
    person_t teacher = person("instructor"), other = person("student");
    json_int_t course = course_by_calls(teacher);
    reply_t *out = exported(teacher, course);
    ck_assert_str_eq(header(out, "Content-Disposition"),
                     F("attachment; filename=\"course-%lld.json\"", (long long)course));
    ck_assert_str_eq(text_at(out->json, "/modules/0/title"), "First");
    ck_assert_str_eq(text_at(out->json, "/modules/0/lessons/1/title"), "B");
    ck_assert_uint_eq(json_array_size(at(out->json, "/modules/1/lessons")), 1);
    ck_assert_uint_eq(json_array_size(at(out->json, "/modules/2/lessons")), 0);
    ck_assert_str_eq(text_at(out->json, "/exercises/0/tests/1/expected_stdout"), "secret");
    ck_assert_str_eq(text_at(out->json, "/assignments/0/due_at"), "2026-03-29T00:59:59.500000Z");
    expect_silent(out, "_id\"");
    expect_silent(out, "\"id\"");
    expect_silent(out, teacher.username);
    json_int_t copy = round_trip(other, out->body);
    ck_assert_int_ne(copy, course);
    ck_assert_str_eq(sql("SELECT instructor_id || ' ' || (SELECT string_agg(DISTINCT author_id::text, ',') FROM"
                         " forge.exercises WHERE course_id = c.id) FROM forge.courses c WHERE id = %lld",
                         (long long)copy),
                     F("%lld %lld", (long long)other.id, (long long)other.id));
    ck_assert_str_eq(exported(teacher, course)->body, out->body); /* the original is as it was */
}
END_TEST

/* What the packages carry is what an export gives. */
START_TEST(the_courses_of_the_demo_go_through)
{
    static const char *const names[] = {"first-steps-in-python", "algorithms-and-data-structures",
                                        "text-and-data-with-python"};
    person_t teacher = person("instructor");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char *bundle = file_read(F("%s/sql/demo/%s.json", env.source, names[i]), 0);
        ck_assert_uint_gt(strlen(bundle), 10000);
        json_int_t course = round_trip(teacher, bundle);
        ck_assert_str_eq(sql("SELECT count(*) FROM forge.exercises WHERE course_id = %lld AND solution IS NOT NULL AND"
                             " tests @> '[{\"hidden\":true}]' AND tests @> '[{\"hidden\":false}]'",
                             (long long)course),
                         "10");
    }
}
END_TEST

/* A piece of the answer is 256K; lessons, modules and exercises are cut everywhere. */
START_TEST(a_course_of_many_pieces)
{
    person_t teacher = person("instructor"), other = person("instructor");
    json_int_t course = course_of(teacher, "Large");
    sql("WITH m AS (INSERT INTO forge.modules (course_id, title) SELECT %lld, 'm' || n FROM generate_series(1, 60) n"
        " RETURNING id) INSERT INTO forge.lessons (course_id, module_id, title, content) SELECT %lld, id, 'l' || n,"
        " repeat(chr(64 + n), 30000) FROM m, generate_series(1, 3) n",
        (long long)course, (long long)course);
    sql("INSERT INTO forge.exercises (course_id, author_id, title, tests) SELECT %lld, %lld, 'e' || n,"
        " jsonb_build_array(jsonb_build_object('name', 't', 'stdin', repeat('x', 50000), 'expected_stdout', '', "
        "'hidden',"
        " n %% 2 = 0, 'points', 1)) FROM generate_series(1, 40) n",
        (long long)course, (long long)teacher.id);
    reply_t *out = exported(teacher, course);
    ck_assert_uint_gt(out->length, 7 * 1024 * 1024); /* more than ForgeMaxBody, less than ForgeMaxBundle */
    ck_assert_uint_eq(json_array_size(at(out->json, "/modules")), 60);
    ck_assert_uint_eq(json_array_size(at(out->json, "/modules/59/lessons")), 3);
    ck_assert_uint_eq(json_array_size(at(out->json, "/exercises")), 40);
    round_trip(other, out->body);
}
END_TEST

START_TEST(members_are_judged_as_in_the_single_calls)
{
    person_t me = person("instructor");
    char *long_title = keep(calloc(1, 300)), *long_code = keep(calloc(1, 65536 + 2));
    memset(long_title, 'x', 201);
    for (int i = 0; i < 32769; i++) /* 65538 bytes, but half as many characters */
        memcpy(long_code + 2 * i, "\xc3\xa4", 2);
    long_code[65536] = '\0';
    reply_t *reply = import_with(
        me, F(HEAD ",\"modules\":[{\"title\":\"m\",\"lessons\":[{\"title\":\"a\"},{\"title\":\"b\"},{\"title\":\"c\"},"
                   "{\"title\":\"%s\"},{\"title\":\"d\",\"published\":1}]},{\"lessons\":{}}],"
                   "\"exercises\":[{\"title\":\"e\",\"difficulty\":\"easy\",\"limits\":{\"cpu_ms\":0},"
                   "\"tests\":[{\"name\":\"t\"},{\"stdin\":1}]}],"
                   "\"assignments\":[{\"title\":\"a\",\"due_at\":\"tomorrow\",\"max_points\":-1}]}",
              long_title));
    expect_problem(reply, "validation_failed");
    expect_fault(reply, "/modules/0/lessons/3/title", "too_long");
    expect_fault(reply, "/modules/0/lessons/4/published", "type");
    expect_fault(reply, "/modules/1/title", "required");
    expect_fault(reply, "/modules/1/lessons", "type");
    expect_fault(reply, "/exercises/0/difficulty", NULL);
    expect_fault(reply, "/exercises/0/limits/cpu_ms", "out_of_range");
    expect_fault(reply, "/exercises/0/tests/1/name", "required");
    expect_fault(reply, "/exercises/0/tests/1/stdin", "type");
    expect_fault(reply, "/assignments/0/due_at", NULL);
    expect_fault(reply, "/assignments/0/max_points", "out_of_range");
    reply = import_with(me, F(HEAD ",\"exercises\":[{\"title\":\"ok\"},{\"title\":\"e\",\"language\":\"Python\","
                                   "\"tests\":[{\"name\":\"t\"},{\"name\":\"u\"},{\"name\":\"t\"}]},"
                                   "{\"title\":\"f\",\"starter_code\":\"%s.\"}]}",
                              long_code));
    expect_fault(reply, "/exercises/1/language", "format");
    expect_fault(reply, "/exercises/1/tests/2/name", "duplicate");
    expect_fault(reply, "/exercises/2/starter_code", "too_long");
    static const char *const zones[] = {"Middle/Earth", "UTC+2", "Foo+3", "IST", "+02", "posixrules"};
    for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++) {
        reply = import_with(me, F("{\"format\":\"forge-course\",\"version\":1,\"course\":{\"title\":\"C\",\"timezone\":"
                                  "\"%s\"},\"exercises\":[{\"title\":\"e\",\"language\":\"Python\"}]}",
                                  zones[i]));
        expect_fault(reply, "/course/timezone", "format");
        expect_fault(reply, "/exercises/0/language", "format"); /* all at once */
    }
    expect_fault(import_with(me, "{\"format\":\"scorm\",\"version\":1,\"course\":{\"title\":\"C\"}}"), "/format",
                 "enum");
    reply = import_with(me, "{\"format\":\"forge-course\",\"version\":1}");
    expect_fault(reply, "/course", "required");
    ck_assert_str_eq(sql("SELECT (SELECT count(*) FROM forge.courses) || ' ' || (SELECT count(*) FROM forge.modules)"),
                     "0 0");
}
END_TEST

START_TEST(another_version_is_refused_with_the_known_one)
{
    person_t me = person("instructor");
    reply_t *reply = import_with(me, "{\"format\":\"forge-course\",\"version\":2,\"chapters\":[]}");
    expect_problem(reply, "validation_failed");
    expect_fault(reply, "/version", "unknown_version");
    expect_says(reply, "version 1");
    ck_assert_uint_eq(json_array_size(at(reply->json, "/errors")), 1); /* nothing is said of members it cannot know */
    expect_fault(import_with(me, "{\"format\":\"forge-course\",\"version\":0,\"course\":{\"title\":\"C\"}}"),
                 "/version", "unknown_version");
    expect_fault(import_with(me, "{\"format\":\"forge-course\",\"course\":{\"title\":\"C\"}}"), "/version", "required");
}
END_TEST

/* The quota of that host is 40 rows: a bundle of more leaves nothing behind, one that fits is taken. */
START_TEST(all_or_nothing)
{
    person_t me = person("instructor");
    char *lessons = F("{\"title\":\"l\"}");
    for (int i = 0; i < 36; i++)
        lessons = F("%s,{\"title\":\"l\"}", lessons);
    char *fits =
        F(HEAD ",\"modules\":[{\"title\":\"m\",\"lessons\":[%s]}],\"exercises\":[{\"title\":\"e\"}]}", lessons);
    char *over = F(HEAD ",\"modules\":[{\"title\":\"m\",\"lessons\":[%s]}],\"exercises\":[{\"title\":\"e\"}],"
                        "\"assignments\":[{\"title\":\"a\"}]}",
                   lessons);
    static const char rows[] = "SELECT concat_ws(' ', (SELECT count(*) FROM forge.courses), (SELECT count(*) FROM"
                               " forge.modules), (SELECT count(*) FROM forge.lessons), (SELECT count(*) FROM"
                               " forge.exercises), (SELECT count(*) FROM forge.assignments))";
    expect_problem(CALL("POST", import_path, .port = PORT_QUICK, .token = me.access, .json = over), "quota_exceeded");
    ck_assert_str_eq(sql("%s", rows), "0 0 0 0 0");
    expect_status(CALL("POST", import_path, .port = PORT_QUICK, .token = me.access, .json = fits), 201);
    ck_assert_str_eq(sql("%s", rows), "1 1 37 1 0");
    expect_problem(CALL("POST", import_path, .port = PORT_STRICT, .token = person("student").access, .json = fits),
                   "insufficient_scope"); /* courses by instructors alone */
}
END_TEST

START_TEST(a_key_imports_once)
{
    person_t me = person("instructor");
    const char *bundle = HEAD ",\"modules\":[{\"title\":\"m\"}]}";
    reply_t *first = CALL("POST", import_path, .token = me.access, .json = bundle, .headers = {"Idempotency-Key: k"});
    reply_t *second = CALL("POST", import_path, .token = me.access, .json = bundle, .headers = {"Idempotency-Key: k"});
    expect_status(first, 201);
    expect_status(second, 201);
    ck_assert_str_eq(header(second, "Idempotent-Replayed"), "true");
    ck_assert(json_equal(first->json, second->json));
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.courses"), "1");
    /* A failed import is undone though its key's transaction goes on: the quota of that host is 40 rows. */
    char *modules = F("{\"title\":\"m\"}");
    for (int i = 0; i < 40; i++)
        modules = F("%s,{\"title\":\"m\"}", modules);
    expect_problem(CALL("POST", import_path, .port = PORT_QUICK, .token = me.access,
                        .headers = {"Idempotency-Key: other"}, .json = F(HEAD ",\"modules\":[%s]}", modules)),
                   "quota_exceeded");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.courses"), "1");
}
END_TEST

START_TEST(zones_that_the_world_knows_are_imported)
{
    person_t me = person("instructor");
    static const char *const zones[] = {"Europe/Berlin", "UTC", "Etc/GMT+2", "Asia/Kathmandu"};
    for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++) {
        reply_t *made =
            import_with(me, F("{\"format\":\"forge-course\",\"version\":1,\"course\":{\"title\":\"C\",\"timezone\":"
                              "\"%s\"}}",
                              zones[i]));
        expect_status(made, 201);
        ck_assert_str_eq(text_at(made->json, "/timezone"), zones[i]);
    }
    reply_t *none = import_with(me, HEAD "}"); /* an old one need not name any */
    expect_status(none, 201);
    ck_assert_str_eq(text_at(none->json, "/timezone"), "UTC");
}
END_TEST

START_TEST(a_bundle_has_a_limit_of_its_own)
{
    person_t me = person("instructor");
    char *blanks = keep(malloc(8 * 1024 * 1024 + 1));
    memset(blanks, ' ', 8 * 1024 * 1024);
    blanks[8 * 1024 * 1024] = '\0';
    const char *bundle = HEAD "}";
    char *largest = F("%s%s", bundle, blanks + strlen(bundle)), *larger = F("%s ", largest);
    expect_status(import_with(me, largest), 201);
    expect_problem(import_with(me, larger), "body_too_large");
    expect_problem(CALL("POST", "/api/v1/courses", .token = me.access, .json = largest), "body_too_large");
}
END_TEST

START_TEST(into_an_organisation_of_mine)
{
    person_t me = person("instructor"), other = person("instructor");
    member_of(me, "school", "member");
    char *id = sql("SELECT id FROM forge.organizations WHERE slug = 'school'"),
         *path = F("%s?organization_id=%s", import_path, id);
    reply_t *reply = CALL("POST", path, .token = me.access, .json = HEAD "}");
    expect_status(reply, 201);
    ck_assert_int_eq(int_at(reply->json, "/organization_id"), atoll(id));
    expect_problem(CALL("GET", header(reply, "Location"), .token = other.access), "not_found");
    reply = CALL("POST", path, .token = other.access, .json = HEAD "}");
    expect_problem(reply, "bad_reference");
    expect_fault(reply, "?organization_id", "unknown");
}
END_TEST

Suite *suite_bundles(void)
{
    Suite *suite = suite_create("bundles");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, a_course_goes_out_and_comes_in_byte_for_byte);
    tcase_add_test(all, the_courses_of_the_demo_go_through);
    tcase_add_test(all, a_course_of_many_pieces);
    tcase_add_test(all, members_are_judged_as_in_the_single_calls);
    tcase_add_test(all, another_version_is_refused_with_the_known_one);
    tcase_add_test(all, all_or_nothing);
    tcase_add_test(all, a_key_imports_once);
    tcase_add_test(all, zones_that_the_world_knows_are_imported);
    tcase_add_test(all, a_bundle_has_a_limit_of_its_own);
    tcase_add_test(all, into_an_organisation_of_mine);
    return suite;
}
