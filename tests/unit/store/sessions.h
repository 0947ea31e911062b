/* SPDX-License-Identifier: Apache-2.0
 * What the tests of sessions, tickets, guests and API keys share: accounts with a session whose token is of one digit,
 * and calls that overlap.
 */
#ifndef FORGE_UNIT_STORE_SESSIONS_H
#define FORGE_UNIT_STORE_SESSIONS_H

#include "schema.h"
#include "store/identity/identity.h"

#define F(...) apr_psprintf(forge_test_pool, __VA_ARGS__)

static forge_rows_t *rows;
static const forge_actor_t origin = {.ip = "192.0.2.7", .request_id = "req-1"};

__attribute__((unused)) static const forge_actor_t *as(const forge_who_t *who)
{
    static forge_actor_t actor;
    actor = origin;
    actor.id = who->user_id, actor.session_id = who->session_id;
    return &actor;
}

__attribute__((unused)) static const char *column(const char *name)
{
    return forge_store_rows_text(rows, 0, name);
}

/* A digest made of one hex digit. */
__attribute__((unused)) static const char *sha(char digit)
{
    char *text = apr_pcalloc(forge_test_pool, 65);
    memset(text, digit, 64);
    return text;
}

__attribute__((unused)) static forge_new_session_t session_of(char digit, const char *amr)
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
__attribute__((unused)) static forge_who_t account(const char *name, char digit)
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

__attribute__((unused)) static forge_status_t refresh_with(char token, char next, int ttl_hours, int window_seconds)
{
    forge_refresh_t refresh = {.sha256 = sha(token),
                               .next_sha256 = sha(next),
                               .ttl = apr_time_from_sec(3600L * ttl_hours),
                               .window = apr_time_from_sec(window_seconds)};
    return forge_store_session_refresh(db, forge_test_pool, &origin, &refresh, &rows);
}

__attribute__((unused)) static forge_status_t refresh(char token, char next)
{
    return refresh_with(token, next, 7 * 24, 10);
}

__attribute__((unused)) static const char *audit_of(const char *event)
{
    return ask(F("SELECT count(*) FROM forge.audit_events WHERE event = '%s'", event));
}

/* at_once, so that all overlap: the rows are locked until every process waits for them, with the snapshot of before in
 * its hands. */
__attribute__((unused)) static int at_once_behind(const char *lock, int n, forge_status_t (*fn)(int i),
                                                  forge_status_t wanted)
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

/* A guest with a session whose token is of that digit. */
__attribute__((unused)) static forge_who_t guest(const char *name, char digit)
{
    forge_new_session_t session = session_of(digit, "guest");
    ck_assert_int_eq(forge_store_guest_create(db, forge_test_pool, name, &session, &rows), FORGE_OK);
    return (forge_who_t){.user_id = forge_store_rows_int(rows, 0, "id", 0),
                         .session_id = forge_store_rows_int(rows, 0, "_session_id", 0),
                         .role = FORGE_ROLE_GUEST};
}

#endif
