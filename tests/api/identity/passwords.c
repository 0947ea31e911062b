/* SPDX-License-Identifier: Apache-2.0
 * Passwords: forgotten, reset by a token, changed (SPEC 3, SECURITY 28, 33, 34).
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char new_password[] = "Quokka-Lantern-58";

static reply_t *forgot(const char *email)
{
    return CALL("POST", "/api/v1/auth/password/forgot", .json = F("{\"email\":\"%s\"}", email));
}

static reply_t *reset(const char *token, const char *password)
{
    return CALL("POST", "/api/v1/auth/password/reset",
                .json = F("{\"token\":\"%s\",\"new_password\":\"%s\"}", token, password));
}

static reply_t *change(const char *access, const char *current, const char *password)
{
    return CALL("POST", "/api/v1/auth/password/change", .token = access,
                .json = F("{\"current_password\":\"%s\",\"new_password\":\"%s\"}", current, password));
}

static reply_t *login(const char *email, const char *password)
{
    return CALL("POST", "/api/v1/auth/login", .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", email, password));
}

/* A reset token as the mail brings it. */
static char *reset_token(const char *email)
{
    expect_status(forgot(email), 202);
    return mail_token(mail_wait(email, "Reset"));
}

static int live_sessions(json_int_t user)
{
    return atoi(
        sql("SELECT count(*) FROM forge.sessions WHERE user_id = %lld AND revoked_at IS NULL", (long long)user));
}

START_TEST(forgotten_and_reset)
{
    person_t me = person("student");
    expect_status(login(me.email, me.password), 200);
    ck_assert_int_eq(live_sessions(me.id), 2);
    reply_t *reply = forgot(F(" %s ", me.email));
    expect_status(reply, 202);
    ck_assert_str_eq(reply->body, "{\"status\":\"accepted\"}");
    char *mail = mail_wait(me.email, "Reset your password"), *token = mail_token(mail);
    ck_assert_msg(strstr(mail, F("\r\nhttps://learn.example.org/reset-password?token=%s\r\n", token)) != NULL, "%s",
                  mail);
    ck_assert_msg(strstr(mail, F("Hello %s,", me.username)) != NULL, "%s", mail);

    /* a password that is refused does not spend the token, and every rule is named */
    reply = reset(token, F("%s", me.username));
    expect_problem(reply, "validation_failed");
    expect_fault(reply, "/new_password", "needs_upper");
    expect_fault(reply, "/new_password", "contains_username");
    expect_status(reset(token, new_password), 204);
    ck_assert_int_eq(live_sessions(me.id), 0);
    expect_problem(login(me.email, me.password), "bad_credentials");
    expect_status(login(me.email, new_password), 200);
    expect_problem(CALL("GET", "/api/v1/auth/me", .token = me.access), "invalid_token");
    expect_problem(reset(token, "Another-Lantern-59"), "token_invalid");

    mail = mail_wait(me.email, "Your password was changed");
    ck_assert_msg(strstr(mail, "127.0.0.1") && !strstr(mail, "token"), "%s", mail);
    ck_assert_str_eq(sql("SELECT string_agg(event || ' ' || subject_id || ' ' || host(ip) || ' ' || (request_id IS NOT "
                         "NULL), ', ' ORDER BY id)"
                         " FROM forge.audit_events WHERE event LIKE 'password.%%'"),
                     F("password.reset_requested %lld 127.0.0.1 true, password.reset %lld 127.0.0.1 true",
                       (long long)me.id, (long long)me.id));
    ck_assert_str_eq(sql("SELECT epoch FROM forge.users WHERE id = %lld", (long long)me.id), "1");
    ck_assert_msg(!strstr(log_since("error.log"), token) && !strstr(log_since("access.json"), token),
                  "no log knows the token");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.one_time_tokens WHERE sha256::text LIKE '%%%s%%'", token), "0");
}
END_TEST

/* The head of an answer without what differs from request to request. */
static char *head_of(const reply_t *reply)
{
    static const char *const varying[] = {"date:", "x-request-id:", "traceparent:", "ratelimit", "x-ratelimit", NULL};
    char *head = F("%s", reply->head), *kept = F("%s", ""), *state;
    for (char *line = strtok_r(head, "\r\n", &state); line; line = strtok_r(NULL, "\r\n", &state)) {
        bool same = true;
        for (const char *const *name = varying; *name; name++)
            same = same && strncasecmp(line, *name, strlen(*name));
        if (same)
            kept = F("%s%s\n", kept, line);
    }
    return kept;
}

/* SECURITY 28: nothing tells whether there is such an account. */
START_TEST(same_answer_for_anyone)
{
    person_t me = person("student"), inactive = person("student"), guest = person("student");
    sql("UPDATE forge.users SET is_active = false WHERE id = %lld", (long long)inactive.id);
    sql("UPDATE forge.users SET role = 'guest' WHERE id = %lld", (long long)guest.id);
    const char *emails[] = {"nobody@example.org", inactive.email, guest.email, NULL};
    reply_t *known = forgot(me.email);
    for (const char **email = emails; *email; email++) {
        reply_t *reply = forgot(*email);
        expect_status(reply, 202);
        ck_assert_str_eq(reply->body, known->body);
        ck_assert_str_eq(head_of(reply), head_of(known));
    }
    mail_wait(me.email, "Reset");
    for (int i = 0; i < 100 && strcmp(sql("SELECT count(*) FROM forge.mail_outbox"), "0"); i++)
        pause_ms(100);
    for (const char **email = emails; *email; email++)
        ck_assert_int_eq(mail_count(*email, "Reset"), 0);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.one_time_tokens WHERE kind = 'reset'"), "1");
    ck_assert_str_eq(
        sql("SELECT count(*) FROM forge.audit_events WHERE event = 'password.reset_requested' AND subject_id IS NULL"),
        "3");
    expect_fault(forgot("nobody"), "/email", "format");
    expect_fault(forgot("a@example.org\\r\\nBcc: b@example.org"), "/email", "format");
}
END_TEST

START_TEST(newer_voids_older)
{
    person_t me = person("student");
    char *first = reset_token(me.email);
    sql("DELETE FROM forge.mail_outbox");
    expect_status(forgot(me.email), 202);
    char *second = first;
    for (int i = 0; i < 100 && strcmp(second, first) == 0; i++, pause_ms(100))
        second = mail_token(mail_wait(me.email, "Reset"));
    expect_problem(reset(first, new_password), "token_invalid");
    expect_status(reset(second, new_password), 204);
}
END_TEST

START_TEST(five_mails_an_hour)
{
    person_t me = person("student");
    for (int i = 0; i < 7; i++)
        expect_status(forgot(me.email), 202);
    for (int i = 0; i < 100 && strcmp(sql("SELECT count(*) FROM forge.mail_outbox"), "0"); i++)
        pause_ms(100);
    ck_assert_str_eq(sql("SELECT mails FROM forge.one_time_tokens WHERE kind = 'reset'"), "5");
    ck_assert_int_le(mail_count(me.email, "Reset"), 5);
    sql("UPDATE forge.one_time_tokens SET mails_since = now() - interval '61 minutes'");
    reset_token(me.email);
    for (int i = 0; i < 100 && strcmp(sql("SELECT mails FROM forge.one_time_tokens WHERE kind = 'reset'"), "1"); i++)
        pause_ms(100);
    ck_assert_str_eq(sql("SELECT mails FROM forge.one_time_tokens WHERE kind = 'reset'"), "1");
}
END_TEST

START_TEST(tokens_that_are_not_good)
{
    person_t me = person("student");
    char *verify = mail_token(mail_wait(me.email, "Confirm")), *token = reset_token(me.email);
    expect_problem(reset("x", new_password), "token_invalid");
    expect_problem(reset(verify, new_password), "token_invalid");
    expect_problem(reset(F("%sA", token), new_password), "token_invalid");
    expect_problem(reset("a'; DELETE FROM forge.users --", new_password), "token_invalid");
    expect_fault(reset("", new_password), "/token", "too_short");
    expect_fault(CALL("POST", "/api/v1/auth/password/reset", .json = "{}"), "/token", "required");
    sql("UPDATE forge.one_time_tokens SET created_at = now() - interval '30 minutes', expires_at = now() - interval '1 "
        "second' WHERE "
        "kind = "
        "'reset'");
    expect_problem(reset(token, new_password), "token_invalid");
    sql("UPDATE forge.one_time_tokens SET expires_at = now() + interval '1 minute', created_at = now()");
    sql("UPDATE forge.users SET is_active = false");
    expect_problem(reset(token, new_password), "token_invalid");
    sql("UPDATE forge.users SET is_active = true");
    expect_status(reset(token, new_password), 204);
}
END_TEST

/* The link is the site's, whatever the request says of its host (SECURITY 33). */
START_TEST(links_from_configuration_only)
{
    person_t me = person("student");
    reply_t *reply = CALL("POST", "/api/v1/auth/password/forgot", .json = F("{\"email\":\"%s\"}", me.email),
                          .headers = {"X-Forwarded-Host: evil.example", "X-Forwarded-Proto: http",
                                      "Forwarded: host=evil.example", "Host: evil.example"});
    expect_status(reply, 202);
    char *mail = mail_wait(me.email, "Reset");
    ck_assert_msg(!strstr(mail, "evil") && strstr(mail, "https://learn.example.org/reset-password?token="), "%s", mail);
}
END_TEST

typedef struct race_t {
    const char *token;
    int statuses[50];
} race_t;

static void race_reset(int i, void *baton)
{
    race_t *race = baton;
    race->statuses[i] = reset(race->token, F("Quokka-Lantern-%d", 100 + i))->status;
}

/* 50 parallel uses of one token: one password. */
START_TEST(fifty_at_once)
{
    watchdog(120);
    person_t me = person("student");
    race_t race = {.token = reset_token(me.email)};
    int done = 0, refused = 0, busy = 0, winner = -1;
    parallel(50, race_reset, &race);
    for (int i = 0; i < 50; i++) {
        done += race.statuses[i] == 204;
        refused += race.statuses[i] == 422;
        busy += race.statuses[i] == 503;
        winner = race.statuses[i] == 204 ? i : winner;
    }
    ck_assert_msg(done == 1 && refused + busy == 49, "%d done, %d refused, %d busy", done, refused, busy);
    expect_status(login(me.email, F("Quokka-Lantern-%d", 100 + winner)), 200);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = 'password.reset'"), "1");
}
END_TEST

START_TEST(changed)
{
    person_t me = person("student");
    char *verify = mail_token(mail_wait(me.email, "Confirm")), *token = reset_token(me.email);
    reply_t *other = login(me.email, me.password);
    expect_problem(change(me.access, "Wrong-Walrus-1!", new_password), "bad_credentials");
    reply_t *reply = change(me.access, me.password, me.password);
    expect_problem(reply, "validation_failed");
    expect_fault(reply, "/new_password", "same_as_current");
    reply = change(me.access, me.password, me.username);
    expect_fault(reply, "/new_password", "needs_upper");
    expect_fault(reply, "/new_password", "contains_username");
    expect_problem(change(NULL, me.password, new_password), "unauthenticated");
    ck_assert_int_eq(live_sessions(me.id), 2);

    expect_status(change(me.access, me.password, new_password), 204);
    expect_status(CALL("GET", "/api/v1/auth/me", .token = me.access), 200);
    expect_problem(CALL("GET", "/api/v1/auth/me", .token = text_at(other->json, "/access_token")), "invalid_token");
    ck_assert_int_eq(live_sessions(me.id), 1);
    expect_problem(login(me.email, me.password), "bad_credentials");
    expect_status(login(me.email, new_password), 200);
    expect_problem(reset(token, "Another-Lantern-59"), "token_invalid");
    expect_problem(CALL("POST", "/api/v1/auth/email/verify", .json = F("{\"token\":\"%s\"}", verify)), "token_invalid");
    mail_wait(me.email, "Your password was changed");
    ck_assert_str_eq(sql("SELECT event || actor_id || (detail->>'sessions') FROM forge.audit_events WHERE event = "
                         "'password.changed'"),
                     F("password.changed%lld1", (long long)me.id));
    ck_assert_str_eq(sql("SELECT revoke_reason FROM forge.sessions WHERE user_id = %lld AND revoked_at IS NOT NULL",
                         (long long)me.id),
                     "password_change");
}
END_TEST

/* --- one password, however it is typed --- */

#define COMPOSED   "Vexing7-W\u00e4lr\u00fcs!Q"
#define DECOMPOSED "Vexing7-Wa\u0308lru\u0308s!Q"

static person_t registered_with(const char *name, const char *password)
{
    person_t who = {.email = F("%s@example.org", name), .username = name, .password = password};
    reply_t *reply =
        CALL("POST", "/api/v1/auth/register",
             .json = F("{\"email\":\"%s\",\"username\":\"%s\",\"password\":\"%s\"}", who.email, name, password));
    expect_status(reply, 201);
    who.id = int_at(reply->json, "/user/id");
    who.access = text_at(reply->json, "/access_token");
    return who;
}

START_TEST(typed_composed_or_decomposed)
{
    static const char *const forms[] = {COMPOSED, DECOMPOSED};
    for (int set = 0; set < 2; set++) {
        person_t me = registered_with(set ? "decomposed" : "composed", forms[set]);
        for (int typed = 0; typed < 2; typed++) {
            expect_status(login(me.email, forms[typed]), 200);
            expect_fault(change(me.access, forms[0], forms[typed]), "/new_password", "same_as_current");
        }
        expect_problem(login(me.email, "Vexing7-Walru\u0308s!Q"), "bad_credentials");
        expect_status(change(me.access, forms[!set], forms[set]), 422);
        expect_status(change(me.access, forms[!set], F("New-%s", forms[set])), 204);
        expect_status(login(me.email, F("New-%s", forms[!set])), 200);
        expect_status(reset(reset_token(me.email), forms[set]), 204);
        expect_status(login(me.email, forms[!set]), 200);
    }
}
END_TEST

/* A hash of the bytes that came, as it was made before: whoever types them gets in, and from then on in both forms. */
START_TEST(hash_of_a_decomposed_password)
{
    person_t me = registered_with("older", COMPOSED);
    static const char hash[] = "{sha256}$2b$04$CCCCCCCCCCCCCCCCCCCCC.7QdS5wGtBoGqBlwOYOYvCE.NzlPCLNq";
    sql("UPDATE forge.users SET password_hash = '%s' WHERE id = %lld", hash, (long long)me.id);
    expect_problem(login(me.email, COMPOSED), "bad_credentials");
    expect_status(login(me.email, DECOMPOSED), 200);
    expect_status(login(me.email, COMPOSED), 200);
    expect_status(login(me.email, DECOMPOSED), 200);
}
END_TEST

/* Twice the work for a text of two forms, whoever is asked for; once for any other. */
START_TEST(hashes_tell_nothing_of_the_account)
{
    person_t me = registered_with("counted", COMPOSED);
    const struct {
        const char *email, *password;
        int hashes;
    } cases[] = {
        {me.email, DECOMPOSED, 2},       {me.email, "x" DECOMPOSED, 2},       {"nobody@example.org", DECOMPOSED, 2},
        {me.email, COMPOSED, 1},         {me.email, "x" COMPOSED, 1},         {"nobody@example.org", COMPOSED, 1},
        {me.email, "Vexing7-Walrus", 1}, {"nobody@example.org", "Walrus", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        long before = metric("forge_password_hash_total");
        login(cases[i].email, cases[i].password);
        ck_assert_int_eq(metric("forge_password_hash_total") - before, cases[i].hashes);
        sql("DELETE FROM forge.login_failures");
    }
}
END_TEST

/* --- what happens at the same moment --- */

typedef struct moment_t {
    person_t me;
    const char *token; /* of a reset; NULL: a change */
    struct pg_conn *lock;
    reply_t *reply;
    bool login;
} moment_t;

static void at_once(int i, void *baton)
{
    moment_t *m = baton;
    if (i == 1) {
        sql_until_waiting();
        sql_on(m->lock, "COMMIT");
    } else if (m->login) {
        m->reply = login(m->me.email, m->me.password);
    } else {
        m->reply = m->token ? reset(m->token, new_password) : change(m->me.access, m->me.password, new_password);
    }
}

/* The old password was right when it was checked, and is none when the session would begin. */
START_TEST(changed_while_somebody_logs_in)
{
    moment_t m = {.me = person("student"), .lock = sql_session(), .login = true};
    const char *hash = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"; /* of another password */
    sql_on(
        m.lock,
        F("BEGIN; UPDATE forge.users SET password_hash = '%s', password_changed_at = clock_timestamp() WHERE id = %lld",
          hash, (long long)m.me.id));
    parallel(2, at_once, &m);
    expect_problem(m.reply, "bad_credentials");
    ck_assert_str_eq(sql("SELECT password_hash FROM forge.users WHERE id = %lld", (long long)m.me.id), hash);
    ck_assert_int_eq(live_sessions(m.me.id), 1);
    ck_assert_str_eq(sql("SELECT coalesce(sum(failures + pending), 0) FROM forge.login_failures"), "0");
}
END_TEST

/* A session that began with the old password in the very moment of the change ends like the others. */
static void begun_meanwhile(bool by_token)
{
    moment_t m = {.me = person("student"), .lock = sql_session()};
    m.token = by_token ? reset_token(m.me.email) : NULL;
    sql_on(m.lock,
           F("BEGIN; UPDATE forge.users SET last_login_at = now() WHERE id = %lld;"
             "INSERT INTO forge.sessions (user_id, amr, expires_at) VALUES (%lld, '{pwd}', now() + interval '1 day')",
             (long long)m.me.id, (long long)m.me.id));
    parallel(2, at_once, &m);
    expect_status(m.reply, 204);
    ck_assert_int_eq(live_sessions(m.me.id), by_token ? 0 : 1);
}

START_TEST(login_in_the_moment_of_a_reset)
{
    begun_meanwhile(true);
}
END_TEST

START_TEST(login_in_the_moment_of_a_change)
{
    begun_meanwhile(false);
}
END_TEST

Suite *suite_passwords(void)
{
    Suite *suite = suite_create("passwords");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, forgotten_and_reset);
    tcase_add_test(all, same_answer_for_anyone);
    tcase_add_test(all, newer_voids_older);
    tcase_add_test(all, five_mails_an_hour);
    tcase_add_test(all, tokens_that_are_not_good);
    tcase_add_test(all, links_from_configuration_only);
    tcase_add_test(all, fifty_at_once);
    tcase_add_test(all, changed);
    tcase_add_test(all, typed_composed_or_decomposed);
    tcase_add_test(all, hash_of_a_decomposed_password);
    tcase_add_test(all, hashes_tell_nothing_of_the_account);
    TCase *moment = case_make(suite, "moment");
    tcase_add_test(moment, changed_while_somebody_logs_in);
    tcase_add_test(moment, login_in_the_moment_of_a_reset);
    tcase_add_test(moment, login_in_the_moment_of_a_change);
    return suite;
}
