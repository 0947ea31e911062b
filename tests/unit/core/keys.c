/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/keys.c: refused secrets, HKDF against RFC 5869, keys that are stable and apart.
 */
#include "core/identity/keys.h"
#include "core/identity/identity.h"
#include "unit.h"
#include <stdlib.h>

#define GOOD "Zq8vN2xT7mB4cL9wK1sD6fH3jP5rY0aE"

static const char *problem(const char *secret)
{
    return forge_core_secret_problem(secret, strlen(secret));
}

/* One line end, as an editor or "VAR=$(…)" of some shells leaves it, is none of the secret; anything more is. */
START_TEST(secrets_of_the_environment_lose_their_line_end)
{
    static const struct {
        const char *value;
        apr_size_t len;
    } rows[] = {{GOOD, 32}, {GOOD "\n", 32}, {GOOD "\r\n", 32}, {GOOD "\n\n", 33}, {GOOD " \n", 33}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        apr_size_t len = 0;
        const char *why;
        setenv("FORGE_TEST_OF_SECRETS", rows[i].value, 1);
        const char *secret = forge_core_secret_read(forge_test_pool, "env:FORGE_TEST_OF_SECRETS", &len, &why);
        ck_assert_msg(secret != NULL, "%s", why);
        ck_assert_uint_eq(len, rows[i].len);
        ck_assert_uint_eq(strlen(secret), rows[i].len);
    }
    apr_size_t len = 0;
    const char *why;
    setenv("FORGE_TEST_OF_SECRETS", "\n", 1);
    ck_assert_ptr_null(forge_core_secret_read(forge_test_pool, "env:FORGE_TEST_OF_SECRETS", &len, &why));
    unsetenv("FORGE_TEST_OF_SECRETS");
}
END_TEST

START_TEST(texts_of_the_environment_have_no_mark)
{
    const char *why;
    setenv("FORGE_TEST_OF_SECRETS", "\xef\xbb\xbfword", 1);
    ck_assert_ptr_null(forge_core_secret_text(forge_test_pool, "env:FORGE_TEST_OF_SECRETS", &why));
    ck_assert_str_eq(why, "it begins with a byte order mark (save the file without one)");
    setenv("FORGE_TEST_OF_SECRETS", "w\xf6rd\n", 1); /* which encoding a service wants is its own affair */
    ck_assert_str_eq(forge_core_secret_text(forge_test_pool, "env:FORGE_TEST_OF_SECRETS", &why), "w\xf6rd");
    unsetenv("FORGE_TEST_OF_SECRETS");
    ck_assert_ptr_null(forge_core_secret_text(forge_test_pool, "env:FORGE_TEST_OF_SECRETS", &why));
}
END_TEST

static char *repeated(const char *unit, apr_size_t len)
{
    char *text = apr_palloc(forge_test_pool, len + 1);
    for (apr_size_t i = 0; i < len; i++)
        text[i] = unit[i % strlen(unit)];
    text[len] = '\0';
    return text;
}

START_TEST(good_secrets)
{
    static const char *const good[] = {
        GOOD,
        "b1946ac92492d2347c6235b4d2611184",             /* 32 hex digits */
        "83651940275618394027561839402756",             /* digits only */
        "3q2+7w8Kp1bXc9ZrT0mYvU5sLhJ4gQaE6dN+fRwIoHk=", /* base64 */
        "my-secret-key-Xq7vRk2pTz9wLm4c-production",    /* words beside random text */
        "gläserne Brücken über dem Kanal 4711",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        ck_assert_msg(problem(good[i]) == NULL, "%s: %s", good[i], problem(good[i]));
}
END_TEST

START_TEST(short_and_long_secrets)
{
    ck_assert_ptr_nonnull(forge_core_secret_problem(NULL, 0));
    ck_assert_ptr_nonnull(problem(""));
    ck_assert_ptr_nonnull(forge_core_secret_problem(GOOD, 31));
    ck_assert_ptr_null(forge_core_secret_problem(GOOD, 32));
    ck_assert_ptr_null(problem(repeated("k8Jx2", 20)) == NULL ? "short" : NULL);
    ck_assert_ptr_null(problem(repeated(GOOD, 4096)));
    ck_assert_ptr_nonnull(problem(repeated(GOOD, 4097)));
}
END_TEST

START_TEST(well_known_secrets)
{
    static const char *const bad[] = {
        "secretsecretsecretsecretsecretsecret",
        "Secret-Secret-Secret-Secret-Secret-Secret",
        "changeme changeme changeme changeme 12345",
        "your-secret-key-change-in-production",
        "your-secret-key-change-this-in-production-12345!",
        "your_secret_key_here_at_least_32_characters",
        "super-secret-jwt-token-with-at-least-32-characters-long",
        "a-string-secret-at-least-256-bits-long",
        "this-is-a-very-secret-key-please-change-me",
        "secret00000000000000000000000000",
        "my-secret-key===================xxxxxxxx",
        "password1234567890password1234567890",
        "development-secret-do-not-use-in-production",
        "django-insecure-7k!x2q9v#m4z8w1p5r3t6y0u",
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970",
        "0123456789abcdef0123456789abcdef0123456789abcdef",
        "00112233445566778899aabbccddeeff00",
        "forge-demo-secret-not-for-production-0123456789",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(problem(bad[i]) != NULL, "%s", bad[i]);
}
END_TEST

START_TEST(monotonous_secrets)
{
    ck_assert_ptr_nonnull(problem(repeated("x", 64)));
    ck_assert_ptr_nonnull(problem(repeated("Zq8vN2x", 64))); /* seven different bytes */
    ck_assert_ptr_null(problem(repeated("Zq8vN2xT", 64)));
    char zeros[64] = {0};
    ck_assert_ptr_nonnull(forge_core_secret_problem(zeros, sizeof(zeros)));
}
END_TEST

/* One published case: octets in hex. */
static void hkdf_case(const char *ikm, apr_size_t ikm_len, const char *salt, apr_size_t salt_len, const char *info,
                      apr_size_t info_len, const char *okm)
{
    unsigned char out[82];
    forge_hkdf_t in = {
        .ikm = ikm, .ikm_len = ikm_len, .salt = salt, .salt_len = salt_len, .info = info, .info_len = info_len};
    ck_assert(forge_core_hkdf(&in, out, strlen(okm) / 2));
    ck_assert_str_eq(forge_util_hex(forge_test_pool, out, strlen(okm) / 2), okm);
}

START_TEST(hkdf_rfc_5869)
{
    char ikm[22], salt[13], info[10], ikm2[80], salt2[80], info2[80];
    memset(ikm, 0x0b, sizeof(ikm));
    for (int i = 0; i < 80; i++) {
        ikm2[i] = (char)i, salt2[i] = (char)(0x60 + i), info2[i] = (char)(0xb0 + i);
        if (i < 13)
            salt[i] = (char)i;
        if (i < 10)
            info[i] = (char)(0xf0 + i);
    }
    hkdf_case(ikm, 22, salt, 13, info, 10,
              "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"); /* A.1 */
    hkdf_case(ikm2, 80, salt2, 80, info2, 80,
              "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da327560"
              "0c2f09b8367793a9aca3"
              "db71cc30c58179ec3e87c14c01d5c1f3"
              "434f1d87"); /* A.2 */
    hkdf_case(ikm, 22, NULL, 0, NULL, 0,
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"); /* A.3 */
}
END_TEST

START_TEST(hkdf_expand_rfc_5869)
{
    static const unsigned char prk[32] = {
        /* A.1 */
        0x07, 0x77, 0x09, 0x36, 0x2c, 0x2e, 0x32, 0xdf, 0x0d, 0xdc, 0x3f, 0x0d, 0xc4, 0x7b, 0xba, 0x63,
        0x90, 0xb6, 0xc7, 0x3b, 0xb5, 0x0f, 0x9c, 0x31, 0x22, 0xec, 0x84, 0x4a, 0xd7, 0xc2, 0xb3, 0xe5,
    };
    static const unsigned char info[10] = {0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9};
    forge_hkdf_t in = {.ikm = prk, .ikm_len = 32, .info = info, .info_len = 10, .prk = true};
    unsigned char out[42];
    ck_assert(forge_core_hkdf(&in, out, sizeof(out)));
    ck_assert_str_eq(forge_util_hex(forge_test_pool, out, sizeof(out)),
                     "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}
END_TEST

/* Golden values: sealed secrets, cursors and refresh chains must survive an upgrade. */
START_TEST(derivation_is_stable)
{
    forge_keys_t *keys = forge_core_keys_make(forge_test_pool, GOOD, 32);
    unsigned char key[FORGE_KEY_BYTES];
    forge_core_keys_derive(keys, "seal", key);
    ck_assert_str_eq(forge_util_hex(forge_test_pool, key, sizeof(key)),
                     "aab4162d8aca958a796e3ec4b215b5f4ff396ba7397c5ff89e2c20f0e12145a2");
    ck_assert_str_eq(keys->signer->kid, "404fc0e3");
}
END_TEST

START_TEST(keys_are_apart)
{
    forge_keys_t *one = forge_core_keys_make(forge_test_pool, GOOD, 32);
    forge_keys_t *same = forge_core_keys_make(forge_test_pool, GOOD, 32);
    forge_keys_t *other = forge_core_keys_make(forge_test_pool, "Zq8vN2xT7mB4cL9wK1sD6fH3jP5rY0aF", 32);
    unsigned char a[FORGE_KEY_BYTES], b[FORGE_KEY_BYTES];

    ck_assert_str_eq(one->signer->kid, same->signer->kid);
    ck_assert_str_ne(one->signer->kid, other->signer->kid);
    forge_core_keys_derive(one, "cursor", a);
    forge_core_keys_derive(same, "cursor", b);
    ck_assert_mem_eq(a, b, sizeof(a));
    forge_core_keys_derive(one, "refresh", b);
    ck_assert_mem_ne(a, b, sizeof(a));
    forge_core_keys_derive(other, "cursor", b);
    ck_assert_mem_ne(a, b, sizeof(a));
}
END_TEST

static const forge_keys_t *watched;
static bool wiped;

static apr_status_t look(void *unused)
{
    static const forge_keys_t nothing;
    (void)unused;
    wiped = memcmp(watched, &nothing, sizeof(nothing)) == 0;
    return APR_SUCCESS;
}

/* A clean-up registered before the keys runs after theirs, while the memory is still there. */
START_TEST(keys_are_wiped)
{
    apr_pool_t *p;
    apr_pool_create(&p, forge_test_pool);
    apr_pool_cleanup_register(p, NULL, look, apr_pool_cleanup_null);
    watched = forge_core_keys_make(p, GOOD, 32);
    ck_assert_ptr_nonnull(watched->signer->jwk);
    apr_pool_destroy(p);
    ck_assert(wiped);
}
END_TEST

Suite *forge_test_core_keys(void)
{
    Suite *s = suite_create("core_keys");
    TCase *tc = tcase_create("keys");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, good_secrets);
    tcase_add_test(tc, secrets_of_the_environment_lose_their_line_end);
    tcase_add_test(tc, texts_of_the_environment_have_no_mark);
    tcase_add_test(tc, short_and_long_secrets);
    tcase_add_test(tc, well_known_secrets);
    tcase_add_test(tc, monotonous_secrets);
    tcase_add_test(tc, hkdf_rfc_5869);
    tcase_add_test(tc, hkdf_expand_rfc_5869);
    tcase_add_test(tc, derivation_is_stable);
    tcase_add_test(tc, keys_are_apart);
    tcase_add_test(tc, keys_are_wiped);
    suite_add_tcase(s, tc);
    return s;
}
