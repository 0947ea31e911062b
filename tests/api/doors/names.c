/* SPDX-License-Identifier: Apache-2.0
 * Names that only the module may use, FORGE_… and X-Forge-…: every reader that is documented for them hears the
 * truth or nothing, whatever headers a client sends (SPEC 17, SECURITY 61). site.c has the readers.
 */
#include "harness.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define ASK(method, path, ...) CALL(method, path, .port = PORT_DOORS, .lenient = true, __VA_ARGS__)
#define GET(path, ...)         ASK("GET", path, __VA_ARGS__)

static const char *const places[] = {"/readers", "/greeted", "/known"};
static const char *const pages[] = {"/echo.shtml", "/env", "/proxy"};

/* The name with every underscore replaced, in small letters if wanted, behind a prefix. */
static char *spelt(const char *prefix, const char *name, char separator, bool small)
{
    char *text = F("%s%s", prefix, name);
    for (char *c = text; *c; c++)
        *c = *c == '_' ? separator : small ? (char)tolower((unsigned char)*c) : *c;
    return text;
}

static const struct {
    const char *prefix;
    char separator;
    bool small;
} spellings[] = {{"", '_', false},
                 {"", '_', true},
                 {"", '-', false},
                 {"", '.', true},
                 {"REDIRECT_", '_', false},
                 {"redirect_redirect_", '-', true},
                 {"HTTP_", '_', false},
                 {"X_", '_', false},
                 {"X_", '-', true},
                 {"HTTP_X_", '_', false},
                 {"REDIRECT_HTTP_X_", '.', false}};
#define N_SPELLINGS (sizeof(spellings) / sizeof(*spellings))

/* One request that claims every variable at once in one spelling. */
static reply_t *forged(const char *path, size_t spelling, const char *token, port_t port)
{
    call_t options = {.port = port, .lenient = true, .token = token, .http2 = port == PORT_COOKIE};
    for (int i = 0; site_variables[i]; i++)
        options.headers[i] = F("%s: forged", spelt(spellings[spelling].prefix, site_variables[i],
                                                   spellings[spelling].separator, spellings[spelling].small));
    return call_with("GET", path, &options);
}

static void expect_unheard(const reply_t *reply, const char *path, size_t spelling)
{
    ck_assert_msg(reply->status == 200 && !strstr(reply->body, "forged") && !strstr(reply->head, "forged"),
                  "%s, spelling %zu: %d\n%s\n%s", path, spelling, reply->status, reply->head, reply->body);
}

/* What the log of the readers got from an offset on, once it has `lines` lines and `part`; a line comes after its
 * answer.
 */
static char *readers_log(long from, int lines, const char *part)
{
    char *log = F("%s", "");
    for (int i = 0, n = 0; i < 200 && (n < lines || !strstr(log, part)); i++) {
        pause_ms(20);
        log = file_read(F("%s/logs/readers.log", env.dir), from);
        n = 0;
        for (const char *c = log; *c; c++)
            n += *c == '\n';
    }
    return log;
}

static long readers_log_size(void)
{
    return file_size(F("%s/logs/readers.log", env.dir));
}

START_TEST(no_reader_hears_a_client)
{
    person_t ada = person("student");
    long from = readers_log_size();
    for (size_t s = 0; s < N_SPELLINGS; s++)
        for (int i = 0; i < 9; i++) {
            const char *path = F("%s%s", places[i / 3], pages[i % 3]), *token = i / 3 == 2 ? ada.access : NULL;
            expect_unheard(forged(path, s, token, PORT_DOORS), path, s);
            if (i % 3 == 2)
                expect_unheard(forged(path, s, token, PORT_COOKIE), path, s);
        }
    char *log = readers_log(from, 12 * (int)N_SPELLINGS, "/known/proxy");
    ck_assert_msg(strstr(log, "/known/env") && !strstr(log, "forged"), "%.2000s", log);
}
END_TEST

START_TEST(every_path_of_the_server_is_guarded)
{
    static const char *const paths[] = {"/open/page.txt", "/health/live", "/api/v1/courses", "/opencgi/env"};
    for (size_t s = 0; s < N_SPELLINGS; s++)
        for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
            expect_unheard(forged(paths[i], s, NULL, PORT_DOORS), paths[i], s);
}
END_TEST

/* The line of the reference: SetEnvIf looks for a header of that name before it looks for the variable. */
START_TEST(a_header_makes_nobody_an_administrator)
{
    person_t student = person("student"), admin = person("admin");
    expect_log("AH01630");
    for (size_t s = 0; s < N_SPELLINGS; s++) {
        const char *name = spelt(spellings[s].prefix, "FORGE_ROLE", spellings[s].separator, spellings[s].small);
        reply_t *refused = GET("/isadmin/page.txt", .token = student.access, .headers = {F("%s: admin", name)});
        ck_assert_msg(refused->status == 403, "%s: %d", name, refused->status);
        expect_silent(refused, "this is");
        refused = GET("/isadmin/page.txt", .headers = {F("%s: admin", name)});
        ck_assert_msg(refused->status == 401 || refused->status == 403, "%s: %d", name, refused->status);
        name = spelt(spellings[s].prefix, "FORGE_USER_ID", spellings[s].separator, spellings[s].small);
        refused = GET("/isanybody/page.txt", .headers = {F("%s: 1", name)});
        ck_assert_msg(refused->status == 401 || refused->status == 403, "%s: %d", name, refused->status);
    }
    expect_status(GET("/isadmin/page.txt", .token = admin.access), 200);
    expect_status(GET("/isadmin/page.txt", .token = admin.access, .headers = {"FORGE_ROLE: student"}), 200);
}
END_TEST

static const char *true_value(person_t who, const char *name)
{
    if (strcmp(name, "FORGE_USER_ID") == 0)
        return F("%lld", (long long)who.id);
    if (strcmp(name, "FORGE_USERNAME") == 0)
        return who.username;
    if (strcmp(name, "FORGE_EMAIL") == 0)
        return who.email;
    if (strcmp(name, "FORGE_ROLE") == 0)
        return "instructor";
    if (strcmp(name, "FORGE_SESSION") == 0)
        return sql("SELECT id FROM forge.sessions WHERE user_id = %lld", (long long)who.id);
    if (strcmp(name, "FORGE_ORGS") == 0)
        return "acme:member";
    return strcmp(name, "FORGE_AMR") == 0 ? "pwd" : NULL; /* NULL: this account has none */
}

/* What is forged is gone, and the truth is there all the same. */
START_TEST(every_reader_hears_the_truth)
{
    person_t ada = person_proven("instructor");
    member_of(ada, "acme", "member");
    sql("UPDATE forge.users SET email_verified = true WHERE id = %lld", (long long)ada.id);
    for (int place = 1; place < 3; place++) {
        long from = readers_log_size();
        reply_t *page = forged(F("%s/echo.shtml", places[place]), 0, ada.access, PORT_DOORS),
                *script = forged(F("%s/env", places[place]), 0, ada.access, PORT_DOORS),
                *end = forged(F("%s/proxy", places[place]), 0, ada.access, PORT_DOORS);
        char *log = readers_log(from, 3, F("%s/env %lld ", places[place], (long long)ada.id));
        for (int i = 0; site_variables[i]; i++) {
            const char *name = site_variables[i], *value = true_value(ada, name);
            if (!value)
                continue;
            expect_says(page, F("\n%s=%s;", name, value));
            expect_says(page, F("\nrewrite %s=%s;", name, value));
            expect_says(script, F("\n%s=%s\n", name, value));
            expect_says(script, F("\nSETENVIF_%s=%s\n", name, value));
            expect_says(script, F("\nSETENVIFEXPR_%s=%s\n", name, value));
            expect_says(end, F("\r\nX-Copy-%s: %s\r\n", name, value));
            ck_assert_str_eq(header(page, F("X-Env-%s", name)), value);
            ck_assert_str_eq(header(page, F("X-Expr-%s", name)), value);
            ck_assert_msg(strstr(log, F(" %s - ", value)), "%s\n%s", name, log);
        }
    }
}
END_TEST

/* Trailers come when the doors are long open; MergeTrailers makes headers of them. */
START_TEST(trailers_name_nobody)
{
    person_t ada = person("student");
    static const char *const paths[] = {"/known/proxy", "/known/env", "/known/echo.shtml"};
    for (int i = 0; i < 3; i++) {
        reply_t *reply = raw_text(
            PORT_DOORS, F("POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: "
                          "chunked\r\nConnection: close\r\n\r\n2\r\nab\r\n0\r\nFORGE_ROLE: forged\r\nX-Forge-User: "
                          "forged\r\nX_Forge_Role: forged\r\n\r\n",
                          paths[i], ada.access));
        ck_assert_msg(reply->status >= 200, "%s: %d", paths[i], reply->status);
        expect_silent(reply, "forged");
    }
}
END_TEST

Suite *suite_names(void)
{
    Suite *suite = suite_create("names");
    TCase *names = case_make(suite, "names");
    tcase_add_test(names, no_reader_hears_a_client);
    tcase_add_test(names, every_path_of_the_server_is_guarded);
    tcase_add_test(names, a_header_makes_nobody_an_administrator);
    tcase_add_test(names, every_reader_hears_the_truth);
    tcase_add_test(names, trailers_name_nobody);
    return suite;
}
