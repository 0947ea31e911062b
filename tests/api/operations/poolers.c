/* SPDX-License-Identifier: Apache-2.0
 * PgBouncer between httpd and PostgreSQL: one that pools by session is as good as none, one that pools by transaction
 * is refused, and the log says why.
 */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TRIES (20 * env_patience(20)) /* of 50 ms; a generous end, not a promise about time */

static const char courses[] = "/api/v1/courses?limit=1";
static int bouncer_pid;

static void bouncer_start(const char *mode)
{
    char *dir = F("%s/run-bouncer", env.dir), *conf = F("%s/pgbouncer.ini", dir);
    ck_assert_int_eq(process_run(NULL, (const char *[]){"mkdir", "-p", dir, NULL}, NULL), 0);
    if (env.root)
        ck_assert_int_eq(process_run(NULL, (const char *[]){"chown", "postgres", dir, NULL}, NULL), 0);
    file_write(F("%s/users", dir), "\"forge_app\" \"\"\n");
    file_write(conf, F("[databases]\nforge = host=%s/run port=5432 dbname=forge\n[pgbouncer]\nlisten_addr =\n"
                       "unix_socket_dir = %s\nlisten_port = 6432\nauth_type = trust\nauth_file = %s/users\n"
                       "pool_mode = %s\ndefault_pool_size = 30\nserver_login_retry = 1\n",
                       env.dir, dir, dir, mode));
    chmod(conf, 0644);
    bouncer_pid =
        process_start("postgres", (const char *[]){"pgbouncer", conf, NULL}, F("%s/logs/pgbouncer.log", env.dir));
    for (int i = 0; i < TRIES && !strstr(file_read(F("%s/logs/pgbouncer.log", env.dir), 0), "process up"); i++)
        pause_ms(50);
}

static void tidy(void)
{
    env_second_stop();
    if (bouncer_pid > 0) {
        process_kill(bouncer_pid, SIGINT);
        ck_assert(process_wait(bouncer_pid, 20));
    }
    bouncer_pid = 0;
}

static void second_launch(void)
{
    env_second_launch(
        F("DBDParams \"host=%s/run-bouncer port=6432 dbname=forge user=forge_app connect_timeout=2\"\n", env.dir));
}

static bool logged(const char *part)
{
    for (int i = 0; i < TRIES; i++) {
        if (strstr(log_since("error.log"), part))
            return true;
        pause_ms(50);
    }
    return false;
}

static int status_of(const char *token)
{
    return CALL("GET", courses, .port = PORT_SECOND, .token = token, .lenient = true)->status;
}

static void token_checked(int i, void *baton)
{
    (void)i;
    if (status_of(baton) != 200)
        fail_later("a good token is refused");
}

/* Shared memory alone decides about tokens, and hears what ends elsewhere. */
START_TEST(by_session_works)
{
    watchdog(120);
    person_t me = person("instructor"), other = person("student");
    bouncer_start("session");
    second_launch();
    ck_assert(env_second_ready(30));
    ck_assert_msg(logged("FG0444"), "nobody listens");
    ck_assert_int_eq(status_of(other.access), 200);
    parallel(24, token_checked, (void *)me.access);
    long before = metric("forge_token_database_checks_total");
    for (int i = 0; i < TRIES && before >= 0; i++) {
        parallel(8, token_checked, (void *)me.access);
        long now = metric("forge_token_database_checks_total");
        if (now == before)
            break;
        before = now;
    }
    expect_status(CALL("POST", "/api/v1/courses", .port = PORT_SECOND, .token = me.access, .json = "{\"title\":\"T\"}"),
                  201);
    sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'test' WHERE user_id = %lld",
        (long long)other.id);
    for (int i = 0; i < TRIES && status_of(other.access) != 401; i++)
        pause_ms(50);
    ck_assert_int_eq(status_of(other.access), 401);
    ck_assert_int_eq(status_of(me.access), 200);
    ck_assert_ptr_null(strstr(log_since("error.log"), "FG0443"));
}
END_TEST

static bool is_ready(void)
{
    reply_t *reply =
        CALL("GET", "/health/ready", .port = PORT_SECOND, .lenient = true, .headers = {"Connection: close"});
    ck_assert_msg(reply->status == 200 || reply->status == 503, "%d %s", reply->status, reply->body);
    return reply->status == 200;
}

START_TEST(by_transaction_is_refused)
{
    watchdog(120);
    expect_outage();
    bouncer_start("transaction");
    second_launch();
    ck_assert_msg(logged("must pool by session"), "the log does not name the cause");
    int refused = 0; /* one after the other: a child whose session nobody has taken yet finds nothing wrong */
    for (int i = 0; i < TRIES && refused < 20; i++, pause_ms(50))
        refused = is_ready() ? 0 : refused + 1;
    ck_assert_int_eq(refused, 20);
    expect_status(CALL("GET", "/health/live", .port = PORT_SECOND, .headers = {"Connection: close"}), 200);
}
END_TEST

Suite *suite_poolers(void)
{
    Suite *suite = suite_create("poolers");
    TCase *bouncer = case_make(suite, "pgbouncer");
    tcase_add_checked_fixture(bouncer, NULL, tidy);
    tcase_add_test(bouncer, by_session_works);
    tcase_add_test(bouncer, by_transaction_is_refused);
    return suite;
}
