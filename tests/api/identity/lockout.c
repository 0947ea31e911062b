/* SPDX-License-Identifier: Apache-2.0
 * Lockout (SPEC 3, SECURITY 30): guesses are counted exactly, per network and from anywhere, for accounts that exist
 * and for others.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char wrong_password[] = "Wrong7-Walrus!Q";

static reply_t *login_from(const char *from, const char *member, const char *name, const char *password)
{
    return CALL("POST", "/api/v1/auth/login", .from = from,
                .json = F("{\"%s\":\"%s\",\"password\":\"%s\"}", member, name, password));
}

static reply_t *login(const char *name, const char *password)
{
    return login_from(NULL, "username", name, password);
}

static void expect_locked(const reply_t *reply)
{
    expect_problem(reply, "account_locked");
    long wait = strtol(header(reply, "Retry-After"), NULL, 10);
    ck_assert_msg(wait > 1700 && wait <= 1800, "Retry-After: %ld", wait);
}

START_TEST(five_failures_lock_here_only)
{
    person_t me = person("student");
    long before = metric("forge_password_hash_total");
    expect_problem(CALL("POST", "/api/v1/users/login",
                        .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", me.username, wrong_password)),
                   "bad_credentials"); /* one counter for both paths */
    for (int i = 0; i < 4; i++)
        expect_problem(login(me.username, wrong_password), "bad_credentials");
    ck_assert_int_eq(metric("forge_password_hash_total") - before, 5);
    expect_locked(login(me.username, wrong_password));
    expect_locked(login(me.username, me.password));
    expect_locked(CALL("POST", "/api/v1/users/login",
                       .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", me.username, me.password)));
    ck_assert_int_eq(metric("forge_password_hash_total") - before, 5); /* who is locked out costs nothing */
    expect_status(login_from("127.0.2.1", "username", me.username, me.password), 200);
    expect_locked(login(me.username, me.password)); /* a login elsewhere resets its own counter only */
    person_t other = person("student");
    expect_status(login(other.username, other.password), 200);
    ck_assert_str_eq(sql("SELECT (detail->>'scope') || (detail->>'failures') || subject_id = 'network5%lld' FROM "
                         "forge.audit_events WHERE "
                         "event = 'user.locked'",
                         (long long)me.id),
                     "t");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = 'user.locked'"), "1");
    sql("UPDATE forge.login_failures SET locked_until = locked_until - interval '31 minutes', last_at = last_at - "
        "interval '31 minutes'");
    expect_status(login(me.username, me.password), 200);
}
END_TEST

/* Who knows an address and guesses at a name must not learn from the locks that both are one account. */
START_TEST(a_lock_does_not_link_two_names)
{
    person_t me = person("student");
    for (int i = 0; i < 5; i++)
        expect_problem(login_from(NULL, "email", me.email, wrong_password), "bad_credentials");
    expect_locked(login_from(NULL, "email", me.email, wrong_password));
    expect_locked(login(me.email, me.password)); /* the same name, in the other member */
    reply_t *known = login(me.username, wrong_password), *unknown = login("nobody_at_all", wrong_password);
    expect_problem(known, "bad_credentials");
    expect_problem(unknown, "bad_credentials");
    ck_assert_uint_eq(known->length, unknown->length);
    expect_status(login(me.username, me.password), 200);
    expect_locked(login_from(NULL, "email", me.email, me.password)); /* a login by one name resets its counter only */
    for (int i = 0; i < 5; i++)
        expect_problem(login(me.username, wrong_password), "bad_credentials");
    expect_locked(login(me.username, me.password));
    char *out;
    const char *argv[] = {env.ctl, "user", "unlock", me.email, NULL};
    ck_assert_msg(process_run(NULL, argv, &out) == 0, "%s", out);
    expect_status(login(me.username, me.password), 200);
    expect_status(login_from(NULL, "email", me.email, me.password), 200);
}
END_TEST

/* Names that nobody has, one after the other: after a thousand, and what a slow machine gives back meanwhile, the
 * network is told to wait, whoever it asks for, and leaves nothing behind any more. */
START_TEST(a_flood_of_names_leaves_bounded_rows)
{
    enum { GUESSES = 1000, MORE = 600, ENOUGH = 20 };
    person_t me = person("student");
    int limited = 0;
    watchdog(200);
    for (int i = 0; i < GUESSES + MORE && limited < ENOUGH; i++) {
        reply_t *reply = login_from("127.0.77.7", "username", F("name_%d", i), wrong_password);
        if (i >= GUESSES && reply->status == 429) {
            ck_assert_ptr_nonnull(header(reply, "Retry-After"));
            limited++;
        } else
            expect_problem(reply, "bad_credentials");
    }
    ck_assert_int_gt(limited, 0);
    long before = metric("forge_password_hash_total");
    char *rows = sql("SELECT (SELECT count(*) FROM forge.login_failures) + (SELECT count(*) FROM forge.audit_events)");
    int known = 0;
    for (int i = 0; i < 10; i++)
        known += login_from("127.0.77.7", "username", me.username, wrong_password)->status == 429;
    ck_assert_int_gt(known, 0);
    ck_assert_int_le(metric("forge_password_hash_total") - before, 10 - known);
    ck_assert_str_eq(sql("SELECT (SELECT count(*) FROM forge.login_failures) + (SELECT count(*) FROM "
                         "forge.audit_events) - %s <= %d",
                         rows, 3 * (10 - known)),
                     "t");
    expect_status(login_from("127.0.77.8", "username", me.username, me.password), 200);
}
END_TEST

/* Who is refused because others guess at the same name writes nothing. */
START_TEST(refused_guesses_write_nothing)
{
    person_t me = person("student");
    sql("INSERT INTO forge.login_failures (subject, address, pending, pending_until) VALUES ('user:%lld:name', "
        "'127.0.0.1', 5, now() + interval '1 minute')",
        (long long)me.id);
    char *before = sql("SELECT string_agg(f.ctid || f.xmin::text || f.xmax::text, ' ') FROM forge.login_failures f");
    expect_problem(login(me.username, me.password), "busy");
    ck_assert_str_eq(sql("SELECT string_agg(f.ctid || f.xmin::text || f.xmax::text, ' ') FROM forge.login_failures f"),
                     before);
    sql("UPDATE forge.login_failures SET locked_until = now() + interval '30 minutes'");
    before = sql("SELECT string_agg(f.ctid || f.xmin::text || f.xmax::text, ' ') FROM forge.login_failures f");
    expect_locked(login(me.username, me.password));
    ck_assert_str_eq(sql("SELECT string_agg(f.ctid || f.xmin::text || f.xmax::text, ' ') FROM forge.login_failures f"),
                     before);
}
END_TEST

START_TEST(ten_times_as_many_lock_for_all)
{
    person_t me = person("student");
    for (int i = 0; i < 50; i++)
        expect_problem(login_from(F("127.0.3.%d", 1 + i / 5), "username", me.username, wrong_password),
                       "bad_credentials");
    expect_locked(login_from("127.0.4.1", "username", me.username, me.password));
    ck_assert_str_eq(sql("SELECT detail->>'failures' FROM forge.audit_events WHERE event = 'user.locked' AND "
                         "detail->>'scope' = 'everywhere'"),
                     "50");
}
END_TEST

static reply_t *login_v6(const char *address, const char *name, const char *password)
{
    return CALL("POST", "/api/v1/auth/login", .port = PORT_QUICK, .headers = {F("X-Client: %s", address)},
                .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", name, password));
}

/* One client commands a whole /64; an IPv4 address is the same written as IPv6. */
START_TEST(networks)
{
    person_t me = person("student");
    for (int i = 0; i < 5; i++)
        expect_problem(login_v6(F("2001:db8:1:2::%x", i + 1), me.username, wrong_password), "bad_credentials");
    expect_locked(login_v6("2001:db8:1:2:ffff::1", me.username, me.password));
    expect_status(login_v6("2001:db8:1:3::1", me.username, me.password), 200);
    ck_assert_str_eq(sql("SELECT string_agg(address, ' ' ORDER BY address) FROM forge.login_failures"),
                     " 2001:db8:1:2::/64 2001:db8:1:3::/64");
    sql("DELETE FROM forge.login_failures");
    expect_problem(login_v6("192.0.2.7", me.username, wrong_password), "bad_credentials");
    expect_problem(login_v6("::ffff:192.0.2.7", me.username, wrong_password), "bad_credentials");
    ck_assert_str_eq(sql("SELECT string_agg(address || failures, ' ' ORDER BY address) FROM forge.login_failures"),
                     "2 192.0.2.72");
    ck_assert_str_eq(
        sql("SELECT host(ip) FROM forge.audit_events WHERE event = 'user.login_failed' ORDER BY id LIMIT 1"),
        "2001:db8:1:2::1");
}
END_TEST

START_TEST(success_resets)
{
    person_t me = person("student");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++)
            expect_problem(login(me.username, wrong_password), "bad_credentials");
        expect_status(login(me.username, me.password), 200);
    }
    ck_assert_str_eq(
        sql("SELECT string_agg(failures || '/' || pending, ' ' ORDER BY address) FROM forge.login_failures"),
        "12/0 0/0");
}
END_TEST

/* Unknown and malformed names, inactive accounts and wrong passwords: the same answers, the same lock, the same work.
 */
START_TEST(nothing_tells_who_exists)
{
    person_t me = person("student"), off = person("student");
    sql("UPDATE forge.users SET is_active = false WHERE id = %lld", (long long)off.id);
    const char *names[] = {me.username, "nobody_here", "nobody@example.org", "no such name!", "@", off.username};
    const char *passwords[] = {wrong_password, wrong_password, wrong_password,
                               wrong_password, wrong_password, off.password};
    reply_t *first[6], *locked[6];
    for (int n = 0; n < 6; n++) {
        long before = metric("forge_password_hash_total");
        for (int i = 0; i < 5; i++) {
            reply_t *reply = login(names[n], passwords[n]);
            expect_problem(reply, "bad_credentials");
            first[n] = reply;
        }
        ck_assert_int_eq(metric("forge_password_hash_total") - before, 5);
        locked[n] = login(names[n], passwords[n]);
        expect_locked(locked[n]);
    }
    for (int n = 1; n < 6; n++) {
        ck_assert_uint_eq(first[n]->length, first[0]->length);
        ck_assert_uint_eq(locked[n]->length, locked[0]->length);
        static const char *const members[] = {"/type", "/title", "/detail", "/instance", NULL};
        for (const char *const *member = members; *member; member++)
            ck_assert_str_eq(text_at(locked[n]->json, *member), text_at(locked[0]->json, *member));
        ck_assert_ptr_null(header(first[n], "Retry-After"));
        ck_assert_str_eq(header(first[n], "WWW-Authenticate"), header(first[0], "WWW-Authenticate"));
    }
    expect_locked(login("NOBODY_here", wrong_password)); /* one counter whatever the case */
    expect_locked(login_from(NULL, "email", "Nobody@EXAMPLE.org", wrong_password));
}
END_TEST

/* People type passwords into the wrong field. */
START_TEST(names_are_not_kept)
{
    static const char canary[] = "Canary-Quokka-731!";
    expect_problem(login(canary, canary), "bad_credentials");
    ck_assert_str_eq(sql("SELECT count(*) FROM pg_tables t WHERE schemaname = 'forge' AND (SELECT "
                         "(xpath('/row/c/text()', query_to_xml(format('SELECT "
                         "count(*) AS c FROM forge.%%I x WHERE x::text LIKE %%L', tablename, '%%%s%%'), false, true, "
                         "'')))[1]::text) <> '0'",
                         canary),
                     "0");
    ck_assert_ptr_null(strstr(log_since("error.log"), "Quokka"));
    ck_assert_ptr_null(strstr(log_since("access.json"), "Quokka"));
    ck_assert_ptr_null(strstr(file_read(F("%s/logs/postgresql.log", env.dir), 0), "Quokka"));
    ck_assert_str_eq(
        sql("SELECT count(*) FROM forge.audit_events WHERE event = 'user.login_failed' AND detail ? 'unknown'"), "1");
}
END_TEST

typedef struct storm_t {
    const char *name, *password;
    int rounds;
    int counts[600];
    pthread_mutex_t lock;
} storm_t;

static void storm_one(int i, void *baton)
{
    storm_t *storm = baton;
    (void)i;
    for (int n = 0; n < storm->rounds; n++) {
        reply_t *reply = login(storm->name, storm->password);
        if (reply->status == 429 || reply->status == 503)
            if (!header(reply, "Retry-After"))
                fail_later("%d without Retry-After", reply->status);
        pthread_mutex_lock(&storm->lock);
        storm->counts[reply->status]++;
        pthread_mutex_unlock(&storm->lock);
    }
}

/* At most five are looked at, whoever comes first; the others hear that it is locked, or are told to come again. */
START_TEST(parallel_wrong_passwords)
{
    person_t me = person("student");
    const char *names[] = {me.username, "nobody_at_all"};
    int rounds = env.quick ? 2 : 10;
    watchdog(300);
    expect_log("FG"); /* so many at once exhaust the small pool of connections */
    for (int n = 0; n < 2; n++) {
        storm_t storm = {
            .name = names[n], .password = wrong_password, .rounds = rounds, .lock = PTHREAD_MUTEX_INITIALIZER};
        long before = metric("forge_password_hash_total");
        parallel(50, storm_one, &storm);
        ck_assert_msg(metric("forge_password_hash_total") - before <= 5, "%ld passwords were hashed",
                      metric("forge_password_hash_total") - before);
        ck_assert_int_le(storm.counts[401], 5);
        ck_assert_int_eq(storm.counts[401] + storm.counts[429] + storm.counts[503], 50 * rounds);
        ck_assert_int_gt(storm.counts[429], 0);
        expect_locked(login(names[n], me.password));
    }
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = 'user.login_failed'"), "10");
    ck_assert_str_eq(sql("SELECT max(pending) FROM forge.login_failures"), "0");
}
END_TEST

/* A class that logs in at once with one account: nobody is locked out, and who has to wait is told so. */
START_TEST(parallel_right_passwords)
{
    person_t me = person("student");
    storm_t storm = {.name = me.username, .password = me.password, .rounds = 3, .lock = PTHREAD_MUTEX_INITIALIZER};
    expect_log("FG");
    parallel(20, storm_one, &storm);
    ck_assert_int_gt(storm.counts[200], 0);
    ck_assert_int_eq(storm.counts[200] + storm.counts[503], 60);
    ck_assert_str_eq(sql("SELECT max(failures) || '/' || max(pending) FROM forge.login_failures"), "0/0");
    expect_status(login(me.username, me.password), 200);
}
END_TEST

START_TEST(unlocked_by_forgectl)
{
    person_t me = person("student");
    for (int i = 0; i < 5; i++)
        login(me.username, wrong_password);
    expect_locked(login(me.username, me.password));
    char *out;
    const char *argv[] = {env.ctl, "user", "unlock", me.email, NULL};
    ck_assert_msg(process_run(NULL, argv, &out) == 0, "%s", out);
    expect_status(login(me.username, me.password), 200);
    ck_assert_str_eq(
        sql("SELECT subject_id = %lld AND actor_id IS NULL FROM forge.audit_events WHERE event = 'user.unlocked'",
            (long long)me.id),
        "t");
}
END_TEST

/* Whoever is logged in is asked for the password again under the same counter. */
START_TEST(confirmations_count)
{
    person_t me = person("student");
    for (int i = 0; i < 5; i++)
        expect_problem(CALL("POST", "/api/v1/auth/mfa/setup", .token = me.access,
                            .json = F("{\"password\":\"%s\"}", wrong_password)),
                       "bad_credentials");
    expect_locked(
        CALL("POST", "/api/v1/auth/mfa/setup", .token = me.access, .json = F("{\"password\":\"%s\"}", me.password)));
    expect_locked(login(me.username, me.password));
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = 'user.login_failed' AND detail->>'at' "
                         "= 'confirm' AND "
                         "actor_id = subject_id"),
                     "5");
}
END_TEST

/* Not for a site to want, but it can be turned off; what happened is still written down. */
START_TEST(turned_off)
{
    person_t me = person("student");
    for (int i = 0; i < 7; i++)
        expect_problem(CALL("POST", "/api/v1/auth/login", .port = PORT_POOL,
                            .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", me.username, wrong_password)),
                       "bad_credentials");
    expect_status(CALL("POST", "/api/v1/auth/login", .port = PORT_POOL,
                       .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", me.username, me.password)),
                  200);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.login_failures"), "0");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = 'user.login_failed'"), "7");
}
END_TEST

typedef struct full_t {
    person_t people[2];
    struct pg_conn *lock;
    int refused;
} full_t;

/* The first one's login waits for a lock of ours and holds the one place meanwhile. Whoever of the others is the last
 * to be refused lets it go. */
static void login_at_full_gate(int i, void *baton)
{
    full_t *full = baton;
    const person_t *who = &full->people[i > 0];
    if (i > 0)
        pause_ms(500); /* the one place is taken by now */
    reply_t *reply = i < 2 ? CALL("POST", "/api/v1/auth/login", .port = PORT_BRIEF,
                                  .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", who->username, who->password))
                           : CALL("POST", "/api/v1/auth/mfa/setup", .port = PORT_BRIEF, .token = who->access,
                                  .json = F("{\"password\":\"%s\"}", who->password));
    if (i == 0 && reply->status != 200)
        fail_later("the one that holds the place: %d", reply->status);
    if (i == 0)
        return;
    if (reply->status != 503 || !header(reply, "Retry-After"))
        fail_later("%d: %s", reply->status, reply->body);
    if (__atomic_add_fetch(&full->refused, 1, __ATOMIC_SEQ_CST) == 2)
        sql_on(full->lock, "ROLLBACK");
}

/* No place within the patience of the queue: 503, and neither a failure nor a charge that stays. */
START_TEST(a_full_gate_counts_nothing)
{
    full_t full = {.people = {person("student"), person("student")}, .lock = sql_session()};
    sql_on(full.lock, F("BEGIN; SELECT FROM forge.users WHERE id = %lld FOR UPDATE", (long long)full.people[0].id));
    parallel(3, login_at_full_gate, &full);
    ck_assert_str_eq(
        sql("SELECT coalesce(sum(failures + pending), 0) FROM forge.login_failures WHERE subject ~ '^user:%lld(:|$)'",
            (long long)full.people[1].id),
        "0");
    expect_status(login(full.people[1].username, full.people[1].password), 200);
}
END_TEST

/* A child that died between charge and outcome blocks nobody for long. */
START_TEST(lost_charges_end)
{
    person_t me = person("student");
    sql("INSERT INTO forge.login_failures (subject, address, pending, pending_until) VALUES ('user:%lld:name', "
        "'127.0.0.1', "
        "5, now() + interval "
        "'15 seconds')",
        (long long)me.id);
    reply_t *busy = login(me.username, me.password);
    expect_problem(busy, "busy");
    ck_assert_ptr_nonnull(header(busy, "Retry-After"));
    sql("UPDATE forge.login_failures SET pending_until = now()");
    expect_status(login(me.username, me.password), 200);
}
END_TEST

/* The one way in that makes a hash anew: of lower cost, or imported; and the new one is good. */
START_TEST(hashes_are_renewed)
{
    person_t me = person("student");
    static const char *const imported[] = {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
                                           "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
                                           "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", NULL};
    for (const char *const *hash = imported; *hash; hash++) {
        sql("UPDATE forge.users SET password_hash = '%s' WHERE id = %lld", *hash, (long long)me.id);
        expect_problem(login(me.username, "U*V"), "bad_credentials");
        expect_status(login(me.username, "U*U"), 200);
        ck_assert_str_eq(sql("SELECT left(password_hash, 15) FROM forge.users WHERE id = %lld", (long long)me.id),
                         "{sha256}$2y$04$");
        expect_status(login(me.username, "U*U"), 200);
    }
}
END_TEST

Suite *suite_lockout(void)
{
    Suite *suite = suite_create("lockout");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, five_failures_lock_here_only);
    tcase_add_test(all, a_lock_does_not_link_two_names);
    tcase_add_test(all, a_flood_of_names_leaves_bounded_rows);
    tcase_add_test(all, refused_guesses_write_nothing);
    tcase_add_test(all, ten_times_as_many_lock_for_all);
    tcase_add_test(all, networks);
    tcase_add_test(all, success_resets);
    tcase_add_test(all, nothing_tells_who_exists);
    tcase_add_test(all, names_are_not_kept);
    tcase_add_test(all, parallel_wrong_passwords);
    tcase_add_test(all, parallel_right_passwords);
    tcase_add_test(all, unlocked_by_forgectl);
    tcase_add_test(all, confirmations_count);
    tcase_add_test(all, turned_off);
    tcase_add_test(all, a_full_gate_counts_nothing);
    tcase_add_test(all, lost_charges_end);
    tcase_add_test(all, hashes_are_renewed);
    return suite;
}
