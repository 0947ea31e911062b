/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/hash.c: our form, imported hashes, dummies, renewal. Cost 4 throughout, for speed.
 */
#include "core/identity/identity.h"
#include "unit.h"
#include <apr_strings.h>

static bool verify(const char *password, const char *stored)
{
    return forge_core_hash_verify(forge_test_pool, password, strlen(password), stored);
}

START_TEST(made_and_verified)
{
    const char *one = forge_core_hash_make(forge_test_pool, "Tr0ub4dor&3", 11, 4),
               *two = forge_core_hash_make(forge_test_pool, "Tr0ub4dor&3", 11, 4);
    ck_assert_uint_eq(strlen(one), 68);
    ck_assert_int_eq(strncmp(one, "{sha256}$2y$04$", 15), 0);
    ck_assert_str_ne(one, two);
    ck_assert(verify("Tr0ub4dor&3", one));
    ck_assert(verify("Tr0ub4dor&3", two));
    ck_assert(!verify("Tr0ub4dor&4", one));
    ck_assert(!verify("tr0ub4dor&3", one));
    ck_assert(!verify("Tr0ub4dor&3 ", one));
    ck_assert(!verify("", one));
}
END_TEST

/* What bcrypt sees is base64(SHA-256(password)), as anyone can check elsewhere. */
START_TEST(form_is_bcrypt_over_base64)
{
    const char *stored = forge_core_hash_make(forge_test_pool, "abc", 3, 4);
    ck_assert(verify("ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", stored + strlen("{sha256}")));
}
END_TEST

/* No 72-byte cliff, no NUL cliff. */
START_TEST(every_byte_matters)
{
    char text[129];
    memset(text, 'x', 128);
    text[128] = '\0';
    const char *stored = forge_core_hash_make(forge_test_pool, text, 128, 4);
    ck_assert(verify(text, stored));
    text[127] = 'y';
    ck_assert(!verify(text, stored));
    stored = forge_core_hash_make(forge_test_pool, "a\0b", 3, 4);
    ck_assert(forge_core_hash_verify(forge_test_pool, "a\0b", 3, stored));
    ck_assert(!forge_core_hash_verify(forge_test_pool, "a\0c", 3, stored));
    ck_assert(!verify("a", stored));
    const char *umlauts = "äääääääääääääääääääääääää"
                          "äääääääääääääääääääääääää",
               *other = "äääääääääääääääääääääääää"
                        "ääääääääääääääääääääääääö";
    stored = forge_core_hash_make(forge_test_pool, umlauts, strlen(umlauts), 4);
    ck_assert(verify(umlauts, stored));
    ck_assert(!verify(other, stored));
    stored = forge_core_hash_make(forge_test_pool, "", 0, 4);
    ck_assert(verify("", stored));
}
END_TEST

START_TEST(costs)
{
    ck_assert_ptr_null(forge_core_hash_make(forge_test_pool, "x", 1, 3));
    ck_assert_ptr_null(forge_core_hash_make(forge_test_pool, "x", 1, 18));
    ck_assert_ptr_null(forge_core_hash_make(forge_test_pool, "x", 1, 0));
    ck_assert_ptr_null(forge_core_hash_make(forge_test_pool, "x", 1, -12));
    ck_assert_int_eq(strncmp(forge_core_hash_make(forge_test_pool, "x", 1, 6), "{sha256}$2y$06$", 15), 0);
}
END_TEST

/* Plain hashes of other systems: "U*U" and friends are the published vectors of crypt_blowfish, the last two were made
 * by libxcrypt. */
START_TEST(imported_hashes)
{
    ck_assert(verify("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
    ck_assert(verify("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"));
    ck_assert(verify("U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"));
    ck_assert(verify("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"));
    ck_assert(verify("U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
    ck_assert(verify("U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
    ck_assert(!verify("U*u", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
    ck_assert(!verify("U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeX"));
    /* as bcrypt does: 72 bytes count */
    const char *long_hash = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
    const char *long_text =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored";
    ck_assert(verify(long_text, long_hash));
    ck_assert(verify(apr_pstrndup(forge_test_pool, long_text, 72), long_hash));
    ck_assert(!verify(apr_pstrndup(forge_test_pool, long_text, 71), long_hash));
    /* UTF-8 */
    ck_assert(
        verify("\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac", "$2b$04$PGk7vTq0sYc3ZxRj9mWd2uLLEZEOauabmA.LSgCzP.x6.qmROojzu"));
    ck_assert(
        verify("\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac", "$2a$04$PGk7vTq0sYc3ZxRj9mWd2uLLEZEOauabmA.LSgCzP.x6.qmROojzu"));
    ck_assert(!forge_core_hash_verify(forge_test_pool, "U*U\0x", 5,
                                      "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
}
END_TEST

/* Some libraries left the four spare bits of the salt set; the hash is the same one. */
START_TEST(imported_salt_with_spare_bits)
{
    ck_assert(verify("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC/E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
    ck_assert(verify("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCCLE5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
    ck_assert(!verify("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCCOE5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
}
END_TEST

START_TEST(stored_rubbish)
{
    static const char *const rubbish[] = {
        "",
        "!",
        "*",
        "x",
        "password",
        "{sha256}",
        "{sha256}x",
        "{sha256}{sha256}$2y$04$",
        "$2y$",
        "$2y$04$",
        "$1$salt$Xo3Jdwn8vXqzQF8d0oCS20",
        "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2$05$CCCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$18$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW.",
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeWW",
        "$2a$05$CCCCCCCCCC!CCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$05$CCCCCCCCCC\377CCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    };
    for (size_t i = 0; i < sizeof(rubbish) / sizeof(*rubbish); i++) {
        ck_assert_msg(!verify("U*U", rubbish[i]), "%s", rubbish[i]);
        ck_assert_msg(!verify("", rubbish[i]), "%s", rubbish[i]);
        ck_assert_msg(forge_core_hash_outdated(rubbish[i], 4), "%s", rubbish[i]);
    }
}
END_TEST

/* A dummy is a hash like any other: same length, same cost, so the same work; and nothing matches it. */
START_TEST(dummies)
{
    for (int cost = 4; cost <= 17; cost++) {
        const char *dummy = forge_core_hash_dummy(forge_test_pool, cost);
        ck_assert_uint_eq(strlen(dummy), 68);
        ck_assert(!forge_core_hash_outdated(dummy, cost)); /* well-formed and of that cost */
        if (cost < 17)
            ck_assert(forge_core_hash_outdated(dummy, cost + 1));
    }
    ck_assert(!verify("", forge_core_hash_dummy(forge_test_pool, 4)));
    ck_assert(!verify("password", forge_core_hash_dummy(forge_test_pool, 4)));
}
END_TEST

/* Made decomposed or composed, it is the hash of the composed form; a mere sequence of bytes is taken as it is. */
START_TEST(one_password_in_two_forms)
{
    static const char composed[] = "\u00c5ngstr\u00f6m", decomposed[] = "A\u030angstro\u0308m",
                      bytes[] = "\xff\xcc\x88";
    apr_size_t len;
    const char *stored = forge_core_hash_make(forge_test_pool, decomposed, strlen(decomposed), 4);
    ck_assert(verify(composed, stored) && !verify(decomposed, stored));
    ck_assert(verify(composed, forge_core_hash_make(forge_test_pool, composed, strlen(composed), 4)));
    ck_assert_str_eq(forge_core_password_composed(forge_test_pool, decomposed, strlen(decomposed), &len), composed);
    ck_assert_uint_eq(len, strlen(composed));
    ck_assert_ptr_eq(forge_core_password_composed(forge_test_pool, composed, strlen(composed), &len), composed);
    ck_assert_ptr_eq(forge_core_password_composed(forge_test_pool, bytes, strlen(bytes), &len), bytes);
    ck_assert_ptr_eq(forge_core_password_composed(forge_test_pool, "", 0, &len), "");
    ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(renewal)
{
    const char *stored = forge_core_hash_make(forge_test_pool, "x", 1, 5);
    ck_assert(forge_core_hash_outdated(stored, 4)); /* a dearer one would show in the time of an answer */
    ck_assert(!forge_core_hash_outdated(stored, 5));
    ck_assert(forge_core_hash_outdated(stored, 6));
    ck_assert(forge_core_hash_outdated("$2y$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", 12));
}
END_TEST

static apr_uint64_t work_of(const char *password, const char *stored, bool renew, bool *good, const char **renewed)
{
    const forge_hash_check_t check = {password, stored, 8, renew};
    return forge_core_hash_check(forge_test_pool, &check, good, renewed);
}

/* Counted in rounds: an imported hash, a cheap one, one that is none, and no account at all. */
START_TEST(same_work_whatever_is_stored)
{
    static const char *const others[] = {NULL, "", "rubbish", "{sha256}$2y$99$", "$2x$08$CCCCCCCCCCCCCCCCCCCCC."};
    const char *renewed;
    bool good;
    for (int cost = 4; cost <= 8; cost++) {
        const char *stored = forge_core_hash_make(forge_test_pool, "right", 5, cost), *plain = strchr(stored, '$');
        ck_assert_uint_eq(work_of("wrong", stored, true, &good, &renewed), 256);
        ck_assert(!good && !renewed);
        ck_assert_uint_eq(work_of("wrong", plain, true, &good, &renewed), 256);
        ck_assert(!good && !renewed);
        ck_assert_uint_eq(work_of("right", stored, false, &good, &renewed), 256);
        ck_assert(good && !renewed);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        ck_assert_uint_eq(work_of("wrong", others[i], true, &good, &renewed), 256);
        ck_assert(!good && !renewed);
    }
}
END_TEST

/* The new hash takes the place of the rounds for nothing. */
START_TEST(renewed_while_it_is_checked)
{
    const char *stored = forge_core_hash_make(forge_test_pool, "right", 5, 5), *renewed;
    bool good;
    ck_assert_uint_eq(work_of("right", stored, true, &good, &renewed), 256 + 32);
    ck_assert(good && renewed);
    ck_assert(!forge_core_hash_outdated(renewed, 8));
    ck_assert(verify("right", renewed));
    ck_assert_uint_eq(work_of("right", renewed, true, &good, &renewed), 256);
    ck_assert(good && !renewed);
}
END_TEST

START_TEST(costs_are_read)
{
    ck_assert_int_eq(forge_core_hash_cost(forge_core_hash_make(forge_test_pool, "x", 1, 6)), 6);
    ck_assert_int_eq(forge_core_hash_cost("$2y$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"), 12);
    ck_assert_int_eq(forge_core_hash_cost("$2y$18$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"), 0);
    ck_assert_int_eq(forge_core_hash_cost("{sha256}"), 0);
    ck_assert_int_eq(forge_core_hash_cost(""), 0);
}
END_TEST

Suite *forge_test_core_hash(void)
{
    Suite *s = suite_create("core_hash");
    TCase *tc = tcase_create("hash");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, made_and_verified);
    tcase_add_test(tc, form_is_bcrypt_over_base64);
    tcase_add_test(tc, every_byte_matters);
    tcase_add_test(tc, costs);
    tcase_add_test(tc, imported_hashes);
    tcase_add_test(tc, imported_salt_with_spare_bits);
    tcase_add_test(tc, stored_rubbish);
    tcase_add_test(tc, dummies);
    tcase_add_test(tc, one_password_in_two_forms);
    tcase_add_test(tc, renewal);
    tcase_add_test(tc, same_work_whatever_is_stored);
    tcase_add_test(tc, renewed_while_it_is_checked);
    tcase_add_test(tc, costs_are_read);
    suite_add_tcase(s, tc);
    return s;
}
