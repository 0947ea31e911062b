/* SPDX-License-Identifier: Apache-2.0
 * Bearer tokens, good and forged (SECURITY 18–24).
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char me_path[] = "/api/v1/auth/me";

/* GET /auth/me with a token must be refused as invalid. */
static void refused(const char *what, const char *token)
{
    reply_t *reply = CALL("GET", me_path, .token = token);
    const char *challenge = header(reply, "WWW-Authenticate");
    ck_assert_msg(reply->status == 401, "%s: %d %.200s", what, reply->status, reply->body);
    ck_assert_msg(challenge && strstr(challenge, "error=\"invalid_token\""), "%s: WWW-Authenticate: %s", what,
                  challenge ? challenge : "-");
}

static void accepted(const char *what, const char *token)
{
    reply_t *reply = CALL("GET", me_path, .token = token);
    ck_assert_msg(reply->status == 200, "%s: %d %.200s", what, reply->status, reply->body);
}

/* SECURITY 18 */
START_TEST(challenges)
{
    reply_t *none = CALL("GET", me_path);
    expect_problem(none, "unauthenticated");
    const char *challenge = header(none, "WWW-Authenticate");
    ck_assert_msg(strstr(challenge, "realm=") && !strstr(challenge, "error="), "%s", challenge);
    refused("rubbish", "rubbish");
    person_t student = person("student");
    reply_t *forbidden = CALL("POST", "/api/v1/achievements", .token = student.access, .json = "{\"name\":\"N\"}");
    expect_problem(forbidden, "insufficient_scope");
    challenge = header(forbidden, "WWW-Authenticate");
    ck_assert_msg(challenge && strstr(challenge, "error=\"insufficient_scope\""), "%s", challenge ? challenge : "-");
    expect_problem(CALL("GET", me_path, .headers = {"Authorization: Basic YTpi"}), "unauthenticated");
    expect_status(CALL("GET", me_path, .headers = {"Authorization: Bearer"}), 401);
    expect_status(CALL("GET", me_path, .headers = {"Authorization: Bearer a b"}), 401);
    expect_status(CALL("GET", me_path, .headers = {F("Authorization: bearer %s", student.access)}), 200);
}
END_TEST

START_TEST(two_tokens_are_one_too_many)
{
    person_t me = person("student");
    char *line = F("Authorization: Bearer %s", me.access);
    expect_problem(CALL("GET", me_path, .headers = {line, line}), "duplicate_token");
    expect_problem(CALL("GET", me_path, .headers = {F("%s, Bearer %s", line, me.access)}), "duplicate_token");
    expect_problem(CALL("GET", F("%s?access_token=%s", me_path, me.access), .token = me.access), "duplicate_token");
    expect_problem(CALL("GET", F("%s?access_token=%s", me_path, me.access)), "unauthenticated");
}
END_TEST

/* A token, when sent, must be good even where none is needed. */
START_TEST(bad_token_on_a_public_path)
{
    expect_problem(CALL("GET", "/api/v1/courses", .token = "rubbish"), "invalid_token");
    expect_problem(CALL("GET", "/api/v1/achievements", .token = "a.b.c"), "invalid_token");
}
END_TEST

/* Clients send what they have with everything: an old token must not stand in the way of whoever wants a new one. */
START_TEST(bad_token_on_the_way_in)
{
    person_t me = person("student"), gone = person("student");
    expect_status(CALL("POST", "/api/v1/auth/logout", .token = gone.access), 204);
    const char *bad[] = {
        "rubbish",   "a.b.c", "fk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", jwt_with(me, "exp", "1"),
        gone.access, NULL};
    const char *login = F("{\"email\":\"%s\",\"password\":\"%s\"}", me.email, me.password), *refresh = me.refresh;
    const char *one_time =
        "{\"token\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"new_password\":\"Quokka-Lantern-58\"}";
    for (const char **token = bad; *token; token++) {
        reply_t *fresh =
            CALL("POST", "/api/v1/auth/refresh", .token = *token, .json = F("{\"refresh_token\":\"%s\"}", refresh));
        expect_status(fresh, 200);
        refresh = text_at(fresh->json, "/refresh_token");
        expect_status(CALL("POST", "/api/v1/auth/login", .token = *token, .json = login), 200);
        expect_status(CALL("POST", "/api/v1/users/login", .token = *token, .json = login), 200);
        expect_status(CALL("POST", "/api/v1/auth/guest", .token = *token), 201);
        expect_status(CALL("POST", "/api/v1/auth/password/forgot", .token = *token,
                           .json = F("{\"email\":\"nobody@example.org\"}")),
                      202);
        expect_problem(CALL("POST", "/api/v1/auth/password/reset", .token = *token, .json = one_time), "token_invalid");
        expect_problem(CALL("POST", "/api/v1/auth/email/verify", .token = *token, .json = one_time), "token_invalid");
        expect_problem(CALL("POST", "/api/v1/auth/mfa/verify", .token = *token,
                            .json = "{\"mfa_token\":\"x\",\"code\":\"123456\"}"),
                       "mfa_token_invalid");
        /* here it is what the caller would be known by */
        expect_problem(CALL("POST", "/api/v1/auth/mfa/verify", .token = *token, .json = "{\"code\":\"123456\"}"),
                       "invalid_token");
        expect_problem(CALL("POST", "/api/v1/auth/register", .token = *token, .json = "{}"), "invalid_token");
    }
    expect_problem(CALL("POST", "/api/v1/auth/mfa/verify", .json = "{\"code\":\"123456\"}"), "unauthenticated");
    char *line = F("Authorization: Bearer %s", me.access);
    expect_problem(CALL("POST", "/api/v1/auth/login", .json = login, .headers = {line, line}), "duplicate_token");
    reply_t *wrong = CALL("POST", "/api/v1/auth/login", .token = "rubbish",
                          .json = F("{\"email\":\"%s\",\"password\":\"x\"}", me.email));
    expect_problem(wrong, "bad_credentials");
}
END_TEST

START_TEST(shape_of_a_good_token)
{
    person_t me = person("student");
    json_t *head = jwt_part(me.access, 0), *claims = jwt_part(me.access, 1);
    ck_assert_str_eq(text_at(head, "/alg"), "HS256");
    ck_assert_str_eq(text_at(head, "/typ"), "at+jwt");
    ck_assert_str_ne(text_at(head, "/kid"), "");
    ck_assert_str_eq(text_at(claims, "/role"), "student");
    static const char *const members[] = {"/iss", "/aud", "/sub", "/sid", "/amr", "/iat", "/nbf", "/exp", "/jti", NULL};
    for (const char *const *member = members; *member; member++)
        at(claims, *member);
    ck_assert_int_eq(int_at(claims, "/exp") - int_at(claims, "/iat"), 900);
    accepted("a token signed here with the same secret", jwt_with(me, "jti", "\"another\""));
}
END_TEST

/* SECURITY 19 */
START_TEST(algorithms)
{
    person_t me = person("student");
    static const char *const algs[] = {"\"none\"",  "\"None\"",  "\"NONE\"",  "\"nOnE\"", "\"HS384\"",   "\"HS512\"",
                                       "\"RS256\"", "\"ES256\"", "\"hs256\"", "\"\"",     "[\"HS256\"]", "256",
                                       "null",      "true",      "{}",        NULL};
    refused("no alg", jwt_with_header(me, "alg", NULL));
    for (const char *const *alg = algs; *alg; alg++) {
        char *token = jwt_with_header(me, "alg", *alg);
        refused(*alg, token);
        refused(*alg, F("%.*s.", (int)(strrchr(token, '.') - token), token));
    }
}
END_TEST

/* SECURITY 20 */
START_TEST(header_members)
{
    person_t me = person("student");
    static const struct {
        const char *name, *value;
    } rows[] = {{"crit", "[\"exp\"]"},   {"crit", "[]"},        {"b64", "false"}, {"zip", "\"DEF\""},
                {"typ", "\"JWT\""},      {"typ", "\"rt+jwt\""}, {"typ", "5"},     {"kid", "\"../../etc/passwd\""},
                {"kid", "\"' OR 1=1\""}, {"kid", "7"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        refused(F("%s: %s", rows[i].name, rows[i].value), jwt_with_header(me, rows[i].name, rows[i].value));
    refused("no typ", jwt_with_header(me, "typ", NULL));
    const char *own = "{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}";
    json_t *head = jwt_part(me.access, 0);
    json_object_set_new(head, "jwk", json_loads(own, 0, NULL));
    refused("signed by the key in its own header",
            jwt(keep(json_dumps(head, 0)), keep(json_dumps(jwt_part(me.access, 1), 0)),
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
}
END_TEST

START_TEST(spellings)
{
    person_t me = person("student");
    const char *good = me.access;
    char *first = F("%.*s", (int)strcspn(good, "."), good), *rest = F("%s", strchr(good, '.') + 1),
         *last = strrchr(rest, '.') + 1;
    refused("two parts", F("%s.%.*s", first, (int)(last - 1 - rest), rest));
    refused("four parts", F("%s.x", good));
    refused("an empty signature", F("%s.%.*s.", first, (int)(last - 1 - rest), rest));
    refused("padding", F("%s=", good));
    refused("a dot at the end", F("%s.", good));
    refused("standard base64", F("%s.%.*s.+%s", first, (int)(last - 1 - rest), rest, last + 1));
    char *trailing = F("%s", good);
    size_t end = strlen(trailing) - 1;
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    trailing[end] = alphabet[(strchr(alphabet, trailing[end]) - alphabet) ^ 1];
    refused("trailing bits", trailing);
    char *flipped = F("%s", good);
    flipped[end - 5] = flipped[end - 5] == 'A' ? 'B' : 'A';
    refused("one flipped letter", flipped);
    refused("a header that is no JSON", jwt("rubbish", "{}", env.secret));
    refused("a header that is a list", jwt("[]", "{}", env.secret));
    refused("claims that are a list", jwt(keep(json_dumps(jwt_part(good, 0), 0)), "[]", env.secret));
    refused("duplicate claims",
            jwt(keep(json_dumps(jwt_part(good, 0), 0)), "{\"sub\":\"1\",\"sub\":\"2\"}", env.secret));
    char *big = keep(malloc(9001));
    memset(big, 'a', 9000);
    big[9000] = 0;
    reply_t *reply = CALL("GET", me_path, .token = F("%s.%s", first, big), .lenient = true);
    ck_assert_msg(reply->status == 401 || reply->status == 431, "%d", reply->status);
}
END_TEST

/* SECURITY 21–22 */
START_TEST(other_keys)
{
    person_t me = person("student");
    char *head = keep(json_dumps(jwt_part(me.access, 0), 0)), *claims = keep(json_dumps(jwt_part(me.access, 1), 0));
    refused("another secret", jwt(head, claims, "another-secret-of-more-than-32-bytes-9f8e7d"));
    refused("an empty secret", jwt(head, claims, ""));
    accepted("the real one", jwt(head, claims, env.secret));
}
END_TEST

START_TEST(claims_one_by_one)
{
    person_t me = person("student");
    long now = time(NULL);
    static const char *const needed[] = {"iss", "aud", "sub", "sid", "role", "iat", "exp", "jti", NULL};
    for (const char *const *name = needed; *name; name++) {
        refused(F("no %s", *name), jwt_with(me, *name, NULL));
        refused(F("%s null", *name), jwt_with(me, *name, "null"));
        refused(F("%s true", *name), jwt_with(me, *name, "true"));
        refused(F("%s {}", *name), jwt_with(me, *name, "{}"));
    }
    const char *rows[][2] = {{"iss", "\"https://evil.example\""},
                             {"aud", "\"other\""},
                             {"aud", "[\"other\"]"},
                             {"aud", "[]"},
                             {"exp", F("%ld", now - 120)},
                             {"exp", F("\"%ld\"", now + 600)},
                             {"exp", "0"},
                             {"exp", "-1"},
                             {"nbf", F("%ld", now + 300)},
                             {"nbf", "\"x\""},
                             {"iat", F("%ld", now + 300)},
                             {"sub", "\"\""},
                             {"sub", "\"abc\""},
                             {"sub", "\"-1\""},
                             {"sub", "\"9223372036854775808\""},
                             {"role", "\"root\""},
                             {"role", "\"\""}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        refused(F("%s %s", rows[i][0], rows[i][1]), jwt_with(me, rows[i][0], rows[i][1]));
    json_t *claims = jwt_part(me.access, 1);
    accepted("a fraction in exp", jwt_with(me, "exp", F("%ld.5", now + 600)));
    accepted("a list of audiences",
             jwt_with(me, "aud",
                      F("[\"other\",\"%s\"]",
                        json_is_string(at(claims, "/aud")) ? text_at(claims, "/aud") : text_at(claims, "/aud/0"))));
    accepted("30 s early, inside the leeway", jwt_with(me, "nbf", F("%ld", now + 30)));
}
END_TEST

START_TEST(refresh_token_is_no_access_token)
{
    person_t me = person("student");
    refused("a refresh token", me.refresh);
}
END_TEST

START_TEST(unknown_subject_and_session)
{
    person_t me = person("student");
    refused("an account that is not there", jwt_with(me, "sub", "\"123456789\""));
    refused("a session that is not there",
            jwt_with(me, "sid", json_is_string(at(jwt_part(me.access, 1), "/sid")) ? "\"123456789\"" : "123456789"));
}
END_TEST

/* SECURITY 24, where the account is read */
START_TEST(disabled_account)
{
    person_t me = person("student");
    sql("UPDATE forge.users SET is_active = false WHERE id = %lld", (long long)me.id);
    refused("a disabled account", me.access);
    expect_problem(CALL("POST", "/api/v1/auth/login",
                        .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", me.username, me.password)),
                   "bad_credentials");
}
END_TEST

START_TEST(lifetime)
{
    person_t me = person("student");
    reply_t *reply = CALL("POST", "/api/v1/auth/login", .port = PORT_QUICK,
                          .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", me.username, me.password));
    expect_status(reply, 200);
    ck_assert_int_eq(int_at(reply->json, "/expires_in"), 10);
    json_t *claims = jwt_part(text_at(reply->json, "/access_token"), 1);
    ck_assert_int_eq(int_at(claims, "/exp") - int_at(claims, "/iat"), 10);
}
END_TEST

/* SECURITY 23: bad secrets stop the start */
START_TEST(weak_secrets_stop_the_start)
{
    static const char *const secrets[] = {"short",
                                          "secret",
                                          "changeme",
                                          "your-secret-key",
                                          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                          "secretsecretsecretsecretsecretsecret",
                                          "1234567890123456789012345678901",
                                          NULL};
    char *conf = file_read(F("%s/httpd.conf", env.dir), 0), *path = F("%s/weak.conf", env.dir), *out;
    for (const char *const *secret = secrets; *secret; secret++) {
        char *found = strstr(conf, env.secret);
        file_write(path, F("%.*s%s%s", (int)(found - conf), conf, *secret, found + strlen(env.secret)));
        int code = process_run(
            NULL, (const char *[]){"env", F("LD_PRELOAD=%s", env_preload()), env.httpd, "-t", "-f", path, NULL}, &out);
        ck_assert_msg(code != 0, "the configuration test takes the secret %s: %s", *secret, out);
        ck_assert_msg(strcasestr(out, "ForgeSecret") != NULL, "the message names the directive: %s", out);
        ck_assert_msg(strlen(*secret) < 10 || !strstr(out, *secret), "the message shows the secret: %s", out);
    }
}
END_TEST

Suite *suite_tokens(void)
{
    Suite *suite = suite_create("tokens");
    TCase *bearer = case_make(suite, "bearer");
    tcase_add_test(bearer, challenges);
    tcase_add_test(bearer, two_tokens_are_one_too_many);
    tcase_add_test(bearer, bad_token_on_a_public_path);
    tcase_add_test(bearer, bad_token_on_the_way_in);
    TCase *forged = case_make(suite, "forged");
    tcase_add_test(forged, shape_of_a_good_token);
    tcase_add_test(forged, algorithms);
    tcase_add_test(forged, header_members);
    tcase_add_test(forged, spellings);
    tcase_add_test(forged, other_keys);
    tcase_add_test(forged, claims_one_by_one);
    tcase_add_test(forged, refresh_token_is_no_access_token);
    tcase_add_test(forged, unknown_subject_and_session);
    tcase_add_test(forged, disabled_account);
    tcase_add_test(forged, lifetime);
    tcase_add_test(forged, weak_secrets_stop_the_start);
    return suite;
}
