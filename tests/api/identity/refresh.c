/* SPDX-License-Identifier: Apache-2.0
 * Refresh rotation: one chain whatever the clients do, the same successor again, reuse that ends the session (SECURITY
 * 22, 32, 35, 36).
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static const char path[] = "/api/v1/auth/refresh";

static char *body_of(const char *token)
{
    return F("{\"refresh_token\":\"%s\"}", token);
}

static reply_t *refresh(const char *token)
{
    return CALL("POST", path, .json = body_of(token));
}

/* used/unused/leaves of all tokens: "3/1/1" is one chain of four. */
static char *chain(void)
{
    return sql("SELECT count(used_at) || '/' || count(*) FILTER (WHERE used_at IS NULL) || '/' || count(*) FILTER "
               "(WHERE NOT EXISTS"
               " (SELECT FROM forge.refresh_tokens n WHERE n.predecessor_id = t.id)) FROM forge.refresh_tokens t");
}

START_TEST(answers_like_a_login)
{
    person_t me = person("student");
    sql("UPDATE forge.sessions SET last_seen_at = now() - interval '1 hour', expires_at = now() + interval '1 hour'");
    reply_t *reply = refresh(me.refresh);
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/token_type"), "bearer");
    ck_assert_int_eq(int_at(reply->json, "/expires_in"), 900);
    ck_assert_int_eq(int_at(reply->json, "/user/id"), me.id);
    ck_assert_str_eq(text_at(reply->json, "/user/email"), me.email);
    const char *next = text_at(reply->json, "/refresh_token"), *access = text_at(reply->json, "/access_token");
    ck_assert_uint_eq(strlen(next), 43);
    ck_assert_str_ne(next, me.refresh);
    ck_assert_str_ne(access, me.access);
    ck_assert(json_equal(at(jwt_part(access, 1), "/sid"), at(jwt_part(me.access, 1), "/sid")));
    ck_assert(json_equal(at(jwt_part(access, 1), "/amr"), at(jwt_part(me.access, 1), "/amr")));
    expect_status(CALL("GET", "/api/v1/auth/me", .token = access), 200);
    expect_status(CALL("GET", "/api/v1/auth/me", .token = me.access), 200); /* the older one lives on to its end */
    ck_assert_str_eq(
        sql("SELECT (last_seen_at > now() - interval '1 minute') || '/' || (expires_at > now() + interval '6 days')"
            " FROM forge.sessions"),
        "true/true");
    ck_assert_str_eq(chain(), "1/1/1");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.refresh_tokens t WHERE t::text LIKE '%%%s%%' OR t.sha256 = "
                         "sha256('%s') AND used_at IS NULL",
                         next, next),
                     "1"); /* the digest alone */
    expect_status(refresh(next), 200);
    ck_assert_str_eq(chain(), "2/1/1");
}
END_TEST

START_TEST(role_and_methods_of_the_moment)
{
    person_t me = person("student");
    sql("UPDATE forge.users SET role = 'instructor'");
    sql("UPDATE forge.sessions SET amr = '{pwd,otp}'");
    reply_t *reply = refresh(me.refresh);
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/user/role"), "instructor");
    json_t *claims = jwt_part(text_at(reply->json, "/access_token"), 1);
    ck_assert_str_eq(text_at(claims, "/role"), "instructor");
    ck_assert_str_eq(text_at(claims, "/amr/1"), "otp");
}
END_TEST

START_TEST(same_successor_inside_the_window)
{
    person_t me = person("student");
    reply_t *first = refresh(me.refresh), *again = refresh(me.refresh);
    expect_status(again, 200);
    ck_assert_str_eq(text_at(first->json, "/refresh_token"), text_at(again->json, "/refresh_token"));
    expect_status(CALL("GET", "/api/v1/auth/me", .token = text_at(again->json, "/access_token")), 200);
    ck_assert_str_eq(chain(), "1/1/1");
    expect_status(refresh(text_at(first->json, "/refresh_token")), 200);
    again = refresh(me.refresh); /* its successor is spent meanwhile: the same answer still, and no branch */
    expect_status(again, 200);
    ck_assert_str_eq(text_at(first->json, "/refresh_token"), text_at(again->json, "/refresh_token"));
    ck_assert_str_eq(chain(), "2/1/1");
    ck_assert_str_eq(audited("session.refresh_reused"), "0");
}
END_TEST

START_TEST(reuse_ends_the_session)
{
    person_t me = person("student"), other = person("student");
    reply_t *first = refresh(me.refresh);
    expect_status(first, 200);
    sql("UPDATE forge.refresh_tokens SET used_at = used_at - interval '11 seconds' WHERE used_at IS NOT NULL");
    expect_problem(refresh(me.refresh), "refresh_reused");
    ck_assert_str_eq(sql("SELECT revoke_reason FROM forge.sessions WHERE user_id = %lld", (long long)me.id),
                     "refresh_reused");
    ck_assert_str_eq(
        sql("SELECT actor_id || '/' || subject_id || '/' || host(ip) || '/' || (request_id IS NOT NULL) || '/' ||"
            " (detail ? 'session_id') FROM forge.audit_events WHERE event = 'session.refresh_reused'"),
        F("%lld/%lld/127.0.0.1/true/true", (long long)me.id, (long long)me.id));
    expect_problem(refresh(text_at(first->json, "/refresh_token")), "invalid_refresh_token");
    expect_problem(refresh(me.refresh), "invalid_refresh_token");
    expect_problem(CALL("GET", "/api/v1/auth/me", .token = me.access), "invalid_token");
    expect_problem(CALL("GET", "/api/v1/auth/me", .token = text_at(first->json, "/access_token")), "invalid_token");
    ck_assert_str_eq(audited("session.refresh_reused"), "1");
    expect_status(refresh(other.refresh), 200);
}
END_TEST

START_TEST(no_window_at_all)
{
    person_t me = person("student");
    expect_status(CALL("POST", path, .port = PORT_STRICT, .json = body_of(me.refresh)), 200);
    expect_problem(CALL("POST", path, .port = PORT_STRICT, .json = body_of(me.refresh)), "refresh_reused");
    ck_assert_str_eq(chain(), "1/1/1");
}
END_TEST

/* SECURITY 22: nothing else than a refresh token is one. */
START_TEST(what_is_no_refresh_token)
{
    person_t me = person("student");
    char *flipped = F("%s", me.refresh), *trailing = F("%s", me.refresh);
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    flipped[5] = flipped[5] == 'A' ? 'B' : 'A';
    trailing[42] = alphabet[(strchr(alphabet, trailing[42]) - alphabet) ^ 1]; /* another spelling of the same bits */
    const char *tokens[] = {me.access,
                            "fk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                            "",
                            "x",
                            flipped,
                            trailing,
                            F("%s=", me.refresh),
                            F(" %s", me.refresh),
                            "' OR 1=1 --"};
    for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++)
        expect_problem(refresh(tokens[i]), "invalid_refresh_token");
    expect_fault(CALL("POST", path, .json = "{}"), "/refresh_token", "required");
    expect_fault(CALL("POST", path, .json = "{\"refresh_token\":null}"), "/refresh_token", NULL);
    expect_fault(CALL("POST", path, .json = "{\"refresh_token\":[\"a\"]}"), "/refresh_token", "type");
    expect_fault(CALL("POST", path, .json = "{\"refresh_token\":\"a\\u0000b\"}"), "/refresh_token", NULL);
    expect_problem(CALL("POST", path, .json = body_of(me.refresh), .type = "text/plain"), "unsupported_media_type");
    ck_assert_str_eq(header(refresh("x"), "WWW-Authenticate"), "Bearer realm=\"forge\"");
    expect_problem(CALL("GET", "/api/v1/auth/me", .token = me.refresh), "invalid_token");
    ck_assert_str_eq(chain(), "0/1/1");
    expect_status(refresh(me.refresh), 200);
}
END_TEST

START_TEST(ends_of_a_chain)
{
    static const char *const ends[] = {
        "UPDATE forge.sessions SET expires_at = now()",
        "UPDATE forge.refresh_tokens SET expires_at = now()",
        "UPDATE forge.sessions SET created_at = now() - interval '720 hours', expires_at = now() - interval '1 second'",
        "UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'test'",
        "UPDATE forge.users SET is_active = false",
    };
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        person_t me = person("student");
        sql("%s", ends[i]);
        expect_problem(refresh(me.refresh), "invalid_refresh_token");
    }
    sql("DELETE FROM forge.users");
    person_t me = person("student");
    sql("UPDATE forge.sessions SET created_at = now() - interval '719 hours', expires_at = now() + interval '1 "
        "minute'");
    expect_status(refresh(me.refresh), 200); /* thirty days are the end, whatever the idle life is */
    ck_assert_str_eq(sql("SELECT expires_at = created_at + interval '720 hours' FROM forge.sessions"), "t");
}
END_TEST

/* SECURITY 32: by address, as there is no account yet. */
START_TEST(limited_by_address)
{
    for (int i = 0; i < 5; i++)
        expect_problem(CALL("POST", path, .port = PORT_LIMITS, .from = "127.0.9.11", .json = body_of("x")),
                       "invalid_refresh_token");
    expect_problem(CALL("POST", path, .port = PORT_LIMITS, .from = "127.0.9.11", .json = body_of("x")), "rate_limited");
}
END_TEST

/* --- races --- */

#define AT_ONCE 50

typedef struct race_t {
    const char *token;
    reply_t *replies[AT_ONCE];
} race_t;

static void refresh_one(int i, void *baton)
{
    race_t *race = baton;
    race->replies[i] = refresh(race->token);
}

/* Everyone who got tokens got the same; the rest was told to come again. */
static const char *one_successor(const race_t *race)
{
    const char *next = NULL;
    for (int i = 0; i < AT_ONCE; i++) {
        const reply_t *reply = race->replies[i];
        ck_assert_msg(reply->status == 200 || reply->status == 503, "%d %.300s", reply->status, reply->body);
        if (reply->status == 200 && !next)
            next = text_at(reply->json, "/refresh_token");
        if (reply->status == 200)
            ck_assert_str_eq(text_at(reply->json, "/refresh_token"), next);
    }
    return next;
}

/* SECURITY 1: rounds of parallel uses of one token leave one live chain. */
START_TEST(parallel_uses_make_one_chain)
{
    int rounds = env.quick ? 10 : 100;
    watchdog(600);
    person_t me = person("student");
    race_t *race = keep(calloc(1, sizeof(*race)));
    race->token = me.refresh;
    for (int i = 1; i <= rounds; i++) {
        parallel(AT_ONCE, refresh_one, race);
        const char *next = one_successor(race);
        ck_assert_msg(next != NULL, "nobody got through in round %d", i);
        race->token = next;
        ck_assert_str_eq(chain(), F("%d/1/1", i));
    }
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.sessions WHERE revoked_at IS NULL"), "1");
    ck_assert_str_eq(audited("session.refresh_reused"), "0");
    sql("UPDATE forge.refresh_tokens SET used_at = used_at - interval '1 hour' WHERE used_at IS NOT NULL");
    race->token = me.refresh;
    parallel(AT_ONCE, refresh_one, race);
    int reused = 0;
    for (int i = 0; i < AT_ONCE; i++) {
        ck_assert_msg(race->replies[i]->status == 401 || race->replies[i]->status == 503, "%d",
                      race->replies[i]->status);
        reused +=
            race->replies[i]->status == 401 && strcmp(text_at(race->replies[i]->json, "/code"), "refresh_reused") == 0;
    }
    ck_assert_int_eq(reused, 1);
    ck_assert_str_eq(audited("session.refresh_reused"), "1");
}
END_TEST

/* --- faults --- */

typedef struct restart_t {
    const char *token;
    volatile bool stop;
    reply_t *bad;
    const char *next;
    int good, away;
} restart_t;

static void *refresh_on(void *baton)
{
    restart_t *restart = baton;
    while (!restart->stop) {
        reply_t *reply = refresh(restart->token);
        if (reply->status == 200) {
            const char *next = text_at(reply->json, "/refresh_token");
            restart->good++;
            if (!restart->next)
                restart->next = next;
            else if (strcmp(restart->next, next))
                restart->bad = reply;
        } else if (reply->status == 503) {
            restart->away++;
        } else {
            restart->bad = reply;
        }
        pause_ms(10);
    }
    return NULL;
}

/* What failed has consumed nothing: the token that met a database that was away is good when it is back. */
START_TEST(database_away)
{
    expect_outage();
    person_t me = person("student");
    env_postgres_stop(true);
    for (int i = 0; i < 5; i++) {
        reply_t *reply = refresh(me.refresh);
        ck_assert_msg(reply->status == 503 && header(reply, "Retry-After"), "%d %.300s", reply->status, reply->body);
    }
    env_postgres_start();
    ck_assert(env_wait_ready(20));
    ck_assert_str_eq(chain(), "0/1/1");
    reply_t *reply = refresh(me.refresh);
    for (int i = 0; i < 50 && reply->status == 503; i++, pause_ms(100))
        reply = refresh(me.refresh);
    expect_status(reply, 200);
    ck_assert_str_eq(chain(), "1/1/1");
}
END_TEST

/* A client that goes on trying with one token through restarts is never thrown out, and never gets two successors. */
START_TEST(database_restarts_under_refresh)
{
    expect_outage();
    watchdog(180);
    person_t me = person("student");
    static restart_t restart; /* not on the stack: a case that fails leaves its thread behind, which still writes */
    pthread_t thread;
    restart.token = me.refresh;
    sql("UPDATE forge.refresh_tokens SET used_at = NULL");
    pthread_create(&thread, NULL, refresh_on, &restart);
    for (int i = 0; i < 2; i++) {
        sql("UPDATE forge.refresh_tokens SET used_at = clock_timestamp() WHERE used_at IS NOT NULL"); /* the window goes
                                                                                                         on */
        env_postgres_stop(true);
        env_postgres_start();
        sql("UPDATE forge.refresh_tokens SET used_at = clock_timestamp() WHERE used_at IS NOT NULL");
        pause_ms(1500);
    }
    ck_assert(env_wait_ready(20));
    restart.stop = true;
    pthread_join(thread, NULL);
    fail_now();
    ck_assert_msg(!restart.bad, "%d %.300s", restart.bad ? restart.bad->status : 0,
                  restart.bad ? restart.bad->body : "");
    ck_assert_int_gt(restart.good, 0);
    ck_assert_str_eq(chain(), "1/1/1");
    expect_status(refresh(restart.next), 200);
}
END_TEST

Suite *suite_refresh(void)
{
    Suite *suite = suite_create("refresh");
    TCase *rotation = case_make(suite, "rotation");
    tcase_add_test(rotation, answers_like_a_login);
    tcase_add_test(rotation, role_and_methods_of_the_moment);
    tcase_add_test(rotation, same_successor_inside_the_window);
    tcase_add_test(rotation, reuse_ends_the_session);
    tcase_add_test(rotation, no_window_at_all);
    tcase_add_test(rotation, what_is_no_refresh_token);
    tcase_add_test(rotation, ends_of_a_chain);
    tcase_add_test(rotation, limited_by_address);
    TCase *races = case_make(suite, "races");
    tcase_add_test(races, parallel_uses_make_one_chain);
    TCase *faults = case_make(suite, "faults");
    tcase_add_test(faults, database_away);
    tcase_add_test(faults, database_restarts_under_refresh);
    return suite;
}
