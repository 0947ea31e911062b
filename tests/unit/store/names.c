/* SPDX-License-Identifier: Apache-2.0
 * Tests of names across store/: a former one is nobody else's, a derived form agrees with what it comes from, and
 * letters fold alike in every locale.
 */
#include "core/identity/identity.h"
#include "schema.h"
#include "store/identity/identity.h"
#include "store/learning/learning.h"
#include "store/operations/operations.h"
#include "store/organizations/organizations.h"
#include "store/users/users.h"

#define P forge_test_pool

static forge_rows_t *rows;

static void begin(void)
{
    schema_begin("store_names");
}

/* Alice (1) and Mallory (2); Alice owns organisation acme (1), Mallory evil (2). */
static void setup(void)
{
    schema_setup();
    sql("INSERT INTO forge.users (email, username, password_hash) VALUES ('alice@example.org', 'Alice', "
        "'" FORGE_TEST_HASH "'), ('mallory@example.org', 'mallory', '" FORGE_TEST_HASH "');"
        "INSERT INTO forge.organizations (name, slug) VALUES ('Acme', 'acme'), ('Evil', 'evil');"
        "INSERT INTO forge.memberships (organization_id, user_id, role) VALUES (1, 1, 'owner'), (2, 2, 'owner')");
}

static const forge_actor_t *by(int id)
{
    static forge_actor_t actors[3];
    actors[id] = (forge_actor_t){.id = id};
    return &actors[id];
}

static forge_status_t enroll(forge_db_t *at, const char *name)
{
    char *email = apr_psprintf(P, "%s@new.example", name), *key = apr_pstrdup(P, email);
    forge_util_lower_all(key);
    const forge_new_user_t user = {
        .email = email, .email_key = key, .username = name, .role = "student", .password_hash = FORGE_TEST_HASH};
    return forge_store_user_create(at, P, &user, NULL, &rows);
}

static forge_status_t rename_to(int id, const char *name)
{
    const forge_patch_t patch = {.members = apr_psprintf(P, "{\"username\":\"%s\"}", name)};
    return forge_store_profile_update(db, P, by(id), &patch, &rows);
}

static const char *imported(const char *name)
{
    const char *given =
        apr_psprintf(P,
                     "[{\"row\":1,\"email\":\"%s@i.example\",\"email_key\":\"%s@i.example\","
                     "\"username\":\"%s\",\"role\":\"student\",\"password_hash\":\"" FORGE_TEST_HASH "\"}]",
                     name, name, name);
    ck_assert_int_eq(forge_store_accounts_import(db, P, by(1), given, true, &rows), FORGE_OK);
    return forge_store_rows_text(rows, 0, "code");
}

/* SQLSTATE and constraint of a statement that the owner of everything writes with psql; "" when it worked. */
static const char *refusal(const char *text)
{
    PGconn *conn = forge_test_pg_connect(P, forge_test_dsn);
    PGresult *result = PQexec(conn, text);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE),
               *rule = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const char *said = state ? apr_pstrcat(P, state, " ", rule ? rule : "", NULL) : "";
    PQclear(result);
    return said;
}

/* No way leads to the name: registration, import, renaming, psql; whatever its letters' size. */
static void nobody_gets(const char *name, const char *shouted)
{
    ck_assert_int_eq(enroll(db, name), FORGE_E_USERNAME_TAKEN);
    ck_assert_int_eq(enroll(db, shouted), FORGE_E_USERNAME_TAKEN);
    ck_assert_str_eq(imported(name), "username_taken");
    ck_assert_str_eq(imported(shouted), "username_taken");
    ck_assert_int_eq(rename_to(2, name), FORGE_E_USERNAME_TAKEN);
    ck_assert_int_eq(rename_to(2, shouted), FORGE_E_USERNAME_TAKEN);
    ck_assert_str_eq(refusal(apr_psprintf(P, "UPDATE forge.users SET username = '%s' WHERE id = 2", name)),
                     "23505 users_username_unique");
    ck_assert_str_eq(
        refusal(apr_psprintf(P,
                             "INSERT INTO forge.users (email, username, password_hash) VALUES ('p@q.example',"
                             " '%s', '" FORGE_TEST_HASH "')",
                             shouted)),
        "23505 users_username_unique");
}

START_TEST(former_usernames_are_nobody_elses)
{
    ck_assert_int_eq(rename_to(1, "Alina"), FORGE_OK);
    nobody_gets("alice", "ALICE");
    ck_assert_int_eq(rename_to(1, "ALINA"), FORGE_OK); /* only other letters: nothing is given up */
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.former_usernames"), "1");
    ck_assert_int_eq(rename_to(1, "alice"), FORGE_OK); /* one's own may be taken again */
    ck_assert_int_eq(rename_to(2, "alina"), FORGE_E_USERNAME_TAKEN);
    ck_assert_int_eq(rename_to(1, "Ali_na"), FORGE_OK);
    nobody_gets("alice", "aliCE");
}
END_TEST

START_TEST(usernames_of_erased_accounts_are_nobody_elses)
{
    const forge_actor_t root = {.id = 2, .admin = true};
    sql("DELETE FROM forge.organizations");
    ck_assert_int_eq(forge_store_account_delete(db, P, &root, 1, NULL), FORGE_OK);
    ck_assert_str_eq(ask("SELECT username FROM forge.users WHERE id = 1"), "deleted_1");
    nobody_gets("alice", "Alice");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.former_usernames WHERE position('alice'::bytea IN sha256) > 0"),
                     "0"); /* a digest, not the name */
}
END_TEST

START_TEST(usernames_of_deleted_accounts_are_nobody_elses)
{
    sql("DELETE FROM forge.organizations; DELETE FROM forge.users WHERE id = 1");
    nobody_gets("alice", "Alice");
    ck_assert_str_eq(refusal("DELETE FROM forge.former_usernames"), ""); /* the owner's word */
    PGconn *conn = forge_test_pg_connect(P, apr_pstrcat(P, forge_test_dsn, " user=forge_app", NULL));
    PGresult *result = PQexec(conn, "DELETE FROM forge.former_usernames");
    ck_assert_str_eq(PQresultErrorField(result, PG_DIAG_SQLSTATE), "42501");
    PQclear(result);
}
END_TEST

/* Guests are called by chance; a guest who registers gives up nothing. */
START_TEST(guests_leave_no_names)
{
    sql("INSERT INTO forge.users (username, role) VALUES ('guest_7', 'guest');"
        "UPDATE forge.users SET role = 'student', username = 'gus', email = 'gus@example.org', password_hash = "
        "'" FORGE_TEST_HASH "' WHERE username = 'guest_7'; DELETE FROM forge.users WHERE username = 'none'");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.former_usernames"), "0");
}
END_TEST

/* Whoever could take every name by being renamed again and again takes a hundred. */
START_TEST(a_hundred_names_an_account)
{
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(rename_to(1, apr_psprintf(P, "name_%d", i)), FORGE_OK);
    ck_assert_int_eq(rename_to(1, "one_more"), FORGE_E_LIMIT_REACHED);
    ck_assert_str_eq(ask("SELECT username FROM forge.users WHERE id = 1"), "name_99");
    for (int i = 0; i < 100; i++)
        sql(apr_psprintf(P, "UPDATE forge.organizations SET slug = 'slug-%d' WHERE id = 1", i));
    const forge_patch_t patch = {.members = "{\"slug\":\"one-more\"}"};
    ck_assert_int_eq(forge_store_organization_update(db, P, by(1), 1, &patch, &rows), FORGE_E_LIMIT_REACHED);
}
END_TEST

/* --- races: the name is given up by one while another waits for it --- */

static void give_up(const char *statement, const char *after)
{
    PGconn *conn = forge_test_pg_connect(P, forge_test_dsn);
    PQclear(PQexec(conn, "BEGIN"));
    PQclear(PQexec(conn, statement));
    if (fork() == 0) { /* commits once the other one waits */
        forge_db_t *watch = forge_test_pg_attach(P, forge_test_pg_connect(P, forge_test_dsn));
        for (int i = 0;
             i < 500 &&
             strcmp(forge_test_pg_ask(watch, P, "SELECT count(*) FROM pg_locks WHERE NOT granted"), "0") == 0;
             i++)
            usleep(10000);
        PQclear(PQexec(conn, after));
        _exit(0);
    }
}

START_TEST(a_name_given_up_this_moment)
{
    give_up("UPDATE forge.users SET username = 'alina' WHERE id = 1", "COMMIT");
    ck_assert_int_eq(enroll(db, "alice"), FORGE_E_USERNAME_TAKEN);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.users WHERE lower(username) = 'alice'"), "0");
}
END_TEST

START_TEST(a_slug_given_up_this_moment)
{
    give_up("UPDATE forge.organizations SET slug = 'acme-two' WHERE id = 1", "COMMIT");
    ck_assert_int_eq(forge_store_organization_create(db, P, by(2), "A", "acme", &rows), FORGE_E_SLUG_TAKEN);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.organizations WHERE slug = 'acme'"), "0");
}
END_TEST

/* --- slugs --- */

static forge_status_t slug_to(int id, int organization, const char *slug)
{
    const forge_patch_t patch = {.members = apr_psprintf(P, "{\"slug\":\"%s\"}", slug)};
    return forge_store_organization_update(db, P, by(id), organization, &patch, &rows);
}

static void no_organization_gets(const char *slug)
{
    ck_assert_int_eq(forge_store_organization_create(db, P, by(2), "Anything", slug, &rows), FORGE_E_SLUG_TAKEN);
    ck_assert_int_eq(slug_to(2, 2, slug), FORGE_E_SLUG_TAKEN);
    ck_assert_str_eq(refusal(apr_psprintf(P, "UPDATE forge.organizations SET slug = '%s' WHERE id = 2", slug)),
                     "23505 organizations_slug_unique");
    ck_assert_str_eq(refusal(apr_psprintf(P, "INSERT INTO forge.organizations (name, slug) VALUES ('N', '%s')", slug)),
                     "23505 organizations_slug_unique");
    ck_assert_int_eq(forge_store_organization_create(db, P, by(2), slug, NULL, &rows), FORGE_OK);
    ck_assert_msg(strncmp(forge_store_rows_text(rows, 0, "slug"), slug, strlen(slug)) == 0 &&
                      strcmp(forge_store_rows_text(rows, 0, "slug"), slug) != 0,
                  "%s", forge_store_rows_text(rows, 0, "slug"));
}

START_TEST(former_slugs_are_no_other_organizations)
{
    ck_assert_int_eq(slug_to(1, 1, "acme-two"), FORGE_OK);
    no_organization_gets("acme");
    ck_assert_int_eq(slug_to(1, 1, "acme"), FORGE_OK);
    ck_assert_int_eq(slug_to(2, 2, "acme-two"), FORGE_E_SLUG_TAKEN);
    ck_assert_int_eq(forge_store_organization_delete(db, P, by(1), 1, NULL, true), FORGE_OK);
    no_organization_gets("acme");
}
END_TEST

/* --- addresses and their unique form --- */

START_TEST(addresses_and_keys_agree_whoever_writes)
{
    static const struct {
        const char *sql, *refused;
    } cases[] = {
        {"UPDATE forge.users SET email = 'Alice@Example.ORG' WHERE id = 2", "23505 users_email_key_unique"},
        {"UPDATE forge.users SET email_key = 'alice@example.org' WHERE id = 2", "23505 users_email_key_unique"},
        {"UPDATE forge.users SET email = 'free@example.org', email_key = 'other@example.org' WHERE id = 2",
         "23514 users_email_key_agrees"},
        {"UPDATE forge.users SET email = 'Märta@example.org' WHERE id = 2", "23514 users_email_key_agrees"},
        {"UPDATE forge.users SET email = 'märta@example.org', email_key = 'marta@example.org' WHERE id = 2",
         "23514 users_email_key_agrees"},
        {"UPDATE forge.users SET email = 'm@bücher.example', email_key = 'm@xn--bchr-zna.example' WHERE id = 2",
         "23514 users_email_key_agrees"},
        {"INSERT INTO forge.users (email, email_key, username, password_hash) VALUES ('a@b.example', 'c@b.example', "
         "'abc',"
         " '" FORGE_TEST_HASH "')",
         "23514 users_email_key_agrees"},
        {"INSERT INTO forge.invitations (organization_id, email, email_key, sha256) VALUES (1, 'a@b.example',"
         " 'c@b.example', sha256('1'))",
         "23514 invitations_email_key_agrees"},
        {"INSERT INTO forge.one_time_tokens (user_id, kind, sha256, email, email_key, expires_at) VALUES (1, 'verify',"
         " sha256('1'), 'a@b.example', 'c@b.example', now())",
         "23514 one_time_tokens_email_key_agrees"},
        {"UPDATE forge.users SET email = 'Märta@BÜCHER.example',"
         " email_key = 'märta@xn--bcher-kva.example' WHERE id = 2",
         ""},
        {"UPDATE forge.users SET email = 'Free@Example.org' WHERE id = 2", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_msg(strcmp(refusal(cases[i].sql), cases[i].refused) == 0, "%s: %s", cases[i].sql,
                      refusal(cases[i].sql));
    ck_assert_str_eq(ask("SELECT email || ' ' || email_key FROM forge.users WHERE id = 2"),
                     "Free@Example.org free@example.org");
    sql("UPDATE forge.users SET email_key = 'last@example.org' WHERE id = 2");
    ck_assert_str_eq(ask("SELECT email FROM forge.users WHERE id = 2"), "last@example.org");
}
END_TEST

/* One address in the form of a row of VALUES; false: it is none. */
static bool pair(forge_buf_t *b, const char *typed)
{
    const char *shown, *key, *why;
    if (strchr(typed, '\'') || !forge_core_email_normalize(P, typed, strlen(typed), &shown, &key, &why))
        return false;
    const char *text = apr_psprintf(P, "%s('%s', '%s')", b->len ? ", " : "", shown, key);
    forge_util_buf_puts(b, text);
    return true;
}

static const char *utf8_of(unsigned c)
{
    if (c < 0x800)
        return apr_psprintf(P, "%c%c", (int)(0xc0 | c >> 6), (int)(0x80 | (c & 63)));
    return apr_psprintf(P, "%c%c%c", (int)(0xe0 | c >> 12), (int)(0x80 | (c >> 6 & 63)), (int)(0x80 | (c & 63)));
}

/* What the module takes for one address, the database never refuses: every letter of the basic plane, before the @ and
 * in the domain. */
START_TEST(every_letter_agrees_with_its_key)
{
    int taken = 0;
    for (unsigned from = 0x80; from < 0x10000; from += 0x40) {
        forge_buf_t *b = forge_util_buf_make(P, 8192, 65536);
        for (unsigned c = from; c < from + 0x40 && c < 0x10000; c++) {
            if (c >= 0xd800 && c < 0xe000)
                continue;
            taken += pair(b, apr_pstrcat(P, "x", utf8_of(c), "Y@example.org", NULL));
            taken += pair(b, apr_pstrcat(P, "x@a", utf8_of(c), "b.example", NULL));
        }
        if (b->len == 0)
            continue;
        const char *odd = ask(apr_psprintf(P,
                                           "SELECT string_agg(e || ' ' || k, ', ') FROM (VALUES %.*s) v(e, k)"
                                           " WHERE NOT forge.email_agrees(e, k)",
                                           (int)b->len, b->data));
        ck_assert_msg(odd == NULL, "refused: %s", odd);
    }
    ck_assert_int_gt(taken, 50000);
}
END_TEST

/* --- letters --- */

static const char *found(const forge_list_t *list, forge_args_t base, const char *q, const char *shown)
{
    const char *const values[8] = {q};
    const forge_list_query_t query = {.base = base, .values = values, .limit = 10};
    apr_int64_t total;
    ck_assert_int_eq(forge_store_list(db, P, list, &query, &rows, &total), FORGE_OK);
    return forge_store_rows_count(rows) == 1 ? forge_store_rows_text(rows, 0, shown) : "not one";
}

static const char *slug_of(const char *name)
{
    ck_assert_int_eq(forge_store_organization_create(db, P, by(1), name, NULL, &rows), FORGE_OK);
    return forge_store_rows_text(rows, 0, "slug");
}

static void turkish_begin(bool icu)
{
    apr_cpystrn(forge_test_dsn, forge_test_pg_turkish(P, "turkish", icu), sizeof(forge_test_dsn));
    owner = forge_test_pg_attach_owner(P, forge_test_pg_connect(P, forge_test_dsn));
    db = schema_attach();
    ck_assert_str_eq(ask("SELECT lower('I')"), "ı"); /* it is Turkish indeed */
}

/* 0: of ICU, 1: of libc. */
START_TEST(letters_fold_alike_in_every_locale)
{
    turkish_begin(_i == 0);
    sql("INSERT INTO forge.users (email, username, full_name, role, password_hash) VALUES ('ADMIN.I@example.org', "
        "'ILGIN_I',"
        " 'IRIS ÉLIE Işık İnci', 'instructor', '" FORGE_TEST_HASH "')");
    ck_assert_str_eq(ask("SELECT email_key FROM forge.users"), "admin.i@example.org");
    static const char *const words[] = {"admin", "ADMIN", "iris",  "IRIS", "élie",
                                        "ÉLIE",  "ilgin", "ILGIN", "inci", "İNCİ"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        ck_assert_msg(strcmp(found(&forge_store_accounts_list, FORGE_NO_ARGS, words[i], "username"), "ILGIN_I") == 0,
                      "%s", words[i]);
    ck_assert_int_eq(forge_store_user_for_login(db, P, NULL, "ilgin_i", &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    ck_assert_int_eq(enroll(db, "Ilgin_i"), FORGE_E_USERNAME_TAKEN);
    ck_assert_str_eq(slug_of("Institute of IT"), "institute-of-it");
    ck_assert_str_eq(slug_of("İZMİR"), "izmir");
    sql("INSERT INTO forge.courses (title, description, instructor_id) VALUES ('INTRODUCTION TO IRIS', 'Işık', 1)");
    static const char *const topics[] = {"introduction", "INTRODUCTION", "Intro", "iris", "IRIS"};
    for (size_t i = 0; i < sizeof(topics) / sizeof(*topics); i++)
        ck_assert_msg(strcmp(found(&forge_store_courses_list, FORGE_ARGS("1"), topics[i], "id"), "1") == 0, "%s",
                      topics[i]);
    sql("UPDATE forge.users SET username = 'IRI' WHERE id = 1");
    ck_assert_int_eq(enroll(db, "ilgin_I"), FORGE_E_USERNAME_TAKEN);
}
END_TEST

Suite *forge_test_store_names(void)
{
    Suite *s = suite_create("store_names");
    TCase *tc = tcase_create("names"), *letters = tcase_create("letters");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, former_usernames_are_nobody_elses);
    tcase_add_test(tc, usernames_of_erased_accounts_are_nobody_elses);
    tcase_add_test(tc, usernames_of_deleted_accounts_are_nobody_elses);
    tcase_add_test(tc, guests_leave_no_names);
    tcase_add_test(tc, a_hundred_names_an_account);
    tcase_add_test(tc, a_name_given_up_this_moment);
    tcase_add_test(tc, a_slug_given_up_this_moment);
    tcase_add_test(tc, former_slugs_are_no_other_organizations);
    tcase_add_test(tc, addresses_and_keys_agree_whoever_writes);
    tcase_add_test(tc, every_letter_agrees_with_its_key);
    suite_add_tcase(s, tc);
    tcase_set_timeout(letters, 60);
    tcase_add_unchecked_fixture(letters, forge_test_pg_start, NULL);
    tcase_add_checked_fixture(letters, forge_test_begin, forge_test_end);
    tcase_add_loop_test(letters, letters_fold_alike_in_every_locale, 0, 2);
    suite_add_tcase(s, letters);
    return s;
}
