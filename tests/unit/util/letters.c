/* SPDX-License-Identifier: Apache-2.0
 * Tests of what no setlocale may change: another module of the same httpd (PHP, Perl) may have called it. In a Turkish
 * locale the small letter of I is not i, bytes beyond ASCII are letters, and numbers have a comma.
 */
#include "../turkish.h"
#include "core/identity/identity.h"
#include "core/wire/wire.h"
#include "unit.h"
#include "util/util.h"

#include <apr_strings.h>
#include <ctype.h>
#include <ftw.h>
#include <locale.h>
#include <strings.h>

static char folder[] = "/tmp/forge-locale-XXXXXX";

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void locale_make(void)
{
    ck_assert(mkdtemp(folder) != NULL);
    forge_test_locale_make(folder, "ISO-8859-9");
}

static void locale_remove(void)
{
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void setup(void)
{
    forge_test_begin();
    setenv("LOCPATH", folder, 1);
    ck_assert(setlocale(LC_ALL, "tr_TR.ISO-8859-9") != NULL);
    ck_assert_int_ne(tolower('I'), 'i'); /* it is Turkish indeed */
#if !defined(__SANITIZE_ADDRESS__)       /* which puts a function of its own in the place of libc's */
    ck_assert_int_ne(strcasecmp("ADMIN", "admin"), 0);
#endif
    ck_assert_int_ne(isalpha(0xfd), 0);
    ck_assert(strtod("0.5", NULL) == 0);
}

static void teardown(void)
{
    setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
    forge_test_end();
}

/* Every byte, as its code says. */
START_TEST(letters_by_code)
{
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", lower[] = "abcdefghijklmnopqrstuvwxyz";
    for (int i = 1; i < 256; i++) {
        const char c = (char)i, *u = strchr(upper, c), *l = strchr(lower, c);
        bool digit = strchr("0123456789", c) != NULL;
        ck_assert_int_eq(forge_util_lower(c), u ? lower[u - upper] : c);
        ck_assert_int_eq(forge_util_upper(c), l ? upper[l - lower] : c);
        ck_assert_int_eq(forge_util_is_alpha(c), u || l);
        ck_assert_int_eq(forge_util_is_upper(c), u != NULL);
        ck_assert_int_eq(forge_util_is_digit(c), digit);
        ck_assert_int_eq(forge_util_is_alnum(c), u || l || digit);
        ck_assert_int_eq(forge_util_is_xdigit(c), digit || strchr("abcdefABCDEF", c));
        ck_assert_int_eq(forge_util_is_space(c), strchr(" \t\n\v\f\r", c) != NULL);
    }
    char text[] = "INSTITUTE \xdd";
    forge_util_lower_all(text);
    ck_assert_str_eq(text, "institute \xdd");
    ck_assert_int_eq(apr_cstr_casecmp("IDENTITY", "identity"), 0);
    ck_assert_int_eq(apr_cstr_casecmpn("IF-MATCH", "if-none", 3), 0);
}
END_TEST

START_TEST(headers_and_numbers)
{
    ck_assert(forge_core_accepts("APPLICATION/JSON", "application/json"));
    ck_assert(forge_core_accepts("application/json;q=0.5", "application/json"));
    ck_assert(!forge_core_accepts("application/json;q=0.000", "application/json"));
    ck_assert(!forge_core_accepts("application/json;q=0", "application/json"));
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 64, 1024);
    const char *why, json[] = "{\"ratio\":0.5}";
    double ratio = 0;
    forge_json_t *object = forge_util_json_parse(forge_test_pool, json, sizeof(json) - 1, &why);
    ck_assert(object && forge_util_json_number(forge_util_json_get(object, "ratio"), &ratio) && ratio == 0.5);
    forge_util_json_write(b, object);
    ck_assert_str_eq(apr_pstrmemdup(forge_test_pool, b->data, b->len), json);
}
END_TEST

START_TEST(identifiers)
{
    const char *shown, *key, *why;
    ck_assert(forge_core_email_normalize(forge_test_pool, "INFO@MINI.EXAMPLE", 17, &shown, &key, &why));
    ck_assert_str_eq(key, "info@mini.example");
    ck_assert(forge_core_username_valid("IDIL_I", 6));
    ck_assert(!forge_core_username_valid("\xfd\xfd\xfd", 3));
    ck_assert(!forge_core_username_valid("DELETED_7", 9));
    ck_assert_str_eq(forge_core_username_from_email(forge_test_pool, "\xfdINFO@example.org", NULL), "INFO");
    ck_assert_str_eq(forge_util_urlencode(forge_test_pool, "I\xfd"), "I%FD");
}
END_TEST

Suite *forge_test_util_letters(void)
{
    Suite *s = suite_create("util_letters");
    TCase *tc = tcase_create("letters");
    tcase_add_unchecked_fixture(tc, locale_make, locale_remove);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, letters_by_code);
    tcase_add_test(tc, headers_and_numbers);
    tcase_add_test(tc, identifiers);
    suite_add_tcase(s, tc);
    return s;
}
