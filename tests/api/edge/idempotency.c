/* SPDX-License-Identifier: Apache-2.0
 * Idempotency-Key on every POST that creates (SPEC 1): once executed, replayed afterwards.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static reply_t *create(person_t who, const char *key, const char *body)
{
    return CALL("POST", "/api/v1/courses", .token = who.access, .json = body,
                .headers = {F("Idempotency-Key: %s", key)});
}

START_TEST(same_key_and_body_replays)
{
    person_t me = person("instructor");
    reply_t *first = create(me, "key-1", "{\"title\":\"Once\"}"), *again = create(me, "key-1", "{\"title\":\"Once\"}");
    expect_status(first, 201);
    expect_status(again, 201);
    ck_assert_ptr_null(header(first, "Idempotent-Replayed"));
    ck_assert_str_eq(header(again, "Idempotent-Replayed"), "true");
    ck_assert_str_eq(first->body, again->body);
    ck_assert_str_eq(header(first, "Location"), header(again, "Location"));
    ck_assert_str_eq(header(first, "ETag"), header(again, "ETag"));
    ck_assert_str_ne(header(first, "X-Request-ID"), header(again, "X-Request-ID"));
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.courses"), "1");
}
END_TEST

START_TEST(other_body_is_refused)
{
    person_t me = person("instructor");
    expect_status(create(me, "key-2", "{\"title\":\"One\"}"), 201);
    expect_problem(create(me, "key-2", "{\"title\":\"Two\"}"), "idempotency_mismatch");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.courses"), "1");
}
END_TEST

START_TEST(keys_belong_to_accounts)
{
    person_t me = person("instructor"), other = person("instructor");
    expect_status(create(me, "shared", "{\"title\":\"One\"}"), 201);
    reply_t *theirs = create(other, "shared", "{\"title\":\"One\"}");
    expect_status(theirs, 201);
    ck_assert_ptr_null(header(theirs, "Idempotent-Replayed"));
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.courses"), "2");
}
END_TEST

START_TEST(keys_have_a_form)
{
    person_t me = person("instructor");
    char *longest = F("%0255d", 1);
    expect_status(create(me, longest, "{\"title\":\"Long\"}"), 201);
    const char *bad[] = {F("%0256d", 1), "with space", "\xc3\xa4", "a\tb", NULL};
    for (const char **key = bad; *key; key++) {
        reply_t *reply = create(me, *key, "{\"title\":\"T\"}");
        ck_assert_msg(reply->status == 400 || reply->status == 422, "%.20s: %d", *key, reply->status);
    }
    reply_t *empty = CALL("POST", "/api/v1/courses", .token = me.access, .json = "{\"title\":\"T\"}",
                          .headers = {"Idempotency-Key;"});
    ck_assert_msg(empty->status == 400 || empty->status == 422, "%d", empty->status);
}
END_TEST

/* What was refused without effect may be sent again corrected. */
START_TEST(failures_are_not_kept)
{
    person_t me = person("instructor");
    expect_problem(create(me, "key-3", "{\"title\":\"\"}"), "validation_failed");
    expect_status(create(me, "key-3", "{\"title\":\"Right\"}"), 201);
    expect_problem(CALL("POST", "/api/v1/courses", .json = "{\"title\":\"T\"}", .headers = {"Idempotency-Key: key-4"}),
                   "unauthenticated");
    expect_status(create(me, "key-4", "{\"title\":\"T\"}"), 201);
}
END_TEST

/* Answers with tokens replay too, and their secrets are not readable in the table. */
START_TEST(registration_replays)
{
    static const char body[] =
        "{\"email\":\"idem@example.org\",\"username\":\"idem\",\"password\":\"Vexing7-Walrus!Q\"}";
    reply_t *first = CALL("POST", "/api/v1/auth/register", .json = body, .headers = {"Idempotency-Key: reg-1"});
    reply_t *again = CALL("POST", "/api/v1/auth/register", .json = body, .headers = {"Idempotency-Key: reg-1"});
    expect_status(first, 201);
    expect_status(again, 201);
    ck_assert_str_eq(header(again, "Idempotent-Replayed"), "true");
    ck_assert_str_eq(text_at(first->json, "/refresh_token"), text_at(again->json, "/refresh_token"));
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.users"), "1");
    ck_assert_str_eq(
        sql("SELECT count(*) FROM forge.idempotency_keys k WHERE k::text LIKE '%%%s%%' OR k::text LIKE '%%Vexing%%'",
            text_at(first->json, "/refresh_token")),
        "0");
}
END_TEST

typedef struct race_t {
    person_t who;
    int statuses[20];
} race_t;

static void send_one(int i, void *baton)
{
    race_t *race = baton;
    race->statuses[i] = create(race->who, "raced", "{\"title\":\"Raced\"}")->status;
}

START_TEST(parallel_use_executes_once)
{
    race_t race = {.who = person("instructor")};
    int made = 0;
    parallel(20, send_one, &race);
    for (int i = 0; i < 20; i++) {
        made += race.statuses[i] == 201;
        ck_assert_msg(race.statuses[i] == 201 || race.statuses[i] == 409 || race.statuses[i] == 503, "%d",
                      race.statuses[i]);
    }
    ck_assert_int_ge(made, 1);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.courses"), "1");
    expect_status(create(race.who, "raced", "{\"title\":\"Raced\"}"), 201);
}
END_TEST

static void blocked_create(int i, void *baton)
{
    race_t *race = baton;
    if (i == 1)
        pause_ms(400);
    race->statuses[i] = create(race->who, "held", "{\"title\":\"Held\"}")->status;
}

/* While the first is still running the second is told so. */
START_TEST(still_running_is_409)
{
    expect_log("FG0207"); /* the statement that was cancelled */
    race_t race = {.who = person("instructor")};
    struct pg_conn *session = sql_session();
    sql_on(session, "BEGIN; LOCK TABLE forge.courses IN ACCESS EXCLUSIVE MODE");
    parallel(2, blocked_create, &race);
    sql_on(session, "ROLLBACK");
    ck_assert_msg(race.statuses[1] == 409, "the second: %d (the first: %d)", race.statuses[1], race.statuses[0]);
    ck_assert_msg(race.statuses[0] == 504 || race.statuses[0] == 503, "the first was cancelled: %d", race.statuses[0]);
    expect_status(create(race.who, "held", "{\"title\":\"Held\"}"), 201);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.courses"), "1");
}
END_TEST

START_TEST(keys_expire)
{
    person_t me = person("instructor");
    expect_status(create(me, "old", "{\"title\":\"Old\"}"), 201);
    sql("UPDATE forge.idempotency_keys SET created_at = created_at - interval '25 hours'");
    reply_t *reply = create(me, "old", "{\"title\":\"New\"}");
    expect_status(reply, 201);
    ck_assert_str_eq(text_at(reply->json, "/title"), "New");
}
END_TEST

Suite *suite_idempotency(void)
{
    Suite *suite = suite_create("idempotency");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, same_key_and_body_replays);
    tcase_add_test(all, other_body_is_refused);
    tcase_add_test(all, keys_belong_to_accounts);
    tcase_add_test(all, keys_have_a_form);
    tcase_add_test(all, failures_are_not_kept);
    tcase_add_test(all, registration_replays);
    tcase_add_test(all, parallel_use_executes_once);
    tcase_add_test(all, still_running_is_409);
    tcase_add_test(all, keys_expire);
    return suite;
}
