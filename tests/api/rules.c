/* SPDX-License-Identifier: Apache-2.0
 * What is true of every answer, whatever the request was (SPEC 1, SECURITY 10): checked by the client after each call.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    int status;
    const char *code;
} codes[] = {
#define FORGE_ERROR(name, http, code, detail) {http, code},
#include "errors.def"
#undef FORGE_ERROR
};

int rules_status_of(const char *code)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (strcmp(codes[i].code, code) == 0)
            return codes[i].status;
    return 0;
}

static bool is(const reply_t *reply, const char *name, const char *value)
{
    const char *sent = header(reply, name);
    return sent && strcmp(sent, value) == 0 && header_count(reply, name) == 1;
}

static bool request_id_good(const char *id)
{
    return id && *id && strlen(id) <= 128 &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(id);
}

/* default-src 'self'; the documentation pages may say more, but scripts stay their own. */
static bool policy_good(const char *path, const reply_t *reply)
{
    const char *policy = header(reply, "Content-Security-Policy");
    bool page = strncmp(path, "/docs", 5) == 0 || strncmp(path, "/redoc", 6) == 0 ||
                strncmp(path, "/api/docs", 9) == 0 || strncmp(path, "/api/redoc", 10) == 0;
    if (strncmp(path, "/api/v1/files/", 14) == 0 && strstr(path, "/content") && reply->status < 400)
        return is(reply, "Content-Security-Policy", "default-src 'none'; sandbox");
    if (!page || reply->status != 200)
        return is(reply, "Content-Security-Policy", "default-src 'self'");
    const char *scripts = policy ? strstr(policy, "script-src") : NULL;
    return policy &&
           (strncmp(policy, "default-src 'self'", 18) == 0 || strncmp(policy, "default-src 'none'", 18) == 0) &&
           !(scripts && memmem(scripts, strcspn(scripts, ";"), "unsafe", 6));
}

static const char *headers_wrong(const char *path, const call_t *options, const reply_t *reply)
{
    const char *server = header(reply, "Server");
    if (!is(reply, "X-Content-Type-Options", "nosniff"))
        return "X-Content-Type-Options: nosniff is missing or not alone";
    if (!is(reply, "X-Frame-Options", "DENY"))
        return "X-Frame-Options: DENY is missing or not alone";
    if (!is(reply, "X-XSS-Protection", "1; mode=block"))
        return "X-XSS-Protection: 1; mode=block is missing or not alone";
    if (!is(reply, "Referrer-Policy", "strict-origin-when-cross-origin"))
        return "Referrer-Policy is missing or not alone";
    if (options->port != PORT_STRICT && !policy_good(path, reply))
        return "Content-Security-Policy: default-src 'self' is missing or not alone";
    if (port_is_tls(options->port) != is(reply, "Strict-Transport-Security", "max-age=31536000; includeSubDomains"))
        return "Strict-Transport-Security must be there over TLS, and only there";
    if (!request_id_good(header(reply, "X-Request-ID")) || header_count(reply, "X-Request-ID") != 1)
        return "X-Request-ID is missing, twice or of other characters";
    if (server && strpbrk(server, "0123456789"))
        return "the Server header names a version";
    return header(reply, "X-Powered-By") ? "there is an X-Powered-By header" : NULL;
}

/* A body has a media type with a charset where it is text, and no body has none. */
static const char *body_wrong(const char *method, const reply_t *reply)
{
    const char *type = header(reply, "Content-Type");
    bool bodiless = reply->status == 204 || reply->status == 304 || strcmp(method, "HEAD") == 0;
    if (bodiless)
        return reply->length ? "there is a body where none may be" : NULL;
    if (!reply->length)
        return strcmp(method, "OPTIONS") ? "the body is empty" : NULL;
    if (!type)
        return "there is no Content-Type";
    if (strncmp(type, "text/", 5) == 0 && !strcasestr(type, "charset=utf-8") && !strcasestr(type, "version="))
        return F("text without a charset: %s", type);
    if ((strncmp(type, "application/json", 16) == 0 || strncmp(type, "application/problem+json", 24) == 0) &&
        !reply->json && !header(reply, "Content-Encoding"))
        return F("the body is no JSON: %.200s", reply->body);
    return NULL;
}

/* What no answer may show: SQL, paths, versions and names from inside. */
static const char *leak_of(const reply_t *reply)
{
    static const char *const marks[] = {
        "SELECT ",  "INSERT INTO", "UPDATE forge", "SQLSTATE",      "pg_",      "libpq",       "psql",
        "postgres", "/tmp/",       "/usr/",        "/root/",        "/etc/",    "Apache/2",    "mod_dbd",
        ".c:",      "forge_app",   "forge_owner",  "duplicate key", "violates", "relation \"", NULL};
    for (const char *const *mark = marks; *mark; mark++)
        if (strstr(reply->body, *mark))
            return *mark;
    return NULL;
}

/* A problem document's members (RFC 9457 and ours). */
static const char *problem_wrong(const char *path, const reply_t *reply)
{
    static const char *const members[] = {"type", "title", "code", "detail", "instance", "request_id", NULL};
    const char *type = header(reply, "Content-Type"), *leak;
    if (!type || strncmp(type, "application/problem+json", 24) || !json_is_object(reply->json))
        return F("an error that is no problem+json: %s: %.200s", type ? type : "-", reply->body);
    for (const char *const *member = members; *member; member++)
        if (!json_is_string(json_object_get(reply->json, *member)))
            return F("the problem has no %s: %.300s", *member, reply->body);
    const char *code = json_string_value(json_object_get(reply->json, "code")),
               *uri = json_string_value(json_object_get(reply->json, "type"));
    if (json_integer_value(json_object_get(reply->json, "status")) != reply->status ||
        rules_status_of(code) != reply->status)
        return F("code %s, its member status and the status %d do not belong together", code, reply->status);
    if (strlen(uri) < strlen(code) + 8 || strcmp(uri + strlen(uri) - strlen(code), code) || !strstr(uri, "/errors/"))
        return F("type %s does not end in /errors/%s", uri, code);
    if (strcmp(json_string_value(json_object_get(reply->json, "request_id")), header(reply, "X-Request-ID")))
        return "request_id differs from X-Request-ID";
    if (strncmp(json_string_value(json_object_get(reply->json, "instance")), path, 1))
        return "instance is no path";
    if ((leak = leak_of(reply)))
        return F("the problem shows \"%s\": %.300s", leak, reply->body);
    return NULL;
}

static const char *status_wrong(const reply_t *reply)
{
    const char *retry = header(reply, "Retry-After"), *challenge = header(reply, "WWW-Authenticate");
    if ((reply->status == 429 || reply->status == 503) && reply->json && json_object_get(reply->json, "code") &&
        (!retry || atoi(retry) < 1))
        return "429 or 503 without Retry-After";
    if (reply->status == 401 && (!challenge || strncmp(challenge, "Bearer", 6)))
        return "401 without WWW-Authenticate: Bearer";
    if (reply->status == 401 && strstr(challenge, "insufficient_user_authentication") &&
        !strstr(challenge, "acr_values=\"mfa\"") == !strstr(challenge, "max_age=\""))
        return "the challenge does not say whether a second factor or a new login is needed (RFC 9470)";
    if (reply->status == 405 && !header(reply, "Allow"))
        return "405 without Allow";
    if (reply->status == 415 && !header(reply, "Accept"))
        return "415 without Accept";
    if (reply->status == 201 && !header(reply, "Location"))
        return "201 without Location";
    if (reply->status == 500)
        return F("500: %.300s", reply->body);
    return NULL;
}

/* Secrets are never stored by caches and never compressed. */
static const char *tokens_wrong(const reply_t *reply)
{
    const char *cache = header(reply, "Cache-Control");
    if (!reply->json ||
        !(json_object_get(reply->json, "access_token") || json_object_get(reply->json, "refresh_token")))
        return NULL;
    if (!cache || !strstr(cache, "no-store"))
        return "tokens without Cache-Control: no-store";
    return header(reply, "Content-Encoding") ? "tokens in a compressed answer" : NULL;
}

void rules_check(const char *method, const char *path, const call_t *options, const reply_t *reply)
{
    bool health = strstr(path, "/health") != NULL && reply->status == 503;
    const char *wrong = headers_wrong(path, options, reply);
    wrong = wrong ? wrong : body_wrong(method, reply);
    wrong = wrong ? wrong : status_wrong(reply);
    wrong = wrong ? wrong : tokens_wrong(reply);
    if (!wrong && reply->status >= 400 && strcmp(method, "HEAD") && !health && !header(reply, "Content-Encoding"))
        wrong = problem_wrong(path, reply);
    wrong = wrong ? wrong : schema_check(method, path, reply);
    if (wrong)
        fail_later("%s %s -> %d: %s", method, path, reply->status, wrong);
}

/* --- what a test expects --- */

void expect_status_at(const char *file, int line, const reply_t *reply, int wanted)
{
    ck_assert_msg(reply->status == wanted, "%s:%d: wanted %d, got %d %.500s", file, line, wanted, reply->status,
                  reply->body);
}

void expect_problem_at(const char *file, int line, const reply_t *reply, const char *code)
{
    int wanted = rules_status_of(code);
    const char *got = json_string_value(json_object_get(reply->json, "code"));
    ck_assert_msg(wanted != 0, "%s:%d: errors.def has no code %s", file, line, code);
    ck_assert_msg(reply->status == wanted && got && strcmp(got, code) == 0, "%s:%d: wanted %d %s, got %d %.500s", file,
                  line, wanted, code, reply->status, reply->body);
}

void expect_fault(const reply_t *reply, const char *pointer, const char *code)
{
    size_t i;
    json_t *fault, *faults = at(reply->json, "/errors");
    json_array_foreach(faults, i, fault)
    {
        if (strcmp(text_at(fault, "/pointer"), pointer) == 0 && (!code || strcmp(text_at(fault, "/code"), code) == 0))
            return;
    }
    ck_abort_msg("no fault %s at %s: %.600s", code ? code : "", pointer, reply->body);
}

void expect_served(const char *path, const char *token)
{
    int good = 0;
    for (int i = 0; i < 100 && good < 30; i++) {
        good = CALL("GET", path, .token = token, .headers = {"Connection: close"})->status == 200 ? good + 1 : 0;
        pause_ms(50);
    }
    ck_assert_msg(good == 30, "%s is not served again by every child after 5 s", path);
}
