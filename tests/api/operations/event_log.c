/* SPDX-License-Identifier: Apache-2.0
 * ForgeEventLog: what was committed of interest to those who run courses, once, by LogLevel (SPEC 12).
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static long from;

static void begin(void)
{
    from = file_size(F("%s/logs/events.json", env.dir));
}

/* The events of a log since the case began, one line each: "course.created 7 {"course_id":3}". */
static char *told(const char *log)
{
    char *text = file_read(F("%s/logs/%s", env.dir, log), from), *all = F("%s", ""), *state;
    for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
        json_t *event = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        ck_assert_msg(event != NULL, "no JSON: %s", line);
        keep_json(event);
        ck_assert_str_eq(text_at(event, "/log"), "forge.event");
        ck_assert_uint_eq(strlen(text_at(event, "/ts")), strlen("2026-01-31T12:00:00.123Z"));
        ck_assert_str_ne(text_at(event, "/msg"), "");
        all = F("%s%s %lld %s\n", all, text_at(event, "/event"), (long long)int_at(event, "/user_id"),
                (char *)keep(json_dumps(at(event, "/detail"), JSON_COMPACT)));
    }
    return all;
}

#define expect_told(wanted) ck_assert_str_eq(told("events.json"), wanted)

/* An answer's requests are told before it is sent, with what says which request it was. */
START_TEST(a_line_says_who_did_what_in_which_request)
{
    person_t teacher = person("instructor");
    from = file_size(F("%s/logs/events.json", env.dir));
    reply_t *made = CALL(
        "POST", "/api/v1/courses", .token = teacher.access, .json = "{\"title\":\"Secret title\"}",
        .headers = {"X-Request-ID: told-1", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"});
    expect_status(made, 201);
    char *text = file_read(F("%s/logs/events.json", env.dir), from);
    *strchr(text, '\n') = 0;
    json_t *line = keep_json(json_loads(text, JSON_REJECT_DUPLICATES, NULL));
    ck_assert_str_eq(text_at(line, "/level"), "info");
    ck_assert_str_eq(text_at(line, "/msg"), "a course was made");
    ck_assert_str_eq(text_at(line, "/event"), "course.created");
    ck_assert_str_eq(text_at(line, "/request_id"), "told-1");
    ck_assert_str_eq(text_at(line, "/trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    ck_assert_str_eq(text_at(line, "/route"), "/api/v1/courses");
    ck_assert_str_eq(text_at(line, "/server"), "localhost");
    ck_assert_int_eq(int_at(line, "/user_id"), teacher.id);
    ck_assert_int_eq(int_at(line, "/detail/course_id"), int_at(made->json, "/id"));
    ck_assert_ptr_null(strstr(text, "Secret title"));
}
END_TEST

START_TEST(courses_from_draft_to_deleted)
{
    person_t teacher = person("instructor");
    long long by = (long long)teacher.id;
    from = file_size(F("%s/logs/events.json", env.dir));
    reply_t *made =
        CALL("POST", "/api/v1/courses", .token = teacher.access, .json = "{\"title\":\"Course\",\"status\":\"draft\"}");
    long long id = (long long)int_at(made->json, "/id");
    const char *path = F("/api/v1/courses/%lld", id);
    expect_told(F("course.created %lld {\"course_id\":%lld}\n", by, id));
    expect_status(CALL("PATCH", path, .token = teacher.access, .json = "{\"title\":\"Other\"}"), 200);
    expect_status(CALL("PATCH", path, .token = teacher.access, .json = "{\"status\":\"published\"}"), 200);
    expect_status(CALL("PATCH", path, .token = teacher.access, .json = "{\"status\":\"published\"}"), 200);
    expect_status(CALL("DELETE", path, .token = teacher.access), 204);
    expect_told(F("course.created %lld {\"course_id\":%lld}\ncourse.published %lld {\"course_id\":%lld}\n"
                  "course.deleted %lld {\"course_id\":%lld}\n",
                  by, id, by, id, by, id));
}
END_TEST

/* Progress, and what triggers make of it: the course and the achievement are earned in the same transaction. */
START_TEST(learners_and_what_they_earn)
{
    person_t teacher = person("instructor"), me = person("student");
    long long by = (long long)me.id, course = (long long)course_of(teacher, "Course");
    char *module = sql("INSERT INTO forge.modules (course_id, title) VALUES (%lld, 'M') RETURNING id", course);
    char *lesson = sql("INSERT INTO forge.lessons (course_id, module_id, title) VALUES (%lld, %s, 'L') RETURNING id",
                       course, module);
    char *award = sql("INSERT INTO forge.achievements (name, description, points, rule_event, rule_count) VALUES "
                      "('First', '', 5, 'course_completed', 1) RETURNING id");
    from = file_size(F("%s/logs/events.json", env.dir));
    expect_status(CALL("POST", F("/api/v1/courses/%lld/enrollment", course), .token = me.access), 201);
    expect_status(CALL("POST", F("/api/v1/courses/%lld/enrollment", course), .token = me.access), 200);
    const char *done = F("{\"lesson_id\":%s,\"status\":\"completed\"}", lesson);
    expect_status(CALL("POST", "/api/v1/progress", .token = me.access, .json = done), 200);
    expect_status(CALL("POST", "/api/v1/progress", .token = me.access, .json = done), 200);
    expect_told(F("enrollment.created %lld {\"course_id\":%lld}\nlesson.completed %lld {\"lesson_id\":%s}\n"
                  "course.completed %lld {\"course_id\":%lld}\nachievement.awarded %lld {\"achievement_id\":%s}\n",
                  by, course, by, lesson, by, course, by, award));
}
END_TEST

/* With an Idempotency-Key all is one transaction: told once it is committed, and not again when it is replayed. */
START_TEST(a_replay_is_no_event_and_a_failure_is_none)
{
    person_t teacher = person("instructor");
    from = file_size(F("%s/logs/events.json", env.dir));
    for (int i = 0; i < 2; i++)
        expect_status(CALL("POST", "/api/v1/courses", .token = teacher.access,
                           .json = "{\"title\":\"Once\",\"status\":\"draft\"}", .headers = {"Idempotency-Key: told"}),
                      201);
    expect_status(CALL("POST", "/api/v1/courses", .token = teacher.access,
                       .json = "{\"title\":\"Never\",\"organization_id\":999999}"),
                  422);
    expect_told(
        F("course.created %lld {\"course_id\":%s}\n", (long long)teacher.id, sql("SELECT id FROM forge.courses")));
}
END_TEST

/* Who was registered is told without the address, and an audit event that is none of business is not told. */
START_TEST(nothing_of_the_person)
{
    reply_t *made = CALL("POST", "/api/v1/auth/register",
                         .json = "{\"email\":\"canary@example.net\",\"username\":\"canary_user\",\"password\":"
                                 "\"Walrus-4711!xQueue\"}");
    expect_status(made, 201);
    const char *token = text_at(made->json, "/access_token");
    expect_status(CALL("POST", "/api/v1/auth/logout", .token = token), 204);
    const char *log = file_read(F("%s/logs/events.json", env.dir), from);
    expect_told(F("user.registered %lld {\"role\":\"student\"}\n", (long long)int_at(made->json, "/user/id")));
    ck_assert(!strstr(log, "canary") && !strstr(log, "127.0.0.1"));
}
END_TEST

static void course_at_second(const char *title)
{
    person_t teacher = person("instructor");
    expect_status(CALL("POST", "/api/v1/courses", .port = PORT_SECOND, .token = teacher.access,
                       .json = F("{\"title\":\"%s\"}", title)),
                  201);
    person_t guest = {.access = text_at(CALL("POST", "/api/v1/auth/guest", .port = PORT_SECOND, .json = "{}")->json,
                                        "/access_token")};
    ck_assert_ptr_nonnull(guest.access);
}

/* LogLevel forge:… decides: details with debug, events with info, nothing of them with warn, of which a start
 * warns. */
START_TEST(levels)
{
    watchdog(120);
    from = 0;
    static const char lines[] = "ForgeEventLog logs/levels-%s.json\nLogLevel forge:%s\n";
    const char *const names[] = {"debug", "info", "warn"};
    expect_log("FG0448");
    for (int i = 0; i < 3; i++) {
        env_second_launch(F(lines, names[i], names[i]));
        ck_assert(env_second_ready(30));
        course_at_second(names[i]);
        const char *all = told(F("levels-%s.json", names[i]));
        ck_assert_msg(!strstr(all, "guest.created") == (i > 0), "%s: %s", names[i], all);
        ck_assert_msg(!strstr(all, "course.created") == (i > 1), "%s: %s", names[i], all);
        ck_assert(!strstr(log_since("error.log"), "FG0448") == (i < 2));
    }
    env_second_stop();
}
END_TEST

Suite *suite_event_log(void)
{
    Suite *suite = suite_create("event_log");
    TCase *all = case_make(suite, "all");
    tcase_add_checked_fixture(all, begin, NULL);
    tcase_add_test(all, a_line_says_who_did_what_in_which_request);
    tcase_add_test(all, courses_from_draft_to_deleted);
    tcase_add_test(all, learners_and_what_they_earn);
    tcase_add_test(all, a_replay_is_no_event_and_a_failure_is_none);
    tcase_add_test(all, nothing_of_the_person);
    tcase_add_test(all, levels);
    return suite;
}
