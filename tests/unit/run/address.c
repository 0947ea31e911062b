/* SPDX-License-Identifier: Apache-2.0
 * Tests of runner/address.c: which addresses a run may be joined to.
 */
#include "runner/runner.h"
#include "unit.h"
#include <arpa/inet.h>
#include <netinet/in.h>

static const struct {
    const char *address;
    bool is_public;
} rows[] = {
    {"1.1.1.1", true},
    {"8.8.8.8", true},
    {"9.255.255.255", true},
    {"11.0.0.0", true},
    {"100.63.255.255", true},
    {"100.128.0.0", true},
    {"128.0.0.0", true},
    {"169.253.255.255", true},
    {"172.15.255.255", true},
    {"172.32.0.0", true},
    {"192.167.255.255", true},
    {"192.169.0.0", true},
    {"198.17.255.255", true},
    {"198.20.0.0", true},
    {"223.255.255.255", true},
    {"0.0.0.0", false},
    {"0.255.255.255", false},
    {"10.0.0.0", false},
    {"10.255.255.255", false},
    {"100.64.0.0", false},
    {"100.127.255.255", false},
    {"127.0.0.1", false},
    {"127.255.255.255", false},
    {"169.254.0.0", false},
    {"169.254.169.254", false},
    {"172.16.0.0", false},
    {"172.31.255.255", false},
    {"192.0.0.1", false},
    {"192.0.2.1", false},
    {"192.88.99.1", false},
    {"192.168.0.0", false},
    {"192.168.255.255", false},
    {"198.18.0.0", false},
    {"198.19.255.255", false},
    {"198.51.100.1", false},
    {"203.0.113.255", false},
    {"224.0.0.1", false},
    {"240.0.0.0", false},
    {"255.255.255.255", false},
    {"2606:4700::1111", true},
    {"2001:4860:4860::8888", true},
    {"2a00::1", true},
    {"3ffe::1", true},
    {"::", false},
    {"::1", false},
    {"::ffff:8.8.8.8", false},
    {"::ffff:127.0.0.1", false},
    {"::8.8.8.8", false},
    {"64:ff9b::808:808", false},
    {"64:ff9b:1::1", false},
    {"100::1", false},
    {"2001::1", false},
    {"2001:1ff::1", false},
    {"2001:200::1", true},
    {"2001:db8::1", false},
    {"2002:7f00:1::", false},
    {"3fff::1", false},
    {"3fff:1000::1", true},
    {"4000::1", false},
    {"fc00::1", false},
    {"fd00::1", false},
    {"fe80::1", false},
    {"fec0::1", false},
    {"ff02::1", false},
};

START_TEST(only_the_open_internet_is_public)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = 0};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = 0};
    const char *address = rows[_i].address;
    const bool is_four = inet_pton(AF_INET, address, &four.sin_addr) == 1;
    ck_assert(is_four || inet_pton(AF_INET6, address, &six.sin6_addr) == 1);
    const void *at = is_four ? (const void *)&four : (const void *)&six;
    ck_assert_msg(forge_runner_address_public(at) == rows[_i].is_public, "%s", address);
}
END_TEST

START_TEST(other_families_are_not)
{
    const struct sockaddr local = {.sa_family = AF_UNIX, .sa_data = ""};
    ck_assert(!forge_runner_address_public(&local));
}
END_TEST

Suite *forge_test_run_address(void)
{
    Suite *s = suite_create("run_address");
    TCase *tc = tcase_create("addresses");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_loop_test(tc, only_the_open_internet_is_public, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tc, other_families_are_not);
    suite_add_tcase(s, tc);
    return s;
}
