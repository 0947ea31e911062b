/* SPDX-License-Identifier: Apache-2.0
 * ETag, If-None-Match, If-Match and merge-patch (SPEC 1; RFC 9110 §13, RFC 7396).
 */
#include "harness.h"

#include <string.h>

typedef struct fixture_t {
    person_t owner;
    char *path;
    const char *etag;
} fixture_t;

static fixture_t fixture(void)
{
    fixture_t f = {.owner = person("instructor")};
    f.path = F("/api/v1/courses/%lld", (long long)course_of(f.owner, "Conditional"));
    f.etag = header(CALL("GET", f.path), "ETag");
    ck_assert_msg(f.etag && f.etag[0] == '"', "a strong ETag: %s", f.etag ? f.etag : "-");
    return f;
}

START_TEST(if_none_match)
{
    fixture_t f = fixture();
    const char *matching[] = {f.etag, F("W/%s", f.etag), F("\"other\", %s", f.etag), "*", F("%s,\"x\"", f.etag), NULL};
    for (const char **value = matching; *value; value++) {
        reply_t *reply = CALL("GET", f.path, .headers = {F("If-None-Match: %s", *value)});
        ck_assert_msg(reply->status == 304, "%s: %d", *value, reply->status);
        ck_assert_str_eq(header(reply, "ETag"), f.etag);
        ck_assert_ptr_nonnull(header(reply, "Cache-Control"));
    }
    static const char *const others[] = {"\"other\"", "\"\"", "rubbish", "W/\"other\"", NULL};
    for (const char *const *value = others; *value; value++)
        expect_status(CALL("GET", f.path, .headers = {F("If-None-Match: %s", *value)}), 200);
    expect_status(CALL("HEAD", f.path, .headers = {F("If-None-Match: %s", f.etag)}), 304);
    expect_status(CALL("PATCH", f.path, .token = f.owner.access, .json = "{\"title\":\"New\"}"), 200);
    expect_status(CALL("GET", f.path, .headers = {F("If-None-Match: %s", f.etag)}), 200);
}
END_TEST

START_TEST(if_match_on_each_method)
{
    static const char *const methods[] = {"PATCH", "PUT", "DELETE"};
    fixture_t f = fixture();
    for (int i = 0; i < 3; i++) {
        const char *body = i == 2 ? NULL : "{\"title\":\"Changed\"}";
        static const char *const stale[] = {"\"v999\"", "\"other\"", "\"\"", "rubbish", NULL};
        for (const char *const *value = stale; *value; value++) {
            reply_t *reply =
                CALL(methods[i], f.path, .token = f.owner.access, .json = body, .headers = {F("If-Match: %s", *value)});
            expect_problem(reply, "precondition_failed");
        }
        expect_problem(
            CALL(methods[i], f.path, .token = f.owner.access, .json = body, .headers = {F("If-Match: W/%s", f.etag)}),
            "precondition_failed");
        reply_t *good = CALL(methods[i], f.path, .token = f.owner.access, .json = body,
                             .headers = {F("If-Match: \"x\", %s", f.etag)});
        expect_status(good, i == 2 ? 204 : 200);
        if (i < 2)
            expect_problem(
                CALL(methods[i], f.path, .token = f.owner.access, .json = body, .headers = {F("If-Match: %s", f.etag)}),
                "precondition_failed");
        f.etag = i < 2 ? header(good, "ETag") : NULL;
    }
    fixture_t g = fixture();
    expect_status(
        CALL("PATCH", g.path, .token = g.owner.access, .json = "{\"title\":\"Any\"}", .headers = {"If-Match: *"}), 200);
    expect_problem(CALL("PATCH", "/api/v1/courses/424242", .token = g.owner.access, .json = "{\"title\":\"Any\"}",
                        .headers = {"If-Match: *"}),
                   "not_found");
}
END_TEST

/* Rights come before preconditions: a stranger learns nothing from a 412. */
START_TEST(rights_before_preconditions)
{
    fixture_t f = fixture();
    person_t other = person("instructor");
    expect_problem(
        CALL("PATCH", f.path, .token = other.access, .json = "{\"title\":\"x\"}", .headers = {"If-Match: \"v999\""}),
        "not_owner");
}
END_TEST

START_TEST(achievements_too)
{
    person_t teacher = person("instructor");
    reply_t *made = CALL("POST", "/api/v1/achievements", .token = teacher.access, .json = "{\"name\":\"Conditional\"}");
    const char *path = header(made, "Location"), *etag = header(CALL("GET", path), "ETag");
    expect_status(CALL("GET", path, .headers = {F("If-None-Match: %s", etag)}), 304);
    expect_problem(
        CALL("PUT", path, .token = teacher.access, .json = "{\"name\":\"N\"}", .headers = {"If-Match: \"v77\""}),
        "precondition_failed");
    expect_status(
        CALL("PUT", path, .token = teacher.access, .json = "{\"name\":\"N\"}", .headers = {F("If-Match: %s", etag)}),
        200);
    expect_problem(CALL("DELETE", path, .token = teacher.access, .headers = {F("If-Match: %s", etag)}),
                   "precondition_failed");
    expect_status(CALL("DELETE", path, .token = teacher.access), 204);
}
END_TEST

START_TEST(lists_and_me)
{
    fixture_t f = fixture();
    reply_t *list = CALL("GET", "/api/v1/courses");
    expect_status(CALL("GET", "/api/v1/courses", .headers = {F("If-None-Match: %s", header(list, "ETag"))}), 304);
    expect_status(CALL("PATCH", f.path, .token = f.owner.access, .json = "{\"title\":\"Other\"}"), 200);
    expect_status(CALL("GET", "/api/v1/courses", .headers = {F("If-None-Match: %s", header(list, "ETag"))}), 200);
    reply_t *me = CALL("GET", "/api/v1/auth/me", .token = f.owner.access);
    ck_assert_ptr_nonnull(header(me, "ETag"));
    expect_status(CALL("GET", "/api/v1/auth/me", .token = f.owner.access,
                       .headers = {F("If-None-Match: %s", header(me, "ETag"))}),
                  304);
}
END_TEST

/* Whoever names a state of what has none, or another one than there is. */
START_TEST(no_other_state)
{
    fixture_t f = fixture();
    const char *const stale[] = {"If-Match: \"v99\"", "If-Match: \"other\""};
    for (int i = 0; i < 2; i++) {
        expect_problem(CALL("DELETE", "/api/v1/auth/sessions/1", .token = f.owner.access, .headers = {stale[i]}),
                       "precondition_failed");
        expect_problem(CALL("DELETE", "/api/v1/users/me", .token = f.owner.access, .headers = {stale[i]},
                            .json = F("{\"password\":\"%s\"}", f.owner.password)),
                       "precondition_failed");
    }
    const char *me = header(CALL("GET", "/api/v1/users/me", .token = f.owner.access), "ETag");
    expect_problem(
        CALL("DELETE", "/api/v1/auth/sessions/1", .token = person("student").access, .headers = {"If-Match: *"}),
        "not_found");
    expect_status(CALL("DELETE", "/api/v1/users/me", .token = f.owner.access, .headers = {F("If-Match: %s", me)},
                       .json = F("{\"password\":\"%s\"}", f.owner.password)),
                  204);
}
END_TEST

/* The lost update: of many who change the same version, one wins. */
typedef struct race_t {
    fixture_t f;
    int statuses[10];
} race_t;

static void change_one(int i, void *baton)
{
    race_t *race = baton;
    race->statuses[i] = CALL("PATCH", race->f.path, .token = race->f.owner.access,
                             .json = F("{\"title\":\"By %d\"}", i), .headers = {F("If-Match: %s", race->f.etag)})
                            ->status;
}

START_TEST(no_lost_update)
{
    race_t race = {.f = fixture()};
    int won = 0;
    parallel(10, change_one, &race);
    for (int i = 0; i < 10; i++) {
        won += race.statuses[i] == 200;
        ck_assert_msg(race.statuses[i] == 200 || race.statuses[i] == 412 || race.statuses[i] == 503, "%d",
                      race.statuses[i]);
    }
    ck_assert_int_eq(won, 1);
}
END_TEST

START_TEST(merge_patch)
{
    fixture_t f = fixture();
    static const char type[] = "application/merge-patch+json";
    expect_status(CALL("PATCH", f.path, .token = f.owner.access, .json = "{\"title\":\"M\"}", .type = type), 200);
    expect_status(CALL("PATCH", f.path, .token = f.owner.access, .json = "{\"organization_id\":null}", .type = type),
                  200);
    expect_problem(CALL("PATCH", f.path, .token = f.owner.access, .json = "[]", .type = type), "validation_failed");
    expect_problem(CALL("PATCH", f.path, .token = f.owner.access, .json = "[{\"op\":\"remove\",\"path\":\"/title\"}]",
                        .type = "application/json-patch+json"),
                   "unsupported_media_type");
    expect_problem(CALL("PUT", f.path, .token = f.owner.access, .json = "{\"title\":\"M\"}", .type = type),
                   "unsupported_media_type");
}
END_TEST

/* --- answers that change although the version of their resource stays --- */

/* What a copy was, as somebody has read it. */
typedef struct copy_t {
    const char *path, *token, *etag;
    json_int_t version; /* 0: the answer has none */
} copy_t;

static json_int_t version_in(const reply_t *reply)
{
    json_t *version = maybe_at(reply->json, "/version");
    return version ? json_integer_value(version) : 0;
}

static copy_t copy_of(const char *path, const char *token)
{
    reply_t *reply = CALL("GET", path, .token = token);
    expect_status(reply, 200);
    copy_t copy = {path, token, header(reply, "ETag"), version_in(reply)};
    ck_assert_ptr_nonnull(copy.etag);
    const char *const same[] = {F("If-None-Match: %s", copy.etag), F("If-None-Match: W/%s", copy.etag)};
    for (int i = 0; i < 2; i++) {
        expect_status(CALL("GET", path, .token = token, .headers = {same[i]}), 304);
        expect_status(CALL("HEAD", path, .token = token, .headers = {same[i]}), 304);
    }
    return copy;
}

/* The copy is not good any more, though its version is: the answer of now, whose tag is another one. */
static reply_t *expect_stale(copy_t copy)
{
    char *known = F("If-None-Match: %s", copy.etag);
    reply_t *now = CALL("GET", copy.path, .token = copy.token, .headers = {known});
    expect_status(now, 200);
    ck_assert_str_ne(header(now, "ETag"), copy.etag);
    ck_assert_int_eq(version_in(now), copy.version);
    reply_t *head = CALL("HEAD", copy.path, .token = copy.token, .headers = {known});
    expect_status(head, 200);
    ck_assert_str_eq(header(head, "ETag"), header(now, "ETag"));
    return now;
}

/* Both tags name the version that is there, so that each is good for a change; afterwards neither is. */
static void expect_changes(copy_t old, const char *token, const char *method, const char *json)
{
    copy_t now = copy_of(old.path, old.token);
    const char *const tags[] = {F("If-Match: %s", old.etag), F("If-Match: %s", now.etag)};
    reply_t *changed = CALL(method, old.path, .token = token, .json = json, .headers = {tags[0]});
    expect_status(changed, 200);
    const char *after = header(changed, "ETag");
    ck_assert_str_ne(after, now.etag);
    for (int i = 0; i < 2; i++)
        expect_problem(CALL(method, old.path, .token = token, .json = json, .headers = {tags[i]}),
                       "precondition_failed");
    expect_status(CALL(method, old.path, .token = token, .json = json, .headers = {F("If-Match: %s", after)}), 200);
}

START_TEST(the_callers_role_in_an_organization)
{
    person_t owner = person("student"), member = person("student");
    reply_t *made = CALL("POST", "/api/v1/organizations", .token = owner.access, .json = "{\"name\":\"Institute\"}");
    expect_status(made, 201);
    const char *path = header(made, "Location");
    json_int_t id = int_at(made->json, "/id");
    ck_assert_str_eq(header(made, "ETag"), copy_of(path, owner.access).etag);
    sql("INSERT INTO forge.memberships VALUES (%lld, %lld, 'member')", (long long)id, (long long)member.id);
    copy_t copy = copy_of(path, member.access);
    expect_status(CALL("PATCH", F("%s/members/%lld", path, (long long)member.id), .token = owner.access,
                       .json = "{\"role\":\"admin\"}"),
                  200);
    ck_assert_str_eq(text_at(expect_stale(copy)->json, "/role"), "admin");
    expect_changes(copy, member.access, "PATCH", "{\"name\":\"Changed\"}");
    expect_status(
        CALL("DELETE", path, .token = owner.access, .headers = {F("If-Match: %s", copy_of(path, owner.access).etag)}),
        204);
}
END_TEST

/* A course, an assignment of it that was due long ago, and what a student has handed in. */
typedef struct handed_in_t {
    person_t teacher, student;
    const char *course, *assignment, *submission;
} handed_in_t;

static handed_in_t handed_in(void)
{
    handed_in_t h = {.teacher = person("instructor"), .student = person("student")};
    h.course = F("/api/v1/courses/%lld", (long long)course_of(h.teacher, "Trees"));
    expect_status(CALL("POST", F("%s/enrollment", h.course), .token = h.student.access), 201);
    h.assignment = F("%s", header(CALL("POST", F("%s/assignments", h.course), .token = h.teacher.access,
                                       .json = "{\"title\":\"Essay\",\"due_at\":\"2020-01-31T12:00:00Z\"}"),
                                  "Location"));
    h.submission = F("%s", header(CALL("POST", F("%s/submissions", h.assignment), .token = h.student.access,
                                       .json = "{\"content\":\"Words\"}"),
                                  "Location"));
    return h;
}

START_TEST(the_time_zone_of_an_assignments_course)
{
    handed_in_t h = handed_in();
    copy_t copy = copy_of(h.assignment, h.student.access);
    expect_status(CALL("PATCH", h.course, .token = h.teacher.access, .json = "{\"timezone\":\"Asia/Kathmandu\"}"), 200);
    reply_t *now = expect_stale(copy);
    ck_assert_str_eq(text_at(now->json, "/timezone"), "Asia/Kathmandu");
    ck_assert_str_eq(text_at(now->json, "/due_local"), "2020-01-31T17:45:00");
    expect_changes(copy, h.teacher.access, "PATCH", "{\"title\":\"Changed\"}");
    expect_status(CALL("DELETE", h.assignment, .token = h.teacher.access,
                       .headers = {F("If-Match: %s", copy_of(h.assignment, h.teacher.access).etag)}),
                  204);
}
END_TEST

START_TEST(whether_a_submission_is_late_and_whose_it_is)
{
    handed_in_t h = handed_in();
    copy_t copy = copy_of(h.submission, h.teacher.access);
    expect_status(CALL("PATCH", h.assignment, .token = h.teacher.access, .json = "{\"due_at\":null}"), 200);
    ck_assert(json_is_false(at(expect_stale(copy)->json, "/late")));
    copy_t later = copy_of(h.submission, h.teacher.access);
    expect_status(CALL("PATCH", "/api/v1/users/me", .token = h.student.access, .json = "{\"username\":\"renamed\"}"),
                  200);
    ck_assert_str_eq(text_at(expect_stale(later)->json, "/username"), "renamed");
    expect_status(CALL("PUT", F("%s/grade", h.submission), .token = h.teacher.access, .json = "{\"points\":7}",
                       .headers = {F("If-Match: %s", copy.etag)}),
                  200);
    expect_problem(CALL("PUT", F("%s/grade", h.submission), .token = h.teacher.access, .json = "{\"points\":8}",
                        .headers = {F("If-Match: %s", copy.etag)}),
                   "precondition_failed");
    expect_status(CALL("PUT", F("%s/grade", h.submission), .token = h.teacher.access, .json = "{\"points\":8}",
                       .headers = {F("If-Match: %s", copy_of(h.submission, h.teacher.access).etag)}),
                  200);
}
END_TEST

/* Figures of a course, an enrolment and a job have no version. */
START_TEST(what_has_no_version_is_known_by_its_bytes)
{
    handed_in_t h = handed_in();
    char *figures = F("%s/analytics", h.course), *enrolment = F("%s/enrollment", h.course);
    copy_t seen = copy_of(figures, h.teacher.access), own = copy_of(enrolment, h.student.access);
    person_t other = person("student");
    expect_status(CALL("POST", enrolment, .token = other.access), 201);
    expect_stale(seen);
    ck_assert_str_eq(copy_of(enrolment, h.student.access).etag, own.etag);
    sql("INSERT INTO forge.jobs (kind, user_id, due_at) VALUES ('rejudge', %lld, now() + interval '1 hour')",
        (long long)other.id);
    char *path = F("/api/v1/jobs/%s", sql("SELECT max(id) FROM forge.jobs"));
    copy_t job = copy_of(path, other.access);
    expect_status(CALL("POST", F("%s/cancel", path), .token = other.access), 200);
    ck_assert_str_eq(text_at(expect_stale(job)->json, "/status"), "cancelled");
}
END_TEST

START_TEST(the_second_factor_of_an_account)
{
    person_t admin = person("admin"), self = person("student");
    char *path = F("/api/v1/users/%lld", (long long)self.id);
    copy_t seen = copy_of(path, admin.access), own = copy_of(path, self.access);
    sql("INSERT INTO forge.mfa_factors (user_id, secret, confirmed_at) VALUES (%lld, repeat('x', 32), now())",
        (long long)self.id);
    ck_assert(json_is_true(at(expect_stale(seen)->json, "/mfa_enabled")));
    ck_assert(json_is_true(at(expect_stale(own)->json, "/mfa_enabled")));
    expect_status(CALL("PATCH", path, .token = admin.access, .json = "{\"role\":\"instructor\"}",
                       .headers = {F("If-Match: %s", seen.etag)}),
                  200);
    expect_problem(CALL("DELETE", path, .token = admin.access, .headers = {F("If-Match: %s", seen.etag)}),
                   "precondition_failed");
    expect_status(
        CALL("DELETE", path, .token = admin.access, .headers = {F("If-Match: %s", copy_of(path, admin.access).etag)}),
        204);
}
END_TEST

/* Every resource that has a version: its tag has the version in front and speaks of the bytes, and is good for a
 * change. What was made, is read and was changed has one tag where it has the same bytes. */
START_TEST(every_tag_has_the_version_and_the_bytes)
{
    person_t teacher = person("instructor");
    char *course = F("/api/v1/courses/%lld", (long long)course_of(teacher, "Trees"));
    const char *module =
        header(CALL("POST", F("%s/modules", course), .token = teacher.access, .json = "{\"title\":\"M\"}"), "Location");
    const struct {
        const char *collection, *json, *method, *change;
    } rows[] = {
        {"/api/v1/courses", "{\"title\":\"C\"}", "PATCH", "{\"title\":\"D\"}"},
        {F("%s/modules", course), "{\"title\":\"N\"}", "PATCH", "{\"title\":\"O\"}"},
        {F("%s/lessons", module), "{\"title\":\"L\"}", "PATCH", "{\"title\":\"K\"}"},
        {F("%s/assignments", course), "{\"title\":\"A\"}", "PATCH", "{\"title\":\"B\"}"},
        {"/api/v1/exercises", "{\"title\":\"E\"}", "PUT", "{\"title\":\"F\"}"},
        {"/api/v1/achievements", "{\"name\":\"A\"}", "PUT", "{\"name\":\"B\"}"},
        {"/api/v1/organizations", "{\"name\":\"O\"}", "PATCH", "{\"name\":\"P\"}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        reply_t *made = CALL("POST", rows[i].collection, .token = teacher.access, .json = rows[i].json);
        expect_status(made, 201);
        const char *path = header(made, "Location");
        copy_t copy = copy_of(path, teacher.access);
        ck_assert_str_eq(header(made, "ETag"), copy.etag);
        ck_assert_msg(strlen(copy.etag) == 37 && strncmp(copy.etag, "\"v1.", 4) == 0, "%s: %s", path, copy.etag);
        reply_t *changed = CALL(rows[i].method, path, .token = teacher.access, .json = rows[i].change,
                                .headers = {F("If-Match: %s", copy.etag)});
        expect_status(changed, 200);
        copy = copy_of(path, teacher.access);
        ck_assert_str_eq(header(changed, "ETag"), copy.etag);
        expect_status(CALL("DELETE", path, .token = teacher.access, .headers = {F("If-Match: %s", copy.etag)}), 204);
    }
}
END_TEST

Suite *suite_conditional(void)
{
    Suite *suite = suite_create("conditional");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, if_none_match);
    tcase_add_test(all, if_match_on_each_method);
    tcase_add_test(all, rights_before_preconditions);
    tcase_add_test(all, achievements_too);
    tcase_add_test(all, lists_and_me);
    tcase_add_test(all, no_other_state);
    tcase_add_test(all, no_lost_update);
    tcase_add_test(all, merge_patch);
    tcase_add_test(all, the_callers_role_in_an_organization);
    tcase_add_test(all, the_time_zone_of_an_assignments_course);
    tcase_add_test(all, whether_a_submission_is_late_and_whose_it_is);
    tcase_add_test(all, what_has_no_version_is_known_by_its_bytes);
    tcase_add_test(all, the_second_factor_of_an_account);
    tcase_add_test(all, every_tag_has_the_version_and_the_bytes);
    return suite;
}
