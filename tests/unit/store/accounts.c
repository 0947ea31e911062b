/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/{accounts,bulk,erasure,audit}.c and of migration 0012: what is changed, audited and voided, and that
 * an administrator is always left.
 */
#include "schema.h"
#include "store/users/users.h"

static forge_rows_t *rows;
static const forge_actor_t root = {.id = 1, .ip = "fe80::1%eth0", .request_id = "req-9"};

static void begin(void)
{
    schema_begin("store_accounts");
}

static const char *P(const char *format, const char *value)
{
    return apr_psprintf(forge_test_pool, format, value);
}

/* Account 1 is the administrator root, 2 student ada, 3 instructor bob. */
static void setup(void)
{
    schema_setup();
    sql("INSERT INTO forge.users (email, email_key, username, full_name, role, password_hash) SELECT n || "
        "'@example.org', n || "
        "'@example.org',"
        " n, initcap(n) || ' 100%_x', r, '" FORGE_TEST_HASH
        "' FROM (VALUES ('root', 'admin'), ('ada', 'student'), ('bob', 'instructor')) AS v(n, r);"
        "INSERT INTO forge.sessions (user_id, expires_at, ip, user_agent) SELECT id, now() + interval '1 day', "
        "'192.0.2.1', 'curl' FROM "
        "forge.users;"
        "INSERT INTO forge.courses (title, instructor_id) VALUES ('C', 3)");
}

static const char *column(const char *name)
{
    const char *text = forge_store_rows_text(rows, 0, name);
    return text ? text : "NULL";
}

static forge_status_t update(apr_int64_t id, const char *members)
{
    const forge_patch_t patch = {.members = members};
    return forge_store_account_update(db, forge_test_pool, &root, id, &patch, &rows);
}

static const char *events(void)
{
    const char *text = ask("SELECT string_agg(event || ':' || coalesce(actor_id::text, '-') || '>' || "
                           "coalesce(subject_id::text, '-'), ' ' ORDER BY id)"
                           " FROM forge.audit_events");
    return text ? text : "";
}

/* --- one account --- */

START_TEST(update_changes_audits_and_voids)
{
    ck_assert_int_eq(update(2, "{\"role\":\"instructor\"}"), FORGE_OK);
    ck_assert_str_eq(column("role"), "instructor");
    ck_assert_str_eq(column("_revoked"), "u2:1");
    ck_assert_str_eq(column("_version"), "2");
    ck_assert_str_eq(events(), "admin.user_updated:1>2 user.role_changed:1>2");
    ck_assert_str_eq(ask("SELECT host(ip) || request_id || (detail->>'from') || (detail->>'to') FROM "
                         "forge.audit_events WHERE event LIKE 'user.%'"),
                     "fe80::1req-9studentinstructor");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.sessions WHERE revoked_at IS NULL"),
                     "3"); /* a new role needs no new login */
    ck_assert_int_eq(update(2, "{\"is_active\":false}"), FORGE_OK);
    ck_assert_str_eq(column("_revoked"), "u2:2");
    ck_assert_str_eq(ask("SELECT revoke_reason FROM forge.sessions WHERE user_id = 2"), "deactivated");
    ck_assert_int_eq(update(2, "{\"email_verified\":true}"), FORGE_OK);
    ck_assert_str_eq(column("_revoked"), "NULL");
    ck_assert_str_eq(column("is_active"), "f");
}
END_TEST

START_TEST(update_of_nothing_writes_nothing)
{
    ck_assert_int_eq(update(2, "{\"role\":\"student\",\"is_active\":true}"), FORGE_OK);
    ck_assert_str_eq(column("_version"), "1");
    ck_assert_str_eq(column("username"), "ada");
    ck_assert_str_eq(column("_audit"), "NULL");
    ck_assert_str_eq(column("_revoked"), "NULL");
    ck_assert_int_eq(update(2, "{}"), FORGE_OK);
    ck_assert_str_eq(ask("SELECT sum(version) FROM forge.users"), "3");
    ck_assert_str_eq(events(), "");
}
END_TEST

START_TEST(update_refused)
{
    const forge_patch_t stale = {.members = "{\"email_verified\":true}", .if_version = "{7,8}"};
    ck_assert_int_eq(forge_store_account_update(db, forge_test_pool, &root, 2, &stale, &rows),
                     FORGE_E_PRECONDITION_FAILED);
    ck_assert_int_eq(update(99, "{\"role\":\"admin\"}"), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(update(1, "{\"role\":\"student\"}"), FORGE_E_LAST_ADMIN);
    ck_assert_int_eq(update(1, "{\"is_active\":false}"), FORGE_E_LAST_ADMIN);
    ck_assert_int_eq(forge_store_account_leave(db, forge_test_pool, &root), FORGE_E_LAST_ADMIN);
    ck_assert_int_eq(forge_store_account_delete(db, forge_test_pool, &root, 1, NULL), FORGE_E_LAST_ADMIN);
    ck_assert_int_eq(forge_store_account_delete(db, forge_test_pool, &root, 2, "{7}"), FORGE_E_PRECONDITION_FAILED);
    sql("UPDATE forge.users SET role = 'guest' WHERE id = 2");
    ck_assert_int_eq(update(2, "{\"role\":\"admin\"}"), FORGE_E_CONFLICT);
    ck_assert_int_eq(forge_store_account_delete(db, forge_test_pool, &root, 2, NULL), FORGE_OK);
    ck_assert_int_eq(update(2, "{\"is_active\":true}"), FORGE_E_GONE);
    ck_assert_int_eq(forge_store_account_delete(db, forge_test_pool, &root, 2, NULL), FORGE_E_NOT_FOUND);
    ck_assert_str_eq(events(), "admin.user_deleted:1>2 user.anonymized:1>2");
    ck_assert_str_eq(forge_test_pg_logged(), "");
}
END_TEST

START_TEST(profile_changes_what_was_sent)
{
    const forge_actor_t ada = {.id = 2};
    forge_patch_t patch = {.members = "{\"bio\":\"x\",\"full_name\":null}"};
    ck_assert_int_eq(forge_store_profile_update(db, forge_test_pool, &ada, &patch, &rows), FORGE_OK);
    ck_assert_str_eq(column("bio"), "x");
    ck_assert_str_eq(column("full_name"), "NULL");
    ck_assert_str_eq(column("username"), "ada");
    ck_assert_str_eq(column("_version"), "2");
    ck_assert_str_eq(ask("SELECT detail->>'members' FROM forge.audit_events WHERE event = 'user.updated'"),
                     "[\"bio\", \"full_name\"]");
    patch.members = "{\"username\":\"BOB\"}";
    ck_assert_int_eq(forge_store_profile_update(db, forge_test_pool, &ada, &patch, &rows), FORGE_E_USERNAME_TAKEN);
    patch.members = "{\"username\":\"ADA\"}"; /* one's own in other letters */
    ck_assert_int_eq(forge_store_profile_update(db, forge_test_pool, &ada, &patch, &rows), FORGE_OK);
    patch.members = "{\"username\":\"deleted_5\"}";
    ck_assert_int_eq(forge_store_profile_update(db, forge_test_pool, &ada, &patch, &rows), FORGE_E_VALIDATION);
    ck_assert_str_eq(forge_store_constraint(db), "users_username_reserved");
    /* Only six members are ever taken from the patch. */
    patch.members = "{\"id\":1,\"role\":\"admin\","
                    "\"email\":\"x@y\",\"epoch\":9,\"password_hash\":\"\",\"search\":\"\"}";
    ck_assert_int_eq(forge_store_profile_update(db, forge_test_pool, &ada, &patch, &rows), FORGE_OK);
    ck_assert_str_eq(column("id"), "2");
    ck_assert_str_eq(column("role"), "student");
    ck_assert_str_eq(column("email"), "ada@example.org");
    sql("UPDATE forge.users SET is_active = false WHERE id = 2");
    ck_assert_int_eq(forge_store_profile_update(db, forge_test_pool, &ada, &patch, &rows), FORGE_E_INVALID_TOKEN);
}
END_TEST

START_TEST(sessions_of_one)
{
    ck_assert_int_eq(forge_store_account_end_sessions(db, forge_test_pool, &root, 2), FORGE_OK);
    forge_effects_t effects = forge_store_effects_take(db, forge_test_pool);
    ck_assert_int_eq(effects.revoked->nelts, 1);
    ck_assert_str_eq(APR_ARRAY_IDX(effects.revoked, 0, const char *), "u2:1");
    ck_assert_int_eq(effects.audit->nelts, 1);
    ck_assert_str_eq(ask("SELECT string_agg(user_id::text, ',') FROM forge.sessions WHERE revoked_at IS NULL"), "1,3");
    ck_assert_int_eq(forge_store_account_end_sessions(db, forge_test_pool, &root, 99), FORGE_E_NOT_FOUND);
}
END_TEST

/* --- search --- */

static int found(const char *q)
{
    const char *values[] = {q, NULL, NULL};
    const forge_list_query_t query = {.values = values, .limit = 100};
    apr_int64_t total;
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &forge_store_accounts_list, &query, &rows, &total),
                     FORGE_OK);
    return forge_store_rows_count(rows);
}

START_TEST(search_is_literal)
{
    static const struct {
        const char *q;
        int n;
    } cases[] = {{"ADA", 1}, {"example.org", 3}, {"100%", 3}, {"100%_", 3},        {"%", 3},
                 {"_", 3},   {"__", 0},          {"1_0", 0},  {"%x", 0},           {"\\", 0},
                 {"\\%", 0}, {"Ada 1", 1},       {"'", 0},    {"\xc3\x84RGER", 1}, {"bob\nbob", 0}};
    sql("UPDATE forge.users SET full_name = 'Ärger 100%_x' WHERE id = 3");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_msg(found(cases[i].q) == cases[i].n, "%s: %d", cases[i].q, found(cases[i].q));
}
END_TEST

/* --- many --- */

static const char *bulk(forge_bulk_action_t action, const char *ids, const char *role, bool dry_run)
{
    const forge_bulk_t all = {.action = action, .ids = ids, .role = role, .dry_run = dry_run};
    ck_assert_int_eq(forge_store_accounts_bulk(db, forge_test_pool, &root, &all, &rows), FORGE_OK);
    char *text = apr_pstrdup(forge_test_pool, column("results")), *to = text;
    for (const char *c = text; *c; c++)
        if (!strchr(" \n\"", *c))
            *to++ = *c;
    *to = '\0';
    return text;
}

START_TEST(bulk_is_one_statement_with_results_in_order)
{
    ck_assert_str_eq(bulk(FORGE_BULK_DEACTIVATE, "{3,99,2}", NULL, false),
                     "[{id:3,status:ok},{id:99,status:not_found},{id:2,status:ok}]");
    ck_assert_ptr_nonnull(strstr(column("_revoked"), "u2:1"));
    ck_assert_ptr_nonnull(strstr(column("_revoked"), "u3:1"));
    ck_assert_str_eq(bulk(FORGE_BULK_DEACTIVATE, "{2}", NULL, false), "[{id:2,status:unchanged}]");
    ck_assert_str_eq(bulk(FORGE_BULK_ACTIVATE, "{2,1}", NULL, false), "[{id:2,status:ok},{id:1,status:unchanged}]");
    ck_assert_str_eq(bulk(FORGE_BULK_SET_ROLE, "{2,3}", "instructor", false),
                     "[{id:2,status:ok},{id:3,status:unchanged}]");
    ck_assert_str_eq(bulk(FORGE_BULK_REVOKE_SESSIONS, "{1}", NULL, false), "[{id:1,status:ok}]");
    ck_assert_str_eq(column("_revoked"), "u1:1");
    ck_assert_str_eq(bulk(FORGE_BULK_DELETE, "{2}", NULL, false), "[{id:2,status:ok}]");
    ck_assert_str_eq(bulk(FORGE_BULK_DELETE, "{2}", NULL, false), "[{id:2,status:not_found}]");
    ck_assert_str_eq(ask("SELECT count(*) FILTER (WHERE event = 'admin.bulk') || ' ' || count(*) FILTER (WHERE event = "
                         "'user.deactivated') || ' ' ||"
                         " count(*) FILTER (WHERE event = 'user.role_changed') FROM forge.audit_events"),
                     "7 2 1");
}
END_TEST

START_TEST(bulk_dry_run_tells_the_same_and_does_nothing)
{
    static const forge_bulk_action_t actions[] = {FORGE_BULK_ACTIVATE, FORGE_BULK_DEACTIVATE, FORGE_BULK_SET_ROLE,
                                                  FORGE_BULK_REVOKE_SESSIONS, FORGE_BULK_DELETE};
    sql("INSERT INTO forge.audit_events (event) VALUES ('a.b')");
    for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
        const char *before =
            ask("SELECT md5(string_agg(u::text, '') ) || (SELECT count(*) FROM forge.audit_events) || (SELECT count(*) "
                "FROM "
                "forge.sessions WHERE revoked_at IS NULL) FROM (SELECT * FROM forge.users ORDER BY id) u");
        const char *said = bulk(actions[i], "{3,1,77,2}", "student", true);
        ck_assert_str_eq(column("_revoked"), "NULL");
        ck_assert_str_eq(column("_audit"), "NULL");
        ck_assert_str_eq(ask("SELECT md5(string_agg(u::text, '') ) || (SELECT count(*) FROM forge.audit_events) || "
                             "(SELECT count(*) FROM "
                             "forge.sessions WHERE revoked_at IS NULL) FROM (SELECT * FROM forge.users ORDER BY id) u"),
                         before);
        ck_assert_str_eq(bulk(actions[i], "{3,1,77,2}", "student", false), said);
    }
}
END_TEST

/* As if one came after the other: the last of the administrators in the list stays, wherever the others stand. */
START_TEST(bulk_leaves_an_administrator)
{
    sql("UPDATE forge.users SET role = 'admin'");
    ck_assert_str_eq(bulk(FORGE_BULK_SET_ROLE, "{3,1,2}", "student", true),
                     "[{id:3,status:ok},{id:1,status:ok},{id:2,status:failed,code:last_admin}]");
    ck_assert_str_eq(bulk(FORGE_BULK_DELETE, "{2,1}", NULL, true), "[{id:2,status:ok},{id:1,status:ok}]");
    ck_assert_str_eq(bulk(FORGE_BULK_DEACTIVATE, "{3,2,1}", NULL, false),
                     "[{id:3,status:ok},{id:2,status:ok},{id:1,status:failed,code:last_admin}]");
    ck_assert_str_eq(bulk(FORGE_BULK_DELETE, "{3,1,2}", NULL, false),
                     "[{id:3,status:ok},{id:1,status:failed,code:last_admin},{id:2,status:ok}]");
    ck_assert_str_eq(bulk(FORGE_BULK_SET_ROLE, "{1}", "admin", false), "[{id:1,status:unchanged}]");
    ck_assert_str_eq(ask("SELECT string_agg(id::text, '') FROM forge.users WHERE role = 'admin' AND is_active"), "1");
    ck_assert_str_eq(forge_test_pg_logged(), "");
}
END_TEST

START_TEST(imported)
{
    static const char list[] =
        "[{\"row\":1,\"email\":\"N@x.org\",\"email_key\":\"n@x.org\",\"username\":\"n\\u0061m\",\"role\":"
        "\"student\",\"password_hash\":\"" FORGE_TEST_HASH "\"},"
        "{\"row\":2,\"email\":\"n@x.org\",\"email_key\":\"n@x.org\",\"username\":\"nam\",\"role\":\"admin\","
        "\"password_hash\":\"" FORGE_TEST_HASH "\"},"
        "{\"row\":3,\"email\":\"o@x.org\",\"email_key\":\"o@x.org\",\"username\":\"NAM\",\"role\":\"student\","
        "\"password_hash\":\"" FORGE_TEST_HASH "\"},"
        "{\"row\":4,\"email\":\"ada@example.org\",\"email_key\":\"ada@example.org\",\"username\":\"else\",\"role\":"
        "\"student\",\"password_hash\":\"" FORGE_TEST_HASH "\"},"
        "{\"row\":5,\"email\":\"p@x.org\",\"email_key\":\"p@x.org\",\"username\":\"Bob\",\"role\":\"student\","
        "\"password_hash\":\"" FORGE_TEST_HASH "\"},"
        "{\"row\":6,\"email\":\"q@x.org\",\"email_key\":\"q@x.org\",\"username\":\"quit\",\"role\":\"instructor\","
        "\"password_hash\":\"" FORGE_TEST_HASH "\"}]";
    static const char *const codes[] = {NULL, "email_taken", "username_taken", "email_taken", "username_taken", NULL};
    ck_assert_int_eq(forge_store_accounts_import(db, forge_test_pool, &root, list, true, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 6);
    for (int i = 0; i < 6; i++) {
        const char *code = forge_store_rows_text(rows, i, "code");
        ck_assert_msg(codes[i] ? code && strcmp(code, codes[i]) == 0 : !code, "row %d: %s", i + 1,
                      code ? code : "created");
        ck_assert_int_eq(!code, forge_store_rows_int(rows, i, "id", 0) > 0);
        ck_assert_int_eq(i == 0,
                         forge_store_rows_text(rows, i, "_audit") != NULL); /* once: a thousand times it is 200 MB */
    }
    ck_assert_str_eq(ask("SELECT string_agg(username || role, ',' ORDER BY id) FROM forge.users WHERE id > 3"),
                     "namstudent,quitinstructor");
    ck_assert_str_eq(
        ask("SELECT detail->>'created' || (detail->>'rows') FROM forge.audit_events WHERE event = 'admin.import'"),
        "26");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.audit_events WHERE event = 'admin.user_created' AND actor_id = 1"),
                     "2");
}
END_TEST

/* --- farewell --- */

/* What the other parts keep of account 3. */
static const char belongings[] =
    "INSERT INTO forge.mfa_factors (user_id, secret) VALUES (3, repeat('s', 40));"
    "INSERT INTO forge.mfa_backup_codes (user_id, mac) VALUES (3, sha256('1'));"
    "INSERT INTO forge.login_challenges (sha256, user_id, epoch, expires_at)"
    " VALUES (sha256('1'), 3, 0, now());"
    "INSERT INTO forge.login_failures (subject, address) VALUES ('user:3', ''), ('user:33', '');"
    "INSERT INTO forge.api_keys (user_id, name, prefix, sha256) VALUES (3, 'k', 'abcdefgh', sha256('1'));"
    "INSERT INTO forge.one_time_tokens (user_id, kind, sha256, email, email_key, expires_at) VALUES (3, "
    "'verify', sha256('1'), 'bob@example.org',"
    " 'bob@example.org', now() + interval '1 hour');"
    "INSERT INTO forge.email_undos (user_id, sha256, email, email_key, expires_at) VALUES (3, sha256('1'), "
    "'was@example.org', 'was@example.org', now() + interval '72 hours');"
    "INSERT INTO forge.mail_outbox (kind, sender, recipient, user_id, payload) VALUES ('verify', "
    "'https://x.org', 'bob@example.org', 3, repeat('p', 40));"
    "INSERT INTO forge.mail_outbox (kind, sender, recipient, payload) VALUES ('invitation', "
    "'https://x.org', 'Bob@example.org', repeat('p', 40));"
    "INSERT INTO forge.idempotency_keys (scope, key, fingerprint) VALUES ('user:3', 'k', 'f'), ('user:33', "
    "'k', 'f');"
    "INSERT INTO forge.organizations (name, slug) VALUES ('O', 'o'), ('Q', 'q');"
    "INSERT INTO forge.memberships VALUES (1, 3, 'owner'), (1, 2, 'owner'), (2, 3, 'admin'), (2, 2, "
    "'owner');"
    "INSERT INTO forge.invitations (organization_id, email, email_key, sha256) VALUES (1, 'bob@example.org', "
    "'bob@example.org', sha256('1')),"
    " (1, 'else@example.org', 'else@example.org', sha256('2'));"
    "INSERT INTO forge.invitations (organization_id, email, email_key, invited_by, sha256) VALUES (2, "
    "'by@example.org', 'by@example.org', 3, sha256('3'));"
    "INSERT INTO forge.enrollments (course_id, user_id) VALUES (1, 3);"
    "INSERT INTO forge.assignments (course_id, title) VALUES (1, 'a');"
    "INSERT INTO forge.assignment_submissions (assignment_id, user_id, content) VALUES (1, 3, 'mine');"
    "INSERT INTO forge.exercises (course_id, author_id, title) VALUES (1, 1, 'e');"
    "INSERT INTO forge.exercise_submissions (exercise_id, user_id, code) VALUES (1, 3, 'mine');"
    "INSERT INTO forge.progress (user_id, exercise_id, status) VALUES (3, 1, 'in_progress')";
static const char belongings_left[] =
    "SELECT concat_ws(' ', (SELECT count(*) FROM forge.mfa_factors), (SELECT count(*) FROM "
    "forge.mfa_backup_codes), (SELECT string_agg(subject, ',') FROM"
    " forge.login_failures), (SELECT count(*) FROM forge.api_keys), (SELECT count(*) FROM "
    "forge.one_time_tokens), (SELECT count(*) FROM forge.mail_outbox),"
    " (SELECT string_agg(email || ':' || state, ',' ORDER BY id) FROM forge.invitations), (SELECT "
    "count(*) FROM forge.enrollments), (SELECT string_agg(organization_id || role, ',') FROM "
    "forge.memberships WHERE user_id = 3), (SELECT string_agg(scope, ',') FROM forge.idempotency_keys))";

static const char everything_personal[] = "SELECT concat_ws('|', email, email_key, username, full_name, bio, "
                                          "avatar_url, locale, timezone, last_login_ip::text, is_active,"
                                          " erase_at IS NULL, anonymized_at IS NOT NULL, password_hash ~ 'aaa', "
                                          "(SELECT count(*) FROM forge.sessions s WHERE s.user_id = u.id))"
                                          " FROM forge.users u WHERE id = ";
#define PERSONAL(id) ask(P("%s" #id, everything_personal))

/* What forge.personal says goes with account 3, where its rows are counted to be as many as `wanted` says ("= 0"). */
static const char *deletable(const char *wanted)
{
    return ask(
        P("SELECT string_agg(p.relation || '.' || p.account_column, ' ' ORDER BY p.number) FROM forge.personal p"
          " WHERE p.on_erase = 'delete' AND (xpath('/row/n/text()', query_to_xml(format("
          "  'SELECT count(*) AS n FROM forge.%%I t JOIN forge.users u ON u.id = 3 WHERE %%s', p.relation,"
          "  coalesce(p.whose, format('t.%%I = u.id', p.account_column))), false, true, '')))[1]::text::integer %s",
          wanted));
}

START_TEST(leave_and_be_forgotten)
{
    const forge_actor_t bob = {.id = 3, .ip = "192.0.2.9"};
    sql("UPDATE forge.users SET bio = 'b', avatar_url = 'https://x.org/a', locale = 'de', timezone = 'UTC', "
        "last_login_ip = '192.0.2.9' "
        "WHERE id = 3");
    sql(belongings);
    const char *bare = deletable("= 0"), *left;
    ck_assert_msg(!bare, "nothing to delete in %s", bare);
    ck_assert_int_eq(forge_store_account_leave(db, forge_test_pool, &bob), FORGE_OK);
    ck_assert_str_eq(ask("SELECT is_active || ' ' || (erase_at BETWEEN now() + interval '29 days' AND now() + interval "
                         "'30 days') FROM "
                         "forge.users WHERE id = 3"),
                     "false true");
    ck_assert_str_eq(ask("SELECT revoke_reason FROM forge.sessions WHERE user_id = 3"), "deactivated");
    ck_assert_int_eq(forge_store_account_leave(db, forge_test_pool, &bob), FORGE_E_INVALID_TOKEN);
    ck_assert_int_eq(forge_store_accounts_erase(db, forge_test_pool), FORGE_OK);
    ck_assert_str_eq(ask("SELECT username FROM forge.users WHERE id = 3"), "bob"); /* not yet */
    sql("UPDATE forge.users SET erase_at = now() - interval '1 second' WHERE id = 3");
    forge_store_effects_take(db, forge_test_pool);
    ck_assert_int_eq(forge_store_accounts_erase(db, forge_test_pool), FORGE_OK);
    ck_assert_str_eq(PERSONAL(3), "deleted-3@invalid|deleted-3@invalid|deleted_3|f|t|t|f|0");
    left = deletable("> 0");
    ck_assert_msg(!left, "left in %s", left);
    ck_assert_str_eq(APR_ARRAY_IDX(forge_store_effects_take(db, forge_test_pool).revoked, 0, const char *), "u3:2");
    ck_assert_str_eq(ask("SELECT title || instructor_id FROM forge.courses"), "C3");
    ck_assert_str_eq(events(), "user.deactivated:3>3 user.anonymized:->3");
    ck_assert_str_eq(ask(belongings_left),
                     "0 0 user:33 0 0 0 else@example.org:pending,by@example.org:revoked 1 user:33");
    ck_assert_str_eq(ask("SELECT search FROM forge.users WHERE id = 3"), "deleted_3\n\ndeleted-3@invalid");
}
END_TEST

/* Who leaves hands over first. An administrator closes any account; an organisation without another owner keeps the one
 * it had. */
START_TEST(last_owner_leaves_nothing_behind)
{
    const forge_actor_t bob = {.id = 3};
    sql("INSERT INTO forge.organizations (name, slug) VALUES ('O', 'o'), ('Q', 'q');"
        "INSERT INTO forge.memberships VALUES (1, 3, 'owner'), (1, 2, 'admin'), (2, 3, 'owner'), (2, 2, 'owner')");
    ck_assert_int_eq(forge_store_account_leave(db, forge_test_pool, &bob), FORGE_E_LAST_OWNER);
    ck_assert_str_eq(ask("SELECT is_active FROM forge.users WHERE id = 3"), "true");
    ck_assert_str_eq(events(), "");
    sql("UPDATE forge.memberships SET role = 'owner' WHERE organization_id = 1");
    sql("UPDATE forge.users SET is_active = false WHERE id = 2"); /* an owner who cannot act is none */
    ck_assert_int_eq(forge_store_account_leave(db, forge_test_pool, &bob), FORGE_E_LAST_OWNER);
    ck_assert_int_eq(forge_store_account_delete(db, forge_test_pool, &root, 3, NULL), FORGE_OK);
    ck_assert_str_eq(ask("SELECT string_agg(organization_id || role, ' ' ORDER BY organization_id) FROM "
                         "forge.memberships WHERE user_id = 3"),
                     "1owner 2owner");
    sql("UPDATE forge.users SET is_active = true WHERE id = 2");
    ck_assert_int_eq(forge_store_accounts_bulk(db, forge_test_pool, &root,
                                               &(forge_bulk_t){.action = FORGE_BULK_DELETE, .ids = "{2}"}, &rows),
                     FORGE_OK);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.memberships WHERE role = 'owner'"),
                     "4"); /* nobody is left to take over */
}
END_TEST

START_TEST(come_back_in_time)
{
    const forge_actor_t ada = {.id = 2};
    ck_assert_int_eq(forge_store_account_leave(db, forge_test_pool, &ada), FORGE_OK);
    ck_assert_int_eq(update(2, "{\"is_active\":true}"), FORGE_OK);
    ck_assert_str_eq(ask("SELECT erase_at IS NULL AND is_active FROM forge.users WHERE id = 2"), "true");
    ck_assert_int_eq(update(2, "{\"is_active\":false}"),
                     FORGE_OK); /* closed by an administrator: never erased by itself */
    ck_assert_str_eq(ask("SELECT erase_at IS NULL FROM forge.users WHERE id = 2"), "true");
}
END_TEST

START_TEST(many_are_erased_in_batches)
{
    sql("INSERT INTO forge.users (email, email_key, username, password_hash, is_active, erase_at) SELECT i || '@x', i "
        "|| '@x', 'user' || "
        "i, '" FORGE_TEST_HASH "', false, now() - interval '1 day' FROM generate_series(1, 250) i");
    ck_assert_int_eq(forge_store_accounts_erase(db, forge_test_pool), FORGE_OK);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.users WHERE anonymized_at IS NOT NULL"), "250");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.audit_events WHERE event = 'user.anonymized'"), "250");
}
END_TEST

START_TEST(export_without_secrets)
{
    const forge_actor_t ada = {.id = 2, .ip = "192.0.2.9", .request_id = "req-1"}, gone = {.id = 99};
    sql("INSERT INTO forge.audit_events (event, actor_id, subject_id) VALUES ('user.login', 2, 2), ('user.login', 3, "
        "3), ('user.locked', "
        "NULL, 2);"
        "INSERT INTO forge.refresh_tokens (session_id, sha256, expires_at) SELECT id, sha256(user_id::text::bytea), "
        "now() FROM "
        "forge.sessions;"
        "INSERT INTO forge.mfa_factors (user_id, secret) VALUES (2, repeat('SEALED', 8))");
    ck_assert_int_eq(forge_store_account_export(db, forge_test_pool, &ada, &rows), FORGE_OK);
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 0, 1 << 20);
    for (int i = 0; i < forge_store_rows_count(rows); i++) {
        const char *member = forge_store_rows_text(rows, i, "member"),
                   *content = forge_store_rows_text(rows, i, "content");
        const forge_export_piece_t piece = {member, forge_store_rows_int(rows, i, "_newest", 0), 0};
        forge_rows_t *part;
        forge_util_buf_printf(b, "\"%s\":%s,", member, content ? content : "");
        if (content)
            continue;
        ck_assert_int_eq(forge_store_account_export_rows(db, forge_test_pool, 2, &piece, &part), FORGE_OK);
        for (int k = 0; k < forge_store_rows_count(part); k++)
            forge_util_buf_puts(b, forge_store_rows_text(part, k, "content"));
    }
    const char *text = apr_pstrmemdup(forge_test_pool, b->data, b->len);
    ck_assert_ptr_null(strstr(text, "SEALED"));
    ck_assert_ptr_null(strstr(text, "$2y$"));
    ck_assert_ptr_null(strstr(text, "hash"));
    ck_assert_ptr_null(strstr(text, "secret"));
    ck_assert_ptr_null(strstr(text, "bob"));
    ck_assert_ptr_nonnull(strstr(text, "user.locked"));
    ck_assert_ptr_nonnull(strstr(text, "\"audit_event_count\":2,"));
    ck_assert_str_eq(ask("SELECT actor_id || request_id FROM forge.audit_events WHERE event = 'user.exported'"),
                     "2req-1");
    ck_assert_int_eq(forge_store_account_export(db, forge_test_pool, &gone, &rows), FORGE_E_INVALID_TOKEN);
}
END_TEST

/* --- the audit log --- */

START_TEST(audit_is_read_to_its_end)
{
    const forge_audit_filter_t
        all = {{NULL}},
        rare = {{[FORGE_AUDIT_EVENT] = "rare.event"}},
        some = {
            {[FORGE_AUDIT_PREFIX] = "user.", [FORGE_AUDIT_ACTOR] = "3", [FORGE_AUDIT_SINCE] = "2020-01-01T00:00:00Z"}};
    apr_int64_t newest, oldest, before;
    sql("SET statement_timeout = 0");
    sql("INSERT INTO forge.audit_events (event, actor_id) SELECT CASE WHEN i = 7 THEN 'rare.event' ELSE 'user.e' END, "
        "i % 10 FROM "
        "generate_series(1, 45000) i");
    const struct {
        const forge_audit_filter_t *filter;
        int n;
    } cases[] = {{&all, 45000}, {&rare, 1}, {&some, 4500}};
    for (int i = 0; i < 3; i++) {
        int n = 0, turns = 0;
        apr_int64_t last = APR_INT64_MAX;
        ck_assert_int_eq(forge_store_audit_bounds(db, forge_test_pool, &newest, &oldest), FORGE_OK);
        for (before = newest + 1; before > oldest; turns++) {
            ck_assert_int_eq(forge_store_audit_batch(db, forge_test_pool, cases[i].filter, &before, &rows), FORGE_OK);
            for (int r = 0; r < forge_store_rows_count(rows); r++, n++) {
                ck_assert_int_lt(forge_store_rows_int(rows, r, "id", 0), last);
                last = forge_store_rows_int(rows, r, "id", 0);
            }
            ck_assert_int_lt(turns, 200);
        }
        ck_assert_int_eq(n, cases[i].n);
    }
}
END_TEST

/* --- an administrator is always left --- */

static const char *state_of(const char *text)
{
    PGresult *result = PQexec(forge_test_pg_connect(forge_test_pool, forge_test_dsn), text);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE),
               *name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    state = state ? apr_pstrcat(forge_test_pool, state, " ", name, NULL) : "00000";
    PQclear(result);
    return state;
}

START_TEST(psql_cannot_either)
{
    static const char *const refused[] = {
        "UPDATE forge.users SET role = 'student' WHERE id = 1",
        "UPDATE forge.users SET is_active = false",
        "DELETE FROM forge.users WHERE id = 1",
        "DELETE FROM forge.users WHERE id <> 3",
        "BEGIN ISOLATION LEVEL SERIALIZABLE; UPDATE forge.users SET role = 'guest' WHERE role = 'admin'; COMMIT",
        "BEGIN; SET CONSTRAINTS ALL DEFERRED; UPDATE forge.users SET role = 'student'; COMMIT",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        ck_assert_str_eq(state_of(refused[i]), "FG001 users_last_admin");
    ck_assert_str_eq(
        state_of("BEGIN; SET CONSTRAINTS ALL DEFERRED; UPDATE forge.users SET role = 'student' WHERE id = 1;"
                 "UPDATE forge.users SET role = 'admin' WHERE id = 2; COMMIT"),
        "00000");
    ck_assert_str_eq(ask("SELECT id FROM forge.users WHERE role = 'admin'"), "2");
    ck_assert_str_eq(state_of("UPDATE forge.users SET username = 'deleted_1' WHERE id = 1"),
                     "23514 users_username_reserved");
    ck_assert_str_eq(
        state_of("UPDATE forge.users SET email = 'deleted-1@invalid', email_key = 'deleted-1@invalid' WHERE id = 1"),
        "23514 users_email_reserved");
    ck_assert_str_eq(state_of("UPDATE forge.users SET anonymized_at = now() WHERE id = 1"),
                     "23514 users_anonymized_at_inactive");
    ck_assert_str_eq(state_of("UPDATE forge.users SET erase_at = now() WHERE id = 1"), "23514 users_erase_at_agrees");
}
END_TEST

/* Two administrators of a hundred demote each other at the same moment, in the isolation that round has; one stays. */
static forge_status_t demote_by_psql(int i)
{
    static const char *const levels[] = {"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"};
    PGconn *conn = forge_test_pg_connect(forge_test_pool, forge_test_dsn);
    PGresult *result = PQexec(conn, apr_psprintf(forge_test_pool,
                                                 "BEGIN ISOLATION LEVEL %s; SELECT 1; SELECT pg_sleep(0.02);"
                                                 "UPDATE forge.users SET role = 'student' WHERE id = %d; COMMIT",
                                                 levels[i / 2 % 3], i % 2 + 1));
    bool done = PQresultStatus(result) == PGRES_COMMAND_OK && strcmp(PQcmdStatus(result), "COMMIT") == 0;
    PQclear(result);
    return done ? FORGE_OK : FORGE_E_CONFLICT;
}

START_TEST(parallel_demotions_by_psql)
{
    for (int round = 0; round < 9; round++) {
        sql("UPDATE forge.users SET role = 'admin' WHERE id <= 2");
        ck_assert_int_le(at_once(6, demote_by_psql, FORGE_OK), 6); /* some demote one who is none any more */
        ck_assert_str_eq(ask("SELECT count(*) FROM forge.users WHERE role = 'admin' AND is_active"), "1");
    }
}
END_TEST

static forge_status_t demote(int i)
{
    const forge_patch_t patch = {.members = i % 2 ? "{\"role\":\"student\"}" : "{\"is_active\":false}"};
    db = schema_attach();
    if (i % 3 == 2)
        return forge_store_account_delete(db, forge_test_pool, &root, i + 1, NULL);
    return forge_store_account_update(db, forge_test_pool, &root, i + 1, &patch, &rows);
}

START_TEST(parallel_demotions)
{
    for (int round = 0; round < 20; round++) {
        sql("UPDATE forge.users SET role = 'admin', is_active = true, anonymized_at = NULL, username = 'user' || id, "
            "email = id || '@x',"
            " email_key = id || '@x'");
        ck_assert_int_eq(at_once(3, demote, FORGE_OK), 2);
        ck_assert_str_eq(ask("SELECT count(*) FROM forge.users WHERE role = 'admin' AND is_active"), "1");
    }
}
END_TEST

Suite *forge_test_store_accounts(void)
{
    Suite *s = suite_create("store_accounts");
    TCase *tc = tcase_create("accounts");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, update_changes_audits_and_voids);
    tcase_add_test(tc, update_of_nothing_writes_nothing);
    tcase_add_test(tc, update_refused);
    tcase_add_test(tc, profile_changes_what_was_sent);
    tcase_add_test(tc, sessions_of_one);
    tcase_add_test(tc, search_is_literal);
    tcase_add_test(tc, bulk_is_one_statement_with_results_in_order);
    tcase_add_test(tc, bulk_dry_run_tells_the_same_and_does_nothing);
    tcase_add_test(tc, bulk_leaves_an_administrator);
    tcase_add_test(tc, imported);
    tcase_add_test(tc, leave_and_be_forgotten);
    tcase_add_test(tc, last_owner_leaves_nothing_behind);
    tcase_add_test(tc, come_back_in_time);
    tcase_add_test(tc, many_are_erased_in_batches);
    tcase_add_test(tc, export_without_secrets);
    tcase_add_test(tc, audit_is_read_to_its_end);
    tcase_add_test(tc, psql_cannot_either);
    tcase_add_test(tc, parallel_demotions_by_psql);
    tcase_add_test(tc, parallel_demotions);
    suite_add_tcase(s, tc);
    return s;
}
