/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/lockout.c: guesses are charged, counted and forgotten, exactly, also when many come at once.
 */
#include "schema.h"
#include "store/identity/identity.h"
#include "store/operations/operations.h"

static forge_rows_t *rows;
static int seconds;

static void begin(void)
{
    schema_begin("store_lockout");
}

static void setup(void)
{
    schema_setup();
    sql("TRUNCATE forge.login_failures;"
        "INSERT INTO forge.users (email, email_key, username, password_hash)"
        " VALUES ('ada@example.org', 'ada@example.org', 'ada', '" FORGE_TEST_HASH "')");
}

static forge_guess_t guess(const char *address)
{
    return (forge_guess_t){.subject = "user:1",
                           .address = address,
                           .limit = 5,
                           .seconds = 1800,
                           .user_id = 1,
                           .ip = "192.0.2.7",
                           .request_id = "r1"};
}

static forge_guess_verdict_t charge(const forge_guess_t *g)
{
    forge_guess_verdict_t verdict;
    ck_assert_int_eq(forge_store_guess_charge(db, forge_test_pool, g, &verdict, &seconds), FORGE_OK);
    return verdict;
}

static void wrong(const forge_guess_t *g)
{
    ck_assert_int_eq(forge_store_guess_failed(db, forge_test_pool, g, "user.login_failed", "login"), FORGE_OK);
}

/* Guesses until it is locked; how many were allowed. */
static int guesses(const forge_guess_t *g)
{
    int n = 0;
    while (charge(g) == FORGE_GUESS_ALLOWED) {
        wrong(g);
        ck_assert_int_lt(++n, 100);
    }
    return n;
}

/* "failures/pending" of each counter, everywhere first. */
static const char *counters(void)
{
    return ask("SELECT string_agg(failures || '/' || pending, ' ' ORDER BY address) FROM forge.login_failures");
}

START_TEST(five_failures_lock)
{
    forge_guess_t here = guess("192.0.2.7"), there = guess("192.0.2.8");
    ck_assert_int_eq(guesses(&here), 5);
    ck_assert_int_eq(charge(&here), FORGE_GUESS_LOCKED);
    ck_assert_int_ge(seconds, 1790);
    ck_assert_int_le(seconds, 1800);
    ck_assert_str_eq(counters(), "5/0 5/0");
    ck_assert_int_eq(charge(&there), FORGE_GUESS_ALLOWED);
    ck_assert_str_eq(
        ask("SELECT string_agg(event, ' ' ORDER BY id) FROM forge.audit_events"),
        "user.login_failed user.login_failed user.login_failed user.login_failed user.login_failed user.locked");
    ck_assert_str_eq(ask("SELECT subject_id || host(ip) || request_id || (detail->>'scope') || (detail->>'failures') "
                         "FROM forge.audit_events"
                         " WHERE event = 'user.locked'"),
                     "1192.0.2.7r1network5");
}
END_TEST

START_TEST(ten_times_as_many_lock_for_all)
{
    for (int i = 0; i < 10; i++) {
        forge_guess_t g = guess(apr_psprintf(forge_test_pool, "192.0.2.%d", i));
        ck_assert_int_eq(guesses(&g), 5);
    }
    forge_guess_t fresh = guess("198.51.100.1");
    ck_assert_int_eq(charge(&fresh), FORGE_GUESS_LOCKED);
    ck_assert_int_gt(seconds, 1790);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.login_failures WHERE address = '198.51.100.1'"), "0");
    ck_assert_str_eq(ask("SELECT detail->>'failures' FROM forge.audit_events WHERE detail->>'scope' = 'everywhere'"),
                     "50");
    forge_guess_t other = guess("198.51.100.1");
    other.subject = "user:2";
    ck_assert_int_eq(charge(&other), FORGE_GUESS_ALLOWED);
}
END_TEST

START_TEST(in_flight_counts)
{
    forge_guess_t g = guess("192.0.2.7");
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(charge(&g), FORGE_GUESS_ALLOWED);
    ck_assert_int_eq(charge(&g), FORGE_GUESS_BUSY);
    ck_assert_str_eq(counters(), "0/5 0/5");
    ck_assert_int_eq(forge_store_guess_settle(db, forge_test_pool, &g, false), FORGE_OK);
    ck_assert_int_eq(charge(&g), FORGE_GUESS_ALLOWED);
    wrong(&g);
    ck_assert_str_eq(counters(), "1/4 1/4");
    ck_assert_int_eq(charge(&g), FORGE_GUESS_BUSY);
}
END_TEST

/* The everywhere counter is full of guesses in flight: nothing is charged, not even half. */
START_TEST(full_everywhere_charges_nothing_here)
{
    for (int i = 0; i < 50; i++) {
        forge_guess_t g = guess(apr_psprintf(forge_test_pool, "192.0.2.%d", i));
        ck_assert_int_eq(charge(&g), FORGE_GUESS_ALLOWED);
    }
    forge_guess_t g = guess("198.51.100.1");
    ck_assert_int_eq(charge(&g), FORGE_GUESS_BUSY);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.login_failures WHERE address = '198.51.100.1'"), "0");
    ck_assert_str_eq(ask("SELECT pending FROM forge.login_failures WHERE address = ''"), "50");
}
END_TEST

START_TEST(success_resets_its_own_counter_only)
{
    forge_guess_t here = guess("192.0.2.7"), there = guess("192.0.2.8");
    for (int i = 0; i < 3; i++) {
        charge(&here), wrong(&here);
        charge(&there), wrong(&there);
    }
    charge(&here);
    ck_assert_int_eq(forge_store_guess_settle(db, forge_test_pool, &here, true), FORGE_OK);
    ck_assert_str_eq(counters(), "6/0 0/0 3/0");
    charge(&there);
    ck_assert_int_eq(forge_store_guess_settle(db, forge_test_pool, &there, false), FORGE_OK);
    ck_assert_str_eq(counters(), "6/0 0/0 3/0");
}
END_TEST

START_TEST(forgotten_after_a_while)
{
    forge_guess_t g = guess("192.0.2.7");
    for (int i = 0; i < 4; i++)
        charge(&g), wrong(&g);
    sql("UPDATE forge.login_failures SET last_at = last_at - interval '30 minutes'");
    ck_assert_int_eq(guesses(&g), 5);
    sql("UPDATE forge.login_failures SET last_at = last_at - interval '30 minutes', locked_until = locked_until - "
        "interval '30 minutes'");
    ck_assert_int_eq(charge(&g), FORGE_GUESS_ALLOWED);
    ck_assert_str_eq(counters(), "0/1 0/1");
}
END_TEST

START_TEST(the_dead_give_their_charges_back)
{
    forge_guess_t g = guess("192.0.2.7");
    for (int i = 0; i < 5; i++)
        charge(&g);
    ck_assert_int_eq(charge(&g), FORGE_GUESS_BUSY);
    sql("UPDATE forge.login_failures SET pending_until = now() - interval '1 second'");
    ck_assert_int_eq(charge(&g), FORGE_GUESS_ALLOWED);
    ck_assert_str_eq(counters(), "0/1 0/1");
}
END_TEST

/* The limit was lowered below what is counted already: one guess at a time, and the next failure locks. */
START_TEST(lowered_limit)
{
    forge_guess_t g = guess("192.0.2.7");
    g.limit = 10;
    for (int i = 0; i < 7; i++)
        charge(&g), wrong(&g);
    g.limit = 5;
    ck_assert_int_eq(charge(&g), FORGE_GUESS_ALLOWED);
    ck_assert_int_eq(charge(&g), FORGE_GUESS_BUSY);
    wrong(&g);
    ck_assert_int_eq(charge(&g), FORGE_GUESS_LOCKED);
}
END_TEST

START_TEST(unknown_names_count_too)
{
    forge_guess_t g = guess("2001:db8:1:2::/64");
    g.subject = "name:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    g.user_id = 0;
    ck_assert_int_eq(guesses(&g), 5);
    ck_assert_str_eq(
        ask("SELECT count(*) || min(detail->>'unknown') FROM forge.audit_events WHERE event = 'user.login_failed'"
            " AND subject_id IS NULL AND actor_id IS NULL"),
        "5ba7816bf8f01cfea");
}
END_TEST

START_TEST(off_is_still_audited)
{
    forge_guess_t g = guess("192.0.2.7");
    g.subject = NULL;
    g.limit = 0;
    wrong(&g);
    ck_assert_int_eq(forge_store_guess_settle(db, forge_test_pool, &g, true), FORGE_OK);
    ck_assert_ptr_null(counters());
    ck_assert_str_eq(ask("SELECT event || (detail->>'at') FROM forge.audit_events"), "user.login_failedlogin");
}
END_TEST

START_TEST(unlocked_by_hand)
{
    const forge_actor_t root = {.id = 9, .admin = true, .ip = "192.0.2.1", .request_id = "r2"};
    forge_guess_t here = guess("192.0.2.7"), there = guess("192.0.2.8");
    guesses(&here), guesses(&there);
    ck_assert_int_eq(forge_store_unlock(db, forge_test_pool, &root, 1, &rows), FORGE_OK);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "id"), "1");
    ck_assert_ptr_null(counters());
    ck_assert_str_eq(ask("SELECT actor_id || host(ip) || request_id || (detail->>'counters') FROM forge.audit_events"
                         " WHERE event = 'user.unlocked'"),
                     "9192.0.2.1r23");
    ck_assert_int_eq(guesses(&here), 5);
    ck_assert_int_eq(forge_store_unlock(db, forge_test_pool, &root, 77, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
}
END_TEST

/* What a statement tells the world: the events, for the log file. */
START_TEST(events_are_told)
{
    forge_guess_t g = guess("192.0.2.7");
    guesses(&g);
    forge_effects_t effects = forge_store_effects_take(db, forge_test_pool);
    ck_assert_int_eq(effects.audit->nelts, 5);
    const char *last = APR_ARRAY_IDX(effects.audit, 4, const char *);
    ck_assert_ptr_nonnull(strstr(last, "user.login_failed"));
    ck_assert_ptr_nonnull(strstr(last, "user.locked"));
}
END_TEST

/* Each process guesses as often as it may. The exit code is a status: FORGE_OK when it had at least one. */
static forge_status_t guess_wildly(int i)
{
    forge_guess_t g = guess("192.0.2.7");
    int busy = 0, had = 0;
    (void)i;
    db = schema_attach();
    for (;;) {
        forge_guess_verdict_t verdict = charge(&g);
        if (verdict == FORGE_GUESS_LOCKED || (verdict == FORGE_GUESS_BUSY && ++busy > 2000))
            return had ? FORGE_OK : FORGE_E_NOT_FOUND;
        if (verdict == FORGE_GUESS_BUSY)
            continue;
        had++;
        wrong(&g);
    }
}

START_TEST(many_at_once_have_five)
{
    int lucky = at_once(16, guess_wildly, FORGE_OK);
    ck_assert_int_ge(lucky, 1);
    ck_assert_int_le(lucky, 5);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.audit_events WHERE event = 'user.login_failed'"), "5");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.audit_events WHERE event = 'user.locked'"), "1");
    ck_assert_str_eq(counters(), "5/0 5/0");
}
END_TEST

/* From many networks, mixed with unlocks: no deadlock that is not resolved, and the counts agree. */
static forge_status_t guess_from_everywhere(int i)
{
    db = schema_attach();
    for (int n = 0; n < 20; n++) {
        forge_guess_t g = guess(apr_psprintf(forge_test_pool, "192.0.2.%d", (i + n) % 4));
        forge_guess_verdict_t verdict;
        forge_status_t status = forge_store_guess_charge(db, forge_test_pool, &g, &verdict, &seconds);
        if (status == FORGE_OK && verdict == FORGE_GUESS_ALLOWED)
            status = forge_store_guess_settle(db, forge_test_pool, &g, n % 2);
        if (status == FORGE_OK && i == 0)
            status = forge_store_unlock(db, forge_test_pool, &(forge_actor_t){.id = 0}, 1, &rows);
        if (status != FORGE_OK)
            return status;
    }
    return FORGE_OK;
}

START_TEST(no_deadlock)
{
    ck_assert_int_eq(at_once(12, guess_from_everywhere, FORGE_OK), 12);
    ck_assert_str_eq(forge_test_pg_logged(), "");
}
END_TEST

START_TEST(swept)
{
    forge_guess_t g = guess("192.0.2.7");
    guesses(&g);
    g.subject = "user:2";
    charge(&g);
    sql("UPDATE forge.login_failures SET last_at = last_at - interval '25 hours', locked_until = NULL, pending_until = "
        "now() - interval "
        "'1s'"
        " WHERE subject = 'user:1'");
    ck_assert_int_eq(forge_store_housekeeping(db, forge_test_pool), FORGE_OK);
    ck_assert_str_eq(ask("SELECT string_agg(subject, ' ') FROM forge.login_failures"), "user:2 user:2");
}
END_TEST

START_TEST(rules_of_the_table)
{
    static const char *const bad[] = {
        "INSERT INTO forge.login_failures (subject, address) VALUES ('hunter2', '')",
        "INSERT INTO forge.login_failures (subject, address) VALUES ('user:0', '')",
        "INSERT INTO forge.login_failures (subject, address) VALUES ('user:1', 'a b')",
        "INSERT INTO forge.login_failures (subject, address, failures) VALUES ('user:1', '', -1)", NULL};
    const char *why;
    for (const char *const *text = bad; *text; text++)
        ck_assert_msg(forge_store_script(owner, forge_test_pool, *text, &why) == FORGE_E_VALIDATION, "%s", *text);
}
END_TEST

Suite *forge_test_store_lockout(void)
{
    Suite *s = suite_create("store_lockout");
    TCase *tc = tcase_create("lockout");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, five_failures_lock);
    tcase_add_test(tc, ten_times_as_many_lock_for_all);
    tcase_add_test(tc, in_flight_counts);
    tcase_add_test(tc, full_everywhere_charges_nothing_here);
    tcase_add_test(tc, success_resets_its_own_counter_only);
    tcase_add_test(tc, forgotten_after_a_while);
    tcase_add_test(tc, the_dead_give_their_charges_back);
    tcase_add_test(tc, lowered_limit);
    tcase_add_test(tc, unknown_names_count_too);
    tcase_add_test(tc, off_is_still_audited);
    tcase_add_test(tc, unlocked_by_hand);
    tcase_add_test(tc, events_are_told);
    tcase_add_test(tc, many_at_once_have_five);
    tcase_add_test(tc, no_deadlock);
    tcase_add_test(tc, swept);
    tcase_add_test(tc, rules_of_the_table);
    suite_add_tcase(s, tc);
    return s;
}
