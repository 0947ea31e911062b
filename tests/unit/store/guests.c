/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/identity/guests.c: guests, who may become accounts, once, and are swept when they do not.
 */
#include "sessions.h"
#include "store/operations/operations.h"

static const char *const digits = "0123456789abcdef";

static void begin(void)
{
    schema_begin("store_guests");
}

static forge_new_user_t registration(forge_who_t who, const char *name)
{
    const char *email = F("%s@example.org", name);
    return (forge_new_user_t){.email = email,
                              .email_key = email,
                              .username = name,
                              .role = "instructor",
                              .password_hash = FORGE_TEST_HASH,
                              .guest_id = F("%d", (int)who.user_id),
                              .guest_session = F("%d", (int)who.session_id)};
}

START_TEST(guest_has_no_address)
{
    guest("guest_00000001", '0');
    ck_assert_str_eq(column("role"), "guest");
    ck_assert_ptr_null(column("email"));
    ck_assert_str_eq(ask("SELECT amr[1] FROM forge.sessions"), "guest");
    ck_assert_str_eq(audit_of("guest.created"), "1");
    forge_new_session_t session = session_of('1', "guest");
    ck_assert_int_eq(forge_store_guest_create(db, forge_test_pool, "GUEST_00000001", &session, &rows),
                     FORGE_E_USERNAME_TAKEN);
    ck_assert_int_eq(refresh('0', '2'), FORGE_OK);
    ck_assert_str_eq(column("_amr"), "guest");
}
END_TEST

START_TEST(guest_becomes_an_account)
{
    forge_who_t who = guest("guest_00000001", '0');
    forge_new_user_t user = registration(who, "ada");
    forge_new_session_t session = session_of('1', "pwd");
    ck_assert_int_eq(forge_store_user_create(db, forge_test_pool, &user, &session, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "id", 0), who.user_id);
    ck_assert_str_eq(column("role"), "instructor");
    ck_assert_str_eq(column("_epoch"), "1");
    ck_assert_str_eq(column("_revoked"), F("u%d:1 s%d", (int)who.user_id, (int)who.session_id));
    ck_assert_str_eq(ask("SELECT string_agg(coalesce(revoke_reason, '-'), ' ' ORDER BY id) FROM forge.sessions"),
                     "guest_converted -");
    ck_assert_str_eq(ask("SELECT string_agg(event || actor_id, ' ' ORDER BY id) FROM forge.audit_events WHERE event <> "
                         "'guest.created'"),
                     F("guest.converted%d user.registered%d", (int)who.user_id, (int)who.user_id));
    ck_assert_int_eq(forge_store_user_create(db, forge_test_pool, &user, &session, &rows), FORGE_E_INVALID_TOKEN);
    user = registration(who, "somebody");
    ck_assert_int_eq(forge_store_user_create(db, forge_test_pool, &user, &session, &rows), FORGE_E_INVALID_TOKEN);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.users"), "1");
}
END_TEST

START_TEST(guest_meets_taken_names)
{
    account("ada", '9');
    forge_who_t who = guest("guest_00000001", '0');
    forge_new_session_t session = session_of('1', "pwd");
    forge_new_user_t user = registration(who, "ada");
    ck_assert_int_eq(forge_store_user_create(db, forge_test_pool, &user, &session, &rows), FORGE_E_EMAIL_TAKEN);
    user.email = user.email_key = "other@example.org";
    ck_assert_int_eq(forge_store_user_create(db, forge_test_pool, &user, &session, &rows), FORGE_E_USERNAME_TAKEN);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.sessions WHERE revoked_at IS NULL"), "2");
    user.username = "guest_00000001"; /* its own one is free for it */
    ck_assert_int_eq(forge_store_user_create(db, forge_test_pool, &user, &session, &rows), FORGE_OK);
    ck_assert_str_eq(forge_test_pg_logged(), "");
}
END_TEST

START_TEST(guest_whose_session_ended)
{
    forge_who_t who = guest("guest_00000001", '0');
    forge_store_session_logout(db, forge_test_pool, as(&who));
    forge_new_user_t user = registration(who, "ada");
    forge_new_session_t session = session_of('1', "pwd");
    ck_assert_int_eq(forge_store_user_create(db, forge_test_pool, &user, &session, &rows), FORGE_E_INVALID_TOKEN);
    ck_assert_str_eq(ask("SELECT role FROM forge.users"), "guest");
}
END_TEST

static forge_who_t twin_guest;
static forge_status_t register_guest(int i)
{
    db = schema_attach();
    owner = db; /* session_of asks the time */
    forge_new_user_t user = registration(twin_guest, F("twin_%d", i));
    forge_new_session_t session = session_of(digits[1 + i % 15], "pwd");
    return forge_store_user_create(db, forge_test_pool, &user, &session, &rows);
}

START_TEST(guest_registers_once_in_parallel)
{
    twin_guest = guest("guest_00000001", '0');
    ck_assert_int_eq(at_once_behind("SELECT FROM forge.users FOR UPDATE", 12, register_guest, FORGE_OK), 1);
    ck_assert_str_eq(audit_of("guest.converted"), "1");
    ck_assert_str_eq(audit_of("user.registered"), "1");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.sessions WHERE revoked_at IS NULL"), "1");
}
END_TEST

START_TEST(only_guests_lack_an_address)
{
    static const char *const broken[] = {
        "UPDATE forge.users SET role = 'student' WHERE role = 'guest'",
        "UPDATE forge.users SET email = NULL WHERE role = 'student'",
        "UPDATE forge.users SET password_hash = NULL WHERE role = 'student'",
        "UPDATE forge.users SET email = 'a@b' WHERE role = 'guest'",
    };
    guest("guest_00000001", '0');
    account("ada", '1');
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
        const char *why = "";
        ck_assert_msg(forge_store_script(owner, forge_test_pool, broken[i], &why) == FORGE_E_VALIDATION, "%s: %s",
                      broken[i], why);
    }
}
END_TEST

START_TEST(old_guests_are_swept)
{
    guest("guest_00000001", '0');
    guest("guest_00000002", '1');
    guest("guest_00000003", '2');
    account("ada", '3');
    sql("ALTER TABLE forge.users DISABLE TRIGGER touch; UPDATE forge.users SET created_at = now() - interval '60 days' "
        "WHERE username <>"
        " 'guest_00000003'; ALTER TABLE forge.users ENABLE TRIGGER touch");
    sql("UPDATE forge.sessions SET created_at = now() - interval '50 days', expires_at = now() - interval '31 days' "
        "WHERE user_id IN (1, "
        "4)");
    sql("UPDATE forge.sessions SET created_at = now() - interval '50 days', expires_at = now() - interval '29 days' "
        "WHERE user_id = 2");
    sql("INSERT INTO forge.api_keys (user_id, name, prefix, sha256, created_at, expires_at) VALUES"
        " (4, 'old', 'aaaaaaaa', sha256('1'), now() - interval '40 days', now() - interval '31 days'),"
        " (4, 'new', 'aaaaaaaa', sha256('2'), now() - interval '40 days', now() - interval '29 days'), (4, 'for ever', "
        "'aaaaaaaa', "
        "sha256('3'), now(), NULL)");
    sql("INSERT INTO forge.stream_tickets (sha256, session_id, created_at, expires_at, valid_until) VALUES "
        "(sha256('1'), 3, now() - "
        "interval '1 hour',"
        " now() - interval '59 minutes', now())");
    ck_assert_int_eq(forge_store_housekeeping(db, forge_test_pool), FORGE_OK);
    ck_assert_str_eq(ask("SELECT string_agg(username, ' ' ORDER BY id) FROM forge.users"),
                     "guest_00000002 guest_00000003 ada");
    ck_assert_str_eq(ask("SELECT string_agg(name, ' ' ORDER BY id) FROM forge.api_keys"), "new for ever");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.stream_tickets"), "0");
    ck_assert_int_eq(forge_store_script(db, forge_test_pool, "DELETE FROM forge.users WHERE username = 'ada'", NULL),
                     FORGE_E_INTERNAL);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.users WHERE username = 'ada'"),
                     "1"); /* no account but a guest, by the trigger */
}
END_TEST

Suite *forge_test_store_guests(void)
{
    Suite *s = suite_create("store_guests");
    TCase *tc = tcase_create("guests");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, schema_setup, forge_test_end);
    tcase_add_test(tc, guest_has_no_address);
    tcase_add_test(tc, guest_becomes_an_account);
    tcase_add_test(tc, guest_meets_taken_names);
    tcase_add_test(tc, guest_whose_session_ended);
    tcase_add_test(tc, guest_registers_once_in_parallel);
    tcase_add_test(tc, only_guests_lack_an_address);
    tcase_add_test(tc, old_guests_are_swept);
    suite_add_tcase(s, tc);
    return s;
}
