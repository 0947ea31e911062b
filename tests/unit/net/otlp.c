/* SPDX-License-Identifier: Apache-2.0
 * net/otlp.c: the arguments of ForgeTraces, which traces are recorded, and the document of spans.
 */
#include "net/net.h"
#include "unit.h"
#include <apr_strings.h>
#include <string.h>

#define P forge_test_pool

static const char *why;

static const forge_traces_t *parse(const char *first, const char *second)
{
    const char *words[] = {first, second};
    return forge_net_traces_parse(P, second ? 2 : 1, words, &why);
}

START_TEST(arguments_are_read)
{
    const forge_traces_t *traces = parse("http://collector:4318", NULL);
    ck_assert_str_eq(traces->url, "http://collector:4318/v1/traces");
    ck_assert_str_eq(traces->host, "collector:4318");
    ck_assert(traces->ratio == 1);
    ck_assert_str_eq(parse("http://collector:4318/", NULL)->url, "http://collector:4318/v1/traces");
    ck_assert_str_eq(parse("https://tempo.example.org/otlp/v1/traces", "0.25")->url,
                     "https://tempo.example.org/otlp/v1/traces");
    ck_assert(parse("http://[::1]:4318", "0.25")->ratio == 0.25);
    ck_assert(parse("http://c", "0")->ratio == 0 && parse("http://c", "1.0")->ratio == 1);
    ck_assert_ptr_null(parse("Off", NULL)->url);
}
END_TEST

START_TEST(wrong_arguments_are_refused)
{
    static const char *const lines[][2] = {{"on", NULL},
                                           {"collector:4318", NULL},
                                           {"ftp://collector", NULL},
                                           {"http://user:word@collector", NULL},
                                           {"http://collector/?a=1", NULL},
                                           {"http://collector", "1.01"},
                                           {"http://collector", "-0.1"},
                                           {"http://collector", "1."},
                                           {"http://collector", ".5"},
                                           {"http://collector", "half"},
                                           {"http://collector", ""},
                                           {"http://collector", "0.00000000000000000000001"},
                                           {"off", "1"}};
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        why = NULL;
        ck_assert_msg(parse(lines[i][0], lines[i][1]) == NULL && why, "%s", lines[i][0]);
    }
}
END_TEST

/* All who see a trace with such an id decide alike; ids are spread evenly. */
START_TEST(the_id_decides_with_the_ratio)
{
    const forge_traces_t *half = parse("http://c", "0.5"), *none = parse("http://c", "0"),
                         *all = parse("http://c", "1");
    ck_assert(forge_net_traces_sampled(half, "ffffffffffffffffff7fffffffffffff"));
    ck_assert(!forge_net_traces_sampled(half, "00000000000000000080000000000000"));
    ck_assert(!forge_net_traces_sampled(none, "00000000000000000000000000000000"));
    ck_assert(forge_net_traces_sampled(all, "ffffffffffffffffffffffffffffffff"));
}
END_TEST

START_TEST(a_document_has_the_form_of_the_protocol)
{
    const forge_origin_t origin = {"1.2", "test \"1\"", "host", "host:7"};
    const forge_span_t span = {
        .name = "GET /x\n",
        .parent = "00f067aa0ba902b7",
        .kind = FORGE_SPAN_SERVER,
        .id = "b7ad6b7169203331",
        .begun = 1700000000123456,
        .ended = 1700000001000000,
        .failed = true,
        .count = 2,
        .marks = {{.name = "http.route", .text = "/x"}, {.name = "http.response.status_code", .number = 503}}};
    forge_buf_t *b = forge_util_buf_make(P, 100, 10000);
    forge_net_spans_open(b, &origin);
    forge_net_span_write(b, "4bf92f3577b34da6a3ce929d0e0e4736", &span);
    forge_net_spans_close(b);
    ck_assert_str_eq(
        apr_pstrmemdup(P, b->data, b->len),
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":["
        "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"mod_forge\"}},"
        "{\"key\":\"service.version\",\"value\":{\"stringValue\":\"1.2\"}},"
        "{\"key\":\"service.instance.id\",\"value\":{\"stringValue\":\"host:7\"}},"
        "{\"key\":\"host.name\",\"value\":{\"stringValue\":\"host\"}},"
        "{\"key\":\"deployment.environment.name\",\"value\":{\"stringValue\":\"test \\\"1\\\"\"}}]},"
        "\"scopeSpans\":[{\"scope\":{\"name\":\"mod_forge\",\"version\":\"1.2\"},\"spans\":["
        "{\"traceId\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"spanId\":\"b7ad6b7169203331\","
        "\"parentSpanId\":\"00f067aa0ba902b7\",\"name\":\"GET /x\\n\",\"kind\":2,"
        "\"startTimeUnixNano\":\"1700000000123456000\",\"endTimeUnixNano\":\"1700000001000000000\",\"attributes\":["
        "{\"key\":\"http.route\",\"value\":{\"stringValue\":\"/x\"}},"
        "{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"503\"}}],\"status\":{\"code\":2}}]}]}]}");
}
END_TEST

/* A clock that was set back makes no span of negative length. */
START_TEST(a_span_never_ends_before_it_begins)
{
    const forge_span_t span = {.name = "x", .parent = "", .kind = FORGE_SPAN_INTERNAL, .begun = 1000000, .ended = 5};
    forge_buf_t *b = forge_util_buf_make(P, 100, 10000);
    forge_net_span_write(b, "4bf92f3577b34da6a3ce929d0e0e4736", &span);
    const char *text = apr_pstrmemdup(P, b->data, b->len);
    ck_assert_msg(strstr(text, "\"endTimeUnixNano\":\"1000000000\"") && !strstr(text, "parentSpanId"), "%s", text);
}
END_TEST

static apr_int64_t rejected(int status, const char *body)
{
    const forge_call_result_t result = {
        .outcome = FORGE_CALL_ANSWERED, .status = status, .body = body, .len = strlen(body)};
    return forge_net_spans_rejected(P, &result);
}

START_TEST(partial_success_is_read)
{
    ck_assert_int_eq(rejected(200, "{\"partialSuccess\":{\"rejectedSpans\":\"3\",\"errorMessage\":\"x\"}}"), 3);
    ck_assert_int_eq(rejected(200, "{\"partialSuccess\":{\"rejectedSpans\":4}}"), 4);
    static const char *const none[] = {"",
                                       "{}",
                                       "{\"partialSuccess\":{}}",
                                       "no JSON",
                                       "[]",
                                       "null",
                                       "{\"partialSuccess\":{\"rejectedSpans\":-3}}",
                                       "{\"partialSuccess\":{\"rejectedSpans\":\"many\"}}"};
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
        ck_assert_int_eq(rejected(200, none[i]), 0);
    ck_assert_int_eq(rejected(202, "{\"partialSuccess\":{\"rejectedSpans\":3}}"), 0);
}
END_TEST

Suite *forge_test_net_otlp(void)
{
    Suite *suite = suite_create("net_otlp");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, arguments_are_read);
    tcase_add_test(tc, wrong_arguments_are_refused);
    tcase_add_test(tc, the_id_decides_with_the_ratio);
    tcase_add_test(tc, a_document_has_the_form_of_the_protocol);
    tcase_add_test(tc, a_span_never_ends_before_it_begins);
    tcase_add_test(tc, partial_success_is_read);
    suite_add_tcase(suite, tc);
    return suite;
}
