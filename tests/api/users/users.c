/* SPDX-License-Identifier: Apache-2.0
 * Accounts in the hands of administrators: search, profiles, changes, removal, and the administrator who is always left
 * (SPEC 4).
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static char *path_of(person_t who)
{
    return F("/api/v1/users/%lld", (long long)who.id);
}

/* --- the list --- */

static int found(person_t admin, const char *query)
{
    reply_t *reply = CALL("GET", F("/api/v1/users?%s", query), .token = admin.access);
    expect_status(reply, 200);
    return (int)json_array_size(reply->json);
}

START_TEST(list_filters)
{
    person_t admin = person("admin");
    sql("INSERT INTO forge.users (email, email_key, username, full_name, role, is_active, password_hash) SELECT n || "
        "'@x.example', "
        "lower(n) || '@x.example', n, f, r, a,"
        " (SELECT password_hash FROM forge.users LIMIT 1) FROM (VALUES ('per_cent', '100%% sure', 'student', true), "
        "('UmLaut', "
        "'Ärger_Ölig',"
        " 'instructor', true), ('gone', 'Quo''te \\ back', 'student', false)) AS v(n, f, r, a)");
    sql("INSERT INTO forge.login_failures (subject, address, locked_until) VALUES"
        " ('user:' || (SELECT id FROM forge.users WHERE username = 'UmLaut') || ':email', '', now() + interval '1 "
        "minute'),"
        " ('user:' || (SELECT id FROM forge.users WHERE username = 'gone'), '', now() - interval '1 minute')");
    static const struct {
        const char *query;
        int n;
    } cases[] = {
        {"", 4},
        {"q=X.EXAMPLE", 3},
        {"q=umlaut", 1},
        {"q=%C3%A4rger", 1},
        {"q=%C3%96LIG", 1},
        {"q=%25", 1},
        {"q=100%25%20S", 1},
        {"q=_", 3},
        {"q=%25_", 0},
        {"q=r_c", 1},
        {"q=rxc", 0},
        {"q=%5C", 1},
        {"q=%27", 1},
        {"q='%20OR%20'1'='1", 0},
        {"q=%24%7Bx%7D", 0},
        {"role=student", 2},
        {"role=admin", 1},
        {"role=guest", 0},
        {"is_active=false", 1},
        {"is_active=true&role=student", 1},
        {"q=example&role=student&is_active=false&sort=username", 1},
        {"limit=2", 2},
        {"skip=3", 1},
        {"q=&role=", 4},
        {"locked=true", 1},
        {"locked=true&role=student", 0},
        {"locked=", 4},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_msg(found(admin, cases[i].query) == cases[i].n, "%s: %d", cases[i].query,
                      found(admin, cases[i].query));
    reply_t *reply = CALL("GET", "/api/v1/users?sort=username&count=true", .token = admin.access);
    ck_assert_str_eq(header(reply, "X-Total-Count"), "4");
    ck_assert_str_eq(text_at(reply->json, "/0/email"), "UmLaut@x.example"); /* the order of the database's locale, C */
    ck_assert_str_eq(text_at(CALL("GET", "/api/v1/users?sort=-created_at", .token = admin.access)->json, "/3/username"),
                     admin.username);
    static const char *const bad[] = {"role=king", "locked=false", "is_active=yes", "sort=email", "q=%01",
                                      "q=a&q=b",   "limit=0",      "q=%00",         "q=%FF",      NULL};
    for (const char *const *query = bad; *query; query++) {
        reply = CALL("GET", F("/api/v1/users?%s", *query), .token = admin.access);
        ck_assert_msg(reply->status == 422 || reply->status == 400, "%s: %d", *query, reply->status);
    }
    expect_problem(CALL("GET", "/api/v1/users", .token = person("instructor").access), "insufficient_scope");
    expect_problem(CALL("GET", "/api/v1/users"), "unauthenticated");
}
END_TEST

/* The target of rel="next", or NULL. */
static char *next_of(const reply_t *reply)
{
    const char *link = header(reply, "Link"), *end = link ? strstr(link, ">; rel=\"next\"") : NULL;
    if (!end)
        return NULL;
    const char *from = end;
    while (from > link && *from != '<')
        from--;
    return F("%.*s", (int)(end - from - 1), from + 1);
}

/* Accounts that come, change and go between the pages neither hide others nor show them twice. */
START_TEST(pages_are_steady)
{
    static const char *const sorts[] = {"id", "-created_at", "username", NULL};
    person_t admin = person("admin");
    for (const char *const *sort = sorts; *sort; sort++) {
        bool seen[2000] = {false};
        int rows = 0, turn = 0;
        sql("DELETE FROM forge.users WHERE role = 'student'");
        sql("INSERT INTO forge.users (email, email_key, username, password_hash, created_at) SELECT i || '@x', i || "
            "'@x', 'user' || i %% "
            "50 || '_' || i || '%s',"
            " (SELECT password_hash FROM forge.users LIMIT 1), timestamptz '2026-01-01' + (i / 10) * interval '1 "
            "minute' FROM "
            "generate_series(1, 95) i",
            *sort + 1); /* names that nobody had in an earlier turn */
        for (char *path = F("/api/v1/users?role=student&limit=10&sort=%s", *sort); path; turn++) {
            reply_t *reply = CALL("GET", path, .token = admin.access);
            expect_status(reply, 200);
            for (size_t i = 0; i < json_array_size(reply->json); i++, rows++) {
                json_int_t id = int_at(reply->json, F("/%zu/id", i));
                ck_assert_msg(!seen[id % 2000], "%s: %lld twice", *sort, (long long)id);
                seen[id % 2000] = true;
            }
            path = next_of(reply);
            /* one that was shown already goes: with skip the next page would begin one too late */
            sql("DELETE FROM forge.users WHERE id = %lld", (long long)int_at(reply->json, "/0/id"));
            sql("UPDATE forge.users SET bio = 'x' WHERE role = 'student'");
        }
        ck_assert_int_eq(rows, 95);
        ck_assert_int_eq(turn, 10);
    }
}
END_TEST

/* --- one --- */

START_TEST(profile_is_public_and_the_rest_is_not)
{
    person_t admin = person("admin"), me = person("student"), other = person("student");
    const char *tokens[] = {NULL, other.access};
    for (int i = 0; i < 2; i++) {
        reply_t *reply = CALL("GET", path_of(me), .token = tokens[i]);
        expect_status(reply, 200);
        ck_assert_uint_eq(json_object_size(reply->json), 7);
        ck_assert_ptr_null(strstr(reply->body, "@"));
        ck_assert_str_eq(text_at(reply->json, "/username"), me.username);
        expect_status(
            CALL("GET", path_of(me), .token = tokens[i], .headers = {F("If-None-Match: %s", header(reply, "ETag"))}),
            304);
        ck_assert_str_ne(header(reply, "ETag"), header(CALL("GET", path_of(me), .token = admin.access), "ETag"));
    }
    reply_t *whole = CALL("GET", path_of(me), .token = me.access);
    ck_assert_str_eq(text_at(whole->json, "/email"), me.email);
    ck_assert(json_is_false(at(whole->json, "/mfa_enabled")));
    ck_assert_str_eq(text_at(CALL("GET", path_of(me), .token = admin.access)->json, "/email"), me.email);
    ck_assert_ptr_nonnull(strstr(header(whole, "Cache-Control"), "private"));
    sql("UPDATE forge.users SET is_active = false WHERE id = %lld", (long long)me.id);
    reply_t *closed = CALL("GET", path_of(me)), *unknown = CALL("GET", "/api/v1/users/999999");
    expect_problem(closed, "not_found");
    ck_assert_str_eq(text_at(closed->json, "/detail"), text_at(unknown->json, "/detail"));
    expect_status(CALL("GET", path_of(me), .token = admin.access), 200);
    sql("UPDATE forge.users SET is_active = true, role = 'guest' WHERE id = %lld", (long long)me.id);
    expect_problem(CALL("GET", path_of(me), .token = other.access), "not_found");
    static const char *const ids[] = {
        "9223372036854775807", "9223372036854775808", "0", "-1", "01", "1e3", "me2", "1;x", "%31", NULL};
    for (const char *const *id = ids; *id; id++)
        expect_problem(CALL("GET", F("/api/v1/users/%s", *id), .token = admin.access), "not_found");
}
END_TEST

START_TEST(administration)
{
    person_t admin = person("admin"), me = person("student");
    reply_t *reply =
        CALL("PATCH", path_of(me), .token = admin.access, .json = "{\"role\":\"instructor\",\"email_verified\":true}");
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/role"), "instructor");
    ck_assert(json_is_true(at(reply->json, "/email_verified")));
    const char *tag = header(reply, "ETag");
    ck_assert_str_eq(header(CALL("GET", path_of(me), .token = admin.access), "ETag"), tag);
    expect_status(CALL("PATCH", path_of(me), .token = admin.access, .json = "{\"is_active\":false}",
                       .headers = {F("If-Match: %s", tag)}),
                  200);
    expect_problem(CALL("PATCH", path_of(me), .token = admin.access, .json = "{\"is_active\":true}",
                        .headers = {F("If-Match: %s", tag)}),
                   "precondition_failed");
    ck_assert_str_eq(sql("SELECT string_agg(event || actor_id || '>' || subject_id, ' ' ORDER BY id) FROM "
                         "forge.audit_events WHERE actor_id = %lld AND"
                         " subject_id = %lld",
                         (long long)admin.id, (long long)me.id),
                     F("admin.user_updated%lld>%lld user.role_changed%lld>%lld admin.user_updated%lld>%lld "
                       "user.deactivated%lld>%lld",
                       (long long)admin.id, (long long)me.id, (long long)admin.id, (long long)me.id,
                       (long long)admin.id, (long long)me.id, (long long)admin.id, (long long)me.id));
    ck_assert_str_eq(sql("SELECT epoch || ' ' || (SELECT count(*) FROM forge.sessions s WHERE s.user_id = u.id AND "
                         "revoked_at IS NULL) "
                         "FROM forge.users u"
                         " WHERE id = %lld",
                         (long long)me.id),
                     "2 0");
    static const char *const refused[] = {"{\"role\":\"guest\"}",
                                          "{\"role\":\"root\"}",
                                          "{\"role\":null}",
                                          "{\"is_active\":\"no\"}",
                                          "{\"is_active\":null}",
                                          "{\"email_verified\":1}",
                                          NULL};
    for (const char *const *body = refused; *body; body++)
        expect_problem(CALL("PATCH", path_of(me), .token = admin.access, .json = *body), "validation_failed");
    /* Only three members are an administrator's. */
    char *before = sql("SELECT u::text FROM forge.users u WHERE id = %lld", (long long)me.id);
    expect_status(CALL("PATCH", path_of(me), .token = admin.access,
                       .json = "{\"email\":\"x@y.org\",\"username\":\"other\",\"id\":1,\"epoch\":0,\"password_hash\":"
                               "\"\",\"version\":1,"
                               "\"erase_at\":null}"),
                  200);
    ck_assert_str_eq(sql("SELECT u::text FROM forge.users u WHERE id = %lld", (long long)me.id), before);
    sql("UPDATE forge.users SET role = 'guest' WHERE id = %lld", (long long)me.id);
    expect_problem(CALL("PATCH", path_of(me), .token = admin.access, .json = "{\"role\":\"admin\"}"), "conflict");
    expect_problem(CALL("PATCH", "/api/v1/users/9223372036854775807", .token = admin.access, .json = "{}"),
                   "not_found");
    expect_problem(CALL("PATCH", path_of(me), .token = person("instructor").access, .json = "{\"role\":\"admin\"}"),
                   "insufficient_scope");
}
END_TEST

START_TEST(deletion)
{
    person_t admin = person("admin"), me = person("instructor");
    json_int_t course = course_of(me, "Stays");
    expect_problem(CALL("DELETE", path_of(me), .token = admin.access, .headers = {"If-Match: \"v77\""}),
                   "precondition_failed");
    expect_status(CALL("DELETE", path_of(me), .token = admin.access), 204);
    ck_assert_str_eq(sql("SELECT concat_ws(' ', email, username, full_name, bio, is_active, anonymized_at IS NOT NULL) "
                         "FROM forge.users WHERE id = %lld",
                         (long long)me.id),
                     F("deleted-%lld@invalid deleted_%lld f t", (long long)me.id, (long long)me.id));
    ck_assert_int_eq(int_at(CALL("GET", F("/api/v1/courses/%lld", (long long)course))->json, "/instructor_id"), me.id);
    expect_problem(CALL("DELETE", path_of(me), .token = admin.access), "not_found");
    expect_problem(CALL("PATCH", path_of(me), .token = admin.access, .json = "{\"is_active\":true}"), "gone");
    expect_problem(
        CALL("POST", "/api/v1/auth/login", .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", me.email, me.password)),
        "bad_credentials");
    expect_status(
        CALL("POST", "/api/v1/users/register",
             .json = F("{\"email\":\"%s\",\"username\":\"another_name\",\"password\":\"%s\"}", me.email, me.password)),
        201); /* the address is free again; the name is nobody else's */
    expect_problem(CALL("POST", "/api/v1/users/register",
                        .json = F("{\"email\":\"new@example.org\",\"username\":\"%s\",\"password\":\"%s\"}",
                                  me.username, me.password)),
                   "username_taken");
    reply_t *named = CALL("POST", "/api/v1/auth/register",
                          .json = "{\"email\":\"deleted_7@example.org\",\"password\":\"Vexing7-Walrus!Q\"}");
    expect_status(named, 201); /* and nobody takes the names of those who are gone */
    ck_assert_str_eq(text_at(named->json, "/user/username"), "was_deleted_7");
    reply_t *taken = CALL("PATCH", "/api/v1/users/me", .token = admin.access, .json = "{\"username\":\"DELETED_9\"}");
    expect_problem(taken, "validation_failed");
    expect_fault(taken, "/username", NULL);
    expect_problem(CALL("DELETE", path_of(admin), .token = admin.access), "last_admin");
    person_t second = person("admin");
    expect_status(CALL("DELETE", path_of(admin), .token = admin.access), 204);
    expect_problem(CALL("DELETE", path_of(second), .token = second.access), "last_admin");
}
END_TEST

START_TEST(sessions_lock_and_factor)
{
    person_t admin = person("admin"), me = person("student");
    expect_status(CALL("POST", F("%s/revoke-sessions", path_of(me)), .token = admin.access), 204);
    ck_assert_str_eq(
        sql("SELECT string_agg(revoke_reason, ' ') FROM forge.sessions WHERE user_id = %lld", (long long)me.id),
        "admin");
    expect_problem(CALL("GET", "/api/v1/users/me", .token = me.access), "invalid_token");
    expect_status(CALL("POST", F("%s/unlock", path_of(me)), .token = admin.access), 204);
    expect_status(CALL("POST", F("%s/reset-mfa", path_of(me)), .token = admin.access), 204);
    static const char *const verbs[] = {"revoke-sessions", "unlock", "reset-mfa", NULL};
    person_t nobody = person("instructor");
    for (const char *const *verb = verbs; *verb; verb++) {
        expect_problem(CALL("POST", F("/api/v1/users/9223372036854775807/%s", *verb), .token = admin.access),
                       "not_found");
        expect_problem(CALL("POST", F("%s/%s", path_of(me), *verb), .token = nobody.access), "insufficient_scope");
        expect_problem(CALL("POST", F("%s/%s", path_of(me), *verb)), "unauthenticated");
    }
}
END_TEST

/* Every child refuses the token, and the session gives no new one unless it should. */
static void expect_ended(person_t who, const char *why, bool session_too)
{
    for (int i = 0; i < 12; i++) {
        reply_t *reply = CALL("GET", "/api/v1/courses", .token = who.access, .headers = {"Connection: close"});
        ck_assert_msg(reply->status == 401, "%s: %d", why, reply->status);
    }
    reply_t *reply = CALL("POST", "/api/v1/auth/refresh", .json = F("{\"refresh_token\":\"%s\"}", who.refresh));
    ck_assert_msg(reply->status == (session_too ? 401 : 200), "%s: refresh %d", why, reply->status);
}

START_TEST(tokens_end_at_once)
{
    person_t admin = person("admin"), who[7];
    for (int i = 0; i < 7; i++)
        who[i] = person("student");
    expect_status(CALL("PATCH", path_of(who[0]), .token = admin.access, .json = "{\"role\":\"instructor\"}"), 200);
    expect_ended(who[0], "another role", false);
    expect_status(CALL("PATCH", path_of(who[1]), .token = admin.access, .json = "{\"is_active\":false}"), 200);
    expect_ended(who[1], "deactivated", true);
    expect_status(CALL("POST", F("%s/revoke-sessions", path_of(who[2])), .token = admin.access), 204);
    expect_ended(who[2], "sessions revoked", true);
    expect_status(CALL("DELETE", path_of(who[3]), .token = admin.access), 204);
    expect_ended(who[3], "deleted", true);
    expect_status(
        CALL("DELETE", "/api/v1/users/me", .token = who[4].access, .json = F("{\"password\":\"%s\"}", who[4].password)),
        204);
    expect_ended(who[4], "left", true);
    expect_status(CALL("POST", "/api/v1/users/bulk", .token = admin.access,
                       .json = F("{\"action\":\"revoke_sessions\",\"ids\":[%lld,%lld]}", (long long)who[5].id,
                                 (long long)who[6].id)),
                  200);
    expect_ended(who[5], "bulk", true);
    expect_ended(who[6], "bulk", true);
    expect_status(CALL("GET", "/api/v1/users/me", .token = admin.access), 200);
}
END_TEST

/* --- the last administrator --- */

typedef struct duel_t {
    person_t who[2];
    int statuses[2], round;
} duel_t;

/* Each takes the other's role, activity or account, by one way or another; or both leave. */
static void strike(int i, void *baton)
{
    duel_t *duel = baton;
    person_t me = duel->who[i], other = duel->who[1 - i];
    static const int kinds[] = {0, 1, 2, 4};
    switch (duel->round % 5 == 3 ? 3 : kinds[(duel->round + i) % 4]) {
    case 0:
        duel->statuses[i] = CALL("PATCH", path_of(other), .token = me.access, .json = "{\"role\":\"student\"}")->status;
        break;
    case 1:
        duel->statuses[i] = CALL("PATCH", path_of(other), .token = me.access, .json = "{\"is_active\":false}")->status;
        break;
    case 2:
        duel->statuses[i] = CALL("DELETE", path_of(other), .token = me.access)->status;
        break;
    case 3:
        duel->statuses[i] =
            CALL("DELETE", "/api/v1/users/me", .token = me.access, .json = F("{\"password\":\"%s\"}", me.password))
                ->status;
        break;
    default: {
        reply_t *reply = CALL("POST", "/api/v1/users/bulk", .token = me.access,
                              .json = F("{\"action\":\"deactivate\",\"ids\":[%lld]}", (long long)other.id));
        duel->statuses[i] =
            reply->status == 200 && strcmp(text_at(reply->json, "/results/0/status"), "ok") ? 409 : reply->status;
    }
    }
}

/* Whoever comes second finds themselves the last, or no administrator any more. */
START_TEST(fifty_duels)
{
    watchdog(240);
    int rounds = env.quick ? 10 : 50;
    for (int round = 0; round < rounds; round++) {
        duel_t duel = {.who = {person("admin"), person("admin")}, .round = round};
        sql("UPDATE forge.users SET role = 'student' WHERE role = 'admin' AND id NOT IN (%lld, %lld)",
            (long long)duel.who[0].id, (long long)duel.who[1].id);
        parallel(2, strike, &duel);
        char *left = sql("SELECT count(*) FROM forge.users WHERE role = 'admin' AND is_active");
        int won = (duel.statuses[0] / 100 == 2) + (duel.statuses[1] / 100 == 2);
        ck_assert_msg(strcmp(left, "1") == 0 && won == 1, "round %d: %d and %d, %s left", round, duel.statuses[0],
                      duel.statuses[1], left);
        for (int i = 0; i < 2; i++)
            ck_assert_msg(duel.statuses[i] / 100 == 2 || duel.statuses[i] == 409 || duel.statuses[i] == 401,
                          "round %d: %d", round, duel.statuses[i]);
    }
}
END_TEST

Suite *suite_users(void)
{
    Suite *suite = suite_create("users");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, list_filters);
    tcase_add_test(all, pages_are_steady);
    tcase_add_test(all, profile_is_public_and_the_rest_is_not);
    tcase_add_test(all, administration);
    tcase_add_test(all, deletion);
    tcase_add_test(all, sessions_lock_and_factor);
    tcase_add_test(all, tokens_end_at_once);
    tcase_add_test(all, fifty_duels);
    return suite;
}
