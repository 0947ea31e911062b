/* SPDX-License-Identifier: Apache-2.0
 * Accounts, SQL and hand-made tokens for the API tests.
 */
#include "harness.h"

#include <libpq-fe.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- SQL --- */

static PGconn *sessions[8];

static void notice_drop(void *baton, const PGresult *notice)
{
    (void)baton, (void)notice;
}

struct pg_conn *sql_session(void)
{
    PGconn *session = PQconnectdb(
        F("host=%s/run port=5432 dbname=forge user=postgres options='-c search_path=forge,public -c lock_timeout=10s'",
          env.dir));
    if (PQstatus(session) != CONNECTION_OK) {
        char *why = F("%s", PQerrorMessage(session));
        PQfinish(session);
        ck_abort_msg("no database session: %s", why);
    }
    PQsetNoticeReceiver(session, notice_drop, NULL);
    for (int i = 0; i < 8; i++)
        if (!sessions[i])
            return sessions[i] = session;
    ck_abort_msg("more than 8 database sessions in one case");
    return NULL;
}

void sql_close(void)
{
    for (int i = 0; i < 8; i++) {
        PQfinish(sessions[i]);
        sessions[i] = NULL;
    }
}

/* The session that sql() shares, made again when PostgreSQL was restarted. */
static PGconn *shared_session(void)
{
    if (sessions[0]) {
        PGresult *alive = PQexec(sessions[0], "SELECT 1");
        ExecStatusType status = PQresultStatus(alive);
        PQclear(alive);
        if (status == PGRES_TUPLES_OK)
            return sessions[0];
        PQfinish(sessions[0]);
        sessions[0] = NULL;
    }
    return sql_session();
}

/* Runs a statement; its result or a failed case. */
static PGresult *sql_result(PGconn *session, const char *statement)
{
    PGresult *result = PQexec(session, statement);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        PQclear(result);
        ck_abort_msg("SQL failed: %s: %s", statement, PQerrorMessage(session));
    }
    return result;
}

void sql_on(struct pg_conn *session, const char *statement)
{
    PQclear(sql_result(session, statement));
}

char *sql(const char *format, ...)
{
    char *statement = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&statement, format, args) < 0)
        abort();
    va_end(args);
    PGresult *result = sql_result(shared_session(), keep(statement));
    char *cell = F("%s", PQntuples(result) > 0 && PQnfields(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return cell;
}

void sql_until_waiting(void)
{
    for (int i = 0; i < 1000 && strcmp(sql("SELECT count(*) FROM pg_locks WHERE NOT granted"), "0") == 0; i++)
        pause_ms(10);
}

/* Deleting costs a tenth of truncating as long as tables are small. All are locked first, so that what still writes is
 * waited for. Ids start anew, but for accounts and sessions: the server remembers for a while which of them have ended.
 */
static const char empty_all[] =
    "DO $$ DECLARE name text; names text[]; BEGIN "
    "SELECT array_agg(format('%I.%I', schemaname, tablename) ORDER BY tablename) INTO names FROM pg_tables"
    " WHERE schemaname = 'forge' AND tablename NOT IN ('migrations', 'app_rights', 'personal');"
    "EXECUTE 'LOCK TABLE ' || array_to_string(names, ', ') || ' IN ACCESS EXCLUSIVE MODE';"
    "FOREACH name IN ARRAY names LOOP "
    " IF pg_relation_size(name) > 500000 THEN EXECUTE 'TRUNCATE ' || name || ' CASCADE'; ELSE EXECUTE 'DELETE FROM ' "
    "|| name; END IF;"
    "END LOOP;"
    "PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;"
    "PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) FROM pg_sequences"
    " WHERE schemaname = 'forge' AND sequencename NOT IN ('users_id_seq', 'sessions_id_seq', 'personal_number_seq');"
    "END $$";

/* The server's background work may hold one of the tables and wait for another: then one of the two gives way, perhaps
 * we. */
void sql_empty_tables(void)
{
    PGconn *session = shared_session();
    sql_on(session,
           "SET deadlock_timeout = '50ms'; SET session_replication_role = replica"); /* no triggers, no foreign keys */
    for (int tries = 0; tries < 20; tries++) {
        PGresult *result = PQexec(session, empty_all);
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        bool good = !state, again = state && strcmp(state, "40P01") == 0;
        char *why = F("%s", PQresultErrorMessage(result));
        PQclear(result);
        if (good) {
            sql_on(session, "SET session_replication_role = origin");
            return;
        }
        ck_assert_msg(again, "%s", why);
    }
    ck_abort_msg("the tables cannot be emptied: deadlocks");
}

/* --- accounts --- */

person_t person(const char *role)
{
    static int turn;
    char *name = F("%s_%d_%d", role, (int)(time(NULL) % 100000), ++turn), *email = F("%s@example.org", name);
    static const char password[] = "Vexing7-Walrus!Q";
    const char *asked = strcmp(role, "admin") ? role : "student";
    reply_t *reply = CALL("POST", "/api/v1/auth/register",
                          .json = F("{\"email\":\"%s\",\"username\":\"%s\",\"password\":\"%s\",\"role\":\"%s\"}", email,
                                    name, password, asked));
    expect_status(reply, 201);
    if (strcmp(role, "admin") == 0) {
        sql("UPDATE forge.users SET role = 'admin' WHERE username = '%s'", name);
        reply =
            CALL("POST", "/api/v1/auth/login", .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", name, password));
        expect_status(reply, 200);
    }
    return (person_t){.id = int_at(reply->json, "/user/id"),
                      .email = email,
                      .username = name,
                      .password = password,
                      .access = text_at(reply->json, "/access_token"),
                      .refresh = text_at(reply->json, "/refresh_token")};
}

person_t person_proven(const char *role)
{
    person_t who = person(role);
    sql("UPDATE forge.users SET email_verified = true WHERE id = %lld", (long long)who.id);
    return who;
}

person_t person_again(person_t who, port_t port)
{
    reply_t *reply = CALL("POST", "/api/v1/auth/login", .port = port,
                          .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", who.username, who.password));
    expect_status(reply, 200);
    who.access = text_at(reply->json, "/access_token");
    who.refresh = text_at(reply->json, "/refresh_token");
    return who;
}

const char *totp(const char *secret, int shift)
{
    char *out;
    const char *argv[] = {"oathtool", "--totp", "--base32", F("--now=@%lld", (long long)time(NULL) + 30LL * shift),
                          secret,     NULL};
    ck_assert_msg(process_run(NULL, argv, &out) == 0, "%s", out);
    return F("%.6s", out);
}

void member_of(person_t who, const char *slug, const char *role)
{
    sql("INSERT INTO forge.organizations (name, slug) VALUES ('%s', '%s') ON CONFLICT DO NOTHING", slug, slug);
    sql("INSERT INTO forge.memberships (organization_id, user_id, role) SELECT id, %lld, '%s' FROM forge.organizations "
        "WHERE slug = '%s'",
        (long long)who.id, role, slug);
}

char *audited(const char *event)
{
    return sql("SELECT count(*) FROM forge.audit_events WHERE event = '%s'", event);
}

long metric(const char *name)
{
    const char *at = strstr(CALL("GET", "/metrics")->body, F("\n%s ", name));
    ck_assert_msg(at != NULL, "there is no %s", name);
    return strtol(at + 1 + strlen(name), NULL, 10);
}

json_int_t analysis_of(person_t owner, const char *status)
{
    bool runs = strcmp(status, "running") == 0, over = !runs && strcmp(status, "queued") != 0;
    return atoll(sql("WITH job AS (INSERT INTO forge.jobs (kind, user_id, status, lease_until, finished_at, attempts,"
                     " due_at) VALUES ('nobodys', %lld, '%s', %s, %s, 1, now() + interval '1 day') RETURNING id)"
                     " INSERT INTO forge.analysis_sessions (user_id, kind, url, job_id, result) SELECT %lld, 'github',"
                     " 'https://example.org/a/b', id, %s FROM job RETURNING id",
                     (long long)owner.id, status, runs ? "now() + interval '1 day'" : "NULL", over ? "now()" : "NULL",
                     (long long)owner.id, strcmp(status, "done") ? "NULL" : "'{\"files\":2}'"));
}

json_int_t course_of(person_t owner, const char *title)
{
    reply_t *reply = CALL("POST", "/api/v1/courses", .token = owner.access, .json = F("{\"title\":\"%s\"}", title));
    expect_status(reply, 201);
    return int_at(reply->json, "/id");
}

/* --- tokens --- */

char *b64url(const void *data, size_t length)
{
    unsigned char *text = malloc(length / 3 * 4 + 8);
    int n = EVP_EncodeBlock(text, data, (int)length);
    while (n > 0 && text[n - 1] == '=')
        text[--n] = 0;
    for (int i = 0; i < n; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    return keep((char *)text);
}

char *b64url_text(const char *text)
{
    return b64url(text, strlen(text));
}

char *jwt(const char *header_json, const char *payload_json, const char *secret)
{
    char *signing = F("%s.%s", b64url_text(header_json), b64url_text(payload_json));
    unsigned char mac[32];
    unsigned int length = sizeof(mac);
    HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)signing, strlen(signing), mac, &length);
    return F("%s.%s", signing, b64url(mac, sizeof(mac)));
}

json_t *jwt_part(const char *token, int part)
{
    for (; part > 0; part--)
        token = strchr(token, '.') + 1;
    size_t length = strcspn(token, "."), room = (length + 3) / 4 * 4;
    char *text = keep(malloc(room + 1));
    unsigned char *out = keep(calloc(1, room + 1));
    memset(text, '=', room);
    for (size_t i = 0; i < length; i++)
        text[i] = token[i] == '-' ? '+' : token[i] == '_' ? '/' : token[i];
    EVP_DecodeBlock(out, (unsigned char *)text, (int)room);
    return keep_json(json_loads((char *)out, JSON_DISABLE_EOF_CHECK, NULL));
}

/* One part of this person's token with a member changed to a literal or removed, as text. */
static char *part_changed(person_t who, int part, const char *member, const char *literal)
{
    json_t *value = jwt_part(who.access, part);
    if (literal)
        json_object_set_new(value, member, json_loads(literal, JSON_DECODE_ANY, NULL));
    else
        json_object_del(value, member);
    return keep(json_dumps(value, JSON_COMPACT));
}

char *jwt_with(person_t who, const char *claim, const char *literal)
{
    return jwt(keep(json_dumps(jwt_part(who.access, 0), JSON_COMPACT)), part_changed(who, 1, claim, literal),
               env.secret);
}

char *jwt_with_header(person_t who, const char *member, const char *literal)
{
    return jwt(part_changed(who, 0, member, literal), keep(json_dumps(jwt_part(who.access, 1), JSON_COMPACT)),
               env.secret);
}
