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

/* --- the way back --- */

static reply_t *undo(const char *token)
{
    return CALL("POST", "/api/v1/auth/email/undo", .json = F("{\"token\":\"%s\"}", token));
}

static reply_t *verify_email(const char *token)
{
    return CALL("POST", "/api/v1/auth/email/verify", .json = F("{\"token\":\"%s\"}", token));
}

/* Changes the address as whoever knows the password can; the token that undoes it, from the mail to the old one. */
static const char *moved(person_t who, const char *from, const char *to)
{
    expect_status(CALL("PATCH", ME, .token = who.access,
                       .json = F("{\"email\":\"%s\",\"current_password\":\"%s\"}", to, who.password)),
                  200);
    expect_status(verify_email(mail_token(mail_wait(to, "Confirm your new"))), 204);
    return mail_token(mail_wait(from, "Your e-mail address was changed"));
}

static char *address_of(person_t who)
{
    return sql("SELECT email || ' ' || email_key || ' ' || email_verified FROM forge.users WHERE id = %lld",
               (long long)who.id);
}

/* Sets a second factor up and activates it; its secret. */
static const char *armed(const char *access)
{
    reply_t *reply = setup(access, "{}");
    expect_status(reply, 200);
    const char *secret = text_at(reply->json, "/secret");
    expect_status(
        CALL("POST", "/api/v1/auth/mfa/verify", .token = access, .json = F("{\"code\":\"%s\"}", totp(secret, 0))), 200);
    sql("UPDATE forge.mfa_factors SET last_step = 0");
    return secret;
}

static reply_t *login(const char *email, const char *password)
{
    return CALL("POST", "/api/v1/auth/login", .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", email, password));
}

static void reset_by_mail(const char *email, const char *password)
{
    expect_status(CALL("POST", "/api/v1/auth/password/forgot", .json = F("{\"email\":\"%s\"}", email)), 202);
    expect_status(
        CALL("POST", "/api/v1/auth/password/reset",
             .json = F("{\"token\":\"%s\",\"new_password\":\"%s\"}", mail_token(mail_wait(email, "Reset")), password)),
        204);
}

START_TEST(the_old_address_brings_itself_back)
{
    person_t me = person("student");
    const char *token = moved(me, me.email, "thief@example.net");
    char *notice = mail_wait(me.email, "Your e-mail address was changed");
    ck_assert_msg(strstr(notice, F("\r\nhttps://learn.example.org/undo-email-change?token=%s\r\n", token)) != NULL,
                  "%s", notice);
    ck_assert_msg(strstr(notice, "thief@example.net") && strstr(notice, "<a href="), "%s", notice);
    const char *secret = text_at(key(me.access, "[\"read\",\"write\"]", "")->json, "/key");
    armed(me.access);
    expect_status(CALL("POST", "/api/v1/auth/password/forgot", .json = "{\"email\":\"thief@example.net\"}"), 202);
    const char *theirs = mail_token(mail_wait("thief@example.net", "Reset"));

    expect_problem(verify_email(token), "token_invalid"); /* one kind is not another */
    expect_problem(undo(theirs), "token_invalid");
    expect_problem(undo(F("%sA", token)), "token_invalid");
    expect_fault(CALL("POST", "/api/v1/auth/email/undo", .json = "{}"), "/token", "required");
    expect_status(undo(token), 204);
    ck_assert_str_eq(address_of(me), F("%s %s true", me.email, me.email));
    expect_problem(CALL("GET", ME, .token = me.access), "invalid_token");
    expect_problem(refresh(me), "invalid_refresh_token");
    expect_problem(CALL("GET", ME, .token = secret), "invalid_token");
    ck_assert_str_eq(sql("SELECT (SELECT count(*) FROM forge.mfa_factors) + (SELECT count(*) FROM"
                         " forge.mfa_backup_codes) + (SELECT count(*) FROM forge.api_keys)"),
                     "0");
    expect_problem(CALL("POST", "/api/v1/auth/password/reset",
                        .json = F("{\"token\":\"%s\",\"new_password\":\"Quokka-Lantern-58\"}", theirs)),
                   "token_invalid");
    expect_problem(undo(token), "token_invalid");
    mail_wait(me.email, "Your e-mail address is back");
    ck_assert_str_eq(
        sql("SELECT (detail->>'from') || ' ' || (detail->>'to') || ' ' || subject_id FROM forge.audit_events"
            " WHERE event = 'email.change_undone'"),
        F("thief@example.net %s %lld", me.email, (long long)me.id));
    ck_assert_msg(!strstr(log_since("error.log"), token) && !strstr(log_since("access.json"), token),
                  "no log knows the token");
    expect_problem(login(me.email, me.password), "bad_credentials"); /* whoever changed the address knew it */
    reset_by_mail(me.email, "Quokka-Lantern-58");
    at(login(me.email, "Quokka-Lantern-58")->json, "/access_token");
}
END_TEST

/* Whoever changed the address may have changed the password and closed the account as well. */
START_TEST(what_came_after_the_change_is_undone_too)
{
    person_t me = person("student");
    const char *token = moved(me, me.email, "burglar@example.net");
    const char *thief = text_at(login("burglar@example.net", me.password)->json, "/access_token");
    expect_status(CALL("POST", "/api/v1/auth/password/change", .token = thief,
                       .json = F("{\"current_password\":\"%s\",\"new_password\":\"Quokka-Lantern-58\"}", me.password)),
                  204);
    thief = text_at(login("burglar@example.net", "Quokka-Lantern-58")->json, "/access_token");
    expect_status(CALL("DELETE", ME, .token = thief, .json = "{\"password\":\"Quokka-Lantern-58\"}"), 204);
    expect_status(undo(token), 204);
    ck_assert_str_eq(
        sql("SELECT is_active || ' ' || (erase_at IS NULL) FROM forge.users WHERE id = %lld", (long long)me.id),
        "true true");
    expect_problem(login(me.email, "Quokka-Lantern-58"), "bad_credentials");
    expect_problem(login(me.email, me.password), "bad_credentials");
    reset_by_mail(me.email, "Walrus-Harbour-91");
    at(login(me.email, "Walrus-Harbour-91")->json, "/access_token");
}
END_TEST

/* An administrator's word stands, whatever way it takes, also where the holder had closed the account before. */
START_TEST(the_way_back_opens_nothing_that_an_administrator_closed)
{
    person_t admin = person("admin");
    for (int way = 0; way < 4; way++) {
        bool bulk = way & 1, before = way & 2;
        person_t me = person("student");
        const char *there = F("closed%d@example.net", way), *token = moved(me, me.email, there);
        if (before)
            expect_status(CALL("DELETE", ME, .token = text_at(login(there, me.password)->json, "/access_token"),
                               .json = F("{\"password\":\"%s\"}", me.password)),
                          204);
        expect_status(CALL(bulk ? "POST" : "PATCH",
                           bulk ? "/api/v1/users/bulk" : F("/api/v1/users/%lld", (long long)me.id),
                           .token = admin.access,
                           .json = bulk ? F("{\"action\":\"deactivate\",\"ids\":[%lld]}", (long long)me.id)
                                        : "{\"is_active\":false}"),
                      200);
        expect_status(undo(token), 204);
        ck_assert_str_eq(sql("SELECT is_active FROM forge.users WHERE id = %lld", (long long)me.id), "f");
        ck_assert_str_eq(address_of(me), F("%s %s true", me.email, me.email));
        expect_problem(login(me.email, me.password), "bad_credentials");
    }
}
END_TEST

/* A factor from before the change is the owner's and stays. */
START_TEST(an_older_factor_stays)
{
    person_t me = person("student");
    expect_status(verify_email(mail_token(mail_wait(me.email, "Confirm"))), 204);
    armed(me.access);
    const char *token = moved(me, me.email, "elsewhere@example.net");
    expect_status(undo(token), 204);
    reset_by_mail(me.email, "Quokka-Lantern-58");
    ck_assert(json_is_true(at(login(me.email, "Quokka-Lantern-58")->json, "/mfa_required")));
}
END_TEST

/* A second change does not void the way back from the first one; undoing the first voids that from the second. */
START_TEST(changed_twice)
{
    for (int first = 0; first < 2; first++) {
        person_t me = person("student");
        const char *middle = F("middle%d@example.net", first), *last = F("last%d@example.net", first);
        const char *to_me = moved(me, me.email, middle), *to_middle = moved(me, middle, last);
        if (!first) {
            expect_status(undo(to_middle), 204);
            ck_assert_str_eq(address_of(me), F("%s %s true", middle, middle));
        }
        expect_status(undo(to_me), 204);
        expect_problem(undo(to_middle), "token_invalid");
        ck_assert_str_eq(address_of(me), F("%s %s true", me.email, me.email));
    }
}
END_TEST

START_TEST(a_way_back_ends)
{
    person_t me = person("student"), other = person("student");
    const char *token = moved(me, me.email, "next@example.net");
    ck_assert_str_eq(sql("SELECT expires_at - created_at = interval '72 hours' FROM forge.email_undos"), "t");
    sql("UPDATE forge.email_undos SET created_at = now() - interval '72 hours', expires_at = now()");
    expect_problem(undo(token), "token_invalid");
    expect_status(CALL("POST", "/api/v1/auth/register", /* and the address is free */
                       .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", me.email, me.password)),
                  201);
    token = moved(other, other.email, "other@example.net");
    expect_status(
        CALL("POST", "/api/v1/auth/password/change", .token = other.access, /* as a thief would go on */
             .json = F("{\"current_password\":\"%s\",\"new_password\":\"Quokka-Lantern-58\"}", other.password)),
        204);
    expect_status(CALL("POST", "/api/v1/auth/logout-all", .token = other.access), 204);
    sql("UPDATE forge.users SET is_active = false WHERE id = %lld", (long long)other.id);
    expect_status(undo(token), 204);
    ck_assert_str_eq(address_of(other), F("%s %s true", other.email, other.email));
}
END_TEST

/* Whoever changed it must not close the way back by giving the old address to another account. */
START_TEST(the_old_address_is_kept)
{
    person_t me = person("student"), other = person("student"), chief = person("admin");
    const char *token = moved(me, me.email, "moved@example.net");
    reply_t *guest = CALL("POST", "/api/v1/auth/guest");
    const char *body = F("{\"email\":\"%s\",\"username\":\"squatter\",\"password\":\"%s\"}", me.email, me.password);
    expect_problem(CALL("POST", "/api/v1/auth/register", .json = body), "email_taken");
    expect_problem(CALL("POST", "/api/v1/users/register", .json = body), "email_taken");
    expect_problem(CALL("POST", "/api/v1/auth/register", .json = body, .token = text_at(guest->json, "/access_token")),
                   "email_taken");
    expect_problem(CALL("PATCH", ME, .token = other.access,
                        .json = F("{\"email\":\"%s\",\"current_password\":\"%s\"}", me.email, other.password)),
                   "email_taken");
    reply_t *reply = CALL("POST", "/api/v1/users/import", .token = chief.access,
                          .json = F("{\"users\":[{\"email\":\"%s\"},{\"email\":\"free@example.org\"}]}", me.email));
    ck_assert_str_eq(text_at(reply->json, "/results/0/code"), "email_taken");
    ck_assert_str_eq(text_at(reply->json, "/results/1/status"), "created");
    sql("DO $$ BEGIN UPDATE forge.users SET email = '%s', email_key = '%s' WHERE id = %lld; RAISE 'it was taken';"
        " EXCEPTION WHEN unique_violation THEN END $$",
        me.email, me.email, (long long)other.id);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.users WHERE email_key = '%s'", me.email), "0");
    moved(me, "moved@example.net", me.email); /* but for the account itself */
    expect_status(undo(token), 204);
}
END_TEST

typedef struct squat_t {
    person_t me;
    struct pg_conn *lock;
    reply_t *reply;
} squat_t;

static void squat(int i, void *baton)
{
    squat_t *s = baton;
    if (i == 0) {
        s->reply = CALL("POST", "/api/v1/auth/register",
                        .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", s->me.email, s->me.password));
        return;
    }
    for (int n = 0; n < 100 && strcmp(sql("SELECT count(*) FROM pg_locks WHERE NOT granted"), "0") == 0; n++)
        pause_ms(50);
    sql_on(s->lock, "COMMIT");
}

/* A registration that waits for the very change that frees the address. */
START_TEST(the_old_address_is_kept_from_the_first_moment)
{
    squat_t s = {.me = person("student"), .lock = sql_session()};
    sql_on(s.lock,
           F("BEGIN; UPDATE forge.users SET email = 'm@example.net', email_key = 'm@example.net' WHERE id = %lld;"
             "INSERT INTO forge.email_undos (user_id, sha256, email, email_key, expires_at)"
             " VALUES (%lld, sha256('x'), '%s', '%s', now() + interval '72 hours')",
             (long long)s.me.id, (long long)s.me.id, s.me.email, s.me.email));
    parallel(2, squat, &s);
    expect_problem(s.reply, "email_taken");
}
END_TEST

/* --- factors and resets --- */

/* Somebody registers another's address and enrols a factor: a reset by mail to that address takes it away. */
START_TEST(a_factor_of_an_unproven_address_ends_with_a_reset)
{
    person_t me = person("student");
    char *proof = mail_token(mail_wait(me.email, "Confirm"));
    armed(me.access);
    ck_assert(json_is_true(at(login(me.email, me.password)->json, "/mfa_required")));
    expect_status(verify_email(proof), 204); /* the reader of that mailbox proves it, in good faith */
    reset_by_mail(me.email, "Quokka-Lantern-58");
    at(login(me.email, "Quokka-Lantern-58")->json, "/access_token");
    ck_assert_str_eq(sql("SELECT (SELECT count(*) FROM forge.mfa_factors) + (SELECT count(*) FROM"
                         " forge.mfa_backup_codes)"),
                     "0");
    ck_assert_str_eq(sql("SELECT detail->>'factors' FROM forge.audit_events WHERE event = 'password.reset'"), "1");
}
END_TEST

/* Set up before the proof and verified after it is enrolled in part while the address was unproven. */
START_TEST(a_factor_set_up_before_the_proof_too)
{
    person_t me = person("student");
    const char *secret = text_at(setup(me.access, "{}")->json, "/secret");
    expect_status(verify_email(mail_token(mail_wait(me.email, "Confirm"))), 204);
    expect_status(
        CALL("POST", "/api/v1/auth/mfa/verify", .token = me.access, .json = F("{\"code\":\"%s\"}", totp(secret, 0))),
        200);
    reset_by_mail(me.email, "Quokka-Lantern-58");
    at(login(me.email, "Quokka-Lantern-58")->json, "/access_token");
}
END_TEST

START_TEST(a_factor_of_a_proven_address_stays)
{
    person_t me = person("student");
    expect_status(verify_email(mail_token(mail_wait(me.email, "Confirm"))), 204);
    const char *secret = armed(me.access);
    reset_by_mail(me.email, "Quokka-Lantern-58");
    reply_t *reply = login(me.email, "Quokka-Lantern-58");
    ck_assert(json_is_true(at(reply->json, "/mfa_required")));
    expect_status(
        CALL("POST", "/api/v1/auth/mfa/verify",
             .json = F("{\"mfa_token\":\"%s\",\"code\":\"%s\"}", text_at(reply->json, "/mfa_token"), totp(secret, 0))),
        200);
}
END_TEST

/* --- notices --- */

START_TEST(owners_hear_of_it)
{
    person_t me = person("student"), chief = person("admin");
    reply_t *reply = key(me.access, "[\"write\"]", "");
    char *mail = mail_wait(me.email, "An API key was created");
    ck_assert_msg(strstr(mail, text_at(reply->json, "/prefix")) && !strstr(mail, text_at(reply->json, "/key")), "%s",
                  mail);
    const char *secret = armed(me.access);
    mail = mail_wait(me.email, "A second factor was turned on");
    ck_assert_msg(strstr(mail, F("Hello %s,", me.username)) && strstr(mail, "127.0.0.1"), "%s", mail);
    static const char *const calls[][2] = {{"backup-codes", "You have new backup codes"},
                                           {"disable", "The second factor was turned off"}};
    for (int i = 0; i < 2; i++) {
        reply = CALL("POST", F("/api/v1/auth/mfa/%s", calls[i][0]), .token = me.access,
                     .json = F("{\"password\":\"%s\",\"code\":\"%s\"}", me.password, totp(secret, i)));
        ck_assert_msg(reply->status == 200 || reply->status == 204, "%d", reply->status);
        mail_wait(me.email, calls[i][1]);
    }
    armed(me.access);
    expect_status(CALL("POST", F("/api/v1/users/%lld/reset-mfa", (long long)me.id), .token = chief.access), 204);
    mail = mail_wait(me.email, "The second factor was removed");
    ck_assert_msg(!strstr(mail, "127.0.0.1"), "%s", mail);
}
END_TEST

/* The address may be a stranger's: five of a kind an hour are enough to hear of it. */
START_TEST(notices_are_no_flood)
{
    person_t me = person("student");
    for (int i = 0; i < 8; i++)
        expect_status(key(me.access, "[\"read\"]", ""), 201);
    for (int i = 0; i < 100 && strcmp(sql("SELECT count(*) FROM forge.mail_outbox"), "0"); i++)
        pause_ms(100);
    ck_assert_int_eq(mail_count(me.email, "An API key was created"), 5);
}
END_TEST

/* What was sent is told to whom it was about. */
START_TEST(the_export_shows_former_addresses)
{
    person_t me = person("student");
    moved(me, me.email, "now@example.net");
    reply_t *reply = CALL("GET", ME "/export", .token = me.access);
    expect_status(reply, 200);
    ck_assert_ptr_nonnull(strstr(reply->body, "email_undo"));
    ck_assert_ptr_nonnull(strstr(reply->body, me.email));
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
    TCase *back = case_make(suite, "back");
    tcase_add_test(back, the_old_address_brings_itself_back);
    tcase_add_test(back, an_older_factor_stays);
    tcase_add_test(back, what_came_after_the_change_is_undone_too);
    tcase_add_test(back, the_way_back_opens_nothing_that_an_administrator_closed);
    tcase_add_test(back, changed_twice);
    tcase_add_test(back, a_way_back_ends);
    tcase_add_test(back, the_old_address_is_kept);
    tcase_add_test(back, the_old_address_is_kept_from_the_first_moment);
    TCase *factors = case_make(suite, "factors");
    tcase_add_test(factors, a_factor_of_an_unproven_address_ends_with_a_reset);
    tcase_add_test(factors, a_factor_set_up_before_the_proof_too);
    tcase_add_test(factors, a_factor_of_a_proven_address_stays);
    TCase *notices = case_make(suite, "notices");
    tcase_add_test(notices, owners_hear_of_it);
    tcase_add_test(notices, notices_are_no_flood);
    tcase_add_test(notices, the_export_shows_former_addresses);
    return suite;
}
