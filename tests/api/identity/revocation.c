/* SPDX-License-Identifier: Apache-2.0
 * Access tokens end at once (SECURITY 24): on this node, on another one, across restarts of everything, and when nobody
 * can listen.
 */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Anyone may read it, but a token, when sent, must be good: what the guard says and nothing else. */
static const char path[] = "/api/v1/courses?limit=1";

#define TRIES 400 /* of 50 ms; a generous end, not a promise about time */

static int status_at(port_t port, const char *token)
{
    reply_t *reply = CALL("GET", path, .port = port, .token = token);
    if (reply->status == 401)
        expect_problem(reply, "invalid_token");
    else
        ck_assert_msg(reply->status == 200 || reply->status == 503, "%d %.200s", reply->status, reply->body);
    return reply->status;
}

static void accepted_at(port_t port, const char *token)
{
    ck_assert_int_eq(status_at(port, token), 200);
}

/* In every child: each request comes on a connection of its own. */
static void refused_at(port_t port, const char *token)
{
    for (int i = 0; i < 12; i++) {
        reply_t *reply = CALL("GET", path, .port = port, .token = token, .headers = {"Connection: close"});
        expect_problem(reply, "invalid_token");
    }
}

/* What was done by SQL arrives by notification: soon, and then for good. */
static void refused_soon_at(port_t port, const char *token)
{
    for (int i = 0; i < TRIES && status_at(port, token) != 401; i++)
        pause_ms(50);
    refused_at(port, token);
}

static void refused_soon(const char *token)
{
    refused_soon_at(PORT_MAIN, token);
}

static void end_sessions_of(person_t who)
{
    sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'test' WHERE user_id = %lld AND revoked_at IS "
        "NULL",
        (long long)who.id);
}

/* Until shared memory alone decides; `token` must be good. */
static void wait_settled(const char *token)
{
    for (int i = 0; i < TRIES; i++) {
        long before = metric("forge_token_database_checks_total");
        accepted_at(PORT_MAIN, token);
        if (metric("forge_token_database_checks_total") == before)
            return;
        pause_ms(50);
    }
    ck_abort_msg("the database is asked about every token");
}

/* The process that listens to the database, by its own word in the log. */
static int listener_pid(void)
{
    char *log = file_read(F("%s/logs/error.log", env.dir), 0), *last = NULL;
    for (char *at = log; (at = strstr(at, "FG0444")); at++)
        last = at;
    ck_assert_ptr_nonnull(last);
    while (last > log && last[-1] != '\n')
        last--;
    return atoi(strstr(last, "[pid ") + 5);
}

/* --- what ends a token --- */

START_TEST(session_ends)
{
    person_t me = person("student"), other = person("student");
    const char *second = person_again(me, PORT_MAIN).access;
    wait_settled(me.access);
    sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'test' WHERE id = %s",
        text_at(jwt_part(me.access, 1), "/sid"));
    refused_soon(me.access);
    accepted_at(PORT_MAIN, second);
    accepted_at(PORT_MAIN, other.access);
    for (port_t port = PORT_STRICT; port <= PORT_QUICK;
         port++) /* virtual hosts of the same database, one with another pool */
        refused_at(port, me.access);
    CALL("GET", "/metrics");
}
END_TEST

START_TEST(role_changes)
{
    person_t me = person("student");
    accepted_at(PORT_MAIN, me.access);
    sql("UPDATE forge.users SET role = 'instructor' WHERE id = %lld", (long long)me.id);
    refused_soon(me.access);
    const char *fresh = person_again(me, PORT_MAIN).access;
    ck_assert_int_eq(strncmp(text_at(jwt_part(fresh, 1), "/jti"), "1.", 2), 0);
    accepted_at(PORT_MAIN, fresh);
    expect_status(CALL("POST", "/api/v1/courses", .token = fresh, .json = "{\"title\":\"T\"}"), 201);
    sql("UPDATE forge.users SET role = 'student' WHERE id = %lld", (long long)me.id);
    refused_soon(fresh);
    accepted_at(PORT_MAIN, person_again(me, PORT_MAIN).access);
}
END_TEST

START_TEST(account_is_deactivated)
{
    person_t me = person("student");
    accepted_at(PORT_MAIN, me.access);
    sql("UPDATE forge.users SET is_active = false WHERE id = %lld", (long long)me.id);
    refused_soon(me.access);
    sql("UPDATE forge.users SET is_active = true WHERE id = %lld", (long long)me.id);
    refused_at(PORT_MAIN, me.access); /* what was void stays void */
}
END_TEST

START_TEST(rows_are_deleted)
{
    person_t me = person("student"), other = person("student");
    sql("DELETE FROM forge.sessions WHERE user_id = %lld", (long long)me.id);
    sql("DELETE FROM forge.users WHERE id = %lld", (long long)other.id);
    refused_soon(me.access);
    refused_soon(other.access);
    env_httpd_restart(); /* the rows are gone, what they meant is not */
    refused_at(PORT_MAIN, me.access);
    refused_at(PORT_MAIN, other.access);
}
END_TEST

/* One statement that ends many: nobody is overlooked. */
START_TEST(many_at_once)
{
    person_t me = person("student");
    const char *tokens[20];
    for (int i = 0; i < 20; i++)
        tokens[i] = person_again(me, PORT_MAIN).access;
    end_sessions_of(me);
    for (int i = 0; i < 20; i++)
        refused_soon(tokens[i]);
}
END_TEST

/* A token that lives longer than those given today, as after ForgeAccessTokenTTL was lowered: shared memory does not
 * keep what ended for so long, so the database is asked. */
START_TEST(longer_lives)
{
    person_t me = person("student");
    wait_settled(me.access);
    char *longer = jwt_with(me, "exp", F("%lld", (long long)int_at(jwt_part(me.access, 1), "/exp") + 7200));
    long before = metric("forge_token_database_checks_total");
    accepted_at(PORT_MAIN, longer);
    ck_assert_int_gt(metric("forge_token_database_checks_total"), before);
    end_sessions_of(me);
    refused_soon(longer);
}
END_TEST

/* --- two nodes --- */

START_TEST(another_node)
{
    watchdog(120);
    env_second_start();
    person_t me = person("student"), other = person("student");
    const char *there = person_again(me, PORT_SECOND).access;
    accepted_at(PORT_SECOND, me.access);
    accepted_at(PORT_MAIN, there);
    end_sessions_of(me);
    refused_soon_at(PORT_SECOND, me.access);
    refused_soon_at(PORT_SECOND, there);
    refused_soon_at(PORT_MAIN, me.access);
    refused_soon_at(PORT_MAIN, there);
    sql("UPDATE forge.users SET role = 'instructor' WHERE id = %lld", (long long)other.id);
    refused_soon_at(PORT_SECOND, other.access);
    refused_soon_at(PORT_MAIN, other.access);
    env_second_stop();
    const char *late = person_again(me, PORT_MAIN).access;
    end_sessions_of(me);
    env_second_start(); /* it was not there when that happened */
    refused_at(PORT_SECOND, late);
}
END_TEST

/* Whether a node does what one node does for all. */
static bool does_for_all(port_t port)
{
    return strstr(CALL("GET", "/metrics", .port = port)->body, "\nforge_cluster_leader 1\n") != NULL;
}

/* Housekeeping is done by one node; when that one goes another takes it over. */
START_TEST(one_node_does_what_one_does_for_all)
{
    watchdog(120);
    env_second_start();
    for (int i = 0; i < TRIES && does_for_all(PORT_MAIN) + does_for_all(PORT_SECOND) != 1; i++)
        pause_ms(50);
    ck_assert(does_for_all(PORT_MAIN) != does_for_all(PORT_SECOND));
    env_second_stop();
    for (int i = 0; i < TRIES && !does_for_all(PORT_MAIN); i++)
        pause_ms(50);
    ck_assert(does_for_all(PORT_MAIN));
    env_second_start();
    for (int i = 0; i < 20; i++, pause_ms(50))
        ck_assert(does_for_all(PORT_MAIN) && !does_for_all(PORT_SECOND));
    env_httpd_restart();
    for (int i = 0; i < TRIES && does_for_all(PORT_MAIN) + does_for_all(PORT_SECOND) != 1; i++)
        pause_ms(50);
    ck_assert(does_for_all(PORT_MAIN) != does_for_all(PORT_SECOND));
}
END_TEST

/* --- restarts --- */

START_TEST(graceful_restart)
{
    watchdog(120);
    expect_log("AH00");
    person_t me = person("student"), other = person("student");
    end_sessions_of(me);
    refused_soon(me.access);
    for (int i = 0; i < 3; i++) {
        env_httpd_graceful();
        for (int n = 0; n < 20; n++) {
            ck_assert_int_eq(status_at(PORT_MAIN, me.access), 401);
            accepted_at(PORT_MAIN, other.access);
            pause_ms(50);
        }
    }
    end_sessions_of(other);
    refused_soon(other.access);
}
END_TEST

START_TEST(full_restart)
{
    watchdog(120);
    person_t me = person("student"), other = person("student"), role = person("student");
    end_sessions_of(me);
    sql("UPDATE forge.users SET role = 'instructor' WHERE id = %lld", (long long)role.id);
    env_httpd_restart();
    refused_at(PORT_MAIN, me.access);
    refused_at(PORT_MAIN, role.access);
    accepted_at(PORT_MAIN, other.access);
    wait_settled(other.access);
    refused_at(PORT_MAIN, me.access);
    refused_at(PORT_MAIN, role.access);
}
END_TEST

START_TEST(listener_is_killed)
{
    watchdog(120);
    expect_log("exit signal Killed");
    expect_log("AH00");
    person_t me = person("student"), other = person("student");
    wait_settled(me.access);
    int pid = listener_pid();
    process_kill(pid, SIGKILL);
    end_sessions_of(me);
    for (int i = 0; i < TRIES && CALL("GET", path, .token = me.access, .lenient = true)->status != 401; i++)
        pause_ms(50);
    refused_at(PORT_MAIN, me.access);
    wait_settled(other.access);
    ck_assert_int_ne(listener_pid(), pid);
    end_sessions_of(other);
    refused_soon(other.access);
}
END_TEST

/* --- when the database cannot tell --- */

/* Away for longer than shared memory vouches for: what ends as soon as it is back gets in nowhere, not even for a
 * moment. */
START_TEST(postgresql_restarts)
{
    watchdog(120);
    expect_log("FG");
    expect_log("dbd:error");
    person_t me = person("student"), other = person("student"), third = person("student");
    end_sessions_of(third);
    refused_soon(third.access);
    sql("ALTER ROLE forge_app NOLOGIN"); /* nobody is back before the session has ended */
    env_postgres_stop(true);
    pause_ms(1200);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(status_at(PORT_MAIN, third.access), 401); /* known for certain */
        expect_status(CALL("POST", "/api/v1/courses", .token = me.access, .json = "{\"title\":\"T\"}", .lenient = true),
                      503);
    }
    env_postgres_start();
    end_sessions_of(me);
    ck_assert_int_eq(status_at(PORT_MAIN, me.access), 503);
    sql("ALTER ROLE forge_app LOGIN");
    for (int i = 0; i < 60; i++) {
        ck_assert_int_ne(status_at(PORT_MAIN, me.access), 200);
        pause_ms(20);
    }
    ck_assert(env_wait_ready(10));
    refused_soon(me.access);
    wait_settled(other.access);
}
END_TEST

/* Nobody can listen: the database is asked about each token, and its word counts from the next request on. */
START_TEST(nobody_listens)
{
    watchdog(120);
    expect_log("FG0443");
    expect_log("FG0432"); /* housekeeping, whose turn may come meanwhile, may not look at that table either */
    expect_log("permission denied for table revocations");
    person_t me = person("student"), other = person("student");
    wait_settled(me.access);
    sql("REVOKE SELECT ON forge.revocations FROM forge_app");
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'forge events'");
    long before = metric("forge_token_database_checks_total");
    for (int i = 0; i < TRIES && metric("forge_token_database_checks_total") == before; i++) {
        accepted_at(PORT_MAIN, me.access);
        pause_ms(50);
    }
    ck_assert_int_gt(metric("forge_token_database_checks_total"), before);
    accepted_at(PORT_MAIN, me.access);
    end_sessions_of(me);
    refused_at(PORT_MAIN, me.access);
    sql("UPDATE forge.users SET is_active = false WHERE id = %lld", (long long)other.id);
    refused_at(PORT_MAIN, other.access);
    sql("GRANT SELECT ON forge.revocations TO forge_app");
    wait_settled(person_again(me, PORT_MAIN).access);
    refused_at(PORT_MAIN, me.access);
    refused_at(PORT_MAIN, other.access);
}
END_TEST

/* The listener's back end stands still: it is left for another one. */
START_TEST(listener_is_not_answered)
{
    watchdog(120);
    expect_log("FG0443");
    env_second_stop(); /* whose listener has the same name */
    person_t me = person("student"), other = person("student");
    wait_settled(me.access);
    int pid = atoi(sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'forge events' LIMIT 1"));
    ck_assert_int_gt(pid, 1);
    process_kill(pid, SIGSTOP);
    pause_ms(1200);
    end_sessions_of(me);
    int status = status_at(PORT_MAIN, me.access);
    process_kill(pid, SIGCONT);
    ck_assert_int_eq(status, 401);
    wait_settled(other.access);
    refused_at(PORT_MAIN, me.access);
}
END_TEST

Suite *suite_revocation(void)
{
    Suite *suite = suite_create("revocation");
    TCase *ends = case_make(suite, "ends");
    tcase_add_test(ends, session_ends);
    tcase_add_test(ends, role_changes);
    tcase_add_test(ends, account_is_deactivated);
    tcase_add_test(ends, rows_are_deleted);
    tcase_add_test(ends, many_at_once);
    tcase_add_test(ends, longer_lives);
    TCase *nodes = case_make(suite, "nodes");
    tcase_add_test(nodes, another_node);
    tcase_add_test(nodes, one_node_does_what_one_does_for_all);
    TCase *restarts = case_make(suite, "restarts");
    tcase_add_test(restarts, graceful_restart);
    tcase_add_test(restarts, full_restart);
    tcase_add_test(restarts, listener_is_killed);
    TCase *away = case_make(suite, "away");
    tcase_add_test(away, postgresql_restarts);
    tcase_add_test(away, nobody_listens);
    tcase_add_test(away, listener_is_not_answered);
    return suite;
}
