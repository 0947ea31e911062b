/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/users.c: accounts, logins, sessions and their audit events.
 */
#include "schema.h"
#include "store/identity/identity.h"
#include <apr_lib.h>

static const char hash[] = FORGE_TEST_HASH;
static forge_rows_t *rows;

static void begin(void)
{
    schema_begin("store_users");
}

static const char *column(const char *name)
{
    return forge_store_rows_text(rows, 0, name);
}

static forge_new_user_t user_of(const char *name)
{
    char *key = apr_psprintf(forge_test_pool, "%s@example.org", name);
    const char *email = apr_pstrdup(forge_test_pool, key);
    for (char *c = key; *c; c++)
        *c = (char)apr_tolower(*c);
    return (forge_new_user_t){.email = email, .email_key = key, .username = name, .role = "student", .password_hash = hash};
}

/* A session whose token's hash is made of one hex digit. */
static forge_new_session_t session_of(char digit, const char *expires_at)
{
    char *sha = apr_pcalloc(forge_test_pool, 65);
    memset(sha, digit, 64);
    return (forge_new_session_t){.refresh_sha256 = sha,
                                 .expires_at = expires_at,
                                 .device_name = "laptop",
                                 .user_agent = "curl/8",
                                 .ip = "192.0.2.7",
                                 .amr = "pwd",
                                 .request_id = "req-1"};
}

static const char *in_days(int n)
{
    return ask(apr_psprintf(forge_test_pool, "SELECT now() + interval '%d days'", n));
}

static apr_int64_t create(const char *name)
{
    forge_new_user_t user = user_of(name);
    ck_assert_int_eq(forge_store_user_create(db, forge_test_pool, &user, NULL, &rows), FORGE_OK);
    return forge_store_rows_int(rows, 0, "id", 0);
}

START_TEST(register_makes_everything)
{
    forge_new_user_t user = user_of("Ada");
    user.full_name = "Ada L.";
    user.terms_at = "2026-01-02T03:04:05Z";
    forge_new_session_t session = session_of('a', in_days(7));
    ck_assert_int_eq(forge_store_user_create(db, forge_test_pool, &user, &session, &rows), FORGE_OK);
    ck_assert_str_eq(column("username"), "Ada");
    ck_assert_str_eq(column("role"), "student");
    ck_assert_str_eq(column("is_active"), "t");
    ck_assert_str_eq(column("_version"), "1");
    ck_assert_str_eq(ask("SELECT user_id || device_name || host(ip) || amr[1] FROM forge.sessions"), "1laptop192.0.2.7pwd");
    ck_assert_str_eq(ask("SELECT encode(sha256, 'hex') FROM forge.refresh_tokens"), session.refresh_sha256);
    ck_assert_str_eq(ask("SELECT event || actor_id || subject_id || request_id || (detail->>'role') FROM forge.audit_events"),
                     "user.registered11req-1student");
    ck_assert_str_eq(ask("SELECT last_login_at IS NOT NULL AND host(last_login_ip) = '192.0.2.7' FROM forge.users"), "true");
    ck_assert_str_eq(ask("SELECT terms_accepted_at = '2026-01-02T03:04:05Z' AND privacy_accepted_at IS NULL FROM forge.users"), "true");
}
END_TEST

START_TEST(create_without_session)
{
    create("ada");
    ck_assert_ptr_null(column("_session_id"));
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.sessions"), "0");
    ck_assert_str_eq(ask("SELECT event || coalesce(actor_id::text, '-') FROM forge.audit_events"), "admin.user_created-");
    ck_assert_str_eq(ask("SELECT last_login_at IS NULL FROM forge.users"), "true");
}
END_TEST

START_TEST(taken_names)
{
    create("ada");
    forge_new_user_t email = user_of("ada"), name = user_of("other");
    email.username = "somebody";
    ck_assert_int_eq(forge_store_user_create(db, forge_test_pool, &email, NULL, &rows), FORGE_E_EMAIL_TAKEN);
    name.username = "ADA";
    ck_assert_int_eq(forge_store_user_create(db, forge_test_pool, &name, NULL, &rows), FORGE_E_USERNAME_TAKEN);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.audit_events"), "1");
    ck_assert_str_eq(forge_test_pg_logged(), "");
}
END_TEST

/* A request with an Idempotency-Key tries the next username inside the same transaction. */
START_TEST(taken_keeps_the_transaction)
{
    create("ada");
    forge_new_user_t again = user_of("new");
    again.username = "ada";
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    ck_assert_int_eq(forge_store_user_create(db, forge_test_pool, &again, NULL, &rows), FORGE_E_USERNAME_TAKEN);
    again.username = "ada_2";
    ck_assert_int_eq(forge_store_user_create(db, forge_test_pool, &again, NULL, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_commit(db, forge_test_pool), FORGE_OK);
    ck_assert_str_eq(ask("SELECT username FROM forge.users WHERE email_key = 'new@example.org'"), "ada_2");
}
END_TEST

START_TEST(broken_rules)
{
    forge_new_user_t user = user_of("ada");
    user.role = "emperor";
    ck_assert_int_eq(forge_store_user_create(db, forge_test_pool, &user, NULL, &rows), FORGE_E_VALIDATION);
    ck_assert_str_eq(forge_store_constraint(db), "users_role_known");
    user = user_of("a-b");
    ck_assert_int_eq(forge_store_user_create(db, forge_test_pool, &user, NULL, &rows), FORGE_E_VALIDATION);
    ck_assert_str_eq(forge_store_constraint(db), "users_username_form");
}
END_TEST

static forge_status_t register_same(int i)
{
    (void)i;
    db = schema_attach();
    forge_new_user_t user = user_of("twin");
    return forge_store_user_create(db, forge_test_pool, &user, NULL, &rows);
}

START_TEST(twins_register_at_once)
{
    ck_assert_int_eq(at_once(16, register_same, FORGE_OK), 1);
    ck_assert_int_eq(at_once(4, register_same, FORGE_E_EMAIL_TAKEN), 4);
    ck_assert_str_eq(ask("SELECT count(*) || '/' || (SELECT count(*) FROM forge.audit_events) FROM forge.users"), "1/1");
}
END_TEST

START_TEST(found_for_login)
{
    create("Ada");
    ck_assert_int_eq(forge_store_user_for_login(db, forge_test_pool, "Ada@example.org", NULL, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0); /* keys are folded by the caller */
    ck_assert_int_eq(forge_store_user_for_login(db, forge_test_pool, "ada@example.org", NULL, &rows), FORGE_OK);
    ck_assert_str_eq(column("_password_hash"), hash);
    ck_assert_int_eq(forge_store_user_for_login(db, forge_test_pool, NULL, "aDA", &rows), FORGE_OK);
    ck_assert_str_eq(column("username"), "Ada");
    ck_assert_int_eq(forge_store_user_for_login(db, forge_test_pool, NULL, "' OR 1=1 --", &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
}
END_TEST

START_TEST(login_recorded)
{
    static const char newer[] = "{sha256}$2y$13$bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    apr_int64_t id = create("ada");
    forge_new_session_t session = session_of('b', in_days(7));
    session.ip = "fe80::1%eth0";
    session.amr = "pwd otp";
    ck_assert_int_eq(forge_store_login(db, forge_test_pool, &(forge_login_t){id, 0, newer, session}, &rows), FORGE_OK);
    ck_assert_str_eq(column("_session_id"), "1");
    ck_assert_str_eq(ask("SELECT password_hash FROM forge.users"), newer);
    ck_assert_str_eq(ask("SELECT host(last_login_ip) || epoch FROM forge.users"), "fe80::10");
    ck_assert_str_eq(ask("SELECT amr::text FROM forge.sessions"), "{pwd,otp}");
    ck_assert_str_eq(ask("SELECT (detail->>'session_id') || (detail->>'amr') FROM forge.audit_events WHERE event = 'user.login'"),
                     "1pwd otp");
    session = session_of('c', in_days(7));
    ck_assert_int_eq(forge_store_login(db, forge_test_pool, &(forge_login_t){id, 0, NULL, session}, &rows), FORGE_OK);
    ck_assert_str_eq(ask("SELECT password_hash FROM forge.users"), newer);
}
END_TEST

START_TEST(session_never_outlives_720_hours)
{
    apr_int64_t id = create("ada");
    forge_new_session_t session = session_of('b', in_days(400));
    ck_assert_int_eq(forge_store_login(db, forge_test_pool, &(forge_login_t){id, 0, NULL, session}, &rows), FORGE_OK);
    ck_assert_str_eq(ask("SELECT extract(epoch FROM s.expires_at - s.created_at)::int / 3600 || '/' || (t.expires_at = s.expires_at)"
                         " FROM forge.sessions s JOIN forge.refresh_tokens t ON t.session_id = s.id"),
                     "720/true");
}
END_TEST

/* A password was reset, or the account closed, between the check of the old password and this statement. */
START_TEST(no_login_after_an_epoch)
{
    apr_int64_t id = create("ada");
    sql("UPDATE forge.users SET epoch = epoch + 1");
    forge_new_session_t session = session_of('b', in_days(7));
    ck_assert_int_eq(
        forge_store_login(
            db, forge_test_pool,
            &(forge_login_t){id, 0, "{sha256}$2y$13$bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", session},
            &rows),
        FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.users WHERE password_hash LIKE '%bbbb'"), "0");
}
END_TEST

START_TEST(no_login_when_inactive)
{
    apr_int64_t id = create("ada");
    sql("UPDATE forge.users SET is_active = false");
    forge_new_session_t session = session_of('b', in_days(7));
    ck_assert_int_eq(forge_store_login(db, forge_test_pool, &(forge_login_t){id, 0, NULL, session}, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
    ck_assert_str_eq(
        ask("SELECT (SELECT count(*) FROM forge.sessions) || '/' || count(*) FROM forge.audit_events WHERE event = 'user.login'"), "0/0");
}
END_TEST

START_TEST(me)
{
    apr_int64_t id = create("ada"), other = create("bob");
    forge_new_session_t first = session_of('b', in_days(7)), second = session_of('c', in_days(7));
    ck_assert_int_eq(forge_store_login(db, forge_test_pool, &(forge_login_t){id, 0, NULL, first}, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_login(db, forge_test_pool, &(forge_login_t){id, 0, NULL, second}, &rows), FORGE_OK);
    sql("UPDATE forge.users SET last_login_at = '2026-02-03 04:05:06.5+00' WHERE id = 1");
    ck_assert_int_eq(forge_store_user_me(db, forge_test_pool, &(forge_actor_t){.id = id, .session_id = 1}, &rows),
                     FORGE_OK);
    ck_assert_str_eq(column("sessions"),
                     "{\"active\" : 2, \"last_login_at\" : \"2026-02-03T04:05:06.500000Z\", \"last_login_ip\" : \"192.0.2.7\"}");
    ck_assert_str_eq(column("profile_completion"), "25");
    ck_assert_str_eq(column("mfa_enabled"), "f");
    ck_assert_ptr_nonnull(column("password_changed_at"));
    sql("UPDATE forge.users SET full_name = 'A', bio = 'b', avatar_url = 'https://x', locale = 'de', timezone = 'UTC', email_verified = "
        "true;"
        "INSERT INTO forge.mfa_factors (user_id, secret, confirmed_at) VALUES (1, repeat('x', 40), now());"
        "UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'logout' WHERE id = 2");
    ck_assert_int_eq(forge_store_user_me(db, forge_test_pool, &(forge_actor_t){.id = id, .session_id = 1}, &rows),
                     FORGE_OK);
    ck_assert_str_eq(column("profile_completion"), "100");
    ck_assert_str_eq(column("mfa_enabled"), "t");
    ck_assert_ptr_nonnull(strstr(column("sessions"), "\"active\" : 1,"));
    struct {
        apr_int64_t user, session;
    } nobody[] = {{id, 2}, {other, 1}, {id, 99}, {0, 0}}; /* revoked, foreign, unknown, none */
    for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++) {
        ck_assert_int_eq(forge_store_user_me(db, forge_test_pool,
                                             &(forge_actor_t){.id = nobody[i].user, .session_id = nobody[i].session},
                                             &rows),
                         FORGE_OK);
        ck_assert_int_eq(forge_store_rows_count(rows), 0);
    }
    sql("UPDATE forge.users SET is_active = false");
    ck_assert_int_eq(forge_store_user_me(db, forge_test_pool, &(forge_actor_t){.id = id, .session_id = 1}, &rows),
                     FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
}
END_TEST

START_TEST(first_superuser_once)
{
    forge_new_user_t user = user_of("root");
    bool created;
    user.role = "admin";
    ck_assert_int_eq(forge_store_first_superuser(db, forge_test_pool, &user, &created), FORGE_OK);
    ck_assert(created);
    user.password_hash = "{sha256}$2y$13$bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    ck_assert_int_eq(forge_store_first_superuser(db, forge_test_pool, &user, &created), FORGE_OK);
    ck_assert(!created);
    ck_assert_str_eq(ask("SELECT password_hash FROM forge.users"), hash); /* never overwritten */
    ck_assert_str_eq(ask("SELECT string_agg(event, ' ') FROM forge.audit_events"), "admin.first_superuser");
}
END_TEST

START_TEST(role_set)
{
    create("ada");
    ck_assert_int_eq(forge_store_user_set_role(db, forge_test_pool, "ada@example.org", "admin", &rows), FORGE_OK);
    ck_assert_str_eq(column("role"), "admin");
    ck_assert_str_eq(column("_old_role"), "student");
    ck_assert_str_eq(ask("SELECT epoch || '/' || version FROM forge.users"), "1/2");
    ck_assert_str_eq(ask("SELECT (detail->>'from') || (detail->>'to') FROM forge.audit_events WHERE event = 'user.role_changed'"),
                     "studentadmin");
    ck_assert_int_eq(forge_store_user_set_role(db, forge_test_pool, "nobody@example.org", "admin", &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
}
END_TEST

START_TEST(password_set)
{
    static const char newer[] = "{sha256}$2y$13$bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    apr_int64_t id = create("ada");
    forge_new_session_t session = session_of('b', in_days(7));
    ck_assert_int_eq(forge_store_login(db, forge_test_pool, &(forge_login_t){id, 0, NULL, session}, &rows), FORGE_OK);
    sql("UPDATE forge.users SET password_changed_at = '2000-01-01'");
    ck_assert_int_eq(forge_store_user_set_password(db, forge_test_pool, "ada@example.org", newer, &rows), FORGE_OK);
    ck_assert_str_eq(column("_ended"), "1");
    ck_assert_str_eq(ask("SELECT (password_hash LIKE '%$13$%') AND password_changed_at > '2020-01-01' AND epoch = 1 FROM forge.users"),
                     "true");
    ck_assert_str_eq(ask("SELECT revoke_reason FROM forge.sessions"), "password_reset");
    ck_assert_str_eq(ask("SELECT detail->>'sessions' FROM forge.audit_events WHERE event = 'admin.password_reset'"), "1");
    ck_assert_int_eq(forge_store_user_set_password(db, forge_test_pool, "ada@example.org", "plain text", &rows), FORGE_E_VALIDATION);
    ck_assert_int_eq(forge_store_user_set_password(db, forge_test_pool, "nobody@example.org", newer, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
}
END_TEST

START_TEST(listed_in_pages)
{
    for (int i = 0; i < 5; i++)
        create(apr_psprintf(forge_test_pool, "user%d", i));
    ck_assert_int_eq(forge_store_user_list(db, forge_test_pool, 0, 3, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 3);
    ck_assert_int_eq(forge_store_user_list(db, forge_test_pool, forge_store_rows_int(rows, 2, "id", 0), 3, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 2);
    ck_assert_str_eq(column("username"), "user3");
}
END_TEST

Suite *forge_test_store_users(void)
{
    Suite *s = suite_create("store_users");
    TCase *tc = tcase_create("users");
    tcase_set_timeout(tc, 30);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, schema_setup, forge_test_end);
    tcase_add_test(tc, register_makes_everything);
    tcase_add_test(tc, create_without_session);
    tcase_add_test(tc, taken_names);
    tcase_add_test(tc, taken_keeps_the_transaction);
    tcase_add_test(tc, broken_rules);
    tcase_add_test(tc, twins_register_at_once);
    tcase_add_test(tc, found_for_login);
    tcase_add_test(tc, login_recorded);
    tcase_add_test(tc, session_never_outlives_720_hours);
    tcase_add_test(tc, no_login_when_inactive);
    tcase_add_test(tc, no_login_after_an_epoch);
    tcase_add_test(tc, me);
    tcase_add_test(tc, first_superuser_once);
    tcase_add_test(tc, role_set);
    tcase_add_test(tc, password_set);
    tcase_add_test(tc, listed_in_pages);
    suite_add_tcase(s, tc);
    return s;
}
