/* SPDX-License-Identifier: Apache-2.0
 * The access log: one JSON line per request, nothing secret, nothing forged (SPEC 12, SECURITY 56).
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The log line of a request id, parsed; the case fails when there is none or more than one. */
static json_t *line_of(const char *request_id)
{
    json_t *found = NULL;
    for (int tries = 0; tries < 20 && !found; tries++) {
        char *text = log_since("access.json"), *state;
        for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
            json_error_t error;
            json_t *parsed = json_loads(line, JSON_REJECT_DUPLICATES, &error);
            ck_assert_msg(parsed != NULL, "a line that is no JSON: %s: %.300s", error.text, line);
            keep_json(parsed);
            const char *id = json_string_value(json_object_get(parsed, "request_id"));
            if (!id || strcmp(id, request_id))
                continue;
            ck_assert_msg(!found, "two lines for one request");
            found = parsed;
        }
        if (!found)
            pause_ms(50);
    }
    ck_assert_msg(found != NULL, "no line for request %s", request_id);
    return found;
}

START_TEST(one_line_with_all_members)
{
    person_t me = person("student");
    reply_t *reply = CALL(
        "GET", "/api/v1/auth/me", .token = me.access,
        .headers = {"X-Request-ID: log-1", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"});
    json_t *line = line_of("log-1");
    const char *ts = text_at(line, "/ts");
    ck_assert_msg(strlen(ts) >= 20 && ts[10] == 'T' && ts[strlen(ts) - 1] == 'Z', "%s", ts);
    ck_assert_str_eq(text_at(line, "/level"), "info");
    ck_assert_str_eq(text_at(line, "/msg"), "GET /api/v1/auth/me 200");
    ck_assert_str_eq(text_at(line, "/log"), "forge.access");
    ck_assert_str_eq(text_at(line, "/trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    ck_assert_int_eq(int_at(line, "/user_id"), me.id);
    ck_assert_str_eq(text_at(line, "/route"), "/api/v1/auth/me");
    ck_assert_int_eq(int_at(line, "/status"), 200);
    ck_assert(json_is_number(at(line, "/duration_ms")));
    ck_assert_int_ge(int_at(line, "/bytes"), (json_int_t)reply->length);
    ck_assert_str_eq(text_at(line, "/client"), "127.0.0.1");
    ck_assert_str_eq(text_at(line, "/method"), "GET");
}
END_TEST

START_TEST(failures_have_lines_too)
{
    CALL("GET", "/api/v1/nothing", .headers = {"X-Request-ID: log-404"});
    ck_assert_int_eq(int_at(line_of("log-404"), "/status"), 404);
    CALL("GET", "/api/v1/auth/me", .token = "bad", .headers = {"X-Request-ID: log-401"});
    ck_assert_int_eq(int_at(line_of("log-401"), "/status"), 401);
    CALL("POST", "/api/v1/auth/login", .json = "{", .headers = {"X-Request-ID: log-400"});
    json_t *line = line_of("log-400");
    ck_assert_str_eq(text_at(line, "/route"), "/api/v1/auth/login");
    ck_assert(!maybe_at(line, "/user_id") || json_is_null(at(line, "/user_id")));
    CALL("GET", "/health/live", .headers = {"X-Request-ID: log-200"});
    ck_assert_int_eq(int_at(line_of("log-200"), "/status"), 200);
    CALL("GET", "/openapi.json", .headers = {"X-Request-ID: log-docs"});
    line_of("log-docs");
}
END_TEST

/* Controls, quotes, escapes and bad UTF-8 from a client stay inside their string. */
START_TEST(nothing_is_forged)
{
    static const char *const evil[] = {
        "a\x1b[31mred",          "%n%s%d", "\xe2\x80\xa8line", "\xff\xfe", "\"}\\u0022,\"status\":1",
        "{\"level\":\"error\"}", NULL};
    for (const char *const *text = evil; *text; text++) {
        char *id = F("evil-%d", (int)(text - evil));
        reply_t *reply =
            raw_text(PORT_MAIN, F("GET /api/v1/courses?q=x HTTP/1.1\r\nHost: localhost\r\nUser-Agent: %s\r\nReferer: "
                                  "%s\r\nX-Request-ID: %s\r\nConnection: close\r\n\r\n",
                                  *text, *text, id));
        line_of(reply->status == 200
                    ? id
                    : header(reply, "X-Request-ID")); /* httpd refuses controls in headers before it knows the id */
    }
    CALL("POST", "/api/v1/auth/login", .json = "{\"username\":\"a\\nb\\u001b[31m\\u2028\",\"password\":\"x\"}",
         .headers = {"X-Request-ID: evil-login"});
    line_of("evil-login");
    ck_assert_ptr_null(strchr(log_since("access.json"), '\x1b'));
    ck_assert_ptr_null(strchr(log_since("error.log"), '\x1b'));
}
END_TEST

/* Each line of a log is one JSON text without controls or line separators. */
static void expect_whole(const char *name, long from)
{
    char *text = file_read(F("%s/logs/%s", env.dir, name), from), *state;
    for (const char *c = text; *c; c++)
        ck_assert_msg(*c == '\n' || ((unsigned char)*c >= 0x20 && *c != 0x7f), "a control in %s: %.200s", name, c);
    ck_assert_ptr_null(strstr(text, "\xe2\x80\xa8"));
    for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
        json_t *parsed = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        ck_assert_msg(parsed != NULL, "%s: %s", name, line);
        json_decref(parsed);
    }
}

/* Newline, escape sequence, format and line separator, in an address, a name, the agent and the path: each request has
 * one line in each log, and nothing of them is more than a part of a value. */
START_TEST(no_text_of_a_client_makes_a_line)
{
    static const char *const evil[] = {"\\n", "\\u001b[31m", "%n%s", "\\u2028", "\\r\\n{\\\"level\\\":\\\"error\\\"}",
                                       NULL};
    static const char *const paths[] = {"%0a%1b%5b31m", "%E2%80%A8", "\xe2\x80\xa8x", "%25n%25s", "a\"b\\c", NULL};
    const char *const names[] = {"access.json", "audit.json", "events.json"};
    long from[3];
    for (int i = 0; i < 3; i++)
        from[i] = file_size(F("%s/logs/%s", env.dir, names[i]));
    for (const char *const *text = evil; *text; text++) {
        CALL("POST", "/api/v1/auth/register",
             .json = F("{\"email\":\"a%s@example.org\",\"password\":\"Walrus-4711!xQueue\"}", *text));
        CALL("POST", "/api/v1/auth/login",
             .json = F("{\"email\":\"a%s@example.org\",\"password\":\"Walrus-4711!xQueue\"}", *text));
        CALL("POST", "/api/v1/auth/guest", .json = F("{\"device_name\":\"x%s\"}", *text),
             .headers = {"User-Agent: %n%s\xe2\x80\xa8"});
    }
    for (const char *const *path = paths; *path; path++) {
        char *id = F("path-%d", (int)(path - paths));
        reply_t *reply = raw_text(PORT_MAIN, F("GET /api/v1/%s HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: "
                                               "%s\r\nConnection: close\r\n\r\n",
                                               *path, id));
        ck_assert_msg(reply->status >= 400 && reply->status < 500, "%s: %d", *path, reply->status);
        line_of(header(reply, "X-Request-ID"));
    }
    pause_ms(200);
    for (int i = 0; i < 3; i++)
        expect_whole(names[i], from[i]);
    ck_assert_ptr_null(strchr(log_since("error.log"), '\x1b'));
}
END_TEST

/* An error of ours is one in the log, too: nobody answers behind /api/v1/gone. */
START_TEST(levels_of_lines)
{
    expect_log("AH"); /* mod_proxy's */
    CALL("GET", "/api/v1/gone/x", .port = PORT_DOORS, .headers = {"X-Request-ID: level-503"}, .lenient = true);
    json_t *line = line_of("level-503");
    ck_assert_int_ge(int_at(line, "/status"), 500);
    ck_assert_str_eq(text_at(line, "/level"), "error");
    ck_assert_str_eq(text_at(line, "/msg"), F("GET proxy %lld", (long long)int_at(line, "/status")));
    CALL("GET", "/api/v1/courses/999999", .headers = {"X-Request-ID: level-404"});
    line = line_of("level-404");
    ck_assert_str_eq(text_at(line, "/level"), "info");
    ck_assert_str_eq(text_at(line, "/msg"), "GET /api/v1/courses/{id} 404");
}
END_TEST

/* Passwords, tokens and bodies are in no log, whatever became of their request. */
START_TEST(no_secrets)
{
    static const char canary[] = "Walrus-4711!xQueue";
    person_t me = person("student");
    reply_t *made = CALL("POST", "/api/v1/auth/register",
                         .json = F("{\"email\":\"bird@example.net\",\"username\":\"singing_user\",\"password\":\"%s\","
                                   "\"full_name\":\"BodyCanary\"}",
                                   canary));
    expect_status(made, 201);
    CALL("POST", "/api/v1/auth/login", .json = F("{\"username\":\"singing_user\",\"password\":\"%s\"}", canary));
    CALL("POST", "/api/v1/auth/login", .json = F("{\"username\":\"nobody\",\"password\":\"%s\"}", canary));
    CALL("POST", "/api/v1/auth/login", .json = F("{\"username\":\"nobody\",\"password\":\"%s\"", canary));
    CALL("POST", "/api/v1/auth/login", .type = "text/plain", .json = canary);
    CALL("POST", "/api/v1/auth/login", .type = "application/x-www-form-urlencoded",
         .json = F("username=x&password=%s&bad=%%zz", canary));
    CALL("POST", "/api/v1/auth/password/strength", .json = F("{\"password\":\"%s\"}", canary));
    CALL("GET", F("/api/v1/auth/me?access_token=%s", me.access));
    CALL("GET", "/api/v1/auth/me", .token = F("%s%s", me.access, "CanaryTail"));
    CALL("GET", "/api/v1/auth/me", .token = text_at(made->json, "/refresh_token"));
    CALL("GET", "/api/v1/courses", .headers = {F("Cookie: sid=%s", canary)});
    pause_ms(200);
    const char *logs[] = {log_since("access.json"), log_since("error.log"),
                          file_read(F("%s/logs/postgresql.log", env.dir), 0)};
    const char *secrets[] = {canary,
                             "BodyCanary",
                             "CanaryTail",
                             strrchr(me.access, '.') + 1,
                             text_at(made->json, "/refresh_token"),
                             strrchr(text_at(made->json, "/access_token"), '.') + 1,
                             env.secret};
    for (int l = 0; l < 3; l++)
        for (size_t s = 0; s < sizeof(secrets) / sizeof(*secrets); s++)
            ck_assert_msg(!strstr(logs[l], secrets[s]), "log %d holds secret %zu", l, s);
}
END_TEST

#define SECOND(path, ...) CALL("GET", path, .port = PORT_SECOND, .lenient = true, __VA_ARGS__)

static bool second_is(const char *generation)
{
    const char *said = header(SECOND("/health/live"), "X-Generation");
    return said && strcmp(said, generation) == 0;
}

/* A bare SIGUSR1, without the configtest of apachectl. */
START_TEST(a_directory_that_vanishes_ends_no_server)
{
    const char *before = F("%s/gone", env.dir), *after = F("%s/moved", env.dir);
    char *kept = NULL;
    expect_log("FG0441");
    expect_log("FG0442");
    ck_assert(mkdir(before, 0755) == 0);
    env_second_launch("ForgeAccessLog gone/access.json\n");
    ck_assert(env_second_ready(30));
    ck_assert(rename(before, after) == 0);
    env_second_change(
        "ForgeAccessLog gone/access.json\nForgeAuditLog nowhere/audit.json\nHeader always set X-Generation two\n");
    for (int i = 0; i < 600 && !second_is("two"); i++)
        pause_ms(50);
    ck_assert(second_is("two"));
    SECOND("/api/v1/courses", .headers = {"X-Request-ID: gone-1"});
    for (int i = 0; i < 100 && !(kept && strstr(kept, "gone-1")); i++) {
        kept = file_read(F("%s/access.json", after), 0);
        pause_ms(50);
    }
    ck_assert_msg(kept && strstr(kept, "gone-1"), "the log that was open has not got the line");
    CALL("POST", "/api/v1/auth/login", .port = PORT_SECOND, .lenient = true,
         .json = "{\"username\":\"nobody\",\"password\":\"Wrong-Horse-5\"}");
    for (int i = 0; i < 100 && !strstr(log_since("error.log"), "FG0442"); i++)
        pause_ms(50);
    ck_assert(strstr(log_since("error.log"), "FG0442") !=
              NULL); /* the one without a file loses its lines, and says so */
    env_second_stop();
}
END_TEST

Suite *suite_access_log(void)
{
    Suite *suite = suite_create("access_log");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, one_line_with_all_members);
    tcase_add_test(all, failures_have_lines_too);
    tcase_add_test(all, nothing_is_forged);
    tcase_add_test(all, no_text_of_a_client_makes_a_line);
    tcase_add_test(all, levels_of_lines);
    tcase_add_test(all, no_secrets);
    TCase *second = case_make(suite, "second");
    tcase_add_checked_fixture(second, NULL, env_second_stop);
    tcase_add_test(second, a_directory_that_vanishes_ends_no_server);
    return suite;
}
