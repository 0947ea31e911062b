/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/users/erasure.c: who leaves is forgotten, and takes an export without secrets along.
 */
#include "accounts.h"

static void begin(void)
{
    schema_begin("store_erasure");
}

static const char *P(const char *format, const char *value)
{
    return apr_psprintf(forge_test_pool, format, value);
}

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
    "INSERT INTO forge.progress (user_id, exercise_id, status) VALUES (3, 1, 'in_progress');"
    "INSERT INTO forge.files (user_id, filename, content_type, size, sha256, object)"
    " VALUES (3, 'f.pdf', 'application/pdf', 0, sha256(''), forge.file_object());"
    "INSERT INTO forge.jobs (kind, user_id) VALUES ('pdf', 3);"
    "INSERT INTO forge.analysis_sessions (user_id, kind, file_id, job_id) VALUES (3, 'pdf', 1, 1);"
    "INSERT INTO forge.messages (session_id, user_id, question, answered, model) VALUES (1, 3, 'q', false, 'm');"
    "INSERT INTO forge.llm_usage (user_id, month) VALUES (3, '2026-01-01')";
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

/* The row of each account takes 30 ms: a hundred in one statement would take longer than it may. */
START_TEST(batches_shrink_where_accounts_are_large)
{
    static const char due[] = "SELECT count(*) FROM forge.users WHERE erase_at IS NOT NULL";
    sql("INSERT INTO forge.users (email, email_key, username, password_hash, is_active, erase_at) SELECT i || '@x', i "
        "|| '@x', 'user' || "
        "i, '" FORGE_TEST_HASH "', false, now() - interval '1 day' FROM generate_series(1, 40) i;"
        "CREATE FUNCTION forge.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(CASE WHEN"
        " OLD.username = 'user7' THEN 1.2 ELSE 0.03 END); RETURN NEW; END $$;"
        "CREATE TRIGGER dawdle BEFORE UPDATE ON forge.users FOR EACH ROW EXECUTE FUNCTION forge.dawdle()");
    forge_test_pg_do(db, forge_test_pool, "SET statement_timeout = 600");
    ck_assert_int_eq(forge_store_accounts_erase(db, forge_test_pool), FORGE_E_TIMEOUT); /* one alone is too much */
    for (int i = 0; i < 200 && strcmp(ask(due), "1") != 0; i++)
        forge_store_accounts_erase_any(db, forge_test_pool); /* it does not hold up the others */
    ck_assert_str_eq(ask("SELECT string_agg(username, ' ') FROM forge.users WHERE erase_at IS NOT NULL"), "user7");
    forge_test_pg_do(db, forge_test_pool, "SET statement_timeout = '2s'");
    ck_assert_int_eq(forge_store_db_patient(db, 60 * APR_USEC_PER_SEC), FORGE_OK);
    ck_assert_int_eq(forge_store_accounts_erase_any(db, forge_test_pool), FORGE_OK);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.users WHERE anonymized_at IS NOT NULL"), "40");
    sql("DROP TRIGGER dawdle ON forge.users; DROP FUNCTION forge.dawdle()");
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
        forge_export_piece_t piece = {.member = member, .newest = forge_store_rows_int(rows, i, "_newest", 0)};
        forge_rows_t *part;
        forge_util_buf_printf(b, "\"%s\":%s,", member, content ? content : "");
        if (content)
            continue;
        ck_assert_int_eq(forge_store_account_export_rows(db, forge_test_pool, 2, &piece, &part), FORGE_OK);
        ck_assert(piece.over);
        for (int k = 0; k < piece.count; k++)
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

/* Pieces of one byte are single rows: each once, in order, and an end after the last. */
START_TEST(exported_in_pieces)
{
    sql("INSERT INTO forge.learning_days (user_id, day) SELECT 2, date '2026-03-01' + i FROM generate_series(0, 4) i;"
        "INSERT INTO forge.courses (title, instructor_id, status) SELECT 'C' || i, 2, 'draft' FROM generate_series(1, "
        "5) i;"
        "INSERT INTO forge.enrollments (user_id, course_id) SELECT 2, id FROM forge.courses WHERE instructor_id = 2");
    static const char *const members[] = {"learning_days", "courses", "enrollments"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const char *walked = apr_psprintf(
            forge_test_pool,
            "WITH RECURSIVE walk AS (SELECT 0 AS n, 0::bigint AS key, 0::bigint AS rows, NULL::text AS content UNION "
            "ALL"
            " SELECT w.n + 1, x.key, x.rows, x.content FROM walk w, LATERAL (SELECT max(p.key) AS key, count(*) AS "
            "rows,"
            " min(p.content::text) AS content FROM forge.export_piece(2, '%s', w.key, 1) p) x WHERE w.key IS NOT NULL)"
            " SELECT",
            members[i]);
        ck_assert_str_eq(
            ask(apr_pstrcat(forge_test_pool, walked, " count(DISTINCT content) || ' ' || max(n) FROM walk", NULL)),
            "5 6");
        ck_assert_str_eq(
            ask(apr_pstrcat(
                forge_test_pool, walked,
                " bool_and(rows = CASE n WHEN 0 THEN 0 WHEN 5 THEN 2 ELSE 1 END)::text FROM walk WHERE n < 6", NULL)),
            "true");
    }
    ck_assert_str_eq(ask("SELECT count(*) || ' ' || count(content) FROM forge.export_piece(2, 'courses', 0, 1000000)"),
                     "6 5");
    ck_assert_str_eq(
        ask("SELECT string_agg(export_as, ' ' ORDER BY export_as) FROM forge.personal WHERE export_select IS NOT"
            " NULL AND export_key IS NULL"),
        "invitations learning_days llm_usage mail_links");
}
END_TEST

Suite *forge_test_store_erasure(void)
{
    Suite *s = suite_create("store_erasure");
    TCase *tc = tcase_create("erasure");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, accounts_setup, forge_test_end);
    tcase_add_test(tc, leave_and_be_forgotten);
    tcase_add_test(tc, last_owner_leaves_nothing_behind);
    tcase_add_test(tc, exported_in_pieces);
    tcase_add_test(tc, come_back_in_time);
    tcase_add_test(tc, many_are_erased_in_batches);
    tcase_add_test(tc, batches_shrink_where_accounts_are_large);
    tcase_add_test(tc, export_without_secrets);
    suite_add_tcase(s, tc);
    return s;
}
