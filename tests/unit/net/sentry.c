/* SPDX-License-Identifier: Apache-2.0
 * net/sentry.c: DSNs, envelopes, and what a receiver says of how much it takes.
 */
#include "net/net.h"
#include "unit.h"
#include <apr_strings.h>
#include <string.h>

#define P forge_test_pool

static const char *why;

static forge_sentry_t *opened(const char *dsn)
{
    forge_sentry_t *sentry = apr_pcalloc(P, sizeof(*sentry));
    return forge_net_sentry_open(P, sentry, dsn, &why) ? sentry : NULL;
}

START_TEST(a_dsn_is_taken_apart)
{
    const forge_sentry_t *sentry = opened("https://0123abcd@o1.ingest.sentry.io/42");
    ck_assert_str_eq(sentry->url, "https://o1.ingest.sentry.io/api/42/envelope/");
    ck_assert_str_eq(sentry->host, "o1.ingest.sentry.io");
    ck_assert(strstr(sentry->authorization, "X-Sentry-Auth: Sentry sentry_version=7, ") == sentry->authorization);
    ck_assert(strstr(sentry->authorization, "sentry_key=0123abcd"));
    ck_assert_str_eq(opened("http://k:old@glitchtip:8000/errors/7")->url,
                     "http://glitchtip:8000/errors/api/7/envelope/");
    ck_assert_str_eq(opened("http://k@[::1]:8000/7")->host, "[::1]:8000");
    ck_assert(!strstr(opened("http://k:old@h/7")->authorization, "old"));
}
END_TEST

START_TEST(wrong_dsns_are_refused_without_a_word_of_them)
{
    static const char *const wrong[] = {"",
                                        "canary",
                                        "https://canary",
                                        "https://canary@",
                                        "https://canary@host",
                                        "https://canary@host/",
                                        "https://canary@/7",
                                        "https://@host/7",
                                        "ftp://canary@host/7",
                                        "canary@host/7",
                                        "https://canary@host/7?a=1",
                                        "https://canary@host/7/",
                                        "https://can ary@host/7",
                                        "https://canary:a b@host/7",
                                        "https://canary\r\nX: y@host/7",
                                        "https://canary@host/7\r\nX: y",
                                        "https://canary@ho st/7",
                                        "https://canary@a@host/7"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        why = NULL;
        ck_assert_msg(!opened(wrong[i]) && why && !strstr(why, "canary"), "%s", wrong[i]);
    }
}
END_TEST

START_TEST(arguments_are_read)
{
    const char *const words[] = {"file:/etc/forge/sentry.dsn", "0.25", NULL};
    const char *const many[] = {"https://canary@host/7", "2"};
    const char *const off[] = {"Off"};
    ck_assert(forge_net_sentry_parse(P, 2, words, &why)->ratio == 0.25);
    ck_assert_str_eq(forge_net_sentry_parse(P, 1, words, &why)->dsn, "file:/etc/forge/sentry.dsn");
    ck_assert(forge_net_sentry_parse(P, 1, words, &why)->ratio == 1);
    ck_assert_ptr_null(forge_net_sentry_parse(P, 1, off, &why)->dsn);
    ck_assert(!forge_net_sentry_parse(P, 2, many, &why) && !strstr(why, "canary"));
}
END_TEST

START_TEST(an_envelope_holds_one_event)
{
    const forge_origin_t origin = {"1.2", "test", "host", "host:7"};
    forge_sentry_event_t event = {.origin = &origin,
                                  .when = 1700000000123456,
                                  .level = "error",
                                  .message = "503 \"x\"\n",
                                  .group = "GET /x y",
                                  .transaction = "GET /x",
                                  .trace_id = "4bf92f3577b34da6a3ce929d0e0e4736",
                                  .span_id = "b7ad6b7169203331"};
    forge_net_sentry_tag(&event, "code", "y");
    forge_net_sentry_tag(&event, "none", NULL);
    forge_buf_t *b = forge_util_buf_make(P, 100, 10000);
    forge_net_sentry_write(b, P, &event);
    const char *text = apr_pstrmemdup(P, b->data, b->len);
    const char *id = apr_pstrmemdup(P, text + 13, 32);
    const char *body = apr_psprintf(
        P,
        "{\"event_id\":\"%s\",\"timestamp\":\"2023-11-14T22:13:20.123456Z\",\"platform\":\"c\","
        "\"logger\":\"mod_forge\",\"level\":\"error\",\"transaction\":\"GET /x\",\"server_name\":\"host\","
        "\"release\":\"mod_forge@1.2\",\"environment\":\"test\",\"logentry\":{\"formatted\":\"503 \\\"x\\\"\\n\"},"
        "\"fingerprint\":[\"GET /x y\"],\"tags\":{\"code\":\"y\"},\"contexts\":{\"trace\":{\"type\":\"trace\","
        "\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"span_id\":\"b7ad6b7169203331\"}}}",
        id);
    ck_assert_str_eq(text, apr_psprintf(P, "{\"event_id\":\"%s\"}\n{\"type\":\"event\",\"length\":%d}\n%s\n", id,
                                        (int)strlen(body), body));
    ck_assert_int_eq((int)strspn(id, "0123456789abcdef"), 32);
}
END_TEST

static apr_int64_t silence(int status, const char *limits, apr_int64_t retry_after)
{
    const forge_call_result_t result = {
        .outcome = FORGE_CALL_ANSWERED, .status = status, .body = "", .limits = limits, .retry_after = retry_after};
    return forge_net_sentry_silence(&result);
}

START_TEST(a_receiver_says_when_it_has_enough)
{
    ck_assert_int_eq(silence(200, NULL, 0), 0);
    ck_assert_int_eq(silence(503, NULL, 7), 0); /* that is a pause, and no silence */
    ck_assert_int_eq(silence(429, NULL, 0), 60);
    ck_assert_int_eq(silence(429, NULL, 7), 7);
    ck_assert_int_eq(silence(200, "60:error:organization", 0), 60);
    ck_assert_int_eq(silence(200, "60::organization", 0), 60);
    ck_assert_int_eq(silence(200, "60", 0), 0);
    ck_assert_int_eq(silence(429, "60:transaction;session:key, 2700:default;error;security:organization:quota", 5),
                     2700);
    ck_assert_int_eq(silence(429, "60:transaction:key", 5), 0); /* errors are still welcome */
    ck_assert_int_eq(silence(200, "60:errors:key, x, :error:key, ,,", 0), 0);
    ck_assert_int_eq(silence(200, "99999999999999999999:error:key", 0), 0);
}
END_TEST

Suite *forge_test_net_sentry(void)
{
    Suite *suite = suite_create("net_sentry");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, a_dsn_is_taken_apart);
    tcase_add_test(tc, wrong_dsns_are_refused_without_a_word_of_them);
    tcase_add_test(tc, arguments_are_read);
    tcase_add_test(tc, an_envelope_holds_one_event);
    tcase_add_test(tc, a_receiver_says_when_it_has_enough);
    suite_add_tcase(suite, tc);
    return suite;
}
