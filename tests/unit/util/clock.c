/* SPDX-License-Identifier: Apache-2.0
 * Tests of util/clock.c: RFC 3339 both ways.
 */
#include "util/util.h"
#include "unit.h"

static const char *normal(const char *text)
{
    apr_time_t t;
    return forge_util_time_parse(text, strlen(text), &t) ? forge_util_time(forge_test_pool, t, 6) : NULL;
}

START_TEST(writes)
{
    ck_assert_str_eq(forge_util_time(forge_test_pool, 0, 0), "1970-01-01T00:00:00Z");
    ck_assert_str_eq(forge_util_time(forge_test_pool, -1, 6), "1969-12-31T23:59:59.999999Z");
    ck_assert_str_eq(forge_util_time(forge_test_pool, APR_INT64_C(1769860800123456), 6), "2026-01-31T12:00:00.123456Z");
    ck_assert_str_eq(forge_util_time(forge_test_pool, APR_INT64_C(1769860800123456), 3), "2026-01-31T12:00:00.123Z");
    ck_assert_str_eq(forge_util_time(forge_test_pool, APR_INT64_C(951782400000000), 0), "2000-02-29T00:00:00Z");
    ck_assert_str_eq(forge_util_time(forge_test_pool, APR_INT64_MAX, 0), "9999-12-31T23:59:59Z");
    ck_assert_str_eq(forge_util_time(forge_test_pool, APR_INT64_MIN, 0), "0000-01-01T00:00:00Z");
}
END_TEST

START_TEST(reads)
{
    static const char *const rows[][2] = {
        {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"},
        {"2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.500000Z"},
        {"2026-01-31t12:00:00.1234567z", "2026-01-31T12:00:00.123456Z"},
        {"2026-01-31T12:00:00+05:30", "2026-01-31T06:30:00.000000Z"},
        {"2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000000Z"},
        {"2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00.000000Z"},
        {"2026-01-31T12:00:00-00:00", "2026-01-31T12:00:00.000000Z"},
        {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"},
        {"1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00.000000Z"},
        {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z"},
        {"1600-02-29T00:00:00Z", "1600-02-29T00:00:00.000000Z"},
        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
        {"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_pstr_eq(normal(rows[i][0]), rows[i][1]);
}
END_TEST

START_TEST(refuses)
{
    static const char *const bad[] = {
        "",
        "2026",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00:00Z",
        "2026-1-31T12:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:60Z",
        "2026-01-31T12:00:61Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00,5Z",
        "2026-01-31T12:00:00+0530",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+05:60",
        "2026-01-31T12:00:00Zx",
        "2026-01-31T12:00:00 Z",
        "+2026-01-31T12:00:00Z",
        "0000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "now",
        "1769860800",
        "infinity",
        "2026-01-31T12:00Z",
        "2026-01-31T12:00:00+05:3",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!normal(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(every_day_there_and_back)
{
    for (apr_int64_t day = -719528; day < 2932897; day += 97) {
        apr_time_t t = day * 86400 * APR_USEC_PER_SEC + 43200123456, again;
        const char *text = forge_util_time(forge_test_pool, t, 6);
        ck_assert(forge_util_time_parse(text, strlen(text), &again));
        ck_assert_int_eq(t, again);
    }
}
END_TEST

START_TEST(spans_never_run_backwards)
{
    apr_int64_t first = forge_util_monotonic(), last = first;
    ck_assert_int_gt(first, 0);
    for (int i = 0; i < 1000; i++) {
        apr_int64_t now = forge_util_monotonic();
        ck_assert_int_ge(now, last);
        last = now;
    }
}
END_TEST

Suite *forge_test_util_clock(void)
{
    Suite *s = suite_create("util_clock");
    TCase *tc = tcase_create("RFC 3339");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, writes);
    tcase_add_test(tc, reads);
    tcase_add_test(tc, refuses);
    tcase_add_test(tc, every_day_there_and_back);
    tcase_add_test(tc, spans_never_run_backwards);
    suite_add_tcase(s, tc);
    return s;
}
