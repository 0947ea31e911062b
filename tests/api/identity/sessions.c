/* SPDX-License-Identifier: Apache-2.0
 * Sessions after login: validate, list, revoke, logout, stream tickets, and the health of identity (SPEC 3, SECURITY 18, 37).
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static const char list_path[] = "/api/v1/auth/sessions", validate_path[] = "/api/v1/auth/validate";

/* The same, on a device with a name. */
static person_t login_again(person_t who, const char *device)
{
    reply_t *reply = CALL("POST", "/api/v1/auth/login",
                          .json = F("{\"username\":\"%s\",\"password\":\"%s\",\"device_name\":\"%s\"}", who.username, who.password, device),
                          .headers = {"User-Agent: test/1"});
    expect_status(reply, 200);
    who.access = text_at(reply->json, "/access_token");
    who.refresh = text_at(reply->json, "/refresh_token");
    return who;
}

static const char *sid_of(person_t who)
{
    return text_at(jwt_part(who.access, 1), "/sid");
}

static char *session_path(const char *sid)
{
    return F("%s/%s", list_path, sid);
}

/* Nothing of this session works where the database is asked. */
static void expect_ended(person_t who)
{
    reply_t *reply = CALL("POST", "/api/v1/auth/refresh", .json = F("{\"refresh_token\":\"%s\"}", who.refresh));
    expect_problem(reply, "invalid_refresh_token");
    expect_problem(CALL("GET", "/api/v1/auth/me", .token = who.access), "invalid_token");
}

/* --- validate --- */

START_TEST(validate_says_who)
{
    person_t me = person("instructor");
    json_t *claims = jwt_part(me.access, 1);
    reply_t *reply = CALL("GET", validate_path, .token = me.access);
    expect_status(reply, 200);
    ck_assert(json_is_true(at(reply->json, "/active")));
    ck_assert_int_eq(int_at(reply->json, "/sub"), me.id);
    ck_assert_str_eq(text_at(reply->json, "/role"), "instructor");
    ck_assert_int_eq(int_at(reply->json, "/sid"), atoi(sid_of(me)));
    ck_assert_int_eq(int_at(reply->json, "/exp"), int_at(claims, "/exp"));
    ck_assert_str_eq(text_at(reply->json, "/amr/0"), "pwd");
    ck_assert_uint_eq(json_object_size(reply->json), 6);
    ck_assert_ptr_nonnull(strstr(header(reply, "Cache-Control"), "no-store"));
}
END_TEST

/* SECURITY 18 */
START_TEST(validate_refuses)
{
    person_t me = person("student");
    reply_t *none = CALL("GET", validate_path), *bad = CALL("GET", validate_path, .token = "rubbish");
    expect_problem(none, "unauthenticated");
    ck_assert_ptr_null(strstr(header(none, "WWW-Authenticate"), "error="));
    expect_problem(bad, "invalid_token");
    ck_assert_ptr_nonnull(strstr(header(bad, "WWW-Authenticate"), "error=\"invalid_token\""));
    expect_problem(CALL("GET", F("%s?access_token=%s", validate_path, me.access)), "unauthenticated");
    expect_problem(CALL("GET", F("%s?access_token=%s", validate_path, me.access), .token = me.access), "duplicate_token");
    expect_problem(CALL("GET", validate_path, .token = me.refresh), "invalid_token");
    expect_problem(CALL("GET", validate_path, .token = jwt_with(me, "exp", "1000")), "invalid_token");
}
END_TEST

/* --- logout --- */

START_TEST(logout_ends_this_session)
{
    person_t first = person("student"), second = login_again(first, "phone");
    reply_t *reply = CALL("POST", "/api/v1/auth/logout", .token = first.access);
    expect_status(reply, 204);
    expect_ended(first);
    expect_status(CALL("GET", "/api/v1/auth/me", .token = second.access), 200);
    ck_assert_str_eq(sql("SELECT revoke_reason FROM forge.sessions WHERE id = %s", sid_of(first)), "logout");
    ck_assert_str_eq(sql("SELECT actor_id || '/' || (detail->>'session_id') FROM forge.audit_events WHERE event = 'user.logout'"),
                     F("%lld/%s", (long long)first.id, sid_of(first)));
    expect_problem(CALL("POST", "/api/v1/auth/logout"), "unauthenticated");
    expect_status(CALL("POST", "/api/v1/auth/logout", .token = second.access, .json = "{\"whatever\":1}"),
                  204); /* a body does not matter */
    expect_ended(second);
}
END_TEST

START_TEST(logout_all_ends_every_session)
{
    person_t first = person("student"), second = login_again(first, "phone"), other = person("student");
    expect_status(CALL("POST", "/api/v1/auth/logout-all", .token = second.access), 204);
    expect_ended(first);
    expect_ended(second);
    expect_status(CALL("GET", "/api/v1/auth/me", .token = other.access), 200);
    ck_assert_str_eq(sql("SELECT epoch FROM forge.users WHERE id = %lld", (long long)first.id), "0");
    ck_assert_str_eq(sql("SELECT detail->>'sessions' FROM forge.audit_events WHERE event = 'user.logout_all'"), "2");
    expect_status(CALL("GET", "/api/v1/auth/me", .token = login_again(first, "new").access), 200);
}
END_TEST

typedef struct race_t {
    const char *method, *path, *token;
    int statuses[50];
} race_t;

static void call_one(int i, void *baton)
{
    race_t *race = baton;
    race->statuses[i] = call_with(race->method, race->path, &(call_t){.token = race->token})->status;
}

/* However many ask, it ends once. */
START_TEST(parallel_logouts)
{
    person_t me = person("student");
    race_t race = {.method = "POST", .path = "/api/v1/auth/logout", .token = me.access};
    parallel(50, call_one, &race);
    for (int i = 0; i < 50; i++)
        ck_assert_msg(race.statuses[i] == 204 || race.statuses[i] == 401 || race.statuses[i] == 503, "%d", race.statuses[i]);
    ck_assert_str_eq(audited("user.logout"), "1");
    expect_ended(me);
}
END_TEST

/* --- list and revoke --- */

START_TEST(list_shows_ones_own)
{
    person_t me = person("student"), other = person("student"), second = login_again(me, "phone");
    expect_status(CALL("POST", "/api/v1/auth/logout", .token = login_again(me, "gone").access), 204);
    reply_t *reply = CALL("GET", F("%s?count=true", list_path), .token = second.access);
    expect_status(reply, 200);
    ck_assert_uint_eq(json_array_size(reply->json), 2);
    ck_assert_str_eq(header(reply, "X-Total-Count"), "2");
    json_t *phone = at(reply->json, "/0"), *first = at(reply->json, "/1");
    ck_assert_int_eq(int_at(phone, "/id"), atoi(sid_of(second)));
    ck_assert_str_eq(text_at(phone, "/device_name"), "phone");
    ck_assert_str_eq(text_at(phone, "/user_agent"), "test/1");
    ck_assert_str_eq(text_at(phone, "/ip"), "127.0.0.1");
    ck_assert(json_is_true(at(phone, "/current")));
    ck_assert(json_is_false(at(first, "/current")));
    ck_assert_uint_eq(json_object_size(phone), 7);
    ck_assert_uint_eq(json_array_size(CALL("GET", list_path, .token = other.access)->json), 1);
    reply_t *page = CALL("GET", F("%s?limit=1", list_path), .token = me.access);
    ck_assert_uint_eq(json_array_size(page->json), 1);
    char *next = F("%s", header(page, "Link"));
    *strstr(next, ">; rel=\"next\"") = 0;
    reply_t *rest = CALL("GET", strrchr(next, '<') + 1, .token = me.access);
    ck_assert_int_eq(int_at(rest->json, "/0/id"), atoi(sid_of(me)));
    expect_problem(CALL("GET", list_path), "unauthenticated");
}
END_TEST

/* A login takes a name as long as the list shows it and the table keeps it. */
START_TEST(long_device_names)
{
    enum { LONGEST = 200 };
    char name[2 * LONGEST + 1];
    person_t me = person("student");
    for (int i = 0; i < LONGEST; i++)
        memcpy(name + 2 * i, "ä", 3);
    person_t again = login_again(me, name);
    reply_t *list = CALL("GET", list_path, .token = again.access);
    ck_assert_str_eq(text_at(list->json, "/0/device_name"), name);
    reply_t *longer = CALL("POST", "/api/v1/auth/login",
                           .json = F("{\"username\":\"%s\",\"password\":\"%s\",\"device_name\":\"x%s\"}", me.username, me.password, name));
    expect_problem(longer, "validation_failed");
    ck_assert_str_eq(sql("SELECT char_length(max(device_name)) FROM forge.sessions"), F("%d", LONGEST));
}
END_TEST

/* SECURITY 37 */
START_TEST(only_ones_own_are_revoked)
{
    person_t me = person("student"), other = person("student"), second = login_again(me, "phone");
    reply_t *foreign = CALL("DELETE", session_path(sid_of(other)), .token = me.access),
            *unknown = CALL("DELETE", session_path("987654321"), .token = me.access);
    expect_problem(foreign, "not_found");
    expect_problem(unknown, "not_found");
    static const char *const members[] = {"/type", "/title", "/detail", "/code", NULL};
    for (const char *const *member = members; *member; member++)
        ck_assert_str_eq(text_at(foreign->json, *member), text_at(unknown->json, *member));
    ck_assert_uint_eq(json_object_size(foreign->json), json_object_size(unknown->json));
    expect_problem(CALL("DELETE", session_path("0"), .token = me.access), "not_found");
    expect_problem(CALL("DELETE", session_path("1%20OR%201=1"), .token = me.access), "not_found");
    expect_status(CALL("GET", "/api/v1/auth/me", .token = other.access), 200);
    expect_status(CALL("DELETE", session_path(sid_of(second)), .token = me.access), 204);
    expect_ended(second);
    expect_problem(CALL("DELETE", session_path(sid_of(second)), .token = me.access), "not_found");
    ck_assert_str_eq(audited("session.revoked"), "1");
    expect_status(CALL("DELETE", session_path(sid_of(me)), .token = me.access), 204); /* the one that asks, too */
    expect_ended(me);
}
END_TEST

/* --- tickets --- */

static const char *ticket_for(person_t who)
{
    reply_t *reply = CALL("POST", "/api/v1/auth/stream-ticket", .token = who.access);
    expect_status(reply, 201);
    ck_assert_int_eq(int_at(reply->json, "/expires_in"), 60);
    ck_assert_uint_eq(strlen(text_at(reply->json, "/ticket")), 43);
    ck_assert_ptr_nonnull(strstr(header(reply, "Cache-Control"), "no-store"));
    return text_at(reply->json, "/ticket");
}

static char *with_ticket(const char *ticket)
{
    return F("%s?ticket=%s", validate_path, ticket);
}

START_TEST(ticket_opens_once)
{
    person_t me = person("student");
    const char *ticket = ticket_for(me);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.stream_tickets WHERE sha256 = sha256('%s')", ticket), "1");
    reply_t *reply = CALL("GET", with_ticket(ticket));
    expect_status(reply, 200);
    ck_assert_int_eq(int_at(reply->json, "/sub"), me.id);
    ck_assert_int_eq(int_at(reply->json, "/sid"), atoi(sid_of(me)));
    ck_assert_int_eq(int_at(reply->json, "/exp"), int_at(jwt_part(me.access, 1), "/exp")); /* no longer than the token that bought it */
    expect_problem(CALL("GET", with_ticket(ticket)), "invalid_token");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.stream_tickets"), "0");
}
END_TEST

START_TEST(ticket_is_void)
{
    static const char *const ends[] = {"UPDATE forge.stream_tickets SET expires_at = now()", "UPDATE forge.sessions SET expires_at = now()",
                                       "UPDATE forge.users SET is_active = false"};
    static const char *const shapes[] = {"x", "", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", NULL};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *ticket = ticket_for(person("student"));
        sql("%s", ends[i]);
        expect_problem(CALL("GET", with_ticket(ticket)), "invalid_token");
    }
    for (const char *const *shape = shapes; *shape; shape++)
        ck_assert_int_eq(CALL("GET", with_ticket(*shape))->status, 401);
    person_t me = person("student");
    const char *ticket = ticket_for(me);
    expect_status(CALL("POST", "/api/v1/auth/logout", .token = me.access), 204);
    expect_problem(CALL("GET", with_ticket(ticket)), "invalid_token");
    me = person("student");
    ticket = ticket_for(me);
    expect_problem(CALL("GET", F("/api/v1/auth/me?ticket=%s", ticket)), "unauthenticated"); /* only where the route says so */
    expect_problem(CALL("POST", "/api/v1/auth/stream-ticket"), "unauthenticated");
}
END_TEST

START_TEST(parallel_tickets)
{
    race_t race = {.method = "GET", .path = with_ticket(ticket_for(person("student")))};
    int opened = 0;
    parallel(50, call_one, &race);
    for (int i = 0; i < 50; i++) {
        opened += race.statuses[i] == 200;
        ck_assert_msg(race.statuses[i] == 200 || race.statuses[i] == 401 || race.statuses[i] == 503, "%d", race.statuses[i]);
    }
    ck_assert_int_eq(opened, 1);
}
END_TEST

/* --- health --- */

START_TEST(health_of_identity)
{
    reply_t *reply = CALL("GET", "/api/v1/auth/health");
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/database"), "connected");
    ck_assert_str_eq(text_at(reply->json, "/checks/database/status"), "pass");
    ck_assert_str_eq(text_at(reply->json, "/checks/guests/status"), "pass");
    /* half of the ten connections a child may have; a prefork child needs none of its own */
    ck_assert_int_eq(int_at(reply->json, "/checks/password_hash/places"), strcmp(env.mpm, "prefork") != 0 ? 5 : 16);
    ck_assert_int_eq(int_at(reply->json, "/checks/password_hash/waiting"), 0);
    ck_assert_str_eq(text_at(reply->json, "/checks/signing/algorithms/0"), "HS256");
    ck_assert_ptr_null(maybe_at(reply->json, "/checks/signing/algorithms/1"));
    ck_assert_str_eq(text_at(reply->json, "/checks/mail/status"), "pass");
    reply_t *ring = CALL("GET", "/api/v1/auth/health", .port = PORT_KEYS);
    ck_assert_str_eq(text_at(ring->json, "/checks/signing/algorithms/0"), "ES256");
    ck_assert_int_eq(json_array_size(at(ring->json, "/checks/signing/algorithms")), 3);
    ck_assert_str_eq(text_at(CALL("GET", "/api/v1/auth/health", .port = PORT_STRICT)->json, "/checks/guests/status"), "off");
    ck_assert_ptr_null(strstr(reply->body, env.secret));
}
END_TEST

START_TEST(health_without_database)
{
    expect_outage();
    env_postgres_stop(true);
    pause_ms(1100); /* it was asked less than a second ago, perhaps */
    reply_t *reply = CALL("GET", "/api/v1/auth/health");
    expect_status(reply, 503);
    ck_assert_str_eq(text_at(reply->json, "/status"), "fail");
    ck_assert_str_eq(text_at(reply->json, "/database"), "disconnected");
    ck_assert_ptr_nonnull(header(reply, "Retry-After"));
    env_postgres_start();
    ck_assert(env_wait_ready(20));
}
END_TEST

/* --- at once: the next request is refused without the database being asked (SECURITY 1) --- */

static void expect_refused(const char *token)
{
    for (int i = 0; i < 10; i++) /* whichever child answers */
        expect_problem(CALL("GET", validate_path, .token = token, .headers = {"Connection: close"}), "invalid_token");
    expect_problem(CALL("GET", "/api/v1/courses", .token = token), "invalid_token"); /* also where nobody need log in */
}

START_TEST(ended_tokens_are_refused)
{
    person_t me = person("student"), second = login_again(me, "phone"), third = login_again(me, "tablet");
    expect_status(CALL("GET", validate_path, .token = second.access), 200);
    expect_status(CALL("POST", "/api/v1/auth/logout", .token = second.access), 204);
    expect_refused(second.access);
    expect_problem(CALL("POST", "/api/v1/auth/logout", .token = second.access), "invalid_token");
    expect_status(CALL("DELETE", session_path(sid_of(third)), .token = me.access), 204);
    expect_refused(third.access);
    expect_status(CALL("GET", validate_path, .token = me.access), 200);
    expect_status(CALL("POST", "/api/v1/auth/logout-all", .token = me.access), 204);
    expect_refused(me.access);
    me = login_again(me, "new");
    reply_t *next = CALL("POST", "/api/v1/auth/refresh", .json = F("{\"refresh_token\":\"%s\"}", me.refresh));
    expect_status(next, 200);
    sql("UPDATE forge.refresh_tokens SET used_at = used_at - interval '1 minute'");
    expect_problem(CALL("POST", "/api/v1/auth/refresh", .json = F("{\"refresh_token\":\"%s\"}", me.refresh)), "refresh_reused");
    expect_refused(me.access);
    expect_refused(text_at(next->json, "/access_token"));
}
END_TEST

START_TEST(converted_guest_is_refused)
{
    const char *token = text_at(CALL("POST", "/api/v1/auth/guest")->json, "/access_token");
    reply_t *reply =
        CALL("POST", "/api/v1/auth/register", .token = token, .json = "{\"email\":\"ada@example.org\",\"password\":\"Vexing7-Walrus!Q\"}");
    expect_status(reply, 201);
    expect_refused(token);
    expect_status(CALL("GET", validate_path, .token = text_at(reply->json, "/access_token")), 200);
}
END_TEST

Suite *suite_sessions(void)
{
    Suite *suite = suite_create("sessions");
    TCase *validate = case_make(suite, "validate");
    tcase_add_test(validate, validate_says_who);
    tcase_add_test(validate, validate_refuses);
    TCase *ends = case_make(suite, "logout");
    tcase_add_test(ends, logout_ends_this_session);
    tcase_add_test(ends, logout_all_ends_every_session);
    tcase_add_test(ends, parallel_logouts);
    tcase_add_test(ends, ended_tokens_are_refused);
    tcase_add_test(ends, converted_guest_is_refused);
    TCase *own = case_make(suite, "sessions");
    tcase_add_test(own, list_shows_ones_own);
    tcase_add_test(own, long_device_names);
    tcase_add_test(own, only_ones_own_are_revoked);
    TCase *tickets = case_make(suite, "tickets");
    tcase_add_test(tickets, ticket_opens_once);
    tcase_add_test(tickets, ticket_is_void);
    tcase_add_test(tickets, parallel_tickets);
    TCase *health = case_make(suite, "health");
    tcase_add_test(health, health_of_identity);
    tcase_add_test(health, health_without_database);
    return suite;
}
