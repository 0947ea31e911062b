/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/mfa.c and of the logins in two steps (store/users.c): what is spent is spent once, what ends is told.
 */
#include "schema.h"
#include "store/identity/identity.h"
#include "store/operations/operations.h"

static forge_rows_t *rows;
static const forge_new_mail_t no_mail;
static const char mac_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static const char two_macs[] = "{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,"
                               "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb}";
static const char other_macs[] = "{cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc}";
static const forge_actor_t by = {.id = 1, .session_id = 1, .ip = "192.0.2.7", .request_id = "r1"};
static const forge_guess_t guess = {.subject = "user:1",
                                    .address = "192.0.2.7",
                                    .limit = 5,
                                    .seconds = 1800,
                                    .user_id = 1,
                                    .ip = "192.0.2.7",
                                    .request_id = "r1"};

static void begin(void)
{
    schema_begin("store_mfa");
}

/* Ada with two sessions, Bob with one, and a failure and a guess in flight on Ada's counters. */
static void setup(void)
{
    schema_setup();
    sql("TRUNCATE forge.login_failures;"
        "INSERT INTO forge.users (email, email_key, username, password_hash) VALUES"
        " ('ada@example.org', 'ada@example.org', 'ada', '" FORGE_TEST_HASH
        "'), ('bob@example.org', 'bob@example.org', 'bob', '" FORGE_TEST_HASH "');"
        "INSERT INTO forge.sessions (user_id, expires_at) SELECT u, now() + interval '1 day' FROM "
        "unnest('{1,1,2}'::int[]) u;"
        "INSERT INTO forge.login_failures (subject, address, failures, pending, pending_until) VALUES"
        " ('user:1', '192.0.2.7', 1, 1, now() + interval '15s'), ('user:1', '', 1, 1, now() + interval '15s')");
}

static const char *column(const char *name)
{
    return forge_store_rows_text(rows, 0, name);
}

static const char *counters(void)
{
    return ask("SELECT string_agg(failures || '/' || pending, ' ' ORDER BY address) FROM forge.login_failures");
}

static const char *events(void)
{
    return ask("SELECT string_agg(event || coalesce(actor_id::text, '-') || subject_id, ' ' ORDER BY id) FROM "
               "forge.audit_events");
}

/* What the statements since the last call have voided. */
static const char *revoked(void)
{
    forge_effects_t effects = forge_store_effects_take(db, forge_test_pool);
    return effects.revoked->nelts ? APR_ARRAY_IDX(effects.revoked, effects.revoked->nelts - 1, const char *) : "";
}

static const char sealed[] = "sssssssssssssssssssssssssssssssssssssssssssssssss";

static const char *set_up(void)
{
    ck_assert_int_eq(forge_store_mfa_setup(db, forge_test_pool, &by, sealed, &rows), FORGE_OK);
    return column("factor_id");
}

static const char *enable(void)
{
    forge_enable_t e = {.factor_id = set_up(), .step = "100", .macs = two_macs};
    ck_assert_int_eq(forge_store_mfa_enable(db, forge_test_pool, &by, &e, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    return e.factor_id;
}

static int use(const char *factor, const char *step, const char *mac)
{
    const forge_code_t code = {.factor_id = factor, .step = step, .mac = mac};
    ck_assert_int_eq(forge_store_mfa_use(db, forge_test_pool, &by, &guess, &code, &rows), FORGE_OK);
    return forge_store_rows_count(rows);
}

START_TEST(credentials)
{
    ck_assert_int_eq(forge_store_credentials(db, forge_test_pool, 1, 0, &rows), FORGE_OK);
    ck_assert_str_eq(column("_password_hash"), FORGE_TEST_HASH);
    ck_assert_ptr_null(column("_factor"));
    ck_assert_ptr_null(column("_pending"));
    const char *pending = set_up();
    ck_assert_int_eq(forge_store_credentials(db, forge_test_pool, 1, 0, &rows), FORGE_OK);
    ck_assert_str_eq(column("_pending"), pending);
    ck_assert_str_eq(column("_pending_secret"), sealed);
    ck_assert_int_eq(forge_store_credentials(db, forge_test_pool, 1, 99, &rows), FORGE_OK);
    ck_assert_ptr_null(column("_pending"));
    const char *factor = enable();
    ck_assert_int_eq(forge_store_credentials(db, forge_test_pool, 1, 0, &rows), FORGE_OK);
    ck_assert_str_eq(column("_factor"), factor);
    ck_assert_str_eq(column("_last_step"), "100");
    sql("UPDATE forge.users SET is_active = false");
    ck_assert_int_eq(forge_store_credentials(db, forge_test_pool, 1, 0, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
}
END_TEST

START_TEST(set_up_again_replaces)
{
    const char *first = set_up(), *then = set_up();
    ck_assert_str_ne(first, then);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mfa_factors"), "1");
    enable();
    ck_assert_ptr_null(set_up());
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mfa_factors"), "1");
    ck_assert_str_eq(events(), "mfa.setup11 mfa.setup11 mfa.setup11 mfa.enabled11");
}
END_TEST

START_TEST(enabled)
{
    sql("INSERT INTO forge.mfa_backup_codes (user_id, mac) VALUES (1, sha256('left over'))");
    enable();
    ck_assert_str_eq(column("amr"), "pwd otp");
    ck_assert_str_eq(revoked(), "s2");
    ck_assert_str_eq(ask("SELECT string_agg(coalesce(revoke_reason, '-'), ' ' ORDER BY id) FROM forge.sessions"),
                     "- mfa_enabled -");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mfa_backup_codes"), "2");
    forge_enable_t again = {.factor_id = "1", .step = "101", .macs = two_macs},
                   none = {.factor_id = "77", .step = "1", .macs = two_macs};
    ck_assert_int_eq(forge_store_mfa_enable(db, forge_test_pool, &by, &again, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
    ck_assert_int_eq(forge_store_mfa_enable(db, forge_test_pool, &by, &none, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
}
END_TEST

/* Somebody else's factor, and a second one that became active at the same time. */
START_TEST(not_enabled)
{
    const char *factor = set_up();
    forge_actor_t bob = {.id = 2, .session_id = 3};
    forge_enable_t e = {.factor_id = factor, .step = "100", .macs = two_macs};
    ck_assert_int_eq(forge_store_mfa_enable(db, forge_test_pool, &bob, &e, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
    sql("INSERT INTO forge.mfa_factors (user_id, secret, confirmed_at) VALUES (1, repeat('x', 40), now())");
    ck_assert_int_eq(forge_store_mfa_enable(db, forge_test_pool, &by, &e, &rows), FORGE_E_MFA_ENABLED);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mfa_backup_codes"), "0");
}
END_TEST

START_TEST(steps_only_go_up)
{
    const char *factor = enable();
    ck_assert_int_eq(use(factor, "99", NULL), 0);
    ck_assert_int_eq(use(factor, "100", NULL), 0);
    ck_assert_str_eq(counters(), "1/1 1/1");
    ck_assert_int_eq(use(factor, "102", NULL), 1);
    ck_assert_str_eq(column("how"), "totp");
    ck_assert_str_eq(column("amr"), "pwd otp");
    ck_assert_str_eq(counters(), "1/0 0/0");
    ck_assert_int_eq(use(factor, "101", NULL), 0);
    ck_assert_int_eq(use("77", "200", NULL), 0);
    ck_assert_str_eq(ask("SELECT last_step FROM forge.mfa_factors"), "102");
}
END_TEST

START_TEST(backup_codes_once)
{
    const char *factor = enable();
    ck_assert_int_eq(use(factor, NULL, mac_a), 1);
    ck_assert_str_eq(column("how"), "backup");
    ck_assert_int_eq(use(factor, NULL, mac_a), 0);
    ck_assert_int_eq(use(factor, NULL, "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"), 0);
    ck_assert_ptr_nonnull(strstr(events(), "mfa.backup_used11"));
    ck_assert_int_eq(forge_store_mfa_codes(db, forge_test_pool, &by, other_macs, &no_mail, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    ck_assert_str_eq(ask("SELECT count(*) || '/' || count(used_at) FROM forge.mfa_backup_codes"), "1/0");
    ck_assert_int_eq(use(factor, NULL, mac_a), 0);
    ck_assert_int_eq(use(factor, NULL, "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"), 1);
    forge_actor_t bob = {.id = 2, .session_id = 3};
    ck_assert_int_eq(forge_store_mfa_codes(db, forge_test_pool, &bob, two_macs, &no_mail, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
}
END_TEST

static forge_status_t use_step(int i)
{
    (void)i;
    db = schema_attach();
    return use("1", "200", NULL) ? FORGE_OK : FORGE_E_MFA_CODE_INVALID;
}

static forge_status_t use_backup(int i)
{
    (void)i;
    db = schema_attach();
    return use("1", NULL, mac_a) ? FORGE_OK : FORGE_E_MFA_CODE_INVALID;
}

START_TEST(one_of_many)
{
    enable();
    ck_assert_int_eq(at_once(16, use_step, FORGE_OK), 1);
    ck_assert_int_eq(at_once(16, use_backup, FORGE_OK), 1);
    ck_assert_int_eq(at_once(8, use_step, FORGE_E_MFA_CODE_INVALID), 8);
}
END_TEST

START_TEST(disabled)
{
    ck_assert_int_eq(forge_store_mfa_disable(db, forge_test_pool, &by, &no_mail, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
    enable();
    sql("INSERT INTO forge.sessions (user_id, expires_at) VALUES (1, now() + interval '1 day')");
    revoked();
    ck_assert_int_eq(forge_store_mfa_disable(db, forge_test_pool, &by, &no_mail, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    ck_assert_str_eq(revoked(), "s4");
    ck_assert_str_eq(ask("SELECT amr FROM forge.sessions WHERE id = 1"), "{pwd}");
    ck_assert_str_eq(
        ask("SELECT (SELECT count(*) FROM forge.mfa_factors) + (SELECT count(*) FROM forge.mfa_backup_codes)"), "0");
    ck_assert_ptr_nonnull(strstr(events(), "mfa.disabled11"));
}
END_TEST

START_TEST(reset_by_an_administrator)
{
    const forge_actor_t root = {.id = 2, .admin = true, .ip = "192.0.2.1", .request_id = "r2"};
    enable();
    revoked();
    ck_assert_int_eq(forge_store_mfa_reset(db, forge_test_pool, &root, 1, &no_mail, &rows), FORGE_OK);
    ck_assert_str_eq(column("had"), "t");
    ck_assert_str_eq(revoked(), "u1:1 s1");
    ck_assert_str_eq(
        ask("SELECT (SELECT count(*) FROM forge.mfa_factors) + (SELECT count(*) FROM forge.mfa_backup_codes)"), "0");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.sessions WHERE revoked_at IS NULL"), "1"); /* Bob's */
    ck_assert_ptr_nonnull(strstr(events(), "mfa.reset21"));
    ck_assert_int_eq(forge_store_mfa_reset(db, forge_test_pool, &(forge_actor_t){.id = 0}, 1, &no_mail, &rows),
                     FORGE_OK);
    ck_assert_str_eq(column("had"), "f");
    ck_assert_int_eq(forge_store_mfa_reset(db, forge_test_pool, &root, 77, &no_mail, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
}
END_TEST

/* --- logins in two steps --- */

static const char newer[] = "{sha256}$2y$13$bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

static int challenge(const char *sha256, apr_int64_t epoch, const char *new_hash)
{
    const forge_challenge_t c = {.sha256 = sha256, .device_name = "old phone", .new_hash = new_hash, .epoch = epoch};
    ck_assert_int_eq(forge_store_challenge_make(db, forge_test_pool, &c, &guess, &rows), FORGE_OK);
    return forge_store_rows_count(rows);
}

static int try(const char *sha256)
{
    ck_assert_int_eq(forge_store_challenge_try(db, forge_test_pool, sha256, &rows), FORGE_OK);
    return forge_store_rows_count(rows);
}

static forge_status_t log_in(const char *id, const char *step, const char *mac, char digit)
{
    forge_second_t s = {.challenge_id = id, .code = {.factor_id = "1", .step = step, .mac = mac}};
    char *sha = apr_pcalloc(forge_test_pool, 65);
    memset(sha, digit, 64);
    s.session = (forge_new_session_t){.refresh_sha256 = sha,
                                      .expires_at = "2100-01-01",
                                      .ip = "192.0.2.7",
                                      .amr = "pwd otp",
                                      .request_id = "r1",
                                      .guess = &guess};
    return forge_store_login_second(db, forge_test_pool, &s, &rows);
}

START_TEST(challenge_is_made)
{
    enable();
    ck_assert_int_eq(challenge(mac_a, 7, newer), 0); /* of another epoch */
    ck_assert_str_eq(counters(), "1/1 1/1");
    ck_assert_int_eq(challenge(mac_a, 0, newer), 1);
    ck_assert_str_eq(counters(), "1/0 1/0"); /* taken back, nothing forgotten */
    ck_assert_str_eq(ask("SELECT password_hash FROM forge.users WHERE id = 1"), newer);
    ck_assert_int_eq(challenge("cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", 0, NULL), 1);
    ck_assert_str_eq(ask("SELECT password_hash FROM forge.users WHERE id = 1"), newer);
    ck_assert_str_eq(ask("SELECT max(expires_at - created_at) = interval '5 minutes' FROM forge.login_challenges"),
                     "true");
}
END_TEST

START_TEST(five_tries)
{
    ck_assert_int_eq(challenge(mac_a, 0, NULL), 0); /* no factor is active */
    enable();
    ck_assert_int_eq(challenge(mac_a, 0, NULL), 1);
    sql("UPDATE forge.mfa_factors SET confirmed_at = NULL");
    ck_assert_int_eq(try(mac_a), 0);
    sql("UPDATE forge.mfa_factors SET confirmed_at = now()");
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(try(mac_a), 1);
        ck_assert_str_eq(column("_secret"), sealed);
    }
    ck_assert_int_eq(try(mac_a), 0);
    sql("UPDATE forge.login_challenges SET tries = 0, expires_at = now()");
    ck_assert_int_eq(try(mac_a), 0);
    ck_assert_int_eq(try("cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"), 0);
    ck_assert_int_eq(forge_store_housekeeping(db, forge_test_pool), FORGE_OK);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.login_challenges"), "0");
}
END_TEST

START_TEST(second_step)
{
    enable();
    challenge(mac_a, 0, NULL);
    sql("UPDATE forge.login_failures SET pending = 1");
    ck_assert_int_eq(log_in("1", "100", NULL, 'a'), FORGE_OK); /* the step that activated it */
    ck_assert_str_eq(column("_spent"), "f");
    ck_assert_ptr_null(column("id"));
    ck_assert_str_eq(counters(), "1/1 1/1");
    ck_assert_int_eq(log_in("1", "101", NULL, 'b'), FORGE_OK);
    ck_assert_str_eq(column("_spent"), "t");
    ck_assert_str_eq(column("username"), "ada");
    ck_assert_str_eq(counters(), "1/0 0/0");
    ck_assert_str_eq(ask("SELECT amr::text || device_name FROM forge.sessions ORDER BY id DESC LIMIT 1"),
                     "{pwd,otp}old phone");
    ck_assert_ptr_nonnull(strstr(events(), "user.login11"));
    ck_assert_int_eq(log_in("1", "102", NULL, 'c'), FORGE_OK); /* the challenge is spent */
    ck_assert_str_eq(column("_spent"), "t");
    ck_assert_ptr_null(column("id"));
    challenge("cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", 0, NULL);
    ck_assert_int_eq(log_in("2", NULL, mac_a, 'd'), FORGE_OK);
    ck_assert_str_eq(column("username"), "ada");
    ck_assert_ptr_nonnull(strstr(events(), "mfa.backup_used11"));
}
END_TEST

START_TEST(second_step_after_a_change)
{
    enable();
    challenge(mac_a, 0, NULL);
    sql("UPDATE forge.users SET epoch = epoch + 1");
    ck_assert_int_eq(log_in("1", "101", NULL, 'a'), FORGE_OK);
    ck_assert_ptr_null(column("id"));
    ck_assert_ptr_null(column("_session_id"));
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.refresh_tokens"), "0");
}
END_TEST

/* A factor that became active after the account was looked up. */
START_TEST(no_plain_login_with_a_factor)
{
    forge_new_session_t s = {.refresh_sha256 = mac_a, .expires_at = "2100-01-01", .guess = &guess};
    enable();
    ck_assert_int_eq(forge_store_login(db, forge_test_pool, &(forge_login_t){1, 0, NULL, s}, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
    ck_assert_int_eq(forge_store_user_for_login(db, forge_test_pool, NULL, "ada", &rows), FORGE_OK);
    ck_assert_str_eq(column("_mfa"), "t");
    ck_assert_int_eq(forge_store_user_for_login(db, forge_test_pool, "bob@example.org", NULL, &rows), FORGE_OK);
    ck_assert_str_eq(column("_mfa"), "f");
}
END_TEST

START_TEST(rules_of_the_tables)
{
    static const char *const bad[] = {
        "INSERT INTO forge.login_challenges (sha256, user_id, epoch, expires_at) VALUES ('short', 1, 0, now())",
        "INSERT INTO forge.login_challenges (sha256, user_id, epoch, expires_at) VALUES (sha256('a'), 1, 0, now() + "
        "interval '6 minutes')",
        "INSERT INTO forge.login_challenges (sha256, user_id, epoch, expires_at, tries) VALUES (sha256('a'), 1, 0, "
        "now(), 6)",
        "INSERT INTO forge.mfa_backup_codes (user_id, mac) VALUES (1, 'k3m9x7w2qd')", NULL};
    const char *why;
    for (const char *const *text = bad; *text; text++)
        ck_assert_msg(forge_store_script(owner, forge_test_pool, *text, &why) == FORGE_E_VALIDATION, "%s", *text);
}
END_TEST

Suite *forge_test_store_mfa(void)
{
    Suite *s = suite_create("store_mfa");
    TCase *tc = tcase_create("mfa");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, credentials);
    tcase_add_test(tc, set_up_again_replaces);
    tcase_add_test(tc, enabled);
    tcase_add_test(tc, not_enabled);
    tcase_add_test(tc, steps_only_go_up);
    tcase_add_test(tc, backup_codes_once);
    tcase_add_test(tc, one_of_many);
    tcase_add_test(tc, disabled);
    tcase_add_test(tc, reset_by_an_administrator);
    tcase_add_test(tc, challenge_is_made);
    tcase_add_test(tc, five_tries);
    tcase_add_test(tc, second_step);
    tcase_add_test(tc, second_step_after_a_change);
    tcase_add_test(tc, no_plain_login_with_a_factor);
    tcase_add_test(tc, rules_of_the_tables);
    suite_add_tcase(s, tc);
    return s;
}
