/* SPDX-License-Identifier: Apache-2.0
 * One's own account: what may be changed and what never, leaving, and the copy of everything (SPEC 4).
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static const char me_path[] = "/api/v1/users/me";

static reply_t *patch(person_t who, const char *body)
{
    return CALL("PATCH", me_path, .token = who.access, .json = body);
}

/* The row as it is, but for what no member of the API names. */
static char *row_of(person_t who)
{
    return sql("SELECT (to_jsonb(u) - 'last_login_at')::text FROM forge.users u WHERE id = %lld", (long long)who.id);
}

START_TEST(members_change)
{
    person_t me = person("student");
    reply_t *reply = patch(
        me, "{\"full_name\":\"Ada L\",\"bio\":\"two\\nlines\",\"avatar_url\":\"https://example.org/a.png\","
            "\"locale\":\"de-CH-1996\",\"timezone\":\"America/Argentina/Buenos_Aires\",\"username\":\"ada_new\"}");
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/full_name"), "Ada L");
    ck_assert_str_eq(text_at(reply->json, "/username"), "ada_new");
    ck_assert_str_eq(text_at(CALL("GET", me_path, .token = me.access)->json, "/timezone"),
                     "America/Argentina/Buenos_Aires");
    reply = patch(me, "{\"bio\":null,\"locale\":null}");
    ck_assert(json_is_null(at(reply->json, "/bio")) && json_is_null(at(reply->json, "/locale")));
    ck_assert_str_eq(text_at(reply->json, "/full_name"), "Ada L");
    reply = CALL("PATCH", me_path, .token = me.access, .json = "{\"bio\":\"merged\"}",
                 .type = "application/merge-patch+json");
    ck_assert_str_eq(text_at(reply->json, "/bio"), "merged");
    ck_assert_str_eq(sql("SELECT string_agg(event || actor_id || subject_id, ' ') FROM forge.audit_events WHERE event "
                         "= 'user.updated'"),
                     F("user.updated%lld%lld user.updated%lld%lld user.updated%lld%lld", (long long)me.id,
                       (long long)me.id, (long long)me.id, (long long)me.id, (long long)me.id, (long long)me.id));
}
END_TEST

/* Members that are not one's own to set are ignored, and then nothing is written at all. */
START_TEST(mass_assignment)
{
    static const char *const bodies[] = {
        "{\"role\":\"admin\"}",
        "{\"is_active\":false,\"email_verified\":true}",
        "{\"id\":1,\"version\":99,\"epoch\":7,\"created_at\":\"2000-01-01T00:00:00Z\"}",
        "{\"password_hash\":\"x\",\"password\":\"x\",\"search\":\"x\",\"erase_at\":null,\"anonymized_at\":null}",
        "{\"email_key\":\"x@example.org\",\"deactivated_at\":\"2000-01-01T00:00:00Z\",\"mfa_enabled\":true}",
        "{}",
        NULL};
    person_t me = person("student");
    char *before = row_of(me);
    for (const char *const *body = bodies; *body; body++) {
        reply_t *reply = patch(me, *body);
        expect_status(reply, 200);
        ck_assert_str_eq(text_at(reply->json, "/role"), "student");
        ck_assert_str_eq(row_of(me), before);
    }
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = 'user.updated'"), "0");
    expect_status(patch(me, "{\"role\":\"admin\",\"bio\":\"x\"}"), 200);
    ck_assert_str_eq(sql("SELECT role || bio FROM forge.users WHERE id = %lld", (long long)me.id), "studentx");
}
END_TEST

START_TEST(refused_members)
{
    static const struct {
        const char *body, *pointer;
    } cases[] = {
        {"{\"username\":\"ab\"}", "/username"},
        {"{\"username\":null}", "/username"},
        {"{\"username\":\"a b c\"}", "/username"},
        {"{\"username\":\"deleted_12\"}", "/username"},
        {"{\"full_name\":\"a\\u001b[31m\"}", "/full_name"},
        {"{\"full_name\":7}", "/full_name"},
        {"{\"avatar_url\":\"javascript:alert(1)\"}", "/avatar_url"},
        {"{\"avatar_url\":\"ftp://example.org/a\"}", "/avatar_url"},
        {"{\"avatar_url\":\"https://user@example.org/a\"}", "/avatar_url"},
        {"{\"avatar_url\":\"https://example.org/a b\"}", "/avatar_url"},
        {"{\"locale\":\"\"}", "/locale"},
        {"{\"locale\":\"e\"}", "/locale"},
        {"{\"locale\":\"en_GB\"}", "/locale"},
        {"{\"locale\":\"en--GB\"}", "/locale"},
        {"{\"locale\":\"en-\"}", "/locale"},
        {"{\"locale\":\"12\"}", "/locale"},
        {"{\"locale\":\"en-abcdefghi\"}", "/locale"},
        {"{\"timezone\":\"\"}", "/timezone"},
        {"{\"timezone\":\"Europe/Nowhere\"}", "/timezone"},
        {"{\"timezone\":\"posixrules\"}", "/timezone"},
        {"{\"timezone\":\"posix/Europe/Rome\"}", "/timezone"},
        {"{\"timezone\":\"right/Europe/Rome\"}", "/timezone"},
        {"{\"timezone\":\"Factory\"}", "/timezone"},
        {"{\"timezone\":\"localtime\"}", "/timezone"},
        {"{\"timezone\":\"FOO+3\"}", "/timezone"},
        {"{\"timezone\":\"Europe/Nowhere5\"}", "/timezone"},
        {"{\"timezone\":\"/UTC\"}", "/timezone"},
        {"{\"timezone\":\"Europe//Rome\"}", "/timezone"},
        {"{\"timezone\":\"Europe/../../etc/passwd\"}", "/timezone"},
        {"{\"timezone\":\"Europe/Rome/\"}", "/timezone"},
        {"{\"email\":\"nobody\"}", "/email"},
        {"{\"email\":null}", "/email"},
    };
    person_t me = person("student");
    char *before = row_of(me);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        reply_t *reply = patch(me, cases[i].body);
        ck_assert_msg(reply->status == 422, "%s: %d", cases[i].body, reply->status);
        expect_fault(reply, cases[i].pointer, NULL);
    }
    ck_assert_str_eq(row_of(me), before);
    reply_t *reply = patch(me, "{\"locale\":\"x_y\",\"timezone\":\"?\",\"username\":\"!\"}");
    expect_fault(reply, "/locale", "format");
    expect_fault(reply, "/timezone", "format");
    expect_fault(reply, "/username", NULL);
    expect_status(patch(me, "{\"locale\":\"en\",\"timezone\":\"Etc/GMT+1\"}"), 200);
    expect_status(patch(me, "{\"locale\":\"zh-Hant-TW\",\"timezone\":\"UTC\"}"), 200);
}
END_TEST

START_TEST(sql_is_text)
{
    static const char evil[] = "'; DROP TABLE forge.users; -- $1 %s \\";
    person_t me = person("student");
    reply_t *reply = patch(
        me, F("{\"full_name\":\"%s\",\"bio\":\"%s\"}", "'; DROP TABLE forge.users; -- $1 %s \\\\", "x'::jsonb || '{}"));
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/full_name"), evil);
    ck_assert_str_eq(sql("SELECT full_name FROM forge.users WHERE id = %lld", (long long)me.id), evil);
}
END_TEST

START_TEST(usernames_are_one)
{
    person_t me = person("student"), other = person("student");
    char *shouted = F("%s", other.username);
    for (char *c = shouted; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    expect_problem(patch(me, F("{\"username\":\"%s\"}", shouted)), "username_taken");
    expect_status(patch(other, F("{\"username\":\"%s\"}", shouted)), 200);
    expect_status(patch(me, F("{\"email\":\"%s\"}", me.email)), 200); /* the address one has is no change */
    ck_assert_str_eq(sql("SELECT email FROM forge.users WHERE id = %lld", (long long)me.id), me.email);
}
END_TEST

typedef struct race_t {
    person_t who[8];
    int statuses[8];
} race_t;

static void take_name(int i, void *baton)
{
    race_t *race = baton;
    race->statuses[i] = patch(race->who[i], "{\"username\":\"the_one\"}")->status;
}

START_TEST(one_name_for_eight)
{
    race_t race;
    int won = 0;
    for (int i = 0; i < 8; i++)
        race.who[i] = person("student");
    parallel(8, take_name, &race);
    for (int i = 0; i < 8; i++) {
        won += race.statuses[i] == 200;
        ck_assert_msg(race.statuses[i] == 200 || race.statuses[i] == 409, "%d", race.statuses[i]);
    }
    ck_assert_int_eq(won, 1);
}
END_TEST

/* The tag that GET gives is good for If-Match, although it changes with every session. */
START_TEST(conditional)
{
    person_t me = person("student");
    reply_t *reply = CALL("GET", me_path, .token = me.access);
    const char *tag = header(reply, "ETag");
    expect_status(CALL("GET", me_path, .token = me.access, .headers = {F("If-None-Match: %s", tag)}), 304);
    expect_status(
        CALL("POST", "/api/v1/auth/login", .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", me.email, me.password)),
        200);
    ck_assert_str_ne(header(CALL("GET", me_path, .token = me.access), "ETag"), tag);
    reply = CALL("GET", "/api/v1/auth/me", .token = me.access);
    tag = header(reply, "ETag");
    reply = CALL("PATCH", me_path, .token = me.access, .json = "{\"bio\":\"1\"}", .headers = {F("If-Match: %s", tag)});
    expect_status(reply, 200);
    expect_problem(
        CALL("PATCH", me_path, .token = me.access, .json = "{\"bio\":\"2\"}", .headers = {F("If-Match: %s", tag)}),
        "precondition_failed");
    expect_status(CALL("PATCH", me_path, .token = me.access, .json = "{\"bio\":\"2\"}",
                       .headers = {F("If-Match: %s", header(reply, "ETag"))}),
                  200);
    expect_problem(CALL("PATCH", me_path, .json = "{}"), "unauthenticated");
}
END_TEST

START_TEST(leaving)
{
    person_t me = person("student");
    expect_problem(CALL("DELETE", me_path, .token = me.access, .json = "{}"), "validation_failed");
    expect_problem(CALL("DELETE", me_path, .token = me.access, .json = "{\"password\":\"Wrong7-Walrus!Q\"}"),
                   "bad_credentials");
    ck_assert_str_eq(sql("SELECT is_active FROM forge.users WHERE id = %lld", (long long)me.id), "t");
    expect_status(CALL("DELETE", me_path, .token = me.access, .json = F("{\"password\":\"%s\"}", me.password)), 204);
    ck_assert_str_eq(sql("SELECT is_active || ' ' || (erase_at > now() + interval '29 days') || ' ' || (SELECT "
                         "count(*) FROM forge.sessions s"
                         " WHERE s.user_id = u.id AND revoked_at IS NULL) FROM forge.users u WHERE id = %lld",
                         (long long)me.id),
                     "false true 0");
    expect_problem(
        CALL("POST", "/api/v1/auth/login", .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", me.email, me.password)),
        "bad_credentials");
    expect_problem(CALL("GET", me_path, .token = me.access), "invalid_token");
    expect_problem(CALL("GET", F("/api/v1/users/%lld", (long long)me.id)), "not_found");
    expect_problem(CALL("POST", "/api/v1/auth/register",
                        .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", me.email, me.password)),
                   "email_taken");
    person_t admin = person("admin");
    expect_status(
        CALL("PATCH", F("/api/v1/users/%lld", (long long)me.id), .token = admin.access, .json = "{\"is_active\":true}"),
        200);
    expect_status(
        CALL("POST", "/api/v1/auth/login", .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", me.email, me.password)),
        200);
    ck_assert_str_eq(sql("SELECT erase_at IS NULL FROM forge.users WHERE id = %lld", (long long)me.id), "t");
    expect_problem(CALL("DELETE", me_path, .token = admin.access, .json = F("{\"password\":\"%s\"}", admin.password)),
                   "last_admin");
}
END_TEST

START_TEST(export_of_everything)
{
    person_t me = person("instructor"), other = person("student");
    course_of(me, "My course");
    sql("INSERT INTO forge.organizations (name, slug) VALUES ('Org', 'org'); INSERT INTO forge.memberships VALUES (1, "
        "%lld, 'owner')",
        (long long)me.id);
    sql("INSERT INTO forge.mfa_factors (user_id, secret) VALUES (%lld, repeat('SEALED', 8))", (long long)me.id);
    reply_t *reply = CALL("GET", F("%s/export", me_path), .token = me.access);
    expect_status(reply, 200);
    ck_assert_str_eq(header(reply, "Cache-Control"), "no-store");
    ck_assert_str_eq(text_at(reply->json, "/account/email"), me.email);
    ck_assert_str_eq(text_at(reply->json, "/courses/0/title"), "My course");
    ck_assert_str_eq(text_at(reply->json, "/memberships/0/role"), "owner");
    ck_assert_str_eq(text_at(reply->json, "/sessions/0/ip"), "127.0.0.1");
    ck_assert_str_eq(text_at(reply->json, "/mfa_factors/0/kind"), "totp");
    ck_assert_str_eq(
        text_at(reply->json, F("/audit_events/%d/event", (int)json_array_size(at(reply->json, "/audit_events")) - 1)),
        "user.registered");
    ck_assert_ptr_nonnull(strchr(text_at(reply->json, "/account/created_at"), 'Z'));
    static const char *const secrets[] = {"hash", "secret", "$2y$", "{sha256}", "sha256", "SEALED", "token", NULL};
    for (const char *const *secret = secrets; *secret; secret++)
        ck_assert_msg(!strcasestr(reply->body, *secret), "the export shows \"%s\"", *secret);
    ck_assert_ptr_null(strstr(reply->body, other.username));
    ck_assert_str_eq(sql("SELECT actor_id || ' ' || subject_id FROM forge.audit_events WHERE event = 'user.exported'"),
                     F("%lld %lld", (long long)me.id, (long long)me.id));
    reply = CALL("GET", F("%s/export", me_path), .token = me.access);
    ck_assert_str_eq(text_at(reply->json, "/audit_events/0/event"), "user.exported");
    expect_problem(CALL("GET", F("%s/export", me_path)), "unauthenticated");
}
END_TEST

/* Where words of courses stand in an export, and whether they are shown. */
static void expect_words(const reply_t *export, const char *const *places, bool shown)
{
    for (; *places; places++)
        ck_assert_msg(json_is_string(at(export->json, *places)) == shown, "%s", *places);
}

/* Whoever has left an organisation sees of its courses that they took part, and no word of what they are today. */
START_TEST(export_after_leaving_an_organization)
{
    static const char *const inside[] = {"/courses/0/title",
                                         "/courses/0/status",
                                         "/lessons/0/title",
                                         "/lessons/0/content",
                                         "/assignments/0/title",
                                         "/assignments/0/description",
                                         "/exercises/0/title",
                                         "/exercises/0/instructions",
                                         "/enrollments/0/title",
                                         "/course_completions/0/title",
                                         NULL};
    static const char *const outside[] = {"/courses/1/title", "/exercises/1/title", "/enrollments/1/title", NULL};
    person_t me = person("instructor");
    long long id = me.id, course = course_of(me, "Inside"), open = course_of(me, "Open");
    sql("INSERT INTO forge.organizations (name, slug) VALUES ('Org', 'org'); INSERT INTO forge.memberships SELECT id,"
        " %lld, 'member' FROM forge.organizations; UPDATE forge.courses SET organization_id = (SELECT id FROM"
        " forge.organizations) WHERE id = %lld",
        id, course);
    sql("INSERT INTO forge.modules (course_id, title) VALUES (%lld, 'M');"
        "INSERT INTO forge.lessons (course_id, module_id, title, created_by) SELECT course_id, id, 'L', %lld FROM"
        " forge.modules;"
        "INSERT INTO forge.assignments (course_id, title, created_by) VALUES (%lld, 'A', %lld)",
        course, id, course, id);
    sql("INSERT INTO forge.exercises (course_id, title, author_id) VALUES (%lld, 'E', %lld), (NULL, 'F', %lld)", course,
        id, id);
    sql("INSERT INTO forge.enrollments (course_id, user_id) VALUES (%lld, %lld), (%lld, %lld);"
        "INSERT INTO forge.course_completions (course_id, user_id) VALUES (%lld, %lld)",
        course, id, open, id, course, id);
    reply_t *export = CALL("GET", F("%s/export", me_path), .token = me.access);
    expect_words(export, inside, true);
    expect_words(export, outside, true);
    sql("DELETE FROM forge.memberships");
    export = CALL("GET", F("%s/export", me_path), .token = me.access);
    expect_status(export, 200);
    expect_words(export, inside, false);
    expect_words(export, outside, true);
    ck_assert_int_eq(int_at(export->json, "/courses/0/id"), course);
    ck_assert_int_eq(int_at(export->json, "/lessons/0/course_id"), course);
    ck_assert_int_eq(int_at(export->json, "/enrollments/0/course_id"), course);
    ck_assert_int_eq(int_at(export->json, "/course_completions/0/course_id"), course);
}
END_TEST

/* What somebody wrote is in it to the last member; of a draft of somebody else not even the title. */
START_TEST(export_of_what_i_wrote)
{
    person_t me = person("instructor"), other = person("instructor");
    long long id = me.id, mine = course_of(me, "Mine"), draft = course_of(other, "Unspoken");
    sql("UPDATE forge.courses SET description = 'of mine', timezone = 'Europe/Vienna' WHERE id = %lld;"
        "UPDATE forge.courses SET status = 'draft' WHERE id = %lld;"
        "INSERT INTO forge.enrollments (course_id, user_id) VALUES (%lld, %lld);"
        "INSERT INTO forge.course_completions (course_id, user_id) VALUES (%lld, %lld)",
        mine, draft, draft, id, draft, id);
    sql("INSERT INTO forge.exercises (title, author_id, starter_code, solution, tests) VALUES ('E', %lld, 'starter()',"
        " 'solution()', "
        "'[{\"name\":\"first\",\"stdin\":\"\",\"expected_stdout\":\"x\",\"hidden\":true,\"points\":1}]');"
        "INSERT INTO forge.assignments (course_id, title, created_by, due_at, max_points) VALUES (%lld, 'A', %lld,"
        " '2026-12-01T10:00Z', 7);"
        "INSERT INTO forge.achievements (name, description, created_by, rule_event, rule_count) VALUES ('N', 'why', "
        "%lld,"
        " 'streak', 3)",
        id, mine, id, id);
    reply_t *export = CALL("GET", F("%s/export", me_path), .token = me.access);
    expect_status(export, 200);
    ck_assert_ptr_null(strstr(export->body, "Unspoken"));
    ck_assert_int_eq(int_at(export->json, "/enrollments/0/course_id"), draft);
    ck_assert_str_eq(text_at(export->json, "/courses/0/description"), "of mine");
    ck_assert_str_eq(text_at(export->json, "/courses/0/timezone"), "Europe/Vienna");
    ck_assert_str_eq(text_at(export->json, "/exercises/0/starter_code"), "starter()");
    ck_assert_str_eq(text_at(export->json, "/exercises/0/solution"), "solution()");
    ck_assert_str_eq(text_at(export->json, "/exercises/0/tests/0/name"), "first");
    ck_assert_int_eq(int_at(export->json, "/assignments/0/max_points"), 7);
    ck_assert_str_eq(text_at(export->json, "/assignments/0/due_at"), "2026-12-01T10:00:00.000000Z");
    ck_assert_str_eq(text_at(export->json, "/created_achievements/0/rule/event"), "streak");
}
END_TEST

/* However much there is, it comes whole: rows in their order, each once. */
START_TEST(export_of_any_size)
{
    enum { COURSES = 60001, LESSONS = 340 };
    person_t me = person("instructor");
    watchdog(180);
    sql("SET session_replication_role = replica"); /* the rows alone, not what is counted with each */
    sql("INSERT INTO forge.courses (title, instructor_id) SELECT repeat('x', 190), %lld FROM generate_series(1, %d) i",
        (long long)me.id, COURSES);
    sql("SET session_replication_role = origin");
    sql("WITH m AS (INSERT INTO forge.modules (course_id, title) SELECT min(id), 'M' FROM forge.courses RETURNING *)"
        " INSERT INTO forge.lessons (course_id, module_id, title, content, created_by) SELECT course_id, id, 'L',"
        " repeat('x', 100000), %lld FROM m, generate_series(1, %d)",
        (long long)me.id, LESSONS);
    sql("INSERT INTO forge.audit_events (event, actor_id) SELECT 'user.login', %lld FROM generate_series(1, 1200)",
        (long long)me.id);
    reply_t *reply = CALL("GET", F("%s/export", me_path), .token = me.access, .patience = 120000);
    expect_status(reply, 200);
    ck_assert_uint_gt(reply->length, 50 * 1000 * 1000); /* more than is held at once */
    ck_assert_uint_eq(json_array_size(at(reply->json, "/lessons")), LESSONS);
    const json_t *courses = at(reply->json, "/courses");
    ck_assert_uint_eq(json_array_size(courses), COURSES);
    json_int_t before = 0;
    for (size_t i = 0; i < json_array_size(courses); i++) {
        json_int_t id = json_integer_value(json_object_get(json_array_get(courses, i), "id"));
        ck_assert_int_gt(id, before);
        before = id;
    }
    ck_assert_uint_ge(json_array_size(at(reply->json, "/audit_events")), 1200);
    ck_assert_ptr_nonnull(text_at(reply->json, "/exported_at"));
}
END_TEST

/* The address stays until the new one is proven; when it cannot become it, nothing else has changed either. */
START_TEST(another_address)
{
    person_t me = person("student"), other = person("student");
    expect_problem(
        patch(me, F("{\"bio\":\"x\",\"email\":\"%s\",\"current_password\":\"%s\"}", other.email, me.password)),
        "email_taken");
    ck_assert_str_eq(sql("SELECT coalesce(bio, '-') FROM forge.users WHERE id = %lld", (long long)me.id), "-");
    reply_t *reply =
        patch(me, F("{\"bio\":\"y\",\"email\":\"New.Me@example.net\",\"current_password\":\"%s\"}", me.password));
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/email"), me.email);
    ck_assert_str_eq(text_at(reply->json, "/bio"), "y");
    ck_assert_str_eq(
        sql("SELECT email FROM forge.one_time_tokens WHERE kind = 'email_change' AND user_id = %lld", (long long)me.id),
        "New.Me@example.net");
    reply = CALL("POST", "/api/v1/auth/api-keys", .token = me.access,
                 .json = "{\"name\":\"k\",\"scopes\":[\"read\",\"write\"]}");
    expect_status(reply, 201);
    const char *key = text_at(reply->json, "/key");
    expect_problem(CALL("PATCH", me_path, .token = key,
                        .json = F("{\"email\":\"thief@example.net\",\"current_password\":\"%s\"}", me.password)),
                   "session_required");
    expect_status(CALL("PATCH", me_path, .token = key, .json = "{\"bio\":\"by key\"}"), 200);
    expect_problem(CALL("DELETE", me_path, .token = key, .json = F("{\"password\":\"%s\"}", me.password)),
                   "session_required");
    reply = CALL("GET", F("%s/export", me_path), .token = me.access);
    ck_assert_str_eq(text_at(reply->json, "/api_keys/0/name"), "k");
    ck_assert_ptr_null(strstr(reply->body, key));
    ck_assert_ptr_nonnull(strstr(reply->body, "New.Me@example.net"));
}
END_TEST

/* A link that downloads: a ticket instead of a header, once. */
START_TEST(export_by_ticket)
{
    person_t me = person("student");
    reply_t *reply = CALL("POST", "/api/v1/auth/stream-ticket", .token = me.access);
    char *path = F("%s/export?ticket=%s", me_path, text_at(reply->json, "/ticket"));
    ck_assert_str_eq(text_at(CALL("GET", path)->json, "/account/username"), me.username);
    expect_problem(CALL("GET", path), "invalid_token");
}
END_TEST

Suite *suite_profile(void)
{
    Suite *suite = suite_create("profile");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, members_change);
    tcase_add_test(all, mass_assignment);
    tcase_add_test(all, refused_members);
    tcase_add_test(all, sql_is_text);
    tcase_add_test(all, usernames_are_one);
    tcase_add_test(all, one_name_for_eight);
    tcase_add_test(all, conditional);
    tcase_add_test(all, leaving);
    tcase_add_test(all, export_of_everything);
    tcase_add_test(all, export_after_leaving_an_organization);
    tcase_add_test(all, export_of_what_i_wrote);
    tcase_add_test(all, export_of_any_size);
    tcase_add_test(all, another_address);
    tcase_add_test(all, export_by_ticket);
    return suite;
}
