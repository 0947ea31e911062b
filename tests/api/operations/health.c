/* SPDX-License-Identifier: Apache-2.0
 * Health: what it shows, and that it tells the truth when the database goes away and comes back (SPEC 12).
 */
#include "harness.h"

#include <string.h>
#include <unistd.h>

/* The answer once all is well: forge-runner answers when its self-test is over, and on a busy machine now and then not
 * within the moment that a check may take. */
static reply_t *well(const char *path, const char *accept)
{
    reply_t *reply = NULL;
    for (int i = 0; i < 150; i++) {
        reply = accept ? CALL("GET", path, .headers = {accept}) : CALL("GET", path);
        if (strcmp(text_at(reply->json, "/status"), "pass") == 0)
            return reply;
        pause_ms(200);
    }
    return reply;
}

START_TEST(shape)
{
    static const char *const paths[] = {"/health", "/api/v1/health", "/api/v1/monitor/health", NULL};
    for (const char *const *path = paths; *path; path++) {
        reply_t *reply = well(*path, NULL);
        expect_status(reply, 200);
        ck_assert_msg(strcmp(text_at(reply->json, "/status"), "pass") == 0, "%s", reply->body);
        ck_assert_str_eq(text_at(reply->json, "/environment"), "test");
        ck_assert_str_eq(text_at(reply->json, "/database"), "connected");
        text_at(reply->json, "/version");
        const char *time = text_at(reply->json, "/timestamp");
        ck_assert_msg(time[strlen(time) - 1] == 'Z', "%s", time);
        static const char *const checks[] = {"draining",  "database", "migrations", "replica", "redis",
                                             "sandbox",   "mail",     "jobs",       "llm",     "discovery",
                                             "upstreams", "disk",     "memory",     NULL};
        for (const char *const *check = checks; *check; check++)
            at(reply->json, F("/checks/%s", *check));
        ck_assert_msg(!strstr(reply->body, env.dir) && !strstr(reply->body, "host="),
                      "health says nothing of paths and hosts: %s", reply->body);
    }
    expect_status(CALL("GET", "/health/live"), 200);
    expect_status(CALL("GET", "/health/ready"), 200);
}
END_TEST

/* Checks by component and measurement, for those who ask for that form by its name. */
START_TEST(draft_form)
{
    static const char *const paths[] = {"/health",       "/api/v1/health",      "/api/v1/monitor/health",
                                        "/health/ready", "/api/v1/auth/health", NULL};
    for (const char *const *path = paths; *path; path++) {
        reply_t *reply = well(*path, "Accept: application/health+json, application/json;q=0.5");
        expect_status(reply, 200);
        ck_assert_str_eq(header(reply, "Content-Type"), "application/health+json; charset=utf-8");
        ck_assert_str_eq(text_at(reply->json, "/status"), "pass");
        text_at(reply->json, "/version");
        const char *name;
        json_t *check;
        json_object_foreach(at(reply->json, "/checks"), name, check)
        {
            const char *status = text_at(check, "/0/status");
            ck_assert_ptr_nonnull(strchr(name, ':'));
            ck_assert_msg(strcmp(status, "pass") == 0, "%s: %s", name, status);
            ck_assert_ptr_null(json_object_get(at(check, "/0"), "output"));
            text_at(check, "/0/time");
            text_at(check, "/0/componentType");
        }
        ck_assert(json_is_number(at(reply->json, "/checks/database:responseTime/0/observedValue")));
        ck_assert_str_eq(text_at(reply->json, "/checks/database:responseTime/0/observedUnit"), "ms");
        ck_assert_ptr_null(maybe_at(reply->json, "/checks/redis:availability"));
        ck_assert_msg(!strstr(reply->body, env.dir) && !strstr(reply->body, "host="), "%s", reply->body);
        ck_assert_str_eq(header(CALL("GET", *path), "Content-Type"), "application/json; charset=utf-8");
    }
    expect_problem(CALL("GET", "/health", .headers = {"Accept: text/html"}), "not_acceptable");
}
END_TEST

/* A database that takes questions and never answers: the report comes all the same, and says so in both forms. */
START_TEST(database_hangs)
{
    expect_outage();
    env_postgres_freeze(true);
    pause_ms(1100);
    reply_t *plain = CALL("GET", "/health", .patience = 10000),
            *draft = CALL("GET", "/health", .patience = 10000, .headers = {"Accept: application/health+json"}),
            *live = CALL("GET", "/health/live", .patience = 10000),
            *seen = CALL("GET", "/api/v1/monitor", .patience = 10000);
    env_postgres_freeze(false);
    expect_status(plain, 503);
    ck_assert_str_eq(text_at(plain->json, "/status"), "fail");
    ck_assert_str_eq(text_at(plain->json, "/database"), "disconnected");
    ck_assert_str_eq(text_at(plain->json, "/checks/mail/status"), "warn");
    ck_assert_str_eq(text_at(plain->json, "/checks/memory/status"), "pass");
    expect_status(draft, 503);
    ck_assert_str_eq(text_at(draft->json, "/checks/database:responseTime/0/status"), "fail");
    ck_assert_str_eq(text_at(draft->json, "/checks/database:responseTime/0/output"), "it cannot be reached");
    ck_assert_str_eq(text_at(draft->json, "/checks/jobs:delay/0/output"), "the database cannot be used");
    expect_status(live, 200);
    expect_status(seen, 200);
    ck_assert_str_eq(text_at(seen->json, "/status"), "fail");
    ck_assert_str_eq(text_at(seen->json, "/database/status"), "disconnected");
    ck_assert_msg(env_wait_ready(10), "ready again");
}
END_TEST

/* The operator's file: balancers hear that this node goes, and whoever is here is served all the same. */
START_TEST(a_draining_node_says_so_before_it_stops)
{
    person_t me = person("student");
    well("/health", NULL);
    ck_assert_str_eq(text_at(CALL("GET", "/health/ready")->json, "/checks/draining/status"), "pass");
    file_write(F("%s/drain", env.dir), "");
    reply_t *ready = CALL("GET", "/health/ready"), *health = CALL("GET", "/health"),
            *draft = CALL("GET", "/health/ready", .headers = {"Accept: application/health+json"}),
            *served = CALL("GET", "/api/v1/auth/me", .token = me.access);
    unlink(F("%s/drain", env.dir));
    expect_status(ready, 503);
    ck_assert_str_eq(header(ready, "Retry-After"), "5");
    ck_assert_str_eq(text_at(ready->json, "/status"), "fail");
    ck_assert_str_eq(text_at(ready->json, "/database"), "connected");
    ck_assert_str_eq(text_at(ready->json, "/checks/draining/status"), "fail");
    expect_status(health, 200);
    ck_assert_str_eq(text_at(health->json, "/status"), "warn");
    expect_status(draft, 503);
    ck_assert_str_eq(text_at(draft->json, "/checks/node:draining/0/output"), "the operator takes this node out");
    expect_status(served, 200);
    expect_status(CALL("GET", "/health/ready"), 200);
    expect_status(CALL("GET", "/health/ready", .port = PORT_STRICT), 200);
}
END_TEST

/* A file of which nobody can tell: the node stays, and says so. The link leads to itself, because a folder that is shut
 * is open to root. */
START_TEST(a_node_that_cannot_tell_whether_it_drains_warns)
{
    const char *file = F("%s/drain", env.dir);
    expect_log("FG0568");
    ck_assert_int_eq(symlink("drain", file), 0);
    reply_t *ready = CALL("GET", "/health/ready"),
            *draft = CALL("GET", "/health/ready", .headers = {"Accept: application/health+json"}),
            *health = CALL("GET", "/health");
    unlink(file);
    expect_status(ready, 200);
    ck_assert_str_eq(text_at(ready->json, "/status"), "warn");
    ck_assert_str_eq(text_at(ready->json, "/checks/draining/status"), "warn");
    ck_assert_str_eq(text_at(draft->json, "/checks/node:draining/0/output"),
                     "nobody can tell whether the operator takes this node out");
    ck_assert_str_eq(text_at(health->json, "/checks/draining/status"), "warn");
    ck_assert_str_eq(text_at(CALL("GET", "/health/ready")->json, "/checks/draining/status"), "pass");
}
END_TEST

/* What the database's absence may put into the error log. */
START_TEST(database_gone_and_back)
{
    person_t me = person("instructor");
    expect_outage();
    env_postgres_stop(false);
    pause_ms(1100);
    reply_t *health = CALL("GET", "/health");
    expect_status(health, 503);
    ck_assert_str_eq(text_at(health->json, "/status"), "fail");
    ck_assert_str_ne(text_at(health->json, "/database"), "connected");
    expect_status(CALL("GET", "/health/live"), 200);
    expect_status(CALL("GET", "/health/ready"), 503);
    expect_problem(CALL("GET", "/api/v1/courses"), "database_unavailable");
    expect_problem(CALL("GET", "/api/v1/courses/1"), "database_unavailable");
    expect_problem(CALL("GET", "/api/v1/auth/me", .token = me.access), "database_unavailable");
    expect_problem(CALL("POST", "/api/v1/courses", .token = me.access, .json = "{\"title\":\"T\"}"),
                   "database_unavailable");
    expect_problem(CALL("POST", "/api/v1/auth/login",
                        .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", me.username, me.password)),
                   "database_unavailable");
    expect_problem(CALL("GET", "/api/v1/auth/me", .token = "rubbish"), "invalid_token");
    expect_problem(CALL("GET", "/api/v1/nothing"), "not_found");
    expect_status(CALL("GET", "/metrics"), 200);
    env_postgres_start();
    ck_assert_msg(env_wait_ready(5), "ready again within 5 s");
    expect_served("/api/v1/auth/me", me.access);
    expect_status(CALL("POST", "/api/v1/courses", .token = me.access, .json = "{\"title\":\"T\"}"), 201);
}
END_TEST

/* An older schema is said so, and heals by itself. */
START_TEST(old_schema)
{
    expect_log("FG");
    char *newest = sql("SELECT row_to_json(m)::text FROM forge.migrations m ORDER BY number DESC LIMIT 1");
    sql("DELETE FROM forge.migrations WHERE number = (SELECT max(number) FROM forge.migrations)");
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'forge_app'");
    pause_ms(1200);
    reply_t *ready = CALL("GET", "/health/ready"), *list = CALL("GET", "/api/v1/courses"),
            *live = CALL("GET", "/health/live");
    sql("INSERT INTO forge.migrations SELECT * FROM json_populate_record(NULL::forge.migrations, '%s')", newest);
    expect_status(ready, 503);
    expect_problem(list, "schema_outdated");
    expect_status(live, 200);
    ck_assert_msg(env_wait_ready(5), "ready again within 5 s");
    expect_served("/api/v1/courses", NULL);
}
END_TEST

/* A newer schema serves, as nodes are upgraded one after the other; one that breaks older modules is refused, and
 * heals. */
START_TEST(newer_schema)
{
    expect_log("FG");
    sql("INSERT INTO forge.migrations (number, name, sha256, applied_at) VALUES (9998, 'more', repeat('0', 64), "
        "now())");
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'forge_app'");
    pause_ms(1200);
    ck_assert_msg(env_wait_ready(5), "ready with a newer schema");
    expect_served("/api/v1/courses", NULL);
    sql("UPDATE forge.migrations SET name = 'less_breaking' WHERE number = 9998");
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'forge_app'");
    pause_ms(1200);
    reply_t *ready = CALL("GET", "/health/ready"), *list = CALL("GET", "/api/v1/courses"),
            *live = CALL("GET", "/health/live");
    sql("DELETE FROM forge.migrations WHERE number = 9998");
    expect_status(ready, 503);
    expect_problem(list, "schema_ahead");
    expect_status(live, 200);
    ck_assert_msg(env_wait_ready(5), "ready again within 5 s");
    expect_served("/api/v1/courses", NULL);
}
END_TEST

/* Until the answer has the code. */
static void comes(const char *method, const char *path, const person_t *me, const char *code)
{
    reply_t *reply = NULL;
    for (int i = 0; i < 100; i++) {
        reply = CALL(method, path, .token = me->access, .json = strcmp(method, "POST") ? NULL : "{\"title\":\"T\"}",
                     .lenient = true);
        if (strstr(reply->body, code))
            break;
        pause_ms(100);
    }
    expect_problem(reply, code);
}

/* Connections that were made before the migration notice it too. */
START_TEST(a_running_server_notices_the_schema)
{
    person_t me = person("instructor");
    expect_log("FG");
    expect_status(CALL("POST", "/api/v1/courses", .token = me.access, .json = "{\"title\":\"T\"}"), 201);
    sql("INSERT INTO forge.migrations (number, name, sha256, applied_at) VALUES (9998, 'less_breaking', "
        "repeat('0', 64), now())");
    comes("POST", "/api/v1/courses", &me, "schema_ahead");
    comes("GET", "/api/v1/auth/me", &me, "schema_ahead");
    sql("DELETE FROM forge.migrations WHERE number = 9998");
    ck_assert_msg(env_wait_ready(5), "ready again within 5 s");
    expect_served("/api/v1/auth/me", me.access);
    char *newest = sql("SELECT row_to_json(m)::text FROM forge.migrations m ORDER BY number DESC LIMIT 1");
    sql("DELETE FROM forge.migrations WHERE number = (SELECT max(number) FROM forge.migrations)");
    comes("POST", "/api/v1/courses", &me, "schema_outdated");
    comes("GET", "/api/v1/auth/me", &me, "schema_outdated");
    sql("INSERT INTO forge.migrations SELECT * FROM json_populate_record(NULL::forge.migrations, '%s')", newest);
    ck_assert_msg(env_wait_ready(5), "ready again within 5 s");
    expect_served("/api/v1/auth/me", me.access);
}
END_TEST

/* SECURITY 60: the role that requests run under can do what they need and no more */
START_TEST(application_role_is_small)
{
    static const char *const never[] = {"SELECT count(*) FROM pg_class WHERE relowner = 'forge_app'::regrole",
                                        "SELECT has_schema_privilege('forge_app', 'forge', 'CREATE')::int",
                                        "SELECT has_schema_privilege('forge_app', 'public', 'CREATE')::int",
                                        "SELECT has_database_privilege('forge_app', 'forge', 'CREATE')::int",
                                        "SELECT (rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls)::int FROM "
                                        "pg_roles WHERE rolname = 'forge_app'",
                                        "SELECT has_table_privilege('forge_app', 'forge.audit_events', 'UPDATE')::int "
                                        "+ has_table_privilege('forge_app', "
                                        "'forge.audit_events', 'DELETE')::int",
                                        "SELECT has_table_privilege('forge_app', 'forge.migrations', 'INSERT')::int + "
                                        "has_table_privilege('forge_app', 'forge.migrations', "
                                        "'DELETE')::int",
                                        "SELECT count(*) FROM pg_class WHERE relnamespace = 'forge'::regnamespace AND "
                                        "relkind = 'r' AND has_table_privilege('forge_app', "
                                        "oid, 'TRUNCATE')",
                                        NULL};
    for (const char *const *question = never; *question; question++)
        ck_assert_str_eq(sql("%s", *question), "0");
}
END_TEST

Suite *suite_health(void)
{
    Suite *suite = suite_create("health");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, shape);
    tcase_add_test(all, draft_form);
    tcase_add_test(all, a_draining_node_says_so_before_it_stops);
    tcase_add_test(all, a_node_that_cannot_tell_whether_it_drains_warns);
    tcase_add_test(all, database_hangs);
    tcase_add_test(all, database_gone_and_back);
    tcase_add_test(all, old_schema);
    tcase_add_test(all, newer_schema);
    tcase_add_test(all, a_running_server_notices_the_schema);
    tcase_add_test(all, application_role_is_small);
    return suite;
}
