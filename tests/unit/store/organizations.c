/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/organizations.c and members.c: rights inside, walls outside, the last owner, races.
 */
#include "organizations.h"
#include "store/organizations/organizations.h"

/* --- organisations --- */

START_TEST(created_with_a_slug)
{
    static const struct {
        const char *name, *slug;
    } cases[] = {
        {"Institute of Graphs", "institute-of-graphs"},
        {"  Universität  Zürich! ", "universitat-zurich"},
        {"Ærø & Søn GmbH", "r-s-n-gmbh"},
        {"数学", "organization"},
        {"C++ / C#", "c-c"},
        {"ａｂｃ １２", "abc-12"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ck_assert_int_eq(create(STUDENT, cases[i].name, NULL), FORGE_OK);
        ck_assert_str_eq(column("slug"), cases[i].slug);
        ck_assert_str_eq(column("name"), cases[i].name);
        ck_assert_str_eq(column("role"), "owner");
        ck_assert_str_eq(column("version"), "1");
    }
    ck_assert_int_eq(create(STUDENT, apr_psprintf(forge_test_pool, "%0200d", 7), NULL), FORGE_OK);
    ck_assert_uint_eq(strlen(column("slug")), 54);
    ck_assert_int_eq(create(STUDENT, apr_psprintf(forge_test_pool, "%0200d", 7), NULL), FORGE_OK);
    ck_assert_uint_eq(strlen(column("slug")), 63); /* with a suffix */
    ck_assert_str_eq(members(3), "6o");
    ck_assert_int_eq(create(NOBODY, "Nobody's", NULL), FORGE_E_INVALID_TOKEN);
}
END_TEST

START_TEST(taken_slugs)
{
    ck_assert_int_eq(create(STUDENT, "One", "one"), FORGE_E_SLUG_TAKEN);
    ck_assert_int_eq(create(STUDENT, "One", NULL), FORGE_OK);
    ck_assert_msg(strncmp(column("slug"), "one-", 4) == 0 && strlen(column("slug")) == 12, "%s", column("slug"));
    ck_assert_int_eq(forge_store_organization_update(db, forge_test_pool, by(OWNER), ORG,
                                                     &(forge_patch_t){.members = "{\"slug\":\"two\"}"}, &rows),
                     FORGE_E_SLUG_TAKEN);
    ck_assert_int_eq(forge_store_organization_update(db, forge_test_pool, by(OWNER), ORG,
                                                     &(forge_patch_t){.members = "{\"slug\":\"one\"}"}, &rows),
                     FORGE_OK);
    ck_assert_int_eq(create(STUDENT, "N", "Not-Good"), FORGE_E_VALIDATION);
    ck_assert_str_eq(forge_store_constraint(db), "organizations_slug_form");
}
END_TEST

static forge_status_t create_same(int i)
{
    db = schema_attach();
    return create(STUDENT, apr_psprintf(forge_test_pool, "N%d", i), "same");
}

static forge_status_t create_unnamed(int i)
{
    (void)i;
    db = schema_attach();
    return create(STUDENT, "Twins", NULL);
}

START_TEST(slugs_taken_at_once)
{
    ck_assert_int_eq(at_once(12, create_same, FORGE_OK), 1);
    ck_assert_int_eq(at_once(12, create_unnamed, FORGE_OK), 12);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.memberships WHERE user_id = 6"), "13");
}
END_TEST

START_TEST(read_by_members_only)
{
    for (int caller = ROOT; caller <= CALLERS; caller++) {
        forge_status_t wanted = caller <= MEMBER ? FORGE_OK : FORGE_E_NOT_FOUND;
        ck_assert_int_eq(forge_store_organization_get(db, forge_test_pool, by(caller), ORG, &rows), wanted);
        ck_assert_int_eq(forge_store_organization_get(db, forge_test_pool, by(caller), UNKNOWN, &rows),
                         FORGE_E_NOT_FOUND);
    }
    ck_assert_int_eq(forge_store_organization_get(db, forge_test_pool, by(ADMIN_IN), ORG, &rows), FORGE_OK);
    ck_assert_str_eq(column("role"), "admin");
    ck_assert_str_eq(column("_username"), "admin_in");
    ck_assert_int_eq(forge_store_organization_get(db, forge_test_pool, by(ROOT), ORG, &rows), FORGE_OK);
    ck_assert_ptr_null(column("role"));
}
END_TEST

START_TEST(changed_by_rights)
{
    static const forge_status_t update[CALLERS + 1] = {
        0, FORGE_OK, FORGE_OK, FORGE_OK, FORGE_E_FORBIDDEN, FORGE_E_NOT_FOUND, FORGE_E_NOT_FOUND};
    static const forge_status_t delete[CALLERS + 1] = {
        0, FORGE_OK, FORGE_OK, FORGE_E_FORBIDDEN, FORGE_E_FORBIDDEN, FORGE_E_NOT_FOUND, FORGE_E_NOT_FOUND};
    for (int caller = CALLERS; caller >= ROOT; caller--) {
        ck_assert_int_eq(forge_store_organization_update(db, forge_test_pool, by(caller), ORG,
                                                         &(forge_patch_t){.members = "{\"name\":\"New\"}"}, &rows),
                         update[caller]);
        if (delete[caller] != FORGE_OK)
            ck_assert_int_eq(forge_store_organization_delete(db, forge_test_pool, by(caller), ORG, NULL, false),
                             delete[caller]);
    }
    ck_assert_int_eq(
        forge_store_organization_update(db, forge_test_pool, by(OWNER), ORG,
                                        &(forge_patch_t){.members = "{\"name\":\"X\"}", .if_version = "{1}"}, &rows),
        FORGE_E_PRECONDITION_FAILED);
    ck_assert_int_eq(forge_store_organization_delete(db, forge_test_pool, by(OWNER), ORG, "{1}", false),
                     FORGE_E_PRECONDITION_FAILED);
    ck_assert_int_eq(
        forge_store_organization_update(db, forge_test_pool, by(OWNER), ORG,
                                        &(forge_patch_t){.members = "{\"slug\":\"uno\"}", .if_version = "{4}"}, &rows),
        FORGE_OK);
    ck_assert_str_eq(column("name"), "New");
    ck_assert_str_eq(column("slug"), "uno");
    ck_assert_int_eq(forge_store_organization_delete(db, forge_test_pool, by(OWNER), ORG, "{5}", false), FORGE_OK);
    ck_assert_int_eq(forge_store_organization_delete(db, forge_test_pool, by(ROOT), OTHER, NULL, false), FORGE_OK);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.memberships"), "0");
    ck_assert_str_eq(
        events(),
        "organization.updated organization.updated organization.updated organization.updated organization.deleted "
        "organization.deleted");
}
END_TEST

START_TEST(kept_while_courses_are_inside)
{
    sql("INSERT INTO forge.courses (title, instructor_id, organization_id, status) VALUES ('C', 2, 1, 'draft')");
    ck_assert_int_eq(forge_store_organization_delete(db, forge_test_pool, by(OWNER), ORG, NULL, false),
                     FORGE_E_CONFLICT);
    ck_assert_int_eq(forge_store_organization_delete(db, forge_test_pool, by(ROOT), ORG, NULL, false),
                     FORGE_E_CONFLICT);
    sql("DELETE FROM forge.courses");
    ck_assert_int_eq(forge_store_organization_delete(db, forge_test_pool, by(OWNER), ORG, NULL, false), FORGE_OK);
}
END_TEST

START_TEST(lists)
{
    ck_assert_str_eq(listed(&forge_store_organizations_mine, OWNER, 0, "name"), "One");
    ck_assert_str_eq(listed(&forge_store_organizations_mine, STUDENT, 0, "name"), "");
    ck_assert_str_eq(listed(&forge_store_organizations_all, ROOT, 0, "name"), "One Two");
    for (int caller = ROOT; caller <= CALLERS; caller++)
        ck_assert_str_eq(listed(&forge_store_members_list, caller, ORG, "username"),
                         caller <= MEMBER ? "owner admin_in member" : "");
    ck_assert_str_eq(listed(&forge_store_members_list, ROOT, UNKNOWN, "username"), "");
}
END_TEST

/* --- members --- */

START_TEST(added_by_rights)
{
    static const struct {
        int caller, org, user;
        const char *role;
        forge_status_t wanted;
    } cases[] = {
        {MEMBER, ORG, STUDENT, "member", FORGE_E_FORBIDDEN},
        {ADMIN_IN, ORG, STUDENT, "owner", FORGE_E_FORBIDDEN},
        {FOREIGN, ORG, STUDENT, "member", FORGE_E_NOT_FOUND},
        {STUDENT, ORG, STUDENT, "owner", FORGE_E_NOT_FOUND},
        {OWNER, UNKNOWN, STUDENT, "member", FORGE_E_NOT_FOUND},
        {ROOT, UNKNOWN, STUDENT, "member", FORGE_E_NOT_FOUND},
        {OWNER, ORG, NOBODY, "member", FORGE_E_BAD_REFERENCE},
        {OWNER, ORG, INACTIVE, "member", FORGE_E_BAD_REFERENCE},
        {OWNER, ORG, VISITOR, "member", FORGE_E_BAD_REFERENCE}, /* a guest */
        {OWNER, ORG, ADMIN_IN, "owner", FORGE_E_ALREADY_MEMBER},
        {ADMIN_IN, ORG, STUDENT, "admin", FORGE_OK},
        {OWNER, ORG, FOREIGN, "owner", FORGE_OK},
        {ROOT, OTHER, STUDENT, "owner", FORGE_OK},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_msg(add(cases[i].caller, cases[i].org, cases[i].user, cases[i].role) == cases[i].wanted, "case %zu",
                      i);
    ck_assert_str_eq(column("username"), "student");
    ck_assert_str_eq(column("role"), "owner");
    ck_assert_str_eq(members(ORG), "2o 3a 4m 5o 6a");
    ck_assert_str_eq(events(), "member.added:6 member.added:5 member.added:6");
    ck_assert_int_eq(forge_store_member_add(db, forge_test_pool, by(OWNER), ORG,
                                            &(forge_new_member_t){.email_key = "root@example.org", .role = "member"},
                                            &rows),
                     FORGE_OK);
    ck_assert_int_eq(forge_store_member_add(db, forge_test_pool, by(OWNER), ORG,
                                            &(forge_new_member_t){.email_key = "nobody@example.org", .role = "member"},
                                            &rows),
                     FORGE_E_INVITE_INSTEAD);
}
END_TEST

static forge_status_t add_named(const char *username, const char *email_key)
{
    const forge_new_member_t in = {.username = username, .email_key = email_key, .role = "member"};
    return forge_store_member_add(db, forge_test_pool, by(OWNER), ORG, &in, &rows);
}

/* Whoever registers somebody's address is not that person yet: the answer is the one for an address that nobody has. */
START_TEST(addresses_name_accounts_once_proven)
{
    sql("UPDATE forge.users SET email_verified = false WHERE username IN ('student', 'member')");
    ck_assert_int_eq(add_named(NULL, "student@example.org"), FORGE_E_INVITE_INSTEAD);
    ck_assert_int_eq(add_named(NULL, "member@example.org"), FORGE_E_INVITE_INSTEAD); /* who is one already */
    ck_assert_int_eq(add_named(NULL, "inactive@example.org"), FORGE_E_INVITE_INSTEAD);
    ck_assert_int_eq(add_named(NULL, "visitor@example.org"), FORGE_E_INVITE_INSTEAD);
    ck_assert_str_eq(members(ORG), "2o 3a 4m");
    ck_assert_int_eq(add_named("nobody", NULL), FORGE_E_BAD_REFERENCE);
    ck_assert_int_eq(add_named("inactive", NULL), FORGE_E_BAD_REFERENCE);
    ck_assert_int_eq(add_named("visitor", NULL), FORGE_E_BAD_REFERENCE); /* a guest */
    ck_assert_int_eq(add_named("STUDENT", NULL), FORGE_OK);              /* a name is the account's, proven or not */
    ck_assert_str_eq(column("username"), "student");
    sql("UPDATE forge.users SET email_verified = true WHERE username = 'student'");
    ck_assert_int_eq(add_named(NULL, "student@example.org"), FORGE_E_ALREADY_MEMBER);
}
END_TEST

START_TEST(roles_changed_by_rights)
{
    static const struct {
        int caller, user;
        const char *role;
        forge_status_t wanted;
    } cases[] = {
        {MEMBER, MEMBER, "admin", FORGE_E_FORBIDDEN},
        {MEMBER, ADMIN_IN, "member", FORGE_E_FORBIDDEN},
        {FOREIGN, MEMBER, "admin", FORGE_E_NOT_FOUND},
        {ADMIN_IN, MEMBER, "owner", FORGE_E_FORBIDDEN},
        {ADMIN_IN, ADMIN_IN, "owner", FORGE_E_FORBIDDEN},
        {ADMIN_IN, OWNER, "member", FORGE_E_FORBIDDEN},
        {ADMIN_IN, OWNER, "admin", FORGE_E_FORBIDDEN},
        {ADMIN_IN, STUDENT, "admin", FORGE_E_NOT_FOUND},
        {OWNER, OWNER, "admin", FORGE_E_LAST_OWNER},
        {ROOT, OWNER, "member", FORGE_E_LAST_OWNER},
        {OWNER, OWNER, "owner", FORGE_OK},
        {ADMIN_IN, MEMBER, "admin", FORGE_OK},
        {ADMIN_IN, ADMIN_IN, "member", FORGE_OK},
        {OWNER, ADMIN_IN, "owner", FORGE_OK},
        {ADMIN_IN, OWNER, "member", FORGE_OK},
        {ROOT, MEMBER, "owner", FORGE_OK},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_msg(promote(cases[i].caller, ORG, cases[i].user, cases[i].role) == cases[i].wanted, "case %zu", i);
    ck_assert_str_eq(members(ORG), "2m 3o 4o");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.audit_events WHERE event = 'member.role_changed'"),
                     "5"); /* no change, no event */
}
END_TEST

START_TEST(removed_by_rights)
{
    static const struct {
        int caller, user;
        forge_status_t wanted;
    } cases[] = {
        {MEMBER, ADMIN_IN, FORGE_E_FORBIDDEN}, {MEMBER, MEMBER, FORGE_E_FORBIDDEN},
        {FOREIGN, MEMBER, FORGE_E_NOT_FOUND},  {ADMIN_IN, OWNER, FORGE_E_FORBIDDEN},
        {OWNER, STUDENT, FORGE_E_NOT_FOUND},   {OWNER, OWNER, FORGE_E_LAST_OWNER},
        {ROOT, OWNER, FORGE_E_LAST_OWNER},     {ADMIN_IN, MEMBER, FORGE_OK},
        {ADMIN_IN, MEMBER, FORGE_E_NOT_FOUND}, {ADMIN_IN, ADMIN_IN, FORGE_OK},
        {ADMIN_IN, OWNER, FORGE_E_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_msg(drop(cases[i].caller, ORG, cases[i].user) == cases[i].wanted, "case %zu", i);
    ck_assert_str_eq(members(ORG), "2o");
    ck_assert_int_eq(leave(OWNER, ORG), FORGE_E_LAST_OWNER);
    ck_assert_int_eq(leave(MEMBER, ORG), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(leave(ROOT, ORG), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(add(OWNER, ORG, STUDENT, "owner"), FORGE_OK);
    ck_assert_int_eq(leave(OWNER, ORG), FORGE_OK);
    ck_assert_str_eq(members(ORG), "6o");
    ck_assert_str_eq(events(), "member.removed:4 member.removed:3 member.added:6 member.left:2");
}
END_TEST

START_TEST(handed_over)
{
    ck_assert_int_eq(transfer(MEMBER, ORG, MEMBER), FORGE_E_FORBIDDEN);
    ck_assert_int_eq(transfer(ADMIN_IN, ORG, ADMIN_IN), FORGE_E_FORBIDDEN);
    ck_assert_int_eq(transfer(FOREIGN, ORG, FOREIGN), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(transfer(OWNER, ORG, STUDENT), FORGE_E_BAD_REFERENCE);
    ck_assert_int_eq(transfer(OWNER, ORG, NOBODY), FORGE_E_BAD_REFERENCE);
    ck_assert_int_eq(transfer(OWNER, ORG, OWNER), FORGE_OK);
    ck_assert_str_eq(members(ORG), "2o 3a 4m");
    ck_assert_int_eq(transfer(OWNER, ORG, MEMBER), FORGE_OK);
    ck_assert_str_eq(column("name"), "One");
    ck_assert_str_eq(column("role"), "admin");
    ck_assert_str_eq(members(ORG), "2a 3a 4o");
    ck_assert_int_eq(promote(MEMBER, ORG, OWNER, "owner"), FORGE_OK);
    ck_assert_int_eq(transfer(ROOT, ORG, ADMIN_IN), FORGE_OK);
    ck_assert_ptr_null(column("role"));
    ck_assert_str_eq(members(ORG), "2a 3o 4a");
    sql("INSERT INTO forge.memberships VALUES (1, 7, 'member')");
    ck_assert_int_eq(transfer(ROOT, ORG, INACTIVE), FORGE_E_BAD_REFERENCE);
}
END_TEST

/* An owner who cannot act is none: the organisation keeps one who can, and a platform administrator may replace one who
 * cannot any more. */
START_TEST(inactive_owners_do_not_count)
{
    sql("INSERT INTO forge.memberships VALUES (1, 7, 'owner')");
    ck_assert_int_eq(leave(OWNER, ORG), FORGE_E_LAST_OWNER);
    ck_assert_int_eq(promote(OWNER, ORG, OWNER, "admin"), FORGE_E_LAST_OWNER);
    ck_assert_int_eq(drop(OWNER, ORG, INACTIVE), FORGE_OK);
    sql("UPDATE forge.users SET is_active = false WHERE id = 2"); /* an account may always be closed */
    ck_assert_int_eq(drop(ROOT, ORG, OWNER), FORGE_E_LAST_OWNER);
    ck_assert_int_eq(transfer(ROOT, ORG, MEMBER), FORGE_OK);
    ck_assert_int_eq(drop(ROOT, ORG, OWNER), FORGE_OK);
    ck_assert_str_eq(members(ORG), "3a 4o");
}
END_TEST

/* SQLSTATE and constraint of a statement on a connection of its own. */
static const char *refusal(const char *text)
{
    PGconn *conn = forge_test_pg_connect(forge_test_pool, forge_test_dsn);
    PGresult *result = PQexec(conn, text);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE),
               *name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    state = apr_pstrcat(forge_test_pool, state ? state : "00000", " ", name ? name : "", NULL);
    PQclear(result);
    return state;
}

START_TEST(last_owner_with_psql)
{
    static const char refused[] = "23514 memberships_last_owner", fine[] = "00000 ";
    ck_assert_str_eq(refusal("DELETE FROM forge.memberships WHERE user_id = 2"), refused);
    ck_assert_str_eq(refusal("UPDATE forge.memberships SET role = 'admin' WHERE user_id = 2"), refused);
    ck_assert_str_eq(refusal("UPDATE forge.memberships SET organization_id = 2 WHERE user_id = 2"), refused);
    ck_assert_str_eq(refusal("DELETE FROM forge.users WHERE id = 2"), refused);
    ck_assert_str_eq(refusal("DELETE FROM forge.memberships"), refused);
    ck_assert_str_eq(refusal("BEGIN ISOLATION LEVEL REPEATABLE READ; DELETE FROM forge.memberships WHERE user_id = 2"),
                     "25000 ");
    ck_assert_str_eq(refusal("UPDATE forge.memberships SET joined_at = now(), role = 'owner' WHERE user_id = 2"), fine);
    ck_assert_str_eq(refusal("UPDATE forge.memberships SET role = CASE user_id WHEN 2 THEN 'member' ELSE 'owner' END "
                             "WHERE user_id IN (2, 4)"),
                     fine);
    ck_assert_str_eq(refusal("DELETE FROM forge.organizations WHERE id = 1"), fine);
    ck_assert_str_eq(members(ORG), "");
}
END_TEST

/* Two people with psql, each removes an owner and commits when they like. */
START_TEST(two_removals_with_psql)
{
    PGconn *one = forge_test_pg_connect(forge_test_pool, forge_test_dsn),
           *two = forge_test_pg_connect(forge_test_pool, forge_test_dsn);
    sql("INSERT INTO forge.memberships VALUES (1, 6, 'owner')");
    PQclear(PQexec(one, "BEGIN; DELETE FROM forge.memberships WHERE user_id = 2"));
    ck_assert(PQsendQuery(two, "UPDATE forge.memberships SET role = 'member' WHERE user_id = 6"));
    PQclear(PQexec(one, "SELECT pg_sleep(0.1)"));
    PQclear(PQexec(one, "COMMIT"));
    PGresult *late = PQgetResult(two);
    ck_assert_str_eq(PQresultErrorField(late, PG_DIAG_CONSTRAINT_NAME), "memberships_last_owner");
    PQclear(late);
    ck_assert_str_eq(members(ORG), "3a 4m 6o");
}
END_TEST

/* Two owners, and each removes the other, demotes themselves or leaves, at the same moment. */
static forge_status_t step_down(int i)
{
    int caller = i % 2 ? OWNER : STUDENT, other = i % 2 ? STUDENT : OWNER;
    db = schema_attach();
    switch (i / 2 % 3) {
    case 0:
        return drop(caller, ORG, other);
    case 1:
        return promote(caller, ORG, caller, "member");
    default:
        return leave(caller, ORG);
    }
}

static int round_of;

static forge_status_t step_down_pair(int i)
{
    return step_down(round_of * 2 + i);
}

START_TEST(one_owner_is_always_left)
{
    for (round_of = 0; round_of < 51; round_of++) {
        sql("SET session_replication_role = replica; DELETE FROM forge.memberships WHERE organization_id = 1; RESET "
            "session_replication_role;"
            "INSERT INTO forge.memberships VALUES (1, 2, 'owner'), (1, 6, 'owner')");
        ck_assert_int_eq(at_once(2, step_down_pair, FORGE_OK), 1);
        ck_assert_str_eq(ask("SELECT count(*) FROM forge.memberships WHERE organization_id = 1 AND role = 'owner'"),
                         "1");
    }
}
END_TEST

Suite *forge_test_store_organizations(void)
{
    Suite *s = suite_create(database = "store_organizations");
    TCase *tc = case_make(s, "organizations");
    tcase_add_test(tc, created_with_a_slug);
    tcase_add_test(tc, taken_slugs);
    tcase_add_test(tc, slugs_taken_at_once);
    tcase_add_test(tc, read_by_members_only);
    tcase_add_test(tc, changed_by_rights);
    tcase_add_test(tc, kept_while_courses_are_inside);
    tcase_add_test(tc, lists);
    tc = case_make(s, "members");
    tcase_add_test(tc, added_by_rights);
    tcase_add_test(tc, addresses_name_accounts_once_proven);
    tcase_add_test(tc, roles_changed_by_rights);
    tcase_add_test(tc, removed_by_rights);
    tcase_add_test(tc, handed_over);
    tcase_add_test(tc, inactive_owners_do_not_count);
    tcase_add_test(tc, last_owner_with_psql);
    tcase_add_test(tc, two_removals_with_psql);
    tcase_add_test(tc, one_owner_is_always_left);
    return s;
}
