/* SPDX-License-Identifier: Apache-2.0
 * Back ends behind the doors: below the API as anywhere else, and what clients say about proxies before us (SPEC 11,
 * SECURITY 54).
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#define ASK(method, path, ...) CALL(method, path, .port = PORT_DOORS, .lenient = true, __VA_ARGS__)
#define GET(path, ...)         ASK("GET", path, __VA_ARGS__)

/* --- a proxied location below /api/v1 --- */

START_TEST(a_back_end_below_the_api_hears_who_asks)
{
    person_t ada = person("student");
    reply_t *reply =
        GET("/api/v1/labs/x", .token = ada.access, .headers = {"X-Forge-Role: admin", "X-Request-ID: id-7"});
    expect_status(reply, 200);
    expect_says(reply, F("\r\nX-Forge-User: %lld\r\n", (long long)ada.id));
    expect_says(reply, F("\r\nX-Forge-Username: %s\r\n", ada.username));
    expect_says(reply, "\r\nX-Forge-Role: student\r\n");
    expect_says(reply, "\r\nX-Forge-Session: ");
    expect_says(reply, "\r\nX-Request-ID: id-7\r\n");
    expect_says(reply, "\r\ntraceparent: ");
    expect_silent(reply, "Authorization");
    expect_silent(reply, ada.access);
    ck_assert_str_eq(header(reply, "Cache-Control"), "private");
    expect_status(ASK("POST", "/api/v1/labs/x", .token = ada.access, .json = "{}"), 200);
    expect_problem(CALL("GET", "/api/v1/nothing", .port = PORT_DOORS), "not_found");
}
END_TEST

START_TEST(its_refusals_are_problem_documents)
{
    reply_t *guest = CALL("POST", "/api/v1/auth/guest", .json = "{}", .lenient = true);
    static const char html[] = "Accept: text/html";
    expect_problem(GET("/api/v1/labs/x"), "unauthenticated");
    expect_problem(GET("/api/v1/labs/x", .headers = {html}), "unauthenticated"); /* no page to log in */
    expect_problem(GET("/api/v1/labs/x", .token = "x"), "invalid_token");
    expect_problem(GET("/api/v1/handed/x"), "unauthenticated");
    expect_log("AH01631");
    expect_problem(GET("/api/v1/labs/x", .token = text_at(guest->json, "/access_token")), "insufficient_scope");
    expect_log("AH00957"); /* mod_proxy cannot connect */
    expect_log("AH01114");
    reply_t *gone = GET("/api/v1/gone/x");
    ck_assert_msg(gone->status == 502 || gone->status == 503, "%d", gone->status);
    ck_assert_msg(strstr(header(gone, "Content-Type"), "application/problem+json"), "%s", gone->head);
    expect_silent(gone, "<html");
}
END_TEST

/* A token that was shown at a door and not accepted is nobody else's either. */
START_TEST(no_bearer_token_goes_on)
{
    person_t ada = person("student");
    const char *ended = jwt_with(ada, "exp", "1000");
    static const char key[] = "fk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const char *const tokens[] = {ended, key, "rubbish"};
    for (int i = 0; i < 3; i++) {
        reply_t *reply = GET("/greeted/proxy", .token = tokens[i]);
        expect_status(reply, 200);
        expect_silent(reply, "Authorization");
        expect_silent(reply, tokens[i]);
        expect_silent(reply, "X-Forge-");
    }
    expect_silent(GET("/greeted/proxy", .headers = {"Authorization: bearer  abc"}), "Authorization");
    expect_says(GET("/greeted/proxy", .headers = {"Authorization: Basic YTpi"}), "Authorization: Basic YTpi");
}
END_TEST

/* --- proxies before us --- */

#define CLAIMS \
    { \
        "X-Forwarded-For: 192.0.2.66", "X-Forwarded-Proto: claimed", "X-Forwarded-Host: claimed.example", \
            "X_Forwarded_Port: claimed", "X-Forwarded: for=claimed", "Forwarded: for=claimed", "X-Real-IP: claimed", \
            "X-Real.IP: claimed", "X-Client-IP: claimed", "True-Client-IP: claimed" \
    }

START_TEST(clients_tell_nothing_of_proxies)
{
    person_t ada = person("student");
    static const char *const paths[] = {"/known/proxy",   "/readers/proxy", "/openproxy/x",
                                        "/api/v1/labs/x", "/known/env",     "/open/all.shtml"};
    expect_log("unable to include");
    expect_log("AH01631");
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        reply_t *reply = GET(paths[i], .token = ada.access, .headers = CLAIMS);
        expect_status(reply, 200);
        expect_silent(reply, "claimed");
        expect_silent(reply, "192.0.2.66");
    }
    reply_t *reply = GET("/known/proxy", .token = ada.access, .headers = CLAIMS);
    expect_says(reply, "\r\nX-Forwarded-For: 127.0.0.1\r\n"); /* mod_proxy's own */
}
END_TEST

/* The proxy that mod_remoteip believes is believed, and only in a request with the header that it reads. */
START_TEST(a_trusted_proxy_is_believed)
{
    person_t ada = person("student");
    static const char close[] = "Connection: close";
    reply_t *reply = GET("/known/proxy", .token = ada.access, .from = "127.0.9.1",
                         .headers = {close, "X-Forwarded-For: 203.0.113.9, 192.0.2.66", "X-Forwarded-Proto: claimed",
                                     "Forwarded: for=claimed", "X-Real-IP: claimed"});
    expect_status(reply, 200);
    expect_says(reply, "\r\nX-Forwarded-Proto: claimed\r\n");
    expect_says(reply, "\r\nForwarded: for=claimed\r\n");
    expect_says(reply, "\r\nX-Real-IP: claimed\r\n");
    expect_says(reply, "192.0.2.66");
    reply = GET("/known/env", .token = ada.access, .from = "127.0.9.1",
                .headers = {close, "X-Forwarded-For: 192.0.2.66", "X-Forwarded-Proto: claimed"});
    expect_says(reply, "\nREMOTE_ADDR=192.0.2.66\n");
    expect_says(reply, "\nHTTP_X_FORWARDED_PROTO=claimed\n");
    reply =
        GET("/known/proxy", .token = ada.access, .from = "127.0.9.1", .headers = {close, "X-Forwarded-Proto: claimed"});
    expect_silent(reply, "claimed");
    reply = GET("/known/proxy", .token = ada.access, .from = "127.0.9.2",
                .headers = {close, "X-Forwarded-For: 192.0.2.66", "X-Forwarded-Proto: claimed"});
    expect_silent(reply, "claimed");
    expect_silent(reply, "192.0.2.66");
}
END_TEST

Suite *suite_gateway(void)
{
    Suite *suite = suite_create("gateway");
    TCase *api = case_make(suite, "below the API");
    tcase_add_test(api, a_back_end_below_the_api_hears_who_asks);
    tcase_add_test(api, its_refusals_are_problem_documents);
    tcase_add_test(api, no_bearer_token_goes_on);
    TCase *proxies = case_make(suite, "proxies before us");
    tcase_add_test(proxies, clients_tell_nothing_of_proxies);
    tcase_add_test(proxies, a_trusted_proxy_is_believed);
    return suite;
}
