/* SPDX-License-Identifier: Apache-2.0
 * What back ends learn about the visitor: X-Forge-* headers that only we can set, and no credentials (SECURITY 54, 61).
 */
#include "doors_private.h"
#include "core/wire/wire.h"

#include <httpd.h>
#include <http_config.h>
#include <apr_cstr.h>
#include <apr_strings.h>
#include <string.h>

/* --- what a client may not say --- */

/* Whether a name begins with the prefix for a reader that takes any case, and '_' and '.' for '-' (CGI and many back
 * ends do). NULL: it does not; else what follows the prefix. */
static const char *after(const char *name, const char *prefix)
{
    for (; *prefix; name++, prefix++)
        if (*prefix == '-' ? !*name || forge_util_is_alnum(*name) : forge_util_lower(*name) != *prefix)
            return NULL;
    return name;
}

/* Whether some reader could take this header for a variable of ours (FORGE_ROLE), for such a variable after a redirect
 * (REDIRECT_FORGE_ROLE), or for a header of ours (X-Forge-User) and its name in CGI (HTTP_X_FORGE_USER). */
static bool claims_to_be_ours(const char *name)
{
    for (const char *rest = name; rest; rest = after(name, "redirect-"))
        name = rest;
    const char *header = after(name, "http-");
    name = header ? header : name;
    return after(name, "forge-") || after(name, "x-forge-");
}

/* A proxy drops headers that Connection names (RFC 9110 §7.6.1). No client may remove ours in this way. */
static bool must_pass(const char *name)
{
    return claims_to_be_ours(name) || apr_cstr_casecmp(name, "X-Request-ID") == 0 ||
           apr_cstr_casecmp(name, "traceparent") == 0;
}

static void strip_connection(request_rec *r)
{
    const char *value = apr_table_get(r->headers_in, "Connection"), *kept = NULL;
    bool changed = false;
    char *state, *copy = apr_pstrdup(r->pool, value ? value : "");
    for (char *name = apr_strtok(copy, ", \t", &state); name; name = apr_strtok(NULL, ", \t", &state)) {
        if (must_pass(name))
            changed = true;
        else
            kept = kept ? apr_pstrcat(r->pool, kept, ", ", name, NULL) : name;
    }
    if (changed && kept)
        apr_table_setn(r->headers_in, "Connection", kept);
    else if (changed)
        apr_table_unset(r->headers_in, "Connection");
}

/* Removes every header whose name `bad` dislikes. */
static void strip(request_rec *r, bool (*bad)(const char *name))
{
    const apr_array_header_t *all = apr_table_elts(r->headers_in);
    const char **names = apr_palloc(r->pool, sizeof(*names) * (apr_size_t)(all->nelts + 1));
    int n = 0;
    for (int i = 0; i < all->nelts; i++)
        if (bad(APR_ARRAY_IDX(all, i, apr_table_entry_t).key))
            names[n++] = APR_ARRAY_IDX(all, i, apr_table_entry_t).key;
    while (n > 0)
        apr_table_unset(r->headers_in, names[--n]);
}

/* mod_setenvif and mod_rewrite look for a header before they look for a variable of the same name, so such headers go
 * before any other module sees the request. */
int forge_doors_forward_strip(request_rec *r)
{
    if (!forge_config_enabled(forge_config_of_server(r->server)))
        return DECLINED;
    strip(r, claims_to_be_ours);
    strip_connection(r);
    return DECLINED;
}

/* What only a proxy in front may say: who the client is and how it came (RFC 7239, and the names used before it). */
static bool tells_of_the_way(const char *name)
{
    static const char *const names[] = {"forwarded",   "x-forwarded", "forwarded-for",  "x-real-ip",
                                        "x-client-ip", "client-ip",   "true-client-ip", "x-cluster-client-ip"};
    if (after(name, "x-forwarded-"))
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *rest = after(name, names[i]);
        if (rest && !*rest)
            return true;
    }
    return false;
}

/* Whether mod_remoteip took the client's address from a header, which it does only for proxies that it trusts: the
 * address then lives as long as the request. With the PROXY protocol it lives as long as the connection, and the
 * headers are the client's own. */
static bool from_trusted_proxy(request_rec *r)
{
    while (r->main)
        r = r->main;
    return r->useragent_addr->pool == r->pool;
}

/* --- what is passed on --- */

/* Removes our cookies from the Cookie header and keeps the others. */
static void drop_cookies(request_rec *r)
{
    static const char prefix[] = "__Host-forge_";
    const char *value = apr_table_get(r->headers_in, "Cookie"), *others = NULL;
    if (!value || !strstr(value, prefix))
        return;
    char *state, *copy = apr_pstrdup(r->pool, value);
    for (char *pair = apr_strtok(copy, ";", &state); pair; pair = apr_strtok(NULL, ";", &state)) {
        pair += strspn(pair, " \t");
        if (*pair && strncmp(pair, prefix, strlen(prefix)) != 0)
            others = others ? apr_pstrcat(r->pool, others, "; ", pair, NULL) : pair;
    }
    forge_note_t *note = forge_server_note(r);
    if (!note->cookie)
        note->cookie = value;
    if (others)
        apr_table_setn(r->headers_in, "Cookie", others);
    else
        apr_table_unset(r->headers_in, "Cookie");
}

static void introduce(request_rec *r, const forge_visitor_t *visitor)
{
    apr_table_t *h = r->headers_in;
    apr_table_setn(h, "X-Forge-User", forge_util_itoa(r->pool, visitor->who.user_id));
    apr_table_setn(h, "X-Forge-Username", visitor->username);
    apr_table_setn(h, "X-Forge-Role", forge_core_role_name(visitor->who.role));
    if (visitor->who.session_id)
        apr_table_setn(h, "X-Forge-Session", forge_util_itoa(r->pool, visitor->who.session_id));
}

/* A bearer token that was shown for protected content was for this server, even if it was not accepted: an ended one,
 * or one that could not be checked, on a page that is open to all. */
static void drop_bearer(request_rec *r)
{
    const char *sent = apr_table_get(r->headers_in, "Authorization");
    if (!sent || apr_cstr_casecmpn(sent, "Bearer", 6) != 0)
        return;
    forge_server_note(r)->authorization = forge_server_authorization_as_sent(r);
    apr_table_unset(r->headers_in, "Authorization");
}

void forge_doors_forward(request_rec *r, const forge_visitor_t *visitor)
{
    if (forge_server_ours(r))
        return;
    drop_cookies(r);
    if (forge_doors_guarded(r))
        drop_bearer(r);
    if (!from_trusted_proxy(r))
        strip(r, tells_of_the_way);
    if (visitor)
        introduce(r, visitor);
    const forge_note_t *note = forge_server_identify(r);
    apr_table_setn(r->headers_in, "X-Request-ID", note->request_id);
    apr_table_setn(r->headers_in, "traceparent", forge_core_trace_header(r->pool, &note->trace));
}
