/* SPDX-License-Identifier: Apache-2.0
 * For the tests of organisations: two of them, the people in them, and short words for what they do.
 */
#ifndef FORGE_UNIT_STORE_ORGANIZATIONS_H
#define FORGE_UNIT_STORE_ORGANIZATIONS_H

#include "schema.h"
#include "store/organizations/organizations.h"

/* Accounts by number; organisation 1 has OWNER, ADMIN_IN and MEMBER, organisation 2 has FOREIGN as its owner. */
enum { ROOT = 1, OWNER, ADMIN_IN, MEMBER, FOREIGN, STUDENT, INACTIVE, VISITOR, NOBODY, CALLERS = STUDENT };
enum { ORG = 1, OTHER = 2, UNKNOWN = 99 };

static forge_rows_t *rows;

/* Each suite has a database of its own. */
static const char *database;

__attribute__((unused)) static void begin(void)
{
    schema_begin(database);
}

__attribute__((unused)) static void setup(void)
{
    schema_setup();
    sql("INSERT INTO forge.users (email, email_key, username, role, is_active, email_verified, password_hash)"
        " SELECT n || '@example.org', n || '@example.org', n, r, n <> 'inactive', true, '" FORGE_TEST_HASH "'"
        " FROM (VALUES ('root', 'admin'), ('owner', 'student'), ('admin_in', 'student'), ('member', 'student'), "
        "('foreign', 'instructor'),"
        " ('student', 'student'), ('inactive', 'student'), ('visitor', 'guest')) v(n, r);"
        "INSERT INTO forge.organizations (name, slug) VALUES ('One', 'one'), ('Two', 'two');"
        "INSERT INTO forge.memberships (organization_id, user_id, role) VALUES"
        " (1, 2, 'owner'), (1, 3, 'admin'), (1, 4, 'member'), (2, 5, 'owner')");
}

__attribute__((unused)) static const forge_actor_t *by(int id)
{
    static forge_actor_t actors[NOBODY + 1];
    actors[id] = (forge_actor_t){.id = id, .admin = id == ROOT, .ip = "fe80::1%eth0", .request_id = "r1"};
    return &actors[id];
}

__attribute__((unused)) static const char *column(const char *name)
{
    return forge_store_rows_text(rows, 0, name);
}

__attribute__((unused)) static const char *members(int organization)
{
    return ask(apr_psprintf(
        forge_test_pool,
        "SELECT coalesce(string_agg(user_id || left(role, 1), ' ' ORDER BY user_id), '') FROM forge.memberships WHERE "
        "organization_id = %d",
        organization));
}

__attribute__((unused)) static const char *events(void)
{
    return ask("SELECT coalesce(string_agg(event || coalesce(':' || subject_id, ''), ' ' ORDER BY id), '') FROM "
               "forge.audit_events"
               " WHERE actor_id IS NOT NULL AND ip = 'fe80::1' AND request_id = 'r1'");
}

__attribute__((unused)) static forge_status_t create(int caller, const char *name, const char *slug)
{
    return forge_store_organization_create(db, forge_test_pool, by(caller), name, slug, &rows);
}

__attribute__((unused)) static forge_status_t add(int caller, int org, int user, const char *role)
{
    return forge_store_member_add(
        db, forge_test_pool, by(caller), org,
        &(forge_new_member_t){.user_id = forge_util_itoa(forge_test_pool, user), .role = role}, &rows);
}

__attribute__((unused)) static forge_status_t promote(int caller, int org, int user, const char *role)
{
    return forge_store_member_update(db, forge_test_pool, by(caller), org, &(forge_member_in_t){user, role}, &rows);
}

__attribute__((unused)) static forge_status_t drop(int caller, int org, int user)
{
    return forge_store_member_remove(db, forge_test_pool, by(caller), org, user);
}

__attribute__((unused)) static forge_status_t leave(int caller, int org)
{
    return forge_store_member_leave(db, forge_test_pool, by(caller), org);
}

__attribute__((unused)) static forge_status_t transfer(int caller, int org, int user)
{
    return forge_store_organization_transfer(db, forge_test_pool, by(caller), org, user, &rows);
}

/* Names of a list for a caller, "One Two". */
__attribute__((unused)) static const char *listed(const forge_list_t *list, int caller, int org, const char *name)
{
    const forge_args_t base = FORGE_ARGS(forge_util_itoa(forge_test_pool, caller), caller == ROOT ? "t" : "f",
                                         forge_util_itoa(forge_test_pool, org));
    const char *text = "";
    apr_int64_t total;
    forge_list_query_t query = {.base = {base.values, list->base_args}, .limit = 100, .count = true};
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, list, &query, &rows, &total), FORGE_OK);
    ck_assert_int_eq(total, forge_store_rows_count(rows));
    for (int i = 0; i < forge_store_rows_count(rows); i++)
        text = apr_pstrcat(forge_test_pool, text, i ? " " : "", forge_store_rows_text(rows, i, name), NULL);
    return text;
}

__attribute__((unused)) static TCase *case_make(Suite *s, const char *name)
{
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    suite_add_tcase(s, tc);
    return tc;
}

#endif
