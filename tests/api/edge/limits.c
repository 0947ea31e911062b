/* SPDX-License-Identifier: Apache-2.0
 * Rate limits: header families, exact over all children, by address and by account (SPEC 1, 14; SECURITY 30–32). Each
 * test speaks from an address of its own.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

/* The limits host believes the proxy at 127.0.3.250. It takes 5 a minute by address, 8 by account, 4 logins, 3 in 2 s
 * on /achievements. */

static reply_t *get(const char *path, const char *from)
{
    return CALL("GET", path, .port = PORT_LIMITS, .from = from);
}

START_TEST(all_header_families)
{
    const char *from = "127.0.3.1";
    for (int i = 1; i <= 5; i++) {
        reply_t *reply = get("/api/v1/courses", from);
        expect_status(reply, 200);
        ck_assert_str_eq(header(reply, "X-RateLimit-Limit"), "5");
        ck_assert_int_eq(atoi(header(reply, "X-RateLimit-Remaining")), 5 - i);
        ck_assert_int_ge(atoi(header(reply, "X-RateLimit-Reset")), 1);
        const char *policy = header(reply, "RateLimit-Policy"), *limit = header(reply, "RateLimit");
        ck_assert_msg(policy && strstr(policy, "q=5") && strstr(policy, "w=60"), "RateLimit-Policy: %s",
                      policy ? policy : "-");
        ck_assert_msg(limit && strstr(limit, F("r=%d", 5 - i)) && strstr(limit, "t="), "RateLimit: %s",
                      limit ? limit : "-");
    }
    reply_t *refused = get("/api/v1/courses", from);
    expect_problem(refused, "rate_limited");
    int retry = atoi(header(refused, "Retry-After"));
    ck_assert_msg(retry >= 1 && retry <= 60, "Retry-After: %d", retry);
    ck_assert_str_eq(header(refused, "X-RateLimit-Remaining"), "0");
    ck_assert_ptr_nonnull(header(refused, "RateLimit"));
    expect_status(get("/api/v1/courses", "127.0.3.2"), 200);
}
END_TEST

START_TEST(health_and_docs_are_not_limited)
{
    for (int i = 0; i < 20; i++) {
        expect_status(get("/health/live", "127.0.3.3"), 200);
        expect_status(get("/metrics", "127.0.3.3"), 200);
    }
    ck_assert_ptr_null(header(get("/health/live", "127.0.3.3"), "RateLimit"));
}
END_TEST

/* SECURITY 31 */
START_TEST(forwarded_for_changes_nothing)
{
    int refused = 0;
    for (int i = 0; i < 8; i++)
        refused += CALL("GET", "/api/v1/courses", .port = PORT_LIMITS, .from = "127.0.3.4",
                        .headers = {F("X-Forwarded-For: 1.2.3.%d", i), F("Forwarded: for=1.2.3.%d", i),
                                    F("X-Real-IP: 1.2.3.%d", i)})
                       ->status == 429;
    ck_assert_int_eq(refused, 3);
}
END_TEST

START_TEST(classes_are_counted_apart)
{
    const char *from = "127.0.3.5";
    for (int i = 0; i < 4; i++)
        expect_problem(CALL("POST", "/api/v1/auth/login", .port = PORT_LIMITS, .from = from,
                            .json = "{\"username\":\"nobody\",\"password\":\"x\"}"),
                       "bad_credentials");
    expect_problem(CALL("POST", "/api/v1/auth/login", .port = PORT_LIMITS, .from = from,
                        .json = "{\"username\":\"nobody\",\"password\":\"x\"}"),
                   "rate_limited");
    expect_problem(CALL("POST", "/api/v1/users/register", .port = PORT_LIMITS, .from = from, .json = "{}"),
                   "rate_limited");
    expect_status(get("/api/v1/courses", from), 200);
}
END_TEST

/* With a token the account's quota counts, wherever it calls from; a bad token counts against the address. */
START_TEST(by_account)
{
    person_t me = person("student"), other = person("student");
    int served = 0;
    for (int i = 0; i < 12; i++) {
        reply_t *reply =
            CALL("GET", "/api/v1/auth/me", .port = PORT_LIMITS, .from = F("127.0.3.%d", 100 + i), .token = me.access);
        ck_assert(reply->status == 200 || reply->status == 429);
        served += reply->status == 200;
    }
    ck_assert_int_eq(served, 8);
    reply_t *theirs = CALL("GET", "/api/v1/auth/me", .port = PORT_LIMITS, .from = "127.0.3.99", .token = other.access);
    expect_status(theirs, 200);
    ck_assert_str_eq(header(theirs, "X-RateLimit-Limit"), "8");
    int refused = 0;
    for (int i = 0; i < 8; i++)
        refused +=
            CALL("GET", "/api/v1/auth/me", .port = PORT_LIMITS, .from = "127.0.3.98", .token = "rubbish")->status ==
            429;
    ck_assert_int_eq(refused, 3);
}
END_TEST

/* Anybody gets as many guests as they like, so they add nothing to what their address may do. */
START_TEST(guests_share_the_quota_of_their_address)
{
    const char *tokens[4], *from = "127.0.3.20";
    int served = 0;
    for (int i = 0; i < 4; i++)
        tokens[i] = text_at(CALL("POST", "/api/v1/auth/guest", .json = "{}")->json, "/access_token");
    for (int i = 0; i < 16; i++) {
        reply_t *reply = CALL("GET", "/api/v1/auth/me", .port = PORT_LIMITS, .from = from, .token = tokens[i % 4]);
        ck_assert_msg(reply->status == 200 || reply->status == 429, "%d", reply->status);
        ck_assert_str_eq(header(reply, "X-RateLimit-Limit"), "5");
        served += reply->status == 200;
    }
    ck_assert_int_eq(served, 5);
    expect_problem(get("/api/v1/courses", from), "rate_limited");
    expect_status(CALL("GET", "/api/v1/auth/me", .port = PORT_LIMITS, .from = "127.0.3.21", .token = tokens[0]), 200);
    expect_status(CALL("GET", "/api/v1/auth/me", .port = PORT_LIMITS, .from = from, .token = person("student").access),
                  200);
}
END_TEST

/* Also where requests are not counted: the look into the database is. */
START_TEST(unknown_keys_are_looked_up_within_the_quota)
{
    static const char unknown[] = "fk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (int i = 0; i < 8; i++) {
        reply_t *reply = CALL("GET", "/metrics", .port = PORT_LIMITS, .from = "127.0.3.22", .token = unknown);
        expect_problem(reply, i < 5 ? "invalid_token" : "rate_limited");
    }
    expect_problem(get("/api/v1/courses", "127.0.3.22"), "rate_limited");
    expect_status(get("/metrics", "127.0.3.22"), 200);
}
END_TEST

/* What is left after a request of the client at this address, as the proxy at 127.0.3.250 says. */
static int left_of(const char *address)
{
    reply_t *reply = CALL("GET", "/api/v1/courses", .port = PORT_LIMITS, .from = "127.0.3.250",
                          .headers = {F("X-Client: %s", address)});
    expect_status(reply, 200);
    return atoi(header(reply, "X-RateLimit-Remaining"));
}

/* Behind a translator from IPv4 (64:ff9b::/96) every client has an address in the same /64. */
START_TEST(an_embedded_ipv4_address_is_one_client)
{
    ck_assert_int_eq(left_of("64:ff9b::203.0.113.9"), 4);
    ck_assert_int_eq(left_of("64:ff9b::203.0.113.10"), 4);
    ck_assert_int_eq(left_of("64:ff9b::cb00:7109"), 3);
    ck_assert_int_eq(left_of("::ffff:203.0.113.9"), 2);
    ck_assert_int_eq(left_of("203.0.113.9"), 1);
    ck_assert_int_eq(left_of("203.0.113.11"), 4);
    ck_assert_int_eq(left_of("64:ff9b::203.0.113.11"), 3);
    ck_assert_int_eq(left_of("64:ff9b:1::203.0.113.9"), 4); /* another prefix: a /64 like any other */
    ck_assert_int_eq(left_of("64:ff9b:1::203.0.113.10"), 3);
    ck_assert_int_eq(left_of("64:ff9b::1:203.0.113.9"), 4); /* bits between prefix and address: no such address */
    ck_assert_int_eq(left_of("2001:db8::203.0.113.9"), 4);
    ck_assert_int_eq(left_of("2001:db8::1"), 3);
}
END_TEST

START_TEST(a_location_has_its_own)
{
    const char *from = "127.0.3.6";
    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(header(get("/api/v1/achievements", from), "X-RateLimit-Limit"), "3");
    reply_t *refused = get("/api/v1/achievements", from);
    expect_problem(refused, "rate_limited");
    ck_assert_int_le(atoi(header(refused, "Retry-After")), 2);
    pause_ms(1100);
    expect_status(get("/api/v1/achievements", from), 200);
}
END_TEST

/* An outer location's quota goes on in the one inside it, for every class that the inner one does not speak of. */
START_TEST(an_outer_location_goes_on)
{
    const char *outer = "/api/v1/organizations", *inner = "/api/v1/organizations/1/members", *from = "127.0.3.8";
    const char *const paths[] = {outer, inner, outer, inner};
    for (int i = 0; i < 4; i++) {
        reply_t *reply = get(paths[i], from);
        ck_assert_str_eq(header(reply, "X-RateLimit-Limit"), "4");
        ck_assert_int_eq(atoi(header(reply, "X-RateLimit-Remaining")), 3 - i);
    }
    expect_problem(get(inner, from), "rate_limited");
    expect_problem(get(outer, from), "rate_limited");
}
END_TEST

typedef struct race_t {
    const char *from;
    int statuses[64];
} race_t;

static void get_one(int i, void *baton)
{
    race_t *race = baton;
    race->statuses[i] = get("/api/v1/courses", race->from)->status;
}

/* Many connections over all children at once: exactly the quota passes. */
START_TEST(exact_over_all_children)
{
    for (int round = 0; round < 5; round++) {
        race_t race = {.from = F("127.0.4.%d", round + 1)};
        int served = 0;
        parallel(60, get_one, &race);
        for (int i = 0; i < 60; i++) {
            served += race.statuses[i] == 200;
            ck_assert_msg(race.statuses[i] == 200 || race.statuses[i] == 429, "%d", race.statuses[i]);
        }
        ck_assert_int_eq(served, 5);
    }
}
END_TEST

/* SECURITY 32: no burst of twice the limit at a window's edge */
START_TEST(no_double_burst)
{
    const char *from = "127.0.3.7";
    int served = 0;
    for (int i = 0; i < 12; i++) {
        served += get("/api/v1/achievements", from)->status == 200;
        pause_ms(150);
    }
    ck_assert_msg(served >= 4 && served <= 6, "%d in 1.8 s, with 3 in 2 s", served);
}
END_TEST

Suite *suite_limits(void)
{
    Suite *suite = suite_create("limits");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, all_header_families);
    tcase_add_test(all, health_and_docs_are_not_limited);
    tcase_add_test(all, forwarded_for_changes_nothing);
    tcase_add_test(all, classes_are_counted_apart);
    tcase_add_test(all, by_account);
    tcase_add_test(all, guests_share_the_quota_of_their_address);
    tcase_add_test(all, unknown_keys_are_looked_up_within_the_quota);
    tcase_add_test(all, an_embedded_ipv4_address_is_one_client);
    tcase_add_test(all, a_location_has_its_own);
    tcase_add_test(all, an_outer_location_goes_on);
    tcase_add_test(all, exact_over_all_children);
    tcase_add_test(all, no_double_burst);
    return suite;
}
