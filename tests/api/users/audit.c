/* SPDX-License-Identifier: Apache-2.0
 * The audit log: pages, the stream of all of it in constant memory, and ForgeAuditLog (SPEC 4, SECURITY 57).
 */
#include "harness.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char base[] = "/api/v1/audit";
#define LINES "Accept: application/x-ndjson"

/* --- pages --- */

static size_t rows(person_t admin, const char *query)
{
    reply_t *reply = CALL("GET", F("%s?%s", base, query), .token = admin.access);
    expect_status(reply, 200);
    return json_array_size(reply->json);
}

START_TEST(pages_and_filters)
{
    person_t admin = person("admin");
    sql("SET session_replication_role = replica; TRUNCATE forge.audit_events RESTART IDENTITY; SET "
        "session_replication_role = origin;"
        "INSERT INTO forge.audit_events (at, event, actor_id, subject_id, ip, request_id, detail) SELECT timestamptz "
        "'2026-01-01' + i * "
        "interval '1 hour',"
        " CASE i %% 3 WHEN 0 THEN 'user.login' WHEN 1 THEN 'user.logout' ELSE 'admin.bulk' END, nullif(i %% 5, 0), "
        "9223372036854775807, "
        "'2001:db8::1', 'r' || i,"
        " jsonb_build_object('i', i) FROM generate_series(1, 150) i");
    static const struct {
        const char *query;
        size_t n;
    } cases[] = {
        {"", 100},
        {"limit=7", 7},
        {"event=user.login", 50},
        {"event=user.", 100},
        {"event=user.&skip=95", 5},
        {"event=user", 0},
        {"event=use.", 0},
        {"event=%25", 0},
        {"event=user.log", 0},
        {"event=';--.", 0},
        {"actor=3", 30},
        {"actor=3&event=admin.", 10},
        {"subject=9223372036854775807&limit=1", 1},
        {"subject=1", 0},
        {"since=2026-01-07T00:00:00Z", 7},
        {"until=2026-01-01T10:00:00Z", 9},
        {"since=2026-01-01T12:00:00%2B02:00&until=2026-01-01T11:30:00Z", 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_msg(rows(admin, cases[i].query) == cases[i].n, "%s: %zu", cases[i].query,
                      rows(admin, cases[i].query));
    reply_t *reply = CALL("GET", F("%s?limit=100&count=true", base), .token = admin.access);
    ck_assert_str_eq(header(reply, "X-Total-Count"), "150");
    ck_assert_int_eq(int_at(reply->json, "/0/id"), 150);
    ck_assert_str_eq(text_at(reply->json, "/0/ip"), "2001:db8::1");
    ck_assert_int_eq(int_at(reply->json, "/0/detail/i"), 150);
    const char *link = strstr(header(reply, "Link"), "after=");
    ck_assert_ptr_nonnull(link);
    reply = CALL("GET", F("%s?%.*s&limit=100", base, (int)strcspn(link, "&>"), link), .token = admin.access);
    expect_status(reply, 200);
    ck_assert_int_eq(int_at(reply->json, "/0/id"), 50);
    ck_assert_uint_eq(json_array_size(reply->json), 50);
    static const char *const bad[] = {
        "actor=0", "actor=x", "actor=9223372036854775808", "since=yesterday", "event=%01", "until=2026-13-01T00:00:00Z",
        NULL};
    for (const char *const *query = bad; *query; query++)
        expect_problem(CALL("GET", F("%s?%s", base, *query), .token = admin.access), "validation_failed");
    expect_problem(CALL("GET", base, .token = person("instructor").access), "insufficient_scope");
    expect_problem(CALL("GET", base, .headers = {LINES}), "unauthenticated");
    expect_problem(CALL("POST", base, .token = admin.access, .json = "{}"), "method_not_allowed");
    expect_problem(CALL("DELETE", base, .token = admin.access), "method_not_allowed");
    expect_problem(CALL("GET", base, .token = admin.access, .headers = {"Accept: text/csv"}), "not_acceptable");
}
END_TEST

/* --- the stream --- */

static void events_make(int n)
{
    sql("INSERT INTO forge.audit_events (event, actor_id, ip, request_id, detail) SELECT CASE WHEN i %% 1000 = 0 THEN "
        "'user.rare' ELSE "
        "'user.login' END, i %% 7,"
        " '192.0.2.1', md5(i::text), jsonb_build_object('amr', 'pwd', 'text', repeat('x', i %% 100)) FROM "
        "generate_series(1, %d) i",
        n);
}

/* Every line is one event by its schema, newest first; the number of lines. */
static int lines_check(const reply_t *reply, int every)
{
    const json_t *schema = at(schema_document(), "/components/schemas/AuditEvent");
    json_int_t last = INT64_MAX;
    int n = 0;
    ck_assert_msg(!reply->length || reply->body[reply->length - 1] == '\n', "the last line has no end");
    for (char *line = reply->body, *end; (end = strchr(line, '\n')); line = end + 1, n++) {
        if (n % every)
            continue;
        json_t *event = json_loadb(line, (size_t)(end - line), 0, NULL);
        char *wrong = event ? schema_validate(schema, event) : F("no JSON");
        json_int_t id = event ? json_integer_value(json_object_get(event, "id")) : 0;
        json_decref(event);
        ck_assert_msg(!wrong && id < last, "line %d: %s", n, wrong ? wrong : "order");
        last = id;
    }
    return n;
}

/* Resident memory of the largest child, in KiB. */
static long child_rss(void)
{
    int pids[64], n = env_children(pids, 64);
    long most = 0;
    for (int i = 0; i < n; i++) {
        char *line = strstr(file_read(F("/proc/%d/status", pids[i]), 0), "VmRSS:");
        long kib = line ? atol(line + 6) : 0;
        most = kib > most ? kib : most;
    }
    return most;
}

START_TEST(all_as_lines)
{
    person_t admin = person("admin");
    const char *headers[] = {LINES, "Accept: application/x-ndjson, application/json",
                             "Accept: application/json;q=0.1, application/x-ndjson", NULL};
    events_make(2500);
    for (const char **accept = headers; *accept; accept++) {
        reply_t *reply = CALL("GET", F("%s?limit=1&event=user.", base), .token = admin.access, .headers = {*accept});
        expect_status(reply, 200);
        ck_assert_ptr_nonnull(strstr(header(reply, "Content-Type"), "application/x-ndjson"));
        ck_assert_int_ge(lines_check(reply, 1), 2500);
        ck_assert_ptr_nonnull(strstr(header(reply, "Vary"), "Accept"));
    }
    ck_assert_int_eq(
        lines_check(CALL("GET", F("%s?event=user.rare", base), .token = admin.access, .headers = {LINES}), 1), 2);
    reply_t *none =
        CALL("GET", F("%s?event=no.such", base), .token = admin.access, .headers = {LINES}, .lenient = true);
    ck_assert_int_eq(none->status, 200);
    ck_assert_uint_eq(none->length, 0);
    reply_t *one =
        CALL("GET", F("%s?event=user.rare&actor=%d", base, 2000 % 7), .token = admin.access, .headers = {LINES});
    ck_assert_int_eq(lines_check(one, 1), 1);
    reply_t *head = CALL("HEAD", base, .token = admin.access, .headers = {LINES});
    expect_status(head, 200);
    ck_assert_ptr_nonnull(strstr(header(head, "Content-Type"), "application/x-ndjson"));
    reply_t *ticket = CALL("POST", "/api/v1/auth/stream-ticket", .token = admin.access);
    reply_t *opened =
        CALL("GET", F("%s?event=user.rare&ticket=%s", base, text_at(ticket->json, "/ticket")), .headers = {LINES});
    ck_assert_int_eq(lines_check(opened, 1), 2);
    expect_problem(CALL("GET", F("%s?since=x", base), .token = admin.access, .headers = {LINES}), "validation_failed");
    expect_status(CALL("GET", base, .token = admin.access, .headers = {"Accept: */*"}), 200);
}
END_TEST

/* --- clients that do not read --- */

/* Asks for the stream and reads only the first bytes of the answer, which go to head. */
static int ask(person_t admin, const char *version, char *head, size_t room)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)env.ports[PORT_MAIN]),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    struct timeval patience = {.tv_sec = 6};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    char *request = F("GET %s HTTP/%s\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n" LINES "\r\n\r\n", base,
                      version, admin.access);
    ck_assert(!connect(fd, (struct sockaddr *)&address, sizeof(address)));
    ck_assert_int_eq(send(fd, request, strlen(request), 0), (int)strlen(request));
    ssize_t got = recv(fd, head, room - 1, 0);
    head[got > 0 ? got : 0] = 0;
    return fd;
}

/* Reads the whole stream without keeping it; HTTP/1.0 has no chunks. The number of lines. */
static long lines_read(person_t admin, long *bytes)
{
    static char block[65536];
    long lines = 0;
    ssize_t n = 0;
    int fd = ask(admin, "1.0", block, sizeof(block)), small = 1 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    char *from = strstr(block, "\r\n\r\n");
    ck_assert_msg(strstr(block, " 200 ") && from, "%.300s", block);
    for (char *c = from + 4; *c; c++)
        lines += *c == '\n';
    while ((n = recv(fd, block, sizeof(block), 0)) > 0) {
        *bytes += n;
        for (char *c = block; (c = memchr(c, '\n', (size_t)(block + n - c))); c++)
            lines++;
    }
    close(fd);
    ck_assert_int_eq(n, 0);
    return lines;
}

/* FORGE_TEST_EVENTS=1000000 makes it the figure of SPEC 4. */
START_TEST(memory_is_constant)
{
    watchdog(300);
    person_t admin = person("admin");
    int n = getenv("FORGE_TEST_EVENTS") ? atoi(getenv("FORGE_TEST_EVENTS")) : 100000;
    events_make(n);
    expect_status(CALL("GET", F("%s?event=user.rare", base), .token = admin.access, .headers = {LINES}), 200);
    for (int i = 0; i < 20; i++) /* what each child needs anyway */
        CALL("GET", F("%s?limit=100", base), .token = admin.access, .headers = {"Connection: close"});
    long before = child_rss(), bytes = 0, lines = lines_read(admin, &bytes), grown = child_rss() - before;
    ck_assert_int_ge(lines, n);
    if (getenv("FORGE_TEST_PRELOAD") || getenv("FORGE_TEST_VALGRIND"))
        return; /* a checker keeps what is freed */
    ck_assert_msg(grown < 6144, "%ld bytes were sent, and a child grew by %ld KiB", bytes, grown);
    if (n > 100000)
        printf("%ld events, %ld bytes, a child grew by %ld KiB\n", lines, bytes, grown);
}
END_TEST

/* What the module's connections are doing; "" when nothing. What ends by itself is waited for. */
static char *busy(void)
{
    char *doing = "";
    for (int i = 0; i < 30; i++) {
        doing = sql("SELECT string_agg(state || ' ' || coalesce(wait_event, '-') || ' ' || left(query, 200), '; ') "
                    "FROM pg_stat_activity"
                    " WHERE usename = 'forge_app' AND state <> 'idle'");
        if (!*doing)
            break;
        pause_ms(100);
    }
    return doing;
}

/* A stream that nobody reads holds no connection, and the process allows only a few of them. */
START_TEST(no_reader_no_connection)
{
    watchdog(120);
    person_t admin = person("admin");
    char head[256];
    int fds[8], refused = 0, begun = 0;
    events_make(60000);
    for (int i = 0; i < 8; i++) {
        fds[i] = ask(admin, "1.1", head, sizeof(head));
        refused += strstr(head, " 503 ") != NULL;
        begun += strstr(head, " 200 ") != NULL;
    }
    ck_assert_msg(begun >= 1 && begun + refused == 8, "%d began, %d were refused", begun, refused);
    if (strcmp(env.mpm, "prefork"))
        ck_assert_int_ge(refused, 1);
    pause_ms(300);
    ck_assert_str_eq(busy(), "");
    expect_status(CALL("GET", base, .token = admin.access), 200);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    reply_t *reply = NULL;
    for (int i = 0; i < 100; i++) {
        reply =
            CALL("GET", F("%s?event=user.rare", base), .token = admin.access, .headers = {LINES, "Connection: close"});
        if (reply->status == 200)
            break;
        pause_ms(150);
    }
    expect_status(reply, 200);
    ck_assert_str_eq(busy(), "");
}
END_TEST

/* What fails on the way does not look like an end. */
START_TEST(failure_in_the_middle)
{
    person_t admin = person("admin");
    char *all = calloc(1, 1 << 20), head[256];
    expect_log("FG0206"); /* permission denied */
    expect_log("FG0490");
    events_make(60000);
    keep(all);
    int fd = ask(admin, "1.1", head, sizeof(head));
    ck_assert_ptr_nonnull(strstr(head, " 200 "));
    sql("REVOKE SELECT ON forge.audit_events FROM forge_app");
    ssize_t got = 0, n;
    char tail[8] = "";
    while ((n = recv(fd, all, (1 << 20) - 1, 0)) > 0) {
        got += n;
        for (ssize_t i = n > 7 ? n - 7 : 0; i < n; i++) {
            memmove(tail, tail + 1, 6);
            tail[6] = all[i];
        }
    }
    close(fd);
    sql("SELECT forge.grant_app('forge_app')");
    ck_assert_msg(n == 0 && got > 0, "the connection was not closed: %zd after %zd", n, got);
    ck_assert_msg(!strstr(tail, "0\r\n\r\n"), "the answer ends as if it were whole");
    expect_status(CALL("GET", base, .token = admin.access), 200);
}
END_TEST

/* --- ForgeAuditLog --- */

static char *audit_since(long from)
{
    return file_read(F("%s/logs/audit.json", env.dir), from);
}

START_TEST(file_has_what_the_table_has)
{
    person_t admin = person("admin"), me = person("student");
    long from = file_size(F("%s/logs/audit.json", env.dir));
    expect_status(CALL("PATCH", F("/api/v1/users/%lld", (long long)me.id), .token = admin.access,
                       .json = "{\"role\":\"instructor\"}",
                       .headers = {"X-Request-ID: audited-1",
                                   "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}),
                  200);
    expect_status(CALL("PATCH", F("/api/v1/users/%lld", (long long)me.id), .token = admin.access,
                       .json = "{\"role\":\"instructor\"}"),
                  200);
    expect_problem(CALL("PATCH", F("/api/v1/users/%lld", (long long)admin.id), .token = admin.access,
                        .json = "{\"role\":\"student\"}"),
                   "last_admin");
    char *text = audit_since(from), *state;
    int n = 0;
    for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state), n++) {
        json_t *event = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        ck_assert_msg(event != NULL, "no JSON: %s", line);
        keep_json(event);
        ck_assert_str_eq(text_at(event, "/level"), "audit");
        ck_assert_str_eq(text_at(event, "/msg"), F("%s of account %lld by account %lld", text_at(event, "/event"),
                                                   (long long)me.id, (long long)admin.id));
        ck_assert_str_eq(text_at(event, "/trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
        ck_assert_str_eq(text_at(event, "/route"), "/api/v1/users/{id}");
        ck_assert_int_eq(int_at(event, "/user_id"), admin.id);
        ck_assert_str_eq(text_at(event, "/event"), n ? "user.role_changed" : "admin.user_updated");
        ck_assert_str_eq(text_at(event, "/request_id"), "audited-1");
        ck_assert_str_eq(text_at(event, "/ip"), "127.0.0.1");
        ck_assert_str_eq(text_at(event, "/server"), "localhost");
        ck_assert_int_eq(int_at(event, "/actor_id"), admin.id);
        ck_assert_int_eq(int_at(event, "/subject_id"), me.id);
        ck_assert_uint_eq(strlen(text_at(event, "/ts")), strlen("2026-01-31T12:00:00.123Z"));
        ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = '%s' AND detail = '%s'",
                             text_at(event, "/event"), (char *)keep(json_dumps(at(event, "/detail"), 0))),
                         "1");
    }
    ck_assert_int_eq(n, 2);
}
END_TEST

static void write_many(int i, void *baton)
{
    const person_t *who = baton;
    for (int n = 0; n < 10; n++)
        CALL("PATCH", "/api/v1/users/me", .token = who[i].access, .json = F("{\"bio\":\"%d %d\"}", i, n));
}

/* Lines of many writers stay whole. */
START_TEST(lines_stay_whole)
{
    person_t who[8];
    for (int i = 0; i < 8; i++)
        who[i] = person("student");
    long from = file_size(F("%s/logs/audit.json", env.dir));
    parallel(8, write_many, who);
    int n = 0;
    char *state;
    for (char *line = strtok_r(audit_since(from), "\n", &state); line; line = strtok_r(NULL, "\n", &state), n++) {
        json_t *event = json_loads(line, 0, NULL);
        ck_assert_msg(event != NULL, "no JSON: %s", line);
        json_decref(event);
    }
    ck_assert_int_eq(n, 80);
}
END_TEST

Suite *suite_audit(void)
{
    Suite *suite = suite_create("audit");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, pages_and_filters);
    tcase_add_test(all, all_as_lines);
    tcase_add_test(all, memory_is_constant);
    tcase_add_test(all, no_reader_no_connection);
    tcase_add_test(all, failure_in_the_middle);
    tcase_add_test(all, file_has_what_the_table_has);
    tcase_add_test(all, lines_stay_whole);
    return suite;
}
