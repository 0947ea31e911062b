/* SPDX-License-Identifier: Apache-2.0
 * What an operator is told of the database (SPEC 12): the pools, and who holds a connection for too long.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static const char pool_path[] = "/api/v1/monitor/database/pool";
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

static void let_go_or_wait(int i, void *lock)
{
    if (i > 0) {
        CALL("GET", courses_path, .port = PORT_POOL, .lenient = true);
        return;
    }
    pause_ms(1500); /* whoever waits for a connection does so for 200 ms */
    sql_on(lock, "ROLLBACK");
}

/* More requests than there are connections, all of which wait for a lock. */
START_TEST(time_outs_are_counted)
{
    json_int_t before = int_at(CALL("GET", pool_path)->json, "/timeouts_total");
    struct pg_conn *lock = sql_session();
    sql_on(lock, "BEGIN; LOCK TABLE forge.courses IN ACCESS EXCLUSIVE MODE");
    parallel(25, let_go_or_wait, lock);
    json_int_t after = int_at(CALL("GET", pool_path)->json, "/timeouts_total");
    ck_assert_int_gt(after, before);
    ck_assert_int_eq(after, metric("forge_db_wait_timeouts_total"));
}
END_TEST

typedef struct leak_t {
    struct pg_conn *lock;
    reply_t *held, *leak, *figures; /* the answer of whoever held it; what was seen meanwhile */
} leak_t;

/* One request sits in a statement that waits for a lock, the other looks until it is noticed. */
static void hold_or_look(int i, void *baton)
{
    leak_t *leak = baton;
    if (i == 0) {
        leak->held = CALL("GET", courses_path, .port = PORT_SECOND, .patience = 90000,
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
    leak_t leak = {.lock = sql_session()};
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
    static const char *const paths[] = {pool_path, "/api/v1/monitor/database/pool/", NULL};
    for (const char *const *path = paths; *path; path++) {
        expect_problem(CALL("GET", *path, .port = PORT_STRICT), "insufficient_scope");
        expect_status(CALL("GET", *path, .port = PORT_STRICT, .token = admin.access), 403);
        expect_problem(CALL("GET", *path, .port = PORT_DOORS), "unauthenticated");
        expect_status(CALL("GET", *path, .port = PORT_DOORS, .token = admin.access), 200);
    }
    expect_status(CALL("GET", "/api/v1/monitor/health", .port = PORT_STRICT), 200);
}
END_TEST

Suite *suite_database(void)
{
    Suite *suite = suite_create("database");
    TCase *pool = case_make(suite, "pool");
    tcase_add_test(pool, pools_add_up);
    tcase_add_test(pool, time_outs_are_counted);
    tcase_add_test(pool, access_is_apaches);
    TCase *leaks = case_make(suite, "leaks");
    tcase_add_checked_fixture(leaks, NULL, env_second_stop);
    tcase_add_test(leaks, a_connection_that_is_out_for_longer_than_30_seconds_is_named);
    return suite;
}
