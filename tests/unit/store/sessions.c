/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/identity/sessions.c: chains that do not fork, ends that are ends.
 */
#include "sessions.h"

static const char *const digits = "0123456789abcdef";

static void begin(void)
{
    schema_begin("store_sessions");
}

/* Used and unused tokens, and those that are nobody's predecessor: "2/1/1" is one chain of three. */
static const char *chain(void)
{
    return ask(
        "SELECT count(used_at) || '/' || count(*) FILTER (WHERE used_at IS NULL) || '/' ||"
        " count(*) FILTER (WHERE NOT EXISTS (SELECT FROM forge.refresh_tokens n WHERE n.predecessor_id = t.id)) FROM "
        "forge.refresh_tokens t");
}

#define CHAIN_LOCK "SELECT FROM forge.refresh_tokens t JOIN forge.sessions s ON s.id = t.session_id FOR UPDATE"

/* --- refresh --- */

START_TEST(refresh_makes_a_chain)
{
    forge_who_t who = account("ada", '0');
    sql("UPDATE forge.sessions SET last_seen_at = now() - interval '1 hour', expires_at = now() + interval '1 hour'");
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(refresh(digits[i], digits[i + 1]), FORGE_OK);
    ck_assert_str_eq(column("username"), "ada");
    ck_assert_str_eq(column("_amr"), "pwd otp");
    ck_assert_str_eq(column("_epoch"), "0");
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "_session_id", 0), who.session_id);
    ck_assert_str_eq(chain(), "3/1/1");
    ck_assert_str_eq(
        ask("SELECT (last_seen_at > now() - interval '1 minute') || '/' || (expires_at > now() + interval '6 days')"
            " FROM forge.sessions"),
        "true/true");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.refresh_tokens t JOIN forge.sessions s ON s.id = t.session_id"
                         " WHERE t.used_at IS NULL AND t.expires_at = s.expires_at"),
                     "1");
    ck_assert_str_eq(audit_of("session.refresh_reused"), "0");
}
END_TEST

/* The login is as long ago as it is, whatever was refreshed since. */
START_TEST(login_is_fresh_for_a_while)
{
    const forge_who_t who = account("ada", '0'), other = account("bob", '9');
    forge_actor_t by = {.id = who.user_id, .session_id = who.session_id};
    const apr_interval_time_t most = apr_time_from_sec(300);
    ck_assert_int_eq(forge_store_session_fresh(db, forge_test_pool, &by, most), FORGE_OK);
    ck_assert_int_eq(forge_store_session_fresh(db, forge_test_pool, &by, 0), FORGE_E_STEP_UP);
    sql("UPDATE forge.sessions SET created_at = now() - interval '5 minutes'");
    ck_assert_int_eq(refresh('0', '1'), FORGE_OK);
    ck_assert_int_eq(forge_store_session_fresh(db, forge_test_pool, &by, most), FORGE_E_STEP_UP);
    ck_assert_int_eq(forge_store_session_fresh(db, forge_test_pool, &by, most * 2), FORGE_OK);
    by.session_id = other.session_id;
    ck_assert_int_eq(forge_store_session_fresh(db, forge_test_pool, &by, most * 2), FORGE_E_INVALID_TOKEN);
    by.session_id = 0;
    ck_assert_int_eq(forge_store_session_fresh(db, forge_test_pool, &by, most * 2), FORGE_E_INVALID_TOKEN);
}
END_TEST

START_TEST(session_ends_after_720_hours)
{
    account("ada", '0');
    sql("UPDATE forge.sessions SET created_at = now() - interval '719 hours', expires_at = now() + interval '30 "
        "minutes'");
    ck_assert_int_eq(refresh('0', '1'), FORGE_OK);
    ck_assert_str_eq(ask("SELECT expires_at = created_at + interval '720 hours' FROM forge.sessions"), "true");
    sql("UPDATE forge.sessions SET created_at = now() - interval '720 hours', expires_at = now() - interval '1 "
        "second'");
    ck_assert_int_eq(refresh('1', '2'), FORGE_E_INVALID_REFRESH);
    ck_assert_str_eq(chain(), "1/1/1");
}
END_TEST

START_TEST(again_inside_the_window)
{
    account("ada", '0');
    ck_assert_int_eq(refresh('0', '1'), FORGE_OK);
    ck_assert_int_eq(refresh('0', '1'), FORGE_OK);
    ck_assert_str_eq(column("_verdict"), "again");
    ck_assert_str_eq(chain(), "1/1/1");
    ck_assert_int_eq(refresh('1', '2'), FORGE_OK);
    ck_assert_int_eq(refresh('0', '1'),
                     FORGE_OK); /* its successor is spent by now: still the same answer, and no branch */
    ck_assert_str_eq(chain(), "2/1/1");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.sessions WHERE revoked_at IS NULL"), "1");
}
END_TEST

START_TEST(reuse_ends_the_session)
{
    forge_who_t who = account("ada", '0');
    account("bob", '5');
    ck_assert_int_eq(refresh('0', '1'), FORGE_OK);
    sql("UPDATE forge.refresh_tokens SET used_at = used_at - interval '10 seconds' WHERE used_at IS NOT NULL");
    ck_assert_int_eq(refresh('0', '1'), FORGE_E_REFRESH_REUSED);
    ck_assert_str_eq(column("_revoked"), F("s%d", (int)who.session_id));
    ck_assert_ptr_nonnull(strstr(column("_audit"), "session.refresh_reused"));
    ck_assert_str_eq(ask("SELECT revoke_reason || count(*) OVER () FROM forge.sessions WHERE revoked_at IS NOT NULL"),
                     "refresh_reused1");
    ck_assert_str_eq(ask("SELECT actor_id || '/' || subject_id || '/' || host(ip) || '/' || request_id || '/' || "
                         "(detail->>'session_id')"
                         " FROM forge.audit_events WHERE event = 'session.refresh_reused'"),
                     F("%d/%d/192.0.2.7/req-1/%d", (int)who.user_id, (int)who.user_id, (int)who.session_id));
    forge_effects_t effects = forge_store_effects_take(db, forge_test_pool);
    ck_assert_str_eq(APR_ARRAY_IDX(effects.revoked, effects.revoked->nelts - 1, const char *),
                     F("s%d", (int)who.session_id));
    ck_assert_int_eq(refresh('1', '2'), FORGE_E_INVALID_REFRESH); /* the thief's successor is worth nothing */
    ck_assert_int_eq(refresh('0', '1'), FORGE_E_INVALID_REFRESH);
    ck_assert_str_eq(audit_of("session.refresh_reused"), "1");
    ck_assert_int_eq(refresh('5', '6'), FORGE_OK); /* another session is another chain */
}
END_TEST

START_TEST(no_window_at_all)
{
    account("ada", '0');
    ck_assert_int_eq(refresh_with('0', '1', 24, 0), FORGE_OK);
    ck_assert_int_eq(refresh_with('0', '1', 24, 0), FORGE_E_REFRESH_REUSED);
}
END_TEST

START_TEST(what_does_not_refresh)
{
    static const struct {
        const char *change, *undo;
    } ends[] = {
        {"UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'logout'",
         "UPDATE forge.sessions SET revoked_at = NULL, revoke_reason = NULL"},
        {"UPDATE forge.sessions SET expires_at = now()",
         "UPDATE forge.sessions SET expires_at = now() + interval '1 day'"},
        {"UPDATE forge.refresh_tokens SET expires_at = now()",
         "UPDATE forge.refresh_tokens SET expires_at = now() + interval '1 day'"},
        {"UPDATE forge.users SET is_active = false", "UPDATE forge.users SET is_active = true"},
    };
    account("ada", '0');
    ck_assert_int_eq(refresh('f', 'e'), FORGE_E_INVALID_REFRESH);
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        sql(ends[i].change);
        ck_assert_int_eq(refresh('0', '1'), FORGE_E_INVALID_REFRESH);
        ck_assert_str_eq(chain(), "0/1/1");
        sql(ends[i].undo);
    }
    sql("UPDATE forge.users SET role = 'admin'");
    ck_assert_int_eq(refresh('0', '1'), FORGE_OK);
    ck_assert_str_eq(column("role"), "admin"); /* of this moment */
    ck_assert_int_gt(forge_store_rows_int(rows, 0, "_epoch", 0), 0);
}
END_TEST

/* Undone with its transaction: a failure consumes nothing. */
START_TEST(rolled_back_consumes_nothing)
{
    account("ada", '0');
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    ck_assert_int_eq(refresh('0', '1'), FORGE_OK);
    forge_store_rollback(db);
    ck_assert_str_eq(chain(), "0/1/1");
    ck_assert_int_eq(refresh('0', '1'), FORGE_OK);
}
END_TEST

static forge_status_t refresh_same(int i)
{
    (void)i;
    db = schema_attach();
    return refresh('0', '1');
}

START_TEST(parallel_uses_make_one_chain)
{
    account("ada", '0');
    ck_assert_int_eq(at_once_behind(CHAIN_LOCK, 16, refresh_same, FORGE_OK), 16);
    ck_assert_str_eq(chain(), "1/1/1");
    sql("UPDATE forge.refresh_tokens SET used_at = used_at - interval '1 minute' WHERE used_at IS NOT NULL");
    ck_assert_int_eq(at_once_behind(CHAIN_LOCK, 12, refresh_same, FORGE_E_REFRESH_REUSED),
                     1); /* the others find the session ended */
    ck_assert_str_eq(audit_of("session.refresh_reused"), "1");
}
END_TEST

/* A logout that is committed while a refresh waits for the row wins. */
START_TEST(logout_beats_a_waiting_refresh)
{
    account("ada", '0');
    ck_assert_int_eq(at_once_behind("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'logout'", 4,
                                    refresh_same, FORGE_E_INVALID_REFRESH),
                     4);
    ck_assert_str_eq(chain(), "0/1/1");
}
END_TEST

/* --- ends --- */

START_TEST(logout_ends_one)
{
    forge_who_t who = account("ada", '0');
    ck_assert_int_eq(forge_store_session_logout(db, forge_test_pool, as(&who)), FORGE_OK);
    ck_assert_int_eq(forge_store_session_logout(db, forge_test_pool, as(&who)), FORGE_OK);
    forge_effects_t effects = forge_store_effects_take(db, forge_test_pool);
    ck_assert_int_eq(effects.revoked->nelts, 1);
    ck_assert_str_eq(APR_ARRAY_IDX(effects.revoked, 0, const char *), F("s%d", (int)who.session_id));
    ck_assert_str_eq(audit_of("user.logout"), "1");
    ck_assert_str_eq(ask("SELECT revoke_reason FROM forge.sessions"), "logout");
}
END_TEST

START_TEST(only_ones_own_end)
{
    forge_who_t ada = account("ada", '0'), bob = account("bob", '1');
    forge_new_session_t second = session_of('2', "pwd");
    ck_assert_int_eq(forge_store_login(db, forge_test_pool, &(forge_login_t){ada.user_id, 0, NULL, second}, &rows),
                     FORGE_OK);
    apr_int64_t other = forge_store_rows_int(rows, 0, "_session_id", 0);
    ck_assert_int_eq(forge_store_session_revoke(db, forge_test_pool, as(&ada), bob.session_id), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(forge_store_session_revoke(db, forge_test_pool, as(&ada), 9999), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(forge_store_session_revoke(db, forge_test_pool, as(&ada), other), FORGE_OK);
    ck_assert_int_eq(forge_store_session_revoke(db, forge_test_pool, as(&ada), other), FORGE_E_NOT_FOUND);
    ck_assert_str_eq(audit_of("session.revoked"), "1");
    ck_assert_int_eq(forge_store_session_logout_all(db, forge_test_pool, as(&ada)), FORGE_OK);
    ck_assert_str_eq(
        ask("SELECT string_agg(user_id || coalesce(revoke_reason, '-'), ' ' ORDER BY id) FROM forge.sessions"),
        F("%dlogout_all %d- %drevoked", (int)ada.user_id, (int)bob.user_id, (int)ada.user_id));
    ck_assert_str_eq(ask("SELECT detail->>'sessions' FROM forge.audit_events WHERE event = 'user.logout_all'"), "1");
}
END_TEST

Suite *forge_test_store_sessions(void)
{
    Suite *s = suite_create("store_sessions");
    TCase *tc = tcase_create("sessions");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, schema_setup, forge_test_end);
    tcase_add_test(tc, login_is_fresh_for_a_while);
    tcase_add_test(tc, refresh_makes_a_chain);
    tcase_add_test(tc, session_ends_after_720_hours);
    tcase_add_test(tc, again_inside_the_window);
    tcase_add_test(tc, reuse_ends_the_session);
    tcase_add_test(tc, no_window_at_all);
    tcase_add_test(tc, what_does_not_refresh);
    tcase_add_test(tc, rolled_back_consumes_nothing);
    tcase_add_test(tc, parallel_uses_make_one_chain);
    tcase_add_test(tc, logout_beats_a_waiting_refresh);
    tcase_add_test(tc, logout_ends_one);
    tcase_add_test(tc, only_ones_own_end);
    suite_add_tcase(s, tc);
    return s;
}
