/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/render.c and rows.c: every kind of column as JSON.
 */
#include "pg.h"
#include "store/store.h"
#include "unit.h"
#include <apr_strings.h>

static forge_db_t *db;

static void setup(void)
{
    forge_test_begin();
    db = forge_test_pg_attach(
        forge_test_pool,
        forge_test_pg_connect(forge_test_pool, forge_test_pg_database(forge_test_pool, "store_render", true)));
}

static forge_rows_t *rows_of(const char *sql)
{
    const forge_stmt_t stmt = {"", sql};
    forge_rows_t *rows;
    ck_assert_msg(forge_store_run(db, forge_test_pool, &stmt, FORGE_NO_ARGS, &rows) == FORGE_OK, "%s", sql);
    return rows;
}

static const char *text_of(const forge_buf_t *b)
{
    ck_assert(!b->failed);
    return apr_pstrmemdup(forge_test_pool, b->data, b->len);
}

/* The first row as JSON. */
static const char *row(const char *sql)
{
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 0, 1 << 20);
    forge_store_render_row(b, rows_of(sql), 0);
    return text_of(b);
}

START_TEST(kinds)
{
    static const char *const table[][2] = {
        {"1::int2", "1"},
        {"-5::int4", "-5"},
        {"9223372036854775807::int8", "9223372036854775807"},
        {"7::oid", "7"},
        {"1.50::numeric", "1.50"},
        {"-0.5::numeric", "-0.5"},
        {"'NaN'::numeric", "null"},
        {"'Infinity'::numeric", "null"},
        {"0.25::float4", "0.25"},
        {"1e300::float8", "1e+300"},
        {"'NaN'::float8", "null"},
        {"'-Infinity'::float8", "null"},
        {"true", "true"},
        {"false", "false"},
        {"NULL::bool", "null"},
        {"NULL::text", "null"},
        {"NULL::timestamptz", "null"},
        {"'{\"a\": [1, null]}'::json", "{\"a\": [1, null]}"},
        {"'{\"b\":2,\"a\":1}'::jsonb", "{\"a\": 1, \"b\": 2}"},
        {"'2026-11-21 22:19:22.12+00'::timestamptz", "\"2026-11-21T22:19:22.12Z\""},
        {"'2026-11-21 22:19:22+02'::timestamptz", "\"2026-11-21T20:19:22Z\""},
        {"'2026-11-21 22:19:22.123456'::timestamp", "\"2026-11-21T22:19:22.123456Z\""},
        {"'infinity'::timestamptz", "null"},
        {"'-infinity'::timestamp", "null"},
        {"'0044-03-15 12:00:00+00 BC'::timestamptz", "null"},
        {"'12026-01-01 00:00:00+00'::timestamptz", "null"},
        {"'2026-11-21'::date", "\"2026-11-21\""},
        {"'{1,-2,NULL}'::int8[]", "[1,-2,null]"},
        {"'{}'::int4[]", "[]"},
        {"'{{1,2},{3,4}}'::int2[]", "[[1,2],[3,4]]"},
        {"'[0:1]={5,6}'::int4[]", "[5,6]"},
        {"'\\x00ff'::bytea", "\"\\\\x00ff\""},
        {"'a3bb189e-8bf9-3888-9912-ace4e6543002'::uuid", "\"a3bb189e-8bf9-3888-9912-ace4e6543002\""},
        {"'127.0.0.1'::inet", "\"127.0.0.1\""},
        {"''::text", "\"\""},
        {"'plain'::varchar", "\"plain\""},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        const char *got = row(apr_pstrcat(forge_test_pool, "SELECT ", table[i][0], " AS v", NULL));
        ck_assert_str_eq(got, apr_pstrcat(forge_test_pool, "{\"v\":", table[i][1], "}", NULL));
    }
}
END_TEST

START_TEST(another_time_zone)
{
    forge_test_pg_do(db, forge_test_pool, "SET timezone = 'Asia/Kolkata'");
    ck_assert_str_eq(row("SELECT '2026-11-21 22:19:22.5+00'::timestamptz AS t"),
                     "{\"t\":\"2026-11-21T22:19:22.500000Z\"}");
    ck_assert(forge_store_rows_time(rows_of("SELECT '2026-11-21 22:19:22.5+00'::timestamptz AS t"), 0, "t") ==
              APR_INT64_C(1795299562500000));
    forge_test_pg_do(db, forge_test_pool, "SET timezone = 'America/Caracas'");
    ck_assert_str_eq(row("SELECT '2026-11-21 22:19:22+00'::timestamptz AS t"),
                     "{\"t\":\"2026-11-21T22:19:22.000000Z\"}");
}
END_TEST

/* Every character at every place within a machine word, against the plain routine of util/. */
START_TEST(text_is_escaped)
{
    static const char *const odd[] = {"\x01",
                                      "\x1f",
                                      "\"",
                                      "\\",
                                      "\n",
                                      "\r",
                                      "\t",
                                      "\b",
                                      "\f",
                                      "\x7f",
                                      "\xe2\x80\xa8",
                                      "\xe2\x80\xa9",
                                      "\xe2\x82\xac",
                                      "\xc3\xa9",
                                      "\xf0\x9f\x8e\x93",
                                      "!",
                                      "~",
                                      " ",
                                      "\xe2\x80\xa7",
                                      "\xed\x9f\xbf",
                                      "]",
                                      "#"};
    static const forge_stmt_t echo = {"test_echo", "SELECT $1::text AS v"};
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
        for (int at = 0; at < 18; at++) {
            char text[64];
            forge_rows_t *rows;
            snprintf(text, sizeof(text), "%.*s%s%.*s%s", at, "abcdefghijklmnopqr", odd[i], 17 - at, "ABCDEFGHIJKLMNOPQ",
                     at % 3 ? "" : odd[i]);
            const forge_args_t args = FORGE_ARGS(text);
            ck_assert_int_eq(forge_store_run(db, forge_test_pool, &echo, args, &rows), FORGE_OK);
            forge_buf_t *want = forge_util_buf_make(forge_test_pool, 0, 1024),
                        *got = forge_util_buf_make(forge_test_pool, 0, 1024);
            forge_util_buf_puts(want, "{\"v\":");
            forge_util_buf_json(want, text, strlen(text));
            forge_util_buf_puts(want, "}");
            forge_store_render_row(got, rows, 0);
            ck_assert_str_eq(text_of(got), text_of(want));
        }
}
END_TEST

START_TEST(shapes)
{
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 0, 1 << 20);
    ck_assert_str_eq(row("SELECT 1 AS a, 2 AS _hidden, 'x'::text AS \"q\"\"k\", NULL::int AS n"),
                     "{\"a\":1,\"q\\\"k\":\"x\",\"n\":null}");
    ck_assert_str_eq(row("SELECT 2 AS _hidden"), "{}");
    forge_store_render_list(b, rows_of("SELECT g AS id FROM generate_series(1, 4) g"), 3, SIZE_MAX);
    forge_store_render_list(b, rows_of("SELECT g AS id FROM generate_series(1, 2) g"), 9, SIZE_MAX);
    forge_store_render_list(b, rows_of("SELECT 1 AS id WHERE false"), 3, SIZE_MAX);
    ck_assert_str_eq(text_of(b), "[{\"id\":1},{\"id\":2},{\"id\":3}][{\"id\":1},{\"id\":2}][]");
    b = forge_util_buf_make(forge_test_pool, 0, 100);
    forge_store_render_list(b, rows_of("SELECT repeat('x', 30)::text AS t FROM generate_series(1, 10)"), 10, SIZE_MAX);
    ck_assert(b->failed);
}
END_TEST

/* A list has a bound in bytes beside the one in rows: the row that passes it is the last, and there is always one. */
START_TEST(a_list_ends_with_its_bytes)
{
    const char *sql = "SELECT repeat('x', 50)::text AS t FROM generate_series(1, 10)";
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 0, 1 << 20);
    ck_assert_int_eq(forge_store_render_list(b, rows_of(sql), 10, 1), 1);
    b = forge_util_buf_make(forge_test_pool, 0, 1 << 20);
    ck_assert_int_eq(forge_store_render_list(b, rows_of(sql), 10, 200), 4);
    ck_assert_uint_lt(b->len, 200 + 60);
    b = forge_util_buf_make(forge_test_pool, 0, 1 << 20);
    ck_assert_int_eq(forge_store_render_list(b, rows_of(sql), 10, 600), 10);
    ck_assert_int_eq(forge_store_render_list(b, rows_of("SELECT 1 AS id WHERE false"), 10, SIZE_MAX), 0);
}
END_TEST

START_TEST(released_rows_are_none)
{
    forge_rows_t *rows = rows_of("SELECT 1 AS id");
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    forge_store_rows_release(rows);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
    ck_assert_ptr_null(forge_store_rows_text(rows, 0, "id"));
}
END_TEST

START_TEST(large_rows)
{
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 0, 8 << 20);
    forge_store_render_list(
        b, rows_of("SELECT repeat(E'line one\\n\"two\" ', 5000)::text AS t FROM generate_series(1, 20)"), 20, SIZE_MAX);
    ck_assert(!b->failed);
    ck_assert_uint_eq(b->len, 2 + 19 + 20 * (8 + 5000 * (15 + 3)));
}
END_TEST

START_TEST(reading)
{
    forge_rows_t *rows = rows_of(
        "SELECT 42::bigint AS n, 't'::bool AS yes, NULL::int AS nothing, 'abc'::text AS word,"
        " '2026-11-21 22:19:22.123456+00'::timestamptz AS t, 'infinity'::timestamptz AS never, '1.5'::numeric AS half");
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "n", -1), 42);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "nothing", -1), -1);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "word", -1), -1);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "half", -1), -1);
    ck_assert_int_eq(forge_store_rows_int(rows, 1, "n", -1), -1);
    ck_assert_int_eq(forge_store_rows_int(rows, -1, "n", -1), -1);
    ck_assert(forge_store_rows_bool(rows, 0, "yes"));
    ck_assert(!forge_store_rows_bool(rows, 0, "nothing"));
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "word"), "abc");
    ck_assert_ptr_null(forge_store_rows_text(rows, 0, "nothing"));
    ck_assert_ptr_null(forge_store_rows_text(rows, 0, "unknown"));
    ck_assert(forge_store_rows_time(rows, 0, "t") == APR_INT64_C(1795299562123456));
    ck_assert_int_eq(forge_store_rows_time(rows, 0, "never"), 0);
    ck_assert_int_eq(forge_store_rows_time(rows, 0, "nothing"), 0);
    ck_assert_int_eq(forge_store_rows_time(rows_of("SELECT '1970-01-01 00:00:01'::timestamp AS t"), 0, "t"),
                     APR_USEC_PER_SEC);
}
END_TEST

Suite *forge_test_store_render(void)
{
    Suite *s = suite_create("store_render");
    TCase *tc = tcase_create("rows");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, forge_test_pg_start, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, kinds);
    tcase_add_test(tc, another_time_zone);
    tcase_add_test(tc, text_is_escaped);
    tcase_add_test(tc, shapes);
    tcase_add_test(tc, large_rows);
    tcase_add_test(tc, a_list_ends_with_its_bytes);
    tcase_add_test(tc, released_rows_are_none);
    tcase_add_test(tc, reading);
    suite_add_tcase(s, tc);
    return s;
}
