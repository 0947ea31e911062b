/* SPDX-License-Identifier: Apache-2.0
 * Cross-origin requests (Fetch Standard, CORS protocol): exact origins only, never "*".
 */
#include "http_private.h"

#include <apr_strings.h>
#include <httpd.h>
#include <string.h>

#define MAX_AGE "7200" /* seconds; more is ignored by browsers */
#define ALLOW_HEADERS \
    "Accept, Accept-Language, Authorization, Content-Language, Content-Type, Idempotency-Key, If-Match, " \
    "If-None-Match, Last-Event-ID, X-CSRF-Token, X-Request-ID, X-Requested-With, traceparent, tracestate"
#define EXPOSE_HEADERS \
    "Link, ETag, Location, RateLimit, RateLimit-Policy, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, " \
    "Retry-After, X-Request-ID, X-Total-Count, Idempotent-Replayed"

/* A preflight is answered by forge_http_cors_preflight alone, once the path's methods are known. */
static const char *preflight_method(request_rec *r)
{
    return strcmp(r->method, "OPTIONS") == 0 ? apr_table_get(r->headers_in, "Access-Control-Request-Method") : NULL;
}

/* The origin of the caller when it is one of ours; NULL otherwise, also for "null". */
static const char *allowed_origin(request_rec *r, const forge_config_t *c)
{
    const char *origin = apr_table_get(r->headers_in, "Origin");
    return origin && forge_config_origin_allowed(c, origin) ? origin : NULL;
}

static void grant(request_rec *r, const char *origin)
{
    apr_table_setn(r->err_headers_out, "Access-Control-Allow-Origin", origin);
    apr_table_setn(r->err_headers_out, "Access-Control-Allow-Credentials", "true");
}

void forge_http_cors_set(request_rec *r, const forge_config_t *c)
{
    const char *vary = apr_table_get(r->err_headers_out, "Vary"), *origin;
    if (!forge_config_has_origins(c))
        return;
    if (!vary || !ap_find_token(r->pool, vary, "Origin"))
        apr_table_mergen(r->err_headers_out, "Vary", "Origin");
    origin = r->method && !preflight_method(r) ? allowed_origin(r, c) : NULL;
    if (!origin)
        return;
    grant(r, origin);
    apr_table_setn(r->err_headers_out, "Access-Control-Expose-Headers", EXPOSE_HEADERS);
}

/* Methods compare with their case (RFC 9110 §9.1). */
static bool listed(const char *list, const char *method)
{
    apr_size_t len = strlen(method);
    while (len && list && *list) {
        apr_size_t word = strcspn(list, ", ");
        if (word == len && strncmp(list, method, len) == 0)
            return true;
        list += word;
        list += strspn(list, ", ");
    }
    return false;
}

bool forge_http_cors_preflight(request_rec *r, const forge_config_t *c, const char *allow)
{
    const char *method = preflight_method(r);
    const char *origin = method ? allowed_origin(r, c) : NULL;
    if (!origin || !listed(allow, method))
        return false;
    grant(r, origin);
    apr_table_setn(r->err_headers_out, "Access-Control-Allow-Methods", allow);
    apr_table_setn(r->err_headers_out, "Access-Control-Allow-Headers", ALLOW_HEADERS);
    apr_table_setn(r->err_headers_out, "Access-Control-Max-Age", MAX_AGE);
    return true;
}
