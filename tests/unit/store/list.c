/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/list.c: filters, orders, cursors and their combinations.
 */
#include "pg.h"
#include "store/store.h"
#include "unit.h"
#include <apr_strings.h>

static forge_db_t *db;
static PGconn *conn;

static const forge_list_filter_t filters[] = {
    {"color", "i.color = $%d"},
    {"least", "i.n >= $%d::int"},
    {"q", "(i.color LIKE '%' || $%d || '%' OR i.n::text = $%d)"}, /* one value, twice in the text */
    {NULL, NULL},
};
static const forge_list_order_t orders[] = {
    {"id", "i.id", "i.id > $%d::bigint", NULL},
    {"-n", "i.n DESC, i.id DESC", "(i.n, i.id) < ($%d::int, $%d::bigint)", "_n"},
    {NULL, NULL, NULL, NULL},
};
static const forge_list_t items = {
    "items",
    "SELECT i.id, i.color, i.n AS _n FROM items i WHERE i.owner = $1::int",
    "SELECT count(*) FROM items i WHERE i.owner = $1::int",
    1,
    filters,
    orders,
};

static void setup(void)
{
    forge_test_begin();
    conn = forge_test_pg_connect(forge_test_pool, forge_test_pg_database(forge_test_pool, "store_list", true));
    db = forge_test_pg_attach(forge_test_pool, conn);
    /* 300 items of owner 1: colours go round red, green, blue; n is id / 10, so that keys repeat */
    forge_test_pg_do(db, forge_test_pool,
                     "CREATE TABLE items (id bigint PRIMARY KEY, owner int, color text, n int); CREATE INDEX ON items (n, id);"
                     "INSERT INTO items SELECT g, 1, (ARRAY['red','green','blue'])[g % 3 + 1], g / 10 FROM generate_series(1, 300) g;"
                     "INSERT INTO items SELECT g, 2, 'red', 0 FROM generate_series(301, 310) g; ANALYZE items");
}

#define OWNER FORGE_ARGS("1")

/* Ids of a page, "1 2 3". */
static const char *page(const forge_list_query_t *query, apr_int64_t *total)
{
    forge_rows_t *rows;
    const char *text = "";
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &items, query, &rows, total), FORGE_OK);
    for (int i = 0; i < forge_store_rows_count(rows); i++)
        text = apr_pstrcat(forge_test_pool, text, i ? " " : "", forge_store_rows_text(rows, i, "id"), NULL);
    return text;
}

START_TEST(one_row_more_than_asked)
{
    const char *const none[3] = {NULL};
    forge_rows_t *rows;
    forge_list_query_t query = {.base = OWNER, .values = none, .limit = 100};
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &items, &query, &rows, NULL), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 101);
    query.limit = 2;
    ck_assert_str_eq(page(&query, NULL), "1 2 3");
    query.limit = 1;
    query.sort = "-n";
    ck_assert_str_eq(page(&query, NULL), "300 299");
    query.sort = "unknown";
    ck_assert_str_eq(page(&query, NULL), "1 2");
    ck_assert_ptr_eq(forge_store_list_order(&items, "-n"), &orders[1]);
    ck_assert_ptr_eq(forge_store_list_order(&items, NULL), &orders[0]);
}
END_TEST

START_TEST(filters_combine)
{
    const char *values[3] = {"red", NULL, NULL};
    apr_int64_t total = -1;
    forge_list_query_t query = {.base = OWNER, .values = values, .limit = 3, .count = true};
    ck_assert_str_eq(page(&query, &total), "3 6 9 12");
    ck_assert_int_eq(total, 100);
    values[1] = "29";
    ck_assert_str_eq(page(&query, &total), "291 294 297 300");
    ck_assert_int_eq(total, 4);
    values[0] = NULL;
    values[2] = "lu";
    ck_assert_str_eq(page(&query, &total), "290 293 296 299");
    values[2] = "30";
    ck_assert_str_eq(page(&query, &total), "300");
    values[2] = "' OR true --";
    ck_assert_str_eq(page(&query, &total), "");
    ck_assert_int_eq(total, 0);
    values[1] = "x";
    forge_rows_t *rows;
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &items, &query, &rows, &total), FORGE_E_VALIDATION);
}
END_TEST

/* Walks all pages by cursor and by skip: both must give every row once, in the same order. */
START_TEST(cursors_walk_everything)
{
    for (int limit = 7; limit <= 100; limit += 93) {
        const char *none[3] = {NULL}, *last_id = NULL, *last_key = NULL;
        forge_rows_t *by_key, *by_skip;
        int seen = 0, have;
        do {
            forge_list_query_t query = {.base = OWNER,
                                        .values = none,
                                        .sort = "-n",
                                        .after_id = last_id,
                                        .after_key = last_key,
                                        .limit = limit};
            ck_assert_int_eq(forge_store_list(db, forge_test_pool, &items, &query, &by_key, NULL), FORGE_OK);
            query.after_id = query.after_key = NULL;
            query.skip = seen;
            ck_assert_int_eq(forge_store_list(db, forge_test_pool, &items, &query, &by_skip, NULL), FORGE_OK);
            have = forge_store_rows_count(by_key);
            ck_assert_int_eq(have, forge_store_rows_count(by_skip));
            for (int i = 0; i < have && i < limit; i++) {
                ck_assert_str_eq(forge_store_rows_text(by_key, i, "id"), forge_store_rows_text(by_skip, i, "id"));
                ck_assert_int_eq(forge_store_rows_int(by_key, i, "id", 0), 300 - seen++);
                last_id = forge_store_rows_text(by_key, i, "id");
                last_key = forge_store_rows_text(by_key, i, "_n");
            }
        } while (have > limit);
        ck_assert_int_eq(seen, 300);
    }
}
END_TEST

START_TEST(cursor_with_skip_and_filter)
{
    const char *values[3] = {"red", NULL, NULL};
    forge_list_query_t query = {.base = OWNER, .values = values, .after_id = "9", .skip = 1, .limit = 2};
    ck_assert_str_eq(page(&query, NULL), "15 18 21");
}
END_TEST

START_TEST(bad_queries)
{
    const char *none[3] = {NULL};
    forge_rows_t *rows;
    forge_list_query_t query = {.base = OWNER, .values = none, .sort = "-n", .after_id = "5", .limit = 5};
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &items, &query, &rows, NULL), FORGE_E_VALIDATION);
    query.after_key = "not a number";
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &items, &query, &rows, NULL), FORGE_E_VALIDATION);
    query = (forge_list_query_t){.base = OWNER, .values = none, .limit = 0};
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &items, &query, &rows, NULL), FORGE_E_VALIDATION);
    query.limit = 101;
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &items, &query, &rows, NULL), FORGE_E_VALIDATION);
    query.limit = 1;
    query.skip = -1;
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &items, &query, &rows, NULL), FORGE_E_VALIDATION);
    query.skip = APR_INT64_MAX;
    ck_assert_str_eq(page(&query, NULL), "");
}
END_TEST

/* As many filters as a list may have all count, and one more is refused before a value is read. */
START_TEST(lists_that_do_not_fit)
{
    forge_list_filter_t many[FORGE_LIST_FILTERS_MAX + 2] = {{NULL, NULL}};
    const char *values[FORGE_LIST_FILTERS_MAX] = {NULL};
    forge_list_t list = items;
    forge_rows_t *rows;
    forge_list_query_t query = {.base = OWNER, .values = values, .limit = 5};
    for (int i = 0; i < FORGE_LIST_FILTERS_MAX; i++)
        many[i] = (forge_list_filter_t){"least", "i.n >= $%d::int"};
    list.name = "many";
    list.filters = many;
    values[FORGE_LIST_FILTERS_MAX - 1] = "30";
    ck_assert_ptr_null(forge_store_list_problem(&list));
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &list, &query, &rows, NULL), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    many[FORGE_LIST_FILTERS_MAX] = many[0];
    ck_assert_ptr_nonnull(forge_store_list_problem(&list));
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &list, &query, &rows, NULL), FORGE_E_INTERNAL);
    list = items;
    query.base = FORGE_ARGS("1", "2");
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &list, &query, &rows, NULL), FORGE_E_INTERNAL);
    query.base = FORGE_NO_ARGS;
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &list, &query, &rows, NULL), FORGE_E_INTERNAL);
    list.base_args = 100;
    ck_assert_ptr_nonnull(forge_store_list_problem(&list));
    list = items;
    list.orders = orders + 2;
    ck_assert_ptr_nonnull(forge_store_list_problem(&list));
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &list, &query, &rows, NULL), FORGE_E_INTERNAL);
}
END_TEST

/* Each combination is prepared once; past the ceiling they run all the same. */
START_TEST(combinations_are_prepared)
{
    const char *values[3] = {"red", NULL, NULL};
    forge_list_query_t query = {.base = OWNER, .values = values, .limit = 100, .count = true};
    apr_int64_t total;
    for (int i = 0; i < 3; i++)
        page(&query, &total);
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool,
                                       "SELECT string_agg(name, ' ' ORDER BY name) FROM pg_prepared_statements WHERE name LIKE 'items%'"),
                     "items:1:0:4 items:1:count");
    for (int i = 0; i < 600; i++) {
        const forge_stmt_t stmt = {apr_psprintf(forge_test_pool, "test_%d", i), "SELECT 1"};
        ck_assert_int_eq(forge_store_run(db, forge_test_pool, &stmt, FORGE_NO_ARGS, NULL), FORGE_OK);
    }
    values[1] = "0";
    query.limit = 3;
    ck_assert_str_eq(page(&query, &total), "3 6 9 12");
    ck_assert_int_eq(total, 100);
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'items%'"), "2");
}
END_TEST

Suite *forge_test_store_list(void)
{
    Suite *s = suite_create("store_list");
    TCase *tc = tcase_create("lists");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, forge_test_pg_start, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, one_row_more_than_asked);
    tcase_add_test(tc, filters_combine);
    tcase_add_test(tc, cursors_walk_everything);
    tcase_add_test(tc, cursor_with_skip_and_filter);
    tcase_add_test(tc, bad_queries);
    tcase_add_test(tc, lists_that_do_not_fit);
    tcase_add_test(tc, combinations_are_prepared);
    suite_add_tcase(s, tc);
    return s;
}
