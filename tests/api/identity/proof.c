/* SPDX-License-Identifier: Apache-2.0
 * What proves identity changes only with a fresh proof, and its owner hears of it (SPEC 3, SECURITY 39, 62).
 */
#include "harness.h"

#include <string.h>

#define SETUP "/api/v1/auth/mfa/setup"
#define KEYS  "/api/v1/auth/api-keys"
#define ME    "/api/v1/users/me"

static const char wrong[] = "Wrong7-Walrus!Q";

/* The logins of an account were so many seconds ago. */
static void logged_in_ago(person_t who, int seconds)
{
    sql("UPDATE forge.sessions SET created_at = now() - interval '%d seconds' WHERE user_id = %lld", seconds,
        (long long)who.id);
}

static reply_t *setup(const char *token, const char *json)
{
    return CALL("POST", SETUP, .token = token, .json = json);
}

static reply_t *key(const char *token, const char *scopes, const char *more)
{
    return CALL("POST", KEYS, .token = token, .json = F("{\"name\":\"k\",\"scopes\":%s%s}", scopes, more));
}

static const char *with_password(const char *password)
{
    return F("{\"password\":\"%s\"}", password);
}

static reply_t *refresh(person_t who)
{
    return CALL("POST", "/api/v1/auth/refresh", .json = F("{\"refresh_token\":\"%s\"}", who.refresh));
}

/* 401 of RFC 9470: the login must be of the last so many seconds. */
static void expect_old_login(const reply_t *reply, int seconds)
{
    const char *challenge;
    expect_problem(reply, "insufficient_user_authentication");
    challenge = header(reply, "WWW-Authenticate");
    ck_assert_msg(strstr(challenge, "error=\"insufficient_user_authentication\"") &&
                      strstr(challenge, F("max_age=\"%d\"", seconds)) && !strstr(challenge, "acr_values"),
                  "%s", challenge);
    expect_says(reply, "your password, or a login");
}

static char *count(const char *table)
{
    return sql("SELECT count(*) FROM forge.%s", table);
}

/* --- a factor --- */

START_TEST(a_factor_wants_a_recent_login)
{
    person_t me = person("student");
    logged_in_ago(me, 290);
    expect_status(setup(me.access, "{}"), 200); /* as clients have always done right after the login */
    sql("DELETE FROM forge.mfa_factors");
    logged_in_ago(me, 310);
    expect_old_login(setup(me.access, "{}"), 300);
    expect_old_login(setup(me.access, "{\"password\":null}"), 300);
    expect_old_login(CALL("POST", SETUP, .token = me.access), 300);
    ck_assert_str_eq(count("mfa_factors"), "0");
    expect_problem(setup(me.access, with_password(wrong)), "bad_credentials");
    ck_assert_str_eq(count("mfa_factors"), "0");
    expect_status(setup(me.access, with_password(me.password)), 200);
    expect_status(setup(person_again(me, PORT_MAIN).access, "{}"), 200);
}
END_TEST

/* A thief refreshes as often as he likes: that is no login. */
START_TEST(a_refresh_is_no_login)
{
    person_t me = person("student");
    logged_in_ago(me, 310);
    reply_t *reply = refresh(me);
    expect_status(reply, 200);
    const char *access = text_at(reply->json, "/access_token");
    expect_old_login(setup(access, "{}"), 300);
    expect_old_login(key(access, "[\"write\"]", ""), 300);
    expect_status(key(access, "[\"write\"]", F(",\"password\":\"%s\"", me.password)), 201);
    expect_old_login(key(access, "[\"write\"]", ""), 300); /* the password is a proof for one request */
}
END_TEST

START_TEST(the_directive_says_how_recent)
{
    person_t me = person("student");
    expect_old_login(CALL("POST", SETUP, .port = PORT_STRICT, .token = me.access, .json = "{}"), 0);
    expect_old_login(CALL("POST", KEYS, .port = PORT_STRICT, .token = me.access, .json = "{\"name\":\"k\"}"), 0);
    expect_status(CALL("POST", SETUP, .port = PORT_STRICT, .token = me.access, .json = with_password(me.password)),
                  200);
}
END_TEST

/* The session ended, and shared memory has not heard of it: the statement that asks for the login has. */
START_TEST(a_session_that_ended_is_not_recent)
{
    person_t me = person("student");
    sql("SET session_replication_role = replica");
    sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'test' WHERE user_id = %lld", (long long)me.id);
    sql("SET session_replication_role = origin");
    expect_problem(setup(me.access, "{}"), "invalid_token");
    expect_problem(key(me.access, "[\"read\"]", ""), "invalid_token");
}
END_TEST

/* Passwords are guessed here no more often than at a login. */
START_TEST(guesses_lock_the_account)
{
    person_t me = person("student");
    logged_in_ago(me, 310);
    for (int i = 0; i < 2; i++) {
        expect_problem(setup(me.access, with_password(wrong)), "bad_credentials");
        expect_problem(key(me.access, "[\"read\"]", F(",\"password\":\"%s\"", wrong)), "bad_credentials");
    }
    expect_problem(CALL("PATCH", ME, .token = me.access,
                        .json = F("{\"email\":\"a@example.net\",\"current_password\":\"%s\"}", wrong)),
                   "bad_credentials");
    expect_problem(setup(me.access, with_password(me.password)), "account_locked");
    expect_problem(key(me.access, "[\"read\"]", F(",\"password\":\"%s\"", me.password)), "account_locked");
    expect_problem(CALL("PATCH", ME, .token = me.access,
                        .json = F("{\"email\":\"a@example.net\",\"current_password\":\"%s\"}", me.password)),
                   "account_locked");
}
END_TEST

/* A body without a password waits for nobody who hashes. */
START_TEST(without_a_password_nothing_is_hashed)
{
    person_t me = person("student");
    long before = metric("forge_password_hash_total");
    expect_status(setup(me.access, "{}"), 200);
    expect_status(key(me.access, "[\"read\"]", ""), 201);
    expect_status(CALL("PATCH", ME, .token = me.access, .json = F("{\"bio\":\"x\",\"email\":\"%s\"}", me.email)), 200);
    ck_assert_int_eq(metric("forge_password_hash_total"), before);
    expect_status(setup(me.access, with_password(me.password)), 200);
    ck_assert_int_eq(metric("forge_password_hash_total"), before + 1);
}
END_TEST

/* --- API keys --- */

START_TEST(a_key_wants_a_recent_login)
{
    person_t me = person("student");
    const char *repeat = "Idempotency-Key: once", *body = "{\"name\":\"k\",\"scopes\":[\"read\",\"write\"]}";
    reply_t *reply = CALL("POST", KEYS, .token = me.access, .json = body, .headers = {repeat});
    expect_status(reply, 201);
    const char *text = text_at(reply->json, "/key");
    logged_in_ago(me, 310);
    expect_old_login(key(me.access, "[\"read\",\"write\"]", ""), 300);
    expect_old_login(key(me.access, "[\"read\"]", ""), 300);
    reply = CALL("POST", KEYS, .token = me.access, .json = body, .headers = {repeat}); /* would show the key again */
    expect_old_login(reply, 300);
    ck_assert_ptr_null(strstr(reply->body, text));
    expect_problem(key(text, "[\"read\"]", F(",\"password\":\"%s\"", me.password)), "session_required");
    expect_problem(setup(text, with_password(me.password)), "session_required");
    ck_assert_str_eq(count("api_keys"), "1");
    reply = key(me.access, "[\"write\"]", F(",\"password\":\"%s\"", me.password));
    expect_status(reply, 201);
    ck_assert_ptr_null(strstr(reply->body, me.password));
    expect_fault(key(me.access, "[\"fly\"]", F(",\"password\":\"%s\"", wrong)), "/scopes/0", "enum");
}
END_TEST

/* An administrator's own factor is no exception: nor for a stolen token, neither for a key. */
START_TEST(administrators_too)
{
    person_t chief = person("admin"), other = person("student");
    const char *path = F("/api/v1/users/%lld/reset-mfa", (long long)chief.id);
    const char *secret = text_at(key(chief.access, "[\"read\",\"write\"]", "")->json, "/key");
    logged_in_ago(chief, 310);
    expect_old_login(CALL("POST", path, .token = chief.access), 300);
    expect_problem(CALL("POST", path, .token = secret), "session_required");
    expect_status(CALL("POST", F("/api/v1/users/%lld/reset-mfa", (long long)other.id), .token = chief.access), 204);
    expect_status(CALL("POST", path, .token = person_again(chief, PORT_MAIN).access), 204);
}
END_TEST

/* --- the e-mail address --- */

START_TEST(another_address_wants_the_password)
{
    person_t me = person("student");
    reply_t *reply = CALL("PATCH", ME, .token = me.access, .json = "{\"bio\":\"x\",\"email\":\"new@example.net\"}");
    expect_problem(reply, "validation_failed"); /* a recent login is not enough */
    expect_fault(reply, "/current_password", "required");
    expect_problem(CALL("PATCH", ME, .token = me.access,
                        .json = F("{\"bio\":\"x\",\"email\":\"new@example.net\",\"current_password\":\"%s\"}", wrong)),
                   "bad_credentials");
    ck_assert_str_eq(sql("SELECT coalesce(bio, '-') FROM forge.users WHERE id = %lld", (long long)me.id), "-");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.one_time_tokens WHERE kind = 'email_change'"), "0");
    ck_assert_int_eq(mail_count("new@example.net", ""), 0);
    reply = CALL("PATCH", ME, .token = me.access, /* who sends back what GET answered changes nothing */
                 .json = F("{\"bio\":\"y\",\"email\":\"%s\"}", me.email));
    expect_status(reply, 200);
    expect_status(CALL("PATCH", ME, .token = me.access,
                       .json = F("{\"email\":\"new@example.net\",\"current_password\":\"%s\"}", me.password)),
                  200);
    mail_wait("new@example.net", "Confirm your new e-mail address");
}
END_TEST

Suite *suite_proof(void)
{
    Suite *suite = suite_create("proof");
    TCase *fresh = case_make(suite, "fresh");
    tcase_add_test(fresh, a_factor_wants_a_recent_login);
    tcase_add_test(fresh, a_refresh_is_no_login);
    tcase_add_test(fresh, the_directive_says_how_recent);
    tcase_add_test(fresh, a_session_that_ended_is_not_recent);
    tcase_add_test(fresh, guesses_lock_the_account);
    tcase_add_test(fresh, without_a_password_nothing_is_hashed);
    tcase_add_test(fresh, a_key_wants_a_recent_login);
    tcase_add_test(fresh, administrators_too);
    tcase_add_test(fresh, another_address_wants_the_password);
    return suite;
}
