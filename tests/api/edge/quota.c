/* SPDX-License-Identifier: Apache-2.0
 * What one account may leave behind is bounded (SPEC 14, SECURITY 71): rows and bytes by ForgeUserQuota, which is
 * "1M 40" at PORT_QUICK, sessions and kept answers by number.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 40 };

static reply_t *make(person_t who, port_t port, const char *path, const char *body)
{
    return CALL("POST", path, .port = port, .token = who.access, .json = body);
}

static char *titled(const char *title, int smileys)
{
    char *many = keep(calloc(1, (size_t)smileys * 4 + 1));
    for (int i = 0; i < smileys; i++)
        memcpy(many + 4 * (size_t)i, "\xf0\x9f\x98\x80", 4);
    return F("{\"title\":\"%s\",\"description\":\"%s\"}", title, many);
}

static char *rows_of(person_t who)
{
    return sql("SELECT rows FROM forge.usage WHERE user_id = %lld", (long long)who.id);
}

START_TEST(rows_of_an_account)
{
    person_t me = person("instructor"), other = person("instructor");
    expect_status(make(me, PORT_QUICK, "/api/v1/organizations", "{\"name\":\"Mine\"}"), 201);
    expect_status(make(me, PORT_QUICK, "/api/v1/achievements", "{\"name\":\"Mine\"}"), 201);
    for (int i = 2; i < ROWS; i++)
        expect_status(make(me, PORT_QUICK, "/api/v1/courses", "{\"title\":\"One more\"}"), 201);
    ck_assert_str_eq(rows_of(me), "40");
    expect_problem(make(me, PORT_QUICK, "/api/v1/courses", "{\"title\":\"Too many\"}"), "quota_exceeded");
    expect_problem(make(me, PORT_QUICK, "/api/v1/organizations", "{\"name\":\"Too many\"}"), "quota_exceeded");
    expect_problem(make(me, PORT_QUICK, "/api/v1/achievements", "{\"name\":\"Too many\"}"), "quota_exceeded");
    expect_status(make(other, PORT_QUICK, "/api/v1/courses", "{\"title\":\"Somebody else's\"}"), 201);
    expect_status(make(me, PORT_MAIN, "/api/v1/courses", "{\"title\":\"A host with more\"}"), 201);
    expect_problem(make(me, PORT_QUICK, "/api/v1/courses", "{\"title\":\"Too many\"}"), "quota_exceeded");
    for (int i = 0; i < 2; i++) {
        char *id = sql("SELECT max(id) FROM forge.courses WHERE instructor_id = %lld", (long long)me.id);
        expect_status(CALL("DELETE", F("/api/v1/courses/%s", id), .token = me.access), 204);
    }
    expect_status(make(me, PORT_QUICK, "/api/v1/courses", "{\"title\":\"Room again\"}"), 201);
    ck_assert_str_eq(rows_of(me), "40");
}
END_TEST

typedef struct crowd_t {
    person_t who;
    int made;
} crowd_t;

static void crowd_one(int i, void *baton)
{
    crowd_t *crowd = baton;
    for (int n = 0; n < 6; n++) {
        reply_t *reply = make(crowd->who, PORT_QUICK, "/api/v1/courses", F("{\"title\":\"%d\"}", i));
        __atomic_fetch_add(&crowd->made, reply->status == 201, __ATOMIC_RELAXED);
        if (reply->status != 201 && reply->status != 413 && reply->status != 503)
            fail_later("%d: %s", reply->status, reply->body);
    }
}

START_TEST(many_at_once_do_not_exceed_it)
{
    crowd_t crowd = {.who = person("student")};
    expect_log("FG0"); /* a small pool may be exhausted */
    parallel(12, crowd_one, &crowd);
    fail_now();
    ck_assert_int_le(crowd.made, ROWS);
    ck_assert_str_eq(sql("SELECT count(*) <= 40 FROM forge.courses"), "t");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.courses"), rows_of(crowd.who));
}
END_TEST

START_TEST(bytes_of_an_account)
{
    person_t me = person("student");
    for (int i = 0; i < 13; i++)
        expect_status(make(me, PORT_QUICK, "/api/v1/courses", titled("Large", 20000)), 201);
    expect_problem(make(me, PORT_QUICK, "/api/v1/courses", titled("Large", 20000)), "quota_exceeded");
    expect_status(make(me, PORT_QUICK, "/api/v1/courses", titled("Small", 1)), 201);
    char *small = F("/api/v1/courses/%s", sql("SELECT id FROM forge.courses WHERE title = 'Small'"));
    expect_problem(CALL("PATCH", small, .port = PORT_QUICK, .token = me.access, .json = titled("Grown", 20000)),
                   "quota_exceeded");
    expect_status(CALL("PATCH", small, .port = PORT_QUICK, .token = me.access, .json = titled("Other", 1)), 200);
    ck_assert_str_eq(sql("SELECT g.bytes = (SELECT sum(octet_length(title) + octet_length(description)) FROM "
                         "forge.courses) FROM forge.usage g"),
                     "t");
}
END_TEST

START_TEST(administrators_are_not_bounded)
{
    person_t me = person("admin");
    for (int i = 0; i < ROWS + 2; i++)
        expect_status(make(me, PORT_QUICK, "/api/v1/courses", "{\"title\":\"One more\"}"), 201);
}
END_TEST

/* What an administrator changes stays somebody's who has no room left; whose it is has as little room as before, also
 * on the same connection. */
START_TEST(administrators_change_what_is_of_a_full_account)
{
    person_t me = person("instructor"), admin = person("admin");
    for (int i = 0; i < 13; i++)
        expect_status(make(me, PORT_QUICK, "/api/v1/courses", titled("Large", 20000)), 201);
    for (int i = 0; i < 3; i++)
        expect_status(make(me, PORT_QUICK, "/api/v1/courses", titled("Small", 1)), 201);
    for (int i = 0; i < 3; i++) {
        char *small = F("/api/v1/courses/%s", sql("SELECT min(id) FROM forge.courses WHERE title = 'Small'"));
        expect_problem(CALL("PATCH", small, .port = PORT_QUICK, .token = me.access, .json = titled("Grown", 20000)),
                       "quota_exceeded");
        expect_status(CALL("PATCH", small, .port = PORT_QUICK, .token = admin.access, .json = titled("Grown", 20000)),
                      200);
        expect_problem(make(me, PORT_QUICK, "/api/v1/courses", titled("Large", 20000)), "quota_exceeded");
    }
    ck_assert_str_eq(sql("SELECT bytes > 1048576 FROM forge.usage WHERE user_id = %lld", (long long)me.id), "t");
}
END_TEST

/* The log is never cut: who fills it by making things is stopped, but not in protecting the account. */
START_TEST(events_of_a_day)
{
    person_t me = person("student");
    reply_t *made = make(me, PORT_QUICK, "/api/v1/organizations", "{\"name\":\"Mine\"}");
    expect_status(made, 201);
    char *path = F("/api/v1/organizations/%lld", (long long)int_at(made->json, "/id"));
    for (int i = 1; i < ROWS; i++)
        expect_status(
            CALL("PATCH", path, .port = PORT_QUICK, .token = me.access, .json = F("{\"name\":\"Mine %d\"}", i)), 200);
    expect_problem(CALL("PATCH", path, .port = PORT_QUICK, .token = me.access, .json = "{\"name\":\"Once more\"}"),
                   "quota_exceeded");
    expect_status(CALL("DELETE", path, .port = PORT_QUICK, .token = me.access), 204);
    expect_status(CALL("POST", "/api/v1/auth/logout-all", .port = PORT_QUICK, .token = me.access), 204);
    me = person_again(me, PORT_QUICK);
    sql("UPDATE forge.usage SET day = day - 1");
    expect_status(make(me, PORT_MAIN, "/api/v1/organizations", "{\"name\":\"Another day\"}"), 201);
}
END_TEST

START_TEST(sessions_of_an_account)
{
    person_t me = person("student");
    sql("INSERT INTO forge.sessions (user_id, expires_at, revoked_at, revoke_reason) SELECT %lld, now() + interval '1 "
        "day', now(), 'logout' FROM generate_series(1, 300)",
        (long long)me.id);
    sql("INSERT INTO forge.sessions (user_id, expires_at) SELECT %lld, now() + interval '1 day' FROM "
        "generate_series(1, "
        "300)",
        (long long)me.id);
    person_t again = person_again(me, PORT_MAIN);
    ck_assert_str_eq(
        sql("SELECT count(*) FILTER (WHERE revoked_at IS NULL) || ' ' || count(*) FILTER (WHERE revoked_at "
            "IS NOT NULL) FROM forge.sessions WHERE user_id = %lld",
            (long long)me.id),
        "200 200");
    expect_status(CALL("GET", "/api/v1/auth/me", .token = again.access), 200);
    pause_ms(1200); /* the other children hear of it within a second */
    expect_problem(CALL("GET", "/api/v1/auth/me", .token = me.access), "invalid_token");
}
END_TEST

START_TEST(answers_kept_for_an_account)
{
    person_t me = person("student");
    sql("INSERT INTO forge.idempotency_keys (scope, key, fingerprint, status, created_at) SELECT 'user:%lld', "
        "'old' || i, 'f', 201, now() - i * interval '1 second' FROM generate_series(1, 10000) i",
        (long long)me.id);
    reply_t *first = CALL("POST", "/api/v1/courses", .token = me.access, .json = "{\"title\":\"New\"}",
                          .headers = {"Idempotency-Key: new"});
    expect_status(first, 201);
    ck_assert_str_eq(
        sql("SELECT count(*) || ' ' || count(*) FILTER (WHERE key = 'new') || ' ' || count(*) FILTER (WHERE "
            "key = 'old10000') FROM forge.idempotency_keys"),
        "9001 1 0");
    ck_assert_str_eq(sql("SELECT keys FROM forge.usage"), "9001");
}
END_TEST

Suite *suite_quota(void)
{
    Suite *suite = suite_create("quota");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, rows_of_an_account);
    tcase_add_test(all, many_at_once_do_not_exceed_it);
    tcase_add_test(all, bytes_of_an_account);
    tcase_add_test(all, administrators_are_not_bounded);
    tcase_add_test(all, administrators_change_what_is_of_a_full_account);
    tcase_add_test(all, events_of_a_day);
    tcase_add_test(all, sessions_of_an_account);
    tcase_add_test(all, answers_kept_for_an_account);
    return suite;
}
