/* SPDX-License-Identifier: Apache-2.0
 * /errors/{code}: what the type of a problem document leads to. Says what the code means and what to do (RFC 9457
 * §3.1.1).
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "api/shared.h"

#include <string.h>

#define PAGE_MAX 8192

/* What a client does about each status. */
static const struct {
    int http;
    const char *advice;
} remedies[] = {
    {400, "Correct the request before you send it again; the same one will fail again. The detail says what is wrong."},
    {401, "Log in, or renew the access token with the refresh token, and send the request again with the new token."},
    {403, "The account may not do this, and logging in again does not help. Use an account that may, or ask an "
          "administrator for the role."},
    {404, "Check the address. What belongs to others is told in the same way as what does not exist."},
    {405, "Use one of the methods in the Allow header of the answer."},
    {406, "Send an Accept header with a media type that this address has; application/json nearly always is one."},
    {408, "Send the request again, on a connection that is fast enough."},
    {409, "Read the present state, solve the conflict, then send the request again."},
    {410, "It will not come back. Ask for a new one, or drop the reference to it."},
    {411, "Send the body with a Content-Length header."},
    {412, "Read the resource again, apply the change to what you find, and send it with the new ETag in If-Match."},
    {413, "Send less in one request."},
    {414, "Shorten the address; put long values into the body."},
    {415, "Send the body in a media type that the Accept header of the answer names, uncompressed and in UTF-8."},
    {416, "Ask for a range that lies within the content, or for all of it."},
    {417, "Send the request without the Expect header."},
    {421, "Open a new connection for this host."},
    {422, "Correct every member that errors names; each has a pointer, a code and a sentence of its own."},
    {426, "Use the protocol that the Upgrade header of the answer names."},
    {429, "Wait for the seconds in Retry-After, then go on more slowly. RateLimit tells how many requests are left."},
    {431, "Send fewer or shorter headers; old cookies are often the reason."},
    {500, "Report it with the request_id of the answer. The request may be tried again later."},
    {501, "Use another way; this server cannot do this."},
    {502, "Try again later; the service behind this one must recover first."},
    {503, "Wait for the seconds in Retry-After, then send the request again."},
    {504, "Try again later, or ask for less at once."},
    {507, "Delete what is no longer needed, or ask an administrator for more room."},
};

static const char *remedy(int http)
{
    for (size_t i = 0; i < sizeof(remedies) / sizeof(*remedies); i++)
        if (remedies[i].http == http)
            return remedies[i].advice;
    return "See the detail of the answer.";
}

static const forge_error_t *find(const char *code)
{
    for (int i = FORGE_OK + 1; i < FORGE_E_COUNT; i++)
        if (strcmp(forge_util_error((forge_status_t)i)->code, code) == 0)
            return forge_util_error((forge_status_t)i);
    return NULL;
}

/* All texts come from our own tables, and a guard makes sure that none has a character that HTML would interpret. */
static void write_html(forge_buf_t *b, const forge_error_t *error)
{
    forge_util_buf_printf(
        b,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>%s</title></head>\n"
        "<body>\n<h1>%s</h1>\n<p>HTTP status %d, %s</p>\n",
        error->code, error->code, error->http, forge_util_reason(error->http));
    forge_util_buf_printf(b, "<h2>What it means</h2>\n<p>%s</p>\n<h2>What to do</h2>\n<p>%s</p>\n</body>\n</html>\n",
                          error->detail, remedy(error->http));
}

static forge_json_t *as_json(forge_req_t *q, const forge_error_t *error)
{
    forge_json_t *page = forge_util_json_object(q->pool);
    forge_util_json_put_text(page, "code", error->code);
    forge_util_json_put_int(page, "status", error->http);
    forge_util_json_put_text(page, "title", forge_util_reason(error->http));
    forge_util_json_put_text(page, "meaning", error->detail);
    forge_util_json_put_text(page, "remedy", remedy(error->http));
    return page;
}

static forge_status_t error_page(forge_req_t *q)
{
    const char *accept = forge_http_header(q, "Accept");
    const forge_error_t *error = find(q->tail);
    if (!error)
        return FORGE_E_NOT_FOUND;
    bool html = forge_core_accepts(accept, "text/html");
    if (!html && !forge_core_accepts(accept, "application/json"))
        return FORGE_E_NOT_ACCEPTABLE;
    forge_buf_t *b = forge_util_buf_make(q->pool, 1024, PAGE_MAX);
    if (html)
        write_html(b, error);
    else
        forge_util_json_write(b, as_json(q, error));
    forge_reply_header(q, "Vary", "Accept");
    FORGE_TRY(forge_reply_buf(q, b, html ? "text/html" : NULL));
    return forge_reply_etag_bytes(q, NULL);
}

#define PAGE (FORGE_R_OPEN | FORGE_R_RAW | FORGE_R_ROOT | FORGE_R_HIDDEN | FORGE_R_PUBLIC | FORGE_R_TAIL | FORGE_R_ETAG)

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/errors/{code}", FORGE_ROLE_NONE, .flags = PAGE, .part = FORGE_PART_ERRORS,
     .limit = FORGE_LIMIT_NONE, .handle = error_page, .media = "text/html|application/json",
     .operation = "error_page", .summary = "What an error code means",
     .description = "The page that the type of a problem document leads to. Open to anyone."},
};
/* clang-format on */

static const forge_tag_t tag = {"errors", "What the codes of problem documents mean."};
const forge_routes_t forge_api_errors = FORGE_API_ROUTES(routes, &tag);
