/* SPDX-License-Identifier: Apache-2.0
 * What an operator is told of the database (SPEC 12): the pools, and who holds a connection for too long.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static const char pool_path[] = "/api/v1/monitor/database/pool";
static const char health_path[] = "/api/v1/monitor/database/health";
static const char performance_path[] = "/api/v1/monitor/database/performance";
static const char courses_path[] = "/api/v1/courses";

START_TEST(pools_add_up)
{
    static const char *const members[] = {"size", "busy", "waiting", NULL};
    CALL("GET", courses_path);
    reply_t *reply = CALL("GET", pool_path);
    expect_status(reply, 200);
    ck_assert_str_eq(header(reply, "Cache-Control"), "no-store");
    int pids[64], count = env_children(pids, 64);
    const json_t *children = at(reply->json, "/children");
    ck_assert_uint_ge(json_array_size(children), 1);
    for (const char *const *member = members; *member; member++) {
        json_int_t sum = 0;
        for (size_t i = 0; i < json_array_size(children); i++)
            sum += int_at(children, F("/%zu/%s", i, *member));
        ck_assert_int_eq(sum, int_at(reply->json, F("/%s", *member)));
    }
    bool ours = false;
    for (int i = 0; i < count; i++)
        ours = ours || pids[i] == int_at(children, "/0/pid");
    ck_assert_msg(ours, "%lld is no child of httpd", (long long)int_at(children, "/0/pid"));
    ck_assert_int_gt(int_at(reply->json, "/size"), 0);
    ck_assert_int_eq(int_at(reply->json, "/held_long"), 0);
    ck_assert_int_eq(int_at(reply->json, "/held_long_seconds"), 30);
    ck_assert_uint_eq(json_array_size(at(reply->json, "/leaks")), 0);
}
END_TEST

typedef struct crowd_t {
    struct pg_conn *lock;
    const char *token; /* what anonymous callers get may come out of memory */
} crowd_t;

static void let_go_or_wait(int i, void *baton)
{
    crowd_t *crowd = baton;
    if (i > 0) {
        CALL("GET", courses_path, .port = PORT_POOL, .token = crowd->token, .lenient = true);
        return;
    }
    pause_ms(1500); /* whoever waits for a connection does so for 200 ms */
    sql_on(crowd->lock, "ROLLBACK");
}

/* More requests than there are connections, all of which wait for a lock. Under prefork a child has a connection of its
 * own, for which nobody waits. */
START_TEST(time_outs_are_counted)
{
    if (strcmp(env.mpm, "prefork") == 0)
        return;
    json_int_t before = int_at(CALL("GET", pool_path)->json, "/timeouts_total");
    crowd_t crowd = {sql_session(), person("student").access};
    sql_on(crowd.lock, "BEGIN; LOCK TABLE forge.courses IN ACCESS EXCLUSIVE MODE");
    parallel(25, let_go_or_wait, &crowd);
    json_int_t after = int_at(CALL("GET", pool_path)->json, "/timeouts_total");
    ck_assert_int_gt(after, before);
    ck_assert_int_eq(after, metric("forge_db_wait_timeouts_total"));
}
END_TEST

typedef struct leak_t {
    struct pg_conn *lock;
    const char *token;
    reply_t *held, *leak, *figures; /* the answer of whoever held it; what was seen meanwhile */
} leak_t;

/* One request sits in a statement that waits for a lock, the other looks until it is noticed. */
static void hold_or_look(int i, void *baton)
{
    leak_t *leak = baton;
    if (i == 0) {
        leak->held = CALL("GET", courses_path, .port = PORT_SECOND, .token = leak->token, .patience = 90000,
                          .headers = {"X-Request-ID: holds-it-for-long"});
        return;
    }
    for (int tries = 0; tries < 200; tries++) {
        leak->leak = CALL("GET", pool_path, .port = PORT_SECOND);
        if (leak->leak->json && json_array_size(json_object_get(leak->leak->json, "leaks")) > 0)
            break;
        pause_ms(300);
    }
    pause_ms(2500); /* the pool looks every second */
    leak->figures = CALL("GET", "/metrics", .port = PORT_SECOND);
    sql_on(leak->lock, "ROLLBACK");
}

/* A lock keeps a statement waiting, whose time-out is long: nobody but the operator can know what that is for. */
START_TEST(a_connection_that_is_out_for_longer_than_30_seconds_is_named)
{
    watchdog(150);
    expect_log("FG1070");
    leak_t leak = {.lock = sql_session(), .token = person("student").access};
    env_second_launch("ForgeStatementTimeout 60s\n");
    ck_assert(env_second_ready(30));
    sql_on(leak.lock, "BEGIN; LOCK TABLE forge.courses IN ACCESS EXCLUSIVE MODE");
    parallel(2, hold_or_look, &leak);
    expect_status(leak.held, 200);
    expect_status(leak.leak, 200);
    ck_assert_int_eq(int_at(leak.leak->json, "/held_long"), 1);
    ck_assert_str_eq(text_at(leak.leak->json, "/leaks/0/route"), "GET /api/v1/courses");
    ck_assert_str_eq(text_at(leak.leak->json, "/leaks/0/request_id"), "holds-it-for-long");
    ck_assert_str_eq(text_at(leak.leak->json, "/leaks/0/activity"), "forge holds-it-for-long");
    ck_assert(json_number_value(at(leak.leak->json, "/leaks/0/held_seconds")) > 30);
    ck_assert_ptr_nonnull(strstr(leak.figures->body, "\nforge_db_connections_held_long 1\n"));
    char *log = log_since("error.log"), *line = strstr(log, "FG1070");
    ck_assert_ptr_nonnull(line);
    ck_assert_ptr_nonnull(strstr(line, "\"forge holds-it-for-long\" has it, route GET /api/v1/courses"));
    ck_assert_ptr_null(strstr(line + 1, "FG1070")); /* said once */
    reply_t *after = CALL("GET", pool_path, .port = PORT_SECOND);
    ck_assert_int_eq(int_at(after->json, "/held_long"), 0);
    ck_assert_uint_eq(json_array_size(at(after->json, "/leaks")), 0);
}
END_TEST

/* SECURITY 58 */
START_TEST(access_is_apaches)
{
    expect_log("AH01630");
    person_t admin = person("admin");
    static const char *const paths[] = {pool_path, health_path, performance_path, "/api/v1/monitor/database/pool/",
                                        NULL};
    for (const char *const *path = paths; *path; path++) {
        expect_problem(CALL("GET", *path, .port = PORT_STRICT), "insufficient_scope");
        expect_status(CALL("GET", *path, .port = PORT_STRICT, .token = admin.access), 403);
        expect_problem(CALL("GET", *path, .port = PORT_DOORS), "unauthenticated");
        expect_status(CALL("GET", *path, .port = PORT_DOORS, .token = admin.access), 200);
    }
    expect_status(CALL("GET", "/api/v1/monitor/health", .port = PORT_STRICT), 200);
}
END_TEST

/* --- health and performance: each virtual host keeps an answer of its own for five seconds --- */

START_TEST(health_is_told)
{
    reply_t *reply = CALL("GET", health_path);
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/status"), "pass");
    ck_assert_str_eq(header(reply, "Cache-Control"), "no-store");
    ck_assert_int_eq(int_at(reply->json, "/connections/max"), atoi(sql("SHOW max_connections")));
    ck_assert_int_gt(int_at(reply->json, "/connections/used"), 0);
    ck_assert_str_eq(text_at(reply->json, "/server_version"), sql("SHOW server_version"));
    ck_assert_int_gt(int_at(reply->json, "/database_size_bytes"), 1 << 20);
    ck_assert(json_is_false(at(reply->json, "/in_recovery")));
    ck_assert(json_is_false(at(reply->json, "/all_activity")));
    ck_assert_uint_eq(json_array_size(at(reply->json, "/checks")), 4);
}
END_TEST

START_TEST(health_of_a_database_that_is_away)
{
    expect_outage();
    env_outage();
    env_postgres_stop(true);
    reply_t *reply = NULL;
    for (int i = 0; i < 100 && !(reply && reply->status == 503); i++) { /* what was kept is told until it is old */
        pause_ms(100);
        reply = CALL("GET", health_path, .port = PORT_KEYS);
    }
    expect_status(reply, 503);
    ck_assert_str_eq(text_at(reply->json, "/status"), "fail");
    ck_assert_str_eq(text_at(reply->json, "/checks/0/name"), "reached");
    ck_assert(json_is_null(at(reply->json, "/connections")));
    ck_assert_ptr_nonnull(header(reply, "Retry-After"));
    expect_problem(CALL("GET", performance_path, .port = PORT_KEYS), "database_unavailable");
    ck_assert_int_gt(int_at(CALL("GET", pool_path)->json, "/size"), 0); /* the database is not asked */
    env_postgres_start();
}
END_TEST

/* The application's role may see little, and the extension is not loaded: the answer says so, and has what is left. */
START_TEST(what_cannot_be_seen_is_said)
{
    CALL("GET", courses_path);
    reply_t *reply = CALL("GET", performance_path);
    expect_status(reply, 200);
    ck_assert(json_is_false(at(reply->json, "/available/pg_stat_statements")));
    ck_assert_str_eq(text_at(reply->json, "/available/pg_stat_statements_reason"),
                     "The extension is not there: CREATE EXTENSION pg_stat_statements;");
    ck_assert(json_is_false(at(reply->json, "/available/activity")));
    ck_assert_str_eq(text_at(reply->json, "/available/activity_reason"),
                     "The sessions of other roles show little: GRANT pg_monitor TO forge_app;");
    const json_t *slow = at(reply->json, "/slow_statements");
    ck_assert_uint_gt(json_array_size(slow), 3);
    ck_assert_uint_le(json_array_size(slow), 20);
    ck_assert_str_eq(text_at(slow, "/0/query"), text_at(slow, "/0/statement"));
    ck_assert_int_gt(int_at(slow, "/0/calls"), 0);
    ck_assert(json_number_value(at(slow, "/0/total_seconds")) >= json_number_value(at(slow, "/1/total_seconds")));
    sql("CREATE EXTENSION pg_stat_statements");
    reply = CALL("GET", performance_path, .port = PORT_TLS);
    sql("DROP EXTENSION pg_stat_statements");
    expect_status(reply, 200);
    ck_assert_str_eq(
        text_at(reply->json, "/available/pg_stat_statements_reason"),
        "The extension is not loaded: shared_preload_libraries of the server must name pg_stat_statements.");
}
END_TEST

/* The advice with this code; NULL without one. */
static const json_t *advice(const reply_t *reply, const char *code)
{
    const json_t *list = at(reply->json, "/recommendations");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(text_at(list, F("/%zu/code", i)), code) == 0)
            return json_array_get(list, i);
    return NULL;
}

START_TEST(findings_come_with_what_mends_them)
{
    sql("CREATE TABLE forge.\"Odd table\" (n int); CREATE INDEX \"a b\" ON forge.\"Odd table\" (n);"
        "CREATE INDEX \"c d\" ON forge.\"Odd table\" (n)");
    reply_t *reply = CALL("GET", performance_path, .port = PORT_QUICK);
    sql("DROP TABLE forge.\"Odd table\"");
    expect_status(reply, 200);
    const json_t *one = advice(reply, "index_duplicate");
    ck_assert_ptr_nonnull(one);
    ck_assert_str_eq(text_at(one, "/sql"), "DROP INDEX CONCURRENTLY forge.\"c d\";");
    ck_assert_str_eq(text_at(one, "/text"), "Index forge.\"c d\" does the same as forge.\"a b\".");
    ck_assert_str_eq(text_at(reply->json, "/indexes/duplicate/0/name"), "c d");
    ck_assert_str_eq(text_at(reply->json, "/recommendations/0/severity"), "critical"); /* this cluster's fsync is off */
    ck_assert_ptr_nonnull(advice(reply, "setting_fsync"));
    ck_assert_uint_gt(json_array_size(at(reply->json, "/tables")), 20);
}
END_TEST

/* However many ask, each child asks the database once in five seconds. */
START_TEST(the_answer_is_kept)
{
    const char *seen[64];
    int pids[64], count = 0, asked = 30;
    double seconds = 0;
    for (int i = 0; i < asked; i++) {
        reply_t *reply = CALL("GET", performance_path, .port = PORT_LIMITS, .from = F("127.0.9.%d", i + 1));
        const char *at_time = text_at(reply->json, "/timestamp");
        bool known = false;
        seconds += reply->seconds;
        for (int k = 0; k < count; k++)
            known = known || strcmp(seen[k], at_time) == 0;
        if (!known)
            seen[count++] = at_time;
    }
    ck_assert_int_le(count, env_children(pids, 64) * (int)(1 + (seconds + 1) / 5));
    ck_assert_int_lt(count, asked);
}
END_TEST

typedef struct wait_t {
    struct pg_conn *lock;
    const char *token;
    reply_t *figures;
} wait_t;

static void wait_or_look(int i, void *baton)
{
    wait_t *wait = baton;
    if (i == 0) {
        CALL("GET", courses_path, .port = PORT_QUEUE, .token = wait->token,
             .headers = {"X-Request-ID: waits-for-psql"});
        return;
    }
    while (atoi(sql("SELECT count(*) FROM pg_locks WHERE NOT granted AND waitstart IS NOT NULL")) == 0)
        pause_ms(20);
    wait->figures = CALL("GET", performance_path, .port = PORT_SMTP);
    sql_on(wait->lock, "ROLLBACK");
}

/* With the request that waits, and the name of its statement: what others do is not shown. */
START_TEST(locks_name_the_request)
{
    wait_t wait = {.lock = sql_session(), .token = person("student").access};
    sql_on(wait.lock, "SET application_name = 'the other'; BEGIN; LOCK TABLE forge.courses IN ACCESS EXCLUSIVE MODE");
    parallel(2, wait_or_look, &wait);
    expect_status(wait.figures, 200);
    const json_t *lock = at(wait.figures->json, "/locks/0");
    ck_assert_str_eq(text_at(lock, "/application_name"), "forge waits-for-psql");
    ck_assert_str_eq(text_at(lock, "/relation"), "forge.courses");
    ck_assert_str_eq(text_at(lock, "/blocker"), "the other");
    ck_assert_uint_eq(json_array_size(at(lock, "/blocked_by")), 1);
    ck_assert_int_eq(strncmp(text_at(lock, "/statement"), "course", 6), 0);
    ck_assert_ptr_null(strstr(wait.figures->body, "ACCESS EXCLUSIVE MODE"));
}
END_TEST

Suite *suite_database(void)
{
    Suite *suite = suite_create("database");
    TCase *pool = case_make(suite, "pool");
    tcase_add_test(pool, pools_add_up);
    tcase_add_test(pool, time_outs_are_counted);
    tcase_add_test(pool, access_is_apaches);
    TCase *report = case_make(suite, "report");
    tcase_add_test(report, health_is_told);
    tcase_add_test(report, what_cannot_be_seen_is_said);
    tcase_add_test(report, findings_come_with_what_mends_them);
    tcase_add_test(report, the_answer_is_kept);
    tcase_add_test(report, locks_name_the_request);
    tcase_add_test(report, health_of_a_database_that_is_away);
    TCase *leaks = case_make(suite, "leaks");
    tcase_add_checked_fixture(leaks, NULL, env_second_stop);
    tcase_add_test(leaks, a_connection_that_is_out_for_longer_than_30_seconds_is_named);
    return suite;
}
