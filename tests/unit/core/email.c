/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/email.c: addresses in their two forms, and usernames.
 */
#include "unit.h"
#include "core/identity/identity.h"
#include <apr_strings.h>

static const char *shown, *key, *why;

static bool normalize(const char *typed)
{
    shown = key = why = NULL;
    return forge_core_email_normalize(forge_test_pool, typed, strlen(typed), &shown, &key, &why);
}

static const char *times(const char *unit, int n)
{
    char *text = apr_pcalloc(forge_test_pool, strlen(unit) * (apr_size_t)n + 1);
    for (int i = 0; i < n; i++)
        memcpy(text + strlen(unit) * (apr_size_t)i, unit, strlen(unit));
    return text;
}

START_TEST(good_addresses)
{
    static const struct {
        const char *typed, *shown, *key;
    } rows[] = {
        {"ada@example.org", "ada@example.org", "ada@example.org"},
        {"Ada.Lovelace@Example.ORG", "Ada.Lovelace@example.org", "ada.lovelace@example.org"},
        {"  ada@example.org \r\n", "ada@example.org", "ada@example.org"},
        {"a@b.co", "a@b.co", "a@b.co"},
        {"ada+news@sub.example.co.uk", "ada+news@sub.example.co.uk", "ada+news@sub.example.co.uk"},
        {"!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org"},
        {"ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"},
        {"ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"},
        {"ada@B\xc3\xbc"
         "cher.example",
         "ada@B\xc3\xbc"
         "cher.example",
         "ada@xn--bcher-kva.example"},
        {"ada@bu\xcc\x88"
         "cher.example",
         "ada@b\xc3\xbc"
         "cher.example",
         "ada@xn--bcher-kva.example"},                                        /* decomposed */
        {"ada@fa\xc3\x9f.de", "ada@fa\xc3\x9f.de", "ada@xn--fa-hia.de"},      /* IDNA 2008: not fass.de */
        {"ada@example\xe3\x80\x82org", "ada@example.org", "ada@example.org"}, /* ideographic full stop */
        {"ada@\xef\xbd\x85xample.org", "ada@example.org", "ada@example.org"}, /* full-width letter */
        {"J\xc3\xb6rg@example.org", "J\xc3\xb6rg@example.org", "j\xc3\xb6rg@example.org"},
        {"JO\xcc\x88RG@example.org", "J\xc3\x96RG@example.org", "j\xc3\xb6rg@example.org"},
        {"Stra\xc3\x9f"
         "e@example.org",
         "Stra\xc3\x9f"
         "e@example.org",
         "strasse@example.org"},
        {"\xce\xa3\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x82@example.org",
         "\xce\xa3\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x82@example.org",
         "\xcf\x83\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x83@example.org"}, /* final sigma */
        {"\xe7\x94\xa8\xe6\x88\xb7@\xe4\xbe\x8b\xe5\xad\x90.\xe5\xb9\xbf\xe5\x91\x8a",
         "\xe7\x94\xa8\xe6\x88\xb7@\xe4\xbe\x8b\xe5\xad\x90.\xe5\xb9\xbf\xe5\x91\x8a",
         "\xe7\x94\xa8\xe6\x88\xb7@xn--fsqu00a.xn--4rr70v"},
        {"123@456.example", "123@456.example", "123@456.example"},
        {"ada@3com.example", "ada@3com.example", "ada@3com.example"},
        {"ada@a--b.example", "ada@a--b.example", "ada@a--b.example"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        ck_assert_msg(normalize(rows[i].typed), "%s: %s", rows[i].typed, why);
        ck_assert_str_eq(shown, rows[i].shown);
        ck_assert_str_eq(key, rows[i].key);
        const char *first = key; /* both forms are fixed points */
        ck_assert(normalize(shown));
        ck_assert_str_eq(shown, rows[i].shown);
        ck_assert_str_eq(key, first);
        ck_assert(normalize(first));
        ck_assert_str_eq(key, first);
    }
}
END_TEST

static const char *const bad_addresses[] = {
    "",
    " ",
    "@",
    "ada",
    "ada@",
    "@example.org",
    "ada.example.org",
    "ada@@example.org",
    "ada@b@example.org",
    "ada@example.org,bob@example.org",
    "ada@example.org bob@example.org",
    ".ada@example.org",
    "ada.@example.org",
    "a..da@example.org",
    ".@example.org",
    "a da@example.org",
    "ada @example.org",
    "ada@ example.org",
    "a\tda@example.org",
    "ada\r\nBcc: x@example.org",
    "ada\n@example.org",
    "ada\x01@example.org",
    "ada\x7f@example.org",
    "\"ada\"@example.org",
    "\"a da\"@example.org",
    "ada(comment)@example.org",
    "ada@(comment)example.org",
    "Ada <ada@example.org>",
    "<ada@example.org>",
    "ada@[127.0.0.1]",
    "ada@[IPv6:::1]",
    "ada@127.0.0.1",
    "ada@1.2",
    "ada@localhost",
    "ada@example",
    "ada@.org",
    "ada@example.",
    "ada@example.org.",
    "ada@.example.org",
    "ada@example..org",
    "ada@-example.org",
    "ada@example-.org",
    "ada@exa_mple.org",
    "ada@exam ple.org",
    "ada@example.org:25",
    "ada@example.org/x",
    "ada@exa\nmple.org",
    "ada@exa%6dple.org",
    "ada;drop@example.org",
    "a,b@example.org",
    "a:b@example.org",
    "a\\b@example.org",
    "ada@xn--a.example",
    "ada@xn--zzzzzzzzzz99999.example",
    "ada@xn--.example",
    "ada@xn--bcher-kvaa\xc3\xbc.example",
    "ada@xn--fassbinder-.example",
    "\xff@example.org",
    "ad\xc3@example.org",
    "ada@\xffxample.org",
    "\xed\xa0\x80@example.org",
    "a\xe2\x80\xae"
    "da@example.org", /* right-to-left override */
    "a\xe2\x80\x8b"
    "da@example.org", /* zero-width space */
    "a\xc2\xa0"
    "da@example.org", /* no-break space */
    "a\xc2\x85"
    "da@example.org",               /* a C1 control */
    "\xf0\x9f\x98\x80@example.org", /* an emoji is no letter */
    "a\xe2\x80\xa8"
    "da@example.org", /* line separator */
    "ada@ex\xe2\x80\xae"
    "ample.org",
    "ada@\xf0\x9f\x98\x80.example", /* not in IDNA 2008 */
    "ada@a\xe2\x84\x80.example",    /* becomes "a/c" */
    "ada@exam\xef\xbc\xa0ple.org",  /* full-width @ */
};

START_TEST(bad_address)
{
    ck_assert_msg(!normalize(bad_addresses[_i]), "accepted: %s -> %s", bad_addresses[_i], shown);
    ck_assert(why != NULL && why[0] >= 'a' && why[0] <= 'z');
    ck_assert_ptr_null(shown);
    ck_assert_ptr_null(key);
}
END_TEST

START_TEST(nul_inside)
{
    ck_assert(!forge_core_email_normalize(forge_test_pool, "ada@example.org\0.evil", 21, &shown, &key, &why));
    ck_assert(!forge_core_email_normalize(forge_test_pool, "a\0da@example.org", 16, &shown, &key, &why));
    ck_assert(!forge_core_email_normalize(forge_test_pool, "", 0, &shown, &key, &why));
}
END_TEST

START_TEST(lengths)
{
    ck_assert(normalize(apr_pstrcat(forge_test_pool, times("a", 64), "@example.org", NULL)));
    ck_assert(!normalize(apr_pstrcat(forge_test_pool, times("a", 65), "@example.org", NULL)));
    ck_assert(normalize(apr_pstrcat(forge_test_pool, times("\xc3\xa4", 32), "@example.org", NULL)));
    ck_assert(!normalize(apr_pstrcat(forge_test_pool, times("\xc3\xa4", 33), "@example.org", NULL)));
    ck_assert(normalize(apr_pstrcat(forge_test_pool, "a@", times("a", 63), ".org", NULL)));
    ck_assert(!normalize(apr_pstrcat(forge_test_pool, "a@", times("a", 64), ".org", NULL)));
    const char *domain = apr_pstrcat(forge_test_pool, times("abcdefghi.", 23), "abcdefgh", NULL); /* 238 bytes */
    ck_assert(normalize(apr_pstrcat(forge_test_pool, times("a", 15), "@", domain, NULL)));        /* 254 */
    ck_assert(!normalize(apr_pstrcat(forge_test_pool, times("a", 16), "@", domain, NULL)));
    ck_assert_str_eq(why, "it is longer than 254 bytes");
    ck_assert(
        !normalize(apr_pstrcat(forge_test_pool, "a@", times("abcdefghi.", 25), "abcd", NULL))); /* a domain of 254 */
    ck_assert(!normalize(apr_pstrcat(forge_test_pool, "a@", times("a.", 200), "org", NULL)));
    ck_assert(!normalize(times("a", 100000)));
    ck_assert(!normalize(apr_pstrcat(forge_test_pool, "a@", times("\xc3\xa4", 300), ".org", NULL)));
    ck_assert(normalize(apr_pstrcat(forge_test_pool, times(" ", 5000), "a@b.org", NULL)));
}
END_TEST

START_TEST(usernames)
{
    static const char *const good[] = {"ada",      "Ada_Lovelace", "___",      "123",
                                       "deleted_", "deleted_7a",   "deleted7", "abcdefghijklmnopqrstuvwxyz0123"};
    static const char *const bad[] = {"",
                                      "a",
                                      "ab",
                                      "abcdefghijklmnopqrstuvwxyz01234",
                                      "ada lovelace",
                                      "ada-l",
                                      "ada.l",
                                      "\303\244da",
                                      "ada\n",
                                      " ada",
                                      "ada@x",
                                      "ada'--",
                                      "deleted_7",
                                      "Deleted_0123456789"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        ck_assert_msg(forge_core_username_valid(good[i], strlen(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(!forge_core_username_valid(bad[i], strlen(bad[i])), "%s", bad[i]);
    ck_assert(!forge_core_username_valid("ada\0x", 5));
}
END_TEST

START_TEST(usernames_from_emails)
{
    static const struct {
        const char *email, *suffix, *name;
    } rows[] = {
        {"ada@example.org", NULL, "ada"},
        {"ada@example.org", "", "ada"},
        {"ada@example.org", "7", "ada_7"},
        {"Ada.Lovelace+x@example.org", "4f2a", "AdaLovelacex_4f2a"},
        {"ab@example.org", NULL, "ab_user"},
        {"deleted_7@example.org", NULL, "was_deleted_7"},
        {"Deleted@example.org", "1234", "was_Deleted_1234"},
        {"a@example.org", "1", "a_user_1"},
        {"+@example.org", NULL, "user"},
        {"\xc3\xa4\xc3\xb6\xc3\xbc@example.org", "12", "user_12"},
        {"j\xc3\xb6rg@example.org", NULL, "jrg"},
        {"abcdefghijklmnopqrstuvwxyz0123456789@example.org", NULL, "abcdefghijklmnopqrstuvwx"},
        {"abcdefghijklmnopqrstuvwxyz0123456789@example.org", "12345", "abcdefghijklmnopqrstuvwx_12345"},
        {"abcdefghijklmnopqrstuvwxyz0123456789@example.org", "1234567890", "abcdefghijklmnopqrs_1234567890"},
        {"a@example.org", "12345678901234567890123456789012345", "a_u_12345678901234567890123456"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *name = forge_core_username_from_email(forge_test_pool, rows[i].email, rows[i].suffix);
        ck_assert_str_eq(name, rows[i].name);
        ck_assert(forge_core_username_valid(name, strlen(name)));
    }
}
END_TEST

Suite *forge_test_core_email(void)
{
    Suite *s = suite_create("core_email");
    TCase *tc = tcase_create("email");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, good_addresses);
    tcase_add_loop_test(tc, bad_address, 0, sizeof(bad_addresses) / sizeof(*bad_addresses));
    tcase_add_test(tc, nul_inside);
    tcase_add_test(tc, lengths);
    tcase_add_test(tc, usernames);
    tcase_add_test(tc, usernames_from_emails);
    suite_add_tcase(s, tc);
    return s;
}
