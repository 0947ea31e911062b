/* SPDX-License-Identifier: Apache-2.0
 * ForgeCookie: logins of browsers, the token against foreign forms, renewal, and what is never believed.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK(method, path, ...) CALL(method, path, .port = PORT_COOKIE, .lenient = true, __VA_ARGS__)
#define API(method, path, ...) CALL(method, path, .port = PORT_COOKIE, __VA_ARGS__)

/* What a browser keeps of a session. */
typedef struct browser_t {
    person_t who;
    const char *session, *csrf;
    char *cookies, *proof; /* header lines */
} browser_t;

/* The value of a cookie that the answer sets; NULL when it does not. */
static const char *cookie_set(const reply_t *reply, const char *name)
{
    const char *line = strstr(reply->head, F("\nSet-Cookie: %s=", name));
    if (!line)
        line = strstr(reply->head, F("\nset-cookie: %s=", name));
    return line ? F("%.*s", (int)strcspn(strchr(line, '=') + 1, ";\r"), strchr(line, '=') + 1) : NULL;
}

static const char *cookie_line(const reply_t *reply, const char *name)
{
    const char *line = strstr(reply->head, F("ookie: %s=", name));
    return line ? F("%.*s", (int)strcspn(line, "\r\n"), line) : "";
}

static browser_t browser_of(person_t who, const reply_t *reply)
{
    browser_t b = {.who = who,
                   .session = cookie_set(reply, "__Host-forge_session"),
                   .csrf = cookie_set(reply, "__Host-forge_csrf")};
    ck_assert_msg(b.session && b.csrf, "no cookies: %s", reply->head);
    b.cookies = F("Cookie: theme=dark; __Host-forge_session=%s; __Host-forge_csrf=%s", b.session, b.csrf);
    b.proof = F("X-CSRF-Token: %s", b.csrf);
    return b;
}

static reply_t *login(person_t who)
{
    return API("POST", "/api/v1/auth/login",
               .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", who.email, who.password));
}

static browser_t browser(const char *role)
{
    person_t who = person(role);
    return browser_of(who, login(who));
}

/* The same browser with another session cookie. */
static browser_t with_session(browser_t b, const char *token)
{
    b.session = token;
    b.cookies = F("Cookie: __Host-forge_session=%s", token);
    return b;
}

/* Its token as of `seconds` ago, ended for `ended` seconds. */
static browser_t aged(browser_t b, long ended)
{
    person_t who = b.who;
    who.access = b.session;
    json_int_t now = int_at(jwt_part(b.session, 1), "/iat");
    who.access = jwt_with(who, "exp", F("%lld", (long long)now - ended));
    who.access = jwt_with(who, "iat", F("%lld", (long long)now - ended - 900));
    return with_session(b, jwt_with(who, "nbf", F("%lld", (long long)now - ended - 900)));
}

/* A browser's session is as old as its login, however often its cookie was renewed. */
START_TEST(an_old_login_is_no_fresh_proof)
{
    browser_t b = browser("student");
    static const char *const calls[][2] = {{"/api/v1/auth/mfa/setup", "{}"},
                                           {"/api/v1/auth/api-keys", "{\"name\":\"k\",\"scopes\":[\"write\"]}"}};
    expect_status(API("POST", calls[0][0], .json = calls[0][1], .headers = {b.cookies, b.proof}), 200);
    sql("UPDATE forge.sessions SET created_at = now() - interval '6 minutes'");
    for (int i = 0; i < 2; i++) {
        reply_t *reply = API("POST", calls[i][0], .json = calls[i][1], .headers = {b.cookies, b.proof});
        expect_problem(reply, "insufficient_user_authentication");
        ck_assert_ptr_nonnull(strstr(header(reply, "WWW-Authenticate"), "max_age=\"300\""));
    }
    expect_status(
        API("POST", calls[0][0], .json = F("{\"password\":\"%s\"}", b.who.password), .headers = {b.cookies, b.proof}),
        200);
    expect_fault(
        API("PATCH", "/api/v1/users/me", .json = "{\"email\":\"thief@example.net\"}", .headers = {b.cookies, b.proof}),
        "/current_password", "required");
}
END_TEST

/* An access token lives a quarter of an hour, and no longer when it is sent as what it is not. */
START_TEST(an_ended_access_token_is_no_cookie)
{
    browser_t ada = browser("student"), eve = with_session(ada, ada.who.access);
    expect_status(API("GET", "/api/v1/auth/me", .headers = {eve.cookies}), 200);
    expect_status(API("GET", "/api/v1/auth/me", .headers = {aged(ada, 60).cookies}), 200);
    expect_problem(API("GET", "/api/v1/auth/me", .headers = {aged(eve, 60).cookies}), "invalid_token");
    expect_status(ASK("GET", "/closed/page.txt", .headers = {aged(eve, 60).cookies}), 401);
}
END_TEST

START_TEST(logins_set_cookies)
{
    person_t ada = person("student");
    reply_t *reply = login(ada);
    expect_status(reply, 200);
    const char *session = cookie_line(reply, "__Host-forge_session"), *csrf = cookie_line(reply, "__Host-forge_csrf");
    ck_assert_str_eq(text_at(jwt_part(cookie_set(reply, "__Host-forge_session"), 1), "/sid"),
                     text_at(jwt_part(text_at(reply->json, "/access_token"), 1), "/sid"));
    static const char *const marks[] = {"; Path=/", "; Secure", "; SameSite=Lax", "; Max-Age=604800"};
    for (int i = 0; i < 4; i++)
        ck_assert_msg(strstr(session, marks[i]) && strstr(csrf, marks[i]), "%s: %s %s", marks[i], session, csrf);
    ck_assert(strstr(session, "; HttpOnly") && !strstr(csrf, "HttpOnly") && !strstr(reply->head, "Domain="));
    ck_assert_int_eq(header_count(reply, "Set-Cookie"), 2);
    ck_assert_uint_eq(strlen(cookie_set(reply, "__Host-forge_csrf")), 43);
    reply_t *made = API("POST", "/api/v1/auth/register",
                        .json = "{\"email\":\"new@example.org\",\"password\":\"Vexing7-Walrus!Q\"}");
    expect_status(made, 201);
    ck_assert_ptr_nonnull(cookie_set(made, "__Host-forge_session"));
    reply_t *wrong =
        API("POST", "/api/v1/auth/login", .json = F("{\"email\":\"%s\",\"password\":\"Wrong7-Walrus!Q\"}", ada.email));
    expect_problem(wrong, "bad_credentials");
    ck_assert_int_eq(header_count(wrong, "Set-Cookie"), 0);
    reply_t *plain = CALL("POST", "/api/v1/auth/login", .port = PORT_TLS,
                          .json = F("{\"email\":\"%s\",\"password\":\"%s\"}", ada.email, ada.password));
    ck_assert_int_eq(header_count(plain, "Set-Cookie"), 0); /* ForgeCookie Off */
}
END_TEST

START_TEST(the_cookie_opens_api_and_doors)
{
    browser_t ada = browser("student");
    reply_t *me = API("GET", "/api/v1/auth/me", .headers = {ada.cookies});
    expect_status(me, 200);
    ck_assert_int_eq(int_at(me->json, "/id"), ada.who.id);
    ck_assert_int_eq(header_count(me, "Set-Cookie"), 0);
    reply_t *page = ASK("GET", "/closed/page.txt", .headers = {ada.cookies});
    expect_status(page, 200);
    ck_assert_str_eq(header(page, "Cache-Control"), "private");
    expect_status(ASK("GET", "/closed/page.txt"), 401);
    reply_t *script = ASK("GET", "/cgi/env", .headers = {ada.cookies});
    expect_status(script, 200);
    ck_assert(strstr(script->body, "\nHTTP_COOKIE=theme=dark\n") && !strstr(script->body, ada.session) &&
              !strstr(script->body, ada.csrf));
    reply_t *back = ASK("GET", "/proxy/x", .headers = {ada.cookies});
    expect_status(back, 200);
    ck_assert(strstr(back->body, "\r\nCookie: theme=dark\r\n") && strstr(back->body, "\r\nX-Forge-User: "));
    reply_t *list = API("GET", "/api/v1/courses", .headers = {ada.cookies});
    ck_assert(strstr(header(list, "Vary"), "Cookie") && strstr(header(list, "Cache-Control"), "private"));
    /* where it is Off, and where an Authorization header says something else */
    expect_problem(CALL("GET", "/api/v1/auth/me", .port = PORT_TLS, .headers = {ada.cookies}), "unauthenticated");
    expect_problem(API("GET", "/api/v1/auth/me", .headers = {ada.cookies}, .token = "x"), "invalid_token");
    expect_problem(API("GET", "/api/v1/auth/me", .headers = {ada.cookies, "Authorization: Basic YTpi"}),
                   "unauthenticated");
    expect_status(ASK("GET", "/closed/page.txt", .headers = {ada.cookies, "Authorization: Basic YTpi"}), 401);
}
END_TEST

START_TEST(writes_need_the_csrf_token)
{
    browser_t ada = browser("instructor"), eve = browser("instructor");
    static const char course[] = "{\"title\":\"By cookie\"}";
    const char *const wrong[] = {"X-CSRF-Token: x", eve.proof, "X-CSRF-Token;", F("%sx", ada.proof)};
    expect_problem(API("POST", "/api/v1/courses", .json = course, .headers = {ada.cookies}), "csrf_failed");
    expect_problem(
        API("POST", "/api/v1/courses", .json = course, .headers = {ada.cookies, "Sec-Fetch-Site: same-origin"}),
        "csrf_failed");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        expect_problem(API("POST", "/api/v1/courses", .json = course, .headers = {ada.cookies, wrong[i]}),
                       "csrf_failed");
    reply_t *made = API("POST", "/api/v1/courses", .json = course, .headers = {ada.cookies, ada.proof});
    expect_status(made, 201);
    const char *path = header(made, "Location");
    expect_problem(API("DELETE", path, .headers = {ada.cookies}), "csrf_failed");
    expect_problem(API("PATCH", path, .json = course, .headers = {ada.cookies, eve.proof}), "csrf_failed");
    expect_status(API("DELETE", path, .headers = {ada.cookies, ada.proof}), 204);
    expect_status(API("POST", "/api/v1/courses", .json = course, .token = ada.session),
                  201); /* no cookie, no forged form */
}
END_TEST

/* Forms of PHP cannot send headers: for content that is not the API's, the same origin will do. */
START_TEST(forms_of_the_same_origin_may_write_to_content)
{
    browser_t ada = browser("student");
    const char *own = F("Origin: https://127.0.0.1:%d", env.ports[PORT_COOKIE]);
    const struct {
        const char *first, *second;
        int wanted;
    } tries[] = {{NULL, NULL, 403},
                 {own, NULL, 200},
                 {"Sec-Fetch-Site: same-origin", NULL, 200},
                 {ada.proof, NULL, 200},
                 {"Origin: https://evil.example", NULL, 403},
                 {"Origin: null", NULL, 403},
                 {F("Origin: http://127.0.0.1:%d", env.ports[PORT_COOKIE]), NULL, 403},
                 {F("%s.evil.example", own), NULL, 403},
                 {"Sec-Fetch-Site: same-site", own, 403},
                 {"Sec-Fetch-Site: cross-site", own, 403},
                 {"Sec-Fetch-Site: none", NULL, 403}};
    for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
        reply_t *reply = ASK("POST", "/cgi/env", .json = "a=b", .type = "application/x-www-form-urlencoded",
                             .headers = {ada.cookies, tries[i].first, tries[i].second});
        ck_assert_msg(reply->status == tries[i].wanted, "%zu: %d, wanted %d", i, reply->status, tries[i].wanted);
    }
    expect_status(ASK("GET", "/closed/page.txt", .headers = {ada.cookies, "Sec-Fetch-Site: cross-site"}), 200);
    static const char *const upgrade[] = {"Connection: Upgrade", "Upgrade: websocket"};
    const char *const from[] = {"Origin: https://evil.example", own};
    for (int i = 0; i < 2; i++)
        expect_status(ASK("GET", "/proxy/x", .headers = {ada.cookies, upgrade[0], upgrade[1], from[i]}), i ? 200 : 403);
}
END_TEST

/* A foreign page must not log its visitor in to somebody's account; one's own form and programs may. */
START_TEST(foreign_forms_do_not_log_in)
{
    person_t ada = person("student");
    const char *form = F("username=%s&password=%s", ada.username, "Vexing7-Walrus%21Q");
    static const char type[] = "application/x-www-form-urlencoded";
    static const char *const foreign[] = {"Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site",
                                          "Sec-Fetch-Site: same-site"};
    for (int i = 0; i < 4; i++) {
        reply_t *reply = ASK("POST", "/api/v1/auth/login", .json = form, .type = type, .headers = {foreign[i]});
        expect_problem(reply, "csrf_failed");
        ck_assert_int_eq(header_count(reply, "Set-Cookie"), 0);
    }
    reply_t *own = API("POST", "/api/v1/auth/login", .json = form, .type = type,
                       .headers = {F("Origin: https://127.0.0.1:%d", env.ports[PORT_COOKIE])});
    expect_status(own, 200);
    ck_assert_int_eq(header_count(own, "Set-Cookie"), 2);
    expect_status(API("POST", "/api/v1/auth/login", .json = form, .type = type), 200);
    /* an old session does not stand in the way of a new login, whatever has become of it */
    browser_t old = browser_of(ada, own);
    expect_status(API("POST", "/api/v1/auth/login", .json = form, .type = type, .headers = {old.cookies}), 200);
    sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'logout'");
    expect_status(API("POST", "/api/v1/auth/login", .json = form, .type = type, .headers = {old.cookies}), 200);
    expect_status(API("GET", "/api/v1/courses", .headers = {with_session(old, "garbage").cookies}), 200);
}
END_TEST

/* A guest's session needs no body: a foreign page must not put it in the place of the visitor's own. */
START_TEST(foreign_pages_make_no_guests)
{
    static const char *const foreign[] = {"Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site",
                                          "Sec-Fetch-Site: same-site"};
    static const char *const types[] = {"application/x-www-form-urlencoded", "text/plain",
                                        "multipart/form-data; boundary=x", ""};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            reply_t *reply = ASK("POST", "/api/v1/auth/guest", .json = "", .type = types[j], .headers = {foreign[i]});
            ck_assert_msg(header_count(reply, "Set-Cookie") == 0, "%s %s: %s", foreign[i], types[j], reply->head);
            expect_problem(reply, "csrf_failed");
        }
    const char *own = F("Origin: https://127.0.0.1:%d", env.ports[PORT_COOKIE]);
    ck_assert_int_eq(header_count(API("POST", "/api/v1/auth/guest", .headers = {own}), "Set-Cookie"), 2);
    ck_assert_int_eq(header_count(API("POST", "/api/v1/auth/guest"), "Set-Cookie"), 2);
}
END_TEST

/* Content may call itself public; what renews somebody's session is nobody else's. */
START_TEST(cookies_are_not_cached)
{
    browser_t ada = browser("student"), old = aged(ada, 60);
    reply_t *kept = ASK("GET", "/proxy/shared", .headers = {ada.cookies}),
            *renewed = ASK("GET", "/proxy/shared", .headers = {old.cookies});
    ck_assert_str_eq(header(kept, "Cache-Control"), "public, max-age=60");
    ck_assert_int_eq(header_count(renewed, "Set-Cookie"), 2);
    ck_assert_msg(!strstr(header(renewed, "Cache-Control"), "public"), "%s", renewed->head);
    ck_assert_int_eq(header_count(renewed, "Cache-Control"), 1);
    reply_t *cleared = API("GET", "/api/v1/courses", .headers = {with_session(ada, F("%sx", ada.session)).cookies});
    expect_status(cleared, 200);
    ck_assert_int_eq(header_count(cleared, "Set-Cookie"), 2);
    ck_assert_msg(!strstr(header(cleared, "Cache-Control"), "public"), "%s", cleared->head);
}
END_TEST

START_TEST(garbage_is_not_believed)
{
    browser_t ada = browser("student"), eve = browser("student");
    char *huge = keep(calloc(1, 8000));
    memset(huge, 'A', 7999);
    expect_log("AH00561"); /* a header of more than 8190 bytes */
    const char *const bad[] = {"Cookie: __Host-forge_session=",
                               "Cookie: __Host-forge_session",
                               "Cookie: ;;;=;; __Host-forge_session=x; =",
                               F("Cookie: __Host-forge_session=%s; __Host-forge_session=%s", ada.session, eve.session),
                               F("Cookie: __Host-forge_session=%s; __Host-forge_session=%s", ada.session, ada.session),
                               F("Cookie: __host-forge_session=%s", ada.session),
                               F("Cookie: forge_session=%s", ada.session),
                               F("Cookie: x=1,__Host-forge_session=%s", ada.session),
                               F("Cookie: x__Host-forge_session=%s", ada.session),
                               F("Cookie: __Host-forge_session=%sx", ada.session),
                               F("Cookie: __Host-forge_session=\"%s\"", ada.session),
                               F("Cookie: __Host-forge_session=%s", ada.who.refresh),
                               F("Cookie: __Host-forge_session=%s", huge),
                               F("Cookie: __Host-forge_session=%s%s", huge, huge)};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        reply_t *page = ASK("GET", "/closed/page.txt", .headers = {bad[i]}),
                *me = ASK("GET", "/api/v1/auth/me", .headers = {bad[i]});
        ck_assert_msg(page->status == 401 || page->status == 400 || page->status == 431, "%zu: %d", i, page->status);
        ck_assert_msg(me->status == 401 || me->status == 400 || me->status == 431, "%zu: %d", i, me->status);
    }
}
END_TEST

START_TEST(an_ended_token_is_renewed_while_its_session_lives)
{
    browser_t ada = browser("student"), old = aged(ada, 60), older = aged(ada, 8 * 86400);
    sql("UPDATE forge.sessions SET last_seen_at = now() - interval '1 hour', expires_at = now() + interval '1 minute'");
    expect_problem(API("GET", "/api/v1/auth/me", .token = old.session), "invalid_token"); /* as a bearer it has ended */
    reply_t *me = API("GET", "/api/v1/auth/me", .headers = {old.cookies});
    expect_status(me, 200);
    browser_t fresh = browser_of(ada.who, me);
    ck_assert_str_ne(fresh.session, old.session);
    ck_assert_str_eq(fresh.csrf, ada.csrf);
    ck_assert_str_eq(sql("SELECT bool_and(last_seen_at > now() - interval '1 minute' AND expires_at > now() + interval "
                         "'6 days') FROM "
                         "forge.sessions WHERE id = %s",
                         text_at(jwt_part(ada.session, 1), "/sid")),
                     "t");
    reply_t *page = ASK("GET", "/closed/page.txt", .headers = {old.cookies});
    expect_status(page, 200);
    ck_assert_int_eq(header_count(page, "Set-Cookie"), 2);
    ck_assert_int_eq(header_count(ASK("GET", "/closed/page.txt", .headers = {fresh.cookies}), "Set-Cookie"), 0);
    ck_assert_int_eq(header_count(ASK("GET", "/proxy/x", .headers = {old.cookies}), "Set-Cookie"), 2);
    reply_t *write =
        API("POST", "/api/v1/courses", .json = "{\"title\":\"Late\"}", .headers = {old.cookies, old.proof});
    expect_status(write, 201);
    ck_assert_int_eq(header_count(write, "Set-Cookie"), 2);
    expect_problem(API("GET", "/api/v1/auth/me", .headers = {older.cookies}), "invalid_token");
    expect_problem(API("GET", "/api/v1/auth/me", .headers = {with_session(old, F("%sx", old.session)).cookies}),
                   "invalid_token");
    sql("UPDATE forge.sessions SET expires_at = now() - interval '1 second'");
    expect_problem(API("GET", "/api/v1/auth/me", .headers = {old.cookies}), "invalid_token");
}
END_TEST

START_TEST(an_ended_session_is_not_renewed)
{
    browser_t ada = browser("student"), old = aged(ada, 60);
    sql("UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'logout'");
    expect_status(ASK("GET", "/closed/page.txt", .headers = {ada.cookies}), 401);
    expect_status(ASK("GET", "/closed/page.txt", .headers = {old.cookies}), 401);
    reply_t *me = API("GET", "/api/v1/auth/me", .headers = {old.cookies});
    expect_problem(me, "invalid_token");
    ck_assert_str_eq(cookie_set(me, "__Host-forge_session"), ""); /* the browser forgets it */
    ck_assert_ptr_nonnull(strstr(cookie_line(me, "__Host-forge_session"), "Max-Age=0"));
    browser_t ben = browser("student"), before = aged(ben, 60);
    sql("UPDATE forge.users SET is_active = false");
    expect_status(ASK("GET", "/closed/page.txt", .headers = {before.cookies}), 401);
    expect_status(ASK("GET", "/closed/page.txt", .headers = {ben.cookies}), 401);
}
END_TEST

/* A change of role voids the tokens given before it, not the session: the next request has a new token, with the new
 * role. */
START_TEST(a_new_role_is_in_the_next_request)
{
    browser_t ada = browser("student"), old = aged(ada, 60);
    expect_log("AH01631");
    expect_status(ASK("GET", "/staff/page.txt", .headers = {ada.cookies}), 403);
    sql("UPDATE forge.users SET role = 'instructor' WHERE id = %lld", (long long)ada.who.id);
    reply_t *page = ASK("GET", "/staff/page.txt", .headers = {old.cookies});
    expect_status(page, 200);
    ck_assert_str_eq(text_at(jwt_part(cookie_set(page, "__Host-forge_session"), 1), "/role"), "instructor");
    sql("UPDATE forge.users SET role = 'student' WHERE id = %lld", (long long)ada.who.id);
    expect_status(ASK("GET", "/staff/page.txt", .headers = {old.cookies}), 403);
}
END_TEST

START_TEST(logout_clears_the_cookies)
{
    browser_t ada = browser("student");
    reply_t *reply = ASK("POST", "/api/v1/auth/logout", .headers = {ada.cookies, ada.proof});
    expect_status(reply, 204);
    ck_assert_str_eq(cookie_set(reply, "__Host-forge_session"), "");
    ck_assert_str_eq(cookie_set(reply, "__Host-forge_csrf"), "");
    expect_problem(API("GET", "/api/v1/auth/me", .headers = {ada.cookies}), "invalid_token");
    expect_status(ASK("GET", "/closed/page.txt", .headers = {ada.cookies}), 401);
}
END_TEST

START_TEST(ending_its_own_session_clears_the_cookies)
{
    browser_t ada = browser("student");
    char *other = F("/api/v1/auth/sessions/%s", text_at(jwt_part(ada.who.access, 1), "/sid"));
    reply_t *reply = API("DELETE", other, .headers = {ada.cookies, ada.proof});
    expect_status(reply, 204);
    ck_assert_int_eq(header_count(reply, "Set-Cookie"), 0); /* it is another one */
    reply = API("DELETE", F("/api/v1/auth/sessions/%s", text_at(jwt_part(ada.session, 1), "/sid")),
                .headers = {ada.cookies, ada.proof});
    expect_status(reply, 204);
    ck_assert_str_eq(cookie_set(reply, "__Host-forge_session"), "");
    expect_problem(API("GET", "/api/v1/auth/me", .headers = {ada.cookies}), "invalid_token");
}
END_TEST

/* The cookie says at once that a second factor was used. */
START_TEST(a_second_factor_is_in_the_next_cookie)
{
    browser_t ada = browser("student");
    reply_t *setup = API("POST", "/api/v1/auth/mfa/setup", .headers = {ada.cookies, ada.proof}, .json = "{}");
    expect_status(setup, 200);
    reply_t *reply = API("POST", "/api/v1/auth/mfa/verify", .headers = {ada.cookies, ada.proof},
                         .json = F("{\"code\":\"%s\"}", totp(text_at(setup->json, "/secret"), 0)));
    expect_status(reply, 200);
    const char *session = cookie_set(reply, "__Host-forge_session");
    ck_assert_ptr_nonnull(session);
    ck_assert_str_eq(text_at(jwt_part(session, 1), "/amr/1"), "otp");
    ck_assert_str_eq(text_at(jwt_part(session, 1), "/sid"), text_at(jwt_part(ada.session, 1), "/sid"));
    expect_status(API("GET", "/api/v1/auth/me", .headers = {with_session(ada, session).cookies}), 200);
}
END_TEST

Suite *suite_cookie(void)
{
    Suite *suite = suite_create("cookie");
    TCase *session = case_make(suite, "session");
    tcase_add_test(session, logins_set_cookies);
    tcase_add_test(session, an_ended_access_token_is_no_cookie);
    tcase_add_test(session, an_old_login_is_no_fresh_proof);
    tcase_add_test(session, the_cookie_opens_api_and_doors);
    tcase_add_test(session, garbage_is_not_believed);
    tcase_add_test(session, logout_clears_the_cookies);
    tcase_add_test(session, ending_its_own_session_clears_the_cookies);
    tcase_add_test(session, a_second_factor_is_in_the_next_cookie);
    TCase *csrf = case_make(suite, "csrf");
    tcase_add_test(csrf, writes_need_the_csrf_token);
    tcase_add_test(csrf, forms_of_the_same_origin_may_write_to_content);
    tcase_add_test(csrf, foreign_forms_do_not_log_in);
    tcase_add_test(csrf, foreign_pages_make_no_guests);
    TCase *renewal = case_make(suite, "renewal");
    tcase_add_test(renewal, cookies_are_not_cached);
    tcase_add_test(renewal, an_ended_token_is_renewed_while_its_session_lives);
    tcase_add_test(renewal, an_ended_session_is_not_renewed);
    tcase_add_test(renewal, a_new_role_is_in_the_next_request);
    return suite;
}
