/* SPDX-License-Identifier: Apache-2.0
 * Languages: what people read in problems and mails is in theirs, and codes are the same in all.
 */
#include "harness.h"

#include <string.h>

static const char bad[] = "{\"email\":\"a..b@example.org\",\"password\":\"ada\"}";

static reply_t *register_in(const char *language, const char *json)
{
    return CALL("POST", "/api/v1/auth/register", .json = json,
                .headers = {language ? F("Accept-Language: %s", language) : NULL});
}

static const char *fault_of(const reply_t *reply, const char *code)
{
    json_t *fault;
    size_t i;
    json_array_foreach(at(reply->json, "/errors"), i,
                       fault) if (strcmp(text_at(fault, "/code"), code) == 0) return text_at(fault, "/detail");
    ck_abort_msg("no fault %s: %s", code, reply->body);
    return NULL;
}

/* The language of the sentences, and that another client may get others. */
static void expect_language(const reply_t *reply, const char *languages)
{
    ck_assert_msg(header(reply, "Content-Language") != NULL, "%s", reply->head);
    ck_assert_str_eq(header(reply, "Content-Language"), languages);
    ck_assert_msg(header(reply, "Vary") && strstr(header(reply, "Vary"), "Accept-Language"), "%s", reply->head);
}

START_TEST(problems_speak)
{
    static const struct {
        const char *accepts, *tag, *detail, *local, *length;
    } cases[] = {
        {NULL, "en", "some members are not valid; see errors",
         "must be an e-mail address: a dot stands at the start, at the end or beside another",
         "must have at least 8 characters"},
        {"xx, *;q=0.1", "en", "some members are not valid; see errors",
         "must be an e-mail address: a dot stands at the start, at the end or beside another",
         "must have at least 8 characters"},
        {"de-AT,de;q=0.9,en;q=0.8", "de", "Einige Angaben sind ungültig; siehe errors",
         "muss eine E-Mail-Adresse sein: ein Punkt steht am Anfang, am Ende oder neben einem anderen",
         "muss mindestens 8 Zeichen haben"},
        {"fr", "fr", "Certaines données ne sont pas valides ; voyez errors",
         "doit être une adresse e-mail : un point se trouve au début, à la fin ou à côté d’un autre",
         "doit avoir au moins 8 caractères"},
        {"en;q=0.1, ES-mx", "es", "Algunos datos no son válidos; vea errors",
         "debe ser una dirección de correo: hay un punto al principio, al final o junto a otro",
         "debe tener al menos 8 caracteres"},
        {"tr-TR", "tr", "Bazı alanlar geçerli değil; errors bölümüne bakın",
         "bir e-posta adresi olmalıdır: başta, sonda veya başka bir noktanın yanında bir nokta var",
         "en az 8 karakter olmalıdır"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        reply_t *reply = register_in(cases[i].accepts, bad);
        expect_problem(reply, "validation_failed");
        ck_assert_str_eq(text_at(reply->json, "/title"), "Unprocessable Entity");
        ck_assert_str_eq(text_at(reply->json, "/detail"), cases[i].detail);
        ck_assert_str_eq(fault_of(reply, "format"), cases[i].local);
        ck_assert_str_eq(fault_of(reply, "too_short"), cases[i].length);
        expect_language(reply, cases[i].tag);
    }
    reply_t *reply = CALL("POST", "/api/v1/auth/login", .headers = {"Accept-Language: de"},
                          .json = "{\"username\":\"nobody_here\",\"password\":\"Vexing7-Walrus!Q\"}");
    expect_problem(reply, "bad_credentials");
    ck_assert_str_eq(text_at(reply->json, "/detail"), "Der Kontoname oder das Passwort ist falsch");
}
END_TEST

/* What has no translation stays English, and the answer says so. */
START_TEST(mixed_and_httpds_own)
{
    reply_t *reply =
        CALL("POST", "/api/v1/auth/login", .headers = {"Accept-Language: de"}, .json = "{\"username\":\"ada\",");
    expect_problem(reply, "bad_json");
    expect_language(reply, "en");
    reply = CALL("GET", "/api/v1/nothing", .headers = {"Accept-Language: tr"});
    expect_problem(reply, "not_found");
    ck_assert_str_eq(text_at(reply->json, "/detail"), "Bu adreste hiçbir şey yok");
    expect_language(reply, "tr");
    char huge[4001] = "Accept-Language: ";
    for (int i = (int)strlen(huge); i < 4000; i++)
        huge[i] = "de-x;q=0"[i % 8];
    reply = CALL("GET", "/api/v1/nothing", .headers = {huge});
    expect_problem(reply, "not_found");
    expect_language(reply, "en");
    expect_log("AH10244"); /* it is httpd that refuses this path */
    reply =
        raw_text(PORT_MAIN, "GET /api/v1/%zz HTTP/1.1\r\nHost: a\r\nAccept-Language: es\r\nConnection: close\r\n\r\n");
    ck_assert_msg(strstr(reply->head, "Content-Language: es\r\n") && strstr(reply->body, "La solicitud"), "%s%s",
                  reply->head, reply->body);
}
END_TEST

/* Advice on a password is a good answer; others say nothing of languages, and memory may answer them. */
START_TEST(only_what_is_worded_varies)
{
    reply_t *reply = CALL("POST", "/api/v1/auth/password/strength", .headers = {"Accept-Language: de"},
                          .json = "{\"password\":\"short\"}");
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/problems/0"), "too_short");
    ck_assert_str_eq(text_at(reply->json, "/suggestions/0"), "muss mindestens 8 Zeichen haben");
    expect_language(reply, "de");
    reply_t *plain = CALL("GET", "/api/v1/courses"), *german;
    for (int i = 0; i < 2; i++) {
        german = CALL("GET", "/api/v1/courses", .headers = {"Accept-Language: de"});
        expect_status(german, 200);
        ck_assert_str_eq(german->body, plain->body);
        ck_assert_pstr_eq(header(german, "ETag"), header(plain, "ETag"));
        ck_assert_pstr_eq(header(german, "Vary"), header(plain, "Vary"));
        ck_assert_ptr_null(header(german, "Content-Language"));
    }
}
END_TEST

/* The account takes the browser's language, and its mails are in it until it takes another one. */
START_TEST(mails_speak)
{
    reply_t *reply =
        register_in("de-AT,de;q=0.9,en;q=0.8", "{\"email\":\"anna@example.org\",\"password\":\"Vexing7-Walrus!Q\"}");
    expect_status(reply, 201);
    ck_assert_str_eq(text_at(reply->json, "/user/locale"), "de-AT");
    const char *token = text_at(reply->json, "/access_token");
    char *mail = mail_wait("anna@example.org", "=?UTF-8?B?QmVzdMOkdGlnZW4gU2llIElocmUgRS1NYWlsLUFkcmVzc2U=?=");
    ck_assert_msg(strstr(mail, "<html lang=3D\"de\">") && strstr(mail, "Guten Tag,"), "%s", mail);
    expect_status(CALL("POST", "/api/v1/auth/email/verify", .json = F("{\"token\":\"%s\"}", mail_token(mail))), 204);
    expect_status(CALL("PATCH", "/api/v1/users/me", .token = token, .json = "{\"locale\":\"es\"}"), 200);
    reply = CALL("POST", "/api/v1/auth/password/change", .token = token, .headers = {"Accept-Language: fr"},
                 .json = "{\"current_password\":\"Vexing7-Walrus!Q\",\"new_password\":\"Vexing8-Walrus!Q\"}");
    ck_assert_msg(reply->status == 200 || reply->status == 204, "%d %s", reply->status, reply->body);
    mail = mail_wait("anna@example.org", "=?UTF-8?B?U3UgY29udHJhc2XDsWEgaGEgY2FtYmlhZG8=?=");
    ck_assert_msg(strstr(mail, "<html lang=3D\"es\">") != NULL, "%s", mail);
    /* of an account without a language, the language of who asks */
    expect_status(CALL("PATCH", "/api/v1/users/me", .token = token, .json = "{\"locale\":null}"), 200);
    expect_status(CALL("POST", "/api/v1/auth/password/forgot", .headers = {"Accept-Language: tr"},
                       .json = "{\"email\":\"anna@example.org\"}"),
                  202);
    mail = mail_wait("anna@example.org", "=?UTF-8?B?UGFyb2xhbsSxesSxIHPEsWbEsXJsYXnEsW4=?=");
    ck_assert_msg(strstr(mail, "<html lang=3D\"tr\">") != NULL, "%s", mail);
}
END_TEST

START_TEST(locale_of_a_registration)
{
    static const struct {
        const char *accepts, *member, *locale;
    } cases[] = {
        {NULL, "", NULL},
        {"it", "", NULL},
        {"*", "", NULL},
        {"it, fr-ca;q=0.5", "", "fr-CA"},
        {"fr", ",\"locale\":\"tr-TR\"", "tr-TR"},
        {"fr", ",\"locale\":\"it\"", "it"},
        {"tr", ",\"locale\":null", "tr"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        reply_t *reply =
            register_in(cases[i].accepts, F("{\"email\":\"l%d@example.org\",\"password\":\"Vexing7-Walrus!Q\"%s}",
                                            (int)i, cases[i].member));
        expect_status(reply, 201);
        const char *locale = json_string_value(at(reply->json, "/user/locale"));
        ck_assert_pstr_eq(locale, cases[i].locale);
    }
    expect_fault(
        register_in("de", "{\"email\":\"m@example.org\",\"password\":\"Vexing7-Walrus!Q\",\"locale\":\"x_y\"}"),
        "/locale", "format");
    mail_wait("l5@example.org", "Confirm your e-mail address"); /* of a language that we do not have */
}
END_TEST

Suite *suite_languages(void)
{
    Suite *suite = suite_create("languages");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, problems_speak);
    tcase_add_test(all, mixed_and_httpds_own);
    tcase_add_test(all, only_what_is_worded_varies);
    tcase_add_test(all, mails_speak);
    tcase_add_test(all, locale_of_a_registration);
    return suite;
}
