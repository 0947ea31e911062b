/* SPDX-License-Identifier: Apache-2.0
 * What the tests of the second factor share: accounts with an authenticator, and its calls.
 */
#ifndef FORGE_API_MFA_H
#define FORGE_API_MFA_H

#include "harness.h"

#define MFA "/api/v1/auth/mfa"

/* An account with its authenticator. */
typedef struct armed_t {
    person_t me;
    const char *secret, *access, *codes[10];
} armed_t;

/* Time passes: codes are new again. */
__attribute__((unused)) static void next_step(void)
{
    sql("UPDATE forge.mfa_factors SET last_step = 0");
}

__attribute__((unused)) static reply_t *setup(const char *token)
{
    return CALL("POST", MFA "/setup", .token = token, .json = "{}");
}

__attribute__((unused)) static reply_t *verify(const char *token, const char *code)
{
    return CALL("POST", MFA "/verify", .token = token, .json = F("{\"code\":\"%s\"}", code));
}

__attribute__((unused)) static reply_t *second(const char *mfa_token, const char *code)
{
    return CALL("POST", MFA "/verify", .json = F("{\"mfa_token\":\"%s\",\"code\":\"%s\"}", mfa_token, code));
}

__attribute__((unused)) static reply_t *login(person_t me)
{
    return CALL(
        "POST", "/api/v1/auth/login",
        .json = F("{\"username\":\"%s\",\"password\":\"%s\",\"device_name\":\"old phone\"}", me.username, me.password));
}

/* A fresh mfa_token. */
__attribute__((unused)) static const char *challenge(person_t me)
{
    reply_t *reply = login(me);
    expect_status(reply, 200);
    ck_assert(json_is_true(at(reply->json, "/mfa_required")));
    return text_at(reply->json, "/mfa_token");
}

__attribute__((unused)) static armed_t armed(void)
{
    armed_t a = {.me = person("student")};
    reply_t *reply = setup(a.me.access);
    expect_status(reply, 200);
    a.secret = text_at(reply->json, "/secret");
    reply = verify(a.me.access, totp(a.secret, 0));
    expect_status(reply, 200);
    a.access = text_at(reply->json, "/access_token");
    ck_assert_uint_eq(json_array_size(at(reply->json, "/backup_codes")), 10);
    for (int i = 0; i < 10; i++)
        a.codes[i] = text_at(reply->json, F("/backup_codes/%d", i));
    next_step();
    return a;
}

#endif
