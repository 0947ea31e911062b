/* SPDX-License-Identifier: Apache-2.0
 * Public reads from a replica (ForgeReadDBD, SPEC 21), with a real one: they go there, nobody reads what is older than
 * what was acknowledged, and whatever happens to the replica, the primary answers.
 */
#include "harness.h"
#include "standby.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES (20 * env_patience(20)) /* of 50 ms; a generous end, not a promise about time */
enum { READERS = 4, ROUNDS = 40, ENOUGH = 20 };

#define PROMISE_MS 1000 /* what SPEC 21 says of a write of another node */

/* --- the second node, which has the replica --- */

static char *string(void)
{
    return F("host=%s port=5433 dbname=forge user=forge_app", standby_run());
}

static void node_with(const char *lines)
{
    env_second_launch(F("ForgeReadDBD \"%s\" lag=5s\n%s", string(), lines));
    ck_assert(env_second_ready(30));
}

static void begin(const char *lines)
{
    watchdog(150);
    standby_make(true);
    standby_start();
    node_with(lines);
}

/* Whatever a test that failed has left. */
static void tidy(void)
{
    env_second_stop();
    standby_stop();
    env_heal();
    sql_on(sql_session(), "ALTER SYSTEM RESET ALL");
    sql_on(sql_session(), "SELECT pg_reload_conf()");
    ck_assert(env_wait_ready(30));
    expect_served("/health/ready", NULL);
}

static long figure(const char *name)
{
    const char *at = strstr(CALL("GET", "/metrics", .port = PORT_SECOND)->body, F("\n%s ", name));
    return at ? strtol(at + 1 + strlen(name), NULL, 10) : -1;
}

static long reads(const char *outcome)
{
    return figure(F("forge_db_replica_reads_total{outcome=\"%s\"}", outcome));
}

static reply_t *get(const char *path)
{
    reply_t *reply = CALL("GET", path, .port = PORT_SECOND);
    expect_status(reply, 200);
    return reply;
}

/* Reads until so many reads ended so, with ForgeCache off: what is answered from memory is no read. */
static void wait_reads(const char *path, const char *outcome, long more)
{
    long before = reads(outcome);
    for (int i = 0; i < TRIES && reads(outcome) - before < more; i++) {
        get(path);
        pause_ms(50);
    }
    ck_assert_int_ge(reads(outcome) - before, more);
}

static const char *health(void)
{
    return text_at(CALL("GET", "/health", .port = PORT_SECOND)->json, "/checks/replica/status");
}

static void wait_health(const char *wanted)
{
    for (int i = 0; i < TRIES && strcmp(health(), wanted); i++)
        pause_ms(50);
    ck_assert_str_eq(health(), wanted);
    ck_assert_str_ne(text_at(CALL("GET", "/health", .port = PORT_SECOND)->json, "/status"), "fail");
}

static const char *path_of(person_t owner, const char *title)
{
    return F("/api/v1/courses/%lld", (long long)course_of(owner, title));
}

/* --- what goes there --- */

/* The replica itself says which statements it was asked. */
START_TEST(public_reads_go_to_the_replica)
{
    begin("ForgeCache off\n");
    person_t owner = person("instructor");
    const char *path = path_of(owner, "Far away");
    wait_reads(path, "served", ENOUGH);
    ck_assert_str_ne(standby_sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'forge_app'"
                                 " AND application_name LIKE 'forge %%' AND query LIKE '%%forge:course_get_open%%'"),
                     "0");
    ck_assert_str_eq(text_at(get(path)->json, "/title"), "Far away");
    long served = reads("served");
    for (int i = 0; i < ENOUGH; i++) /* what an account may see depends on more than the tables of the route */
        expect_status(CALL("GET", path, .port = PORT_SECOND, .token = owner.access), 200);
    ck_assert_int_eq(reads("served"), served);
    ck_assert_int_eq(reads("failed"), 0);
    wait_health("pass");
    ck_assert_int_eq(figure("forge_db_replica_up"), 1);
    ck_assert_int_ge(figure("forge_db_replica_connections{state=\"size\"}"), 1);
    ck_assert_int_ge(int_at(CALL("GET", "/api/v1/monitor/database/pool", .port = PORT_SECOND)->json, "/replica_size"),
                     1);
}
END_TEST

/* One request of each route that says what it reads (tests/guards/replica.sh looks that none is missing). */
START_TEST(no_public_route_writes)
{
    person_t owner = person("instructor"), admin = person("admin");
    json_int_t course = course_of(owner, "All of it");
    const char *base = F("/api/v1/courses/%lld", (long long)course);
    expect_status(CALL("POST", F("%s/modules", base), .token = owner.access, .json = "{\"title\":\"M\"}"), 201);
    const char *module = F("%s/modules/%s", base, F("%s", sql("SELECT max(id) FROM forge.modules")));
    expect_status(
        CALL("POST", F("%s/lessons", module), .token = owner.access, .json = "{\"title\":\"L\",\"content\":\"x\"}"),
        201);
    expect_status(CALL("POST", "/api/v1/achievements", .token = admin.access, .json = "{\"name\":\"A\"}"), 201);
    sql("INSERT INTO forge.exercises (course_id, author_id, title, published) VALUES (%lld, %lld, 'E', true)"
        " RETURNING 1",
        (long long)course, (long long)owner.id);
    const struct {
        const char *operation, *path;
    } routes[] = {
        {"course_list", "/api/v1/courses?count=true"},
        {"course_get", base},
        {"module_list", F("%s/modules", base)},
        {"module_get", module},
        {"lesson_list", F("%s/lessons", module)},
        {"prerequisites_get", F("%s/prerequisites", base)},
        {"course_path", F("%s/path", base)},
        {"exercise_list", "/api/v1/exercises"},
        {"exercise_get", F("/api/v1/exercises/%s", F("%s", sql("SELECT max(id) FROM forge.exercises")))},
        {"achievement_list", "/api/v1/achievements"},
        {"achievement_get", F("/api/v1/achievements/%s", F("%s", sql("SELECT max(id) FROM forge.achievements")))},
    };
    begin("ForgeCache off\n");
    for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
        wait_reads(routes[i].path, "served", 1);
    ck_assert_int_eq(reads("failed"), 0);
}
END_TEST

/* --- nobody reads what is older --- */

static void rename_course(port_t port, const char *path, person_t owner, const char *title)
{
    expect_status(CALL("PATCH", path, .port = port, .token = owner.access, .json = F("{\"title\":\"%s\"}", title)),
                  200);
}

/* Until the replica serves. What is answered from memory is asked of nobody, so each try reads a course of its own. */
static void wait_replica(person_t owner)
{
    long before = reads("served");
    for (int i = 0; i < TRIES && reads("served") == before; i++) {
        const char *path = path_of(owner, "Awaited");
        pause_ms(50);
        get(path);
    }
    ck_assert_int_gt(reads("served"), before);
}

static void own_writes_are_read(const char *lines)
{
    begin(lines);
    person_t owner = person("instructor");
    const char *path = path_of(owner, "Before");
    wait_replica(owner);
    standby_sql("SELECT pg_wal_replay_pause()");
    for (int i = 0; i < ENOUGH; i++) {
        rename_course(PORT_SECOND, path, owner, F("Round %d", i));
        ck_assert_str_eq(text_at(get(path)->json, "/title"), F("Round %d", i));
    }
    wait_health("warn");
    ck_assert_str_eq(text_at(get(path)->json, "/title"), F("Round %d", ENOUGH - 1));
    standby_sql("SELECT pg_wal_replay_resume()");
    wait_health("pass");
    ck_assert_str_eq(text_at(get(path)->json, "/title"), F("Round %d", ENOUGH - 1));
}

START_TEST(own_writes_are_read_at_once_while_the_replay_stands)
{
    own_writes_are_read("ForgeCache off\n");
    wait_reads("/api/v1/courses", "served", 1);
}
END_TEST

START_TEST(own_writes_are_read_at_once_from_the_cache_too)
{
    own_writes_are_read("");
}
END_TEST

/* Writers on both nodes, readers on the one with the replica, whose replay stands and goes on again and again. */
typedef struct crew_t {
    const char *path;
    person_t owner;
    long acknowledged_at[ROUNDS + 2]; /* by version; 0: not yet. Even versions are written at the other node */
    bool over;
} crew_t;

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int least(const crew_t *crew)
{
    for (int version = ROUNDS + 1; version > 1; version--) {
        long at = __atomic_load_n(&crew->acknowledged_at[version], __ATOMIC_ACQUIRE);
        if (at && at <= now_ms() - (version % 2 ? 0 : PROMISE_MS))
            return version;
    }
    return 1;
}

static void read_on(crew_t *crew)
{
    while (!__atomic_load_n(&crew->over, __ATOMIC_ACQUIRE)) {
        int wanted = least(crew);
        reply_t *reply = CALL("GET", crew->path, .port = PORT_SECOND);
        if (reply->status != 200 || int_at(reply->json, "/version") < wanted)
            fail_later("%d, version %d of %d or more", reply->status,
                       reply->status == 200 ? (int)int_at(reply->json, "/version") : 0, wanted);
    }
}

static void write_on(crew_t *crew)
{
    for (int version = 2; version <= ROUNDS + 1; version++) {
        reply_t *reply = CALL("PATCH", crew->path, .port = version % 2 ? PORT_SECOND : PORT_MAIN,
                              .token = crew->owner.access, .json = F("{\"title\":\"Version %d\"}", version));
        if (reply->status != 200)
            fail_later("PATCH: %d", reply->status);
        __atomic_store_n(&crew->acknowledged_at[version], now_ms(), __ATOMIC_RELEASE);
        pause_ms(version % 7 * 20);
    }
    __atomic_store_n(&crew->over, true, __ATOMIC_RELEASE);
}

static void stop_and_go(const crew_t *crew)
{
    for (int i = 0; !__atomic_load_n(&crew->over, __ATOMIC_ACQUIRE); i++) {
        standby_sql(i % 2 ? "SELECT pg_wal_replay_resume()" : "SELECT pg_wal_replay_pause()");
        pause_ms(100);
    }
    standby_sql("SELECT pg_wal_replay_resume()");
}

static void work(int i, void *baton)
{
    if (i == READERS)
        write_on(baton);
    else if (i > READERS)
        stop_and_go(baton);
    else
        read_on(baton);
}

static void nothing_older_is_read(const char *lines)
{
    begin(lines);
    crew_t crew = {.owner = person("instructor")};
    crew.path = path_of(crew.owner, "Version 1");
    wait_replica(crew.owner);
    parallel(READERS + 2, work, &crew);
}

START_TEST(no_read_is_older_than_promised)
{
    nothing_older_is_read("ForgeCache off\n");
    ck_assert_int_gt(reads("served"), 1);
    ck_assert_int_gt(reads("behind") + reads("unsure"), 0);
}
END_TEST

START_TEST(no_kept_answer_is_older_than_promised)
{
    nothing_older_is_read("");
}
END_TEST

/* --- what may happen to the replica --- */

static void read_many(int i, void *path)
{
    (void)i;
    for (int n = 0; n < ENOUGH; n++) {
        reply_t *reply = CALL("GET", path, .port = PORT_SECOND, .patience = 10000);
        if (reply->status != 200)
            fail_later("%d", reply->status);
    }
}

START_TEST(a_replica_that_is_gone_is_not_missed)
{
    expect_log("FG0416");
    begin("ForgeCache off\n");
    const char *path = path_of(person("instructor"), "Still here");
    wait_reads(path, "served", 1);
    standby_stop();
    parallel(READERS, read_many, (void *)path);
    wait_health("warn");
    wait_reads(path, "away", 1);
    ck_assert_int_eq(figure("forge_db_replica_up"), 0);
    standby_start();
    wait_health("pass");
    wait_reads(path, "served", ENOUGH);
}
END_TEST

/* A child that is still trying a connection has none for a read. */
static long reads_not_asked(void)
{
    return reads("away") + reads("busy");
}

/* It takes connections and statements, and answers nothing. */
START_TEST(a_replica_that_hangs_holds_nobody_up)
{
    expect_log("FG0416");
    begin("ForgeCache off\n");
    const char *path = path_of(person("instructor"), "Still here");
    wait_reads(path, "served", 1);
    standby_freeze(true);
    parallel(READERS, read_many, (void *)path);
    wait_health("warn");
    for (long last = -1; last != reads("failed");) { /* those that were on their way when it became known */
        last = reads("failed");
        pause_ms(1000);
    }
    long served = reads("served"), failed = reads("failed"), not_asked = reads_not_asked();
    for (int i = 0; i < ENOUGH; i++)
        get(path);
    ck_assert_int_eq(reads("served"), served);
    ck_assert_int_eq(reads("failed"), failed);
    ck_assert_int_ge(reads_not_asked(), not_asked + ENOUGH);
    standby_freeze(false);
    wait_health("pass");
    wait_reads(path, "served", ENOUGH);
}
END_TEST

static void disturb(int i, void *path)
{
    if (i < READERS) {
        read_many(i, path);
        return;
    }
    for (int n = 0; n < ENOUGH; n++) {
        standby_sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'forge_app'");
        pause_ms(20);
    }
}

/* 57P01: an administrator ends its sessions. */
START_TEST(ended_sessions_of_the_replica_are_not_seen)
{
    expect_log("FG0416");
    begin("ForgeCache off\n");
    const char *path = path_of(person("instructor"), "Still here");
    wait_reads(path, "served", 1);
    parallel(READERS + 1, disturb, (void *)path);
    wait_reads(path, "served", ENOUGH);
}
END_TEST

static void rewrite(int i, void *path)
{
    if (i < READERS) {
        read_many(i, path);
        return;
    }
    PGconn *session = PQconnectdb(env_dsn());
    for (int n = 0; n < ENOUGH; n++)
        PQclear(PQexec(session, "VACUUM FULL forge.courses"));
    PQfinish(session);
}

/* 40001: what the replay has to lock or to clear away goes before what reads there. */
START_TEST(conflicts_with_the_replay_are_not_seen)
{
    expect_log("FG0416");
    begin("ForgeCache off\n");
    standby_sql("ALTER SYSTEM SET max_standby_streaming_delay = 0");
    standby_sql("SELECT pg_reload_conf()");
    const char *path = path_of(person("instructor"), "Still here");
    wait_reads(path, "served", 1);
    parallel(READERS + 1, rewrite, (void *)path);
    wait_reads(path, "served", 1);
}
END_TEST

/* --- promotion --- */

/* There are never two primaries: a replica that has become one beside the old one is asked no more. */
START_TEST(a_replica_that_is_promoted_is_asked_no_more)
{
    expect_log("FG0416");
    begin("ForgeCache off\n");
    const char *path = path_of(person("instructor"), "Of the primary");
    wait_reads(path, "served", ENOUGH);
    standby_wait_replayed();
    standby_sql("SELECT pg_promote()");
    standby_sql("UPDATE forge.courses SET title = 'Of another'");
    for (int i = 0; i < ENOUGH; i++)
        ck_assert_str_eq(text_at(get(path)->json, "/title"), "Of the primary");
    wait_health("warn");
    long served = reads("served");
    parallel(READERS, read_many, (void *)path);
    ck_assert_int_eq(reads("served"), served);
}
END_TEST

typedef struct deeds_t {
    const char *token;
    char acknowledged[READERS][ROUNDS][32]; /* titles */
    int count[READERS];
    bool over;
} deeds_t;

static void write_until_over(int i, void *baton)
{
    deeds_t *deeds = baton;
    if (i == READERS) {
        pause_ms(500);
        env_postgres_stop(true);
        __atomic_store_n(&deeds->over, true, __ATOMIC_RELEASE);
        return;
    }
    for (int n = 0; n < ROUNDS && !__atomic_load_n(&deeds->over, __ATOMIC_ACQUIRE); n++) {
        char *title = deeds->acknowledged[i][deeds->count[i]];
        snprintf(title, sizeof(deeds->acknowledged[i][0]), "Deed %d of %d", n, i);
        reply_t *reply = CALL("POST", "/api/v1/courses", .port = PORT_SECOND, .token = deeds->token,
                              .json = F("{\"title\":\"%s\"}", title), .lenient = true, .patience = 10000);
        deeds->count[i] += reply->status == 201;
        pause_ms(10);
    }
}

/* With synchronous replication, as the HowTo has it: the primary is killed under writes, and its replica promoted. */
START_TEST(a_fail_over_loses_nothing_acknowledged)
{
    expect_outage();
    expect_log("FG0416");
    expect_log("FG0210");
    watchdog(150);
    standby_make(true);
    standby_start();
    sql_on(sql_session(), "ALTER SYSTEM SET synchronous_standby_names = '*'");
    sql_on(sql_session(), "SELECT pg_reload_conf()");
    for (int i = 0; i < TRIES && strcmp(sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"), "1");
         i++)
        pause_ms(50);
    const char *both =
        F("host=%s/run,%s port=5432,5433 dbname=forge user=forge_app connect_timeout=2", env.dir, standby_run());
    env_second_launch(F("DBDParams \"%s target_session_attrs=read-write\"\n"
                        "ForgeReadDBD \"%s target_session_attrs=standby\"\n",
                        both, both));
    ck_assert(env_second_ready(30));
    person_t owner = person("instructor");
    deeds_t deeds = {.token = owner.access};
    wait_replica(owner);
    env_outage();
    parallel(READERS + 1, write_until_over, &deeds);
    standby_sql("SELECT pg_promote()");
    int acknowledged = 0;
    for (int i = 0; i < READERS; i++)
        for (int n = 0; n < deeds.count[i]; n++, acknowledged++)
            ck_assert_str_eq(
                standby_sql("SELECT count(*) FROM forge.courses WHERE title = '%s'", deeds.acknowledged[i][n]), "1");
    ck_assert_int_gt(acknowledged, 0);
    ck_assert(env_second_ready(30));
    expect_status(CALL("GET", "/api/v1/courses", .port = PORT_SECOND, .lenient = true), 200);
    wait_health("warn"); /* nobody is a standby now */
}
END_TEST

/* --- what the monitor says of it --- */

START_TEST(the_monitor_knows_the_replica)
{
    sql_on(sql_session(), "GRANT pg_monitor TO forge_app");
    begin("ForgeCache off\n");
    sql_on(sql_session(), "SELECT pg_create_physical_replication_slot('nobodys', true)");
    course_of(person("instructor"), "Something written");
    standby_wait_replayed();
    pause_ms(1500); /* a standby reports how far it is once a second where nothing is written */
    reply_t *reply = CALL("GET", "/api/v1/monitor/database/performance", .port = PORT_SECOND);
    sql_on(sql_session(), "SELECT pg_drop_replication_slot('nobodys')");
    expect_status(reply, 200);
    ck_assert_uint_eq(json_array_size(at(reply->json, "/replication")), 1);
    ck_assert_str_eq(text_at(reply->json, "/replication/0/state"), "streaming");
    ck_assert_str_eq(text_at(reply->json, "/replication/0/sync_state"), "async");
    ck_assert(json_is_number(at(reply->json, "/replication/0/lag_bytes")));
    ck_assert_str_eq(text_at(reply->json, "/replication_slots/0/name"), "nobodys");
    reply = CALL("GET", "/api/v1/monitor/database/health", .port = PORT_SECOND);
    expect_status(reply, 200);
    ck_assert_int_eq(int_at(reply->json, "/replication/replicas"), 1);
    ck_assert(json_is_number(at(reply->json, "/replication/lag_bytes")));
    sql_on(sql_session(), "REVOKE pg_monitor FROM forge_app");
}
END_TEST

Suite *suite_replica(void)
{
    Suite *suite = suite_create("replica");
    TCase *all = case_make(suite, "all");
    tcase_add_checked_fixture(all, NULL, tidy);
    tcase_add_test(all, public_reads_go_to_the_replica);
    tcase_add_test(all, no_public_route_writes);
    tcase_add_test(all, own_writes_are_read_at_once_while_the_replay_stands);
    tcase_add_test(all, own_writes_are_read_at_once_from_the_cache_too);
    tcase_add_test(all, no_read_is_older_than_promised);
    tcase_add_test(all, no_kept_answer_is_older_than_promised);
    tcase_add_test(all, a_replica_that_is_gone_is_not_missed);
    tcase_add_test(all, a_replica_that_hangs_holds_nobody_up);
    tcase_add_test(all, ended_sessions_of_the_replica_are_not_seen);
    tcase_add_test(all, conflicts_with_the_replay_are_not_seen);
    tcase_add_test(all, a_replica_that_is_promoted_is_asked_no_more);
    tcase_add_test(all, a_fail_over_loses_nothing_acknowledged);
    tcase_add_test(all, the_monitor_knows_the_replica);
    return suite;
}
