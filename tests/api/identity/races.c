/* SPDX-License-Identifier: Apache-2.0
 * What must be true of identity as a whole: whatever ends a session ends it in every child with the next request, and a
 * flood of logins leaves the reads alone.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSWORD "Vexing7-Walrus!Q"
#define CHILDREN 20 /* fresh connections, so that every child is met */

/* --- sessions end at once (SECURITY 1, 24) --- */

static person_t victim, chief; /* chief: an administrator */
static const char *other;      /* access token of a second session of the victim */

static void expect_refused(const char *token)
{
    for (int i = 0; i < CHILDREN; i++) {
        reply_t *reply = CALL("GET", "/api/v1/auth/me", .token = token, .headers = {"Connection: close"});
        expect_problem(reply, "invalid_token");
    }
}

static void expect_good(const char *token)
{
    expect_status(CALL("GET", "/api/v1/auth/me", .token = token), 200);
}

static void act(const char *method, const char *path, const char *token, const char *json, int status)
{
    expect_status(CALL(method, path, .token = token, .json = json), status);
}

static void begin(void)
{
    victim = person("student");
    chief = person("admin");
    other = person_again(victim, PORT_MAIN).access;
    expect_good(other);
}

START_TEST(logout)
{
    begin();
    act("POST", "/api/v1/auth/logout", victim.access, NULL, 204);
    expect_refused(victim.access);
    expect_good(other);
}
END_TEST

START_TEST(logout_all)
{
    begin();
    act("POST", "/api/v1/auth/logout-all", victim.access, NULL, 204);
    expect_refused(victim.access);
    expect_refused(other);
}
END_TEST

START_TEST(session_revoked_from_the_list)
{
    begin();
    act("DELETE", F("/api/v1/auth/sessions/%s", text_at(jwt_part(other, 1), "/sid")), victim.access, NULL, 204);
    expect_refused(other);
    expect_good(victim.access);
}
END_TEST

START_TEST(password_change)
{
    begin();
    act("POST", "/api/v1/auth/password/change", victim.access,
        "{\"current_password\":\"" PASSWORD "\",\"new_password\":\"Brisk9-Lagoon?Z\"}", 204);
    expect_refused(other);
    expect_good(victim.access);
}
END_TEST

START_TEST(second_factor_on_and_off)
{
    begin();
    reply_t *setup = CALL("POST", "/api/v1/auth/mfa/setup", .token = victim.access, .json = "{}");
    expect_status(setup, 200);
    const char *secret = text_at(setup->json, "/secret");
    act("POST", "/api/v1/auth/mfa/verify", victim.access, F("{\"code\":\"%s\"}", totp(secret, 0)), 200);
    expect_refused(other);
    expect_good(victim.access);
    reply_t *first = CALL("POST", "/api/v1/auth/login",
                          .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", victim.username, PASSWORD));
    reply_t *second =
        CALL("POST", "/api/v1/auth/mfa/verify",
             .json = F("{\"mfa_token\":\"%s\",\"code\":\"%s\"}", text_at(first->json, "/mfa_token"), totp(secret, 1)));
    expect_status(second, 200);
    other = text_at(second->json, "/access_token");
    sql("UPDATE forge.mfa_factors SET last_step = last_step - 2"); /* a third code within a minute, without waiting for
                                                                      it */
    act("POST", "/api/v1/auth/mfa/disable", victim.access,
        F("{\"password\":\"" PASSWORD "\",\"code\":\"%s\"}", totp(secret, 0)), 204);
    expect_refused(other);
}
END_TEST

START_TEST(role_changed)
{
    begin();
    act("PATCH", F("/api/v1/users/%lld", (long long)victim.id), chief.access, "{\"role\":\"instructor\"}", 200);
    expect_refused(victim.access);
    expect_refused(other);
    reply_t *fresh = CALL("POST", "/api/v1/auth/refresh", .json = F("{\"refresh_token\":\"%s\"}", victim.refresh));
    expect_status(fresh, 200);
    ck_assert_str_eq(text_at(jwt_part(text_at(fresh->json, "/access_token"), 1), "/role"), "instructor");
    expect_good(text_at(fresh->json, "/access_token"));
}
END_TEST

START_TEST(account_disabled)
{
    begin();
    act("PATCH", F("/api/v1/users/%lld", (long long)victim.id), chief.access, "{\"is_active\":false}", 200);
    expect_refused(victim.access);
    expect_refused(other);
    expect_problem(CALL("POST", "/api/v1/auth/refresh", .json = F("{\"refresh_token\":\"%s\"}", victim.refresh)),
                   "invalid_refresh_token");
}
END_TEST

START_TEST(sessions_revoked_by_an_administrator)
{
    begin();
    act("POST", F("/api/v1/users/%lld/revoke-sessions", (long long)victim.id), chief.access, NULL, 204);
    expect_refused(victim.access);
    expect_refused(other);
}
END_TEST

START_TEST(bulk_deactivation)
{
    begin();
    act("POST", "/api/v1/users/bulk", chief.access,
        F("{\"action\":\"deactivate\",\"ids\":[%lld]}", (long long)victim.id), 200);
    expect_refused(victim.access);
    expect_refused(other);
}
END_TEST

START_TEST(account_left)
{
    begin();
    act("DELETE", "/api/v1/users/me", victim.access, "{\"password\":\"" PASSWORD "\"}", 204);
    expect_refused(victim.access);
    expect_refused(other);
}
END_TEST

/* --- secrets stay out of every log --- */

static void nowhere(const char *what, const char *secret)
{
    static const char *const logs[] = {"error.log", "access.json", "audit.json", "postgresql.log"};
    for (int i = 0; i < 4; i++) {
        const char *log = file_read(F("%s/logs/%s", env.dir, logs[i]), 0);
        ck_assert_msg(*log && !strstr(log, secret), "%s is empty or holds the %s", logs[i], what);
    }
}

/* Also where they are wrong, come where they do not belong, or make the database refuse. The error log is at level
 * debug. */
START_TEST(logs_hold_no_secrets)
{
    static const char typo[] = "Canary-7-Password!", one_time[] = "CanaryTokenAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    begin();
    CALL("POST", "/api/v1/auth/login", .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", typo, typo));
    CALL("POST", "/api/v1/auth/login", .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", victim.email, typo));
    CALL("POST", "/api/v1/auth/register", .headers = {"Idempotency-Key: log-1"},
         .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", victim.email, typo));
    CALL("POST", "/api/v1/auth/password/change", .token = victim.access,
         .json = F("{\"current_password\":\"%s\",\"new_password\":\"%s\"}", PASSWORD, typo));
    CALL("POST", "/api/v1/auth/password/reset",
         .json = F("{\"token\":\"%s\",\"new_password\":\"%s\"}", one_time, typo));
    CALL("POST", "/api/v1/auth/refresh", .token = one_time, .json = F("{\"refresh_token\":\"%.43s\"}", one_time));
    reply_t *key = CALL("POST", "/api/v1/auth/api-keys", .token = victim.access, .json = "{\"name\":\"canary\"}");
    reply_t *ticket = CALL("POST", "/api/v1/auth/stream-ticket", .token = victim.access);
    expect_status(key, 201);
    expect_status(CALL("GET", F("/api/v1/auth/validate?ticket=%s", text_at(ticket->json, "/ticket"))), 200);
    expect_problem(CALL("GET", F("/api/v1/auth/validate?ticket=%s", text_at(ticket->json, "/ticket"))),
                   "invalid_token");
    CALL("GET", F("/api/v1/auth/me?access_token=%s", victim.access), .token = victim.access);
    reply_t *setup = CALL("POST", "/api/v1/auth/mfa/setup", .token = victim.access, .json = "{}");
    CALL("POST", "/api/v1/auth/mfa/verify", .json = F("{\"mfa_token\":\"%.43s\",\"code\":\"canary-code\"}", one_time));
    nowhere("password", typo);
    nowhere("password", PASSWORD);
    nowhere("one-use token", F("%.43s", one_time));
    nowhere("API key", text_at(key->json, "/key"));
    nowhere("ticket", text_at(ticket->json, "/ticket"));
    nowhere("access token", victim.access);
    nowhere("refresh token", victim.refresh);
    nowhere("second factor", text_at(setup->json, "/secret"));
    nowhere("code", "canary-code");
}
END_TEST

/* --- a login in the very moment in which a second factor becomes active --- */

typedef struct moment_t {
    person_t me;
    const char *code; /* to activate with; NULL: somebody logs in */
    struct pg_conn *lock;
    reply_t *reply;
} moment_t;

/* Thread 1 lets go of what `lock` holds as soon as somebody waits for it. */
static void moment_one(int i, void *baton)
{
    moment_t *m = baton;
    if (i == 1) {
        sql_until_waiting();
        sql_on(m->lock, "COMMIT");
    } else if (m->code) {
        m->reply =
            CALL("POST", "/api/v1/auth/mfa/verify", .token = m->me.access, .json = F("{\"code\":\"%s\"}", m->code));
    } else {
        m->reply = CALL("POST", "/api/v1/auth/login",
                        .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", m->me.username, m->me.password));
    }
}

static const char *factor_of(person_t me)
{
    reply_t *setup = CALL("POST", "/api/v1/auth/mfa/setup", .token = me.access, .json = "{}");
    expect_status(setup, 200);
    return text_at(setup->json, "/secret");
}

static void expect_no_failure(void)
{
    ck_assert_str_eq(sql("SELECT coalesce(sum(failures + pending), 0) FROM forge.login_failures"), "0");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = 'user.login_failed'"), "0");
}

/* The login came first: its session ends like the others when the factor becomes active. */
START_TEST(login_before_a_second_factor)
{
    moment_t m = {.me = person("student"), .lock = sql_session()};
    m.code = totp(factor_of(m.me), 0);
    sql_on(m.lock,
           F("BEGIN; UPDATE forge.users SET last_login_at = now() WHERE id = %lld;"
             "INSERT INTO forge.sessions (user_id, amr, expires_at) VALUES (%lld, '{pwd}', now() + interval '1 day')",
             (long long)m.me.id, (long long)m.me.id));
    parallel(2, moment_one, &m);
    expect_status(m.reply, 200);
    ck_assert_str_eq(
        sql("SELECT count(*) FROM forge.sessions WHERE revoked_at IS NULL AND user_id = %lld", (long long)m.me.id),
        "1");
}
END_TEST

/* The factor came first: a password alone begins no session any more. */
START_TEST(login_behind_a_second_factor)
{
    moment_t m = {.me = person("student"), .lock = sql_session()};
    factor_of(m.me);
    sql_on(m.lock, F("BEGIN; SELECT FROM forge.users WHERE id = %lld FOR NO KEY UPDATE;"
                     "UPDATE forge.mfa_factors SET confirmed_at = now() WHERE user_id = %lld",
                     (long long)m.me.id, (long long)m.me.id));
    parallel(2, moment_one, &m);
    expect_status(m.reply, 200);
    ck_assert(json_is_true(at(m.reply->json, "/mfa_required")));
    ck_assert_ptr_null(maybe_at(m.reply->json, "/access_token"));
    expect_no_failure();
    ck_assert_str_eq(
        sql("SELECT count(*) FROM forge.sessions WHERE revoked_at IS NULL AND user_id = %lld", (long long)m.me.id),
        "1");
}
END_TEST

/* Logs in while `change` of the account (%lld) is done and not yet committed. */
static reply_t *login_behind(person_t me, const char *change)
{
    moment_t m = {.me = me, .lock = sql_session()};
    sql_on(m.lock, "BEGIN");
    sql_on(m.lock, F(change, (long long)me.id));
    parallel(2, moment_one, &m);
    return m.reply;
}

/* Whatever ends the tokens of an account does not make its password wrong. */
START_TEST(login_behind_a_change_of_the_account)
{
    person_t me = person("student");
    static const char *const changes[] = {
        "UPDATE forge.users SET role = 'instructor' WHERE id = %lld",
        "UPDATE forge.users SET epoch = epoch + 1 WHERE id = %lld",
        "UPDATE forge.users SET is_active = false WHERE id = %1$lld;"
        "UPDATE forge.users SET is_active = true WHERE id = %1$lld",
        "UPDATE forge.users SET password_changed_at = clock_timestamp() WHERE id = %lld",
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        reply_t *reply = login_behind(me, changes[i]);
        expect_status(reply, 200);
        expect_good(text_at(reply->json, "/access_token"));
    }
    expect_no_failure();
}
END_TEST

/* The second factor goes after the login has read that there is one: no code is asked for. */
START_TEST(login_behind_the_end_of_a_second_factor)
{
    static const char *const ends[] = {
        "SELECT FROM forge.users WHERE id = %1$lld FOR NO KEY UPDATE;"
        "DELETE FROM forge.mfa_factors WHERE user_id = %1$lld",
        "UPDATE forge.users SET epoch = epoch + 1 WHERE id = %1$lld;"
        "DELETE FROM forge.mfa_factors WHERE user_id = %1$lld",
    };
    person_t me = person("student");
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        factor_of(me);
        sql("UPDATE forge.mfa_factors SET confirmed_at = now()");
        reply_t *reply = login_behind(me, ends[i]);
        expect_status(reply, 200);
        me.access = text_at(reply->json, "/access_token");
    }
    expect_no_failure();
}
END_TEST

/* An account that is closed meanwhile is refused as ever, and nothing is counted towards a lock. */
START_TEST(login_behind_a_deactivation)
{
    expect_problem(login_behind(person("student"), "UPDATE forge.users SET is_active = false WHERE id = %lld"),
                   "bad_credentials");
    ck_assert_str_eq(sql("SELECT coalesce(sum(failures + pending), 0) FROM forge.login_failures"), "0");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = 'user.login_failed'"), "1");
}
END_TEST

/* --- a flood of logins --- */

typedef struct flood_t {
    person_t people[8], reader;
    int answered[600];
} flood_t;

/* Threads 0 … 7 read, the others hammer the login of eight accounts, right and wrong by turns. */
static void flood_one(int i, void *baton)
{
    flood_t *flood = baton;
    for (int round = 0; round < 6; round++) {
        if (i < 8) {
            reply_t *me = CALL("GET", "/api/v1/auth/me", .token = flood->reader.access);
            if (me->status != 200)
                fail_later("a read during the flood got %d", me->status);
            continue;
        }
        reply_t *reply = CALL("POST", "/api/v1/auth/login",
                              .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", flood->people[i % 8].username,
                                        round % 2 ? "Wrong-4-Password!" : PASSWORD));
        __atomic_fetch_add(&flood->answered[reply->status], 1, __ATOMIC_RELAXED);
        if ((reply->status == 429 || reply->status == 503) && !header(reply, "Retry-After"))
            fail_later("%d without Retry-After", reply->status);
    }
}

START_TEST(login_flood_leaves_reads_alone)
{
    static flood_t flood;
    memset(&flood, 0, sizeof(flood));
    for (int i = 0; i < 8; i++)
        flood.people[i] = person("student");
    flood.reader = person("student");
    expect_log("FG0"); /* a gate that is full may say so */
    parallel(40, flood_one, &flood);
    fail_now();
    ck_assert_int_eq(flood.answered[200] + flood.answered[401] + flood.answered[429] + flood.answered[503], 32 * 6);
    ck_assert_int_gt(flood.answered[200], 0);
}
END_TEST

Suite *suite_races(void)
{
    Suite *suite = suite_create("races");
    TCase *ends = case_make(suite, "sessions_end");
    tcase_add_test(ends, logout);
    tcase_add_test(ends, logout_all);
    tcase_add_test(ends, session_revoked_from_the_list);
    tcase_add_test(ends, password_change);
    tcase_add_test(ends, second_factor_on_and_off);
    tcase_add_test(ends, role_changed);
    tcase_add_test(ends, account_disabled);
    tcase_add_test(ends, sessions_revoked_by_an_administrator);
    tcase_add_test(ends, bulk_deactivation);
    tcase_add_test(ends, account_left);
    TCase *logs = case_make(suite, "logs");
    tcase_add_test(logs, logs_hold_no_secrets);
    TCase *moment = case_make(suite, "moment");
    tcase_add_test(moment, login_before_a_second_factor);
    tcase_add_test(moment, login_behind_a_second_factor);
    tcase_add_test(moment, login_behind_a_change_of_the_account);
    tcase_add_test(moment, login_behind_the_end_of_a_second_factor);
    tcase_add_test(moment, login_behind_a_deactivation);
    TCase *flood = case_make(suite, "flood");
    tcase_add_test(flood, login_flood_leaves_reads_alone);
    return suite;
}
