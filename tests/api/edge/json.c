/* SPDX-License-Identifier: Apache-2.0
 * Hostile JSON and wrong members (SECURITY 11–17, SPEC 1).
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bodies that are no JSON (the kinds of JSONTestSuite's n_ files). */
static const struct {
    const char *text;
    size_t length; /* 0: strlen */
} broken[] = {
    {"", 0},
    {" ", 0},
    {"{", 0},
    {"}", 0},
    {"[", 0},
    {"{\"a\"", 0},
    {"{\"a\":", 0},
    {"{\"a\":1,}", 0},
    {"{,}", 0},
    {"{\"a\":1 \"b\":2}", 0},
    {"{a:1}", 0},
    {"{'a':1}", 0},
    {"{\"a\":01}", 0},
    {"{\"a\":+1}", 0},
    {"{\"a\":.5}", 0},
    {"{\"a\":1.}", 0},
    {"{\"a\":1e}", 0},
    {"{\"a\":-}", 0},
    {"{\"a\":0x1}", 0},
    {"{\"a\":NaN}", 0},
    {"{\"a\":Infinity}", 0},
    {"{\"a\":tru}", 0},
    {"{\"a\":True}", 0},
    {"{\"a\":nul}", 0},
    {"{\"a\":\"\\x00\"}", 0},
    {"{\"a\":\"\\u12\"}", 0},
    {"{\"a\":\"\\uZZZZ\"}", 0},
    {"{\"a\":\"\n\"}", 0},
    {"{\"a\":\"\t\"}", 0},
    {"{\"a\":\"unclosed}", 0},
    {"{\"a\":1}{\"b\":2}", 0},
    {"{\"a\":1} x", 0},
    {"{\"a\":1}//", 0},
    {"/**/{\"a\":1}", 0},
    {"[1,]", 0},
    {"[,1]", 0},
    {"[1,,2]", 0},
    {"{\"a\":[}", 0},
    {"{\"a\":]}", 0},
    {"\xef\xbb\xbf{\"a\":1}", 0},
    {"{\"a\":\"\xff\"}", 0},
    {"{\"a\":\"\xc0\xaf\"}", 0},
    {"{\"a\":\"\xed\xa0\x80\"}", 0},
    {"{\"a\":\"\xf4\x90\x80\x80\"}", 0},
    {"{\"a\":\"\xe2\x82\"}", 0},
    {"{\"\xff\":1}", 0},
    {"{\"a\":\"\\ud800\"}", 0},
    {"{\"a\":\"\\udc00\\ud800\"}", 0},
    {"{\"a\":\"\\ud800\\u0041\"}", 0},
    {"{\"a\":1}\0", 8},
    {"\0", 1},
    {"{\0\"a\":1}", 8},
    {"*", 0},
    {"<a/>", 0},
    {"\xff\xfe{\0}\0", 6},
};

/* SECURITY 11 */
START_TEST(not_well_formed_is_400)
{
    const char *text = broken[_i].text;
    reply_t *reply = CALL("POST", "/api/v1/auth/login", .body = text,
                          .length = broken[_i].length ? broken[_i].length : strlen(text));
    ck_assert_msg(reply->status == 400, "%d for body %d: %.100s: %.300s", reply->status, _i, text, reply->body);
    expect_problem(reply, "bad_json");
}
END_TEST

START_TEST(no_object_is_422)
{
    static const char *const bodies[] = {"[]", "1", "\"text\"", "true", "null", "[{\"email\":\"a@b.example\"}]", NULL};
    for (const char *const *body = bodies; *body; body++)
        expect_problem(CALL("POST", "/api/v1/auth/login", .json = *body), "validation_failed");
}
END_TEST

/* SECURITY 12 */
START_TEST(duplicate_keys_are_400)
{
    static const char *const bodies[] = {"{\"role\":\"student\",\"role\":\"owner\"}",
                                         "{\"role\":\"student\",\"\\u0072ole\":\"owner\"}",
                                         "{\"email\":\"a@b.example\",\"x\":{\"y\":1,\"y\":2}}", NULL};
    for (const char *const *body = bodies; *body; body++)
        expect_problem(CALL("POST", "/api/v1/auth/register", .json = *body), "bad_json");
}
END_TEST

/* {"x": with so many levels in all } */
static char *nested(int levels, char open, char close)
{
    char *text = F("{\"username\":\"nobody\",\"password\":\"x\",\"x\":%*s}", (levels - 1) * 2, "");
    char *from = strstr(text, "\"x\":  ") + 4;
    memset(from, open, (size_t)levels - 1);
    memset(from + levels - 1, close, (size_t)levels - 1);
    return text;
}

/* SECURITY 13 */
START_TEST(depth_and_size)
{
    expect_problem(CALL("POST", "/api/v1/auth/login", .json = nested(32, '[', ']')), "bad_credentials");
    expect_problem(CALL("POST", "/api/v1/auth/login", .json = nested(33, '[', ']')), "bad_json");
    person_t teacher = person("instructor");
    expect_problem(CALL("POST", "/api/v1/courses", .token = teacher.access, .json = nested(50000, '[', ']')),
                   "bad_json");
    char *open = keep(malloc(300001));
    memset(open, '[', 300000);
    open[300000] = 0;
    expect_problem(CALL("POST", "/api/v1/courses", .token = teacher.access, .json = open), "bad_json");
    expect_problem(CALL("POST", "/api/v1/auth/login", .json = open), "body_too_large");
    char *many = keep(malloc(40000));
    size_t n = (size_t)sprintf(many, "{");
    for (int i = 0; i < 1001; i++)
        n += (size_t)sprintf(many + n, "%s\"k%d\":%d", i ? "," : "", i, i);
    strcpy(many + n, "}");
    reply_t *reply = CALL("POST", "/api/v1/auth/login", .json = many);
    ck_assert_msg(reply->status == 400 || reply->status == 422, "%d", reply->status);
}
END_TEST

START_TEST(numbers_out_of_range)
{
    person_t teacher = person("instructor");
    char *digits = keep(malloc(900000));
    memset(digits, '9', 899999);
    digits[899999] = 0;
    const char *numbers[] = {"1e400", "-1e400", "9223372036854775808", "99999999999999999999999999",
                             "1.5",   "-1",     "2147483648000000",    digits,
                             NULL};
    for (const char **number = numbers; *number; number++) {
        reply_t *reply = CALL("POST", "/api/v1/achievements", .token = teacher.access,
                              .json = F("{\"name\":\"n%d\",\"points\":%s}", (int)(number - numbers), *number));
        ck_assert_msg(reply->status == 400 || reply->status == 422, "%.40s: %d", *number, reply->status);
    }
}
END_TEST

/* SECURITY 14 */
START_TEST(unknown_members_are_ignored)
{
    reply_t *reply = CALL(
        "POST", "/api/v1/users/register",
        .json = "{\"email\":\"mass@example.org\",\"username\":\"massassign\",\"password\":\"Vexing7-Walrus!Q\",\"is_"
                "admin\":true,\"id\":777,\"org_id\":1,"
                "\"created_at\":\"2001-01-01T00:00:00Z\",\"mfa_enabled\":true,\"email_verified\":true,\"is_active\":"
                "false,\"version\":9,\"password_hash\":\"x\"}");
    expect_status(reply, 201);
    ck_assert_int_ne(int_at(reply->json, "/id"), 777);
    ck_assert(json_is_true(at(reply->json, "/is_active")));
    ck_assert_str_ne(text_at(reply->json, "/created_at"), "2001-01-01T00:00:00Z");
    ck_assert_str_eq(sql("SELECT role || ' ' || is_active || ' ' || (created_at > '2020-01-01') FROM forge.users WHERE "
                         "username = 'massassign'"),
                     "student true true");
    person_t teacher = person("instructor"), other = person("instructor");
    reply = CALL("POST", "/api/v1/courses", .token = teacher.access,
                 .json = F("{\"title\":\"Mine\",\"instructor_id\":%lld,\"id\":555,\"version\":77,\"created_at\":\"2001-"
                           "01-01T00:00:00Z\"}",
                           (long long)other.id));
    expect_status(reply, 201);
    ck_assert_int_eq(int_at(reply->json, "/instructor_id"), teacher.id);
    ck_assert_int_ne(int_at(reply->json, "/id"), 555);
    long long id = int_at(reply->json, "/id");
    reply = CALL(
        "PATCH", F("/api/v1/courses/%lld", id), .token = teacher.access,
        .json = F("{\"instructor_id\":%lld,\"version\":99,\"id\":1,\"title\":\"Still mine\"}", (long long)other.id));
    expect_status(reply, 200);
    ck_assert_int_eq(int_at(reply->json, "/instructor_id"), teacher.id);
    ck_assert_int_eq(int_at(reply->json, "/id"), id);
}
END_TEST

START_TEST(roles_at_registration)
{
    static const char base[] =
        "{\"email\":\"r%d@example.org\",\"username\":\"role_%d\",\"password\":\"Vexing7-Walrus!Q\",\"role\":%s}";
    static const struct {
        const char *role;
        int status;
    } rows[] = {{"\"admin\"", 403}, {"\"student\"", 201}, {"\"instructor\"", 201},
                {"\"guest\"", 403}, {"\"owner\"", 422},   {"\"ADMIN\"", 422},
                {"5", 422},         {"[\"admin\"]", 422}};
    for (int i = 0; i < 8; i++) {
        reply_t *reply = CALL("POST", "/api/v1/auth/register", .json = F(base, i, i, rows[i].role));
        ck_assert_msg(reply->status == rows[i].status || (rows[i].status == 403 && i == 3 && reply->status == 422),
                      "%s: %d %.200s", rows[i].role, reply->status, reply->body);
    }
    expect_problem(CALL("POST", "/api/v1/users/register", .json = F(base, 20, 20, "\"admin\"")), "role_not_allowed");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.users WHERE role = 'admin'"), "0");
}
END_TEST

/* SECURITY 15 */
START_TEST(wrong_types_name_the_member)
{
    static const char *const values[] = {"[\"a@b.example\"]", "{\"$ne\":1}", "true", "null", "17", "\"\"",
                                         "\"no address\"",    NULL};
    for (const char *const *value = values; *value; value++) {
        reply_t *reply =
            CALL("POST", "/api/v1/auth/register",
                 .json = F("{\"email\":%s,\"username\":\"typed\",\"password\":\"Vexing7-Walrus!Q\"}", *value));
        expect_problem(reply, "validation_failed");
        expect_fault(reply, "/email", NULL);
    }
    reply_t *reply = CALL("POST", "/api/v1/auth/register", .json = "{\"email\":5,\"username\":\"a b\",\"role\":7}");
    expect_problem(reply, "validation_failed");
    expect_fault(reply, "/email", "type");
    expect_fault(reply, "/username", "format");
    expect_fault(reply, "/password", "required");
    expect_fault(reply, "/role", "type");
    person_t teacher = person("instructor");
    reply = CALL("POST", "/api/v1/courses", .token = teacher.access,
                 .json = "{\"title\":\"\",\"difficulty\":\"extreme\",\"status\":3}");
    expect_problem(reply, "validation_failed");
    expect_fault(reply, "/title", "too_short");
    static const char *const blank[] = {" ", "\\t", "\\u00a0\\u2003", "\\u200b", NULL};
    for (const char *const *title = blank; *title; title++)
        expect_fault(CALL("POST", "/api/v1/courses", .token = teacher.access, .json = F("{\"title\":\"%s\"}", *title)),
                     "/title", NULL);
    expect_fault(reply, "/difficulty", "enum");
    expect_fault(reply, "/status", "type");
}
END_TEST

/* SECURITY 16 */
START_TEST(nul_in_text)
{
    person_t teacher = person("instructor");
    reply_t *reply = CALL("POST", "/api/v1/courses", .token = teacher.access, .json = "{\"title\":\"a\\u0000b\"}");
    expect_problem(reply, "validation_failed");
    expect_fault(reply, "/title", "nul");
    reply = CALL("POST", "/api/v1/auth/login", .json = "{\"username\":\"a\\u0000\",\"password\":\"x\"}");
    expect_problem(reply, "validation_failed");
    reply = CALL(
        "POST", "/api/v1/auth/register",
        .json = "{\"email\":\"nul@example.org\",\"username\":\"nul_user\",\"password\":\"Vexing7-\\u0000Walrus!Q\"}");
    expect_problem(reply, "validation_failed");
    expect_status(CALL("GET", "/api/v1/courses?q=a%00b"), 400);
    expect_status(CALL("GET", "/api/v1/courses?q=%ff"), 400);
    expect_status(CALL("GET", "/api/v1/courses?q=%zz"), 400);
    expect_status(CALL("GET", "/api/v1/courses?q=%"), 400);
    /* also where no parameter is known */
    expect_status(CALL("GET", "/api/v1/health?x=%zz"), 400);
    person_t me = person("student");
    expect_problem(CALL("GET", "/api/v1/auth/me?x=%zz", .token = me.access), "bad_request");
    expect_problem(CALL("GET", "/api/v1/auth/me?%00=1", .token = me.access), "bad_request");
    expect_status(CALL("GET", "/api/v1/auth/me?x=1&x=%41", .token = me.access), 200);
}
END_TEST

/* Text comes back as it went in, and SQL in it stays text. */
START_TEST(text_is_text)
{
    static const char *const texts[] = {"'; DROP TABLE forge.users; --",
                                        "\\\" quoted \\\"",
                                        "back\\\\slash",
                                        "line\\nbreak\\ttab",
                                        "\xc3\xa4\xc3\xb6\xe2\x82\xac\xf0\x9f\x98\x80",
                                        "%s%n%d$1",
                                        "\\u2028\\u2029\\u00a0",
                                        "<script>alert(1)</script>",
                                        "1' OR '1'='1",
                                        "\\ud83d\\ude00",
                                        NULL};
    person_t teacher = person("instructor");
    for (const char *const *text = texts; *text; text++) {
        char *body = F("{\"title\":\"Text\",\"description\":\"%s\"}", *text);
        json_t *sent = keep_json(json_loads(body, 0, NULL));
        reply_t *made = CALL("POST", "/api/v1/courses", .token = teacher.access, .json = body);
        expect_status(made, 201);
        ck_assert_str_eq(text_at(made->json, "/description"), text_at(sent, "/description"));
        reply_t *read = CALL("GET", header(made, "Location"));
        ck_assert_str_eq(text_at(read->json, "/description"), text_at(sent, "/description"));
    }
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.users"), "1");
}
END_TEST

START_TEST(sql_in_every_field)
{
    static const char evil[] = "x'); DELETE FROM forge.users; --";
    person_t me = person("student");
    const char *paths[] = {F("/api/v1/courses?q=%s", "x%27%29%3B+DELETE+FROM+forge.users%3B--"),
                           "/api/v1/courses?sort=id%3Bdrop",
                           "/api/v1/courses?difficulty=%27",
                           "/api/v1/courses?instructor_id=1+OR+1%3D1",
                           "/api/v1/courses?organization_id=1%27",
                           "/api/v1/courses?limit=10+OR+1%3D1",
                           "/api/v1/courses?skip=1%3B",
                           "/api/v1/courses?after=%27+OR+1%3D1",
                           NULL};
    expect_status(CALL("GET", paths[0]), 200);
    for (const char **path = paths + 1; *path; path++)
        expect_problem(CALL("GET", *path), "validation_failed");
    expect_problem(
        CALL("POST", "/api/v1/auth/login", .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", evil, evil)),
        "bad_credentials");
    reply_t *reply =
        CALL("POST", "/api/v1/auth/register",
             .json = F("{\"email\":\"%s\",\"username\":\"%s\",\"full_name\":\"%s\",\"password\":\"Vexing7-Walrus!Q\"}",
                       evil, evil, evil));
    expect_problem(reply, "validation_failed");
    expect_status(CALL("GET", "/api/v1/auth/me", .token = me.access,
                       .headers = {F("X-Request-ID: %s", evil), F("User-Agent: %s", evil)}),
                  200);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.users"), "1");
}
END_TEST

/* SECURITY 17 */
START_TEST(paging_parameters)
{
    static const char *const bad[] = {"limit=-1",      "limit=0",     "limit=101",
                                      "limit=1e9",     "limit=abc",   "limit=%20",
                                      "limit=%201",    "limit=1.5",   "limit=9223372036854775808",
                                      "limit=1.0%20",  "limit=+1.0",  "limit=1.",
                                      "limit=.1e1",    "limit=1e400", "limit=1.0.0",
                                      "skip=-1",       "skip=x",      "skip=9223372036854775808",
                                      "after=x",       "skip=1.5",    "count=maybe",
                                      "sort=password", NULL};
    for (const char *const *query = bad; *query; query++) {
        reply_t *reply = CALL("GET", F("/api/v1/courses?%s", *query));
        ck_assert_msg(reply->status == 422, "%s: %d", *query, reply->status);
    }
    reply_t *twice = CALL("GET", "/api/v1/courses?limit=1&limit=2");
    ck_assert_msg(twice->status == 422 || twice->status == 400, "%d", twice->status);
    expect_fault(CALL("GET", "/api/v1/courses?limit=0"), "?limit", NULL);
    static const char *const good[] = {
        "limit=1",   "limit=100", "skip=0", "skip=1000000", "count=true", "count=false",
        "unknown=1", "",          "limit=", "after=",       "q=",         "q=&limit=&skip=&sort=&count=&difficulty=",
        NULL};
    for (const char *const *query = good; *query; query++)
        expect_status(CALL("GET", F("/api/v1/courses?%s", *query)), 200);
}
END_TEST

/* JSON Schema calls 1.0 an integer, and many a client writes all its numbers so: in parameters as in members. */
START_TEST(whole_numbers_may_have_a_point)
{
    person_t admin = person("admin"), other = person("student");
    member_of(admin, "whole", "owner");
    char *org = sql("SELECT id FROM forge.organizations WHERE slug = 'whole'");
    reply_t *course = CALL("POST", "/api/v1/courses", .token = admin.access,
                           .json = F("{\"title\":\"Whole\",\"organization_id\":%s.0}", org));
    expect_status(course, 201);
    ck_assert_int_eq(int_at(course->json, "/organization_id"), atoi(org));
    const char *queries[] = {"limit=1",
                             "skip=0",
                             "limit=2&skip=0",
                             F("instructor_id=%lld", (long long)admin.id),
                             F("organization_id=%s", org),
                             NULL};
    for (const char **query = queries; *query; query++) {
        static const char *const ends[] = {".0", ".000", "e0", NULL};
        reply_t *plain = CALL("GET", F("/api/v1/courses?%s", *query), .token = admin.access);
        expect_status(plain, 200);
        ck_assert_uint_eq(json_array_size(plain->json), 1);
        for (const char *const *end = ends; *end; end++)
            ck_assert_str_eq(CALL("GET", F("/api/v1/courses?%s%s", *query, *end), .token = admin.access)->body,
                             plain->body);
    }
    expect_status(CALL("GET", F("/api/v1/audit?actor=%lld.0&limit=1.0", (long long)admin.id), .token = admin.access),
                  200);
    reply_t *made =
        CALL("POST", "/api/v1/achievements", .token = admin.access, .json = "{\"name\":\"W\",\"points\":1.5e1}");
    ck_assert_int_eq(int_at(made->json, "/points"), 15);
    expect_status(CALL("POST", "/api/v1/auth/api-keys", .token = admin.access,
                       .json = "{\"name\":\"k\",\"expires_in_days\":7.0}"),
                  201);
    reply_t *added = CALL("POST", F("/api/v1/organizations/%s/members", org), .token = admin.access,
                          .json = F("{\"user_id\":%lld.0}", (long long)other.id));
    ck_assert_int_eq(int_at(added->json, "/user_id"), other.id);
    expect_status(CALL("POST", F("/api/v1/organizations/%s/transfer", org), .token = admin.access,
                       .json = F("{\"user_id\":%lld.0}", (long long)other.id)),
                  200);
    reply_t *bulk = CALL("POST", "/api/v1/users/bulk", .token = admin.access,
                         .json = F("{\"action\":\"activate\",\"ids\":[%lld.0]}", (long long)other.id));
    ck_assert_int_eq(int_at(bulk->json, "/results/0/id"), other.id);
}
END_TEST

/* Blanks at the edges come from forms and phones; they belong to no name, and to nothing that is searched for. */
START_TEST(names_are_looked_up_without_the_blanks_around)
{
    static const char *const around[] = {" %s", "%s ", "\\t%s\\r\\n", "  %s  ", NULL};
    person_t admin = person("admin"), other = person("student");
    member_of(admin, "trimmed", "owner");
    char *members = F("/api/v1/organizations/%s/members", sql("SELECT id FROM forge.organizations"));
    for (const char *const *form = around; *form; form++) {
        char *name = F(*form, other.username);
        expect_status(CALL("POST", "/api/v1/auth/login",
                           .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", name, other.password)),
                      200);
        expect_status(CALL("POST", "/api/v1/auth/login",
                           .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", F(*form, other.email), other.password)),
                      200);
        expect_status(CALL("POST", members, .token = admin.access, .json = F("{\"username\":\"%s\"}", name)), 201);
        sql("DELETE FROM forge.memberships WHERE user_id = %lld", (long long)other.id);
        reply_t *judged = CALL("POST", "/api/v1/auth/password/strength",
                               .json = F("{\"password\":\"Xy7-Vivid%s\",\"username\":\"%s\"}", other.username, name));
        ck_assert(json_is_false(at(judged->json, "/acceptable")));
    }
    static const char *const queries[] = {"%%20%s", "%s+", "%%09%s%%0d%%0a", NULL};
    for (const char *const *form = queries; *form; form++) {
        reply_t *found = CALL("GET", F("/api/v1/users?q=%s", F(*form, other.username)), .token = admin.access);
        ck_assert_uint_eq(json_array_size(found->json), 1);
    }
    course_of(admin, "Blanks around");
    ck_assert_uint_eq(json_array_size(CALL("GET", "/api/v1/courses?q=%20around%20")->json), 1);
    ck_assert_uint_eq(json_array_size(CALL("GET", "/api/v1/courses?q=%20")->json), 1);
}
END_TEST

Suite *suite_json(void)
{
    Suite *suite = suite_create("json");
    TCase *form = case_make(suite, "form");
    tcase_add_loop_test(form, not_well_formed_is_400, 0, (int)(sizeof(broken) / sizeof(*broken)));
    tcase_add_test(form, no_object_is_422);
    tcase_add_test(form, duplicate_keys_are_400);
    tcase_add_test(form, depth_and_size);
    tcase_add_test(form, numbers_out_of_range);
    TCase *members = case_make(suite, "members");
    tcase_add_test(members, unknown_members_are_ignored);
    tcase_add_test(members, roles_at_registration);
    tcase_add_test(members, wrong_types_name_the_member);
    tcase_add_test(members, nul_in_text);
    tcase_add_test(members, text_is_text);
    tcase_add_test(members, sql_in_every_field);
    tcase_add_test(members, paging_parameters);
    tcase_add_test(members, whole_numbers_may_have_a_point);
    tcase_add_test(members, names_are_looked_up_without_the_blanks_around);
    return suite;
}
