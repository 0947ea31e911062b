/* SPDX-License-Identifier: Apache-2.0
 * Password hashes: bcrypt (apr_util's crypt_blowfish) over base64(SHA-256(password)), and imported plain bcrypt hashes.
 *
 * bcrypt alone stops at 72 bytes and at a NUL; the digest in front of it takes passwords of any length, and base64
 * keeps NUL out.
 */
#include "identity.h"
#include <apr_md5.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define MARKER            "{sha256}"
#define MARKER_LEN        (sizeof(MARKER) - 1)
#define COST_MIN          4
#define COST_MAX          17 /* 2^17 rounds take some 8 s; a stored hash that asks for more is a trap */
#define BCRYPT_LEN        60 /* "$2y$12$", 22 characters of salt, 31 of hash */
#define BCRYPT_SALT_AT    7
#define BCRYPT_SALT_CHARS 22
#define BCRYPT_HASH_AT    (BCRYPT_SALT_AT + BCRYPT_SALT_CHARS)
#define BCRYPT_SALT_BYTES 16
#define DIGEST_TEXT       45 /* 44 characters of base64 and a NUL */

static const char bcrypt_alphabet[] = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* What bcrypt gets to see of a password. */
static void prehash(const char *password, apr_size_t len, char text[DIGEST_TEXT])
{
    unsigned char digest[32];
    forge_core_sha256(password, len, digest);
    EVP_EncodeBlock((unsigned char *)text, digest, sizeof(digest));
    OPENSSL_cleanse(digest, sizeof(digest));
}

/* The cost of "$2?$NN$" with the rest in bcrypt's alphabet; 0 when it is no such hash. $2x (a bug of 2011 kept alive)
 * is refused. */
static int bcrypt_cost(const char *hash)
{
    int cost;
    if (strlen(hash) != BCRYPT_LEN || memcmp(hash, "$2", 2) != 0 || !strchr("aby", hash[2]) || hash[3] != '$' ||
        hash[6] != '$')
        return 0;
    if (hash[4] < '0' || hash[4] > '1' || hash[5] < '0' || hash[5] > '9')
        return 0;
    if (strspn(hash + BCRYPT_SALT_AT, bcrypt_alphabet) != BCRYPT_LEN - BCRYPT_SALT_AT)
        return 0;
    cost = (hash[4] - '0') * 10 + hash[5] - '0';
    return cost >= COST_MIN && cost <= COST_MAX ? cost : 0;
}

/* The 16 bytes behind 22 characters of bcrypt's base64. The last one has 4 bits too many; some libraries set them, all
 * ignore them. */
static void salt_decode(const char *text, unsigned char salt[BCRYPT_SALT_BYTES])
{
    unsigned bits = 0;
    int n_bits = 0, n = 0;
    for (int i = 0; i < BCRYPT_SALT_CHARS && n < BCRYPT_SALT_BYTES; i++) {
        bits = (bits << 6 | (unsigned)(strchr(bcrypt_alphabet, text[i]) - bcrypt_alphabet)) & 0xffff;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            salt[n++] = (unsigned char)(bits >> n_bits);
        }
    }
}

const char *forge_core_hash_make(apr_pool_t *p, const char *password, apr_size_t len, int cost)
{
    unsigned char salt[BCRYPT_SALT_BYTES];
    char text[DIGEST_TEXT], hash[BCRYPT_LEN + 1];
    apr_status_t rv;

    if (cost < COST_MIN || cost > COST_MAX)
        return NULL;
    forge_util_random(salt, sizeof(salt));
    password = forge_core_password_composed(p, password, len, &len);
    prehash(password, len, text);
    rv = apr_bcrypt_encode(text, (unsigned)cost, salt, sizeof(salt), hash, sizeof(hash));
    OPENSSL_cleanse(text, sizeof(text));
    return rv == APR_SUCCESS ? apr_pstrcat(p, MARKER, hash, NULL) : NULL;
}

/* bcrypt; the rounds it took are added to *rounds. */
static bool bcrypt_run(const char *text, int cost, const unsigned char salt[BCRYPT_SALT_BYTES],
                       char hash[BCRYPT_LEN + 1], apr_uint64_t *rounds)
{
    *rounds += APR_UINT64_C(1) << cost;
    return apr_bcrypt_encode(text, (unsigned)cost, salt, BCRYPT_SALT_BYTES, hash, BCRYPT_LEN + 1) == APR_SUCCESS;
}

/* bcrypt with the salt and cost of `stored`, compared in constant time. $2a, $2b and $2y agree but for a byte 0xff,
 * which UTF-8 never has.
 */
static bool bcrypt_matches(const char *text, const char *stored, apr_uint64_t *rounds)
{
    unsigned char salt[BCRYPT_SALT_BYTES];
    char hash[BCRYPT_LEN + 1];
    int cost = bcrypt_cost(stored);

    if (cost == 0)
        return false;
    salt_decode(stored + BCRYPT_SALT_AT, salt);
    if (!bcrypt_run(text, cost, salt, hash, rounds))
        return false;
    return forge_util_equal(hash + BCRYPT_HASH_AT, stored + BCRYPT_HASH_AT, BCRYPT_LEN - BCRYPT_HASH_AT);
}

static bool matches(apr_pool_t *p, const char *password, apr_size_t len, const char *stored, apr_uint64_t *rounds)
{
    char text[DIGEST_TEXT];
    bool same;

    if (strncmp(stored, MARKER, MARKER_LEN) == 0) {
        prehash(password, len, text);
        same = bcrypt_matches(text, stored + MARKER_LEN, rounds);
        OPENSSL_cleanse(text, sizeof(text));
        return same;
    }
    if (memchr(password, '\0', len))
        return false; /* plain bcrypt would see a shorter password */
    char *copy = apr_pstrmemdup(p, password, len);
    same = bcrypt_matches(copy, stored, rounds);
    OPENSSL_cleanse(copy, len);
    return same;
}

bool forge_core_hash_verify(apr_pool_t *p, const char *password, apr_size_t len, const char *stored)
{
    apr_uint64_t rounds = 0;
    return matches(p, password, len, stored, &rounds);
}

/* Runs rounds for nothing, until as many were run as a hash of `cost` takes. Costs are powers of two, so the missing
 * rounds are a sum of hashes of lower costs. */
static void fill_up(const char *password, apr_size_t len, int cost, apr_uint64_t *rounds)
{
    static const unsigned char salt[BCRYPT_SALT_BYTES] = {0x5a};
    char text[DIGEST_TEXT], hash[BCRYPT_LEN + 1];
    prehash(password, len, text);
    for (int c = cost; c >= COST_MIN; c--)
        if (*rounds + (APR_UINT64_C(1) << c) <= APR_UINT64_C(1) << cost)
            bcrypt_run(text, c, salt, hash, rounds);
    OPENSSL_cleanse(text, sizeof(text));
}

apr_uint64_t forge_core_hash_check(apr_pool_t *p, const forge_hash_check_t *check, bool *good, const char **renewed)
{
    apr_size_t len = strlen(check->password);
    apr_uint64_t rounds = 0;
    *renewed = NULL;
    *good = check->stored && matches(p, check->password, len, check->stored, &rounds);
    if (*good && check->renew && forge_core_hash_outdated(check->stored, check->cost))
        *renewed = forge_core_hash_make(p, check->password, len, check->cost);
    else
        fill_up(check->password, len, check->cost, &rounds);
    return rounds + (*renewed ? APR_UINT64_C(1) << check->cost : 0);
}

int forge_core_hash_cost(const char *hash)
{
    return bcrypt_cost(strncmp(hash, MARKER, MARKER_LEN) == 0 ? hash + MARKER_LEN : hash);
}

const char *forge_core_hash_dummy(apr_pool_t *p, int cost)
{
    /* A salt like any other, and a hash part of zeros: nobody knows a password for it, or will find one. */
    return apr_psprintf(p,
                        MARKER "$2y$%02d$"
                               "PGk7vTq0sYc3ZxRj9mWd2u"
                               "...............................",
                        cost);
}

bool forge_core_hash_outdated(const char *stored, int cost)
{
    return strncmp(stored, MARKER, MARKER_LEN) != 0 || bcrypt_cost(stored + MARKER_LEN) != cost;
}
