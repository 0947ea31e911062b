/* SPDX-License-Identifier: Apache-2.0
 * Modules and lessons: made, moved, published, read by those who may (SPEC 6).
 */
#include "harness.h"

#include <string.h>

static char *modules_of(json_int_t course)
{
    return F("/api/v1/courses/%lld/modules", (long long)course);
}

static char *module_path(json_int_t course, json_int_t module)
{
    return F("%s/%lld", modules_of(course), (long long)module);
}

static char *lessons_of(json_int_t course, json_int_t module)
{
    return F("%s/lessons", module_path(course, module));
}

static char *lesson_path(json_int_t course, json_int_t lesson)
{
    return F("/api/v1/courses/%lld/lessons/%lld", (long long)course, (long long)lesson);
}

static json_int_t made(person_t who, const char *path, const char *json)
{
    reply_t *reply = CALL("POST", path, .token = who.access, .json = json);
    expect_status(reply, 201);
    return int_at(reply->json, "/id");
}

/* The titles of a list, "A B C"; checks that positions have no gaps. */
static char *titles(person_t who, const char *path)
{
    reply_t *reply = CALL("GET", path, .token = who.access);
    char *text = F("%s", "");
    size_t i;
    json_t *row;
    expect_status(reply, 200);
    json_array_foreach(reply->json, i, row)
    {
        ck_assert_int_eq(int_at(row, "/position"), (json_int_t)i + 1);
        text = F("%s%s%s", text, i ? " " : "", text_at(row, "/title"));
    }
    return text;
}

static void patch(person_t who, const char *path, const char *json)
{
    expect_status(CALL("PATCH", path, .token = who.access, .json = json), 200);
}

START_TEST(modules_come_move_and_go)
{
    person_t teacher = person("instructor");
    json_int_t course = course_of(teacher, "Graphs");
    reply_t *first = CALL("POST", modules_of(course), .token = teacher.access, .json = "{\"title\":\"A\"}");
    expect_status(first, 201);
    json_int_t a = int_at(first->json, "/id");
    ck_assert_str_eq(header(first, "Location"), module_path(course, a));
    ck_assert_int_eq(int_at(first->json, "/position"), 1);
    ck_assert(json_is_true(at(first->json, "/published")));
    reply_t *read = CALL("GET", module_path(course, a));
    ck_assert(json_equal(read->json, first->json));
    ck_assert_str_eq(header(read, "ETag"), header(first, "ETag"));
    json_int_t b = made(teacher, modules_of(course), "{\"title\":\"B\"}");
    made(teacher, modules_of(course), "{\"title\":\"C\",\"position\":1}");
    ck_assert_str_eq(titles(teacher, modules_of(course)), "C A B");
    patch(teacher, module_path(course, b), "{\"position\":1}");
    ck_assert_str_eq(titles(teacher, modules_of(course)), "B C A");
    patch(teacher, module_path(course, b), "{\"position\":1000}");
    ck_assert_str_eq(titles(teacher, modules_of(course)), "C A B");
    patch(teacher, module_path(course, a), "{\"position\":3,\"title\":\"Z\"}");
    ck_assert_str_eq(titles(teacher, modules_of(course)), "C B Z");
    expect_status(CALL("DELETE", module_path(course, b), .token = teacher.access), 204);
    ck_assert_str_eq(titles(teacher, modules_of(course)), "C Z");
    expect_problem(CALL("GET", module_path(course, b)), "not_found");
    expect_fault(CALL("POST", modules_of(course), .token = teacher.access, .json = "{\"position\":0}"), "/position",
                 "out_of_range");
    expect_fault(CALL("POST", modules_of(course), .token = teacher.access, .json = "{\"position\":2}"), "/title",
                 "required");
}
END_TEST

START_TEST(a_stale_module_is_not_changed)
{
    person_t teacher = person("instructor");
    json_int_t course = course_of(teacher, "Graphs"), a = made(teacher, modules_of(course), "{\"title\":\"A\"}");
    char *tag = F("If-Match: %s", header(CALL("GET", module_path(course, a)), "ETag"));
    made(teacher, modules_of(course), "{\"title\":\"B\",\"position\":1}"); /* pushes A, and so changes it */
    expect_problem(
        CALL("PATCH", module_path(course, a), .token = teacher.access, .json = "{\"title\":\"X\"}", .headers = {tag}),
        "precondition_failed");
    expect_problem(CALL("DELETE", module_path(course, a), .token = teacher.access, .headers = {tag}),
                   "precondition_failed");
    tag = F("If-Match: %s", header(CALL("GET", module_path(course, a)), "ETag"));
    expect_status(
        CALL("PATCH", module_path(course, a), .token = teacher.access, .json = "{\"title\":\"X\"}", .headers = {tag}),
        200);
    ck_assert_str_eq(titles(teacher, modules_of(course)), "B X");
}
END_TEST

START_TEST(lessons_move_between_modules)
{
    person_t teacher = person("instructor");
    json_int_t course = course_of(teacher, "Graphs"), other = course_of(teacher, "Other"),
               m = made(teacher, modules_of(course), "{\"title\":\"M\"}"),
               n = made(teacher, modules_of(course), "{\"title\":\"N\"}"),
               foreign = made(teacher, modules_of(other), "{\"title\":\"F\"}");
    reply_t *first =
        CALL("POST", lessons_of(course, m), .token = teacher.access, .json = "{\"title\":\"A\",\"content\":\"*a*\"}");
    expect_status(first, 201);
    json_int_t a = int_at(first->json, "/id");
    ck_assert_str_eq(header(first, "Location"), lesson_path(course, a));
    ck_assert_int_eq(int_at(first->json, "/module_id"), m);
    ck_assert_str_eq(text_at(first->json, "/content"), "*a*");
    reply_t *read = CALL("GET", lesson_path(course, a), .token = teacher.access);
    ck_assert(json_equal(read->json, first->json));
    json_int_t b = made(teacher, lessons_of(course, m), "{\"title\":\"B\"}");
    made(teacher, lessons_of(course, n), "{\"title\":\"C\"}");
    patch(teacher, lesson_path(course, a), F("{\"module_id\":%lld}", (long long)n));
    ck_assert_str_eq(titles(teacher, lessons_of(course, m)), "B");
    ck_assert_str_eq(titles(teacher, lessons_of(course, n)), "C A");
    patch(teacher, lesson_path(course, b), F("{\"module_id\":%lld,\"position\":1}", (long long)n));
    ck_assert_str_eq(titles(teacher, lessons_of(course, m)), "");
    ck_assert_str_eq(titles(teacher, lessons_of(course, n)), "B C A");
    reply_t *refused = CALL("PATCH", lesson_path(course, b), .token = teacher.access,
                            .json = F("{\"module_id\":%lld}", (long long)foreign));
    expect_problem(refused, "bad_reference");
    expect_fault(refused, "/module_id", "unknown");
    expect_fault(CALL("PATCH", lesson_path(course, b), .token = teacher.access, .json = "{\"module_id\":null}"),
                 "/module_id", NULL);
    expect_problem(CALL("GET", lesson_path(other, b), .token = teacher.access), "not_found");
    expect_problem(CALL("GET", lessons_of(other, n), .token = teacher.access), "not_found");
    expect_problem(CALL("POST", lessons_of(other, n), .token = teacher.access, .json = "{\"title\":\"X\"}"),
                   "not_found");
    expect_status(CALL("DELETE", lesson_path(course, b), .token = teacher.access), 204);
    ck_assert_str_eq(titles(teacher, lessons_of(course, n)), "C A");
    expect_status(CALL("DELETE", module_path(course, n), .token = teacher.access), 204);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.lessons"), "0");
}
END_TEST

/* null is the default: the end. */
START_TEST(null_moves_to_the_end)
{
    person_t teacher = person("instructor");
    json_int_t course = course_of(teacher, "Graphs"), m = made(teacher, modules_of(course), "{\"title\":\"M\"}"),
               n = made(teacher, modules_of(course), "{\"title\":\"N\"}"),
               a = made(teacher, lessons_of(course, m), "{\"title\":\"A\"}");
    made(teacher, lessons_of(course, m), "{\"title\":\"B\"}");
    made(teacher, lessons_of(course, n), "{\"title\":\"C\"}");
    patch(teacher, lesson_path(course, a), "{\"position\":null}");
    ck_assert_str_eq(titles(teacher, lessons_of(course, m)), "B A");
    patch(teacher, lesson_path(course, a), "{\"title\":\"A\"}");
    ck_assert_str_eq(titles(teacher, lessons_of(course, m)), "B A");
    patch(teacher, lesson_path(course, a), F("{\"module_id\":%lld,\"position\":null}", (long long)n));
    ck_assert_str_eq(titles(teacher, lessons_of(course, n)), "C A");
    patch(teacher, module_path(course, m), "{\"position\":null}");
    ck_assert_str_eq(titles(teacher, modules_of(course)), "N M");
    expect_fault(
        CALL("POST", modules_of(course), .token = teacher.access, .json = "{\"title\":\"O\",\"position\":null}"),
        "/position", "null");
}
END_TEST

START_TEST(lessons_are_for_the_enrolled)
{
    person_t teacher = person("instructor"), student = person("student"), admin = person("admin");
    json_int_t course = course_of(teacher, "Graphs"), m = made(teacher, modules_of(course), "{\"title\":\"M\"}"),
               open = made(teacher, lessons_of(course, m), "{\"title\":\"Open\",\"content\":\"secret\"}"),
               draft = made(teacher, lessons_of(course, m), "{\"title\":\"Draft\",\"published\":false}");
    char *enrollment = F("/api/v1/courses/%lld/enrollment", (long long)course);
    reply_t *listed = CALL("GET", lessons_of(course, m));
    expect_status(listed, 200);
    ck_assert_uint_eq(json_array_size(listed->json), 1);
    expect_silent(listed, "secret");
    ck_assert_str_eq(titles(teacher, lessons_of(course, m)), "Open Draft");
    ck_assert_str_eq(titles(admin, lessons_of(course, m)), "Open Draft");
    expect_problem(CALL("GET", lesson_path(course, open)), "unauthenticated");
    expect_problem(CALL("GET", lesson_path(course, open), .token = student.access), "not_enrolled");
    expect_problem(CALL("GET", lesson_path(course, draft), .token = student.access), "not_found");
    expect_status(CALL("POST", enrollment, .token = student.access), 201);
    ck_assert_str_eq(text_at(CALL("GET", lesson_path(course, open), .token = student.access)->json, "/content"),
                     "secret");
    expect_problem(CALL("GET", lesson_path(course, draft), .token = student.access), "not_found");
    expect_problem(CALL("PATCH", lesson_path(course, open), .token = student.access, .json = "{\"title\":\"X\"}"),
                   "not_owner");
    expect_problem(CALL("PATCH", lesson_path(course, draft), .token = student.access, .json = "{\"title\":\"X\"}"),
                   "not_found");
    expect_status(CALL("GET", lesson_path(course, draft), .token = admin.access), 200);
    patch(teacher, module_path(course, m), "{\"published\":false}"); /* takes its lessons along */
    expect_problem(CALL("GET", lesson_path(course, open), .token = student.access), "not_found");
    expect_problem(CALL("GET", lessons_of(course, m), .token = student.access), "not_found");
    ck_assert_str_eq(titles(student, modules_of(course)), "");
    patch(teacher, module_path(course, m), "{\"published\":null}"); /* back to its default */
    expect_status(CALL("GET", lesson_path(course, open), .token = student.access), 200);
    expect_status(CALL("DELETE", enrollment, .token = student.access), 204);
    expect_problem(CALL("GET", lesson_path(course, open), .token = student.access), "not_enrolled");
}
END_TEST

START_TEST(rendered_as_safe_html)
{
    person_t teacher = person("instructor");
    json_int_t course = course_of(teacher, "Graphs"), m = made(teacher, modules_of(course), "{\"title\":\"M\"}"),
               l = made(teacher, lessons_of(course, m),
                        "{\"title\":\"L\",\"content\":\"# One\\n\\n<script>x</script> [a](javascript:b)\"}");
    char *path = lesson_path(course, l), *rendered = F("%s?render=html", path);
    reply_t *plain = CALL("GET", path, .token = teacher.access), *html = CALL("GET", rendered, .token = teacher.access);
    expect_status(html, 200);
    ck_assert_str_eq(text_at(plain->json, "/content_type"), "text/markdown");
    ck_assert_str_eq(text_at(html->json, "/content_type"), "text/html");
    ck_assert_ptr_nonnull(strstr(text_at(html->json, "/content"), "<h1>One</h1>"));
    ck_assert_ptr_null(strstr(text_at(html->json, "/content"), "<script"));
    ck_assert_ptr_null(strstr(text_at(html->json, "/content"), "javascript:"));
    ck_assert_ptr_nonnull(strstr(text_at(plain->json, "/content"), "<script>x</script>"));
    ck_assert_str_eq(text_at(html->json, "/created_at"), text_at(plain->json, "/created_at"));
    ck_assert_str_ne(header(html, "ETag"), header(plain, "ETag"));
    expect_status(
        CALL("GET", rendered, .token = teacher.access, .headers = {F("If-None-Match: %s", header(html, "ETag"))}), 304);
    expect_status(CALL("PATCH", path, .token = teacher.access, .json = "{\"content\":\"two\"}",
                       .headers = {F("If-Match: %s", header(html, "ETag"))}),
                  200);
    html = CALL("GET", rendered, .token = teacher.access);
    ck_assert_str_eq(text_at(html->json, "/content"), "<p>two</p>\n");
    expect_status(CALL("GET", F("%s?render=markdown", path), .token = teacher.access), 200);
    expect_fault(CALL("GET", F("%s?render=pdf", path), .token = teacher.access), "?render", "enum");
    expect_fault(CALL("PATCH", path, .token = teacher.access, .json = F("{\"content\":\"%*s\"}", 200001, "x")),
                 "/content", "too_long");
}
END_TEST

START_TEST(pages_of_lessons_go_on)
{
    person_t teacher = person("instructor");
    json_int_t course = course_of(teacher, "Graphs"), m = made(teacher, modules_of(course), "{\"title\":\"M\"}");
    sql("INSERT INTO forge.lessons (course_id, module_id, title) SELECT %lld, %lld, 'L' || n FROM "
        "generate_series(1, 5) n",
        (long long)course, (long long)m);
    reply_t *page = CALL("GET", F("%s?limit=2&count=true", lessons_of(course, m)));
    char *seen = F("%s", "");
    ck_assert_str_eq(header(page, "X-Total-Count"), "5");
    for (int n = 0; n < 3; n++) {
        for (size_t i = 0; i < json_array_size(page->json); i++)
            seen = F("%s%s ", seen, text_at(json_array_get(page->json, i), "/title"));
        char *next = strstr(header(page, "Link"), "rel=\"next\"");
        ck_assert_int_eq(next != NULL, n < 2);
        if (!next)
            break;
        while (*next != '<')
            next--;
        page = CALL("GET", F("%.*s", (int)strcspn(next + 1, ">"), next + 1));
    }
    ck_assert_str_eq(seen, "L1 L2 L3 L4 L5 ");
}
END_TEST

START_TEST(repeated_by_key)
{
    person_t teacher = person("instructor");
    json_int_t course = course_of(teacher, "Graphs");
    reply_t *first = CALL("POST", modules_of(course), .token = teacher.access, .json = "{\"title\":\"M\"}",
                          .headers = {"Idempotency-Key: m"}),
            *again = CALL("POST", modules_of(course), .token = teacher.access, .json = "{\"title\":\"M\"}",
                          .headers = {"Idempotency-Key: m"});
    json_int_t m = int_at(first->json, "/id");
    ck_assert_int_eq(int_at(again->json, "/id"), m);
    ck_assert_str_eq(header(again, "Idempotent-Replayed"), "true");
    first = CALL("POST", lessons_of(course, m), .token = teacher.access, .json = "{\"title\":\"L\"}",
                 .headers = {"Idempotency-Key: l"});
    again = CALL("POST", lessons_of(course, m), .token = teacher.access, .json = "{\"title\":\"L\"}",
                 .headers = {"Idempotency-Key: l"});
    ck_assert_int_eq(int_at(again->json, "/id"), int_at(first->json, "/id"));
    ck_assert_str_eq(sql("SELECT (SELECT count(*) FROM forge.modules) || ' ' || (SELECT count(*) FROM forge.lessons)"),
                     "1 1");
    sql("UPDATE forge.courses SET instructor_id = %lld", (long long)person("student").id);
    expect_problem(CALL("POST", lessons_of(course, m), .token = teacher.access, .json = "{\"title\":\"L\"}",
                        .headers = {"Idempotency-Key: l"}),
                   "not_owner");
}
END_TEST

typedef struct rush_t {
    person_t who;
    json_int_t course, module;
    int made;
} rush_t;

/* Inserts in front, moves, changes the module, deletes. */
static void edit(int i, void *baton)
{
    rush_t *rush = baton;
    for (int n = 0; n < 3; n++) {
        reply_t *reply = CALL("POST", lessons_of(rush->course, rush->module + (i + n) % 2), .token = rush->who.access,
                              .json = F("{\"title\":\"L\",\"position\":%d}", 1 + n));
        if (reply->status != 201) {
            fail_later("inserting at once: %d %s", reply->status, reply->body);
            return;
        }
        char *path = lesson_path(rush->course, int_at(reply->json, "/id"));
        reply =
            CALL("PATCH", path, .token = rush->who.access,
                 .json = F("{\"module_id\":%lld,\"position\":%d}", (long long)rush->module + i % 2, 1 + (i + n) % 4));
        if (reply->status != 200)
            fail_later("moving at once: %d %s", reply->status, reply->body);
        if (n == 1 && (reply = CALL("DELETE", path, .token = rush->who.access))->status != 204)
            fail_later("deleting at once: %d %s", reply->status, reply->body);
    }
}

START_TEST(the_order_holds_at_once)
{
    person_t teacher = person("instructor");
    json_int_t course = course_of(teacher, "Graphs"), m = made(teacher, modules_of(course), "{\"title\":\"M\"}");
    made(teacher, modules_of(course), "{\"title\":\"N\"}");
    rush_t rush = {.who = teacher, .course = course, .module = m};
    parallel(12, edit, &rush);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.lessons"), "24");
    titles(teacher, lessons_of(course, m));
    titles(teacher, lessons_of(course, m + 1));
}
END_TEST

Suite *suite_modules(void)
{
    Suite *suite = suite_create("modules");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, modules_come_move_and_go);
    tcase_add_test(all, a_stale_module_is_not_changed);
    tcase_add_test(all, lessons_move_between_modules);
    tcase_add_test(all, null_moves_to_the_end);
    tcase_add_test(all, lessons_are_for_the_enrolled);
    tcase_add_test(all, rendered_as_safe_html);
    tcase_add_test(all, pages_of_lessons_go_on);
    tcase_add_test(all, repeated_by_key);
    tcase_add_test(all, the_order_holds_at_once);
    return suite;
}
