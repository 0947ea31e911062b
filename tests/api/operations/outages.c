/* SPDX-License-Identifier: Apache-2.0
 * What a request meets while the database stands still, is away, or is back (SECURITY 1, 70), on pools of the size that
 * the demo has.
 */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define CROWD   40
#define SOON    5.0 /* seconds until all is right again, as promised */
#define AT_MOST 3.0 /* seconds until a request knows that the database does not answer, as promised */

static const char me_path[] = "/api/v1/auth/me";

/* The demo's pool, and under MPMs with threads its processes. Under prefork there is a process for each of the crowd:
 * who waits for a process waits for httpd, before the module can promise anything. */
static char *demo_lines(void)
{
    const char *processes =
        "DBDMin 1\nDBDKeep 1\nDBDMax 1\nStartServers 44\nMaxSpareServers 60\nMaxRequestWorkers 44\n";
    const char *threads = "ServerLimit 4\nStartServers 2\nThreadsPerChild 32\nMaxRequestWorkers 128\nMinSpareThreads "
                          "32\nMaxSpareThreads 128\nDBDMin 1\nDBDKeep 4\nDBDMax 12\n";
    return F("%s", strcmp(env.mpm, "prefork") == 0 ? processes : threads);
}

static void demo_start(void)
{
    env_second_launch(demo_lines());
    ck_assert(env_second_ready(30));
}

/* Whatever a test that failed has left. */
static void wake(void)
{
    env_postgres_freeze(false);
    env_second_stop();
}

typedef struct crowd_t {
    port_t port;
    const char *token;
    int statuses[CROWD];
    double seconds[CROWD];
} crowd_t;

static void ask_one(int i, void *baton)
{
    crowd_t *crowd = baton;
    reply_t *reply = CALL("GET", me_path, .port = crowd->port, .token = crowd->token, .lenient = true,
                          .headers = {"Connection: close"});
    crowd->statuses[i] = reply->status;
    crowd->seconds[i] = reply->seconds;
}

static void ask_live(int i, void *baton)
{
    crowd_t *crowd = baton;
    reply_t *reply = CALL("GET", "/health/live", .port = crowd->port, .lenient = true);
    crowd->statuses[i] = reply->status;
    crowd->seconds[i] = reply->seconds;
}

/* Every fourth asks for what needs no database. */
static void ask_any(int i, void *baton)
{
    (i % 4 ? ask_one : ask_live)(i, baton);
}

/* Each answer came in time: 503 where the database was needed, 200 elsewhere. */
static void expect_told(const crowd_t *crowd)
{
    for (int i = 0; i < CROWD; i++) {
        ck_assert_msg(crowd->statuses[i] == (i % 4 ? 503 : 200), "request %d got %d", i, crowd->statuses[i]);
        ck_assert_msg(crowd->seconds[i] <= AT_MOST, "request %d took %.1f s", i, crowd->seconds[i]);
    }
}

static void expect_right_soon(port_t port, const char *token)
{
    bool right = false;
    for (int i = 0; i < SOON * 10 && !right; i++) {
        right = CALL("GET", me_path, .port = port, .token = token, .lenient = true)->status == 200;
        if (!right)
            pause_ms(100);
    }
    ck_assert_msg(right, "no answer within %.0f s", SOON);
}

/* Cold: most of the connections that the crowd needs must be made while the server stands still. */
START_TEST(a_crowd_meets_a_server_that_hangs)
{
    watchdog(150);
    expect_outage();
    crowd_t crowd = {.port = PORT_SECOND, .token = person("student").access};
    demo_start();
    env_postgres_freeze(true);
    parallel(CROWD, ask_any, &crowd);
    expect_told(&crowd);
    parallel(CROWD, ask_any, &crowd); /* and again when it is known */
    env_postgres_freeze(false);
    expect_told(&crowd);
    expect_right_soon(PORT_SECOND, crowd.token);
}
END_TEST

/* All connections that a child may have were in use a moment ago. */
START_TEST(a_server_hangs_after_a_flood)
{
    watchdog(150);
    expect_outage();
    crowd_t crowd = {.port = PORT_SECOND, .token = person("student").access};
    demo_start();
    for (int i = 0; i < 5; i++) {
        parallel(CROWD, ask_one, &crowd);
        for (int n = 0; n < CROWD; n++)
            ck_assert_int_eq(crowd.statuses[n], 200);
    }
    env_postgres_freeze(true);
    parallel(CROWD, ask_any, &crowd);
    env_postgres_freeze(false);
    expect_told(&crowd);
    expect_right_soon(PORT_SECOND, crowd.token);
}
END_TEST

static reply_t *change_course(const char *method, port_t port, const char *token)
{
    const char *body = strcmp(method, "PATCH") == 0 ? "{\"title\":\"Other\"}" : NULL;
    return CALL(method, "/api/v1/courses/1", .port = port, .token = token, .json = body, .lenient = true);
}

static void make_course(const char *token)
{
    expect_status(CALL("POST", "/api/v1/courses", .token = token, .json = "{\"title\":\"Large\"}"), 201);
}

/* A deletion may take long, but it knows at once that nobody answers, and for another's lock it does not wait long. */
START_TEST(a_deletion_meets_a_server_that_hangs)
{
    watchdog(150);
    expect_outage();
    expect_log("FG0207");
    const char *token = person("instructor").access;
    make_course(token);
    expect_status(CALL("DELETE", "/api/v1/courses/2", .token = token), 404);
    env_postgres_freeze(true);
    reply_t *reply = change_course("DELETE", PORT_MAIN, token);
    env_postgres_freeze(false);
    ck_assert_int_eq(reply->status, 503);
    ck_assert_msg(reply->seconds <= AT_MOST, "it took %.1f s", reply->seconds);
    expect_right_soon(PORT_MAIN, token);
    struct pg_conn *session = sql_session();
    sql_on(session, "BEGIN; LOCK TABLE forge.courses IN ACCESS EXCLUSIVE MODE");
    reply = change_course("DELETE", PORT_MAIN, token);
    sql_on(session, "ROLLBACK");
    ck_assert_int_ge(reply->status, 500);
    ck_assert_msg(reply->seconds <= AT_MOST, "it took %.1f s", reply->seconds);
    expect_status(change_course("DELETE", PORT_MAIN, token), 204);
}
END_TEST

/* What hangs on a course may be a million rows: ForgeStatementTimeout is for changes, not for a deletion. */
START_TEST(a_deletion_may_take_longer)
{
    watchdog(100);
    expect_log("FG0207");
    const char *token = person("instructor").access;
    make_course(token);
    sql("CREATE FUNCTION forge.dawdle() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM"
        " pg_sleep(1); RETURN coalesce(NEW, OLD); END $$; CREATE TRIGGER dawdle BEFORE UPDATE OR DELETE ON"
        " forge.courses FOR EACH ROW EXECUTE FUNCTION forge.dawdle()");
    env_second_launch("ForgeStatementTimeout 500ms\n");
    ck_assert(env_second_ready(30));
    reply_t *patched = change_course("PATCH", PORT_SECOND, token),
            *deleted = change_course("DELETE", PORT_SECOND, token);
    sql("DROP TRIGGER dawdle ON forge.courses; DROP FUNCTION forge.dawdle()");
    expect_problem(patched, "timeout");
    expect_status(deleted, 204);
    expect_status(CALL("GET", me_path, .port = PORT_SECOND, .token = token), 200);
}
END_TEST

static bool process_exists(int pid)
{
    return process_kill(pid, 0) == 0;
}

/* A background task sits in a statement that takes longer than an ending child waits: the child ends all the same, and
 * not by a signal. */
START_TEST(children_end_in_spite_of_a_long_statement)
{
    watchdog(150);
    expect_log("FG0207");  /* the first node's tasks may meet the lock too, */
    expect_log("FG0432");  /* and so may its housekeeping */
    expect_log("AH00045"); /* httpd asks a second time where the machine is busy; to kill would be AH00046 */
    struct pg_conn *session = sql_session();
    sql_on(session, "BEGIN; LOCK TABLE forge.jobs IN ACCESS EXCLUSIVE MODE");
    env_second_launch("ForgeStatementTimeout 30s\n");
    bool waits = false;
    for (int tries = 0; tries < 400 && !waits; tries++) {
        pause_ms(50);
        waits = atoi(sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                         " AND now() - query_start > interval '3 seconds'")) > 0; /* the others give up before */
    }
    ck_assert_msg(waits, "no task waits for the table");
    env_second_stop();
    sql_on(session, "ROLLBACK");
    ck_assert_ptr_nonnull(strstr(log_since("error.log"), "FG0415"));
}
END_TEST

/* A child that must end does not wait for a server that hangs. */
START_TEST(children_end_while_a_server_hangs)
{
    watchdog(150);
    expect_outage();
    expect_log("AH00");
    const char *token = person("student").access;
    int before[64], n = env_children(before, 64);
    env_postgres_freeze(true);
    CALL("GET", me_path, .token = token, .lenient = true);
    env_httpd_graceful();
    for (int i = 0; i < n; i++)
        for (int tries = 0; tries < 400 && process_exists(before[i]); tries++)
            pause_ms(50);
    int left = 0;
    for (int i = 0; i < n; i++)
        left += process_exists(before[i]);
    env_postgres_freeze(false);
    ck_assert_msg(left == 0, "%d of %d children are still there", left, n);
    ck_assert(env_wait_ready(30));
    expect_right_soon(PORT_MAIN, token);
}
END_TEST

static void all_served(crowd_t *crowd)
{
    parallel(CROWD, ask_one, crowd);
    for (int i = 0; i < CROWD; i++)
        ck_assert_msg(crowd->statuses[i] == 200, "request %d got %d", i, crowd->statuses[i]);
}

/* Every child has met the outage and had nothing to do since: no request is the one that tries. */
START_TEST(nobody_tries_out_a_database_that_is_back)
{
    watchdog(150);
    expect_outage();
    crowd_t crowd = {.port = PORT_MAIN, .token = person("student").access};
    all_served(&crowd);
    env_postgres_stop(true);
    parallel(CROWD, ask_one, &crowd);
    for (int i = 0; i < CROWD; i++)
        ck_assert_msg(crowd.statuses[i] == 503, "request %d got %d", i, crowd.statuses[i]);
    env_postgres_start();
    pause_ms((int)(SOON * 1000));
    all_served(&crowd);
}
END_TEST

/* Connections that died while nobody used them are noticed before anything is sent. */
START_TEST(nobody_meets_a_dead_connection)
{
    watchdog(150);
    expect_outage();
    crowd_t crowd = {.port = PORT_MAIN, .token = person("student").access};
    for (int round = 0; round < 5; round++) {
        all_served(&crowd);
        sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'forge_app'");
        all_served(&crowd);
    }
}
END_TEST

/* Slow statements on all connections of a child: who waits is told, and what needs no database is answered. */
START_TEST(waiting_leaves_threads_to_others)
{
    watchdog(150);
    expect_log("FG");
    crowd_t crowd = {.port = PORT_POOL, .token = person("student").access};
    struct pg_conn *session = sql_session();
    sql_on(session, "BEGIN; LOCK TABLE forge.users IN ACCESS EXCLUSIVE MODE");
    parallel(CROWD, ask_any, &crowd);
    sql_on(session, "ROLLBACK");
    for (int i = 0; i < CROWD; i++)
        ck_assert_msg(i % 4 ? crowd.statuses[i] == 503 || crowd.statuses[i] == 504 : crowd.statuses[i] == 200,
                      "request %d got %d", i, crowd.statuses[i]);
    ck_assert_str_eq(sql("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%'"), "0");
    expect_right_soon(PORT_POOL, crowd.token);
}
END_TEST

/* What lies idle above DBDKeep is closed after DBDExptime. */
START_TEST(idle_connections_are_given_back)
{
    watchdog(100);
    expect_log("FG0207");
    const char *token = person("student").access;
    if (strcmp(env.mpm, "prefork") == 0)
        return;
    env_second_launch("ServerLimit 1\nStartServers 1\nThreadsPerChild 32\nMaxRequestWorkers 32\nDBDMin 0\nDBDKeep "
                      "2\nDBDMax 12\nDBDExptime 1\n");
    ck_assert(env_second_ready(30));
    int before = atoi(sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'forge_app'")), now = 99;
    crowd_t crowd = {.port = PORT_SECOND, .token = token};
    struct pg_conn *session = sql_session();
    sql_on(session, "BEGIN; LOCK TABLE forge.users IN ACCESS EXCLUSIVE MODE");
    parallel(CROWD, ask_one, &crowd);
    sql_on(session, "ROLLBACK");
    for (int i = 0; i < 400 && now > before + 2; i++) {
        pause_ms(50);
        now = atoi(sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'forge_app'"));
    }
    ck_assert_int_le(now, before + 2);
}
END_TEST

Suite *suite_outages(void)
{
    Suite *suite = suite_create("outages");
    TCase *hangs = case_make(suite, "hangs");
    tcase_add_checked_fixture(hangs, NULL, wake);
    tcase_add_test(hangs, a_crowd_meets_a_server_that_hangs);
    tcase_add_test(hangs, a_server_hangs_after_a_flood);
    tcase_add_test(hangs, a_deletion_meets_a_server_that_hangs);
    tcase_add_test(hangs, children_end_while_a_server_hangs);
    tcase_add_test(hangs, children_end_in_spite_of_a_long_statement);
    TCase *back = case_make(suite, "back");
    tcase_add_test(back, nobody_tries_out_a_database_that_is_back);
    tcase_add_test(back, nobody_meets_a_dead_connection);
    TCase *busy = case_make(suite, "busy");
    tcase_add_checked_fixture(busy, NULL, wake);
    tcase_add_test(busy, waiting_leaves_threads_to_others);
    tcase_add_test(busy, a_deletion_may_take_longer);
    tcase_add_test(busy, idle_connections_are_given_back);
    return suite;
}
