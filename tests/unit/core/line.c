/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/wire/line: one line under the names of each format, and what no text can do to it.
 */
#include "core/wire/wire.h"
#include "unit.h"
#include <apr_strings.h>

static const apr_time_t noon = APR_INT64_C(1769860800123456); /* 2026-01-31T12:00:00.123456Z */

static const char *text_of(const forge_line_t *line, forge_line_format_t format)
{
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 0, 8192);
    forge_core_line_write(b, forge_test_pool, line, format);
    ck_assert(!b->failed && b->len > 0 && b->data[b->len - 1] == '\n');
    return apr_pstrmemdup(forge_test_pool, b->data, b->len - 1);
}

static void set(forge_line_t *line, forge_line_member_t member, const char *text)
{
    forge_core_line_text(line, member, text, 1000);
}

static forge_line_t *request_line(void)
{
    forge_line_t *line = forge_core_line_make(forge_test_pool, "forge.access", "test");
    forge_core_line_number(line, FORGE_LINE_TS, noon);
    forge_core_line_level(line, FORGE_LINE_ERROR);
    set(line, FORGE_LINE_MSG, "GET /api/v1/courses/{id} 503");
    set(line, FORGE_LINE_TRACE, "4bf92f3577b34da6a3ce929d0e0e4736");
    set(line, FORGE_LINE_SPAN, "00f067aa0ba902b7");
    set(line, FORGE_LINE_REQUEST, "r-1");
    forge_core_line_number(line, FORGE_LINE_USER, 7);
    set(line, FORGE_LINE_ROUTE, "/api/v1/courses/{id}");
    set(line, FORGE_LINE_METHOD, "GET");
    set(line, FORGE_LINE_PATH, "/api/v1/courses/7");
    forge_core_line_number(line, FORGE_LINE_STATUS, 503);
    forge_core_line_number(line, FORGE_LINE_DURATION, 12345);
    forge_core_line_number(line, FORGE_LINE_BYTES, 31);
    set(line, FORGE_LINE_CLIENT, "192.0.2.7");
    return line;
}

START_TEST(each_format_has_its_names)
{
    const forge_line_t *line = request_line();
    ck_assert_str_eq(
        text_of(line, FORGE_LINE_JSON),
        "{\"ts\":\"2026-01-31T12:00:00.123Z\",\"level\":\"error\",\"msg\":\"GET /api/v1/courses/{id} 503\","
        "\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"log\":\"forge.access\",\"request_id\":\"r-1\","
        "\"user_id\":7,\"route\":\"/api/v1/courses/{id}\",\"method\":\"GET\",\"path\":\"/api/v1/courses/7\","
        "\"status\":503,\"duration_ms\":12.345,\"bytes\":31,\"client\":\"192.0.2.7\"}");
    ck_assert_str_eq(text_of(line, FORGE_LINE_ECS),
                     "{\"@timestamp\":\"2026-01-31T12:00:00.123Z\",\"log.level\":\"error\","
                     "\"message\":\"GET /api/v1/courses/{id} 503\",\"trace.id\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
                     "\"span.id\":\"00f067aa0ba902b7\",\"event.dataset\":\"forge.access\",\"http.request.id\":\"r-1\","
                     "\"user.id\":\"7\",\"labels.route\":\"/api/v1/courses/{id}\",\"http.request.method\":\"GET\","
                     "\"url.path\":\"/api/v1/courses/7\",\"http.response.status_code\":503,\"event.duration\":12345000,"
                     "\"http.response.body.bytes\":31,\"client.ip\":\"192.0.2.7\",\"service.name\":\"mod_forge\","
                     "\"service.environment\":\"test\",\"ecs.version\":\"8.17.0\"}");
    ck_assert_str_eq(
        text_of(line, FORGE_LINE_OTEL),
        "{\"Timestamp\":\"1769860800123456000\",\"SeverityText\":\"error\",\"SeverityNumber\":17,"
        "\"Body\":\"GET /api/v1/courses/{id} 503\",\"TraceId\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
        "\"SpanId\":\"00f067aa0ba902b7\",\"Attributes\":{\"log.name\":\"forge.access\",\"http.request.id\":\"r-1\","
        "\"user.id\":\"7\",\"http.route\":\"/api/v1/courses/{id}\",\"http.request.method\":\"GET\","
        "\"url.path\":\"/api/v1/courses/7\",\"http.response.status_code\":503,"
        "\"http.server.request.duration\":0.012345,\"http.response.body.size\":31,\"client.address\":\"192.0.2.7\"},"
        "\"Resource\":{\"service.name\":\"mod_forge\",\"deployment.environment.name\":\"test\"}}");
    ck_assert_str_eq(text_of(line, FORGE_LINE_PLAIN),
                     "2026-01-31T12:00:00.123Z error GET /api/v1/courses/{id} 503 "
                     "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 log=forge.access request_id=r-1 user_id=7 "
                     "route=/api/v1/courses/{id} method=GET path=/api/v1/courses/7 status=503 duration_ms=12.345 "
                     "bytes=31 client=192.0.2.7");
}
END_TEST

/* JSON alone says that there is no account or route; the others leave such members out, and a clock that went back is
 * no negative time. */
START_TEST(what_is_unknown)
{
    forge_line_t *line = forge_core_line_make(forge_test_pool, "forge.access", "test");
    forge_core_line_level(line, FORGE_LINE_INFO);
    forge_core_line_null(line, FORGE_LINE_USER);
    set(line, FORGE_LINE_ROUTE, NULL);
    forge_core_line_tree(line, FORGE_LINE_SUBJECT, NULL);
    forge_core_line_number(line, FORGE_LINE_DURATION, -5);
    ck_assert_str_eq(text_of(line, FORGE_LINE_JSON), "{\"level\":\"info\",\"log\":\"forge.access\",\"user_id\":null,"
                                                     "\"route\":null,\"duration_ms\":0.000,\"subject_id\":null}");
    ck_assert_str_eq(text_of(line, FORGE_LINE_ECS),
                     "{\"log.level\":\"info\",\"event.dataset\":\"forge.access\",\"event.duration\":0,"
                     "\"service.name\":\"mod_forge\",\"service.environment\":\"test\",\"ecs.version\":\"8.17.0\"}");
    ck_assert_str_eq(text_of(line, FORGE_LINE_PLAIN), " info log=forge.access duration_ms=0.000");
}
END_TEST

/* An object stays one, and an audit line is as severe as INFO. */
START_TEST(trees_and_severity)
{
    forge_line_t *line = forge_core_line_make(forge_test_pool, "forge.audit", "test");
    forge_json_t *detail = forge_util_json_object(forge_test_pool);
    forge_util_json_put_int(detail, "session_id", 3);
    forge_core_line_level(line, FORGE_LINE_AUDIT);
    set(line, FORGE_LINE_EVENT, "user.login");
    forge_core_line_number(line, FORGE_LINE_SUBJECT, 9);
    forge_core_line_tree(line, FORGE_LINE_DETAIL, detail);
    ck_assert_str_eq(text_of(line, FORGE_LINE_OTEL),
                     "{\"SeverityText\":\"audit\",\"SeverityNumber\":9,\"EventName\":\"user.login\","
                     "\"Attributes\":{\"log.name\":\"forge.audit\",\"user.target.id\":\"9\","
                     "\"forge.detail\":{\"session_id\":3}},"
                     "\"Resource\":{\"service.name\":\"mod_forge\",\"deployment.environment.name\":\"test\"}}");
    ck_assert_str_eq(text_of(line, FORGE_LINE_PLAIN),
                     " audit event=user.login log=forge.audit subject_id=9 detail={\"session_id\":3}");
}
END_TEST

/* Whatever a client sends is one value of one line, in every format. */
START_TEST(no_text_makes_a_line_or_a_member)
{
    static const char *const evil[] = {"a\nb",     "a\r\nb",        "\x1b[31mred",  "%n%s", "\xe2\x80\xa8line",
                                       "\xff\xfe", "\",\"level\":", "x level=info", "",     "\x7f",
                                       NULL};
    for (const char *const *text = evil; *text; text++)
        for (int format = 0; format <= FORGE_LINE_PLAIN; format++) {
            forge_line_t *line = forge_core_line_make(forge_test_pool, "forge.access", "test");
            const char *why;
            set(line, FORGE_LINE_MSG, *text);
            set(line, FORGE_LINE_PATH, *text);
            const char *out = text_of(line, (forge_line_format_t)format);
            for (const char *c = out; *c; c++)
                ck_assert_msg((unsigned char)*c >= 0x20 && *c != 0x7f, "a control in %s", out);
            ck_assert_ptr_null(strstr(out, "\xe2\x80\xa8"));
            ck_assert(forge_util_utf8(out, strlen(out), NULL));
            if (format == FORGE_LINE_PLAIN)
                ck_assert_ptr_null(strstr(out, "path=x level=info"));
            else
                ck_assert_msg(forge_util_json_parse(forge_test_pool, out, strlen(out), &why) != NULL, "%s: %s", why,
                              out);
        }
}
END_TEST

/* A buffer that is too small fails; it never holds half a line as if it were one. */
START_TEST(too_long_is_no_line)
{
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 0, 100);
    forge_core_line_write(b, forge_test_pool, request_line(), FORGE_LINE_OTEL);
    ck_assert(b->failed);
}
END_TEST

Suite *forge_test_core_line(void)
{
    Suite *suite = suite_create("core_line");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, forge_test_begin, forge_test_end);
    tcase_add_test(all, each_format_has_its_names);
    tcase_add_test(all, what_is_unknown);
    tcase_add_test(all, trees_and_severity);
    tcase_add_test(all, no_text_makes_a_line_or_a_member);
    tcase_add_test(all, too_long_is_no_line);
    suite_add_tcase(suite, all);
    return suite;
}
