/* SPDX-License-Identifier: Apache-2.0
 * Another PostgreSQL takes over (SECURITY 1, 69): a replica is promoted while the old server still answers, and an
 * older copy of the database is put in the place of a newer one.
 */
#include "harness.h"
#include "standby.h"

#include <libpq-fe.h>
#include <string.h>

#define TRIES (20 * env_patience(20)) /* of 50 ms; a generous end, not a promise about time */
#define SOON  50                      /* of 100 ms: all is right again, as promised */

static const char courses[] = "/api/v1/courses?limit=1";

/* Whatever a test that failed has left. */
static void tidy(void)
{
    struct pg_conn *session = sql_session();
    sql_on(session, "ALTER SYSTEM RESET default_transaction_read_only");
    sql_on(session, "SELECT pg_reload_conf()");
    env_second_stop();
    standby_stop();
    ck_assert(env_wait_ready(30));
    expect_served("/health/ready", NULL); /* by every child */
}

/* --- requests --- */

static int status_of(const char *path, const char *token)
{
    return CALL("GET", path, .port = PORT_SECOND, .token = token, .lenient = true)->status;
}

static int write_one(const char *token)
{
    return CALL("POST", "/api/v1/courses", .port = PORT_SECOND, .token = token,
                .json = "{\"title\":\"After the fail-over\"}", .lenient = true)
        ->status;
}

/* As promised: within five seconds. */
static void expect_written_soon(const char *token)
{
    int status = 0;
    for (int i = 0; i < SOON && (status = write_one(token)) != 201; i++) {
        ck_assert_msg(status == 503 || status == 0, "%d", status);
        pause_ms(100);
    }
    ck_assert_int_eq(status, 201);
}

static bool listens_since(long from)
{
    return strstr(file_read(F("%s/logs/error.log", env.dir), from), "FG0444") != NULL;
}

static void wait_listening(long from)
{
    for (int i = 0; i < TRIES && !listens_since(from); i++)
        pause_ms(50);
    ck_assert(listens_since(from));
}

static long log_here(void)
{
    return file_size(F("%s/logs/error.log", env.dir));
}

static void second_launch(const char *dsn)
{
    long from = log_here();
    env_second_launch(F("DBDParams \"%s dbname=forge user=forge_app connect_timeout=2\"\n", dsn));
    ck_assert(env_second_ready(30));
    wait_listening(from);
}

/* --- the tests --- */

/* The old server becomes read-only and goes on to answer, its replica is promoted. The node that knows both goes over;
 * the one that knows only the old server says that it is not ready. */
START_TEST(a_replica_is_promoted)
{
    watchdog(150);
    expect_outage();
    expect_log("FG0210");
    standby_make(true);
    standby_start();
    person_t me = person("instructor"), other = person("student");
    second_launch(F("host=%s/run,%s port=5432,5433 target_session_attrs=read-write", env.dir, standby_run()));
    ck_assert_int_eq(write_one(me.access), 201);
    ck_assert_int_eq(status_of(courses, other.access), 200);
    struct pg_conn *session = sql_session();
    for (int i = 0; i < TRIES && strcmp(sql("SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = "
                                            "pg_current_wal_lsn()"),
                                        "1");
         i++)
        pause_ms(50);
    sql_on(session, "ALTER SYSTEM SET default_transaction_read_only = on");
    sql_on(session, "SELECT pg_reload_conf()");
    standby_sql("SELECT pg_promote()");
    standby_sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'test' WHERE user_id = %lld",
                (long long)other.id);
    pause_ms(1000); /* what ended more than a second ago is let in by nobody */
    for (int i = 0; i < 30; i++) {
        int status = status_of(courses, other.access);
        ck_assert_msg(status == 401 || status == 503, "an ended session got %d", status);
        pause_ms(20);
    }
    expect_written_soon(me.access);
    ck_assert_str_eq(standby_sql("SELECT count(*) FROM forge.courses WHERE title = 'After the fail-over'"), "2");
    ck_assert(env_second_ready(5));
    ck_assert_int_eq(status_of(courses, other.access), 401);
    standby_sql("UPDATE forge.users SET bio = 'on the new server' WHERE id = %lld", (long long)me.id);
    int right =
        0; /* no child reads from the old server any more; one that nobody asked may still look for the new one */
    for (int i = 0; i < 100 + 30 && right < 30; i++) { /* five seconds */
        reply_t *reply =
            CALL("GET", "/api/v1/auth/me", .port = PORT_SECOND, .token = me.access, .headers = {"Connection: close"});
        right = reply->status == 503 ? 0 : right + 1;
        if (reply->status == 503) {
            pause_ms(50);
            continue;
        }
        expect_status(reply, 200);
        ck_assert_str_eq(text_at(reply->json, "/bio"), "on the new server");
    }
    ck_assert_int_eq(right, 30);
    expect_status(CALL("GET", "/health/ready", .lenient = true), 503);
    expect_status(CALL("GET", "/health/live"), 200);
}
END_TEST

/* A login on the second node, as soon as the child that gets it has found the server; the number of its session in
 * *session. */
static const char *login(const person_t *who, char **session)
{
    reply_t *reply = NULL;
    for (int i = 0; i < TRIES && (!reply || reply->status == 503); i++) {
        if (reply)
            pause_ms(50);
        reply = CALL("POST", "/api/v1/auth/login", .port = PORT_SECOND, .lenient = true,
                     .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", who->username, who->password));
    }
    expect_status(reply, 200);
    const char *token = text_at(reply->json, "/access_token");
    *session = F("%s", text_at(jwt_part(token, 1), "/sid"));
    return token;
}

/* From now on the server says one start for all its starts, as the memory of a machine does that goes back. */
static void other_start_pin(void)
{
    standby_start();
    standby_sql("ALTER FUNCTION pg_catalog.pg_postmaster_start_time() RENAME TO pg_postmaster_start_time_was");
    standby_sql("CREATE FUNCTION pg_catalog.pg_postmaster_start_time() RETURNS timestamptz LANGUAGE sql STABLE AS "
                "$$SELECT timestamptz '2026-01-01 00:00:00Z'$$");
    standby_stop();
}

/* A child that nobody asked may still look for the server: until every child has found it. No answer is one that was
 * kept. */
static void wait_found(void)
{
    int right = 0;
    for (int i = 0; i < TRIES && right < 30; i++) {
        reply_t *reply = CALL("GET", F("%s&q=found-%d", courses, i), .port = PORT_SECOND,
                              .headers = {"Connection: close"}, .lenient = true);
        right = reply->status == 200 ? right + 1 : 0;
        if (!right)
            pause_ms(50);
    }
    ck_assert_int_eq(right, 30);
}

/* Numbers of sessions are given again after an older copy was put back. What was known of the newer one counts no
 * more, for good and for ill. */
static void put_back(bool snapshot)
{
    watchdog(150);
    expect_outage();
    char *first, *again;
    person_t me = person("student");
    standby_make(false);
    if (snapshot)
        other_start_pin();
    const char *keep[] = {"cp", "-a", standby_data(), F("%s/pgdata-older", env.dir), NULL};
    const char *drop[] = {"rm", "-rf", standby_data(), NULL};
    const char *back[] = {"mv", F("%s/pgdata-older", env.dir), standby_data(), NULL};
    ck_assert_int_eq(process_run(NULL, keep, NULL), 0);
    standby_start();
    second_launch(F("host=%s port=5433", standby_run()));
    const char *ended = login(&me, &first);
    ck_assert_int_eq(status_of(courses, ended), 200);
    standby_sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'test' WHERE id = %s", first);
    for (int i = 0; i < TRIES && status_of(courses, ended) != 401; i++)
        pause_ms(50);
    ck_assert_int_eq(status_of(courses, ended), 401);
    /* That the copy is older is seen by its log, which is shorter than the listener last found it, five times a second.
     * On a busy machine several of its turns pass in this time all the same. */
    pause_ms(3000);
    long from = log_here();
    standby_stop();
    ck_assert_int_eq(process_run(NULL, drop, NULL), 0);
    ck_assert_int_eq(process_run(NULL, back, NULL), 0);
    standby_start();
    for (int i = 0; i < SOON && !env_second_ready(1); i++)
        pause_ms(100);
    wait_listening(from);
    wait_found();
    const char *token = login(&me, &again);
    ck_assert_str_eq(again, first);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(status_of(courses, token), 200);
    standby_sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'test' WHERE id = %s", again);
    for (int i = 0; i < TRIES && status_of(courses, token) != 401; i++)
        pause_ms(50);
    ck_assert_int_eq(status_of(courses, token), 401);
}

START_TEST(an_older_copy_is_put_back)
{
    put_back(false);
}
END_TEST

/* A machine that goes back to a snapshot of itself knows of no other start than before. */
START_TEST(a_snapshot_of_the_running_server_is_put_back)
{
    put_back(true);
}
END_TEST

Suite *suite_failover(void)
{
    Suite *suite = suite_create("failover");
    TCase *servers = case_make(suite, "servers");
    tcase_add_checked_fixture(servers, NULL, tidy);
    tcase_add_test(servers, a_replica_is_promoted);
    tcase_add_test(servers, an_older_copy_is_put_back);
    tcase_add_test(servers, a_snapshot_of_the_running_server_is_put_back);
    return suite;
}
