/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/digest.c: SHA-256, MACs by purpose, sealing.
 */
#include "core/identity/identity.h"
#include "unit.h"
#include <apr_strings.h>

static forge_keys_t *keys_of(char last)
{
    char secret[] = "Zq8vN2xT7mB4cL9wK1sD6fH3jP5rY0a?";
    secret[31] = last;
    return forge_core_keys_make(forge_test_pool, secret, 32);
}

START_TEST(sha256_vectors)
{
    char million[1000];
    memset(million, 'a', sizeof(million));
    ck_assert_str_eq(forge_core_sha256_hex(forge_test_pool, "", 0),
                     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    ck_assert_str_eq(forge_core_sha256_hex(forge_test_pool, "abc", 3),
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ck_assert_str_eq(forge_core_sha256_hex(forge_test_pool, million, 1000),
                     "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
    ck_assert_str_ne(forge_core_sha256_hex(forge_test_pool, "a\0b", 3),
                     forge_core_sha256_hex(forge_test_pool, "a\0c", 3));
}
END_TEST

START_TEST(mac_by_purpose)
{
    unsigned char a[32], b[32];
    forge_core_mac(keys_of('E'), "cursor", "courses", 7, a);
    forge_core_mac(keys_of('E'), "cursor", "courses", 7, b);
    ck_assert_mem_eq(a, b, 32);
    forge_core_mac(keys_of('E'), "refresh", "courses", 7, b);
    ck_assert_mem_ne(a, b, 32);
    forge_core_mac(keys_of('E'), "cursor", "coursez", 7, b);
    ck_assert_mem_ne(a, b, 32);
    forge_core_mac(keys_of('F'), "cursor", "courses", 7, b);
    ck_assert_mem_ne(a, b, 32);
    forge_core_mac(keys_of('E'), "cursor", "", 0, b);
    ck_assert_mem_ne(a, b, 32);
}
END_TEST

START_TEST(seal_and_unseal)
{
    static const apr_size_t sizes[] = {0, 1, 20, 1000, 64 * 1024};
    char *data = apr_pcalloc(forge_test_pool, 64 * 1024 + 1);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        apr_size_t len = 99;
        const char *sealed = forge_core_seal(forge_test_pool, keys_of('E'), "user 7", data, sizes[i]);
        ck_assert_ptr_nonnull(sealed);
        char *text = forge_core_unseal(forge_test_pool, keys_of('E'), "user 7", sealed, &len);
        ck_assert_ptr_nonnull(text);
        ck_assert_uint_eq(len, sizes[i]);
        ck_assert_mem_eq(text, data, len);
        ck_assert_int_eq(text[len], '\0');
    }
    ck_assert_ptr_null(forge_core_seal(forge_test_pool, keys_of('E'), "", data, 64 * 1024 + 1));
}
END_TEST

START_TEST(seals_differ)
{
    forge_keys_t *keys = keys_of('E');
    const char *one = forge_core_seal(forge_test_pool, keys, "", "same", 4),
               *two = forge_core_seal(forge_test_pool, keys, "", "same", 4);
    apr_size_t len;
    ck_assert_str_ne(one, two);
    ck_assert_str_eq(forge_core_unseal(forge_test_pool, keys, "", one, &len), "same");
    ck_assert_str_eq(forge_core_unseal(forge_test_pool, keys, "", two, &len), "same");
}
END_TEST

START_TEST(unseal_refuses)
{
    forge_keys_t *keys = keys_of('E');
    const char *sealed = forge_core_seal(forge_test_pool, keys, "user 7", "secret", 6);
    apr_size_t len;

    ck_assert_ptr_null(forge_core_unseal(forge_test_pool, keys, "user 8", sealed, &len));
    ck_assert_ptr_null(forge_core_unseal(forge_test_pool, keys, "", sealed, &len));
    ck_assert_ptr_null(forge_core_unseal(forge_test_pool, keys_of('F'), "user 7", sealed, &len));
    ck_assert_ptr_null(forge_core_unseal(forge_test_pool, keys, "user 7", "", &len));
    ck_assert_ptr_null(forge_core_unseal(forge_test_pool, keys, "user 7", "AAAA", &len));
    ck_assert_ptr_null(forge_core_unseal(forge_test_pool, keys, "user 7", "not base64url!", &len));
    for (size_t i = 0; i < strlen(sealed); i++) { /* every character matters: nonce, text and tag */
        char *tampered = apr_pstrdup(forge_test_pool, sealed);
        tampered[i] = tampered[i] == 'A' ? 'B' : 'A';
        ck_assert_msg(forge_core_unseal(forge_test_pool, keys, "user 7", tampered, &len) == NULL, "character %zu", i);
        ck_assert_ptr_null(
            forge_core_unseal(forge_test_pool, keys, "user 7", apr_pstrndup(forge_test_pool, sealed, i), &len));
    }
    char *huge = apr_palloc(forge_test_pool, 200001);
    memset(huge, 'A', 200000);
    huge[200000] = '\0';
    ck_assert_ptr_null(forge_core_unseal(forge_test_pool, keys, "user 7", huge, &len));
}
END_TEST

/* After a change of the secret: what the one before sealed or signed is still known, what it would seal now is not made
 * any more. */
START_TEST(second_secret)
{
    forge_keys_t *before = keys_of('E'), *after;
    const char *why, *sealed = forge_core_seal(forge_test_pool, before, "user 7", "secret", 6);
    const forge_keyring_spec_t spec = {.secret = "Lr3pW8sXc5kD1nQz7tVg2hJm9yBf4uEa",
                                       .secret_len = 32,
                                       .other = "Zq8vN2xT7mB4cL9wK1sD6fH3jP5rY0aE",
                                       .other_len = 32};
    unsigned char old_mac[32], mac[32];
    apr_size_t len;

    after = forge_core_keyring_make(forge_test_pool, &spec, &why);
    ck_assert_str_eq(forge_core_unseal(forge_test_pool, after, "user 7", sealed, &len), "secret");
    ck_assert_ptr_null(forge_core_unseal(forge_test_pool, after, "user 8", sealed, &len));
    ck_assert_ptr_null(
        forge_core_unseal(forge_test_pool, before, "", forge_core_seal(forge_test_pool, after, "", "new", 3), &len));
    forge_core_mac(before, "cursor", "x", 1, old_mac);
    forge_core_mac(after, "cursor", "x", 1, mac);
    ck_assert_mem_ne(mac, old_mac, 32);
    ck_assert(forge_core_mac_matches(after, "cursor", "x", 1, mac, 32) &&
              forge_core_mac_matches(after, "cursor", "x", 1, old_mac, 16));
    ck_assert(!forge_core_mac_matches(before, "cursor", "x", 1, mac, 32) &&
              !forge_core_mac_matches(after, "cursor", "y", 1, mac, 32));
    old_mac[15] ^= 1;
    ck_assert(!forge_core_mac_matches(after, "cursor", "x", 1, old_mac, 16));
}
END_TEST

Suite *forge_test_core_digest(void)
{
    Suite *s = suite_create("core_digest");
    TCase *tc = tcase_create("digest");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, sha256_vectors);
    tcase_add_test(tc, mac_by_purpose);
    tcase_add_test(tc, seal_and_unseal);
    tcase_add_test(tc, seals_differ);
    tcase_add_test(tc, unseal_refuses);
    tcase_add_test(tc, second_secret);
    suite_add_tcase(s, tc);
    return s;
}
