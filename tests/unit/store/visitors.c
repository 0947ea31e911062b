/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/identity/visitors.c.
 */
#include "schema.h"
#include "store/identity/identity.h"

static forge_rows_t *rows;

static void begin(void)
{
    schema_begin("store_visitors");
}

/* Ada (1) with sessions 1 and 2, Ben (2) with session 3; organisations acme and beta. */
static void people(void)
{
    sql("INSERT INTO forge.users (email, email_key, username, role, password_hash) VALUES "
        "('Ada@example.org', 'ada@example.org', 'ada', 'instructor', '" FORGE_TEST_HASH "'), "
        "('ben@example.org', 'ben@example.org', 'ben', 'student', '" FORGE_TEST_HASH "')");
    sql("INSERT INTO forge.sessions (user_id, expires_at, amr, created_at, last_seen_at) VALUES "
        "(1, now() + interval '1 day', '{pwd,otp}', now() - interval '1 hour', now() - interval '1 hour'), "
        "(1, now() + interval '1 day', '{pwd}', now() - interval '29 days', now() - interval '1 hour'), "
        "(2, now() + interval '1 day', '{pwd}', now(), now())");
    sql("INSERT INTO forge.organizations (name, slug) VALUES ('B', 'beta'), ('A', 'acme')");
    sql("INSERT INTO forge.memberships (organization_id, user_id, role) VALUES (1, 1, 'owner'), (2, 1, 'member'), (2, "
        "2, 'admin')");
}

static int seen(apr_int64_t user, apr_int64_t session)
{
    const forge_who_t who = {.user_id = user, .session_id = session};
    ck_assert_int_eq(forge_store_visitor(db, forge_test_pool, &who, &rows), FORGE_OK);
    return forge_store_rows_count(rows);
}

START_TEST(names_and_memberships)
{
    people();
    ck_assert_int_eq(seen(1, 1), 1);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "username"), "ada");
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "email"), "Ada@example.org");
    ck_assert(!forge_store_rows_bool(rows, 0, "email_verified"));
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "role"), "instructor");
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "orgs"), "acme:member beta:owner");
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "org_ids"), "#1:owner #2:member");
    ck_assert_int_eq(seen(2, 0), 1);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "orgs"), "acme:admin");
    sql("DELETE FROM forge.organizations");
    ck_assert_int_eq(seen(2, 0), 1);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "orgs"), "");
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "org_ids"), "");
    sql("UPDATE forge.users SET email_verified = true");
    ck_assert_int_eq(seen(2, 0), 1);
    ck_assert(forge_store_rows_bool(rows, 0, "email_verified"));
}
END_TEST

START_TEST(nobody_without_account_and_session)
{
    people();
    ck_assert_int_eq(seen(3, 0), 0);
    ck_assert_int_eq(seen(1, 3), 0); /* another's session */
    ck_assert_int_eq(seen(1, 99), 0);
    sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'x' WHERE id = 1");
    ck_assert_int_eq(seen(1, 1), 0);
    ck_assert_int_eq(seen(1, 2), 1);
    sql("UPDATE forge.users SET is_active = false WHERE id = 1");
    ck_assert_int_eq(seen(1, 2), 0);
    ck_assert_int_eq(seen(1, 0), 0);
}
END_TEST

static int renewed(apr_int64_t user, apr_int64_t session, const char *until)
{
    const forge_who_t who = {.user_id = user, .session_id = session};
    ck_assert_int_eq(forge_store_visitor_renew(db, forge_test_pool, &who, until, &rows), FORGE_OK);
    return forge_store_rows_count(rows);
}

START_TEST(sessions_are_renewed_while_they_live)
{
    people();
    const char *week = forge_util_time(forge_test_pool, apr_time_now() + apr_time_from_sec(7 * 86400), 6);
    ck_assert_int_eq(renewed(1, 1, week), 1);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "role"), "instructor");
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "_amr"), "pwd otp");
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "_epoch"), "0");
    ck_assert_str_eq(ask("SELECT expires_at > now() + interval '6 days' AND last_seen_at > now() - interval '1 minute' "
                         "FROM forge.sessions "
                         "WHERE id = 1"),
                     "true");
    ck_assert_int_eq(renewed(1, 2, week), 1); /* the end of its 30 days is near */
    ck_assert_str_eq(ask("SELECT expires_at = created_at + interval '720 hours' FROM forge.sessions WHERE id = 2"),
                     "true");
    sql("UPDATE forge.sessions SET last_seen_at = now() - interval '1 hour'");
    ck_assert_int_eq(renewed(2, 3, "2000-01-01T00:00:00Z"), 1);
    ck_assert_str_eq(ask("SELECT expires_at > now() + interval '23 hours' FROM forge.sessions WHERE id = 3"),
                     "true"); /* never shorter */
    ck_assert_int_eq(renewed(2, 1, week), 0);
    sql("UPDATE forge.users SET role = 'admin' WHERE id = 1");
    ck_assert_int_eq(renewed(1, 1, week), 1);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "role"), "admin");
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "_epoch"), "1");
    sql("UPDATE forge.sessions SET expires_at = now() WHERE id = 1; UPDATE forge.sessions SET revoked_at = now(), "
        "revoke_reason = 'x' "
        "WHERE id = 2");
    ck_assert_int_eq(renewed(1, 1, week), 0);
    ck_assert_int_eq(renewed(1, 2, week), 0);
    sql("UPDATE forge.users SET is_active = false WHERE id = 2");
    ck_assert_int_eq(renewed(2, 3, week), 0);
}
END_TEST

Suite *forge_test_store_visitors(void)
{
    Suite *suite = suite_create("store_visitors");
    TCase *visitors = tcase_create("visitors");
    tcase_set_timeout(visitors, 30);
    tcase_add_unchecked_fixture(visitors, begin, NULL);
    tcase_add_checked_fixture(visitors, schema_setup, forge_test_end);
    tcase_add_test(visitors, names_and_memberships);
    tcase_add_test(visitors, nobody_without_account_and_session);
    tcase_add_test(visitors, sessions_are_renewed_while_they_live);
    suite_add_tcase(suite, visitors);
    return suite;
}
