/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/password.c: each rule alone, what must pass, what must not, and that no input takes long.
 */
#include "core/identity/identity.h"
#include "unit.h"
#include <apr_strings.h>

static const forge_password_rules_t standard = {
    .min = 8, .max = 128, .lower = true, .upper = true, .digit = true, .symbol = true, .score = 2};
static const forge_password_rules_t lax = {
    .min = 8, .max = 128, .score = 0}; /* nothing but length, known words and runs */
static int score;

/* The codes of the broken rules, joined by blanks. */
static const char *codes_of(const forge_password_rules_t *rules, const char *password, const char *email,
                            const char *username)
{
    forge_faults_t *faults = forge_core_faults_make(forge_test_pool);
    const char *codes = "";
    score = forge_core_password_check(
        forge_test_pool, rules, &(forge_password_t){password, strlen(password), email, username}, "/password", faults);
    for (int i = 0; i < forge_core_faults_count(faults); i++) {
        const forge_fault_t *fault = forge_core_faults_at(faults, i);
        ck_assert_str_eq(fault->pointer, "/password");
        ck_assert_uint_gt(strlen(fault->detail), 5);
        codes = apr_pstrcat(forge_test_pool, codes, i == 0 ? "" : " ", fault->code, NULL);
    }
    return codes;
}

static char *times(const char *unit, int n)
{
    char *text = apr_pcalloc(forge_test_pool, strlen(unit) * (apr_size_t)n + 1);
    for (int i = 0; i < n; i++)
        memcpy(text + strlen(unit) * (apr_size_t)i, unit, strlen(unit));
    return text;
}

START_TEST(accepted)
{
    static const char *const good[] = {
        "Str0ng!Passw0rd#2024",
        "Correct-Horse7",
        "S3cure!pass-Phrase",
        "Str0ngP@ss!",
        "StrongPass123!",
        "SecurePass123!",
        "SecureP@ss123",
        "TestPass123!",
        "ValidPass1!",
        "NewPass123!",
        "New-Passw0rd!",
        "Secret#2024pw",
        "Demo!2024pass",
        "Learn!ng-2024",
        "Zq7!vb2#",
        "Tr0ub4dor&3",
        "correct horse Battery 9",
        "Never-forget-Rain7",
        "Gr\xc3\xbc\xc3\x9f-Gott-1900m",
        "\xd0\x9f\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c-2024-\xd0\x94\xd0\xbe\xd0\xbc",
        "  Sp4ces around it  ",
        "Em0ji\xf0\x9f\x8e\x93\xf0\x9f\x8f\x94yes",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        const char *codes = codes_of(&standard, good[i], "ada@example.org", "lovelace");
        ck_assert_msg(*codes == '\0', "%s: %s", good[i], codes);
        ck_assert_int_ge(score, 2);
    }
}
END_TEST

START_TEST(easy_to_guess)
{
    static const char *const bad[] = {
        "Passw0rd!",  "Password1!",   "P@ssw0rd",          "P@ssw0rd1",    "P@ssword123", "Password123!", "Welcome1!",
        "Linkedin1!", "Homelesspa1!", "Qwerty123!",        "Admin123!",    "Test1234!",   "Abcd1234!",    "Summer2024!",
        "Changeme1!", "Iloveyou1!",   "Letmein1!",         "Trustno1!",    "Dr@gon12",    "MyP@ssw0rd",   "Forge123!",
        "Forge2024!", "Mod_Forge1!",  "My-Mod-Forge-x9Qz", "forge!FORGE1",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const char *codes = codes_of(&standard, bad[i], NULL, NULL);
        ck_assert_msg(strcmp(codes, "too_common") == 0, "%s: %s (%d)", bad[i], codes, score);
    }
}
END_TEST

/* Even without a least score: what stands whole on the lists, in any case, with leet, backwards or twice, is refused.
 */
START_TEST(listed_whole)
{
    static const char *const bad[] = {
        "password",   "PASSWORD",   "PassWord",     "12345678",    "123456789",        "iloveyou",   "sunshine",
        "princess",   "football",   "baseball",     "trustno1",    "superman",         "jennifer",   "starwars",
        "computer",   "michelle",   "corvette",     "whatever",    "87654321",         "qwertyuiop", "asdfghjkl",
        "1q2w3e4r",   "1qaz2wsx",   "p@ssw0rd",     "drowssap",    "passwordpassword", "mod_forge",  "ModForge",
        "q1w2e3r4t5", "4815162342", "1QAZ2wsx3edc", "usuckballz1", "!!Q1w2e3r4t5",     "LinkedIn2!", "LinkedIn",
        "-linkedin-", /* not known to zxcvbn */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const char *codes = codes_of(&lax, bad[i], NULL, NULL);
        ck_assert_msg(strcmp(codes, "too_common") == 0 || strcmp(codes, "repetitive") == 0, "%s: %s", bad[i], codes);
    }
}
END_TEST

/* The list is searched by halves: it must be sorted, in lower case, and of the length it is about. */
START_TEST(list_is_sorted)
{
    static const char *const list[] = {
#include "core/identity/common_passwords.def"
    };
    ck_assert_uint_ge(sizeof(list) / sizeof(*list), 3000);
    for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
        ck_assert_msg(i == 0 || strcmp(list[i - 1], list[i]) < 0, "%s", list[i]);
        ck_assert_msg(strlen(list[i]) >= 8 && strlen(list[i]) <= 40 &&
                          strpbrk(list[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL,
                      "%s", list[i]);
        const char *codes = codes_of(&lax, list[i], NULL, NULL);
        ck_assert_msg(strcmp(codes, "too_common") == 0 || strcmp(codes, "repetitive") == 0, "%s: %s", list[i], codes);
    }
}
END_TEST

START_TEST(length)
{
    ck_assert_str_eq(codes_of(&standard, "Zq7!vb2", NULL, NULL), "too_short");
    ck_assert_str_eq(codes_of(&standard, "Zq7!vb2#", NULL, NULL), "");
    ck_assert_str_eq(codes_of(&standard, "\xc3\xa4q7!Vb2", NULL, NULL), "too_short"); /* 8 bytes, 7 characters */
    ck_assert_ptr_nonnull(strstr(codes_of(&standard, "", NULL, NULL), "too_short"));
    const char *multibyte = apr_pstrcat(forge_test_pool, "Zq7!vb2#", times("\xf0\x9f\x98\x80", 120), NULL);
    ck_assert_str_eq(codes_of(&standard, multibyte, NULL, NULL), "");
    ck_assert_str_eq(codes_of(&standard, apr_pstrcat(forge_test_pool, multibyte, "x", NULL), NULL, NULL), "too_long");
    ck_assert_str_eq(codes_of(&standard, times("Aa1!", 32), NULL, NULL), "");
    ck_assert_str_eq(
        codes_of(&standard, apr_pstrcat(forge_test_pool, "Aa1!", times("\xc3\xa9", 124), NULL), NULL, NULL), "");
    ck_assert_str_eq(codes_of(&standard, times("Aa1!", 33), NULL, NULL), "too_long");
    ck_assert_str_eq(codes_of(&standard, times("a", 1024 * 1024), NULL, NULL),
                     "too_long"); /* and nothing else is looked at */
    ck_assert_int_eq(score, 0);
}
END_TEST

START_TEST(classes)
{
    ck_assert_str_eq(codes_of(&standard, "ZQ7!VB2#KW", NULL, NULL), "needs_lower");
    ck_assert_str_eq(codes_of(&standard, "zq7!vb2#kw", NULL, NULL), "needs_upper");
    ck_assert_str_eq(codes_of(&standard, "Zq!vbK#kwx", NULL, NULL), "needs_digit");
    ck_assert_str_eq(codes_of(&standard, "Zq7vb2KkwX", NULL, NULL), "needs_symbol");
    ck_assert_str_eq(
        codes_of(&standard,
                 "\xe7\x8c\xab\xe7\x8a\xac\xe9\xb3\xa5\xe9\xad\x9a\xe8\x99\xab\xe9\xa6\xac\xe7\x89\x9b\xe7\xbe\x8a",
                 NULL, NULL), /* caseless letters */
        "needs_lower needs_upper needs_digit needs_symbol");
    ck_assert_str_eq(codes_of(&standard, "\xc3\x84\xc3\xb6\xd9\xa3 kw\xc3\x9fxq", NULL, NULL),
                     ""); /* letters and digits of other scripts; a blank is a symbol */
    ck_assert_str_eq(codes_of(&lax, "zqkvbwxj", NULL, NULL), "");
}
END_TEST

START_TEST(owner)
{
    ck_assert_str_eq(codes_of(&standard, "Xk7!lovelace#Qz", "lovelace@example.org", NULL), "contains_email");
    ck_assert_str_eq(codes_of(&standard, "Xk7!LOVElace#Qz", "Lovelace@example.org", NULL), "contains_email");
    ck_assert_str_eq(codes_of(&standard, "Xk7!lovelace#Qz", "lovelace+forge@example.org", NULL), "contains_email");
    ck_assert_str_eq(codes_of(&standard, "Xk7!lovelace#Qz", NULL, "LoveLace"), "contains_username");
    ck_assert_str_eq(codes_of(&standard, "Xk7!lovelace#Qz", "lovelace@x.org", "lovelace"),
                     "contains_email contains_username");
    ck_assert_str_eq(codes_of(&standard, "Xk7!\xc3\x84rger-Qz9", "\xc3\xa4rger@example.org", NULL), "contains_email");
    ck_assert_str_eq(codes_of(&standard, "Xk7!lovelace#Qz", "lo@example.org", "lo"),
                     ""); /* two letters stand there by chance */
    ck_assert_str_eq(codes_of(&standard, "Xk7!lovelace#Qz", "ada@lovelace.org", "ada"), "");
    ck_assert_str_eq(codes_of(&standard, "Xk7!lovelace#Qz", "", ""), "");
    ck_assert_str_eq(codes_of(&standard, "Xk7!lovelace#Qz", "@", ""), "");
    ck_assert_str_eq(codes_of(&standard, "Marmalade7!", "x@y.org", "marmalade"),
                     "contains_username too_common"); /* the rest is worth little */
}
END_TEST

START_TEST(repetitive)
{
    static const char *const bad[] = {
        "aaaaaaaa",
        "AAAAaaaa",
        "11111111",
        "!!!!!!!!!!",
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4",
        "abcdefgh",
        "ABCDefgh",
        "hgfedcba",
        "stuvwxyz",
        "12345678",
        "1234567890",
        "0987654321",
        "9876543210",
        "7890123456",
        "qwertyuiop",
        "QWERTYuiop",
        "poiuytrewq",
        "asdfghjkl",
        "zxcvbnm,",
        "qwertzuiop",
        "azertyuiop",
        "qwertyuiopasdfghjklzxcvbnm",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        ck_assert_str_eq(codes_of(&lax, bad[i], NULL, NULL), "repetitive");
        ck_assert_int_eq(score, 0);
    }
    ck_assert_str_eq(codes_of(&lax, "abcdefgi", NULL, NULL), "");
    ck_assert_str_eq(codes_of(&lax, "qwertyxx", NULL, NULL), "");
    ck_assert_str_eq(codes_of(&standard, times("x", 128), NULL, NULL),
                     "needs_upper needs_digit needs_symbol repetitive");
}
END_TEST

START_TEST(scores)
{
    static const struct {
        const char *password;
        int score;
    } rows[] = {{"password", 0},       {"Welcome1!", 1},      {"Str0ngP@ss!", 2},
                {"SecurePass123!", 3}, {"Correct-Horse7", 4}, {"Zq7!vb2#", 4}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        codes_of(&lax, rows[i].password, NULL, NULL);
        ck_assert_msg(score == rows[i].score, "%s: %d", rows[i].password, score);
    }
    forge_password_rules_t strict = standard;
    strict.score = 4;
    ck_assert_str_eq(codes_of(&strict, "SecurePass123!", NULL, NULL), "too_common");
    ck_assert_str_eq(codes_of(&strict, "Correct-Horse7", NULL, NULL), "");
}
END_TEST

/* Keypad zigzags are what zxcvbn is slowest at (seconds for 100 bytes at once); Check's time-out is the guard. */
START_TEST(slow_patterns)
{
    static const char *const units[] = {"12", "45", "1234", "1", "0101", "qw", "19", "4a8b", "password", "!2"};
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
        for (int n = 1; n <= 3; n++)
            codes_of(&lax, apr_pstrcat(forge_test_pool, times(units[i], 120 / (int)strlen(units[i]) / n), "x", NULL),
                     NULL, NULL);
}
END_TEST

START_TEST(odd_bytes)
{
    forge_faults_t *faults = forge_core_faults_make(forge_test_pool);
    static const char *const odd[] = {
        "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", "\xc3",    "\xf0\x9f\x98", "Aa1!\xff\xff\xff\xff",
        "\x01\x02\x03\x04\x05\x06\x07\x08", "%s%n%s%n"};
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
        forge_core_password_check(forge_test_pool, &standard,
                                  &(forge_password_t){odd[i], strlen(odd[i]), odd[i], odd[i]}, "/p", faults);
    forge_core_password_check(forge_test_pool, &standard, &(forge_password_t){"Aa1!\0hidden", 11, NULL, NULL}, "/p",
                              faults);
}
END_TEST

START_TEST(garbled)
{
    static const struct {
        const char *bytes;
        apr_size_t len;
        const char *why;
    } rows[] = {
        {"Quiet-Otter-71", 14, NULL},
        {"", 0, NULL},
        {"Qui\xc3\xa9t", 6, NULL},
        {"a\xef\xbb\xbf", 4, NULL}, /* the mark is one at the beginning */
        {"Qui\xe9t", 5, "is not UTF-8"},
        {"\xff\xfeQ", 3, "is not UTF-8"},
        {"\xef\xbb\xbfQuiet", 8, "begins with a byte order mark (save the file without one)"},
        {"\xef\xbb\xbf", 3, "begins with a byte order mark (save the file without one)"},
        {"Quiet\0Otter", 11, "holds a NUL byte"},
        {"Q\0u\0", 4, "holds a NUL byte"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *why = forge_core_password_garbled(rows[i].bytes, rows[i].len);
        ck_assert_msg(why ? rows[i].why && strcmp(why, rows[i].why) == 0 : !rows[i].why, "%zu: %s", i, why);
    }
}
END_TEST

Suite *forge_test_core_password(void)
{
    Suite *s = suite_create("core_password");
    TCase *tc = tcase_create("password");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, accepted);
    tcase_add_test(tc, easy_to_guess);
    tcase_add_test(tc, listed_whole);
    tcase_add_test(tc, list_is_sorted);
    tcase_add_test(tc, length);
    tcase_add_test(tc, classes);
    tcase_add_test(tc, owner);
    tcase_add_test(tc, repetitive);
    tcase_add_test(tc, scores);
    tcase_add_test(tc, slow_patterns);
    tcase_add_test(tc, odd_bytes);
    tcase_add_test(tc, garbled);
    suite_add_tcase(s, tc);
    return s;
}
