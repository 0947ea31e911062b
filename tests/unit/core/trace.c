/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/trace.c: traceparent and request ids.
 */
#include "core/wire/wire.h"
#include "unit.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN  "b7ad6b7169203331"

static bool continued(const char *traceparent)
{
    forge_trace_t t;
    forge_core_trace_start(&t, traceparent);
    ck_assert_uint_eq(strspn(t.trace_id, "0123456789abcdef"), 32);
    ck_assert_uint_eq(strspn(t.span_id, "0123456789abcdef"), 16);
    ck_assert_uint_eq(strlen(t.trace_id) + strlen(t.span_id), 48);
    ck_assert_str_ne(t.span_id, SPAN);
    bool same = strcmp(t.trace_id, TRACE) == 0;
    ck_assert_str_eq(t.parent_id, same ? SPAN : "");
    return same;
}

START_TEST(continues_a_good_one)
{
    forge_trace_t t;
    char header[56] = "00-" TRACE "-";
    forge_core_trace_start(&t, "00-" TRACE "-" SPAN "-01");
    ck_assert(t.sampled);
    strcat(strcat(header, t.span_id), "-01");
    ck_assert_str_eq(forge_core_trace_header(forge_test_pool, &t), header);
    forge_core_trace_start(&t, "00-" TRACE "-" SPAN "-00");
    ck_assert(!t.sampled);
    ck_assert_str_eq(forge_core_trace_header(forge_test_pool, &t) + 53, "00");
    ck_assert(continued("00-" TRACE "-" SPAN "-ff"));
    ck_assert(continued("cc-" TRACE "-" SPAN "-01"));
    ck_assert(continued("cc-" TRACE "-" SPAN "-01-what-comes"));
}
END_TEST

START_TEST(starts_anew_otherwise)
{
    static const char *const bad[] = {
        NULL,
        "",
        "00",
        "00-" TRACE "-" SPAN,
        "00-" TRACE "-" SPAN "-",
        "00-" TRACE "-" SPAN "-0",
        "00-" TRACE "-" SPAN "-01-",
        "00-" TRACE "-" SPAN "-011",
        "cc-" TRACE "-" SPAN "-01x",
        "ff-" TRACE "-" SPAN "-01",
        "0-" TRACE "-" SPAN "-01",
        "0G-" TRACE "-" SPAN "-01",
        "00-" TRACE "-" SPAN "-0G",
        "00-" TRACE "-" SPAN "-0A",
        "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",
        "00-" TRACE "-B7AD6B7169203331-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        "00_" TRACE "-" SPAN "-01",
        "00-" TRACE "_" SPAN "-01",
        "00-" TRACE "-" SPAN "_01",
        " 00-" TRACE "-" SPAN "-01",
        "00-" TRACE "-" SPAN "-01 ",
        "00-" TRACE "-" SPAN "-01,00-" TRACE "-" SPAN "-01",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!continued(bad[i]), "%s", bad[i]);
    forge_trace_t a, b;
    forge_core_trace_start(&a, NULL);
    forge_core_trace_start(&b, NULL);
    ck_assert_str_ne(a.trace_id, b.trace_id);
    ck_assert(a.sampled);
}
END_TEST

static bool kept(const char *given)
{
    const char *id = forge_core_request_id(forge_test_pool, given);
    if (given && strcmp(id, given) == 0)
        return true;
    ck_assert_uint_eq(strlen(id), 32);
    ck_assert_uint_eq(strspn(id, "0123456789abcdef"), 32);
    return false;
}

START_TEST(request_ids)
{
    char longest[130];
    memset(longest, 'a', 129);
    longest[128] = '\0';
    ck_assert(kept("a") && kept("AZaz09._-") && kept(longest));
    longest[128] = 'a';
    longest[129] = '\0';
    ck_assert(!kept(longest));
    ck_assert(!kept(NULL) && !kept("") && !kept("a b") && !kept("a\nb") && !kept("a\r\nX: y") && !kept("a/b") &&
              !kept("\xc3\xa9") && !kept("<a>"));
    ck_assert_str_ne(forge_core_request_id(forge_test_pool, NULL), forge_core_request_id(forge_test_pool, NULL));
}
END_TEST

Suite *forge_test_core_trace(void)
{
    Suite *s = suite_create("core_trace");
    TCase *tc = tcase_create("ids");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, continues_a_good_one);
    tcase_add_test(tc, starts_anew_otherwise);
    tcase_add_test(tc, request_ids);
    suite_add_tcase(s, tc);
    return s;
}
