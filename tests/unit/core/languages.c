/* SPDX-License-Identifier: Apache-2.0
 * core/texts: which language a client prefers, and our sentences in each.
 */
#include "core/texts/texts.h"
#include "unit.h"
#include <apr_strings.h>
#include <string.h>

#define P forge_test_pool

static const struct {
    const char *header, *tag, *range;
} cases[] = {
    {NULL, "en", NULL},
    {"", "en", NULL},
    {"de", "de", "de"},
    {"DE-at", "de", "de-AT"},
    {"de-AT,de;q=0.9,en;q=0.8", "de", "de-AT"},
    {"en;q=0.8, fr;q=0.9", "fr", "fr"},
    {"fr;q=0.900 , es ;q=0.901", "es", "es"},
    {"it, nl;q=0.9, tr;q=0.1", "tr", "tr"},
    {"it, zh-Hant-TW", "en", NULL},
    {"de;q=0.5, fr;q=0.5", "de", "de"},
    {"*", "en", NULL},
    {"*;q=0.1, de;q=0.2", "de", "de"},
    {"de;q=0.5, *", "en", NULL},
    {"en;q=0, *", "de", NULL},
    {"en;q=0, de;q=0, *;q=0.3", "fr", NULL},
    {"en;q=0", "en", NULL},
    {"de;q=0", "en", NULL},
    {"de;q=0, fr;q=0.001", "fr", "fr"},
    {"TR-tr", "tr", "tr-TR"},
    {"fR-lAtN-cA-x-pRIV", "fr", "fr-Latn-CA-x-priv"},
    {"de-", "de", NULL},
    /* what cannot be read is passed over */
    {"de;q=.9, fr;q=0.1", "fr", "fr"},
    {"de;q=1.1, fr;q=0.1", "fr", "fr"},
    {"de;q=0.1234, fr;q=0.1", "fr", "fr"},
    {"de;q=, fr;q=0.1", "fr", "fr"},
    {"de;level=1, fr;q=0.1", "fr", "fr"},
    {"de fr, es;q=0.1", "es", "es"},
    {"d\xc3\xa9, ;;;, ,,, =, de_AT, es", "es", "es"},
    {"deu, dex-AT, -de, d", "en", NULL},
};

START_TEST(negotiation)
{
    const char *range = "";
    const forge_language_t language = forge_core_language_accepted(P, cases[_i].header, &range);
    ck_assert_str_eq(forge_core_language_tag(language), cases[_i].tag);
    ck_assert_pstr_eq(range, cases[_i].range);
}
END_TEST

START_TEST(huge_headers_end)
{
    char *many = apr_pcalloc(P, 100001);
    for (int i = 0; i < 100000; i += 4)
        memcpy(many + i, "it, ", 4);
    ck_assert_int_eq(forge_core_language_accepted(P, many, NULL), FORGE_LANGUAGE_EN);
    ck_assert_int_eq(forge_core_language_accepted(P, apr_pstrcat(P, many, "de", NULL), NULL), FORGE_LANGUAGE_EN);
    ck_assert_int_eq(forge_core_language_accepted(P, apr_pstrcat(P, "fr, ", many, NULL), NULL), FORGE_LANGUAGE_FR);
    memset(many, 'd', 100000);
    ck_assert_int_eq(forge_core_language_accepted(P, many, NULL), FORGE_LANGUAGE_EN);
}
END_TEST

START_TEST(tags)
{
    forge_language_t language;
    ck_assert(forge_core_language_of("de-CH-1996", &language) && language == FORGE_LANGUAGE_DE);
    ck_assert(forge_core_language_of("TR", &language) && language == FORGE_LANGUAGE_TR);
    ck_assert(!forge_core_language_of("den", &language) && !forge_core_language_of("", &language));
    ck_assert(!forge_core_language_of(NULL, &language));
    static const char *const good[] = {"en", "de-CH", "zh-Hant-TW", "de-CH-1996"};
    static const char *const bad[] = {
        "",    "e",  "en_GB",        "en--GB",    "en-",
        "-en", "12", "en-abcdefghi", "d\xc3\xa9", "en-aaaaaaaa-bbbbbbbb-cccccccc-dddddddd"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        ck_assert_msg(forge_core_language_tag_valid(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(!forge_core_language_tag_valid(bad[i]), "%s", bad[i]);
}
END_TEST

/* How often a place stands in a sentence. */
static int places(const char *text, const char *place)
{
    int n = 0;
    for (; (text = strstr(text, place)) != NULL; text += strlen(place))
        n++;
    return n;
}

/* No sentence is empty, has lost a number or got one, or was left in English. */
START_TEST(sentences_are_whole)
{
    static const char *const all[] = {"{1}", "{2}", "{*}"};
    for (int i = 0; i < forge_core_texts_count(); i++) {
        const char *english = forge_core_text_at(FORGE_LANGUAGE_EN, i);
        for (int l = FORGE_LANGUAGE_EN + 1; l < FORGE_LANGUAGES; l++) {
            const char *text = forge_core_text_at((forge_language_t)l, i), *tag = forge_core_language_tag(l);
            ck_assert_msg(text && *text && strcmp(text, english) != 0, "%s: %s", tag, english);
            ck_assert_msg(forge_util_utf8(text, strlen(text), NULL), "%s: %s", tag, text);
            for (size_t k = 0; k < sizeof(all) / sizeof(*all); k++)
                ck_assert_msg(places(text, all[k]) == places(english, all[k]), "%s: %s", tag, text);
            ck_assert_msg(places(text, "{") == places(english, "{"), "%s: %s", tag, text);
        }
    }
}
END_TEST

START_TEST(sentences_are_found)
{
    static const struct {
        forge_language_t language;
        const char *english, *text;
    } found[] = {
        {FORGE_LANGUAGE_DE, "must have at least 8 characters", "muss mindestens 8 Zeichen haben"},
        {FORGE_LANGUAGE_TR, "must be 3 to 30 characters long", "uzunluğu 3 ile 30 karakter arasında olmalıdır"},
        {FORGE_LANGUAGE_ES, "must be between -5 and 7", "debe estar entre -5 y 7"},
        {FORGE_LANGUAGE_FR, "must be at most 12 characters long", "ne doit pas dépasser 12 caractères"},
        {FORGE_LANGUAGE_DE, "must be one of: a, b {1} c", "muss eines davon sein: a, b {1} c"},
        {FORGE_LANGUAGE_DE, "must be an e-mail address: it is longer than 254 bytes",
         "muss eine E-Mail-Adresse sein: sie ist länger als 254 Bytes"},
        {FORGE_LANGUAGE_DE, "must be an e-mail address: something new", "muss eine E-Mail-Adresse sein: something new"},
        {FORGE_LANGUAGE_DE, "the account name or the password is wrong", "Der Kontoname oder das Passwort ist falsch"},
        {FORGE_LANGUAGE_DE, "must have at least 8 characters, or not", NULL},
        {FORGE_LANGUAGE_DE, "must have at least  characters", NULL},
        {FORGE_LANGUAGE_DE, "must have", NULL},
        {FORGE_LANGUAGE_DE, "", NULL},
        {FORGE_LANGUAGE_EN, "whatever it is", "whatever it is"},
    };
    for (size_t i = 0; i < sizeof(found) / sizeof(*found); i++)
        ck_assert_pstr_eq(forge_core_text(P, found[i].language, found[i].english), found[i].text);
}
END_TEST

Suite *forge_test_core_languages(void)
{
    Suite *s = suite_create("core_languages");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_loop_test(tc, negotiation, 0, (int)(sizeof(cases) / sizeof(*cases)));
    tcase_add_test(tc, huge_headers_end);
    tcase_add_test(tc, tags);
    tcase_add_test(tc, sentences_are_whole);
    tcase_add_test(tc, sentences_are_found);
    suite_add_tcase(s, tc);
    return s;
}
