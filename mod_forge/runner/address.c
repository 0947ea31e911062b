/* SPDX-License-Identifier: Apache-2.0
 * Which addresses are on the open internet. A host that is named by somebody outside may have any address in the
 * domain name system, also one of our own network; only what is surely public is spoken to.
 */
#include "runner.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

typedef struct range_t {
    unsigned char start[16];
    int bits;
} range_t;

/* Not public: this network, private, shared by providers, this machine, link-local, special use, examples, benchmarks,
 * multicast and what is reserved above it. */
static const range_t not_public4[] = {
    {{0}, 8},
    {{10}, 8},
    {{100, 64}, 10},
    {{127}, 8},
    {{169, 254}, 16},
    {{172, 16}, 12},
    {{192, 0, 0}, 24},
    {{192, 0, 2}, 24},
    {{192, 88, 99}, 24},
    {{192, 168}, 16},
    {{198, 18}, 15},
    {{198, 51, 100}, 24},
    {{203, 0, 113}, 24},
    {{224}, 3},
};
/* Of version 6 only 2000::/3 is given out; everything else (::1, mapped, 64:ff9b::, fc00::/7, fe80::/10 …) is not
 * public, and neither are what embeds an address of version 4 (Teredo and its neighbours, 6to4) and examples. */
static const range_t public6 = {{0x20}, 3};
static const range_t not_public6[] = {
    {{0x20, 0x01, 0, 0}, 23}, {{0x20, 0x01, 0x0d, 0xb8}, 32}, {{0x20, 0x02}, 16}, {{0x3f, 0xff, 0x00}, 20}};

static bool within(const void *address, const range_t *range)
{
    const unsigned char *bytes = address;
    const int whole = range->bits / 8, rest = range->bits % 8;
    if (memcmp(bytes, range->start, (size_t)whole) != 0)
        return false;
    return !rest || (bytes[whole] ^ range->start[whole]) >> (8 - rest) == 0;
}

static bool within_any(const void *address, const range_t *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (within(address, &ranges[i]))
            return true;
    return false;
}

bool forge_runner_address_public(const struct sockaddr *at)
{
    if (at->sa_family == AF_INET)
        return !within_any(&((const struct sockaddr_in *)(const void *)at)->sin_addr, not_public4,
                           sizeof(not_public4) / sizeof(not_public4[0]));
    if (at->sa_family != AF_INET6)
        return false;
    const struct in6_addr *address = &((const struct sockaddr_in6 *)(const void *)at)->sin6_addr;
    return within(address, &public6) && !within_any(address, not_public6, sizeof(not_public6) / sizeof(not_public6[0]));
}
