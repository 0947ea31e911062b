/* SPDX-License-Identifier: Apache-2.0
 * Organisations: made, read, renamed, handed over, deleted, and seen by their members only (SPEC 5).
 */
#include "harness.h"

#include <string.h>

#define ORGANIZATIONS "/api/v1/organizations"

static char *path_of(json_int_t id, const char *rest)
{
    return F(ORGANIZATIONS "/%lld%s", (long long)id, rest);
}

static json_int_t organization(person_t owner, const char *name)
{
    reply_t *made = CALL("POST", ORGANIZATIONS, .token = owner.access, .json = F("{\"name\":\"%s\"}", name));
    expect_status(made, 201);
    return int_at(made->json, "/id");
}

static void join(json_int_t id, person_t who, const char *role)
{
    sql("INSERT INTO forge.memberships VALUES (%lld, %lld, '%s')", (long long)id, (long long)who.id, role);
}

START_TEST(create_and_read)
{
    person_t owner = person("student");
    reply_t *made = CALL("POST", ORGANIZATIONS, .token = owner.access,
                         .json = "{\"name\":\"Institute of Graphs\",\"id\":7,\"role\":\"member\"}");
    expect_status(made, 201);
    json_int_t id = int_at(made->json, "/id");
    ck_assert_str_eq(header(made, "Location"), path_of(id, ""));
    ck_assert_str_eq(text_at(made->json, "/slug"), "institute-of-graphs");
    ck_assert_str_eq(text_at(made->json, "/role"), "owner");
    reply_t *read = CALL("GET", path_of(id, ""), .token = owner.access);
    expect_status(read, 200);
    ck_assert(json_equal(read->json, made->json));
    ck_assert_uint_eq(json_object_size(read->json), 7);
    ck_assert_str_eq(header(read, "ETag"), header(made, "ETag"));
    expect_status(
        CALL("GET", path_of(id, ""), .token = owner.access, .headers = {F("If-None-Match: %s", header(read, "ETag"))}),
        304);
    ck_assert_str_eq(
        sql("SELECT event || ' ' || (detail->>'slug') || ' ' || (ip IS NOT NULL) || ' ' || (request_id IS NOT NULL)"
            " FROM forge.audit_events WHERE event LIKE 'organization.%%'"),
        "organization.created institute-of-graphs true true");
}
END_TEST

START_TEST(names_and_slugs)
{
    person_t owner = person("student");
    static const struct {
        const char *json, *pointer, *code;
    } refused[] = {
        {"{}", "/name", "required"},
        {"{\"name\":\"\"}", "/name", "too_short"},
        {"{\"name\":\"a\\nb\"}", "/name", "format"},
        {"{\"name\":\"A\",\"slug\":\"\"}", "/slug", "too_short"},
        {"{\"name\":\"A\",\"slug\":\"Upper\"}", "/slug", "format"},
        {"{\"name\":\"A\",\"slug\":\"a--b\"}", "/slug", "format"},
        {"{\"name\":\"A\",\"slug\":\"-a\"}", "/slug", "format"},
        {"{\"name\":\"A\",\"slug\":\"a-\"}", "/slug", "format"},
        {"{\"name\":\"A\",\"slug\":\"a b\"}", "/slug", "format"},
        {"{\"name\":\"A\",\"slug\":\"../x\"}", "/slug", "format"},
        {"{\"name\":\"A\",\"slug\":7}", "/slug", "type"},
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        expect_fault(CALL("POST", ORGANIZATIONS, .token = owner.access, .json = refused[i].json), refused[i].pointer,
                     refused[i].code);
    reply_t *both = CALL("POST", ORGANIZATIONS, .token = owner.access, .json = "{\"slug\":\"A\"}");
    expect_fault(both, "/name", "required");
    expect_fault(both, "/slug", "format"); /* all at once */
    char *longest = F("%063d", 0);
    expect_status(
        CALL("POST", ORGANIZATIONS, .token = owner.access, .json = F("{\"name\":\"A\",\"slug\":\"%s\"}", longest)),
        201);
    expect_fault(
        CALL("POST", ORGANIZATIONS, .token = owner.access, .json = F("{\"name\":\"A\",\"slug\":\"%s0\"}", longest)),
        "/slug", "too_long");
    expect_problem(
        CALL("POST", ORGANIZATIONS, .token = owner.access, .json = F("{\"name\":\"B\",\"slug\":\"%s\"}", longest)),
        "slug_taken");
    organization(owner, "Twin");
    json_int_t twin = organization(owner, "Twin"); /* nobody asked for that slug */
    ck_assert(strncmp(text_at(CALL("GET", path_of(twin, ""), .token = owner.access)->json, "/slug"), "twin-", 5) == 0);
    expect_problem(CALL("POST", ORGANIZATIONS, .json = "{\"name\":\"A\"}"), "unauthenticated");
}
END_TEST

START_TEST(repeated_creation_is_one)
{
    person_t owner = person("student");
    reply_t *first = CALL("POST", ORGANIZATIONS, .token = owner.access, .json = "{\"name\":\"Once\"}",
                          .headers = {"Idempotency-Key: once"});
    reply_t *second = CALL("POST", ORGANIZATIONS, .token = owner.access, .json = "{\"name\":\"Once\"}",
                           .headers = {"Idempotency-Key: once"});
    expect_status(first, 201);
    expect_status(second, 201);
    ck_assert(json_equal(first->json, second->json));
    ck_assert_str_eq(header(second, "Idempotent-Replayed"), "true");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.organizations"), "1");
}
END_TEST

START_TEST(renamed)
{
    person_t owner = person("student"), member = person("student");
    json_int_t id = organization(owner, "Old");
    join(id, member, "member");
    reply_t *changed = CALL("PATCH", path_of(id, ""), .token = owner.access, .json = "{\"name\":\"New\"}",
                            .type = "application/merge-patch+json", .headers = {"If-Match: \"v1\""});
    expect_status(changed, 200);
    ck_assert_str_eq(text_at(changed->json, "/name"), "New");
    ck_assert_str_eq(text_at(changed->json, "/slug"), "old");
    ck_assert_int_eq(int_at(changed->json, "/version"), 2);
    expect_problem(CALL("PATCH", path_of(id, ""), .token = owner.access, .json = "{\"name\":\"X\"}",
                        .headers = {"If-Match: \"v1\""}),
                   "precondition_failed");
    expect_problem(CALL("PATCH", path_of(id, ""), .token = member.access, .json = "{\"name\":\"X\"}"),
                   "insufficient_scope");
    expect_fault(CALL("PATCH", path_of(id, ""), .token = owner.access, .json = "{\"slug\":\"X\"}"), "/slug", "format");
    expect_fault(CALL("PATCH", path_of(id, ""), .token = owner.access, .json = "{\"name\":null}"), "/name", NULL);
    organization(owner, "Taken");
    expect_problem(CALL("PATCH", path_of(id, ""), .token = owner.access, .json = "{\"slug\":\"taken\"}"), "slug_taken");
    expect_status(CALL("PATCH", path_of(id, ""), .token = owner.access, .json = "{\"slug\":\"old\"}"), 200);
}
END_TEST

/* null: made from the name, as without a slug. */
START_TEST(slug_made_anew)
{
    person_t owner = person("student");
    json_int_t id = organization(owner, "Old");
    organization(owner, "Taken");
    static const char *const names[] = {"New  Name", "Taken"};
    char *const slugs[] = {"new-name", F("taken-%lld", (long long)id)};
    for (int i = 0; i < 2; i++) {
        reply_t *changed = CALL("PATCH", path_of(id, ""), .token = owner.access,
                                .json = F("{\"name\":\"%s\",\"slug\":null}", names[i]));
        expect_status(changed, 200);
        ck_assert_str_eq(text_at(changed->json, "/slug"), slugs[i]);
    }
    expect_fault(CALL("POST", ORGANIZATIONS, .token = owner.access, .json = "{\"name\":\"A\",\"slug\":null}"), "/slug",
                 "null");
}
END_TEST

START_TEST(deleted)
{
    person_t owner = person("student");
    json_int_t id = organization(owner, "Short");
    reply_t *course = CALL("POST", "/api/v1/courses", .token = owner.access,
                           .json = F("{\"title\":\"Inside\",\"organization_id\":%lld}", (long long)id));
    expect_status(course, 201);
    expect_problem(CALL("DELETE", path_of(id, ""), .token = owner.access), "conflict");
    expect_status(CALL("PATCH", F("/api/v1/courses/%lld", (long long)int_at(course->json, "/id")),
                       .token = owner.access, .json = "{\"organization_id\":null}"),
                  200);
    expect_problem(CALL("DELETE", path_of(id, ""), .token = owner.access, .headers = {"If-Match: \"v2\""}),
                   "precondition_failed");
    expect_status(CALL("DELETE", path_of(id, ""), .token = owner.access, .headers = {"If-Match: \"v1\""}), 204);
    expect_problem(CALL("GET", path_of(id, ""), .token = owner.access), "not_found");
    expect_problem(CALL("DELETE", path_of(id, ""), .token = owner.access), "not_found");
}
END_TEST

/* An owner may not change the courses of members; giving them back shows them to nobody else. */
START_TEST(deleted_with_the_courses_of_its_members)
{
    person_t owner = person("student"), teacher = person("instructor"), learner = person("student");
    json_int_t id = organization(owner, "Closing"), other = organization(owner, "Staying");
    join(id, teacher, "admin");
    join(other, teacher, "member");
    join(id, learner, "member");
    json_int_t courses[2];
    for (int i = 0; i < 2; i++) {
        reply_t *made = CALL("POST", "/api/v1/courses", .token = teacher.access,
                             .json = F("{\"title\":\"T\",\"organization_id\":%lld}", (long long)(i ? other : id)));
        expect_status(made, 201);
        courses[i] = int_at(made->json, "/id");
    }
    char *course = F("/api/v1/courses/%lld", (long long)courses[0]);
    expect_status(CALL("POST", F("%s/enrollment", course), .token = learner.access), 201);
    char *release = path_of(id, "?release_courses=true");
    expect_status(CALL("DELETE", release, .token = teacher.access), 403);
    expect_status(CALL("DELETE", path_of(id, "?release_courses=all"), .token = owner.access), 422);
    expect_problem(CALL("DELETE", path_of(id, "?release_courses=false"), .token = owner.access), "conflict");
    expect_problem(CALL("DELETE", release, .token = owner.access, .headers = {"If-Match: \"v2\""}),
                   "precondition_failed");
    ck_assert_int_eq(int_at(CALL("GET", course, .token = teacher.access)->json, "/organization_id"), id);
    expect_status(CALL("DELETE", release, .token = owner.access), 204);
    reply_t *back = CALL("GET", course, .token = teacher.access);
    expect_status(back, 200);
    ck_assert_str_eq(text_at(back->json, "/status"), "draft");
    ck_assert(json_is_null(at(back->json, "/organization_id")));
    expect_problem(CALL("GET", course, .token = owner.access), "not_found");
    expect_problem(CALL("GET", course, .token = learner.access), "not_found");
    expect_problem(CALL("GET", course), "not_found");
    expect_status(CALL("PATCH", course, .token = teacher.access, .json = "{\"status\":\"published\"}"), 200);
    expect_status(CALL("GET", F("%s/enrollment", course), .token = learner.access), 200);
    ck_assert_int_eq(int_at(CALL("GET", F("/api/v1/courses/%lld", (long long)courses[1]), .token = owner.access)->json,
                            "/organization_id"),
                     other);
    ck_assert_str_eq(sql("SELECT detail->>'released' FROM forge.audit_events WHERE event = 'organization.deleted'"),
                     "1");
}
END_TEST

typedef struct meanwhile_t {
    struct pg_conn *maker;
    person_t owner;
    char *path;
    reply_t *reply;
} meanwhile_t;

static void delete_meanwhile(int i, void *baton)
{
    meanwhile_t *m = baton;
    if (i == 0) {
        m->reply = CALL("DELETE", m->path, .token = m->owner.access);
        return;
    }
    sql_until_waiting();
    sql_on(m->maker, "COMMIT");
}

/* A course that comes in while the deletion waits for it is given back like the others, or stops the deletion. */
START_TEST(deleted_while_a_course_comes_in)
{
    person_t owner = person("student"), teacher = person("instructor");
    for (int release = 0; release < 2; release++) {
        json_int_t id = organization(owner, "Busy");
        join(id, teacher, "member");
        meanwhile_t m = {
            .maker = sql_session(), .owner = owner, .path = path_of(id, release ? "?release_courses=true" : "")};
        sql_on(m.maker,
               F("BEGIN; INSERT INTO forge.courses (title, instructor_id, organization_id) VALUES ('Late', %lld, %lld)",
                 (long long)teacher.id, (long long)id));
        parallel(2, delete_meanwhile, &m);
        if (!release) {
            expect_problem(m.reply, "conflict");
            continue;
        }
        expect_status(m.reply, 204);
        ck_assert_str_eq(sql("SELECT count(*) FROM forge.courses WHERE organization_id IS NULL AND status = 'draft'"),
                         "1");
    }
}
END_TEST

START_TEST(listed)
{
    person_t owner = person("student"), other = person("student"), admin = person("admin");
    for (int i = 0; i < 5; i++)
        organization(i < 3 ? owner : other, F("Number %d", i));
    reply_t *mine = CALL("GET", ORGANIZATIONS "?count=true&limit=2", .token = owner.access);
    expect_status(mine, 200);
    ck_assert_uint_eq(json_array_size(mine->json), 2);
    ck_assert_str_eq(header(mine, "X-Total-Count"), "3");
    const char *link = strstr(header(mine, "Link"), "after=");
    ck_assert_ptr_nonnull(link);
    reply_t *rest =
        CALL("GET", F(ORGANIZATIONS "?limit=2&%.*s", (int)strcspn(link, "&>"), link), .token = owner.access);
    ck_assert_uint_eq(json_array_size(rest->json), 1);
    ck_assert_str_eq(text_at(rest->json, "/0/name"), "Number 2");
    ck_assert_str_eq(text_at(rest->json, "/0/role"), "owner");
    ck_assert_uint_eq(json_array_size(CALL("GET", ORGANIZATIONS "?skip=1", .token = owner.access)->json), 2);
    ck_assert_uint_eq(json_array_size(CALL("GET", ORGANIZATIONS "?all=true", .token = owner.access)->json),
                      3); /* heeded for admins only */
    ck_assert_uint_eq(json_array_size(CALL("GET", ORGANIZATIONS, .token = admin.access)->json), 0);
    reply_t *all = CALL("GET", ORGANIZATIONS "?all=true&count=true", .token = admin.access);
    ck_assert_uint_eq(json_array_size(all->json), 5);
    ck_assert_str_eq(header(all, "X-Total-Count"), "5");
    ck_assert(json_is_null(at(all->json, "/0/role")));
    expect_fault(CALL("GET", ORGANIZATIONS "?all=maybe", .token = admin.access), "?all", NULL);
    expect_problem(CALL("GET", ORGANIZATIONS), "unauthenticated");
}
END_TEST

START_TEST(handed_over)
{
    person_t owner = person("student"), heir = person("student"), admin = person("admin");
    json_int_t id = organization(owner, "Estate");
    char *path = path_of(id, "/transfer"), *json = F("{\"user_id\":%lld}", (long long)heir.id);
    expect_problem(CALL("POST", path, .token = owner.access, .json = json), "bad_reference"); /* no member */
    expect_problem(CALL("POST", path, .token = heir.access, .json = json), "not_found");
    join(id, heir, "member");
    expect_problem(CALL("POST", path, .token = heir.access, .json = json), "insufficient_scope");
    reply_t *done = CALL("POST", path, .token = owner.access, .json = json);
    expect_status(done, 200);
    ck_assert_str_eq(text_at(done->json, "/role"), "admin");
    ck_assert_int_eq(int_at(done->json, "/version"), 1);
    ck_assert_str_eq(text_at(CALL("GET", path_of(id, ""), .token = heir.access)->json, "/role"), "owner");
    expect_problem(CALL("POST", path, .token = owner.access, .json = json), "insufficient_scope");
    expect_status(CALL("POST", path, .token = admin.access, .json = F("{\"user_id\":%lld}", (long long)owner.id)), 200);
    ck_assert_str_eq(sql("SELECT string_agg(role, ' ' ORDER BY user_id) FROM forge.memberships"), "owner admin");
    expect_fault(CALL("POST", path, .token = admin.access, .json = "{}"), "/user_id", "required");
    expect_fault(CALL("POST", path, .token = admin.access, .json = "{\"user_id\":0}"), "/user_id", "out_of_range");
}
END_TEST

/* Bytes of a problem without what names the request. */
static char *bare(const reply_t *reply)
{
    json_t *copy = keep_json(json_copy(reply->json));
    json_object_del(copy, "request_id");
    json_object_del(copy, "instance");
    return keep(json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS));
}

START_TEST(strangers_learn_nothing)
{
    person_t owner = person("student"), stranger = person("instructor");
    json_int_t id = organization(owner, "Secret"), unknown = id + 1000;
    static const struct {
        const char *method, *rest, *json;
    } calls[] = {
        {"GET", "", NULL},
        {"PATCH", "", "{\"name\":\"x\"}"},
        {"DELETE", "", NULL},
        {"GET", "/members", NULL},
        {"POST", "/members", "{\"user_id\":1}"},
        {"PATCH", "/members/1", "{\"role\":\"admin\"}"},
        {"DELETE", "/members/1", NULL},
        {"POST", "/leave", NULL},
        {"POST", "/transfer", "{\"user_id\":1}"},
        {"GET", "/invitations", NULL},
        {"POST", "/invitations", "{\"email\":\"a@example.org\"}"},
        {"DELETE", "/invitations/1", NULL},
    };
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        reply_t *hidden =
                    CALL(calls[i].method, path_of(id, calls[i].rest), .token = stranger.access, .json = calls[i].json),
                *missing = CALL(calls[i].method, path_of(unknown, calls[i].rest), .token = stranger.access,
                                .json = calls[i].json);
        expect_problem(hidden, "not_found");
        ck_assert_str_eq(bare(hidden), bare(missing));
        ck_assert_uint_eq(strlen(hidden->body), strlen(missing->body) - strlen(F("%lld", (long long)unknown)) +
                                                    strlen(F("%lld", (long long)id)));
    }
    reply_t *inside = CALL("POST", "/api/v1/courses", .token = stranger.access,
                           .json = F("{\"title\":\"T\",\"organization_id\":%lld}", (long long)id)),
            *nowhere = CALL("POST", "/api/v1/courses", .token = stranger.access,
                            .json = F("{\"title\":\"T\",\"organization_id\":%lld}", (long long)unknown));
    expect_problem(inside, "bad_reference");
    ck_assert_str_eq(bare(inside), bare(nowhere));
    ck_assert_str_eq(text_at(inside->json, "/errors/0/pointer"), "/organization_id");
    ck_assert_str_eq(sql("SELECT count(*) || ' ' || min(name) FROM forge.organizations"), "1 Secret");
}
END_TEST

/* Who made a course and left the organisation is like anybody outside (SPEC 5: visible to its members only). */
START_TEST(courses_stay_inside)
{
    person_t owner = person("student"), teacher = person("instructor"), admin = person("admin");
    json_int_t id = organization(owner, "School");
    join(id, teacher, "member");
    reply_t *made = CALL("POST", "/api/v1/courses", .token = teacher.access,
                         .json = F("{\"title\":\"Lessons\",\"organization_id\":%lld}", (long long)id));
    expect_status(made, 201);
    char *course = F("/api/v1/courses/%lld", (long long)int_at(made->json, "/id"));
    expect_problem(CALL("PATCH", course, .token = owner.access, .json = "{\"title\":\"Mine\"}"),
                   "not_owner"); /* SPEC 6: its instructor's */
    reply_t *replaced =
        CALL("PUT", course, .token = teacher.access, .json = "{\"title\":\"Of a client without walls\"}");
    expect_status(replaced, 200);
    ck_assert_int_eq(int_at(replaced->json, "/organization_id"), id);
    expect_problem(CALL("GET", course), "not_found");
    expect_status(CALL("POST", path_of(id, "/leave"), .token = teacher.access), 204);
    expect_problem(CALL("GET", course, .token = teacher.access), "not_found");
    expect_problem(CALL("PATCH", course, .token = teacher.access, .json = "{\"organization_id\":null}"), "not_found");
    expect_problem(CALL("DELETE", course, .token = teacher.access), "not_found");
    ck_assert_uint_eq(json_array_size(CALL("GET", "/api/v1/courses", .token = teacher.access)->json), 0);
    expect_status(CALL("GET", course, .token = owner.access), 200);
    expect_status(CALL("PATCH", course, .token = admin.access, .json = "{\"organization_id\":null}"), 200);
    expect_status(CALL("GET", course), 200);
    expect_problem(
        CALL("PATCH", course, .token = teacher.access, .json = F("{\"organization_id\":%lld}", (long long)id)),
        "bad_reference");
}
END_TEST

Suite *suite_organizations(void)
{
    Suite *suite = suite_create("organizations");
    TCase *one = case_make(suite, "one");
    tcase_add_test(one, create_and_read);
    tcase_add_test(one, names_and_slugs);
    tcase_add_test(one, repeated_creation_is_one);
    tcase_add_test(one, renamed);
    tcase_add_test(one, slug_made_anew);
    tcase_add_test(one, deleted);
    tcase_add_test(one, deleted_with_the_courses_of_its_members);
    tcase_add_test(one, deleted_while_a_course_comes_in);
    tcase_add_test(one, listed);
    tcase_add_test(one, handed_over);
    TCase *walls = case_make(suite, "walls");
    tcase_add_test(walls, strangers_learn_nothing);
    tcase_add_test(walls, courses_stay_inside);
    return suite;
}
