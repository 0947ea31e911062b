/* SPDX-License-Identifier: Apache-2.0
 * Invitations: who sends them, who may accept, once, and what ends them (SPEC 5, SECURITY 44).
 */
#include "harness.h"

#include <string.h>

#define ACCEPT "/api/v1/organizations/invitations/accept"

typedef struct stage_t {
    json_int_t id;
    person_t owner, guest, stranger;
} stage_t;

static stage_t stage_make(void)
{
    stage_t s = {.owner = person_proven("student"), .guest = person("student"), .stranger = person_proven("student")};
    reply_t *made = CALL("POST", "/api/v1/organizations", .token = s.owner.access, .json = "{\"name\":\"Stage\"}");
    expect_status(made, 201);
    s.id = int_at(made->json, "/id");
    return s;
}

static void join(const stage_t *s, person_t who, const char *role)
{
    sql("INSERT INTO forge.memberships VALUES (%lld, %lld, '%s')", (long long)s->id, (long long)who.id, role);
}

static char *invitations_of(const stage_t *s)
{
    return F("/api/v1/organizations/%lld/invitations", (long long)s->id);
}

static reply_t *invite(const stage_t *s, person_t by, const char *email, const char *role)
{
    return CALL("POST", invitations_of(s), .token = by.access,
                .json = F("{\"email\":\"%s\",\"role\":\"%s\"}", email, role));
}

/* The token itself is in the mail alone: this gives the invitation one that the test knows. */
static const char *token_of(json_int_t id)
{
    char *token = F("known-token-%lld", (long long)id);
    sql("UPDATE forge.invitations SET sha256 = sha256('%s') WHERE id = %lld", token, (long long)id);
    return token;
}

static reply_t *accept_by(person_t who, const char *token)
{
    return CALL("POST", ACCEPT, .token = who.access, .json = F("{\"token\":\"%s\"}", token));
}

/* An invitation for s->guest; its token. */
static const char *invited(const stage_t *s, const char *role)
{
    reply_t *made = invite(s, s->owner, s->guest.email, role);
    expect_status(made, 201);
    return token_of(int_at(made->json, "/id"));
}

START_TEST(sent_and_listed)
{
    stage_t s = stage_make();
    reply_t *made =
        CALL("POST", invitations_of(&s), .token = s.owner.access, .json = "{\"email\":\"New.Person@Example.org\"}");
    expect_status(made, 201);
    ck_assert_str_eq(header(made, "Location"), F("%s/%lld", invitations_of(&s), (long long)int_at(made->json, "/id")));
    ck_assert_str_eq(text_at(made->json, "/state"), "pending");
    ck_assert_str_eq(text_at(made->json, "/role"), "member");
    ck_assert_str_eq(text_at(made->json, "/email"), "New.Person@example.org");
    ck_assert_int_eq(int_at(made->json, "/invited_by"), s.owner.id);
    ck_assert_uint_eq(json_object_size(made->json), 7); /* the token is not among them */
    reply_t *list = CALL("GET", invitations_of(&s), .token = s.owner.access);
    expect_status(list, 200);
    ck_assert(json_equal(at(list->json, "/0"), made->json));
    expect_problem(invite(&s, s.owner, "new.person@EXAMPLE.org", "admin"), "invitation_pending");
    expect_problem(invite(&s, s.owner, s.owner.email, "admin"), "already_member");
    expect_fault(invite(&s, s.owner, "nobody", "member"), "/email", "format");
    expect_fault(invite(&s, s.owner, "a@example.org", "king"), "/role", "enum");
    expect_problem(invite(&s, s.stranger, "a@example.org", "member"), "not_found");
    expect_problem(CALL("GET", invitations_of(&s), .token = s.stranger.access), "not_found");
    join(&s, s.stranger, "member");
    expect_problem(CALL("GET", invitations_of(&s), .token = s.stranger.access), "insufficient_scope");
    expect_problem(CALL("GET", F("%s?skip=5", invitations_of(&s)), .token = s.stranger.access), "insufficient_scope");
    expect_problem(invite(&s, s.stranger, "a@example.org", "member"), "insufficient_scope");
    sql("UPDATE forge.memberships SET role = 'admin' WHERE user_id = %lld", (long long)s.stranger.id);
    expect_problem(invite(&s, s.stranger, "a@example.org", "owner"), "insufficient_scope");
    expect_status(invite(&s, s.stranger, "a@example.org", "admin"), 201);
    ck_assert_uint_eq(
        json_array_size(CALL("GET", F("%s?limit=1", invitations_of(&s)), .token = s.stranger.access)->json), 1);
    ck_assert_uint_eq(
        json_array_size(CALL("GET", F("%s?skip=5", invitations_of(&s)), .token = s.stranger.access)->json), 0);
}
END_TEST

START_TEST(accepted_once)
{
    stage_t s = stage_make();
    const char *token = invited(&s, "admin");
    expect_problem(accept_by(s.stranger, token), "invitation_not_yours");
    expect_problem(accept_by(s.owner, token), "invitation_not_yours");
    expect_problem(CALL("POST", ACCEPT, .json = F("{\"token\":\"%s\"}", token)), "unauthenticated");
    ck_assert_str_eq(sql("SELECT state FROM forge.invitations"), "pending"); /* nothing was spent */
    reply_t *joined = accept_by(s.guest, token);
    expect_status(joined, 200);
    ck_assert_int_eq(int_at(joined->json, "/id"), s.id);
    ck_assert_str_eq(text_at(joined->json, "/role"), "admin");
    expect_problem(accept_by(s.guest, token), "invitation_gone");
    expect_status(CALL("GET", invitations_of(&s), .token = s.guest.access), 200);
    expect_problem(accept_by(s.guest, "no such token"), "token_invalid");
    expect_problem(accept_by(s.guest, "0' OR '1'='1"), "token_invalid");
    expect_fault(CALL("POST", ACCEPT, .token = s.guest.access, .json = "{}"), "/token", "required");
    expect_fault(accept_by(s.guest, F("%0201d", 0)), "/token", "too_long");
    ck_assert_str_eq(
        sql("SELECT string_agg(event || ':' || actor_id, ' ' ORDER BY id) FROM forge.audit_events WHERE event LIKE "
            "'invitation.%%'"),
        F("invitation.created:%lld invitation.accepted:%lld", (long long)s.owner.id, (long long)s.guest.id));
}
END_TEST

/* The answer of a membership is given again while it lasts: whoever is out, or was let in anew by somebody else, is
 * told nothing of the time before. */
START_TEST(accepting_is_repeated_for_members_alone)
{
    stage_t s = stage_make();
    const char *token = invited(&s, "member"), *json = F("{\"token\":\"%s\"}", token);
    const char *key = "Idempotency-Key: accept-once";
    expect_status(CALL("POST", ACCEPT, .token = s.guest.access, .json = json, .headers = {key}), 200);
    reply_t *again = CALL("POST", ACCEPT, .token = s.guest.access, .json = json, .headers = {key});
    expect_status(again, 200);
    ck_assert_str_eq(header(again, "Idempotent-Replayed"), "true");
    char *path = F("/api/v1/organizations/%lld/members/%lld", (long long)s.id, (long long)s.guest.id);
    expect_status(CALL("DELETE", path, .token = s.owner.access), 204);
    expect_problem(CALL("POST", ACCEPT, .token = s.guest.access, .json = json, .headers = {key}), "invitation_gone");
    expect_problem(accept_by(s.guest, token), "invitation_gone");
    expect_problem(CALL("GET", F("/api/v1/organizations/%lld", (long long)s.id), .token = s.guest.access), "not_found");
    sql("UPDATE forge.users SET email_verified = true");
    const char *second = invited(&s, "member"), *other = F("{\"token\":\"%s\"}", second);
    expect_status(CALL("POST", ACCEPT, .token = s.guest.access, .json = other, .headers = {"Idempotency-Key: two"}),
                  200);
    expect_status(CALL("POST", F("/api/v1/organizations/%lld/leave", (long long)s.id), .token = s.guest.access), 204);
    expect_problem(CALL("POST", ACCEPT, .token = s.guest.access, .json = other, .headers = {"Idempotency-Key: two"}),
                   "invitation_gone");
    expect_status(accept_by(s.guest, invited(&s, "member")), 200);
    sql("DELETE FROM forge.organizations");
    expect_problem(CALL("POST", ACCEPT, .token = s.guest.access, .json = other, .headers = {"Idempotency-Key: two"}),
                   "invitation_gone");
}
END_TEST

/* The mail is the one place where the token is, and enough to join. */
START_TEST(accepted_by_mail)
{
    stage_t s = stage_make();
    sql("UPDATE forge.organizations SET name = 'B\xc3\xbchne <b>&'");
    reply_t *made = invite(&s, s.owner, s.guest.email, "admin");
    expect_status(made, 201);
    char *mail = mail_wait(s.guest.email, "B"), *token = mail_token(mail);
    ck_assert_ptr_nonnull(strstr(mail, F("\"%s\" invites you", s.owner.username)));
    ck_assert_ptr_nonnull(strstr(mail, "admin"));
    ck_assert_ptr_null(strstr(made->body, token));
    expect_problem(accept_by(s.stranger, token), "invitation_not_yours");
    expect_status(accept_by(s.guest, token), 200);
    expect_problem(accept_by(s.guest, token), "invitation_gone");
}
END_TEST

/* Anybody can register: mail to others is sent for those only who can be found by an address of their own. */
START_TEST(only_proven_accounts_invite)
{
    stage_t s = stage_make();
    person_t admin = person("student"), root = person("admin");
    join(&s, admin, "admin");
    reply_t *refused = invite(&s, admin, "a@example.org", "member");
    expect_status(refused, 403);
    expect_problem(refused, "email_unverified");
    expect_problem(invite(&s, admin, s.owner.email, "member"), "email_unverified");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.invitations"), "0");
    sql("UPDATE forge.users SET email_verified = true WHERE id = %lld", (long long)admin.id);
    expect_status(invite(&s, admin, "a@example.org", "member"), 201);
    expect_status(invite(&s, root, "b@example.org", "member"), 201);
}
END_TEST

/* An address that was only registered shows nothing of what was sent to it. */
START_TEST(unproven_address_sees_no_invitations)
{
    stage_t s = stage_make();
    invited(&s, "admin");
    ck_assert_uint_eq(
        json_array_size(at(CALL("GET", "/api/v1/users/me/export", .token = s.guest.access)->json, "/invitations")), 0);
    sql("UPDATE forge.users SET email_verified = true WHERE id = %lld", (long long)s.guest.id);
    ck_assert_uint_eq(
        json_array_size(at(CALL("GET", "/api/v1/users/me/export", .token = s.guest.access)->json, "/invitations")), 1);
}
END_TEST

START_TEST(expired)
{
    stage_t s = stage_make();
    const char *token = invited(&s, "member");
    sql("UPDATE forge.invitations SET created_at = created_at - interval '168 hours', expires_at = created_at");
    expect_problem(accept_by(s.guest, token), "invitation_gone");
    reply_t *list = CALL("GET", invitations_of(&s), .token = s.owner.access);
    ck_assert_str_eq(text_at(list->json, "/0/state"), "expired");
    expect_problem(CALL("DELETE", F("%s/%lld", invitations_of(&s), (long long)int_at(list->json, "/0/id")),
                        .token = s.owner.access),
                   "invitation_gone");
    expect_status(accept_by(s.guest, invited(&s, "member")), 200); /* a new one takes its place */
    ck_assert_str_eq(sql("SELECT string_agg(state, ' ' ORDER BY id) FROM forge.invitations"), "expired accepted");
}
END_TEST

START_TEST(revoked)
{
    stage_t s = stage_make();
    person_t admin = person("student");
    join(&s, admin, "admin");
    const char *token = invited(&s, "owner");
    char *path = F("%s/%s", invitations_of(&s), sql("SELECT id FROM forge.invitations"));
    expect_problem(CALL("DELETE", path, .token = admin.access), "insufficient_scope"); /* it makes an owner */
    expect_problem(CALL("DELETE", path, .token = s.stranger.access), "not_found");
    stage_t elsewhere = stage_make();
    expect_problem(CALL("DELETE", F("%s/%s", invitations_of(&elsewhere), sql("SELECT id FROM forge.invitations")),
                        .token = elsewhere.owner.access),
                   "not_found");
    expect_status(CALL("DELETE", path, .token = s.owner.access), 204);
    expect_problem(CALL("DELETE", path, .token = s.owner.access), "invitation_gone");
    expect_problem(CALL("DELETE", F("%s/999999", invitations_of(&s)), .token = s.owner.access), "not_found");
    expect_problem(accept_by(s.guest, token), "invitation_gone");
    ck_assert_str_eq(text_at(CALL("GET", invitations_of(&s), .token = s.owner.access)->json, "/0/state"), "revoked");
}
END_TEST

/* Who was sent away does not come back by an older invitation; who was demoted has invited nobody above them. */
START_TEST(ended_by_removal)
{
    stage_t s = stage_make();
    const char *token = invited(&s, "member");
    char *member = F("/api/v1/organizations/%lld/members/%lld", (long long)s.id, (long long)s.guest.id);
    join(&s, s.guest, "owner");
    expect_problem(accept_by(s.guest, token), "already_member");
    sql("UPDATE forge.users SET email_verified = true WHERE id = %lld", (long long)s.guest.id);
    reply_t *accomplice = invite(&s, s.guest, s.stranger.email, "owner");
    expect_status(accomplice, 201);
    const char *second = token_of(int_at(accomplice->json, "/id"));
    expect_status(CALL("PATCH", member, .token = s.owner.access, .json = "{\"role\":\"admin\"}"), 200);
    expect_problem(accept_by(s.stranger, second), "invitation_gone");
    expect_status(CALL("DELETE", member, .token = s.owner.access), 204);
    expect_problem(accept_by(s.guest, token), "invitation_gone");
}
END_TEST

/* One mailbox gets ten invitations a day, whoever sends them. */
START_TEST(mailboxes_are_not_flooded)
{
    stage_t s = stage_make();
    for (int i = 0; i < 10; i++) {
        reply_t *made = invite(&s, s.owner, "victim@example.org", "member");
        expect_status(made, 201);
        expect_status(CALL("DELETE", header(made, "Location"), .token = s.owner.access), 204);
    }
    reply_t *refused = invite(&s, s.owner, "victim@example.org", "member");
    expect_problem(refused, "rate_limited");
    ck_assert_ptr_nonnull(header(refused, "Retry-After"));
    expect_status(invite(&s, s.owner, "other@example.org", "member"), 201);
}
END_TEST

typedef struct rush_t {
    person_t who;
    const char *token;
    int good;
} rush_t;

static void accept_one(int i, void *baton)
{
    (void)i;
    rush_t *rush = baton;
    reply_t *reply = accept_by(rush->who, rush->token);
    if (reply->status == 200)
        __atomic_add_fetch(&rush->good, 1, __ATOMIC_RELAXED);
    else if (reply->status != 410 && reply->status != 503)
        fail_later("accepting at once: %d %s", reply->status, reply->body);
}

START_TEST(fifty_accept_at_once)
{
    stage_t s = stage_make();
    rush_t rush = {.who = s.guest, .token = invited(&s, "member")};
    parallel(50, accept_one, &rush);
    ck_assert_int_eq(rush.good, 1);
    ck_assert_str_eq(
        sql("SELECT count(*) || ' ' || (SELECT count(*) FROM forge.audit_events WHERE event = 'invitation.accepted')"
            " FROM forge.memberships"),
        "2 1");
}
END_TEST

/* Nobody who has gone still invites. */
START_TEST(ended_with_the_inviter)
{
    stage_t s = stage_make();
    person_t root = person("admin");
    const char *token = invited(&s, "member");
    char *path = F("/api/v1/users/%lld", (long long)s.owner.id);
    expect_status(CALL("PATCH", path, .token = root.access, .json = "{\"is_active\":false}"), 200);
    expect_problem(accept_by(s.guest, token), "invitation_gone");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.memberships WHERE user_id = %lld", (long long)s.guest.id), "0");
}
END_TEST

typedef struct moment_t {
    person_t who;
    const char *token;
    struct pg_conn *lock;
    const char *then;     /* what `lock` does while the other one waits */
    const char *unlocked; /* invitations that nobody had locked then */
    reply_t *reply;
} moment_t;

static void moment_one(int i, void *baton)
{
    moment_t *m = baton;
    if (i == 0) {
        m->reply = accept_by(m->who, m->token);
        return;
    }
    sql_until_waiting();
    m->unlocked = sql("SELECT count(*) FROM (SELECT FROM forge.invitations FOR UPDATE SKIP LOCKED) AS i");
    sql_on(m->lock, m->then);
}

/* Whoever deletes an organisation locks it before its invitations, and so does whoever accepts one. */
START_TEST(accepted_while_the_organisation_goes)
{
    stage_t s = stage_make();
    moment_t m = {.who = s.guest, .token = invited(&s, "member"), .lock = sql_session()};
    m.then = "DELETE FROM forge.organizations; COMMIT";
    sql_on(m.lock, "BEGIN; SELECT FROM forge.organizations FOR UPDATE");
    parallel(2, moment_one, &m);
    ck_assert_str_eq(m.unlocked, "1");
    expect_problem(m.reply, "token_invalid");
}
END_TEST

/* An account whose erasure has begun becomes no member: the lock of a foreign key would not wait for it. */
START_TEST(accepted_while_the_account_goes)
{
    stage_t s = stage_make();
    moment_t m = {.who = s.guest, .token = invited(&s, "member"), .lock = sql_session()};
    sql_on(m.lock, F("BEGIN; SELECT FROM forge.users WHERE id = %lld FOR NO KEY UPDATE", (long long)s.guest.id));
    m.then = F("SELECT FROM forge.erase_accounts('{%lld}'); COMMIT", (long long)s.guest.id);
    parallel(2, moment_one, &m);
    ck_assert_str_eq(m.unlocked, "1");
    expect_problem(m.reply, "invalid_token");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.memberships WHERE user_id = %lld", (long long)s.guest.id), "0");
}
END_TEST

Suite *suite_invitations(void)
{
    Suite *suite = suite_create("invitations");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, sent_and_listed);
    tcase_add_test(all, accepted_once);
    tcase_add_test(all, accepting_is_repeated_for_members_alone);
    tcase_add_test(all, accepted_by_mail);
    tcase_add_test(all, only_proven_accounts_invite);
    tcase_add_test(all, unproven_address_sees_no_invitations);
    tcase_add_test(all, expired);
    tcase_add_test(all, revoked);
    tcase_add_test(all, ended_by_removal);
    tcase_add_test(all, mailboxes_are_not_flooded);
    tcase_add_test(all, ended_with_the_inviter);
    TCase *races = case_make(suite, "races");
    tcase_add_test(races, fifty_accept_at_once);
    tcase_add_test(races, accepted_while_the_organisation_goes);
    tcase_add_test(races, accepted_while_the_account_goes);
    return suite;
}
