/* SPDX-License-Identifier: Apache-2.0
 * Guests: sessions without an account, and how they become one (SPEC 3).
 */
#include "harness.h"

#include <string.h>

static const char guest_path[] = "/api/v1/auth/guest", register_path[] = "/api/v1/auth/register",
                  password[] = "Vexing7-Walrus!Q";

static person_t guest(void)
{
    reply_t *reply = CALL("POST", guest_path);
    expect_status(reply, 201);
    return (person_t){.id = int_at(reply->json, "/user/id"),
                      .username = text_at(reply->json, "/user/username"),
                      .access = text_at(reply->json, "/access_token"),
                      .refresh = text_at(reply->json, "/refresh_token")};
}

static char *registration(const char *name, const char *more)
{
    return F("{\"email\":\"%s@example.org\",\"username\":\"%s\",\"password\":\"%s\"%s}", name, name, password, more);
}

static reply_t *refresh(person_t who)
{
    return CALL("POST", "/api/v1/auth/refresh", .json = F("{\"refresh_token\":\"%s\"}", who.refresh));
}

static char *events(void)
{
    return sql("SELECT string_agg(event, ' ' ORDER BY id) FROM forge.audit_events");
}

START_TEST(guest_begins)
{
    reply_t *reply = CALL("POST", guest_path);
    expect_status(reply, 201);
    ck_assert_str_eq(text_at(reply->json, "/user/role"), "guest");
    ck_assert(json_is_null(at(reply->json, "/user/email")));
    ck_assert_uint_eq(strlen(text_at(reply->json, "/user/username")), strlen("guest_01234567"));
    ck_assert_int_eq(strncmp(text_at(reply->json, "/user/username"), "guest_", 6), 0);
    ck_assert_uint_eq(strlen(text_at(reply->json, "/refresh_token")), 43);
    json_t *claims = jwt_part(text_at(reply->json, "/access_token"), 1);
    ck_assert_str_eq(text_at(claims, "/role"), "guest");
    ck_assert_str_eq(text_at(claims, "/amr/0"), "guest");
    ck_assert_str_ne(guest().username, text_at(reply->json, "/user/username"));
    ck_assert_str_eq(events(), "guest.created guest.created");
}
END_TEST

START_TEST(what_a_guest_may_do)
{
    person_t me = guest();
    expect_problem(CALL("POST", "/api/v1/auth/mfa/verify", .token = me.access, .json = "{\"code\":\"123456\"}"),
                   "insufficient_scope");
    reply_t *mine = CALL("GET", "/api/v1/auth/me", .token = me.access);
    expect_status(mine, 200);
    ck_assert(json_is_null(at(mine->json, "/email")));
    ck_assert(json_is_null(at(mine->json, "/password_changed_at")));
    ck_assert_int_eq(int_at(mine->json, "/profile_completion"), 12); /* the username is all there is */
    expect_status(CALL("GET", "/api/v1/users/me", .token = me.access), 200);
    expect_status(CALL("GET", "/api/v1/courses", .token = me.access), 200);
    reply_t *valid = CALL("GET", "/api/v1/auth/validate", .token = me.access);
    ck_assert_str_eq(text_at(valid->json, "/role"), "guest");
    ck_assert_uint_eq(json_array_size(CALL("GET", "/api/v1/auth/sessions", .token = me.access)->json), 1);
    expect_problem(CALL("POST", "/api/v1/courses", .token = me.access, .json = "{\"title\":\"T\"}"),
                   "insufficient_scope");
    expect_problem(CALL("GET", "/api/v1/auth/api-keys", .token = me.access), "insufficient_scope");
    expect_problem(CALL("POST", "/api/v1/auth/api-keys", .token = me.access, .json = "{\"name\":\"k\"}"),
                   "insufficient_scope");
    reply_t *again = refresh(me);
    expect_status(again, 200);
    ck_assert_str_eq(text_at(again->json, "/user/role"), "guest");
    ck_assert_str_eq(text_at(jwt_part(text_at(again->json, "/access_token"), 1), "/amr/0"), "guest");
    expect_status(CALL("POST", "/api/v1/auth/logout", .token = me.access), 204);
    expect_problem(CALL("GET", "/api/v1/auth/me", .token = me.access), "invalid_token");
}
END_TEST

START_TEST(nobody_logs_in_as_a_guest)
{
    person_t me = guest();
    static const char *const passwords[] = {"", "null", "Vexing7-Walrus!Q", NULL};
    for (const char *const *tried = passwords; *tried; tried++)
        expect_problem(CALL("POST", "/api/v1/auth/login",
                            .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", me.username, *tried)),
                       "bad_credentials");
}
END_TEST

START_TEST(guests_may_be_off)
{
    expect_problem(CALL("POST", guest_path, .port = PORT_STRICT), "guests_disabled");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.users"), "0");
}
END_TEST

START_TEST(guests_are_limited)
{
    for (int i = 0; i < 4; i++)
        expect_status(CALL("POST", guest_path, .port = PORT_LIMITS, .from = "127.0.9.4"), 201);
    expect_problem(CALL("POST", guest_path, .port = PORT_LIMITS, .from = "127.0.9.4"), "rate_limited");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.users"), "4");
}
END_TEST

/* Two clients behind one address that happen to use the same key are two guests. */
START_TEST(guests_never_share_tokens)
{
    reply_t *first = CALL("POST", guest_path, .headers = {"Idempotency-Key: g-1"}),
            *again = CALL("POST", guest_path, .headers = {"Idempotency-Key: g-1"});
    expect_status(first, 201);
    expect_status(again, 201);
    ck_assert_ptr_null(header(again, "Idempotent-Replayed"));
    ck_assert_str_ne(text_at(first->json, "/access_token"), text_at(again->json, "/access_token"));
    ck_assert_str_ne(text_at(first->json, "/refresh_token"), text_at(again->json, "/refresh_token"));
    ck_assert_int_ne(int_at(first->json, "/user/id"), int_at(again->json, "/user/id"));
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.idempotency_keys"), "0");
}
END_TEST

/* --- registration --- */

START_TEST(registration_keeps_the_guest)
{
    person_t me = guest();
    reply_t *reply =
        CALL("POST", register_path, .token = me.access, .json = registration("ada", ",\"role\":\"instructor\""));
    expect_status(reply, 201);
    ck_assert_int_eq(int_at(reply->json, "/user/id"), me.id);
    ck_assert_str_eq(text_at(reply->json, "/user/role"), "instructor");
    ck_assert_str_eq(text_at(reply->json, "/user/email"), "ada@example.org");
    ck_assert_str_eq(text_at(reply->json, "/user/username"), "ada");
    ck_assert_str_eq(text_at(jwt_part(text_at(reply->json, "/access_token"), 1), "/amr/0"), "pwd");
    ck_assert_str_eq(sql("SELECT count(*) || '/' || max(epoch) FROM forge.users"), "1/1");
    ck_assert_str_eq(events(), "guest.created guest.converted user.registered");
    ck_assert_str_eq(sql("SELECT string_agg(coalesce(revoke_reason, 'live'), ' ' ORDER BY id) FROM forge.sessions"),
                     "guest_converted live");
    expect_problem(refresh(me), "invalid_refresh_token");
    expect_problem(CALL("GET", "/api/v1/auth/me", .token = me.access), "invalid_token");
    expect_status(CALL("GET", "/api/v1/auth/me", .token = text_at(reply->json, "/access_token")), 200);
    expect_status(CALL("POST", "/api/v1/auth/login", .json = F("{\"username\":\"ada\",\"password\":\"%s\"}", password)),
                  200);
    expect_problem(CALL("POST", register_path, .token = me.access, .json = registration("bob", "")), "invalid_token");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.users"), "1");
}
END_TEST

START_TEST(older_path_and_a_made_username)
{
    person_t one = guest(), two = guest();
    reply_t *reply = CALL("POST", "/api/v1/users/register", .token = one.access, .json = registration("ada", ""));
    expect_status(reply, 201);
    ck_assert_int_eq(int_at(reply->json, "/id"), one.id);
    ck_assert_str_eq(
        sql("SELECT count(*) FROM forge.sessions WHERE user_id = %lld AND revoked_at IS NULL", (long long)one.id), "0");
    reply = CALL("POST", register_path, .token = two.access,
                 .json = F("{\"email\":\"ada@example.net\",\"password\":\"%s\"}", password),
                 .headers = {"Idempotency-Key: r-1"});
    expect_status(reply, 201); /* "ada" is taken: a made-up one */
    ck_assert_int_eq(int_at(reply->json, "/user/id"), two.id);
    ck_assert_int_eq(strncmp(text_at(reply->json, "/user/username"), "ada_", 4), 0);
}
END_TEST

START_TEST(refused_registrations_leave_the_guest)
{
    person_t me = guest(), ada = person("student");
    expect_problem(CALL("POST", register_path, .token = me.access,
                        .json = F("{\"email\":\"%s\",\"username\":\"new\",\"password\":\"%s\"}", ada.email, password)),
                   "email_taken");
    expect_problem(CALL("POST", register_path, .token = me.access,
                        .json = F("{\"email\":\"new@example.org\",\"username\":\"%s\",\"password\":\"%s\"}",
                                  ada.username, password)),
                   "username_taken");
    expect_problem(CALL("POST", register_path, .token = me.access, .json = registration("new", ",\"role\":\"admin\"")),
                   "role_not_allowed");
    expect_fault(CALL("POST", register_path, .token = me.access,
                      .json = "{\"email\":\"new@example.org\",\"password\":\"short\"}"),
                 "/password", NULL);
    expect_status(CALL("GET", "/api/v1/auth/me", .token = me.access), 200);
    expect_status(CALL("POST", register_path, .token = me.access, .json = registration("new", "")), 201);
    /* an account that registers makes another account and stays what it is */
    reply_t *another = CALL("POST", register_path, .token = ada.access, .json = registration("another", ""));
    expect_status(another, 201);
    ck_assert_int_ne(int_at(another->json, "/user/id"), ada.id);
    expect_status(CALL("GET", "/api/v1/auth/me", .token = ada.access), 200);
}
END_TEST

typedef struct race_t {
    person_t who;
    int statuses[20];
} race_t;

static void register_one(int i, void *baton)
{
    race_t *race = baton;
    race->statuses[i] =
        CALL("POST", register_path, .token = race->who.access, .json = registration(F("twin_%d", i), ""))->status;
}

START_TEST(parallel_registrations)
{
    race_t race = {.who = guest()};
    int made = 0;
    parallel(20, register_one, &race);
    for (int i = 0; i < 20; i++) {
        made += race.statuses[i] == 201;
        ck_assert_msg(race.statuses[i] == 201 || race.statuses[i] == 401 || race.statuses[i] == 503, "%d",
                      race.statuses[i]);
    }
    ck_assert_int_eq(made, 1);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.users"), "1");
    ck_assert_str_eq(events(), "guest.created guest.converted user.registered");
}
END_TEST

Suite *suite_guests(void)
{
    Suite *suite = suite_create("guests");
    TCase *guests = case_make(suite, "guests");
    tcase_add_test(guests, guest_begins);
    tcase_add_test(guests, what_a_guest_may_do);
    tcase_add_test(guests, nobody_logs_in_as_a_guest);
    tcase_add_test(guests, guests_may_be_off);
    tcase_add_test(guests, guests_are_limited);
    tcase_add_test(guests, guests_never_share_tokens);
    TCase *registering = case_make(suite, "registration");
    tcase_add_test(registering, registration_keeps_the_guest);
    tcase_add_test(registering, older_path_and_a_made_username);
    tcase_add_test(registering, refused_registrations_leave_the_guest);
    tcase_add_test(registering, parallel_registrations);
    return suite;
}
