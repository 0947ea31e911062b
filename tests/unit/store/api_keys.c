/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/identity/api_keys.c: keys that are found until they end, and no more than fifty of an account.
 */
#include "sessions.h"

static void begin(void)
{
    schema_begin("store_api_keys");
}

static forge_who_t keeper;

static forge_status_t key_make(const char *name, const char *sha256, const char *days)
{
    forge_new_key_t key = {
        .name = name, .prefix = "abcdefgh", .sha256 = sha256, .scopes = "{read,write}", .expires_days = days};
    return forge_store_api_key_create(db, forge_test_pool, as(&keeper), &key, &rows);
}

START_TEST(key_found_until_it_ends)
{
    keeper = account("ada", '0');
    ck_assert_int_eq(key_make("export", sha('a'), "30"), FORGE_OK);
    ck_assert_str_eq(column("scopes"), "[\"read\",\"write\"]");
    ck_assert_str_eq(ask("SELECT expires_at = created_at + interval '30 days' FROM forge.api_keys"), "true");
    apr_int64_t id = forge_store_rows_int(rows, 0, "id", 0);
    ck_assert_int_eq(forge_store_api_key_find(db, forge_test_pool, sha('a'), &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "key_id", 0), id);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "user_id", 0), keeper.user_id);
    ck_assert_str_eq(column("scopes"), "read write");
    const char *used = ask("SELECT last_used_at FROM forge.api_keys");
    ck_assert_ptr_nonnull(used);
    ck_assert_int_eq(forge_store_api_key_find(db, forge_test_pool, sha('a'), &rows), FORGE_OK);
    ck_assert_str_eq(ask("SELECT last_used_at FROM forge.api_keys"), used); /* once a minute */
    sql("UPDATE forge.api_keys SET last_used_at = now() - interval '61 seconds'");
    ck_assert_int_eq(forge_store_api_key_find(db, forge_test_pool, sha('a'), &rows), FORGE_OK);
    ck_assert_str_eq(ask("SELECT last_used_at > now() - interval '30 seconds' FROM forge.api_keys"), "true");
    static const char *const ends[] = {
        "UPDATE forge.api_keys SET created_at = now() - interval '1 day', expires_at = now()",
        "UPDATE forge.api_keys SET expires_at = NULL; UPDATE forge.users SET is_active = false"};
    for (int i = 0; i < 2; i++) {
        sql(ends[i]);
        ck_assert_int_eq(forge_store_api_key_find(db, forge_test_pool, sha('a'), &rows), FORGE_OK);
        ck_assert_int_eq(forge_store_rows_count(rows), 0);
    }
}
END_TEST

START_TEST(key_deleted_by_its_owner)
{
    keeper = account("ada", '0');
    forge_who_t bob = account("bob", '1');
    ck_assert_int_eq(key_make("export", sha('a'), NULL), FORGE_OK);
    apr_int64_t id = forge_store_rows_int(rows, 0, "id", 0);
    ck_assert_int_eq(forge_store_api_key_delete(db, forge_test_pool, as(&bob), id), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(forge_store_api_key_delete(db, forge_test_pool, as(&keeper), id), FORGE_OK);
    ck_assert_int_eq(forge_store_api_key_delete(db, forge_test_pool, as(&keeper), id), FORGE_E_NOT_FOUND);
    ck_assert_str_eq(audit_of("api_key.created"), "1");
    ck_assert_str_eq(audit_of("api_key.deleted"), "1");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.audit_events WHERE detail::text LIKE '%aaaa%'"), "0");
    keeper = guest("guest_00000001", '2');
    ck_assert_int_eq(key_make("export", sha('b'), NULL), FORGE_E_FORBIDDEN);
}
END_TEST

static forge_status_t key_make_another(int i)
{
    db = schema_attach();
    return key_make("one more", F("%064x", i + 1000), NULL);
}

START_TEST(fifty_keys_at_most)
{
    keeper = account("ada", '0');
    sql("INSERT INTO forge.api_keys (user_id, name, prefix, sha256, created_at, expires_at) SELECT 1, 'expired', "
        "'aaaaaaaa', "
        "sha256(i::text::bytea),"
        " now() - interval '2 days', now() - interval '1 day' FROM generate_series(1, 60) i");
    for (int i = 0; i < 45; i++)
        ck_assert_int_eq(key_make("key", F("%064x", i), NULL), FORGE_OK);
    ck_assert_int_eq(at_once_behind("SELECT FROM forge.users FOR NO KEY UPDATE", 16, key_make_another, FORGE_OK), 5);
    ck_assert_int_eq(key_make("key", sha('f'), NULL), FORGE_E_LIMIT_REACHED);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.api_keys WHERE expires_at IS NULL"), "50");
    ck_assert_str_eq(audit_of("api_key.created"), "50");
}
END_TEST

Suite *forge_test_store_api_keys(void)
{
    Suite *s = suite_create("store_api_keys");
    TCase *tc = tcase_create("API keys");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, schema_setup, forge_test_end);
    tcase_add_test(tc, key_found_until_it_ends);
    tcase_add_test(tc, key_deleted_by_its_owner);
    tcase_add_test(tc, fifty_keys_at_most);
    suite_add_tcase(s, tc);
    return s;
}
