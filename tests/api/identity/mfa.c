/* SPDX-License-Identifier: Apache-2.0
 * The second factor (SPEC 3, SECURITY 38–40): set up, verify, log in with it, step up, backup codes, disable.
 * oathtool is the authenticator.
 */
#include "mfa.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Six digits that are no code of these two minutes. */
static const char *wrong_code(const char *secret)
{
    char *out, *code = F("%s", "000000");
    const char *argv[] = {"oathtool", "--totp", "--base32", "-w", "4", F("--now=@%lld", (long long)time(NULL) - 60),
                          secret,     NULL};
    process_run(NULL, argv, &out);
    while (strstr(out, code))
        code[0]++;
    return code;
}

static reply_t *with_password(const char *action, const armed_t *a, const char *password, const char *code)
{
    return CALL("POST", F(MFA "/%s", action), .token = a->access,
                .json = F("{\"password\":\"%s\",\"code\":\"%s\"}", password, code));
}

/* "pwd otp" */
static const char *amr_of(const char *access)
{
    size_t i;
    json_t *word;
    char *words = F("%s", "");
    json_array_foreach(at(jwt_part(access, 1), "/amr"), i, word) words =
        F("%s%s%s", words, i ? " " : "", json_string_value(word));
    return words;
}

static bool enabled(const char *access)
{
    return json_is_true(at(CALL("GET", "/api/v1/auth/me", .token = access)->json, "/mfa_enabled"));
}

/* Rows of any table that hold this text. */
static const char *tables_with(const char *text)
{
    return sql("SELECT count(*) FROM pg_tables t WHERE schemaname = 'forge' AND (SELECT (xpath('/row/c/text()', "
               "query_to_xml(format('SELECT "
               "count(*) AS c FROM forge.%%I x WHERE x::text LIKE %%L', tablename, '%%%s%%'), false, true, "
               "'')))[1]::text) <> '0'",
               text);
}

static void expect_nowhere(const char *secret)
{
    ck_assert_str_eq(tables_with(secret), "0");
    ck_assert_ptr_null(strstr(log_since("error.log"), secret));
    ck_assert_ptr_null(strstr(log_since("access.json"), secret));
    ck_assert_ptr_null(strstr(file_read(F("%s/logs/postgresql.log", env.dir), 0), secret));
}

/* --- set up and activate --- */

START_TEST(setup_shows_a_secret)
{
    person_t me = person("student");
    reply_t *reply = setup(me.access), *again = CALL("POST", MFA "/setup", .token = me.access);
    expect_status(reply, 200);
    const char *secret = text_at(reply->json, "/secret"), *svg = text_at(reply->json, "/qr_svg");
    ck_assert_uint_eq(strlen(secret), 32);
    ck_assert_uint_eq(strspn(secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), 32);
    char *local = F("%s", me.email);
    *strchr(local, '@') = 0;
    ck_assert_str_eq(
        text_at(reply->json, "/otpauth_uri"),
        F("otpauth://totp/mod_forge:%s%%40example.org?secret=%s&issuer=mod_forge&algorithm=SHA1&digits=6&period=30",
          local, secret));
    ck_assert(strncmp(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\"", 39) == 0 &&
              strcmp(svg + strlen(svg) - 6, "</svg>") == 0);
    ck_assert_str_eq(header(reply, "Cache-Control"), "no-store");
    expect_status(again, 200); /* without any body; the first secret is void */
    ck_assert_str_ne(text_at(again->json, "/secret"), secret);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.mfa_factors"), "1");
    ck_assert(!enabled(me.access));
    at(login(me)->json, "/access_token"); /* not asked for before it was verified */
    expect_problem(verify(me.access, totp(secret, 0)), "mfa_code_invalid");
    expect_nowhere(secret);
    ck_assert_ptr_nonnull(
        strstr(text_at(CALL("POST", MFA "/setup", .port = PORT_POOL, .token = me.access)->json, "/otpauth_uri"),
               "totp/Example%20University:"));
    expect_problem(setup(NULL), "unauthenticated");
    expect_problem(CALL("POST", MFA "/setup", .token = me.access, .json = "{\"password\":\"Wrong7-Walrus!Q\"}"),
                   "bad_credentials");
    expect_status(CALL("POST", MFA "/setup", .token = me.access, .json = F("{\"password\":\"%s\"}", me.password)), 200);
}
END_TEST

START_TEST(the_first_code_activates)
{
    person_t me = person("student");
    reply_t *elsewhere = login(me), *reply = setup(me.access);
    json_int_t factor = int_at(reply->json, "/factor_id");
    const char *secret = text_at(reply->json, "/secret"), *code = totp(secret, 0);
    expect_problem(verify(me.access, wrong_code(secret)), "mfa_code_invalid");
    expect_problem(CALL("POST", MFA "/verify", .token = me.access,
                        .json = F("{\"code\":\"%s\",\"factor_id\":%lld}", code, factor + 1)),
                   "not_found");
    ck_assert(!enabled(me.access));
    reply = CALL("POST", MFA "/verify", .token = me.access,
                 .json = F("{\"code\":\"%s\",\"factor_id\":%lld}", code, factor));
    expect_status(reply, 200);
    ck_assert_uint_eq(json_array_size(at(reply->json, "/backup_codes")), 10);
    for (int i = 0; i < 10; i++) {
        const char *backup = text_at(reply->json, F("/backup_codes/%d", i));
        ck_assert(strlen(backup) == 11 && backup[5] == '-');
        expect_nowhere(backup);
        expect_nowhere(F("%.5s%s", backup, backup + 6));
    }
    const char *access = text_at(reply->json, "/access_token");
    ck_assert_str_eq(amr_of(me.access), "pwd");
    ck_assert_str_eq(amr_of(access), "pwd otp");
    ck_assert(enabled(access));
    expect_status(CALL("GET", "/api/v1/auth/me", .token = me.access), 200);
    expect_problem(CALL("GET", "/api/v1/auth/me", .token = text_at(elsewhere->json, "/access_token")), "invalid_token");
    ck_assert_str_eq(
        sql("SELECT string_agg(amr::text || coalesce(revoke_reason, ''), ' ' ORDER BY id) FROM forge.sessions"),
        "{pwd,otp} {pwd}mfa_enabled");
    expect_problem(verify(access, code), "mfa_code_invalid"); /* spent by activating */
    expect_problem(setup(access), "mfa_already_enabled");
    ck_assert_str_eq(sql("SELECT string_agg(event, ' ' ORDER BY id) FROM forge.audit_events WHERE event LIKE 'mfa.%%'"),
                     "mfa.setup mfa.enabled mfa.failed");
}
END_TEST

START_TEST(bodies_and_callers)
{
    person_t me = person("student");
    armed_t a = armed();
    expect_problem(CALL("POST", MFA "/verify", .json = "{\"code\":\"123456\"}"), "unauthenticated");
    reply_t *reply = CALL("POST", MFA "/verify", .token = me.access, .json = "{}");
    expect_problem(reply, "validation_failed");
    expect_fault(reply, "/code", "required");
    expect_problem(CALL("POST", MFA "/verify", .token = me.access), "unsupported_media_type");
    expect_problem(verify(me.access, F("%065d", 0)), "validation_failed");
    expect_problem(verify(me.access, "123456"), "mfa_not_enabled");
    expect_problem(CALL("POST", MFA "/verify", .token = me.access, .json = "{\"code\":\"123456\",\"factor_id\":1}"),
                   "not_found");
    expect_problem(CALL("POST", MFA "/verify", .token = a.access, .json = "{\"code\":\"123456\",\"factor_id\":99}"),
                   "not_found");
    static const char *const actions[] = {"disable", "backup-codes", NULL};
    for (const char *const *action = actions; *action; action++) {
        expect_problem(CALL("POST", F(MFA "/%s", *action), .json = "{}"), "unauthenticated");
        reply = CALL("POST", F(MFA "/%s", *action), .token = me.access, .json = "{}");
        expect_fault(reply, "/password", "required");
        expect_fault(reply, "/code", "required");
        armed_t none = {.access = me.access};
        expect_problem(with_password(*action, &none, me.password, "123456"), "mfa_not_enabled");
    }
    static const char *const odd[] = {
        "12345", "1234567", "abcdef", "12345\\n", "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x93", "' OR 1=1 --", NULL};
    for (const char *const *code = odd; *code; code++) {
        expect_problem(verify(a.access, *code), "mfa_code_invalid");
        sql("DELETE FROM forge.login_failures");
    }
}
END_TEST

/* --- login --- */

START_TEST(login_in_two_steps)
{
    armed_t a = armed();
    reply_t *reply = login(a.me);
    expect_status(reply, 200);
    ck_assert_uint_eq(json_object_size(reply->json), 3);
    ck_assert_int_eq(int_at(reply->json, "/expires_in"), 300);
    ck_assert_str_eq(header(reply, "Cache-Control"), "no-store");
    const char *token = text_at(reply->json, "/mfa_token");
    ck_assert_uint_eq(strlen(token), 43);
    expect_nowhere(token);
    expect_problem(CALL("GET", "/api/v1/auth/me", .token = token), "invalid_token"); /* opens nothing else */
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.sessions"), "1");
    expect_problem(second(token, wrong_code(a.secret)), "mfa_code_invalid");
    const char *code = totp(a.secret, 0);
    reply = second(token, F("%.3s %s", code, code + 3));
    expect_status(reply, 200);
    const char *access = text_at(reply->json, "/access_token");
    ck_assert_str_eq(amr_of(access), "pwd otp");
    ck_assert_int_eq(int_at(reply->json, "/user/id"), a.me.id);
    ck_assert_uint_eq(strlen(text_at(reply->json, "/refresh_token")), 43);
    ck_assert_ptr_null(maybe_at(reply->json, "/backup_codes"));
    ck_assert(enabled(access));
    ck_assert_str_eq(sql("SELECT amr || device_name FROM forge.sessions ORDER BY id DESC LIMIT 1"),
                     "{pwd,otp,\"old phone\"}");
    expect_problem(second(token, totp(a.secret, 0)), "mfa_token_invalid");
    ck_assert_str_eq(sql("SELECT detail->>'amr' FROM forge.audit_events WHERE event = 'user.login'"), "pwd otp");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = 'mfa.failed' AND subject_id = %lld",
                         (long long)a.me.id),
                     "1");
    expect_nowhere(access);
}
END_TEST

START_TEST(a_code_is_good_once)
{
    armed_t a = armed();
    const char *code = totp(a.secret, 0), *one = challenge(a.me), *two = challenge(a.me);
    expect_status(second(one, code), 200);
    expect_problem(second(two, code), "mfa_code_invalid");
    expect_problem(verify(a.access, code), "mfa_code_invalid");
    sql("UPDATE forge.mfa_factors SET last_step = last_step - 1"); /* an older step than the one spent is good as long
                                                                      as it is newer */
    expect_status(second(two, code), 200);
    sql("UPDATE forge.mfa_factors SET last_step = last_step + 1");
    expect_problem(second(challenge(a.me), code), "mfa_code_invalid");
}
END_TEST

START_TEST(five_wrong_codes_end_it)
{
    armed_t a = armed();
    const char *token = challenge(a.me), *wrong = wrong_code(a.secret);
    for (int i = 0; i < 5; i++)
        expect_problem(second(token, wrong), "mfa_code_invalid");
    expect_problem(second(token, totp(a.secret, 0)), "mfa_token_invalid");
    expect_problem(login(a.me), "account_locked"); /* they were failures of the account too */
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = 'user.locked'"), "1");
    sql("DELETE FROM forge.login_failures");
    expect_problem(second(token, totp(a.secret, 0)), "mfa_token_invalid");
    expect_status(second(challenge(a.me), totp(a.secret, 0)), 200);
}
END_TEST

/* Who knows the password must not be able to guess codes for ever by logging in between. */
START_TEST(the_password_alone_resets_nothing)
{
    armed_t a = armed();
    const char *wrong = wrong_code(a.secret);
    for (int i = 0; i < 5; i++)
        expect_problem(second(challenge(a.me), wrong), "mfa_code_invalid");
    expect_problem(login(a.me), "account_locked");
    sql("DELETE FROM forge.login_failures");
    for (int i = 0; i < 4; i++)
        expect_problem(second(challenge(a.me), wrong), "mfa_code_invalid");
    expect_status(second(challenge(a.me), totp(a.secret, 0)), 200);
    ck_assert_str_eq(sql("SELECT failures FROM forge.login_failures WHERE address <> ''"),
                     "0"); /* a whole login does */
}
END_TEST

START_TEST(tokens_that_are_none)
{
    armed_t a = armed();
    const char *code = totp(a.secret, 0);
    static const char *const bad[] = {"x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", " ", "' OR 1=1 --", NULL};
    for (const char *const *token = bad; *token; token++)
        expect_problem(second(*token, code), "mfa_token_invalid");
    const char *token = challenge(a.me);
    sql("UPDATE forge.login_challenges SET expires_at = now()");
    expect_problem(second(token, code), "mfa_token_invalid");
    token = challenge(a.me);
    sql("UPDATE forge.users SET epoch = epoch + 1"); /* the password was changed meanwhile */
    expect_problem(second(token, code), "mfa_token_invalid");
    token = challenge(a.me);
    sql("UPDATE forge.users SET is_active = false");
    expect_problem(second(token, code), "mfa_token_invalid");
    sql("UPDATE forge.users SET is_active = true");
    token = challenge(a.me);
    sql("DELETE FROM forge.mfa_factors");
    expect_problem(second(token, code), "mfa_token_invalid");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.sessions"), "1");
}
END_TEST

/* The key was changed: nobody gets in by that, and the log says why. */
START_TEST(sealed_under_another_key)
{
    armed_t a = armed();
    sql("UPDATE forge.mfa_factors SET secret = reverse(secret)");
    expect_log("FG0480");
    expect_problem(second(challenge(a.me), totp(a.secret, 0)), "mfa_code_invalid");
    ck_assert_ptr_nonnull(strstr(log_since("error.log"), "FG0480"));
    expect_status(second(challenge(a.me), a.codes[0]), 200);
}
END_TEST

/* A row copied to another account opens nothing there: the account is part of what was sealed. */
START_TEST(a_stolen_factor_is_useless)
{
    armed_t a = armed(), b = armed();
    sql("UPDATE forge.mfa_factors SET secret = (SELECT secret FROM forge.mfa_factors WHERE user_id = %lld) WHERE "
        "user_id = %lld",
        (long long)a.me.id, (long long)b.me.id);
    expect_log("FG0480");
    expect_problem(second(challenge(b.me), totp(a.secret, 0)), "mfa_code_invalid");
}
END_TEST

/* --- backup codes --- */

START_TEST(backup_codes_are_good_once)
{
    armed_t a = armed();
    expect_status(second(challenge(a.me), a.codes[0]), 200);
    expect_problem(second(challenge(a.me), a.codes[0]), "mfa_code_invalid");
    char *typed = F("%.5s %s", a.codes[1], a.codes[1] + 6);
    for (char *c = typed; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    expect_status(second(challenge(a.me), typed), 200);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.audit_events WHERE event = 'mfa.backup_used'"), "2");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.mfa_backup_codes WHERE used_at IS NULL"), "8");
    reply_t *reply = verify(a.access, a.codes[2]); /* steps up too */
    expect_status(reply, 200);
    ck_assert_ptr_null(maybe_at(reply->json, "/backup_codes"));
    armed_t other = armed();
    expect_problem(second(challenge(other.me), a.codes[3]), "mfa_code_invalid");
}
END_TEST

START_TEST(new_backup_codes_void_the_old)
{
    armed_t a = armed();
    expect_problem(with_password("backup-codes", &a, "Wrong7-Walrus!Q", totp(a.secret, 0)), "bad_credentials");
    expect_problem(with_password("backup-codes", &a, a.me.password, wrong_code(a.secret)), "mfa_code_invalid");
    expect_status(second(challenge(a.me), a.codes[9]), 200);
    reply_t *reply = with_password("backup-codes", &a, a.me.password, totp(a.secret, 0));
    expect_status(reply, 200);
    ck_assert_str_eq(header(reply, "Cache-Control"), "no-store");
    ck_assert_uint_eq(json_array_size(at(reply->json, "/backup_codes")), 10);
    expect_problem(second(challenge(a.me), a.codes[1]), "mfa_code_invalid");
    expect_status(second(challenge(a.me), text_at(reply->json, "/backup_codes/0")), 200);
    ck_assert_str_eq(sql("SELECT count(*) || '/' || count(used_at) FROM forge.mfa_backup_codes"), "10/1");
    ck_assert_str_eq(
        sql("SELECT count(*) FROM forge.audit_events WHERE event = 'mfa.backup_codes' AND actor_id = subject_id"), "1");
}
END_TEST

/* --- step up, disable --- */

START_TEST(step_up)
{
    armed_t a = armed();
    sql("UPDATE forge.sessions SET amr = '{pwd}'");
    expect_problem(verify(a.me.access, wrong_code(a.secret)), "mfa_code_invalid");
    reply_t *reply = verify(a.me.access, totp(a.secret, 0));
    expect_status(reply, 200);
    const char *access = text_at(reply->json, "/access_token");
    ck_assert_str_eq(amr_of(access), "pwd otp");
    ck_assert_str_eq(text_at(jwt_part(access, 1), "/sid"), text_at(jwt_part(a.me.access, 1), "/sid"));
    ck_assert_str_eq(text_at(reply->json, "/token_type"), "bearer");
    ck_assert_int_eq(int_at(reply->json, "/expires_in"), 900);
    ck_assert_ptr_null(maybe_at(reply->json, "/refresh_token"));
    ck_assert_str_eq(sql("SELECT amr FROM forge.sessions"), "{pwd,otp}");
    expect_status(CALL("GET", "/api/v1/auth/me", .token = access), 200);
    next_step();
    sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'test'");
    expect_problem(verify(a.me.access, totp(a.secret, 0)), "invalid_token");
}
END_TEST

START_TEST(disable)
{
    armed_t a = armed();
    reply_t *elsewhere = second(challenge(a.me), a.codes[0]);
    expect_problem(with_password("disable", &a, "Wrong7-Walrus!Q", totp(a.secret, 0)), "bad_credentials");
    expect_problem(with_password("disable", &a, a.me.password, wrong_code(a.secret)), "mfa_code_invalid");
    expect_problem(with_password("disable", &a, a.me.password, a.codes[0]), "mfa_code_invalid");
    ck_assert(enabled(a.access));
    const char *waiting = challenge(a.me);
    expect_status(with_password("disable", &a, a.me.password, totp(a.secret, 0)), 204);
    ck_assert(!enabled(a.access));
    expect_problem(CALL("GET", "/api/v1/auth/me", .token = text_at(elsewhere->json, "/access_token")), "invalid_token");
    ck_assert_str_eq(sql("SELECT amr FROM forge.sessions WHERE revoked_at IS NULL"), "{pwd}");
    ck_assert_str_eq(
        sql("SELECT (SELECT count(*) FROM forge.mfa_factors) + (SELECT count(*) FROM forge.mfa_backup_codes)"), "0");
    expect_problem(second(waiting, a.codes[1]), "mfa_token_invalid");
    at(login(a.me)->json, "/access_token");
    expect_problem(with_password("disable", &a, a.me.password, "123456"), "mfa_not_enabled");
    ck_assert_str_eq(
        sql("SELECT count(*) FROM forge.audit_events WHERE event = 'mfa.disabled' AND (detail->>'sessions')::int = 1"),
        "1");
    expect_status(setup(a.access), 200);
}
END_TEST

/* A refusal leaves a factor alone whose code was not asked for yet. */
START_TEST(a_factor_that_waits_survives_what_is_refused)
{
    person_t me = person("student");
    reply_t *reply = setup(me.access);
    const char *code = F("%s", totp(text_at(reply->json, "/secret"), 0));
    const char *body = F("{\"password\":\"%s\",\"code\":\"%s\"}", me.password, code);
    expect_problem(CALL("POST", MFA "/disable", .token = me.access, .json = body), "mfa_not_enabled");
    expect_problem(CALL("POST", MFA "/backup-codes", .token = me.access, .json = body), "mfa_not_enabled");
    expect_status(verify(me.access, code), 200);
}
END_TEST

START_TEST(closed_account)
{
    person_t me = person("student");
    expect_status(setup(me.access), 200);
    sql("UPDATE forge.users SET is_active = false");
    expect_problem(setup(me.access), "invalid_token");
    expect_problem(verify(me.access, "123456"), "invalid_token");
    expect_problem(CALL("POST", MFA "/setup", .token = me.access, .json = F("{\"password\":\"%s\"}", me.password)),
                   "invalid_token");
}
END_TEST

Suite *suite_mfa(void)
{
    Suite *suite = suite_create("mfa");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, setup_shows_a_secret);
    tcase_add_test(all, the_first_code_activates);
    tcase_add_test(all, bodies_and_callers);
    tcase_add_test(all, login_in_two_steps);
    tcase_add_test(all, a_code_is_good_once);
    tcase_add_test(all, five_wrong_codes_end_it);
    tcase_add_test(all, the_password_alone_resets_nothing);
    tcase_add_test(all, tokens_that_are_none);
    tcase_add_test(all, sealed_under_another_key);
    tcase_add_test(all, a_stolen_factor_is_useless);
    tcase_add_test(all, backup_codes_are_good_once);
    tcase_add_test(all, new_backup_codes_void_the_old);
    tcase_add_test(all, step_up);
    tcase_add_test(all, disable);
    tcase_add_test(all, a_factor_that_waits_survives_what_is_refused);
    tcase_add_test(all, closed_account);
    return suite;
}
