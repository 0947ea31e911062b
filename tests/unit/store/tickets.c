/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/identity/tickets.c: a ticket opens once, also in parallel.
 */
#include "sessions.h"

static void begin(void)
{
    schema_begin("store_tickets");
}

START_TEST(ticket_opens_once)
{
    forge_who_t who = account("ada", '0');
    ck_assert_int_eq(forge_store_ticket_create(db, forge_test_pool, &who, sha('a')), FORGE_OK);
    ck_assert_int_eq(forge_store_ticket_spend(db, forge_test_pool, sha('b'), &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
    ck_assert_int_eq(forge_store_ticket_spend(db, forge_test_pool, sha('a'), &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "user_id", 0), who.user_id);
    ck_assert_int_eq(forge_store_rows_time(rows, 0, "valid_until"), who.expires);
    ck_assert_str_eq(column("amr"), "pwd otp");
    ck_assert_int_eq(forge_store_ticket_spend(db, forge_test_pool, sha('a'), &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
}
END_TEST

START_TEST(ticket_is_void)
{
    static const char *const ends[] = {
        "UPDATE forge.stream_tickets SET expires_at = now()",
        "UPDATE forge.stream_tickets SET valid_until = now()",
        "UPDATE forge.sessions SET expires_at = now()",
        "UPDATE forge.users SET is_active = false; UPDATE forge.sessions SET expires_at = now() + interval '1 day'",
    };
    forge_who_t who = account("ada", '0');
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        ck_assert_int_eq(forge_store_ticket_create(db, forge_test_pool, &who, sha('a')),
                         i < 3 ? FORGE_OK : FORGE_E_INVALID_TOKEN);
        if (i == 3)
            break;
        sql(ends[i]);
        ck_assert_int_eq(forge_store_ticket_spend(db, forge_test_pool, sha('a'), &rows), FORGE_OK);
        ck_assert_msg(forge_store_rows_count(rows) == 0, "%s", ends[i]);
        if (i < 2)
            ck_assert_str_eq(ask("SELECT count(*) FROM forge.stream_tickets"), "0");
    }
    sql(ends[3]);
    sql("INSERT INTO forge.stream_tickets (sha256, session_id, valid_until) SELECT sha256('x'), id, now() + interval "
        "'1 hour' FROM "
        "forge.sessions");
    ck_assert_int_eq(forge_store_ticket_spend(db, forge_test_pool, ask("SELECT encode(sha256('x'), 'hex')"), &rows),
                     FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
    forge_store_session_logout(db, forge_test_pool, as(&who));
    ck_assert_int_eq(forge_store_ticket_create(db, forge_test_pool, &who, sha('c')), FORGE_E_INVALID_TOKEN);
}
END_TEST

static forge_status_t spend_same(int i)
{
    (void)i;
    db = schema_attach();
    forge_status_t status = forge_store_ticket_spend(db, forge_test_pool, sha('a'), &rows);
    return status == FORGE_OK && forge_store_rows_count(rows) == 0 ? FORGE_E_NOT_FOUND : status;
}

START_TEST(ticket_opens_once_in_parallel)
{
    forge_who_t who = account("ada", '0');
    ck_assert_int_eq(forge_store_ticket_create(db, forge_test_pool, &who, sha('a')), FORGE_OK);
    ck_assert_int_eq(at_once_behind("SELECT FROM forge.stream_tickets FOR UPDATE", 16, spend_same, FORGE_OK), 1);
}
END_TEST

Suite *forge_test_store_tickets(void)
{
    Suite *s = suite_create("store_tickets");
    TCase *tc = tcase_create("tickets");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, schema_setup, forge_test_end);
    tcase_add_test(tc, ticket_opens_once);
    tcase_add_test(tc, ticket_is_void);
    tcase_add_test(tc, ticket_opens_once_in_parallel);
    suite_add_tcase(s, tc);
    return s;
}
