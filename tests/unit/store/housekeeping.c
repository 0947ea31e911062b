/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/housekeeping.c on the real schema: of each kind the row that is due goes, and its neighbour stays.
 */
#include "schema.h"
#include "store/operations/operations.h"

static void suite_begin(void)
{
    schema_begin("store_housekeeping");
}

/* Triggers that speak to users are off while the past is made up. */
static void make_up(const char *text)
{
    sql("SET session_replication_role = replica");
    sql(text);
    sql("SET session_replication_role = origin");
}

static void setup(void)
{
    schema_setup();
    make_up("TRUNCATE forge.revocations, forge.login_failures, forge.mail_outbox RESTART IDENTITY");
    make_up("INSERT INTO forge.users (email, email_key, username, password_hash) VALUES ('a@example.org', "
            "'a@example.org', 'anna', "
            "'" FORGE_TEST_HASH "')");
}

static void sweep(void)
{
    ck_assert_int_eq(forge_store_housekeeping(db, forge_test_pool), FORGE_OK);
}

START_TEST(idempotency_keys)
{
    sql("INSERT INTO forge.idempotency_keys (scope, key, fingerprint, status, created_at)"
        " SELECT 's', g::text, 'f', 200, now() - interval '25 hours' FROM generate_series(1, 2500) g;"
        "INSERT INTO forge.idempotency_keys (scope, key, fingerprint, status, created_at)"
        " SELECT 't', g::text, 'f', 200, now() - interval '23 hours' FROM generate_series(1, 5) g");
    sweep();
    ck_assert_str_eq(ask("SELECT string_agg(scope || key, ' ' ORDER BY key) FROM forge.idempotency_keys"),
                     "t1 t2 t3 t4 t5");
}
END_TEST

START_TEST(sessions_and_their_tokens)
{
    make_up("INSERT INTO forge.sessions (user_id, created_at, expires_at) VALUES (1, now() - interval '40 days', now() "
            "- interval '31 days'),"
            " (1, now() - interval '40 days', now() - interval '29 days'), (1, now(), now() + interval '1 day');"
            "INSERT INTO forge.refresh_tokens (session_id, sha256, expires_at, used_at) VALUES"
            " (1, sha256('1'), now(), NULL), (3, sha256('2'), now() - interval '1 minute', now() - interval '1 day'),"
            " (3, sha256('3'), now() + interval '1 day', NULL)");
    sweep();
    ck_assert_str_eq(ask("SELECT string_agg(id::text, ' ' ORDER BY id) FROM forge.sessions"), "2 3");
    ck_assert_str_eq(ask("SELECT string_agg(id::text, ' ' ORDER BY id) FROM forge.refresh_tokens"), "3");
}
END_TEST

START_TEST(what_tokens_outlived)
{
    make_up("INSERT INTO forge.revocations (at, session_id) VALUES (now() - interval '26 hours', 1), (now() - interval "
            "'24 hours', 2)");
    sweep();
    ck_assert_str_eq(ask("SELECT string_agg(session_id::text, ' ') FROM forge.revocations"), "2");
}
END_TEST

START_TEST(guests_that_left)
{
    make_up(
        "INSERT INTO forge.users (username, role, created_at) VALUES ('guest_a', 'guest', now() - interval '60 days'),"
        " ('guest_b', 'guest', now() - interval '60 days'), ('guest_c', 'guest', now());"
        "INSERT INTO forge.sessions (user_id, created_at, expires_at) VALUES"
        " (3, now() - interval '35 days', now() - interval '29 days')");
    sweep();
    ck_assert_str_eq(ask("SELECT string_agg(username, ' ' ORDER BY id) FROM forge.users"), "anna guest_b guest_c");
}
END_TEST

START_TEST(failures_and_challenges)
{
    make_up("INSERT INTO forge.login_failures (subject, address, failures, last_at, pending_until) VALUES"
            " ('user:1', 'a', 1, now() - interval '25 hours', now() - interval '25 hours'), ('user:1', 'b', 1, now(), "
            "now());"
            "INSERT INTO forge.login_challenges (sha256, user_id, epoch, expires_at) VALUES"
            " (sha256('1'), 1, 0, now() - interval '1 second'), (sha256('2'), 1, 0, now() + interval '1 minute')");
    sweep();
    ck_assert_str_eq(ask("SELECT string_agg(address, ' ') FROM forge.login_failures"), "b");
    ck_assert_str_eq(ask("SELECT count(*)::text FROM forge.login_challenges"), "1");
}
END_TEST

START_TEST(a_batch_that_takes_too_long_is_a_smaller_one_next)
{
    sql("INSERT INTO forge.idempotency_keys (scope, key, fingerprint, status, created_at)"
        " SELECT 's', g::text, 'f', 200, now() - interval '25 hours' FROM generate_series(1, 60) g;"
        "CREATE FUNCTION forge.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN "
        "OLD;"
        " END $$; CREATE TRIGGER dawdle BEFORE DELETE ON forge.idempotency_keys FOR EACH ROW EXECUTE FUNCTION"
        " forge.dawdle()");
    forge_test_pg_do(db, forge_test_pool, "SET statement_timeout = 700");
    sweep();
    forge_test_pg_do(db, forge_test_pool, "SET statement_timeout = '2s'");
    sql("DROP TRIGGER dawdle ON forge.idempotency_keys; DROP FUNCTION forge.dawdle()");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.idempotency_keys"), "0");
}
END_TEST

START_TEST(one_failure_does_not_stop_the_rest)
{
    sql("INSERT INTO forge.idempotency_keys (scope, key, fingerprint, status, created_at) VALUES ('s', '1', 'f', 200, "
        "now() - interval '2 "
        "days');"
        "ALTER TABLE forge.sessions RENAME TO hidden");
    ck_assert_int_eq(forge_store_housekeeping(db, forge_test_pool), FORGE_E_SCHEMA_OUTDATED);
    sql("ALTER TABLE forge.hidden RENAME TO sessions");
    ck_assert_str_eq(ask("SELECT count(*)::text FROM forge.idempotency_keys"), "0");
}
END_TEST

/* One of a session stays as long as the session. */
START_TEST(jobs_that_ended)
{
    make_up("TRUNCATE forge.jobs RESTART IDENTITY CASCADE");
    sql("INSERT INTO forge.jobs (kind, user_id, status, finished_at)"
        " SELECT 'pdf', u, s, now() - i FROM (VALUES (1, 'done', interval '8 days'), (1, 'failed', '8 days'),"
        " (1, 'cancelled', '6 days'), (1, 'done', '8 days'), (NULL, 'done', '2 hours'), (NULL, 'done', '30 minutes'),"
        " (NULL, 'failed', '6 days'), (NULL, 'failed', '8 days')) v (u, s, i);"
        "INSERT INTO forge.jobs (kind, user_id, created_at, due_at) VALUES ('pdf', 1, now() - interval '9 days', "
        "now());"
        "INSERT INTO forge.analysis_sessions (user_id, kind, url, job_id) VALUES (1, 'github', "
        "'https://example.org/a', 4)");
    sweep();
    ck_assert_str_eq(ask("SELECT string_agg(id::text, ' ' ORDER BY id) FROM forge.jobs"), "3 4 6 7 9");
    sql("DELETE FROM forge.analysis_sessions");
    sweep();
    ck_assert_str_eq(ask("SELECT string_agg(id::text, ' ' ORDER BY id) FROM forge.jobs"), "3 6 7 9");
}
END_TEST

Suite *forge_test_store_housekeeping(void)
{
    Suite *suite = suite_create("store_housekeeping");
    TCase *tc = tcase_create("sweeps");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, suite_begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, idempotency_keys);
    tcase_add_test(tc, sessions_and_their_tokens);
    tcase_add_test(tc, what_tokens_outlived);
    tcase_add_test(tc, guests_that_left);
    tcase_add_test(tc, failures_and_challenges);
    tcase_add_test(tc, a_batch_that_takes_too_long_is_a_smaller_one_next);
    tcase_add_test(tc, one_failure_does_not_stop_the_rest);
    tcase_add_test(tc, jobs_that_ended);
    suite_add_tcase(suite, tc);
    return suite;
}
