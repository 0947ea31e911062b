/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/users/accounts.c and bulk.c, and of migration 0012: what is changed, audited and voided, and that an
 * administrator is always left.
 */
#include "accounts.h"

static void begin(void)
{
    schema_begin("store_accounts");
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
    const char *values[] = {q, NULL, NULL, NULL};
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
    tcase_add_checked_fixture(tc, accounts_setup, forge_test_end);
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
    tcase_add_test(tc, psql_cannot_either);
    tcase_add_test(tc, parallel_demotions_by_psql);
    tcase_add_test(tc, parallel_demotions);
    suite_add_tcase(s, tc);
    return s;
}
