/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/analysis/files.c and of the table's own rules: what counts, what goes with what, who may do what.
 */
#include "schema.h"
#include "store/analysis/analysis.h"

#include <apr_strings.h>
#include <string.h>

static forge_db_t *app;
static const forge_actor_t ada = {.id = 1}, bob = {.id = 2}, admin = {.id = 2, .admin = true};

static void begin(void)
{
    schema_begin("store_files");
}

static void setup(void)
{
    const char *why = "";
    schema_setup();
    sql("INSERT INTO forge.users (email, username, password_hash) SELECT n || '@example.org', 'user_' || n, "
        "'" FORGE_TEST_HASH "' FROM generate_series(1, 2) n");
    app = forge_store_db_connect(forge_test_pool, apr_pstrcat(forge_test_pool, forge_test_dsn, " user=forge_app", NULL),
                                 &why);
    ck_assert_msg(app != NULL, "%s", why);
}

/* Bytes that say where they stand. */
static bool read_pattern(void *baton, apr_int64_t at, void *to, apr_size_t len)
{
    for (apr_size_t i = 0; i < len; i++)
        ((char *)to)[i] = (char)((at + (apr_int64_t)i) / 1000 % 251);
    return ++*(int *)baton > 0;
}

static bool read_nothing(void *baton, apr_int64_t at, void *to, apr_size_t len)
{
    (void)baton, (void)at, (void)to, (void)len;
    return false;
}

static forge_status_t add(forge_actor_t by, apr_int64_t size, char mark, bool *made, apr_int64_t *id)
{
    int reads = 0;
    forge_rows_t *rows;
    forge_file_new_t file = {
        .filename = "a.pdf", .content_type = "application/pdf", .size = size, .read = read_pattern, .baton = &reads};
    memset(file.sha256, mark, sizeof(file.sha256));
    forge_status_t status = forge_store_file_add(app, forge_test_pool, &by, &file, made, &rows);
    if (status == FORGE_OK)
        *id = forge_store_rows_int(rows, 0, "id", 0);
    return status;
}

#define SIZE 700001 /* two pieces and a part of one */

START_TEST(bytes_come_back_by_pieces)
{
    bool made;
    apr_int64_t id = 0;
    forge_file_bytes_t bytes;
    ck_assert_int_eq(add(ada, SIZE, 1, &made, &id), FORGE_OK);
    ck_assert(made);
    for (apr_int64_t at = 0; at < SIZE; at += (apr_int64_t)bytes.len) {
        const forge_file_span_t span = {at, SIZE - at};
        ck_assert_int_eq(forge_store_file_piece(app, forge_test_pool, id, span, &bytes), FORGE_OK);
        ck_assert_uint_gt(bytes.len, 0);
        for (apr_size_t i = 0; i < bytes.len; i += 97)
            ck_assert_int_eq(bytes.data[i], (char)((at + (apr_int64_t)i) / 1000 % 251));
    }
    const forge_file_span_t one = {5, 1};
    ck_assert_int_eq(forge_store_file_piece(app, forge_test_pool, id + 1, one, &bytes), FORGE_E_NOT_FOUND);
}
END_TEST

START_TEST(owners_and_administrators)
{
    bool made;
    apr_int64_t id = 0, again = 0;
    forge_rows_t *rows;
    ck_assert_int_eq(add(ada, 10, 1, &made, &id), FORGE_OK);
    ck_assert_int_eq(add(ada, 10, 1, &made, &again), FORGE_OK);
    ck_assert(!made && again == id);
    ck_assert_int_eq(add(bob, 10, 1, &made, &again), FORGE_OK);
    ck_assert(made && again != id);
    ck_assert_int_eq(forge_store_file_get(app, forge_test_pool, &ada, id, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_file_get(app, forge_test_pool, &bob, id, &rows), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(forge_store_file_get(app, forge_test_pool, &admin, id, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_file_delete(app, forge_test_pool, &bob, id, NULL), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(forge_store_file_delete(app, forge_test_pool, &ada, id, "{2}"), FORGE_E_PRECONDITION_FAILED);
    sql("UPDATE forge.files SET pages = 3");
    ck_assert_int_eq(forge_store_file_delete(app, forge_test_pool, &ada, id, "{2}"), FORGE_OK);
    ck_assert_str_eq(ask("SELECT count(*) FROM pg_largeobject_metadata"), "1");
    forge_actor_t gone = {.id = 77};
    ck_assert_int_eq(add(gone, 10, 1, &made, &id), FORGE_E_INVALID_TOKEN);
}
END_TEST

/* What cannot be read to its end leaves neither a row nor bytes. */
START_TEST(a_failure_leaves_nothing)
{
    bool made;
    forge_rows_t *rows;
    forge_file_new_t file = {.filename = "a.pdf", .content_type = "application/pdf", .size = 10, .read = read_nothing};
    ck_assert_int_eq(forge_store_file_add(app, forge_test_pool, &ada, &file, &made, &rows), FORGE_E_INTERNAL);
    file.filename = "two\nlines";
    int reads = 0;
    file.read = read_pattern;
    file.baton = &reads;
    ck_assert_int_eq(forge_store_file_add(app, forge_test_pool, &ada, &file, &made, &rows), FORGE_E_VALIDATION);
    ck_assert_str_eq(ask("SELECT (SELECT count(*) FROM pg_largeobject_metadata) || ' ' || (SELECT count(*) FROM "
                         "forge.files)"),
                     "0 0");
}
END_TEST

/* Nothing is read of a file that has no room; what the trigger finds later is undone. */
START_TEST(files_count_in_the_quota)
{
    bool made;
    apr_int64_t id = 0;
    static const char usage[] = "SELECT string_agg(rows || ':' || bytes, ' ' ORDER BY user_id) FROM forge.usage";
    ck_assert_int_eq(add(ada, 1000, 1, &made, &id), FORGE_OK);
    ck_assert_str_eq(ask(usage), "1:1005");
    ck_assert_int_eq(forge_store_script(app, forge_test_pool, "SET forge.user_quota = '5 2000'", NULL), FORGE_OK);
    ck_assert_int_eq(add(ada, 1000, 2, &made, &id), FORGE_E_QUOTA_EXCEEDED);
    ck_assert_int_eq(add(ada, 994, 2, &made, &id), FORGE_E_QUOTA_EXCEEDED); /* with its name */
    ck_assert_int_eq(add(ada, 990, 2, &made, &id), FORGE_OK);
    ck_assert_str_eq(ask("SELECT count(*) FROM pg_largeobject_metadata"), "2");
    sql("UPDATE forge.files SET filename = 'longer.pdf', pages = 2 WHERE size = 990");
    ck_assert_str_eq(ask(usage), "2:2005");
    sql("UPDATE forge.files SET user_id = 2 WHERE size = 990");
    ck_assert_str_eq(ask(usage), "1:1005 1:1000");
    sql("UPDATE forge.users SET role = 'admin' WHERE id = 1");
    ck_assert_int_eq(add(ada, 5000, 3, &made, &id), FORGE_OK);
    sql("DELETE FROM forge.files");
    ck_assert_str_eq(ask(usage), "0:0 0:0");
}
END_TEST

/* Whoever takes the row away takes the bytes along. */
START_TEST(bytes_go_with_their_row)
{
    bool made;
    apr_int64_t id = 0;
    static const char *const ways[] = {"DELETE FROM forge.files", "DELETE FROM forge.users WHERE id = 1",
                                       "TRUNCATE forge.files CASCADE"};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(add(i == 1 ? ada : bob, 300000, (char)i, &made, &id), FORGE_OK);
        ck_assert_str_eq(ask("SELECT count(*) FROM pg_largeobject_metadata"), "1");
        sql(ways[i]);
        ck_assert_str_eq(ask("SELECT count(*) FROM pg_largeobject_metadata"), "0");
    }
}
END_TEST

Suite *forge_test_store_files(void)
{
    Suite *s = suite_create("store_files");
    TCase *tc = tcase_create("files");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, bytes_come_back_by_pieces);
    tcase_add_test(tc, owners_and_administrators);
    tcase_add_test(tc, a_failure_leaves_nothing);
    tcase_add_test(tc, files_count_in_the_quota);
    tcase_add_test(tc, bytes_go_with_their_row);
    suite_add_tcase(s, tc);
    return s;
}
