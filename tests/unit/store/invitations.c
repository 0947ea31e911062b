/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/invitations.c and enrollments.c: who invites, who accepts, once; who takes a course.
 */
#include "organizations.h"
#include "store/organizations/organizations.h"
#include "store/learning/learning.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"

/* --- invitations --- */

/* Tokens are numbered; their digests end in the number. */
static const char *digest(int n)
{
    return apr_psprintf(forge_test_pool, "%s%d", SHA, n);
}

static forge_status_t invite(int caller, int org, const char *address, const char *role, int n)
{
    const forge_new_invitation_t in = {
        .email = address,
        .email_key = address,
        .role = role,
        .sha256_hex = digest(n),
        .mail = {.sender = "https://learn.example.org", .payload = "sealed sealed sealed sealed sealed sealed"}};
    return forge_store_invitation_create(db, forge_test_pool, by(caller), org, &in, &rows);
}

static forge_status_t accept_token(int caller, int n)
{
    return forge_store_invitation_accept(db, forge_test_pool, by(caller), digest(n), &rows);
}

static const char *states(void)
{
    return ask("SELECT coalesce(string_agg(state, ' ' ORDER BY id), '') FROM forge.invitations");
}

START_TEST(only_proven_accounts_invite)
{
    sql("UPDATE forge.users SET email_verified = false");
    ck_assert_int_eq(invite(OWNER, ORG, "new@example.org", "member", 1), FORGE_E_EMAIL_UNPROVEN);
    ck_assert_int_eq(invite(OWNER, ORG, "member@example.org", "member", 1), FORGE_E_EMAIL_UNPROVEN);
    ck_assert_int_eq(invite(MEMBER, ORG, "new@example.org", "member", 1), FORGE_E_FORBIDDEN);
    ck_assert_int_eq(invite(FOREIGN, ORG, "new@example.org", "member", 1), FORGE_E_NOT_FOUND);
    ck_assert_str_eq(ask("SELECT (SELECT count(*) FROM forge.invitations) + (SELECT count(*) FROM forge.mail_outbox)"),
                     "0");
    ck_assert_int_eq(invite(ROOT, ORG, "new@example.org", "member", 1), FORGE_OK); /* known without an address */
    sql("UPDATE forge.users SET email_verified = true WHERE username = 'owner'");
    ck_assert_int_eq(invite(OWNER, ORG, "other@example.org", "member", 2), FORGE_OK);
    /* A member who never proved this address is not known by it. */
    ck_assert_int_eq(invite(OWNER, ORG, "member@example.org", "member", 3), FORGE_OK);
}
END_TEST

START_TEST(invited_by_rights)
{
    static const struct {
        int caller, org;
        const char *address, *role;
        forge_status_t wanted;
    } cases[] = {
        {MEMBER, ORG, "new@example.org", "member", FORGE_E_FORBIDDEN},
        {ADMIN_IN, ORG, "new@example.org", "owner", FORGE_E_FORBIDDEN},
        {FOREIGN, ORG, "new@example.org", "member", FORGE_E_NOT_FOUND},
        {OWNER, UNKNOWN, "new@example.org", "member", FORGE_E_NOT_FOUND},
        {ADMIN_IN, ORG, "member@example.org", "member", FORGE_E_ALREADY_MEMBER},
        {ADMIN_IN, ORG, "new@example.org", "admin", FORGE_OK},
        {OWNER, ORG, "new@example.org", "member", FORGE_E_INVITATION_PENDING},
        {OWNER, ORG, "boss@example.org", "owner", FORGE_OK},
        {FOREIGN, OTHER, "new@example.org", "member", FORGE_OK},
        {ROOT, ORG, "third@example.org", "owner", FORGE_OK},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_msg(invite(cases[i].caller, cases[i].org, cases[i].address, cases[i].role, (int)i) == cases[i].wanted,
                      "case %zu", i);
    ck_assert_str_eq(column("state"), "pending");
    ck_assert_str_eq(column("email"), "third@example.org");
    ck_assert_str_eq(column("invited_by"), "1");
    ck_assert_ptr_null(column("sha256"));
    ck_assert_str_eq(ask("SELECT count(*) || min(kind) || min(recipient) FROM forge.mail_outbox"),
                     "4invitationboss@example.org");
    ck_assert_str_eq(ask("SELECT expires_at - created_at = interval '168 hours' FROM forge.invitations WHERE id = 1"),
                     "true");
    for (int caller = ROOT; caller <= CALLERS; caller++)
        ck_assert_str_eq(listed(&forge_store_invitations_list, caller, ORG, "email"),
                         caller <= ADMIN_IN ? "new@example.org boss@example.org third@example.org" : "");
}
END_TEST

START_TEST(revoked_by_rights)
{
    ck_assert_int_eq(invite(OWNER, ORG, "a@example.org", "owner", 1), FORGE_OK);
    ck_assert_int_eq(invite(OWNER, ORG, "student@example.org", "member", 2), FORGE_OK);
#define REVOKE(caller, org, id) forge_store_invitation_revoke(db, forge_test_pool, by(caller), org, id)
    ck_assert_int_eq(REVOKE(MEMBER, ORG, 2), FORGE_E_FORBIDDEN);
    ck_assert_int_eq(REVOKE(ADMIN_IN, ORG, 1), FORGE_E_FORBIDDEN);
    ck_assert_int_eq(REVOKE(FOREIGN, ORG, 2), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(REVOKE(FOREIGN, OTHER, 2), FORGE_E_NOT_FOUND); /* of another organisation */
    ck_assert_int_eq(REVOKE(OWNER, ORG, 99), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(REVOKE(ADMIN_IN, ORG, 2), FORGE_OK);
    ck_assert_int_eq(REVOKE(ADMIN_IN, ORG, 2), FORGE_E_INVITATION_GONE);
    ck_assert_str_eq(states(), "pending revoked");
    ck_assert_int_eq(accept_token(STUDENT, 2), FORGE_E_INVITATION_GONE);
    ck_assert_int_eq(invite(OWNER, ORG, "student@example.org", "member", 3), FORGE_OK); /* again */
    ck_assert_int_eq(accept_token(STUDENT, 3), FORGE_OK);
    ck_assert_int_eq(REVOKE(OWNER, ORG, 3), FORGE_E_INVITATION_GONE);
}
END_TEST

START_TEST(accepted_once_by_its_address)
{
    ck_assert_int_eq(invite(OWNER, ORG, "student@example.org", "admin", 1), FORGE_OK);
    ck_assert_int_eq(accept_token(STUDENT, 9), FORGE_E_TOKEN_INVALID);
    ck_assert_int_eq(accept_token(FOREIGN, 1), FORGE_E_INVITATION_FOREIGN);
    ck_assert_int_eq(accept_token(ROOT, 1), FORGE_E_INVITATION_FOREIGN);
    ck_assert_int_eq(accept_token(NOBODY, 1), FORGE_E_INVALID_TOKEN);
    ck_assert_str_eq(states(), "pending");
    ck_assert_int_eq(accept_token(STUDENT, 1), FORGE_OK);
    ck_assert_str_eq(column("slug"), "one");
    ck_assert_str_eq(column("role"), "admin");
    ck_assert_int_eq(accept_token(STUDENT, 1), FORGE_E_INVITATION_GONE);
    ck_assert_int_eq(accept_token(FOREIGN, 1), FORGE_E_INVITATION_FOREIGN);
    ck_assert_str_eq(members(ORG), "2o 3a 4m 6a");
    ck_assert_str_eq(events(), "invitation.created invitation.accepted:6");
}
END_TEST

START_TEST(expired)
{
    ck_assert_int_eq(invite(OWNER, ORG, "student@example.org", "member", 1), FORGE_OK);
    sql("UPDATE forge.invitations SET created_at = now() - interval '169 hours', expires_at = now() - interval '1 "
        "hour'");
    ck_assert_int_eq(accept_token(STUDENT, 1), FORGE_E_INVITATION_GONE);
    ck_assert_str_eq(listed(&forge_store_invitations_list, OWNER, ORG, "state"), "expired");
    ck_assert_int_eq(REVOKE(OWNER, ORG, 1), FORGE_E_INVITATION_GONE);
    ck_assert_int_eq(invite(OWNER, ORG, "student@example.org", "member", 2), FORGE_OK);
    ck_assert_str_eq(states(), "expired pending");
    ck_assert_int_eq(accept_token(STUDENT, 1), FORGE_E_INVITATION_GONE);
    ck_assert_int_eq(accept_token(STUDENT, 2), FORGE_OK);
}
END_TEST

START_TEST(already_a_member)
{
    ck_assert_int_eq(invite(OWNER, ORG, "student@example.org", "owner", 1), FORGE_OK);
    ck_assert_int_eq(add(OWNER, ORG, STUDENT, "member"), FORGE_OK);
    ck_assert_int_eq(accept_token(STUDENT, 1), FORGE_E_ALREADY_MEMBER);
    ck_assert_str_eq(members(ORG), "2o 3a 4m 6m");
}
END_TEST

/* Nobody who was sent away comes back by what was sent before, and a role that is lost does not go on giving. */
START_TEST(ended_with_the_right_to_send)
{
    ck_assert_int_eq(promote(OWNER, ORG, ADMIN_IN, "owner"), FORGE_OK);
    ck_assert_int_eq(invite(ADMIN_IN, ORG, "a@example.org", "owner", 1), FORGE_OK);
    ck_assert_int_eq(invite(ADMIN_IN, ORG, "student@example.org", "member", 2), FORGE_OK);
    ck_assert_int_eq(promote(OWNER, ORG, ADMIN_IN, "admin"), FORGE_OK);
    ck_assert_str_eq(states(), "revoked pending");
    ck_assert_int_eq(invite(OWNER, ORG, "foreign@example.org", "member", 3), FORGE_OK);
    ck_assert_int_eq(add(OWNER, ORG, FOREIGN, "member"), FORGE_OK);
    ck_assert_int_eq(drop(OWNER, ORG, FOREIGN), FORGE_OK);
    ck_assert_int_eq(accept_token(FOREIGN, 3), FORGE_E_INVITATION_GONE);
    ck_assert_int_eq(drop(OWNER, ORG, ADMIN_IN), FORGE_OK);
    ck_assert_str_eq(states(), "revoked revoked revoked");
    ck_assert_int_eq(accept_token(STUDENT, 2), FORGE_E_INVITATION_GONE);
}
END_TEST

START_TEST(mailboxes_are_not_flooded)
{
    for (int i = 0; i < FORGE_INVITATIONS_RECEIVED_MAX; i++) {
        ck_assert_int_eq(invite(OWNER, ORG, "victim@example.org", "member", i), FORGE_OK);
        ck_assert_int_eq(REVOKE(OWNER, ORG, i + 1), FORGE_OK);
    }
    ck_assert_int_eq(invite(FOREIGN, OTHER, "victim@example.org", "member", 0), FORGE_E_RATE_LIMITED);
    sql("INSERT INTO forge.invitations (organization_id, email, email_key, sha256, invited_by) SELECT 1, 'u' || g || "
        "'@example.org', 'u' "
        "|| g"
        " || '@example.org', sha256(g::text::bytea), 2 FROM generate_series(11, 500) g");
    ck_assert_int_eq(invite(OWNER, ORG, "one-more@example.org", "member", 0), FORGE_E_RATE_LIMITED);
    ck_assert_int_eq(invite(ADMIN_IN, ORG, "one-more@example.org", "member", 0 + 9),
                     FORGE_E_CONFLICT); /* digests are unique */
    sql("UPDATE forge.invitations SET created_at = created_at - interval '25 hours', expires_at = expires_at - "
        "interval '25 hours'");
    ck_assert_int_eq(invite(FOREIGN, OTHER, "victim@example.org", "member", 0), FORGE_E_CONFLICT);
}
END_TEST

static forge_status_t accept_first(int i)
{
    (void)i;
    db = schema_attach();
    return accept_token(STUDENT, 1);
}

static forge_status_t invite_same(int i)
{
    db = schema_attach();
    return invite(i % 2 ? OWNER : ADMIN_IN, ORG, "same@example.org", "member", i + 2);
}

START_TEST(races)
{
    ck_assert_int_eq(invite(OWNER, ORG, "student@example.org", "member", 1), FORGE_OK);
    ck_assert_int_eq(at_once(20, accept_first, FORGE_OK), 1);
    ck_assert_int_eq(at_once(2, accept_first, FORGE_E_INVITATION_GONE), 2);
    ck_assert_int_eq(at_once(8, invite_same, FORGE_OK), 1);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mail_outbox"), "2");
}
END_TEST

/* --- enrolments --- */

enum { PUBLIC_COURSE = 1, ORG_COURSE, DRAFT_COURSE };

static void courses(void)
{
    sql("INSERT INTO forge.courses (title, instructor_id, organization_id, status) VALUES"
        " ('Public', 5, NULL, 'published'), ('Inside', 3, 1, 'published'), ('Draft', 5, NULL, 'draft')");
}

static forge_status_t enroll(int caller, int course, bool *already)
{
    return forge_store_enroll(db, forge_test_pool, by(caller), course, already, &rows);
}

static bool enrolled(int user, int course)
{
    bool is = true;
    ck_assert_int_eq(forge_store_enrolled(db, forge_test_pool, &(forge_who_t){.user_id = user}, course, &is), FORGE_OK);
    return is;
}

START_TEST(enrolled_where_one_sees)
{
    bool already;
    courses();
    ck_assert_int_eq(enroll(STUDENT, PUBLIC_COURSE, &already), FORGE_OK);
    ck_assert(!already);
    ck_assert_str_eq(column("course_id"), "1");
    ck_assert_str_eq(column("user_id"), "6");
    ck_assert_int_eq(enroll(STUDENT, PUBLIC_COURSE, &already), FORGE_OK);
    ck_assert(already && column("enrolled_at"));
    ck_assert_int_eq(enroll(STUDENT, ORG_COURSE, &already), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(enroll(MEMBER, ORG_COURSE, &already), FORGE_OK);
    ck_assert_int_eq(enroll(STUDENT, DRAFT_COURSE, &already), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(enroll(STUDENT, NOBODY, &already), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(enroll(ROOT, ORG_COURSE, &already), FORGE_OK);
    ck_assert_int_eq(forge_store_unenroll(db, forge_test_pool, by(STUDENT), PUBLIC_COURSE), FORGE_OK);
    ck_assert_int_eq(forge_store_unenroll(db, forge_test_pool, by(STUDENT), PUBLIC_COURSE), FORGE_OK);
    ck_assert_int_eq(forge_store_unenroll(db, forge_test_pool, by(STUDENT), ORG_COURSE), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(drop(OWNER, ORG, MEMBER), FORGE_OK);
    ck_assert_int_eq(forge_store_unenroll(db, forge_test_pool, by(MEMBER), ORG_COURSE),
                     FORGE_OK); /* out of it, though out of sight */
    ck_assert_int_eq(forge_store_unenroll(db, forge_test_pool, by(MEMBER), ORG_COURSE), FORGE_E_NOT_FOUND);
    ck_assert_str_eq(
        events(),
        "enrollment.created:6 enrollment.created:4 enrollment.created:1 enrollment.deleted:6 member.removed:4 "
        "enrollment.deleted:4");
}
END_TEST

START_TEST(who_counts_as_enrolled)
{
    bool already;
    courses();
    ck_assert_int_eq(enroll(MEMBER, ORG_COURSE, &already), FORGE_OK);
    ck_assert_int_eq(enroll(STUDENT, PUBLIC_COURSE, &already), FORGE_OK);
    ck_assert(enrolled(MEMBER, ORG_COURSE) && enrolled(STUDENT, PUBLIC_COURSE));
    ck_assert(enrolled(ADMIN_IN, ORG_COURSE) && enrolled(FOREIGN, DRAFT_COURSE)); /* their own courses */
    ck_assert(enrolled(ROOT, ORG_COURSE) && enrolled(ROOT, DRAFT_COURSE));
    ck_assert(!enrolled(STUDENT, ORG_COURSE) && !enrolled(OWNER, ORG_COURSE) && !enrolled(STUDENT, NOBODY) &&
              !enrolled(NOBODY, PUBLIC_COURSE));
    sql("DELETE FROM forge.memberships WHERE user_id IN (3, 4); UPDATE forge.courses SET status = 'draft' WHERE id = "
        "1");
    ck_assert(!enrolled(MEMBER, ORG_COURSE) && !enrolled(ADMIN_IN, ORG_COURSE) && !enrolled(STUDENT, PUBLIC_COURSE));
    sql("UPDATE forge.courses SET status = 'published' WHERE id = 1; UPDATE forge.users SET is_active = false WHERE id "
        "= 6");
    ck_assert(!enrolled(STUDENT, PUBLIC_COURSE));
}
END_TEST

static forge_status_t enroll_first(int i)
{
    bool already;
    (void)i;
    db = schema_attach();
    forge_status_t status = enroll(STUDENT, PUBLIC_COURSE, &already);
    return status == FORGE_OK && already ? FORGE_E_CONFLICT : status;
}

START_TEST(enrolled_at_once)
{
    courses();
    ck_assert_int_eq(at_once(20, enroll_first, FORGE_OK), 1);
    ck_assert_int_eq(at_once(4, enroll_first, FORGE_E_CONFLICT), 4);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.audit_events"), "1");
}
END_TEST

Suite *forge_test_store_invitations(void)
{
    Suite *s = suite_create(database = "store_invitations");
    TCase *tc = case_make(s, "invitations");
    tcase_add_test(tc, only_proven_accounts_invite);
    tcase_add_test(tc, invited_by_rights);
    tcase_add_test(tc, revoked_by_rights);
    tcase_add_test(tc, accepted_once_by_its_address);
    tcase_add_test(tc, expired);
    tcase_add_test(tc, already_a_member);
    tcase_add_test(tc, ended_with_the_right_to_send);
    tcase_add_test(tc, mailboxes_are_not_flooded);
    tcase_add_test(tc, races);
    tc = case_make(s, "enrollments");
    tcase_add_test(tc, enrolled_where_one_sees);
    tcase_add_test(tc, who_counts_as_enrolled);
    tcase_add_test(tc, enrolled_at_once);
    return s;
}
