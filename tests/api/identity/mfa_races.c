/* SPDX-License-Identifier: Apache-2.0
 * The second factor under parallel use (SECURITY 38–40): of fifty at once one is let in.
 */
#include "mfa.h"

typedef struct late_t {
    const char *token, *code;
    reply_t *reply;
    struct pg_conn *lock;
} late_t;

static void late_one(int i, void *baton)
{
    late_t *late = baton;
    if (i == 0) {
        late->reply = second(late->token, late->code);
        return;
    }
    pause_ms(700); /* the other one waits for the factor by now */
    sql("UPDATE forge.login_challenges SET used_at = now()");
    sql_on(late->lock, "COMMIT");
}

/* Another code was faster with the same mfa_token: no second session, and no failure either. */
START_TEST(the_token_was_spent_meanwhile)
{
    armed_t a = armed();
    late_t late = {.token = challenge(a.me), .code = totp(a.secret, 0), .lock = sql_session()};
    sql_on(late.lock, "BEGIN; SELECT 1 FROM forge.mfa_factors FOR UPDATE");
    parallel(2, late_one, &late);
    expect_problem(late.reply, "mfa_token_invalid");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.sessions"), "1");
    ck_assert_str_eq(sql("SELECT sum(failures + pending) FROM forge.login_failures"), "0");
}
END_TEST

typedef struct race_t {
    const char *tokens[50], *access, *code;
    int statuses[50];
} race_t;

static void race_login(int i, void *baton)
{
    race_t *race = baton;
    race->statuses[i] = second(race->tokens[i], race->code)->status;
}

static void race_step_up(int i, void *baton)
{
    race_t *race = baton;
    race->statuses[i] = verify(race->access, race->code)->status;
}

/* Exactly one of them was let in, the others were told why not. */
static void expect_one(const race_t *race)
{
    int good = 0;
    for (int i = 0; i < 50; i++) {
        int status = race->statuses[i];
        good += status == 200;
        ck_assert_msg(status == 200 || status == 401 || status == 429 || status == 503, "%d", status);
    }
    ck_assert_int_eq(good, 1);
    ck_assert_str_eq(sql("SELECT max(pending) FROM forge.login_failures"), "0");
}

/* Fifty mfa_tokens, made with as many right passwords. */
static void race_prepare(race_t *race, person_t me)
{
    expect_log("FG"); /* so many at once exhaust the pool of connections */
    for (int i = 0; i < 50; i++)
        race->tokens[i] = challenge(me);
}

START_TEST(fifty_uses_of_one_code)
{
    armed_t a = armed();
    race_t race;
    race_prepare(&race, a.me);
    race.code = totp(a.secret, 0);
    parallel(50, race_login, &race);
    expect_one(&race);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.sessions"), "2");
}
END_TEST

START_TEST(fifty_uses_of_one_backup_code)
{
    armed_t a = armed();
    race_t race;
    race_prepare(&race, a.me);
    race.code = a.codes[4];
    parallel(50, race_login, &race);
    expect_one(&race);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.sessions"), "2");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.mfa_backup_codes WHERE used_at IS NULL"), "9");
}
END_TEST

START_TEST(fifty_uses_of_one_token)
{
    armed_t a = armed();
    race_t race = {.code = totp(a.secret, 0), .tokens[0] = challenge(a.me)};
    expect_log("FG");
    for (int i = 1; i < 50; i++)
        race.tokens[i] = race.tokens[0];
    parallel(50, race_login, &race);
    expect_one(&race);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.sessions"), "2");
}
END_TEST

START_TEST(fifty_step_ups_with_one_code)
{
    armed_t a = armed();
    race_t race = {.code = totp(a.secret, 0), .access = a.access};
    expect_log("FG");
    parallel(50, race_step_up, &race);
    expect_one(&race);
}
END_TEST

START_TEST(fifty_activations)
{
    person_t me = person("student");
    const char *secret = text_at(setup(me.access)->json, "/secret");
    race_t race = {.code = totp(secret, 0), .access = me.access};
    int good = 0;
    expect_log("FG");
    parallel(50, race_step_up, &race);
    for (int i = 0; i < 50; i++)
        good += race.statuses[i] == 200;
    ck_assert_int_eq(good, 1);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.mfa_backup_codes"), "10");
}
END_TEST

Suite *suite_mfa_races(void)
{
    Suite *suite = suite_create("mfa_races");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, the_token_was_spent_meanwhile);
    tcase_add_test(all, fifty_uses_of_one_code);
    tcase_add_test(all, fifty_uses_of_one_backup_code);
    tcase_add_test(all, fifty_uses_of_one_token);
    tcase_add_test(all, fifty_step_ups_with_one_code);
    tcase_add_test(all, fifty_activations);
    return suite;
}
