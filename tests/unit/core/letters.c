/* SPDX-License-Identifier: Apache-2.0
 * core/mail/letters.c: the texts of the mails in every language, and those of a site's own directory.
 */
#include "core/mail/mail.h"
#include "unit.h"
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define P forge_test_pool

static const char facts[] =
    "{\"token\":\"q0Zk\",\"username\":\"ada\",\"email\":\"new@example.org\",\"at\":\"2026-01-31T12:00:00Z\","
    "\"ip\":\"192.0.2.7\",\"organization\":\"Physics\",\"inviter\":\"bob\",\"role\":\"member\",\"prefix\":\"q0Z\","
    "\"name\":\"cpu\",\"state\":\"firing\",\"value\":\"9\",\"threshold\":\"8\",\"node\":\"a\",\"environment\":\"b\"}";

static bool write_one(const forge_wording_t *wording, const char *kind, forge_letter_t *letter)
{
    const char *why = "";
    return forge_core_letter_write(P, kind, wording, forge_util_json_parse(P, facts, strlen(facts), &why), letter);
}

/* The paragraph of a text at *at, which moves on; NULL at the end. */
static const char *paragraph(const char **at)
{
    if (!**at)
        return NULL;
    const char *end = strstr(*at, "\n\n");
    apr_size_t len = end ? (apr_size_t)(end - *at) : strlen(*at);
    const char *text = apr_pstrmemdup(P, *at, len);
    *at += len + strspn(*at + len, "\n");
    return text;
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        n++;
    return n;
}

/* Each kind in each language: sound, as many paragraphs and the same facts as in English, and nothing left in it. */
START_TEST(every_language_is_whole)
{
    for (int k = 0; k < forge_core_letter_kinds(); k++) {
        const char *kind = forge_core_letter_kind_at(k);
        for (int l = 0; l < FORGE_LANGUAGES; l++) {
            const char *english = forge_core_letter_built_in(FORGE_LANGUAGE_EN, kind);
            const char *text = forge_core_letter_built_in((forge_language_t)l, kind), *one, *other;
            const char *name = apr_psprintf(P, "%s/%s", forge_core_language_tag((forge_language_t)l), kind);
            ck_assert_msg(text != NULL, "%s", name);
            const char *why = forge_core_letter_problem(P, kind, text);
            ck_assert_msg(!why, "%s: %s", name, why);
            for (const char *at = english; (at = strchr(at, '{')) != NULL; at++) {
                const char *place = apr_pstrmemdup(P, at, strcspn(at, "}") + 1);
                ck_assert_msg(count(text, place) == count(english, place), "%s: %s", name, place);
            }
            ck_assert_msg(count(text, "{") == count(english, "{"), "%s", name);
            for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
                ck_assert_msg(strcspn(line, "\n") <= 98, "%s: a long line", name);
            while (((one = paragraph(&english)) != NULL) & ((other = paragraph(&text)) != NULL))
                ck_assert_msg(l == FORGE_LANGUAGE_EN || *one == '{' || strcmp(one, other) != 0, "%s: %s", name, other);
            ck_assert_msg(!one && !other, "%s: other paragraphs than in English", name);
        }
    }
}
END_TEST

START_TEST(language_and_site)
{
    forge_wording_t wording = {.language = FORGE_LANGUAGE_DE, .public_url = "https://learn.example.org"};
    forge_letter_t letter;
    ck_assert(write_one(&wording, "verify", &letter));
    ck_assert_str_eq(letter.subject, "Bestätigen Sie Ihre E-Mail-Adresse");
    ck_assert(strstr(letter.html, "<html lang=\"de\">") && strstr(letter.html, "<title>Bestätigen"));
    ck_assert(strstr(letter.text, "\nhttps://learn.example.org/verify-email?token=q0Zk\n") &&
              strstr(letter.html, "<a href=\"https://learn.example.org/verify-email?token=q0Zk\">\n"));
    ck_assert(!strstr(letter.text, "learn.example.org\n\n"));
    wording.site = "Lernen <b> & \"Üben\"";
    ck_assert(write_one(&wording, "verify", &letter));
    ck_assert(strstr(letter.text, "\n\nLernen <b> & \"Üben\"\n\n"));
    ck_assert(strstr(letter.html, "<p>Lernen &lt;b&gt; &amp; &quot;Üben&quot;</p>"));
    for (int l = 0; l < FORGE_LANGUAGES; l++)
        for (int k = 0; k < forge_core_letter_kinds(); k++) {
            wording.language = (forge_language_t)l;
            ck_assert(write_one(&wording, forge_core_letter_kind_at(k), &letter));
            ck_assert(*letter.subject && !strchr(letter.text, '{') && !strchr(letter.html, '{'));
        }
}
END_TEST

static const struct {
    const char *kind, *text, *why;
} texts[] = {
    {"verify", "Subject: Hi\n\n{link}\n", NULL},
    {"verify", "Subject: Hi {username}\n\nHere: {link} {token} {site} {url}", NULL},
    {"alert", "Subject: Hi\n\nx\n", NULL},
    {"verify", "Subject: Hi\n\n{lnk}\n",
     "nothing to put at {lnk}; this mail knows {link} {token} {username} {site} {url}"},
    {"verify", "Subject: {ip}\n\n{link}\n", "nothing to put at {ip}"},
    {"alert", "Subject: Hi\n\n{link}\n", "nothing to put at {link}"},
    {"verify", "Subject: Hi\n\n{}{link}\n", "nothing to put at {}"},
    {"verify", "Subject: Hi\n\n{link\n}\n", "no closing brace"},
    {"verify", "Subject: Hi\n\n{link}{", "no closing brace"},
    {"verify", "Subject: Hi\n\nWelcome\n", "it has no {link}"},
    {"verify", "Subject: Hi\n{link}\n", "followed by an empty line"},
    {"verify", "Subject: Hi\n\n \n", "followed by an empty line"},
    {"verify", "Subject: Hi", "followed by an empty line"},
    {"verify", "Subject: \n\n{link}\n", "must begin with a line 'Subject: '"},
    {"verify", "Hello,\n\n{link}\n", "must begin with a line 'Subject: '"},
    {"verify", "", "must begin with a line 'Subject: '"},
    {"verify", "Subject: H\xfc\n\n{link}\n", "not UTF-8"},
    {"verify", "Subject: Hi\rBcc: x\n\n{link}\n", "control characters"},
    {"verfy", "Subject: Hi\n\n{link}\n", "no mail has this name"},
};

START_TEST(texts_are_judged)
{
    const char *why = forge_core_letter_problem(P, texts[_i].kind, texts[_i].text);
    ck_assert_msg(texts[_i].why ? why && strstr(why, texts[_i].why) : !why, "%s: %s", texts[_i].text, why);
}
END_TEST

static void put(const char *directory, const char *name, const char *text)
{
    FILE *file = fopen(apr_pstrcat(P, directory, "/", name, NULL), "w");
    ck_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

START_TEST(directory)
{
    char name[] = "/tmp/forge-letters-XXXXXX";
    const char *why, *at = mkdtemp(name);
    forge_letter_t letter;
    ck_assert_ptr_nonnull(at);
    ck_assert_ptr_null(forge_core_letters_read(P, apr_pstrcat(P, at, "/none", NULL), &why));
    ck_assert_ptr_nonnull(strstr(why, "accepted: a directory that exists"));
    mkdir(apr_pstrcat(P, at, "/fr", NULL), 0700);
    mkdir(apr_pstrcat(P, at, "/.git", NULL), 0700);
    put(at, "README", "ours");
    put(at, "fr/notes", "no text of a mail");
    put(at, "fr/reset.txt", "\xef\xbb\xbfSubject: Salut {username}\r\n\r\nVoici :\r\n\r\n\r\n{link}\r\n\r\n");
    const forge_letters_t *letters = forge_core_letters_read(P, at, &why);
    ck_assert_msg(letters != NULL, "%s", why);
    ck_assert_ptr_nonnull(strstr(forge_core_letters_missing(letters), "lacks 64 of 65 texts (en/verify.txt, "));
    const forge_wording_t french = {letters, FORGE_LANGUAGE_FR, NULL, "https://a.org"},
                          english = {letters, FORGE_LANGUAGE_EN, NULL, "https://a.org"};
    ck_assert(write_one(&french, "reset", &letter));
    ck_assert_str_eq(letter.subject, "Salut ada");
    ck_assert_str_eq(letter.text, "Voici :\n\nhttps://a.org/reset-password?token=q0Zk\n\n");
    ck_assert(write_one(&french, "verify", &letter));
    ck_assert_str_eq(letter.subject, "Confirmez votre adresse e-mail");
    ck_assert(write_one(&english, "reset", &letter));
    ck_assert_str_eq(letter.subject, "Reset your password");
    put(at, "fr/verfy.txt", "Subject: x\n\n{link}\n");
    ck_assert(!forge_core_letters_read(P, at, &why) && strstr(why, "/fr/verfy.txt: no mail has this name") &&
              strstr(why, "verify"));
    unlink(apr_pstrcat(P, at, "/fr/verfy.txt", NULL));
    mkdir(apr_pstrcat(P, at, "/DE", NULL), 0700);
    ck_assert(!forge_core_letters_read(P, at, &why) && strstr(why, "/DE' is the folder of no language"));
    rmdir(apr_pstrcat(P, at, "/DE", NULL));
    unlink(apr_pstrcat(P, at, "/fr/reset.txt", NULL));
    unlink(apr_pstrcat(P, at, "/fr/notes", NULL));
    unlink(apr_pstrcat(P, at, "/README", NULL));
    rmdir(apr_pstrcat(P, at, "/fr", NULL));
    rmdir(apr_pstrcat(P, at, "/.git", NULL));
    ck_assert_int_eq(rmdir(at), 0);
}
END_TEST

/* The name before the sender's address: nothing in it ends the header, or is taken for another address. */
START_TEST(names_of_senders)
{
    static const struct {
        const char *name, *header;
    } names[] = {
        {NULL, "From: <a@b.org>\r\n"},
        {"", "From: <a@b.org>\r\n"},
        {"Learn", "From: \"Learn\"\r\n <a@b.org>\r\n"},
        {"A, \"B\" \\ <x@y.org>", "From: \"A, \\\"B\\\" \\\\ <x@y.org>\"\r\n <a@b.org>\r\n"},
        {"a\r\nBcc: c@d.org", "From: \"a  Bcc: c@d.org\"\r\n <a@b.org>\r\n"},
        {"Übung", "From: =?UTF-8?B?w5xidW5n?=\r\n <a@b.org>\r\n"},
        {"Ü\r\nBcc: c", "From: =?UTF-8?B?w5wgIEJjYzogYw==?=\r\n <a@b.org>\r\n"},
        {"=?UTF-8?Q?x?=", "From: =?UTF-8?B?PT9VVEYtOD9RP3g/PQ==?=\r\n <a@b.org>\r\n"},
    };
    const forge_letter_t letter = {.subject = "s", .text = "t", .html = "h"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const forge_mail_message_t message = {
            .from = "a@b.org", .name = names[i].name, .to = "c@d.org", .letter = &letter, .id = "x"};
        apr_size_t len;
        const char *text = forge_core_message_make(P, &message, &len);
        ck_assert_msg(text && strstr(text, names[i].header), "%s", text);
        ck_assert(!strstr(text, "\nBcc"));
    }
}
END_TEST

Suite *forge_test_core_letters(void)
{
    Suite *s = suite_create("core_letters");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, every_language_is_whole);
    tcase_add_test(tc, language_and_site);
    tcase_add_loop_test(tc, texts_are_judged, 0, (int)(sizeof(texts) / sizeof(*texts)));
    tcase_add_test(tc, directory);
    tcase_add_test(tc, names_of_senders);
    suite_add_tcase(s, tc);
    return s;
}
