/* SPDX-License-Identifier: Apache-2.0
 * Accounts: register, log in, me, password strength (SPEC 3, SECURITY 25–29, 56, 57).
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char good_password[] = "Vexing7-Walrus!Q";

static reply_t *register_as(const char *email, const char *username, const char *password)
{
    const char *name = username ? F(",\"username\":\"%s\"", username) : "";
    return CALL("POST", "/api/v1/auth/register",
                .json = F("{\"email\":\"%s\",\"password\":\"%s\"%s}", email, password, name));
}

static reply_t *login_as(const char *member, const char *identifier, const char *password)
{
    return CALL("POST", "/api/v1/auth/login",
                .json = F("{\"%s\":\"%s\",\"password\":\"%s\"}", member, identifier, password));
}

/* --- register --- */

START_TEST(register_logs_in)
{
    reply_t *reply =
        CALL("POST", "/api/v1/auth/register",
             .json = F("{\"email\":\"Ada@Example.ORG\",\"password\":\"%s\",\"username\":\"ada\",\"full_name\":\"Ada "
                       "Lovelace\",\"device_name\":\"laptop\"}",
                       good_password));
    expect_status(reply, 201);
    ck_assert_str_eq(text_at(reply->json, "/token_type"), "bearer");
    ck_assert_int_eq(int_at(reply->json, "/expires_in"), 900);
    ck_assert_str_eq(text_at(reply->json, "/user/email"), "Ada@example.org");
    ck_assert_str_eq(text_at(reply->json, "/user/role"), "student");
    ck_assert_str_eq(text_at(reply->json, "/user/full_name"), "Ada Lovelace");
    ck_assert_ptr_null(maybe_at(reply->json, "/user/password_hash"));
    expect_status(CALL("GET", "/api/v1/auth/me", .token = text_at(reply->json, "/access_token")), 200);
    ck_assert_uint_eq(strlen(text_at(reply->json, "/refresh_token")), 43);
    ck_assert_str_eq(sql("SELECT device_name FROM forge.sessions"), "laptop");
    ck_assert_str_eq(sql("SELECT left(password_hash, 8) FROM forge.users"), "{sha256}");
    ck_assert_str_eq(sql("SELECT count(*) FROM pg_tables t WHERE schemaname = 'forge' AND (SELECT "
                         "(xpath('/row/c/text()', query_to_xml(format('SELECT "
                         "count(*) AS c FROM forge.%%I x WHERE x::text LIKE %%L', tablename, '%%%s%%'), false, true, "
                         "'')))[1]::text) <> '0'",
                         text_at(reply->json, "/refresh_token")),
                     "0");
}
END_TEST

START_TEST(older_register_path)
{
    reply_t *reply =
        CALL("POST", "/api/v1/users/register",
             .json = F("{\"email\":\"old@example.org\",\"username\":\"oldpath\",\"password\":\"%s\"}", good_password));
    expect_status(reply, 201);
    static const char *const members[] = {"/id", "/email", "/username", "/is_active", "/created_at", NULL};
    for (const char *const *member = members; *member; member++)
        at(reply->json, *member);
    ck_assert_ptr_null(maybe_at(reply->json, "/access_token"));
    const char *where = F("/api/v1/users/%lld", (long long)int_at(reply->json, "/id"));
    ck_assert_msg(strstr(header(reply, "Location"), where) != NULL, "%s", header(reply, "Location"));
    expect_status(CALL("GET", where), 200);
    const char *created = text_at(reply->json, "/created_at");
    ck_assert_msg(created[strlen(created) - 1] == 'Z', "times are UTC with Z: %s", created);
    expect_problem(CALL("POST", "/api/v1/users/register",
                        .json = F("{\"email\":\"o2@example.org\",\"password\":\"%s\"}", good_password)),
                   "validation_failed");
}
END_TEST

START_TEST(username_is_made_from_the_email)
{
    reply_t *one = register_as("jo.anne+tag@example.org", NULL, good_password),
            *two = register_as("jo.anne+tag@example.net", NULL, good_password);
    expect_status(one, 201);
    expect_status(two, 201);
    ck_assert_str_ne(text_at(one->json, "/user/username"), text_at(two->json, "/user/username"));
    expect_status(register_as("x@example.org", NULL, good_password), 201);
    expect_status(register_as("\xc3\xbc\xc3\xb6\xc3\xa4@example.org", NULL, good_password), 201);
}
END_TEST

/* SECURITY 29 */
START_TEST(one_account_per_address)
{
    expect_status(register_as("a.person@example.org", "first", good_password), 201);
    static const char *const same[] = {"A.Person@Example.org", "a.person@example.org ", " a.person@EXAMPLE.ORG",
                                       "A.PERSON@example.org", NULL};
    for (const char *const *email = same; *email; email++)
        expect_problem(register_as(*email, F("other%d", (int)(email - same)), good_password), "email_taken");
    expect_status(register_as("jo@b\xc3\xbc"
                              "cher.example",
                              "first_idn", good_password),
                  201);
    ck_assert_str_eq(sql("SELECT email FROM forge.users WHERE username = 'first_idn'"), "jo@b\xc3\xbc"
                                                                                        "cher.example");
    expect_problem(register_as("jo@xn--bcher-kva.example", "second_idn", good_password), "email_taken");
    expect_problem(register_as("jo@B\xc3\x9c"
                               "CHER.example",
                               "third_idn", good_password),
                   "email_taken");
    expect_problem(register_as("jo@bu\xcc\x88"
                               "cher.example",
                               "fourth_idn", good_password),
                   "email_taken");
    expect_problem(register_as("new@example.org", "FIRST", good_password), "username_taken");
    reply_t *reply =
        CALL("POST", "/api/v1/users/register",
             .json = F("{\"email\":\"new@example.org\",\"username\":\"First\",\"password\":\"%s\"}", good_password));
    expect_problem(reply, "username_taken");
}
END_TEST

START_TEST(addresses_that_are_none)
{
    static const char *const bad[] = {"",
                                      "a",
                                      "a@",
                                      "@example.org",
                                      "a@b@example.org",
                                      "a b@example.org",
                                      "a@exa mple.org",
                                      "\\\"quoted\\\"@example.org",
                                      "a@[127.0.0.1]",
                                      "a(comment)@example.org",
                                      ".a@example.org",
                                      "a.@example.org",
                                      "a..b@example.org",
                                      "a@-example.org",
                                      "a@example-.org",
                                      "a@example..org",
                                      "a@.example.org",
                                      "a\\u0007@example.org",
                                      "a@exa_mple.org",
                                      "a\\r\\nBcc: x@example.org",
                                      NULL};
    for (const char *const *email = bad; *email; email++) {
        reply_t *reply = register_as(*email, "somebody", good_password);
        ck_assert_msg(reply->status == 422, "%s: %d %.200s", *email, reply->status, reply->body);
        expect_fault(reply, "/email", NULL);
    }
    char *local = keep(malloc(300));
    memset(local, 'l', 299);
    local[65] = 0;
    ck_assert_int_eq(register_as(F("%s@example.org", local), "somebody", good_password)->status, 422);
    static const char *const good[] = {"o'hara@example.org",
                                       "a+b=c@example.org",
                                       "1@example.org",
                                       "a@sub.sub.example.org",
                                       "!#$%&*@example.org",
                                       "user@xn--bcher-kva.example",
                                       NULL};
    for (const char *const *email = good; *email; email++)
        expect_status(register_as(*email, F("good%d", (int)(email - good)), good_password), 201);
}
END_TEST

START_TEST(usernames)
{
    static const char *const bad[] = {
        "ab",        "has space", "dash-ed", "dot.ted", "\xc3\xa4\xc3\xb6\xc3\xbc", "a234567890123456789012345678901",
        "tab\\tbed", "<b>x</b>",  NULL};
    for (const char *const *name = bad; *name; name++) {
        reply_t *reply = register_as("fine@example.org", *name, good_password);
        expect_problem(reply, "validation_failed");
        expect_fault(reply, "/username", NULL);
    }
    expect_status(register_as("n1@example.org", "abc", good_password), 201);
    expect_status(register_as("n2@example.org", "a23456789012345678901234567890", good_password), 201);
}
END_TEST

static void register_one(int i, void *baton)
{
    int *statuses = baton;
    statuses[i] = CALL("POST", "/api/v1/auth/register",
                       .json = F("{\"email\":\"race@example.org\",\"username\":\"race_%d\",\"password\":\"%s\"}", i,
                                 good_password))
                      ->status;
}

START_TEST(fifty_parallel_registers)
{
    int statuses[50], made = 0, taken = 0;
    expect_log("FG");
    parallel(50, register_one, statuses);
    for (int i = 0; i < 50; i++) {
        made += statuses[i] == 201;
        taken += statuses[i] == 409;
        ck_assert_msg(statuses[i] == 201 || statuses[i] == 409 || statuses[i] == 503, "%d", statuses[i]);
    }
    ck_assert_int_eq(made, 1);
    ck_assert_int_gt(taken, 0);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.users"), "1");
}
END_TEST

/* --- passwords: SECURITY 25–27 --- */

START_TEST(passwords_refused)
{
    static const struct {
        const char *password, *code;
    } rows[] = {{"Ab1-xyz", "too_short"},
                {"alllower7-walrus", "needs_upper"},
                {"ALLUPPER7-WALRUS", "needs_lower"},
                {"NoDigits-Walrus!", "needs_digit"},
                {"NoSymbol7Walrus", "needs_symbol"},
                {"Password1!", NULL},
                {"Qwerty123!", NULL},
                {"P@ssw0rd", NULL},
                {"Vexing-Anna.smith7!", "contains_email"},
                {"Vexing-annasmith9!", "contains_username"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        reply_t *reply = register_as("anna.smith@example.org", "annasmith9", rows[i].password);
        ck_assert_msg(reply->status == 422, "%s: %d", rows[i].password, reply->status);
        expect_fault(reply, "/password", rows[i].code);
    }
    char *longest = keep(malloc(600));
    for (int i = 0; i < 129; i++)
        memcpy(longest + i * 3, "\xe2\x82\xac", 3);
    longest[129 * 3] = 0;
    reply_t *reply = register_as("anna.smith@example.org", "annasmith", F("%.381sAa1!%s", longest, "xx"));
    ck_assert_int_eq(reply->status, 422);
}
END_TEST

/* What is no password is refused before anything is hashed; what is larger than any body with a password, before it is
 * read. */
START_TEST(passwords_far_too_long)
{
    static const struct {
        int bytes, status;
    } rows[] = {{15000, 422}, {1000000, 413}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *big = keep(calloc(1, (size_t)rows[i].bytes + 1));
        memset(big, 'P', (size_t)rows[i].bytes);
        ck_assert_int_eq(register_as("big@example.org", "bigpass", big)->status, rows[i].status);
        ck_assert_int_eq(login_as("username", "nobody", big)->status, rows[i].status);
    }
}
END_TEST

START_TEST(the_last_of_128_characters_matters)
{
    char *password = keep(malloc(600)), *other;
    strcpy(password, "Aa1!");
    for (int i = 0; i < 124; i++)
        strcat(password, i % 3 == 0 ? "\xe2\x82\xac" : i % 3 == 1 ? "\xc3\xa4" : "q");
    other = F("%s", password);
    size_t end = strlen(password);
    strcpy(other + end - 3, "\xc3\xb6");
    ck_assert_str_ne(password, other);
    expect_status(register_as("long@example.org", "longpass", password), 201);
    expect_status(login_as("username", "longpass", password), 200);
    expect_problem(login_as("username", "longpass", other), "bad_credentials");
    expect_status(register_as("emoji@example.org", "emojipass", " \xf0\x9f\x98\x80 Ab1 walrus violin "), 201);
    expect_problem(login_as("username", "emojipass", "\xf0\x9f\x98\x80 Ab1 walrus violin"), "bad_credentials");
    expect_status(login_as("username", "emojipass", " \xf0\x9f\x98\x80 Ab1 walrus violin "), 200);
}
END_TEST

START_TEST(imported_hashes_verify_and_are_renewed)
{
    person_t me = person("student");
    /* bcrypt of "U*U" at cost 5, a vector every implementation agrees on */
    sql("UPDATE forge.users SET password_hash = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW' WHERE "
        "id = %lld",
        (long long)me.id);
    expect_problem(login_as("username", me.username, "U*V"), "bad_credentials");
    expect_status(login_as("username", me.username, "U*U"), 200);
    ck_assert_str_eq(sql("SELECT left(password_hash, 8) FROM forge.users WHERE id = %lld", (long long)me.id),
                     "{sha256}");
    expect_status(login_as("username", me.username, "U*U"), 200);
}
END_TEST

START_TEST(strength)
{
    reply_t *good = CALL("POST", "/api/v1/auth/password/strength", .json = F("{\"password\":\"%s\"}", good_password));
    expect_status(good, 200);
    ck_assert(json_is_true(at(good->json, "/acceptable")));
    ck_assert_uint_eq(json_array_size(at(good->json, "/problems")), 0);
    reply_t *weak = CALL("POST", "/api/v1/auth/password/strength",
                         .json = "{\"password\":\"password\",\"email\":\"a@example.org\",\"username\":\"annie\"}");
    expect_status(weak, 200);
    ck_assert(json_is_false(at(weak->json, "/acceptable")));
    ck_assert_uint_gt(json_array_size(at(weak->json, "/problems")), 0);
    at(weak->json, "/suggestions");
    ck_assert_int_le(int_at(weak->json, "/score"), 4);
    reply_t *named = CALL("POST", "/api/v1/auth/password/strength",
                          .json = "{\"password\":\"Vexing7-annie!Q\",\"username\":\"annie\"}");
    ck_assert(json_is_false(at(named->json, "/acceptable")));
    expect_problem(CALL("POST", "/api/v1/auth/password/strength", .json = "{}"), "validation_failed");
}
END_TEST

START_TEST(terms_and_roles_of_the_strict_host)
{
    static const char base[] =
        "{\"email\":\"t%d@example.org\",\"username\":\"terms_%d\",\"password\":\"Vexing7-Walrus!Q\"%s}";
    reply_t *reply = CALL("POST", "/api/v1/auth/register", .port = PORT_STRICT, .json = F(base, 1, 1, ""));
    expect_problem(reply, "validation_failed");
    expect_fault(reply, "/accept_terms", NULL);
    expect_fault(reply, "/accept_privacy", NULL);
    expect_problem(CALL("POST", "/api/v1/auth/register", .port = PORT_STRICT,
                        .json = F(base, 1, 1, ",\"accept_terms\":true,\"accept_privacy\":false")),
                   "validation_failed");
    reply = CALL("POST", "/api/v1/auth/register", .port = PORT_STRICT,
                 .json = F(base, 1, 1, ",\"accept_terms\":true,\"accept_privacy\":true"));
    expect_status(reply, 201);
    ck_assert_str_eq(
        sql("SELECT (terms_accepted_at IS NOT NULL AND privacy_accepted_at IS NOT NULL)::text FROM forge.users"),
        "true");
    reply = CALL("POST", "/api/v1/auth/register", .port = PORT_STRICT,
                 .json = F(base, 2, 2, ",\"accept_terms\":true,\"accept_privacy\":true,\"role\":\"instructor\""));
    expect_problem(reply, "role_not_allowed");
}
END_TEST

/* --- login --- */

START_TEST(login_by_email_and_username)
{
    person_t me = person("student");
    static const char *const paths[] = {"/api/v1/auth/login", "/api/v1/users/login", NULL};
    for (const char *const *path = paths; *path; path++) {
        reply_t *reply =
            CALL("POST", *path, .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", me.email, me.password));
        expect_status(reply, 200);
        ck_assert_int_eq(int_at(reply->json, "/user/id"), me.id);
        expect_status(CALL("POST", *path,
                           .json = F("{\"username\":\"%s\",\"password\":\"%s\",\"device_name\":\"phone\"}", me.username,
                                     me.password)),
                      200);
    }
    char *upper = F("%s", me.email);
    for (char *c = upper; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    expect_status(login_as("email", upper, me.password), 200);
    expect_status(login_as("username", me.email, me.password), 200);
}
END_TEST

START_TEST(login_by_form)
{
    person_t me = person("student");
    static const char form[] = "application/x-www-form-urlencoded";
    reply_t *reply =
        CALL("POST", "/api/v1/auth/login", .type = form,
             .json = F("grant_type=password&username=%s&password=Vexing7-Walrus%%21Q&scope=&client_id=", me.username));
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/token_type"), "bearer");
    at(reply->json, "/access_token");
    expect_status(CALL("POST", "/api/v1/users/login", .type = form,
                       .json = F("username=%s%%40example.org&password=%s", me.username, me.password)),
                  200);
    expect_problem(CALL("POST", "/api/v1/auth/login", .type = form, .json = "username=nobody&password=wrong"),
                   "bad_credentials");
    expect_problem(CALL("POST", "/api/v1/auth/login", .type = form, .json = "username=nobody"), "validation_failed");
    static const char *const bad[] = {"username=a&username=b&password=c", "username=%zz&password=c",
                                      "username=a%00&password=c", "username=%ff&password=c", NULL};
    for (const char *const *body = bad; *body; body++) {
        reply_t *broken = CALL("POST", "/api/v1/auth/login", .type = form, .json = *body);
        ck_assert_msg(broken->status == 400 || broken->status == 422, "%s: %d", *body, broken->status);
    }
}
END_TEST

/* SECURITY 28: nothing tells an unknown account from a wrong password */
START_TEST(same_answer_for_unknown_wrong_and_inactive)
{
    person_t me = person("student"), off = person("student");
    sql("UPDATE forge.users SET is_active = false WHERE id = %lld", (long long)off.id);
    reply_t *unknown = login_as("username", "nobody_here", "Wrong7-Walrus!Q"),
            *wrong = login_as("username", me.username, "Wrong7-Walrus!Q"),
            *inactive = login_as("username", off.username, off.password);
    expect_problem(unknown, "bad_credentials");
    expect_problem(wrong, "bad_credentials");
    expect_problem(inactive, "bad_credentials");
    static const char *const members[] = {"/type", "/title", "/detail", "/instance", NULL};
    for (const char *const *member = members; *member; member++) {
        ck_assert_str_eq(text_at(unknown->json, *member), text_at(wrong->json, *member));
        ck_assert_str_eq(text_at(unknown->json, *member), text_at(inactive->json, *member));
    }
    ck_assert_str_eq(header(unknown, "WWW-Authenticate"), header(wrong, "WWW-Authenticate"));
    ck_assert_uint_eq(unknown->length, wrong->length);
}
END_TEST

START_TEST(login_needs_its_members)
{
    reply_t *reply = CALL("POST", "/api/v1/auth/login", .json = "{}");
    expect_problem(reply, "validation_failed");
    expect_fault(reply, "/password", "required");
    expect_problem(CALL("POST", "/api/v1/auth/login", .json = "{\"password\":\"x\"}"), "validation_failed");
}
END_TEST

/* --- me --- */

START_TEST(me_has_what_is_promised)
{
    person_t me = person("student");
    static const char *const paths[] = {"/api/v1/auth/me", "/api/v1/users/me", NULL};
    static const char *const members[] = {"/id",
                                          "/email",
                                          "/username",
                                          "/role",
                                          "/is_active",
                                          "/created_at",
                                          "/sessions/active",
                                          "/sessions/last_login_at",
                                          "/sessions/last_login_ip",
                                          "/mfa_enabled",
                                          "/email_verified",
                                          "/profile_completion",
                                          "/password_changed_at",
                                          NULL};
    for (const char *const *path = paths; *path; path++) {
        reply_t *reply = CALL("GET", *path, .token = me.access);
        expect_status(reply, 200);
        for (const char *const *member = members; *member; member++)
            at(reply->json, *member);
        ck_assert_int_eq(int_at(reply->json, "/id"), me.id);
        json_int_t done = int_at(reply->json, "/profile_completion");
        ck_assert_int_ge(done, 0);
        ck_assert_int_le(done, 100);
        expect_problem(CALL("GET", *path), "unauthenticated");
    }
    json_int_t before = int_at(CALL("GET", "/api/v1/auth/me", .token = me.access)->json, "/sessions/active");
    expect_status(login_as("username", me.username, me.password), 200);
    reply_t *after = CALL("GET", "/api/v1/auth/me", .token = me.access);
    ck_assert_int_eq(int_at(after->json, "/sessions/active"), before + 1);
    ck_assert_str_eq(text_at(after->json, "/sessions/last_login_ip"), "127.0.0.1");
}
END_TEST

START_TEST(revoked_session)
{
    person_t me = person("student");
    sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'test'");
    expect_problem(CALL("GET", "/api/v1/auth/me", .token = me.access), "invalid_token");
}
END_TEST

/* SECURITY 57: what happened to accounts is in the audit log */
START_TEST(audit_events)
{
    person_t me = person("student");
    expect_problem(login_as("username", me.username, "Wrong7-Walrus!Q"), "bad_credentials");
    expect_status(login_as("username", me.username, me.password), 200);
    ck_assert_str_eq(sql("SELECT string_agg(event, ' ' ORDER BY id) FROM forge.audit_events"),
                     "user.registered user.login_failed user.login");
    ck_assert_str_eq(sql("SELECT bool_and(ip IS NOT NULL AND request_id IS NOT NULL)::text FROM forge.audit_events"),
                     "true");
}
END_TEST

/* ForgeFirstSuperuser: created once at a start, never overwritten (SPEC 2). */
START_TEST(first_superuser)
{
    char *path = F("%s/httpd.conf", env.dir), *conf = file_read(path, 0);
    static const char question[] =
        "SELECT count(*) || ' ' || coalesce(min(role), '') FROM forge.users WHERE email_key = 'first@example.org'";
    file_write(path, F("%sForgeFirstSuperuser first@example.org Granite-Harbor-71\n", conf));
    env_httpd_graceful();
    for (int i = 0; i < 200 && strcmp(sql("%s", question), "1 admin"); i++)
        pause_ms(100);
    ck_assert_str_eq(sql("%s", question), "1 admin");
    reply_t *reply = login_as("email", "first@example.org", "Granite-Harbor-71");
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/user/role"), "admin");
    person("admin"); /* else the first one is the last one */
    sql("UPDATE forge.users SET role = 'student' WHERE email_key = 'first@example.org'");
    env_httpd_graceful();
    pause_ms(1500);
    ck_assert_str_eq(sql("%s", question), "1 student");
    file_write(path, conf);
    env_httpd_graceful();
    pause_ms(1500);
    ck_assert(env_wait_ready(10));
}
END_TEST

Suite *suite_accounts(void)
{
    Suite *suite = suite_create("accounts");
    TCase *registering = case_make(suite, "register");
    tcase_add_test(registering, register_logs_in);
    tcase_add_test(registering, older_register_path);
    tcase_add_test(registering, username_is_made_from_the_email);
    tcase_add_test(registering, one_account_per_address);
    tcase_add_test(registering, addresses_that_are_none);
    tcase_add_test(registering, usernames);
    tcase_add_test(registering, fifty_parallel_registers);
    tcase_add_test(registering, terms_and_roles_of_the_strict_host);
    TCase *passwords = case_make(suite, "passwords");
    tcase_add_test(passwords, passwords_refused);
    tcase_add_test(passwords, passwords_far_too_long);
    tcase_add_test(passwords, the_last_of_128_characters_matters);
    tcase_add_test(passwords, imported_hashes_verify_and_are_renewed);
    tcase_add_test(passwords, strength);
    TCase *login = case_make(suite, "login");
    tcase_add_test(login, login_by_email_and_username);
    tcase_add_test(login, login_by_form);
    tcase_add_test(login, same_answer_for_unknown_wrong_and_inactive);
    tcase_add_test(login, login_needs_its_members);
    TCase *me = case_make(suite, "me");
    tcase_add_test(me, me_has_what_is_promised);
    tcase_add_test(me, revoked_session);
    tcase_add_test(me, audit_events);
    tcase_add_test(me, first_superuser);
    return suite;
}
