/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/one_time.c, passwords.c, outbox.c: tokens are spent once, and what hangs on them happens in the same
 * statement.
 */
#include "schema.h"
#include "store/identity/identity.h"
#include "store/operations/operations.h"

#define P      forge_test_pool
#define SENDER "https://learn.example.org"
#define SEALED "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const char hash[] = FORGE_TEST_HASH;
static forge_rows_t *rows;

static void begin(void)
{
    schema_begin("store_mail");
}

/* Account 1, with two sessions; account 2. */
static void setup(void)
{
    schema_setup();
    sql("TRUNCATE forge.mail_outbox RESTART IDENTITY");
    sql("INSERT INTO forge.users (email, email_key, username, password_hash) VALUES ('Ada@example.org', "
        "'ada@example.org', 'ada', "
        "'" FORGE_TEST_HASH "'), ('bob@example.org', 'bob@example.org', 'bob', '" FORGE_TEST_HASH "');"
        "INSERT INTO forge.sessions (user_id, expires_at) VALUES (1, now() + interval '1 day'), (1, now() + interval "
        "'1 day')");
}

/* The digest of a token of one letter. */
static const char *sha(char letter)
{
    return ask(apr_psprintf(P, "SELECT encode(sha256('%c'), 'hex')", letter));
}

static forge_one_time_t input(char letter)
{
    return (forge_one_time_t){.user_id = 1,
                              .session_id = 1,
                              .sha256 = sha(letter),
                              .email = "new@example.org",
                              .email_key = "new@example.org",
                              .password_hash = "{sha256}$2y$12$bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                              .mail = {SENDER, SEALED},
                              .ip = "fe80::1%eth0",
                              .request_id = "req-1"};
}

static void token(const char *kind, char letter)
{
    sql(apr_psprintf(
        P,
        "INSERT INTO forge.one_time_tokens (user_id, kind, sha256, email, email_key, expires_at)"
        " SELECT id, '%s', sha256('%c'), email, email_key, now() + interval '30 minutes' FROM forge.users WHERE id = 1"
        " ON CONFLICT (user_id, kind) DO UPDATE SET sha256 = excluded.sha256, used_at = NULL",
        kind, letter));
}

static const char *effects(void)
{
    forge_effects_t done = forge_store_effects_take(db, P);
    const char *all = "";
    for (int i = 0; i < done.revoked->nelts; i++)
        all = apr_pstrcat(P, all, APR_ARRAY_IDX(done.revoked, i, const char *), NULL);
    return apr_psprintf(P, "%d:%s", done.audit->nelts, all);
}

START_TEST(reset_asked_and_resolved)
{
    forge_one_time_t in = input('a');
    in.email = "ADA@example.org";
    in.email_key = "ada@example.org";
    ck_assert_int_eq(forge_store_reset_ask(db, P, &in), FORGE_OK);
    ck_assert_str_eq(ask("SELECT kind || sender || recipient || (user_id IS NULL) FROM forge.mail_outbox"),
                     "reset" SENDER "ADA@example.orgtrue");
    ck_assert_str_eq(effects(), "0:");
    ck_assert_int_eq(forge_store_reset_resolve(db, P, 1, &in, &rows), FORGE_OK);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "recipient"), "Ada@example.org");
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "username"), "ada");
    ck_assert_str_eq(effects(), "1:");
    ck_assert_str_eq(ask("SELECT user_id || recipient FROM forge.mail_outbox"), "1Ada@example.org");
    ck_assert_str_eq(ask("SELECT subject_id || host(ip) || (detail->>'sent') FROM forge.audit_events"), "1fe80::1true");
    in.email_key = "nobody@example.org";
    in.mail.sender = SENDER;
    ck_assert_int_eq(forge_store_reset_ask(db, P, &in), FORGE_OK);
    ck_assert_int_eq(forge_store_reset_resolve(db, P, 2, &in, &rows), FORGE_OK);
    ck_assert_ptr_null(forge_store_rows_text(rows, 0, "recipient"));
    ck_assert_str_eq(ask("SELECT string_agg(id::text, ' ') FROM forge.mail_outbox"), "1");
    ck_assert_str_eq(ask("SELECT count(*) || ' ' || count(subject_id) FROM forge.audit_events"), "2 1");
    in.mail.sender = NULL; /* mail is off */
    ck_assert_int_eq(forge_store_reset_ask(db, P, &in), FORGE_OK);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mail_outbox"), "1");
}
END_TEST

START_TEST(newer_voids_older)
{
    forge_one_time_t in = input('a');
    in.email_key = "ada@example.org";
    for (char letter = 'a'; letter <= 'g'; letter++) {
        in.sha256 = sha(letter);
        ck_assert_int_eq(forge_store_reset_ask(db, P, &in), FORGE_OK);
        ck_assert_int_eq(forge_store_reset_resolve(db, P, letter - 'a' + 1, &in, &rows), FORGE_OK);
        ck_assert_int_eq(forge_store_rows_text(rows, 0, "recipient") != NULL, letter <= 'e'); /* five an hour */
        ck_assert_str_eq(ask("SELECT count(*) FROM forge.mail_outbox"), "1"); /* the older mail is not sent any more */
    }
    in = input('a');
    ck_assert_int_eq(forge_store_password_reset(db, P, &in), FORGE_E_TOKEN_INVALID);
    in = input('e');
    ck_assert_int_eq(forge_store_password_reset(db, P, &in), FORGE_OK);
}
END_TEST

START_TEST(reset_does_everything)
{
    forge_one_time_t in = input('a');
    token("reset", 'a');
    token("verify", 'b');
    token("email_change", 'c');
    sql("INSERT INTO forge.api_keys (user_id, name, prefix, sha256) SELECT g, 'k', 'abcdefgh', sha256(g::text::bytea) "
        "FROM "
        "generate_series(1, 2) g;"
        "INSERT INTO forge.login_failures (subject, address, locked_until) VALUES ('user:1', '', now() + interval '1 "
        "hour'),"
        " ('user:1', '192.0.2.7', NULL), ('user:2', '', NULL)");
    ck_assert_int_eq(forge_store_one_time_peek(db, P, in.sha256, &rows), FORGE_OK);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "_kind"), "reset");
    ck_assert_int_eq(forge_store_password_reset(db, P, &in), FORGE_OK);
    ck_assert_str_eq(effects(), "1:s1 s2 u1:1");
    ck_assert_str_eq(ask("SELECT (password_hash LIKE '%bbb') || ' ' || epoch FROM forge.users WHERE id = 1"), "true 1");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.sessions WHERE revoked_at IS NULL"), "0");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.one_time_tokens WHERE used_at IS NULL"), "0");
    ck_assert_str_eq(ask("SELECT kind || recipient FROM forge.mail_outbox"), "password_changed_noticeAda@example.org");
    ck_assert_str_eq(ask("SELECT string_agg(user_id::text, ' ') FROM forge.api_keys"), "2");
    ck_assert_str_eq(ask("SELECT string_agg(subject, ' ') FROM forge.login_failures"), "user:2");
    ck_assert_int_eq(forge_store_password_reset(db, P, &in), FORGE_E_TOKEN_INVALID);
    ck_assert_int_eq(forge_store_one_time_peek(db, P, in.sha256, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
    ck_assert_str_eq(effects(), "0:");
}
END_TEST

START_TEST(reset_of_the_inactive)
{
    forge_one_time_t in = input('a');
    token("reset", 'a');
    sql("UPDATE forge.users SET is_active = false");
    ck_assert_int_eq(forge_store_password_reset(db, P, &in), FORGE_E_TOKEN_INVALID);
    ck_assert_str_eq(ask("SELECT password_hash FROM forge.users WHERE id = 1"), hash);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mail_outbox"), "0");
}
END_TEST

START_TEST(change_spares_this_session)
{
    forge_one_time_t in = input('a');
    token("reset", 'a');
    ck_assert_int_eq(forge_store_password_change(db, P, &in), FORGE_OK);
    ck_assert_str_eq(effects(), "1:s2");
    ck_assert_str_eq(ask("SELECT string_agg(id::text, ' ') FROM forge.sessions WHERE revoked_at IS NULL"), "1");
    ck_assert_str_eq(ask("SELECT epoch || ' ' || (SELECT count(*) FROM forge.one_time_tokens WHERE used_at IS NULL) "
                         "FROM forge.users WHERE id = 1"),
                     "0 0");
    in.session_id = 2; /* ended */
    ck_assert_int_eq(forge_store_password_change(db, P, &in), FORGE_E_INVALID_TOKEN);
    in.session_id = 1;
    in.user_id = 2; /* somebody else's session */
    ck_assert_int_eq(forge_store_password_change(db, P, &in), FORGE_E_INVALID_TOKEN);
    in.user_id = 1;
    in.mail.sender = NULL;
    ck_assert_int_eq(forge_store_password_change(db, P, &in), FORGE_OK);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mail_outbox"), "1");
}
END_TEST

START_TEST(verification)
{
    forge_one_time_t in = input('a');
    ck_assert_int_eq(forge_store_verify_resend(db, P, &in), FORGE_OK);
    ck_assert_str_eq(ask("SELECT kind || recipient FROM forge.mail_outbox"), "verifyAda@example.org");
    sql("UPDATE forge.users SET email_key = 'other@example.org' WHERE id = 1"); /* by an administrator, say */
    ck_assert_int_eq(forge_store_email_verify(db, P, &in), FORGE_E_TOKEN_INVALID);
    sql("UPDATE forge.users SET email_key = 'ada@example.org' WHERE id = 1");
    token("verify", 'a');
    ck_assert_int_eq(forge_store_email_verify(db, P, &in), FORGE_OK);
    ck_assert_str_eq(ask("SELECT email_verified FROM forge.users WHERE id = 1"), "true");
    ck_assert_int_eq(forge_store_email_verify(db, P, &in), FORGE_E_TOKEN_INVALID);
    ck_assert_int_eq(forge_store_verify_resend(db, P, &in), FORGE_OK);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mail_outbox"), "1"); /* no more to verify, no notice either */
}
END_TEST

START_TEST(change_of_address)
{
    forge_one_time_t in = input('a');
    token("reset", 'r');
    ck_assert_int_eq(forge_store_email_change_request(db, P, &in), FORGE_OK);
    ck_assert_str_eq(effects(), "1:");
    ck_assert_str_eq(ask("SELECT kind || recipient || user_id FROM forge.mail_outbox"), "email_changenew@example.org1");
    ck_assert_str_eq(ask("SELECT email FROM forge.users WHERE id = 1"), "Ada@example.org");
    ck_assert_int_eq(forge_store_email_verify(db, P, &in), FORGE_OK);
    ck_assert_str_eq(ask("SELECT email || email_key || email_verified FROM forge.users WHERE id = 1"),
                     "new@example.orgnew@example.orgtrue");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.one_time_tokens WHERE used_at IS NULL"), "0");
    ck_assert_str_eq(ask("SELECT recipient FROM forge.mail_outbox WHERE kind = 'email_changed_notice'"),
                     "Ada@example.org");
    ck_assert_str_eq(
        ask("SELECT event || (detail->>'from') || (detail->>'to') FROM forge.audit_events ORDER BY id DESC LIMIT 1"),
        "email.changedAda@example.orgnew@example.org");
}
END_TEST

static const char *address(void)
{
    return ask("SELECT email || ' ' || email_verified || ' ' || epoch FROM forge.users WHERE id = 1");
}

/* The way back: the old address, all sessions, keys, tokens, and what a stranger may have enrolled. */
START_TEST(change_of_address_undone)
{
    forge_one_time_t in = input('a');
    ck_assert_int_eq(forge_store_email_change_request(db, P, &in), FORGE_OK);
    in.undo_sha256 = sha('u');
    ck_assert_int_eq(forge_store_email_verify(db, P, &in), FORGE_OK);
    token("reset", 'r');
    sql("INSERT INTO forge.api_keys (user_id, name, prefix, sha256) VALUES (1, 'k', 'abcdefgh', sha256('1'));"
        "INSERT INTO forge.mfa_factors (user_id, secret, email_proven, confirmed_at) VALUES (1, repeat('s', 40), true,"
        " now() + interval '1 second')");
    effects();
    in.sha256 = sha('a');
    ck_assert_int_eq(forge_store_email_undo(db, P, &in), FORGE_E_TOKEN_INVALID);
    in.sha256 = sha('u');
    ck_assert_int_eq(forge_store_email_undo(db, P, &in), FORGE_OK);
    ck_assert_str_eq(address(), "Ada@example.org true 1");
    ck_assert_str_eq(effects(), "1:s1 s2 u1:1");
    ck_assert_str_eq(ask("SELECT (SELECT count(*) FROM forge.api_keys) || ' ' || (SELECT count(*) FROM"
                         " forge.mfa_factors) || ' ' || (SELECT count(*) FROM forge.one_time_tokens WHERE used_at IS"
                         " NULL)"),
                     "0 0 0");
    ck_assert_str_eq(ask("SELECT recipient FROM forge.mail_outbox WHERE kind = 'email_restored_notice'"),
                     "Ada@example.org");
    ck_assert_int_eq(forge_store_email_undo(db, P, &in), FORGE_E_TOKEN_INVALID);
}
END_TEST

/* A proven factor from before the change stays; an address that psql gave away cannot come back, and spends nothing. */
START_TEST(change_of_address_undone_in_part)
{
    forge_one_time_t in = input('a');
    sql("INSERT INTO forge.mfa_factors (user_id, secret, email_proven, confirmed_at) VALUES (1, repeat('s', 40), true,"
        " now() - interval '1 second'), (1, repeat('t', 40), true, NULL)");
    ck_assert_int_eq(forge_store_email_change_request(db, P, &in), FORGE_OK);
    in.undo_sha256 = sha('u');
    ck_assert_int_eq(forge_store_email_verify(db, P, &in), FORGE_OK);
    sql("ALTER TABLE forge.users DISABLE TRIGGER email_kept_on_change;"
        "UPDATE forge.users SET email = 'ada@example.org', email_key = 'ada@example.org' WHERE id = 2;"
        "ALTER TABLE forge.users ENABLE TRIGGER email_kept_on_change");
    in.sha256 = sha('u');
    ck_assert_int_eq(forge_store_email_undo(db, P, &in), FORGE_E_EMAIL_TAKEN);
    sql("UPDATE forge.users SET email = 'bob@example.org', email_key = 'bob@example.org' WHERE id = 2");
    ck_assert_int_eq(forge_store_email_undo(db, P, &in), FORGE_OK);
    ck_assert_str_eq(ask("SELECT string_agg(secret, '') FROM forge.mfa_factors"),
                     "ssssssssssssssssssssssssssssssssssssssss");
}
END_TEST

START_TEST(change_of_address_after_the_proof)
{
    forge_one_time_t in = input('a');
    in.set_at = ask("SELECT (password_changed_at - interval '1 second')::text FROM forge.users WHERE id = 1");
    ck_assert_int_eq(forge_store_email_change_request(db, P, &in), FORGE_E_NOT_FOUND);
    in.set_at = ask("SELECT password_changed_at::text FROM forge.users WHERE id = 1");
    sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'x' WHERE id = 1");
    ck_assert_int_eq(forge_store_email_change_request(db, P, &in), FORGE_E_NOT_FOUND);
    in.session_id = 2;
    ck_assert_int_eq(forge_store_email_change_request(db, P, &in), FORGE_OK);
}
END_TEST

START_TEST(change_of_address_refused)
{
    forge_one_time_t in = input('a');
    in.email = in.email_key = "bob@example.org";
    ck_assert_int_eq(forge_store_email_change_request(db, P, &in), FORGE_E_EMAIL_TAKEN);
    in.email = in.email_key = "ada@example.org";
    ck_assert_int_eq(forge_store_email_change_request(db, P, &in), FORGE_OK); /* hers already */
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mail_outbox"), "0");
    in = input('b');
    for (int i = 0; i < 5; i++) {
        in.sha256 = sha((char)('b' + i));
        ck_assert_int_eq(forge_store_email_change_request(db, P, &in), FORGE_OK);
    }
    in.sha256 = sha('z');
    ck_assert_int_eq(forge_store_email_change_request(db, P, &in), FORGE_E_RATE_LIMITED);
    sql("UPDATE forge.users SET email_key = 'new@example.org' WHERE id = 2"); /* taken meanwhile: not spent */
    in.sha256 = sha('f');
    ck_assert_int_eq(forge_store_email_verify(db, P, &in), FORGE_E_EMAIL_TAKEN);
    sql("UPDATE forge.users SET email_key = 'bob@example.org' WHERE id = 2");
    ck_assert_int_eq(forge_store_email_verify(db, P, &in), FORGE_OK);
    in.user_id = 77;
    ck_assert_int_eq(forge_store_email_change_request(db, P, &in), FORGE_E_NOT_FOUND);
}
END_TEST

START_TEST(change_of_address_without_mail)
{
    forge_one_time_t in = input('a');
    in.mail.sender = NULL;
    token("reset", 'r');
    sql("UPDATE forge.users SET email_verified = true");
    ck_assert_int_eq(forge_store_email_change_request(db, P, &in), FORGE_OK);
    ck_assert_str_eq(ask("SELECT email_key || email_verified FROM forge.users WHERE id = 1"), "new@example.orgfalse");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.one_time_tokens WHERE used_at IS NULL"), "0");
    in.email = in.email_key = "bob@example.org";
    ck_assert_int_eq(forge_store_email_change_request(db, P, &in), FORGE_E_EMAIL_TAKEN);
}
END_TEST

static void mails(int n)
{
    sql(apr_psprintf(P,
                     "INSERT INTO forge.mail_outbox (kind, sender, recipient, payload) SELECT 'invitation', '" SENDER
                     "', 'a@example.org', '" SEALED "' FROM generate_series(1, %d)",
                     n));
}

START_TEST(claimed_for_a_while)
{
    mails(20);
    sql("INSERT INTO forge.mail_outbox (kind, sender, recipient, payload) VALUES ('invitation', "
        "'https://other.example', 'a@b.org', "
        "'" SEALED "')");
    ck_assert_int_eq(forge_store_mail_claim(db, P, SENDER, apr_time_from_sec(600), &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 16);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "tries"), "1");
    ck_assert_int_eq(forge_store_mail_claim(schema_attach(), P, SENDER, apr_time_from_sec(600), &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 4);
    ck_assert_int_eq(forge_store_mail_claim(db, P, SENDER, apr_time_from_sec(600), &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
    sql("UPDATE forge.mail_outbox SET next_try_at = now() - interval '1 second' WHERE id = 3"); /* its sender died */
    ck_assert_int_eq(forge_store_mail_claim(db, P, SENDER, apr_time_from_sec(600), &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "tries"), "2");
    ck_assert_int_eq(forge_store_mail_later(db, P, 3, apr_time_from_sec(60), "no"), FORGE_OK);
    ck_assert_str_eq(
        ask("SELECT last_error || (next_try_at BETWEEN now() + interval '50 seconds' AND now() + interval '61 seconds')"
            " FROM forge.mail_outbox WHERE id = 3"),
        "notrue");
    ck_assert_int_eq(forge_store_mail_done(db, P, 3), FORGE_OK);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mail_outbox"), "20");
}
END_TEST

/* What another sender is just claiming is passed over, not waited for. */
START_TEST(claims_do_not_wait)
{
    mails(2);
    ck_assert_int_eq(forge_store_begin(db, P), FORGE_OK);
    ck_assert_int_eq(forge_store_mail_claim(db, P, SENDER, apr_time_from_sec(600), &rows), FORGE_OK);
    mails(1);
    ck_assert_int_eq(forge_store_mail_claim(schema_attach(), P, SENDER, apr_time_from_sec(600), &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    forge_store_rollback(db);
    ck_assert_int_eq(forge_store_mail_claim(db, P, SENDER, apr_time_from_sec(600), &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 2);
}
END_TEST

START_TEST(void_and_old)
{
    token("verify", 'a');
    sql("INSERT INTO forge.mail_outbox (kind, sender, recipient, user_id, payload, created_at) VALUES"
        " ('verify', '" SENDER "', 'a@example.org', 1, '" SEALED "', now()), ('reset', '" SENDER
        "', 'a@example.org', 1, '" SEALED "', now() - interval '25 hours')");
    ck_assert_int_eq(forge_store_mail_claim(db, P, SENDER, 0, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 2);
    for (int i = 0; i < 2; i++) {
        bool reset = strcmp(forge_store_rows_text(rows, i, "kind"), "reset") == 0;
        ck_assert_int_eq(forge_store_rows_bool(rows, i, "_void"), reset);
        ck_assert_int_eq(forge_store_rows_bool(rows, i, "_old"), reset);
        ck_assert_str_eq(forge_store_rows_text(rows, i, "username"), "ada");
    }
}
END_TEST

START_TEST(state_and_sweep)
{
    ck_assert_int_eq(forge_store_mail_state(db, P, SENDER, &rows), FORGE_OK);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "late"), "f");
    mails(2);
    ck_assert_int_eq(forge_store_mail_state(db, P, SENDER, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "waiting", 0), 2);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "late"), "f");
    sql("UPDATE forge.mail_outbox SET created_at = now() - interval '6 minutes' WHERE id = 1");
    ck_assert_int_eq(forge_store_mail_state(db, P, SENDER, &rows), FORGE_OK);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "late"), "t");
    ck_assert_int_eq(forge_store_mail_state(db, P, "https://other.example", &rows), FORGE_OK);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "late"), "f");
    sql("UPDATE forge.mail_outbox SET created_at = now() - interval '3 days', next_try_at = now() - interval '2 hours' "
        "WHERE id = 1");
    token("reset", 'a');
    sql("UPDATE forge.one_time_tokens SET created_at = now() - interval '49 hours', expires_at = now() - interval '48 "
        "hours'");
    ck_assert_int_eq(forge_store_housekeeping(db, P), FORGE_OK);
    ck_assert_str_eq(
        ask("SELECT (SELECT count(*) FROM forge.mail_outbox) || ' ' || (SELECT count(*) FROM forge.one_time_tokens)"),
        "1 0");
}
END_TEST

static forge_status_t spend(int i)
{
    (void)i;
    forge_one_time_t in = {.sha256 = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", /* of "a" */
                           .password_hash = "{sha256}$2y$12$bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                           .mail = {SENDER, SEALED}};
    return forge_store_password_reset(schema_attach(), P, &in);
}

START_TEST(one_of_many)
{
    token("reset", 'a');
    ck_assert_int_eq(at_once(20, spend, FORGE_OK), 1);
    ck_assert_str_eq(
        ask("SELECT epoch || ' ' || (SELECT count(*) FROM forge.mail_outbox) FROM forge.users WHERE id = 1"), "1 1");
}
END_TEST

START_TEST(registration_with_mail)
{
    forge_new_user_t user = {.email = "Eve@example.org",
                             .email_key = "eve@example.org",
                             .username = "eve",
                             .role = "student",
                             .password_hash = hash,
                             .verify_sha256 = sha('v'),
                             .mail_sender = SENDER,
                             .mail_payload = SEALED};
    ck_assert_int_eq(forge_store_user_create(db, P, &user, NULL, &rows), FORGE_OK);
    ck_assert_str_eq(
        ask("SELECT t.kind || t.email || m.recipient || m.user_id FROM forge.one_time_tokens t, forge.mail_outbox m"),
        "verifyEve@example.orgEve@example.org3");
    forge_one_time_t in = input('v');
    ck_assert_int_eq(forge_store_email_verify(db, P, &in), FORGE_OK);
    user.email = user.email_key = "eve2@example.org";
    ck_assert_int_eq(forge_store_user_create(db, P, &user, NULL, &rows), FORGE_E_USERNAME_TAKEN);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mail_outbox"), "1");
}
END_TEST

/* The rules hold for someone who writes with psql. */
START_TEST(rules)
{
    static const char *const broken[] = {
        "UPDATE forge.one_time_tokens SET expires_at = created_at + interval '61 minutes'",
        "UPDATE forge.one_time_tokens SET sha256 = 'short'",
        "UPDATE forge.one_time_tokens SET kind = 'magic'",
        "UPDATE forge.mail_outbox SET kind = 'advertisement'",
        "UPDATE forge.mail_outbox SET recipient = E'a@b.org\\nBcc: c@d.org'",
        "UPDATE forge.mail_outbox SET payload = ''",
        NULL};
    token("reset", 'a');
    mails(1);
    for (const char *const *statement = broken; *statement; statement++) {
        const forge_stmt_t one = {"", *statement};
        ck_assert_msg(forge_store_run(owner, P, &one, FORGE_NO_ARGS, NULL) == FORGE_E_VALIDATION, "%s", *statement);
    }
}
END_TEST

Suite *forge_test_store_mail(void)
{
    Suite *s = suite_create("store_mail");
    TCase *tc = tcase_create("all");
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, reset_asked_and_resolved);
    tcase_add_test(tc, newer_voids_older);
    tcase_add_test(tc, reset_does_everything);
    tcase_add_test(tc, reset_of_the_inactive);
    tcase_add_test(tc, change_spares_this_session);
    tcase_add_test(tc, verification);
    tcase_add_test(tc, change_of_address);
    tcase_add_test(tc, change_of_address_undone);
    tcase_add_test(tc, change_of_address_undone_in_part);
    tcase_add_test(tc, change_of_address_after_the_proof);
    tcase_add_test(tc, change_of_address_refused);
    tcase_add_test(tc, change_of_address_without_mail);
    tcase_add_test(tc, claimed_for_a_while);
    tcase_add_test(tc, claims_do_not_wait);
    tcase_add_test(tc, void_and_old);
    tcase_add_test(tc, state_and_sweep);
    tcase_add_test(tc, one_of_many);
    tcase_add_test(tc, registration_with_mail);
    tcase_add_test(tc, rules);
    suite_add_tcase(s, tc);
    return s;
}
