/* SPDX-License-Identifier: Apache-2.0
 * core/message.c, templates.c, transport.c: what mails say, how they travel, and where ForgeMail may send them.
 */
#include "core/mail/mail.h"
#include "net/net.h"
#include "unit.h"
#include <apr_strings.h>

#define P forge_test_pool

static const char token[] = "q0ZkJ3vXh1cY5uTtR2wPz8mN4bLsG6dKfA9eHiVoxQ7";
static const char url[] = "https://learn.example.org";
static const forge_wording_t plain = {.public_url = url};

static const char *make(const char *from, const char *to, const forge_letter_t *letter)
{
    apr_size_t len = 0;
    forge_mail_message_t message = {
        .from = from, .to = to, .letter = letter, .id = "0a1b-2c", .date = apr_time_from_sec(1769860800)};
    const char *text = forge_core_message_make(P, &message, &len);
    ck_assert(!text || strlen(text) == len);
    return text;
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

START_TEST(headers)
{
    forge_letter_t letter = {.subject = "Hello", .text = "one\ntwo\n", .html = "<p>one</p>\n"};
    const char *text = make("no-reply@learn.example.org", "ada@example.org", &letter);
    ck_assert_ptr_nonnull(text);
    ck_assert(has(text, "Date: Sat, 31 Jan 2026 12:00:00 +0000\r\n"));
    ck_assert(has(text, "From: <no-reply@learn.example.org>\r\nTo: <ada@example.org>\r\nSubject: Hello\r\n"));
    ck_assert(has(text, "Message-ID: <0a1b-2c@learn.example.org>\r\n"));
    ck_assert(has(
        text,
        "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary=\""));
    ck_assert(
        has(text, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\none\r\ntwo\r\n"));
    ck_assert(has(text, "Content-Type: text/html; charset=utf-8\r\n"));
    for (const char *c = text; *c; c++)
        ck_assert_msg(*c != '\n' || c[-1] == '\r', "a bare line feed");
}
END_TEST

/* Nothing that could end a header, a line or a command of SMTP. */
START_TEST(injection)
{
    static const char *const bad[] = {"a@b.org\r\nBcc: c@d.org",
                                      "a@b.org>",
                                      "a b@c.org",
                                      "\"a\"@b.org",
                                      "a@b@c.org",
                                      "@b.org",
                                      "a@",
                                      "ab",
                                      "",
                                      "a@b.org,c@d.org",
                                      "a\x01@b.org",
                                      "a@b\x7f.org",
                                      "a@b\xc3\xa9.org",
                                      "\xff@b.org",
                                      "a@b.org\n"};
    forge_letter_t letter = {.subject = "Hello", .text = "", .html = ""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        ck_assert_msg(!make("a@b.org", bad[i], &letter), "to %s", bad[i]);
        ck_assert_msg(!make(bad[i], "a@b.org", &letter), "from %s", bad[i]);
    }
    ck_assert(has(make("a@b.org",
                       "gr\xc3\xbc\xc3\x9f"
                       "e@xn--bcher-kva.example",
                       &letter),
                  "To: <gr\xc3\xbc\xc3\x9f"
                  "e@xn--bcher-kva.example>\r\n"));
    letter.subject = "one\r\nBcc: c@d.org";
    const char *text = make("a@b.org", "c@d.org", &letter);
    ck_assert(!has(text, "\nBcc"));
    forge_mail_message_t message = {.from = "a@b.org", .to = "a@b.org", .letter = &letter, .id = "x>\r\ny"};
    apr_size_t len;
    ck_assert_ptr_null(forge_core_message_make(P, &message, &len));
}
END_TEST

START_TEST(subjects)
{
    forge_letter_t letter = {.subject = "Einladung zu Übung", .text = "", .html = ""};
    ck_assert(has(make("a@b.org", "c@d.org", &letter), "Subject: =?UTF-8?B?RWlubGFkdW5nIHp1IMOcYnVuZw==?=\r\n"));
    letter.subject = "=?UTF-8?Q?=42?=";
    ck_assert(!has(make("a@b.org", "c@d.org", &letter), "Subject: =?UTF-8?Q?"));
    /* long ones are folded between characters, and no line is longer than 76 */
    letter.subject = "Übung Übung Übung Übung Übung Übung Übung Übung Übung Übung "
                     "Übung Übung Übung Übung Übung Übung Übung Übung";
    const char *text = make("a@b.org", "c@d.org", &letter), *line = strstr(text, "Subject: ");
    ck_assert(has(line, "?=\r\n =?UTF-8?B?"));
    for (; strncmp(line, "Message-ID", 10) != 0; line = strstr(line, "\r\n") + 2)
        ck_assert_int_le((int)strcspn(line, "\r"), 78);
}
END_TEST

START_TEST(bodies)
{
    forge_letter_t letter = {.subject = "s", .text = "a=b\xc3\xa9 \nlast \t\n.\n", .html = "x"};
    ck_assert(has(make("a@b.org", "c@d.org", &letter), "quoted-printable\r\n\r\na=3Db=C3=A9=20\r\nlast =09\r\n.\r\n"));
    char *wide = apr_pcalloc(P, 3000);
    memset(wide, 'x', 2000);
    letter.text = wide;
    const char *text = make("a@b.org", "c@d.org", &letter);
    ck_assert(has(text, "quoted-printable"));
    for (const char *line = text; line; line = strstr(line, "\r\n") ? strstr(line, "\r\n") + 2 : NULL)
        ck_assert_int_le((int)strcspn(line, "\r"), 76);
    letter.text = "caf\xc3\xa9 q0ZkJ3vXh1cY5uTtR2wPz8mN4bLsG6dKfA9eHiVoxQ7";
    letter.html = "a token stands whole";
    ck_assert(has(make("a@b.org", "c@d.org", &letter), token));
    letter.html = apr_pstrcat(P, wide, wide, NULL);
    char *huge = apr_pcalloc(P, 300001);
    memset(huge, 'y', 300000);
    letter.text = huge;
    ck_assert_ptr_null(make("a@b.org", "c@d.org", &letter));
}
END_TEST

static forge_json_t *facts_of(const char *json)
{
    const char *why = "";
    forge_json_t *facts = forge_util_json_parse(P, json, strlen(json), &why);
    ck_assert_msg(facts != NULL, "%s", why);
    return facts;
}

START_TEST(letters)
{
    static const char *const kinds[] = {"verify",
                                        "reset",
                                        "email_change",
                                        "email_changed_notice",
                                        "email_restored_notice",
                                        "password_changed_notice",
                                        "mfa_enabled_notice",
                                        "mfa_disabled_notice",
                                        "mfa_reset_notice",
                                        "backup_codes_notice",
                                        "api_key_notice",
                                        "invitation"};
    static const char *const links[sizeof(kinds) / sizeof(*kinds)] = {
        "/verify-email", "/reset-password", "/verify-email", "/undo-email-change", [11] = "/accept-invitation"};
    forge_json_t *facts = facts_of(apr_psprintf(
        P,
        "{\"token\":\"%s\",\"username\":\"ada\",\"email\":\"new@example.org\",\"at\":\"2026-01-31T12:00:00Z\","
        "\"ip\":\"192.0.2.7\",\"organization\":\"Physics\",\"inviter\":\"bob\",\"role\":\"member\","
        "\"prefix\":\"q0ZkT4Rb\"}",
        token));
    forge_letter_t letter;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        ck_assert_msg(forge_core_letter_write(P, kinds[i], &plain, facts, &letter), "%s", kinds[i]);
        ck_assert(*letter.subject && !has(letter.text, "{") && !has(letter.html, "{"));
        ck_assert_int_eq(links[i] != NULL, has(letter.text, token));
        if (links[i]) {
            const char *link = apr_psprintf(P, "\n%s%s?token=%s\n", url, links[i], token);
            ck_assert_msg(has(letter.text, link), "%s", letter.text);
            ck_assert_msg(has(letter.html, link), "%s", letter.html);
            ck_assert(has(letter.text, apr_psprintf(P, "\n%s\n", token)) &&
                      has(letter.html, apr_psprintf(P, "\n%s\n", token)));
        }
        for (const char *line = letter.text; *line; line += strcspn(line, "\n") + 1)
            ck_assert_int_le((int)strcspn(line, "\n"), 98);
    }
    ck_assert(!forge_core_letter_write(P, "advertisement", &plain, facts, &letter));
    ck_assert(!forge_core_letter_write(P, "verify", &plain, facts_of("{}"), &letter));
    ck_assert(!forge_core_letter_write(P, "verify", &plain, facts_of("{\"token\":7}"), &letter));
    ck_assert(!forge_core_letter_write(P, "reset", &plain, facts_of("{\"token\":\"x\"}"), &letter));
}
END_TEST

/* Names that people choose are text, whatever is in them. */
START_TEST(letters_escape)
{
    forge_letter_t letter;
    forge_json_t *facts = facts_of("{\"token\":\"a&b<c\",\"organization\":\"<b>{token}</b>\\r\\nBcc: "
                                   "x\",\"inviter\":\"\\\"A\\\"\",\"role\":\"member\"}");
    ck_assert(forge_core_letter_write(P, "invitation", &plain, facts, &letter));
    ck_assert_str_eq(letter.subject, "Invitation to \"<b>{token}</ b>  Bcc: x\"");
    ck_assert(has(letter.html, "&quot;&lt;b&gt;{token}&lt;/ b&gt;") && !has(letter.html, "<b>"));
    ck_assert(has(letter.html, "&quot;'A'&quot; invites"));
    ck_assert(has(letter.text, "/accept-invitation?token=a%26b%3Cc\n"));
    char *endless = apr_pcalloc(P, 2000);
    memset(endless, 'x', 1500);
    ck_assert(!forge_core_letter_write(P, "verify", &plain, facts_of(apr_psprintf(P, "{\"token\":\"%s\"}", endless)),
                                       &letter));
}
END_TEST

static const char *subject_for(const char *organization)
{
    forge_letter_t letter;
    forge_json_t *facts = facts_of("{\"token\":\"a\",\"inviter\":\"ada\",\"role\":\"member\"}");
    forge_util_json_put_text(facts, "organization", organization);
    ck_assert(forge_core_letter_write(P, "invitation", &plain, facts, &letter));
    ck_assert(has(letter.text, "\n\"ada\" invites") || has(letter.text, "\"ada\" invites"));
    return letter.subject;
}

/* What a stranger calls an organisation cannot be mistaken for our words, nor clicked. */
START_TEST(names_of_strangers_are_quoted_and_short)
{
    static const struct {
        const char *name, *subject;
    } cases[] = {
        {"Institute of Graphs", "Invitation to \"Institute of Graphs\""},
        {"St. Mary's", "Invitation to \"St. Mary's\""},
        {"A\" is wrong. Log in: \"", "Invitation to \"A' is wrong. Log in: '\""},
        {"http://evil.example/x", "Invitation to \"http: / / evil. example/ x\""},
        {"me@evil.example", "Invitation to \"me@ evil. example\""},
        {"\u202egpj\u200b!", "Invitation to \"gpj!\""},
        {"123456789 123456789 123456789 123456789 ", "Invitation to \"123456789 123456789 123456789 123456789 \""},
        {"123456789 123456789 123456789 123456789 1", "Invitation to \"123456789 123456789 123456789 123456789 ...\""},
        /* clang-format off */
        {"ääääääääääääääääääääääääääääääääääääääääää",
         "Invitation to \"ääääääääääääääääääääääääääääääääääääääää...\""},
        /* clang-format on */
        {"", "Invitation to \"\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_str_eq(subject_for(cases[i].name), cases[i].subject);
}
END_TEST

static const forge_mail_t *parse(const char *line)
{
    const char *why = NULL, *words[8];
    char *last, *copy = apr_pstrdup(P, line);
    int n = 0;
    for (char *word = apr_strtok(copy, " ", &last); word && n < 8; word = apr_strtok(NULL, " ", &last))
        words[n++] = word;
    const forge_mail_t *mail = forge_net_mail_parse(P, n, words, forge_core_mail_address, &why);
    ck_assert_msg((mail == NULL) == (why != NULL), "%s", line);
    return mail;
}

START_TEST(transports)
{
    const forge_mail_t *mail = parse("off");
    ck_assert(mail && !mail->directory && !mail->host);
    mail = parse("file:/var/mail from=Learn@Example.ORG");
    ck_assert_str_eq(mail->directory, "/var/mail");
    ck_assert_str_eq(mail->from, "Learn@example.org");
    const char *why, *named[] = {"file:/x", "from=Learn Ü <Learn@Example.ORG>"};
    mail = forge_net_mail_parse(P, 2, named, forge_core_mail_address, &why);
    ck_assert(mail && strcmp(mail->name, "Learn Ü") == 0 && strcmp(mail->from, "Learn@example.org") == 0);
    named[1] = "from=\"Learn\"<a@b.org>";
    mail = forge_net_mail_parse(P, 2, named, forge_core_mail_address, &why);
    ck_assert(mail && strcmp(mail->name, "Learn") == 0 && strcmp(mail->from, "a@b.org") == 0);
    static const char *const strange[] = {"from=<a@b.org>",        "from= <a@b.org>",     "from=a<b <a@b.org>",
                                          "from=a\r\nb <a@b.org>", "from=\xff <a@b.org>", "from=a <b>",
                                          "from=a\"b <a@b.org>",   "from=a <a@b.org",     "from=a <>"};
    for (size_t i = 0; i < sizeof(strange) / sizeof(*strange); i++) {
        named[1] = strange[i];
        ck_assert_msg(!forge_net_mail_parse(P, 2, named, forge_core_mail_address, &why), "%s", strange[i]);
    }
    mail = parse("smtp://mail.example.org");
    ck_assert(mail->port == 25 && !mail->tls && mail->starttls == FORGE_STARTTLS_REQUIRED);
    mail = parse("smtps://mail.example.org");
    ck_assert(mail->port == 465 && mail->tls);
    mail = parse("smtp://[2001:db8::1]:2525 starttls=off");
    ck_assert_str_eq(mail->host, "[2001:db8::1]");
    ck_assert(mail->port == 2525 && mail->starttls == FORGE_STARTTLS_OFF);
    ck_assert_int_eq(parse("smtp://127.0.0.1")->starttls, FORGE_STARTTLS_OFF);
    ck_assert_int_eq(parse("smtp://localhost")->starttls, FORGE_STARTTLS_OFF);
    ck_assert_int_eq(parse("smtp://127.evil.example")->starttls, FORGE_STARTTLS_REQUIRED);
    ck_assert_int_eq(parse("smtp://localhost.example.org")->starttls, FORGE_STARTTLS_REQUIRED);
    ck_assert_ptr_nonnull(parse("smtp://mail.example.org user=a password=b"));
    ck_assert_ptr_nonnull(parse("smtp://127.0.0.1 user=a password=b"));
    static const char *const bad[] = {"",
                                      "mail.example.org",
                                      "smtp://",
                                      "smtp://a/b",
                                      "smtp://a:x",
                                      "smtp://a:0",
                                      "smtp://a:65536",
                                      "smtp://u@a",
                                      "smtp://-a",
                                      "smtp://[::1",
                                      "smtp://a\r\nb",
                                      "smtp://a user=x",
                                      "smtp://a password=x",
                                      "smtp://a from=x",
                                      "smtp://a from=",
                                      "smtp://a starttls=maybe",
                                      "smtp://a ca=relative",
                                      "smtp://a starttls=off user=a password=b",
                                      "smtp://a starttls=optional user=a password=b",
                                      "smtp://127.evil.example starttls=off user=a password=b",
                                      "file:",
                                      "file:/x user=a",
                                      "off off"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(!parse(bad[i]), "%s", bad[i]);
    ck_assert_str_eq(forge_core_mail_from(P, "https://learn.example.org:8443/x"), "no-reply@learn.example.org");
    ck_assert_str_eq(forge_core_mail_from(P, "https://127.0.0.1:8443"), "no-reply@localhost");
    ck_assert_str_eq(forge_core_mail_from(P, "http://[::1]"), "no-reply@localhost");
}
END_TEST

Suite *forge_test_core_message(void)
{
    Suite *s = suite_create("core_message");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, headers);
    tcase_add_test(tc, injection);
    tcase_add_test(tc, subjects);
    tcase_add_test(tc, bodies);
    tcase_add_test(tc, letters);
    tcase_add_test(tc, letters_escape);
    tcase_add_test(tc, names_of_strangers_are_quoted_and_short);
    tcase_add_test(tc, transports);
    suite_add_tcase(s, tc);
    return s;
}
