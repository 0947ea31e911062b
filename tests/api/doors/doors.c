/* SPDX-License-Identifier: Apache-2.0
 * Who is let in where AuthType Forge stands (SPEC 17): before files, CGI and a proxied back end, within quotas, and
 * while the database is away.
 */
#include "doors.h"

#include <stdlib.h>

/* --- who is let in --- */

START_TEST(files_need_a_token)
{
    person_t ada = person("student");
    reply_t *open = GET("/open/page.txt");
    expect_status(open, 200);
    ck_assert_ptr_null(header(open, "Cache-Control"));
    reply_t *none = GET("/closed/page.txt");
    expect_challenge(none, 401, "forge");
    ck_assert_ptr_null(strstr(header(none, "WWW-Authenticate"), "error="));
    ck_assert_str_eq(header(none, "Cache-Control"), "no-store");
    expect_silent(none, "this is closed");
    reply_t *good = GET("/closed/page.txt", .token = ada.access);
    expect_status(good, 200);
    expect_says(good, "this is closed");
    ck_assert_str_eq(header(good, "Cache-Control"), "private");
    ck_assert_ptr_nonnull(strstr(header(good, "Vary"), "Authorization"));
    ck_assert_ptr_nonnull(strstr(header(good, "Vary"), "Cookie"));
    expect_status(ASK("HEAD", "/closed/page.txt", .token = ada.access), 200);
    expect_status(GET("/closed/nothing", .token = ada.access), 404);
    expect_status(GET("/closed/nothing"), 401);
}
END_TEST

START_TEST(bad_tokens_are_refused)
{
    person_t ada = person("student");
    const char *broken = F("%.*sx", (int)strlen(ada.access) - 1, ada.access);
    const char *const bad[] = {"x",
                               broken,
                               jwt_with(ada, "exp", "1000"),
                               jwt_with(ada, "aud", "\"other\""),
                               jwt_with_header(ada, "alg", "\"none\""),
                               ada.refresh,
                               "fk_1234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        expect_challenge(GET("/closed/page.txt", .token = bad[i]), 401, "error=\"invalid_token\"");
    expect_status(GET(F("/closed/page.txt?access_token=%s", ada.access)), 401);
    expect_status(GET("/closed/page.txt", .headers = {"Authorization: Basic YWRhOnNlY3JldA=="}), 401);
    expect_status(GET("/closed/page.txt", .headers = {"Authorization: Bearer"}), 401);
    expect_status(GET("/closed/page.txt", .token = ada.access, .headers = {F("Authorization: Bearer %s", ada.access)}),
                  400);
    expect_status(GET("/closed/page.txt", .headers = {F("Cookie: __Host-forge_session=%s", ada.access)}), 401);
}
END_TEST

START_TEST(no_spelling_goes_round_the_door)
{
    static const char *const spellings[] = {"/open/../closed/page.txt",
                                            "/open/%2e%2e/closed/page.txt",
                                            "/open/%2E./closed/page.txt",
                                            "/open/..%2fclosed/page.txt",
                                            "//closed/page.txt",
                                            "///closed//page.txt",
                                            "/./closed/page.txt",
                                            "/closed/./page.txt",
                                            "/%63losed/page.txt",
                                            "/%2563losed/page.txt",
                                            "/CLOSED/page.txt",
                                            "/closed%2fpage.txt",
                                            "/closed%5cpage.txt",
                                            "/closed;x/page.txt",
                                            "/closed/page.txt;x",
                                            "/closed/page.txt/",
                                            "/closed/page.txt%00",
                                            "/closed/page.txt%00.html",
                                            "/closed/page%2etxt",
                                            "/open/%2e%2e%2fclosed%2fpage.txt",
                                            "/closed/sub/../page.txt",
                                            "/rewritten",
                                            "/%72ewritten",
                                            "/closed/",
                                            "/closed"};
    static const char *const methods[] = {"GET",    "HEAD",     "POST", "OPTIONS", "PUT",
                                          "DELETE", "PROPFIND", "FOO",  "TRACE"};
    for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++) {
        reply_t *reply = GET(spellings[i]);
        ck_assert_msg(reply->status >= 400, "%s: %d %.200s", spellings[i], reply->status, reply->body);
        expect_silent(reply, "of closed");
        expect_silent(reply, "is closed");
    }
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        reply_t *reply = ASK(methods[i], "/closed/page.txt");
        ck_assert_msg(reply->status == 401 || reply->status == 405 || reply->status == 501, "%s: %d", methods[i],
                      reply->status);
    }
    reply_t *absolute = raw_text(
        PORT_DOORS, "GET http://localhost/closed/page.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    expect_status(absolute, 401);
    expect_log("AH00026"); /* the %2f that is not a slash */
}
END_TEST

START_TEST(conditional_and_partial_requests_pass_the_door_first)
{
    person_t ada = person("student");
    reply_t *whole = GET("/closed/page.txt", .token = ada.access);
    const char *tag = header(whole, "ETag");
    ck_assert_ptr_nonnull(tag);
    expect_status(GET("/closed/page.txt", .headers = {F("If-None-Match: %s", tag)}), 401);
    expect_status(GET("/closed/page.txt", .headers = {"If-None-Match: *"}), 401);
    expect_status(GET("/closed/page.txt", .headers = {"Range: bytes=0-3"}), 401);
    expect_status(GET("/closed/page.txt", .token = ada.access, .headers = {F("If-None-Match: %s", tag)}), 304);
    reply_t *part = GET("/closed/page.txt", .token = ada.access, .headers = {"Range: bytes=0-3"});
    expect_status(part, 206);
    ck_assert_str_eq(part->body, "this");
    ck_assert_str_eq(header(part, "Cache-Control"), "private");
}
END_TEST

START_TEST(ended_sessions_are_refused_at_once)
{
    person_t ada = person("student"), ben = person("student");
    expect_status(GET("/closed/page.txt", .token = ada.access), 200);
    sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'logout' WHERE user_id = %lld",
        (long long)ada.id);
    expect_challenge(GET("/closed/page.txt", .token = ada.access), 401, "invalid_token");
    expect_status(GET("/closed/page.txt", .token = ben.access), 200);
    sql("UPDATE forge.users SET is_active = false WHERE id = %lld", (long long)ben.id);
    expect_challenge(GET("/closed/page.txt", .token = ben.access), 401, "invalid_token");
}
END_TEST

/* One that only reads cannot write, and none has a session to tell of. */
START_TEST(api_keys_open_doors)
{
    person_t ada = person("student");
    const char *paths[] = {"/closed/page.txt", "/cgi/env"};
    reply_t *made = ASK("POST", "/api/v1/auth/api-keys", .token = ada.access,
                        .json = "{\"name\":\"reader\",\"scopes\":[\"read\"]}");
    expect_status(made, 201);
    const char *key = text_at(made->json, "/key");
    expect_status(GET(paths[0], .token = key), 200);
    reply_t *reply = GET(paths[1], .token = key);
    expect_says(reply, F("\nREMOTE_USER=%s\n", ada.username));
    expect_says(reply, "\nFORGE_SESSION=\n");
    expect_says(reply, "\nFORGE_AMR=key\n");
    expect_silent(reply, key);
    expect_silent(reply, "X_FORGE_SESSION");
    expect_challenge(ASK("POST", paths[1], .token = key, .json = "{}"), 403, "insufficient_scope");
    made = ASK("POST", "/api/v1/auth/api-keys", .token = ada.access,
               .json = "{\"name\":\"both\",\"scopes\":[\"read\",\"write\"]}");
    expect_status(ASK("POST", paths[1], .token = text_at(made->json, "/key"), .json = "{}"), 200);
    sql("DELETE FROM forge.api_keys");
    expect_challenge(GET(paths[0], .token = key), 401, "invalid_token");
}
END_TEST

/* --- browsers and trouble --- */

START_TEST(browsers_are_sent_to_the_login_page)
{
    static const char html[] = "Accept: text/html,*/*;q=0.8";
    reply_t *reply = GET("/pages/page.txt?a=b&c=%20", .headers = {html});
    expect_status(reply, 302);
    ck_assert_str_eq(header(reply, "Location"), "/open/page.txt?next=%2Fpages%2Fpage.txt%3Fa%3Db%26c%3D%2520");
    ck_assert_str_eq(header(reply, "Cache-Control"), "no-store");
    reply = GET("//pages//page.txt", .headers = {html});
    expect_status(reply, 302);
    ck_assert_msg(strncmp(header(reply, "Location"), "/open/page.txt?next=%2Fpages%2F", 30) == 0, "%s",
                  header(reply, "Location"));
    expect_status(GET("/pages/page.txt"), 401);
    expect_status(GET("/pages/page.txt", .headers = {html, "Sec-Fetch-Mode: cors"}), 401);
    expect_status(GET("/pages/page.txt", .headers = {html}, .token = "x"), 401);
    expect_status(ASK("POST", "/pages/page.txt", .json = "{}", .headers = {html}), 401);
    expect_status(GET("/closed/page.txt", .headers = {html}), 401);
}
END_TEST

START_TEST(a_location_may_have_a_quota)
{
    person_t ada = person("student"), ben = person("student");
    for (int i = 0; i < 3; i++)
        expect_status(GET("/closed/sub/page.txt", .token = ada.access), 200);
    reply_t *over = GET("/closed/sub/page.txt", .token = ada.access);
    expect_status(over, 429);
    ck_assert_msg(header(over, "Retry-After") && atoi(header(over, "Retry-After")) > 1, "%s", over->head);
    ck_assert_ptr_nonnull(header(over, "RateLimit"));
    expect_status(GET("/closed/sub/page.txt", .token = ben.access), 200);
    expect_status(GET("/closed/page.txt", .token = ada.access), 200);
    expect_status(GET("/closed/sub/page.txt"), 401);
}
END_TEST

/* An unknown key costs a look into the database, here as at the API: an address may do so as often as it may ask the
 * API.
 */
START_TEST(unknown_keys_are_looked_up_within_the_quota)
{
    person_t ada = person("student");
    static const char unknown[] = "fk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", bad[] = "127.0.3.30",
                      good[] = "127.0.3.31", *const path = "/closed/few/one";
    const char *key = text_at(
        ASK("POST", "/api/v1/auth/api-keys", .token = ada.access, .json = "{\"name\":\"reader\"}")->json, "/key");
    for (int i = 0; i < 3; i++)
        expect_challenge(GET(path, .token = unknown, .from = bad), 401, "error=\"invalid_token\"");
    for (int i = 0; i < 3; i++) {
        reply_t *over = GET(i == 1 ? "/closed/few/two" : path, .token = i == 2 ? key : unknown, .from = bad);
        expect_status(over, 429);
        ck_assert_msg(header(over, "Retry-After") && atoi(header(over, "Retry-After")) > 1, "%s", over->head);
        ck_assert_int_eq(header_count(over, "Retry-After"), 1);
    }
    expect_status(GET(path, .token = ada.access, .from = bad), 200); /* a token is not looked up */
    for (int i = 0; i < 6; i++) {
        expect_status(GET(path, .token = key, .from = good), 200); /* what is good costs nothing */
        expect_challenge(GET(path, .token = "rubbish", .from = good), 401, "invalid_token");
        expect_status(GET(path, .from = good), 401);
    }
    expect_challenge(GET(path, .token = unknown, .from = good), 401, "invalid_token");
}
END_TEST

/* The quota by account is for accounts; guests are made as often as somebody likes. */
START_TEST(guests_share_the_quota_of_a_location)
{
    int served = 0;
    for (int i = 0; i < 8; i++) {
        reply_t *guest = CALL("POST", "/api/v1/auth/guest", .json = "{}", .lenient = true);
        served +=
            GET("/closed/sub/page.txt", .from = "127.0.3.32", .token = text_at(guest->json, "/access_token"))->status ==
            200;
    }
    ck_assert_int_eq(served, 3);
}
END_TEST

/* mod_status shows how the module is. */
START_TEST(server_status_has_a_part_of_ours)
{
    person("student");
    reply_t *page = GET("/server-status"), *list = GET("/server-status?auto");
    /* what works beside requests (mail, revocations) has a connection now and then, and gives it back */
    for (int i = 0; i < 100 && !strstr(page->body, "connections in use: 0<"); i++, pause_ms(50))
        page = GET("/server-status");
    expect_status(page, 200);
    expect_says(page, "<h2>Forge</h2>");
    expect_says(page, "<dt>Requests being served: ");
    expect_says(page, "<dt>Database connections in use: 0</dt>");
    expect_status(list, 200);
    expect_silent(list, "<h2>");
    const char *requests = strstr(list->body, "\nForgeRequests: ");
    ck_assert_msg(requests && atoi(requests + 16) >= 1, "%s", list->body);
    expect_says(list, "\nForgePoolSize: ");
    expect_says(list, "\nForgeRateLimited: ");
}
END_TEST

/* The figures after "ForgeX: " of each line, as monitors read them. */
static long status_of(const char *key)
{
    const char *body = GET("/server-status?auto")->body, *at = strstr(body, F("\n%s: ", key));
    char *end;
    ck_assert_msg(at, "no %s in %s", key, body);
    long n = strtol(at + strlen(key) + 3, &end, 10);
    ck_assert_msg(*end == '\n' && n >= 0, "%s: %.30s", key, at);
    return n;
}

static const char *const status_rows[][2] = {
    {"ForgeUptime", "Seconds since these figures started"},
    {"ForgeRequests", "Requests answered"},
    {"ForgeRequestsInFlight", "Requests being served"},
    {"ForgeStreams", "Streams of events that are open"},
    {"ForgePoolSize", "Database connections that may be open"},
    {"ForgePoolBusy", "Database connections in use"},
    {"ForgePoolWaiting", "Requests waiting for a database connection"},
    {"ForgePoolTimeouts", "Requests that got no database connection in time"},
    {"ForgeDatabaseDown", "Requests that failed because the database was down"},
    {"ForgeHashesInUse", "Password hashes being computed"},
    {"ForgeHashesWaiting", "Requests waiting for a password hash"},
    {"ForgeHashesRefused", "Requests refused because too many waited for a hash"},
    {"ForgeLogins", "Logins"},
    {"ForgeLoginsFailed", "Failed logins"},
    {"ForgeRateLimited", "Requests refused by rate limits"},
    {"ForgeRateLimitKeys", "Keys in the rate-limit table"},
    {"ForgeRevocations", "Revocations in memory"},
    {"ForgeSandboxInUse", "Programs running in the sandbox"},
    {"ForgeSandboxQueue", "Programs waiting for the sandbox"},
    {"ForgeSandboxRuns", "Programs that the sandbox has run"},
    {"ForgeSandboxRefused", "Requests refused because too many programs waited"},
    {"ForgeModelWaiting", "Requests waiting for the language model"},
    {"ForgeJobsQueued", "Jobs that wait"},
    {"ForgeJobsRunning", "Jobs that run"},
    {"ForgeJobsOldest", "Seconds for which the job waits that is due longest"},
    {"ForgeJobsDone", "Jobs done by this node"},
    {"ForgeJobsFailed", "Jobs that failed for good on this node"},
    {"ForgeLogLinesLost", "Lines that could not be written to logs"},
};

/* A request is counted a moment after its answer. */
static void expect_figure(const char *key, long wanted)
{
    for (int i = 0; i < 100 && status_of(key) != wanted; i++)
        pause_ms(50);
    ck_assert_int_eq(status_of(key), wanted);
}

/* Every row has a number in both forms, and the counters count what happened. */
START_TEST(server_status_says_what_happened)
{
    person_t me = person("student");
    reply_t *page = GET("/server-status");
    for (size_t i = 0; i < sizeof(status_rows) / sizeof(*status_rows); i++) {
        status_of(status_rows[i][0]);
        const char *at = strstr(page->body, F("<dt>%s: ", status_rows[i][1]));
        ck_assert_msg(at && at[strlen(status_rows[i][1]) + 6] >= '0' && at[strlen(status_rows[i][1]) + 6] <= '9',
                      "no %s", status_rows[i][1]);
    }
    expect_figure("ForgeRequestsInFlight", 0);
    long good = status_of("ForgeLogins"), bad = status_of("ForgeLoginsFailed"), all = status_of("ForgeRequests");
    const char *const passwords[] = {me.password, "Wrong7-Walrus!Q", "Wrong8-Walrus!Q"};
    for (int i = 0; i < 3; i++)
        CALL("POST", "/api/v1/auth/login",
             .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", me.username, passwords[i]));
    expect_figure("ForgeLogins", good + 1);
    expect_figure("ForgeLoginsFailed", bad + 2);
    expect_figure("ForgeRequests", all + 3);
}
END_TEST

/* The database away: 503, never 401 and never the content; what needs nobody is served. */
START_TEST(no_database_is_no_entrance)
{
    watchdog(120);
    person_t ada = person("student");
    expect_status(GET("/closed/page.txt", .token = ada.access), 200);
    expect_log("FG0");
    expect_log("AH00632"); /* mod_dbd */
    expect_log("AH00633");
    expect_log("dbd");
    expect_log("AH02816");
    env_postgres_stop(true);
    reply_t *reply = GET("/closed/page.txt", .token = ada.access);
    expect_status(reply, 503);
    ck_assert_ptr_nonnull(header(reply, "Retry-After"));
    expect_silent(reply, "this is closed");
    expect_status(GET("/closed/page.txt"), 401);
    expect_status(GET("/closed/page.txt", .token = "x"), 401);
    expect_status(GET("/open/page.txt", .token = ada.access), 200);
    expect_status(GET("/greet/env", .token = ada.access), 200);
    expect_problem(CALL("GET", "/metrics", .port = PORT_DOORS, .token = ada.access), "database_unavailable");
    env_postgres_start();
    ck_assert(env_wait_ready(20));
    int good = 0;
    for (int i = 0; i < 200 && good < 30; i++, pause_ms(20))
        good = GET("/closed/page.txt", .token = ada.access, .headers = {"Connection: close"})->status == 200 ? good + 1
                                                                                                             : 0;
    ck_assert_int_eq(good, 30);
}
END_TEST

Suite *suite_doors(void)
{
    Suite *suite = suite_create("doors");
    TCase *entrance = case_make(suite, "entrance");
    tcase_add_test(entrance, files_need_a_token);
    tcase_add_test(entrance, bad_tokens_are_refused);
    tcase_add_test(entrance, no_spelling_goes_round_the_door);
    tcase_add_test(entrance, conditional_and_partial_requests_pass_the_door_first);
    tcase_add_test(entrance, ended_sessions_are_refused_at_once);
    tcase_add_test(entrance, api_keys_open_doors);
    TCase *trouble = case_make(suite, "trouble");
    tcase_add_test(trouble, browsers_are_sent_to_the_login_page);
    tcase_add_test(trouble, a_location_may_have_a_quota);
    tcase_add_test(trouble, unknown_keys_are_looked_up_within_the_quota);
    tcase_add_test(trouble, guests_share_the_quota_of_a_location);
    tcase_add_test(trouble, server_status_has_a_part_of_ours);
    tcase_add_test(trouble, server_status_says_what_happened);
    tcase_add_test(trouble, no_database_is_no_entrance);
    return suite;
}
