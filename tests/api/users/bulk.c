/* SPDX-License-Identifier: Apache-2.0
 * Many accounts at once: bulk actions and imports as JSON and CSV (SPEC 4).
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static person_t admin;

static reply_t *bulk(const char *body)
{
    return CALL("POST", "/api/v1/users/bulk", .token = admin.access, .json = body);
}

static reply_t *import(const char *body)
{
    return CALL("POST", "/api/v1/users/import", .token = admin.access, .json = body);
}

static reply_t *import_csv(const char *text)
{
    return CALL("POST", "/api/v1/users/import", .token = admin.access, .json = text, .type = "text/csv");
}

/* "ok unchanged failed:last_admin" */
static char *outcome(const reply_t *reply)
{
    char *text = F("%s", "");
    expect_status(reply, 200);
    for (size_t i = 0; i < json_array_size(at(reply->json, "/results")); i++) {
        json_t *code = maybe_at(reply->json, F("/results/%zu/code", i));
        text = F("%s%s%s%s%s", text, i ? " " : "", text_at(reply->json, F("/results/%zu/status", i)), code ? ":" : "",
                 code ? json_string_value(code) : "");
    }
    return text;
}

/* --- bulk --- */

START_TEST(actions)
{
    admin = person("admin");
    person_t a = person("student"), b = person("instructor");
    reply_t *reply = bulk(F("{\"action\":\"set_role\",\"role\":\"instructor\",\"ids\":[%lld,9223372036854775807,%lld]}",
                            (long long)b.id, (long long)a.id));
    ck_assert_str_eq(outcome(reply), "unchanged not_found ok");
    ck_assert_int_eq(int_at(reply->json, "/results/1/id"), INT64_MAX);
    ck_assert_int_eq(int_at(reply->json, "/results/2/id"), a.id);
    const char *both = F("[%lld,%lld]", (long long)a.id, (long long)b.id);
    ck_assert_str_eq(outcome(bulk(F("{\"action\":\"revoke_sessions\",\"ids\":%s}", both))), "ok ok");
    expect_problem(CALL("GET", "/api/v1/users/me", .token = a.access), "invalid_token");
    ck_assert_str_eq(outcome(bulk(F("{\"action\":\"deactivate\",\"ids\":%s,\"dry_run\":true}", both))), "ok ok");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.users WHERE is_active"), "3");
    ck_assert_str_eq(outcome(bulk(F("{\"action\":\"deactivate\",\"ids\":%s}", both))), "ok ok");
    ck_assert_str_eq(outcome(bulk(F("{\"action\":\"deactivate\",\"ids\":%s}", both))), "unchanged unchanged");
    ck_assert_str_eq(outcome(bulk(F("{\"action\":\"activate\",\"ids\":%s}", both))), "ok ok");
    ck_assert_str_eq(outcome(bulk(F("{\"action\":\"delete\",\"ids\":%s}", both))), "ok ok");
    ck_assert_str_eq(outcome(bulk(F("{\"action\":\"delete\",\"ids\":%s}", both))), "not_found not_found");
    ck_assert_str_eq(outcome(bulk(F("{\"action\":\"delete\",\"ids\":[%lld]}", (long long)admin.id))),
                     "failed:last_admin");
    ck_assert_str_eq(
        outcome(bulk(F("{\"action\":\"set_role\",\"role\":\"student\",\"ids\":[%lld]}", (long long)admin.id))),
        "failed:last_admin");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = 'admin.bulk' AND actor_id = %lld",
                         (long long)admin.id),
                     "9");
}
END_TEST

START_TEST(bodies_refused)
{
    admin = person("admin");
    static const struct {
        const char *body, *pointer, *code;
    } cases[] = {
        {"{\"ids\":[1]}", "/action", "required"},
        {"{\"action\":\"drop\",\"ids\":[1]}", "/action", "enum"},
        {"{\"action\":\"delete\"}", "/ids", "required"},
        {"{\"action\":\"delete\",\"ids\":[]}", "/ids", "too_short"},
        {"{\"action\":\"delete\",\"ids\":[1,2,1]}", "/ids/2", "duplicate"},
        {"{\"action\":\"delete\",\"ids\":[0]}", "/ids/0", "out_of_range"},
        {"{\"action\":\"delete\",\"ids\":[5,-1]}", "/ids/1", "out_of_range"},
        {"{\"action\":\"delete\",\"ids\":[\"1\"]}", "/ids/0", "type"},
        {"{\"action\":\"delete\",\"ids\":[1.5]}", "/ids/0", "type"},
        {"{\"action\":\"delete\",\"ids\":\"{1}\"}", "/ids", "type"},
        {"{\"action\":\"set_role\",\"ids\":[1]}", "/role", "required"},
        {"{\"action\":\"set_role\",\"role\":\"guest\",\"ids\":[1]}", "/role", "enum"},
        {"{\"action\":\"delete\",\"ids\":[1],\"dry_run\":\"yes\"}", "/dry_run", "type"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        reply_t *reply = bulk(cases[i].body);
        expect_problem(reply, "validation_failed");
        expect_fault(reply, cases[i].pointer, cases[i].code);
        ck_assert_uint_eq(json_array_size(at(reply->json, "/errors")), 1);
    }
    reply_t *reply = bulk("{\"action\":\"delete\",\"ids\":[9223372036854775808]}");
    ck_assert(reply->status == 400 || reply->status == 422);
    char *many = F("%s", "1");
    for (int i = 2; i <= 1001; i++)
        many = F("%s,%d", many, i);
    expect_fault(bulk(F("{\"action\":\"delete\",\"ids\":[%s]}", many)), "/ids", "too_long");
    expect_problem(CALL("POST", "/api/v1/users/bulk", .token = person("instructor").access,
                        .json = "{\"action\":\"activate\",\"ids\":[1]}"),
                   "insufficient_scope");
}
END_TEST

/* A thousand accounts are one statement, and the same request again is the stored answer. */
START_TEST(a_thousand_and_a_replay)
{
    admin = person("admin");
    sql("INSERT INTO forge.users (email, email_key, username, password_hash) SELECT i || '@x', i || '@x', 'user' || i, "
        "(SELECT "
        "password_hash FROM forge.users"
        " LIMIT 1) FROM generate_series(1, 999) i");
    char *body = F("{\"action\":\"deactivate\",\"ids\":[%s]}",
                   sql("SELECT string_agg(id::text, ',' ORDER BY md5(id::text)) FROM forge.users"));
    long from = file_size(F("%s/logs/audit.json", env.dir));
    reply_t *reply =
        CALL("POST", "/api/v1/users/bulk", .token = admin.access, .json = body, .headers = {"Idempotency-Key: k1"});
    expect_status(reply, 200);
    ck_assert_uint_eq(json_array_size(at(reply->json, "/results")), 1000);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.users WHERE NOT is_active"), "999");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = 'user.deactivated'"), "999");
    reply_t *again =
        CALL("POST", "/api/v1/users/bulk", .token = admin.access, .json = body, .headers = {"Idempotency-Key: k1"});
    ck_assert_str_eq(header(again, "Idempotent-Replayed"), "true");
    ck_assert_str_eq(again->body, reply->body);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = 'admin.bulk'"), "1");
    int lines = 0;
    for (char *c = file_read(F("%s/logs/audit.json", env.dir), from); *c; c++)
        lines += *c == '\n';
    ck_assert_int_ge(lines, 1000);
}
END_TEST

/* --- import --- */

#define HASH "$2b$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"

/* A hash that costs more than the server's own would show in the time of a login. */
START_TEST(import_refuses_dear_hashes)
{
    admin = person("admin");
    reply_t *reply = import("{\"users\":[{\"email\":\"as@x.org\",\"password_hash\":\"" HASH
                            "\"},{\"email\":\"more@x.org\",\"password_hash\":\"$2b$05$"
                            "abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234\"},{\"email\":\"own@x.org\","
                            "\"password_hash\":\"{sha256}" HASH "\"}]}");
    ck_assert_str_eq(outcome(reply), "created failed:format failed:format");
    expect_says(reply, "of a cost of 4 to 4");
}
END_TEST

START_TEST(import_json)
{
    admin = person("admin");
    person_t known = person("student");
    reply_t *reply = import(
        F("{\"users\":[{\"email\":\"one@x.org\",\"username\":\"one\",\"role\":\"instructor\",\"password\":\"Vexing7-"
          "Walrus!Q\",\"full_name\":\"Öne\"},"
          "{\"email\":\"two@x.org\",\"password_hash\":\"" HASH "\"},"
          "{\"email\":\"Three@X.org\"},{\"email\":\"%s\"},{\"email\":\"THREE@x.org\",\"username\":\"drei\"},"
          "{\"email\":\"four@x.org\",\"username\":\"ONE\"},{\"username\":\"five\"},{\"email\":\"six\"},{\"email\":\"a@"
          "x.org\",\"role\":\"guest\"},"
          "{\"email\":\"b@x.org\",\"password\":\"short\"},{\"email\":\"c@x.org\",\"password_hash\":\"$2b$31$"
          "abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234\"},"
          "{\"email\":\"d@x.org\",\"password\":\"Vexing7-Walrus!Q\",\"password_hash\":\"" HASH
          "\"},{\"email\":\"e@x.org\",\"full_name\":\"a\\u0007b\"},"
          "{\"email\":\"f@x.org\",\"username\":\"deleted_3\"},{\"email\":\"g@x.org\",\"id\":1,\"is_active\":false,"
          "\"email_verified\":true,\"role\":\"admin\"}]}",
          known.email));
    ck_assert_str_eq(outcome(reply),
                     "created created created failed:email_taken failed:email_taken failed:username_taken "
                     "failed:required failed:format failed:enum"
                     " failed:too_short failed:format failed:format failed:format failed:format created");
    ck_assert_int_eq(int_at(reply->json, "/created"), 4);
    ck_assert_int_eq(int_at(reply->json, "/failed"), 11);
    ck_assert_int_eq(int_at(reply->json, "/results/14/row"), 15);
    ck_assert_str_eq(text_at(reply->json, "/results/2/email"), "Three@X.org");
    ck_assert_str_eq(sql("SELECT string_agg(concat_ws(':', username, role, is_active, email_verified, email_key), ' ' "
                         "ORDER BY id) FROM "
                         "forge.users WHERE id > %lld",
                         (long long)known.id),
                     "one:instructor:t:f:one@x.org two:student:t:f:two@x.org Three:student:t:f:three@x.org "
                     "g_user:admin:t:f:g@x.org");
    expect_status(
        CALL("POST", "/api/v1/auth/login", .json = "{\"email\":\"one@x.org\",\"password\":\"Vexing7-Walrus!Q\"}"), 200);
    expect_problem(
        CALL("POST", "/api/v1/auth/login", .json = "{\"email\":\"three@x.org\",\"password\":\"Vexing7-Walrus!Q\"}"),
        "bad_credentials");
    ck_assert_str_eq(sql("SELECT password_hash FROM forge.users WHERE username = 'two'"), HASH);
    ck_assert_ptr_null(strstr(reply->body, "Walrus"));
}
END_TEST

START_TEST(import_csv_text)
{
    admin = person("admin");
    reply_t *reply = import_csv("\xef\xbb\xbf"
                                "Email,shoe size,full_name,role,username,password_hash\r\n"
                                "a@x.org,42,\"Lovelace, \"\"Ada\"\"\",instructor,ada,\r\n"
                                "\r\n"
                                "b@x.org,,,,,\"" HASH "\"\n"
                                ",1,no mail,,,\n"
                                "a@x.org,1,twice,,,\n"
                                "c@x.org,1,'; DROP TABLE forge.users; --,,c_c,");
    ck_assert_str_eq(outcome(reply), "created created failed:required failed:email_taken created");
    ck_assert_str_eq(sql("SELECT full_name || role FROM forge.users WHERE username = 'ada'"),
                     "Lovelace, \"Ada\"instructor");
    ck_assert_str_eq(sql("SELECT full_name FROM forge.users WHERE username = 'c_c'"), "'; DROP TABLE forge.users; --");
    ck_assert(json_is_null(at(reply->json, "/results/2/email")));
    expect_problem(import_csv("a,b\n1\n"), "bad_request");
    expect_problem(import_csv("email\n\"open\n"), "bad_request");
    expect_problem(import_csv("email\n\xff\xfe\n"), "bad_request");
    reply = CALL("POST", "/api/v1/users/import", .token = admin.access, .body = "email\na@\0x.org\n", .length = 15,
                 .type = "text/csv");
    expect_problem(reply, "bad_request");
    expect_fault(import_csv("mail,username\nx,y\n"), "/email", "required");
    expect_problem(import_csv("email\n"), "validation_failed");
    expect_problem(
        CALL("POST", "/api/v1/users/import", .token = admin.access, .json = "email\na@x.org\n", .type = "text/plain"),
        "unsupported_media_type");
    expect_problem(CALL("POST", "/api/v1/users/import", .token = admin.access, .json = "email\na@x.org\n",
                        .type = "text/csv; charset=utf-16"),
                   "unsupported_media_type");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.users"), "4");
}
END_TEST

START_TEST(import_ceilings)
{
    admin = person("admin");
    char *csv = F("%s", "email,password\n"), *many = F("%s", "email\n");
    for (int i = 0; i < 21; i++)
        csv = F("%sp%d@x.org,Vexing7-Walrus!Q\n", csv, i);
    expect_problem(import_csv(csv), "validation_failed");
    for (int i = 0; i < 1000; i++)
        many = F("%sinfo@x%d.org\n", many, i);
    expect_problem(import_csv(F("%sone@more.org\n", many)), "validation_failed");
    expect_log(
        "FG0207"); /* on a machine that has much else to do: the statement takes too long and nothing of it stays */
    reply_t *reply = import_csv(many);
    for (int i = 0; i < 5 && reply->status == 504; i++)
        reply = import_csv(many);
    expect_status(reply, 200);
    ck_assert_int_eq(int_at(reply->json, "/created") + int_at(reply->json, "/failed"), 1000);
    ck_assert_int_ge(int_at(reply->json, "/created"), 999); /* all want the name info: random ends make room */
    expect_problem(import("{\"users\":[]}"), "validation_failed");
    expect_problem(import("{\"users\":{}}"), "validation_failed");
    expect_problem(import("{\"users\":[7]}"), "validation_failed");
    expect_problem(import("{\"users\":[{\"email\":7}]}"), "validation_failed");
    expect_problem(import("{}"), "validation_failed");
    expect_problem(
        CALL("POST", "/api/v1/users/import", .token = person("instructor").access, .json = "{\"users\":[{}]}"),
        "insufficient_scope");
}
END_TEST

START_TEST(import_once)
{
    admin = person("admin");
    const char *body = "email\nonce@x.org\n";
    reply_t *first = CALL("POST", "/api/v1/users/import", .token = admin.access, .json = body, .type = "text/csv",
                          .headers = {"Idempotency-Key: i1"});
    ck_assert_str_eq(outcome(first), "created");
    reply_t *again = CALL("POST", "/api/v1/users/import", .token = admin.access, .json = body, .type = "text/csv",
                          .headers = {"Idempotency-Key: i1"});
    ck_assert_str_eq(again->body, first->body);
    ck_assert_str_eq(outcome(import_csv(body)), "failed:email_taken");
    ck_assert_str_eq(sql("SELECT count(*) || ' ' || count(*) FILTER (WHERE event = 'admin.user_created') FROM "
                         "forge.audit_events WHERE "
                         "event LIKE 'admin.%%'"),
                     "3 1");
}
END_TEST

Suite *suite_bulk(void)
{
    Suite *suite = suite_create("bulk");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, actions);
    tcase_add_test(all, bodies_refused);
    tcase_add_test(all, a_thousand_and_a_replay);
    tcase_add_test(all, import_json);
    tcase_add_test(all, import_refuses_dear_hashes);
    tcase_add_test(all, import_csv_text);
    tcase_add_test(all, import_ceilings);
    tcase_add_test(all, import_once);
    return suite;
}
