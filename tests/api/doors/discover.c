/* SPDX-License-Identifier: Apache-2.0
 * ForgeDiscover: members from the DNS or a file come and go while the node serves; whoever cannot be asked changes
 * nothing.
 */
#include "members.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROWTH "<Proxy balancer://labs>\nProxySet growth=4\n</Proxy>\n"
#define A(n)   "labs.test A 1 127.0.1." #n "\n"

static char *from_dns(const char *source, const char *more)
{
    return F("ForgeDiscover balancer://labs %s interval=1s resolver=127.0.0.1:%d %s\n", source, upstreams_dns_port(),
             more);
}

static char *from_a(const char *more)
{
    return from_dns(F("dns:labs.test:%d", upstreams_port()), more);
}

static char *from_file(void)
{
    return F("ForgeDiscover balancer://labs file:%s\n", upstreams_file("members"));
}

static double figure(const char *sample)
{
    const char *found = strstr(GATE("GET", "/metrics")->body, F("\n%s ", sample));
    return found ? atof(found + strlen(sample) + 2) : -1;
}

/* Which members answer a round of requests: a bit each. 0 is one that was not answered. */
static unsigned round_of(const char *path)
{
    unsigned seen = 0;
    for (int i = 0; i < 16; i++) {
        reply_t *reply = GATE("GET", path, .headers = {"Connection: close"});
        seen |= reply->status == 200 ? 1U << atoi(reply->body + strlen("member ")) : 1U;
    }
    return seen;
}

/* Waits until these members answer, each of them, nobody else, and no request is refused. */
static void expect_members(unsigned wanted)
{
    unsigned seen = 0;
    for (int i = 0; i < 200; i++) {
        if ((seen = round_of("/labs/x")) == wanted)
            return;
        pause_ms(100);
    }
    ck_abort_msg("members %x answer, not %x", seen, wanted);
}

#define M(n) (1U << (n))

static double lookups(const char *result)
{
    return figure(F("forge_discovery_resolutions_total{result=\"%s\"}", result));
}

/* One more lookup ends like this than there were. */
static void expect_lookup(const char *result, double were)
{
    for (int i = 0; i < 300 && lookups(result) <= were; i++)
        pause_ms(100);
    ck_assert_msg(lookups(result) > were, "no lookup ended as %s", result);
}

static void begin(void)
{
    expect_log("FG1152"); /* a lookup failed */
    expect_log("[proxy"); /* what mod_proxy says of members that are not there */
    expect_log("AH01171");
    upstreams_start();
}

START_TEST(members_of_a_records_come_go_and_come_back)
{
    begin();
    upstreams_write("zone", A(1) A(2));
    upstreams_node(F(GROWTH "%s", from_a("loopback")));
    expect_members(M(1) | M(2));
    upstreams_write("zone", A(1) A(2) A(3));
    expect_members(M(1) | M(2) | M(3));
    upstreams_write("zone", A(2) A(3));
    expect_members(M(2) | M(3));
    upstreams_write("zone", A(1) A(3));
    expect_members(M(1) | M(3));
    ck_assert(figure("forge_discovery_resolutions_total{result=\"ok\"}") >= 4);
    ck_assert(figure("forge_discovery_last_success_timestamp_seconds") > 1e9);
    ck_assert_str_eq(text_at(GATE("GET", "/health")->json, "/checks/discovery/status"), "pass");
}
END_TEST

static void waits(int i, void *baton)
{
    reply_t **replies = baton;
    replies[i] = GATE("GET", "/labs/wait", .headers = {"Connection: close"});
}

/* The member goes while all seven wait; then they are answered. */
static void lets_go(void)
{
    for (int n = 0; n < 300 && upstreams_hits(0, "GET", "/wait") < 7; n++)
        pause_ms(50);
    upstreams_write("zone", A(2));
    for (int n = 0; n < 300 && !strstr(log_since("error.log"), "is gone and drained"); n++)
        pause_ms(50);
    upstreams_write("go", "");
}

static void waits_or_lets_go(int i, void *baton)
{
    if (i == 7)
        lets_go();
    else
        waits(i, baton);
}

START_TEST(a_member_that_goes_finishes_what_it_has)
{
    reply_t *replies[7] = {NULL};
    begin();
    upstreams_write("zone", A(1) A(2));
    upstreams_node(F(GROWTH "%s", from_a("loopback drain=0s")));
    expect_members(M(1) | M(2));
    parallel(8, waits_or_lets_go, replies);
    fail_now();
    for (int i = 0; i < 7; i++)
        expect_status(replies[i], 200);
    ck_assert_int_gt(upstreams_hits(1, "GET", "/wait"), 0);
    expect_members(M(2));
}
END_TEST

START_TEST(whoever_cannot_be_asked_changes_nothing)
{
    static const char *const modes[][2] = {{"fail", "failed"}, {"silent", "failed"}, {"bad", "invalid"}};
    begin();
    watchdog(180);
    upstreams_write("zone", A(1) A(2));
    upstreams_node(F(GROWTH "%s", from_a("loopback")));
    expect_members(M(1) | M(2));
    double were = lookups("empty");
    upstreams_write("zone", "");
    expect_lookup("empty", were);
    expect_members(M(1) | M(2));
    ck_assert_str_eq(text_at(GATE("GET", "/health")->json, "/checks/discovery/status"), "warn");
    for (int i = 0; i < 3; i++) {
        were = lookups(modes[i][1]);
        upstreams_write("dns", modes[i][0]);
        expect_lookup(modes[i][1], were);
        expect_members(M(1) | M(2));
    }
    upstreams_write("dns", "ok");
    upstreams_write("zone", A(1) A(3));
    expect_members(M(1) | M(3));
}
END_TEST

/* RFC 2782: a higher priority number serves only where the lower ones cannot; its weight is a share. */
START_TEST(srv_records_say_port_weight_and_priority)
{
    begin();
    const char *hosts = "m1.test A 1 127.0.1.1\nm2.test A 1 127.0.1.2\nm3.test A 1 127.0.1.3\n";
    const char *srv = "_http._tcp.labs.test SRV 1";
    const int port = upstreams_port();
    upstreams_write("zone", F("%s%s 10 30000 %d m1.test\n%s 10 10000 %d m2.test\n%s 20 1 %d m3.test\n", hosts, srv,
                              port, srv, port, srv, port));
    upstreams_node(F(GROWTH "%s", from_dns("srv:_http._tcp.labs.test", "loopback")));
    expect_members(M(1) | M(2));
    int one = upstreams_hits(1, "GET", "/labs/y"), two = upstreams_hits(2, "GET", "/labs/y");
    for (int i = 0; i < 40; i++)
        expect_status(GATE("GET", "/labs/y"), 200);
    one = upstreams_hits(1, "GET", "/y") - one;
    two = upstreams_hits(2, "GET", "/y") - two;
    ck_assert_msg(one + two == 40 && one > two, "%d and %d", one, two);
    upstreams_write("zone", F("%s%s 20 1 %d m3.test\n", hosts, srv, port));
    expect_members(M(3));
}
END_TEST

START_TEST(more_members_than_there_is_room_for_are_told_of)
{
    begin();
    expect_log("FG1151");
    upstreams_write("zone", A(1) A(2) A(3));
    upstreams_node(F("<Proxy balancer://labs>\nProxySet growth=2\n</Proxy>\n%s", from_a("loopback")));
    expect_members(M(1) | M(2));
    ck_assert_ptr_nonnull(strstr(log_since("error.log"), "FG1151"));
    ck_assert(figure("forge_discovery_services_without_room") == 1);
    ck_assert_str_eq(text_at(GATE("GET", "/health")->json, "/checks/discovery/status"), "warn");
    env_second_change(
        upstreams_lines(F("<Proxy balancer://labs>\nProxySet growth=3\n</Proxy>\n%s", from_a("loopback"))));
    expect_members(M(1) | M(2) | M(3));
}
END_TEST

/* Of what an answer names, no address that is no single host's becomes a member, and this machine only if allowed. */
START_TEST(addresses_that_are_nobodys_become_no_members)
{
    begin();
    upstreams_write("zone",
                    "labs.test A 1 0.0.0.0\nlabs.test A 1 224.0.0.1\nlabs.test A 1 169.254.169.254\nlabs.test A 1 "
                    "255.255.255.255\nlabs.test AAAA 1 ::\nlabs.test AAAA 1 ff02::1\nlabs.test AAAA 1 fe80::1\n"
                    "labs.test AAAA 1 ::ffff:0.0.0.0\n");
    upstreams_node(F(GROWTH "%s", from_a("loopback")));
    expect_lookup("invalid", 0);
    expect_status(GATE("GET", "/labs/x"), 503);
    upstreams_write("zone", A(1));
    expect_members(M(1));
    upstreams_node(F(GROWTH "%s", from_a("")));
    expect_lookup("invalid", 0);
    expect_status(GATE("GET", "/labs/x"), 503);
}
END_TEST

START_TEST(a_file_is_followed_and_a_bad_one_is_not)
{
    begin();
    const int port = upstreams_port();
    upstreams_write("members", F("# two\n127.0.1.1:%d\n127.0.1.2:%d weight=1 route=second\n", port, port));
    upstreams_node(F(GROWTH "%s", from_file()));
    expect_members(M(1) | M(2));
    upstreams_write("members", F("127.0.1.2:%d\n127.0.1.3:%d\n", port, port));
    expect_members(M(2) | M(3));
    upstreams_write("members", F("127.0.1.1:%d\n127.0.1.4:nothing\n", port));
    expect_lookup("invalid", 0);
    expect_members(M(2) | M(3));
    upstreams_write("members", "# nobody\n");
    expect_lookup("empty", 0);
    expect_members(M(2) | M(3));
    ck_assert_int_eq(unlink(upstreams_file("members")), 0);
    expect_lookup("failed", 0);
    expect_members(M(2) | M(3));
    upstreams_write("members", F("127.0.1.1:%d\n", port));
    expect_members(M(1));
}
END_TEST

/* Members are in shared memory; another child goes on looking. */
START_TEST(killed_children_lose_no_member)
{
    int pids[64];
    begin();
    watchdog(120);
    expect_log("AH00051"); /* a child was ended by a signal */
    expect_log("AH00052");
    expect_log("FG0");
    upstreams_write("zone", A(1) A(2));
    upstreams_node(F(GROWTH "%s", from_a("loopback")));
    expect_members(M(1) | M(2));
    for (int i = env_second_children(pids, 64) - 1; i >= 0; i--)
        process_kill(pids[i], SIGKILL);
    ck_assert(env_second_ready(20));
    expect_members(M(1) | M(2));
    upstreams_write("zone", A(2) A(3));
    expect_members(M(2) | M(3));
}
END_TEST

START_TEST(a_graceful_restart_begins_with_the_last_known_members)
{
    begin();
    upstreams_write("zone", A(1) A(2));
    char *lines = F(GROWTH "%s", from_a("loopback"));
    upstreams_node(lines);
    expect_members(M(1) | M(2));
    upstreams_write("dns", "silent");
    env_second_change(upstreams_lines(F("%sHeader set X-Generation two\n", lines)));
    for (int i = 0; i < 300; i++) { /* the old generation answers until it has ended; no request is refused */
        reply_t *reply = GATE("GET", "/labs/x", .headers = {"Connection: close"});
        expect_status(reply, 200);
        if (header(reply, "X-Generation"))
            break;
        pause_ms(20);
    }
    expect_members(M(1) | M(2));
    upstreams_write("dns", "ok");
    upstreams_write("zone", A(3));
    expect_members(M(3));
}
END_TEST

/* A member of a BalancerMember line is its operator's: it stays, and lends its parameters. */
START_TEST(a_configured_member_stays)
{
    begin();
    upstreams_write("zone", A(2));
    upstreams_node(F("<Proxy balancer://labs>\nBalancerMember http://127.0.1.1:%d\nProxySet growth=4\n</Proxy>\n%s",
                     upstreams_port(), from_a("loopback")));
    expect_members(M(1) | M(2));
    upstreams_write("zone", A(1) A(3));
    expect_members(M(1) | M(3));
    upstreams_write("zone", A(3));
    expect_lookup("ok", lookups("ok"));
    expect_members(M(1) | M(3));
}
END_TEST

static void finish(void)
{
    env_second_stop();
    upstreams_stop();
}

Suite *suite_discover(void)
{
    Suite *suite = suite_create("discover");
    TCase *tests = case_make(suite, "discover");
    tcase_add_checked_fixture(tests, NULL, finish);
    tcase_add_test(tests, members_of_a_records_come_go_and_come_back);
    tcase_add_test(tests, a_member_that_goes_finishes_what_it_has);
    tcase_add_test(tests, whoever_cannot_be_asked_changes_nothing);
    tcase_add_test(tests, srv_records_say_port_weight_and_priority);
    tcase_add_test(tests, more_members_than_there_is_room_for_are_told_of);
    tcase_add_test(tests, addresses_that_are_nobodys_become_no_members);
    tcase_add_test(tests, a_file_is_followed_and_a_bad_one_is_not);
    tcase_add_test(tests, killed_children_lose_no_member);
    tcase_add_test(tests, a_graceful_restart_begins_with_the_last_known_members);
    tcase_add_test(tests, a_configured_member_stays);
    return suite;
}
