/* SPDX-License-Identifier: Apache-2.0
 * ForgeRetry: of three members one is sick, in each way there is, and no safe request fails; all are sick, and retries
 * keep within their budget; nothing that changes something is sent twice.
 */
#include "members.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLIENTS       8
#define EACH          25
#define EJECTED_AFTER 3 /* failures in a row */

static char *members(int first, int second, int third, const char *more)
{
    char *lines = F("%s", "<Proxy balancer://labs>\n");
    const int all[] = {first, second, third};
    for (int i = 0; i < 3; i++)
        lines = F("%sBalancerMember http://127.0.1.%d:%d timeout=1 retry=60\n", lines, all[i], upstreams_port());
    return F("%s</Proxy>\n%s\n", lines, more);
}

static void begin(void)
{
    expect_log("[proxy"); /* what mod_proxy says of the sick one */
    expect_log("FG1161");
    expect_log("FG0790"); /* … and what is told of its state */
    upstreams_start();
}

static double figure(const char *sample)
{
    const char *found = strstr(GATE("GET", "/metrics")->body, F("\n%s ", sample));
    return found ? atof(found + strlen(sample) + 2) : -1;
}

static void all_mode(const char *mode)
{
    for (int i = 1; i <= UPSTREAMS; i++)
        upstreams_mode(i, mode);
}

/* --- one is sick --- */

static void asks(int i, void *baton)
{
    const char *path = baton;
    for (int n = 0; n < EACH; n++) {
        const char *method = n % 5 == 4 ? "HEAD" : n % 7 == 6 ? "OPTIONS" : "GET";
        reply_t *reply = GATE(method, path, .headers = {i % 2 ? "Connection: close" : NULL});
        if (reply->status != 200)
            fail_later("client %d, request %d (%s): %d %.200s", i, n, method, reply->status, reply->body);
    }
}

static int hits_of(int member, const char *path)
{
    return upstreams_hits(member, "GET", path) + upstreams_hits(member, "HEAD", path) +
           upstreams_hits(member, "OPTIONS", path);
}

/* Every request is answered, whatever the third member does. */
static void sick(int third, const char *mode)
{
    begin();
    watchdog(120);
    upstreams_mode(3, mode);
    upstreams_node(members(1, 2, third, "ForgeRetry on"));
    char *path = F("/labs/%s", mode);
    parallel(CLIENTS, asks, path);
    fail_now();
    if (third != NOBODY) {
        ck_assert_int_gt(hits_of(3, mode), 0);
        ck_assert(figure("forge_upstream_retries_total{outcome=\"made\"}") >= 1);
    }
    ck_assert(figure("forge_upstream_retries_total{outcome=\"no_budget\"}") == 0);
}

START_TEST(a_member_that_refuses_fails_nobody)
{
    sick(NOBODY, "refuse");
}
END_TEST

/* It is left alone soon: by us after three answers that failed, or by mod_proxy where a connection could not even be
 * made. Then nothing more arrives. */
START_TEST(a_member_that_resets_fails_nobody)
{
    sick(3, "reset");
    const int before = hits_of(3, "reset");
    asks(0, (char[]){"/labs/reset"});
    fail_now();
    ck_assert_int_eq(hits_of(3, "reset"), before);
    /* mod_proxy tries twice where a kept connection fails */
    ck_assert(before < 2 * EJECTED_AFTER || figure("forge_upstream_ejections_total") >= 1);
}
END_TEST

START_TEST(a_member_that_hangs_fails_nobody)
{
    sick(3, "hang");
}
END_TEST

START_TEST(a_member_that_hangs_within_its_head_fails_nobody)
{
    sick(3, "half");
}
END_TEST

START_TEST(a_member_that_answers_503_fails_nobody)
{
    sick(3, "503");
}
END_TEST

START_TEST(a_member_that_sends_garbage_fails_nobody)
{
    sick(3, "garbage");
}
END_TEST

/* --- all are sick --- */

static void counts_failures(int i, void *baton)
{
    (void)i;
    for (int n = 0; n < EACH; n++) {
        reply_t *reply = GATE("GET", baton);
        if (reply->status < 502 || reply->status > 504)
            fail_later("%d %.200s", reply->status, reply->body);
    }
}

static long monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Ten seconds of min, min a second, and the share: no more are sent again, whatever fails. */
static void outage(const char *mode)
{
    begin();
    watchdog(180);
    all_mode(mode);
    upstreams_node(members(1, 2, 3, "ForgeRetry on budget=10% min=1/s attempts=3"));
    long since = monotonic();
    char *path = F("/labs/out-%s", mode);
    parallel(CLIENTS, counts_failures, path);
    fail_now();
    double made = figure("forge_upstream_retries_total{outcome=\"made\"}");
    double most = 10 + 0.1 * CLIENTS * EACH + (double)(monotonic() - since + 1);
    ck_assert_msg(made <= most, "%g retries, at most %g are allowed", made, most);
    ck_assert_msg(upstreams_hits(0, "GET", path) <= CLIENTS * EACH + (int)most, "%d requests arrived",
                  upstreams_hits(0, "GET", path));
    ck_assert(figure("forge_upstream_retries_total{outcome=\"no_budget\"}") +
                  figure("forge_upstream_retries_total{outcome=\"no_member\"}") >
              0);
}

START_TEST(an_outage_of_resets_is_not_multiplied)
{
    outage("reset");
}
END_TEST

START_TEST(an_outage_of_503s_is_not_multiplied)
{
    outage("503");
}
END_TEST

START_TEST(without_a_budget_nothing_is_sent_again)
{
    begin();
    all_mode("503");
    upstreams_node(members(1, 2, 3, "ForgeRetry on budget=0% min=0/s"));
    for (int i = 0; i < 10; i++) {
        reply_t *reply = GATE("GET", "/labs/none");
        expect_status(reply, 503);
    }
    ck_assert_int_eq(upstreams_hits(0, "GET", "/none"), 10);
    ck_assert(figure("forge_upstream_retries_total{outcome=\"made\"}") == 0);
    ck_assert(figure("forge_upstream_retries_total{outcome=\"no_budget\"}") >= 1);
}
END_TEST

/* --- what is never sent twice --- */

START_TEST(a_post_is_never_sent_twice)
{
    static const char *const modes[] = {"reset", "503", "hang", "garbage", "half"};
    begin();
    upstreams_node(members(1, 2, 3, "ForgeRetry on idempotent budget=100% min=1000/s attempts=5"));
    for (int i = 0; i < 5; i++) {
        all_mode(modes[i]);
        for (int n = 0; n < 2; n++) {
            const char *path = F("/labs/post-%s-%d", modes[i], n);
            reply_t *reply = GATE("POST", path, .json = "{}");
            ck_assert_msg(reply->status >= 502 && reply->status <= 504, "%s: %d", modes[i], reply->status);
            ck_assert_int_le(upstreams_hits(0, "POST", path), 1);
            expect_status(GATE("PUT", F("/labs/put-%s-%d", modes[i], n), .json = "{}"), reply->status);
            ck_assert_int_le(upstreams_hits(0, "PUT", F("put-%s-%d", modes[i], n)), 1);
        }
    }
    ck_assert_int_gt(upstreams_hits(0, "POST", "/post-"), 0);
}
END_TEST

START_TEST(a_delete_is_sent_again_only_where_told_so)
{
    begin();
    all_mode("reset");
    upstreams_mode(2, "ok");
    upstreams_node(members(1, 2, 3,
                           "ForgeRetry on\n<Location \"/labs/told\">\nForgeRetry on idempotent "
                           "attempts=3\n</Location>"));
    for (int i = 0; i < 3; i++)
        GATE("DELETE", F("/labs/untold-%d", i));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(upstreams_hits(0, "DELETE", F("untold-%d", i)), 1);
    env_second_stop();
    upstreams_node(members(1, 2, 3,
                           "ForgeRetry on\n<Location \"/labs/told\">\nForgeRetry on idempotent "
                           "attempts=3\n</Location>"));
    for (int i = 0; i < 3; i++)
        expect_status(GATE("DELETE", F("/labs/told/%d", i)), 200);
    ck_assert_int_gt(upstreams_hits(0, "DELETE", "/told/"), 3);
}
END_TEST

/* A client that has a byte of an answer gets no other one. */
START_TEST(an_answer_that_has_begun_is_not_begun_anew)
{
    begin();
    all_mode("cut");
    upstreams_node(members(1, 2, 3, "ForgeRetry on budget=100% min=100/s"));
    reply_t *reply = GATE("GET", "/labs/begun");
    ck_assert_msg(reply->length < 100000, "%zu", reply->length);
    ck_assert_int_eq(upstreams_hits(0, "GET", "/begun"), 1);
}
END_TEST

START_TEST(off_means_as_mod_proxy_does_it)
{
    begin();
    all_mode("503");
    upstreams_node(members(1, 2, 3, "ForgeRetry off"));
    expect_status(GATE("GET", "/labs/off"), 503);
    ck_assert_int_eq(upstreams_hits(0, "GET", "/off"), 1);
    ck_assert(figure("forge_upstream_retries_total{outcome=\"no_member\"}") == 0);
}
END_TEST

static void finish(void)
{
    env_second_stop();
    upstreams_stop();
}

Suite *suite_retry(void)
{
    Suite *suite = suite_create("retry");
    TCase *one = case_make(suite, "one_is_sick");
    tcase_add_checked_fixture(one, NULL, finish);
    tcase_add_test(one, a_member_that_refuses_fails_nobody);
    tcase_add_test(one, a_member_that_resets_fails_nobody);
    tcase_add_test(one, a_member_that_hangs_fails_nobody);
    tcase_add_test(one, a_member_that_hangs_within_its_head_fails_nobody);
    tcase_add_test(one, a_member_that_answers_503_fails_nobody);
    tcase_add_test(one, a_member_that_sends_garbage_fails_nobody);
    TCase *all = case_make(suite, "all_are_sick");
    tcase_add_checked_fixture(all, NULL, finish);
    tcase_add_test(all, an_outage_of_resets_is_not_multiplied);
    tcase_add_test(all, an_outage_of_503s_is_not_multiplied);
    tcase_add_test(all, without_a_budget_nothing_is_sent_again);
    TCase *never = case_make(suite, "never_twice");
    tcase_add_checked_fixture(never, NULL, finish);
    tcase_add_test(never, a_post_is_never_sent_twice);
    tcase_add_test(never, a_delete_is_sent_again_only_where_told_so);
    tcase_add_test(never, an_answer_that_has_begun_is_not_begun_anew);
    tcase_add_test(never, off_means_as_mod_proxy_does_it);
    return suite;
}
