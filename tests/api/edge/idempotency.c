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

/* A slash at the end is no other path; a query is another question. */
START_TEST(the_same_question_is_the_same_however_it_is_written)
{
    person_t me = person("instructor");
    call_t once = {.token = me.access, .json = "{\"title\":\"One\"}", .headers = {"Idempotency-Key: slash"}};
    expect_status(call_with("POST", "/api/v1/courses", &once), 201);
    reply_t *again = call_with("POST", "/api/v1/courses/", &once);
    expect_status(again, 201);
    ck_assert_str_eq(header(again, "Idempotent-Replayed"), "true");
    const char *org = sql("INSERT INTO forge.organizations (name, slug) VALUES ('Org', 'org') RETURNING id");
    call_t import = {.token = me.access,
                     .json = "{\"format\":\"forge-course\",\"version\":1,\"course\":{\"title\":\"q\"}}",
                     .headers = {"Idempotency-Key: query"}};
    expect_status(call_with("POST", "/api/v1/courses/import", &import), 201);
    expect_problem(call_with("POST", F("/api/v1/courses/import?organization_id=%s", org), &import),
                   "idempotency_mismatch");
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

/* Who comes without a token cannot prove to be the one who came before: tokens are given once, and not kept. */
START_TEST(tokens_are_not_replayed)
{
    static const char body[] =
        "{\"email\":\"idem@example.org\",\"username\":\"idem\",\"password\":\"Vexing7-Walrus!Q\"}";
    reply_t *first = CALL("POST", "/api/v1/auth/register", .json = body, .headers = {"Idempotency-Key: reg-1"});
    reply_t *again = CALL("POST", "/api/v1/auth/register", .json = body, .headers = {"Idempotency-Key: reg-1"});
    expect_status(first, 201);
    expect_problem(again, "email_taken");
    ck_assert_ptr_null(header(again, "Idempotent-Replayed"));
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.users"), "1");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.idempotency_keys"), "0");
    ck_assert_str_eq(
        sql("SELECT count(*) FROM forge.idempotency_keys k WHERE k::text LIKE '%%%s%%' OR k::text LIKE '%%Vexing%%'",
            text_at(first->json, "/refresh_token")),
        "0");
}
END_TEST

START_TEST(bare_registration_replays)
{
    static const char body[] =
        "{\"email\":\"idem@example.org\",\"username\":\"idem\",\"password\":\"Vexing7-Walrus!Q\"}";
    reply_t *first = CALL("POST", "/api/v1/users/register", .json = body, .headers = {"Idempotency-Key: reg-1"});
    reply_t *again = CALL("POST", "/api/v1/users/register", .json = body, .headers = {"Idempotency-Key: reg-1"});
    expect_status(first, 201);
    expect_status(again, 201);
    ck_assert_str_eq(header(again, "Idempotent-Replayed"), "true");
    ck_assert_str_eq(first->body, again->body);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.idempotency_keys k WHERE k::text LIKE '%%Vexing%%'"), "0");
}
END_TEST

static reply_t *post(person_t who, const char *path, const char *body)
{
    return CALL("POST", path, .token = who.access, .json = body, .headers = {F("Idempotency-Key: once%s", path + 7)});
}

/* Whoever is out of the organisation, or has lost the rank, gets no answer of the time before. */
START_TEST(replay_asks_for_the_right_of_now)
{
    person_t owner = person("instructor"), me = person("instructor"), other = person("student");
    member_of(owner, "right-of-now", "owner");
    member_of(me, "right-of-now", "admin");
    char *id = sql("SELECT id FROM forge.organizations WHERE slug = 'right-of-now'");
    char *members = F("/api/v1/organizations/%s/members", id),
         *invitations = F("/api/v1/organizations/%s/invitations", id);
    char *course = F("{\"title\":\"Ours\",\"organization_id\":%s}", id),
         *add = F("{\"user_id\":%lld,\"role\":\"member\"}", (long long)other.id),
         *invite = F("%s", "{\"email\":\"new@example.org\",\"role\":\"member\"}");
    sql("UPDATE forge.users SET email_verified = true");
    expect_status(post(me, "/api/v1/courses", course), 201);
    expect_status(post(me, members, add), 201);
    expect_status(post(me, invitations, invite), 201);
    char *enrollment = F("/api/v1/courses/%s/enrollment", sql("SELECT id FROM forge.courses WHERE title = 'Ours'"));
    expect_status(post(me, enrollment, "{}"), 201);
    expect_status(post(me, members, add), 201);
    expect_status(post(me, invitations, invite), 201);
    sql("UPDATE forge.memberships SET role = 'member' WHERE user_id = %lld", (long long)me.id);
    expect_problem(post(me, members, add), "insufficient_scope");
    expect_problem(post(me, invitations, invite), "insufficient_scope");
    expect_status(post(me, "/api/v1/courses", course), 201);
    sql("DELETE FROM forge.memberships WHERE user_id = %lld", (long long)me.id);
    expect_problem(post(me, members, add), "not_found");
    expect_problem(post(me, invitations, invite), "not_found");
    expect_problem(post(me, "/api/v1/courses", course), "not_found");
    expect_problem(post(me, enrollment, "{}"), "not_found");
    expect_status(CALL("POST", "/api/v1/auth/logout", .token = me.access), 204);
    expect_problem(post(me, "/api/v1/courses", course), "invalid_token");
}
END_TEST

START_TEST(replay_of_what_is_gone)
{
    person_t me = person("instructor"), heir = person("student");
    expect_status(post(me, "/api/v1/auth/api-keys", "{\"name\":\"k\"}"), 201);
    reply_t *again = post(me, "/api/v1/auth/api-keys", "{\"name\":\"k\"}");
    expect_status(again, 201);
    ck_assert_str_eq(header(again, "Idempotent-Replayed"), "true");
    sql("DELETE FROM forge.api_keys");
    expect_problem(post(me, "/api/v1/auth/api-keys", "{\"name\":\"k\"}"), "not_found");
    reply_t *made = post(me, "/api/v1/organizations", "{\"name\":\"Handed on\"}");
    expect_status(made, 201);
    member_of(heir, "handed-on", "member");
    char *transfer = F("/api/v1/organizations/%lld/transfer", (long long)int_at(made->json, "/id")),
         *to = F("{\"user_id\":%lld}", (long long)heir.id);
    expect_status(post(me, transfer, to), 200);
    expect_status(post(me, transfer, to), 200); /* an admin by now, who may hear that it was done */
    sql("DELETE FROM forge.memberships WHERE user_id = %lld", (long long)me.id);
    expect_problem(post(me, transfer, to), "not_found");
    expect_problem(post(me, "/api/v1/organizations", "{\"name\":\"Handed on\"}"), "not_found");
}
END_TEST

/* Small ones stay as they were said; a large one is not kept, and told as it is now. */
START_TEST(large_answers_are_read_again)
{
    person_t me = person("instructor");
    char *small = F("%s", "{\"title\":\"Small\"}"), *large = F("{\"title\":\"Large\",\"description\":\"%020000d\"}", 7);
    expect_status(create(me, "small", small), 201);
    expect_status(create(me, "large", large), 201);
    ck_assert_str_eq(sql("SELECT max(coalesce(octet_length(body), 0)) < 4097 FROM forge.idempotency_keys"), "t");
    sql("UPDATE forge.courses SET difficulty = 'advanced'");
    reply_t *was = create(me, "small", small), *is = create(me, "large", large);
    expect_status(was, 201);
    expect_status(is, 201);
    ck_assert_str_eq(header(is, "Idempotent-Replayed"), "true");
    ck_assert_ptr_nonnull(header(is, "Location"));
    ck_assert_str_eq(text_at(was->json, "/difficulty"), "beginner");
    ck_assert_str_eq(text_at(is->json, "/difficulty"), "advanced");
    ck_assert_uint_eq(strlen(text_at(is->json, "/description")), 20000);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.courses"), "2");
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

/* A course that is created while the first `failures` attempts of all fail as a deadlock does. No rollback undoes a
 * sequence. */
static reply_t *create_against(person_t who, const char *key, int failures)
{
    sql("CREATE SEQUENCE forge.attempts; CREATE FUNCTION forge.stumble() RETURNS trigger LANGUAGE plpgsql SECURITY"
        " DEFINER AS $$ BEGIN IF nextval('forge.attempts') <= %d THEN RAISE deadlock_detected; END IF;"
        " RETURN NEW; END $$; CREATE TRIGGER stumble BEFORE INSERT ON forge.courses FOR EACH ROW"
        " EXECUTE FUNCTION forge.stumble()",
        failures);
    reply_t *reply = create(who, key, "{\"title\":\"Stumbled\"}");
    sql("DROP TRIGGER stumble ON forge.courses; DROP FUNCTION forge.stumble(); DROP SEQUENCE forge.attempts");
    return reply;
}

START_TEST(a_deadlock_is_run_again)
{
    person_t me = person("instructor");
    reply_t *reply = create_against(me, "stumbles", 3);
    expect_status(reply, 201);
    ck_assert_ptr_null(header(reply, "Idempotent-Replayed"));
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.courses"), "1");
    reply_t *again = create(me, "stumbles", "{\"title\":\"Stumbled\"}");
    expect_status(again, 201);
    ck_assert_str_eq(header(again, "Idempotent-Replayed"), "true");
    expect_problem(create_against(me, "falls", 4), "database_unavailable");
    expect_status(create(me, "falls", "{\"title\":\"Stumbled\"}"), 201);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.courses"), "2");
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
    tcase_add_test(all, the_same_question_is_the_same_however_it_is_written);
    tcase_add_test(all, keys_belong_to_accounts);
    tcase_add_test(all, keys_have_a_form);
    tcase_add_test(all, failures_are_not_kept);
    tcase_add_test(all, tokens_are_not_replayed);
    tcase_add_test(all, bare_registration_replays);
    tcase_add_test(all, replay_asks_for_the_right_of_now);
    tcase_add_test(all, replay_of_what_is_gone);
    tcase_add_test(all, large_answers_are_read_again);
    tcase_add_test(all, parallel_use_executes_once);
    tcase_add_test(all, still_running_is_409);
    tcase_add_test(all, a_deadlock_is_run_again);
    tcase_add_test(all, keys_expire);
    return suite;
}
