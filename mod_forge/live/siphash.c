/* SPDX-License-Identifier: Apache-2.0
 * SipHash-2-4 with 128 bits (Aumasson and Bernstein, 2012). The hash is keyed, so that nobody can choose keys that
 * collide.
 */
#include "live_private.h"

static inline uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13);
    v[1] ^= v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16);
    v[3] ^= v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21);
    v[3] ^= v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17);
    v[1] ^= v[2];
    v[2] = rotate(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

static inline uint64_t sip_finish(uint64_t v[4])
{
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Up to 8 bytes as one word, the first byte lowest, independent of the machine's byte order. */
static inline uint64_t sip_bytes(const unsigned char *data, apr_size_t len)
{
    uint64_t word = 0;
    for (apr_size_t i = 0; i < len; i++)
        word |= (uint64_t)data[i] << (8 * i);
    return word;
}

void forge_live_hash(const uint64_t secret[2], uint64_t tweak, const void *data, apr_size_t len, uint64_t hash[2])
{
    uint64_t k0 = secret[0], k1 = secret[1] ^ tweak;
    uint64_t v[4] = {0x736f6d6570736575 ^ k0, 0x646f72616e646f6d ^ k1 ^ 0xee, 0x6c7967656e657261 ^ k0,
                     0x7465646279746573 ^ k1};
    const unsigned char *at = data;
    apr_size_t left = len;
    for (; left >= 8; at += 8, left -= 8)
        sip_word(v, sip_bytes(at, 8));
    sip_word(v, sip_bytes(at, left) | (uint64_t)len << 56);
    v[2] ^= 0xee;
    hash[0] = sip_finish(v);
    v[1] ^= 0xdd;
    hash[1] = sip_finish(v);
}
