/* SPDX-License-Identifier: Apache-2.0
 * Exercises: their life, who sees which part of one, and what is refused (SPEC 7).
 */
#include "harness.h"

#include <string.h>

static const char base[] = "/api/v1/exercises";

#define SUM \
    "{\"title\":\"Sum of two\",\"instructions\":\"Add **both**.\",\"difficulty\":\"intermediate\"," \
    "\"starter_code\":\"a = 1\\n\",\"solution\":\"print(sum(map(int, input().split())))\"," \
    "\"limits\":{\"cpu_ms\":1000.0,\"processes\":1}," \
    "\"tests\":[{\"name\":\"small\",\"stdin\":\"2 3\\n\",\"expected_stdout\":\"5\\n\"}," \
    "{\"name\":\"large\",\"stdin\":\"1 999\",\"expected_stdout\":\"1000\",\"hidden\":true,\"points\":4.0}]"

static char *path_of(json_int_t id)
{
    return F("%s/%lld", base, (long long)id);
}

static reply_t *post(person_t who, const char *json)
{
    return CALL("POST", base, .token = who.access, .json = json);
}

static json_int_t made(person_t who, const char *json)
{
    reply_t *reply = post(who, json);
    expect_status(reply, 201);
    return int_at(reply->json, "/id");
}

START_TEST(life_of_an_exercise)
{
    person_t teacher = person("instructor");
    reply_t *first = post(teacher, SUM "}");
    expect_status(first, 201);
    const char *path = header(first, "Location");
    ck_assert_str_eq(path, path_of(int_at(first->json, "/id")));
    ck_assert_int_eq(int_at(first->json, "/points"), 5);
    ck_assert_int_eq(int_at(first->json, "/author_id"), teacher.id);
    ck_assert_int_eq(int_at(first->json, "/limits/cpu_ms"), 1000);
    ck_assert_str_eq(text_at(first->json, "/language"), "python");
    ck_assert_int_eq(int_at(first->json, "/tests/0/points"), 1);
    ck_assert(json_is_false(at(first->json, "/tests/0/hidden")));
    ck_assert_str_eq(text_at(first->json, "/tests/1/name"), "large");
    reply_t *read = CALL("GET", path, .token = teacher.access);
    expect_status(read, 200);
    ck_assert(json_equal(read->json, first->json));
    ck_assert_str_eq(header(read, "ETag"), header(first, "ETag"));
    reply_t *patched = CALL("PATCH", path, .token = teacher.access, .json = "{\"title\":\"Sum\",\"solution\":null}");
    expect_status(patched, 200);
    ck_assert(json_is_null(at(patched->json, "/solution")));
    ck_assert(json_equal(at(patched->json, "/tests"), at(first->json, "/tests")));
    expect_problem(CALL("PATCH", path, .token = teacher.access, .json = "{\"title\":\"Late\"}",
                        .headers = {F("If-Match: %s", header(first, "ETag"))}),
                   "precondition_failed");
    reply_t *put = CALL("PUT", path, .token = teacher.access, .json = "{\"title\":\"Plain\"}",
                        .headers = {F("If-Match: %s", header(patched, "ETag"))});
    expect_status(put, 200);
    ck_assert_uint_eq(json_array_size(at(put->json, "/tests")), 0);
    ck_assert_uint_eq(json_object_size(at(put->json, "/limits")), 0);
    ck_assert_str_eq(text_at(put->json, "/difficulty"), "beginner");
    expect_problem(CALL("DELETE", path, .token = teacher.access, .headers = {"If-Match: \"v1\""}),
                   "precondition_failed");
    expect_status(CALL("DELETE", path, .token = teacher.access), 204);
    expect_problem(CALL("GET", path), "not_found");
}
END_TEST

/* A patch goes into the limits (RFC 7396): what it does not name stays. Others replace them. */
START_TEST(limits_are_patched)
{
    static const struct {
        const char *limits, *then;
    } steps[] = {{"{\"memory_kb\":10000}", "{\"wall_ms\":3000,\"cpu_ms\":1000,\"memory_kb\":10000}"},
                 {"{\"cpu_ms\":1500.0}", "{\"wall_ms\":3000,\"cpu_ms\":1500,\"memory_kb\":10000}"},
                 {"{\"memory_kb\":null}", "{\"wall_ms\":3000,\"cpu_ms\":1500}"},
                 {"{\"memory_kb\":null,\"processes\":2}", "{\"wall_ms\":3000,\"cpu_ms\":1500,\"processes\":2}"},
                 {"{}", "{\"wall_ms\":3000,\"cpu_ms\":1500,\"processes\":2}"},
                 {"{\"zzz\":null,\"yyy\":1}", "{\"wall_ms\":3000,\"cpu_ms\":1500,\"processes\":2}"},
                 {"null", "{}"},
                 {"{\"cpu_ms\":7}", "{\"cpu_ms\":7}"}};
    person_t teacher = person("instructor");
    const char *path = path_of(made(teacher, "{\"title\":\"T\",\"limits\":{\"wall_ms\":3000,\"cpu_ms\":1000}}"));
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        reply_t *reply = CALL("PATCH", path, .token = teacher.access, .json = F("{\"limits\":%s}", steps[i].limits));
        expect_status(reply, 200);
        json_t *then = keep_json(json_loads(steps[i].then, 0, NULL));
        ck_assert_msg(json_equal(at(reply->json, "/limits"), then), "%s: %s", steps[i].limits, reply->body);
        ck_assert(json_equal(CALL("GET", path, .token = teacher.access)->json, reply->json));
    }
    expect_fault(CALL("PATCH", path, .token = teacher.access, .json = "{\"limits\":{\"cpu_ms\":0}}"), "/limits/cpu_ms",
                 "out_of_range");
    expect_fault(CALL("PATCH", path, .token = teacher.access, .json = "{\"tests\":[{\"name\":null}]}"), "/tests/0/name",
                 "null");
    const char *put = "{\"title\":\"T\",\"limits\":{\"wall_ms\":9}}", *none = "{\"title\":\"T\",\"limits\":{}}";
    reply_t *replaced = CALL("PUT", path, .token = teacher.access, .json = put);
    ck_assert_uint_eq(json_object_size(at(replaced->json, "/limits")), 1);
    ck_assert_int_eq(int_at(replaced->json, "/limits/wall_ms"), 9);
    ck_assert_uint_eq(json_object_size(at(CALL("PUT", path, .token = teacher.access, .json = none)->json, "/limits")),
                      0);
    expect_fault(post(teacher, "{\"title\":\"T\",\"limits\":{\"cpu_ms\":null}}"), "/limits/cpu_ms", "null");
}
END_TEST

START_TEST(made_once_by_key)
{
    person_t teacher = person("instructor");
    for (int i = 0; i < 2; i++) {
        reply_t *reply =
            CALL("POST", base, .token = teacher.access, .json = SUM "}", .headers = {"Idempotency-Key: one"});
        expect_status(reply, 201);
        ck_assert_int_eq(header(reply, "Idempotent-Replayed") != NULL, i);
        ck_assert_str_eq(text_at(reply->json, "/tests/1/name"), "large");
    }
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.exercises"), "1");
}
END_TEST

/* Neither hidden tests nor the solution, by whatever way. */
START_TEST(secrets_are_the_authors)
{
    person_t teacher = person("instructor"), other = person("instructor"), student = person("student"),
             admin = person("admin"),
             guest = {.access = text_at(CALL("POST", "/api/v1/auth/guest")->json, "/access_token")};
    const char *path = path_of(made(teacher, SUM "}"));
    const person_t strangers[] = {other, student, guest, {.access = NULL}};
    reply_t *whole = CALL("GET", path, .token = teacher.access);
    for (size_t i = 0; i < sizeof(strangers) / sizeof(*strangers); i++) {
        reply_t *seen = CALL("GET", path, .token = strangers[i].access);
        expect_status(seen, 200);
        ck_assert_uint_eq(json_array_size(at(seen->json, "/tests")), 1);
        ck_assert_str_eq(text_at(seen->json, "/tests/0/name"), "small");
        ck_assert_ptr_null(json_object_get(seen->json, "solution"));
        expect_silent(seen, "large");
        expect_silent(seen, "sum(map");
        ck_assert_str_ne(header(seen, "ETag"), header(whole, "ETag"));
        expect_status(
            CALL("GET", path, .token = strangers[i].access, .headers = {F("If-None-Match: %s", header(seen, "ETag"))}),
            304);
        reply_t *listed = CALL("GET", base, .token = strangers[i].access);
        ck_assert_uint_eq(json_array_size(listed->json), 1);
        expect_silent(listed, "tests");
        expect_silent(listed, "sum(map");
    }
    ck_assert(json_equal(CALL("GET", path, .token = admin.access)->json, whole->json));
}
END_TEST

START_TEST(those_of_a_course_follow_it)
{
    person_t owner = person("student"), student = person("student"), admin = person("admin");
    json_int_t course = course_of(owner, "Mine");
    const char *in_it = F(SUM ",\"course_id\":%lld}", (long long)course);
    json_int_t id = made(owner, in_it), by_admin = made(admin, in_it);
    ck_assert_int_eq(int_at(CALL("GET", path_of(id))->json, "/course_id"), course);
    /* who owns the course owns what others put into it */
    ck_assert_uint_eq(json_array_size(at(CALL("GET", path_of(by_admin), .token = owner.access)->json, "/tests")), 2);
    expect_status(CALL("PATCH", path_of(by_admin), .token = owner.access, .json = "{\"published\":false}"), 200);
    expect_problem(CALL("GET", path_of(by_admin), .token = student.access), "not_found");
    ck_assert_uint_eq(
        json_array_size(CALL("GET", F("%s?course_id=%lld", base, (long long)course), .token = student.access)->json),
        1);
    ck_assert_uint_eq(
        json_array_size(CALL("GET", F("%s?course_id=%lld", base, (long long)course), .token = owner.access)->json), 2);
    sql("UPDATE forge.courses SET status = 'draft'");
    expect_problem(CALL("GET", path_of(id), .token = student.access), "not_found");
    expect_problem(CALL("GET", path_of(id)), "not_found");
    ck_assert_uint_eq(json_array_size(CALL("GET", base, .token = student.access)->json), 0);
    expect_status(CALL("GET", path_of(id), .token = owner.access), 200);
    member_of(student, "org", "member");
    sql("UPDATE forge.courses SET status = 'published', organization_id = (SELECT max(id) FROM forge.organizations)");
    expect_status(CALL("GET", path_of(id), .token = student.access), 200);
    expect_problem(CALL("GET", path_of(id), .token = owner.access), "not_found"); /* who is not in it any more */
    expect_problem(CALL("GET", path_of(id)), "not_found");
}
END_TEST

START_TEST(a_course_is_for_good)
{
    person_t teacher = person("instructor"), other = person("instructor");
    json_int_t course = course_of(teacher, "One"), draft = course_of(other, "Draft");
    const char *path = path_of(made(teacher, F(SUM ",\"course_id\":%lld}", (long long)course)));
    expect_fault(CALL("PATCH", path, .token = teacher.access, .json = "{\"course_id\":null}"), "/course_id", "fixed");
    expect_status(CALL("PATCH", path, .token = teacher.access, .json = F("{\"course_id\":%lld}", (long long)course)),
                  200);
    reply_t *put = CALL("PUT", path, .token = teacher.access, .json = "{\"title\":\"T\"}");
    expect_status(put, 200);
    ck_assert_int_eq(int_at(put->json, "/course_id"), course);
    expect_problem(post(other, F("{\"title\":\"T\",\"course_id\":%lld}", (long long)course)), "not_owner");
    sql("UPDATE forge.courses SET status = 'draft' WHERE id = %lld", (long long)draft);
    expect_fault(post(teacher, F("{\"title\":\"T\",\"course_id\":%lld}", (long long)draft)), "/course_id", "unknown");
    expect_fault(post(teacher, "{\"title\":\"T\",\"course_id\":999999}"), "/course_id", "unknown");
    expect_problem(post(person("student"), "{\"title\":\"T\"}"), "insufficient_scope");
}
END_TEST

START_TEST(listed_by_filters_and_pages)
{
    person_t teacher = person("instructor");
    for (int i = 0; i < 5; i++)
        made(teacher, F("{\"title\":\"Number %d\",\"instructions\":\"%s\",\"difficulty\":\"%s\"}", i,
                        i % 2 ? "Count the vowels." : "Graphs", i == 4 ? "advanced" : "beginner"));
    ck_assert_uint_eq(json_array_size(CALL("GET", F("%s?q=vow", base))->json), 2);
    ck_assert_uint_eq(json_array_size(CALL("GET", F("%s?q=graphs&difficulty=advanced", base))->json), 1);
    expect_fault(CALL("GET", F("%s?difficulty=hard", base)), "?difficulty", "enum");
    reply_t *page = CALL("GET", F("%s?limit=2&count=true", base));
    ck_assert_str_eq(header(page, "X-Total-Count"), "5");
    int seen = 0;
    while (page) {
        char *next = strstr(header(page, "Link"), "rel=\"next\"") ? strrchr(header(page, "Link"), '<') : NULL;
        for (size_t i = 0; i < json_array_size(page->json); i++)
            ck_assert_str_eq(text_at(json_array_get(page->json, i), "/title"), F("Number %d", seen++));
        page = next ? CALL("GET", F("%.*s", (int)strcspn(next + 1, ">"), next + 1)) : NULL;
    }
    ck_assert_int_eq(seen, 5);
}
END_TEST

START_TEST(what_is_refused)
{
    static const struct {
        const char *json, *pointer, *code;
    } bad[] = {
        {"{}", "/title", "required"},
        {"{\"title\":\"T\",\"tests\":{}}", "/tests", "type"},
        {"{\"title\":\"T\",\"tests\":[1]}", "/tests/0", "type"},
        {"{\"title\":\"T\",\"tests\":[{\"stdin\":\"1\"}]}", "/tests/0/name", "required"},
        {"{\"title\":\"T\",\"tests\":[{\"name\":\"a\",\"points\":-1}]}", "/tests/0/points", "out_of_range"},
        {"{\"title\":\"T\",\"tests\":[{\"name\":\"a\",\"points\":1.5}]}", "/tests/0/points", "type"},
        {"{\"title\":\"T\",\"tests\":[{\"name\":\"a\",\"hidden\":1}]}", "/tests/0/hidden", "type"},
        {"{\"title\":\"T\",\"tests\":[{\"name\":\"a\"},{\"name\":\"a\"}]}", "/tests", "format"},
        {"{\"title\":\"T\",\"limits\":{\"cpu_ms\":0}}", "/limits/cpu_ms", "out_of_range"},
        {"{\"title\":\"T\",\"limits\":[]}", "/limits", "type"},
        {"{\"title\":\"T\",\"language\":\"Python 3\"}", "/language", "format"},
        {"{\"title\":\"T\",\"difficulty\":\"hard\"}", "/difficulty", "enum"},
    };
    person_t teacher = person("instructor");
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        expect_fault(post(teacher, bad[i].json), bad[i].pointer, bad[i].code);
    char *wide = F("%040000d", 0), *tests = F("{\"name\":\"n0\"}");
    for (char *c = wide; *c; c += 2)
        memcpy(c, "\xc3\xa4", 2); /* 20 000 characters */
    expect_fault(post(teacher, F("{\"title\":\"T\",\"solution\":\"%s%s\"}", wide, wide)), "/solution", "too_long");
    expect_fault(post(teacher, F("{\"title\":\"T\",\"tests\":[{\"name\":\"a\",\"stdin\":\"%s%s\"}]}", wide, wide)),
                 "/tests", "format");
    for (int i = 1; i <= 100; i++)
        tests = F("%s,{\"name\":\"n%d\"}", tests, i);
    expect_fault(post(teacher, F("{\"title\":\"T\",\"tests\":[%s]}", tests)), "/tests", "too_long");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.exercises"), "0");
}
END_TEST

/* The author's own HTML is left out, everything else is as without render. */
START_TEST(instructions_as_html)
{
    person_t teacher = person("instructor");
    const char *path = path_of(made(teacher, "{\"title\":\"T\",\"instructions\":\"# Add\\n\\n**both** <script>alert(1)"
                                             "</script>\",\"tests\":[{\"name\":\"a\",\"hidden\":true}]}"));
    for (int i = 0; i < 2; i++) {
        const char *token = i ? NULL : teacher.access;
        reply_t *plain = CALL("GET", path, .token = token);
        reply_t *html = CALL("GET", F("%s?render=html", path), .token = token);
        expect_status(html, 200);
        ck_assert(strstr(text_at(html->json, "/instructions"), "<h1>Add</h1>\n<p><strong>both</strong> "));
        ck_assert(!strstr(text_at(html->json, "/instructions"), "<script>"));
        ck_assert_str_eq(text_at(html->json, "/instructions_type"), "text/html");
        ck_assert_str_ne(header(html, "ETag"), header(plain, "ETag"));
        expect_status(CALL("GET", F("%s?render=html", path), .token = token,
                           .headers = {F("If-None-Match: %s", header(html, "ETag"))}),
                      304);
        json_object_del(html->json, "instructions_type");
        json_object_set(html->json, "instructions", at(plain->json, "/instructions"));
        ck_assert(json_equal(html->json, plain->json));
    }
    expect_fault(CALL("GET", F("%s?render=pdf", path)), "?render", "enum");
}
END_TEST

Suite *suite_exercises(void)
{
    Suite *suite = suite_create("exercises");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, life_of_an_exercise);
    tcase_add_test(all, limits_are_patched);
    tcase_add_test(all, made_once_by_key);
    tcase_add_test(all, secrets_are_the_authors);
    tcase_add_test(all, those_of_a_course_follow_it);
    tcase_add_test(all, a_course_is_for_good);
    tcase_add_test(all, listed_by_filters_and_pages);
    tcase_add_test(all, what_is_refused);
    tcase_add_test(all, instructions_as_html);
    return suite;
}
