/* SPDX-License-Identifier: Apache-2.0
 * Tests of sql/migrations: the rules hold for someone who writes with psql, and every way up has its way back.
 */
#include "schema.h"
#include "test_places.h"
#include "store/operations/operations.h"
#include <apr_file_io.h>

static void begin(void)
{
    schema_begin("store_schema");
}

static void setup(void)
{
    schema_setup();
    sql("INSERT INTO forge.users (email, email_key, username, password_hash)"
        " VALUES ('Ada@example.org', 'ada@example.org', 'Ada', '" FORGE_TEST_HASH "');"
        "INSERT INTO forge.courses (title, instructor_id) VALUES ('C', 1);"
        "INSERT INTO forge.achievements (name) VALUES ('A');"
        "INSERT INTO forge.organizations (name, slug) VALUES ('O', 'o');"
        "INSERT INTO forge.sessions (user_id, expires_at) VALUES (1, now() + interval '1 day');"
        "INSERT INTO forge.refresh_tokens (session_id, sha256, expires_at) VALUES (1, sha256('1'), now());"
        "INSERT INTO forge.audit_events (event) VALUES ('user.login')");
}

/* SQLSTATE of a statement on a connection of its own, "00000" when it worked. */
static const char *state_of(const char *user, const char *text)
{
    PGconn *conn = forge_test_pg_connect(
        forge_test_pool, apr_pstrcat(forge_test_pool, forge_test_dsn, user ? " user=" : "", user, NULL));
    PGresult *result = PQexec(conn, text);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    state = state ? apr_pstrdup(forge_test_pool, state) : "00000";
    PQclear(result);
    return state;
}

typedef struct rule_t {
    const char *sql, *state;
} rule_t;

static void hold(const char *user, const rule_t *rules, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(strcmp(state_of(user, rules[i].sql), rules[i].state) == 0, "%s: %s", rules[i].sql,
                      state_of(user, rules[i].sql));
}
#define HOLD(user, rules) hold(user, rules, sizeof(rules) / sizeof(*(rules)))

#define CHECK_BROKEN "23514"
#define DOUBLE       "23505"
#define NO_SUCH      "23503"
#define DENIED       "42501"
#define FINE         "00000"

START_TEST(rules_of_accounts)
{
    static const rule_t rules[] = {
        {"UPDATE forge.users SET username = 'ab'", CHECK_BROKEN},
        {"UPDATE forge.users SET username = 'a b c'", CHECK_BROKEN},
        {"UPDATE forge.users SET username = repeat('a', 31)", CHECK_BROKEN},
        {"UPDATE forge.users SET username = E'abc\\n'", CHECK_BROKEN},
        {"UPDATE forge.users SET username = 'Ünsal'", CHECK_BROKEN},
        {"UPDATE forge.users SET username = repeat('a', 30)", FINE},
        {"UPDATE forge.users SET email_key = 'Upper@example.org'", CHECK_BROKEN},
        {"UPDATE forge.users SET email_key = 'no-at-sign'", CHECK_BROKEN},
        {"UPDATE forge.users SET email_key = 'two@at@signs'", CHECK_BROKEN},
        {"UPDATE forge.users SET email = E'a\\nb@example.org'", CHECK_BROKEN},
        {"UPDATE forge.users SET email = repeat('a', 250) || '@b.de'", CHECK_BROKEN},
        {"UPDATE forge.users SET role = 'root'", CHECK_BROKEN},
        {"UPDATE forge.users SET password_hash = 'secret'", CHECK_BROKEN},
        {"UPDATE forge.users SET password_hash = '$2a$10$' || repeat('.', 53)", FINE},
        {"UPDATE forge.users SET full_name = E'a\\x1b[31m'", CHECK_BROKEN},
        {"UPDATE forge.users SET full_name = '', bio = E'two\\nlines', avatar_url = 'https://example.org/a.png'", FINE},
        {"UPDATE forge.users SET avatar_url = 'java script'", CHECK_BROKEN},
        {"INSERT INTO forge.users (email, email_key, username, password_hash) SELECT 'ADA@example.org', "
         "'ada@example.org', 'other', password_hash FROM "
         "forge.users",
         DOUBLE},
        {"INSERT INTO forge.users (email, email_key, username, password_hash) SELECT 'x@y', 'x@y', upper(username), "
         "password_hash FROM "
         "forge.users",
         DOUBLE},
        {"INSERT INTO forge.users (id, email, email_key, username, password_hash) SELECT 9, 'x@y', 'x@y', 'other', "
         "password_hash FROM "
         "forge.users",
         "428C9"},
        {"DELETE FROM forge.users", NO_SUCH}, /* still instructor of a course */
    };
    HOLD(NULL, rules);
}
END_TEST

START_TEST(rules_of_sessions)
{
    static const rule_t rules[] = {
        {"UPDATE forge.sessions SET expires_at = created_at + interval '721 hours'", CHECK_BROKEN},
        {"UPDATE forge.sessions SET expires_at = created_at + interval '720 hours'", FINE},
        {"UPDATE forge.sessions SET amr = '{}'", CHECK_BROKEN},
        {"UPDATE forge.sessions SET amr = '{magic}'", CHECK_BROKEN},
        {"UPDATE forge.sessions SET revoked_at = now()", CHECK_BROKEN},
        {"UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'logout'", FINE},
        {"UPDATE forge.refresh_tokens SET sha256 = 'short'", CHECK_BROKEN},
        {"INSERT INTO forge.refresh_tokens (session_id, sha256, expires_at) VALUES (1, sha256('2'), now())",
         DOUBLE}, /* one live token */
        {"WITH used AS (UPDATE forge.refresh_tokens SET used_at = now() WHERE used_at IS NULL RETURNING id, session_id)"
         " INSERT INTO forge.refresh_tokens (session_id, predecessor_id, sha256, expires_at) SELECT session_id, id, "
         "sha256('2'), now() "
         "FROM used",
         FINE},
        {"INSERT INTO forge.refresh_tokens (session_id, predecessor_id, sha256, expires_at, used_at) VALUES (1, 1, "
         "sha256('3'), now(), "
         "now())",
         DOUBLE}, /* one successor */
        {"INSERT INTO forge.refresh_tokens (session_id, sha256, expires_at, used_at) VALUES (1, sha256('1'), now(), "
         "now())",
         DOUBLE},
        {"INSERT INTO forge.refresh_tokens (session_id, sha256, expires_at) VALUES (77, sha256('4'), now())", NO_SUCH},
    };
    HOLD(NULL, rules);
}
END_TEST

#define UNDO "INSERT INTO forge.email_undos (user_id, sha256, email, email_key, expires_at) VALUES "
#define OTHER \
    "INSERT INTO forge.users (email, email_key, username, password_hash) VALUES ('was@x.org', 'was@x.org', 'other', " \
    "'" FORGE_TEST_HASH "')"

/* A former address is nobody else's as long as it can come back, whoever writes. */
START_TEST(rules_of_former_addresses)
{
    static const rule_t rules[] = {
        {UNDO "(1, sha256('1'), 'was@x.org', 'was@x.org', now() + interval '73 hours')", CHECK_BROKEN},
        {UNDO "(1, 'short', 'was@x.org', 'was@x.org', now())", CHECK_BROKEN},
        {UNDO "(77, sha256('1'), 'was@x.org', 'was@x.org', now())", NO_SUCH},
        {UNDO "(1, sha256('1'), 'was@x.org', 'was@x.org', now() + interval '72 hours')", FINE},
        {UNDO "(1, sha256('1'), 'was@x.org', 'was@x.org', now())", DOUBLE},
        {OTHER, DOUBLE},
        {"UPDATE forge.users SET email = 'was@x.org', email_key = 'was@x.org' WHERE id = 1", FINE},
        {"UPDATE forge.users SET email = 'ada@example.org', email_key = 'ada@example.org' WHERE id = 1", FINE},
        {"UPDATE forge.email_undos SET used_at = now()", FINE},
        {OTHER, FINE},
    };
    HOLD(NULL, rules);
}
END_TEST

#define NEW_KEY "INSERT INTO forge.api_keys (user_id, name, prefix, sha256, scopes) VALUES "

START_TEST(rules_of_guests_and_keys)
{
    static const rule_t rules[] = {
        {"INSERT INTO forge.users (username, role) VALUES ('guest_1', 'guest')", FINE},
        {"INSERT INTO forge.users (username, role) VALUES ('student_1', 'student')", CHECK_BROKEN},
        {"UPDATE forge.users SET role = 'student' WHERE username = 'guest_1'", CHECK_BROKEN},
        {"UPDATE forge.users SET email = 'a@b.de' WHERE username = 'guest_1'", CHECK_BROKEN},
        {"UPDATE forge.users SET email = NULL, email_key = NULL, password_hash = NULL WHERE username = 'Ada'",
         CHECK_BROKEN},
        {NEW_KEY "(1, 'k', 'abcdefgh', sha256('1'), '{read,write}')", FINE},
        {NEW_KEY "(1, 'k', 'abcdefgh', sha256('1'), '{read}')", DOUBLE},
        {NEW_KEY "(1, '', 'abcdefgh', sha256('2'), '{read}')", CHECK_BROKEN},
        {NEW_KEY "(1, repeat('k', 101), 'abcdefgh', sha256('2'), '{read}')", CHECK_BROKEN},
        {NEW_KEY "(1, 'k', 'abc', sha256('2'), '{read}')", CHECK_BROKEN},
        {NEW_KEY "(1, 'k', 'abcdefgh', '2', '{read}')", CHECK_BROKEN},
        {NEW_KEY "(1, 'k', 'abcdefgh', sha256('2'), '{}')", CHECK_BROKEN},
        {NEW_KEY "(1, 'k', 'abcdefgh', sha256('2'), '{admin}')", CHECK_BROKEN},
        {NEW_KEY "(99, 'k', 'abcdefgh', sha256('2'), '{read}')", NO_SUCH},
        {NEW_KEY "(1, 'k', 'abcdefgh', sha256('0'), '{read}'), (1, 'k', 'abcdefgh', sha256('3'), '{read}')", FINE},
        {"INSERT INTO forge.api_keys (user_id, name, prefix, sha256) SELECT 1, 'k', 'abcdefgh', sha256(i::text::bytea) "
         "FROM"
         " generate_series(100, 147) i",
         CHECK_BROKEN}, /* the 51st */
        {"INSERT INTO forge.stream_tickets (sha256, session_id, valid_until) VALUES (sha256('1'), 1, now())", FINE},
        {"UPDATE forge.stream_tickets SET expires_at = created_at + interval '61 seconds'", CHECK_BROKEN},
    };
    static const rule_t as_app[] = {
        {"DELETE FROM forge.users WHERE username = 'guest_1'", FINE},
        {"DELETE FROM forge.users WHERE username = 'Ada'", DENIED},
    };
    HOLD(NULL, rules);
    HOLD("forge_app", as_app);
}
END_TEST

START_TEST(rules_of_content)
{
    static const rule_t rules[] = {
        {"UPDATE forge.courses SET title = ''", CHECK_BROKEN},
        {"UPDATE forge.courses SET title = repeat('ü', 200)", FINE},
        {"UPDATE forge.courses SET title = repeat('ü', 201)", CHECK_BROKEN},
        {"UPDATE forge.courses SET title = E'a\\nb'", CHECK_BROKEN},
        {"UPDATE forge.courses SET description = repeat('😀', 20000)", FINE},
        {"UPDATE forge.courses SET description = repeat('a', 20001)", CHECK_BROKEN},
        {"UPDATE forge.courses SET description = NULL", "23502"},
        {"UPDATE forge.courses SET difficulty = 'hard'", CHECK_BROKEN},
        {"UPDATE forge.courses SET status = 'hidden'", CHECK_BROKEN},
        {"UPDATE forge.courses SET instructor_id = 99", NO_SUCH},
        {"UPDATE forge.courses SET organization_id = 99", NO_SUCH},
        {"UPDATE forge.courses SET organization_id = 1", FINE},
        {"DELETE FROM forge.organizations", NO_SUCH},
        {"UPDATE forge.courses SET search = ''", "428C9"},
        {"UPDATE forge.achievements SET points = -1", CHECK_BROKEN},
        {"UPDATE forge.achievements SET icon = repeat('🚀', 64)", FINE},
        {"UPDATE forge.achievements SET icon = repeat('🚀', 65)", CHECK_BROKEN},
        {"INSERT INTO forge.achievements (name) VALUES ('A')", DOUBLE},
        {"INSERT INTO forge.organizations (name, slug) VALUES ('O', 'Upper')", CHECK_BROKEN},
        {"INSERT INTO forge.organizations (name, slug) VALUES ('O', 'a--b')", CHECK_BROKEN},
        {"INSERT INTO forge.organizations (name, slug) VALUES ('O', 'o')", DOUBLE},
        {"INSERT INTO forge.memberships VALUES (1, 1, 'king')", CHECK_BROKEN},
        {"INSERT INTO forge.idempotency_keys (scope, key, fingerprint) VALUES ('s', '', 'f')", CHECK_BROKEN},
        {"INSERT INTO forge.idempotency_keys (scope, key, fingerprint, status) VALUES ('s', 'k', 'f', 42)",
         CHECK_BROKEN},
    };
    HOLD(NULL, rules);
}
END_TEST

START_TEST(audit_is_append_only)
{
    static const rule_t as_owner[] = {
        {"UPDATE forge.audit_events SET event = 'user.logout'", DENIED},
        {"DELETE FROM forge.audit_events", DENIED},
        {"TRUNCATE forge.audit_events", DENIED},
        {"INSERT INTO forge.audit_events (event) VALUES ('Shouting')", CHECK_BROKEN},
        {"INSERT INTO forge.audit_events (event, detail) VALUES ('a.b', '[]')", CHECK_BROKEN},
        {"BEGIN; SET LOCAL forge.retention = 'on'; DELETE FROM forge.audit_events; ROLLBACK", FINE},
    };
    static const rule_t as_app[] = {
        {"INSERT INTO forge.audit_events (event) VALUES ('user.login')", FINE},
        {"BEGIN; SET LOCAL forge.retention = 'on'; DELETE FROM forge.audit_events", DENIED},
        {"UPDATE forge.audit_events SET event = 'user.logout'", DENIED},
    };
    HOLD(NULL, as_owner);
    HOLD("forge_app", as_app);
}
END_TEST

/* Even with the right to delete, as a careless GRANT would give it, the trigger holds for everyone but the owner. */
START_TEST(audit_trigger_holds_behind_the_rights)
{
    sql("GRANT DELETE ON forge.audit_events TO forge_app");
    ck_assert_str_eq(state_of("forge_app", "BEGIN; SET LOCAL forge.retention = 'on'; DELETE FROM forge.audit_events"),
                     DENIED);
    sql("SELECT forge.grant_app('forge_app')");
    ck_assert_str_eq(ask("SELECT has_table_privilege('forge_app', 'forge.audit_events', 'DELETE')"), "false");
}
END_TEST

START_TEST(versions_by_trigger)
{
    static const char *const tables[] = {"users", "courses", "achievements", "organizations"};
    for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
        sql(apr_psprintf(forge_test_pool,
                         "UPDATE forge.%s SET version = 77, created_at = '2000-01-01', updated_at = '2000-01-01'",
                         tables[i]));
        ck_assert_str_eq(
            ask(apr_psprintf(forge_test_pool,
                             "SELECT version || '/' || (created_at > '2020-01-01') || '/' || (updated_at >= created_at)"
                             " FROM forge.%s",
                             tables[i])),
            "2/true/true");
    }
}
END_TEST

START_TEST(epoch_and_deactivation_by_trigger)
{
    sql("UPDATE forge.users SET bio = 'x'");
    ck_assert_str_eq(ask("SELECT epoch FROM forge.users"), "0");
    sql("UPDATE forge.users SET role = 'instructor'");
    ck_assert_str_eq(ask("SELECT epoch FROM forge.users"), "1");
    sql("UPDATE forge.users SET is_active = false");
    ck_assert_str_eq(ask("SELECT epoch || '/' || (deactivated_at IS NOT NULL) FROM forge.users"), "2/true");
    sql("UPDATE forge.users SET is_active = true");
    ck_assert_str_eq(ask("SELECT epoch || '/' || (deactivated_at IS NULL) FROM forge.users"), "3/true");
}
END_TEST

START_TEST(application_role_is_weak)
{
    static const rule_t rules[] = {
        {"CREATE TABLE forge.x (a int)", DENIED},
        {"CREATE TABLE public.x (a int)", DENIED},
        {"CREATE SCHEMA x", DENIED},
        {"DROP TABLE forge.courses", DENIED},
        {"TRUNCATE forge.courses", DENIED},
        {"ALTER TABLE forge.courses DISABLE TRIGGER ALL", DENIED},
        {"DELETE FROM forge.users", DENIED},
        {"UPDATE forge.migrations SET number = 1", DENIED},
        {"INSERT INTO forge.app_rights VALUES ('users', '{DELETE}')", DENIED},
        {"UPDATE forge.enrollments SET user_id = 1", DENIED},
        {"UPDATE forge.personal SET on_erase = 'keep', reason = 'x'",
         DENIED}, /* its SQL runs with the rights of the caller */
        {"INSERT INTO forge.personal (relation, account_column, on_erase, reason) VALUES ('x', 'y', 'keep', 'z')",
         DENIED},
        {"SELECT forge.grant_app('forge_app')", DENIED},
        {"SELECT max(number) FROM forge.migrations", FINE},
    };
    HOLD("forge_app", rules);
    ck_assert_str_eq(ask("SELECT count(*) FROM pg_class WHERE relowner = 'forge_app'::regrole"), "0");
    ck_assert_str_eq(ask("SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = "
                         "'forge'::regnamespace AND a.grantee = 0"),
                     "0");
    ck_assert_str_eq(
        ask("SELECT string_agg(p.proname, ' ' ORDER BY p.proname) FROM pg_proc p"
            " WHERE p.pronamespace = 'forge'::regnamespace AND has_function_privilege('forge_app', p.oid, 'EXECUTE')"),
        "address_skeleton award complete_courses course_told email_agrees erase_accounts export_piece export_rows "
        "figures "
        "file_bytes file_object fold "
        "instant is_limits is_tests label_decode local_day local_instant local_time nearest_passages settle_course "
        "settle_courses similar_passages streak_days tests_points username_sha256");
    /* Only large objects need their owner's rights. */
    ck_assert_str_eq(ask("SELECT string_agg(p.proname, ' ' ORDER BY p.proname) FROM pg_proc p"
                         " WHERE p.pronamespace = 'forge'::regnamespace AND p.prosecdef"),
                     "file_bytes file_gone file_object");
}
END_TEST

/* Whoever calls cannot say where names are looked up: pg_temp comes last, where it is not named it comes first. Plain
 * SQL without a setting is inlined and names all that it uses in full. */
START_TEST(names_are_not_looked_up_in_pg_temp)
{
    const char *odd = ask("SELECT string_agg(p.proname, ' ' ORDER BY p.proname) FROM pg_proc p"
                          " JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'forge'::regnamespace"
                          " AND p.proconfig IS DISTINCT FROM '{\"search_path=pg_catalog, pg_temp\"}'"
                          " AND (l.lanname <> 'sql' OR p.prosecdef OR p.proconfig IS NOT NULL)");
    ck_assert_msg(odd == NULL, "without SET search_path = pg_catalog, pg_temp: %s", odd);
    static const rule_t rules[] = {
        {"CREATE FUNCTION pg_temp.evil(pg_catalog.oid) RETURNS boolean LANGUAGE plpgsql AS"
         " $$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$;"
         "CREATE DOMAIN pg_temp.oid AS pg_catalog.oid CHECK (pg_temp.evil(VALUE));"
         "SELECT forge.file_object()",
         FINE},
    };
    HOLD("forge_app", rules);
}
END_TEST

START_TEST(grants_refused_to_the_mighty)
{
    static const rule_t rules[] = {
        {"SELECT forge.grant_app('forge')", "0LP01"}, /* superuser */
        {"SELECT forge.grant_app('no such role')", "42704"},
        {"BEGIN; CREATE ROLE forge_test_child LOGIN; GRANT forge TO forge_test_child; SELECT "
         "forge.grant_app('forge_test_child')",
         "0LP01"},
        {"BEGIN; CREATE ROLE forge_test_maker LOGIN CREATEROLE; SELECT forge.grant_app('forge_test_maker')", "0LP01"},
        {"BEGIN; CREATE ROLE forge_test_owner LOGIN; ALTER TABLE forge.courses OWNER TO forge_test_owner; SELECT "
         "forge.grant_app('forge_test_owner')",
         "0LP01"},
        {"BEGIN; CREATE ROLE \"odd \"\" name\" LOGIN; SELECT forge.grant_app('odd \" name'); ROLLBACK", FINE},
    };
    HOLD(NULL, rules);
}
END_TEST

START_TEST(foreign_keys_have_indexes)
{
    const char *bare = ask("SELECT string_agg(f.conrelid::regclass || ' ' || f.conname, ', ') FROM pg_constraint f"
                           " WHERE f.contype = 'f' AND f.connamespace = 'forge'::regnamespace AND NOT EXISTS ("
                           "  SELECT FROM pg_index i WHERE i.indrelid = f.conrelid AND i.indkey[0] = f.conkey[1])");
    ck_assert_msg(bare == NULL, "without an index: %s", bare);
    bare = ask(
        "SELECT string_agg(a.attrelid::regclass::text, ', ') FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE a.attname = 'version' AND c.relkind = 'r' AND c.relnamespace = 'forge'::regnamespace AND NOT EXISTS ("
        "  SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgfoid = 'forge.touch'::regproc)");
    ck_assert_msg(bare == NULL, "without the version trigger: %s", bare);
    bare = ask("SELECT string_agg(c.relname, ', ') FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = "
               "'forge'::regnamespace"
               " AND NOT EXISTS (SELECT FROM forge.app_rights r WHERE r.relation = c.relname)");
    ck_assert_msg(bare == NULL, "without a row in app_rights: %s", bare);
}
END_TEST

/* Columns that name an account by a foreign key and have no row in forge.personal. */
static const char unknown_personal[] =
    "SELECT string_agg(c.relname || '.' || a.attname, ' ' ORDER BY c.relname, a.attname) FROM pg_constraint f"
    " JOIN pg_class c ON c.oid = f.conrelid JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = ANY "
    "(f.conkey)"
    " WHERE f.contype = 'f' AND f.confrelid = 'forge.users'::regclass AND NOT EXISTS ("
    "  SELECT FROM forge.personal p WHERE p.relation = c.relname AND p.account_column = a.attname)";

START_TEST(personal_columns_are_known)
{
    const char *odd = ask(unknown_personal);
    ck_assert_msg(odd == NULL, "without a row in forge.personal: %s", odd);
    sql("CREATE TABLE forge.notes (id bigint, author bigint REFERENCES forge.users, reader bigint REFERENCES "
        "forge.users)");
    ck_assert_str_eq(ask(unknown_personal), "notes.author notes.reader");
    sql("DROP TABLE forge.notes");
    odd = ask(
        "SELECT string_agg(p.relation || '.' || p.account_column, ' ') FROM forge.personal p WHERE NOT EXISTS ("
        " SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass(format('forge.%I', p.relation)) AND a.attnum > 0"
        "  AND a.attname = p.account_column AND NOT a.attisdropped AND (p.whose IS NOT NULL OR a.atttypid = "
        "'bigint'::regtype))");
    ck_assert_msg(odd == NULL, "in forge.personal, but no column that holds an account's id: %s", odd);
    odd = ask("SELECT string_agg(p.export_as, ' ') FROM forge.personal p WHERE p.export_as NOT IN ("
              " SELECT e.export_as FROM forge.personal e WHERE e.export_select IS NOT NULL) AND p.export_as NOT IN ("
              "'backup_codes_left', 'audit_events')");
    ck_assert_msg(odd == NULL, "no select shows these members of the export: %s", odd);
    ask("SELECT count(r) FROM (SELECT DISTINCT p.export_as FROM forge.personal p WHERE p.export_as IS NOT NULL) m,"
        " LATERAL forge.export_piece(1, m.export_as, 0, 10) r"); /* each select can be run */
}
END_TEST

/* What an export may show is what its select names: nothing in bytes, nothing that is a secret by its name. */
START_TEST(personal_exports_no_secrets)
{
    PGconn *conn = forge_test_pg_connect(forge_test_pool, forge_test_dsn);
    PGresult *selects = PQexec(
        conn, "SELECT replace(export_select, '$1', '1::bigint') FROM forge.personal WHERE export_select IS NOT NULL");
    ck_assert_int_ge(PQntuples(selects), 9);
    for (int i = 0; i < PQntuples(selects); i++) {
        PGresult *shown = PQexec(conn, PQgetvalue(selects, i, 0));
        ck_assert_msg(PQresultStatus(shown) == PGRES_TUPLES_OK, "%s: %s", PQgetvalue(selects, i, 0),
                      PQerrorMessage(conn));
        for (int c = 0; c < PQnfields(shown); c++) {
            static const char *const secrets[] = {"secret", "sha256", "hash", "mac", "payload", "fingerprint", "token"};
            for (size_t s = 0; s < sizeof(secrets) / sizeof(*secrets); s++)
                ck_assert_msg(!strstr(PQfname(shown, c), secrets[s]), "%s", PQfname(shown, c));
            ck_assert_msg(PQftype(shown, c) != 17, "%s is bytea", PQfname(shown, c));
        }
        PQclear(shown);
    }
    PQclear(selects);
}
END_TEST

static const char catalogue[] =
    "SELECT md5(string_agg(x, E'\\n' ORDER BY x)) FROM ("
    " SELECT format('%s %s %s %s', attrelid::regclass, attname, atttypid::regtype, attnotnull) AS x FROM "
    "pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
    "  WHERE c.relnamespace = 'forge'::regnamespace AND attnum > 0 AND NOT attisdropped"
    " UNION ALL SELECT format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM "
    "pg_constraint WHERE connamespace = 'forge'::regnamespace"
    " UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
    "WHERE c.relnamespace = 'forge'::regnamespace"
    " UNION ALL SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE "
    "c.relnamespace = 'forge'::regnamespace AND NOT tgisinternal"
    " UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'forge'::regnamespace) s";

/* A rollback takes its rows out of the tables that erasure and grants work through: what is gone must not be named. */
static void expect_no_rows_of_what_is_gone(int number)
{
    static const char *const tables[] = {"app_rights", "personal"};
    for (int i = 0; i < 2; i++) {
        if (!ask(apr_psprintf(forge_test_pool, "SELECT to_regclass('forge.%s')", tables[i])))
            continue;
        const char *odd = ask(apr_psprintf(
            forge_test_pool,
            "SELECT string_agg(t.relation, ' ') FROM forge.%s t WHERE to_regclass(format('forge.%%I', t.relation)) IS "
            "NULL"
            " AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'forge'::regnamespace AND p.proname ="
            " t.relation)",
            tables[i]));
        ck_assert_msg(odd == NULL, "migration %d, taken back, leaves rows of %s in forge.%s", number, odd, tables[i]);
    }
}

/* All the way down leaves the runner's own table and nothing else; up again makes the same schema. */
START_TEST(down_and_up_again)
{
    const char *why = "", *before = ask(catalogue);
    apr_array_header_t *files = forge_store_migrations_read(forge_test_pool, FORGE_SRCDIR "/sql/migrations", &why);
    forge_db_t *admin = forge_store_db_connect(forge_test_pool, forge_test_dsn, &why);
    for (int number = files->nelts; number > 0; number--) {
        ck_assert_msg(forge_store_migrations_rollback(admin, forge_test_pool, files, 1, NULL, &why) == FORGE_OK,
                      "%d: %s", number, why);
        expect_no_rows_of_what_is_gone(number);
    }
    ck_assert_str_eq(ask("SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'forge'::regnamespace AND "
                         "relkind IN ('r', 'S', 'v')"),
                     "migrations");
    ck_assert_str_eq(ask("SELECT count(*) FROM pg_proc WHERE pronamespace = 'forge'::regnamespace"), "0");
    ck_assert_msg(forge_store_migrations_apply(admin, forge_test_pool, &(forge_migrate_t){files, 0, "forge_app", NULL},
                                               &why) == FORGE_OK,
                  "%s", why);
    ck_assert_str_eq(ask(catalogue), before);
}
END_TEST

START_TEST(demo_loads_twice)
{
    apr_file_t *file;
    apr_finfo_t info;
    sql("UPDATE forge.users SET email_key = 'instructor@example.org'; DELETE FROM forge.courses; DELETE FROM "
        "forge.achievements");
    ck_assert_int_eq(apr_file_open(&file, FORGE_SRCDIR "/sql/demo.sql", APR_READ, APR_OS_DEFAULT, forge_test_pool),
                     APR_SUCCESS);
    ck_assert_int_eq(apr_file_info_get(&info, APR_FINFO_SIZE, file), APR_SUCCESS);
    char *text = apr_pcalloc(forge_test_pool, (apr_size_t)info.size + 1);
    ck_assert_int_eq(apr_file_read_full(file, text, (apr_size_t)info.size, NULL), APR_SUCCESS);
    for (int i = 0; i < 2; i++) {
        forge_test_pg_do(db, forge_test_pool, text); /* the application's rights are enough */
        ck_assert_str_eq(ask("SELECT count(*) || ' ' || count(DISTINCT difficulty) FROM forge.courses"), "40 3");
        ck_assert_str_eq(ask("SELECT count(*) || ' ' || count(icon) || ' ' || min(created_by) FROM forge.achievements"),
                         "10 10 1");
        ck_assert_str_eq(ask("SELECT email_verified FROM forge.users"), "true");
    }
}
END_TEST

START_TEST(inspected)
{
    forge_rows_t *rows;
    ck_assert_int_eq(forge_store_inspect_server(db, forge_test_pool, &rows), FORGE_OK);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "role"), "forge_app");
    ck_assert_int_ge(forge_store_rows_int(rows, 0, "server_number", 0), 140000);
    ck_assert_int_eq(forge_store_inspect_role(db, forge_test_pool, "forge_app", &rows), FORGE_OK);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "creates"), "");
    ck_assert_ptr_null(forge_store_rows_text(rows, 0, "missing"));
    ck_assert_ptr_null(forge_store_rows_text(rows, 0, "excess"));
    sql("REVOKE INSERT ON forge.courses FROM forge_app; GRANT UPDATE ON forge.audit_events TO forge_app; GRANT CREATE "
        "ON SCHEMA public TO "
        "forge_app; REVOKE EXECUTE ON ROUTINE forge.instant FROM forge_app; GRANT EXECUTE ON ROUTINE forge.grant_app "
        "TO forge_app");
    ck_assert_int_eq(forge_store_inspect_role(db, forge_test_pool, "forge_app", &rows), FORGE_OK);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "missing"), "courses INSERT, instant EXECUTE");
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "excess"), "audit_events UPDATE, grant_app EXECUTE");
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "creates"), "schema public");
    sql("REVOKE CREATE ON SCHEMA public FROM forge_app; SELECT forge.grant_app('forge_app')");
    ck_assert_int_eq(forge_store_inspect_role(db, forge_test_pool, "nobody at all", &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
}
END_TEST

Suite *forge_test_store_schema(void)
{
    Suite *s = suite_create("store_schema");
    TCase *tc = tcase_create("schema");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, rules_of_accounts);
    tcase_add_test(tc, rules_of_sessions);
    tcase_add_test(tc, rules_of_former_addresses);
    tcase_add_test(tc, rules_of_guests_and_keys);
    tcase_add_test(tc, rules_of_content);
    tcase_add_test(tc, audit_is_append_only);
    tcase_add_test(tc, audit_trigger_holds_behind_the_rights);
    tcase_add_test(tc, versions_by_trigger);
    tcase_add_test(tc, epoch_and_deactivation_by_trigger);
    tcase_add_test(tc, application_role_is_weak);
    tcase_add_test(tc, names_are_not_looked_up_in_pg_temp);
    tcase_add_test(tc, grants_refused_to_the_mighty);
    tcase_add_test(tc, foreign_keys_have_indexes);
    tcase_add_test(tc, personal_columns_are_known);
    tcase_add_test(tc, personal_exports_no_secrets);
    tcase_add_test(tc, down_and_up_again);
    tcase_add_test(tc, demo_loads_twice);
    tcase_add_test(tc, inspected);
    suite_add_tcase(s, tc);
    return s;
}
