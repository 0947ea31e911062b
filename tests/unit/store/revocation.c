/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/revocation.c and migration 0008: whatever ends is written down and told, and a listener hears it or
 * says that it cannot.
 */
#include "schema.h"
#include "store/identity/identity.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static apr_array_header_t *words; /* what was heard, without doubles side by side */
static bool patience;

static void begin(void)
{
    schema_begin("store_revocation");
}

static void setup(void)
{
    schema_setup();
    words = apr_array_make(forge_test_pool, 8, sizeof(const char *));
    patience = true;
    sql("TRUNCATE forge.revocations;"
        "INSERT INTO forge.users (email, email_key, username, password_hash) SELECT x, x, 'user' || n, "
        "'" FORGE_TEST_HASH "'"
        " FROM generate_series(1, 3) n, LATERAL (SELECT 'u' || n || '@example.org' AS x) y;"
        "INSERT INTO forge.sessions (user_id, expires_at) SELECT n, now() + interval '1 day' FROM generate_series(1, "
        "3) n");
}

static void on_word(void *baton, const char *word)
{
    (void)baton;
    APR_ARRAY_PUSH(words, const char *) = apr_pstrdup(forge_test_pool, word);
}

static bool is_patient(void *baton)
{
    (void)baton;
    return patience;
}

static const forge_listener_hooks_t hooks = {on_word, is_patient, NULL, 0, true};

static forge_listener_t *listen_as(const char *conninfo)
{
    const char *why = "";
    forge_listener_t *l = forge_store_listen(forge_test_pool, conninfo, &hooks, &why);
    ck_assert_msg(l != NULL, "%s", why);
    return l;
}

/* As the application role, which is all that the module has. */
static forge_listener_t *listen_here(void)
{
    return listen_as(apr_pstrcat(forge_test_pool, forge_test_dsn, " user=forge_app", NULL));
}

/* Everything heard so far in one text; the list starts anew. */
static const char *heard(void)
{
    const char *text = apr_array_pstrcat(forge_test_pool, words, ' ');
    apr_array_clear(words);
    return text;
}

/* After a round trip nothing is missing. */
static const char *heard_now(forge_listener_t *l)
{
    const char *why = "";
    ck_assert_msg(forge_store_listener_ping(l, &why), "%s", why);
    return heard();
}

static const char *journal(void)
{
    const char *text =
        ask("SELECT string_agg(coalesce('s' || session_id, 'u' || user_id || ':' || epoch), ' ' ORDER BY id)"
            " FROM forge.revocations");
    return text ? text : "";
}

static void app(const char *text)
{
    forge_test_pg_do(db, forge_test_pool, text);
}

START_TEST(what_ends_is_told)
{
    forge_listener_t *l = listen_here();
    ck_assert_str_eq(heard_now(l), "");
    app("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'logout' WHERE id = 1");
    ck_assert_str_eq(heard_now(l), "s1");
    app("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'again' WHERE id = 1"); /* it had ended */
    app("UPDATE forge.sessions SET last_seen_at = now() WHERE id = 2");
    app("UPDATE forge.users SET bio = 'x', last_login_at = now()");
    ck_assert_str_eq(heard_now(l), "");
    sql("UPDATE forge.users SET role = 'instructor' WHERE id = 1");
    sql("UPDATE forge.users SET is_active = false WHERE id = 2");
    app("UPDATE forge.users SET epoch = epoch + 1 WHERE id = 1");
    ck_assert_str_eq(heard_now(l), "u1:1 u2:1 u1:2");
    sql("DELETE FROM forge.sessions WHERE id = 2");
    sql("DELETE FROM forge.users WHERE id = 3");
    const char *text = heard_now(l);
    ck_assert_msg(strstr(text, "s2") && strstr(text, "s3") && strstr(text, "u3:2147483647"), "%s", text);
    ck_assert_str_eq(apr_pstrmemdup(forge_test_pool, journal(), 20), "s1 u1:1 u2:1 u1:2 s2");
}
END_TEST

START_TEST(what_has_long_expired_is_no_news)
{
    forge_listener_t *l = listen_here();
    sql("INSERT INTO forge.sessions (user_id, created_at, expires_at) VALUES (1, now() - interval '9 days', now() - "
        "interval '2 days');"
        "DELETE FROM forge.sessions WHERE expires_at < now()");
    ck_assert_str_eq(heard_now(l), "");
    ck_assert_str_eq(journal(), "");
}
END_TEST

START_TEST(rolled_back_is_not_told)
{
    forge_listener_t *l = listen_here();
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    app("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'logout'");
    forge_store_rollback(db);
    ck_assert_str_eq(heard_now(l), "");
    ck_assert_str_eq(journal(), "");
}
END_TEST

/* The moment that counts is that of the commit: a node that starts meanwhile must find it among the latest. */
START_TEST(written_at_the_commit)
{
    sql("BEGIN");
    sql("UPDATE forge.sessions SET revoked_at = '2001-01-01', revoke_reason = 'by hand' WHERE id = 1");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.revocations"), "0"); /* not yet */
    const char *before = forge_test_pg_ask(db, forge_test_pool, "SELECT clock_timestamp()");
    sql("COMMIT");
    ck_assert_str_eq(ask(apr_psprintf(forge_test_pool, "SELECT at >= '%s' FROM forge.revocations", before)), "true");
}
END_TEST

START_TEST(epochs_do_not_fall)
{
    sql("UPDATE forge.users SET epoch = 5 WHERE id = 1");
    sql("UPDATE forge.users SET epoch = 2, bio = 'x' WHERE id = 1");
    ck_assert_str_eq(ask("SELECT epoch || bio FROM forge.users WHERE id = 1"), "5x");
    sql("UPDATE forge.users SET epoch = 0, role = 'admin' WHERE id = 1");
    ck_assert_str_eq(ask("SELECT epoch FROM forge.users WHERE id = 1"), "6");
    ck_assert_str_eq(journal(), "u1:5 u1:6");
}
END_TEST

START_TEST(loaded_for_as_long_as_asked)
{
    const char *why = "";
    sql("INSERT INTO forge.revocations (at, session_id) VALUES (now() - interval '10 minutes', 10), (now() - interval "
        "'20 minutes', 20);"
        "INSERT INTO forge.revocations (at, user_id, epoch) VALUES (now() - interval '1 minute', 7, 4)");
    forge_listener_t *l = listen_here();
    ck_assert(forge_store_listener_load(l, apr_time_from_sec(900), &why));
    ck_assert_str_eq(heard(), "s10 u7:4");
    ck_assert(forge_store_listener_load(l, apr_time_from_sec(1800), &why));
    ck_assert_str_eq(heard(), "s10 s20 u7:4");
    ck_assert(forge_store_listener_load(l, 0, &why));
    ck_assert_str_eq(heard(), "");
}
END_TEST

START_TEST(many_are_loaded)
{
    const char *why = "";
    sql("INSERT INTO forge.revocations (session_id) SELECT generate_series(1, 50000)");
    forge_listener_t *l = listen_here();
    ck_assert_msg(forge_store_listener_load(l, apr_time_from_sec(3600), &why), "%s", why);
    ck_assert_int_eq(words->nelts, 50000);
}
END_TEST

START_TEST(waited_for)
{
    const char *why = "";
    forge_listener_t *l = listen_here();
    pid_t pid = fork();
    if (pid == 0) {
        usleep(100000);
        forge_db_t *own = schema_attach();
        forge_test_pg_do(own, forge_test_pool,
                         "UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'x' WHERE id = 3");
        _exit(0);
    }
    for (int i = 0; i < 100 && words->nelts == 0; i++)
        ck_assert_msg(forge_store_listener_wait(l, 200000, &why), "%s", why);
    ck_assert_str_eq(heard(), "s3");
    waitpid(pid, NULL, 0);
}
END_TEST

/* A back end that is gone, one that stands still, and a thread that must end. */
START_TEST(losses_are_noticed)
{
    const char *why = NULL;
    forge_listener_t *l = listen_here();
    const char *find = "SELECT pid FROM pg_stat_activity WHERE application_name = 'forge events'";
    ck_assert(forge_store_listener_ping(l, &why));
    sql(apr_psprintf(forge_test_pool, "SELECT pg_terminate_backend(%s)", ask(find)));
    bool alive = true;
    for (int i = 0; i < 100 && alive; i++)
        alive = forge_store_listener_wait(l, 100000, &why);
    ck_assert(!alive);
    ck_assert_ptr_nonnull(why);
    ck_assert(!forge_store_listener_ping(l, &why));
    ck_assert(!forge_store_listener_load(l, 1000000, &why));

    l = listen_here();
    pid_t pid = (pid_t)atoi(ask(find));
    kill(pid, SIGSTOP);
    bool answered = forge_store_listener_ping(l, &why);
    kill(pid, SIGCONT);
    ck_assert(!answered);
    ck_assert_str_eq(why, "the database does not answer");

    l = listen_here();
    patience = false;
    ck_assert(forge_store_listener_wait(l, apr_time_from_sec(3600), &why)); /* nothing wrong, only over */
    ck_assert_ptr_null(forge_store_listen(forge_test_pool, forge_test_dsn, &hooks, &why));
}
END_TEST

/* A database whose answers are those of a pooler that gives every statement another back end. */
START_TEST(deaf_connections_are_noticed)
{
    const char *why = "";
    const char *deaf = apr_pstrcat(forge_test_pool, forge_test_dsn, " options='-c search_path=deaf,pg_catalog'", NULL);
    sql("DROP SCHEMA IF EXISTS deaf CASCADE; CREATE SCHEMA deaf");
    forge_listener_t *l = listen_as(deaf);
    sql("CREATE FUNCTION deaf.pg_listening_channels() RETURNS SETOF text LANGUAGE sql AS $$ SELECT 'other' $$");
    ck_assert(!forge_store_listener_ping(l, &why));
    ck_assert_msg(strstr(why, "pooler") != NULL, "%s", why);
    sql("CREATE FUNCTION deaf.pg_notify(text, text) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$");
    why = "";
    ck_assert_ptr_null(forge_store_listen(forge_test_pool, deaf, &hooks, &why));
    ck_assert_msg(strstr(why, "pooler") != NULL, "%s", why);
}
END_TEST

/* The first of two servers accepts connections and says nothing: the next try goes to the other one. */
START_TEST(a_silent_server_is_passed_over)
{
    const char *why = "", *dir = apr_pstrcat(forge_test_pool, "/tmp/forge-silent-XXXXXX", NULL);
    ck_assert_ptr_nonnull(mkdtemp((char *)dir));
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    apr_snprintf(name.sun_path, sizeof(name.sun_path), "%s/.s.PGSQL.5432", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert(bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0 && listen(fd, 8) == 0);
    const char *rest = strchr(forge_test_dsn, ' ');
    const char *first = apr_pstrmemdup(forge_test_pool, forge_test_dsn, (apr_size_t)(rest - forge_test_dsn));
    ck_assert_int_eq(strncmp(first, "host=", 5), 0);
    const char *both = apr_psprintf(forge_test_pool, "host=%s,%s%s user=forge_app", dir, first + 5, rest);
    forge_listener_hooks_t next = hooks;
    ck_assert_ptr_null(forge_store_listen(forge_test_pool, both, &next, &why));
    ck_assert_str_eq(why, "the database does not answer");
    next.turn = 1;
    ck_assert_msg(forge_store_listen(forge_test_pool, both, &next, &why) != NULL, "%s", why);
    next.turn = 2;
    ck_assert_ptr_null(forge_store_listen(forge_test_pool, both, &next, &why));
    next.turn = 3;
    ck_assert_msg(forge_store_listen(forge_test_pool, both, &next, &why) != NULL, "%s", why);
    close(fd);
    unlink(name.sun_path);
    rmdir(dir);
}
END_TEST

/* One listener of all is the one, for as long as its session lives; who only proves a pooler never is. */
START_TEST(one_of_all_listeners_is_the_one)
{
    const char *why = "";
    apr_pool_t *p;
    forge_listener_hooks_t only_asks = hooks;
    only_asks.elects = false;
    apr_pool_create(&p, forge_test_pool);
    forge_listener_t *asks = forge_store_listen(forge_test_pool, forge_test_dsn, &only_asks, &why);
    ck_assert(asks && !forge_store_listener_one(asks));
    forge_listener_t *first = forge_store_listen(p, forge_test_dsn, &hooks, &why);
    for (int i = 0; first && i < 500 && !forge_store_listener_one(first); i++) {
        heard_now(first);
        apr_sleep(apr_time_from_msec(20)); /* until the back ends of other cases have gone */
    }
    ck_assert(first && forge_store_listener_one(first));
    forge_listener_t *second = listen_here();
    for (int i = 0; i < 3; i++) {
        heard_now(first);
        heard_now(second);
        ck_assert(forge_store_listener_one(first) && !forge_store_listener_one(second));
    }
    apr_pool_destroy(p);
    for (int i = 0; i < 500 && !forge_store_listener_one(second); i++) {
        heard_now(asks);
        heard_now(second);
        apr_sleep(apr_time_from_msec(20)); /* until the back end of the first has gone */
    }
    ck_assert(forge_store_listener_one(second) && !forge_store_listener_one(asks));
    ck_assert_str_eq(ask("SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory'"), "1");
}
END_TEST

START_TEST(nothing_to_connect_to)
{
    const char *why = "";
    ck_assert_ptr_null(forge_store_listen(forge_test_pool, "host=/nowhere port=1", &hooks, &why));
    ck_assert_msg(strlen(why) > 0, "no reason given");
    ck_assert_ptr_null(forge_store_listen(forge_test_pool, "no connection string", &hooks, &why));
}
END_TEST

static forge_status_t active(apr_int64_t session, apr_int64_t user, apr_int64_t epoch)
{
    const forge_who_t who = {.session_id = session, .user_id = user, .epoch = epoch};
    return forge_store_token_active(db, forge_test_pool, &who);
}

START_TEST(tokens_asked_about)
{
    ck_assert_int_eq(active(1, 1, 0), FORGE_OK);
    ck_assert_int_eq(active(1, 2, 0), FORGE_E_INVALID_TOKEN);
    ck_assert_int_eq(active(9, 1, 0), FORGE_E_INVALID_TOKEN);
    sql("UPDATE forge.users SET role = 'admin' WHERE id = 1");
    ck_assert_int_eq(active(1, 1, 0), FORGE_E_INVALID_TOKEN);
    ck_assert_int_eq(active(1, 1, 1), FORGE_OK);
    sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'x' WHERE id = 1");
    ck_assert_int_eq(active(1, 1, 1), FORGE_E_INVALID_TOKEN);
    sql("UPDATE forge.users SET is_active = false WHERE id = 2");
    ck_assert_int_eq(active(2, 2, 1), FORGE_E_INVALID_TOKEN);
    sql("UPDATE forge.sessions SET created_at = now() - interval '2 days', expires_at = now() - interval '1 day' WHERE "
        "id = 3");
    ck_assert_int_eq(active(3, 3, 0), FORGE_E_INVALID_TOKEN);
}
END_TEST

START_TEST(second_factors)
{
    bool has;
    ck_assert_int_eq(forge_store_second_factor(db, forge_test_pool, 1, &has), FORGE_OK);
    ck_assert(!has);
    sql("INSERT INTO forge.mfa_factors (user_id, secret) VALUES (1, repeat('s', 64))");
    ck_assert_int_eq(forge_store_second_factor(db, forge_test_pool, 1, &has), FORGE_OK);
    ck_assert(!has); /* not verified yet */
    sql("UPDATE forge.mfa_factors SET confirmed_at = now()");
    ck_assert_int_eq(forge_store_second_factor(db, forge_test_pool, 1, &has), FORGE_OK);
    ck_assert(has);
}
END_TEST

Suite *forge_test_store_revocation(void)
{
    Suite *s = suite_create("store_revocation");
    TCase *tc = tcase_create("revocation");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, what_ends_is_told);
    tcase_add_test(tc, what_has_long_expired_is_no_news);
    tcase_add_test(tc, rolled_back_is_not_told);
    tcase_add_test(tc, written_at_the_commit);
    tcase_add_test(tc, epochs_do_not_fall);
    tcase_add_test(tc, loaded_for_as_long_as_asked);
    tcase_add_test(tc, many_are_loaded);
    tcase_add_test(tc, waited_for);
    tcase_add_test(tc, losses_are_noticed);
    tcase_add_test(tc, deaf_connections_are_noticed);
    tcase_add_test(tc, a_silent_server_is_passed_over);
    tcase_add_test(tc, one_of_all_listeners_is_the_one);
    tcase_add_test(tc, nothing_to_connect_to);
    tcase_add_test(tc, tokens_asked_about);
    tcase_add_test(tc, second_factors);
    suite_add_tcase(s, tc);
    return s;
}
