/* SPDX-License-Identifier: Apache-2.0
 * API keys: made once, never shown again, for what they were made for and no longer (SPEC 3).
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static const char keys_path[] = "/api/v1/auth/api-keys", me_path[] = "/api/v1/auth/me",
                  validate_path[] = "/api/v1/auth/validate";

static reply_t *make(person_t who, const char *json)
{
    return CALL("POST", keys_path, .token = who.access, .json = json);
}

static const char *key_of(person_t who, const char *scopes)
{
    reply_t *reply = make(who, F("{\"name\":\"k\",\"scopes\":%s}", scopes));
    expect_status(reply, 201);
    return text_at(reply->json, "/key");
}

START_TEST(key_is_shown_once)
{
    person_t me = person("student");
    reply_t *reply = make(me, "{\"name\":\"nightly export\",\"scopes\":[\"write\",\"read\"],\"expires_in_days\":30}");
    expect_status(reply, 201);
    const char *key = text_at(reply->json, "/key");
    ck_assert_uint_eq(strlen(key), 46);
    ck_assert_int_eq(strncmp(key, "fk_", 3), 0);
    ck_assert_str_eq(text_at(reply->json, "/prefix"), F("%.8s", key + 3));
    ck_assert_str_eq(text_at(reply->json, "/name"), "nightly export");
    ck_assert_str_eq(text_at(reply->json, "/scopes/0"), "read");
    ck_assert_str_eq(text_at(reply->json, "/scopes/1"), "write");
    ck_assert(json_is_null(at(reply->json, "/last_used_at")));
    ck_assert_str_eq(header(reply, "Location"), F("%s/%lld", keys_path, (long long)int_at(reply->json, "/id")));
    ck_assert_ptr_nonnull(strstr(header(reply, "Cache-Control"), "no-store"));
    ck_assert_str_eq(sql("SELECT (sha256 = sha256('%s')) || '/' || (expires_at - created_at) FROM forge.api_keys", key),
                     "true/30 days");
    reply_t *list = CALL("GET", keys_path, .token = me.access);
    expect_status(list, 200);
    ck_assert_uint_eq(json_array_size(list->json), 1);
    ck_assert_ptr_null(maybe_at(list->json, "/0/key"));
    ck_assert_ptr_null(strstr(list->body, key + 3));
    ck_assert_uint_eq(json_object_size(at(list->json, "/0")), 7);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = 'api_key.created' AND actor_id = %lld",
                         (long long)me.id),
                     "1");
    /* all times of ours are in UTC and say so in one way */
    ck_assert_str_eq(sql("SELECT (detail ->> 'expires_at' ~ '^[-0-9]{10}T[0-9:.]+Z$')::text FROM forge.audit_events"
                         " WHERE event = 'api_key.created'"),
                     "true");
    ck_assert_str_eq(sql("SELECT count(*) FROM pg_tables t WHERE schemaname = 'forge' AND (SELECT "
                         "(xpath('/row/c/text()', query_to_xml(format('SELECT "
                         "count(*) AS c FROM forge.%%I x WHERE x::text LIKE %%L', tablename, '%%%s%%'), false, true, "
                         "'')))[1]::text) <> '0'",
                         key + 11),
                     "0");
    ck_assert_ptr_null(strstr(log_since("error.log"), key + 11));
}
END_TEST

START_TEST(presets)
{
    person_t me = person("student");
    reply_t *reply = make(me, "{\"name\":\"k\"}");
    expect_status(reply, 201);
    ck_assert_uint_eq(json_array_size(at(reply->json, "/scopes")), 1);
    ck_assert_str_eq(text_at(reply->json, "/scopes/0"), "read"); /* the least */
    ck_assert(json_is_null(at(reply->json, "/expires_at")));
    expect_status(make(me, "{\"name\":\"k\",\"scopes\":[\"write\",\"write\"],\"expires_in_days\":null}"),
                  201); /* names need not differ */
    expect_status(make(me, "{\"name\":\"k\",\"expires_in_days\":3650}"), 201);
}
END_TEST

START_TEST(what_is_no_key_request)
{
    person_t me = person("student");
    static const struct {
        const char *json, *pointer;
    } rows[] = {{"{}", "/name"},
                {"{\"name\":\"\"}", "/name"},
                {"{\"name\":null}", "/name"},
                {"{\"name\":\"a\\nb\"}", "/name"},
                {"{\"name\":\"k\",\"scopes\":[]}", "/scopes"},
                {"{\"name\":\"k\",\"scopes\":\"read\"}", "/scopes"},
                {"{\"name\":\"k\",\"scopes\":[\"admin\"]}", "/scopes/0"},
                {"{\"name\":\"k\",\"scopes\":[\"read\",\"\"]}", "/scopes/1"},
                {"{\"name\":\"k\",\"scopes\":[7]}", "/scopes/0"},
                {"{\"name\":\"k\",\"scopes\":[\"read\",\"write\",\"read\"]}", "/scopes"},
                {"{\"name\":\"k\",\"expires_in_days\":0}", "/expires_in_days"},
                {"{\"name\":\"k\",\"expires_in_days\":3651}", "/expires_in_days"},
                {"{\"name\":\"k\",\"expires_in_days\":\"30\"}", "/expires_in_days"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        reply_t *reply = make(me, rows[i].json);
        ck_assert_msg(reply->status == 422, "%s: %d", rows[i].json, reply->status);
        expect_fault(reply, rows[i].pointer, NULL);
    }
    reply_t *all = make(me, "{\"name\":\"\",\"scopes\":[\"x\"],\"expires_in_days\":0}"); /* all at once */
    expect_fault(all, "/name", NULL);
    expect_fault(all, "/scopes/0", "enum");
    expect_fault(all, "/expires_in_days", NULL);
    expect_problem(CALL("POST", keys_path, .json = "{\"name\":\"k\"}"), "unauthenticated");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.api_keys"), "0");
}
END_TEST

START_TEST(replays)
{
    person_t me = person("student");
    reply_t *first =
        CALL("POST", keys_path, .token = me.access, .json = "{\"name\":\"k\"}", .headers = {"Idempotency-Key: k-1"});
    reply_t *again =
        CALL("POST", keys_path, .token = me.access, .json = "{\"name\":\"k\"}", .headers = {"Idempotency-Key: k-1"});
    expect_status(again, 201);
    ck_assert_str_eq(text_at(first->json, "/key"), text_at(again->json, "/key"));
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.api_keys"), "1");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.idempotency_keys k WHERE k::text LIKE '%%%s%%'",
                         text_at(first->json, "/key") + 11),
                     "0");
}
END_TEST

/* --- use --- */

START_TEST(key_acts_for_its_account)
{
    person_t me = person("instructor");
    const char *key = key_of(me, "[\"read\",\"write\"]");
    reply_t *mine = CALL("GET", me_path, .token = key);
    expect_status(mine, 200);
    ck_assert_int_eq(int_at(mine->json, "/id"), me.id);
    reply_t *valid = CALL("GET", validate_path, .token = key);
    expect_status(valid, 200);
    ck_assert_int_eq(int_at(valid->json, "/sub"), me.id);
    ck_assert_str_eq(text_at(valid->json, "/role"), "instructor");
    ck_assert(json_is_null(at(valid->json, "/sid")));
    ck_assert(json_is_null(at(valid->json, "/exp")));
    ck_assert_str_eq(text_at(valid->json, "/amr/0"), "key");
    reply_t *made =
        CALL("POST", "/api/v1/courses", .token = key, .json = "{\"title\":\"T\"}", .headers = {"Idempotency-Key: c-1"});
    expect_status(made, 201);
    ck_assert_int_eq(int_at(made->json, "/instructor_id"), me.id);
    ck_assert_str_eq(sql("SELECT last_used_at > now() - interval '1 minute' FROM forge.api_keys"), "t");
    sql("UPDATE forge.users SET role = 'student'");
    ck_assert_str_eq(text_at(CALL("GET", validate_path, .token = key)->json, "/role"), "student"); /* of this moment */
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.sessions"), "1");
}
END_TEST

START_TEST(scopes_hold)
{
    person_t me = person("student");
    const char *reader = key_of(me, "[\"read\"]"), *writer = key_of(me, "[\"write\"]");
    json_int_t course = course_of(me, "Mine");
    char *path = F("/api/v1/courses/%lld", (long long)course);
    expect_status(CALL("GET", me_path, .token = reader), 200);
    reply_t *refused = CALL("POST", "/api/v1/courses", .token = reader, .json = "{\"title\":\"T\"}");
    expect_problem(refused, "insufficient_scope");
    ck_assert_str_eq(text_at(refused->json, "/detail"), "this API key may only read");
    expect_problem(CALL("PATCH", path, .token = reader, .json = "{\"title\":\"T\"}"), "insufficient_scope");
    expect_problem(CALL("DELETE", path, .token = reader), "insufficient_scope");
    expect_problem(CALL("GET", me_path, .token = writer), "insufficient_scope");
    expect_status(CALL("PATCH", path, .token = writer, .json = "{\"title\":\"T\"}"), 200);
}
END_TEST

/* What belongs to a session is not for keys: a stolen one cannot make more of them or throw its owner out. */
START_TEST(session_required)
{
    person_t me = person("student");
    const char *key = key_of(me, "[\"read\",\"write\"]");
    static const struct {
        const char *method, *path, *json;
    } rows[] = {
        {"POST", "/api/v1/auth/logout", NULL},       {"POST", "/api/v1/auth/logout-all", NULL},
        {"GET", "/api/v1/auth/sessions", NULL},      {"DELETE", "/api/v1/auth/sessions/1", NULL},
        {"GET", "/api/v1/auth/api-keys", NULL},      {"POST", "/api/v1/auth/api-keys", "{\"name\":\"k\"}"},
        {"DELETE", "/api/v1/auth/api-keys/1", NULL}, {"POST", "/api/v1/auth/stream-ticket", NULL},
        {"POST", "/api/v1/auth/mfa/setup", "{}"},    {"POST", "/api/v1/auth/mfa/verify", "{\"code\":\"123456\"}"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        expect_problem(call_with(rows[i].method, rows[i].path, &(call_t){.token = key, .json = rows[i].json}),
                       "session_required");
    expect_problem(CALL("POST", "/api/v1/auth/refresh", .json = F("{\"refresh_token\":\"%s\"}", key)),
                   "invalid_refresh_token");
    expect_status(CALL("GET", me_path, .token = key), 200);
}
END_TEST

START_TEST(keys_end_at_once)
{
    person_t me = person("student"), other = person("student");
    const char *key = key_of(me, "[\"read\"]"), *kept = key_of(me, "[\"read\"]");
    expect_status(CALL("GET", me_path, .token = key), 200);
    reply_t *foreign = CALL("DELETE", F("%s/1", keys_path), .token = other.access),
            *unknown = CALL("DELETE", F("%s/99999", keys_path), .token = other.access);
    expect_problem(foreign, "not_found");
    expect_problem(unknown, "not_found");
    ck_assert_str_eq(text_at(foreign->json, "/detail"), text_at(unknown->json, "/detail"));
    ck_assert_uint_eq(json_array_size(CALL("GET", keys_path, .token = other.access)->json), 0);
    expect_status(CALL("DELETE", F("%s/1", keys_path), .token = me.access), 204);
    expect_problem(CALL("GET", me_path, .token = key), "invalid_token");
    expect_problem(CALL("DELETE", F("%s/1", keys_path), .token = me.access), "not_found");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = 'api_key.deleted'"), "1");
    expect_status(CALL("POST", "/api/v1/auth/logout-all", .token = me.access), 204);
    expect_status(CALL("GET", me_path, .token = kept), 200); /* sessions end, keys stay */
    sql("UPDATE forge.api_keys SET created_at = now() - interval '2 days', expires_at = now() - interval '1 second'");
    expect_problem(CALL("GET", me_path, .token = kept), "invalid_token");
    sql("UPDATE forge.api_keys SET expires_at = NULL");
    expect_status(CALL("GET", me_path, .token = kept), 200);
    sql("UPDATE forge.users SET is_active = false");
    expect_problem(CALL("GET", me_path, .token = kept), "invalid_token");
}
END_TEST

START_TEST(what_is_no_key)
{
    person_t me = person("student");
    const char *key = key_of(me, "[\"read\"]");
    char *flipped = F("%s", key), *upper = F("FK_%s", key + 3);
    flipped[20] = flipped[20] == 'A' ? 'B' : 'A';
    const char *keys[] = {"fk_",
                          "fk_x",
                          flipped,
                          upper,
                          F("%sA", key),
                          F("%.45s", key),
                          key + 3,
                          "fk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                          "fk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        reply_t *reply = CALL("GET", me_path, .token = keys[i]);
        expect_problem(reply, "invalid_token");
        ck_assert_ptr_nonnull(strstr(header(reply, "WWW-Authenticate"), "error=\"invalid_token\""));
    }
    expect_problem(CALL("GET", "/api/v1/courses", .token = "fk_x"),
                   "invalid_token"); /* also where nobody need log in */
}
END_TEST

/* Guessing costs the guesser its quota, and beyond it no look into the database. */
START_TEST(guesses_are_limited)
{
    sql("SELECT setval(pg_get_serial_sequence('forge.users', 'id'), 900000)"); /* an account whose quota no other case
                                                                                  has used */
    person_t me = person("student");
    const char *key = key_of(me, "[\"read\"]"), *guess = "fk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (int i = 0; i < 5; i++)
        expect_problem(CALL("GET", me_path, .port = PORT_LIMITS, .from = "127.0.9.7", .token = guess), "invalid_token");
    reply_t *reply = CALL("GET", me_path, .port = PORT_LIMITS, .from = "127.0.9.7", .token = guess);
    expect_problem(reply, "rate_limited");
    expect_problem(CALL("GET", me_path, .port = PORT_LIMITS, .from = "127.0.9.7", .token = key), "rate_limited");
    ck_assert_str_eq(sql("SELECT last_used_at IS NULL FROM forge.api_keys"), "t"); /* it was not looked up */
    for (int i = 0; i < 8; i++) /* the account's quota, not the address's */
        expect_status(CALL("GET", me_path, .port = PORT_LIMITS, .from = "127.0.9.8", .token = key), 200);
    expect_problem(CALL("GET", me_path, .port = PORT_LIMITS, .from = "127.0.9.8", .token = key), "rate_limited");
}
END_TEST

START_TEST(database_away)
{
    expect_outage();
    person_t me = person("student");
    const char *key = key_of(me, "[\"read\"]");
    env_postgres_stop(true);
    reply_t *reply = CALL("GET", me_path, .token = key);
    ck_assert_msg(reply->status == 503 && header(reply, "Retry-After"),
                  "%d: a key that cannot be looked up is not a bad one", reply->status);
    expect_problem(CALL("GET", me_path, .token = "fk_x"), "invalid_token");
    env_postgres_start();
    ck_assert(env_wait_ready(20));
    for (int i = 0; i < 50 && (reply = CALL("GET", me_path, .token = key))->status == 503; i++)
        pause_ms(100);
    expect_status(reply, 200);
}
END_TEST

/* --- fifty --- */

typedef struct race_t {
    person_t who;
    int statuses[20];
} race_t;

static void make_one(int i, void *baton)
{
    race_t *race = baton;
    race->statuses[i] = make(race->who, "{\"name\":\"one more\"}")->status;
}

START_TEST(fifty_at_most)
{
    race_t race = {.who = person("student")};
    int made = 0, full = 0;
    sql("INSERT INTO forge.api_keys (user_id, name, prefix, sha256) SELECT %lld, 'k', 'aaaaaaaa', "
        "sha256(i::text::bytea) FROM"
        " generate_series(1, 45) i",
        (long long)race.who.id);
    parallel(20, make_one, &race);
    for (int i = 0; i < 20; i++) {
        made += race.statuses[i] == 201;
        full += race.statuses[i] == 409;
    }
    for (int i = 0; i < 20 && made + full < 20; i++) /* those that found the pool exhausted */
        if (race.statuses[i] == 503) {
            int status = make(race.who, "{\"name\":\"one more\"}")->status;
            made += status == 201, full += status == 409;
        }
    ck_assert_int_eq(made, 5);
    ck_assert_int_eq(full, 15);
    expect_problem(make(race.who, "{\"name\":\"one more\"}"), "limit_reached");
    sql("UPDATE forge.api_keys SET created_at = now() - interval '2 days', expires_at = now() - interval '1 day' WHERE "
        "id = 1");
    expect_status(make(race.who, "{\"name\":\"in its place\"}"), 201);
    reply_t *page = CALL("GET", F("%s?count=true&limit=10", keys_path), .token = race.who.access);
    ck_assert_uint_eq(json_array_size(page->json), 10);
    ck_assert_str_eq(header(page, "X-Total-Count"), "51");
    ck_assert_str_eq(text_at(page->json, "/0/name"), "in its place");
}
END_TEST

Suite *suite_api_keys(void)
{
    Suite *suite = suite_create("api_keys");
    TCase *making = case_make(suite, "making");
    tcase_add_test(making, key_is_shown_once);
    tcase_add_test(making, presets);
    tcase_add_test(making, what_is_no_key_request);
    tcase_add_test(making, replays);
    tcase_add_test(making, fifty_at_most);
    TCase *use = case_make(suite, "use");
    tcase_add_test(use, key_acts_for_its_account);
    tcase_add_test(use, scopes_hold);
    tcase_add_test(use, session_required);
    tcase_add_test(use, keys_end_at_once);
    tcase_add_test(use, what_is_no_key);
    tcase_add_test(use, guesses_are_limited);
    tcase_add_test(use, database_away);
    return suite;
}
