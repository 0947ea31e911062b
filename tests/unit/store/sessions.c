/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/sessions.c, guests.c and api_keys.c: chains that do not fork, ends that are ends, limits that hold
 * under parallel use.
 */
#include "schema.h"
#include "store/identity/identity.h"
#include "store/operations/operations.h"

#define F(...) apr_psprintf(forge_test_pool, __VA_ARGS__)

static forge_rows_t *rows;
static const forge_actor_t origin = {.ip = "192.0.2.7", .request_id = "req-1"};
static const char *const digits = "0123456789abcdef";

static void begin(void)
{
    schema_begin("store_sessions");
}

static const forge_actor_t *as(const forge_who_t *who)
{
    static forge_actor_t actor;
    actor = origin;
    actor.id = who->user_id, actor.session_id = who->session_id;
    return &actor;
}

static const char *column(const char *name)
{
    return forge_store_rows_text(rows, 0, name);
}

/* A digest made of one hex digit. */
static const char *sha(char digit)
{
    char *text = apr_pcalloc(forge_test_pool, 65);
    memset(text, digit, 64);
    return text;
}

static forge_new_session_t session_of(char digit, const char *amr)
{
    return (forge_new_session_t){.refresh_sha256 = sha(digit),
                                 .expires_at = ask("SELECT now() + interval '7 days'"),
                                 .device_name = "laptop",
                                 .user_agent = "curl/8",
                                 .ip = "192.0.2.7",
                                 .amr = amr,
                                 .request_id = "req-0"};
}

/* An account with a session whose token is of that digit. */
static forge_who_t account(const char *name, char digit)
{
    const char *email = F("%s@example.org", name);
    forge_new_user_t user = {
        .email = email, .email_key = email, .username = name, .role = "student", .password_hash = FORGE_TEST_HASH};
    forge_new_session_t session = session_of(digit, "pwd otp");
    ck_assert_int_eq(forge_store_user_create(db, forge_test_pool, &user, &session, &rows), FORGE_OK);
    return (forge_who_t){.user_id = forge_store_rows_int(rows, 0, "id", 0),
                         .session_id = forge_store_rows_int(rows, 0, "_session_id", 0),
                         .expires = apr_time_now() + apr_time_from_sec(900)};
}

static forge_status_t refresh_with(char token, char next, int ttl_hours, int window_seconds)
{
    forge_refresh_t refresh = {.sha256 = sha(token),
                               .next_sha256 = sha(next),
                               .ttl = apr_time_from_sec(3600L * ttl_hours),
                               .window = apr_time_from_sec(window_seconds)};
    return forge_store_session_refresh(db, forge_test_pool, &origin, &refresh, &rows);
}

static forge_status_t refresh(char token, char next)
{
    return refresh_with(token, next, 7 * 24, 10);
}

/* Used and unused tokens, and those that are nobody's predecessor: "2/1/1" is one chain of three. */
static const char *chain(void)
{
    return ask(
        "SELECT count(used_at) || '/' || count(*) FILTER (WHERE used_at IS NULL) || '/' ||"
        " count(*) FILTER (WHERE NOT EXISTS (SELECT FROM forge.refresh_tokens n WHERE n.predecessor_id = t.id)) FROM "
        "forge.refresh_tokens t");
}

static const char *audit_of(const char *event)
{
    return ask(F("SELECT count(*) FROM forge.audit_events WHERE event = '%s'", event));
}

/* at_once, so that all overlap: the rows are locked until every process waits for them, with the snapshot of before in
 * its hands. */
static int at_once_behind(const char *lock, int n, forge_status_t (*fn)(int i), forge_status_t wanted)
{
    pid_t pids[64];
    int status, hits = 0;
    sql(F("BEGIN; %s", lock));
    for (int i = 0; i < n; i++)
        if ((pids[i] = fork()) == 0)
            _exit(fn(i));
    for (int i = 0; i < 250; i++, usleep(20000))
        if (atoi(forge_test_pg_ask(db, forge_test_pool,
                                   "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname ="
                                   " current_database()")) >= n)
            break;
    sql("COMMIT");
    for (int i = 0; i < n; i++)
        hits += waitpid(pids[i], &status, 0) == pids[i] && WIFEXITED(status) && WEXITSTATUS(status) == (int)wanted;
    return hits;
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

/* --- tickets --- */

START_TEST(ticket_opens_once)
{
    forge_who_t who = account("ada", '0');
    ck_assert_int_eq(forge_store_ticket_create(db, forge_test_pool, &who, sha('a')), FORGE_OK);
    ck_assert_int_eq(forge_store_ticket_spend(db, forge_test_pool, sha('b'), &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
    ck_assert_int_eq(forge_store_ticket_spend(db, forge_test_pool, sha('a'), &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "user_id", 0), who.user_id);
    ck_assert_int_eq(forge_store_rows_time(rows, 0, "valid_until"), who.expires);
    ck_assert_str_eq(column("amr"), "pwd otp");
    ck_assert_int_eq(forge_store_ticket_spend(db, forge_test_pool, sha('a'), &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
}
END_TEST

START_TEST(ticket_is_void)
{
    static const char *const ends[] = {
        "UPDATE forge.stream_tickets SET expires_at = now()",
        "UPDATE forge.stream_tickets SET valid_until = now()",
        "UPDATE forge.sessions SET expires_at = now()",
        "UPDATE forge.users SET is_active = false; UPDATE forge.sessions SET expires_at = now() + interval '1 day'",
    };
    forge_who_t who = account("ada", '0');
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        ck_assert_int_eq(forge_store_ticket_create(db, forge_test_pool, &who, sha('a')),
                         i < 3 ? FORGE_OK : FORGE_E_INVALID_TOKEN);
        if (i == 3)
            break;
        sql(ends[i]);
        ck_assert_int_eq(forge_store_ticket_spend(db, forge_test_pool, sha('a'), &rows), FORGE_OK);
        ck_assert_msg(forge_store_rows_count(rows) == 0, "%s", ends[i]);
        if (i < 2)
            ck_assert_str_eq(ask("SELECT count(*) FROM forge.stream_tickets"), "0");
    }
    sql(ends[3]);
    sql("INSERT INTO forge.stream_tickets (sha256, session_id, valid_until) SELECT sha256('x'), id, now() + interval "
        "'1 hour' FROM "
        "forge.sessions");
    ck_assert_int_eq(forge_store_ticket_spend(db, forge_test_pool, ask("SELECT encode(sha256('x'), 'hex')"), &rows),
                     FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
    forge_store_session_logout(db, forge_test_pool, as(&who));
    ck_assert_int_eq(forge_store_ticket_create(db, forge_test_pool, &who, sha('c')), FORGE_E_INVALID_TOKEN);
}
END_TEST

static forge_status_t spend_same(int i)
{
    (void)i;
    db = schema_attach();
    forge_status_t status = forge_store_ticket_spend(db, forge_test_pool, sha('a'), &rows);
    return status == FORGE_OK && forge_store_rows_count(rows) == 0 ? FORGE_E_NOT_FOUND : status;
}

START_TEST(ticket_opens_once_in_parallel)
{
    forge_who_t who = account("ada", '0');
    ck_assert_int_eq(forge_store_ticket_create(db, forge_test_pool, &who, sha('a')), FORGE_OK);
    ck_assert_int_eq(at_once_behind("SELECT FROM forge.stream_tickets FOR UPDATE", 16, spend_same, FORGE_OK), 1);
}
END_TEST

/* --- guests --- */

static forge_who_t guest(const char *name, char digit)
{
    forge_new_session_t session = session_of(digit, "guest");
    ck_assert_int_eq(forge_store_guest_create(db, forge_test_pool, name, &session, &rows), FORGE_OK);
    return (forge_who_t){.user_id = forge_store_rows_int(rows, 0, "id", 0),
                         .session_id = forge_store_rows_int(rows, 0, "_session_id", 0),
                         .role = FORGE_ROLE_GUEST};
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

/* --- API keys --- */

static forge_who_t keeper;

static forge_status_t key_make(const char *name, const char *sha256, const char *days)
{
    forge_new_key_t key = {
        .name = name, .prefix = "abcdefgh", .sha256 = sha256, .scopes = "{read,write}", .expires_days = days};
    return forge_store_api_key_create(db, forge_test_pool, as(&keeper), &key, &rows);
}

START_TEST(key_found_until_it_ends)
{
    keeper = account("ada", '0');
    ck_assert_int_eq(key_make("export", sha('a'), "30"), FORGE_OK);
    ck_assert_str_eq(column("scopes"), "[\"read\",\"write\"]");
    ck_assert_str_eq(ask("SELECT expires_at = created_at + interval '30 days' FROM forge.api_keys"), "true");
    apr_int64_t id = forge_store_rows_int(rows, 0, "id", 0);
    ck_assert_int_eq(forge_store_api_key_find(db, forge_test_pool, sha('a'), &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "key_id", 0), id);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "user_id", 0), keeper.user_id);
    ck_assert_str_eq(column("scopes"), "read write");
    const char *used = ask("SELECT last_used_at FROM forge.api_keys");
    ck_assert_ptr_nonnull(used);
    ck_assert_int_eq(forge_store_api_key_find(db, forge_test_pool, sha('a'), &rows), FORGE_OK);
    ck_assert_str_eq(ask("SELECT last_used_at FROM forge.api_keys"), used); /* once a minute */
    sql("UPDATE forge.api_keys SET last_used_at = now() - interval '61 seconds'");
    ck_assert_int_eq(forge_store_api_key_find(db, forge_test_pool, sha('a'), &rows), FORGE_OK);
    ck_assert_str_eq(ask("SELECT last_used_at > now() - interval '30 seconds' FROM forge.api_keys"), "true");
    static const char *const ends[] = {
        "UPDATE forge.api_keys SET created_at = now() - interval '1 day', expires_at = now()",
        "UPDATE forge.api_keys SET expires_at = NULL; UPDATE forge.users SET is_active = false"};
    for (int i = 0; i < 2; i++) {
        sql(ends[i]);
        ck_assert_int_eq(forge_store_api_key_find(db, forge_test_pool, sha('a'), &rows), FORGE_OK);
        ck_assert_int_eq(forge_store_rows_count(rows), 0);
    }
}
END_TEST

START_TEST(key_deleted_by_its_owner)
{
    keeper = account("ada", '0');
    forge_who_t bob = account("bob", '1');
    ck_assert_int_eq(key_make("export", sha('a'), NULL), FORGE_OK);
    apr_int64_t id = forge_store_rows_int(rows, 0, "id", 0);
    ck_assert_int_eq(forge_store_api_key_delete(db, forge_test_pool, as(&bob), id), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(forge_store_api_key_delete(db, forge_test_pool, as(&keeper), id), FORGE_OK);
    ck_assert_int_eq(forge_store_api_key_delete(db, forge_test_pool, as(&keeper), id), FORGE_E_NOT_FOUND);
    ck_assert_str_eq(audit_of("api_key.created"), "1");
    ck_assert_str_eq(audit_of("api_key.deleted"), "1");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.audit_events WHERE detail::text LIKE '%aaaa%'"), "0");
    keeper = guest("guest_00000001", '2');
    ck_assert_int_eq(key_make("export", sha('b'), NULL), FORGE_E_FORBIDDEN);
}
END_TEST

static forge_status_t key_make_another(int i)
{
    db = schema_attach();
    return key_make("one more", F("%064x", i + 1000), NULL);
}

START_TEST(fifty_keys_at_most)
{
    keeper = account("ada", '0');
    sql("INSERT INTO forge.api_keys (user_id, name, prefix, sha256, created_at, expires_at) SELECT 1, 'expired', "
        "'aaaaaaaa', "
        "sha256(i::text::bytea),"
        " now() - interval '2 days', now() - interval '1 day' FROM generate_series(1, 60) i");
    for (int i = 0; i < 45; i++)
        ck_assert_int_eq(key_make("key", F("%064x", i), NULL), FORGE_OK);
    ck_assert_int_eq(at_once_behind("SELECT FROM forge.users FOR NO KEY UPDATE", 16, key_make_another, FORGE_OK), 5);
    ck_assert_int_eq(key_make("key", sha('f'), NULL), FORGE_E_LIMIT_REACHED);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.api_keys WHERE expires_at IS NULL"), "50");
    ck_assert_str_eq(audit_of("api_key.created"), "50");
}
END_TEST

Suite *forge_test_store_sessions(void)
{
    /* clang-format off */
    const TTest *const tests[] = {
        login_is_fresh_for_a_while,
        refresh_makes_a_chain, session_ends_after_720_hours, again_inside_the_window, reuse_ends_the_session,
        no_window_at_all, what_does_not_refresh, rolled_back_consumes_nothing, parallel_uses_make_one_chain,
        logout_beats_a_waiting_refresh, logout_ends_one, only_ones_own_end, ticket_opens_once, ticket_is_void,
        ticket_opens_once_in_parallel, guest_has_no_address, guest_becomes_an_account,
        guest_meets_taken_names, guest_whose_session_ended, guest_registers_once_in_parallel,
        only_guests_lack_an_address, old_guests_are_swept, key_found_until_it_ends, key_deleted_by_its_owner,
        fifty_keys_at_most,
    };
    /* clang-format on */
    Suite *s = suite_create("store_sessions");
    TCase *tc = tcase_create("sessions");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, schema_setup, forge_test_end);
    for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}
