/* SPDX-License-Identifier: Apache-2.0
 * Members of an organisation: who adds, promotes and removes whom, and the owner who is always left (SPEC 5, SECURITY
 * 43).
 */
#include "harness.h"

#include <string.h>

/* An organisation with one of each. */
typedef struct cast_t {
    json_int_t id;
    person_t owner, admin, member, stranger, root;
} cast_t;

static void join(json_int_t id, person_t who, const char *role)
{
    sql("INSERT INTO forge.memberships VALUES (%lld, %lld, '%s')", (long long)id, (long long)who.id, role);
}

static cast_t cast_make(void)
{
    cast_t c = {.owner = person("student"),
                .admin = person("student"),
                .member = person("student"),
                .stranger = person_proven("instructor"),
                .root = person("admin")};
    reply_t *made = CALL("POST", "/api/v1/organizations", .token = c.owner.access, .json = "{\"name\":\"Cast\"}");
    expect_status(made, 201);
    c.id = int_at(made->json, "/id");
    join(c.id, c.admin, "admin");
    join(c.id, c.member, "member");
    return c;
}

static char *members_of(const cast_t *c)
{
    return F("/api/v1/organizations/%lld/members", (long long)c->id);
}

static char *member_path(const cast_t *c, person_t who)
{
    return F("%s/%lld", members_of(c), (long long)who.id);
}

static reply_t *promote(const cast_t *c, person_t by, person_t who, const char *role)
{
    return CALL("PATCH", member_path(c, who), .token = by.access, .json = F("{\"role\":\"%s\"}", role));
}

static reply_t *drop(const cast_t *c, person_t by, person_t who)
{
    return CALL("DELETE", member_path(c, who), .token = by.access);
}

START_TEST(listed)
{
    cast_t c = cast_make();
    reply_t *all = CALL("GET", F("%s?count=true", members_of(&c)), .token = c.member.access);
    expect_status(all, 200);
    ck_assert_str_eq(header(all, "X-Total-Count"), "3");
    ck_assert_uint_eq(json_object_size(at(all->json, "/0")), 4);
    ck_assert_int_eq(int_at(all->json, "/0/user_id"), c.owner.id);
    ck_assert_str_eq(text_at(all->json, "/0/username"), c.owner.username);
    ck_assert_str_eq(text_at(all->json, "/0/role"), "owner");
    ck_assert_ptr_nonnull(text_at(all->json, "/0/joined_at"));
    ck_assert_ptr_null(strstr(all->body, "@"));
    reply_t *page = CALL("GET", F("%s?limit=2", members_of(&c)), .token = c.root.access);
    const char *link = strstr(header(page, "Link"), "after=");
    ck_assert_ptr_nonnull(link);
    reply_t *rest =
        CALL("GET", F("%s?limit=2&%.*s", members_of(&c), (int)strcspn(link, "&>"), link), .token = c.root.access);
    ck_assert_uint_eq(json_array_size(rest->json), 1);
    ck_assert_int_eq(int_at(rest->json, "/0/user_id"), c.member.id);
    reply_t *beyond = CALL("GET", F("%s?skip=10", members_of(&c)), .token = c.member.access);
    expect_status(beyond, 200); /* an empty page, and yet one's own */
    ck_assert_uint_eq(json_array_size(beyond->json), 0);
    expect_problem(CALL("GET", members_of(&c), .token = c.stranger.access), "not_found");
    expect_problem(CALL("GET", F("%s?skip=10", members_of(&c)), .token = c.stranger.access), "not_found");
    expect_problem(CALL("GET", "/api/v1/organizations/999999/members", .token = c.root.access), "not_found");
}
END_TEST

START_TEST(added)
{
    cast_t c = cast_make();
    person_t other = person("student");
    reply_t *made =
        CALL("POST", members_of(&c), .token = c.admin.access, .json = F("{\"email\":\" %s\"}", c.stranger.email));
    expect_status(made, 201);
    ck_assert_str_eq(header(made, "Location"), member_path(&c, c.stranger));
    ck_assert_str_eq(text_at(made->json, "/role"), "member");
    ck_assert_int_eq(int_at(made->json, "/user_id"), c.stranger.id);
    ck_assert_uint_eq(json_object_size(made->json), 4);
    expect_status(CALL("GET", members_of(&c), .token = c.stranger.access), 200); /* at once, with the token they had */
    expect_problem(CALL("POST", members_of(&c), .token = c.owner.access,
                        .json = F("{\"user_id\":%lld}", (long long)c.stranger.id)),
                   "already_member");
    char *owner = F("{\"user_id\":%lld,\"role\":\"owner\"}", (long long)other.id);
    expect_problem(CALL("POST", members_of(&c), .token = c.admin.access, .json = owner), "insufficient_scope");
    expect_problem(CALL("POST", members_of(&c), .token = c.member.access, .json = owner), "insufficient_scope");
    expect_status(CALL("POST", members_of(&c), .token = c.owner.access, .json = owner), 201);
    static const struct {
        const char *json, *pointer, *code;
    } refused[] = {
        {"{}", "/user_id", "required"},
        {"{\"user_id\":1,\"email\":\"a@example.org\"}", "/email", "conflict"},
        {"{\"user_id\":1,\"username\":\"ada\"}", "/username", "conflict"},
        {"{\"username\":\"ada\",\"email\":\"a@example.org\"}", "/email", "conflict"},
        {"{\"user_id\":1,\"username\":\"ada\",\"email\":\"a@example.org\"}", "/username", "conflict"},
        {"{\"username\":\"no one\"}", "/username", "format"},
        {"{\"username\":\"no_one\"}", "/username", "unknown"},
        {"{\"email\":\"nobody\"}", "/email", "format"},
        {"{\"user_id\":\"1\"}", "/user_id", "type"},
        {"{\"user_id\":1,\"role\":\"king\"}", "/role", "enum"},
        {"{\"user_id\":9223372036854775807}", "/user_id", "unknown"},
        {"{\"email\":\"nobody@example.org\"}", "/email", "invite_instead"},
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        reply_t *reply = CALL("POST", members_of(&c), .token = c.owner.access, .json = refused[i].json);
        expect_status(reply, 422);
        expect_fault(reply, refused[i].pointer, refused[i].code);
    }
}
END_TEST

/* Somebody registers an address that is not theirs, and waits to be added. Nothing tells the address from one that
 * nobody has. */
START_TEST(unproven_address_is_nobodys)
{
    cast_t c = cast_make();
    person_t squatter = person("student");
    reply_t *unproven =
        CALL("POST", members_of(&c), .token = c.owner.access, .json = F("{\"email\":\"%s\"}", squatter.email));
    reply_t *unknown =
        CALL("POST", members_of(&c), .token = c.owner.access, .json = "{\"email\":\"nobody@example.org\"}");
    expect_status(unproven, 422);
    expect_problem(unproven, "invite_instead");
    expect_problem(unknown, "invite_instead");
    for (const char *const *name = (const char *const[]){"/detail", "/errors/0/detail", "/errors/0/code", NULL}; *name;
         name++)
        ck_assert_str_eq(text_at(unproven->json, *name), text_at(unknown->json, *name));
    ck_assert_int_eq(unproven->length, unknown->length);
    expect_problem(CALL("GET", members_of(&c), .token = squatter.access), "not_found");
    sql("UPDATE forge.users SET is_active = false WHERE id = %lld", (long long)squatter.id);
    expect_problem(
        CALL("POST", members_of(&c), .token = c.owner.access, .json = F("{\"email\":\"%s\"}", squatter.email)),
        "invite_instead");
    sql("UPDATE forge.users SET is_active = true, email_verified = true WHERE id = %lld", (long long)squatter.id);
    expect_status(
        CALL("POST", members_of(&c), .token = c.owner.access, .json = F("{\"email\":\"%s\"}", squatter.email)), 201);
}
END_TEST

START_TEST(added_by_username)
{
    cast_t c = cast_make();
    person_t other = person("student");
    char *shouted = F("{\"username\":\"%s\"}", other.username);
    for (char *at = strchr(shouted, ':'); *at; at++)
        if (*at >= 'a' && *at <= 'z')
            *at = (char)(*at - 'a' + 'A');
    reply_t *made = CALL("POST", members_of(&c), .token = c.admin.access, .json = shouted);
    expect_status(made, 201);
    ck_assert_int_eq(int_at(made->json, "/user_id"), other.id);
    expect_problem(
        CALL("POST", members_of(&c), .token = c.owner.access, .json = F("{\"username\":\"%s\"}", other.username)),
        "already_member");
}
END_TEST

START_TEST(nobody_grants_more_than_they_have)
{
    cast_t c = cast_make();
    expect_problem(promote(&c, c.member, c.member, "owner"), "insufficient_scope");
    expect_problem(promote(&c, c.admin, c.admin, "owner"), "insufficient_scope");
    expect_problem(promote(&c, c.admin, c.member, "owner"), "insufficient_scope");
    expect_problem(promote(&c, c.admin, c.owner, "member"), "insufficient_scope");
    expect_problem(drop(&c, c.admin, c.owner), "insufficient_scope");
    expect_problem(drop(&c, c.member, c.admin), "insufficient_scope");
    expect_problem(promote(&c, c.stranger, c.member, "admin"), "not_found");
    expect_problem(promote(&c, c.owner, c.stranger, "admin"), "not_found");
    expect_problem(drop(&c, c.owner, c.stranger), "not_found");
    reply_t *changed = promote(&c, c.admin, c.member, "admin");
    expect_status(changed, 200);
    ck_assert_str_eq(text_at(changed->json, "/role"), "admin");
    ck_assert_str_eq(text_at(changed->json, "/username"), c.member.username);
    expect_status(drop(&c, c.member, c.admin), 204); /* admins among themselves */
    expect_problem(CALL("GET", members_of(&c), .token = c.admin.access), "not_found");
    expect_fault(CALL("PATCH", member_path(&c, c.member), .token = c.owner.access, .json = "{}"), "/role", "required");
    expect_fault(CALL("PATCH", member_path(&c, c.member), .token = c.owner.access, .json = "{\"role\":\"x\"}"), "/role",
                 "enum");
    ck_assert_str_eq(
        sql("SELECT string_agg(event || ':' || subject_id || coalesce(':' || (detail->>'to'), ''), ' ' ORDER BY id)"
            " FROM forge.audit_events WHERE event LIKE 'member.%%' AND actor_id IS NOT NULL"),
        F("member.role_changed:%lld:admin member.removed:%lld", (long long)c.member.id, (long long)c.admin.id));
}
END_TEST

START_TEST(last_owner_stays)
{
    cast_t c = cast_make();
    char *leave = F("/api/v1/organizations/%lld/leave", (long long)c.id);
    expect_problem(CALL("POST", leave, .token = c.owner.access), "last_owner");
    expect_problem(promote(&c, c.owner, c.owner, "admin"), "last_owner");
    expect_problem(drop(&c, c.owner, c.owner), "last_owner");
    expect_problem(drop(&c, c.root, c.owner), "last_owner");
    expect_problem(promote(&c, c.root, c.owner, "member"), "last_owner");
    expect_status(promote(&c, c.owner, c.admin, "owner"), 200);
    expect_status(CALL("POST", leave, .token = c.owner.access), 204);
    expect_problem(CALL("POST", leave, .token = c.owner.access), "not_found");
    expect_problem(CALL("POST", leave, .token = c.admin.access), "last_owner");
    expect_status(CALL("POST", leave, .token = c.member.access), 204);
    expect_problem(CALL("POST", leave, .token = c.root.access), "not_found"); /* sees it, and is not in it */
}
END_TEST

/* --- two owners at the same moment --- */

typedef struct duel_t {
    const cast_t *cast;
    person_t owners[2];
    int kind, status[2];
} duel_t;

static void duel_one(int i, void *baton)
{
    duel_t *d = baton;
    person_t me = d->owners[i], other = d->owners[1 - i];
    reply_t *reply =
        d->kind == 0   ? drop(d->cast, me, other)
        : d->kind == 1 ? promote(d->cast, me, me, "member")
        : d->kind == 2 ? CALL("POST", F("/api/v1/organizations/%lld/leave", (long long)d->cast->id), .token = me.access)
                       : promote(d->cast, me, other, "admin");
    d->status[i] = reply->status;
}

START_TEST(one_of_two_owners_is_left)
{
    cast_t c = cast_make();
    duel_t d = {.cast = &c, .owners = {c.owner, c.admin}};
    watchdog(180);
    for (int i = 0; i < (env.quick ? 12 : 52); i++) {
        sql("SET session_replication_role = replica");
        sql("DELETE FROM forge.memberships");
        sql("SET session_replication_role = origin");
        join(c.id, c.owner, "owner");
        join(c.id, c.admin, "owner");
        d.kind = i % 4;
        parallel(2, duel_one, &d);
        int good = (d.status[0] < 300) + (d.status[1] < 300);
        ck_assert_msg(good == 1, "round %d: %d %d", i, d.status[0], d.status[1]);
        int bad = d.status[0] < 300 ? d.status[1] : d.status[0];
        ck_assert_msg(bad == 409 || bad == 404 || bad == 403, "round %d: %d", i,
                      bad); /* who came too late is no owner any more */
        ck_assert_str_eq(sql("SELECT count(*) FROM forge.memberships WHERE role = 'owner'"), "1");
    }
}
END_TEST

/* One leaves the platform, the other one too, or the organisation. */
static void farewell(int i, void *baton)
{
    duel_t *d = baton;
    person_t me = d->owners[i];
    reply_t *reply =
        i == 0 || d->kind == 0
            ? CALL("DELETE", "/api/v1/users/me", .token = me.access, .json = F("{\"password\":\"%s\"}", me.password))
            : CALL("POST", F("/api/v1/organizations/%lld/leave", (long long)d->cast->id), .token = me.access);
    d->status[i] = reply->status;
}

START_TEST(the_last_owner_hands_over_before_leaving)
{
    watchdog(180);
    cast_t c = cast_make();
    reply_t *stays = CALL("DELETE", "/api/v1/users/me", .token = c.owner.access,
                          .json = F("{\"password\":\"%s\"}", c.owner.password));
    expect_problem(stays, "last_owner");
    expect_status(CALL("GET", "/api/v1/auth/me", .token = c.owner.access), 200); /* nothing has ended */
    for (int i = 0; i < (env.quick ? 4 : 16); i++) {
        cast_t now = cast_make();
        duel_t d = {.cast = &now, .owners = {now.owner, now.admin}, .kind = i % 2};
        sql("UPDATE forge.memberships SET role = 'owner' WHERE organization_id = %lld AND role = 'admin'",
            (long long)now.id);
        parallel(2, farewell, &d);
        int good = (d.status[0] < 300) + (d.status[1] < 300), bad = d.status[0] < 300 ? d.status[1] : d.status[0];
        ck_assert_msg(good == 1 && bad == 409, "round %d: %d %d", i, d.status[0], d.status[1]);
    }
    expect_status(CALL("DELETE", F("/api/v1/users/%lld", (long long)c.owner.id), .token = c.root.access), 204);
    expect_status(CALL("POST", F("/api/v1/organizations/%lld/transfer", (long long)c.id), .token = c.root.access,
                       .json = F("{\"user_id\":%lld}", (long long)c.member.id)),
                  200);
    ck_assert_str_eq(sql("SELECT string_agg(user_id::text, ' ') FROM forge.memberships WHERE organization_id = %lld "
                         "AND role = 'owner'",
                         (long long)c.id),
                     F("%lld", (long long)c.member.id));
}
END_TEST

/* Many add the same account: one member. */
static void add_one(int i, void *baton)
{
    const cast_t *c = baton;
    reply_t *reply = CALL("POST", members_of(c), .token = i % 2 ? c->owner.access : c->admin.access,
                          .json = F("{\"user_id\":%lld}", (long long)c->stranger.id));
    if (reply->status != 201 && reply->status != 409)
        fail_later("adding at once: %d %s", reply->status, reply->body);
}

START_TEST(added_at_once)
{
    cast_t c = cast_make();
    parallel(12, add_one, &c);
    ck_assert_str_eq(
        sql("SELECT count(*) || ' ' || (SELECT count(*) FROM forge.audit_events WHERE event = 'member.added')"
            " FROM forge.memberships"),
        "4 1");
}
END_TEST

/* --- an account that is erased at the same moment --- */

typedef struct moment_t {
    const char *method, *path, *json;
    person_t by, who;
    struct pg_conn *lock;
    reply_t *reply;
    const char *unlocked; /* memberships of `who` that nobody had locked when the request waited */
} moment_t;

static void moment_one(int i, void *baton)
{
    moment_t *m = baton;
    if (i == 0) {
        m->reply = CALL(m->method, m->path, .token = m->by.access, .json = m->json);
        return;
    }
    sql_until_waiting();
    m->unlocked = sql("SELECT count(*) FROM (SELECT FROM forge.memberships WHERE user_id = %lld FOR UPDATE SKIP LOCKED)"
                      " AS m",
                      (long long)m->who.id);
    sql_on(m->lock, "COMMIT");
}

/* The request comes while the account is erased and that is not yet committed. */
static reply_t *while_erased(moment_t m)
{
    m.lock = sql_session();
    sql_on(m.lock, F("BEGIN; SELECT FROM forge.users WHERE id = %lld FOR NO KEY UPDATE;"
                     "SELECT FROM forge.erase_accounts('{%lld}')",
                     (long long)m.who.id, (long long)m.who.id));
    parallel(2, moment_one, &m);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.memberships WHERE user_id = %lld", (long long)m.who.id), "0");
    return m.reply;
}

START_TEST(whoever_is_erased_becomes_no_member)
{
    cast_t c = cast_make();
    person_t other = person("student");
    expect_fault(while_erased((moment_t){.method = "POST",
                                         .path = members_of(&c),
                                         .json = F("{\"user_id\":%lld}", (long long)c.stranger.id),
                                         .by = c.owner,
                                         .who = c.stranger}),
                 "/user_id", "unknown");
    expect_problem(while_erased((moment_t){.method = "POST",
                                           .path = "/api/v1/organizations",
                                           .json = "{\"name\":\"Late\"}",
                                           .by = other,
                                           .who = other}),
                   "invalid_token");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.organizations"), "1");
}
END_TEST

/* The deletion comes while the other owner leaves and that is not yet committed: the one who is erased stays the owner,
 * as if they had come one after the other. Whoever waits for the organisation has locked none of its members. */
static void while_the_other_leaves(const cast_t *c, const char *method, const char *path, const char *json, int status)
{
    moment_t m = {.method = method, .path = path, .json = json, .by = c->root, .who = c->owner, .lock = sql_session()};
    join(c->id, c->stranger, "owner");
    sql_on(m.lock, F("BEGIN; SELECT FROM forge.organizations WHERE id = %lld FOR NO KEY UPDATE;"
                     "DELETE FROM forge.memberships WHERE user_id = %lld",
                     (long long)c->id, (long long)c->stranger.id));
    parallel(2, moment_one, &m);
    expect_status(m.reply, status);
    ck_assert_str_eq(m.unlocked, "1");
    ck_assert_str_eq(sql("SELECT string_agg(u.username, ' ') FROM forge.memberships m JOIN forge.users u ON u.id ="
                         " m.user_id WHERE m.organization_id = %lld AND m.role = 'owner'",
                         (long long)c->id),
                     F("deleted_%lld", (long long)c->owner.id));
}

START_TEST(an_owner_is_erased_while_the_other_leaves)
{
    cast_t c = cast_make();
    while_the_other_leaves(&c, "DELETE", F("/api/v1/users/%lld", (long long)c.owner.id), NULL, 204);
    c = cast_make();
    while_the_other_leaves(&c, "POST", "/api/v1/users/bulk",
                           F("{\"action\":\"delete\",\"ids\":[%lld]}", (long long)c.owner.id), 200);
}
END_TEST

Suite *suite_members(void)
{
    Suite *suite = suite_create("members");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, listed);
    tcase_add_test(all, added);
    tcase_add_test(all, unproven_address_is_nobodys);
    tcase_add_test(all, added_by_username);
    tcase_add_test(all, nobody_grants_more_than_they_have);
    tcase_add_test(all, last_owner_stays);
    TCase *races = case_make(suite, "races");
    tcase_add_test(races, one_of_two_owners_is_left);
    tcase_add_test(races, the_last_owner_hands_over_before_leaving);
    tcase_add_test(races, added_at_once);
    tcase_add_test(races, whoever_is_erased_becomes_no_member);
    tcase_add_test(races, an_owner_is_erased_while_the_other_leaves);
    return suite;
}
