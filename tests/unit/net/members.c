/* SPDX-License-Identifier: Apache-2.0
 * net/members.c: which addresses become members, how files and SRV records are ranked, and that one bad line spoils a
 * file.
 */
#include "net/net.h"
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

static void setup(void)
{
    forge_test_begin();
}

static forge_lookup_t reads(const char *text, forge_members_t *members)
{
    const char *why = NULL;
    return forge_net_members_read(forge_test_pool, text, members, &why);
}

START_TEST(no_address_that_is_nobodys_is_allowed)
{
    static const char *const bad[] = {"0.0.0.0",
                                      "0.1.2.3",
                                      "224.0.0.1",
                                      "239.255.255.250",
                                      "240.0.0.1",
                                      "255.255.255.255",
                                      "169.254.169.254",
                                      "::",
                                      "::7",
                                      "ff02::1",
                                      "fe80::1",
                                      "febf::1",
                                      "::ffff:0.0.0.0",
                                      "::ffff:224.0.0.1",
                                      "64:ff9b::169.254.1.1",
                                      "host",
                                      "1.2.3",
                                      ""};
    static const char *const good[] = {"192.0.2.1",  "10.0.0.1",    "172.16.0.1",       "192.168.1.1",
                                       "100.64.0.1", "2001:db8::1", "::ffff:192.0.2.1", "fd00::1"};
    static const char *const own[] = {"127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(!forge_net_member_allowed(bad[i], true), "%s", bad[i]);
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        ck_assert_msg(forge_net_member_allowed(good[i], false), "%s", good[i]);
    for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
        ck_assert_msg(forge_net_member_allowed(own[i], true) && !forge_net_member_allowed(own[i], false), "%s", own[i]);
}
END_TEST

START_TEST(a_file_names_members)
{
    forge_members_t members;
    ck_assert_int_eq(reads("# labs\n\n  Host-1.Example:8080  # the first\r\n192.0.2.7:80 weight=3 priority=20 route=b\n"
                           "[2001:DB8::1]:443 priority=7\nhost-1.example:8080",
                           &members),
                     FORGE_FOUND);
    ck_assert_int_eq(members.count, 3);
    ck_assert_str_eq(members.of[0].host, "host-1.example");
    ck_assert_str_eq(members.of[0].route, "host-1-example-8080");
    ck_assert_int_eq(members.of[0].weight, 1);
    ck_assert_int_eq(members.of[0].set, 0);
    ck_assert_int_eq(members.of[1].weight, 3);
    ck_assert_int_eq(members.of[1].set, 2);
    ck_assert_str_eq(members.of[1].route, "b");
    ck_assert_int_eq(members.of[2].set, 1);
    ck_assert_str_eq(forge_net_member_url(forge_test_pool, "http", &members.of[0]), "http://host-1.example:8080");
    ck_assert_str_eq(forge_net_member_url(forge_test_pool, "http", &members.of[1]), "http://192.0.2.7");
    ck_assert_str_eq(forge_net_member_url(forge_test_pool, "https", &members.of[2]), "https://[2001:db8::1]");
}
END_TEST

START_TEST(one_bad_line_spoils_a_file)
{
    static const char *const bad[] = {"a.example",
                                      "a.example:0",
                                      "a.example:65536",
                                      "a.example:80x",
                                      "http://a.example:80",
                                      "a.example:80 weight=0",
                                      "a.example:80 weight=101",
                                      "a.example:80 weight=",
                                      "a.example:80 priority=100",
                                      "a.example:80 route=a.b",
                                      "a.example:80 route=",
                                      "a.example:80 b.example:80",
                                      "-a.example:80",
                                      "a..b:80",
                                      "::1:80",
                                      "[::1:80",
                                      "[nothing]:80",
                                      "224.0.0.1:80",
                                      "0.0.0.0:80",
                                      "[ff02::1]:80",
                                      "a/b:80",
                                      "a@b:80",
                                      ":80",
                                      "a.example:-1"};
    forge_members_t members;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(reads(apr_pstrcat(forge_test_pool, "good.example:80\n", bad[i], "\n", NULL), &members) ==
                          FORGE_FOUND_INVALID,
                      "%s", bad[i]);
    ck_assert_int_eq(reads("", &members), FORGE_FOUND_NONE);
    ck_assert_int_eq(reads("# a.example:80\n\n", &members), FORGE_FOUND_NONE);
}
END_TEST

START_TEST(more_than_there_is_room_for_are_counted)
{
    forge_members_t members;
    char *text = apr_pstrdup(forge_test_pool, "");
    for (int i = 0; i < FORGE_MEMBERS_MAX + 5; i++)
        text = apr_psprintf(forge_test_pool, "%s10.0.%d.1:80\n", text, i);
    ck_assert_int_eq(reads(text, &members), FORGE_FOUND);
    ck_assert_int_eq(members.count, FORGE_MEMBERS_MAX);
    ck_assert_int_eq(members.left_out, 5);
}
END_TEST

/* RFC 2782: weights of 0 to 65535, priorities of the same range. */
START_TEST(srv_weights_and_priorities_fit_mod_proxys)
{
    forge_members_t members = {.count = 4,
                               .of = {{.host = "a", .port = 1, .weight = 65535, .set = 9000},
                                      {.host = "b", .port = 1, .weight = 32768, .set = 10},
                                      {.host = "c", .port = 1, .weight = 0, .set = 10},
                                      {.host = "d", .port = 1, .weight = 1, .set = 65535}}};
    forge_net_members_rank(&members);
    ck_assert_int_eq(members.of[0].weight, 100);
    ck_assert_int_eq(members.of[1].weight, 50);
    ck_assert_int_eq(members.of[2].weight, 1);
    ck_assert_int_eq(members.of[3].weight, 1);
    ck_assert_int_eq(members.of[0].set, 1);
    ck_assert_int_eq(members.of[1].set, 0);
    ck_assert_int_eq(members.of[2].set, 0);
    ck_assert_int_eq(members.of[3].set, 2);
}
END_TEST

START_TEST(sources_and_resolvers_are_read)
{
    static const char *const good[] = {"dns:labs.internal:8080", "srv:_http._tcp.labs.internal", "file:/etc/labs"};
    static const char *const bad[] = {"dns:labs.internal",
                                      "dns::80",
                                      "dns:labs:0",
                                      "dns:[::1]:80",
                                      "srv:labs.internal",
                                      "srv:",
                                      "file:etc/labs",
                                      "file:",
                                      "http://labs",
                                      "consul:labs",
                                      ""};
    forge_service_t service;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        ck_assert_msg(!forge_net_service_read(forge_test_pool, good[i], &service), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(forge_net_service_read(forge_test_pool, bad[i], &service) != NULL, "%s", bad[i]);
    ck_assert(forge_net_resolver_good("192.0.2.1") && forge_net_resolver_good("192.0.2.1:5353"));
    ck_assert(forge_net_resolver_good("[2001:db8::1]") && forge_net_resolver_good("[2001:db8::1]:53"));
    ck_assert(!forge_net_resolver_good("resolver.example") && !forge_net_resolver_good("192.0.2.1:"));
    ck_assert(!forge_net_resolver_good("[2001:db8::1") && !forge_net_resolver_good("192.0.2.1:0"));
    ck_assert(!forge_net_resolver_good("") && !forge_net_resolver_good("192.0.2.1,192.0.2.2"));
}
END_TEST

Suite *forge_test_net_members(void)
{
    Suite *suite = suite_create("net_members");
    TCase *tests = tcase_create("members");
    tcase_add_checked_fixture(tests, setup, forge_test_end);
    tcase_add_test(tests, no_address_that_is_nobodys_is_allowed);
    tcase_add_test(tests, a_file_names_members);
    tcase_add_test(tests, one_bad_line_spoils_a_file);
    tcase_add_test(tests, more_than_there_is_room_for_are_counted);
    tcase_add_test(tests, srv_weights_and_priorities_fit_mod_proxys);
    tcase_add_test(tests, sources_and_resolvers_are_read);
    suite_add_tcase(suite, tests);
    return suite;
}
